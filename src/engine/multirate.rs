//! The overlap dynamics at two rates: exact where something happens, deferred where nothing does.
//!
//! A *block* is one class's neurons on one patch. Three of four (sample, class) pairs have no feature
//! of that class present, and of the others all but the class's own patches stay at the scale of the
//! initialisation: their pre-activations are below a threshold `θ ≪ ϱ`, where `φ` and `φ'` all but
//! vanish. Such *slow* blocks are visited once in a period of steps, with the residuals summed
//! since the last visit, so that no impulse is lost; samples take turns, so each step visits an equal share.
//! A block that passes `θ` becomes *fast* for good: updated every step, held in storage of its own.
//! A class's neurons on its own features are fast from the start.
//!
//! What this leaves out, against the [`reference`](super::reference):
//! - slow blocks add less than `P m φ(θ)` to a logit during training, and are left out of it (the logits
//!   returned at the end have them);
//! - a slow block's slope is at most one period old, a relative error of at most
//!   `period · (η + η')/k · θ/ϱ²` in an increment that is itself a small share of the overlap;
//! - residuals below [`NEGLIGIBLE_RESIDUAL`] do not move fast blocks.
//!
//! The tests bound the effect on the final overlaps.

use super::overlap::{LANES, Overlaps, StepView, Trained};
use super::{Observer, StopRule, lane_sum, reference};
use crate::data::DataSet;
use crate::network::SmoothedRelu;
use crate::objective::Objective;
use crate::real::Real;
use crate::regime::Regime;
use pulp::NullaryFnOnce;

/// Residuals of smaller magnitude do not move fast blocks: over `10^4` steps of per-sample size 0.1 they
/// would add `10^-6` to overlaps of order 10, less than `f32` resolves.
pub const NEGLIGIBLE_RESIDUAL: f64 = 1e-9;

/// When slow blocks are visited and when they cease to be slow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// Steps between two visits of a slow block.
    pub period: usize,
    /// `θ`: pre-activation above which a block is fast.
    pub threshold: f64,
}

impl Rates {
    /// Rates whose stated error is small in `regime`.
    pub fn of(regime: &Regime) -> Self {
        let network = &regime.network;
        Self {
            period: 32,
            threshold: (8.0 * network.init_scale).min(0.02 * network.relu_threshold),
        }
    }
}

/// Whether the assumptions hold: no feature noise, and an activation that is flat at 0.
pub fn applies(regime: &Regime) -> bool {
    regime.data.feature_noise == 0.0 && regime.network.relu_exponent >= 3
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
    let arch = pulp::Arch::new();
    if regime.network.relu_exponent == 3 {
        arch.dispatch(Run::<'_, R, true> {
            regime,
            rates,
            data,
            state,
            objective,
            steps,
            observer,
        })
    } else {
        arch.dispatch(Run::<'_, R, false> {
            regime,
            rates,
            data,
            state,
            objective,
            steps,
            observer,
        })
    }
}

/// One fast block of a sample.
#[derive(Clone, Copy)]
struct Block<R> {
    patch: u32,
    class: u32,
    /// Where the block's feature overlaps begin.
    offset: u32,
    weight: R,
}

/// The fast blocks of one sample and their noise overlaps, `[blocks][stride]`.
struct Fast<R> {
    blocks: Vec<Block<R>>,
    noise: Vec<R>,
}

struct Run<'a, R: Real, const CUBIC: bool> {
    regime: &'a Regime,
    rates: Rates,
    data: &'a DataSet,
    state: Overlaps<R>,
    objective: &'a Objective<R>,
    steps: usize,
    observer: Option<Observer<'a, R>>,
}

