//! A gradient step over the fast blocks.
//!
//! Samples are taken eight at a time, so that their residuals can be computed with a sample in each lane.

use super::NEGLIGIBLE_RESIDUAL;
use super::engine::Engine;
use super::pace::{Pace, excess};
use crate::engine::overlap::LANES;
use crate::objective::{Fits, Present};
use crate::real::{Lanes, Real, each, larger};

/// Room for the intermediate results of eight samples.
pub(super) struct Work<R> {
    /// Samples whose evaluation is due.
    due: Vec<usize>,
    /// How many classes are present on the sample that has most.
    present: usize,
    /// Slopes of the fast blocks, one sample after the other.
    slopes: Vec<Lanes<R>>,
    /// Logits before they are summed across neurons, and after, class by class.
    sums: Vec<[Lanes<R>; LANES]>,
    logits: Vec<Lanes<R>>,
    residual: Vec<Lanes<R>>,
    soft: Vec<Lanes<R>>,
    scratch: Vec<Lanes<R>>,
    /// Residuals in whole lanes of classes, sample by sample.
    rows: Vec<[Lanes<R>; LANES]>,
}

impl<R: Real> Work<R> {
    pub(super) fn new(classes: usize, samples: usize) -> Self {
        let padded = classes.next_multiple_of(LANES);
        let lanes = || vec![[R::zero(); LANES]; padded];
        Self {
            due: vec![0; samples],
            present: 0,
            slopes: Vec::new(),
            sums: vec![[[R::zero(); LANES]; LANES]; padded],
            logits: lanes(),
            residual: lanes(),
            soft: lanes(),
            scratch: lanes(),
            rows: vec![[[R::zero(); LANES]; LANES]; padded / LANES],
        }
    }

    /// Notes which samples are to be evaluated at `step`, and returns their number.
    #[inline(always)]
    fn note_due(&mut self, step: usize, paces: &[Pace<R>]) -> usize {
        let mut count = 0;
        for (t, pace) in paces.iter().enumerate() {
            self.due[count] = t;
            count += usize::from(step >= pace.next);
        }
        count
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
        let most = LANES * self.fast.most * vectors;
        work.slopes.resize(most, [R::zero(); LANES]);
        let due = work.note_due(step, &self.paces);
        for first in (0..due).step_by(LANES) {
            let mut batch = [0; LANES];
            let batch = &mut batch[..LANES.min(due - first)];
            batch.copy_from_slice(&work.due[first..][..batch.len()]);
            self.forward::<CUBIC>(vectors, batch, work);
            let fits = self.residuals(step, batch, work);
            self.note(step, left, batch, &fits, work);
            self.backward(vectors, batch, work);
        }
    }

    /// Logits and slopes.
    #[inline(always)]
    fn forward<const CUBIC: bool>(&self, vectors: usize, batch: &[usize], work: &mut Work<R>) {
        let present = batch.iter().map(|t| self.tracks[*t].present);
        work.present = present.max().unwrap_or_default();
        let sums = &mut work.sums[..work.present];
        sums.fill([[R::zero(); LANES]; LANES]);
        let mut free = &mut work.slopes[..];
        for (lane, t) in batch.iter().enumerate() {
            let track = &self.tracks[*t];
            let blocks = &self.fast.blocks[track.blocks.clone()];
            let noise = &self.fast.noise[track.blocks.start * vectors..track.blocks.end * vectors];
            let slopes = free.split_off_mut(..noise.len()).unwrap_or_default();
            let rows = noise.chunks_exact(vectors);
            let rows = rows.zip(slopes.chunks_exact_mut(vectors));
            for (block, (b, slopes)) in blocks.iter().zip(rows) {
                let a = &self.table.overlaps[block.pair as usize * vectors..][..vectors];
                let place = &mut sums[block.slot as usize][lane];
                let mut sum = *place;
                for ((a, b), slope) in a.iter().zip(b).zip(slopes) {
                    let s = each(|l| block.weight * a[l] + b[l]);
                    let (value, own) = self.activation.evaluate_lanes::<CUBIC>(s);
                    sum = each(|l| sum[l] + value[l]);
                    *slope = own;
                }
                *place = sum;
            }
        }
        for (f, rows) in work.logits.iter_mut().zip(sums) {
            *f = R::sum_rows(rows);
        }
    }

    /// The residuals.
    #[inline(always)]
    fn residuals(&self, step: usize, batch: &[usize], work: &mut Work<R>) -> Fits<R> {
        let mut present = [R::zero(); LANES];
        let mut absent_soft = [R::zero(); LANES];
        for (lane, t) in batch.iter().enumerate() {
            present[lane] = R::of(self.tracks[*t].present as f64);
            absent_soft[lane] = self.tracks[*t].absent_soft;
        }
        let most = work.present;
        let logits = &mut work.logits[..most];
        for (class, f) in logits.iter_mut().enumerate() {
            let class = R::of(class as f64);
            let own = *f;
            *f = each(|l| {
                if class < present[l] {
                    own[l]
                } else {
                    R::neg_infinity()
                }
            });
        }
        if self.objective.teacher_at(step).is_some() {
            for (group, soft) in work.soft.as_chunks_mut().0.iter_mut().enumerate() {
                if group * LANES < most {
                    *soft = self.class_by_class(&self.fast.soft, batch, group);
                }
            }
        }
        let classes = R::of(self.layout.classes as f64);
        let samples = Present {
            logits,
            soft: &work.soft[..most],
            absent_soft,
            absent: each(|l| classes - present[l]),
        };
        let residual = &mut work.residual[..most];
        let fits = (self.objective).residual_of_present(
            step,
            samples,
            residual,
            &mut work.scratch[..most],
        );
        work.residual[most..most.next_multiple_of(LANES)].fill([R::zero(); LANES]);
        fits
    }

