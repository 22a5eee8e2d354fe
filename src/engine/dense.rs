//! The literal engine: patches and weights as vectors in `R^d`, gradient descent as matrix
//! products.
//!
//! The reference that the [overlap](super::state) dynamics must approach as `d` grows, at a cost of
//! a factor of `d`. A patch is
//!
//! ```text
//! x_p = z_p v + α_p Σ_{v'} v' + ξ_p,      ξ_p ~ N(0, ν²/d · I_d),      w_{i,r} ~ N(0, σ_0² I_d)
//! ```
//!
//! and the features are the first `M k` vectors of the standard basis. Nothing is lost by that: the
//! laws of `ξ` and `w` are invariant under rotations and gradient descent commutes with them, so
//! any other orthonormal features give the same law of every overlap and logit.
//!
//! With the inputs as columns of `X` (`[d][patches]`) and the weights as columns of `W`
//! (`[d][k·m]`), a step is
//!
//! ```text
//! S = Xᵀ W,     F_i(X_n) = Σ_{p,r} φ(S),     E = e ∘ φ'(S),     W += η/N X E
//! ```
//!
//! The products are nearly the whole cost. Half of `E` is 0, neurons silent on a patch; skipping
//! those entries exactly was tried and is no faster, since a multiply-add then has to load an
//! operand of its own.
//!
//! Patches are taken a [`TILE`] at a time, so that their inputs are still in cache when the
//! gradient needs them, which is as soon as the residuals of all their samples are known: the last
//! sample's often only with the next tile. `S`, `φ'` and `E` share one buffer. The products run on
//! the calling thread, so a result depends on the seed and on the processor's instruction set,
//! never on the number of threads: worlds are what runs in parallel.

use super::driver::{Engine, Observer, Stop, View, drive};
use super::is_correct;
use super::noise::Noise;
use super::state::{LANES, Layout, Overlaps, Trained};
use crate::data::DataSet;
use crate::field::{FieldError, require};
use crate::network::SmoothedRelu;
use crate::objective::Objective;
use crate::real::{Real, arch, each};
use crate::regime::{DataRegime, Regime};
use crate::rows::ClassRows;
use crate::seed::{Purpose, WorldSeed};
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, MatRef, Par};
use pulp::NullaryFnOnce;
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};
use std::ops::Range;

/// Largest `d`.
const LARGEST_DIMENSION: usize = 1 << 20;

/// Patches of a tile. They are the rows of `S`, of which the kernels of matrix products take 24 at
/// a time with AVX2 and up to 96 with AVX-512 (in `f64` half as many), wasting what a last one
/// lacks; and two tiles of a thousand dimensions stay in a second-level cache.
pub const TILE: usize = 48;

/// Checks `d`: at least the number of features, which are orthonormal.
///
/// # Errors
/// `dimension` outside `[M k, 2^20]`.
pub fn check_dimension(regime: &DataRegime, dimension: usize) -> Result<(), FieldError> {
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
pub struct NoisyData<'a, R> {
    /// The training set `Z` without its noise.
    data: &'a DataSet,
    /// `X`, `[d][patches of all samples]`, a patch in each column.
    inputs: Mat<R>,
}

/// A network's weights.
#[derive(Clone, Debug)]
pub struct Weights<R> {
    /// `W`, `[d][k·m]`: `w_{i,r}` in column `i m + r`.
    pub columns: Mat<R>,
}

impl<R: Real> Weights<R> {
    /// `A`, the overlaps with the features, `[features][k][stride]`.
    pub fn features(&self, regime: &Regime) -> Vec<R> {
        let own = self.columns.as_ref().subrows(0, regime.data.features());
        padded(own, Layout::of(regime), R::zero())
    }

    /// Independent `N(0, scale²)` weights of a regime's network in `R^dimension`.
    pub fn draw(regime: &Regime, dimension: usize, scale: f64, rng: &mut impl Rng) -> Self
    where
        StandardNormal: Distribution<R>,
    {
        let neurons = regime.data.classes * regime.network.neurons_per_class;
        let drawn = gaussian(neurons, dimension, scale, rng);
        Self {
            columns: drawn.transpose().to_owned(),
        }
    }

