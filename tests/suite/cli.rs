//! The program as a user meets it: good input, bad input, interruption.

use assert_cmd::Command;
use multiview::record::Record;
use multiview::theorem::{Source, Theorem};
use predicates::prelude::*;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

const SMALL: &str = include_str!("../fixtures/small.toml");

pub fn multiview() -> Command {
    let mut command = Command::cargo_bin("multiview").expect("the program is built");
    // Whatever the tests run under, the program is no task of it.
    for name in ["SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX"] {
        command.env_remove(name);
    }
    command
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// Writes a theorem file and returns its path.
fn file(folder: &TempDir, text: &str) -> String {
    let path = folder.path().join("theorem.toml");
    fs::write(&path, text).expect("the file is written");
    path.display().to_string()
}

fn verify(folder: &TempDir, text: &str, record: &str) -> Command {
    let mut command = multiview();
    command
        .args(["verify", "--file", &file(folder, text), "--record"])
        .arg(folder.path().join(record));
    command
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).expect("a report")).expect("JSON")
}

#[test]
fn list_names_every_theorem_file() {
    let mut assert = multiview().arg("list").assert().success();
    for entry in fs::read_dir("theorems").expect("theorem files") {
        let path = entry.expect("an entry").path();
        if path.is_file() {
            let name = path.file_stem().expect("a name").to_string_lossy();
            assert = assert.stdout(predicate::str::contains(name));
        }
    }
    multiview()
        .args(["list", "--quantities"])
        .assert()
        .success()
        .stdout(predicate::str::contains("ROLE.test_error"))
        .stdout(predicate::str::contains("generation_2"))
        .stdout(predicate::str::contains("err_multi_view_MODEL"));
}

#[test]
fn show_tells_what_would_refute() {
    // A file with a sweep: 8 + 4 + 2 + 1 times its 24 worlds.
    let swept = multiview().args(["show", "concentration"]).assert();
    swept.stdout(predicate::str::contains("at most 360 worlds"));
    for words in [
        "claimed by: paper; statistic ours",
        "refuted by: ",
        "│ σ_0    ┆ regime.network.init_scale",
        "\"paper\", which is 6804",
        "Negative controls",
        "on one core",
    ] {
        let mut show = multiview();
        let shown = show.args(["show", "single-model"]).env("COLUMNS", "120");
        let shown = shown.assert();
        shown.stdout(predicate::str::contains(words));
    }
    multiview()
        .args(["show", "single-model", "--json"])
        .assert()
        .success()
        .stdout(predicate::function(|text: &str| {
            serde_json::from_str::<Value>(text).is_ok()
        }));
}

/// A shipped claim says of each part whose it is; a file that says nothing is taken at its word.
#[test]
fn claims_are_marked_by_origin() {
    for theorem in Theorem::all_embedded() {
        for claim in &theorem.claims {
            let silent = |(_, source): &(&str, Source)| *source == Source::NotStated;
            let unstated = claim.origins().into_iter().find(silent);
            assert_eq!(unstated, None, "{}: {}", theorem.name, claim.name);
        }
    }
    let folder = folder();
    let marked = SMALL.replacen(
        "band = { upper = 0.2 }",
        "band = { lower = -1.0, upper = 0.2 }\norigin = { statement = \"deduction\", band = \"deduction\", lower = \"ours\" }",
        1,
    );
    let report = folder.path().join("report.json");
    let mut run = verify(&folder, &marked, "record");
    let shown = run.args(["--json"]).arg(&report).assert().code(0);
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let table = words(&String::from_utf8_lossy(&shown.get_output().stdout));
    assert!(
        table.contains("origin") && table.contains("deduction"),
        "{table}"
    );
    let findings = json(&report)["findings"].take();
    let origins: Vec<&Value> = findings
        .as_array()
        .expect("findings")
        .iter()
        .map(|f| &f["origin"])
        .collect();
    let expected = serde_json::json!({
        "statement": "deduction", "band": "deduction", "lower": "ours", "statistic": "not-stated"
    });
    assert_eq!(origins, [&Value::Null, &Value::Null, &expected, &expected]);
    let mut show = multiview();
    let shown = show
        .arg("show")
        .arg(folder.path().join("theorem.toml"))
        .assert();
    shown.stdout(
        predicate::str::contains("claimed by: deduction; lower end ours; statistic not stated")
            .and(predicate::str::contains("claimed by: not stated")),
    );
}

