//! The command lines of srun, mpirun and mpiexec: what they start, and how often.

use std::fmt;

/// Names under which launchers are known; `mpirun.openmpi` and the like count too.
const LAUNCHERS: [&str; 5] = ["srun", "mpirun", "mpiexec", "orterun", "prun"];

/// Options of srun that stand alone; of all others the next word is the value.
const SRUN_FLAGS: [&str; 34] = [
    "-E",
    "-H",
    "-I",
    "-k",
    "-K",
    "-l",
    "-O",
    "-Q",
    "-s",
    "-u",
    "-v",
    "-X",
    "-Z",
    "--exclusive",
    "--hold",
    "--immediate",
    "--kill-on-bad-exit",
    "--label",
    "--no-kill",
    "--overcommit",
    "--overlap",
    "--oversubscribe",
    "--preserve-env",
    "--propagate",
    "--pty",
    "--quiet",
    "--quit-on-interrupt",
    "--unbuffered",
    "--verbose",
    "--contiguous",
    "--exact",
    "--whole",
    "--use-min-nodes",
    "--disable-status",
];

/// Options of mpirun and mpiexec that stand alone.
const MPI_FLAGS: [&str; 18] = [
    "--oversubscribe",
    "-oversubscribe",
    "--allow-run-as-root",
    "-allow-run-as-root",
    "--tag-output",
    "--report-bindings",
    "-report-bindings",
    "--display-map",
    "--nooversubscribe",
    "--bynode",
    "--byslot",
    "-v",
    "-q",
    "--quiet",
    "-l",
    "-prepend-rank",
    "--verbose",
    "-genvall",
];

/// Options of mpirun and mpiexec that take two values.
const MPI_PAIRS: [&str; 6] = ["--mca", "-mca", "--gmca", "-gmca", "-genv", "-env"];

/// A command line of a launcher.
#[derive(Debug, PartialEq, Eq)]
pub struct Launch {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// `-n`.
    pub ranks: Option<u32>,
    /// `-c`.
    pub cpus: Option<u32>,
    /// `--mem`, as written.
    pub memory: Option<String>,
}

/// Whether a program of this name starts others.
pub fn is_launcher(name: &str) -> bool {
    LAUNCHERS.contains(&name.split('.').next().unwrap_or_default())
}

impl Launch {
    /// Reads the words after the launcher's name.
    pub fn read(launcher: &str, words: &[String]) -> Launch {
        let is_srun = launcher.starts_with("srun");
        let mut launch = Launch {
            command: Vec::new(),
            ranks: None,
            cpus: None,
            memory: None,
        };
        let mut at = 0;
        while at < words.len() {
            let word = words[at].as_str();
            at += 1;
            if !word.starts_with('-') {
                // mpirun starts several programs with a colon between them; the first one is rank 0.
                let rest = &words[at - 1..];
                let end = rest.iter().position(|w| w == ":" && !is_srun);
                launch.command = rest[..end.unwrap_or(rest.len())].to_vec();
                break;
            }
            let (name, joined) = split(word, is_srun);
            let values = if joined.is_some() {
                0
            } else {
                values(name, is_srun)
            };
            let value = joined.or_else(|| words.get(at).filter(|_| values > 0).map(String::as_str));
            launch.take(name, value.unwrap_or_default());
            at += values;
        }
        launch
    }

    fn take(&mut self, name: &str, value: &str) {
        match name {
            "-n" | "-np" | "--ntasks" | "--np" | "--n" => self.ranks = value.parse().ok(),
            "-c" | "--cpus-per-task" => self.cpus = value.parse().ok(),
            "--mem" => self.memory = Some(value.to_owned()),
            _ => {}
        }
    }
}

/// `--ntasks=4` and srun's `-n4` carry their value with them.
fn split(word: &str, is_srun: bool) -> (&str, Option<&str>) {
    if let Some((name, value)) = word.split_once('=').filter(|_| word.starts_with("--")) {
        return (name, Some(value));
    }
    let short = is_srun && !word.starts_with("--") && word.is_char_boundary(2);
    if short && word.len() > 2 && !SRUN_FLAGS.contains(&&word[..2]) {
        return (&word[..2], Some(&word[2..]));
    }
    (word, None)
}

fn values(name: &str, is_srun: bool) -> usize {
    let stands_alone = if is_srun {
        SRUN_FLAGS.contains(&name) || SRUN_FLAGS.contains(&name.get(..2).unwrap_or(name))
    } else {
        MPI_FLAGS.contains(&name)
    };
    match name {
        _ if stands_alone => 0,
        _ if !is_srun && MPI_PAIRS.contains(&name) => 2,
        _ => 1,
    }
}

impl fmt::Display for Launch {
    /// One line of notes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ranks={}", self.ranks.unwrap_or(1))?;
        if let Some(cpus) = self.cpus {
            write!(f, " cpus={cpus}")?;
        }
        match &self.memory {
            Some(memory) => write!(f, " mem={}", memory.replace(char::is_whitespace, "")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> (String, Option<u32>) {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let launch = Launch::read(&words[0], &words[1..]);
        (launch.command.join(" "), launch.ranks)
    }

    #[test]
    fn the_program_is_found_behind_every_form_of_option() {
        let cases = [
            ("srun ./a -n 3", "./a -n 3", None),
            ("srun -n4 -c 2 --mpi=pmix ./a x", "./a x", Some(4)),
            ("srun --ntasks 8 -l --exclusive ./a", "./a", Some(8)),
            ("srun -u -N2 --mem=4G a", "a", None),
            (
                "mpirun -np 16 --mca btl self --oversubscribe ./a -v",
                "./a -v",
                Some(16),
            ),
            ("mpiexec -n 2 ./a : -n 4 ./b", "./a", Some(2)),
            ("srun", "", None),
            ("srun -n", "", None),
        ];
        for (line, command, ranks) in cases {
            assert_eq!(read(line), (command.to_owned(), ranks), "{line}");
        }
    }

    #[test]
    fn launchers_are_known_by_their_names() {
        assert!(is_launcher("mpirun.openmpi") && is_launcher("srun"));
        assert!(!is_launcher("sbatch") && !is_launcher("srunner"));
    }
}
