//! Trains one network and watches the lottery: in each class one of the two views takes off, and
//! the other stays where it was.
//!
//!     cargo run --release --example lottery

use multiview::engine::Observer;
use multiview::engine::state::StepView;
use multiview::procedure::{World, largest_overlaps};
use multiview::seed::WorldSeed;
use multiview::theorem::Theorem;
use std::error::Error;

/// A step, and the largest overlap of each class with each of its two views, `[k][2]`.
type Moment = (usize, Vec<f32>);

/// The overlaps of a small network at the start of training, every `every` steps, and at the end.
pub fn race(every: usize) -> Result<Vec<Moment>, Box<dyn Error>> {
    let theorem = Theorem::embedded("single-model").ok_or("no such theorem")?;
    let mut regime = theorem.regime;
    regime.data.classes = 12;
    regime.data.single_view_share = 0.1;
    regime.training.steps = 2_000.into();
    regime.network.init_scale = (0.01 * regime.network.relu_threshold).into();
    regime.validate()?;

    let seed = WorldSeed {
        experiment: 1,
        world: 0,
    };
    let world = World::new(&regime, theorem.procedure.test_draws, seed);
    let mut moments = Vec::new();
    let mut look = |view: StepView<f32>| {
        moments.push((view.step, largest_overlaps(&regime, view.features)));
    };
    let observer = Observer {
        every,
        call: &mut look,
    };
    let network = world.train_alone(world.initial(0), Some(observer));
    moments.push((network.steps, largest_overlaps(&regime, &network.features)));
    Ok(moments)
}

fn main() -> Result<(), Box<dyn Error>> {
    println!("step   class 0: view 1, view 2   class 1: view 1, view 2");
    for (step, overlaps) in race(20)? {
        let [a, b, c, d, ..] = overlaps[..] else {
            return Err("fewer than two classes".into());
        };
        println!("{step:>4} {a:>16.4} {b:>8.4} {c:>17.4} {d:>8.4}");
    }
    Ok(())
}
