//! `multiview verify`.

use super::number::{self, whole};
use super::output::Kept as KeptFiles;
use super::progress::watched;
use super::submit::{Array, Job};
use super::{Failure, memory, print, print_styled, table};
use multiview::field::FieldError;
use multiview::printable::{counted, line, lines, word};
use multiview::record::{Kept, Record};
use multiview::shard::Shard;
use multiview::statistics::Verdict;
use multiview::theorem::{Profile, Theorem};
use multiview::verify::{Dealt, Finding, Merged, Plan, Report, key, merge};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    allow_negative_numbers = true,
    after_help = "A run keeps every finished world in its record (one synced line each); an interrupted run continues with --resume and repeats nothing. The same seed gives the same worlds, verdicts and finished record, whatever the number of threads.\n\nWith --shard I/N, or as a task of a Slurm array or a Kubernetes indexed job, a run trains every N-th world of each experiment and decides nothing. A shard cannot know when the others' worlds settle a claim, so it trains its part of the whole budget. `multiview verify merge` makes the record of one process, byte by byte, as soon as the shards' worlds settle every claim; shards that still run may then be stopped. A shard whose record is there is continued."
)]
pub struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    asked: Asked,
    /// Train only this part of the worlds [default: what Slurm or Kubernetes says, else all]
    #[arg(long, value_name = "I/N", conflicts_with = "resume")]
    shard: Option<Shard>,
    /// Worlds trained at once [default: one for each core]
    #[arg(long, value_name = "N", value_parser = whole::<u16>("threads", 1..=1024))]
    threads: Option<u16>,
    /// Write the report as JSON to this file (`-` for standard output)
    #[arg(long, value_name = "F")]
    json: Option<PathBuf>,
    /// Directory for the record [default: multiview-runs/TIME; for a shard, a directory of this
    /// run]
    #[arg(long, value_name = "DIR", conflicts_with = "resume")]
    record: Option<PathBuf>,
    /// Continue the run recorded in this directory, with the options it began with
    #[arg(long, value_name = "DIR", conflicts_with_all = ["theorems", "file", "seed", "confidence", "profile"])]
    resume: Option<PathBuf>,
}

/// The theorems to decide.
#[derive(Debug, clap::Args)]
struct Asked {
    /// Theorems to decide (see `multiview list`) [default: all that the profile tests]
    #[arg(value_name = "THEOREM")]
    theorems: Vec<String>,
    /// Decide the theorem in this file, beside those named (repeatable)
    #[arg(long, value_name = "F")]
    file: Vec<PathBuf>,
    /// Seed of the experiment: another seed means fresh worlds
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = whole::<u64>("seed", 0..=u64::MAX))]
    seed: u64,
    /// Family-wise confidence over all claims of the run, at least 0.75 and below 1 [default: the
    /// profile's]
    #[arg(long, value_name = "C", value_parser = number::confidence)]
    confidence: Option<f64>,
    /// The budget of worlds for a verdict
    #[arg(long, default_value = "quick")]
    profile: ProfileName,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Combine shards of one run into the record of the whole, and print its verdicts
    Merge(Merge),
    /// Write an array job for a cluster, and submit it
    Submit(Box<Submission>),
}

