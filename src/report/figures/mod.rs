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

use crate::figure::Table;
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
