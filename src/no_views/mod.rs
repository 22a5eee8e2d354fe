//! Inputs without views: the paper's contrast with its own data.
//!
//! The theory says that an ensemble gains because each network learns one view of each class where
//! the data have several. Where they have none, there is nothing that one network has learned and
//! another has not. So the paper trains networks on Gaussian inputs, and on mixtures of Gaussians,
//! which a random teacher network labels, and finds that their ensemble gains nothing.
//!
//! An input `x ∈ R^d` is one patch, `E |x|² = ν²`:
//!
//! ```text
//! Gaussian:               x = ξ,              ξ ~ N(0, ν²/d · I)
//! mixture of C centres:   x = (c_j + ξ)/√2,   c_j ~ N(0, ν²/d · I) fixed,   j uniform among C
//! label:                  argmax_i F*_i(x),   F* of m* neurons for each class, w* ~ N(0, ϱ²/ν² · I)
//! ```
//!
//! The teacher `F*` is a network of the form that is trained. Its weights let a typical
//! pre-activation be `ϱ`, so that both branches of the activation count; half of a mixture's
//! variance is its centres' (**choices**). A share of the training labels may be wrong; fresh
//! inputs keep the teacher's label.
//!
//! Networks are trained by the [dense engine](crate::engine::dense), as the regime says: `K`
//! members alone, and two students from one start, of which one learns from the labels and the
//! other from the members' ensemble as well. The control is the data of Definition 3.1 in their
//! place. [`run_world`] measures one world.

mod inputs;
mod measure;
mod memory;
mod spec;

pub use inputs::{Labelled, teacher};
pub use measure::{MODEL_QUANTITIES, MODELS, WORLD_QUANTITIES, measures, run_world};
pub(crate) use memory::bytes;
pub use spec::{Inputs, NoViews};
