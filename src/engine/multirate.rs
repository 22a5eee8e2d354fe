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
//! - a slow block is visited once its class is owed a residual of [`Rates::period`] `= T` (`T/k` for the
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
use crate::real::{Lanes, Real, across, each};
use crate::regime::Regime;
use pulp::NullaryFnOnce;

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
    /// `T`: steps of residual 1 between two visits of a slow block.
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
    /// Place of its class in [`Track::classes`].
    slot: u32,
    patch: u32,
    weight: R,
}

/// What is kept of one sample.
struct Track<R> {
    sample: usize,
    /// Where its noise overlaps begin.
    start: usize,
    /// The classes present, the label first.
    classes: Vec<u32>,
    blocks: Vec<Block<R>>,
    /// Noise overlaps of the fast blocks, `[blocks][vectors of a row]`.
    noise: Vec<Lanes<R>>,
    /// Residuals summed since the last visit, and soft labels, of the classes present.
    owed: Vec<Lanes<R>>,
    soft: Vec<Lanes<R>>,
    /// The same for each class absent.
    absent_owed: R,
    absent_soft: R,
    /// The sum of residuals at which the next visit is due.
    due: R,
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
    table: Table<R>,
    /// The patches of each feature, as (track, patch).
    carriers: Vec<Vec<(u32, u32)>>,
    /// Gradient from slow blocks, `[features][k][stride]`, and the features it has reached.
    gradient: Vec<R>,
    reached: Vec<bool>,
    debts: Vec<R>,
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
            let mut track = Track {
                sample: *n,
                start: starts[*n],
                classes: Vec::new(),
                blocks: Vec::new(),
                noise: Vec::new(),
                owed: Vec::new(),
                soft: Vec::new(),
                absent_owed: R::zero(),
                absent_soft: R::zero(),
                // First visits are spread out.
                due: R::of(rates.period as f64 * (t + 1) as f64 / order.len() as f64),
            };
            let soft = objective.soft_labels().map(|s| &s[n * k..][..k]);
            track.slot(data.samples[*n].label, soft);
            if let Some(soft) = soft {
                let least = soft
                    .iter()
                    .copied()
                    .fold(R::infinity(), |a, b| if a < b { a } else { b });
                track.absent_soft = least;
                for (i, own) in soft.iter().enumerate() {
                    if *own > least + R::of(SAME_SOFT_LABEL) {
                        track.slot(i, Some(soft));
                    }
                }
            }
            tracks.push(track);
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
            tracks,
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
            debts: vec![R::zero(); k],
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
        engine
    }

    /// Moves a block out of the slow storage, where −∞ silences it, unless that has been done.
    fn promote(&mut self, t: usize, p: usize, class: usize) {
        let Layout {
            classes: k, stride, ..
        } = self.layout;
        let track = &mut self.tracks[t];
        let patch = &self.data.samples[track.sample].patches[p];
        let slow = &mut self.state.noise[track.start + (p * k + class) * stride..][..stride];
        if slow[0] == R::neg_infinity() {
            return;
        }
        let feature = patch.feature.unwrap_or(0) as usize;
        let soft = self
            .objective
            .soft_labels()
            .map(|s| &s[track.sample * k..][..k]);
        track.noise.extend_from_slice(slow.as_chunks().0);
        slow.fill(R::neg_infinity());
        let block = Block {
            pair: self
                .table
                .place(feature * k + class, stride, &self.state.features),
            slot: track.slot(class, soft),
            patch: p as u32,
            weight: R::of(patch.weight.into()),
        };
        track.blocks.push(block);
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

    /// Pays the slow blocks of the samples that are due, or of all.
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
            let mut most = [track.absent_owed.abs() * per_class; LANES];
            for owed in &track.owed {
                most = each(|l| larger(most[l], owed[l].abs()));
            }
            if !all && across(most, larger) < track.due {
                continue;
            }
            track.due = self.period;
            self.debts.fill(track.absent_owed);
            for (i, owed) in track.classes.iter().zip(track.owed.as_flattened()) {
                self.debts[*i as usize] = *owed;
            }
            track.absent_owed = R::zero();
            track.owed.fill([R::zero(); LANES]);
            let start = track.start;
            let sample = &self.data.samples[track.sample];
            for (p, patch) in sample.patches.iter().enumerate() {
                let z = R::of(patch.weight.into());
                let v = patch.feature.unwrap_or(0) as usize;
                self.reached[v] = true;
                let a = &self.state.features[v * row..][..row];
                let g = &mut self.gradient[v * row..][..row];
                let b = &mut self.state.noise[start + p * row..][..row];
                let top = pay::<R, CUBIC>(
                    &self.activation,
                    z,
                    self.noise_rate,
                    &self.debts,
                    a,
                    g,
                    b,
                    stride,
                );
                if top > self.threshold {
                    for class in 0..k {
                        let block = class * stride..(class + 1) * stride;
                        let a = &self.state.features[v * row..][block.clone()];
                        let b = &self.state.noise[start + p * row..][block];
                        if a.iter().zip(b).any(|(a, b)| z * *a + *b > self.threshold) {
                            self.promote(t, p, class);
                        }
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

impl<R: Real> Track<R> {
    /// The place of a class among those present, which it joins if need be.
    fn slot(&mut self, class: usize, soft: Option<&[R]>) -> u32 {
        let known = self.classes.iter().position(|i| *i as usize == class);
        let slot = known.unwrap_or_else(|| {
            let slot = self.classes.len();
            self.classes.push(class as u32);
            if slot == LANES * self.owed.len() {
                self.owed.push([R::zero(); LANES]);
                self.soft.push([R::zero(); LANES]);
            }
            self.owed.as_flattened_mut()[slot] = self.absent_owed;
            self.soft.as_flattened_mut()[slot] = soft.map_or(R::zero(), |s| s[class]);
            slot
        });
        slot as u32
    }
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
        for track in &mut self.tracks {
            let padded = track.owed.len();
            let present = track.classes.len();
            let sums = &mut work.sums[..padded * LANES];
            let logits = &mut work.logits[..padded];
            let residual = &mut work.residual[..padded];
            if work.slopes.len() < track.noise.len() {
                work.slopes.resize(track.noise.len(), [R::zero(); LANES]);
            }
            sums.fill([R::zero(); LANES]);
            let rows = track.noise.chunks_exact(vectors);
            let rows = rows.zip(work.slopes.chunks_exact_mut(vectors));
            for (block, (b, slopes)) in track.blocks.iter().zip(rows) {
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
                *f = each(|l| across(sums[l], |a, b| a + b));
            }
            for f in &mut logits.as_flattened_mut()[present..] {
                *f = R::neg_infinity();
            }
            let sample = Present {
                logits,
                soft: &track.soft,
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
            for (owed, e) in track.owed.iter_mut().zip(&*residual) {
                *owed = each(|l| owed[l] + e[l]);
            }
            let residual = residual.as_flattened();
            let rows = track.noise.chunks_exact_mut(vectors);
            let rows = rows.zip(work.slopes.chunks_exact(vectors));
            for (block, (b, slopes)) in track.blocks.iter().zip(rows) {
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
            let rows = track.noise.as_flattened().chunks_exact(stride);
            for (block, b) in track.blocks.iter().zip(rows) {
                let class = track.classes[block.slot as usize] as usize;
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

#[inline(always)]
fn larger<R: Real>(a: R, b: R) -> R {
    if a > b { a } else { b }
}

/// Pays a slow patch what it is owed, for all classes, at the slope half-way through its own growth; returns
/// its largest pre-activation.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn pay<R: Real, const CUBIC: bool>(
    activation: &SmoothedRelu<R>,
    z: R,
    noise_rate: R,
    owed: &[R],
    a: &[R],
    g: &mut [R],
    b: &mut [R],
    stride: usize,
) -> R {
    let vectors = stride / LANES;
    let mut top = [R::neg_infinity(); LANES];
    let a = a.as_chunks::<LANES>().0.chunks_exact(vectors);
    let g = g.as_chunks_mut::<LANES>().0.chunks_exact_mut(vectors);
    let b = b.as_chunks_mut::<LANES>().0.chunks_exact_mut(vectors);
    for (((e, a), g), b) in owed.iter().zip(a).zip(g).zip(b) {
        let (pull, noise_pull) = (*e * z, *e * noise_rate);
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
    }
    across(top, larger)
}
