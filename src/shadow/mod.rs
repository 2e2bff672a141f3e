//! What clone, sandbox and sampler agree on: Rust's side of `c_shim/shadow_contract.h`.
#![forbid(unsafe_code)]

#[allow(missing_docs, non_camel_case_types, dead_code, clippy::all)]
#[rustfmt::skip]
pub mod contract;

use std::ffi::CStr;
use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

/// Users below are the system's, and have no shadows unless a site says otherwise.
pub const LEAST_UID: u32 = contract::SHADOWFIT_LEAST_UID;
/// The option `--shadowfit`.
pub const OPTION: &str = text(contract::SHADOWFIT_OPTION);
/// How Slurm carries the option `--shadowfit` to slurmctld and to the nodes.
pub const OPTION_VARIABLE: &str = text(contract::SHADOWFIT_OPTION_VARIABLE);
/// Its value for a job that is to be left alone.
pub const OFF: &str = text(contract::SHADOWFIT_OFF);
/// For a job that is to be measured by a shadow, however well its kind is known.
pub const MEASURE: &str = text(contract::SHADOWFIT_MEASURE);
/// What its value begins with for a shadow.
pub const MARK_PREFIX: &str = text(contract::SHADOWFIT_MARK_PREFIX);
/// What the names of a shadow's own cgroups begin with.
pub const GROUP_PREFIX: &str = text(contract::SHADOWFIT_GROUP_PREFIX);
/// In the environment of a submission: the size of its input.
pub const INPUT_VARIABLE: &str = text(contract::SHADOWFIT_INPUT_VARIABLE);
/// In the environment of a shadow: the license servers that its job may ask.
pub const SERVERS_VARIABLE: &str = text(contract::SHADOWFIT_SERVERS_VARIABLE);
/// In the environment of a shadow, before a variable of its job's own.
pub const SET_PREFIX: &str = text(contract::SHADOWFIT_SET_PREFIX);
/// The same, before one that its job does not have.
pub const UNSET_PREFIX: &str = text(contract::SHADOWFIT_UNSET_PREFIX);
/// Most servers that are stood in for.
pub const MOST_SERVERS: usize = contract::SHADOWFIT_MOST_SERVERS as usize;
/// What SPANK starts beside a job, and what lies over programs that must not run in a shadow.
pub const OF_A_NODE: [&str; 2] = [
    text(contract::SHADOWFIT_SAMPLER),
    text(contract::SHADOWFIT_STANDIN),
];
/// Where a node's programs are, unless plugstack.conf says otherwise.
pub const PROGRAMS: &str = text(contract::SHADOWFIT_PROGRAMS);
/// What a shadow's script begins with.
pub const STUB: &str = text(contract::SHADOWFIT_STUB);
/// Where the stand-ins write what they were asked for, as a shadow sees it.
pub const NOTES: &str = text(contract::SHADOWFIT_NOTES);
/// The file system that holds all that a shadow writes, as root sees it inside.
pub const SCRATCH: &str = text(contract::SHADOWFIT_SCRATCH);
/// First words of the lines that the sandbox, or the step, reports to its sampler.
pub const REPORT_PID: &str = text(contract::SHADOWFIT_REPORT_PID);
/// All parts of the sandbox have been taken.
pub const REPORT_READY: &str = text(contract::SHADOWFIT_REPORT_READY);
/// There is no sandbox.
pub const REPORT_REFUSED: &str = text(contract::SHADOWFIT_REPORT_REFUSED);
/// The script has ended.
pub const REPORT_EXIT: &str = text(contract::SHADOWFIT_REPORT_EXIT);

/// The option's value for a shadow: how it is to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The job whose shadow it is: its number, 0 for nobody's.
    pub job: u64,
    /// When its window ends, in seconds since 1970.
    pub until: i64,
    /// CPUs that the job asked for.
    pub cpus: u32,
    /// What it may write, in MiB.
    pub scratch_mib: u64,
    /// How many processes it may have.
    pub pids: u64,
    /// From and to each disk, in MiB a second.
    pub io_mib_s: u64,
}

/// The text is no mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoMark;

impl FromStr for Mark {
    type Err = NoMark;

    fn from_str(text: &str) -> Result<Mark, NoMark> {
        let mut fields = text.strip_prefix(MARK_PREFIX).ok_or(NoMark)?.split(':');
        let mark = Mark {
            job: field(&mut fields, MOST_DIGITS)?,
            until: field(&mut fields, MOST_DIGITS)?,
            cpus: field(&mut fields, MOST_DIGITS_OF_CPUS)?,
            scratch_mib: field(&mut fields, MOST_DIGITS)?,
            pids: field(&mut fields, MOST_DIGITS)?,
            io_mib_s: field(&mut fields, MOST_DIGITS)?,
        };
        fields.next().is_none().then_some(mark).ok_or(NoMark)
    }
}

/// As many digits as SHADOWFIT_MARK_SCAN lets C read of a field; tests/mark.rs compares the two.
const MOST_DIGITS: usize = 18;
const MOST_DIGITS_OF_CPUS: usize = 9;

/// Digits alone: Rust, too, takes a sign.
fn field<'a, T: FromStr>(
    fields: &mut impl Iterator<Item = &'a str>,
    most_digits: usize,
) -> Result<T, NoMark> {
    let text = fields.next().ok_or(NoMark)?;
    let is_number = text.len() <= most_digits && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| is_number);
    number.ok_or(NoMark)
}

/// In the order of the contract's struct; tests/contract.rs has C read it.
impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(
            f,
            "{MARK_PREFIX}{}:{}:{}:{}:{}:{}",
            self.job, self.until, self.cpus, self.scratch_mib, self.pids, self.io_mib_s
        )
    }
}

/// Where the sandbox's loopback answers for server number `index` of the list, if it is named.
pub fn server_address(index: usize) -> Ipv4Addr {
    let number = (index + 1).min(MOST_SERVERS) as u32;
    Ipv4Addr::from_bits(contract::SHADOWFIT_SERVERS_NETWORK + number)
}

const fn text(bytes: &'static [u8]) -> &'static str {
    match CStr::from_bytes_with_nul(bytes) {
        Ok(text) => match text.to_str() {
            Ok(text) => text,
            Err(_) => panic!("the contract's texts are UTF-8"),
        },
        Err(_) => panic!("the contract's texts end in NUL"),
    }
}
