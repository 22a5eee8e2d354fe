//! `multiview list`.

use super::{Failure, table};
use multiview::procedure::all_quantities;
use multiview::theorem::{Profile, Theorem};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// List the quantities that a claim in a theorem file may name
    #[arg(long)]
    quantities: bool,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    if args.quantities {
        let entries = all_quantities().into_iter();
        let entries = entries.map(|(name, meaning)| table::entry(&name, &[meaning.into()]));
        return super::print(&entries.collect::<String>());
    }
    let told = |theorem: Theorem| {
        let controls: Vec<&str> = theorem.controls.iter().map(|c| c.name.as_str()).collect();
        let tested = |profile: &&Profile| theorem.budget(**profile).is_some();
        let profiles = Profile::ALL.iter().filter(tested).map(Profile::to_string);
        let body = [
            theorem.title.clone(),
            format!("negative controls: {}", controls.join(", ")),
            format!("profiles: {}", profiles.collect::<Vec<_>>().join(", ")),
        ];
        table::entry(&theorem.name, &body)
    };
    super::print(&table::fitted(&format!(
        "{}\n`multiview show THEOREM` tells more; `multiview verify THEOREM` decides it.\n",
        Theorem::all_embedded().map(told).collect::<String>()
    )))
}
