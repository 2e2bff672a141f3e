//! Forms in which a size may be written that are read as the usual ones are.

use super::*;

#[test]
fn letters_that_srun_takes_as_one_word_are_options_each() {
    assert_floors(&[
        ("srun -ln3 ./a", cpus(3)),
        ("srun -uvn 3 ./a", cpus(3)),
        ("srun -Kc3 ./a", cpus(3)),
        ("srun -lc $N ./a", ALL_CPUS),
        ("srun -l ./a -un3", NOTHING),
        ("mpirun -np 2 ./a -ln3", cpus(2)),
    ]);
}

#[test]
fn a_limit_of_dasks_workers_that_another_line_says_is_not_known() {
    assert_floors(&[
        (
            "import dask\nm = '2GB'\nc = LocalCluster(n_workers=2, memory_limit=m)",
            ALL_MEMORY,
        ),
        (
            "import dask\nc = LocalCluster(n_workers=2, memory_limit=None)",
            NOTHING,
        ),
    ]);
}

#[test]
fn names_of_memory_are_known_by_their_words() {
    assert_floors(&[
        ("export GOMEMLIMIT=3GiB\n./a", mib(3072)),
        ("export GDAL_CACHEMAX=3000\ngdalwarp a b", mib(3000)),
        ("GOMEMLIMIT=3000MiB ./a", mib(3000)),
        ("./a --ram-gb 3", mib(3072)),
        ("./a --max-ram=3G", mib(3072)),
        ("./a -RAM=3G", mib(3072)),
        ("./a --ram_mb 3000", mib(3000)),
        ("./a --program-gb 3", NOTHING),
        ("./a --frame 3 --ramp 4G", NOTHING),
    ]);
}

#[test]
fn settings_and_inputs_name_their_unit_beside_the_number() {
    let text = |text: &str| format!("cat > a.in <<E\n{text}\nE\n./a a.in");
    let mut cases = Vec::new();
    for (said, right) in [
        ("{\"memory_mb\": 3000}", mib(3000)),
        ("max_memory_gb = 3", mib(3072)),
        ("memory: 3", NOTHING),
        ("memory 3 GB", mib(3072)),
        ("Memory 3000 mb", mib(3000)),
        ("memory total 3000 mb", mib(3000)),
        ("memory stack 1000 mb heap 500 mb global 1500 mb", mib(3000)),
        ("memory,300,m", ALL_MEMORY),
        ("memory of 3 cells", NOTHING),
    ] {
        cases.push((text(said), right));
    }
    let of_each = text("memory total 3000 mb") + "\nmpirun nwchem a.in";
    cases.push((of_each, ALL_MEMORY));
    let cases: Vec<_> = cases
        .iter()
        .map(|(script, right)| (script.as_str(), *right))
        .collect();
    assert_floors(&cases);
}

#[test]
fn a_list_of_another_language_over_several_lines_is_one_command() {
    let python = |script: &str| {
        let script = format!("#!/usr/bin/env python3\n{script}\n");
        let floor = Floor::of(script.as_bytes(), FOUR);
        let least = |reliance: Option<crate::relies::Reliance>| reliance.map(|one| one.least);
        (least(floor.memory), least(floor.cpus))
    };
    for (script, right) in [
        (
            "run(\n    [\n        \"mpiexec\",\n        \"-n\",\n        \"3\",\n    ]\n)",
            cpus(3),
        ),
        (
            "run([\n  'samtools', 'sort',\n  '-m', '1G',\n  '-@', '2'], check=True)",
            mib(2048),
        ),
        ("run([\n  'sort',\n  '-S', '3G',\n])", mib(3072)),
        (
            "import dask\nc = LocalCluster(\n  n_workers=2,\n  memory_limit=args.limit,\n)",
            ALL_MEMORY,
        ),
        (
            "cmd = ['srun', '--label']\ncmd += ['-n', '3']\ncmd.append('./a')\nrun(cmd)",
            cpus(3),
        ),
        (
            "cmd = [\n  'samtools', 'sort',\n]\nif x:\n  cmd.extend(['-m', '1G'])\ncmd += ['-@', '2']",
            mib(2048),
        ),
        ("cmd = ['sort']\nmycmd += ['-S', '3G']", NOTHING),
        ("system2('srun', c('-n', '3', './a'))", cpus(3)),
        (
            "system2(\n  'mpirun',\n  args = c('-np', '3', './a')\n)",
            cpus(3),
        ),
        ("print('a (')\nrun(['sort', '-S', '3G'])", mib(3072)),
        (
            "\"\"\"It's (old\n\"\"\"\nrun(['sort', '-S', '3G'])",
            mib(3072),
        ),
        ("run([\n  'ls',\n  '-S'])\nx = '3G'", NOTHING),
    ] {
        assert_eq!(python(script), right, "{script}");
    }
}
