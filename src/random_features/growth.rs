//! Read-outs as the number of random neurons grows.
//!
//! At a fixed `λ` and data set a read-out over `R` standardised features is a function of their
//! sample kernel, a mean of `R` independent terms. About its limit it therefore fluctuates by
//! `O(R^{-1/2})`: the variance of a model's output over draws of the features falls as `1/R`. By
//! the ambiguity decomposition (Krogh and Vedelsby 1995) the squared loss of a single model exceeds
//! that of an ensemble of `K` by exactly `(1 − 1/K)` times that variance, so the gain of the
//! ensemble, and with it the gap a student could close, falls as `1/R` as well. The law is an
//! asymptotic one: with about as many neurons as the `2k` features of the data, or fewer, a model
//! cannot represent what it should learn and its variance saturates. The next order,
//! `V = c/(R + R_0)`, is fitted to all but the largest number of neurons, where it is put to the
//! test; a fitted exponent comes near −1 only well beyond `R_0`.

use super::logistic::cross_entropy;
use super::measure::mean;
use super::regime::{FeatureKind, RandomFeatureRegime, ReadoutKind};
use super::world::{Inputs, Model, RandomFeatureError, Sets, average};
use crate::data::Kind;
use crate::field::require;
use crate::seed::WorldSeed;
use faer::Mat;
use serde::{Deserialize, Serialize};

/// The exponent of every fitted power law that ridge theory predicts.
pub const PREDICTED_EXPONENT: f64 = -1.0;

/// One number of neurons.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct GrowthPoint {
    /// [`RandomFeatures::neurons`](super::RandomFeatures::neurons).
    pub neurons: usize,
    /// `err(D)`, mean over members.
    pub err_single: f64,
    /// `err(D)` of the ensemble.
    pub err_ensemble: f64,
    /// `err(D)`, mean over students.
    pub err_student: f64,
    /// Variance of a model's output over draws of its features, summed over classes, mean over `D`.
    pub feature_variance: f64,
    /// Loss (ridge: squared error, logistic: cross-entropy) of a single model less the ensemble's.
    pub loss_gain: f64,
    /// Loss of a student less the ensemble's: what distillation leaves on the table.
    pub loss_gap: f64,
}

/// The numbers of one world, and the power laws fitted to its points with at least
/// [`fitted_from`](Self::fitted_from) neurons.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Growth {
    /// In the order given.
    pub points: Vec<GrowthPoint>,
    /// `λ`, chosen for one model with the most neurons and used throughout.
    pub strength: f64,
    /// Twice the fewest neurons that can represent every feature of the data: `4k` for activation
    /// features; a tangent neuron has all `2k` coordinates, so 2.
    pub fitted_from: usize,
    /// [`GrowthPoint::feature_variance`] at the most neurons, measured over predicted by
    /// `c/(R + R_0)` from the fitted points before it; NaN with fewer than two of these.
    pub variance_over_prediction: f64,
    /// Exponent of [`GrowthPoint::feature_variance`] in the number of neurons; NaN with fewer than
    /// two points.
    pub variance_exponent: f64,
    /// Exponent of [`GrowthPoint::loss_gain`].
    pub gain_exponent: f64,
    /// Exponent of [`GrowthPoint::loss_gap`].
    pub gap_exponent: f64,
}

type Named<T> = (&'static str, fn(&T) -> f64);

/// The quantities of a world as a whole, by name.
const LAWS: [Named<Growth>; 4] = [
    ("variance_over_prediction", |s| s.variance_over_prediction),
    ("variance_exponent", |s| s.variance_exponent),
    ("gain_exponent", |s| s.gain_exponent),
    ("gap_exponent", |s| s.gap_exponent),
];

/// The quantities at each number of neurons, by name; the number follows, as in `loss_gain_at_80`.
const AT_EACH: [Named<GrowthPoint>; 6] = [
    ("err_single", |p| p.err_single),
    ("err_ensemble", |p| p.err_ensemble),
    ("err_student", |p| p.err_student),
    ("feature_variance", |p| p.feature_variance),
    ("loss_gain", |p| p.loss_gain),
    ("loss_gap", |p| p.loss_gap),
];

/// The names of the quantities; `R` stands for a number of neurons.
pub fn names(neurons: &str) -> Vec<String> {
    let laws = LAWS.iter().map(|(name, _)| (*name).to_owned());
    let at_each = AT_EACH.iter();
    laws.chain(at_each.map(|(name, _)| format!("{name}_at_{neurons}")))
        .collect()
}

/// Returns true if a growth over these numbers of neurons measures a quantity of this name.
pub fn measures(quantity: &str, neurons: &[usize]) -> bool {
    let mut neurons = neurons.iter();
    neurons.any(|m| names(&m.to_string()).iter().any(|name| name == quantity))
}

impl Growth {
    /// Runs one world at each number of neurons.
    ///
    /// # Errors
    /// A parameter outside its range, or a system that could not be solved.
    pub fn of_world(
        regime: &RandomFeatureRegime,
        seed: WorldSeed,
        neurons: &[usize],
    ) -> Result<Self, RandomFeatureError> {
        let most = neurons.iter().copied().max().unwrap_or(0);
        require(most > 0, "neurons", neurons, "at least one number above 0")?;
        let with = |neurons| {
            let mut with = regime.clone();
            with.model.neurons = neurons;
            with
        };
        let regimes: Vec<_> = neurons.iter().map(|m| with(*m)).collect();
        for regime in &regimes {
            regime.validate()?;
        }
        let largest = with(most);
        let inputs = Inputs::draw(&largest, seed);
        let strength = inputs
            .train(&inputs.features(0), &inputs.labels, &regime.model.strengths)?
            .chosen
            .strength;
        let points = regimes
            .iter()
            .map(|regime| point(regime, seed, strength))
            .collect::<Result<Vec<_>, _>>()?;
        let fitted_from = match regime.model.kind {
            FeatureKind::Activation => 2 * regime.data.features(),
            FeatureKind::Tangent => 2,
        };
        let exponent = |quantity: fn(&GrowthPoint) -> f64| {
            let fitted = points.iter().filter(|p| p.neurons >= fitted_from);
            line(fitted.map(|p| ((p.neurons as f64).ln(), quantity(p).ln()))).0
        };
        let (rate, level) = line(
            (points.iter())
                .filter(|p| (fitted_from..most).contains(&p.neurons))
                .map(|p| (p.neurons as f64, 1.0 / p.feature_variance)),
        );
        let last = points.iter().find(|p| p.neurons == most);
        let last = last.expect("the largest number is one of them");
        Ok(Self {
            strength,
            fitted_from,
            variance_over_prediction: last.feature_variance * (rate * most as f64 + level),
            variance_exponent: exponent(|p| p.feature_variance),
            gain_exponent: exponent(|p| p.loss_gain),
            gap_exponent: exponent(|p| p.loss_gap),
            points,
        })
    }

    /// Every number, by name.
    pub fn quantities(&self) -> impl Iterator<Item = (String, f64)> + '_ {
        let laws = LAWS.iter().map(|(name, of)| (name.to_string(), of(self)));
        let points = self.points.iter().flat_map(|point| {
            AT_EACH
                .iter()
                .map(move |(name, of)| (format!("{name}_at_{}", point.neurons), of(point)))
        });
        laws.chain(points)
    }
}

