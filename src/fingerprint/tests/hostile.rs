//! Submissions that mean harm.

use super::*;

#[test]
fn any_bytes_have_a_kind() {
    let junk: Vec<u8> = (0..=255u8).cycle().take(5 << 20).collect();
    let texts = Texts {
        name: &junk[..4000],
        comment: &junk,
        script: &junk,
        arguments: vec![&junk, b"", &junk],
        work_dir: Some(&junk),
        ..Texts::default()
    };
    assert!(Kind::of(0, &texts, Layout::SINGLE).command.is_some());
}

/// Marks cut short, quotes and brackets that never close, slashes and dots in a row: nothing panics, and what
/// is cut at any byte is still read.
#[test]
fn hostile_texts_are_read_to_their_end() {
    let hostile: [&[u8]; 14] = [
        b"--allowed-rules",
        b"x --allowed-rules --snakefile",
        b"--allowed-rules '''\"\" \xff\xfe --snakefile '",
        b"a\n# NEXTFLOW TASK: ",
        b"a\n### name: '",
        b"a\n### name: ''",
        b"((((((((",
        b"))))]]]]x_(",
        b"////....////..//.",
        b"tmp.",
        b"tmp.aaaaaa/tmp\xff12345678",
        b"\0\0\0-\0/\0.\0",
        b"6b0d7a52-3c1e-4f7a-9d24-7f1b0c5e8a9",
        b"1e1e1e1e_-.+%~_-.+%~\x80\xff1\x801",
    ];
    for text in hostile {
        for end in 0..=text.len() {
            let texts = Texts {
                name: &text[..end],
                comment: &text[..end],
                script: &text[..end],
                arguments: vec![&text[..end]; 3],
                work_dir: Some(&text[..end]),
                ..Texts::default()
            };
            let kind = Kind::of(0, &texts, Layout::SINGLE);
            assert!(kind.command.is_some() && kind.script.is_some());
            assert_eq!(kind, Kind::of(0, &texts, Layout::SINGLE));
        }
    }
}

/// Inputs that would take minutes if any of what reads them took more than linear time.
#[test]
fn hostile_lines_are_read_in_linear_time() {
    for text in [
        "-",
        "seed=",
        "--seed a ",
        "SAMPLE=a ",
        "--",
        " --",
        "seed=$",
        "a=",
        "MODEL=a1 ",
        "--model ",
        "/",
        "train.py ",
        "/train.py",
        "a7b_",
        "SAMPLE='",
        "a_7b_",
        "tmp_",
        "tmp.",
        "tmp",
        "7b",
        "--model a7b_tmp_",
        "$A ",
        "$A;",
        "A=$A;",
        "$A\n",
        "read A ",
        "A=$B;B=$A;$A;",
        "$(",
        "`",
        "f() { ",
        "} ",
        "bash \"",
        "bash -",
        "${",
        "\\\n",
        "TARGET-",
        "TCGA-A",
        "NC_",
        "NC_1_",
        "a:7b:",
        "ID:",
        " SM:a",
        "X:1",
        " -L X",
        "-r ",
        "7b.yaml-",
        "a-7b.gguf ",
        "./a.out ",
        "./a.out;",
        "./main/",
        "a/main;",
        "./2d-2d.out;",
        "$PWD/;",
        "nextflow run ;",
        "cargo ",
        "java -cp ",
        "case $1 in ",
        "case $A in a;",
        "[ $A = a ];",
        "make $A;",
        "orca $A <",
        "g16 <a.com;",
        ". $1;",
        "crew_worker(",
        "doJobCollection(\"/",
    ] {
        let long = text.repeat((64 << 10) / text.len());
        for line in [long.clone(), format!("{long}$"), format!("x {long}")] {
            let _whatever_it_is = (shown(&line), job("a", "", &line, &[&line], &line));
        }
    }
}

/// The folder in which a job starts comes as its submitter wrote it, and is cut by nobody before.
#[test]
fn of_a_folder_only_so_much_is_read() {
    for text in ["a_7b_", "tmp_", "/", "7", "a", "/a", "a7b_/", "/model"] {
        let folder = text.repeat((8 << 20) / text.len());
        for script in ["make all", "./main.sh", "python train.py"] {
            let one = job("a", "", script, &[script], &folder);
            let longer = format!("{folder}{}", text.repeat(100));
            assert_eq!(one, job("a", "", script, &[script], &longer), "{text}");
        }
    }
}
