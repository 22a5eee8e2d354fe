//! A regime against the paper's asymptotic assumptions, parameter by parameter.

use crate::procedure::Procedure;
use crate::regime::{EngineKind, FeaturePatches, PaperRule, Regime, Relation, SampleCount};

/// One parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct Assumption {
    /// Name and symbol.
    pub parameter: &'static str,
    /// The paper's assumption.
    pub paper: &'static str,
    /// This regime's value.
    pub here: String,
    /// "holds", or how the assumption is relaxed.
    pub standing: String,
}

/// Every parameter of a regime and procedure.
pub fn assumptions(regime: &Regime, procedure: &Procedure) -> Vec<Assumption> {
    [
        sampling(regime),
        weights(regime),
        noise(regime),
        network(regime),
        training(regime),
        students(regime, procedure),
    ]
    .concat()
}

fn row(
    parameter: &'static str,
    paper: &'static str,
    here: impl ToString,
    standing: impl Into<String>,
) -> Assumption {
    Assumption {
        parameter,
        paper,
        here: here.to_string(),
        standing: standing.into(),
    }
}

/// Classes, views and samples, and how often a feature is there.
fn sampling(regime: &Regime) -> Vec<Assumption> {
    let data = &regime.data;
    let mut weights = data.view_weights.iter();
    let alike = weights.all(|weight| *weight == data.view_weights[0]);
    vec![
        row("classes k", "sufficiently large", data.classes, "finite"),
        row(
            "views per class",
            "2",
            data.views_per_class,
            match data.views_per_class {
                1 => "broken on purpose",
                2 => "holds",
                _ => "more than the paper proves its bounds for",
            },
        ),
        row(
            "weights of the views",
            "alike (Assumption 4.1)",
            match data.view_weights.as_slice() {
                [] => "alike".into(),
                weights => format!("{weights:?}"),
            },
            if alike { "holds" } else { "broken on purpose" },
        ),
        row(
            "samples N",
            "k^1.2 / μ",
            data.sample_count(),
            match data.samples {
                SampleCount::Rule(PaperRule::Paper) => "holds",
                SampleCount::Count(_) => "chosen",
            },
        ),
        row(
            "single-view share μ",
            "1 / poly(k)",
            data.single_view_share,
            "constant",
        ),
        row(
            "sparsity s",
            "polylog(k)",
            data.sparsity,
            format!(
                "constant; e^(−s) = {:.4} of the lost inputs are guessed",
                (-data.sparsity).exp()
            ),
        ),
    ]
}

/// The weights of features in an input.
fn weights(regime: &Regime) -> Vec<Assumption> {
    let data = &regime.data;
    let [least_other, most_other] = data.other_weight;
    let ratio = data.weak_weight / data.single_view_other_weight;
    vec![
        row(
            "main weights Σz",
            "in [1, O(1)], Σz^q ≥ 1",
            format!("[{}, {}]", data.main_weight[0], data.main_weight[1]),
            main_power_sum(regime),
        ),
        row(
            "patches of a feature C_p",
            "O(1), of any weights",
            match data.patches_per_feature {
                FeaturePatches::Equal(count) => count.to_string(),
                FeaturePatches::Random([least, most]) => format!("{least} to {most}"),
            },
            match data.patches_per_feature {
                FeaturePatches::Equal(1) => "one carries the whole weight",
                FeaturePatches::Equal(_) => "chosen: they share the weight equally",
                FeaturePatches::Random(_) => {
                    "chosen: they share the weight at random, uniformly on the simplex"
                }
            },
        ),
        row(
            "other weights",
            "in [Ω(1), 0.4]",
            format!("[{least_other}, {most_other}]"),
            if most_other <= 0.4 {
                "holds"
            } else {
                "above 0.4"
            },
        ),
        row(
            "missing view ρ",
            "≪ Γ",
            data.weak_weight,
            match data.weak_weight <= least_other {
                true => format!("ρ/Γ = {ratio:.2}"),
                false => format!(
                    "ρ/Γ = {ratio:.2}, and ρ above the weights of other classes in multi-view inputs (the paper: far below)"
                ),
            },
        ),
        row(
            "other classes in single-view inputs Γ",
            "≪ 1",
            data.single_view_other_weight,
            if data.single_view_other_weight <= least_other {
                "constant"
            } else {
                "constant, and above the weights in multi-view inputs (the paper: far below)"
            },
        ),
    ]
}

