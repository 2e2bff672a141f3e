//! Whole submissions: script, environment and command line together.

use super::*;
use crate::job::{Layout, Memory};
use crate::text::random::Random;

fn submission(script: &str, options: &[&str]) -> Result<Submission> {
    let options: Vec<_> = options.iter().map(|option| option.to_string()).collect();
    Submission::new(
        &Sbatch::default(),
        "dir/align.sh",
        script.into(),
        &options,
        Vec::new(),
    )
}

#[test]
fn the_command_line_wins_over_the_script() {
    let script = "#!/bin/sh\n#SBATCH --mem-per-cpu=4G -c8\n#SBATCH -J \"my job\"\n\nsleep 1\n#SBATCH --mem=1G\n";
    let submission = submission(script, &["--mem-per-cpu", "500", "-t", "1-2", "-N2-4"]).unwrap();
    let request = submission.request(1);
    assert_eq!(request.ask.memory, Some(Memory::Cpu(500)));
    assert_eq!((request.ask.cpus, request.ask.time_s), (8, Some(93_600)));
    assert_eq!(request.texts.name, b"my job");
    assert_eq!(request.ask.layout.nodes, 2);
}

#[test]
fn the_environment_stands_between_script_and_command_line() {
    let asked = |variables: &[(&str, &str)], options: &[&str]| {
        let environment = variables
            .iter()
            .map(|&(name, value)| (name.into(), value.into()));
        let sbatch = Sbatch::default().with_environment(environment.collect());
        let options: Vec<_> = options.iter().map(|option| option.to_string()).collect();
        let script = "#!/bin/sh\n#SBATCH --mem=4G -t 10\n#PBS -N other\n";
        let submission = Submission::new(&sbatch, "a.sh", script.into(), &options, vec![]);
        submission.map(|submission| {
            let request = submission.request(1);
            let name = String::from_utf8_lossy(request.texts.name).into_owned();
            (
                name,
                request.ask.memory,
                request.ask.time_s,
                request.left_alone,
            )
        })
    };
    let [four, two] = [4096, 2048].map(|mib| Some(Memory::Node(mib)));
    let other = || "other".to_owned();
    for (variables, options, expected) in [
        (
            &[("SBATCH_MEM_PER_NODE", "2G"), ("SBATCH_TIMELIMIT", "5")][..],
            &[][..],
            (other(), two, Some(300), None),
        ),
        (
            &[("SBATCH_MEM_PER_NODE", "2G")],
            &["--mem=4G"],
            (other(), four, Some(600), None),
        ),
        (
            &[("SBATCH_MEM_PER_CPU", "2G")],
            &[],
            (other(), four, Some(600), None),
        ),
        (
            &[("SBATCH_NO_REQUEUE", "0"), ("SBATCH_IGNORE_PBS", "yes")],
            &[],
            ("a.sh".into(), four, Some(600), None),
        ),
        (
            &[("SBATCH_NO_REQUEUE", "")],
            &[],
            (other(), four, Some(600), Some(LeftAlone::NoRequeue)),
        ),
        (
            &[("SBATCH_EXCLUSIVE", "")],
            &["--ignore-pbs"],
            ("a.sh".into(), four, Some(600), Some(LeftAlone::Exclusive)),
        ),
        (
            &[("SBATCH_EXCLUSIVE", "user")],
            &["-s", "-t0"],
            (other(), four, None, None),
        ),
    ] {
        assert_eq!(
            asked(variables, options).unwrap(),
            expected,
            "{variables:?} {options:?}"
        );
    }
    let error = asked(&[("SBATCH_MEM_PER_NODE", "2.5G")], &[]).unwrap_err();
    assert!(
        format!("{error:#}").contains("SBATCH_MEM_PER_NODE"),
        "{error:#}"
    );
    assert!(asked(&[], &["--mem-per-cpu=1G"]).is_err());
}

#[test]
fn what_is_left_alone_in_slurmctld_is_left_alone_here() {
    let left = |options: &[&str]| submission("#!/bin/sh\n", options).unwrap().left_alone();
    assert_eq!(left(&["--mem=0"]), Some(LeftAlone::WholeNodeMemory));
    assert_eq!(left(&["--exclusive"]), Some(LeftAlone::Exclusive));
    assert_eq!(
        left(&["--exclusive=user", "--mem=1G"]),
        Some(LeftAlone::Exclusive)
    );
    assert_eq!(left(&["--no-requeue"]), Some(LeftAlone::NoRequeue));
    assert_eq!(left(&["--shadowfit=off"]), Some(LeftAlone::OptedOut));
    assert_eq!(
        left(&["--mem=1G", ":", "--mem=2G"]),
        Some(LeftAlone::Heterogeneous)
    );
    assert_eq!(left(&["--gres", "gpu:1", "-o", "out"]), None);
    assert_eq!(
        left(&["--exclusive=oversubscribe", "--no-requeue", "--requeue"]),
        None
    );
}

