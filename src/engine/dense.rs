//! The literal engine: patches and weights as vectors in `R^d`, gradient descent as matrix products.
//!
//! The reference that the [`overlap`](super::overlap) dynamics must approach as `d` grows, at a cost of
//! a factor of `d`. A patch is
//!
//! ```text
//! x_p = z_p v + α_p Σ_{v'} v' + ξ_p,      ξ_p ~ N(0, ν²/d · I_d),      w_{i,r} ~ N(0, σ_0² I_d)
//! ```
//!
//! and the features are the first `2k` vectors of the standard basis. Nothing is lost by that: the laws
//! of `ξ` and `w` are invariant under rotations and gradient descent commutes with them, so any other
//! orthonormal features give the same law of every overlap and logit.
//!
//! With the inputs as columns of `X` (`[d][patches]`) and the weights as rows of `W` (`[k·m][d]`), a step is
//!
//! ```text
//! S = W X,     F_i(X_n) = Σ_{p,r} φ(S),     E = e ∘ φ'(S),     W += η/N E Xᵀ
//! ```
//!
//! The products are all but the whole cost. Half of `E` is 0, neurons silent on a patch; skipping those entries exactly was
//! tried and is no faster, since a multiply-add then has to load an operand of its own.
//!
//! Samples are taken in blocks whose inputs stay in cache from `S` to `E Xᵀ`; `S`, `φ'` and `E` share one
//! buffer. The products run on the calling thread, so a result depends on the seed and on the
//! processor's instruction set, never on the number of threads: worlds are what runs in parallel.

use super::overlap::{LANES, Layout, Overlaps, StepView, Trained};
use super::{Observer, StopRule, is_correct, lane_sum};
use crate::data::DataSet;
use crate::network::SmoothedRelu;
use crate::objective::Objective;
use crate::real::{Real, each};
use crate::regime::{DataRegime, Regime, RegimeError, require};
use crate::seed::{Purpose, WorldSeed};
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, MatRef, Par};
use pulp::NullaryFnOnce;
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};
use std::ops::Range;

/// Largest `d`.
const LARGEST_DIMENSION: usize = 1 << 20;

/// Bytes of inputs a block should not exceed: half of a common second-level cache.
const BLOCK_BYTES: usize = 1 << 18;

/// Patches below which a block is too narrow for the matrix products to run at speed.
const NARROWEST_BLOCK: usize = 96;

/// Checks `d`: at least the number of features, which are orthonormal.
///
/// # Errors
/// `dimension` outside `[2k, 2^20]`.
pub fn check_dimension(regime: &DataRegime, dimension: usize) -> Result<(), RegimeError> {
    let least = regime.features();
    require(
        (least..=LARGEST_DIMENSION).contains(&dimension),
        "dimension",
        dimension,
        format!("{least} (as many orthonormal features) to {LARGEST_DIMENSION}"),
    )
}

/// A training set with its noise vectors.
#[derive(Clone, Debug)]
pub struct World<'a, R> {
    /// The training set `Z` without its noise.
    data: &'a DataSet,
    /// `X`, `[d][patches of all samples]`, a patch in each column.
    inputs: Mat<R>,
}

/// A network's weights.
#[derive(Clone, Debug)]
pub struct Weights<R> {
    /// `W`, `[k·m][d]`: `w_{i,r}` in row `i m + r`.
    pub rows: Mat<R>,
}

impl<R: Real> Weights<R> {
    /// `A`, the overlaps with the features, `[features][k][stride]`.
    pub fn features(&self, regime: &Regime) -> Vec<R> {
        let own = self.rows.as_ref().subcols(0, regime.data.features());
        padded(own, Layout::of(regime), R::zero())
    }

    /// Exchanges the two views of every class.
    pub fn swap_views(&mut self, regime: &Regime) {
        for first in (0..regime.data.features()).step_by(2) {
            for row in 0..self.rows.nrows() {
                let kept = self.rows[(row, first)];
                self.rows[(row, first)] = self.rows[(row, first + 1)];
                self.rows[(row, first + 1)] = kept;
            }
        }
    }
}

