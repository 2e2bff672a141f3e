//! What slurmctld calls, with a request whose every field is somebody's choice.
#![no_main]

use fuzz::{Fields, Folder};
use libfuzzer_sys::fuzz_target;
use shadowfit_core::fingerprint::{Key, Kind};
use shadowfit_core::job::directory::{Directory, User, Watermark};
use shadowfit_core::job::evidence::{Evidence, Trust};
use shadowfit_core::model::learned::Learned;
use shadowfit_core::model::snapshot::Snapshot;
use shadowfit_core::record::Comment;
use shadowfit_core::slurmctld::contract::*;
use shadowfit_core::slurmctld::{shadowfit_decide, shadowfit_open};
use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_char};
use std::ptr::null;
use std::sync::Once;

/// A site that applies everything, and has seen runs of some kinds: usual ones and figures that cannot be.
fn open_site() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let folder = Folder::new("abi");
        let config = format!(
            "state_dir = '{}'\n{}",
            folder.path().display(),
            include_str!("abi.toml")
        );
        let path = folder.write("shadowfit.toml", config.as_bytes());
        let bytes = Snapshot::encode(kinds().iter(), Watermark::default(), &directory());
        Snapshot::publish(&folder.path().join("snapshot"), &bytes).expect("in memory");
        // SAFETY: nothing else of this process runs yet.
        unsafe { std::env::set_var("SHADOWFIT_CONFIG", path) };
        let mut answer = empty_answer();
        // SAFETY: the answer is writable.
        unsafe { shadowfit_open(&mut *answer) };
        assert_eq!(answer.actions, 0, "the site is in force");
    });
}

fn kinds() -> Vec<(Key, Learned)> {
    let figures = [
        ("align", 40, 700, 1.5),
        ("huge", u32::MAX, u32::MAX, f32::MAX),
        ("odd", 3, 0, f32::NAN),
        ("young", 3, 1, -1.0),
    ];
    let kinds = figures.into_iter().filter_map(|(name, runs, mib, cores)| {
        let evidence = Evidence {
            runs,
            max_mib: mib,
            p99_mib: mib,
            enough_mib: mib,
            enough_s: mib,
            half_mib: mib,
            longest_s: mib,
            cores,
            trust: match name {
                "young" => Trust { left: 4, open: 3 },
                _ => Trust::ALL,
            },
            ..Evidence::default()
        };
        let learned = Learned {
            evidence,
            ..Learned::default()
        };
        Some((Kind::of_accounting(1001, name.as_bytes()).name?, learned))
    });
    kinds.collect::<BTreeMap<_, _>>().into_iter().collect()
}

fn directory() -> Directory {
    let user = User {
        name: "alice".into(),
        account: Some("physics".into()),
    };
    Directory {
        default_partition: Some("batch".into()),
        users: [(1001, user)].into(),
        licenses: [("matlab".into(), 4)].into(),
        exclusive_partitions: ["whole".into()].into(),
        partitions_without_memory: ["cores".into()].into(),
        partitions_with_cpus_by_memory: ["batch".into()].into(),
        times_s: [("batch".into(), 3600)].into(),
        least_memory_mib: vec![100, 5000],
        least_cpus: vec![4],
    }
}

fn empty_answer() -> Box<shadowfit_answer> {
    // SAFETY: numbers and characters, for which all zeros is a value.
    Box::new(unsafe { std::mem::zeroed() })
}

fn text(bytes: &[u8]) -> CString {
    let end = bytes.iter().position(|&byte| byte == 0);
    CString::new(&bytes[..end.unwrap_or(bytes.len())]).expect("cut before NUL")
}

fn pointers(texts: &[CString]) -> Vec<*const c_char> {
    // An empty one stands for NULL.
    let pointer = |text: &CString| match text.is_empty() {
        true => null(),
        false => text.as_ptr(),
    };
    texts.iter().map(pointer).collect()
}

