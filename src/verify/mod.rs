//! Deciding theorems: which worlds to train, and when the evidence suffices.
//!
//! A theorem, each of its negative controls, and each value of a sweep is an experiment: worlds of
//! one regime and procedure. Experiments of one regime share the models of their worlds. Each claim
//! is watched world by world, in the order of the worlds' indices whatever the order in which
//! threads finish them, so a verdict depends neither on the number of threads nor on what else is
//! decided in the run; an experiment stops when all its claims are settled or its budget is spent.
//!
//! A run can be dealt out: a shard trains a part of every experiment's worlds, all of the budget,
//! since it sees no prefix by which to stop. [`merge()`] watches the worlds of all shards as one
//! run does, and keeps those that one run trains.

mod error;
mod experiment;
mod merge;
mod plan;
mod training;
mod watch;

pub use crate::digest::key;
pub use error::VerifyError;
pub use experiment::Experiment;
pub use merge::{Dealt, MergeError, Merged, merge};
pub use plan::{Asker, Memory, Plan, Untested};
pub use watch::{Finding, Undefined};

use crate::allocation::{Demand, deal};
use crate::record::{Kept, Record, Worlds};
use crate::statistics::Verdict;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use watch::{Watch, finding};

/// The result of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The plan of the run (regimes and claims are in its theorems).
    pub plan: Plan,
    /// The findings, in the order of theorems, claims, controls.
    pub findings: Vec<Finding>,
    /// Claims, and claims of controls, that only another profile tests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub untested: Vec<Untested>,
    /// Gradient steps of the models in the worlds that count; of one that experiments share, once
    /// for each of them.
    pub steps: u64,
    /// Worlds that count, over all experiments; those of one regime and procedure once.
    pub worlds: u64,
}

impl Report {
    /// The findings in the theorems' own regimes.
    pub fn own(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|f| f.control.is_none())
    }

    /// The findings in negative controls.
    pub fn controls(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|f| f.control.is_some())
    }

    /// The verdict on the whole: refuted if any finding is the opposite of what the theory expects,
    /// else undecided if any is open or any claim is left without one, else confirmed.
    pub fn verdict(&self) -> Verdict {
        let open = |f: &Finding| f.estimate.verdict == Verdict::Undecided;
        if self.findings.iter().any(|f| !f.as_expected() && !open(f)) {
            Verdict::Refuted
        } else if self.findings.iter().any(open) || !self.untested.is_empty() {
            Verdict::Undecided
        } else {
            Verdict::Confirmed
        }
    }
}

/// An event of a run, for a display or a log.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// The run begins; some of its worlds may be kept from before.
    Begun {
        /// Every experiment.
        experiments: &'a [Experiment],
    },
    /// An experiment that has worlds that count in the record, before any is trained.
    Kept {
        /// The experiment, with all claims as they stand.
        experiment: &'a Experiment,
    },
    /// A world begins.
    Started {
        /// The experiment.
        experiment: &'a Experiment,
        /// The world.
        world: u64,
    },
    /// A world is in the record.
    Finished {
        /// The experiment, with all claims as they now stand.
        experiment: &'a Experiment,
        /// The world.
        world: u64,
    },
}

impl Plan {
    /// The experiments with the worlds of a record, before they have seen any.
    fn with_worlds(&self, worlds: &Worlds) -> Result<Vec<Experiment>, VerifyError> {
        let mut experiments = self.experiments()?;
        for experiment in &mut experiments {
            for ((key, world), outcome) in worlds {
                if *key == experiment.key {
                    experiment.outcomes.insert(*world, outcome.clone());
                }
            }
        }
        Ok(experiments)
    }

