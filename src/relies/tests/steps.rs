//! Steps, launchers, and what Slurm gave.

use super::*;
use crate::relies::found::SHOWN;

#[test]
fn a_shadow_has_a_stand_in_for_every_launcher_but_one() {
    // `mpirun_rsh -np 2 n1 n2 A=b ./a` names hosts before its program, which nobody finds behind them. It starts ranks by
    // ssh, for which a shadow has no network.
    const WITHOUT: &[u8] = b"mpirun_rsh";
    let standins = include_str!("../../../c_shim/sandbox/standins.c");
    for name in crate::relies::launchers::LAUNCHERS {
        let text = format!("\"{}\"", name.escape_ascii());
        assert_eq!(standins.contains(&text), name != WITHOUT, "{text}");
    }
}

#[test]
fn steps_and_launchers_keep_what_they_name() {
    let both = |mib, cpus| (Some(Some(mib)), Some(Some(cpus)));
    let cases = [
        ("srun --mem=800M -c 4 ./a", both(800, 4)),
        ("srun --mem 2G ./a", mib(2048)),
        ("srun --mem=4000 ./a", mib(4000)),
        ("time /usr/bin/srun -n2 --cpus-per-task=3 ./a -c 9", cpus(6)),
        ("srun --mem-per-cpu=1G -c2 -n 3 ./a", both(6144, 6)),
        // What a step does not name it has from its job, which asks for 4 CPUs here.
        ("srun --mem-per-cpu=1G ./a", mib(4096)),
        ("srun -n2 --mem-per-cpu=1G ./a", both(4096, 2)),
        ("x=$(srun --mem=1G hostname | head -1)", mib(1024)),
        ("cd a && srun -n 2 \\\n  --mem=3G \\\n  ./a", both(3072, 2)),
        (
            "srun --mem=1G ./a\nsrun --mem=3G ./b\nsrun --mem=2G ./c",
            mib(3072),
        ),
        ("mpirun -np 8 ./a", cpus(8)),
        ("mpiexec -n 4 ./a", cpus(4)),
        ("srun -c $SLURM_CPUS_PER_TASK ./a", NOTHING),
        ("srun --mem=$M ./a", ALL_MEMORY),
        ("srun ./a", NOTHING),
        ("srun --mem=0 ./a", NOTHING),
        ("srun --mem=0G -n2 ./a", cpus(2)),
        // Options that are others' for each of something.
        ("srun --mem-per-gpu=6G ./a", ALL_MEMORY),
        ("srun --cpus-per-gpu=4 ./a", ALL_CPUS),
        ("srun --mincpus=4 ./a", cpus(4)),
        ("srun --tres-per-task=cpu:4 ./a", cpus(4)),
        ("srun -n2 --tres-per-task=gres/x:1,cpu=4 ./a", cpus(8)),
        ("srun -B 1:4:1 ./a", cpus(4)),
        ("srun -B *:4 ./a", cpus(4)),
        ("srun -N2 --ntasks-per-node=4 ./a", cpus(8)),
        ("srun -c 2 -c 4 ./a", cpus(4)),
        ("srun ./a -B 1:4:1 --mincpus=4", NOTHING),
        ("mpirun --map-by ppr:4:node ./a", ALL_CPUS),
        ("mpirun --map-by socket -np 4 ./a", cpus(4)),
        // Each process has several CPUs.
        ("mpirun -np 4 --map-by slot:PE=4 ./a", cpus(16)),
        ("mpirun -np 4 -map-by node:PE=4 ./a", cpus(16)),
        ("mpirun --map-by socket:pe=4 -np 4 ./a", cpus(16)),
        (
            "mpirun --map-by=slot:OVERSUBSCRIBE:PE=4 -np 4 ./a",
            cpus(16),
        ),
        ("mpirun -np 4 --map-by ppr:2:socket:pe=4 ./a", cpus(16)),
        ("mpirun -np 4 --cpus-per-proc 4 ./a", cpus(16)),
        ("mpirun -np 4 -cpus-per-rank 4 ./a", cpus(16)),
        (
            "export OMP_NUM_THREADS=4\nmpirun -np 4 --map-by slot:PE=$OMP_NUM_THREADS ./a",
            cpus(16),
        ),
        ("mpirun -np 4 --map-by slot:PE=$X ./a", ALL_CPUS),
        (
            "mpirun -np 4 --map-by slot:PE=$SLURM_CPUS_PER_TASK ./a",
            cpus(4),
        ),
        ("mpirun -np 4 --map-by slot --report PE=4 ./a", cpus(4)),
        ("mpirun ./a --map-by slot:PE=4 -np 4", NOTHING),
        ("mpirun -np 2 ./a : -np 4 ./b", (None, Some(None))),
        ("srun -n 2 ./a : b", cpus(2)),
        // Whoever starts MPI's processes.
        ("mpirun.openmpi -np 4 ./a", cpus(4)),
        ("mpiexec.mpich -n 4 ./a", cpus(4)),
        ("mpiexec.hydra -n 4 ./a", cpus(4)),
        ("prterun -n 4 ./a", cpus(4)),
        ("prun -n 4 ./a", cpus(4)),
        ("mpirun --n 4 ./a", cpus(4)),
        ("mpirun_rsh -np 4 n1 n1 ./a", cpus(4)),
        ("cat srun.log -n 4", NOTHING),
        // What they read of the environment.
        ("export SRUN_CPUS_PER_TASK=4\nsrun ./a", cpus(4)),
        ("export SLURM_CPUS_PER_TASK=4\nsrun -n2 ./a", cpus(8)),
        ("N=4\nexport SLURM_NTASKS=$N\nmpirun ./a", cpus(4)),
        ("SRUN_CPUS_PER_TASK=`half` srun ./a", ALL_CPUS),
        (
            "export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK\nsrun ./a",
            NOTHING,
        ),
        ("export SRUN_CPUS_PER_TASK=8\nsrun -c 2 ./a", cpus(2)),
        ("SLURM_NTASKS=4\nsrun -n $SLURM_NTASKS ./a", cpus(4)),
        (
            "SLURM_NTASKS=${SLURM_NTASKS:-4}\nsrun -n $SLURM_NTASKS ./a",
            NOTHING,
        ),
        ("echo \"SLURM_NTASKS=$SLURM_NTASKS\"\nsrun ./a", NOTHING),
        // Several at once: how many, only the script knows.
        (
            "for f in a b; do srun -n1 --mem=3G ./a $f & done",
            (Some(None), Some(None)),
        ),
        ("srun --mem=3G ./a >log 2>&1 && echo done", mib(3072)),
        ("# srun --mem=3G ./a", NOTHING),
        // The program's own options.
        ("srun --mpi=pmix ./app -n 1000", NOTHING),
        ("srun --label --mpi=pmix ./app -c 64", NOTHING),
        ("srun -n2 ./app -c 64", cpus(2)),
        ("srun $OPTIONS -n 8 ./app", cpus(8)),
        ("srun --propagate STACK -n 8 ./app", cpus(8)),
        ("srun python sim.py -n 100000", NOTHING),
        ("mpirun ./heat -n 4096 -c 64", NOTHING),
        ("srun $OPTIONS --mem=3G ./a", mib(3072)),
        ("srun --nodelist=n1,n2 --mem=3G ./a", mib(3072)),
        ("echo srunner --mem", NOTHING),
    ];
    for (script, right) in cases {
        assert_eq!(floor(script), right, "{script}");
    }
}

