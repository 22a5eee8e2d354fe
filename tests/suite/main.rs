//! Every test but the theorems: what the library promises, part by part, and the program as its
//! users meet it. One program, so that the engines are compiled for `f64` once, and what waits for
//! a cluster waits beside what computes.

mod activation;
mod arrays;
mod browser;
mod calibration;
mod cli;
mod data;
mod dense;
mod draws;
mod evaluation;
mod evidence;
mod examples;
mod explore;
mod export;
mod fuzz;
mod gradients;
mod hostile;
mod independence;
mod lottery;
mod memory;
mod mutations;
mod no_views;
mod objectives;
mod outcomes;
mod outputs;
mod procedures;
mod prose;
mod random_features;
mod refusals;
mod report;
mod shards;
mod slurm;
mod small;
mod snapshots;
mod sparse;
mod statistics;
mod stopping;
mod symmetries;
mod terminal;
mod views;
mod witnesses;

/// Says that a test lacks what it needs. Not by `eprintln`, which is not seen of a test that
/// passes.
fn skipped(why: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}
