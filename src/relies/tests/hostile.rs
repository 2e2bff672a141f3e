//! Scripts that mean harm.

use super::*;
use crate::relies::found::MOST_COMMANDS;
use crate::relies::{LONGEST_LINE, MOST_READ};

const MOST_ASKED: AskedCpus = AskedCpus {
    tasks: u64::MAX,
    cpus: u64::MAX,
};

#[test]
fn no_bytes_make_it_fail_and_long_ones_are_cut() {
    let words: [&[u8]; 12] = [
        b"srun",
        b" --mem=",
        b"99999999999999999999T",
        b"-Xmx",
        b" \\\n",
        b"\n",
        b"$",
        b"&",
        b"java ",
        b"\xff\xfe",
        b" -c",
        b"samtools sort -m 1T -@ 99999999999",
    ];
    let mut state = 3u64;
    for _ in 0..3000 {
        let mut script = Vec::new();
        for _ in 0..12 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            script.extend_from_slice(words[(state >> 40) as usize % words.len()]);
        }
        let _whatever_it_is = Floor::of(&script, MOST_ASKED);
    }
    let mut long = vec![b'x'; MOST_READ];
    long.extend_from_slice(b"\njava -Xmx7g\n");
    assert!(Floor::of(&long, FOUR).is_empty());
}

#[test]
fn signs_that_overlap_are_found_by_the_one_that_begins_first() {
    for (line, right) in [
        ("cat /sys/fs/cgroup/memory.max", ALL_MEMORY),
        ("java -XX:MaxRAMPercentage=80 -jar a.jar", ALL_MEMORY),
        ("tool --memory=4G", mib(4096)),
        ("[ $SLURM_NTASKS != 4 ]", (None, Some(None))),
        ("[ $SLURM_NTASKS -eq 4 ]", (None, Some(None))),
        ("(( SLURM_CPUS_ON_NODE > 4 ))", (None, Some(None))),
        (
            "if (( X || SLURM_NTASKS < 4 )); then a; fi",
            (None, Some(None)),
        ),
        ("a -lt 4 | b $SLURM_NTASKS", NOTHING),
        ("echo $SLURM_NTASKS -eqx a=b", NOTHING),
    ] {
        assert_eq!(floor(line), right, "{line}");
    }
}

#[test]
fn variables_of_hostile_scripts_are_looked_up_a_few_times_only() {
    let mut script = String::new();
    for number in 0..400 {
        script.push_str(&format!(
            "A{number}=$A{}\nsrun -n $A{number} x\n",
            number + 1
        ));
    }
    assert_eq!(floor(&script), ALL_CPUS);
    assert_eq!(
        floor(&"T=$SLURM_NTASKS\nT=$T$T$T$T\nsrun -c $T x\n".repeat(200)).0,
        None
    );
}

#[test]
fn of_very_many_commands_all_that_was_asked_for_is_kept() {
    let most = MOST_COMMANDS as usize;
    let of = |line: &str, count: usize| floor(&format!("{line}\n").repeat(count));
    for (line, right, of_more) in [
        ("srun --mem=1G a", mib(1024), (Some(None), Some(None))),
        ("tool --memory=4G", mib(4096), ALL_MEMORY),
        ("echo $SLURM_CPUS_PER_TASK", NOTHING, ALL_CPUS),
        // What is about others is not read at all.
        ("squeue -u me --mem=4", NOTHING, NOTHING),
    ] {
        assert_eq!(of(line, most), right, "{line}");
        assert_eq!(of(line, most + 1), of_more, "{line}");
    }
    // What holds no sign costs nothing, and what one line starts in parts counts as many.
    assert_eq!(of("cp a b", 10 * most), NOTHING);
    let parts = format!("paste {}", "<(sort -S 1G a) ".repeat(90));
    assert_eq!(of(&parts, most / 60), ALL_MEMORY);
}

