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

const SELF_DISTILLATION: &str = "temperature τ (self-distillation)";

/// Every parameter of a regime and procedure.
pub fn assumptions(regime: &Regime, procedure: &Procedure) -> Vec<Assumption> {
    let (data, network, training) = (&regime.data, &regime.network, &regime.training);
    let k = data.classes as f64;
    let mut rows = Vec::new();
    let mut row = |parameter, paper, here: String, standing: String| {
        rows.push(Assumption {
            parameter,
            paper,
            here,
            standing,
        });
    };
    let holds = || "holds".to_owned();
    row(
        "classes k",
        "sufficiently large",
        data.classes.to_string(),
        "finite".into(),
    );
    row(
        "views per class",
        "2",
        data.views_per_class.to_string(),
        match data.views_per_class {
            1 => "broken on purpose".into(),
            2 => holds(),
            _ => "more than the paper proves its bounds for".into(),
        },
    );
    row(
        "weights of the views",
        "alike (Assumption 4.1)",
        match data.view_weights.is_empty() {
            true => "alike".into(),
            false => format!("{:?}", data.view_weights),
        },
        match data
            .view_weights
            .iter()
            .all(|weight| *weight == data.view_weights[0])
        {
            true => holds(),
            false => "broken on purpose".into(),
        },
    );
    let samples = data.sample_count();
    row(
        "samples N",
        "k^1.2 / μ",
        samples.to_string(),
        match data.samples {
            SampleCount::Rule(PaperRule::Paper) => holds(),
            SampleCount::Count(_) => "chosen".into(),
        },
    );
    row(
        "single-view share μ",
        "1 / poly(k)",
        data.single_view_share.to_string(),
        "constant".into(),
    );
    row(
        "sparsity s",
        "polylog(k)",
        data.sparsity.to_string(),
        format!(
            "constant; e^(−s) = {:.4} of the lost inputs are guessed",
            (-data.sparsity).exp()
        ),
    );
    row(
        "main weights Σz",
        "in [1, O(1)], Σz^q ≥ 1",
        format!("[{}, {}]", data.main_weight[0], data.main_weight[1]),
        main_power_sum(regime),
    );
    row(
        "patches of a feature C_p",
        "O(1), of any weights",
        match data.patches_per_feature {
            FeaturePatches::Equal(count) => count.to_string(),
            FeaturePatches::Random([least, most]) => format!("{least} to {most}"),
        },
        match data.patches_per_feature {
            FeaturePatches::Equal(1) => "one carries the whole weight".into(),
            FeaturePatches::Equal(_) => "chosen: they share the weight equally".into(),
            FeaturePatches::Random(_) => {
                "chosen: they share the weight at random, uniformly on the simplex".into()
            }
        },
    );
    row(
        "other weights",
        "in [Ω(1), 0.4]",
        format!("[{}, {}]", data.other_weight[0], data.other_weight[1]),
        if data.other_weight[1] <= 0.4 {
            holds()
        } else {
            "above 0.4".into()
        },
    );
    let ratio = data.weak_weight / data.single_view_other_weight;
    row(
        "missing view ρ",
        "≪ Γ",
        data.weak_weight.to_string(),
        match data.weak_weight <= data.other_weight[0] {
            true => format!("ρ/Γ = {ratio:.2}"),
            false => format!(
                "ρ/Γ = {ratio:.2}, and ρ above the weights of other classes in multi-view inputs (the paper: far below)"
            ),
        },
    );
    row(
        "other classes in single-view inputs Γ",
        "≪ 1",
        data.single_view_other_weight.to_string(),
        if data.single_view_other_weight <= data.other_weight[0] {
            "constant".into()
        } else {
            "constant, and above the weights in multi-view inputs (the paper: far below)".into()
        },
    );
    row(
        "feature noise γ",
        "at most k^(−1.5)",
        data.feature_noise().to_string(),
        match data.feature_noise() {
            0.0 => "left out".into(),
            gamma if gamma <= k.powf(-1.5) => holds(),
            _ => "larger".into(),
        },
    );
    row(
        "noise ν² = σ_p² d",
        "1 / polylog(k)",
        data.noise_variance.to_string(),
        "constant".into(),
    );
    row(
        "dimension d",
        "poly(k), large",
        data.dimension.map_or("∞".into(), |d| d.to_string()),
        data.dimension.map_or("the limit".into(), |d| {
            let features = data.features() as f64;
            format!("{:.1} dimensions a feature", d as f64 / features)
        }),
    );
    row(
        "patches P",
        "k², most of them noise",
        data.patch_count()
            .map_or("as many as features".into(), |p| p.to_string()),
        match data.patch_count() {
            Some(p) if p == data.classes * data.classes => holds(),
            Some(_) => "fixed: those without a feature are of noise alone".into(),
            None => "no patches of noise alone".into(),
        },
    );
    let q = network.relu_exponent;
    row(
        "exponent q",
        "at least 3",
        q.to_string(),
        if q >= 3 {
            holds()
        } else {
            "broken on purpose".into()
        },
    );
    row(
        "threshold ϱ",
        "1 / polylog(k)",
        network.relu_threshold.to_string(),
        "chosen: only σ_0/ϱ and the logits' scale matter".into(),
    );
    row(
        "initialisation σ_0",
        "k^(−1/(q−2))",
        regime.init_scale().to_string(),
        match network.init_scale {
            Relation::Rule(_) => holds(),
            Relation::Multiple { paper } => format!("holds, with the constant {paper}"),
            Relation::Value(_) => format!(
                "chosen: σ_0/ϱ = {:.1e}",
                regime.init_scale() / network.relu_threshold
            ),
        },
    );
    row(
        "neurons per class m",
        "in [polylog(k), k]",
        network.neurons_per_class.to_string(),
        if (1.0..=k).contains(&(network.neurons_per_class as f64)) {
            holds()
        } else {
            "above k".into()
        },
    );
    row(
        "step size η",
        "at most 1 / poly(k)",
        regime.learning_rate().to_string(),
        format!(
            "η/k = {}: the loss stays separable",
            training.learning_rate_per_class
        ),
    );
    row(
        "training",
        "every weight, at every step",
        match training.engine {
            EngineKind::Overlap => "overlap",
            EngineKind::OverlapAdaptive => "overlap-adaptive",
            EngineKind::OverlapReference => "overlap-reference",
            EngineKind::Dense => "dense",
        }
        .into(),
        match training.engine {
            EngineKind::Dense => "holds".into(),
            EngineKind::OverlapReference => "the limit d → ∞, every overlap at every step".into(),
            EngineKind::Overlap => {
                "the limit d → ∞; absent classes are moved at the mean over their noise".into()
            }
            EngineKind::OverlapAdaptive => {
                "the limit d → ∞; absent classes are moved at the mean over their noise, and samples in which nothing changes are evaluated less often"
                    .into()
            }
        },
    );
    row(
        "training time T",
        "poly(k)/η, long enough for training error 0",
        format!("at most {} steps", regime.steps()),
        match training.perfect_steps {
            0 => "all steps are taken".into(),
            held => format!("stops {held} steps after training error 0"),
        },
    );
    for (parameter, spec) in [
        ("temperature τ (distillation)", &procedure.distillation),
        (SELF_DISTILLATION, &procedure.self_distillation),
        (
            "temperature τ (distillation for what the soft labels carry)",
            &procedure.label_distillation,
        ),
    ] {
        if let Some(spec) = spec {
            row(
                parameter,
                "1 / log² k",
                spec.temperature(data.classes).to_string(),
                match spec.temperature {
                    Relation::Rule(_) => holds(),
                    Relation::Value(_) | Relation::Multiple { .. } => {
                        format!("1/ln² k = {:.3}", k.ln().powi(-2))
                    }
                },
            );
            let classes = data.classes;
            let alone = spec.warm_up_steps.of(classes);
            let schedule = format!("{alone} of {} steps", spec.steps.of(classes));
            if parameter == SELF_DISTILLATION {
                row(
                    "warm-up (self-distillation)",
                    "T steps alone, then T' of distillation (Theorem 4)",
                    schedule,
                    match alone {
                        0 => "left out".into(),
                        _ => holds(),
                    },
                );
            } else if alone > 0 {
                row(
                    "warm-up (distillation)",
                    "none: both terms from the start (Theorem 3)",
                    schedule,
                    "broken on purpose".into(),
                );
            }
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
        // The figure's totals and numbers of patches: E z³ = 1.546, and E Σ u³ = (1/2 + 3/10 + 1/5)/3.
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
