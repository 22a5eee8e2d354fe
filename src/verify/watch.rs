//! One claim, watched world by world, and what is found of it.

use super::error::VerifyError;
use crate::field::FieldError;
use crate::procedure::WorldOutcome;
use crate::statistics::{
    Band, Estimate, Interval, Method, PowerLaw, Sequence, Summary, Verdict, decide, exponent,
};
use crate::theorem::{Claim, Origin, Source, Statistic};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One claim's outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The theorem.
    pub theorem: String,
    /// The negative control, if it is one.
    pub control: Option<String>,
    /// The claim.
    pub claim: String,
    /// The quantity measured in each world.
    pub quantity: String,
    /// The statistic that summarises the quantity over worlds.
    pub statistic: Statistic,
    /// The claimed band.
    pub band: Band,
    /// The band in which a world counts as a success, for a share.
    pub event: Option<Band>,
    /// The bands in which other quantities of a world must lie too, for a share.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub with: BTreeMap<String, Band>,
    /// The sources of the claim, its numbers and its form.
    #[serde(default, skip_serializing_if = "Origin::is_not_stated")]
    pub origin: Origin,
    /// The claim's own share of the error budget.
    pub alpha: f64,
    /// Mean, spread, interval and verdict.
    pub estimate: Estimate,
    /// The verdict that the theory expects: confirmed, or refuted for a negative control.
    pub expected: Verdict,
    /// For an exponent: the points and the fitted power law, once every world of the sweep is
    /// there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power_law: Option<PowerLaw>,
    /// The reason why no power law can be fitted, for an exponent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undecidable: Option<String>,
    /// Worlds that have no number to be judged by, if there are any: they count against the verdict
    /// that is expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undefined: Option<Undefined>,
    /// Keys of the experiments in the record: one, or one for each value of a sweep.
    pub experiments: Vec<String>,
}

impl Finding {
    /// The sources of the parts of the claim, by name.
    pub fn origins(&self) -> Vec<(&'static str, Source)> {
        self.origin.parts(self.event.unwrap_or(self.band))
    }

    /// Returns true if the verdict is the one that the theory expects.
    pub fn as_expected(&self) -> bool {
        self.estimate.verdict == self.expected
    }
}

/// Worlds in which a quantity has no number, or a number that the claim's statistic does not
/// accept.
///
/// They count against the claim. One of them breaks a claim on every world. To a share, or a mean
/// within a known range, they are failures ([`Sequence`] says of which kind); a mean, or an
/// exponent, can then only be refuted or left undecided. In a negative control, where the claim
/// must be refuted, they count against the refutation: one that shows nothing breaks no claim, is
/// a success to a share or such a mean, and leaves a mean or an exponent undecided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Undefined {
    /// Their number.
    pub worlds: u64,
    /// Index of the first.
    pub first: u64,
    /// The reason why that one has no number.
    pub reason: String,
}

/// A claim of a run, and where it is asked.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// Place among the claims of the run.
    pub(super) order: usize,
    pub(super) theorem: String,
    pub(super) control: Option<String>,
    pub(super) claim: Claim,
    /// Its share of the error budget.
    pub(super) alpha: f64,
    /// The value of the swept parameter, for an exponent.
    pub(super) at: Option<f64>,
}

/// A claim watched on the worlds of an experiment.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    pub(super) asked: Asked,
    pub(super) rule: Rule,
    undefined: Option<Undefined>,
}

#[derive(Clone, Debug)]
pub(super) enum Rule {
    Inference(Box<Sequence>),
    /// No inference: one world outside the band refutes.
    Every {
        seen: Summary,
        range: Option<Interval>,
        broken_after: Option<u64>,
    },
    /// One point of a power law: decided with the others, when all worlds are there.
    Point(Vec<f64>),
}

impl Watch {
    pub(super) fn new(asked: Asked, budget: u64) -> Result<Self, VerifyError> {
        let Asked {
            claim, alpha, at, ..
        } = &asked;
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
        let rule = match (method, at) {
            (Some(method), _) => {
                let sequence = Sequence::new(method, claim.band, *alpha, budget)?;
                Rule::Inference(Box::new(match asked.control {
                    Some(_) => sequence.of_control(),
                    None => sequence,
                }))
            }
            (None, Some(_)) => Rule::Point(Vec::new()),
            (None, None) => Rule::Every {
                seen: Summary::default(),
                range: None,
                broken_after: None,
            },
        };
        Ok(Self {
            asked,
            rule,
            undefined: None,
        })
    }

    /// Shows the claim the next world, number `world`.
    pub(super) fn observe(&mut self, outcome: &WorldOutcome, world: u64) {
        let number = |name: &String| match outcome.quantities.get(name) {
            Some(quantity) => quantity.get().map_err(String::from),
            None => Err("it is not measured".into()),
        };
        let others = self.asked.claim.with.iter();
        let others: Result<Vec<bool>, String> = others
            .map(|(name, band)| Ok(Interval::from(*band).contains(number(name)?)))
            .collect();
        let taken = number(&self.asked.claim.quantity).and_then(|value| {
            let all = others?.iter().all(|within| *within);
            self.push(value, all).map_err(|e| e.to_string())
        });
        if let Err(reason) = taken {
            self.push_undefined(world, reason);
        }
    }

