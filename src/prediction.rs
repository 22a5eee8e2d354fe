//! Predictions of a regime before anything is trained: the numbers that led to the shipped regimes.
//!
//! Each is a leading-order estimate at finite `k`, with the derivation beside it; the reports set
//! them against what was measured. Notation: `z` is a main weight (about 1), `z'` the weight of
//! another class's feature in multi-view inputs, each shared by the patches of the feature, `Λ` the
//! largest of `m` initial overlaps. Sums over patches are taken at their expectation over the
//! shares.

use crate::network::SmoothedRelu;
use crate::procedure::Procedure;
use crate::regime::{FeaturePatches, Regime};
use crate::statistics::last_holding;
use serde::Serialize;
use statrs::distribution::{Continuous, ContinuousCDF, Normal};

/// Logit at which a class's own samples are fitted well enough to stop pulling: `e^{−6.5}` is about
/// 0.0015.
const FITTED_LOGIT: f64 = 6.5;

/// Spread of the classes' learning times, in units of the typical one: how long the slow wait for
/// the fast. Tuned, with the 1.8 below, on single models with weak features of other classes; with
/// strong ones (0.4) ties are predicted two to three times too many.
const WAITING_SPREAD: f64 = 0.8;

/// Predictions for one regime.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Prediction {
    /// Steps until a typical class is learned.
    pub learning_steps: f64,
    /// Steps until the last class is learned, the one with the least luck of all.
    pub last_learning_steps: f64,
    /// Largest overlap of a learned view when its samples are fitted.
    pub fitted_overlap: f64,
    /// Share of the winner's growth that reaches the losing view of a class while slow classes are
    /// waited for.
    pub waiting_gradient: f64,
    /// The same from single-view samples of the losing view, until their noise has memorised them.
    pub memorising_gradient: f64,
    /// Share of classes that learn both views, or two of several.
    pub tie_share: f64,
    /// Share of (class, view) pairs that a single model learns.
    pub single_coverage: f64,
    /// The same of an ensemble of the procedure's `K` members, without ties: `1 − (1 − 1/M)^K` of
    /// `M` equal views.
    pub ensemble_coverage: f64,
    /// `err(D)/μ` of a single model.
    pub single_test_error: f64,
    /// `err(D)/μ` of the ensemble of the procedure's `K` members: the law `(1 − 1/M)^K` of
    /// independent lotteries without ties, `2^{−K}` of two views.
    pub ensemble_test_error: f64,
    /// `err(D)/μ` of self-distillation: the union of two lotteries.
    pub self_distilled_test_error: f64,
    /// The same of the later generations of a chain, the second to the fourth: generation `g` is
    /// the union of `g + 1` lotteries.
    pub generation_test_errors: [f64; 3],
    /// Pull of distillation on the right feature over that on a wrong one; well above 1 is needed.
    pub right_over_wrong: f64,
    /// Dark knowledge in the features over what noise can memorise of it; well above 1 is needed.
    pub learning_over_memorising: f64,
}

impl Prediction {
    /// The prediction of a quantity that worlds measure, by its name.
    pub fn quantity(&self, name: &str) -> Option<f64> {
        match name {
            "lottery.both_views_share" => Some(self.tie_share),
            "single.coverage" => Some(self.single_coverage),
            "ensemble.coverage" => Some(self.ensemble_coverage),
            "single.test_error" => Some(self.single_test_error),
            "ensemble.test_error" => Some(self.ensemble_test_error),
            "self_distilled.test_error" => Some(self.self_distilled_test_error),
            "generation_2.test_error" => Some(self.generation_test_errors[0]),
            "generation_3.test_error" => Some(self.generation_test_errors[1]),
            "generation_4.test_error" => Some(self.generation_test_errors[2]),
            _ => None,
        }
    }

