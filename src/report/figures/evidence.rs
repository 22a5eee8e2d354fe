//! The evidence for a theorem, world by world.

use super::{Figure, WIDTH};
use crate::explore::axis::SYMBOLS;
use crate::figure::{
    Area, BAND, Drawn, FIRST, FigureError, INK, Ruler, SECOND, Table, extent, fitted, log_extent,
    mesh, svg,
};
use crate::printable::counted;
use crate::report::text;
use crate::statistics::exponent::Point;
use crate::statistics::{Interval, PowerLaw};
use crate::theorem::Statistic;
use crate::verify::Finding;
use plotters::prelude::*;

/// A finding with what was observed in each world, in the order of worlds.
pub struct Observed<'a> {
    /// The finding.
    pub finding: &'a Finding,
    /// The quantity in each world that counts, none where it is undefined; empty for an exponent,
    /// whose points are in the finding.
    pub worlds: Vec<Option<f64>>,
}

/// The evidence for a theorem: for each claim and control every world a dot, the interval and the
/// band; `swept` is the parameter against which exponents are fitted.
///
/// # Errors
/// If it cannot be drawn.
pub fn evidence(
    theorem: &str,
    swept: Option<&str>,
    observed: &[Observed],
) -> Result<Figure, FigureError> {
    let height = observed.iter().map(panel_height).sum();
    let title = format!("{theorem}: every world, the interval and the band");
    let caption = "Each dot is a world (circles: the theorem's own regime; crosses: a negative control), the bar the \
        time-uniform interval for the mean with the mean on it, the shaded band what is claimed; an arrow leads to an end \
        beyond the picture. For an exponent: a point for each value of the swept parameter with two standard errors, and the \
        fitted power law."
        .to_owned();
    let svg = svg((WIDTH, height), &title, &caption, |area| {
        let mut rest = area.clone();
        for one in observed {
            let (panel, below) = rest.split_vertically(panel_height(one));
            rest = below;
            match &one.finding.power_law {
                Some(law) => {
                    power_law(&panel, one.finding, law, swept.unwrap_or("swept parameter"))?;
                }
                None => strip(&panel, one)?,
            }
        }
        Ok(())
    })?;
    let mut rows = Vec::new();
    for one in observed {
        let f = one.finding;
        let mut row = |at: Option<f64>, world: Option<usize>, value: Option<f64>| {
            rows.push(vec![
                f.claim.clone().into(),
                f.control.clone().into(),
                f.quantity.clone().into(),
                at.into(),
                world.into(),
                value.into(),
            ]);
        };
        for (world, value) in one.worlds.iter().enumerate() {
            row(None, Some(world), *value);
        }
        for point in f.power_law.iter().flat_map(|law| &law.points) {
            row(Some(point.at), None, Some(point.value));
        }
    }
    Ok(Figure {
        name: format!("evidence-{theorem}"),
        title,
        caption,
        svg,
        table: Table::new(
            &[
                ("claim", "name of the claim"),
                (
                    "control",
                    "negative control, empty for the theorem's own regime",
                ),
                ("quantity", "what was measured"),
                ("at", "value of the swept parameter, for an exponent"),
                ("world", "index of the world"),
                (
                    "value",
                    "the quantity in that world, empty where it has none; for an exponent the mean or spread over worlds",
                ),
            ],
            rows,
        ),
    })
}

fn panel_height(one: &Observed) -> u32 {
    if one.finding.power_law.is_some() {
        250
    } else {
        106
    }
}

/// The unit of a quantity, for an axis: test errors and what is made of them are in units of μ.
fn unit(quantity: &str) -> &'static str {
    let of_mu = ["test_error", "gain"];
    match of_mu.iter().any(|name| quantity.ends_with(name)) && !quantity.starts_with("random") {
        true => " (units of μ)",
        false => "",
    }
}

