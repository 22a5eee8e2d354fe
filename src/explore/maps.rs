//! Maps and curves of an exploration, for the screen and for the terminal.

use super::outcome::{CellFinding, Cells};
use super::sweep::VARIANT;
use crate::figure::{
    Area, BAND, Drawn, FIRST, FigureError, INK, PAPER, REFUTED, Ruler, SECOND, THIRD, extent, font,
    mesh, png, svg,
};
use crate::printable::{counted, line};
use crate::report::text;
use crate::statistics::{Interval, Verdict};
use crate::theorem::Statistic;
use plotters::coord::Shift;
use plotters::prelude::*;
use std::fmt::Write;

/// A picture of an exploration: a map for a pair of axes, or a curve along one.
#[derive(Clone, Debug)]
pub struct Picture<'a> {
    cells: &'a Cells,
    subject: Subject<'a>,
    axes: (usize, Option<usize>),
}

/// The subject of a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Subject<'a> {
    /// One claim.
    Claim(&'a str),
    /// Every claim on a share of worlds, together.
    Shares,
    /// Every claim in every variant.
    Variants,
}

/// The places of a map's cells, from the labels of its columns and rows.
struct Layout<'a> {
    columns: &'a [String],
    /// From the bottom, as an axis of numbers runs, or from the top, as a list of names is read.
    rows: &'a [String],
    from_top: bool,
}

impl Layout<'_> {
    const HEIGHT: i32 = 58;

    /// Pixels that the longest of some labels takes, an estimate.
    fn widest(labels: &[String]) -> i32 {
        7 * widest(labels) as i32
    }

    /// Left edge of the first column.
    fn left(&self) -> i32 {
        (80 + Self::widest(self.rows)).max(130)
    }

    /// Width of a column.
    fn width(&self) -> i32 {
        (8 + Self::widest(self.columns)).max(92)
    }

    /// Left upper corner of a cell.
    fn corner(&self, column: usize, row: usize) -> (i32, i32) {
        let down = if self.from_top {
            row
        } else {
            self.rows.len() - 1 - row
        };
        let left = self.left() + self.width() * column as i32;
        (left, 36 + Self::HEIGHT * down as i32)
    }

    fn size(&self) -> (u32, u32) {
        let width = self.left() + 20 + self.width() * self.columns.len() as i32;
        let height = 100 + Self::HEIGHT * self.rows.len() as i32;
        (width.max(480) as u32, height as u32)
    }
}

impl<'a> Picture<'a> {
    /// Every picture of an exploration. Along one axis these are a curve of all shares together,
    /// where several claims are on shares, and a curve for each claim. Of variants alone it is one
    /// table of every claim. Otherwise they are a map of each claim for each pair of axes.
    pub fn all(cells: &'a Cells) -> Vec<Self> {
        let count = cells.axes.len();
        if cells.variants_alone() {
            return vec![Self {
                cells,
                subject: Subject::Variants,
                axes: (0, None),
            }];
        }
        let mut pictures = Vec::new();
        if count == 1 && cells.shares().len() > 1 {
            pictures.push(Self {
                cells,
                subject: Subject::Shares,
                axes: (0, None),
            });
        }
        for claim in cells.claims() {
            let subject = Subject::Claim(claim);
            let picture = |axes| Self {
                cells,
                subject,
                axes,
            };
            if count == 1 {
                pictures.push(picture((0, None)));
            }
            for x in 0..count {
                pictures.extend((x + 1..count).map(|y| picture((x, Some(y)))));
            }
        }
        pictures
    }

    /// File name without extension.
    pub fn name(&self) -> String {
        let x = &self.cells.axes[self.axes.0];
        match (self.subject, self.axes.1) {
            (Subject::Claim(claim), Some(y)) => format!("map-{x}-{}-{claim}", self.cells.axes[y]),
            (Subject::Claim(claim), None) => format!("curve-{x}-{claim}"),
            (Subject::Shares, _) => format!("curve-{x}"),
            (Subject::Variants, _) => x.clone(),
        }
    }

    /// One line.
    pub fn title(&self) -> String {
        let title = line(&self.cells.sweep.title);
        match self.subject {
            Subject::Claim(claim) => format!("{title}: {claim}"),
            Subject::Shares | Subject::Variants => title,
        }
    }

