//! What runs at once, and how often.

use super::*;

#[test]
fn each_line_of_a_list_is_started() {
    assert_floors(&[
        (
            "ls | awk '{print \"java -Xmx3g -jar a.jar \"$1}' | parallel -j 4",
            ALL_MEMORY,
        ),
        (
            "ls | sed 's/^/java -Xmx3g -jar a.jar /' > c; ParaFly -c c -CPU 4",
            ALL_MEMORY,
        ),
        (
            "for s in a b; do echo \"java -Xmx3g -jar a.jar $s\"; done > c; disBatch c",
            ALL_MEMORY,
        ),
        ("echo \"java -Xmx3g -jar a.jar\" >> c; greasy c", ALL_MEMORY),
        (
            "echo \"java -Xmx3g -jar a.jar\" >> c; paramrun c",
            ALL_MEMORY,
        ),
    ]);
}

#[test]
fn what_may_run_several_times_at_once_keeps_all() {
    assert_floors(&[
        (
            "parallel -j 4 srun -N1 -n1 -c1 --mem=1G --exclusive ./a ::: 1 2",
            ALL,
        ),
        ("ls | xargs -P4 srun --mem=1G ./a", ALL_MEMORY),
        ("sem -j 4 java -Xmx2g -jar a.jar", ALL_MEMORY),
        // Blocks in the background.
        ("(\n srun --mem=1G ./a\n) &\nwait", ALL_MEMORY),
        ("{\n java -Xmx2g -jar a.jar\n} > log 2>&1 &", ALL_MEMORY),
        (
            "for f in a b; do\n (\n  cd $f\n  srun -n1 --mem=1G ./a\n ) &\ndone",
            ALL,
        ),
        (
            "while read f; do\nif x; then\nsort -S 1G $f\nfi\ndone < list &\n./b",
            ALL_MEMORY,
        ),
        (
            "for f in *; do\n echo \"java -Xmx1g -jar a $f\"\ndone | parallel -j 4",
            ALL_MEMORY,
        ),
        ("if x; then\n sort -S 1G a\nfi &", ALL_MEMORY),
        ("case x in\na) sort -S 1G a ;;\nesac &", ALL_MEMORY),
        // Functions in the background.
        ("f() {\n sort -S 1G $1\n}\nf a &\nf b &\nwait", ALL_MEMORY),
        ("f() { sort -S 1G $1; }\nf a &\nf b &\nwait", ALL_MEMORY),
        (
            "f() {\n sort -S 1G $1\n}\nfor a in 1 2; do\n (\n f $a\n ) &\ndone",
            ALL_MEMORY,
        ),
        (
            "function f {\n sort -S 1G $1\n}\nexport -f f\nparallel f ::: a b",
            ALL_MEMORY,
        ),
        (
            "g() { f; }\nf()\n{\n sort -S 1G $1\n}\ng a &\ng b &",
            ALL_MEMORY,
        ),
        // What a variable or a text holds that is started so.
        (
            "RUN=\"java -Xmx2g -jar a.jar\"\n$RUN a &\n$RUN b &",
            ALL_MEMORY,
        ),
        ("RUN='sort -S 1G'\n(\n ${RUN} a\n) &", ALL_MEMORY),
        ("RUN='sort -S 1G'\n$RUN a\n$OTHER &", mib(1024)),
        (
            "cat > cmds <<EOF\nsort -S 1G a\nsort -S 1G b\nEOF\nparallel < cmds",
            ALL_MEMORY,
        ),
        // Several tasks.
        (
            "srun -n 4 java -Xmx2g -jar a.jar",
            (Some(None), Some(Some(4))),
        ),
        ("srun -n 1 sort -S 1G a", (Some(Some(1024)), Some(Some(1)))),
        // Others do, and this does not.
        ("sort -S 1G a\n(\n ./a\n) &", mib(1024)),
        ("for f in a b; do\n sort -S 1G $f\ndone\n./b &", mib(1024)),
        ("f() {\n sort -S 1G a\n}\nf\n./b &", mib(1024)),
        ("(\n sort -S 1G a\n) 2>&1 | tee log && ./b", mib(1024)),
        (
            "(\n ./a\n) &\nfor f in a; do\n sort -S 1G $f\ndone",
            mib(1024),
        ),
    ]);
}

