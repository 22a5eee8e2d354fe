//! What a run tests: its theorems as experiments, and the error budget spread over their claims.

use super::error::VerifyError;
use super::experiment::Experiment;
use super::watch::Watch;
use crate::regime::Regime;
use crate::statistics::ErrorBudget;
use crate::theorem::{Claim, Control, Profile, Statistic, Theorem};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

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
    /// The theorems.
    pub theorems: Vec<Theorem>,
}

impl Plan {
    /// A run of this version with the strictest confidence that the theorems ask for in the profile.
    pub fn new(theorems: Vec<Theorem>, profile: Profile, seed: u64) -> Self {
        let confidences = theorems.iter().map(|t| t.budget(profile).confidence);
        Self {
            version: env!("CARGO_PKG_VERSION").into(),
            seed,
            profile,
            confidence: confidences.fold(0.0, f64::max),
            total_worlds: None,
            theorems,
        }
    }

    /// The experiments of a run, and the error budget spread over their claims.
    pub(super) fn experiments(&self) -> Result<Vec<Experiment>, VerifyError> {
        let mut experiments: Vec<Experiment> = Vec::new();
        let alphas = self.alphas()?;
        let mut order = 0;
        for theorem in &self.theorems {
            let controls = theorem.controls.iter().map(Some);
            for control in std::iter::once(None).chain(controls) {
                let title = control.map_or(theorem.name.clone(), |c| {
                    format!("{} / {}", theorem.name, c.name)
                });
                let worlds = theorem.budget(self.profile).worlds;
                let budget = control.and_then(|c| c.worlds).unwrap_or(worlds);
                let setting = match control {
                    Some(control) => theorem.under(control)?,
                    None => theorem.setting(),
                };
                let claims: Vec<(usize, &Claim)> =
                    (order..).zip(self.claims_of(theorem, control)).collect();
                order += claims.len();
                for value in theorem.points()? {
                    let budget = budget * value.multiple;
                    let mut watches = Vec::new();
                    for (order, claim) in &claims {
                        let control = control.map(|c| c.name.clone());
                        let alpha = alphas[*order];
                        watches.push(Watch::new(
                            *order, theorem, control, claim, alpha, value.at, budget,
                        )?);
                    }
                    let title = match (&theorem.sweep, value.at) {
                        (Some(sweep), Some(at)) => format!("{title} ({} = {at})", sweep.path),
                        _ => title.clone(),
                    };
                    let setting = setting.with(&value.set)?;
                    let (regime, draws) = (&setting.regime, setting.procedure.test_draws);
                    let same =
                        |e: &Experiment| e.regime == *regime && e.procedure.test_draws == draws;
                    let group = experiments.iter().find(|e| same(e));
                    let group = group.map_or(experiments.len(), |e| e.group);
                    experiments.push(Experiment::new(title, group, setting, budget, watches));
                }
            }
        }
        Ok(experiments)
    }

    /// The regimes in which this run trains networks.
    ///
    /// # Errors
    /// A control or a swept value out of range.
    pub fn regimes(&self) -> Result<Vec<Regime>, VerifyError> {
        let trains = |e: &Experiment| e.procedure.members + e.procedure.joint_networks > 0;
        let experiments = self.experiments()?.into_iter().filter(trains);
        Ok(experiments.map(|e| e.regime).collect())
    }

    /// The level of each claim in order: the run's budget over the inferences, except for claims with a confidence of
    /// their own. A control's effect is large by design and needs few worlds at any level, so a control weighs
    /// a quarter of a claim.
    fn alphas(&self) -> Result<Vec<f64>, VerifyError> {
        const CONTROL_WEIGHT: f64 = 0.25;
        let claims: Vec<(bool, &Claim)> = self.claims().collect();
        let weighs = |c: &Claim| c.statistic != Statistic::EveryWorld && c.confidence.is_none();
        let weights: Vec<f64> = (claims.iter().filter(|(_, c)| weighs(c)))
            .map(|(is_control, _)| if *is_control { CONTROL_WEIGHT } else { 1.0 })
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
        self.theorems.iter().flat_map(move |theorem| {
            let settings = std::iter::once(None).chain(theorem.controls.iter().map(Some));
            settings.flat_map(move |control| {
                self.claims_of(theorem, control)
                    .map(move |claim| (control.is_some(), claim))
            })
        })
    }

    /// The claims of a theorem, or of one of its controls, that this run's profile tests.
    fn claims_of<'a>(
        &self,
        theorem: &'a Theorem,
        control: Option<&'a Control>,
    ) -> impl Iterator<Item = &'a Claim> + use<'a> {
        let profile = self.profile;
        theorem.claims.iter().filter(move |claim| {
            claim.profile.is_none_or(|p| p == profile)
                && control.is_none_or(|c| c.refutes.contains(&claim.name))
        })
    }
}

/// The first 16 hexadecimal digits of the SHA-256 of what is asked for, in canonical JSON: of an experiment, its regime and procedure.
pub fn key(asked: &impl Serialize) -> String {
    let text = serde_json::to_string(asked)
        .unwrap_or_else(|e| unreachable!("plain values serialise: {e}"));
    let digest = Sha256::digest(text.as_bytes());
    digest
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
