//! How often the decision is wrong, and how many worlds it needs, on simulated worlds of known
//! truth. Writes `reports/calibration/README.md` and `reports/calibration/rows.csv`:
//!
//! ```text
//! cargo bench --bench calibration [RUNS]
//! ```

mod plans;
mod rows;

use multiview::statistics::{Method, clopper_pearson};
use rows::{BUDGET, Case, LEVELS, Promise, SEED, Tally, cases};
use std::fmt::Write;

/// Runs of each row.
const RUNS: u64 = 100_000;

/// Confidence of the intervals for a share of wrong runs.
const CONFIDENCE: f64 = 0.99;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Cargo hands `--bench` to every bench.
    let runs = std::env::args().find_map(|word| word.parse().ok());
    let runs = runs.unwrap_or(RUNS);
    let mut csv = String::from(
        "case,method,scale,promise,mean,truth,level,runs,confirmed,refuted,wrong,times_level,times_level_lower,times_level_upper,right_share,mean_worlds\n",
    );
    let mut edges = String::new();
    let mut power = String::new();
    let cases = cases();
    for (index, case) in cases.iter().enumerate() {
        eprintln!("{} of {}: {}", index + 1, cases.len(), case.law);
        for level in LEVELS {
            let mut cells = Vec::new();
            for (truth, mean) in [
                ("edge", case.edge),
                ("inside", case.inside),
                ("outside", case.outside),
            ] {
                let tally = rows::tally(case, mean, level, runs);
                let row = Row {
                    truth,
                    mean,
                    level,
                    runs,
                    tally,
                };
                row.csv(case, &mut csv)?;
                cells.push(row);
            }
            let [edge, inside, outside] = cells.as_slice() else {
                unreachable!("three truths");
            };
            writeln!(
                edges,
                "| {} | {} | {level:.5} | {} | {} | {} | {} |",
                case.law,
                method(case.method),
                edge.times(edge.tally.confirmed),
                edge.times(edge.tally.refuted),
                outside.times(outside.tally.confirmed),
                promise(case.promise),
            )?;
            writeln!(
                power,
                "| {} | {} | {level:.5} | {} | {} | {} | {} |",
                case.law,
                method(case.method),
                inside.right(inside.tally.confirmed),
                inside.worlds(),
                outside.right(outside.tally.refuted),
                outside.worlds(),
            )?;
        }
    }
    let mut plans = String::new();
    for (name, total) in [
        ("each experiment its own budget", None),
        ("60 worlds in all, dealt out in rounds", Some(60)),
    ] {
        eprintln!("whole plan: {name}");
        let plan = plans::plan(total);
        let level = 1.0 - plan.confidence;
        let tally = plans::tally(&plan, runs);
        let row = Row {
            truth: "edge",
            mean: f64::NAN,
            level,
            runs,
            tally,
        };
        writeln!(
            plans,
            "| {name} | {level:.2} | {} | {} | {} |",
            row.times(tally.confirmed),
            row.times(tally.refuted),
            row.worlds(),
        )?;
    }
    let page = format!(
        "{}\n{HEAD}\n{edges}\n{}\n{PLANS}\n{plans}\n{POWER}\n{power}",
        INTRODUCTION
            .replace("{RUNS}", &runs.to_string())
            .replace("{BUDGET}", &BUDGET.to_string())
            .replace("{SEED}", &SEED.to_string()),
        NOTES,
    );
    std::fs::create_dir_all("reports/calibration")?;
    std::fs::write("reports/calibration/README.md", page)?;
    std::fs::write("reports/calibration/rows.csv", csv)?;
    Ok(())
}

/// The runs of one truth at one level.
struct Row {
    truth: &'static str,
    mean: f64,
    level: f64,
    runs: u64,
    tally: Tally,
}

impl Row {
    /// A number of wrong runs as a multiple of the level, with its interval.
    fn of_level(&self, wrong: u64) -> [f64; 3] {
        let interval = clopper_pearson(wrong, self.runs, CONFIDENCE).expect("there are runs");
        [
            wrong as f64 / self.runs as f64,
            interval.lower,
            interval.upper,
        ]
        .map(|x| x / self.level)
    }

