//! This crate's side of the comparison with other frameworks (see `run.sh`).
//!
//! `export DIR K M STEPS SIGMA` writes a world, a start and the reference loop's features after `STEPS` steps;
//! `time K M THREADS` prints milliseconds of a step of one model: reference loop, two rates.

#[path = "../common/mod.rs"]
mod common;

use common::{Case, Engine, regime};
use std::fs;
use std::path::Path;

fn main() {
    // Cargo adds `--bench` when it runs a bench itself.
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| a != "--bench")
        .collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["export", dir, k, m, steps, sigma] => {
            let mut regime = regime(number(k), number(m), None);
            regime.network.init_scale = sigma.parse::<f64>().expect("SIGMA is a number").into();
            export(dir.as_ref(), &Case::new(regime), number(steps));
        }
        ["time", k, m, threads] => time(
            &Case::new(regime(number(k), number(m), None)),
            number(threads),
        ),
        // `cargo bench` and `cargo test` run every bench without arguments.
        _ => println!("usage: export DIR K M STEPS SIGMA | time K M THREADS"),
    }
}

fn number(word: &str) -> usize {
    word.parse()
        .unwrap_or_else(|_| panic!("{word:?} is not a whole number"))
}

fn export(dir: &Path, case: &Case, steps: usize) {
    let layout = case.start.layout;
    assert_eq!(layout.stride, layout.neurons, "M must be a multiple of 8");
    fs::create_dir_all(dir).expect("DIR can be made");
    let network = &case.regime.network;
    let samples = &case.data.samples;
    let rate = case.regime.learning_rate() / samples.len() as f64;
    let header = serde_json::json!({
        "k": layout.classes, "m": layout.neurons, "features": case.regime.data.features(),
        "samples": samples.len(), "patches": case.data.patch_count(), "steps": steps,
        "threshold": network.relu_threshold, "rate": rate,
        "noise_rate": rate * case.regime.data.noise_variance,
    });
    fs::write(dir.join("header.json"), header.to_string()).expect("header.json");
    let patches = || {
        samples
            .iter()
            .enumerate()
            .flat_map(|(n, s)| s.patches.iter().map(move |p| (n, p)))
    };
    let write =
        |name: &str, bytes: Vec<u8>| fs::write(dir.join(name), bytes).expect("a file in DIR");
    let floats = |xs: &[f32]| xs.iter().flat_map(|x| x.to_le_bytes()).collect();
    let whole =
        |xs: &mut dyn Iterator<Item = usize>| xs.flat_map(|x| (x as i32).to_le_bytes()).collect();
    write("label.i32", whole(&mut samples.iter().map(|s| s.label)));
    write("patch_sample.i32", whole(&mut patches().map(|(n, _)| n)));
    write(
        "patch_feature.i32",
        whole(&mut patches().map(|(_, p)| p.feature.unwrap_or(0) as usize)),
    );
    write(
        "patch_weight.f32",
        floats(&patches().map(|(_, p)| p.weight).collect::<Vec<_>>()),
    );
    write("features.f32", floats(&case.start.features));
    write("noise.f32", floats(&case.start.noise));
    write(
        "features_after.f32",
        floats(&case.train(Engine::Reference, steps).features),
    );
}

/// With two threads, two models train at once: what is printed is time over models.
fn time(case: &Case, threads: usize) {
    for (engine, steps) in [(Engine::Reference, 10), (Engine::TwoRate, 300)] {
        let start = std::sync::Barrier::new(threads);
        let slowest = std::thread::scope(|scope| {
            let models: Vec<_> = (0..threads)
                .map(|_| {
                    scope.spawn(|| {
                        start.wait();
                        case.seconds_per_step(engine, steps)
                    })
                })
                .collect();
            models
                .into_iter()
                .map(|m| m.join().expect("a model"))
                .fold(0.0, f64::max)
        });
        println!("{engine:?} {}", slowest * 1e3 / threads as f64);
    }
}
