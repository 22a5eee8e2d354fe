//! The race as a picture that a reader moves through training.

use super::mechanism::Race;
use crate::figure::{FIRST, GRID, INK, Ruler, SECOND, log_extent};
use plotters::style::RGBColor;
use serde_json::json;
use std::fmt::Write;

const SCRIPT: &str = include_str!("player.js");

/// One look in `EVERY` is kept: some fifty positions of the slider.
const EVERY: usize = 4;

/// Width of the picture, edges of the dots' part, and tops of the map's two rows and of the soft
/// labels', in pixels.
const WIDTH: f64 = 760.0;
const LEFT: f64 = 70.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 250.0;
const MAP: f64 = 270.0;
const SOFT: f64 = 312.0;

/// The race at every look, for the page: for each class the largest overlaps of its views, the map
/// of the views that the network knows, its soft labels on them, and a slider. Without its script
/// the page shows the last look. Empty if nothing was observed.
pub(super) fn player(race: &Race) -> String {
    let Some(last) = race.steps.len().checked_sub(1) else {
        return String::new();
    };
    let looks: Vec<usize> = (0..last).step_by(EVERY).chain([last]).collect();
    let positive = race.overlaps.iter().flatten().flatten().copied();
    let range = log_extent(positive.filter(|x| *x > 0.0), 0.03);
    let (low, high) = (range.start.log10(), range.end.log10());
    let height = |x: f64| {
        let share = (x.max(range.start).log10() - low) / (high - low);
        BOTTOM - share * (BOTTOM - TOP)
    };
    let axis = Ruler::logarithmic(range.clone(), 6);
    let soft_labels = race.soft_labels.iter().flatten().flatten().copied();
    let largest = soft_labels.fold(f64::MIN_POSITIVE, f64::max);
    let darkness = |soft: f64| (100.0 * soft / largest).round() / 100.0;
    let slot = (WIDTH - LEFT - 10.0) / race.overlaps.len().max(1) as f64;
    let mut svg = format!(
        "<svg role=\"img\" aria-label=\"The race, the coverage and the soft labels, step by step\" viewBox=\"0 0 {WIDTH} 362\" font-family=\"sans-serif\" font-size=\"11\">"
    );
    for (x, label) in axis.ticks() {
        let y = height(*x);
        let _ = write!(
            svg,
            "<line x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"{grid}\"/><text x=\"{at}\" y=\"{y:.1}\" text-anchor=\"end\" fill=\"{ink}\">{label}</text>",
            grid = hex(GRID),
            ink = hex(INK),
            at = LEFT - 6.0,
        );
    }
    let ink = hex(INK);
    let _ = write!(
        svg,
        "<text x=\"4\" y=\"10\" fill=\"{ink}\">overlap</text><text x=\"4\" y=\"{}\" fill=\"{ink}\">known</text><text x=\"4\" y=\"{}\" fill=\"{ink}\">soft label</text><text x=\"{LEFT}\" y=\"356\" fill=\"{ink}\">classes 0 to {}; of each two rows the upper is view 1, the lower view 2</text>",
        MAP + 18.0,
        SOFT + 18.0,
        race.overlaps.len().saturating_sub(1),
    );
    for (class, views) in race.overlaps.iter().enumerate() {
        let x = LEFT + slot * (class as f64 + 0.5);
        for (view, overlaps) in views.iter().enumerate() {
            let wins = race.winner(class) == view;
            let fill = hex(if wins { FIRST } else { SECOND });
            let ring = match race.predicted[class] == view {
                true => format!(" stroke=\"{ink}\" stroke-width=\"1.5\""),
                false => String::new(),
            };
            let (y, known) = (height(overlaps[last]), race.known(class, view, last));
            let _ = write!(
                svg,
                "<circle class=\"dot\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\" fill=\"{fill}\"{ring}/>",
            );
            let soft = darkness(race.soft_labels[class][view][last]);
            for (kind, top, opacity) in [
                ("cell", MAP, f64::from(u8::from(known))),
                ("soft", SOFT, soft),
            ] {
                let _ = write!(
                    svg,
                    "<rect class=\"{kind}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"13\" stroke=\"{grid}\" fill=\"{fill}\" fill-opacity=\"{opacity}\"/>",
                    x - 0.45 * slot,
                    top + 15.0 * view as f64,
                    0.9 * slot,
                    grid = hex(GRID),
                    fill = hex(FIRST),
                );
            }
        }
    }
    svg += "</svg>";
    let frames: Vec<_> = looks
        .iter()
        .map(|look| {
            let views = || {
                let classes = race.overlaps.iter().enumerate();
                classes.flat_map(|(class, views)| (0..views.len()).map(move |view| (class, view)))
            };
            let heights = views().map(|(i, l)| height(race.overlaps[i][l][*look]).round());
            let known = views().map(|(i, l)| u8::from(race.known(i, l, *look)));
            let soft = views().map(|(i, l)| darkness(race.soft_labels[i][l][*look]));
            json!({
                "says": words(race, *look),
                "y": heights.collect::<Vec<_>>(),
                "known": known.collect::<Vec<_>>(),
                "soft": soft.collect::<Vec<_>>(),
            })
        })
        .collect();
    let at = looks.len() - 1;
    format!(
        "<div class=\"player\" id=\"player\">\n<p>The same race in all classes at once: blue the view that wins, orange the one that loses, \
         a ring around the one that the initialisation predicts. Beneath it the views that the network knows, and its soft labels: \
         how much of the mass it gives a class on an input of another class that shows this view, the darker the more. \
         A student learns a view from a teacher whose soft labels mark it.</p>\n<span class=\"figure\" tabindex=\"0\">{svg}</span>\n<p><label>Training <input type=\"range\" min=\"0\" \
         max=\"{at}\" value=\"{at}\" disabled></label> <output>{}</output></p>\n<script type=\"application/json\">{}</script>\n<script>{SCRIPT}</script>\n</div>\n",
        words(race, last),
        serde_json::Value::from(frames),
    )
}

