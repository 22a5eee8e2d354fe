//! What is trained in a world: single models, their ensemble, and the students distilled from them.

mod lottery;
mod quantities;
mod world;

pub use lottery::{largest_overlaps, predicted_views};
pub use quantities::{ModelRow, QUANTITIES, WorldOutcome, measures};
pub use world::{World, network_index};

use crate::engine::overlap::Trained;
use crate::engine::{Start, train};
use crate::evaluation::Draws;
use crate::objective::{Distillation, Objective};
use crate::random_features::{
    self, RandomFeatureError, RandomFeatureRegime, RandomFeatures, growth::Growth,
};
use crate::regime::{Regime, RegimeError, require};
use crate::seed::WorldSeed;
use quantities::Outcome;
use serde::{Deserialize, Serialize};
use world::add;

/// Which networks a world trains.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Procedure {
    /// `K`: models trained alone, from independent initialisations on the same data. With 0, allowed beside random
    /// features, no network is trained, and none distilled.
    pub members: usize,
    /// Negative control: all members start from one initialisation.
    #[serde(default)]
    pub shared_initialisation: bool,
    /// Also trains this many networks as one sum (*training the average*); 0 for none.
    #[serde(default)]
    pub joint_networks: usize,
    /// Distils the ensemble of the members into one network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distillation: Option<Distillation>,
    /// Distils the ensemble a second time, from the same initialisation, for what the soft labels carry: with
    /// `soft_labels = "label-only"` the student is denied the teacher's mass on other classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_distillation: Option<Distillation>,
    /// Distils member 0 into a network of the same size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub self_distillation: Option<Distillation>,
    /// Trains the self-distilled student from an antithetic pair of initialisations (the two views of
    /// every class exchanged) and averages their errors.
    #[serde(default)]
    pub antithetic: bool,
    /// Negative control: the self-distilled student starts from its teacher's initialisation.
    #[serde(default)]
    pub student_starts_as_teacher: bool,
    /// Random-feature models of the same data: one, their ensemble, its students, and all trained jointly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub random_features: Option<RandomFeatures>,
    /// Fresh test inputs for each cell.
    #[serde(default)]
    pub test_draws: Draws,
}

impl Procedure {
    /// Checks every field.
    ///
    /// # Errors
    /// The first field outside its range.
    pub fn validate(&self, regime: &Regime) -> Result<(), RegimeError> {
        let members = self.members;
        let least = usize::from(self.random_features.is_none());
        require(
            (least..=1000).contains(&members),
            "procedure.members",
            members,
            format!("{least} to 1000"),
        )?;
        let joint = self.joint_networks;
        require(joint <= 64, "procedure.joint_networks", joint, "0 to 64")?;
        for (name, spec) in self.students() {
            if let Some(spec) = spec {
                spec.validate(&format!("procedure.{name}"))?;
            }
        }
        if let Some(model) = &self.random_features {
            model.validate("procedure.random_features")?;
        }
        let antithetic = self.antithetic;
        require(
            !antithetic || regime.data.views_per_class == 2,
            "procedure.antithetic",
            antithetic,
            "false, unless every class has two views to exchange",
        )?;
        self.test_draws.validate("procedure.test_draws")
    }

    fn students(&self) -> impl Iterator<Item = (&'static str, &Option<Distillation>)> {
        [
            ("distillation", &self.distillation),
            ("label_distillation", &self.label_distillation),
            ("self_distillation", &self.self_distillation),
        ]
        .into_iter()
    }

    /// The procedure whose worlds serve both this and `other`, if there is one.
    pub(crate) fn merged(&self, other: &Self) -> Option<Self> {
        fn merge<T: Clone + PartialEq>(a: &Option<T>, b: &Option<T>) -> Option<Option<T>> {
            let one = a.is_none() || b.is_none() || a == b;
            one.then(|| a.clone().or_else(|| b.clone()))
        }
        let distillation = merge(&self.distillation, &other.distillation)?;
        let label_distillation = merge(&self.label_distillation, &other.label_distillation)?;
        let self_distillation = merge(&self.self_distillation, &other.self_distillation)?;
        let random_features = merge(&self.random_features, &other.random_features)?;
        let joint_networks = self.joint_networks.max(other.joint_networks);
        let merged = Self {
            distillation,
            label_distillation,
            self_distillation,
            random_features,
            joint_networks,
            antithetic: self.antithetic || other.antithetic,
            ..self.clone()
        };
        // Each side must find its own settings in the merged procedure.
        let serves = |p: &Self| {
            merged.members == p.members
                && merged.shared_initialisation == p.shared_initialisation
                && merged.student_starts_as_teacher == p.student_starts_as_teacher
                && merged.test_draws == p.test_draws
                && (p.joint_networks == 0 || p.joint_networks == joint_networks)
                && (p.self_distillation.is_none() || p.antithetic == merged.antithetic)
        };
        (serves(self) && serves(other)).then_some(merged)
    }
}

