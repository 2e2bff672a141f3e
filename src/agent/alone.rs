//! One agent at a time works on a database: two would do everything twice. Another one, as beside a second slurmctld, waits
//! until the first has ended, and touches nothing meanwhile.

use crate::clock::Clock;
use crate::config::{Config, ConfigError};
use crate::store::private::{make_folder, make_for_owner_of_folder, open_to_lock};
use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// One that waits looks so often whether the other has ended.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Held for as long as its agent lives: the kernel gives it up, however that ends.
pub type Alone = Flock<File>;

/// Keeps others from working on the database of this configuration; an error where another one does.
pub fn alone(config: &Config) -> Result<Alone> {
    let lock = lock_of(config)?;
    match try_to_hold(&lock)? {
        Some(alone) => Ok(alone),
        None => bail!("{}: another shadowfitd is at work here", lock.display()),
    }
}

/// The same, once no other does. One that waits waits for a file that was broken meanwhile to be mended, too, as one at work
/// goes on with what it has read before.
pub fn alone_at_last(config_path: &Path, clock: &dyn Clock) -> Result<Alone> {
    let mut config = Ok::<_, ConfigError>(Config::load(config_path)?);
    let mut said = String::new();
    loop {
        let waits_for = match config {
            Ok(config) => {
                let lock = lock_of(&config)?;
                if let Some(alone) = try_to_hold(&lock)? {
                    return Ok(alone);
                }
                let lock = lock.display();
                format!(
                    "{lock}: another shadowfitd is at work here: this one waits until that has ended"
                )
            }
            Err(broken) => broken.to_string(),
        };
        if said != waits_for {
            tracing::warn!("{waits_for}");
            said = waits_for;
        }
        clock.sleep(LOOK_EVERY);
        // The folder may be another one by now.
        config = Config::load(config_path);
    }
}

fn lock_of(config: &Config) -> Result<PathBuf> {
    let folder = &config.state_dir;
    make_folder(folder).with_context(|| folder.display().to_string())?;
    Ok(folder.join("agent.lock"))
}

/// `None` where another process holds it.
fn try_to_hold(lock: &Path) -> Result<Option<Alone>> {
    let place = || lock.display().to_string();
    make_for_owner_of_folder(lock).with_context(place)?;
    let file = open_to_lock(lock).with_context(place)?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(alone) => Ok(Some(alone)),
        Err((_, Errno::EWOULDBLOCK)) => Ok(None),
        Err((_, error)) => Err(error).with_context(place),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::{Cell, RefCell};

    /// While the second agent sleeps for the first time somebody breaks the file, the next time the first agent ends, and the
    /// third time the file is mended.
    struct Meanwhile<'a> {
        first: RefCell<Option<Alone>>,
        config: &'a Path,
        slept: Cell<u32>,
    }

    impl Clock for Meanwhile<'_> {
        fn now(&self) -> i64 {
            0
        }

        fn elapsed(&self) -> Duration {
            Duration::ZERO
        }

        fn sleep(&self, _: Duration) {
            self.slept.set(self.slept.get() + 1);
            match self.slept.get() {
                1 => std::fs::rename(self.config, self.config.with_extension("good"))
                    .and_then(|()| std::fs::write(self.config, "state_dir = 7\n"))
                    .unwrap(),
                2 => drop(self.first.take()),
                _ => std::fs::rename(self.config.with_extension("good"), self.config).unwrap(),
            }
        }
    }

    #[test]
    fn a_second_agent_waits_for_the_first_and_a_good_file_and_touches_nothing_meanwhile() {
        let dir = tempfile::tempdir().unwrap();
        let (config, state) = (dir.path().join("shadowfit.toml"), dir.path().join("state"));
        std::fs::write(&config, format!("state_dir = '{}'\n", state.display())).unwrap();
        let alone = || alone(&Config::load(&config).unwrap());
        let first = alone().unwrap();
        let said = format!("{:#}", alone().err().unwrap());
        assert!(
            said.contains("another shadowfitd is at work here"),
            "{said}"
        );
        let meanwhile = Meanwhile {
            first: RefCell::new(Some(first)),
            config: &config,
            slept: Cell::new(0),
        };
        let second = alone_at_last(&config, &meanwhile).unwrap();
        assert_eq!(meanwhile.slept.get(), 3);
        let there: Vec<_> = std::fs::read_dir(&state).unwrap().flatten().collect();
        assert_eq!(there.len(), 1, "{there:?}");
        drop(second);
        alone().unwrap();
    }
}
