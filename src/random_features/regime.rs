//! The parameters of a random-feature world.

use crate::evaluation::Draws;
use crate::field::{FieldError, require, require_between};
use crate::network::SmoothedRelu;
use crate::regime::{DataRegime, NetworkRegime, within as within_range};
use serde::{Deserialize, Serialize};

/// Every parameter of a random-feature world.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomFeatureRegime {
    /// The distribution `D` of Definition 3.1.
    pub data: DataRegime,
    /// The features and their read-outs.
    pub model: RandomFeatures,
}

/// Random features, and how read-outs over them are trained, averaged and distilled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomFeatures {
    /// The fixed features that the read-out sees.
    pub kind: FeatureKind,
    /// Random neurons of one model: in all for [`FeatureKind::Activation`], `m` for each class for
    /// [`FeatureKind::Tangent`].
    pub neurons: usize,
    /// `q`: exponent of the smoothed ReLU, at least 3, or 1 for the plain ReLU.
    #[serde(default = "three")]
    pub relu_exponent: u32,
    /// `ϱ`: threshold at which the smoothed ReLU becomes linear.
    pub relu_threshold: f64,
    /// `σ_0`: standard deviation of each random weight.
    pub init_scale: f64,
    /// The problem by which the read-out is trained.
    pub readout: ReadoutKind,
    /// `K`: members of the ensemble.
    pub members: usize,
    /// Students distilled from the ensemble.
    pub students: usize,
    /// Students distilled from one member: the `l`-th from member `l` modulo `K`, over features of
    /// its own. With 0, the default, nothing is measured of them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub self_distilled: usize,
    /// The owner of the features that a student reads.
    #[serde(default)]
    pub student_features: StudentFeatures,
    /// Negative control: the number of neurons of a model that are drawn; the others repeat them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distinct_neurons: Option<usize>,
    /// The grid from which the regularisation strength `λ` is chosen, in units of the mean squared
    /// norm of a standardised feature vector.
    pub strengths: Vec<f64>,
    /// Fresh inputs of `D` on which `λ` is chosen.
    pub held_out: usize,
    /// Fresh inputs for each cell of the test set.
    #[serde(default)]
    pub draws: Draws,
    /// Numbers of neurons at which the gain and the gap are measured as well
    /// ([`growth`](super::growth)); none by default.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub growth: Vec<usize>,
}

/// Fixed random features of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FeatureKind {
    /// `f_r(X) = Σ_p φ(⟨w_r, x_p⟩)`, one feature for each neuron, shared by all classes.
    Activation,
    /// `ψ_{i,r}(X) = Σ_p φ'(⟨w_{i,r}, x_p⟩) x_p`: class `i` reads the gradient of `F_i` at its own
    /// initialisation (the neural tangent kernel; the constant `F_i` at initialisation is left
    /// out).
    Tangent,
}

/// The owner of the features that a student reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StudentFeatures {
    /// Its own, as many as one member has.
    #[default]
    Fresh,
    /// Negative control: those of all members of its teacher; of a self-distilled student those of
    /// its one teacher.
    Teachers,
}

/// The convex problem that trains a read-out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReadoutKind {
    /// Squared error against centred one-hot targets.
    Ridge,
    /// Multinomial cross-entropy.
    Logistic,
}

fn three() -> u32 {
    3
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl RandomFeatureRegime {
    /// Checks every field.
    ///
    /// # Errors
    /// The first field outside its range, with its value and the range.
    pub fn validate(&self) -> Result<(), FieldError> {
        self.data.validate()?;
        self.model.validate("model")
    }
}

impl RandomFeatures {
    /// Checks every field; `path` prefixes the field names.
    ///
    /// # Errors
    /// The first field outside its range, with its value and the range.
    pub fn validate(&self, path: &str) -> Result<(), FieldError> {
        let field = |name: &str| format!("{path}.{name}");
        let within = |name: &str, value: usize, least: usize, most: usize| {
            require_between(&field(name), value, least, most)
        };
        within("neurons", self.neurons, 1, 65_536)?;
        for neurons in &self.growth {
            within("growth", *neurons, 1, 65_536)?;
        }
        within(
            "distinct_neurons",
            self.distinct_neurons.unwrap_or(1),
            1,
            65_536,
        )?;
        let q = self.relu_exponent;
        require(
            q == 1 || (3..=16).contains(&q),
            &field("relu_exponent"),
            q,
            "3 to 16 (or 1, the plain ReLU)",
        )?;
        let threshold = self.relu_threshold;
        within_range(&field("relu_threshold"), threshold, 1e-6, 1e6)?;
        // Features go by (z σ_0/ϱ)^q and are divided by the root of their variance: for weights z
        // of a tenth and the largest q, 16, (1e-9)^32 is still a number of double precision.
        let least = 1e-8 * threshold;
        within_range(&field("init_scale"), self.init_scale, least, 1e3)?;
        within("members", self.members, 2, 1024)?;
        within("students", self.students, 1, 1024)?;
        within("self_distilled", self.self_distilled, 0, 1024)?;
        require(
            !self.strengths.is_empty()
                && self.strengths.windows(2).all(|w| w[0] < w[1])
                && self.strengths.iter().all(|s| (1e-12..=1e6).contains(s)),
            &field("strengths"),
            &self.strengths,
            "a list in increasing order, each from 1e-12 to 1e6",
        )?;
        within("held_out", self.held_out, 1, 10_000_000)?;
        self.draws.validate(&field("draws"))
    }

    /// The smoothed ReLU `φ`.
    pub(super) fn activation(&self) -> SmoothedRelu<f64> {
        SmoothedRelu::new(&NetworkRegime {
            neurons_per_class: self.neurons,
            relu_exponent: self.relu_exponent,
            relu_threshold: self.relu_threshold,
            init_scale: self.init_scale.into(),
        })
    }
}
