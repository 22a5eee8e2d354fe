//! The overlap dynamics at two rates: exact where something happens, deferred where nothing does.
//!
//! A *block* is one class's neurons on one patch. Three of four (sample, class) pairs have no feature
//! of that class present, and of the others all but the class's own patches stay at the scale of the
//! initialisation: their pre-activations are below a threshold `θ ≪ ϱ`, where `φ` and `φ'` all but
//! vanish. Such *slow* blocks are visited only when the residuals summed since the last visit have come
//! to something, and are then paid the whole sum, so that no impulse is lost. A block whose pre-activation
//! passes `θ`, or whose feature overlaps do, becomes *fast* for good: updated every step, held in storage of
//! its own. A class's neurons on its own features are fast from the start.
//!
//! The classes without a fast block on a sample are *absent* from it: their logits are 0 and they share
//! one residual.
//!
//! What this leaves out, against the [`mod@reference`]:
//! - slow blocks add less than `P m φ(θ)` to a logit during training, and are left out of it (the logits
//!   returned at the end have them);
//! - a slow block is visited once its own class is owed a residual of [`Rates::period`] `= T` (`T/k` for the
//!   absent classes, of which there are `k` times as many), or at the end. Meanwhile its pre-activation
//!   grows by a share of at most `δ = T (η/k) (s z²/k + ν² k/N) θ/ϱ²`, which [`Rates::of`] keeps under 1 %,
//!   and its slope by twice that: it is paid at the slope half-way through its own growth, so that what
//!   remains, relative to the *increment* of a slow overlap, is at most `2 δ` from the other samples'
//!   share and of order `δ²` from its own;
//! - absent classes share a teacher's soft label, which differs from their own by at most
//!   [`SAME_SOFT_LABEL`];
//! - residuals below [`NEGLIGIBLE_RESIDUAL`] do not move fast blocks.
//!
//! The tests bound the effect on the final overlaps. Where the dynamics themselves amplify (a fast push,
//! under which wrong features race) single trajectories part as they would between `f32` and `f64`.

use super::overlap::{LANES, Layout, Overlaps, StepView, Trained};
use super::{Observer, StopRule, reference};
use crate::data::DataSet;
use crate::network::SmoothedRelu;
use crate::objective::{Objective, Present};
use crate::real::{Lanes, Real, across, each, lane_sum, larger};
use crate::regime::Regime;
use pulp::NullaryFnOnce;
use std::ops::Range;

/// Residuals of smaller magnitude do not move fast blocks: over `10^4` steps of per-sample size 0.1 they
/// would add `10^-6` to overlaps of order 10, less than `f32` resolves.
pub const NEGLIGIBLE_RESIDUAL: f64 = 1e-9;

/// Soft labels this close to a sample's least one are taken for equal to it.
pub const SAME_SOFT_LABEL: f64 = 1e-6;

/// Steps between two looks for slow blocks that are due.
const TURN: usize = 4;

/// When slow blocks are visited and when they cease to be slow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// `T`: steps of residual 1 between two visits of a slow block; with 0 every look pays every block.
    pub period: usize,
    /// `θ`: pre-activation above which a block is fast.
    pub threshold: f64,
}

impl Rates {
    /// Rates whose stated `δ` is at most 1 % in `regime`.
    pub fn of(regime: &Regime) -> Self {
        let (data, network) = (&regime.data, &regime.network);
        let threshold = (5.0 * regime.init_scale()).min(0.02 * network.relu_threshold);
        let k = data.classes as f64;
        let weight = data.other_weight[1].max(data.single_view_other_weight);
        let reach = data.sparsity * weight * weight / k
            + data.noise_variance * k / data.sample_count() as f64;
        let growth = regime.training.learning_rate_per_class * reach * threshold
            / (network.relu_threshold * network.relu_threshold);
        Self {
            period: (0.01 / growth).clamp(1.0, 256.0) as usize,
            threshold,
        }
    }
}

/// Whether the assumptions hold: no feature noise, and an activation that is flat at 0.
pub fn applies(regime: &Regime) -> bool {
    regime.data.feature_noise() == 0.0 && regime.network.relu_exponent >= 3
}