#[test]
fn what_slurm_gave_is_handed_on_or_checked() {
    let all_cpus = (None, Some(None));
    let cases = [
        (
            "sort -S $((SLURM_MEM_PER_NODE * 80 / 100))M big",
            ALL_MEMORY,
        ),
        ("M=${SLURM_MEM_PER_CPU:-1000}", ALL_MEMORY),
        (
            "python3 - <<'E'\nheap = int(os.environ['SLURM_MEM_PER_NODE']) // 4\nE",
            ALL_MEMORY,
        ),
        ("limit=$(cat /sys/fs/cgroup/memory.max)", ALL_MEMORY),
        ("[ \"$SLURM_CPUS_PER_TASK\" -ge 4 ] || exit 1", all_cpus),
        ("if (( SLURM_CPUS_ON_NODE < 8 )); then exit 1; fi", all_cpus),
        // AskedCpus of Slurm, and kept.
        (
            "MB=`scontrol -do show job \"$SLURM_JOB_ID\" | sed 's/.*Mem=//'`",
            ALL_MEMORY,
        ),
        ("M=$(sacct -j $SLURM_JOB_ID -o ReqMem)", ALL_MEMORY),
        ("N=$(squeue -h -j $SLURM_JOBID -o NumCPUs)", all_cpus),
        ("scontrol show job $SLURM_JOB_ID", NOTHING),
        ("scontrol show job $SLURM_JOB_ID | grep StdOut", NOTHING),
        ("squeue -u $USER -o %m > /dev/null", NOTHING),
        // Parts of the work are counted out.
        (
            "for i in $(seq 1 $SLURM_CPUS_PER_TASK); do ./a $i & done",
            all_cpus,
        ),
        (
            "for i in $(seq 0 $((SLURM_NTASKS - 1))); do ./a; done",
            all_cpus,
        ),
        // Shown, or taken away.
        ("echo \"memory = $SLURM_MEM_PER_NODE\"", NOTHING),
        ("printf 'memory: %s\\n' $SLURM_MEM_PER_NODE", NOTHING),
        ("printf '%s\\n' $SLURM_MEM_PER_NODE", ALL_MEMORY),
        ("printf -v M %s $SLURM_MEM_PER_NODE", ALL_MEMORY),
        (
            "half() {\n  echo $((SLURM_MEM_PER_NODE / 2))\n}",
            ALL_MEMORY,
        ),
        ("unset SLURM_MEM_PER_CPU SLURM_MEM_PER_NODE", NOTHING),
        ("echo \"== $SLURM_CPUS_PER_TASK cores ==\"", NOTHING),
        ("echo $SLURM_MEM_PER_NODE > limit", ALL_MEMORY),
        ("echo $SLURM_MEM_PER_NODE | ./a", ALL_MEMORY),
        ("echo a && M=$SLURM_MEM_PER_NODE", ALL_MEMORY),
        ("echo a; M=$SLURM_MEM_PER_NODE", ALL_MEMORY),
        ("M=$(echo $SLURM_MEM_PER_NODE)", ALL_MEMORY),
        // Computed.
        (
            "export OMP_NUM_THREADS=$((SLURM_CPUS_PER_TASK / 2))",
            NOTHING,
        ),
        // Takes as many as there are.
        ("bwa mem -t $SLURM_CPUS_PER_TASK ref in", NOTHING),
        ("export OMP_NUM_THREADS=$SLURM_CPUS_PER_TASK", NOTHING),
        ("echo $SLURM_JOB_ID $SLURM_ARRAY_TASK_ID", NOTHING),
    ];
    for (script, right) in cases {
        assert_eq!(floor(script), right, "{script}");
    }
}

