//! Bars.

use super::{Mark, WIDTH, legend};
use crate::figure::{FigureError, Ruler, font, mesh, short, svg};
use plotters::prelude::*;

/// The name of a series, its colour, and the heights of its bars.
type Series<'a> = (&'a str, RGBColor, Vec<f64>);

/// Groups of bars over an axis that begins at 0, each with its value written above it; `height`
/// names the axis.
pub(super) fn bars(
    title: &str,
    caption: &str,
    height: &str,
    groups: &[&str],
    series: &[Series],
) -> Result<String, FigureError> {
    let all = series.iter().flat_map(|(.., values)| values);
    let top = all.fold(f64::MIN_POSITIVE, |a, b| a.max(*b));
    let y = Ruler::linear(0.0..1.1 * top, 6);
    svg((WIDTH, 340), title, caption, |area| {
        let marks: Vec<_> = (series.iter())
            .map(|(label, color, _)| (Mark::Bar, *color, *label))
            .collect();
        legend(area, (70, 8), &marks)?;
        let mut chart = ChartBuilder::on(area)
            .margin(10)
            .margin_top(32)
            .x_label_area_size(24)
            .y_label_area_size(64)
            .build_cartesian_2d(Ruler::names(groups), y)?;
        mesh(&mut chart, 12)
            .disable_x_mesh()
            .y_desc(height)
            .draw()?;
        let width = 0.8 / series.len() as f64;
        for (s, (_, color, values)) in series.iter().enumerate() {
            for (g, value) in values.iter().enumerate() {
                let left = g as f64 - 0.4 + width * s as f64;
                let corners = [(left, 0.0), (left + 0.85 * width, *value)];
                chart.draw_series([Rectangle::new(corners, color.filled())])?;
                let above = Text::new(short(*value, 2), (0, -14), font(11));
                chart.draw_series([EmptyElement::at((left, *value)) + above])?;
            }
        }
        Ok(())
    })
}