/// A look in words.
fn words(race: &Race, look: usize) -> String {
    let known = |views: usize| {
        let of = |class: &usize| {
            (0..2)
                .filter(|view| race.known(*class, *view, look))
                .count()
        };
        (0..race.overlaps.len())
            .filter(|class| of(class) == views)
            .count()
    };
    let soft = |known: bool| {
        let views = (0..race.overlaps.len()).flat_map(|class| [(class, 0), (class, 1)]);
        let of = views.filter(|(class, view)| race.known(*class, *view, look) == known);
        let soft: Vec<f64> = of
            .map(|(class, view)| race.soft_labels[class][view][look])
            .collect();
        match soft.len() {
            0 => "—".into(),
            count => format!("{:.2}", soft.iter().sum::<f64>() / count as f64),
        }
    };
    format!(
        "step {}: one view known in {} classes, both in {}; training error {:.1} %, test error {:.2} μ; mean soft label on known views {}, on others {}",
        race.steps[look],
        known(1),
        known(2),
        100.0 * race.training_error[look],
        race.test_error[look] / race.single_view_share,
        soft(true),
        soft(false),
    )
}

fn hex(RGBColor(r, g, b): RGBColor) -> String {
    format!("#{r:02X}{g:02X}{b:02X}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn race() -> Race {
        Race {
            steps: vec![0, 25],
            overlaps: vec![[vec![0.001, 5.0], vec![0.001, 0.002]]],
            predicted: vec![0],
            threshold: 3.0,
            single_view_share: 0.02,
            training_error: vec![1.0, 0.0],
            test_error: vec![0.98, 0.0098],
            soft_labels: vec![[vec![0.02, 0.4], vec![0.02, 0.01]]],
        }
    }

    #[test]
    fn a_look_is_put_into_words() {
        let start = "step 0: one view known in 0 classes, both in 0; training error 100.0 %, test error 49.00 μ; mean soft label on known views —, on others 0.02";
        let end = "step 25: one view known in 1 classes, both in 0; training error 0.0 %, test error 0.49 μ; mean soft label on known views 0.40, on others 0.01";
        assert_eq!(words(&race(), 0), start);
        assert_eq!(words(&race(), 1), end);
    }

    /// The page needs no script to show the end of training, and the script has every look.
    #[test]
    fn the_player_shows_the_last_look() {
        let player = player(&race());
        assert_eq!(player.matches("class=\"dot\"").count(), 2);
        for label in ["0.001", "0.01", "0.1", "1"] {
            assert!(player.contains(&format!(">{label}</text>")), "{label}");
        }
        assert_eq!(player.matches("fill-opacity=\"1\"").count(), 2);
        assert!(player.contains("<output>step 25:"));
        assert!(player.contains("\"known\":[0,0]") && player.contains("\"known\":[1,0]"));
        // The darkest is the largest soft label of all looks.
        assert_eq!(player.matches("class=\"soft\"").count(), 2);
        assert!(player.contains("\"soft\":[0.05,0.05]") && player.contains("\"soft\":[1.0,0.03]"));
    }

    #[test]
    fn nothing_observed_is_no_player() {
        let nothing = Race {
            steps: Vec::new(),
            ..race()
        };
        assert_eq!(player(&nothing), "");
    }
}