#[test]
fn every_command_of_a_line_is_read() {
    assert_floors(&[
        (
            "printf '#!/bin/bash\\nmpirun -np 16 ./a\\n' > t.sh; bash t.sh",
            cpus(16),
        ),
        ("mpiexecjl -n 16 julia a.jl", cpus(16)),
        ("ccc_mprun -n 4 -c 4 ./a", cpus(16)),
        ("ccc_mprun -lc4 ./a", cpus(4)),
        ("mpiexec_mpt -np 16 ./a", cpus(16)),
        ("likwid-mpirun -np 16 ./a", cpus(16)),
        ("cd data && java -Xmx2g -jar a.jar", mib(2048 + 204 + 256)),
        ("cd data && java -jar a.jar", ALL_MEMORY),
        ("module load java && java -jar a.jar", ALL_MEMORY),
        ("sort -S 2G a; sbatch --mem=64G next.sh", mib(2048)),
        ("sort -S 2G a && sbatch --mem=64G next.sh", mib(2048)),
        (
            "J=$(sbatch --parsable --dependency=afterany:$SLURM_JOB_ID --mem=8G -c4 x.sh)",
            NOTHING,
        ),
        (
            "sbatch --mem=$(scontrol show job $SLURM_JOB_ID | sed 's/.*Mem=//') x.sh",
            ALL_MEMORY,
        ),
        ("sbatch --mem=64G next.sh; sort -S 2G a | gzip", mib(2048)),
        (
            "id=$(sbatch --parsable --mem=64G b.sh); srun -n 2 ./a",
            cpus(2),
        ),
        ("echo \"has $SLURM_MEM_PER_NODE\" && ./a", NOTHING),
        ("./a & sort -S 1G b", ALL_MEMORY),
        ("a 2>&1 | sort -S 1G", mib(1024)),
    ]);
}

