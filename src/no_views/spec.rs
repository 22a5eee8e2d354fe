//! The parameters of a world without views, beside those of its regime.

use crate::field::{FieldError, require, require_between};
use crate::objective::Distillation;
use crate::regime::{EngineKind, Regime};
use serde::{Deserialize, Serialize};

/// Inputs without views, and the networks that are trained on them. The regime says the rest: `k`,
/// `N`, `d`, `ν²`, the network and its training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoViews {
    /// The inputs.
    pub inputs: Inputs,
    /// `m*`: neurons per class of the teacher that labels the inputs, 1 to 1024.
    pub teacher_neurons: usize,
    /// Share of the training labels that are wrong, 0 to 1: each is replaced with this probability
    /// by another class.
    #[serde(default)]
    pub label_noise: f64,
    /// `K`: networks trained alone, 2 to 64.
    pub members: usize,
    /// The distillation of the members' ensemble into a student.
    pub distillation: Distillation,
    /// Fresh inputs on which labels are compared, 1 to 1000000.
    pub fresh_inputs: usize,
}

/// A distribution of inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Inputs {
    /// One Gaussian.
    Gaussian,
    /// This many Gaussians, 1 to 65536. In a theorem file: `inputs = { mixture = 20 }`.
    Mixture(usize),
    /// Negative control: Definition 3.1, with its own labels.
    MultiView,
}

impl NoViews {
    /// Checks every field; `path` prefixes the field names.
    ///
    /// # Errors
    /// The first field outside its range, here or in the regime.
    pub fn validate(&self, path: &str, regime: &Regime) -> Result<(), FieldError> {
        let field = |name: &str| format!("{path}.{name}");
        let within = |name: &str, value: usize, least: usize, most: usize| {
            require_between(&field(name), value, least, most)
        };
        if let Inputs::Mixture(centres) = self.inputs {
            within("inputs.mixture", centres, 1, 65_536)?;
        }
        within("teacher_neurons", self.teacher_neurons, 1, 1024)?;
        let noise = self.label_noise;
        let share = (0.0..=1.0).contains(&noise);
        require(share, &field("label_noise"), noise, "0 to 1")?;
        within("members", self.members, 2, 64)?;
        self.distillation.validate(&field("distillation"))?;
        require(
            self.distillation.checkpoints == 0,
            &field("distillation.checkpoints"),
            self.distillation.checkpoints,
            "0: these students are tested at their end alone",
        )?;
        within("fresh_inputs", self.fresh_inputs, 1, 1_000_000)?;
        require(
            regime.training.engine == EngineKind::Dense,
            "regime.training.engine",
            regime.training.engine,
            format!("\"dense\", the engine that trains {path}"),
        )?;
        require(
            self.inputs == Inputs::MultiView || regime.data.noise_variance > 0.0,
            "regime.data.noise_variance",
            regime.data.noise_variance,
            format!("above 0: the expected squared norm of the inputs of {path}"),
        )
    }
}
