//! `multiview show`.

use super::estimate::{cost, duration};
use super::{Failure, memory, table, theorem};
use multiview::field::written;
use multiview::objective::Distillation;
use multiview::prediction::Prediction;
use multiview::printable::{counted, line};
use multiview::report::text;
use multiview::theorem::{Budget, Claim, Profile, Setting, Theorem};
use multiview::verify::Plan;
use serde_json::Value;
use std::fmt::Write;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Name of a theorem (see `multiview list`) or path of a theorem file
    theorem: String,
    /// Print the theorem as JSON
    #[arg(long)]
    json: bool,
}

/// The paper's letters of the fields of a regime and of a procedure.
const LETTERS: [(&str, &str); 27] = [
    ("classes", "k"),
    ("views_per_class", "M"),
    ("samples", "N"),
    ("single_view_share", "μ"),
    ("sparsity", "s"),
    ("main_weight", "Σ z"),
    ("other_weight", "Σ z'"),
    ("weak_weight", "ρ"),
    ("single_view_other_weight", "Γ"),
    ("patches_per_feature", "C_p"),
    ("patches", "P"),
    ("feature_noise", "γ"),
    ("noise_variance", "ν²"),
    ("dimension", "d"),
    ("neurons_per_class", "m"),
    ("relu_exponent", "q"),
    ("relu_threshold", "ϱ"),
    ("init_scale", "σ_0"),
    ("learning_rate_per_class", "η/k"),
    ("steps", "T"),
    ("members", "K"),
    ("temperature", "τ"),
    ("teacher_scale", "S"),
    ("push_rate_per_class", "η'/k"),
    ("neurons", "R"),
    ("growth", "R"),
    ("strengths", "λ"),
];

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
        theorem.statement.trim().replace('\n', " "),
        line(&theorem.source)
    )?;
    writeln!(out, "Claims")?;
    for claim in &theorem.claims {
        out += &in_words(claim);
    }
    writeln!(out, "\nRegime and procedure\n{}", parameters(&theorem)?)?;
    if let Some(sweep) = &theorem.sweep {
        let values = text::swept_values(sweep);
        writeln!(out, "Swept: {} = {values}", sweep.path)?;
    }
    if theorem.procedure.members > 0 {
        let prediction = Prediction::of(&theorem.regime, &theorem.procedure);
        writeln!(out, "\nPredicted before training (leading order)")?;
        for (name, value) in prediction.named() {
            writeln!(out, "  {name} = {value:.3}")?;
        }
    }
    if !theorem.controls.is_empty() {
        writeln!(out, "\nNegative controls: here the same code must refute")?;
    }
    for control in &theorem.controls {
        writeln!(out, "  {}: {}", control.name, control.refutes.join(", "))?;
        writeln!(out, "    {}", control.why.trim().replace('\n', " "))?;
        for (path, value) in &control.set {
            writeln!(out, "    {}", line(&format!("{path} = {value}")))?;
        }
    }
    super::print(&table::fitted(&out))?;
    // Steps are timed, which takes a while where they are dear.
    out = "\nCost\n".into();
    for profile in Profile::ALL {
        let Some(budget) = theorem.tested(profile) else {
            continue;
        };
        writeln!(
            out,
            "  profile {}: at most {}, {} % confidence over all claims of a run{}",
            profile,
            counted(theorem.most_worlds(budget)?, "world"),
            100.0 * budget.confidence,
            time(&theorem, profile, budget)?
        )?;
    }
    super::print(&table::fitted(&out))
}

/// A claim, whose it is, and what would refute it.
fn in_words(claim: &Claim) -> String {
    let subject = text::subject(claim.statistic, &claim.quantity, claim.event, &claim.with);
    let own = claim.confidence;
    let own = own.map_or(String::new(), |c| {
        format!(", at {} % of its own", 100.0 * c)
    });
    let only = match claim.profile {
        Some(profile) => format!(" (profile {} only)", profile),
        None => String::new(),
    };
    format!(
        "  {}: {} {}{own}{only}\n    claimed by: {}\n    refuted by: {}\n",
        claim.name,
        text::plain(&subject),
        text::band(claim.band),
        text::origin(&claim.origins()),
        text::refutation(claim)
    )
}

/// Every field of the regime and the procedure, with the paper's letter.
fn parameters(theorem: &Theorem) -> Result<String, Failure> {
    let mut rows = Vec::new();
    flatten("", &serde_json::to_value(theorem.setting())?, &mut rows);
    let row = |(path, value): (String, Value)| {
        let number = match value {
            Value::Number(_) => None,
            _ => rule(&theorem.setting(), &path),
        };
        let text = number.map_or(written(&value), |n| {
            format!("{}, which is {n}", written(&value))
        });
        [letter(&path).unwrap_or_default().to_owned(), path, text]
    };
    let rows = rows.into_iter().map(row);
    Ok(table::of_paths(&["symbol", "field", "value"], rows).to_string())
}

/// The paper's letter of a field.
fn letter(path: &str) -> Option<&'static str> {
    let name = path.rsplit('.').next().unwrap_or(path);
    let known = LETTERS.iter().find(|(known, _)| *known == name);
    known.map(|(_, letter)| *letter)
}

/// The values of a tree by dotted path, in order; a field with a letter is one, whatever its form.
fn flatten(path: &str, value: &Value, rows: &mut Vec<(String, Value)>) {
    let Some(fields) = value.as_object().filter(|_| letter(path).is_none()) else {
        rows.push((path.to_owned(), value.clone()));
        return;
    };
    for (name, value) in fields {
        let path = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        flatten(&path, value, rows);
    }
}

/// The number that a rule gives a field.
fn rule(Setting { regime, procedure }: &Setting, path: &str) -> Option<String> {
    let steps = |spec: &Option<Distillation>| {
        let spec = spec.as_ref()?;
        Some(spec.steps.of(regime.data.classes).to_string())
    };
    match path {
        "regime.data.samples" => Some(regime.data.sample_count().to_string()),
        "regime.data.patches" => regime.data.patch_count().map(|p| p.to_string()),
        "regime.data.feature_noise" => Some(format!("{:.3e}", regime.data.feature_noise())),
        "regime.network.init_scale" => Some(format!("{:.3e}", regime.init_scale())),
        "regime.training.steps" => Some(regime.steps().to_string()),
        "procedure.distillation.steps" => steps(&procedure.distillation),
        "procedure.label_distillation.steps" => steps(&procedure.label_distillation),
        "procedure.self_distillation.steps" => steps(&procedure.self_distillation),
        _ => None,
    }
}

/// The time that all worlds of a profile take here; nothing where none is trained, or none would
/// fit in this machine.
fn time(theorem: &Theorem, profile: Profile, budget: Budget) -> Result<String, Failure> {
    let plan = Plan::new(vec![theorem.clone()], profile, 1);
    if theorem.procedure.members == 0 || memory::require(&plan, 1).is_err() {
        return Ok(String::new());
    }
    let mut seconds = 0.0;
    for value in theorem.points()? {
        let setting = theorem.setting().with(&value.set)?;
        seconds += value.worlds(budget) as f64 * cost(&setting, plan.seed).world;
    }
    Ok(format!(
        "; about {} on one core for all of them, without the controls",
        duration(seconds)
    ))
}
