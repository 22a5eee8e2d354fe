//! Random-feature models: solvers against references, features against dense vectors, claims on a
//! small scale.

use faer::prelude::SolveLstsq;
use faer::{Mat, Side};
use multiview::data::{Kind, Patch, Sample, draw_sample};
use multiview::network::SmoothedRelu;
use multiview::random_features::features::{Features, RandomNeurons};
use multiview::random_features::growth::{Growth, PREDICTED_EXPONENT};
use multiview::random_features::standardise::Standardiser;
use multiview::random_features::*;
use multiview::random_features::{logistic, ridge, strength};
use multiview::regime::{NetworkRegime, SampleCount};
use multiview::seed::{Purpose, WorldSeed};
use rand_distr::{Distribution, StandardNormal};
use rand_pcg::Pcg64;

const REGIME: &str = r#"
[model]
kind = "activation"
neurons = 20
relu_threshold = 1.0
init_scale = 1.0
readout = "ridge"
members = 8
students = 8
self_distilled = 8
strengths = [1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0]
held_out = 2000

[data]
classes = 20
samples = 3000
single_view_share = 0.1
sparsity = 4.0
main_weight = [1.0, 1.05]
other_weight = [0.38, 0.4]
weak_weight = 0.1
single_view_other_weight = 0.25
noise_variance = 0.25
"#;

fn regime() -> RandomFeatureRegime {
    toml::from_str(REGIME).unwrap()
}

fn small(kind: FeatureKind, readout: ReadoutKind) -> RandomFeatureRegime {
    let mut regime = regime();
    regime.data.classes = 6;
    regime.data.sparsity = 2.0;
    regime.data.samples = SampleCount::Count(300);
    regime.model.held_out = 200;
    regime.model.neurons = match kind {
        FeatureKind::Activation => 6,
        FeatureKind::Tangent => 1,
    };
    (regime.model.members, regime.model.students) = (4, 4);
    regime.model.self_distilled = 4;
    regime.model.strengths = vec![1e-5, 1e-4, 1e-3, 1e-2];
    (regime.model.kind, regime.model.readout) = (kind, readout);
    regime
}

const KINDS: [FeatureKind; 2] = [FeatureKind::Activation, FeatureKind::Tangent];
const READOUTS: [ReadoutKind; 2] = [ReadoutKind::Ridge, ReadoutKind::Logistic];

fn seed(world: u64) -> WorldSeed {
    WorldSeed {
        experiment: 5,
        world,
    }
}

fn rng(index: u64) -> Pcg64 {
    seed(0).rng(Purpose::RandomFeatures, index)
}

fn gaussian(rows: usize, columns: usize, rng: &mut Pcg64) -> Mat<f64> {
    Mat::from_fn(rows, columns, |_, _| StandardNormal.sample(rng))
}

/// A problem with its noise components, and the same with these written as columns of their own.
fn problem(inputs: usize, columns: usize, classes: usize) -> (Features, Features, Mat<f64>) {
    let mut rng = rng(1000 + (inputs * columns) as u64);
    let blocks: Vec<_> = (0..classes)
        .map(|_| gaussian(inputs, columns, &mut rng))
        .collect();
    let noise = gaussian(inputs, classes, &mut rng);
    let noise = Mat::from_fn(inputs, classes, |n, i| noise[(n, i)].powi(2));
    let explicit = (blocks.iter().enumerate())
        .map(|(i, block)| {
            Mat::from_fn(inputs, columns + inputs, |n, c| {
                match c.checked_sub(columns) {
                    None => block[(n, c)],
                    Some(own) if own == n => noise[(n, i)].sqrt(),
                    Some(_) => 0.0,
                }
            })
        })
        .collect();
    let targets = gaussian(inputs, classes, &mut rng);
    (
        Features {
            blocks,
            noise: Some(noise),
        },
        Features {
            blocks: explicit,
            noise: None,
        },
        targets,
    )
}

