//! The overlap dynamics at the cost of the classes a sample shows: exact where something happens,
//! deferred where little does, at its mean where nothing does.
//!
//! A *block* is one class's neurons on one patch. The [reference](mod@super::reference) stores and
//! moves every block of every sample, `N P k m` numbers. But a sample shows only about `1 + 2s`
//! classes; the others are *absent* from it. This engine knows three kinds of blocks:
//!
//! | block | noise overlaps `B` | paid |
//! |---|---|---|
//! | of a class on its own feature, and any that has grown: *followed* | stored | at every evaluation |
//! | of a class present on the sample, on another class's feature: *unfollowed* | drawn by counter when they are needed | when enough is owed |
//! | of an absent class | never drawn | at the mean over `B`, feature by feature |
//!
//! # Derivation
//!
//! Let `E` be the residual summed over steps that a block of initial pre-activation `s = z A + B`
//! has met. The gradient step integrates `dB/dE = (η/N) ν² φ'(s)` and `dA/dE = (η/N) z φ'(s)`, and
//! before anything has grown `φ'(s) = (s/ϱ)^{q−1}`.
//!
//! *Absent classes.* Their residual is `−softmax_i`, about `−1/k` before a sample is fitted and
//! less after, so that `|E| ≲ T/k`.
//! - `B` changes by a share `(η/N) ν² |E| s/ϱ²` of itself (`q = 3`): 6e-5 at `k = 200` with
//!   `η/N = 0.035`, `E = 15`, `s = 5e-3`, `ϱ = 6`. It is left as it was.
//! - `A[v]`, for another class's feature `v`, moves by `(η/N) Σ_n e z φ'(z A + B)` over all samples
//!   that carry `v`: some percent over a training, which is not left out. Its terms' `B` are
//!   independent of everything else, so the sum is paid at its mean,
//!   `(η/N) Σ_n e z · E_B[φ'(z A + B)]` (see `absent.rs`). The error is a share of the drift: the
//!   coefficient of variation of `φ'` (√5 for `q = 3` at `A = 0`, less for larger `A`) over the
//!   root of the number of carriers, `N s/k + 2N/k`; 8 % of a few percent at `k = 200`. Patches are
//!   gathered by weight in four classes, each paid at its mean weight.
//! - The mean is paid to every class, the present ones too, which are owed exactly the rest:
//!   `e_i − e_absent`.
//!
//! *Present classes.* A class that is pulled at, by its own label or by a teacher, can make another
//! class's feature its own. So the rest is summed for each (sample, class) and, once it has come to
//! [`Rates::period`], paid block by block to `A`, with the same `B` that the reference stores: it
//! is a function of its counter, and what it has grown by follows from the sum paid so far. A
//! payment is made at the slope half-way through the block's own growth, so what it misses is of
//! second order in `δ`, the share by which a block grows between two payments:
//! `δ = period · (η/k) (s (z'² (1 + M s) + M z²)/k + ν² k/N) θ/ϱ²`, all carriers of a pair owed as
//! much, kept under 2 % (20 % with `overlap-adaptive`).
//!
//! *Growth.* A pair of feature and class whose overlap passes `θ_A`, and a block whose
//! pre-activation passes `θ_B`, is followed from then on, after it has been paid what it is owed.
//!
//! # What is left out
//!
//! - Unfollowed blocks and absent classes have logits below `P m φ(θ)`, and are taken for 0. Where
//!   that could matter, in the comparison that counts training errors, it is not believed: a
//!   label's logit under the bound on absent classes' leaves its sample *open*, which counts as an
//!   error, until it is all that stands between the run and its end; then the absent classes of
//!   that sample are drawn and compared.
//! - Debts below [`LAST_PAYMENT`] of a period are not paid at the end.
//! - Classes whose soft label is within [`SAME_SOFT_LABEL`] of the absent classes' are taken for
//!   absent by the teacher.
//! - Residuals below [`NEGLIGIBLE_RESIDUAL`] do not move followed blocks.
//!
//! # Patches of pure noise, feature noise
//!
//! Of `P = k²` patches most carry noise alone. For each class present and each neuron the two that
//! began largest are drawn exactly, in law, and are blocks like others. The rest never grow:
//! `dB/dE` is smaller for each of them than for those, and their mean logit `P m E[φ(B)]` is the
//! same for all classes; a regime in which it exceeds
//! [`PURE_NOISE_LOGIT`](crate::regime::PURE_NOISE_LOGIT) is refused. Feature noise `α_p`, common to
//! the features of a patch, makes `s = z A[v] + α_p Σ_{v'} A[v'] + B`: one running sum each way for
//! every class and neuron, to which the rest of the noise patches contribute
//! `P E[α φ'(α Σ A + B)]`.
//!
//! # The adaptive engine
//!
//! `overlap-adaptive` also evaluates a *sample* less often while nothing about it changes: an
//! evaluation stands for up to [`LONGEST_INTERVAL`] steps, over which its residuals, and the logits
//! of the classes that it pulls at, change by about a twelfth at most; they are extrapolated to the
//! middle of those steps, so that the error is of second order (see `pace.rs`).

