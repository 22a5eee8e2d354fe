//! One loop for every engine: step, look, stop.

use super::state::{StepView, Trained};

/// A training run of one network: what an engine is.
pub trait Engine<R> {
    /// Evaluates the network after `step` steps, of which `left` are still to be taken, and gathers
    /// the gradient of the next; returns how many training samples are misclassified.
    fn evaluate(&mut self, step: usize, left: usize) -> usize;
    /// The network as it was last evaluated.
    fn view(&mut self) -> View<'_, R>;
    /// Takes the step.
    fn descend(&mut self);
    /// Checks a stop: the number of training samples misclassified as the network stands, every
    /// class counted.
    fn finish(self: Box<Self>, steps: usize) -> Trained<R>;
}

/// A look at a network in training.
#[derive(Clone, Copy, Debug)]
pub struct View<'a, R> {
    /// Mean cross-entropy over the training set, in nats.
    pub loss: f64,
    /// `A`, `[features][k][stride]`.
    pub features: &'a [R],
}

/// A callback that sees the state every few steps.
pub struct Observer<'a, R> {
    /// Steps between two calls.
    pub every: usize,
    /// The callback.
    pub call: &'a mut dyn FnMut(StepView<R>),
}

impl<'a, R> Observer<'a, R> {
    /// The same for a shorter time: nothing else shortens the lifetime behind `&mut dyn`.
    pub(crate) fn shorter<'b>(self) -> Observer<'b, R>
    where
        'a: 'b,
    {
        Observer {
            every: self.every,
            call: self.call,
        }
    }
}

/// The end of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    /// Largest number of steps.
    pub steps: usize,
    /// Ends the run once training error 0 has held for this many consecutive steps; 0 never does.
    pub perfect_steps: usize,
}

/// Trains until `stop`, by full-batch gradient descent.
pub fn drive<R>(
    mut engine: Box<dyn Engine<R> + '_>,
    stop: Stop,
    mut observer: Option<Observer<'_, R>>,
) -> Trained<R> {
    let (mut taken, mut held) = (0, 0);
    while taken < stop.steps {
        let errors = engine.evaluate(taken, stop.steps - taken);
        if let Some(o) = observer.as_mut().filter(|o| taken.is_multiple_of(o.every)) {
            let View { loss, features } = engine.view();
            (o.call)(StepView {
                step: taken,
                training_errors: errors,
                loss,
                features,
            });
        }
        engine.descend();
        taken += 1;
        held = if errors == 0 { held + 1 } else { 0 };
        if stop.perfect_steps > 0 && held >= stop.perfect_steps {
            break;
        }
    }
    engine.finish(taken)
}
