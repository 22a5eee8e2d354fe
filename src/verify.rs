//! Deciding theorems: which worlds to train, and when the evidence suffices.
//!
//! Theorems that share a regime share their worlds. Each claim is watched world by world, in the order of
//! the worlds' indices whatever the order in which threads finish them, so a verdict does not depend on
//! the number of threads; an experiment stops when all its claims are settled or its budget is spent.

use crate::allocation::{Standing, deal};
use crate::procedure::{Procedure, WorldOutcome, run_world};
use crate::random_features::RandomFeatureError;
use crate::record::{Kept, Record, RecordError, WorldRecord, Worlds};
use crate::regime::{Regime, RegimeError};
use crate::seed::WorldSeed;
use crate::statistics::{
    Band, ErrorBudget, Estimate, Interval, Method, PowerLaw, Sequence, StatisticsError, Summary,
    Verdict, decide, exponent,
};
use crate::theorem::{Claim, Control, Profile, Setting, Statistic, Theorem};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use thiserror::Error;

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

/// A run that cannot begin or go on.
#[derive(Debug, Error)]
pub enum VerifyError {
    /// A control's regime is out of range.
    #[error(transparent)]
    Regime(#[from] RegimeError),
    /// A claim's sequence cannot be set up or fed.
    #[error(transparent)]
    Statistics(#[from] StatisticsError),
    /// The record cannot be written.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A read-out over random features cannot be solved.
    #[error(transparent)]
    RandomFeatures(#[from] RandomFeatureError),
    /// A claim names something its world did not measure.
    #[error("world {world} of {theorem} has no quantity {quantity}")]
    Unmeasured {
        /// The theorem.
        theorem: String,
        /// The quantity.
        quantity: String,
        /// The world.
        world: u64,
    },
}

/// One claim's outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The theorem.
    pub theorem: String,
    /// The negative control, if it is one.
    pub control: Option<String>,
    /// The claim.
    pub claim: String,
    /// What was measured in each world.
    pub quantity: String,
    /// What is said of it over worlds.
    pub statistic: Statistic,
    /// The claimed band.
    pub band: Band,
    /// The band in which a world counts as a success, for a share.
    pub event: Option<Band>,
    /// The claim's own share of the error budget.
    pub alpha: f64,
    /// Mean, spread, interval and verdict.
    pub estimate: Estimate,
    /// What the theory expects: confirmed, or refuted for a negative control.
    pub expected: Verdict,
    /// For an exponent: the points and the fitted power law, once every world of the sweep is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power_law: Option<PowerLaw>,
    /// Keys of the experiments in the record: one, or one for each value of a sweep.
    pub experiments: Vec<String>,
}

impl Finding {
    /// Whether the verdict is the one the theory expects.
    pub fn as_expected(&self) -> bool {
        self.estimate.verdict == self.expected
    }
}

/// What a run reports.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// What was asked (regimes and claims are in its theorems).
    pub plan: Plan,
    /// The findings, in the order of theorems, claims, controls.
    pub findings: Vec<Finding>,
    /// Gradient steps taken in the worlds that count.
    pub steps: u64,
    /// Worlds that count, over all experiments.
    pub worlds: u64,
}

impl Report {
    /// The findings in the theorems' own regimes.
    pub fn own(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|f| f.control.is_none())
    }

    /// The findings in negative controls.
    pub fn controls(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|f| f.control.is_some())
    }

    /// The verdict on the whole: refuted if any finding is the opposite of what the theory expects, else
    /// undecided if any is open, else confirmed.
    pub fn verdict(&self) -> Verdict {
        let open = |f: &Finding| f.estimate.verdict == Verdict::Undecided;
        if self.findings.iter().any(|f| !f.as_expected() && !open(f)) {
            Verdict::Refuted
        } else if self.findings.iter().any(open) {
            Verdict::Undecided
        } else {
            Verdict::Confirmed
        }
    }
}

