//! A trained read-out and the solver's account of it.

use super::features::Features;
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, Par};
use thiserror::Error;

/// `F_i(X) = ⟨θ_i, f(X)⟩ + b_i`.
#[derive(Clone, Debug)]
pub struct Readout {
    /// `θ`: for each block of features a matrix `[features][k]` (shared) or `[features][1]`.
    pub coefficients: Vec<Mat<f64>>,
    /// `b`, not regularised.
    pub intercept: Vec<f64>,
}

/// A read-out with what the solver knows of it.
#[derive(Clone, Debug)]
pub struct Fit {
    /// The read-out.
    pub readout: Readout,
    /// Outputs on the training inputs, the memorising noise components included: `[inputs][k]`.
    pub training_outputs: Mat<f64>,
    /// 2-norm condition number of the system solved (logistic: of its preconditioner), the largest
    /// over the classes.
    pub condition: f64,
    /// Steps of the optimiser; 0 for a direct solve.
    pub steps: usize,
    /// Largest entry of the gradient at the end; 0 for a direct solve.
    pub gradient: f64,
}

/// A system without a Cholesky factor.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
#[error(
    "the normal equations ({size} unknowns, lambda = {strength}) have no Cholesky factor even with jitter: \
     a feature is not finite"
)]
pub struct SolveError {
    /// Unknowns.
    pub size: usize,
    /// `λ`.
    pub strength: f64,
}

impl Readout {
    /// Outputs `[inputs][k]` on fresh inputs, whose noise is orthogonal to the training noise.
    pub fn outputs(&self, features: &Features) -> Mat<f64> {
        let mut outputs = Mat::from_fn(features.inputs(), self.intercept.len(), |_, i| {
            self.intercept[i]
        });
        let mut first = 0;
        for (block, theta) in features.blocks.iter().zip(&self.coefficients) {
            matmul(
                outputs.as_mut().subcols_mut(first, theta.ncols()),
                Accum::Add,
                block,
                theta,
                1.0,
                Par::Seq,
            );
            first += theta.ncols();
        }
        outputs
    }
}
