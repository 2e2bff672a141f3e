//! What only looks like a floor: common forms, what is printed, or written for other jobs.

use super::*;

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

#[test]
fn what_nothing_runs_is_no_floor() {
    assert_floors(&[
        (
            ": <<'COMMENT'\njava -Xmx3g -jar old.jar\nsrun -n 3 ./old\nCOMMENT\n./a",
            NOTHING,
        ),
        (
            "log() { echo \"[$(date)] $*\"; }\nlog \"mem $SLURM_MEM_PER_NODE\"",
            NOTHING,
        ),
        (
            "log() {\n  echo \"$*\" | tee -a run.log\n  printf '\\n'\n}\nlog \"mem $SLURM_MEM_PER_NODE\"",
            NOTHING,
        ),
        // Functions that do more.
        (
            "log() { echo \"$*\" > a.cfg; }\nlog \"mem $SLURM_MEM_PER_NODE\"",
            ALL_MEMORY,
        ),
        (
            "run() { echo \"$*\"; \"$@\"; }\nrun ./a --size $SLURM_MEM_PER_NODE",
            ALL_MEMORY,
        ),
        (
            "say() { echo \"$*\"; }\nM=$(say \"mem $SLURM_MEM_PER_NODE\")",
            ALL_MEMORY,
        ),
        // Sizes of other jobs.
        (
            "python - <<E\nfrom dask_jobqueue import SLURMCluster\nc = SLURMCluster(cores=8, memory=\"3GB\")\nE",
            NOTHING,
        ),
        (
            "python - <<E\nimport submitit\nx.update_parameters(mem_gb=3)\nE",
            NOTHING,
        ),
        ("python - <<E\nx.update_parameters(mem_gb=3)\nE", mib(3072)),
    ]);
}

#[test]
fn a_job_asks_about_itself_by_whatever_way() {
    assert_floors(&[
        (
            "JID=$SLURM_JOB_ID\nM=$(scontrol show job $JID | grep -oP 'mem=\\K')\n./a $M",
            ALL_MEMORY,
        ),
        (
            "M=$(scontrol show job $SLURM_JOB_ID |\n  grep -oP 'mem=\\K')\n./a $M",
            ALL_MEMORY,
        ),
        (
            "scontrol show job $SLURM_JOB_ID > j\n./a $(grep -oP 'mem=\\K' j)",
            ALL_MEMORY,
        ),
        (
            "scontrol show job $SLURM_JOB_ID > j.txt\nN=$(grep NumCPUs j.txt)",
            ALL_CPUS,
        ),
        (
            "scontrol show job $SLURM_JOB_ID > j\n./a --mem_mode x\ncat j",
            NOTHING,
        ),
        (
            "JID=$(sbatch b.sh)\nM=$(scontrol show job $JID | grep mem)\n./a $M",
            NOTHING,
        ),
    ]);
}

#[test]
fn what_a_comment_says_is_no_sign_for_the_line_below() {
    let comment = "# SLURM_MEM_PER_NODE java sort -S 5G";
    assert_eq!(floor(&format!("{comment}\necho done")), NOTHING);
    assert_eq!(floor(&format!("{comment}\nsort -S 2G x")), mib(2048));
    assert_eq!(floor(&format!("sort -S 2G x\n{comment}")), mib(2048));
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
