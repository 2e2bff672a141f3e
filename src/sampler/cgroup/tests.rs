use super::*;

fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    dir
}

#[test]
fn version_1_is_read() {
    let dir = tree(&[
        (
            "memory/job/memory.stat",
            "cache 9\nrss 1\ntotal_cache 9\ntotal_rss 4096\ntotal_shmem 100\n",
        ),
        ("memory/job/memory.usage_in_bytes", "5000\n"),
        ("memory/job/memory.max_usage_in_bytes", "8192\n"),
        (
            "memory/job/memory.oom_control",
            "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
        ),
        ("memory/job/tasks", "7\n8\n"),
        ("cpuacct/job/cpuacct.usage", "2500000000\n"),
    ]);
    let group = Group::new(dir.path(), "job");
    assert_eq!(group.memory().unwrap(), 4196);
    let charged = Charged {
        now: 5000,
        peak: Some(8192),
    };
    assert_eq!((group.charged(), group.oom_kills()), (Some(charged), 2));
    assert_eq!(group.threads().unwrap(), [7, 8]);
    assert_eq!(group.cpu_s().unwrap(), 2.5);
}

#[test]
fn version_2_is_read() {
    let dir = tree(&[
        (
            "job/memory.stat",
            "anon 4096\nfile 7\nkernel 3\nshmem 100\n",
        ),
        ("job/memory.current", "5000\n"),
        ("job/memory.peak", "8192\n"),
        ("job/memory.events", "low 0\noom 1\noom_kill 1\n"),
        ("job/cgroup.threads", "7\n"),
        ("job/cpu.stat", "usage_usec 1500000\nuser_usec 1\n"),
    ]);
    let group = Group::new(dir.path(), "/job");
    assert_eq!(group.memory().unwrap(), 4196);
    let charged = Charged {
        now: 5000,
        peak: Some(8192),
    };
    assert_eq!((group.charged(), group.oom_kills()), (Some(charged), 1));
    assert_eq!(group.threads().unwrap(), [7]);
    assert_eq!(group.cpu_s().unwrap(), 1.5);
}

#[test]
fn a_job_is_found_by_its_process_and_its_steps_are_part_of_it() {
    let below = "slurm_n1/uid_7/job_5";
    let v1 = tree(&[
        (
            "1/cgroup",
            &format!("9:cpuset:/x/job_5/y\n4:memory:/{below}/step_batch/task_0\n"),
        ),
        (&format!("memory/{below}/tasks"), ""),
        (&format!("memory/{below}/step_batch/tasks"), "7\n"),
        (&format!("memory/{below}/step_0/task_1/tasks"), "8\n9\n"),
        // slurmstepd, as later releases place it.
        (&format!("memory/{below}/step_0/tasks"), "17\n18\n"),
        (
            &format!("memory/{below}/step_0/task_1/memory.oom_control"),
            "oom_kill 3\n",
        ),
    ]);
    let group = Group::of_job(v1.path(), v1.path(), 1, 5).unwrap();
    let mut threads = group.threads().unwrap();
    threads.sort_unstable();
    assert_eq!(threads, [7, 8, 9]);
    // v1 counts a kill in the group of the killed alone.
    assert_eq!(group.oom_kills(), 3);
    assert!(Group::of_job(v1.path(), v1.path(), 1, 55).is_none());
}

/// Every name that a job's group has had, in any slice, and what else stands in such a path.
#[test]
fn the_group_of_a_job_is_the_parent_of_its_steps() {
    let cases = [
        (
            "/system.slice/slurmstepd.scope/job_5/step_batch/user/task_0",
            true,
        ),
        ("/hpc.slice/n1_slurmstepd.scope/job_5/step_0/user", true),
        (
            "/system.slice/slurmstepd.scope/sEKNKTV3WPV500/step_batch/user/task_0",
            true,
        ),
        (
            "/system.slice/slurmstepd.scope/job_55/step_batch/user/task_0",
            false,
        ),
        ("/system.slice/slurmstepd.scope/job_5", false),
        ("/user.slice/user-1000.slice/session-2.scope", false),
        ("/system.slice/slurmd.service/step_up.sh", false),
    ];
    for (path, is_found) in cases {
        let folder = path.split("/step_").next().unwrap().trim_start_matches('/');
        let v2 = tree(&[
            ("1/cgroup", &format!("0::{path}\n")),
            (&format!("{folder}/cgroup.threads"), ""),
            (&format!("{folder}/step_0/slurm/cgroup.threads"), "17\n18\n"),
            (
                &format!("{folder}/step_0/user/task_0/cgroup.threads"),
                "3\n",
            ),
        ]);
        let group = Group::of_job(v2.path(), v2.path(), 1, 5);
        let threads = group.map(|group| group.threads().unwrap());
        // slurmstepd's own threads are none of the job's.
        assert_eq!(threads, is_found.then(|| vec![3]), "{path}");
    }
}

