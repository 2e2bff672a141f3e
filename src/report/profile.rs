//! What one job did, as the sampler beside it saw it: figures, and memory over time as a plot.

use super::page::{figure, page};
use super::plot::{self, Plotted};
use crate::job::counters::{Growth, Growths, JobCounters};
use crate::record::FinishedJob;
use crate::text::units::{MIB, memory_text, printable, printable_json};
use anyhow::Result;
use maud::html;
use textplots::{Chart, Plot, Shape};

/// Width and height of a plot in the terminal, in dots.
const WIDTH: u32 = 140;
const HEIGHT: u32 = 40;

/// A run that was profiled.
pub struct Profiled {
    title: String,
    counters: Box<JobCounters>,
}

impl Profiled {
    /// `None` for a run without a profile.
    pub fn of(job: &FinishedJob) -> Option<Profiled> {
        Some(Profiled {
            title: format!(
                "JobId={} JobName={} User={} State={}",
                job.label,
                printable(&job.name),
                printable(&job.user),
                job.state
            ),
            counters: job.comment.record()?.profile.clone()?,
        })
    }

    /// One JSON object.
    pub fn json(&self) -> String {
        printable_json(&serde_json::to_string(&self.counters).unwrap_or_default())
    }

    /// For a terminal.
    pub fn text(&self) -> String {
        let [memory, limit] = [self.memory(), self.limit()].map(|points| {
            let points = points.into_iter();
            points
                .map(|(at, mib)| (at as f32, mib as f32))
                .collect::<Vec<(f32, f32)>>()
        });
        let all = memory.iter().chain(&limit);
        let most = all.map(|point| point.1).fold(1.0, f32::max);
        let [used, allowed] = [&memory, &limit].map(|points| Shape::Steps(points));
        let seconds = self.counters.wall_s.max(1.0);
        let mut chart = Chart::new_with_y_range(WIDTH, HEIGHT, 0.0, seconds, 0.0, most);
        let plot = chart.lineplot(&used);
        let (plot, what) = match (limit.is_empty(), self.notes_all_growths()) {
            (true, _) => (plot, "memory"),
            (false, true) => (plot.lineplot(&allowed), "memory, and its limit above it,"),
            (false, false) => (
                plot.lineplot(&allowed),
                "memory, and its limit above it as far as each growth was noted,",
            ),
        };
        plot.axis();
        plot.figures();
        let lines = lines(&self.counters).join("\n  ");
        format!(
            "{}\n  {lines}\n\n{what} in MiB over seconds\n{plot}",
            self.title
        )
    }

    /// A page of its own.
    pub fn html(&self) -> Result<String> {
        let mut memory = vec![Plotted {
            name: "memory",
            points: self.memory(),
        }];
        let limit = self.limit();
        memory.extend((!limit.is_empty()).then_some(Plotted {
            name: match self.notes_all_growths() {
                true => "limit",
                false => "limit, as far as noted",
            },
            points: limit,
        }));
        let body = html! {
            ul { @for line in lines(&self.counters) { li { (line) } } }
            (figure("The most memory in each slice of the time", plot::lines("seconds", "MiB", &memory))?)
        };
        Ok(page(&self.title, body))
    }

    /// Of a job that grew, the corners of its limit: seconds and MiB. Empty for one of several nodes: each has a limit of its own,
    /// and whose a growth was is not noted.
    fn limit(&self) -> Vec<(f64, f64)> {
        let grown = &self.counters.growths.grown;
        let rises = grown.is_sorted_by_key(|growth| growth.at_s);
        if grown.is_empty() || !rises || self.counters.nodes > 1 {
            return Vec::new();
        }
        let corners = grown.iter().flat_map(|growth| {
            let at = f64::from(growth.at_s);
            [(at, growth.from_mib), (at, growth.to_mib)]
        });
        let last = (
            f64::from(self.counters.wall_s),
            grown[grown.len() - 1].to_mib,
        );
        let mut all = vec![(0.0, grown[0].from_mib)];
        all.extend(corners.chain([last]));
        if !self.notes_all_growths() {
            // Where the last one that was noted led to, and what came after it, stands in one figure.
            all.truncate(all.len() - 2);
        }
        all.into_iter()
            .map(|(at, mib)| (at, f64::from(mib)))
            .collect()
    }

