//! The forms of a report: a table for people, sacct's `--parsable2`, JSON.

use super::savings::Savings;
use super::shadow::Shadows;
use super::trust::Standing;
use crate::model::extrapolation::Extrapolation;
use crate::replay::series::SeriesFigures;
use crate::replay::{Figures, Replay};
use crate::text::units::{printable, printable_json};
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;
use std::collections::BTreeMap;

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A table.
    Text,
    /// Fields with `|` between them, a header line first.
    Parsable,
    /// One JSON object.
    Json,
}

const HEADER: [&str; 12] = [
    "",
    "Runs",
    "Rewritten",
    "ReqMemGiBh",
    "SetGiBh",
    "UsedGiBh",
    "SavedGiBh",
    "ReqCPUh",
    "SetCPUh",
    "UsedCPUh",
    "Coverage",
    "Killed/Rescued",
];

#[derive(Serialize)]
struct JsonRow<'a> {
    #[serde(flatten)]
    row: &'a Savings,
    mem_saved_gibh: f64,
    cpu_saved_h: f64,
    coverage: Option<f64>,
}

impl<'a> JsonRow<'a> {
    fn of(row: &'a Savings) -> Self {
        JsonRow {
            row,
            mem_saved_gibh: row.mem_saved_gibh(),
            cpu_saved_h: row.cpu_saved_h(),
            coverage: row.coverage(),
        }
    }
}

/// The savings report, printed. `title` heads the first column.
pub fn savings(
    form: Form,
    title: &str,
    rows: &[Savings],
    total: &Savings,
    shadows: &Shadows,
) -> String {
    if form == Form::Json {
        let rows: Vec<_> = rows.iter().map(JsonRow::of).collect();
        let all = serde_json::json!({
            "by": title, "rows": rows, "total": JsonRow::of(total), "shadows": shadows
        });
        return printable_json(&format!("{all:#}"));
    }
    let mut header = HEADER.to_vec();
    header[0] = title;
    let of_kinds = rows.iter().any(|row| row.trust.is_some());
    header.extend(Standing::COLUMNS.iter().filter(|_| of_kinds));
    let lines = rows.iter().chain([total]).map(|row| {
        let none = || Standing::COLUMNS.map(|_| "-".to_owned());
        let trust = row.trust.as_ref().map_or_else(none, Standing::cells);
        let trust = trust.into_iter().filter(|_| of_kinds);
        cells(row).into_iter().chain(trust).collect()
    });
    let table = table(form, &header, lines);
    let below = shadows.text().into_iter().chain(total.elastic());
    let below = below.chain(total.left_alone());
    below
        .filter(|_| form == Form::Text)
        .fold(table, |above, line| format!("{above}\n{line}"))
}

fn cells(row: &Savings) -> Vec<String> {
    let amount = |value: f64| format!("{value:.2}");
    vec![
        row.name.clone(),
        row.runs.to_string(),
        row.rewritten.to_string(),
        amount(row.mem_requested_gibh),
        amount(row.mem_set_gibh),
        amount(row.mem_used_gibh),
        amount(row.mem_saved_gibh()),
        amount(row.cpu_requested_h),
        amount(row.cpu_set_h),
        amount(row.cpu_used_h),
        row.coverage()
            .map_or("-".into(), |share| format!("{:.1}%", share * 100.0)),
        format!("{}/{}", row.killed, row.rescues),
    ]
}

/// How many kinds and users a replay's text names, the worst first.
const WORST: usize = 15;

/// The parts of a replay: by user or by kind.
pub struct Replayed<'a>(pub &'a BTreeMap<String, Figures>);

impl Replayed<'_> {
    /// What is shown of each, behind its name.
    pub const COLUMNS: [&'static str; 12] = [
        "Jobs",
        "Cold",
        "UsedGBh",
        "ReqWasteGBh",
        "WasteGBh",
        "AtOnceGBh",
        "TrustedGBh",
        "ColdWasteGBh",
        "Failed",
        "Failed%",
        "P50/90/99%",
        "CPUWasteh",
    ];

    /// Those that waste most first.
    pub fn worst_first(&self) -> impl Iterator<Item = (&str, &Figures)> {
        let mut parts: Vec<_> = self
            .0
            .iter()
            .map(|(name, figures)| (name.as_str(), figures))
            .collect();
        parts.sort_by(|a, b| b.1.waste_gbh.total_cmp(&a.1.waste_gbh));
        parts.into_iter()
    }
}

/// A replay, printed as JSON or as text. `seconds` is how long it took.
pub fn replay(json: bool, name: &str, found: &Replay, seconds: f64) -> String {
    let total = &found.total;
    if json {
        let mut all = replay_json(total);
        all["trace"] = name.into();
        all["seconds"] = seconds.into();
        for (title, parts) in [("users", &found.users), ("kinds", &found.kinds)] {
            all[title] = Replayed(parts)
                .worst_first()
                .map(|(name, figures)| {
                    let mut one = replay_json(figures);
                    one["name"] = name.into();
                    one
                })
                .collect();
        }
        return printable_json(&format!("{all:#}"));
    }
    let mut text = Vec::new();
    for (title, parts) in [("User", &found.users), ("Kind", &found.kinds)] {
        let header: Vec<&str> = [title].into_iter().chain(Replayed::COLUMNS).collect();
        let parts = Replayed(parts);
        let worst = parts.worst_first().take(WORST).chain([("TOTAL", total)]);
        let lines = worst.map(|(name, figures)| replay_cells(name, figures));
        text.push(table(Form::Text, &header, lines));
    }
    if total.raised_failed_attempts != total.failed_attempts {
        text.push(format!(
            "requests too small: were they raised as `[memory] raise` can, {:.2} instead of {:.2} GB·h wasted, {} instead of {} jobs killed",
            total.raised_waste_gbh, total.waste_gbh, total.raised_failed_tasks, total.failed_tasks
        ));
    }
    if total.lent_waste_gbh != total.waste_gbh {
        text.push(format!(
            "were nodes to lend memory ([elastic]): {:.2} instead of {:.2} GB·h wasted, {} jobs lent {:.2} GB·h, {:.0} instead of {} killed",
            total.lent_waste_gbh,
            total.waste_gbh,
            total.lent_to,
            total.lent_gbh,
            total.lent_killed,
            total.failed_tasks
        ));
    }
    if total.time_set > 0 {
        let [asked, set, used] = total.time_h;
        text.push(format!(
            "time limits: {} lowered, from {asked:.1} to {set:.1} h in all; {used:.1} h used, {} too short",
            total.time_set, total.time_short
        ));
    }
    text.join("\n\n")
}