#[derive(Debug, clap::Args)]
struct Merge {
    /// Where the whole goes; must not hold a record yet
    into: PathBuf,
    /// The shards' records
    #[arg(required = true)]
    parts: Vec<PathBuf>,
    /// Write the report as JSON to this file (`-` for standard output)
    #[arg(long, value_name = "F")]
    json: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
#[command(allow_negative_numbers = true)]
struct Submission {
    #[command(flatten)]
    asked: Asked,
    #[command(flatten)]
    array: Array,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum ProfileName {
    /// A verdict on Theorems 1 to 4 within minutes: few claims, small networks, lower confidence
    Glance,
    /// A first look, as in `cargo test`
    Quick,
    /// For the record: more worlds, higher confidence
    Full,
}

pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    match &args.action {
        Some(Action::Merge(merge)) => return merge.run(),
        Some(Action::Submit(submission)) => return submission.run(),
        None => {}
    }
    let (plan, directory, record, kept) = open(args)?;
    let files = args.kept_files(&directory);
    if let Some(warning) = &kept.warning {
        tell!("warning: {warning}");
    }
    if !plan.shard.is_whole() {
        tell!("shard: {}, a part of every experiment's worlds", plan.shard);
    }
    tell!(
        "record: {} ({} kept)",
        directory.display(),
        counted(kept.worlds.len(), "world")
    );
    on_interrupt(format!(
        "finished worlds are kept: continue with `multiview verify --resume {}`",
        word(&directory)
    ))?;
    let report = watched(&plan, record, kept, threads(args.threads))?;
    if !plan.shard.is_whole() {
        print(&format!(
            "Shard {} is trained. `multiview verify merge INTO SHARD...` puts shards together and decides.\n",
            plan.shard
        ))?;
        return Ok(ExitCode::SUCCESS);
    }
    conclude(&report, args.json.as_deref(), &files)
}

/// Shows what a run has found.
fn conclude(report: &Report, json: Option<&Path>, files: &KeptFiles) -> Result<ExitCode, Failure> {
    if json != Some(Path::new("-")) {
        print_verdicts(report)?;
    }
    if let Some(path) = json {
        files.write(path, &super::json_text(report)?)?;
    }
    Ok(match report.verdict() {
        Verdict::Confirmed => ExitCode::SUCCESS,
        Verdict::Refuted => ExitCode::from(1),
        Verdict::Undecided => ExitCode::from(3),
    })
}

impl Merge {
    fn run(&self) -> Result<ExitCode, Failure> {
        let Self { into, parts, json } = self;
        let inputs = parts.iter().flat_map(|part| Record::files(part));
        let files = KeptFiles::inputs(inputs).and_record(into);
        if let Some(path) = json {
            files.require_writable(path, Some(into))?;
        }
        on_interrupt(format!(
            "the parts are as they were: remove {} and merge them again",
            word(into)
        ))?;
        let merged: Merged<Plan> = merge(into, parts)?;
        for warning in &merged.warnings {
            tell!("warning: {warning}");
        }
        tell!("record: {}", into.display());
        conclude(&merged.report, json.as_deref(), &files)
    }
}

impl Submission {
    fn run(&self) -> Result<ExitCode, Failure> {
        let plan = self.asked.plan(Shard::WHOLE)?;
        let folder = self.array.folder()?;
        let (mut files, mut arguments) = (Vec::new(), Vec::new());
        for theorem in &plan.theorems {
            let name = &theorem.name;
            if Theorem::embedded(name).as_ref() == Some(theorem) {
                arguments.push(name.clone());
            } else {
                let (file, text) = super::submit::copy(theorem)?;
                arguments.push(folder.join(&file).display().to_string());
                files.push((file, text));
            }
        }
        let profile = plan.profile.to_string();
        let options = [
            ("--profile", profile),
            ("--seed", plan.seed.to_string()),
            ("--confidence", plan.confidence.to_string()),
        ];
        arguments.extend(
            options
                .into_iter()
                .flat_map(|(name, value)| [name.to_owned(), value]),
        );
        self.array.submit(&Job {
            command: "verify",
            record: "--record",
            name: "verify".into(),
            files,
            arguments,
            plan,
        })
    }
}

/// The advice on Ctrl-C where the same command continues a run.
pub const KEPT: &str = "finished worlds are kept: run the same command again to continue";

/// Says on Ctrl-C how to go on, and ends the program.
pub fn on_interrupt(advice: String) -> Result<(), Failure> {
    ctrlc::set_handler(move || {
        tell!(""); // the line in which the terminal shows ^C
        tell!("interrupted; {advice}");
        std::process::exit(130);
    })?;
    Ok(())
}

/// The number of threads asked for, or one for each core.
pub fn threads(asked: Option<u16>) -> usize {
    asked.map_or_else(
        || std::thread::available_parallelism().map_or(1, usize::from),
        usize::from,
    )
}

fn open(args: &Args) -> Result<(Plan, PathBuf, Record, Kept), Failure> {
    if let Some(directory) = &args.resume {
        let plan: Plan = Record::manifest(directory)?;
        return resume(args, plan, directory.clone());
    }
    let shard = match args.shard {
        Some(shard) => shard,
        None => Shard::of_launcher(|name| std::env::var(name).ok())?.unwrap_or_default(),
    };
    let plan = args.asked.plan(shard)?;
    let directory = args.record.clone().unwrap_or_else(|| match shard {
        Shard::WHOLE => default_directory(),
        Shard { index, count } => {
            let name = format!("verify-{}-shard-{index}-of-{count}", key(&plan.whole()));
            Path::new("multiview-runs").join(name)
        }
    });
    if !shard.is_whole() && directory.join("manifest.json").exists() {
        if Record::manifest::<Plan>(&directory)? != plan {
            let place = directory.display();
            return Err(format!(
                "{place}: holds another run, shard, seed or version; choose another --record"
            )
            .into());
        }
        return resume(args, plan, directory);
    }
    // Before anything is written.
    memory::require(&plan, threads(args.threads))?;
    args.require_place(&directory, &plan)?;
    let record = Record::create(&directory, &plan)?;
    Ok((plan, directory, record, Kept::default()))
}

/// Continues the record of a plan.
fn resume(
    args: &Args,
    plan: Plan,
    directory: PathBuf,
) -> Result<(Plan, PathBuf, Record, Kept), Failure> {
    super::require_this_version(&directory, &plan.version)?;
    args.require_place(&directory, &plan)?;
    let (record, kept) = Record::resume(&directory, &plan)?;
    if plan.replay(&kept.worlds)?.is_none() {
        memory::require(&plan, threads(args.threads))?;
    }
    Ok((plan, directory, record, kept))
}

impl Asked {
    /// The part of a run that decides what is asked.
    fn plan(&self, shard: Shard) -> Result<Plan, Failure> {
        let mut theorems = Vec::new();
        for name in &self.theorems {
            theorems.push(super::theorem(name)?);
        }
        for file in &self.file {
            theorems.push(Theorem::read(file)?);
        }
        let profile = match self.profile {
            ProfileName::Glance => Profile::Glance,
            ProfileName::Quick => Profile::Quick,
            ProfileName::Full => Profile::Full,
        };
        if theorems.is_empty() {
            theorems.extend(Theorem::all_tested(profile));
        }
        let plan = Plan::new(theorems, profile, self.seed);
        let plan = Plan {
            confidence: self.confidence.unwrap_or(plan.confidence),
            shard,
            ..plan
        };
        plan.validate()?;
        Ok(plan)
    }

