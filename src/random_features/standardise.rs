//! Centres and scales features by what the training set shows of them.
//!
//! Activation features are standardised one by one; tangent features keep their relative lengths,
//! which are the kernel. Both are then scaled together so that the mean squared norm of a training
//! input's feature vector (its own noise component included) is 1: `λ` means the same for every
//! number of features. Features without variance on the training set are dropped: they carry
//! weight 0.

use super::features::Features;
use super::regime::FeatureKind;
use faer::Mat;

/// A column whose standard deviation is below this share of its block's largest is constant.
const CONSTANT: f64 = 1e-12;

/// An affine map of each feature, fitted on a training set.
#[derive(Clone, Debug)]
pub struct Standardiser {
    /// For each block: (column, mean, factor) of the features kept.
    kept: Vec<Vec<(usize, f64, f64)>>,
    noise_factor: f64,
}

impl Standardiser {
    /// Fits means and factors on a training set.
    pub fn fit(kind: FeatureKind, training: &Features) -> Self {
        let inputs = training.inputs() as f64;
        let mut kept: Vec<Vec<(usize, f64, f64)>> = Vec::new();
        let mut square = 0.0;
        for block in &training.blocks {
            let moments: Vec<(f64, f64)> = block
                .col_iter()
                .map(|column| {
                    let mean = column.iter().sum::<f64>() / inputs;
                    let variance = column.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / inputs;
                    (mean, variance.sqrt())
                })
                .collect();
            // Relative to the block's scale: a constant column shows rounding errors alone.
            let scale = moments
                .iter()
                .map(|(mean, sd)| mean.abs().max(*sd))
                .fold(0.0, f64::max);
            let columns: Vec<_> = moments
                .iter()
                .enumerate()
                .filter(|(_, (_, sd))| *sd > CONSTANT * scale)
                .map(|(c, (mean, sd))| match kind {
                    FeatureKind::Activation => (c, *mean, 1.0 / sd),
                    FeatureKind::Tangent => (c, *mean, 1.0),
                })
                .collect();
            square += columns
                .iter()
                .map(|(c, _, factor)| (moments[*c].1 * factor).powi(2))
                .sum::<f64>();
            kept.push(columns);
        }
        if let Some(noise) = &training.noise {
            square += noise.col_iter().flat_map(|c| c.iter()).sum::<f64>() / inputs;
        }
        square /= training.blocks.len() as f64;
        let common = if square > 0.0 {
            square.sqrt().recip()
        } else {
            1.0
        };
        for (_, _, factor) in kept.iter_mut().flatten() {
            *factor *= common;
        }
        Self {
            kept,
            noise_factor: common * common,
        }
    }

    /// Applies the map to the features of any inputs.
    pub fn apply(&self, features: &Features) -> Features {
        let blocks = features
            .blocks
            .iter()
            .zip(&self.kept)
            .map(|(block, kept)| {
                Mat::from_fn(block.nrows(), kept.len(), |n, c| {
                    let (column, mean, factor) = kept[c];
                    (block[(n, column)] - mean) * factor
                })
            })
            .collect();
        let noise = features.noise.as_ref().map(|noise| {
            Mat::from_fn(noise.nrows(), noise.ncols(), |n, i| {
                noise[(n, i)] * self.noise_factor
            })
        });
        Features { blocks, noise }
    }

    /// Features dropped for want of variance, over all blocks.
    pub fn dropped(&self, features: &Features) -> usize {
        let all: usize = features.blocks.iter().map(|b| b.ncols()).sum();
        all - self.kept.iter().map(Vec::len).sum::<usize>()
    }
}
