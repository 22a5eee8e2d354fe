//! Simulated worlds of known truth, and the verdicts that the sequences reach on them.

use multiview::statistics::{Band, Method, Sequence, Verdict};
use rand::{RngExt, SeedableRng};
use rand_distr::{Beta, Distribution, Exp, LogNormal, Normal, Poisson};
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;

/// Most worlds of a run.
pub const BUDGET: u64 = 60;

/// The seed of the first run; run `i` adds `i`.
pub const SEED: u64 = 201_209_816;

/// Levels: a claim by itself at 95 %, one of twelve at 95 %, and one of twenty-four at 99 %.
pub const LEVELS: [f64; 3] = [0.05, 0.05 / 12.0, 0.01 / 24.0];

/// A law of one world, by its mean.
pub type Law = fn(&mut Pcg64Mcg, f64) -> f64;

/// The method's promise for the law.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// The law meets the method's condition: a proof bounds wrong verdicts by the level.
    Exact,
    /// It does not, or only nearly, and the simulation finds the level kept.
    Measured,
    /// It does not, and the simulation shows by how much the level is broken.
    Broken,
}

/// A law, the claim made of it, and the method that decides.
pub struct Case {
    pub law: &'static str,
    pub draw: Law,
    pub method: Method,
    pub band: Band,
    /// Where the mean is put: the end of the band, inside of it, and outside.
    pub edge: f64,
    pub inside: f64,
    pub outside: f64,
    pub promise: Promise,
}

fn normal(rng: &mut Pcg64Mcg, mean: f64, sd: f64) -> f64 {
    Normal::new(mean, sd).expect("a spread").sample(rng)
}

/// A count of lost cells of 160, or of 0 in a share `zeros` of the worlds.
fn clusters(rng: &mut Pcg64Mcg, mean: f64, zeros: f64) -> f64 {
    if rng.random::<f64>() < zeros {
        return 0.0;
    }
    let count = Poisson::new(160.0 * mean / (1.0 - zeros)).expect("a positive count");
    count.sample(rng) / 160.0
}

fn coin(rng: &mut Pcg64Mcg, success: f64) -> f64 {
    f64::from(u8::from(rng.random::<f64>() < success))
}

fn exponential(rng: &mut Pcg64Mcg, mean: f64) -> f64 {
    Exp::new(1.0 / mean).expect("a positive mean").sample(rng)
}

fn beta(rng: &mut Pcg64Mcg, mean: f64, weight: f64) -> f64 {
    let law = Beta::new(mean * weight, (1.0 - mean) * weight);
    law.expect("positive weights").sample(rng)
}

const fn asymptotic(scale: f64) -> Method {
    let minimum_worlds = multiview::statistics::asymptotic::MINIMUM_WORLDS;
    Method::Asymptotic {
        scale,
        minimum_worlds,
    }
}

const UNIT: Method = Method::Betting {
    lower: 0.0,
    upper: 1.0,
};

/// "At most 0.01", as of the test errors of ensembles and students.
const SMALL: Band = Band {
    lower: None,
    upper: Some(0.01),
};

/// "Between 0.49 and 0.51", as of a single model.
const HALF: Band = Band {
    lower: Some(0.49),
    upper: Some(0.51),
};

/// "At least nine tenths", as of worlds that succeed.
const MOST: Band = Band {
    lower: Some(0.9),
    upper: None,
};

