//! Paying unfollowed blocks what they are owed.

use super::crowd::KEPT;
use super::run::Run;
use crate::network::SmoothedRelu;
use crate::real::{LANES, Lanes, Real, across, each, larger, prefetch};
use std::slice;

/// A block that is to be followed: its track, patch, class, and the noise overlaps it has come to.
type Grown<R> = (usize, usize, usize, Vec<R>);

impl<R: Real> Run<'_, R> {
    /// Pays the samples and features that are due, or at the end all, but debts so small that no
    /// overlap would notice.
    #[inline(always)]
    pub(super) fn pay(&mut self, all: bool) {
        let mut due = std::mem::take(&mut self.due);
        if all {
            due.clear();
            due.extend(0..self.tracks.len() as u32);
            self.absent.due.extend(0..self.absent.owed.len() as u32);
        }
        for (i, t) in due.iter().enumerate() {
            let t = *t as usize;
            self.fetch_debts(&due[i + 1..]);
            self.pass_on(t);
            let least = match all {
                true => self.period * R::of(super::LAST_PAYMENT),
                false => self.tracks[t].due,
            };
            if self.pay_present(t, least) {
                self.tracks[t].due = self.period;
            }
        }
        due.clear();
        self.due = due;
        self.pay_features();
    }

    /// Asks memory for what the next payments read, each part once the part that points to it is
    /// there.
    #[inline(always)]
    fn fetch_debts(&self, next: &[u32]) {
        let track = |ahead: usize| next.get(ahead).map(|t| &self.tracks[*t as usize]);
        if let Some(track) = track(2) {
            prefetch(slice::from_ref(track));
        }
        if let Some(track) = track(1) {
            prefetch(slice::from_ref(&self.data.samples[track.sample]));
            prefetch(&self.store.slots[track.lanes.clone()]);
        }
        if let Some(track) = track(0) {
            prefetch(&self.data.samples[track.sample].patches);
        }
    }

    /// Asks memory for the feature overlaps of the classes that are owed at least `least` on a
    /// sample.
    #[inline(always)]
    fn fetch_overlaps(&self, t: usize, least: R) {
        let (k, stride) = (self.layout.classes, self.layout.stride);
        let track = &self.tracks[t];
        let pairs = || {
            let slots = &self.store.slots[track.lanes.clone()];
            let owed = slots.iter().flat_map(|s| s.classes.iter().zip(&s.owed));
            let owed = owed.take(track.present).filter(|(_, x)| x.abs() >= least);
            owed.flat_map(|(class, _)| {
                let patches = &self.data.samples[track.sample].patches;
                let features = patches.iter().filter_map(|patch| patch.feature);
                features.map(|v| v as usize * k + *class as usize)
            })
        };
        for pair in pairs() {
            prefetch(slice::from_ref(&self.table.places[pair]));
            prefetch(&self.features[pair * stride..][..stride]);
        }
    }

    /// Passes what a sample's absent classes are owed on to its features.
    #[inline(always)]
    fn pass_on(&mut self, t: usize) {
        let track = &mut self.tracks[t];
        let owed = std::mem::take(&mut track.absent_owed);
        for patch in &self.data.samples[track.sample].patches {
            if let Some(v) = patch.feature {
                self.absent.note(v, patch.weight, owed);
            }
        }
    }

    /// Pays the unfollowed blocks of the classes present on a sample that are owed at least
    /// `least`, their noise overlaps drawn again. Returns false if none was.
    #[inline(always)]
    fn pay_present(&mut self, t: usize, least: R) -> bool {
        let (k, stride) = (self.layout.classes, self.layout.stride);
        let vectors = stride / LANES;
        let (data, n) = (self.data, self.tracks[t].sample);
        let patches = &data.samples[n].patches;
        let extremes = if self.extremes.is_some() { KEPT } else { 0 };
        self.fetch_overlaps(t, least);
        let mut grown: Vec<Grown<R>> = Vec::new();
        let mut any = false;
        let mut drawn = std::mem::take(&mut self.drawn);
        for slot in 0..self.tracks[t].present {
            let place = self.tracks[t].lanes.start + slot / LANES;
            let slots = &mut self.store.slots[place];
            let owed = slots.owed[slot % LANES];
            if owed.abs() < least {
                continue;
            }
            any = true;
            let class = slots.classes[slot % LANES];
            let before = slots.paid[slot % LANES];
            slots.owed[slot % LANES] = R::zero();
            slots.paid[slot % LANES] = before + owed;
            let followed = &self.store.blocks[self.tracks[t].blocks.clone()];
            let mut unfollowed = vec![true; patches.len() + extremes];
            for block in followed.iter().filter(|b| b.slot as usize == slot) {
                unfollowed[block.patch as usize] = false;
            }
            let blocks: Vec<[u32; 2]> = (0..patches.len())
                .filter(|p| unfollowed[*p])
                .map(|p| [p as u32, class])
                .collect();
            let rows = blocks.len() + extremes;
            drawn.resize((rows + extremes) * stride, R::zero());
            let (overlaps, alphas) = drawn.split_at_mut(rows * stride);
            let (own, largest) = overlaps.split_at_mut(blocks.len() * stride);
            self.noise.fill(self.layout, n, &blocks, own);
            if let Some(extremes) = &self.extremes {
                let block = (self.layout, n, class);
                extremes.fill(self.regime, data, &self.noise, block, [largest, alphas]);
            }
            let payment = Payment {
                owed,
                before: before * self.noise_rate,
                now: owed * self.noise_rate,
            };
            for ([p, _], b) in blocks.iter().zip(own.chunks_exact_mut(stride)) {
                let patch = &patches[*p as usize];
                let (z, alpha) = (
                    R::of(patch.weight.into()),
                    R::of(patch.feature_noise.into()),
                );
                let pair = patch.feature.map(|v| v as usize * k + class as usize);
                let mut top = [R::neg_infinity(); LANES];
                let mut growth = [R::zero(); LANES];
                for (c, b) in b.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
                    let a = pair.map_or([R::zero(); LANES], |pair| self.overlaps(pair, c));
                    let total = self.total(class as usize * vectors + c);
                    let rest = each(|l| z * a[l] + alpha * total[l]);
                    let (slopes, after) = payment.of(&self.activation, rest, b);
                    if let Some(pair) = pair {
                        let pull = self.rate * owed * z;
                        self.add(pair, c, each(|l| pull * slopes[l]));
                    }
                    self.pull_common(
                        class as usize * vectors + c,
                        each(|l| alpha * owed * slopes[l]),
                    );
                    top = each(|l| larger(after[l], top[l]));
                    growth = each(|l| larger(payment.growth(slopes[l], after[l]), growth[l]));
                }
                if self.has_woken(top, growth) {
                    grown.push((t, *p as usize, class as usize, b.to_vec()));
                }
                if let Some(pair) = pair
                    && self.has_grown(pair)
                {
                    self.absent.due.push((pair / k) as u32);
                }
            }
            let rows = largest
                .chunks_exact_mut(stride)
                .zip(alphas.chunks_exact(stride));
            for (j, (b, alphas)) in rows.enumerate() {
                if !unfollowed[patches.len() + j] {
                    continue;
                }
                let mut top = [R::neg_infinity(); LANES];
                let mut growth = [R::zero(); LANES];
                let chunks = b.as_chunks_mut::<LANES>().0.iter_mut();
                for (c, (b, alpha)) in chunks.zip(alphas.as_chunks::<LANES>().0).enumerate() {
                    let total = self.total(class as usize * vectors + c);
                    let rest = each(|l| alpha[l] * total[l]);
                    let (slopes, after) = payment.of(&self.activation, rest, b);
                    self.pull_common(
                        class as usize * vectors + c,
                        each(|l| alpha[l] * owed * slopes[l]),
                    );
                    top = each(|l| larger(after[l], top[l]));
                    growth = each(|l| larger(payment.growth(slopes[l], after[l]), growth[l]));
                    // A block that is followed has one α for all neurons: its overlaps take up the
                    // difference.
                    let mean = R::of(self.absent.mean_alpha.wide());
                    *b = each(|l| b[l] + (alpha[l] - mean) * total[l]);
                }
                if self.has_woken(top, growth) {
                    grown.push((t, patches.len() + j, class as usize, b.to_vec()));
                }
            }
        }
        self.drawn = drawn;
        for (t, patch, class, noise) in grown {
            self.follow(t, patch, class, &noise);
        }
        any
    }

    /// Pays the overlaps with features that are due, at the mean over the noise of the absent
    /// classes; follows the pairs that have grown.
    #[inline(always)]
    fn pay_features(&mut self) {
        let mut due = std::mem::take(&mut self.absent.due);
        due.sort_unstable();
        due.dedup();
        for v in &due {
            self.pay_feature(*v as usize);
        }
        for v in due {
            for class in 0..self.layout.classes {
                let pair = v as usize * self.layout.classes + class;
                if self.has_grown(pair) {
                    self.follow_pair(pair);
                }
            }
        }
    }

    #[inline(always)]
    fn pay_feature(&mut self, v: usize) {
        let k = self.layout.classes;
        let vectors = self.layout.stride / LANES;
        let owed = std::mem::take(&mut self.absent.owed[v]);
        let weights = self.absent.weights[v];
        for class in 0..k {
            let pair = v * k + class;
            if self.table.whole[pair] {
                continue;
            }
            for c in 0..vectors {
                let a = self.overlaps(pair, c);
                let total = self.total(class * vectors + c);
                let alpha = self.absent.mean_alpha;
                let mut change = [R::zero(); LANES];
                let mut push = [R::zero(); LANES];
                for (owed, z) in owed.iter().zip(weights) {
                    if *owed == R::zero() {
                        continue;
                    }
                    let slope = self
                        .absent
                        .mean_slope
                        .at(each(|l| z * a[l] + alpha * total[l]));
                    change = each(|l| change[l] + *owed * slope[l]);
                    push = each(|l| push[l] + *owed / z * slope[l]);
                }
                // Padding neurons have no noise to be averaged over.
                let used = self.layout.neurons.saturating_sub(c * LANES);
                for l in used.min(LANES)..LANES {
                    change[l] = R::zero();
                    push[l] = R::zero();
                }
                self.add(pair, c, each(|l| self.rate * change[l]));
                self.pull_common(class * vectors + c, each(|l| alpha * push[l]));
            }
        }
    }

    /// True for a block that is to be followed, by its largest pre-activations and shares of
    /// growth.
    #[inline(always)]
    fn has_woken(&self, top: Lanes<R>, growth: Lanes<R>) -> bool {
        let most = R::of(super::UNFOLLOWED_GROWTH);
        let over = each(|l| (top[l] > self.block_threshold) | (growth[l] > most));
        across(over, |a, b| a | b)
    }

    #[inline(always)]
    fn total(&self, place: usize) -> Lanes<R> {
        match self.common.total.is_empty() {
            true => [R::zero(); LANES],
            false => self.common.total[place],
        }
    }

    #[inline(always)]
    fn pull_common(&mut self, place: usize, pull: Lanes<R>) {
        if let Some(g) = self.common.gradient.get_mut(place) {
            *g = each(|l| g[l] + pull[l]);
        }
    }

    /// True for a pair with an overlap over its threshold that is not followed as yet.
    #[inline(always)]
    fn has_grown(&self, pair: usize) -> bool {
        if self.table.whole[pair] {
            return false;
        }
        let mut over = [false; LANES];
        for c in 0..self.layout.stride / LANES {
            let a = self.overlaps(pair, c);
            over = each(|l| over[l] | (a[l] > self.pair_threshold));
        }
        across(over, |a, b| a | b)
    }

    /// Follows all pairs that are over the threshold.
    #[inline(always)]
    pub(super) fn follow_grown_pairs(&mut self) {
        for pair in 0..self.table.whole.len() {
            if self.has_grown(pair) {
                self.follow_pair(pair);
            }
        }
    }

    /// Follows all blocks of a pair, each paid what it is owed: of a followed block nothing more is
    /// deferred.
    #[inline(always)]
    fn follow_pair(&mut self, pair: usize) {
        let (k, stride) = (self.layout.classes, self.layout.stride);
        let (v, class) = (pair / k, pair % k);
        self.table.whole[pair] = true;
        for carrier in self.carrier_starts[v]..self.carrier_starts[v + 1] {
            let [t, p] = self.carriers[carrier].map(|x| x as usize);
            let n = self.tracks[t].sample;
            let slot = self.store.place_of(&self.tracks[t], class as u32);
            let track = &self.tracks[t];
            let blocks = &self.store.blocks[track.blocks.clone()];
            let followed = |block: &super::store::Block<R>| {
                block.patch as usize == p && Some(block.slot as usize) == slot
            };
            if slot.is_some() && blocks.iter().any(followed) {
                continue;
            }
            let [owed, before] = slot.map_or([R::zero(); 2], |slot| {
                let slots = &self.store.slots[track.lanes.start + slot / LANES];
                [slots.owed[slot % LANES], slots.paid[slot % LANES]]
            });
            let payment = Payment {
                owed,
                before: before * self.noise_rate,
                now: owed * self.noise_rate,
            };
            let patch = self.data.samples[n].patches[p];
            let (z, alpha) = (
                R::of(patch.weight.into()),
                R::of(patch.feature_noise.into()),
            );
            let mut drawn = std::mem::take(&mut self.drawn);
            drawn.resize(stride, R::zero());
            self.noise
                .fill(self.layout, n, &[[p as u32, class as u32]], &mut drawn);
            for (c, b) in drawn.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
                let place = class * (stride / LANES) + c;
                let (a, total) = (self.overlaps(pair, c), self.total(place));
                let rest = each(|l| z * a[l] + alpha * total[l]);
                let (slopes, _) = payment.of(&self.activation, rest, b);
                let pull = self.rate * payment.owed * z;
                self.add(pair, c, each(|l| pull * slopes[l]));
                self.pull_common(place, each(|l| alpha * payment.owed * slopes[l]));
            }
            self.follow(t, p, class, &drawn);
            self.drawn = drawn;
        }
    }
}

