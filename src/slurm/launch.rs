//! The command lines of srun, mpirun and mpiexec: what they start, and how often.

use std::fmt;

/// Options of srun, from 22.05 to 26.05, that have no value, or only one with `=`; of all others the next
/// word is the value.
const SRUN_FLAGS: &str = "async bcast compress consolidate-segments contiguous debugger-test disable-status exact \
    exclusive external-launcher help hold immediate interactive kill-on-bad-exit label multi-prog nice \
    no-allocate no-kill oom-kill-step overcommit overlap oversubscribe parsable preserve-env propagate pty quiet \
    quit-on-interrupt reboot resv-ports send-libs spread-job spread-segments stepmgr test-only unbuffered usage \
    use-min-nodes verbose version wait-for-children whole";

/// Letters that have no value.
const SRUN_LETTERS: &str = "EHOQVXZhlsuv";

/// Letters whose value, if any, follows in the same word.
const SRUN_LETTERS_WITH_REST: &str = "IKk";

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
    crate::relies::is_launcher(name.as_bytes())
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
            "n" | "-n" | "-np" | "--ntasks" | "--np" | "--n" => self.ranks = value.parse().ok(),
            "c" | "-c" | "--cpus-per-task" => self.cpus = value.parse().ok(),
            "--mem" => self.memory = Some(value.to_owned()),
            _ => {}
        }
    }
}

/// `--ntasks=4` and srun's `-n4` carry their value with them; `-ln4` is -l and then that.
fn split(word: &str, is_srun: bool) -> (&str, Option<&str>) {
    if let Some((name, value)) = word.split_once('=').filter(|_| word.starts_with("--")) {
        return (name, Some(value));
    }
    let letters = word
        .strip_prefix('-')
        .filter(|rest| is_srun && !rest.starts_with('-'));
    let Some(letters) = letters else {
        return (word, None);
    };
    let last = letters.trim_start_matches(|letter| SRUN_LETTERS.contains(letter));
    let mut rest = last.chars();
    match rest.next() {
        Some(letter) if !rest.as_str().is_empty() => {
            (&last[..letter.len_utf8()], Some(rest.as_str()))
        }
        Some(_) => (last, None),
        None => (word, None),
    }
}

/// How many of the next words are values of this option.
fn values(name: &str, is_srun: bool) -> usize {
    let stands_alone = match (is_srun, name.strip_prefix("--")) {
        (false, _) => MPI_FLAGS.contains(&name),
        (true, Some(long)) => SRUN_FLAGS.split_whitespace().any(|flag| flag == long),
        // Letters alone, or one that is the last of them.
        (true, None) => name.starts_with('-') || SRUN_LETTERS_WITH_REST.contains(name),
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
    use crate::text::random::Random;

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
            ("srun -ln4 -K1 -I ./a", "./a", Some(4)),
            ("srun -un 4 ./a -n 5", "./a -n 5", Some(4)),
            ("srun --multi-prog --bcast conf", "conf", None),
            ("srun --nice --oom-kill-step=1 -vvv -c2 ./a", "./a", None),
            ("srun --container-image=x -Jname -é ./a", "", None),
            ("srun -l", "", None),
            ("srun", "", None),
            ("srun -n", "", None),
        ];
        for (line, command, ranks) in cases {
            assert_eq!(read(line), (command.to_owned(), ranks), "{line}");
        }
    }

    #[test]
    fn what_a_launcher_is_asked_for_is_noted_in_a_line() {
        let cases = [
            ("srun ./a", "ranks=1"),
            ("srun -n 4 ./a -c 2", "ranks=4"),
            ("srun -n4 -c2 --mem=4G ./a", "ranks=4 cpus=2 mem=4G"),
            (
                "srun --cpus-per-task 3 --mem 2000 ./a",
                "ranks=1 cpus=3 mem=2000",
            ),
            ("srun -c x --mem=1\u{a0}G\n ./a", "ranks=1 mem=1G"),
            ("mpirun --np 2 c 3 ./a", "ranks=2"),
            ("mpiexec --n 5 ./a", "ranks=5"),
            ("mpirun --ntasks=6 -genv a b ./a -n 9", "ranks=6"),
            // What follows is the option's, if anything does.
            ("srun ./a -n", "ranks=1"),
            ("srun -n", "ranks=1"),
            ("mpirun -mca a", "ranks=1"),
        ];
        for (line, noted) in cases {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            let launch = Launch::read(&words[0], &words[1..]);
            assert_eq!(launch.to_string(), noted, "{line:?}");
        }
    }

    #[test]
    fn any_words_are_read() {
        let pieces = [
            "-", "--", "n", "-n", "=", "K", "l", "é", "4", "mem", ":", "-np", " ",
        ];
        let mut random = Random::new(3);
        for _ in 0..20_000 {
            let words: Vec<String> = (0..random.below(6)).map(|_| random.text(&pieces)).collect();
            for launcher in ["srun", "mpirun"] {
                let launch = Launch::read(launcher, &words);
                assert!(launch.command.len() <= words.len() && !launch.to_string().contains('\n'));
            }
        }
    }

    #[test]
    fn launchers_are_known_by_their_names() {
        assert!(is_launcher("mpirun.openmpi") && is_launcher("srun"));
        assert!(is_launcher("prterun") && is_launcher("mpiexec.hydra"));
        assert!(!is_launcher("sbatch") && !is_launcher("srunner"));
    }

    #[test]
    fn shadows_have_stand_ins_for_all_that_starts_processes_by_their_usual_names() {
        let source = include_str!("../../c_shim/sandbox/standins.c");
        let named = source.split('"').skip(1).step_by(2);
        let launchers: Vec<&str> = named.filter(|name| is_launcher(name)).collect();
        for name in [
            "srun",
            "mpirun",
            "mpiexec",
            "orterun",
            "prun",
            "prterun",
            "mpirun.openmpi",
            "mpiexec.openmpi",
            "mpirun.mpich",
            "mpiexec.mpich",
            "mpiexec.hydra",
        ] {
            assert!(launchers.contains(&name), "{name}");
        }
    }
}
