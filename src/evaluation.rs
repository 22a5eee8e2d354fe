//! Test error, stratified by (class, part of the mixture).
//!
//! `err(D)/μ = err(D_s) + ((1 − μ)/μ) err(D_m)`. Within a cell (class, view) the outcome is almost
//! constant, so a few draws for each cell give a small Monte-Carlo error, where plain sampling of `D`
//! would waste nearly all of them.

use crate::data::{Kind, Sample, draw_sample};
use crate::engine::overlap::{LANES, Trained};
use crate::network::SmoothedRelu;
use crate::normals::Normals;
use crate::real::each;
use crate::regime::Regime;
use pulp::NullaryFnOnce;
use rand::Rng;

use serde::{Deserialize, Serialize};

/// How many fresh inputs are drawn for each cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Draws {
    /// Single-view inputs for each (class, view).
    pub single_view: usize,
    /// Multi-view inputs for each class.
    pub multi_view: usize,
}

impl Default for Draws {
    fn default() -> Self {
        Self {
            single_view: 16,
            multi_view: 64,
        }
    }
}

/// Fresh inputs of `D`, cell by cell.
#[derive(Clone, Debug)]
pub struct TestSet {
    samples: Vec<Sample>,
}

impl TestSet {
    /// Draws the cells in order: for each class its single-view cells, then its multi-view cell.
    pub fn draw(regime: &Regime, draws: Draws, rng: &mut impl Rng) -> Self {
        let data = &regime.data;
        let mut samples = Vec::new();
        for label in 0..data.classes {
            for view in 0..data.views_per_class {
                let kind = Kind::SingleView(view as u8);
                samples.extend((0..draws.single_view).map(|_| draw_sample(data, label, kind, rng)));
            }
            samples.extend(
                (0..draws.multi_view).map(|_| draw_sample(data, label, Kind::MultiView, rng)),
            );
        }
        Self { samples }
    }

    /// The logits of a trained network, `[inputs][k]`. Fresh Gaussian noise enters a pre-activation as an
    /// independent `N(0, σ_0² ν²)`; blocks whose features stay under `8 σ_0` (and under `ϱ`) are left without
    /// it, since there it moves a logit by less than `m φ(14 σ_0)`.
    pub fn logits(&self, regime: &Regime, network: &Trained<f32>, rng: &mut impl Rng) -> Vec<f32> {
        pulp::Arch::new().dispatch(Logits {
            samples: &self.samples,
            regime,
            network,
            normals: Normals::new(rng),
        })
    }

    /// Scores logits `[inputs][k]`: an input is an error unless its label's logit is the strict maximum.
    pub fn score(&self, regime: &Regime, logits: &[f32]) -> Evaluation {
        let data = &regime.data;
        let mut single = vec![Cell::default(); data.features()];
        let mut multi = vec![Cell::default(); data.classes];
        for (sample, f) in self.samples.iter().zip(logits.chunks_exact(data.classes)) {
            let cell = match sample.kind {
                Kind::SingleView(view) => {
                    &mut single[sample.label * data.views_per_class + usize::from(view)]
                }
                Kind::MultiView => &mut multi[sample.label],
            };
            cell.draws += 1;
            cell.errors += usize::from(!crate::engine::is_correct(f, sample.label));
        }
        Evaluation {
            single_view_share: data.single_view_share,
            single,
            multi,
        }
    }
}

/// The forward pass of a test set.
struct Logits<'a> {
    samples: &'a [Sample],
    regime: &'a Regime,
    network: &'a Trained<f32>,
    normals: Normals,
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

/// Draws and errors of one cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// Inputs drawn.
    pub draws: usize,
    /// Inputs misclassified.
    pub errors: usize,
}

impl Cell {
    /// Share of the draws misclassified.
    pub fn rate(self) -> f64 {
        self.errors as f64 / self.draws.max(1) as f64
    }
}

/// A model's errors, cell by cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// `μ`.
    single_view_share: f64,
    /// Cells (class, view) of `D_s`, class-major.
    pub single: Vec<Cell>,
    /// Cells (class) of `D_m`.
    pub multi: Vec<Cell>,
}

impl Evaluation {
    /// `err(D_s)`.
    pub fn single_view_error(&self) -> f64 {
        mean(&self.single)
    }

    /// `err(D_m)`.
    pub fn multi_view_error(&self) -> f64 {
        mean(&self.multi)
    }

    /// `err(D)/μ`.
    pub fn test_error_over_mu(&self) -> f64 {
        self.single_view_error() + self.multi_weight() * self.multi_view_error()
    }

    /// The Monte-Carlo standard error of [`test_error_over_mu`](Self::test_error_over_mu), from the
    /// binomial variance of each cell with one error and one success added (so that a cell without
    /// errors is not taken for certain).
    pub fn standard_error(&self) -> f64 {
        let weight = self.multi_weight();
        (variance(&self.single) + weight * weight * variance(&self.multi)).sqrt()
    }

    fn multi_weight(&self) -> f64 {
        (1.0 - self.single_view_share) / self.single_view_share
    }
}

fn mean(cells: &[Cell]) -> f64 {
    cells.iter().map(|c| c.rate()).sum::<f64>() / cells.len() as f64
}

/// Variance of the mean over equally weighted cells, pooled for the cells that show no error.
fn variance(cells: &[Cell]) -> f64 {
    let spread: f64 = cells
        .iter()
        .filter(|c| c.draws > 0)
        .map(|c| c.rate() * (1.0 - c.rate()) / c.draws as f64)
        .sum();
    let draws: usize = cells.iter().map(|c| c.draws).sum();
    let cells = cells.len() as f64;
    // One error more than seen, spread over all draws: what "no error seen" still allows.
    spread / (cells * cells) + 1.0 / (draws.max(1) as f64).powi(2)
}
