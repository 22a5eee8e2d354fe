//! One self-contained page: no network, light and dark, readable on a phone.

use super::Figures;
use crate::figure::{PALETTE, themed};
use crate::printable::xml;
use crate::theorem::Theorem;
use plotters::style::RGBColor;
use pulldown_cmark::{Options, Parser};
use std::fmt::Write;

const STYLE: &str = include_str!("page.css");

/// `index.html`: the overview, then each theorem's page.
pub(super) fn page(overview: &str, sections: &[(&Theorem, String)], figures: &Figures) -> String {
    let mut palette = String::from(":root {");
    for (RGBColor(r, g, b), name) in PALETTE {
        let _ = write!(palette, " --{name}: #{r:02x}{g:02x}{b:02x};");
    }
    palette += " }";
    let mut contents = String::new();
    let mut body = section("overview", &local(overview), figures);
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
         href=\"#overview\">Skip to the verdicts</a>\n<nav aria-label=\"Theorems\"><ul>{contents}</ul></nav>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )
}

/// Links to the theorems' pages become links within the page, and others of theirs start from where this page is.
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
    pulldown_cmark::html::push_html(&mut html, Parser::new_ext(markdown, Options::ENABLE_TABLES));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Map;

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
    fn maps_are_inlined() {
        let maps = [Map {
            name: "ties".into(),
            title: "Ties".into(),
            line: "1 confirmed.".into(),
            picture: "map".into(),
            svg: "<svg id=\"drawn\"></svg>".into(),
        }];
        let figures = Figures {
            evidence: Default::default(),
            mechanism: Vec::new(),
            maps: &maps,
        };
        let overview = format!("![Ties]({})", maps[0].path());
        let page = page(&overview, &[], &figures);
        assert!(page.contains("id=\"drawn\"") && !page.contains("<img"));
    }
}