#[test]
fn unknown_theorem_is_refused_with_the_nearest() {
    for command in ["show", "verify", "train"] {
        multiview()
            .args([command, "single-modle"])
            .assert()
            .code(2)
            .stderr(
                predicate::str::contains("\"single-modle\"")
                    .and(predicate::str::contains("the nearest name is single-model")),
            );
    }
}

#[test]
fn bad_options_are_usage_errors() {
    for arguments in [
        vec!["verify", "--confidence", "1"],
        vec!["verify", "--confidence", "NaN"],
        vec!["verify", "--threads", "0"],
        vec!["verify", "--seed", "-1"],
        vec!["verify", "--profile", "fast"],
        vec!["verify", "--resume", "x", "--seed", "3"],
        vec!["train", "--every", "0"],
        vec!["nonsense"],
    ] {
        multiview()
            .args(&arguments)
            .assert()
            .code(2)
            .stderr(predicate::str::is_empty().not());
    }
}

/// Each is refused before anything is trained or written, and the message has these words.
#[test]
fn what_cannot_be_meant_is_refused_before_training() {
    let cases: &[(&[&str], &str)] = &[
        (
            &["verify", "--seed", "-1"],
            "error: seed = -1 is out of range: a whole number, 0 to",
        ),
        (
            &["data", "gaussian-inputs", "--out", "/nonexistent/new"],
            "networks on inputs without views are not written",
        ),
        (
            &["verify", "--file", "/nonexistent.toml"],
            "error: /nonexistent.toml: cannot be read: No such file",
        ),
        (
            &["explore", "/nonexistent.toml"],
            "error: /nonexistent.toml: cannot be read: No such file",
        ),
        (
            &["verify", "--resume", "/nonexistent"],
            "error: /nonexistent: holds no record",
        ),
        (
            &["verify", "merge", "/nonexistent/whole", "/nonexistent"],
            "error: /nonexistent: holds no record",
        ),
        (
            &["export", "/nonexistent"],
            "error: /nonexistent: holds no record",
        ),
        (
            &["export", "Cargo.toml"],
            "error: Cargo.toml: holds no record",
        ),
        (
            &["verify", "--json", "/nonexistent/a.json"],
            "/nonexistent/a.json: cannot be written",
        ),
        (&["train", "--out", "/"], "/: cannot be written"),
        (
            &["train", "--out", "/nonexistent/a.csv"],
            "/nonexistent/a.csv: cannot be written",
        ),
        (&["train", "nosuch"], "`multiview list`"),
        (
            &["report", "--dir", "/nonexistent"],
            "/nonexistent: is not a directory",
        ),
        (
            &["explore", "ties", "--axis", "k=60"],
            "cannot be used with",
        ),
        (
            &["explore", "ties", "--theorem", "ensemble"],
            "cannot be used with",
        ),
        (
            &["explore", "--theorem", "nosuch", "--axis", "k=3"],
            "`multiview list`",
        ),
        (
            &["explore", "--axis", "k=10", "--axis", "classes=12"],
            "axes.classes = \"regime.data.classes\" is given twice: each parameter has one axis",
        ),
        (
            &["explore", "--axis", "K=1,2,1"],
            "axes.K = 1 is given twice: values must differ",
        ),
        (
            &["explore", "--axis", "k=nan"],
            "cell 0: regime.data.classes = nan is out of range",
        ),
        (
            &[
                "explore",
                "submit",
                "ties",
                "--slurm",
                "--out",
                "/nonexistent",
                "--memory",
                "2G;rm",
            ],
            "letters, digits",
        ),
        (
            &[
                "explore",
                "submit",
                "ties",
                "--slurm",
                "--out",
                "/nonexistent",
                "--memory",
                "10M",
                "--cores",
                "4",
            ],
            "a task (--memory) has 10 MB",
        ),
    ];
    for (arguments, words) in cases {
        multiview()
            .args(*arguments)
            .assert()
            .code(2)
            .stderr(predicate::str::contains(*words));
    }
}