    /// There were no more growths than are noted each by itself.
    fn notes_all_growths(&self) -> bool {
        self.counters.growths.grown.len() < Growths::MOST
    }

    /// Seconds and MiB.
    fn memory(&self) -> Vec<(f64, f64)> {
        let curve = &self.counters.curve_mib;
        let slice = f64::from(self.counters.wall_s) / curve.len().max(1) as f64;
        let point = |(index, mib): (usize, &u32)| (slice * (index as f64 + 0.5), f64::from(*mib));
        curve.iter().enumerate().map(point).collect()
    }
}

/// What a job did, a line each.
pub fn lines(counters: &JobCounters) -> Vec<String> {
    // Where they were counted: of I/O, and of the network.
    let [stored, sent] = counters
        .peak_mib_s
        .map_or([String::new(), String::new()], |peaks| {
            peaks.map(|peak| format!(", at most {peak:.1} MiB a second"))
        });
    let mut lines = vec![
        memory(counters),
        cpus(counters),
        io(counters, &stored),
        format!(
            "kernel    {} context switches, {} page faults",
            counters.switches, counters.faults
        ),
    ];
    lines.splice(1..1, growths(counters));
    lines.extend(counters.network_mib.map(|[received, out]| {
        format!(
            "network   received {}, sent {}{sent}; {} connections at the same time",
            mib_text(received),
            mib_text(out),
            counters.connections
        )
    }));
    lines
}

/// What its nodes lent it beyond the memory that it was given, and that they could not.
pub fn growths(counters: &JobCounters) -> Vec<String> {
    let growths = &counters.growths;
    let one = |growth: &Growth| {
        let [from, to] = [growth.from_mib, growth.to_mib].map(|mib| memory_text(mib.into()));
        format!("{from} -> {to} after {:.1} s", growth.at_s)
    };
    let each: Vec<String> = growths.grown.iter().map(one).collect();
    let grown = (!each.is_empty()).then(|| format!("grown     {}", each.join(", ")));
    let refused = (growths.refused > 0).then(|| {
        format!(
            "refused   it needed more {} times when its node had nothing to lend",
            growths.refused
        )
    });
    grown.into_iter().chain(refused).collect()
}

fn mib_text(mib: f32) -> String {
    memory_text(mib.ceil() as u64)
}

fn memory(counters: &JobCounters) -> String {
    let usual = counters.usual_mib.map_or(String::new(), |[mean, most]| {
        let burst = counters.peak_mib / mean.max(0.1);
        format!(
            ", {} on average, under {} for 95% of the time, peak {burst:.1} times the average",
            mib_text(mean),
            mib_text(most)
        )
    });
    format!(
        "memory    {} at its peak{usual}; with page cache {}",
        mib_text(counters.peak_mib),
        mib_text(counters.charged_mib)
    )
}

fn cpus(counters: &JobCounters) -> String {
    format!(
        "CPUs      {:.1} s used, {:.2} busy or waited for on average, {:.1} in the busiest second; {} processes, {} threads",
        counters.cpu_s,
        counters.demand,
        counters.demand_peak.max(counters.demand),
        counters.processes,
        counters.threads
    )
}

