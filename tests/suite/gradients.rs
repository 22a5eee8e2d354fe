//! Every update against central differences of the loss it descends, in `f64`.

use crate::small::{after, at, data, largest_gap, seed, smoothed_relu};
use multiview::data::{DataSet, Patch};
use multiview::engine::noise::Noise;
use multiview::engine::state::{Layout, Overlaps};
use multiview::engine::{dense, reference};
use multiview::objective::{Distillation, Form, Objective, SoftLabels};
use multiview::regime::{PatchCount, Regime, SampleCount};
use multiview::rows::ClassRows;
use rand::RngExt;

/// Step of the differences: truncation `h²` and rounding `10⁻¹⁶/h` are both below `10⁻⁹`.
const H: f64 = 1e-5;

/// Allowed error, relative to the largest entry. Central differences reach `10⁻⁸` where the loss is
/// smooth; `φ''` jumps at `ϱ`, and a pre-activation within `H` of it costs up to `H` of its own
/// term.
const TOLERANCE: f64 = 1e-6;

/// Pre-activations of order 1 on all three branches of `φ`; step size 1.
fn regime(exponent: u32) -> Regime {
    let mut regime = crate::small::regime();
    regime.data.classes = 3;
    regime.data.samples = SampleCount::Count(12);
    regime.network.neurons_per_class = 2;
    regime.network.relu_exponent = exponent;
    regime.network.init_scale = 1.0.into();
    regime.training.learning_rate_per_class = 1.0 / 3.0;
    regime
}

/// A teacher that pulls five times as hard as the labels.
fn distillation(form: Form) -> Distillation {
    Distillation {
        temperature: 0.7.into(),
        teacher_scale: 1.5,
        push_rate_per_class: 5.0 / 3.0,
        form,
        soft_labels: SoftLabels::All,
        warm_up_steps: 0.into(),
        steps: 1.into(),
        checkpoints: 0,
    }
}

/// `log Σ exp`.
fn log_sum_exp(x: &[f64]) -> f64 {
    let top = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    top + x.iter().map(|x| (x - top).exp()).sum::<f64>().ln()
}

/// Mean cross-entropy of logits `[N][k]`.
fn cross_entropy(data: &DataSet, logits: &[f64]) -> f64 {
    let rows = logits.chunks_exact(logits.len() / data.samples.len());
    let losses = rows
        .zip(&data.samples)
        .map(|(f, s)| log_sum_exp(f) - f[s.label]);
    losses.sum::<f64>() / data.samples.len() as f64
}

/// Mean of `−Σ_i logit^τ_i(G) log logit^τ_i(F)`, truncated or not.
fn tempered_cross_entropy(
    spec: &Distillation,
    truncated: bool,
    teacher: &[f64],
    logits: &[f64],
    classes: usize,
) -> f64 {
    let tau = spec.temperature(classes);
    let exponents = |f: &[f64], scale: f64| -> Vec<f64> {
        let x = f.iter().map(|f| tau * scale * f);
        x.map(|x| if truncated { x.min(1.0 / tau) } else { x })
            .collect()
    };
    let rows = logits.chunks_exact(classes);
    let losses = rows
        .zip(teacher.chunks_exact(classes))
        .map(|(f, g)| -> f64 {
            let (f, g) = (exponents(f, 1.0), exponents(g, spec.teacher_scale));
            let (f_total, g_total) = (log_sum_exp(&f), log_sum_exp(&g));
            let pairs = f.iter().zip(&g);
            pairs
                .map(|(f, g)| (g - g_total).exp() * (f_total - f))
                .sum()
        });
    losses.sum::<f64>() / (logits.len() / classes) as f64
}

/// `[N][k]` logits of a made-up teacher that has an opinion on every class.
fn teacher(data: &DataSet, classes: usize) -> Vec<f64> {
    let mut rng = seed(7).rng(multiview::seed::Purpose::Validation, 0);
    (0..data.samples.len() * classes)
        .map(|_| 3.0 * rng.random::<f64>())
        .collect()
}

