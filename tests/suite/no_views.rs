//! Inputs without views: what is drawn, which labels it has, and what a world says of its networks,
//! rebuilt by the definitions.

use crate::small::{after, relative_gap, seed, smoothed_relu, wide};
use faer::{Mat, MatRef};
use multiview::data::DataSet;
use multiview::engine::{Stop, dense};
use multiview::no_views::{Inputs, Labelled, MODEL_QUANTITIES, MODELS, NoViews, WORLD_QUANTITIES};
use multiview::no_views::{measures, run_world, teacher};
use multiview::objective::{Distillation, Form, Objective, SoftLabels};
use multiview::procedure::{Models, Procedure, World, network_index};
use multiview::regime::{EngineKind, Regime, SampleCount};
use multiview::rows::ClassRows;

const KINDS: [Inputs; 3] = [Inputs::Gaussian, Inputs::Mixture(5), Inputs::MultiView];

/// `k = 4` in `d = 12`.
fn regime() -> Regime {
    let mut regime = crate::small::regime();
    regime.data.dimension = Some(12);
    regime.data.noise_variance = 2.0; // 60 steps learn something
    regime.data.samples = SampleCount::Count(80);
    regime.training.engine = EngineKind::Dense;
    regime.training.steps = 60.into();
    regime
}

fn spec(inputs: Inputs) -> NoViews {
    NoViews {
        inputs,
        teacher_neurons: 2,
        label_noise: 0.1,
        members: 3,
        distillation: Distillation {
            temperature: 0.3.into(),
            teacher_scale: 1.0,
            push_rate_per_class: 5.0,
            form: Form::TwoSided,
            soft_labels: SoftLabels::All,
            warm_up_steps: 0.into(),
            steps: 70.into(),
            checkpoints: 0,
        },
        fresh_inputs: 200,
    }
}

fn procedure(spec: NoViews) -> Procedure {
    let mut procedure: Procedure = toml::from_str("members = 1").expect("it reads");
    (procedure.members, procedure.no_views) = (0, Some(spec));
    procedure
}

/// `F_i(X_n) = Σ_{p,r} φ(⟨w_{i,r}, x_p⟩)` in `f64`, `[inputs][k]`, loop by loop.
fn naive(regime: &Regime, data: &DataSet, x: MatRef<f32>, weights: MatRef<f32>) -> Vec<Vec<f64>> {
    let neurons = weights.ncols() / regime.data.classes;
    let mut patch = 0;
    let mut logits = Vec::new();
    for sample in &data.samples {
        let mut row = vec![0.0; regime.data.classes];
        for _ in &sample.patches {
            for column in 0..weights.ncols() {
                let product = |j| f64::from(weights[(j, column)]) * f64::from(x[(j, patch)]);
                let z: f64 = (0..x.nrows()).map(product).sum();
                row[column / neurons] += smoothed_relu(&regime.network, z);
            }
            patch += 1;
        }
        logits.push(row);
    }
    logits
}

/// How many labels have not the strictly largest logit.
fn wrong(logits: &[Vec<f64>], data: &DataSet) -> usize {
    let is_wrong = |(row, label): (&Vec<f64>, usize)| {
        let mut others = row.iter().enumerate().filter(|(i, _)| *i != label);
        others.any(|(_, f)| *f >= row[label])
    };
    let labels = data.samples.iter().map(|s| s.label);
    logits.iter().zip(labels).filter(|x| is_wrong(*x)).count()
}

#[test]
fn labels_are_those_of_the_teacher() {
    let regime = regime();
    for inputs in [Inputs::Gaussian, Inputs::Mixture(5)] {
        let clean = NoViews {
            label_noise: 0.0,
            ..spec(inputs)
        };
        let weights = teacher(&regime, &clean, seed(0));
        assert_eq!(weights.columns.ncols(), 2 * regime.data.classes);
        let (training, spoilt) = Labelled::training(&regime, &clean, seed(0));
        assert_eq!(spoilt, 0);
        for set in [training, Labelled::fresh(&regime, &spec(inputs), seed(0))] {
            let logits = naive(
                &regime,
                &set.data,
                set.inputs.as_ref(),
                weights.columns.as_ref(),
            );
            assert_eq!(logits.len(), set.inputs.ncols());
            let mut seen = vec![0; regime.data.classes];
            for (row, sample) in logits.iter().zip(&set.data.samples) {
                let largest = row.iter().copied().fold(0.0, f64::max);
                // Sums of 12 products in single precision.
                assert!(
                    row[sample.label] >= largest * (1.0 - 1e-5),
                    "{inputs:?}: {row:?}"
                );
                seen[sample.label] += 1;
            }
            assert!(
                seen.iter().filter(|n| **n > 0).count() > 1,
                "{inputs:?}: {seen:?}"
            );
        }
    }
}

