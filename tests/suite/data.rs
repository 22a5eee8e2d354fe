//! Definition 3.1, property by property, and the refusal of everything outside it.

use crate::small::seed;
use multiview::data::{DataSet, Kind, Sample, add_noise_patches, draw_sample};
use multiview::field::written;
use multiview::objective::{Distillation, Form, SoftLabels};
use multiview::procedure::{Models, Procedure, WorldOutcome};
use multiview::regime::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Any allowed data regime with few classes.
fn regimes() -> impl Strategy<Value = DataRegime> {
    let patches = crate::small::feature_patches();
    let views = (1..=4usize, crate::small::view_weights());
    let shape = (2..12usize, views, patches, 0..2usize);
    let weights = (
        1.0..3.0,
        0.0..1.0,
        0.0..0.4,
        0.0..1.0,
        0.01..0.99,
        0.0..0.99,
    );
    let rest = (0.001..0.999, 0.0..1.0, 0.0..0.5, 0.0..2.0);
    (shape, weights, rest).prop_map(
        |(
            (classes, (views_per_class, mut view_weights), patches_per_feature, spare),
            (main, main_width, other, other_share, strong, weak_share),
            (single_view_share, presence, feature_noise, noise_variance),
        )| {
            view_weights.truncate(views_per_class);
            let all = classes * views_per_class * patches_per_feature.most();
            DataRegime {
                classes,
                views_per_class,
                samples: SampleCount::Count(1),
                single_view_share,
                sparsity: presence * classes as f64,
                main_weight: [main, main + main_width],
                view_weights,
                other_weight: [other, other + other_share * (0.4 - other)],
                weak_weight: weak_share * strong,
                single_view_other_weight: strong,
                patches_per_feature,
                patches: match spare {
                    0 => PatchCount::default(),
                    _ => PatchCount::Count(all + 3),
                },
                feature_noise: Relation::Value(feature_noise),
                noise_variance,
                dimension: None,
            }
        },
    )
}

/// Patches and total weight of every feature present.
fn totals(sample: &Sample) -> BTreeMap<usize, (usize, f64)> {
    let mut totals = BTreeMap::new();
    for patch in &sample.patches {
        if let Some(v) = patch.feature {
            let entry = totals.entry(v as usize).or_insert((0, 0.0));
            entry.0 += 1;
            entry.1 += f64::from(patch.weight);
        }
    }
    totals
}

/// Weights are stored in `f32`: its relative spacing times a few patches.
const ROUNDING: f64 = 1e-6;

fn within(x: f64, [lo, hi]: [f64; 2]) -> bool {
    lo * (1.0 - ROUNDING) <= x && x <= hi * (1.0 + ROUNDING)
}