/// Hundreds of GB, on machines that tell their memory: each consumer is counted, and named in the
/// refusal.
#[test]
#[cfg(target_os = "linux")]
fn what_is_larger_than_memory_is_refused() {
    let cases: &[(&[&str], &str)] = &[
        (
            &["--axis", "k=4000", "--axis", "m=1024"],
            "a network in training",
        ),
        (
            &[
                "--axis",
                "engine=dense",
                "--axis",
                "d=1048576",
                "--axis",
                "N=1000000",
            ],
            "a network in training",
        ),
        (
            &[
                "--axis",
                "k=200",
                "--axis",
                "m=1024",
                "--axis",
                "joint_networks=64",
            ],
            "procedure.joint_networks",
        ),
        (
            &[
                "--axis",
                "k=2000",
                "--axis",
                "N=1000000",
                "--axis",
                "K=1000",
                "--axis",
                "m=1",
                "--axis",
                "s=0.0",
            ],
            "procedure.members",
        ),
        (
            &[
                "--axis",
                "k=50",
                "--axis",
                "N=10000000",
                "--axis",
                "patches=as-needed",
                "--axis",
                "m=1",
                "--axis",
                "procedure.members=1000",
            ],
            "data.samples",
        ),
        (
            &["--theorem", "random-features", "--axis", "neurons=65536"],
            "procedure.random_features",
        ),
        (
            &[
                "--theorem",
                "random-features",
                "--axis",
                "held_out=10000000",
            ],
            "procedure.random_features",
        ),
    ];
    for (axes, part) in cases {
        for last in ["--dry-run", "--threads=1"] {
            let folder = folder();
            multiview()
                .arg("explore")
                .args(*axes)
                .arg(last)
                .current_dir(folder.path())
                .assert()
                .code(2)
                .stderr(predicate::str::contains("of memory, and").not())
                .stderr(predicate::str::contains("is out of range"))
                .stderr(predicate::str::contains(*part));
            assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
        }
    }
    // More threads than fit, of worlds that fit one by one: the refusal says how many do.
    multiview()
        .args(["verify", "--threads", "1024", "--profile", "full"])
        .arg("self-distillation")
        .assert()
        .code(2)
        .stderr(predicate::str::contains("threads = 1024 is out of range"))
        .stderr(predicate::str::contains("would fit"));
    multiview()
        .args(["train", "--steps", "4000000000", "--every", "1"])
        .assert()
        .code(2)
        .stderr(predicate::str::contains("--steps, --every"));
}

/// The product of these numbers of values is 6,464 in 64 bits.
#[test]
fn a_grid_too_large_to_count_is_refused() {
    let lengths = [859, 859, 761, 409, 167, 167, 3, 960];
    let names = ["mu", "s", "rho", "Gamma", "nu2", "varrho", "sigma0", "tau"];
    let mut explore = multiview();
    explore.args(["explore", "--theorem", "ensemble-distillation", "--dry-run"]);
    for (name, length) in names.iter().zip(lengths) {
        explore
            .arg("--axis")
            .arg(format!("{name}=0.1..0.2:lin:{length}"));
    }
    let product =
        "859 × 859 × 761 × 409 × 167 × 167 × 3 × 960 cells\" is out of range: 1 to 100000";
    explore
        .assert()
        .code(2)
        .stderr(predicate::str::contains(product));
}

/// Nobody reads standard error: the status still says what happened.
#[test]
fn a_closed_standard_error_is_no_panic() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let status = std::process::Command::new(assert_cmd::cargo::cargo_bin("multiview"))
        .args(["verify", "nosuch"])
        .stderr(writer)
        .status()
        .expect("the program runs");
    assert_eq!(status.code(), Some(2));
}

