//! Programs that start others, as tasks.

pub(super) const LAUNCHERS: [&[u8]; 7] = [
    b"srun",
    b"mpirun",
    b"mpiexec",
    b"orterun",
    b"prterun",
    b"prun",
    b"mpirun_rsh",
];

/// The same of installations whose names hold one of those: of Julia, of HPE's MPI, of a centre, of LIKWID.
const NAMED_AFTER_THEM: [&[u8]; 5] = [
    b"mpiexecjl",
    b"mpirun_mpt",
    b"mpiexec_mpt",
    b"ccc_mprun",
    b"likwid-mpirun",
];

/// A program of this file name starts others. Installations of MPI that stand beside each other end in their own names, as
/// `mpirun.openmpi` and `mpiexec.hydra`.
pub fn is_launcher(name: &[u8]) -> bool {
    let of_mpi = || name.starts_with(b"mpi") || name.starts_with(b"orterun");
    let before_dot = || name.split(|&byte| byte == b'.').next().unwrap_or(name);
    LAUNCHERS.contains(&name)
        || of_mpi() && LAUNCHERS.contains(&before_dot())
        || NAMED_AFTER_THEM.contains(&name)
}

/// Programs that start others as these do, in some centres.
pub const OF_CENTRES: [&[u8]; 3] = [b"ibrun", b"aprun", b"jsrun"];

/// `script` may start a step: the name of a launcher stands somewhere in it, and be it in a comment.
pub fn names_a_launcher(script: &[u8]) -> bool {
    let mut names = LAUNCHERS.iter().chain(&OF_CENTRES);
    names.any(|name| memchr::memmem::find(script, name).is_some())
}

#[cfg(test)]
mod tests {
    use super::names_a_launcher;

    #[test]
    fn a_script_that_may_start_steps_names_what_starts_them() {
        for (script, may) in [
            ("./solve", false),
            ("srun ./solve", true),
            (
                "for n in 1 2; do /opt/slurm/bin/srun -n1 ./solve & done",
                true,
            ),
            ("MPI=mpiexec.hydra\n$MPI -n 4 ./solve", true),
        ] {
            assert_eq!(names_a_launcher(script.as_bytes()), may, "{script}");
        }
    }
}
