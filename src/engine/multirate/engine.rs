//! The state of a training run, and when blocks move from the slow storage to the fast.

use super::Rates;
use super::fast::{Block, Fast, NONE, Table, Track, least};
use super::pace::Pace;
use super::visit::pay;
use crate::data::DataSet;
use crate::engine::overlap::{LANES, Layout, Overlaps, Trained};
use crate::engine::reference;
use crate::network::SmoothedRelu;
use crate::objective::Objective;
use crate::real::{Real, across, each};
use crate::regime::Regime;

pub(super) struct Engine<'a, R: Real> {
    pub(super) regime: &'a Regime,
    pub(super) data: &'a DataSet,
    pub(super) objective: &'a Objective<R>,
    pub(super) layout: Layout,
    pub(super) state: Overlaps<R>,
    pub(super) activation: SmoothedRelu<R>,
    pub(super) period: R,
    pub(super) threshold: R,
    /// `η/N`, and that times `ν²`.
    pub(super) rate: R,
    pub(super) noise_rate: R,
    /// Label by label, so that a label's overlaps stay in cache.
    pub(super) tracks: Vec<Track<R>>,
    /// When each track is evaluated, and at most how many steps apart.
    pub(super) paces: Vec<Pace<R>>,
    pub(super) longest: usize,
    /// Tracks whose label's logit was not the largest when last evaluated.
    pub(super) errors: usize,
    pub(super) fast: Fast<R>,
    pub(super) table: Table<R>,
    /// The patches of each feature, as (track, patch).
    pub(super) carriers: Vec<Vec<(u32, u32)>>,
    /// Gradient from slow blocks, `[features][k][stride]`, and the features it has reached.
    pub(super) gradient: Vec<R>,
    pub(super) reached: Vec<bool>,
    /// What each class is paid in a visit, and the classes that are paid something.
    pub(super) debts: Vec<R>,
    pub(super) debtors: Vec<usize>,
}

impl<'a, R: Real> Engine<'a, R> {
    pub(super) fn new(
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
                blocks_room: 0,
                lanes: 0..0,
                lanes_room: 0,
                present: 0,
                absent_owed: R::zero(),
                absent_soft: soft.map_or(R::zero(), least),
                // First visits are spread out by the number of the sample, which no renaming of classes changes.
                due: R::of(rates.period as f64 * (n + 1) as f64 / order.len() as f64),
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
            fast: Fast::new(
                &regime.data,
                data,
                objective,
                &mut tracks,
                layout.stride / LANES,
            ),
            paces: vec![Pace::new(); tracks.len()],
            longest: rates.longest,
            errors: tracks.len(),
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
        engine
    }

    /// Moves a block from the slow storage, where −∞ silences it from now on, to the fast, unless that has been done.
    pub(super) fn promote(&mut self, track: usize, patch: usize, class: usize) {
        let Layout {
            classes: k, stride, ..
        } = self.layout;
        let start = self.tracks[track].start + (patch * k + class) * stride;
        let slow = &mut self.state.noise[start..][..stride];
        if slow[0] == R::neg_infinity() {
            return;
        }
        let n = self.tracks[track].sample;
        let carried = &self.data.samples[n].patches[patch];
        let pair = carried.feature.unwrap_or(0) as usize * k + class;
        let soft = self.objective.soft_labels_of(n);
        let block = Block {
            pair: self.table.place(pair, stride, &self.state.features),
            slot: 0,
            patch: patch as u32,
            weight: R::of(carried.weight.into()),
        };
        self.fast.push(
            &mut self.tracks,
            track,
            block,
            (class as u32, soft.map_or(R::zero(), |s| s[class])),
            slow.as_chunks().0,
        );
        slow.fill(R::neg_infinity());
    }

    /// Promotes all blocks of the pairs whose feature overlaps have passed `θ`.
    #[inline(always)]
    pub(super) fn promote_pairs<const CUBIC: bool>(&mut self) {
        let vectors = self.layout.stride / LANES;
        for pair in 0..self.table.whole.len() {
            let own = &self.state.features.as_chunks::<LANES>().0[pair * vectors..][..vectors];
            let mut over = [false; LANES];
            for a in own {
                over = each(|l| over[l] | (a[l] > self.threshold));
            }
            if across(over, |a, b| a | b) && !self.table.whole[pair] {
                self.promote_pair::<CUBIC>(pair);
            }
        }
    }

    /// Promotes all blocks of a pair, each paid what it is owed: of a fast block nothing more is deferred. (The class's other blocks on
    /// the sample are still owed theirs.)
    fn promote_pair<const CUBIC: bool>(&mut self, pair: usize) {
        let Layout {
            classes: k, stride, ..
        } = self.layout;
        let row = self.layout.row();
        let own = pair * stride..(pair + 1) * stride;
        self.table.whole[pair] = true;
        let (v, class) = (pair / k, pair % k);
        for (t, p) in &self.carriers[v] {
            let track = &self.tracks[*t as usize];
            let patch = &self.data.samples[track.sample].patches[*p as usize];
            let z = R::of(patch.weight.into());
            let owed = self.fast.owed_to(track, class);
            let start = track.start + *p as usize * row + class * stride;
            pay::<R, CUBIC>(
                &self.activation,
                [z, owed * z, owed * self.noise_rate],
                &self.state.features[own.clone()],
                &mut self.gradient[own.clone()],
                &mut self.state.noise[start..][..stride],
            );
        }
        let gradient = self.gradient[own.clone()].iter_mut();
        for (a, g) in self.state.features[own].iter_mut().zip(gradient) {
            *a += self.rate * std::mem::take(g);
        }
        for c in 0..self.carriers[v].len() {
            let (t, p) = self.carriers[v][c];
            self.promote(t as usize, p as usize, class);
        }
    }

    /// Gives the fast blocks back and evaluates the whole network.
    #[inline(always)]
    pub(super) fn finish<const CUBIC: bool>(mut self, taken: usize) -> Trained<R> {
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