/// Noise of features and of patches, and the spaces it lives in.
fn noise(regime: &Regime) -> Vec<Assumption> {
    let data = &regime.data;
    vec![
        row(
            "feature noise γ",
            "at most k^(−1.5)",
            data.feature_noise(),
            match data.feature_noise() {
                0.0 => "left out",
                gamma if gamma <= (data.classes as f64).powf(-1.5) => "holds",
                _ => "larger",
            },
        ),
        row(
            "noise ν² = σ_p² d",
            "1 / polylog(k)",
            data.noise_variance,
            "constant",
        ),
        row(
            "dimension d",
            "poly(k), large",
            data.dimension.map_or("∞".into(), |d| d.to_string()),
            data.dimension.map_or("the limit".into(), |d| {
                let features = data.features() as f64;
                format!("{:.1} dimensions a feature", d as f64 / features)
            }),
        ),
        row(
            "patches P",
            "k², most of them noise",
            data.patch_count()
                .map_or("as many as features".into(), |p| p.to_string()),
            match data.patch_count() {
                Some(p) if p == data.classes * data.classes => "holds",
                Some(_) => "fixed: those without a feature are of noise alone",
                None => "no patches of noise alone",
            },
        ),
    ]
}

/// The network and its start.
fn network(regime: &Regime) -> Vec<Assumption> {
    let network = &regime.network;
    vec![
        row(
            "exponent q",
            "at least 3",
            network.relu_exponent,
            if network.relu_exponent >= 3 {
                "holds"
            } else {
                "broken on purpose"
            },
        ),
        row(
            "threshold ϱ",
            "1 / polylog(k)",
            network.relu_threshold,
            "chosen: only σ_0/ϱ and the logits' scale matter",
        ),
        row(
            "initialisation σ_0",
            "k^(−1/(q−2))",
            regime.init_scale(),
            match network.init_scale {
                Relation::Rule(_) => "holds".into(),
                Relation::Multiple { paper } => format!("holds, with the constant {paper}"),
                Relation::Value(_) => format!(
                    "chosen: σ_0/ϱ = {:.1e}",
                    regime.init_scale() / network.relu_threshold
                ),
            },
        ),
        row(
            "neurons per class m",
            "in [polylog(k), k]",
            network.neurons_per_class,
            if (1..=regime.data.classes).contains(&network.neurons_per_class) {
                "holds"
            } else {
                "above k"
            },
        ),
    ]
}

/// Steps, and the engine that takes them.
fn training(regime: &Regime) -> Vec<Assumption> {
    let training = &regime.training;
    let (engine, standing) = match training.engine {
        EngineKind::Dense => ("dense", "holds"),
        EngineKind::OverlapReference => (
            "overlap-reference",
            "the limit d → ∞, every overlap at every step",
        ),
        EngineKind::Overlap => (
            "overlap",
            "the limit d → ∞; absent classes are moved at the mean over their noise",
        ),
        EngineKind::OverlapAdaptive => (
            "overlap-adaptive",
            "the limit d → ∞; absent classes are moved at the mean over their noise, and samples in which nothing changes are evaluated less often",
        ),
    };
    vec![
        row(
            "step size η",
            "at most 1 / poly(k)",
            regime.learning_rate(),
            format!(
                "η/k = {}: the loss stays separable",
                training.learning_rate_per_class
            ),
        ),
        row("training", "every weight, at every step", engine, standing),
        row(
            "training time T",
            "poly(k)/η, long enough for training error 0",
            format!("at most {} steps", regime.steps()),
            match training.perfect_steps {
                0 => "all steps are taken".into(),
                held => format!("stops {held} steps after training error 0"),
            },
        ),
    ]
}

