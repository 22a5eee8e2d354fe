//! Random-feature models: the paper's contrast with kernels.
//!
//! A read-out over *fixed* random features of the data of Definition 3.1, trained by a convex
//! problem: over activations `f_r(X) = Σ_p φ(⟨w_r, x_p⟩)`, or over the network linearised at its
//! initialisation (the neural tangent kernel). An ensemble of `K` such models with independent
//! features beats one of them, as in the theory of trained networks, but for another reason, and
//! with another consequence:
//!
//! - *Why the ensemble wins.* Its average lives in the span of all `K` feature sets. Each member
//!   errs by what its own few features cannot express; these errors are independent given the data,
//!   and averaging divides their variance by `K`.
//! - *Why distillation fails.* A trained student learns new features from soft labels. A read-out
//!   cannot: on targets `t` it finds the best fit to `t` in its own span. The teacher's outputs are
//!   the labels less a residual that the teacher's features leave, and which tells next to nothing
//!   about the student's. The best fit to the teacher is therefore about the best fit to the
//!   labels, or a little worse, since the teacher's shrinkage is added to the student's. The limit
//!   is the span, not the targets: with the teacher's own features (the *control*) the student is
//!   the teacher. A student of one member fares no better: that member's few features leave more of
//!   the labels than those of all members together.
//! - *Why training the average helps.* All `K` feature sets in one read-out form one larger convex
//!   problem, whose solutions include the ensemble's. (A trained network's joint training has one
//!   lottery, and gains nothing.)
//!
//! The contrast lives where the number of random features is of the order of the number `2k` of
//! views or below: beyond, one model expresses the task and nothing is left to gain ([`growth`]).
//!
//! Everything works in the limit `d → ∞` ([`features`]); no cost grows with `d`. [`run_world`]
//! measures one world; its table of quantities is in [`MODELS`], [`MODEL_QUANTITIES`],
//! [`SOLVER_QUANTITIES`] and [`WORLD_QUANTITIES`].

mod cholesky;
pub mod features;
pub mod growth;
pub mod logistic;
mod measure;
mod memory;
pub mod readout;
pub mod regime;
pub mod ridge;
pub mod standardise;
pub mod strength;
mod world;

pub use measure::{
    MODEL_QUANTITIES, MODELS, SOLVER_QUANTITIES, WORLD_QUANTITIES, measures, run_world, view_of,
};
pub(crate) use memory::bytes;
pub use regime::{FeatureKind, RandomFeatureRegime, RandomFeatures, ReadoutKind, StudentFeatures};
pub use world::RandomFeatureError;
