//! Separate draws are independent: networks of one world, patches of one network, worlds of one
//! run, and what a read-out is trained, tuned and tested on. (Which streams a world asks for:
//! `src/procedure/streams.rs`.)

use crate::small::{self, wide};
use multiview::engine::noise::Noise;
use multiview::engine::state::{LANES, Layout, Overlaps};
use multiview::procedure::{Models, World};
use multiview::random_features::{
    FeatureKind, RandomFeatureRegime, RandomFeatures, ReadoutKind, StudentFeatures, run_world,
};
use multiview::record::{Kept, Record};
use multiview::regime::Regime;
use multiview::seed::WorldSeed;
use multiview::theorem::{Profile, Theorem};
use multiview::verify::{Plan, key};
use std::collections::BTreeMap;

/// The starts that a world may ask for: members, students, and the networks trained as one sum.
const NETWORKS: [u64; 6] = [0, 1, 2, 1_000, 1_001, 1_002];

/// No padding, `m` being whole lanes.
fn regime(noise_variance: f64) -> Regime {
    let mut regime = small::regime();
    regime.data.classes = 10;
    regime.data.noise_variance = noise_variance;
    regime.network.neurons_per_class = 2 * LANES;
    regime
}

/// `A` and `B` at the start of network `index`.
fn start(regime: &Regime, seed: WorldSeed, index: u64) -> [Vec<f64>; 2] {
    let start = Overlaps::<f32>::draw(regime, seed, index).written_out(&small::data(regime, seed));
    let Noise::Stored { values, .. } = &start.noise else {
        panic!("written out before");
    };
    [wide(&start.features), wide(values)]
}

/// Products of pairs of standard normals: their mean has deviation `1/√n`; five of them.
fn uncorrelated(pairs: impl Iterator<Item = (f64, f64)>, deviation: f64, what: &str) {
    let (mut sum, mut count) = (0.0, 0.0);
    for (x, y) in pairs {
        sum += x * y / (deviation * deviation);
        count += 1.0;
    }
    assert!(count > 1_000.0, "{what}: too few pairs");
    let correlation: f64 = sum / count;
    assert!(
        correlation.abs() < 5.0 / f64::sqrt(count),
        "{what}: {correlation}"
    );
}

#[test]
fn starts_have_the_stated_scale_and_nothing_in_common() {
    for noise_variance in [0.25, 4.0] {
        let regime = regime(noise_variance);
        let of = |world| NETWORKS.map(|index| start(&regime, small::seed(world), index));
        let [here, there] = [of(0), of(1)];
        // `A ~ N(0, σ_0²)` and `B ~ N(0, σ_0² ν²)`.
        let deviations = [0.05, 0.05 * noise_variance.sqrt()];
        for (part, deviation) in deviations.into_iter().enumerate() {
            for (a, index) in NETWORKS.iter().enumerate() {
                let x = &here[a][part];
                let n = x.len() as f64;
                let square = x.iter().map(|x| x * x).sum::<f64>() / n / (deviation * deviation);
                // The mean of `n` squares of standard normals has deviation `√(2/n)`.
                let what = format!("part {part} of network {index}, ν² = {noise_variance}");
                assert!(
                    (square - 1.0).abs() < 5.0 * (2.0 / n).sqrt(),
                    "{what}: {square}"
                );
                let others = here[..a].iter().chain(&there);
                for other in others.map(|other| &other[part]) {
                    uncorrelated(
                        x.iter().copied().zip(other.iter().copied()),
                        deviation,
                        &what,
                    );
                }
            }
        }
        // Within a network, `A` says nothing of `B`.
        let [a, b] = &here[0];
        let pairs = a.iter().map(|a| a / deviations[0]);
        uncorrelated(
            pairs.zip(b.iter().map(|b| b / deviations[1])),
            1.0,
            "A and B",
        );
    }
}

