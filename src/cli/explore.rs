//! `multiview explore`.

use super::estimate::{cost, duration};
use super::live::Live;
use super::number::whole;
use super::output::Kept as KeptFiles;
use super::submit::{self, Array, Job};
use super::sweep::SweepArgs;
use super::{Failure, memory, print, table, verify};
use multiview::explore::maps::{glyph, text_maps};
use multiview::explore::pages;
use multiview::explore::{Cells, Manifest, Shard};
use multiview::printable::{counted, line, path, word};
use multiview::record::{Kept, Record};
use multiview::report::failed::{FailedRegime, failed_regimes};
use multiview::report::text;
use multiview::statistics::Verdict;
use multiview::verify::{Finding, Merged, Plan, Report, key, merge};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    allow_negative_numbers = true,
    after_help = "Examples:\n  multiview explore ties                                  a shipped sweep\n  multiview explore --axis k=30 --axis sigma0=1e-3        does it hold there?\n  multiview explore --theorem ensemble --axis K=1,2,4,8 --dry-run\n  multiview explore --axis k=20,40 --axis sigma0=1e-4..1e-2:log:5 --shard 0/4\n\nParameters go by dotted path (regime.data.classes), last word (classes) or the paper's symbol (k, M, N, mu, s, rho, Gamma, gamma, nu2, d, m, q, varrho, sigma0, T, K, tau, S). An output directory that holds the same sweep already is continued: nothing is lost to Ctrl-C, a kill or a full disk, and nothing is repeated.\n\nTables are cells.csv and cells.json. A build with `cargo build --release --features parquet` writes the same rows as cells.parquet too."
)]
pub struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    sweep: SweepArgs,
    /// Where the worlds, tables and maps go [default: a directory under multiview-runs for just
    /// this exploration]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Only this part of the cells [default: what Slurm or Kubernetes says, else all]
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    /// List the cells, time a few steps in each and estimate the whole; train nothing more
    #[arg(long)]
    dry_run: bool,
    /// Worlds trained at once [default: one for each core]
    #[arg(long, value_name = "N", value_parser = whole::<u16>("threads", 1..=1024))]
    threads: Option<u16>,
}

