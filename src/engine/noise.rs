//! Initial noise overlaps `B[n,p][i,r] = ⟨w_{i,r}, ξ_{n,p}⟩ ~ N(0, σ_0² ν²)`, drawn by counter.
//!
//! A *block*, class `i`'s neurons on patch `p` of sample `n`, is a function of (seed, network,
//! sample, patch, class) alone: it is drawn when needed, in any order, as often as needed, or
//! never. The generator is Philox4x32-10 (Salmon et al. 2011), made for just this: four words of
//! counter in, four random words out, which the transform of Box and Muller makes four normals.

use super::layout::Layout;
use crate::normals::{radius, sine_cosine};
use crate::real::{LANES, Lanes, Real, each};
use crate::seed::{Purpose, WorldSeed};
use rand::Rng;

/// The source of a network's noise overlaps.
#[derive(Clone, Debug)]
pub enum Noise<R> {
    /// Drawn by counter.
    Counted {
        /// The network's stream.
        stream: NoiseStream,
        /// `σ_0 ν`.
        scale: R,
    },
    /// Written out: `[patches of all samples][k][stride]`, padding neurons −∞.
    Stored {
        /// First patch of each sample.
        starts: Vec<usize>,
        /// The overlaps.
        values: Vec<R>,
    },
}

impl<R: Real> Noise<R> {
    /// Writes blocks of sample `n`, given as (patch, class), into `out`, `[blocks][stride]`.
    #[inline(always)]
    pub(crate) fn fill(&self, layout: Layout, n: usize, blocks: &[[u32; 2]], out: &mut [R]) {
        match self {
            Self::Counted { stream, scale } => {
                stream.fill(layout.stride, n as u32, blocks, |place, x| {
                    out[place] = *scale * R::of(x.into());
                });
                if layout.neurons < layout.stride {
                    for row in out.chunks_exact_mut(layout.stride) {
                        row[layout.neurons..].fill(R::neg_infinity());
                    }
                }
            }
            Self::Stored { starts, values } => {
                for ([patch, class], out) in blocks.iter().zip(out.chunks_exact_mut(layout.stride))
                {
                    let row = (starts[n] + *patch as usize) * layout.classes + *class as usize;
                    out.copy_from_slice(&values[row * layout.stride..][..layout.stride]);
                }
            }
        }
    }
}

/// A stream of standard normals by counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoiseStream {
    key: [u32; 2],
}

impl NoiseStream {
    /// The stream of network `index` of a world.
    pub fn new(seed: WorldSeed, index: u64) -> Self {
        let mut rng = seed.rng(Purpose::Noise, index);
        Self {
            key: [rng.next_u32(), rng.next_u32()],
        }
    }

    /// Hands the standard normals of blocks, `[blocks][stride]`, to `put` with their places;
    /// `stride` is whole lanes.
    #[inline(always)]
    fn fill(
        &self,
        stride: usize,
        sample: u32,
        blocks: &[[u32; 2]],
        mut put: impl FnMut(usize, f32),
    ) {
        let groups = stride / 4;
        let counters = blocks.len() * groups;
        for first in (0..counters).step_by(LANES) {
            let at = |l: usize| (first + l).min(counters - 1);
            let block = each(|l| blocks[at(l) / groups]);
            let words = philox(
                [
                    [sample; LANES],
                    each(|l| block[l][0]),
                    each(|l| block[l][1]),
                    each(|l| (at(l) % groups) as u32),
                ],
                self.key,
            );
            let normals = box_muller(words);
            for l in 0..LANES.min(counters - first) {
                for (j, x) in normals.iter().enumerate() {
                    put(4 * (first + l) + j, x[l]);
                }
            }
        }
    }

    /// Four random words for each of eight counters.
    #[inline(always)]
    pub(crate) fn words(&self, counters: [Lanes<u32>; 4]) -> [Lanes<u32>; 4] {
        philox(counters, self.key)
    }
}

/// High and low words of products.
#[inline(always)]
fn product(x: Lanes<u32>, by: u32) -> (Lanes<u32>, Lanes<u32>) {
    let wide = each(|l| u64::from(x[l]) * u64::from(by));
    (each(|l| (wide[l] >> 32) as u32), each(|l| wide[l] as u32))
}

