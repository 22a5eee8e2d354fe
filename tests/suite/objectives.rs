//! The residual of every objective, in the logits alone. (Gradients: `gradients.rs`.)

use multiview::objective::{Distillation, Form, Objective, SoftLabels, tempered};
use multiview::rows::ClassRows;
use proptest::prelude::*;

const K: usize = 6;

/// Ratio `η'/η` of the specifications below.
const PUSH: f64 = 8.0;

fn spec(form: Form) -> Distillation {
    Distillation {
        temperature: 0.4.into(),
        teacher_scale: 2.0,
        push_rate_per_class: PUSH * 5.0,
        form,
        soft_labels: SoftLabels::All,
        warm_up_steps: 0.into(),
        steps: 100.into(),
        checkpoints: 0,
    }
}

/// A student's logits and a teacher's on one input, and its label; `1/τ² = 6.25` is inside their
/// range.
fn inputs() -> impl Strategy<Value = (Vec<f64>, Vec<f64>, usize)> {
    let logits = || prop::collection::vec(-2.0..15.0f64, K);
    (logits(), logits(), 0..K)
}

fn residual(objective: &Objective<f64>, step: usize, label: usize, logits: &[f64]) -> Vec<f64> {
    let mut residual = vec![0.0; K];
    objective.residual(step, 0, label, logits, &mut residual, &mut [0.0; K]);
    residual
}

/// The part that distillation adds to the cross-entropy's residual, in units of `η'/η`.
fn push(spec: &Distillation, teacher: &[f64], label: usize, logits: &[f64]) -> Vec<f64> {
    let objective = Objective::distillation(
        K,
        spec,
        5.0,
        &ClassRows::dense(K, teacher),
        std::iter::once(label),
    );
    let plain = residual(&Objective::cross_entropy(), 0, label, logits);
    let full = residual(&objective, 0, label, logits);
    full.iter()
        .zip(plain)
        .map(|(f, p)| (f - p) / PUSH)
        .collect()
}

/// `softmax` as defined.
fn softmax(x: &[f64]) -> Vec<f64> {
    let total: f64 = x.iter().map(|x| x.exp()).sum();
    x.iter().map(|x| x.exp() / total).collect()
}

/// `logit^τ` as defined.
fn defined(tau: f64, scale: f64, truncated: bool, logits: &[f64]) -> Vec<f64> {
    let cap = if truncated { 1.0 } else { f64::INFINITY };
    let x = logits
        .iter()
        .map(|f| (tau * tau * scale * f).min(cap) / tau);
    softmax(&x.collect::<Vec<_>>())
}

fn close(a: &[f64], b: &[f64], tolerance: f64) -> bool {
    a.iter().zip(b).all(|(a, b)| (a - b).abs() <= tolerance)
}

/// Rounding of a few operations on numbers of order 1, divided by nothing small.
const ROUNDING: f64 = 1e-13;

