//! Beside a batch job: watches all its steps on this node until its script ends, and joins what it saw to
//! the decision in its AdminComment, in one call, or leaves it in the folder that all nodes share.

use super::alone::OnlySampler;
use super::news::{News, listen};
use super::{CGROUPS, Job, NOTES, PROC, REPORT_TIMEOUT_S, pipe};
use shadowfit_core::clock::{Clock, WallClock};
use shadowfit_core::config::Config;
use shadowfit_core::elastic::{self, GrowthTerms, Ledger, MemoryPool};
use shadowfit_core::job::counters::{Ended, JobCounters};
use shadowfit_core::sampler::Sampler;
use shadowfit_core::sampler::cgroup::Group;
use shadowfit_core::sampler::cgroup::Tree;
use shadowfit_core::sampler::spool::{self, NodeProfile};
use shadowfit_core::slurm::{System, control, queue};
use shadowfit_core::text::units::MIB;
use std::io::Write;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// How often, 10 ms apart, it is looked whether Slurm has put the job into its cgroup.
const LOOKS_AT_THE_START: u32 = 100;
const LOOK: Duration = Duration::from_millis(10);

/// How long it waits each time until slurmctld is asked once more how far the job may grow.
const ASK_AGAIN: [Duration; 4] = [
    Duration::from_secs(2),
    Duration::from_secs(10),
    Duration::from_secs(60),
    Duration::from_secs(600),
];

/// slurmstepd waits two seconds for each word.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// Watches it to its end. Whatever fails, the job does not notice.
pub fn run(arguments: &Job) {
    let news = listen(arguments.report_fd);
    let Some(group) = group(arguments.job, arguments.pid, arguments.user) else {
        return;
    };
    let config = super::config(&arguments.config);
    // Only then there are others beside steps, on the job's other nodes.
    let spool = config.profile.spool_dir.as_ref();
    let _alone = spool.and_then(|_| OnlySampler::beside(arguments.job, &group));
    let lent = lend(&config, &group, arguments);
    let mut counters = watch(
        &news,
        Sampler::of_job(group, Path::new(PROC), &config.license, &WallClock)
            .until_its_end(arguments.pid),
    );
    counters.growths = lent.growths();
    if let Some(folder) = spool {
        leave(folder, arguments.job, "first", counters.clone());
        // Elsewhere nobody has to hear of it before the job has ended.
        if counters.ended != Ended::Oom {
            return;
        }
    }
    // What Slurm has heard of cannot be put back unseen.
    let _patience = (counters.ended == Ended::Oom).then(|| Patience::of(arguments.wait_fd));
    let commands = System {
        timeout_s: REPORT_TIMEOUT_S,
    };
    let job = arguments.job.to_string();
    let _sacct_still_knows_something = control::join_profile(&commands, &job, counters);
}

/// From now on the job is lent memory as it needs it, where its record allows that and the node has a pool: it is on no other node, as
/// one that starts steps is lent nothing.
fn lend(config: &Config, group: &Group, arguments: &Job) -> Ledger {
    let limits = config.elastic;
    let Some(folder) = group.folder().filter(|_| limits.pool_mib > 0) else {
        return Ledger::default();
    };
    let (job, user) = (arguments.job, arguments.user);
    let pool = MemoryPool::new(Path::new(NOTES), Path::new(PROC), limits, user);
    elastic::beside(folder, Path::new(PROC), pool, move || terms(job))
}

/// How far the job may grow, where slurmctld says so: it is asked again, ever more rarely, while it is silent.
fn terms(job: u64) -> Option<GrowthTerms> {
    let commands = System {
        timeout_s: REPORT_TIMEOUT_S,
    };
    let mut pauses = ASK_AGAIN.iter();
    let known = loop {
        match queue::ending(&commands, &job.to_string()) {
            Ok(known) => break known,
            Err(_silence) => std::thread::sleep(*pauses.next()?),
        }
    };
    let record = known.record?;
    // Somebody may have changed it by hand.
    if known.memory != record.memory_in_force() {
        return None;
    }
    Some(GrowthTerms {
        given: record.given_on_a_node()?.saturating_mul(MIB),
        times: record.may_grow()?,
    })
}

/// As long as it lives, slurmstepd is asked each second to wait for longer with the end of the job.
struct Patience(#[allow(dead_code, reason = "its end ends the thread")] Sender<()>);

impl Patience {
    fn of(fd: u32) -> Patience {
        let (alive, is_over) = channel();
        std::thread::spawn(move || {
            let Ok(mut pipe) = pipe(fd) else { return };
            while pipe.write_all(b"\n").is_ok()
                && is_over.recv_timeout(ASK_EVERY) == Err(RecvTimeoutError::Timeout)
            {}
        });
        Patience(alive)
    }
}

/// Leaves what was seen in the folder that all nodes share.
pub fn leave(folder: &Path, job: u64, node: &str, counters: JobCounters) {
    let profile = NodeProfile {
        job,
        node: node.to_owned(),
        ended: WallClock.now(),
        counters,
    };
    let _sacct_still_knows_something = spool::leave(folder, &profile);
}

/// Slurm moves a job into its cgroup a moment after it was started, unless it keeps none. `None` for a job
/// that is gone already.
pub fn group(job: u64, pid: i32, user: u32) -> Option<Group> {
    let (root, proc) = (Path::new(CGROUPS), Path::new(PROC));
    for _ in 0..LOOKS_AT_THE_START {
        if let Some(found) = Group::of_job(root, proc, pid, job) {
            return Some(found);
        }
        if !proc.join(pid.to_string()).exists() {
            return None;
        }
        std::thread::sleep(LOOK);
    }
    Some(Group::Processes(Tree::new(proc, job, user)))
}

fn watch(news: &Receiver<News>, mut sampler: Sampler) -> JobCounters {
    let started = Instant::now();
    let at = || started.elapsed().as_secs_f32();
    loop {
        sampler.look(at());
        let (ended, code) = match news.recv_timeout(sampler.rest(at())) {
            Ok(News::Exited(0)) => (Ended::Finished, Some(0)),
            Ok(News::Exited(code)) => (Ended::Failed, Some(code)),
            Err(RecvTimeoutError::Disconnected) => (Ended::Failed, None),
            _ => continue,
        };
        sampler.look_back(at());
        return sampler.job(at(), ended, code);
    }
}
