//! The folder of a process in /proc, under a root path.

use procfs::process::Process;
use std::io::Read;
use std::path::Path;

/// A process by its number; `None` if it has ended.
pub fn open(proc: &Path, id: u32) -> Option<Process> {
    Process::new_with_root(proc.join(id.to_string())).ok()
}

/// A file of a process whose length others decide, of at most so many bytes; `None` where it is longer, or gone.
pub fn read_up_to(most: u64, process: &Process, name: &str) -> Option<Vec<u8>> {
    let file = process.open_relative(name).ok()?;
    let mut text = Vec::new();
    file.take(most + 1).read_to_end(&mut text).ok()?;
    (text.len() as u64 <= most).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_longer_than_is_read_is_not_read_in_part() {
        let proc = tempfile::tempdir().unwrap();
        std::fs::create_dir(proc.path().join("7")).unwrap();
        std::fs::write(proc.path().join("7/net"), "12345").unwrap();
        let process = open(proc.path(), 7).unwrap();
        for (most, name, right) in [
            (5, "net", Some(b"12345")),
            (4, "net", None),
            (9, "no", None),
        ] {
            let right = right.map(|text| text.to_vec());
            assert_eq!(read_up_to(most, &process, name), right, "{most} {name}");
        }
    }
}
