//! A [`Regime`]: every parameter of a world, with its paper symbol, default and allowed range.
//!
//! The paper's constants are asymptotic; where it leaves freedom the field says **choice**.

mod shares;

use crate::field::{FieldError, require};
use serde::{Deserialize, Serialize};
pub use shares::FeaturePatches;
use statrs::function::gamma::gamma;
use std::f64::consts::PI;

/// Largest mean logit of patches of pure noise with the engines that follow a few of them: a
/// hundredth of a nat moves no softmax by more than 1 %.
pub const PURE_NOISE_LOGIT: f64 = 0.01;

/// Every parameter that decides how a world is drawn and how its networks are trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Regime {
    /// The distribution `D` of Definition 3.1.
    pub data: DataRegime,
    /// The network of section 2 of the paper.
    pub network: NetworkRegime,
    /// Gradient descent on the cross-entropy.
    pub training: TrainingRegime,
}

/// The data distribution `D` (Definition 3.1).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataRegime {
    /// `k`: number of classes. At least 2.
    pub classes: usize,
    /// `M`: features per class, 1 to 4: 2 in the theory, 1 in its negative control. A single-view
    /// input keeps one view at full weight and every other at `ρ`.
    #[serde(default = "two")]
    pub views_per_class: usize,
    /// `N`: training samples; `"paper"` takes `⌈k^1.2 / μ⌉`.
    #[serde(default)]
    pub samples: SampleCount,
    /// `μ`: share of single-view inputs, inside (0, 1).
    pub single_view_share: f64,
    /// `s`: every feature of another class is present with probability `s/k`; in `[0, k]`.
    pub sparsity: f64,
    /// Range of the total weight `Σ_p z_p` of the label's features; lower end at least 1.
    pub main_weight: [f64; 2],
    /// Relative weight of each of the `M` views, 0.5 to 2: the label's view `ℓ` weighs
    /// `view_weights[ℓ]` times a number in `main_weight`, at least 1 all the same, as the
    /// definition asks of every view. Without a list all views are equal, as Assumption 4.1 of the
    /// paper wants them; other classes' features and missing views weigh as much of every view
    /// (**choice**).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub view_weights: Vec<f64>,
    /// Range of the total weight of the other classes' features in multi-view inputs; at most 0.4.
    pub other_weight: [f64; 2],
    /// `ρ`: total weight of each missing view of a single-view input; below `Γ`.
    pub weak_weight: f64,
    /// `Γ`: total weight of the other classes' features in single-view inputs; in (ρ, 1).
    pub single_view_other_weight: f64,
    /// `C_p`: patches that carry one feature: a number, with equal shares of its total weight, or a
    /// range `[least, most]`, with shares drawn at random.
    #[serde(default)]
    pub patches_per_feature: FeaturePatches,
    /// `P`: patches of an input; `"as-needed"` has no patch of pure noise (**choice**).
    #[serde(default)]
    pub patches: PatchCount,
    /// `γ`: feature noise, `α_p` uniform in `[0, γ]` and common to all features of a patch
    /// (**choice**); `"paper"` takes `k^{−1.5}`.
    #[serde(default)]
    pub feature_noise: Relation,
    /// `ν² = σ_p² d`: expected squared norm of a patch's Gaussian noise.
    pub noise_variance: f64,
    /// `d`, at least as large as the number of features; the overlap engines take `d → ∞`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dimension: Option<usize>,
}

/// The network `F_i(X) = Σ_r Σ_p φ(⟨w_{i,r}, x_p⟩)` and its initialisation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkRegime {
    /// `m`: neurons per class.
    pub neurons_per_class: usize,
    /// `q`: exponent of the smoothed ReLU, at least 3 (1 is the linear negative control).
    #[serde(default = "three")]
    pub relu_exponent: u32,
    /// `ϱ`: threshold at which the smoothed ReLU becomes linear.
    pub relu_threshold: f64,
    /// `σ_0`: standard deviation of each initial weight; `"paper"` takes `k^{−1/(q−2)}`.
    pub init_scale: Relation,
}

/// Full-batch gradient descent and the rule by which it stops.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingRegime {
    /// `η/k`: the step size per class (a class's gradient carries a factor of about `1/k`).
    pub learning_rate_per_class: f64,
    /// Largest number of steps `T`.
    pub steps: StepCount,
    /// Stop once training error 0 has held for this many consecutive steps; 0 never stops early.
    #[serde(default)]
    pub perfect_steps: usize,
    /// The engine that trains the network.
    #[serde(default, skip_serializing_if = "EngineKind::is_default")]
    pub engine: EngineKind,
}

