//! One agent at a time works on a database: two would do everything twice. Another one, as beside a second slurmctld, waits
//! until the first has ended, and touches nothing meanwhile.

use crate::clock::Clock;
use crate::config::Config;
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

/// The same, once no other does.
pub fn alone_at_last(config_path: &Path, clock: &dyn Clock) -> Result<Alone> {
    let mut is_said = false;
    loop {
        // The folder may be another one by now.
        let lock = lock_of(&Config::load(config_path)?)?;
        if let Some(alone) = try_to_hold(&lock)? {
            return Ok(alone);
        }
        if !std::mem::replace(&mut is_said, true) {
            tracing::info!(
                lock = %lock.display(),
                "another shadowfitd is at work here: this one waits until that has ended"
            );
        }
        clock.sleep(LOOK_EVERY);
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

    /// The other agent ends when this has been slept twice.
    struct Other {
        alone: RefCell<Option<Alone>>,
        slept: Cell<u32>,
    }

    impl Clock for Other {
        fn now(&self) -> i64 {
            0
        }

        fn elapsed(&self) -> Duration {
            Duration::ZERO
        }

        fn sleep(&self, _: Duration) {
            self.slept.set(self.slept.get() + 1);
            if self.slept.get() == 2 {
                self.alone.take();
            }
        }
    }

    #[test]
    fn a_second_agent_waits_for_the_first_and_touches_nothing_meanwhile() {
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
        let other = Other {
            alone: RefCell::new(Some(first)),
            slept: Cell::new(0),
        };
        let second = alone_at_last(&config, &other).unwrap();
        assert_eq!(other.slept.get(), 2);
        let there: Vec<_> = std::fs::read_dir(&state).unwrap().flatten().collect();
        assert_eq!(there.len(), 1, "{there:?}");
        drop(second);
        alone().unwrap();
    }
}
