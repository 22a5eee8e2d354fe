//! The part of a network that all features move together, where patches carry feature noise.

use crate::engine::layout::Layout;
use crate::real::{LANES, Lanes, Real, each};

/// The sums that feature noise with `α_{p,v'} = α_p` needs: `Σ_v A[v]`, what all `A[v]` have been
/// moved by together, and what a step adds to that. Rows `[k][vectors]`, empty when `γ = 0`.
pub(super) struct Common<R> {
    pub(super) total: Vec<Lanes<R>>,
    pub(super) shift: Vec<Lanes<R>>,
    pub(super) gradient: Vec<Lanes<R>>,
}

impl<R: Real> Common<R> {
    pub(super) fn new(noisy: bool, layout: Layout, features: &[R]) -> Self {
        let vectors = if noisy { layout.row() / LANES } else { 0 };
        let zeros = vec![[R::zero(); LANES]; vectors];
        let mut total = zeros.clone();
        if noisy {
            for row in features.as_chunks::<LANES>().0.chunks_exact(vectors) {
                for (total, a) in total.iter_mut().zip(row) {
                    *total = each(|l| total[l] + a[l]);
                }
            }
        }
        Self {
            total,
            shift: zeros.clone(),
            gradient: zeros,
        }
    }
}