    /// Exchanges the views of every class, of which there are two.
    pub fn swap_views(&mut self, regime: &Regime) {
        for first in (0..regime.data.features()).step_by(2) {
            for column in 0..self.columns.ncols() {
                let kept = self.columns[(first, column)];
                self.columns[(first, column)] = self.columns[(first + 1, column)];
                self.columns[(first + 1, column)] = kept;
            }
        }
    }
}

impl<'a, R: Real> NoisyData<'a, R>
where
    StandardNormal: Distribution<R>,
{
    /// Draws the noise vectors of `data` in `R^dimension`, each of expected squared norm `ν²`.
    ///
    /// # Errors
    /// `dimension` outside `[M k, 2^20]`.
    pub fn draw(
        regime: &Regime,
        data: &'a DataSet,
        dimension: usize,
        seed: WorldSeed,
    ) -> Result<Self, FieldError> {
        check_dimension(&regime.data, dimension)?;
        let mut rng = seed.rng(Purpose::Noise, 0);
        let inputs = draw_inputs(&regime.data, data, dimension, &mut rng);
        Ok(Self::of(data, inputs))
    }

    /// The initial weights `N(0, σ_0²)` of network `index` of this world.
    pub fn initialise(&self, regime: &Regime, seed: WorldSeed, index: u64) -> Weights<R> {
        let mut rng = seed.rng(Purpose::Initialisation, index);
        Weights::draw(regime, self.inputs.nrows(), regime.init_scale(), &mut rng)
    }
}

/// The patches of `data` as vectors, `[dimension][patches of all samples]`: features, and noise
/// vectors of expected squared norm `ν²`. The dimension is at least the number of features.
pub fn draw_inputs<R: Real>(
    regime: &DataRegime,
    data: &DataSet,
    dimension: usize,
    rng: &mut impl Rng,
) -> Mat<R>
where
    StandardNormal: Distribution<R>,
{
    let variance = regime.noise_variance / dimension as f64;
    let mut inputs = gaussian(dimension, data.patch_count(), variance.sqrt(), rng);
    let patches = data.samples.iter().flat_map(|s| &s.patches);
    for (patch, x) in patches.zip(inputs.col_iter_mut()) {
        let x = x.try_as_col_major_mut().expect("a column").as_slice_mut();
        for x in &mut x[..regime.features()] {
            *x += R::of(patch.feature_noise.into());
        }
        if let Some(v) = patch.feature {
            x[v as usize] += R::of(patch.weight.into());
        }
    }
    inputs
}

impl<'a, R: Real> NoisyData<'a, R> {
    /// The training set `data`, whose patches are the columns of `inputs`, in order.
    ///
    /// # Panics
    /// If there are not as many columns as patches.
    pub fn of(data: &'a DataSet, inputs: Mat<R>) -> Self {
        assert_eq!(
            inputs.ncols(),
            data.patch_count(),
            "a column for each patch"
        );
        Self { data, inputs }
    }
}

impl<R: Real> NoisyData<'_, R> {
    /// `X`, `[d][patches of all samples]`.
    pub fn inputs(&self) -> MatRef<'_, R> {
        self.inputs.as_ref()
    }

    /// The overlaps `A = ⟨w, v⟩` and `B = ⟨w, ξ⟩` of `weights` with this world: where the overlap
    /// engines start in order to follow the same network. `B` is what the features leave of `Xᵀ W`,
    /// so that pre-activations agree.
    pub fn overlaps(&self, regime: &Regime, weights: &Weights<R>) -> Overlaps<R> {
        let layout = Layout::of(regime);
        let own = weights.features(regime);
        let (inputs, columns) = (self.inputs.transpose(), &weights.columns);
        let mut products = Mat::<R>::zeros(inputs.nrows(), columns.ncols());
        let (replace, one) = (Accum::Replace, R::one());
        matmul(&mut products, replace, inputs, columns, one, Par::Seq);
        let mut values = padded(products.as_ref(), layout, R::neg_infinity());
        let mut common = vec![R::zero(); layout.row()];
        for a in own.chunks_exact(layout.row()) {
            common.iter_mut().zip(a).for_each(|(c, a)| *c += *a);
        }
        let patches = self.data.samples.iter().flat_map(|s| &s.patches);
        for (patch, b) in patches.zip(values.chunks_exact_mut(layout.row())) {
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
            noise: Noise::Stored {
                starts: self.data.patch_starts(),
                values,
            },
        }
    }

    /// The logits `F_i(X_n)` on the training set, `[N][k]`.
    pub fn logits(&self, regime: &Regime, weights: &Weights<R>) -> Vec<R> {
        arch().dispatch(Logits {
            regime,
            world: self,
            weights,
        })
    }
}

