//! Evidence: whose worlds a record holds, what was changed in it, and worlds that have no number.

use super::cli::multiview;
use assert_cmd::Command;
use multiview::printable::counted;
use multiview::procedure::{ModelRow, Models, Quantity, WorldOutcome};
use multiview::record::{Kept, Record, WorldRecord, Worlds};
use multiview::statistics::Verdict;
use multiview::theorem::{Profile, Theorem};
use multiview::verify::{Finding, Plan};
use predicates::prelude::*;
use predicates::str::contains;
use proptest::prelude::*;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use tempfile::TempDir;

const SMALL: &str = include_str!("../fixtures/small.toml");

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).expect("it is there")
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).expect("written");
}

/// A theorem file in a folder.
fn file(folder: &TempDir, text: &str) -> PathBuf {
    let path = folder.path().join("theorem.toml");
    write(&path, text);
    path
}

/// `multiview verify` of a theorem into a record.
fn verify(folder: &TempDir, text: &str) -> Command {
    let mut command = multiview();
    command.arg("verify").arg("--file").arg(file(folder, text));
    command.arg("--record").arg(folder.path().join("record"));
    command
}

fn resume(record: &Path) -> Command {
    let mut command = multiview();
    command.args(["verify", "--resume"]).arg(record);
    command
}

/// The texts of a finished record: manifest, worlds and seal.
static FINISHED: LazyLock<[String; 3]> = LazyLock::new(|| {
    let folder = folder();
    verify(&folder, SMALL)
        .args(["--threads", "1"])
        .assert()
        .code(0);
    FILES.map(|name| read(&folder.path().join("record").join(name)))
});

const FILES: [&str; 3] = ["manifest.json", "worlds.jsonl", "seal.json"];

/// A record of these texts; an empty one is left out.
fn record(folder: &TempDir, texts: [&str; 3]) -> PathBuf {
    let directory = folder.path().join("record");
    std::fs::create_dir_all(&directory).expect("a folder");
    for (name, text) in FILES.iter().zip(texts) {
        if !text.is_empty() {
            write(&directory.join(name), text);
        }
    }
    directory
}

/// A line of a record with another value at a path.
fn with(line: &str, path: &str, value: Value) -> String {
    let mut line: Value = serde_json::from_str(line).expect("JSON");
    *line.pointer_mut(path).expect("it is there") = value;
    line.to_string()
}

