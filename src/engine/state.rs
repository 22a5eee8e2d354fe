//! The limit `d → ∞`: a network as its overlaps with the features and the noise vectors.
//!
//! Gradients lie in the span of the features and of the training patches' noise vectors, so the
//! dynamics close in `A[v][i,r] = ⟨w_{i,r}, v⟩` and `B[n,p][i,r] = ⟨w_{i,r}, ξ_{n,p}⟩`. As `d → ∞`
//! the noise vectors become orthogonal with `|ξ|² = ν²`, and one gradient step with residual
//! `e[n,i]` and pre-activation `s = z A + B` is
//!
//! ```text
//! A[v]   += η/N Σ_{n,p: v} e[n,i] φ'(s) z_p
//! B[n,p] += η/N ν² e[n,i] φ'(s)
//! ```

pub use super::layout::Layout;
use super::noise::{Noise, NoiseStream};
use crate::data::DataSet;
use crate::normals::Normals;
pub use crate::real::LANES;
use crate::real::{Real, arch, each};
use crate::regime::Regime;
use crate::rows::ClassRows;
use crate::seed::{Purpose, WorldSeed};
use pulp::NullaryFnOnce;

/// A network's overlaps.
#[derive(Clone, Debug)]
pub struct Overlaps<R> {
    /// Shape of a row.
    pub layout: Layout,
    /// `A`, `[features][k][stride]`, padding neurons 0.
    pub features: Vec<R>,
    /// `B` at the start.
    pub noise: Noise<R>,
}

impl<R: Real> Overlaps<R> {
    /// The initialisation of network `index` of a world: `A ~ N(0, σ_0²)`, `B ~ N(0, σ_0² ν²)`,
    /// independent.
    pub fn draw(regime: &Regime, seed: WorldSeed, index: u64) -> Self {
        let layout = Layout::of(regime);
        let scale = regime.init_scale();
        let mut features = vec![R::zero(); regime.data.features() * layout.row()];
        arch().dispatch(Fill {
            values: &mut features,
            layout,
            scale: R::of(scale),
            normals: Normals::new(&mut seed.rng(Purpose::Initialisation, index)),
        });
        Self {
            layout,
            features,
            noise: Noise::Counted {
                stream: NoiseStream::new(seed, index),
                scale: R::of(scale * regime.data.noise_variance.sqrt()),
            },
        }
    }

    /// The same start with `B` written out for every patch of `data`: `N P k m` numbers.
    #[must_use]
    pub fn written_out(self, data: &DataSet) -> Self {
        if let Noise::Stored { .. } = self.noise {
            return self;
        }
        let mut values = vec![R::zero(); data.patch_count() * self.layout.row()];
        arch().dispatch(WriteOut {
            start: &self,
            data,
            values: &mut values,
        });
        let starts = data.patch_starts();
        Self {
            noise: Noise::Stored { starts, values },
            ..self
        }
    }
}

/// Writes out the noise overlaps of every patch.
struct WriteOut<'a, R> {
    start: &'a Overlaps<R>,
    data: &'a DataSet,
    values: &'a mut [R],
}

impl<R: Real> NullaryFnOnce for WriteOut<'_, R> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let layout = self.start.layout;
        let mut rest = self.values;
        let mut blocks = Vec::with_capacity(layout.classes);
        for (n, sample) in self.data.samples.iter().enumerate() {
            for patch in 0..sample.patches.len() as u32 {
                let own;
                (own, rest) = rest.split_at_mut(layout.row());
                blocks.clear();
                blocks.extend((0..layout.classes as u32).map(|class| [patch, class]));
                self.start.noise.fill(layout, n, &blocks, own);
            }
        }
    }
}

/// Fills the neurons in use with scaled normals and the others with 0.
struct Fill<'a, R> {
    values: &'a mut [R],
    layout: Layout,
    scale: R,
    normals: Normals,
}

impl<R: Real> NullaryFnOnce for Fill<'_, R> {
    type Output = ();

    #[inline(always)]
    fn call(mut self) {
        let scaled = |x: f32| self.scale * R::of(x.into());
        let (pairs, rest) = self.values.as_chunks_mut::<{ 2 * LANES }>();
        for pair in pairs {
            let [first, second] = self.normals.next();
            let (start, end) = pair.split_at_mut(LANES);
            start.copy_from_slice(&each(|l| scaled(first[l])));
            end.copy_from_slice(&each(|l| scaled(second[l])));
        }
        let [last, _] = self.normals.next();
        for (x, normal) in rest.iter_mut().zip(last) {
            *x = scaled(normal);
        }
        let Layout {
            neurons, stride, ..
        } = self.layout;
        if neurons < stride {
            for row in self.values.chunks_exact_mut(stride) {
                row[neurons..].fill(R::zero());
            }
        }
    }
}

impl<R: Real> Overlaps<R> {
    /// Exchanges the views of every class in `A`, of which there are two: the antithetic
    /// initialisation, of the same law.
    pub fn swap_views(&mut self) {
        let row = self.layout.row();
        for class in self.features.chunks_exact_mut(2 * row) {
            let (first, second) = class.split_at_mut(row);
            first.swap_with_slice(second);
        }
    }
}

/// A trained network: what evaluation and distillation need of it.
#[derive(Clone, Debug)]
pub struct Trained<R> {
    /// Shape of a row.
    pub layout: Layout,
    /// `A` at the end, `[features][k][stride]`.
    pub features: Vec<R>,
    /// `F_i(X_n)` on the training set at the end; classes left out have logits at the scale of the
    /// initial noise, taken for 0.
    pub training_logits: ClassRows<R>,
    /// Gradient steps taken.
    pub steps: usize,
    /// Training samples misclassified at the end.
    pub training_errors: usize,
}

/// The state of a network after the forward pass of a step, for an observer.
#[derive(Clone, Copy, Debug)]
pub struct StepView<'a, R> {
    /// Gradient steps taken so far.
    pub step: usize,
    /// Training samples misclassified.
    pub training_errors: usize,
    /// Mean cross-entropy over the training set, in nats.
    pub loss: f64,
    /// `A`, `[features][k][stride]`.
    pub features: &'a [R],
}