/// Inputs that would take minutes if any of what reads them took more than linear time.
#[test]
fn hostile_scripts_are_read_in_linear_time() {
    let times = |text: &str| text.repeat(MOST_READ / text.len());
    let behind = |head: &str, text: &str| format!("{head}{}", times(text));
    let uses = |name: &str, count: usize| format!("${name}").repeat(count);
    // Whatever is kept of these, all of it is kept.
    let kept = [
        format!("srun -c $T ./a\n{}", "for T in x y z ".repeat(4000)),
        format!(
            "T=$((T{}))\n{}",
            "+T".repeat(60),
            times(&format!("srun -c {} ./a\n", uses("T", 1000)))
        ),
        times("srun -c $T "),
        times("srun -c ${T:-$(("),
        format!(
            "T=$SLURM_NTASKS\n{} {} -lt 3",
            uses("T", 16),
            ">".repeat(60_000)
        ),
        format!("(( T=$SLURM_NTASKS\n{} $T -lt 4", ";".repeat(64_000)),
        format!("T=$SLURM_NTASKS\n\"{} $T -lt 4", " #".repeat(32_000)),
    ];
    for script in kept {
        assert_eq!(floor(&script).1, Some(None), "{}", &script[..40]);
    }
    let kept = [
        behind("_JAVA_OPTIONS=;", "java a;"),
        times("java a.jar b\n"),
        times("_JAVA_OPTIONS=;java a\n"),
        times("-mem "),
        times("tool mem=1 "),
        times("%maxcore $X\n"),
        behind("echo $SLURM_MEM_PER_NODE ", ">"),
        behind("echo $SLURM_MEM_PER_NODE ", "> "),
        behind("a=", "\" a=\" mem="),
    ];
    for script in kept {
        assert_eq!(floor(&script).0, Some(None), "{}", &script[..10]);
    }
    for script in [
        format!(
            "{}#{}",
            format!("matlab -batch \"{}\"\n", "parpool(n,m);".repeat(300)).repeat(8),
            "n".repeat(32_000)
        ),
        format!(
            "{}{}",
            (0..128)
                .map(|n| format!("a{n}=$SLURM_JOB_ID\n"))
                .collect::<String>(),
            format!("squeue $SLURM_JOB_ID {}|\n", "; ".repeat(1900)).repeat(14)
        ),
        format!(
            "{}{}",
            format!("sbatch -J $SLURM_JOB_ID {} > j\n", "a ".repeat(2000)).repeat(4),
            "j\n".repeat(20_000)
        ),
        format!(
            "T=$SLURM_N\n{}\nsrun -c {} ./a",
            "T=,".repeat(21_000),
            uses("T", 64)
        ),
        times("<<A\n"),
        times("<<A "),
        times("cat <<A\n#SBATCH\nA\n"),
        times("cat > b <<A\n#SBATCH\nA\nbash b\n"),
        times("echo java > b;bash b;sbatch c\n"),
        times("f() {\necho java\n}\nf > a\n"),
        behind("f() {\necho java\n}\n", "f > a;"),
        behind("exec 3> a;f() { f; }\necho java >&3\n", "exec > a\n"),
        behind("{\necho java\n", "} > a\n"),
        // On one line, which commands of no bound follow.
        behind("f(){\n:\n}\necho java\n", "f "),
        format!(
            "echo java\nf(){{\n:\n}}\n{}{}",
            format!("{}>a\n", ")".repeat(4000)).repeat(8),
            "f ".repeat(16_000)
        ),
        behind("f(){\n:\n}\necho java\n", "exec >a.log "),
        behind("f(){\n:\n}\necho java\n", "exec >& "),
        times("\n"),
        times(" \n"),
        times("#\n"),
        times("a=$( "),
        times("T=$SLURM_NTASKS\n"),
        (0..3000).fold(String::new(), |all, at| {
            all + &format!("T{at}=$SLURM_NTASKS\n")
        }),
        times("done <"),
        times("T=$SLURM_NTASKS;"),
        behind("f $SLURM_NTASKS\n", "f(){"),
        behind("f $SLURM_NTASKS\n", "f() { echo a; }\n"),
        times("f() { f $SLURM_NTASKS; }\n"),
        times("M=$(expr $(expr java -Xmx$M "),
        times("I=$SLURM_ARRAY_TASK_ID;a *$SLURM_NTASKS* "),
        times("J=$SLURM_JOB_ID;scontrol show job $J > j|\n"),
        times("parpool(parpool(["),
        behind("sort -S 1G a\n", "f() {\nf &\n}\n"),
        behind("sort -S 1G a\n", "( & ) & "),
        behind("sort -S 1G a\n", "(\n"),
        behind("sort -S 1G a &\n", ") &\n"),
        behind("srun ${T[@]} $T $@\n", "T=( -c 4"),
        format!("{}{}", "A=-Xmx1g\n".repeat(3000), "$A &\n".repeat(3000)),
        behind("sort -S 1G a\nparallel\n", "<<A\nA\n"),
        behind("srun ${T[@]} $T $@\n", "T+=\" -c $T\" "),
        behind("srun \"$@\"\n", "set -- $@ -c 4;"),
        times("srun ${T[@]} T=(-c $T) "),
        times("export SRUN_CPUS_PER_TASK=$T\nsrun -n 2 ./a\n"),
        times("cat > a <<A\nmemory=1G\nA\n"),
        behind("cat > a <<A\n", "memory: 1G\n"),
        behind("dask\n", "Client(\n"),
        times("sed s/%mem=/%mem=1GB/\n"),
        times("sort -S 1G a|"),
        times("sort -S 1G a|\n"),
        times("<(sort -S 1G a"),
        times("cat > a <<A\nsort -S 1G\nA\na &\n"),
        behind("sort -S 1G a\nsrun -n 4 a\n", "cat > a <<A\nA\n"),
        times("cat > a <<A\nPool(\nA\n"),
        behind("T=$SLURM_CPUS_ON_NODE\n", "$T-1*2/4"),
        times("nproc)/9"),
        times("xFoam "),
        times("[ -lt "),
        times("A=srun;"),
        times("A=srun "),
        behind("A=srun\n", "$A -n 4\n"),
        behind("A=srun\n", "$A "),
        behind("A=srun\n", "$A -"),
        times("source "),
        times("cat <<A\n$(date\nA\n"),
        times("cat <<A\n`date` $(date)\nA\n"),
        format!("echo $SLURM_MEM_PER_NODE\n{}", times(" ) \n")),
        behind("srun -c $T ./a\n", "for T in $N\n"),
        format!("srun -c $T ./a\nN=({})\n", "1 ".repeat(500)) + &"for T in $N\n".repeat(5000),
        behind("srun -c $T ./a\nfor T in $T\n", "T=(1 2)\n"),
        format!("A=4\nsrun $A\n{}", times(". env ")),
        format!("A=4\nsrun $A\n{}", times(". env\n")),
        format!("A=4\nsrun $A\n{}", times(";. env")),
        format!("do echo $SLURM_MEM_PER_NODE\n{}", times("> ")),
        format!("do echo $SLURM_MEM_PER_NODE\n{}", times("a|")),
        format!("A=4\nsrun $A\n{}", times("\n;. env ")),
        // Launchers in a value, and signs that might be of the background.
        format!(
            "A=\"{}\"\n{}",
            "srun -n1 ".repeat(27),
            format!("srun {};{}\n", uses("A", 32), ">&".repeat(900)).repeat(30)
        ),
        format!("{}{}\n", "srun;".repeat(400), ">&".repeat(1000)).repeat(16),
        // A value as long as values may be, over and over.
        format!(
            "A={}\n{}",
            "a".repeat(255),
            format!("java -Xmx1g -mem=1G {}\n", uses("A", 30)).repeat(700)
        ),
    ] {
        for sign in ["", "java -Xmx1g -jar a\n"] {
            let _whatever_it_is = floor(&format!("{sign}{script}"));
        }
    }
    // Only other languages' brackets go on below.
    for text in ["(\n", "a=[\n1,\n"] {
        let script = behind("#!/usr/bin/python3\nsrun x\n", text);
        let _whatever_it_is = Floor::of(script.as_bytes(), FOUR);
    }
    // Lines as long as are read, each.
    for text in [
        "-mem=1G ",
        "mem=1 ",
        "-Xmx1g ",
        "srun -n1 --mem=1G ",
        "java a;",
        "sort -S $T ",
        "srun -c $T ",
        ";",
        "|",
        "&",
        " #",
        "((",
        "$((",
        "${T:-",
        "`",
        "(",
        "\"",
        ">",
        "> ",
        "%maxcore ",
        "T=",
        "$T -lt 3 ",
        "xFoam ",
        "<(sort -S 1G ",
        "sort -S 1G|",
        "nproc)/9",
        "SLURM_CPUS_ON_NODE-1",
        "make -j ",
        "sbatch a;",
        "sbatch a \"$(",
        "squeue|cat ",
        "echo sbatch ",
        "echo a>",
        "$(date ",
        "$(a;",
        "`a;",
        "$(a;$(b;)",
        "echo $(date);",
        "echo $SLURM_MEM_PER_NODE;",
        "do echo a|tee ",
        "==",
        "[ a = ",
        " =~ ",
        "case ",
        "a >= ",
        "seq ",
        "${a[",
        "-u SLURM_MEM_",
        "memory_limit=1G ",
        "$@ ",
        "${T[@]} ",
        "a < 4 ",
        "f() { ",
        ") & ",
        "done & ",
        "--mem-per-cpu 1G ",
        "A_MEM=1 ",
        "s/%mem=1/",
        "memory: 1G ",
        "map_cpu:1 ",
        "GOMP_CPU_AFFINITY=",
        "aClient(",
        "ray.init(",
        "molpro -m 1m ",
        "rungms ",
        "ant ",
        "dotnet a.dll ",
        "%%pal nprocs 1 ",
    ] {
        let most = LONGEST_LINE - 40;
        let line = format!("srun -n 1 java mem=$T {}", text.repeat(most / text.len()));
        for head in ["", "T=$SLURM_NTASKS\n", "T=$((T+T+T+T+T+T))\n"] {
            let _whatever_it_is = floor(&format!("{head}{}", times(&format!("{line}\n"))));
        }
    }
}
