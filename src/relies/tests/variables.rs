//! Variables of the script.

use super::*;

#[test]
fn variables_stand_for_what_the_script_says_that_they_hold() {
    assert_floors(&[
        ("THREADS=8; srun -c $THREADS ./a", cpus(8)),
        ("N=2\nT=3\nsrun -n \"$N\" --cpus-per-task=${T} ./a", cpus(6)),
        ("export N=\"8\"\nmpirun -np ${N} ./a", cpus(8)),
        ("N=$((2 * 4))\nmpirun -np $N ./a", cpus(8)),
        ("NODES=1; PER=4\nmpirun -np $((NODES*PER)) ./a", cpus(4)),
        ("A=8\nB=$A\nmpirun -np $B ./a", cpus(8)),
        ("for n in 1 2 16 4; do mpirun -np $n ./a; done", cpus(16)),
        ("run() {\n mpirun -np $N ./a\n}\nN=4\nrun", cpus(4)),
        (
            "RUN=\"srun --exclusive -n1 -c 2\"\nparallel \"$RUN ./a\" ::: 1 2",
            ALL_CPUS,
        ),
        ("M=7\njava -Xmx${M}g -jar a.jar", mib(7168 + 716 + 256)),
        (
            "TOTAL=64\nHEAP=$((TOTAL/8-1))\njava -Xmx${HEAP}G -jar a.jar",
            mib(7168 + 716 + 256),
        ),
        (
            "OPTS='-Xmx2g -Xms1g'\njava $OPTS -jar a.jar",
            mib(2048 + 204 + 256),
        ),
        ("MEM=3G\nsamtools sort -@ 2 -m $MEM in.bam", mib(6144)),
        ("T=8\nsamtools sort -@ $T -m 1G in.bam", mib(8192)),
        ("MEM=20\nTrinity --max_memory ${MEM}G", mib(20480)),
        ("srun --mem=$M ./a\nM=2G", mib(2048)),
        // The larger of two, and Slurm's own before a number for elsewhere.
        ("N=2\nif x; then N=8; fi\nmpirun -np $N ./a", cpus(8)),
        (
            "if x; then T=$SLURM_CPUS_PER_TASK; else T=16; fi\nsrun -c $T ./a",
            NOTHING,
        ),
        // Handed on: it takes as many as there are.
        ("T=$SLURM_CPUS_PER_TASK\nsrun -c $T ./a", NOTHING),
        ("T=${SLURM_CPUS_PER_TASK:-8}\nbwa mem -t $T ref in", NOTHING),
        ("NP=$((SLURM_NTASKS * 1))\nmpirun -np $NP ./a", NOTHING),
        ("mpirun -np $(nproc) ./a", NOTHING),
        ("mpirun -n $SLURM_JOB_NUM_NODES ./a", NOTHING),
        (
            "mpirun -np $((SLURM_NNODES * SLURM_NTASKS_PER_NODE)) ./a",
            NOTHING,
        ),
        (
            "N=$((SLURM_NNODES * SLURM_CPUS_ON_NODE))\nmpirun -np $N ./a",
            NOTHING,
        ),
        (
            "mpirun -np $((SLURM_NTASKS * SLURM_CPUS_PER_TASK)) ./a",
            NOTHING,
        ),
        // More than Slurm gave.
        ("mpirun -np $((SLURM_NNODES*16)) ./a", ALL_CPUS),
        ("mpirun -np $((16*SLURM_JOB_NUM_NODES)) ./a", ALL_CPUS),
        ("srun -n $(($SLURM_NNODES * 16)) ./a", ALL_CPUS),
        ("NP=$((SLURM_NNODES*16))\nmpirun -np $NP ./a", ALL_CPUS),
        ("let \"NP=$SLURM_NNODES*16\"\nmpirun -np $NP ./a", ALL_CPUS),
        ("let NP=16*$SLURM_NNODES\nmpirun -np $NP ./a", ALL_CPUS),
        ("P=16\nmpirun -np $((SLURM_NNODES*P)) ./a", ALL_CPUS),
        ("srun -n $((SLURM_NTASKS*8)) ./a", ALL_CPUS),
        ("srun -n $((SLURM_NTASKS+1)) ./a", ALL_CPUS),
        (
            "NPROCS=$((SLURM_CPUS_PER_TASK*2)); srun -n $NPROCS ./a",
            ALL_CPUS,
        ),
        ("srun -c $((SLURM_CPUS_PER_TASK*2)) ./a", ALL_CPUS),
        (
            "export SRUN_CPUS_PER_TASK=$((SLURM_CPUS_PER_TASK*2))\nsrun ./a",
            ALL_CPUS,
        ),
        ("srun -n $SLURM_ARRAY_TASK_ID ./a", ALL_CPUS),
        ("make -j $((SLURM_CPUS_PER_TASK*2))", NOTHING),
        ("fluent 3ddp -t$((SLURM_NNODES*16)) -i a.jou", ALL_CPUS),
        ("./a $SLURM_NNODES*16", NOTHING),
        // Not known.
        ("mpirun -np $1 ./a", ALL_CPUS),
        ("srun -c $THREADS ./a", ALL_CPUS),
        ("N=$(wc -l < hosts)\nmpirun -np $N ./a", ALL_CPUS),
        ("N=(1 2 4)\nmpirun -np ${N[1]} ./a", ALL_CPUS),
        ("N=$N\nmpirun -np $N ./a", ALL_CPUS),
        // The program's own.
        ("mpirun -np 1 gmx_mpi grompp -c $GRO -n $INDEX", cpus(1)),
        ("srun $PROGRAM -n $STEPS", NOTHING),
        ("EXE=./a\nsrun $EXE -n 100000", NOTHING),
        // Memory that grows with the CPUs.
        ("java -Xmx$((SLURM_CPUS_PER_TASK * 4))g -jar a.jar", ALL),
        (
            "H=$((SLURM_CPUS_PER_TASK * 4))\njava -Xmx${H}g -jar a.jar",
            ALL,
        ),
        (
            "srun --mem-per-cpu=2G -c $SLURM_CPUS_PER_TASK ./a",
            mib(8192),
        ),
    ]);
}

