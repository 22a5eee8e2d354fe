//! Every theorem file, and every negative control in it, as a test of its own:
//! `cargo test ensemble` runs the theorem `ensemble` and its controls.
//!
//! Theorems that share a regime share the networks of their worlds, so the selected ones are
//! decided in one run of each profile, quick and glance, on a fixed seed, when the first of them is
//! asked for.

use libtest_mimic::{Arguments, Failed, Trial};
use multiview::record::{Kept, Record};
use multiview::theorem::{Profile, Theorem};
use multiview::verify::{Finding, Plan, Report};
use std::path::Path;
use std::sync::{Arc, LazyLock};

/// One seed on every machine, so that a verdict that comes out otherwise is due to a change. It took
/// part in choices (`reports/notes/seeds.md`): the evidence rests on others.
const SEED: u64 = 44;

type Decided =
    Arc<LazyLock<Result<Report, String>, Box<dyn FnOnce() -> Result<Report, String> + Send>>>;

fn main() {
    let arguments = Arguments::from_args();
    let theorems: Vec<Theorem> = Theorem::all_embedded().collect();
    let selected: Vec<Theorem> = theorems
        .iter()
        .filter(|t| names(t).any(|n| is_selected(&arguments, &n)))
        .cloned()
        .collect();
    let of = |profile: Profile| -> Decided {
        let tested = |t: &&Theorem| profile_of(t) == profile;
        let selected = selected.iter().filter(tested).cloned().collect();
        Arc::new(LazyLock::new(Box::new(move || decide(selected, profile))))
    };
    let decided = [Profile::Quick, Profile::Glance].map(|profile| (profile, of(profile)));
    let trials = theorems.iter().flat_map(|theorem| {
        let mine = decided.iter().find(|(p, _)| *p == profile_of(theorem));
        let (_, decided) = mine.expect("a run for each profile");
        let settings =
            std::iter::once(None).chain(theorem.controls.iter().map(|c| Some(c.name.clone())));
        settings
            .map(|control| trial(theorem.name.clone(), control, decided.clone()))
            .collect::<Vec<_>>()
    });
    libtest_mimic::run(&arguments, trials.collect()).exit();
}

fn trial(theorem: String, control: Option<String>, decided: Decided) -> Trial {
    Trial::test(test_name(&theorem, control.as_deref()), move || {
        let report = decided
            .as_ref()
            .as_ref()
            .map_err(|e| Failed::from(e.as_str()))?;
        let mine: Vec<&Finding> = report
            .findings
            .iter()
            .filter(|f| f.theorem == theorem && f.control == control)
            .collect();
        let left = report.untested.iter();
        let left = left.filter(|u| u.theorem == theorem && u.control == control);
        let wrong: Vec<String> = (mine.iter().filter(|f| !f.as_expected()))
            .map(|f| describe(f))
            .collect();
        if mine.is_empty() && left.count() == 0 {
            Err("nothing is claimed".into())
        } else if wrong.is_empty() {
            Ok(())
        } else {
            Err(wrong.join("\n").into())
        }
    })
}

/// The profile in which a theorem is tested here: quick where it has that.
fn profile_of(theorem: &Theorem) -> Profile {
    match theorem.budget(Profile::Quick) {
        Some(_) => Profile::Quick,
        None => Profile::Glance,
    }
}

fn decide(theorems: Vec<Theorem>, profile: Profile) -> Result<Report, String> {
    let plan = Plan::new(theorems, profile, SEED);
    let directory =
        tempfile::tempdir_in(Path::new(env!("CARGO_TARGET_TMPDIR"))).map_err(|e| e.to_string())?;
    let record = Record::create(directory.path(), &plan).map_err(|e| e.to_string())?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    plan.run(record, Kept::default(), threads, &|_| ())
        .map_err(|e| e.to_string())
}

fn describe(f: &Finding) -> String {
    let e = &f.estimate;
    format!(
        "{}: {} is {} where {} was expected: mean {:.4}, interval {}, claimed {}, after {} worlds",
        f.claim, f.quantity, e.verdict, f.expected, e.mean, e.interval, f.band, e.worlds
    )
}

fn test_name(theorem: &str, control: Option<&str>) -> String {
    control.map_or_else(
        || theorem.to_string(),
        |control| format!("{theorem}::{control}"),
    )
}

fn names(theorem: &Theorem) -> impl Iterator<Item = String> {
    let controls = theorem
        .controls
        .iter()
        .map(|c| test_name(&theorem.name, Some(&c.name)));
    std::iter::once(test_name(&theorem.name, None)).chain(controls)
}

fn is_selected(arguments: &Arguments, name: &str) -> bool {
    let matches = |pattern: &String| {
        if arguments.exact {
            name == pattern
        } else {
            name.contains(pattern.as_str())
        }
    };
    arguments.filter.as_ref().is_none_or(matches) && !arguments.skip.iter().any(matches)
}
