//! A command never overwrites a file that it reads or keeps, and an interrupted one leaves its
//! finished work.

use assert_cmd::Command;
use predicates::str::contains;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tempfile::TempDir;

const SMALL: &str = include_str!("../fixtures/small.toml");
const SWEEP: &str = include_str!("../fixtures/sweep.toml");

/// The program, at work in `folder`.
fn multiview(folder: &TempDir) -> Command {
    let mut command = super::cli::multiview();
    command.current_dir(folder.path());
    command
}

/// A folder with a theorem, a sweep of it and the record `r`.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("theorem.toml"), SMALL).expect("written");
    fs::write(folder.path().join("sweep.toml"), SWEEP).expect("written");
    multiview(&folder)
        .args(["verify", "--file", "theorem.toml", "--record", "r"])
        .assert()
        .success();
    folder
}

/// Every file below a folder, with its contents.
fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|e| e.expect("an entry").path());
    let mut all: Vec<_> = paths
        .flat_map(|p| match p.is_dir() {
            true => contents(&p),
            false => vec![(p.clone(), fs::read(&p).unwrap_or_default())],
        })
        .collect();
    all.sort();
    all
}

/// The command is refused with these words and changes nothing.
fn refused(folder: &TempDir, arguments: &[&str], words: &str) {
    let before = contents(folder.path());
    multiview(folder)
        .args(arguments)
        .assert()
        .code(2)
        .stderr(contains(words));
    assert!(contents(folder.path()) == before, "{arguments:?}");
}

#[cfg(unix)]
#[test]
fn reports_and_trajectories_spare_inputs_and_records() {
    use std::os::unix::fs::symlink;
    let folder = folder();
    let place = |name: &str| folder.path().join(name);
    symlink("theorem.toml", place("link")).expect("a link");
    fs::hard_link(place("theorem.toml"), place("hard")).expect("a link");
    fs::hard_link(place("r/worlds.jsonl"), place("hard-worlds")).expect("a link");
    symlink("r", place("alias")).expect("a link");
    symlink("r/worlds.jsonl", place("to-worlds")).expect("a link");
    symlink("to-worlds", place("to-link")).expect("a link");
    // Of a record that is not there yet.
    symlink("new/worlds.jsonl", place("to-new")).expect("a link");
    symlink("loop", place("loop")).expect("a link");
    let absolute = place("r/worlds.jsonl");
    let absolute = absolute.to_str().expect("UTF-8");

    let new = [
        "verify",
        "--file",
        "theorem.toml",
        "--record",
        "new",
        "--json",
    ];
    for output in [
        "theorem.toml",
        "./theorem.toml",
        "r/../theorem.toml",
        "link",
        "hard",
        "new/worlds.jsonl",
        "./new/manifest.json",
        "to-new",
        // Of another record.
        "r/worlds.jsonl",
        "r/manifest.json",
        "r/seal.json",
        "new/seal.json",
        "alias/manifest.json",
        "to-link",
        absolute,
    ] {
        refused(
            &folder,
            &[&new[..], &[output]].concat(),
            "cannot be written: it is",
        );
    }
    for output in ["new", "r", "none/a.json", "new/none/a.json", "loop/a.json"] {
        refused(
            &folder,
            &[&new[..], &[output]].concat(),
            "cannot be written",
        );
    }
    let resumed = ["verify", "--resume", "alias", "--json"];
    for output in [
        "r/worlds.jsonl",
        "alias/manifest.json",
        "hard-worlds",
        "to-link",
    ] {
        refused(
            &folder,
            &[&resumed[..], &[output]].concat(),
            "cannot be written: it is",
        );
    }
    let train = ["train", "./theorem.toml", "--steps", "2", "--out"];
    for output in [
        "theorem.toml",
        "link",
        "hard",
        "r/worlds.jsonl",
        "to-worlds",
    ] {
        refused(
            &folder,
            &[&train[..], &[output]].concat(),
            "cannot be written: it is",
        );
    }
    // A file of its own is fine, in the record's directory too, by whatever path.
    for output in ["new/report.json", "report.json"] {
        let _ = fs::remove_dir_all(place("new"));
        multiview(&folder)
            .args(new)
            .arg(format!("./{output}"))
            .assert()
            .success();
        assert!(place(output).is_file());
    }
}

