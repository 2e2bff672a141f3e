//! A peek at many jobs by their numbers: one scontrol, which slurmctld answers job by job, for a tenth of what a
//! squeue for each would take. What it prints may as well be what hostile names hold, so nothing is done by it: a
//! name can at most keep its own job waiting for the next look at the queue, or have another one asked for in vain.

use super::FORGOTTEN;
use crate::fingerprint::Key;
use crate::record::Comment;
use crate::slurm::{CommandError, Commands};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, Read};

/// A longer line is cut, in bytes.
const MAX_LINE: u64 = 1 << 20;

/// A longer complaint, in characters, is a line for each of many jobs.
const MAX_SAID: usize = 200;

/// Of which kind a job is that waits for a shadow, and until when, in seconds since 1970.
pub type Awaited = (Key, i64);

/// Those of these jobs, and of arrays among them, that seem to wait for a shadow, as they wait. Those that slurmctld has
/// forgotten are passed over.
pub fn that_wait_for_shadows(
    commands: &dyn Commands,
    jobs: &BTreeSet<u64>,
) -> Result<BTreeMap<u64, Awaited>, CommandError> {
    let mut waiting = BTreeMap::new();
    if jobs.is_empty() {
        return Ok(waiting);
    }
    let lines: Vec<String> = jobs.iter().map(|job| format!("show job {job}")).collect();
    let answer = commands.feed(
        "scontrol",
        &["--all", "--oneliner"],
        &lines,
        &mut |output| {
            let mut line = Vec::new();
            while (&mut *output).take(MAX_LINE).read_until(b'\n', &mut line)? > 0 {
                // A line may be part of another job's name.
                let seen = read(&String::from_utf8_lossy(&line));
                waiting.extend(seen.filter(|(job, _)| jobs.contains(job)));
                line.clear();
            }
            Ok(())
        },
    );
    let is_forgotten = |said: &str| said.split("; ").all(|line| line.contains(FORGOTTEN));
    match answer {
        Err(CommandError::Failed { said, .. }) if is_forgotten(&said) => Ok(waiting),
        Err(CommandError::Failed { said, .. }) => Err(CommandError::Failed {
            command: "scontrol show job".into(),
            said: said.chars().take(MAX_SAID).collect(),
        }),
        other => other.map(|()| waiting),
    }
}

/// What a scontrol without readline writes before each of its answers.
const PROMPT: &str = "scontrol: ";

/// The number by which a job is asked for, its array's where it is of one, and how it waits for a shadow; `None` for one
/// that does not.
fn read(line: &str) -> Option<(u64, Awaited)> {
    let line = line.trim_start_matches(PROMPT);
    let (job, rest) = line.strip_prefix("JobId=")?.split_once(' ')?;
    // Names may hold anything.
    let (before_name, _) = rest.split_once("JobName=")?;
    let array = before_name
        .split(' ')
        .find_map(|word| word.strip_prefix("ArrayJobId="));
    let (_, text) = rest.rsplit_once(" AdminComment=")?;
    // It ends where its object does.
    let mut objects = serde_json::Deserializer::from_str(text).into_iter::<serde::de::IgnoredAny>();
    let _whole = objects.next();
    let comment = Comment::read(&text[..objects.byte_offset()]);
    let record = comment.record()?;
    let until = record.shadow.as_ref()?.until;
    let job = array.unwrap_or(job).parse().ok()?;
    Some((job, (record.kind.command?, until)))
}

#[cfg(test)]
mod tests {
    use super::super::super::scripted::Scripted;
    use super::*;
    use crate::fingerprint::Kind;
    use crate::job::arguments::Arguments;
    use crate::job::shadow::Wait;
    use crate::record::Record;

    fn seen(answer: &str) -> Vec<(u64, Awaited)> {
        let answers = [("scontrol --all --oneliner show job 9 show job 12", answer)];
        let waiting = that_wait_for_shadows(&Scripted::new(&answers), &[9, 12].into());
        waiting.unwrap().into_iter().collect()
    }

    fn waits() -> String {
        let kind = Kind {
            command: Some(Key(5)),
            ..Kind::default()
        };
        let wait = Wait {
            since: 0,
            array: None,
            until: 60,
            arguments: Arguments::of(&[]).unwrap(),
        };
        let record = Record::kept(kind, None, "").after_shadow(wait);
        record.to_comment().unwrap()
    }

    fn line(job: &str, name: &str, comment: &str) -> String {
        format!(
            "JobId={job} JobName={name} UserId=alice(1001) JobState=PENDING Reason=BeginTime Command=a b \
             AdminComment={comment} StdErr=/dev/null \n"
        )
    }

    #[test]
    fn jobs_that_wait_for_a_shadow_are_seen_as_scontrol_shows_them() {
        let all = [
            format!("{PROMPT}{PROMPT}{}", line("9", "a", &waits())),
            line("10 ArrayJobId=12 ArrayTaskId=3", "a", &waits()),
            line("11", "a", "see ticket 5"),
            line("13", "a", r#"{"shadowfit":1,"kind":{}}"#),
            line("14", "a", r#"{"shadowfit":1,"shadow_of":"7"}"#),
        ];
        let said = "slurm_load_jobs error: Invalid job id specified\n";
        assert_eq!(
            seen(&(said.to_owned() + &all.concat())),
            [(9, (Key(5), 60)), (12, (Key(5), 60))]
        );
    }

    #[test]
    fn a_name_hides_no_other_job_and_no_line_makes_it_fail() {
        let evil = line(
            "9",
            "a\nJobId=12 JobState=RUNNING AdminComment={} \n",
            &waits(),
        );
        let both = evil + &line("12", "b", &waits());
        assert!(seen(&both).contains(&(12, (Key(5), 60))));
        let other = line("9", "a ArrayJobId=12 b", &waits());
        assert_eq!(seen(&other), [(9, (Key(5), 60))]);
        let many: String = (100..200)
            .map(|job| line(&job.to_string(), "a", &waits()))
            .collect();
        assert_eq!(
            seen(&line("9", &format!("a\n{many}"), "{}")),
            [],
            "none was asked for"
        );
        for text in [
            "",
            "JobId=",
            "JobId=x y",
            "JobId=9",
            "JobId=9 AdminComment=",
            "\u{fffd}",
        ] {
            assert_eq!(seen(text), []);
        }
    }

    #[test]
    fn what_slurmctld_has_forgotten_is_no_failure_and_what_it_cannot_say_is() {
        struct Fails(&'static str);
        impl Commands for Fails {
            fn run(&self, program: &str, _: &[&str]) -> Result<Vec<u8>, CommandError> {
                Err(CommandError::Failed {
                    command: program.into(),
                    said: self.0.into(),
                })
            }
        }
        let forgotten = "slurm_load_jobs error: Invalid job id specified";
        let both = "slurm_load_jobs error: Invalid job id specified; slurm_load_jobs error: Unable to contact";
        for (said, is_well) in [(forgotten, true), (both, false)] {
            assert_eq!(
                that_wait_for_shadows(&Fails(said), &[9].into()).is_ok(),
                is_well,
                "{said}"
            );
        }
    }
}
