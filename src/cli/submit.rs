//! An array job for a cluster, of a command that can be dealt out to shards.

use super::number::whole;
use super::output::unwritable;
use super::{Failure, memory, print};
use multiview::field::FieldError;
use multiview::printable::{self, cause, line, word};
use multiview::shard::Shard;
use multiview::theorem::Theorem;
use multiview::verify::Plan;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// The request to the cluster.
#[derive(Debug, clap::Args)]
pub struct Array {
    /// Submit with Slurm's sbatch (the only launcher known)
    #[arg(long, required = true)]
    slurm: bool,
    /// Directory for the job script, the files it reads and the shards; must be visible to every
    /// node
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Tasks of the array
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = whole::<u32>("tasks", 1..=10_000))]
    tasks: u32,
    /// Cores of a task
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = whole::<u32>("cores", 1..=1024))]
    cores: u32,
    /// Memory of a task
    #[arg(long, value_name = "SIZE", default_value = "2G", value_parser = slurm_word("memory"))]
    memory: String,
    /// Time limit of a task
    #[arg(long, value_name = "TIME", default_value = "04:00:00", value_parser = slurm_word("time"))]
    time: String,
    /// Write the script and do not submit it
    #[arg(long)]
    only_write: bool,
}

/// The reader of a size or a time as Slurm writes it.
fn slurm_word(option: &'static str) -> impl Fn(&str) -> Result<String, FieldError> + Clone {
    move |text| {
        let fits = |c: char| c.is_ascii_alphanumeric() || ".:-".contains(c);
        if text.starts_with(|c: char| c.is_ascii_digit()) && text.chars().all(fits) {
            return Ok(text.into());
        }
        let allowed = "letters, digits, dots, colons and hyphens, a digit first, as Slurm wants it";
        Err(FieldError::out_of_range(option, text, allowed))
    }
}

/// Bytes of a size as Slurm reads it, in MiB without a unit; none for a size that it would refuse.
fn bytes(size: &str) -> Option<f64> {
    let digits = size.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let power = match size[digits.len()..].to_ascii_uppercase().as_str() {
        "K" | "KB" => 1,
        "" | "M" | "MB" => 2,
        "G" | "GB" => 3,
        "T" | "TB" => 4,
        _ => return None,
    };
    // To Slurm 0 is all the memory of a node.
    let number = digits.parse::<f64>().ok().filter(|number| *number > 0.0)?;
    Some(number * 1024f64.powi(power))
}

/// Returns true if a file holds this text. It is an error if the file holds another text, which
/// tasks may still read, or which may be the user's own.
fn holds(path: &Path, text: &str) -> Result<bool, Failure> {
    if path.symlink_metadata().is_err() {
        return Ok(false);
    }
    if std::fs::read(path).is_ok_and(|there| there == text.as_bytes()) {
        return Ok(true);
    }
    Err(format!(
        "{}: exists already, and holds something else than would be written: choose another --out, or remove the file if no task needs it",
        path.display()
    )
    .into())
}

/// Writes a file that is not there.
fn create(path: &Path, text: &str) -> std::io::Result<()> {
    std::fs::File::create_new(path)?.write_all(text.as_bytes())
}

/// Refuses a path that a job script cannot carry: sbatch reads its directives line by line, takes
/// quotes and backslashes for its own, and replaces what follows a percent sign.
fn require_plain(field: &str, path: &Path) -> Result<(), Failure> {
    let text = path.to_str();
    if text.is_some_and(|text| line(text) == text && !text.contains(['"', '\\', '%'])) {
        return Ok(());
    }
    let allowed = "a path in UTF-8 without line ends, control characters, double quotes, backslashes and percent signs, which a job script cannot carry";
    Err(FieldError::out_of_range(field, &path.to_string_lossy(), allowed).into())
}

