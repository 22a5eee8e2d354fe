//! The evidence for a theorem, world by world.

use super::{Figure, WIDTH};
use crate::figure::{
    Area, BAND, Drawn, FIRST, FigureError, INK, SECOND, Table, extent, font, log_extent, log_tick,
    mesh, svg, tick,
};
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
        time-uniform interval for the mean with the mean on it, the shaded band what is claimed. For an exponent: a point for \
        each value of the swept parameter with two standard errors, and the fitted power law."
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
        230
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
        format!("  ({} worlds without a number)", undefined.worlds)
    });
    format!(
        "{who}: {subject} {}  {}{lacking}",
        text::band(f.band),
        text::verdict(f)
    )
}

fn strip(panel: &Area, one: &Observed) -> Drawn {
    let f = one.finding;
    // A share is of worlds inside the event: the dots then stand against the event, and the
    // interval is in the table.
    let share = f.statistic == Statistic::Share;
    let band = Interval::from(f.event.filter(|_| share).unwrap_or(f.band));
    let interval = f.estimate.interval;
    let ends = [band.lower, band.upper];
    let shown =
        (one.worlds.iter().copied().flatten()).chain(ends.into_iter().filter(|x| x.is_finite()));
    let range = extent(shown, 0.08);
    let inside = |x: f64| x.clamp(range.start, range.end);
    panel.draw(&Text::new(heading(f), (10, 6), font(13)))?;
    let mut chart = ChartBuilder::on(panel)
        .margin_top(26)
        .margin_left(14)
        .margin_right(14)
        .x_label_area_size(36)
        .build_cartesian_2d(range.clone(), 0.0..1.0)?;
    chart.draw_series([Rectangle::new(
        [(inside(band.lower), 0.0), (inside(band.upper), 1.0)],
        BAND.filled(),
    )])?;
    mesh(&mut chart, 11)
        .disable_y_mesh()
        .disable_y_axis()
        .x_labels(8)
        .x_label_formatter(&tick)
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
        let (a, b) = (inside(interval.lower), inside(interval.upper));
        let style = INK.stroke_width(2);
        chart.draw_series([
            PathElement::new(vec![(a, 0.2), (b, 0.2)], style),
            PathElement::new(vec![(a, 0.1), (a, 0.3)], style),
            PathElement::new(vec![(b, 0.1), (b, 0.3)], style),
        ])?;
        if !f.estimate.mean.is_nan() {
            chart.draw_series([Circle::new((inside(f.estimate.mean), 0.2), 4, INK.filled())])?;
        }
    }
    Ok(())
}

fn power_law(panel: &Area, f: &Finding, law: &PowerLaw, swept: &str) -> Drawn {
    let color = if f.control.is_some() { SECOND } else { FIRST };
    let fitted = |x: f64| (law.log_amplitude + law.fitted_exponent * x.ln()).exp();
    let low = |p: &Point| (p.value - 2.0 * p.standard_error).max(p.value / 10.0);
    let values = law
        .points
        .iter()
        .flat_map(|p| [low(p), p.value + 2.0 * p.standard_error, fitted(p.at)]);
    let y = log_extent(values, 0.1);
    let x = log_extent(law.points.iter().map(|p| p.at), 0.08);
    let ends = [x.start, x.end];
    panel.draw(&Text::new(heading(f), (10, 6), font(13)))?;
    let mut chart = ChartBuilder::on(panel)
        .margin_top(26)
        .margin_left(8)
        .margin_right(14)
        .x_label_area_size(34)
        .y_label_area_size(64)
        .build_cartesian_2d(x.log_scale(), y.log_scale())?;
    mesh(&mut chart, 11)
        .x_desc(swept)
        .y_desc(f.quantity.as_str())
        .x_label_formatter(&tick)
        .y_label_formatter(&log_tick)
        .draw()?;
    chart.draw_series([PathElement::new(
        ends.map(|x| (x, fitted(x))).to_vec(),
        INK.stroke_width(1),
    )])?;
    chart.draw_series(law.points.iter().map(|p| {
        PathElement::new(
            vec![(p.at, low(p)), (p.at, p.value + 2.0 * p.standard_error)],
            color.stroke_width(2),
        )
    }))?;
    chart.draw_series(
        (law.points.iter()).map(|p| Circle::new((p.at, p.value), 4, color.filled())),
    )?;
    Ok(())
}
