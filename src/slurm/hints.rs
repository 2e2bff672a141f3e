//! The size of a submission's input, as sbatch finds it: c_shim/spank/hints.c, for `shadowfit predict`.

use std::ffi::c_char;

unsafe extern "C" {
    fn hints_input_bytes(words: *const c_char, length: usize) -> u64;
}

/// Size in bytes of the files that the arguments of `sbatch SCRIPT [arguments]` name, or else of those that
/// the script names; `None` if there are none.
pub fn input_bytes<'a>(script: &'a str, arguments: impl Iterator<Item = &'a str>) -> Option<u64> {
    let words = ["sbatch", script].into_iter().chain(arguments);
    let text = words.flat_map(|word| word.bytes().filter(|&byte| byte != 0).chain([0]));
    let text: Vec<u8> = text.collect();
    // SAFETY: `text` has this length, ends every word with NUL, and outlives the call.
    let bytes = unsafe { hints_input_bytes(text.as_ptr().cast(), text.len()) };
    Some(bytes).filter(|&bytes| bytes > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_counted_once_on_the_command_line_or_else_in_the_script() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name).display().to_string();
        let [reads, reference] = [path("reads.fq"), path("ref.fa")];
        std::fs::write(&reads, vec![b'A'; 5000]).unwrap();
        std::fs::write(&reference, vec![b'A'; 300]).unwrap();
        let script = path("job.sh");
        let text = format!(
            "#!/bin/sh\n# {reads}\nalign \"{reference}\" -i={reference} $1 /no/such.file >out.bam\n"
        );
        std::fs::write(&script, text).unwrap();
        let bytes = |arguments: &[&str]| input_bytes(&script, arguments.iter().copied());
        assert_eq!(bytes(&[]), Some(300));
        assert_eq!(bytes(&["7", "/no/such.file"]), Some(300));
        assert_eq!(bytes(&[&reads, &format!("in={reads}")]), Some(5000));
        assert_eq!(bytes(&[&format!("in={reads}"), &reference]), Some(5300));
        assert_eq!(input_bytes("/no/such.sh", [].into_iter()), None);
    }
}
