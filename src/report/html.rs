//! One self-contained page: no network, light and dark, readable on a phone.

use super::Figures;
use crate::figure::{PALETTE, themed};
use crate::printable::xml;
use crate::theorem::Theorem;
use plotters::style::RGBColor;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use std::fmt::Write;

const STYLE: &str = include_str!("page.css");

/// `index.html`: the overview with the `player` in its part on the mechanism, then each theorem's
/// page.
pub(super) fn page(
    overview: &str,
    sections: &[(&Theorem, String)],
    figures: &Figures,
    player: &str,
) -> String {
    let mut palette = String::from(":root {");
    for (RGBColor(r, g, b), name) in PALETTE {
        let _ = write!(palette, " --{name}: #{r:02x}{g:02x}{b:02x};");
    }
    palette += " }";
    let mut contents = String::new();
    let mut body = section("overview", &local(overview), figures);
    // After the first picture of the mechanism, the race.
    if let Some(race) = body.find("<h3>The lottery race</h3>") {
        let next = body[race + 1..]
            .find("<h3>")
            .map_or(body.len(), |at| race + 1 + at);
        body.insert_str(next, &themed(player));
    }
    for (theorem, page) in sections {
        let _ = write!(
            contents,
            "<li><a href=\"#{}\">{}</a></li>",
            xml(&theorem.name),
            xml(&theorem.title)
        );
        body += &section(&theorem.name, &local(page), figures);
    }
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, \
         initial-scale=1\">\n<title>multiview: what the evidence says</title>\n<link rel=\"icon\" href=\"data:,\">\n<style>\n{palette}\n{STYLE}</style>\n</head>\n<body>\n<a class=\"skip\" \
         href=\"#overview\">Skip to the verdicts</a>\n<nav aria-label=\"Theorems\"><details><summary>Theorems</summary><ul>{contents}</ul></details></nav>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )
}

/// Links to the theorems' pages become links within the page, and others of theirs start from where
/// this page is.
fn local(markdown: &str) -> String {
    let mut text = String::with_capacity(markdown.len());
    let mut parts = markdown.split("](theorems/");
    text += parts.next().unwrap_or_default();
    for part in parts {
        text += "](#";
        text += &part.replacen(".md)", ")", 1);
    }
    text.replace("](../", "](")
}

fn section(id: &str, markdown: &str, figures: &Figures) -> String {
    let mut html = String::new();
    let events = Parser::new_ext(markdown, Options::ENABLE_TABLES);
    pulldown_cmark::html::push_html(&mut html, labelled(events));
    // Tables scroll by themselves on a narrow screen, and with the keyboard.
    html = html
        .replace("<table>", "<div class=\"scroll\" tabindex=\"0\"><table>")
        .replace("</table>", "</table></div>");
    for (path, svg) in figures.pictures() {
        let image = format!("<img src=\"{path}\"");
        if let Some(start) = html.find(&image) {
            let end = html[start..]
                .find("/>")
                .map_or(html.len(), |at| start + at + 2);
            let inlined = format!(
                "<span class=\"figure\" tabindex=\"0\">{}</span>",
                themed(svg)
            );
            html.replace_range(start..end, &inlined);
        }
    }
    format!("<section id=\"{}\">\n{html}</section>\n", xml(id))
}

