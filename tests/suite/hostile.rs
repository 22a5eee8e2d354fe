//! Text from files and command lines on its way to terminals, scripts, pages and pictures: none of
//! it is obeyed there.

use super::cli::multiview;
use assert_cmd::Command;
use multiview::procedure::Quantity;
use multiview::record::Record;
use multiview::verify::Plan;
use predicates::prelude::*;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

const SMALL: &str = include_str!("../fixtures/small.toml");
const SWEEP: &str = include_str!("../fixtures/sweep.toml");

/// An escape sequence, the one-byte form of one, a bell, a mark that turns the direction, and a
/// line that the program might have said.
const HOSTILE: &str = "\u{1b}[31m\u{9b}2J\u{7}\u{202e}\nEvery claim is confirmed <script>alert(1)</script> | [x](javascript:alert(1)) & \"";

/// As a TOML or JSON string.
fn quoted(text: &str) -> String {
    let escaped: String = (text.chars())
        .map(|c| match c {
            '"' => "\\\"".into(),
            c if c.is_ascii_graphic() || c == ' ' => c.to_string(),
            c => format!("\\u{:04x}", c as u32),
        })
        .collect();
    format!("\"{escaped}\"")
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn obeyed(c: char) -> bool {
    c != '\n' && (c.is_control() || matches!(c, '\u{202a}'..='\u{202e}'))
}

/// Output of which a terminal obeys nothing.
fn tame() -> impl Predicate<[u8]> {
    predicate::function(|bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        !text.chars().any(obeyed)
    })
}

/// Runs a command, whose output must be tame and have these words on one line; returns standard
/// output.
fn shown(command: &mut Command, code: i32, words: &str) -> String {
    command.env("COLUMNS", "2000");
    let output = command.assert().code(code).stdout(tame()).stderr(tame());
    let output = output.get_output();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    let mut lines = stdout.lines().chain(stderr.lines());
    assert!(lines.any(|line| line.contains(words)), "{stdout}{stderr}");
    stdout
}

fn hostile_theorem(folder: &TempDir) -> String {
    let mut text = SMALL.to_owned();
    for (field, own) in [
        (
            "title = ",
            "\"A world small enough for tests of the program\"",
        ),
        (
            "statement = ",
            "\"Not a theorem: a tenth of a second a world.\"",
        ),
        ("source = ", "\"tests\""),
        ("why = ", "\"One step leaves the network as it was drawn.\""),
    ] {
        let from = format!("{field}{own}");
        assert!(text.contains(&from), "{from}");
        text = text.replace(&from, &format!("{field}{}", quoted(HOSTILE)));
    }
    let path = folder.path().join("theorem.toml");
    fs::write(&path, text).expect("written");
    path.display().to_string()
}

#[test]
fn titles_and_statements_are_shown_and_not_obeyed() {
    let folder = folder();
    let theorem = hostile_theorem(&folder);
    let title = "\\u{1b}[31m\\u{9b}2J\\u{7}\\u{202e}\\nEvery claim is confirmed";
    shown(multiview().args(["show", &theorem]), 0, title);
    let json = shown(
        multiview().args(["show", &theorem, "--json"]),
        0,
        "\"title\"",
    );
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["title"], HOSTILE);
    let mut verify = multiview();
    verify.args(["verify", "--file", &theorem, "--json", "-", "--record"]);
    let json = shown(verify.arg(folder.path().join("record")), 0, "\"title\"");
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["plan"]["theorems"][0]["title"], HOSTILE);
}

