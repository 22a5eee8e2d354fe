//! `multiview show`.

use super::{Failure, table, theorem};
use multiview::prediction::Prediction;
use multiview::theorem::{Claim, Statistic};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Name of a theorem (see `multiview list`) or path of a theorem file
    theorem: String,
    /// Print the theorem as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    let theorem = theorem(&args.theorem)?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&theorem)?);
        return Ok(());
    }
    println!(
        "{} ({})\n\n{}\nSource: {}\n",
        theorem.title,
        theorem.name,
        theorem.statement.trim(),
        theorem.source
    );
    println!("Regime\n{}", toml::to_string(&theorem.regime)?);
    println!("Procedure\n{}", toml::to_string(&theorem.procedure)?);
    if theorem.procedure.members > 0 {
        let prediction = Prediction::of(&theorem.regime, &theorem.procedure);
        println!("Predicted before training (leading order)");
        for (name, value) in prediction.named() {
            println!("  {name} = {value:.3}");
        }
        println!();
    }
    if let Some(sweep) = &theorem.sweep {
        let values: Vec<String> = sweep.values.iter().map(ToString::to_string).collect();
        println!("Sweep\n{} = {}\n", sweep.path, values.join(", "));
    }
    println!("Claims");
    for claim in &theorem.claims {
        println!("  {}: {}", claim.name, words(claim));
        println!("    refuted if {}", refutation(claim));
    }
    for (name, budget) in [
        ("quick", theorem.profiles.quick),
        ("full", theorem.profiles.full),
    ] {
        println!(
            "  profile {name}: at most {} worlds, {} % confidence over all claims of a run",
            budget.worlds,
            100.0 * budget.confidence
        );
    }
    if !theorem.controls.is_empty() {
        println!("\nNegative controls: here the same code must refute");
    }
    for control in &theorem.controls {
        println!("  {}: {}", control.name, control.refutes.join(", "));
        println!("    {}", control.why.trim());
        for (path, value) in &control.set {
            println!("    {path} = {value}");
        }
    }
    Ok(())
}

fn words(claim: &Claim) -> String {
    let band = table::band(claim.band);
    match (claim.statistic, claim.event) {
        (Statistic::Mean, _) => format!("the mean of {} over worlds is {band}", claim.quantity),
        (Statistic::Share, Some(event)) => {
            format!(
                "the share of worlds with {} {} is {band}",
                claim.quantity,
                table::band(event)
            )
        }
        (Statistic::BoundedMean, _) => format!(
            "the mean of {}, which lies in [0, 1], over worlds is {band}",
            claim.quantity
        ),
        (Statistic::MeanExponent, _) => {
            format!("the exponent of the mean of {} is {band}", claim.quantity)
        }
        (Statistic::SpreadExponent, _) => format!(
            "the exponent of the standard deviation of {} over worlds is {band}",
            claim.quantity
        ),
        (Statistic::Share | Statistic::EveryWorld, _) => {
            format!("{} is {band} in every world", claim.quantity)
        }
    }
}

fn refutation(claim: &Claim) -> String {
    match claim.statistic {
        Statistic::EveryWorld => "one world trained is outside".into(),
        Statistic::MeanExponent | Statistic::SpreadExponent => {
            "the fitted exponent's interval, once all worlds are there, is outside the band".into()
        }
        _ => "the time-uniform interval over worlds leaves the band altogether".into(),
    }
}