proptest! {
    /// Steps 2 to 6 of the definition on single draws. Patches of different features are disjoint
    /// by type: a patch names at most one.
    #[test]
    fn an_input_has_the_features_weights_and_patches_of_the_definition(
        data in regimes(), world in any::<u64>(), pick in any::<prop::sample::Index>(),
    ) {
        data.validate().unwrap();
        let label = pick.index(data.classes);
        let views = data.views_per_class;
        let mut rng = seed(world).rng(multiview::seed::Purpose::Data, 0);
        let kinds = [Kind::MultiView, Kind::SingleView(0), Kind::SingleView(views as u8 - 1)];
        for kind in kinds {
            let mut sample = draw_sample(&data, label, kind, &mut rng);
            prop_assert!(sample.patches.iter().all(|p| p.feature.is_some()));
            add_noise_patches(&data, &mut sample, &mut rng);
            prop_assert_eq!((sample.label, sample.kind), (label, kind));
            let totals = totals(&sample);
            for view in 0..views {
                prop_assert!(totals.contains_key(&(label * views + view)), "a main view is absent");
            }
            for (v, (patches, total)) in &totals {
                prop_assert!(*v < data.features());
                let count = data.patches_per_feature;
                prop_assert!((count.least()..=count.most()).contains(patches));
                let own = data.class_of(*v) == label;
                let allowed = match kind {
                    Kind::MultiView if own => data.main_weight_of(v % views),
                    Kind::MultiView => data.other_weight,
                    Kind::SingleView(kept) if own && v % views == usize::from(kept) => {
                        data.main_weight_of(v % views)
                    }
                    Kind::SingleView(_) if own => [data.weak_weight; 2],
                    Kind::SingleView(_) => [data.single_view_other_weight; 2],
                };
                prop_assert!(within(*total, allowed), "{} of feature {}: {:?}", total, v, allowed);
            }
            let featured: usize = totals.values().map(|(patches, _)| patches).sum();
            match data.patches {
                PatchCount::Count(p) => prop_assert_eq!(sample.patches.len(), p),
                PatchCount::Rule(_) => prop_assert_eq!(sample.patches.len(), featured),
            }
            for patch in &sample.patches {
                prop_assert!(patch.weight >= 0.0);
                prop_assert!(patch.feature.is_some() || patch.weight == 0.0);
                prop_assert!(within(f64::from(patch.feature_noise), [0.0, data.feature_noise()]));
            }
        }
    }

    /// `Σ_p z_p^q ≥ 1` for the main features of every regime with equal shares that is accepted.
    #[test]
    fn accepted_main_features_have_power_sums_of_at_least_one(
        data in regimes(), exponent in prop::sample::select(vec![1u32, 3, 4, 5]),
    ) {
        let mut regime = crate::small::regime();
        regime.data = data;
        regime.network.relu_exponent = exponent;
        let mut rng = seed(0).rng(multiview::seed::Purpose::Data, 0);
        let sample = draw_sample(&regime.data, 0, Kind::MultiView, &mut rng);
        let of = |v| sample.patches.iter().filter(move |p| p.feature == Some(v));
        let power: f64 = of(0).map(|p| f64::from(p.weight).powi(exponent as i32)).sum();
        let equal = matches!(regime.data.patches_per_feature, FeaturePatches::Equal(_));
        if equal && regime.validate().is_ok() {
            prop_assert!(power >= 1.0 - 16.0 * ROUNDING, "Σ z^q = {}", power);
        }
    }
}

/// True if `seen` successes out of `n` at probability `p` are within five standard deviations.
fn plausible(seen: usize, n: usize, p: f64) -> bool {
    let n = n as f64;
    (seen as f64 - n * p).abs() <= 5.0 * (n * p * (1.0 - p)).sqrt()
}

#[test]
fn frequencies_are_those_of_the_definition() {
    let mut regime = crate::small::regime().data;
    regime.classes = 10;
    regime.samples = SampleCount::Count(40_000);
    regime.sparsity = 3.0;
    let mut rng = seed(1).rng(multiview::seed::Purpose::Data, 0);
    let samples = DataSet::draw(&regime, &mut rng).samples;
    let n = samples.len();
    let count = |which: &dyn Fn(&Sample) -> bool| samples.iter().filter(|s| which(s)).count();
    for label in 0..10 {
        assert!(plausible(count(&|s| s.label == label), n, 0.1));
    }
    for view in 0..2 {
        let single = count(&|s| s.kind == Kind::SingleView(view));
        assert!(plausible(single, n, 0.1), "μ/2 of each view: {single}");
    }
    for v in 0..20usize {
        let others = count(&|s| s.label != v / 2);
        let present = count(&|s| s.label != v / 2 && totals(s).contains_key(&v));
        assert!(
            plausible(present, others, 0.3),
            "s/k: {present} of {others}"
        );
    }
    // Presence of two features in one input is independent.
    let pair = |s: &Sample| s.label > 1 && totals(s).contains_key(&0);
    let both = count(&|s| pair(s) && totals(s).contains_key(&2));
    assert!(plausible(both, count(&pair), 0.3));
    // Weights fill their range evenly: mean (lo + hi)/2, deviation (hi − lo)/√12 over √n.
    let multi = samples.iter().filter(|s| s.kind == Kind::MultiView);
    let main: Vec<f64> = multi.map(|s| totals(s)[&(2 * s.label)].1).collect();
    let mean = main.iter().sum::<f64>() / main.len() as f64;
    assert!((mean - 1.1).abs() < 5.0 * 0.2 / (12.0 * main.len() as f64).sqrt());
}

