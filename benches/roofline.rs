//! The bounds of a step: this machine's memory bandwidth and `f32` throughput, measured, against
//! the bytes and operations of a step, counted.

mod common;

use common::{Case, DenseCase, Engine, dense_regime, regime};
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, Par};
use multiview::engine::dense::{NoisyData, TILE};
use multiview::engine::sparse::Rates;
use pulp::{NullaryFnOnce, Simd, WithSimd};
use std::hint::black_box;
use std::time::Instant;

const REPEATS: usize = 7;

fn main() {
    let machine = Machine::measure();
    println!("# What bounds a step, on one thread\n");
    println!("| this machine | |\n|---|---|");
    println!("| memory, read | {:.1} GB/s |", machine.read * 1e-9);
    println!("| memory, triad | {:.1} GB/s |", machine.triad * 1e-9);
    println!(
        "| cache (1 MiB), triad | {:.1} GB/s |",
        machine.cache * 1e-9
    );
    println!(
        "| multiply-adds of eight lanes | {:.0} Gflop/s |",
        machine.flops * 1e-9
    );
    println!(
        "| multiply-adds of as many lanes as there are | {:.0} Gflop/s |",
        machine.widest * 1e-9
    );
    println!(
        "| matrix product in cache | {:.0} Gflop/s |",
        machine.product * 1e-9
    );
    println!(
        "\n| engine | k | m | ms a step | memory MB | cache MB | Mflop | of memory | of cache | of arithmetic | nearest bound |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    let mut notes = Vec::new();
    for (k, m) in [(50, 8), (80, 16)] {
        let case = Case::new(regime(k, m, None));
        for (engine, steps) in [(Engine::Reference, 5), (Engine::Sparse, 200)] {
            let seconds = of_repeats(|| case.seconds_per_step(engine, steps));
            let cost = Cost::of(&case, engine);
            let best = row(
                &format!("{engine:?}"),
                k,
                m,
                seconds,
                &cost,
                &machine,
                machine.widest,
            );
            if best < 0.5 && engine == Engine::Sparse {
                notes.push(what_holds_back(&case, seconds));
            }
        }
    }
    let case = DenseCase::new(dense_regime(10, 8));
    let world = case.world();
    let seconds = of_repeats(|| case.seconds_per_step(&world, 20));
    let cost = Cost::of_dense(&case, &world);
    row(
        "Dense, d = 1,000",
        10,
        8,
        seconds,
        &cost,
        &machine,
        machine.product,
    );
    println!(
        "\nThe reference and the two rates are held against multiply-adds of as many lanes as the processor has, though they work on eight"
    );
    println!(
        "at once and multiply and add by two instructions, so that their results are the same on every processor; the dense step is held"
    );
    println!("against a matrix product in cache.");
    for note in notes {
        println!("\n{note}");
    }
}

/// The fastest of several, as for the machine's own figures, so that what else runs disturbs both
/// alike.
fn of_repeats(measure: impl FnMut() -> f64) -> f64 {
    std::iter::repeat_with(measure)
        .take(REPEATS)
        .fold(f64::INFINITY, f64::min)
}

/// Prints a step's row; returns the largest share of a bound that it reaches.
fn row(
    engine: &str,
    k: usize,
    m: usize,
    seconds: f64,
    cost: &Cost,
    machine: &Machine,
    flops: f64,
) -> f64 {
    let shares = [
        cost.memory / machine.triad / seconds,
        cost.cache / machine.cache / seconds,
        cost.flops / flops / seconds,
    ];
    let names = ["memory", "cache", "arithmetic"];
    let bound = (0..3)
        .max_by(|a, b| shares[*a].total_cmp(&shares[*b]))
        .unwrap_or(0);
    println!(
        "| {engine} | {k} | {m} | {:.3} | {:.2} | {:.2} | {:.1} | {:.0} % | {:.0} % | {:.0} % | {} |",
        seconds * 1e3,
        cost.memory * 1e-6,
        cost.cache * 1e-6,
        cost.flops * 1e-6,
        100.0 * shares[0],
        100.0 * shares[1],
        100.0 * shares[2],
        names[bound],
    );
    shares[bound]
}

/// Splits a step of the two rates by experiment: without slow visits, and at twice the width.
fn what_holds_back(case: &Case, seconds: f64) -> String {
    let (k, m) = (
        case.regime.data.classes,
        case.regime.network.neurons_per_class,
    );
    let wider = Case::new(regime(k, 2 * m, None));
    let fast = |case: &Case| of_repeats(|| case.seconds_per_step(Engine::OnlyFollowed, 200));
    let (own, twice) = (fast(case), fast(&wider));
    let slow = 100.0 * (1.0 - own / seconds).max(0.0);
    let neurons = 100.0 * ((twice - own) / seconds).max(0.0);
    let samples = case.data.samples.len() as f64;
    let rest = (2.0 * own - twice).max(0.0);
    format!(
        "Sparse at k = {k}, m = {m}: visits to slow blocks take {slow:.0} % of the step, and {neurons:.0} % grows with m: the neurons \
         themselves. The other {:.0} %, {:.0} ns a sample, is the same for any m: sums across lanes, \
         exponentials and a division for each class of eight samples at a time, and indices and branches for each block of {} vectors. \
         Those are instructions of bookkeeping, which no bound here counts.",
        100.0 * rest / seconds,
        rest / samples * 1e9,
        case.start.layout.stride / 8,
    )
}

/// The bytes that a step moves, and its operations.
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
            // Noise overlaps are read and written once; the backward pass repeats the forward's
            // work.
            Engine::Reference => Self {
                memory: 8.0 * neurons,
                cache: 16.0 * neurons,
                flops: neurons * (FORWARD + FORWARD - 3.0 + BACKWARD)
                    + samples * layout.classes as f64 * SOFTMAX,
            },
            // One fast block a patch, all blocks once a period (at twice the work), classes
            // present.
            Engine::Sparse | Engine::OnlyFollowed => {
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

impl Cost {
    /// Inputs come from memory for the pre-activations and from cache for the gradient; a buffer of
    /// pre-activations is written, turned into slopes, weighed and read; for each tile weights are
    /// read, and their gradient is read and written.
    fn of_dense(case: &DenseCase, world: &NoisyData<f32>) -> Self {
        let network = &case.regime.network;
        let entries = (world.inputs().nrows() * world.inputs().ncols()) as f64;
        let outputs = case.regime.data.classes * network.neurons_per_class;
        let neurons = (world.inputs().ncols() * outputs) as f64;
        let tiles = world.inputs().ncols().div_ceil(TILE);
        let weights = (world.inputs().nrows() * outputs * tiles) as f64;
        Self {
            memory: 4.0 * entries,
            cache: 4.0 * entries + 24.0 * neurons + 12.0 * weights,
            flops: 4.0 * entries * outputs as f64 + neurons * (FORWARD + 1.0),
        }
    }
}

struct Machine {
    read: f64,
    triad: f64,
    cache: f64,
    flops: f64,
    widest: f64,
    product: f64,
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
        let operations = arch.dispatch(MultiplyAdd);
        let flops = best(operations as f64, || {
            arch.dispatch(MultiplyAdd);
        });
        Self {
            read,
            triad,
            cache,
            flops,
            widest: flops.max(wide_multiply_adds()),
            product: product(),
        }
    }
}

/// Operations a second of a matrix product whose operands are in cache.
fn product() -> f64 {
    let size = 256;
    let (a, b) = (
        Mat::<f32>::full(size, size, 0.5),
        Mat::<f32>::full(size, size, 0.5),
    );
    let mut c = Mat::<f32>::zeros(size, size);
    best((2 * 20 * size.pow(3)) as f64, || {
        for _ in 0..20 {
            matmul(
                &mut c,
                Accum::Replace,
                black_box(&a),
                black_box(&b),
                1.0,
                Par::Seq,
            );
            black_box(&c);
        }
    })
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

/// Independent chains of multiply-adds, enough to hide the latency of one, and their length.
const CHAINS: usize = 10;
const LENGTH: usize = 1 << 20;

/// Multiply-adds in registers; returns how many operations on one number.
struct MultiplyAdd;

impl WithSimd for MultiplyAdd {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> usize {
        let (scale, shift) = (simd.splat_f32s(0.999), simd.splat_f32s(0.001));
        let mut numbers = [simd.splat_f32s(black_box(1.0)); CHAINS];
        for _ in 0..LENGTH {
            for x in &mut numbers {
                *x = simd.mul_add_e_f32s(*x, scale, shift);
            }
        }
        black_box(numbers.map(|x| simd.reduce_sum_f32s(x)));
        2 * S::F32_LANES * CHAINS * LENGTH
    }
}

/// Operations a second of multiply-adds with AVX-512, which `pulp::Arch` and our own kernels do
/// without but matrix products use; 0 without it.
fn wide_multiply_adds() -> f64 {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx512f") {
        #[target_feature(enable = "avx512f")]
        fn chains() {
            let mut numbers = [[black_box(1.0f32); 16]; CHAINS];
            for _ in 0..LENGTH {
                for lanes in &mut numbers {
                    for x in lanes {
                        *x = x.mul_add(0.999, 0.001);
                    }
                }
            }
            black_box(numbers);
        }
        return best((2 * 16 * CHAINS * LENGTH) as f64, || {
            // SAFETY: the processor has been asked for AVX-512.
            unsafe { chains() }
        });
    }
    0.0
}
