//! The quantities that claims speak of: their names, their meanings, and how they follow from the
//! models of a world.

use super::Procedure;
use super::lottery;
use super::quantity::{Quantity, mean};
use super::role::{ROLES, Role, checkpoints};
use super::row::ModelRow;
use crate::no_views;
use crate::order::TestErrors;
use crate::random_features::{self, growth};
use std::collections::BTreeMap;

/// A quantity of the models of one role.
struct Measure {
    /// Its name behind that of the role: `ROLE.NAME`.
    name: &'static str,
    meaning: &'static str,
    /// Returns true if a procedure that trains the role measures it.
    asked: fn(&Procedure, &str) -> bool,
    value: fn(&OfRole) -> Option<Quantity>,
}

/// The models of a role, and the others of their world.
struct OfRole<'a> {
    role: &'a str,
    models: &'a [ModelRow],
    training_samples: usize,
}

/// The one table of the quantities of roles.
const MEASURES: [Measure; 12] = [
    Measure {
        name: "test_error",
        meaning: "err(D)/μ = err(D_s) + ((1 − μ)/μ) err(D_m)",
        asked: always,
        value: |own| own.mean(|m| &m.test_error),
    },
    Measure {
        name: "single_view_error",
        meaning: "err(D_s)",
        asked: always,
        value: |own| own.mean(|m| &m.single_view_error),
    },
    Measure {
        name: "multi_view_error",
        meaning: "err(D_m)",
        asked: always,
        value: |own| own.mean(|m| &m.multi_view_error),
    },
    Measure {
        name: "coverage",
        meaning: "share of all (class, view) pairs learned: most single-view inputs that keep the view are classified",
        asked: always,
        value: |own| Quantity::mean(own.rows().filter_map(|m| m.coverage.as_ref())),
    },
    Measure {
        name: "training_error",
        meaning: "share of the training set misclassified at the end, of the worst model",
        asked: always,
        value: |own| own.training_error(own.rows().map(|m| m.training_errors).max()?),
    },
    Measure {
        name: "first.test_error",
        meaning: "err(D)/μ of the role's first model: one draw, where the role has several",
        asked: always,
        value: |own| own.rows().next().map(|m| m.test_error.clone()),
    },
    Measure {
        name: "first.training_error",
        meaning: "share of the training set that the role's first model misclassifies",
        asked: always,
        value: |own| own.training_error(own.rows().next()?.training_errors),
    },
    Measure {
        name: "iterations_within_0.001",
        meaning: "share of a student's checkpoints at which training is perfect and err(D)/μ ≤ 0.001",
        asked: |procedure, role| checkpoints(procedure, role) > 0,
        value: |own| own.iterations_within(0.001),
    },
    Measure {
        name: "iterations_within_0.01",
        meaning: "share of a student's checkpoints at which training is perfect and err(D)/μ ≤ 0.01",
        asked: |procedure, role| checkpoints(procedure, role) > 0,
        value: |own| own.iterations_within(0.01),
    },
    Measure {
        name: "gain",
        meaning: "err(D)/μ of the single models minus that of the role",
        asked: always,
        value: |own| own.gain(),
    },
    Measure {
        name: "recovered_share",
        meaning: "gain of the role over gain of the ensemble; undefined in a world where the ensemble gains nothing",
        asked: always,
        value: |own| {
            let ensemble = OfRole {
                role: "ensemble",
                ..*own
            };
            Some(own.gain()?.with(&ensemble.gain()?, |gain, of_ensemble| {
                if of_ensemble > 0.0 {
                    (gain / of_ensemble).into()
                } else {
                    Quantity::undefined("the ensemble gains nothing over the single models")
                }
            }))
        },
    },
    Measure {
        name: "gain_over_students",
        meaning: "err(D)/μ of the distilled students minus that of their ensemble (of `distilled_ensemble` alone)",
        asked: |_, role| role == STUDENTS_ENSEMBLE,
        value: |own| {
            let students = OfRole {
                role: "distilled",
                ..*own
            };
            let compared = own.role == STUDENTS_ENSEMBLE;
            compared.then(|| students.less(own)).flatten()
        },
    },
];

/// The quantity that compares all [`ORDERED`] roles.
pub(super) const ORDER: &str = "trained.order";

