//! Where a command begins and ends: what stands beside one about another job, or in another one.

use super::*;

const fn both(mib: u64, cpus: u64) -> (Least, Least) {
    (Some(Some(mib)), Some(Some(cpus)))
}

fn java(gib: u64) -> u64 {
    gib * 1024 + gib * 1024 / 10 + 256
}

#[test]
fn beside_a_command_about_another_job_the_rest_is_read() {
    assert_floors(&[
        (
            "srun -n 4 --mem=6G ./a || scontrol requeue $SLURM_JOB_ID",
            both(6144, 4),
        ),
        (
            "mpirun -np 4 -H $(scontrol show hostnames $SLURM_JOB_NODELIST | paste -sd,) ./a",
            cpus(4),
        ),
        (
            "java -Xmx40g -jar a.jar || scontrol requeuehold $SLURM_JOB_ID",
            mib(java(40)),
        ),
        ("timeout 23h mpirun -np 16 ./a || sbatch $0", cpus(16)),
        (
            "srun -c 16 --mem=40G -w \"$(scontrol show hostnames $L | head -1)\" ray start --head",
            (Some(None), Some(Some(16))),
        ),
        (
            "( srun -n 16 --mem=40G ./a; sbatch next.sh )",
            both(40 << 10, 16),
        ),
        (
            "run(){ srun -n 4 --mem=6G ./a || scontrol requeue $SLURM_JOB_ID; }\nrun",
            both(6144, 4),
        ),
        (
            "srun -n 4 --mem=6G ./a && sbatch \\\n --mem=64G next.sh",
            both(6144, 4),
        ),
        ("srun -n 4 ./sbatch --mem=6G", both(6144, 4)),
        ("if ! srun -n 4 ./a; then sbatch -n 8 $0; fi", cpus(4)),
        // What is the other job's.
        ("cd a && sbatch --mem=64G -n 4 b.sh", NOTHING),
        ("timeout 60 sbatch --mem=64G b.sh", NOTHING),
        ("A=b C=\"d e\" sbatch --mem=64G b.sh", NOTHING),
        (
            "sbatch --mem=64G --wrap=\"srun -n 8 ./b; java -Xmx9g b\"",
            NOTHING,
        ),
        ("sbatch --mem=64G --wrap='srun -n 8 ./b | x'", NOTHING),
        ("ssh login \"cd $PWD && sbatch --mem=64G b.sh\"", NOTHING),
        ("find . -name '*.sh' -exec sbatch --mem=64G {} \\;", NOTHING),
        ("SUBMIT=\"sbatch --mem=64G\"", NOTHING),
        ("case $1 in\nb) sbatch --mem=64G b.sh;;\nesac", NOTHING),
        ("sbatch --mem=$SLURM_MEM_PER_NODE b.sh", NOTHING),
        (
            "sbatch -n $(nproc) --mem=\"$((SLURM_MEM_PER_NODE / 2))\" b.sh",
            NOTHING,
        ),
        (
            "sacct -j 1 -o MaxRSS | awk '{ mem=$1; print mem }' | sed 's/mem=/a/'",
            NOTHING,
        ),
        ("sbatch it's --mem=64G; srun -n 2 ./a", cpus(2)),
    ]);
}

#[test]
fn what_goes_on_beside_other_jobs_is_several() {
    assert_floors(&[
        (
            "for i in 1 2 3 4; do srun -n1 -c4 --mem=16G ./a $i & done; squeue -j $SLURM_JOB_ID; wait",
            ALL,
        ),
        (
            "java -Xmx20g -jar a.jar & java -Xmx20g -jar b.jar & wait; sbatch next.sh",
            ALL_MEMORY,
        ),
        ("java -Xmx4g -jar a.jar; sbatch next.sh &", mib(java(4))),
        ("java -Xmx4g -jar a.jar || scontrol requeue 1 &", ALL_MEMORY),
    ]);
}

#[test]
fn what_stands_in_a_command_parts_it_not() {
    assert_floors(&[
        ("sort -T $(echo /tmp | head -1) -S 6G a", mib(6144)),
        ("sort -T `echo /tmp | head -1` -S 6G a", mib(6144)),
        (
            "samtools sort -@ $(echo \"$SLURM_CPUS_PER_TASK - 1\" | bc) -m 4G a.bam",
            both(16 << 10, 2),
        ),
        ("srun -w $(cat hosts | head -n 1) -n 4 ./a", cpus(4)),
        ("srun -w `cat hosts | head -n 1` -n 4 ./a", cpus(4)),
        ("srun -w \"$(cat hosts; date)\" -n 4 ./a", cpus(4)),
        // It is read by itself too.
        ("x=$(sort -S 2G a | sort -S 3G b)", mib(5 << 10)),
        ("x=$(sort -S 2G a; sort -S 3G b)", mib(3 << 10)),
        (
            "x=$(cd a; y=$(sort -S 2G a; sort -S 3G b); sort -S 1G c)",
            mib(3 << 10),
        ),
        ("x=`sort -S 2G a; sort -S 3G b`", mib(3 << 10)),
        ("x=$(echo a; sort -S 2G", mib(2 << 10)),
        ("x=$(grep '(' a); sort -S 2G a; sort -S 3G b", mib(3 << 10)),
        ("x=$(grep ( a; sort -S 2G a; sort -S 3G b", mib(3 << 10)),
    ]);
}

#[test]
fn what_detaches_goes_on_in_the_background() {
    for starts in [
        "coproc ",
        "screen -dm ",
        "screen -S b -d -m ",
        "tmux new -d ",
        "tmux new-session -s b -d ",
    ] {
        let script = format!("{starts}java -Xmx20g -jar a.jar\n{starts}java -Xmx20g -jar b.jar");
        assert_eq!(floor(&script), ALL_MEMORY, "{script}");
    }
    assert_floors(&[
        ("tmux new -d 'java -Xmx20g -jar a.jar'", ALL_MEMORY),
        ("./screen java -Xmx4g -jar a.jar", mib(java(4))),
        (
            "f() {\n sort -S 1G $1\n}\ncoproc f a\ncoproc f b",
            ALL_MEMORY,
        ),
    ]);
}

#[test]
fn what_a_script_writes_and_runs_itself_is_its_own() {
    let text = "cat > run.sh <<EOF\n#!/bin/bash\n#SBATCH --mem=6G\njava -Xmx6g -jar a.jar\nEOF\n";
    for (starts, right) in [
        ("bash run.sh", mib(java(6))),
        ("./run.sh", mib(java(6))),
        ("chmod +x run.sh\nsrun ./run.sh", mib(java(6))),
        ("cd a && time bash ./run.sh", mib(java(6))),
        ("bash run.sh\nsbatch run.sh", mib(java(6))),
        ("sbatch run.sh", NOTHING),
        ("chmod +x run.sh; cat run.sh; rm run.sh", NOTHING),
        ("bash other_run.sh", NOTHING),
    ] {
        assert_eq!(floor(&format!("{text}{starts}")), right, "{starts}");
    }
    assert_floors(&[
        (
            "echo \"java -Xmx40g -jar a.jar\" > run.sh; bash run.sh; sbatch next.sh",
            mib(java(40)),
        ),
        (
            "echo \"java -Xmx40g -jar a.jar\" > run.sh; bash next.sh; sbatch run.sh",
            NOTHING,
        ),
    ]);
}
