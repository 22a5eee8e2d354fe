//! The figures, each with the numbers behind it as CSV and JSON.

use super::mechanism::{Mechanism, ModelCells};
use super::text;
use crate::figure::{
    Area, BAND, Drawn, FIRST, FigureError, GRID, INK, SECOND, THIRD, Table, extent, font, svg,
};
use crate::statistics::{Interval, PowerLaw};
use crate::theorem::Statistic;
use crate::verify::Finding;
use plotters::prelude::*;
use serde_json::Value;

/// A figure and its data.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// File name without extension.
    pub name: String,
    /// One line.
    pub title: String,
    /// What it shows, for readers who do not see it; also the caption.
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

/// A finding with what was observed in each world, in the order of worlds.
pub struct Observed<'a> {
    /// The finding.
    pub finding: &'a Finding,
    /// The quantity in each world that counts; empty for an exponent, whose points are in the finding.
    pub worlds: Vec<f64>,
}

const WIDTH: u32 = 760;

/// The evidence for a theorem: for each claim and control every world a dot, the interval and the band.
///
/// # Errors
/// If it cannot be drawn.
pub fn evidence(theorem: &str, observed: &[Observed]) -> Result<Figure, FigureError> {
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
                Some(law) => power_law(&panel, one.finding, law)?,
                None => strip(&panel, one)?,
            }
        }
        Ok(())
    })?;
    let mut rows = Vec::new();
    for one in observed {
        let f = one.finding;
        let mut row = |at: Option<f64>, world: Option<usize>, value: f64| {
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
            row(Some(point.at), None, point.value);
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
                    "the quantity in that world; for an exponent the mean or spread over worlds",
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
        92
    }
}

fn heading(f: &Finding) -> String {
    let who = f
        .control
        .as_ref()
        .map_or(f.claim.clone(), |c| format!("{} (control: {c})", f.claim));
    let subject = text::plain(&text::subject(f.statistic, &f.quantity, f.event));
    format!(
        "{who}: {subject} {}  {}",
        text::band(f.band),
        text::verdict(f)
    )
}

fn strip(panel: &Area, one: &Observed) -> Drawn {
    let f = one.finding;
    // A share is of worlds inside the event: the dots then stand against the event, and the interval is in the table.
    let share = f.statistic == Statistic::Share;
    let band = Interval::from(f.event.filter(|_| share).unwrap_or(f.band));
    let interval = f.estimate.interval;
    let ends = [band.lower, band.upper];
    let shown = (one.worlds.iter().copied()).chain(ends.into_iter().filter(|x| x.is_finite()));
    let range = extent(shown, 0.08);
    let inside = |x: f64| x.clamp(range.start, range.end);
    panel.draw(&Text::new(heading(f), (10, 6), font(13)))?;
    let mut chart = ChartBuilder::on(panel)
        .margin_top(26)
        .margin_left(14)
        .margin_right(14)
        .x_label_area_size(22)
        .build_cartesian_2d(range.clone(), 0.0..1.0)?;
    chart.draw_series([Rectangle::new(
        [(inside(band.lower), 0.0), (inside(band.upper), 1.0)],
        BAND.filled(),
    )])?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(INK)
        .x_labels(8)
        .label_style(font(11))
        .draw()?;
    let places = one.worlds.iter().enumerate();
    // Stacked in five rows by index, so that equal values stay visible.
    let dots = places.map(|(n, x)| (*x, 0.42 + 0.12 * (n % 5) as f64));
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
        chart.draw_series([Circle::new((inside(f.estimate.mean), 0.2), 4, INK.filled())])?;
    }
    Ok(())
}

