//! `multiview list`.

use super::{Failure, table};
use multiview::procedure::QUANTITIES;
use multiview::theorem::{EMBEDDED, Theorem};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// List the quantities that a claim in a theorem file may name
    #[arg(long)]
    quantities: bool,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    if args.quantities {
        let rows = QUANTITIES.iter();
        let rows = rows.map(|(name, meaning)| vec![(*name).into(), (*meaning).into()]);
        return super::print(&format!("{}\n", table::of(&["quantity", "meaning"], rows)));
    }
    let rows = EMBEDDED
        .iter()
        .filter_map(|(name, _)| Theorem::embedded(name))
        .map(|t| {
            let controls: Vec<&str> = t.controls.iter().map(|c| c.name.as_str()).collect();
            vec![t.name, t.title, controls.join("\n")]
        });
    super::print(&format!(
        "{}\n`multiview show THEOREM` tells more; `multiview verify THEOREM` decides it.\n",
        table::of(&["theorem", "claim", "negative controls"], rows)
    ))
}
