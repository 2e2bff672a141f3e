//! What sbatch is given for a shadow.

use super::arguments::NOT_ITS_ARGUMENTS;
use super::*;
use crate::job::arguments::Arguments;
use crate::job::{Layout, Memory};
use std::cell::RefCell;

const SLICE: Slice = Slice {
    memory_mib: 1000,
    ask: ASK,
    until: 1_000_060,
};

const ASK: Ask = Ask {
    memory: Some(Memory::Cpu(500)),
    cpus: 4,
    layout: Layout {
        tasks: 2,
        nodes: 1,
        per_node: Some(2),
    },
    ..Ask::LEAST
};

/// What sbatch was given, while its files are there.
#[derive(Debug, Default)]
struct Given {
    words: Vec<String>,
    script: Vec<u8>,
    environment: Vec<u8>,
}

/// A slurmctld that keeps job 33, in whose state folder its environment lies.
struct Controller {
    state: tempfile::TempDir,
    answer: &'static str,
    given: RefCell<Given>,
}

impl Controller {
    fn new(answer: &'static str) -> Controller {
        let state = tempfile::tempdir().unwrap();
        let folder = state.path().join("hash.3/job.33");
        std::fs::create_dir_all(&folder).unwrap();
        let kept = b"\x04\0\0\0HOME=/home/alice\0SLURM_RLIMIT_AS=1\0SLURM_SUBMIT_DIR=/a=b\0\
            SHADOWFIT_SET_HOME=/root\0SLURM_NTASKS=2\0LM_LICENSE_FILE=27001@lic2\0";
        std::fs::write(folder.join("environment"), kept).unwrap();
        Controller {
            state,
            answer,
            given: RefCell::default(),
        }
    }

    /// Submits a shadow of job 33 and shows what sbatch was given.
    fn submit(
        &self,
        job: &Original,
        limits: &ShadowLimits,
    ) -> (Result<Option<u64>, CommandError>, Given) {
        let prepared = prepare(self, limits, job, SLICE, &wait());
        let id = prepared.and_then(|one| one.map(|one| one.submit(self)).transpose());
        let there = std::fs::read_dir(self.state.path()).unwrap().count();
        assert_eq!(there, 1, "nothing of a user's is written anywhere");
        (id, self.given.take())
    }
}

impl Commands for Controller {
    fn run(&self, program: &str, arguments: &[&str]) -> Result<Vec<u8>, CommandError> {
        let state = format!("StateSaveLocation = {}\n", self.state.path().display());
        Ok(match (program, arguments) {
            ("scontrol", ["show", "config"]) => state.into(),
            ("scontrol", ["write", "batch_script", "33", "-"]) => b"#!/bin/sh\nwork\n".to_vec(),
            ("sbatch", words) => {
                let script = words.iter().find(|word| word.starts_with('/')).unwrap();
                let environment = words
                    .iter()
                    .find_map(|word| word.strip_prefix("--export-file="));
                self.given.replace(Given {
                    words: words.iter().map(|&word| word.to_owned()).collect(),
                    script: std::fs::read(script).unwrap(),
                    environment: environment.map_or(vec![], |path| std::fs::read(path).unwrap()),
                });
                self.answer.into()
            }
            ("sacct", ["--json", "--allocations", "--jobs", "33"]) => {
                // Slurm's plugins speak behind what it answers.
                b"{\"jobs\": [{\"submit_line\": \"sbatch other.sh\"}]}\nplugin: \xff {\n".to_vec()
            }
            other => panic!("{other:?}"),
        })
    }
}

fn wait() -> Wait {
    Wait {
        since: 1_000_000,
        until: 1_000_060,
        array: Extent::of("3-9:2"),
        arguments: Arguments::of(&[b"a", b"b"]).unwrap(),
    }
}

fn original() -> Original {
    Original {
        handle: "33_[5-9]".into(),
        name: "a job".into(),
        script_id: 33,
        task: Some(5),
        uid: 1001,
        gid: 100,
        partition: "batch".into(),
        features: "avx".into(),
        work_dir: "/home/alice".into(),
        line: "/home/alice/job.sh a b".into(),
    }
}

