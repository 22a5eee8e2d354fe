//! The append-only record of a run: `manifest.json`, which says what was asked, and `worlds.jsonl`,
//! one synced line for each finished world.
//!
//! A world is in the record or it is not: a line torn by a crash is dropped on the next opening,
//! with a warning, and its world is trained again. When its run has ended, a record is put in
//! order: it holds the worlds that count alone, by experiment and index, so that runs which asked
//! for the same have the same record, byte by byte, however they were trained.
//!
//! A line carries what made its world (seed, experiment, version) and a digest of itself and of the
//! manifest, and `seal.json` has that of all lines of a run that has ended. Reading a record
//! reports any line that belongs to another run, that was changed, or whose quantities are not
//! those of its own model rows. This catches accidents and casual edits; it is not a signature,
//! since anyone can compute a digest. Records of version 0.6 have bare lines, which are held
//! against their model rows alone, and a seal if `multiview report` has put one on.

mod line;

use crate::printable::{cause, counted};
use crate::procedure::WorldOutcome;
use crate::theorem::Setting;
use line::{Form, digest_of};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use thiserror::Error;

const MANIFEST: &str = "manifest.json";
const WORLDS: &str = "worlds.jsonl";
const SEAL: &str = "seal.json";

/// The request that a run answers: the manifest of its record.
pub trait Asked: Serialize + DeserializeOwned {
    /// Version of the program that trains the worlds.
    fn version(&self) -> &str;

    /// The experiment seed.
    fn seed(&self) -> u64;

    /// The regime and procedure of each experiment, by its key.
    ///
    /// # Errors
    /// If a field is out of range; the message names the field, its value and the range.
    fn settings(&self) -> Result<BTreeMap<String, Setting>, String>;
}

/// All lines of a record whose run has ended.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seal {
    /// Number of different lines.
    worlds: usize,
    /// Their digest.
    digest: String,
}

/// One finished world.
#[derive(Clone, Debug, PartialEq)]
pub struct WorldRecord {
    /// Key of the experiment (a hash of its regime and procedure).
    pub experiment: String,
    /// Index of the world.
    pub world: u64,
    /// The measurements.
    pub outcome: WorldOutcome,
}

/// A record that cannot be opened or written.
#[derive(Debug, Error)]
pub enum RecordError {
    /// Reading or writing failed.
    #[error("{}: {}", path.display(), cause(source))]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// There is no manifest in a directory, or no directory.
    #[error("{}: holds no record", .0.display())]
    Missing(PathBuf),
    /// A complete line is not a world.
    #[error("{}:{line}: {message}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// The fault, in words.
        message: String,
    },
    /// A manifest asks what cannot be, or a seal is not that of the lines.
    #[error("{}: {message}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// The fault, in words.
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
    directory: PathBuf,
    file: File,
    form: Form,
}

/// Finished worlds, by (experiment, world).
pub type Worlds = BTreeMap<(String, u64), WorldOutcome>;

/// The contents of an opened record.
#[derive(Debug, Default)]
pub struct Kept {
    /// Finished worlds.
    pub worlds: Worlds,
    /// A warning for the user, if lines had to be dropped or are missing.
    pub warning: Option<String>,
}

impl Record {
    /// Begins a record in `directory`.
    ///
    /// # Errors
    /// If there is one already, or it cannot be written; if what is asked is out of range.
    pub fn create(directory: &Path, asked: &impl Asked) -> Result<Self, RecordError> {
        let path = directory.join(MANIFEST);
        let text = serde_json::to_string_pretty(asked).map_err(|e| io(&path)(e.into()))?;
        let form = Form::of(asked, text.as_bytes()).map_err(|message| refused(&path, message))?;
        let exists = || Err(RecordError::Exists(directory.into()));
        if path.exists() || directory.join(SEAL).exists() {
            return exists();
        }
        std::fs::create_dir_all(directory).map_err(io(directory))?;
        // Locked first: of two processes that begin here at once, one writes the manifest.
        let worlds = directory.join(WORLDS);
        let file = open(&worlds)?;
        let length = file.metadata().map_err(io(&worlds))?.len();
        if path.exists() || length > 0 {
            return exists();
        }
        replace(directory, MANIFEST, text.as_bytes())?;
        Ok(Self {
            directory: directory.into(),
            file,
            form,
        })
    }

    /// The files of a record in `directory`, there or not: its manifest, its worlds and its seal.
    pub fn files(directory: &Path) -> [PathBuf; 3] {
        [MANIFEST, WORLDS, SEAL].map(|name| directory.join(name))
    }

