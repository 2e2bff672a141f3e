//! Beside a shadow: lets it start, watches it, ends it when its window is over.

use super::news::{News, listen};
use super::{CGROUPS, PROC, REPORT_TIMEOUT_S, Shadow, pipe};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use shadowfit_core::clock::{Clock, WallClock};
use shadowfit_core::job::counters::{Ended, ShadowCounters};
use shadowfit_core::record::ShadowRecord;
use shadowfit_core::sampler::Sampler;
use shadowfit_core::sampler::cgroup::{self, Group};
use shadowfit_core::sampler::license_sensor::Sensor;
use shadowfit_core::shadow::{NOTES, SCRATCH};
use shadowfit_core::slurm::{System, control, notes};
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// How long the sandbox may take until it reports its pid.
const START_TIMEOUT: Duration = Duration::from_secs(10);
/// How long, and how often, it is tried to remove the shadow's cgroups: a process with the lowest priority needs CPU time
/// of a busy node to die, and where slurmstepd was killed nobody else removes them.
const CLEARING: Duration = Duration::from_secs(300);
const LEAST_REST: Duration = Duration::from_millis(20);
const MOST_REST: Duration = Duration::from_secs(1);

/// The first process of a sandbox. Whoever has its number once it has ended is somebody else: it is known by its folder in
/// /proc, which is open and has nothing in it from then on. So is what its end is seen by: to end it no file has to be opened.
struct Init {
    pid: i32,
    folder: File,
    stat: File,
}

impl Init {
    fn open(proc: &Path, pid: i32) -> Option<Init> {
        let folder = File::open(proc.join(pid.to_string())).ok()?;
        let stat = File::open(format!("/proc/self/fd/{}/stat", folder.as_raw_fd())).ok()?;
        Some(Init { pid, folder, stat })
    }

    /// What this process sees under that name in its folder.
    fn path(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}/{name}", self.folder.as_raw_fd()))
    }

    /// Its end takes every process of the sandbox with it.
    fn end(&self) {
        // An empty one has ended, too.
        if self
            .stat
            .read_at(&mut [0], 0)
            .is_ok_and(|length| length > 0)
        {
            let _has_just_ended = kill(Pid::from_raw(self.pid), Signal::SIGKILL);
        }
    }
}

/// Watches it to its end.
pub fn run(arguments: &Shadow) {
    let news = listen(arguments.report_fd);
    let counters = match whole(&news).map(known) {
        Ok(Some((init, group))) => watch(arguments, &news, &init, group),
        Ok(None) => ShadowCounters::refused("the sandbox ended before it was watched"),
        Err(why) => ShadowCounters::refused(&why),
    };
    report(arguments, counters);
    clear(&arguments.group);
}

/// The process of this number and its groups, where these are a shadow's.
fn known(init: i32) -> Option<(Init, Group)> {
    let proc = Path::new(PROC);
    let folder = Init::open(proc, init)?;
    Some((folder, Group::of_shadow(Path::new(CGROUPS), proc, init)?))
}

/// Waits until the sandbox is whole, and returns its init; or why there is none. The two lines come
/// from two processes, in either order.
fn whole(news: &Receiver<News>) -> Result<i32, String> {
    let (mut init, mut ready) = (None, false);
    loop {
        match news.recv_timeout(START_TIMEOUT) {
            Ok(News::Started(pid)) => init = Some(pid),
            Ok(News::Ready) => ready = true,
            Ok(News::Refused(why)) => return Err(why),
            _ => return Err("the sandbox did not start".into()),
        }
        if let Some(init) = init.filter(|_| ready) {
            return Ok(init);
        }
    }
}

/// Lets the job start.
fn go(fd: u32) -> std::io::Result<()> {
    pipe(fd)?.write_all(b"\n")
}