/// The engines; see [`engine`](crate::engine).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EngineKind {
    /// The limit `d → ∞`, without what absent classes cost.
    #[default]
    Overlap,
    /// As `overlap`, and a sample in which nothing changes is not evaluated at every step.
    OverlapAdaptive,
    /// The limit `d → ∞`, every neuron on every patch in every step.
    OverlapReference,
    /// Vectors in `R^d`; needs `data.dimension`.
    Dense,
}

impl EngineKind {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A number, the paper's relation for it, or a multiple of that.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a number, \"paper\", or { paper = c }")]
pub enum Relation {
    /// This number.
    Value(f64),
    /// `"paper"`.
    Rule(PaperRule),
    /// `{ paper = c }`: `c` times what the paper's relation gives.
    Multiple {
        /// `c`.
        paper: f64,
    },
}

/// The name of the paper's relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PaperRule {
    /// As the paper sets it.
    Paper,
}

impl Relation {
    /// The number, where the paper's relation gives `paper`.
    pub fn or(self, paper: f64) -> f64 {
        match self {
            Self::Value(value) => value,
            Self::Rule(PaperRule::Paper) => paper,
            Self::Multiple { paper: multiple } => multiple * paper,
        }
    }
}

/// A number of steps, or of steps for each class: with a step size of `η ∝ k` and `σ_0 ∝ 1/k`, what
/// takes off at the start takes a time that is proportional to `k`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a whole number, or { per_class = c }")]
pub enum StepCount {
    /// This many.
    Count(usize),
    /// `{ per_class = c }`: `⌈c k⌉`.
    PerClass {
        /// `c`.
        per_class: f64,
    },
}

impl StepCount {
    /// The number of steps with `k` classes.
    pub fn of(self, classes: usize) -> usize {
        match self {
            Self::Count(steps) => steps,
            Self::PerClass { per_class } => (per_class * classes as f64).ceil() as usize,
        }
    }

    /// Refuses fewer than `least` steps, or more than are allowed with as many classes as the
    /// largest regime has.
    pub(crate) fn validate(self, field: &str, least: usize) -> Result<(), FieldError> {
        let allowed = format!("{least} to {MOST_STEPS}");
        match self {
            Self::Count(steps) => {
                require((least..=MOST_STEPS).contains(&steps), field, steps, allowed)
            }
            Self::PerClass { per_class } => require(
                (0.0..=MOST_STEPS as f64 / MOST_CLASSES as f64).contains(&per_class)
                    && self.of(2) >= least,
                &format!("{field}.per_class"),
                per_class,
                format!("{least} to {}, for each class", MOST_STEPS / MOST_CLASSES),
            ),
        }
    }
}

impl From<usize> for StepCount {
    fn from(steps: usize) -> Self {
        Self::Count(steps)
    }
}

impl std::fmt::Display for StepCount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Count(steps) => write!(f, "{steps}"),
            Self::PerClass { per_class } => write!(f, "{per_class} k"),
        }
    }
}

impl Default for Relation {
    fn default() -> Self {
        Self::Value(0.0)
    }
}

impl From<f64> for Relation {
    fn from(value: f64) -> Self {
        Self::Value(value)
    }
}

/// `N`, or the paper's relation for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a whole number, or \"paper\"")]
pub enum SampleCount {
    /// This many.
    Count(usize),
    /// `"paper"`.
    Rule(PaperRule),
}

impl Default for SampleCount {
    fn default() -> Self {
        Self::Rule(PaperRule::Paper)
    }
}

/// `P`, or a rule for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a whole number, \"as-needed\" or \"paper\"")]
pub enum PatchCount {
    /// This many; those without a feature carry noise alone.
    Count(usize),
    /// `"as-needed"`.
    Rule(PatchRule),
}

/// A rule that fixes the number of patches of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PatchRule {
    /// `C_p` for each feature present and none besides.
    AsNeeded,
    /// `P = k²`.
    Paper,
}

impl Default for PatchCount {
    fn default() -> Self {
        Self::Rule(PatchRule::AsNeeded)
    }
}

fn two() -> usize {
    2
}
fn three() -> u32 {
    3
}