/// Noise overlaps of different patches, samples, classes and neurons of one network.
#[test]
fn every_patch_has_its_own_noise() {
    let regime = regime(4.0);
    let seed = small::seed(2);
    let layout = Layout::of(&regime);
    let data = small::data(&regime, seed);
    let [_, noise] = start(&regime, seed, 0);
    let (row, deviation) = (layout.row(), 0.1);
    let rows: Vec<&[f64]> = noise.chunks_exact(row).collect();
    let starts = data.patch_starts();
    let pairs = |of: &dyn Fn(usize, usize) -> Option<usize>| -> Vec<(f64, f64)> {
        let mut pairs = Vec::new();
        for (n, sample) in data.samples.iter().enumerate() {
            for p in 0..sample.patches.len() {
                if let Some(other) = of(n, p) {
                    let both = rows[starts[n] + p].iter().zip(rows[other]);
                    pairs.extend(both.map(|(x, y)| (*x, *y)));
                }
            }
        }
        pairs
    };
    let next_patch = |n: usize, p: usize| (p > 0).then(|| starts[n] + p - 1);
    let next_sample = |n: usize, p: usize| {
        let same = n > 0 && p < data.samples[n - 1].patches.len();
        same.then(|| starts[n - 1] + p)
    };
    uncorrelated(
        pairs(&next_patch).into_iter(),
        deviation,
        "patches of a sample",
    );
    uncorrelated(pairs(&next_sample).into_iter(), deviation, "samples");
    for (shift, what) in [
        (1, "neurons"),
        (4, "fourth neurons"),
        (layout.stride, "classes"),
    ] {
        let shifted = rows.iter().flat_map(|row| row.iter().zip(&row[shift..]));
        uncorrelated(shifted.map(|(x, y)| (*x, *y)), deviation, what);
    }
}

#[test]
fn every_world_has_its_own_data() {
    let regime = regime(1.0);
    let draws = Theorem::parse("small", SMALL)
        .expect("valid")
        .procedure
        .test_draws;
    let seeds =
        (0..3).flat_map(|experiment| (0..3).map(move |world| WorldSeed { experiment, world }));
    let worlds: Vec<World> = seeds.map(|seed| World::new(&regime, draws, seed)).collect();
    for (index, world) in worlds.iter().enumerate() {
        for other in &worlds[..index] {
            let pairs = || world.data.samples.iter().zip(&other.data.samples);
            assert!(
                pairs().all(|(a, b)| a.patches != b.patches),
                "shared samples"
            );
            // Forty labels of ten classes agree in 4 cases on average, with deviation 1.9.
            let alike = pairs().filter(|(a, b)| a.label == b.label).count();
            assert!(alike < 15, "{alike} labels of 40 agree");
        }
    }
}

const SMALL: &str = include_str!("../fixtures/small.toml");

/// A run trains world 0, 1, 2 … of its own seed, and its claims see each once.
#[test]
fn a_run_shows_its_claims_the_worlds_of_its_seed_each_once() {
    let theorem = Theorem::parse("small", SMALL).expect("valid");
    let plan = Plan::new(vec![theorem.clone()], Profile::Quick, 77);
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let record = Record::create(folder.path(), &plan).expect("a record");
    let report = plan
        .run(record, Kept::default(), 2, &|_| ())
        .expect("a run");
    let worlds = Record::read(folder.path(), &plan)
        .expect("it reads back")
        .worlds;
    let own = key(&(&theorem.regime, &theorem.procedure));
    let mut errors = Vec::new();
    for ((experiment, world), outcome) in worlds.iter().filter(|((key, _), _)| *key == own) {
        assert_eq!(
            (experiment, *world),
            (&own, errors.len() as u64),
            "none is left out"
        );
        let seed = WorldSeed {
            experiment: 77,
            world: *world,
        };
        let mut models = Models::new(&theorem.regime, theorem.procedure.test_draws, seed);
        let again = models.outcome(&theorem.procedure).expect("measured");
        assert_eq!(*outcome, again, "world {world}");
        let error = &outcome.quantities["single.single_view_error"];
        errors.push(error.number().expect("a number"));
    }
    let finding = report.findings.iter().find(|f| f.claim == "below-one");
    let estimate = &finding.expect("it is tested").estimate;
    let seen = &errors[..estimate.worlds as usize];
    assert!(seen.len() >= 10);
    let mean = seen.iter().sum::<f64>() / seen.len() as f64;
    // A running mean and a sum round differently.
    assert!(
        (estimate.mean - mean).abs() < 1e-12,
        "{} and {mean}",
        estimate.mean
    );
}