impl<R: Real, const CUBIC: bool> NullaryFnOnce for Run<'_, R, CUBIC> {
    type Output = Trained<R>;

    #[inline(always)]
    fn call(self) -> Trained<R> {
        let Self {
            regime,
            rates,
            data,
            mut state,
            objective,
            steps,
            mut observer,
        } = self;
        let layout = state.layout;
        let (k, row, stride) = (layout.classes, layout.row(), layout.stride);
        let activation = SmoothedRelu::<R>::new(&regime.network);
        let samples = data.samples.len();
        let rate = R::of(regime.learning_rate() / samples as f64);
        let noise_rate = R::of(regime.data.noise_variance) * rate;
        let negligible = R::of(NEGLIGIBLE_RESIDUAL);
        let threshold = R::of(rates.threshold);

        let starts: Vec<usize> = data
            .samples
            .iter()
            .scan(0, |next, s| {
                Some(std::mem::replace(next, *next + s.patches.len() * row))
            })
            .collect();
        // Fast blocks are worked through label by label: the label's overlaps then stay in cache.
        let mut order: Vec<usize> = (0..samples).collect();
        order.sort_by_key(|n| data.samples[*n].label);
        let mut place = vec![0; samples];
        let mut fast: Vec<Fast<R>> = Vec::with_capacity(samples);
        for n in &order {
            let (sample, start) = (&data.samples[*n], &starts[*n]);
            place[*n] = fast.len();
            let noise = &mut state.noise[*start..][..sample.patches.len() * row];
            let mut own = Fast {
                blocks: Vec::new(),
                noise: Vec::new(),
            };
            for (p, patch) in sample.patches.iter().enumerate() {
                if let Some(v) = patch.feature {
                    own.promote(
                        p,
                        regime.data.class_of(v as usize),
                        patch,
                        row,
                        stride,
                        noise,
                    );
                }
            }
            fast.push(own);
        }

        let mut gradient = vec![R::zero(); state.features.len()];
        let mut owed = vec![R::zero(); samples * k];
        let (mut logits, mut residual, mut scratch) =
            (vec![R::zero(); k], vec![R::zero(); k], vec![R::zero(); k]);
        // Logits are summed lane by lane and across lanes once for each class.
        let mut sums = vec![[R::zero(); LANES]; k];
        let mut slopes: Vec<R> = Vec::new();
        let mut stop = StopRule::new(regime.training.perfect_steps);
        let mut taken = 0;
        let mut stopping = false;
        while taken < steps && !stopping {
            gradient.fill(R::zero());
            let (mut errors, mut loss) = (0, 0.0);
            let observing = observer.as_ref().is_some_and(|o| o.due(taken));
            for (n, own) in order.iter().zip(&mut fast) {
                let (n, sample) = (*n, &data.samples[*n]);
                sums.fill([R::zero(); LANES]);
                slopes.resize(own.noise.len(), R::zero());
                for ((block, b), slope) in own
                    .blocks
                    .iter()
                    .zip(own.noise.chunks_exact(stride))
                    .zip(slopes.chunks_exact_mut(stride))
                {
                    let a = &state.features[block.offset as usize..][..stride];
                    let mut sum = sums[block.class as usize];
                    for ((a, b), t) in a
                        .as_chunks::<LANES>()
                        .0
                        .iter()
                        .zip(b.as_chunks::<LANES>().0)
                        .zip(slope.as_chunks_mut::<LANES>().0)
                    {
                        let (a, b) = (*a, *b);
                        let s: [R; LANES] = std::array::from_fn(|l| block.weight * a[l] + b[l]);
                        let (values, slopes) = activation.evaluate_lanes::<CUBIC>(s);
                        let before = sum;
                        sum = std::array::from_fn(|l| before[l] + values[l]);
                        *t = slopes;
                    }
                    sums[block.class as usize] = sum;
                }
                for (f, sum) in logits.iter_mut().zip(&sums) {
                    *f = lane_sum(*sum);
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
                if observing {
                    loss -= fit.label_probability.wide().ln();
                }
                for (total, e) in owed[n * k..][..k].iter_mut().zip(&residual) {
                    *total += *e;
                }
                for ((block, b), slope) in own
                    .blocks
                    .iter()
                    .zip(own.noise.chunks_exact_mut(stride))
                    .zip(slopes.chunks_exact(stride))
                {
                    let e = residual[block.class as usize];
                    if e.abs() < negligible {
                        continue;
                    }
                    let (pull, noise_pull) = (e * block.weight, e * noise_rate);
                    let g = &mut gradient[block.offset as usize..][..stride];
                    for ((g, b), t) in g
                        .as_chunks_mut::<LANES>()
                        .0
                        .iter_mut()
                        .zip(b.as_chunks_mut::<LANES>().0)
                        .zip(slope.as_chunks::<LANES>().0)
                    {
                        let (t, g0, b0) = (*t, *g, *b);
                        *g = std::array::from_fn(|l| g0[l] + pull * t[l]);
                        *b = std::array::from_fn(|l| b0[l] + noise_pull * t[l]);
                    }
                }
            }
            if let Some(o) = observer.as_mut().filter(|_| observing) {
                let loss = loss / samples as f64;
                (o.call)(StepView {
                    step: taken,
                    training_errors: errors,
                    loss,
                    features: &state.features,
                });
            }
            taken += 1;
            stopping = stop.reached(errors) || taken == steps;
            // At the end every debt is paid.
            let turn = taken % rates.period;
            let due = if stopping {
                0..samples
            } else {
                turn * samples / rates.period..(turn + 1) * samples / rates.period
            };
            for n in due {
                let (sample, own) = (&data.samples[n], &mut fast[place[n]]);
                let owed = &mut owed[n * k..][..k];
                let noise = &mut state.noise[starts[n]..][..sample.patches.len() * row];
                for (p, patch) in sample.patches.iter().enumerate() {
                    let (z, v) = (
                        R::of(patch.weight.into()),
                        patch.feature.unwrap_or(0) as usize,
                    );
                    let a = &state.features[v * row..][..row];
                    let g = &mut gradient[v * row..][..row];
                    let top = visit::<R, CUBIC>(
                        &activation,
                        z,
                        noise_rate,
                        owed,
                        a,
                        g,
                        &mut noise[p * row..][..row],
                        stride,
                    );
                    if top > threshold {
                        for class in 0..k {
                            let block = class * stride..(class + 1) * stride;
                            let b = &noise[p * row..][block.clone()];
                            if a[block].iter().zip(b).any(|(a, b)| z * *a + *b > threshold) {
                                own.promote(p, class, patch, row, stride, noise);
                            }
                        }
                    }
                }
                owed.fill(R::zero());
            }
            for (a, g) in state.features.iter_mut().zip(&gradient) {
                *a += rate * *g;
            }
        }
        // Give the fast blocks' noise back.
        for (own, start) in fast.iter().zip(order.iter().map(|n| starts[*n])) {
            for (block, b) in own.blocks.iter().zip(own.noise.chunks_exact(stride)) {
                state.noise[start + block.patch as usize * row + block.class as usize * stride..]
                    [..stride]
                    .copy_from_slice(b);
            }
        }
        reference::finish(regime, data, state, taken)
    }
}

