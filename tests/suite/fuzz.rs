//! Whatever a file holds, it is read or refused in words: valid files changed at random make no
//! reader panic, and a record says nothing that was not written.

use multiview::explore::{Manifest, Sweep};
use multiview::record::{Kept, Record, Worlds};
use multiview::shard::Shard;
use multiview::theorem::{EMBEDDED, Profile, Theorem};
use multiview::verify::Plan;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use std::fs;
use std::path::Path;
use std::sync::LazyLock;
use tempfile::TempDir;

const SMALL: &str = include_str!("../fixtures/small.toml");
const SWEEP: &str = include_str!("../fixtures/sweep.toml");

/// Values at the edges of what a parser, an integer, a range or a string can take.
const EDGES: [&str; 24] = [
    "nan",
    "-inf",
    "1e999",
    "1e-320",
    "-0.0",
    "-1",
    "0",
    "9007199254740993",
    "9223372036854775807",
    "18446744073709551616",
    "true",
    "\"\"",
    "\"paper\"",
    "\"as-needed\"",
    "[]",
    "[1, 2, 3]",
    "{}",
    "{ paper = 1e300 }",
    "{ per_class = 1e300 }",
    "[[",
    "\u{0}",
    "é\u{202e}",
    "\"\\u0000\"",
    "null",
];

