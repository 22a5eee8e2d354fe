//! The floating-point types a network can be trained in, `f32` for speed and `f64` for checks, and
//! their arithmetic in lanes: in an order that does not depend on the processor.

use std::sync::LazyLock;

#[cfg(target_arch = "x86_64")]
mod sse;

/// The number of values worked on at once.
pub const LANES: usize = 8;

/// Numbers that are worked on at once: a row of neurons or classes is padded to whole lanes.
pub type Lanes<R> = [R; LANES];

/// `[f(0), …, f(7)]`, spelt out so that the compiler makes each operation one vector instruction.
#[inline(always)]
pub(crate) fn each<R>(f: impl Fn(usize) -> R) -> Lanes<R> {
    [f(0), f(1), f(2), f(3), f(4), f(5), f(6), f(7)]
}

/// Folds lanes in a fixed order.
#[inline(always)]
pub(crate) fn across<R: Copy>(x: Lanes<R>, fold: impl Fn(R, R) -> R) -> R {
    let half = [
        fold(x[0], x[4]),
        fold(x[1], x[5]),
        fold(x[2], x[6]),
        fold(x[3], x[7]),
    ];
    fold(fold(half[0], half[2]), fold(half[1], half[3]))
}

/// Sums lanes in a fixed order.
#[inline(always)]
pub(crate) fn lane_sum<R: Real>(x: Lanes<R>) -> R {
    across(x, |a, b| a + b)
}

/// The larger of two numbers; `b` if they cannot be compared.
#[inline(always)]
pub(crate) fn larger<R: Real>(a: R, b: R) -> R {
    if a > b { a } else { b }
}

/// The instructions that kernels run with: the best that the processor has. With the environment
/// variable `MULTIVIEW_SCALAR` they are those that every processor has, which shows that no result
/// depends on the choice.
pub(crate) fn arch() -> pulp::Arch {
    static ARCH: LazyLock<pulp::Arch> =
        LazyLock::new(|| match std::env::var_os("MULTIVIEW_SCALAR") {
            Some(_) => pulp::Arch::Scalar,
            None => pulp::Arch::new(),
        });
    *ARCH
}

/// Asks memory for values that are read soon, and does not wait for them: a hint, which changes no
/// number.
#[inline(always)]
pub(crate) fn prefetch<T>(values: &[T]) {
    #[cfg(target_arch = "x86_64")]
    sse::prefetch(values);
    #[cfg(not(target_arch = "x86_64"))]
    let _ = values;
}

/// A real number.
pub trait Real:
    faer::traits::RealField
    + num_traits::Float
    + std::ops::AddAssign
    + std::ops::MulAssign
    + std::ops::DivAssign
    + Default
    + 'static
{
    /// `e^x` of all lanes at once; in `f32` a polynomial that vectorises.
    fn exp_lanes(x: Lanes<Self>) -> Lanes<Self>;
    /// The sum of each row's lanes, in a fixed order.
    #[inline(always)]
    fn sum_rows(rows: &[Lanes<Self>; LANES]) -> Lanes<Self> {
        each(|r| lane_sum(rows[r]))
    }
    /// Row `i` of the result is lane `i` of all rows.
    #[inline(always)]
    fn transposed(rows: &[Lanes<Self>; LANES]) -> [Lanes<Self>; LANES] {
        each(|l| each(|r| rows[r][l]))
    }
    /// Rounds from `f64`.
    fn of(x: f64) -> Self;
    /// Widens to `f64`.
    fn wide(self) -> f64;
}

impl Real for f64 {
    #[inline(always)]
    fn exp_lanes(x: Lanes<Self>) -> Lanes<Self> {
        each(|l| x[l].exp())
    }
    #[inline(always)]
    fn of(x: f64) -> Self {
        x
    }
    #[inline(always)]
    fn wide(self) -> f64 {
        self
    }
}

impl Real for f32 {
    /// Cephes' `expf`: `2^n · P(r)` with `|r| ≤ ln 2 / 2`; relative error below 2e-7 on
    /// [-87, 88], clamped outside.
    #[inline(always)]
    fn exp_lanes(x: Lanes<Self>) -> Lanes<Self> {
        let x = each(|l| if x[l] > -87.0 { x[l] } else { -87.0 });
        let x = each(|l| if x[l] < 88.0 { x[l] } else { 88.0 });
        // Adding and taking away 1.5 · 2^23 rounds to the nearest integer without a branch or a
        // call, and leaves that integer in the low bits of the sum.
        const ROUND: f32 = 12_582_912.0;
        let rounded = each(|l| x[l] * std::f32::consts::LOG2_E + ROUND);
        let n = each(|l| rounded[l] - ROUND);
        let r = each(|l| x[l] - n[l] * 0.693_359_4);
        let r = each(|l| r[l] - n[l] * -2.121_944_4e-4);
        let p = each(|l| 1.987_569_1e-4 * r[l] + 1.398_199_9e-3);
        let p = each(|l| p[l] * r[l] + 8.333_452e-3);
        let p = each(|l| p[l] * r[l] + 4.166_579_6e-2);
        let p = each(|l| p[l] * r[l] + 1.666_666_5e-1);
        let p = each(|l| p[l] * r[l] + 5e-1);
        let p = each(|l| p[l] * r[l] * r[l] + r[l] + 1.0);
        // |n| ≤ 127 after the clamp: n + 127 is the exponent field of 2^n.
        let power = each(|l| (rounded[l].to_bits() << 23).wrapping_add(127 << 23));
        each(|l| p[l] * f32::from_bits(power[l]))
    }
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn sum_rows(rows: &[Lanes<Self>; LANES]) -> Lanes<Self> {
        sse::sum_rows(rows)
    }
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn transposed(rows: &[Lanes<Self>; LANES]) -> [Lanes<Self>; LANES] {
        sse::transposed(rows)
    }
    #[inline(always)]
    fn of(x: f64) -> Self {
        x as f32
    }
    #[inline(always)]
    fn wide(self) -> f64 {
        f64::from(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_rows_are_summed_and_transposed_as_lanes_are() {
        let rows: [Lanes<f32>; LANES] =
            each(|r| each(|l| (1.1 * r as f32 + 0.7).powi(3 * l as i32 - 9)));
        assert_eq!(f32::sum_rows(&rows), each(|r| lane_sum(rows[r])));
        assert_eq!(f32::transposed(&rows), each(|l| each(|r| rows[r][l])));
    }

    #[test]
    fn exponential_is_accurate_and_clamped() {
        for i in -8_700_000..=8_800_000 {
            let x = i as f32 * 1e-5;
            let exact = f64::from(x).exp();
            let error = (f64::from(f32::exp_lanes([x; LANES])[0]) - exact).abs() / exact;
            assert!(error < 2e-7, "exp({x}): relative error {error}");
        }
        assert_eq!(
            f32::exp_lanes([f32::NEG_INFINITY; LANES]),
            f32::exp_lanes([-87.0; LANES])
        );
        assert_eq!(f32::exp_lanes([1e9; LANES]), f32::exp_lanes([88.0; LANES]));
    }
}