/// Refuses a share or a weight outside (0, 1), or below `least`.
pub(crate) fn require_inside_unit(field: &str, value: f64, least: f64) -> Result<(), FieldError> {
    require(
        value >= least && value < 1.0,
        field,
        value,
        format!("inside (0, 1), and at least {least:e}"),
    )
}

/// Most steps of a training.
const MOST_STEPS: usize = 100_000_000;

/// Most classes.
pub(crate) const MOST_CLASSES: usize = 4096;

/// Most samples of a training set.
const MOST_SAMPLES: usize = 10_000_000;

/// Range of the relative weight of a view.
const VIEW_WEIGHTS: [f64; 2] = [0.5, 2.0];

/// Most views of a class.
const MOST_VIEWS: usize = 4;

/// Least `μ`: with less, the largest training set is expected to hold less than one single-view
/// sample, and `err(D)/μ` divides by what was never seen.
const LEAST_SHARE: f64 = 1.0 / MOST_SAMPLES as f64;

/// Least weight beside the label's, which is at least 1: in single precision (a relative step of
/// 6e-8) a smaller one is lost in their sum.
const LEAST_WEIGHT: f64 = 1e-7;

/// Least `ν²` above 0: `B` of size `σ_0 ν` adds to `z A` of size `σ_0`, and is lost beside it where
/// `ν` is below [`LEAST_WEIGHT`].
const LEAST_VARIANCE: f64 = LEAST_WEIGHT * LEAST_WEIGHT;

/// Least `σ_0`: with the least `ν` an initial noise overlap is `1e-7 σ_0`, and single precision has
/// no numbers below 1.2e-38 that carry all digits.
const LEAST_INIT_SCALE: f64 = 1e-30;

/// Least step size per class: `η/N ≥ 2e-19`, so that its product with a residual as small as those
/// that count (9e-27 is taken for 0) is no smaller than about 1e-38 times `φ'`, where single
/// precision ends.
pub(crate) const LEAST_RATE: f64 = 1e-12;

/// Refuses a value that is neither 0 nor within [`least`, `most`).
fn require_zero_or(field: &str, value: f64, least: f64, most: f64) -> Result<(), FieldError> {
    require(
        value == 0.0 || (least..most).contains(&value),
        field,
        value,
        format!("0, or at least {least:e} and below {most}"),
    )
}

/// Refuses a confidence that the statistics have no use for: errors of more than one in four are no
/// evidence.
///
/// # Errors
/// A `value` of `field` outside [0.75, 1).
pub fn require_confidence(field: &str, value: f64) -> Result<(), FieldError> {
    require(
        (0.75..1.0).contains(&value),
        field,
        value,
        "at least 0.75 and below 1",
    )
}

/// Refuses a name that cannot be part of a path or of a command line.
pub(crate) fn require_words(field: &str, name: &str) -> Result<(), FieldError> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    require(
        !name.is_empty() && name.chars().all(fits),
        field,
        name,
        "lower-case words joined by hyphens",
    )
}

impl Regime {
    /// Checks every field.
    ///
    /// # Errors
    /// The first field outside its range, with its value and the range.
    pub fn validate(&self) -> Result<(), FieldError> {
        self.data.validate()?;
        self.network.validate()?;
        self.training.validate()?;
        let dense = self.training.engine == EngineKind::Dense;
        if dense && self.data.dimension.is_none() {
            let needed = "training.engine = \"dense\" needs the number of dimensions d";
            return Err(FieldError::missing("data.dimension", needed));
        }
        // A typical start has this slope; where single precision has no number for it no neuron
        // ever moves.
        let (scale, threshold) = (self.init_scale(), self.network.relu_threshold);
        let power = self.network.relu_exponent as i32 - 1;
        require(
            (scale / threshold).powi(power) >= f64::from(f32::MIN_POSITIVE),
            "network.init_scale",
            scale,
            format!(
                "at least {:.1e}, so that (σ_0/ϱ)^(q−1) is a number of single precision",
                threshold * f64::from(f32::MIN_POSITIVE).powf(1.0 / f64::from(power.max(1)))
            ),
        )?;
        let weakest = self.data.view_weights().fold(f64::INFINITY, f64::min);
        // Equal shares give Σ z_p^q = total^q / C_p^{q−1}, which Definition 3.1 wants to be at
        // least 1. Random shares cannot all keep to that, nor does the paper's own figure: reports
        // state their expected Σ z_p^q.
        let FeaturePatches::Equal(count) = self.data.patches_per_feature else {
            return Ok(());
        };
        let q = f64::from(self.network.relu_exponent);
        let least = (count as f64).powf(1.0 - 1.0 / q);
        require(
            self.data.main_weight[0] * weakest >= least,
            "data.main_weight",
            self.data.main_weight,
            format!(
                "lower end at least {} so that Σ z_p^q ≥ 1: C_p^(1−1/q) over the least of view_weights",
                least / weakest
            ),
        )
    }