mod absent;
mod common;
mod crowd;
mod debts;
mod pace;
mod run;
mod step;
mod store;
mod work;

use super::driver::{Engine, Observer, Stop, drive};
use super::state::{Overlaps, Trained};
use crate::data::DataSet;
use crate::network::SmoothedRelu;
use crate::objective::Objective;
use crate::real::{LANES, Real};
use crate::regime::{EngineKind, Regime};
use crate::seed::WorldSeed;
use run::Run;

/// Residuals of smaller magnitude do not move followed blocks: over `10^4` steps of per-sample size
/// 0.1 they would add `10^-6` to overlaps of order 10, less than `f32` resolves.
pub const NEGLIGIBLE_RESIDUAL: f64 = 1e-9;

/// Soft labels this close to a sample's absent classes' are taken for equal to it.
pub const SAME_SOFT_LABEL: f64 = 1e-6;

/// Share of a period below which debts are not paid at the end: a sixteenth of `δ` at most.
pub const LAST_PAYMENT: f64 = 1.0 / 16.0;

/// Most steps between two evaluations of a sample in the engine `overlap-adaptive`.
pub const LONGEST_INTERVAL: usize = 256;

/// Share of its pre-activation by which a block may have grown and yet not be followed.
pub const UNFOLLOWED_GROWTH: f64 = 0.05;

/// `δ`: share by which an unfollowed pre-activation may grow between two payments, in the engines
/// `overlap` and `overlap-adaptive`.
const SLOW_GROWTH: [f64; 2] = [0.02, 0.2];

/// Standard normals beyond this do not occur: the transform of Box and Muller ends at 6.76.
const LARGEST_NORMAL: f64 = 6.8;

/// `θ_A` in units of `σ_0`, and how many blocks a sample then has that are followed from the start
/// for the chance size of their pair: the lowest of a few thresholds at which it is one at most.
fn quiet(regime: &Regime) -> (f64, f64) {
    let (data, neurons) = (&regime.data, regime.network.neurons_per_class as f64);
    let patches =
        data.views_per_class as f64 * (1.0 + data.sparsity) * data.patches_per_feature.mean();
    let followed = |tail: f64| patches * data.classes as f64 * neurons * tail;
    // With the upper tails of the normal law beyond them.
    let thresholds = [
        (4.0, 3.17e-5),
        (4.5, 3.40e-6),
        (5.0, 2.87e-7),
        (6.0, 9.87e-10),
    ];
    let fits = thresholds.iter().find(|(_, tail)| followed(*tail) <= 1.0);
    let (threshold, tail) = fits.copied().unwrap_or(thresholds[3]);
    (threshold, followed(tail))
}

/// Bytes, about, of the blocks and classes that the engine keeps for a sample with `patches` and
/// `classes`, in `f32`.
pub(super) fn sample_bytes(regime: &Regime, patches: f64, classes: f64) -> f64 {
    let stride = regime.network.neurons_per_class.next_multiple_of(LANES) as f64;
    // A block is its overlaps and five words; a class present is six, in whole lanes; a sample,
    // with the lists of its logits that are made at the end, is about 240, as measured. A sample
    // that comes to follow another block moves, and leaves its place.
    let blocks = 1.1 * patches * (stride + 5.0);
    let kept = blocks + 6.0 * (classes + LANES as f64 / 2.0);
    let moved = 1.0 - (-quiet(regime).1).exp();
    4.0 * (kept * (1.0 + 1.3 * moved) + 240.0)
}