fn site() -> ShadowLimits {
    ShadowLimits {
        window_s: 61,
        scratch_mib: 300,
        license_servers: vec!["27000@lic1".into()],
        ..ShadowLimits::default()
    }
}

#[test]
fn a_shadow_is_its_jobs_script_behind_the_stub_with_its_environment_and_the_mark() {
    let (id, given) = Controller::new("77;north\n").submit(&original(), &site());
    assert_eq!(id.unwrap(), Some(77));
    assert_eq!(
        given.script,
        [STUB, "#!/bin/sh\nwork\n"].concat().as_bytes()
    );
    let mark = mark(&site(), 33, SLICE);
    let expected = format!(
        "HOME=/home/alice\0SHADOWFIT_SET_SLURM_RLIMIT_AS=1\0SHADOWFIT_SET_SLURM_SUBMIT_DIR=/a=b\0\
         SLURM_NTASKS=2\0LM_LICENSE_FILE=27001@lic2\0SHADOWFIT_UNSET_SLURM_SUBMIT_HOST=\0\
         SHADOWFIT_UNSET_SLURM_UMASK=\0\
         SHADOWFIT_UNSET_SLURM_NTASKS_PER_NODE=\0SHADOWFIT_UNSET_SLURM_CPUS_PER_TASK=\0\
         SHADOWFIT_UNSET_SLURM_TRES_PER_TASK=\0SHADOWFIT_SET_SLURM_NTASKS=2\0\
         SHADOWFIT_SET_SLURM_NPROCS=2\0SHADOWFIT_SET_SLURM_TASKS_PER_NODE=2\0\
         SHADOWFIT_SET_SLURM_CPUS_ON_NODE=8\0SHADOWFIT_SET_SLURM_JOB_CPUS_PER_NODE=8\0\
         SHADOWFIT_UNSET_SLURM_MEM_PER_NODE=\0SHADOWFIT_SET_SLURM_MEM_PER_CPU=500\0\
         SHADOWFIT_SET_SLURM_JOB_NAME=a job\0SLURM_ARRAY_TASK_ID=5\0SLURM_ARRAY_JOB_ID=33\0SLURM_ARRAY_TASK_COUNT=4\0\
         SLURM_ARRAY_TASK_MIN=3\0SLURM_ARRAY_TASK_MAX=9\0SLURM_ARRAY_TASK_STEP=2\0{OPTION_VARIABLE}={mark}\0{SERVERS_VARIABLE}=27000@lic1,27001@lic2\0"
    );
    assert_eq!(String::from_utf8(given.environment).unwrap(), expected);
    let line = given.words.join(" ");
    for option in [
        "--mem=1000M",
        "--time=3",
        "--job-name=shadow-of-33",
        "--uid=1001",
        "--gid=100",
        "--chdir=/home/alice",
        "--partition=batch",
        "--constraint=avx",
        &format!("--shadowfit={mark}"),
    ] {
        assert!(line.contains(&format!(" {option} ")), "{option}: {line}");
    }
    let script = given.words.iter().rev().nth(2).unwrap();
    assert!(script.starts_with("/proc/self/fd/"), "{line}");
    assert!(line.ends_with(" a b"), "{line}");
}

#[test]
fn the_site_says_where_shadows_run_and_a_job_without_a_constraint_has_none() {
    let limits = ShadowLimits {
        partition: Some("spare".into()),
        account: Some("trials".into()),
        qos: Some("low".into()),
        ..site()
    };
    let job = Original {
        features: String::new(),
        task: None,
        ..original()
    };
    let (_, given) = Controller::new("77\n").submit(&job, &limits);
    let line = given.words.join(" ");
    for option in ["--partition=spare", "--account=trials", "--qos=low"] {
        assert!(line.contains(&format!(" {option} ")), "{option}: {line}");
    }
    assert!(!line.contains("--constraint"), "{line}");
    assert!(
        !String::from_utf8(given.environment)
            .unwrap()
            .contains("ARRAY")
    );
}

#[test]
fn a_job_whose_arguments_are_not_reported_has_no_shadow() {
    for submitted in [
        "",
        "/home/alice/job.sh",
        "/home/alice/job.sh a c",
        "/home/alice/job.sh 'a b'",
    ] {
        let job = Original {
            line: submitted.into(),
            ..original()
        };
        let slurm = Controller::new("77\n");
        let (id, given) = slurm.submit(&job, &site());
        assert_eq!(id.unwrap_err().reason(), NOT_ITS_ARGUMENTS);
        assert!(given.words.is_empty());
    }
}

