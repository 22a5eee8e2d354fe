//! Standard normal numbers in bulk: eight generators side by side, so that the draw vectorises.
//!
//! Each lane is a xoshiro128++ (Blackman and Vigna 2018); pairs of its outputs become pairs of normals by the
//! transform of Box and Muller. Only additions, multiplications and square roots of `f32` are used, so a
//! stream is the same on every machine. Radii stop at `√(2 ln 2^33) ≈ 6.76`.

use crate::real::{Lanes, each};
use rand::Rng;

/// A stream of standard normals, sixteen at a time.
#[derive(Clone, Debug)]
pub(crate) struct Normals {
    state: [Lanes<u32>; 4],
    spare: Option<Lanes<f32>>,
}

impl Normals {
    /// A stream seeded by the next outputs of `rng`.
    pub fn new(rng: &mut impl Rng) -> Self {
        let mut state = [[0; 8]; 4];
        for l in 0..8 {
            // A state of all zeros is the one that xoshiro must not have.
            while state.iter().all(|s| s[l] == 0) {
                state.iter_mut().for_each(|s| s[l] = rng.next_u32());
            }
        }
        Self { state, spare: None }
    }

    #[inline(always)]
    fn bits(&mut self) -> Lanes<u32> {
        let [a, b, c, d] = self.state;
        let sum = each(|l| a[l].wrapping_add(d[l]));
        let out = each(|l| sum[l].rotate_left(7).wrapping_add(a[l]));
        let shifted = each(|l| b[l] << 9);
        let c = each(|l| c[l] ^ a[l]);
        let d = each(|l| d[l] ^ b[l]);
        self.state = [
            each(|l| a[l] ^ d[l]),
            each(|l| b[l] ^ c[l]),
            each(|l| c[l] ^ shifted[l]),
            each(|l| d[l].rotate_left(11)),
        ];
        out
    }

    /// The next eight.
    #[inline(always)]
    pub fn next_lanes(&mut self) -> Lanes<f32> {
        // Not `unwrap_or_else`: its closure would be compiled without the vector instructions at hand.
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let [first, second] = self.next();
        self.spare = Some(second);
        first
    }

    /// The next sixteen.
    #[inline(always)]
    pub fn next(&mut self) -> [Lanes<f32>; 2] {
        let radius = radius(self.bits());
        let (sine, cosine) = sine_cosine(self.bits());
        [
            each(|l| radius[l] * cosine[l]),
            each(|l| radius[l] * sine[l]),
        ]
    }
}

/// `√(−2 ln u)` with `u = (bits + 1/2)/2^32`: Cephes' `logf`, absolute error below 2e-7 of the logarithm.
#[inline(always)]
fn radius(bits: Lanes<u32>) -> Lanes<f32> {
    // The two halves convert exactly as signed numbers, which vectorise everywhere.
    let high = each(|l| (bits[l] >> 16) as i32 as f32);
    let low = each(|l| (bits[l] & 0xffff) as i32 as f32);
    let u = each(|l| high[l] * 65536.0 + (low[l] + 0.5));
    // u = 2^e · (1 + x), with 1 + x in [√½, √2).
    let raw = each(|l| u[l].to_bits().wrapping_sub(0x3f35_04f3));
    let e = each(|l| (raw[l] as i32 >> 23) as f32 - 32.0);
    let x = each(|l| f32::from_bits((raw[l] & 0x7f_ffff).wrapping_add(0x3f35_04f3)) - 1.0);
    let p = each(|l| 7.037_683_6e-2 * x[l] - 1.151_461e-1);
    let p = each(|l| p[l] * x[l] + 1.167_699_9e-1);
    let p = each(|l| p[l] * x[l] - 1.242_014_1e-1);
    let p = each(|l| p[l] * x[l] + 1.424_932_3e-1);
    let p = each(|l| p[l] * x[l] - 1.666_805_8e-1);
    let p = each(|l| p[l] * x[l] + 2.000_071_5e-1);
    let p = each(|l| p[l] * x[l] - 2.499_999_4e-1);
    let p = each(|l| p[l] * x[l] + 3.333_333e-1);
    let square = each(|l| x[l] * x[l]);
    let p = each(|l| p[l] * x[l] * square[l] - 0.5 * square[l]);
    let log = each(|l| e[l] * std::f32::consts::LN_2 + (x[l] + p[l]));
    // Rounding may take u to 1, and its logarithm to 0.
    let log = each(|l| if log[l] < 0.0 { log[l] } else { 0.0 });
    each(|l| (-2.0 * log[l]).sqrt())
}

/// Sine and cosine of an angle uniform on the circle: 2 bits choose the quadrant, 30 the angle in it, in
/// `[−π/4, π/4)`, where Cephes' polynomials have relative error below 1e-7.
#[inline(always)]
fn sine_cosine(bits: Lanes<u32>) -> (Lanes<f32>, Lanes<f32>) {
    const STEP: f32 = std::f32::consts::FRAC_PI_2 / (1u32 << 30) as f32;
    let angle = each(|l| (((bits[l] << 2) as i32 >> 2) as f32 + 0.5) * STEP);
    let square = each(|l| angle[l] * angle[l]);
    let p = each(|l| -1.951_529_6e-4 * square[l] + 8.332_161e-3);
    let p = each(|l| p[l] * square[l] - 1.666_665_5e-1);
    let sine = each(|l| p[l] * square[l] * angle[l] + angle[l]);
    let p = each(|l| 2.443_315_7e-5 * square[l] - 1.388_731_6e-3);
    let p = each(|l| p[l] * square[l] + 4.166_664_6e-2);
    let cosine = each(|l| p[l] * square[l] * square[l] - 0.5 * square[l] + 1.0);
    // A turn by a quarter swaps the two, and each has a sign bit of its own.
    let swap = each(|l| 0u32.wrapping_sub(bits[l] >> 30 & 1));
    let pick = |a: Lanes<f32>, b: Lanes<f32>, sign: Lanes<u32>| {
        each(|l| {
            let chosen = (a[l].to_bits() & swap[l]) | (b[l].to_bits() & !swap[l]);
            f32::from_bits(chosen ^ (sign[l] & 1 << 31))
        })
    };
    let turned = each(|l| bits[l] ^ bits[l] << 1);
    (pick(cosine, sine, bits), pick(sine, cosine, turned))
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
            let got = f64::from(radius([bits; 8])[3]);
            let error = (got * got - exact * exact).abs();
            assert!(
                error < 3e-7 * (1.0 + exact * exact),
                "radius of {u}: {got}, not {exact}"
            );
            let (s, c) = sine_cosine([bits; 8]);
            let (s, c) = (f64::from(s[5]), f64::from(c[5]));
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