fn power_law(panel: &Area, f: &Finding, law: &PowerLaw) -> Drawn {
    let color = if f.control.is_some() { SECOND } else { FIRST };
    let at: Vec<f64> = law.points.iter().map(|p| p.at).collect();
    let fitted = |x: f64| (law.log_amplitude + law.fitted_exponent * x.ln()).exp();
    let low = |p: &crate::statistics::exponent::Point| {
        (p.value - 2.0 * p.standard_error).max(p.value / 10.0)
    };
    let values = law
        .points
        .iter()
        .flat_map(|p| [low(p), p.value + 2.0 * p.standard_error, fitted(p.at)]);
    let log = extent(values.map(f64::ln), 0.1);
    let x = extent(at.iter().map(|x| x.ln()), 0.08);
    panel.draw(&Text::new(heading(f), (10, 6), font(13)))?;
    let mut chart = ChartBuilder::on(panel)
        .margin_top(26)
        .margin_left(8)
        .margin_right(14)
        .x_label_area_size(34)
        .y_label_area_size(64)
        .build_cartesian_2d(
            (x.start.exp()..x.end.exp()).log_scale(),
            (log.start.exp()..log.end.exp()).log_scale(),
        )?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(INK)
        .label_style(font(11))
        .x_desc("swept parameter")
        .y_label_formatter(&|y| format!("{y:.1e}"))
        .draw()?;
    let ends = [x.start.exp(), x.end.exp()];
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

/// The pictures of the mechanism.
///
/// # Errors
/// If one cannot be drawn.
pub fn mechanism(m: &Mechanism) -> Result<Vec<Figure>, FigureError> {
    Ok(vec![
        race(m)?,
        cells(
            "single-view-error",
            "Single-view error, class by class",
            "Rows: both views of a model; columns: classes. A dark cell is a view that was not learned: the model errs on \
             single-view inputs that keep only it. One model loses a view of each class, its ensemble and its student none.",
            &m.distillation,
        )?,
        cells(
            "union-of-two-lotteries",
            "Self-distillation: the union of two lotteries",
            "Rows: both views of a model; columns: classes. The student knows the views its teacher won and those its own start \
             would have won; a view that both lost (dark in both) stays lost, which is a quarter of them.",
            &m.self_distillation,
        )?,
        coverage(m)?,
        soft_labels(m)?,
    ])
}

fn race(m: &Mechanism) -> Result<Figure, FigureError> {
    const SHOWN: usize = 12;
    let title = "The lottery race".to_owned();
    let caption = format!(
        "Largest overlap max_r <w, v> of both views of {SHOWN} classes over training (one panel each). Solid: the view that \
         the initialisation predicts to win; dashed: the other. A class where the dashed line wins was predicted wrongly."
    );
    let race = &m.race;
    let top = (race.overlaps.iter().take(SHOWN).flatten().flatten()).fold(0.0f64, |a, b| a.max(*b));
    let last = *race.steps.last().unwrap_or(&1) as f64;
    let svg = svg((WIDTH, 480), &title, &caption, |area| {
        for (class, panel) in area.split_evenly((3, 4)).iter().enumerate() {
            let Some(views) = race.overlaps.get(class) else {
                continue;
            };
            let mut chart = ChartBuilder::on(panel)
                .margin(6)
                .caption(format!("class {class}"), font(12))
                .x_label_area_size(20)
                .y_label_area_size(26)
                .build_cartesian_2d(0.0..last, 0.0..1.05 * top)?;
            chart
                .configure_mesh()
                .light_line_style(TRANSPARENT)
                .bold_line_style(GRID)
                .axis_style(INK)
                .x_labels(3)
                .y_labels(4)
                .label_style(font(10))
                .draw()?;
            let points = |view: usize| {
                let steps = race.steps.iter().map(|s| *s as f64);
                steps.zip(views[view].iter().copied()).collect::<Vec<_>>()
            };
            let winner = race.predicted[class];
            chart.draw_series([PathElement::new(points(winner), FIRST.stroke_width(2))])?;
            chart.draw_series(DashedLineSeries::new(
                points(1 - winner),
                5,
                3,
                SECOND.stroke_width(2),
            ))?;
        }
        Ok(())
    })?;
    let mut rows = Vec::new();
    for (class, views) in race.overlaps.iter().enumerate() {
        for (view, overlaps) in views.iter().enumerate() {
            for (step, overlap) in race.steps.iter().zip(overlaps) {
                rows.push(vec![
                    (*step).into(),
                    class.into(),
                    (view + 1).into(),
                    (race.predicted[class] == view).into(),
                    (*overlap).into(),
                ]);
            }
        }
    }
    Ok(Figure {
        name: "lottery-race".into(),
        title,
        caption,
        svg,
        table: Table::new(
            &[
                ("step", "gradient steps taken"),
                ("class", "class i"),
                ("view", "view, 1 or 2"),
                (
                    "predicted",
                    "whether the initialisation predicts this view to win",
                ),
                ("overlap", "max over r of <w_{i,r}, v_{i,view}>"),
            ],
            rows,
        ),
    })
}

fn cells(
    name: &str,
    title: &str,
    caption: &str,
    models: &[ModelCells],
) -> Result<Figure, FigureError> {
    let classes = models.first().map_or(0, |m| m.error.len());
    let height = 40 + 62 * models.len() as u32;
    let svg = svg((WIDTH, height), title, caption, |area| {
        let cell = f64::from(WIDTH - 24) / classes.max(1) as f64;
        for (row, model) in models.iter().enumerate() {
            let top = 8 + 62 * row as i32;
            area.draw(&Text::new(model.model.clone(), (12, top), font(13)))?;
            for (class, views) in model.error.iter().enumerate() {
                for (view, error) in views.iter().enumerate() {
                    let left = 12 + (class as f64 * cell) as i32;
                    let y = top + 20 + 17 * view as i32;
                    let corners = [(left, y), (left + cell as i32 - 1, y + 15)];
                    area.draw(&Rectangle::new(corners, INK.mix(*error).filled()))?;
                    area.draw(&Rectangle::new(corners, GRID.stroke_width(1)))?;
                }
            }
        }
        let bottom = height as i32 - 20;
        area.draw(&Text::new(
            format!(
                "classes 0 to {}; dark: error 1, empty: error 0",
                classes.max(1) - 1
            ),
            (12, bottom),
            font(11),
        ))?;
        Ok(())
    })?;
    let rows = (models.iter())
        .flat_map(|model| {
            model
                .error
                .iter()
                .enumerate()
                .flat_map(move |(class, views)| {
                    (views.iter().enumerate()).map(move |(view, error)| {
                        vec![
                            model.model.clone().into(),
                            class.into(),
                            (view + 1).into(),
                            (*error).into(),
                        ]
                    })
                })
        })
        .collect();
    Ok(Figure {
        name: name.into(),
        title: title.into(),
        caption: caption.into(),
        svg,
        table: Table::new(
            &[
                ("model", "which model of the world"),
                ("class", "class i"),
                ("view", "the view that the single-view inputs keep, 1 or 2"),
                ("error", "share of such inputs that are misclassified"),
            ],
            rows,
        ),
    })
}

fn coverage(m: &Mechanism) -> Result<Figure, FigureError> {
    let title = "Coverage against ensemble size".to_owned();
    let caption = "Test error on single-view inputs of the ensemble of the first K models of one world (circles), and the law of \
        independent lotteries, first error × 2^(1−K) (line). Logarithmic scale; an error of 0 is drawn at the bottom."
        .to_owned();
    let first = m.coverage.first().copied().unwrap_or(0.5);
    let law = |members: usize| first * 0.5f64.powi(members as i32 - 1);
    let count = m.coverage.len();
    let least = law(count) / 2.0;
    let svg =
        svg((WIDTH, 300), &title, &caption, |area| {
            let mut chart = ChartBuilder::on(area)
                .margin(10)
                .x_label_area_size(34)
                .y_label_area_size(64)
                .build_cartesian_2d(0.5..count as f64 + 0.5, (least..1.0).log_scale())?;
            chart
                .configure_mesh()
                .light_line_style(TRANSPARENT)
                .bold_line_style(GRID)
                .axis_style(INK)
                .label_style(font(11))
                .x_desc("members K")
                .y_desc("err(D_s)")
                .y_label_formatter(&|y| format!("{y:.0e}"))
                .draw()?;
            let line = (1..=count).map(|k| (k as f64, law(k))).collect::<Vec<_>>();
            chart.draw_series([PathElement::new(line, INK.stroke_width(1))])?;
            chart.draw_series((1..).zip(&m.coverage).map(|(k, error)| {
                Circle::new((f64::from(k), error.max(least)), 4, FIRST.filled())
            }))?;
            Ok(())
        })?;
    let rows = (1usize..)
        .zip(&m.coverage)
        .map(|(k, error)| vec![k.into(), (*error).into(), law(k).into()])
        .collect();
    Ok(Figure {
        name: "coverage".into(),
        title,
        caption,
        svg,
        table: Table::new(
            &[
                ("members", "size K of the ensemble"),
                (
                    "single_view_error",
                    "err(D_s) of the ensemble of the first K models",
                ),
                ("law", "err(D_s) of one model × 2^(1−K)"),
            ],
            rows,
        ),
    })
}

fn soft_labels(m: &Mechanism) -> Result<Figure, FigureError> {
    type Height = fn(&super::mechanism::SoftLabel) -> f64;
    let series: [(&str, RGBColor, Height); 3] = [
        ("ensemble (teacher)", INK, |s| s.teacher),
        ("one model, at the same scale", SECOND, |s| s.single),
        ("distilled student", FIRST, |s| s.student),
    ];
    let groups = m
        .soft_labels
        .iter()
        .map(|s| s.feature.as_str())
        .collect::<Vec<_>>();
    let rows = m
        .soft_labels
        .iter()
        .map(|s| {
            vec![
                s.feature.clone().into(),
                s.teacher.into(),
                s.single.into(),
                s.student.into(),
                s.pairs.into(),
            ]
        })
        .collect();
    bars(
        "soft-labels",
        "Dark knowledge: the mass on a class that is not the label",
        "Mean tempered logit of a class that is not the label, by which of its features the training input contains: the view that \
         the one model knows, the view it lost, or none. The teacher marks the lost view; the one model does not; its student does.",
        &groups,
        &series.map(|(name, color, of)| (name, color, m.soft_labels.iter().map(of).collect())),
        &[
            ("feature", "which feature of the class the input contains"),
            ("teacher", "mean tempered logit of the ensemble"),
            (
                "single",
                "mean tempered logit of one model at the teacher's scale",
            ),
            ("student", "mean tempered logit of the distilled student"),
            ("pairs", "pairs of input and class averaged over"),
        ],
        rows,
    )
}

/// The contrast between random features and the trained network: mean errors of the models of each.
///
/// # Errors
/// If it cannot be drawn.
pub fn contrast(of: impl Fn(&str) -> Option<f64>) -> Result<Option<Figure>, FigureError> {
    let models = [
        (
            "one model",
            "random_features.err_single",
            "single.test_error",
        ),
        (
            "ensemble",
            "random_features.err_ensemble",
            "ensemble.test_error",
        ),
        (
            "distilled student",
            "random_features.err_student",
            "distilled.test_error",
        ),
    ];
    let values: Option<Vec<[f64; 2]>> = (models.iter())
        .map(|(_, random, trained)| Some([of(random)?, of(trained)?]))
        .collect();
    let Some(values) = values else {
        return Ok(None);
    };
    let groups = models.map(|(name, ..)| name);
    let rows = (groups.iter().zip(&values))
        .map(|(name, [random, trained])| vec![(*name).into(), (*random).into(), (*trained).into()])
        .collect();
    let relative = |column: usize| {
        values
            .iter()
            .map(|v| v[column] / values[0][column])
            .collect()
    };
    bars(
        "random-feature-contrast",
        "Random features against the trained network",
        "Test error relative to one model of the same kind, mean over worlds. Both ensembles gain; the trained network's student \
         keeps the gain, the random-feature student does not.",
        &groups,
        &[
            ("random features", SECOND, relative(0)),
            ("trained network", FIRST, relative(1)),
        ],
        &[
            ("model", "which model"),
            ("random_features", "test error over D, mean over worlds"),
            ("trained_network", "test error over D divided by μ, mean over worlds"),
        ],
        rows,
    )
    .map(Some)
}

/// The gain and the gap of random features against the number of neurons.
///
/// # Errors
/// If it cannot be drawn.
pub fn growth(
    neurons: &[usize],
    of: impl Fn(&str) -> Option<f64>,
) -> Result<Option<Figure>, FigureError> {
    let named = |name: &str, m: usize| of(&format!("random_features.{name}_at_{m}"));
    let points: Option<Vec<[f64; 4]>> = (neurons.iter())
        .map(|m| {
            let at = |name| named(name, *m);
            Some([
                *m as f64,
                at("feature_variance")?,
                at("loss_gain")?,
                at("loss_gap")?,
            ])
        })
        .collect();
    let Some(points) = points else {
        return Ok(None);
    };
    let title = "Random features: variance, gain and gap against the number of neurons".to_owned();
    let caption = "Variance of a read-out over draws of its features (circles), the ensemble's gain in squared loss (triangles) and \
        what distillation leaves on the table (crosses), mean over worlds, against the number M of neurons; the line falls as 1/M."
        .to_owned();
    let log = extent(
        points
            .iter()
            .flat_map(|p| p[1..].iter().map(|y| y.max(1e-9).ln())),
        0.1,
    );
    let x = extent(points.iter().map(|p| p[0].ln()), 0.06);
    let svg = svg((WIDTH, 320), &title, &caption, |area| {
        let mut chart = ChartBuilder::on(area)
            .margin(10)
            .x_label_area_size(34)
            .y_label_area_size(64)
            .build_cartesian_2d(
                (x.start.exp()..x.end.exp()).log_scale(),
                (log.start.exp()..log.end.exp()).log_scale(),
            )?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID)
            .axis_style(INK)
            .label_style(font(11))
            .x_desc("neurons M")
            .y_label_formatter(&|y| format!("{y:.0e}"))
            .draw()?;
        if let Some(last) = points.last() {
            let line = points.iter().map(|p| (p[0], last[1] * last[0] / p[0]));
            chart.draw_series([PathElement::new(
                line.collect::<Vec<_>>(),
                INK.stroke_width(1),
            )])?;
        }
        chart.draw_series(
            points
                .iter()
                .map(|p| Circle::new((p[0], p[1]), 4, FIRST.filled())),
        )?;
        chart.draw_series(
            points
                .iter()
                .map(|p| TriangleMarker::new((p[0], p[2]), 5, THIRD.filled())),
        )?;
        chart.draw_series(
            points
                .iter()
                .map(|p| Cross::new((p[0], p[3]), 4, SECOND.stroke_width(2))),
        )?;
        Ok(())
    })?;
    Ok(Some(Figure {
        name: "random-feature-growth".into(),
        title,
        caption,
        svg,
        table: Table::new(
            &[
                ("neurons", "number M of neurons of one model"),
                (
                    "feature_variance",
                    "variance of the outputs over draws of the features, summed over classes",
                ),
                ("loss_gain", "squared loss of one model less the ensemble's"),
                ("loss_gap", "squared loss of a student less the ensemble's"),
            ],
            points
                .iter()
                .map(|p| p.iter().map(|x| (*x).into()).collect())
                .collect(),
        ),
    }))
}

type Series<'a> = (&'a str, RGBColor, Vec<f64>);

/// Groups of bars, each with its value written above it.
fn bars(
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
