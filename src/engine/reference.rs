//! The overlap dynamics written out: every (sample, patch, neuron) in every step.
//!
//! Slow and plain, with every noise overlap stored: the engine that [`sparse`](super::sparse) must
//! agree with, and the one for regimes that it refuses, such as the linear activation. Patches of
//! pure noise are patches like all others here.

use super::driver::{Engine, Observer, Stop, View, drive};
use super::is_correct;
use super::noise::Noise;
use super::state::{LANES, Layout, Overlaps, Trained};
use crate::data::{DataSet, Patch, Sample};
use crate::network::SmoothedRelu;
use crate::objective::Objective;
use crate::real::{Lanes, Real, arch, each, lane_sum};
use crate::regime::Regime;
use crate::rows::ClassRows;
use pulp::NullaryFnOnce;

/// Trains by full-batch gradient descent until `stop`.
pub fn train<R: Real>(
    regime: &Regime,
    data: &DataSet,
    start: Overlaps<R>,
    objective: &Objective<R>,
    stop: Stop,
    observer: Option<Observer<'_, R>>,
) -> Trained<R> {
    drive(
        Box::new(Reference::new(regime, data, start, objective)),
        stop,
        observer,
    )
}

/// A training run.
pub struct Reference<'a, R> {
    data: &'a DataSet,
    objective: &'a Objective<R>,
    activation: SmoothedRelu<R>,
    layout: Layout,
    /// `η/N`, and that times `ν²`.
    rate: R,
    noise_rate: R,
    /// `A`, and what a step adds to it.
    features: Vec<R>,
    gradient: Vec<R>,
    /// `B`, `[patches of all samples][k][stride]`.
    noise: Vec<R>,
    common: Common<R>,
    /// Of the last step.
    loss: f64,
    /// Logits of one sample, before and after they are summed across neurons, its residuals, and
    /// room.
    sums: Vec<Lanes<R>>,
    logits: Vec<R>,
    residual: Vec<R>,
    scratch: Vec<R>,
}

impl<'a, R: Real> Reference<'a, R> {
    /// A run from `start`, whose noise overlaps are written out.
    pub fn new(
        regime: &Regime,
        data: &'a DataSet,
        start: Overlaps<R>,
        objective: &'a Objective<R>,
    ) -> Self {
        let Overlaps {
            layout,
            features,
            noise,
        } = start.written_out(data);
        let Noise::Stored { values: noise, .. } = noise else {
            unreachable!("the noise overlaps have just been written out");
        };
        let rate = R::of(regime.learning_rate() / data.samples.len() as f64);
        let zeros = vec![R::zero(); layout.classes];
        Self {
            data,
            objective,
            activation: SmoothedRelu::new(&regime.network),
            layout,
            rate,
            noise_rate: R::of(regime.data.noise_variance) * rate,
            gradient: vec![R::zero(); features.len()],
            features,
            noise,
            common: Common::new(regime, layout.row()),
            loss: 0.0,
            sums: vec![[R::zero(); LANES]; layout.classes],
            logits: zeros.clone(),
            residual: zeros.clone(),
            scratch: zeros,
        }
    }

    fn is_noisy(&self) -> bool {
        !self.common.sum.is_empty()
    }
}

impl<R: Real> Engine<R> for Reference<'_, R> {
    fn evaluate(&mut self, step: usize, _left: usize) -> usize {
        let arch = arch();
        let (cubic, noisy) = (self.activation.is_cubic(), self.is_noisy());
        match (cubic, noisy) {
            (true, false) => arch.dispatch(Step::<R, true, false>(self, step)),
            (true, true) => arch.dispatch(Step::<R, true, true>(self, step)),
            (false, false) => arch.dispatch(Step::<R, false, false>(self, step)),
            (false, true) => arch.dispatch(Step::<R, false, true>(self, step)),
        }
    }

    fn view(&mut self) -> View<'_, R> {
        View {
            loss: self.loss,
            features: &self.features,
        }
    }

    fn descend(&mut self) {
        for (a, g) in self.features.iter_mut().zip(&self.gradient) {
            *a += self.rate * *g;
        }
        self.common.apply(&mut self.features, self.rate);
    }

    fn finish(mut self: Box<Self>, steps: usize) -> Trained<R> {
        let k = self.layout.classes;
        self.common.sum(&self.features);
        let mut training_logits = vec![R::zero(); self.data.samples.len() * k];
        let mut training_errors = 0;
        let mut rest = &self.noise[..];
        for (sample, logits) in (self.data.samples.iter()).zip(training_logits.chunks_exact_mut(k))
        {
            let noise;
            (noise, rest) = rest.split_at(sample.patches.len() * self.layout.row());
            let pass = Forward {
                activation: &self.activation,
                sample,
                features: &self.features,
                common: &self.common.sum,
                noise,
                vectors: self.layout.stride / LANES,
            };
            match self.common.sum.is_empty() {
                true => pass.run::<false, false>(&mut self.sums, logits),
                false => pass.run::<false, true>(&mut self.sums, logits),
            }
            training_errors += usize::from(!is_correct(logits, sample.label));
        }
        Trained {
            layout: self.layout,
            features: self.features,
            training_logits: ClassRows::dense(k, &training_logits),
            steps,
            training_errors,
        }
    }
}

