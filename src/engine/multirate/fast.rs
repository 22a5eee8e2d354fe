//! What is fast: blocks updated every step, the classes present on a sample, and the feature overlaps they need.

use crate::data::DataSet;
use crate::engine::multirate::SAME_SOFT_LABEL;
use crate::objective::Objective;
use crate::real::{LANES, Lanes, Real, each};
use crate::regime::DataRegime;
use std::ops::Range;

/// One fast block of a sample.
#[derive(Clone, Copy, Default)]
pub(super) struct Block<R> {
    /// Place of its feature overlaps in [`Table`].
    pub(super) pair: u32,
    /// Place of its class among those present.
    pub(super) slot: u32,
    pub(super) patch: u32,
    pub(super) weight: R,
}

/// What is kept of one sample: its place in [`Fast`] and what its absent classes share.
pub(super) struct Track<R> {
    pub(super) sample: usize,
    /// Where its noise overlaps begin in the slow storage.
    pub(super) start: usize,
    /// Its blocks, and where the storage that is kept for them ends.
    pub(super) blocks: Range<usize>,
    pub(super) blocks_room: usize,
    /// The whole lanes of its present classes, and where the storage that is kept for them ends.
    pub(super) lanes: Range<usize>,
    pub(super) lanes_room: usize,
    /// How many classes are present.
    pub(super) present: usize,
    /// Residual summed since the last visit, and soft label, of each class absent.
    pub(super) absent_owed: R,
    pub(super) absent_soft: R,
    /// The sum of residuals at which the next visit is due.
    pub(super) due: R,
}

/// The fast blocks and the present classes of all samples, one sample after the other, each with room for some more: a step reads
/// them as one stream.
pub(super) struct Fast<R> {
    pub(super) blocks: Vec<Block<R>>,
    /// Most blocks of one sample.
    pub(super) most: usize,
    /// Places for blocks that samples have left behind.
    left: usize,
    /// Noise overlaps `[blocks][vectors of a row]`.
    pub(super) noise: Vec<Lanes<R>>,
    /// The classes present, the label first; padded with [`NONE`].
    pub(super) classes: Vec<[u32; LANES]>,
    /// Residuals summed since the last visit, and soft labels, of the classes present.
    pub(super) owed: Vec<Lanes<R>>,
    pub(super) soft: Vec<Lanes<R>>,
    /// Residuals at the last evaluation, of the classes present.
    pub(super) residual: Vec<Lanes<R>>,
}

/// Overlaps of (feature, class) pairs that have fast blocks, side by side.
pub(super) struct Table<R> {
    /// Where a pair's overlaps are in `A`.
    pub(super) offsets: Vec<u32>,
    /// Place of each pair `[features][k]`, or [`NONE`].
    pub(super) places: Vec<u32>,
    /// Whether all blocks of the pair are fast.
    pub(super) whole: Vec<bool>,
    pub(super) overlaps: Vec<Lanes<R>>,
    pub(super) gradient: Vec<Lanes<R>>,
}

pub(super) const NONE: u32 = u32::MAX;

impl<R: Real> Fast<R> {
    /// No blocks yet, but room for one on each patch that has a feature, and for its class; present are the label and the classes
    /// that the teacher marks.
    pub(super) fn new(
        regime: &DataRegime,
        data: &DataSet,
        objective: &Objective<R>,
        tracks: &mut [Track<R>],
        vectors: usize,
    ) -> Self {
        let mut fast = Self {
            blocks: Vec::new(),
            most: 0,
            left: 0,
            noise: Vec::new(),
            classes: Vec::new(),
            owed: Vec::new(),
            soft: Vec::new(),
            residual: Vec::new(),
        };
        for track in tracks {
            let sample = &data.samples[track.sample];
            let soft = objective.soft_labels_of(track.sample).unwrap_or_default();
            let least = track.absent_soft + R::of(SAME_SOFT_LABEL);
            let marked = soft.iter().enumerate().filter(|(_, own)| **own > least);
            let features = sample.patches.iter().filter_map(|p| p.feature);
            let mut classes: Vec<usize> = (features.clone())
                .map(|v| regime.class_of(v as usize))
                .chain(marked.clone().map(|(class, _)| class))
                .chain([sample.label])
                .collect();
            classes.sort_unstable();
            classes.dedup();
            fast.keep_room(track, features.count(), classes.len(), vectors);
            let own = soft.get(sample.label).copied().unwrap_or_else(R::zero);
            fast.slot(track, sample.label as u32, own);
            for (class, own) in marked {
                fast.slot(track, class as u32, *own);
            }
        }
        fast
    }