    /// Checks that the regime's engine can train its networks. Those that leave blocks at rest out
    /// need an activation that is flat at 0, patches of pure noise that add nothing by their
    /// number, and feature noise that wakes no block. (Not a part of [`validate`](Self::validate):
    /// records of versions whose engines trained other regimes stay readable.)
    ///
    /// # Errors
    /// The field that prevents it.
    pub fn check_engine(&self) -> Result<(), FieldError> {
        let sparse = [EngineKind::Overlap, EngineKind::OverlapAdaptive];
        if !sparse.contains(&self.training.engine) {
            return Ok(());
        }
        require(
            self.network.relu_exponent >= 3,
            "network.relu_exponent",
            self.network.relu_exponent,
            "at least 3 with this training.engine; \"overlap-reference\" trains the linear control",
        )?;
        let logit = self.pure_noise_logit();
        require(
            logit <= PURE_NOISE_LOGIT,
            "data.patches",
            self.data.patch_count().unwrap_or_default(),
            format!(
                "few enough for the mean logit of pure noise, P m E[φ(B)] = {logit:.2e}, to be at most {PURE_NOISE_LOGIT} with this \
                 training.engine; \"overlap-reference\" trains any number"
            ),
        )?;
        // α Σ_v A[v] is at most γ times the overlap of a learned view, φ(A) = 6.5 on the linear
        // branch; blocks at rest lie below 8 σ_0.
        let network = &self.network;
        let learned = 6.5 + (1.0 - 1.0 / f64::from(network.relu_exponent)) * network.relu_threshold;
        let rest = 8.0 * self.init_scale() * self.data.noise_variance.sqrt().max(1.0);
        require(
            self.data.feature_noise() * learned <= rest,
            "data.feature_noise",
            self.data.feature_noise(),
            format!(
                "at most {:.2e} with this training.engine, so that a learned view wakes no block at rest; \"overlap-reference\" trains more",
                rest / learned
            ),
        )
    }

    /// `P m E[φ(B)]`: the mean logit of patches of pure noise at the start, for any class; 0 where
    /// there are as many patches as needed.
    pub fn pure_noise_logit(&self) -> f64 {
        let network = &self.network;
        let q = f64::from(network.relu_exponent);
        let scale = self.init_scale() * self.data.noise_variance.sqrt();
        // E[(X^+)^q] = 2^{q/2 − 1} Γ((q + 1)/2)/√π for a standard normal X.
        let moment = 2f64.powf(q / 2.0 - 1.0) * gamma((q + 1.0) / 2.0) / PI.sqrt();
        let value = scale.powf(q) / (q * network.relu_threshold.powf(q - 1.0)) * moment;
        self.data.patch_count().unwrap_or(0) as f64 * network.neurons_per_class as f64 * value
    }

    /// `σ_0`: standard deviation of each initial weight.
    pub fn init_scale(&self) -> f64 {
        let q = f64::from(self.network.relu_exponent);
        // The linear control has no such relation; q = 3 stands in.
        let power = (q - 2.0).max(1.0);
        (self.network.init_scale).or((self.data.classes as f64).powf(-1.0 / power))
    }

    /// `T`: the largest number of steps of a network trained alone.
    pub fn steps(&self) -> usize {
        self.training.steps.of(self.data.classes)
    }

    /// `η`: the step size.
    pub fn learning_rate(&self) -> f64 {
        self.training.learning_rate_per_class * self.data.classes as f64
    }
}

impl DataRegime {
    /// `N`: number of training samples.
    pub fn sample_count(&self) -> usize {
        match self.samples {
            SampleCount::Count(n) => n,
            SampleCount::Rule(PaperRule::Paper) => {
                ((self.classes as f64).powf(1.2) / self.single_view_share).ceil() as usize
            }
        }
    }

    /// `γ`: largest feature noise.
    pub fn feature_noise(&self) -> f64 {
        self.feature_noise.or((self.classes as f64).powf(-1.5))
    }