/// Trains by full-batch gradient descent for at most `steps` steps.
pub fn train<'a, R: Real>(
    regime: &'a Regime,
    rates: Rates,
    data: &'a DataSet,
    state: Overlaps<R>,
    objective: &'a Objective<R>,
    steps: usize,
    observer: Option<Observer<'a, R>>,
) -> Trained<R> {
    let engine = Engine::new(regime, rates, data, state, objective);
    let cubic = regime.network.relu_exponent == 3;
    let arch = pulp::Arch::new();
    macro_rules! run {
        ($cubic:literal, $vectors:literal) => {
            arch.dispatch(Run::<'_, R, $cubic, $vectors> {
                engine,
                steps,
                observer,
            })
        };
    }
    match (cubic, engine.layout.stride / LANES) {
        (true, 1) => run!(true, 1),
        (true, 2) => run!(true, 2),
        (true, _) => run!(true, 0),
        (false, _) => run!(false, 0),
    }
}

/// One fast block of a sample.
#[derive(Clone, Copy)]
struct Block<R> {
    /// Place of its feature overlaps in [`Table`].
    pair: u32,
    /// Place of its class among those present.
    slot: u32,
    patch: u32,
    weight: R,
}

/// What is kept of one sample: its place in [`Fast`] and what its absent classes share.
struct Track<R> {
    sample: usize,
    /// Where its noise overlaps begin in the slow storage.
    start: usize,
    /// Its blocks.
    blocks: Range<usize>,
    /// The whole lanes of its present classes.
    lanes: Range<usize>,
    /// How many classes are present.
    present: usize,
    /// Residual summed since the last visit, and soft label, of each class absent.
    absent_owed: R,
    absent_soft: R,
    /// The sum of residuals at which the next visit is due.
    due: R,
}

/// The fast blocks and the present classes of all samples, one sample after the other: a step reads them as one stream.
struct Fast<R> {
    blocks: Vec<Block<R>>,
    /// Noise overlaps `[blocks][vectors of a row]`.
    noise: Vec<Lanes<R>>,
    /// The classes present, the label first; padded with [`NONE`].
    classes: Vec<[u32; LANES]>,
    /// Residuals summed since the last visit, and soft labels, of the classes present.
    owed: Vec<Lanes<R>>,
    soft: Vec<Lanes<R>>,
}

/// A block on its way from the slow storage to the fast.
#[derive(Clone, Copy)]
struct Promotion {
    track: u32,
    patch: u32,
    class: u32,
}

/// Overlaps of (feature, class) pairs that have fast blocks, side by side.
struct Table<R> {
    /// Where a pair's overlaps are in `A`.
    offsets: Vec<u32>,
    /// Place of each pair `[features][k]`, or [`NONE`].
    places: Vec<u32>,
    /// Whether all blocks of the pair are fast.
    whole: Vec<bool>,
    overlaps: Vec<Lanes<R>>,
    gradient: Vec<Lanes<R>>,
}

const NONE: u32 = u32::MAX;

struct Engine<'a, R: Real> {
    regime: &'a Regime,
    data: &'a DataSet,
    objective: &'a Objective<R>,
    layout: Layout,
    state: Overlaps<R>,
    activation: SmoothedRelu<R>,
    period: R,
    threshold: R,
    /// `η/N`, and that times `ν²`.
    rate: R,
    noise_rate: R,
    /// Label by label, so that a label's overlaps stay in cache.
    tracks: Vec<Track<R>>,
    fast: Fast<R>,
    /// Blocks to be moved into `fast` before the next step, with their noise overlaps.
    promoted: Vec<Promotion>,
    promoted_noise: Vec<Lanes<R>>,
    table: Table<R>,
    /// The patches of each feature, as (track, patch).
    carriers: Vec<Vec<(u32, u32)>>,
    /// Gradient from slow blocks, `[features][k][stride]`, and the features it has reached.
    gradient: Vec<R>,
    reached: Vec<bool>,
    /// What each class is paid in a visit, and the classes that are paid something.
    debts: Vec<R>,
    debtors: Vec<usize>,
}

