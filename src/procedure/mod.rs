//! The models that are trained in a world: single models, their ensemble, and the students
//! distilled from them.

mod lesson;
mod lottery;
pub mod memory;
mod models;
mod outcome;
mod quantities;
mod quantity;
mod role;
mod row;
#[cfg(test)]
mod streams;
mod world;

pub use lesson::{Lesson, Teachers};
pub(crate) use lottery::largest;
pub use lottery::{largest_overlaps, predicted_views, view_strengths};
pub use models::Models;
pub use outcome::WorldOutcome;
pub use quantities::{all_quantities, meaning, measured, measures, placeholders};
pub use quantity::Quantity;
pub use row::ModelRow;
pub use world::{World, network_index};

use crate::evaluation::Draws;
use crate::field::{FieldError, require};
use crate::no_views::NoViews;
use crate::objective::Distillation;
use crate::random_features::RandomFeatures;
use crate::regime::Regime;
use serde::{Deserialize, Serialize};

/// The networks that a world trains.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Procedure {
    /// `K`: models trained alone, from independent initialisations on the same data. With 0,
    /// allowed beside random features or inputs without views, no network is trained, and none
    /// distilled.
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
    /// Number of students distilled from the ensemble, 1 to 64, each from a start of its own. Where
    /// there are several, their ensemble is tested too.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub distilled_students: usize,
    /// Distils the ensemble a second time, from the same initialisation, for what the soft labels
    /// carry: with `soft_labels = "label-only"` the student is denied the teacher's mass on other
    /// classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_distillation: Option<Distillation>,
    /// Distils member 0 into a network of the same size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub self_distillation: Option<Distillation>,
    /// Generations of a chain of self-distillation, 1 to 4: each generation's student starts afresh
    /// and is taught by the student before it, the first one by member 0.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub generations: usize,
    /// Trains the self-distilled student from an antithetic pair of initialisations (the two views
    /// of every class exchanged) and averages their errors.
    #[serde(default)]
    pub antithetic: bool,
    /// Negative control: the self-distilled student starts from its teacher's initialisation.
    #[serde(default)]
    pub student_starts_as_teacher: bool,
    /// Watches the members at every step of their training, for `lottery.loser_growth`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub watch_take_off: bool,
    /// Random-feature models of the same data: one, their ensemble, its students, and all trained
    /// jointly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub random_features: Option<RandomFeatures>,
    /// Networks on inputs without views, of the regime's size: one, their ensemble, and a student
    /// with and without this teacher.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_views: Option<NoViews>,
    /// Fresh test inputs for each cell whose error must be sampled.
    #[serde(default)]
    pub test_draws: Draws,
}

impl Procedure {
    /// Checks every field.
    ///
    /// # Errors
    /// The first field outside its range.
    pub fn validate(&self, regime: &Regime) -> Result<(), FieldError> {
        let members = self.members;
        let least = usize::from(self.random_features.is_none() && self.no_views.is_none());
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
        for (name, count, most, taught, spec) in [
            (
                "distilled_students",
                self.distilled_students,
                64,
                "distillation",
                &self.distillation,
            ),
            (
                "generations",
                self.generations,
                role::MOST_GENERATIONS,
                "self_distillation",
                &self.self_distillation,
            ),
        ] {
            let field = format!("procedure.{name}");
            require(
                (1..=most).contains(&count),
                &field,
                count,
                format!("1 to {most}"),
            )?;
            require(
                count == 1 || spec.is_some(),
                &field,
                count,
                format!("1 without procedure.{taught}"),
            )?;
        }
        if let Some(model) = &self.random_features {
            model.validate("procedure.random_features")?;
        }
        if let Some(spec) = &self.no_views {
            spec.validate("procedure.no_views", regime)?;
        }
        let antithetic = self.antithetic;
        require(
            !antithetic || regime.data.views_per_class == 2,
            "procedure.antithetic",
            antithetic,
            format!(
                "false with data.views_per_class = {}: an antithetic pair exchanges the two views of every class",
                regime.data.views_per_class
            ),
        )?;
        self.test_draws.validate("procedure.test_draws")
    }

    /// Number of networks that the procedure distils.
    pub fn student_count(&self) -> usize {
        let of = |spec: &Option<Distillation>, count| spec.as_ref().map_or(0, |_| count);
        of(&self.distillation, self.distilled_students)
            + of(&self.label_distillation, 1)
            + of(
                &self.self_distillation,
                self.generations + usize::from(self.antithetic),
            )
    }

    fn students(&self) -> impl Iterator<Item = (&'static str, &Option<Distillation>)> {
        [
            ("distillation", &self.distillation),
            ("label_distillation", &self.label_distillation),
            ("self_distillation", &self.self_distillation),
        ]
        .into_iter()
    }
}

fn one() -> usize {
    1
}

fn is_one(count: &usize) -> bool {
    *count == 1
}