/// `E u^q = q! (C − 1)!/(C + q − 1)!` for a share of `C` that are uniform on the simplex.
fn share_moment(patches: usize, q: u32) -> f64 {
    (0..q)
        .map(|i| f64::from(i + 1) / (patches as f64 + f64::from(i)))
        .product()
}

/// Numbers of patches are uniform in their range, and shares are uniform on the simplex: none is
/// favoured, and their power sums and products have the moments of that law.
#[test]
fn random_shares_are_uniform_on_the_simplex() {
    let mut data = crate::small::regime().data;
    data.patches_per_feature = FeaturePatches::Random([2, 4]);
    data.main_weight = [1.3, 1.3];
    let mut rng = seed(2).rng(multiview::seed::Purpose::Data, 0);
    let mut by_count: BTreeMap<usize, Vec<Vec<f64>>> = BTreeMap::new();
    const DRAWS: usize = 30_000;
    for _ in 0..DRAWS {
        let sample = draw_sample(&data, 0, Kind::MultiView, &mut rng);
        let patches = sample.patches.iter().filter(|p| p.feature == Some(0));
        let shares: Vec<f64> = patches.map(|p| f64::from(p.weight) / 1.3).collect();
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < ROUNDING);
        by_count.entry(shares.len()).or_default().push(shares);
    }
    assert_eq!(by_count.keys().copied().collect::<Vec<_>>(), [2, 3, 4]);
    // Five standard errors.
    let check = |what: &str, values: Vec<f64>, expected: f64| {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
        let bound = 5.0 * (variance / n).sqrt();
        assert!(
            (mean - expected).abs() <= bound,
            "{what}: {mean}, not {expected} ± {bound}"
        );
    };
    for (patches, drawn) in &by_count {
        assert!(plausible(drawn.len(), DRAWS, 1.0 / 3.0));
        let count = *patches as f64;
        for p in 0..*patches {
            let own = drawn.iter().map(|shares| shares[p]);
            check("a share", own.collect(), 1.0 / count);
        }
        for q in [2, 3, 5] {
            let sums = drawn
                .iter()
                .map(|shares| shares.iter().map(|u| u.powi(q)).sum());
            check(
                "Σ u^q",
                sums.collect(),
                count * share_moment(*patches, q as u32),
            );
        }
        // E u_1 u_2 = 1/(C (C + 1)).
        let products = drawn.iter().map(|shares| shares[0] * shares[1]);
        check("u_1 u_2", products.collect(), 1.0 / (count * (count + 1.0)));
    }
}

/// The numbers by which memory is estimated are the means over inputs.
#[test]
fn expected_numbers_of_features_and_patches_are_means() {
    let mut data = crate::small::regime().data;
    data.patches_per_feature = FeaturePatches::Random([1, 4]);
    data.samples = SampleCount::Count(20_000);
    let mut rng = seed(4).rng(multiview::seed::Purpose::Data, 0);
    let drawn = DataSet::draw(&data, &mut rng);
    let n = drawn.samples.len() as f64;
    let features: usize = drawn.samples.iter().map(|s| totals(s).len()).sum();
    let [features, patches] = [features, drawn.patch_count()].map(|sum| sum as f64 / n);
    // Of six features with presence 1/4, and of about 3.5 times one to four patches, five standard
    // errors.
    assert!((features - data.mean_features()).abs() < 5.0 * (6.0 * 0.1875 / n).sqrt());
    let variance = 3.5 * 1.25 + 2.5 * 2.5 * 6.0 * 0.1875;
    assert!((patches - data.mean_patches()).abs() < 5.0 * (variance / n).sqrt());
}