    /// Every prediction with its field's name.
    pub fn named(&self) -> [(&'static str, f64); 13] {
        [
            ("learning_steps", self.learning_steps),
            ("last_learning_steps", self.last_learning_steps),
            ("fitted_overlap", self.fitted_overlap),
            ("waiting_gradient", self.waiting_gradient),
            ("memorising_gradient", self.memorising_gradient),
            ("tie_share", self.tie_share),
            ("single_coverage", self.single_coverage),
            ("ensemble_coverage", self.ensemble_coverage),
            ("single_test_error", self.single_test_error),
            ("ensemble_test_error", self.ensemble_test_error),
            ("self_distilled_test_error", self.self_distilled_test_error),
            ("right_over_wrong", self.right_over_wrong),
            ("learning_over_memorising", self.learning_over_memorising),
        ]
    }

    /// Predictions for the networks of `procedure` in `regime`.
    pub fn of(regime: &Regime, procedure: &Procedure) -> Self {
        let (data, network) = (&regime.data, &regime.network);
        let k = data.classes as f64;
        let q = f64::from(network.relu_exponent);
        let other = (data.other_weight[0] + data.other_weight[1]) / 2.0;
        let views = data.views_per_class;
        let relative = data.view_weights().sum::<f64>() / views as f64;
        let main = relative * (data.main_weight[0] + data.main_weight[1]) / 2.0;
        let relu = SmoothedRelu::<f64>::new(network);

        let LearningSteps {
            strengths,
            mean: learning_steps,
            last: last_learning_steps,
        } = LearningSteps::of(regime);

        let shares = data.patches_per_feature;
        let fitted_overlap = fitted_overlap(&relu, network.relu_threshold, shares);

        // A learned class stays pushed up by the samples of other classes that contain it: in
        // balance its own samples keep the residual s z' φ'(z'A) e^{φ(z'A)} / k, and it feeds the
        // losing view as long as slow classes are waited for.
        let at = |share: f64| relu.value_and_slope(share * other * fitted_overlap);
        let value = shares.expected_sum(|share| at(share).0);
        let slope = shares.expected_sum(|share| share * at(share).1);
        let waiting_gradient = WAITING_SPREAD * data.sparsity * other * slope * value.exp() / k;

        // The n = μ N / (M k) single-view samples of the losing view pull at it until their noise,
        // ν² each, has grown to fit them; 1.8 σ_0 is where their pre-activation starts.
        let samples = data.single_view_share * data.sample_count() as f64 / data.features() as f64;
        let memorising_gradient = 1.8 * regime.init_scale() * samples
            / (data.weak_weight * fitted_overlap * data.noise_variance);

        let head_start = waiting_gradient + memorising_gradient;
        let favours: Vec<f64> = (strengths.iter())
            .map(|strength| strength.powf(1.0 / (q - 2.0).max(1.0)))
            .collect();
        let odds = Odds::of(network.neurons_per_class, &favours);
        let tie_share = odds.tie_share(head_start);
        // A model misses a view that neither wins nor ties.
        let missed = |race: &Race| (1.0 - race.won - tie_share * race.tied).max(0.0);
        let members = procedure.members.max(1) as i32;
        let missed_by_one = odds.mean(missed);
        // Of as many lotteries, with ties.
        let missed_by = |lotteries: i32| odds.mean(|race| missed(race).powi(lotteries));
        let missed_by_all = odds.mean(|race| (1.0 - race.won).powi(members));
        // A single-view input of an unlearned view is still classified when no learned feature of
        // another class is on it.
        let lost = 1.0 - (-data.sparsity).exp();
        Self {
            learning_steps,
            last_learning_steps,
            fitted_overlap,
            waiting_gradient,
            memorising_gradient,
            tie_share,
            single_coverage: 1.0 - missed_by_one,
            ensemble_coverage: 1.0 - missed_by_all,
            single_test_error: lost * missed_by_one,
            ensemble_test_error: lost * missed_by_all,
            self_distilled_test_error: lost * missed_by(2),
            generation_test_errors: [3, 4, 5].map(|lotteries| lost * missed_by(lotteries)),
            // A neuron meets its own view on s/k of the samples of k − 1 other classes, a wrong one
            // on those of one class; both views are shared by patches alike.
            right_over_wrong: k * (other / main).powf(q),
            learning_over_memorising: data.sample_count() as f64 * data.sparsity / k
                * other.powf(q)
                * shares.expected_power_sum(network.relu_exponent)
                / data.noise_variance,
        }
    }
}

/// The overlap `A` at which a view is fitted, `E Σ_p φ(u_p A) = 6.5`: with one patch on the linear
/// branch, `A = 6.5 + (1 − 1/q) ϱ`. More patches need more, at most so much on each.
fn fitted_overlap(relu: &SmoothedRelu<f64>, threshold: f64, shares: FeaturePatches) -> f64 {
    let falls_short = |overlap: f64| {
        shares.expected_sum(|share| relu.value_and_slope(share * overlap).0) < FITTED_LOGIT
    };
    let most = shares.most() as f64 * (FITTED_LOGIT + threshold);
    last_holding(0.0, most, 1e-9 * most, falls_short)
}

/// The steps until classes take off, of which the rest of a prediction is independent.
struct LearningSteps {
    /// `S` of each view, for one sample that keeps it.
    strengths: Vec<f64>,
    /// Steps of a class of mean luck.
    mean: f64,
    /// Median of the steps of the last class.
    last: f64,
}

impl LearningSteps {
    fn of(regime: &Regime) -> Self {
        let (data, network) = (&regime.data, &regime.network);
        let k = data.classes as f64;
        let q = f64::from(network.relu_exponent);
        let threshold = network.relu_threshold;
        let views = data.views_per_class;
        // Λ' = (η/k) Σ z_p^q (Λ/ϱ)^{q−1} until saturation, so T = ϱ^{q−1} / ((q−2) (η/k) Σ z_p^q
        // Λ^{q−2}).
        let luck = expected_maximum(network.neurons_per_class);
        let start = luck * regime.init_scale();
        let rate = regime.training.learning_rate_per_class;
        let strengths: Vec<f64> = (0..views)
            .map(|view| data.expected_main_power_sum(view, network.relu_exponent))
            .collect();
        let strength = strengths.iter().sum::<f64>() / views as f64;
        let mean =
            threshold.powf(q - 1.0) / ((q - 2.0).max(1.0) * rate * strength * start.powf(q - 2.0));
        // A class waits for the luckier of its views. The median of the least luck among k classes
        // is where each has it with probability 1 − 2^{−1/k}.
        let neurons = data.views_per_class * network.neurons_per_class;
        let least_luck = quantile_of_maximum(neurons, 1.0 - 0.5f64.powf(1.0 / k));
        let last = mean * (luck / least_luck).powf((q - 2.0).max(0.0));
        Self {
            strengths,
            mean,
            last,
        }
    }
}

/// Predicted median of the steps until the last class has taken off.
pub fn last_learning_steps(regime: &Regime) -> f64 {
    LearningSteps::of(regime).last
}

/// Largest of `m` standard normals, in expectation.
fn expected_maximum(m: usize) -> f64 {
    integrate(|x| x * density_of_maximum(m, x))
}

/// Quantile of the largest of `m` standard normals, where that is above 0: a class without luck
/// does not learn.
fn quantile_of_maximum(m: usize, probability: f64) -> f64 {
    let each = probability.powf(1.0 / m as f64);
    Normal::standard().inverse_cdf(each).max(f64::MIN_POSITIVE)
}

/// The lottery of a class between its views.
struct Odds {
    races: Vec<Race>,
    /// Density at 0 of the logarithm of the best view's score over the second's.
    closeness: f64,
}

/// One view's part in the lottery.
struct Race {
    /// The chance that it wins.
    won: f64,
    /// Its share of the ties: the chance that it comes in second in a race that is all but even.
    tied: f64,
}

impl Odds {
    /// The odds where view `ℓ` scores `favours[ℓ]` times the largest of `m` standard normals, all
    /// independent.
    ///
    /// With densities `f` and distributions `F` of the scores, view `ℓ` wins with chance
    /// `∫ f_ℓ Π_{j ≠ ℓ} F_j`. It comes in second to view `j`, within a share `ε`, with chance
    /// `ε ∫ x f_ℓ f_j Π F` over the other views: of two equal views, `ε ∫ x f²`.
    fn of(m: usize, favours: &[f64]) -> Self {
        let largest = favours.iter().copied().fold(0.0, f64::max);
        // In units of the largest, so that no score has mass beyond 8.
        let favours: Vec<f64> = favours.iter().map(|favour| favour / largest).collect();
        let density =
            |view: usize, x: f64| density_of_maximum(m, x / favours[view]) / favours[view];
        let below = |view: usize, x: f64| Normal::standard().cdf(x / favours[view]).powi(m as i32);
        let views = 0..favours.len();
        let below_but = |without: &[usize], x: f64| -> f64 {
            let others = views.clone().filter(|view| !without.contains(view));
            others.map(|view| below(view, x)).product()
        };
        let won = |view: usize| integrate(|x| density(view, x) * below_but(&[view], x));
        let close = |view: usize| -> f64 {
            let others = views.clone().filter(|other| *other != view);
            let second_to = |other: usize| {
                integrate(|x| {
                    let even = density(view, x) * density(other, x);
                    x.max(0.0) * even * below_but(&[view, other], x)
                })
            };
            others.map(second_to).sum()
        };
        let close: Vec<f64> = views.clone().map(close).collect();
        let closeness: f64 = close.iter().sum();
        let races = close.iter().zip(views.clone()).map(|(close, view)| Race {
            won: won(view),
            tied: if closeness > 0.0 {
                close / closeness
            } else {
                0.0
            },
        });
        Self {
            races: races.collect(),
            closeness,
        }
    }

