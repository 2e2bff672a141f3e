//! Lists and programs that variables hold.

use super::*;

fn java(gib: u64) -> (Least, Least) {
    mib(gib * 1024 + gib * 1024 / 10 + 256)
}

#[test]
fn of_a_list_in_a_variable_the_most_counts() {
    assert_floors(&[
        (
            "NS=\"1 2 4\"\nfor N in $NS; do mpirun -np $N ./a; done",
            cpus(4),
        ),
        (
            "NS='1 2 4'\nfor N in ${NS}; do mpirun -np $N ./a; done",
            cpus(4),
        ),
        (
            "SIZES=\"8 16 40\"\nfor m in $SIZES; do java -Xmx${m}g -jar a.jar; done",
            java(40),
        ),
        (
            "M=\"8G 40G\"\nfor m in $M; do srun --mem=$m ./a; done",
            mib(40 << 10),
        ),
        (
            "NS=(1 2 4)\nfor N in \"${NS[@]}\"; do mpirun -np $N ./a; done",
            cpus(4),
        ),
        (
            "NS=(1 2 4)\nfor N in ${NS[*]}; do mpirun -np $N ./a; done",
            cpus(4),
        ),
        (
            "NS=\"1 2 4\"\nfor N in 8 $NS; do mpirun -np $N ./a; done",
            cpus(8),
        ),
        ("for N in 1 2 4 ; do mpirun -np $N ./a; done", cpus(4)),
        ("for N in \"1\" \"4\"; do mpirun -np $N ./a; done", cpus(4)),
        (
            "if x; then NS='1 2'; else NS='1 8 2'; fi\nfor N in $NS; do srun -n $N ./a; done",
            cpus(8),
        ),
        (
            "# NS='1 9'\nNS='1 2'\nfor N in $NS; do srun -n $N ./a; done",
            cpus(2),
        ),
        // Not known.
        ("for N in $NS; do mpirun -np $N ./a; done", ALL_CPUS),
        (
            "NS=\"1 $K 4\"\nfor N in $NS; do mpirun -np $N ./a; done",
            ALL_CPUS,
        ),
        (
            "NS=\"1 2\"\nNS+=\" 4\"\nfor N in $NS; do mpirun -np $N ./a; done",
            cpus(4),
        ),
        (
            "A=\"1 2\"\nB=\"8 4\"\nfor N in $A $B; do mpirun -np $N ./a; done",
            ALL_CPUS,
        ),
    ]);
}
