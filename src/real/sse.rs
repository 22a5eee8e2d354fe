//! Moves numbers between lanes, for processors with SSE. A compiler that is shown single numbers
//! takes them apart and puts them together again in four times as many instructions.

use super::{LANES, Lanes};
use pulp::bytemuck::cast;
use pulp::core_arch::x86::Sse;
use std::arch::x86_64::{__m128, _MM_HINT_T0};

/// Every x86-64 processor has SSE, and the compiler knows it: nothing is checked at run time.
#[inline(always)]
fn sse() -> Sse {
    Sse::try_new().unwrap_or_else(|| unreachable!("every x86-64 has SSE"))
}

/// Asks for one value of each cache line, into all caches.
#[inline(always)]
pub(super) fn prefetch<T>(values: &[T]) {
    const LINE: usize = 64;
    let each = LINE / size_of::<T>().clamp(1, LINE);
    for value in values.iter().step_by(each) {
        sse()._mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(value).cast());
    }
}

/// [`lane_sum`](super::lane_sum) of each row.
#[inline(always)]
pub(super) fn sum_rows(rows: &[Lanes<f32>; LANES]) -> Lanes<f32> {
    let sse = sse();
    cast([four_sums(sse, rows, 0), four_sums(sse, rows, 4)])
}

/// The sums of four rows. Functions that are always inlined, not closures: one left outside a loop
/// of vector instructions costs more than all that it does.
#[inline(always)]
fn four_sums(sse: Sse, rows: &[Lanes<f32>; LANES], first: usize) -> __m128 {
    let early = two_halves(sse, rows[first], rows[first + 1]);
    let late = two_halves(sse, rows[first + 2], rows[first + 3]);
    sse._mm_add_ps(
        sse._mm_shuffle_ps::<0b10_00_10_00>(early, late),
        sse._mm_shuffle_ps::<0b11_01_11_01>(early, late),
    )
}

/// The sums of even and of odd lanes of two rows.
#[inline(always)]
fn two_halves(sse: Sse, a: Lanes<f32>, b: Lanes<f32>) -> __m128 {
    let ([a, a_high], [b, b_high]): ([__m128; 2], [__m128; 2]) = (cast(a), cast(b));
    let (a, b) = (sse._mm_add_ps(a, a_high), sse._mm_add_ps(b, b_high));
    sse._mm_add_ps(sse._mm_movelh_ps(a, b), sse._mm_movehl_ps(b, a))
}

/// Row `i` of the result is lane `i` of all rows: quarter by quarter.
#[inline(always)]
pub(super) fn transposed(rows: &[Lanes<f32>; LANES]) -> [Lanes<f32>; LANES] {
    let sse = sse();
    let [a, b, c, d] = quarter(sse, rows, 0, 0);
    let [e, f, g, h] = quarter(sse, rows, 0, 1);
    let [i, j, k, l] = quarter(sse, rows, 4, 0);
    let [m, n, o, p] = quarter(sse, rows, 4, 1);
    cast([
        [a, i],
        [b, j],
        [c, k],
        [d, l],
        [e, m],
        [f, n],
        [g, o],
        [h, p],
    ])
}

/// Four rows' lower or upper halves, transposed.
#[inline(always)]
fn quarter(sse: Sse, rows: &[Lanes<f32>; LANES], first: usize, half: usize) -> [__m128; 4] {
    let a = cast::<_, [__m128; 2]>(rows[first])[half];
    let b = cast::<_, [__m128; 2]>(rows[first + 1])[half];
    let c = cast::<_, [__m128; 2]>(rows[first + 2])[half];
    let d = cast::<_, [__m128; 2]>(rows[first + 3])[half];
    let (ab, cd) = (sse._mm_unpacklo_ps(a, b), sse._mm_unpacklo_ps(c, d));
    let (ab_high, cd_high) = (sse._mm_unpackhi_ps(a, b), sse._mm_unpackhi_ps(c, d));
    [
        sse._mm_movelh_ps(ab, cd),
        sse._mm_movehl_ps(cd, ab),
        sse._mm_movelh_ps(ab_high, cd_high),
        sse._mm_movehl_ps(cd_high, ab_high),
    ]
}
