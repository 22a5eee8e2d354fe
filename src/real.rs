//! The floating-point types a network can be trained in: `f32` for speed, `f64` for checks.

/// A real number.
pub trait Real:
    faer::traits::RealField + num_traits::Float + std::ops::AddAssign + Default + 'static
{
    /// `e^x`; in `f32` a polynomial that vectorises.
    fn exp_fast(self) -> Self;
    /// Rounds from `f64`.
    fn of(x: f64) -> Self;
    /// Widens to `f64`.
    fn wide(self) -> f64;
}

impl Real for f64 {
    #[inline(always)]
    fn exp_fast(self) -> Self {
        self.exp()
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
    fn exp_fast(self) -> Self {
        let x = if self < -87.0 { -87.0 } else { self };
        let x = if x > 88.0 { 88.0 } else { x };
        // Adding and taking away 1.5 · 2^23 rounds to the nearest integer without a branch or a call.
        const ROUND: f32 = 12_582_912.0;
        let n = (x * std::f32::consts::LOG2_E + ROUND) - ROUND;
        let r = x - n * 0.693_359_4 - n * -2.121_944_4e-4;
        let mut p = 1.987_569_1e-4_f32;
        for c in [
            1.398_199_9e-3,
            8.333_452e-3,
            4.166_579_6e-2,
            1.666_666_5e-1,
            5e-1,
        ] {
            p = p * r + c;
        }
        let p = p * r * r + r + 1.0;
        // SAFETY: |n| ≤ 127 after the clamp, so it is representable.
        let exponent = unsafe { n.to_int_unchecked::<i32>() } + 127;
        p * f32::from_bits((exponent as u32) << 23)
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
