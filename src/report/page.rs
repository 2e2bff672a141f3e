//! Reports as one HTML page that needs nothing else: no script, no file, no network.

use super::plot::{self, Plotted};
use super::print::{Replayed, replay_cells};
use crate::model::margin::SHARES;
use crate::replay::{Course, CoursePoint, Figures, Replay};
use anyhow::Result;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use std::collections::BTreeMap;

const STYLE: &str =
    "body { font: 15px sans-serif; max-width: 80em; margin: 2em auto; padding: 0 1em }
table { border-collapse: collapse; margin: 1em 0 } td, th { padding: .2em .7em; text-align: right }
td:first-child, th:first-child { text-align: left; overflow-wrap: anywhere }
tr:nth-child(even) { background: #f2f2f2 } figure { display: inline-block; margin: 1em 1em 1em 0 }
svg { max-width: 100%; height: auto }";

/// A page around `body`; maud escapes whatever users have named.
pub fn page(title: &str, body: Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { h1 { (title) } (body) }
        }
    };
    page.into_string()
}

/// A plot and what it shows.
pub fn figure(caption: &str, svg: Result<String>) -> Result<Markup> {
    let svg = PreEscaped(svg?);
    Ok(html! { figure { (svg) figcaption { (caption) } } })
}

/// What a replay found.
pub fn replay(name: &str, found: &Replay) -> Result<String> {
    let body = html! {
        (summary(&found.total))
        (waste(&found.course, found.total.asked > 0)?)
        (given_and_used(&found.course)?)
        (coverage(&found.total)?)
        h2 { "Users, worst first" }
        (table("User", &found.users, &found.total))
        h2 { "Kinds of jobs, worst first" }
        (table("Kind", &found.kinds, &found.total))
    };
    Ok(page(&format!("shadowfit replay: {name}"), body))
}

fn summary(total: &Figures) -> Markup {
    let waste = format!("{:.1}", total.waste_gbh);
    let against = match total.of_requests(total.request_waste_gbh) {
        Some(requested) => format!(
            "Their requests would have wasted {requested:.1} GB·h, the decisions {waste}: {:.1} GB·h saved.",
            requested - total.waste_gbh
        ),
        None => {
            format!("The decisions would have wasted {waste} GB·h; of requests nothing is known.")
        }
    };
    html! {
        p {
            (total.n) " jobs used " (format!("{:.1}", total.used_gbh)) " GB·h of memory. " (against) " " (total.failed_tasks) " jobs ("
            (format!("{:.2}", total.failed_tasks_pct())) " %) would have been killed and run again."
        }
    }
}

/// The requests' line is drawn where these are known.
fn waste(course: &Course, has_requests: bool) -> Result<Markup> {
    let over_jobs = |of: fn(&CoursePoint) -> f64| {
        let points = course.points().iter();
        points.map(|p| (p.jobs as f64, of(p))).collect()
    };
    let waste = [
        Plotted {
            name: "as requested",
            points: over_jobs(|p| p.request_waste),
        },
        Plotted {
            name: "as decided",
            points: over_jobs(|p| p.waste),
        },
    ];
    figure(
        "Memory wasted, killed attempts included, summed over the jobs",
        plot::lines("jobs", "GB·h", &waste[usize::from(!has_requests)..]),
    )
}

fn given_and_used(course: &Course) -> Result<Markup> {
    let points = course.points();
    let requested = points.iter().filter_map(|p| Some((p.used, p.asked?)));
    let memory = [
        Plotted {
            name: "requested",
            points: requested.collect(),
        },
        Plotted {
            name: "set",
            points: points.iter().map(|p| (p.used, p.set)).collect(),
        },
    ];
    figure(
        "Memory given against memory used, a point a job; below the line it is killed",
        plot::against("used, GB", "given, GB", &memory),
    )
}

fn coverage(total: &Figures) -> Result<Markup> {
    let shares = SHARES.into_iter().zip(total.coverage_pct());
    let coverage = [
        Plotted {
            name: "aim",
            points: vec![(0.0, 0.0), (100.0, 100.0)],
        },
        Plotted {
            name: "jobs within",
            points: shares
                .map(|(share, within)| (100.0 * share, within))
                .collect(),
        },
    ];
    figure(
        "Jobs of known kinds within the 50, 90 and 99 % quantiles",
        plot::lines("predicted, %", "within, %", &coverage),
    )
}

fn table(title: &str, parts: &BTreeMap<String, Figures>, total: &Figures) -> Markup {
    html! {
        table {
            tr { th { (title) } @for column in Replayed::COLUMNS { th { (column) } } }
            @for (name, figures) in Replayed(parts).worst_first().chain([("TOTAL", total)]) {
                tr { @for cell in replay_cells(name, figures) { td { (cell) } } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_stays_text() {
        let hostile = "<script>alert(1)</script>\"&";
        let parts: BTreeMap<String, Figures> = [(hostile.to_owned(), Figures::default())].into();
        let found = Replay {
            kinds: parts.clone(),
            users: parts,
            ..Replay::default()
        };
        let page = replay(hostile, &found).unwrap();
        assert!(
            !page.contains("<script") && page.matches("&lt;script&gt;").count() == 4,
            "{page}"
        );
    }
}