/// `[θ; b]` of one class from the QR factors of the augmented system `[X 1; √(Nλ) I 0]`.
fn reference(x: &Mat<f64>, targets: &Mat<f64>, class: usize, strength: f64) -> Mat<f64> {
    let (inputs, columns) = (x.nrows(), x.ncols());
    let penalty = (strength * inputs as f64).sqrt();
    let system = Mat::from_fn(inputs + columns, columns + 1, |r, c| {
        match (r.checked_sub(inputs), c == columns) {
            (None, true) => 1.0,
            (None, false) => x[(r, c)],
            (Some(own), _) => f64::from(own == c) * penalty,
        }
    });
    let right = Mat::from_fn(inputs + columns, 1, |r, _| {
        if r < inputs { targets[(r, class)] } else { 0.0 }
    });
    system.qr().solve_lstsq(&right)
}

fn distance(a: &Mat<f64>, b: &Mat<f64>) -> f64 {
    (a - b).norm_max()
}

#[test]
fn ridge_agrees_with_the_augmented_least_squares_problem() {
    // Primal and dual; with noise components eliminated and with them explicit.
    for (inputs, columns) in [(60, 12), (20, 50)] {
        let (features, explicit, targets) = problem(inputs, columns, 3);
        for strength in [1e-6, 1e-2, 10.0] {
            let fit = ridge::fit(&features, &targets, strength).unwrap();
            let long = ridge::fit(&explicit, &targets, strength).unwrap();
            for class in 0..3 {
                let exact = reference(&explicit.blocks[class], &targets, class, strength);
                let theta = exact.as_ref().subrows(0, columns).to_owned();
                let all = exact.as_ref().subrows(0, columns + inputs).to_owned();
                let b = exact[(columns + inputs, 0)];
                assert!(distance(&fit.readout.coefficients[class], &theta) < 1e-8);
                assert!(distance(&long.readout.coefficients[class], &all) < 1e-8);
                assert!((fit.readout.intercept[class] - b).abs() < 1e-8);
                assert!((long.readout.intercept[class] - b).abs() < 1e-8);
            }
            assert!(distance(&fit.training_outputs, &long.training_outputs) < 1e-8);
        }
    }
}

#[test]
fn ridge_reports_the_condition_number() {
    let mut rng = rng(7);
    let x = gaussian(80, 10, &mut rng);
    let centred = {
        let mean: Vec<f64> = x.col_iter().map(|c| c.iter().sum::<f64>() / 80.0).collect();
        Mat::from_fn(80, 10, |n, c| x[(n, c)] - mean[c])
    };
    let mut gram = centred.transpose() * &centred;
    (0..10).for_each(|j| gram[(j, j)] += 80.0 * 0.1);
    let eigenvalues = gram.self_adjoint_eigenvalues(Side::Lower).unwrap();
    let exact = eigenvalues[9] / eigenvalues[0];
    let features = Features {
        blocks: vec![x],
        noise: None,
    };
    let found = ridge::fit(&features, &gaussian(80, 2, &mut rng), 0.1)
        .unwrap()
        .condition;
    assert!((found / exact - 1.0).abs() < 0.05, "{found} for {exact}");
}

#[test]
fn logistic_agrees_with_newton_and_with_explicit_noise() {
    let (features, explicit, scores) = problem(40, 3, 3);
    let labels = logistic::softmax(&(scores * 2.0));
    let strength = 0.02;
    let (fit, _) = logistic::fit(&features, &labels, strength, None).unwrap();
    let (long, _) = logistic::fit(&explicit, &labels, strength, None).unwrap();
    assert!(fit.gradient <= logistic::TOLERANCE && long.gradient <= logistic::TOLERANCE);
    assert!(distance(&fit.training_outputs, &long.training_outputs) < 1e-3);
    let exact = newton(&explicit, &labels, strength);
    for class in 0..3 {
        let theta = Mat::from_fn(43, 1, |c, _| exact[(class * 44 + c, 0)]);
        assert!(distance(&long.readout.coefficients[class], &theta) < 1e-3);
        let theta = theta.as_ref().subrows(0, 3).to_owned();
        assert!(distance(&fit.readout.coefficients[class], &theta) < 1e-3);
    }
}

