//! shadowfit.toml.
#![no_main]

use libfuzzer_sys::fuzz_target;
use shadowfit_core::config::{Config, Manager, Mode, Owner};
use std::path::Path;

fuzz_target!(|input: &[u8]| {
    match Config::parse(Path::new("shadowfit.toml"), input) {
        Err(error) => assert!(error.to_string().starts_with("shadowfit.toml: line ")),
        Ok(config) => {
            let owner = Owner {
                user: Some("alice"),
                account: Some(b"physics"),
                partition: Some(b"batch,debug"),
            };
            let modes = config.modes_under(owner, Some(Manager::Snakemake));
            assert!(modes.memory <= Mode::Apply);
            let _shadows = config.shadows(owner, config.modes(owner)) && config.wants_shadows();
        }
    }
});
