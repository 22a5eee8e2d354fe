//! The figures, each with the numbers behind it as CSV and JSON.

mod bars;
mod evidence;
mod mechanism;
mod overview;
mod random_features;

pub use evidence::{Observed, evidence};
pub use mechanism::mechanism;
pub use overview::{Answered, overview};
pub use random_features::{contrast, growth};

use crate::figure::{Area, Drawn, INK, Table, font};
use plotters::prelude::*;
use serde_json::Value;

/// Width of every figure, in pixels.
const WIDTH: u32 = 760;

/// A figure and its data.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// File name without extension.
    pub name: String,
    /// One line.
    pub title: String,
    /// A description for readers who do not see the picture; also the caption.
    pub caption: String,
    /// The picture.
    pub svg: String,
    /// The numbers behind it.
    pub table: Table,
}

impl Figure {
    /// The data as JSON: title, caption, columns with their meaning, and rows as objects.
    pub fn json(&self) -> Value {
        let mut json = self.table.json();
        json["title"] = self.title.clone().into();
        json["caption"] = self.caption.clone().into();
        json
    }
}

/// The mark of a series.
#[derive(Clone, Copy)]
enum Mark {
    Circle,
    Triangle,
    Cross,
    Line,
    Bar,
}

/// Marks with their meaning, in a row that begins at a place.
fn legend(area: &Area, (left, top): (i32, i32), series: &[(Mark, RGBColor, &str)]) -> Drawn {
    let mut x = left;
    for (mark, color, words) in series {
        let at = (x + 7, top + 5);
        match mark {
            Mark::Circle => area.draw(&Circle::new(at, 4, color.filled()))?,
            Mark::Triangle => area.draw(&TriangleMarker::new(at, 5, color.filled()))?,
            Mark::Cross => area.draw(&Cross::new(at, 4, color.stroke_width(2)))?,
            Mark::Line => {
                let ends = vec![(x, at.1), (x + 14, at.1)];
                area.draw(&PathElement::new(ends, INK.stroke_width(1)))?;
            }
            Mark::Bar => {
                let corners = [(x, top - 2), (x + 14, top + 12)];
                area.draw(&Rectangle::new(corners, color.filled()))?;
            }
        }
        area.draw(&Text::new((*words).to_owned(), (x + 20, top), font(12)))?;
        let (width, _) = area.estimate_text_size(words, &font(12))?;
        x += 20 + width as i32 + 24;
    }
    Ok(())
}
