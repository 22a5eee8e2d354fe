//! The overlap dynamics at two rates: exact where something happens, deferred where nothing does.
//!
//! A *block* is one class's neurons on one patch. Three of four (sample, class) pairs have no feature
//! of that class present, and of the others all but the class's own patches stay at the scale of the
//! initialisation: their pre-activations are below a threshold `θ ≪ ϱ`, where `φ` and `φ'` all but
//! vanish. Such *slow* blocks are visited only when the residuals summed since the last visit have come
//! to something, and are then paid the whole sum, so that no impulse is lost. A block whose pre-activation
//! passes `θ`, or whose feature overlaps do, becomes *fast* for good: updated every step, held in storage of
//! its own. A class's neurons on its own features are fast from the start.
//!
//! The classes without a fast block on a sample are *absent* from it: their logits are 0 and they share
//! one residual.
//!
//! What this leaves out, against the [reference](mod@super::reference):
//! - slow blocks add less than `P m φ(θ)` to a logit during training, and are left out of it (the logits
//!   returned at the end have them);
//! - a slow block is visited once its own class is owed a residual of [`Rates::period`] `= T` (`T/k` for the
//!   absent classes, of which there are `k` times as many), or at the end. Meanwhile its pre-activation
//!   grows by a share of at most `δ = T (η/k) (s z²/k + ν² k/N) θ/ϱ²`, which [`Rates::of`] keeps under 1 %
//!   (2 % with `overlap-adaptive`) as long as it asks for `T ≥ 1`; looks are four steps apart, and what is paid then may exceed `T` by the
//!   residuals of the steps between, and of an evaluation,
//!   and its slope by twice that: it is paid at the slope half-way through its own growth, so that what
//!   remains, relative to the *increment* of a slow overlap, is at most `2 δ` from the other samples'
//!   share and of order `δ²` from its own;
//! - absent classes share a teacher's soft label, which differs from their own by at most
//!   [`SAME_SOFT_LABEL`];
//! - residuals below [`NEGLIGIBLE_RESIDUAL`] do not move fast blocks.
//!
//! The engine `overlap-adaptive` also evaluates a *sample* less often while nothing about it changes: an evaluation stands for up to 16
//! steps, over which its residuals and its label's logit change by about a fiftieth at most, or else the next comes sooner (see
//! `pace.rs`). While a class is being learned that means every step; for a student, which spends most of its steps on small residuals,
//! one in eight to sixteen. Training errors, and with them the stopping rule, are then as of each sample's last evaluation, and what an
//! evaluation began with, the teacher's push among it, is kept for its steps: a student's warm-up may end up to 15 steps later on some samples.
//!
//! The tests bound the effect on the final overlaps: 1e-4 of the largest, and 1e-2 with `overlap-adaptive`. Where the dynamics themselves amplify (a fast push, under which wrong
//! features race) single trajectories part, and not quite evenly: in the shipped sweep `engines` students err 3 % less
//! than with the reference, and 7 % less with `overlap-adaptive`, while single models err alike.

mod engine;
mod fast;
mod pace;
mod step;
mod visit;

use super::overlap::{LANES, Overlaps, StepView, Trained};
use super::{Observer, StopRule};
use crate::data::DataSet;
use crate::objective::Objective;
use crate::real::Real;
use crate::regime::{EngineKind, Regime};
use engine::Engine;
use pulp::NullaryFnOnce;
use step::Work;

/// Residuals of smaller magnitude do not move fast blocks: over `10^4` steps of per-sample size 0.1 they
/// would add `10^-6` to overlaps of order 10, less than `f32` resolves.
pub const NEGLIGIBLE_RESIDUAL: f64 = 1e-9;

/// Soft labels this close to a sample's least one are taken for equal to it.
pub const SAME_SOFT_LABEL: f64 = 1e-6;

/// Most steps between two evaluations of a sample in the engine `overlap-adaptive`.
const LONGEST_INTERVAL: usize = 16;

/// Steps between two looks for slow blocks that are due.
const TURN: usize = 4;

/// `δ`: share by which a slow pre-activation may grow between two visits, in the engines `overlap` and `overlap-adaptive`.
const SLOW_GROWTH: [f64; 2] = [0.01, 0.02];

