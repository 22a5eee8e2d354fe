//! The plan of a run: its theorems as experiments, and the error budget spread over their claims.

use super::error::VerifyError;
use super::experiment::Experiment;
use super::watch::{self, Watch};
use crate::digest::key;
use crate::field::{FieldError, require};
use crate::procedure::memory::{self, Part};
use crate::record::Asked;
use crate::regime::require_confidence;
use crate::shard::Shard;
use crate::statistics::ErrorBudget;
use crate::theorem::{Budget, Claim, Control, Profile, Setting, Statistic, Theorem};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Everything that decides the outcome of a run: the manifest of its record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Version of the program.
    pub version: String,
    /// The experiment seed.
    pub seed: u64,
    /// The profile.
    pub profile: Profile,
    /// Family-wise confidence over all claims of the run.
    pub confidence: f64,
    /// Most worlds that count, over all experiments; none when each has only its own budget.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_worlds: Option<u64>,
    /// The part of the worlds that is trained and kept here.
    #[serde(default, skip_serializing_if = "Shard::is_whole")]
    pub shard: Shard,
    /// The theorems.
    pub theorems: Vec<Theorem>,
}

/// A claim of a theorem, or of one of its controls, that a run does not test, since only another
/// profile does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Untested {
    /// The theorem.
    pub theorem: String,
    /// The negative control, if it is one.
    pub control: Option<String>,
    /// The claim.
    pub claim: String,
    /// The profile that tests it.
    pub profile: Profile,
}

/// A theorem or one of its negative controls, at one value of a sweep, and the experiment that it
/// asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Asker {
    /// Key of the experiment in the record.
    pub experiment: String,
    /// The theorem.
    pub theorem: String,
    /// The negative control, if it is one.
    pub control: Option<String>,
    /// The swept values, by dotted path.
    pub values: BTreeMap<String, toml::Value>,
}

/// An estimate of the memory that a run needs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// Bytes, of all threads.
    pub bytes: f64,
    /// Title of the experiment whose worlds are the largest.
    pub title: String,
    /// The parts of one world's memory.
    pub parts: Vec<Part>,
}

impl Plan {
    /// A run of this version with the strictest confidence that the theorems ask for in the
    /// profile.
    pub fn new(theorems: Vec<Theorem>, profile: Profile, seed: u64) -> Self {
        let budgets = theorems.iter().filter_map(|t| t.budget(profile));
        let confidences = budgets.map(|budget| budget.confidence);
        Self {
            version: env!("CARGO_PKG_VERSION").into(),
            seed,
            profile,
            confidence: confidences.fold(0.0, f64::max),
            total_worlds: None,
            shard: Shard::WHOLE,
            theorems,
        }
    }

    /// Checks every field, as those of a theorem file are.
    ///
    /// # Errors
    /// The first field out of range.
    pub fn validate(&self) -> Result<(), FieldError> {
        self.shard.validate()?;
        if let Some(total) = self.total_worlds {
            require(total > 0, "total_worlds", total, "at least 1")?;
            let alone = "none in a shard, since a total couples the experiments";
            require(self.shard.is_whole(), "total_worlds", total, alone)?;
        }
        if self.theorems.is_empty() {
            return Err(FieldError::missing(
                "theorems",
                "a run decides at least one",
            ));
        }
        let mut known = BTreeSet::new();
        for theorem in &self.theorems {
            let path = format!("theorems.{}", theorem.name);
            theorem.validate().map_err(|e| e.of(&path))?;
            self.budget(theorem)?;
            if !known.insert(&theorem.name) {
                let rule = "names must differ, also that of a copied file";
                return Err(FieldError::twice("theorems.name", &theorem.name, rule));
            }
        }
        require_confidence("confidence", self.confidence)
    }

    /// The budget of a theorem in this run's profile.
    fn budget(&self, theorem: &Theorem) -> Result<Budget, FieldError> {
        theorem.budget(self.profile).ok_or_else(|| {
            let tested = |profile: &Profile| theorem.budget(*profile).is_some();
            let others = Profile::ALL.iter().filter(|p| tested(p));
            let others: Vec<String> = others.map(Profile::to_string).collect();
            FieldError::missing(
                format!("{}.profiles.{}", theorem.name, self.profile),
                format!(
                    "this theorem is tested with --profile {}",
                    others.join(" or ")
                ),
            )
        })
    }

