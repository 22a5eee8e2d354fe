//! Intervals and sequences against SciPy and confseq (`tests/fixtures/statistics.py` made the
//! numbers), read-outs against scikit-learn (`tests/fixtures/readouts.py`), and the division of a
//! run's error budget.

use super::calibration::plans;
use faer::Mat;
use multiview::random_features::features::Features;
use multiview::random_features::readout::Readout;
use multiview::random_features::{logistic, ridge};
use multiview::record::Worlds;
use multiview::statistics::asymptotic::MINIMUM_WORLDS;
use multiview::statistics::{
    AsymptoticSequence, Band, HedgedBetting, Interval, Method, Sequence, ShareSequence, Sides,
    Summary, Verdict, clopper_pearson, student,
};
use multiview::theorem::{Profile, Statistic, Theorem};
use multiview::verify::Plan;
use proptest::prelude::*;
use serde_json::Value;

const STATISTICS: &str = include_str!("../fixtures/statistics.json");
const READOUTS: &str = include_str!("../fixtures/readouts.json");

fn fixtures(text: &str, kind: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(text).unwrap();
    let cases = all[kind].as_array().unwrap().clone();
    assert!(cases.len() >= 3, "{kind}");
    cases
}

fn number(case: &Value, name: &str) -> f64 {
    case[name]
        .as_f64()
        .unwrap_or_else(|| panic!("{name}: {case}"))
}

fn numbers(case: &Value, name: &str) -> Vec<f64> {
    let list = case[name].as_array().unwrap();
    list.iter().map(|x| x.as_f64().unwrap()).collect()
}

fn close(ours: Interval, theirs: Interval, tolerance: f64) {
    let off = (ours.lower - theirs.lower)
        .abs()
        .max((ours.upper - theirs.upper).abs());
    assert!(
        off <= tolerance,
        "{ours:.9} is not {theirs:.9}: off by {off:e}"
    );
}

fn ends(case: &Value) -> Interval {
    Interval {
        lower: number(case, "lower"),
        upper: number(case, "upper"),
    }
}

#[test]
fn fixed_intervals_are_scipy_s() {
    for case in fixtures(STATISTICS, "clopper_pearson") {
        let count = |name: &str| case[name].as_u64().unwrap();
        let confidence = number(&case, "confidence");
        let ours = clopper_pearson(count("successes"), count("trials"), confidence).unwrap();
        // SciPy finds its ends by Brent's method, to 2e-12.
        close(ours, ends(&case), 1e-11);
    }
    for case in fixtures(STATISTICS, "student") {
        let summary = Summary::of(&numbers(&case, "worlds")).unwrap();
        let theirs = ends(&case);
        let ours = student(&summary, number(&case, "confidence")).unwrap();
        // The quantile of statrs is found by a search, to about 1e-9 of itself.
        close(ours, theirs, 1e-8 * theirs.width());
    }
}

#[test]
fn betting_is_confseq_s_and_the_share_is_its_integral() {
    for (kind, tolerance) in [
        ("betting", 1e-10), // bisection stops at 1e-12
        ("share", 1.1e-6),  // the search for a bound stops at 1e-6
    ] {
        for case in fixtures(STATISTICS, kind) {
            let alpha = number(&case, "alpha");
            let unit = Interval {
                lower: 0.0,
                upper: 1.0,
            };
            let mut betting = HedgedBetting::new(alpha, Sides::Two, unit).unwrap();
            let mut share = ShareSequence::new(alpha, Sides::Two).unwrap();
            let [worlds, lower, upper] =
                ["worlds", "lower", "upper"].map(|name| numbers(&case, name));
            for ((x, lower), upper) in worlds.into_iter().zip(lower).zip(upper) {
                let ours = if kind == "betting" {
                    betting.observe(x).unwrap();
                    betting.interval()
                } else {
                    share.observe(x).unwrap();
                    share.interval()
                };
                close(ours, Interval { lower, upper }, tolerance);
            }
        }
    }
}