impl<'a, R: Real> Engine<'a, R> {
    fn new(
        regime: &'a Regime,
        rates: Rates,
        data: &'a DataSet,
        state: Overlaps<R>,
        objective: &'a Objective<R>,
    ) -> Self {
        let layout = state.layout;
        let (k, features) = (layout.classes, regime.data.features());
        let rate = R::of(regime.learning_rate() / data.samples.len() as f64);
        let mut starts = vec![0];
        for sample in &data.samples {
            starts.push(starts[starts.len() - 1] + sample.patches.len() * layout.row());
        }
        let mut order: Vec<usize> = (0..data.samples.len()).collect();
        order.sort_by_key(|n| data.samples[*n].label);
        let mut carriers = vec![Vec::new(); features];
        let mut tracks = Vec::with_capacity(order.len());
        for (t, n) in order.iter().enumerate() {
            for (p, patch) in data.samples[*n].patches.iter().enumerate() {
                if let Some(v) = patch.feature {
                    carriers[v as usize].push((t as u32, p as u32));
                }
            }
            let soft = objective.soft_labels_of(*n);
            tracks.push(Track {
                sample: *n,
                start: starts[*n],
                blocks: 0..0,
                lanes: 0..0,
                present: 0,
                absent_owed: R::zero(),
                absent_soft: soft.map_or(R::zero(), least),
                // First visits are spread out.
                due: R::of(rates.period as f64 * (t + 1) as f64 / order.len() as f64),
            });
        }
        let mut engine = Self {
            regime,
            data,
            objective,
            layout,
            activation: SmoothedRelu::new(&regime.network),
            period: R::of(rates.period as f64),
            threshold: R::of(rates.threshold),
            rate,
            noise_rate: R::of(regime.data.noise_variance) * rate,
            fast: Fast::new(data, objective, &mut tracks),
            tracks,
            promoted: Vec::new(),
            promoted_noise: Vec::new(),
            table: Table {
                offsets: Vec::new(),
                places: vec![NONE; features * k],
                whole: vec![false; features * k],
                overlaps: Vec::new(),
                gradient: Vec::new(),
            },
            carriers,
            gradient: vec![R::zero(); state.features.len()],
            reached: vec![false; features],
            debts: Vec::with_capacity(k),
            debtors: Vec::with_capacity(k),
            state,
        };
        // Sample by sample, so that what is used together lies together.
        for v in 0..features {
            engine.table.whole[v * k + regime.data.class_of(v)] = true;
        }
        for t in 0..engine.tracks.len() {
            let sample = &data.samples[engine.tracks[t].sample];
            for (p, patch) in sample.patches.iter().enumerate() {
                if let Some(v) = patch.feature {
                    engine.promote(t, p, regime.data.class_of(v as usize));
                }
            }
        }
        engine.settle_promoted();
        engine
    }

    /// Takes a block out of the slow storage, where −∞ silences it from now on, unless that has been done.
    fn promote(&mut self, track: usize, patch: usize, class: usize) {
        let Layout {
            classes: k, stride, ..
        } = self.layout;
        let start = self.tracks[track].start + (patch * k + class) * stride;
        let slow = &mut self.state.noise[start..][..stride];
        if slow[0] == R::neg_infinity() {
            return;
        }
        self.promoted_noise.extend_from_slice(slow.as_chunks().0);
        slow.fill(R::neg_infinity());
        let [track, patch, class] = [track, patch, class].map(|x| x as u32);
        self.promoted.push(Promotion {
            track,
            patch,
            class,
        });
    }

    /// Moves the promoted blocks into the fast storage, each behind its sample's others.
    fn settle_promoted(&mut self) {
        if self.promoted.is_empty() {
            return;
        }
        let stride = self.layout.stride;
        let k = self.layout.classes;
        let vectors = stride / LANES;
        let mut order: Vec<usize> = (0..self.promoted.len()).collect();
        order.sort_by_key(|i| self.promoted[*i].track);
        let mut next = order.into_iter().peekable();
        let mut fast = Fast::with_room(&self.fast, self.promoted.len(), vectors);
        for (t, track) in self.tracks.iter_mut().enumerate() {
            fast.take_over(&self.fast, track, vectors);
            while let Some(i) = next.next_if(|i| self.promoted[*i].track as usize == t) {
                let Promotion { patch, class, .. } = self.promoted[i];
                let sample = &self.data.samples[track.sample];
                let soft = self.objective.soft_labels_of(track.sample);
                let soft = soft.map_or(R::zero(), |s| s[class as usize]);
                let patch_of = &sample.patches[patch as usize];
                let feature = patch_of.feature.unwrap_or(0) as usize;
                let pair = feature * k + class as usize;
                let slot = fast.slot(track, class, soft);
                fast.blocks.push(Block {
                    pair: self.table.place(pair, stride, &self.state.features),
                    slot,
                    patch,
                    weight: R::of(patch_of.weight.into()),
                });
                let noise = &self.promoted_noise[i * vectors..][..vectors];
                fast.noise.extend_from_slice(noise);
                track.blocks.end += 1;
            }
        }
        self.fast = fast;
        self.promoted.clear();
        self.promoted_noise.clear();
    }

