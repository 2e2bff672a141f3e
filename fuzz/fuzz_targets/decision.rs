//! The policy, with whatever may be known of a kind.
#![no_main]

use fuzz::Fields;
use libfuzzer_sys::fuzz_target;
use shadowfit_core::config::{Config, Mode, PerResource};
use shadowfit_core::decide::{Terms, sentence, size};
use shadowfit_core::fingerprint::{Key, Kind};
use shadowfit_core::job::evidence::{Evidence, Trust};
use shadowfit_core::job::{Ask, Layout, Memory};
use shadowfit_core::model::predict::KnownKinds;
use shadowfit_core::record::{Comment, MAX_SIZE};
use shadowfit_core::relies::{AskedCpus, Floor};
use shadowfit_core::report::explain::decision;

/// Knows the same of every kind.
struct Known(Evidence);

impl KnownKinds for Known {
    fn find(&self, _key: Key, _input_bytes: Option<u64>) -> Option<Evidence> {
        Some(self.0)
    }
}

fuzz_target!(|input: &[u8]| {
    let fields = Fields::of(input);
    let small = |name| fields.number(name).map(|number| number as u32);
    let some = |name| small(name).unwrap_or_default();
    let known = Known(Evidence {
        runs: some("runs"),
        max_mib: some("max_mib"),
        p99_mib: some("p99_mib"),
        cores: Some(f32::from_bits(some("cores_bits")))
            .filter(|cores| cores.is_finite())
            .unwrap_or(0.0),
        longest_s: some("longest_s"),
        enough_s: some("enough_s"),
        shadow_mib: some("shadow_mib"),
        enough_mib: some("enough_mib"),
        lent_to_mib: some("lent_to_mib"),
        trust: Trust::ALL,
        half_mib: some("half_mib"),
        goes_on: fields.number("goes_on").is_some(),
        named_mib: some("named_mib"),
        named_cpus: some("named_cpus"),
    });
    let per_node = fields.number("memory_per_node").map(Memory::Node);
    let ask = Ask {
        memory: per_node.or(fields.number("memory_per_cpu").map(Memory::Cpu)),
        cpus: small("cpus").unwrap_or(1).max(1),
        layout: Layout::new(
            small("tasks"),
            small("tasks_per_node"),
            small("min_nodes"),
            small("max_nodes"),
        ),
        time_s: fields.number("time_s"),
        own_time_min: fields.number("own_time_min").is_some(),
        own_cpus: fields.number("own_cpus").is_some(),
        own_memory: fields.number("own_memory").is_some(),
        no_shadow: fields.number("no_shadow").is_some(),
    };
    let tasks = u64::from(ask.layout.tasks);
    let asked = AskedCpus {
        tasks,
        cpus: u64::from(ask.cpus) * tasks,
    };
    let floor = Floor::of(fields.rest, asked);
    let kind = Kind::of_accounting(1001, b"align");
    let record = size(
        &Config::default(),
        Terms::from(PerResource::all(Mode::Apply))
            .lent(fields.number("lent_mib").unwrap_or_default()),
        Some(&known),
        kind,
        ask,
        fields.number("input"),
        &floor,
    );
    for change in [record.memory, record.cpus, record.time]
        .into_iter()
        .flatten()
    {
        assert!(change.set > 0 && change.set < change.asked, "{change:?}");
    }
    if let Some(raised) = record.raised {
        assert!(
            raised.set > raised.asked && record.memory.is_none(),
            "{raised:?}"
        );
    }
    if let Some(comment) = record.to_comment() {
        assert!(comment.len() <= MAX_SIZE && !comment.contains('|'));
        let read = Comment::read(&comment);
        assert_eq!(
            read.record().and_then(|read| read.to_comment()).as_ref(),
            Some(&comment)
        );
    }
    let _said = sentence(&record);
    let _explained = decision(&record);
});