#[test]
fn errors_repeat_names_paths_and_values_in_one_line() {
    let folder = folder();
    let place = |name: &str| folder.path().join(name);
    let odd = place("a\u{1b}[31m\nb.toml");
    let named = "a\\u{1b}[31m\\nb.toml";
    shown(multiview().arg("show").arg(&odd), 2, named);
    shown(multiview().args(["verify", "--file"]).arg(&odd), 2, named);
    shown(multiview().arg("train").arg(&odd), 2, named);
    shown(multiview().arg("explore").arg(&odd), 2, named);
    shown(multiview().args(["verify", "--resume"]).arg(&odd), 2, named);
    shown(multiview().args(["report", "--dir"]).arg(&odd), 2, named);
    shown(
        multiview().args(["explore", "merge", "x"]).arg(&odd),
        2,
        named,
    );
    shown(multiview().args(["show", "\u{1b}[31m"]), 2, "[31m");
    shown(multiview().args(["show", "--\u{9b}31m"]), 2, "\\u{9b}31m");
    shown(
        multiview().args(["explore", "--axis", "\u{1b}[31m=1"]),
        2,
        "[31m",
    );
    shown(
        multiview().args(["explore", "--axis", "k=\u{1b}[31m"]),
        2,
        "[31m",
    );
    // Where a parser repeats what it read.
    for text in [
        format!("{} = 1", quoted(HOSTILE)),
        format!("name = {}", quoted(HOSTILE)),
        "name = \u{1b}[31m".into(),
    ] {
        fs::write(&odd, text).expect("written");
        shown(multiview().arg("show").arg(&odd), 2, named);
        shown(multiview().arg("explore").arg(&odd), 2, named);
    }
    // A record's manifest is a file like any other.
    fs::create_dir(place("record")).expect("made");
    let manifest = format!("{{{}: 1}}", quoted(HOSTILE));
    fs::write(place("record/manifest.json"), manifest).expect("written");
    shown(
        multiview()
            .args(["verify", "--resume"])
            .arg(place("record")),
        2,
        "manifest.json",
    );
}

#[test]
fn maps_and_tables_of_a_hostile_title_are_well_formed() {
    let folder = folder();
    let sweep = folder.path().join("sweep.toml");
    let title = SWEEP.lines().find(|l| l.starts_with("title = "));
    let text = SWEEP.replace(
        title.expect("a title"),
        &format!("title = {}", quoted(&format!("{HOSTILE}\u{ffff}"))),
    );
    fs::write(&sweep, text).expect("written");
    let out = folder.path().join("out");
    let mut explore = multiview();
    explore.arg("explore").arg(&sweep).arg("--out").arg(&out);
    shown(&mut explore, 0, "Every claim is confirmed");
    let mut pictures = 0;
    for entry in fs::read_dir(&out).expect("a folder") {
        let path = entry.expect("an entry").path();
        let extension = path.extension().unwrap_or_default().to_string_lossy();
        if !["svg", "md", "csv"].contains(&&*extension) {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a file");
        assert!(!text.contains(|c| obeyed(c) || c == '\u{ffff}'), "{path:?}");
        if extension == "md" {
            assert_plain_page(&text);
        }
        if extension == "svg" {
            pictures += 1;
            assert!(!text.contains("<script") && text.contains("&lt;script"));
            let (open, close) = (
                text.matches("<text").count(),
                text.matches("</text>").count(),
            );
            assert!(open > 0 && open == close);
        }
    }
    assert!(pictures > 0);
}

/// A page without elements of the text's own.
fn assert_plain_page(markdown: &str) {
    use pulldown_cmark::{Event, Options, Parser, Tag};
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES) {
        match event {
            Event::Html(html) | Event::InlineHtml(html) => panic!("{html}"),
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                assert!(!dest_url.contains("javascript"), "{dest_url}");
            }
            _ => {}
        }
    }
}