/// The roles whose order the paper gives.
const ORDERED: [&str; 5] = ["single", "ensemble", "joint", "distilled", "self_distilled"];

/// The role of the ensemble of several students.
const STUDENTS_ENSEMBLE: &str = "distilled_ensemble";

fn always(_: &Procedure, _: &str) -> bool {
    true
}

/// The quantities a claim may name, each with its meaning. `ROLE` is one of `single`, `ensemble`,
/// `distilled`, `distilled_ensemble` (of several students), `label_distilled`, `self_distilled`,
/// `generation_2` to `generation_4` (of a chain of self-distillation, which `self_distilled`
/// begins), `joint`; where a role has several models the value is their mean. The names after
/// `random_features.` are those of [`random_features`]: a quantity and a model, as in `err_single`,
/// or a comparison. So are those after `no_views.`, which are of [`no_views`].
pub fn all_quantities() -> Vec<(String, &'static str)> {
    let of_roles = MEASURES
        .iter()
        .map(|m| (format!("ROLE.{}", m.name), m.meaning));
    let of_lottery = lottery::MEASURES.iter();
    let of_lottery = of_lottery.map(|m| (format!("lottery.{}", m.name), m.meaning));
    let of_order = (
        ORDER.to_owned(),
        "1 if training the average ≲ single < self-distilled < distilled ≈ ensemble, in accuracy, 0 if not; < is by more than a tenth of the ensemble's gain",
    );
    let of_random_features = (
        "random_features.NAME".to_owned(),
        "of random-feature models: err_MODEL (test error over D), acc_view_1_MODEL, gain_ratio, recovered_share, …",
    );
    let of_no_views = (
        "no_views.NAME".to_owned(),
        "of networks on inputs without views: err_MODEL (share of wrong labels on fresh inputs), gain_ratio, carried_ratio, …",
    );
    of_roles
        .chain(of_lottery)
        .chain([of_order, of_random_features, of_no_views])
        .collect()
}

/// The values of each word in capitals in the names of [`all_quantities`] and in their meanings.
pub fn placeholders() -> Vec<(String, Vec<String>)> {
    let names = |table: &[(&str, &str)]| table.iter().map(|(name, _)| (*name).to_owned()).collect();
    let of = |table: &[(&str, &str)], end: &str| -> Vec<String> {
        table
            .iter()
            .map(|(name, _)| format!("{name}{end}"))
            .collect()
    };
    let roles = ROLES.iter().map(|(role, _)| (*role).to_owned()).collect();
    let of_random_features = [
        of(&random_features::MODEL_QUANTITIES, "_MODEL"),
        of(&random_features::SOLVER_QUANTITIES, "_MODEL"),
        of(&random_features::WORLD_QUANTITIES, ""),
        growth::names("R"),
    ];
    let of_no_views = [
        of(&no_views::MODEL_QUANTITIES, "_MODEL"),
        of(&no_views::WORLD_QUANTITIES, ""),
    ];
    vec![
        ("ROLE".into(), roles),
        (
            "NAME of random_features".into(),
            of_random_features.concat(),
        ),
        (
            "MODEL of random_features".into(),
            names(&random_features::MODELS),
        ),
        (
            "R of random_features".into(),
            vec!["a number in procedure.random_features.growth".into()],
        ),
        ("NAME of no_views".into(), of_no_views.concat()),
        ("MODEL of no_views".into(), names(&no_views::MODELS)),
    ]
}

/// The meaning of a quantity.
pub fn meaning(quantity: &str) -> &'static str {
    let (subject, measure) = quantity.split_once('.').unwrap_or((quantity, ""));
    let known = [
        quantity.to_owned(),
        format!("ROLE.{measure}"),
        format!("{subject}.NAME"),
    ];
    let all = all_quantities();
    let of = |wanted: &String| all.iter().find(|(name, _)| name == wanted);
    known.iter().find_map(of).map_or("", |(_, meaning)| meaning)
}

/// The names of the quantities that `procedure` measures, without those of random features.
pub fn measured(procedure: &Procedure) -> Vec<String> {
    let names =
        all_quantities()
            .into_iter()
            .flat_map(|(name, _)| match name.strip_prefix("ROLE.") {
                Some(measure) => ROLES.map(|(role, _)| format!("{role}.{measure}")).to_vec(),
                None => vec![name],
            });
    names.filter(|name| measures(procedure, name)).collect()
}