/// What happens during a run, for whoever shows it.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// A world begins.
    Started {
        /// The experiment.
        experiment: &'a Experiment,
        /// The world.
        world: u64,
    },
    /// A world is in the record.
    Finished {
        /// The experiment, with all claims as they now stand.
        experiment: &'a Experiment,
        /// The world.
        world: u64,
    },
}

/// Worlds of one regime and procedure, and the claims watched on them.
#[derive(Clone, Debug)]
pub struct Experiment {
    /// Hash of the regime and the procedure.
    pub key: String,
    /// Theorem, or theorem and control, for a reader.
    pub title: String,
    /// Largest number of worlds.
    pub budget: u64,
    /// Worlds that it may see in the present round: all of its budget, unless there is a total.
    allowed: u64,
    regime: Regime,
    procedure: Procedure,
    watches: Vec<Watch>,
    outcomes: BTreeMap<u64, WorldOutcome>,
    in_flight: u64,
    next: u64,
    /// Worlds that count: the prefix that the claims have seen.
    seen: u64,
    steps: u64,
}

/// A claim watched on the worlds of an experiment.
#[derive(Clone, Debug)]
struct Watch {
    order: usize,
    theorem: String,
    control: Option<String>,
    claim: Claim,
    alpha: f64,
    /// The value of the swept parameter, for an exponent.
    at: Option<f64>,
    process: Process,
}

#[derive(Clone, Debug)]
enum Process {
    Inference(Sequence),
    /// No inference: one world outside the band refutes.
    Every {
        seen: Summary,
        range: Option<Interval>,
        broken_after: Option<u64>,
    },
    /// One point of a power law: decided with the others, when all worlds are there.
    Point(Vec<f64>),
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
    fn experiments(&self) -> Result<Vec<Experiment>, VerifyError> {
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
                    enlist(
                        &mut experiments,
                        Experiment::new(title, setting.with(&value.set)?, budget, watches),
                    );
                }
            }
        }
        for experiment in &mut experiments {
            experiment.key = key(&experiment.regime, &experiment.procedure);
        }
        Ok(experiments)
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

    /// The experiments with the worlds of a record, before they have seen any.
    fn with_worlds(&self, worlds: &Worlds) -> Result<Vec<Experiment>, VerifyError> {
        let mut experiments = self.experiments()?;
        for experiment in &mut experiments {
            for ((key, world), outcome) in worlds {
                if *key == experiment.key {
                    experiment.outcomes.insert(*world, outcome.clone());
                }
            }
        }
        Ok(experiments)
    }

    /// Begins a round: says how many worlds each experiment may see, and shows it those that it has. Whether there is a round.
    fn begin_round(&self, experiments: &mut [Experiment]) -> Result<bool, VerifyError> {
        let standings: Vec<Standing> = experiments.iter().map(Experiment::standing).collect();
        let allowed = match self.total_worlds {
            Some(total) => deal(total, &standings),
            None => standings.iter().map(|s| s.most).collect(),
        };
        let mut begun = false;
        for (experiment, allowed) in experiments.iter_mut().zip(allowed) {
            if allowed > experiment.allowed {
                begun = true;
                experiment.allowed = allowed;
                experiment.observe()?;
            }
        }
        Ok(begun)
    }

    /// What a record says, without training; `None` while it lacks worlds that the claims need.
    ///
    /// # Errors
    /// A control out of range, or a world without a quantity that a claim needs.
    pub fn replay(&self, worlds: &Worlds) -> Result<Option<Report>, VerifyError> {
        let mut experiments = self.with_worlds(worlds)?;
        while self.begin_round(&mut experiments)? {
            if experiments.iter().any(Experiment::open) {
                return Ok(None);
            }
        }
        Ok(Some(self.report(&experiments)))
    }

    /// Trains the worlds that `record` lacks, on `threads` threads, until every claim is settled or its budget
    /// spent. `listen` is told of each world as it begins and ends.
    ///
    /// # Errors
    /// A control out of range, or a record that cannot be written; worlds finished before are kept.
    pub fn run(
        &self,
        record: &mut Record,
        kept: Kept,
        threads: usize,
        listen: &(dyn Fn(Event) + Sync),
    ) -> Result<Report, VerifyError> {
        let mut experiments = self.with_worlds(&kept.worlds)?;
        while self.begin_round(&mut experiments)? {
            self.train(&mut experiments, record, threads, listen)?;
        }
        Ok(self.report(&experiments))
    }

    /// Trains what a round lacks.
    fn train(
        &self,
        experiments: &mut [Experiment],
        record: &mut Record,
        threads: usize,
        listen: &(dyn Fn(Event) + Sync),
    ) -> Result<(), VerifyError> {
        let state = Mutex::new((experiments, record, None::<VerifyError>));
        let lock = || state.lock().unwrap_or_else(PoisonError::into_inner);
        let work = || {
            loop {
                let (index, world, regime, procedure) = {
                    let mut guard = lock();
                    if guard.2.is_some() {
                        return;
                    }
                    let Some((index, world)) = next_world(guard.0) else {
                        return;
                    };
                    let experiment = &guard.0[index];
                    listen(Event::Started { experiment, world });
                    (
                        index,
                        world,
                        experiment.regime.clone(),
                        experiment.procedure.clone(),
                    )
                };
                let outcome = run_world(
                    &regime,
                    &procedure,
                    WorldSeed {
                        experiment: self.seed,
                        world,
                    },
                );
                let mut guard = lock();
                let (experiments, record, failure) = &mut *guard;
                let experiment = &mut experiments[index];
                experiment.in_flight -= 1;
                let keep = || {
                    let line = WorldRecord {
                        experiment: experiment.key.clone(),
                        world,
                        outcome: outcome?,
                    };
                    record.append(&line)?;
                    experiment.outcomes.insert(world, line.outcome);
                    experiment.observe()
                };
                match keep() {
                    Ok(()) => listen(Event::Finished { experiment, world }),
                    Err(error) => *failure = Some(error),
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..threads.max(1) {
                scope.spawn(work);
            }
        });
        let (_, _, failure) = state.into_inner().unwrap_or_else(PoisonError::into_inner);
        failure.map_or(Ok(()), Err)
    }

    fn report(&self, experiments: &[Experiment]) -> Report {
        let mut watches: BTreeMap<usize, Vec<(&Watch, &str)>> = BTreeMap::new();
        for experiment in experiments {
            for watch in &experiment.watches {
                let of_claim = watches.entry(watch.order).or_default();
                of_claim.push((watch, &experiment.key));
            }
        }
        Report {
            plan: self.clone(),
            findings: watches.values().map(|of_claim| finding(of_claim)).collect(),
            steps: experiments.iter().map(|e| e.steps).sum(),
            worlds: experiments.iter().map(|e| e.seen).sum(),
        }
    }
}

