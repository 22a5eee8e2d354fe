//! The forward pass of a trained network over a test set.

use crate::data::Sample;
use crate::engine::overlap::{LANES, Trained};
use crate::network::SmoothedRelu;
use crate::normals::Normals;
use crate::real::each;
use crate::regime::Regime;
use pulp::NullaryFnOnce;

/// The forward pass of a test set.
pub(super) struct Logits<'a> {
    pub samples: &'a [Sample],
    pub regime: &'a Regime,
    pub network: &'a Trained<f32>,
    pub normals: Normals,
}

impl NullaryFnOnce for Logits<'_> {
    type Output = Vec<f32>;

    #[inline(always)]
    fn call(mut self) -> Vec<f32> {
        let (regime, network) = (self.regime, self.network);
        let layout = network.layout;
        let (k, row, stride) = (layout.classes, layout.row(), layout.stride);
        let activation = SmoothedRelu::<f32>::new(&regime.network);
        let noise = (regime.init_scale() * regime.data.noise_variance.sqrt()) as f32;
        let awake = (8.0 * regime.init_scale()).min(regime.network.relu_threshold) as f32;
        let common = common(regime, network);
        let blocks = network.features.chunks_exact(stride);
        let peaks: Vec<f32> = blocks
            .clone()
            .map(|block| block.iter().copied().fold(0.0, f32::max))
            .collect();
        // Below ϱ, φ(z a) = z^q φ(a) if φ's first branch is taken throughout.
        let silent: Vec<f32> = blocks
            .map(|block| block.iter().map(|a| activation.first_branch(*a)).sum())
            .collect();
        let mut logits = vec![0.0f32; self.samples.len() * k];
        for (sample, f) in self.samples.iter().zip(logits.chunks_exact_mut(k)) {
            for patch in &sample.patches {
                let v = patch.feature.unwrap_or(0) as usize;
                let z = patch.weight;
                if common.is_none() {
                    let power = z.powi(regime.network.relu_exponent as i32);
                    let rows = silent[v * k..][..k].iter().zip(&peaks[v * k..][..k]);
                    for (f, (value, peak)) in f.iter_mut().zip(rows) {
                        *f += if z * *peak <= awake {
                            power * *value
                        } else {
                            0.0
                        };
                    }
                }
                for (i, f) in f.iter_mut().enumerate() {
                    let shift = common.as_ref().map(|c| &c[i * stride..][..stride]);
                    if z * peaks[v * k + i] <= awake && shift.is_none() {
                        continue;
                    }
                    let block = &network.features[v * row + i * stride..][..stride];
                    for (c, a) in block.as_chunks::<LANES>().0.iter().enumerate() {
                        let fresh = self.normals.next_lanes();
                        let mut s = each(|l| z * a[l] + noise * fresh[l]);
                        if let Some(shift) = shift {
                            let shift = &shift[c * LANES..][..LANES];
                            s = each(|l| s[l] + patch.feature_noise * shift[l]);
                        }
                        let values = each(|l| activation.value_and_slope(s[l]).0);
                        let used = (layout.neurons - c * LANES).min(LANES);
                        *f += values[..used].iter().sum::<f32>();
                    }
                }
            }
        }
        logits
    }
}

/// `Σ_v A[v]`, needed where there is feature noise.
fn common(regime: &Regime, network: &Trained<f32>) -> Option<Vec<f32>> {
    (regime.data.feature_noise() > 0.0).then(|| {
        let mut sum = vec![0.0; network.layout.row()];
        for row in network.features.chunks_exact(sum.len()) {
            sum.iter_mut().zip(row).for_each(|(s, a)| *s += a);
        }
        sum
    })
}
