//! Is the statistics module as sure as it says? Properties, the limits it states, and a simulated
//! calibration of every method.

use multiview::statistics::{
    AsymptoticSequence, Band, Estimate, HedgedBetting, Interval, Method, Moment, PowerLaw,
    Sequence, ShareSequence, Sides, Summary, Verdict, clopper_pearson, decide, exponent::Point,
    student,
};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_distr::{Binomial, Distribution, Normal, Poisson, StudentT};
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;

const HALF: Band = Band {
    lower: Some(0.49),
    upper: Some(0.51),
};
const SMALL: Band = Band {
    lower: None,
    upper: Some(0.01),
};
const MOST: Band = Band {
    lower: Some(0.9),
    upper: None,
};

const fn asymptotic(scale: f64) -> Method {
    Method::Asymptotic {
        scale,
        minimum_worlds: 10,
    }
}

/// A law of one world.
type Law = fn(&mut Pcg64Mcg) -> f64;

fn normal(rng: &mut Pcg64Mcg, mean: f64, sd: f64) -> f64 {
    Normal::new(mean, sd).unwrap().sample(rng)
}

/// A Poisson count of lost (class, view) cells, as a share of `cells`.
fn lost(rng: &mut Pcg64Mcg, count: f64, cells: f64) -> f64 {
    Poisson::new(count).unwrap().sample(rng) / cells
}

fn coin(rng: &mut Pcg64Mcg, success: f64) -> f64 {
    f64::from(u8::from(rng.random::<f64>() < success))
}

/// Watches one stream until the first verdict or the end of the budget.
fn watch(method: Method, band: Band, alpha: f64, budget: u64, law: Law, seed: u64) -> Estimate {
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    let mut sequence = Sequence::new(method, band, alpha, budget).unwrap();
    for _ in 0..budget {
        sequence.observe(law(&mut rng)).unwrap();
        if sequence.verdict() != Verdict::Undecided {
            break;
        }
    }
    sequence.estimate()
}

/// Enough power to be useful: mean worlds to the (right) verdict, at α = 0.05/12, α = 0.01/12 and
/// α = 0.05.
#[test]
fn typical_claims_need_tens_of_worlds() {
    let cases: [(&str, Method, Band, Law, [f64; 3]); 5] = [
        (
            "0.496 ± 0.003",
            asymptotic(0.003),
            HALF,
            |r| normal(r, 0.496, 0.003),
            [23.0, 28.0, 15.0],
        ),
        (
            "0.496 ± 0.006",
            asymptotic(0.006),
            HALF,
            |r| normal(r, 0.496, 0.006),
            [43.0, 53.0, 27.0],
        ),
        (
            "lost cells",
            asymptotic(0.01),
            SMALL,
            |r| lost(r, 0.4, 160.0),
            [48.0, 60.0, 28.0],
        ),
        (
            "lost cells, [0, 0.05]",
            Method::Betting {
                lower: 0.0,
                upper: 0.05,
            },
            SMALL,
            |r| lost(r, 0.4, 160.0),
            [47.0, 60.0, 27.0],
        ),
        (
            "all succeed",
            Method::Share,
            MOST,
            |_| 1.0,
            [62.0, 79.0, 36.0],
        ),
    ];
    for (name, method, band, law, most) in cases {
        for (alpha, most) in [0.05 / 12.0, 0.01 / 12.0, 0.05].into_iter().zip(most) {
            let budget = 200;
            let runs = (0..400).map(|seed| watch(method, band, alpha, budget, law, seed));
            let worlds: Vec<_> = runs
                .map(|run| {
                    if run.verdict == Verdict::Confirmed {
                        run.worlds
                    } else {
                        budget
                    }
                })
                .collect();
            let mean = worlds.iter().sum::<u64>() as f64 / worlds.len() as f64;
            println!(
                "{name}, α = {alpha:.5}: {mean:.1} worlds, at most {}",
                worlds.iter().max().unwrap()
            );
            assert!(mean <= most, "{name} at {alpha}: {mean}");
        }
    }
}

