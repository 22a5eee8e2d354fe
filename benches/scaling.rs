//! How time and memory grow with classes, width, samples and steps, and what a whole model takes.
//!
//! `cargo bench --bench scaling [-- --out DIR] [-- --quick true]` prints Markdown; `DIR` receives
//! it as `scaling.md`, with `scaling.svg` and `scaling.csv`. Each point is measured in a process of
//! its own, so that its peak memory is its own; exponents are slopes of log-log least squares, with
//! their standard errors.

mod common;

use common::{SEED, median, option, regime};
use multiview::data::DataSet;
use multiview::engine::Stop;
use multiview::engine::sparse::{Rates, train};
use multiview::engine::state::{Overlaps, Trained};
use multiview::evaluation::{Draws, Evaluation, Portrait};
use multiview::figure::{Area, Drawn, FIRST, GRID, INK, SECOND, Table, font, log_extent, svg};
use multiview::objective::Objective;
use multiview::regime::Regime;
use multiview::seed::Purpose;
use plotters::prelude::*;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// One size, in a family in which one quantity varies.
struct Point {
    family: &'static str,
    x: usize,
    classes: usize,
    neurons: usize,
    samples: Option<usize>,
    steps: usize,
}

/// The time and memory of a point.
struct Measured {
    point: Point,
    samples: f64,
    seconds_per_step: f64,
    run_seconds: f64,
    peak_bytes: f64,
}

const K: &str = "k (N = k^1.2/μ, m = 8)";
const M: &str = "m (k = 40)";
const N: &str = "N (k = 40, m = 8)";
const STEPS: &str = "steps (k = 40, m = 8)";

fn points(quick: bool) -> Vec<Point> {
    let mut points = Vec::new();
    let mut add =
        |family, xs: &[usize], of: &dyn Fn(usize) -> (usize, usize, Option<usize>, usize)| {
            let xs = if quick { &xs[..3] } else { xs };
            points.extend(xs.iter().map(|&x| {
                let (classes, neurons, samples, steps) = of(x);
                Point {
                    family,
                    x,
                    classes,
                    neurons,
                    samples,
                    steps,
                }
            }));
        };
    add(K, &[10, 20, 40, 80, 120, 160, 200], &|k| (k, 8, None, 100));
    add(M, &[8, 16, 32, 64], &|m| (40, m, None, 100));
    add(N, &[500, 1000, 2000, 4000, 8000], &|n| {
        (40, 8, Some(n), 100)
    });
    add(STEPS, &[100, 200, 400, 800, 1600], &|t| (40, 8, None, t));
    points
}

/// Whole models: classes and neurons.
const MODELS: [(usize, usize); 3] = [(50, 8), (60, 16), (100, 16)];

fn main() {
    if let Some(point) = option("point") {
        return measure(&point);
    }
    if let Some(model) = option("model") {
        return whole_model(&model);
    }
    let quick = option("quick").is_some();
    let measured: Vec<Measured> = points(quick)
        .into_iter()
        .map(|point| {
            let samples = point.samples.map_or("paper".into(), |n| n.to_string());
            let size = format!(
                "{},{},{samples},{}",
                point.classes, point.neurons, point.steps
            );
            let [samples, seconds_per_step, run_seconds, peak_bytes] = again("--point", &size);
            Measured {
                point,
                samples,
                seconds_per_step,
                run_seconds,
                peak_bytes,
            }
        })
        .collect();
    let families: Vec<&[Measured]> = measured
        .chunk_by(|a, b| a.point.family == b.point.family)
        .collect();
    let mut text =
        String::from("# How time and memory grow\n\n![four log-log panels](scaling.svg)\n\n");
    write_exponents(&mut text, &families);
    write_points(&mut text, &measured);
    write_models(&mut text, &MODELS[..if quick { 1 } else { MODELS.len() }]);
    print!("{text}");
    if let Some(dir) = option("out") {
        let picture = picture(&families);
        for (name, content) in [
            ("scaling.md", text),
            ("scaling.csv", table(&measured).csv()),
            ("scaling.svg", picture),
        ] {
            let path = Path::new(&dir).join(name);
            std::fs::write(&path, content).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        }
    }
}

/// Runs this program again with a flag, for a process of its own, and reads the numbers it prints.
fn again<const COUNT: usize>(flag: &str, value: &str) -> [f64; COUNT] {
    let exe = std::env::current_exe().expect("the path of this program");
    let output = Command::new(exe)
        .args([flag, value])
        .output()
        .expect("this program runs again");
    let text = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<f64> = text
        .split_whitespace()
        .filter_map(|w| w.parse().ok())
        .collect();
    numbers.try_into().unwrap_or_else(|_| {
        panic!(
            "{flag} {value}: {text}{}",
            String::from_utf8_lossy(&output.stderr)
        )
    })
}

/// `y = exp(intercept) x^exponent` and the exponent's standard error.
struct Fit {
    exponent: f64,
    standard_error: f64,
    intercept: f64,
}

