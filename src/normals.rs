//! Standard normal numbers in bulk: eight generators side by side, so that the draw vectorises.
//!
//! Each lane is a xoshiro128++ (Blackman and Vigna 2018); pairs of its outputs become pairs of
//! normals by the transform of Box and Muller. Only additions, multiplications and square roots of
//! `f32` are used, so a stream is the same on every machine. Radii stop at `√(2 ln 2^33) ≈ 6.76`.

use crate::real::{LANES, Lanes, each};
use rand::Rng;

/// Pairs made at once: enough for the compiler to make the transform a loop over vectors.
const BATCH: usize = 8;

/// A stream of standard normals, sixteen at a time.
#[derive(Clone, Debug)]
pub(crate) struct Normals {
    state: [Lanes<u32>; 4],
    /// First and second halves of the pairs made, not yet given away from number `next` on.
    first: [Lanes<f32>; BATCH],
    second: [Lanes<f32>; BATCH],
    next: usize,
}

impl Normals {
    /// A stream seeded by the next outputs of `rng`.
    pub fn new(rng: &mut impl Rng) -> Self {
        let mut state = [[0; LANES]; 4];
        for l in 0..LANES {
            // A state of all zeros is the one that xoshiro must not have.
            while state.iter().all(|s| s[l] == 0) {
                state.iter_mut().for_each(|s| s[l] = rng.next_u32());
            }
        }
        Self {
            state,
            first: [[0.0; LANES]; BATCH],
            second: [[0.0; LANES]; BATCH],
            next: BATCH,
        }
    }

    /// The next sixteen.
    #[inline(always)]
    pub fn next(&mut self) -> [Lanes<f32>; 2] {
        if self.next == BATCH {
            self.refill();
        }
        let pair = [self.first[self.next], self.second[self.next]];
        self.next += 1;
        pair
    }

    #[inline(always)]
    fn refill(&mut self) {
        let mut state = self.state;
        let mut radii = [[0; LANES]; BATCH];
        let mut angles = [[0; LANES]; BATCH];
        for (radius, angle) in radii.iter_mut().zip(&mut angles) {
            (state, *radius) = bits(state);
            (state, *angle) = bits(state);
        }
        self.state = state;
        let uniform = radii.as_flattened().iter().zip(angles.as_flattened());
        let first = self.first.as_flattened_mut().iter_mut();
        let normal = first.zip(self.second.as_flattened_mut());
        for ((r, angle), (x, y)) in uniform.zip(normal) {
            let radius = radius(*r);
            let (sine, cosine) = sine_cosine(*angle);
            *x = radius * cosine;
            *y = radius * sine;
        }
        self.next = 0;
    }
}

/// The next state of eight generators, and their output.
#[inline(always)]
fn bits([a, b, c, d]: [Lanes<u32>; 4]) -> ([Lanes<u32>; 4], Lanes<u32>) {
    let sum = each(|l| a[l].wrapping_add(d[l]));
    let out = each(|l| sum[l].rotate_left(7).wrapping_add(a[l]));
    let shifted = each(|l| b[l] << 9);
    let c = each(|l| c[l] ^ a[l]);
    let d = each(|l| d[l] ^ b[l]);
    let state = [
        each(|l| a[l] ^ d[l]),
        each(|l| b[l] ^ c[l]),
        each(|l| c[l] ^ shifted[l]),
        each(|l| d[l].rotate_left(11)),
    ];
    (state, out)
}

/// `√(−2 ln u)` with `u = (bits + 1/2)/2^32`: Cephes' `logf`, absolute error below 2e-7 of the
/// logarithm.
#[inline(always)]
pub(crate) fn radius(bits: u32) -> f32 {
    // The two halves convert exactly as signed numbers, which vectorise everywhere.
    let high = (bits >> 16) as i32 as f32;
    let low = (bits & 0xffff) as i32 as f32;
    let u = high * 65536.0 + (low + 0.5);
    // u = 2^e · (1 + x), with 1 + x in [√½, √2).
    let raw = u.to_bits().wrapping_sub(0x3f35_04f3);
    let e = (raw as i32 >> 23) as f32 - 32.0;
    let x = f32::from_bits((raw & 0x7f_ffff).wrapping_add(0x3f35_04f3)) - 1.0;
    let p = 7.037_683_6e-2 * x - 1.151_461e-1;
    let p = p * x + 1.167_699_9e-1;
    let p = p * x - 1.242_014_1e-1;
    let p = p * x + 1.424_932_3e-1;
    let p = p * x - 1.666_805_8e-1;
    let p = p * x + 2.000_071_5e-1;
    let p = p * x - 2.499_999_4e-1;
    let p = p * x + 3.333_333e-1;
    let square = x * x;
    let p = p * x * square - 0.5 * square;
    let log = e * std::f32::consts::LN_2 + (x + p);
    // Rounding may take u to 1, and its logarithm to 0.
    let log = if log < 0.0 { log } else { 0.0 };
    (-2.0 * log).sqrt()
}

