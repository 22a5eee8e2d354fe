//! Computed test errors: against known answers, and against plain evaluation of many inputs.

use crate::small::{self, smoothed_relu};
use multiview::data::{Kind, draw_sample};
use multiview::engine::state::{Layout, Trained};
use multiview::evaluation::{Draws, Evaluation, Portrait, TestSet};
use multiview::objective::{Distillation, Form, SoftLabels};
use multiview::procedure::World;
use multiview::regime::*;
use multiview::rows::ClassRows;
use multiview::seed::Purpose;
use proptest::prelude::*;
use rand::{Rng, RngExt, SeedableRng};
use rand_distr::StandardNormal;
use rand_pcg::Pcg64;

/// A network with these overlaps, `[features][k][m]`.
fn network(regime: &Regime, overlap: impl Fn(usize, usize, usize) -> f64) -> Trained<f32> {
    let layout = Layout::of(regime);
    let mut features = vec![0.0; regime.data.features() * layout.row()];
    for v in 0..regime.data.features() {
        for i in 0..layout.classes {
            for r in 0..layout.neurons {
                features[small::at(layout, v, i, r)] = overlap(v, i, r) as f32;
            }
        }
    }
    Trained {
        layout,
        features,
        training_logits: ClassRows::new(),
        steps: 0,
        training_errors: 0,
    }
}

fn evaluate(regime: &Regime, networks: &[Trained<f32>], draws: Draws) -> Evaluation {
    regime.validate().expect("a valid regime");
    let portraits: Vec<Portrait> = networks.iter().map(|n| Portrait::of(regime, n)).collect();
    let mut rng = small::seed(0).rng(Purpose::Evaluation, 0);
    Evaluation::of(regime, &Portrait::sum(&portraits), draws, &mut rng)
}

const DRAWS: Draws = Draws {
    single_view: 2_000,
    multi_view: 2_000,
};

/// Errors among this many inputs of a cell, every neuron of every network on every patch.
fn count(
    regime: &Regime,
    networks: &[Trained<f32>],
    (label, kind): (usize, Kind),
    draws: usize,
    rng: &mut impl Rng,
) -> usize {
    let data = &regime.data;
    let k = data.classes;
    let noise = regime.init_scale() * data.noise_variance.sqrt();
    let sums: Vec<Vec<f64>> = networks
        .iter()
        .map(|n| {
            let mut sum = vec![0.0; n.layout.row()];
            for row in n.features.chunks_exact(n.layout.row()) {
                sum.iter_mut()
                    .zip(row)
                    .for_each(|(s, a)| *s += f64::from(*a));
            }
            sum
        })
        .collect();
    (0..draws)
        .filter(|_| {
            let sample = draw_sample(data, label, kind, rng);
            let mut patches: Vec<(Option<usize>, f64, f64)> = (sample.patches.iter())
                .filter_map(|p| {
                    let v = p.feature? as usize;
                    Some((Some(v), p.weight.into(), p.feature_noise.into()))
                })
                .collect();
            for _ in patches.len()..data.patch_count().unwrap_or(0) {
                patches.push((None, 0.0, data.feature_noise() * rng.random::<f64>()));
            }
            let mut f = vec![0.0; k];
            for (network, sum) in networks.iter().zip(&sums) {
                for (v, z, alpha) in &patches {
                    for (i, f) in f.iter_mut().enumerate() {
                        for r in 0..network.layout.neurons {
                            let fresh: f64 = rng.sample(StandardNormal);
                            let at = |v| small::at(network.layout, v, i, r);
                            let a = v.map_or(0.0, |v| f64::from(network.features[at(v)]));
                            let s = z * a + alpha * sum[at(0)] + noise * fresh;
                            *f += smoothed_relu(&regime.network, s);
                        }
                    }
                }
            }
            (0..k).any(|i| i != label && f[i] >= f[label])
        })
        .count()
}