/// Trains by full-batch gradient descent until `stop`; returns the weights with what evaluation and
/// distillation need of them.
pub fn train<R: Real>(
    regime: &Regime,
    world: &NoisyData<'_, R>,
    weights: Weights<R>,
    objective: &Objective<R>,
    stop: Stop,
    observer: Option<Observer<'_, R>>,
) -> (Weights<R>, Trained<R>) {
    let mut last = None;
    let engine = Dense::new(regime, world, weights, objective, |weights| {
        last = Some(weights)
    });
    let trained = drive(Box::new(engine), stop, observer);
    (last.expect("handed over at the end"), trained)
}

/// A training run, which hands its weights to `last` when it ends.
struct Dense<'a, R, F> {
    regime: &'a Regime,
    world: &'a NoisyData<'a, R>,
    objective: &'a Objective<R>,
    weights: Weights<R>,
    gradient: Mat<R>,
    pass: Pass<'a, R>,
    /// Logits and residuals of one sample, and room.
    logits: Vec<R>,
    residual: Vec<R>,
    scratch: Vec<R>,
    /// Of the last step.
    loss: f64,
    /// `A`, made for observers.
    features: Vec<R>,
    last: F,
}

impl<'a, R: Real, F> Dense<'a, R, F> {
    fn new(
        regime: &'a Regime,
        world: &'a NoisyData<'a, R>,
        weights: Weights<R>,
        objective: &'a Objective<R>,
        last: F,
    ) -> Self {
        let zeros = vec![R::zero(); regime.data.classes];
        Self {
            regime,
            world,
            objective,
            gradient: Mat::zeros(weights.columns.nrows(), weights.columns.ncols()),
            pass: Pass::new(regime, world),
            logits: zeros.clone(),
            residual: zeros.clone(),
            scratch: zeros,
            loss: 0.0,
            features: Vec::new(),
            weights,
            last,
        }
    }
}

impl<R: Real, F: FnOnce(Weights<R>)> Engine<R> for Dense<'_, R, F> {
    fn evaluate(&mut self, step: usize, _left: usize) -> usize {
        arch().dispatch(Step(self, step))
    }

    fn view(&mut self) -> View<'_, R> {
        self.features = self.weights.features(self.regime);
        View {
            loss: self.loss,
            features: &self.features,
        }
    }

    fn descend(&mut self) {
        let samples = self.world.data.samples.len() as f64;
        let rate = R::of(self.regime.learning_rate() / samples);
        let columns = self.weights.columns.col_iter_mut();
        for (w, g) in columns.zip(self.gradient.col_iter()) {
            let w = w.try_as_col_major_mut().expect("a column").as_slice_mut();
            let g = g.try_as_col_major().expect("a column").as_slice();
            for (w, g) in w.iter_mut().zip(g) {
                *w += rate * *g;
            }
        }
    }

    fn finish(self: Box<Self>, steps: usize) -> Trained<R> {
        let training_logits = self.world.logits(self.regime, &self.weights);
        let k = self.regime.data.classes;
        let rows = training_logits.chunks_exact(k);
        let wrong = rows.zip(&self.world.data.samples);
        let training_errors = wrong.filter(|(f, s)| !is_correct(f, s.label)).count();
        let trained = Trained {
            layout: Layout::of(self.regime),
            features: self.weights.features(self.regime),
            training_logits: ClassRows::dense(k, &training_logits),
            steps,
            training_errors,
        };
        (self.last)(self.weights);
        trained
    }
}

