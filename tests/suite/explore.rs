//! Exploring: the grammar, interruptions, shards, and what is written.

use super::cli::{files, multiview};
use assert_cmd::Command;
use multiview::allocation::{Demand, deal};
use multiview::explore::{Design, Manifest, Shard, Sweep};
use multiview::record::Record;
use multiview::theorem::Theorem;
use predicates::str::contains;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tempfile::TempDir;

const SWEEP: &str = "tests/fixtures/sweep.toml";

fn explore() -> Command {
    let mut command = multiview();
    command.arg("explore");
    command
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// The files of the record of the whole.
fn merged(parts: &[PathBuf]) -> [Vec<u8>; 3] {
    let folder = folder();
    let whole = folder.path().join("whole");
    explore()
        .arg("merge")
        .arg(&whole)
        .args(parts)
        .assert()
        .success();
    files(&whole)
}

fn run(out: &Path, extra: &[&str]) {
    explore()
        .arg(SWEEP)
        .arg("--out")
        .arg(out)
        .args(extra)
        .assert()
        .success();
}

#[test]
fn bad_sweeps_name_the_field_the_value_and_the_range() {
    for (axes, message) in [
        (&["--axis", "k"][..], "axes.k.values is missing: "),
        (&["--axis", "nothing=1,2"], "axes.parameter = \"nothing\""),
        (
            &["--axis", "steps=1,2", "--theorem", "ensemble-distillation"],
            "one of procedure.distillation.steps, regime.training.steps",
        ),
        (
            &["--axis", "sigma0=1..0:log:3"],
            "axes.sigma0 = \"1..0:log:3\"",
        ),
        (&["--axis", "sigma0=0..1:log:3"], "a above 0 for log"),
        (&["--axis", "sigma0="], "at least one value"),
        (&["--axis", "k=1"], "regime.data.classes = 1"),
        (&["--axis", "k=4", "--worlds", "0"], "worlds = 0"),
        (&["--axis", "k=4", "--confidence", "2"], "confidence = 2.0"),
        (
            &["--axis", "k=4", "--claim", "none"],
            "the theorem claims test-error, training-error",
        ),
        (&["--axis", "k=4", "--shard", "4/4"], "I from 0 to below N"),
        (
            &["--axis", "k=4", "--theorem", "concentration"],
            "without a sweep of its own",
        ),
        (
            &["--axis", "k=6,8", "--total-worlds", "1"],
            "total_worlds = 1 is out of range: at least one for each of 2 cells",
        ),
        (
            &["--axis", "k=6,8", "--total-worlds", "20", "--shard", "0/2"],
            "total_worlds = 20 is out of range: none when the cells are dealt out to shards",
        ),
        (&[], "axes is missing"),
        (
            &["unknown"],
            "shipped are where-it-begins, width-and-step, what-kills-the-lottery",
        ),
    ] {
        explore()
            .args(axes)
            .assert()
            .code(2)
            .stderr(contains(message));
    }
}

#[test]
fn ranges_and_designs_make_the_cells_they_say() {
    let text = std::fs::read_to_string(SWEEP).expect("the fixture");
    let mut sweep = Sweep::parse(SWEEP, &text).expect("valid");
    assert_eq!(sweep.cells().expect("valid").len(), 8);
    sweep.axes[0].values = multiview::explore::Values::parse("2..32:log:5");
    let values = sweep.axes[0].values.list("k").expect("valid");
    let numbers: Vec<f64> = values.iter().filter_map(toml::Value::as_float).collect();
    assert_eq!(numbers, [2.0, 4.0, 8.0, 16.0, 32.0]);
    // A range over whole numbers is rounded to them, each once.
    let axis = sweep.axes[0].clone();
    for (parameter, range, whole) in [
        ("k", "10..40:log:3", vec!["10", "20", "40"]),
        ("m", "1..3:lin:5", vec!["1", "2", "3"]),
        ("N", "100..300:lin:3", vec!["100", "200", "300"]),
        (
            "init_scale",
            "1e-3..1e-1:log:3",
            vec!["0.001", "0.01", "0.1"],
        ),
    ] {
        sweep.axes.truncate(1);
        sweep.axes[0].parameter = parameter.into();
        sweep.axes[0].values = multiview::explore::Values::parse(range);
        let cells = sweep.cells().expect(range);
        let values: Vec<String> = cells.iter().map(|c| c.values[0].1.to_string()).collect();
        assert_eq!(values, whole, "{parameter} = {range}");
    }
    sweep = Sweep::parse(SWEEP, &text).expect("valid");
    sweep.axes[0] = axis;
    sweep.axes[0].parameter = "regime.data.single_view_other_weight".into();
    sweep.axes[0].values = multiview::explore::Values::parse("0.3..0.9:lin:4");
    sweep.design = Design::LatinHypercube;
    let cells = sweep.cells().expect("valid");
    assert_eq!(cells.len(), 4);
    for axis in 0..2 {
        let mut seen: Vec<String> = cells.iter().map(|c| c.values[axis].1.to_string()).collect();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 4, "each value once");
    }
}

