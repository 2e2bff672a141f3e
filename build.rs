//! Compiles the C shims, with the core that slurmctld loads, for every Slurm whose public headers are at hand: the
//! installed one, and the releases unpacked in `slurm_headers/`. Without any, the rest still builds.
//!
//! The shims land in `target/<profile>/slurm-<major.minor>/`, beside the core they load.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

const SHIMS: [(&str, &[&str]); 2] = [
    (
        "job_submit_shadowfit.so",
        &["job_submit_shadowfit.c", "core_load.c"],
    ),
    (
        "spank_shadowfit.so",
        &[
            "spank/plugin.c",
            "spank/option.c",
            "spank/mark.c",
            "spank/hints.c",
            "spank/shadow.c",
            "spank/clone.c",
            "spank/trust.c",
            "spank/sampler.c",
            "sandbox/enter.c",
            "sandbox/cgroups.c",
            "sandbox/cgroup_v1.c",
            "sandbox/cgroup_v2.c",
            "sandbox/places.c",
            "sandbox/root.c",
            "sandbox/kernel.c",
            "sandbox/network.c",
            "sandbox/privileges.c",
            "sandbox/user_namespace.c",
            "sandbox/standins.c",
            "sandbox/refusal.c",
        ],
    ),
];

fn main() {
    println!("cargo:rerun-if-changed=c_shim");
    println!("cargo:rerun-if-changed=slurm_headers");
    println!("cargo:rerun-if-changed=/usr/include/slurm/slurm_version.h");
    if std::env::var_os("CARGO_FEATURE_PROGRAMS").is_some() {
        base()
            .file("c_shim/spank/hints.c")
            .file("c_shim/spank/mark.c")
            .compile("spank");
        return;
    }
    for (release, headers) in header_sets() {
        let out = profile_dir().join(format!("slurm-{release}"));
        build_shims(&headers.include, &out);
        // scripts/install compares it with the Slurm that will load them.
        std::fs::write(out.join("version"), headers.version)
            .expect("the target folder is writable");
    }
}

struct Headers {
    include: PathBuf,
    /// Such as `22.05.8`.
    version: String,
}

/// By release, such as `22.05`; an installed Slurm's own come before fetched ones.
fn header_sets() -> BTreeMap<String, Headers> {
    let fetched = std::fs::read_dir("slurm_headers")
        .into_iter()
        .flatten()
        .flatten();
    let includes =
        std::iter::once(PathBuf::from("/usr/include")).chain(fetched.map(|entry| entry.path()));
    let mut sets = BTreeMap::new();
    for include in includes {
        if let Some([major, minor, micro]) = version_of(&include) {
            let release = format!("{major}.{minor:02}");
            let version = format!("{release}.{micro}");
            sets.entry(release).or_insert(Headers { include, version });
        }
    }
    sets
}

/// `[22, 5, 8]` from `#define SLURM_VERSION_NUMBER 0x160508`.
fn version_of(include: &Path) -> Option<[u32; 3]> {
    let header = std::fs::read_to_string(include.join("slurm/slurm_version.h")).ok()?;
    let number = header
        .lines()
        .find_map(|line| line.strip_prefix("#define SLURM_VERSION_NUMBER 0x"))?;
    let number = u32::from_str_radix(number.trim(), 16).ok()?;
    Some([number >> 16, number >> 8 & 0xff, number & 0xff])
}

/// `target/<profile>`: OUT_DIR is `target/<profile>/build/shadowfit-<hash>/out`.
fn profile_dir() -> PathBuf {
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    out.ancestors()
        .nth(3)
        .expect("OUT_DIR lies in the target folder")
        .into()
}

fn build_shims(include: &Path, out: &Path) {
    std::fs::create_dir_all(out).expect("the target folder is writable");
    for (library, sources) in SHIMS {
        let mut compile = compiler(include);
        compile
            .args([
                "-shared",
                "-fPIC",
                "-Wl,-z,nodelete",
                "-Wl,-z,now",
                "-Wl,--version-script=c_shim/exports.map",
            ])
            .arg("-o")
            .arg(out.join(library))
            .args(
                sources
                    .iter()
                    .map(|source| Path::new("c_shim").join(source)),
            );
        let status = compile.status().expect("the C compiler starts");
        assert!(
            status.success(),
            "{library} does not compile against {}",
            include.display()
        );
    }
}

fn compiler(include: &Path) -> Command {
    base().include(include).get_compiler().to_command()
}

fn base() -> cc::Build {
    let mut base = cc::Build::new();
    base.std("gnu11")
        .warnings(true)
        .extra_warnings(true)
        .flag("-Werror")
        // Which parameters a plugin's functions have Slurm says, whether they are used or not.
        .flag("-Wno-unused-parameter")
        // A path that is cut names a file that is not there, and that is an error of its own.
        .flag("-Wno-format-truncation");
    base
}
