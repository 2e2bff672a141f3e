//! Sizes of memory: without a unit, for each of several, of several together, and by pairs.

use super::*;

#[test]
fn a_size_without_a_unit_keeps_all() {
    assert_floors(&[
        ("./tool --memory 40000", ALL_MEMORY),
        ("./tool --memory 80%", ALL_MEMORY),
        ("./tool --memory 0.8", ALL_MEMORY),
        ("./tool --memory=0.8", ALL_MEMORY),
        ("./tool --max-mem 40e9", mib(38147)),
        ("./tool --max-mem=4.5e4", ALL_MEMORY),
        ("./tool --memory 0", NOTHING),
        ("./tool --memory 0.0", NOTHING),
        ("./tool --memory -1", NOTHING),
        ("export MOLCAS_MEM=6000\npymolcas a.inp", ALL_MEMORY),
        ("export TOOL_MEMORY=40000", ALL_MEMORY),
        ("TOOL_MEMORY=40000 ./tool", ALL_MEMORY),
        ("TOOL_MEMORY=8589934592 ./tool", mib(8192)),
        ("env TOOL_MEM=4000 ./tool", ALL_MEMORY),
        ("export HADOOP_HEAPSIZE=40000", ALL_MEMORY),
        ("export TOOL_MEM_MB=6000", mib(6000)),
        // Whether something is done, or a variable of the script.
        ("export USE_MEMORY=1", NOTHING),
        ("export TOOL_MEMORY=0", NOTHING),
        ("TOOL_MEMORY=40000", NOTHING),
        ("export JOB_MEM=40000", NOTHING),
        ("MEM=40000 ; ./tool", NOTHING),
        ("export PYTORCH_MEMORY_FRACTION=0.8", NOTHING),
        ("./tool memory=40", NOTHING),
    ]);
}

#[test]
fn a_size_for_each_of_several_counts_for_all_of_them() {
    assert_floors(&[
        (
            "rsem-calculate-expression -p 8 --sort-bam-memory-per-thread 5G a b",
            mib(40 << 10),
        ),
        ("./tool --mem-per-thread 5G --threads 8", mib(40 << 10)),
        ("./tool --mem-per-thread=5G --threads=8", mib(40 << 10)),
        ("./tool --memory-per-core 5G -t 8", mib(40 << 10)),
        ("./tool --mem_per_cpu 5G --ncpus 8", mib(40 << 10)),
        ("./tool --memory-per-core 5G -t $T", ALL_MEMORY),
        ("./tool --memory-per-core 5G", ALL_MEMORY),
        ("./tool --memory-per-core 500 -t 8", ALL_MEMORY),
        (
            "./tool --mem-per-cpu 2G -t $SLURM_CPUS_PER_TASK",
            ALL_MEMORY,
        ),
        (
            "Trinity --seqType fq --max_memory 20G --CPU 6 --bflyHeapSpaceMax 10G --bflyCPU 6",
            mib(6 * (10240 + 1024 + 256)),
        ),
        ("Trinity --max_memory 20G --CPU 6", mib(20 << 10)),
        (
            "Trinity --max_memory 20G --bflyHeapSpaceMax 10G",
            ALL_MEMORY,
        ),
    ]);
}

#[test]
fn sizes_that_one_program_takes_together_are_added() {
    assert_floors(&[
        (
            "java -Xmx20g -XX:MaxDirectMemorySize=20g -jar a.jar",
            mib(20480 + 2048 + 256 + 20480),
        ),
        (
            "spark-submit --driver-memory 20g --conf spark.memory.offHeap.size=30g a.py",
            mib(20480 + 2048 + 256 + 30720),
        ),
        (
            "spark-submit --driver-memory 30g --conf spark.driver.memoryOverhead=10g a.py",
            mib(30720 + 3072 + 256 + 10240),
        ),
        (
            "spark-submit --driver-memory 30g --conf spark.driver.memoryOverhead=1024 a.py",
            mib(30720 + 3072 + 256 + 1024),
        ),
        (
            "ray start --head --memory 30e9 --object-store-memory 20e9",
            mib(28611 + 19074),
        ),
        ("./tool --java-mem-size=40G", mib(40960 + 4096 + 256)),
        (
            "spark-submit --driver-memory 4g a.py",
            mib(4096 + 409 + 256),
        ),
        (
            "spark-submit --executor-memory 4g --driver-memory 2g a.py",
            mib(4096 + 409 + 256),
        ),
    ]);
}

#[test]
fn pairs_of_a_name_and_a_size_are_read() {
    assert_floors(&[
        (
            "python -c \"hl.init(spark_conf={'spark.driver.memory': '4g'})\"",
            mib(4096 + 409 + 256),
        ),
        (
            "python <<EOF\nsparknlp.start(params={\"spark.driver.memory\": \"4g\"})\nEOF",
            mib(4096 + 409 + 256),
        ),
        (
            "cat > a.yaml <<EOF\nmemory: 40GB\nEOF\n./a a.yaml",
            mib(40 << 10),
        ),
        (
            "cat > a.yaml <<EOF\n  max_memory: 40 GB\nEOF\n./a a.yaml",
            mib(40 << 10),
        ),
        (
            "cat > a.ini <<EOF\nmemory=40GB\nEOF\n./a a.ini",
            mib(40 << 10),
        ),
        (
            "cat > a.ini <<EOF\nmemory = 40GB\nEOF\n./a a.ini",
            mib(40 << 10),
        ),
        (
            "cat > a.json <<EOF\n{\"memory\": \"40GB\"}\nEOF\n./a a.json",
            mib(40 << 10),
        ),
        ("echo 'memory: 40GB' > a.yaml\n./a a.yaml", mib(40 << 10)),
        // Printed, for another job, or another memory.
        ("echo 'memory: 40GB'", NOTHING),
        ("cat <<EOF\nmemory: 40GB\nEOF", NOTHING),
        ("cat > a.sh <<EOF\n#SBATCH -n 1\nmemory: 40GB\nEOF", NOTHING),
        ("cat > a.yaml <<EOF\ngpu_memory: 40GB\nEOF", NOTHING),
        ("MEM=40GB\n./a", NOTHING),
        ("cat > a.sh <<EOF\nMEM=40GB\nEOF\nbash a.sh", NOTHING),
    ]);
}
