//! A dump of accounting from anywhere, as its reader meets it: figures, or what to do, and an exit code that tells.

use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use std::process::{Command, Output};

const HEADER: &str = "JobID|Submit|Start|End|State|User|ReqMem|MaxRSS|JobName";
const RUN: &str = "1|100|110|120|COMPLETED|alice|4G||a\n1.batch|110|110|120|COMPLETED|||1G|batch";

fn shadowfit(command: &[&str], dump: impl AsRef<[u8]>) -> Output {
    let state = tempfile::tempdir().unwrap();
    let config = state.path().join("shadowfit.toml");
    std::fs::write(&config, format!("state_dir = '{}'", state.path().display())).unwrap();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(dump.as_ref()).unwrap();
    Command::new(env!("CARGO_BIN_EXE_shadowfit"))
        .arg("--config")
        .arg(&config)
        .args(command)
        .arg(file.path())
        .output()
        .unwrap()
}

#[test]
fn a_dump_of_which_nothing_can_be_used_is_a_failure_that_names_the_command_that_works() {
    let useless = RUN.replace("100|110|120", "03/01-10:00|03/01-10:01|03/01-10:02");
    for command in [&["replay", "--sacct"][..], &["import"]] {
        let good = shadowfit(command, format!("{HEADER}\n{RUN}\n"));
        assert!(good.status.success(), "{good:?}");
        for dump in [format!("{HEADER}\n"), format!("{HEADER}\n{useless}\n")] {
            let bad = shadowfit(command, &dump);
            let said = String::from_utf8(bad.stderr).unwrap();
            assert_eq!(bad.status.code(), Some(1), "{said}");
            assert!(said.contains("sacct --allusers"), "{said}");
            let is_named = said.contains("SLURM_TIME_FORMAT");
            assert_eq!(is_named, dump.contains("03/01"), "{said}");
        }
    }
}

#[test]
fn a_gzipped_dump_is_read_and_one_that_breaks_off_says_so() {
    let numbered = |id: u32| {
        let job = RUN.replacen("1|", &format!("{id}|"), 1);
        job.replace("\n1.", &format!("\n{id}.")) + "\n"
    };
    let rows: String = (1..5000).map(numbered).collect();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder
        .write_all(format!("{HEADER}\n{rows}").as_bytes())
        .unwrap();
    let packed = encoder.finish().unwrap();
    for command in [&["replay", "--sacct"][..], &["import"]] {
        let good = shadowfit(command, &packed);
        assert!(good.status.success(), "{good:?}");
        let cut = shadowfit(command, &packed[..packed.len() / 2]);
        let said = String::from_utf8(cut.stderr).unwrap();
        assert!(said.contains("deflate") || said.contains("early"), "{said}");
    }
}

#[test]
fn a_dump_without_steps_says_that_it_tells_nothing_of_memory() {
    let jobs = RUN.lines().next().unwrap();
    let read = shadowfit(&["import"], format!("{HEADER}\n{jobs}\n"));
    let said = String::from_utf8(read.stderr).unwrap();
    assert!(read.status.success(), "{said}");
    assert!(
        said.contains("1 of 1 runs") && said.contains("-X"),
        "{said}"
    );
}

#[test]
fn a_dump_that_says_nothing_of_requests_has_no_waste_of_them() {
    let header = HEADER.replace("ReqMem|", "");
    let run = RUN.replace("|4G||", "||").replace("|||1G|", "||1G|");
    let row_of = |table: &Output| {
        let said = String::from_utf8(table.stdout.clone()).unwrap();
        let total = said.lines().find(|line| line.contains("TOTAL")).unwrap();
        let cells: Vec<_> = total.split_whitespace().map(str::to_owned).collect();
        [cells[4].clone(), cells[7].clone()]
    };
    let replay = &["replay", "--sacct"][..];
    let known = shadowfit(replay, format!("{HEADER}\n{RUN}\n"));
    assert!(!row_of(&known).contains(&"-".to_owned()), "{known:?}");
    let dump = format!("{header}\n{run}\n");
    let unknown = shadowfit(replay, &dump);
    assert_eq!(row_of(&unknown), ["-", "-"]);
    let said = String::from_utf8(unknown.stderr).unwrap();
    assert!(said.contains("no ReqMem in it"), "{said}");
    let json = shadowfit(&["replay", "--json", "--sacct"], &dump).stdout;
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["request_waste_gbh"], serde_json::Value::Null);
    assert_eq!(
        (json["n"].as_u64(), json["asked"].as_u64()),
        (Some(1), Some(0))
    );
}