#[test]
fn shipped_sweeps_are_valid() {
    for (name, _) in multiview::explore::sweep::EMBEDDED {
        let sweep = Sweep::embedded(name).expect("embedded");
        assert_eq!(sweep.name, *name);
        assert!(!sweep.cells().expect("in range").is_empty());
    }
    explore()
        .arg("failed")
        .assert()
        .success()
        .stdout(contains("ties"));
}

#[test]
fn a_dry_run_lists_the_cells_and_trains_nothing() {
    let folder = folder();
    let out = folder.path().join("out");
    explore()
        .args([SWEEP, "--dry-run", "--out"])
        .arg(&out)
        .assert()
        .success()
        .stdout(contains("8 cells"));
    assert!(!out.exists());
}

#[test]
fn shards_merge_to_what_one_process_makes() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    run(&at("one"), &["--threads", "1"]);
    run(&at("two"), &["--threads", "2"]);
    let parts: Vec<PathBuf> = (0..3).map(|i| at(&format!("part-{i}"))).collect();
    for (i, part) in parts.iter().enumerate() {
        run(part, &["--shard", &format!("{i}/3")]);
    }
    let whole = files(&at("one"));
    assert_eq!(files(&at("two")), whole);
    assert_eq!(merged(&[at("two")]), whole);
    assert_eq!(merged(&parts), whole);

    // A launcher's word is as good as the flag's.
    let slurm = at("slurm");
    explore()
        .args([SWEEP, "--out"])
        .arg(&slurm)
        .envs([
            ("SLURM_ARRAY_TASK_ID", "1"),
            ("SLURM_ARRAY_TASK_COUNT", "3"),
        ])
        .assert()
        .success();
    let read = |p: &Path| std::fs::read_to_string(p.join("cells.csv")).expect("a table");
    assert_eq!(read(&slurm), read(&parts[1]));
}

#[test]
fn merging_refuses_what_does_not_belong_together() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    run(&at("a"), &["--shard", "0/2"]);
    run(&at("b"), &["--shard", "1/2", "--seed", "4"]);
    run(&at("c"), &["--shard", "1/2"]);
    let refused = |parts: &[&str], message: &str| {
        let parts = parts.iter().map(|p| at(p));
        let into = at("whole");
        explore()
            .arg("merge")
            .arg(&into)
            .args(parts)
            .assert()
            .code(2)
            .stderr(contains(message));
        assert!(!into.exists());
    };
    refused(&["a", "b"], "seed = 4, others 3");
    refused(&["a"], "all of them are needed");
    refused(&["a", "a"], "each once");
    let worlds = at("c").join("worlds.jsonl");
    let text = std::fs::read_to_string(&worlds).expect("worlds");
    let cut = text.lines().take(3).collect::<Vec<_>>().join("\n") + "\n";
    std::fs::write(&worlds, cut).expect("written");
    refused(&["a", "c"], "unfinished");
    let manifest = at("c").join("manifest.json");
    let text = std::fs::read_to_string(&manifest).expect("a manifest");
    let version = format!("\"version\": \"{}\"", env!("CARGO_PKG_VERSION"));
    std::fs::write(&manifest, text.replace(&version, "\"version\": \"0.0.0\"")).expect("written");
    refused(&["a", "c"], "version 0.0.0");
}