fn heading(f: &Finding) -> String {
    let who = f
        .control
        .as_ref()
        .map_or(f.claim.clone(), |c| format!("{} (control: {c})", f.claim));
    let subject = text::plain(&text::subject(f.statistic, &f.quantity, f.event, &f.with));
    let lacking = f.undefined.as_ref().map_or(String::new(), |undefined| {
        format!(
            "  ({} without a number)",
            counted(undefined.worlds, "world")
        )
    });
    format!(
        "{who}: {subject} {}  {}{lacking}",
        text::band(f.band),
        text::verdict(f)
    )
}

/// The axis of a strip: all worlds, the ends of the band, and the interval where that does not dwarf
/// them.
fn strip_axis(worlds: impl IntoIterator<Item = f64>, band: Interval, interval: Interval) -> Ruler {
    let ends = [band.lower, band.upper];
    let shown: Vec<f64> = (worlds.into_iter().chain(ends))
        .filter(|x| x.is_finite())
        .collect();
    let near = extent(shown.iter().copied(), 1.0);
    let of_interval = [interval.lower, interval.upper];
    let close = of_interval.into_iter().filter(|x| near.contains(x));
    Ruler::linear(extent(shown.iter().copied().chain(close), 0.08), 8)
}

fn strip(panel: &Area, one: &Observed) -> Drawn {
    let f = one.finding;
    // A share is of worlds inside the event: the dots then stand against the event, and the
    // interval is in the table.
    let share = f.statistic == Statistic::Share;
    let band = Interval::from(f.event.filter(|_| share).unwrap_or(f.band));
    let seen = if share { band } else { f.estimate.interval };
    let axis = strip_axis(one.worlds.iter().copied().flatten(), band, seen);
    fitted(panel, &heading(f), (10, 6), 13)?;
    let mut chart = ChartBuilder::on(panel)
        .margin_top(26)
        .margin_left(14)
        .margin_right(14)
        .x_label_area_size(36)
        .build_cartesian_2d(axis.clone(), 0.0..1.0)?;
    let claimed = [band.lower, band.upper].map(|x| axis.inside(x));
    chart.draw_series([Rectangle::new(
        [(claimed[0], 0.0), (claimed[1], 1.0)],
        BAND.filled(),
    )])?;
    if claimed[0] == claimed[1] {
        // A band of one value still has to be seen.
        let line = claimed.iter().zip([0.0, 1.0]).map(|(x, y)| (*x, y));
        chart.draw_series([PathElement::new(
            line.collect::<Vec<_>>(),
            BAND.stroke_width(16),
        )])?;
    }
    mesh(&mut chart, 11)
        .disable_y_mesh()
        .disable_y_axis()
        .x_desc(format!("{}{}", f.quantity, unit(&f.quantity)))
        .draw()?;
    let places = one.worlds.iter().enumerate();
    // Stacked in five rows by index, so that equal values stay visible.
    let dots = places.filter_map(|(n, x)| Some(((*x)?, 0.42 + 0.12 * (n % 5) as f64)));
    if f.control.is_some() {
        chart.draw_series(dots.map(|p| Cross::new(p, 3, SECOND.stroke_width(1))))?;
    } else {
        chart.draw_series(dots.map(|p| Circle::new(p, 3, FIRST.stroke_width(1))))?;
    }
    if !share {
        let Interval { lower, upper } = f.estimate.interval;
        let ends = [(lower, 1), (upper, -1)];
        let bar = ends.map(|(x, _)| (axis.inside(x), 0.2)).to_vec();
        chart.draw_series([PathElement::new(bar, INK.stroke_width(2))])?;
        chart.draw_series(ends.map(|(x, inwards)| {
            let end = PathElement::new(end_of_bar(&axis, x, inwards), INK.stroke_width(2));
            EmptyElement::at((axis.inside(x), 0.2)) + end
        }))?;
        if !f.estimate.mean.is_nan() {
            let mean = (axis.inside(f.estimate.mean), 0.2);
            chart.draw_series([Circle::new(mean, 4, INK.filled())])?;
        }
    }
    Ok(())
}

