//! Bars.

use super::{Figure, WIDTH};
use crate::figure::{FigureError, Table, font, svg};
use crate::report::text;
use plotters::prelude::*;
use serde_json::Value;

/// The name of a series, its colour, and the heights of its bars.
type Series<'a> = (&'a str, RGBColor, Vec<f64>);

/// Groups of bars, each with its value written above it.
pub(super) fn bars(
    name: &str,
    title: &str,
    caption: &str,
    groups: &[&str],
    series: &[Series],
    columns: &[(&str, &str)],
    rows: Vec<Vec<Value>>,
) -> Result<Figure, FigureError> {
    let top = series
        .iter()
        .flat_map(|(.., values)| values)
        .fold(0.0f64, |a, b| a.max(*b));
    let (width, height) = (f64::from(WIDTH), 260.0);
    let svg = svg((WIDTH, 320), title, caption, |area| {
        let slot = (width - 40.0) / groups.len() as f64;
        let bar = 0.8 * slot / series.len() as f64;
        for (g, group) in groups.iter().enumerate() {
            let left = 20.0 + slot * g as f64;
            area.draw(&Text::new(
                (*group).to_owned(),
                ((left + 0.1 * slot) as i32, height as i32 + 6),
                font(12),
            ))?;
            for (s, (_, color, values)) in series.iter().enumerate() {
                let x = left + 0.1 * slot + bar * s as f64;
                let y = height - (height - 50.0) * values[g] / top.max(1e-12);
                let corners = [
                    (x as i32, y as i32),
                    ((x + 0.85 * bar) as i32, height as i32),
                ];
                area.draw(&Rectangle::new(corners, color.filled()))?;
                let value = text::number(values[g], top);
                area.draw(&Text::new(value, (x as i32, y as i32 - 15), font(11)))?;
            }
        }
        for (s, (label, color, _)) in series.iter().enumerate() {
            let x = 20 + 240 * s as i32;
            area.draw(&Rectangle::new([(x, 290), (x + 14, 304)], color.filled()))?;
            area.draw(&Text::new((*label).to_owned(), (x + 20, 291), font(12)))?;
        }
        Ok(())
    })?;
    Ok(Figure {
        name: name.into(),
        title: title.into(),
        caption: caption.into(),
        svg,
        table: Table::new(columns, rows),
    })
}