proptest! {
    /// The expected power sums, by quadrature, agree with the moments of the simplex.
    #[test]
    fn expected_power_sums_are_known(least in 1..6usize, more in 0..4usize, q in 1..8u32) {
        let range = least..=least + more;
        let counts = range.clone().count() as f64;
        let exact = range.map(|c| c as f64 * share_moment(c, q)).sum::<f64>() / counts;
        let random = FeaturePatches::Random([least, least + more]);
        // The midpoint rule on 4,096 intervals misses about 1/(24 · 4096²) of a second derivative
        // that is some hundred times the integral.
        let found = random.expected_power_sum(q);
        prop_assert!((found - exact).abs() < 1e-6 * exact, "{} and {}", found, exact);
        let equal = FeaturePatches::Equal(least).expected_power_sum(q);
        prop_assert!((equal - (least as f64).powf(1.0 - f64::from(q))).abs() < 1e-12);
    }
}

#[test]
fn the_training_set_has_the_stated_size() {
    let mut regime = crate::small::regime().data;
    for (classes, mu) in [(2, 0.5), (10, 0.05), (50, 0.013)] {
        regime.classes = classes;
        regime.single_view_share = mu;
        regime.samples = SampleCount::Rule(PaperRule::Paper);
        let expected = ((classes as f64).powf(1.2) / mu).ceil() as usize;
        assert_eq!(regime.sample_count(), expected);
        let mut rng = seed(0).rng(multiview::seed::Purpose::Data, 0);
        let data = DataSet::draw(&regime, &mut rng);
        assert_eq!(data.samples.len(), expected);
        let patches: usize = data.samples.iter().map(|s| s.patches.len()).sum();
        assert_eq!(data.patch_count(), patches);
    }
}

#[test]
fn one_seed_gives_one_training_set() {
    let regime = crate::small::regime();
    let draw = |world| crate::small::data(&regime, seed(world));
    assert_eq!(draw(0), draw(0));
    assert_ne!(draw(0), draw(1));
}

/// Refuses the regime after `change`, naming the field and the value.
fn refused(field: &str, value: &str, allowed: &str, change: impl Fn(&mut Regime)) {
    let mut regime = crate::small::regime();
    regime.validate().expect("the unchanged regime is accepted");
    change(&mut regime);
    let error = regime
        .validate()
        .expect_err(&format!("{field} = {value} is accepted"));
    let message = error.to_string();
    let head = match value {
        "" => format!("{field} is missing: "),
        value => format!("{field} = {value} is out of range: "),
    };
    assert!(message.starts_with(&head), "{head}: {message}");
    assert!(message.contains(allowed), "{allowed}: {message}");
}

/// One field of a regime.
type Field = fn(&mut Regime) -> &mut f64;

/// Every field that is a number, with a part of its allowed range.
const NUMBERS: [(&str, &str, Field); 9] = [
    ("data.single_view_share", "inside (0, 1)", |r| {
        &mut r.data.single_view_share
    }),
    ("data.sparsity", "(4)", |r| &mut r.data.sparsity),
    ("data.weak_weight", "ρ < Γ", |r| &mut r.data.weak_weight),
    ("data.single_view_other_weight", "inside (0, 1)", |r| {
        &mut r.data.single_view_other_weight
    }),
    ("data.feature_noise", "0 to below 1", |r| {
        number(&mut r.data.feature_noise)
    }),
    ("data.noise_variance", "0 to 100", |r| {
        &mut r.data.noise_variance
    }),
    ("network.relu_threshold", "1000000", |r| {
        &mut r.network.relu_threshold
    }),
    ("network.init_scale", "above 0", |r| {
        number(&mut r.network.init_scale)
    }),
    ("training.learning_rate_per_class", "above 0", |r| {
        &mut r.training.learning_rate_per_class
    }),
];

fn number(relation: &mut Relation) -> &mut f64 {
    match relation {
        Relation::Value(value) => value,
        Relation::Rule(_) | Relation::Multiple { .. } => {
            unreachable!("the small regime gives numbers")
        }
    }
}