#[test]
fn what_hangs_on_the_count_keeps_it_however_it_is_called() {
    assert_floors(&[
        ("T=$SLURM_CPUS_PER_TASK\n[ $T -ge 4 ] || exit 1", ALL_CPUS),
        (
            "export T=\"${SLURM_CPUS_PER_TASK}\"\nif (( T < 4 )); then exit; fi",
            ALL_CPUS,
        ),
        (
            "T=$SLURM_CPUS_PER_TASK\nN=$((T / 2))\nfor i in $(seq 1 $N); do ./a $i; done",
            ALL_CPUS,
        ),
        ("N=$(nproc)\nfor i in `seq $N`; do ./a $i; done", ALL_CPUS),
        ("N=`nproc`\nif [ $N -lt 8 ]; then exit 1; fi", ALL_CPUS),
        ("[ $(nproc) -lt 8 ] && exit 1", ALL_CPUS),
        (
            "for ((i = 0; i < SLURM_CPUS_PER_TASK; i++)); do ./a $i; done",
            ALL_CPUS,
        ),
        ("for i in $(seq 1 $(nproc)); do ./a $i; done", ALL_CPUS),
        ("[ $((SLURM_NTASKS % 4)) -eq 0 ] || exit", ALL_CPUS),
        // In other languages than the shell's.
        ("if ($SLURM_CPUS_PER_TASK < 4) exit 1", ALL_CPUS),
        ("die if $ENV{SLURM_CPUS_PER_TASK} < 4;", ALL_CPUS),
        (
            "my $n = $ENV{SLURM_CPUS_PER_TASK};\ndie \"few\" if $n < 4;",
            ALL_CPUS,
        ),
        ("set T = $SLURM_CPUS_PER_TASK\nif ($T < 4) exit 1", ALL_CPUS),
        (
            "n=int(os.environ[\"SLURM_CPUS_PER_TASK\"])\nassert n >= 4",
            ALL_CPUS,
        ),
        (
            "n = int(os.environ['SLURM_CPUS_PER_TASK'])\nif n < 4:\n    exit(1)",
            ALL_CPUS,
        ),
        (
            "n <- as.integer(Sys.getenv(\"SLURM_CPUS_PER_TASK\"))\nstopifnot(n >= 4)",
            ALL_CPUS,
        ),
        ("./a -t $SLURM_CPUS_PER_TASK < 4.txt > 5.txt", NOTHING),
        ("./a $SLURM_CPUS_PER_TASK < in > out", NOTHING),
        (
            "n = int(os.environ['SLURM_CPUS_PER_TASK'])\nassert m >= 4\nrun(n)",
            NOTHING,
        ),
        ("n=len(os.sched_getaffinity(0)); assert n>=4", ALL_CPUS),
        ("n = len(os.sched_getaffinity(0))\nrun(n)", NOTHING),
        // Handed on, printed, or compared to see whether it is set.
        ("T=$SLURM_CPUS_PER_TASK\n./a -t $T", NOTHING),
        ("T=$SLURM_CPUS_PER_TASK\necho \"T is $T == all\"", NOTHING),
        ("T=$SLURM_CPUS_PER_TASK\n# [ $T -ge 4 ]\n./a", NOTHING),
        ("T=$SLURM_CPUS_PER_TASK\n[ $TT -ge 4 ] || exit", NOTHING),
        ("make -j$(nproc) all", NOTHING),
        ("export OMP_NUM_THREADS=$(nproc)", NOTHING),
        ("N=$(nproc --all)\n[ $N -ge 64 ] && echo big", NOTHING),
        ("[ x$SLURM_CPUS_PER_TASK == x ] && exit", NOTHING),
        (
            "if [ \"$SLURM_CPUS_PER_TASK\" -gt 0 ]; then ./a; fi",
            NOTHING,
        ),
        ("[ -z \"$SLURM_CPUS_PER_TASK\" ] && exit", NOTHING),
    ]);
}