/// Squared norms are `ν²` in the mean, with standard deviation `ν² √(2/d)`; those about one centre
/// are half of it.
#[test]
fn inputs_have_the_variance_of_the_regime() {
    let mut regime = regime();
    let n = 4_000;
    regime.data.samples = SampleCount::Count(n);
    let (variance, d) = (regime.data.noise_variance, 12.0);
    let deviation = variance * (2.0 / d / n as f64).sqrt();
    let norms = |set: &Labelled, centre: &[f64]| -> f64 {
        let squares = |n: usize| {
            let entries = centre.iter().enumerate();
            entries
                .map(|(j, c)| (f64::from(set.inputs[(j, n)]) - c).powi(2))
                .sum::<f64>()
        };
        (0..n).map(squares).sum::<f64>() / n as f64
    };
    let (gaussian, _) = Labelled::training(&regime, &spec(Inputs::Gaussian), seed(1));
    let mean = norms(&gaussian, &[0.0; 12]);
    assert!((mean - variance).abs() < 5.0 * deviation, "{mean}");
    let (one, _) = Labelled::training(&regime, &spec(Inputs::Mixture(1)), seed(1));
    let centre: Vec<f64> = (0..12)
        .map(|j| (0..n).map(|n| f64::from(one.inputs[(j, n)])).sum::<f64>() / n as f64)
        .collect();
    let about = norms(&one, &centre);
    assert!((about - variance / 2.0).abs() < 5.0 * deviation, "{about}");
    // |c|²/2, of mean ν²/2 and standard deviation ν²/√(2 d).
    let of_centre: f64 = centre.iter().map(|c| c * c).sum();
    let spread = variance / (2.0 * d).sqrt();
    assert!(
        (of_centre - variance / 2.0).abs() < 4.0 * spread,
        "{of_centre}"
    );
    // The fresh inputs lie about the same centre.
    let fresh = Labelled::fresh(&regime, &spec(Inputs::Mixture(1)), seed(1));
    for (j, c) in centre.iter().enumerate() {
        let fresh_mean = (0..200)
            .map(|n| f64::from(fresh.inputs[(j, n)]))
            .sum::<f64>()
            / 200.0;
        let error = (variance / 2.0 / d / 200.0).sqrt();
        assert!(
            (fresh_mean - c).abs() < 6.0 * error,
            "{j}: {fresh_mean} {c}"
        );
    }
}

#[test]
fn wrong_labels_have_their_share_and_nest() {
    let mut regime = regime();
    regime.data.samples = SampleCount::Count(5_000);
    for inputs in KINDS {
        let at = |label_noise| {
            let spec = NoViews {
                label_noise,
                ..spec(inputs)
            };
            let (set, count) = Labelled::training(&regime, &spec, seed(2));
            let labels: Vec<usize> = set.data.samples.iter().map(|s| s.label).collect();
            (labels, count, set.inputs)
        };
        let (clean, none, inputs_of_clean) = at(0.0);
        let (few, few_count, inputs_of_few) = at(0.1);
        let (more, _, _) = at(0.3);
        assert_eq!((none, inputs_of_clean), (0, inputs_of_few));
        let mut steps = [0usize; 4];
        for ((clean, few), more) in clean.iter().zip(&few).zip(&more) {
            steps[(few + 4 - clean) % 4] += 1;
            assert!(
                few == clean || few == more,
                "a larger share spoils the same labels"
            );
        }
        assert_eq!(few_count, 5_000 - steps[0]);
        // Five standard deviations of binomial counts, about 500 and 167 of 5000.
        assert!(few_count.abs_diff(500) < 106, "{few_count}");
        assert!(steps[1..].iter().all(|n| n.abs_diff(167) < 64), "{steps:?}");
    }
}

