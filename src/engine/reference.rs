//! The overlap dynamics written out: every (sample, patch, neuron) in every step.
//!
//! Slow and plain; the engine that [`multirate`](super::multirate) must agree with, and the one
//! used where its assumptions do not hold (feature noise, linear activation).

use super::overlap::{LANES, Overlaps, StepView, Trained};
use super::{Observer, StopRule};
use crate::data::DataSet;
use crate::network::SmoothedRelu;
use crate::objective::Objective;
use crate::real::Real;
use crate::regime::Regime;
use pulp::NullaryFnOnce;

/// Trains by full-batch gradient descent for at most `steps` steps.
pub fn train<'a, R: Real>(
    regime: &'a Regime,
    data: &'a DataSet,
    state: Overlaps<R>,
    objective: &'a Objective<R>,
    steps: usize,
    observer: Option<Observer<'a, R>>,
) -> Trained<R> {
    pulp::Arch::new().dispatch(Run {
        regime,
        data,
        state,
        objective,
        steps,
        observer,
    })
}

struct Run<'a, R: Real> {
    regime: &'a Regime,
    data: &'a DataSet,
    state: Overlaps<R>,
    objective: &'a Objective<R>,
    steps: usize,
    observer: Option<Observer<'a, R>>,
}

impl<R: Real> NullaryFnOnce for Run<'_, R> {
    type Output = Trained<R>;

    #[inline(always)]
    fn call(self) -> Trained<R> {
        let Self {
            regime,
            data,
            mut state,
            objective,
            steps,
            mut observer,
        } = self;
        let layout = state.layout;
        let activation = SmoothedRelu::<R>::new(&regime.network);
        let rate = R::of(regime.learning_rate() / data.samples.len() as f64);
        let noise_rate = R::of(regime.data.noise_variance) * rate;
        let (k, row) = (layout.classes, layout.row());
        let mut gradient = vec![R::zero(); state.features.len()];
        let mut common = Common::new(regime, row);
        let (mut logits, mut residual, mut scratch) =
            (vec![R::zero(); k], vec![R::zero(); k], vec![R::zero(); k]);
        let mut stop = StopRule::new(regime.training.perfect_steps);
        let mut taken = 0;
        while taken < steps {
            gradient.fill(R::zero());
            common.sum(&state.features);
            let (mut errors, mut loss) = (0, 0.0);
            let mut rows = state.noise.chunks_exact_mut(row);
            for (n, sample) in data.samples.iter().enumerate() {
                let noise = rows.by_ref().take(sample.patches.len()).collect::<Vec<_>>();
                logits.fill(R::zero());
                for (patch, b) in sample.patches.iter().zip(&noise) {
                    let (z, v) = (
                        R::of(patch.weight.into()),
                        patch.feature.unwrap_or(0) as usize,
                    );
                    let alpha = R::of(patch.feature_noise.into());
                    let a = &state.features[v * row..][..row];
                    for i in 0..k {
                        let block = i * layout.stride..(i + 1) * layout.stride;
                        let c = common.block(block.clone());
                        logits[i] +=
                            block_value(&activation, z, &a[block.clone()], alpha, c, &b[block]);
                    }
                }
                let fit = objective.residual(
                    taken,
                    n,
                    sample.label,
                    &logits,
                    &mut residual,
                    &mut scratch,
                );
                errors += usize::from(!fit.correct);
                if observer.as_ref().is_some_and(|o| o.due(taken)) {
                    loss -= fit.label_probability.wide().ln();
                }
                for (patch, b) in sample.patches.iter().zip(noise) {
                    let (z, v) = (
                        R::of(patch.weight.into()),
                        patch.feature.unwrap_or(0) as usize,
                    );
                    let alpha = R::of(patch.feature_noise.into());
                    let a = &state.features[v * row..][..row];
                    let g = &mut gradient[v * row..][..row];
                    for j in 0..row {
                        let s = z * a[j] + alpha * common.at(j) + b[j];
                        let moved = residual[j / layout.stride] * activation.value_and_slope(s).1;
                        g[j] += z * moved;
                        b[j] += noise_rate * moved;
                        common.push(j, alpha * moved);
                    }
                }
            }
            if let Some(o) = observer.as_mut().filter(|o| o.due(taken)) {
                let loss = loss / data.samples.len() as f64;
                (o.call)(StepView {
                    step: taken,
                    training_errors: errors,
                    loss,
                    features: &state.features,
                });
            }
            for (a, g) in state.features.iter_mut().zip(&gradient) {
                *a += rate * *g;
            }
            common.apply(&mut state.features, rate);
            taken += 1;
            if stop.reached(errors) {
                break;
            }
        }
        finish(regime, data, state, taken)
    }
}