#[derive(Debug, clap::Subcommand)]
pub enum Action {
    /// Combine the finished shards of one sweep
    Merge {
        /// Where the whole goes; must not hold a record yet
        into: PathBuf,
        /// The shards' directories
        #[arg(required = true)]
        parts: Vec<PathBuf>,
    },
    /// Write an array job for a cluster, and submit it
    Submit(Box<Submission>),
    /// Show the regimes that were tried and failed, with the reason
    Failed {
        /// Print them as JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, clap::Args)]
#[command(allow_negative_numbers = true)]
pub struct Submission {
    #[command(flatten)]
    sweep: SweepArgs,
    #[command(flatten)]
    array: Array,
}

impl Submission {
    fn run(&self) -> Result<ExitCode, Failure> {
        let mut sweep = self.sweep.read()?;
        Manifest::new(sweep.clone(), self.array.first_task())?.plan()?;
        let plan = Manifest::new(sweep.clone(), Shard::WHOLE)?.plan()?;
        let file = "sweep.toml";
        let folder = self.array.folder()?;
        let path = folder.join(file);
        let mut files = Vec::new();
        if super::theorem_file(&sweep.theorem).is_some() {
            let (name, text) = submit::copy(&super::theorem(&sweep.theorem)?)?;
            sweep.theorem = folder.join(&name).display().to_string();
            files.push((name, text));
        }
        files.push((file.into(), toml::to_string(&sweep)?));
        self.array.submit(&Job {
            command: "explore",
            record: "--out",
            name: sweep.name.clone(),
            files,
            arguments: vec![path.display().to_string()],
            plan,
        })
    }
}

pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    match &args.action {
        Some(Action::Merge { into, parts }) => {
            let inputs = parts.iter().flat_map(|part| Record::files(part));
            let files = KeptFiles::inputs(inputs).and_record(into);
            // Any part that can be merged names the files of the whole.
            if let Some(Ok(manifest)) = parts.first().map(|part| Record::manifest(part)) {
                files.require_room(into, &pages::names(&manifest)?)?;
            }
            verify::on_interrupt(format!(
                "the parts are as they were: remove {} and merge them again",
                word(into)
            ))?;
            let merged: Merged<Manifest> = merge(into, parts)?;
            for warning in &merged.warnings {
                tell!("warning: {warning}");
            }
            return publish(&merged.manifest, &merged.report, into, &files);
        }
        Some(Action::Failed { json }) => {
            let regimes = failed_regimes();
            if *json {
                print(&super::json_text(&regimes)?)?;
            } else {
                let told = |r: &FailedRegime| {
                    let body = [
                        format!("measured: {}", r.measured),
                        format!("reason: {}", r.reason),
                    ];
                    table::entry(&format!("{}: {}", r.theorem, r.regime), &body)
                };
                print(&regimes.iter().map(told).collect::<String>())?;
            }
            return Ok(ExitCode::SUCCESS);
        }
        Some(Action::Submit(submission)) => return submission.run(),
        None => {}
    }
    let sweep = args.sweep.read()?;
    let shard = match args.shard {
        Some(shard) => shard,
        None => Shard::of_launcher(|name| std::env::var(name).ok())?.unwrap_or(Shard::WHOLE),
    };
    let inputs = args.sweep.inputs(&sweep);
    let manifest = Manifest::new(sweep, shard)?;
    let plan = manifest.plan()?;
    if args.dry_run {
        memory::require(&plan, 1)?;
        dry_run(&manifest, &plan, verify::threads(args.threads))?;
        return Ok(ExitCode::SUCCESS);
    }
    let directory = args.out.clone().unwrap_or_else(|| {
        let name = &manifest.sweep.name;
        let asked = key(&(&manifest.sweep, &manifest.base));
        let part = match shard {
            Shard::WHOLE => String::new(),
            Shard { index, count } => format!("-shard-{index}-of-{count}"),
        };
        Path::new("multiview-runs").join(format!("explore-{name}-{asked}{part}"))
    });
    let files = KeptFiles::inputs(inputs).and_record(&directory);
    let names = pages::names(&manifest)?;
    let threads = verify::threads(args.threads);
    let there = directory.join("manifest.json").exists();
    memory::require_pictures(&manifest)?;
    if !there {
        memory::require(&plan, threads)?;
        files.require_room(&directory, &names)?;
    }
    for name in &names {
        files.require_apart(&directory.join(name))?;
    }
    let (record, kept) = open(&directory, &manifest)?;
    if there && plan.replay(&kept.worlds)?.is_none() {
        memory::require(&plan, threads)?;
    }
    if let Some(warning) = &kept.warning {
        tell!("warning: {warning}");
    }
    tell!(
        "{}; record: {} ({} kept)",
        counted(plan.theorems.len(), "cell"),
        directory.display(),
        counted(kept.worlds.len(), "world")
    );
    verify::on_interrupt(verify::KEPT.into())?;
    let report = watched(&manifest, &plan, record, kept, threads)?;
    publish(&manifest, &report, &directory, &files)
}

/// Runs the cells of an exploration under a display of its progress.
pub fn watched(
    manifest: &Manifest,
    plan: &Plan,
    record: Record,
    kept: Kept,
    threads: usize,
) -> Result<Report, Failure> {
    let live = Live::new(manifest, threads);
    let report = plan.run(record, kept, threads, &|event| live.show(&event))?;
    live.bar.finish_and_clear();
    Ok(report)
}

/// The record of an exploration: begun, or continued if it is of the same sweep and shard.
pub fn open(directory: &Path, manifest: &Manifest) -> Result<(Record, Kept), Failure> {
    if !directory.join("manifest.json").exists() {
        return Ok((Record::create(directory, manifest)?, Kept::default()));
    }
    require_same(directory, manifest)?;
    Ok(Record::resume(directory, manifest)?)
}

/// Refuses the record of another exploration.
pub fn require_same(directory: &Path, manifest: &Manifest) -> Result<(), Failure> {
    let there: Manifest = Record::manifest(directory)?;
    if there != *manifest {
        let place = directory.display();
        return Err(format!(
            "{place}: holds another sweep, base theorem, shard, seed or version; choose another --out"
        )
        .into());
    }
    Ok(())
}

/// Writes the tables and pictures of a finished exploration, and prints its map. The status is that
/// of success if all is decided, whatever the verdicts: a map shows where a claim holds and where it
/// does not. The task of a shard has done its part either way.
fn publish(
    manifest: &Manifest,
    report: &Report,
    directory: &Path,
    files: &KeptFiles,
) -> Result<ExitCode, Failure> {
    let cells = Cells::of(manifest, &report.findings)?;
    files.write_all(directory, &pages::render(manifest, &cells, report)?)?;
    if cells.values.iter().all(|values| values.len() == 1) {
        // A map of one cell says too little.
        for standing in &cells.standings {
            print(&format!("{}\n", in_words(&standing.finding)))?;
        }
    } else {
        let title = line(&manifest.sweep.title);
        print(&format!("{title}\n\n{}", text_maps(&cells)))?;
    }
    let open = cells.count(Verdict::Undecided);
    if open > 0 {
        print(&format!(
            "Undecided: {open} of {}, whose budget of worlds is spent.\n",
            counted(report.findings.len(), "verdict")
        ))?;
    }
    print(&format!("tables and maps in {}\n", path(directory)))?;
    Ok(if open > 0 && manifest.shard.is_whole() {
        ExitCode::from(3)
    } else {
        ExitCode::SUCCESS
    })
}

fn in_words(f: &Finding) -> String {
    format!(
        "{} {} {}: claimed {} {}, measured {} with interval {} over {}{}",
        glyph(f.estimate.verdict),
        f.claim,
        f.estimate.verdict,
        text::plain(&text::subject(f.statistic, &f.quantity, f.event, &f.with)),
        text::band(f.band),
        text::measured(f),
        text::interval(f.estimate.interval),
        counted(f.estimate.worlds, "world"),
        text::without_a_number(f)
    )
}

/// Worlds after which a cell can settle, by a mean as by most shares.
const MINIMUM_WORLDS: u64 = multiview::statistics::asymptotic::MINIMUM_WORLDS;

/// Lists the cells with an estimate of their time from a few steps in each.
fn dry_run(manifest: &Manifest, plan: &Plan, threads: usize) -> Result<(), Failure> {
    let cells = manifest.cells()?;
    let mine = cells.iter().filter(|cell| manifest.shard.has(cell.index));
    let mut total = 0.0;
    let mut least = 0.0;
    let mut rows = Vec::new();
    for cell in mine {
        let cost = cost(&cell.theorem.setting(), plan.seed);
        let all = cost.world * manifest.sweep.worlds as f64;
        total += all;
        least += cost.world * manifest.sweep.worlds.min(MINIMUM_WORLDS) as f64;
        let values: Vec<String> = (cell.values.iter())
            .map(|(path, value)| format!("{} = {value}", path.rsplit('.').next().unwrap_or(path)))
            .collect();
        rows.push(vec![
            cell.index.to_string(),
            values.join(", "),
            format!("{:.2}", 1e3 * cost.step),
            format!("{}, {}", duration(cost.world), duration(all)),
        ]);
    }
    let count = rows.len();
    let header = [
        "cell",
        "values",
        "ms per step",
        "one world, and all, on one core",
    ];
    let threads = threads as f64;
    print(&format!(
        "{}\n{}",
        table::of(&header, rows.into_iter()),
        table::entry(
            &format!(
                "{} of {} at most: {} to {} on {}.",
                counted(count, "cell"),
                counted(manifest.sweep.worlds, "world"),
                duration(least / threads),
                duration(total / threads),
                counted(threads, "thread")
            ),
            &[format!(
                "The shorter time is that of cells which settle after {MINIMUM_WORLDS} worlds, the longer that of the whole budget. Networks \
                 take as many steps as are predicted."
            )]
        )
    ))
}
