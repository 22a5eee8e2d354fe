//! Every claim in a row: does it hold, and how surely?

use super::{Figure, WIDTH};
use crate::figure::{Area, BAND, Drawn, FIRST, FigureError, GRID, INK, SECOND, Table, font, svg};
use crate::printable::counted;
use crate::report::text;
use crate::statistics::{Interval, Verdict};
use crate::verify::Finding;
use plotters::prelude::*;

/// Height of a row of one line of words beneath the name, of each further line, and of the legend
/// above the rows, in pixels.
const ROW: i32 = 30;
const LINE: i32 = 11;
const LEGEND: i32 = 30;

/// Characters of a line that stand left of the strip.
const CHARACTERS: usize = 80;

/// Left and right edge of the strip in which intervals are drawn, in pixels, and half the width of a
/// mark, for which it leaves room at both.
const STRIP: (f64, f64) = (330.0, 650.0);
const MARK: f64 = 6.0;

/// A claim, and the findings of its negative controls.
pub struct Answered<'a> {
    /// The claim in the theorem's own regime.
    pub own: &'a Finding,
    /// The same claim under each control that must refute it.
    pub controls: Vec<&'a Finding>,
}

/// The scale of one row: the claimed band keeps its place whatever its numbers are.
///
/// A band with two ends fills the middle third of the strip, and an open one the half on its side.
/// Beyond an end, a distance `d` is drawn at `d/(d + u)` of the way to the strip's edge, with `u`
/// the largest distance from that end to the row's own interval or mean, or to the band's other
/// end. So whatever lies outside is seen outside, however far away it is.
struct Scale {
    band: Interval,
    unit: f64,
}

impl Scale {
    fn of(own: &Finding) -> Self {
        let band = Interval::from(own.band);
        let interval = own.estimate.interval;
        let seen = [interval.lower, interval.upper, own.estimate.mean];
        let ends = [band.lower, band.upper];
        let distances = ends.iter().filter(|end| end.is_finite()).flat_map(|end| {
            let to = seen.iter().chain(&ends).map(move |x| (x - end).abs());
            to.filter(|distance| distance.is_finite())
        });
        let unit = distances.fold(0.0, f64::max);
        Self {
            band,
            unit: if unit > 0.0 { unit } else { 1.0 },
        }
    }

    /// Place on the strip, from 0 to 1.
    fn place(&self, x: f64) -> f64 {
        let beyond = |distance: f64| {
            if distance.is_infinite() {
                1.0
            } else {
                distance / (distance + self.unit)
            }
        };
        let Interval { lower, upper } = self.band;
        match (lower.is_finite(), upper.is_finite()) {
            (true, true) if x < lower => (1.0 - beyond(lower - x)) / 3.0,
            (true, true) if x > upper => (2.0 + beyond(x - upper)) / 3.0,
            (true, true) if upper > lower => (1.0 + (x - lower) / (upper - lower)) / 3.0,
            (true, true) => 0.5,
            (true, false) if x < lower => (1.0 - beyond(lower - x)) / 2.0,
            (true, false) => (1.0 + beyond(x - lower)) / 2.0,
            (false, true) if x > upper => (1.0 + beyond(x - upper)) / 2.0,
            (false, true) => (1.0 - beyond(upper - x)) / 2.0,
            (false, false) => 0.5,
        }
    }

    fn pixel(&self, x: f64) -> i32 {
        let (left, right) = (STRIP.0 + MARK, STRIP.1 - MARK);
        (left + self.place(x) * (right - left)).round() as i32
    }
}