fn replay_json(figures: &Figures) -> serde_json::Value {
    let mut all = serde_json::json!(figures);
    all["request_waste_gbh"] = figures.of_requests(figures.request_waste_gbh).into();
    all["trusted_waste_gbh"] = figures.of_requests(figures.trusted_waste_gbh).into();
    all["failed_tasks_pct"] = figures.failed_tasks_pct().into();
    all["mean_over_allocation"] = figures.mean_over_allocation().into();
    all["coverage_pct"] = figures.coverage_pct().to_vec().into();
    all
}

/// One line of a replay's table.
pub fn replay_cells(name: &str, figures: &Figures) -> Vec<String> {
    let amount = |value: f64| format!("{value:.2}");
    let of_requests = |value: f64| figures.of_requests(value).map_or("-".into(), amount);
    let within = figures.coverage_pct().map(|share| format!("{share:.0}"));
    vec![
        name.into(),
        figures.n.to_string(),
        figures.cold.to_string(),
        amount(figures.used_gbh),
        of_requests(figures.request_waste_gbh),
        amount(figures.waste_gbh),
        amount(figures.at_once_waste_gbh),
        of_requests(figures.trusted_waste_gbh),
        amount(figures.cold_waste_gbh),
        figures.failed_attempts.to_string(),
        amount(figures.failed_tasks_pct()),
        if figures.predicted > 0 {
            within.join("/")
        } else {
            "-".into()
        },
        amount(figures.cpu_waste_core_h),
    ]
}

/// Lines under a header; names come from users, so control characters are taken out.
pub fn table(form: Form, header: &[&str], lines: impl Iterator<Item = Vec<String>>) -> String {
    let lines = lines.map(|cells| cells.iter().map(|cell| printable(cell)).collect::<Vec<_>>());
    if form == Form::Parsable {
        let lines = lines.map(|cells| {
            cells
                .iter()
                .map(|cell| cell.replace('|', "?"))
                .collect::<Vec<_>>()
                .join("|")
        });
        return std::iter::once(header.join("|"))
            .chain(lines)
            .collect::<Vec<_>>()
            .join("\n");
    }
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(header);
    for cells in lines {
        table.add_row(cells);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.trim_fmt()
}

/// What shadows would have predicted, and the model fitted on all of these jobs.
pub fn series(json: bool, figures: &SeriesFigures, fit: &Extrapolation) -> String {
    if json {
        return serde_json::to_string(figures).unwrap_or_default();
    }
    format!(
        "jobs                     {}\nmedian error             {:.1} %\nwaste of the requests'   {:.1} %\n\
         jobs killed              {:.2} %\nfitted on all            coefficients {:.4?}, offset {:.4}",
        figures.n,
        100.0 * figures.median_ape,
        100.0 * figures.waste_ratio,
        figures.failed_tasks_pct,
        fit.coefficients,
        fit.offset
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str) -> Savings {
        Savings {
            name: name.into(),
            runs: 3,
            ..Savings::default()
        }
    }

    #[test]
    fn a_hostile_name_stays_in_its_cell() {
        let rows = [row("a\x1b[2J\n|b")];
        let text = savings(
            Form::Text,
            "User",
            &rows,
            &row("TOTAL"),
            &Shadows::default(),
        );
        assert!(!text.contains('\x1b'), "{text:?}");
        assert_eq!(text.lines().count(), 3);
        let parsable = savings(
            Form::Parsable,
            "User",
            &rows,
            &row("TOTAL"),
            &Shadows::default(),
        );
        assert!(
            parsable
                .lines()
                .all(|line| line.matches('|').count() == HEADER.len() - 1),
            "{parsable}"
        );
    }

    #[test]
    fn a_hostile_name_reaches_no_terminal_as_json_either() {
        let name = "a\u{9b}2J\u{202e}b";
        let none = Shadows::default();
        let text = savings(Form::Json, "User", &[row(name)], &row("TOTAL"), &none);
        assert!(!text.contains(['\u{9b}', '\u{202e}']), "{text:?}");
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["rows"][0]["name"], name);
    }

    #[test]
    fn json_holds_every_figure() {
        let text = savings(
            Form::Json,
            "User",
            &[row("\"<a>")],
            &row("TOTAL"),
            &Shadows::default(),
        );
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["rows"][0]["name"], "\"<a>");
        assert_eq!(value["total"]["coverage"], serde_json::Value::Null);
        assert_eq!(value["total"]["mem_saved_gibh"], 0.0);
    }
}
