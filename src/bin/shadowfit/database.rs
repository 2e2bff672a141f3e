//! The database and what is trained from it: import, train, db.

use crate::arguments::Db;
use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use shadowfit_core::agent::train::train;
use shadowfit_core::agent::{alone, import};
use shadowfit_core::clock::{Clock, WallClock};
use shadowfit_core::config::Config;
use shadowfit_core::model::snapshot::Snapshot;
use shadowfit_core::replay::trace::unpacked;
use shadowfit_core::slurm::sacct::{Reader, dump_command};
use shadowfit_core::store::private::make_folder;
use shadowfit_core::store::{Store, upkeep};
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write, stdin, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub fn import_dump(config: &Config, file: &Path) -> Result<()> {
    make_folder(&config.state_dir).with_context(|| config.state_dir.display().to_string())?;
    let mut store = Store::open(&config.database_path())?;
    let (input, size): (Box<dyn Read>, u64) = if file == Path::new("-") {
        (Box::new(stdin()), 0)
    } else {
        let input = File::open(file).with_context(|| file.display().to_string())?;
        let size = input.metadata()?.len();
        (Box::new(input), size)
    };
    let bar = ProgressBar::new(size);
    bar.set_style(ProgressStyle::with_template(
        "{wide_bar} {bytes}/{total_bytes} {eta}",
    )?);
    let place = || file.display().to_string();
    let input = unpacked(BufReader::new(input)).with_context(place)?;
    let reader = Reader::new(BufReader::with_capacity(1 << 20, input), None).with_context(place)?;
    let (read, new, reader) = import(&mut store, reader, |bytes| bar.set_position(bytes))?;
    bar.finish_and_clear();
    println!(
        "{} rows read, {read} finished runs, {new} of them new",
        reader.rows
    );
    eprint!("{}", reader.rejects);
    if read == 0 {
        let (file, command) = (file.display(), dump_command());
        bail!("{file}: no finished run in it; make the dump with: {command}");
    }
    Ok(())
}

pub fn train_snapshot(config: &Config, all: bool) -> Result<()> {
    let store = Store::open(&config.database_path())?;
    let path = config.snapshot_path();
    let old = Snapshot::load(&path).ok();
    // Who is who is the agent's to find out; it is carried over.
    let directory = old
        .as_ref()
        .map(|old| old.directory().clone())
        .unwrap_or_default();
    let previous = old.as_ref().filter(|_| !all);
    if let Some(bytes) = train(&store, previous, config, &directory, WallClock.now())? {
        Snapshot::publish(&path, &bytes).with_context(|| path.display().to_string())?;
    }
    println!(
        "{}: {} kinds of jobs",
        path.display(),
        Snapshot::load(&path)?.len()
    );
    Ok(())
}

pub fn keep_up(config: &Config, what: Db) -> Result<ExitCode> {
    let path = &config.database_path();
    let kept = |old: Option<PathBuf>| {
        if let Some(old) = old {
            println!("the old one is {}", old.display());
        }
    };
    match what {
        Db::Check => {
            let problems = upkeep::check(path)?;
            problems.iter().for_each(|problem| println!("{problem}"));
            if !problems.is_empty() {
                let name = path.display();
                println!(
                    "{name}: damaged; 'shadowfit db restore FILE' or 'shadowfit db rebuild' mends it"
                );
                return Ok(ExitCode::FAILURE);
            }
            println!("{}: whole", path.display());
        }
        Db::Backup { file } => upkeep::backup(path, &file)?,
        Db::Restore { file } => {
            let _alone = alone(config)?;
            kept(upkeep::restore(path, &file)?);
        }
        Db::Vacuum => Store::open(path)?.vacuum()?,
        Db::Export { file, sums } => {
            let store = Store::open_to_read(path)?;
            let out: Box<dyn Write> = match file == Path::new("-") {
                true => Box::new(stdout().lock()),
                false => Box::new(BufWriter::new(
                    File::create(&file).with_context(|| file.display().to_string())?,
                )),
            };
            let rows = match sums {
                true => store.export_sums(out)?,
                false => store.export(out)?,
            };
            eprintln!("{}: {rows} rows", file.display());
        }
        Db::Rebuild => {
            let _alone = alone(config)?;
            kept(upkeep::rebuild(path)?);
        }
    }
    Ok(ExitCode::SUCCESS)
}