/// Adds an experiment, or its watches to one whose worlds serve both.
fn enlist(experiments: &mut Vec<Experiment>, new: Experiment) {
    let shared = experiments.iter_mut().find_map(|e| {
        let same = e.budget == new.budget && e.regime == new.regime;
        let merged = e.procedure.merged(&new.procedure).filter(|_| same)?;
        Some((e, merged))
    });
    match shared {
        Some((experiment, merged)) => {
            experiment.procedure = merged;
            experiment.title = format!("{}, {}", experiment.title, new.title);
            experiment.watches.extend(new.watches);
        }
        None => experiments.push(new),
    }
}

/// The world to train next: of the open experiment with the fewest worlds in flight, so that threads
/// speculate on one experiment only when no other is open.
fn next_world(experiments: &mut [Experiment]) -> Option<(usize, u64)> {
    for experiment in experiments.iter_mut() {
        while experiment.outcomes.contains_key(&experiment.next) {
            experiment.next += 1;
        }
    }
    let open = experiments
        .iter_mut()
        .enumerate()
        .filter(|(_, e)| e.open() && e.next < e.allowed);
    let (index, experiment) = open.min_by_key(|(_, e)| e.in_flight)?;
    let world = experiment.next;
    experiment.in_flight += 1;
    experiment.next += 1;
    Some((index, world))
}