/// Newton's method with the full Hessian; unknowns class by class, the intercept last in each.
fn newton(features: &Features, labels: &Mat<f64>, strength: f64) -> Mat<f64> {
    let (inputs, k) = (features.inputs(), labels.ncols());
    let p = features.blocks[0].ncols() + 1;
    let x = |n: usize, i: usize, c: usize| {
        if c + 1 < p {
            features.blocks[i][(n, c)]
        } else {
            1.0
        }
    };
    // The constant that the softmax does not see is held by a vanishing penalty.
    let penalty = |c: usize| if c + 1 < p { strength } else { 1e-9 };
    let mut w: Mat<f64> = Mat::zeros(k * p, 1);
    for _ in 0..60 {
        let f = Mat::from_fn(inputs, k, |n, i| {
            (0..p).map(|c| x(n, i, c) * w[(i * p + c, 0)]).sum()
        });
        let s = logistic::softmax(&f);
        let share = 1.0 / inputs as f64;
        let gradient = Mat::from_fn(k * p, 1, |a, _| {
            let (i, c) = (a / p, a % p);
            let sum: f64 = (0..inputs)
                .map(|n| (s[(n, i)] - labels[(n, i)]) * x(n, i, c))
                .sum();
            share * sum + penalty(c) * w[(a, 0)]
        });
        let hessian = Mat::from_fn(k * p, k * p, |a, b| {
            let (i, c, j, e) = (a / p, a % p, b / p, b % p);
            let sum: f64 = (0..inputs)
                .map(|n| s[(n, i)] * (f64::from(i == j) - s[(n, j)]) * x(n, i, c) * x(n, j, e))
                .sum();
            share * sum + f64::from(a == b) * penalty(c)
        });
        // Half steps: the problem is convex and small, and robustness is all that matters here.
        w -= hessian.qr().solve_lstsq(&gradient) * 0.5;
    }
    w
}

#[test]
fn useless_features_carry_no_weight() {
    let mut rng = rng(3);
    let x = gaussian(50, 4, &mut rng);
    let targets = gaussian(50, 2, &mut rng);
    let wide = Mat::from_fn(50, 6, |n, c| match c {
        0..4 => x[(n, c)],
        4 => 0.1 + 0.2,
        _ => 0.0,
    });
    let outputs = |x: &Mat<f64>| {
        let raw = Features {
            blocks: vec![x.clone()],
            noise: None,
        };
        let standardiser = Standardiser::fit(FeatureKind::Activation, &raw);
        let features = standardiser.apply(&raw);
        let fit = ridge::fit(&features, &targets, 1e-3).unwrap();
        (standardiser.dropped(&raw), fit.readout.outputs(&features))
    };
    let ((none, exact), (two, found)) = (outputs(&x), outputs(&wide));
    assert_eq!((none, two), (0, 2));
    assert!(distance(&exact, &found) < 1e-12);
    // No feature at all: the mean of the targets.
    let (dropped, level) = outputs(&Mat::zeros(50, 3));
    assert_eq!(dropped, 3);
    let mean = targets.col(1).iter().sum::<f64>() / 50.0;
    assert!((level[(7, 1)] - mean).abs() < 1e-12);
}

#[test]
fn repeated_features_share_their_weight() {
    let mut rng = rng(4);
    let x = gaussian(30, 3, &mut rng);
    let targets = gaussian(30, 1, &mut rng);
    let twice = Mat::from_fn(30, 6, |n, c| x[(n, c % 3)]);
    for strength in [1e-12, 1e-4] {
        let features = Features {
            blocks: vec![twice.clone()],
            noise: None,
        };
        let fit = ridge::fit(&features, &targets, strength).unwrap();
        let exact = reference(&twice, &targets, 0, strength);
        let span = (&twice * exact.as_ref().subrows(0, 6)).to_owned();
        let outputs = Mat::from_fn(30, 1, |n, _| span[(n, 0)] + exact[(6, 0)]);
        assert!(distance(&fit.readout.outputs(&features), &outputs) < 1e-6);
    }
}

