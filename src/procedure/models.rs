//! The models of one world: trained when a procedure first asks for them, kept for the others.

use super::Procedure;
use super::lottery::{Predicted, largest_overlaps};
use super::quantities::{ModelRow, Outcome, WorldOutcome};
use super::quantity::Quantity;
use super::world::{World, network_index};
use crate::engine::state::Trained;
use crate::engine::{Start, train};
use crate::evaluation::{Draws, Evaluation, Portrait};
use crate::objective::{Distillation, Objective};
use crate::random_features::{
    self, RandomFeatureError, RandomFeatureRegime, RandomFeatures, growth::Growth,
};
use crate::regime::Regime;
use crate::seed::WorldSeed;
use std::collections::BTreeMap;

/// The models of one world. Procedures that have models in common find them trained.
pub struct Models {
    world: World,
    draws: Draws,
    members: Vec<Member>,
    joint: Vec<(usize, ModelRow)>,
    students: Vec<(Student, ModelRow)>,
    random_features: Vec<(RandomFeatures, Result<Measured, RandomFeatureError>)>,
}

type Measured = BTreeMap<String, Quantity>;

/// A network trained alone.
struct Member {
    /// Without its feature overlaps, the bulk of it: the portrait shows what is still asked of them.
    network: Trained<f32>,
    portrait: Portrait,
    /// Largest overlap of each class with each of its own views.
    overlaps: Vec<f32>,
    predicted: Predicted,
    evaluation: Evaluation,
}

/// The description of a student within its world.
#[derive(PartialEq)]
struct Student {
    spec: Distillation,
    teachers: Vec<usize>,
    index: u64,
    swap_views: bool,
}

/// The value found for `key` before, or now.
fn kept<K: PartialEq, V>(known: &mut Vec<(K, V)>, key: K, find: impl FnOnce(&K) -> V) -> &V {
    let place = known.iter().position(|(k, _)| *k == key);
    let place = place.unwrap_or_else(|| {
        let value = find(&key);
        known.push((key, value));
        known.len() - 1
    });
    &known[place].1
}

impl Models {
    /// Draws the data of a world; nothing is trained yet.
    pub fn new(regime: &Regime, draws: Draws, seed: WorldSeed) -> Self {
        Self {
            world: World::new(regime, draws, seed),
            draws,
            members: Vec::new(),
            joint: Vec::new(),
            students: Vec::new(),
            random_features: Vec::new(),
        }
    }

    /// What a valid procedure measures in this world, whatever other procedures have been asked for before.
    ///
    /// # Errors
    /// If a read-out over random features cannot be solved.
    ///
    /// # Panics
    /// If the procedure's test draws are not those of the world.
    pub fn outcome(&mut self, procedure: &Procedure) -> Result<WorldOutcome, RandomFeatureError> {
        assert_eq!(procedure.test_draws, self.draws, "another test set");
        let mut outcome = match procedure.members {
            0 => WorldOutcome::default(),
            _ => self.networks(procedure),
        };
        if let Some(model) = &procedure.random_features {
            let measured = kept(&mut self.random_features, model.clone(), |model| {
                random_feature_models(&self.world, model)
            });
            outcome.quantities.extend(measured.clone()?);
        }
        Ok(outcome)
    }

    fn networks(&mut self, procedure: &Procedure) -> WorldOutcome {
        let Self { world, members, .. } = self;
        // What starts alike ends alike.
        let networks: Vec<usize> = match procedure.shared_initialisation {
            true => vec![0; procedure.members],
            false => (0..procedure.members).collect(),
        };
        while networks.iter().any(|index| *index >= members.len()) {
            members.push(Member::train(world, members.len() as u64));
        }
        let mut outcome = Outcome::default();
        for member in networks.iter().map(|l| &members[*l]) {
            outcome.lottery.observe(
                &world.regime,
                &member.overlaps,
                &member.evaluation,
                &member.predicted,
            );
            outcome.add("single", ModelRow::of(&member.network, &member.evaluation));
        }
        let portraits = networks.iter().map(|l| &members[*l].portrait);
        let of_ensemble = networks.iter().map(|l| &members[*l].network);
        outcome.ensemble(world, &Portrait::sum(portraits), of_ensemble);

        if procedure.joint_networks > 0 {
            let row = kept(&mut self.joint, procedure.joint_networks, |networks| {
                train_jointly(world, *networks)
            });
            outcome.add("joint", row.clone());
        }
        let mut distil = |role, spec: &Distillation, teachers: &[usize], index, swap_views| {
            let student = Student {
                spec: spec.clone(),
                teachers: teachers.to_vec(),
                index,
                swap_views,
            };
            let row = kept(&mut self.students, student, |student| {
                let teachers = student.teachers.iter().map(|l| &members[*l].network);
                let student =
                    world.distil(&student.spec, teachers, student.index, student.swap_views);
                ModelRow {
                    checkpoints: student.checkpoints,
                    ..ModelRow::of(&student.network, &student.evaluation)
                }
            });
            outcome.add(role, row.clone());
        };
        for (role, spec) in [
            ("distilled", &procedure.distillation),
            ("label_distilled", &procedure.label_distillation),
        ] {
            if let Some(spec) = spec {
                distil(role, spec, &networks, network_index::DISTILLED, false);
            }
        }
        if let Some(spec) = &procedure.self_distillation {
            let index = match procedure.student_starts_as_teacher {
                true => 0,
                false => network_index::SELF_DISTILLED,
            };
            distil("self_distilled", spec, &networks[..1], index, false);
            if procedure.antithetic {
                distil("self_distilled", spec, &networks[..1], index, true);
            }
        }
        outcome.finish(world.data.samples.len())
    }
}

impl Member {
    fn train(world: &World, index: u64) -> Self {
        let start = world.initial(index);
        let predicted = Predicted::of(&world.regime, &world.data, &start);
        let mut network = world.train_alone(start, None);
        let portrait = Portrait::of(&world.regime, &network);
        let features = std::mem::take(&mut network.features);
        Self {
            overlaps: largest_overlaps(&world.regime, &features),
            evaluation: world.evaluate(&world.regime, &portrait, index),
            predicted,
            portrait,
            network,
        }
    }
}

/// Trains so many networks as one sum: as one network of as many neurons.
fn train_jointly(world: &World, networks: usize) -> ModelRow {
    let mut wide = world.regime.clone();
    wide.network.neurons_per_class *= networks;
    let start = Start::draw(&wide, &world.data, world.seed, network_index::JOINT);
    let objective = Objective::cross_entropy();
    let steps = wide.steps();
    let network = train(
        &wide,
        &world.data,
        world.seed,
        start,
        &objective,
        steps,
        None,
    );
    let portrait = Portrait::of(&wide, &network);
    let evaluation = world.evaluate(&wide, &portrait, network_index::JOINT);
    ModelRow::of(&network, &evaluation)
}

fn random_feature_models(
    world: &World,
    model: &RandomFeatures,
) -> Result<Measured, RandomFeatureError> {
    let regime = RandomFeatureRegime {
        data: world.regime.data.clone(),
        model: model.clone(),
    };
    let mut found = random_features::run_world(&regime, world.seed)?;
    if !model.growth.is_empty() {
        found.extend(Growth::of_world(&regime, world.seed, &model.growth)?.quantities());
    }
    let measured = found.into_iter();
    Ok(measured
        .map(|(name, value)| (format!("random_features.{name}"), value.into()))
        .collect())
}