    fn times(&self, wrong: u64) -> String {
        let [times, lower, upper] = self.of_level(wrong);
        format!("{times:.2} [{lower:.2}, {upper:.2}]")
    }

    fn right(&self, right: u64) -> String {
        format!("{:.1} %", 100.0 * right as f64 / self.runs as f64)
    }

    fn worlds(&self) -> String {
        format!("{:.1}", self.tally.worlds as f64 / self.runs as f64)
    }

    fn csv(&self, case: &Case, csv: &mut String) -> std::fmt::Result {
        let Tally {
            confirmed,
            refuted,
            worlds,
        } = self.tally;
        let (wrong, right) = match self.truth {
            "inside" => (refuted, confirmed),
            "outside" => (confirmed, refuted),
            _ => (confirmed.max(refuted), 0),
        };
        let [times, lower, upper] = self.of_level(wrong);
        let runs = self.runs as f64;
        writeln!(
            csv,
            "\"{}\",{},{},{:?},{},{},{},{},{confirmed},{refuted},{wrong},{times},{lower},{upper},{},{}",
            case.law,
            method(case.method).split(',').next().unwrap_or_default(),
            scale(case.method).map_or(String::new(), |scale| scale.to_string()),
            case.promise,
            self.mean,
            self.truth,
            self.level,
            self.runs,
            right as f64 / runs,
            worlds as f64 / runs,
        )
    }
}

fn scale(method: Method) -> Option<f64> {
    match method {
        Method::Asymptotic { scale, .. } => Some(scale),
        Method::Betting { .. } | Method::Share => None,
    }
}

fn method(method: Method) -> String {
    match method {
        Method::Asymptotic { scale, .. } => format!("asymptotic, scale {scale}"),
        Method::Betting { lower, upper } => format!("betting on [{lower} to {upper}]"),
        Method::Share => "share".into(),
    }
}

fn promise(promise: Promise) -> &'static str {
    match promise {
        Promise::Exact => "exact",
        Promise::Measured => "measured",
        Promise::Broken => "**broken**",
    }
}

const INTRODUCTION: &str = "# Calibration of the decision

Simulated worlds of known truth, decided by the code that decides theorems: a look after every world, a stop at the first verdict, at most
{BUDGET} worlds. Each entry is of {RUNS} runs from seed {SEED}. `cargo bench --bench calibration` makes this page and `rows.csv` anew.

## Wrong verdicts

With the mean exactly at an end of the band, a confirmation is as wrong as just outside, and a refutation as wrong as just inside. An entry is the share of
runs that end so, divided by the level, with its exact interval at 99 %: a method that keeps its level stays at or below 1. The last column says why.

- *exact*: the law meets a condition under which the level is proved;
- *measured*: it does not, or not quite, and the level is kept in this simulation;
- ***broken***: it does not, and the level is not kept. These are the limits of the method.
";

const HEAD: &str = "| worlds | method | level | confirmed on the edge | refuted on the edge | confirmed outside | promise |
|---|---|---|---|---|---|---|";

const NOTES: &str = "A mean of unknown range has no exact method that decides in tens of worlds, for a rare jump may be still to come: the rows of 90 % zeros and of a mean
made of rare ones show it. A larger `scale` protects against rarer jumps and costs worlds; a share, or a mean on a known range, needs no such condition.
";

const PLANS: &str = "## Whole plans

Four claims on one world (clustered, normal, a share, a mean on [0, 1]), correlated by a half, and a control that repeats them on worlds of its own, with one error budget
for the eight. Every mean is on its edge. An entry is the share of plans in which *any* claim is confirmed, or any refuted, divided by the level of the
plan. Every run is also cut at a random world and resumed, and the simulation stops if a report made before the cut differs from the final one.

| worlds | level | any confirmed | any refuted | worlds in all |
|---|---|---|---|---|";

const POWER: &str = "## Power

The right verdict's share of runs, and the mean number of worlds to a verdict or to the end of the budget. The means are 0.0025 and 0.02 for the band \"at most
0.01\", 0.497 and 0.47 for \"between 0.49 and 0.51\", 0.99 and 0.6 for \"at least 0.9\".

| worlds | method | level | confirmed inside | worlds | refuted outside | worlds |
|---|---|---|---|---|---|---|";