/// Both ends of the fields that are ranges.
const ENDS: [(&str, Field); 4] = [
    ("data.main_weight", |r| &mut r.data.main_weight[0]),
    ("data.main_weight", |r| &mut r.data.main_weight[1]),
    ("data.other_weight", |r| &mut r.data.other_weight[0]),
    ("data.other_weight", |r| &mut r.data.other_weight[1]),
];

#[test]
fn numbers_that_are_not_finite_or_negative_are_refused() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.5] {
        for (name, allowed, field) in NUMBERS {
            refused(name, &written(&bad), allowed, |r| *field(r) = bad);
        }
        for (name, field) in ENDS {
            let mut regime = crate::small::regime();
            *field(&mut regime) = bad;
            let range = match name {
                "data.main_weight" => regime.data.main_weight,
                _ => regime.data.other_weight,
            };
            refused(name, &written(&range), "low ≤ high", |r| *field(r) = bad);
        }
    }
}

#[test]
fn numbers_outside_their_range_are_refused() {
    type Change = fn(&mut Regime);
    let cases: [(&str, &str, &str, Change); 37] = [
        ("data.classes", "0", "2 to", |r| r.data.classes = 0),
        ("data.classes", "1", "2 to", |r| r.data.classes = 1),
        ("data.classes", "5000", "4096", |r| r.data.classes = 5000),
        ("data.views_per_class", "0", "1 to 4", |r| {
            r.data.views_per_class = 0
        }),
        ("data.views_per_class", "5", "1 to 4", |r| {
            r.data.views_per_class = 5
        }),
        ("data.samples", "0", "1 to", |r| {
            r.data.samples = SampleCount::Count(0)
        }),
        ("data.samples", "20000000", "1 to", |r| {
            r.data.samples = SampleCount::Count(20_000_000);
        }),
        ("data.single_view_share", "0.0", "(0, 1)", |r| {
            r.data.single_view_share = 0.0
        }),
        ("data.single_view_share", "1.0", "(0, 1)", |r| {
            r.data.single_view_share = 1.0
        }),
        ("data.sparsity", "4.5", "probability", |r| {
            r.data.sparsity = 4.5
        }),
        ("data.main_weight", "[0.9, 1.2]", "1 ≤ low", |r| {
            r.data.main_weight[0] = 0.9
        }),
        ("data.main_weight", "[1.0, 0.9]", "low ≤ high", |r| {
            r.data.main_weight[1] = 0.9
        }),
        ("data.other_weight", "[0.3, 0.41]", "high ≤ 0.4", |r| {
            r.data.other_weight[1] = 0.41
        }),
        ("data.other_weight", "[0.4, 0.3]", "low ≤ high", |r| {
            r.data.other_weight = [0.4, 0.3];
        }),
        ("data.single_view_other_weight", "0.0", "(0, 1)", |r| {
            r.data.single_view_other_weight = 0.0;
        }),
        ("data.single_view_other_weight", "1.0", "(0, 1)", |r| {
            r.data.single_view_other_weight = 1.0;
        }),
        ("data.weak_weight", "0.25", "(0.25)", |r| {
            r.data.weak_weight = 0.25
        }),
        ("data.weak_weight", "0.3", "(0.25)", |r| {
            r.data.weak_weight = 0.3
        }),
        ("data.patches_per_feature", "0", "1 to", |r| {
            r.data.patches_per_feature = 0.into()
        }),
        ("data.view_weights", "[1.0]", "each of the 2 views", |r| {
            r.data.view_weights = vec![1.0]
        }),
        ("data.view_weights", "[1.0, 2.5]", "0.5 to 2", |r| {
            r.data.view_weights = vec![1.0, 2.5]
        }),
        ("data.view_weights", "[nan, 1.0]", "0.5 to 2", |r| {
            r.data.view_weights = vec![f64::NAN, 1.0]
        }),
        (
            "data.view_weights",
            "[1.0, 0.8]",
            "main_weight[0] = 0.8333",
            |r| {
                r.data.main_weight = [1.2, 1.3];
                r.data.view_weights = vec![1.0, 0.8]
            },
        ),
        // Two patches of half the weight have a quarter of the power sum, in the weaker view too.
        ("data.main_weight", "[1.6, 2.0]", "view_weights", |r| {
            r.data.patches_per_feature = 2.into();
            r.data.main_weight = [1.6, 2.0];
            r.data.view_weights = vec![0.9, 1.0];
        }),
        ("data.patches_per_feature", "65", "1 to 64", |r| {
            r.data.patches_per_feature = 65.into()
        }),
        ("data.patches_per_feature", "[0, 2]", "1 ≤ least", |r| {
            r.data.patches_per_feature = FeaturePatches::Random([0, 2]);
        }),
        (
            "data.patches_per_feature",
            "[4, 2]",
            "least ≤ most",
            |r| {
                r.data.patches_per_feature = FeaturePatches::Random([4, 2]);
            },
        ),
        ("data.patches_per_feature", "[2, 65]", "most ≤ 64", |r| {
            r.data.patches_per_feature = FeaturePatches::Random([2, 65]);
        }),
        // Thirty-two patches may be needed.
        ("data.patches", "31", "at least 32", |r| {
            r.data.patches_per_feature = FeaturePatches::Random([2, 4]);
            r.data.patches = PatchCount::Count(31);
        }),
        // Sixteen patches would overlap in a P of 15: 2k = 8 features, two patches each.
        ("data.patches", "15", "at least 16", |r| {
            r.data.patches_per_feature = 2.into();
            r.data.main_weight = [2.0, 2.0];
            r.data.patches = PatchCount::Count(15);
        }),
        ("data.patches", "0", "at least 8", |r| {
            r.data.patches = PatchCount::Count(0)
        }),
        ("data.main_weight", "[1.5, 2.0]", "C_p^(1−1/q)", |r| {
            r.data.patches_per_feature = 2.into();
            r.data.main_weight = [1.5, 2.0];
        }),
        ("network.neurons_per_class", "0", "1 to", |r| {
            r.network.neurons_per_class = 0
        }),
        ("network.relu_exponent", "0", "3 to 16", |r| {
            r.network.relu_exponent = 0
        }),
        ("network.relu_exponent", "2", "3 to 16", |r| {
            r.network.relu_exponent = 2
        }),
        ("network.init_scale", "0.0", "above 0", |r| {
            r.network.init_scale = 0.0.into()
        }),
        ("training.steps", "0", "1 to", |r| {
            r.training.steps = 0.into()
        }),
    ];
    for (field, value, allowed, change) in cases {
        refused(field, value, allowed, change);
    }
}