#[test]
fn a_merge_warns_of_torn_lines_and_refuses_worlds_that_are_not_a_part_s_own() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    run(&at("a"), &["--shard", "0/2"]);
    run(&at("b"), &["--shard", "1/2"]);
    let merge = |into: &str| {
        let mut merge = explore();
        merge.arg("merge").arg(at(into)).args([at("a"), at("b")]);
        merge.assert()
    };
    let worlds = at("b").join("worlds.jsonl");
    let own = std::fs::read_to_string(&worlds).expect("worlds");
    std::fs::write(&worlds, format!("{own}{{\"experiment\":\"to")).expect("written");
    merge("torn").success().stderr(contains("torn last line"));
    // A world of another part, as it is or with another outcome.
    let other = std::fs::read_to_string(at("a").join("worlds.jsonl")).expect("worlds");
    let line = other.lines().next().expect("a world");
    for line in [
        line.to_owned(),
        line.replacen("\"test_error\":", "\"test_error\":1", 1),
    ] {
        std::fs::write(&worlds, format!("{own}{line}\n")).expect("written");
        let place = format!("worlds.jsonl:{}: ", own.lines().count() + 1);
        merge("foreign").code(2).stderr(contains(place));
        assert!(!at("foreign").exists());
    }
    // One of its own with two outcomes.
    let line = own.lines().next().expect("a world");
    let line = line.replacen("\"test_error\":", "\"test_error\":1", 1);
    std::fs::write(&worlds, format!("{own}{line}\n")).expect("written");
    merge("conflict")
        .code(2)
        .stderr(contains("another outcome"));
}

#[test]
fn kills_and_torn_lines_lose_and_repeat_nothing() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    run(&at("calm"), &[]);
    let stormy = at("stormy");
    for pause in [5, 20, 40, 80] {
        let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_multiview"))
            .args(["explore", SWEEP, "--threads", "2", "--out"])
            .arg(&stormy)
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("it starts");
        std::thread::sleep(std::time::Duration::from_millis(pause));
        let _ = child.kill();
        let _ = child.wait();
    }
    // As a full disk or a crash in the middle of a write leaves it. Nothing is written before the
    // manifest is there, which on a busy machine a kill may forestall.
    let worlds = stormy.join("worlds.jsonl");
    if stormy.join("manifest.json").exists()
        && let Ok(mut text) = std::fs::read_to_string(&worlds)
    {
        text.push_str("{\"experiment\":\"torn");
        std::fs::write(&worlds, text).expect("written");
    }
    run(&stormy, &[]);
    let text = std::fs::read_to_string(&worlds).expect("worlds");
    let mut keys: Vec<&str> = text
        .lines()
        .map(|l| l.split("\"outcome\"").next().unwrap_or(l))
        .collect();
    let count = keys.len();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), count, "a world was repeated");
    assert_eq!(files(&stormy), files(&at("calm")));
}

#[test]
fn another_sweep_is_not_mixed_into_a_record() {
    let folder = folder();
    run(folder.path(), &[]);
    let before = std::fs::read(folder.path().join("worlds.jsonl")).expect("worlds");
    explore()
        .args([SWEEP, "--seed", "9", "--out"])
        .arg(folder.path())
        .assert()
        .code(2)
        .stderr(contains("holds another sweep"));
    let after = std::fs::read(folder.path().join("worlds.jsonl")).expect("worlds");
    assert_eq!(before, after);
}

