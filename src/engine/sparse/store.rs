//! The state that is followed step by step: blocks, the classes present on a sample, and the
//! feature overlaps they need.

use super::SAME_SOFT_LABEL;
use crate::data::DataSet;
use crate::objective::Objective;
use crate::real::{LANES, Lanes, Real, each};
use crate::regime::DataRegime;
use std::ops::Range;

/// A block that is followed.
#[derive(Clone, Copy, Default)]
pub(super) struct Block<R> {
    /// Place of its feature overlaps in [`PairTable`].
    pub(super) pair: u32,
    /// Place of its class among those present.
    pub(super) slot: u32,
    pub(super) patch: u32,
    /// `z` and `α` of its patch.
    pub(super) weight: R,
    pub(super) feature_noise: R,
}

/// The state of one sample: its place in [`Store`] and what its absent classes share.
pub(super) struct Track<R> {
    pub(super) sample: usize,
    /// Its blocks, and where the storage that is kept for them ends.
    pub(super) blocks: Range<usize>,
    pub(super) blocks_room: usize,
    /// The whole lanes of its present classes, and where the storage that is kept for them ends.
    pub(super) lanes: Range<usize>,
    pub(super) lanes_room: usize,
    /// Number of classes present.
    pub(super) present: usize,
    /// Residual summed since it was last passed on, and soft label, of each class absent.
    pub(super) absent_owed: R,
    pub(super) absent_soft: R,
    /// The sum of residuals at which a class's unfollowed blocks are paid.
    pub(super) due: R,
    /// The largest logit of an absent class, once it has been asked for.
    pub(super) absent_top: Option<R>,
}

/// The followed blocks and the present classes of all samples, one sample after the other, each
/// with room for some more: a step reads them as one stream.
pub(super) struct Store<R> {
    pub(super) blocks: Vec<Block<R>>,
    /// Most blocks of one sample.
    pub(super) most: usize,
    /// Places for blocks that samples have left behind.
    left: usize,
    /// Noise overlaps `[blocks][vectors of a row]`.
    pub(super) noise: Vec<Lanes<R>>,
    pub(super) slots: Vec<Slots<R>>,
}

/// Eight classes present on a sample, the label before all others; places that are free are padded
/// with [`NONE`]. What is used together lies together.
#[derive(Clone, Copy)]
pub(super) struct Slots<R> {
    pub(super) classes: [u32; LANES],
    /// Residuals summed beyond those of absent classes, since the class's unfollowed blocks were
    /// last paid and before that.
    pub(super) owed: Lanes<R>,
    pub(super) paid: Lanes<R>,
    /// The teacher's soft labels.
    pub(super) soft: Lanes<R>,
    /// Residuals and logits at the last evaluation.
    pub(super) residual: Lanes<R>,
    pub(super) logit: Lanes<R>,
}

impl<R: Real> Slots<R> {
    fn free() -> Self {
        let zeros = [R::zero(); LANES];
        Self {
            classes: [NONE; LANES],
            owed: zeros,
            paid: zeros,
            soft: zeros,
            residual: zeros,
            logit: zeros,
        }
    }
}

/// Overlaps of (feature, class) pairs that have followed blocks, side by side. The first is
/// nobody's and stays 0: that of patches without a feature.
pub(super) struct PairTable<R> {
    /// The pairs, `feature · k + class`.
    pub(super) pairs: Vec<u32>,
    /// Place of each pair `[features][k]`, or [`NONE`].
    pub(super) places: Vec<u32>,
    /// True for pairs all of whose blocks are followed.
    pub(super) whole: Vec<bool>,
    pub(super) overlaps: Vec<Lanes<R>>,
    pub(super) gradient: Vec<Lanes<R>>,
}

pub(super) const NONE: u32 = u32::MAX;

impl<R: Real> Store<R> {
    /// No blocks yet, but room for one on each patch, and for its class; present are the label and
    /// the classes that the teacher marks.
    pub(super) fn new(
        regime: &DataRegime,
        data: &DataSet,
        objective: &Objective<R>,
        tracks: &mut [Track<R>],
        vectors: usize,
    ) -> Self {
        let mut store = Self {
            blocks: Vec::new(),
            most: 0,
            left: 0,
            noise: Vec::new(),
            slots: Vec::new(),
        };
        // Reserved at once: an array that grew would be held twice.
        let patches = data.samples.iter().map(|s| s.patches.len());
        let blocks: usize = patches.clone().map(|patches| patches + patches / 16).sum();
        store.blocks.reserve_exact(blocks);
        store.noise.reserve_exact(blocks * vectors);
        let most = patches.map(|patches| (patches + 1).div_ceil(LANES));
        store.slots.reserve_exact(most.sum());
        let mut marked: Vec<u32> = Vec::new();
        for track in tracks {
            let sample = &data.samples[track.sample];
            let soft = objective.soft_labels_of(track.sample);
            let least = track.absent_soft + R::of(SAME_SOFT_LABEL);
            marked.clear();
            if let Some(soft) = soft {
                let strong = soft.entries().filter(|(_, own)| *own > least);
                marked.extend(strong.map(|(class, _)| class as u32));
            }
            let features = sample.patches.iter().filter_map(|p| p.feature);
            let mut classes: Vec<u32> = (features.clone())
                .map(|v| regime.class_of(v as usize) as u32)
                .chain(marked.iter().copied())
                .chain([sample.label as u32])
                .collect();
            classes.sort_unstable();
            classes.dedup();
            store.keep_room(track, features.count(), classes.len(), vectors);
            let soft_of = |class: u32| soft.map_or(R::zero(), |soft| soft.of(class as usize));
            let label = sample.label as u32;
            store.slot(track, label, soft_of(label));
            for class in &marked {
                store.slot(track, *class, soft_of(*class));
            }
        }
        store
    }