#[test]
fn the_paper_s_relations_go_by_name() {
    let text = toml::to_string(&crate::small::regime()).unwrap();
    let named = |text: String, field: &str| {
        let value = text.lines().find(|l| l.starts_with(field)).unwrap();
        text.replace(value, &format!("{field} = \"paper\""))
    };
    let text = ["feature_noise", "init_scale", "samples"]
        .into_iter()
        .fold(text, named);
    let mut regime: Regime = toml::from_str(&text).unwrap();
    regime.data.classes = 16;
    regime.data.single_view_share = 0.1;
    regime.validate().unwrap();
    assert_eq!(regime.init_scale(), 1.0 / 16.0);
    assert_eq!(regime.data.feature_noise(), 1.0 / 64.0);
    assert_eq!(
        regime.data.sample_count(),
        (16f64.powf(1.2) / 0.1).ceil() as usize
    );
    regime.network.relu_exponent = 4;
    assert_eq!(regime.init_scale(), 0.25);
}

/// The edges that belong to the ranges are accepted.
#[test]
fn the_ends_of_closed_ranges_are_accepted() {
    let cases: [fn(&mut Regime); 9] = [
        |r| {
            r.data.main_weight = [1.25, 1.3];
            r.data.view_weights = vec![0.8, 2.0];
        },
        |r| r.data.sparsity = 0.0,
        |r| r.data.sparsity = 4.0,
        |r| r.data.weak_weight = 0.0,
        |r| r.data.main_weight = [1.0, 1.0],
        |r| r.data.other_weight = [0.4, 0.4],
        |r| r.data.noise_variance = 0.0,
        |r| r.data.patches = PatchCount::Count(8),
        |r| r.network.relu_exponent = 1,
    ];
    for change in cases {
        let mut regime = crate::small::regime();
        change(&mut regime);
        regime.validate().unwrap();
    }
}

