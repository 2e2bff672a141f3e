//! Commands that a script puts together in a variable before it starts them.

use super::*;

#[test]
fn what_is_appended_to_a_command_belongs_to_it() {
    assert_floors(&[
        ("run=srun\nrun=\"$run -n 3\"\n$run ./a", cpus(3)),
        (
            "run=srun\nrun=\"${run} --mem=3G -n 2\"\neval \"$run ./a\"",
            (mib(3072).0, cpus(2).1),
        ),
        (
            "run=\"mpiexec\"\nif x; then run+=\" -n 3\"; fi\n$run",
            cpus(3),
        ),
        (
            "do=\"samtools sort\"\ndo+=\" -@ 2\"\ndo+=\" -m 1G\"\n$do a.bam",
            mib(2048),
        ),
        ("s=\"sort -u\"\ns=\"$s -S 3G\"\neval $s a", mib(3072)),
        (
            "s=\"spades.py --meta\"\ns+=\" -m 3\"\ns+=\" -o b\"\n$s",
            mib(3072),
        ),
        (
            "run=(mpirun)\nrun+=(-np 3)\nrun+=(./a)\n\"${run[@]}\"",
            cpus(3),
        ),
        (
            "run=(mpirun)\nrun+=(-np 3)\nrun+=(./a)\nexec \"${run[@]}\" b",
            cpus(3),
        ),
        (
            "w=\"dask worker tcp://a\"\nw=\"$w --nworkers 3\"\n$w --memory-limit 1GB",
            mib(6144),
        ),
        ("run=\"sort -u\"\nrun=\"$run -k 2\"\n$run a", NOTHING),
        ("PATH=/opt/mpirun/bin:$PATH\n$PATH -c 3", NOTHING),
    ]);
}

#[test]
fn an_array_over_several_lines_is_one_command() {
    assert_floors(&[
        ("run=(\n srun\n -n 3\n ./a\n)\n\"${run[@]}\"", cpus(3)),
        (
            "run=(\n  samtools sort # by place\n  # of each\n  -m 1G\n  -@ 2\n)\n\"${run[@]}\" a.bam",
            mib(2048),
        ),
        ("run=( mpirun\n -np 3\n ./a )\ntime \"${run[@]}\"", cpus(3)),
        (
            "names=(\n sort\n a\n)\nfor n in \"${names[@]}\"; do ./b $n; done",
            NOTHING,
        ),
    ]);
}

#[test]
fn a_default_with_blanks_is_all_of_a_value() {
    assert_floors(&[
        (
            "run=${run:-\"srun -n 3 --mem=3G\"}\n$run ./a",
            (mib(3072).0, cpus(3).1),
        ),
        ("run=${run:-'mpirun -np 3'}\n$run ./a", cpus(3)),
        ("run=${run:-mpirun -np 3}\n$run ./a", cpus(3)),
        ("s=${s:=\"sort -S 3G\"}\n$s a", mib(3072)),
        ("s=\"${s:-sort -S 3G}\"\n$s a", mib(3072)),
        ("k=${n:-${m:-3}}\nsrun -n $k ./a", cpus(3)),
    ]);
}