#[test]
fn tables_and_maps_are_written_and_stable() {
    let folder = folder();
    run(folder.path(), &[]);
    let read = |name: &str| std::fs::read(folder.path().join(name)).expect(name);
    assert!(read("map-classes-init_scale-test-error.png").starts_with(b"\x89PNG"));
    let parquet = std::fs::read(folder.path().join("cells.parquet"));
    assert_eq!(parquet.is_ok(), cfg!(feature = "parquet"));
    assert!(
        parquet.is_ok_and(|bytes| bytes.starts_with(b"PAR1")) || cfg!(not(feature = "parquet"))
    );
    let svg = String::from_utf8(read("map-classes-init_scale-test-error.svg")).expect("UTF-8");
    assert!(svg.contains("<title>") && svg.contains('✗'));
    let json: serde_json::Value = serde_json::from_slice(&read("cells.json")).expect("JSON");
    assert_eq!(json["rows"].as_array().map(Vec::len), Some(8));
    assert!(json["columns"]["measured"].is_string());
    let page = String::from_utf8(read("README.md")).expect("UTF-8");
    insta::assert_snapshot!(page.replace(env!("CARGO_PKG_VERSION"), "VERSION"));
}

/// Of three axes a text map shows two: each cell's mark and value, and the value of the third.
#[test]
fn a_text_map_shows_values_and_says_where_it_cuts() {
    let folder = folder();
    let mut explore = explore();
    explore.args([
        "--theorem",
        "tests/fixtures/small.toml",
        "--claim",
        "fitted",
    ]);
    explore.args([
        "--axis",
        "k=6,8",
        "--axis",
        "m=2,3",
        "--axis",
        "sigma0=0.01,0.02",
    ]);
    explore.args(["--worlds", "2", "--out"]).arg(folder.path());
    let shown = explore.assert().code(3);
    let map = String::from_utf8_lossy(&shown.get_output().stdout).into_owned();
    assert!(map.contains("\nat init_scale = 0.01\n"), "{map}");
    let table = std::fs::read_to_string(folder.path().join("cells.csv")).expect("a table");
    let cells =
        csv::Reader::from_reader(table.as_bytes()).into_deserialize::<BTreeMap<String, String>>();
    let mut shown = 0;
    for cell in cells
        .map(|cell| cell.expect("a row"))
        .filter(|cell| cell["init_scale"] == "0.01")
    {
        let measured: f64 = cell["measured"].parse().expect("a number");
        let value = if measured == 0.0 {
            "0".into()
        } else {
            format!("{measured:.3}")
        };
        assert!(map.contains(&format!("… {value}")), "{value} in {map}");
        shown += 1;
    }
    assert_eq!(shown, 4);
}

#[test]
fn a_full_disk_stops_the_run_and_loses_nothing() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    run(&at("calm"), &[]);
    let full = at("full");
    // A file may grow to 8 KiB: then writing fails, as it does where the disk is full.
    let limited = "trap '' XFSZ; ulimit -f 8; exec \"$@\"";
    Command::new("bash")
        .args(["-c", limited, "bash", env!("CARGO_BIN_EXE_multiview")])
        .args(["explore", SWEEP, "--threads", "2", "--out"])
        .arg(&full)
        .assert()
        .code(2)
        .stderr(contains("worlds.jsonl"));
    let worlds = full.join("worlds.jsonl");
    let before = std::fs::read_to_string(&worlds).expect("worlds");
    assert!(before.ends_with('\n'), "a torn line stayed");
    let kept = format!("({} worlds kept)", before.lines().count());
    let mut again = explore();
    again.arg(SWEEP).arg("--out").arg(&full);
    again.assert().success().stderr(contains(kept));
    assert_eq!(files(&full), files(&at("calm")));
}

