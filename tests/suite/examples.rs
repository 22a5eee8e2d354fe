//! The programs in `examples/` show what they say they show.

use multiview::statistics::Verdict;
use std::path::Path;

#[expect(dead_code, reason = "main prints what the tests look at")]
#[path = "../../examples/claim.rs"]
mod claim;
#[expect(dead_code, reason = "main prints what the tests look at")]
#[path = "../../examples/lottery.rs"]
mod lottery;
#[expect(dead_code, reason = "main prints what the tests look at")]
#[path = "../../examples/record.rs"]
mod record;

/// Views start within chance of each other. At the end the winner is far ahead in most classes; a
/// tie, where both views are learned, is the exception.
#[test]
fn the_lottery_is_won_by_one_view() {
    let moments = lottery::race(100).expect("a network");
    let ahead = |overlaps: &[f32]| {
        let lopsided = |v: &&[f32]| v[0].min(v[1]) < 0.25 * v[0].max(v[1]);
        overlaps.chunks(2).filter(lopsided).count()
    };
    let (first, last) = (&moments[0], moments.last().expect("a last step"));
    assert_eq!((first.0, first.1.len()), (0, 24));
    assert!(ahead(&first.1) < ahead(&last.1), "{first:?} {last:?}");
    assert!(ahead(&last.1) > 6, "{last:?}");
}

/// The control is refuted by the code that judges the theorem.
#[test]
fn claims_are_decided() {
    let report = claim::decide(7).expect("a report");
    let verdict = |claim: &str, control: Option<&str>| {
        let mut findings = report.findings.iter();
        let found = findings.find(|f| f.claim == claim && f.control.as_deref() == control);
        found.expect("a finding").estimate.verdict
    };
    assert_eq!(verdict("training-error", None), Verdict::Confirmed);
    let control = verdict("training-error", Some("too-few-steps"));
    assert_eq!(control, Verdict::Refuted);
    assert_ne!(verdict("test-error", None), Verdict::Undecided);
}

/// The table has the worlds and the mean of the committed report.
#[test]
fn a_record_is_a_table() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("reports");
    let worlds = record::worlds(&folder.join("records/quick-64")).expect("a table");
    let values = record::values(&worlds, "single-model", "single.test_error").expect("numbers");
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let report = std::fs::read_to_string(folder.join("README.md")).expect("committed");
    let mut rows = report.lines();
    let row = rows
        .find(|l| l.contains("[single-model]") && l.contains("mean of `single.test_error`"))
        .expect("a row");
    assert!(row.contains(&format!("| {mean:.4} |")), "{mean}: {row}");
    assert!(row.contains(&format!("| {} |", values.len())), "{row}");
}
