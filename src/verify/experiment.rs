//! Worlds of one regime and procedure: which is trained next, and when there are enough.

use super::watch::{Finding, Process, Watch, finding};
use crate::allocation::Standing;
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
            key: String::new(),
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
        self.seen > 0
            && self.watches.iter().all(|w| match &w.process {
                Process::Inference(sequence) => sequence.verdict() != Verdict::Undecided,
                Process::Every { broken_after, .. } => !alone || broken_after.is_some(),
                Process::Point(_) => self.seen >= self.budget,
                Process::Undecidable { .. } => true,
            })
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
            Process::Inference(sequence) if sequence.verdict() == Verdict::Undecided => {
                let forecast = sequence.estimate().worlds_needed;
                forecast.map_or(u64::MAX, |worlds| worlds.saturating_sub(self.seen))
            }
            Process::Inference(_) | Process::Undecidable { .. } => 0,
            Process::Every { .. } if !self.alone() => 0,
            Process::Every { .. } | Process::Point(_) => self.budget - self.seen,
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

/// The world to train next: of the open experiment with the fewest worlds in flight, so that threads
/// speculate on one experiment only when no other is open.
pub(super) fn next_world(experiments: &mut [Experiment]) -> Option<(usize, u64)> {
    for experiment in experiments.iter_mut() {
        while experiment.outcomes.contains_key(&experiment.next) {
            experiment.next += 1;
        }
    }
    let open = experiments
        .iter_mut()
        .enumerate()
        .filter(|(_, e)| e.open() && e.next < e.allowed);
    let (index, experiment) = open.min_by_key(|(_, e)| e.in_flight)?;
    let world = experiment.next;
    experiment.in_flight += 1;
    experiment.next += 1;
    Some((index, world))
}
