//! The smoothed ReLU `φ`: its definition, its derivative, and what the theory uses of it.

use multiview::network::SmoothedRelu;
use multiview::regime::NetworkRegime;
use proptest::prelude::*;

/// `(exponent, threshold)`.
fn shapes() -> impl Strategy<Value = (u32, f64)> {
    (prop::sample::select(vec![1u32, 3, 4, 5, 8, 16]), 0.01..10.0)
}

fn network((exponent, threshold): (u32, f64)) -> NetworkRegime {
    NetworkRegime {
        relu_exponent: exponent,
        relu_threshold: threshold,
        ..crate::small::regime().network
    }
}

fn activation<R: multiview::real::Real>(shape: (u32, f64)) -> SmoothedRelu<R> {
    SmoothedRelu::new(&network(shape))
}

proptest! {
    #[test]
    fn the_value_is_the_closed_form(shape in shapes(), t in -3.0..4.0f64) {
        let z = t * shape.1;
        let (value, _) = activation::<f64>(shape).value_and_slope(z);
        prop_assert!((value - crate::small::smoothed_relu(&network(shape), z)).abs() <= 1e-13 * shape.1);
        // In f32: some tens of roundings of 6e-8 each.
        let (narrow, _) = activation::<f32>(shape).value_and_slope(z as f32);
        prop_assert!((f64::from(narrow) - value).abs() <= 1e-5 * shape.1);
    }

    /// Eight at a time, with and without knowing that `q = 3`: the same but for a few roundings.
    #[test]
    fn lanes_agree_with_one_at_a_time(shape in shapes(), t in prop::array::uniform8(-3.0..4.0f64)) {
        let phi = activation::<f64>(shape);
        let z = t.map(|t| t * shape.1);
        let mut found = vec![phi.evaluate_lanes::<false>(z)];
        if shape.0 == 3 {
            found.push(phi.evaluate_lanes::<true>(z));
        }
        for (values, slopes) in found {
            for l in 0..8 {
                let (value, slope) = phi.value_and_slope(z[l]);
                prop_assert!((values[l] - value).abs() <= 1e-13 * shape.1);
                prop_assert!((slopes[l] - slope).abs() <= 1e-13);
            }
        }
    }

    /// `φ''` is at most `(q − 1)/ϱ`, and jumps at `ϱ`: the differences are good to that times their
    /// step.
    #[test]
    fn the_slope_is_the_derivative(shape in shapes(), t in -3.0..4.0f64) {
        let (z, h) = (t * shape.1, 1e-6 * shape.1);
        prop_assume!(shape.0 > 1 || z.abs() > h);
        let phi = activation::<f64>(shape);
        let (_, slope) = phi.value_and_slope(z);
        let difference = (phi.value_and_slope(z + h).0 - phi.value_and_slope(z - h).0) / (2.0 * h);
        let bound = f64::from(shape.0) * 1e-6 + 1e-9;
        prop_assert!((slope - difference).abs() <= bound, "{} against {}", slope, difference);
    }

    #[test]
    fn slopes_are_in_the_unit_interval_and_rise_with_values(
        shape in shapes(), t in -3.0..4.0f64, step in 0.0..1.0f64,
    ) {
        let phi = activation::<f64>(shape);
        let (low, low_slope) = phi.value_and_slope(t * shape.1);
        let (high, high_slope) = phi.value_and_slope((t + step) * shape.1);
        prop_assert!((0.0..=1.0).contains(&low_slope) && (0.0..=1.0).contains(&high_slope));
        prop_assert!(low_slope <= high_slope, "convex");
        prop_assert!(low <= high && low >= 0.0, "monotone");
    }

    /// From both sides of 0 and of `ϱ`; the slope too, but for the kink of the linear control at 0.
    #[test]
    fn value_and_slope_are_continuous_where_branches_meet(shape in shapes()) {
        let phi = activation::<f64>(shape);
        let (q, threshold) = (f64::from(shape.0), shape.1);
        for (z, value, slope) in [(0.0, 0.0, 0.0), (threshold, threshold / q, 1.0)] {
            for side in [-1.0, 0.0, 1.0] {
                let (v, s) = phi.value_and_slope(z + side * 1e-9 * threshold);
                prop_assert!((v - value).abs() <= 2e-9 * threshold);
                prop_assert!(shape.0 == 1 || (s - slope).abs() <= q * 2e-9);
            }
        }
    }
}

/// Padding neurons have pre-activation −∞ and must never speak or move.
#[test]
fn minus_infinity_is_silent() {
    for exponent in [1, 3, 4] {
        let phi = activation::<f32>((exponent, 1.0));
        assert_eq!(phi.value_and_slope(f32::NEG_INFINITY), (0.0, 0.0));
    }
}