/// Each cell against this many inputs, and the whole against all of them.
fn check(regime: &Regime, networks: &[Trained<f32>], found: &Evaluation, draws: usize) {
    let views = regime.data.views_per_class;
    let mut rng = Pcg64::seed_from_u64(7);
    let cells = (found.single.iter().enumerate())
        .map(|(v, cell)| (cell, v / views, Kind::SingleView((v % views) as u8)))
        .chain((found.multi.iter().enumerate()).map(|(y, cell)| (cell, y, Kind::MultiView)));
    // Sums over the cells of D_s and over those of D_m: differences, half-widths, variances, cells.
    let mut sums = [[0.0f64; 4]; 2];
    for (cell, label, kind) in cells {
        let errors = count(regime, networks, (label, kind), draws, &mut rng);
        let n = draws as f64;
        let rate = errors as f64 / n;
        let variance = rate.max(cell.rate) * (1.0 - rate.min(cell.rate)) / n + cell.variance;
        let difference = cell.rate - rate;
        let drawn = if cell.draws > 0 {
            10.0 / cell.draws as f64
        } else {
            0.0
        };
        // Five standard deviations of both counts, each with ten inputs more than seen: rare ones
        // may not be among them.
        let allowed = cell.half_width + 5.0 * variance.sqrt() + 10.0 / n + drawn;
        assert!(
            difference.abs() <= allowed,
            "class {label}, {kind:?}: {cell:?}, counted {rate} (allowed {allowed})\n{regime:?}"
        );
        let sums = &mut sums[usize::from(kind == Kind::MultiView)];
        for (sum, x) in sums
            .iter_mut()
            .zip([difference, cell.half_width, variance, 1.0])
        {
            *sum += x;
        }
    }
    for [difference, half_width, variance, cells] in sums {
        // The same of the sums; what is drawn is drawn 2,000 times a cell.
        let allowed = half_width + 5.0 * variance.sqrt() + 10.0 / draws as f64 + 10.0 / 2_000.0;
        assert!(
            difference.abs() <= allowed,
            "{difference} over {cells} cells (allowed {allowed})\n{found:?}\n{regime:?}"
        );
    }
}

fn regimes() -> impl Strategy<Value = Regime> {
    let patches = small::feature_patches();
    let views = (1..=4usize, small::view_weights());
    let shape = (2..6usize, views, patches, 1..4usize, 0..3usize);
    let weights = (
        1.0..2.0,
        0.0..1.0,
        0.0..0.4,
        0.0..1.0,
        0.01..0.99,
        0.0..0.99,
    );
    let rest = (0.02..0.9, 0.0..1.0, 0.0..0.2, 0.0..4.0);
    let scales = (
        0..4usize,
        0.01f64.ln()..3.0f64.ln(),
        1e-4f64.ln()..0.3f64.ln(),
    );
    (shape, weights, rest, scales).prop_map(
        |(
            (classes, (views, mut view_weights), cp, neurons, spare),
            (main, main_width, other, other_width, strong, weak),
            (mu, presence, gamma, noise_variance),
            (q, threshold, scale),
        )| {
            let mut regime = small::regime();
            view_weights.truncate(views);
            let q = [1, 3, 5, 16][q];
            let least = match cp {
                FeaturePatches::Equal(count) => (count as f64).powf(1.0 - 1.0 / f64::from(q)),
                FeaturePatches::Random(_) => 1.0,
            };
            regime.data = DataRegime {
                classes,
                views_per_class: views,
                single_view_share: mu,
                sparsity: presence * presence * classes as f64,
                main_weight: [main * least, main * least + main_width],
                view_weights,
                other_weight: [other, other + other_width * (0.4 - other)],
                weak_weight: weak * strong,
                single_view_other_weight: strong,
                patches_per_feature: cp,
                patches: match spare {
                    0 => PatchCount::default(),
                    spare => PatchCount::Count(classes * views * cp.most() + spare),
                },
                feature_noise: f64::max(gamma - 0.1, 0.0).into(),
                noise_variance,
                ..regime.data
            };
            regime.network = NetworkRegime {
                neurons_per_class: neurons,
                relu_exponent: q,
                relu_threshold: threshold.exp(),
                init_scale: scale.exp().into(),
            };
            regime
        },
    )
}

