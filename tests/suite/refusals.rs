//! Refusals: every kind of fault has words of its own, in the language of the file and not of the
//! program.

use multiview::theorem::Theorem;
use predicates::prelude::*;
use std::collections::BTreeSet;

const SMALL: &str = include_str!("../fixtures/small.toml");

/// Words of Rust, which no reader of a theorem file has to know.
const RUST: [&str; 12] = [
    "None", "Some(", "Ok(", "Err(", "usize", "u64", "f64", "i64", "NaN", "::", "struct ", "enum ",
];

/// The refusal of a theorem file, without a word of Rust.
fn refused(text: &str) -> String {
    let error = Theorem::parse("file.toml", text).expect_err(text);
    let message = error.to_string();
    for word in RUST {
        assert!(!message.contains(word), "{word:?} in {message}");
    }
    assert!(error.line.is_some_and(|line| line >= 1), "{message}");
    message
}

/// The keys and values of a file, one a line, with the line's number from 1.
fn fields(text: &str) -> impl Iterator<Item = (usize, &str, &str)> {
    (1..).zip(text.lines()).filter_map(|(number, line)| {
        let (key, value) = line.split_once(" = ")?;
        Some((number, key, value))
    })
}

/// The file with another text in place of a line.
fn with_line(number: usize, line: &str) -> String {
    let lines = (1..).zip(SMALL.lines());
    let lines = lines.map(|(n, old)| if n == number { line } else { old });
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn a_misspelt_key_is_unknown_and_the_right_one_is_named() {
    for (number, key, value) in fields(SMALL) {
        let misspelt = format!("{key}z");
        let message = refused(&with_line(number, &format!("{misspelt} = {value}")));
        let place = format!("file.toml:{number}: ");
        assert!(message.starts_with(&place), "{place}: {message}");
        let words = format!("{misspelt} is unknown; the nearest name is {key}; ");
        assert!(message.contains(&words), "{words}: {message}");
    }
}

#[test]
fn a_needed_key_that_is_not_there_is_missing() {
    let mut missing = BTreeSet::new();
    for (number, key, _) in fields(SMALL) {
        // A key with a default may go.
        if let Err(error) = Theorem::parse("file.toml", &with_line(number, "")) {
            let message = error.to_string();
            assert!(message.contains(" is missing: "), "{message}");
            if message.contains(&format!("{key} is missing: ")) {
                missing.insert(key);
            }
        }
    }
    for key in [
        "name",
        "classes",
        "relu_threshold",
        "quantity",
        "band",
        "refutes",
    ] {
        assert!(missing.contains(key), "{key}");
    }
}

#[test]
fn a_key_that_stands_twice_is_given_twice() {
    for (number, key, value) in fields(SMALL) {
        let message = refused(&with_line(
            number,
            &format!("{key} = {value}\n{key} = {value}"),
        ));
        assert!(
            message.contains(&format!("{key} is given twice: ")),
            "{message}"
        );
    }
}

/// A value of another type is shown as it was written, with the type that would do.
#[test]
fn a_value_of_another_type_is_out_of_range() {
    for (number, key, value) in fields(SMALL) {
        let other = if value.starts_with('"') {
            "7.25"
        } else {
            "\"seven\""
        };
        let message = refused(&with_line(number, &format!("{key} = {other}")));
        let place = format!("file.toml:{number}: ");
        assert!(message.starts_with(&place), "{place}: {message}");
        assert!(message.contains(key), "{key}: {message}");
        assert!(message.contains(" is out of range: "), "{message}");
    }
}

/// Numbers that are none, or far outside of every range.
/// A list in a table's place would be read as its fields, in the order in which the program has them.
#[test]
fn a_list_is_no_table() {
    for (table, list, field) in [
        (
            "test_draws = { single_view = 4, multi_view = 4 }",
            "test_draws = []",
            "procedure.test_draws = []",
        ),
        (
            "band = { upper = 0.2 }",
            "band = [0.0, 0.2]",
            "claims.fitted.band = [0.0, 0.2]",
        ),
    ] {
        let text = SMALL.replacen(table, list, 1);
        assert_ne!(text, SMALL, "{table}");
        let line = text
            .lines()
            .position(|line| line == list)
            .expect("it is there")
            + 1;
        let message = refused(&text);
        assert!(
            message.contains(&format!("{field} is out of range: a table")),
            "{message}"
        );
        assert!(message.contains(&format!(":{line}: ")), "{message}");
    }
}

#[test]
fn a_number_outside_its_range_is_shown_as_it_was_written() {
    for (number, key, value) in fields(SMALL) {
        if value.parse::<f64>().is_err() {
            continue;
        }
        for other in ["nan", "-1e300", "-inf"] {
            let message = refused(&with_line(number, &format!("{key} = {other}")));
            let words = format!("{key} = {other} is out of range: ");
            assert!(message.contains(&words), "{words}: {message}");
        }
    }
}

/// Refusals of the command line: the kind of fault, and the name or the command that helps.
#[test]
fn the_command_line_speaks_of_four_kinds() {
    let cases: &[(&[&str], &str)] = &[
        (
            &["verify", "single-modle"],
            "THEOREM = \"single-modle\" is unknown; the nearest name is single-model; `multiview list`",
        ),
        (
            &["explore", "tiess"],
            "SWEEP = \"tiess\" is unknown; the nearest name is ties; ",
        ),
        (
            &["explore", "--axis", "clases=8,9", "--dry-run"],
            "axes.parameter = \"clases\" is unknown; the nearest name is classes; ",
        ),
        (
            &[
                "explore",
                "--axis",
                "k=8",
                "--claim",
                "test-eror",
                "--dry-run",
            ],
            "claims = \"test-eror\" is unknown; the nearest name is test-error; ",
        ),
        (&["explore", "--dry-run"], "axes is missing: "),
        (
            &["explore", "--axis", "k", "--dry-run"],
            "axes.k.values is missing: an axis has values",
        ),
        (
            &["explore", "--axis", "k=", "--dry-run"],
            "axes.k.values is missing: an axis has at least one value",
        ),
        (
            &["explore", "--axis", "k=-3", "--dry-run"],
            "regime.data.classes = -3 is out of range: a whole number, not",
        ),
        (
            &["explore", "--axis", "m=4..4.5:lin:2", "--dry-run"],
            "axes.m = \"4..4.5:lin:2\" is out of range: ends that are whole numbers",
        ),
        (
            &["explore", "--axis", "k=10..1e300:log:3", "--dry-run"],
            "axes.k = \"10..1e300:log:3\" is out of range: ends that are whole numbers",
        ),
        (
            &["explore", "--axis", "engine=dense", "--dry-run"],
            "regime.data.dimension is missing: training.engine = \"dense\" needs",
        ),
        (
            &["explore", "--axis", "k=8,9,8", "--dry-run"],
            "axes.k = 8 is given twice: ",
        ),
        (
            &[
                "explore",
                "--axis",
                "k=8",
                "--axis",
                "classes=9",
                "--dry-run",
            ],
            "axes.classes = \"regime.data.classes\" is given twice: ",
        ),
        (
            &["explore", "--axis", "k=eight", "--dry-run"],
            "regime.data.classes = \"eight\" is out of range: a whole number",
        ),
        (
            &["verify", "lottery", "lottery"],
            "theorems.name = \"lottery\" is given twice: ",
        ),
        (
            &["verify", "lottery", "--profile", "glance"],
            "lottery.profiles.glance is missing: this theorem is tested with --profile quick or full",
        ),
        (
            &["verify", "--shard", "3/3"],
            "shard = \"3/3\" is out of range: I/N with I from 0 to below N",
        ),
        (
            &["verify", "--confidence", "sure"],
            "confidence = \"sure\" is out of range: a number",
        ),
    ];
    for (arguments, words) in cases {
        let refused = super::cli::multiview().args(*arguments).assert().code(2);
        let rust = |text: &str| !RUST.iter().any(|word| text.contains(word));
        refused.stderr(predicate::str::contains(*words).and(predicate::function(rust)));
    }
}

/// A number that an option cannot take is refused once, by the option's name, with the range.
#[test]
fn an_option_s_number_is_refused_with_its_range() {
    let above: &[(&str, &[&str], &str)] = &[
        ("threads", &["verify", "explore", "report"], "1 to 1024"),
        (
            "seed",
            &["verify", "explore", "train", "data", "verify submit"],
            "0 to 18446744073709551615",
        ),
        ("world", &["train", "data"], "0 to 18446744073709551615"),
        ("every", &["train"], "1 to 4294967295"),
        ("steps", &["train"], "1 to 4294967295"),
        ("worlds", &["explore"], "1 to 100000"),
        ("total-worlds", &["explore"], "1 to 18446744073709551615"),
        ("tasks", &["verify submit", "explore submit"], "1 to 10000"),
        ("cores", &["verify submit", "explore submit"], "1 to 1024"),
    ];
    for (option, commands, range) in above {
        for command in *commands {
            for (value, shown) in [("-3", "-3"), ("1e30", "1e30"), ("many", "\"many\"")] {
                let mut refused = super::cli::multiview();
                refused
                    .args(command.split(' '))
                    .arg(format!("--{option}"))
                    .arg(value);
                let words =
                    format!("error: {option} = {shown} is out of range: a whole number, {range}\n");
                refused.assert().code(2).stderr(predicate::eq(words));
            }
        }
    }
    for command in ["verify", "explore"] {
        let mut refused = super::cli::multiview();
        refused
            .args([command, "--confidence", "0.5"])
            .assert()
            .code(2)
            .stderr(predicate::str::starts_with(
                "error: confidence = 0.5 is out of range: ",
            ));
    }
}

/// A table that lacks a key is named by its own path, whatever stands beside the key.
#[test]
fn a_missing_key_has_the_path_of_its_table() {
    for (from, to, words) in [
        (
            "title = \"A world small enough for tests of the program\"\n",
            "",
            ":1: title is missing: ",
        ),
        (
            "[regime.network]",
            "[regime.other]",
            ": regime.other is unknown; ",
        ),
        (
            "[regime.network]\nneurons_per_class = 4\nrelu_threshold = 1.0\ninit_scale = 0.01\n",
            "",
            ": regime.network is missing: ",
        ),
        (
            "members = 2\n",
            "members = 2\ndistillation = { temperature = 1.0 }\n",
            ": procedure.distillation.teacher_scale is missing: ",
        ),
        (
            "quantity = \"lottery.some_view_share\"\n",
            "",
            ": claims.some-view.quantity is missing: ",
        ),
        (
            "quick = { confidence = 0.9, worlds = 24 }",
            "quick = { confidence = 0.9 }",
            ": profiles.quick.worlds is missing: ",
        ),
        (
            "\"procedure.members\" = 1 }",
            "\"procedure.distillation\" = { temperature = 1.0 } }",
            "controls.untrained.set.procedure.distillation.teacher_scale is missing: ",
        ),
    ] {
        assert!(SMALL.contains(from), "{from}");
        let message = refused(&SMALL.replacen(from, to, 1));
        assert!(message.contains(words), "{words}: {message}");
    }
    let message = refused("base = \"stated\"\nname = \"x\"\n");
    assert!(
        message.contains(": regime.data.classes is missing: "),
        "{message}"
    );
    let message = refused("name = ");
    assert!(
        message.starts_with("file.toml:1: is not TOML: "),
        "{message}"
    );
    let message = refused(&SMALL.replacen("steps = 400", "steps = ", 1));
    assert!(
        message.starts_with("file.toml:24: is not TOML: "),
        "{message}"
    );
}

/// A task's variables are the launcher's, and are named as the launcher names them.
#[test]
fn a_launcher_s_variables_are_refused_by_their_names() {
    for (name, value, words) in [
        (
            "JOB_COMPLETION_INDEX",
            "2",
            "JOB_COMPLETIONS is missing: JOB_COMPLETION_INDEX is set",
        ),
        (
            "SLURM_ARRAY_TASK_ID",
            "two",
            "SLURM_ARRAY_TASK_ID = \"two\" is out of range: a whole number",
        ),
    ] {
        let mut verify = super::cli::multiview();
        verify.args(["verify", "lottery"]).env(name, value);
        verify
            .assert()
            .code(2)
            .stderr(predicate::str::contains(words));
    }
}
