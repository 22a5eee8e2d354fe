//! The mechanism in one world: the race, the union of views, the soft labels.

use super::bars::bars;
use super::{Figure, Mark, WIDTH, legend};
use crate::figure::{
    Area, Drawn, FIRST, FigureError, GRID, INK, Ruler, SECOND, THIRD, Table, font, log_extent,
    mesh, short, svg,
};
use crate::report::mechanism::{Mechanism, ModelCells, Race, SoftLabel};
use plotters::prelude::*;

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
            "Rows: both views of a model; columns: classes. A filled cell is a view that was not learned: the model errs on \
             single-view inputs that keep only it. One model loses a view of nearly every class, its ensemble and its student hardly any.",
            &m.distillation,
        )?,
        cells(
            "union-of-two-lotteries",
            "Self-distillation: the union of two lotteries",
            "Rows: both views of a model; columns: classes. The student knows the views its teacher won and those its own start \
             would have won; a view that both lost (filled in both) stays lost, about a quarter of them.",
            &m.self_distillation,
        )?,
        coverage(m)?,
        soft_labels(m)?,
    ])
}

/// Height of the race's legend, of its panels together, and of the errors beneath, in pixels.
const RACE: [u32; 3] = [30, 480, 190];

fn race(m: &Mechanism) -> Result<Figure, FigureError> {
    let title = "The lottery race".to_owned();
    let caption = format!(
        "Above: the largest overlap max_r ⟨w, v⟩ of both views of classes 0 to {}, on a logarithmic axis. The winner takes off; \
         the loser stays near its start. A ring marks the view that the initialisation predicts to win. Below: the error of the \
         same network. Training error falls to 0, test error to half the share μ of single-view inputs.",
        SHOWN - 1
    );
    let race = &m.race;
    let [legend, panels, beneath] = RACE;
    let svg = svg(
        (WIDTH, legend + panels + beneath),
        &title,
        &caption,
        |area| {
            let (top, rest) = area.split_vertically(legend);
            race_legend(&top)?;
            let (panels, beneath) = rest.split_vertically(panels);
            for (class, panel) in panels.split_evenly((ROWS, COLUMNS)).iter().enumerate() {
                race_panel(race, class, panel)?;
            }
            race_errors(race, &beneath)
        },
    )?;
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

/// Rows and columns of the race's panels, and the classes that are shown.
const ROWS: usize = 3;
const COLUMNS: usize = 4;
const SHOWN: usize = ROWS * COLUMNS;

fn race_legend(area: &Area) -> Drawn {
    let line = |x: i32| vec![(x, 14), (x + 28, 14)];
    area.draw(&PathElement::new(line(10), FIRST.stroke_width(2)))?;
    area.draw(&Text::new("the view that wins", (44, 7), font(12)))?;
    for dash in 0..4 {
        let x = 200 + 8 * dash;
        area.draw(&PathElement::new(
            vec![(x, 14), (x + 5, 14)],
            SECOND.stroke_width(2),
        ))?;
    }
    area.draw(&Text::new("the view that loses", (238, 7), font(12)))?;
    area.draw(&Circle::new((410, 14), 4, INK.stroke_width(2)))?;
    let predicted = "predicted to win, from the initialisation alone";
    area.draw(&Text::new(predicted, (422, 7), font(12)))?;
    Ok(())
}

fn race_panel(race: &Race, class: usize, panel: &Area) -> Drawn {
    let Some(views) = race.overlaps.get(class) else {
        return Ok(());
    };
    let shown = race.overlaps.iter().take(SHOWN).flatten().flatten();
    let heights = log_extent(shown.copied().filter(|x| *x > 0.0), 0.05);
    let last = *race.steps.last().unwrap_or(&1) as f64;
    let leftmost = class.is_multiple_of(COLUMNS);
    let lowest = class / COLUMNS == ROWS - 1;
    let mut chart = ChartBuilder::on(panel)
        .margin(6)
        .caption(format!("class {class}"), font(12))
        .x_label_area_size(if lowest { 34 } else { 18 })
        .y_label_area_size(if leftmost { 54 } else { 34 })
        .build_cartesian_2d(Ruler::linear(0.0..last, 3), Ruler::logarithmic(heights, 5))?;
    let mut mesh = mesh(&mut chart, 10);
    if leftmost {
        mesh.y_desc("overlap");
    }
    if lowest {
        mesh.x_desc("gradient step");
    }
    mesh.draw()?;
    let points = |view: usize| {
        let steps = race.steps.iter().map(|s| *s as f64);
        steps
            .zip(views[view].iter().copied())
            .filter(|(_, x)| *x > 0.0)
    };
    let (winner, predicted) = (race.winner(class), race.predicted[class]);
    let won = points(winner).collect::<Vec<_>>();
    chart.draw_series([PathElement::new(won, FIRST.stroke_width(2))])?;
    let lost = points(1 - winner);
    chart.draw_series(DashedLineSeries::new(lost, 5, 3, SECOND.stroke_width(2)))?;
    let start = points(predicted).next();
    chart.draw_series(start.map(|at| Circle::new(at, 4, INK.stroke_width(2))))?;
    Ok(())
}

/// Training and test error of the racing network; an error of 0 lies on the lower edge.
fn race_errors(race: &Race, area: &Area) -> Drawn {
    let last = *race.steps.last().unwrap_or(&1) as f64;
    let mu = race.single_view_share;
    let floor = mu / 20.0;
    let mut chart = ChartBuilder::on(area)
        .margin(6)
        .margin_right(150)
        .x_label_area_size(34)
        .y_label_area_size(54)
        .build_cartesian_2d(
            Ruler::linear(0.0..last, 6),
            Ruler::logarithmic(floor..1.3, 5),
        )?;
    mesh(&mut chart, 10)
        .x_desc("gradient step")
        .y_desc("error (share of inputs)")
        .draw()?;
    let half = 0.5 * mu;
    chart.draw_series([PathElement::new(
        vec![(0.0, half), (last, half)],
        INK.stroke_width(1),
    )])?;
    let points = |errors: &[f64]| {
        let steps = race.steps.iter().map(|s| *s as f64);
        let heights = errors.iter().map(|e| e.max(floor));
        steps.zip(heights).collect::<Vec<_>>()
    };
    let test = points(&race.test_error);
    chart.draw_series([PathElement::new(test.clone(), FIRST.stroke_width(2))])?;
    let training = points(&race.training_error);
    let dashes = DashedLineSeries::new(training, 5, 3, THIRD.stroke_width(2));
    chart.draw_series(dashes)?;
    let ends = [(half, "0.5 μ"), (floor, "training error 0")];
    let place = |height: f64| chart.backend_coord(&(last, height));
    let labels = ends.map(|(height, label)| (place(height), label));
    for ((x, y), label) in labels {
        let (left, top) = area.get_pixel_range();
        let at = (x - left.start + 6, y - top.start - 7);
        area.draw(&Text::new(label, at, font(12)))?;
    }
    if let Some(test) = test.last() {
        let (x, y) = chart.backend_coord(test);
        let (left, top) = area.get_pixel_range();
        let at = (x - left.start + 44, y - top.start - 7);
        area.draw(&Text::new("test error", at, font(12)))?;
    }
    Ok(())
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
                "classes 0 to {}; filled: error 1, empty: error 0",
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
    let first = m.coverage.first().copied().unwrap_or(0.5);
    let law = |members: usize| first * 0.5f64.powi(members as i32 - 1);
    let count = m.coverage.len();
    let classes = m.distillation.first().map_or(0, |model| model.error.len());
    let step = 1.0 / (2 * classes.max(1)) as f64;
    let caption = format!(
        "Test error on single-view inputs of the ensemble of the first K models of one world (circles), and the law of independent \
         lotteries, first error × 2^(1−K) (line), which knows no ties and no shared data. In one world errors come in steps: a view \
         that all K models lost, one of 2k = {}, is an error of {}. Where the law falls below a step, it is a mean over worlds, \
         most of which lost no view, and a world that lost one lies far above it. Logarithmic scale; an error of 0 is drawn at the bottom.",
        2 * classes,
        short(step, 2)
    );
    let least = law(count).min(step) / 2.0;
    let x = Ruler::linear(0.5..count as f64 + 0.5, 8).at((1..=count).map(|k| k as f64));
    let svg =
        svg((WIDTH, 320), &title, &caption, |area| {
            let series = [
                (Mark::Circle, FIRST, "the ensemble of K models"),
                (Mark::Line, INK, "independent lotteries"),
            ];
            legend(area, (70, 8), &series)?;
            let mut chart = ChartBuilder::on(area)
                .margin(10)
                .margin_top(32)
                .x_label_area_size(34)
                .y_label_area_size(64)
                .build_cartesian_2d(x, Ruler::logarithmic(least..1.0, 6))?;
            mesh(&mut chart, 11)
                .x_desc("members K")
                .y_desc("single-view error")
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
    type Height = fn(&SoftLabel) -> f64;
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
    let title = "Dark knowledge: the mass on a class that is not the label".to_owned();
    let caption = "Mean tempered logit of a class that is not the label. Bars are grouped by the feature of that class in the training \
        input: the view that the one model knows, the view it lost, or none. The teacher and its student mark the lost view; the one \
        model does not."
        .to_owned();
    let svg = bars(
        &title,
        &caption,
        "mean tempered logit",
        &groups,
        &series.map(|(name, color, of)| (name, color, m.soft_labels.iter().map(of).collect())),
    )?;
    let columns = [
        ("feature", "which feature of the class the input contains"),
        ("teacher", "mean tempered logit of the ensemble"),
        (
            "single",
            "mean tempered logit of one model at the teacher's scale",
        ),
        ("student", "mean tempered logit of the distilled student"),
        ("pairs", "pairs of input and class averaged over"),
    ];
    Ok(Figure {
        name: "soft-labels".into(),
        title,
        caption,
        svg,
        table: Table::new(&columns, rows),
    })
}