/// The forecast made after 12 worlds agrees with what it then takes.
#[test]
fn the_forecast_is_about_right() {
    let cases: [(Method, Band, Law); 3] = [
        (asymptotic(0.006), HALF, |r| normal(r, 0.496, 0.006)),
        (
            Method::Betting {
                lower: 0.0,
                upper: 0.1,
            },
            SMALL,
            |r| lost(r, 0.4, 160.0),
        ),
        (Method::Share, MOST, |r| coin(r, 1.0)),
    ];
    for (method, band, law) in cases {
        let median = |budget_seen: u64, read: fn(&Estimate) -> Option<u64>| {
            let mut worlds: Vec<_> = (0..101)
                .map(|seed| {
                    let mut rng = Pcg64Mcg::seed_from_u64(seed);
                    let mut sequence = Sequence::new(method, band, 0.01, 60).unwrap();
                    (0..budget_seen).for_each(|_| sequence.observe(law(&mut rng)).unwrap());
                    read(&sequence.estimate()).unwrap_or(u64::MAX)
                })
                .collect();
            worlds.sort_unstable();
            worlds[50] as f64
        };
        let forecast = median(12, |estimate| estimate.worlds_needed);
        let taken = median(150, |estimate| estimate.decided_after);
        println!("forecast {forecast} worlds, taken {taken}");
        assert!(
            (0.6..1.7).contains(&(forecast / taken)),
            "{method:?}: {forecast} against {taken}"
        );
    }
}

#[test]
fn bad_claims_and_worlds_are_named() {
    let field = |method, band, alpha, budget| {
        Sequence::new(method, band, alpha, budget)
            .unwrap_err()
            .field
    };
    assert_eq!(field(Method::Share, MOST, 0.0, 60), "alpha");
    assert_eq!(field(Method::Share, MOST, f64::NAN, 60), "alpha");
    assert_eq!(field(Method::Share, MOST, 0.05, 0), "worlds_budget");
    assert_eq!(
        field(
            Method::Share,
            Band {
                lower: None,
                upper: None
            },
            0.05,
            60
        ),
        "band.upper"
    );
    assert_eq!(
        field(
            Method::Share,
            Band {
                lower: Some(0.0),
                upper: Some(1.0)
            },
            0.05,
            60
        ),
        "band"
    );
    assert_eq!(field(asymptotic(f64::NAN), SMALL, 0.05, 60), "scale");
    assert_eq!(
        field(
            Method::Betting {
                lower: 1.0,
                upper: 1.0
            },
            HALF,
            0.05,
            60
        ),
        "range"
    );
    for method in [
        asymptotic(0.01),
        Method::Betting {
            lower: 0.0,
            upper: 1.0,
        },
        Method::Share,
    ] {
        let mut sequence = Sequence::new(method, MOST, 0.05, 60).unwrap();
        for bad in [f64::NAN, f64::INFINITY, 1e200] {
            assert_eq!(sequence.observe(bad).unwrap_err().field, "observation");
        }
        assert_eq!(sequence.estimate().worlds, 0);
        assert_eq!(sequence.estimate().worlds_needed, None);
    }
}

#[test]
fn an_end_at_the_range_s_end_costs_nothing() {
    let closed = Band {
        lower: Some(0.9),
        upper: Some(1.0),
    };
    let law: Law = |_| 1.0;
    let [one, two] = [MOST, closed].map(|band| watch(Method::Share, band, 0.05, 60, law, 0));
    assert_eq!(one, two);
    assert_eq!(
        (one.verdict, one.decided_after),
        (Verdict::Confirmed, Some(36))
    );
}

#[test]
fn methods_and_estimates_survive_files() {
    let method: Method = serde_json::from_str(r#"{"asymptotic": {"scale": 0.01}}"#).unwrap();
    assert_eq!(method, asymptotic(0.01));
    assert_eq!(serde_json::to_string(&Method::Share).unwrap(), "\"share\"");
    let silent = watch(asymptotic(0.01), SMALL, 0.05, 5, |r| normal(r, 0.0, 1.0), 1);
    assert_eq!(silent.interval, Interval::EVERYTHING);
    let text = serde_json::to_string(&silent).unwrap();
    assert_eq!(serde_json::from_str::<Estimate>(&text).unwrap(), silent);
}

fn sample() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(0.0..1.0_f64, 12..40)
}