/// Numbers with a floor: at it a world is measured, and read back from JSON as it was; below it
/// single precision has nothing to say.
#[test]
fn below_their_floors_parameters_are_refused() {
    type Change = fn(&mut Regime, f64);
    let floors: [(&str, f64, Change); 9] = [
        ("data.single_view_share", 1e-7, |r, x| {
            r.data.single_view_share = x
        }),
        ("data.other_weight", 1e-7, |r, x| r.data.other_weight[0] = x),
        ("data.weak_weight", 1e-7, |r, x| r.data.weak_weight = x),
        ("data.single_view_other_weight", 1e-7, |r, x| {
            r.data.weak_weight = 0.0;
            r.data.single_view_other_weight = x;
        }),
        ("data.feature_noise", 1e-7, |r, x| {
            r.data.feature_noise = x.into()
        }),
        ("data.noise_variance", 1e-14, |r, x| {
            r.data.noise_variance = x
        }),
        ("network.init_scale", 1.1e-19, |r, x| {
            r.network.init_scale = x.into()
        }),
        ("network.init_scale", 1e-30, |r, x| {
            r.network.relu_exponent = 1;
            r.network.init_scale = x.into();
        }),
        ("training.learning_rate_per_class", 1e-12, |r, x| {
            r.training.learning_rate_per_class = x
        }),
    ];
    let procedure: Procedure =
        toml::from_str("members = 2\ntest_draws = { single_view = 2, multi_view = 2 }").unwrap();
    for (field, floor, change) in floors {
        for engine in [
            EngineKind::Overlap,
            EngineKind::OverlapAdaptive,
            EngineKind::OverlapReference,
        ] {
            let mut regime = crate::small::regime();
            regime.training.engine = engine;
            change(&mut regime, floor);
            regime.validate().unwrap();
            let mut models = Models::new(&regime, procedure.test_draws, seed(0));
            let outcome = models.outcome(&procedure).unwrap();
            let text = serde_json::to_string(&outcome).unwrap();
            assert!(!text.contains("null"), "{field}: {text}");
            let read: WorldOutcome = serde_json::from_str(&text).unwrap();
            assert_eq!(read, outcome);
            read.check(&regime, &procedure, false).unwrap();
        }
        for below in [0.9 * floor, f64::MIN_POSITIVE] {
            let mut regime = crate::small::regime();
            change(&mut regime, below);
            assert_eq!(regime.validate().unwrap_err().field, field, "{below:e}");
        }
    }
    // Steeper activations want larger starts, whichever way the start is given.
    let mut steep = crate::small::regime();
    steep.network.relu_exponent = 16;
    steep.network.init_scale = 1e-3.into();
    assert_eq!(steep.validate().unwrap_err().field, "network.init_scale");
    steep.network.relu_threshold = 1e6;
    steep.network.init_scale = Relation::Rule(PaperRule::Paper);
    assert_eq!(steep.validate().unwrap_err().field, "network.init_scale");
}

