//! The parameters by which a student is taught, and their ranges.

use crate::field::{FieldError, require};
use crate::regime::{LEAST_RATE, MOST_CLASSES, Relation, StepCount, within};
use serde::{Deserialize, Serialize};

/// The parameters by which a student follows its teacher (section 2 of the paper; equation of
/// `logit^τ`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distillation {
    /// `τ`: temperature of the truncated, tempered logits; `"paper"` takes `1/ln² k`.
    pub temperature: Relation,
    /// `S`: scale of the teacher, `G = (S/K) Σ F`.
    pub teacher_scale: f64,
    /// `η'/k`: step size of the distillation term per class.
    pub push_rate_per_class: f64,
    /// The form of the distillation term.
    #[serde(default)]
    pub form: Form,
    /// The teacher's soft labels that the student sees.
    #[serde(default)]
    pub soft_labels: SoftLabels,
    /// Steps of cross-entropy alone before the push begins.
    #[serde(default = "no_steps")]
    pub warm_up_steps: StepCount,
    /// `T`: number of steps of the student, those of its warm-up included.
    pub steps: StepCount,
    /// The number of tests, evenly over its steps, of the student on its way; 0 for its end alone.
    /// The share of these checkpoints at which a bound holds stands for the share of the iterations
    /// `t ≤ T` (Theorem 3).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub checkpoints: usize,
}

/// Least `τ`, and least `τ S`: a student's logits, and a member's, are of order one, and enter a
/// softmax as `e^{τ F}` and `e^{τ S F}`. In single precision (a relative step of 6e-8) these differ
/// from 1 by a few such steps at 1e-6, and below it say nothing.
const LEAST_TEMPERATURE: f64 = 1e-6;

/// Below the paper's `τ = 1/ln² k` at the largest `k`, 4096.
const PAPER_TEMPERATURE: f64 = 0.014;

/// Most tests of a student on its way.
const MOST_CHECKPOINTS: usize = 10_000;

/// Forms of the distillation term.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// `−(logit^τ_i(F) − logit^τ_i(G))^−`, silent where the student's own logit is truncated
    /// (`τ² F_i ≥ 1`), as differentiating the truncated logit gives (**choice**).
    #[default]
    OneSidedGated,
    /// The same without the gate.
    OneSided,
    /// Hinton's: `logit_i(G) − logit_i(F)` of untruncated tempered logits `exp(τ F)`, both signs.
    TwoSided,
}

impl Form {
    /// Returns true if the form compares truncated logits, and only pulls up.
    pub(super) fn is_truncated(self) -> bool {
        self != Self::TwoSided
    }
}

/// A choice of the soft labels that a student sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SoftLabels {
    /// All classes.
    #[default]
    All,
    /// Only the label's own: the dark knowledge is removed.
    LabelOnly,
    /// All, but those of classes other than the label's are each shown for the next of these
    /// classes: dark knowledge of the right size about the wrong classes.
    Permuted,
    /// None. Label smoothing stands in the teacher's place: the label's own soft label is `1 − ε`,
    /// and that of every other class `ε/(k − 1)`. In a theorem file:
    /// `soft_labels = { smoothed = 0.1 }`.
    Smoothed(f64),
}

impl Distillation {
    /// `τ`, with `k` classes.
    pub fn temperature(&self, classes: usize) -> f64 {
        self.temperature.or((classes as f64).ln().powi(-2))
    }

    /// Checks every field; `path` prefixes the field names.
    ///
    /// # Errors
    /// The first field outside its range.
    pub fn validate(&self, path: &str) -> Result<(), FieldError> {
        let temperature = self.temperature.or(PAPER_TEMPERATURE);
        within(
            &format!("{path}.temperature"),
            temperature,
            LEAST_TEMPERATURE,
            1e3,
        )?;
        within(
            &format!("{path}.teacher_scale"),
            self.teacher_scale,
            LEAST_TEMPERATURE / temperature,
            1e12,
        )?;
        let rate = self.push_rate_per_class;
        require(
            rate == 0.0 || (LEAST_RATE..=1e6).contains(&rate),
            &format!("{path}.push_rate_per_class"),
            rate,
            format!("0, or {LEAST_RATE:e} to 1000000"),
        )?;
        self.steps.validate(&format!("{path}.steps"), 1)?;
        self.warm_up_steps
            .validate(&format!("{path}.warm_up_steps"), 0)?;
        require(
            self.checkpoints <= MOST_CHECKPOINTS,
            &format!("{path}.checkpoints"),
            self.checkpoints,
            format!("0 to {MOST_CHECKPOINTS}"),
        )?;
        let odd = self.soft_labels == SoftLabels::LabelOnly && self.form == Form::TwoSided;
        require(
            !odd,
            &format!("{path}.soft_labels"),
            self.soft_labels,
            "all, with form two-sided: matching both ways needs a whole distribution",
        )?;
        if let SoftLabels::Smoothed(share) = self.soft_labels {
            require(
                (0.0..1.0).contains(&share),
                &format!("{path}.soft_labels.smoothed"),
                share,
                "0 to below 1: the share ε of a soft label that the other classes have",
            )?;
        }
        // Both grow with k, if at all, so that the ends of its range tell.
        let late = |classes| self.warm_up_steps.of(classes) <= self.steps.of(classes);
        require(
            late(2) && late(MOST_CLASSES),
            &format!("{path}.warm_up_steps"),
            self.warm_up_steps,
            format!("0 to steps ({}), whatever k is", self.steps),
        )
    }
}

fn no_steps() -> StepCount {
    0.into()
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}
