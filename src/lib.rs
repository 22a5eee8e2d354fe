//! Proof-check the multi-view theory of ensembles and distillation by running it.
pub mod data;
pub mod engine;
pub mod evaluation;
pub mod network;
mod normals;
pub mod objective;
pub mod procedure;
pub mod random_features;
pub mod real;
pub mod record;
pub mod regime;
pub mod seed;
pub mod statistics;
pub mod theorem;
pub mod verify;
