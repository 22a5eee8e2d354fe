//! The state of a training run, its steps and its end.

use super::Rates;
use super::absent::{Absent, MeanSlope};
use super::common::Common;
use super::crowd::{Crowd, Extremes};
use super::pace::{Pace, Standing};
use super::store::{Block, NONE, PairTable, Store, Track};
use super::work::Work;
use crate::data::DataSet;
use crate::engine::driver::{Engine, View};
use crate::engine::noise::Noise;
use crate::engine::state::{LANES, Layout, Overlaps, Trained};
use crate::network::SmoothedRelu;
use crate::objective::Objective;
use crate::real::{Lanes, Real, arch, each};
use crate::regime::Regime;
use crate::rows::ClassRows;
use crate::seed::WorldSeed;
use pulp::NullaryFnOnce;

/// A training run.
pub(super) struct Run<'a, R> {
    pub(super) regime: &'a Regime,
    pub(super) data: &'a DataSet,
    pub(super) objective: &'a Objective<R>,
    pub(super) layout: Layout,
    /// `A` of pairs that are not in the table, and there, once [`settled`](Self::settle), of all.
    pub(super) features: Vec<R>,
    pub(super) noise: Noise<R>,
    pub(super) activation: SmoothedRelu<R>,
    /// `(q − 1)/q`, and the logit from which on slopes are 1.
    pub(super) slope_power: R,
    pub(super) bend: R,
    /// Overlaps and pre-activations beyond which pairs and blocks are followed.
    pub(super) pair_threshold: R,
    pub(super) block_threshold: R,
    pub(super) period: R,
    pub(super) absent_due: R,
    /// `η/N`, and that times `ν²`.
    pub(super) rate: R,
    pub(super) noise_rate: R,
    /// Label by label, so that a label's overlaps stay in cache.
    pub(super) tracks: Vec<Track<R>>,
    /// The next evaluation of each track, and the most steps between two.
    pub(super) paces: Vec<Pace<R>>,
    pub(super) longest: usize,
    /// Number of tracks of each [`Standing`].
    pub(super) counts: [usize; 3],
    pub(super) store: Store<R>,
    pub(super) table: PairTable<R>,
    /// The patches of each feature, as (track, patch): from `carrier_starts[v]` on.
    pub(super) carriers: Vec<[u32; 2]>,
    pub(super) carrier_starts: Vec<usize>,
    pub(super) common: Common<R>,
    pub(super) extremes: Option<Extremes>,
    pub(super) crowd: Option<Crowd<R>>,
    pub(super) absent: Absent<R>,
    /// Above any logit of an absent class.
    pub(super) absent_bound: R,
    /// Tracks on which something is to be paid.
    pub(super) due: Vec<u32>,
    /// Room.
    pub(super) work: Option<Work<R>>,
    pub(super) drawn: Vec<R>,
}