    /// The regime and procedure of each experiment, by key.
    ///
    /// # Errors
    /// A control or a swept value out of range.
    pub fn settings(&self) -> Result<BTreeMap<String, Setting>, VerifyError> {
        let experiments = self.experiments()?.into_iter();
        let setting = |e: Experiment| Setting {
            regime: e.regime,
            procedure: e.procedure,
        };
        Ok(experiments.map(|e| (e.key.clone(), setting(e))).collect())
    }

    /// The theorems and controls that ask for each experiment, in the order of theorems, controls,
    /// swept values.
    ///
    /// # Errors
    /// A control or a swept value out of range.
    pub fn askers(&self) -> Result<Vec<Asker>, VerifyError> {
        let mut askers = Vec::new();
        for (theorem, control) in self.arms() {
            let setting = setting(theorem, control)?;
            for value in theorem.points()? {
                let Setting { regime, procedure } = setting.with(&value.set)?;
                askers.push(Asker {
                    experiment: key(&(regime, procedure)),
                    theorem: theorem.name.clone(),
                    control: control.map(|c| c.name.clone()),
                    values: value.set,
                });
            }
        }
        Ok(askers)
    }

    /// The experiments of a run, and the error budget spread over their claims.
    pub(super) fn experiments(&self) -> Result<Vec<Experiment>, VerifyError> {
        let mut experiments: Vec<Experiment> = Vec::new();
        // The first experiment of each regime and test set: with it the others share worlds.
        let mut groups: BTreeMap<String, usize> = BTreeMap::new();
        let levels = self.levels()?;
        let mut order = 0;
        for theorem in &self.theorems {
            let controls = theorem.controls.iter().map(Some);
            for control in std::iter::once(None).chain(controls) {
                let title = control.map_or(theorem.name.clone(), |c| {
                    format!("{} / {}", theorem.name, c.name)
                });
                let worlds = self.budget(theorem)?.worlds;
                let budget = control.and_then(|c| c.worlds).unwrap_or(worlds);
                let setting = setting(theorem, control)?;
                let claims = claims_of(theorem, control).filter(|claim| self.tests(claim));
                let claims: Vec<(usize, &Claim)> = (order..).zip(claims).collect();
                order += claims.len();
                for value in theorem.points()? {
                    let budget = budget * value.multiple;
                    let mut watches = Vec::new();
                    for (order, claim) in &claims {
                        let asked = watch::Asked {
                            order: *order,
                            theorem: theorem.name.clone(),
                            control: control.map(|c| c.name.clone()),
                            claim: (*claim).clone(),
                            alpha: levels[*order],
                            at: value.at,
                        };
                        watches.push(Watch::new(asked, budget)?);
                    }
                    let title = match (&theorem.sweep, value.at) {
                        (Some(sweep), Some(at)) => format!("{title} ({} = {at})", sweep.path),
                        _ => title.clone(),
                    };
                    let setting = setting.with(&value.set)?;
                    let shared = key(&(&setting.regime, setting.procedure.test_draws));
                    let group = *groups.entry(shared).or_insert(experiments.len());
                    experiments.push(Experiment::new(
                        title, group, self.shard, setting, budget, watches,
                    ));
                }
            }
        }
        Ok(experiments)
    }

    /// Estimates the memory of this run on a number of threads. Each thread holds the models of one
    /// world, for all experiments that share them; at worst they are the largest worlds at once.
    ///
    /// # Errors
    /// A control or a swept value out of range.
    pub fn memory(&self, threads: usize) -> Result<Memory, VerifyError> {
        let mut groups: BTreeMap<usize, Vec<Experiment>> = BTreeMap::new();
        let mut experiments = self.experiments()?;
        experiments.retain(|e| !e.watches.is_empty()); // without a claim no world is trained
        for experiment in experiments {
            groups.entry(experiment.group).or_default().push(experiment);
        }
        // Threads share one pool for read-outs.
        let at_once = rayon::current_num_threads().div_ceil(threads.max(1));
        for experiment in groups.values().flatten() {
            if experiment.procedure.members > 0 {
                let regime = &experiment.regime;
                let named = |e: FieldError| e.of("regime");
                regime.check_engine().map_err(named)?;
            }
        }
        let mut needs: Vec<(f64, u64, Memory)> = Vec::new();
        for group in groups.values() {
            let procedures = group.iter().map(|e| &e.procedure);
            let parts = memory::world(&group[0].regime, procedures, at_once);
            let bytes = parts.iter().map(|(_, bytes)| bytes).sum();
            let worlds = group.iter().map(|e| e.budget).fold(0, u64::saturating_add);
            let title = group[0].title.clone();
            needs.push((
                bytes,
                worlds,
                Memory {
                    bytes,
                    title,
                    parts,
                },
            ));
        }
        needs.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut idle = threads as u64;
        let mut all = 0.0;
        for (bytes, worlds, _) in &needs {
            let busy = idle.min(*worlds);
            all += busy as f64 * bytes;
            idle -= busy;
        }
        let largest = needs.into_iter().next().map(|(.., memory)| memory);
        Ok(Memory {
            bytes: all,
            ..largest.unwrap_or_default()
        })
    }

