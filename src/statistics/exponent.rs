//! The exponent of the power law by which a mean, or a spread over worlds, grows or falls with a
//! parameter.
//!
//! At each value `x_j` of the parameter a fixed number of worlds gives an estimate `y_j` (their
//! mean, or their standard deviation) and its relative standard error `u_j` by the delta method.
//!
//! A claim speaks of the exponent over the whole range, from the smallest parameter to the largest,
//!
//! ```text
//! b = ln(y_last / y_first) / ln(x_last / x_first),   standard error √(u_first² + u_last²) / ln(x_last / x_first),
//! ```
//!
//! which supposes no law in between. The logarithm of an estimate from few worlds is skewed, so its
//! interval is not `b` ± a multiple of the standard error: a mean, or a variance, is taken to vary
//! as a `χ²` of the same relative variance, that is, of `2/u²` degrees of freedom (`1/(2u²)` for
//! the square of a standard deviation; Satterthwaite, Biometrics Bulletin 2(6), 1946), and the
//! ratio of two of them as an `F`, of which the longer tail is taken on both sides. Because `u` is
//! itself estimated, the tail's probability is that of Student's with the degrees of freedom of the
//! smaller sample. The interval is approximate. The tests calibrate it by simulation at the levels
//! and worlds of the shipped claims: it holds its level for counts and for normal worlds; for the
//! spread of worlds with an excess kurtosis of 3 it errs up to three times as often. It is for
//! worlds whose number was fixed beforehand: nothing is decided before the last one. Beside it
//! stands the line `ln y = a + b ln x` fitted to all points by least squares with weights `1/u_j²`,
//! whose `χ²` says how near to a power law they are.

use crate::field::FieldError;
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, FisherSnedecor, Normal, StudentsT};

use super::{Band, Interval, Summary};

/// The moment of the worlds that follows the power law.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// Their mean.
    Mean,
    /// Their standard deviation.
    Spread,
}

/// The worlds at one value of the parameter.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// The parameter `x`.
    pub at: f64,
    /// Number of worlds.
    pub worlds: u64,
    /// Their mean or standard deviation.
    pub value: f64,
    /// Its standard error.
    pub standard_error: f64,
}

/// A power law `y = e^a x^b` through points.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PowerLaw {
    /// The points, by increasing parameter.
    pub points: Vec<Point>,
    /// `b` from the first point to the last.
    pub exponent: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// `b` of the line fitted to all points.
    pub fitted_exponent: f64,
    /// Its standard error, were the line true.
    pub fitted_standard_error: f64,
    /// `a` of the fitted line.
    pub log_amplitude: f64,
    /// `χ²` of the points about the fitted line; the degrees of freedom are two fewer than the
    /// points.
    pub chi_squared: f64,
}

impl Point {
    /// The moment of `values`, and its standard error.
    ///
    /// A spread of zero over `n` worlds does not exclude what one world in `n` would show, so the
    /// relative standard error is never taken below `1/n`.
    ///
    /// # Errors
    /// If a value is not finite.
    pub fn of(moment: Moment, at: f64, values: &[f64]) -> Result<Self, FieldError> {
        let summary = Summary::of(values)?;
        let n = summary.count as f64;
        let (value, standard_error) = match moment {
            Moment::Mean => (summary.mean, summary.standard_error()),
            Moment::Spread => (
                summary.standard_deviation(),
                error_of_spread(values, &summary),
            ),
        };
        Ok(Self {
            at,
            worlds: summary.count,
            value,
            standard_error: standard_error.max(value.abs() / n),
        })
    }
}