/// The change of the weights in one step of size 1, and minus the central differences of `loss`.
fn dense_step(
    regime: &Regime,
    data: &DataSet,
    objective: &Objective<f64>,
    loss: impl Fn(&[f64]) -> f64,
) -> (Vec<f64>, Vec<f64>) {
    let world = dense::NoisyData::<f64>::draw(regime, data, 9, seed(1)).unwrap();
    let start = world.initialise(regime, seed(1), 0);
    let (after, _) = dense::train(regime, &world, start.clone(), objective, after(1), None);
    let (mut moved, mut descent) = (Vec::new(), Vec::new());
    for j in 0..start.columns.ncols() {
        for i in 0..start.columns.nrows() {
            moved.push(after.columns[(i, j)] - start.columns[(i, j)]);
            let at = |h: f64| {
                let mut shifted = start.clone();
                shifted.columns[(i, j)] += h;
                loss(&world.logits(regime, &shifted))
            };
            descent.push((at(-H) - at(H)) / (2.0 * H));
        }
    }
    (moved, descent)
}

/// Also with samples of more patches than the engine takes at a time.
#[test]
fn the_dense_step_descends_the_cross_entropy() {
    let as_needed = PatchCount::default();
    for exponent in [1, 3, 4, 5] {
        for (feature_noise, patches) in [
            (0.0, as_needed),
            (0.1, as_needed),
            (0.0, PatchCount::Count(110)),
        ] {
            let mut regime = regime(exponent);
            regime.data.feature_noise = feature_noise.into();
            regime.data.patches = patches;
            let data = data(&regime, seed(1));
            let objective = Objective::cross_entropy();
            let (moved, descent) = dense_step(&regime, &data, &objective, |logits| {
                cross_entropy(&data, logits)
            });
            let gap = largest_gap(&moved, &descent);
            assert!(gap < TOLERANCE, "q = {exponent}, {patches:?}: {gap}");
        }
    }
}

/// The two-sided push is `−1/τ` times the gradient of the tempered cross-entropy.
#[test]
fn the_dense_step_descends_two_sided_distillation() {
    let regime = regime(3);
    let data = data(&regime, seed(1));
    let teacher = teacher(&data, 3);
    let spec = distillation(Form::TwoSided);
    let labels = data.samples.iter().map(|s| s.label);
    let rate = regime.training.learning_rate_per_class;
    let objective = Objective::distillation(3, &spec, rate, &ClassRows::dense(3, &teacher), labels);
    let (moved, descent) = dense_step(&regime, &data, &objective, |logits| {
        let push = tempered_cross_entropy(&spec, false, &teacher, logits, 3);
        cross_entropy(&data, logits) + 5.0 / spec.temperature(3) * push
    });
    let gap = largest_gap(&moved, &descent);
    assert!(gap < TOLERANCE, "{gap}");
}

/// A one-sided push is no gradient, but it enters as coefficients of `∇F_i(X_n)`: with these held
/// fixed, the step descends `−Σ e F / N`.
#[test]
fn the_dense_step_follows_the_residuals_of_one_sided_distillation() {
    let regime = regime(3);
    let data = data(&regime, seed(1));
    let teacher = teacher(&data, 3);
    for form in [Form::OneSided, Form::OneSidedGated] {
        let labels = data.samples.iter().map(|s| s.label);
        let rate = regime.training.learning_rate_per_class;
        let objective = Objective::distillation(
            3,
            &distillation(form),
            rate,
            &ClassRows::dense(3, &teacher),
            labels,
        );
        let world = dense::NoisyData::<f64>::draw(&regime, &data, 9, seed(1)).unwrap();
        let logits = world.logits(&regime, &world.initialise(&regime, seed(1), 0));
        let mut residuals = vec![0.0; logits.len()];
        let rows = residuals.chunks_exact_mut(3).zip(logits.chunks_exact(3));
        for ((n, sample), (e, f)) in data.samples.iter().enumerate().zip(rows) {
            objective.residual(0, n, sample.label, f, e, &mut [0.0; 3]);
        }
        let (moved, descent) = dense_step(&regime, &data, &objective, |logits| {
            let pairs = residuals.iter().zip(logits);
            -pairs.map(|(e, f)| e * f).sum::<f64>() / data.samples.len() as f64
        });
        let gap = largest_gap(&moved, &descent);
        assert!(gap < TOLERANCE, "{form:?}: {gap}");
    }
}

