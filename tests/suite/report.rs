//! The committed reports are what the committed records give.

use assert_cmd::Command;
use multiview::report::SCHEMA;
use serde_json::Value;
use std::path::{Path, PathBuf};

fn reports() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("reports")
}

#[test]
fn the_reports_are_what_the_records_give() {
    // On a copy: checking a record locks it.
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join("reports");
    copy_files(&reports(), &copy);
    let mut check = Command::cargo_bin("multiview").expect("the program is built");
    check.args(["report", "--check", "--dir"]).arg(&copy);
    check.assert().success();

    let page = copy.join("README.md");
    let text = std::fs::read_to_string(&page).expect("the overview");
    std::fs::write(&page, text.replacen("confirmed", "certain", 1)).expect("written");
    let stranger = copy.join("theorems/of-an-earlier-version.md");
    std::fs::write(&stranger, "# Confirmed\n").expect("written");
    check
        .assert()
        .code(1)
        .stdout(predicates::str::contains("README.md: not what"))
        .stdout(predicates::str::contains(
            "version.md: not made from the records",
        ));
}

/// Pages and pictures are made anew, and the records are left as they are: those that count, in
/// order.
#[test]
fn deleted_reports_are_restored() {
    let folder = tempfile::tempdir().expect("a folder");
    copy_files(&reports().join("records"), &folder.path().join("records"));
    if reports().join("sweeps").exists() {
        copy_files(&reports().join("sweeps"), &folder.path().join("sweeps"));
    }
    let written = |path: &Path| {
        let record = [
            "manifest.json",
            "worlds.jsonl",
            "seal.json",
            "mechanism.json",
        ];
        record.iter().all(|name| !path.ends_with(name))
    };
    for file in files(folder.path()).iter().filter(|f| written(f)) {
        std::fs::remove_file(file).expect("removed");
    }
    let mut report = Command::cargo_bin("multiview").expect("the program is built");
    report
        .args(["report", "--recorded", "--dir"])
        .arg(folder.path());
    report.assert().success();
    let mut all = files(&reports());
    // Not made of records: written by hand, by `cargo bench --bench calibration` and by
    // `tests/mutations/run.py`.
    let other = ["notes", "calibration", "mutations"].map(|folder| reports().join(folder));
    all.retain(|file| !other.iter().any(|folder| file.starts_with(folder)));
    assert_eq!(files(folder.path()).len(), all.len());
    for file in all {
        let place = file.strip_prefix(reports()).expect("a report");
        let restored = std::fs::read(folder.path().join(place)).expect("restored");
        let committed = std::fs::read(&file).expect("committed");
        assert!(restored == committed, "{} differs", place.display());
    }
}

/// A whole record changed by hand, against its own model rows and with them.
#[test]
fn evidence_edited_by_hand_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join("reports");
    copy_files(&reports(), &copy);
    let path = copy.join("records/quick-64/worlds.jsonl");
    let text = std::fs::read_to_string(&path).expect("worlds");
    let edited = |change: &dyn Fn(&mut Value)| -> String {
        let edit = |line: &str| {
            let mut line: Value = serde_json::from_str(line).expect("JSON");
            if line["outcome"]["quantities"]
                .get("single.test_error")
                .is_some()
            {
                change(&mut line["outcome"]);
            }
            line.to_string() + "\n"
        };
        text.lines().map(edit).collect()
    };
    let quantities = edited(&|o| o["quantities"]["single.test_error"] = 0.5.into());
    let consistent = edited(&|o| o["quantities"]["lottery.both_views_share"] = 0.5.into());
    let manifest = copy.join("records/quick-64/manifest.json");
    let asked = std::fs::read_to_string(&manifest).expect("a manifest");
    let asked_for = |from: &str, to: &str| {
        assert!(asked.contains(from), "{from}");
        asked.replacen(from, to, 1)
    };
    for (asked, worlds, words) in [
        (asked.clone(), quantities, "its digest is another"),
        (asked.clone(), consistent, "its digest is another"),
        (
            asked_for("\"title\": \"", "\"title\": \"New: "),
            text.clone(),
            "its digest is another",
        ),
        (
            asked_for("\"seed\": 64", "\"seed\": 48"),
            text.clone(),
            "is not the record of this name, which is of all worlds of seed 64 in profile quick of theorem-1, ",
        ),
        (
            asked_for("\"lower\": 0.49", "\"lower\": 0.4"),
            text.clone(),
            "claims or negative controls of theorem-1 are not those",
        ),
        (
            asked_for("\"confidence\": 0.95", "\"confidence\": 0.75"),
            text.clone(),
            "confidence = 0.75 is out of range: 0.95 in a record of this name",
        ),
        (
            asked_for(
                "\"profile\": \"quick\"",
                "\"shard\": { \"index\": 0, \"count\": 2 }, \"profile\": \"quick\"",
            ),
            text.clone(),
            "is not the record of this name, which is of all worlds",
        ),
    ] {
        std::fs::write(&manifest, asked).expect("written");
        std::fs::write(&path, worlds).expect("written");
        let mut check = Command::cargo_bin("multiview").expect("the program is built");
        check.args(["report", "--check", "--dir"]).arg(&copy);
        let refused = check.assert().code(2);
        refused.stderr(predicates::str::contains(words));
    }
}