#[test]
fn a_line_says_what_made_its_world() {
    let [_, worlds, seal] = &*FINISHED;
    for line in worlds.lines() {
        let line: Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(line["seed"], 1);
        assert_eq!(line["version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(line["experiment"].as_str().map(str::len), Some(16));
        assert_eq!(line["digest"].as_str().map(str::len), Some(32));
    }
    let seal: Value = serde_json::from_str(seal).expect("JSON");
    assert_eq!(seal["worlds"], worlds.lines().count());
}

/// Each is refused with these words, sealed or not.
#[test]
fn worlds_of_another_run_are_refused() {
    let [manifest, worlds, seal] = &*FINISHED;
    let first = worlds.lines().next().expect("a world");
    let of_first = |path: &str, value: Value| worlds.replacen(first, &with(first, path, value), 1);
    let version = format!("\"version\": \"{}\"", env!("CARGO_PKG_VERSION"));
    let bare = {
        let mut line: Value = serde_json::from_str(first).expect("JSON");
        let fields = line.as_object_mut().expect("an object");
        let _ = ["seed", "version", "digest"].map(|name| fields.remove(name));
        worlds.replacen(first, &line.to_string(), 1)
    };
    let cases = [
        (
            manifest.replacen("\"seed\": 1", "\"seed\": 2", 1),
            worlds.clone(),
            "worlds.jsonl:1: seed = 1, but the manifest has 2",
        ),
        (
            manifest.replacen(&version, "\"version\": \"0.6.0\"", 1),
            worlds.clone(),
            "0.6.0",
        ),
        (
            manifest.replacen("\"sparsity\": 2.0", "\"sparsity\": 2.5", 1),
            worlds.clone(),
            "is not one of this run",
        ),
        (
            manifest.replacen("\"upper\": 0.2", "\"upper\": 0.3", 1),
            worlds.clone(),
            "manifest.json, was changed",
        ),
        (
            manifest.clone(),
            of_first("/seed", 2.into()),
            ":1: seed = 2",
        ),
        (
            manifest.clone(),
            of_first("/version", "0.6.1".into()),
            ":1: version = \"0.6.1\"",
        ),
        (
            manifest.clone(),
            of_first("/experiment", "0123456789abcdef".into()),
            ":1: experiment = \"0123456789abcdef\" is not one of this run",
        ),
        (
            manifest.clone(),
            of_first("/world", 100.into()),
            ":1: world 100: its digest",
        ),
        (manifest.clone(), bare, ":1: it must carry seed"),
    ];
    for (manifest, worlds, words) in &cases {
        assert!(
            [manifest, worlds] != [&FINISHED[0], &FINISHED[1]],
            "{words}"
        );
        for seal in [seal.as_str(), ""] {
            let folder = folder();
            let directory = record(&folder, [manifest, worlds, seal]);
            resume(&directory).assert().code(2).stderr(contains(*words));
        }
    }
}

/// A manifest is held to what a theorem file is held to.
#[test]
fn a_manifest_out_of_range_is_refused_by_name() {
    let [manifest, worlds, seal] = &*FINISHED;
    let cases: &[(&str, Value, &str)] = &[
        ("/theorems", Value::Array(vec![]), "theorems is missing"),
        (
            "/theorems/0/claims",
            Value::Array(vec![]),
            "claims is missing",
        ),
        (
            "/theorems/0/claims/0/band",
            serde_json::json!({}),
            "claims.below-one.band",
        ),
        (
            "/theorems/0/claims/0/quantity",
            "single.none".into(),
            "single.none",
        ),
        ("/theorems/0/claims/0/name", "Not Words".into(), "Not Words"),
        (
            "/theorems/0/controls/0/refutes",
            serde_json::json!(["none"]),
            "\"none\"",
        ),
        (
            "/theorems/0/controls/0/refutes",
            serde_json::json!([]),
            "controls.untrained.refutes is missing",
        ),
        ("/theorems/0/profiles/quick/worlds", 0.into(), "worlds = 0"),
        (
            "/theorems/0/regime/data/classes",
            1.into(),
            "data.classes = 1",
        ),
        (
            "/theorems/0/procedure/members",
            0.into(),
            "procedure.members = 0",
        ),
        ("/confidence", 0.1.into(), "confidence = 0.1"),
        ("/confidence", 1.into(), "confidence = 1"),
        ("/profile", "fast".into(), "fast"),
    ];
    for (path, value, words) in cases {
        let folder = folder();
        let manifest = with(manifest, path, value.clone());
        let directory = record(&folder, [&manifest, worlds, seal]);
        let refused = resume(&directory).assert().code(2);
        refused.stderr(contains("manifest.json").and(contains(*words)));
    }
    let doubled = {
        let mut plan: Value = serde_json::from_str(manifest).expect("JSON");
        let theorem = plan["theorems"][0].clone();
        plan["theorems"]
            .as_array_mut()
            .expect("a list")
            .push(theorem);
        plan.to_string()
    };
    let folder = folder();
    let directory = record(&folder, [&doubled, worlds, seal]);
    let refused = resume(&directory).assert().code(2);
    refused.stderr(contains("is given twice: names must differ"));
}

/// The manifests of explorations too.
#[test]
fn a_manifest_of_an_exploration_out_of_range_is_refused_by_name() {
    let folder = folder();
    let (out, whole) = (folder.path().join("out"), folder.path().join("whole"));
    let mut explore = multiview();
    explore
        .args(["explore", "tests/fixtures/sweep.toml", "--out"])
        .arg(&out);
    explore.assert().code(0);
    let path = out.join("manifest.json");
    let manifest = read(&path);
    for (pointer, value, words) in [
        ("/base/claims", serde_json::json!([]), "claims is missing"),
        ("/sweep/axes", serde_json::json!([]), "axes is missing"),
        ("/sweep/worlds", 0.into(), "worlds = 0"),
        ("/sweep/confidence", 0.1.into(), "confidence = 0.1"),
        ("/shard/count", 0.into(), "shard"),
        ("/shard/index", 7.into(), "shard"),
    ] {
        write(&path, &with(&manifest, pointer, value));
        let mut merge = multiview();
        merge.args(["explore", "merge"]).arg(&whole).arg(&out);
        let refused = merge.assert().code(2);
        refused.stderr(contains("manifest.json").and(contains(words)));
        assert!(!whole.exists());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// One character of a line or of the manifest is another than it was.
    #[test]
    fn any_change_is_noticed(in_manifest in any::<bool>(), place in any::<prop::sample::Index>(), to in "[ 0-9a-z\"]") {
        let [manifest, worlds, _] = &*FINISHED;
        let mut texts = [manifest.clone(), worlds.clone()];
        let text = &mut texts[usize::from(!in_manifest)];
        let at = place.index(text.len());
        prop_assume!(text.is_char_boundary(at) && text.is_char_boundary(at + 1));
        prop_assume!(text[at..=at] != *to && text[at..=at] != *"\n");
        text.replace_range(at..=at, &to);
        let folder = folder();
        let directory = record(&folder, [&texts[0], &texts[1], ""]);
        let noticed = Record::manifest::<Plan>(&directory)
            .and_then(|plan| Record::read(&directory, &plan));
        prop_assert!(noticed.is_err(), "{} became {}", at, to);
    }
}

/// The lines' own digests fit, and yet they are not those that were sealed.
#[test]
fn worlds_changed_after_the_end_are_refused() {
    let [manifest, worlds, seal] = &*FINISHED;
    let folder = folder();
    let directory = record(&folder, [manifest, worlds, seal]);
    let plan: Plan = Record::manifest(&directory).expect("a plan");
    let kept = Record::read(&directory, &plan).expect("a record").worlds;
    std::fs::remove_file(directory.join("worlds.jsonl")).expect("removed");
    let other = TempDir::new_in(folder.path()).expect("a folder");
    let (mut forged, _) = {
        let forged = record(&other, [manifest, "", ""]);
        Record::resume(&forged, &plan).expect("begun")
    };
    for (place, ((experiment, world), mut outcome)) in kept.into_iter().enumerate() {
        if place == 0 {
            // Another share, of which the model rows know nothing.
            let share = outcome.quantities.get_mut("lottery.both_views_share");
            *share.expect("measured") = 0.123.into();
        }
        let world = WorldRecord {
            experiment,
            world,
            outcome,
        };
        forged.append(&world).expect("written");
    }
    drop(forged);
    let forged = read(&other.path().join("record/worlds.jsonl"));
    write(&directory.join("worlds.jsonl"), &forged);
    resume(&directory)
        .assert()
        .code(2)
        .stderr(contains("seal.json"));
    // The order of lines is nobody's, and the same one twice is one.
    let mut lines: Vec<&str> = worlds.lines().rev().collect();
    lines.push(lines[0]);
    write(&directory.join("worlds.jsonl"), &(lines.join("\n") + "\n"));
    resume(&directory).assert().code(0);
    // Of those that are missing the run has something to do.
    write(
        &directory.join("worlds.jsonl"),
        &(lines[3..].join("\n") + "\n"),
    );
    super::cli::multiview()
        .arg("export")
        .arg(&directory)
        .assert()
        .success()
        .stderr(contains("sealed with"));
    let resumed = resume(&directory).args(["--threads", "1"]).assert().code(0);
    resumed.stderr(contains("worlds that are missing are trained again"));
    assert_eq!(read(&directory.join("seal.json")), *seal);
}

/// Outcomes against the rows of the models that they are made of.
#[test]
fn an_outcome_follows_from_its_models() {
    let theorem = Theorem::parse("small", SMALL).expect("valid");
    let (regime, procedure) = (&theorem.regime, &theorem.procedure);
    let mut models = Models::new(regime, procedure.test_draws, crate::small::seed(0));
    let outcome = models.outcome(procedure).expect("measured");
    outcome
        .check(regime, procedure, false)
        .expect("as it was measured");
    let refused = |words: &str, change: &dyn Fn(&mut WorldOutcome)| {
        let mut changed = outcome.clone();
        change(&mut changed);
        let message = changed.check(regime, procedure, false).expect_err(words);
        assert!(message.contains(words), "{message}");
    };
    for name in [
        "test_error",
        "single_view_error",
        "training_error",
        "gain",
        "recovered_share",
    ] {
        let name = format!("single.{name}");
        refused(&name, &|o| {
            o.quantities.insert(name.clone(), 0.5.into());
        });
        refused(&name, &|o| {
            o.quantities
                .insert(name.clone(), Quantity::undefined("no reason"));
        });
        refused(&name, &|o| {
            o.quantities.remove(&name);
        });
    }
    refused("joint.test_error", &|o| {
        o.quantities.insert("joint.test_error".into(), 0.5.into());
    });
    refused("lottery.luck", &|o| {
        o.quantities.insert("lottery.luck".into(), 0.5.into());
    });
    let row = |change: fn(&mut ModelRow)| move |o: &mut WorldOutcome| change(&mut o.models[0]);
    refused("where 2 are trained", &|o| {
        o.models.remove(0);
    });
    refused("\"teacher\"", &row(|m| m.role = "teacher".into()));
    refused("training_errors = 121", &row(|m| m.training_errors = 121));
    refused(
        "not within [0, 1]",
        &row(|m| m.single_view_error = 1.5.into()),
    );
    refused("where err(D_s)", &row(|m| m.test_error = 0.5.into()));
    refused(
        "but its model rows give",
        &row(|m| {
            m.single_view_error = 0.5.into();
            m.multi_view_error = 0.0.into();
            m.test_error = 0.5.into();
        }),
    );
}

/// The findings of a theorem with these claims, in some of whose worlds their quantity is undefined.
fn findings(claims: &str, values: &[Option<f64>]) -> Vec<Finding> {
    findings_in(None, claims, values)
}

/// The finding of a claim in a negative control with such worlds.
fn in_control(claim: &str, values: &[Option<f64>]) -> Finding {
    const CONTROL: &str = "[[controls]]\nname = \"control\"\nwhy = \"for the test\"\nset = { \"regime.training.steps\" = 3 }\nrefutes = [\"claim\"]\n";
    let found = findings_in(Some("control"), &format!("{claim}{CONTROL}"), values);
    let mut found = found.into_iter().filter(|f| f.control.is_some());
    found.next().expect("a finding of the control")
}

/// The findings of a theorem where the worlds of one arm, of the theorem itself or of a negative
/// control, have these values, and all others the value 0.6.
fn findings_in(arm: Option<&str>, claims: &str, values: &[Option<f64>]) -> Vec<Finding> {
    let head = SMALL.split("[[claims]]").next().expect("a head");
    let budget = format!("quick = {{ confidence = 0.9, worlds = {} }}", values.len());
    let profiles = format!(
        "\n[profiles]\n{budget}\n{}\n",
        budget.replace("quick", "full")
    );
    let theorem = Theorem::parse("undefined", &format!("{head}{claims}{profiles}"));
    let plan = Plan::new(vec![theorem.expect("valid")], Profile::Quick, 1);
    let outcome = |value: &Option<f64>| {
        let value = value.map_or(Quantity::undefined("nothing is there"), Quantity::from);
        WorldOutcome {
            quantities: [("single.gain".to_owned(), value)].into(),
            models: Vec::new(),
        }
    };
    let mut worlds = Worlds::new();
    for asker in plan.askers().expect("valid") {
        for (world, value) in (0..).zip(values) {
            let own = asker.control.as_deref() == arm;
            let value = if own { *value } else { Some(0.6) };
            worlds.insert((asker.experiment.clone(), world), outcome(&value));
        }
    }
    plan.replay(&worlds)
        .expect("judged")
        .expect("all worlds are there")
        .findings
}

/// A claim on the quantity.
fn claim(statistic: &str, rest: &str) -> String {
    format!(
        "[[claims]]\nname = \"claim\"\nquantity = \"single.gain\"\nstatistic = \"{statistic}\"\n{rest}\n"
    )
}

/// By as little as can be told, on either side, wherever in the run it stands; the ends belong to
/// the band.
#[test]
fn one_world_outside_its_band_breaks_a_claim_on_every_world() {
    let every = claim("every-world", "band = { lower = 0.25, upper = 0.75 }");
    let inside = [0.25, 0.5, 0.75, 0.5];
    for place in 0..inside.len() {
        for (value, verdict) in [
            (0.25, Verdict::Confirmed),
            (0.75, Verdict::Confirmed),
            (0.25_f64.next_down(), Verdict::Refuted),
            (0.75_f64.next_up(), Verdict::Refuted),
        ] {
            let mut values = inside.map(Some);
            values[place] = Some(value);
            let found = &findings(&every, &values)[0].estimate;
            assert_eq!(found.verdict, verdict, "{value} in world {place}");
            let after = if verdict == Verdict::Refuted {
                place + 1
            } else {
                4
            };
            assert_eq!(found.decided_after, Some(after as u64));
        }
    }
}

#[test]
fn a_world_without_a_number_counts_against_every_statistic() {
    let cases = [
        (
            "share",
            "event = { lower = 0.5 }\nband = { lower = 0.5 }",
            Verdict::Refuted,
        ),
        (
            "share",
            "event = { upper = 0.5 }\nband = { upper = 0.5 }",
            Verdict::Refuted,
        ),
        (
            "share",
            "event = { lower = 0.5 }\nband = { lower = 0.2, upper = 0.8 }",
            Verdict::Undecided,
        ),
        ("bounded-mean", "band = { lower = 0.5 }", Verdict::Refuted),
        ("bounded-mean", "band = { upper = 0.9 }", Verdict::Refuted),
        (
            "bounded-mean",
            "band = { lower = 0.2, upper = 0.9 }",
            Verdict::Undecided,
        ),
        ("mean", "band = { lower = 0.5 }", Verdict::Undecided),
        (
            "mean",
            "band = { lower = 0.5, upper = 1.5 }",
            Verdict::Undecided,
        ),
        ("every-world", "band = { lower = 0.5 }", Verdict::Refuted),
    ];
    for (statistic, rest, without) in cases {
        let [finding] = &findings(&claim(statistic, rest), &[None; 40])[..] else {
            panic!("one claim");
        };
        assert_eq!(finding.estimate.verdict, without, "{statistic} {rest}");
        let undefined = finding.undefined.as_ref().expect("they are on show");
        assert_eq!(undefined.worlds, finding.estimate.worlds);
        assert_eq!(
            (undefined.first, undefined.reason.as_str()),
            (0, "nothing is there")
        );
        let text = serde_json::to_string(finding).expect("written");
        let read: Finding = serde_json::from_str(&text).expect("it reads back");
        assert_eq!(serde_json::to_string(&read).expect("written"), text);
    }
}

/// What shows nothing refutes nothing: not where the claim must be refuted. Worlds with a number
/// may still refute a share or a bounded mean, against those without.
#[test]
fn a_world_without_a_number_does_not_help_to_refute_in_a_control() {
    let mut mixed = [Some(0.1); 60];
    mixed[7] = None;
    for (statistic, rest, refutable) in [
        (
            "share",
            "event = { lower = 0.5 }\nband = { lower = 0.5 }",
            true,
        ),
        (
            "share",
            "event = { lower = 0.5 }\nband = { lower = 0.2, upper = 0.8 }",
            false,
        ),
        ("bounded-mean", "band = { lower = 0.5 }", true),
        ("bounded-mean", "band = { lower = 0.5, upper = 0.9 }", false),
        ("mean", "band = { lower = 0.5 }", false),
        ("mean", "band = { lower = 0.5, upper = 1.5 }", false),
        ("every-world", "band = { lower = 0.5 }", true),
    ] {
        let of = |values: &[Option<f64>]| in_control(&claim(statistic, rest), values);
        let nothing = of(&[None; 60]);
        assert_eq!(
            nothing.estimate.verdict,
            Verdict::Undecided,
            "{statistic} {rest}"
        );
        assert!(nothing.undefined.is_some());
        assert_eq!(
            of(&[Some(0.1); 60]).estimate.verdict,
            Verdict::Refuted,
            "{statistic} {rest}"
        );
        let late = of(&mixed);
        let expected = if refutable {
            Verdict::Refuted
        } else {
            Verdict::Undecided
        };
        // A verdict may have come before the world without a number was asked for.
        if late.undefined.is_some() {
            assert_eq!(late.estimate.verdict, expected, "{statistic} {rest}");
        }
        let mut first = mixed;
        first.swap(0, 7);
        assert_eq!(of(&first).estimate.verdict, expected, "{statistic} {rest}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Wherever the worlds without a number stand, and however well the others do.
    #[test]
    fn a_mean_with_a_world_without_a_number_is_never_confirmed(
        values in prop::collection::vec(prop::option::weighted(0.9, 0.7_f64..0.8), 30..60),
    ) {
        let lacking = values.iter().filter(|v| v.is_none()).count() as u64;
        let of = |rest: &str| findings(&claim("mean", rest), &values).remove(0);
        let good = of("band = { lower = 0.5, upper = 1.0 }");
        prop_assert!(lacking == 0 || good.undefined.is_none() || good.estimate.verdict == Verdict::Undecided);
        // It stops at a confirmation that came before, or sees them all.
        let seen = &values[..good.estimate.worlds as usize];
        prop_assert_eq!(good.undefined.map_or(0, |u| u.worlds), seen.iter().filter(|v| v.is_none()).count() as u64);
        // The others may still refute.
        let bad = of("band = { upper = 0.2 }").estimate.verdict;
        // A dozen numbers do; of thirty worlds at nine in ten there are more.
        prop_assert!(bad == Verdict::Refuted || values.len() as u64 - lacking < 12);
    }

    /// One in which a claim on every world holds but for them.
    #[test]
    fn one_world_without_a_number_breaks_a_claim_on_every_world(at in 0_usize..20) {
        let mut values = [Some(1.0); 20];
        values[at] = None;
        let finding = findings(&claim("every-world", "band = { lower = 0.5 }"), &values).remove(0);
        prop_assert_eq!(finding.estimate.verdict, Verdict::Refuted);
        prop_assert_eq!(finding.estimate.decided_after, Some(at as u64 + 1));
    }
}

/// Networks that learn nothing: no gain to recover, and no winner that could have been predicted.
#[test]
fn what_has_no_meaning_is_shown_and_counts_against_the_claim() {
    let more = r#"
[[claims]]
name = "recovered-everywhere"
quantity = "ensemble.recovered_share"
statistic = "every-world"
band = { lower = 0.5 }

[[claims]]
name = "predicted"
quantity = "lottery.predicted_share"
band = { upper = 0.3 }

[profiles]"#;
    let text = nothing_learned().replacen("[profiles]", more, 1);
    let folder = folder();
    let report = folder.path().join("report.json");
    let mut run = verify(&folder, &text);
    run.arg("--json").arg(&report);
    let assert = run.assert().code(1);
    let shown = String::from_utf8_lossy(&assert.get_output().stdout).into_owned();
    let words: Vec<&str> = shown.split(|c: char| !c.is_alphanumeric()).collect();
    let words = words.join(" ");
    assert!(
        words.contains("without a number") || words.contains("no number"),
        "{shown}"
    );
    let report: Value = serde_json::from_str(&read(&report)).expect("JSON");
    let finding = |name: &str| {
        let all = report["findings"].as_array().expect("findings").iter();
        all.clone()
            .find(|f| f["claim"] == name)
            .expect("judged")
            .clone()
    };
    assert_eq!(finding("recovered")["estimate"]["verdict"], "undecided");
    assert_eq!(
        finding("recovered-everywhere")["estimate"]["verdict"],
        "refuted"
    );
    // One of three classes knows a view after one step, by luck; of the others none was predicted.
    let predicted = finding("predicted")["estimate"]["mean"].as_f64();
    assert!(predicted.is_some_and(|share| share < 0.5), "{predicted:?}");
    let reason = &finding("recovered")["undefined"]["reason"];
    assert_eq!(reason, "the ensemble gains nothing over the single models");
    let directory = folder.path().join("record");
    assert!(
        read(&directory.join("worlds.jsonl"))
            .contains("{\"undefined\":\"the ensemble gains nothing")
    );
    let again = resume(&directory).assert().code(1);
    assert_eq!(String::from_utf8_lossy(&again.get_output().stdout), shown);
}

/// A theorem of networks that learn nothing, on the share of a gain that is not there in some
/// worlds.
fn nothing_learned() -> String {
    let head = SMALL.split("[[claims]]").next().expect("a head");
    head.replacen("steps = 400", "steps = 1", 1)
        + r#"
[[claims]]
name = "recovered"
quantity = "ensemble.recovered_share"
band = { lower = 0.5 }

[profiles]
quick = { confidence = 0.9, worlds = 12 }
full = { confidence = 0.9, worlds = 12 }
"#
}

/// In tables, maps and pictures of explorations as well.
#[test]
fn an_exploration_shows_worlds_without_a_number() {
    let folder = folder();
    let theorem = file(&folder, &nothing_learned());
    for (name, axes) in [("curve", &["k=6,8"][..]), ("map", &["k=6,8", "m=3,4"])] {
        let out = folder.path().join(name);
        let mut explore = multiview();
        explore
            .args(["explore", "--worlds", "12", "--theorem"])
            .arg(&theorem);
        explore.arg("--out").arg(&out);
        for axis in axes {
            explore.args(["--axis", axis]);
        }
        let explored = explore.assert().code(3);
        explored
            .stdout(contains("no number in"))
            .stdout(contains("Undecided: "));
        let table: Value = serde_json::from_str(&read(&out.join("cells.json"))).expect("JSON");
        let rows = table["rows"].as_array().expect("rows");
        assert!(
            rows.iter().any(|row| row["undefined"].as_u64() > Some(0)),
            "{rows:?}"
        );
        for row in rows {
            let reason = row["undefined_reason"].as_str().unwrap_or_default();
            let gains_nothing = reason.starts_with("the ensemble gains nothing");
            assert_eq!(gains_nothing, row["undefined"].as_u64() > Some(0), "{row}");
        }
        assert!(
            rows.iter().all(|row| row["verdict"] != "confirmed"),
            "{rows:?}"
        );
        assert!(read(&out.join("README.md")).contains("no number in"));
        for entry in std::fs::read_dir(&out).expect("files") {
            let path = entry.expect("a file").path();
            if path.extension().is_some_and(|e| e == "svg") {
                assert!(!read(&path).contains("NaN"), "{}", path.display());
            }
        }
    }
}

/// Only classes that learned a view can have been predicted, of all classes.
#[test]
fn what_was_not_learned_was_not_predicted() {
    let mut theorem = Theorem::parse("small", SMALL).expect("valid");
    let mut least: f64 = 1.0;
    for (world, steps) in [1, 40, 80, 120, 400].into_iter().enumerate() {
        theorem.regime.training.steps = steps.into();
        let draws = theorem.procedure.test_draws;
        let mut models = Models::new(&theorem.regime, draws, crate::small::seed(world as u64));
        let outcome = models.outcome(&theorem.procedure).expect("measured");
        let share = |name: &str| outcome.quantities[&format!("lottery.{name}")].number();
        let (predicted, learned) = (share("predicted_share"), share("some_view_share"));
        assert!(
            predicted <= learned,
            "{steps}: {predicted:?} of {learned:?}"
        );
        least = least.min(learned.expect("a number"));
    }
    assert!(
        least < 0.5,
        "some of the networks learned too much: {least}"
    );
}

#[test]
fn nothing_decided_is_not_all_well() {
    let full = |claim: &str| {
        let name = format!("name = \"{claim}\"");
        SMALL.replacen(&name, &format!("{name}\nprofile = \"full\""), 1)
    };
    let all = ["below-one", "some-view", "fitted"]
        .iter()
        .fold(SMALL.to_owned(), |text, claim| {
            let name = format!("name = \"{claim}\"");
            text.replacen(&name, &format!("{name}\nprofile = \"full\""), 1)
        });
    for (text, claims, controls) in [
        (all, 3, 1),
        (full("fitted"), 1, 1),
        (full("below-one"), 1, 0),
    ] {
        let folder = folder();
        let shown = verify(&folder, &text).assert().code(3);
        let words = format!(
            "Not run: {} and {} of negative controls",
            counted(claims, "claim"),
            counted(controls, "claim")
        );
        let shown = shown.stdout(contains(words).and(contains("Every claim is confirmed").not()));
        let output = String::from_utf8_lossy(&shown.get_output().stdout).into_owned();
        assert!(output.contains("negative control untrained"), "{output}");
        // For no claim no world is trained.
        let nothing = output.contains("Nothing is decided") && output.contains("seed 1, 0 worlds");
        assert_eq!(nothing, claims == 3, "{output}");
        assert_eq!(
            output.matches("not run").count(),
            claims + controls,
            "{output}"
        );
    }
    // Without a control there is none that was refuted.
    let alone = SMALL.split("[[controls]]").next().expect("a head");
    let folder = folder();
    let shown = verify(&folder, alone).assert().code(0);
    shown.stdout(contains("No negative control").and(contains("control refuted").not()));
}

/// A world of this version in a record, and the seal on it, by the library alone.
#[test]
fn a_seal_comes_off_before_a_line_is_written() {
    let [manifest, worlds, seal] = &*FINISHED;
    let folder = folder();
    let directory = record(&folder, [manifest, worlds, seal]);
    let plan: Plan = Record::manifest(&directory).expect("a plan");
    let (mut record, Kept { worlds, .. }) = Record::resume(&directory, &plan).expect("a record");
    let (experiment, outcome) = {
        let ((experiment, _), outcome) = worlds.first_key_value().expect("a world");
        (experiment.clone(), outcome.clone())
    };
    let world = 1000;
    record
        .append(&WorldRecord {
            experiment,
            world,
            outcome,
        })
        .expect("written");
    assert!(!directory.join("seal.json").exists());
    drop(record);
    resume(&directory).assert().code(0);
    assert!(directory.join("seal.json").exists());
}