    /// Promotes all blocks of the pairs whose feature overlaps have passed `θ`.
    fn promote_pairs(&mut self) {
        let Layout {
            classes: k, stride, ..
        } = self.layout;
        for pair in 0..self.table.whole.len() {
            let overlaps = &self.state.features[pair * stride..][..stride];
            if !self.table.whole[pair] && overlaps.iter().any(|a| *a > self.threshold) {
                self.table.whole[pair] = true;
                for c in 0..self.carriers[pair / k].len() {
                    let (t, p) = self.carriers[pair / k][c];
                    self.promote(t as usize, p as usize, pair % k);
                }
            }
        }
    }

    /// Pays the slow blocks that are due, or all.
    #[inline(always)]
    fn visit<const CUBIC: bool>(&mut self, all: bool) {
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
                    if top > self.threshold {
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
        self.table.read(stride, &self.state.features);
    }
}

impl<R: Real> Fast<R> {
    /// No blocks yet; present are the label and the classes that the teacher marks.
    fn new(data: &DataSet, objective: &Objective<R>, tracks: &mut [Track<R>]) -> Self {
        let mut fast = Self {
            blocks: Vec::new(),
            noise: Vec::new(),
            classes: Vec::new(),
            owed: Vec::new(),
            soft: Vec::new(),
        };
        for track in tracks {
            let label = data.samples[track.sample].label;
            let soft = objective.soft_labels_of(track.sample);
            track.lanes = fast.owed.len()..fast.owed.len();
            fast.slot(track, label as u32, soft.map_or(R::zero(), |s| s[label]));
            for (i, own) in soft.into_iter().flatten().enumerate() {
                if *own > track.absent_soft + R::of(SAME_SOFT_LABEL) {
                    fast.slot(track, i as u32, *own);
                }
            }
        }
        fast
    }

    /// Empty, with room for what `old` holds and some more blocks.
    fn with_room(old: &Self, more: usize, vectors: usize) -> Self {
        let lanes = old.owed.len() + more;
        Self {
            blocks: Vec::with_capacity(old.blocks.len() + more),
            noise: Vec::with_capacity(old.noise.len() + more * vectors),
            classes: Vec::with_capacity(lanes),
            owed: Vec::with_capacity(lanes),
            soft: Vec::with_capacity(lanes),
        }
    }

    /// Appends what `old` holds of a sample, the next one in order.
    fn take_over(&mut self, old: &Self, track: &mut Track<R>, vectors: usize) {
        let (blocks, lanes) = (track.blocks.clone(), track.lanes.clone());
        track.blocks = self.blocks.len()..self.blocks.len() + blocks.len();
        track.lanes = self.owed.len()..self.owed.len() + lanes.len();
        let rows = blocks.start * vectors..blocks.end * vectors;
        self.noise.extend_from_slice(&old.noise[rows]);
        self.blocks.extend_from_slice(&old.blocks[blocks]);
        self.classes.extend_from_slice(&old.classes[lanes.clone()]);
        self.owed.extend_from_slice(&old.owed[lanes.clone()]);
        self.soft.extend_from_slice(&old.soft[lanes]);
    }

    /// The place of a class among those present on the last sample, which it joins if need be.
    fn slot(&mut self, track: &mut Track<R>, class: u32, soft: R) -> u32 {
        let classes = self.classes[track.lanes.clone()].as_flattened();
        let known = classes.iter().position(|i| *i == class);
        let slot = known.unwrap_or_else(|| {
            let slot = track.present;
            if slot == LANES * track.lanes.len() {
                self.classes.push([NONE; LANES]);
                self.owed.push([R::zero(); LANES]);
                self.soft.push([R::zero(); LANES]);
                track.lanes.end += 1;
            }
            let (lane, place) = (track.lanes.start + slot / LANES, slot % LANES);
            self.classes[lane][place] = class;
            self.owed[lane][place] = track.absent_owed;
            self.soft[lane][place] = soft;
            track.present += 1;
            slot
        });
        slot as u32
    }
}

/// A sample's least soft label.
fn least<R: Real>(soft: &[R]) -> R {
    let lesser = |a, b: &R| if a < *b { a } else { *b };
    soft.iter().fold(R::infinity(), lesser)
}

impl<R: Real> Table<R> {
    fn place(&mut self, pair: usize, stride: usize, features: &[R]) -> u32 {
        if self.places[pair] == NONE {
            self.places[pair] = self.offsets.len() as u32;
            self.offsets.push((pair * stride) as u32);
            let overlaps = &features[pair * stride..][..stride];
            self.overlaps.extend_from_slice(overlaps.as_chunks().0);
            self.gradient
                .resize(self.overlaps.len(), [R::zero(); LANES]);
        }
        self.places[pair]
    }

