//! The models of one world: trained when a procedure first asks for them, kept for the others.

use super::Procedure;
use super::lesson::{Lesson, Teachers};
use super::lottery::{Predicted, Race, largest_overlaps};
use super::outcome::{Outcome, WorldOutcome};
use super::quantity::Quantity;
use super::row::ModelRow;
use super::world::{World, network_index};
use crate::engine::Observer;
use crate::engine::state::{StepView, Trained};
use crate::evaluation::{Draws, Evaluation, Portrait};
use crate::no_views::{self, NoViews};
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
    members: Vec<(MemberKey, Member)>,
    joint: Vec<(usize, ModelRow)>,
    students: Vec<(Lesson, Taught)>,
    random_features: Vec<(RandomFeatures, Result<Measured, RandomFeatureError>)>,
    no_views: Vec<(NoViews, Measured)>,
}

/// The index of a member, and true if it is watched in training.
type MemberKey = (usize, bool);

type Measured = BTreeMap<String, Quantity>;

/// A network that may teach and be one of an ensemble.
struct Known {
    /// Without its feature overlaps, the bulk of it: the portrait shows what is still asked of
    /// them.
    network: Trained<f32>,
    portrait: Portrait,
}

/// A network trained alone.
struct Member {
    known: Known,
    /// Largest overlap of each class with each of its own views.
    overlaps: Vec<f32>,
    predicted: Predicted,
    evaluation: Evaluation,
    race: Option<Race>,
}

/// A student, and its row.
struct Taught {
    known: Known,
    row: ModelRow,
}

/// The value found for `key` before, or now.
fn kept<K: PartialEq, V>(known: &mut Vec<(K, V)>, key: K, find: impl FnOnce(&K) -> V) -> &V {
    let place = place_of(known, key, |key, _| find(key));
    &known[place].1
}

/// The place of the value found for `key` before, or now, from what is known.
fn place_of<K: PartialEq, V>(
    known: &mut Vec<(K, V)>,
    key: K,
    find: impl FnOnce(&K, &[(K, V)]) -> V,
) -> usize {
    let place = known.iter().position(|(k, _)| *k == key);
    place.unwrap_or_else(|| {
        let value = find(&key, known);
        known.push((key, value));
        known.len() - 1
    })
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
            no_views: Vec::new(),
        }
    }

    /// The outcome of a valid procedure in this world, whatever other procedures have been asked
    /// for before.
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
        if let Some(spec) = &procedure.no_views {
            let measured = kept(&mut self.no_views, spec.clone(), |spec| {
                let found = no_views::run_world(&self.world.regime, spec, self.world.seed);
                named("no_views", found)
            });
            outcome.quantities.extend(measured.clone());
        }
        Ok(outcome)
    }

    fn networks(&mut self, procedure: &Procedure) -> WorldOutcome {
        let Self {
            world,
            members,
            joint,
            students,
            ..
        } = self;
        let networks: Vec<usize> = (procedure.networks().into_iter())
            .map(|index| {
                let key = (index, procedure.watch_take_off);
                place_of(members, key, |key, _| Member::train(world, *key))
            })
            .collect();
        let mut outcome = Outcome::default();
        for member in networks.iter().map(|place| &members[*place].1) {
            outcome.lottery.observe(
                &world.regime,
                &member.overlaps,
                &member.evaluation,
                &member.predicted,
            );
            if let Some(race) = &member.race {
                outcome.lottery.watched(race);
            }
            let row = ModelRow::of(&member.known.network, &member.evaluation);
            outcome.add("single", row);
        }
        let of_ensemble: Vec<&Known> = (networks.iter())
            .map(|place| &members[*place].1.known)
            .collect();
        let ensemble = ("ensemble", network_index::ENSEMBLE);
        add_ensemble(&mut outcome, ensemble, world, &of_ensemble);

        if procedure.joint_networks > 0 {
            let row = kept(joint, procedure.joint_networks, |networks| {
                train_jointly(world, *networks)
            });
            outcome.add("joint", row.clone());
        }
        let mut distilled = Vec::new();
        for (role, lesson) in procedure.lessons() {
            let place = place_of(students, lesson, |lesson, students| {
                Taught::of(world, lesson, &networks_by(lesson, members, students))
            });
            outcome.add(role, students[place].1.row.clone());
            if role == "distilled" {
                distilled.push(place);
            }
        }
        if distilled.len() > 1 {
            let of_ensemble: Vec<&Known> = (distilled.iter())
                .map(|place| &students[*place].1.known)
                .collect();
            let ensemble = ("distilled_ensemble", network_index::DISTILLED_ENSEMBLE);
            add_ensemble(&mut outcome, ensemble, world, &of_ensemble);
        }
        outcome.finish(world.data.samples.len())
    }
}

