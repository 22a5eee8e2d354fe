//! Chooses `λ`: the value of the grid with the least loss on a held-out set.
//!
//! The loss is the one the read-out minimises (squared error, cross-entropy), against the targets
//! of that read-out: labels, or for a student the teacher's outputs. Ties go to the larger `λ`. The
//! grid is walked from strong to weak and left once [`PATIENCE`] values in a row were worse than
//! the best.

use super::features::Features;
use super::logistic;
use super::readout::{Fit, SolveError};
use super::regime::ReadoutKind;
use super::ridge;
use faer::Mat;

/// The number of worse values in a row that end the walk through the grid.
pub const PATIENCE: usize = 2;

/// A read-out at the chosen `λ`.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// The read-out.
    pub fit: Fit,
    /// `λ`.
    pub strength: f64,
    /// Its loss on the held-out set.
    pub held_out_loss: f64,
}

/// Features and targets of one set of inputs.
#[derive(Clone, Copy)]
pub struct Supervised<'a> {
    /// Standardised features.
    pub features: &'a Features,
    /// Targets `[inputs][k]`.
    pub targets: &'a Mat<f64>,
}

/// Fits `training` at every strength of the grid and keeps the best on `held_out`.
///
/// # Errors
/// When a system has no Cholesky factor because a feature is not finite.
pub fn choose(
    readout: ReadoutKind,
    strengths: &[f64],
    training: Supervised,
    held_out: Supervised,
) -> Result<Chosen, SolveError> {
    let mut best: Option<Chosen> = None;
    let mut state = None;
    let mut worse = 0;
    // From strong to weak: each logistic solution starts from its neighbour's.
    for &strength in strengths.iter().rev() {
        let fit = match readout {
            ReadoutKind::Ridge => ridge::fit(training.features, training.targets, strength)?,
            ReadoutKind::Logistic => {
                let (fit, next) = logistic::fit(
                    training.features,
                    training.targets,
                    strength,
                    state.as_ref(),
                )?;
                state = Some(next);
                fit
            }
        };
        let held_out_loss = loss(
            readout,
            &fit.readout.outputs(held_out.features),
            held_out.targets,
        );
        if best
            .as_ref()
            .is_none_or(|b| held_out_loss < b.held_out_loss)
        {
            worse = 0;
            best = Some(Chosen {
                fit,
                strength,
                held_out_loss,
            });
        } else {
            worse += 1;
            if worse == PATIENCE {
                break;
            }
        }
    }
    Ok(best.expect("the grid of strengths is not empty"))
}

/// Mean loss of an input: squared error summed over classes, or cross-entropy.
pub fn loss(readout: ReadoutKind, outputs: &Mat<f64>, targets: &Mat<f64>) -> f64 {
    match readout {
        ReadoutKind::Ridge => (outputs - targets).squared_norm_l2() / outputs.nrows() as f64,
        ReadoutKind::Logistic => logistic::cross_entropy(outputs, targets).0,
    }
}