/// The residual of every form against differences of its loss in the logits themselves:
/// `e − (1{i=y} − softmax_i) = −(η'/η)/τ ∂_i` (tempered cross-entropy), its positive part if
/// one-sided, with the truncation differentiated if gated.
#[test]
fn residuals_are_derivatives_in_the_logits() {
    const K: usize = 5;
    let mut rng = seed(3).rng(multiview::seed::Purpose::Validation, 0);
    let (mut truncated, mut pushed) = (0, 0);
    for trial in 0..200 {
        let label = trial % K;
        let mut draw = || -> Vec<f64> { (0..K).map(|_| 6.0 * rng.random::<f64>() - 2.0).collect() };
        let (logits, teacher) = (draw(), draw());
        for form in [Form::TwoSided, Form::OneSidedGated, Form::OneSided] {
            let spec = distillation(form);
            let rate = 1.0 / 3.0;
            let rows = ClassRows::dense(K, &teacher);
            let objective = Objective::distillation(K, &spec, rate, &rows, std::iter::once(label));
            let mut residual = vec![0.0; K];
            objective.residual(0, 0, label, &logits, &mut residual, &mut [0.0; K]);
            let difference = |loss: &dyn Fn(&[f64]) -> f64, i: usize| {
                let at = |h: f64| {
                    let mut shifted = logits.clone();
                    shifted[i] += h;
                    loss(&shifted)
                };
                (at(H) - at(-H)) / (2.0 * H)
            };
            let tau = spec.temperature(K);
            let gate = 1.0 / (tau * tau);
            if logits.iter().any(|f| (f - gate).abs() < 2.0 * H) {
                continue;
            }
            for i in 0..K {
                let fit = difference(&|f| log_sum_exp(f) - f[label], i);
                let truncate = form != Form::TwoSided;
                let tempered = |f: &[f64]| tempered_cross_entropy(&spec, truncate, &teacher, f, K);
                let descent = -difference(&tempered, i) / tau;
                let shut = truncate && logits[i] > gate;
                truncated += usize::from(shut);
                let push = match form {
                    Form::TwoSided => descent,
                    Form::OneSidedGated => descent.max(0.0),
                    // Without the gate a truncated logit is pushed as if it could still rise:
                    // checked among the objectives.
                    Form::OneSided if shut => continue,
                    Form::OneSided => descent.max(0.0),
                };
                pushed += usize::from(push > 0.0);
                assert!(push >= 0.0 || form == Form::TwoSided);
                let gap = (residual[i] - (-fit + 5.0 * push)).abs();
                assert!(gap < TOLERANCE, "{form:?}, class {i}: {gap}");
            }
        }
    }
    assert!(truncated > 100 && pushed > 100, "both branches are seen");
}

/// `B`, written out.
fn stored(state: &Overlaps<f64>) -> &[f64] {
    match &state.noise {
        Noise::Stored { values, .. } => values,
        Noise::Counted { .. } => panic!("written out before"),
    }
}

fn stored_mut(state: &mut Overlaps<f64>) -> &mut [f64] {
    match &mut state.noise {
        Noise::Stored { values, .. } => values,
        Noise::Counted { .. } => panic!("written out before"),
    }
}

/// The logits written in `(A, B)`.
fn overlap_logits(regime: &Regime, data: &DataSet, state: &Overlaps<f64>) -> Vec<f64> {
    let layout = state.layout;
    let common: Vec<f64> = (0..layout.row())
        .map(|j| state.features.iter().skip(j).step_by(layout.row()).sum())
        .collect();
    let mut logits = Vec::new();
    let mut row = 0;
    for sample in &data.samples {
        for i in 0..layout.classes {
            let mut f = 0.0;
            for (p, patch) in sample.patches.iter().enumerate() {
                for r in 0..layout.neurons {
                    let mut s = stored(state)[at(layout, row + p, i, r)]
                        + f64::from(patch.feature_noise) * common[at(layout, 0, i, r)];
                    if let Some(v) = patch.feature {
                        s += f64::from(patch.weight) * state.features[at(layout, v as usize, i, r)];
                    }
                    f += smoothed_relu(&regime.network, s);
                }
            }
            logits.push(f);
        }
        row += sample.patches.len();
    }
    logits
}