    /// The manifest of the record in `directory`, as it is written.
    ///
    /// # Errors
    /// If there is none, or it cannot be read.
    pub fn manifest_text(directory: &Path) -> Result<String, RecordError> {
        let path = directory.join(MANIFEST);
        std::fs::read_to_string(&path).map_err(|e| match e.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => {
                RecordError::Missing(directory.into())
            }
            _ => io(&path)(e),
        })
    }

    /// Reads the manifest of the record in `directory`, as strictly as a theorem file.
    ///
    /// # Errors
    /// If there is none, it is not one of this version's, or a field is out of range.
    pub fn manifest<T: Asked>(directory: &Path) -> Result<T, RecordError> {
        let path = directory.join(MANIFEST);
        let text = Self::manifest_text(directory)?;
        let asked: T = serde_json::from_str(&text).map_err(|e| RecordError::Malformed {
            line: e.line(),
            message: e.to_string(),
            path: path.clone(),
        })?;
        asked
            .settings()
            .map_err(|message| refused(&path, message))?;
        Ok(asked)
    }

    /// Reads the record in `directory`, which has this manifest, and leaves it as it is.
    ///
    /// # Errors
    /// If it cannot be read, a complete line is malformed, of another run or changed, or the lines
    /// are not those that were sealed.
    pub fn read(directory: &Path, asked: &impl Asked) -> Result<Kept, RecordError> {
        let path = directory.join(WORLDS);
        let text = match std::fs::read(&path) {
            Err(e) if e.kind() == ErrorKind::NotFound => Vec::new(),
            text => text.map_err(io(&path))?,
        };
        Ok(parse(directory, &form(directory, asked)?, &text)?.kept)
    }

    /// Ends the record in `directory`, which has this manifest and holds these worlds, as
    /// [`finish`](Self::finish) does.
    ///
    /// # Errors
    /// If it is in use or cannot be written.
    pub fn put_in_order(
        directory: &Path,
        asked: &impl Asked,
        worlds: &Worlds,
    ) -> Result<(), RecordError> {
        let record = Self {
            directory: directory.into(),
            file: open(&directory.join(WORLDS))?,
            form: form(directory, asked)?,
        };
        record.finish(worlds)
    }

    /// Opens the record in `directory`, which has this manifest, to continue it.
    ///
    /// # Errors
    /// If it is in use, or as [`read`](Self::read).
    pub fn resume(directory: &Path, asked: &impl Asked) -> Result<(Self, Kept), RecordError> {
        let path = directory.join(WORLDS);
        let mut file = open(&path)?;
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(io(&path))?;
        let form = form(directory, asked)?;
        let parsed = parse(directory, &form, &text)?;
        if parsed.complete < text.len() {
            file.set_len(parsed.complete as u64)
                .and_then(|()| file.sync_all())
                .map_err(io(&path))?;
        }
        file.seek(std::io::SeekFrom::End(0)).map_err(io(&path))?;
        let record = Self {
            directory: directory.into(),
            file,
            form,
        };
        Ok((record, parsed.kept))
    }

    /// Appends a world and waits until it is on disk.
    ///
    /// # Errors
    /// If it cannot be written; what was written of it is taken back if possible.
    pub fn append(&mut self, record: &WorldRecord) -> Result<(), RecordError> {
        let path = self.directory.join(WORLDS);
        let (line, _) = self.form.write(record).map_err(|e| io(&path)(e.into()))?;
        unseal(&self.directory)?;
        let before = self.file.metadata().map_err(io(&path))?.len();
        let written = self
            .file
            .write_all(line.as_bytes())
            .and_then(|()| self.file.sync_data());
        written.map_err(|e| {
            // Best effort: a torn line that stays is dropped by the next opening.
            let _ = self.file.set_len(before);
            io(&path)(e)
        })
    }

    /// Ends the record of a run: leaves these worlds alone, in order, and seals them. A finished
    /// record shows neither which thread or which process trained a world, nor when, nor what was
    /// begun and not needed.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn finish(self, worlds: &Worlds) -> Result<(), RecordError> {
        let path = self.directory.join(WORLDS);
        let (mut text, mut digests) = (String::new(), BTreeSet::new());
        for ((experiment, world), outcome) in worlds {
            let record = WorldRecord {
                experiment: experiment.clone(),
                world: *world,
                outcome: outcome.clone(),
            };
            let (line, digest) = self.form.write(&record).map_err(|e| io(&path)(e.into()))?;
            text += &line;
            digests.insert(digest);
        }
        if std::fs::read(&path).map_err(io(&path))? != text.as_bytes() {
            unseal(&self.directory)?;
            replace(&self.directory, WORLDS, text.as_bytes())?;
        }
        seal(&self.directory, &digests)
    }
}

/// The form of all lines of the record in `directory`.
fn form(directory: &Path, asked: &impl Asked) -> Result<Form, RecordError> {
    let path = directory.join(MANIFEST);
    let text = std::fs::read(&path).map_err(io(&path))?;
    Form::of(asked, &text).map_err(|message| refused(&path, message))
}

/// A record's text, as it was read.
#[derive(Default)]
struct Parsed {
    kept: Kept,
    digests: BTreeSet<String>,
    /// Length of the complete lines.
    complete: usize,
}

