//! Tables for people.

use comfy_table::{ContentArrangement, Table, presets::UTF8_NO_BORDERS};
use multiview::statistics::{Band, Interval, Verdict};
use multiview::theorem::Statistic;
use multiview::verify::{Finding, Report};

/// A table with a header.
pub fn of(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> Table {
    let mut table = Table::new();
    table
        .load_style(UTF8_NO_BORDERS)
        .set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header.iter().copied()).add_rows(rows);
    table
}

/// The table of verdicts of a run.
pub fn verdicts(report: &Report) -> Table {
    let header = [
        "theorem", "claim", "claimed", "measured", "interval", "worlds", "verdict",
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
        claim(finding),
        band(finding.band),
        format!("{:.4}", estimate.mean),
        interval(estimate.interval),
        estimate.worlds.to_string(),
        verdict,
    ]
}

/// What is claimed, in a few words.
pub fn claim(finding: &Finding) -> String {
    let what = match (finding.statistic, finding.event) {
        (Statistic::Share, Some(event)) => {
            format!("share of worlds with {} {}", finding.quantity, band(event))
        }
        (Statistic::EveryWorld, _) => format!("{} in every world", finding.quantity),
        (Statistic::MeanExponent, _) => format!("exponent of mean {}", finding.quantity),
        (Statistic::SpreadExponent, _) => format!("exponent of the spread of {}", finding.quantity),
        _ => format!("mean {}", finding.quantity),
    };
    format!("{}: {what}", finding.claim)
}

/// A band as an inequality.
pub fn band(band: Band) -> String {
    match (band.lower, band.upper) {
        (Some(lower), Some(upper)) if lower == upper => format!("= {lower}"),
        (Some(lower), Some(upper)) => format!("in [{lower}, {upper}]"),
        (Some(lower), None) => format!("≥ {lower}"),
        (None, Some(upper)) => format!("≤ {upper}"),
        (None, None) => "anything".into(),
    }
}

/// An interval, rounded.
pub fn interval(interval: Interval) -> String {
    let end = |x: f64| {
        if x.is_finite() {
            format!("{x:.4}")
        } else if x > 0.0 {
            "∞".into()
        } else {
            "−∞".into()
        }
    };
    format!("[{}, {}]", end(interval.lower), end(interval.upper))
}