#[test]
fn a_share_of_the_cpus_is_one_at_least() {
    assert_floors(&[
        ("parallel -j $((SLURM_CPUS_PER_TASK/4)) ./a ::: b", cpus(4)),
        (
            "NT=$((SLURM_CPUS_PER_TASK/2))\nls | xargs -P $NT ./a",
            cpus(2),
        ),
        ("T=$SLURM_CPUS_PER_TASK\n./a -j $((T/2))", cpus(2)),
        ("T=$(nproc)\nmake -j $((T - 1))", cpus(2)),
        ("make -j $(( $(nproc)/2 ))", cpus(2)),
        ("mpirun -np $((SLURM_CPUS_PER_TASK/4)) ./a", cpus(4)),
        ("split -n l/$((SLURM_CPUS_PER_TASK/2)) a", cpus(2)),
        (
            "n <- as.integer(Sys.getenv(\"SLURM_CPUS_PER_TASK\"))\ncl <- makeCluster(n-1)",
            cpus(2),
        ),
        (
            "n = int(os.environ['SLURM_CPUS_PER_TASK'])\nwith Pool(n - 1) as p:",
            cpus(2),
        ),
        // Not even what was asked for would do.
        ("./a -t $((SLURM_CPUS_PER_TASK/8))", NOTHING),
        ("T=$SLURM_CPUS_PER_TASK\n./a -p $T -1 b -2 c", NOTHING),
        ("T=$SLURM_CPUS_PER_TASK\n# $((T/2))\n./a -t $T", NOTHING),
        (
            "T=$SLURM_CPUS_PER_TASK\nexport OMP_NUM_THREADS=$((T/2))",
            NOTHING,
        ),
    ]);
    let script = "./a -t $((SLURM_CPUS_PER_TASK/2))";
    let four_tasks = AskedCpus { tasks: 4, cpus: 32 };
    assert_eq!(floor_of(script, four_tasks), cpus(8));
}

#[test]
fn where_it_stands_is_known_and_safe_to_print() {
    let script =
        b"#!/bin/bash\n#SBATCH --mem=9G\ncd /a\n\n  java \\\n -Xmx2g \x1b[31m\xff -jar a.jar\n";
    let memory = Floor::of(script, FOUR).memory.unwrap();
    assert_eq!(memory.line, 5);
    assert!(
        memory.text.starts_with("java ") && memory.text.contains("-Xmx2g"),
        "{}",
        memory.text
    );
    assert!(!memory.text.contains(char::is_control) && memory.text.chars().count() <= SHOWN);
}