/// Temperatures and schedules of the students that the procedure trains.
fn students(regime: &Regime, procedure: &Procedure) -> Vec<Assumption> {
    const SELF_DISTILLATION: &str = "temperature τ (self-distillation)";
    let classes = regime.data.classes;
    let specs = [
        ("temperature τ (distillation)", &procedure.distillation),
        (SELF_DISTILLATION, &procedure.self_distillation),
        (
            "temperature τ (distillation for what the soft labels carry)",
            &procedure.label_distillation,
        ),
    ];
    let mut rows = Vec::new();
    for (parameter, spec) in specs {
        let Some(spec) = spec else { continue };
        rows.push(row(
            parameter,
            "1 / log² k",
            spec.temperature(classes),
            match spec.temperature {
                Relation::Rule(_) => "holds".into(),
                Relation::Value(_) | Relation::Multiple { .. } => {
                    format!("1/ln² k = {:.3}", (classes as f64).ln().powi(-2))
                }
            },
        ));
        let alone = spec.warm_up_steps.of(classes);
        let schedule = format!("{alone} of {} steps", spec.steps.of(classes));
        if parameter == SELF_DISTILLATION {
            rows.push(row(
                "warm-up (self-distillation)",
                "T steps alone, then T' of distillation (Theorem 4)",
                schedule,
                if alone > 0 { "holds" } else { "left out" },
            ));
        } else if alone > 0 {
            rows.push(row(
                "warm-up (distillation)",
                "none: both terms from the start (Theorem 3)",
                schedule,
                "broken on purpose",
            ));
        }
    }
    rows
}

/// The expected `Σ_p z_p^q` of the label's features, against the 1 that it should be at least.
fn main_power_sum(regime: &Regime) -> String {
    let (data, q) = (&regime.data, regime.network.relu_exponent);
    let of = |view| format!("{:.2}", data.expected_main_power_sum(view, q));
    let expected = match data.view_weights.len() {
        0 => of(0),
        views => (0..views).map(of).collect::<Vec<_>>().join(", "),
    };
    let standing = match data.patches_per_feature {
        FeaturePatches::Equal(_) => "holds",
        FeaturePatches::Random(_) => "relaxed, as in the paper's own figure",
    };
    format!("{standing}: Σz^q = {expected} in expectation")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theorem::Theorem;

    fn main_weights(change: impl Fn(&mut Regime)) -> Assumption {
        let mut theorem = Theorem::embedded("single-model").expect("embedded");
        change(&mut theorem.regime);
        let rows = assumptions(&theorem.regime, &theorem.procedure);
        let row = rows
            .into_iter()
            .find(|row| row.parameter == "main weights Σz");
        row.expect("a row")
    }

    #[test]
    fn power_sums_of_main_weights_are_stated() {
        let equal = main_weights(|r| {
            r.data.main_weight = [2.0, 2.0];
            r.data.patches_per_feature = 2.into();
        });
        assert_eq!(equal.standing, "holds: Σz^q = 2.00 in expectation");
        // The figure's totals and numbers of patches: E z³ = 1.546, and E Σ u³ = (1/2 + 3/10 +
        // 1/5)/3.
        let figure = main_weights(|r| {
            r.data.main_weight = [1.0, 1.3];
            r.data.patches_per_feature = FeaturePatches::Random([2, 4]);
        });
        assert!(figure.standing.contains("relaxed"), "{figure:?}");
        assert!(figure.standing.contains("Σz^q = 0.52 "), "{figure:?}");
        let unequal = main_weights(|r| {
            r.data.main_weight = [1.0, 1.0];
            r.data.view_weights = vec![1.0, 1.1];
        });
        assert_eq!(unequal.standing, "holds: Σz^q = 1.00, 1.33 in expectation");
    }
}