    /// Gives a sample room behind all others, by the number of its known blocks and present
    /// classes.
    fn keep_room(&mut self, track: &mut Track<R>, blocks: usize, classes: usize, vectors: usize) {
        let start = self.blocks.len();
        track.blocks = start..start;
        track.blocks_room = start + blocks + blocks / 16;
        self.blocks.resize(track.blocks_room, Block::default());
        let zeros = [R::zero(); LANES];
        self.noise.resize(track.blocks_room * vectors, zeros);
        let start = self.slots.len();
        track.lanes = start..start;
        track.lanes_room = start + classes.div_ceil(LANES);
        self.slots.resize(track.lanes_room, Slots::free());
    }

    /// Moves a sample behind all others, where it has room for more.
    fn move_last(&mut self, track: &mut Track<R>, vectors: usize) {
        let (blocks, lanes) = (track.blocks.clone(), track.lanes.clone());
        self.keep_room(track, blocks.len() + 2, track.present + 1, vectors);
        track.blocks.end += blocks.len();
        track.lanes.end += lanes.len();
        let rows = blocks.start * vectors..blocks.end * vectors;
        self.noise.copy_within(rows, track.blocks.start * vectors);
        self.blocks.copy_within(blocks, track.blocks.start);
        self.slots.copy_within(lanes, track.lanes.start);
    }

    /// Makes room for more on sample `t`. Once half of the storage has been left by samples that
    /// moved, all are put in order again.
    fn grow(&mut self, tracks: &mut [Track<R>], t: usize, vectors: usize) {
        self.left += tracks[t].blocks_room - tracks[t].blocks.start;
        if 2 * self.left < self.blocks.len() {
            self.move_last(&mut tracks[t], vectors);
            return;
        }
        let (blocks, lanes) = (self.blocks.len(), self.slots.len());
        for track in &mut *tracks {
            self.move_last(track, vectors);
        }
        for track in tracks {
            track.blocks = track.blocks.start - blocks..track.blocks.end - blocks;
            track.blocks_room -= blocks;
            track.lanes = track.lanes.start - lanes..track.lanes.end - lanes;
            track.lanes_room -= lanes;
        }
        self.blocks.drain(..blocks);
        self.noise.drain(..blocks * vectors);
        self.slots.drain(..lanes);
        self.left = 0;
    }

    /// Adds a block of a class of soft label `soft` to sample `t`, behind its others.
    pub(super) fn push(
        &mut self,
        tracks: &mut [Track<R>],
        t: usize,
        block: Block<R>,
        (class, soft): (u32, R),
        noise: &[Lanes<R>],
    ) {
        let track = &tracks[t];
        let places = LANES * (track.lanes_room - track.lanes.start);
        if track.blocks.end == track.blocks_room || track.present == places {
            self.grow(tracks, t, noise.len());
        }
        let track = &mut tracks[t];
        let slot = self.slot(track, class, soft);
        let end = track.blocks.end;
        self.blocks[end] = Block { slot, ..block };
        self.noise[end * noise.len()..][..noise.len()].copy_from_slice(noise);
        track.blocks.end += 1;
        self.most = self.most.max(track.blocks.len());
    }

    /// The place of a class among those present on a sample, if it is.
    pub(super) fn place_of(&self, track: &Track<R>, class: u32) -> Option<usize> {
        self.classes_of(track).position(|i| i == class)
    }

    /// The classes present on a sample, in the order of their places.
    pub(super) fn classes_of(&self, track: &Track<R>) -> impl Iterator<Item = u32> {
        let slots = self.slots[track.lanes.clone()].iter();
        slots.flat_map(|slots| slots.classes).take(track.present)
    }

    /// The class at a place.
    #[inline(always)]
    pub(super) fn class_at(&self, track: &Track<R>, slot: usize) -> usize {
        self.slots[track.lanes.start + slot / LANES].classes[slot % LANES] as usize
    }

    /// The place of a class among those present on a sample, which it joins if need be.
    fn slot(&mut self, track: &mut Track<R>, class: u32, soft: R) -> u32 {
        let slot = self.place_of(track, class).unwrap_or_else(|| {
            let slot = track.present;
            track.lanes.end = track.lanes.start + slot / LANES + 1;
            let (lane, place) = (track.lanes.start + slot / LANES, slot % LANES);
            self.slots[lane].classes[place] = class;
            self.slots[lane].soft[place] = soft;
            track.present += 1;
            slot
        });
        slot as u32
    }
}

impl<R: Real> PairTable<R> {
    pub(super) fn new(features: usize, classes: usize, vectors: usize) -> Self {
        Self {
            pairs: vec![NONE],
            places: vec![NONE; features * classes],
            whole: vec![false; features * classes],
            overlaps: vec![[R::zero(); LANES]; vectors],
            gradient: vec![[R::zero(); LANES]; vectors],
        }
    }

    /// The place of a pair, whose overlaps are `overlaps` if it is new.
    pub(super) fn place(&mut self, pair: usize, overlaps: impl Iterator<Item = Lanes<R>>) -> u32 {
        if self.places[pair] == NONE {
            self.places[pair] = self.pairs.len() as u32;
            self.pairs.push(pair as u32);
            self.overlaps.extend(overlaps);
            self.gradient
                .resize(self.overlaps.len(), [R::zero(); LANES]);
        }
        self.places[pair]
    }

    /// Moves all pairs by what the step has gathered.
    #[inline(always)]
    pub(super) fn descend(&mut self, rate: R) {
        for (a, g) in self.overlaps.iter_mut().zip(&mut self.gradient) {
            *a = each(|l| a[l] + rate * g[l]);
            *g = [R::zero(); LANES];
        }
    }
}
