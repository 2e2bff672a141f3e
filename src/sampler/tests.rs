//! The sampler beside recorded nodes: one job, as cgroup v1, cgroup v2 and a plain /proc show it, must give
//! one and the same answer.

mod due;
mod rates;

use super::*;
use std::fs;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Goes on by so many milliseconds whenever it is asked.
struct Ticks {
    ms: u32,
    elapsed_ms: AtomicU32,
    /// CPU time goes on by so many whenever that is asked.
    cost_ms: u32,
    busy_ms: AtomicU32,
}

/// No look is held up, however busy the machine of the tests is.
static STILL: Ticks = Ticks::of(0);

impl Ticks {
    const fn of(ms: u32) -> Ticks {
        Ticks {
            ms,
            elapsed_ms: AtomicU32::new(0),
            cost_ms: 0,
            busy_ms: AtomicU32::new(0),
        }
    }

    /// Whatever is looked at costs so many milliseconds of CPU time.
    fn costing(cost_ms: u32) -> Ticks {
        Ticks {
            cost_ms,
            ..Ticks::of(0)
        }
    }
}

impl Clock for Ticks {
    fn now(&self) -> i64 {
        0
    }

    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.elapsed_ms.fetch_add(self.ms, Relaxed).into())
    }

    fn busy(&self) -> Duration {
        Duration::from_millis(self.busy_ms.fetch_add(self.cost_ms, Relaxed).into())
    }

    fn sleep(&self, _duration: Duration) {}
}

/// How a node keeps count of a job.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Form {
    V1,
    V2,
    Plain,
}

/// What is to be seen of the job at one look.
#[derive(Clone, Copy)]
struct Scene {
    at: f32,
    /// Anonymous memory, page cache, and the most that was charged by then, in MiB.
    anon: u64,
    cache: u64,
    charged: u64,
    cpu_s: u64,
    waited_s: u64,
    /// Read and written by system calls, in MiB.
    read: u64,
    written: u64,
    /// From and to storage, and received and sent over a network of its own, in MiB.
    stored: [u64; 2],
    traffic: [u64; 2],
    /// How far its input has been read, in MiB of [`INPUT_MIB`]; it has none where that is not said.
    input: Option<u64>,
    /// Processes beside the first.
    others: u32,
    oom_kills: u64,
}

const QUIET: Scene = Scene {
    at: 0.0,
    anon: 20,
    cache: 5,
    charged: 25,
    cpu_s: 0,
    waited_s: 0,
    read: 0,
    written: 0,
    stored: [0; 2],
    traffic: [0; 2],
    input: None,
    others: 0,
    oom_kills: 0,
};

const INPUT_MIB: u64 = 10;

const JOB: u64 = 50;
const PID: u32 = 4711;

/// A node on which the job runs, in a folder that goes with the test.
struct Node {
    dir: tempfile::TempDir,
    form: Form,
}

impl Node {
    fn new(form: Form) -> Node {
        let node = Node {
            dir: tempfile::tempdir().unwrap(),
            form,
        };
        node.show(QUIET);
        node
    }

