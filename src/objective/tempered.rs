//! Softmax and the tempered logits `logit^τ`.

use crate::real::{LANES, Lanes, Real, across, each, larger};
use crate::rows::ClassRow;

/// The tempered logits `exp(min{τ² F_i, 1}/τ) / Σ_j exp(min{τ² F_j, 1}/τ)` of one input, or
/// `exp(τ F_i) / Σ_j exp(τ F_j)` untruncated. `logits` and `out` have one entry per class.
#[inline(always)]
pub fn tempered<R: Real>(logits: &[R], temperature: R, truncated: bool, out: &mut [R]) {
    let cap = cap(temperature, truncated);
    for (o, f) in out.iter_mut().zip(logits) {
        let x = temperature * *f;
        *o = if x < cap { x } else { cap };
    }
    softmax_in_place(out);
}

/// [`tempered`] logits of `scale` times a sparse row over `classes` classes: the classes listed,
/// and last, of class `None`, the value that every other class has.
pub(super) fn tempered_row<R: Real>(
    row: ClassRow<R>,
    classes: usize,
    scale: R,
    temperature: R,
    truncated: bool,
) -> Vec<(Option<u32>, R)> {
    let cap = cap(temperature, truncated);
    let exponent = |f: R| {
        let x = temperature * (scale * f);
        if x < cap { x } else { cap }
    };
    let listed = row.entries().map(|(i, f)| (Some(i as u32), exponent(f)));
    let mut soft: Vec<_> = listed.chain([(None, exponent(row.rest))]).collect();
    let others = classes - row.classes.len();
    let counted = &soft[..soft.len() - usize::from(others == 0)];
    let top = (counted.iter()).fold(R::neg_infinity(), |top, (_, x)| larger(top, *x));
    let mut mass = R::zero();
    for (class, x) in &mut soft {
        *x = share([*x - top; LANES])[0];
        mass += match class {
            Some(_) => *x,
            None => R::of(others as f64) * *x,
        };
    }
    soft.iter_mut().for_each(|(_, x)| *x /= mass);
    soft
}

/// The largest tempered logit before the softmax: `1/τ`, or none untruncated.
#[inline(always)]
pub(super) fn cap<R: Real>(temperature: R, truncated: bool) -> R {
    if truncated {
        R::one() / temperature
    } else {
        R::infinity()
    }
}

/// `out[i] ← exp(out[i] − max) / Σ_j exp(out[j] − max)`; returns that sum.
#[inline(always)]
pub fn softmax_in_place<R: Real>(out: &mut [R]) -> R {
    let top = lanes(out, R::neg_infinity(), larger);
    let (blocks, rest) = out.as_chunks_mut::<LANES>();
    for o in blocks {
        *o = share(each(|l| o[l] - top));
    }
    for o in rest {
        *o = share([*o - top; LANES])[0];
    }
    let mass = lanes(out, R::zero(), |a, b| a + b);
    let scale = R::one() / mass;
    for o in out.iter_mut() {
        *o *= scale;
    }
    mass
}

/// `e^x` for a softmax, or 0 below e⁻⁶⁰ = 9·10⁻²⁷: so small a share moves no overlap, in single
/// precision or double, but products with it would be subnormal, and processors take a hundred
/// times as long over those.
#[inline(always)]
pub(super) fn share<R: Real>(x: Lanes<R>) -> Lanes<R> {
    let least = R::of(-60.0);
    let power = R::exp_lanes(x);
    each(|l| if x[l] > least { power[l] } else { R::zero() })
}

/// Folds a slice in lanes and a fixed order, so that it vectorises and never depends on threads.
#[inline(always)]
pub(super) fn lanes<R: Real>(xs: &[R], start: R, fold: impl Fn(R, R) -> R) -> R {
    let mut acc = [start; LANES];
    let (blocks, rest) = xs.as_chunks::<LANES>();
    for block in blocks {
        for (a, x) in acc.iter_mut().zip(block) {
            *a = fold(*a, *x);
        }
    }
    for (a, x) in acc.iter_mut().zip(rest) {
        *a = fold(*a, *x);
    }
    across(acc, fold)
}