    /// The level of each claim, in the order of theorems, claims, controls: the run's budget over
    /// the inferences, except for claims with a confidence of their own. A control's effect is
    /// large by design and needs few worlds at any level, so a control weighs a quarter of a claim,
    /// whatever the claim's own [weight](Claim::weight).
    ///
    /// # Errors
    /// A confidence out of range.
    pub fn levels(&self) -> Result<Vec<f64>, VerifyError> {
        const CONTROL_WEIGHT: f64 = 0.25;
        let claims: Vec<(bool, &Claim)> = self.claims().collect();
        let weighs = |c: &Claim| c.statistic != Statistic::EveryWorld && c.confidence.is_none();
        let weights: Vec<f64> = (claims.iter().filter(|(_, c)| weighs(c)))
            .map(|(is_control, claim)| match is_control {
                true => CONTROL_WEIGHT,
                false => claim.weight.unwrap_or(1.0),
            })
            .collect();
        let budget = match weights.as_slice() {
            [] => ErrorBudget::equal(1.0 - self.confidence, 1)?,
            weights => ErrorBudget::weighted(1.0 - self.confidence, weights)?,
        };
        let mut shares = budget.alphas().iter();
        Ok(claims
            .iter()
            .map(|(_, claim)| match claim.confidence {
                Some(own) => 1.0 - own,
                None if weighs(claim) => shares.next().copied().unwrap_or_default(),
                None => 0.0,
            })
            .collect())
    }

    /// Every claim that this run tests, in order, and whether it is a negative control's.
    fn claims(&self) -> impl Iterator<Item = (bool, &Claim)> {
        let tested = self.all_claims().filter(|(.., claim)| self.tests(claim));
        tested.map(|(_, control, claim)| (control.is_some(), claim))
    }

    /// The claims that this run leaves to another profile.
    pub fn untested(&self) -> Vec<Untested> {
        let left = self.all_claims().filter(|(.., claim)| !self.tests(claim));
        left.filter_map(|(theorem, control, claim)| {
            Some(Untested {
                theorem: theorem.name.clone(),
                control: control.map(|c| c.name.clone()),
                claim: claim.name.clone(),
                profile: claim.profile?,
            })
        })
        .collect()
    }

    /// Every theorem's own regime and its controls, in order.
    fn arms(&self) -> impl Iterator<Item = (&Theorem, Option<&Control>)> {
        self.theorems.iter().flat_map(|theorem| {
            let arms = std::iter::once(None).chain(theorem.controls.iter().map(Some));
            arms.map(move |control| (theorem, control))
        })
    }

    /// Every claim of every theorem and every control, in order.
    fn all_claims(&self) -> impl Iterator<Item = (&Theorem, Option<&Control>, &Claim)> {
        self.arms().flat_map(|(theorem, control)| {
            claims_of(theorem, control).map(move |claim| (theorem, control, claim))
        })
    }

    /// Returns true if this run's profile tests a claim.
    fn tests(&self, claim: &Claim) -> bool {
        claim.is_tested(self.profile)
    }
}

/// The regime and procedure of a theorem, or of one of its controls.
fn setting(theorem: &Theorem, control: Option<&Control>) -> Result<Setting, FieldError> {
    control.map_or_else(|| Ok(theorem.setting()), |control| theorem.under(control))
}

/// The claims of a theorem, or of one of its controls.
fn claims_of<'a>(
    theorem: &'a Theorem,
    control: Option<&'a Control>,
) -> impl Iterator<Item = &'a Claim> {
    (theorem.claims.iter())
        .filter(move |claim| control.is_none_or(|c| c.refutes.contains(&claim.name)))
}

impl Asked for Plan {
    fn version(&self) -> &str {
        &self.version
    }

    fn seed(&self) -> u64 {
        self.seed
    }

    fn settings(&self) -> Result<BTreeMap<String, Setting>, String> {
        self.validate().map_err(|e| e.to_string())?;
        self.settings().map_err(|e| e.to_string())
    }
}