/// Of a grid: where the held-out loss is least, which is neither end, while the training loss is
/// least at the weakest.
#[test]
fn the_strength_is_that_of_least_loss_on_held_out_inputs() {
    let mut rng = rng(11);
    let truth = gaussian(20, 2, &mut rng);
    let mut set = |inputs: usize| {
        let x = gaussian(inputs, 20, &mut rng);
        let targets = &x * &truth + gaussian(inputs, 2, &mut rng) * 4.0;
        let features = Features {
            blocks: vec![x],
            noise: None,
        };
        (features, targets)
    };
    let ((training, labels), (held_out, held_out_labels)) = (set(40), set(300));
    let grid = [1e-4, 1e-3, 1e-2, 1e-1, 1.0, 1e1, 1e2];
    let [seen, fresh] = [(&training, &labels), (&held_out, &held_out_labels)].map(|(x, y)| {
        grid.map(|strength| {
            let fit = ridge::fit(&training, &labels, strength).unwrap();
            (fit.readout.outputs(x) - y).squared_norm_l2() / x.inputs() as f64
        })
    });
    let least = |losses: [f64; 7]| {
        (0..7)
            .min_by(|a, b| losses[*a].total_cmp(&losses[*b]))
            .unwrap()
    };
    assert!(
        least(seen) == 0 && (2..6).contains(&least(fresh)),
        "{fresh:?}"
    );
    let chosen = strength::choose(
        ReadoutKind::Ridge,
        &grid,
        strength::Supervised {
            features: &training,
            targets: &labels,
        },
        strength::Supervised {
            features: &held_out,
            targets: &held_out_labels,
        },
    );
    let chosen = chosen.unwrap();
    assert_eq!(chosen.strength, grid[least(fresh)]);
    assert!((chosen.held_out_loss / fresh[least(fresh)] - 1.0).abs() < 1e-12);
}

/// A feature of an input of noise alone: a sum of rectified `N(0, σ_0² ν²)`, one for each patch,
/// independent.
#[test]
fn random_features_meet_noise_of_its_own_on_every_patch() {
    for noise_variance in [0.25, 4.0] {
        let mut regime = small(FeatureKind::Activation, ReadoutKind::Ridge);
        regime.data.noise_variance = noise_variance;
        regime.model.relu_exponent = 1;
        let neurons = RandomNeurons::draw(&regime, 20, &mut rng(21));
        let patch = Patch {
            feature: None,
            weight: 0.0,
            feature_noise: 0.0,
        };
        for patches in [1, 2] {
            let sample = Sample {
                label: 0,
                kind: Kind::MultiView,
                patches: vec![patch; patches],
            };
            let features = neurons.features(&vec![sample; 1_000], &mut rng(22));
            let values = features.blocks[0]
                .col_iter()
                .flat_map(|column| column.iter());
            let squares: f64 = values.map(|f| f * f / noise_variance).sum();
            // Of N^+ the mean is 1/√(2π) and the mean square 1/2; two patches add 2 · 1/(2π).
            // Deviations of about 2/√20000: five.
            let cross = [0.0, 1.0 / std::f64::consts::PI][patches - 1];
            let due = 0.5 * patches as f64 + cross;
            let found = squares / 20_000.0;
            assert!(
                (found - due).abs() < 0.07,
                "ν² = {noise_variance}: {found}, not {due}"
            );
        }
    }
}

#[test]
fn strong_regularisation_leaves_the_mean() {
    let (features, _, scores) = problem(40, 5, 3);
    let fit = ridge::fit(&features, &scores, 1e9).unwrap();
    let labels = logistic::softmax(&scores);
    let (soft, _) = logistic::fit(&features, &labels, 1e9, None).unwrap();
    for class in 0..3 {
        let mean = |m: &Mat<f64>| m.col(class).iter().sum::<f64>() / 40.0;
        assert!(fit.readout.coefficients[class].norm_max() < 1e-8);
        assert!((fit.readout.intercept[class] - mean(&scores)).abs() < 1e-8);
        let level = mean(&logistic::softmax(&soft.training_outputs));
        assert!((level - mean(&labels)).abs() < 1e-5);
    }
}

/// `K_i(X, X')` of dense patches `[patches]` of two inputs, for weights `[neurons][d]`.
fn dense_kernel(
    weights: &[Vec<f64>],
    x: &[Vec<f64>],
    y: &[Vec<f64>],
    slope: &dyn Fn(f64) -> f64,
) -> f64 {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let gates =
        |patch: &Vec<f64>| -> Vec<f64> { weights.iter().map(|w| slope(dot(w, patch))).collect() };
    let of_y: Vec<_> = y.iter().map(gates).collect();
    let mut sum = 0.0;
    for p in x {
        let of_p = gates(p);
        for (q, of_q) in y.iter().zip(&of_y) {
            sum += dot(&of_p, of_q) * dot(p, q);
        }
    }
    sum
}