#[test]
fn a_second_process_is_kept_off_a_store() {
    let folder = folder();
    let out = folder.path().join("out");
    let mut first = std::process::Command::new(env!("CARGO_BIN_EXE_multiview"))
        .args(["explore", "tests/fixtures/array.toml", "--shard", "7/8"])
        .arg("--out")
        .arg(&out)
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("it starts");
    let worlds = || std::fs::read_to_string(out.join("worlds.jsonl")).unwrap_or_default();
    while worlds().is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    explore()
        .args(["tests/fixtures/array.toml", "--shard", "7/8", "--out"])
        .arg(&out)
        .assert()
        .code(2)
        .stderr(contains("in use by another process"));
    let _ = first.kill();
    let _ = first.wait();
    assert!(worlds().lines().all(|l| l.starts_with("{\"experiment\"")));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    /// Whatever was kept when it was interrupted, and on however many threads it goes on.
    #[test]
    fn a_total_is_dealt_out_alike_whatever_happens(
        total in 8_u64..80,
        threads in 1_usize..5,
        kept in any::<u64>(),
    ) {
        let text = std::fs::read_to_string(SWEEP).expect("the fixture");
        let mut sweep = Sweep::parse(SWEEP, &text).expect("valid");
        sweep.total_worlds = Some(total);
        let plan = Manifest::new(sweep, Shard::WHOLE)
            .and_then(|m| m.plan()).expect("in range");
        let folder = folder();
        let run = |name: &str, threads: usize| {
            let directory = folder.path().join(name);
            let (record, kept) = Record::resume(&directory, &plan).expect("a record");
            plan.run(record, kept, threads, &|_| {}).expect("it runs")
        };
        for name in ["calm", "stormy"] {
            Record::create(&folder.path().join(name), &plan).expect("begun");
        }
        let calm = run("calm", 1);
        let lines = |name: &str| {
            std::fs::read_to_string(folder.path().join(name).join("worlds.jsonl")).expect("worlds")
        };
        let all = lines("calm");
        let survivors: String = (all.lines().enumerate())
            .filter(|(i, _)| kept >> (i % 64) & 1 == 1)
            .map(|(_, line)| format!("{line}\n"))
            .collect();
        std::fs::write(folder.path().join("stormy/worlds.jsonl"), survivors).expect("written");
        let stormy = run("stormy", threads);
        prop_assert_eq!(&stormy, &calm);
        prop_assert!(calm.worlds <= total);
        let (_, kept) = Record::resume(&folder.path().join("stormy"), &plan).expect("a record");
        prop_assert_eq!(plan.replay(&kept.worlds).expect("judged"), Some(calm));
    }
}

proptest! {
    #[test]
    fn a_round_stays_within_the_total_and_gives_the_settled_nothing(
        total in 0_u64..500,
        cells in prop::collection::vec((0_u64..20, 0_u64..30, prop::option::of(0_u64..40)), 1..12),
    ) {
        let demands: Vec<Demand> = (cells.iter())
            .map(|&(seen, more, needs)| Demand { seen, most: seen + more, needs })
            .collect();
        let seen: u64 = demands.iter().map(|s| s.seen).sum();
        let allowed = deal(total, &demands);
        prop_assert!(allowed.iter().sum::<u64>() <= total.max(seen));
        let mut open_and_waiting = false;
        for (demand, allowed) in demands.iter().zip(&allowed) {
            prop_assert!((demand.seen..=demand.most).contains(allowed));
            if demand.needs.is_none() {
                prop_assert_eq!(*allowed, demand.seen);
            }
            open_and_waiting |= demand.needs.is_some() && demand.seen < demand.most;
        }
        // As long as there is something to give and someone to take it, a round gives.
        let given = allowed.iter().sum::<u64>() > seen;
        prop_assert_eq!(given, open_and_waiting && seen < total);
    }
}

#[test]
fn what_the_settled_did_not_spend_goes_to_the_nearest_to_a_verdict() {
    let cell = |needs| Demand {
        seen: 10,
        most: 40,
        needs,
    };
    let cells = [cell(None), cell(Some(3)), cell(Some(30)), cell(None)];
    assert_eq!(deal(60, &cells), [10, 13, 25, 10]);
    assert_eq!(deal(42, &cells), [10, 12, 10, 10]);
}

