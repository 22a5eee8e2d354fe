//! The shape of a network's arrays.

use crate::real::LANES;
use crate::regime::Regime;

/// Shape of the arrays over classes and neurons: `[…][k][stride]`, the first `m` of a stride in
/// use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// `k`.
    pub classes: usize,
    /// `m`.
    pub neurons: usize,
    /// `m` rounded up to whole lanes.
    pub stride: usize,
}

impl Layout {
    /// The layout of a regime's networks.
    pub fn of(regime: &Regime) -> Self {
        let neurons = regime.network.neurons_per_class;
        Self {
            classes: regime.data.classes,
            neurons,
            stride: neurons.next_multiple_of(LANES),
        }
    }

    /// Entries of one row `[k][stride]`.
    pub fn row(&self) -> usize {
        self.classes * self.stride
    }
}