/// A gradient step.
struct Step<'a, 'b, R, F>(&'a mut Dense<'b, R, F>, usize);

impl<R: Real, F> NullaryFnOnce for Step<'_, '_, R, F> {
    type Output = usize;

    #[inline(always)]
    fn call(self) -> usize {
        let Self(run, step) = self;
        let samples = &run.world.data.samples;
        let pass = &mut run.pass;
        let (mut errors, mut loss) = (0, 0.0);
        let (mut n, mut tiles_done) = (0, 0);
        for tile in 0..pass.tiles() {
            pass.forward(&run.weights, tile);
            while n < samples.len() && pass.starts[n + 1] <= pass.patches(tile).end {
                pass.logits(n, &mut run.logits);
                let fit = run.objective.residual(
                    step,
                    n,
                    samples[n].label,
                    &run.logits,
                    &mut run.residual,
                    &mut run.scratch,
                );
                errors += usize::from(!fit.correct);
                loss += fit.loss();
                pass.note(n, &run.residual);
                n += 1;
            }
            while tiles_done <= tile && pass.patches(tiles_done).end <= pass.starts[n] {
                pass.backward(&mut run.gradient, tiles_done);
                tiles_done += 1;
            }
        }
        run.loss = loss / samples.len() as f64;
        errors
    }
}

struct Logits<'a, R> {
    regime: &'a Regime,
    world: &'a NoisyData<'a, R>,
    weights: &'a Weights<R>,
}

impl<R: Real> NullaryFnOnce for Logits<'_, R> {
    type Output = Vec<R>;

    #[inline(always)]
    fn call(self) -> Vec<R> {
        let mut pass = Pass::new(self.regime, self.world);
        for tile in 0..pass.tiles() {
            pass.forward(self.weights, tile);
        }
        let k = self.regime.data.classes;
        let mut logits = vec![R::zero(); self.world.data.samples.len() * k];
        for (n, logits) in logits.chunks_exact_mut(k).enumerate() {
            pass.logits(n, logits);
        }
        logits
    }
}

/// The work on one tile after the other.
struct Pass<'a, R> {
    inputs: MatRef<'a, R>,
    activation: SmoothedRelu<R>,
    /// `m`.
    neurons: usize,
    /// First patch of each sample, and last the number of patches.
    starts: Vec<usize>,
    /// `S`, then `φ'(S)`, then `E` of the last few tiles, as many as a sample can span:
    /// `[k m][TILE]` each.
    ring: Vec<Vec<R>>,
    /// `Σ_r φ(S)` on each patch, then its sample's residual: `[k][patches, padded to whole tiles]`.
    per_patch: Vec<Vec<R>>,
}

impl<'a, R: Real> Pass<'a, R> {
    fn new(regime: &Regime, world: &'a NoisyData<R>) -> Self {
        let (k, neurons) = (regime.data.classes, regime.network.neurons_per_class);
        let starts = world.data.patch_starts();
        let most = world.data.samples.iter().map(|s| s.patches.len());
        let most = most.max().unwrap_or_default();
        let padded = world.inputs.ncols().next_multiple_of(TILE);
        Self {
            inputs: world.inputs.as_ref(),
            activation: SmoothedRelu::new(&regime.network),
            neurons,
            starts,
            ring: vec![
                vec![R::zero(); k * neurons * TILE];
                most.saturating_sub(1).div_ceil(TILE) + 1
            ],
            per_patch: vec![vec![R::zero(); padded]; k],
        }
    }

    /// The number of tiles.
    fn tiles(&self) -> usize {
        self.inputs.ncols().div_ceil(TILE)
    }

    /// The place of a tile in the ring.
    fn kept(&self, tile: usize) -> usize {
        tile % self.ring.len()
    }

    /// The patches of a tile.
    fn patches(&self, tile: usize) -> Range<usize> {
        tile * TILE..((tile + 1) * TILE).min(self.inputs.ncols())
    }

