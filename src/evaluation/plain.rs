//! Plain sampling: fresh inputs of every cell, drawn once, for models of any kind.

use super::{CellError, Draws, Evaluation};
use crate::data::{Kind, Sample, add_noise_patches, draw_sample};
use crate::engine::is_correct;
use crate::engine::state::Trained;
use crate::network::SmoothedRelu;
use crate::real::Real;
use crate::regime::{DataRegime, Regime};
use rand::{Rng, RngExt};
use rand_distr::StandardNormal;

/// Fresh inputs of `D`, cell by cell.
#[derive(Clone, Debug)]
pub struct TestSet {
    pub(crate) samples: Vec<Sample>,
    classes: usize,
    views: usize,
    /// `μ`.
    single_view_share: f64,
}

impl TestSet {
    /// Draws the cells in order: for each class its single-view cells, then its multi-view cell.
    pub fn draw(data: &DataRegime, draws: Draws, rng: &mut impl Rng) -> Self {
        let mut samples = Vec::new();
        for label in 0..data.classes {
            let mut cell = |kind, draws| {
                samples.extend((0..draws).map(|_| {
                    let mut sample = draw_sample(data, label, kind, rng);
                    add_noise_patches(data, &mut sample, rng);
                    sample
                }));
            };
            for view in 0..data.views_per_class {
                cell(Kind::SingleView(view as u8), draws.single_view);
            }
            cell(Kind::MultiView, draws.multi_view);
        }
        Self {
            samples,
            classes: data.classes,
            views: data.views_per_class,
            single_view_share: data.single_view_share,
        }
    }

    /// The logits of a trained network, `[inputs][k]`, every neuron on every patch: a check of
    /// [`Evaluation::of`](super::Evaluation::of) where the network is small. Fresh Gaussian noise
    /// enters a pre-activation as an independent `N(0, σ_0² ν²)`.
    pub fn logits(&self, regime: &Regime, network: &Trained<f32>, rng: &mut impl Rng) -> Vec<f64> {
        let activation = SmoothedRelu::<f64>::new(&regime.network);
        let noise = regime.init_scale() * regime.data.noise_variance.sqrt();
        let layout = network.layout;
        let (k, m, stride) = (layout.classes, layout.neurons, layout.stride);
        let mut sum = vec![0.0; layout.row()];
        for row in network.features.chunks_exact(layout.row()) {
            sum.iter_mut()
                .zip(row)
                .for_each(|(s, a)| *s += f64::from(*a));
        }
        let mut logits = vec![0.0; self.samples.len() * k];
        for (sample, f) in self.samples.iter().zip(logits.chunks_exact_mut(k)) {
            for patch in &sample.patches {
                let [z, alpha] = [patch.weight, patch.feature_noise].map(f64::from);
                for (i, f) in f.iter_mut().enumerate() {
                    for (r, s) in sum.iter().enumerate().skip(i * stride).take(m) {
                        let fresh: f64 = rng.sample(StandardNormal);
                        let feature = patch.feature.map_or(0.0, |v| {
                            z * f64::from(network.features[v as usize * layout.row() + r])
                        });
                        let s = feature + alpha * s + noise * fresh;
                        *f += activation.value_and_slope(s).0;
                    }
                }
            }
        }
        logits
    }

    /// Scores logits `[inputs][k]`: an input is an error unless its label's logit is the strict
    /// maximum.
    pub fn score<R: Real>(&self, logits: &[R]) -> Evaluation {
        let mut single = vec![(0, 0); self.classes * self.views];
        let mut multi = vec![(0, 0); self.classes];
        for (sample, f) in self.samples.iter().zip(logits.chunks_exact(self.classes)) {
            let (errors, draws) = match sample.kind {
                Kind::SingleView(view) => {
                    &mut single[sample.label * self.views + usize::from(view)]
                }
                Kind::MultiView => &mut multi[sample.label],
            };
            *draws += 1;
            *errors += usize::from(!is_correct(f, sample.label));
        }
        let cells = |counts: Vec<(usize, usize)>| {
            let counts = counts.into_iter();
            counts
                .map(|(errors, draws)| CellError::counted(errors, draws))
                .collect()
        };
        Evaluation {
            single_view_share: self.single_view_share,
            single: cells(single),
            multi: cells(multi),
        }
    }
}
