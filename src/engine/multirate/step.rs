//! A gradient step over the fast blocks.

use super::NEGLIGIBLE_RESIDUAL;
use super::engine::Engine;
use crate::engine::overlap::LANES;
use crate::objective::{Fit, Present};
use crate::real::{Lanes, Real, across, each, lane_sums, larger};
use std::ops::Range;

/// Samples evaluated side by side: what one waits for, sums across lanes and exponentials, hides behind the others.
const BATCH: usize = 8;

/// Room for the intermediate results of a batch.
pub(super) struct Work<R> {
    batch: Vec<Evaluated<R>>,
    slopes: Vec<Lanes<R>>,
    sums: Vec<Lanes<R>>,
    logits: Vec<Lanes<R>>,
    residual: Vec<Lanes<R>>,
    scratch: Vec<Lanes<R>>,
}

/// A sample of a batch.
struct Evaluated<R> {
    track: usize,
    /// Where its slopes begin.
    slopes: usize,
    /// Where its logits and residuals are.
    lanes: Range<usize>,
    fit: Fit<R>,
    /// The residual that its absent classes share.
    absent: R,
}

impl<R: Real> Work<R> {
    pub(super) fn new(classes: usize) -> Self {
        let lanes = |n| vec![[R::zero(); LANES]; n];
        let padded = classes.div_ceil(LANES);
        Self {
            batch: Vec::with_capacity(BATCH),
            slopes: Vec::new(),
            sums: lanes(padded * LANES),
            logits: lanes(BATCH * padded),
            residual: lanes(BATCH * padded),
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
        let most = BATCH * self.fast.most * vectors;
        work.slopes.resize(most, [R::zero(); LANES]);
        let mut next = 0;
        while next < self.tracks.len() {
            work.batch.clear();
            while next < self.tracks.len() && work.batch.len() < BATCH {
                if step >= self.paces[next].next {
                    self.forward::<CUBIC>(next, vectors, work);
                }
                next += 1;
            }
            self.residuals(step, work);
            self.backward(step, left, vectors, work);
        }
    }

    /// Logits and slopes of a sample, which joins the batch.
    #[inline(always)]
    fn forward<const CUBIC: bool>(&mut self, t: usize, vectors: usize, work: &mut Work<R>) {
        let track = &self.tracks[t];
        let overlaps = &self.table.overlaps[..];
        let blocks = &self.fast.blocks[track.blocks.clone()];
        let noise = &self.fast.noise[track.blocks.start * vectors..track.blocks.end * vectors];
        let padded = track.lanes.len();
        let lanes = work.batch.last().map_or(0, |last| last.lanes.end);
        let slopes = work.batch.len() * self.fast.most * vectors;
        let sums = &mut work.sums[..padded * LANES];
        let logits = &mut work.logits[lanes..lanes + padded];
        sums.fill([R::zero(); LANES]);
        let rows = noise.chunks_exact(vectors);
        let rows = rows.zip(work.slopes[slopes..].chunks_exact_mut(vectors));
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
        let rows = sums.as_chunks::<LANES>().0;
        for (v, (f, rows)) in logits.iter_mut().zip(rows).enumerate() {
            let sums = lane_sums(rows);
            let present = track.present as u32 - (v * LANES) as u32;
            *f = each(|l| {
                if (l as u32) < present {
                    sums[l]
                } else {
                    R::neg_infinity()
                }
            });
        }
        work.batch.push(Evaluated {
            track: t,
            slopes,
            lanes: lanes..lanes + padded,
            fit: Fit {
                label_probability: R::zero(),
                correct: false,
            },
            absent: R::zero(),
        });
    }

    /// The residuals of the batch.
    #[inline(always)]
    fn residuals(&self, step: usize, work: &mut Work<R>) {
        for evaluated in &mut work.batch {
            let track = &self.tracks[evaluated.track];
            let lanes = evaluated.lanes.clone();
            let sample = Present {
                logits: &work.logits[lanes.clone()],
                soft: &self.fast.soft[track.lanes.clone()],
                absent_soft: track.absent_soft,
                absent: R::of((self.layout.classes - track.present) as f64),
            };
            let scratch = &mut work.scratch[..lanes.len()];
            let residual = &mut work.residual[lanes];
            (evaluated.fit, evaluated.absent) =
                (self.objective).residual_of_present(step, sample, residual, scratch);
        }
    }

    /// Moves the fast blocks of the batch, and notes what the slow ones are owed.
    #[inline(always)]
    fn backward(&mut self, step: usize, left: usize, vectors: usize, work: &mut Work<R>) {
        let negligible = R::of(NEGLIGIBLE_RESIDUAL);
        for evaluated in &work.batch {
            let track = &mut self.tracks[evaluated.track];
            let pace = &mut self.paces[evaluated.track];
            let logits = &work.logits[evaluated.lanes.clone()];
            let residual = &mut work.residual[evaluated.lanes.clone()];
            let fit = evaluated.fit;
            self.errors += usize::from(pace.correct);
            self.errors -= usize::from(fit.correct);
            pace.correct = fit.correct;
            pace.label_probability = fit.label_probability;
            let mut absent = evaluated.absent;
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
            let owed = &mut self.fast.owed[track.lanes.clone()];
            for (owed, e) in owed.iter_mut().zip(&*residual) {
                *owed = each(|l| owed[l] + e[l]);
            }
            let residual = residual.as_flattened();
            let blocks = &self.fast.blocks[track.blocks.clone()];
            let rows = track.blocks.start * vectors..track.blocks.end * vectors;
            let rows = self.fast.noise[rows].chunks_exact_mut(vectors);
            let rows = rows.zip(work.slopes[evaluated.slopes..].chunks_exact(vectors));
            for (block, (b, slopes)) in blocks.iter().zip(rows) {
                let e = residual[block.slot as usize];
                if e.abs() < negligible {
                    continue;
                }
                let (pull, noise_pull) = (e * block.weight, e * self.noise_rate);
                let g = &mut self.table.gradient[block.pair as usize * vectors..][..vectors];
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
