//! The C ABI: what a caller may throw at it, and what the built libraries show to the world.

// A caller from C is played here.
#![allow(unsafe_code)]

mod installed;

use shadowfit_core::slurmctld::contract::*;
use shadowfit_core::slurmctld::{shadowfit_abi, shadowfit_decide, shadowfit_open};
use std::ffi::{CStr, CString};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::ptr::{null, null_mut};

fn empty_request() -> shadowfit_request {
    // SAFETY: numbers and pointers, for which all zeros (and NULL) is a value.
    unsafe { std::mem::zeroed() }
}

fn empty_answer() -> shadowfit_answer {
    // SAFETY: numbers and characters, for which all zeros is a value.
    unsafe { std::mem::zeroed() }
}

fn decide(request: &shadowfit_request) -> shadowfit_answer {
    let mut answer = empty_answer();
    answer.actions = u32::MAX;
    // SAFETY: the tests below keep every text alive through the call. As the shim does, the core is
    // opened first: until then nothing is in force.
    unsafe {
        shadowfit_open(&mut answer);
        shadowfit_decide(request, &mut answer);
    }
    answer
}

#[test]
fn null_and_nothing_are_survived() {
    assert_eq!(shadowfit_abi(), SHADOWFIT_ABI);
    let mut answer = empty_answer();
    // SAFETY: NULL is allowed for both; the one answer is writable.
    unsafe {
        shadowfit_open(null_mut());
        shadowfit_decide(null(), null_mut());
        shadowfit_decide(null(), &mut answer);
    }
    assert_eq!(answer.actions, 0);
    let interactive = decide(&empty_request());
    assert_eq!(
        interactive.actions & !SHADOWFIT_LOG,
        0,
        "no script: nothing is done"
    );
}

#[test]
fn a_job_is_recorded_and_null_arguments_are_passed_over() {
    let text = CString::new("#!/bin/sh\nexit 0\n").unwrap();
    let argument = CString::new("\u{fffd}input").unwrap();
    let argv = [null(), argument.as_ptr(), null()];
    let request = shadowfit_request {
        script: text.as_ptr(),
        argv: argv.as_ptr(),
        argc: 3,
        traits: SHADOWFIT_REQUEUEABLE,
        memory_per_node_mib: 1000,
        memory_per_cpu_mib: u64::MAX,
        cpus_per_task: u64::MAX,
        tasks: u64::MAX,
        tasks_per_node: u64::MAX,
        min_nodes: u64::MAX,
        max_nodes: u64::MAX,
        time_limit_min: u64::MAX,
        ..empty_request()
    };
    let answer = decide(&request);
    assert_eq!(answer.actions & !SHADOWFIT_LOG, SHADOWFIT_SET_COMMENT);
    // SAFETY: the core ends every text with NUL.
    let comment = unsafe { CStr::from_ptr(answer.comment.as_ptr()) }
        .to_str()
        .unwrap();
    let record: serde_json::Value = serde_json::from_str(comment).unwrap();
    assert_eq!(record["asked"]["memory"]["node"], 1000);

    let of_scrontab = decide(&shadowfit_request {
        traits: SHADOWFIT_REQUEUEABLE | SHADOWFIT_CRON,
        ..request
    });
    // SAFETY: as above.
    let comment = unsafe { CStr::from_ptr(of_scrontab.comment.as_ptr()) };
    assert!(comment.to_string_lossy().contains("\"kept\":\"scrontab\""));

    let taken = CString::new("a site's own").unwrap();
    let answer = decide(&shadowfit_request {
        admin_comment: taken.as_ptr(),
        ..request
    });
    assert_eq!(answer.actions & !SHADOWFIT_LOG, 0);
}

/// What a submission with this value of --shadowfit is answered.
fn answer_to_option(value: &str, uid: u32, traits: u32) -> shadowfit_answer {
    let entry = CString::new(format!("_SLURM_SPANK_OPTION_shadowfit_shadowfit={value}")).unwrap();
    let entries = [entry.as_ptr()];
    decide(&shadowfit_request {
        uid,
        traits,
        spank_env: entries.as_ptr(),
        spank_env_count: 1,
        ..empty_request()
    })
}

