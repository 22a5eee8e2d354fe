//! The overlap dynamics written out: every (sample, patch, neuron) in every step.
//!
//! Slow and plain; the engine that [`multirate`](super::multirate) must agree with, and the one
//! used where its assumptions do not hold (feature noise, linear activation).

use super::overlap::{LANES, Overlaps, StepView, Trained};
use super::{Observer, StopRule};
use crate::data::{DataSet, Patch, Sample};
use crate::network::SmoothedRelu;
use crate::objective::Objective;
use crate::real::{Lanes, Real, each, lane_sum};
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
    let arch = pulp::Arch::new();
    macro_rules! run {
        ($cubic:literal, $noisy:literal) => {
            arch.dispatch(Run::<'_, R, $cubic, $noisy> {
                regime,
                data,
                state,
                objective,
                steps,
                observer,
            })
        };
    }
    let cubic = regime.network.relu_exponent == 3;
    match (cubic, regime.data.feature_noise() > 0.0) {
        (true, false) => run!(true, false),
        (true, true) => run!(true, true),
        (false, false) => run!(false, false),
        (false, true) => run!(false, true),
    }
}

/// A training run, compiled for `q = 3` or any `q`, with or without feature noise.
struct Run<'a, R: Real, const CUBIC: bool, const NOISY: bool> {
    regime: &'a Regime,
    data: &'a DataSet,
    state: Overlaps<R>,
    objective: &'a Objective<R>,
    steps: usize,
    observer: Option<Observer<'a, R>>,
}

impl<R: Real, const CUBIC: bool, const NOISY: bool> NullaryFnOnce for Run<'_, R, CUBIC, NOISY> {
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
        let vectors = layout.stride / LANES;
        let mut gradient = vec![R::zero(); state.features.len()];
        let mut common = Common::new(regime, row);
        let (mut logits, mut residual, mut scratch) =
            (vec![R::zero(); k], vec![R::zero(); k], vec![R::zero(); k]);
        let mut sums = vec![[R::zero(); LANES]; k];
        let mut stop = StopRule::new(regime.training.perfect_steps);
        let mut taken = 0;
        while taken < steps {
            let observing = observer.as_ref().is_some_and(|o| o.due(taken));
            gradient.fill(R::zero());
            common.sum(&state.features);
            let (mut errors, mut loss) = (0, 0.0);
            let mut rest = &mut state.noise[..];
            for (n, sample) in data.samples.iter().enumerate() {
                let noise;
                (noise, rest) = rest.split_at_mut(sample.patches.len() * row);
                forward::<R, CUBIC, NOISY>(
                    &activation,
                    sample,
                    &state.features,
                    &common.sum,
                    noise,
                    vectors,
                    &mut sums,
                    &mut logits,
                );
                let fit = objective.residual(
                    taken,
                    n,
                    sample.label,
                    &logits,
                    &mut residual,
                    &mut scratch,
                );
                errors += usize::from(!fit.correct);
                if observing {
                    loss -= fit.label_probability.wide().ln();
                }
                for (patch, b) in sample.patches.iter().zip(noise.chunks_exact_mut(row)) {
                    let (z, alpha, v) = weights::<R>(patch);
                    let a = rows(&state.features[v * row..][..row], vectors);
                    let g = rows_mut(&mut gradient[v * row..][..row], vectors);
                    let mut shared = rows(&common.sum, vectors);
                    let mut push = rows_mut(&mut common.gradient, vectors);
                    let b = rows_mut(b, vectors);
                    for (((e, a), b), g) in residual.iter().zip(a).zip(b).zip(g) {
                        let (pull, noise_pull) = (*e * z, *e * noise_rate);
                        if NOISY {
                            let shared = shared.next().expect("one for each class");
                            let push = push.next().expect("one for each class");
                            for (((a, b), g), (c, push)) in
                                a.iter().zip(b).zip(g).zip(shared.iter().zip(push))
                            {
                                let s = each(|l| z * a[l] + alpha * c[l] + b[l]);
                                let slope = activation.evaluate_lanes::<CUBIC>(s).1;
                                *g = each(|l| g[l] + pull * slope[l]);
                                *b = each(|l| b[l] + noise_pull * slope[l]);
                                *push = each(|l| push[l] + alpha * *e * slope[l]);
                            }
                        } else {
                            for ((a, b), g) in a.iter().zip(b).zip(g) {
                                let s = each(|l| z * a[l] + b[l]);
                                let slope = activation.evaluate_lanes::<CUBIC>(s).1;
                                *g = each(|l| g[l] + pull * slope[l]);
                                *b = each(|l| b[l] + noise_pull * slope[l]);
                            }
                        }
                    }
                }
            }
            if let Some(o) = observer.as_mut().filter(|_| observing) {
                (o.call)(StepView {
                    step: taken,
                    training_errors: errors,
                    loss: loss / data.samples.len() as f64,
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
        finish::<R, CUBIC, NOISY>(regime, data, state, taken)
    }
}

/// A patch's weight, its feature noise, and its feature (any, at weight 0, if it has none).
#[inline(always)]
fn weights<R: Real>(patch: &Patch) -> (R, R, usize) {
    (
        R::of(patch.weight.into()),
        R::of(patch.feature_noise.into()),
        patch.feature.unwrap_or(0) as usize,
    )
}

/// The classes' neurons, in whole lanes.
#[inline(always)]
fn rows<R>(row: &[R], vectors: usize) -> std::slice::ChunksExact<'_, Lanes<R>> {
    row.as_chunks().0.chunks_exact(vectors)
}

#[inline(always)]
fn rows_mut<R>(row: &mut [R], vectors: usize) -> std::slice::ChunksExactMut<'_, Lanes<R>> {
    row.as_chunks_mut().0.chunks_exact_mut(vectors)
}

