//! When a run ends, on a scripted engine: which steps are taken, and what is looked at before
//! which.

use multiview::engine::driver::{Engine, View, drive};
use multiview::engine::state::{Layout, StepView, Trained};
use multiview::engine::{Observer, Stop};
use multiview::rows::ClassRows;
use proptest::prelude::*;

/// An engine whose training errors are given step by step; it errs on a hundred samples ever after.
struct Scripted {
    errors: Vec<usize>,
    taken: usize,
}

impl Engine<f32> for Scripted {
    fn evaluate(&mut self, step: usize, _left: usize) -> usize {
        assert_eq!(step, self.taken, "evaluated as it stands");
        self.errors.get(step).copied().unwrap_or(100)
    }

    fn view(&mut self) -> View<'_, f32> {
        View {
            loss: self.taken as f64,
            features: &[],
        }
    }

    fn descend(&mut self) {
        self.taken += 1;
    }

    fn finish(self: Box<Self>, steps: usize) -> Trained<f32> {
        assert_eq!(steps, self.taken, "as many steps as were taken");
        Trained {
            layout: Layout {
                classes: 0,
                neurons: 0,
                stride: 0,
            },
            features: Vec::new(),
            training_logits: ClassRows::new(),
            steps,
            training_errors: 0,
        }
    }
}

fn steps(errors: &[usize], steps: usize, perfect_steps: usize) -> usize {
    let engine = Scripted {
        errors: errors.to_vec(),
        taken: 0,
    };
    let stop = Stop {
        steps,
        perfect_steps,
    };
    drive(Box::new(engine), stop, None).steps
}

#[test]
fn a_run_ends_after_consecutive_perfect_steps() {
    // Seen perfect before steps 1 and 2, not before 3, and then before 4, 5 and 6.
    let errors = [1, 0, 0, 3, 0, 0, 0, 0];
    assert_eq!(steps(&errors, 100, 1), 2);
    assert_eq!(steps(&errors, 100, 2), 3);
    assert_eq!(
        steps(&errors, 100, 3),
        7,
        "an interruption starts the count anew"
    );
    assert_eq!(steps(&errors, 100, 5), 100);
    assert_eq!(steps(&errors, 8, 5), 8, "the budget ends it first");
    assert_eq!(steps(&[0; 200], 100, 0), 100, "0 never stops early");
    assert_eq!(steps(&[0; 200], 100, 100), 100);
    assert_eq!(steps(&[0; 200], 1, 1), 1);
}

proptest! {
    /// The first window of this many zeros, as long as it lies within the budget.
    #[test]
    fn the_first_window_of_zeros_ends_the_run(
        errors in prop::collection::vec(0..3usize, 1..60), perfect in 1..6usize, budget in 1..70usize,
    ) {
        let window = errors.windows(perfect).position(|w| w.iter().all(|e| *e == 0));
        let expected = window.map_or(budget, |first| budget.min(first + perfect));
        prop_assert_eq!(steps(&errors, budget, perfect), expected);
    }
}

#[test]
fn an_observer_sees_every_so_many_steps_what_was_evaluated() {
    let mut seen = Vec::new();
    let mut call = |view: StepView<f32>| seen.push((view.step, view.training_errors, view.loss));
    let observer = Observer {
        every: 3,
        call: &mut call,
    };
    let engine = Scripted {
        errors: (10..20).rev().collect(),
        taken: 0,
    };
    let stop = Stop {
        steps: 8,
        perfect_steps: 2,
    };
    drive(Box::new(engine), stop, Some(observer));
    assert_eq!(seen, [(0, 19, 0.0), (3, 16, 3.0), (6, 13, 6.0)]);
}
