//! Time of a gradient step with each engine, and of what surrounds training.

mod common;

use common::{Case, DenseCase, Engine, SEED, dense_regime, regime};
use criterion::{Criterion, criterion_group, criterion_main};
use multiview::data::DataSet;
use multiview::engine::state::Overlaps;
use multiview::evaluation::{Draws, Evaluation, Portrait};
use multiview::regime::EngineKind;
use multiview::seed::Purpose;
use std::hint::black_box;
use std::time::Duration;

const SIZES: [(usize, usize); 2] = [(50, 8), (80, 16)];

/// As many steps as there are iterations, each measured within a run of its own.
fn total(iterations: u64, seconds_per_step: impl Fn() -> f64) -> Duration {
    Duration::from_secs_f64((0..iterations).map(|_| seconds_per_step()).sum())
}

fn steps(c: &mut Criterion) {
    for (k, m) in SIZES {
        let case = Case::new(regime(k, m, None));
        let mut group = c.benchmark_group(format!("one gradient step, k={k} m={m}"));
        group.sample_size(10);
        for (name, engine, steps) in [
            ("reference loop", Engine::Reference, 5),
            ("sparse", Engine::Sparse, 150),
        ] {
            group.bench_function(name, |b| {
                b.iter_custom(|iterations| {
                    total(iterations, || case.seconds_per_step(engine, steps))
                });
            });
        }
        group.finish();
    }
}

fn dense_step(c: &mut Criterion) {
    let case = DenseCase::new(dense_regime(10, 8));
    let world = case.world();
    let mut group = c.benchmark_group("one gradient step, k=10 m=8 d=1000");
    group.sample_size(10);
    group.bench_function("dense", |b| {
        b.iter_custom(|iterations| total(iterations, || case.seconds_per_step(&world, 20)));
    });
    group.finish();
}

fn whole_run(c: &mut Criterion) {
    let mut regime = regime(50, 8, None);
    let mut group = c.benchmark_group("training to error 0 for 200 steps, k=50 m=8");
    group.sample_size(10);
    for (name, engine) in [
        ("sparse", EngineKind::Overlap),
        (
            "sparse, samples at their own pace",
            EngineKind::OverlapAdaptive,
        ),
    ] {
        regime.training.engine = engine;
        let case = Case::new(regime.clone());
        group.bench_function(name, |b| {
            b.iter(|| case.train(Engine::Sparse, case.regime.steps()));
        });
    }
    group.finish();
}

fn surroundings(c: &mut Criterion) {
    for (k, m) in SIZES {
        let case = Case::new(regime(k, m, None));
        let mut group = c.benchmark_group(format!("around training, k={k} m={m}"));
        group.sample_size(10);
        group.bench_function("draw the training set", |b| {
            b.iter(|| DataSet::draw(&case.regime.data, &mut SEED.rng(Purpose::Data, 0)));
        });
        group.bench_function("draw initial overlaps", |b| {
            b.iter(|| Overlaps::<f32>::draw(&case.regime, SEED, 0));
        });
        let trained = case.train(Engine::Sparse, 100);
        group.bench_function("evaluate", |b| {
            b.iter(|| {
                let portrait = Portrait::of(&case.regime, &trained);
                let mut rng = SEED.rng(Purpose::Evaluation, 0);
                Evaluation::of(&case.regime, &portrait, Draws::default(), &mut rng)
            });
        });
        group.bench_function("residuals of all samples, k logits each", |b| {
            let logits = &trained.training_logits;
            let (mut residual, mut scratch) = (vec![0.0; k], vec![0.0; k]);
            b.iter(|| {
                let mut own = vec![0.0; k];
                for (n, sample) in case.data.samples.iter().enumerate() {
                    logits.row(n).write(&mut own);
                    case.objective
                        .residual(0, n, sample.label, &own, &mut residual, &mut scratch);
                    black_box(&residual);
                }
            });
        });
        group.finish();
    }
}

criterion_group!(benches, steps, dense_step, whole_run, surroundings);
criterion_main!(benches);
