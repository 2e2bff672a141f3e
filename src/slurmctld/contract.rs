// Made from c_shim/shadowfit_core.h by bindgen; tests/contract.rs says how.

pub const SHADOWFIT_ABI: u32 = 10;
pub const SHADOWFIT_UNSET: i32 = -1;
pub const SHADOWFIT_EXCLUSIVE: u32 = 1;
pub const SHADOWFIT_HETEROGENEOUS: u32 = 2;
pub const SHADOWFIT_MEM_PER_GPU: u32 = 4;
pub const SHADOWFIT_REQUEUEABLE: u32 = 8;
pub const SHADOWFIT_CANNOT_WAIT: u32 = 16;
pub const SHADOWFIT_GPUS: u32 = 32;
pub const SHADOWFIT_OWN_TIME_MIN: u32 = 64;
pub const SHADOWFIT_TRUSTED: u32 = 128;
pub const SHADOWFIT_OWN_CPUS: u32 = 256;
pub const SHADOWFIT_OWN_MEMORY: u32 = 512;
pub const SHADOWFIT_CRON: u32 = 1024;
pub const SHADOWFIT_LATER: u32 = 2048;
pub const SHADOWFIT_OWN_INPUT: u32 = 4096;
pub const SHADOWFIT_CONTAINER: u32 = 8192;
pub const SHADOWFIT_BURST_BUFFER: u32 = 16384;
pub const SHADOWFIT_EXPEDITED: u32 = 32768;
pub const SHADOWFIT_FROM_A_JOB: u32 = 65536;
pub const SHADOWFIT_SET_MEMORY: u32 = 1;
pub const SHADOWFIT_SET_CPUS: u32 = 2;
pub const SHADOWFIT_SET_COMMENT: u32 = 4;
pub const SHADOWFIT_NOTIFY_USER: u32 = 8;
pub const SHADOWFIT_LOG: u32 = 16;
pub const SHADOWFIT_DELAY: u32 = 32;
pub const SHADOWFIT_SET_TIME_MIN: u32 = 64;
pub const SHADOWFIT_SET_TIME_LIMIT: u32 = 128;
pub const SHADOWFIT_SET_LICENSES: u32 = 256;
pub const SHADOWFIT_REFUSE: u32 = 512;
pub const SHADOWFIT_COMMENT_SIZE: u32 = 1025;
pub const SHADOWFIT_TEXT_SIZE: u32 = 512;
pub const SHADOWFIT_LICENSES_SIZE: u32 = 256;
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct shadowfit_request {
    pub uid: u32,
    pub traits: u32,
    pub account: *const ::std::os::raw::c_char,
    pub partition: *const ::std::os::raw::c_char,
    pub name: *const ::std::os::raw::c_char,
    pub script: *const ::std::os::raw::c_char,
    pub argv: *const *const ::std::os::raw::c_char,
    pub argc: u32,
    pub admin_comment: *const ::std::os::raw::c_char,
    pub licenses: *const ::std::os::raw::c_char,
    pub spank_env: *const *const ::std::os::raw::c_char,
    pub spank_env_count: u32,
    pub memory_per_node_mib: u64,
    pub memory_per_cpu_mib: u64,
    pub cpus_per_task: u64,
    pub tasks: u64,
    pub tasks_per_node: u64,
    pub min_nodes: u64,
    pub max_nodes: u64,
    pub time_limit_min: u64,
    pub comment: *const ::std::os::raw::c_char,
    pub work_dir: *const ::std::os::raw::c_char,
    pub array: *const ::std::os::raw::c_char,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of shadowfit_request"][::std::mem::size_of::<shadowfit_request>() - 176usize];
    ["Alignment of shadowfit_request"][::std::mem::align_of::<shadowfit_request>() - 8usize];
    ["Offset of field: shadowfit_request::uid"]
        [::std::mem::offset_of!(shadowfit_request, uid) - 0usize];
    ["Offset of field: shadowfit_request::traits"]
        [::std::mem::offset_of!(shadowfit_request, traits) - 4usize];
    ["Offset of field: shadowfit_request::account"]
        [::std::mem::offset_of!(shadowfit_request, account) - 8usize];
    ["Offset of field: shadowfit_request::partition"]
        [::std::mem::offset_of!(shadowfit_request, partition) - 16usize];
    ["Offset of field: shadowfit_request::name"]
        [::std::mem::offset_of!(shadowfit_request, name) - 24usize];
    ["Offset of field: shadowfit_request::script"]
        [::std::mem::offset_of!(shadowfit_request, script) - 32usize];
    ["Offset of field: shadowfit_request::argv"]
        [::std::mem::offset_of!(shadowfit_request, argv) - 40usize];
    ["Offset of field: shadowfit_request::argc"]
        [::std::mem::offset_of!(shadowfit_request, argc) - 48usize];
    ["Offset of field: shadowfit_request::admin_comment"]
        [::std::mem::offset_of!(shadowfit_request, admin_comment) - 56usize];
    ["Offset of field: shadowfit_request::licenses"]
        [::std::mem::offset_of!(shadowfit_request, licenses) - 64usize];
    ["Offset of field: shadowfit_request::spank_env"]
        [::std::mem::offset_of!(shadowfit_request, spank_env) - 72usize];
    ["Offset of field: shadowfit_request::spank_env_count"]
        [::std::mem::offset_of!(shadowfit_request, spank_env_count) - 80usize];
    ["Offset of field: shadowfit_request::memory_per_node_mib"]
        [::std::mem::offset_of!(shadowfit_request, memory_per_node_mib) - 88usize];
    ["Offset of field: shadowfit_request::memory_per_cpu_mib"]
        [::std::mem::offset_of!(shadowfit_request, memory_per_cpu_mib) - 96usize];
    ["Offset of field: shadowfit_request::cpus_per_task"]
        [::std::mem::offset_of!(shadowfit_request, cpus_per_task) - 104usize];
    ["Offset of field: shadowfit_request::tasks"]
        [::std::mem::offset_of!(shadowfit_request, tasks) - 112usize];
    ["Offset of field: shadowfit_request::tasks_per_node"]
        [::std::mem::offset_of!(shadowfit_request, tasks_per_node) - 120usize];
    ["Offset of field: shadowfit_request::min_nodes"]
        [::std::mem::offset_of!(shadowfit_request, min_nodes) - 128usize];
    ["Offset of field: shadowfit_request::max_nodes"]
        [::std::mem::offset_of!(shadowfit_request, max_nodes) - 136usize];
    ["Offset of field: shadowfit_request::time_limit_min"]
        [::std::mem::offset_of!(shadowfit_request, time_limit_min) - 144usize];
    ["Offset of field: shadowfit_request::comment"]
        [::std::mem::offset_of!(shadowfit_request, comment) - 152usize];
    ["Offset of field: shadowfit_request::work_dir"]
        [::std::mem::offset_of!(shadowfit_request, work_dir) - 160usize];
    ["Offset of field: shadowfit_request::array"]
        [::std::mem::offset_of!(shadowfit_request, array) - 168usize];
};
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct shadowfit_answer {
    pub actions: u32,
    pub cpus_per_task: u32,
    pub time_min: u32,
    pub memory_mib: u64,
    pub delay_s: u64,
    pub licenses: [::std::os::raw::c_char; 256usize],
    pub comment: [::std::os::raw::c_char; 1025usize],
    pub text: [::std::os::raw::c_char; 512usize],
    pub log: [::std::os::raw::c_char; 512usize],
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of shadowfit_answer"][::std::mem::size_of::<shadowfit_answer>() - 2344usize];
    ["Alignment of shadowfit_answer"][::std::mem::align_of::<shadowfit_answer>() - 8usize];
    ["Offset of field: shadowfit_answer::actions"]
        [::std::mem::offset_of!(shadowfit_answer, actions) - 0usize];
    ["Offset of field: shadowfit_answer::cpus_per_task"]
        [::std::mem::offset_of!(shadowfit_answer, cpus_per_task) - 4usize];
    ["Offset of field: shadowfit_answer::time_min"]
        [::std::mem::offset_of!(shadowfit_answer, time_min) - 8usize];
    ["Offset of field: shadowfit_answer::memory_mib"]
        [::std::mem::offset_of!(shadowfit_answer, memory_mib) - 16usize];
    ["Offset of field: shadowfit_answer::delay_s"]
        [::std::mem::offset_of!(shadowfit_answer, delay_s) - 24usize];
    ["Offset of field: shadowfit_answer::licenses"]
        [::std::mem::offset_of!(shadowfit_answer, licenses) - 32usize];
    ["Offset of field: shadowfit_answer::comment"]
        [::std::mem::offset_of!(shadowfit_answer, comment) - 288usize];
    ["Offset of field: shadowfit_answer::text"]
        [::std::mem::offset_of!(shadowfit_answer, text) - 1313usize];
    ["Offset of field: shadowfit_answer::log"]
        [::std::mem::offset_of!(shadowfit_answer, log) - 1825usize];
};
