//! Files that a command writes: never in place of what it reads or keeps.

use super::{Failure, print};
use multiview::printable::cause;
use multiview::record::Record;
use multiview::report::Files;
use std::path::{Path, PathBuf};

/// The files that a command reads or keeps.
#[derive(Debug, Default)]
pub struct Kept(Vec<PathBuf>);

impl Kept {
    /// Files that are read.
    pub fn inputs(files: impl IntoIterator<Item = impl Into<PathBuf>>) -> Self {
        Self(files.into_iter().map(Into::into).collect())
    }

    /// And the record in a directory, which may be about to be made.
    pub fn and_record(mut self, directory: &Path) -> Self {
        self.0.extend(Record::files(directory));
        self
    }

    /// Refuses an output in the place of a file that is read or kept, by whatever path or link, or
    /// of any record's.
    pub fn require_apart(&self, output: &Path) -> Result<(), Failure> {
        let place = output.display();
        if output
            .metadata()
            .is_ok_and(|there| !there.is_file() && !there.is_dir())
        {
            return Ok(()); // a terminal, a pipe: nothing there can be replaced
        }
        if let Some(kept) = self.0.iter().find(|kept| same_file(kept, output)) {
            return Err(format!(
                "{place}: cannot be written: it is {}, which this command reads or keeps; choose another file",
                kept.display()
            )
            .into());
        }
        let output = resolved(output);
        let directory = output.parent().unwrap_or(&output);
        let of_record = Record::files(directory);
        // A record has its manifest and its worlds; a seal once its run has ended.
        if of_record.contains(&output) && of_record[..2].iter().all(|file| file.exists()) {
            return Err(format!(
                "{place}: cannot be written: it is part of the record in {}; choose another file",
                directory.display()
            )
            .into());
        }
        Ok(())
    }

    /// Refuses a file that could not be written once there is something to write; a directory
    /// `made` meanwhile counts as there.
    pub fn require_writable(&self, output: &Path, made: Option<&Path>) -> Result<(), Failure> {
        if output.as_os_str() == "-" {
            return Ok(());
        }
        let file = resolved(output);
        let made = made.map(resolved);
        let made_below = |path: &Path| made.as_ref().is_some_and(|made| made.starts_with(path));
        let parent = file.parent().unwrap_or(&file);
        if file.is_dir() || made_below(&file) || !(parent.is_dir() || made_below(parent)) {
            return Err(format!(
                "{}: cannot be written: it is a directory, or its directory does not exist",
                output.display()
            )
            .into());
        }
        self.require_apart(output)
    }

    /// Refuses a directory in which one of the files to be written is there already, so that it
    /// must be someone else's.
    pub fn require_room(&self, directory: &Path, names: &[String]) -> Result<(), Failure> {
        let files = names.iter().map(|name| directory.join(name));
        match files.into_iter().find(|file| file.symlink_metadata().is_ok()) {
            None => Ok(()),
            Some(file) => Err(format!(
                "{}: exists already, and nothing is overwritten: choose another directory, or remove the file",
                file.display()
            )
            .into()),
        }
    }

    /// Writes `text` to `path`, or to standard output for `-`.
    pub fn write(&self, path: &Path, text: &str) -> Result<(), Failure> {
        if path.as_os_str() == "-" {
            return print(text);
        }
        self.require_apart(path)?;
        std::fs::write(path, text).map_err(|e| unwritable(path, &e))
    }

    /// Writes files below a directory, all or, if one would take the place of what is kept, none.
    pub fn write_all(&self, directory: &Path, files: &Files) -> Result<(), Failure> {
        for name in files.keys() {
            self.require_apart(&directory.join(name))?;
        }
        for (name, bytes) in files {
            let path = directory.join(name);
            let parent = path.parent().unwrap_or(directory);
            std::fs::create_dir_all(parent)
                .and_then(|()| std::fs::write(&path, bytes))
                .map_err(|e| unwritable(&path, &e))?;
        }
        Ok(())
    }
}

/// The refusal of a file or a directory that the system does not let be written.
pub fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    format!("{}: cannot be written: {}", path.display(), cause(error)).into()
}

/// Refuses a directory that holds anything.
pub fn require_empty(directory: &Path) -> Result<(), Failure> {
    let place = directory.display();
    let first = match std::fs::read_dir(directory) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
        Err(e) => return Err(format!("{place}: cannot be read: {}", cause(&e)).into()),
        Ok(mut entries) => entries.next(),
    };
    match first {
        None => Ok(()),
        Some(_) => Err(format!(
            "{place}: holds files, and nothing is overwritten: choose an empty directory, or a new one"
        )
        .into()),
    }
}

/// Returns true if two paths lead to one file, through links of either kind, even if it is not
/// there yet.
fn same_file(a: &Path, b: &Path) -> bool {
    resolved(a) == resolved(b) || identity(a).is_some_and(|id| identity(b) == Some(id))
}

/// The target of a path through symbolic links. The last of them may point to files that do not
/// exist yet.
fn resolved(path: &Path) -> PathBuf {
    /// As many as Linux follows.
    const MOST_LINKS: usize = 40;
    let mut path = std::path::absolute(path).unwrap_or_else(|_| path.into());
    let mut missing = Vec::new();
    let mut links = 0;
    loop {
        if let Ok(mut there) = path.canonicalize() {
            there.extend(missing.iter().rev());
            return there;
        }
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            path.extend(missing.iter().rev());
            return path;
        };
        match path.read_link() {
            Ok(target) if links < MOST_LINKS => {
                links += 1;
                path = parent.join(target);
            }
            _ => {
                missing.push(name.to_owned());
                path = parent.to_owned();
            }
        }
    }
}

/// The identity that hard links to one file share.
#[cfg(unix)]
fn identity(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let facts = path.metadata().ok()?;
    Some((facts.dev(), facts.ino()))
}

/// On other systems a hard link cannot be told from a separate file.
#[cfg(not(unix))]
fn identity(_: &Path) -> Option<()> {
    None
}
