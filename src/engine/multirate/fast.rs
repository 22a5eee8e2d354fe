//! What is fast: blocks updated every step, the classes present on a sample, and the feature overlaps they need.

use crate::data::DataSet;
use crate::engine::multirate::SAME_SOFT_LABEL;
use crate::objective::Objective;
use crate::real::{LANES, Lanes, Real, each};
use std::ops::Range;

/// One fast block of a sample.
#[derive(Clone, Copy)]
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
    /// Its blocks.
    pub(super) blocks: Range<usize>,
    /// The whole lanes of its present classes.
    pub(super) lanes: Range<usize>,
    /// How many classes are present.
    pub(super) present: usize,
    /// Residual summed since the last visit, and soft label, of each class absent.
    pub(super) absent_owed: R,
    pub(super) absent_soft: R,
    /// The sum of residuals at which the next visit is due.
    pub(super) due: R,
}

/// The fast blocks and the present classes of all samples, one sample after the other: a step reads them as one stream.
pub(super) struct Fast<R> {
    pub(super) blocks: Vec<Block<R>>,
    /// Most blocks of one sample.
    pub(super) most: usize,
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
    /// No blocks yet; present are the label and the classes that the teacher marks.
    pub(super) fn new(data: &DataSet, objective: &Objective<R>, tracks: &mut [Track<R>]) -> Self {
        let mut fast = Self {
            blocks: Vec::new(),
            most: 0,
            noise: Vec::new(),
            classes: Vec::new(),
            owed: Vec::new(),
            soft: Vec::new(),
            residual: Vec::new(),
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
    pub(super) fn with_room(old: &Self, more: usize, vectors: usize) -> Self {
        let lanes = old.owed.len() + more;
        Self {
            blocks: Vec::with_capacity(old.blocks.len() + more),
            most: 0,
            noise: Vec::with_capacity(old.noise.len() + more * vectors),
            classes: Vec::with_capacity(lanes),
            owed: Vec::with_capacity(lanes),
            soft: Vec::with_capacity(lanes),
            residual: Vec::with_capacity(lanes),
        }
    }

    /// Appends what `old` holds of a sample, the next one in order.
    pub(super) fn take_over(&mut self, old: &Self, track: &mut Track<R>, vectors: usize) {
        let (blocks, lanes) = (track.blocks.clone(), track.lanes.clone());
        track.blocks = self.blocks.len()..self.blocks.len() + blocks.len();
        track.lanes = self.owed.len()..self.owed.len() + lanes.len();
        let rows = blocks.start * vectors..blocks.end * vectors;
        self.noise.extend_from_slice(&old.noise[rows]);
        self.blocks.extend_from_slice(&old.blocks[blocks]);
        self.classes.extend_from_slice(&old.classes[lanes.clone()]);
        self.owed.extend_from_slice(&old.owed[lanes.clone()]);
        self.soft.extend_from_slice(&old.soft[lanes.clone()]);
        self.residual.extend_from_slice(&old.residual[lanes]);
    }

    /// The place of a class among those present on the last sample, which it joins if need be.
    pub(super) fn slot(&mut self, track: &mut Track<R>, class: u32, soft: R) -> u32 {
        let classes = self.classes[track.lanes.clone()].as_flattened();
        let known = classes.iter().position(|i| *i == class);
        let slot = known.unwrap_or_else(|| {
            let slot = track.present;
            if slot == LANES * track.lanes.len() {
                self.classes.push([NONE; LANES]);
                self.owed.push([R::zero(); LANES]);
                self.soft.push([R::zero(); LANES]);
                self.residual.push([R::zero(); LANES]);
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