    /// `P`, where it is fixed.
    pub fn patch_count(&self) -> Option<usize> {
        match self.patches {
            PatchCount::Count(p) => Some(p),
            PatchCount::Rule(PatchRule::Paper) => Some(self.classes * self.classes),
            PatchCount::Rule(PatchRule::AsNeeded) => None,
        }
    }

    /// Number of features, `M k`: `2k` in the theory.
    pub fn features(&self) -> usize {
        self.classes * self.views_per_class
    }

    /// Expected number of features that an input shows: the label's, and each other one with
    /// probability `s/k`.
    pub fn mean_features(&self) -> f64 {
        let views = self.views_per_class as f64;
        views * (1.0 + self.sparsity * (1.0 - 1.0 / self.classes as f64))
    }

    /// Expected number of patches of an input that carry a feature.
    pub fn mean_patches(&self) -> f64 {
        self.mean_features() * self.patches_per_feature.mean()
    }

    /// The relative weight of each view.
    pub fn view_weights(&self) -> impl Iterator<Item = f64> {
        (0..self.views_per_class).map(|view| self.view_weights.get(view).copied().unwrap_or(1.0))
    }

    /// Range of the total weight of the label's feature of a view, kept at full weight.
    pub fn main_weight_of(&self, view: usize) -> [f64; 2] {
        let relative = self.view_weights.get(view).copied().unwrap_or(1.0);
        self.main_weight.map(|weight| relative * weight)
    }

    /// The largest total weight of any of the label's features.
    pub fn largest_main_weight(&self) -> f64 {
        self.main_weight[1] * self.view_weights().fold(0.0, f64::max)
    }

    /// `E Σ_p z_p^q` over the patches of the label's feature of a view, kept at full weight.
    pub fn expected_main_power_sum(&self, view: usize, exponent: u32) -> f64 {
        mean_power(self.main_weight_of(view), exponent)
            * self.patches_per_feature.expected_power_sum(exponent)
    }

    fn validate_view_weights(&self) -> Result<(), FieldError> {
        let weights = &self.view_weights;
        let [least, most] = VIEW_WEIGHTS;
        require(
            weights.is_empty()
                || (weights.len() == self.views_per_class
                    && weights.iter().all(|weight| (least..=most).contains(weight))),
            "data.view_weights",
            weights,
            format!(
                "a number from {least} to {most} for each of the {} views, or left out",
                self.views_per_class
            ),
        )?;
        require(
            self.view_weights()
                .all(|weight| self.main_weight[0] * weight >= 1.0),
            "data.view_weights",
            weights,
            format!(
                "at least 1/main_weight[0] = {} each, so that every view has a main weight of at least 1",
                1.0 / self.main_weight[0]
            ),
        )
    }

    /// The class that owns feature `v = views · class + view`.
    pub fn class_of(&self, feature: usize) -> usize {
        feature / self.views_per_class
    }

