//! Visits: paying slow blocks what they are owed.

use super::engine::Engine;
use crate::engine::overlap::{LANES, Layout};
use crate::network::SmoothedRelu;
use crate::real::{Lanes, Real, across, each, larger};

impl<R: Real> Engine<'_, R> {
    /// Pays the slow blocks that are due, or all, and promotes those that are slow no longer.
    #[inline(always)]
    pub(super) fn visit<const CUBIC: bool>(&mut self, all: bool) {
        let Layout {
            classes: k, stride, ..
        } = self.layout;
        let row = self.layout.row();
        let per_class = R::of(k as f64);
        self.table.write_back(stride, &mut self.state.features);
        for t in 0..self.tracks.len() {
            let track = &mut self.tracks[t];
            let due = if all { R::zero() } else { track.due };
            let absent_due = track.absent_owed.abs() * per_class >= due;
            let owed = &mut self.fast.owed[track.lanes.clone()];
            let mut most = [R::zero(); LANES];
            for owed in &*owed {
                most = each(|l| larger(most[l], owed[l].abs()));
            }
            if !absent_due && across(most, larger) < due {
                continue;
            }
            track.due = self.period;
            self.debts.clear();
            if absent_due {
                self.debts.resize(k, track.absent_owed);
                track.absent_owed = R::zero();
            } else {
                self.debts.resize(k, R::zero());
            }
            let classes = self.fast.classes[track.lanes.clone()].as_flattened();
            let owed = owed.as_flattened_mut().iter_mut();
            for (class, owed) in classes.iter().zip(owed).take(track.present) {
                let paid = owed.abs() >= due;
                self.debts[*class as usize] = if paid {
                    std::mem::take(owed)
                } else {
                    R::zero()
                };
            }
            let debtors = self.debts.iter().enumerate();
            let debtors = debtors.filter(|(_, owed)| **owed != R::zero());
            self.debtors.clear();
            self.debtors.extend(debtors.map(|(class, _)| class));
            let start = track.start;
            let sample = &self.data.samples[track.sample];
            for (p, patch) in sample.patches.iter().enumerate() {
                let z = R::of(patch.weight.into());
                let v = patch.feature.unwrap_or(0) as usize;
                self.reached[v] = true;
                for d in 0..self.debtors.len() {
                    let class = self.debtors[d];
                    let block = class * stride..(class + 1) * stride;
                    let owed = self.debts[class];
                    let top = pay::<R, CUBIC>(
                        &self.activation,
                        [z, owed * z, owed * self.noise_rate],
                        &self.state.features[v * row..][block.clone()],
                        &mut self.gradient[v * row..][block.clone()],
                        &mut self.state.noise[start + p * row..][block],
                    );
                    let over = each(|l| top[l] > self.threshold);
                    if across(over, |a, b| a | b) {
                        self.promote(t, p, class);
                    }
                }
            }
        }
        let rows = self.gradient.chunks_exact_mut(row).zip(&mut self.reached);
        for ((g, reached), a) in rows.zip(self.state.features.chunks_exact_mut(row)) {
            if std::mem::take(reached) {
                for (a, g) in a.iter_mut().zip(&mut *g) {
                    *a += self.rate * *g;
                }
                g.fill(R::zero());
            }
        }
        self.promote_pairs::<CUBIC>();
        self.table.read(stride, &self.state.features);
    }
}

/// Pays a slow block of weight `z` what it is owed, its pulls on the feature and on the noise overlaps, at the slope
/// half-way through its own growth; returns its pre-activations, the largest of each lane.
#[inline(always)]
pub(super) fn pay<R: Real, const CUBIC: bool>(
    activation: &SmoothedRelu<R>,
    [z, pull, noise_pull]: [R; 3],
    a: &[R],
    g: &mut [R],
    b: &mut [R],
) -> Lanes<R> {
    let mut top = [R::neg_infinity(); LANES];
    let a = a.as_chunks::<LANES>().0;
    let g = g.as_chunks_mut::<LANES>().0;
    let b = b.as_chunks_mut::<LANES>().0;
    let half_pull = R::of(0.5) * noise_pull;
    for ((a, g), b) in a.iter().zip(g).zip(b) {
        let s = each(|l| z * a[l] + b[l]);
        let before = activation.evaluate_lanes::<CUBIC>(s).1;
        let midway = each(|l| s[l] + half_pull * before[l]);
        let slopes = activation.evaluate_lanes::<CUBIC>(midway).1;
        *g = each(|l| g[l] + pull * slopes[l]);
        *b = each(|l| b[l] + noise_pull * slopes[l]);
        top = each(|l| larger(s[l], top[l]));
    }
    top
}
