//! The record of an exploration, whose manifest is the sweep and the shard.

use super::sweep::{Cell, Sweep, SweepError};
use crate::field::require;
use crate::record::Asked;
use crate::shard::Shard;
use crate::theorem::{Setting, Theorem};
use crate::verify::{Dealt, Plan};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Everything that decides the outcome of an exploration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of the program.
    pub version: String,
    /// The sweep.
    pub sweep: Sweep,
    /// The theorem that the sweep names, as it was: its regime, claims and budget in the cells.
    pub base: Theorem,
    /// The part of it that is kept here.
    pub shard: Shard,
}

impl Manifest {
    /// A manifest of this version.
    ///
    /// # Errors
    /// A base theorem that is not there or has none of the sweep's claims.
    pub fn new(sweep: Sweep, shard: Shard) -> Result<Self, SweepError> {
        Ok(Self {
            version: env!("CARGO_PKG_VERSION").into(),
            base: sweep.base()?,
            sweep,
            shard,
        })
    }

    /// Every cell of the sweep, in order: the first axis varies slowest.
    ///
    /// # Errors
    /// A sweep out of range.
    pub fn cells(&self) -> Result<Vec<Cell>, SweepError> {
        self.sweep.cells_of(&self.base)
    }

    /// The cells of the shard as a run: each a theorem of its own.
    ///
    /// # Errors
    /// A sweep out of range, or one in shards with a total of worlds.
    pub fn plan(&self) -> Result<Plan, SweepError> {
        if let Some(total) = self.sweep.total_worlds {
            let allowed = "none when the cells are dealt out to shards, since a total couples them";
            let whole = self.shard == Shard::WHOLE;
            require(whole, "total_worlds", total, allowed)?;
        }
        self.shard.validate()?;
        let cells = self.cells()?.into_iter();
        let mine = cells.filter(|cell| self.shard.has(cell.index));
        Ok(Plan {
            version: self.version.clone(),
            confidence: self.sweep.confidence,
            total_worlds: self.sweep.total_worlds,
            ..Plan::new(
                mine.map(|cell| cell.theorem).collect(),
                Sweep::PROFILE,
                self.sweep.seed,
            )
        })
    }
}

impl Asked for Manifest {
    fn version(&self) -> &str {
        &self.version
    }

    fn seed(&self) -> u64 {
        self.sweep.seed
    }

    fn settings(&self) -> Result<BTreeMap<String, Setting>, String> {
        let base = self.base.validate().map_err(|e| e.of("base"));
        base.map_err(|e| e.to_string())?;
        let plan = self.plan().map_err(|e| e.to_string())?;
        plan.settings().map_err(|e| e.to_string())
    }
}

impl Dealt for Manifest {
    fn shard(&self) -> Shard {
        self.shard
    }

    fn whole(&self) -> Self {
        Self {
            shard: Shard::WHOLE,
            ..self.clone()
        }
    }

    fn part(&self) -> Result<Plan, String> {
        self.plan().map_err(|e| e.to_string())
    }
}