    /// The cells of the picture: on axes that are not shown, those at the first value.
    fn standings(&self) -> impl Iterator<Item = &'a CellFinding> + '_ {
        let shown = [Some(self.axes.0), self.axes.1];
        let grid = self.cells.sweep.design == super::Design::Grid;
        self.cells.standings.iter().filter(move |s| {
            let hidden = |axis: &usize| !shown.contains(&Some(*axis));
            self.shows(s)
                && (0..s.at.len())
                    .filter(hidden)
                    .all(|axis| !grid || s.at[axis] == 0)
        })
    }

    fn shows(&self, standing: &CellFinding) -> bool {
        match self.subject {
            Subject::Claim(claim) => standing.finding.claim == claim,
            Subject::Shares => standing.finding.statistic == Statistic::Share,
            Subject::Variants => true,
        }
    }

    /// Describes the picture for readers who do not see it.
    pub fn description(&self) -> String {
        if self.subject == Subject::Shares {
            return format!(
                "The share of worlds in which each claim's event holds, with its exact interval at {} % confidence.{}",
                100.0 * self.cells.sweep.confidence,
                self.beginnings()
            );
        }
        let hidden = cuts(self.cells, [Some(self.axes.0), self.axes.1]);
        let at = if hidden.is_empty() {
            String::new()
        } else {
            format!(" At {}.", hidden.join(", "))
        };
        let claims = self.cells.claims();
        let first = |claim: &&str| self.standings().find(|s| s.finding.claim == *claim);
        let in_words = |s: &CellFinding| {
            let f = &s.finding;
            let subject = text::plain(&text::subject(f.statistic, &f.quantity, f.event, &f.with));
            let band = text::band(f.band);
            match self.subject {
                Subject::Variants => format!("{}, {subject} {band}", f.claim),
                _ => format!("{subject} {band}"),
            }
        };
        let claimed: Vec<String> = claims.iter().filter_map(first).map(in_words).collect();
        let claimed = claimed.join("; ");
        format!(
            "Claimed: {claimed}. ✓ confirmed, ✗ refuted, … undecided, each verdict at {} % confidence of its own, with the measured \
             value.{at}",
            100.0 * self.cells.sweep.confidence
        )
    }

    /// For each claim on a share the value of the axis from which all cells confirm it.
    fn beginnings(&self) -> String {
        let axis = &self.cells.axes[self.axes.0];
        let of = |claim: &&str| {
            let own = self.standings().filter(|s| s.finding.claim == *claim);
            let mut cells: Vec<&CellFinding> = own.collect();
            cells.sort_by_key(|s| s.at[self.axes.0]);
            let confirmed = |s: &&&CellFinding| s.finding.estimate.verdict == Verdict::Confirmed;
            let from = cells.iter().rev().take_while(confirmed).last();
            let band = cells.first().map(|s| text::band(s.finding.band));
            let band = band.unwrap_or_default();
            match from {
                Some(s) => {
                    let value = &self.cells.values[self.axes.0][s.at[self.axes.0]];
                    format!(" {claim}: {band} from {axis} = {value}.")
                }
                None => format!(" {claim}: {band} at no value yet."),
            }
        };
        self.cells.shares().iter().map(of).collect()
    }

    /// As SVG.
    ///
    /// # Errors
    /// If it cannot be drawn.
    pub fn svg(&self) -> Result<String, FigureError> {
        svg(
            self.size(),
            &self.title(),
            &self.description(),
            |area: &Area| self.draw(area),
        )
    }

    /// As PNG.
    ///
    /// # Errors
    /// If it cannot be drawn.
    pub fn png(&self) -> Result<Vec<u8>, FigureError> {
        png(self.size(), |area| self.draw(area))
    }

    /// Bytes of its pixels.
    pub(super) fn bytes(&self) -> f64 {
        let (width, height) = self.size();
        3.0 * f64::from(width) * f64::from(height)
    }

    fn size(&self) -> (u32, u32) {
        match self.layout(&self.cells.claims_as_labels()) {
            None => (760, 380),
            Some(layout) => layout.size(),
        }
    }

    /// The places of the cells, if the picture is a map.
    fn layout<'b>(&'b self, claims: &'b [String]) -> Option<Layout<'b>> {
        let values = &self.cells.values;
        let (columns, rows) = match (self.subject, self.axes) {
            (Subject::Variants, (variants, _)) => (claims, variants),
            (_, (x, Some(y))) => (values[x].as_slice(), y),
            (_, (_, None)) => return None,
        };
        Some(Layout {
            columns,
            rows: &values[rows],
            from_top: self.cells.axes[rows] == VARIANT,
        })
    }

    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Drawn
    where
        B::ErrorType: 'static,
    {
        area.draw(&Text::new(self.title(), (12, 10), font(14)))?;
        let claims = self.cells.claims_as_labels();
        match (self.layout(&claims), self.subject) {
            (Some(layout), _) => self.map(area, &layout),
            (None, Subject::Shares) => self.shares(area),
            (None, _) => self.curve(area),
        }
    }

