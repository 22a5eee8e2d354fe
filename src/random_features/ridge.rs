//! Ridge regression: minimises
//!
//! ```text
//! (1/N) Σ_n (t_n − b − ⟨θ, f_n⟩ − d_n c_n)² + λ |θ|² + λ Σ_n c_n²
//! ```
//!
//! for each class, where `d_n` is the length of input `n`'s own noise component (0 for activation
//! features) and `c_n` its coefficient. Minimising over `c_n` leaves a weighted ridge problem with
//! weights `ω_n = Nλ / (Nλ + d_n²)`. It is solved by a Cholesky factor of the primal system or,
//! where the features outnumber the inputs, of the dual one; the intercept `b` is not regularised.

use super::cholesky::{Factor, symmetric_product};
use super::features::Features;
use super::readout::{Fit, Readout, SolveError};
use faer::{Mat, MatRef};
use rayon::prelude::*;

/// Fits targets `[inputs][k]`.
///
/// # Errors
/// When a Cholesky factor does not exist because a feature is not finite.
pub fn fit(features: &Features, targets: &Mat<f64>, strength: f64) -> Result<Fit, SolveError> {
    let penalty = strength * features.inputs() as f64;
    let unit = vec![1.0; features.inputs()];
    let weights = |class: usize| match &features.noise {
        None => unit.clone(),
        Some(noise) => (noise.col(class).iter())
            .map(|d| penalty / (penalty + d))
            .collect(),
    };
    let solved: Vec<Solved> = match features.blocks.as_slice() {
        [shared] => vec![solve(shared, &weights(0), targets.as_ref(), penalty)?],
        blocks => blocks
            .par_iter()
            .enumerate()
            .map(|(i, block)| solve(block, &weights(i), targets.as_ref().subcols(i, 1), penalty))
            .collect::<Result<_, _>>()?,
    };
    let readout = Readout {
        intercept: solved.iter().flat_map(|s| s.intercept.clone()).collect(),
        coefficients: solved.iter().map(|s| s.coefficients.clone()).collect(),
    };
    let mut training_outputs = readout.outputs(features);
    if features.noise.is_some() {
        // The noise component takes the share 1 − ω of what the features leave.
        for class in 0..targets.ncols() {
            for (n, weight) in weights(class).iter().enumerate() {
                let rest = targets[(n, class)] - training_outputs[(n, class)];
                training_outputs[(n, class)] += (1.0 - weight) * rest;
            }
        }
    }
    Ok(Fit {
        readout,
        training_outputs,
        condition: solved.iter().map(|s| s.condition).fold(1.0, f64::max),
        steps: 0,
        gradient: 0.0,
    })
}

struct Solved {
    coefficients: Mat<f64>,
    intercept: Vec<f64>,
    condition: f64,
}

fn solve(
    features: &Mat<f64>,
    weights: &[f64],
    targets: MatRef<f64>,
    penalty: f64,
) -> Result<Solved, SolveError> {
    if features.ncols() <= features.nrows() {
        primal(features, weights, targets, penalty)
    } else {
        dual(features, weights, targets, penalty)
    }
}

/// `(XᵀΩX + Nλ I) θ = XᵀΩt` with `X`, `t` centred by their `Ω`-weighted means.
fn primal(
    features: &Mat<f64>,
    weights: &[f64],
    targets: MatRef<f64>,
    penalty: f64,
) -> Result<Solved, SolveError> {
    let total: f64 = weights.iter().sum();
    let mean = |m: MatRef<f64>| -> Vec<f64> {
        m.col_iter()
            .map(|c| c.iter().zip(weights).map(|(x, w)| x * w).sum::<f64>() / total)
            .collect()
    };
    let (centre, level) = (mean(features.as_ref()), mean(targets));
    // Rows scaled by √ω, so that the products are Gram matrices.
    let roots: Vec<f64> = weights.iter().map(|w| w.sqrt()).collect();
    let centred = |m: MatRef<f64>, centre: &[f64]| {
        Mat::from_fn(m.nrows(), m.ncols(), |n, c| {
            roots[n] * (m[(n, c)] - centre[c])
        })
    };
    let x = centred(features.as_ref(), &centre);
    let t = centred(targets, &level);
    let mut gram = symmetric_product(x.transpose(), x.as_ref());
    (0..gram.nrows()).for_each(|j| gram[(j, j)] += penalty);
    let factor = Factor::new(gram, penalty)?;
    let coefficients = factor.solve(&(x.transpose() * &t));
    let intercept = (level.iter().enumerate())
        .map(|(i, level)| {
            let shift: f64 = (centre.iter().enumerate())
                .map(|(c, m)| m * coefficients[(c, i)])
                .sum();
            level - shift
        })
        .collect();
    Ok(Solved {
        coefficients,
        intercept,
        condition: factor.condition(),
    })
}

/// `(XXᵀ + Nλ Ω⁻¹) a + b 1 = t`, `1ᵀa = 0`, `θ = Xᵀa`.
fn dual(
    features: &Mat<f64>,
    weights: &[f64],
    targets: MatRef<f64>,
    penalty: f64,
) -> Result<Solved, SolveError> {
    let inputs = features.nrows();
    let mut kernel = symmetric_product(features.as_ref(), features.transpose());
    (0..inputs).for_each(|n| kernel[(n, n)] += penalty / weights[n]);
    let factor = Factor::new(kernel, penalty)?;
    let ones = factor.solve(&Mat::from_fn(inputs, 1, |_, _| 1.0));
    let mut multipliers = factor.solve(&targets.to_owned());
    let sum = |m: &Mat<f64>, c: usize| m.col(c).iter().sum::<f64>();
    let intercept: Vec<f64> = (0..targets.ncols())
        .map(|i| sum(&multipliers, i) / sum(&ones, 0))
        .collect();
    for (i, b) in intercept.iter().enumerate() {
        (0..inputs).for_each(|n| multipliers[(n, i)] -= b * ones[(n, 0)]);
    }
    Ok(Solved {
        coefficients: features.transpose() * &multipliers,
        intercept,
        condition: factor.condition(),
    })
}
