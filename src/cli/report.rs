//! `multiview report`.

use super::number::whole;
use super::output::{Kept as KeptFiles, unwritable};
use super::{Failure, explore, memory, print, progress, verify};
use multiview::explore::{Cells, Manifest, Shard, Sweep, pages, sweep::EMBEDDED};
use multiview::field::FieldError;
use multiview::printable::{self, counted, line};
use multiview::record::{Asked, Kept, Record, Worlds};
use multiview::report::{Evidence, Files, Map, mechanism::Mechanism, render};
use multiview::theorem::{Profile, Theorem};
use multiview::verify::{Plan, Report};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// A record behind the reports. No regime was tried on its seed.
struct Shipped {
    name: &'static str,
    theorems: &'static [&'static str],
    /// Those of its theorems whose claims or controls this version states otherwise than the
    /// record.
    restated: &'static [&'static str],
    profile: Profile,
    seed: u64,
    /// Heading of its table.
    heading: &'static str,
}

const STATED: &str = "Theorems as they are stated, draw by draw";
const MEANS: &str =
    "The theorems' bounds on means over worlds, in the regime in which they are stated";
const FURTHER: &str = "Further claims of the paper, and what follows from its theory";

/// The records behind the reports, the main one first.
const RECORDS: [Shipped; 8] = [
    Shipped {
        name: "quick-64",
        theorems: &[
            "theorem-1",
            "theorem-2",
            "theorem-3",
            "theorem-4",
            "all-four",
            "single-model",
            "ensemble",
            "ensemble-distillation",
            "self-distillation",
            "lottery",
            "concentration",
            "training-the-average",
            "dark-knowledge",
            "random-features",
            "random-feature-growth",
        ],
        restated: &["theorem-3", "theorem-4", "self-distillation"],
        profile: Profile::Quick,
        seed: 64,
        heading: "All claims of the quick profile, most of them on means over worlds",
    },
    Shipped {
        name: "theorem-1-62",
        theorems: &["theorem-1"],
        restated: &[],
        profile: Profile::Full,
        seed: 62,
        heading: STATED,
    },
    Shipped {
        name: "theorems-2-3-62",
        theorems: &["theorem-2", "theorem-3"],
        restated: &[],
        profile: Profile::Full,
        seed: 62,
        heading: STATED,
    },
    Shipped {
        name: "further-67",
        theorems: &[
            "what-kills-the-lottery",
            "loser-stays-small",
            "average-of-ten",
            "unequal-views",
            "unequal-lottery",
            "chains",
            "label-smoothing",
        ],
        restated: &[
            "unequal-views",
            "unequal-lottery",
            "chains",
            "label-smoothing",
        ],
        profile: Profile::Full,
        seed: 67,
        heading: FURTHER,
    },
    Shipped {
        name: "further-69",
        theorems: &[
            "unequal-lottery",
            "chains",
            "unequal-views",
            "average-of-ten",
            "loser-stays-small",
            "gaussian-inputs",
            "gaussian-mixtures",
            "gaussian-label-noise",
            "mixture-label-noise",
            "random-features-order",
            "tangent-features-order",
            "logistic-features-order",
            "ensemble-of-students",
        ],
        restated: &[],
        profile: Profile::Full,
        seed: 69,
        heading: FURTHER,
    },
    Shipped {
        name: "views-69",
        theorems: &["three-views", "four-views"],
        restated: &[],
        profile: Profile::Full,
        seed: 69,
        heading: FURTHER,
    },
    Shipped {
        name: "further-70",
        theorems: &[
            "random-features-order",
            "tangent-features-order",
            "logistic-features-order",
            "concentration-as-stated",
        ],
        restated: &[],
        profile: Profile::Full,
        seed: 70,
        heading: FURTHER,
    },
    Shipped {
        name: "means-70",
        theorems: &["means"],
        restated: &[],
        profile: Profile::Full,
        seed: 70,
        heading: MEANS,
    },
];

impl Shipped {
    /// The run that makes the record.
    fn plan(&self) -> Result<Plan, Failure> {
        let theorems = self.theorems.iter().map(|name| Theorem::embedded(name));
        let theorems: Option<Vec<Theorem>> = theorems.collect();
        let theorems = theorems.ok_or("a theorem of a shipped record is missing")?;
        Ok(Plan::new(theorems, self.profile, self.seed))
    }