#[test]
fn the_asymptotic_sequence_is_the_hull_of_its_witnesses() {
    for case in fixtures(STATISTICS, "asymptotic") {
        let (alpha, scale) = (number(&case, "alpha"), number(&case, "scale"));
        let target = case["target"].as_u64().unwrap();
        let mut sequence =
            AsymptoticSequence::new(alpha, Sides::Two, target, scale, MINIMUM_WORLDS).unwrap();
        let worlds = numbers(&case, "worlds");
        worlds.iter().for_each(|&x| sequence.observe(x).unwrap());
        let summary = Summary::of(&worlds).unwrap();
        let student = sequence.half_width(summary.count, summary.squared_deviations);
        let theirs = number(&case, "student");
        // SciPy integrates to 1e-10, of a density that it has to about 1e-9.
        assert!((student / theirs - 1.0).abs() < 1e-6, "{student} {theirs}");
        // The search for the ends of the bets stops at 1e-9 of five scales.
        close(sequence.interval(), ends(&case), 1e-6 * scale);
    }
}

/// A matrix `[rows][columns]`.
fn matrix(case: &Value, name: &str) -> Mat<f64> {
    let rows = case[name].as_array().unwrap();
    let entry = |r: usize, c: usize| rows[r][c].as_f64().unwrap();
    let columns = rows[0].as_array().unwrap().len();
    Mat::from_fn(rows.len(), columns, entry)
}

/// The features of a case, shared by all classes or, with noise components of their own, written
/// out for each.
fn features(case: &Value) -> Features {
    let shared = matrix(case, "features");
    let classes = matrix(case, "targets").ncols();
    if case["noise"].is_null() {
        return Features {
            blocks: vec![shared],
            noise: None,
        };
    }
    let noise = numbers(case, "noise");
    let squared = |n: usize, _| noise[n] * noise[n];
    Features {
        noise: Some(Mat::from_fn(shared.nrows(), classes, squared)),
        blocks: vec![shared; classes],
    }
}

/// Coefficients and intercepts agree; an intercept that all classes share is free where only their
/// differences matter.
fn check_readout(case: &Value, found: &Readout, free: bool, tolerance: f64) {
    let theirs = matrix(case, "coefficients");
    let ours = |c: usize, i: usize| match found.coefficients.as_slice() {
        [shared] => shared[(c, i)],
        blocks => blocks[i][(c, 0)],
    };
    let intercepts = numbers(case, "intercept");
    let mean = found.intercept.iter().sum::<f64>() / intercepts.len() as f64;
    let shift = if free { mean } else { 0.0 };
    for (i, intercept) in intercepts.iter().enumerate() {
        let off = found.intercept[i] - shift - intercept;
        assert!(off.abs() < tolerance, "class {i}: {off:e}: {case}");
        for c in 0..theirs.nrows() {
            let off = ours(c, i) - theirs[(c, i)];
            assert!(off.abs() < tolerance, "class {i}, {c}: {off:e}: {case}");
        }
    }
}

#[test]
fn read_outs_are_scikit_learn_s() {
    for case in fixtures(READOUTS, "ridge") {
        let strength = number(&case, "strength");
        let fit = ridge::fit(&features(&case), &matrix(&case, "targets"), strength).unwrap();
        // Two Cholesky solves of systems whose condition is below 1e4.
        check_readout(&case, &fit.readout, false, 1e-10);
    }
    for case in fixtures(READOUTS, "logistic") {
        let strength = number(&case, "strength");
        let labels = matrix(&case, "targets");
        let (fit, _) = logistic::fit(&features(&case), &labels, strength, None).unwrap();
        assert!(fit.gradient <= logistic::TOLERANCE);
        // The objective's curvature is λ at the least, so a gradient of that size is a step of at
        // most so much in each direction; scikit-learn stops where the objective no longer changes
        // in double precision.
        check_readout(
            &case,
            &fit.readout,
            true,
            10.0 * logistic::TOLERANCE / strength,
        );
    }
}

