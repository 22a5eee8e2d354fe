//! `multiview list`.

use super::{Failure, table};
use multiview::procedure::{all_quantities, placeholders};
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
        let words = placeholders().into_iter();
        let words = words.map(|(name, values)| table::entry(&name, &[values.join(", ")]));
        let note = "\nWords in capitals stand for one of these:\n".to_owned();
        return super::print(&(entries.collect::<String>() + &note + &words.collect::<String>()));
    }
    let told = |theorem: Theorem| {
        let controls: Vec<&str> = theorem.controls.iter().map(|c| c.name.as_str()).collect();
        let tested = |profile: &&Profile| theorem.tested(**profile).is_some();
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
