//! This crate's side of the comparison with other frameworks (see `run.sh`).
//!
//! `export overlap|dense DIR K M STEPS SIGMA` writes a world, a start and our parameters after
//! `STEPS` steps; `time reference|two-rate|dense K M THREADS` answers each line on standard input
//! with the milliseconds of a step of one model.

#[path = "../common/mod.rs"]
mod common;

use common::{Case, DenseCase, Engine, dense_regime, regime};
use multiview::data::DataSet;
use multiview::engine::noise::Noise;
use multiview::regime::Regime;
use std::fs;
use std::path::Path;
use std::sync::Barrier;

fn main() {
    // Cargo adds `--bench` when it runs a bench itself.
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| a != "--bench")
        .collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["export", engine, dir, k, m, steps, sigma] => {
            let dir = Path::new(dir);
            let sigma: f64 = sigma.parse().expect("SIGMA is a number");
            fs::create_dir_all(dir).expect("DIR can be made");
            let (k, m, steps) = (number(k), number(m), number(steps));
            if engine == "dense" {
                export_dense(dir, dense_regime(k, m), sigma, steps);
            } else {
                export_overlap(dir, regime(k, m, None), sigma, steps);
            }
        }
        ["time", engine, k, m, threads] => {
            let (k, m, threads) = (number(k), number(m), number(threads));
            if engine == "dense" {
                let case = DenseCase::new(dense_regime(k, m));
                let world = case.world();
                answer(threads, || case.seconds_per_step(&world, 20));
            } else {
                let case = Case::new(regime(k, m, None));
                let (engine, steps) = match engine {
                    "reference" => (Engine::Reference, 10),
                    _ => (Engine::Sparse, 300),
                };
                answer(threads, || case.seconds_per_step(engine, steps));
            }
        }
        // `cargo bench` and `cargo test` run every bench without arguments.
        _ => println!(
            "usage: export overlap|dense DIR K M STEPS SIGMA | time reference|two-rate|dense K M THREADS"
        ),
    }
}

fn number(word: &str) -> usize {
    word.parse()
        .unwrap_or_else(|_| panic!("{word:?} is not a whole number"))
}

fn export_overlap(dir: &Path, mut regime: Regime, sigma: f64, steps: usize) {
    regime.network.init_scale = sigma.into();
    let case = Case::new(regime);
    let layout = case.start.layout;
    assert_eq!(layout.stride, layout.neurons, "M must be a multiple of 8");
    export(dir, &case.regime, &case.data, steps);
    let patches = || case.data.samples.iter().flat_map(|s| &s.patches);
    let features = patches().map(|p| p.feature.unwrap_or(0) as usize);
    whole(dir, "patch_feature.i32", features);
    floats(dir, "patch_weight.f32", patches().map(|p| p.weight));
    floats(dir, "features.f32", case.start.features.iter().copied());
    let Noise::Stored { values, .. } = case.start.clone().written_out(&case.data).noise else {
        unreachable!("written out just now");
    };
    floats(dir, "noise.f32", values.into_iter());
    let after = case.train(Engine::Reference, steps).features;
    floats(dir, "features_after.f32", after.into_iter());
}

fn export_dense(dir: &Path, mut regime: Regime, sigma: f64, steps: usize) {
    regime.network.init_scale = sigma.into();
    let case = DenseCase::new(regime);
    export(dir, &case.regime, &case.data, steps);
    let world = case.world();
    let (patches, dimension) = (world.inputs().ncols(), world.inputs().nrows());
    let inputs = (0..patches).flat_map(|p| (0..dimension).map(move |j| (j, p)));
    floats(dir, "inputs.f32", inputs.map(|at| world.inputs()[at]));
    let after = case.train(&world, steps);
    for (name, weights) in [("weights.f32", &case.start), ("weights_after.f32", &after)] {
        let neurons = case.regime.data.classes * case.regime.network.neurons_per_class;
        let entries = (0..neurons).flat_map(|r| (0..dimension).map(move |j| (r, j)));
        floats(dir, name, entries.map(|(r, j)| weights.columns[(j, r)]));
    }
}

/// Writes the common part of both engines' worlds: sizes, rates, labels, and the sample of each
/// patch.
fn export(dir: &Path, regime: &Regime, data: &DataSet, steps: usize) {
    let rate = regime.learning_rate() / data.samples.len() as f64;
    let header = serde_json::json!({
        "k": regime.data.classes, "m": regime.network.neurons_per_class,
        "features": regime.data.features(), "dimension": regime.data.dimension,
        "samples": data.samples.len(), "patches": data.patch_count(), "steps": steps,
        "threshold": regime.network.relu_threshold, "rate": rate,
        "noise_rate": rate * regime.data.noise_variance,
    });
    fs::write(dir.join("header.json"), header.to_string()).expect("header.json");
    whole(dir, "label.i32", data.samples.iter().map(|s| s.label));
    let samples = data.samples.iter().enumerate();
    let owners = samples.flat_map(|(n, s)| s.patches.iter().map(move |_| n));
    whole(dir, "patch_sample.i32", owners);
}

fn floats(dir: &Path, name: &str, values: impl Iterator<Item = f32>) {
    let bytes: Vec<u8> = values.flat_map(f32::to_le_bytes).collect();
    fs::write(dir.join(name), bytes).expect("a file in DIR");
}

fn whole(dir: &Path, name: &str, values: impl Iterator<Item = usize>) {
    let bytes: Vec<u8> = values.flat_map(|x| (x as i32).to_le_bytes()).collect();
    fs::write(dir.join(name), bytes).expect("a file in DIR");
}

/// Answers each line with milliseconds. With two threads, two models train at once: time over
/// models.
fn answer(threads: usize, seconds_per_step: impl Fn() -> f64 + Sync) {
    for _ in std::io::stdin().lines() {
        let start = Barrier::new(threads);
        let model = || {
            start.wait();
            seconds_per_step()
        };
        let slowest = std::thread::scope(|scope| {
            let models: Vec<_> = (0..threads).map(|_| scope.spawn(model)).collect();
            let times = models.into_iter().map(|m| m.join().expect("a model"));
            times.fold(0.0, f64::max)
        });
        println!("{}", slowest * 1e3 / threads as f64);
    }
}