/// `K_i` between inputs `a` and `b`, from features.
fn kernel(features: &Features, class: usize, a: usize, b: usize) -> f64 {
    let block = &features.blocks[class];
    let shared: f64 = (block.row(a).iter().zip(block.row(b).iter()))
        .map(|(x, y)| x * y)
        .sum();
    let own = features.noise.as_ref().unwrap();
    shared + f64::from(a == b) * own[(a, class)]
}

fn tangent_setting() -> (RandomFeatureRegime, impl Fn(f64) -> f64) {
    let mut regime = small(FeatureKind::Tangent, ReadoutKind::Ridge);
    regime.data.classes = 3;
    regime.data.feature_noise = 0.05.into();
    let activation = SmoothedRelu::<f64>::new(&NetworkRegime {
        neurons_per_class: 1,
        relu_exponent: 3,
        relu_threshold: regime.model.relu_threshold,
        init_scale: regime.model.init_scale.into(),
    });
    (regime, move |z| activation.value_and_slope(z).1)
}

#[test]
fn tangent_kernel_is_the_dense_one() {
    let (mut regime, slope) = tangent_setting();
    let features = regime.data.features();
    let samples: Vec<_> = [Kind::MultiView, Kind::SingleView(1), Kind::MultiView]
        .iter()
        .map(|kind| draw_sample(&regime.data, 1, *kind, &mut rng(0)))
        .collect();
    let signal = |n: usize, d: usize| -> Vec<Vec<f64>> {
        (samples[n].patches.iter())
            .map(|p| {
                let mut x = vec![0.0; d];
                x[..features].fill(f64::from(p.feature_noise));
                x[p.feature.unwrap() as usize] += f64::from(p.weight);
                x
            })
            .collect()
    };

    // Without Gaussian noise the features span everything: exact, with d = 2k.
    (regime.data.noise_variance, regime.model.neurons) = (0.0, 4);
    let neurons = RandomNeurons::draw(&regime, regime.model.neurons, &mut rng(1));
    let found = neurons.features(&samples, &mut rng(2));
    let weights: Vec<Vec<f64>> = (neurons.overlaps().chunks(features).skip(4).take(4))
        .map(<[f64]>::to_vec)
        .collect();
    for a in 0..3 {
        for b in 0..3 {
            let exact = dense_kernel(&weights, &signal(a, features), &signal(b, features), &slope);
            assert!((kernel(&found, 1, a, b) - exact).abs() < 1e-12 * exact.abs().max(1.0));
        }
    }

    // With it: the mean over many neurons, in a high dimension.
    (regime.data.noise_variance, regime.model.neurons) = (0.25, 6000);
    let (d, dense_neurons) = (1500, 6000);
    let found = RandomNeurons::draw(&regime, regime.model.neurons, &mut rng(3))
        .features(&samples, &mut rng(4));
    let mut noise = rng(5);
    let mut noisy = |n: usize| -> Vec<Vec<f64>> {
        let mut patches = signal(n, d);
        for x in patches.iter_mut().flatten() {
            let xi: f64 = StandardNormal.sample(&mut noise);
            *x += xi * (0.25 / d as f64).sqrt();
        }
        patches
    };
    let inputs = [noisy(0), noisy(1)];
    let weights: Vec<Vec<f64>> = (0..dense_neurons)
        .map(|_| (0..d).map(|_| StandardNormal.sample(&mut noise)).collect())
        .collect();
    for (a, b) in [(0, 0), (0, 1), (1, 1)] {
        let dense = dense_kernel(&weights, &inputs[a], &inputs[b], &slope) / dense_neurons as f64;
        let limit = kernel(&found, 1, a, b) / 6000.0;
        assert!((limit / dense - 1.0).abs() < 0.1, "{limit} against {dense}");
    }
}

#[test]
fn joint_features_are_the_members_side_by_side() {
    let regime = small(FeatureKind::Tangent, ReadoutKind::Ridge);
    let samples = [draw_sample(&regime.data, 0, Kind::MultiView, &mut rng(0))];
    let models: Vec<_> = (1..4)
        .map(|l| {
            RandomNeurons::draw(&regime, regime.model.neurons, &mut rng(l))
                .features(&samples, &mut rng(9 + l))
        })
        .collect();
    let joint = Features::concatenated(&models.iter().collect::<Vec<_>>());
    let sum: f64 = models.iter().map(|m| kernel(m, 2, 0, 0)).sum();
    assert!((kernel(&joint, 2, 0, 0) - sum).abs() < 1e-12);
}

