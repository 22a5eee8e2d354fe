//! Tables for people.

use comfy_table::{ContentArrangement, Table, presets::UTF8_FULL_CONDENSED};
use multiview::report::text;
use multiview::statistics::Verdict;
use multiview::verify::{Finding, Report};

/// A table with a header.
pub fn of(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> Table {
    let mut table = Table::new();
    table
        .load_style(UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header.iter().copied()).add_rows(rows);
    table
}

/// The table of verdicts of a run.
pub fn verdicts(report: &Report) -> Table {
    let header = [
        "theorem", "claim", "claimed", "measured", "evidence", "worlds", "verdict",
    ];
    of(&header, report.findings.iter().map(row))
}

fn row(finding: &Finding) -> Vec<String> {
    let estimate = &finding.estimate;
    let theorem = match &finding.control {
        Some(control) => format!("  control: {control}"),
        None => finding.theorem.clone(),
    };
    let verdict = match (
        estimate.verdict,
        finding.as_expected(),
        finding.control.is_some(),
    ) {
        (Verdict::Undecided, ..) => match estimate.worlds_needed {
            Some(worlds) => format!("undecided (about {worlds} worlds)"),
            None => "undecided".into(),
        },
        (verdict, true, true) => format!("{verdict}, as it must be"),
        (verdict, true, false) => verdict.to_string(),
        (verdict, false, _) => format!("{verdict} (!)"),
    };
    vec![
        theorem,
        text::plain(&format!(
            "{}: {}",
            finding.claim,
            text::subject(finding.statistic, &finding.quantity, finding.event)
        )),
        text::band(finding.band),
        text::measured(finding),
        text::evidence(finding),
        estimate.worlds.to_string(),
        verdict,
    ]
}