/// The same networks, trained and asked by other code: errors on the training set are equal, and
/// those on fresh inputs but for at most one, whose logits may tie in single precision.
#[test]
fn a_world_is_what_its_networks_say() {
    let regime = regime();
    for inputs in KINDS {
        let spec = spec(inputs);
        let found = run_world(&regime, &spec, seed(3));
        let (training, spoilt) = Labelled::training(&regime, &spec, seed(3));
        let fresh = Labelled::fresh(&regime, &spec, seed(3));
        let n = training.data.samples.len() as f64;
        assert_eq!(found["wrong_labels"], spoilt as f64 / n);
        let world = dense::NoisyData::of(&training.data, training.inputs.clone());
        let train = |index, objective: &Objective<f32>, stop: Stop| {
            let start = world.initialise(&regime, seed(3), index);
            dense::train(&regime, &world, start, objective, stop, None)
        };
        let labels_alone = Objective::cross_entropy();
        let members: Vec<_> = (0..3)
            .map(|l| train(network_index::NO_VIEWS + l, &labels_alone, after(60)))
            .collect();
        let mut sum = vec![0.0f32; 80 * 4];
        for (_, trained) in &members {
            for (sum, f) in sum.iter_mut().zip(crate::small::logits(trained)) {
                *sum += f;
            }
        }
        let mean: Vec<f32> = sum.iter().map(|f| f / 3.0).collect();
        let soft = Objective::distillation(
            4,
            &spec.distillation,
            regime.training.learning_rate_per_class,
            &ClassRows::dense(4, &mean),
            training.data.samples.iter().map(|s| s.label),
        );
        let student = |objective| train(network_index::NO_VIEWS_STUDENT, objective, after(70));
        let says = |(weights, _): &(dense::Weights<f32>, _)| {
            naive(
                &regime,
                &fresh.data,
                fresh.inputs.as_ref(),
                weights.columns.as_ref(),
            )
        };
        let by_member: Vec<_> = members.iter().map(says).collect();
        let of_ensemble: Vec<Vec<f64>> = (0..fresh.data.samples.len())
            .map(|n| {
                (0..4)
                    .map(|i| by_member.iter().map(|f| f[n][i]).sum())
                    .collect()
            })
            .collect();
        let (distilled, relabelled) = (student(&soft), student(&labels_alone));
        let expected = [
            (
                "single",
                by_member
                    .iter()
                    .map(|f| wrong(f, &fresh.data))
                    .sum::<usize>() as f64
                    / 3.0,
            ),
            ("ensemble", wrong(&of_ensemble, &fresh.data) as f64),
            ("distilled", wrong(&says(&distilled), &fresh.data) as f64),
            ("relabelled", wrong(&says(&relabelled), &fresh.data) as f64),
        ];
        for (model, errors) in expected {
            let own = 200.0 * found[&format!("err_{model}")];
            assert!(
                (own - errors).abs() < 1.01,
                "{inputs:?} {model}: {own}, not {errors}"
            );
        }
        let errors = members
            .iter()
            .map(|(_, t)| t.training_errors)
            .sum::<usize>() as f64
            / 3.0;
        for (model, errors) in [
            ("single", errors),
            ("distilled", distilled.1.training_errors as f64),
            ("relabelled", relabelled.1.training_errors as f64),
        ] {
            assert!(
                (n * found[&format!("training_err_{model}")] - errors).abs() < 1e-9,
                "{model}"
            );
        }
        let of = |name: &str| found[&format!("err_{name}")];
        assert_eq!(found["gain_ratio"], of("ensemble") / of("single"));
        assert_eq!(found["carried_ratio"], of("distilled") / of("relabelled"));
        let of_student = |name: &str| (of(name), found[&format!("training_err_{name}")]);
        let (taught, alone) = (of_student("distilled"), of_student("relabelled"));
        assert_ne!(taught, alone, "{inputs:?}: the teacher tells nothing");
    }
}

/// The control is no other data than that on which the dense engine trains.
#[test]
fn multi_view_inputs_are_those_of_the_dense_engine() {
    let regime = regime();
    let clean = NoViews {
        label_noise: 0.0,
        ..spec(Inputs::MultiView)
    };
    let (training, _) = Labelled::training(&regime, &clean, seed(4));
    let world = World::new(&regime, multiview::evaluation::Draws::default(), seed(4));
    let literal = world.data.with_noise_patches(&regime.data, seed(4));
    let dense = dense::NoisyData::<f32>::draw(&regime, &literal, 12, seed(4)).expect("drawn");
    assert_eq!(training.data, literal);
    assert_eq!(training.inputs.as_ref(), dense.inputs());
    let found = run_world(&regime, &clean, seed(4));
    let errors: usize = (0..3)
        .map(|l| {
            let start = world.initial(network_index::NO_VIEWS + l);
            world.train_alone(start, None).training_errors
        })
        .sum();
    let due = errors as f64 / 3.0 / 80.0;
    assert!((found["training_err_single"] - due).abs() < 1e-12);
    // Fresh inputs show features and noise of the same law, and are not those of the training set.
    let fresh = Labelled::fresh(&regime, &clean, seed(4));
    let size = |x: &Mat<f32>| {
        wide(
            &x.col_iter()
                .flat_map(|c| c.iter().copied().collect::<Vec<_>>())
                .collect::<Vec<f32>>(),
        )
    };
    assert!(size(&fresh.inputs).len() > size(&training.inputs).len());
    let shared = size(&training.inputs).len();
    assert!(relative_gap(&size(&fresh.inputs)[..shared], &size(&training.inputs)) > 0.5);
}