/// Along one axis all shares stand in one picture, with the value from which each claim is
/// confirmed: read here from the table.
#[test]
fn shares_are_drawn_together() {
    let folder = folder();
    let base = include_str!("../fixtures/small.toml");
    let (head, _) = base.split_once("[[claims]]").expect("claims");
    let share = |name: &str, upper: &str| {
        format!(
            "[[claims]]\nname = \"{name}\"\nquantity = \"single.training_error\"\nstatistic = \"share\"\n\
             event = {{ upper = {upper} }}\nband = {{ lower = 0.5 }}\n\n"
        )
    };
    let profiles = "[profiles]\nquick = { confidence = 0.9, worlds = 24 }\nfull = { confidence = 0.95, worlds = 30 }\n";
    let theorem = folder.path().join("theorem.toml");
    let claims = share("fitted", "0.2") + &share("never", "-1.0");
    std::fs::write(&theorem, format!("{head}{claims}{profiles}")).expect("written");
    let sweep = folder.path().join("sweep.toml");
    let text = format!(
        "name = \"steps\"\ntitle = \"Steps\"\ntheorem = {:?}\nworlds = 30\nconfidence = 0.9\nseed = 3\n\n[[axes]]\n\
         parameter = \"regime.training.steps\"\nvalues = [1, 300, 400]\n",
        theorem.display().to_string()
    );
    std::fs::write(&sweep, text).expect("written");
    let out = folder.path().join("out");
    explore()
        .arg(&sweep)
        .arg("--out")
        .arg(&out)
        .assert()
        .success();
    let table = std::fs::read_to_string(out.join("cells.csv")).expect("a table");
    let confirmed = |claim: &str| -> Vec<bool> {
        let rows = table.lines().filter(|row| row.contains(claim));
        rows.map(|row| row.contains("confirmed")).collect()
    };
    assert_eq!(confirmed("fitted"), [false, true, true]);
    assert_eq!(confirmed("never"), [false; 3]);
    let page = std::fs::read_to_string(out.join("README.md")).expect("a page");
    assert!(page.contains("![Steps](curve-steps.svg)"), "{page}");
    let beginnings = "fitted: ≥ 0.5 from steps = 300. never: ≥ 0.5 at no value yet.";
    assert!(page.contains(beginnings), "{page}");
}

/// A sweep of variants over the small theorem: what it says, and the folder that its files stand
/// in.
fn variants(folder: &Path, more: &str) -> PathBuf {
    let theorem = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/small.toml");
    let text = format!(
        "name = \"parts\"\ntitle = \"Parts\"\ntheorem = {theorem:?}\nclaims = [\"fitted\"]\nworlds = 2\nconfidence = 0.9\n\
         seed = 3\n{more}\n[[variants]]\nname = \"working\"\nwhy = \"Nothing is changed.\"\n\n[[variants]]\nname = \"short\"\n\
         why = \"One step | is none.\"\n[variants.set]\n\"regime.training.steps\" = 1\n"
    );
    let file = folder.join("variants.toml");
    std::fs::write(&file, text).expect("written");
    file
}

/// A variant is the base theorem with the variant's own values and nothing else, in the order of
/// the file; an axis multiplies.
#[test]
fn variants_are_the_base_with_their_own_values() {
    let folder = folder();
    let read = |more: &str| {
        let file = variants(folder.path(), more);
        let text = std::fs::read_to_string(&file).expect("a file");
        Sweep::parse("variants.toml", &text).expect("valid").cells()
    };
    let base = Theorem::read("tests/fixtures/small.toml".as_ref()).expect("the fixture");
    let alone = read("").expect("in range");
    assert_eq!(alone.len(), 2);
    assert_eq!(alone[0].theorem.setting(), base.setting());
    let mut short = base.setting();
    short.regime.training.steps = 1.into();
    assert_eq!(alone[1].theorem.setting(), short);
    assert_eq!(alone[1].values, [("variant".into(), "short".into())]);

    let with_axis = read("[[axes]]\nparameter = \"m\"\nvalues = [2, 3]\n").expect("in range");
    let widths = with_axis
        .iter()
        .map(|cell| cell.theorem.regime.network.neurons_per_class);
    assert_eq!(widths.collect::<Vec<_>>(), [2, 2, 3, 3]);
    let steps = with_axis
        .iter()
        .map(|cell| cell.theorem.regime.training.steps == short.regime.training.steps);
    assert_eq!(steps.collect::<Vec<_>>(), [false, true, false, true]);
}