/// The pace at which unfollowed blocks are paid, and the moment at which they are followed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// Steps of residual 1 between two payments; with 0 every evaluation is followed by one.
    pub period: usize,
    /// Residuals times weights, summed over a feature's patches, between two payments of absent
    /// classes.
    pub absent_period: f64,
    /// `θ_A`: feature overlap above which all blocks of a pair are followed.
    pub pair_threshold: f64,
    /// `θ_B`: pre-activation above which a block is followed.
    pub block_threshold: f64,
    /// Most steps between two evaluations of a sample: 1 in the engine `overlap`.
    pub longest: usize,
}

impl Rates {
    /// Rates whose `δ` is at most 2 % in `regime`, and 20 % with `overlap-adaptive`.
    pub fn of(regime: &Regime) -> Self {
        let (data, network) = (&regime.data, &regime.network);
        let scale = regime.init_scale();
        let ceiling = 0.02 * network.relu_threshold;
        let pair_threshold = (quiet(regime).0 * scale).min(ceiling);
        let noise = data.noise_variance.sqrt();
        let block_threshold = (8.0 * scale * noise.max(1.0)).min(ceiling);
        let k = data.classes as f64;
        let (s, n) = (data.sparsity, data.sample_count() as f64);
        let other = data.other_weight[1].max(data.single_view_other_weight);
        let main = data.largest_main_weight();
        let views = data.views_per_class as f64;
        let reach = s * (other * other * (1.0 + views * s) + views * main * main) / k
            + data.noise_variance * k / n;
        let steepness = block_threshold / (network.relu_threshold * network.relu_threshold);
        let growth = regime.training.learning_rate_per_class * reach * steepness;
        let (allowed, longest) = match regime.training.engine {
            EngineKind::OverlapAdaptive => (SLOW_GROWTH[1], LONGEST_INTERVAL),
            _ => (SLOW_GROWTH[0], 1),
        };
        // Of an absent class's overlaps none that is not followed exceeds θ_A.
        let rate = regime.learning_rate() / n;
        let steepness = pair_threshold / (network.relu_threshold * network.relu_threshold);
        Self {
            period: (allowed / growth).clamp(1.0, 2048.0) as usize,
            absent_period: 0.5 * allowed / (rate * steepness * main),
            pair_threshold,
            block_threshold,
            longest,
        }
    }
}

/// Above any logit of an absent class: every neuron on every patch with a feature as large as an
/// unfollowed one can be, and the mean and one more extreme of the patches of pure noise.
fn absent_bound(regime: &Regime, data: &DataSet) -> f64 {
    let rates = Rates::of(regime);
    let weight = regime.data.largest_main_weight();
    let noise = LARGEST_NORMAL * regime.init_scale() * regime.data.noise_variance.sqrt();
    let patches = data.samples.iter().map(|s| s.patches.len()).max();
    let activation = SmoothedRelu::<f64>::new(&regime.network);
    let (value, _) = activation.value_and_slope(weight * rates.pair_threshold + noise);
    let neurons = regime.network.neurons_per_class as f64;
    let extremes = if regime.data.patch_count().is_some() {
        1.0
    } else {
        0.0
    };
    (patches.unwrap_or_default() as f64 + extremes) * neurons * value
        + 2.0 * regime.pure_noise_logit()
}

/// Trains by full-batch gradient descent until `stop`, in a valid regime. `seed` is the world's.
#[allow(clippy::too_many_arguments)]
pub fn train<R: Real>(
    regime: &Regime,
    rates: Rates,
    data: &DataSet,
    seed: WorldSeed,
    start: Overlaps<R>,
    objective: &Objective<R>,
    stop: Stop,
    observer: Option<Observer<'_, R>>,
) -> Trained<R> {
    drive(
        engine(regime, rates, data, seed, start, objective),
        stop,
        observer,
    )
}

/// The engine itself.
pub fn engine<'a, R: Real>(
    regime: &'a Regime,
    rates: Rates,
    data: &'a DataSet,
    seed: WorldSeed,
    start: Overlaps<R>,
    objective: &'a Objective<R>,
) -> Box<dyn Engine<R> + 'a> {
    Box::new(Run::new(regime, rates, data, seed, start, objective))
}
