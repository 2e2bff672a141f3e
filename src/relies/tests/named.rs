//! Lists and programs that variables hold.

use super::*;

const fn both(mib: u64, cpus: u64) -> (Least, Least) {
    (Some(Some(mib)), Some(Some(cpus)))
}

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

#[test]
fn a_program_is_known_by_what_its_variable_holds() {
    assert_floors(&[
        ("SRUN=srun\n$SRUN -n 4 --mem=6G ./a", both(6144, 4)),
        ("SRUN=srun\n\"${SRUN}\" -n 4 ./a", cpus(4)),
        ("MPIRUN=/opt/ompi/bin/mpirun\n$MPIRUN -np 4 ./a", cpus(4)),
        ("RUN=/opt/ompi/bin/mpirun\n$RUN -np 4 ./a", cpus(4)),
        ("M=$(which mpiexec)\n$M -n 16 ./a", cpus(16)),
        ("M=`which mpiexec`\n$M -n 16 ./a", cpus(16)),
        ("M=$(command -v mpiexec)\n$M -n 16 ./a", cpus(16)),
        ("$(which mpiexec) -n 16 ./a", cpus(16)),
        ("JAVA=/usr/bin/java\n$JAVA -cp a.jar Main", ALL_MEMORY),
        (
            "CR=/opt/cellranger-7/cellranger\n$CR count --id=a",
            floor("cellranger count --id=a"),
        ),
        // That a module sets.
        ("$SAMTOOLS sort -@ 8 -m 4G a.bam", mib(32 << 10)),
        ("${SAMTOOLS} sort -@ 8 -m 4G a.bam", mib(32 << 10)),
        ("$MPIRUN -np 4 ./a", cpus(4)),
        ("${MPIEXEC} -n 4 ./a", cpus(4)),
        ("$SRUN -n 4 ./a", cpus(4)),
        ("$JAVA -cp a.jar Main", ALL_MEMORY),
        ("\"$JAVA\" -cp a.jar Main", ALL_MEMORY),
        // No program.
        (
            "JAVA=/usr/lib/java-17\nexport JAVA_HOME=$JAVA\n./a",
            NOTHING,
        ),
        ("JAVA=/usr/lib/java-17\n$JAVA/bin/javac a.java", NOTHING),
        ("JAVA=$(which java)\ncd $(dirname $JAVA) && ./a", NOTHING),
        (
            "X=$(dirname $(dirname $(which java)))\nexport JAVA_HOME=$X",
            NOTHING,
        ),
        ("M=$(which mpirun)\nls -l $M", NOTHING),
        ("echo $SRUN -n 4", NOTHING),
        ("DATA=/data/srun\n$DATA/a -n 4", NOTHING),
    ]);
}