    /// The files that are read.
    fn inputs(&self) -> impl Iterator<Item = PathBuf> {
        let names = self.theorems.iter();
        let named = names.flat_map(|name| super::theorem_inputs(name));
        named.chain(self.file.iter().flat_map(|file| Theorem::files(file)))
    }
}

impl Args {
    /// The files that are read, and the record.
    fn kept_files(&self, record: &Path) -> KeptFiles {
        KeptFiles::inputs(self.asked.inputs()).and_record(record)
    }

    /// Refuses a report with no place to go, or with nothing to say.
    fn require_place(&self, record: &Path, plan: &Plan) -> Result<(), Failure> {
        let Some(path) = &self.json else {
            return Ok(());
        };
        if !plan.shard.is_whole() {
            let allowed = format!(
                "none for shard {}, which decides nothing; `multiview verify merge` writes the report of all",
                plan.shard
            );
            return Err(FieldError::out_of_range("json", path, allowed).into());
        }
        self.kept_files(record).require_writable(path, Some(record))
    }
}

/// A directory named by the time, in milliseconds.
fn default_directory() -> PathBuf {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    free(Path::new("multiview-runs"), &now.as_millis().to_string())
}

/// The directory of this name, or of the name with the first number at which there is none: a clock
/// that is set back shows a time twice.
fn free(parent: &Path, name: &str) -> PathBuf {
    let mut directory = parent.join(name);
    let mut number = 1;
    while directory.exists() {
        number += 1;
        directory = parent.join(format!("{name}-{number}"));
    }
    directory
}

fn print_verdicts(report: &Report) -> Result<(), Failure> {
    let plan = &report.plan;
    let summary = summary(report);
    let text = format!(
        "{}seed {}, {}, {}; {} % confidence over all claims together; multiview {}\n{summary}\n",
        table::verdicts(report),
        plan.seed,
        counted(report.worlds, "world"),
        counted(report.steps, "gradient step"),
        100.0 * plan.confidence,
        line(&plan.version)
    );
    print_styled(&table::painted(&table::fitted(&lines(&text))))
}

/// The profile that gives an open claim the most worlds, if it gives more than this run has. A
/// control with worlds of its own has as many in every profile.
fn larger_budget(plan: &Plan, open: &Finding) -> Option<Profile> {
    let mut theorems = plan.theorems.iter();
    let theorem = theorems.find(|theorem| theorem.name == open.theorem)?;
    let claim = theorem
        .claims
        .iter()
        .find(|claim| claim.name == open.claim)?;
    let mut controls = theorem.controls.iter();
    let control = controls.find(|control| open.control.as_ref() == Some(&control.name));
    if control.is_some_and(|control| control.worlds.is_some()) {
        return None;
    }
    let worlds = |profile: Profile| theorem.budget(profile).map_or(0, |budget| budget.worlds);
    let larger = Profile::ALL
        .into_iter()
        .filter(|profile| claim.is_tested(*profile) && worlds(*profile) > worlds(plan.profile));
    larger.max_by_key(|profile| worlds(*profile))
}

/// The summary of a run as a whole, with the claims that it leaves open.
fn summary(report: &Report) -> String {
    let open = |f: &&Finding| f.estimate.verdict == Verdict::Undecided;
    let mut words = Vec::new();
    match report.verdict() {
        Verdict::Confirmed if report.controls().next().is_none() => {
            words.push("Every claim is confirmed. No negative control is named.".to_owned());
        }
        Verdict::Confirmed => {
            words.push("Every claim is confirmed and every negative control refuted.".to_owned());
        }
        Verdict::Refuted => {
            words
                .push("Marked (!): the evidence contradicts the theory in this regime.".to_owned());
        }
        Verdict::Undecided if report.findings.iter().any(|f| open(&f)) => {
            let mut open = report.findings.iter().filter(open);
            words.push(match open.find_map(|f| larger_budget(&report.plan, f)) {
                Some(profile) => format!(
                    "Some claims are undecided: a larger budget (--profile {profile}) may settle them."
                ),
                None => "Some claims are undecided: their budget of worlds is spent.".to_owned(),
            });
        }
        Verdict::Undecided if report.findings.is_empty() => {
            words.push("Nothing is decided.".to_owned());
        }
        Verdict::Undecided => {}
    }
    if let Some(first) = report.untested.first() {
        let of_controls = report.untested.iter().filter(|u| u.control.is_some());
        let of_controls = of_controls.count();
        words.push(format!(
            "Not run: {} and {} of negative controls, which are for --profile {}.",
            counted(report.untested.len() - of_controls, "claim"),
            counted(of_controls, "claim"),
            first.profile
        ));
    }
    if report.plan.profile == Profile::Glance {
        words.push(
            "At a glance: few classes, and bounds that must hold in more than half of the draws. `multiview verify` decides more claims on means, at 95 %, and `multiview verify theorem-1 theorem-2 theorem-3 theorem-4 all-four --profile full` the theorems as stated, draw by draw, at 99 %; `multiview show THEOREM` estimates the time.".to_owned(),
        );
    }
    words.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_comes_twice_names_two_directories() {
        let parent = tempfile::tempdir().expect("a folder");
        let names = ["7", "7-2", "7-3"].map(|name| parent.path().join(name));
        for name in &names {
            assert_eq!(free(parent.path(), "7"), *name);
            std::fs::create_dir(name).expect("created");
        }
    }
}