fn asymptotic_interval(values: &[f64], alpha: f64, scale: f64) -> Interval {
    let mut sequence = AsymptoticSequence::new(alpha, Sides::Two, 30, scale, 2).unwrap();
    values.iter().for_each(|&x| sequence.observe(x).unwrap());
    sequence.interval()
}

fn close(a: Interval, b: Interval, unit: f64) -> bool {
    let near = |a: f64, b: f64| a == b || (a - b).abs() <= 1e-8 * unit;
    near(a.lower, b.lower) && near(a.upper, b.upper)
}

/// The interval of `1 − x`.
fn mirrored(interval: Interval) -> Interval {
    Interval {
        lower: 1.0 - interval.upper,
        upper: 1.0 - interval.lower,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn clopper_pearson_grows_with_confidence_and_mirrors(trials in 1_u64..300, share in 0.0..=1.0_f64, confidence in 0.01..0.98_f64) {
        let successes = (share * trials as f64) as u64;
        let narrow = clopper_pearson(successes, trials, confidence).unwrap();
        let wide = clopper_pearson(successes, trials, confidence + 0.01).unwrap();
        prop_assert!(wide.encloses(&narrow) && narrow.contains(successes as f64 / trials as f64));
        let mirror = clopper_pearson(trials - successes, trials, confidence).unwrap();
        prop_assert!(close(narrow, mirrored(mirror), 1.0));
    }

    #[test]
    fn means_move_and_stretch_with_the_data(values in sample(), shift in -10.0..10.0_f64, stretch in 0.01..10.0_f64) {
        let moved: Vec<_> = values.iter().map(|x| shift + stretch * x).collect();
        let carry = |i: Interval| Interval { lower: shift + stretch * i.lower, upper: shift + stretch * i.upper };
        let fixed = |values: &[f64]| student(&Summary::of(values).unwrap(), 0.95).unwrap();
        prop_assert!(close(carry(fixed(&values)), fixed(&moved), 10.0));
        let before = asymptotic_interval(&values, 0.05, 0.1);
        prop_assert!(close(carry(before), asymptotic_interval(&moved, 0.05, 0.1 * stretch), 10.0));
    }

    #[test]
    fn intervals_grow_with_confidence(values in sample(), alpha in 0.001..0.1_f64) {
        let summary = Summary::of(&values).unwrap();
        prop_assert!(student(&summary, 1.0 - alpha).unwrap().encloses(&student(&summary, 1.0 - 2.0 * alpha).unwrap()));
        prop_assert!(asymptotic_interval(&values, alpha, 0.1).encloses(&asymptotic_interval(&values, 2.0 * alpha, 0.1)));
        // Nothing is said of a sequence whose ends have crossed, an event of probability at most
        // its level.
        let share = |alpha| {
            let mut sequence = ShareSequence::new(alpha, Sides::Two).unwrap();
            let mut intervals = values.iter().map(|x| {
                sequence.observe(x.round()).unwrap();
                sequence.interval()
            });
            intervals.try_fold(Interval::EVERYTHING, |last, next| last.encloses(&next).then_some(next))
        };
        if let (Some(wide), Some(narrow)) = (share(alpha), share(2.0 * alpha)) {
            prop_assert!(wide.encloses(&narrow));
        }
    }

    #[test]
    fn the_asymptotic_sequence_forgets_the_order(values in sample()) {
        let reversed: Vec<_> = values.iter().rev().copied().collect();
        prop_assert!(close(asymptotic_interval(&values, 0.05, 0.1), asymptotic_interval(&reversed, 0.05, 0.1), 1.0));
    }

    #[test]
    fn time_uniform_costs_width(values in sample()) {
        let fixed = student(&Summary::of(&values).unwrap(), 0.95).unwrap();
        prop_assert!(asymptotic_interval(&values, 0.05, 0.1).encloses(&fixed));
    }

    #[test]
    fn betting_only_shrinks_mirrors_and_follows_its_range(values in sample(), lower in -5.0..5.0_f64, width in 0.01..10.0_f64) {
        let unit = Interval { lower: 0.0, upper: 1.0 };
        let range = Interval { lower, upper: lower + width };
        let mut plain = HedgedBetting::new(0.05, Sides::Two, unit).unwrap();
        let mut mirror = plain.clone();
        let mut moved = HedgedBetting::new(0.05, Sides::Two, range).unwrap();
        for &x in &values {
            let before = plain.interval();
            plain.observe(x).unwrap();
            mirror.observe(1.0 - x).unwrap();
            moved.observe((lower + width * x).clamp(range.lower, range.upper)).unwrap();
            prop_assert!(before.encloses(&plain.interval()));
        }
        let (plain, mirror) = (plain.interval(), mirror.interval());
        prop_assert!(close(plain, mirrored(mirror), 1.0));
        let carried = Interval { lower: lower + width * plain.lower, upper: lower + width * plain.upper };
        prop_assert!(close(carried, moved.interval(), 10.0));
    }

    #[test]
    fn every_interval_gets_exactly_one_verdict(a in -1.0..1.0_f64, b in 0.0..1.0_f64, lower in prop::option::of(-1.0..0.0_f64), upper in prop::option::of(0.0..1.0_f64)) {
        let (interval, band) = (Interval { lower: a, upper: a + b }, Band { lower, upper });
        let inside = lower.is_none_or(|end| end <= interval.lower) && upper.is_none_or(|end| interval.upper <= end);
        let apart = lower.is_some_and(|end| interval.upper < end) || upper.is_some_and(|end| end < interval.lower);
        let expected = match (inside, apart) {
            (true, false) => Verdict::Confirmed,
            (false, true) => Verdict::Refuted,
            (false, false) => Verdict::Undecided,
            (true, true) => unreachable!("an interval cannot be inside a band and apart from it"),
        };
        prop_assert_eq!(decide(&interval, &band), expected);
    }

    #[test]
    fn a_verdict_stays(values in sample(), alpha in 0.001..0.2_f64) {
        let mut sequence = Sequence::new(asymptotic(0.1), Band { lower: None, upper: Some(0.4) }, alpha, 60).unwrap();
        let mut first = Verdict::Undecided;
        for x in values {
            sequence.observe(x).unwrap();
            prop_assert!(first == Verdict::Undecided || first == sequence.verdict());
            first = sequence.verdict();
        }
    }
}

/// The share of tied classes, each with probability 0.8/k: its mean falls as 1/k.
fn ties(rng: &mut Pcg64Mcg, k: u32) -> f64 {
    let tied = Binomial::new(k.into(), 0.8 / f64::from(k)).unwrap();
    tied.sample(rng) as f64 / f64::from(k)
}

/// A normal world whose spread falls as 1/k.
fn narrowing(rng: &mut Pcg64Mcg, k: u32) -> f64 {
    normal(rng, 0.5, 1.0 / f64::from(k))
}

/// The same with heavy tails: Student's with 6 degrees of freedom, an excess kurtosis of 3.
fn narrowing_with_heavy_tails(rng: &mut Pcg64Mcg, k: u32) -> f64 {
    StudentT::new(6.0).unwrap().sample(rng) / f64::from(k)
}

#[test]
fn exponents_are_calibrated() {
    // The true exponent sits on the band's edge: a verdict is a mistake of the side it errs to,
    // each with probability at most α. The levels and worlds are those of a claim in the quick and
    // the full profile, spread over k as `concentration` spreads them, and a loose level.
    const STREAMS: u64 = 30_000;
    let falls = Band {
        lower: None,
        upper: Some(-1.0),
    };
    type Sized = fn(&mut Pcg64Mcg, u32) -> f64;
    for (alpha, worlds) in [(0.05, 24), (0.002, 24), (0.0004, 50)] {
        // With tails that heavy the interval is too short: it errs up to three times as often, as
        // its module says.
        for (moment, law, factor) in [
            (Moment::Mean, ties as Sized, 1.0),
            (Moment::Spread, narrowing as Sized, 1.0),
            (Moment::Spread, narrowing_with_heavy_tails as Sized, 3.0),
        ] {
            let verdicts: Vec<Verdict> = (0..STREAMS)
                .into_par_iter()
                .map(|seed| {
                    let mut rng = Pcg64Mcg::seed_from_u64(seed);
                    let points = [8u32, 16, 32, 64].map(|k| {
                        let worlds = worlds * 64 / k;
                        let worlds: Vec<f64> = (0..worlds).map(|_| law(&mut rng, k)).collect();
                        Point::of(moment, f64::from(k), &worlds).unwrap()
                    });
                    let fit = PowerLaw::fit(points.to_vec()).expect("no point is 0");
                    decide(&fit.interval(moment, &falls, alpha), &falls)
                })
                .collect();
            for verdict in [Verdict::Confirmed, Verdict::Refuted] {
                let wrong = verdicts.iter().filter(|v| **v == verdict).count();
                let share = wrong as f64 / STREAMS as f64;
                // Three standard errors of the share itself.
                let most = factor * alpha + 3.0 * (factor * alpha / STREAMS as f64).sqrt();
                assert!(share < most, "{moment:?} at {alpha}: {verdict} in {share}");
            }
        }
    }
}

#[test]
fn a_power_law_is_recovered_exactly_and_a_bend_shows_in_its_fit() {
    let at = |x: f64, value: f64| Point {
        at: x,
        worlds: 60,
        value,
        standard_error: 0.05 * value,
    };
    let exact = [8.0f64, 16.0, 32.0, 64.0].map(|x| at(x, 3.0 * x.powf(-0.7)));
    let law = PowerLaw::fit(exact.to_vec()).unwrap();
    assert!((law.exponent + 0.7).abs() < 1e-12 && law.chi_squared < 1e-18);
    assert!((law.fitted_exponent + 0.7).abs() < 1e-12);
    let mut bent = exact;
    bent[1].value *= 2.0;
    bent[1].standard_error *= 2.0;
    bent.reverse();
    let bent = PowerLaw::fit(bent.to_vec()).unwrap();
    assert!((bent.exponent + 0.7).abs() < 1e-12, "{}", bent.exponent);
    assert!(bent.chi_squared > 50.0, "{}", bent.chi_squared);
    assert!(PowerLaw::fit(exact[..2].to_vec()).is_none());
    let mut none = exact;
    none[3].value = 0.0;
    assert!(PowerLaw::fit(none.to_vec()).is_none());
}

#[test]
fn no_spread_over_n_worlds_is_not_certainty() {
    let point = Point::of(Moment::Mean, 8.0, &[1.0; 20]).unwrap();
    assert_eq!(point.standard_error, 0.05);
}

#[test]
fn a_mean_that_is_not_there_reads_back_from_json() {
    let sequence = Sequence::new(Method::Share, MOST, 0.05, 20).unwrap();
    let nothing_said = Estimate {
        mean: f64::NAN,
        standard_deviation: f64::NAN,
        ..sequence.estimate()
    };
    let text = serde_json::to_string(&nothing_said).unwrap();
    let read: Estimate = serde_json::from_str(&text).unwrap();
    assert!(text.contains("\"mean\":null") && read.mean.is_nan());
    assert!(read.standard_deviation.is_nan());
    let same = Estimate {
        mean: 0.0,
        standard_deviation: 0.0,
        ..read
    };
    assert_eq!(same, sequence.estimate());
}

proptest! {
    /// A world without a number counts as the value at the far end of the range, where the band has
    /// one end; else it bars a confirmation for good, also one that came before it.
    #[test]
    fn worlds_without_a_number_count_against_the_claim(
        worlds in prop::collection::vec(prop::option::weighted(0.8, any::<bool>()), 1..80),
    ) {
        let betting = Method::Betting { lower: 0.0, upper: 1.0 };
        let least = Band { lower: Some(0.6), upper: None };
        let most = Band { lower: None, upper: Some(0.4) };
        // An end at the end of the range claims nothing.
        let as_least = Band { upper: Some(1.0), ..least };
        for method in [Method::Share, betting] {
            for (band, against) in [(least, 0.0), (most, 1.0), (as_least, 0.0)] {
                let mut lacking = Sequence::new(method, band, 0.1, 80).unwrap();
                let mut failing = lacking.clone();
                for world in &worlds {
                    match world {
                        Some(success) => lacking.observe(f64::from(u8::from(*success))),
                        None => lacking.observe_undefined(),
                    }
                    .unwrap();
                    failing.observe(world.map_or(against, |s| f64::from(u8::from(s)))).unwrap();
                }
                prop_assert_eq!(lacking.estimate(), failing.estimate());
            }
        }
        let two_ends = Band { lower: Some(0.1), upper: Some(0.9) };
        for method in [Method::Share, betting, asymptotic(0.1)] {
            let mut sequence = Sequence::new(method, two_ends, 0.1, 80).unwrap();
            let mut lacking = 0;
            for (seen, world) in (1..).zip(&worlds) {
                match world {
                    Some(_) => sequence.observe(0.5).or_else(|_| sequence.observe(1.0)),
                    None => sequence.observe_undefined(),
                }
                .unwrap();
                lacking += u64::from(world.is_none());
                let estimate = sequence.estimate();
                prop_assert_eq!(estimate.worlds, seen);
                prop_assert!(lacking == 0 || estimate.verdict != Verdict::Confirmed);
                prop_assert!(lacking == 0 || estimate.worlds_needed.is_none() || estimate.verdict == Verdict::Refuted);
                prop_assert_eq!(estimate.mean.is_nan(), lacking == seen);
            }
        }
    }
}

/// In a control it is a success where a value can stand in for it, and never helps to a verdict.
#[test]
fn a_world_without_a_number_counts_for_the_claim_of_a_control() {
    let least = Band {
        lower: Some(0.6),
        upper: None,
    };
    let most = Band {
        lower: None,
        upper: Some(0.4),
    };
    let betting = Method::Betting {
        lower: 0.0,
        upper: 1.0,
    };
    for method in [Method::Share, betting] {
        for (band, fair, foul) in [(least, 1.0, 0.0), (most, 0.0, 1.0)] {
            let new = || Sequence::new(method, band, 0.1, 80).unwrap();
            let mut control = new().of_control();
            let mut plain = new();
            for world in 0..60 {
                if world % 10 == 0 {
                    control.observe_undefined().unwrap();
                    plain.observe(fair).unwrap();
                } else {
                    control.observe(foul).unwrap();
                    plain.observe(foul).unwrap();
                }
            }
            assert_eq!(control.estimate(), plain.estimate());
            assert_eq!(control.verdict(), Verdict::Refuted);
            let mut empty = new().of_control();
            for _ in 0..80 {
                empty.observe_undefined().unwrap();
            }
            assert_eq!(empty.verdict(), Verdict::Undecided);
        }
    }
}

#[test]
fn a_world_without_a_number_takes_a_confirmation_back() {
    let mut sequence = Sequence::new(asymptotic(0.003), HALF, 0.05, 60).unwrap();
    for _ in 0..30 {
        sequence.observe(0.5).unwrap();
    }
    assert_eq!(sequence.verdict(), Verdict::Confirmed);
    sequence.observe_undefined().unwrap();
    sequence.observe(0.5).unwrap();
    assert_eq!(sequence.verdict(), Verdict::Undecided);
    for _ in 0..300 {
        sequence.observe(0.7).unwrap();
    }
    assert_eq!(sequence.verdict(), Verdict::Refuted);
    sequence.observe_undefined().unwrap();
    assert_eq!(sequence.verdict(), Verdict::Refuted);
}
