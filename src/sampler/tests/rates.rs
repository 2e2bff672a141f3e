//! What a job moved in its busiest second, how much memory it usually had, and how far its input was read.

use super::*;

#[test]
fn the_busiest_second_of_storage_and_network_is_seen_and_counts_as_licenses() {
    // Between two close looks, for two seconds.
    let busy = |second: u64| second.clamp(12, 14) - 12;
    let scenes = every_second(|second| Scene {
        stored: [60 * busy(second), 40 * busy(second)],
        traffic: [30 * busy(second), 20 * busy(second)],
        ..QUIET
    });
    let license = |name: &str, rate| License {
        name: name.into(),
        rate: Some(rate),
        ..License::default()
    };
    let licenses = [
        license("lustre", Rate::Storage),
        license("wan", Rate::Network),
    ];
    for form in FORMS {
        let node = Node::new(form);
        let mut sampler = Sampler::of_job(node.group(), &node.proc(), &licenses, &STILL);
        for scene in &scenes {
            node.show(*scene);
            sampler.look(scene.at);
        }
        let seen = sampler.job(20.0, Ended::Finished, Some(0));
        assert_eq!(seen.peak_mib_s, Some([100.0, 50.0]), "{form:?}");
        assert_eq!(seen.network_mib, Some([60.0, 40.0]), "{form:?}");
        assert_eq!((seen.read_mib[1], seen.written_mib[1]), (120.0, 80.0));
        // In MB of 10⁶ bytes.
        let seats = [("lustre".to_owned(), 105), ("wan".to_owned(), 52)];
        assert_eq!(seen.seats, seats.into(), "{form:?}");
    }
}

#[test]
fn usual_memory_is_weighed_by_time() {
    let scene = |at, anon| Scene { at, anon, ..QUIET };
    for form in FORMS {
        let seen = watched(form, &[scene(1.0, 100), scene(5.0, 200)]);
        let [mean, most] = seen.usual_mib.unwrap();
        assert_eq!(mean, 180.0, "{form:?}");
        assert!((198.0..202.0).contains(&most), "{most}");
    }
}

#[test]
fn an_exit_code_that_is_none_says_why() {
    let node = Node::new(Form::V1);
    let sampler = Sampler::of_job(node.group(), &node.proc(), &[], &STILL);
    let why = |code| sampler.job(1.0, Ended::Failed, code).seen.why;
    assert_eq!(why(Some(3)).as_deref(), Some("exit code 3"));
    assert_eq!(why(Some(0)), None);
    assert_eq!(why(None), None);
}

/// Watches a shadow for so long, a look each second.
fn shadow(seconds: u64, scene: impl Fn(u64) -> Scene) -> (ShadowCounters, bool) {
    let node = Node::new(Form::V1);
    let scratch = node.dir.path().join("no such scratch");
    let mut sampler = Sampler::of_shadow(node.group(), &node.proc(), scratch, &STILL);
    for second in 0..=seconds {
        node.show(scene(second));
        sampler.look(second as f32);
    }
    let end = seconds as f32;
    (
        sampler.shadow(end, Ended::Window, None),
        sampler.has_settled(end),
    )
}

#[test]
fn the_share_of_its_input_is_known_at_the_end_and_at_half_time() {
    let (seen, _) = shadow(8, |second| Scene {
        input: Some(second),
        others: 1,
        ..QUIET
    });
    assert_eq!(seen.input_share, Some(0.8));
    assert_eq!(seen.input_share_half, Some(0.4));
    assert_eq!(seen.input_mib, Some(INPUT_MIB as f32));
    assert_eq!(
        (seen.processes, seen.threads),
        (1, 1),
        "without the sandbox's init"
    );
    let (seen, _) = shadow(8, |_| QUIET);
    assert_eq!((seen.input_share, seen.input_share_half), (None, None));
}

#[test]
fn a_shadow_settles_only_once_its_input_is_nearly_read() {
    for (read, settled) in [
        (None, true),
        (Some(8), false),
        (Some(9), true),
        (Some(10), true),
    ] {
        let (_, has_settled) = shadow(30, |_| Scene {
            input: read,
            ..QUIET
        });
        assert_eq!(has_settled, settled, "{read:?}");
    }
}

#[test]
fn memory_that_creeps_by_less_than_a_hundredth_is_flat() {
    let settles = |growth: u64| {
        let creeps = |second: u64| Scene {
            anon: 1000 + growth * second.saturating_sub(12) / 18,
            ..QUIET
        };
        shadow(30, creeps).1
    };
    assert!(settles(9));
    assert!(!settles(30));
}
