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

/// A program of this file name starts others. Installations of MPI that stand beside each other end in their own names, as
/// `mpirun.openmpi` and `mpiexec.hydra`.
pub fn is_launcher(name: &[u8]) -> bool {
    let of_mpi = || name.starts_with(b"mpi") || name.starts_with(b"orterun");
    let before_dot = || name.split(|&byte| byte == b'.').next().unwrap_or(name);
    LAUNCHERS.contains(&name) || of_mpi() && LAUNCHERS.contains(&before_dot())
}