fn io(counters: &JobCounters, most: &str) -> String {
    let calls = counters.calls[0] + counters.calls[1];
    let moved = f64::from(counters.read_mib[0] + counters.written_mib[0]) * MIB as f64;
    format!(
        "I/O       read {} ({} from storage), wrote {} ({} to storage){most}, {calls} calls of {:.0} bytes on average",
        mib_text(counters.read_mib[0]),
        mib_text(counters.read_mib[1]),
        mib_text(counters.written_mib[0]),
        mib_text(counters.written_mib[1]),
        moved / calls.max(1) as f64
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::counters::{Counters, Ended};
    use crate::record::Record;

    fn profiled(name: &str) -> Profiled {
        let seen = Counters {
            wall_s: 24.0,
            peak_mib: 512.0,
            curve_mib: (0..24).map(|n| if n == 7 { 512 } else { 30 }).collect(),
            ..Counters::nothing(Ended::Finished)
        };
        let counters = JobCounters {
            usual_mib: Some([40.0, 45.0]),
            network_mib: Some([100.2, 3.0]),
            peak_mib_s: Some([0.0, 55.0]),
            connections: 2,
            growths: Growths {
                grown: vec![
                    Growth {
                        at_s: 1.26,
                        from_mib: 300,
                        to_mib: 556,
                    },
                    Growth {
                        at_s: 9.0,
                        from_mib: 556,
                        to_mib: 1024,
                    },
                ],
                refused: 2,
            },
            ..seen.into()
        };
        let job = FinishedJob {
            name: name.into(),
            comment: Record::with_profile(None, counters).into(),
            ..FinishedJob::default()
        };
        Profiled::of(&job).unwrap()
    }

    #[test]
    fn a_burst_is_told_and_drawn() {
        let text = profiled("align").text();
        assert!(text.contains("512M at its peak, 40M on average"), "{text}");
        let network = "network   received 101M, sent 3M, at most 55.0 MiB a second; 2 connections";
        assert!(text.contains(network), "{text}");
        let grown = "grown     300M -> 556M after 1.3 s, 556M -> 1G after 9.0 s\n  refused   it needed more 2 times";
        assert!(text.contains(grown), "{text}");
        let above = "memory, and its limit above it, in MiB over seconds";
        assert!(text.contains(above) && text.contains("1024.0"), "{text}");
        let corners = profiled("align").limit();
        let expected = [
            (0.0, 300.0),
            (1.26, 300.0),
            (1.26, 556.0),
            (9.0, 556.0),
            (9.0, 1024.0),
            (24.0, 1024.0),
        ];
        let is_same = |(one, other): (&(f64, f64), &(f64, f64))| {
            (one.0 - other.0).abs() < 1e-6 && one.1 == other.1
        };
        assert!(
            corners.len() == 6 && corners.iter().zip(&expected).all(is_same),
            "{corners:?}"
        );
        assert!(profiled("align").html().unwrap().contains(">\nlimit\n<"));
        let is_drawn = |c: &char| ('\u{2801}'..='\u{28ff}').contains(c);
        let dots = text.chars().filter(is_drawn).count();
        assert!(dots > 100, "{dots} {text}");
        assert!(Profiled::of(&FinishedJob::default()).is_none());
    }

    /// The same job, grown by 10 MiB at each of these times.
    fn grown_at(times: impl IntoIterator<Item = u16>) -> Profiled {
        let mut profiled = profiled("align");
        let mut growths = Growths::default();
        for (from_mib, at_s) in (300..).step_by(10).zip(times) {
            growths.note(Growth {
                at_s: at_s.into(),
                from_mib,
                to_mib: from_mib + 10,
            });
        }
        profiled.counters.growths = growths;
        profiled
    }

    #[test]
    fn a_limit_is_drawn_no_further_than_each_growth_of_it_was_noted() {
        let noted = "as far as each growth was noted";
        let few = grown_at(1..=7);
        assert_eq!(few.limit().last(), Some(&(24.0, 370.0)));
        assert!(!few.text().contains(noted));
        let many = grown_at(1..=12);
        assert_eq!(many.limit().last(), Some(&(8.0, 370.0)));
        assert!(many.text().contains(noted));
        assert!(many.html().unwrap().contains("limit, as far as noted"));
    }

    #[test]
    fn of_a_job_on_several_nodes_no_limit_is_drawn() {
        let mut two_nodes = grown_at([2, 4]);
        assert!(!two_nodes.limit().is_empty());
        two_nodes.counters.nodes = 2;
        for profiled in [two_nodes, grown_at([2, 4, 1])] {
            assert_eq!(profiled.limit(), []);
            assert!(profiled.text().contains("\n\nmemory in MiB over seconds"));
        }
    }

    #[test]
    fn a_hostile_name_stays_text() {
        let hostile = profiled("\x1b[2J<script>");
        assert!(!hostile.text().contains('\x1b'));
        assert!(!hostile.html().unwrap().contains("<script"));
    }
}
