//! The facade the rest of the program uses: a claim watched world by world.

use crate::field::{FieldError, require};
use serde::{Deserialize, Deserializer, Serialize};

use super::{
    AsymptoticSequence, Band, HedgedBetting, Interval, ShareSequence, Summary, Verdict, asymptotic,
    decide,
};

/// A bound on a claim's mean over worlds; the [module](super) says which to choose.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case",
    deny_unknown_fields
)]
pub enum Method {
    /// Worlds without a known range ([`asymptotic`]).
    Asymptotic {
        /// Standard deviation expected of a world if the mean were at the end of the band, in the
        /// unit of the observations. For a loss that must be small it is about the bound: 0.01 for
        /// "≤ 0.01".
        scale: f64,
        /// Worlds before the sequence may speak.
        #[serde(default = "default_minimum_worlds")]
        minimum_worlds: u64,
    },
    /// Worlds known to lie in `[lower, upper]` ([`betting`](super::betting)).
    Betting {
        /// Least possible value of a world.
        lower: f64,
        /// Greatest possible value of a world.
        upper: f64,
    },
    /// Worlds that succeed (1) or fail (0) ([`share`](super::share)).
    Share,
}

fn default_minimum_worlds() -> u64 {
    asymptotic::MINIMUM_WORLDS
}

/// The state of a claim after some worlds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Worlds seen, with those that have no number.
    pub worlds: u64,
    /// Their mean (0 before the first; NaN, in JSON null, where there is no number to average).
    #[serde(deserialize_with = "null_is_nan")]
    pub mean: f64,
    /// Their standard deviation (0 before the second; NaN as the mean).
    #[serde(deserialize_with = "null_is_nan")]
    pub standard_deviation: f64,
    /// The time-uniform interval for the mean, after all worlds seen.
    pub interval: Interval,
    /// The verdict; once reached it stays.
    pub verdict: Verdict,
    /// Worlds that had been seen when the verdict was reached.
    pub decided_after: Option<u64>,
    /// Worlds it took, or would likely take at the present mean and spread, to decide; none if that
    /// cannot be told.
    pub worlds_needed: Option<u64>,
}

fn null_is_nan<'de, D: Deserializer<'de>>(number: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(number)?.unwrap_or(f64::NAN))
}

#[derive(Debug, Clone)]
enum Process {
    Asymptotic(AsymptoticSequence),
    Betting(HedgedBetting),
    Share(ShareSequence),
}

/// A claim watched world by world. Feed the observations in world order.
///
/// The first verdict stays: the level bounds the probability that a wrong one is *ever* reached, so
/// worlds seen after it refine the interval and cannot take the verdict back.
///
/// A world that has no number ([`observe_undefined`](Self::observe_undefined)) counts against the
/// claim. For a share, or a mean within a known range, and a band with one end, it is the value at
/// the far end of the range: a failure, for "at least". Elsewhere no value stands in for it: no
/// mean over worlds exists, so the claim is never confirmed, and a confirmation reached before is
/// taken back. It may still be refuted by the worlds that have a number.
///
/// In a negative control ([`of_control`](Self::of_control)) such a world counts against the
/// refutation that is expected there: it is a success where a value can stand in for it, and bars
/// a refutation elsewhere. It bars a confirmation too, since it shows nothing.
#[derive(Debug, Clone)]
pub struct Sequence {
    band: Band,
    process: Process,
    summary: Summary,
    decision: Option<(Verdict, u64)>,
    range: Interval,
    /// The value that stands in for a world without a number, where a value of the range is against
    /// the verdict that is expected.
    stand_in: Option<f64>,
    /// True in a negative control, where the claim must be refuted.
    control: bool,
    /// Worlds without a number for which a value stands in.
    replaced: u64,
    /// Worlds without a number for which no value stands in.
    left_out: u64,
}

impl Sequence {
    /// Watches the claim that the mean over worlds lies in `band`, with probability at most `alpha`
    /// of ever reaching a wrong verdict. `worlds_budget` is the number of worlds the run may use:
    /// the asymptotic sequence is tuned to be tightest near half of it.
    ///
    /// An end of the band at or beyond the end of the method's range claims nothing, and costs
    /// nothing of `alpha`.
    ///
    /// # Errors
    /// If the band or one of the parameters is out of range, or every end of the band lies beyond
    /// the method's range.
    pub fn new(
        method: Method,
        band: Band,
        alpha: f64,
        worlds_budget: u64,
    ) -> Result<Self, FieldError> {
        band.validate("band")?;
        require(
            worlds_budget > 0,
            "worlds_budget",
            worlds_budget,
            "at least 1",
        )?;
        let range = match method {
            Method::Asymptotic { .. } => Interval::EVERYTHING,
            Method::Betting { lower, upper } => Interval { lower, upper },
            Method::Share => Interval {
                lower: 0.0,
                upper: 1.0,
            },
        };
        let band = Band {
            lower: band.lower.filter(|&end| end > range.lower),
            upper: band.upper.filter(|&end| end < range.upper),
        };
        require(
            band.ends().count() > 0,
            "band",
            band,
            format_args!("narrower than the range {range}"),
        )?;
        let sides = band.sides();
        let stand_in = far_end(&band, &range);
        let process = match method {
            Method::Asymptotic {
                scale,
                minimum_worlds,
            } => {
                let target = worlds_budget.div_ceil(2);
                let sequence =
                    AsymptoticSequence::new(alpha, sides, target, scale, minimum_worlds)?;
                Process::Asymptotic(sequence)
            }
            Method::Betting { .. } => Process::Betting(HedgedBetting::new(alpha, sides, range)?),
            Method::Share => Process::Share(ShareSequence::new(alpha, sides)?),
        };
        Ok(Self {
            band,
            process,
            summary: Summary::default(),
            decision: None,
            range,
            stand_in,
            control: false,
            replaced: 0,
            left_out: 0,
        })
    }