    /// Refuses the manifest of another run: one with other theorems, another seed, profile or
    /// confidence, a part of the worlds, or claims that its version does not state.
    fn require_own(&self, found: &Plan) -> Result<(), Failure> {
        let own = self.plan()?;
        let names =
            |plan: &Plan| -> Vec<String> { plan.theorems.iter().map(|t| t.name.clone()).collect() };
        let run = |plan: &Plan| (plan.seed, plan.profile, plan.shard, plan.total_worlds);
        if run(found) != run(&own) || names(found) != names(&own) {
            return Err(format!(
                "is not the record of this name, which is of all worlds of seed {} in profile {} of {}",
                self.seed,
                self.profile,
                self.theorems.join(", ")
            )
            .into());
        }
        if found.confidence != own.confidence {
            return Err(FieldError::out_of_range(
                "confidence",
                &found.confidence,
                format!("{} in a record of this name", own.confidence),
            )
            .into());
        }
        let changed = found.theorems.iter().zip(&own.theorems);
        let mut changed = changed.filter(|(found, own)| !found.asks_as(own));
        // What another version claimed is not known here; the reports say which version it was.
        match changed.find(|(found, _)| !self.restated.contains(&found.name.as_str())) {
            Some((theorem, _)) if found.version == own.version => Err(format!(
                "its regime, claims or negative controls of {} are not those of this program's theorem file",
                line(&theorem.name)
            )
            .into()),
            _ => Ok(()),
        }
    }
}

#[derive(Debug, clap::Args)]
#[command(
    allow_negative_numbers = true,
    after_help = "Everything under DIR is a function of the records in DIR/records and DIR/sweeps; what is missing there is trained first, which takes hours if there are none. Interrupt it at any time: finished worlds are kept."
)]
pub struct Args {
    /// Where the reports and their records are
    #[arg(long, value_name = "DIR", default_value = "reports")]
    dir: PathBuf,
    /// Change nothing; say which records are missing or unfinished, and which files differ from what
    /// the records give or are not made from them, and exit with 1 if any. A sweep that was never
    /// begun is named and left out
    #[arg(long)]
    check: bool,
    /// Train no world: show what the finished records hold, and leave out the others
    #[arg(long)]
    recorded: bool,
    /// Worlds trained at once [default: one for each core]
    #[arg(long, value_name = "N", value_parser = whole::<u16>("threads", 1..=1024))]
    threads: Option<u16>,
}

impl Args {
    /// The file that keeps the world behind the pictures of the mechanism.
    fn mechanism(&self) -> PathBuf {
        self.dir.join("records/mechanism.json")
    }

    /// The records of the reports.
    fn kept_files(&self) -> KeptFiles {
        let records = RECORDS
            .iter()
            .map(|shipped| format!("records/{}", shipped.name));
        let sweeps = EMBEDDED.iter().map(|(name, _)| format!("sweeps/{name}"));
        let all = records.chain(sweeps).map(|path| self.dir.join(path));
        all.fold(KeptFiles::inputs([self.mechanism()]), |kept, record| {
            kept.and_record(&record)
        })
    }
}

pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    if !args.dir.is_dir() {
        return Err(format!("{}: is not a directory", args.dir.display()).into());
    }
    let kept = args.kept_files();
    let empty = std::fs::read_dir(&args.dir).is_ok_and(|mut entries| entries.next().is_none());
    if !empty && !args.dir.join("records").is_dir() {
        return Err(format!(
            "{}: holds files and no records: choose a directory of reports, or an empty one",
            args.dir.display()
        )
        .into());
    }
    let threads = verify::threads(args.threads);
    let records = args.dir.join("records");
    verify::on_interrupt(verify::KEPT.into())?;
    let trains = !args.check && !args.recorded;
    let mut left_out = 0;
    let mut evidence = Vec::new();
    for shipped in RECORDS {
        let directory = records.join(shipped.name);
        if trains && !directory.join("manifest.json").exists() {
            begin(&directory, &shipped.plan()?)?;
        }
        let threads = trains.then_some(threads);
        match complete(&records, &shipped, threads)? {
            Some(whole) => evidence.push(whole),
            None => left_out += 1,
        }
    }
    let [main, replications @ ..] = evidence.as_slice() else {
        return Err(format!("{}: holds no record", records.display()).into());
    };
    if main.name != RECORDS[0].name {
        return Err(format!(
            "{}: is missing or unfinished",
            records.join(RECORDS[0].name).display()
        )
        .into());
    }
    let mechanism = look(&args.mechanism(), &main.report.plan, trains)?;
    let mut files = Files::new();
    let mut maps = Vec::new();
    for (name, _) in EMBEDDED {
        let there = args
            .dir
            .join(format!("sweeps/{name}/manifest.json"))
            .exists();
        let shipped = Sweep::embedded(name).ok_or("an embedded sweep is missing")?;
        match sweep(&args.dir, shipped, trains.then_some(threads), &mut files)? {
            Some(map) => maps.push(map),
            None => left_out += usize::from(there),
        }
    }
    files.extend(render(main, replications, &mechanism, &maps)?);
    if args.check {
        return compare(&args.dir, &files, left_out);
    }
    kept.write_all(&args.dir, &files)?;
    print(&format!(
        "{} in {}\n",
        counted(files.len(), "file"),
        printable::path(&args.dir)
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// Begins a record that is missing.
fn begin(directory: &Path, asked: &impl Asked) -> Result<(), Failure> {
    tell!("{}: no record; training one", directory.display());
    Record::create(directory, asked)?;
    Ok(())
}

/// The evidence of a record. With `threads`, worlds that it lacks are trained; without, an
/// unfinished record is left out. A record made by another version is shown if it is whole, and
/// never mixed with worlds of this one.
fn complete(
    records: &Path,
    shipped: &Shipped,
    threads: Option<usize>,
) -> Result<Option<Evidence>, Failure> {
    let directory = &records.join(shipped.name);
    if !directory.join("manifest.json").exists() {
        tell!("{}: no record; left out", directory.display());
        return Ok(None);
    }
    let plan: Plan = Record::manifest(directory)?;
    shipped
        .require_own(&plan)
        .map_err(|e| format!("{}: {e}", directory.display()))?;
    let found = finished(directory, &plan, &plan, threads, |threads| {
        let (record, kept) = Record::resume(directory, &plan)?;
        progress::watched(&plan, record, kept, threads)?;
        Ok(())
    })?;
    Ok(found.map(|(report, worlds)| Evidence {
        name: shipped.name.into(),
        heading: shipped.heading.into(),
        report,
        worlds,
    }))
}

/// The report of a record, and its worlds that count. With `threads`, worlds that it lacks are
/// trained, and the record is left with the worlds that count, in order. Without, it is left as it
/// is, and an unfinished one is left out.
fn finished(
    directory: &Path,
    asked: &impl Asked,
    plan: &Plan,
    threads: Option<usize>,
    train: impl FnOnce(usize) -> Result<(), Failure>,
) -> Result<Option<(Report, Worlds)>, Failure> {
    let whole = || -> Result<_, Failure> {
        let Kept { worlds, warning } = Record::read(directory, asked)?;
        if let Some(warning) = warning {
            tell!("warning: {warning}");
        }
        Ok(plan.replay(&worlds)?.zip(plan.counted(&worlds)?))
    };
    let found = whole()?;
    let Some(threads) = threads else {
        if found.is_none() {
            tell!("{}: unfinished; left out", directory.display());
        }
        return Ok(found);
    };
    let found = match found {
        Some(found) => found,
        None => {
            super::require_this_version(directory, &plan.version)?;
            memory::require(plan, threads)?;
            train(threads)?;
            whole()?.ok_or("a record lacks worlds that were just trained")?
        }
    };
    Record::put_in_order(directory, asked, &found.1)?;
    Ok(Some(found))
}

/// A shipped sweep: its files go to `files`. With `threads`, worlds that its record lacks are
/// trained; without, an unfinished sweep is left out. A sweep made by another version is shown if
/// it is whole.
fn sweep(
    reports: &Path,
    shipped: Sweep,
    threads: Option<usize>,
    files: &mut Files,
) -> Result<Option<Map>, Failure> {
    let path = format!("sweeps/{}", shipped.name);
    let directory = reports.join(&path);
    let there = directory.join("manifest.json").exists();
    if threads.is_none() && !there {
        tell!("{}: no record; left out", directory.display());
        return Ok(None);
    }
    let shipped = Manifest::new(shipped, Shard::WHOLE)?;
    let manifest: Manifest = if there {
        Record::manifest(&directory)?
    } else {
        begin(&directory, &shipped)?;
        shipped.clone()
    };
    if there && manifest.version == shipped.version {
        explore::require_same(&directory, &shipped)?;
    }
    let plan = manifest.plan()?;
    let found = finished(&directory, &manifest, &plan, threads, |threads| {
        let (record, kept) = explore::open(&directory, &manifest)?;
        explore::watched(&manifest, &plan, record, kept, threads)?;
        Ok(())
    })?;
    let Some((report, _)) = found else {
        return Ok(None);
    };
    let cells = Cells::of(&manifest, &report.findings)?;
    let own = pages::render(&manifest, &cells, &report)?;
    files.extend((own.into_iter()).map(|(file, bytes)| (format!("{path}/{file}"), bytes)));
    Ok(Some(pages::map(&manifest, &cells, &report)?))
}

/// The world behind the pictures of the mechanism, for the seed and the version of the main record.
/// It is trained anew where it is missing or was made otherwise.
fn look(path: &Path, main: &Plan, trains: bool) -> Result<Mechanism, Failure> {
    if let Ok(text) = std::fs::read_to_string(path) {
        let seen = Mechanism::read(&text).map_err(|e| format!("{}: {e}", path.display()))?;
        if seen.provenance == Mechanism::provenance(main.seed, &main.version) {
            return Ok(seen);
        }
    }
    if !trains {
        let place = path.display();
        return Err(format!("{place}: is missing, or not of the main record's seed and version; `multiview report` makes it").into());
    }
    super::require_this_version(path, &main.version)?;
    tell!("training the networks of the mechanism's pictures (a minute or so)");
    let seen = Mechanism::observe(main.seed);
    std::fs::write(path, seen.text()?).map_err(|e| unwritable(path, &e))?;
    Ok(seen)
}

/// Lists the files that differ from those that the records give, and the number of records
/// `left_out`.
fn compare(directory: &Path, files: &Files, left_out: usize) -> Result<ExitCode, Failure> {
    let differs = |(path, bytes): &(&String, &Vec<u8>)| {
        std::fs::read(directory.join(path)).ok().as_ref() != Some(bytes)
    };
    let different: Vec<&String> = files.iter().filter(differs).map(|(path, _)| path).collect();
    for path in &different {
        let path = directory.join(path);
        print(&format!(
            "{}: not what the records give\n",
            printable::path(&path)
        ))?;
    }
    let strangers = not_made(directory, files);
    for path in &strangers {
        print(&format!(
            "{}: not made from the records\n",
            printable::path(path)
        ))?;
    }
    if left_out > 0 {
        print(&format!(
            "missing or unfinished: {}\n",
            counted(left_out, "record")
        ))?;
    } else if different.is_empty() && strangers.is_empty() {
        print(&format!(
            "all {} files are what the records give\n",
            files.len()
        ))?;
        return Ok(ExitCode::SUCCESS);
    }
    Ok(ExitCode::from(1))
}

/// The files in the folders of pages and of pictures that are not among those that the records
/// give: an earlier version's, say.
fn not_made(directory: &Path, files: &Files) -> Vec<PathBuf> {
    let folders = ["theorems", "figures"].into_iter();
    let names = folders.flat_map(|folder| {
        let entries = std::fs::read_dir(directory.join(folder)).into_iter();
        let entries = entries.flatten().flatten();
        entries.map(move |entry| format!("{folder}/{}", entry.file_name().to_string_lossy()))
    });
    let mut strangers: Vec<String> = names.filter(|name| !files.contains_key(name)).collect();
    strangers.sort();
    strangers.iter().map(|name| directory.join(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sweep that was never begun is trained, and then found as it was trained.
    #[test]
    fn a_missing_sweep_is_trained() {
        let text = "name = \"brief\"\ntitle = \"One cell\"\ntheorem = \"tests/fixtures/small.toml\"\n\
             worlds = 1\nconfidence = 0.9\nseed = 1\n[[axes]]\nparameter = \"T\"\nvalues = [2]\n";
        let brief = || Sweep::parse("brief.toml", text).expect("a sweep");
        let reports = tempfile::tempdir().expect("a folder");
        let made = |threads| {
            let mut files = Files::new();
            let map = sweep(reports.path(), brief(), threads, &mut files).expect("no refusal");
            map.map(|_| files)
        };
        assert_eq!(made(None), None);
        let trained = made(Some(1));
        assert!(trained.is_some());
        assert_eq!(made(None), trained);
    }
}