impl<'a, R: Real> World<'a, R>
where
    StandardNormal: Distribution<R>,
{
    /// Draws the noise vectors of `data` in `R^dimension`, each of expected squared norm `ν²`.
    ///
    /// # Errors
    /// `dimension` outside `[2k, 2^20]`.
    pub fn draw(
        regime: &Regime,
        data: &'a DataSet,
        dimension: usize,
        seed: WorldSeed,
    ) -> Result<Self, RegimeError> {
        check_dimension(&regime.data, dimension)?;
        let variance = regime.data.noise_variance / dimension as f64;
        let mut rng = seed.rng(Purpose::Noise, 0);
        let mut inputs = gaussian(dimension, data.patch_count(), variance.sqrt(), &mut rng);
        let patches = data.samples.iter().flat_map(|s| &s.patches);
        for (patch, x) in patches.zip(inputs.col_iter_mut()) {
            let x = x.try_as_col_major_mut().expect("a column").as_slice_mut();
            for x in &mut x[..regime.data.features()] {
                *x += R::of(patch.feature_noise.into());
            }
            if let Some(v) = patch.feature {
                x[v as usize] += R::of(patch.weight.into());
            }
        }
        Ok(Self { data, inputs })
    }

    /// The initial weights `N(0, σ_0²)` of network `index` of this world.
    pub fn initialise(&self, regime: &Regime, seed: WorldSeed, index: u64) -> Weights<R> {
        let neurons = regime.data.classes * regime.network.neurons_per_class;
        let mut rng = seed.rng(Purpose::Initialisation, index);
        Weights {
            rows: gaussian(neurons, self.inputs.nrows(), regime.init_scale(), &mut rng),
        }
    }
}

impl<R: Real> World<'_, R> {
    /// `X`, `[d][patches of all samples]`.
    pub fn inputs(&self) -> MatRef<'_, R> {
        self.inputs.as_ref()
    }

    /// The overlaps `A = ⟨w, v⟩` and `B = ⟨w, ξ⟩` of `weights` with this world: where the overlap engines
    /// start in order to follow the same network. `B` is what the features leave of `W X`, so that
    /// pre-activations agree.
    pub fn overlaps(&self, regime: &Regime, weights: &Weights<R>) -> Overlaps<R> {
        let layout = Layout::of(regime);
        let features = regime.data.features();
        let rows = weights.rows.as_ref();
        let own = padded(rows.subcols(0, features), layout, R::zero());
        let mut products = Mat::<R>::zeros(rows.nrows(), self.inputs.ncols());
        let (replace, one) = (Accum::Replace, R::one());
        matmul(&mut products, replace, rows, &self.inputs, one, Par::Seq);
        let mut noise = padded(products.as_ref(), layout, R::neg_infinity());
        let mut common = vec![R::zero(); layout.row()];
        for a in own.chunks_exact(layout.row()) {
            common.iter_mut().zip(a).for_each(|(c, a)| *c += *a);
        }
        let patches = self.data.samples.iter().flat_map(|s| &s.patches);
        for (patch, b) in patches.zip(noise.chunks_exact_mut(layout.row())) {
            let z = R::of(patch.weight.into());
            let alpha = R::of(patch.feature_noise.into());
            let a = &own[patch.feature.unwrap_or(0) as usize * layout.row()..][..layout.row()];
            for ((b, a), c) in b.iter_mut().zip(a).zip(&common) {
                *b = *b - z * *a - alpha * *c;
            }
        }
        Overlaps {
            layout,
            features: own,
            noise: noise.into(),
        }
    }

    /// The logits `F_i(X_n)` on the training set, `[N][k]`.
    pub fn logits(&self, regime: &Regime, weights: &Weights<R>) -> Vec<R> {
        pulp::Arch::new().dispatch(Logits {
            regime,
            world: self,
            weights,
        })
    }
}

/// Trains by full-batch gradient descent for at most `steps` steps; returns the weights with what
/// evaluation and distillation need of them.
pub fn train<'a, R: Real>(
    regime: &'a Regime,
    world: &'a World<'a, R>,
    weights: Weights<R>,
    objective: &'a Objective<R>,
    steps: usize,
    observer: Option<Observer<'a, R>>,
) -> (Weights<R>, Trained<R>) {
    pulp::Arch::new().dispatch(Run {
        regime,
        world,
        weights,
        objective,
        steps,
        observer,
    })
}

struct Run<'a, R: Real> {
    regime: &'a Regime,
    world: &'a World<'a, R>,
    weights: Weights<R>,
    objective: &'a Objective<R>,
    steps: usize,
    observer: Option<Observer<'a, R>>,
}