    /// Takes the value of a world; `others` is true if the quantities beside it lie in their bands.
    fn push(&mut self, value: f64, others: bool) -> Result<(), FieldError> {
        let claim = &self.asked.claim;
        let within = |band: Band| Interval::from(band).contains(value);
        match &mut self.rule {
            Rule::Point(values) => {
                Summary::of(&[value])?; // as the mean over worlds will ask
                values.push(value);
            }
            Rule::Inference(sequence) => {
                let observation =
                    (claim.event).map_or(value, |event| f64::from(within(event) && others));
                sequence.observe(observation)?;
            }
            Rule::Every {
                seen,
                range,
                broken_after,
            } => {
                seen.push(value)?;
                let (lower, upper) =
                    range.map_or((value, value), |r| (r.lower.min(value), r.upper.max(value)));
                *range = Some(Interval { lower, upper });
                if !within(claim.band) {
                    broken_after.get_or_insert(seen.count + undefined_worlds(&self.undefined));
                }
            }
        }
        Ok(())
    }

    fn push_undefined(&mut self, world: u64, reason: String) {
        let undefined = self.undefined.get_or_insert(Undefined {
            worlds: 0,
            first: world,
            reason,
        });
        undefined.worlds += 1;
        match &mut self.rule {
            Rule::Point(_) => {}
            Rule::Inference(sequence) => sequence
                .observe_undefined()
                .unwrap_or_else(|e| unreachable!("an end of the range is within it: {e}")),
            // What has no number breaks a claim, and breaks none where it should be broken.
            Rule::Every { .. } if self.asked.control.is_some() => {}
            Rule::Every {
                seen, broken_after, ..
            } => {
                broken_after.get_or_insert(seen.count + undefined.worlds);
            }
        }
    }

    /// Returns the estimate of one experiment; for an exponent, its one point.
    fn estimate(&self) -> Estimate {
        match &self.rule {
            Rule::Inference(sequence) => sequence.estimate(),
            Rule::Every {
                seen,
                range,
                broken_after,
            } => {
                let worlds = seen.count + undefined_worlds(&self.undefined);
                Estimate {
                    mean: if seen.count > 0 || worlds == 0 {
                        seen.mean
                    } else {
                        f64::NAN
                    },
                    standard_deviation: seen.standard_deviation(),
                    interval: range.unwrap_or(Interval::EVERYTHING),
                    verdict: match broken_after {
                        Some(_) => Verdict::Refuted,
                        None if worlds == 0 || self.undefined.is_some() => Verdict::Undecided,
                        None => Verdict::Confirmed,
                    },
                    decided_after: broken_after.or(Some(worlds)),
                    ..nothing_said(worlds)
                }
            }
            Rule::Point(values) => {
                nothing_said(values.len() as u64 + undefined_worlds(&self.undefined))
            }
        }
    }

    fn point(&self) -> Option<exponent::Point> {
        match &self.rule {
            Rule::Point(values) => {
                exponent::Point::of(self.asked.claim.statistic.moment()?, self.asked.at?, values)
                    .ok()
            }
            _ => None,
        }
    }
}

fn undefined_worlds(undefined: &Option<Undefined>) -> u64 {
    undefined.as_ref().map_or(0, |u| u.worlds)
}

/// The estimate of a claim that this number of worlds has not begun to decide.
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
    let of_sweep = watches.len() > 1 && power_law.is_none();
    let undecidable = of_sweep
        .then(|| "no power law: a point is missing, is not above 0, or is of one world".into());
    let mut undefined = watches.iter().filter_map(|(w, _)| w.undefined.clone());
    let undefined = undefined.next().map(|first| Undefined {
        worlds: first.worlds + undefined.map(|u| u.worlds).sum::<u64>(),
        ..first
    });
    let worlds = watches.iter().map(|(w, _)| w.estimate().worlds).sum();
    let estimate = match power_law.as_ref().zip(watch.asked.claim.statistic.moment()) {
        None if of_sweep => nothing_said(worlds),
        None => watch.estimate(),
        Some((law, moment)) => {
            let interval = law.interval(moment, &watch.asked.claim.band, watch.asked.alpha);
            // Worlds that have no number are against the verdict that is expected.
            let verdict = match decide(&interval, &watch.asked.claim.band) {
                Verdict::Confirmed if undefined.is_some() => Verdict::Undecided,
                Verdict::Refuted if undefined.is_some() && watch.asked.control.is_some() => {
                    Verdict::Undecided
                }
                verdict => verdict,
            };
            Estimate {
                worlds,
                mean: law.exponent,
                standard_deviation: law.standard_error,
                interval,
                verdict,
                decided_after: Some(worlds),
                worlds_needed: None,
            }
        }
    };
    Finding {
        theorem: watch.asked.theorem.clone(),
        control: watch.asked.control.clone(),
        claim: watch.asked.claim.name.clone(),
        quantity: watch.asked.claim.quantity.clone(),
        statistic: watch.asked.claim.statistic,
        band: watch.asked.claim.band,
        event: watch.asked.claim.event,
        with: watch.asked.claim.with.clone(),
        origin: watch.asked.claim.origin.clone(),
        alpha: watch.asked.alpha,
        estimate,
        expected: if watch.asked.control.is_some() {
            Verdict::Refuted
        } else {
            Verdict::Confirmed
        },
        power_law,
        undecidable,
        undefined,
        experiments: watches.iter().map(|(_, key)| (*key).into()).collect(),
    }
}
