//! Counter-style seeds: every random number of an experiment is a function of
//! (experiment seed, world, purpose, index), so no result depends on the number of threads,
//! on the order in which worlds run, or on which shard ran them.

use rand_pcg::Pcg64;
use serde::Serialize;

/// The purpose of a stream of random numbers. Streams of different purposes are independent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Purpose {
    /// The training set `Z`: labels, features present, weights.
    Data = 1,
    /// Initial weights of a network (index: which network of the world).
    Initialisation = 2,
    /// Initial noise overlaps, or the Gaussian patch noise itself in the dense engine.
    Noise = 3,
    /// Fresh test inputs.
    Evaluation = 4,
    /// Random features that are never trained.
    RandomFeatures = 5,
    /// A held-out set on which a regularisation strength is chosen.
    Validation = 6,
    /// The cells of a Latin hypercube.
    Design = 7,
    /// Overlaps of random neurons with the noise of every patch.
    RandomFeatureNoise = 8,
    /// Feature noise on the patches of pure noise (index: which training sample).
    NoisePatches = 9,
    /// Inputs without views, their teacher and their labels (index: which part of these).
    NoViews = 10,
}

/// The seed of one world of one experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct WorldSeed {
    /// The experiment's seed, as given by the user.
    pub experiment: u64,
    /// The world (replicate) of the experiment.
    pub world: u64,
}

impl WorldSeed {
    /// The generator for one `purpose`; `index` tells apart streams of the same purpose
    /// (for instance the members of an ensemble).
    pub fn rng(self, purpose: Purpose, index: u64) -> Pcg64 {
        #[cfg(test)]
        asked::note(self, purpose, index);
        let mut state = [0u64; 4];
        let mut h = 0x6d75_6c74_6976_6965; // "multivie"
        for (slot, round) in state.iter_mut().zip(0u64..) {
            for word in [self.experiment, self.world, purpose as u64, index, round] {
                h = split_mix(h ^ word);
            }
            *slot = h;
        }
        let wide = |a: u64, b: u64| (u128::from(a) << 64) | u128::from(b);
        Pcg64::new(wide(state[0], state[1]), wide(state[2], state[3]))
    }
}

/// One step of SplitMix64 (Steele, Lea and Flood 2014): a bijection whose output passes as random
/// even on consecutive inputs.
fn split_mix(x: u64) -> u64 {
    let mut z = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Every stream that was asked for, so that a test can check that a world uses only its own.
#[cfg(test)]
pub(crate) mod asked {
    use super::{Purpose, WorldSeed};
    use std::sync::{Mutex, PoisonError};

    static ASKED: Mutex<Vec<(WorldSeed, Purpose, u64)>> = Mutex::new(Vec::new());

    pub(super) fn note(seed: WorldSeed, purpose: Purpose, index: u64) {
        let mut asked = ASKED.lock().unwrap_or_else(PoisonError::into_inner);
        asked.push((seed, purpose, index));
    }

    /// Returns the streams that any thread asked for of one world, in order.
    pub(crate) fn of(seed: WorldSeed) -> Vec<(Purpose, u64)> {
        let asked = ASKED.lock().unwrap_or_else(PoisonError::into_inner);
        let own = asked.iter().filter(|(of, ..)| *of == seed);
        own.map(|(_, purpose, index)| (*purpose, *index)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;
    use std::collections::HashSet;

    #[test]
    fn streams_are_reproducible_and_distinct() {
        let mut seen = HashSet::new();
        for experiment in 0..4 {
            for world in 0..8 {
                for purpose in [Purpose::Data, Purpose::Initialisation, Purpose::Noise] {
                    for index in 0..8 {
                        let seed = WorldSeed { experiment, world };
                        let first = seed.rng(purpose, index).next_u64();
                        assert_eq!(first, seed.rng(purpose, index).next_u64());
                        assert!(seen.insert(first), "two streams start alike");
                    }
                }
            }
        }
    }
}