#[test]
fn a_world_reports_every_quantity_in_its_table_and_nothing_else() {
    for kind in KINDS {
        for readout in READOUTS {
            let found = run_world(&small(kind, readout), seed(0)).unwrap();
            let mut names: Vec<String> = WORLD_QUANTITIES.map(|q| q.0.to_owned()).to_vec();
            for (model, _) in MODELS {
                // Of the views, the two that a class has.
                let measured = MODEL_QUANTITIES.iter().map(|(q, _)| *q);
                let measured = measured.filter(|q| !["acc_view_3", "acc_view_4"].contains(q));
                names.extend(measured.map(|q| format!("{q}_{model}")));
                if model != "ensemble" {
                    names.extend(SOLVER_QUANTITIES.map(|(q, _)| format!("{q}_{model}")));
                }
            }
            names.sort();
            assert_eq!(found.keys().cloned().collect::<Vec<_>>(), names);
            assert!(found["optimiser_gradient_joint"] <= logistic::TOLERANCE);
            let both = found["classes_both_single"] + found["classes_one_single"];
            assert!((both + found["classes_none_single"] - 1.0).abs() < 1e-12);
        }
    }
}

/// Students of one member are an addition: without them all else is the same to the bit.
#[test]
fn self_distilled_models_change_nothing_of_the_others() {
    let with = small(FeatureKind::Activation, ReadoutKind::Ridge);
    let mut without = with.clone();
    without.model.self_distilled = 0;
    let (found, fewer) = (
        run_world(&with, seed(0)).unwrap(),
        run_world(&without, seed(0)).unwrap(),
    );
    let named = |name: &str| name.contains("self_distilled") || name == "order";
    assert!(fewer.keys().all(|name| !named(name)));
    for (name, value) in &found {
        let same = fewer.get(name).map(|v| v.to_bits()) == Some(value.to_bits());
        assert!(same || named(name), "{name}");
        assert!(measures(&with.model, name), "{name}");
        assert_eq!(measures(&without.model, name), !named(name), "{name}");
    }
    // A regime without them is written as it was before there were any, so that records of it go
    // on.
    assert!(
        !toml::to_string(&without)
            .unwrap()
            .contains("self_distilled")
    );
}

/// The order is that of the world's own errors, and so is the share of the gain.
#[test]
fn the_order_of_a_world_is_that_of_its_errors() {
    let mut seen = [false; 2];
    // With 20 neurons for 40 views the ensemble is nearly perfect already.
    for (neurons, world) in [(2, 0), (2, 1), (20, 0)] {
        let mut regime = regime();
        regime.model.neurons = neurons;
        let found = run_world(&regime, seed(world)).unwrap();
        let of = |model: &str| found[&format!("err_{model}")];
        let [single, ensemble, joint] = ["single", "ensemble", "joint"].map(of);
        let [distilled, self_distilled] = ["student", "self_distilled"].map(of);
        let gain = single - ensemble;
        let share = (distilled - self_distilled) / gain;
        assert!((found["self_distilled_share"] - share).abs() < 1e-12);
        let due = gain > 0.0
            && ensemble - joint > 0.1 * gain
            && single - distilled <= 0.1 * gain
            && distilled - self_distilled <= 0.1 * gain;
        assert_eq!(found["order"], f64::from(due), "{found:?}");
        seen[usize::from(due)] = true;
    }
    assert_eq!(seen, [true, true], "both are met");
}

#[test]
fn a_world_does_not_depend_on_the_number_of_threads() {
    for kind in KINDS {
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            let regime = small(kind, ReadoutKind::Ridge);
            let found = pool
                .build()
                .unwrap()
                .install(|| run_world(&regime, seed(1)));
            let bits = |(name, value): (String, f64)| (name, value.to_bits());
            found.unwrap().into_iter().map(bits).collect::<Vec<_>>()
        };
        assert_eq!(run(1), run(3));
    }
}

#[test]
fn one_view_per_class_has_no_second_view() {
    let mut regime = small(FeatureKind::Activation, ReadoutKind::Ridge);
    regime.data.views_per_class = 1;
    let found = run_world(&regime, seed(0)).unwrap();
    assert!(!found.contains_key("acc_view_2_single"));
    assert_eq!(found["classes_both_ensemble"], 0.0);
}

