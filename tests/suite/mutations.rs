//! The faults of `tests/mutations` still apply to the source, and the checks that must catch them
//! are there. (Whether they do: `python3 tests/mutations/run.py`, and `reports/mutations/README.md`
//! for what it found.)

use serde::Deserialize;
use std::collections::BTreeSet;
use std::fs::read_to_string;
use std::path::Path;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    faults: Vec<Fault>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fault {
    fault: String,
    file: String,
    after: Option<String>,
    text: String,
    becomes: String,
    check: String,
}

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn faults() -> Vec<Fault> {
    let list: List = toml::from_str(&read("tests/mutations/faults.toml")).expect("it reads");
    list.faults
}

impl Fault {
    /// The source with the fault in it.
    fn applied(&self) -> String {
        let source = read(&self.file);
        let times = |text: &str| source.matches(text).count();
        let start = match &self.after {
            Some(after) => {
                assert_eq!(times(after), 1, "{}: {after:?} must stand once", self.fault);
                source.find(after.as_str()).expect("it stands once") + after.len()
            }
            None => {
                assert_eq!(
                    times(&self.text),
                    1,
                    "{}: {:?} must stand once",
                    self.fault,
                    self.text
                );
                0
            }
        };
        let (before, behind) = source.split_at(start);
        assert!(
            behind.contains(&self.text),
            "{}: {:?} is gone",
            self.fault,
            self.text
        );
        before.to_owned() + &behind.replacen(&self.text, &self.becomes, 1)
    }

    /// The file of the check and its function.
    fn check(&self) -> (String, &str) {
        let (program, path) = self.check.split_once(' ').expect("a program and a test");
        let (modules, function) = path.rsplit_once("::").expect("a path");
        let file = match program {
            "suite" => format!("tests/suite/{modules}.rs"),
            "lib" => {
                let modules = modules.strip_suffix("::tests").unwrap_or(modules);
                format!("src/{}.rs", modules.replace("::", "/"))
            }
            other => panic!("{}: {other} is no program of tests", self.fault),
        };
        (file, function)
    }
}

#[test]
fn every_fault_applies_to_the_source_and_names_a_test() {
    let faults = faults();
    assert!(faults.len() >= 40);
    let mut sources = BTreeSet::new();
    for fault in &faults {
        assert!(sources.insert(fault.applied()), "{}: twice", fault.fault);
        let (file, function) = fault.check();
        let source = read(&file);
        let head = format!("fn {function}(");
        let tests: Vec<&str> = source.split("#[test]").skip(1).collect();
        assert!(
            tests.iter().any(|test| test.contains(&head)),
            "{file} has no test {function}"
        );
    }
}

/// Every row of the report is a fault of the list, in its place, with its check.
#[test]
fn the_report_is_of_these_faults() {
    let report = read("reports/mutations/README.md");
    for (index, fault) in faults().iter().enumerate() {
        let (_, path) = fault.check.split_once(' ').expect("a program and a test");
        let row = format!(
            "| {} | {} | `{}` | `{path}` |",
            index + 1,
            fault.fault,
            fault.file
        );
        assert!(report.contains(&row), "the report lacks: {row}");
    }
}
