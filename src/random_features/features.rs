//! Random features of inputs in the limit `d → ∞`.
//!
//! A pre-activation is `s = z ⟨w, v⟩ + α Σ_{v'} ⟨w, v'⟩ + ⟨w, ξ⟩`. The weights enter through their
//! `2k` overlaps `⟨w, v⟩ ~ N(0, σ_0²)`; the Gaussian noise vectors of different patches become
//! orthogonal with `|ξ|² = ν²`, so that `⟨w, ξ⟩ ~ N(0, σ_0² ν²)`, independent for each patch and
//! neuron, and
//!
//! ```text
//! ⟨x_p, x_{p'}⟩ = z z' 1{same feature} + ν² 1{same patch}      (γ = 0).
//! ```
//!
//! A tangent feature `Σ_p φ'(s_p) x_p` therefore has `2k` coordinates in the span of the features
//! and one component along the noise of its own input, orthogonal to that of every other input.
//! Only the squared length of the latter matters: [`Features::noise`]. It memorises its input and
//! says nothing about others.

use super::regime::{FeatureKind, RandomFeatureRegime};
use crate::data::{Patch, Sample};
use crate::network::SmoothedRelu;
use crate::normals::Normals;
use crate::real::{LANES, Lanes, arch, each};
use faer::Mat;
use pulp::NullaryFnOnce;
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

/// The random weights of one model, as overlaps with the features.
#[derive(Clone, Debug)]
pub struct RandomNeurons {
    kind: FeatureKind,
    activation: SmoothedRelu<f64>,
    /// `σ_0 ν`.
    noise: f64,
    noise_variance: f64,
    /// Neurons in one block: all of them, or those of one class.
    neurons: usize,
    /// 1 if the classes share the features, otherwise `k`.
    blocks: usize,
    features: usize,
    /// `⟨w, v⟩`, `[blocks][neurons][2k]`.
    overlaps: Vec<f64>,
}

/// Features of a list of inputs: rows are inputs, columns are features.
#[derive(Clone, Debug)]
pub struct Features {
    /// One matrix shared by all classes, or one for each class.
    pub blocks: Vec<Mat<f64>>,
    /// Squared length of the component along the input's own noise, `[inputs][k]`.
    pub noise: Option<Mat<f64>>,
}

impl RandomNeurons {
    /// Draws `w ~ N(0, σ_0² I)` for each of the `neurons` (of each class, for tangent features).
    pub fn draw(regime: &RandomFeatureRegime, neurons: usize, rng: &mut impl Rng) -> Self {
        let features = regime.data.features();
        let blocks = match regime.model.kind {
            FeatureKind::Activation => 1,
            FeatureKind::Tangent => regime.data.classes,
        };
        let overlaps = (0..blocks * neurons * features)
            .map(|_| regime.model.init_scale * normal(rng))
            .collect();
        Self {
            kind: regime.model.kind,
            activation: regime.model.activation(),
            noise: regime.model.init_scale * regime.data.noise_variance.sqrt(),
            noise_variance: regime.data.noise_variance,
            neurons,
            blocks,
            features,
            overlaps,
        }
    }

    /// `⟨w, v⟩`, `[k][neurons][2k]`; for activation features `[neurons][2k]`.
    pub fn overlaps(&self) -> &[f64] {
        &self.overlaps
    }

    /// The features of `samples`; `rng` draws `⟨w, ξ⟩` for their patches.
    pub fn features(&self, samples: &[Sample], rng: &mut impl Rng) -> Features {
        match self.kind {
            FeatureKind::Activation => self.activations(samples, rng),
            FeatureKind::Tangent => self.tangents(samples, rng),
        }
    }

    /// Eight neurons at a time.
    fn activations(&self, samples: &[Sample], rng: &mut impl Rng) -> Features {
        let mut values = Mat::zeros(samples.len(), self.neurons);
        let mut normals = Normals::new(rng);
        for first in (0..self.neurons).step_by(LANES) {
            let last = self.neurons.min(first + LANES);
            let overlaps = |v: usize| {
                each(|l| match first + l < last {
                    true => self.overlaps[(first + l) * self.features + v],
                    false => 0.0,
                })
            };
            let overlaps: Vec<Lanes<f64>> = (0..self.features).map(overlaps).collect();
            let common = (overlaps.iter()).fold([0.0; LANES], |sum, a| each(|l| sum[l] + a[l]));
            let rows = arch().dispatch(Activations {
                neurons: self,
                overlaps: &overlaps,
                common,
                samples,
                normals: &mut normals,
            });
            for (n, row) in rows.iter().enumerate() {
                for r in first..last {
                    values[(n, r)] = row[r - first];
                }
            }
        }
        Features {
            blocks: vec![values],
            noise: None,
        }
    }