proptest! {
    #[test]
    fn cross_entropy_pulls_up_the_label_and_down_the_rest((logits, _, label) in inputs()) {
        let e = residual(&Objective::cross_entropy(), 0, label, &logits);
        let mut expected: Vec<f64> = softmax(&logits).iter().map(|p| -p).collect();
        expected[label] += 1.0;
        prop_assert!(close(&e, &expected, ROUNDING));
        prop_assert!(e.iter().sum::<f64>().abs() < ROUNDING);
    }

    #[test]
    fn tempered_logits_are_the_definition((logits, _, _) in inputs(), tau in 0.1..2.0f64) {
        for truncated in [true, false] {
            let mut out = vec![0.0; K];
            tempered(&logits, tau, truncated, &mut out);
            prop_assert!(close(&out, &defined(tau, 1.0, truncated, &logits), ROUNDING));
            prop_assert!((out.iter().sum::<f64>() - 1.0).abs() < ROUNDING);
        }
    }

    /// Both signs, no truncation, and no net push.
    #[test]
    fn two_sided_closes_the_gap_to_the_teacher((logits, teacher, label) in inputs()) {
        let push = push(&spec(Form::TwoSided), &teacher, label, &logits);
        let soft = defined(0.4, 2.0, false, &teacher);
        let own = defined(0.4, 1.0, false, &logits);
        let gap: Vec<f64> = soft.iter().zip(own).map(|(g, f)| g - f).collect();
        prop_assert!(close(&push, &gap, ROUNDING));
        prop_assert!(push.iter().sum::<f64>().abs() < ROUNDING);
    }

    /// `−(logit^τ_i(F) − logit^τ_i(G))^−` element by element, truncated logits too; the gate only
    /// silences.
    #[test]
    fn one_sided_is_the_negative_part((logits, teacher, label) in inputs()) {
        let soft = defined(0.4, 2.0, true, &teacher);
        let own = defined(0.4, 1.0, true, &logits);
        let expected: Vec<f64> = own.iter().zip(soft).map(|(f, g)| -(f - g).min(0.0)).collect();
        let open = push(&spec(Form::OneSided), &teacher, label, &logits);
        prop_assert!(close(&open, &expected, ROUNDING));
        let gated = push(&spec(Form::OneSidedGated), &teacher, label, &logits);
        for i in 0..K {
            let passed = if logits[i] * 0.4 * 0.4 < 1.0 { expected[i] } else { 0.0 };
            prop_assert!((gated[i] - passed).abs() < ROUNDING, "class {}", i);
        }
    }

    /// Without dark knowledge the label is pushed as before and no other class is.
    #[test]
    fn label_only_keeps_the_label_alone((logits, teacher, label) in inputs()) {
        for form in [Form::OneSided, Form::OneSidedGated] {
            let all = push(&spec(form), &teacher, label, &logits);
            let only = Distillation { soft_labels: SoftLabels::LabelOnly, ..spec(form) };
            let only = push(&only, &teacher, label, &logits);
            for i in 0..K {
                let expected = if i == label { all[i] } else { 0.0 };
                prop_assert!((only[i] - expected).abs() < ROUNDING);
            }
        }
    }

    /// Label smoothing: `1 − ε` for the label and `ε/(k − 1)` for every other class, whoever the
    /// teacher is.
    #[test]
    fn smoothed_labels_are_the_labels_and_an_even_rest(
        (logits, teacher, label) in inputs(),
        share in 0.0..1.0f64,
    ) {
        for form in [Form::OneSided, Form::OneSidedGated, Form::TwoSided] {
            let smoothed = Distillation { soft_labels: SoftLabels::Smoothed(share), ..spec(form) };
            let found = push(&smoothed, &teacher, label, &logits);
            let student = defined(0.4, 1.0, form != Form::TwoSided, &logits);
            for i in 0..K {
                let soft = if i == label { 1.0 - share } else { share / (K - 1) as f64 };
                let gap = soft - student[i];
                let open = form != Form::OneSidedGated || logits[i] * 0.4 * 0.4 < 1.0;
                let expected = match form {
                    Form::TwoSided => gap,
                    _ if open => gap.max(0.0),
                    _ => 0.0,
                };
                prop_assert!((found[i] - expected).abs() < ROUNDING, "class {}", i);
            }
        }
    }

    #[test]
    fn the_push_begins_after_the_warm_up((logits, teacher, label) in inputs(), warm_up in 0..50usize) {
        let plain = residual(&Objective::cross_entropy(), 0, label, &logits);
        for form in [Form::OneSided, Form::OneSidedGated, Form::TwoSided] {
            let late = Distillation { warm_up_steps: warm_up.into(), ..spec(form) };
            let rows = ClassRows::dense(K, &teacher);
            let build = |spec| Objective::distillation(K, spec, 5.0, &rows, std::iter::once(label));
            let (late, pushed) = (build(&late), residual(&build(&spec(form)), 0, label, &logits));
            for step in 0..warm_up {
                prop_assert_eq!(&residual(&late, step, label, &logits), &plain);
            }
            for step in warm_up..warm_up + 3 {
                prop_assert_eq!(&residual(&late, step, label, &logits), &pushed);
            }
        }
    }

    /// A student that equals its teacher is at rest, and so is one whose push rate is 0.
    #[test]
    fn nothing_is_pushed_where_nothing_differs((logits, teacher, label) in inputs()) {
        for form in [Form::OneSided, Form::OneSidedGated, Form::TwoSided] {
            let equal = Distillation { teacher_scale: 1.0, ..spec(form) };
            prop_assert!(close(&push(&equal, &logits, label, &logits), &[0.0; K], ROUNDING));
            let still = Distillation { push_rate_per_class: 0.0, ..spec(form) };
            prop_assert!(close(&push(&still, &teacher, label, &logits), &[0.0; K], 0.0));
        }
    }

    /// `f32` and `f64` agree to the rounding of `exp` (2e-7) on exponents of at most 40, times
    /// `η'/η`.
    #[test]
    fn single_precision_agrees((logits, teacher, label) in inputs()) {
        let narrow = |x: &[f64]| x.iter().map(|x| *x as f32).collect::<Vec<_>>();
        for form in [Form::OneSided, Form::TwoSided] {
            let labels = std::iter::once(label);
            let double = Objective::distillation(K, &spec(form), 5.0, &ClassRows::dense(K, &teacher), labels.clone());
            let single = Objective::distillation(K, &spec(form), 5.0, &ClassRows::dense(K, &narrow(&teacher)), labels);
            let mut e = [0.0f32; K];
            single.residual(0, 0, label, &narrow(&logits), &mut e, &mut [0.0; K]);
            let e = e.map(f64::from);
            prop_assert!(close(&e, &residual(&double, 0, label, &logits), 1e-4));
        }
    }
}

/// `τ ≈ 1/log² k`, with the natural logarithm.
#[test]
fn the_paper_s_temperature_falls_with_the_square_of_the_logarithm() {
    let spec = Distillation {
        temperature: multiview::regime::Relation::Rule(multiview::regime::PaperRule::Paper),
        ..spec(Form::default())
    };
    for (classes, tau) in [(10, 0.188_612), (60, 0.059_653), (1_000, 0.020_957)] {
        assert!(
            (spec.temperature(classes) - tau).abs() < 1e-6,
            "k = {classes}"
        );
    }
}

