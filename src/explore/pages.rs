//! The files of an exploration: tables, maps and a page that shows them.

use super::maps::{Picture, text_maps};
use super::{Cells, Manifest, SweepError};
use crate::printable::{counted, json, markdown};
use crate::report::{Files, Map};
use crate::statistics::Verdict;
use crate::verify::Report;
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write;

/// The tables of the same rows. Parquet is written with the feature of that name.
const TABLES: &[&str] = &[
    "cells.csv",
    "cells.json",
    #[cfg(feature = "parquet")]
    "cells.parquet",
];
const PAGE: &str = "README.md";

/// The names of the files that [`render`] makes.
///
/// # Errors
/// A sweep out of range.
pub fn names(manifest: &Manifest) -> Result<Vec<String>, SweepError> {
    let cells = Cells::of(manifest, &[])?;
    let pictures = Picture::all(&cells).into_iter().flat_map(|picture| {
        let name = picture.name();
        ["svg", "png"].map(|kind| format!("{name}.{kind}"))
    });
    let others = TABLES.iter().chain([&PAGE]).map(|name| (*name).to_owned());
    Ok(others.chain(pictures).collect())
}

/// Bytes of the pixels of the largest picture, an estimate.
///
/// # Errors
/// A sweep out of range.
pub fn bytes(manifest: &Manifest) -> Result<f64, SweepError> {
    let cells = Cells::of(manifest, &[])?;
    let pictures = Picture::all(&cells);
    Ok(pictures.iter().map(Picture::bytes).fold(0.0, f64::max))
}

/// Every file of an exploration but its record, by name; a function of the record alone.
///
/// # Errors
/// If a picture cannot be drawn or a table written.
pub fn render(
    manifest: &Manifest,
    cells: &Cells,
    report: &Report,
) -> Result<Files, Box<dyn Error>> {
    let mut files = Files::new();
    let table = cells.table();
    let json = json(&serde_json::to_string_pretty(&table.json())?) + "\n";
    let tables = [
        table.csv().into_bytes(),
        json.into_bytes(),
        #[cfg(feature = "parquet")]
        table.parquet()?,
    ];
    let names = TABLES.iter().map(|name| (*name).to_owned());
    files.extend(names.zip(tables));
    let mut page = format!("# {}\n", markdown(&manifest.sweep.title));
    for picture in Picture::all(cells) {
        let name = picture.name();
        files.insert(format!("{name}.svg"), picture.svg()?.into_bytes());
        files.insert(format!("{name}.png"), picture.png()?);
        let _ = writeln!(
            page,
            "\n![{}]({name}.svg)\n\n{}",
            markdown(&picture.title()),
            markdown(&picture.description())
        );
    }
    for variant in &manifest.sweep.variants {
        let (name, why) = (markdown(&variant.name), markdown(&variant.why));
        let _ = writeln!(page, "\n**{name}.** {why}{}", changes(&variant.set));
    }
    let _ = writeln!(page, "\n```text\n{}```", text_maps(cells));
    let _ = writeln!(
        page,
        "\n{} Every number: [CSV](cells.csv), [JSON](cells.json).",
        summary(manifest, cells, report)
    );
    files.insert(PAGE.into(), page.into_bytes());
    Ok(files)
}

/// The values that a variant changes, in brackets; nothing for one that changes none.
fn changes(set: &BTreeMap<String, toml::Value>) -> String {
    let changed: Vec<String> = set
        .iter()
        .map(|(path, value)| format!("{path} = {value}"))
        .collect();
    if changed.is_empty() {
        return String::new();
    }
    format!(" ({})", markdown(&changed.join(", ")))
}

/// An exploration as the overview of the reports shows it.
///
/// # Errors
/// If its picture cannot be drawn.
pub fn map(manifest: &Manifest, cells: &Cells, report: &Report) -> Result<Map, Box<dyn Error>> {
    let pictures = Picture::all(cells);
    let picture = pictures
        .first()
        .ok_or("a sweep without a claim has no map")?;
    Ok(Map {
        name: manifest.sweep.name.clone(),
        title: manifest.sweep.title.clone(),
        line: summary(manifest, cells, report),
        picture: picture.name(),
        svg: picture.svg()?,
    })
}

fn summary(manifest: &Manifest, cells: &Cells, report: &Report) -> String {
    format!(
        "{} confirmed, {} refuted, {} undecided, in {} of seed {}; multiview {}.",
        cells.count(Verdict::Confirmed),
        cells.count(Verdict::Refuted),
        cells.count(Verdict::Undecided),
        counted(report.worlds, "world"),
        manifest.sweep.seed,
        markdown(&manifest.version)
    )
}