/// The cases of the table.
pub fn cases() -> Vec<Case> {
    use Promise::{Broken, Exact, Measured};
    let small = |law, scale, promise, draw| Case {
        law,
        draw,
        method: asymptotic(scale),
        band: SMALL,
        edge: 0.01,
        inside: 0.0025,
        outside: 0.02,
        promise,
    };
    let half = |law, scale, promise, draw| Case {
        law,
        draw,
        method: asymptotic(scale),
        band: HALF,
        edge: 0.49,
        inside: 0.497,
        outside: 0.47,
        promise,
    };
    let most = |law, method, draw| Case {
        law,
        draw,
        method,
        band: MOST,
        edge: 0.9,
        inside: 0.99,
        outside: 0.6,
        promise: Exact,
    };
    vec![
        small("normal, sd 0.006", 0.01, Exact, |r, m| normal(r, m, 0.006)),
        small("normal, sd twice the scale", 0.01, Exact, |r, m| {
            normal(r, m, 0.02)
        }),
        small("normal, scale 100 times too small", 1e-4, Exact, |r, m| {
            normal(r, m, 0.01)
        }),
        small("Poisson count of 160", 0.01, Measured, |r, m| {
            clusters(r, m, 0.0)
        }),
        small("60 % zeros, else Poisson of 160", 0.01, Measured, |r, m| {
            clusters(r, m, 0.6)
        }),
        small("70 % zeros, else Poisson of 160", 0.01, Measured, |r, m| {
            clusters(r, m, 0.7)
        }),
        small("80 % zeros, else Poisson of 160", 0.01, Measured, |r, m| {
            clusters(r, m, 0.8)
        }),
        small("83 % zeros, else one value", 0.01, Exact, |r, m| {
            6.0 * m * coin(r, 1.0 / 6.0)
        }),
        small("exponential", 0.01, Measured, exponential),
        small("lognormal, σ = 1", 0.01, Measured, |r, m| {
            m * LogNormal::new(-0.5, 1.0).expect("a spread").sample(r)
        }),
        small("mirrored exponential", 0.01, Measured, |r, m| {
            2.0 * m - exponential(r, m)
        }),
        small("90 % zeros, else Poisson of 160", 0.01, Broken, |r, m| {
            clusters(r, m, 0.9)
        }),
        small("the same, scale 0.03", 0.03, Measured, |r, m| {
            clusters(r, m, 0.9)
        }),
        small(
            "60 % zeros, scale 10 times too small",
            0.001,
            Broken,
            |r, m| clusters(r, m, 0.6),
        ),
        small("1 with probability of the mean, else 0", 0.01, Broken, coin),
        half("normal, sd 0.006", 0.006, Exact, |r, m| normal(r, m, 0.006)),
        half(
            "1/2 less a Poisson count of 120",
            0.006,
            Measured,
            |r, m| {
                0.5 - Poisson::new(120.0 * (0.5 - m))
                    .expect("below 1/2")
                    .sample(r)
                    / 120.0
            },
        ),
        half("1/2 less an exponential", 0.006, Measured, |r, m| {
            0.5 - exponential(r, 0.5 - m)
        }),
        most("success or failure, share", Method::Share, coin),
        most("success or failure, betting", UNIT, coin),
        most("beta, J-shaped, betting", UNIT, |r, m| beta(r, m, 1.0)),
        most("beta, betting", UNIT, |r, m| beta(r, m, 20.0)),
    ]
}

/// The counts of how the runs of a case ended.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub confirmed: u64,
    pub refuted: u64,
    /// Worlds up to the verdict or the end of the budget, over all runs.
    pub worlds: u64,
}

impl Tally {
    pub fn add(self, other: Self) -> Self {
        Self {
            confirmed: self.confirmed + other.confirmed,
            refuted: self.refuted + other.refuted,
            worlds: self.worlds + other.worlds,
        }
    }
}

/// Runs of a case with its mean at `mean`, each stopped at its verdict.
pub fn tally(case: &Case, mean: f64, alpha: f64, runs: u64) -> Tally {
    let run = |run: u64| {
        let mut rng = Pcg64Mcg::seed_from_u64(SEED + run);
        let sequence = Sequence::new(case.method, case.band, alpha, BUDGET);
        let mut sequence = sequence.expect("the cases are valid");
        let mut worlds = 0;
        while worlds < BUDGET && sequence.verdict() == Verdict::Undecided {
            let world = (case.draw)(&mut rng, mean);
            sequence.observe(world).expect("the laws keep to the range");
            worlds += 1;
        }
        Tally {
            confirmed: u64::from(sequence.verdict() == Verdict::Confirmed),
            refuted: u64::from(sequence.verdict() == Verdict::Refuted),
            worlds,
        }
    };
    (0..runs)
        .into_par_iter()
        .map(run)
        .reduce(Tally::default, Tally::add)
}