impl<'a, R: Real> Run<'a, R> {
    pub(super) fn new(
        regime: &'a Regime,
        rates: Rates,
        data: &'a DataSet,
        seed: WorldSeed,
        start: Overlaps<R>,
        objective: &'a Objective<R>,
    ) -> Self {
        let Overlaps {
            layout,
            features,
            noise,
        } = start;
        let k = layout.classes;
        let vectors = layout.stride / LANES;
        let rate = R::of(regime.learning_rate() / data.samples.len() as f64);
        let mut order: Vec<usize> = (0..data.samples.len()).collect();
        order.sort_by_key(|n| data.samples[*n].label);
        let mut tracks: Vec<Track<R>> = order
            .iter()
            .map(|n| Track {
                sample: *n,
                blocks: 0..0,
                blocks_room: 0,
                lanes: 0..0,
                lanes_room: 0,
                present: 0,
                absent_owed: R::zero(),
                absent_soft: objective.soft_labels_of(*n).map_or(R::zero(), |s| s.rest),
                // First payments are spread out by the number of the sample, which no renaming of
                // classes changes.
                due: R::of(rates.period as f64 * (n + 1) as f64 / order.len() as f64),
                absent_top: None,
            })
            .collect();
        let (carriers, carrier_starts) = carriers(data, regime.data.features(), &tracks);
        let q = f64::from(regime.network.relu_exponent);
        let noisy = regime.data.feature_noise() > 0.0;
        let mut run = Self {
            regime,
            data,
            objective,
            layout,
            activation: SmoothedRelu::new(&regime.network),
            slope_power: R::of((q - 1.0) / q),
            bend: R::of(regime.network.relu_threshold / q),
            pair_threshold: R::of(rates.pair_threshold),
            block_threshold: R::of(rates.block_threshold),
            period: R::of(rates.period as f64),
            absent_due: R::of(rates.period as f64 / (8 * k) as f64),
            rate,
            noise_rate: R::of(regime.data.noise_variance) * rate,
            store: Store::new(&regime.data, data, objective, &mut tracks, vectors),
            paces: vec![Pace::new(); tracks.len()],
            longest: rates.longest,
            counts: [0, tracks.len(), 0],
            absent: Absent::new(regime, &rates, data, MeanSlope::of(regime)),
            absent_bound: R::of(super::absent_bound(regime, data)),
            tracks,
            table: PairTable::new(regime.data.features(), k, vectors),
            carriers,
            carrier_starts,
            common: Common::new(noisy, layout, &features),
            extremes: Extremes::of(regime, seed),
            crowd: Crowd::of(regime, layout),
            due: Vec::new(),
            work: None,
            drawn: Vec::new(),
            features,
            noise,
        };
        arch().dispatch(Follow(&mut run));
        run.work = Some(Work::new(run.tracks.len()));
        run
    }

    /// `A` of a pair.
    #[inline(always)]
    pub(super) fn overlaps(&self, pair: usize, vector: usize) -> Lanes<R> {
        let vectors = self.layout.stride / LANES;
        match self.table.places[pair] {
            NONE => {
                let own = self.features.as_chunks::<LANES>().0[pair * vectors + vector];
                match self.common.shift.is_empty() {
                    true => own,
                    false => {
                        let class = pair % self.layout.classes;
                        let shift = self.common.shift[class * vectors + vector];
                        each(|l| own[l] + shift[l])
                    }
                }
            }
            place => self.table.overlaps[place as usize * vectors + vector],
        }
    }

    /// Moves a pair's `A`.
    #[inline(always)]
    pub(super) fn add(&mut self, pair: usize, vector: usize, change: Lanes<R>) {
        let vectors = self.layout.stride / LANES;
        let a = match self.table.places[pair] {
            NONE => &mut self.features.as_chunks_mut::<LANES>().0[pair * vectors + vector],
            place => &mut self.table.overlaps[place as usize * vectors + vector],
        };
        *a = each(|l| a[l] + change[l]);
        if !self.common.total.is_empty() {
            let class = pair % self.layout.classes;
            let total = &mut self.common.total[class * vectors + vector];
            *total = each(|l| total[l] + change[l]);
        }
    }

    /// Follows a block from now on, with noise overlaps `noise`.
    pub(super) fn follow(&mut self, t: usize, patch: usize, class: usize, noise: &[R]) {
        let n = self.tracks[t].sample;
        let (weight, feature_noise, feature) = match self.data.samples[n].patches.get(patch) {
            Some(p) => (p.weight, p.feature_noise, p.feature),
            // One of the extremes of the patches of pure noise.
            None => (
                0.0,
                self.extremes.as_ref().map_or(0.0, |e| e.mean_alpha),
                None,
            ),
        };
        let place = match feature {
            Some(v) => {
                let pair = v as usize * self.layout.classes + class;
                let vectors = self.layout.stride / LANES;
                let overlaps: Vec<_> = (0..vectors).map(|c| self.overlaps(pair, c)).collect();
                self.table.place(pair, overlaps.into_iter())
            }
            None => 0,
        };
        let block = Block {
            pair: place,
            slot: 0,
            patch: patch as u32,
            weight: R::of(weight.into()),
            feature_noise: R::of(feature_noise.into()),
        };
        let soft = self.objective.soft_labels_of(n);
        let soft = soft.map_or(R::zero(), |s| s.of(class));
        let label = (class as u32, soft);
        self.store
            .push(&mut self.tracks, t, block, label, noise.as_chunks().0);
    }

