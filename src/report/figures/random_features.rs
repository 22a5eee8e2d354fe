//! Random features against the trained network, and against their own number.

use super::bars::bars;
use super::{Figure, Mark, WIDTH, legend};
use crate::figure::{FIRST, FigureError, INK, Ruler, SECOND, THIRD, Table, log_extent, mesh, svg};
use plotters::prelude::*;

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
    let title = "Random features against the trained network".to_owned();
    let caption = "Test error relative to one model of the same kind, mean over worlds. Both ensembles gain; the trained network's \
        student keeps the gain, the random-feature student does not."
        .to_owned();
    let svg = bars(
        &title,
        &caption,
        "test error, one model's = 1",
        &groups,
        &[
            ("random features", SECOND, relative(0)),
            ("trained network", FIRST, relative(1)),
        ],
    )?;
    let columns = [
        ("model", "which model"),
        ("random_features", "test error over D, mean over worlds"),
        (
            "trained_network",
            "test error over D divided by μ, mean over worlds",
        ),
    ];
    Ok(Some(Figure {
        name: "random-feature-contrast".into(),
        title,
        caption,
        svg,
        table: Table::new(&columns, rows),
    }))
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
        the gap that distillation leaves (crosses), mean over worlds, against the number R of neurons; the line falls as 1/R."
        .to_owned();
    let last = points.last().copied().unwrap_or([1.0; 4]);
    let law = |m: f64| last[1] * last[0] / m;
    let measured = || points.iter().map(|p| p[0]);
    let values = (points.iter().flat_map(|p| &p[1..])).map(|y| y.max(1e-9));
    let y = Ruler::logarithmic(log_extent(values.chain(measured().map(law)), 0.1), 7);
    let x = Ruler::logarithmic(log_extent(measured(), 0.06), 8).at(measured());
    let svg = svg((WIDTH, 340), &title, &caption, |area| {
        let series = [
            (Mark::Circle, FIRST, "variance"),
            (Mark::Triangle, THIRD, "gain"),
            (Mark::Cross, SECOND, "gap"),
            (Mark::Line, INK, "1/R, through the last variance"),
        ];
        legend(area, (70, 8), &series)?;
        let mut chart = ChartBuilder::on(area)
            .margin(10)
            .margin_top(32)
            .x_label_area_size(34)
            .y_label_area_size(64)
            .build_cartesian_2d(x, y.clone())?;
        mesh(&mut chart, 11)
            .x_desc("neurons R")
            .y_desc("squared loss")
            .draw()?;
        let line = measured().map(|m| (m, law(m))).collect::<Vec<_>>();
        chart.draw_series([PathElement::new(line, INK.stroke_width(1))])?;
        for p in &points {
            let at = |column: usize| (p[0], y.inside(p[column]));
            chart.draw_series([Circle::new(at(1), 4, FIRST.filled())])?;
            chart.draw_series([TriangleMarker::new(at(2), 5, THIRD.filled())])?;
            chart.draw_series([Cross::new(at(3), 4, SECOND.stroke_width(2))])?;
        }
        Ok(())
    })?;
    Ok(Some(Figure {
        name: "random-feature-growth".into(),
        title,
        caption,
        svg,
        table: Table::new(
            &[
                ("neurons", "number R of neurons of one model"),
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
