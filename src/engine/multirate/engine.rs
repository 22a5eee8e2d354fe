//! The state of a training run, and how blocks move from the slow storage to the fast.

use super::Rates;
use super::fast::{Block, Fast, NONE, Table, Track, least};
use super::pace::Pace;
use crate::data::DataSet;
use crate::engine::overlap::{LANES, Layout, Overlaps, Trained};
use crate::engine::reference;
use crate::network::SmoothedRelu;
use crate::objective::Objective;
use crate::real::{Lanes, Real};
use crate::regime::Regime;

/// A block on its way from the slow storage to the fast.
#[derive(Clone, Copy)]
pub(super) struct Promotion {
    pub(super) track: u32,
    pub(super) patch: u32,
    pub(super) class: u32,
}

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
    /// Blocks to be moved into `fast` before the next step, with their noise overlaps.
    pub(super) promoted: Vec<Promotion>,
    pub(super) promoted_noise: Vec<Lanes<R>>,
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
                lanes: 0..0,
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
            fast: Fast::new(data, objective, &mut tracks),
            paces: vec![Pace::new(); tracks.len()],
            longest: rates.longest,
            errors: tracks.len(),
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
    pub(super) fn promote(&mut self, track: usize, patch: usize, class: usize) {
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
    pub(super) fn settle_promoted(&mut self) {
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
            fast.most = fast.most.max(track.blocks.len());
        }
        self.fast = fast;
        self.promoted.clear();
        self.promoted_noise.clear();
    }

    /// Promotes all blocks of the pairs whose feature overlaps have passed `θ`.
    pub(super) fn promote_pairs(&mut self) {
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