fn point(
    regime: &RandomFeatureRegime,
    seed: WorldSeed,
    strength: f64,
) -> Result<GrowthPoint, RandomFeatureError> {
    let inputs = Inputs::draw(regime, seed);
    let members = inputs.train_all(
        &inputs.all_features(0..regime.model.members),
        &inputs.labels,
        &[strength],
    )?;
    let fresh: Vec<Sets> =
        inputs.all_features(regime.model.members..regime.model.members + regime.model.students);
    let students = inputs.train_all(&fresh, &inputs.distilled(&members), &[strength])?;
    let ensemble = average(members.iter().map(|m| &m.test_outputs));
    let error = |models: &[Model]| mean(models.iter().map(|m| m.score.error()));
    let loss = |models: &[Model]| mean(models.iter().map(|m| test_loss(&inputs, &m.test_outputs)));
    let ensemble_loss = test_loss(&inputs, &ensemble);
    Ok(GrowthPoint {
        neurons: regime.model.neurons,
        err_single: error(&members),
        err_ensemble: inputs.score(&ensemble).error(),
        err_student: error(&students),
        feature_variance: variance(&inputs, &members, &ensemble),
        loss_gain: loss(&members) - ensemble_loss,
        loss_gap: loss(&students) - ensemble_loss,
    })
}

/// Unbiased variance over members of the test outputs, summed over classes, mean over `D`.
fn variance(inputs: &Inputs, members: &[Model], ensemble: &Mat<f64>) -> f64 {
    let weights = weights(inputs);
    let spread = |m: &Model| {
        let away = &m.test_outputs - ensemble;
        (weights.iter().enumerate())
            .map(|(n, w)| w * away.row(n).squared_norm_l2())
            .sum::<f64>()
    };
    members.iter().map(spread).sum::<f64>() / (members.len() as f64 - 1.0)
}

/// Mean loss over `D` against the labels.
fn test_loss(inputs: &Inputs, outputs: &Mat<f64>) -> f64 {
    let targets = &inputs.test_labels;
    let loss = |n: usize| match inputs.regime.model.readout {
        ReadoutKind::Ridge => (outputs.row(n) - targets.row(n)).squared_norm_l2(),
        ReadoutKind::Logistic => {
            let row = |m: &Mat<f64>| m.as_ref().subrows(n, 1).to_owned();
            cross_entropy(&row(outputs), &row(targets)).0
        }
    };
    (weights(inputs).iter().enumerate())
        .map(|(n, w)| w * loss(n))
        .sum()
}

/// Weight of each test input that makes a mean over the test set a mean over `D`.
fn weights(inputs: &Inputs) -> Vec<f64> {
    let RandomFeatureRegime { data, model } = inputs.regime;
    let k = data.classes as f64;
    let single = k * (data.views_per_class * model.draws.single_view) as f64;
    let multi = k * model.draws.multi_view as f64;
    let mu = data.single_view_share;
    (inputs.test.samples.iter())
        .map(|s| match s.kind {
            Kind::SingleView(_) => mu / single,
            Kind::MultiView => (1.0 - mu) / multi,
        })
        .collect()
}

/// Slope and intercept of the least-squares line.
fn line(points: impl Iterator<Item = (f64, f64)>) -> (f64, f64) {
    let points: Vec<_> = points.collect();
    let count = points.len() as f64;
    let x0 = points.iter().map(|p| p.0).sum::<f64>() / count;
    let y0 = points.iter().map(|p| p.1).sum::<f64>() / count;
    let xy: f64 = points.iter().map(|(x, y)| (x - x0) * (y - y0)).sum();
    let xx: f64 = points.iter().map(|(x, _)| (x - x0).powi(2)).sum();
    (xy / xx, y0 - xy / xx * x0)
}
