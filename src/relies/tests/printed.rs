//! What is printed in a block, a function or into a descriptor, and goes on from there.

use super::*;

#[test]
fn what_is_printed_in_what_goes_on_is_started() {
    assert_floors(&[
        (
            "for s in 1 2; do\n echo \"sort -S 3G $s\"\ndone > all.sh\nsh all.sh",
            mib(3072),
        ),
        (
            "{\necho '#!/bin/sh'\necho 'srun -n 2 --mem=3G ./a'\n} >> b.sh\nsh b.sh",
            (Some(Some(3072)), Some(Some(2))),
        ),
        (
            "(\n echo \"sort -S 3G a\"\n) > \"b.sh\"\nsh b.sh",
            mib(3072),
        ),
        (
            "for s in 1 2; do\n echo \"sort -S 3G $s\"\ndone | sh",
            mib(3072),
        ),
        (
            "if x; then\n echo \"sort -S 3G a\"\nfi | tee b.sh | sh",
            mib(3072),
        ),
        (
            "write() {\n printf 'sort -S 3G a\\n'\n}\nwrite > b.sh\nsh b.sh",
            mib(3072),
        ),
        (
            "function write {\n echo 'sort -S 3G a'\n}\neval \"$(write)\"",
            mib(3072),
        ),
        ("write() {\n echo 'sort -S 3G a'\n}\nwrite | sh", mib(3072)),
        (
            "one() {\n echo 'sort -S 3G a'\n}\nall() {\n one\n}\nall > b.sh\nsh b.sh",
            mib(3072),
        ),
        (
            "exec 5>b.sh\necho 'sort -S 3G a' >&5\nexec 5>&-\nsh b.sh",
            mib(3072),
        ),
        (
            "exec {out}> b.sh\necho 'sort -S 3G a' >&$out\nsh b.sh",
            mib(3072),
        ),
        (
            "exec > b.sh\necho 'sort -S 3G a'\nexec > /dev/tty\nsh b.sh",
            mib(3072),
        ),
    ]);
}

#[test]
fn of_what_is_printed_for_several_nobody_says_how_many_run_at_once() {
    assert_floors(&[
        (
            "for s in 1 2; do\n echo \"sort -S 1G $s\"\ndone > all\nparallel -a all",
            ALL_MEMORY,
        ),
        (
            "while read s; do echo \"sort -S 1G $s\"; done < in > all; xargs -P 3 < all",
            ALL_MEMORY,
        ),
        (
            "write() { echo \"sort -S 1G a\"; }\nwrite > all\nparallel < all",
            ALL_MEMORY,
        ),
        (
            "exec 4> all\necho 'sort -S 1G a' >&4\nparallel -a all",
            ALL_MEMORY,
        ),
    ]);
}

#[test]
fn what_is_started_is_read_where_another_job_is_submitted_too() {
    let step = (Some(Some(3072)), Some(Some(3)));
    for started in [
        "{ echo 'srun -n 3 --mem=3G ./a'; } > ${TMPDIR}/b.sh\nbash ${TMPDIR}/b.sh",
        "{ echo 'srun -n 3 --mem=3G ./a'; } > \"$TMPDIR/b.sh\"\nbash \"$TMPDIR/b.sh\"",
        "echo 'srun -n 3 --mem=3G ./a' > ${TMPDIR}/b.sh 2>&1\nbash ${TMPDIR}/b.sh",
        "{ echo 'srun -n 3 --mem=3G ./a'; } > all\ncat all | bash",
        "{ echo 'srun -n 3 --mem=3G ./a'; } > all\nwhile read one; do $one; done < all",
        "echo 'srun -n 3 --mem=3G ./a' 2> errors.txt > b.sh\nbash b.sh",
        "exec 3> b.sh\nexec 4> notes.txt\necho 'srun -n 3 --mem=3G ./a' >&3\nbash b.sh",
    ] {
        assert_floors(&[(&format!("{started}\nsbatch next.sh"), step)]);
        let below = ["x=$(date)\n", "find . -exec ls {} +\n"].map(|line| line.repeat(300));
        for above in below {
            assert_floors(&[(&format!("{above}{started}\nsbatch next.sh"), step)]);
        }
    }
}

#[test]
fn what_is_only_shown_or_written_for_another_job_is_not() {
    assert_floors(&[
        ("for s in 1 2; do\n echo \"sort -S 3G $s\"\ndone", NOTHING),
        (
            "for s in 1 2; do\n echo \"sort -S 3G $s\"\ndone > run.log",
            NOTHING,
        ),
        (
            "{\n echo \"sort -S 3G\"\n} 2>&1 | tee -a run.log\n./a > b",
            NOTHING,
        ),
        (
            "usage() {\n echo \"runs sort -S 3G\"\n}\nusage >&2\n./a > b",
            NOTHING,
        ),
        (
            "exec 3>&1 > run.log 2>&1\necho \"runs sort -S 3G\" >&3",
            NOTHING,
        ),
        ("exec > >(tee log) 2>&1\necho \"runs sort -S 3G\"", NOTHING),
        ("exec > out_7.txt 2>&1\necho \"runs sort -S 3G\"", NOTHING),
        (
            "{\n echo '#SBATCH --mem=9G'\n echo 'srun -n 64 --mem=9G ./b'\n} > b.sh\nsbatch b.sh",
            NOTHING,
        ),
        (
            "write() {\n echo 'srun -n 64 --mem=9G ./b'\n}\nwrite | sbatch",
            NOTHING,
        ),
        ("{\n echo 'srun -n 3 ./b'\n} | sh\nsbatch next.sh", cpus(3)),
    ]);
}