    fn proc(&self) -> PathBuf {
        self.dir.path().join("proc")
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn group(&self) -> Group {
        match self.form {
            Form::Plain => Group::Processes(cgroup::Tree::new(
                &self.proc(),
                JOB,
                nix::unistd::getuid().as_raw(),
            )),
            _ => {
                Group::of_job(&self.dir.path().join("sys"), &self.proc(), PID as i32, JOB).unwrap()
            }
        }
    }

    fn show(&self, scene: Scene) {
        self.show_process(scene);
        match self.form {
            Form::V1 => self.show_v1(scene),
            Form::V2 => self.show_v2(scene),
            Form::Plain => {}
        }
    }

    fn show_process(&self, scene: Scene) {
        let folder = format!("proc/{PID}");
        let own = |file: &str| fs::read_to_string(format!("/proc/self/{file}")).unwrap();
        let ticks = scene.cpu_s * procfs::ticks_per_second();
        let pages = (scene.anon << 20) / procfs::page_size();
        let path = match self.form {
            Form::V1 => format!("4:memory:/slurm/uid_7/job_{JOB}/step_batch/task_0\n"),
            Form::V2 => format!("0::/x.slice/slurmstepd.scope/job_{JOB}/step_batch/user/task_0\n"),
            Form::Plain => "0::/system.slice/slurmd.service\n".to_owned(),
        };
        self.write(&format!("{folder}/cgroup"), &path);
        self.write(
            &format!("{folder}/stat"),
            &format!(
                "{PID} (a job) R 1 1 1 0 -1 0 7 0 2 0 {ticks} 0 0 0 20 0 1 0 99 104857600 {pages} {} \
                 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
                u64::MAX
            ),
        );
        let switches = |line: &str| match line.split_once(':') {
            Some(("voluntary_ctxt_switches", _)) => "voluntary_ctxt_switches:\t11\n".to_owned(),
            Some(("nonvoluntary_ctxt_switches", _)) => {
                "nonvoluntary_ctxt_switches:\t4\n".to_owned()
            }
            _ => format!("{line}\n"),
        };
        let status: String = own("status").lines().map(switches).collect();
        self.write(&format!("{folder}/status"), &status);
        self.write(
            &format!("{folder}/statm"),
            &format!("25600 {pages} 0 1 0 1 0\n"),
        );
        self.write(
            &format!("{folder}/environ"),
            &format!("A=b\0SLURM_JOB_ID={JOB}\0"),
        );
        let io = format!(
            "rchar: {}\nwchar: {}\nsyscr: 3\nsyscw: 4\nread_bytes: {}\nwrite_bytes: {}\ncancelled_write_bytes: 0\n",
            scene.read << 20,
            scene.written << 20,
            scene.stored[0] << 20,
            scene.stored[1] << 20
        );
        self.write(&format!("{folder}/io"), &io);
        let schedstat = format!("1 {} 1\n", scene.waited_s * 1_000_000_000);
        self.write(&format!("{folder}/schedstat"), &schedstat);
        self.write(&format!("{folder}/task/{PID}/schedstat"), &schedstat);
        self.show_network(scene);
        self.show_input(scene);
    }

    fn show_network(&self, scene: Scene) {
        let [received, sent] = scene.traffic.map(|mib| mib << 20);
        let interfaces = format!(
            "Inter-|   Receive |  Transmit\n face |bytes packets|bytes\n  eth0: {received} 1 0 0 0 0 0 0 {sent} 1 0 0 0 0 0 0\n"
        );
        self.write(&format!("proc/{PID}/net/dev"), &interfaces);
        for (process, network) in [("self".to_owned(), "net:[1]"), (PID.to_string(), "net:[2]")] {
            let folder = self.proc().join(process).join("ns");
            fs::create_dir_all(&folder).unwrap();
            let _is_there = symlink(network, folder.join("net"));
        }
    }

    fn show_input(&self, scene: Scene) {
        let Some(read) = scene.input else { return };
        let file = self.dir.path().join("input");
        fs::File::create(&file)
            .unwrap()
            .set_len(INPUT_MIB << 20)
            .unwrap();
        let info = format!("pos:\t{}\nflags:\t0100000\nmnt_id:\t1\n", read << 20);
        self.write(&format!("proc/{PID}/fdinfo/3"), &info);
        let open = self.proc().join(PID.to_string()).join("fd");
        fs::create_dir_all(&open).unwrap();
        let _is_there = symlink(file, open.join("3"));
    }

    fn show_v1(&self, scene: Scene) {
        let job = format!("slurm/uid_7/job_{JOB}");
        let memory = format!("sys/memory/{job}");
        let task = format!("{memory}/step_batch/task_0");
        let (anon, cache) = (scene.anon << 20, scene.cache << 20);
        self.write(
            &format!("{memory}/memory.stat"),
            &format!("rss 0\ntotal_cache {cache}\ntotal_rss {anon}\ntotal_shmem 0\n"),
        );
        self.write(
            &format!("{memory}/memory.usage_in_bytes"),
            &format!("{}\n", anon + cache),
        );
        self.write(
            &format!("{memory}/memory.max_usage_in_bytes"),
            &format!("{}\n", scene.charged << 20),
        );
        for file in ["tasks", "cgroup.procs"] {
            self.write(&format!("{memory}/{file}"), "");
            self.write(&format!("{task}/{file}"), &ids(scene.others));
        }
        self.write(
            &format!("{task}/memory.oom_control"),
            &format!("under_oom 0\noom_kill {}\n", scene.oom_kills),
        );
        self.write(
            &format!("sys/cpuacct/{job}/cpuacct.usage"),
            &format!("{}\n", scene.cpu_s * 1_000_000_000),
        );
    }

    fn show_v2(&self, scene: Scene) {
        let job = format!("sys/x.slice/slurmstepd.scope/job_{JOB}");
        let (anon, cache) = (scene.anon << 20, scene.cache << 20);
        self.write(
            &format!("{job}/memory.stat"),
            &format!("anon {anon}\nfile {cache}\nshmem 0\n"),
        );
        self.write(
            &format!("{job}/memory.current"),
            &format!("{}\n", anon + cache),
        );
        self.write(
            &format!("{job}/memory.peak"),
            &format!("{}\n", scene.charged << 20),
        );
        self.write(
            &format!("{job}/memory.events"),
            &format!("oom 0\noom_kill {}\n", scene.oom_kills),
        );
        self.write(
            &format!("{job}/cpu.stat"),
            &format!("usage_usec {}\n", scene.cpu_s * 1_000_000),
        );
        for file in ["cgroup.threads", "cgroup.procs"] {
            self.write(&format!("{job}/{file}"), "");
            self.write(&format!("{job}/step_batch/slurm/{file}"), "1\n2\n3\n");
            self.write(
                &format!("{job}/step_batch/user/task_0/{file}"),
                &ids(scene.others),
            );
        }
    }
}

/// The job's processes, or threads, a line each.
fn ids(others: u32) -> String {
    (PID..=PID + others).map(|id| format!("{id}\n")).collect()
}

/// Watches a job on a node of this form through `scenes`.
fn watched(form: Form, scenes: &[Scene]) -> JobCounters {
    let node = Node::new(form);
    let mut sampler = Sampler::of_job(node.group(), &node.proc(), &[], &STILL);
    for scene in scenes {
        node.show(*scene);
        sampler.look(scene.at);
    }
    let end = scenes.last().map_or(0.0, |scene| scene.at);
    sampler.look_back(end);
    sampler.job(end, Ended::Finished, Some(0))
}

const FORMS: [Form; 3] = [Form::V1, Form::V2, Form::Plain];

fn every_second(scene: impl Fn(u64) -> Scene) -> Vec<Scene> {
    let at = |second: u64| Scene {
        at: second as f32,
        ..scene(second)
    };
    (0..=20).map(at).collect()
}

#[test]
fn every_form_of_a_node_shows_the_same_job() {
    let scenes = every_second(|second| Scene {
        anon: if second >= 10 { 300 } else { 100 },
        charged: 305,
        cpu_s: 2 * second,
        waited_s: second,
        read: 10 * second,
        written: second,
        ..QUIET
    });
    for form in FORMS {
        let seen = watched(form, &scenes);
        assert_eq!(seen.ended, Ended::Finished, "{form:?}");
        assert_eq!((seen.peak_mib, seen.wall_s), (300.0, 20.0), "{form:?}");
        assert_eq!((seen.processes, seen.threads), (1, 1), "{form:?}");
        assert_eq!((seen.cpu_s, seen.demand), (40.0, 3.0), "{form:?}");
        assert_eq!((seen.demand_peak, seen.calls), (3.0, [3, 4]), "{form:?}");
        assert_eq!((seen.faults, seen.switches), (9, 15), "{form:?}");
        assert_eq!(
            (seen.read_mib[0], seen.written_mib[0]),
            (200.0, 20.0),
            "{form:?}"
        );
        let curve = (seen.curve_mib.first(), seen.curve_mib.last());
        assert_eq!(curve, (Some(&100), Some(&300)), "{form:?}");
        let charged = if form == Form::Plain { 0.0 } else { 305.0 };
        assert_eq!(seen.charged_mib, charged, "{form:?}");
    }
}

#[test]
fn page_cache_of_files_that_are_gone_is_not_learned_and_a_burst_is() {
    let cache = every_second(|second| Scene {
        charged: if second >= 5 { 225 } else { 25 },
        written: if second >= 5 { 200 } else { 0 },
        ..QUIET
    });
    let burst = every_second(|second| Scene {
        charged: if second >= 5 { 225 } else { 25 },
        ..QUIET
    });
    for form in [Form::V1, Form::V2] {
        assert_eq!(watched(form, &cache).peak_mib, 20.0, "{form:?}");
        assert_eq!(watched(form, &burst).peak_mib, 220.0, "{form:?}");
    }
}

#[test]
fn a_process_that_was_killed_for_memory_is_not_forgotten_with_its_step() {
    let scenes = every_second(|second| Scene {
        oom_kills: u64::from((5..15).contains(&second)),
        ..QUIET
    });
    for form in [Form::V1, Form::V2] {
        assert_eq!(watched(form, &scenes).ended, Ended::Oom, "{form:?}");
    }
}

#[test]
fn a_shadow_settles_once_its_memory_is_flat_for_long() {
    let node = Node::new(Form::V1);
    let scratch = node.dir.path().join("no such scratch");
    let mut sampler = Sampler::of_shadow(node.group(), &node.proc(), scratch, &STILL);
    let mut settled = None;
    for tenth in 0..600 {
        let at = tenth as f32 / 10.0;
        node.show(Scene {
            anon: 20 + (tenth / 2).min(60),
            ..QUIET
        });
        sampler.look(at);
        settled = settled.or(sampler.has_settled(at).then_some(at));
    }
    // It grew for 12 s: flat for the last two thirds of 36.
    let settled = settled.unwrap();
    assert!((35.0..37.0).contains(&settled), "{settled}");
}
