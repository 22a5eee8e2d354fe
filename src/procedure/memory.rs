//! Bytes that a world needs, before it is drawn: an estimate that is rather too high than too low.
//!
//! One function for each consumer: [`samples`] for training and test inputs, [`logits`],
//! [`network_bytes`] of the engines, `kept` for a trained network, `random_features::bytes` for
//! read-outs, `no_views::bytes` for networks on inputs without views; [`world`] says which of them
//! exist at once. What is small beside these is left out: optimiser scratch, records, the program
//! itself. Sums and products are in `f64`, so that none wraps.

use super::Procedure;
use crate::data::{Patch, Sample};
use crate::engine::network_bytes;
use crate::engine::state::Layout;
use crate::evaluation::Draws;
use crate::regime::{DataRegime, EngineKind, Regime};
use crate::{no_views, random_features};

/// A need of memory: the fields that decide it, and bytes.
pub type Part = (&'static str, f64);

/// Bytes of inputs as patches.
pub fn samples(data: &DataRegime, count: f64) -> f64 {
    // A list grows by doubling: to a power of two, on average half as long again as it need be.
    let room = match data.patch_count() {
        Some(patches) => patches.max(4).next_power_of_two() as f64,
        None => (1.5 * data.mean_patches()).max(4.0),
    };
    count * (size_of::<Sample>() as f64 + room * size_of::<Patch>() as f64)
}

/// Number of test inputs.
pub fn test_inputs(data: &DataRegime, draws: Draws) -> f64 {
    let single = data.views_per_class as f64 * draws.single_view as f64;
    data.classes as f64 * (single + draws.multi_view as f64)
}

/// Bytes of logits or soft labels on inputs in `f32`, each class with its number: of the classes
/// present, or with an engine that writes every class out, of all.
pub fn logits(regime: &Regime, inputs: f64) -> f64 {
    let data = &regime.data;
    let k = data.classes as f64;
    let classes = match regime.training.engine {
        EngineKind::Overlap | EngineKind::OverlapAdaptive => {
            // Lists grow by doubling.
            (1.5 * (1.0 + data.views_per_class as f64 * data.sparsity)).min(k)
        }
        EngineKind::OverlapReference | EngineKind::Dense => k,
    };
    inputs * (8.0 * classes + 32.0)
}

/// Bytes of a trained network: the overlaps by which it is tested, every class's with its own
/// features, and its logits on the training set.
fn kept(regime: &Regime) -> f64 {
    let features = regime.data.features() as f64 * Layout::of(regime).stride as f64;
    8.0 * features + logits(regime, regime.data.sample_count() as f64)
}

/// The need of one network trained alone in a world of a regime.
pub fn alone(regime: &Regime) -> Vec<Part> {
    let (data, inputs) = (&regime.data, regime.data.sample_count() as f64);
    vec![
        (TRAINING_SET, samples(data, inputs)),
        (NETWORK, network_bytes(regime) + logits(regime, inputs)),
    ]
}

/// The need of one world that is trained and written as [arrays](crate::arrays), which are gathered
/// before any is written.
pub fn arrays(regime: &Regime, procedure: &Procedure) -> Vec<Part> {
    let mut parts = world(regime, [procedure], 1);
    let data = &regime.data;
    let k = data.classes as f64;
    let inputs = data.sample_count() as f64;
    let patches = inputs * data.patch_count().map_or(data.mean_patches(), |p| p as f64);
    let distinct = match procedure.shared_initialisation {
        true => 1,
        false => procedure.members,
    };
    let networks = distinct + procedure.joint_networks + procedure.lessons().len();
    let dimension = data
        .dimension
        .filter(|_| regime.training.engine == EngineKind::Dense);
    let (inputs_in_d, start) = match dimension {
        Some(d) => (patches * d as f64, d as f64),
        None => (0.0, patches),
    };
    // One more is on its way into a file.
    let starts = (networks + 1) as f64 * start * Layout::of(regime).row() as f64;
    let logits = 2.0 * networks as f64 * inputs * k;
    parts.push((ARRAYS, 4.0 * (inputs_in_d + starts + logits)));
    parts
}

const ARRAYS: &str =
    "arrays (data.classes, samples, patches, network.neurons_per_class, procedure.members)";
const TRAINING_SET: &str = "the training set (data.classes, samples, sparsity, patches)";
const TEST_SET: &str = "test inputs of read-outs (data.classes, procedure.test_draws)";
const NETWORK: &str =
    "a network in training (data.classes, samples, patches, network.neurons_per_class)";
const JOINT: &str =
    "networks trained as one sum (procedure.joint_networks, network.neurons_per_class)";
const STUDENT: &str = "a student in training, with its soft labels (data.classes, samples, patches, network.neurons_per_class)";
const MEMBERS: &str = "trained members and students (procedure.members, distilled_students, generations, data.samples, data.classes)";
const RANDOM: &str =
    "read-outs over random features (procedure.random_features, data.samples, data.classes)";

const NO_VIEWS: &str =
    "networks on inputs without views (procedure.no_views, data.samples, dimension, classes)";

/// The needs of one world's models at their peak, for all procedures that share them: what is kept
/// from the first to the last, and the largest of what comes and goes. Read-outs are solved
/// `at_once` at most.
pub fn world<'a>(
    regime: &Regime,
    procedures: impl IntoIterator<Item = &'a Procedure>,
    at_once: usize,
) -> Vec<Part> {
    let data = &regime.data;
    let inputs = data.sample_count() as f64;
    let on_inputs = logits(regime, inputs);
    let training = |regime: &Regime| network_bytes(regime) + on_inputs;
    // Members that are watched in training are others than those that are not.
    let (mut members, mut students, mut tested) = ([0.0; 2], 0.0, 0.0);
    let mut passing: Vec<Part> = Vec::new();
    let mut read_outs: f64 = 0.0;
    for procedure in procedures {
        if let Some(model) = &procedure.random_features {
            tested = f64::max(tested, test_inputs(data, procedure.test_draws));
            read_outs = read_outs.max(random_features::bytes(data, model, at_once));
        }
        if let Some(spec) = &procedure.no_views {
            passing.push((NO_VIEWS, no_views::bytes(regime, spec)));
        }
        if procedure.members == 0 {
            continue;
        }
        let distinct = match procedure.shared_initialisation {
            true => 1,
            false => procedure.members,
        };
        let members = &mut members[usize::from(procedure.watch_take_off)];
        *members = f64::max(*members, distinct as f64);
        students += procedure.student_count() as f64;
        passing.push((NETWORK, training(regime)));
        if procedure.joint_networks > 0 {
            let mut wide = regime.clone();
            wide.network.neurons_per_class *= procedure.joint_networks;
            passing.push((JOINT, training(&wide)));
        }
        if procedure.students().any(|(_, student)| student.is_some()) {
            // The teachers' mean logits, and what they are softened to.
            passing.push((STUDENT, training(regime) + 2.0 * on_inputs));
        }
    }
    let mut of_tests = None;
    if read_outs > 0.0 {
        of_tests = Some((TEST_SET, samples(data, tested)));
        passing.push((RANDOM, read_outs));
    }
    let mut parts = vec![
        (TRAINING_SET, samples(data, inputs)),
        (MEMBERS, (members[0] + members[1] + students) * kept(regime)),
    ];
    parts.extend(of_tests);
    parts.extend(passing.into_iter().max_by(|a, b| a.1.total_cmp(&b.1)));
    parts
}