/// Trains and evaluates one world.
///
/// # Errors
/// If a read-out over random features cannot be solved.
pub fn run_world(
    regime: &Regime,
    procedure: &Procedure,
    seed: WorldSeed,
) -> Result<WorldOutcome, RandomFeatureError> {
    let mut outcome = trained_networks(regime, procedure, seed);
    if let Some(model) = &procedure.random_features {
        let regime = RandomFeatureRegime {
            data: regime.data.clone(),
            model: model.clone(),
        };
        let mut found = random_features::run_world(&regime, seed)?;
        if !model.growth.is_empty() {
            found.extend(Growth::of_world(&regime, seed, &model.growth)?.quantities());
        }
        // A ratio without a denominator is not a measurement: it is left out, and a claim on it is refused.
        let measured = found.into_iter().filter(|(_, value)| value.is_finite());
        outcome
            .quantities
            .extend(measured.map(|(name, value)| (format!("random_features.{name}"), value)));
    }
    Ok(outcome)
}

fn trained_networks(regime: &Regime, procedure: &Procedure, seed: WorldSeed) -> WorldOutcome {
    if procedure.members == 0 {
        return WorldOutcome::default();
    }
    let world = World::new(regime, procedure, seed);
    let mut outcome = Outcome::default();
    let mut members: Vec<Trained<f32>> = Vec::with_capacity(procedure.members);
    let mut sum_of_logits: Vec<f32> = Vec::new();
    for index in 0..procedure.members as u64 {
        let start = world.initial(if procedure.shared_initialisation {
            0
        } else {
            index
        });
        let prediction = predicted_views(regime, &world.data, &start);
        let network = match members.first() {
            // What starts alike ends alike.
            Some(first) if procedure.shared_initialisation => first.clone(),
            _ => world.train_alone(start, None),
        };
        let logits = world.test_logits(regime, &network, index);
        let evaluation = world.score(&logits);
        (outcome.lottery).observe(regime, &network, &evaluation, &prediction);
        outcome.model("single", &network, &evaluation);
        add(&mut sum_of_logits, &logits);
        members.push(network);
    }
    outcome.ensemble(&world, &sum_of_logits, &members);

    if procedure.joint_networks > 0 {
        let mut wide = regime.clone();
        wide.network.neurons_per_class *= procedure.joint_networks;
        let start = Start::draw(&wide, &world.data, seed, network_index::JOINT);
        let objective = Objective::cross_entropy(wide.data.classes);
        let steps = wide.training.steps;
        let network = train(&wide, &world.data, seed, start, &objective, steps, None);
        let logits = world.test_logits(&wide, &network, network_index::JOINT);
        outcome.model("joint", &network, &world.score(&logits));
    }
    for (role, spec) in [
        ("distilled", &procedure.distillation),
        ("label_distilled", &procedure.label_distillation),
    ] {
        if let Some(spec) = spec {
            let (student, evaluation) =
                world.distil(spec, &members, network_index::DISTILLED, false);
            outcome.model(role, &student, &evaluation);
        }
    }
    if let Some(spec) = &procedure.self_distillation {
        let index = if procedure.student_starts_as_teacher {
            0
        } else {
            network_index::SELF_DISTILLED
        };
        for swap in [false, true]
            .into_iter()
            .take(1 + usize::from(procedure.antithetic))
        {
            let (student, evaluation) = world.distil(spec, &members[..1], index, swap);
            outcome.model("self_distilled", &student, &evaluation);
        }
    }
    outcome.finish()
}