    /// Gives a sample room behind all others, of which so many blocks and present classes are known.
    fn keep_room(&mut self, track: &mut Track<R>, blocks: usize, classes: usize, vectors: usize) {
        let start = self.blocks.len();
        track.blocks = start..start;
        track.blocks_room = start + blocks + blocks / 8 + 1;
        self.blocks.resize(track.blocks_room, Block::default());
        let zeros = [R::zero(); LANES];
        self.noise.resize(track.blocks_room * vectors, zeros);
        let start = self.classes.len();
        track.lanes = start..start;
        track.lanes_room = start + classes / LANES + 1;
        self.classes.resize(track.lanes_room, [NONE; LANES]);
        for lanes in [&mut self.owed, &mut self.soft, &mut self.residual] {
            lanes.resize(track.lanes_room, zeros);
        }
    }

    /// Moves a sample behind all others, where it has room for more.
    fn move_last(&mut self, track: &mut Track<R>, vectors: usize) {
        let (blocks, lanes) = (track.blocks.clone(), track.lanes.clone());
        self.keep_room(track, blocks.len(), track.present, vectors);
        track.blocks.end += blocks.len();
        track.lanes.end += lanes.len();
        let rows = blocks.start * vectors..blocks.end * vectors;
        self.noise.copy_within(rows, track.blocks.start * vectors);
        self.blocks.copy_within(blocks, track.blocks.start);
        self.classes.copy_within(lanes.clone(), track.lanes.start);
        for all in [&mut self.owed, &mut self.soft, &mut self.residual] {
            all.copy_within(lanes.clone(), track.lanes.start);
        }
    }

    /// Makes room for more on sample `t`. Once a sixteenth of the storage has been left by samples that moved, all are put in order again.
    fn grow(&mut self, tracks: &mut [Track<R>], t: usize, vectors: usize) {
        self.left += tracks[t].blocks_room - tracks[t].blocks.start;
        if 16 * self.left < self.blocks.len() {
            self.move_last(&mut tracks[t], vectors);
            return;
        }
        let (blocks, lanes) = (self.blocks.len(), self.classes.len());
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
        self.classes.drain(..lanes);
        for all in [&mut self.owed, &mut self.soft, &mut self.residual] {
            all.drain(..lanes);
        }
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

    /// What the slow blocks of a class are owed on a sample.
    pub(super) fn owed_to(&self, track: &Track<R>, class: usize) -> R {
        let classes = self.classes[track.lanes.clone()].as_flattened();
        let owed = self.owed[track.lanes.clone()].as_flattened();
        let known = classes.iter().position(|i| *i as usize == class);
        known.map_or(track.absent_owed, |slot| owed[slot])
    }

    /// The place of a class among those present on a sample, which it joins if need be.
    fn slot(&mut self, track: &mut Track<R>, class: u32, soft: R) -> u32 {
        let classes = self.classes[track.lanes.clone()].as_flattened();
        let known = classes.iter().position(|i| *i == class);
        let slot = known.unwrap_or_else(|| {
            let slot = track.present;
            track.lanes.end = track.lanes.start + slot / LANES + 1;
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
pub(super) fn least<R: Real>(soft: &[R]) -> R {
    let lesser = |a, b: &R| if a < *b { a } else { *b };
    soft.iter().fold(R::infinity(), lesser)
}

impl<R: Real> Table<R> {
    pub(super) fn place(&mut self, pair: usize, stride: usize, features: &[R]) -> u32 {
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

    pub(super) fn write_back(&self, stride: usize, features: &mut [R]) {
        let rows = self.overlaps.as_flattened().chunks_exact(stride);
        for (offset, row) in self.offsets.iter().zip(rows) {
            features[*offset as usize..][..stride].copy_from_slice(row);
        }
    }

    pub(super) fn read(&mut self, stride: usize, features: &[R]) {
        let rows = self.overlaps.as_flattened_mut().chunks_exact_mut(stride);
        for (offset, row) in self.offsets.iter().zip(rows) {
            row.copy_from_slice(&features[*offset as usize..][..stride]);
        }
    }
}
impl<R: Real> Table<R> {
    #[inline(always)]
    pub(super) fn descend(&mut self, rate: R) {
        for (a, g) in self.overlaps.iter_mut().zip(&mut self.gradient) {
            *a = each(|l| a[l] + rate * g[l]);
            *g = [R::zero(); LANES];
        }
    }
}
