//! An estimate of the time that a run still takes, from the worlds it has trained.

use super::estimate::steps_of_world;
use multiview::verify::{Event, Experiment};
use std::collections::BTreeMap;
use std::time::Instant;

/// The worlds of a run: those in training, what others took, and how many are likely to come.
#[derive(Default)]
pub struct Pace {
    began: BTreeMap<(String, u64), Instant>,
    experiments: BTreeMap<String, Work>,
}

/// The worlds of one experiment.
#[derive(Default)]
struct Work {
    /// Predicted sample gradients of one world.
    size: f64,
    worlds: u64,
    seconds: f64,
    left: u64,
    settled: bool,
}

impl Pace {
    /// Takes what an event says.
    pub fn note(&mut self, event: &Event) {
        match event {
            Event::Begun { experiments } => {
                for experiment in *experiments {
                    self.stand(experiment);
                }
            }
            Event::Kept { experiment } => self.stand(experiment),
            Event::Started { experiment, world } => {
                let world = (experiment.title.clone(), *world);
                self.began.insert(world, Instant::now());
            }
            Event::Finished { experiment, world } => {
                self.stand(experiment);
                let began = self.began.remove(&(experiment.title.clone(), *world));
                if let (Some(began), Some(work)) =
                    (began, self.experiments.get_mut(&experiment.title))
                {
                    work.worlds += 1;
                    work.seconds += began.elapsed().as_secs_f64();
                }
            }
        }
    }

    fn stand(&mut self, experiment: &Experiment) {
        let work = self.experiments.entry(experiment.title.clone());
        let work = work.or_insert_with(|| Work {
            size: steps_of_world(&experiment.setting()),
            ..Work::default()
        });
        work.left = experiment.worlds_left();
        work.settled = experiment.settled() || experiment.worlds() == experiment.due();
    }

    /// Experiments that are settled, and all of them.
    pub fn settled(&self) -> (usize, usize) {
        let all = self.experiments.values();
        (
            all.filter(|work| work.settled).count(),
            self.experiments.len(),
        )
    }

    /// Seconds until the run ends on this number of threads, once there is a world to judge by: the
    /// worlds that are likely to come, each at the mean of its experiment's, or in proportion to
    /// its predicted steps where none of them has ended.
    pub fn seconds_left(&self, threads: usize) -> Option<f64> {
        let timed = || self.experiments.values().filter(|work| work.worlds > 0);
        let size: f64 = timed().map(|work| work.size * work.worlds as f64).sum();
        let seconds: f64 = timed().map(|work| work.seconds).sum();
        if size <= 0.0 {
            return None;
        }
        let world = |work: &Work| match work.worlds {
            0 => work.size * seconds / size,
            worlds => work.seconds / worlds as f64,
        };
        let open = self.experiments.values().filter(|work| !work.settled);
        let all: f64 = open.map(|work| work.left as f64 * world(work)).sum();
        Some(all / threads.max(1) as f64)
    }
}
