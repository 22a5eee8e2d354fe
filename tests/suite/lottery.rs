//! The lottery's prediction on toy starts whose answers are known.

use crate::small;
use multiview::data::{DataSet, Kind, Patch, Sample};
use multiview::engine::Start;
use multiview::engine::noise::Noise;
use multiview::engine::state::{Layout, Overlaps};
use multiview::evaluation::Draws;
use multiview::procedure::{Models, Procedure, largest_overlaps, predicted_views, view_strengths};
use multiview::regime::{Regime, SampleCount};

/// Three classes of two neurons.
fn regime(exponent: u32) -> Regime {
    let mut regime = small::regime();
    regime.data.classes = 3;
    regime.network.neurons_per_class = 2;
    regime.network.relu_exponent = exponent;
    regime
}

/// A start whose class `i` has these overlaps with its own views, `[views][neurons]`; overlaps with
/// other classes' features are large.
fn start(regime: &Regime, own: [[[f32; 2]; 2]; 3]) -> Overlaps<f32> {
    let layout = Layout::of(regime);
    let mut features = vec![0.0; regime.data.features() * layout.row()];
    for v in 0..6 {
        for class in 0..3 {
            for r in 0..2 {
                let a = if v / 2 == class {
                    own[class][v % 2][r]
                } else {
                    9.0
                };
                features[small::at(layout, v, class, r)] = a;
            }
        }
    }
    let noise = Noise::Stored {
        starts: vec![0],
        values: Vec::new(),
    };
    Overlaps {
        layout,
        features,
        noise,
    }
}

/// A sample of class `label` that shows these features with these weights, patch by patch.
fn sample(label: usize, patches: &[(u32, f32)]) -> Sample {
    let patch = |(v, weight): &(u32, f32)| Patch {
        feature: Some(*v),
        weight: *weight,
        feature_noise: 0.0,
    };
    Sample {
        label,
        kind: Kind::MultiView,
        patches: patches.iter().map(patch).collect(),
    }
}

/// One sample of each class, its two views alike.
fn even() -> DataSet {
    let of = |class: usize| {
        sample(
            class,
            &[(2 * class as u32, 1.0), (2 * class as u32 + 1, 1.0)],
        )
    };
    DataSet {
        samples: (0..3).map(of).collect(),
    }
}

#[test]
fn the_larger_of_the_largest_overlaps_wins() {
    let regime = regime(3);
    // Largest 0.5 against 0.4; −0.1 against −0.2; 0.3 against 0.6. The smallest overlaps, their
    // sums and their sizes all say otherwise.
    let own = [
        [[-0.9, 0.5], [0.4, 0.3]],
        [[-0.5, -0.1], [-0.2, -0.2]],
        [[0.3, 0.3], [-0.9, 0.6]],
    ];
    let start = start(&regime, own);
    assert_eq!(
        largest_overlaps(&regime, &start.features),
        [0.5, 0.4, -0.1, -0.2, 0.3, 0.6]
    );
    let start = Start::Overlaps(start);
    let guesses = predicted_views(&regime, Some(&view_strengths(&regime, &even())), &start);
    assert_eq!(guesses, [Some(0), Some(0), Some(1)]);
}

#[test]
fn exchanged_views_exchange_the_prediction() {
    let regime = regime(3);
    let own = [
        [[0.1, 0.5], [0.4, 0.3]],
        [[0.2, 0.1], [0.7, 0.2]],
        [[0.3, 0.3], [0.1, 0.6]],
    ];
    let mut start = Start::Overlaps(start(&regime, own));
    let before = predicted_views(&regime, Some(&view_strengths(&regime, &even())), &start);
    start.swap_views(&regime);
    let after = predicted_views(&regime, Some(&view_strengths(&regime, &even())), &start);
    assert_eq!(before, [Some(0), Some(1), Some(1)]);
    assert_eq!(after, [Some(1), Some(0), Some(0)]);
    let Start::Overlaps(swapped) = &start else {
        unreachable!()
    };
    assert_eq!(
        largest_overlaps(&regime, &swapped.features)[..2],
        [0.4, 0.5]
    );
}