/// A gradient step, compiled for `q = 3` or any `q`, with or without feature noise.
struct Step<'a, 'b, R, const CUBIC: bool, const NOISY: bool>(&'a mut Reference<'b, R>, usize);

impl<R: Real, const CUBIC: bool, const NOISY: bool> NullaryFnOnce
    for Step<'_, '_, R, CUBIC, NOISY>
{
    type Output = usize;

    #[inline(always)]
    fn call(self) -> usize {
        let Self(engine, step) = self;
        let row = engine.layout.row();
        let vectors = engine.layout.stride / LANES;
        engine.gradient.fill(R::zero());
        engine.common.sum(&engine.features);
        let (mut errors, mut loss) = (0, 0.0);
        let mut rest = &mut engine.noise[..];
        for (n, sample) in engine.data.samples.iter().enumerate() {
            let noise;
            (noise, rest) = rest.split_at_mut(sample.patches.len() * row);
            Forward {
                activation: &engine.activation,
                sample,
                features: &engine.features,
                common: &engine.common.sum,
                noise,
                vectors,
            }
            .run::<CUBIC, NOISY>(&mut engine.sums, &mut engine.logits);
            let fit = engine.objective.residual(
                step,
                n,
                sample.label,
                &engine.logits,
                &mut engine.residual,
                &mut engine.scratch,
            );
            errors += usize::from(!fit.correct);
            loss += fit.loss();
            for (patch, b) in sample.patches.iter().zip(noise.chunks_exact_mut(row)) {
                let (z, alpha, v) = weights::<R>(patch);
                let a = rows(&engine.features[v * row..][..row], vectors);
                let g = rows_mut(&mut engine.gradient[v * row..][..row], vectors);
                let mut shared = rows(&engine.common.sum, vectors);
                let mut push = rows_mut(&mut engine.common.gradient, vectors);
                let b = rows_mut(b, vectors);
                for (((e, a), b), g) in engine.residual.iter().zip(a).zip(b).zip(g) {
                    let (pull, noise_pull) = (*e * z, *e * engine.noise_rate);
                    if NOISY {
                        let shared = shared.next().expect("one for each class");
                        let push = push.next().expect("one for each class");
                        for (((a, b), g), (c, push)) in
                            a.iter().zip(b).zip(g).zip(shared.iter().zip(push))
                        {
                            let s = each(|l| z * a[l] + alpha * c[l] + b[l]);
                            let slope = engine.activation.evaluate_lanes::<CUBIC>(s).1;
                            *g = each(|l| g[l] + pull * slope[l]);
                            *b = each(|l| b[l] + noise_pull * slope[l]);
                            *push = each(|l| push[l] + alpha * *e * slope[l]);
                        }
                    } else {
                        for ((a, b), g) in a.iter().zip(b).zip(g) {
                            let s = each(|l| z * a[l] + b[l]);
                            let slope = engine.activation.evaluate_lanes::<CUBIC>(s).1;
                            *g = each(|l| g[l] + pull * slope[l]);
                            *b = each(|l| b[l] + noise_pull * slope[l]);
                        }
                    }
                }
            }
        }
        engine.loss = loss / engine.data.samples.len() as f64;
        errors
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
struct Forward<'a, R> {
    activation: &'a SmoothedRelu<R>,
    sample: &'a Sample,
    features: &'a [R],
    common: &'a [R],
    noise: &'a [R],
    vectors: usize,
}

impl<R: Real> Forward<'_, R> {
    #[inline(always)]
    fn run<const CUBIC: bool, const NOISY: bool>(self, sums: &mut [Lanes<R>], logits: &mut [R]) {
        let vectors = self.vectors;
        let row = sums.len() * vectors * LANES;
        sums.fill([R::zero(); LANES]);
        for (patch, b) in self.sample.patches.iter().zip(self.noise.chunks_exact(row)) {
            let (z, alpha, v) = weights::<R>(patch);
            let a = rows(&self.features[v * row..][..row], vectors);
            let mut shared = rows(self.common, vectors);
            for ((sum, a), b) in sums.iter_mut().zip(a).zip(rows(b, vectors)) {
                if NOISY {
                    let shared = shared.next().expect("one for each class");
                    for ((a, b), c) in a.iter().zip(b).zip(shared) {
                        let s = each(|l| z * a[l] + alpha * c[l] + b[l]);
                        let value = self.activation.evaluate_lanes::<CUBIC>(s).0;
                        *sum = each(|l| sum[l] + value[l]);
                    }
                } else {
                    for (a, b) in a.iter().zip(b) {
                        let s = each(|l| z * a[l] + b[l]);
                        let value = self.activation.evaluate_lanes::<CUBIC>(s).0;
                        *sum = each(|l| sum[l] + value[l]);
                    }
                }
            }
        }
        for (f, sum) in logits.iter_mut().zip(&*sums) {
            *f = lane_sum(*sum);
        }
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
