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
        println!(
            "{}",
            table::of(
                &["quantity", "meaning"],
                QUANTITIES
                    .iter()
                    .map(|(name, meaning)| vec![(*name).into(), (*meaning).into()])
            )
        );
        return Ok(());
    }
    let rows = EMBEDDED
        .iter()
        .filter_map(|(name, _)| Theorem::embedded(name))
        .map(|t| {
            let controls: Vec<&str> = t.controls.iter().map(|c| c.name.as_str()).collect();
            vec![t.name, t.title, controls.join("\n")]
        });
    println!(
        "{}",
        table::of(&["theorem", "claim", "negative controls"], rows)
    );
    println!("`multiview show THEOREM` tells more; `multiview verify THEOREM` decides it.");
    Ok(())
}
