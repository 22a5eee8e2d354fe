//! What is trained in a world: single models, their ensemble, and the students distilled from them.

use crate::data::DataSet;
use crate::engine::overlap::{Layout, StepView, Trained};
use crate::engine::{Observer, Start, train};
use crate::evaluation::{Draws, Evaluation, TestSet, largest_overlaps};
use crate::objective::{Distillation, Objective};
use crate::random_features::{
    self, RandomFeatureError, RandomFeatureRegime, RandomFeatures, sweep,
};
use crate::regime::{Regime, RegimeError, require};
use crate::seed::{Purpose, WorldSeed};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Indices of the networks of a world; the members of the ensemble are `0 … K − 1`.
pub mod network_index {
    /// The ensemble's student.
    pub const DISTILLED: u64 = 1_000;
    /// The student of member 0.
    pub const SELF_DISTILLED: u64 = 1_001;
    /// The networks trained as one sum.
    pub const JOINT: u64 = 1_002;
}

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
        for (field, draws) in [
            ("single_view", self.test_draws.single_view),
            ("multi_view", self.test_draws.multi_view),
        ] {
            require(
                (1..=1_000_000).contains(&draws),
                &format!("procedure.test_draws.{field}"),
                draws,
                "1 to 1000000",
            )?;
        }
        Ok(())
    }
}

impl Procedure {
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

/// Everything measured in one world.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WorldOutcome {
    /// What claims are made of, by name (see [`QUANTITIES`]).
    pub quantities: BTreeMap<String, f64>,
    /// One row for each model.
    pub models: Vec<ModelRow>,
}

/// One model of a world.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelRow {
    /// `single`, `ensemble`, `distilled`, `label_distilled`, `self_distilled` or `joint`.
    pub role: String,
    /// Gradient steps taken (0 for an ensemble).
    pub steps: usize,
    /// Training samples misclassified at the end.
    pub training_errors: usize,
    /// `err(D)/μ`.
    pub test_error: f64,
    /// `err(D_s)`.
    pub single_view_error: f64,
    /// `err(D_m)`.
    pub multi_view_error: f64,
    /// Monte-Carlo standard error of `test_error`.
    pub monte_carlo_error: f64,
}

/// The quantities a claim may name, with their meaning. `ROLE` is one of `single`, `ensemble`, `distilled`,
/// `label_distilled`, `self_distilled`, `joint`; where a role has several models the value is their mean. The
/// names after `random_features.` are those of [`random_features`]: a quantity and a model, as in
/// `err_single`, or a comparison.
pub const QUANTITIES: &[(&str, &str)] = &[
    (
        "ROLE.test_error",
        "err(D)/μ = err(D_s) + ((1 − μ)/μ) err(D_m)",
    ),
    ("ROLE.single_view_error", "err(D_s)"),
    ("ROLE.multi_view_error", "err(D_m)"),
    (
        "ROLE.training_error",
        "share of the training set misclassified at the end, of the worst model",
    ),
    (
        "ROLE.gain",
        "err(D)/μ of the single models minus that of the role",
    ),
    (
        "ROLE.recovered_share",
        "gain of the role over gain of the ensemble (1 where the ensemble gains nothing and the role loses nothing)",
    ),
    (
        "lottery.predicted_share",
        "share of classes whose learned view is the one predicted at initialisation by S^{1/(q−2)} Λ",
    ),
    (
        "lottery.some_view_share",
        "share of classes that learned at least one view",
    ),
    (
        "lottery.both_views_share",
        "share of classes that learned both views (ties)",
    ),
    (
        "random_features.NAME",
        "of random-feature models: err_MODEL (test error over D), acc_view_1_MODEL, gain_ratio, recovered_share, …",
    ),
];