    fn tangents(&self, samples: &[Sample], rng: &mut impl Rng) -> Features {
        let mut noise = Mat::zeros(samples.len(), self.blocks);
        let block = |(class, neurons): (usize, &[f64])| {
            let mut values = Mat::zeros(samples.len(), self.neurons * self.features);
            for (r, neuron) in neurons.chunks_exact(self.features).enumerate() {
                let common: f64 = neuron.iter().sum();
                let first = r * self.features;
                for (n, sample) in samples.iter().enumerate() {
                    let mut shift = 0.0;
                    for patch in &sample.patches {
                        let s = self.pre_activation(patch, neuron, common, rng);
                        let slope = self.activation.value_and_slope(s).1;
                        if let Some(v) = patch.feature {
                            values[(n, first + v as usize)] += slope * f64::from(patch.weight);
                        }
                        shift += slope * f64::from(patch.feature_noise);
                        noise[(n, class)] += slope * slope * self.noise_variance;
                    }
                    if shift > 0.0 {
                        (0..self.features).for_each(|v| values[(n, first + v)] += shift);
                    }
                }
            }
            values
        };
        let blocks = self
            .overlaps
            .chunks_exact(self.neurons * self.features)
            .enumerate()
            .map(block)
            .collect();
        Features {
            blocks,
            noise: Some(noise),
        }
    }

    /// `⟨w, x_p⟩`.
    fn pre_activation(
        &self,
        patch: &Patch,
        neuron: &[f64],
        common: f64,
        rng: &mut impl Rng,
    ) -> f64 {
        let signal = patch
            .feature
            .map_or(0.0, |v| f64::from(patch.weight) * neuron[v as usize]);
        signal + f64::from(patch.feature_noise) * common + self.noise * normal(rng)
    }
}

/// `f_r(X)` of eight neurons for each of `samples`.
struct Activations<'a> {
    neurons: &'a RandomNeurons,
    /// `⟨w, v⟩`, `[2k]`, and their sum.
    overlaps: &'a [Lanes<f64>],
    common: Lanes<f64>,
    samples: &'a [Sample],
    normals: &'a mut Normals,
}

impl NullaryFnOnce for Activations<'_> {
    type Output = Vec<Lanes<f64>>;

    #[inline(always)]
    fn call(self) -> Vec<Lanes<f64>> {
        let RandomNeurons {
            activation, noise, ..
        } = self.neurons;
        let mut rows = Vec::with_capacity(self.samples.len());
        let mut noises = Vec::new();
        for sample in self.samples {
            // Drawn beforehand: between sums in `f64` the draw would not be vectorised.
            noises.clear();
            while noises.len() < sample.patches.len() {
                noises.extend(self.normals.next());
            }
            let mut sum = [0.0; LANES];
            for (patch, xi) in sample.patches.iter().zip(&noises) {
                let a = patch
                    .feature
                    .map_or([0.0; LANES], |v| self.overlaps[v as usize]);
                let [z, alpha] = [patch.weight, patch.feature_noise].map(f64::from);
                let s = each(|l| z * a[l] + alpha * self.common[l] + noise * f64::from(xi[l]));
                let value = activation.evaluate_lanes::<false>(s).0;
                sum = each(|l| sum[l] + value[l]);
            }
            rows.push(sum);
        }
        rows
    }
}

fn normal(rng: &mut impl Rng) -> f64 {
    StandardNormal.sample(rng)
}

impl Features {
    /// Number of inputs.
    pub fn inputs(&self) -> usize {
        self.blocks[0].nrows()
    }

    /// The features of several models side by side: the one large model of "training the average".
    pub fn concatenated(models: &[&Self]) -> Self {
        let inputs = models[0].inputs();
        let blocks = (0..models[0].blocks.len())
            .map(|b| {
                let columns: usize = models.iter().map(|m| m.blocks[b].ncols()).sum();
                let mut joined = Mat::zeros(inputs, columns);
                let mut first = 0;
                for model in models {
                    let block = &model.blocks[b];
                    joined
                        .as_mut()
                        .subcols_mut(first, block.ncols())
                        .copy_from(block);
                    first += block.ncols();
                }
                joined
            })
            .collect();
        let noise = models[0].noise.as_ref().map(|first| {
            let mut sum = first.clone();
            for model in &models[1..] {
                sum += model.noise.as_ref().expect("models of one kind");
            }
            sum
        });
        Self { blocks, noise }
    }
}
