//! Whole runs on simulated worlds: several claims on one world, a negative control, one error
//! budget, and worlds dealt out adaptively.

use super::rows::{SEED, Tally};
use multiview::procedure::WorldOutcome;
use multiview::record::Worlds;
use multiview::statistics::Verdict;
use multiview::theorem::{Profile, Theorem};
use multiview::verify::{Plan, Report, key};
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Poisson, StandardNormal};
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;
use statrs::distribution::{ContinuousCDF, Normal};
use std::collections::BTreeMap;

/// Claims of every kind, and a control that repeats them. The regime is never trained.
const CLAIMS: &str = r#"
[[claims]]
name = "clustered"
quantity = "single.single_view_error"
band = { upper = 0.01 }

[[claims]]
name = "normal"
quantity = "single.test_error"
band = { lower = 0.49, upper = 0.51 }
scale = 0.006

[[claims]]
name = "share"
quantity = "ensemble.test_error"
statistic = "share"
event = { upper = 0.01 }
band = { lower = 0.9 }

[[claims]]
name = "bounded"
quantity = "lottery.predicted_share"
statistic = "bounded-mean"
band = { lower = 0.9 }

[profiles]
quick = { confidence = 0.95, worlds = 40 }
full = { confidence = 0.99, worlds = 60 }

[[controls]]
name = "again"
why = "Worlds of their own, and the same truth."
set = { "regime.training.steps" = 1 }
refutes = ["clustered", "normal", "share", "bounded"]
"#;

/// The plan, with a total for all experiments or without.
pub fn plan(total_worlds: Option<u64>) -> Plan {
    let small = include_str!("../../tests/fixtures/small.toml");
    let (regime, _) = small.split_once("[[claims]]").expect("it has claims");
    let theorem = Theorem::parse("calibration", &format!("{regime}{CLAIMS}"));
    let theorem = theorem.expect("it is valid");
    let plan = Plan::new(vec![theorem], Profile::Quick, SEED);
    Plan {
        total_worlds,
        ..plan
    }
}

/// A world in which every claim's mean is at the end of its band, and the four quantities are
/// correlated by a half.
fn world(rng: &mut Pcg64Mcg) -> WorldOutcome {
    let common: f64 = StandardNormal.sample(rng);
    let normal = Normal::standard();
    let mut score = || {
        let own: f64 = StandardNormal.sample(rng);
        (0.5_f64).sqrt() * (common + own)
    };
    let [clustered, test_error, success, share] = [score(), score(), score(), score()];
    let lost = if normal.cdf(clustered) < 0.6 {
        0.0
    } else {
        Poisson::new(4.0).expect("positive").sample(rng) / 160.0
    };
    let failed = if normal.cdf(success) < 0.9 { 0.0 } else { 1.0 };
    // The mean of u^a is 1/(1 + a).
    let bounded = normal.cdf(share).powf(1.0 / 9.0);
    outcome(lost, 0.49 + 0.006 * test_error, failed, bounded)
}

/// A world with these values for the claims in their order.
pub fn outcome(clustered: f64, normal: f64, share: f64, bounded: f64) -> WorldOutcome {
    let quantities = [
        ("single.single_view_error", clustered),
        ("single.test_error", normal),
        ("ensemble.test_error", share),
        ("lottery.predicted_share", bounded),
    ];
    WorldOutcome {
        quantities: BTreeMap::from(quantities.map(|(name, value)| (name.into(), value.into()))),
        ..WorldOutcome::default()
    }
}

/// The largest number of worlds of each experiment.
fn budget(plan: &Plan) -> u64 {
    let budget = plan.theorems[0].budget(plan.profile);
    budget.expect("it is tested in the profile").worlds
}

/// As many worlds of each experiment as its budget has.
pub fn worlds(plan: &Plan, mut world: impl FnMut() -> WorldOutcome) -> Worlds {
    let theorem = &plan.theorems[0];
    let control = theorem.under(&theorem.controls[0]).expect("it is valid");
    let mut worlds = Worlds::new();
    for setting in [theorem.setting(), control] {
        let key = key(&(&setting.regime, &setting.procedure));
        for index in 0..budget(plan) {
            worlds.insert((key.clone(), index), world());
        }
    }
    worlds
}

/// One run, interrupted at a random place and resumed: what is reported before and after must
/// agree.
pub fn run(plan: &Plan, run: u64) -> Report {
    let mut rng = Pcg64Mcg::seed_from_u64(SEED + run);
    let mut worlds = worlds(plan, || world(&mut rng));
    let whole = plan.replay(&worlds).expect("it is valid");
    let whole = whole.expect("the budget's worlds are there");
    let most = budget(plan);
    let cut = rng.random_range(0..=most);
    worlds.retain(|(_, index), _| *index < cut);
    if let Some(before) = plan.replay(&worlds).expect("it is valid") {
        assert!(before == whole, "run {run}, cut after {cut} worlds");
    }
    whole
}

/// Runs in which any claim is confirmed, and in which any is refuted: with every mean on its edge
/// each is a mistake of one kind.
pub fn tally(plan: &Plan, runs: u64) -> Tally {
    let one = |index: u64| {
        let report = run(plan, index);
        let any = |verdict: Verdict| {
            let mut findings = report.findings.iter();
            u64::from(findings.any(|f| f.estimate.verdict == verdict))
        };
        Tally {
            confirmed: any(Verdict::Confirmed),
            refuted: any(Verdict::Refuted),
            worlds: report.worlds,
        }
    };
    (0..runs)
        .into_par_iter()
        .map(one)
        .reduce(Tally::default, Tally::add)
}