#[cfg(unix)]
#[test]
fn explorations_spare_inputs_records_and_files_of_others() {
    use std::os::unix::fs::symlink;
    let folder = folder();
    let place = |name: &str| folder.path().join(name);
    fn explore(out: &str) -> [&str; 4] {
        ["explore", "sweep.toml", "--out", out]
    }
    // Someone's README, and a link from a table to the sweep, there or not.
    for (out, name) in [("a", "README.md"), ("b", "cells.csv"), ("c", "cells.json")] {
        fs::create_dir(place(out)).expect("made");
        let file = place(out).join(name);
        match out {
            "a" => fs::write(file, "mine").expect("written"),
            "b" => symlink("../sweep.toml", file).expect("a link"),
            _ => symlink("../none", file).expect("a link"),
        }
        refused(&folder, &explore(out), "exists already");
    }
    for shard in ["0/2", "1/2"] {
        let out = format!("shard-{}", &shard[..1]);
        multiview(&folder)
            .args(explore(&out))
            .args(["--shard", shard])
            .assert()
            .success();
    }
    let parts = ["shard-0", "shard-1"];
    let merge = |into| [&["explore", "merge", into][..], &parts].concat();
    refused(&folder, &merge("a"), "exists already");
    multiview(&folder).args(merge("whole")).assert().success();
    // A map of its own is made anew, but not through a link to its record.
    multiview(&folder).args(explore("d")).assert().success();
    multiview(&folder).args(explore("d")).assert().success();
    fs::remove_file(place("d/cells.csv")).expect("removed");
    fs::hard_link(place("d/worlds.jsonl"), place("d/cells.csv")).expect("a link");
    refused(
        &folder,
        &explore("d"),
        "d/cells.csv: cannot be written: it is",
    );
}

#[cfg(unix)]
#[test]
fn submitting_twice_replaces_nothing() {
    let folder = folder();
    let place = |name: &str| folder.path().join(name);
    let submit = [
        "explore",
        "submit",
        "sweep.toml",
        "--slurm",
        "--only-write",
        "--out",
        "job",
    ];
    multiview(&folder).args(submit).assert().success();
    let before = contents(&place("job"));
    multiview(&folder).args(submit).assert().success();
    assert!(contents(&place("job")) == before);
    for other in [["--seed", "4"], ["--tasks", "4"], ["--memory", "9G"]] {
        refused(&folder, &[&submit[..], &other].concat(), "exists already");
    }
    // The user's own file of that name, and a link that would lead elsewhere.
    let here = [&submit[..6], &["."]].concat();
    refused(&folder, &here, "sweep.toml: exists already");
    fs::create_dir(place("other")).expect("made");
    std::os::unix::fs::symlink("../none", place("other/explore.sbatch")).expect("a link");
    refused(
        &folder,
        &[&submit[..6], &["other"]].concat(),
        "explore.sbatch: exists already",
    );
}

/// A file from which a theorem takes its regime is read, as the theorem file is; what tasks of an
/// array read lies beside their script, and needs no other file.
#[test]
fn the_base_of_a_theorem_is_an_input() {
    let folder = folder();
    let place = |name: &str| folder.path().join(name);
    let (head, rest) = SMALL.split_once("[regime").expect("a regime");
    let (base, claims) = rest.split_once("[[claims]]").expect("claims");
    fs::write(place("base.toml"), format!("[regime{base}")).expect("written");
    let own = format!("{head}base = \"base.toml\"\n[[claims]]{claims}");
    fs::write(place("theorem.toml"), own).expect("written");
    let verify = ["verify", "--file", "theorem.toml", "--record", "new"];
    let json = [&verify[..], &["--json", "base.toml"]].concat();
    refused(&folder, &json, "cannot be written: it is base.toml");
    let train = ["train", "./theorem.toml", "--out", "base.toml"];
    refused(&folder, &train, "base.toml: cannot be written: it is");

    let slurm = ["--slurm", "--only-write", "--out"];
    let of_verify = ["verify", "submit", "--file", "theorem.toml"];
    let axes = ["--theorem", "./theorem.toml", "--axis", "T=2,3"];
    let of_explore = [&["explore", "submit"][..], &axes].concat();
    for (submit, job) in [(&of_verify[..], "a"), (&of_explore[..], "b")] {
        let submit = [submit, &slurm, &[job]].concat();
        multiview(&folder).args(submit).assert().success();
        fs::rename(place("base.toml"), place("away.toml")).expect("moved");
        let script = fs::read_to_string(
            fs::read_dir(place(job))
                .expect("files")
                .find_map(|e| {
                    let path = e.expect("a file").path();
                    path.extension()
                        .is_some_and(|e| e == "sbatch")
                        .then_some(path)
                })
                .expect("a script"),
        )
        .expect("text");
        let task = script
            .lines()
            .find(|line| line.starts_with("exec "))
            .expect("a task");
        std::process::Command::new("sh")
            .args(["-c", task])
            .env("SLURM_ARRAY_TASK_ID", "0")
            .current_dir(place(job))
            .status()
            .map(|status| assert!(status.success(), "{task}"))
            .expect("run");
        fs::rename(place("away.toml"), place("base.toml")).expect("moved back");
    }
}