    /// The mean cross-entropy as of the samples' last evaluations.
    fn loss(&self) -> f64 {
        let losses = self
            .paces
            .iter()
            .map(|p| p.behind.wide() + p.mass.wide().ln());
        losses.sum::<f64>() / self.paces.len() as f64
    }

    /// Writes the table's overlaps back into `A`.
    fn settle(&mut self) {
        let Layout {
            classes: k, stride, ..
        } = self.layout;
        if !self.common.shift.is_empty() {
            let shift = self.common.shift.as_flattened_mut();
            for (pair, a) in self.features.chunks_exact_mut(stride).enumerate() {
                let own = &shift[(pair % k) * stride..][..stride];
                a.iter_mut().zip(own).for_each(|(a, shift)| *a += *shift);
            }
            shift.fill(R::zero());
        }
        let rows = self.table.overlaps.as_flattened().chunks_exact(stride);
        for (pair, row) in self.table.pairs.iter().zip(rows).skip(1) {
            self.features[*pair as usize * stride..][..stride].copy_from_slice(row);
        }
    }

    #[inline(always)]
    fn move_features(&mut self) {
        let k = self.layout.classes;
        let vectors = self.layout.stride / LANES;
        if !self.common.total.is_empty() {
            if let Some(crowd) = &mut self.crowd {
                crowd.push(&self.absent.mean_slope, &mut self.common, vectors);
            }
            let two_k = R::of(self.regime.data.features() as f64);
            let gradients = self.table.gradient.chunks_exact(vectors);
            for (pair, g) in self.table.pairs.iter().zip(gradients).skip(1) {
                let class = *pair as usize % k;
                let total = &mut self.common.total[class * vectors..][..vectors];
                for (total, g) in total.iter_mut().zip(g) {
                    *total = each(|l| total[l] + self.rate * g[l]);
                }
            }
            let rows = self.table.overlaps.chunks_exact_mut(vectors);
            for (pair, a) in self.table.pairs.iter().zip(rows).skip(1) {
                let class = *pair as usize % k;
                let g = &self.common.gradient[class * vectors..][..vectors];
                for (a, g) in a.iter_mut().zip(g) {
                    *a = each(|l| a[l] + self.rate * g[l]);
                }
            }
            let Common {
                total,
                shift,
                gradient,
            } = &mut self.common;
            for ((total, shift), g) in total.iter_mut().zip(shift).zip(gradient) {
                let change = each(|l| self.rate * g[l]);
                *shift = each(|l| shift[l] + change[l]);
                *total = each(|l| total[l] + two_k * change[l]);
                *g = [R::zero(); LANES];
            }
        }
        self.table.descend(self.rate);
    }

    /// Training samples that are not known to be classified correctly. Once it is all that stands
    /// between the run and training error 0, the open ones are settled.
    fn errors(&mut self) -> usize {
        let [_, wrong, open] = self.counts;
        if wrong == 0 && open > 0 {
            self.settle_open();
        }
        self.counts[1] + self.counts[2]
    }

    /// Compares labels that lead the classes present by little with the absent classes.
    fn settle_open(&mut self) {
        for t in 0..self.tracks.len() {
            if self.paces[t].standing != Standing::Open {
                continue;
            }
            let top = self.largest_absent_logit(t);
            self.tracks[t].absent_top = Some(top);
            let standing = match self.paces[t].label_logit > top {
                true => Standing::Correct,
                false => Standing::Wrong,
            };
            self.counts[Standing::Open as usize] -= 1;
            self.counts[standing as usize] += 1;
            self.paces[t].standing = standing;
        }
    }