/// A network that has learned some views, and as many wrong features as `wrong` says of a hundred
/// pairs.
fn trained(regime: &Regime, wrong: u32, rng: &mut impl Rng) -> Trained<f32> {
    let features = regime.data.features();
    let size = regime.data.classes * regime.network.neurons_per_class;
    let draws: Vec<f64> = (0..features * size)
        .map(|index| {
            let (v, i) = (
                index / size,
                index % size / regime.network.neurons_per_class,
            );
            let start = regime.init_scale() * rng.sample::<f64, _>(StandardNormal);
            let learned = match regime.data.class_of(v) == i {
                true => rng.random_bool(0.4),
                false => rng.random_bool(f64::from(wrong) / 100.0),
            };
            let scale = if learned {
                1.5 * regime.network.relu_threshold
            } else {
                0.0
            };
            start + scale * rng.random::<f64>()
        })
        .collect();
    network(regime, |v, i, r| {
        draws[v * size + i * regime.network.neurons_per_class + r]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_regime_agrees_with_plain_evaluation(regime in regimes(), wrong in 0..3usize, members in 1..4usize, seed: u64) {
        // Some starts lie below the floor of single precision.
        prop_assume!(regime.validate().is_ok());
        let mut rng = Pcg64::seed_from_u64(seed);
        let wrong = [0, 5, 40][wrong];
        let networks: Vec<Trained<f32>> =
            (0..members).map(|_| trained(&regime, wrong, &mut rng)).collect();
        let found = evaluate(&regime, &networks, DRAWS);
        check(&regime, &networks, &found, 2_000);
    }
}

/// Two views, no noise at all, weights without spread.
fn plain_regime() -> Regime {
    let mut regime = small::regime();
    regime.data.main_weight = [1.0, 1.0];
    regime.data.other_weight = [0.25, 0.25];
    regime.data.weak_weight = 0.125;
    regime.data.single_view_other_weight = 0.25;
    regime.data.noise_variance = 0.0;
    regime.network.relu_threshold = 0.01;
    regime
}

/// Every class has learned its first view, with one neuron of overlap `a(class)`.
fn first_views(regime: &Regime, a: impl Fn(usize) -> f64) -> Trained<f32> {
    let views = regime.data.views_per_class;
    network(
        regime,
        |v, i, r| if v == views * i && r == 0 { a(i) } else { 0.0 },
    )
}

fn close(found: f64, exact: f64) {
    // Far above what the bounds of chance neglect, far below what a draw is held against.
    assert!((found - exact).abs() < 1e-6, "{found}, not {exact}");
}

#[test]
fn a_lost_view_is_an_error_where_another_class_shows() {
    for (k, s) in [(4, 1.0), (20, 5.0), (60, 5.0)] {
        let mut regime = plain_regime();
        regime.data.classes = k;
        regime.data.sparsity = s;
        regime.data.noise_variance = 1.0;
        regime.network.relu_threshold = 6.0;
        regime.network.init_scale = 1e-3.into();
        let evaluation = evaluate(&regime, &[first_views(&regime, |_| 8.0)], DRAWS);
        // ρ of the learned view loses to Γ of any other class's.
        let none = (1.0 - s / k as f64).powi(k as i32 - 1);
        for (v, cell) in evaluation.single.iter().enumerate() {
            close(cell.rate, if v % 2 == 0 { 0.0 } else { 1.0 - none });
            assert_eq!((cell.is_learned(), cell.draws), (v % 2 == 0, 0));
        }
        close(evaluation.test_error_over_mu(), 0.5 * (1.0 - none));
        assert!(evaluation.uncertainty() < 1e-6 && evaluation.uncertainty() > 0.0);
        close(evaluation.classes_knowing(1), 1.0);
        close(evaluation.view_accuracy(1), none);
    }
}

/// Every class has learned one of its `M` views, not the same in all classes: the others are lost
/// where another class shows. Networks that have learned other views make up for it.
#[test]
fn one_of_m_views_learned_loses_the_others() {
    let (k, s) = (12, 5.0);
    for views in 1..=4 {
        let mut regime = plain_regime();
        regime.data.classes = k;
        regime.data.views_per_class = views;
        regime.data.sparsity = s;
        regime.data.noise_variance = 1.0;
        regime.network.relu_threshold = 6.0;
        regime.network.init_scale = 1e-3.into();
        let kept = |member: usize| {
            network(&regime, move |v, i, r| {
                let learned = v == views * i + (i + member) % views && r == 0;
                if learned { 8.0 } else { 0.0 }
            })
        };
        let none = (1.0 - s / k as f64).powi(k as i32 - 1);
        let one = evaluate(&regime, &[kept(0)], DRAWS);
        assert_eq!(one.multi_view_error(), 0.0);
        let share = 1.0 / views as f64;
        close(one.single_view_error(), (1.0 - share) * (1.0 - none));
        assert_eq!(one.coverage(), share);
        close(one.classes_knowing(1), 1.0);
        for (v, cell) in one.single.iter().enumerate() {
            let (class, view) = (v / views, v % views);
            assert_eq!(cell.is_learned(), view == class % views);
        }
        // One member more, one view more.
        for members in 1..=views {
            let networks: Vec<_> = (0..members).map(kept).collect();
            let together = evaluate(&regime, &networks, DRAWS);
            close(together.coverage(), members as f64 * share);
            close(together.multi_view_error(), 0.0);
        }
    }
}

/// The paper's other noise is small beside what a class has learned: it leaves the answer as it is,
/// and the bounds narrow.
#[test]
fn patches_of_noise_and_feature_noise_are_within_the_bounds() {
    let (k, s) = (20, 5.0);
    let mut regime = plain_regime();
    regime.data.classes = k;
    regime.data.sparsity = s;
    regime.data.noise_variance = 1.0;
    regime.data.patches_per_feature = 2.into();
    regime.data.main_weight = [2.0, 2.5];
    regime.data.patches = PatchCount::Rule(PatchRule::Paper);
    regime.data.feature_noise = Relation::Rule(PaperRule::Paper);
    regime.network.relu_threshold = 6.0;
    regime.network.init_scale = 1e-3.into();
    let evaluation = evaluate(&regime, &[first_views(&regime, |_| 16.0)], DRAWS);
    let none = (1.0 - s / k as f64).powi(k as i32 - 1);
    let (found, within) = (evaluation.test_error_over_mu(), evaluation.uncertainty());
    assert!(within < 0.0005, "{within}");
    assert!(
        (found - 0.5 * (1.0 - none)).abs() <= within,
        "{found} ± {within}"
    );
}

#[test]
fn a_tie_is_an_error() {
    let mut regime = plain_regime();
    regime.data.classes = 2;
    regime.data.sparsity = 0.5;
    for (other, error) in [(2.0, 0.25), (1.999, 0.0), (2.001, 0.25)] {
        // ρ · 4 = Γ · 2.
        let network = first_views(&regime, |class| if class == 0 { 4.0 } else { other });
        close(evaluate(&regime, &[network], DRAWS).single[1].rate, error);
    }
    let silent = network(&regime, |_, _, _| -1.0);
    close(evaluate(&regime, &[silent], DRAWS).error(), 1.0);
}

/// Where one neuron of each class decides on its linear branch, the label loses with probability
/// `Φ((Γ b − ρ a)/(√2 σ_0 ν))`: both logits carry fresh noise `N(0, σ_0² ν²)`, and everything else
/// is silent.
#[test]
fn fresh_noise_has_the_scale_of_the_start_times_that_of_the_patch() {
    for (noise_variance, error) in [(0.25, 0.997_661), (1.0, 0.921_350), (4.0, 0.760_250)] {
        let mut regime = plain_regime();
        regime.data.classes = 2;
        regime.data.sparsity = 2.0; // every feature is present
        regime.data.noise_variance = noise_variance;
        regime.network.neurons_per_class = 1;
        regime.network.init_scale = 0.05.into();
        // ρ · 8 = 1.0 against Γ · 4.4 = 1.1 for class 0 on its lost view.
        let own = [8.0, 4.4];
        let network = network(&regime, |v, i, _| if v == 2 * i { own[i] } else { -100.0 });
        let found = evaluate(&regime, std::slice::from_ref(&network), DRAWS).single[1];
        let allowed = found.half_width + 5.0 * found.variance.sqrt();
        let rate = found.rate;
        assert!(allowed < 0.06, "{found:?}");
        assert!(
            (rate - error).abs() <= allowed,
            "ν² = {noise_variance}: {rate}, not {error}"
        );
        let mut rng = small::seed(1).rng(Purpose::Evaluation, 0);
        let draws = Draws {
            single_view: 4_000,
            multi_view: 1,
        };
        let plain = TestSet::draw(&regime.data, draws, &mut rng);
        let plain = plain
            .score(&plain.logits(&regime, &network, &mut rng))
            .single[1];
        // Five standard deviations of the count, and one input.
        let allowed = 5.0 * (error * (1.0 - error) / 4_000.0).sqrt() + 1.0 / 4_000.0;
        let rate = plain.rate;
        assert!(
            (rate - error).abs() < allowed,
            "ν² = {noise_variance}: {rate}, not {error}"
        );
    }
}

/// `TestSet` against hand-made logits: a tie is an error, cells weigh alike, and `D_m` weighs
/// `(1 − μ)/μ`.
#[test]
fn hand_made_logits_are_scored_as_arithmetic_says() {
    let mut regime = plain_regime();
    regime.data.classes = 2;
    regime.data.sparsity = 0.0;
    regime.data.single_view_share = 0.05;
    let draws = Draws {
        single_view: 4,
        multi_view: 5,
    };
    let mut rng = small::seed(1).rng(Purpose::Evaluation, 0);
    let plain = TestSet::draw(&regime.data, draws, &mut rng);
    // Class 0: views 0 and 1, four inputs each, then five of D_m; class 1 the same.
    let right = |label: usize| [[1.0, 0.5], [0.5, 1.0]][label];
    let mut logits: Vec<[f64; 2]> = [vec![right(0); 13], vec![right(1); 13]].concat();
    logits[1] = [1.0, 1.0]; // a tie: a quarter of class 0's first view
    logits[4..7].fill([0.0, 2.0]); // three quarters of its second
    logits[13 + 12] = [0.0, 0.0]; // a fifth of class 1's D_m, by a tie
    let found = plain.score(logits.as_flattened());
    close(found.single_view_error(), (0.25 + 0.75) / 4.0);
    close(found.multi_view_error(), 0.2 / 2.0);
    // μ = 1/20: 19 inputs of D_m for one of D_s.
    close(found.test_error_over_mu(), 0.25 + 19.0 * 0.1);
    close(found.error(), (0.25 + 19.0 * 0.1) / 20.0);
}

#[test]
fn errors_on_multi_view_inputs_weigh_as_many_as_there_are() {
    let regime = plain_regime();
    let network = first_views(&regime, |class| if class == 0 { 0.0 } else { 4.0 });
    let evaluation = evaluate(&regime, &[network], DRAWS);
    close(evaluation.multi[0].rate, 1.0);
    close(evaluation.multi_view_error(), 0.25);
    // μ = 0.2: four of five inputs are of D_m.
    let single = evaluation.single_view_error();
    close(evaluation.test_error_over_mu(), single + 4.0 * 0.25);
    close(evaluation.error(), 0.2 * single + 0.8 * 0.25);
}

#[test]
fn an_ensemble_decides_by_the_sum_of_its_members() {
    let mut regime = plain_regime();
    regime.data.sparsity = 0.0;
    // Alone, the first takes class 0's feature for class 1's; the others outvote it, though none of
    // them is as loud.
    let loud = network(&regime, |v, i, r| match (v, i, r) {
        (0, 1, 0) => 6.5,
        (v, i, 0) if v / 2 == i => 4.0,
        _ => 0.0,
    });
    let quiet = network(
        &regime,
        |v, i, r| if v / 2 == i && r == 0 { 1.5 } else { 0.0 },
    );
    let wrong = |networks: &[Trained<f32>]| {
        let evaluation = evaluate(&regime, networks, DRAWS);
        // Class 0's logit is (1 + ρ) times its overlaps' sum, less what the bend of φ takes, in
        // both cells; class 1's is 6.5 or ρ · 6.5.
        [evaluation.single[0].rate, evaluation.single[1].rate]
    };
    assert!(wrong(std::slice::from_ref(&loud))[0] > 1.0 - 1e-6);
    assert!(wrong(std::slice::from_ref(&quiet))[0] < 1e-6);
    assert!(wrong(&[loud.clone(), quiet.clone()])[0] > 1.0 - 1e-6);
    let outvoted = wrong(&[loud, quiet.clone(), quiet]);
    assert!(outvoted[0] < 1e-6 && outvoted[1] < 1e-6, "{outvoted:?}");
}

/// A weight of 0 met an overflow of the first branch of `φ`, and 0 · ∞ made errors.
#[test]
fn large_exponents_and_small_thresholds_are_no_errors() {
    for (weight, q, threshold, scale) in [
        ([0.0, 0.0], 16, 0.01, 0.005),
        ([0.0, 0.4], 16, 1e-6, 1e-6),
        ([0.0, 0.0], 5, 1e-6, 1.0),
    ] {
        let mut regime = small::regime();
        regime.data.other_weight = weight;
        regime.network.relu_exponent = q;
        regime.network.relu_threshold = threshold;
        regime.network.init_scale = scale.into();
        let network = first_views(&regime, |class| 50.0 + class as f64);
        let evaluation = evaluate(&regime, std::slice::from_ref(&network), DRAWS);
        close(evaluation.multi_view_error(), 0.0);
        let mut rng = small::seed(1).rng(Purpose::Evaluation, 0);
        let plain = TestSet::draw(&regime.data, Draws::default(), &mut rng);
        let plain = plain.score(&plain.logits(&regime, &network, &mut rng));
        close(plain.multi_view_error(), 0.0);
    }
}

#[test]
fn a_network_without_numbers_knows_nothing() {
    let regime = small::regime();
    for broken in [f64::NAN, f64::INFINITY] {
        let network = first_views(&regime, |class| if class == 2 { broken } else { 4.0 });
        close(evaluate(&regime, &[network], DRAWS).error(), 1.0);
    }
}

/// Single models, their ensemble and a student, as they were trained: where wrong features are few
/// and weak, and where they decide.
#[test]
fn trained_networks_agree_with_plain_evaluation() {
    for strong in [false, true] {
        let mut regime = small::regime();
        regime.data.classes = 5;
        regime.data.samples = SampleCount::Count(150);
        regime.training.steps = 600.into();
        if strong {
            regime.data.other_weight = [0.4, 0.4];
            regime.data.sparsity = 4.0;
            regime.data.main_weight = [1.0, 2.5];
        }
        let world = World::new(&regime, DRAWS, small::seed(5));
        let mut networks: Vec<Trained<f32>> = (0..3)
            .map(|index| world.train_alone(world.initial(index), None))
            .collect();
        let spec = Distillation {
            temperature: 0.2.into(),
            teacher_scale: 10.0,
            push_rate_per_class: 10.0,
            form: Form::default(),
            soft_labels: SoftLabels::All,
            warm_up_steps: 0.into(),
            steps: 600.into(),
            checkpoints: 0,
        };
        let student = world.distil(&spec, &networks, 1_000, false);
        check(
            &regime,
            std::slice::from_ref(&student.network),
            &student.evaluation,
            4_000,
        );
        let ensemble = evaluate(&regime, &networks[..2], DRAWS);
        check(&regime, &networks[..2], &ensemble, 4_000);
        let of_single = evaluate(&regime, &networks[..1], DRAWS);
        check(&regime, &networks[..1], &of_single, 4_000);
        networks.push(student.network);
        let threshold = 8.0 * regime.init_scale() as f32;
        let awake = networks.iter().any(|n| {
            let rows = n.features.chunks_exact(n.layout.row()).enumerate();
            let mut blocks = rows.flat_map(|(v, row)| {
                row.chunks_exact(n.layout.stride)
                    .enumerate()
                    .map(move |(i, b)| (v / 2 == i, b))
            });
            blocks.any(|(own, block)| !own && block.iter().any(|a| *a > threshold))
        });
        assert!(awake, "no wrong feature was learned");
    }
}
