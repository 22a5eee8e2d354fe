//! Puts claims to the test: does Theorem 1 hold with twelve classes already, and can a network that
//! was hardly trained be told apart?
//!
//!     cargo run --release --example claim

use multiview::record::{Kept, Record};
use multiview::report::text;
use multiview::theorem::{Profile, Theorem};
use multiview::verify::{Plan, Report};
use std::error::Error;

/// Decides the claims of Theorem 1, and of its control *too few steps*, at k = 12.
pub fn decide(seed: u64) -> Result<Report, Box<dyn Error>> {
    let mut theorem = Theorem::embedded("single-model").ok_or("no such theorem")?;
    theorem.regime.data.classes = 12;
    theorem.regime.data.single_view_share = 0.1;
    theorem.regime.training.steps = 2_000.into();
    theorem.regime.network.init_scale = (0.01 * theorem.regime.network.relu_threshold).into();
    theorem.controls.retain(|c| c.name == "too-few-steps");
    theorem.validate()?;

    let plan = Plan::new(vec![theorem], Profile::Quick, seed);
    let folder = tempfile::tempdir()?; // a directory of your own keeps the record
    let record = Record::create(folder.path(), &plan)?;
    let threads = std::thread::available_parallelism()?.get();
    Ok(plan.run(record, Kept::default(), threads, &|_| ())?)
}

fn main() -> Result<(), Box<dyn Error>> {
    for finding in &decide(7)?.findings {
        println!(
            "{} ({}): measured {}, {}, after {} worlds: {}",
            finding.claim,
            finding.control.as_deref().unwrap_or("the theorem's regime"),
            text::measured(finding),
            text::evidence(finding),
            finding.estimate.worlds,
            text::verdict(finding),
        );
    }
    Ok(())
}