    /// Begins a round: says how many worlds each experiment may see, and shows it those that
    /// it has. Returns true if there is a round.
    fn begin_round(&self, experiments: &mut [Experiment]) -> bool {
        let demands: Vec<Demand> = experiments.iter().map(Experiment::demand).collect();
        let allowed = match self.total_worlds {
            Some(total) => deal(total, &demands),
            None => demands.iter().map(|s| s.most).collect(),
        };
        let mut begun = false;
        for (experiment, allowed) in experiments.iter_mut().zip(allowed) {
            if allowed > experiment.allowed {
                begun = true;
                experiment.allowed = allowed;
                experiment.observe();
            }
        }
        begun
    }

    /// Returns the report of a record without training; `None` while it lacks worlds that the
    /// claims, or the shard, need.
    ///
    /// # Errors
    /// A control out of range.
    pub fn replay(&self, worlds: &Worlds) -> Result<Option<Report>, VerifyError> {
        let replayed = self.replayed(worlds)?;
        Ok(replayed.map(|experiments| self.report(&experiments)))
    }

    /// The worlds of a record that count: not those that one thread had begun when another settled
    /// the claims. The same on any number of threads. `None` while the record lacks worlds that the
    /// claims, or the shard, need.
    ///
    /// # Errors
    /// A control out of range.
    pub fn counted(&self, worlds: &Worlds) -> Result<Option<Worlds>, VerifyError> {
        let replayed = self.replayed(worlds)?;
        Ok(replayed.map(|experiments| counted(&experiments)))
    }

    fn replayed(&self, worlds: &Worlds) -> Result<Option<Vec<Experiment>>, VerifyError> {
        let mut experiments = self.with_worlds(worlds)?;
        while self.begin_round(&mut experiments) {
            if experiments.iter().any(Experiment::open) {
                return Ok(None);
            }
        }
        Ok(Some(experiments))
    }

    /// Trains the worlds that `record` lacks, on `threads` threads, until every claim is settled or
    /// its budget spent. A shard trains all worlds of its part and decides nothing. `listen` is
    /// told of each world as it begins and ends.
    ///
    /// # Errors
    /// A control out of range, or a record that cannot be written; worlds finished before are kept.
    /// A run that ends finishes its record.
    pub fn run(
        &self,
        mut record: Record,
        kept: Kept,
        threads: usize,
        listen: &(dyn Fn(Event) + Sync),
    ) -> Result<Report, VerifyError> {
        let mut experiments = self.with_worlds(&kept.worlds)?;
        let mut more = self.begin_round(&mut experiments);
        listen(Event::Begun {
            experiments: &experiments,
        });
        for experiment in experiments.iter().filter(|e| e.worlds() > 0) {
            listen(Event::Kept { experiment });
        }
        while more {
            training::train(self.seed, &mut experiments, &mut record, threads, listen)?;
            more = self.begin_round(&mut experiments);
        }
        record.finish(&counted(&experiments))?;
        Ok(self.report(&experiments))
    }

    fn report(&self, experiments: &[Experiment]) -> Report {
        let mut watches: BTreeMap<usize, Vec<(&Watch, &str)>> = BTreeMap::new();
        for experiment in experiments {
            for watch in &experiment.watches {
                let of_claim = watches.entry(watch.asked.order).or_default();
                of_claim.push((watch, &experiment.key));
            }
        }
        let mut distinct: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        for experiment in experiments {
            let most = distinct.entry(&experiment.key).or_default();
            *most = (*most).max((experiment.seen, experiment.steps));
        }
        Report {
            plan: self.clone(),
            untested: self.untested(),
            findings: watches.values().map(|of_claim| finding(of_claim)).collect(),
            steps: distinct.values().map(|(_, steps)| steps).sum(),
            worlds: distinct.values().map(|(worlds, _)| worlds).sum(),
        }
    }
}

/// The worlds of experiments that count; of those with one regime and procedure once.
fn counted(experiments: &[Experiment]) -> Worlds {
    let of = |e: &Experiment| {
        let key = e.key.clone();
        let worlds = e.counted();
        let keyed = worlds.map(|(world, outcome)| ((key.clone(), *world), outcome.clone()));
        keyed.collect::<Worlds>()
    };
    experiments.iter().flat_map(of).collect()
}
