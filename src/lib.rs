//! Proof-check the multi-view theory of ensembles and distillation by running it.
pub mod statistics;