/// The logits of one sample.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn forward<R: Real, const CUBIC: bool, const NOISY: bool>(
    activation: &SmoothedRelu<R>,
    sample: &Sample,
    features: &[R],
    common: &[R],
    noise: &[R],
    vectors: usize,
    sums: &mut [Lanes<R>],
    logits: &mut [R],
) {
    let row = sums.len() * vectors * LANES;
    sums.fill([R::zero(); LANES]);
    for (patch, b) in sample.patches.iter().zip(noise.chunks_exact(row)) {
        let (z, alpha, v) = weights::<R>(patch);
        let a = rows(&features[v * row..][..row], vectors);
        let mut shared = rows(common, vectors);
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(rows(b, vectors)) {
            if NOISY {
                let shared = shared.next().expect("one for each class");
                for ((a, b), c) in a.iter().zip(b).zip(shared) {
                    let s = each(|l| z * a[l] + alpha * c[l] + b[l]);
                    let value = activation.evaluate_lanes::<CUBIC>(s).0;
                    *sum = each(|l| sum[l] + value[l]);
                }
            } else {
                for (a, b) in a.iter().zip(b) {
                    let s = each(|l| z * a[l] + b[l]);
                    let value = activation.evaluate_lanes::<CUBIC>(s).0;
                    *sum = each(|l| sum[l] + value[l]);
                }
            }
        }
    }
    for (f, sum) in logits.iter_mut().zip(&*sums) {
        *f = lane_sum(*sum);
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
        let len = if regime.data.feature_noise() > 0.0 {
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

/// The logits `F_i(X_n)` on the whole training set, `[N][k]`, and the final training error.
#[inline(always)]
pub(super) fn finish<R: Real, const CUBIC: bool, const NOISY: bool>(
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
    let mut sums = vec![[R::zero(); LANES]; k];
    let mut training_logits = vec![R::zero(); data.samples.len() * k];
    let mut training_errors = 0;
    let mut rest = &state.noise[..];
    for (sample, logits) in data.samples.iter().zip(training_logits.chunks_exact_mut(k)) {
        let noise;
        (noise, rest) = rest.split_at(sample.patches.len() * row);
        forward::<R, CUBIC, NOISY>(
            &activation,
            sample,
            &state.features,
            &common.sum,
            noise,
            layout.stride / LANES,
            &mut sums,
            logits,
        );
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
