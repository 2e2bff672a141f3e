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