    /// The largest logit of the classes absent from a sample, whose blocks are drawn for it.
    /// Patches of pure noise count for their mean.
    fn largest_absent_logit(&mut self, t: usize) -> R {
        let (k, stride) = (self.layout.classes, self.layout.stride);
        let vectors = stride / LANES;
        let track = &self.tracks[t];
        let n = track.sample;
        let patches = &self.data.samples[n].patches;
        let mut drawn = std::mem::take(&mut self.drawn);
        drawn.resize(patches.len() * stride, R::zero());
        let mut most = R::neg_infinity();
        for class in 0..k {
            if self.store.place_of(track, class as u32).is_some() {
                continue;
            }
            let blocks: Vec<_> = (0..patches.len() as u32)
                .map(|p| [p, class as u32])
                .collect();
            self.noise.fill(self.layout, n, &blocks, &mut drawn);
            let mut logit = R::zero();
            for (patch, b) in patches.iter().zip(drawn.chunks_exact(stride)) {
                let (z, alpha) = (
                    R::of(patch.weight.into()),
                    R::of(patch.feature_noise.into()),
                );
                for (c, b) in b.as_chunks::<LANES>().0.iter().enumerate() {
                    let a = match patch.feature {
                        Some(v) => self.overlaps(v as usize * k + class, c),
                        None => [R::zero(); LANES],
                    };
                    let total = match self.common.total.get(class * vectors + c) {
                        Some(total) => *total,
                        None => [R::zero(); LANES],
                    };
                    let s = each(|l| z * a[l] + alpha * total[l] + b[l]);
                    let values = each(|l| self.activation.value_and_slope(s[l]).0);
                    logit = values.iter().fold(logit, |sum, value| sum + *value);
                }
            }
            if logit > most {
                most = logit;
            }
        }
        self.drawn = drawn;
        most
    }
}

impl<R: Real> Engine<R> for Run<'_, R> {
    fn evaluate(&mut self, step: usize, left: usize) -> usize {
        // No evaluation stands for steps on both sides of the teacher's first push.
        let left = match self.objective.warm_up_steps() {
            Some(first) if step < first => left.min(first - step),
            _ => left,
        };
        let arch = arch();
        let noisy = !self.common.total.is_empty();
        match (
            self.activation.is_cubic(),
            noisy,
            self.layout.stride / LANES,
        ) {
            (true, false, 1) => arch.dispatch(Step::<R, true, false, 1>(self, step, left)),
            (true, false, 2) => arch.dispatch(Step::<R, true, false, 2>(self, step, left)),
            (true, false, _) => arch.dispatch(Step::<R, true, false, 0>(self, step, left)),
            (true, true, _) => arch.dispatch(Step::<R, true, true, 0>(self, step, left)),
            (false, false, _) => arch.dispatch(Step::<R, false, false, 0>(self, step, left)),
            (false, true, _) => arch.dispatch(Step::<R, false, true, 0>(self, step, left)),
        }
        self.errors()
    }

    fn descend(&mut self) {
        let arch = arch();
        arch.dispatch(Descend(self));
        if !self.due.is_empty() || !self.absent.due.is_empty() {
            arch.dispatch(Pay {
                run: self,
                all: false,
            });
        }
    }

    fn view(&mut self) -> View<'_, R> {
        self.settle();
        View {
            loss: self.loss(),
            features: &self.features,
        }
    }

    fn finish(mut self: Box<Self>, steps: usize) -> Trained<R> {
        arch().dispatch(Pay {
            run: &mut self,
            all: true,
        });
        let mut training_logits = vec![(Vec::new(), false); self.tracks.len()];
        let mut work = self.work.take().unwrap_or_else(|| Work::new(0));
        for t in 0..self.tracks.len() {
            let logits = self.logits(t, &mut work);
            let classes = self.store.classes_of(&self.tracks[t]);
            let entries: Vec<(u32, R)> = classes.zip(logits).collect();
            let label = entries[0].1;
            let beaten = entries[1..].iter().all(|(_, f)| *f < label) && label > R::zero();
            let everyone = entries.len() == self.layout.classes || label > self.absent_bound;
            let correct = beaten && (everyone || label > self.largest_absent_logit(t));
            training_logits[self.tracks[t].sample] = (entries, correct);
        }
        let mut rows = ClassRows::new();
        let mut training_errors = 0;
        for (entries, correct) in training_logits {
            training_errors += usize::from(!correct);
            rows.push(entries.into_iter(), R::zero());
        }
        self.settle();
        Trained {
            layout: self.layout,
            features: self.features,
            training_logits: rows,
            steps,
            training_errors,
        }
    }
}

