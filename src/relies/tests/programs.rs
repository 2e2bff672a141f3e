//! Programs that are given how much they may use.

use super::*;

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
            mib(4096 + 409 + 256),
        ),
        ("dask worker tcp://a:1 --memory-limit 10GiB", mib(20480)),
        // Each worker of Dask has its own limit.
        (
            "dask worker tcp://a:1 --nworkers 4 --memory-limit 1GiB",
            mib(8192),
        ),
        (
            "dask worker tcp://a:1 --nworkers $N --memory-limit 1GiB",
            ALL_MEMORY,
        ),
        (
            "c = LocalCluster(n_workers=4, memory_limit=\"1GB\")",
            mib(8192),
        ),
        (
            "from dask.distributed import Client\nc = Client(\n  n_workers=4,\n  memory_limit=\"1GB\",\n)",
            mib(8192),
        ),
        ("c = LocalCluster(memory_limit=\"1GB\")", ALL_MEMORY),
        (
            "c = dask.LocalCluster(n_workers = 4, memory_limit = \"1GB\")",
            mib(8192),
        ),
        ("app.run(memory_limit=\"1GB\")", mib(1024)),
        ("tool --member 5G --remember 2G", NOTHING),
        ("node --max-old-space-size=6144 a.js", mib(6144)),
        ("export NODE_OPTIONS=\"--max_old_space_size=512\"", mib(512)),
        ("NODE_OPTIONS=--max-old-space-size=512 npm run a", mib(512)),
        ("tool --heap 6g", mib(6144)),
        ("tool --max-heap=6g", mib(6144)),
        ("tool --cheap 6", NOTHING),
        ("mvn package", ALL_MEMORY),
        (
            "export MAVEN_OPTS=-Xmx2g\nmvn package",
            mib(2048 + 204 + 256),
        ),
        ("module load mvn java", NOTHING),
        // A plain number is bytes, or KiB.
        ("samtools sort -@4 -m 1610612736 in.bam", mib(6144)),
        ("samtools sort --threads 4 -m1073741824 in.bam", mib(4096)),
        ("sort -S 6000000 big", mib(5860)),
        ("sort -S 2G big", mib(2048)),
        ("sort -S50% big", ALL_MEMORY),
        ("sort --buffer-size=512M big", mib(512)),
        ("sort big", NOTHING),
        ("samtools sort -@ 4 -m 2G in.bam", mib(8192)),
        ("samtools sort -@ $T -m 1G in.bam", mib(4096)),
        ("samtools view in.bam | samtools sort -m1G -", mib(1024)),
        ("sort -S 1G a | sort -S 5G; sort -S 2G c", mib(6144)),
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
        ("abaqus job=a cpus=8 memory=\"6 gb\"", both(6144, 8)),
        ("abaqus job=a mem=\"4000 mb\"", mib(4000)),
        ("abq2023 job=a cpus=8 interactive", cpus(8)),
        ("abq2023 job=a memory=\"90 %\"", ALL_MEMORY),
        ("mapdl -b -np 6 -dis -i a.dat", cpus(6)),
        ("module load mapdl", NOTHING),
        ("g16 -m=6GB -p=8 a.gjf", both(6144, 8)),
        ("g16 -m=131072000 a.gjf", mib(1000)),
        ("g16 -c=\"0-3\" a.gjf", ALL_CPUS),
        ("g16 a.gjf", NOTHING),
        ("numactl --physcpubind=0-3 ./a", ALL_CPUS),
        ("numactl -C 0-3 ./a", ALL_CPUS),
        ("numactl -C 0 ./a", NOTHING),
        ("numactl -m 0 ./a -C 8", ALL_CPUS),
        ("numactl --interleave=all ./a", NOTHING),
        ("taskset -c 0-3 ./a", ALL_CPUS),
        ("srun --cpu-bind=map_cpu:0,1,2,3 -n 4 ./a", ALL_CPUS),
        ("srun --cpu-bind=v,map_cpu:0x0,0x1 -n 4 ./a", ALL_CPUS),
        ("srun --cpu-bind mask_cpu:0xff,0xff00 -n 2 ./a", ALL_CPUS),
        ("srun --cpu-bind=cores -n 4 ./a", cpus(4)),
        ("export SLURM_CPU_BIND=map_cpu:0,1\nsrun ./a", ALL_CPUS),
        ("SLURM_CPU_BIND=mask_cpu:0x3 srun ./a", ALL_CPUS),
        ("export SLURM_CPU_BIND=cores", NOTHING),
        ("mpirun --cpu-set 0-15 -np 4 ./a", ALL_CPUS),
        ("mpirun --cpu-list 0,2 -np 2 ./a", ALL_CPUS),
        ("likwid-pin -c 0-15 ./a", ALL_CPUS),
        ("likwid-pin -c S0:0-3 ./a", ALL_CPUS),
        ("hwloc-bind core:0-15 ./a", ALL_CPUS),
        ("hwloc-bind core:0-15 -- ./a", ALL_CPUS),
        ("hwloc-bind --strict pu:4 ./a", ALL_CPUS),
        ("export I_MPI_PIN_PROCESSOR_LIST=0-15", ALL_CPUS),
        ("export I_MPI_PIN_PROCESSOR_LIST=allcores", NOTHING),
        ("export GOMP_CPU_AFFINITY=0-15", ALL_CPUS),
        ("GOMP_CPU_AFFINITY=\"0 1 2 3\" ./a", ALL_CPUS),
        ("export KMP_AFFINITY=\"explicit,proclist=[0-7]\"", ALL_CPUS),
        ("export KMP_AFFINITY=granularity=fine,compact,1,0", NOTHING),
        ("kmc -k31 -m48 a.fq b", mib(48 << 10)),
        // For each of the processes, in words of eight bytes.
        ("molpro -n 4 -m 200m a.inp", both(6400, 4)),
        ("molpro -n4 -m 200000000 a.inp", both(6104, 4)),
        ("molpro -m 200m a.inp", mib(1600)),
        ("molpro -n $N -m 200m a.inp", ALL),
        // Bytes, or a share.
        ("megahit -m 50000000000 -1 a.fq", mib(47684)),
        ("megahit -m 0.5 -1 a.fq", ALL_MEMORY),
        ("megahit -t 4 -1 a.fq", ALL_MEMORY),
        ("megahit --memory 50e9 -r a.fq", mib(47684)),
        ("dalton -N 16 -gb 4 a", both(64 << 10, 16)),
        ("dalton -gb 4 a", mib(4096)),
        ("dalton -N 4 -mb 1000 a", both(4000, 4)),
        ("pam --mpi=16 --mb=4000 a.inp", both(64000, 16)),
        ("optistruct a.fem -nt 8 -len 40000", mib(40000)),
        ("start-worker.sh -m 48G spark://a:7077", mib(48 << 10)),
        (
            "$SPARK_HOME/sbin/start-worker.sh -c 8 spark://a:7077",
            ALL_MEMORY,
        ),
        // Processes.
        ("export PARNODES=16\nridft", cpus(16)),
        ("export PARNODES=$SLURM_NTASKS\nridft", NOTHING),
        ("PARNODES=$N ridft", ALL_CPUS),
        ("export MOLCAS_NPROCS=8", cpus(8)),
        ("ams -n 16 < a.run", cpus(16)),
        ("\"$AMSBIN/ams\" -n 16 < a.run", cpus(16)),
        ("rungms a 01 16", cpus(16)),
        ("rungms a 01 $SLURM_NTASKS", NOTHING),
        ("rungms a.inp 01 $N > a.log", ALL_CPUS),
        ("rungms a", NOTHING),
        ("runmpi23 16", cpus(16)),
        ("runcrystal", NOTHING),
        ("horovodrun -np 16 python a.py", cpus(16)),
        ("cd-hit-est -M 4800 -T 0 -i a", mib(4800)),
        ("cd-hit -M 0 -i a", NOTHING),
        ("novosort -m 4G a.bam", mib(4096)),
        ("sas -MEMSIZE 4G a.sas", mib(4096)),
        ("stress-ng --vm-bytes 1G -t 9", mib(1024)),
        ("stress-ng --vm 4 --vm-bytes 1G", mib(4096)),
        ("stress-ng --vm-bytes 80%", ALL_MEMORY),
        ("matlab -r \"parpool('local', 6); run; exit\"", cpus(6)),
        ("matlab -batch \"parpool(6); run\"", cpus(6)),
        ("matlab -batch \"p=parpool(6); run\"", cpus(6)),
        ("matlab -batch \"n=6; parpool(n); run\"", cpus(6)),
        (
            "# n=4\n./prep --n=4\nmatlab -batch \"n=6; parpool(n); run\"",
            cpus(6),
        ),
        ("matlab -batch \"n=size(a); parpool(n); run\"", ALL_CPUS),
        (
            "matlab -batch \"c=parcluster('local'); c.parpool(6)\"",
            cpus(6),
        ),
        (
            "matlab -batch \"c=parcluster('local'); parpool(c,6)\"",
            cpus(6),
        ),
        (
            "matlab -batch \"parpool(parcluster('local'),6); run\"",
            cpus(6),
        ),
        ("matlab -batch \"parpool([1 6]); run\"", cpus(6)),
        ("matlab -batch \"parpool local 6; run\"", cpus(6)),
        ("matlab -batch \"parpool('IdleTimeout',120); run\"", NOTHING),
        (
            "matlab -batch \"parpool(6,'IdleTimeout',120); run\"",
            cpus(6),
        ),
        ("matlab -batch \"parpool; run\"", NOTHING),
        (
            "matlab -batch \"n=str2num(getenv('SLURM_CPUS_PER_TASK')); parpool(n)\"",
            NOTHING,
        ),
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
        ("cellranger count --id=a --jobmode=local", ALL_MEMORY),
        ("cellranger count --id=a --jobmode=slurm", NOTHING),
        ("cellranger --version", NOTHING),
        // Words of eight bytes.
        ("mpp971 i=a.k memory=600m ncpu=4", mib(4800)),
        ("ls-dyna_smp_d i=a.k ncpu=4 memory=100000000", mib(768)),
        (
            "mpirun -np 4 mppdyna i=a.k memory=600m",
            (Some(None), Some(Some(4))),
        ),
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
        ("export SPARK_DRIVER_MEMORY=20g", mib(20480 + 2048 + 256)),
        ("canu maxMemory=48 maxThreads=8", mib(48 << 10)),
        ("meryl count memory=40 k=21 a.fq", mib(40 << 10)),
        ("other memory=40", NOTHING),
        ("fastqc -t 8 --memory 512 a.fq", mib(4096)),
        ("fastqc --threads $T --memory 512 a.fq", ALL_MEMORY),
        (
            "s = b.config(\"spark.driver.memory\",\"4g\")",
            mib(4096 + 409 + 256),
        ),
        (
            "c = SparkConf().set(\"spark.executor.memory\", \"4g\")",
            mib(4096 + 409 + 256),
        ),
        ("b.config(\"spark.memory.fraction\", \"0.5\")", NOTHING),
        ("c.execute(\"SET memory_limit = '4GB'\")", mib(4096)),
        ("c.execute(\"SET memory_limit = '80%'\")", NOTHING),
        ("MEM = 4G", NOTHING),
        // As csh and fish export.
        ("setenv GAUSS_MDEF 6GB", mib(6144)),
        ("setenv SPARK_DRIVER_MEMORY 4g", mib(4096 + 409 + 256)),
        ("setenv TOOL_MEMORY \"4g\"", mib(4096)),
        ("set -x TOOL_MEMORY 4g", mib(4096)),
        ("set -gx TOOL_MEMORY 4g", mib(4096)),
        ("set -x TOOL_MEM 4g", mib(4096)),
        ("export TOOL_MEM=4g", mib(4096)),
        ("TOOL_MEM=4g", NOTHING),
        ("setenv JOB_MEM 4g", NOTHING),
        ("set TOOL_MEMORY 4g", NOTHING),
        ("setenv SRUN_CPUS_PER_TASK 16\nsrun ./a", cpus(16)),
        ("setenv T 16\nsrun -c $T ./a", cpus(16)),
        ("sort -uS 3G a", mib(3072)),
        ("sort -nrS3G a", mib(3072)),
        ("sort -k2S 3G a", NOTHING),
        ("sort -t S -k2 a", NOTHING),
        ("canu maxMemory=32g maxThreads=8 useGrid=false", mib(32768)),
        ("canu -p a -d o useGrid=false -nanopore a.fq", ALL),
        ("canu -p a -d o -nanopore a.fq", NOTHING),
        ("gridss --jvmheap 4g -r r.fa a.bam", mib(4096 + 409 + 256)),
        ("toil-cwl-runner w.cwl i.yml", ALL),
        ("python w.py --batchSystem single_machine s", ALL),
        ("toil-cwl-runner --batchSystem slurm w.cwl", NOTHING),
        ("toil-stats s", NOTHING),
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
        ("bbmap.sh in1=a in2=b ref=c", ALL_MEMORY),
        ("bbmap.sh ref=c", ALL_MEMORY),
        ("/opt/bbmap/clumpify.sh in=a out=b", ALL_MEMORY),
        ("reformat.sh in=a out=b", ALL_MEMORY),
        ("./convert.sh in=a out=b", NOTHING),
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
        (
            "cat > a.com <<EOF\n%NPROCSHARED=4\n%MEM=6GB\nEOF\ng16 a.com",
            both(6144, 4),
        ),
        ("cat > a.com <<EOF\n%Nproc=4\nEOF\ng16 a.com", cpus(4)),
        (
            "cat > a.inp <<EOF\n! PAL4\n%MAXCORE 2000\nEOF",
            both(8000, 4),
        ),
        ("cat > a.inp <<EOF\n! B3LYP PAL16 opt\nEOF", cpus(16)),
        ("cat > a.inp <<EOF\n!B3LYP pal16\nEOF", cpus(16)),
        ("cat > a.inp <<EOF\n!PAL16\nEOF", cpus(16)),
        ("cat > a.inp <<EOF\n! PALETTE PAL\nEOF", NOTHING),
        ("./a PAL16", NOTHING),
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
            both(8000, 4),
        ),
        (
            "cat > a.inp <<EOF\n%pal\n nprocs $SLURM_NTASKS\nend\n%maxcore 1000\nEOF",
            mib(4000),
        ),
        ("nprocs=16\n./a", NOTHING),
        (
            "printf '! B3LYP\\n%%pal nprocs 4 end\\n%%maxcore 1500\\n' > a.inp\norca a.inp",
            both(6000, 4),
        ),
        (
            "printf \"%%nprocshared=16\\n%%mem=8GB\\n\" > a.com\ng16 a.com",
            both(8192, 16),
        ),
        (
            "cat > a.inp <<EOF\n%PAL NPROCS 16 END\nEOF\norca a.inp",
            cpus(16),
        ),
        (
            "cat > a.inp <<EOF\n%pal\n  NPROCS 16\nEND\nEOF\norca a.inp",
            cpus(16),
        ),
        (
            "sed -i \"s/%mem=.*/%mem=48GB/; s/%nprocshared=.*/%nprocshared=16/\" a.com; g16 a.com",
            both(48 << 10, 16),
        ),
        ("sed -i 's/%mem=.*/%mem=48GB/' a.com", mib(48 << 10)),
        ("sed -i 's|%nproc=.*|%nproc=8|' a.com", cpus(8)),
        ("sed -i \"s/%mem=.*/%mem=${M}GB/\" a.com", ALL_MEMORY),
        ("sed -i '/%mem=/d' a.com", NOTHING),
        ("sed 's/nprocs [0-9]*/nprocs 8/' a.inp > b.inp", cpus(8)),
        (
            "sed -i 's/%maxcore.*/%maxcore 2000/; s/nprocs.*/nprocs 8/' a.inp",
            both(16000, 8),
        ),
    ]);
}
