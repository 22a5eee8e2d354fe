//! What the library promises, part by part: one program, so that the engines are compiled for `f64` once.

mod activation;
mod data;
mod dense;
mod gradients;
mod multirate;
mod objectives;
mod random_features;
mod small;
mod statistics;
mod symmetries;
