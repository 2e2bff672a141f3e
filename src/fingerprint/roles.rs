//! What programs that start others do with the words behind them.

use super::meaning::starts_with_interpreter;
use super::words::is_number;
use crate::relies::is_launcher;

/// Options of launchers and interpreters behind which no value stands.
const FLAGS: [&[u8]; 18] = [
    b"-l",
    b"-u",
    b"-x",
    b"-e",
    b"-c",
    b"-i",
    b"-s",
    b"-r",
    b"-ue",
    b"-eu",
    b"-lc",
    b"-K",
    b"-Q",
    b"-batch",
    b"--exclusive",
    b"--overlap",
    b"--exact",
    b"--unbuffered",
];

/// Options of containers behind which a value stands.
const OF_CONTAINERS: [&[u8]; 11] = [
    b"-B",
    b"--bind",
    b"-H",
    b"--home",
    b"-W",
    b"--pwd",
    b"--env",
    b"--env-file",
    b"-v",
    b"--volume",
    b"--overlay",
];

/// The same of parallel and xargs.
const OF_PARALLEL: [&[u8]; 21] = [
    b"-j",
    b"-P",
    b"-n",
    b"-N",
    b"-L",
    b"-I",
    b"-a",
    b"-S",
    b"-C",
    b"-d",
    b"--jobs",
    b"--joblog",
    b"--delay",
    b"--timeout",
    b"--retries",
    b"--tmpdir",
    b"--results",
    b"--arg-file",
    b"--colsep",
    b"--wd",
    b"--memfree",
];

/// The same of java.
const OF_JAVA: [&[u8]; 6] = [
    b"-cp",
    b"-classpath",
    b"--class-path",
    b"-p",
    b"--module-path",
    b"--add-modules",
];

/// The same of srun and mpirun.
const OF_LAUNCHERS: [&[u8]; 32] = [
    b"-o",
    b"--output",
    b"-e",
    b"--error",
    b"-i",
    b"--input",
    b"-J",
    b"--job-name",
    b"-p",
    b"--partition",
    b"-A",
    b"--account",
    b"-w",
    b"--nodelist",
    b"-x",
    b"--exclude",
    b"-D",
    b"--chdir",
    b"-t",
    b"--time",
    b"--mpi",
    b"-wdir",
    b"--wdir",
    b"-host",
    b"--host",
    b"-hosts",
    b"-hostfile",
    b"--hostfile",
    b"-machinefile",
    b"--machinefile",
    b"--map-by",
    b"--bind-to",
];

/// What a program does with the words behind it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It runs what they name.
    Launches,
    /// It reads what they name.
    Sources,
    /// It runs what they name, or what it reads.
    Shell,
    /// It runs what they name behind an image.
    Contains,
    /// It runs the lines of a list, unless they name a command for all.
    RunsLists,
    /// They are its own.
    Works,
}

/// `python3.12` is what stands before the dot.
fn without_version(program: &[u8]) -> &[u8] {
    let Some(dot) = memchr::memchr(b'.', program).filter(|dot| *dot > 0) else {
        return program;
    };
    let (name, version) = (&program[..dot], &program[dot + 1..]);
    let is_version = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
    match version.iter().all(is_version) {
        true => name,
        false => program,
    }
}

/// What this program is, by its file name.
pub fn role(program: &[u8]) -> Role {
    let program = without_version(program);
    match program {
        b"bash" | b"sh" | b"zsh" | b"ksh" | b"dash" | b"csh" | b"tcsh" => Role::Shell,
        b"singularity" | b"apptainer" | b"docker" | b"podman" => Role::Contains,
        b"parallel" | b"xargs" | b"disBatch" | b"disBatch.py" | b"paramrun" => Role::RunsLists,
        b"source" | b"." => Role::Sources,
        b"exec" | b"eval" | b"command" | b"nohup" | b"nice" | b"time" | b"timeout" | b"env"
        | b"ibrun" | b"aprun" | b"jsrun" | b"numactl" | b"taskset" | b"stdbuf" | b"setsid"
        | b"shifter" | b"if" | b"then" | b"else" | b"elif" | b"while" | b"until" | b"do" | b"!"
        | b"{" => Role::Launches,
        // Hosts stand before what it runs.
        b"mpirun_rsh" => Role::Works,
        _ if is_launcher(program) => Role::Launches,
        // What these do, their folder or their first word says.
        b"make" | b"gmake" | b"node" | b"conda" => Role::Works,
        _ if !program.starts_with(b"$")
            && !program.contains(&b'.')
            && starts_with_interpreter(program) =>
        {
            Role::Launches
        }
        _ => Role::Works,
    }
}

/// Behind this option of a launcher or an interpreter stands no value of its own.
pub fn is_flag(option: &[u8]) -> bool {
    FLAGS.contains(&option)
}

/// What stands behind an option is its value, and no program.
pub fn has_value(runs: Role, launcher: &[u8], option: &[u8], next: &[u8]) -> bool {
    match runs {
        Role::RunsLists => OF_PARALLEL.contains(&option),
        Role::Launches if launcher == b"java" && OF_JAVA.contains(&option) => true,
        Role::Launches if OF_LAUNCHERS.contains(&option) && is_launcher(launcher) => true,
        Role::Contains if OF_CONTAINERS.contains(&option) => true,
        _ if is_flag(option) || option.contains(&b'=') => false,
        _ => next.starts_with(b"$") || is_number(next),
    }
}
