//! Claims: a statistic of one quantity over worlds, and the band it must lie in.

use super::{Origin, Profile, Source};
use crate::statistics::{Band, Moment};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One bound on one quantity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// Name, unique in the theorem.
    pub name: String,
    /// A quantity of [`all_quantities`](crate::procedure::all_quantities).
    pub quantity: String,
    /// The statistic that summarises the quantity over worlds.
    #[serde(default)]
    pub statistic: Statistic,
    /// The claimed band of the statistic.
    pub band: Band,
    /// For `share`: the band in which a world counts as a success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<Band>,
    /// For `share`: bands in which other quantities must lie too for a world to count, by their
    /// names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub with: BTreeMap<String, Band>,
    /// For `mean`: the standard deviation over worlds expected if the mean were at the end of the
    /// band. The verdict is exact for every law without a world farther than five times this beyond
    /// the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
    /// The sources of the claim, its numbers and its form.
    #[serde(default, skip_serializing_if = "Origin::is_not_stated")]
    pub origin: Origin,
    /// A confidence of the claim's own, outside the run's family-wise budget.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    /// The claim's part of the run's family-wise budget, relative to the others'; 1 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<f64>,
    /// The only profile that tests the claim; every profile of the theorem when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
}

/// A summary of a quantity over worlds. A world in which the quantity is undefined counts
/// against the claim: it breaks [`EveryWorld`](Self::EveryWorld), is a failure to a share or a
/// bounded mean whose band has one end, and bars every other claim from being confirmed
/// ([`Undefined`](crate::verify::Undefined)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Statistic {
    /// Its mean over worlds lies in the band (asymptotic confidence sequence).
    #[default]
    Mean,
    /// Its mean over worlds, for a quantity within [0, 1], lies in the band (betting sequence,
    /// exact for every law).
    BoundedMean,
    /// The share of worlds in which it lies in `event`, and the quantities of `with` in their
    /// bands, is in the band (exact sequence).
    Share,
    /// It lies in the band in every world trained: no inference, one world outside refutes.
    EveryWorld,
    /// Its mean over worlds follows a power of the swept parameter whose exponent lies in the band.
    MeanExponent,
    /// Its standard deviation over worlds follows such a power.
    SpreadExponent,
}

impl Statistic {
    /// Returns the moment that follows a power law, for the two statistics of a sweep.
    pub fn moment(self) -> Option<Moment> {
        match self {
            Self::MeanExponent => Some(Moment::Mean),
            Self::SpreadExponent => Some(Moment::Spread),
            _ => None,
        }
    }
}

impl Claim {
    /// Returns true if a profile tests the claim, where it tests the theorem.
    pub fn is_tested(&self, profile: Profile) -> bool {
        self.profile.is_none_or(|only| only == profile)
    }

    /// The sources of its parts, by name.
    pub fn origins(&self) -> Vec<(&'static str, Source)> {
        self.origin.parts(self.event.unwrap_or(self.band))
    }

    /// The standard deviation over worlds expected at the end of the band: `scale` if given, else
    /// half the band's width, else the distance of its one end from 0.
    pub fn expected_spread(&self) -> f64 {
        let ends = (self.band.lower, self.band.upper);
        self.scale.unwrap_or(match ends {
            (Some(lower), Some(upper)) => (upper - lower) / 2.0,
            (Some(end), None) | (None, Some(end)) => end.abs(),
            (None, None) => 1.0,
        })
    }
}