/// Variants that are none are refused, with the field, the value and the rule.
#[test]
fn bad_variants_are_refused() {
    let folder = folder();
    for (more, message) in [
        (
            "[[variants]]\nname = \"short\"\nwhy = \"\"\n",
            "variants.name = \"short\" is given twice: each variant has a name of its own",
        ),
        (
            "[[axes]]\nparameter = \"regime.training.steps\"\nvalues = [2, 3]\n",
            "variants.short = \"regime.training.steps\" is given twice: a parameter has an axis or is set by variants",
        ),
        (
            "[[variants]]\nname = \"new\"\nwhy = \"\"\n[variants.set]\n\"regime.training.stepz\" = 2\n",
            "cell 0: regime.training.stepz",
        ),
        (
            "[[variants]]\nname = \"new\"\nwhy = \"\"\n[variants.set]\n\"regime.data.classes\" = 1\n",
            "regime.data.classes = 1 is out of range",
        ),
        ("[[variants]]\nname = \"\"\nwhy = \"\"\n", "variants.name"),
        ("[[variants]]\nname = \"new\"\n", "why"),
    ] {
        explore()
            .arg(variants(folder.path(), more))
            .arg("--dry-run")
            .assert()
            .code(2)
            .stderr(contains(message));
    }
}

/// With `controls = true` the negative controls of the theorem follow the file's own variants.
#[test]
fn a_theorem_s_controls_are_variants() {
    let sweep = Sweep::embedded("what-kills-the-lottery").expect("embedded");
    let theorem = Theorem::embedded("what-kills-the-lottery").expect("embedded");
    let own = sweep.variants.len() - theorem.controls.len();
    assert!(own >= 2, "some variants are the sweep's own");
    for (variant, control) in sweep.variants[own..].iter().zip(&theorem.controls) {
        assert_eq!(
            (&variant.name, &variant.why, &variant.set),
            (&control.name, &control.why, &control.set)
        );
    }
    let cells = sweep.cells().expect("in range");
    assert_eq!(cells.len(), sweep.variants.len());
    assert!(cells.iter().all(|cell| cell.theorem.controls.is_empty()));
}

/// Variants alone make one picture and one table, with every claim a column: the values are those
/// of the CSV.
#[test]
fn variants_are_shown_in_one_table() {
    let folder = folder();
    let out = folder.path().join("out");
    let mut command = explore();
    command
        .arg(variants(folder.path(), ""))
        .arg("--out")
        .arg(&out);
    let shown = command.assert().code(3);
    let shown = String::from_utf8_lossy(&shown.get_output().stdout).into_owned();
    let table = std::fs::read_to_string(out.join("cells.csv")).expect("a table");
    let rows: Vec<BTreeMap<String, String>> = csv::Reader::from_reader(table.as_bytes())
        .into_deserialize()
        .map(|row| row.expect("a row"))
        .collect();
    let names: Vec<&str> = rows.iter().map(|row| row["variant"].as_str()).collect();
    assert_eq!(names, ["working", "short"]);
    let page = std::fs::read_to_string(out.join("README.md")).expect("a page");
    for row in &rows {
        let measured: f64 = row["measured"].parse().expect("a number");
        let mut lines = shown
            .lines()
            .filter(|line| line.starts_with(row["variant"].as_str()));
        let line = lines.next().expect("a line for each variant");
        let value = line.split_whitespace().last().expect("a value");
        let value: f64 = value.parse().expect("a number");
        assert!(
            (value - measured).abs() <= 0.0005,
            "{value} for {measured}: three digits are shown"
        );
        assert!(page.contains(line), "{line} in {page}");
    }
    assert!(
        page.contains("**short.** One step \\| is none. (regime.training.steps = 1)"),
        "{page}"
    );
    assert!(
        shown
            .lines()
            .all(|line| line.starts_with("tables and maps in") || line.chars().count() <= 80)
    );
    let picture = std::fs::read_to_string(out.join("variant.svg")).expect("a picture");
    assert!(picture.contains("working") && picture.contains("fitted"));
}