fn fit(family: &[Measured], y: fn(&Measured) -> f64) -> Fit {
    let n = family.len() as f64;
    let points: Vec<(f64, f64)> = family
        .iter()
        .map(|p| ((p.point.x as f64).ln(), y(p).ln()))
        .collect();
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / n;
    let (x, y) = (mean(|p| p.0), mean(|p| p.1));
    let sxx: f64 = points.iter().map(|p| (p.0 - x).powi(2)).sum();
    let exponent = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum::<f64>() / sxx;
    let rest: f64 = points
        .iter()
        .map(|p| (p.1 - y - exponent * (p.0 - x)).powi(2))
        .sum();
    Fit {
        exponent,
        standard_error: (rest / (n - 2.0) / sxx).sqrt(),
        intercept: y - exponent * x,
    }
}

/// The meaning of time in a family, and a function that reads it off in milliseconds.
fn time(family: &str) -> (&'static str, fn(&Measured) -> f64) {
    if family == STEPS {
        ("a run", |p| p.run_seconds * 1e3)
    } else {
        ("a step", |p| p.seconds_per_step * 1e3)
    }
}

fn megabytes(p: &Measured) -> f64 {
    p.peak_bytes * 1e-6
}

fn write_exponents(text: &mut String, families: &[&[Measured]]) {
    text.push_str("Fitted exponents ± standard error:\n\n| in | time | peak memory of a model |\n|---|---|---|\n");
    for family in families {
        let name = family[0].point.family;
        let (what, milliseconds) = time(name);
        let (time, memory) = (fit(family, milliseconds), fit(family, megabytes));
        let _ = writeln!(
            text,
            "| {name} | {:.2} ± {:.2} ({what}) | {:.2} ± {:.2} |",
            time.exponent, time.standard_error, memory.exponent, memory.standard_error
        );
    }
}

fn write_points(text: &mut String, measured: &[Measured]) {
    text.push_str(
        "\n| family | at | N | ms a step | s a run | peak MB |\n|---|---|---|---|---|---|\n",
    );
    for p in measured {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {:.3} | {:.3} | {:.1} |",
            p.point.family,
            p.point.x,
            p.samples,
            p.seconds_per_step * 1e3,
            p.run_seconds,
            megabytes(p)
        );
    }
}

fn write_models(text: &mut String, models: &[(usize, usize)]) {
    text.push_str(
        "\n## A whole model, on one thread\n\nTrained until its training error has been 0 for 200 steps. Data are the training set, which \
         the networks of a world share; here one pays for it. The share is that of data and evaluation in the whole.\n\n\
         | k | m | N | steps | training errors | data s | start s | training s | evaluation s | share | peak MB |\n\
         |---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for (k, m) in models {
        let [
            samples,
            steps,
            errors,
            data,
            start,
            training,
            evaluation,
            peak,
        ] = again("--model", &format!("{k},{m}"));
        let share = (data + evaluation) / (data + start + training + evaluation);
        let _ = writeln!(
            text,
            "| {k} | {m} | {samples} | {steps} | {errors} | {data:.3} | {start:.3} | {training:.2} | {evaluation:.3} | {:.1} % | {:.0} |",
            100.0 * share,
            peak * 1e-6
        );
    }
}

fn table(measured: &[Measured]) -> Table {
    let columns = [
        ("family", "the quantity that varies"),
        ("k", "classes"),
        ("m", "neurons of a class"),
        ("N", "training samples"),
        ("steps", "gradient steps of the run"),
        ("seconds_per_step", "seconds of a gradient step, one thread"),
        ("run_seconds", "seconds of the run"),
        ("peak_bytes", "largest resident size of the process"),
    ];
    let rows = measured.iter().map(|p| {
        let size = &p.point;
        vec![
            size.family.into(),
            size.classes.into(),
            size.neurons.into(),
            (p.samples as usize).into(),
            size.steps.into(),
            p.seconds_per_step.into(),
            p.run_seconds.into(),
            (p.peak_bytes as u64).into(),
        ]
    });
    Table::new(&columns, rows.collect())
}

fn picture(families: &[&[Measured]]) -> String {
    let title = "How time and memory grow";
    let caption = "Four log-log panels against k, m, N and steps: circles are milliseconds (of a step; of a run in the last panel), crosses \
         megabytes at the peak, lines the fitted powers.";
    svg((760, 560), title, caption, |area| {
        for (family, panel) in families.iter().zip(area.split_evenly((2, 2))) {
            draw(&panel, family)?;
        }
        Ok(())
    })
    .expect("positive numbers")
}