/// `−∂L/∂x` for every entry in use of the array that `pick` picks, 0 for the padding.
fn descent(
    regime: &Regime,
    data: &DataSet,
    state: &Overlaps<f64>,
    pick: impl Fn(&mut Overlaps<f64>) -> &mut [f64],
) -> Vec<f64> {
    let layout: Layout = state.layout;
    let entries = pick(&mut state.clone()).len();
    let derivative = |j: usize| {
        if j % layout.stride >= layout.neurons {
            return 0.0;
        }
        let loss = |h: f64| {
            let mut shifted = state.clone();
            pick(&mut shifted)[j] += h;
            cross_entropy(data, &overlap_logits(regime, data, &shifted))
        };
        (loss(-H) - loss(H)) / (2.0 * H)
    };
    (0..entries).map(derivative).collect()
}

/// `A` moves by `−η ∂L/∂A`, and `B` by `−η ν² ∂L/∂B`: a step along `ξ` changes `⟨w, ξ⟩` by
/// `|ξ|² = ν²` times its coefficient. `A` is read off; `B` shows in the logits after the step.
#[test]
fn the_overlap_step_descends_the_cross_entropy() {
    for exponent in [1, 3, 4, 5] {
        for feature_noise in [0.0, 0.1] {
            let mut regime = regime(exponent);
            regime.data.feature_noise = feature_noise.into();
            let data = data(&regime, seed(2));
            let state = Overlaps::<f64>::draw(&regime, seed(2), 0).written_out(&data);
            let in_a = descent(&regime, &data, &state, |s| &mut s.features);
            let in_b = descent(&regime, &data, &state, stored_mut);
            let objective = Objective::cross_entropy();
            let after = reference::train(&regime, &data, state.clone(), &objective, after(1), None);
            let moved: Vec<f64> = after
                .features
                .iter()
                .zip(&state.features)
                .map(|(b, a)| b - a)
                .collect();
            let gap = largest_gap(&moved, &in_a);
            assert!(gap < TOLERANCE, "A at q = {exponent}: {gap}");

            let mut expected = state.clone();
            expected.features = after.features.clone();
            for (b, g) in stored_mut(&mut expected).iter_mut().zip(&in_b) {
                *b += regime.data.noise_variance * g;
            }
            let logits = overlap_logits(&regime, &data, &expected);
            let gap = largest_gap(&crate::small::logits(&after), &logits);
            assert!(gap < TOLERANCE, "B at q = {exponent}: {gap}");
        }
    }
}

/// Patches of pure noise isolate `B`: one neuron, one patch, so the logit after the step gives `B`
/// away.
#[test]
fn noise_overlaps_move_by_the_noise_variance_times_the_gradient() {
    let mut regime = regime(3);
    regime.network.neurons_per_class = 1;
    let mut data = data(&regime, seed(4));
    for sample in &mut data.samples {
        sample.patches = vec![Patch {
            feature: None,
            weight: 0.0,
            feature_noise: 0.0,
        }];
    }
    let mut state = Overlaps::<f64>::draw(&regime, seed(4), 0).written_out(&data);
    let layout = state.layout;
    for row in stored_mut(&mut state).chunks_exact_mut(layout.stride) {
        row[0] = 1.5 + row[0].abs(); // on the linear branch, where φ(s) = s − 2/3
    }
    let in_b = descent(&regime, &data, &state, stored_mut);
    let objective = Objective::cross_entropy();
    let after = reference::train(&regime, &data, state.clone(), &objective, after(1), None);
    assert_eq!(after.features, state.features, "no feature, no gradient");
    let entries = (0..data.samples.len()).flat_map(|n| (0..3).map(move |i| (n, i)));
    let (moved, expected): (Vec<f64>, Vec<f64>) = entries
        .map(|(n, i)| {
            let b = at(layout, n, i, 0);
            let moved = after.training_logits.row(n).of(i) + 2.0 / 3.0 - stored(&state)[b];
            (moved, regime.data.noise_variance * in_b[b])
        })
        .unzip();
    let gap = largest_gap(&moved, &expected);
    assert!(gap < TOLERANCE, "{gap}");
}
