//! The error of a cell from fresh inputs, with the product as control variate.
//!
//! On each input two things are asked: whether it is an error (`I`), and whether it would be one in
//! the product (`J`), on the same patches, weights and noise. The probability of `J` is known, so
//! `P(J) + mean(I − J)` estimates that of `I`, and its Monte-Carlo error is that of the few inputs
//! on which the two differ.

use super::contribution::Contribution;
use super::portrait::{Neurons, Portrait};
use super::product::Bracket;
use crate::data::{Kind, draw_sample};
use crate::regime::Regime;
use rand::{Rng, RngExt};
use rand_distr::StandardNormal;

/// The outcome of the draws of one cell.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    pub draws: usize,
    /// Inputs whose outcome the bounds of what is not drawn leave open; each counts as half an
    /// error.
    pub open: usize,
    /// Sums of `I` and of `I²`.
    pub errors: [f64; 2],
    /// Sums of `I − J` and of its square.
    pub differences: [f64; 2],
}

/// Draws inputs for cells of one part of the mixture.
pub(super) struct Sampler<'a> {
    pub regime: &'a Regime,
    pub portrait: &'a Portrait,
    pub contribution: &'a Contribution,
    /// `[k]`: bounds of what is not drawn.
    pub rest: Vec<Bracket>,
}

impl Sampler<'_> {
    /// Draws inputs of a cell.
    pub fn draw(&self, label: usize, kind: Kind, draws: usize, rng: &mut impl Rng) -> Seen {
        let mut seen = Seen::default();
        let (mut product, mut whole) = (Vec::new(), Vec::new());
        for _ in 0..draws {
            self.logits(label, kind, [&mut product, &mut whole], rng);
            let error = |label_end: usize, other_end: usize| {
                let t = whole[label] + self.rest[label][label_end];
                let logits = whole.iter().zip(&self.rest).enumerate();
                logits
                    .filter(|(i, _)| *i != label)
                    .any(|(_, (f, rest))| f + rest[other_end] >= t)
            };
            let (least, most) = (error(1, 0), error(0, 1));
            let others = product.iter().enumerate().filter(|(i, _)| *i != label);
            let control = others.into_iter().any(|(_, f)| *f >= product[label]);
            let error = 0.5 * (f64::from(least) + f64::from(most));
            let difference = error - f64::from(control);
            seen.draws += 1;
            seen.open += usize::from(least != most);
            for (sums, x) in [
                (&mut seen.errors, error),
                (&mut seen.differences, difference),
            ] {
                sums[0] += x;
                sums[1] += x * x;
            }
        }
        seen
    }

    /// Logits of a fresh input, in the product and of everything that is kept.
    fn logits(
        &self,
        label: usize,
        kind: Kind,
        [product, whole]: [&mut Vec<f64>; 2],
        rng: &mut impl Rng,
    ) {
        let data = &self.regime.data;
        for logits in [&mut *product, &mut *whole] {
            logits.clear();
            logits.resize(data.classes, 0.0);
        }
        for patch in draw_sample(data, label, kind, rng).patches {
            let Some(feature) = patch.feature.map(|v| v as usize) else {
                continue;
            };
            let [z, alpha] = [patch.weight, patch.feature_noise].map(f64::from);
            let mut add = |neurons: &Neurons| -> f64 {
                (neurons.iter())
                    .map(|[a, s]| {
                        let fresh: f64 = rng.sample(StandardNormal);
                        let s = z * f64::from(*a) + alpha * f64::from(*s);
                        self.contribution.value(s + self.contribution.noise * fresh)
                    })
                    .sum()
            };
            let class = data.class_of(feature);
            let own = add(&self.portrait.own[feature]);
            whole[class] += own;
            product[class] += own;
            for wrong in self.portrait.seeing(feature) {
                let part = add(&wrong.neurons);
                whole[wrong.class] += part;
                if wrong.awake && class == label {
                    product[wrong.class] += part;
                }
            }
        }
    }
}