/// Overlaps 1 and 1.5: the first view wins if its `S^{1/(q−2)}` is more than half as large again.
/// `S` is `Σ z^q`, of patches and not of totals, over the samples of the class and no others.
#[test]
fn the_training_set_weighs_a_start_by_the_root_of_its_power_sum() {
    for (exponent, patches, guess) in [
        // One patch of weight 2 against one of 1: S = 8 against 1 at q = 3.
        (3, vec![(0, 2.0), (1, 1.0)], 0),
        // Two patches of weight 1 against two of 0.9: S = 2 against 1.46; their root at q = 4 is
        // 1.24 of the other at most.
        (3, vec![(0, 1.0), (0, 1.0), (1, 0.9), (1, 0.9)], 1),
        // S = 2 against 1: enough at q = 3, where the power is 1, and not at q = 4, where it is a
        // half.
        (3, vec![(0, 1.0), (0, 1.0), (1, 1.0)], 0),
        (4, vec![(0, 1.0), (0, 1.0), (1, 1.0)], 1),
        // Totals of 2 and 2, but S = 8 against 2.
        (3, vec![(0, 2.0), (1, 1.0), (1, 1.0)], 0),
        // Shown with another label the features do not count: below, class 1 shows view 0 of class
        // 0 ten times.
        (3, vec![(0, 1.0), (1, 1.0)], 1),
    ] {
        let regime = regime(exponent);
        let own = [[[1.0, 0.2], [1.5, -2.0]], [[1.0; 2]; 2], [[1.0; 2]; 2]];
        let start = Start::Overlaps(start(&regime, own));
        let data = DataSet {
            samples: vec![sample(0, &patches), sample(1, &[(0, 1.0); 10])],
        };
        let guesses = predicted_views(&regime, Some(&view_strengths(&regime, &data)), &start);
        assert_eq!(guesses[0], Some(guess), "q = {exponent}, {patches:?}");
    }
}

/// The race of two views without noise, other classes' features or single-view inputs is known:
/// both grow by `e φ'(A) ∝ A^{q−1}` with one and the same `e`, so at `q = 3` the difference of
/// their inverses stays, and `1/A_l(T) = 1/A_l(0) − 1/A_w(0) + 1/ϱ` when the winner reaches `ϱ`.
#[test]
fn the_loser_grows_as_the_race_of_two_views_says() {
    let mut regime = small::regime();
    regime.data.classes = 12;
    regime.data.samples = SampleCount::Count(120);
    regime.data.single_view_share = 1e-6;
    regime.data.sparsity = 0.0;
    regime.data.noise_variance = 0.0;
    regime.data.main_weight = [1.0, 1.0];
    regime.network.neurons_per_class = 8;
    regime.training.learning_rate_per_class = 0.025;
    regime.training.steps = 8_000.into();
    let procedure = Procedure {
        members: 1,
        shared_initialisation: false,
        joint_networks: 0,
        distillation: None,
        distilled_students: 1,
        label_distillation: None,
        self_distillation: None,
        generations: 1,
        antithetic: false,
        student_starts_as_teacher: false,
        watch_take_off: true,
        random_features: None,
        no_views: None,
        test_draws: Draws {
            single_view: 4,
            multi_view: 4,
        },
    };
    let measured = |regime: &Regime, world: u64| {
        let mut models = Models::new(regime, procedure.test_draws, small::seed(world));
        let outcome = models.outcome(&procedure).expect("measured");
        outcome.quantities["lottery.loser_growth"].clone()
    };
    let threshold = regime.network.relu_threshold;
    let lead = 1.0 + 1.0 / 12f64.ln();
    for world in 0..3 {
        let data = small::data(&regime, small::seed(world));
        let start = Start::<f32>::draw(&regime, &data, small::seed(world), 0);
        let overlaps = largest_overlaps(&regime, &start.features(&regime));
        let growth = overlaps.chunks_exact(2).filter_map(|own| {
            let [a, b] = [f64::from(own[0]), f64::from(own[1])];
            let (winner, loser) = (a.max(b), a.min(b));
            let end = 1.0 / (1.0 / loser - 1.0 / winner + 1.0 / threshold);
            (winner >= lead * loser).then_some(end / loser)
        });
        let due = growth.fold(0.0, f64::max);
        let found = measured(&regime, world).number().expect("all take off");
        // Steps of finite length: near ϱ a winner grows by η/k = 2.5 % in one.
        assert!(
            (found / due - 1.0).abs() < 0.025,
            "world {world}: {found}, not {due}"
        );
        assert!(due > 1.5, "a race that tells: {due}");
    }

    // No growth is measured of a class that never takes off.
    regime.training.steps = 20.into();
    let none = measured(&regime, 0);
    let reason = none.get().expect_err("too short");
    assert!(reason.contains("reached ϱ with no view"), "{reason}");
}
