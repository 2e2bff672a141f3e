//! shadowfit-sampler: started by SPANK beside each shadow, as root, outside of its job. Watches it,
//! ends it when its window is over, and reports its counters through AdminComment.
#![forbid(unsafe_code)]

use clap::Parser;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use shadowfit_core::agent::{Clock, WallClock};
use shadowfit_core::counters::cgroup::{self, Group};
use shadowfit_core::counters::license::Sensor;
use shadowfit_core::counters::sampler::{INTERVAL, Sampler};
use shadowfit_core::counters::{Counters, Ended};
use shadowfit_core::record::ShadowRecord;
use shadowfit_core::slurm::{System, control, notes};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

const CGROUPS: &str = "/sys/fs/cgroup";

/// How long the sandbox may take until it tells its pid.
const START_TIMEOUT: Duration = Duration::from_secs(10);
/// How often, 20 ms apart, it is tried to remove the shadow's cgroups.
const LOOKS_AT_THE_END: u32 = 200;
/// Seconds that scontrol has to write the report.
const REPORT_TIMEOUT_S: u32 = 4;

/// Watches one shadow. SPANK starts it; nobody else needs to.
#[derive(Parser)]
#[command(version, name = "shadowfit-sampler")]
struct Arguments {
    /// The shadow's own job
    #[arg(long)]
    job: u64,
    /// The job whose shadow it is
    #[arg(long)]
    shadow_of: String,
    /// When its window ends, in seconds since 1970
    #[arg(long)]
    until: i64,
    /// Its cgroup
    #[arg(long)]
    group: String,
    /// License servers to stand in for: 27000@lic1,27001@10.0.0.7
    #[arg(long, default_value = "")]
    license_servers: String,
    /// The pipe on which the sandbox tells its pid and its end
    #[arg(long)]
    report_fd: u32,
    /// The pipe on which the sandbox is told that it is watched
    #[arg(long)]
    go_fd: u32,
}

/// What the sandbox tells.
enum News {
    /// There is an init, with this pid.
    Started(i32),
    /// All its parts have been taken.
    Ready,
    /// It could not be built.
    Refused(String),
    /// The program ended with this code.
    Exited(i32),
}

fn main() {
    let arguments = Arguments::parse();
    cgroup::leave(Path::new(CGROUPS));
    let news = listen(arguments.report_fd);
    let group = Group::new(Path::new(CGROUPS), &arguments.group);
    let counters = watch(&arguments, &news, group);
    report(&arguments, counters);
    clear(&Group::new(Path::new(CGROUPS), &arguments.group));
}

/// Reads the pipe in a thread of its own, so that a look is never late.
fn listen(fd: u32) -> Receiver<News> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || read_news(fd, &sender));
    receiver
}

fn read_news(fd: u32, sender: &Sender<News>) {
    let Ok(pipe) = File::open(format!("/proc/self/fd/{fd}")) else {
        return;
    };
    for line in BufReader::new(pipe).lines().map_while(Result::ok) {
        let news = match line.split_once(' ').unwrap_or((&line, "")) {
            ("pid", pid) => pid.parse().ok().map(News::Started),
            ("ready", _) => Some(News::Ready),
            ("exit", code) => code.parse().ok().map(News::Exited),
            ("refused", why) => Some(News::Refused(why.to_owned())),
            _ => None,
        };
        if news.is_some_and(|news| sender.send(news).is_err()) {
            return;
        }
    }
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
    let mut pipe = OpenOptions::new()
        .write(true)
        .open(format!("/proc/self/fd/{fd}"))?;
    pipe.write_all(b"\n")
}

fn watch(arguments: &Arguments, news: &Receiver<News>, group: Group) -> Counters {
    let init = match whole(news) {
        Ok(init) => init,
        Err(why) => return Counters::refused(&why),
    };
    let run = PathBuf::from(format!("/proc/{init}/root/run/shadowfit"));
    let mut sampler = Sampler::new(group, Some(run.join("scratch")));
    let mut noted = notes::Notes::default();
    let licenses = Sensor::start(&arguments.license_servers, init);
    if let Err(error) = go(arguments.go_fd) {
        return Counters::refused(&format!("the job could not be let go: {error}"));
    }
    let (ended, code) = loop {
        match news.recv_timeout(INTERVAL) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(News::Refused(why)) => return Counters::refused(&why),
            Ok(News::Exited(0)) => break (Ended::Finished, Some(0)),
            Ok(News::Exited(code)) => break (Ended::Failed, Some(code)),
            Ok(News::Started(_) | News::Ready) => {}
            Err(RecvTimeoutError::Disconnected) => break (Ended::Failed, None),
        }
        if sampler.look() {
            noted.read(&run.join("notes"));
        }
        if WallClock.now() >= arguments.until {
            break (Ended::Window, None);
        }
        if sampler.has_settled() {
            break (Ended::Settled, None);
        }
    };
    noted.read(&run.join("notes"));
    // Its end takes every process of the sandbox with it.
    let _may_have_ended = kill(Pid::from_raw(init), Signal::SIGKILL);
    Counters {
        ranks: noted.ranks(),
        licenses: licenses.asked(),
        ..sampler.counters(ended, code)
    }
}

/// Writes the counters where the agent finds them. A controller that is away is asked again once.
fn report(arguments: &Arguments, counters: Counters) {
    let commands = System {
        timeout_s: REPORT_TIMEOUT_S,
    };
    let comment = ShadowRecord::new(&arguments.shadow_of, Some(counters)).to_comment();
    let job = arguments.job.to_string();
    let written = || control::comment(&commands, &job, &comment);
    if written().is_err() {
        let _lost_with_the_shadow = written();
    }
}

/// Ends what still runs in the group and removes it. Thousands of processes take a while to die; what
/// is left then is left to the epilog.
fn clear(group: &Group) {
    for _ in 0..LOOKS_AT_THE_END {
        for id in group.processes().unwrap_or_default() {
            let _may_have_ended = kill(Pid::from_raw(id as i32), Signal::SIGKILL);
        }
        if group.remove().is_ok() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