/// The events of a document in which every cell of a table names its column: on a narrow screen the
/// cells of a row stand below each other.
fn labelled<'a>(events: impl Iterator<Item = Event<'a>>) -> impl Iterator<Item = Event<'a>> {
    let (mut titles, mut in_head, mut column) = (Vec::<String>::new(), false, 0);
    events.map(move |event| match event {
        Event::Start(Tag::TableHead) => {
            (titles, in_head) = (Vec::new(), true);
            event
        }
        Event::End(TagEnd::TableHead) => {
            in_head = false;
            event
        }
        Event::Start(Tag::TableCell) if in_head => {
            titles.push(String::new());
            event
        }
        Event::Text(ref text) | Event::Code(ref text) if in_head => {
            if let Some(title) = titles.last_mut() {
                title.push_str(text);
            }
            event
        }
        Event::Start(Tag::TableRow) => {
            column = 0;
            event
        }
        Event::Start(Tag::TableCell) => {
            let title = titles.get(column).map_or("", String::as_str);
            column += 1;
            Event::InlineHtml(format!("<td data-label=\"{}\">", xml(title)).into())
        }
        Event::End(TagEnd::TableCell) if !in_head => Event::InlineHtml("</td>".into()),
        _ => event,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Map, figures};

    /// Luminance relative to white, as the Web Content Accessibility Guidelines define it.
    fn luminance(RGBColor(r, g, b): RGBColor) -> f64 {
        let linear = |part: u8| match f64::from(part) / 255.0 {
            c if c <= 0.04045 => c / 12.92,
            c => ((c + 0.055) / 1.055).powf(2.4),
        };
        0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
    }

    fn contrast(one: RGBColor, other: RGBColor) -> f64 {
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    /// The palette of the style sheet for dark screens.
    fn dark(name: &str) -> RGBColor {
        let variable = format!("--{name}: #");
        let at = STYLE.find(&variable).expect("a dark colour") + variable.len();
        let part = |n: usize| u8::from_str_radix(&STYLE[at + 2 * n..at + 2 * n + 2], 16);
        let [r, g, b] = [0, 1, 2].map(|n| part(n).expect("two hexadecimal digits"));
        RGBColor(r, g, b)
    }

    fn light(name: &str) -> RGBColor {
        let named = PALETTE.iter().find(|(_, known)| *known == name);
        named.expect("a colour of the palette").0
    }

    /// Words and marks have the guidelines' 4.5 to 1 on paper, and marks their 3 to 1 on a band.
    #[test]
    fn figures_have_contrast_in_the_light_and_in_the_dark() {
        for color in [light, dark] {
            for name in ["ink", "first", "second", "third"] {
                let on = |ground| contrast(color(name), color(ground));
                assert!(on("paper") >= 4.5, "{name} on paper: {}", on("paper"));
                assert!(on("band") >= 3.0, "{name} on a band: {}", on("band"));
            }
            assert!(contrast(color("ink"), color("refuted")) >= 4.5);
        }
    }

    #[test]
    fn links_lead_on() {
        let overview = "[a](theorems/ties.md), [b](failed.md) and [c](sweeps/k/README.md)";
        assert_eq!(
            local(overview),
            "[a](#ties), [b](failed.md) and [c](sweeps/k/README.md)"
        );
        assert_eq!(local("![d](../figures/d.svg)"), "![d](figures/d.svg)");
    }

    #[test]
    fn cells_name_their_columns() {
        let table = "| a | `b` c |\n|---|---|\n| 1 | 2 |\n| 3 | *4* |\n";
        let mut html = String::new();
        let events = Parser::new_ext(table, Options::ENABLE_TABLES);
        pulldown_cmark::html::push_html(&mut html, labelled(events));
        let row = |cells: [&str; 2]| {
            format!(
                "<tr><td data-label=\"a\">{}</td><td data-label=\"b c\">{}</td></tr>",
                cells[0], cells[1]
            )
        };
        assert!(
            html.contains("<th>a</th><th><code>b</code> c</th>"),
            "{html}"
        );
        assert!(html.contains(&row(["1", "2"])), "{html}");
        assert!(html.contains(&row(["3", "<em>4</em>"])), "{html}");
    }

    #[test]
    fn maps_are_inlined() {
        let maps = [Map {
            name: "ties".into(),
            title: "Ties".into(),
            line: "1 confirmed.".into(),
            picture: "map".into(),
            svg: "<svg id=\"drawn\"></svg>".into(),
        }];
        let figures = Figures {
            overview: figures::overview(&[]).expect("it is drawn"),
            evidence: Default::default(),
            mechanism: Vec::new(),
            maps: &maps,
        };
        let overview = format!("![Ties]({})", maps[0].path());
        let page = page(&overview, &[], &figures, "");
        assert!(page.contains("id=\"drawn\"") && !page.contains("<img"));
    }
}