#[test]
fn bad_theorem_files_are_refused_with_line_and_field() {
    let cases: &[(&str, &str, &[&str])] = &[
        ("classes = 8", "clases = 8", &["clases"]),
        ("classes = 8\n", "", &["classes"]),
        (
            "classes = 8",
            "classes = \"eight\"",
            &[":7:", "classes = \"eight\"", "a whole number"],
        ),
        (
            "classes = 8",
            "classes = 1",
            &[":7:", "regime.data.classes = 1", "2 to 4096"],
        ),
        (
            "weak_weight = 0.1",
            "weak_weight = 0.3",
            &[":13:", "weak_weight = 0.3", "ρ < Γ"],
        ),
        (
            "single_view_share = 0.1",
            "single_view_share = 1.5",
            &["single_view_share = 1.5", "inside (0, 1)"],
        ),
        (
            "noise_variance = 0.25",
            "noise_variance = nan",
            &["noise_variance = nan"],
        ),
        ("members = 2", "members = 0", &["procedure.members = 0"]),
        (
            "single.single_view_error",
            "single.no_such",
            &[":33:", "claims.below-one.quantity", "single.no_such"],
        ),
        (
            "band = { upper = 0.2 }",
            "band = { }",
            &[":46:", "claims.fitted.band"],
        ),
        (
            "refutes = [\"fitted\"]",
            "refutes = [\"other\"]",
            &["controls.untrained.refutes", "other"],
        ),
        (
            "\"regime.training.steps\" = 1",
            "\"regime.training.stepz\" = 1",
            &["stepz"],
        ),
        (
            "band = { upper = 0.2 }",
            "band = { upper = 0.2 }\norigin = \"theirs\"",
            &[":47:", "paper-experiment", "not-stated"],
        ),
        (
            "band = { upper = 0.2 }",
            "band = { upper = 0.2 }\norigin = { statement = \"paper\", bands = \"ours\" }",
            &[":47:", "for statement, band, lower, upper and statistic"],
        ),
        (
            "confidence = 0.9,",
            "confidence = 1.0,",
            &["profiles.quick.confidence"],
        ),
        (
            "confidence = 0.9,",
            "confidence = 0.5,",
            &["profiles.quick.confidence", "0.75"],
        ),
        (
            "refutes = [\"fitted\"]",
            "refutes = [\"fitted\"]\nworlds = 0",
            &["controls.untrained.worlds = 0"],
        ),
        (
            "perfect_steps = 20",
            "perfect_steps = 9223372036854775808",
            &[":25:", "perfect_steps", "9223372036854775808"],
        ),
        (
            "perfect_steps = 20",
            "perfect_steps = 9223372036854775807",
            &[":25:", "training.perfect_steps", "0 to 100000000"],
        ),
        (
            "band = { lower = 0.0 }",
            "band = { lower = 0.0 }\nscale = nan",
            &["claims.some-view.scale = nan"],
        ),
        (
            "scale = 0.05",
            "scale = -1.0",
            &["claims.fitted.scale = -1.0"],
        ),
        (
            "single_view_share = 0.1",
            "single_view_share = 1e-160",
            &["single_view_share = 1e-160", "at least 1e-7"],
        ),
        ("name = \"small\"", "name = \"small", &[":1:"]),
        (
            "band = { upper = 0.2 }",
            "statistic = \"bounded-mean\"\nband = { lower = 0.0, upper = 1.0 }",
            &["claims.fitted.band", "[0, 1]"],
        ),
    ];
    for (from, to, expected) in cases {
        assert!(SMALL.contains(from), "{from}");
        let folder = folder();
        let output = verify(&folder, &SMALL.replacen(from, to, 1), "record")
            .assert()
            .code(2)
            .get_output()
            .clone();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(error.contains("theorem.toml"), "{to}: {error}");
        for word in *expected {
            assert!(error.contains(word), "{to}: no {word:?} in {error}");
        }
        assert!(
            !folder.path().join("record").exists(),
            "{to}: bad input left a record"
        );
    }
}

#[test]
fn bad_sweeps_of_theorem_files_are_refused() {
    let file = include_str!("../../theorems/concentration.toml");
    for (from, to, expected) in [
        ("[8, 16, 32, 64]", "[8, 16]", "at least three"),
        (
            "[8, 16, 32, 64]",
            "[8, 8, 32, 64]",
            "sweep.values = 8 is given twice",
        ),
        ("[8, 16, 32, 64]", "[8, 16, 32, -64]", "above 0"),
        ("[8, 4, 2, 1]", "[8, 4, 2]", "one for each value"),
        ("[8, 4, 2, 1]", "[8, 4, 2, 0]", "one for each value"),
        (
            "\"regime.network.init_scale\" = 0.075",
            "\"regime.data.classes\" = 20",
            "another parameter than the swept one",
        ),
    ] {
        assert!(file.contains(from), "{from}");
        verify(&folder(), &file.replacen(from, to, 1), "record")
            .assert()
            .code(2)
            .stderr(predicate::str::contains(expected));
    }
}