#[test]
fn floors_are_not_lost_where_values_are_unknown_or_used_often() {
    let uses = "./a -t $T\n".repeat(100);
    assert_floors(&[
        ("MEM=$1; echo \"%mem=${MEM}GB\" > a.com", ALL_MEMORY),
        ("echo \"%mem=${M[1]} ${X}\" > a.com", NOTHING),
        (
            &format!("T=$SLURM_CPUS_PER_TASK\n{uses}[ $T -ge 4 ] || exit"),
            ALL_CPUS,
        ),
    ]);
}

#[test]
fn what_may_count_is_not_lost_among_forms_that_do_not() {
    let java = |gib: u64| mib(gib * 1024 + gib * 1024 / 10 + 256);
    assert_floors(&[
        // Options that a variable holds: where it is used nothing speaks of them.
        ("OPTS=\"--max-mem 40G\"\ntool $OPTS in", mib(40 << 10)),
        (
            "STAR_OPTS=\"--limitBAMsortRAM 6442450944\"\nSTAR $STAR_OPTS",
            mib(6144),
        ),
        // Written for this job.
        (
            "echo \"java -Xmx40g -jar a.jar $f\" >> cmds.txt; parallel < cmds.txt",
            ALL_MEMORY,
        ),
        (
            "echo \"java -Xmx40g -jar a.jar\" >> cmds.sh\nbash cmds.sh",
            java(40),
        ),
        (
            "# sbatch me\necho \"srun -n 64 ./b\" >> b.sh\nbash b.sh",
            cpus(64),
        ),
        (
            "echo \"java -Xmx9g $(date +%F)\" >> b.sh; sbatch b.sh",
            NOTHING,
        ),
        // Variables that change behind their use, or as somebody else likes.
        (
            "MEM=8\nuntil java -Xmx${MEM}g -jar a.jar; do MEM=$((MEM*2)); done",
            ALL_MEMORY,
        ),
        ("MEM=4G; source cfg\njava -Xmx$MEM -jar a.jar", ALL_MEMORY),
        ("MEM=4G\n. ./cfg.sh\njava -Xmx$MEM -jar a.jar", ALL_MEMORY),
        (". ./cfg.sh\nMEM=4g\njava -Xmx$MEM -jar a.jar", java(4)),
        (
            "MEM=4g\nsource venv/bin/activate\njava -Xmx$MEM -jar a.jar",
            java(4),
        ),
        ("MEM=4g\nread MEM < x\njava -Xmx$MEM -jar a.jar", ALL_MEMORY),
        ("N=4\nread -r A N < x\nmpirun -np $N ./a", ALL_CPUS),
        ("N=4\nN+=4\nmpirun -np $N ./a", ALL_CPUS),
        ("N=4\n((N++))\nmpirun -np $N ./a", ALL_CPUS),
        // Programs behind those that speak of programs.
        ("conda run -n x gatk Mutect2", ALL_MEMORY),
        ("mamba run java -jar a.jar", ALL_MEMORY),
        ("command java -jar a.jar", ALL_MEMORY),
        // A heap for other machines, or none.
        ("# export _JAVA_OPTIONS=-Xmx4g\njava -jar x.jar", ALL_MEMORY),
        ("export NXF_OPTS=-Xmx1g\ngatk Mutect2 -I a", ALL_MEMORY),
        // Steps.
        ("srun $SRUN_OPTS --mem=$M ./a", ALL_MEMORY),
        ("SRUN_OPTS=\"\"\nsrun $SRUN_OPTS --mem=$M ./a", ALL_MEMORY),
        ("srun ./tool --mem 64G", mib(64 << 10)),
        // What is no log.
        ("echo $SLURM_MEM_PER_NODE > topology.conf", ALL_MEMORY),
        ("echo mem $SLURM_MEM_PER_NODE > catalog.in", ALL_MEMORY),
        (
            "echo mem $SLURM_MEM_PER_NODE > $LOGDIR/params.cfg",
            ALL_MEMORY,
        ),
        ("echo mem $SLURM_MEM_PER_NODE > \"$LOG\"", NOTHING),
        // A size with a unit.
        ("tool --max_memory_usage 64G", mib(64 << 10)),
        ("tool --max_memory_usage 64", NOTHING),
        ("vllm serve --device-memory-usage 40G", NOTHING),
        // Here-documents.
        (
            &format!(
                "{}cat > b.sh <<EOF\n#SBATCH --mem=64G\nsrun --mem=64G ./b\nEOF",
                "grep -c a <<< x\n".repeat(20)
            ),
            NOTHING,
        ),
        ("# as in <<EOF\nsrun -n 6 ./a\n#SBATCH -x\nEOF", cpus(6)),
        (
            "gen() {\ncat <<EOF\n%mem=8GB\nEOF\n}\ngen > a.com",
            mib(8192),
        ),
    ]);
}

