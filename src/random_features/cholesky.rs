//! Cholesky factors of regularised Gram matrices, with their condition numbers.

use super::readout::SolveError;
use faer::linalg::matmul::triangular::{BlockStructure, matmul};
use faer::linalg::solvers::Llt;
use faer::prelude::Solve;
use faer::{Accum, Mat, MatRef, Par, Side};

/// Jitter added to the diagonal when a factor does not exist, relative to the largest diagonal
/// entry: tried in turn. Rounding alone can need it, where `λ` is near the precision of the Gram
/// matrix.
const JITTER: [f64; 4] = [0.0, 1e-14, 1e-12, 1e-10];

/// Steps of the power iterations for the extreme eigenvalues.
const POWER_STEPS: usize = 60;

/// `lower(AᵀB)` for products known to be symmetric.
pub(super) fn symmetric_product(a: MatRef<f64>, b: MatRef<f64>) -> Mat<f64> {
    let mut gram = Mat::zeros(a.nrows(), b.ncols());
    matmul(
        gram.as_mut(),
        BlockStructure::TriangularLower,
        Accum::Replace,
        a,
        BlockStructure::Rectangular,
        b,
        BlockStructure::Rectangular,
        1.0,
        Par::Seq,
    );
    gram
}

/// The factor of `gram + diagonal` and its matrix; `gram` holds the lower triangle.
pub(super) struct Factor {
    matrix: Mat<f64>,
    llt: Llt<f64>,
}

impl Factor {
    pub(super) fn new(mut matrix: Mat<f64>, strength: f64) -> Result<Self, SolveError> {
        let size = matrix.nrows();
        let most = (0..size).map(|j| matrix[(j, j)]).fold(0.0, f64::max);
        let mut added = 0.0;
        for jitter in JITTER {
            (0..size).for_each(|j| matrix[(j, j)] += jitter * most - added);
            added = jitter * most;
            if let Ok(llt) = matrix.llt(Side::Lower) {
                return Ok(Self { matrix, llt });
            }
        }
        Err(SolveError { size, strength })
    }

    pub(super) fn solve(&self, right: &Mat<f64>) -> Mat<f64> {
        self.llt.solve(right)
    }

    /// Ratio of the extreme eigenvalues, by power iteration on the matrix and on its inverse
    /// (through the factor): a lower estimate, good to a few per cent.
    pub(super) fn condition(&self) -> f64 {
        let size = self.matrix.nrows();
        if size == 0 {
            return 1.0;
        }
        let power = |apply: &dyn Fn(&Mat<f64>) -> Mat<f64>| {
            // Any fixed start that no eigenvector is orthogonal to by symmetry.
            let mut x = Mat::from_fn(size, 1, |j, _| 1.0 + ((j * 7919) % 101) as f64 / 50.0);
            let mut norm = x.norm_l2();
            for _ in 0..POWER_STEPS {
                x = apply(&(x * (1.0 / norm)));
                norm = x.norm_l2();
            }
            norm
        };
        let largest = power(&|x| {
            let mut y = Mat::zeros(size, 1);
            matmul_symmetric(&mut y, &self.matrix, x);
            y
        });
        largest * power(&|x| self.solve(x))
    }
}

/// `y = A x` from the lower triangle of `A`.
fn matmul_symmetric(y: &mut Mat<f64>, a: &Mat<f64>, x: &Mat<f64>) {
    for j in 0..a.ncols() {
        let column = a.col(j);
        let mut sum = column[j] * x[(j, 0)];
        for i in j + 1..a.nrows() {
            y[(i, 0)] += column[i] * x[(j, 0)];
            sum += column[i] * x[(i, 0)];
        }
        y[(j, 0)] += sum;
    }
}
