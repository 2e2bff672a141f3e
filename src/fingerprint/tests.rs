//! What is one kind of job and what is two, as tables.

use super::*;

fn job(name: &str, comment: &str, script: &str, arguments: &[&str], work_dir: &str) -> Kind {
    let texts = Texts {
        name: name.as_bytes(),
        comment: comment.as_bytes(),
        script: script.as_bytes(),
        arguments: arguments.iter().map(|a| a.as_bytes()).collect(),
        work_dir: Some(work_dir.as_bytes()),
        ..Texts::default()
    };
    Kind::of(1000, &texts, Layout::SINGLE)
}

fn kind(script: &str, arguments: &[&str]) -> Kind {
    job("job.sh", "", script, arguments, "/home/alice")
}

/// What `sbatch --wrap` makes of a command.
fn wrapped(command: &str) -> String {
    format!("#!/bin/sh\n# This script was created by sbatch --wrap.\n\n{command}\n")
}

fn shown(text: &str) -> String {
    let mut out = Vec::new();
    push_arguments(&[text.as_bytes()], &mut out);
    String::from_utf8(out).unwrap().trim_end().to_owned()
}

/// Name and comment as far as they say something.
fn said(name: &str, comment: &str) -> String {
    let mut out = Vec::new();
    push_name(name.as_bytes(), &mut out);
    out.push(b'|');
    push_comment(comment.as_bytes(), &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn arguments_keep_what_is_a_name_and_lose_what_varies() {
    for (argument, form) in [
        // Programs, options, data files.
        (
            "bwa mem -t8 /data/v37/ref.fa /scratch/NA12878_1.fastq.gz",
            "bwa mem -t# *.fa *.fastq.gz",
        ),
        ("python3 /home/a/train.py data.h5", "python# train.py *.h#"),
        (
            "/opt/conda/envs/S1/bin/python3.12 -m torch.nn_run",
            "python# -m torch.nn_run",
        ),
        ("module load samtools/1.17", "module load #/samtools"),
        (
            "S01.liver.sorted.bam S01.vcf.gz .bashrc",
            "*.bam *.vcf.gz .bashrc",
        ),
        ("java -Xmx7g -jar picard.jar", "java -Xmx#g -jar picard.jar"),
        // Numbers, dates, versions.
        ("solve --tol=1e-9 42 1.5 -7", "solve --tol=# # # #"),
        (
            "2023-09-11 20230911 11Sep2023 2023-sep-11 20230911T120000Z",
            "# # # # #",
        ),
        ("v1.2.3 fit-0.11.9", "# fit-#"),
        // Hashes, UUIDs, temporary files.
        ("out-3f2a9c1b7d 0f3c1d9e deadbeef1", "out-# # #"),
        ("6b0d7a52-abcd-4f7a-9d24-7f1b0c5e8a91", "#"),
        ("wf_6b0d7a52_abcd_4f7a_9d24_7f1b0c5e8a91_end", "wf_#_end"),
        (
            "/x/.snakemake/tmp.k63vlaie tmp.QWertYuiOp tmpk63v_aie tmpqwertyui.py",
            "#/x # # #.py",
        ),
        (
            "tmp_align.sh template.txt tmp.bam",
            "tmp_align.sh *.txt *.bam",
        ),
        // Samples: numbers and codes, side by side or alone.
        ("S1 S12 NA12878 HG001 hg38 A7", "# # # # # #"),
        ("sub-01_ses-02 S01_R1_001", "sub-#_ses-# #"),
        ("20230911p27w03s24 ENCFF123ABC k63vlaie", "# # #"),
        // Names that have a digit.
        (
            "bowtie2 fastq2bam word2vec chr1 gatk4",
            "bowtie# fastq#bam word#vec chr# gatk#",
        ),
        ("10ms 16S 2nd 64GB", "#ms #S #nd #GB"),
        // Folders of scripts and data.
        (
            "/proj/align/run.sh /proj/align/v2/scripts/run.sh",
            "run.sh/align run.sh/align",
        ),
        (
            "/data/run2/reads/S01 /data/run7/reads/S02",
            "#/reads #/reads",
        ),
        (
            "/cromwell/wf/call-X/shard-3/attempt-2/execution",
            "execution/call-X",
        ),
        ("/ // ./ ../..", "  . .."),
    ] {
        assert_eq!(shown(argument), form, "{argument}");
    }
}

#[test]
fn names_and_comments_that_say_nothing_are_none() {
    let uuid = "6b0d7a52-3c1e-4f7a-9d24-7f1b0c5e8a91";
    for (name, comment, form) in [
        ("", "", "|"),
        ("wrap", "", "|"),
        ("sbatch", "", "|"),
        ("bash", "", "|"),
        ("job.sh", "", "|"),
        ("my_job_12", "", "|"),
        ("run-2023-09-11", "", "|"),
        ("submitit", "", "|"),
        ("dask-worker", "", "|"),
        ("parsl.htex.block-3.1700000000.1234567", "", "|"),
        ("hq-alloc-4", "", "|"),
        ("S01", "", "|"),
        ("0f3c1d9e", "", "|"),
        (uuid, "", "|"),
        (&format!("rnaseq_{uuid}"), "", "|"),
        (uuid, "rule_align_wildcards_liver", "|rule_align"),
        (uuid, "rule_merge", "|rule_merge"),
        (uuid, uuid, "|"),
        ("align_17", "17", "align_#|"),
        ("qcreport_1700243_20230911p27w03s24", "", "qcreport_#|"),
        ("qcreport-17-20230911p27w03s24", "", "qcreport-#|"),
        ("cromwell_0f3c1d9e_AlignReads", "", "cromwell_#_AlignReads|"),
        ("nf-QC_FASTQC_(S1)", "", "nf-QC_FASTQC|"),
        ("nf-QC_FASTQC_(S1 (rerun)_lane)", "", "nf-QC_FASTQC|"),
        ("g812_fastqc_alice", "", "#_fastqc_alice|"),
        ("snakejob.align.12.sh", "", "snakejob.align.#.sh|"),
        (&format!("{uuid}_align"), "", "#_align|"),
        (
            "joba",
            "training of the small net",
            "joba|training of the small net",
        ),
    ] {
        assert_eq!(said(name, comment), form, "{name} {comment}");
    }
}

const SNAKEFILE: &str = "--snakefile '/proj/wf/Snakefile'";

fn snakemake(rules: &str, jobs: &str, run: &str) -> Kind {
    let script = wrapped(&format!(
        "/opt/conda/bin/python3.12 -m snakemake {SNAKEFILE} --target-jobs {jobs} --allowed-rules {rules} \
         --cores 'all' --wait-for-files '/data/{run}/.snakemake/tmp.{run}laie' '/data/{run}/in.txt' --force"
    ));
    job(
        "e3a94c17-88d2-4b60-a5f3-02d9c7b1f64e",
        "",
        &script,
        &[],
        "/data",
    )
}

fn nextflow(marker: &str, name: &str, inputs: &str) -> Kind {
    let script = format!(
        "#!/bin/bash\n#SBATCH -J {name}\n{marker}\nset -e\nnxf_launch() {{\n    /bin/bash -ue \
         /work/3f/8a1b2c3d4e5f60718293a4b5c6d7e8/.command.sh\n}}\nnxf_stage() {{\n{inputs}}}\nnxf_main\n"
    );
    job(
        name,
        "",
        &script,
        &[],
        "/work/3f/8a1b2c3d4e5f60718293a4b5c6d7e8",
    )
}

fn galaxy(number: u32, tool: &str) -> Kind {
    let script = format!(
        "#!/bin/sh\ncd /srv/galaxy/jobs/000/{number}\n/bin/bash /srv/galaxy/jobs/000/{number}/tool_script.sh\n"
    );
    job(
        &format!("g{number}_{tool}_bob"),
        "",
        &script,
        &[],
        "/srv/galaxy/jobs",
    )
}

fn cromwell(workflow: &str, call: &str) -> Kind {
    let script = wrapped(&format!(
        "/bin/bash /scratch/cromwell-executions/germline/{workflow}-5a77-4b1c-9a33-7b1f5d0c2e11/call-{call}/execution/script"
    ));
    job(
        &format!("cromwell_{workflow}_{call}"),
        "",
        &script,
        &[],
        "/scratch",
    )
}

fn submitit(folder: &str) -> Kind {
    let script = format!(
        "#!/bin/bash\n#SBATCH --job-name=submitit\nexport SUBMITIT_EXECUTOR=slurm\nsrun --output {folder}/%j_%t_log.out \
         /opt/conda/bin/python -u -m submitit.core._submit {folder}\n"
    );
    job("submitit", "", &script, &[], "/home/alice")
}

fn wrap(command: &str) -> Kind {
    job("wrap", "", &wrapped(command), &[], "/home/alice/study")
}

fn wrap_in(command: &str, work_dir: &str) -> Kind {
    job("wrap", "", &wrapped(command), &[], work_dir)
}

/// Equal at every level.
#[test]
fn these_two_share_their_keys() {
    for (number, (one, other)) in [
        (
            wrap("fastqc liver.fastq.gz -o out"),
            wrap("fastqc brain.fastq.gz -o out"),
        ),
        (
            wrap("./fit /data/liver.spec"),
            wrap("./fit /data/brain.spec"),
        ),
        (
            snakemake("align", "'align:sample=S01'", "k63v"),
            snakemake("align", "'align:sample=liver'", "q0w9"),
        ),
        (
            snakemake("sort align", "'a:x=1'", "k63v"),
            snakemake("align sort", "'a:x=2' 'b:x=2'", "q0w9"),
        ),
        (
            nextflow(
                "# NEXTFLOW TASK: QC:FASTQC (S1)",
                "nf-QC_FASTQC_(S1)",
                "ln -s /in/S1.bam S1.bam\n",
            ),
            nextflow(
                "# NEXTFLOW TASK: QC:FASTQC (liver)",
                "nf-QC_FASTQC_(liver)",
                "ln -s a.bam a\nln -s b.bam b\n",
            ),
        ),
        (
            nextflow("### name: 'QC:FASTQC (S1)'", "nf-QC_FASTQC_(S1)", ""),
            nextflow("### name: 'QC:FASTQC (S2)'", "nf-QC_FASTQC_(S2)", ""),
        ),
        (
            nextflow("", "nf-FASTQC_(S1)", ""),
            nextflow("", "nf-FASTQC_(S2)", ""),
        ),
        (galaxy(812, "fastqc"), galaxy(9_999, "fastqc")),
        (
            cromwell("0f3c1d9e", "AlignReads"),
            cromwell("9b8d7c6e", "AlignReads"),
        ),
        (
            submitit("/scratch/u/featurize/20231101"),
            submitit("/scratch/u/featurize/20231102"),
        ),
        (
            wrap("bash /proj/S01/align/run.sh"),
            wrap("bash /proj/S02/align/run.sh"),
        ),
        (wrap("make S01.bam"), wrap("make S02.bam")),
        (
            wrap_in("./run.sh", "/scratch/case_01"),
            wrap_in("./run.sh", "/scratch/case_02"),
        ),
        (
            kind("#!/bin/sh\n./solve $1\n", &["S01"]),
            kind("#!/bin/sh\n./solve $1\n", &["NA12878"]),
        ),
        (
            kind("#!/bin/sh\n#SBATCH --mem=1G\nbwa mem x.fa\n", &[]),
            kind(
                "#!/bin/sh\n#SBATCH --mem=64G\n\n  # better\n  bwa mem y.fa\n",
                &[],
            ),
        ),
        (
            job("align_1", "rule_a_wildcards_x", "x", &[], "/"),
            job("align_2", "rule_a_wildcards_y", "x", &[], "/"),
        ),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(one, other, "pair {number}");
    }
}

/// Different at every level there is.
#[test]
fn these_two_share_no_key() {
    for (number, (one, other)) in [
        (
            snakemake("align", "'align:sample=S01'", "k63v"),
            snakemake("merge", "'merge:sample=S01'", "k63v"),
        ),
        (
            nextflow("# NEXTFLOW TASK: QC:FASTQC (S1)", "nf-QC_FASTQC_(S1)", ""),
            nextflow("# NEXTFLOW TASK: DEDUP:MARK (S1)", "nf-DEDUP_MARK_(S1)", ""),
        ),
        (
            nextflow("", "nf-FASTQC_(S1)", ""),
            nextflow("", "nf-MARK_(S1)", ""),
        ),
        (galaxy(812, "fastqc"), galaxy(813, "spades")),
        (
            cromwell("0f3c1d9e", "AlignReads"),
            cromwell("0f3c1d9e", "JointGenotype"),
        ),
        (
            submitit("/scratch/u/featurize"),
            submitit("/scratch/u/train_big"),
        ),
        (
            submitit("/scratch/u/featurize/%j"),
            submitit("/scratch/u/train_big/%j"),
        ),
        (
            wrap("bash /proj/align/run.sh"),
            wrap("bash /proj/assembly/run.sh"),
        ),
        (
            wrap("bash /proj/align/hg38/run.sh"),
            wrap("bash /proj/assembly/hg38/run.sh"),
        ),
        (
            wrap("cd /proj/align && ./run.sh"),
            wrap("cd /proj/assembly && ./run.sh"),
        ),
        (
            wrap_in("./run.sh", "/proj/align"),
            wrap_in("./run.sh", "/proj/assembly"),
        ),
        (
            wrap_in("make -j8 all", "/proj/align"),
            wrap_in("make -j8 all", "/proj/assembly"),
        ),
        (wrap("make -C /proj/align"), wrap("make -C /proj/assembly")),
        (
            wrap("python3 -m align.run S01"),
            wrap("python3 -m assembly.run S01"),
        ),
        (wrap("python -m unet.train"), wrap("python -m bert.train")),
        (
            wrap("java -cp a.jar org.align.Main"),
            wrap("java -cp a.jar org.sort.Main"),
        ),
        (
            wrap("stata-mp -b do fit.do"),
            wrap("stata-mp -b do clean.do"),
        ),
        (
            wrap("python train.py --config configs/resnet.yaml"),
            wrap("python train.py --config configs/bert.yaml"),
        ),
        (
            kind("#!/bin/sh\npython train.py\n", &[]),
            kind("#!/bin/sh\npython predict.py\n", &[]),
        ),
        (
            job("align", "", "x", &[], "/"),
            job("sort", "", "y", &[], "/"),
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let names = one.name.zip(other.name);
        assert_ne!(one.command, other.command, "pair {number}");
        assert_ne!(one.script, other.script, "pair {number}");
        assert_ne!(one.application, other.application, "pair {number}");
        assert!(names.is_none_or(|(one, other)| one != other));
    }
}

#[test]
fn a_comment_counts_beside_the_name_and_in_place_of_one() {
    let of = |name: &str, comment: &str| {
        Kind::of_commented(1000, name.as_bytes(), comment.as_bytes()).name
    };
    let run = "6b0d7a52-3c1e-4f7a-9d24-7f1b0c5e8a91";
    assert_eq!(of(run, ""), None);
    assert_eq!(
        of(run, "rule_align_wildcards_a"),
        of("wrap", "rule_align_wildcards_b")
    );
    assert_ne!(of(run, "rule_align"), of(run, "rule_merge"));
    assert_ne!(of("align", "quick"), of("align", "exact"));
    assert_eq!(of("align", ""), Kind::of_accounting(1000, b"align").name);
    assert_eq!(
        of("align", "rule_x"),
        job("align", "rule_x", "", &[], "/").name
    );
}

#[test]
fn arguments_split_the_command_and_not_the_script() {
    let fast = kind("#!/bin/sh\n./solve $1\n", &["--fast"]);
    let exact = kind("#!/bin/sh\n./solve $1\n", &["--exact"]);
    assert_ne!(fast.command, exact.command);
    assert_eq!(fast.script, exact.script);
    assert_eq!(fast, kind("#!/bin/sh\n./solve $1\n", &["--fast"]));
    assert_ne!(kind("", &["train.py"]), kind("", &["predict.py"]));
}

#[test]
fn names_that_slurm_chose_are_no_evidence() {
    assert_eq!(Kind::of_accounting(1, b"wrap"), Kind::default());
    assert_eq!(
        Kind::of_accounting(1, b"align_17"),
        Kind::of_accounting(1, b"align_4")
    );
    assert_ne!(
        Kind::of_accounting(1, b"align"),
        Kind::of_accounting(2, b"align")
    );
}

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

#[test]
fn keys_survive_their_text_form_and_those_of_an_earlier_scheme_are_none() {
    let kind = kind("x", &[]);
    let text = serde_json::to_string(&kind).unwrap();
    assert_eq!(serde_json::from_str::<Kind>(&text).unwrap(), kind);
    let earlier = r#"{"command":"54529462603c14ed","name":"1bbbb20ee7d98541"}"#;
    assert_eq!(
        serde_json::from_str::<Kind>(earlier).unwrap(),
        Kind::default()
    );
}

#[test]
fn what_a_name_says_of_a_value_counts_more_than_its_letters() {
    for (argument, form) in [
        // Another one in each job, whatever it is made of.
        ("SAMPLE=liver", "SAMPLE=#"),
        ("export SAMPLE_ID=\"liver_b\"", "export SAMPLE_ID=\"#\""),
        ("subject='anna' tool", "subject='#' tool"),
        (
            "tool --participant-label anna --chunk=ab",
            "tool --participant-label # --chunk=#",
        ),
        ("MONTH=Feb CHR=X ID=q", "MONTH=# CHR=# ID=#"),
        ("tool --seed 7 --date 2024-01-02", "tool --seed # --date #"),
        // Of these the name says nothing.
        ("SAMPLES=all MODE=fast", "SAMPLES=all MODE=fast"),
        ("SAMPLE=$1 SAMPLE= tool", "SAMPLE=$# SAMPLE= tool"),
        ("SAMPLE=/data/liver/a.bam", "SAMPLE=*.bam"),
        ("tool --sample --fast", "tool --sample --fast"),
        ("a==b --= =x", "a==b --= =x"),
        // Part of a name.
        (
            "--model resnet18 --arch=vit_b_16",
            "--model resnet18 --arch=vit_b_16",
        ),
        ("MODEL=esm2_t33_650M", "MODEL=esm2_t33_650M"),
        (
            "--model_name org/net-3.1-8x7",
            "--model_name org/net-3.1-8x7",
        ),
        (
            "python resnet152.py GPT2 llama-2-70b-hf",
            "python resnet152.py GPT2 llama-#-70b-hf",
        ),
        ("opt-1.3b", "opt-#.3b"),
        // But not what only looks like one.
        (
            "--model /runs/7/best.pt --model model_17 --model 3",
            "--model *.pt --model model_# --model #",
        ),
        ("--model=fit_20240102", "--model=fit_#"),
        ("16b S7b 64B", "#b S#b #B"),
        ("patient_12b plate-3b run_12b", "patient_#b plate-#b run_#b"),
        ("patient_12a sample_7B", "patient_#a sample_#B"),
        ("--model run_12/best.pt", "--model *.pt"),
        ("MODEL_PATH=out/model_17.h5", "MODEL_PATH=*.h#"),
        ("MODEL=bert_seed42", "MODEL=bert_seed#"),
        ("MODEL=fit_3f2a9c1 MODEL=bert_9", "MODEL=fit_# MODEL=bert_9"),
        (
            "--model a1-123e4567-e89b-12d3-a456-426614174000",
            "--model #",
        ),
        // What a part of the name says is of something else, or a flag's.
        (
            "--sample-type wgs REGION_MODE=fast --fold-strategy group",
            "--sample-type wgs REGION_MODE=fast --fold-strategy group",
        ),
        (
            "--per-sample assemble.py --multi-session python --sample python",
            "--per-sample assemble.py --multi-session python --sample python",
        ),
        (
            "--batch-sample anna SAMPLE_NAME=anna",
            "--batch-sample # SAMPLE_NAME=#",
        ),
        ("chrX reads.chrX.sorted", "chrX reads.chr#.sorted"),
    ] {
        assert_eq!(shown(argument), form, "{argument}");
    }
}

#[test]
fn scripts_that_say_what_they_do_are_told_apart_by_where_they_lie() {
    let python = |script: &str, work_dir: &str| {
        job(
            "job.sh",
            "",
            &format!("#!/bin/sh\npython {script}\n"),
            &[],
            work_dir,
        )
    };
    let (here, there) = ("/proj/bert", "/proj/unet");
    for script in ["train.py", "src/train.py", "./run_eval.py", "preprocess.py"] {
        assert_ne!(
            python(script, here).script,
            python(script, there).script,
            "{script}"
        );
        assert_eq!(
            python(script, "/proj/bert/run_1"),
            python(script, "/proj/bert/run_22"),
            "{script}"
        );
    }
    // Where one of many is worked on, by whom and under which name says nothing.
    let named = |name, script: &str, work_dir| {
        job(
            name,
            "",
            &format!("#!/bin/sh\npython {script}\n"),
            &[],
            work_dir,
        )
    };
    for (script, work_dir, other, other_work_dir) in [
        (
            "train.py",
            "/proj/bert/liver",
            "train.py",
            "/proj/bert/brain",
        ),
        (
            "train.py",
            "/proj/bert",
            "train.py",
            "/proj/bert/samples/liver",
        ),
        ("train.py", "samples/liver", "train.py", "samples/brain"),
        ("train.py", "/home/anna/bert", "train.py", "/home/bea/bert"),
        (
            "train.py",
            "/scratch/anna/bert",
            "train.py",
            "/scratch/bea/bert",
        ),
        (
            "/scratch/u/liver_7/train.py",
            here,
            "/scratch/u/liver_8/train.py",
            here,
        ),
        (
            "/scratch/u/bert/a/train.py",
            here,
            "/scratch/u/bert/b/train.py",
            here,
        ),
    ] {
        let one = named("liver", script, work_dir);
        let another = named("brain", other, other_work_dir);
        assert_eq!(one.script, another.script, "{script} {work_dir}");
        assert_eq!(one.application, another.application, "{script} {work_dir}");
    }
    // What has a name of its own, or lies in a folder that has one, is the same wherever it is started.
    for script in ["train_bert.py", "bert/train.py", "/proj/bert/train.py"] {
        assert_eq!(python(script, here), python(script, there), "{script}");
    }
    assert_ne!(python("bert/train.py", here), python("unet/train.py", here));
    assert_ne!(python("train.py", here), python("predict.py", here));
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
