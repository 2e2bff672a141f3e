//! Which workflow manager has submitted a job, by what it writes into scripts, names, comments and folders. One that is
//! taken for a manager's wrongly keeps its request: the safe side.

use super::resubmits::resubmits;
use crate::config::Manager::{self, Cromwell, Cylc, Itself, Nextflow, Snakemake, Toil};
use crate::job::Texts;
use aho_corasick::{AhoCorasick, MatchKind};
use std::sync::OnceLock;

/// Only so much of a script is looked at.
const LOOKED_AT: usize = 64 << 10;

const IN_SCRIPTS: [(&[u8], Manager); 12] = [
    (b"snakemake", Snakemake),
    (b"SNAKEMAKE", Snakemake),
    (b"NXF_", Nextflow),
    (b"NEXTFLOW TASK", Nextflow),
    (b"nxf_", Nextflow),
    (b"cromwell", Cromwell),
    (b"CROMWELL", Cromwell),
    (b"_toil_worker", Toil),
    (b"TOIL_", Toil),
    (b"CYLC_", Cylc),
    (b"cylc__job", Cylc),
    (b"cylc-run", Cylc),
];

const NAMES_BEGIN: [(&[u8], Manager); 5] = [
    (b"snakejob", Snakemake),
    (b"smk-", Snakemake),
    (b"nf-", Nextflow),
    (b"cromwell", Cromwell),
    (b"toil_job", Toil),
];

/// The manager that has submitted a job with these texts, of whose script `in_script` is known.
pub fn manager(texts: &Texts, in_script: Option<Manager>) -> Option<Manager> {
    of_queue(texts.name, texts.comment)
        .or_else(|| texts.work_dir.and_then(within))
        .or(in_script)
}

/// The manager that has written a script, or the script itself where it does what a manager would.
pub fn of_script(script: &[u8]) -> Option<Manager> {
    let script = &script[..script.len().min(LOOKED_AT)];
    within(script).or_else(|| resubmits(script).then_some(Itself))
}

/// The same by what squeue shows.
pub fn of_queue(name: &[u8], comment: &[u8]) -> Option<Manager> {
    let begins = |&&(begin, _): &&(&[u8], Manager)| name.starts_with(begin);
    if comment.starts_with(b"rule_") {
        return Some(Snakemake);
    }
    let named = NAMES_BEGIN.iter().find(begins).map(|&(_, manager)| manager);
    named.or_else(|| within(comment))
}

/// The first of the list whose mark stands anywhere in a text, which is read once.
fn within(text: &[u8]) -> Option<Manager> {
    static FINDER: OnceLock<Option<AhoCorasick>> = OnceLock::new();
    let marks = || {
        AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostFirst)
            .build(IN_SCRIPTS.map(|(mark, _)| mark))
            .ok()
    };
    let finder = FINDER.get_or_init(marks);
    let found = finder.as_ref()?.find_iter(text);
    let first = found.map(|mark| mark.pattern().as_usize()).min()?;
    Some(IN_SCRIPTS[first].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn managers_are_known_by_script_name_comment_or_folder_and_others_are_not() {
        let texts = |name, comment, folder: Option<&'static [u8]>, script| Texts {
            name,
            comment,
            work_dir: folder,
            script,
            ..Texts::default()
        };
        let (none, sh): (&[u8], &[u8]) = (b"", b"#!/bin/sh\nalign\n");
        let cases = [
            (
                texts(b"a", none, None, b"#!/bin/sh\nsnakemake -s x"),
                Some(Snakemake),
            ),
            (
                texts(b"a", b"rule_sort_wildcards_7", None, sh),
                Some(Snakemake),
            ),
            (texts(b"nf-SORT_(7)", none, None, sh), Some(Nextflow)),
            (texts(b"a", none, None, b"NXF_DEBUG=0\n"), Some(Nextflow)),
            (
                texts(b"a", none, Some(b"/w/cromwell-executions/x"), sh),
                Some(Cromwell),
            ),
            (texts(b"toil_job_3", none, None, sh), Some(Toil)),
            (
                texts(b"a", none, None, b"./solve || sbatch $0"),
                Some(Itself),
            ),
            (texts(b"a", none, None, b"_toil_worker f"), Some(Toil)),
            (
                texts(
                    b"post.2T00Z.flow",
                    none,
                    None,
                    b"export CYLC_VERBOSE=false\n",
                ),
                Some(Cylc),
            ),
            (
                texts(
                    b"post.2T00Z.flow",
                    none,
                    None,
                    b". x/job.sh\ncylc__job__main\n",
                ),
                Some(Cylc),
            ),
            (
                texts(
                    b"a",
                    none,
                    Some(b"/home/a/cylc-run/flow/run1/work/2/post"),
                    sh,
                ),
                Some(Cylc),
            ),
            (texts(b"rule_sort", b"my snake", Some(b"/w/toil"), sh), None),
            (texts(none, none, None, none), None),
        ];
        for (texts, right) in cases {
            assert_eq!(manager(&texts, of_script(texts.script)), right, "{texts:?}");
        }
        let far = [vec![b'x'; LOOKED_AT], b"snakemake".to_vec()].concat();
        assert_eq!(of_script(&far), None);
    }
}
