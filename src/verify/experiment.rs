//! Worlds of one regime and procedure: which is trained next, and when there are enough.

use super::watch::{Finding, Rule, Watch, finding};
use crate::allocation::Demand;
use crate::digest::key;
use crate::procedure::{Procedure, WorldOutcome};
use crate::regime::Regime;
use crate::shard::Shard;
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
    /// The same number for experiments of one regime and as many test draws: they share the models
    /// of their worlds.
    pub(super) group: usize,
    /// The part of its worlds that this run trains.
    pub(super) shard: Shard,
    pub(super) regime: Regime,
    pub(super) procedure: Procedure,
    pub(super) watches: Vec<Watch>,
    pub(super) outcomes: BTreeMap<u64, WorldOutcome>,
    /// Worlds being trained for it.
    pub(super) in_flight: u64,
    next: u64,
    /// Worlds that count: the prefix that the claims have seen.
    pub(super) seen: u64,
    pub(super) steps: u64,
}

impl Experiment {
    pub(super) fn new(
        title: String,
        group: usize,
        shard: Shard,
        Setting { regime, procedure }: Setting,
        budget: u64,
        watches: Vec<Watch>,
    ) -> Self {
        Self {
            key: key(&(&regime, &procedure)),
            title,
            budget,
            allowed: 0,
            group,
            shard,
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

    /// Returns true if no claim needs another world. A claim on every world asks for none beside
    /// one with inference, and alone for the whole budget, unless a world has broken it. Without a
    /// claim, when all are for another profile, no world is needed.
    ///
    /// A shard cannot know: it sees no prefix of the worlds. It is settled when all of it is
    /// trained.
    pub fn settled(&self) -> bool {
        if self.is_dealt_out() {
            return self.worlds() == self.due();
        }
        let alone = self.alone();
        (self.seen > 0 || self.watches.is_empty())
            && self.watches.iter().all(|w| match &w.rule {
                Rule::Inference(sequence) => sequence.verdict() != Verdict::Undecided,
                Rule::Every { broken_after, .. } => !alone || broken_after.is_some(),
                Rule::Point(_) => self.seen >= self.budget,
            })
    }

    /// Returns true if no claim but those on every world decides when there are enough.
    fn alone(&self) -> bool {
        (self.watches.iter()).all(|w| matches!(w.rule, Rule::Every { .. }))
    }

    /// Returns true if the experiment may see another world in this round, and needs it.
    pub(super) fn open(&self) -> bool {
        !self.settled() && (self.is_dealt_out() || self.seen < self.allowed)
    }

    /// True if this run trains a world. Which worlds of a group are a shard's differs from group to
    /// group: so the few worlds of many controls are spread over all shards. Experiments that share
    /// the models of a world meet in one shard.
    fn has(&self, world: u64) -> bool {
        self.shard.has(self.group + world as usize)
    }

    pub(super) fn demand(&self) -> Demand {
        let needs = |watch: &Watch| match &watch.rule {
            Rule::Inference(sequence) if sequence.verdict() == Verdict::Undecided => {
                let forecast = sequence.estimate().worlds_needed;
                forecast.map_or(u64::MAX, |worlds| worlds.saturating_sub(self.seen))
            }
            Rule::Inference(_) => 0,
            Rule::Every { .. } if !self.alone() => 0,
            Rule::Every { .. } | Rule::Point(_) => self.budget - self.seen,
        };
        Demand {
            seen: self.seen,
            most: self.budget,
            needs: (!self.settled())
                .then(|| self.watches.iter().map(needs).max().unwrap_or_default()),
        }
    }

    /// Shows the claims every world that follows on the last one they have seen; in a shard none.
    pub(super) fn observe(&mut self) {
        if self.is_dealt_out() {
            return;
        }
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

    /// The worlds that count, with their outcomes: the prefix that the claims have seen; in a shard
    /// all within the budget.
    pub(super) fn counted(&self) -> impl Iterator<Item = (&u64, &WorldOutcome)> {
        let end = if self.is_dealt_out() {
            self.budget
        } else {
            self.seen
        };
        self.outcomes
            .range(..end)
            .filter(|(world, _)| self.has(**world))
    }

    /// Worlds that are likely to be trained for it still: as many as its claims need to be decided,
    /// if that can be told, and within its budget.
    pub fn worlds_left(&self) -> u64 {
        if self.is_dealt_out() {
            return self.due() - self.worlds();
        }
        let Demand { seen, most, needs } = self.demand();
        needs.map_or(0, |needs| needs.min(most - seen))
    }

    /// The regime and procedure of its worlds.
    pub fn setting(&self) -> Setting {
        Setting {
            regime: self.regime.clone(),
            procedure: self.procedure.clone(),
        }
    }

    /// Worlds that count so far.
    pub fn worlds(&self) -> u64 {
        self.counted().count() as u64
    }

    /// True if this run trains a part of the worlds, and thus decides nothing.
    pub fn is_dealt_out(&self) -> bool {
        !self.shard.is_whole()
    }

    /// Most worlds that may come to count.
    pub fn due(&self) -> u64 {
        match self.shard {
            _ if self.watches.is_empty() => 0,
            Shard::WHOLE => self.budget,
            _ => (0..self.budget).filter(|world| self.has(*world)).count() as u64,
        }
    }

    /// The claims as they stand.
    pub fn findings(&self) -> impl Iterator<Item = Finding> {
        self.watches.iter().map(|w| finding(&[(w, &self.key)]))
    }
}

/// World `world` of the experiments of group `group`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shared {
    pub(super) group: usize,
    pub(super) world: u64,
}

/// The experiment to train a world for next, and the world. For a thread that holds the models of a
/// world, that is one that needs the same world, if there is one. Else it is the open experiment
/// with the fewest worlds in flight, so that threads speculate on one experiment only when no other
/// is open; a world whose models another thread holds comes last. Experiments of a group
/// that lag behind come first, so that they share again. A shard, which trains all of its part,
/// takes the first worlds of each experiment first: those that a merge cannot do without.
pub(super) fn next_world(
    experiments: &mut [Experiment],
    own: Option<Shared>,
    held: &[Shared],
) -> Option<(usize, Shared)> {
    for experiment in experiments.iter_mut() {
        let next = experiment.next;
        let lacks =
            |world: &u64| experiment.has(*world) && !experiment.outcomes.contains_key(world);
        experiment.next = (next..).find(lacks).unwrap_or(next);
    }
    let open = || {
        let open = |e: &Experiment| e.open() && e.next < e.allowed;
        (experiments.iter().enumerate()).filter(move |(_, e)| open(e))
    };
    let shared = |e: &Experiment| Shared {
        group: e.group,
        world: e.next,
    };
    let same_world = open().find(|(_, e)| Some(shared(e)) == own);
    let place = |e: &Experiment| {
        let first_worlds_first = if e.is_dealt_out() { e.next } else { 0 };
        (held.contains(&shared(e)), e.in_flight, first_worlds_first)
    };
    let (index, _) = same_world.or_else(|| {
        let (_, first) = open().min_by_key(|(_, e)| place(e))?;
        let level = |e: &Experiment| e.group == first.group && place(e).0 == place(first).0;
        open().filter(|(_, e)| level(e)).min_by_key(|(_, e)| e.next)
    })?;
    let shared = shared(&experiments[index]);
    experiments[index].in_flight += 1;
    experiments[index].next += 1;
    Some((index, shared))
}

#[cfg(test)]
mod tests {
    use super::super::watch::Asked;
    use super::*;
    use crate::theorem::Theorem;

    /// Open experiments, each of the given group and with as many worlds behind it.
    fn experiments(of: &[(usize, u64)]) -> Vec<Experiment> {
        let theorem = Theorem::embedded("ensemble").expect("it is shipped");
        let claim = &theorem.claims[0];
        let asked = Asked {
            order: 0,
            theorem: theorem.name.clone(),
            control: None,
            claim: claim.clone(),
            alpha: 0.05,
            at: None,
        };
        let watch = Watch::new(asked, 6).expect("a valid claim");
        let open = |(place, (group, behind)): (usize, &(usize, u64))| Experiment {
            key: place.to_string(),
            allowed: 6,
            outcomes: (0..*behind).map(|w| (w, WorldOutcome::default())).collect(),
            ..Experiment::new(
                String::new(),
                *group,
                Shard::WHOLE,
                theorem.setting(),
                6,
                vec![watch.clone()],
            )
        };
        of.iter().enumerate().map(open).collect()
    }

    #[test]
    fn a_thread_serves_all_that_need_its_world_and_laggards_first() {
        let mut all = experiments(&[(0, 4), (0, 3), (1, 0), (0, 3)]);
        let shared = |group, world| Shared { group, world };
        let mut next = |own: Option<Shared>, held: &[Shared]| next_world(&mut all, own, held);
        let first = Some(shared(0, 3));
        assert_eq!(next(None, &[]), Some((1, shared(0, 3))));
        assert_eq!(next(first, &[shared(0, 3)]), Some((3, shared(0, 3))));
        // Now all of the group are level.
        assert_eq!(next(first, &[shared(0, 3)]), Some((0, shared(0, 4))));
        let (held, own) = ([shared(0, 4)], Some(shared(0, 4)));
        // Another thread finds another group, and then the next world.
        assert_eq!(next(None, &held), Some((2, shared(1, 0))));
        assert_eq!(next(None, &held), Some((0, shared(0, 5))));
        assert_eq!(next(own, &held), Some((1, shared(0, 4))));
        assert_eq!(next(own, &held), Some((3, shared(0, 4))));
    }
}
