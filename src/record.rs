//! The append-only record of a run: `manifest.json`, which says what was asked, and `worlds.jsonl`, one
//! synced line for each finished world.
//!
//! A world is in the record or it is not: a line torn by a crash is dropped on the next opening, with a
//! warning, and its world is trained again.

use crate::procedure::WorldOutcome;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use thiserror::Error;

const MANIFEST: &str = "manifest.json";
const WORLDS: &str = "worlds.jsonl";

/// One finished world.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorldRecord {
    /// Key of the experiment (a hash of its regime and procedure).
    pub experiment: String,
    /// Index of the world.
    pub world: u64,
    /// What was measured.
    pub outcome: WorldOutcome,
}

/// A record that cannot be opened or written.
#[derive(Debug, Error)]
pub enum RecordError {
    /// Reading or writing failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A complete line is not a world.
    #[error("{}:{line}: {message}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What is wrong with it.
        message: String,
    },
    /// Another process has it open.
    #[error("{}: in use by another process", .0.display())]
    Locked(PathBuf),
    /// There is a record already, or worlds of one.
    #[error("{}: holds a record, or worlds of one, already: continue it as it was begun (a verification with `verify --resume`), or choose another directory", .0.display())]
    Exists(PathBuf),
}

/// An open record; other processes are locked out until it is dropped.
#[derive(Debug)]
pub struct Record {
    path: PathBuf,
    file: File,
}

/// Finished worlds, by (experiment, world).
pub type Worlds = BTreeMap<(String, u64), WorldOutcome>;

/// What an opened record held.
#[derive(Debug, Default)]
pub struct Kept {
    /// Finished worlds.
    pub worlds: Worlds,
    /// What had to be dropped, for the user.
    pub warning: Option<String>,
}

impl Record {
    /// Begins a record in `directory`.
    ///
    /// # Errors
    /// If there is one already, or it cannot be written.
    pub fn create(directory: &Path, manifest: &impl Serialize) -> Result<Self, RecordError> {
        std::fs::create_dir_all(directory).map_err(io(directory))?;
        // Locked first: of two processes that begin here at once, one writes the manifest.
        let worlds = directory.join(WORLDS);
        let file = open(&worlds)?;
        let path = directory.join(MANIFEST);
        let length = file.metadata().map_err(io(&worlds))?.len();
        if path.exists() || length > 0 {
            return Err(RecordError::Exists(directory.into()));
        }
        let text = serde_json::to_string_pretty(manifest).map_err(|e| io(&path)(e.into()))?;
        replace(directory, MANIFEST, text.as_bytes())?;
        Ok(Self { path: worlds, file })
    }

    /// Reads the manifest of the record in `directory`.
    ///
    /// # Errors
    /// If there is none, or it is not one of this version's.
    pub fn manifest<T: DeserializeOwned>(directory: &Path) -> Result<T, RecordError> {
        let path = directory.join(MANIFEST);
        let text = std::fs::read_to_string(&path).map_err(io(&path))?;
        serde_json::from_str(&text).map_err(|e| RecordError::Malformed {
            line: e.line(),
            message: e.to_string(),
            path,
        })
    }

    /// Reads the record in `directory` and leaves it as it is.
    ///
    /// # Errors
    /// If it cannot be read, or a complete line is malformed.
    pub fn read(directory: &Path) -> Result<Kept, RecordError> {
        let path = directory.join(WORLDS);
        let text = match std::fs::read(&path) {
            Err(e) if e.kind() == ErrorKind::NotFound => Vec::new(),
            text => text.map_err(io(&path))?,
        };
        Ok(parse(&path, &text)?.0)
    }

    /// Makes the record in `directory`, which holds them, one of these worlds alone, in order: then it does not show which thread
    /// finished first.
    ///
    /// # Errors
    /// If it is in use or cannot be written.
    pub fn put_in_order(directory: &Path, worlds: &Worlds) -> Result<(), RecordError> {
        let path = directory.join(WORLDS);
        let mut file = open(&path)?;
        let mut text = Vec::new();
        for ((experiment, world), outcome) in worlds {
            let record = WorldRecord {
                experiment: experiment.clone(),
                world: *world,
                outcome: outcome.clone(),
            };
            serde_json::to_writer(&mut text, &record).map_err(|e| io(&path)(e.into()))?;
            text.push(b'\n');
        }
        let mut present = Vec::new();
        file.read_to_end(&mut present).map_err(io(&path))?;
        if present == text {
            return Ok(());
        }
        replace(directory, WORLDS, &text)
    }

