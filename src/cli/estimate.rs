//! How long worlds take on one core of this machine, an estimate.

use multiview::prediction::Prediction;
use multiview::procedure::{Procedure, World};
use multiview::regime::Regime;
use multiview::seed::WorldSeed;
use multiview::theorem::Setting;
use std::time::Instant;

/// What the networks of a world cost.
pub struct Cost {
    /// Seconds of a gradient step, near the start.
    pub step: f64,
    /// Seconds of a world. Evaluation and read-outs over random features are not counted.
    pub world: f64,
}

/// The cost of a world, from two short trainings of its first network, which tell a step from what
/// is done once, and from the number of steps that theory predicts.
pub fn cost(Setting { regime, procedure }: &Setting, seed: u64) -> Cost {
    const FEW: usize = 8;
    const MORE: usize = 64;
    let seed = WorldSeed {
        experiment: seed,
        world: 0,
    };
    let mut data = 0.0;
    let mut seconds = |steps: usize| {
        let mut brief = regime.clone();
        (brief.training.steps, brief.training.perfect_steps) = (steps.into(), 0);
        let began = Instant::now();
        let world = World::new(&brief, procedure.test_draws, seed);
        data = began.elapsed().as_secs_f64();
        let began = Instant::now();
        world.train_alone(world.initial(0), None);
        began.elapsed().as_secs_f64()
    };
    let few = seconds(FEW);
    let step = (seconds(FEW + MORE) - few).max(0.0) / MORE as f64;
    let once = (few - FEW as f64 * step).max(0.0);
    let (networks, steps) = work(regime, procedure);
    Cost {
        step,
        world: data + networks * once + steps * step,
    }
}

/// The networks of a world and all their gradient steps; in floating point, so that no product of
/// budgets wraps. A student takes all its steps, and others stop once they are perfect.
fn work(regime: &Regime, procedure: &Procedure) -> (f64, f64) {
    let most = regime.steps() as f64;
    let steps_alone = match regime.training.perfect_steps {
        0 => most,
        perfect => {
            let learned = Prediction::of(regime, procedure).last_learning_steps;
            most.min(learned + perfect as f64)
        }
    };
    let students = [
        (&procedure.distillation, 1.0),
        (&procedure.label_distillation, 1.0),
        (
            &procedure.self_distillation,
            1.0 + f64::from(u8::from(procedure.antithetic)),
        ),
    ];
    let alone = (procedure.members + procedure.joint_networks) as f64;
    let own = (alone, alone * steps_alone);
    let taught = students
        .iter()
        .filter_map(|(spec, students)| Some((spec.as_ref()?, students)));
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