    /// `S = Xᵀ W` on a tile, of which `φ'(S)` and each class's `Σ_r φ(S)` are kept.
    #[inline(always)]
    fn forward(&mut self, weights: &Weights<R>, tile: usize) {
        let patches = self.patches(tile);
        let outputs = weights.columns.ncols();
        let kept = self.kept(tile);
        let room = &mut self.ring[kept];
        matmul(
            MatMut::from_column_major_slice_with_stride_mut(room, patches.len(), outputs, TILE),
            Accum::Replace,
            (self.inputs.subcols(patches.start, patches.len())).transpose(),
            &weights.columns,
            R::one(),
            Par::Seq,
        );
        if self.activation.is_cubic() {
            self.activate::<true>(tile);
        } else {
            self.activate::<false>(tile);
        }
    }

    #[inline(always)]
    fn activate<const CUBIC: bool>(&mut self, tile: usize) {
        let kept = self.kept(tile);
        let neurons = self.ring[kept].chunks_exact_mut(self.neurons * TILE);
        for (own, class) in neurons.zip(&mut self.per_patch) {
            let mut sums = [[R::zero(); LANES]; TILE / LANES];
            for neuron in own.chunks_exact_mut(TILE) {
                for (s, sum) in neuron.as_chunks_mut().0.iter_mut().zip(&mut sums) {
                    let (values, slopes) = self.activation.evaluate_lanes::<CUBIC>(*s);
                    *sum = each(|l| sum[l] + values[l]);
                    *s = slopes;
                }
            }
            class[tile * TILE..][..TILE].copy_from_slice(sums.as_flattened());
        }
    }

    /// Writes `F_i(X_n) = Σ_{p,r} φ(S)`.
    #[inline(always)]
    fn logits(&self, n: usize, logits: &mut [R]) {
        for (f, class) in logits.iter_mut().zip(&self.per_patch) {
            let patches = &class[self.starts[n]..self.starts[n + 1]];
            *f = patches.iter().fold(R::zero(), |sum, value| sum + *value);
        }
    }

    /// Notes a sample's residual on its patches.
    #[inline(always)]
    fn note(&mut self, n: usize, residual: &[R]) {
        for (e, class) in residual.iter().zip(&mut self.per_patch) {
            class[self.starts[n]..self.starts[n + 1]].fill(*e);
        }
    }

    /// `E = e ∘ φ'(S)` on a tile, and `X E` into `gradient` for the first tile, onto it for others.
    #[inline(always)]
    fn backward(&mut self, gradient: &mut Mat<R>, tile: usize) {
        let patches = self.patches(tile);
        let kept = self.kept(tile);
        let neurons = self.ring[kept].chunks_exact_mut(self.neurons * TILE);
        for (own, class) in neurons.zip(&self.per_patch) {
            let residuals = class[tile * TILE..][..TILE].as_chunks::<LANES>().0;
            for neuron in own.chunks_exact_mut(TILE) {
                for (slope, e) in neuron.as_chunks_mut::<LANES>().0.iter_mut().zip(residuals) {
                    *slope = each(|l| slope[l] * e[l]);
                }
            }
        }
        let (outputs, room) = (gradient.ncols(), &self.ring[kept]);
        matmul(
            gradient,
            if tile == 0 {
                Accum::Replace
            } else {
                Accum::Add
            },
            self.inputs.subcols(patches.start, patches.len()),
            MatRef::from_column_major_slice_with_stride(room, patches.len(), outputs, TILE),
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

/// Rows of `[k·m]` as rows `[k][stride]`, the padding neurons filled.
fn padded<R: Real>(rows: MatRef<R>, layout: Layout, padding: R) -> Vec<R> {
    let mut values = vec![padding; rows.nrows() * layout.row()];
    for (c, row) in values.chunks_exact_mut(layout.row()).enumerate() {
        for (i, block) in row.chunks_exact_mut(layout.stride).enumerate() {
            for (r, x) in block[..layout.neurons].iter_mut().enumerate() {
                *x = rows[(c, i * layout.neurons + r)];
            }
        }
    }
    values
}
