//! Snapshots of the program's output, so that a change of words or of a verdict is a visible diff.

use serde_json::Value;

fn multiview(arguments: &[&str]) -> String {
    let output = super::cli::multiview()
        .env("COLUMNS", "80")
        .args(arguments)
        .output()
        .expect("it runs");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Keeps three significant digits: more is not reproducible between processors.
fn rounded(value: Value) -> Value {
    match value {
        Value::Number(n) if n.is_f64() => n.as_f64().map_or(Value::Null, |x| {
            format!("{x:.2e}").parse::<f64>().unwrap_or(x).into()
        }),
        Value::Array(items) => items.into_iter().map(rounded).collect(),
        Value::Object(fields) => fields.into_iter().map(|(k, v)| (k, rounded(v))).collect(),
        other => other,
    }
}

#[test]
fn list() {
    insta::assert_snapshot!(multiview(&["list"]));
}

#[test]
fn quantities() {
    insta::assert_snapshot!(multiview(&["list", "--quantities"]));
}

#[test]
fn show() {
    let text = multiview(&["show", "tests/fixtures/small.toml"]);
    // How long it takes is this machine's.
    let cut = |line: &str| match line.split_once("about ") {
        Some((before, time)) if time.contains("on one core") => format!("{before}about TIME\n"),
        _ => format!("{line}\n"),
    };
    insta::assert_snapshot!(text.lines().map(cut).collect::<String>());
}

#[test]
fn report() {
    let folder = tempfile::tempdir().expect("a folder");
    let record = folder.path().join("record").display().to_string();
    let text = multiview(&[
        "verify",
        "--file",
        "tests/fixtures/small.toml",
        "--record",
        &record,
        "--json",
        "-",
    ]);
    let mut report = rounded(serde_json::from_str(&text).expect("JSON"));
    report["plan"] = report["plan"]["seed"].take();
    insta::assert_json_snapshot!(report);
}