/// Whether a quantity of this name is measured by `procedure`.
pub fn measures(procedure: &Procedure, quantity: &str) -> bool {
    let Some((role, measure)) = quantity.split_once('.') else {
        return false;
    };
    let trained = match role {
        "single" | "ensemble" => true,
        "distilled" => procedure.distillation.is_some(),
        "self_distilled" => procedure.self_distillation.is_some(),
        "label_distilled" => procedure.label_distillation.is_some(),
        "joint" => procedure.joint_networks > 0,
        "random_features" => {
            let growth = |m: &RandomFeatures| !m.growth.is_empty();
            return procedure.random_features.as_ref().is_some_and(|model| {
                random_features::measures(measure)
                    || (growth(model) && sweep::measures(measure, &model.growth))
            });
        }
        "lottery" => {
            return procedure.members > 0 && QUANTITIES.iter().any(|(name, _)| *name == quantity);
        }
        _ => false,
    };
    trained
        && procedure.members > 0
        && QUANTITIES
            .iter()
            .any(|(name, _)| *name == format!("ROLE.{measure}"))
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
            found.extend(sweep::sweep(&regime, seed, &model.growth)?.quantities());
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
    let objective = Objective::cross_entropy(regime.data.classes);

    let mut members: Vec<Trained<f32>> = Vec::with_capacity(procedure.members);
    let mut sum_of_logits: Vec<f32> = Vec::new();
    for index in 0..procedure.members as u64 {
        let start = world.initial(if procedure.shared_initialisation {
            0
        } else {
            index
        });
        let prediction = predicted_views(regime, &world.data, &start);
        let steps = regime.training.steps;
        let network = train(regime, &world.data, seed, start, &objective, steps, None);
        let logits = world.test_logits(regime, &network, index);
        let evaluation = world.test.score(regime, &logits);
        outcome.lottery(regime, &network, &evaluation, &prediction);
        outcome.model("single", &network, &evaluation);
        add(&mut sum_of_logits, &logits);
        members.push(network);
    }
    outcome.ensemble(&world, regime, &sum_of_logits, &members);

    if procedure.joint_networks > 0 {
        let mut wide = regime.clone();
        wide.network.neurons_per_class *= procedure.joint_networks;
        let start = Start::draw(&wide, &world.data, seed, network_index::JOINT);
        let steps = wide.training.steps;
        let network = train(&wide, &world.data, seed, start, &objective, steps, None);
        let logits = world.test_logits(&wide, &network, network_index::JOINT);
        outcome.model("joint", &network, &world.test.score(regime, &logits));
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

/// The data of a world: training set and test inputs.
pub struct World {
    /// The training set `Z`.
    pub data: DataSet,
    test: TestSet,
    seed: WorldSeed,
    regime: Regime,
}

impl World {
    /// Draws the data of a world.
    pub fn new(regime: &Regime, procedure: &Procedure, seed: WorldSeed) -> Self {
        let data = DataSet::draw(&regime.data, &mut seed.rng(Purpose::Data, 0));
        let test = TestSet::draw(
            regime,
            procedure.test_draws,
            &mut seed.rng(Purpose::Evaluation, 0),
        );
        Self {
            data,
            test,
            seed,
            regime: regime.clone(),
        }
    }

    /// The initialisation of network `index`.
    pub fn initial(&self, index: u64) -> Start<f32> {
        Start::draw(&self.regime, &self.data, self.seed, index)
    }

    /// Logits `[inputs][k]` of network `index` on the test inputs. `regime` is the world's, but for the number of neurons.
    pub fn test_logits(&self, regime: &Regime, network: &Trained<f32>, index: u64) -> Vec<f32> {
        self.test.logits(
            regime,
            network,
            &mut self.seed.rng(Purpose::Evaluation, index + 1),
        )
    }

    /// Scores logits on the test inputs.
    pub fn score(&self, logits: &[f32]) -> Evaluation {
        self.test.score(&self.regime, logits)
    }

    /// Trains network `index` alone; `look` sees the state every so many steps.
    pub fn train_alone(
        &self,
        index: u64,
        every: usize,
        mut look: impl FnMut(StepView<f32>),
    ) -> Trained<f32> {
        let regime = &self.regime;
        let objective = Objective::cross_entropy(regime.data.classes);
        let (start, steps) = (self.initial(index), regime.training.steps);
        let observer = Observer {
            every,
            call: &mut look,
        };
        let observer = Some(observer);
        train(
            regime, &self.data, self.seed, start, &objective, steps, observer,
        )
    }

    /// Trains a student of `teachers` and evaluates it.
    pub fn distil(
        &self,
        spec: &Distillation,
        teachers: &[Trained<f32>],
        index: u64,
        swap_views: bool,
    ) -> (Trained<f32>, Evaluation) {
        let mut mean = Vec::new();
        for teacher in teachers {
            add(&mut mean, &teacher.training_logits);
        }
        mean.iter_mut().for_each(|f| *f /= teachers.len() as f32);
        let regime = &self.regime;
        let objective = Objective::distillation(
            regime.data.classes,
            spec,
            regime.training.learning_rate_per_class,
            &mean,
            self.data.samples.iter().map(|s| s.label),
        );
        let mut start = self.initial(index);
        if swap_views {
            start.swap_views(&self.regime);
        }
        // A student is fitted long before it has learned its teacher's views: only the budget ends it.
        let mut regime = regime.clone();
        regime.training.perfect_steps = 0;
        let network = train(
            &regime, &self.data, self.seed, start, &objective, spec.steps, None,
        );
        let stream = 10 * network_index::DISTILLED + 2 * index + u64::from(swap_views);
        let logits = self.test_logits(&regime, &network, stream);
        let evaluation = self.test.score(&regime, &logits);
        (network, evaluation)
    }
}

/// For each class, the view that the initialisation favours: the larger
/// `S_{i,ℓ}^{1/(q−2)} max_r ⟨w_{i,r}, v_{i,ℓ}⟩`, with `S_{i,ℓ} = Σ z_p^q` over the training samples of class `i`
/// (at finite `N` the few single-view ones tell: **choice**). `None` for classes with a single view.
pub fn predicted_views(regime: &Regime, data: &DataSet, start: &Start<f32>) -> Vec<Option<usize>> {
    if regime.data.views_per_class != 2 {
        return vec![None; regime.data.classes];
    }
    lottery_scores(regime, data, start)
        .iter()
        .map(|[first, second]| Some(usize::from(second > first)))
        .collect()
}

/// The two views' scores of each class: `S_{i,ℓ}^{1/(q−2)} max_r ⟨w_{i,r}, v_{i,ℓ}⟩` at the start (with exponent 1 for
/// the linear activation, which has no lottery to predict).
pub fn lottery_scores(regime: &Regime, data: &DataSet, start: &Start<f32>) -> Vec<[f64; 2]> {
    let q = regime.network.relu_exponent as i32;
    let mut strength = vec![0.0f64; regime.data.features()];
    for sample in &data.samples {
        for patch in &sample.patches {
            if let Some(v) = patch.feature.map(|v| v as usize)
                && regime.data.class_of(v) == sample.label
            {
                strength[v] += f64::from(patch.weight).powi(q);
            }
        }
    }
    let overlaps = largest_overlaps(regime, Layout::of(regime).stride, &start.features(regime));
    let power = 1.0 / f64::from((q - 2).max(1));
    let score = |v: usize| strength[v].powf(power) * f64::from(overlaps[v]);
    (0..regime.data.classes)
        .map(|i| [score(2 * i), score(2 * i + 1)])
        .collect()
}

fn add(sum: &mut Vec<f32>, terms: &[f32]) {
    sum.resize(terms.len(), 0.0);
    sum.iter_mut().zip(terms).for_each(|(s, x)| *s += x);
}

/// Collects models and averages over those of one role.
#[derive(Default)]
struct Outcome {
    models: Vec<ModelRow>,
    training_samples: usize,
    predicted: Vec<f64>,
    some_view: Vec<f64>,
    both_views: Vec<f64>,
}

impl Outcome {
    fn model(&mut self, role: &str, network: &Trained<f32>, evaluation: &Evaluation) {
        self.training_samples = network.training_logits.len() / network.layout.classes;
        self.push(role, network.steps, network.training_errors, evaluation);
    }

    fn push(&mut self, role: &str, steps: usize, training_errors: usize, evaluation: &Evaluation) {
        self.models.push(ModelRow {
            role: role.into(),
            steps,
            training_errors,
            test_error: evaluation.test_error_over_mu(),
            single_view_error: evaluation.single_view_error(),
            multi_view_error: evaluation.multi_view_error(),
            monte_carlo_error: evaluation.standard_error(),
        });
    }

    /// The lottery of one model. A view is *learned* when most single-view inputs of its cell are
    /// classified; the *winner* is the view of larger final overlap.
    fn lottery(
        &mut self,
        regime: &Regime,
        network: &Trained<f32>,
        evaluation: &Evaluation,
        predicted: &[Option<usize>],
    ) {
        let views = regime.data.views_per_class;
        let overlaps = largest_overlaps(regime, network.layout.stride, &network.features);
        let (mut hits, mut some, mut both) = (0usize, 0usize, 0usize);
        for (class, guess) in predicted.iter().enumerate() {
            let cells = &evaluation.single[class * views..][..views];
            let learned = cells.iter().filter(|cell| cell.rate() < 0.5).count();
            some += usize::from(learned > 0);
            both += usize::from(learned == views);
            let winner = usize::from(views == 2 && overlaps[2 * class + 1] > overlaps[2 * class]);
            hits += usize::from(*guess == Some(winner));
        }
        let share = |count: usize| count as f64 / predicted.len() as f64;
        self.predicted.push(share(hits));
        self.some_view.push(share(some));
        self.both_views.push(share(both));
    }

    fn ensemble(&mut self, world: &World, regime: &Regime, sum: &[f32], members: &[Trained<f32>]) {
        let mut training = Vec::new();
        for member in members {
            add(&mut training, &member.training_logits);
        }
        let rows = training.chunks_exact(regime.data.classes);
        let errors = rows
            .zip(&world.data.samples)
            .filter(|(f, s)| !crate::engine::is_correct(f, s.label))
            .count();
        self.push("ensemble", 0, errors, &world.test.score(regime, sum));
    }

    fn finish(self) -> WorldOutcome {
        let mut quantities = BTreeMap::new();
        let mean = |xs: &[f64]| xs.iter().sum::<f64>() / xs.len() as f64;
        let of = |role: &str, f: fn(&ModelRow) -> f64| -> Vec<f64> {
            self.models
                .iter()
                .filter(|m| m.role == role)
                .map(f)
                .collect()
        };
        let single = mean(&of("single", |m| m.test_error));
        let ensemble_gain = single - mean(&of("ensemble", |m| m.test_error));
        for role in [
            "single",
            "ensemble",
            "distilled",
            "label_distilled",
            "self_distilled",
            "joint",
        ] {
            let errors = of(role, |m| m.test_error);
            if errors.is_empty() {
                continue;
            }
            let mut put =
                |measure: &str, value: f64| quantities.insert(format!("{role}.{measure}"), value);
            let gain = single - mean(&errors);
            put("test_error", mean(&errors));
            put(
                "single_view_error",
                mean(&of(role, |m| m.single_view_error)),
            );
            put("multi_view_error", mean(&of(role, |m| m.multi_view_error)));
            let worst = of(role, |m| m.training_errors as f64)
                .into_iter()
                .fold(0.0, f64::max);
            put("training_error", worst / self.training_samples as f64);
            put("gain", gain);
            put(
                "recovered_share",
                if ensemble_gain > 0.0 {
                    gain / ensemble_gain
                } else {
                    f64::from(gain >= 0.0)
                },
            );
        }
        quantities.insert("lottery.predicted_share".into(), mean(&self.predicted));
        quantities.insert("lottery.some_view_share".into(), mean(&self.some_view));
        quantities.insert("lottery.both_views_share".into(), mean(&self.both_views));
        WorldOutcome {
            quantities,
            models: self.models,
        }
    }
}
