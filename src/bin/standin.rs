//! shadowfit-standin: lies over srun, mpirun, sbatch, scancel, mail and their like inside a shadow.
//! A launcher starts its program once, here, as rank 0 of 1; everything else succeeds and does
//! nothing. What was asked for is noted.
#![forbid(unsafe_code)]

use shadowfit_core::shadow::NOTES;
use shadowfit_core::slurm::launch::{Launch, is_launcher};
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

/// What would make an MPI library look for its launcher.
const LAUNCHER_VARIABLES: [&str; 4] = ["PMI_", "PMIX_", "OMPI_", "PMI2_"];

fn main() -> ExitCode {
    let mut words = std::env::args_os();
    let own = words.next().unwrap_or_default();
    let words: Vec<String> = words
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let name = own.to_string_lossy();
    let name = name.rsplit('/').next().unwrap_or_default();
    if !is_launcher(name) {
        return ExitCode::SUCCESS;
    }
    let launch = Launch::read(name, &words);
    note(&launch.to_string());
    let Some((program, arguments)) = launch.command.split_first() else {
        return ExitCode::SUCCESS;
    };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env("SLURM_PROCID", "0")
        .env("SLURM_LOCALID", "0");
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if LAUNCHER_VARIABLES
            .iter()
            .any(|prefix| text.starts_with(prefix))
        {
            command.env_remove(&name);
        }
    }
    let error = command.exec();
    eprintln!("{name}: {program}: {error}");
    ExitCode::from(127)
}

fn note(line: &str) {
    let notes = OpenOptions::new().append(true).open(NOTES);
    // Outside a sandbox there is nobody to read it.
    let _nobody_reads = notes.and_then(|mut notes| writeln!(notes, "{line}"));
}