/// The manifest of the committed main record, with words that a page would obey.
#[test]
fn reports_show_what_a_manifest_says_and_obey_nothing() {
    let folder = folder();
    let reports = Path::new(env!("CARGO_MANIFEST_DIR")).join("reports");
    super::report::copy_files(&reports.join("records"), &folder.path().join("records"));
    let manifest = folder.path().join("records/quick-64/manifest.json");
    let text = fs::read_to_string(&manifest).expect("a manifest");
    let mut plan: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let spoof = format!("{HOSTILE}\n## Verdict\n\n| claim |\n|---|\n| all |");
    let name = "single-model"; // which the main record tests
    let theorems = plan["theorems"].as_array_mut().expect("theorems");
    let mut of_name = theorems.iter_mut().filter(|t| t["name"] == name);
    let theorem = of_name.next().expect("a theorem");
    for field in ["title", "statement", "source"] {
        theorem[field] = spoof.as_str().into();
    }
    // Whoever makes a record can put digests on whatever it says.
    let directory = manifest.parent().expect("a folder");
    let honest: Plan = Record::manifest(directory).expect("a manifest");
    let worlds = Record::read(directory, &honest).expect("worlds").worlds;
    fs::remove_dir_all(directory).expect("removed");
    let spoofed: Plan = serde_json::from_value(plan.clone()).expect("a plan");
    drop(Record::create(directory, &spoofed).expect("created"));
    Record::put_in_order(directory, &spoofed, &worlds).expect("written");
    let mut report = multiview();
    report
        .args(["report", "--recorded", "--dir"])
        .arg(folder.path());
    report.assert().success();
    let read = |path: &str| fs::read_to_string(folder.path().join(path)).expect("a page");
    let page = read("index.html");
    // The page's own scripts, and no other.
    let committed = fs::read_to_string(reports.join("index.html")).expect("committed");
    let scripts = |page: &str| page.matches("<script").count();
    assert_eq!(scripts(&page), scripts(&committed));
    assert!(!page.contains("href=\"javascript"));
    assert!(page.contains("Every claim is confirmed"));
    assert!(!page.contains(obeyed));
    let own = read(&format!("theorems/{name}.md"));
    assert_plain_page(&own);
    assert!(!own.contains(obeyed));
    let headings = own.lines().filter(|l| *l == "## Verdict");
    assert_eq!(headings.count(), 1, "a heading of the statement's own");
}

/// The reason of a world without a number stands in the record.
#[test]
fn reasons_of_a_record_are_shown_and_not_obeyed() {
    let folder = folder();
    let theorem = folder.path().join("theorem.toml");
    fs::write(&theorem, SMALL).expect("written");
    let directory = folder.path().join("record");
    let mut verify = multiview();
    verify.arg("verify").arg("--file").arg(&theorem);
    verify.arg("--record").arg(&directory).assert().success();
    let plan: Plan = Record::manifest(&directory).expect("a plan");
    let mut worlds = Record::read(&directory, &plan).expect("a record").worlds;
    for outcome in worlds.values_mut() {
        let views = outcome.quantities.get_mut("lottery.some_view_share");
        *views.expect("it is measured") = Quantity::undefined(HOSTILE);
    }
    Record::put_in_order(&directory, &plan, &worlds).expect("written");
    let reason =
        "(world 0: \\u{1b}[31m\\u{9b}2J\\u{7}\\u{202e}\\nEvery claim is confirmed <script>";
    let mut resume = multiview();
    resume.args(["verify", "--resume"]).arg(&directory);
    shown(&mut resume, 1, reason);
}

/// A path ends up in comments, directives and commands of the script.
#[test]
fn job_scripts_carry_paths_as_one_word_or_not_at_all() {
    let folder = folder();
    let submit = |name: &str| {
        let mut submit = multiview();
        submit.args(["explore", "submit", "ties", "--slurm", "--only-write"]);
        submit.arg("--out").arg(folder.path().join(name));
        submit
    };
    for name in [
        "a\n#SBATCH --partition=other",
        "a\r#SBATCH --partition=other",
        "a\" --partition=other",
        "a\\b",
        "a%j",
        "a\u{1b}[31m",
        "a\u{2028}b",
    ] {
        shown(&mut submit(name), 2, "out = ");
        assert!(!folder.path().join(name).exists(), "{name:?}");
    }
    let odd = "it's a `$(touch oops)` # place; rm";
    submit(odd).assert().success();
    let script = folder.path().join(odd).join("explore.sbatch");
    let text = fs::read_to_string(script).expect("a script");
    let directives = text.lines().filter(|l| l.starts_with("#SBATCH"));
    assert_eq!(directives.count(), 8, "{text}");
    let command = text.lines().last().expect("a command");
    let echo = command.replace("exec ", "printf '%s\\n' ");
    let words = Command::new("sh")
        .args(["-c", &echo])
        .env("SLURM_ARRAY_TASK_ID", "3")
        .current_dir(folder.path())
        .assert()
        .success();
    let words = String::from_utf8_lossy(&words.get_output().stdout).into_owned();
    let shard = folder.path().join(odd).join("shard-3");
    assert_eq!(words.lines().last(), shard.to_str(), "{words}");
    assert!(!folder.path().join("oops").exists());
}