/// The end of an interval's bar, in pixels from it: a cap where the interval ends, and the head of
/// an arrow where it goes on beyond the axis.
fn end_of_bar(axis: &Ruler, end: f64, inwards: i32) -> Vec<(i32, i32)> {
    let back = if axis.inside(end) == end {
        0
    } else {
        7 * inwards
    };
    vec![(back, -5), (0, 0), (back, 5)]
}

/// The name of a swept parameter on an axis, with the paper's symbol.
fn parameter(path: &str) -> String {
    let name = path.rsplit('.').next().unwrap_or(path);
    let known = SYMBOLS.iter().find(|(_, known)| *known == path);
    known.map_or(name.to_owned(), |(symbol, _)| format!("{name} {symbol}"))
}

fn power_law(panel: &Area, f: &Finding, law: &PowerLaw, swept: &str) -> Drawn {
    let color = if f.control.is_some() { SECOND } else { FIRST };
    let fitted_law = |x: f64| (law.log_amplitude + law.fitted_exponent * x.ln()).exp();
    let ends = |p: &Point| [-2.0, 2.0].map(|errors| p.value + errors * p.standard_error);
    let values = law.points.iter().flat_map(|p| {
        let [low, high] = ends(p);
        [low.max(p.value / 10.0), high, fitted_law(p.at)]
    });
    let y = Ruler::logarithmic(log_extent(values, 0.1), 7);
    let measured = || law.points.iter().map(|p| p.at);
    let x = Ruler::logarithmic(log_extent(measured(), 0.08), 8).at(measured());
    let line = x.ends().map(|x| (x, fitted_law(x))).to_vec();
    let kind = match f.statistic {
        Statistic::SpreadExponent => "spread over worlds of ",
        _ => "mean of ",
    };
    fitted(panel, &heading(f), (10, 6), 13)?;
    // It is too long to stand beside the axis.
    let title = format!("{kind}{}{}", f.quantity, unit(&f.quantity));
    fitted(panel, &title, (10, 26), 11)?;
    let mut chart = ChartBuilder::on(panel)
        .margin_top(44)
        .margin_left(8)
        .margin_right(14)
        .x_label_area_size(34)
        .y_label_area_size(56)
        .build_cartesian_2d(x, y.clone())?;
    mesh(&mut chart, 11).x_desc(parameter(swept)).draw()?;
    chart.draw_series([PathElement::new(line, INK.stroke_width(1))])?;
    chart.draw_series(law.points.iter().map(|p| {
        // An end at or below 0 lies infinitely far down.
        let bar = ends(p).map(|end| (p.at, y.inside(end)));
        PathElement::new(bar.to_vec(), color.stroke_width(2))
    }))?;
    chart.draw_series(
        (law.points.iter()).map(|p| Circle::new((p.at, p.value), 4, color.filled())),
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cap stands where the interval ends, and only there.
    #[test]
    fn an_interval_ends_where_it_is_drawn_to_end() {
        let interval = |lower, upper| Interval { lower, upper };
        let open = interval(0.5, f64::INFINITY);
        let worlds = [0.84, 0.93, 0.98];
        let near = strip_axis(worlds, open, interval(0.78, 1.07));
        for end in [0.78, 1.07] {
            assert_eq!(near.inside(end), end);
            assert_eq!(end_of_bar(&near, end, -1), [(0, -5), (0, 0), (0, 5)]);
        }
        let far = strip_axis(worlds, open, interval(f64::NEG_INFINITY, 40.0));
        let [start, end] = far.ends();
        assert!(start > 0.4 && end < 1.1, "the worlds fill {start}..{end}");
        assert_eq!(end_of_bar(&far, 40.0, -1), [(-7, -5), (0, 0), (-7, 5)]);
        let unbounded = end_of_bar(&far, f64::NEG_INFINITY, 1);
        assert_eq!(unbounded, [(7, -5), (0, 0), (7, 5)]);
    }

    #[test]
    fn a_swept_parameter_has_its_symbol() {
        assert_eq!(parameter("regime.data.classes"), "classes k");
        assert_eq!(parameter("regime.data.patches"), "patches");
    }
}
