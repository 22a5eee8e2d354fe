//! A gradient step over the fast blocks.

use super::NEGLIGIBLE_RESIDUAL;
use super::engine::Engine;
use crate::engine::overlap::LANES;
use crate::objective::Present;
use crate::real::{Lanes, Real, each, lane_sum};

/// Room for one sample's intermediate results.
pub(super) struct Work<R> {
    pub(super) slopes: Vec<Lanes<R>>,
    pub(super) sums: Vec<Lanes<R>>,
    pub(super) logits: Vec<Lanes<R>>,
    pub(super) residual: Vec<Lanes<R>>,
    pub(super) scratch: Vec<Lanes<R>>,
}

impl<R: Real> Work<R> {
    pub(super) fn new(classes: usize) -> Self {
        let lanes = |n| vec![[R::zero(); LANES]; n];
        let padded = classes.div_ceil(LANES);
        Self {
            slopes: Vec::new(),
            sums: lanes(padded * LANES),
            logits: lanes(padded),
            residual: lanes(padded),
            scratch: lanes(padded),
        }
    }
}

impl<R: Real> Engine<'_, R> {
    /// The forward and backward pass over all fast blocks; returns training errors and, if `observing`, the
    /// summed loss.
    #[inline(always)]
    pub(super) fn step<const CUBIC: bool, const VECTORS: usize>(
        &mut self,
        step: usize,
        observing: bool,
        work: &mut Work<R>,
    ) -> (usize, f64) {
        let vectors = if VECTORS == 0 {
            self.layout.stride / LANES
        } else {
            VECTORS
        };
        let k = self.layout.classes;
        let negligible = R::of(NEGLIGIBLE_RESIDUAL);
        let (overlaps, gradient) = (&self.table.overlaps[..], &mut self.table.gradient[..]);
        let (mut errors, mut loss) = (0, 0.0);
        let most = self.tracks.iter().map(|t| t.blocks.len()).max();
        work.slopes
            .resize(most.unwrap_or(0) * vectors, [R::zero(); LANES]);
        for track in &mut self.tracks {
            let blocks = &self.fast.blocks[track.blocks.clone()];
            let rows = track.blocks.start * vectors..track.blocks.end * vectors;
            let noise = &mut self.fast.noise[rows];
            let soft = &self.fast.soft[track.lanes.clone()];
            let owed = &mut self.fast.owed[track.lanes.clone()];
            let present = track.present;
            let padded = owed.len();
            let sums = &mut work.sums[..padded * LANES];
            let logits = &mut work.logits[..padded];
            let residual = &mut work.residual[..padded];
            sums.fill([R::zero(); LANES]);
            let rows = noise.chunks_exact(vectors);
            let rows = rows.zip(work.slopes.chunks_exact_mut(vectors));
            for (block, (b, slopes)) in blocks.iter().zip(rows) {
                let a = &overlaps[block.pair as usize * vectors..][..vectors];
                let place = &mut sums[block.slot as usize];
                let mut sum = *place;
                for ((a, b), slope) in a.iter().zip(b).zip(slopes) {
                    let s = each(|l| block.weight * a[l] + b[l]);
                    let (value, own) = self.activation.evaluate_lanes::<CUBIC>(s);
                    sum = each(|l| sum[l] + value[l]);
                    *slope = own;
                }
                *place = sum;
            }
            for (f, sums) in logits.iter_mut().zip(sums.as_chunks::<LANES>().0) {
                *f = each(|l| lane_sum(sums[l]));
            }
            for f in &mut logits.as_flattened_mut()[present..] {
                *f = R::neg_infinity();
            }
            let sample = Present {
                logits,
                soft,
                absent_soft: track.absent_soft,
                absent: R::of((k - present) as f64),
            };
            let (fit, absent) = self.objective.residual_of_present(
                step,
                sample,
                residual,
                &mut work.scratch[..padded],
            );
            errors += usize::from(!fit.correct);
            if observing {
                loss -= fit.label_probability.wide().ln();
            }
            track.absent_owed += absent;
            for (owed, e) in owed.iter_mut().zip(&*residual) {
                *owed = each(|l| owed[l] + e[l]);
            }
            let residual = residual.as_flattened();
            let rows = noise.chunks_exact_mut(vectors);
            let rows = rows.zip(work.slopes.chunks_exact(vectors));
            for (block, (b, slopes)) in blocks.iter().zip(rows) {
                let e = residual[block.slot as usize];
                if e.abs() < negligible {
                    continue;
                }
                let (pull, noise_pull) = (e * block.weight, e * self.noise_rate);
                let g = &mut gradient[block.pair as usize * vectors..][..vectors];
                for ((g, b), slope) in g.iter_mut().zip(b).zip(slopes) {
                    *g = each(|l| g[l] + pull * slope[l]);
                    *b = each(|l| b[l] + noise_pull * slope[l]);
                }
            }
        }
        (errors, loss)
    }
}
