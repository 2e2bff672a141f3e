use super::*;
use crate::config::ElasticLimits;
use std::cell::Cell;
use std::fs;
use std::path::PathBuf;

/// Each file's name in cgroup v1, and in v2.
const USED: [&str; 2] = ["memory.usage_in_bytes", "memory.current"];
const LIMIT: [&str; 2] = ["memory.limit_in_bytes", "memory.max"];
const ABOVE: [&str; 2] = ["memory.memsw.limit_in_bytes", "memory.high"];

/// A node on which a job and two steps of it have a limit each.
struct Node {
    dir: tempfile::TempDir,
    form: usize,
}

impl Node {
    fn new(form: usize) -> Node {
        let dir = tempfile::tempdir().unwrap();
        let node = Node { dir, form };
        node.shares(500);
        for (group, mib) in [("job_1", 300), ("job_1/step_0", 300), ("job_1/step_1", 100)] {
            node.give(group, mib);
        }
        node.uses(0, 0);
        node
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// A group begins with this limit.
    fn give(&self, group: &str, mib: u64) {
        fs::create_dir_all(self.path(group)).unwrap();
        for name in [LIMIT, ABOVE] {
            let name = format!("{group}/{}", name[self.form]);
            self.write(&name, &(mib * MIB).to_string());
        }
    }

    fn limit(&self, group: &str) -> u64 {
        let of = |name: &str| {
            let text = fs::read_to_string(self.path(group).join(name)).unwrap();
            text.parse::<u64>().unwrap() / MIB
        };
        assert!(of(LIMIT[self.form]) <= of(ABOVE[self.form]), "{group}");
        of(LIMIT[self.form])
    }

    /// Of memory and of page cache, in MiB.
    fn uses(&self, memory: u64, cache: u64) {
        let used = (memory + cache) * MIB;
        self.write(&format!("job_1/{}", USED[self.form]), &used.to_string());
        // A part of the memory is shared, and counted with the files.
        let shared = memory / 2 * MIB;
        let files = cache * MIB + shared;
        let text = match self.form {
            0 => {
                format!("cache 1\ntotal_cache {files}\ntotal_rss {shared}\ntotal_shmem {shared}\n")
            }
            _ => format!("anon {shared}\nfile {files}\nshmem {shared}\nslab_reclaimable 0\n"),
        };
        self.write("job_1/memory.stat", &text);
    }

    /// So much is used, in MiB, of which the kernel has counted so much memory.
    fn uses_uncounted(&self, mib: u64, counted: u64) {
        self.uses(counted, 0);
        self.write(
            &format!("job_1/{}", USED[self.form]),
            &(mib * MIB).to_string(),
        );
    }

    /// So much memory is shared on it, in MiB.
    fn shares(&self, mib: u64) {
        let kib = mib * 1024;
        self.write(
            "meminfo",
            &format!("MemAvailable: 99999999999 kB\nShmem: {kib} kB\n"),
        );
    }

    /// A process of the job's step has so much memory, in MiB.
    fn has(&self, mib: u64) {
        let own = std::process::id().to_string();
        self.write("job_1/step_0/cgroup.procs", &own);
        fs::create_dir_all(self.path(&own)).unwrap();
        let kib = mib * 1024;
        self.write(&format!("{own}/status"), &format!("RssAnon: {kib} kB\n"));
    }

    fn job(&self, pool_mib: u64, times: f64) -> (Job, Ledger) {
        let ledger = Ledger::default();
        let limits = ElasticLimits {
            pool_mib,
            user_share: 1.0,
        };
        let pool = MemoryPool::new(&self.path("run"), self.dir.path(), limits, 7);
        let limits = GroupLimits::of(&self.path("job_1")).unwrap();
        let holders = Holders::new(self.dir.path());
        let job = Job::new(limits, holders, pool, times, ledger.clone());
        (job, ledger)
    }
}

const AT: Duration = Duration::from_secs(7);

#[test]
fn what_outgrows_its_memory_is_lent_more_and_so_are_its_steps() {
    for form in [0, 1] {
        let node = Node::new(form);
        let (mut job, ledger) = node.job(10_000, 3.0);
        node.uses(100, 0);
        assert_eq!(job.look(AT).map(|rest| rest.as_millis()), Some(21));
        assert_eq!(node.limit("job_1"), 300);
        for (needs, limit) in [
            (280, 428),
            (410, 556),
            (540, 684),
            (880, 812),
            (880, 900),
            (890, 900),
        ] {
            node.uses(needs, 0);
            job.look(AT);
            assert_eq!(node.limit("job_1"), limit, "{form}: {needs}");
            assert_eq!(node.limit("job_1/step_0"), limit, "{form}: {needs}");
            assert_eq!(node.limit("job_1/step_1"), 100, "it asked for less");
        }
        // A step that begins now has what Slurm gave the job, as far as Slurm knows.
        node.give("job_1/step_2", 300);
        job.leveled_until = Duration::ZERO;
        assert!(job.look(AT).is_some());
        assert_eq!(node.limit("job_1/step_2"), 900);
        let growths = ledger.growths();
        let told = growths.grown.iter().map(|one| [one.from_mib, one.to_mib]);
        let expected = [[300, 428], [428, 556], [556, 684], [684, 812], [812, 900]];
        assert_eq!(told.collect::<Vec<_>>(), expected);
        assert_eq!((growths.refused, growths.grown[0].at_s), (0, 7.0));
    }
}

#[test]
fn page_cache_is_no_reason_to_grow() {
    for form in [0, 1] {
        let node = Node::new(form);
        let (mut job, ledger) = node.job(10_000, 3.0);
        node.uses(100, 199);
        assert!(job.look(AT).is_some());
        assert_eq!(node.limit("job_1"), 300, "{form}");
        node.uses(280, 19);
        job.look(AT);
        assert_eq!(node.limit("job_1"), 428, "{form}");
        assert_eq!(ledger.growths().grown.len(), 1);
    }
}

#[test]
fn a_job_that_reads_fast_does_not_grow_for_it() {
    for form in [0, 1] {
        let node = Node::new(form);
        let (mut job, ledger) = node.job(10_000, 3.0);
        // 2 GB a second, and 60 % of its limit cannot be dropped.
        for n in 0..20 {
            node.uses(180, (n * 20).min(120));
            let at = AT + Duration::from_millis(10 * n);
            assert!(job.look(at).is_some());
        }
        assert_eq!(node.limit("job_1"), 300, "{form}");
        assert_eq!(ledger.growths(), Growths::default());
        // The same of memory.
        for n in 0..4 {
            node.uses(180 + 20 * n, 0);
            let at = AT + Duration::from_millis(1000 + 10 * n);
            assert!(job.look(at).is_some());
        }
        assert!(node.limit("job_1") > 428, "{form}: the faster the more");
    }
}

#[test]
fn what_the_kernel_has_not_counted_is_lent_for_once_it_must_have_been() {
    for form in [0, 1] {
        let node = Node::new(form);
        let (mut job, _) = node.job(10_000, 3.0);
        for (uses, counted, s, limit) in [
            (290, 0, 0.0, 300),
            (290, 0, 3.9, 300),
            (100, 0, 3.95, 300),
            (290, 160, 4.0, 300),
            (290, 160, 7.9, 300),
            (290, 160, 8.0, 428),
            (420, 160, 8.1, 428),
        ] {
            node.uses_uncounted(uses, counted);
            let at = AT + Duration::from_secs_f64(s);
            assert!(job.look(at).is_some());
            assert_eq!(node.limit("job_1"), limit, "{form}: {uses} after {s} s");
        }
    }
}

#[test]
fn what_its_processes_have_is_lent_for_at_once_whether_it_is_counted_or_not() {
    for form in [0, 1] {
        let node = Node::new(form);
        let (mut job, _) = node.job(10_000, 3.0);
        for (has, limit) in [(20, 300), (200, 300), (280, 428)] {
            node.has(has);
            node.uses_uncounted(290, 160);
            assert!(job.look(AT).is_some());
            assert_eq!(node.limit("job_1"), limit, "{form}: {has}");
        }
        // What nobody has mapped is the whole node's.
        node.uses_uncounted(420, 160);
        node.has(0);
        for (shared, limit) in [(500, 428), (700, 428), (920, 556)] {
            node.shares(shared);
            assert!(job.look(AT).is_some());
            assert_eq!(node.limit("job_1"), limit, "{form}: {shared}");
        }
    }
}

#[test]
fn where_nobody_can_be_asked_who_has_it_it_is_lent_for() {
    let node = Node::new(0);
    node.write("meminfo", "MemAvailable: 99999999999 kB\n");
    let (mut job, _) = node.job(10_000, 3.0);
    node.uses_uncounted(290, 0);
    assert!(job.look(AT).is_some());
    assert_eq!(node.limit("job_1"), 428);
}

#[test]
fn without_a_pool_a_job_keeps_its_limit_and_is_told_once_each_time() {
    for form in [0, 1] {
        let node = Node::new(form);
        let (mut job, ledger) = node.job(100, 3.0);
        // Less than it wants is lent where that is of use.
        for (needs, limit, refused) in [
            (299, 400, 0),
            (399, 400, 1),
            (399, 400, 1),
            (100, 400, 1),
            (399, 400, 2),
        ] {
            node.uses(needs, 0);
            assert!(job.look(AT).is_some());
            let seen = (node.limit("job_1"), ledger.growths().refused);
            assert_eq!(seen, (limit, refused), "{form}: {needs}");
        }
    }
}

#[test]
fn a_step_that_begins_takes_nothing_back_and_what_others_set_stays() {
    for form in [0, 1] {
        let node = Node::new(form);
        let (mut job, _) = node.job(10_000, 3.0);
        node.uses(290, 0);
        assert!(job.look(AT).is_some());
        assert_eq!(node.limit("job_1"), 428, "{form}");
        // slurmstepd sets both to what Slurm gave the job, one after the other.
        let write = |name: &str, mib: u64| {
            node.write(&format!("job_1/{name}"), &(mib * MIB).to_string());
        };
        for name in [LIMIT[form], ABOVE[form]] {
            write(name, 300);
            job.leveled_until = Duration::ZERO;
            assert!(job.look(AT).is_some());
            job.leveled_until = Duration::ZERO;
            assert!(job.look(AT).is_some());
            assert_eq!(node.limit("job_1"), 428, "{form}, {name}");
        }
        write(ABOVE[form], 500);
        write(LIMIT[form], 500);
        node.uses(490, 0);
        assert!(job.look(AT).is_some());
        assert_eq!(node.limit("job_1"), 628, "{form}: raised by hand");
        write(LIMIT[form], 350);
        assert_eq!(job.look(AT), None);
        assert_eq!(node.limit("job_1"), 350, "{form}: lowered by hand");
    }
}

#[test]
fn a_job_that_is_slowed_down_below_its_limit_does_not_grow() {
    let node = Node::new(1);
    node.write("job_1/memory.high", &(200 * MIB).to_string());
    assert!(GroupLimits::of(&node.path("job_1")).is_none());
}

#[test]
fn nobody_looks_at_a_job_that_is_gone_or_has_what_it_asked_for() {
    for form in [0, 1] {
        let node = Node::new(form);
        let (mut all, _) = node.job(10_000, 1.0);
        assert_eq!(all.look(AT), None);
        let (mut gone, _) = node.job(10_000, 2.0);
        assert!(gone.look(AT).is_some());
        fs::remove_dir_all(node.path("job_1")).unwrap();
        assert_eq!(gone.look(AT), None);
    }
}

/// Each look at the job costs a millisecond of a CPU, and it is over after so many.
struct Costly<'a> {
    node: &'a Node,
    looks: Cell<u32>,
    at: Cell<Duration>,
}