/// Adds the ensemble of `networks`, by its role and its index in the world.
fn add_ensemble(outcome: &mut Outcome, ensemble: (&str, u64), world: &World, networks: &[&Known]) {
    let portrait = Portrait::sum(networks.iter().map(|known| &known.portrait));
    let networks = networks.iter().map(|known| &known.network);
    outcome.ensemble(ensemble, world, &portrait, networks);
}

impl Known {
    /// A trained network, less its feature overlaps, and these.
    fn of(world: &World, mut network: Trained<f32>) -> (Self, Vec<f32>) {
        let portrait = Portrait::of(&world.regime, &network);
        let features = std::mem::take(&mut network.features);
        (Self { network, portrait }, features)
    }
}

impl Member {
    fn train(world: &World, (index, watched): MemberKey) -> Self {
        let index = index as u64;
        let start = world.initial(index);
        let predicted = Predicted::of(&world.regime, &world.data, &start);
        let mut race = watched.then(|| Race::new(&world.regime, &world.data, &start));
        let network = match &mut race {
            None => world.train_alone(start, None),
            Some(race) => {
                let mut see = |view: StepView<f32>| race.see(&world.regime, view.features);
                let observer = Observer {
                    every: 1,
                    call: &mut see,
                };
                world.train_alone(start, Some(observer))
            }
        };
        let (known, features) = Known::of(world, network);
        Self {
            overlaps: largest_overlaps(&world.regime, &features),
            evaluation: world.evaluate(&world.regime, &known.portrait, index),
            predicted,
            known,
            race,
        }
    }
}

/// The networks that teach a lesson. They were trained before.
fn networks_by<'a>(
    lesson: &Lesson,
    members: &'a [(MemberKey, Member)],
    students: &'a [(Lesson, Taught)],
) -> Vec<&'a Trained<f32>> {
    let untrained = || unreachable!("teachers are trained before their students");
    let member = |index: &usize| {
        let known = members.iter().find(|((l, _), _)| l == index);
        known.map_or_else(untrained, |(_, member)| &member.known.network)
    };
    match &lesson.teachers {
        Teachers::Members(indices) => indices.iter().map(member).collect(),
        Teachers::Student(teacher) => {
            let known = students.iter().find(|(lesson, _)| *lesson == **teacher);
            vec![known.map_or_else(untrained, |(_, taught)| &taught.known.network)]
        }
    }
}

impl Taught {
    fn of(world: &World, lesson: &Lesson, teachers: &[&Trained<f32>]) -> Self {
        let teachers = teachers.iter().copied();
        let taught = world.distil(&lesson.spec, teachers, lesson.index, lesson.swap_views);
        let row = ModelRow {
            checkpoints: taught.checkpoints,
            ..ModelRow::of(&taught.network, &taught.evaluation)
        };
        let (known, _) = Known::of(world, taught.network);
        Self { known, row }
    }
}

/// Trains several networks as one sum.
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
    Ok(named("random_features", found))
}

/// The quantities of a part of the world, by the names under which claims ask for them.
fn named(part: &str, found: BTreeMap<String, f64>) -> Measured {
    let measured = found.into_iter();
    measured
        .map(|(name, value)| (format!("{part}.{name}"), value.into()))
        .collect()
}
