//! What scontrol, sinfo, sacctmgr and sbatch say of the site.
#![no_main]

use fuzz::Answer;
use libfuzzer_sys::fuzz_target;
use shadowfit_core::slurm::sbatch::Sbatch;
use shadowfit_core::slurm::site;

fuzz_target!(|input: &[u8]| {
    let commands = Answer(input);
    if let Ok(settings) = site::settings(&commands) {
        let _enforced = site::limits_are_enforced(&settings);
        let _directory = site::directory(&commands, &settings);
    }
    if let Ok(load) = site::load(&commands) {
        assert!((0.0..=1.0).contains(&load.idle), "{load:?}");
    }
    let _sbatch = Sbatch::installed(&commands);
});