/// Sine and cosine of an angle uniform on the circle: 2 bits choose the quadrant, 30 the angle in
/// it, in `[−π/4, π/4)`, where Cephes' polynomials have relative error below 1e-7.
#[inline(always)]
pub(crate) fn sine_cosine(bits: u32) -> (f32, f32) {
    const STEP: f32 = std::f32::consts::FRAC_PI_2 / (1u32 << 30) as f32;
    let angle = (((bits << 2) as i32 >> 2) as f32 + 0.5) * STEP;
    let square = angle * angle;
    let p = -1.951_529_6e-4 * square + 8.332_161e-3;
    let p = p * square - 1.666_665_5e-1;
    let sine = p * square * angle + angle;
    let p = 2.443_315_7e-5 * square - 1.388_731_6e-3;
    let p = p * square + 4.166_664_6e-2;
    let cosine = p * square * square - 0.5 * square + 1.0;
    // A turn by a quarter swaps the two, and each has a sign bit of its own.
    let swap = 0u32.wrapping_sub(bits >> 30 & 1);
    let pick = |a: f32, b: f32, sign: u32| {
        let chosen = (a.to_bits() & swap) | (b.to_bits() & !swap);
        f32::from_bits(chosen ^ (sign & 1 << 31))
    };
    (
        pick(cosine, sine, bits),
        pick(sine, cosine, bits ^ bits << 1),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_pcg::Pcg64;

    #[test]
    fn transform_is_accurate() {
        for i in 0..1_000_000u32 {
            let bits = i.wrapping_mul(4295).wrapping_add(i >> 3);
            let u = (f64::from(bits) + 0.5) / 2f64.powi(32);
            let exact = (-2.0 * u.ln()).sqrt();
            let got = f64::from(radius(bits));
            let error = (got * got - exact * exact).abs();
            assert!(
                error < 3e-7 * (1.0 + exact * exact),
                "radius of {u}: {got}, not {exact}"
            );
            let (s, c) = sine_cosine(bits);
            let (s, c) = (f64::from(s), f64::from(c));
            assert!((s * s + c * c - 1.0).abs() < 5e-7);
            let quadrant = bits >> 30;
            let within = f64::from(((bits << 2) as i32) >> 2) + 0.5;
            let angle =
                std::f64::consts::FRAC_PI_2 * (f64::from(quadrant) + within / 2f64.powi(30));
            assert!(
                (s - angle.sin()).abs() < 3e-7 && (c - angle.cos()).abs() < 3e-7,
                "{bits:x}: {s} {c} {angle}"
            );
        }
    }

    #[test]
    fn moments_and_tails_are_those_of_the_normal() {
        let mut normals = Normals::new(&mut Pcg64::seed_from_u64(7));
        let draws = 1 << 20;
        let mut moments = [0.0; 4];
        let mut tails = [0usize; 3];
        let mut last = 0.0;
        let mut lagged = 0.0;
        for _ in 0..draws / 16 {
            for x in normals.next().as_flattened() {
                let x = f64::from(*x);
                for (power, m) in (1..).zip(&mut moments) {
                    *m += x.powi(power) / draws as f64;
                }
                for (limit, t) in [1.0, 2.0, 3.0].iter().zip(&mut tails) {
                    *t += usize::from(x > *limit);
                }
                lagged += x * last / draws as f64;
                last = x;
            }
        }
        // Five standard deviations of each mean.
        let bound = |variance: f64| 5.0 * (variance / draws as f64).sqrt();
        for (m, (exact, variance)) in
            moments
                .iter()
                .zip([(0.0, 1.0), (1.0, 2.0), (0.0, 15.0), (3.0, 96.0)])
        {
            assert!(
                (m - exact).abs() < bound(variance),
                "moment {m}, not {exact}"
            );
        }
        for (t, p) in tails.iter().zip([0.158_655_25, 0.022_750_13, 0.001_349_9]) {
            let share = *t as f64 / draws as f64;
            assert!((share - p).abs() < bound(p), "tail {share}, not {p}");
        }
        assert!(lagged.abs() < bound(1.0));
    }
}