#[test]
fn what_is_gone_is_an_error_and_no_zero() {
    let dir = tree(&[]);
    let group = Group::new(dir.path(), "job");
    assert!(group.memory().is_err() && group.cpu_s().is_err());
    assert!(group.processes().is_err() && group.threads().is_err());
    assert_eq!(group.charged(), None);
    // Nothing of a job without cgroups is looked for where this process happens to stand.
    let none = Group::Processes(Tree::new(dir.path(), 7, 1001));
    assert_eq!((none.charged(), none.oom_kills()), (None, 0));
}

#[test]
fn a_shadow_is_found_below_slurms_own_group_and_nobody_else_is() {
    let own = "/slurm_n1/uid_7/job_5/step_batch/shadowfit_site_5";
    let text = format!("8:pids:/shadowfit_site_5\n6:freezer:/x\n4:memory:{own}\n2:cpu,cpuacct:/\n");
    let below = |path: &str| format!("memory{path}/cgroup.procs");
    let dir = tree(&[
        ("1/cgroup", &text),
        (&below(own), "3\n4\n"),
        ("2/cgroup", "4:memory:/slurm_n1/uid_7/job_5/step_batch\n"),
        (&below("/slurm_n1/uid_7/job_5/step_batch"), "9\n"),
    ]);
    let group = Group::of_shadow(dir.path(), dir.path(), 1).unwrap();
    assert_eq!(group.processes().unwrap(), [3, 4]);
    assert!(group.cpu_s().is_err(), "the whole node's is none of it");
    assert!(Group::of_shadow(dir.path(), dir.path(), 2).is_none());
}

#[test]
fn a_shadows_groups_are_found_by_their_name_wherever_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let show = |folder: &str, processes: &str| {
        let folder = dir.path().join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("cgroup.procs"), processes).unwrap();
        folder
    };
    let top = show("cpu/shadowfit_c_7", "");
    let below = show("memory/slurm/job_7/step_batch/shadowfit_c_7", "41\n42\n");
    show("memory/slurm/job_70/step_batch/shadowfit_c_70", "43\n");
    show("memory/slurm/job_7/step_batch/x_shadowfit_c_7", "44\n");
    // Slurm gives a step's group to its user; what else belongs to a user is not walked through, however much lies in it.
    let delegated = dir.path().join("memory/user.slice/user-7");
    show("memory/user.slice/user-7/shadowfit_c_7", "45\n");
    match nix::unistd::geteuid().is_root() {
        true => {
            for folder in [&delegated, below.parent().unwrap()] {
                std::os::unix::fs::chown(folder, Some(7), Some(7)).unwrap();
            }
        }
        false => std::fs::remove_dir_all(&delegated).unwrap(),
    }
    let mut found = named(dir.path(), "shadowfit_c_7").unwrap();
    found.sort();
    assert_eq!(found, [top, below]);
    let processes: Vec<Vec<u32>> = found.iter().map(|folder| inside(folder)).collect();
    assert_eq!(processes, [vec![], vec![41, 42]]);
    assert!(inside(&dir.path().join("gone")).is_empty());
    let gone = named(&dir.path().join("gone"), "shadowfit_c_7");
    assert!(gone.unwrap().is_empty());
    for (error, is_one) in [
        (Errno::EMFILE, true),
        (Errno::ENOENT, false),
        (Errno::ENODEV, false),
    ] {
        assert_eq!(is_want(&io::Error::from(error)), is_one, "{error}");
    }
}

/// Where a site does not limit swap, a job above its limit is not killed but swaps.
#[test]
fn what_was_swapped_is_needed_all_the_same() {
    let v1 = [
        (
            "memory/job/memory.stat",
            "total_rss 4096\ntotal_shmem 100\ntotal_swap 50\n",
        ),
        ("memory/job/memory.usage_in_bytes", "5000\n"),
        ("memory/job/memory.memsw.usage_in_bytes", "5050\n"),
        ("memory/job/memory.max_usage_in_bytes", "8192\n"),
    ];
    let v2 = [
        ("job/memory.stat", "anon 4096\nshmem 100\n"),
        ("job/memory.swap.current", "50\n"),
        ("job/memory.current", "5000\n"),
        ("job/memory.peak", "8192\n"),
    ];
    for files in [&v1[..], &v2] {
        let dir = tree(files);
        let group = Group::new(dir.path(), "job");
        assert_eq!(group.memory().unwrap(), 4246);
        let charged = group.charged().map(|charged| (charged.now, charged.peak));
        assert_eq!(charged, Some((5050, Some(8192))));
    }
}
