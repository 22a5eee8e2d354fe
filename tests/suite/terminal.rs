//! Output fits the terminal, and has colour where the terminal has it.

use super::cli::multiview;
use std::process::Output;

/// Runs the program for a terminal of this many columns.
fn run(columns: usize, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = multiview();
    command.env("COLUMNS", columns.to_string()).args(arguments);
    command.envs(environment.iter().copied());
    command.output().expect("it runs")
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

/// A record of the small theorem, and the arguments that show it again without training.
fn decided(folder: &tempfile::TempDir) -> Vec<String> {
    let record = folder.path().join("record").display().to_string();
    let file = "tests/fixtures/small.toml";
    let arguments = ["verify", "--file", file, "--record", &record];
    assert!(run(80, &arguments, &[]).status.success());
    ["verify", "--resume", &record].map(str::to_owned).to_vec()
}

#[test]
fn every_line_fits_the_terminal() {
    let folder = tempfile::tempdir().expect("a folder");
    let verdicts = decided(&folder);
    let verdicts: Vec<&str> = verdicts.iter().map(String::as_str).collect();
    let cases: &[&[&str]] = &[
        &["list"],
        &["list", "--quantities"],
        &["explore", "failed"],
        &["show", "tests/fixtures/small.toml"],
        &["explore", "tests/fixtures/sweep.toml", "--dry-run"],
        &verdicts,
    ];
    for columns in [60, 80, 132] {
        for arguments in cases {
            let shown = text(&run(columns, arguments, &[]));
            assert!(!shown.is_empty(), "{arguments:?}");
            for line in shown.lines() {
                let width = textwrap::core::display_width(line);
                assert!(
                    width <= columns,
                    "{arguments:?}: {width} in {columns}: {line}"
                );
            }
        }
    }
}

/// A field's name can be copied from the table; where the terminal is narrow, its path breaks after
/// a dot.
#[test]
fn no_field_breaks_within_a_name() {
    for (columns, name) in [
        (80, " regime.data.single_view_other_weight "),
        (80, " procedure.distillation.push_rate_per_class "),
        (60, " push_rate_per_class "),
    ] {
        let shown = text(&run(columns, &["show", "theorem-3"], &[]));
        assert!(shown.contains(name), "{columns}: {name}: {shown}");
    }
}

/// The same words, whatever the width: nothing is cut off.
#[test]
fn no_word_is_lost_in_a_narrow_terminal() {
    for arguments in [
        &["list"][..],
        &["list", "--quantities"],
        &["explore", "failed"],
    ] {
        let words = |columns| {
            let shown = text(&run(columns, arguments, &[]));
            shown.split_whitespace().collect::<String>()
        };
        assert_eq!(words(60), words(1000), "{arguments:?}");
    }
}

#[test]
fn verdicts_have_colour_where_there_is_colour() {
    let folder = tempfile::tempdir().expect("a folder");
    let verdicts = decided(&folder);
    let verdicts: Vec<&str> = verdicts.iter().map(String::as_str).collect();
    let forced = ("CLICOLOR_FORCE", "1");
    let coloured = text(&run(80, &verdicts, &[forced]));
    assert!(
        coloured.contains("\u{1b}[1m\u{1b}[32m✓ confirmed\u{1b}[0m: "),
        "{coloured}"
    );
    for plain in [&[][..], &[forced, ("NO_COLOR", "1")]] {
        let plain = text(&run(80, &verdicts, plain));
        assert!(
            !plain.contains('\u{1b}') && plain.contains("✓ confirmed: "),
            "{plain}"
        );
    }
}