/// Every claim as a row with its band, its interval and its controls.
///
/// # Errors
/// If it cannot be drawn.
pub fn overview(claims: &[Answered]) -> Result<Figure, FigureError> {
    let title = "Does it hold, and how surely?".to_owned();
    let caption = "A row for each claim. The shaded part is the claimed band, the bar the confidence interval with the \
        measured value on it, and each cross a negative control, where the same code must find a value outside the band. Every row \
        has a scale of its own, on which the band keeps its place and distances beyond it are compressed."
        .to_owned();
    let words: Vec<Vec<String>> = claims.iter().map(|claim| claimed(claim.own)).collect();
    let heights = words
        .iter()
        .map(|lines| ROW + LINE * (lines.len() as i32 - 1));
    let height = LEGEND + heights.clone().sum::<i32>() + 8;
    let svg = svg((WIDTH, height as u32), &title, &caption, |area| {
        legend(area)?;
        let mut top = LEGEND;
        for ((claim, lines), height) in claims.iter().zip(&words).zip(heights) {
            draw(area, top, height, lines, claim)?;
            top += height;
        }
        Ok(())
    })?;
    let mut rows = Vec::new();
    for claim in claims {
        for f in std::iter::once(claim.own).chain(claim.controls.iter().copied()) {
            let e = &f.estimate;
            let finite = |x: f64| x.is_finite().then_some(x);
            rows.push(vec![
                f.theorem.clone().into(),
                f.claim.clone().into(),
                f.control.clone().into(),
                f.band.lower.into(),
                f.band.upper.into(),
                finite(e.mean).into(),
                finite(e.interval.lower).into(),
                finite(e.interval.upper).into(),
                e.worlds.into(),
                e.verdict.to_string().into(),
            ]);
        }
    }
    let columns = [
        ("theorem", "name of the theorem"),
        ("claim", "name of the claim"),
        (
            "control",
            "negative control, empty for the theorem's own regime",
        ),
        ("band_lower", "lower end of the claimed band, empty if open"),
        ("band_upper", "upper end of the claimed band, empty if open"),
        ("measured", "mean, share or exponent"),
        ("lower", "lower end of the interval, empty if unbounded"),
        ("upper", "upper end of the interval, empty if unbounded"),
        ("worlds", "worlds that count"),
        ("verdict", "confirmed, refuted or undecided"),
    ];
    Ok(Figure {
        name: "overview".into(),
        title,
        caption,
        svg,
        table: Table::new(&columns, rows),
    })
}

/// What is claimed, in lines that fit beside the strip and break at no number.
fn claimed(f: &Finding) -> Vec<String> {
    const BOUND: [&str; 5] = [" ≥ ", " ≤ ", " = ", " in [", ", "];
    let subject = text::plain(&text::subject(f.statistic, &f.quantity, f.event, &f.with));
    let words = format!("{subject} {}", text::band(f.band));
    let bound = |words: String, joint: &&str| words.replace(joint, &joint.replace(' ', "\u{a0}"));
    let words = BOUND.iter().fold(words, bound);
    let mut lines: Vec<String> = Vec::new();
    for word in words.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= CHARACTERS => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
        .iter()
        .map(|line| line.replace('\u{a0}', " "))
        .collect()
}

fn legend(area: &Area) -> Drawn {
    let word = |x: i32, text: &'static str| Text::new(text, (x, 8), font(11));
    area.draw(&Rectangle::new([(330, 8), (350, 22)], BAND.filled()))?;
    area.draw(&word(356, "claimed"))?;
    area.draw(&PathElement::new(
        vec![(420, 15), (446, 15)],
        INK.stroke_width(2),
    ))?;
    area.draw(&Circle::new((433, 15), 4, INK.filled()))?;
    area.draw(&word(452, "measured, interval"))?;
    area.draw(&Cross::new((580, 15), 4, SECOND.stroke_width(2)))?;
    area.draw(&word(590, "negative control"))?;
    Ok(())
}