    /// Column and row of a claim in a cell.
    fn place(&self, standing: &CellFinding, claims: &[String]) -> (usize, usize) {
        match self.axes.1 {
            Some(y) => (standing.at[self.axes.0], standing.at[y]),
            None => {
                let claim = claims.iter().position(|c| *c == standing.finding.claim);
                (claim.unwrap_or(0), standing.at[self.axes.0])
            }
        }
    }

    fn map<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>, layout: &Layout) -> Drawn
    where
        B::ErrorType: 'static,
    {
        for (row, value) in layout.rows.iter().enumerate() {
            let (_, top) = layout.corner(0, row);
            area.draw(&Text::new(value.clone(), (70, top + 20), font(12)))?;
        }
        let bottom = 40 + Layout::HEIGHT * layout.rows.len() as i32;
        for (column, value) in layout.columns.iter().enumerate() {
            let (left, _) = layout.corner(column, 0);
            area.draw(&Text::new(value.clone(), (left + 4, bottom), font(12)))?;
        }
        let [x, y] = match self.axes {
            (x, Some(y)) => [x, y].map(|axis| self.cells.axes[axis].clone()),
            (x, None) => ["claim".into(), self.cells.axes[x].clone()],
        };
        area.draw(&Text::new(y, (8, 36), font(12)))?;
        area.draw(&Text::new(x, (layout.left(), bottom + 22), font(12)))?;
        for standing in self.standings() {
            let f = &standing.finding;
            let (column, row) = self.place(standing, layout.columns);
            let (left, top) = layout.corner(column, row);
            let corners = [(left, top), (left + layout.width() - 4, top + 54)];
            let (fill, _) = look(f.estimate.verdict);
            area.draw(&Rectangle::new(corners, fill.filled()))?;
            area.draw(&Rectangle::new(corners, INK.stroke_width(1)))?;
            let mark = Text::new(glyph(f.estimate.verdict), (left + 6, top + 4), font(16));
            area.draw(&mark)?;
            let value = short(f.estimate.mean);
            area.draw(&Text::new(value, (left + 26, top + 8), font(13)))?;
            let worlds = match &f.undefined {
                Some(u) => format!("{} of {} undefined", u.worlds, f.estimate.worlds),
                None => counted(f.estimate.worlds, "world"),
            };
            area.draw(&Text::new(worlds, (left + 26, top + 30), font(10)))?;
        }
        Ok(())
    }

    /// All shares along one axis, each with a colour, a dash and a place of its own beside the
    /// tick.
    fn shares<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Drawn
    where
        B::ErrorType: 'static,
    {
        const COLORS: [RGBColor; 4] = [FIRST, SECOND, THIRD, INK];
        let labels = &self.cells.values[self.axes.0];
        let mut chart = ChartBuilder::on(area)
            .margin(12)
            .margin_top(34)
            .margin_right(180)
            .x_label_area_size(38)
            .y_label_area_size(56)
            .build_cartesian_2d(Ruler::names(labels), Ruler::linear(0.0..1.0, 11))?;
        mesh(&mut chart, 11)
            .x_desc(self.cells.axes[self.axes.0].clone())
            .y_desc("share of worlds")
            .draw()?;
        let claims = self.cells.shares();
        let (width, _) = self.size();
        for (index, claim) in claims.iter().enumerate() {
            let color = COLORS[index % COLORS.len()];
            let beside = 0.07 * (index as f64 - 0.5 * (claims.len() - 1) as f64);
            let own = self.standings().filter(|s| s.finding.claim == *claim);
            let own: Vec<&CellFinding> = own.collect();
            let x = |s: &&CellFinding| s.at[self.axes.0] as f64 + beside;
            for s in &own {
                let e = &s.finding.estimate;
                let ends = vec![(x(s), e.interval.lower), (x(s), e.interval.upper)];
                chart.draw_series([PathElement::new(ends, color.stroke_width(1))])?;
            }
            let means = own.iter().map(|s| (x(s), s.finding.estimate.mean));
            let means: Vec<_> = means.filter(|(_, mean)| mean.is_finite()).collect();
            // Dashes tell the claims apart without colour: none for the first, shorter for each
            // that follows.
            let (dash, gap) = (14 / (index as u32 + 1), 3 * u32::from(index > 0));
            let style = color.stroke_width(2);
            chart.draw_series(DashedLineSeries::new(
                means.iter().copied(),
                dash,
                gap,
                style,
            ))?;
            chart.draw_series(means.iter().map(|at| Circle::new(*at, 3, color.filled())))?;
            let (left, y) = (width as i32 - 176, 44 + 18 * index as i32);
            let line = vec![(left, y), (left + 30, y)];
            area.draw(&PathElement::new(line, style))?;
            area.draw(&Text::new(claim.to_string(), (left + 36, y - 7), font(12)))?;
        }
        Ok(())
    }

    fn curve<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Drawn
    where
        B::ErrorType: 'static,
    {
        let standings: Vec<&CellFinding> = self.standings().collect();
        let Some(first) = standings.first() else {
            return Ok(());
        };
        let band = Interval::from(first.finding.band);
        let seen = standings.iter().flat_map(|s| {
            let e = &s.finding.estimate;
            [e.mean, e.interval.lower, e.interval.upper]
        });
        let ends = [band.lower, band.upper];
        let y = Ruler::linear(extent(seen.chain(ends), 0.08), 10);
        let labels = &self.cells.values[self.axes.0];
        let mut chart = ChartBuilder::on(area)
            .margin(12)
            .margin_top(34)
            .x_label_area_size(38)
            .y_label_area_size(56)
            .build_cartesian_2d(Ruler::names(labels), y.clone())?;
        let [bottom, top] = y.ends();
        let inside = |v: f64| y.inside(v);
        chart.draw_series([Rectangle::new(
            [
                (-0.5, inside(band.lower)),
                (labels.len() as f64 - 0.5, inside(band.upper)),
            ],
            BAND.filled(),
        )])?;
        mesh(&mut chart, 11)
            .x_desc(self.cells.axes[self.axes.0].clone())
            .y_desc(first.finding.quantity.as_str())
            .draw()?;
        for s in &standings {
            let (x, e) = (s.at[self.axes.0] as f64, &s.finding.estimate);
            let (_, color) = look(e.verdict);
            let bar = vec![(x, inside(e.interval.lower)), (x, inside(e.interval.upper))];
            chart.draw_series([PathElement::new(bar, color.stroke_width(2))])?;
            // Worlds without a number have no mean: the verdict then stands in the middle.
            let known = e.mean.is_finite();
            let height = if known { e.mean } else { 0.5 * (bottom + top) };
            let dots = known.then(|| Circle::new((x, height), 4, color.filled()));
            chart.draw_series(dots)?;
            if let Some(predicted) = s.predicted {
                // An open diamond stands for the prediction.
                let (dx, dy) = (0.04, 0.012 * (top - bottom));
                let p = inside(predicted);
                let corners = vec![
                    (x - dx, p),
                    (x, p + dy),
                    (x + dx, p),
                    (x, p - dy),
                    (x - dx, p),
                ];
                chart.draw_series([PathElement::new(corners, INK.stroke_width(1))])?;
            }
            let mark = Text::new(glyph(e.verdict), (x + 0.06, height), font(14));
            chart.draw_series([mark])?;
        }
        Ok(())
    }
}