    /// Opens the record in `directory` to continue it.
    ///
    /// # Errors
    /// If it is in use, cannot be read, or a complete line is malformed.
    pub fn resume(directory: &Path) -> Result<(Self, Kept), RecordError> {
        let path = directory.join(WORLDS);
        let mut file = open(&path)?;
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(io(&path))?;
        let (kept, complete) = parse(&path, &text)?;
        if complete < text.len() {
            file.set_len(complete as u64)
                .and_then(|()| file.sync_all())
                .map_err(io(&path))?;
        }
        file.seek(std::io::SeekFrom::End(0)).map_err(io(&path))?;
        Ok((Self { path, file }, kept))
    }

    /// Appends a world and waits until it is on disk.
    ///
    /// # Errors
    /// If it cannot be written; what was written of it is taken back if possible.
    pub fn append(&mut self, record: &WorldRecord) -> Result<(), RecordError> {
        let mut line = serde_json::to_vec(record).map_err(|e| io(&self.path)(e.into()))?;
        line.push(b'\n');
        let before = self.file.metadata().map_err(io(&self.path))?.len();
        let written = self
            .file
            .write_all(&line)
            .and_then(|()| self.file.sync_data());
        written.map_err(|e| {
            // Best effort: a torn line that stays is dropped by the next opening.
            let _ = self.file.set_len(before);
            io(&self.path)(e)
        })
    }
}

/// The worlds of a record's text, and the length of its complete lines.
fn parse(path: &Path, text: &[u8]) -> Result<(Kept, usize), RecordError> {
    let mut kept = Kept::default();
    let complete = (text.iter().rposition(|b| *b == b'\n')).map_or(0, |end| end + 1);
    for (line, bytes) in text[..complete]
        .split(|b| *b == b'\n')
        .enumerate()
        .filter(|(_, b)| !b.is_empty())
    {
        let record: WorldRecord =
            serde_json::from_slice(bytes).map_err(|e| RecordError::Malformed {
                path: path.into(),
                line: line + 1,
                message: e.to_string(),
            })?;
        let key = (record.experiment, record.world);
        let other = kept.worlds.get(&key);
        if other.is_some_and(|other| *other != record.outcome) {
            return Err(RecordError::Malformed {
                path: path.into(),
                line: line + 1,
                message: format!(
                    "world {} has another outcome than on an earlier line",
                    key.1
                ),
            });
        }
        kept.worlds.insert(key, record.outcome);
    }
    if complete < text.len() {
        kept.warning = Some(format!(
            "{}: dropped a torn last line of {} bytes; its world is trained again",
            path.display(),
            text.len() - complete
        ));
    }
    Ok((kept, complete))
}

/// Writes a file of a record beside its place and renames it, so that it is whole or as before.
fn replace(directory: &Path, name: &str, text: &[u8]) -> Result<(), RecordError> {
    let path = directory.join(name);
    let partial = path.with_extension("partial");
    let mut out = File::create(&partial).map_err(io(&partial))?;
    out.write_all(text)
        .and_then(|()| out.sync_all())
        .map_err(io(&partial))?;
    std::fs::rename(&partial, &path).map_err(io(&path))?;
    File::open(directory)
        .and_then(|d| d.sync_all())
        .map_err(io(directory))
}

fn open(path: &Path) -> Result<File, RecordError> {
    let file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .open(path)
        .map_err(io(path))?;
    // A process that this one is just starting holds its lock until it has closed what it inherited: that passes.
    const TRIES: u32 = 10;
    for tried in 1..=TRIES {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) if tried < TRIES => {
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(TryLockError::WouldBlock) => return Err(RecordError::Locked(path.into())),
            Err(TryLockError::Error(e)) => return Err(io(path)(e)),
        }
    }
    Ok(file)
}

fn io(path: &Path) -> impl Fn(std::io::Error) -> RecordError + '_ {
    move |source| RecordError::Io {
        path: path.into(),
        source,
    }
}