/// The name and the text of a theorem file for the tasks of an array. Later edits of the user's file
/// do not reach tasks that have not begun, and what it took from a base stands in it.
pub fn copy(theorem: &Theorem) -> Result<(String, String), Failure> {
    let whole = Theorem {
        base: None,
        ..theorem.clone()
    };
    Ok((format!("{}.toml", whole.name), toml::to_string(&whole)?))
}

/// The command that every task of an array runs, each with its own shard.
pub struct Job<'a> {
    /// The program's command: it takes `--shard` and `--threads`, and has an action `merge`.
    pub command: &'a str,
    /// Its option for the directory of the record.
    pub record: &'a str,
    /// For the queue: a word.
    pub name: String,
    /// Names and texts of the files that it reads.
    pub files: Vec<(String, String)>,
    /// Its arguments; a file's are its path below [`Array::folder`].
    pub arguments: Vec<String>,
    /// The whole.
    pub plan: Plan,
}

impl Array {
    /// The directory of the job, in full.
    pub fn folder(&self) -> Result<PathBuf, Failure> {
        let folder = std::path::absolute(&self.out)?;
        require_plain("out", &folder)?;
        Ok(folder)
    }

    /// A task of the array.
    pub fn first_task(&self) -> Shard {
        Shard {
            index: 0,
            count: self.tasks as usize,
        }
    }

    /// Writes the files and the job script, and hands the script to Slurm.
    pub fn submit(&self, job: &Job) -> Result<ExitCode, Failure> {
        if let Some(size) = bytes(&self.memory) {
            memory::require_within(&job.plan, self.cores as usize, size, "a task (--memory)")?;
        }
        let folder = self.folder()?;
        std::fs::create_dir_all(&folder).map_err(|e| unwritable(&folder, &e))?;
        let script = folder.join(format!("{}.sbatch", job.command));
        let files = job.files.iter();
        let mut texts: Vec<(PathBuf, String)> = files
            .map(|(name, text)| (folder.join(name), text.clone()))
            .collect();
        texts.push((script.clone(), self.script(job, &folder)?));
        // All are looked at before any is written.
        let mut missing = Vec::new();
        for (path, text) in &texts {
            if !holds(path, text)? {
                missing.push((path, text));
            }
        }
        for (path, text) in missing {
            create(path, text).map_err(|e| unwritable(path, &e))?;
        }
        print(&format!("{}\n", printable::path(&script)))?;
        if self.only_write {
            return Ok(ExitCode::SUCCESS);
        }
        let status = Command::new("sbatch")
            .arg("--parsable")
            .arg(&script)
            .status()
            .map_err(|e| format!("sbatch cannot be run ({}): is Slurm installed here? The script is written; --only-write does no more", cause(&e)))?;
        if status.success() {
            return Ok(ExitCode::SUCCESS);
        }
        Err(format!("sbatch refused {}", script.display()).into())
    }

    fn script(&self, job: &Job, folder: &Path) -> Result<String, Failure> {
        let program = std::env::current_exe()?;
        require_plain("program", &program)?;
        let Job {
            command,
            record,
            name,
            ..
        } = job;
        let Self {
            tasks,
            cores,
            memory,
            time,
            ..
        } = self;
        let arguments = job.arguments.iter().map(|words| word(words.as_ref()));
        let arguments = arguments.collect::<Vec<_>>().join(" ");
        let (program, shards) = (word(&program), word(folder));
        Ok(format!(
            "#!/bin/sh
#SBATCH --job-name=multiview-{name}
#SBATCH --array=0-{last}
#SBATCH --cpus-per-task={cores}
#SBATCH --mem={memory}
#SBATCH --time={time}
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=\"{log}/task-%a.log\"
# A task that is killed and requeued continues its shard. When all are done:
#   {program} {command} merge {shards}/whole {shards}/shard-*
exec {program} {command} {arguments} --shard \"$SLURM_ARRAY_TASK_ID/{tasks}\" --threads {cores} {record} {shards}/shard-\"$SLURM_ARRAY_TASK_ID\"
",
            last = tasks - 1,
            log = folder.display(),
        ))
    }
}
