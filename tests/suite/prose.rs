//! The pages written by hand: they stay short, lead somewhere, and say what the reports say.

use pulldown_cmark::{Event, Parser, Tag, TagEnd};
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The front page, and every page of notes.
fn pages() -> Vec<PathBuf> {
    let notes = std::fs::read_dir(root().join("reports/notes")).expect("a folder");
    let notes = notes.map(|entry| entry.expect("an entry").path());
    let front = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(|name| root().join(name));
    front.into_iter().chain(notes).collect()
}

/// The addresses of a page's links and pictures.
fn links(text: &str) -> Vec<String> {
    let address = |event| match event {
        Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
            Some(dest_url.into_string())
        }
        _ => None,
    };
    Parser::new(text).filter_map(address).collect()
}

/// The anchors that a code host gives a page's headings.
fn anchors(text: &str) -> Vec<String> {
    let mut anchors = Vec::new();
    let mut heading = None;
    for event in Parser::new(text) {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::Text(text) | Event::Code(text) => {
                heading.iter_mut().for_each(|h| h.push_str(&text));
            }
            Event::End(TagEnd::Heading(_)) => anchors.extend(heading.take()),
            _ => {}
        }
    }
    let kept = |c: &char| c.is_alphanumeric() || "-_ ".contains(*c);
    let anchor = |h: String| h.to_lowercase().chars().filter(kept).collect::<String>();
    (anchors.into_iter())
        .map(|h| anchor(h).replace(' ', "-"))
        .collect()
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    for page in pages() {
        let text = read(&page);
        for link in links(&text).iter().filter(|l| !l.contains("://")) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => page.clone(),
                file => page.parent().expect("a folder").join(file),
            };
            assert!(target.exists(), "{}: {link}", page.display());
            let found = anchor.is_empty() || anchors(&read(&target)).iter().any(|a| a == anchor);
            assert!(found, "{}: {link}", page.display());
        }
    }
}

#[test]
fn every_page_of_notes_is_linked_from_the_front_page() {
    let links = links(&read("README.md"));
    for page in pages()
        .iter()
        .filter(|p| p.starts_with(root().join("reports")))
    {
        let place = page
            .strip_prefix(root())
            .expect("a page")
            .to_str()
            .expect("UTF-8");
        assert!(links.iter().any(|link| link == place), "{place}");
    }
}

/// One screen and what follows from it: a limit, so that details go to the notes.
#[test]
fn the_front_page_is_short() {
    assert!(read("README.md").lines().count() <= 120);
}

/// The rows of both tables are those of the reports: of a mean what was measured, of a share its
/// successes, and the interval, worlds and verdict of either.
#[test]
fn the_front_page_says_what_the_reports_say() {
    let (page, report) = (read("README.md"), read("reports/README.md"));
    let mut rows = 0;
    for row in page.lines().filter(|l| l.starts_with("| [")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let (claim, said) = match cells[..] {
            [_, claim, _, share, interval, verdict, worlds, ""] => {
                assert_eq!(share, format!("{worlds} of {worlds}"), "all of them");
                let said = format!(" | 1.000 | {interval} | {worlds} | ✓ {verdict} |");
                (claim, said)
            }
            [_, claim, _, measured, interval, worlds, verdict, ..] => {
                let said = format!(" | {measured} | {interval} | {worlds} | ✓ {verdict} |");
                (claim, said)
            }
            _ => panic!("too few cells: {row}"),
        };
        let theorem = links(claim)[0].replace("reports/", "");
        let same = |line: &str| line.contains(&theorem) && line.contains(&said);
        assert!(report.lines().any(same), "{row}");
        rows += 1;
    }
    assert!(rows > 0);
}

#[test]
fn a_citation_names_this_version() {
    let version = format!("\nversion: {}\n", env!("CARGO_PKG_VERSION"));
    assert!(read("CITATION.cff").contains(&version));
}

/// A package has what the build reads, and none of the reports, which are many times its size.
#[test]
fn a_package_carries_no_reports() {
    let mut list = std::process::Command::new(env!("CARGO"));
    list.args(["package", "--list", "--allow-dirty", "--offline"]);
    let output = list.current_dir(root()).output().expect("cargo runs");
    let files = String::from_utf8(output.stdout).expect("UTF-8");
    let has = |path: &str| files.lines().any(|file| file == path);
    for needed in [
        "src/lib.rs",
        "src/report/page.css",
        "theorems/regimes/stated.toml",
        "theorems/sweeps/ties.toml",
        "tests/fixtures/small.toml",
        "README.md",
        "LICENSE",
    ] {
        assert!(has(needed), "{needed} is missing from: {files}");
    }
    assert!(!files.lines().any(|file| file.starts_with("reports")));
}