/// A tie is an error, as in the evaluation: the label's logit must be the strict maximum.
#[test]
fn a_tie_is_not_correct() {
    let objective = Objective::<f64>::cross_entropy();
    let fit = |logits: [f64; K], label| {
        objective.residual(0, 0, label, &logits, &mut [0.0; K], &mut [0.0; K])
    };
    assert!(!fit([0.0; K], 2).correct);
    assert!(!fit([1.0, 0.0, 1.0, 0.0, 0.0, 0.0], 0).correct);
    assert!(fit([1.0, 0.0, 0.9, 0.0, 0.0, 0.0], 0).correct);
    assert!((fit([0.0; K], 2).loss() - 6f64.ln()).abs() < ROUNDING);
}

/// The cross-entropy of a label that is hopelessly behind is as far as it is behind, though its
/// probability is 0 in `f32`.
#[test]
fn the_loss_is_finite_where_the_probability_is_zero() {
    let objective = Objective::<f32>::cross_entropy();
    let logits = [500.0, 0.0, 0.0, 0.0, 0.0, 0.0];
    let fit = objective.residual(0, 0, 1, &logits, &mut [0.0; K], &mut [0.0; K]);
    assert!((fit.loss() - 500.0).abs() < 1e-3, "{}", fit.loss());
}

/// Soft labels of a sparse teacher are those of the same teacher with every logit written out.
#[test]
fn a_sparse_teacher_teaches_as_a_dense_one() {
    let logits = [0.0, 2.0, 0.0, 0.0, 3.5, 0.0];
    let mut sparse = ClassRows::new();
    sparse.push([(4, 3.5), (1, 2.0)].into_iter(), 0.0);
    for form in [Form::OneSided, Form::OneSidedGated, Form::TwoSided] {
        for soft_labels in [SoftLabels::All, SoftLabels::LabelOnly] {
            if form == Form::TwoSided && soft_labels == SoftLabels::LabelOnly {
                continue;
            }
            let spec = Distillation {
                soft_labels,
                ..spec(form)
            };
            for label in [1, 2] {
                let build = |rows: &ClassRows<f64>| {
                    Objective::distillation(K, &spec, 5.0, rows, std::iter::once(label))
                };
                let [sparse, dense] = [&sparse, &ClassRows::dense(K, &logits)].map(build);
                let student = [0.3, 1.0, -0.2, 0.0, 0.7, 0.1];
                let [a, b] = [sparse, dense].map(|o| residual(&o, 0, label, &student));
                assert!(
                    close(&a, &b, ROUNDING),
                    "{form:?}, {soft_labels:?}: {a:?}, {b:?}"
                );
            }
        }
    }
}

/// A theorem file writes `soft_labels = { smoothed = ε }`; an `ε` that leaves the label nothing is
/// refused.
#[test]
fn the_share_of_label_smoothing_is_within_its_range() {
    let read = |share: f64| -> Distillation {
        let text = format!(
            "temperature = 0.2\nteacher_scale = 1.0\npush_rate_per_class = 1.0\nsteps = 1\n\
             soft_labels = {{ smoothed = {share:?} }}"
        );
        toml::from_str(&text).expect("it reads")
    };
    for share in [0.0, 0.1, 0.99] {
        let spec = read(share);
        assert_eq!(spec.soft_labels, SoftLabels::Smoothed(share));
        spec.validate("procedure.distillation")
            .expect("in its range");
    }
    for share in [-0.1, 1.0, f64::NAN, f64::INFINITY] {
        let spec = Distillation {
            soft_labels: SoftLabels::Smoothed(share),
            ..read(0.0)
        };
        let error = spec.validate("procedure.distillation").unwrap_err();
        assert_eq!(error.field, "procedure.distillation.soft_labels.smoothed");
        let message = error.to_string();
        assert!(
            message.contains(&format!("{share:?}").to_lowercase())
                && message.contains("0 to below 1"),
            "{message}"
        );
    }
}

/// Each sample is pushed by its own row of soft labels.
#[test]
fn soft_labels_belong_to_their_samples() {
    let rows = [
        [3.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        [0.0, 0.0, 0.0, 3.0, 0.0, 0.0],
    ];
    let both = Objective::distillation(
        K,
        &spec(Form::OneSided),
        5.0,
        &ClassRows::dense(K, rows.as_flattened()),
        [1, 2].into_iter(),
    );
    for (n, (row, label)) in rows.iter().zip([1, 2]).enumerate() {
        let alone = Objective::distillation(
            K,
            &spec(Form::OneSided),
            5.0,
            &ClassRows::dense(K, row),
            std::iter::once(label),
        );
        let mut e = [0.0; K];
        both.residual(0, n, label, &[0.5; K], &mut e, &mut [0.0; K]);
        assert_eq!(e.to_vec(), residual(&alone, 0, label, &[0.5; K]));
    }
}
