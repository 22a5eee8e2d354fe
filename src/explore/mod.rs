//! Exploring: which claims hold where in parameter space.
//!
//! A [`Sweep`] turns a theorem and some axes or variants into cells, and each cell into a regime of
//! its own whose claims are decided as `verify` decides them: world by world with time-uniform
//! sequences, until the cell is settled or its budget spent. A map is not a family of claims, so
//! its confidence is each cell's own.
//!
//! Cells are independent, and a cell belongs to one shard as a whole. What a cell's claims have
//! seen is a prefix of its worlds, whatever the order in which they ended; so shards, threads and
//! interruptions change nothing, and [`merge`](crate::verify::merge()) gives the very records that
//! one process keeps.

pub mod axis;
pub mod maps;
pub mod outcome;
pub mod pages;
pub mod store;
pub mod sweep;

pub use crate::shard::Shard;
pub use axis::{Axis, Values};
pub use outcome::{CellFinding, Cells};
pub use store::Manifest;
pub use sweep::{Cell, Design, Sweep, SweepError, Variant};