impl Experiment {
    fn new(
        title: String,
        Setting { regime, procedure }: Setting,
        budget: u64,
        watches: Vec<Watch>,
    ) -> Self {
        Self {
            key: String::new(),
            title,
            budget,
            allowed: 0,
            regime,
            procedure,
            watches,
            outcomes: BTreeMap::new(),
            in_flight: 0,
            next: 0,
            seen: 0,
            steps: 0,
        }
    }

    /// Whether no claim needs another world. A claim on every world asks for none beside one with inference, and alone
    /// for the whole budget, unless a world has broken it.
    pub fn settled(&self) -> bool {
        let alone = (self.watches.iter()).all(|w| matches!(w.process, Process::Every { .. }));
        self.seen > 0
            && self.watches.iter().all(|w| match &w.process {
                Process::Inference(sequence) => sequence.verdict() != Verdict::Undecided,
                Process::Every { broken_after, .. } => !alone || broken_after.is_some(),
                Process::Point(_) => self.seen >= self.budget,
            })
    }

    /// Whether it may see another world in this round, and needs it.
    fn open(&self) -> bool {
        !self.settled() && self.seen < self.allowed
    }

    fn standing(&self) -> Standing {
        let needs = |watch: &Watch| match &watch.process {
            Process::Inference(sequence) if sequence.verdict() == Verdict::Undecided => {
                let forecast = sequence.estimate().worlds_needed;
                forecast.map_or(u64::MAX, |worlds| worlds.saturating_sub(self.seen))
            }
            Process::Inference(_) | Process::Every { .. } => 0,
            Process::Point(_) => self.budget - self.seen,
        };
        Standing {
            seen: self.seen,
            most: self.budget,
            needs: (!self.settled())
                .then(|| self.watches.iter().map(needs).max().unwrap_or_default()),
        }
    }

    /// Shows the claims every world that follows on the last one they have seen.
    fn observe(&mut self) -> Result<(), VerifyError> {
        while self.open() {
            let Some(outcome) = self.outcomes.get(&self.seen) else {
                break;
            };
            for watch in &mut self.watches {
                watch.observe(outcome, self.seen)?;
            }
            self.steps += outcome.models.iter().map(|m| m.steps as u64).sum::<u64>();
            self.seen += 1;
        }
        Ok(())
    }

    /// Worlds that count so far.
    pub fn worlds(&self) -> u64 {
        self.seen
    }

    /// The claims as they stand.
    pub fn findings(&self) -> impl Iterator<Item = Finding> {
        self.watches.iter().map(|w| finding(&[(w, &self.key)]))
    }
}

impl Watch {
    fn new(
        order: usize,
        theorem: &Theorem,
        control: Option<String>,
        claim: &Claim,
        alpha: f64,
        at: Option<f64>,
        budget: u64,
    ) -> Result<Self, VerifyError> {
        let minimum_worlds = crate::statistics::asymptotic::MINIMUM_WORLDS;
        let method = match claim.statistic {
            Statistic::Mean => Some(Method::Asymptotic {
                scale: claim.expected_spread(),
                minimum_worlds,
            }),
            Statistic::BoundedMean => Some(Method::Betting {
                lower: 0.0,
                upper: 1.0,
            }),
            Statistic::Share => Some(Method::Share),
            Statistic::EveryWorld | Statistic::MeanExponent | Statistic::SpreadExponent => None,
        };
        let process = match (method, at) {
            (Some(method), _) => {
                Process::Inference(Sequence::new(method, claim.band, alpha, budget)?)
            }
            (None, Some(_)) => Process::Point(Vec::new()),
            (None, None) => Process::Every {
                seen: Summary::default(),
                range: None,
                broken_after: None,
            },
        };
        Ok(Self {
            order,
            theorem: theorem.name.clone(),
            control,
            claim: claim.clone(),
            alpha,
            at,
            process,
        })
    }

