//! On a node where a job's steps run and its batch script does not: watches all of them until Slurm takes
//! the job's cgroup away, and leaves what it saw in the folder that all nodes share.

use super::alone::OnlySampler;
use super::job::{group, leave};
use super::{Node, PROC};
use shadowfit_core::clock::WallClock;
use shadowfit_core::job::counters::Ended;
use shadowfit_core::sampler::Sampler;
use std::path::Path;
use std::time::{Duration, Instant};

/// The end is looked for this often at least.
const LONGEST_REST: Duration = Duration::from_secs(1);

/// Watches the job to its end here, unless another sampler does, or nobody would hear of it.
pub fn run(arguments: &Node) {
    let config = super::config(&arguments.config);
    let Some(folder) = config.profile.spool_dir else {
        return;
    };
    let Some(group) = group(arguments.job, arguments.pid, arguments.user) else {
        return;
    };
    let Some(_alone) = OnlySampler::beside(arguments.job, &group) else {
        return;
    };
    let mut sampler = Sampler::of_job(group, Path::new(PROC), &config.license, &WallClock);
    let started = Instant::now();
    let at = || started.elapsed().as_secs_f32();
    sampler.look(at());
    while !sampler.is_over() {
        std::thread::sleep(sampler.rest(at()).min(LONGEST_REST));
        sampler.look(at());
    }
    let counters = sampler.job(at(), Ended::Finished, None);
    leave(&folder, arguments.job, &arguments.node, counters);
}