fn readouts(readout: ReadoutKind) -> RandomFeatureRegime {
    let mut data = small::regime().data;
    data.samples = multiview::regime::SampleCount::Count(120);
    RandomFeatureRegime {
        data,
        model: RandomFeatures {
            kind: FeatureKind::Activation,
            neurons: 5,
            relu_exponent: 3,
            relu_threshold: 1.0,
            init_scale: 1.0,
            readout,
            members: 3,
            students: 2,
            self_distilled: 2,
            student_features: StudentFeatures::Fresh,
            distinct_neurons: None,
            strengths: vec![1e-4, 1e-3, 1e-2],
            held_out: 80,
            draws: multiview::evaluation::Draws {
                single_view: 10,
                multi_view: 10,
            },
            growth: Vec::new(),
        },
    }
}

/// Test inputs decide nothing that is trained or chosen, and with one strength to choose from
/// held-out inputs decide nothing at all.
#[test]
fn read_outs_do_not_peek() {
    let found = |regime: &RandomFeatureRegime| -> BTreeMap<String, f64> {
        run_world(regime, small::seed(4)).expect("solved")
    };
    for readout in [ReadoutKind::Ridge, ReadoutKind::Logistic] {
        let regime = readouts(readout);
        let before = found(&regime);
        let mut tested = regime.clone();
        tested.model.draws.multi_view = 7;
        let after = found(&tested);
        let of_training = ["lambda_", "condition_", "optimiser_", "features_"];
        let trained = |name: &str| of_training.iter().any(|start| name.starts_with(start));
        assert!(before.keys().filter(|name| trained(name)).count() > 10);
        for (name, value) in &before {
            if trained(name) {
                assert_eq!(
                    after[name], *value,
                    "{readout:?}: {name} with other test inputs"
                );
            }
        }
        assert_ne!(
            after["err_single"], before["err_single"],
            "the test inputs are others"
        );

        let mut one = regime.clone();
        one.model.strengths = vec![1e-3];
        let before = found(&one);
        one.model.held_out = 41;
        let after = found(&one);
        // Debug: numbers that are none are alike.
        assert_eq!(format!("{before:?}"), format!("{after:?}"), "{readout:?}");
    }
}

/// Members differ by their features, an ensemble of two is neither of them, and a student by its
/// labels from the read-out over the same features that saw the true ones.
#[test]
fn read_outs_of_a_world_differ() {
    for readout in [ReadoutKind::Ridge, ReadoutKind::Logistic] {
        let mut regime = readouts(readout);
        regime.model.members = 2;
        let found = run_world(&regime, small::seed(4)).expect("solved");
        let of = |name: &str| found[name];
        assert!(
            of("err_single_spread") > 0.0,
            "{readout:?}: members are alike"
        );
        // Of two numbers the deviation is 1/√2 of their difference.
        let apart = (of("err_ensemble") - of("err_single")).abs();
        let half = of("err_single_spread") * 0.5f64.sqrt();
        assert!((apart - half).abs() > 1e-9, "{readout:?}: one member alone");
        assert_ne!(of("err_student"), of("err_relabelled"), "{readout:?}");
        assert_ne!(of("err_relabelled"), of("err_single"), "{readout:?}");
        // Nor is a student of one member any of these.
        for other in ["single", "ensemble", "student", "relabelled"] {
            let other = of(&format!("err_{other}"));
            assert_ne!(of("err_self_distilled"), other, "{readout:?}");
        }
    }
}