/// A line for each world tells how much of the run is settled, and how long the rest is likely to
/// take; the last tells no time.
#[test]
fn progress_ends_with_everything_settled_and_no_time_left() {
    let run = verify(&folder(), SMALL, "record").assert().code(0);
    let progress = String::from_utf8_lossy(&run.get_output().stderr).into_owned();
    let lines: Vec<&str> = progress.lines().filter(|l| l.contains("world ")).collect();
    assert!(lines[0].contains("0 of 2 settled, about "), "{progress}");
    let last = lines.last().expect("a world");
    assert!(last.ends_with("2 of 2 settled"), "{progress}");
}

#[test]
fn a_theorem_is_tested_once_in_a_run() {
    multiview()
        .args(["verify", "lottery", "lottery"])
        .assert()
        .code(2)
        .stderr(predicate::str::contains("given twice"));
}

#[test]
fn exit_codes_follow_the_verdict() {
    let folder = folder();
    verify(&folder, SMALL, "confirmed")
        .assert()
        .code(0)
        .stdout(predicate::str::contains("refuted, as it should be"));
    let refuted = SMALL.replace("band = { lower = 0.0 }", "band = { upper = -1.0 }");
    verify(&folder, &refuted, "refuted")
        .assert()
        .code(1)
        .stdout(predicate::str::contains("(!)"));
    let undecided = SMALL.replace("worlds = 24", "worlds = 2");
    verify(&folder, &undecided, "undecided")
        .assert()
        .code(3)
        .stdout(predicate::str::contains("a larger budget (--profile full)"));
    let largest = undecided.replace("worlds = 30", "worlds = 2");
    for profile in ["quick", "full"] {
        verify(&folder, &largest, profile)
            .args(["--profile", profile])
            .assert()
            .code(3)
            .stdout(predicate::str::contains("their budget of worlds is spent"));
    }
}

#[test]
fn the_report_does_not_depend_on_threads() {
    let folder = folder();
    let mut reports = Vec::new();
    for threads in ["1", "2", "4"] {
        let path = folder.path().join(threads);
        verify(&folder, SMALL, &format!("record-{threads}"))
            .args(["--threads", threads, "--json"])
            .arg(&path)
            .assert()
            .code(0);
        let record = folder.path().join(format!("record-{threads}"));
        reports.push((fs::read(&path).expect("a report"), files(&record)));
    }
    assert_eq!(reports[0], reports[1]);
    assert_eq!(reports[0], reports[2]);
}

/// Worlds of one regime and procedure are trained once, whoever asks for them, and what is found of
/// a theorem does not depend on who else does.
#[test]
fn a_copied_theorem_trains_no_world_again() {
    let folder = folder();
    // With levels of their own, and a prior too wide for a verdict on one of them.
    let text = SMALL
        .replace(
            "band = { upper = 1.0 }",
            "band = { upper = 1.0 }\nconfidence = 0.9",
        )
        .replace(
            "band = { upper = 0.2 }\nscale = 0.05",
            "band = { upper = 0.2 }\nscale = 1000.0\nconfidence = 0.9",
        );
    let short = file(&folder, &text.replace("worlds = 24", "worlds = 12"));
    let copy = folder.path().join("copy.toml");
    fs::write(&copy, text.replace("\"small\"", "\"copy\"")).expect("written");
    let (record, together, alone) = (
        folder.path().join("record"),
        folder.path().join("together"),
        folder.path().join("alone"),
    );
    let run = || {
        let mut run = multiview();
        run.args(["verify", "--threads", "2", "--file", &short]);
        run
    };
    run()
        .arg("--file")
        .arg(&copy)
        .arg("--record")
        .arg(&record)
        .arg("--json")
        .arg(&together)
        .assert()
        .code(3);
    run()
        .arg("--record")
        .arg(folder.path().join("another"))
        .arg("--json")
        .arg(&alone)
        .assert()
        .code(3);
    let findings = |report: &Path, theorem: &str| -> Vec<Value> {
        let all = json(report)["findings"].take();
        let all = all.as_array().expect("findings").iter();
        all.filter(|f| f["theorem"] == theorem).cloned().collect()
    };
    let short = findings(&together, "small");
    assert_eq!(short, findings(&alone, "small"));
    let worlds = |findings: &[Value]| {
        let counts = findings.iter().map(|f| f["estimate"]["worlds"].as_u64());
        counts.max().flatten()
    };
    assert_eq!(worlds(&short), Some(12));
    assert_eq!(worlds(&findings(&together, "copy")), Some(24));
    let text = fs::read_to_string(record.join("worlds.jsonl")).expect("a record");
    let lines: Vec<Value> = (text.lines())
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let distinct: BTreeSet<String> = (lines.iter())
        .map(|line| format!("{} {}", line["experiment"], line["world"]))
        .collect();
    assert_eq!(distinct.len(), lines.len());
}

