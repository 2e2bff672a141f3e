//! Whole submissions: script, environment and command line together.

mod options;

use super::options::Table;
use super::*;
use crate::job::Memory;
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
            table: Table::of_sbatch(Some(release), &[]),
            ..Sbatch::default().with_environment(environment)
        };
        Submission::new(&sbatch, "a.sh", "#!/bin/sh\n".into(), &options, vec![]).is_ok()
    };
    for (options, requeue, old, new) in [
        (&["--exclusive", "-s"][..], "", true, false),
        (&["--exclusive"], "", true, true),
        (&["--get-user-env"], "", true, true),
        (&["--get-user-env=10L"], "", true, false),
        (&["--get-user-env=S"], "", true, false),
        (&["--get-user-env=10x"], "", false, false),
        (&["--get-user-env=x"], "", false, false),
        (&["--signal=PIPE"], "", false, true),
        (&["--cpu-freq=low-high"], "", true, false),
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
