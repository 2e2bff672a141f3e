//! When what is looked at.

use super::*;

#[test]
fn what_costs_is_looked_at_only_when_it_is_due() {
    let later = Scene {
        cpu_s: 1,
        read: 50,
        traffic: [7, 0],
        others: 1,
        ..QUIET
    };
    for form in [Form::V1, Form::V2] {
        let node = Node::new(form);
        let mut sampler = Sampler::of_job(node.group(), &node.proc(), &[], &STILL);
        assert!(sampler.look(0.0), "the first look is a close one");
        node.show(later);
        let mut seen_at = |at, is_close| {
            assert_eq!(sampler.look(at), is_close, "{at}");
            let seen = sampler.job(at, Ended::Finished, None);
            let network = seen.network_mib.unwrap()[0];
            (
                seen.processes,
                seen.threads,
                seen.cpu_s,
                seen.read_mib[0],
                network,
            )
        };
        assert_eq!(seen_at(0.4, false), (1, 1, 0.0, 0.0, 0.0), "{form:?}");
        assert_eq!(seen_at(0.5, true), (2, 1, 0.0, 0.0, 0.0), "{form:?}");
        assert_eq!(seen_at(1.0, true), (2, 2, 1.0, 50.0, 7.0), "{form:?}");
    }
}

#[test]
fn looks_that_cost_are_followed_by_rests_and_the_end_is_seen_in_full() {
    let later = Scene {
        anon: 30,
        cpu_s: 1,
        read: 50,
        traffic: [7, 0],
        others: 1,
        ..QUIET
    };
    for form in FORMS {
        // Each part of a look costs 140 ms: memory and threads rest for 2 s, and what lists processes first for 9.
        let (node, clock) = (Node::new(form), Ticks::costing(140));
        let mut sampler = Sampler::of_job(node.group(), &node.proc(), &[], &clock);
        sampler.look(0.0);
        assert_eq!(sampler.rest(0.0), Duration::from_secs(2), "{form:?}");
        node.show(later);
        let mut seen_at = |at| {
            sampler.look(at);
            let seen = sampler.job(at, Ended::Finished, None);
            let network = seen.network_mib.unwrap()[0];
            (seen.peak_mib, seen.read_mib[0], network, seen.processes)
        };
        assert_eq!(seen_at(1.9), (20.0, 0.0, 0.0, 1), "{form:?}");
        assert_eq!(seen_at(2.0), (30.0, 0.0, 0.0, 1), "{form:?}");
        assert_eq!(seen_at(8.9), (30.0, 0.0, 0.0, 1), "{form:?}");
        let others = if form == Form::Plain { 1 } else { 2 };
        assert_eq!(seen_at(9.0), (30.0, 50.0, 7.0, others), "{form:?}");
        node.show(Scene {
            anon: 40,
            read: 60,
            ..later
        });
        sampler.look_back(9.1);
        let seen = sampler.job(9.1, Ended::Finished, None);
        assert_eq!((seen.peak_mib, seen.read_mib[0]), (40.0, 60.0), "{form:?}");
    }
}

#[test]
fn the_last_look_at_a_job_sees_all_whatever_is_due() {
    let end = Scene {
        read: 50,
        traffic: [7, 0],
        others: 2,
        ..QUIET
    };
    let node = Node::new(Form::V1);
    let mut sampler = Sampler::of_job(node.group(), &node.proc(), &[], &STILL);
    sampler.look(0.0);
    node.show(end);
    sampler.look_back(0.2);
    let seen = sampler.job(0.2, Ended::Finished, None);
    assert_eq!((seen.processes, seen.read_mib[0]), (3, 50.0));
    assert_eq!(seen.network_mib, Some([7.0, 0.0]));
}

#[test]
fn what_a_job_wrote_after_the_last_look_is_counted_in_the_parent_that_waited_for_it() {
    let io = |written: u64| {
        format!(
            "rchar: 0\nwchar: {}\nsyscr: 0\nsyscw: 0\nread_bytes: 0\nwrite_bytes: 0\ncancelled_write_bytes: 0\n",
            written << 20
        )
    };
    let end = Scene {
        charged: 225,
        ..QUIET
    };
    for (by_parent, peak) in [(0, 220.0), (200, 20.0)] {
        let node = Node::new(Form::V1);
        node.write("proc/1/io", &io(1000));
        let sampler = Sampler::of_job(node.group(), &node.proc(), &[], &STILL);
        let mut sampler = sampler.until_its_end(PID as i32);
        sampler.look(0.0);
        node.show(end);
        node.write("proc/1/io", &io(1000 + by_parent));
        sampler.look_back(0.2);
        let seen = sampler.job(0.2, Ended::Finished, None);
        assert_eq!(seen.peak_mib, peak, "{by_parent}");
    }
}

#[test]
fn a_job_is_over_when_its_cgroup_is_gone() {
    for form in [Form::V1, Form::V2] {
        let node = Node::new(form);
        let sampler = Sampler::of_job(node.group(), &node.proc(), &[], &STILL);
        assert!(!sampler.is_over(), "{form:?}");
        fs::remove_dir_all(node.dir.path().join("sys")).unwrap();
        assert!(sampler.is_over(), "{form:?}");
    }
}

#[test]
fn a_look_that_was_held_up_says_nothing_of_its_second_and_a_long_while_counts() {
    // For two seconds it keeps four CPUs busy.
    let cpu_s = |second: u64| 4 * second.min(2);
    let cases = [
        (0, 2, 4.0),
        (49, 2, 4.0),
        (50, 2, 0.0),
        (50, 5, 0.0),
        (50, 6, 8.0 / 6.0),
    ];
    for (ms, seconds, most) in cases {
        let (node, clock) = (Node::new(Form::V1), Ticks::of(ms));
        let mut sampler = Sampler::of_job(node.group(), &node.proc(), &[], &clock);
        for second in 0..=seconds {
            node.show(Scene {
                cpu_s: cpu_s(second),
                ..QUIET
            });
            sampler.look(second as f32);
        }
        let seen = sampler.job(seconds as f32, Ended::Finished, None);
        assert_eq!(seen.demand_peak, most as f32, "{ms} ms, {seconds} s");
    }
}
