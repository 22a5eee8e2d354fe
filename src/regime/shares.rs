//! The number of patches that carry a feature, and their shares of its weight.

use crate::field::{FieldError, require};
use rand::{Rng, RngExt};
use rand_distr::Exp1;
use serde::{Deserialize, Serialize};

/// Most patches of one feature.
const MOST: usize = 64;

/// `C_p`: the patches that carry one feature, and their shares of its total weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "expected a number of patches, or a range [least, most]"
)]
pub enum FeaturePatches {
    /// This many, all with an equal share (**choice**).
    Equal(usize),
    /// A number drawn uniformly from this range for each feature of each input, and shares drawn
    /// uniformly from the simplex (**choice**).
    Random([usize; 2]),
}

impl Default for FeaturePatches {
    fn default() -> Self {
        Self::Equal(1)
    }
}

impl From<usize> for FeaturePatches {
    fn from(count: usize) -> Self {
        Self::Equal(count)
    }
}

impl FeaturePatches {
    /// The fewest patches of a feature.
    pub fn least(self) -> usize {
        match self {
            Self::Equal(count) | Self::Random([count, _]) => count,
        }
    }

    /// The most patches of a feature.
    pub fn most(self) -> usize {
        match self {
            Self::Equal(count) | Self::Random([_, count]) => count,
        }
    }

    /// The expected number of patches of a feature.
    pub fn mean(self) -> f64 {
        (self.least() + self.most()) as f64 / 2.0
    }

    /// `E Σ_p f(u_p)` over the shares `u_p` of one feature's patches.
    ///
    /// Each of `C` shares that are uniform on the simplex has the density `(C − 1)(1 − u)^{C−2}`,
    /// summed here at the midpoints of 4,096 intervals: for the 64 patches at most it changes by a
    /// sixty-fourth of its scale within one.
    pub fn expected_sum(self, f: impl Fn(f64) -> f64) -> f64 {
        const INTERVALS: u32 = 4096;
        let [least, most] = match self {
            Self::Equal(count) => return count as f64 * f(1.0 / count as f64),
            Self::Random(range) => range,
        };
        let width = 1.0 / f64::from(INTERVALS);
        let of = |count: usize| match count {
            1 => f(1.0),
            _ => {
                let middles = (0..INTERVALS).map(|i| (f64::from(i) + 0.5) * width);
                let sum: f64 = middles
                    .map(|u| (1.0 - u).powi(count as i32 - 2) * f(u))
                    .sum();
                (count * (count - 1)) as f64 * width * sum
            }
        };
        (least..=most).map(of).sum::<f64>() / (most - least + 1) as f64
    }

    /// `E Σ_p u_p^q`.
    pub fn expected_power_sum(self, exponent: u32) -> f64 {
        self.expected_sum(|share| share.powi(exponent as i32))
    }

    /// Draws the weights `z_p` of one feature's patches, which add up to `total`. Equal shares use
    /// no random number.
    pub(crate) fn split(self, total: f64, rng: &mut (impl Rng + ?Sized)) -> Vec<f64> {
        let [least, most] = match self {
            Self::Equal(count) => return vec![total / count as f64; count],
            Self::Random(range) => range,
        };
        // Exponentials divided by their sum are uniform on the simplex.
        let count = rng.random_range(least..=most);
        let drawn: Vec<f64> = (0..count).map(|_| rng.sample(Exp1)).collect();
        let sum: f64 = drawn.iter().sum();
        drawn.iter().map(|share| total * (share / sum)).collect()
    }

    pub(super) fn validate(self) -> Result<(), FieldError> {
        let field = "data.patches_per_feature";
        match self {
            Self::Equal(count) => require(
                (1..=MOST).contains(&count),
                field,
                count,
                format!("1 to {MOST}, or a range [least, most] within it"),
            ),
            Self::Random([least, most]) => require(
                1 <= least && least <= most && most <= MOST,
                field,
                [least, most],
                format!("[least, most] with 1 ≤ least ≤ most ≤ {MOST}"),
            ),
        }
    }
}
