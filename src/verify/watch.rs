//! One claim, watched world by world, and what is found of it.

use super::error::VerifyError;
use crate::procedure::WorldOutcome;
use crate::statistics::{
    Band, Estimate, Interval, Method, PowerLaw, Sequence, StatisticsError, Summary, Verdict,
    decide, exponent,
};
use crate::theorem::{Claim, Statistic, Theorem};
use serde::{Deserialize, Serialize};

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
    /// Why the claim cannot be decided in this regime, whatever the number of worlds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undecidable: Option<String>,
    /// Keys of the experiments in the record: one, or one for each value of a sweep.
    pub experiments: Vec<String>,
}

impl Finding {
    /// Whether the verdict is the one the theory expects.
    pub fn as_expected(&self) -> bool {
        self.estimate.verdict == self.expected
    }
}

/// A claim watched on the worlds of an experiment.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    pub(super) order: usize,
    theorem: String,
    control: Option<String>,
    claim: Claim,
    alpha: f64,
    /// The value of the swept parameter, for an exponent.
    at: Option<f64>,
    pub(super) process: Process,
}

#[derive(Clone, Debug)]
pub(super) enum Process {
    Inference(Sequence),
    /// No inference: one world outside the band refutes.
    Every {
        seen: Summary,
        range: Option<Interval>,
        broken_after: Option<u64>,
    },
    /// One point of a power law: decided with the others, when all worlds are there.
    Point(Vec<f64>),
    /// A world has no such number, or one that the inference has no place for: the claim stays undecided.
    Undecidable {
        worlds: u64,
        reason: String,
    },
}

impl Watch {
    pub(super) fn new(
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

    /// Shows the claim the next world, number `world`.
    pub(super) fn observe(&mut self, outcome: &WorldOutcome, world: u64) {
        if let Process::Undecidable { worlds, .. } = &mut self.process {
            *worlds += 1;
            return;
        }
        let seen = match outcome.quantities.get(&self.claim.quantity) {
            Some(value) => self.push(*value).map_err(|e| e.to_string()),
            None => Err(format!("has no {}", self.claim.quantity)),
        };
        if let Err(reason) = seen {
            self.process = Process::Undecidable {
                worlds: world + 1,
                reason: format!("world {world}: {reason}"),
            };
        }
    }

    fn push(&mut self, value: f64) -> Result<(), StatisticsError> {
        let claim = &self.claim;
        let within = |band: Band| Interval::from(band).contains(value);
        match &mut self.process {
            Process::Undecidable { .. } => {}
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
            Process::Point(values) => nothing_said(values.len() as u64),
            Process::Undecidable { worlds, .. } => nothing_said(*worlds),
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

/// What is said of a claim that so many worlds have not begun to decide.
fn nothing_said(worlds: u64) -> Estimate {
    Estimate {
        worlds,
        mean: f64::NAN,
        standard_deviation: f64::NAN,
        interval: Interval::EVERYTHING,
        verdict: Verdict::Undecided,
        decided_after: None,
        worlds_needed: None,
    }
}

/// A claim's outcome, from its watch on one experiment, or on each of those of a sweep.
pub(super) fn finding(watches: &[(&Watch, &str)]) -> Finding {
    let (watch, _) = watches[0];
    let points: Vec<exponent::Point> = watches.iter().filter_map(|(w, _)| w.point()).collect();
    // Without one of its points the range would be another than claimed.
    let power_law = PowerLaw::fit(points).filter(|law| law.points.len() == watches.len());
    let reason = |w: &Watch| match &w.process {
        Process::Undecidable { reason, .. } => Some(reason.clone()),
        Process::Inference(_) | Process::Every { .. } | Process::Point(_) => None,
    };
    let of_sweep = watches.len() > 1 && power_law.is_none();
    let undecidable = watches.iter().find_map(|(w, _)| reason(w)).or_else(|| {
        of_sweep
            .then(|| "no power law: a point is missing, is not above 0, or is of one world".into())
    });
    let estimate = match power_law.as_ref().zip(watch.claim.statistic.moment()) {
        None if of_sweep => nothing_said(watches.iter().map(|(w, _)| w.estimate().worlds).sum()),
        None => watch.estimate(),
        Some((law, moment)) => {
            let interval = law.interval(moment, &watch.claim.band, watch.alpha);
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
        undecidable,
        experiments: watches.iter().map(|(_, key)| (*key).into()).collect(),
    }
}