/// A folder of reports that holds copies of the records alone.
fn copied_records() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join("reports");
    copy_files(&reports().join("records"), &copy.join("records"));
    (folder, copy)
}

/// A record behind the reports is that of its name, whatever it confirms.
#[test]
fn the_record_of_another_run_is_refused() {
    let (_folder, copy) = copied_records();
    let other = copy.join("records/quick-64");
    std::fs::remove_dir_all(&other).expect("removed");
    copy_files(&reports().join("records/theorem-1-62"), &other);
    let mut check = Command::cargo_bin("multiview").expect("the program is built");
    check.args(["report", "--check", "--dir"]).arg(&copy);
    let refused = check.assert().code(2);
    refused.stderr(predicates::str::contains("is not the record of this name"));
}

/// The numbers behind the pictures of the mechanism carry a digest too.
#[test]
fn the_mechanism_edited_by_hand_is_refused() {
    let (_folder, copy) = copied_records();
    let path = copy.join("records/mechanism.json");
    let text = std::fs::read_to_string(&path).expect("committed");
    let (head, tail) = text.split_once("\"coverage\":[0.").expect("coverages");
    let digit = if tail.starts_with('5') { "4" } else { "5" };
    let edited = format!("{head}\"coverage\":[0.{digit}{}", &tail[1..]);
    std::fs::write(&path, edited).expect("written");
    let mut report = Command::cargo_bin("multiview").expect("the program is built");
    report.args(["report", "--recorded", "--dir"]).arg(&copy);
    let refused = report.assert().code(2);
    refused.stderr(predicates::str::contains(
        "mechanism.json: its digest is another",
    ));
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|e| e.expect("an entry").path());
    paths
        .flat_map(|p| if p.is_dir() { files(&p) } else { vec![p] })
        .collect()
}

pub fn copy_files(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_files(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("copied");
        }
    }
}

#[test]
fn the_results_follow_their_schema() {
    let read = |name: &str| -> Value {
        let text = std::fs::read_to_string(reports().join(name)).expect("committed");
        serde_json::from_str(&text).expect("JSON")
    };
    let schema: Value = serde_json::from_str(SCHEMA).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let results = read("results.json");
    let errors: Vec<String> = validator
        .iter_errors(&results)
        .map(|e| e.to_string())
        .collect();
    assert!(errors.is_empty(), "{errors:?}");
    let mut spoilt = results;
    spoilt["main"]["findings"][0]["verdict"] = "certain".into();
    assert!(!validator.is_valid(&spoilt));
}

/// A change of verdict is a visible diff.
#[test]
fn the_verdicts() {
    let text = std::fs::read_to_string(reports().join("README.md")).expect("committed");
    let (verdicts, _) = text
        .split_once("\n## The mechanism")
        .expect("the mechanism");
    insta::assert_snapshot!(verdicts);
}

/// A theorem that two records test has the page of the later one, and the overview says so below
/// the earlier one's table. A file of the main record is decided by that.
#[test]
fn the_last_record_decides_a_theorem_that_the_main_one_leaves_out() {
    let plan = |record: &str| -> Value {
        let path = reports().join("records").join(record).join("manifest.json");
        let text = std::fs::read_to_string(path).expect("a manifest");
        serde_json::from_str(&text).expect("JSON")
    };
    let names = |record: &str| -> Vec<String> {
        let plan = plan(record);
        let theorems = plan["theorems"].as_array().expect("theorems").iter();
        theorems
            .map(|t| t["name"].as_str().expect("a name").to_owned())
            .collect()
    };
    let page = |name: &str| {
        let path = reports().join("theorems").join(format!("{name}.md"));
        std::fs::read_to_string(path).expect("a page")
    };
    let overview = std::fs::read_to_string(reports().join("README.md")).expect("the overview");
    let records = ["further-67", "further-69", "further-70"];
    let mut again = 0;
    for record in records {
        for name in names(record) {
            let holds = |other: &&&str| names(other).contains(&name);
            let last = records.iter().rfind(holds).expect("this one");
            let made_from = format!("Made from record [{last}]");
            assert!(page(&name).contains(&made_from), "{name}");
            let told = format!("- [{name}](theorems/{name}.md), in [{last}]");
            let elsewhere = records.iter().filter(holds).count() > 1;
            again += usize::from(elsewhere);
            assert_eq!(overview.contains(&told), elsewhere, "{name}");
        }
    }
    assert!(again > 0);
    assert!(page("single-model").contains("Made from record [quick-64]"));
}
