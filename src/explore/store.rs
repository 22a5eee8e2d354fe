//! Where an exploration is kept: a record whose manifest is the sweep and the shard.

use super::shard::Shard;
use super::sweep::{Cell, Sweep, SweepError};
use crate::record::{Asked, Kept, Record, RecordError, WorldRecord, Worlds};
use crate::regime::require;
use crate::statistics::StatisticsError;
use crate::theorem::{Setting, Theorem};
use crate::verify::{Plan, Report, VerifyError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use thiserror::Error;

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

/// An exploration that cannot be read, run or merged.
#[derive(Debug, Error)]
pub enum ExploreError {
    /// The sweep is out of range.
    #[error(transparent)]
    Sweep(#[from] SweepError),
    /// The record cannot be used.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The worlds cannot be judged.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// A statistic cannot be set up.
    #[error(transparent)]
    Statistics(#[from] StatisticsError),
    /// Parts that are not of one exploration.
    #[error("{}: {what}", part.display())]
    Mismatch {
        /// The part.
        part: PathBuf,
        /// What does not match, and what would.
        what: String,
    },
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
        require(
            self.sweep.total_worlds.is_none() || self.shard == Shard::WHOLE,
            "total_worlds",
            self.sweep.total_worlds.unwrap_or_default(),
            "none when the cells are dealt out to shards, since a total couples them",
        )?;
        let Shard { index, count } = self.shard;
        require(index < count, "shard", self.shard, "I/N with I below N")?;
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

/// An exploration put together from its shards.
#[derive(Debug)]
pub struct Merged {
    /// The whole.
    pub manifest: Manifest,
    /// What its worlds say.
    pub report: Report,
    /// What had to be dropped from the parts, for the user.
    pub warnings: Vec<String>,
}

/// Combines the finished shards of one exploration into a record of the whole, in `into`: every world that counts, once, by
/// cell and index. The result is the same however the cells were dealt out.
///
/// # Errors
/// Parts of different sweeps, seeds or versions, or with a world that is not their own; shards that are missing or unfinished; an
/// occupied target.
pub fn merge(into: &Path, parts: &[PathBuf]) -> Result<Merged, ExploreError> {
    let mismatch = |part: &Path, what: String| ExploreError::Mismatch {
        part: part.into(),
        what,
    };
    let mut worlds = Worlds::new();
    let mut warnings = Vec::new();
    let mut seen: Vec<Shard> = Vec::new();
    let mut first: Option<Manifest> = None;
    for part in parts {
        let manifest: Manifest = Record::manifest(part)?;
        let expected = first.get_or_insert_with(|| manifest.clone());
        if manifest.version != expected.version {
            let what = format!(
                "made by version {}, others by {}",
                manifest.version, expected.version
            );
            return Err(mismatch(part, what));
        }
        if manifest.sweep.seed != expected.sweep.seed {
            let what = format!(
                "seed = {}, others {}",
                manifest.sweep.seed, expected.sweep.seed
            );
            return Err(mismatch(part, what));
        }
        if manifest.sweep != expected.sweep || manifest.base != expected.base {
            return Err(mismatch(
                part,
                "another sweep than the others', or of another theorem file".into(),
            ));
        }
        if manifest.shard.count != expected.shard.count || seen.contains(&manifest.shard) {
            let what = format!(
                "shard = {}/{}: others are of {}, each once",
                manifest.shard.index, manifest.shard.count, expected.shard.count
            );
            return Err(mismatch(part, what));
        }
        let Kept {
            worlds: own,
            warning,
        } = Record::read(part, &manifest)?;
        warnings.extend(warning);
        if manifest.plan()?.replay(&own)?.is_none() {
            return Err(mismatch(part, "unfinished: resume it first".into()));
        }
        seen.push(manifest.shard);
        worlds.extend(own); // no two shards share an experiment, and a line of another's is refused
    }
    let Some(first) = first.filter(|m| m.shard.count == seen.len()) else {
        let what = format!("{} of the shards given: all of them are needed", seen.len());
        return Err(mismatch(into, what));
    };
    let whole = Manifest {
        shard: Shard::WHOLE,
        ..first
    };
    let report = whole.plan()?.replay(&worlds)?;
    let report = report.ok_or_else(|| mismatch(into, "unfinished".into()))?;
    let mut record = Record::create(into, &whole)?;
    let mut written = std::collections::BTreeSet::new();
    for finding in &report.findings {
        for (key, world) in finding
            .experiments
            .iter()
            .flat_map(|key| (0..finding.estimate.worlds).map(move |world| (key, world)))
        {
            if let Some(outcome) = worlds.get(&(key.clone(), world))
                && written.insert((key, world))
            {
                record.append(&WorldRecord {
                    experiment: key.clone(),
                    world,
                    outcome: outcome.clone(),
                })?;
            }
        }
    }
    record.seal()?;
    Ok(Merged {
        manifest: whole,
        report,
        warnings,
    })
}