/// The files of a record.
pub fn files(record: &Path) -> [Vec<u8>; 3] {
    Record::files(record).map(|file| fs::read(file).expect("a file of a finished record"))
}

#[test]
fn every_engine_runs_from_a_theorem_file() {
    let folder = folder();
    for engine in ["overlap", "overlap-adaptive", "overlap-reference", "dense"] {
        let text = SMALL
            .replace(
                "perfect_steps = 20",
                &format!("perfect_steps = 20\nengine = \"{engine}\""),
            )
            .replace(
                "noise_variance = 0.25",
                "noise_variance = 0.25\ndimension = 256",
            );
        verify(&folder, &text, engine).assert().code(0);
    }
    let homeless = SMALL.replace(
        "perfect_steps = 20",
        "perfect_steps = 20\nengine = \"dense\"",
    );
    verify(&folder, &homeless, "none")
        .assert()
        .code(2)
        .stderr(predicate::str::contains("data.dimension"));
    let cramped = SMALL.replace(
        "noise_variance = 0.25",
        "noise_variance = 0.25\ndimension = 15",
    );
    verify(&folder, &cramped, "none")
        .assert()
        .code(2)
        .stderr(predicate::str::contains("data.dimension = 15"));
}

#[test]
fn another_seed_means_other_worlds() {
    let folder = folder();
    let mut means = BTreeSet::new();
    for seed in ["1", "2"] {
        let path = folder.path().join(seed);
        verify(&folder, SMALL, &format!("record-{seed}"))
            .args(["--seed", seed, "--json"])
            .arg(&path)
            .assert()
            .code(0);
        means.insert(json(&path)["findings"][0]["estimate"]["mean"].to_string());
    }
    assert_eq!(means.len(), 2);
}

#[cfg(unix)]
#[test]
fn killing_and_resuming_loses_and_repeats_no_world() {
    const KILLS: u64 = 40;
    let folder = folder();
    let whole = folder.path().join("whole.json");
    verify(&folder, SMALL, "whole")
        .args(["--threads", "2", "--json"])
        .arg(&whole)
        .assert()
        .code(0);

    let killed = folder.path().join("killed.json");
    let mut kills = 0;
    let mut attempt = 0;
    // A run is over so soon that it takes several to be killed as often.
    while kills < KILLS {
        let record = folder.path().join(format!("killed-{attempt}"));
        let mut kept_before = 0;
        loop {
            let started = record.join("manifest.json").exists();
            let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin("multiview"));
            command.arg("verify");
            if started {
                command.arg("--resume").arg(&record);
            } else {
                command
                    .args(["--file", &file(&folder, SMALL), "--record"])
                    .arg(&record);
            }
            command.args(["--threads", "2", "--json"]).arg(&killed);
            let mut child = command
                .stdout(std::process::Stdio::null())
                .stderr(std::process::Stdio::null())
                .spawn()
                .expect("a child");
            if kills < KILLS {
                // Moments spread over the start, the middle of a world and the writing of its line.
                std::thread::sleep(Duration::from_millis(2 + (attempt * 61) % 97));
                let running = child.try_wait().expect("a child").is_none();
                child.kill().ok();
                kills += u64::from(running);
            }
            attempt += 1;
            assert!(attempt < 30 * KILLS, "killed only {kills} times");
            let status = child.wait().expect("a child");
            if status.success() {
                break;
            }
            let text = fs::read_to_string(record.join("worlds.jsonl")).unwrap_or_default();
            let complete = text.matches('\n').count();
            assert!(complete >= kept_before, "a finished world was lost");
            kept_before = complete;
            repeats_no_world(&text);
        }
        assert_eq!(files(&record), files(&folder.path().join("whole")));
        assert_eq!(json(&killed), json(&whole));
    }
}