    /// Watches the claim in a negative control, before the first world.
    #[must_use]
    pub fn of_control(mut self) -> Self {
        let claimed = Band {
            lower: self.band.upper,
            upper: self.band.lower,
        };
        self.stand_in = far_end(&claimed, &self.range);
        self.control = true;
        self
    }

    /// Returns true if worlds without a number leave room for a verdict.
    fn may_stand(&self, verdict: Verdict) -> bool {
        match verdict {
            Verdict::Confirmed => self.left_out + if self.control { self.replaced } else { 0 } == 0,
            Verdict::Refuted => !self.control || self.left_out == 0,
            Verdict::Undecided => true,
        }
    }

    /// Adds the next world.
    ///
    /// # Errors
    /// If `value` is not finite or outside the method's range; the sequence is then unchanged.
    pub fn observe(&mut self, value: f64) -> Result<(), FieldError> {
        match &mut self.process {
            Process::Asymptotic(process) => process.observe(value),
            Process::Betting(process) => process.observe(value),
            Process::Share(process) => process.observe(value),
        }?;
        self.summary.push(value)?;
        if self.decision.is_none() {
            let verdict = match &self.process {
                Process::Asymptotic(process) => process.verdict(&self.band),
                Process::Betting(_) | Process::Share(_) => decide(&self.interval(), &self.band),
            };
            let decided = verdict != Verdict::Undecided && self.may_stand(verdict);
            self.decision = decided.then_some((verdict, self.worlds()));
        }
        Ok(())
    }

    /// Adds the next world, which has no number: it counts against the verdict that is expected, as
    /// the documentation of the [type](Self) says.
    ///
    /// # Errors
    /// None that a valid sequence can have; those of [`observe`](Self::observe).
    pub fn observe_undefined(&mut self) -> Result<(), FieldError> {
        match self.stand_in {
            Some(_) => self.replaced += 1,
            None => self.left_out += 1,
        }
        self.decision = self.decision.filter(|(v, _)| self.may_stand(*v));
        self.stand_in.map_or(Ok(()), |value| self.observe(value))
    }

    fn worlds(&self) -> u64 {
        self.summary.count + self.left_out
    }

    /// The time-uniform interval after the worlds so far.
    pub fn interval(&self) -> Interval {
        match &self.process {
            Process::Asymptotic(process) => process.interval(),
            Process::Betting(process) => process.interval(),
            Process::Share(process) => process.interval(),
        }
    }

    /// The verdict so far.
    pub fn verdict(&self) -> Verdict {
        self.decision
            .map_or(Verdict::Undecided, |(verdict, _)| verdict)
    }

    /// Everything known after the worlds so far.
    pub fn estimate(&self) -> Estimate {
        let decided_after = self.decision.map(|(_, worlds)| worlds);
        let forecast = || match &self.process {
            Process::Asymptotic(process) => process.worlds_needed(&self.band),
            Process::Betting(process) => process.worlds_needed(&self.band),
            Process::Share(process) => process.worlds_needed(&self.band),
        };
        // Worlds without a number alone have no mean.
        let known = |x| {
            if self.summary.count == 0 && self.left_out > 0 {
                f64::NAN
            } else {
                x
            }
        };
        let open = self.may_stand(Verdict::Confirmed);
        Estimate {
            worlds: self.worlds(),
            mean: known(self.summary.mean),
            standard_deviation: known(self.summary.standard_deviation()),
            interval: self.interval(),
            verdict: self.verdict(),
            decided_after,
            worlds_needed: decided_after.or_else(|| forecast().filter(|_| open)),
        }
    }
}

/// The end of the range that lies outside a band with one end, if it is finite.
fn far_end(band: &Band, range: &Interval) -> Option<f64> {
    let end = match (band.lower, band.upper) {
        (Some(_), None) => range.lower,
        (None, Some(_)) => range.upper,
        _ => return None,
    };
    end.is_finite().then_some(end)
}
