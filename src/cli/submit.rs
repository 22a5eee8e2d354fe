//! `multiview explore submit`: an array job for a cluster.

use super::sweep::SweepArgs;
use super::{Failure, memory, print};
use multiview::explore::{Manifest, Shard};
use multiview::printable::{self, line, word};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// What is asked of the cluster.
#[derive(Debug, clap::Args)]
pub struct Submission {
    #[command(flatten)]
    sweep: SweepArgs,
    /// Submit with Slurm's sbatch (the only launcher known)
    #[arg(long, required = true)]
    slurm: bool,
    /// Directory for the job script, the sweep and the shards; must be visible to every node
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Tasks of the array
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    tasks: u32,
    /// Cores of a task
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=1024))]
    cores: u32,
    /// Memory of a task
    #[arg(long, value_name = "SIZE", default_value = "2G", value_parser = slurm_word)]
    memory: String,
    /// Time limit of a task
    #[arg(long, value_name = "TIME", default_value = "04:00:00", value_parser = slurm_word)]
    time: String,
    /// Write the script and do not submit it
    #[arg(long)]
    only_write: bool,
}

/// What Slurm writes sizes and times with.
fn slurm_word(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || ".:-".contains(c);
    if text.starts_with(|c: char| c.is_ascii_digit()) && text.chars().all(fits) {
        return Ok(text.into());
    }
    Err("letters, digits, dots, colons and hyphens, a digit first, as Slurm wants it".into())
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

/// Whether a file holds this text; an error if it holds another, which tasks may still read, or which may be of the user's own.
fn holds(path: &Path, text: &str) -> Result<bool, Failure> {
    if path.symlink_metadata().is_err() {
        return Ok(false);
    }
    if std::fs::read(path).is_ok_and(|there| there == text.as_bytes()) {
        return Ok(true);
    }
    Err(format!(
        "{}: is there already, and holds something else than would be written: choose another --out, or remove the file if no task needs it",
        path.display()
    )
    .into())
}

/// Writes a file that is not there.
fn create(path: &Path, text: &str) -> std::io::Result<()> {
    std::fs::File::create_new(path)?.write_all(text.as_bytes())
}

/// Refuses a path that a job script cannot carry: sbatch reads its directives line by line, takes quotes and backslashes for its own, and
/// replaces what follows a percent sign.
fn require_plain(field: &str, path: &Path) -> Result<(), Failure> {
    let text = path.to_str();
    if text.is_some_and(|text| line(text) == text && !text.contains(['"', '\\', '%'])) {
        return Ok(());
    }
    Err(format!(
        "{field} = {path:?} is out of range: a path in UTF-8 without line ends, control characters, double quotes, backslashes and percent signs, which a job script cannot carry"
    )
    .into())
}

impl Submission {
    /// Writes the sweep and the job script, and hands the script to Slurm.
    pub fn run(&self) -> Result<ExitCode, Failure> {
        let sweep = self.sweep.read()?;
        let shard = Shard {
            index: 0,
            count: self.tasks as usize,
        };
        Manifest::new(sweep.clone(), shard)?.plan()?;
        if let Some(size) = bytes(&self.memory) {
            let whole = Manifest::new(sweep.clone(), Shard::WHOLE)?.plan()?;
            memory::require_within(&whole, self.cores as usize, size, "a task (--memory)")?;
        }
        let out = std::path::absolute(&self.out)?;
        require_plain("out", &out)?;
        std::fs::create_dir_all(&out).map_err(|e| format!("{}: {e}", out.display()))?;
        let (file, script) = (out.join("sweep.toml"), out.join("explore.sbatch"));
        let texts = [
            (&file, toml::to_string(&sweep)?),
            (&script, self.script(&sweep.name, &out, &file)?),
        ];
        // All are looked at before any is written.
        let mut missing = Vec::new();
        for (path, text) in &texts {
            if !holds(path, text)? {
                missing.push((path, text));
            }
        }
        for (path, text) in missing {
            create(path, text).map_err(|e| format!("{}: {e}", path.display()))?;
        }
        print(&format!("{}\n", printable::path(&script)))?;
        if self.only_write {
            return Ok(ExitCode::SUCCESS);
        }
        let status = Command::new("sbatch")
            .arg("--parsable")
            .arg(&script)
            .status()
            .map_err(|e| format!("sbatch cannot be run ({e}): is Slurm installed here? The script is written; --only-write does no more"))?;
        if status.success() {
            return Ok(ExitCode::SUCCESS);
        }
        Err(format!("sbatch refused {}", script.display()).into())
    }

    fn script(&self, name: &str, out: &Path, sweep: &Path) -> Result<String, Failure> {
        let program = std::env::current_exe()?;
        require_plain("program", &program)?;
        let (program, sweep, folder) = (word(&program), word(sweep), word(out));
        let Self {
            tasks,
            cores,
            memory,
            time,
            ..
        } = self;
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
#   {program} explore merge {folder}/whole {folder}/shard-*
exec {program} explore {sweep} --shard \"$SLURM_ARRAY_TASK_ID/{tasks}\" --threads {cores} --out {folder}/shard-\"$SLURM_ARRAY_TASK_ID\"
",
            last = tasks - 1,
            log = out.display(),
        ))
    }
}