fn parse(directory: &Path, form: &Form, text: &[u8]) -> Result<Parsed, RecordError> {
    let path = directory.join(WORLDS);
    let mut parsed = Parsed {
        complete: (text.iter().rposition(|b| *b == b'\n')).map_or(0, |end| end + 1),
        ..Parsed::default()
    };
    let lines = text[..parsed.complete].split(|b| *b == b'\n').enumerate();
    for (line, bytes) in lines.filter(|(_, b)| !b.is_empty()) {
        parsed
            .take(form, bytes)
            .map_err(|message| RecordError::Malformed {
                path: path.clone(),
                line: line + 1,
                message,
            })?;
    }
    let torn = text.len() - parsed.complete;
    let torn = (torn > 0).then(|| format!("dropped a torn last line of {torn} bytes"));
    let lacking = check_seal(directory, &parsed.digests)?;
    let warnings: Vec<String> = torn.into_iter().chain(lacking).collect();
    if !warnings.is_empty() {
        parsed.kept.warning = Some(format!(
            "{}: {}; worlds that are missing are trained again where they are needed",
            path.display(),
            warnings.join("; ")
        ));
    }
    Ok(parsed)
}

impl Parsed {
    fn take(&mut self, form: &Form, bytes: &[u8]) -> Result<(), String> {
        let text = std::str::from_utf8(bytes).map_err(|e| e.to_string())?;
        let read = form.read(text)?;
        let key = (read.world.experiment.clone(), read.world.world);
        let other = self.kept.worlds.get(&key);
        if other.is_some_and(|other| *other != read.world.outcome) {
            return Err(format!(
                "world {} has another outcome than on an earlier line",
                key.1
            ));
        }
        read.check()
            .map_err(|what| format!("world {}: {what}", key.1))?;
        self.digests.insert(read.digest);
        self.kept.worlds.insert(key, read.world.outcome);
        Ok(())
    }
}

fn seal_of(digests: &BTreeSet<String>) -> Seal {
    Seal {
        worlds: digests.len(),
        digest: digest_of(digests),
    }
}

fn seal(directory: &Path, digests: &BTreeSet<String>) -> Result<(), RecordError> {
    let path = directory.join(SEAL);
    let text = serde_json::to_string(&seal_of(digests)).map_err(|e| io(&path)(e.into()))? + "\n";
    if std::fs::read(&path).is_ok_and(|present| present == text.as_bytes()) {
        return Ok(());
    }
    replace(directory, SEAL, text.as_bytes())
}

/// Takes the seal off, before lines change.
fn unseal(directory: &Path) -> Result<(), RecordError> {
    let path = directory.join(SEAL);
    match std::fs::remove_file(&path) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed.and_then(|()| sync(directory)).map_err(io(&path)),
    }
}

/// Refuses other lines than those that were sealed. Where some are missing, as after a torn one,
/// the run has not ended, and a warning says so.
fn check_seal(directory: &Path, digests: &BTreeSet<String>) -> Result<Option<String>, RecordError> {
    let path = directory.join(SEAL);
    let text = match std::fs::read_to_string(&path) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        text => text.map_err(io(&path))?,
    };
    let seal: Seal = serde_json::from_str(&text).map_err(|e| refused(&path, e.to_string()))?;
    if digests.len() < seal.worlds {
        return Ok(Some(format!(
            "sealed with {}, and {} are here",
            counted(seal.worlds, "world"),
            digests.len()
        )));
    }
    if seal == seal_of(digests) {
        return Ok(None);
    }
    Err(refused(
        &path,
        "the worlds beside it, or manifest.json, are not those that it was put on: they were changed after the run had ended".into(),
    ))
}

/// Writes a file of a record beside its place and renames it, so that it is whole or as before.
fn replace(directory: &Path, name: &str, text: &[u8]) -> Result<(), RecordError> {
    let path = directory.join(name);
    // No one else's name: what stands there was left by a crash. A link is not written through.
    let partial = path.with_extension("multiview-partial");
    let _ = std::fs::remove_file(&partial);
    let mut out = File::create_new(&partial).map_err(io(&partial))?;
    out.write_all(text)
        .and_then(|()| out.sync_all())
        .map_err(io(&partial))?;
    std::fs::rename(&partial, &path).map_err(io(&path))?;
    sync(directory).map_err(io(directory))
}

fn sync(directory: &Path) -> std::io::Result<()> {
    File::open(directory)?.sync_all()
}

fn refused(path: &Path, message: String) -> RecordError {
    RecordError::Refused {
        path: path.into(),
        message,
    }
}

fn open(path: &Path) -> Result<File, RecordError> {
    let file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .open(path)
        .map_err(io(path))?;
    // A process that this one is just starting holds its lock until it has closed what it
    // inherited: that passes.
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