impl<R: Real> NullaryFnOnce for Run<'_, R> {
    type Output = (Weights<R>, Trained<R>);

    #[inline(always)]
    fn call(self) -> Self::Output {
        let Self {
            regime,
            world,
            mut weights,
            objective,
            steps,
            mut observer,
        } = self;
        let layout = Layout::of(regime);
        let features = regime.data.features();
        let samples = &world.data.samples;
        let rate = R::of(regime.learning_rate() / samples.len() as f64);
        let blocks = blocks(world);
        let mut pass = Pass::new(regime, world);
        let mut gradient = Mat::<R>::zeros(weights.rows.nrows(), weights.rows.ncols());
        let k = layout.classes;
        let (mut logits, mut residual, mut scratch) =
            (vec![R::zero(); k], vec![R::zero(); k], vec![R::zero(); k]);
        let mut stop = StopRule::new(regime.training.perfect_steps);
        let mut taken = 0;
        while taken < steps {
            let (mut errors, mut loss) = (0, 0.0);
            let observing = observer.as_ref().is_some_and(|o| o.due(taken));
            let mut accumulate = Accum::Replace;
            for block in &blocks {
                pass.pre_activations(&weights, block.patches.clone());
                let mut first = 0;
                for n in block.samples.clone() {
                    let sample = &samples[n];
                    let patches = first..first + sample.patches.len();
                    first = patches.end;
                    pass.activate(patches.clone(), &mut logits);
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
                    pass.weigh(patches, &residual);
                }
                pass.gradient(&mut gradient, accumulate, block.patches.clone());
                accumulate = Accum::Add;
            }
            if let Some(o) = observer.as_mut().filter(|_| observing) {
                (o.call)(StepView {
                    step: taken,
                    training_errors: errors,
                    loss: loss / samples.len() as f64,
                    features: &padded(weights.rows.subcols(0, features), layout, R::zero()),
                });
            }
            for (w, g) in weights.rows.col_iter_mut().zip(gradient.col_iter()) {
                let w = w.try_as_col_major_mut().expect("a column").as_slice_mut();
                let g = g.try_as_col_major().expect("a column").as_slice();
                for (w, g) in w.iter_mut().zip(g) {
                    *w += rate * *g;
                }
            }
            taken += 1;
            if stop.reached(errors) {
                break;
            }
        }
        let training_logits = world.logits(regime, &weights);
        let training_errors = samples
            .iter()
            .zip(training_logits.chunks_exact(k))
            .filter(|(sample, logits)| !is_correct(logits, sample.label))
            .count();
        let trained = Trained {
            layout,
            features: padded(weights.rows.subcols(0, features), layout, R::zero()),
            training_logits,
            steps: taken,
            training_errors,
        };
        (weights, trained)
    }
}

struct Logits<'a, R> {
    regime: &'a Regime,
    world: &'a World<'a, R>,
    weights: &'a Weights<R>,
}

impl<R: Real> NullaryFnOnce for Logits<'_, R> {
    type Output = Vec<R>;

    #[inline(always)]
    fn call(self) -> Vec<R> {
        let samples = &self.world.data.samples;
        let mut pass = Pass::new(self.regime, self.world);
        let mut logits = vec![R::zero(); samples.len() * self.regime.data.classes];
        let mut rows = logits.chunks_exact_mut(self.regime.data.classes);
        for block in blocks(self.world) {
            pass.pre_activations(self.weights, block.patches);
            let mut first = 0;
            for (sample, logits) in samples[block.samples].iter().zip(rows.by_ref()) {
                pass.activate(first..first + sample.patches.len(), logits);
                first += sample.patches.len();
            }
        }
        logits
    }
}

/// Consecutive samples whose inputs are in cache together.
struct Block {
    samples: Range<usize>,
    /// Columns of `X`.
    patches: Range<usize>,
}

/// Cuts the training set at sample boundaries into blocks of about [`BLOCK_BYTES`].
fn blocks<R: Real>(world: &World<R>) -> Vec<Block> {
    let column = world.inputs.nrows() * size_of::<R>();
    let target = (BLOCK_BYTES / column).max(NARROWEST_BLOCK);
    let mut blocks = Vec::new();
    let mut next = Block {
        samples: 0..0,
        patches: 0..0,
    };
    for (n, sample) in world.data.samples.iter().enumerate() {
        next.samples.end = n + 1;
        next.patches.end += sample.patches.len();
        if next.patches.len() >= target || n + 1 == world.data.samples.len() {
            let after = Block {
                samples: n + 1..n + 1,
                patches: next.patches.end..next.patches.end,
            };
            blocks.push(std::mem::replace(&mut next, after));
        }
    }
    blocks
}

/// The work on one block: `S`, then `φ'(S)`, then `E` in one buffer, `[patches of the block][k][m]`.
struct Pass<'a, R> {
    inputs: MatRef<'a, R>,
    activation: SmoothedRelu<R>,
    /// `m`.
    neurons: usize,
    /// `k m`.
    row: usize,
    buffer: Vec<R>,
}

