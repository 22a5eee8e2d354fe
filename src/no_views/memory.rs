//! Bytes that networks on inputs without views need: see
//! [`procedure::memory`](crate::procedure::memory).

use super::spec::{Inputs, NoViews};
use crate::data::{Patch, Sample};
use crate::procedure::memory::{logits, samples};
use crate::regime::Regime;

/// Bytes of a number.
const F32: f64 = 4.0;

/// Bytes at the peak of a world of a valid regime.
pub fn bytes(regime: &Regime, spec: &NoViews) -> f64 {
    let data = &regime.data;
    let (training, fresh) = (data.sample_count() as f64, spec.fresh_inputs as f64);
    let inputs = training + fresh;
    let (patches, as_patches) = match spec.inputs {
        Inputs::MultiView => (
            data.patch_count().map_or(data.mean_patches(), |p| p as f64),
            samples(data, inputs),
        ),
        _ => (
            1.0,
            inputs * (size_of::<Sample>() + size_of::<Patch>()) as f64,
        ),
    };
    let d = data.dimension.unwrap_or_default() as f64;
    let k = data.classes as f64;
    let columns = k * regime.network.neurons_per_class as f64;
    // While the teacher labels inputs, they are there twice.
    let vectors = d * patches * (inputs + training.max(fresh));
    let centres = match spec.inputs {
        Inputs::Mixture(centres) => d * centres as f64,
        _ => 0.0,
    };
    // Weights and gradient; each class's sums and residuals on each patch, while a network is
    // trained or asked.
    let network = 2.0 * d * columns + k * patches * training.max(fresh);
    let of_fresh = (spec.members + 3) as f64 * k * fresh;
    // Of the members, the ensemble and two students; then the mean of the members, and what it is
    // softened to.
    let of_training = (spec.members + 5) as f64 * logits(regime, training);
    as_patches + of_training + F32 * (vectors + centres + network + of_fresh)
}
