//! A trained network, or a sum of some, as evaluation keeps it: small where the network is large.

use crate::engine::state::{Layout, Trained};
use crate::regime::Regime;

/// Networks with no more feature overlaps than these are kept whole: two megabytes.
const KEPT_WHOLE: usize = 1 << 18;

/// Initial overlaps larger than this multiple of `σ_0` are not expected in any network that fits a
/// memory (their chance is 1e-15 each), so what is larger has been learned.
const AWAKE: f64 = 8.0;

/// Neurons of one class as they see one feature `v`: for each its overlap `A[v][i,r]` and
/// `S[i,r] = Σ_v A[v][i,r]`, which feature noise multiplies (0 where there is none).
pub(super) type Neurons = Vec<[f32; 2]>;

/// The neurons of a class and a feature of another class.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wrong {
    pub feature: usize,
    pub class: usize,
    /// True if the class has learned something of the feature: an overlap lies above `8 σ_0`.
    pub awake: bool,
    pub neurons: Neurons,
}

/// The numbers that decide the logits of a network, or of an ensemble, on fresh inputs.
///
/// - every class's neurons and its own features;
/// - the pairs of a class and another's feature that are *awake*: wrong features, learned or in the
///   making;
/// - of all other pairs, which are as they started, the largest overlap of each class; small
///   networks keep these pairs too.
#[derive(Clone, Debug, PartialEq)]
pub struct Portrait {
    pub(super) neurons: usize,
    /// `[features]`: each with the neurons of the class that owns it.
    pub(super) own: Vec<Neurons>,
    /// By feature, then by class.
    pub(super) wrong: Vec<Wrong>,
    /// `[k]`: the largest overlap with a feature of another class that is not awake, at least 0.
    pub(super) silent: Vec<f64>,
    /// True if `wrong` holds every pair.
    pub(super) whole: bool,
    /// True if every overlap is a number; the logits of a network that has diverged say nothing.
    pub(super) finite: bool,
}

impl Portrait {
    /// The portrait of a network; `regime` is its world's, with the network's own number of
    /// neurons.
    pub fn of(regime: &Regime, network: &Trained<f32>) -> Self {
        Self::of_features(regime, &network.features)
    }

    /// The portrait of a network with feature overlaps `A`, `[features][k][stride]`.
    pub fn of_features(regime: &Regime, features: &[f32]) -> Self {
        let layout = Layout::of(regime);
        let (k, m, stride) = (layout.classes, layout.neurons, layout.stride);
        let threshold = (AWAKE * regime.init_scale()) as f32;
        let whole = regime.data.features() * k * m <= KEPT_WHOLE;
        let mut sum = vec![0.0; layout.row()];
        if regime.data.feature_noise() > 0.0 {
            for row in features.chunks_exact(sum.len()) {
                sum.iter_mut().zip(row).for_each(|(s, a)| *s += a);
            }
        }
        let mut portrait = Self {
            neurons: m,
            own: Vec::with_capacity(regime.data.features()),
            wrong: Vec::new(),
            silent: vec![0.0; k],
            whole,
            finite: true,
        };
        for (v, row) in features.chunks_exact(layout.row()).enumerate() {
            for (class, block) in row.chunks_exact(stride).enumerate() {
                let neurons = || {
                    let pairs = block[..m].iter().zip(&sum[class * stride..][..m]);
                    pairs.map(|(a, s)| [*a, *s]).collect()
                };
                // Overlaps of opposite infinities, or none that is a number, add up to no number.
                portrait.finite &= block.iter().sum::<f32>().is_finite();
                if class == regime.data.class_of(v) {
                    portrait.own.push(neurons());
                    continue;
                }
                let peak = block
                    .iter()
                    .fold(0.0f32, |p, a| if *a > p { *a } else { p });
                let awake = peak > threshold;
                if !awake {
                    portrait.silent[class] = portrait.silent[class].max(peak.into());
                }
                if awake || whole {
                    portrait.wrong.push(Wrong {
                        feature: v,
                        class,
                        awake,
                        neurons: neurons(),
                    });
                }
            }
        }
        portrait
    }

    /// The portrait of networks whose logits are summed: side by side, their neurons are one wider
    /// network's.
    ///
    /// # Panics
    /// If there is none.
    pub fn sum<'a>(portraits: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut portraits = portraits.into_iter();
        let first = portraits.next().expect("a sum has a first term").clone();
        portraits.fold(first, Self::plus)
    }

    fn plus(mut self, other: &Self) -> Self {
        self.neurons += other.neurons;
        for (mine, theirs) in self.own.iter_mut().zip(&other.own) {
            mine.extend(theirs);
        }
        for (mine, theirs) in self.silent.iter_mut().zip(&other.silent) {
            *mine = mine.max(*theirs);
        }
        self.whole &= other.whole;
        self.finite &= other.finite;
        self.wrong.extend(other.wrong.iter().cloned());
        // Stable: neurons stay in the order of the networks.
        self.wrong.sort_by_key(|w| (w.feature, w.class));
        self.wrong.dedup_by(|next, kept| {
            let same = (next.feature, next.class) == (kept.feature, kept.class);
            if same {
                kept.awake |= next.awake;
                kept.neurons.append(&mut next.neurons);
            }
            same
        });
        self
    }

    /// Classes other than its own that see a feature, as far as they are kept.
    pub(super) fn seeing(&self, feature: usize) -> &[Wrong] {
        let start = self.wrong.partition_point(|w| w.feature < feature);
        let end = self.wrong.partition_point(|w| w.feature <= feature);
        &self.wrong[start..end]
    }

    /// The wrong features that are awake.
    pub(super) fn awake(&self) -> impl Iterator<Item = &Wrong> {
        self.wrong.iter().filter(|w| w.awake)
    }
}