#[test]
fn commands_of_one_pipe_need_their_memory_together() {
    let java = |gib: u64| gib * 1024 + gib * 1024 / 10 + 256;
    assert_floors(&[
        (
            "java -Xmx20g -jar a.jar | java -Xmx20g -jar b.jar",
            mib(2 * java(20)),
        ),
        ("sort -S 20G a | sort -S 20G -m - b", mib(40 << 10)),
        (
            "samtools sort -@ 8 -m 3G x | java -Xmx20g -jar a.jar",
            mib((24 << 10) + java(20)),
        ),
        (
            "samtools sort -n -@4 -m 4G a | samtools fixmate - - | samtools sort -@4 -m 4G -",
            mib(32 << 10),
        ),
        ("sort -S 2G a |\n cut -f1 |\n sort -S 3G", mib(5 << 10)),
        ("sort -S 2G a | \\\n sort -S 3G", mib(5 << 10)),
        (
            "sort -S 2G a | while read b; do x; sort -S 3G $b; done",
            mib(5 << 10),
        ),
        ("join <(sort -S 2G a) <(sort -S 3G b)", mib(5 << 10)),
        ("join <(zcat a | sort -S 2G) <(sort -S 3G b)", mib(5 << 10)),
        (
            "./a | tee >(sort -S 2G > b) >(sort -S 3G > c) > d",
            mib(5 << 10),
        ),
        ("paste <(sort -S 2G a) b | sort -S 3G", mib(5 << 10)),
        // One after the other.
        ("sort -S 2G a; sort -S 3G b", mib(3 << 10)),
        ("sort -S 2G a && sort -S 3G b", mib(3 << 10)),
        ("sort -S 2G a || sort -S 3G b", mib(3 << 10)),
        ("[ -e x ] || sort -S 2G a || sort -S 1G b", mib(2 << 10)),
        ("sort -S 2G a ||", mib(2 << 10)),
        ("sort -S 2G a | cut -f1\nsort -S 3G b", mib(3 << 10)),
        ("sort -S 2G a |\n cut -f1; sort -S 3G b", mib(3 << 10)),
        ("join <(cut -f1 a) <(sort -S 3G b)", mib(3 << 10)),
        ("sort -S 3G < a > b", mib(3 << 10)),
        ("sort -S 2G a | x; sbatch b.sh; sort -S 3G c", mib(3 << 10)),
    ]);
}

#[test]
fn what_a_script_writes_and_starts_several_times_keeps_all() {
    let one = "cat > one.sh <<'EOF'\njava -Xmx2g -jar a.jar $1\nEOF\n";
    let java = 2048 + 204 + 256;
    let several = [
        "for i in 1 2 3 4; do bash one.sh $i & done; wait",
        "for i in 1 2; do\n (\n  bash ./one.sh $i\n ) &\ndone",
        "bash one.sh 1 &\nbash one.sh 2 &\nwait",
    ];
    for starts in several {
        assert_eq!(floor(&format!("{one}{starts}")), ALL_MEMORY, "{starts}");
    }
    let tasks = (Some(None), Some(Some(4)));
    assert_eq!(floor(&format!("{one}srun -n 4 bash one.sh")), tasks);
    let conf = "cat > m.conf <<EOF\n0-3 java -Xmx2g -jar a.jar\nEOF\n";
    let starts = "srun -n 4 --multi-prog m.conf";
    assert_eq!(floor(&format!("{conf}{starts}")), tasks);
    for starts in ["bash one.sh", "bash one.sh\n./b &", "rm one.sh"] {
        assert_eq!(floor(&format!("{one}{starts}")), mib(java), "{starts}");
    }
    let once = format!("{one}srun -n 1 bash one.sh");
    assert_eq!(floor(&once), (Some(Some(java)), Some(Some(1))));
    assert_floors(&[
        (
            "python - <<E\nfor i in a:\n  subprocess.Popen(['java', '-Xmx2g', '-jar', 'a.jar'])\nE",
            ALL_MEMORY,
        ),
        (
            "python - <<E\nx = 1 # one\ndef f(i):\n  run('java -Xmx2g -jar a.jar')\nmultiprocessing.Pool(4).map(f, x)\nE",
            ALL_MEMORY,
        ),
        (
            "python - <<E\n# Pool\nrun('java -Xmx2g -jar a.jar')\nspool(4)\nE",
            mib(java),
        ),
        (
            "Rscript - <<E\nmclapply(x, function(i) system('java -Xmx2g -jar a.jar'), mc.cores=4)\nE",
            ALL_MEMORY,
        ),
        (
            "Rscript - <<E\nlapply(x, function(i) system('java -Xmx2g -jar a.jar'))\nE",
            mib(java),
        ),
        (
            "perl -e 'for (1..4) { fork or exec \"java -Xmx2g -jar a.jar\" }'",
            ALL_MEMORY,
        ),
        ("make -j4 JAVA=\"java -Xmx2g\" all", ALL_MEMORY),
        ("make -j 4 JAVA=\"java -Xmx2g\" all", ALL_MEMORY),
        ("make -j1 JAVA=\"java -Xmx2g\" all", mib(java)),
        ("make JAVA=\"java -Xmx2g\" all", mib(java)),
        ("make -j4 all && java -Xmx2g -jar a.jar", mib(java)),
    ]);
    let python =
        b"#!/usr/bin/env python3\ndef f(i):\n  run('java -Xmx2g -jar a.jar')\nPool(4).map(f, x)\n";
    assert_eq!(Floor::of(python, FOUR).memory.unwrap().least, None);
}
