//! Which kind of job this is, and what its script relies on: numbers, paths and sample names of any bytes.
#![no_main]

use fuzz::Fields;
use libfuzzer_sys::fuzz_target;
use shadowfit_core::fingerprint::{Kind, common_name, says_something};
use shadowfit_core::job::arguments::Arguments;
use shadowfit_core::job::{Layout, Texts};
use shadowfit_core::relies::{AskedCpus, Floor};

fuzz_target!(|input: &[u8]| {
    let fields = Fields::of(input);
    let texts = Texts {
        name: fields.text("name").unwrap_or_default(),
        comment: fields.text("comment").unwrap_or_default(),
        work_dir: fields.text("work_dir"),
        script: fields.rest,
        arguments: fields.all("argument").collect(),
        ..Texts::default()
    };
    let kind = Kind::of(1001, &texts, Layout::SINGLE);
    assert!(kind == Kind::of(1001, &texts, Layout::SINGLE));
    let others = Kind::of(1002, &texts, Layout::SINGLE);
    assert!(
        kind.command.is_none() || kind.command != others.command,
        "a kind is one user's"
    );
    let accounted = Kind::of_commented(1001, texts.name, texts.comment);
    assert!(
        kind.name == accounted.name,
        "accounting knows the same name"
    );
    if let Some(name) = texts.name.utf8() {
        let _told = says_something(name);
        let _common = common_name(name, texts.comment.utf8().unwrap_or_default());
    }
    if let Some(arguments) = Arguments::of(&texts.arguments)
        && let Some(plain) = texts
            .arguments
            .iter()
            .map(|word| word.utf8())
            .collect::<Option<Vec<_>>>()
    {
        let line = format!("run.sh {}", plain.join(" "));
        let found = arguments.find(if plain.is_empty() { "run.sh" } else { &line });
        assert_eq!(
            found.as_deref(),
            Some(
                &plain
                    .iter()
                    .map(|&word| word.to_owned())
                    .collect::<Vec<_>>()[..]
            )
        );
    }
    for cpus in [1, u64::MAX] {
        let floor = Floor::of(fields.rest, AskedCpus { tasks: cpus, cpus });
        for reliance in [&floor.memory, &floor.cpus].into_iter().flatten() {
            assert!(!reliance.text.contains(char::is_control), "{reliance:?}");
        }
    }
});

trait Utf8 {
    fn utf8(&self) -> Option<&str>;
}

impl Utf8 for [u8] {
    fn utf8(&self) -> Option<&str> {
        str::from_utf8(self).ok()
    }
}
