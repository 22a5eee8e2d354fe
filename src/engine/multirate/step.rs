//! A gradient step over the fast blocks.

use super::NEGLIGIBLE_RESIDUAL;
use super::engine::Engine;
use crate::engine::overlap::LANES;
use crate::objective::Present;
use crate::real::{Lanes, Real, across, each, lane_sum, larger};

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
    /// The forward and backward pass over the fast blocks of all samples whose evaluation is due.
    #[inline(always)]
    pub(super) fn step<const CUBIC: bool, const VECTORS: usize>(
        &mut self,
        step: usize,
        left: usize,
        work: &mut Work<R>,
    ) {
        let vectors = if VECTORS == 0 {
            self.layout.stride / LANES
        } else {
            VECTORS
        };
        let k = self.layout.classes;
        let negligible = R::of(NEGLIGIBLE_RESIDUAL);
        let (overlaps, gradient) = (&self.table.overlaps[..], &mut self.table.gradient[..]);
        work.slopes
            .resize(self.fast.most * vectors, [R::zero(); LANES]);
        for (track, pace) in self.tracks.iter_mut().zip(&mut self.paces) {
            if step < pace.next {
                continue;
            }
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
            self.errors += usize::from(pace.correct);
            self.errors -= usize::from(fit.correct);
            pace.correct = fit.correct;
            pace.label_probability = fit.label_probability;
            let mut absent = absent;
            if self.longest > 1 {
                let last = &mut self.fast.residual[track.lanes.clone()];
                let [change, size] = compared(last, residual);
                let seen = [change, size, logits[0][0]];
                let steps = pace.advance(step, track.sample, seen, self.longest, left);
                let steps = R::of(steps as f64);
                absent = steps * absent;
                for e in residual.iter_mut() {
                    *e = each(|l| steps * e[l]);
                }
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
    }
}

/// The largest change of a residual since `last`, which is brought up to date, and the largest residual.
#[inline(always)]
fn compared<R: Real>(last: &mut [Lanes<R>], residual: &[Lanes<R>]) -> [R; 2] {
    let (mut change, mut size) = ([R::zero(); LANES], [R::zero(); LANES]);
    for (last, e) in last.iter_mut().zip(residual) {
        change = each(|l| larger(change[l], (e[l] - last[l]).abs()));
        size = each(|l| larger(size[l], e[l].abs()));
        *last = *e;
    }
    [across(change, larger), across(size, larger)]
}