#[test]
fn the_ensemble_gains_and_its_distillation_does_not() {
    for world in 0..2 {
        let found = run_world(&regime(), seed(world)).unwrap();
        assert!((0.1..0.5).contains(&found["err_single"]), "{found:?}");
        assert!(found["gain_ratio"] < 0.1, "{found:?}");
        assert!(found["recovered_share"] < 0.05, "{found:?}");
        assert!(found["err_joint"] <= found["err_ensemble"], "{found:?}");
    }
}

#[test]
fn a_student_with_the_features_of_its_teacher_is_the_teacher() {
    for kind in KINDS {
        for readout in READOUTS {
            let mut regime = small(kind, readout);
            regime.model.student_features = StudentFeatures::Teachers;
            let found = run_world(&regime, seed(0)).unwrap();
            let recovered = found["recovered_share"];
            assert!(
                (recovered - 1.0).abs() < 0.1,
                "{kind:?} {readout:?}: {recovered}"
            );
            // A student of each member, over its features: that member again, without any gain.
            let own = found["err_self_distilled"] - found["err_single"];
            let gain = found["err_single"] - found["err_ensemble"];
            assert!(
                own.abs() < 0.1 * gain,
                "{kind:?} {readout:?}: {own} of {gain}"
            );
        }
    }
}

#[test]
fn in_the_kernel_limit_there_is_nothing_to_gain() {
    // Error from classes that two inputs each cannot teach, not from too few features.
    let mut regime = regime();
    (
        regime.model.neurons,
        regime.model.members,
        regime.model.students,
    ) = (500, 3, 1);
    regime.data.samples = SampleCount::Count(40);
    let found = run_world(&regime, seed(0)).unwrap();
    assert!(
        found["err_single"] > 0.02 && found["gain_ratio"] > 0.8,
        "{found:?}"
    );
}

#[test]
fn gain_and_gap_shrink_with_the_number_of_neurons() {
    let regime = small(FeatureKind::Activation, ReadoutKind::Ridge);
    let growth = Growth::of_world(&regime, seed(0), &[24, 48, 96, 192, 384]).unwrap();
    let (first, last) = (growth.points[0], growth.points[4]);
    assert!(last.loss_gap < 0.3 * first.loss_gap, "{growth:?}");
    // The ambiguity decomposition, exactly.
    for point in &growth.points {
        let gain = point.feature_variance * (1.0 - 1.0 / 4.0);
        assert!((point.loss_gain / gain - 1.0).abs() < 1e-9);
    }
    assert!((PREDICTED_EXPONENT - 0.2..PREDICTED_EXPONENT + 0.4).contains(&growth.gain_exponent));
    assert!(
        (0.7..1.3).contains(&growth.variance_over_prediction),
        "{growth:?}"
    );
}

#[test]
fn a_bad_regime_is_refused_by_name() {
    type Spoil = fn(&mut RandomFeatureRegime);
    let spoilers: [(&str, Spoil); 10] = [
        ("model.self_distilled", |r| r.model.self_distilled = 1025),
        ("model.init_scale", |r| r.model.init_scale = 1e-9),
        ("data.classes", |r| r.data.classes = 1),
        ("model.neurons", |r| r.model.neurons = 0),
        ("model.relu_exponent", |r| r.model.relu_exponent = 2),
        ("model.init_scale", |r| r.model.init_scale = 0.0),
        ("model.members", |r| r.model.members = 1),
        ("model.strengths", |r| r.model.strengths = vec![]),
        ("model.strengths", |r| {
            r.model.strengths = vec![1.0, f64::NAN]
        }),
        ("model.held_out", |r| r.model.held_out = 0),
    ];
    for (field, spoil) in spoilers {
        let mut bad = regime();
        spoil(&mut bad);
        match run_world(&bad, seed(0)) {
            Err(RandomFeatureError::Regime(error)) => assert_eq!(error.field, field),
            other => panic!("{field}: {other:?}"),
        }
    }
}

#[test]
fn a_regime_survives_toml_and_refuses_unknown_fields() {
    let text = toml::to_string(&regime()).unwrap();
    assert_eq!(
        toml::from_str::<RandomFeatureRegime>(&text).unwrap(),
        regime()
    );
    assert!(toml::from_str::<RandomFeatureRegime>(&REGIME.replace("neurons", "neuron")).is_err());
}
