//! Charts: one palette and one way to draw, for the reports and for the explorer's maps.
//!
//! Colours are few, and never the only carrier of a meaning: shapes, positions and words say the
//! same.

mod ruler;
mod table;

pub use ruler::{Ruler, short};
pub use table::Table;

use crate::printable::{lines, xml};
use plotters::chart::MeshStyle;
use plotters::coord::Shift;
use plotters::coord::ranged1d::ValueFormatter;
use plotters::prelude::*;
use plotters::style::register_font;
use std::sync::Once;
use thiserror::Error;

/// Text and axes.
pub const INK: RGBColor = RGBColor(0x1b, 0x1b, 0x1f);
/// Background.
pub const PAPER: RGBColor = RGBColor(0xff, 0xff, 0xff);
/// Lines behind the data.
pub const GRID: RGBColor = RGBColor(0xd4, 0xd6, 0xdc);
/// A claimed band.
pub const BAND: RGBColor = RGBColor(0xd6, 0xe6, 0xd2);
/// The background of a refuted claim's mark.
pub const REFUTED: RGBColor = RGBColor(0xf3, 0xd3, 0xc2);
/// The first series.
pub const FIRST: RGBColor = RGBColor(0x1f, 0x5f, 0xa8);
/// The second series, and negative controls.
pub const SECOND: RGBColor = RGBColor(0xb4, 0x4a, 0x14);
/// The third series.
pub const THIRD: RGBColor = RGBColor(0x5a, 0x3d, 0x8f);

/// The palette with the names that a style sheet gives to it.
pub const PALETTE: [(RGBColor, &str); 8] = [
    (INK, "ink"),
    (PAPER, "paper"),
    (GRID, "grid"),
    (BAND, "band"),
    (REFUTED, "refuted"),
    (FIRST, "first"),
    (SECOND, "second"),
    (THIRD, "third"),
];

/// A figure that could not be drawn.
#[derive(Clone, Debug, PartialEq, Error)]
#[error("a figure could not be drawn: {0}")]
pub struct FigureError(String);

/// The result of drawing onto an area in memory.
pub type Drawn = Result<(), Box<dyn std::error::Error>>;

/// An area of an SVG under construction.
pub type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// The one font, carried along so that pictures are the same on every machine.
fn register() {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        // It can only fail on bytes that are no font.
        let _ = register_font("sans-serif", FontStyle::Normal, dejavu::sans::regular());
    });
}

/// Draws an SVG of this width and height in pixels, with a title and a description for readers who
/// do not see it.
///
/// # Errors
/// If `draw` fails, for instance on an empty range.
pub fn svg(
    (width, height): (u32, u32),
    title: &str,
    description: &str,
    draw: impl FnOnce(&Area) -> Drawn,
) -> Result<String, FigureError> {
    register();
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, (width, height)).into_drawing_area();
        let failed = |e: Box<dyn std::error::Error>| FigureError(e.to_string());
        area.fill(&PAPER).map_err(|e| failed(e.into()))?;
        draw(&area).map_err(failed)?;
        area.present().map_err(|e| failed(e.into()))?;
    }
    // The backend marks tags, and leaves in what no XML document may hold.
    let text = lines(&text);
    let head = format!(
        "<svg role=\"img\" aria-label=\"{}\" viewBox=\"0 0 {width} {height}\" ",
        xml(title)
    );
    let named = text.replacen("<svg ", &head, 1).replacen(
        &format!("viewBox=\"0 0 {width} {height}\" xmlns"),
        "xmlns",
        1,
    );
    let end = named.find('>').map_or(named.len(), |at| at + 1);
    let (open, rest) = named.split_at(end);
    Ok(format!(
        "{open}\n<title>{}</title>\n<desc>{}</desc>{rest}",
        xml(title),
        xml(description)
    ))
}

/// The mesh of a chart, yet to be drawn: lines at the labels alone, and these of a size in pixels.
pub fn mesh<'a, 'b, DB: DrawingBackend, X, Y>(
    chart: &'b mut ChartContext<'a, DB, Cartesian2d<X, Y>>,
    label: u32,
) -> MeshStyle<'a, 'b, X, Y, DB>
where
    X: Ranged + ValueFormatter<<X as Ranged>::ValueType>,
    Y: Ranged + ValueFormatter<<Y as Ranged>::ValueType>,
{
    let mut mesh = chart.configure_mesh();
    mesh.light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(INK)
        .label_style(font(label));
    mesh
}

/// Draws words at a place, in the largest font up to `size` pixels in which they end on the area.
///
/// # Errors
/// If they cannot be drawn.
pub fn fitted(area: &Area, words: &str, (x, y): (i32, i32), size: u32) -> Drawn {
    let room = area.dim_in_pixel().0 as i32 - x;
    let fits = |size: &u32| {
        let width = area.estimate_text_size(words, &font(*size));
        width.is_ok_and(|(width, _)| width as i32 <= room)
    };
    let size = (SMALLEST..=size).rev().find(fits).unwrap_or(SMALLEST);
    area.draw(&Text::new(words.to_owned(), (x, y), font(size)))?;
    Ok(())
}

/// The smallest font, in pixels.
const SMALLEST: u32 = 8;

/// The label font at a size in pixels.
pub fn font(size: u32) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&INK)
}

/// An SVG for inlining in a page: its colours become variables of the page's style sheet, so that
/// it follows the theme.
pub fn themed(svg: &str) -> String {
    PALETTE
        .iter()
        .fold(svg.to_owned(), |svg, (RGBColor(r, g, b), name)| {
            svg.replace(
                &format!("#{r:02X}{g:02X}{b:02X}"),
                &format!("var(--{name})"),
            )
        })
}

/// `[least, most]` of the values, widened by a share of its length on both sides; never empty.
pub fn extent(values: impl IntoIterator<Item = f64>, margin: f64) -> std::ops::Range<f64> {
    let (least, most) = values
        .into_iter()
        .filter(|x| x.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| {
            (a.min(x), b.max(x))
        });
    if least > most {
        return 0.0..1.0;
    }
    let length = match most.abs().max(least.abs()) {
        0.0 => 1.0,
        size => (most - least).max(0.02 * size),
    };
    least - margin * length..most + margin * length
}

/// [`extent`] on a logarithmic scale, of positive values.
pub fn log_extent(values: impl IntoIterator<Item = f64>, margin: f64) -> std::ops::Range<f64> {
    let log = extent(values.into_iter().map(f64::ln), margin);
    log.start.exp()..log.end.exp()
}

/// Draws a PNG of this width and height in pixels.
///
/// # Errors
/// If `draw` fails.
pub fn png(
    (width, height): (u32, u32),
    draw: impl FnOnce(&DrawingArea<BitMapBackend, Shift>) -> Drawn,
) -> Result<Vec<u8>, FigureError> {
    register();
    let mut pixels = vec![0; 3 * width as usize * height as usize];
    let mut bytes = Vec::new();
    let drawn = || -> Drawn {
        let area = BitMapBackend::with_buffer(&mut pixels, (width, height)).into_drawing_area();
        area.fill(&PAPER)?;
        draw(&area)?;
        area.present()?;
        drop(area);
        let mut encoder = png::Encoder::new(&mut bytes, width, height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.write_header()?.write_image_data(&pixels)?;
        Ok(())
    };
    drawn().map_err(|e| FigureError(e.to_string()))?;
    Ok(bytes)
}