#[test]
fn distillation_outside_its_ranges_is_refused() {
    let good = Distillation {
        temperature: 0.2.into(),
        teacher_scale: 30.0,
        push_rate_per_class: 40.0,
        form: Form::default(),
        soft_labels: SoftLabels::default(),
        warm_up_steps: 10.into(),
        steps: 10.into(),
        checkpoints: 0,
    };
    good.validate("student").unwrap();
    type Field = fn(&mut Distillation) -> &mut f64;
    let numbers: [(&str, Field); 3] = [
        ("student.temperature", |d| number(&mut d.temperature)),
        ("student.teacher_scale", |d| &mut d.teacher_scale),
        ("student.push_rate_per_class", |d| {
            &mut d.push_rate_per_class
        }),
    ];
    for (name, field) in numbers {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0] {
            let mut spec = good.clone();
            *field(&mut spec) = bad;
            let error = spec.validate("student").unwrap_err();
            assert_eq!(error.field, name);
            let shown = format!("{name} = {} is out of range", written(&bad));
            assert!(error.to_string().starts_with(&shown), "{error}");
        }
    }
    type Floor = fn(&mut Distillation, f64);
    let floors: [(&str, f64, Floor); 4] = [
        ("student.temperature", 1e-6, |d, x| d.temperature = x.into()),
        // τ S is 1e-6, at the small regime's τ and the paper's.
        ("student.teacher_scale", 5.1e-6, |d, x| d.teacher_scale = x),
        ("student.teacher_scale", 7.2e-5, |d, x| {
            d.temperature = Relation::Rule(PaperRule::Paper);
            d.teacher_scale = x;
        }),
        ("student.push_rate_per_class", 1e-12, |d, x| {
            d.push_rate_per_class = x
        }),
    ];
    for (name, floor, change) in floors {
        let mut spec = good.clone();
        change(&mut spec, floor);
        spec.validate("student").unwrap();
        for below in [0.9 * floor, f64::MIN_POSITIVE] {
            change(&mut spec, below);
            assert_eq!(spec.validate("student").unwrap_err().field, name);
        }
    }
    let late = Distillation {
        warm_up_steps: 11.into(),
        ..good.clone()
    };
    assert_eq!(
        late.validate("student").unwrap_err().field,
        "student.warm_up_steps"
    );
    let none = Distillation {
        steps: 0.into(),
        warm_up_steps: 0.into(),
        ..good
    };
    assert_eq!(none.validate("student").unwrap_err().field, "student.steps");
}

/// A misspelt or missing field is an error, the rules for `N` and `P` are words, and defaults are
/// filled in.
#[test]
fn regimes_read_from_toml_as_documented() {
    let regime = crate::small::regime();
    let text = toml::to_string(&regime).unwrap();
    assert_eq!(toml::from_str::<Regime>(&text).unwrap(), regime);
    assert!(text.contains("patches = \"as-needed\""), "{text}");
    let paper = text.replace("samples = 40", "samples = \"paper\"");
    let read: Regime = toml::from_str(&paper).unwrap();
    assert_eq!(read.data.samples, SampleCount::Rule(PaperRule::Paper));
    let patches = |value: &str| {
        let line = format!("patches_per_feature = {value}");
        toml::from_str::<Regime>(&text.replace("patches_per_feature = 1", &line))
    };
    let range = patches("[2, 4]").unwrap();
    assert_eq!(
        range.data.patches_per_feature,
        FeaturePatches::Random([2, 4])
    );
    assert_eq!(
        toml::from_str::<Regime>(&toml::to_string(&range).unwrap()).unwrap(),
        range
    );
    for wrong in ["\"many\"", "-1", "1.5", "[2]", "[2, 3, 4]", "[2.0, 4.0]"] {
        let error = patches(wrong).unwrap_err().to_string();
        assert!(
            error.contains("a number of patches, or a range [least, most]"),
            "{error}"
        );
    }
    assert!(
        !text.contains("view_weights"),
        "equal views go without saying"
    );
    let mut unequal = regime.clone();
    unequal.data.view_weights = vec![1.0, 1.25];
    let text_of_unequal = toml::to_string(&unequal).unwrap();
    assert_eq!(toml::from_str::<Regime>(&text_of_unequal).unwrap(), unequal);
    let misspelt = text.replace("sparsity", "sparcity");
    let error = toml::from_str::<Regime>(&misspelt).unwrap_err().to_string();
    assert!(error.contains("sparcity"), "{error}");
    let wrong = text.replace("samples = 40", "samples = \"papers\"");
    assert!(toml::from_str::<Regime>(&wrong).is_err());
}