#[test]
fn a_mark_counts_from_root_and_slurm_alone_and_never_for_a_job_of_roots() {
    let mark = "shadow:33:1700000000:8:512:1024:100";
    let cases = [
        (mark, 1001, SHADOWFIT_TRUSTED, SHADOWFIT_SET_COMMENT),
        (mark, 1001, 0, SHADOWFIT_REFUSE),
        (mark, 0, SHADOWFIT_TRUSTED, SHADOWFIT_REFUSE),
        ("shadow:33", 1001, SHADOWFIT_TRUSTED, SHADOWFIT_REFUSE),
        ("shadow:\"", 1001, SHADOWFIT_TRUSTED, SHADOWFIT_REFUSE),
    ];
    for (option, uid, traits, actions) in cases {
        let answer = answer_to_option(option, uid, traits);
        assert_eq!(answer.actions, actions, "{option} of {uid}");
    }
}

fn built(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("target/release")
        .join(name);
    assert!(path.exists(), "{}: scripts/build makes it", path.display());
    path
}

/// What the installed Slurm loads.
fn shim(name: &str) -> PathBuf {
    built(&format!("slurm-{}/{name}", installed::release()))
}

fn output(command: &str, arguments: &[&str], library: &Path) -> String {
    let output = Command::new(command)
        .args(arguments)
        .arg(library)
        .output()
        .expect("binutils are installed");
    assert!(output.status.success(), "{command} {}", library.display());
    String::from_utf8(output.stdout).unwrap()
}

fn exported(library: &Path) -> Vec<String> {
    let names = output(
        "nm",
        &["--dynamic", "--defined-only", "--format=posix"],
        library,
    );
    names
        .lines()
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned)
        .collect()
}

#[test]
#[ignore = "needs what scripts/build makes with Slurm's headers installed; scripts/test runs it"]
fn only_the_needed_names_are_visible() {
    let mut core = exported(&built("libshadowfit_core.so"));
    core.sort();
    assert_eq!(
        core,
        ["shadowfit_abi", "shadowfit_decide", "shadowfit_open"]
    );
    let plugin = exported(&shim("job_submit_shadowfit.so"));
    assert_eq!(
        plugin,
        [
            "fini",
            "init",
            "job_modify",
            "job_submit",
            "plugin_name",
            "plugin_type",
            "plugin_version"
        ]
    );
    let spank = exported(&shim("spank_shadowfit.so"));
    assert_eq!(
        spank,
        [
            "plugin_name",
            "plugin_type",
            "plugin_version",
            "slurm_spank_exit",
            "slurm_spank_init",
            "slurm_spank_init_post_opt",
            "slurm_spank_job_epilog",
            "slurm_spank_task_exit",
            "slurm_spank_task_init",
            "slurm_spank_task_init_privileged",
            "slurm_spank_task_post_fork",
            "spank_plugin_version"
        ]
    );
}

#[test]
#[ignore = "needs what scripts/build makes with Slurm's headers installed; scripts/test runs it"]
fn the_core_holds_no_database_and_nothing_is_unloaded_or_linked_hard() {
    let core = built("libshadowfit_core.so");
    let symbols = output("nm", &["--demangle"], &core).to_lowercase();
    assert!(
        symbols.contains("shadowfit_decide"),
        "the symbols are there to be looked at"
    );
    for foreign in ["sqlite", "linfa", "ndarray"] {
        assert!(!symbols.contains(foreign), "{foreign} in the core");
    }
    for library in [
        core,
        shim("job_submit_shadowfit.so"),
        shim("spank_shadowfit.so"),
    ] {
        let dynamic = output("readelf", &["--dynamic", "--wide"], &library);
        assert!(dynamic.contains("NODELETE"), "{}", library.display());
        let needed: Vec<_> = dynamic
            .lines()
            .filter(|line| line.contains("(NEEDED)"))
            .collect();
        let only_libc = |line: &&str| {
            ["libc.so", "libgcc_s.so", "ld-linux", "libm.so"]
                .iter()
                .any(|name| line.contains(name))
        };
        assert!(
            needed.iter().all(only_libc),
            "{}: {needed:?}",
            library.display()
        );
    }
}
