//! Programs that take a share of what the job has, in the words of their language.

use super::*;

#[test]
fn clusters_in_python_take_what_there_is() {
    let python = |code: &str| format!("python3 - <<EOF\n{code}\nEOF");
    for code in [
        "from dask.distributed import Client\nc = Client(n_workers=16)",
        "from dask.distributed import Client\nc = Client()",
        "import dask.distributed as d\nc = d.Client(threads_per_worker=1)",
        "from dask.distributed import LocalCluster\nc = LocalCluster()",
        "from dask.distributed import Client, LocalCluster\nwith LocalCluster(n_workers=4) as c:\n  pass",
        "import ray\nray.init()",
        "import ray\nray.init(num_cpus=4)",
    ] {
        assert_eq!(floor(&python(code)).0, Some(None), "{code}");
        let script = format!("#!/usr/bin/env python3\n{code}\n");
        let floor = Floor::of(script.as_bytes(), FOUR);
        assert_eq!(floor.memory.map(|it| it.least), Some(None), "{code}");
    }
    assert_floors(&[
        ("python -c 'import ray; ray.init()'", ALL_MEMORY),
        (
            "python -c 'from dask.distributed import Client; Client(); run()'",
            ALL_MEMORY,
        ),
        // Of another cluster, with a size, or something else of that name.
        (
            "python -c 'from dask.distributed import Client; Client(\"tcp://a:1\")'",
            NOTHING,
        ),
        (
            "python -c 'from dask.distributed import Client; c = Client(scheduler_file=\"a\")'",
            NOTHING,
        ),
        (
            "python <<EOF\nfrom dask.distributed import Client\nc = Client(cluster)\nEOF",
            NOTHING,
        ),
        (
            "python <<EOF\nfrom dask.distributed import Client\nc = Client(address=a)\nEOF",
            NOTHING,
        ),
        ("python -c 'import boto; Client()'", NOTHING),
        (
            "python -c 'import ray; ray.init(address=\"auto\")'",
            NOTHING,
        ),
        (
            "python -c 'import ray; ray.init(object_store_memory=4*1024**3)'",
            ALL_MEMORY,
        ),
        (
            "python -c 'import ray; ray.init(num_cpus=4, object_store_memory=4294967296)'",
            mib(4096),
        ),
    ]);
}

#[test]
fn programs_that_no_size_is_told_take_a_share() {
    assert_floors(&[
        ("scala a.jar", ALL_MEMORY),
        ("scala -J-Xmx4g a.jar", mib(4096 + 409 + 256)),
        ("ant build", ALL_MEMORY),
        ("gradle build", ALL_MEMORY),
        ("groovy a.groovy", ALL_MEMORY),
        ("sbt run", ALL_MEMORY),
        ("dotnet a.dll", ALL_MEMORY),
        ("dotnet --info", NOTHING),
        ("duckdb a.db < q.sql", ALL_MEMORY),
        (
            "duckdb a.db -c \"SET memory_limit='4GB'; SELECT 1\"",
            mib(4096),
        ),
        ("supernova run --id=a --fastqs=b", ALL_MEMORY),
        ("supernova run --id=a --localmem=64", mib(65536)),
        ("loglog.sh in=a.fq", ALL_MEMORY),
        ("bloomfilter.sh in=a.fq out=b.fq", ALL_MEMORY),
        ("rqcfilter2.sh in=a.fq", ALL_MEMORY),
        ("removehuman.sh in=a.fq", ALL_MEMORY),
        ("bbduk in=a.fq out=b.fq", ALL_MEMORY),
        ("bbduk -Xmx4g in=a.fq out=b.fq", mib(4096 + 409 + 256)),
        ("module load scala ant dotnet duckdb", NOTHING),
        ("want scalar descant", NOTHING),
        ("python train.py --env ant --seed 1", NOTHING),
        ("pip install duckdb pandas", NOTHING),
        ("./dedupe in=a.fq", NOTHING),
    ]);
}
