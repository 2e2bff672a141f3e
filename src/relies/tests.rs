use super::*;

/// `None`: nothing; `Some(None)`: all that was asked for; in MiB and CPUs.
type Least = Option<Option<u64>>;

fn floor(script: &str) -> (Least, Least) {
    let floor = Floor::of(format!("#!/bin/bash\n{script}\n").as_bytes(), 4);
    (floor.memory.map(|f| f.least), floor.cpus.map(|f| f.least))
}

const NOTHING: (Least, Least) = (None, None);
const ALL_MEMORY: (Least, Least) = (Some(None), None);

fn mib(least: u64) -> (Least, Least) {
    (Some(Some(least)), None)
}

fn cpus(least: u64) -> (Least, Least) {
    (None, Some(Some(least)))
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
fn programs_keep_the_memory_that_they_are_told_to_use() {
    let cases = [
        ("java -Xmx7g -jar tool.jar", mib(7168 + 716 + 256)),
        (
            "export JAVA_OPTS=\"-Xms1g -Xmx2048m\"",
            mib(2048 + 204 + 256),
        ),
        (
            "gatk --java-options '-Xmx4G -XX:+UseSerialGC' Caller",
            mib(4096 + 409 + 256),
        ),
        ("java -Xmx${HEAP}m -jar tool.jar", ALL_MEMORY),
        ("java -jar tool.jar", ALL_MEMORY),
        ("java -XX:MaxRAMPercentage=80 -jar tool.jar", ALL_MEMORY),
        ("java -version", NOTHING),
        ("module load java/17", NOTHING),
        ("module load gcc java", NOTHING),
        ("which java python", NOTHING),
        ("export JAVA_HOME=/usr/lib/jvm/java", NOTHING),
        // Without a largest heap.
        ("java -Xms512m -jar a.jar", ALL_MEMORY),
        ("$JAVA -jar picard.jar SortSam", ALL_MEMORY),
        ("gatk HaplotypeCaller -R ref.fa", ALL_MEMORY),
        ("singularity exec gatk.sif gatk Mutect2", ALL_MEMORY),
        (
            "gatk --java-options '-Djava.io.tmpdir=/tmp' Caller",
            ALL_MEMORY,
        ),
        // How many at once, only the script knows.
        (
            "for f in a b; do java -Xmx12g -jar t.jar $f & done",
            ALL_MEMORY,
        ),
        ("parallel -j 4 java -Xmx12g -jar t.jar ::: a b", ALL_MEMORY),
        ("ls | xargs -P 4 samtools sort -m 4G", ALL_MEMORY),
        ("dask worker tcp://a:1 --nworkers 4", ALL_MEMORY),
        ("dask worker tcp://a:1 --memory-limit auto", ALL_MEMORY),
        ("dask-worker --memory-limit=0.5 a", ALL_MEMORY),
        ("megahit --max-mem 6G in", mib(6144)),
        ("tool --memory-limit=1.5GiB", mib(1536)),
        ("STAR --limitBAMsortRAM 8000000000", mib(7630)),
        ("spades.py --memory 64 -o out", ALL_MEMORY),
        (
            "spark-submit --executor-memory 4g --driver-memory 2g a.py",
            mib(4096),
        ),
        ("dask worker tcp://a:1 --memory-limit 10GiB", mib(20480)),
        ("tool --member 5G --remember 2G", NOTHING),
        ("sort -S 2G big", mib(2048)),
        ("sort -S50% big", ALL_MEMORY),
        ("sort --buffer-size=512M big", mib(512)),
        ("sort big", NOTHING),
        ("samtools sort -@ 4 -m 2G in.bam", mib(8192)),
        ("samtools sort -@ $T -m 1G in.bam", mib(4096)),
        ("samtools view in.bam | samtools sort -m1G -", mib(1024)),
        ("sort -S 1G a | sort -S 5G; sort -S 2G c", mib(5120)),
        // What is quoted parts no commands.
        ("sort -t'|' -k2 -S 3G a", mib(3072)),
        ("sort -t\\; -S 3G a", mib(3072)),
        // Another command's option.
        ("sort a | tool -S 9G", NOTHING),
        ("a; sbatch --wrap 'b; srun --mem=64G c'", NOTHING),
        ("sbatch --mem=64G -c 8 other.sh", NOTHING),
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
        // Asked of Slurm, and kept.
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
fn where_it_stands_is_known_and_safe_to_print() {
    let script =
        b"#!/bin/bash\n#SBATCH --mem=9G\ncd /a\n\n  java \\\n -Xmx2g \x1b[31m\xff -jar a.jar\n";
    let memory = Floor::of(script, 1).memory.unwrap();
    assert_eq!(memory.line, 5);
    assert!(
        memory.text.starts_with("java ") && memory.text.contains("-Xmx2g"),
        "{}",
        memory.text
    );
    assert!(!memory.text.contains(char::is_control) && memory.text.chars().count() <= SHOWN);
}

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
        let _whatever_it_is = Floor::of(&script, u64::MAX);
    }
    let mut long = vec![b'x'; MOST_READ];
    long.extend_from_slice(b"\njava -Xmx7g\n");
    assert!(Floor::of(&long, 1).is_empty());
}

#[test]
fn what_a_comment_says_is_no_sign_for_the_line_below() {
    let comment = "# SLURM_MEM_PER_NODE java sort -S 5G";
    assert_eq!(floor(&format!("{comment}\necho done")), NOTHING);
    assert_eq!(floor(&format!("{comment}\nsort -S 2G x")), mib(2048));
    assert_eq!(floor(&format!("sort -S 2G x\n{comment}")), mib(2048));
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

const ALL_CPUS: (Least, Least) = (None, Some(None));
const ALL: (Least, Least) = (Some(None), Some(None));

fn assert_floors(cases: &[(&str, (Least, Least))]) {
    for (script, right) in cases {
        assert_eq!(floor(script), *right, "{script}");
    }
}

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
            cpus(2),
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
fn programs_that_are_told_their_size_in_their_own_words() {
    let both = |mib, cpus| (Some(Some(mib)), Some(Some(cpus)));
    assert_floors(&[
        // Processes.
        ("decomposePar -force > log", ALL_CPUS),
        ("mpirun simpleFoam -parallel", ALL_CPUS),
        ("simpleFoam > log", NOTHING),
        ("sed -i 's/a/b/' system/decomposeParDict", NOTHING),
        ("fluent 3ddp -g -t8 -i a.jou", cpus(8)),
        ("fluent 3ddp -t$SLURM_NTASKS -i a.jou", NOTHING),
        ("fluent 3ddp -t$N -i a.jou", ALL_CPUS),
        ("ansys212 -b -np 4 -m 8000 -i a.dat", both(8000, 4)),
        ("abaqus job=a cpus=8 memory=6gb interactive", both(6144, 8)),
        ("abaqus job=a cpus=$SLURM_NTASKS memory=\"90%\"", ALL_MEMORY),
        ("matlab -r \"parpool('local', 6); run; exit\"", cpus(6)),
        ("matlab -batch \"parpool(6); run\"", cpus(6)),
        ("N=6\nmatlab -r \"parpool($N); run\"", cpus(6)),
        (
            "matlab -r \"parpool('local', str2num(getenv('SLURM_CPUS_PER_TASK')))\"",
            NOTHING,
        ),
        (
            "matlab -r \"parpool('local', $SLURM_CPUS_PER_TASK)\"",
            NOTHING,
        ),
        // Memory.
        (
            "cellranger count --id=a --localcores=8 --localmem=64",
            mib(65536),
        ),
        (
            "cellranger count --id=a --localcores 8 --localmem 64",
            mib(65536),
        ),
        ("cellranger count --id=a", ALL_MEMORY),
        ("cellranger --version", NOTHING),
        ("spades.py -t 8 -m 48 -o out", mib(49152)),
        ("metaspades.py -m 48 -o out", mib(49152)),
        ("ray start --head --num-cpus 4", ALL_MEMORY),
        (
            "ray start --head --object-store-memory 4294967296",
            mib(4096),
        ),
        ("tool --mem_mb 32000 --nthreads 4", mib(32000)),
        ("tool --mem-gb=16", mib(16384)),
        ("snakemake --cores 4 --resources mem_mb=16000", mib(16000)),
        ("export SPARK_DRIVER_MEMORY=20g", mib(20480)),
        ("canu maxMemory=32g maxThreads=8 useGrid=false", mib(32768)),
        // What the rules of Snakemake ask for is for jobs of their own, or is this job's own request.
        (
            "snakemake --cluster 'x' -j 9 --default-resources mem_mb=64000",
            NOTHING,
        ),
        (
            "python -m snakemake --target-jobs 'a' --allowed-rules a --resources 'mem_mb=64000'",
            NOTHING,
        ),
        (
            "snakemake --executor=slurm -j 9 --default-resources mem_mb=64000",
            NOTHING,
        ),
        (
            "snakemake --profile=x -j 9 --default-resources mem_mb=64000",
            NOTHING,
        ),
        (
            "snakemake -e slurm -j 9 --default-resources mem_mb=64000",
            NOTHING,
        ),
        ("echo -e \"%mem=8GB\" > a.com", mib(8192)),
        // Nextflow's tasks in the job itself.
        (
            "export NXF_OPTS='-Xmx1G'\nnextflow run main.nf -resume",
            mib(1024 + 102 + 256),
        ),
        (
            "export NXF_OPTS='-Xmx1G'\nnextflow run main.nf -profile uppmax",
            mib(1024 + 102 + 256),
        ),
        (
            "export NXF_OPTS='-Xmx1G'\nnextflow run main.nf -profile singularity",
            ALL,
        ),
        (
            "export NXF_OPTS='-Xmx1G' NXF_EXECUTOR=local\nnextflow run main.nf",
            ALL,
        ),
        (
            "export NXF_OPTS='-Xmx1G'\nnextflow run main.nf -process.executor local",
            ALL,
        ),
        ("nextflow run main.nf -profile singularity", ALL),
        ("nextflow run main.nf", ALL),
        (
            "nextflow run main.nf -profile singularity,slurm",
            ALL_MEMORY,
        ),
        (
            "export NXF_OPTS='-Xms500M -Xmx2G'\nnextflow run main.nf -profile slurm -resume",
            mib(2048 + 204 + 256),
        ),
        (
            "export NXF_EXECUTOR=slurm NXF_OPTS='-Xmx1G'\nnextflow run main.nf",
            mib(1024 + 102 + 256),
        ),
        ("nextflow pull nf-core/rnaseq", NOTHING),
        ("nextflow -v", NOTHING),
        // Java's heap for every machine of the script.
        (
            "export _JAVA_OPTIONS=-Xmx4g\njava -jar a.jar",
            mib(4096 + 409 + 256),
        ),
        (
            "GATK=/opt/gatk/gatk\n$GATK HaplotypeCaller -I a",
            ALL_MEMORY,
        ),
        (
            "GATK=/opt/gatk/gatk\n$GATK --java-options -Xmx4g A",
            mib(4096 + 409 + 256),
        ),
        ("bbduk.sh in=a out=b", ALL_MEMORY),
        ("bbduk.sh -Xmx4g in=a out=b", mib(4096 + 409 + 256)),
    ]);
}

#[test]
fn inputs_that_stand_in_the_script_are_read() {
    let both = |mib, cpus| (Some(Some(mib)), Some(Some(cpus)));
    assert_floors(&[
        (
            "cat > a.com <<EOF\n%nprocshared=8\n%mem=12GB\n#p b3lyp opt\nEOF\ng16 a.com",
            both(12288, 8),
        ),
        (
            "cat > a.com <<'EOF'\n%NProcShared=4\n%Mem=500MW\nEOF",
            both(4000, 4),
        ),
        ("g16 <<END\n%mem=${M}GB\nEND", ALL_MEMORY),
        ("M=6\ng16 <<END\n%mem=${M}GB\nEND", mib(6144)),
        (
            "export GAUSS_MDEF=6GB GAUSS_PDEF=4\ng16 a.com",
            both(6144, 4),
        ),
        ("echo \"%mem=8GB\" >> a.com", mib(8192)),
        ("echo \"%mem=${usage[1]}\" >> trace", NOTHING),
        (
            "cat > a.inp <<EOF\n! B3LYP\n%maxcore 3000\n%pal nprocs 8 end\nEOF\norca a.inp",
            both(24000, 8),
        ),
        (
            "cat > a.inp <<EOF\n! B3LYP PAL4\n%MaxCore 2000\nEOF",
            mib(8000),
        ),
        (
            "cat > a.inp <<EOF\n%pal\n nprocs $SLURM_NTASKS\nend\n%maxcore 1000\nEOF",
            mib(4000),
        ),
        ("nprocs=16\n./a", NOTHING),
    ]);
}

#[test]
fn what_is_for_another_job_or_only_said_is_no_floor() {
    assert_floors(&[
        // Written for another job.
        (
            "cat > b.sh <<EOF\n#!/bin/bash\n#SBATCH --mem=64G\nsrun --mem=64G -n 32 ./b\nEOF\nsbatch b.sh",
            NOTHING,
        ),
        (
            "sbatch <<EOF\n#!/bin/bash\nsrun --mem=64G ./b\njava -Xmx40g -jar b.jar\nEOF",
            NOTHING,
        ),
        (
            "sbatch <<-'EOF'\n\tsrun -n 9 ./b\n\tEOF\nsrun -n 2 ./a",
            cpus(2),
        ),
        ("echo \"#SBATCH --mem=64G\" >> b.sh", NOTHING),
        ("echo \"#SBATCH --mem=$M\" >> b.sh", NOTHING),
        ("echo \"srun -n 64 ./b\" >> b.sh; sbatch b.sh", NOTHING),
        ("HEAD='#SBATCH --mem-per-cpu=4000'", NOTHING),
        ("sed -i 's/#BSUB -R mem=90GB/x/' b.lsf", NOTHING),
        // Printed.
        ("cat <<EOF\nmemory: $SLURM_MEM_PER_NODE\nEOF", NOTHING),
        (
            "cat << EOF\n==== $SLURM_NTASKS tasks, $(date) ====\nEOF",
            NOTHING,
        ),
        // A function that prints may be called into a file, and so may a block.
        (
            "show() {\ncat <<EOF\nmemory: $SLURM_MEM_PER_NODE\nEOF\n}",
            ALL_MEMORY,
        ),
        (
            "(\ncat <<EOF\nmemory: $SLURM_MEM_PER_NODE\nEOF\n) > limits",
            ALL_MEMORY,
        ),
        (
            "cat <<EOF | ./a\nmemory: $SLURM_MEM_PER_NODE\nEOF",
            ALL_MEMORY,
        ),
        (
            "cat <<EOF\nhalf: $(half $SLURM_MEM_PER_NODE)\nEOF",
            ALL_MEMORY,
        ),
        ("./a <<EOF\nmemory: $SLURM_MEM_PER_NODE\nEOF", ALL_MEMORY),
        (
            "cat <<EOF > limits\nmemory: $SLURM_MEM_PER_NODE\nEOF",
            ALL_MEMORY,
        ),
        ("echo \"memory: $SLURM_MEM_PER_NODE\" >> run.log", NOTHING),
        ("echo \"memory: $SLURM_MEM_PER_NODE\" >&2", NOTHING),
        (
            "echo -e \"\\n memory & more: $SLURM_MEM_PER_NODE\"",
            NOTHING,
        ),
        ("echo \"  -m <size>  as $SLURM_MEM_PER_NODE\"", NOTHING),
        // Comments behind a command.
        ("./a  # takes $SLURM_MEM_PER_NODE", NOTHING),
        ("./a # srun --mem=9G", NOTHING),
        ("sort -S 1G '# x' # -S 9G", mib(1024)),
        // Names without a program.
        ("conda activate gatk", NOTHING),
        ("mkdir -p results/gatk", NOTHING),
        ("lang=\"java\"", NOTHING),
        ("GATK=/opt/gatk/gatk", NOTHING),
        ("if command -v java > /dev/null; then ./a; fi", NOTHING),
        ("for tool in java gatk; do module load $tool; done", NOTHING),
        ("MEM=16G", NOTHING),
        ("MEM=${MEM:-}", NOTHING),
        ("readonly MEMORY='16G'", NOTHING),
        ("case $o in\nm) MEMORY=$OPTARG;;\nesac", NOTHING),
        ("gcc -I$NVSHMEM_HOME/include $F", NOTHING),
        ("grep -ic '%NProcShared' $F", NOTHING),
        ("awk -v mem_total=$X '{ print }' a", NOTHING),
        // Other memory.
        (
            "vllm serve --gpu-memory 40G --gpu-memory-utilization 0.9",
            NOTHING,
        ),
        ("numactl --membind=1 ./a", NOTHING),
        ("cmake -DSEPARATE_MEMORY=1 ..", NOTHING),
        ("python train.py --low_cpu_mem_usage 1 --pin-mem 1", NOTHING),
        ("python train.py --replay-memory 100000", NOTHING),
    ]);
}

#[test]
fn every_command_of_a_line_is_read() {
    assert_floors(&[
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
fn pipes_settings_and_expressions_that_are_common_are_no_floor() {
    let java = |gib: u64| mib(gib * 1024 + gib * 1024 / 10 + 256);
    assert_floors(&[
        // A pipe, and nothing in the background.
        ("srun -n 8 ./a |& tee log", cpus(8)),
        ("java -Xmx4g -jar a.jar |& tee -a log", java(4)),
        ("srun -n 8 ./a || b & c", ALL_CPUS),
        // Dots that read no file.
        (
            "THREADS=8\nfind . -name '*.fq'\nsrun -c $THREADS ./a",
            cpus(8),
        ),
        ("T=8\ncmake --build . -j 4\nsrun -c $T ./a", cpus(8)),
        ("T=8\ntar c . | pigz > a\nsrun -c $T ./a", cpus(8)),
        ("MEM=4\n# source x\njava -Xmx${MEM}g -jar a.jar", java(4)),
        (
            "MEM=4\necho open source is good\njava -Xmx${MEM}g -jar a.jar",
            java(4),
        ),
        (
            "T=8\nsource /opt/intel/oneapi/setvars.sh\n. /opt/GMXRC\nsource $AMBERHOME/amber.sh\nsrun -c $T ./a",
            cpus(8),
        ),
        // Those that do.
        ("T=8\n[ -f cfg ] && . cfg\nsrun -c $T ./a", ALL_CPUS),
        ("T=8\nif x; then source cfg; fi\nsrun -c $T ./a", ALL_CPUS),
        ("T=8\ntest -f cfg || { . cfg; }\nsrun -c $T ./a", ALL_CPUS),
        ("T=8; set -a; source cfg; srun -c $T ./a", ALL_CPUS),
        ("T=8\ncase x in\na) . cfg;;\nesac\nsrun -c $T ./a", ALL_CPUS),
        // Expressions of a program's own.
        (
            "bcftools filter -i 'QUAL>=20' --threads $SLURM_CPUS_PER_TASK a",
            NOTHING,
        ),
        (
            "bcftools view -i 'AF==0.5' --threads $SLURM_CPUS_PER_TASK a",
            NOTHING,
        ),
        ("pip install x==2.5 && ./a -t $SLURM_CPUS_PER_TASK", NOTHING),
        ("T=$SLURM_CPUS_PER_TASK\npip install x==2.5 -t $T", NOTHING),
        // Comparisons.
        ("[[ $SLURM_NTASKS == 4 ]] || exit", ALL_CPUS),
        ("[ \"$SLURM_NTASKS\" != \"4\" ] && exit", ALL_CPUS),
        ("[[ 4 == $SLURM_NTASKS ]] || exit", ALL_CPUS),
        ("[ $((SLURM_NTASKS % 4)) == 2 ] || exit", ALL_CPUS),
        ("N=$(nproc)\n[[ 4 == \"$N\" ]] || exit", ALL_CPUS),
        (
            "python -c \"assert int(os.environ['SLURM_NTASKS']) >= 4\"",
            ALL_CPUS,
        ),
        // Names that end as one that counts.
        (
            "predict.py --seq x.fa --threads $SLURM_CPUS_PER_TASK",
            NOTHING,
        ),
        ("run_rnaseq --threads $SLURM_CPUS_PER_TASK", NOTHING),
        ("tool -seq a --threads $SLURM_CPUS_PER_TASK", NOTHING),
        ("parallel ./a ::: $(/usr/bin/seq $SLURM_NTASKS)", ALL_CPUS),
        // A comment that seems to change a variable.
        ("C=8\n# C++ by hand\nsrun -c $C ./a", cpus(8)),
        ("T=8\n# per read T\nsrun -c $T ./a", cpus(8)),
    ]);
}

#[test]
fn what_is_only_printed_is_no_floor_in_whatever_form() {
    assert_floors(&[
        ("echo \"mem $SLURM_MEM_PER_NODE on $(hostname)\"", NOTHING),
        ("echo \"mem $SLURM_MEM_PER_NODE at `date +%F`\"", NOTHING),
        ("echo \"mem $SLURM_MEM_PER_NODE\" | tee log", NOTHING),
        (
            "echo \"mem $SLURM_MEM_PER_NODE\" |& tee -a run.log",
            NOTHING,
        ),
        ("echo $SLURM_MEM_PER_NODE", NOTHING),
        ("if x; then echo \"mem $SLURM_MEM_PER_NODE\"; fi", NOTHING),
        (
            "if x; then a; else echo \"mem $SLURM_MEM_PER_NODE\"; fi",
            NOTHING,
        ),
        (
            "for a in b; do echo \"mem $SLURM_MEM_PER_NODE\"; done",
            NOTHING,
        ),
        ("echo \"== $SLURM_NTASKS tasks, $(date) ==\"", NOTHING),
        // Read elsewhere.
        ("echo \"mem $(half $SLURM_MEM_PER_NODE)\"", ALL_MEMORY),
        ("echo \"$(srun --mem=1G hostname)\"", mib(1024)),
        ("echo \"mem $SLURM_MEM_PER_NODE\" | tee a.cfg", ALL_MEMORY),
        (
            "echo \"mem $SLURM_MEM_PER_NODE\" | tee log | ./a",
            ALL_MEMORY,
        ),
        (
            "half() {\n echo $SLURM_MEM_PER_NODE\n}\n./a $(half)",
            ALL_MEMORY,
        ),
        ("{\n echo $SLURM_MEM_PER_NODE\n} > limits", ALL_MEMORY),
        (
            "for a in b; do echo \"mem $SLURM_MEM_PER_NODE\"; done > cfg",
            ALL_MEMORY,
        ),
        (
            "for a in b; do\n echo $SLURM_MEM_PER_NODE\ndone | ./a",
            ALL_MEMORY,
        ),
        (
            "while read a; do\n echo $SLURM_MEM_PER_NODE\ndone < in > out",
            ALL_MEMORY,
        ),
        ("exec > cfg\necho $SLURM_MEM_PER_NODE", ALL_MEMORY),
        ("M=$(cd a; echo $SLURM_MEM_PER_NODE)", ALL_MEMORY),
        ("M=$(cd a\n echo $SLURM_MEM_PER_NODE)", ALL_MEMORY),
        ("M=$(\n echo $SLURM_MEM_PER_NODE\n)", ALL_MEMORY),
    ]);
}

#[test]
fn options_and_variables_that_only_seem_to_be_memory_are_no_floor() {
    let long = format!("sort a {}", "b".repeat(5000));
    assert_floors(&[
        ("train.py --mem_len 600 --memory-slots 64", NOTHING),
        ("plink --memory 16000 --bfile a", mib(16000)),
        ("/opt/plink2 --memory 16000", mib(16000)),
        ("fastqc --memory 4096 a.fq", mib(4096)),
        ("env -u SLURM_MEM_PER_CPU ./a", NOTHING),
        ("export SLURM_MEM_BIND=", NOTHING),
        (
            "env -u SLURM_MEM_PER_CPU ./a $SLURM_MEM_PER_NODE",
            ALL_MEMORY,
        ),
        (
            "env -u SLURM_MEM_PER_CPU cat /sys/fs/cgroup/memory.max",
            ALL_MEMORY,
        ),
        ("find /usr/lib/java -name a.so", NOTHING),
        ("find . -name a -exec java -jar a.jar {} +", ALL_MEMORY),
        ("sdk use java 17", NOTHING),
        (&long, NOTHING),
        (&format!("{long} | sort -S 1G"), ALL_MEMORY),
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
fn variables_of_hostile_scripts_are_looked_up_a_few_times_only() {
    let mut script = String::new();
    for number in 0..4000 {
        script.push_str(&format!(
            "A{number}=$A{}\nsrun -n $A{number} x\n",
            number + 1
        ));
    }
    assert_eq!(floor(&script), ALL_CPUS);
    assert_eq!(
        floor(&"T=$SLURM_NTASKS\nT=$T$T$T$T\nsrun -c $T x\n".repeat(500)).0,
        None
    );
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
            java(40),
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
fn what_nobody_says_is_no_floor() {
    assert_floors(&[
        ("NP=${NP:-$SLURM_NTASKS}; mpirun -np $NP ./a", NOTHING),
        ("NP=${NP:-8}\nmpirun -np $NP ./a", cpus(8)),
        ("srun -n ${N:-8} ./a", cpus(8)),
        ("srun -n ${N:=8} ./a", cpus(8)),
        ("N=4\nsrun -n ${N:-8} ./a", cpus(4)),
        ("srun -n ${N:-$M} ./a", ALL_CPUS),
        // The site's profile may know.
        ("nextflow run main.nf -profile uppmax", ALL_MEMORY),
        (
            "nextflow run main.nf -profile singularity,crick",
            ALL_MEMORY,
        ),
        (
            "export NXF_OPTS=-Xmx1g\nnextflow run x -c slurm.config",
            mib(1024 + 102 + 256),
        ),
        ("nextflow run x -c my.config", ALL_MEMORY),
        ("#N=64\nN=2\nmpirun -np $N ./a", cpus(2)),
        ("  # N=64\nN=2\nmpirun -np $N ./a", cpus(2)),
        ("export JOB_MEM=64G\n./a", NOTHING),
    ]);
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
            "T=$SLURM_N\n{}\nsrun -c {} ./a",
            "T=,".repeat(21_000),
            uses("T", 64)
        ),
        times("<<A\n"),
        times("<<A "),
        times("cat <<A\n#SBATCH\nA\n"),
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
        times("xFoam "),
        times("[ -lt "),
        times("source "),
        times("cat <<A\n$(date\nA\n"),
        times("cat <<A\n`date` $(date)\nA\n"),
        format!("echo $SLURM_MEM_PER_NODE\n{}", times(" ) \n")),
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
        "sbatch a;",
        "echo a>",
        "$(date ",
        "echo $(date);",
        "echo $SLURM_MEM_PER_NODE;",
        "do echo a|tee ",
        "==",
        "a >= ",
        "seq ",
        "${a[",
        "-u SLURM_MEM_",
    ] {
        let most = LONGEST_LINE - 40;
        let line = format!("srun -n 1 java mem=$T {}", text.repeat(most / text.len()));
        for head in ["", "T=$SLURM_NTASKS\n", "T=$((T+T+T+T+T+T))\n"] {
            let _whatever_it_is = floor(&format!("{head}{}", times(&format!("{line}\n"))));
        }
    }
}