    /// Share of classes that learn a second view where that is allowed to start behind by a share
    /// `head_start`.
    fn tie_share(&self, head_start: f64) -> f64 {
        match self.closeness > 0.0 {
            true => (self.closeness * head_start).min(1.0),
            false => 0.0,
        }
    }

    /// The mean over views.
    fn mean(&self, of: impl Fn(&Race) -> f64) -> f64 {
        self.races.iter().map(of).sum::<f64>() / self.races.len() as f64
    }
}

fn density_of_maximum(m: usize, x: f64) -> f64 {
    let normal = Normal::standard();
    m as f64 * normal.pdf(x) * normal.cdf(x).powi(m as i32 - 1)
}

/// Midpoint sum over `[−8, 8]`, beyond which a normal has no mass in `f64`.
fn integrate(f: impl Fn(f64) -> f64) -> f64 {
    const CELLS: usize = 4_000;
    let width = 16.0 / CELLS as f64;
    (0..CELLS)
        .map(|i| f(-8.0 + (i as f64 + 0.5) * width) * width)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theorem::Theorem;
    use rand::{RngExt, SeedableRng};
    use rand_distr::StandardNormal;

    #[test]
    fn the_luck_of_m_neurons() {
        assert!((expected_maximum(1)).abs() < 1e-9);
        assert!((expected_maximum(2) - 1.0 / std::f64::consts::PI.sqrt()).abs() < 1e-6);
        // Two half-normals: ln |x/y| has density 1/π at 0, each is positive half of the time, and
        // either may lead.
        let even = Odds::of(1, &[1.0; 2]);
        assert!((even.closeness - 0.5 / std::f64::consts::PI).abs() < 1e-6);
        assert!((quantile_of_maximum(1, 0.975) - 1.959_964).abs() < 1e-6);
        assert!((quantile_of_maximum(2, 0.25)).abs() < 1e-9);
        let closeness = |m, views: usize| Odds::of(m, &vec![1.0; views]).closeness;
        assert!(closeness(16, 2) > closeness(8, 2) && closeness(8, 3) > closeness(8, 2));
    }

    /// Equal views win alike; a stronger one wins more often: of two normals `P(h x > y) = 1/2` for
    /// any `h`, but of positive maxima more.
    #[test]
    fn the_odds_of_a_lottery() {
        for views in 1..=4 {
            let odds = Odds::of(5, &vec![1.0; views]);
            let tied: f64 = odds.races.iter().map(|race| race.tied).sum();
            assert!((tied - f64::from(views > 1)).abs() < 1e-9);
            for race in &odds.races {
                assert!((race.won - 1.0 / views as f64).abs() < 1e-6);
            }
        }
        let uneven = Odds::of(1, &[3.0, 1.0]);
        assert!((uneven.races[0].won - 0.5).abs() < 1e-6);
        // Simulated: the larger of two normals, times 1.5, against another.
        let mut rng = rand_pcg::Pcg64::seed_from_u64(1);
        let mut score = |favour: f64| {
            let two: [f64; 2] = [0; 2].map(|_| rng.sample(StandardNormal));
            favour * two[0].max(two[1])
        };
        const DRAWS: usize = 200_000;
        let won = (0..DRAWS).filter(|_| score(1.5) > score(1.0)).count() as f64 / DRAWS as f64;
        let uneven = Odds::of(2, &[1.5, 1.0]);
        // Four standard deviations of the count.
        assert!((uneven.races[0].won - won).abs() < 4.0 * (0.25 / DRAWS as f64).sqrt());
        assert!((uneven.mean(|race| race.won) - 0.5).abs() < 1e-6);
    }

    /// Views of unequal weight leave the single model at half, since each view is missing equally
    /// often; two models agree more often.
    #[test]
    fn a_stronger_view_tilts_the_lottery() {
        let theorem = Theorem::embedded("single-model").expect("embedded");
        let mut regime = theorem.regime.clone();
        regime.data.main_weight = [1.0, 1.0];
        regime.data.view_weights = vec![1.2, 1.0];
        let of = |members: usize| {
            let mut procedure = theorem.procedure.clone();
            procedure.members = members;
            Prediction::of(&regime, &procedure)
        };
        let lost = 1.0 - (-regime.data.sparsity).exp();
        // S^{1/(q−2)} with q = 3.
        let favours = [1.2f64.powi(3), 1.0];
        let odds = Odds::of(regime.network.neurons_per_class, &favours);
        let p = odds.races[0].won;
        assert!(p > 0.8, "{p}");
        assert!((of(1).ensemble_test_error - 0.5 * lost).abs() < 1e-6);
        let two = 0.5 * (p * p + (1.0 - p) * (1.0 - p)) * lost;
        assert!((of(2).ensemble_test_error - two).abs() < 1e-6);
        assert!((of(1).single_test_error - 0.5 * (1.0 - of(1).tie_share) * lost).abs() < 1e-6);
        assert!(of(1).self_distilled_test_error < two);
        assert!(of(1).self_distilled_test_error > 0.8 * two);
    }

    /// Each generation of a chain misses what one lottery more misses: of equal views its share of
    /// the one before.
    #[test]
    fn a_generation_of_a_chain_misses_half_of_what_the_last_one_missed() {
        let theorem = Theorem::embedded("single-model").expect("embedded");
        let found = Prediction::of(&theorem.regime, &theorem.procedure);
        let missed = found.single_test_error / (1.0 - (-theorem.regime.data.sparsity).exp());
        assert!((0.48..0.5).contains(&missed));
        let mut before = found.self_distilled_test_error;
        assert!((before / found.single_test_error - missed).abs() < 1e-9);
        for error in found.generation_test_errors {
            assert!((error / before - missed).abs() < 1e-9);
            before = error;
        }
    }

    /// Patches that share a feature's weight change growth by `Σ z_p^q`, and the logit of a fitted
    /// view.
    #[test]
    fn patches_share_what_a_feature_pulls() {
        let theorem = Theorem::embedded("single-model").expect("embedded");
        let of = |patches: FeaturePatches| {
            let mut regime = theorem.regime.clone();
            regime.data.patches_per_feature = patches;
            regime.data.main_weight = [1.0, 1.0];
            Prediction::of(&regime, &theorem.procedure)
        };
        let threshold = theorem.regime.network.relu_threshold;
        let one = of(1.into());
        assert!((one.fitted_overlap - (6.5 + 2.0 / 3.0 * threshold)).abs() < 1e-6);
        assert_eq!(one, of(FeaturePatches::Random([1, 1])));
        let two = of(2.into());
        // Each of two patches has half the weight, and half the logit.
        assert!((two.fitted_overlap / 2.0 - (3.25 + 2.0 / 3.0 * threshold)).abs() < 1e-6);
        assert!((two.learning_steps / one.learning_steps - 4.0).abs() < 1e-9);
        // Two shares are uniform in [0, 1]: E Σ u³ = 1/2.
        let random = of(FeaturePatches::Random([2, 2]));
        assert!((random.learning_steps / one.learning_steps - 2.0).abs() < 1e-6);
        assert!(random.fitted_overlap > one.fitted_overlap);
        assert!(random.fitted_overlap < two.fitted_overlap);
        let ratio = random.learning_over_memorising / one.learning_over_memorising;
        assert!((ratio - 0.5).abs() < 1e-6);
    }

    #[test]
    fn the_shipped_regimes_are_predicted_inside_their_bands() {
        let of = |name: &str| {
            let theorem = Theorem::embedded(name).expect("embedded");
            Prediction::of(&theorem.regime, &theorem.procedure)
        };
        assert!((0.49..0.51).contains(&of("single-model").single_test_error));
        assert!(of("ensemble").ensemble_test_error < 0.01);
        assert!((0.2..0.26).contains(&of("self-distillation").self_distilled_test_error));
        let distillation = of("ensemble-distillation");
        assert!(
            distillation.right_over_wrong > 2.0 && distillation.learning_over_memorising > 10.0
        );
    }
}
