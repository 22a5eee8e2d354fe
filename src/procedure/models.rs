//! The models of one world: trained when a procedure first asks for them, kept for the others.

use super::Procedure;
use super::lesson::Lesson;
use super::lottery::{Predicted, largest_overlaps};
use super::quantities::{ModelRow, Outcome, WorldOutcome};
use super::quantity::Quantity;
use super::world::{World, network_index};
use crate::engine::state::Trained;
use crate::evaluation::{Draws, Evaluation, Portrait};
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
    students: Vec<(Lesson, ModelRow)>,
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
        let networks = procedure.networks();
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
        for (role, lesson) in procedure.lessons() {
            let row = kept(&mut self.students, lesson, |lesson| {
                let teachers = lesson.teachers.iter().map(|l| &members[*l].network);
                let student = world.distil(&lesson.spec, teachers, lesson.index, lesson.swap_views);
                ModelRow {
                    checkpoints: student.checkpoints,
                    ..ModelRow::of(&student.network, &student.evaluation)
                }
            });
            outcome.add(role, row.clone());
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

/// Trains so many networks as one sum.
fn train_jointly(world: &World, networks: usize) -> ModelRow {
    let wide = world.joint_regime(networks);
    let network = world.train_jointly(&wide);
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
