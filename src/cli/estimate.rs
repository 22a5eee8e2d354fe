//! An estimate of the time that worlds take on one core of this machine.

use multiview::engine::Observer;
use multiview::engine::state::StepView;
use multiview::prediction::last_learning_steps;
use multiview::procedure::{Procedure, World};
use multiview::regime::Regime;
use multiview::seed::WorldSeed;
use multiview::theorem::Setting;
use std::time::Instant;

/// The cost of the networks of a world.
pub struct Cost {
    /// Seconds of a gradient step, near the start.
    pub step: f64,
    /// Seconds of a world. Evaluation and read-outs over random features are not counted.
    pub world: f64,
}

/// The cost of a world, from the time between two of the first steps of a network, what is done but
/// once, and the number of steps that theory predicts.
pub fn cost(Setting { regime, procedure }: &Setting, seed: u64) -> Cost {
    const APART: usize = 32;
    let seed = WorldSeed {
        experiment: seed,
        world: 0,
    };
    let mut brief = regime.clone();
    let taken = 2 * APART + 1;
    (brief.training.steps, brief.training.perfect_steps) = (taken.into(), 0);
    let mut seen = Vec::new();
    let mut look = |_: StepView<f32>| seen.push(Instant::now());
    let began = Instant::now();
    let world = World::new(&brief, procedure.test_draws, seed);
    let data = began.elapsed().as_secs_f64();
    let began = Instant::now();
    let observer = Observer {
        every: APART,
        call: &mut look,
    };
    world.train_alone(world.initial(0), Some(observer));
    let all = began.elapsed().as_secs_f64();
    let step = match seen.as_slice() {
        [.., before, last] => last.duration_since(*before).as_secs_f64() / APART as f64,
        _ => all / taken as f64,
    };
    let once = (all - taken as f64 * step).max(0.0);
    let (networks, steps) = work(regime, procedure);
    Cost {
        step,
        world: data + networks * once + steps * step,
    }
}

/// Predicted sample gradients of a world, to which its time is proportional.
pub fn steps_of_world(Setting { regime, procedure }: &Setting) -> f64 {
    let (_, steps) = work(regime, procedure);
    (steps * regime.data.sample_count() as f64).max(1.0)
}

/// The networks of a world and all their gradient steps; in floating point, so that no product of
/// budgets wraps. A student takes all its steps, and others stop once they are perfect.
fn work(regime: &Regime, procedure: &Procedure) -> (f64, f64) {
    let most = regime.steps() as f64;
    let steps_alone = match regime.training.perfect_steps {
        0 => most,
        perfect => {
            let learned = last_learning_steps(regime);
            most.min(learned + perfect as f64)
        }
    };
    let students = [
        (&procedure.distillation, procedure.distilled_students),
        (&procedure.label_distillation, 1),
        (
            &procedure.self_distillation,
            procedure.generations + usize::from(procedure.antithetic),
        ),
    ];
    let alone = (procedure.members + procedure.joint_networks) as f64;
    let own = (alone, alone * steps_alone);
    let taught = students
        .iter()
        .filter_map(|(spec, students)| Some((spec.as_ref()?, *students as f64)));
    taught.fold(own, |(networks, steps), (spec, students)| {
        let own = spec.steps.of(regime.data.classes) as f64;
        (networks + students, steps + students * own)
    })
}

/// Seconds in words.
pub fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}