/// Delta method: `Var(s²) ≈ (μ₄ − σ⁴ (n−3)/(n−1)) / n` and `s = √s²`. The fourth moment of few
/// worlds is mostly too small, so `Var(s²)` is not taken below `2 σ⁴/(n−1)`, that of normal worlds.
fn error_of_spread(values: &[f64], summary: &Summary) -> f64 {
    let n = summary.count as f64;
    let variance = summary.variance();
    if n < 2.0 || variance == 0.0 {
        return 0.0;
    }
    let fourth = values
        .iter()
        .map(|x| (x - summary.mean).powi(4))
        .sum::<f64>()
        / n;
    let variance_of_variance = (fourth - variance * variance * (n - 3.0) / (n - 1.0)) / n;
    let normal = 2.0 * variance * variance / (n - 1.0);
    0.5 * (variance_of_variance.max(normal) / variance).sqrt()
}

impl PowerLaw {
    /// The law of the points; `None` with fewer than three, or where a value or parameter is not
    /// above 0 and has no logarithm.
    pub fn fit(mut points: Vec<Point>) -> Option<Self> {
        let usable = |p: &Point| p.at > 0.0 && p.value > 0.0 && p.worlds > 1;
        if points.len() < 3 || !points.iter().all(usable) {
            return None;
        }
        points.sort_by(|p, q| p.at.total_cmp(&q.at));
        let rows: Vec<[f64; 3]> = points
            .iter()
            .map(|p| {
                [
                    p.at.ln(),
                    p.value.ln(),
                    (p.value / p.standard_error).powi(2),
                ]
            })
            .collect();
        let ([x_first, y_first, w_first], [x_last, y_last, w_last]) =
            (rows[0], rows[rows.len() - 1]);
        let range = x_last - x_first;
        if range == 0.0 {
            return None;
        }
        let sum = |term: &dyn Fn(&[f64; 3]) -> f64| rows.iter().map(term).sum::<f64>();
        let weight = sum(&|[_, _, w]| *w);
        let x_mean = sum(&|[x, _, w]| w * x) / weight;
        let y_mean = sum(&|[_, y, w]| w * y) / weight;
        let x_spread = sum(&|[x, _, w]| w * (x - x_mean).powi(2));
        let slope = sum(&|[x, y, w]| w * (x - x_mean) * (y - y_mean)) / x_spread;
        let log_amplitude = y_mean - slope * x_mean;
        let chi_squared = sum(&|[x, y, w]| w * (y - log_amplitude - slope * x).powi(2));
        Some(Self {
            exponent: (y_last - y_first) / range,
            standard_error: (1.0 / w_first + 1.0 / w_last).sqrt() / range,
            fitted_exponent: slope,
            fitted_standard_error: (1.0 / x_spread).sqrt(),
            log_amplitude,
            chi_squared,
            points,
        })
    }

    /// The interval for the exponent of a `moment` that decides the claim that it lies in `band`:
    /// each end is wrong with probability at most [`alpha_per_end`](super::Sides::alpha_per_end).
    pub fn interval(&self, moment: Moment, band: &Band, alpha: f64) -> Interval {
        let (Some(first), Some(last)) = (self.points.first(), self.points.last()) else {
            return Interval::EVERYTHING;
        };
        let fewest = self.points.iter().map(|p| p.worlds).min().unwrap_or(2);
        let tail = band.sides().alpha_per_end(alpha);
        let student = StudentsT::new(0.0, 1.0, (fewest - 1) as f64);
        let tail = student.map_or(0.0, |t| Normal::standard().sf(t.inverse_cdf(1.0 - tail)));
        // What varies as a χ² is the mean, or the square of the spread.
        let power = match moment {
            Moment::Mean => 1.0,
            Moment::Spread => 2.0,
        };
        let degrees = |p: &Point| 2.0 / (power * p.standard_error / p.value).powi(2);
        let Ok(ratio) = FisherSnedecor::new(degrees(last), degrees(first)) else {
            return Interval::EVERYTHING;
        };
        let range = power * (last.at / first.at).ln();
        let off = |p: f64| (ratio.inverse_cdf(p).ln() / range).abs();
        // Below a true scale an F reaches further than above it; for a count it is the other way
        // round. Both ends reach as far.
        Interval::around(self.exponent, off(tail).max(off(1.0 - tail)))
    }
}