    fn observe(&mut self, outcome: &WorldOutcome, world: u64) -> Result<(), VerifyError> {
        let claim = &self.claim;
        let value =
            *outcome
                .quantities
                .get(&claim.quantity)
                .ok_or_else(|| VerifyError::Unmeasured {
                    theorem: self.theorem.clone(),
                    quantity: claim.quantity.clone(),
                    world,
                })?;
        let within = |band: Band| Interval::from(band).contains(value);
        match &mut self.process {
            Process::Point(values) => values.push(value),
            Process::Inference(sequence) => {
                let observation = claim.event.map_or(value, |event| f64::from(within(event)));
                sequence.observe(observation)?;
            }
            Process::Every {
                seen,
                range,
                broken_after,
            } => {
                seen.push(value)?;
                let (lower, upper) =
                    range.map_or((value, value), |r| (r.lower.min(value), r.upper.max(value)));
                *range = Some(Interval { lower, upper });
                if !within(claim.band) {
                    broken_after.get_or_insert(seen.count);
                }
            }
        }
        Ok(())
    }

    /// What one experiment says of the claim; of an exponent, its one point.
    fn estimate(&self) -> Estimate {
        match &self.process {
            Process::Inference(sequence) => sequence.estimate(),
            Process::Every {
                seen,
                range,
                broken_after,
            } => Estimate {
                worlds: seen.count,
                mean: seen.mean,
                standard_deviation: seen.standard_deviation(),
                interval: range.unwrap_or(Interval::EVERYTHING),
                verdict: match (broken_after, seen.count) {
                    (Some(_), _) => Verdict::Refuted,
                    (None, 0) => Verdict::Undecided,
                    (None, _) => Verdict::Confirmed,
                },
                decided_after: broken_after.or(Some(seen.count)),
                worlds_needed: None,
            },
            Process::Point(values) => {
                let seen = Summary::of(values).unwrap_or_default();
                Estimate {
                    worlds: seen.count,
                    mean: seen.mean,
                    standard_deviation: seen.standard_deviation(),
                    interval: Interval::EVERYTHING,
                    verdict: Verdict::Undecided,
                    decided_after: None,
                    worlds_needed: None,
                }
            }
        }
    }

    fn point(&self) -> Option<exponent::Point> {
        match &self.process {
            Process::Point(values) => {
                exponent::Point::of(self.claim.statistic.moment()?, self.at?, values).ok()
            }
            _ => None,
        }
    }
}

/// A claim's outcome, from its watch on one experiment, or on each of those of a sweep.
fn finding(watches: &[(&Watch, &str)]) -> Finding {
    let (watch, _) = watches[0];
    let points: Vec<exponent::Point> = watches.iter().filter_map(|(w, _)| w.point()).collect();
    let power_law = PowerLaw::fit(points);
    let estimate = match &power_law {
        None => watch.estimate(),
        Some(law) => {
            let interval = law.interval(&watch.claim.band, watch.alpha);
            let worlds = law.points.iter().map(|p| p.worlds).sum();
            Estimate {
                worlds,
                mean: law.exponent,
                standard_deviation: law.standard_error,
                interval,
                verdict: decide(&interval, &watch.claim.band),
                decided_after: Some(worlds),
                worlds_needed: None,
            }
        }
    };
    Finding {
        theorem: watch.theorem.clone(),
        control: watch.control.clone(),
        claim: watch.claim.name.clone(),
        quantity: watch.claim.quantity.clone(),
        statistic: watch.claim.statistic,
        band: watch.claim.band,
        event: watch.claim.event,
        alpha: watch.alpha,
        estimate,
        expected: if watch.control.is_some() {
            Verdict::Refuted
        } else {
            Verdict::Confirmed
        },
        power_law,
        experiments: watches.iter().map(|(_, key)| (*key).into()).collect(),
    }
}

/// The first 16 hexadecimal digits of the SHA-256 of a regime and procedure in canonical JSON.
pub fn key(regime: &Regime, procedure: &Procedure) -> String {
    let text = serde_json::to_string(&(regime, procedure))
        .unwrap_or_else(|e| unreachable!("plain values serialise: {e}"));
    let digest = Sha256::digest(text.as_bytes());
    digest
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
