//! Bisection on a predicate that changes once.

/// The largest point of `[holds, fails]` known to satisfy `predicate`, to an absolute `tolerance`
/// (or to neighbouring floats).
///
/// `predicate` is true at `holds`, false at `fails` and changes once between; either may be the
/// larger. Because the point returned satisfies it, a confidence bound found this way errs on the
/// wide side, by at most `tolerance`.
pub(crate) fn last_holding(
    mut holds: f64,
    mut fails: f64,
    tolerance: f64,
    predicate: impl Fn(f64) -> bool,
) -> f64 {
    while (holds - fails).abs() > tolerance {
        let middle = 0.5 * (holds + fails);
        if middle == holds || middle == fails {
            break;
        }
        *(if predicate(middle) {
            &mut holds
        } else {
            &mut fails
        }) = middle;
    }
    holds
}
