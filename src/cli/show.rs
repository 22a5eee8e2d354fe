//! `multiview show`.

use super::{Failure, theorem};
use multiview::prediction::Prediction;
use multiview::report::text;

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
        let subject = text::subject(claim.statistic, &claim.quantity, claim.event);
        let band = text::band(claim.band);
        let own = claim.confidence;
        let own = own.map_or(String::new(), |c| {
            format!(", at {} % of its own", 100.0 * c)
        });
        let only = match claim.profile {
            Some(profile) => format!(" (profile {} only)", text::profile(profile)),
            None => String::new(),
        };
        println!(
            "  {}: {} {band}{own}{only}",
            claim.name,
            text::plain(&subject)
        );
        println!("    refuted by {}", text::refutation(claim));
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