/// Fill and line of a verdict.
fn look(verdict: Verdict) -> (RGBColor, RGBColor) {
    match verdict {
        Verdict::Confirmed => (BAND, FIRST),
        Verdict::Refuted => (REFUTED, SECOND),
        Verdict::Undecided => (PAPER, INK),
    }
}

/// The mark of a verdict.
pub fn glyph(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Confirmed => "✓",
        Verdict::Refuted => "✗",
        Verdict::Undecided => "…",
    }
}

/// Three digits, whatever the size.
fn short(x: f64) -> String {
    match x.abs() {
        a if a.is_nan() => "—".into(),
        0.0 => "0".into(),
        a if a < 0.001 => format!("{x:.0e}"),
        a if a < 100.0 => format!("{x:.3}"),
        _ => format!("{x:.0}"),
    }
}

/// The axes beyond `shown`, which a picture or a map cuts through, each with the value at which it
/// does.
fn cuts(cells: &Cells, shown: [Option<usize>; 2]) -> Vec<String> {
    (0..cells.axes.len())
        .filter(|axis| !shown.contains(&Some(*axis)))
        .map(|axis| format!("{} = {}", cells.axes[axis], cells.values[axis][0]))
        .collect()
}

/// Every claim of an exploration as text: a table of the variants where they are all that varies,
/// else a map of each claim.
pub fn text_maps(cells: &Cells) -> String {
    if cells.variants_alone() {
        return text_table(cells);
    }
    let claims = cells.claims().into_iter();
    let of = |claim| format!("{claim}:\n{}", text_map(cells, claim));
    claims.map(of).collect::<Vec<_>>().join("\n")
}

