//! Bytes that the read-outs of a world need: see [`procedure::memory`](crate::procedure::memory).

use super::regime::{FeatureKind, RandomFeatures, ReadoutKind, StudentFeatures};
use crate::procedure::memory::{samples, test_inputs};
use crate::regime::DataRegime;

/// Bytes of a number.
const F64: f64 = 8.0;

/// The allowance for memory that is freed between one model and the next in pieces, which the
/// allocator keeps and cannot always fill again. Up to two fifths were seen.
const FRAGMENTS: f64 = 1.5;

/// Vectors of all unknowns that the optimiser of logistic read-outs holds: twelve pairs of
/// differences, and a handful at work.
const UNKNOWNS: f64 = 32.0;

/// Numbers of inputs.
#[derive(Clone, Copy)]
struct Counts {
    training: f64,
    held_out: f64,
    test: f64,
    classes: f64,
}

/// The sizes at one number of neurons.
struct Size<'a> {
    model: &'a RandomFeatures,
    counts: Counts,
    /// Number of features of the data.
    features: f64,
    neurons: f64,
}

impl Size<'_> {
    /// Blocks of features, and columns of each.
    fn shape(&self) -> (f64, f64) {
        match self.model.kind {
            FeatureKind::Activation => (1.0, self.neurons),
            FeatureKind::Tangent => (self.counts.classes, self.neurons * self.features),
        }
    }

    /// The count of numbers in a model's features of `inputs` inputs.
    fn of_inputs(&self, inputs: f64) -> f64 {
        let (blocks, columns) = self.shape();
        inputs * (blocks * columns + self.counts.classes)
    }

    /// Numbers in a model's features of all inputs.
    fn sets(&self) -> f64 {
        let Counts {
            training,
            held_out,
            test,
            ..
        } = self.counts;
        self.of_inputs(training + held_out + test)
    }

    /// Numbers while a read-out is trained: standardised features, the system and its factor, the
    /// outputs.
    fn solve(&self, blocks_at_once: f64) -> f64 {
        let (blocks, columns) = self.shape();
        let Counts {
            training,
            held_out,
            test,
            classes,
        } = self.counts;
        let targets = classes * (training + columns);
        let system = match self.model.readout {
            ReadoutKind::Ridge => {
                let unknowns = columns.min(training);
                let one = training * columns + 2.0 * unknowns * unknowns + 3.0 * targets;
                one * blocks.min(blocks_at_once)
            }
            // Every block's matrix and factor are kept, and one is being made.
            ReadoutKind::Logistic => (2.0 * blocks + 1.0) * columns * columns + UNKNOWNS * targets,
        };
        let standardised = self.of_inputs(held_out) + self.of_inputs(training.max(test));
        standardised + system + 2.0 * classes * (training + held_out + test)
    }
}

/// Bytes at the peak of a world's read-outs, of which `at_once` at most are solved in parallel.
pub fn bytes(data: &DataRegime, model: &RandomFeatures, at_once: usize) -> f64 {
    let counts = Counts {
        training: data.sample_count() as f64,
        held_out: model.held_out as f64,
        test: test_inputs(data, model.draws),
        classes: data.classes as f64,
    };
    let size = |neurons: f64| Size {
        model,
        counts,
        features: data.features() as f64,
        neurons,
    };
    let inputs = counts.training + counts.held_out + counts.test;
    let at_once = at_once as f64;
    let parallel = |models: usize, neurons: f64| {
        // A thread that waits for the blocks of one read-out may begin another.
        let nested = match model.kind {
            FeatureKind::Activation => 1.0,
            FeatureKind::Tangent => 2.0,
        };
        size(neurons).solve(1.0) * (models as f64).min(nested * at_once)
    };
    let (members, students) = (model.members as f64, model.students as f64);
    let self_distilled = model.self_distilled as f64;
    // Repeated neurons are copied together.
    let repeated = match model.distinct_neurons {
        Some(distinct) if distinct < model.neurons => at_once,
        _ => 0.0,
    };
    let neurons = model.neurons as f64;
    let one = size(neurons).sets();
    let all = size(members * neurons);
    let joint = all.sets() + all.solve(at_once);
    let taught = match model.student_features {
        StudentFeatures::Fresh => all.sets() + parallel(model.students, neurons),
        StudentFeatures::Teachers => joint,
    };
    // Students of one member draw their features when they are trained, and drop them.
    let own = match model.student_features {
        StudentFeatures::Fresh => one * self_distilled.min(2.0 * at_once),
        StudentFeatures::Teachers => 0.0,
    };
    let self_taught = all.sets() + own + parallel(model.self_distilled, neurons);
    let solving = joint
        .max(taught)
        .max(self_taught)
        .max(parallel(model.members, neurons))
        .max(repeated * one);
    let models = (members + 2.0 * students + self_distilled + 1.0) * counts.classes * inputs;
    let world = (members + students) * one + solving + models;
    // Growth keeps one kind of models at a time, for one number of neurons after the other.
    let growth = model.growth.iter().map(|neurons| {
        let neurons = *neurons as f64;
        let members = members * size(neurons).sets() + parallel(model.members, neurons);
        let students = students * size(neurons).sets() + parallel(model.students, neurons);
        members.max(students) + models
    });
    let numbers = growth.fold(world, f64::max) + 2.0 * counts.classes * inputs;
    // The inputs of the largest number of neurons, and those of the present one.
    2.0 * samples(data, inputs) + FRAGMENTS * F64 * numbers
}