impl Clock for Costly<'_> {
    fn now(&self) -> i64 {
        0
    }

    fn elapsed(&self) -> Duration {
        self.at.get()
    }

    fn busy(&self) -> Duration {
        // Asked for before and after each look.
        self.looks.set(self.looks.get() + 1);
        Duration::from_millis((self.looks.get() / 2).into())
    }

    fn sleep(&self, duration: Duration) {
        self.at.set(self.at.get() + duration);
        if self.looks.get() >= 2000 {
            fs::remove_dir_all(self.node.path("job_1")).unwrap();
        }
    }
}

#[test]
fn looks_that_cost_take_a_fiftieth_of_a_cpu() {
    let node = Node::new(0);
    let (mut job, _) = node.job(10_000, 3.0);
    node.uses(270, 0);
    let clock = Costly {
        node: &node,
        looks: Cell::new(0),
        at: Cell::default(),
    };
    watch(&mut job, &clock);
    // A thousand looks, the first hundred of which may be owed for.
    let took = clock.at.get().as_secs_f64();
    assert!((44.0..56.0).contains(&took), "{took}");
}

#[test]
fn a_job_without_a_limit_does_not_grow() {
    for (form, none) in [(0, "9223372036854771712"), (1, "max")] {
        let node = Node::new(form);
        node.write(&format!("job_1/{}", LIMIT[form]), none);
        assert!(GroupLimits::of(&node.path("job_1")).is_none(), "{form}");
    }
}