#[test]
fn a_bad_option_is_named_with_its_place() {
    let error = submission("#!/bin/sh\n#SBATCH --mem=lots\n", &[]).unwrap_err();
    let text = format!("{error:#}");
    assert!(
        text.contains("align.sh: line 2") && text.contains("--mem=lots"),
        "{text}"
    );
    assert!(submission("", &["input.dat"]).is_err());
    assert!(submission("", &["-c"]).is_err());
    for (script, options, named) in [
        (
            "#!/bin/sh\n\n#SBATCH -J align run\n",
            &[][..],
            "align.sh: line 3: invalid directive",
        ),
        (
            "#!/bin/sh\n#SBATCH -J \"a\n",
            &[],
            "align.sh: line 2: quotes",
        ),
        (
            "#!/bin/sh\n#SBATCH --mem=1 --bogus\n",
            &[],
            "align.sh: line 2: unrecognized option '--bogus'",
        ),
        (
            "#!/bin/sh\n#PBS -l mem=x\n",
            &[],
            "align.sh: line 2: --mem=x",
        ),
        ("#!/bin/sh\r\n#SBATCH -c4\r\n", &[], "align.sh: line 1: DOS"),
        (
            "echo\n",
            &[],
            "align.sh: line 1: a batch script begins with #!",
        ),
        (
            "#!/bin/sh\n \0",
            &[],
            "align.sh: a batch script must not contain a NUL",
        ),
        ("#!/bin/sh\n", &["input.dat"], "sbatch options: 'input.dat'"),
        ("#!/bin/sh\n", &["-c"], "sbatch options: option '-c'"),
        (
            "#!/bin/sh\n",
            &["-c4", ":", "-c0"],
            "sbatch options: --cpus-per-task=0",
        ),
        (
            "#!/bin/sh\n",
            &["--mem=1G", "--mem-per-cpu=1G"],
            "exclude each other",
        ),
        ("#!/bin/sh\n", &["--exclusive=maybe"], "--exclusive=maybe"),
        ("#!/bin/sh\n", &["-wn[1-999][1-999]"], "more than"),
        ("#!/bin/sh\n", &["-wn[99999999999999999999]"], "more than"),
    ] {
        let error = submission(script, options).unwrap_err();
        let text = format!("{error:#}");
        assert!(
            text.contains(named) && !text.contains('\n'),
            "{text} lacks {named}"
        );
    }
}

#[test]
fn any_bytes_are_read_or_refused_in_one_line() {
    const PIECES: [&str; 44] = [
        "#SBATCH ",
        "#SLURM",
        "#PBS ",
        "#BSUB ",
        "\n",
        "\n#SBATCH ",
        " ",
        "--mem=",
        "--mem-per-cpu ",
        "-c",
        "-n ",
        "-N",
        "-t",
        "--exclusive",
        "--no-kill=",
        "-J",
        "-w",
        "n[1-",
        "]",
        "--shadowfit=off",
        "hetjob",
        ":",
        "--",
        "-",
        "=",
        "#",
        "\"",
        "'",
        "\\",
        "-l ",
        "nodes=",
        "ppn=",
        "select=",
        "mem=",
        "ncpus=",
        "mpiprocs=",
        "walltime=",
        "+",
        "99999999999",
        "4294967296",
        "-1",
        "8gb",
        "1-2:3",
        "é",
    ];
    let mut random = Random::new(1);
    let mut read = 0;
    for _ in 0..8_000 {
        let script = [b"#!/bin/sh\n".to_vec(), random.bytes(&PIECES)].concat();
        let options: Vec<String> = (0..random.below(4)).map(|_| random.text(&PIECES)).collect();
        let variables = [
            "SBATCH_MEM_PER_NODE",
            "SBATCH_NO_REQUEUE",
            "SBATCH_EXCLUSIVE",
            "SBATCH_TIMELIMIT",
        ];
        let variable = variables[random.below(4)].to_owned();
        let environment = (random.below(4) == 0).then(|| (variable, random.bytes(&PIECES)));
        let sbatch = Sbatch::default().with_environment(environment.into_iter().collect());
        match Submission::new(&sbatch, "/no/such/a.sh", script, &options, vec![]) {
            Ok(submission) => {
                read += 1;
                let request = submission.request(1);
                assert!(request.ask.cpus > 0 && request.ask.layout.tasks > 0);
                assert!(submission.notes.iter().all(|note| !note.contains('\n')));
            }
            Err(error) => assert!(!format!("{error:#}").contains('\n'), "{error:#}"),
        }
    }
    assert!(read > 400, "{read}");
}

