//! How time and memory grow with classes, width, samples and steps.
//!
//! `cargo bench --bench scaling [-- --out FILE.csv] [-- --quick true]`. Each point is measured in a process of
//! its own, so that its peak memory is its own; exponents are slopes of log-log least squares, with
//! their standard errors.

mod common;

use common::{Case, Engine, median, option, regime};
use std::fmt::Write;
use std::process::Command;

struct Point {
    family: &'static str,
    /// The quantity that varies.
    x: usize,
    classes: usize,
    neurons: usize,
    samples: Option<usize>,
    steps: usize,
}

fn points(quick: bool) -> Vec<Point> {
    let mut points = Vec::new();
    let mut add =
        |family, xs: &[usize], of: &dyn Fn(usize) -> (usize, usize, Option<usize>, usize)| {
            let xs = if quick { &xs[..3] } else { xs };
            for x in xs {
                let (classes, neurons, samples, steps) = of(*x);
                points.push(Point {
                    family,
                    x: *x,
                    classes,
                    neurons,
                    samples,
                    steps,
                });
            }
        };
    add("k, N = k^1.2/mu", &[10, 20, 40, 80, 120, 200], &|k| {
        (k, 8, None, 100)
    });
    add("m", &[8, 16, 32, 64], &|m| (40, m, None, 100));
    add("N", &[500, 1000, 2000, 4000, 8000], &|n| {
        (40, 8, Some(n), 100)
    });
    add("steps", &[100, 200, 400, 800, 1600], &|t| (40, 8, None, t));
    points
}

fn main() {
    if let Some(point) = option("point") {
        return measure(&point);
    }
    let exe = std::env::current_exe().expect("the path of this program");
    let quick = option("quick").is_some();
    let mut csv = String::from("family,x,k,m,N,steps,seconds_per_step,run_seconds,peak_bytes\n");
    let mut families: Vec<(&str, Vec<[f64; 3]>)> = Vec::new();
    println!("family                x    ms/step    run s   peak MB");
    for p in points(quick) {
        let samples = p.samples.map_or("paper".into(), |n| n.to_string());
        let point = format!("{},{},{samples},{}", p.classes, p.neurons, p.steps);
        let output = Command::new(&exe)
            .args(["--point", &point])
            .output()
            .expect("this program runs again");
        let text = String::from_utf8_lossy(&output.stdout);
        let values: Vec<f64> = text
            .split_whitespace()
            .filter_map(|w| w.parse().ok())
            .collect();
        let [step, run, peak] = values[..] else {
            panic!("{point}: {text}{}", String::from_utf8_lossy(&output.stderr));
        };
        println!(
            "{:18} {:4} {:10.4} {:8.3} {:9.1}",
            p.family,
            p.x,
            step * 1e3,
            run,
            peak * 1e-6
        );
        writeln!(
            csv,
            "\"{}\",{},{},{},{samples},{},{step:e},{run:e},{peak}",
            p.family, p.x, p.classes, p.neurons, p.steps
        )
        .expect("a string");
        if families.last().is_none_or(|(name, _)| *name != p.family) {
            families.push((p.family, Vec::new()));
        }
        let time = if p.family == "steps" { run } else { step };
        families
            .last_mut()
            .expect("one")
            .1
            .push([p.x as f64, time, peak]);
    }
    println!("\nfitted exponents (standard error)");
    for (family, rows) in &families {
        let fit = |column: usize| {
            slope(
                &rows
                    .iter()
                    .map(|r| (r[0].ln(), r[column].ln()))
                    .collect::<Vec<_>>(),
            )
        };
        let ((time, time_error), (memory, memory_error)) = (fit(1), fit(2));
        let what = if *family == "steps" {
            "time of a run"
        } else {
            "time of a step"
        };
        println!(
            "{family:18} {what} {time:5.2} ({time_error:.2})   peak memory {memory:5.2} ({memory_error:.2})"
        );
    }
    if let Some(path) = option("out") {
        std::fs::write(&path, csv).unwrap_or_else(|e| panic!("{path}: {e}"));
    }
}

/// Prints seconds of a step, seconds of a run and peak bytes.
fn measure(point: &str) {
    let fields: Vec<&str> = point.split(',').collect();
    let number = |i: usize| fields[i].parse::<usize>();
    let (k, m, steps) = (number(0), number(1), number(3));
    let mut regime = regime(k.expect("k"), m.expect("m"), number(2).ok());
    regime.training.perfect_steps = 0;
    let steps = steps.expect("steps");
    let case = Case::new(regime);
    let mut runs = Vec::new();
    let mut times = Vec::new();
    for _ in 0..5 {
        let once = case.seconds(Engine::TwoRate, 1);
        let run = case.seconds(Engine::TwoRate, steps + 1);
        runs.push(run);
        times.push((run - once).max(1e-9) / steps as f64);
    }
    println!(
        "{} {} {}",
        median(&mut times),
        median(&mut runs),
        peak_bytes()
    );
}

/// The largest resident size so far, where the system tells (Linux).
fn peak_bytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmHWM"));
    let kib = line.and_then(|l| l.split_whitespace().nth(1)?.parse::<f64>().ok());
    kib.unwrap_or(f64::NAN) * 1024.0
}

/// Slope of least squares and its standard error.
fn slope(points: &[(f64, f64)]) -> (f64, f64) {
    let n = points.len() as f64;
    let (x, y) = points
        .iter()
        .fold((0.0, 0.0), |m, p| (m.0 + p.0 / n, m.1 + p.1 / n));
    let sxx: f64 = points.iter().map(|p| (p.0 - x).powi(2)).sum();
    let sxy: f64 = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum();
    let slope = sxy / sxx;
    let rest: f64 = points
        .iter()
        .map(|p| (p.1 - y - slope * (p.0 - x)).powi(2))
        .sum();
    (slope, (rest / (n - 2.0) / sxx).sqrt())
}
