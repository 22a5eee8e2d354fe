//! Everything measured in one world: the rows of its models, and the quantities that claims speak
//! of.

use super::Procedure;
use super::lottery::Lottery;
use super::quantities::{ORDER, measures, of_roles};
use super::quantity::Quantity;
use super::role::ROLES;
use super::row::ModelRow;
use super::world::World;
use crate::engine::state::Trained;
use crate::evaluation::Portrait;
use crate::regime::Regime;
use crate::rows::ClassRows;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Everything measured in one world.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorldOutcome {
    /// The quantities that claims speak of, by name (see
    /// [`all_quantities`](super::all_quantities)).
    pub quantities: BTreeMap<String, Quantity>,
    /// One row for each model.
    pub models: Vec<ModelRow>,
}

impl WorldOutcome {
    /// Checks a recorded outcome: that it has the models that the procedure trains in a world of
    /// this regime, that their errors are errors, and that every quantity which follows from them
    /// is the one that does.
    ///
    /// Version 0.6 (`older`) put a number where a quantity has none: there the two are not
    /// compared.
    ///
    /// # Errors
    /// The first value that does not fit, with its value and the one that would.
    pub fn check(&self, regime: &Regime, procedure: &Procedure, older: bool) -> Result<(), String> {
        for row in &self.models {
            row.check(regime)?;
        }
        let trains = |models: usize| if procedure.members > 0 { models } else { 0 };
        for (role, models) in ROLES {
            let (found, due) = (
                self.models.iter().filter(|m| m.role == role).count(),
                trains(models(procedure)),
            );
            if found != due {
                return Err(format!("{found} models {role:?}, where {due} are trained"));
            }
        }
        let mut due = of_roles(&self.models, regime.data.sample_count());
        for (name, recorded) in &self.quantities {
            match due.remove(name) {
                Some(own) if own == *recorded || (older && own.number().is_none()) => {}
                Some(own) => {
                    return Err(format!(
                        "{name} is {recorded}, but its model rows give {own}"
                    ));
                }
                None if of_no_row(name) => {}
                None => return Err(format!("{name} = {recorded} is of no model of this world")),
            }
            if !measures(procedure, name) {
                return Err(format!("{name} = {recorded} is not measured in this world"));
            }
        }
        // Version 0.7 recorded nothing of a role's first model alone, version 0.8 nothing of the
        // order.
        match (due.keys()).find(|name| !name.contains(".first.") && *name != ORDER) {
            Some(name) => Err(format!("{name} is missing")),
            None => Ok(()),
        }
    }
}

/// True for a quantity that does not follow from the rows of models.
fn of_no_row(quantity: &str) -> bool {
    let parts = ["lottery.", "random_features.", "no_views."];
    parts.iter().any(|part| quantity.starts_with(part))
}

/// Collects models and averages over those of one role.
#[derive(Default)]
pub(super) struct Outcome {
    pub lottery: Lottery,
    models: Vec<ModelRow>,
}

impl Outcome {
    pub fn add(&mut self, role: &str, row: ModelRow) {
        let role = role.into();
        self.models.push(ModelRow { role, ..row });
    }

    /// Adds the ensemble of `members`, network `index`; `portrait` shows their sum.
    pub fn ensemble<'a>(
        &mut self,
        (role, index): (&str, u64),
        world: &World,
        portrait: &Portrait,
        members: impl Iterator<Item = &'a Trained<f32>>,
    ) {
        let training = ClassRows::sum(members.map(|member| &member.training_logits));
        let classes = world.regime.data.classes;
        let errors = (training.iter().zip(&world.data.samples))
            .filter(|(f, s)| !f.is_largest(s.label, classes))
            .count();
        let evaluation = world.evaluate(&world.regime, portrait, index);
        self.add(role, ModelRow::new(0, errors, &evaluation));
    }

    /// The outcome of a world with these models and `training_samples`.
    pub fn finish(self, training_samples: usize) -> WorldOutcome {
        let mut quantities = of_roles(&self.models, training_samples);
        quantities.extend(self.lottery.quantities());
        WorldOutcome {
            quantities,
            models: self.models,
        }
    }
}