impl<R: Real> Fast<R> {
    /// Moves a block out of the slow storage, where −∞ silences it.
    fn promote(
        &mut self,
        p: usize,
        class: usize,
        patch: &crate::data::Patch,
        row: usize,
        stride: usize,
        noise: &mut [R],
    ) {
        let slow = &mut noise[p * row + class * stride..][..stride];
        self.noise.extend_from_slice(slow);
        slow.fill(R::neg_infinity());
        self.blocks.push(Block {
            patch: p as u32,
            class: class as u32,
            offset: (patch.feature.unwrap_or(0) as usize * row + class * stride) as u32,
            weight: R::of(patch.weight.into()),
        });
    }
}

/// Pays a slow patch what it is owed, for all classes; returns its largest pre-activation.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn visit<R: Real, const CUBIC: bool>(
    activation: &SmoothedRelu<R>,
    z: R,
    noise_rate: R,
    owed: &[R],
    a: &[R],
    g: &mut [R],
    b: &mut [R],
    stride: usize,
) -> R {
    let mut top = [R::neg_infinity(); LANES];
    for (class, e) in owed.iter().enumerate() {
        let block = class * stride..(class + 1) * stride;
        let (pull, noise_pull) = (*e * z, *e * noise_rate);
        let a = a[block.clone()].as_chunks::<LANES>().0;
        let g = g[block.clone()].as_chunks_mut::<LANES>().0;
        let b = b[block].as_chunks_mut::<LANES>().0;
        for ((a, g), b) in a.iter().zip(g).zip(b) {
            let (a, g0, b0) = (*a, *g, *b);
            let s: [R; LANES] = std::array::from_fn(|l| z * a[l] + b0[l]);
            let slopes = activation.evaluate_lanes::<CUBIC>(s).1;
            *g = std::array::from_fn(|l| g0[l] + pull * slopes[l]);
            *b = std::array::from_fn(|l| b0[l] + noise_pull * slopes[l]);
            top = std::array::from_fn(|l| if s[l] > top[l] { s[l] } else { top[l] });
        }
    }
    top.into_iter()
        .fold(R::neg_infinity(), |m, x| if x > m { x } else { m })
}