/// Fresh inputs decide nothing that is trained, and keep their labels however many of the training
/// set are wrong.
#[test]
fn fresh_inputs_are_only_asked() {
    let regime = regime();
    for inputs in KINDS {
        let before = run_world(&regime, &spec(inputs), seed(5));
        let fewer = NoViews {
            fresh_inputs: 90,
            ..spec(inputs)
        };
        let after = run_world(&regime, &fewer, seed(5));
        for (name, value) in &before {
            if name.starts_with("training_err") || name == "wrong_labels" {
                assert_eq!(after[name], *value, "{inputs:?}: {name}");
            }
        }
        assert_ne!(after["err_single"], before["err_single"]);
        let noisy = NoViews {
            label_noise: 0.9,
            ..spec(inputs)
        };
        let fresh = |spec: &NoViews| Labelled::fresh(&regime, spec, seed(5)).data;
        assert_eq!(fresh(&noisy), fresh(&spec(inputs)));
    }
}

#[test]
fn quantities_are_those_that_are_listed() {
    let found = run_world(&regime(), &spec(Inputs::Gaussian), seed(6));
    let of_models = (MODEL_QUANTITIES.iter())
        .flat_map(|(name, _)| MODELS.map(|(model, _)| format!("{name}_{model}")));
    let of_world = WORLD_QUANTITIES.iter().map(|(name, _)| (*name).to_owned());
    let mut listed: Vec<String> = of_models.chain(of_world).collect();
    listed.sort();
    assert_eq!(found.keys().cloned().collect::<Vec<_>>(), listed);
    assert!(listed.iter().all(|name| measures(name)));
    for unknown in ["err", "err_joint", "gain", "training_err_"] {
        assert!(!measures(unknown), "{unknown}");
    }
}

/// A recorded world checks; nothing else is measured in it, and an ensemble that errs as often as a
/// member has nothing to recover.
#[test]
fn a_world_is_recorded_with_its_quantities() {
    let regime = regime();
    let mut unlike = spec(Inputs::Gaussian);
    unlike.members = 2;
    let procedures = [procedure(spec(Inputs::Gaussian)), procedure(unlike)];
    let draws = procedures[0].test_draws;
    let mut models = Models::new(&regime, draws, seed(7));
    for procedure in procedures.iter().chain([&procedures[0]]) {
        procedure.validate(&regime).expect("valid");
        let outcome = models.outcome(procedure).expect("measured");
        assert!(
            outcome
                .quantities
                .keys()
                .all(|name| name.starts_with("no_views."))
        );
        outcome.check(&regime, procedure, false).expect("it checks");
        let alone = Models::new(&regime, draws, seed(7)).outcome(procedure);
        assert_eq!(
            alone.expect("measured"),
            outcome,
            "worlds are shared without a change"
        );
        let text = toml::to_string(procedure).expect("written");
        assert_eq!(
            toml::from_str::<Procedure>(&text).expect("read"),
            *procedure
        );
    }
}

#[test]
fn fields_are_refused_by_name() {
    type Spoil = fn(&mut Regime, &mut NoViews);
    let cases: [(&str, Spoil); 9] = [
        ("procedure.no_views.inputs.mixture", |_, s| {
            s.inputs = Inputs::Mixture(0)
        }),
        ("procedure.no_views.teacher_neurons", |_, s| {
            s.teacher_neurons = 0
        }),
        ("procedure.no_views.label_noise", |_, s| s.label_noise = 1.5),
        ("procedure.no_views.members", |_, s| s.members = 1),
        ("procedure.no_views.distillation.steps", |_, s| {
            s.distillation.steps = 0.into()
        }),
        ("procedure.no_views.distillation.checkpoints", |_, s| {
            s.distillation.checkpoints = 3
        }),
        ("procedure.no_views.fresh_inputs", |_, s| s.fresh_inputs = 0),
        ("regime.training.engine", |r, _| {
            r.training.engine = EngineKind::Overlap
        }),
        ("regime.data.noise_variance", |r, _| {
            r.data.noise_variance = 0.0
        }),
    ];
    for (field, spoil) in cases {
        let (mut regime, mut spec) = (regime(), spec(Inputs::Gaussian));
        spoil(&mut regime, &mut spec);
        let error = procedure(spec).validate(&regime).expect_err(field);
        assert_eq!(error.field, field);
    }
    // Multi-view inputs have features, and do without noise.
    let mut silent = regime();
    silent.data.noise_variance = 0.0;
    procedure(spec(Inputs::MultiView))
        .validate(&silent)
        .expect("valid");
    let mut none = procedure(spec(Inputs::Gaussian));
    none.no_views = None;
    let error = none.validate(&regime()).expect_err("no network");
    assert_eq!(error.field, "procedure.members");
}
