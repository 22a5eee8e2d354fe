//! Putting the shards of one run together.

use super::{Plan, Report, VerifyError};
use crate::record::{Asked, Kept, Record, RecordError, Worlds};
use crate::shard::Shard;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// A run that can be dealt out to shards.
pub trait Dealt: Asked + Clone + PartialEq {
    /// The part that is trained and kept.
    fn shard(&self) -> Shard;

    /// The same run in one part.
    fn whole(&self) -> Self;

    /// The plan of the part.
    ///
    /// # Errors
    /// If a field of the request is out of range.
    fn part(&self) -> Result<Plan, String>;
}

impl Dealt for Plan {
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
        Ok(self.clone())
    }
}

/// Shards that cannot be put together.
#[derive(Debug, Error)]
pub enum MergeError {
    /// A record cannot be read or written.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The worlds cannot be judged.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// Parts that are not of one run, or not all of it.
    #[error("{}: {what}", part.display())]
    Mismatch {
        /// The part, or the target.
        part: PathBuf,
        /// The mismatch, and the value that would match.
        what: String,
    },
}

/// A run put together from its shards.
#[derive(Debug)]
pub struct Merged<T> {
    /// The manifest of the whole.
    pub manifest: T,
    /// The findings of its worlds.
    pub report: Report,
    /// Warnings for the user: lines of the parts that had to be dropped.
    pub warnings: Vec<String>,
}

/// Combines shards of one run into a record of the whole, in `into`: the one that a single process
/// makes. The parts are left as they are, and need not have ended: it is enough that their worlds
/// settle every claim.
///
/// # Errors
/// Parts of different runs, seeds or versions, or the same part twice; worlds that are still
/// missing; an occupied target. Then nothing is written.
pub fn merge<T: Dealt>(into: &Path, parts: &[PathBuf]) -> Result<Merged<T>, MergeError> {
    let mut read: Vec<(&Path, T, Worlds)> = Vec::new();
    let mut warnings = Vec::new();
    for part in parts {
        let manifest: T = Record::manifest(part)?;
        let first = read.first().map_or(&manifest, |(_, first, _)| first);
        let seen: Vec<Shard> = read.iter().map(|(_, m, _)| m.shard()).collect();
        belongs(&manifest, first, &seen).map_err(|what| mismatch(part, what))?;
        let Kept { worlds, warning } = Record::read(part, &manifest)?;
        warnings.extend(warning);
        read.push((part, manifest, worlds));
    }
    let Some((_, first, _)) = read.first() else {
        return Err(mismatch(into, "no shard is given".into()));
    };
    let whole = first.whole();
    let plan = whole.part().map_err(|what| mismatch(into, what))?;
    let worlds = together(&read)?;
    let found = plan.replay(&worlds)?.zip(plan.counted(&worlds)?);
    let Some((report, counted)) = found else {
        return Err(lacking(into, &read)?);
    };
    Record::create(into, &whole)?.finish(&counted)?;
    Ok(Merged {
        manifest: whole,
        report,
        warnings,
    })
}

/// Checks that a part is of the run of the first, and none of those seen.
fn belongs<T: Dealt>(part: &T, first: &T, seen: &[Shard]) -> Result<(), String> {
    if part.version() != first.version() {
        let (own, others) = (part.version(), first.version());
        return Err(format!("made by version {own}, others by {others}"));
    }
    if part.seed() != first.seed() {
        let (own, others) = (part.seed(), first.seed());
        return Err(format!("seed = {own}, others {others}"));
    }
    if part.whole() != first.whole() {
        return Err(
            "another run than the others': its manifest.json asks for something else".into(),
        );
    }
    let (own, count) = (part.shard(), first.shard().count);
    if own.count != count || seen.contains(&own) {
        return Err(format!("shard = {own}: others are of {count}, each once"));
    }
    Ok(())
}

/// The worlds of all parts. A shard's lines are its own by their digest; one that was put into it
/// all the same must not contradict another's.
fn together<T>(read: &[(&Path, T, Worlds)]) -> Result<Worlds, MergeError> {
    let mut worlds = Worlds::new();
    for (part, _, own) in read {
        for (key, outcome) in own {
            let other = worlds.insert(key.clone(), outcome.clone());
            if other.is_some_and(|other| other != *outcome) {
                let (experiment, world) = key;
                let what = format!(
                    "world {world} of experiment {experiment} has another outcome than in an earlier part"
                );
                return Err(mismatch(part, what));
            }
        }
    }
    Ok(worlds)
}

/// The reason why the parts are not the whole.
fn lacking<T: Dealt>(into: &Path, read: &[(&Path, T, Worlds)]) -> Result<MergeError, MergeError> {
    let count = read.first().map_or(0, |(_, first, _)| first.shard().count);
    let missing = (0..count).map(|index| Shard { index, count });
    let missing = missing.filter(|shard| read.iter().all(|(_, m, _)| m.shard() != *shard));
    let missing: Vec<String> = missing.map(|shard| shard.to_string()).collect();
    if !missing.is_empty() {
        let missing = missing.join(", ");
        let what = format!(
            "shards {missing} are missing: all of them are needed where the others leave a claim open"
        );
        return Ok(mismatch(into, what));
    }
    for (part, manifest, worlds) in read {
        let plan = manifest.part().map_err(|what| mismatch(part, what))?;
        if plan.replay(worlds)?.is_none() {
            let what = "unfinished: run its command again, which continues it";
            return Ok(mismatch(part, what.into()));
        }
    }
    Ok(mismatch(into, "the parts lack worlds".into()))
}

fn mismatch(part: &Path, what: String) -> MergeError {
    MergeError::Mismatch {
        part: part.into(),
        what,
    }
}
