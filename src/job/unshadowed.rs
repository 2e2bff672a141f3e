//! Why a job has no shadow, though nothing is known of its kind: one would show what another job does.

/// What of a job its shadow would not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unshadowed {
    /// `--input`: a shadow's script would be at its end at once, and seem to need nothing.
    Input,
    /// `--container`: a shadow's script would find the node's programs.
    Container,
    /// `--bb`, `--bbf` or their like in the script: a shadow's script would not find its files.
    BurstBuffer,
    /// An array of which it is not known what its tasks see of it: they would share their work otherwise.
    Array,
    /// Blanks in its arguments change too often to be told.
    Arguments,
}

impl Unshadowed {
    /// The reason, as it stands in AdminComment.
    pub fn text(self) -> &'static str {
        match self {
            Unshadowed::Input => "no shadow: it reads its standard input from a file",
            Unshadowed::Container => "no shadow: it runs in a container",
            Unshadowed::BurstBuffer => "no shadow: a burst buffer holds its files",
            Unshadowed::Array => "no shadow: what its array's tasks see of it cannot be told",
            Unshadowed::Arguments => {
                "no shadow: blanks in its arguments change too often to be told"
            }
        }
    }
}

/// The first words of a script's lines that tell burst buffers (DataWarp, Lua) what to bring.
const STAGING: [&[u8]; 3] = [b"#BB", b"#BB_LUA", b"#DW"];

/// A burst buffer reads what it is to bring in the comments that a script begins with. Slurm reads them only after job_submit.
pub fn is_staged(script: &[u8]) -> bool {
    script
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
        .take_while(|line| line.starts_with(b"#"))
        .any(|line| STAGING.contains(&first_word(line)))
}

/// Programs' names begin like a burst buffer's word (`#BBMap 39`).
fn first_word(line: &[u8]) -> &[u8] {
    let is_blank = |byte: &u8| byte.is_ascii_whitespace();
    line.split(is_blank).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_buffer_is_told_before_the_first_line_that_is_no_comment() {
        for (script, staged) in [
            ("#!/bin/sh\n#BB create_persistent name=a\nwork\n", true),
            ("#!/bin/sh\n\n# what it does\n#BB_LUA pool=a", true),
            ("#DW jobdw type=scratch\n", true),
            ("#BB\tcapacity=1G\n", true),
            ("#!/bin/sh\n#DW", true),
            ("#!/bin/sh\n#BBMap 39, paired ends\nwork\n", false),
            ("#!/bin/sh\n#BBDuk\n#DWI of the head\nwork\n", false),
            ("#!/bin/sh\nwork\n#BB a\n", false),
            ("#!/bin/sh\n #BB a\n", false),
            ("#!/bin/sh\n#SBATCH --mem=1G\nwork '#BB'\n", false),
            ("", false),
        ] {
            assert_eq!(is_staged(script.as_bytes()), staged, "{script:?}");
        }
    }
}
