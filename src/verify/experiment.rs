//! Worlds of one regime and procedure: which is trained next, and when there are enough.

use super::plan::key;
use super::watch::{Finding, Process, Watch, finding};
use crate::allocation::Standing;
use crate::evaluation::Draws;
use crate::procedure::{Procedure, WorldOutcome};
use crate::regime::Regime;
use crate::statistics::Verdict;
use crate::theorem::Setting;
use std::collections::BTreeMap;

/// Worlds of one regime and procedure, and the claims watched on them.
#[derive(Clone, Debug)]
pub struct Experiment {
    /// Hash of the regime and the procedure.
    pub key: String,
    /// Theorem, or theorem and control, for a reader.
    pub title: String,
    /// Largest number of worlds.
    pub budget: u64,
    /// Worlds that it may see in the present round: all of its budget, unless there is a total.
    pub(super) allowed: u64,
    pub(super) regime: Regime,
    pub(super) procedure: Procedure,
    pub(super) watches: Vec<Watch>,
    pub(super) outcomes: BTreeMap<u64, WorldOutcome>,
    pub(super) in_flight: u64,
    next: u64,
    /// Worlds that count: the prefix that the claims have seen.
    pub(super) seen: u64,
    pub(super) steps: u64,
}

impl Experiment {
    pub(super) fn new(
        title: String,
        Setting { regime, procedure }: Setting,
        budget: u64,
        watches: Vec<Watch>,
    ) -> Self {
        Self {
            key: key(&(&regime, &procedure)),
            title,
            budget,
            allowed: 0,
            regime,
            procedure,
            watches,
            outcomes: BTreeMap::new(),
            in_flight: 0,
            next: 0,
            seen: 0,
            steps: 0,
        }
    }

    /// Whether no claim needs another world. A claim on every world asks for none beside one with inference, and alone
    /// for the whole budget, unless a world has broken it.
    pub fn settled(&self) -> bool {
        let alone = self.alone();
        let settled = |w: &Watch| match &w.process {
            Process::Inference(sequence) => sequence.verdict() != Verdict::Undecided,
            Process::Every { broken_after, .. } => !alone || broken_after.is_some(),
            Process::Point(_) => false,
            Process::Undecidable { .. } => true,
        };
        self.seen > 0 && (self.watches.iter()).all(|w| self.seen >= w.budget || settled(w))
    }

    /// Whether no claim but those on every world can decide when there are enough.
    fn alone(&self) -> bool {
        self.watches.iter().all(|w| {
            matches!(
                w.process,
                Process::Every { .. } | Process::Undecidable { .. }
            )
        })
    }

    /// Whether it may see another world in this round, and needs it.
    pub(super) fn open(&self) -> bool {
        !self.settled() && self.seen < self.allowed
    }

    pub(super) fn standing(&self) -> Standing {
        let needs = |watch: &Watch| match &watch.process {
            _ if self.seen >= watch.budget => 0,
            Process::Inference(sequence) if sequence.verdict() == Verdict::Undecided => {
                let forecast = sequence.estimate().worlds_needed;
                forecast.map_or(u64::MAX, |worlds| worlds.saturating_sub(self.seen))
            }
            Process::Inference(_) | Process::Undecidable { .. } => 0,
            Process::Every { .. } if !self.alone() => 0,
            Process::Every { .. } | Process::Point(_) => watch.budget - self.seen,
        };
        Standing {
            seen: self.seen,
            most: self.budget,
            needs: (!self.settled())
                .then(|| self.watches.iter().map(needs).max().unwrap_or_default()),
        }
    }

    /// Shows the claims every world that follows on the last one they have seen.
    pub(super) fn observe(&mut self) {
        while self.open() {
            let Some(outcome) = self.outcomes.get(&self.seen) else {
                break;
            };
            for watch in &mut self.watches {
                watch.observe(outcome, self.seen);
            }
            self.steps += outcome.models.iter().map(|m| m.steps as u64).sum::<u64>();
            self.seen += 1;
        }
    }

    /// Worlds that count so far.
    pub fn worlds(&self) -> u64 {
        self.seen
    }

    /// The claims as they stand.
    pub fn findings(&self) -> impl Iterator<Item = Finding> {
        self.watches.iter().map(|w| finding(&[(w, &self.key)]))
    }
}

/// A world, and the experiments it is trained for: they share its models.
pub(super) struct Job {
    pub(super) regime: Regime,
    pub(super) draws: Draws,
    pub(super) world: u64,
    /// Their places.
    pub(super) experiments: Vec<usize>,
}

/// What to train next: for the open experiment with the fewest worlds in flight, so that threads speculate on one experiment only
/// when no other is open, and for all others that are about to see the same world of the same regime.
pub(super) fn next_job(experiments: &mut [Experiment]) -> Option<Job> {
    for experiment in experiments.iter_mut() {
        while experiment.outcomes.contains_key(&experiment.next) {
            experiment.next += 1;
        }
    }
    let open = |e: &Experiment| e.open() && e.next < e.allowed;
    let candidates = experiments.iter().filter(|e| open(e));
    let first = candidates.min_by_key(|e| e.in_flight)?;
    let (world, draws) = (first.next, first.procedure.test_draws);
    let shares = |e: &Experiment| {
        e.next == world && e.regime == first.regime && e.procedure.test_draws == draws
    };
    let sharing = (experiments.iter().enumerate()).filter(|(_, e)| open(e) && shares(e));
    let job = Job {
        regime: first.regime.clone(),
        draws,
        world,
        experiments: sharing.map(|(index, _)| index).collect(),
    };
    for index in &job.experiments {
        experiments[*index].in_flight += 1;
        experiments[*index].next += 1;
    }
    Some(job)
}
