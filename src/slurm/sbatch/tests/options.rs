//! What each option says, and which values sbatch refuses.

use super::*;
use crate::job::Layout;

/// What a decision sees of one option, in words; of most nothing.
fn seen(options: &[&str]) -> String {
    let submission = submission("#!/bin/sh\n", options).unwrap();
    let request = submission.request(7);
    let plain = |text: Option<&[u8]>| text.map(|text| String::from_utf8_lossy(text).into_owned());
    let texts = &request.texts;
    let ask = &request.ask;
    let folder = texts.work_dir.unwrap();
    let here = std::env::current_dir().unwrap().into_os_string();
    let said = [
        plain(texts.account).map(|text| format!("account {text}")),
        plain(texts.partition).map(|text| format!("partition {text}")),
        plain(Some(texts.name))
            .filter(|name| name != "align.sh")
            .map(|name| format!("name {name}")),
        plain(Some(texts.comment))
            .filter(|text| !text.is_empty())
            .map(|text| format!("comment {text}")),
        (folder != here.as_encoded_bytes())
            .then(|| format!("in {}", String::from_utf8_lossy(folder))),
        Some(request.licenses)
            .filter(|text| !text.is_empty())
            .map(|text| format!("licenses {text}")),
        ask.memory.map(|memory| format!("{memory:?}")),
        (ask.cpus != 1).then(|| format!("cpus {}", ask.cpus)),
        (ask.layout != Layout::SINGLE).then(|| format!("{:?}", ask.layout)),
        ask.time_s.map(|time| format!("{time} s")),
        ask.own_time_min.then(|| "own time-min".into()),
        ask.own_cpus.then(|| "own CPUs".into()),
        ask.own_memory.then(|| "own memory".into()),
        (request.jobs != 1).then(|| format!("{} jobs", request.jobs)),
        request
            .array
            .map(|seen| format!("{} from {} to {}", seen.count, seen.min, seen.max)),
        request.left_alone.map(|why| format!("left alone: {why:?}")),
        (!request.may_wait).then(|| "cannot wait".into()),
        request.unshadowed.map(|why| format!("no shadow: {why:?}")),
        request.measured.then(|| "measured".into()),
    ];
    assert_eq!(request.uid, 7);
    said.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

#[test]
fn of_each_option_a_decision_sees_what_it_says() {
    let here = std::env::current_dir().unwrap();
    let below = format!("in {}", here.join("run").display());
    let later = "--begin=2999-01-01";
    for (options, expected) in [
        (&[][..], ""),
        (&["-A", "lab"], "account lab"),
        (&["-p", "short,long"], "partition short,long"),
        (&["-J", "dir/x"], "name dir/x"),
        (&["--comment=rule_a"], "comment rule_a"),
        (&["-L", "matlab:2"], "licenses matlab:2"),
        (&["-D", "/scratch"], "in /scratch"),
        (&["-D", "run"], &below),
        (&["-a", "0-9%2"], "10 jobs, 10 from 0 to 9"),
        (&["--mem=2G"], "Node(2048)"),
        (&["--mem-update=20@5"], "own memory"),
        (&["--mem-per-cpu=300M"], "Cpu(300)"),
        (&["-c", "3"], "cpus 3"),
        (&["-t", "1:30"], "120 s"),
        (&["-t", "infinite"], ""),
        (&["--time-min=1"], "own time-min"),
        (&["--mincpus=2"], "own CPUs"),
        (&["-c", "3", "--mincpus=3"], "cpus 3"),
        (&["--shadowfit=measure"], "measured"),
        (&["--shadowfit=off"], "left alone: OptedOut"),
        (&["--shadowfit=off", "--shadowfit=measure"], "measured"),
        (&[later], "cannot wait"),
        (&["--begin=2001-01-01"], ""),
        (&["--begin=2001-01-01", "--deadline=2001-01-02"], ""),
        (&["--reservation=maintenance"], "cannot wait"),
        (&["--reservation="], ""),
        (&["--input=matrix.dat"], "no shadow: Input"),
        (&["-i", "None"], ""),
        (&["-i", "a", "-i", "/dev/null"], ""),
        (&["--container=/bundle"], "no shadow: Container"),
        (&["--container-id=7"], "no shadow: Container"),
        (&["--bb=capacity=5G"], "no shadow: BurstBuffer"),
        (&["--bbf=file"], "no shadow: BurstBuffer"),
        (&["-G", "1"], "cannot wait"),
        (&["--gpus-per-node=1"], "cannot wait"),
        (
            &["--gpus-per-socket=1", "--sockets-per-node=1"],
            "cannot wait",
        ),
        (&["--gpus-per-task=1"], "cannot wait"),
        (&["--gres=gpu:1"], "cannot wait"),
        (&["--gres=craynetwork:1"], ""),
        (&["--gres=gpu:1", "--gres=none"], ""),
        (&["--tres-per-task=gres/gpu:1"], "cannot wait"),
        (&["--tres-per-task=cpu:1"], ""),
        (&["--tres-per-task=cpu:4"], "cpus 4"),
        (&["--tres-per-task=license/a:1,cpu=4"], "cpus 4"),
        (&["-m", "arbitrary", "-w", "n1"], ""),
        (&["--no-requeue"], "left alone: NoRequeue"),
        (&["--no-requeue", "--requeue"], ""),
        (
            &["--requeue=expedite", "--requeue"],
            "left alone: Expedited",
        ),
        (&["--exclusive=mcs"], "left alone: Exclusive"),
        (&["-s"], ""),
        (&["--mail-type=END", "--nice=5"], ""),
    ] {
        assert_eq!(seen(options), expected, "{options:?}");
    }
}

#[test]
fn what_cannot_be_meant_together_is_refused() {
    for (options, named) in [
        (
            &["--begin=2999-01-02", "--deadline=2999-01-01"][..],
            "--deadline lies before",
        ),
        (&["--wrap=hostname"], "--wrap takes the place"),
        (&["--shadowfit=maybe"], "--shadowfit=maybe"),
        (&["--requeue=soon"], "--requeue=soon"),
        (&["--mem=1G", "--mem-per-gpu=1G"], "exclude each other"),
        (&["--time-min=x"], "--time-min=x"),
        (&["-B", "1-x"], "--extra-node-info=1-x"),
        (&["--threads-per-core=0"], "--threads-per-core=0"),
        (&["--mincpus=0"], "--mincpus=0"),
        (
            &["--ntasks-per-gpu=1", "--gpus-per-task=1"],
            "--ntasks-per-gpu and --gpus-per-task exclude",
        ),
        (
            &["--ntasks-per-gpu=1", "--ntasks-per-node=1"],
            "exclude each other",
        ),
        (
            &["--ntasks-per-tres=1", "--tasks-per-node=1"],
            "exclude each other",
        ),
        (&["-S1", "--thread-spec=1"], "exclude each other"),
        (&["-c4", "--cpus-per-gpu=4"], "exclude each other"),
        (&["-c4", "--tres-per-task=cpu:4"], "exclude each other"),
        (&["--tres-per-task=cpu:x"], "--tres-per-task=cpu:x"),
        (&["--tres-per-task=cpu"], "--tres-per-task=cpu"),
        (&["-m", "arbitrary"], "wants --nodelist"),
    ] {
        let error = format!("{:#}", submission("#!/bin/sh\n", options).unwrap_err());
        assert!(error.contains(named), "{options:?}: {error}");
    }
}

#[test]
fn nodes_without_a_bound_have_none() {
    let most = |options: &[&str]| {
        let submission = submission("#!/bin/sh\n", options).unwrap();
        let request = submission.request(1);
        (request.ask.layout.nodes, request.ask.layout.tasks)
    };
    assert_eq!(most(&["-w", "n[1-3]", "-n", "2"]), (2, 2));
    assert_eq!(most(&["-w", "n[1-3]", "-N", "5"]), (5, 5));
    assert_eq!(most(&["-N", "2", "-B", "2-4:*:1"]), (2, 4));
    assert_eq!(most(&["-N", "2-3", "--cores-per-socket=4"]), (2, 2));
}

#[test]
fn values_that_decide_nothing_are_checked_as_sbatch_checks_them() {
    for (option, good, bad) in [
        ("cpus-per-gpu", "2", "0"),
        ("ntasks-per-core", "2", "x"),
        ("ntasks-per-gpu", "1", "-1"),
        ("ntasks-per-socket", "1", "0"),
        ("thread-spec", "1", "0"),
        ("core-spec", "0", "x"),
        // Where sbatch does not say which one it is.
        ("get-user-env", "10L", "10x"),
        ("tmp", "10G", "10Q"),
        ("hint", "compute_bound,nomultithread", "compute_bound,fast"),
        ("gres-flags", "disable-binding", "maybe"),
        ("mail-type", "FAIL,never", "never"),
        ("no-kill", "off", "maybe"),
        ("kill-on-invalid-dep", "yes", "maybe"),
        ("open-mode", "append", "x"),
        ("open-mode", "Truncate", "w"),
        ("signal", "USR1", "BOGUS"),
        ("signal", "B:SIGusr1@60", "B:"),
        ("signal", "RB:10", "BX:10"),
        ("signal", "PIPE@", "USR1@x"),
        ("signal", "-1", "0"),
        ("signal", "XCPU@65535", "XCPU@65536"),
        ("distribution", "block", "bogus"),
        ("distribution", "cyclic:fcyclic:*", "block:plane"),
        ("distribution", "block:block,NoPack", "block,bogus"),
        ("distribution", "Pack", "fcyclic"),
        ("distribution", "plane=4", "plane=0"),
        ("distribution", "block:", "block:block:block:block"),
        ("cpu-freq", "2400000", "bogus"),
        ("cpu-freq", "highm1", "verbose"),
        ("cpu-freq", "Performance", "0"),
        ("cpu-freq", "low-high:OnDemand", "high-low"),
        ("cpu-freq", "2000-high:performance", "2000:performance"),
        ("cpu-freq", "2000-3000:OnDemand", "3000-2000:OnDemand"),
        ("delay-boot", "1:00", "x"),
        ("delay-boot", "INFINITE", ""),
        ("acctg-freq", "task=30,energy=5", "bogus"),
        ("acctg-freq", "30", "task="),
        ("acctg-freq", "TASK=30s,", "task=30,bogus=5"),
        ("switches", "2@10", "x"),
        ("switches", "1", "0"),
        ("profile", "none,task", "lus"),
        ("profile", "TASK,bogus", ""),
        ("priority", "TOP", "-1"),
        ("priority", "4294967293", "4294967294"),
        ("nice", "-2147483645", "-2147483646"),
        ("nice", "x", "9999999999"),
        ("nice", "5x", "-9223372036854775808"),
        ("wait-all-nodes", "1", "2"),
        ("wait-all-nodes", "", "1x"),
        ("gpu-bind", "verbose,closest", "x"),
        ("gpu-bind", "map_gpu:0,1", "single"),
        ("gpu-freq", "high,memory=low,verbose", "x"),
        ("gpu-freq", "800", ""),
        ("mem-bind", "quiet,local", "bogus"),
        ("mem-bind", "map_mem:0,1", "map_mem"),
    ] {
        let given = |value: &str| submission("#!/bin/sh\n", &[&format!("--{option}={value}")]);
        if let Err(error) = given(good) {
            panic!("--{option}={good}: {error:#}");
        }
        let error = format!("{:#}", given(bad).unwrap_err());
        assert!(error.contains(&format!("--{option}={bad}")), "{error}");
    }
    // Of an optional value none will do.
    assert!(submission("#!/bin/sh\n", &["--no-kill", "--get-user-env"]).is_ok());
    assert!(submission("#!/bin/sh\n", &["--kill-on-invalid-dep="]).is_err());
}