fn repeats_no_world(text: &str) {
    let whole_lines = text.lines().take(text.matches('\n').count());
    let worlds: Vec<(String, u64)> = whole_lines
        .map(|line| serde_json::from_str::<Value>(line).expect("a whole line"))
        .map(|v| {
            (
                v["experiment"].to_string(),
                v["world"].as_u64().expect("a world"),
            )
        })
        .collect();
    let distinct: BTreeSet<_> = worlds.iter().collect();
    assert_eq!(distinct.len(), worlds.len(), "a world was repeated");
}

#[test]
fn a_torn_last_line_is_dropped_with_a_warning() {
    let folder = folder();
    verify(&folder, SMALL, "record").assert().code(0);
    let path = folder.path().join("record/worlds.jsonl");
    let mut text = fs::read_to_string(&path).expect("the record");
    text.truncate(text.len() - 20);
    fs::write(&path, text).expect("the record");
    multiview()
        .args(["verify", "--resume"])
        .arg(folder.path().join("record"))
        .assert()
        .code(0)
        .stderr(predicate::str::contains("torn last line"));
}

/// The same line twice is one world; two outcomes of one world are none.
#[test]
fn a_world_with_two_outcomes_is_refused() {
    let folder = folder();
    verify(&folder, SMALL, "record").assert().code(0);
    let path = folder.path().join("record/worlds.jsonl");
    let text = fs::read_to_string(&path).expect("the record");
    let first = text.lines().next().expect("a world");
    let mut other: Value = serde_json::from_str(first).expect("a line of JSON");
    other["outcome"]["quantities"]["single.test_error"] = 0.125.into();
    for (line, code) in [(first.to_string(), 0), (other.to_string(), 2)] {
        fs::write(&path, format!("{text}{line}\n")).expect("the record");
        let mut resumed = multiview();
        resumed
            .args(["verify", "--resume"])
            .arg(folder.path().join("record"));
        let resumed = resumed.assert().code(code);
        if code == 2 {
            let place = format!("worlds.jsonl:{}", text.lines().count() + 1);
            resumed.stderr(
                predicate::str::contains(place).and(predicate::str::contains("another outcome")),
            );
        }
    }
}

#[test]
fn records_are_neither_overwritten_nor_invented() {
    let folder = folder();
    verify(&folder, SMALL, "record").assert().code(0);
    verify(&folder, SMALL, "record")
        .assert()
        .code(2)
        .stderr(predicate::str::contains("--resume"));
    multiview()
        .args(["verify", "--resume"])
        .arg(folder.path().join("none"))
        .assert()
        .code(2)
        .stderr(predicate::str::contains("none"));
    let orphans = folder.path().join("record/manifest.json");
    fs::rename(&orphans, folder.path().join("kept")).expect("the record");
    verify(&folder, SMALL, "record")
        .assert()
        .code(2)
        .stderr(predicate::str::contains("worlds of one"));
    fs::rename(folder.path().join("kept"), &orphans).expect("the record");
    let path = folder.path().join("record/worlds.jsonl");
    let text = fs::read_to_string(&path).expect("the record");
    fs::write(&path, format!("nonsense\n{text}")).expect("the record");
    multiview()
        .args(["verify", "--resume"])
        .arg(folder.path().join("record"))
        .assert()
        .code(2)
        .stderr(predicate::str::contains("worlds.jsonl:1"));
}

#[test]
fn train_prints_and_saves_the_trajectory() {
    let folder = folder();
    let theorem = file(&folder, SMALL);
    let header =
        predicate::str::starts_with("step,training_errors,loss,class,view,largest_overlap");
    multiview()
        .args(["train", &theorem, "--steps", "20", "--every", "10"])
        .assert()
        .success()
        .stdout(header);
    multiview()
        .args(["train", &theorem, "--steps", "1"])
        .assert()
        .success()
        .stderr(predicate::str::contains("stopped after 1 step with "));
    let out = folder.path().join("trajectory.json");
    multiview()
        .args(["train", &theorem, "--steps", "20", "--every", "10", "--out"])
        .arg(&out)
        .assert()
        .success();
    let rows = json(&out);
    assert_eq!(rows.as_array().map(Vec::len), Some(2));
    assert_eq!(
        rows[0]["largest_overlaps"].as_array().map(Vec::len),
        Some(8)
    );
}