impl<'a, R: Real> Pass<'a, R> {
    #[inline(always)]
    fn new(regime: &Regime, world: &'a World<R>) -> Self {
        let neurons = regime.network.neurons_per_class;
        Self {
            inputs: world.inputs.as_ref(),
            activation: SmoothedRelu::new(&regime.network),
            neurons,
            row: regime.data.classes * neurons,
            buffer: Vec::new(),
        }
    }

    /// `S = W X` on a block.
    #[inline(always)]
    fn pre_activations(&mut self, weights: &Weights<R>, patches: Range<usize>) {
        self.buffer.resize(self.row * patches.len(), R::zero());
        matmul(
            MatMut::from_column_major_slice_mut(&mut self.buffer, self.row, patches.len()),
            Accum::Replace,
            &weights.rows,
            self.inputs.subcols(patches.start, patches.len()),
            R::one(),
            Par::Seq,
        );
    }

    /// Writes one sample's `F_i = Σ_{p,r} φ(S)` and leaves `φ'(S)`; `patches` counts from the block's first.
    #[inline(always)]
    fn activate(&mut self, patches: Range<usize>, logits: &mut [R]) {
        if self.activation.is_cubic() {
            self.activate_as::<true>(patches, logits);
        } else {
            self.activate_as::<false>(patches, logits);
        }
    }

    #[inline(always)]
    fn activate_as<const CUBIC: bool>(&mut self, patches: Range<usize>, logits: &mut [R]) {
        logits.fill(R::zero());
        let rows = &mut self.buffer[patches.start * self.row..patches.end * self.row];
        for row in rows.chunks_exact_mut(self.row) {
            for (f, s) in logits.iter_mut().zip(row.chunks_exact_mut(self.neurons)) {
                let mut sum = [R::zero(); LANES];
                let (blocks, rest) = s.as_chunks_mut::<LANES>();
                for block in blocks {
                    let (values, slopes) = self.activation.evaluate_lanes::<CUBIC>(*block);
                    sum = each(|l| sum[l] + values[l]);
                    *block = slopes;
                }
                for (sum, s) in sum.iter_mut().zip(rest) {
                    let (value, slope) = self.activation.value_and_slope(*s);
                    *sum += value;
                    *s = slope;
                }
                *f += lane_sum(sum);
            }
        }
    }

    /// `E = e ∘ φ'(S)` for one sample.
    #[inline(always)]
    fn weigh(&mut self, patches: Range<usize>, residual: &[R]) {
        let rows = &mut self.buffer[patches.start * self.row..patches.end * self.row];
        for row in rows.chunks_exact_mut(self.row) {
            for (e, slopes) in residual.iter().zip(row.chunks_exact_mut(self.neurons)) {
                for slope in slopes {
                    *slope *= *e;
                }
            }
        }
    }

    /// `E Xᵀ` of a block, into or onto `gradient`.
    #[inline(always)]
    fn gradient(&self, gradient: &mut Mat<R>, accumulate: Accum, patches: Range<usize>) {
        matmul(
            gradient,
            accumulate,
            MatRef::from_column_major_slice(&self.buffer, self.row, patches.len()),
            self.inputs
                .subcols(patches.start, patches.len())
                .transpose(),
            R::one(),
            Par::Seq,
        );
    }
}

/// Independent `N(0, scale²)` entries, drawn column by column.
fn gaussian<R: Real>(rows: usize, columns: usize, scale: f64, rng: &mut impl Rng) -> Mat<R>
where
    StandardNormal: Distribution<R>,
{
    let scale = R::of(scale);
    let mut entries = Mat::zeros(rows, columns);
    for column in entries.col_iter_mut() {
        let column = column.try_as_col_major_mut().expect("a column");
        for x in column.as_slice_mut() {
            let standard: R = StandardNormal.sample(rng);
            *x = scale * standard;
        }
    }
    entries
}

/// Columns of `[k·m]` as rows `[k][stride]`, the padding neurons filled.
fn padded<R: Real>(columns: MatRef<R>, layout: Layout, padding: R) -> Vec<R> {
    let mut values = vec![padding; columns.ncols() * layout.row()];
    for (c, row) in values.chunks_exact_mut(layout.row()).enumerate() {
        for (i, block) in row.chunks_exact_mut(layout.stride).enumerate() {
            for (r, x) in block[..layout.neurons].iter_mut().enumerate() {
                *x = columns[(i * layout.neurons + r, c)];
            }
        }
    }
    values
}
