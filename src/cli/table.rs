//! Tables and entries for people, as wide as the terminal.

use anstyle::{AnsiColor, Style};
use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets::UTF8_FULL_CONDENSED};
use multiview::printable::{counted, line, lines};
use multiview::report::text;
use multiview::statistics::Verdict;
use multiview::verify::{Finding, Report, Untested};
use std::io::IsTerminal;

/// Columns of text: those of the terminal, or what COLUMNS says, or 80.
pub fn width() -> usize {
    let told = std::env::var("COLUMNS")
        .ok()
        .and_then(|text| text.parse().ok());
    let columns = match told {
        None if std::io::stdout().is_terminal() => textwrap::termwidth(),
        told => told.unwrap_or(80),
    };
    columns.max(40)
}

/// A table with a header.
pub fn of(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> Table {
    let mut table = Table::new();
    table
        .load_style(UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(u16::try_from(width()).unwrap_or(u16::MAX));
    let shown = |row: Vec<String>| row.iter().map(|cell| lines(cell)).collect::<Vec<_>>();
    table
        .set_header(header.iter().copied())
        .add_rows(rows.map(shown));
    table
}

/// A table of dotted paths, in its second column, and their values, in its last. A path breaks
/// after its dots alone, where that leaves room for the values.
pub fn of_paths(header: &[&str; 3], rows: impl Iterator<Item = [String; 3]>) -> Table {
    /// Columns of the shortest useful value, and of the symbols and the frame.
    const VALUE_AND_FRAME: usize = 16 + 16;
    let most = width().saturating_sub(VALUE_AND_FRAME);
    let mut longest = 0;
    let rows: Vec<Vec<String>> = rows
        .map(|[symbol, path, value]| {
            let path = folded(&path, most);
            longest = path.lines().map(str::len).fold(longest, usize::max);
            vec![symbol, path, value]
        })
        .collect();
    let mut table = of(header, rows.into_iter());
    let paths = table.column_mut(1).filter(|_| longest <= most);
    paths.map(|column| column.set_constraint(ColumnConstraint::ContentWidth));
    table
}

/// A dotted path on lines of at most so many columns, as far as its names are not longer.
fn folded(path: &str, most: usize) -> String {
    let mut lines = vec![String::new()];
    for name in path.split_inclusive('.') {
        match lines.last_mut() {
            Some(line) if line.is_empty() || line.len() + name.len() <= most => *line += name,
            _ => lines.push(name.into()),
        }
    }
    lines.join("\n")
}

/// The same text on lines that fit the terminal; wrapped lines are indented below their first.
pub fn fitted(text: &str) -> String {
    let fit = |line: &str| {
        let indent = line.len() - line.trim_start_matches(' ').len();
        let hanging = " ".repeat(indent + 2);
        let options = textwrap::Options::new(width()).subsequent_indent(&hanging);
        textwrap::fill(line, options) + "\n"
    };
    text.lines().map(fit).collect()
}

/// A heading and what belongs to it, each on lines of its own that fit the terminal.
pub fn entry(heading: &str, body: &[String]) -> String {
    let paragraph = |text: &str, indent: &'static str, hanging: &'static str| {
        let options = textwrap::Options::new(width())
            .initial_indent(indent)
            .subsequent_indent(hanging);
        textwrap::fill(text.trim(), options) + "\n"
    };
    let body = body.iter().map(|text| paragraph(text, "    ", "      "));
    paragraph(heading, "", "  ") + &body.collect::<String>()
}

/// The verdicts of a run, theorem by theorem: a claim is a heading, and its evidence stands below.
pub fn verdicts(report: &Report) -> String {
    let mut out = String::new();
    for theorem in &report.plan.theorems {
        let findings = report.findings.iter();
        let of_theorem = findings.filter(|f| f.theorem == theorem.name);
        let untested = report.untested.iter();
        let left = untested.filter(|u| u.theorem == theorem.name);
        out += &entry(&format!("{}: {}", theorem.name, line(&theorem.title)), &[]);
        let told = of_theorem.map(told).chain(left.map(not_run));
        out += &told.collect::<String>();
        out += "\n";
    }
    out
}

/// The claim, or the claim in a control, as an entry names it.
fn who(claim: &str, control: Option<&String>) -> String {
    control.map_or_else(
        || claim.to_owned(),
        |control| format!("{claim}, negative control {control}"),
    )
}

fn not_run(claim: &Untested) -> String {
    let who = who(&claim.claim, claim.control.as_ref());
    entry(
        &format!("– not run: for --profile {}: {who}", claim.profile),
        &[],
    )
}

fn told(finding: &Finding) -> String {
    let estimate = &finding.estimate;
    let verdict = match (
        estimate.verdict,
        finding.as_expected(),
        finding.control.is_some(),
    ) {
        (Verdict::Undecided, ..) => match estimate.worlds_needed {
            Some(worlds) => format!("… undecided (about {})", counted(worlds, "world")),
            None => "… undecided".into(),
        },
        (verdict, true, true) => format!("✓ {verdict}, as it should be"),
        (verdict, true, false) => format!("✓ {verdict}"),
        (verdict, false, _) => format!("✗ {verdict} (!)"),
    };
    let who = who(&finding.claim, finding.control.as_ref());
    let subject = text::subject(
        finding.statistic,
        &finding.quantity,
        finding.event,
        &finding.with,
    );
    let claimed = format!(
        "claimed: {} {}; origin: {}",
        text::plain(&subject),
        text::band(finding.band),
        text::origin(&finding.origins())
    );
    let found = format!(
        "measured: {}, evidence {}, worlds {}",
        text::measured(finding),
        text::evidence(finding),
        estimate.worlds
    );
    entry(&format!("{verdict}: {who}"), &[claimed, found])
}

/// The same text with its verdicts, which begin their lines, in colour.
pub fn painted(text: &str) -> String {
    let style = |line: &str| {
        let color = match line.chars().next()? {
            '✓' => AnsiColor::Green,
            '✗' => AnsiColor::Red,
            '…' => AnsiColor::Yellow,
            _ => return None,
        };
        Some(Style::new().bold().fg_color(Some(color.into())))
    };
    let paint = |line: &str| match (style(line), line.split_once(':')) {
        (Some(style), Some((verdict, rest))) => format!("{style}{verdict}{style:#}:{rest}"),
        _ => line.to_owned(),
    };
    text.split_inclusive('\n').map(paint).collect()
}
