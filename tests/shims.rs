//! The C shims under the address and undefined behaviour sanitizers, against stand-ins for slurmctld, sbatch and
//! slurmstepd: loaded and used again and again, with submissions that no sbatch would send and marks that anybody may write.

use shadowfit_core::fingerprint::Kind;
use shadowfit_core::job::directory::{Directory, Watermark};
use shadowfit_core::job::evidence::Evidence;
use shadowfit_core::job::{Layout, Texts};
use shadowfit_core::model::learned::Learned;
use shadowfit_core::model::snapshot::Snapshot;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// How often a plugin of the installed release is loaded, and one of another.
const TIMES: &str = "1000";
const TIMES_OF_OTHERS: &str = "100";
const SPANK: [&str; 8] = [
    "spank/plugin.c",
    "spank/option.c",
    "spank/mark.c",
    "spank/hints.c",
    "spank/shadow.c",
    "spank/clone.c",
    "spank/trust.c",
    "spank/sampler.c",
];
const SCRIPT: &str = "#!/bin/bash\nbwa mem ref.fa in.fq >out.sam\n";

/// Folders of headers: the installed Slurm's, and those of other releases that were fetched.
fn releases() -> Vec<PathBuf> {
    let fetched = Path::new(env!("CARGO_MANIFEST_DIR")).join("slurm_headers");
    let entries = std::fs::read_dir(fetched).expect("it holds a page at least");
    let folders = entries.flatten().map(|entry| entry.path());
    std::iter::once("/usr/include".into())
        .chain(folders.filter(|folder| folder.is_dir()))
        .collect()
}

fn times(include: &Path) -> &'static str {
    match include == Path::new("/usr/include") {
        true => TIMES,
        false => TIMES_OF_OTHERS,
    }
}

/// A folder with a stand-in, compiled together with these sources of the shim.
fn stand_in(name: &str, sources: &[&str]) -> (tempfile::TempDir, PathBuf) {
    stand_in_of(Path::new("/usr/include"), name, sources)
}

/// The same as a release has it, whose headers are in `include`.
fn stand_in_of(include: &Path, name: &str, sources: &[&str]) -> (tempfile::TempDir, PathBuf) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join(name);
    let mut compile = Command::new("gcc");
    compile
        .args([
            "-std=gnu11",
            "-g",
            "-rdynamic",
            "-Wall",
            "-Wextra",
            "-Werror",
        ])
        .args(["-Wno-unused-parameter", "-Wno-format-truncation"])
        .args(["-fsanitize=address,undefined", "-fno-sanitize-recover=all"])
        .args(["-isystem".as_ref(), include.as_os_str()])
        .arg(root.join("tests/shims").join(format!("{name}.c")))
        .args(
            sources
                .iter()
                .map(|source| root.join("c_shim").join(source)),
        )
        .args(["-o".as_ref(), program.as_os_str(), "-ldl".as_ref()]);
    let status = compile.status().expect("gcc is there");
    assert!(status.success(), "{compile:?}");
    (folder, program)
}

fn run(program: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(program);
    let folder = program.parent().expect("it lies in a folder");
    command
        .args(arguments)
        // Programs make copies of themselves, which takes the longer the more freed memory the sanitizer keeps.
        .env("ASAN_OPTIONS", "quarantine_size_mb=8")
        .env("SHADOWFIT_CONFIG", folder.join("shadowfit.toml"));
    command.output().expect("it starts")
}