#[test]
fn a_task_of_an_array_of_which_nothing_is_known_has_no_shadow() {
    let slurm = Controller::new("77\n");
    let untold = Wait {
        array: None,
        ..wait()
    };
    let of = |job: &Original| prepare(&slurm, &site(), job, SLICE, &untold).map(|_| ());
    assert_eq!(of(&original()).unwrap_err().reason(), NOT_ITS_ARRAY);
    let single = Original {
        task: None,
        ..original()
    };
    assert!(of(&single).is_ok());
}

#[test]
fn an_answer_of_sbatch_that_is_no_number_is_an_error() {
    for answer in ["", "Submitted batch job\n", "-1\n"] {
        let (id, _) = Controller::new(answer).submit(&original(), &site());
        assert!(id.unwrap_err().to_string().contains("sbatch answered"));
    }
}

#[test]
fn a_job_that_is_only_to_be_measured_is_held_and_has_the_users_own_words_last() {
    let slurm = Controller::new("78\n");
    let script = slurm.state.path().join("job.sh");
    std::fs::write(&script, "#!/bin/sh\nown\n").unwrap();
    let script = script.to_str().unwrap();
    let words = ["--comment=mine", script, "x y", ""].map(str::to_owned);
    assert_eq!(submit_held(&slurm, &words).unwrap(), 78);
    let given = slurm.given.take();
    let (ours, own) = given.words.split_at(given.words.len() - words.len());
    assert_eq!(ours, ["--parsable", "--hold", "--shadowfit=measure"]);
    assert_eq!(own, words);
}

#[test]
fn a_slice_is_what_is_asked_for_on_a_node_up_to_the_sites_and_half_of_it_is_for_files() {
    let limits = ShadowLimits {
        memory_mib: 4000,
        ..site()
    };
    let slice = |memory, tasks| {
        let ask = Ask {
            memory,
            cpus: 2,
            layout: Layout::new(Some(tasks), None, Some(1), Some(1)),
            ..Ask::LEAST
        };
        let slice = limits.slice(&ask, 9);
        (slice.memory_mib, mark(&limits, 33, slice).scratch_mib)
    };
    assert_eq!(slice(Some(Memory::Node(1000)), 1), (1000, 300));
    assert_eq!(slice(Some(Memory::Node(500)), 1), (500, 250));
    assert_eq!(slice(Some(Memory::Cpu(100)), 3), (600, 300));
    assert_eq!(slice(Some(Memory::Node(9000)), 1), (4000, 300));
    assert_eq!(slice(None, 1), (4000, 300));
    // To the kernel, nothing would be without a limit.
    assert_eq!(slice(Some(Memory::Node(1)), 1), (1, 1));
    let small = limits.slice(&ask_for(9000), 9).at_most(700);
    assert_eq!((small.memory_mib, small.ask.cpus, small.until), (700, 1, 9));
}

fn ask_for(mib: u64) -> Ask {
    Ask {
        memory: Some(Memory::Node(mib)),
        cpus: 1,
        layout: Layout::SINGLE,
        ..Ask::LEAST
    }
}

#[test]
fn license_servers_come_from_the_site_and_from_the_job() {
    let environment = b"LM_LICENSE_FILE=27001@lic2:/opt/license.dat:27002@lic3\0HOME=5@x\0\
        MLM_LICENSE_FILE=27000@lic1;99999@big\0A_LICENSE=1@a;rm -rf\xff\0";
    let servers = environment::license_servers(&["27000@lic1".into()], environment);
    assert_eq!(servers, "27000@lic1,27001@lic2,27002@lic3");
}

#[test]
fn without_a_sandbox_a_shadow_does_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let proof = dir.path().join("proof");
    let user = format!("#!/bin/sh\ntouch {}\n", proof.display());
    let path = dir.path().join("job.sh");
    std::fs::write(&path, [STUB, &user].concat()).unwrap();
    let status = std::process::Command::new("sh")
        .arg(&path)
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(64));
    assert!(!proof.exists());
}