fn draw(area: &Area, top: i32, height: i32, claimed: &[String], claim: &Answered) -> Drawn {
    let f = claim.own;
    let scale = Scale::of(f);
    let (low, high, middle) = (top + 3, top + height - 3, top + height / 2);
    let name = format!("{}: {}", f.theorem, f.claim);
    area.draw(&Text::new(name, (10, top + 3), font(11)))?;
    for (n, line) in (0..).zip(claimed) {
        let at = (10, top + 17 + LINE * n);
        area.draw(&Text::new(line.clone(), at, font(9)))?;
    }
    let frame = [(STRIP.0 as i32, low), (STRIP.1 as i32, high)];
    area.draw(&Rectangle::new(frame, GRID.stroke_width(1)))?;
    // An open band reaches the frame.
    let edge = |end: f64| end.is_finite().then(|| scale.pixel(end));
    let (lower, upper) = match f.band.lower == f.band.upper {
        // A band of one value still has to be seen.
        true => (
            scale.pixel(scale.band.lower) - 3,
            scale.pixel(scale.band.upper) + 3,
        ),
        false => (
            edge(scale.band.lower).unwrap_or(STRIP.0 as i32),
            edge(scale.band.upper).unwrap_or(STRIP.1 as i32),
        ),
    };
    area.draw(&Rectangle::new(
        [(lower, low), (upper, high)],
        BAND.filled(),
    ))?;
    let Interval { lower, upper } = f.estimate.interval;
    let ends = vec![(scale.pixel(lower), middle), (scale.pixel(upper), middle)];
    area.draw(&PathElement::new(ends, INK.stroke_width(2)))?;
    if f.estimate.mean.is_finite() {
        let at = (scale.pixel(f.estimate.mean), middle);
        area.draw(&Circle::new(at, 4, INK.filled()))?;
    }
    for control in &claim.controls {
        if control.estimate.mean.is_finite() {
            let at = (scale.pixel(control.estimate.mean), middle);
            area.draw(&Cross::new(at, 4, SECOND.stroke_width(2)))?;
        }
    }
    let right = STRIP.1 as i32 + 10;
    let fill = match f.estimate.verdict {
        Verdict::Confirmed => FIRST,
        Verdict::Refuted => SECOND,
        Verdict::Undecided => INK,
    };
    let style = ("sans-serif", 11).into_font().color(&fill);
    area.draw(&Text::new(text::verdict(f), (right, top + 3), style))?;
    let measured = format!(
        "{} ({})",
        text::measured(f),
        counted(f.estimate.worlds, "world")
    );
    area.draw(&Text::new(measured, (right, top + 17), font(9)))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::Band;
    use proptest::prelude::*;

    fn scale(lower: Option<f64>, upper: Option<f64>, unit: f64) -> Scale {
        Scale {
            band: Band { lower, upper }.into(),
            unit,
        }
    }

    proptest! {
        /// Order is kept, and a value is drawn in the shaded part exactly if it lies in the band.
        #[test]
        fn inside_is_drawn_inside(
            lower in proptest::option::of(-2.0..0.0),
            upper in proptest::option::of(0.001..2.0),
            unit in 1e-3..1e3,
            a in -10.0..10.0,
            b in -10.0..10.0,
        ) {
            let scale = scale(lower, upper, unit);
            let place = |x: f64| scale.place(x);
            prop_assert!((0.0..=1.0).contains(&place(a)));
            if lower.is_some() || upper.is_some() {
                let (least, most) = if a < b { (a, b) } else { (b, a) };
                prop_assert!(place(least) <= place(most));
            }
            let band: Interval = Band { lower, upper }.into();
            if let Some(lower) = lower {
                prop_assert_eq!(a >= lower, place(a) >= place(lower));
            }
            if let Some(upper) = upper {
                prop_assert_eq!(a <= upper, place(a) <= place(upper));
            }
            prop_assert!(place(band.lower) <= place(band.upper));
        }
    }

    /// Marks lie within the frame, however far away their values are.
    #[test]
    fn marks_stay_in_the_frame() {
        let scale = scale(None, Some(0.01), 0.1);
        for x in [f64::NEG_INFINITY, -1e9, 1e9, f64::INFINITY] {
            let pixel = f64::from(scale.pixel(x));
            assert!(pixel - MARK >= STRIP.0 && pixel + MARK <= STRIP.1);
        }
    }

    #[test]
    fn the_band_keeps_its_place() {
        let both = scale(Some(0.49), Some(0.51), 0.02);
        let thirds = [0.49, 0.5, 0.51].map(|x| both.place(x));
        for (place, expected) in thirds.iter().zip([1.0 / 3.0, 0.5, 2.0 / 3.0]) {
            assert!((place - expected).abs() < 1e-9);
        }
        // As far beyond the end as the unit: half of the way to the edge.
        let below = scale(None, Some(0.01), 0.1);
        assert!((below.place(0.01) - 0.5).abs() < 1e-9);
        assert!((below.place(0.11) - 0.75).abs() < 1e-9);
        assert_eq!(below.place(f64::INFINITY), 1.0);
        assert_eq!(below.place(f64::NEG_INFINITY), 0.0);
    }
}