    fn write_back(&self, stride: usize, features: &mut [R]) {
        let rows = self.overlaps.as_flattened().chunks_exact(stride);
        for (offset, row) in self.offsets.iter().zip(rows) {
            features[*offset as usize..][..stride].copy_from_slice(row);
        }
    }

    fn read(&mut self, stride: usize, features: &[R]) {
        let rows = self.overlaps.as_flattened_mut().chunks_exact_mut(stride);
        for (offset, row) in self.offsets.iter().zip(rows) {
            row.copy_from_slice(&features[*offset as usize..][..stride]);
        }
    }
}

/// A training run; `VECTORS` is the length of a row of neurons in whole lanes, or 0 if that is known only
/// at run time.
struct Run<'a, R: Real, const CUBIC: bool, const VECTORS: usize> {
    engine: Engine<'a, R>,
    steps: usize,
    observer: Option<Observer<'a, R>>,
}

impl<R: Real, const CUBIC: bool, const VECTORS: usize> NullaryFnOnce
    for Run<'_, R, CUBIC, VECTORS>
{
    type Output = Trained<R>;

    #[inline(always)]
    fn call(self) -> Trained<R> {
        let Self {
            mut engine,
            steps,
            mut observer,
        } = self;
        let stride = engine.layout.stride;
        let samples = engine.tracks.len();
        let mut work = Work::new(engine.layout.classes);
        let mut stop = StopRule::new(engine.regime.training.perfect_steps);
        engine.promote_pairs();
        engine.settle_promoted();
        let mut taken = 0;
        let mut stopping = false;
        while taken < steps && !stopping {
            let observing = observer.as_ref().is_some_and(|o| o.due(taken));
            let (errors, loss) = engine.step::<CUBIC, VECTORS>(taken, observing, &mut work);
            if let Some(o) = observer.as_mut().filter(|_| observing) {
                engine.table.write_back(stride, &mut engine.state.features);
                (o.call)(StepView {
                    step: taken,
                    training_errors: errors,
                    loss: loss / samples as f64,
                    features: &engine.state.features,
                });
            }
            engine.table.descend(engine.rate);
            taken += 1;
            stopping = stop.reached(errors) || taken == steps;
            if stopping || taken % TURN == 0 {
                engine.visit::<CUBIC>(stopping);
                engine.promote_pairs();
                engine.settle_promoted();
            }
        }
        engine.finish::<CUBIC>(taken)
    }
}

/// Room for one sample's intermediate results.
struct Work<R> {
    slopes: Vec<Lanes<R>>,
    sums: Vec<Lanes<R>>,
    logits: Vec<Lanes<R>>,
    residual: Vec<Lanes<R>>,
    scratch: Vec<Lanes<R>>,
}

impl<R: Real> Work<R> {
    fn new(classes: usize) -> Self {
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
    fn step<const CUBIC: bool, const VECTORS: usize>(
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

    /// Gives the fast blocks back and evaluates the whole network.
    #[inline(always)]
    fn finish<const CUBIC: bool>(mut self, taken: usize) -> Trained<R> {
        let Layout {
            classes: k, stride, ..
        } = self.layout;
        self.table.write_back(stride, &mut self.state.features);
        for track in &self.tracks {
            let vectors = stride / LANES;
            let rows = track.blocks.start * vectors..track.blocks.end * vectors;
            let rows = self.fast.noise[rows].as_flattened().chunks_exact(stride);
            let classes = self.fast.classes[track.lanes.clone()].as_flattened();
            for (block, b) in self.fast.blocks[track.blocks.clone()].iter().zip(rows) {
                let class = classes[block.slot as usize] as usize;
                self.state.noise[track.start + (block.patch as usize * k + class) * stride..]
                    [..stride]
                    .copy_from_slice(b);
            }
        }
        reference::finish::<R, CUBIC, false>(self.regime, self.data, self.state, taken)
    }
}

impl<R: Real> Table<R> {
    #[inline(always)]
    fn descend(&mut self, rate: R) {
        for (a, g) in self.overlaps.iter_mut().zip(&mut self.gradient) {
            *a = each(|l| a[l] + rate * g[l]);
            *g = [R::zero(); LANES];
        }
    }
}

/// Pays a slow block of weight `z` what it is owed, its pulls on the feature and on the noise overlaps, at the slope
/// half-way through its own growth; returns its largest pre-activation.
#[inline(always)]
fn pay<R: Real, const CUBIC: bool>(
    activation: &SmoothedRelu<R>,
    [z, pull, noise_pull]: [R; 3],
    a: &[R],
    g: &mut [R],
    b: &mut [R],
) -> R {
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
    across(top, larger)
}
