//! Training of one kind of job, run by run, and a prediction from what it taught.
//!
//! usage: cargo bench --bench model

use criterion::{BatchSize, Criterion, criterion_main};
use shadowfit_core::config::Config;
use shadowfit_core::job::Run;
use shadowfit_core::job::Usage;
use shadowfit_core::model::kind::KindModel;
use std::collections::BTreeMap;
use std::hint::black_box;

const WINDOW: u64 = 256;

/// Runs whose memory follows their input, with some noise.
fn run(number: u64) -> Run {
    let input_bytes = (1 + (number * 37) % 100) * 1_000_000_000;
    let noise = (number * 7919) % 50 * 1_000_000;
    Run {
        rewritten: false,
        harmed: None,
        went_on: false,
        command: None,
        user: 0,
        completed: true,
        usage: Usage {
            peak_bytes: Some(500_000_000 + input_bytes / 10 + noise),
            peak_is_bound: false,
            cores: Some(3.5),
            elapsed_s: 600 + number % 60,
            named: Default::default(),
            launched: None,
        },
        input_bytes: Some(input_bytes),
        asked: Some(64 << 30),
        seats: BTreeMap::new(),
    }
}

fn trained() -> KindModel {
    let mut model = KindModel::new(&Config::default(), None);
    (0..WINDOW).for_each(|number| model.learn(&run(number)));
    model
}

fn training(bench: &mut Criterion) {
    bench.bench_function("a kind of 256 runs, from nothing", |b| b.iter(trained));
    bench.bench_function("one run more", |b| {
        b.iter_batched_ref(
            trained,
            |model| model.learn(&run(WINDOW)),
            BatchSize::SmallInput,
        )
    });
    let model = trained();
    bench.bench_function("what a snapshot holds of it", |b| {
        b.iter(|| black_box(model.learned(None)))
    });
}

fn prediction(bench: &mut Criterion) {
    let learned = trained().learned(None);
    let mut input = 0;
    bench.bench_function("a prediction for an input", |b| {
        b.iter(|| {
            input = (input + 1_234_567_890) % 120_000_000_000;
            black_box(learned.for_input(Some(input)))
        })
    });
}

// criterion_group! makes a public function.
#[allow(missing_docs)]
mod groups {
    criterion::criterion_group!(benches, super::training, super::prediction);
}
criterion_main!(groups::benches);
