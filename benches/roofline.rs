//! What bounds a step: this machine's memory bandwidth and `f32` throughput, measured, against the bytes
//! and operations of a step, counted.

mod common;

use common::{Case, Engine, median, regime};
use multiview::engine::multirate::Rates;
use pulp::NullaryFnOnce;
use std::hint::black_box;
use std::time::Instant;

const REPEATS: usize = 7;

fn main() {
    let machine = Machine::measure();
    println!("memory, read        {:8.1} GB/s", machine.read * 1e-9);
    println!("memory, triad       {:8.1} GB/s", machine.triad * 1e-9);
    println!("cache (1 MiB), triad{:8.1} GB/s", machine.cache * 1e-9);
    println!(
        "multiply and add    {:8.1} Gflop/s (f32, one thread)",
        machine.flops * 1e-9
    );
    println!();
    println!(
        "engine      k   m   ms/step  memory MB  cache MB  Mflop  share of memory  of cache  of flops  bound by"
    );
    for (k, m) in [(50, 8), (80, 16)] {
        let case = Case::new(regime(k, m, None));
        for (engine, steps) in [(Engine::Reference, 5), (Engine::TwoRate, 200)] {
            let mut times: Vec<f64> = (0..REPEATS)
                .map(|_| case.seconds_per_step(engine, steps))
                .collect();
            let seconds = median(&mut times);
            let cost = Cost::of(&case, engine);
            let shares = [
                cost.memory / machine.triad / seconds,
                cost.cache / machine.cache / seconds,
                cost.flops / machine.flops / seconds,
            ];
            let names = ["memory", "cache", "arithmetic"];
            let bound = (0..3).max_by(|a, b| shares[*a].total_cmp(&shares[*b]));
            println!(
                "{:10} {k:3} {m:3} {:9.3} {:10.2} {:9.2} {:6.2} {:15.0} % {:6.0} % {:6.0} %  {}",
                format!("{engine:?}"),
                seconds * 1e3,
                cost.memory * 1e-6,
                cost.cache * 1e-6,
                cost.flops * 1e-6,
                100.0 * shares[0],
                100.0 * shares[1],
                100.0 * shares[2],
                names[bound.unwrap_or(0)],
            );
        }
    }
    println!(
        "\nShares below 100 % in every column leave latency, address arithmetic, branches and the"
    );
    println!(
        "operations that the count takes for one each (comparisons, selections, sums across lanes)."
    );
}

/// What a step moves and computes.
struct Cost {
    /// Bytes to and from memory: noise overlaps, which do not fit any cache.
    memory: f64,
    /// Bytes to and from the second- and third-level caches.
    cache: f64,
    /// Operations on `f32` numbers, a multiply-add as two, a maximum as one.
    flops: f64,
}

/// Operations on one neuron: forward `s` 2, `φ` and `φ'` 7, sum 1; backward two multiply-adds 4.
const FORWARD: f64 = 10.0;
const BACKWARD: f64 = 4.0;
/// Operations on one logit: exponential 22, sums, scale and maximum 5.
const SOFTMAX: f64 = 27.0;

impl Cost {
    fn of(case: &Case, engine: Engine) -> Self {
        let layout = case.start.layout;
        let patches = case.data.patch_count() as f64;
        let neurons = patches * layout.row() as f64;
        let samples = case.data.samples.len() as f64;
        match engine {
            // Noise overlaps are read and written once; the backward pass repeats the forward's work.
            Engine::Reference => Self {
                memory: 8.0 * neurons,
                cache: 16.0 * neurons,
                flops: neurons * (FORWARD + FORWARD - 3.0 + BACKWARD)
                    + samples * layout.classes as f64 * SOFTMAX,
            },
            // One fast block a patch, all blocks once a period (at twice the work), classes present.
            Engine::TwoRate => {
                let fast = patches * layout.stride as f64;
                let slow = neurons / Rates::of(&case.regime).period as f64;
                let present = (patches / samples / 8.0).ceil() * 8.0;
                Self {
                    memory: 8.0 * slow,
                    cache: 12.0 * fast + 16.0 * patches + 24.0 * slow,
                    flops: fast * (FORWARD + BACKWARD)
                        + slow * (2.0 * FORWARD + BACKWARD)
                        + samples * (present * (SOFTMAX + 10.0)),
                }
            }
        }
    }
}

struct Machine {
    read: f64,
    triad: f64,
    cache: f64,
    flops: f64,
}

impl Machine {
    fn measure() -> Self {
        let arch = pulp::Arch::new();
        let large = 1 << 26;
        let (a, b) = (vec![1.0f32; large], vec![2.0f32; large]);
        let mut c = vec![0.0f32; large];
        let read = best(4.0 * large as f64, || {
            black_box(arch.dispatch(Sum(black_box(&a))));
        });
        let triad = best(12.0 * large as f64, || {
            arch.dispatch(Triad(black_box(&a), black_box(&b), black_box(&mut c)));
        });
        let small = (1 << 20) / 12;
        let cache = best(12.0 * (small * 500) as f64, || {
            for _ in 0..500 {
                arch.dispatch(Triad(
                    black_box(&a[..small]),
                    black_box(&b[..small]),
                    black_box(&mut c[..small]),
                ));
            }
        });
        let mut numbers = vec![1.0; NUMBERS];
        let flops = best((2 * NUMBERS * PASSES * CHAIN) as f64, || {
            arch.dispatch(Fma(black_box(&mut numbers)));
        });
        Self {
            read,
            triad,
            cache,
            flops,
        }
    }
}

/// Units a second of the fastest of several calls.
fn best(units: f64, mut call: impl FnMut()) -> f64 {
    (0..REPEATS)
        .map(|_| {
            let clock = Instant::now();
            call();
            units / clock.elapsed().as_secs_f64()
        })
        .fold(0.0, f64::max)
}

struct Sum<'a>(&'a [f32]);

impl NullaryFnOnce for Sum<'_> {
    type Output = f32;
    #[inline(always)]
    fn call(self) -> f32 {
        let mut sums = [0.0f32; 64];
        for block in self.0.as_chunks::<64>().0 {
            for (s, x) in sums.iter_mut().zip(block) {
                *s += *x;
            }
        }
        sums.iter().sum()
    }
}

struct Triad<'a>(&'a [f32], &'a [f32], &'a mut [f32]);

impl NullaryFnOnce for Triad<'_> {
    type Output = ();
    #[inline(always)]
    fn call(self) {
        for ((c, a), b) in self.2.iter_mut().zip(self.0).zip(self.1) {
            *c = *a + 0.5 * *b;
        }
    }
}

/// Numbers in first-level cache, passes over them, and multiply-adds on each in a pass.
const NUMBERS: usize = 2048;
const PASSES: usize = 2000;
const CHAIN: usize = 32;

/// Long chains of multiply-adds on independent numbers (one instruction each where there is one).
struct Fma<'a>(&'a mut [f32]);

impl NullaryFnOnce for Fma<'_> {
    type Output = ();
    #[inline(always)]
    fn call(self) {
        for _ in 0..PASSES {
            for x in self.0.iter_mut() {
                let mut y = *x;
                for _ in 0..CHAIN {
                    y = if cfg!(any(target_arch = "x86_64", target_arch = "aarch64")) {
                        y.mul_add(0.999, 0.001)
                    } else {
                        y * 0.999 + 0.001
                    };
                }
                *x = y;
            }
        }
    }
}
