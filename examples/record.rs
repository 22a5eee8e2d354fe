//! Reads a record into a table, a row a world, and takes a mean of a column.
//!
//!     cargo run --release --example record -- reports/records/quick-64

use multiview::export::tables;
use multiview::figure::Table;
use multiview::record::Record;
use multiview::verify::Plan;
use std::error::Error;
use std::path::Path;

/// The worlds of a verification's record: seed, experiment, theorem, control, world, and every
/// quantity.
pub fn worlds(record: &Path) -> Result<Table, Box<dyn Error>> {
    let plan: Plan = Record::manifest(record)?;
    let kept = Record::read(record, &plan)?;
    let [worlds, _models] = tables(plan.seed, &plan.askers()?, &kept.worlds);
    Ok(worlds)
}

/// The values of a quantity in the worlds of a theorem's own regime.
pub fn values(worlds: &Table, theorem: &str, quantity: &str) -> Result<Vec<f64>, Box<dyn Error>> {
    let column = |name: &str| {
        let place = worlds.columns.iter().position(|(known, _)| known == name);
        place.ok_or_else(|| format!("no column {name}"))
    };
    let (of, control, quantity) = (column("theorem")?, column("control")?, column(quantity)?);
    let own = (worlds.rows.iter()).filter(|row| row[of] == theorem && row[control].is_null());
    Ok(own.filter_map(|row| row[quantity].as_f64()).collect())
}

fn main() -> Result<(), Box<dyn Error>> {
    let record = std::env::args().nth(1);
    let record = record.ok_or("usage: record DIRECTORY (of a verification's record)")?;
    let worlds = worlds(Path::new(&record))?;
    let values = values(&worlds, "single-model", "single.test_error")?;
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    println!(
        "{} rows, {} columns",
        worlds.rows.len(),
        worlds.columns.len()
    );
    println!(
        "single models of {} worlds: test error {mean:.4} μ",
        values.len()
    );
    Ok(())
}
