//! Does the decision keep its level on simulated worlds of known truth? A small version of each row
//! of `reports/calibration`.

#[path = "../../benches/calibration/plans.rs"]
pub mod plans;
#[path = "../../benches/calibration/rows.rs"]
mod rows;

use multiview::statistics::clopper_pearson;
use rows::{LEVELS, Promise, cases};

/// A level is broken if the exact interval of the share of wrong runs lies above it. At this
/// confidence a method exactly at its level fails one check in 20,000, and the seeds are fixed.
const CONFIDENCE: f64 = 0.9999;

fn above(wrong: u64, runs: u64, level: f64) -> bool {
    clopper_pearson(wrong, runs, CONFIDENCE).unwrap().lower > level
}

#[test]
fn every_row_of_the_calibration_is_what_it_says() {
    let runs = 4_000;
    for case in cases() {
        let mut broken = false;
        for level in &LEVELS[..2] {
            let edge = rows::tally(&case, case.edge, *level, runs);
            let outside = rows::tally(&case, case.outside, *level, runs);
            let inside = rows::tally(&case, case.inside, *level, runs);
            let wrong = [
                edge.confirmed,
                edge.refuted,
                outside.confirmed,
                inside.refuted,
            ];
            println!("{} at {level:.4}: {wrong:?} of {runs}", case.law);
            broken |= wrong.iter().any(|&wrong| above(wrong, runs, *level));
        }
        assert_eq!(broken, case.promise == Promise::Broken, "{}", case.law);
    }
}

#[test]
fn a_whole_plan_keeps_its_level_with_correlated_claims_and_worlds_dealt_out() {
    let runs = 2_000;
    for total in [None, Some(60)] {
        let plan = plans::plan(total);
        let tally = plans::tally(&plan, runs);
        println!("{total:?}: {tally:?}");
        for wrong in [tally.confirmed, tally.refuted] {
            assert!(!above(wrong, runs, 1.0 - plan.confidence), "{tally:?}");
        }
        assert!(tally.worlds <= total.unwrap_or(80) * runs);
    }
}