fn said(output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {stderr}", output.status);
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A snapshot that knows the kind of the plain job.
fn snapshot() -> Vec<u8> {
    let texts = Texts {
        name: b"align",
        script: SCRIPT.as_bytes(),
        ..Texts::default()
    };
    let key = Kind::of(1000, &texts, Layout::SINGLE)
        .script
        .expect("a script has a key");
    let evidence = Evidence {
        runs: 30,
        enough_mib: 900,
        longest_s: 60,
        ..Evidence::default()
    };
    let learned = Learned {
        evidence,
        ..Learned::default()
    };
    Snapshot::encode(
        [&(key, learned)].into_iter(),
        Watermark::default(),
        &Directory::default(),
    )
}

#[test]
#[ignore = "needs gcc with its sanitizers, Slurm's headers and what scripts/build made; scripts/test runs it"]
fn the_job_submit_plugin_survives_a_thousand_loads_and_every_form_of_submission() {
    for include in releases() {
        job_submit_survives(&include);
    }
}

fn job_submit_survives(include: &Path) {
    let sources = ["job_submit_shadowfit.c", "core_load.c"];
    let (folder, program) = stand_in_of(include, "slurmctld", &sources);
    let core = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/release/libshadowfit_core.so");
    std::fs::copy(core, folder.path().join("libshadowfit_core.so")).expect("the core is built");
    let config = format!(
        "state_dir = '{}'\nmodes.default = 'apply'\n",
        folder.path().display()
    );
    std::fs::write(folder.path().join("shadowfit.toml"), config).expect("writable");
    std::fs::write(folder.path().join("snapshot"), snapshot()).expect("writable");
    let script = folder.path().join("job.sh");
    std::fs::write(&script, SCRIPT).expect("writable");
    let times = times(include);
    let output = run(&program, &[times, &script.display().to_string()]);
    assert_eq!(said(&output), format!("{times} of {times} rewritten"));
    // And what goes wrong there is seen.
    let broken = run(&program, &["overflow"]);
    assert!(String::from_utf8_lossy(&broken.stderr).contains("AddressSanitizer"));
}

#[test]
#[ignore = "needs gcc with its sanitizers and Slurm's headers; scripts/test runs it"]
fn the_spank_plugin_survives_a_thousand_runs_and_marks_that_are_none() {
    for include in releases() {
        spank_survives(&include);
    }
}

fn spank_survives(include: &Path) {
    let parts = SPANK.map(str::to_owned);
    let sandbox = [
        "enter",
        "cgroups",
        "cgroup_v1",
        "cgroup_v2",
        "places",
        "root",
        "kernel",
        "network",
        "privileges",
        "user_namespace",
        "standins",
        "refusal",
    ]
    .map(|part| format!("sandbox/{part}.c"));
    let sources: Vec<&str> = parts.iter().chain(&sandbox).map(String::as_str).collect();
    let (folder, program) = stand_in_of(include, "sbatch", &sources);
    let script = folder.path().join("job.sh");
    let input = folder.path().join("in.fq");
    std::fs::write(&script, SCRIPT).expect("writable");
    std::fs::write(&input, vec![b'A'; 4321]).expect("writable");
    let [script, input] = [script, input].map(|path| path.display().to_string());
    let output = run(&program, &[times(include), &script, &input]);
    // Two values, and one mark, which root may submit and a node takes as it comes: numbers that no type holds make none.
    assert_eq!(said(&output), "input 4321, options 3 and 3");
    // One of a file server that does not answer holds nobody up, nor does what still waits for it.
    let began = std::time::Instant::now();
    let output = run(&program, &["1", &script, "/never/answers"]);
    assert_eq!(said(&output), "input , options 3 and 3");
    assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
}

#[test]
#[ignore = "needs gcc with its sanitizers and Slurm's headers; scripts/test runs it"]
fn a_node_runs_a_shadow_where_slurmctld_knows_of_it_and_nothing_of_a_forged_one() {
    for include in releases() {
        node_runs_a_shadow(&include);
    }
}

fn node_runs_a_shadow(include: &Path) {
    let (folder, program) = stand_in_of(include, "slurmstepd", &SPANK);
    let sampler = folder.path().join("shadowfit-sampler");
    std::os::unix::fs::symlink(&program, sampler).expect("writable");
    let output = run(&program, &[&folder.path().display().to_string()]);
    assert_eq!(said(&output), "70 steps, 0 wrong");
    let broken = run(&program, &["overflow"]);
    assert!(String::from_utf8_lossy(&broken.stderr).contains("AddressSanitizer"));
}

#[test]
#[ignore = "needs gcc with its sanitizers; scripts/test runs it"]
fn what_the_sandbox_reads_of_node_and_user_is_read_in_every_hostile_form() {
    let (_folder, program) = stand_in("parsers", &["sandbox/refusal.c"]);
    // Root's file system, one beside it, two of the user's own FUSE and root's; not /sys and bob's, and nothing below them.
    let right = "5 places, memory 1, 3 hosts";
    assert_eq!(said(&run(&program, &["3"])), right);
    let broken = run(&program, &["overflow"]);
    assert!(String::from_utf8_lossy(&broken.stderr).contains("AddressSanitizer"));
}

#[test]
#[ignore = "needs gcc with its sanitizers; scripts/test runs it"]
fn the_tree_of_cgroup_v2_is_read_in_every_hostile_form_and_written_where_it_must_be() {
    let (folder, program) = stand_in("cgroup_v2", &["sandbox/refusal.c"]);
    let nodes = folder.path().join("nodes");
    std::fs::create_dir(&nodes).expect("writable");
    let output = run(&program, &[&nodes.display().to_string()]);
    assert_eq!(said(&output), "286 cases, 0 wrong");
    let broken = run(&program, &["overflow"]);
    assert!(String::from_utf8_lossy(&broken.stderr).contains("AddressSanitizer"));
}