/// True if a quantity of this name is measured by `procedure`.
pub fn measures(procedure: &Procedure, quantity: &str) -> bool {
    let Some((subject, measure)) = quantity.split_once('.') else {
        return false;
    };
    match subject {
        "random_features" => procedure.random_features.as_ref().is_some_and(|model| {
            random_features::measures(model, measure)
                || (!model.growth.is_empty() && growth::measures(measure, &model.growth))
        }),
        "trained" => {
            let missing = |(role, models): &Role| ORDERED.contains(role) && models(procedure) == 0;
            procedure.members > 0 && quantity == ORDER && !ROLES.iter().any(missing)
        }
        "no_views" => procedure.no_views.is_some() && no_views::measures(measure),
        "lottery" => {
            let mut known = lottery::MEASURES.iter();
            let asked = known.any(|m| m.name == measure && (m.asked)(procedure));
            procedure.members > 0 && asked
        }
        role => {
            let mut roles = ROLES.iter();
            let mut known = MEASURES.iter();
            procedure.members > 0
                && roles.any(|(known, models)| *known == role && models(procedure) > 0)
                && known.any(|m| m.name == measure && (m.asked)(procedure, role))
        }
    }
}

impl OfRole<'_> {
    fn rows(&self) -> impl Iterator<Item = &ModelRow> {
        self.models.iter().filter(|m| m.role == self.role)
    }

    fn mean(&self, of: fn(&ModelRow) -> &Quantity) -> Option<Quantity> {
        Quantity::mean(self.rows().map(of))
    }

    fn training_error(&self, errors: usize) -> Option<Quantity> {
        Some((errors as f64 / self.training_samples as f64).into())
    }

    /// The mean test error less that of another role.
    fn less(&self, other: &Self) -> Option<Quantity> {
        let (own, other) = (
            self.mean(|m| &m.test_error)?,
            other.mean(|m| &m.test_error)?,
        );
        Some(own.with(&other, |own, other| (own - other).into()))
    }

    fn gain(&self) -> Option<Quantity> {
        let single = OfRole {
            role: "single",
            ..*self
        };
        single.less(self)
    }

    fn iterations_within(&self, bound: f64) -> Option<Quantity> {
        let shares: Vec<f64> = self
            .rows()
            .filter_map(|m| m.iterations_within(bound))
            .collect();
        (!shares.is_empty()).then(|| mean(&shares).into())
    }
}

/// The quantities that follow from the models' rows alone, on a training set of `training_samples`.
/// A world without an ensemble has none.
pub(super) fn of_roles(models: &[ModelRow], training_samples: usize) -> BTreeMap<String, Quantity> {
    let trained = |role: &str| models.iter().any(|m| m.role == role);
    if !trained("single") || !trained("ensemble") {
        return BTreeMap::new();
    }
    let named = |role| {
        let own = OfRole {
            role,
            models,
            training_samples,
        };
        MEASURES.iter().filter_map(move |measure| {
            let value = (measure.value)(&own)?;
            Some((format!("{role}.{}", measure.name), value))
        })
    };
    let trained = ROLES.iter().filter(|(role, _)| trained(role));
    let mut quantities: BTreeMap<_, _> = trained.flat_map(|(role, _)| named(*role)).collect();
    let errors = ORDERED.map(|role| quantities.get(&format!("{role}.test_error")));
    if let [
        Some(single),
        Some(ensemble),
        Some(joint),
        Some(distilled),
        Some(self_distilled),
    ] = errors
    {
        let order = order([single, ensemble, joint, distilled, self_distilled]);
        quantities.insert(ORDER.to_owned(), order);
    }
    quantities
}

/// The [`ORDER`] of the test errors of the [`ORDERED`] roles.
fn order(errors: [&Quantity; 5]) -> Quantity {
    match errors.map(Quantity::get) {
        [
            Ok(single),
            Ok(ensemble),
            Ok(joint),
            Ok(distilled),
            Ok(self_distilled),
        ] => {
            let errors = TestErrors {
                single,
                ensemble,
                joint,
                distilled,
                self_distilled,
            };
            f64::from(errors.are_those_of_trained_networks()).into()
        }
        others => Quantity::undefined(others.into_iter().find_map(Result::err).unwrap_or_default()),
    }
}
