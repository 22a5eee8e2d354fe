//! Tables for people.

use comfy_table::{ContentArrangement, Table, presets::UTF8_FULL_CONDENSED};
use multiview::printable::lines;
use multiview::report::text;
use multiview::statistics::Verdict;
use multiview::theorem::{Claim, Theorem};
use multiview::verify::{Finding, Report, Untested};

/// A table with a header.
pub fn of(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> Table {
    let mut table = Table::new();
    table
        .load_style(UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic);
    let shown = |row: Vec<String>| row.iter().map(|cell| lines(cell)).collect::<Vec<_>>();
    table
        .set_header(header.iter().copied())
        .add_rows(rows.map(shown));
    table
}

/// The table of verdicts of a run.
pub fn verdicts(report: &Report) -> Table {
    let header = [
        "theorem", "claim", "claimed", "origin", "measured", "evidence", "worlds", "verdict",
    ];
    let rows = report.plan.theorems.iter().flat_map(|theorem| {
        let findings = report.findings.iter();
        let untested = report.untested.iter();
        let tested = findings.filter(|f| f.theorem == theorem.name).map(row);
        let untested = untested.filter(|u| u.theorem == theorem.name);
        tested.chain(untested.map(|u| not_run(theorem, u)))
    });
    of(&header, rows)
}

/// The theorem, or its control, as the table names it.
fn who(theorem: &str, control: Option<&String>) -> String {
    control.map_or_else(
        || theorem.to_owned(),
        |control| format!("  control: {control}"),
    )
}

fn not_run(theorem: &Theorem, claim: &Untested) -> Vec<String> {
    let nothing = || "—".to_owned();
    let asked = theorem.claims.iter().find(|c| c.name == claim.claim);
    let of = |words: fn(&Claim) -> String| asked.map_or_else(nothing, words);
    let profile = text::profile(claim.profile);
    vec![
        who(&claim.theorem, claim.control.as_ref()),
        claim.claim.clone(),
        of(|c| text::band(c.band)),
        of(|c| text::origin(&c.origins())),
        nothing(),
        nothing(),
        "0".into(),
        format!("not run: for --profile {profile}"),
    ]
}

fn row(finding: &Finding) -> Vec<String> {
    let estimate = &finding.estimate;
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
        who(&finding.theorem, finding.control.as_ref()),
        text::plain(&format!(
            "{}: {}",
            finding.claim,
            text::subject(
                finding.statistic,
                &finding.quantity,
                finding.event,
                &finding.with
            )
        )),
        text::band(finding.band),
        text::origin(&finding.origins()),
        text::measured(finding),
        text::evidence(finding),
        estimate.worlds.to_string(),
        verdict,
    ]
}
