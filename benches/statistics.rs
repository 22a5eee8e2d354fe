//! Time of what decides a claim, and of the solvers of the random features.

use criterion::{Criterion, criterion_group, criterion_main};
use faer::Mat;
use multiview::random_features::features::Features;
use multiview::random_features::{logistic, ridge};
use multiview::statistics::exponent::Point;
use multiview::statistics::{Band, Method, Moment, PowerLaw, Sequence, Verdict};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use std::time::Duration;

const WORLDS: u64 = 90;

/// Worlds whose mean is so near the band's end that no verdict comes within the budget.
fn sequences(c: &mut Criterion) {
    let mut rng = Pcg64::seed_from_u64(1);
    let worlds: Vec<f64> = (0..WORLDS).map(|_| rng.random::<f64>()).collect();
    let band = Band {
        lower: None,
        upper: Some(0.5),
    };
    let mut group = c.benchmark_group(format!("one claim over {WORLDS} worlds, a look after each"));
    for (name, method) in [
        (
            "asymptotic confidence sequence of a mean",
            Method::Asymptotic {
                scale: 0.3,
                minimum_worlds: 10,
            },
        ),
        (
            "hedged betting on a mean in [0, 1]",
            Method::Betting {
                lower: 0.0,
                upper: 1.0,
            },
        ),
        ("exact share", Method::Share),
    ] {
        let coin = matches!(method, Method::Share);
        group.bench_function(name, |b| {
            b.iter(|| {
                let mut sequence = Sequence::new(method, band, 1e-3, WORLDS).expect("valid");
                for x in &worlds {
                    let x = if coin { x.round() } else { *x };
                    sequence.observe(x).expect("in range");
                }
                sequence.verdict() == Verdict::Undecided
            });
        });
    }
    group.bench_function("exponent over four sizes", |b| {
        b.iter(|| {
            let points = [8.0, 16.0, 32.0, 64.0]
                .map(|k| Point::of(Moment::Spread, k, &worlds).expect("finite"));
            PowerLaw::fit(points.to_vec()).map(|law| law.interval(Moment::Spread, &band, 1e-3))
        });
    });
    group.finish();
}

/// Read-outs of 60 classes over features of 2,000 inputs, at one strength.
fn solvers(c: &mut Criterion) {
    let mut rng = Pcg64::seed_from_u64(2);
    let mut matrix = |rows, columns| Mat::from_fn(rows, columns, |_, _| rng.random::<f64>() - 0.5);
    let targets = matrix(2000, 60);
    let labels = Mat::from_fn(2000, 60, |n, i| f64::from(u8::from(n % 60 == i)));
    for neurons in [50, 400] {
        let features = Features {
            blocks: vec![matrix(2000, neurons)],
            noise: None,
        };
        let mut group = c.benchmark_group(format!("read-out, N=2000 M={neurons} k=60"));
        group
            .sample_size(10)
            .measurement_time(Duration::from_secs(5));
        group.bench_function("ridge by Cholesky factor", |b| {
            b.iter(|| ridge::fit(&features, &targets, 1e-3).expect("finite"));
        });
        group.bench_function("logistic by L-BFGS from nothing", |b| {
            b.iter(|| logistic::fit(&features, &labels, 1e-2, None).expect("finite"));
        });
        group.finish();
    }
}

criterion_group!(benches, sequences, solvers);
criterion_main!(benches);
