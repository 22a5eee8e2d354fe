//! The flat tables of a record say what the record says, to a reader that is not ours.

use super::cli::multiview;
use multiview::explore::Manifest;
use multiview::export::{FILES, tables};
use multiview::procedure::{ModelRow, Quantity, WorldOutcome};
use multiview::record::{Asked, Record, Worlds};
use multiview::verify::{Asker, Plan};
use predicates::str::contains;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

const SMALL: &str = include_str!("../fixtures/small.toml");
/// Columns of either table that are not of a quantity.
const LABELS: [&str; 6] = [
    "seed",
    "experiment",
    "theorem",
    "control",
    "world",
    "undefined",
];

type Row = BTreeMap<String, String>;

fn rows(text: &[u8]) -> Vec<Row> {
    let mut reader = csv::Reader::from_reader(text);
    let rows = reader.deserialize();
    rows.map(|row| row.expect("a row of as many fields as the header"))
        .collect()
}

fn read(folder: &Path, name: &str) -> Vec<Row> {
    rows(&fs::read(folder.join(name)).expect("a table"))
}

/// A cell as a quantity: a number, or the reason for an empty one.
fn quantity(row: &Row, name: &str) -> Option<Quantity> {
    if let Ok(number) = row[name].parse::<f64>() {
        return Some(number.into());
    }
    assert_eq!(row[name], "");
    let start = format!("{name}: ");
    let mut reasons = row["undefined"].split("; ");
    reasons
        .find_map(|r| r.strip_prefix(&start))
        .map(Quantity::undefined)
}

fn key(row: &Row) -> (String, u64) {
    (
        row["experiment"].clone(),
        row["world"].parse().expect("an index"),
    )
}

/// The worlds as the tables tell them.
fn worlds(of_worlds: &[Row], of_models: &[Row]) -> Worlds {
    let mut worlds = Worlds::new();
    for row in of_worlds {
        let names = row.keys().filter(|name| !LABELS.contains(&name.as_str()));
        let names =
            names.filter(|name| !name.starts_with("regime.") && !name.starts_with("procedure."));
        let quantities = names.filter_map(|name| Some((name.clone(), quantity(row, name)?)));
        let outcome = WorldOutcome {
            quantities: quantities.collect(),
            models: Vec::new(),
        };
        let before = worlds.insert(key(row), outcome.clone());
        assert!(before.is_none_or(|before| before == outcome));
    }
    let mut seen = BTreeSet::new();
    for row in of_models {
        if !seen.insert((key(row), row["model"].clone())) {
            continue; // of another theorem that asks for the same world
        }
        let error = |name: &str| quantity(row, name).expect("a number or a reason");
        let count = |name: &str| row[name].parse().expect("a count");
        let models = &mut worlds.get_mut(&key(row)).expect("a world").models;
        assert_eq!(models.len(), count("model"));
        models.push(ModelRow {
            role: row["role"].clone(),
            steps: count("steps"),
            training_errors: count("training_errors"),
            test_error: error("test_error"),
            single_view_error: error("single_view_error"),
            multi_view_error: error("multi_view_error"),
            monte_carlo_error: error("monte_carlo_error"),
            checkpoints: Vec::new(),
            coverage: quantity(row, "coverage"),
        });
    }
    worlds
}

fn export(folder: &TempDir, arguments: &[&str]) -> assert_cmd::assert::Assert {
    let mut export = multiview();
    export
        .arg("export")
        .args(arguments)
        .current_dir(folder.path());
    export.assert()
}

fn recorded<T: Asked>(record: &Path) -> Worlds {
    let manifest: T = Record::manifest(record).expect("a manifest");
    Record::read(record, &manifest).expect("a record").worlds
}

