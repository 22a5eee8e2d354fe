//! Text from outside, made fit for the place where it is shown.
//!
//! Titles, statements, names, paths and values come from files, and a file may hold anything:
//! sequences that a terminal obeys, marks that turn the direction of a line, characters that no XML
//! document may have, tags, links. Each kind of place has one function here, and whatever crosses
//! into such a place goes through it:
//!
//! ```
//! use multiview::printable::{line, markdown, xml};
//!
//! assert_eq!(line("bell \u{7} and\nnews"), "bell \\u{7} and\\nnews");
//! assert_eq!(xml("a < b \u{1b}"), "a &lt; b \\u{1b}");
//! assert_eq!(markdown("<b>[here](javascript:x)"), "\\<b>[here]\\(javascript:x)");
//! ```

use std::path::Path;

/// Returns true if a terminal, a browser or an editor obeys or hides a character instead of showing
/// it: controls, marks of direction, line and paragraph separators, tags, and code points that are
/// no character.
fn obeyed(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{061c}'
                | '\u{200b}'
                | '\u{200e}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{fffe}'..='\u{ffff}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// `text` with each character for which `mark` has a replacement replaced.
fn with(text: &str, mark: impl Fn(char) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match mark(c) {
            Some(marked) => out += &marked,
            None => out.push(c),
        }
    }
    out
}

/// A number of things by the name of one, which takes an `s` for several: `1 world`, `2 worlds`.
pub fn counted(number: impl std::fmt::Display, one: &str) -> String {
    let number = number.to_string();
    let end = if number == "1" { "" } else { "s" };
    format!("{number} {one}{end}")
}

/// The reason why a file cannot be read or written, in the system's words and without its number.
pub fn cause(error: &std::io::Error) -> String {
    let words = error.to_string();
    let end = words.find(" (os error").unwrap_or(words.len());
    words[..end].into()
}

/// One line for a terminal, a log or a table: what is obeyed is written as Rust would (`\u{1b}`,
/// `\n`).
pub fn line(text: &str) -> String {
    with(text, |c| obeyed(c).then(|| c.escape_default().to_string()))
}

/// As [`line()`], of a text that may have several.
pub fn lines(text: &str) -> String {
    with(text, |c| {
        (obeyed(c) && c != '\n').then(|| c.escape_default().to_string())
    })
}

/// A path in one line.
pub fn path(path: &Path) -> String {
    line(&path.display().to_string())
}

/// A path as a word of a shell's command line.
pub fn word(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text;
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// A JSON text for a terminal: what is obeyed, which JSON has within strings only, becomes
/// `\u001b`.
pub fn json(text: &str) -> String {
    with(text, |c| {
        (obeyed(c) && c != '\n').then(|| {
            let mut units = [0; 2];
            let units = c.encode_utf16(&mut units).iter();
            units.map(|unit| format!("\\u{unit:04x}")).collect()
        })
    })
}

/// The content of an element of XML or HTML, or an attribute between double quotes.
pub fn xml(text: &str) -> String {
    with(&lines(text), |c| {
        Some(match c {
            '&' => "&amp;".into(),
            '<' => "&lt;".into(),
            '>' => "&gt;".into(),
            '"' => "&quot;".into(),
            _ => return None,
        })
    })
}

/// Words of a paragraph, a heading or a table's cell of Markdown, in one line: no tag, link, image
/// or cell of their own.
pub fn markdown(text: &str) -> String {
    inline(&line(text))
}

/// Paragraphs of Markdown: as [`markdown`], and no line begins a heading, a table, a list, a
/// quotation or a block of code.
pub fn markdown_lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (index, line) in inline(&lines(text)).split('\n').enumerate() {
        if index > 0 {
            out.push('\n');
        }
        let line = line.trim_start();
        // What the paragraph's first characters could begin is marked already, or by this.
        if line.starts_with(['#', '>', '-', '+', '*', '=', '`', '~', ':', '_']) {
            out.push('\\');
        }
        // An ordered list begins with a number, a mark and a space.
        let rest = line.trim_start_matches(|c: char| c.is_ascii_digit());
        let marked = rest.strip_prefix(['.', ')']);
        let ends =
            marked.is_some_and(|text| text.is_empty() || text.starts_with(char::is_whitespace));
        if rest.len() < line.len() && ends {
            out += &line[..line.len() - rest.len()];
            out.push('\\');
            out += rest;
        } else {
            out += line;
        }
    }
    out
}

fn inline(text: &str) -> String {
    let (mut before, mut marked) = (' ', false);
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let begins = match c {
            '<' | '|' => true,
            '(' | ':' | '[' => before == ']',
            _ => false,
        };
        if begins && !marked {
            out.push('\\');
        }
        out.push(c);
        // Of two backslashes the first marks the second.
        (before, marked) = (c, c == '\\' && !marked);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn paths_are_one_word_of_a_shell() {
        assert_eq!(word("a/b-1.toml".as_ref()), "a/b-1.toml");
        assert_eq!(word("it's $HOME".as_ref()), "'it'\\''s $HOME'");
        assert_eq!(word("".as_ref()), "''");
    }

    #[test]
    fn ordinary_words_stay_as_they_are() {
        for words in ["Σ z ≤ 0.4 μ: both [0.49, 0.51], ϱ′ – “so”", "naïve 日本 👍"]
        {
            assert_eq!(line(words), words);
            assert_eq!(markdown(words), words);
        }
    }

    #[test]
    fn paragraphs_begin_nothing_else() {
        let text = "so\n# Verdicts\n- all\n    | x |\n> y\n```\n---\n1. x\n2) y\n3.5 z\n4.";
        assert_eq!(
            markdown_lines(text),
            "so\n\\# Verdicts\n\\- all\n\\| x \\|\n\\> y\n\\```\n\\---\n1\\. x\n2\\) y\n3.5 z\n4\\."
        );
    }

    proptest! {
        #[test]
        fn nothing_is_obeyed_anywhere(text in "(?s).*") {
            prop_assert!(!line(&text).chars().any(obeyed));
            let kept = |c: char| obeyed(c) && c != '\n';
            for shown in [lines(&text), xml(&text), markdown_lines(&text)] {
                prop_assert!(!shown.chars().any(kept));
            }
            prop_assert!(!xml(&text).contains(['<', '>', '"']));
        }

        #[test]
        fn json_says_the_same(text in "(?s).*") {
            let shown = json(&serde_json::to_string_pretty(&[&text]).unwrap());
            prop_assert!(!shown.chars().any(|c| obeyed(c) && c != '\n'));
            let read: Vec<String> = serde_json::from_str(&shown).unwrap();
            prop_assert_eq!(read, vec![text]);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        /// A page takes only text and code from Markdown from outside.
        #[test]
        fn markdown_makes_no_elements(text in "[\\[\\]()<>!|:a-c0-9./ `\\\\\n#*=-]{0,24}") {
            use pulldown_cmark::{Event, Options, Parser, Tag};
            for shown in [markdown(&text), markdown_lines(&text)] {
                for event in Parser::new_ext(&shown, Options::ENABLE_TABLES) {
                    let list = matches!(event, Event::Start(Tag::List(_)));
                    prop_assert!(!list || shown == markdown(&text), "{shown:?}");
                    let dangerous = matches!(
                        event,
                        Event::Html(_) | Event::InlineHtml(_)
                            | Event::Start(Tag::Link { .. } | Tag::Image { .. } | Tag::Table(_))
                    );
                    prop_assert!(!dangerous, "{shown:?}: {event:?}");
                }
            }
        }
    }
}
