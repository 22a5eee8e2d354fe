//! Every random stream that the models of a world ask for.

use super::{Models, Procedure};
use crate::regime::EngineKind;
use crate::seed::{Purpose, WorldSeed, asked};
use crate::theorem::Theorem;
use rand::Rng;
use std::collections::{BTreeMap, BTreeSet};

/// A world of its own, which no other test asks for.
const SEED: WorldSeed = WorldSeed {
    experiment: 0x5eed_0f57_4ea5,
    world: 3,
};

fn setting() -> (crate::regime::Regime, Procedure) {
    let small = include_str!("../../tests/fixtures/small.toml");
    let mut theorem = Theorem::parse("small", small).expect("it is valid");
    theorem.regime.training.steps = 3.into();
    let procedure = r#"
        members = 3
        joint_networks = 2
        distilled_students = 2
        generations = 3
        watch_take_off = true
        antithetic = true
        test_draws = { single_view = 4, multi_view = 4 }
        distillation = { temperature = 0.2, teacher_scale = 10.0, push_rate_per_class = 2.0, steps = 3 }
        label_distillation = { temperature = 0.2, teacher_scale = 10.0, push_rate_per_class = 2.0, steps = 3, soft_labels = "label-only" }
        self_distillation = { temperature = 0.2, teacher_scale = 10.0, push_rate_per_class = 2.0, steps = 3 }
        [random_features]
        kind = "activation"
        neurons = 3
        relu_threshold = 1.0
        init_scale = 1.0
        readout = "ridge"
        members = 2
        students = 2
        self_distilled = 3
        strengths = [1e-3]
        held_out = 30
    "#;
    (theorem.regime, toml::from_str(procedure).expect("it reads"))
}

#[test]
fn a_world_asks_for_each_stream_once_but_for_those_shared_on_purpose() {
    let (regime, procedure) = setting();
    procedure.validate(&regime).expect("it is valid");
    let mut models = Models::new(&regime, procedure.test_draws, SEED);
    models.outcome(&procedure).expect("measured");
    let mut found: BTreeMap<(u64, u64), usize> = BTreeMap::new();
    for (purpose, index) in asked::of(SEED) {
        *found.entry((purpose as u64, index)).or_default() += 1;
    }

    let mut due: BTreeMap<(u64, u64), usize> = BTreeMap::new();
    let mut expect = |purpose: Purpose, indices: &[u64], times: usize| {
        for index in indices {
            due.insert((purpose as u64, *index), times);
        }
    };
    // Read-outs are trained on the training set of the networks.
    expect(Purpose::Data, &[0], 2);
    for purpose in [Purpose::Initialisation, Purpose::Noise] {
        // Members, and the networks trained as one sum.
        expect(purpose, &[0, 1, 2, 1_002], 1);
        // The ensemble's two students start alike, and so do the two of an antithetic pair, one
        // with its views exchanged.
        expect(purpose, &[1_000, 1_001], 2);
        // The second and third generation, and a further student.
        expect(purpose, &[1_012, 1_013, 1_101], 1);
    }
    // Members, the sum, the two ensembles; the ensemble's two students on the same inputs; the
    // pair, each on its own; later generations, and a further student.
    let tests = [
        1, 2, 3, 1_003, 1_004, 1_005, 12_003, 12_004, 12_025, 12_027, 12_203,
    ];
    let asked = found
        .keys()
        .filter(|(p, _)| *p == Purpose::Evaluation as u64);
    assert!(
        asked.clone().any(|(_, index)| *index == 12_001),
        "the students' own stream"
    );
    expect(Purpose::Evaluation, &tests, 1);
    expect(Purpose::Evaluation, &[12_001], 2);
    expect(Purpose::Evaluation, &[0], 1); // the read-outs' test set
    expect(Purpose::Validation, &[0], 1);
    // Two members, two students of their ensemble, and three of one member.
    expect(Purpose::RandomFeatures, &[0, 1, 2, 3, 4, 5, 6], 1);
    // One for each training sample, whether or not it shows patches of pure noise.
    let samples: Vec<u64> = (0..120).collect();
    expect(Purpose::NoisePatches, &samples, 1);
    // Of each model's training, held-out and test inputs.
    let sets: Vec<u64> = (0..21).collect();
    expect(Purpose::RandomFeatureNoise, &sets, 1);
    assert_eq!(found, due, "(purpose, index): times");
}

/// A world of its own, without views.
const SEED_WITHOUT_VIEWS: WorldSeed = WorldSeed {
    experiment: 0x5eed_0f57_4ea5,
    world: 4,
};

#[test]
fn a_world_without_views_asks_for_streams_of_its_own() {
    let (mut regime, _) = setting();
    regime.data.dimension = Some(16);
    regime.training.engine = EngineKind::Dense;
    let procedure = r#"
        members = 0
        [no_views]
        inputs = { mixture = 3 }
        teacher_neurons = 2
        label_noise = 0.1
        members = 2
        fresh_inputs = 20
        distillation = { form = "two-sided", temperature = 0.2, teacher_scale = 1.0, push_rate_per_class = 2.0, steps = 3 }
    "#;
    let procedure: Procedure = toml::from_str(procedure).expect("it reads");
    procedure.validate(&regime).expect("it is valid");
    let mut models = Models::new(&regime, procedure.test_draws, SEED_WITHOUT_VIEWS);
    models.outcome(&procedure).expect("measured");
    let mut found = BTreeMap::new();
    for (purpose, index) in asked::of(SEED_WITHOUT_VIEWS) {
        *found.entry((purpose as u64, index)).or_default() += 1;
    }
    let (start, own) = (Purpose::Initialisation as u64, Purpose::NoViews as u64);
    let due = BTreeMap::from([
        // The world's own training set, which nothing is trained on.
        ((Purpose::Data as u64, 0), 1),
        ((start, 2_000), 1),
        ((start, 2_001), 1),
        // The two students start alike.
        ((start, 2_100), 2),
        // One teacher and the same centres for training and fresh inputs.
        ((own, 0), 2),
        ((own, 1), 2),
        ((own, 2), 1),
        ((own, 3), 1),
        ((own, 4), 1),
    ]);
    assert_eq!(found, due, "(purpose, index): times");
}

/// Streams that are asked for apart differ from their first numbers on, in this world and in its
/// neighbours.
#[test]
fn streams_of_a_world_and_its_neighbours_differ() {
    let purposes = [
        Purpose::Data,
        Purpose::Initialisation,
        Purpose::Noise,
        Purpose::Evaluation,
        Purpose::RandomFeatures,
        Purpose::Validation,
        Purpose::Design,
        Purpose::RandomFeatureNoise,
        Purpose::NoisePatches,
        Purpose::NoViews,
    ];
    let mut seen = BTreeSet::new();
    for experiment in [0, 1, 44] {
        for world in 0..4 {
            for purpose in purposes {
                let own = (0..20).chain(1_000..1_015).chain(1_100..1_103);
                let own = own.chain(2_000..2_003).chain(2_100..2_101);
                for index in own.chain(12_000..12_030).chain(12_200..12_206) {
                    let seed = WorldSeed { experiment, world };
                    let mut rng = seed.rng(purpose, index);
                    assert!(
                        seen.insert(rng.next_u64()),
                        "{seed:?}, {purpose:?}, {index}"
                    );
                }
            }
        }
    }
}