/// What is not a record's own is never removed, nor taken for an earlier export.
#[cfg(unix)]
#[test]
fn the_files_of_others_in_a_record_s_place_are_left() {
    let folder = folder();
    let place = |name: &str| folder.path().join(name);
    fs::create_dir(place("new")).expect("made");
    fs::write(place("new/seal.json"), "mine").expect("written");
    let verify = ["verify", "--file", "theorem.toml", "--record", "new"];
    refused(
        &folder,
        &verify,
        "holds a record, or worlds of one, already",
    );
    fs::remove_file(place("new/seal.json")).expect("removed");
    fs::write(place("new/manifest.partial"), "mine").expect("written");
    multiview(&folder).args(verify).assert().success();
    assert_eq!(
        fs::read_to_string(place("new/manifest.partial")).expect("there"),
        "mine"
    );

    let export = ["export", "r"];
    multiview(&folder).args(export).assert().success();
    multiview(&folder).args(export).assert().success();
    fs::write(place("r/worlds.csv"), "mine").expect("written");
    refused(&folder, &export, "r/worlds.csv: exists already");
    fs::remove_file(place("r/worlds.csv")).expect("removed");
    std::os::unix::fs::symlink("../theorem.toml", place("r/worlds.csv")).expect("a link");
    refused(&folder, &export, "r/worlds.csv: exists already");
}

#[test]
fn reports_are_written_among_reports_alone() {
    let folder = folder();
    refused(
        &folder,
        &["report", "--dir", "."],
        "holds files and no records",
    );
    let reports = Path::new(env!("CARGO_MANIFEST_DIR")).join("reports");
    super::report::copy_files(&reports.join("records"), &folder.path().join("records"));
    let worlds = folder.path().join("records/quick-64/worlds.jsonl");
    fs::hard_link(worlds, folder.path().join("results.json")).expect("a link");
    let report = ["report", "--recorded", "--dir", "."];
    refused(&folder, &report, "results.json: cannot be written: it is");
    let place = |name: &str| folder.path().join(name);
    fs::remove_file(place("results.json")).expect("removed");
    fs::hard_link(place("records/mechanism.json"), place("results.json")).expect("a link");
    refused(&folder, &report, "results.json: cannot be written: it is");
}

/// Of as many steps as there were, the same rows as of a run that was not interrupted.
#[cfg(unix)]
#[test]
fn an_interrupted_training_saves_its_rows() {
    let folder = folder();
    let endless = SMALL.replace("perfect_steps = 20", "perfect_steps = 0");
    fs::write(folder.path().join("endless.toml"), endless).expect("written");
    let train = |steps: &str, out: &[&str]| {
        let mut train = std::process::Command::new(assert_cmd::cargo::cargo_bin("multiview"));
        train.args([
            "train",
            "./endless.toml",
            "--every",
            "100",
            "--steps",
            steps,
        ]);
        train.args(out).current_dir(folder.path());
        train
    };
    for (signal, out) in [("-INT", &["--out", "rows.csv"][..]), ("-TERM", &[])] {
        let mut child = train("100000000", out)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a child");
        let mut words = BufReader::new(child.stderr.take().expect("piped")).lines();
        let rows = words.by_ref().map_while(Result::ok);
        assert_eq!(rows.filter(|l| l.starts_with("step ")).take(3).count(), 3);
        // The shell's own, which is there without procps.
        Command::new("sh")
            .args(["-c", &format!("kill {signal} {}", child.id())])
            .assert()
            .success();
        let rest: Vec<String> = words.map_while(Result::ok).collect();
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(130));
        let said = rest.last().expect("a word");
        assert!(
            said.starts_with("interrupted; the rows up to step "),
            "{said}"
        );
        let text = match out {
            [] => String::from_utf8(output.stdout).expect("CSV"),
            _ => fs::read_to_string(folder.path().join("rows.csv")).expect("a file"),
        };
        let last = text.lines().last().expect("a row");
        let step: usize = last
            .split(',')
            .next()
            .unwrap_or(last)
            .parse()
            .expect("a step");
        assert!(said.contains(&format!("step {step} ")), "{said}");
        let whole = train(&(step + 1).to_string(), &[])
            .output()
            .expect("it ends");
        assert_eq!(String::from_utf8_lossy(&whole.stdout), text);
    }
}

/// On a terminal; without the `script` of util-linux there is none, and the test says so and
/// passes.
#[cfg(unix)]
#[test]
fn a_settled_row_shows_no_time_left() {
    let script = |command: &str| {
        let mut script = std::process::Command::new("script");
        script.args(["-qec", command, "/dev/null"]);
        script.stdin(Stdio::null());
        script
    };
    let there = script("stty cols 250").output();
    if !there.is_ok_and(|output| output.status.success()) {
        super::skipped(
            "no `script` of util-linux on this machine (Debian: apt-get install bsdutils)",
        );
        return;
    }
    let folder = folder();
    let program = assert_cmd::cargo::cargo_bin("multiview");
    let run = "verify --threads 1 --file theorem.toml --record seen";
    let command = format!("stty cols 250; '{}' {run}", program.display());
    let output = script(&command).current_dir(folder.path()).output();
    let output = output.expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // A row: the number of worlds, the time, the time left, and how it stands.
    let rows = text
        .split(" worlds ")
        .filter(|rest| rest.contains("settled"));
    let before = |row: &str| row.split("settled").next().unwrap_or(row).to_owned();
    let times: Vec<String> = rows.map(before).collect();
    assert!(!times.is_empty(), "{text}");
    assert!(times.iter().all(|row| !row.contains("left")), "{times:?}");
}
