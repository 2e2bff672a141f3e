//! Files that `shadowfit replay` reads: dumps, traces and series of others.
#![no_main]

use fuzz::Folder;
use libfuzzer_sys::fuzz_target;
use shadowfit_core::config::Config;
use shadowfit_core::replay::{DecideAt, dump, replay, series, trace};
use std::sync::LazyLock;

static FOLDER: LazyLock<Folder> = LazyLock::new(|| Folder::new("trace"));

fuzz_target!(|input: &[u8]| {
    let path = FOLDER.write("trace", input);
    for read in [dump::read, trace::read] {
        if let Ok((jobs, _)) = read(&path) {
            let _replayed = replay(
                &Config::default(),
                &[],
                jobs,
                DecideAt::Submit,
                Some(0.1),
                || (),
            );
        }
    }
    if let Ok((all, _)) = series::read(&path) {
        let _figures = series::evaluate(&Config::default(), &all, 60.0);
    }
});
