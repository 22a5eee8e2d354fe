//! Training the worlds that a round of experiments lacks, on several threads.

use super::experiment::{Experiment, Job, next_job};
use super::{Event, VerifyError};
use crate::procedure::{Models, WorldOutcome};
use crate::random_features::RandomFeatureError;
use crate::record::{Record, WorldRecord};
use crate::seed::WorldSeed;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What the threads work on.
struct Round<'a> {
    experiments: &'a mut [Experiment],
    record: &'a mut Record,
    failure: Option<VerifyError>,
}

/// Trains worlds of the experiment seed `seed` until no experiment is open; `listen` is told of each as it begins and ends.
pub(super) fn train(
    seed: u64,
    experiments: &mut [Experiment],
    record: &mut Record,
    threads: usize,
    listen: &(dyn Fn(Event) + Sync),
) -> Result<(), VerifyError> {
    let round = Mutex::new(Round {
        experiments,
        record,
        failure: None,
    });
    let work = || {
        loop {
            let job = lock(&round).next_job();
            let Some(job) = job else { break };
            run(job, seed, &round, listen);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(work);
        }
    });
    let round = round.into_inner().unwrap_or_else(PoisonError::into_inner);
    round.failure.map_or(Ok(()), Err)
}

fn lock<'a, 'b>(round: &'b Mutex<Round<'a>>) -> MutexGuard<'b, Round<'a>> {
    round.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Trains a world for each experiment of a job that still needs it.
fn run(job: Job, seed: u64, round: &Mutex<Round>, listen: &(dyn Fn(Event) + Sync)) {
    let Job {
        regime,
        draws,
        world,
        experiments,
    } = job;
    let seed = WorldSeed {
        experiment: seed,
        world,
    };
    let mut models = Models::new(&regime, draws, seed);
    for index in experiments {
        let procedure = {
            let mut round = lock(round);
            let experiment = &mut round.experiments[index];
            if !experiment.open() {
                experiment.in_flight -= 1; // another thread's world has settled it
                continue;
            }
            listen(Event::Started { experiment, world });
            experiment.procedure.clone()
        };
        let outcome = models.outcome(&procedure);
        lock(round).finish(index, world, outcome, listen);
    }
}

impl Round<'_> {
    fn next_job(&mut self) -> Option<Job> {
        match self.failure {
            Some(_) => None,
            None => next_job(self.experiments),
        }
    }

    /// Keeps a world, unless the record has failed: nothing is written behind a line that may be torn.
    fn finish(
        &mut self,
        index: usize,
        world: u64,
        outcome: Result<WorldOutcome, RandomFeatureError>,
        listen: &(dyn Fn(Event) + Sync),
    ) {
        let experiment = &mut self.experiments[index];
        experiment.in_flight -= 1;
        if self.failure.is_some() {
            return;
        }
        let keep = || {
            let line = WorldRecord {
                experiment: experiment.key.clone(),
                world,
                outcome: outcome?,
            };
            self.record.append(&line)?;
            experiment.outcomes.insert(world, line.outcome);
            experiment.observe();
            Ok(())
        };
        match keep() {
            Ok(()) => listen(Event::Finished { experiment, world }),
            Err(error) => self.failure = Some(error),
        }
    }
}