#[test]
fn what_other_commands_loops_and_languages_give_is_not_known() {
    assert_floors(&[
        ("NP=`wc -l < $PBS_NODEFILE`\nmpirun -np $NP ./a", ALL_CPUS),
        ("mpirun -np `wc -l < hosts` ./a", ALL_CPUS),
        ("mpirun -np `cat hosts | wc -l` ./a", ALL_CPUS),
        ("N=`expr 2 \\* 2`\nsrun -c $N ./a", ALL_CPUS),
        ("N=`nproc`\nsrun -c $N ./a", NOTHING),
        ("let N=2*2; srun -c $N ./a", ALL_CPUS),
        ("for n in {1..4}; do srun -c $n ./a; done", ALL_CPUS),
        ("subprocess.run(f\"srun -c {c} ./a\", shell=True)", ALL_CPUS),
        (
            "subprocess.run([\"srun\", \"-n\", str(n), \"./a\"])",
            ALL_CPUS,
        ),
        ("system(\"srun -n \" . $n . \" ./a\")", ALL_CPUS),
        ("srun -n 2 $EXE -n abc", cpus(2)),
    ]);
}

#[test]
fn options_in_lists_and_arguments_are_read() {
    let both = |mib, cpus| (Some(Some(mib)), Some(Some(cpus)));
    assert_floors(&[
        (
            "OPTS=(--mem=2G -c 2)\nsrun \"${OPTS[@]}\" ./a",
            both(2048, 2),
        ),
        (
            "OPTS=(\n  --mem=2G # enough\n  -c 2\n)\nsrun ${OPTS[*]} ./a",
            both(2048, 2),
        ),
        ("O=(-n1)\nO+=(-c 6)\nsrun \"${O[@]}\" ./a", cpus(6)),
        ("O=\"-n1\"\nO+=\" -c 6\"\nsrun $O ./a", cpus(6)),
        ("O=\"-n2\"\nO=\"$O -c 3\"\nsrun $O ./a", cpus(6)),
        (
            "if x; then O='-c 2'; else O='-c 6'; fi\nsrun $O ./a",
            cpus(6),
        ),
        ("N=6\nO=(-c $N)\nsrun \"${O[@]}\" ./a", cpus(6)),
        ("set -- -c 4 --mem=6G; srun \"$@\"", both(6144, 4)),
        ("set -- -c 4\nsrun ${@} ./a", cpus(4)),
        ("run() {\n srun \"$@\"\n}\nrun -c 4 ./a", ALL_CPUS),
        // Those of the job: most often a program and its own.
        ("srun \"$@\"", NOTHING),
        ("srun -n 2 \"$@\"", cpus(2)),
        ("# O=(-c 8)\nO=(-c 2)\nsrun \"${O[@]}\" ./a", cpus(2)),
        ("FILES=(a b)\nsrun -n 2 ./a \"${FILES[@]}\"", cpus(2)),
    ]);
    // A list that is too long to be written out keeps all, and leaves the others to be read.
    let long = format!("L+=({})\n", "x ".repeat(500)).repeat(10);
    let after = format!("{long}./a \"${{L[@]}}\" -Xmx1g\nO=(-c 6)\nsrun \"${{O[@]}}\" ./a");
    assert_floors(&[(after.as_str(), (Some(None), Some(Some(6))))]);
}
