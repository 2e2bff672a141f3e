//! Files without a name: nobody can put another one in their place, and nothing of them is left when their agent ends,
//! however it ends.

use nix::sys::memfd::{MFdFlags, memfd_create};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsRawFd;

/// A file that commands which are started meanwhile can open, and nobody else but root.
pub(super) struct Unnamed(File);

impl Unnamed {
    /// One with this content.
    pub fn with(content: &[u8]) -> io::Result<Unnamed> {
        // Without CLOEXEC: the command has it under the same number.
        let mut file = File::from(memfd_create("shadow", MFdFlags::empty())?);
        file.write_all(content)?;
        Ok(Unnamed(file))
    }

    /// Where a command finds it.
    pub fn path(&self) -> String {
        format!("/proc/self/fd/{}", self.0.as_raw_fd())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slurm::{Commands, System};

    #[test]
    fn a_command_reads_it_from_its_beginning_and_nothing_is_left() {
        let text = b"work\n".repeat(100_000);
        let file = Unnamed::with(&text).unwrap();
        let path = file.path();
        let both = System::default().run_bare("cat", &[&path, &path]).unwrap();
        assert!(both == text.repeat(2));
        drop(file);
        let gone = System::default().run_bare("grep", &["-c", "work", &path]);
        assert!(gone.is_err());
    }
}
