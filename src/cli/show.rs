//! `multiview show`.

use super::{Failure, theorem};
use multiview::prediction::Prediction;
use multiview::printable::line;
use multiview::report::text;
use std::fmt::Write;

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
        return super::print(&super::json_text(&theorem)?);
    }
    let mut out = String::new();
    writeln!(
        out,
        "{} ({})\n\n{}\nSource: {}\n",
        line(&theorem.title),
        theorem.name,
        theorem.statement.trim(),
        line(&theorem.source)
    )?;
    writeln!(out, "Regime\n{}", toml::to_string(&theorem.regime)?)?;
    writeln!(out, "Procedure\n{}", toml::to_string(&theorem.procedure)?)?;
    if theorem.procedure.members > 0 {
        let prediction = Prediction::of(&theorem.regime, &theorem.procedure);
        writeln!(out, "Predicted before training (leading order)")?;
        for (name, value) in prediction.named() {
            writeln!(out, "  {name} = {value:.3}")?;
        }
        writeln!(out)?;
    }
    if let Some(sweep) = &theorem.sweep {
        writeln!(
            out,
            "Sweep\n{} = {}\n",
            sweep.path,
            text::swept_values(sweep)
        )?;
    }
    writeln!(out, "Claims")?;
    for claim in &theorem.claims {
        let subject = text::subject(claim.statistic, &claim.quantity, claim.event, &claim.with);
        let band = text::band(claim.band);
        let own = claim.confidence;
        let own = own.map_or(String::new(), |c| {
            format!(", at {} % of its own", 100.0 * c)
        });
        let only = match claim.profile {
            Some(profile) => format!(" (profile {} only)", text::profile(profile)),
            None => String::new(),
        };
        writeln!(
            out,
            "  {}: {} {band}{own}{only}",
            claim.name,
            text::plain(&subject)
        )?;
        writeln!(out, "    refuted by {}", text::refutation(claim))?;
    }
    for (name, budget) in [
        ("quick", theorem.profiles.quick),
        ("full", theorem.profiles.full),
    ] {
        writeln!(
            out,
            "  profile {name}: at most {} worlds, {} % confidence over all claims of a run",
            budget.worlds,
            100.0 * budget.confidence
        )?;
    }
    if !theorem.controls.is_empty() {
        writeln!(out, "\nNegative controls: here the same code must refute")?;
    }
    for control in &theorem.controls {
        writeln!(out, "  {}: {}", control.name, control.refutes.join(", "))?;
        writeln!(out, "    {}", control.why.trim())?;
        for (path, value) in &control.set {
            writeln!(out, "    {}", line(&format!("{path} = {value}")))?;
        }
    }
    super::print(&out)
}