/// The running sums that feature noise with `α_{p,v'} = α_p` costs: `Σ_v A[v]` on the way forward,
/// `Σ e φ' α` on the way back. Empty when `γ = 0`.
struct Common<R> {
    sum: Vec<R>,
    gradient: Vec<R>,
}

impl<R: Real> Common<R> {
    fn new(regime: &Regime, row: usize) -> Self {
        let len = if regime.data.feature_noise > 0.0 {
            row
        } else {
            0
        };
        Self {
            sum: vec![R::zero(); len],
            gradient: vec![R::zero(); len],
        }
    }

    #[inline(always)]
    fn sum(&mut self, features: &[R]) {
        if self.sum.is_empty() {
            return;
        }
        self.gradient.fill(R::zero());
        self.sum.fill(R::zero());
        for row in features.chunks_exact(self.sum.len()) {
            for (s, a) in self.sum.iter_mut().zip(row) {
                *s += *a;
            }
        }
    }

    #[inline(always)]
    fn at(&self, j: usize) -> R {
        if self.sum.is_empty() {
            R::zero()
        } else {
            self.sum[j]
        }
    }

    #[inline(always)]
    fn block(&self, block: std::ops::Range<usize>) -> &[R] {
        if self.sum.is_empty() {
            &[]
        } else {
            &self.sum[block]
        }
    }

    #[inline(always)]
    fn push(&mut self, j: usize, moved: R) {
        if !self.gradient.is_empty() {
            self.gradient[j] += moved;
        }
    }

    #[inline(always)]
    fn apply(&self, features: &mut [R], rate: R) {
        if self.sum.is_empty() {
            return;
        }
        for row in features.chunks_exact_mut(self.sum.len()) {
            for (a, g) in row.iter_mut().zip(&self.gradient) {
                *a += rate * *g;
            }
        }
    }
}

/// `Σ_r φ(z A_r + α C_r + B_r)` over one class's neurons on one patch; `common` may be empty for α = 0.
#[inline(always)]
fn block_value<R: Real>(
    activation: &SmoothedRelu<R>,
    z: R,
    a: &[R],
    alpha: R,
    common: &[R],
    b: &[R],
) -> R {
    let mut sum = [R::zero(); LANES];
    for (c, (a, b)) in a
        .as_chunks::<LANES>()
        .0
        .iter()
        .zip(b.as_chunks::<LANES>().0)
        .enumerate()
    {
        for l in 0..LANES {
            let shift = if common.is_empty() {
                R::zero()
            } else {
                alpha * common[c * LANES + l]
            };
            sum[l] += activation.value_and_slope(z * a[l] + shift + b[l]).0;
        }
    }
    super::lane_sum(sum)
}

/// The logits `F_i(X_n)` on the whole training set, `[N][k]`, and the final training error.
#[inline(always)]
pub(super) fn finish<R: Real>(
    regime: &Regime,
    data: &DataSet,
    state: Overlaps<R>,
    steps: usize,
) -> Trained<R> {
    let layout = state.layout;
    let (k, row) = (layout.classes, layout.row());
    let activation = SmoothedRelu::<R>::new(&regime.network);
    let mut common = Common::new(regime, row);
    common.sum(&state.features);
    let mut training_logits = vec![R::zero(); data.samples.len() * k];
    let mut training_errors = 0;
    let mut rows = state.noise.chunks_exact(row);
    for (sample, logits) in data.samples.iter().zip(training_logits.chunks_exact_mut(k)) {
        for (patch, b) in sample.patches.iter().zip(rows.by_ref()) {
            let (z, v) = (
                R::of(patch.weight.into()),
                patch.feature.unwrap_or(0) as usize,
            );
            let alpha = R::of(patch.feature_noise.into());
            let a = &state.features[v * row..][..row];
            for (i, f) in logits.iter_mut().enumerate() {
                let block = i * layout.stride..(i + 1) * layout.stride;
                *f += block_value(
                    &activation,
                    z,
                    &a[block.clone()],
                    alpha,
                    common.block(block.clone()),
                    &b[block],
                );
            }
        }
        training_errors += usize::from(!super::is_correct(logits, sample.label));
    }
    Trained {
        layout,
        features: state.features,
        training_logits,
        steps,
        training_errors,
    }
}