/// Characters of a line of text.
const LINE: usize = 80;

/// Characters of the longest.
fn widest(names: &[String]) -> usize {
    let lengths = names.iter().map(|name| name.chars().count());
    lengths.max().unwrap_or(0)
}

/// The mark and the value of every claim in every variant: in one table, or in several that fit a
/// line.
fn text_table(cells: &Cells) -> String {
    let first = widest(&cells.values[0]).max(VARIANT.len());
    let width = |claim: &str| claim.chars().count().max(8);
    let mut tables: Vec<(usize, Vec<&str>)> = Vec::new();
    for claim in cells.claims() {
        let more = 2 + width(claim);
        match tables.last_mut() {
            Some((taken, claims)) if *taken + more <= LINE => {
                *taken += more;
                claims.push(claim);
            }
            _ => tables.push((first + more, vec![claim])),
        }
    }
    let table = |(_, claims): (usize, Vec<&str>)| {
        let mut out = format!("{VARIANT:<first$}");
        for claim in &claims {
            let _ = write!(out, "  {claim:<0$}", width(claim));
        }
        for (row, variant) in cells.values[0].iter().enumerate() {
            let _ = write!(out, "\n{variant:<first$}");
            for claim in &claims {
                let mut own = cells.standings.iter();
                let found = own.find(|s| s.finding.claim == *claim && s.at[0] == row);
                let _ = write!(out, "  {:<1$}", told(found), width(claim));
            }
        }
        let lines = out.lines().map(|line| line.trim_end().to_owned() + "\n");
        lines.collect::<String>()
    };
    let tables: Vec<String> = tables.into_iter().map(table).collect();
    let lacking = cells
        .claims()
        .into_iter()
        .map(|claim| lacking(cells, claim));
    tables.join("\n") + &lacking.collect::<String>()
}

/// The mark and the value of a claim in a cell, or `·` where nothing is known.
fn told(standing: Option<&CellFinding>) -> String {
    let known = standing.map(|s| &s.finding.estimate);
    known.map_or("·".into(), |e| {
        format!("{} {}", glyph(e.verdict), short(e.mean))
    })
}

/// A line for each cell in which worlds have no number for a claim.
fn lacking(cells: &Cells, claim: &str) -> String {
    let own = cells.standings.iter().filter(|s| s.finding.claim == claim);
    let line = |s: &CellFinding| {
        let lacking = text::without_a_number(&s.finding);
        let lacking = lacking.strip_prefix("; ")?;
        Some(format!("cell {}: {lacking}\n", s.cell))
    };
    own.filter_map(line).collect()
}

/// The first two axes as text: the mark and the value of each cell, and `·` where nothing is known.
/// Below it, the values at which it cuts through other axes, and worlds without a number.
fn text_map(cells: &Cells, claim: &str) -> String {
    let mut out = String::new();
    let columns = &cells.values[0];
    let one = vec![String::new()];
    let rows = cells.values.get(1).unwrap_or(&one);
    let first = widest(rows).max(12);
    let mut order: Vec<usize> = (0..rows.len()).rev().collect();
    if cells.axes.get(1).is_some_and(|axis| axis == VARIANT) {
        // A list of names is read from the top.
        order.reverse();
    }
    for row in order {
        let _ = write!(out, "{:>first$} ", rows[row]);
        for column in 0..columns.len() {
            let standing = cells.standings.iter().find(|s| {
                s.finding.claim == claim
                    && s.at[0] == column
                    && s.at.get(1).is_none_or(|y| *y == row)
                    && s.at.iter().skip(2).all(|rest| *rest == 0)
            });
            let told = told(standing);
            let _ = write!(out, " {told:<8}");
        }
        out.push('\n');
    }
    let axis = cells.axes.get(1).map_or("", String::as_str);
    let _ = write!(out, "{axis:>first$} ");
    for column in columns {
        let _ = write!(out, " {column:<8}");
    }
    let _ = writeln!(out, "  {}", cells.axes[0]);
    let cuts = cuts(cells, [Some(0), Some(1)]);
    if !cuts.is_empty() {
        let _ = writeln!(out, "at {}", cuts.join(", "));
    }
    out += &lacking(cells, claim);
    out
}