/// When slow blocks are visited and when they cease to be slow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// `T`: steps of residual 1 between two visits of a slow block; with 0 every look pays every block.
    pub period: usize,
    /// `θ`: pre-activation above which a block is fast.
    pub threshold: f64,
    /// Most steps between two evaluations of a sample: 1 in the engine `overlap`.
    pub longest: usize,
}

impl Rates {
    /// Rates whose `δ` is at most 1 % in `regime`, and 2 % with `overlap-adaptive`.
    pub fn of(regime: &Regime) -> Self {
        let (data, network) = (&regime.data, &regime.network);
        let threshold = (5.0 * regime.init_scale()).min(0.02 * network.relu_threshold);
        let k = data.classes as f64;
        let weight = data.other_weight[1].max(data.single_view_other_weight);
        let reach = data.sparsity * weight * weight / k
            + data.noise_variance * k / data.sample_count() as f64;
        let growth = regime.training.learning_rate_per_class * reach * threshold
            / (network.relu_threshold * network.relu_threshold);
        let (allowed, longest) = match regime.training.engine {
            EngineKind::OverlapAdaptive => (SLOW_GROWTH[1], LONGEST_INTERVAL),
            _ => (SLOW_GROWTH[0], 1),
        };
        Self {
            period: (allowed / growth).clamp(1.0, 256.0) as usize,
            threshold,
            longest,
        }
    }
}

/// Whether the assumptions hold: no feature noise, and an activation that is flat at 0.
pub fn applies(regime: &Regime) -> bool {
    regime.data.feature_noise() == 0.0 && regime.network.relu_exponent >= 3
}

/// Trains by full-batch gradient descent for at most `steps` steps.
pub fn train<'a, R: Real>(
    regime: &'a Regime,
    rates: Rates,
    data: &'a DataSet,
    state: Overlaps<R>,
    objective: &'a Objective<R>,
    steps: usize,
    observer: Option<Observer<'a, R>>,
) -> Trained<R> {
    let engine = Engine::new(regime, rates, data, state, objective);
    let cubic = regime.network.relu_exponent == 3;
    let arch = pulp::Arch::new();
    macro_rules! run {
        ($cubic:literal, $vectors:literal) => {
            arch.dispatch(Run::<'_, R, $cubic, $vectors> {
                engine,
                steps,
                observer,
            })
        };
    }
    match (cubic, engine.layout.stride / LANES) {
        (true, 1) => run!(true, 1),
        (true, 2) => run!(true, 2),
        (true, _) => run!(true, 0),
        (false, _) => run!(false, 0),
    }
}

/// A training run; `VECTORS` is the length of a row of neurons in whole lanes, or 0 if that is known only
/// at run time.
struct Run<'a, R: Real, const CUBIC: bool, const VECTORS: usize> {
    engine: Engine<'a, R>,
    steps: usize,
    observer: Option<Observer<'a, R>>,
}

impl<R: Real, const CUBIC: bool, const VECTORS: usize> NullaryFnOnce
    for Run<'_, R, CUBIC, VECTORS>
{
    type Output = Trained<R>;

    #[inline(always)]
    fn call(self) -> Trained<R> {
        let Self {
            mut engine,
            steps,
            mut observer,
        } = self;
        let stride = engine.layout.stride;
        let samples = engine.tracks.len();
        let mut work = Work::new(engine.layout.classes, samples);
        let mut stop = StopRule::new(engine.regime.training.perfect_steps);
        engine.promote_pairs::<CUBIC>();
        let mut taken = 0;
        let mut stopping = false;
        while taken < steps && !stopping {
            let observing = observer.as_ref().is_some_and(|o| o.due(taken));
            engine.step::<CUBIC, VECTORS>(taken, steps - taken, &mut work);
            if let Some(o) = observer.as_mut().filter(|_| observing) {
                engine.table.write_back(stride, &mut engine.state.features);
                let fits = engine.paces.iter().map(|p| p.label_probability);
                let losses = fits.map(|p| -p.wide().ln());
                (o.call)(StepView {
                    step: taken,
                    training_errors: engine.errors,
                    loss: losses.sum::<f64>() / samples as f64,
                    features: &engine.state.features,
                });
            }
            engine.table.descend(engine.rate);
            taken += 1;
            stopping = stop.reached(engine.errors) || taken == steps;
            if stopping || taken % TURN == 0 {
                engine.visit::<CUBIC>(stopping);
            }
        }
        engine.finish::<CUBIC>(taken)
    }
}