/// The payment to a class's unfollowed blocks on a sample: a residual, and times `η/N ν²` what they
/// were paid before and are paid now.
#[derive(Clone, Copy)]
struct Payment<R> {
    owed: R,
    before: R,
    now: R,
}

impl<R: Real> Payment<R> {
    /// The share of a pre-activation that has grown, all payments at today's slope.
    #[inline(always)]
    fn growth(&self, slope: R, pre_activation: R) -> R {
        if pre_activation > R::zero() {
            (self.before + self.now) * slope / pre_activation
        } else {
            R::zero()
        }
    }

    /// The slopes at which eight blocks are paid, half-way through their own growth, and their
    /// pre-activations afterwards. `rest` is what features contribute to these; `b`, the overlaps
    /// at the start of training, is brought up to date. What they were paid before is made up for
    /// at today's slope.
    #[inline(always)]
    fn of(
        &self,
        activation: &SmoothedRelu<R>,
        rest: Lanes<R>,
        b: &mut Lanes<R>,
    ) -> (Lanes<R>, Lanes<R>) {
        let slope = |s: Lanes<R>| activation.evaluate_lanes::<false>(s).1;
        let first = slope(each(|l| rest[l] + b[l]));
        let start = each(|l| b[l] + self.before * first[l]);
        let begun = slope(each(|l| rest[l] + start[l]));
        let half = R::of(0.5) * self.now;
        let slopes = slope(each(|l| rest[l] + start[l] + half * begun[l]));
        *b = each(|l| start[l] + self.now * slopes[l]);
        (slopes, each(|l| rest[l] + b[l]))
    }
}
