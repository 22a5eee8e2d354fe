//! Lines of a record: a finished world, what made it, and a digest.

use super::{Asked, WorldRecord};
use crate::digest::{digest, stamped, unstamped};
use crate::procedure::WorldOutcome;
use crate::theorem::Setting;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Bytes of a digest: 128 bits, by accident the same in no two of a trillion lines.
const BYTES: usize = 16;

/// The form of all lines of a record, from its manifest.
#[derive(Debug)]
pub(super) struct Form {
    seed: u64,
    version: String,
    /// Digest of the text of the manifest: a line belongs to this one and no other.
    manifest: String,
    /// The experiments to which a line may belong.
    settings: BTreeMap<String, Setting>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    experiment: String,
    world: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    outcome: WorldOutcome,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
}

impl Form {
    /// The form of a record that was begun with the manifest of this text.
    pub(super) fn of(asked: &impl Asked, manifest: &[u8]) -> Result<Self, String> {
        Ok(Self {
            seed: asked.seed(),
            version: asked.version().into(),
            manifest: digest([manifest], BYTES),
            settings: asked.settings()?,
        })
    }

    /// Returns true if lines are the outcomes alone, as version 0.6 wrote them.
    fn is_bare(&self) -> bool {
        self.version.starts_with("0.6.")
    }

    /// The text of a world, with its end, and its digest.
    pub(super) fn write(&self, world: &WorldRecord) -> serde_json::Result<(String, String)> {
        let own = !self.is_bare();
        let mut text = serde_json::to_string(&Line {
            experiment: world.experiment.clone(),
            world: world.world,
            seed: own.then_some(self.seed),
            version: own.then(|| self.version.clone()),
            outcome: world.outcome.clone(),
            digest: None,
        })?;
        let digest = self.digest(&text);
        if own {
            text = stamped(&text, &digest);
        }
        Ok((text + "\n", digest))
    }

    /// A world from its text, without the end of the line.
    ///
    /// # Errors
    /// If it is no world, or not one of this record.
    pub(super) fn read(&self, text: &str) -> Result<Unchecked<'_>, String> {
        let line: Line = serde_json::from_str(text).map_err(|e| e.to_string())?;
        let given = (line.seed, line.version.as_deref(), line.digest.as_deref());
        let (body, stated) = match given {
            (None, None, None) if self.is_bare() => (text.to_owned(), None),
            (Some(seed), Some(version), Some(digest)) if !self.is_bare() => {
                same("seed", seed, self.seed)?;
                same("version", version, self.version.as_str())?;
                let body = unstamped(text, digest);
                let body = body.ok_or("its digest does not stand at its end")?;
                (body, Some(digest.to_owned()))
            }
            _ => {
                return Err(format!(
                    "it must carry seed, version and digest, and in records of version 0.6 none of them; the manifest has version {}",
                    self.version
                ));
            }
        };
        let setting = (self.settings.get(&line.experiment)).ok_or_else(|| {
            format!(
                "experiment = {:?} is not one of this run: the regimes and procedures in the manifest have other keys",
                line.experiment
            )
        })?;
        Ok(Unchecked {
            stated,
            digest: self.digest(&body),
            older: self.is_bare(),
            setting,
            world: WorldRecord {
                experiment: line.experiment,
                world: line.world,
                outcome: line.outcome,
            },
        })
    }

    fn digest(&self, body: &str) -> String {
        digest([self.manifest.as_bytes(), body.as_bytes()], BYTES)
    }
}

/// A world as it was read.
pub(super) struct Unchecked<'a> {
    pub(super) world: WorldRecord,
    pub(super) digest: String,
    stated: Option<String>,
    older: bool,
    setting: &'a Setting,
}

impl Unchecked<'_> {
    /// Checks the world against its digest and against its own model rows.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.stated.as_ref().is_some_and(|d| *d != self.digest) {
            return Err(
                "its digest is another: the line, or manifest.json, was changed after it was written"
                    .into(),
            );
        }
        let Setting { regime, procedure } = self.setting;
        let outcome = &self.world.outcome;
        outcome.check(regime, procedure, self.older)
    }
}

/// The digest of the lines of a record together, in whatever order they stand.
pub(super) fn digest_of<'a>(digests: impl IntoIterator<Item = &'a String>) -> String {
    digest(digests.into_iter().map(String::as_bytes), BYTES)
}

fn same<T: PartialEq + std::fmt::Debug>(field: &str, line: T, manifest: T) -> Result<(), String> {
    if line == manifest {
        return Ok(());
    }
    Err(format!(
        "{field} = {line:?}, but the manifest has {manifest:?}: this world is of another run"
    ))
}