/// What the core wrote, which must end within its place.
fn written(from: &[c_char]) -> String {
    // SAFETY: bytes, whatever their sign.
    let bytes = unsafe { &*(from as *const [c_char] as *const [u8]) };
    let text = CStr::from_bytes_until_nul(bytes).expect("it ends in NUL");
    text.to_str().expect("UTF-8").to_owned()
}

fuzz_target!(|input: &[u8]| {
    open_site();
    let fields = Fields::of(input);
    let names = [
        "account",
        "partition",
        "name",
        "admin_comment",
        "licenses",
        "comment",
        "work_dir",
        "array",
    ];
    let texts = names.map(|name| fields.text(name).map(text));
    let [
        account,
        partition,
        name,
        admin_comment,
        licenses,
        comment,
        work_dir,
        array,
    ] = texts
        .each_ref()
        .map(|text| text.as_ref().map_or(null(), |text| text.as_ptr()));
    let arguments: Vec<CString> = fields.all("argument").map(text).collect();
    let variables: Vec<CString> = fields.all("spank").map(text).collect();
    let (argv, spank_env) = (pointers(&arguments), pointers(&variables));
    let script = (!fields.rest.is_empty()).then(|| text(fields.rest));
    let number = |name| fields.number(name).unwrap_or(u64::MAX);
    let request = shadowfit_request {
        uid: fields.number("uid").unwrap_or(1001) as u32,
        traits: fields
            .number("traits")
            .unwrap_or(SHADOWFIT_REQUEUEABLE.into()) as u32,
        account,
        partition,
        name,
        script: script.as_ref().map_or(null(), |script| script.as_ptr()),
        argv: argv.as_ptr(),
        argc: argv.len() as u32,
        admin_comment,
        licenses,
        spank_env: spank_env.as_ptr(),
        spank_env_count: spank_env.len() as u32,
        memory_per_node_mib: number("memory_per_node"),
        memory_per_cpu_mib: number("memory_per_cpu"),
        cpus_per_task: number("cpus_per_task"),
        tasks: number("tasks"),
        tasks_per_node: number("tasks_per_node"),
        min_nodes: number("min_nodes"),
        max_nodes: number("max_nodes"),
        time_limit_min: number("time_limit"),
        comment,
        work_dir,
        array,
    };
    let mut answer = empty_answer();
    // SAFETY: every text ends in NUL, the arrays have these lengths, and all live until the end.
    unsafe { shadowfit_decide(&request, &mut *answer) };
    let does = |action| answer.actions & action != 0;
    if does(SHADOWFIT_LOG) {
        // The core has made panics quiet.
        eprintln!("{}", written(&answer.log));
        std::process::abort();
    }
    if does(SHADOWFIT_NOTIFY_USER) {
        assert!(!written(&answer.text).contains('\n'));
    }
    if does(SHADOWFIT_SET_COMMENT) {
        let comment = written(&answer.comment);
        assert!(
            !matches!(Comment::read(&comment), Comment::Other(_) | Comment::Empty),
            "{comment}"
        );
        assert!(
            admin_comment.is_null()
                || texts[3].as_ref().is_some_and(|text| text.is_empty())
                || does(SHADOWFIT_REFUSE)
                || comment.contains("shadow_of")
        );
    }
    if does(SHADOWFIT_SET_MEMORY) {
        let asked = [request.memory_per_node_mib, request.memory_per_cpu_mib];
        assert!(
            asked.contains(&u64::MAX)
                && asked
                    .iter()
                    .any(|&mib| mib != u64::MAX && answer.memory_mib < mib)
                || answer.memory_mib < asked[0],
            "raised"
        );
        assert!(answer.memory_mib > 0, "no memory means all of the node's");
    }
    if does(SHADOWFIT_SET_CPUS) {
        assert!(
            u64::from(answer.cpus_per_task) < request.cpus_per_task && answer.cpus_per_task > 0
        );
    }
    if does(SHADOWFIT_SET_TIME_MIN) {
        assert!(u64::from(answer.time_min) < request.time_limit_min && answer.time_min > 0);
    }
    if does(SHADOWFIT_SET_LICENSES) {
        let _readable = written(&answer.licenses);
    }
});