/// Every claim of a run, with the weight that the budget gives it: its own or 1, a quarter for a
/// control; a claim of its own confidence or on every world nothing.
fn weights(plan: &Plan) -> Vec<(f64, f64)> {
    let report = plan.replay(&Worlds::new()).unwrap();
    assert!(report.is_none(), "nothing was trained");
    let mut found = Vec::new();
    for theorem in &plan.theorems {
        for control in std::iter::once(None).chain(theorem.controls.iter().map(Some)) {
            for claim in &theorem.claims {
                let of_profile = claim.profile.is_none_or(|p| p == plan.profile);
                if !of_profile || control.is_some_and(|c| !c.refutes.contains(&claim.name)) {
                    continue;
                }
                found.push(match (claim.statistic, claim.confidence) {
                    (_, Some(own)) => (0.0, 1.0 - own),
                    (Statistic::EveryWorld, None) => (0.0, 0.0),
                    (_, None) if control.is_some() => (0.25, 0.0),
                    (_, None) => (claim.weight.unwrap_or(1.0), 0.0),
                });
            }
        }
    }
    found
}

#[test]
fn the_levels_of_a_run_sum_to_its_budget() {
    for (profile, budget) in [
        (Profile::Glance, 0.1),
        (Profile::Quick, 0.05),
        (Profile::Full, 0.01),
    ] {
        let plan = Plan::new(Theorem::all_tested(profile).collect(), profile, 1);
        let weights = weights(&plan);
        let total: f64 = weights.iter().map(|(weight, _)| weight).sum();
        let levels = plan.levels().unwrap();
        assert_eq!(levels.len(), weights.len());
        let mut spent = 0.0;
        for (level, (weight, own)) in levels.iter().zip(weights) {
            assert!((level - (budget * weight / total + own)).abs() < 1e-15);
            spent += if own == 0.0 { *level } else { 0.0 };
        }
        assert!((spent - budget).abs() < 1e-12, "{spent}");
    }
}

#[test]
fn a_whole_plan_shows_each_claim_its_level_and_is_silent_before_the_minimum() {
    let plan = plans::plan(None);
    // All far outside their bands, and equal.
    let report = plan.replay(&plans::worlds(&plan, || plans::outcome(0.9, 0.1, 1.0, 0.0)));
    let report = report.unwrap().unwrap();
    let levels = plan.levels().unwrap();
    assert_eq!(report.findings.len(), 8);
    for (finding, level) in report.findings.iter().zip(levels) {
        assert_eq!(finding.alpha, level);
        assert_eq!(
            finding.estimate.verdict,
            Verdict::Refuted,
            "{}",
            finding.claim
        );
        if finding.statistic == Statistic::Mean {
            assert_eq!(finding.estimate.decided_after, Some(MINIMUM_WORLDS));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// A band with two ends spends half of its level on each; one with a single end spends all of
    /// it there.
    #[test]
    fn each_end_has_its_share_of_the_level(
        seeds in prop::collection::vec(0.0..1.0_f64, 60),
        share in 0.0..1.0_f64,
        alpha in 0.0005..0.1_f64,
    ) {
        let two = Band { lower: Some(0.4), upper: Some(0.6) };
        let only = |lower: Option<f64>, upper: Option<f64>| Band { lower, upper };
        let unit = Method::Betting { lower: 0.0, upper: 1.0 };
        for method in [Method::Share, unit] {
            let mut both = Sequence::new(method, two, alpha, 60).unwrap();
            let mut ends = [only(Some(0.4), None), only(None, Some(0.6))]
                .map(|band| Sequence::new(method, band, alpha / 2.0, 60).unwrap());
            for seed in &seeds {
                let x = f64::from(u8::from(*seed < share));
                both.observe(x).unwrap();
                for end in &mut ends {
                    end.observe(x).unwrap();
                    prop_assert_eq!(end.interval(), both.interval());
                }
            }
            for (index, end) in ends.iter().enumerate() {
                if end.verdict() == Verdict::Refuted {
                    prop_assert_eq!(both.verdict(), Verdict::Refuted, "end {}", index);
                }
            }
        }
        // The two-sided threshold √((t+g)/g)/α is, but for a half, the one-sided one at α/2.
        let width = |sides, alpha| {
            let sequence = AsymptoticSequence::new(alpha, sides, 30, 0.01, 10).unwrap();
            sequence.half_width(40, 1.0)
        };
        let (both, half, whole) =
            (width(Sides::Two, alpha), width(Sides::One, alpha / 2.0), width(Sides::One, alpha));
        prop_assert!(whole < both && (both / half - 1.0).abs() < 0.01, "{} {} {}", whole, both, half);
    }
}