    /// Checks every field.
    ///
    /// # Errors
    /// The first field outside its range, with its value and the range.
    pub fn validate(&self) -> Result<(), FieldError> {
        let k = self.classes;
        require(
            (2..=MOST_CLASSES).contains(&k),
            "data.classes",
            k,
            format!("2 to {MOST_CLASSES} classes"),
        )?;
        require(
            (1..=MOST_VIEWS).contains(&self.views_per_class),
            "data.views_per_class",
            self.views_per_class,
            format!("1 to {MOST_VIEWS}"),
        )?;
        require_inside_unit(
            "data.single_view_share",
            self.single_view_share,
            LEAST_SHARE,
        )?;
        let n = self.sample_count();
        require(
            (1..=MOST_SAMPLES).contains(&n),
            "data.samples",
            n,
            format!("1 to {MOST_SAMPLES}, or \"paper\""),
        )?;
        require(
            (0.0..=k as f64).contains(&self.sparsity),
            "data.sparsity",
            self.sparsity,
            format!("0 to the number of classes ({k}), since s/k is a probability"),
        )?;
        range("data.main_weight", self.main_weight, 1.0, 100.0)?;
        self.validate_view_weights()?;
        range("data.other_weight", self.other_weight, 0.0, 0.4)?;
        for weight in self.other_weight {
            require_zero_or("data.other_weight", weight, LEAST_WEIGHT, 1.0)?;
        }
        let (gamma, rho) = (self.single_view_other_weight, self.weak_weight);
        require_inside_unit("data.single_view_other_weight", gamma, LEAST_WEIGHT)?;
        require(
            (0.0..gamma).contains(&rho),
            "data.weak_weight",
            rho,
            format!("0 to below single_view_other_weight ({gamma}): the theory needs ρ < Γ"),
        )?;
        require_zero_or("data.weak_weight", rho, LEAST_WEIGHT, 1.0)?;
        self.patches_per_feature.validate()?;
        let cp = self.patches_per_feature.most();
        if let Some(p) = self.patch_count() {
            let least = self.features() * cp;
            require(
                p >= least && p <= 1 << 20,
                "data.patches",
                p,
                format!(
                    "at least {least} (every feature may be present, on {cp} patches of its own) and at most {}, or \"as-needed\"",
                    1 << 20
                ),
            )?;
        }
        if let Some(d) = self.dimension {
            let least = self.features();
            require(
                (least..=1 << 20).contains(&d),
                "data.dimension",
                d,
                format!("{least} (as many orthonormal features) to {}", 1 << 20),
            )?;
        }
        require(
            (0.0..1.0).contains(&self.feature_noise()),
            "data.feature_noise",
            self.feature_noise(),
            "0 to below 1, or \"paper\"",
        )?;
        require_zero_or(
            "data.feature_noise",
            self.feature_noise(),
            LEAST_WEIGHT,
            1.0,
        )?;
        let variance = self.noise_variance;
        require(
            variance == 0.0 || !(0.0..LEAST_VARIANCE).contains(&variance),
            "data.noise_variance",
            variance,
            format!("0, or {LEAST_VARIANCE:e} to 100"),
        )?;
        require(
            (0.0..=100.0).contains(&self.noise_variance),
            "data.noise_variance",
            self.noise_variance,
            "0 to 100",
        )
    }
}

impl NetworkRegime {
    fn validate(&self) -> Result<(), FieldError> {
        let m = self.neurons_per_class;
        require(
            (1..=1024).contains(&m),
            "network.neurons_per_class",
            m,
            "1 to 1024",
        )?;
        let q = self.relu_exponent;
        require(
            q == 1 || (3..=16).contains(&q),
            "network.relu_exponent",
            q,
            "3 to 16 (or 1, the linear negative control)",
        )?;
        let threshold = self.relu_threshold;
        require(
            (1e-6..=1e6).contains(&threshold),
            "network.relu_threshold",
            threshold,
            "0.000001 to 1000000",
        )?;
        match self.init_scale {
            Relation::Value(scale) => within("network.init_scale", scale, LEAST_INIT_SCALE, 1e3),
            Relation::Rule(_) => Ok(()),
            // The paper's relation is between 1/4096 and 1.
            Relation::Multiple { paper } => within(
                "network.init_scale.paper",
                paper,
                LEAST_INIT_SCALE * MOST_CLASSES as f64,
                1e3,
            ),
        }
    }
}

impl TrainingRegime {
    fn validate(&self) -> Result<(), FieldError> {
        within(
            "training.learning_rate_per_class",
            self.learning_rate_per_class,
            LEAST_RATE,
            1e6,
        )?;
        require(
            self.perfect_steps <= MOST_STEPS,
            "training.perfect_steps",
            self.perfect_steps,
            format!("0 to {MOST_STEPS}"),
        )?;
        self.steps.validate("training.steps", 1)
    }
}

/// `E z^q` of a `z` that is uniform in an interval: `(b^{q+1} − a^{q+1})/((q + 1)(b − a))`, divided
/// out.
pub(crate) fn mean_power([low, high]: [f64; 2], exponent: u32) -> f64 {
    let q = exponent as i32;
    let terms = (0..=q).map(|i| low.powi(i) * high.powi(q - i));
    terms.sum::<f64>() / f64::from(q + 1)
}

/// Refuses a value outside [`least`, `most`].
pub(crate) fn within(field: &str, value: f64, least: f64, most: f64) -> Result<(), FieldError> {
    require(
        (least..=most).contains(&value),
        field,
        value,
        format!("above 0, from {least:e} to {most}"),
    )
}

fn range(field: &str, [lo, hi]: [f64; 2], least: f64, most: f64) -> Result<(), FieldError> {
    require(
        least <= lo && lo <= hi && hi <= most,
        field,
        [lo, hi],
        format!("[low, high] with {least} ≤ low ≤ high ≤ {most}"),
    )
}