fn watch(arguments: &Shadow, news: &Receiver<News>, init: &Init, group: Group) -> ShadowCounters {
    let inside = |path: &str| init.path(&format!("root{path}"));
    let notes = inside(NOTES);
    let mut sampler = Sampler::of_shadow(group, Path::new(PROC), inside(SCRATCH), &WallClock);
    let started = Instant::now();
    let at = || started.elapsed().as_secs_f32();
    let mut noted = notes::Notes::default();
    let licenses = Sensor::start(&arguments.license_servers, Path::new(PROC), init.pid);
    if let Err(error) = go(arguments.go_fd) {
        return ShadowCounters::refused(&format!("the job could not be let go: {error}"));
    }
    let (ended, code) = loop {
        let left = Duration::from_secs((arguments.until - WallClock.now()).max(0) as u64);
        match news.recv_timeout(sampler.rest(at()).min(left)) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(News::Refused(why)) => return ShadowCounters::refused(&why),
            Ok(News::Exited(0)) => break (Ended::Finished, Some(0)),
            Ok(News::Exited(code)) => break (Ended::Failed, Some(code)),
            Ok(News::Started(_) | News::Ready) => {}
            Err(RecvTimeoutError::Disconnected) => break (Ended::Failed, None),
        }
        if sampler.look(at()) {
            noted.read(&notes);
        }
        if WallClock.now() >= arguments.until {
            break (Ended::Window, None);
        }
        if sampler.has_settled(at()) {
            break (Ended::Settled, None);
        }
    };
    noted.read(&notes);
    init.end();
    ShadowCounters {
        ranks: noted.ranks(),
        license_servers: licenses.asked(),
        ..sampler.shadow(at(), ended, code)
    }
}

/// Writes the counters where the agent finds them. A controller that is away is asked again once.
fn report(arguments: &Shadow, counters: ShadowCounters) {
    let commands = System {
        timeout_s: REPORT_TIMEOUT_S,
    };
    let comment = ShadowRecord::ended(&arguments.shadow_of, counters).to_comment();
    let job = arguments.job.to_string();
    let written = || control::comment(&commands, &job, &comment);
    if written().is_err() {
        let _lost_with_the_shadow = written();
    }
}

/// Ends what still runs in a shadow's groups and removes them, also those of a sandbox that never was whole. What lasts too
/// long is left to the epilog.
fn clear(name: &str) {
    let end = Instant::now() + CLEARING;
    loop {
        match cgroup::named(Path::new(CGROUPS), name) {
            Ok(groups) => {
                if groups.is_empty() || !remove(groups, end) {
                    return;
                }
            }
            // Nobody can say that there are none.
            Err(_) if Instant::now() > end => return,
            Err(_) => std::thread::sleep(MOST_REST),
        }
    }
}

/// To find them costs a walk through the groups of the node; to try them again does not. False if some are left.
fn remove(mut groups: Vec<PathBuf>, end: Instant) -> bool {
    let mut rest = LEAST_REST;
    loop {
        groups.retain(|group| !is_gone(group));
        if groups.is_empty() || Instant::now() > end {
            return groups.is_empty();
        }
        std::thread::sleep(rest);
        rest = (rest * 2).min(MOST_REST);
    }
}

fn is_gone(group: &Path) -> bool {
    for id in cgroup::inside(group) {
        let _may_have_ended = kill(Pid::from_raw(id as i32), Signal::SIGKILL);
    }
    let removed = std::fs::remove_dir(group);
    removed.is_ok() || removed.is_err_and(|error| error.kind() == ErrorKind::NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn an_init_that_has_ended_is_nobody_whoever_has_its_number() {
        let mut ended = Command::new("sleep").arg("60").spawn().unwrap();
        let mut stranger = Command::new("sleep").arg("60").spawn().unwrap();
        let mut init = Init::open(Path::new(PROC), ended.id() as i32).unwrap();
        assert!(init.path("root/proc").exists());
        init.end();
        assert!(!ended.wait().unwrap().success());
        assert!(!init.path("root/proc").exists());
        init.pid = stranger.id() as i32;
        init.end();
        std::thread::sleep(Duration::from_millis(200));
        let lives = stranger.try_wait().unwrap().is_none();
        stranger.kill().unwrap();
        stranger.wait().unwrap();
        assert!(lives);
    }
}