impl<R: Real> Run<'_, R> {
    /// The logits of the classes present on a sample.
    fn logits(&self, t: usize, work: &mut Work<R>) -> Vec<R> {
        let vectors = self.layout.stride / LANES;
        match (self.activation.is_cubic(), self.common.total.is_empty()) {
            (true, true) => self.forward::<true, false>(vectors, &[t], work),
            (false, true) => self.forward::<false, false>(vectors, &[t], work),
            (_, false) => self.forward::<false, true>(vectors, &[t], work),
        }
        let present = self.logits_of(&[t], work);
        present.iter().map(|f| f[0]).collect()
    }
}

/// A gradient step, compiled for `q = 3` or any `q`, with or without feature noise, and for the
/// length of a row of neurons in whole lanes, or 0 if that is known only at run time.
struct Step<'a, 'b, R, const CUBIC: bool, const NOISY: bool, const VECTORS: usize>(
    &'a mut Run<'b, R>,
    usize,
    usize,
);

impl<R: Real, const CUBIC: bool, const NOISY: bool, const VECTORS: usize> NullaryFnOnce
    for Step<'_, '_, R, CUBIC, NOISY, VECTORS>
{
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self(run, step, left) = self;
        let mut work = run.work.take().expect("room is there between steps");
        run.pass::<CUBIC, NOISY, VECTORS>(step, left, &mut work);
        run.work = Some(work);
    }
}

/// Pays debts: those that are due, or all at the end of a run.
struct Pay<'a, 'b, R> {
    run: &'a mut Run<'b, R>,
    all: bool,
}

impl<R: Real> NullaryFnOnce for Pay<'_, '_, R> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        self.run.pay(self.all);
    }
}

/// Feature overlaps move.
struct Descend<'a, 'b, R>(&'a mut Run<'b, R>);

impl<R: Real> NullaryFnOnce for Descend<'_, '_, R> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        self.0.move_features();
    }
}

/// The beginning of a run: every class's blocks on its own features are followed.
struct Follow<'a, 'b, R>(&'a mut Run<'b, R>);

impl<R: Real> NullaryFnOnce for Follow<'_, '_, R> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let run = self.0;
        let (k, stride) = (run.layout.classes, run.layout.stride);
        for v in 0..run.regime.data.features() {
            run.table.whole[v * k + run.regime.data.class_of(v)] = true;
        }
        let mut drawn = Vec::new();
        for t in 0..run.tracks.len() {
            let n = run.tracks[t].sample;
            let blocks: Vec<[u32; 2]> = (0..)
                .zip(&run.data.samples[n].patches)
                .filter_map(|(p, patch)| {
                    let class = run.regime.data.class_of(patch.feature? as usize);
                    Some([p, class as u32])
                })
                .collect();
            drawn.resize(blocks.len() * stride, R::zero());
            run.noise.fill(run.layout, n, &blocks, &mut drawn);
            for ([patch, class], noise) in blocks.iter().zip(drawn.chunks_exact(stride)) {
                run.follow(t, *patch as usize, *class as usize, noise);
            }
        }
        run.follow_grown_pairs();
    }
}

/// The (track, patch) pairs that carry each feature, and where each feature's begin.
fn carriers<R>(
    data: &DataSet,
    features: usize,
    tracks: &[Track<R>],
) -> (Vec<[u32; 2]>, Vec<usize>) {
    let patches = || {
        (0..).zip(tracks).flat_map(|(t, track)| {
            let patches = (0..).zip(&data.samples[track.sample].patches);
            patches.filter_map(move |(p, patch)| Some((patch.feature? as usize, [t, p])))
        })
    };
    let mut starts = vec![0; features + 1];
    for (v, _) in patches() {
        starts[v + 1] += 1;
    }
    for v in 0..features {
        starts[v + 1] += starts[v];
    }
    let mut next = starts.clone();
    let mut carriers = vec![[0; 2]; starts[features]];
    for (v, carrier) in patches() {
        carriers[next[v]] = carrier;
        next[v] += 1;
    }
    (carriers, starts)
}