    /// Notes errors and what slow blocks are owed, and for how many steps the residuals stand.
    #[inline(always)]
    fn note(
        &mut self,
        step: usize,
        left: usize,
        batch: &[usize],
        fits: &Fits<R>,
        work: &mut Work<R>,
    ) {
        let residuals = work.residual.as_chunks().0.iter();
        let groups = work.present.div_ceil(LANES);
        for (rows, residual) in work.rows.iter_mut().zip(residuals).take(groups) {
            *rows = R::transposed(residual);
        }
        let mut steps = [R::one(); LANES];
        if self.longest > 1 {
            let excess = self.excess(batch, work);
            for (lane, t) in batch.iter().enumerate() {
                let seen = [excess[lane], work.logits[0][lane]];
                let (pace, n) = (&mut self.paces[*t], self.tracks[*t].sample);
                let stands = pace.advance(step, n, seen, self.longest, left);
                steps[lane] = R::of(stands as f64);
            }
            for e in &mut work.residual[..work.present] {
                *e = each(|l| steps[l] * e[l]);
            }
        }
        for (lane, t) in batch.iter().enumerate() {
            let (track, pace) = (&mut self.tracks[*t], &mut self.paces[*t]);
            self.errors += usize::from(pace.correct);
            self.errors -= usize::from(fits.correct[lane]);
            pace.correct = fits.correct[lane];
            pace.label_probability = fits.label_probability[lane];
            track.absent_owed += steps[lane] * fits.absent[lane];
            let owed = &mut self.fast.owed[track.lanes.clone()];
            for (owed, rows) in owed.iter_mut().zip(&work.rows) {
                *owed = each(|l| owed[l] + steps[lane] * rows[lane][l]);
            }
        }
    }

    /// [`excess`] of the samples, whose last residuals are brought up to date.
    #[inline(always)]
    fn excess(&mut self, batch: &[usize], work: &Work<R>) -> Lanes<R> {
        let mut change = [R::zero(); LANES];
        let mut size = [R::zero(); LANES];
        let groups = work.residual.as_chunks::<LANES>().0.iter();
        for (group, residual) in groups.take(work.present.div_ceil(LANES)).enumerate() {
            let last = self.class_by_class(&self.fast.residual, batch, group);
            for (e, last) in residual.iter().zip(last) {
                change = each(|l| larger(change[l], (e[l] - last[l]).abs()));
                size = each(|l| larger(size[l], e[l].abs()));
            }
        }
        let mut label_logit = [R::zero(); LANES];
        for (lane, t) in batch.iter().enumerate() {
            let last = &mut self.fast.residual[self.tracks[*t].lanes.clone()];
            for (last, rows) in last.iter_mut().zip(&work.rows) {
                *last = rows[lane];
            }
            label_logit[lane] = self.paces[*t].label_logit;
        }
        excess(change, size, label_logit, work.logits[0])
    }

    /// What is kept of eight classes present on each sample, class by class with a sample a lane.
    #[inline(always)]
    fn class_by_class(
        &self,
        kept: &[Lanes<R>],
        batch: &[usize],
        group: usize,
    ) -> [Lanes<R>; LANES] {
        let mut rows = [[R::zero(); LANES]; LANES];
        for (row, t) in rows.iter_mut().zip(batch) {
            if let Some(own) = kept[self.tracks[*t].lanes.clone()].get(group) {
                *row = *own;
            }
        }
        R::transposed(&rows)
    }

    /// Moves the fast blocks.
    #[inline(always)]
    fn backward(&mut self, vectors: usize, batch: &[usize], work: &Work<R>) {
        let negligible = R::of(NEGLIGIBLE_RESIDUAL);
        let mut slopes = &work.slopes[..];
        for (lane, t) in batch.iter().enumerate() {
            let track = &self.tracks[*t];
            let blocks = &self.fast.blocks[track.blocks.clone()];
            let rows = track.blocks.start * vectors..track.blocks.end * vectors;
            let noise = &mut self.fast.noise[rows];
            let rows = slopes.split_off(..noise.len()).unwrap_or_default();
            let rows = noise
                .chunks_exact_mut(vectors)
                .zip(rows.chunks_exact(vectors));
            for (block, (b, slopes)) in blocks.iter().zip(rows) {
                let e = work.residual[block.slot as usize][lane];
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
