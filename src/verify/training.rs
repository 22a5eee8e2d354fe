//! Training the worlds that a round of experiments lacks, on several threads.

use super::experiment::{Experiment, Shared, next_world};
use super::{Event, VerifyError};
use crate::procedure::{Models, Procedure, WorldOutcome};
use crate::random_features::RandomFeatureError;
use crate::record::{Record, WorldRecord};
use crate::regime::Regime;
use crate::seed::WorldSeed;
use std::sync::{Mutex, PoisonError};

/// The work that threads share.
struct Round<'a> {
    seed: u64,
    experiments: &'a mut [Experiment],
    record: &'a mut Record,
    /// The worlds whose models threads hold.
    held: Vec<Shared>,
    failure: Option<VerifyError>,
}

/// Trains worlds of the experiment seed `seed` until no experiment is open; `listen` is told of
/// each as it begins and ends.
pub(super) fn train(
    seed: u64,
    experiments: &mut [Experiment],
    record: &mut Record,
    threads: usize,
    listen: &(dyn Fn(Event) + Sync),
) -> Result<(), VerifyError> {
    let round = Mutex::new(Round {
        seed,
        experiments,
        record,
        held: Vec::new(),
        failure: None,
    });
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| work(&round, listen));
        }
    });
    let round = round.into_inner().unwrap_or_else(PoisonError::into_inner);
    round.failure.map_or(Ok(()), Err)
}

/// Trains on one thread: world by world, for one experiment after the other that needs it.
fn work(round: &Mutex<Round>, listen: &(dyn Fn(Event) + Sync)) {
    let lock = || round.lock().unwrap_or_else(PoisonError::into_inner);
    let mut holds: Option<(Shared, Models)> = None;
    loop {
        let own = holds.as_ref().map(|(shared, _)| *shared);
        let next = lock().next(own, listen);
        let Some(Task {
            index,
            shared,
            regime,
            procedure,
            seed,
        }) = next
        else {
            return;
        };
        let (_, models) = match holds.take().filter(|(held, _)| *held == shared) {
            Some(same) => holds.insert(same),
            None => holds.insert((shared, Models::new(&regime, procedure.test_draws, seed))),
        };
        let outcome = models.outcome(&procedure);
        lock().finish(index, shared.world, outcome, listen);
    }
}

/// A world to be trained for one experiment.
struct Task {
    index: usize,
    shared: Shared,
    regime: Regime,
    procedure: Procedure,
    seed: WorldSeed,
}

impl Round<'_> {
    /// The next task of a thread that holds the models of `own`; none when it is done, or the
    /// record has failed.
    fn next(&mut self, own: Option<Shared>, listen: &(dyn Fn(Event) + Sync)) -> Option<Task> {
        let next = match self.failure {
            Some(_) => None,
            None => next_world(self.experiments, own, &self.held),
        };
        let shared = next.map(|(_, shared)| shared);
        if shared != own {
            let place = self.held.iter().position(|held| Some(*held) == own);
            place.map(|place| self.held.swap_remove(place));
            self.held.extend(shared);
        }
        let (index, shared) = next?;
        let experiment = &self.experiments[index];
        listen(Event::Started {
            experiment,
            world: shared.world,
        });
        Some(Task {
            index,
            shared,
            regime: experiment.regime.clone(),
            procedure: experiment.procedure.clone(),
            seed: WorldSeed {
                experiment: self.seed,
                world: shared.world,
            },
        })
    }

    /// Keeps a world, unless the record has failed: nothing is written behind a line that may be
    /// torn. The world of one experiment is that of all with its regime and procedure.
    fn finish(
        &mut self,
        index: usize,
        world: u64,
        outcome: Result<WorldOutcome, RandomFeatureError>,
        listen: &(dyn Fn(Event) + Sync),
    ) {
        self.experiments[index].in_flight -= 1;
        if self.failure.is_some() {
            return;
        }
        let key = self.experiments[index].key.clone();
        if self.experiments[index].outcomes.contains_key(&world) {
            return; // trained by two threads for two such experiments
        }
        let keep = || {
            let line = WorldRecord {
                experiment: key.clone(),
                world,
                outcome: outcome?,
            };
            self.record.append(&line)?;
            Ok(line.outcome)
        };
        match keep() {
            Err(error) => self.failure = Some(error),
            Ok(outcome) => {
                for experiment in self.experiments.iter_mut().filter(|e| e.key == key) {
                    experiment.outcomes.insert(world, outcome.clone());
                    experiment.observe();
                    listen(Event::Finished { experiment, world });
                }
            }
        }
    }
}