#[test]
fn nodes_and_tasks_are_filled_in() {
    for (options, tasks, nodes, on_a_node) in [
        (&["-N2"][..], 2, 2, None),
        (&["-N2", "--tasks-per-node=3"], 6, 2, Some(3)),
        (&["-n1", "-N4"], 1, 1, Some(1)),
        (&["-n4", "-N2-8"], 4, 2, None),
        (&["-w", "n[1-3]"], 3, 3, None),
        (&["-w", "n[1-3],m7,n2"], 4, 4, None),
        (&["-N2", "-B", "2:4"], 16, 2, None),
        (&["-N2", "--threads-per-core=2"], 4, 2, None),
        (&["-n8", "-N1"], 8, 1, Some(8)),
    ] {
        let submission = submission("#!/bin/sh\n", options).unwrap();
        let layout = submission.request(1).ask.layout;
        assert_eq!(
            (layout.tasks, layout.nodes, layout.tasks_on_a_node()),
            (tasks, nodes, on_a_node),
            "{options:?}"
        );
    }
}

#[test]
fn releases_differ_in_what_they_take() {
    let takes = |release, options: &[&str], requeue: &str| {
        let options: Vec<_> = options.iter().map(|option| option.to_string()).collect();
        let environment = [("SBATCH_REQUEUE".to_owned(), requeue.into())].into();
        let sbatch = Sbatch {
            release,
            ..Sbatch::default().with_environment(environment)
        };
        Submission::new(&sbatch, "a.sh", "#!/bin/sh\n".into(), &options, vec![]).is_ok()
    };
    for (options, requeue, old, new) in [
        (&["--exclusive", "-s"][..], "", true, false),
        (&["--exclusive"], "", true, true),
        (&["-s"], "", true, true),
        (&[], "1", true, false),
        (&[], "0", true, false),
        (&[], "expedite", true, true),
    ] {
        assert_eq!(
            takes((22, 5), options, requeue),
            old,
            "{options:?} {requeue}"
        );
        assert_eq!(
            takes((26, 5), options, requeue),
            new,
            "{options:?} {requeue}"
        );
    }
}

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
        (request.jobs != 1).then(|| format!("{} jobs", request.jobs)),
        request.left_alone.map(|why| format!("left alone: {why:?}")),
        (!request.may_wait).then(|| "cannot wait".into()),
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
        (&["-a", "0-9%2"], "10 jobs"),
        (&["--mem=2G"], "Node(2048)"),
        (&["--mem-per-cpu=300M"], "Cpu(300)"),
        (&["-c", "3"], "cpus 3"),
        (&["-t", "1:30"], "120 s"),
        (&["-t", "infinite"], ""),
        (&["--time-min=1"], "own time-min"),
        (&["--shadowfit=measure"], "measured"),
        (&["--shadowfit=off"], "left alone: OptedOut"),
        (&["--shadowfit=off", "--shadowfit=measure"], "measured"),
        (&[later], "cannot wait"),
        (&["--begin=2001-01-01"], ""),
        (&["--begin=2001-01-01", "--deadline=2001-01-02"], ""),
        (&["--reservation=maintenance"], "cannot wait"),
        (&["--reservation="], ""),
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
        (&["--no-requeue"], "left alone: NoRequeue"),
        (&["--no-requeue", "--requeue"], ""),
        (&["--no-requeue", "--requeue=expedite"], ""),
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
        ("get-user-env", "10L", "10x"),
        ("get-user-env", "S", "x"),
        ("tmp", "10G", "10Q"),
        ("hint", "compute_bound,nomultithread", "compute_bound,fast"),
        ("gres-flags", "disable-binding", "maybe"),
        ("mail-type", "FAIL,never", "never"),
        ("no-kill", "off", "maybe"),
        ("kill-on-invalid-dep", "yes", "maybe"),
        ("open-mode", "append", "x"),
        ("open-mode", "Truncate", "w"),
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