/// Two theorems that share worlds, and a control.
#[test]
fn the_tables_of_a_verification_read_back_as_its_record() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        fs::write(folder.path().join(name), text).expect("written");
    };
    write("small.toml", SMALL);
    write("copy.toml", &SMALL.replace("\"small\"", "\"copy\""));
    let mut verify = multiview();
    verify.args([
        "verify",
        "./small.toml",
        "./copy.toml",
        "--seed",
        "5",
        "--record",
        "record",
    ]);
    verify.current_dir(folder.path()).assert().code(0);
    export(&folder, &["record"])
        .success()
        .stdout(contains("worlds.csv and models.csv in record"));
    let record = folder.path().join("record");
    let (of_worlds, of_models) = (read(&record, FILES[0]), read(&record, FILES[1]));
    assert_eq!(worlds(&of_worlds, &of_models), recorded::<Plan>(&record));
    let of = |theorem: &str, control: &str| {
        let rows = of_worlds.iter();
        rows.filter(|row| row["theorem"] == theorem && row["control"] == control)
            .count()
    };
    assert!(of("small", "") > 0 && of("small", "untrained") > 0);
    assert_eq!(of("copy", ""), of("small", ""));
    assert!(of_worlds.iter().all(|row| row["seed"] == "5"));
    // Again, over what it has written itself; not over what may be someone else's.
    export(&folder, &["record"]).success();
    write("worlds.csv", "mine");
    export(&folder, &["record", "--out", "."])
        .code(2)
        .stderr(contains("exists already"));
    export(&folder, &["record", "--out", "tables"]).success();
    assert_eq!(read(&folder.path().join("tables"), FILES[0]), of_worlds);
    export(&folder, &["nothing"])
        .code(2)
        .stderr(contains("nothing: holds no record"));
}

#[test]
fn the_tables_of_an_exploration_name_the_values_of_its_axes() {
    let folder = tempfile::tempdir().expect("a folder");
    let record = folder.path().join("record");
    let mut explore = multiview();
    explore.args(["explore", "tests/fixtures/sweep.toml", "--out"]);
    explore.arg(&record).assert().success();
    export(&folder, &["record"]).success();
    let (of_worlds, of_models) = (read(&record, FILES[0]), read(&record, FILES[1]));
    assert_eq!(
        worlds(&of_worlds, &of_models),
        recorded::<Manifest>(&record)
    );
    let manifest: Manifest = Record::manifest(&record).expect("a manifest");
    let cells = manifest.cells().expect("in range");
    for row in of_worlds.iter().chain(&of_models) {
        let cell = cells
            .iter()
            .find(|cell| cell.theorem.name == row["theorem"]);
        for (path, value) in &cell.expect("a cell").values {
            assert_eq!(row[path], value.to_string().trim_matches('"'));
        }
    }
}

/// A quantity without a number is an empty cell with its reason, whatever the words.
#[test]
fn a_quantity_without_a_number_is_an_empty_cell_with_a_reason() {
    let reason = "a \"ratio\", without\na denominator";
    let model = ModelRow {
        role: "single".into(),
        steps: 3,
        training_errors: 1,
        test_error: Quantity::undefined(reason),
        single_view_error: 1.0.into(),
        multi_view_error: 1e-300.into(),
        monte_carlo_error: 0.1.into(),
        checkpoints: Vec::new(),
        coverage: None,
    };
    let outcome = WorldOutcome {
        quantities: BTreeMap::from([
            ("single.gain".to_owned(), Quantity::undefined(reason)),
            ("single.test_error".to_owned(), (0.1 + 0.2).into()),
        ]),
        models: vec![model],
    };
    let other = WorldOutcome {
        quantities: BTreeMap::from([("joint.gain".to_owned(), 2.0.into())]),
        models: Vec::new(),
    };
    let asker = |experiment: &str, at: Option<i64>| Asker {
        experiment: experiment.into(),
        theorem: "t".into(),
        control: None,
        values: at
            .map(|k| ("regime.data.classes".to_owned(), k.into()))
            .into_iter()
            .collect(),
    };
    let askers = [asker("a", Some(60)), asker("b", None)];
    let all = Worlds::from([(("a".into(), 7), outcome), (("b".into(), 0), other)]);
    let [of_worlds, of_models] = tables(1, &askers, &all).map(|table| rows(table.csv().as_bytes()));
    assert_eq!(of_worlds.len(), 2);
    assert_eq!(of_worlds[0]["regime.data.classes"], "60");
    assert_eq!(of_worlds[1]["regime.data.classes"], "");
    assert_eq!(of_worlds[0]["single.test_error"], "0.30000000000000004");
    assert_eq!(of_worlds[0]["joint.gain"], "", "it is not measured there");
    // On one line: what a terminal would obey is written out.
    let shown = reason.replace('\n', "\\n");
    assert_eq!(of_worlds[0]["undefined"], format!("single.gain: {shown}"));
    assert_eq!(of_worlds[1]["undefined"], "");
    assert_eq!(of_models[0]["undefined"], format!("test_error: {shown}"));
    assert_eq!(of_models[0]["multi_view_error"].parse(), Ok(1e-300));
}