/// A change of a text; places are shares of its length.
#[derive(Clone, Debug)]
enum Change {
    /// Another value in place of a number.
    Number(Index, &'static str),
    /// Another value anywhere.
    Insert(Index, &'static str),
    Delete(Index, usize),
    Repeat(Index, usize),
    Byte(Index, u8),
    /// A line in the place of another.
    Line(Index, Index),
    Truncate(Index),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let place = any::<Index>;
    let edge = || select(&EDGES[..]);
    let change = prop_oneof![
        4 => (place(), edge()).prop_map(|(at, edge)| Change::Number(at, edge)),
        1 => (place(), edge()).prop_map(|(at, edge)| Change::Insert(at, edge)),
        1 => (place(), 1..40_usize).prop_map(|(at, length)| Change::Delete(at, length)),
        1 => (place(), 1..40_usize).prop_map(|(at, length)| Change::Repeat(at, length)),
        1 => (place(), any::<u8>()).prop_map(|(at, byte)| Change::Byte(at, byte)),
        1 => (place(), place()).prop_map(|(to, from)| Change::Line(to, from)),
        1 => place().prop_map(Change::Truncate),
    ];
    prop::collection::vec(change, 1..4)
}

/// The spans of a text's numbers.
fn numbers(text: &[u8]) -> Vec<(usize, usize)> {
    let part = |b: u8| b.is_ascii_digit() || b"+-.eE_".contains(&b);
    let mut spans = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let length = text[at..].iter().take_while(|b| part(**b)).count();
        if text[at..at + length].iter().any(u8::is_ascii_digit) {
            spans.push((at, at + length));
        }
        at += length.max(1);
    }
    spans
}

fn changed(text: &str, changes: &[Change]) -> Vec<u8> {
    let mut text = text.as_bytes().to_vec();
    for change in changes {
        if text.is_empty() {
            break;
        }
        let size = text.len();
        let span = |at: &Index, length: usize| {
            let start = at.index(size);
            start..(start + length).min(size)
        };
        match change {
            Change::Number(at, edge) => {
                let spans = numbers(&text);
                if !spans.is_empty() {
                    let (start, end) = spans[at.index(spans.len())];
                    text.splice(start..end, edge.bytes());
                }
            }
            Change::Insert(at, edge) => {
                text.splice(span(at, 0), edge.bytes());
            }
            Change::Delete(at, length) => {
                text.drain(span(at, *length));
            }
            Change::Repeat(at, length) => {
                let span = span(at, *length);
                let part = text[span.clone()].to_vec();
                text.splice(span.start..span.start, part);
            }
            Change::Byte(at, byte) => text[at.index(size)] = *byte,
            Change::Line(to, from) => {
                let lines: Vec<&[u8]> = text.split(|b| *b == b'\n').collect();
                let (to, from) = (to.index(lines.len()), from.index(lines.len()));
                let mut lines = lines.clone();
                lines[to] = lines[from];
                text = lines.join(&b'\n');
            }
            Change::Truncate(at) => text.truncate(at.index(size)),
        }
    }
    text
}

/// Whatever is read of a theorem can be asked for what is needed before it runs.
fn ask(plan: &Plan) {
    let _ = plan.validate();
    let _ = plan.settings();
    let _ = plan.askers();
    let _ = plan.memory(4);
    let _ = plan.levels();
    let _ = plan.untested();
    let _ = plan.replay(&Worlds::new());
}

/// A record of a cheap run: its folder, plan and worlds, and the texts of its files.
struct Recorded {
    plan: Plan,
    worlds: Worlds,
    texts: [String; 3],
}

static RECORDED: LazyLock<Recorded> = LazyLock::new(|| {
    let text = SMALL.replace("steps = 400", "steps = 20");
    let theorem = Theorem::parse("small.toml", &text).expect("valid");
    let plan = Plan::new(vec![theorem], Profile::Quick, 1);
    let folder = TempDir::new().expect("a folder");
    let record = Record::create(folder.path(), &plan).expect("begun");
    plan.run(record, Kept::default(), 2, &|_| {})
        .expect("it runs");
    let worlds = Record::read(folder.path(), &plan).expect("a record").worlds;
    let texts = Record::files(folder.path()).map(|f| fs::read_to_string(f).expect("a file"));
    Recorded {
        plan,
        worlds,
        texts,
    }
});

/// Puts the files of a record into a folder, one of them changed.
fn put(folder: &Path, which: usize, changed: &[u8]) {
    for (place, file) in Record::files(folder).iter().enumerate() {
        let text = RECORDED.texts[place].as_bytes();
        fs::write(file, if place == which { changed } else { text }).expect("written");
    }
}

proptest! {
    // A few hundred changes of each kind of file, in seconds.
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn theorem_files_are_read_or_refused(file in any::<Index>(), changes in changes()) {
        let shipped = EMBEDDED.iter().map(|(_, text)| *text);
        let files: Vec<&str> = shipped.chain([SMALL]).collect();
        let text = changed(files[file.index(files.len())], &changes);
        if let Ok(theorem) = Theorem::parse("changed.toml", &String::from_utf8_lossy(&text)) {
            for profile in [Profile::Quick, Profile::Full] {
                ask(&Plan::new(vec![theorem.clone()], profile, 1));
            }
        }
    }

    #[test]
    fn sweep_files_are_read_or_refused(changes in changes()) {
        let text = changed(SWEEP, &changes);
        let sweep = Sweep::parse("changed.toml", &String::from_utf8_lossy(&text));
        let manifest = sweep.and_then(|sweep| Manifest::new(sweep, Shard::WHOLE));
        if let Ok(plan) = manifest.and_then(|manifest| manifest.plan()) {
            ask(&plan);
        }
    }

    #[test]
    fn manifests_are_read_or_refused(changes in changes()) {
        let folder = TempDir::new().expect("a folder");
        put(folder.path(), 0, &changed(&RECORDED.texts[0], &changes));
        let _ = Record::manifest::<Manifest>(folder.path());
        if let Ok(plan) = Record::manifest::<Plan>(folder.path()) {
            ask(&plan);
            // The lines are of the manifest that they were written under.
            if let Ok(kept) = Record::read(folder.path(), &plan) {
                prop_assert_eq!(kept.worlds, RECORDED.worlds.clone());
            }
        }
    }

    /// Every world read from changed lines was written. Lines that are lost, with their seal or
    /// without, are worlds still to be trained.
    #[test]
    fn lines_and_seals_are_read_or_refused(which in 1..3_usize, sealed: bool, changes in changes()) {
        let Recorded { plan, worlds, texts } = &*RECORDED;
        let folder = TempDir::new().expect("a folder");
        let text = changed(&texts[which], &changes);
        put(folder.path(), which, &text);
        if !sealed {
            fs::remove_file(&Record::files(folder.path())[2]).expect("a seal");
        }
        if let Ok(kept) = Record::read(folder.path(), plan) {
            for (key, outcome) in &kept.worlds {
                prop_assert_eq!(worlds.get(key), Some(outcome));
            }
            let (record, again) = Record::resume(folder.path(), plan).expect("it reads");
            prop_assert_eq!(again.worlds, kept.worlds);
            drop(record);
        }
    }
}
