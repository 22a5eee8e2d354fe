//! What moves numbers between lanes, for processors with SSE. A compiler that is shown single numbers takes them apart and puts them
//! together again in four times as many instructions.

use super::{LANES, Lanes};
use pulp::bytemuck::cast;
use pulp::core_arch::x86::Sse;
use std::arch::x86_64::__m128;

/// Every x86-64 has it, which the compiler knows: nothing is asked at run time.
#[inline(always)]
fn sse() -> Sse {
    Sse::try_new().unwrap_or_else(|| unreachable!("every x86-64 has SSE"))
}

/// [`lane_sum`](super::lane_sum) of each row.
#[inline(always)]
pub(super) fn sum_rows(rows: &[Lanes<f32>; LANES]) -> Lanes<f32> {
    let sse = sse();
    let add = |[a, b]: [__m128; 2]| sse._mm_add_ps(a, b);
    let pair = |a, b| add([sse._mm_movelh_ps(a, b), sse._mm_movehl_ps(b, a)]);
    let four = |[a, b, c, d]: [__m128; 4]| {
        let (a, b) = (pair(a, b), pair(c, d));
        add([
            sse._mm_shuffle_ps::<0b10_00_10_00>(a, b),
            sse._mm_shuffle_ps::<0b11_01_11_01>(a, b),
        ])
    };
    let [a, b, c, d, e, f, g, h] = rows.map(|row| add(cast(row)));
    cast([four([a, b, c, d]), four([e, f, g, h])])
}

/// Row `i` of the result is lane `i` of all rows: quarter by quarter.
#[inline(always)]
pub(super) fn transposed(rows: &[Lanes<f32>; LANES]) -> [Lanes<f32>; LANES] {
    let sse = sse();
    let quarter = |[a, b, c, d]: [__m128; 4]| {
        let (ab, cd) = (sse._mm_unpacklo_ps(a, b), sse._mm_unpacklo_ps(c, d));
        let low = [sse._mm_movelh_ps(ab, cd), sse._mm_movehl_ps(cd, ab)];
        let (ab, cd) = (sse._mm_unpackhi_ps(a, b), sse._mm_unpackhi_ps(c, d));
        let high = [sse._mm_movelh_ps(ab, cd), sse._mm_movehl_ps(cd, ab)];
        [low, high]
    };
    let halves: [[__m128; 2]; LANES] = rows.map(cast);
    let quarters = [0, 1].map(|half| {
        let [a, b, c, d, e, f, g, h] = halves.map(|row| row[half]);
        [quarter([a, b, c, d]), quarter([e, f, g, h])]
    });
    super::each(|l| {
        let [left, right] = &quarters[l / 4];
        cast([left[l / 2 % 2][l % 2], right[l / 2 % 2][l % 2]])
    })
}