/// Philox4x32-10 of eight counters.
#[inline(always)]
fn philox(mut c: [Lanes<u32>; 4], mut key: [u32; 2]) -> [Lanes<u32>; 4] {
    for _ in 0..10 {
        let (high0, low0) = product(c[0], 0xD251_1F53);
        let (high1, low1) = product(c[2], 0xCD9E_8D57);
        c = [
            each(|l| high1[l] ^ c[1][l] ^ key[0]),
            low1,
            each(|l| high0[l] ^ c[3][l] ^ key[1]),
            low0,
        ];
        key = [
            key[0].wrapping_add(0x9E37_79B9),
            key[1].wrapping_add(0xBB67_AE85),
        ];
    }
    c
}

/// Thirty-two standard normals from as many random words.
#[inline(always)]
fn box_muller(words: [Lanes<u32>; 4]) -> [Lanes<f32>; 4] {
    let [a, b] = pair(words[0], words[1]);
    let [c, d] = pair(words[2], words[3]);
    [a, b, c, d]
}

/// Sixteen. (Not a closure, which would be compiled without the vector instructions at hand.)
#[inline(always)]
fn pair(radii: Lanes<u32>, angles: Lanes<u32>) -> [Lanes<f32>; 2] {
    let r = each(|l| radius(radii[l]));
    let turn = each(|l| sine_cosine(angles[l]));
    [each(|l| r[l] * turn[l].1), each(|l| r[l] * turn[l].0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The known answers published with the generator (Random123, `kat_vectors`).
    #[test]
    fn philox_gives_its_known_answers() {
        let cases = [
            (
                [0; 4],
                [0; 2],
                [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8],
            ),
            (
                [u32::MAX; 4],
                [u32::MAX; 2],
                [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd],
            ),
            (
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0],
                [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
            ),
        ];
        for (counter, key, answer) in cases {
            let words = philox(counter.map(|word: u32| [word; LANES]), key);
            assert_eq!(words.map(|word| word[5]), answer);
        }
    }

    fn counted(scale: f32) -> Noise<f32> {
        let seed = WorldSeed {
            experiment: 3,
            world: 1,
        };
        Noise::Counted {
            stream: NoiseStream::new(seed, 2),
            scale,
        }
    }

    #[test]
    fn a_block_does_not_depend_on_what_else_is_drawn() {
        let layout = Layout {
            classes: 9,
            neurons: 21,
            stride: 24,
        };
        let blocks = [[0, 3], [7, 3], [2, 8]];
        let mut together = vec![0.0; 3 * 24];
        counted(0.5).fill(layout, 11, &blocks, &mut together);
        for (block, expected) in blocks.iter().zip(together.chunks_exact(24)) {
            let mut alone = vec![0.0; 24];
            counted(0.5).fill(layout, 11, &[*block], &mut alone);
            assert_eq!(alone, expected);
            assert!(alone[20].is_finite() && alone[21..].iter().all(|b| *b == f32::NEG_INFINITY));
        }
        assert_ne!(together[..21], together[24..45]);
    }

    #[test]
    fn blocks_are_independent_normals() {
        let layout = Layout {
            classes: 4,
            neurons: 8,
            stride: 8,
        };
        let (samples, scale) = (20_000, 2.0);
        let mut moments = [0.0f64; 4];
        let mut lagged = [0.0f64; 3];
        let mut last = [0.0f32; 32];
        for n in 0..samples {
            let blocks = [[0, 0], [0, 1], [1, 0], [1, 1]];
            let mut out = [0.0f32; 32];
            counted(scale).fill(layout, n, &blocks, &mut out);
            for x in out {
                for (power, moment) in (1..).zip(&mut moments) {
                    *moment += f64::from(x / scale).powi(power);
                }
            }
            // Neighbours in sample, patch and class.
            for r in 0..8 {
                let product = |a: f32, b: f32| f64::from(a * b) / 4.0;
                lagged[0] += product(out[r], last[r]);
                lagged[1] += product(out[r], out[16 + r]);
                lagged[2] += product(out[r], out[8 + r]);
            }
            last = out;
        }
        let draws = (32 * samples) as f64;
        // Five standard errors of each mean.
        for (moment, (mean, variance)) in
            moments
                .iter()
                .zip([(0.0, 1.0), (1.0, 2.0), (0.0, 15.0), (3.0, 96.0)])
        {
            let bound = 5.0 * f64::sqrt(variance / draws);
            assert!(
                (moment / draws - mean).abs() < bound,
                "{moment} / {draws}, not {mean}"
            );
        }
        let pairs = (8 * samples) as f64;
        for sum in lagged {
            assert!(
                (sum / pairs).abs() < 5.0 / pairs.sqrt(),
                "correlation {}",
                sum / pairs
            );
        }
    }
}