fn draw(panel: &Area, family: &[Measured]) -> Drawn {
    let name = family[0].point.family;
    let (what, milliseconds) = time(name);
    let series = [
        (milliseconds, FIRST),
        (megabytes as fn(&Measured) -> f64, SECOND),
    ];
    let exponents = series.map(|(y, _)| fit(family, y).exponent);
    let heading = [
        (
            format!("● ms of {what}: power {:.2}", exponents[0]),
            FIRST,
            6,
        ),
        (format!("× peak MB: power {:.2}", exponents[1]), SECOND, 22),
    ];
    for (words, color, y) in heading {
        panel.draw(&Text::new(words, (60, y), font(13).color(&color)))?;
    }
    let x = log_extent(family.iter().map(|p| p.point.x as f64), 0.1);
    let both = family.iter().flat_map(|p| [milliseconds(p), megabytes(p)]);
    let y = log_extent(both, 0.1);
    let mut chart = ChartBuilder::on(panel)
        .margin_top(42)
        .margin_left(8)
        .margin_right(16)
        .x_label_area_size(34)
        .y_label_area_size(48)
        .build_cartesian_2d(x.clone().log_scale(), y.log_scale())?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(INK)
        .label_style(font(11))
        .x_desc(name)
        .x_label_formatter(&|x| round_number(*x))
        .y_label_formatter(&|y| round_number(*y))
        .draw()?;
    for (y, color) in series {
        let fit = fit(family, y);
        let line = [x.start, x.end].map(|x| (x, (fit.intercept + fit.exponent * x.ln()).exp()));
        chart.draw_series([PathElement::new(line, color.stroke_width(1))])?;
    }
    let points = |y: fn(&Measured) -> f64| family.iter().map(move |p| (p.point.x as f64, y(p)));
    chart.draw_series(points(milliseconds).map(|p| Circle::new(p, 4, FIRST.filled())))?;
    chart.draw_series(points(megabytes).map(|p| Cross::new(p, 4, SECOND.stroke_width(2))))?;
    Ok(())
}

/// 1, 2 and 5 times a power of ten; the labels between them would overlap.
fn round_number(x: f64) -> String {
    let leading = x / 10f64.powf((x.log10() + 1e-9).floor());
    if [1.0, 2.0, 5.0]
        .iter()
        .any(|round| (leading - round).abs() < 1e-6)
    {
        format!("{}", (x * 1e6).round() / 1e6)
    } else {
        String::new()
    }
}

fn numbers(list: &str) -> Vec<Option<usize>> {
    list.split(',').map(|n| n.parse().ok()).collect()
}

/// A run from a fresh start, which is drawn before the clock runs: seconds, and the network.
fn run(regime: &Regime, data: &DataSet, start: Overlaps<f32>, steps: usize) -> (f64, Trained<f32>) {
    let objective = Objective::cross_entropy();
    let rates = Rates::of(regime);
    let stop = Stop {
        steps,
        perfect_steps: regime.training.perfect_steps,
    };
    timed(|| train(regime, rates, data, SEED, start, &objective, stop, None))
}

/// Prints samples, seconds of a step, seconds of a run and peak bytes.
fn measure(point: &str) {
    let [Some(k), Some(m), samples, Some(steps)] = numbers(point)[..] else {
        panic!("--point K,M,N|paper,STEPS, not {point}");
    };
    let mut regime = regime(k, m, samples);
    regime.training.perfect_steps = 0;
    let data = DataSet::draw(&regime.data, &mut SEED.rng(Purpose::Data, 0));
    let seconds = |steps| {
        let start = Overlaps::draw(&regime, SEED, 0);
        run(&regime, &data, start, steps).0
    };
    let pairs: Vec<(f64, f64)> = (0..3).map(|_| (seconds(1), seconds(steps + 1))).collect();
    let step = |(once, run): &(f64, f64)| (run - once).max(1e-9) / steps as f64;
    println!(
        "{} {} {} {}",
        data.samples.len(),
        median(&mut pairs.iter().map(step).collect::<Vec<_>>()),
        median(&mut pairs.iter().map(|p| p.1).collect::<Vec<_>>()),
        peak_bytes()
    );
}

/// Prints samples, steps, training errors, seconds of data, start, training and evaluation, and
/// peak bytes.
fn whole_model(size: &str) {
    let [Some(k), Some(m)] = numbers(size)[..] else {
        panic!("--model K,M, not {size}");
    };
    let regime = regime(k, m, None);
    let (drawing, data) = timed(|| DataSet::draw(&regime.data, &mut SEED.rng(Purpose::Data, 0)));
    let (starting, start) = timed(|| Overlaps::draw(&regime, SEED, 0));
    let (training, trained) = run(&regime, &data, start, regime.steps());
    let (evaluation, _) = timed(|| {
        let portrait = Portrait::of(&regime, &trained);
        let mut rng = SEED.rng(Purpose::Evaluation, 0);
        Evaluation::of(&regime, &portrait, Draws::default(), &mut rng)
    });
    println!(
        "{} {} {} {drawing} {starting} {training} {evaluation} {}",
        data.samples.len(),
        trained.steps,
        trained.training_errors,
        peak_bytes()
    );
}

/// Seconds of a call, and what it returns.
fn timed<T>(call: impl FnOnce() -> T) -> (f64, T) {
    let clock = Instant::now();
    let value = std::hint::black_box(call());
    (clock.elapsed().as_secs_f64(), value)
}

/// The largest resident size so far, where the system tells (Linux).
fn peak_bytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmHWM"));
    let kib = line.and_then(|l| l.split_whitespace().nth(1)?.parse::<f64>().ok());
    kib.unwrap_or(f64::NAN) * 1024.0
}
