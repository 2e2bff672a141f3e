// Made from c_shim/shadow_contract.h by bindgen; tests/contract.rs says how.

pub const SHADOWFIT_OPTION: &[u8; 10] = b"shadowfit\0";
pub const SHADOWFIT_OPTION_VARIABLE: &[u8; 40] = b"_SLURM_SPANK_OPTION_shadowfit_shadowfit\0";
pub const SHADOWFIT_OFF: &[u8; 4] = b"off\0";
pub const SHADOWFIT_MEASURE: &[u8; 8] = b"measure\0";
pub const SHADOWFIT_MARK_PREFIX: &[u8; 8] = b"shadow:\0";
pub const SHADOWFIT_MARK_SCAN: &[u8; 47] = b"shadow:%18[0-9]:%18lld:%9u:%18lu:%18lu:%18lu%n\0";
pub const SHADOWFIT_MARK_FIELDS: u32 = 6;
pub const SHADOWFIT_MARK_SIZE: u32 = 160;
pub const SHADOWFIT_SHADOW_COMMENT: &[u8; 45] =
    b"{\"shadowfit\":1,\"shadow_of\":\"%s\",\"mark\":\"%s\"}\0";
pub const SHADOWFIT_LEAST_UID: u32 = 1000;
pub const SHADOWFIT_GROUP_PREFIX: &[u8; 11] = b"shadowfit_\0";
pub const SHADOWFIT_INPUT_VARIABLE: &[u8; 22] = b"SHADOWFIT_INPUT_BYTES\0";
pub const SHADOWFIT_SERVERS_VARIABLE: &[u8; 26] = b"SHADOWFIT_LICENSE_SERVERS\0";
pub const SHADOWFIT_SET_PREFIX: &[u8; 15] = b"SHADOWFIT_SET_\0";
pub const SHADOWFIT_UNSET_PREFIX: &[u8; 17] = b"SHADOWFIT_UNSET_\0";
pub const SHADOWFIT_STUB: &[u8; 67] =
    b"#!/bin/sh\nexit 64 # only a sandbox of shadowfit runs what follows\n\0";
pub const SHADOWFIT_PROGRAMS: &[u8; 29] = b"/usr/local/libexec/shadowfit\0";
pub const SHADOWFIT_SAMPLER: &[u8; 18] = b"shadowfit-sampler\0";
pub const SHADOWFIT_STANDIN: &[u8; 18] = b"shadowfit-standin\0";
pub const SHADOWFIT_REPORT_PID: &[u8; 4] = b"pid\0";
pub const SHADOWFIT_REPORT_READY: &[u8; 6] = b"ready\0";
pub const SHADOWFIT_REPORT_REFUSED: &[u8; 8] = b"refused\0";
pub const SHADOWFIT_REPORT_EXIT: &[u8; 5] = b"exit\0";
pub const SHADOWFIT_RUN: &[u8; 15] = b"/run/shadowfit\0";
pub const SHADOWFIT_SCRATCH: &[u8; 23] = b"/run/shadowfit/scratch\0";
pub const SHADOWFIT_NOTES: &[u8; 21] = b"/run/shadowfit/notes\0";
pub const SHADOWFIT_SERVERS_NETWORK: u32 = 2135752704;
pub const SHADOWFIT_MOST_SERVERS: u32 = 64;
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct shadowfit_mark {
    pub job: [::std::os::raw::c_char; 32usize],
    pub until: ::std::os::raw::c_longlong,
    pub cpus: ::std::os::raw::c_uint,
    pub scratch_mib: ::std::os::raw::c_ulong,
    pub pids: ::std::os::raw::c_ulong,
    pub io_mib: ::std::os::raw::c_ulong,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of shadowfit_mark"][::std::mem::size_of::<shadowfit_mark>() - 72usize];
    ["Alignment of shadowfit_mark"][::std::mem::align_of::<shadowfit_mark>() - 8usize];
    ["Offset of field: shadowfit_mark::job"][::std::mem::offset_of!(shadowfit_mark, job) - 0usize];
    ["Offset of field: shadowfit_mark::until"]
        [::std::mem::offset_of!(shadowfit_mark, until) - 32usize];
    ["Offset of field: shadowfit_mark::cpus"]
        [::std::mem::offset_of!(shadowfit_mark, cpus) - 40usize];
    ["Offset of field: shadowfit_mark::scratch_mib"]
        [::std::mem::offset_of!(shadowfit_mark, scratch_mib) - 48usize];
    ["Offset of field: shadowfit_mark::pids"]
        [::std::mem::offset_of!(shadowfit_mark, pids) - 56usize];
    ["Offset of field: shadowfit_mark::io_mib"]
        [::std::mem::offset_of!(shadowfit_mark, io_mib) - 64usize];
};
