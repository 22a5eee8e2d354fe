//! `multiview export`.

use super::output::Kept as KeptFiles;
use super::{Failure, print};
use multiview::explore::Manifest;
use multiview::export::{FILES, columns, tables};
use multiview::figure::Table;
use multiview::printable::path;
use multiview::record::{Asked, Kept, Record};
use multiview::report::Files;
use multiview::verify::{Asker, Plan};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "worlds.csv has a row for each world of each theorem and control that asks for it: seed, experiment, theorem, control, world, swept values, and every quantity (see `multiview list --quantities`). models.csv has a row for each model of these worlds. An empty cell is a quantity that is not measured there, or has no number; the column `undefined` gives the reason.\n\nExamples:\n  pandas.read_csv(\"worlds.csv\")\n  polars.read_csv(\"worlds.csv\")\n  read.csv(\"worlds.csv\")"
)]
pub struct Args {
    /// Directory of the record of a verification or an exploration, finished or not
    record: PathBuf,
    /// Where the tables go [default: the record's directory]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    let record = &args.record;
    let [worlds, models] = if is_exploration(record)? {
        let manifest: Manifest = Record::manifest(record)?;
        tables_of(record, &manifest, &askers(&manifest)?)?
    } else {
        let plan: Plan = Record::manifest(record)?;
        tables_of(record, &plan, &plan.askers()?)?
    };
    let files = KeptFiles::default().and_record(record);
    let out = args.out.as_deref().unwrap_or(record);
    // An earlier export of a record may be written anew, in its own directory.
    let others = FILES.map(str::to_owned).into_iter();
    let others: Vec<String> = others
        .filter(|name| args.out.is_some() || !is_export(&out.join(name)))
        .collect();
    files.require_room(out, &others)?;
    let texts = [worlds, models].map(|table| table.csv().into_bytes());
    let named = FILES.map(str::to_owned).into_iter().zip(texts);
    files.write_all(out, &named.collect::<Files>())?;
    print(&format!("{} in {}\n", FILES.join(" and "), path(out)))
}

/// Returns true if a file, and no link to one, has the columns of an export.
fn is_export(file: &Path) -> bool {
    let own = |text: String| text.starts_with(&columns());
    let is_file = file.symlink_metadata().is_ok_and(|found| found.is_file());
    is_file && std::fs::read_to_string(file).is_ok_and(own)
}

/// True if a record is that of an exploration: its manifest holds a sweep.
fn is_exploration(record: &Path) -> Result<bool, Failure> {
    let text = Record::manifest_text(record)?;
    let fields: Result<serde_json::Value, _> = serde_json::from_str(&text);
    Ok(fields.is_ok_and(|fields| fields.get("sweep").is_some()))
}

/// The cells of an exploration, with the values of its axes.
fn askers(manifest: &Manifest) -> Result<Vec<Asker>, Failure> {
    let cells = manifest.cells()?.into_iter();
    let mut values: BTreeMap<String, _> = cells.map(|c| (c.theorem.name, c.values)).collect();
    let mut askers = manifest.plan()?.askers()?;
    for asker in &mut askers {
        asker
            .values
            .extend(values.remove(&asker.theorem).unwrap_or_default());
    }
    Ok(askers)
}

fn tables_of(record: &Path, asked: &impl Asked, askers: &[Asker]) -> Result<[Table; 2], Failure> {
    let Kept { worlds, warning } = Record::read(record, asked)?;
    if let Some(warning) = warning {
        tell!("warning: {warning}");
    }
    Ok(tables(asked.seed(), askers, &worlds))
}
