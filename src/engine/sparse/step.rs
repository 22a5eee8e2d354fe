//! A gradient step over the followed blocks.
//!
//! Samples are taken eight at a time, so that their residuals can be computed with a sample in each
//! lane.

use super::NEGLIGIBLE_RESIDUAL;
use super::pace::{Seen, Standing, residual_share};
use super::run::Run;
use super::store::{NONE, Slots};
use super::work::Work;
use crate::objective::{Fits, Present};
use crate::real::{LANES, Lanes, Real, each, larger, prefetch};

impl<R: Real> Run<'_, R> {
    /// The forward and backward pass over the followed blocks of all samples whose evaluation is
    /// due.
    #[inline(always)]
    pub(super) fn pass<const CUBIC: bool, const NOISY: bool, const VECTORS: usize>(
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
        let most = LANES * self.store.most * vectors;
        work.slopes.resize(most, [R::zero(); LANES]);
        let due = work.note_due(step, &self.paces);
        for first in (0..due).step_by(LANES) {
            let mut batch = [0; LANES];
            let batch = &mut batch[..LANES.min(due - first)];
            for (t, due) in batch.iter_mut().zip(&work.due[first..]) {
                *t = *due as usize;
            }
            let ahead = &work.due[first + batch.len()..due];
            let (next, later) = ahead.split_at(LANES.min(ahead.len()));
            for t in &later[..LANES.min(later.len())] {
                prefetch(std::slice::from_ref(&self.tracks[*t as usize]));
            }
            self.fetch(vectors, next);
            self.forward::<CUBIC, NOISY>(vectors, batch, work);
            let fits = self.residuals(step, batch, work);
            self.note(step, left, batch, &fits, work);
            self.backward::<NOISY>(vectors, batch, work);
        }
    }

    /// Asks memory for samples that come next: an evaluation waits for memory most of its time
    /// where few samples are due, and they lie apart.
    #[inline(always)]
    fn fetch(&self, vectors: usize, tracks: &[u32]) {
        for t in tracks {
            let track = &self.tracks[*t as usize];
            let rows = track.blocks.start * vectors..track.blocks.end * vectors;
            prefetch(&self.store.noise[rows]);
            prefetch(&self.store.blocks[track.blocks.clone()]);
            prefetch(&self.store.slots[track.lanes.clone()]);
        }
    }

    /// Logits and slopes.
    #[inline(always)]
    pub(super) fn forward<const CUBIC: bool, const NOISY: bool>(
        &self,
        vectors: usize,
        batch: &[usize],
        work: &mut Work<R>,
    ) {
        let present = batch.iter().map(|t| self.tracks[*t].present);
        work.hold(present.max().unwrap_or_default());
        let sums = &mut work.sums[..work.present];
        sums.fill([[R::zero(); LANES]; LANES]);
        let mut free = &mut work.slopes[..];
        for (lane, t) in batch.iter().enumerate() {
            let track = &self.tracks[*t];
            let blocks = &self.store.blocks[track.blocks.clone()];
            let noise = &self.store.noise[track.blocks.start * vectors..track.blocks.end * vectors];
            let slopes = free.split_off_mut(..noise.len()).unwrap_or_default();
            let rows = noise.chunks_exact(vectors);
            let rows = rows.zip(slopes.chunks_exact_mut(vectors));
            for (block, (b, slopes)) in blocks.iter().zip(rows) {
                let a = &self.table.overlaps[block.pair as usize * vectors..][..vectors];
                let place = &mut sums[block.slot as usize][lane];
                let mut sum = *place;
                if NOISY {
                    let class = self.store.class_at(track, block.slot as usize);
                    let total = &self.common.total[class * vectors..][..vectors];
                    let (z, alpha) = (block.weight, block.feature_noise);
                    for (((a, total), b), slope) in a.iter().zip(total).zip(b).zip(slopes) {
                        let s = each(|l| z * a[l] + alpha * total[l] + b[l]);
                        let (value, own) = self.activation.evaluate_lanes::<CUBIC>(s);
                        sum = each(|l| sum[l] + value[l]);
                        *slope = own;
                    }
                } else {
                    for ((a, b), slope) in a.iter().zip(b).zip(slopes) {
                        let s = each(|l| block.weight * a[l] + b[l]);
                        let (value, own) = self.activation.evaluate_lanes::<CUBIC>(s);
                        sum = each(|l| sum[l] + value[l]);
                        *slope = own;
                    }
                }
                *place = sum;
            }
        }
        for (f, rows) in work.logits.iter_mut().zip(sums) {
            *f = R::sum_rows(rows);
        }
    }

    /// Logits of the classes present on a sample, in the order of [`Slots`](super::store::Slots).
    pub(super) fn logits_of<'w>(&self, batch: &[usize], work: &'w Work<R>) -> &'w [Lanes<R>] {
        let most = batch.iter().map(|t| self.tracks[*t].present).max();
        &work.logits[..most.unwrap_or_default()]
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
                    *soft = self.class_by_class(|s| &s.soft, batch, group);
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
        let padded = most.next_multiple_of(LANES);
        work.residual[most..padded].fill([R::zero(); LANES]);
        // From here on classes that a sample lacks have logit 0, and residual 0.
        for f in &mut work.logits[..padded] {
            *f = each(|l| {
                if f[l] > R::neg_infinity() {
                    f[l]
                } else {
                    R::zero()
                }
            });
        }
        fits
    }

    /// Notes how samples stand and what unfollowed blocks are owed, and for how many steps the
    /// residuals stand.
    #[inline(always)]
    fn note(
        &mut self,
        step: usize,
        left: usize,
        batch: &[usize],
        fits: &Fits<R>,
        work: &mut Work<R>,
    ) {
        let mut steps = [R::one(); LANES];
        if self.longest > 1 {
            steps = self.pace(step, left, batch, work);
        }
        let groups = work.present.div_ceil(LANES);
        let absent = each(|l| steps[l] * fits.absent[l]);
        let residual = work.residual.as_chunks().0.iter();
        for (group, residual) in work.groups.iter_mut().zip(residual).take(groups) {
            *group = R::transposed(&residual.map(|e| each(|l| e[l] - absent[l])));
        }
        for (lane, t) in batch.iter().enumerate() {
            let (track, pace) = (&mut self.tracks[*t], &mut self.paces[*t]);
            let standing = if fits.lead[lane] <= R::zero() || work.logits[0][lane] <= R::zero() {
                Standing::Wrong
            } else if track.present == self.layout.classes
                || work.logits[0][lane] > track.absent_top.unwrap_or(self.absent_bound)
            {
                Standing::Correct
            } else if track.absent_top.is_some() {
                Standing::Wrong
            } else {
                Standing::Open
            };
            self.counts[pace.standing as usize] -= 1;
            self.counts[standing as usize] += 1;
            pace.standing = standing;
            pace.label_logit = work.logits[0][lane];
            pace.behind = fits.behind[lane];
            pace.mass = fits.mass[lane];
            track.absent_owed += absent[lane];
            let mut due = track.absent_owed.abs() >= self.absent_due;
            let places = track.lanes.clone().zip(&work.groups);
            for (place, rows) in places {
                let Slots { classes, owed, .. } = &mut self.store.slots[place];
                // What is beyond the present classes is the padding's.
                *owed = each(|l| {
                    if classes[l] == NONE {
                        owed[l]
                    } else {
                        owed[l] + rows[lane][l]
                    }
                });
                for owed in &*owed {
                    due |= owed.abs() >= track.due;
                }
            }
            if due {
                self.due.push(*t as u32);
            }
            if let Some(crowd) = &mut self.crowd {
                crowd.absent += absent[lane];
                let rows = work.groups.iter().flat_map(|rows| rows[lane]);
                for (class, e) in self.store.classes_of(track).zip(rows) {
                    crowd.beyond[class as usize] += e;
                }
            }
        }
    }

    /// For how many steps the samples' residuals stand; these become the sums over those steps.
    #[inline(always)]
    fn pace(&mut self, step: usize, left: usize, batch: &[usize], work: &mut Work<R>) -> Lanes<R> {
        let groups = work.present.div_ceil(LANES);
        let (mut change, mut size) = ([R::zero(); LANES], [R::zero(); LANES]);
        let mut moved = [R::zero(); LANES];
        for group in 0..groups {
            let last = self.class_by_class(|s| &s.residual, batch, group);
            let was = self.class_by_class(|s| &s.logit, batch, group);
            for class in 0..LANES {
                let seen = Seen {
                    residual: [last[class], work.residual[group * LANES + class]],
                    logit: [was[class], work.logits[group * LANES + class]],
                };
                let e = seen.residual[1];
                let (in_residual, in_logit) = (seen.residual_change(), seen.logit_change());
                change = each(|l| larger(in_residual[l], change[l]));
                size = each(|l| larger(e[l].abs(), size[l]));
                moved = each(|l| larger(in_logit[l], moved[l]));
            }
        }
        let share = residual_share(change, size);
        let change = each(|l| larger(share[l], moved[l]));
        let mut steps = [R::one(); LANES];
        let mut ahead = [R::zero(); LANES];
        for (lane, t) in batch.iter().enumerate() {
            let (pace, n) = (&mut self.paces[*t], self.tracks[*t].sample);
            let back = pace.stands;
            let stands = pace.advance(step, n, change[lane], self.longest, left);
            steps[lane] = R::of(stands as f64);
            if back > 0 {
                ahead[lane] = R::of((stands as f64 - 1.0) / (2.0 * f64::from(back)));
            }
        }
        for group in 0..groups {
            let last = self.class_by_class(|s| &s.residual, batch, group);
            let was = self.class_by_class(|s| &s.logit, batch, group);
            let place = group * LANES..(group + 1) * LANES;
            let (now, logits) = (&work.residual[place.clone()], &work.logits[place.clone()]);
            let (now, logits) = (R::transposed(&rows(now)), R::transposed(&rows(logits)));
            for (lane, t) in batch.iter().enumerate() {
                let track = &self.tracks[*t];
                if group < track.lanes.len() {
                    let slots = &mut self.store.slots[track.lanes.start + group];
                    slots.residual = now[lane];
                    slots.logit = logits[lane];
                }
            }
            for class in place {
                let seen = Seen {
                    residual: [last[class % LANES], work.residual[class]],
                    logit: [was[class % LANES], work.logits[class]],
                };
                let half_way = seen.half_way(ahead, self.slope_power, self.bend);
                work.residual[class] = each(|l| steps[l] * half_way[l]);
            }
        }
        steps
    }

    /// Eight classes present on each sample, class by class with a sample a lane.
    #[inline(always)]
    fn class_by_class(
        &self,
        kept: impl Fn(&Slots<R>) -> &Lanes<R>,
        batch: &[usize],
        group: usize,
    ) -> [Lanes<R>; LANES] {
        let mut rows = [[R::zero(); LANES]; LANES];
        for (row, t) in rows.iter_mut().zip(batch) {
            if let Some(own) = self.store.slots[self.tracks[*t].lanes.clone()].get(group) {
                *row = *kept(own);
            }
        }
        R::transposed(&rows)
    }

    /// Moves the followed blocks.
    #[inline(always)]
    fn backward<const NOISY: bool>(&mut self, vectors: usize, batch: &[usize], work: &Work<R>) {
        let negligible = R::of(NEGLIGIBLE_RESIDUAL);
        let mut slopes = &work.slopes[..];
        for (lane, t) in batch.iter().enumerate() {
            let track = &self.tracks[*t];
            let blocks = &self.store.blocks[track.blocks.clone()];
            let rows = track.blocks.start * vectors..track.blocks.end * vectors;
            let noise = &mut self.store.noise[rows];
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
                if NOISY {
                    let slots = &self.store.slots[track.lanes.start + block.slot as usize / LANES];
                    let class = slots.classes[block.slot as usize % LANES] as usize;
                    let pull = e * block.feature_noise;
                    let g = &mut self.common.gradient[class * vectors..][..vectors];
                    for (g, slope) in g.iter_mut().zip(slopes) {
                        *g = each(|l| g[l] + pull * slope[l]);
                    }
                }
            }
        }
    }
}

/// Eight rows.
#[inline(always)]
fn rows<R: Real>(rows: &[Lanes<R>]) -> [Lanes<R>; LANES] {
    each(|r| rows[r])
}
