//! The lottery: which view the start favours, on toy starts with known answers, and which view wins
//! in a world of unequal views.

use crate::small::{self, seed};
use multiview::data::{DataSet, Kind, Patch, Sample};
use multiview::engine::Start;
use multiview::engine::state::{Layout, Overlaps};
use multiview::evaluation::Draws;
use multiview::procedure::{Models, Procedure, predicted_views, view_strengths};
use multiview::regime::{Regime, SampleCount};

/// A start whose largest overlaps of each class with its own views, `[k][views]`, are these: one
/// neuron of each class has them.
fn start(regime: &Regime, overlaps: &[f32]) -> Start<f32> {
    let layout = Layout::of(regime);
    let mut state = Overlaps::draw(regime, seed(0), 0);
    state.features.fill(-1.0);
    for (v, overlap) in overlaps.iter().enumerate() {
        state.features[small::at(layout, v, regime.data.class_of(v), 1)] = *overlap;
    }
    Start::Overlaps(state)
}

fn sample(label: usize, patches: &[(u32, f32)]) -> Sample {
    let patches = patches.iter().map(|(feature, weight)| Patch {
        feature: Some(*feature),
        weight: *weight,
        feature_noise: 0.0,
    });
    Sample {
        label,
        kind: Kind::MultiView,
        patches: patches.collect(),
    }
}

/// `S` sums `z^q` over all patches of a class's own features on its own samples, and over no
/// others.
#[test]
fn strengths_are_power_sums_over_the_own_samples() {
    let mut regime = small::regime();
    regime.data.classes = 2;
    let samples = vec![
        sample(0, &[(0, 1.0), (0, 0.5), (1, 2.0), (3, 0.25)]),
        sample(0, &[(0, 1.0), (1, 0.5)]),
        sample(1, &[(2, 3.0), (3, 1.0), (0, 4.0)]),
    ];
    let data = DataSet { samples };
    assert_eq!(view_strengths(&regime, &data), [2.125, 8.125, 27.0, 1.0]);
    regime.network.relu_exponent = 4;
    assert_eq!(view_strengths(&regime, &data), [2.0625, 16.0625, 81.0, 1.0]);
}

#[test]
fn the_start_is_weighed_by_strength() {
    let mut regime = small::regime();
    let strengths = [1.0, 1.331, 1.0, 1.331, 1.331, 1.0, 1.0, 1.0];
    let start_of = |regime: &Regime| start(regime, &[1.0, 0.9, 1.0, 0.7, 0.5, 0.6, 0.2, 0.2]);
    let predict = |regime: &Regime, strengths: Option<&[f64]>| -> Vec<usize> {
        let views = predicted_views(regime, strengths, &start_of(regime));
        views
            .into_iter()
            .map(|view| view.expect("two views"))
            .collect()
    };
    // q = 3: 1.331 · 0.9 > 1, 1.331 · 0.7 < 1, 1.331 · 0.5 > 0.6; a tie is the first view's.
    assert_eq!(predict(&regime, Some(&strengths)), [1, 0, 0, 0]);
    assert_eq!(predict(&regime, None), [0, 0, 1, 0]);
    assert_eq!(predict(&regime, Some(&[2.0; 8])), [0, 0, 1, 0]);
    // q = 4: √1.331 · 0.9 = 1.04, √1.331 · 0.5 = 0.58.
    regime.network.relu_exponent = 4;
    assert_eq!(predict(&regime, Some(&strengths)), [1, 0, 1, 0]);
}

#[test]
fn the_start_favours_one_of_m_views() {
    let mut regime = small::regime();
    regime.data.classes = 2;
    regime.data.views_per_class = 3;
    let start = start(&regime, &[0.1, 0.3, 0.2, 0.5, 0.1, 0.4]);
    assert_eq!(predicted_views(&regime, None, &start), [Some(1), Some(0)]);
    let strengths = [1.0, 1.0, 2.0, 1.0, 6.0, 1.0];
    let weighed = predicted_views(&regime, Some(&strengths), &start);
    assert_eq!(weighed, [Some(2), Some(1)]);
    regime.data.views_per_class = 1;
    let start = self::start(&regime, &[0.1, 0.3]);
    assert_eq!(predicted_views(&regime, None, &start), [None, None]);
}

/// With views of unequal weight the start alone is a poor prophet; with `S` it is a good one.
#[test]
fn unequal_views_are_predicted_with_their_strength() {
    let mut regime = small::regime();
    regime.data.classes = 16;
    regime.data.samples = SampleCount::Count(640);
    regime.data.single_view_share = 0.1;
    regime.data.sparsity = 3.0;
    regime.data.main_weight = [1.0, 1.05];
    regime.data.view_weights = vec![1.25, 1.0];
    regime.network.neurons_per_class = 6;
    regime.network.init_scale = 1e-3.into();
    regime.training.learning_rate_per_class = 4.0;
    regime.training.steps = 1500.into();
    regime.training.perfect_steps = 20;
    regime.validate().expect("a valid regime");
    let procedure: Procedure = toml::from_str("members = 6").expect("a procedure");
    let mut models = Models::new(&regime, Draws::default(), seed(2));
    let outcome = models.outcome(&procedure).expect("measured");
    let of = |name: &str| outcome.quantities[name].number().expect("a number");
    let weighted = of("lottery.predicted_share");
    let unweighted = of("lottery.predicted_share_unweighted");
    println!("predicted {weighted}, without the weight {unweighted}");
    assert_eq!(of("lottery.some_view_share"), 1.0);
    // S = 1.25³ = 1.95 times as large: of 96 races about a third are decided by it.
    assert!(weighted > 0.9 && unweighted < weighted - 0.1);
}
