//! `multiview train`.

use super::number::whole;
use super::output::Kept;
use super::{Failure, theorem};
use multiview::engine::Observer;
use multiview::engine::state::StepView;
use multiview::printable::counted;
use multiview::procedure::memory::alone;
use multiview::procedure::{World, largest_overlaps};
use multiview::seed::WorldSeed;
use serde::Serialize;
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Debug, clap::Args)]
#[command(
    allow_negative_numbers = true,
    after_help = "Ctrl-C saves the rows seen so far. Each row is one step: training errors, mean cross-entropy (nats), and for each class the largest overlap max_r <w_{i,r}, v> with either view."
)]
pub struct Args {
    /// Name of a theorem (see `multiview list`) or path of a theorem file, for its regime
    #[arg(default_value = "single-model")]
    theorem: String,
    /// Seed of the experiment
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = whole::<u64>("seed", 0..=u64::MAX))]
    seed: u64,
    /// The number of the world
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = whole::<u64>("world", 0..=u64::MAX))]
    world: u64,
    /// Steps between two rows
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = whole::<u32>("every", 1..=u32::MAX.into()))]
    every: u32,
    /// Largest number of steps [default: the regime's]
    #[arg(long, value_name = "N", value_parser = whole::<u32>("steps", 1..=u32::MAX.into()))]
    steps: Option<u32>,
    /// Save the trajectory: CSV, or JSON if the name ends in .json
    #[arg(long, value_name = "F")]
    out: Option<PathBuf>,
}

/// One observed step.
#[derive(Debug, Serialize)]
struct Row {
    step: usize,
    training_errors: usize,
    loss: f64,
    /// `[class][view]`.
    largest_overlaps: Vec<Vec<f32>>,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    let kept = Kept::inputs(super::theorem_inputs(&args.theorem));
    if let Some(path) = &args.out {
        kept.require_writable(path, None)?;
    }
    let mut theorem = theorem(&args.theorem)?;
    if let Some(steps) = args.steps {
        theorem.regime.training.steps = (steps as usize).into();
    }
    let regime = &theorem.regime;
    let views = regime.data.views_per_class;
    let observed = regime.steps() as f64 / f64::from(args.every);
    // A row has a list for each class, and is written as text of twice its size.
    let row = regime.data.classes as f64 * (size_of::<Vec<f32>>() + 4 * views) as f64;
    let mut parts = alone(regime);
    parts.push((
        "the trajectory's rows (--steps, --every)",
        3.0 * observed * row,
    ));
    super::memory::require_parts(&parts)?;
    let seed = WorldSeed {
        experiment: args.seed,
        world: args.world,
    };
    let trajectory = Arc::new(Trajectory {
        out: args.out.clone().unwrap_or_else(|| "-".into()),
        kept,
        rows: Mutex::default(),
    });
    let interrupted = Arc::clone(&trajectory);
    ctrlc::set_handler(move || interrupted.interrupt())?;
    let world = World::new(regime, theorem.procedure.test_draws, seed);
    let mut observe = |step: StepView<f32>| {
        let overlaps = largest_overlaps(regime, step.features);
        let learned = overlaps.chunks(views).filter(|c| {
            c.iter()
                .any(|x| f64::from(*x) > regime.network.relu_threshold / 2.0)
        });
        tell!(
            "step {:6}  training errors {:5}  loss {:.5}  classes past ϱ/2: {} of {}",
            step.step,
            step.training_errors,
            step.loss,
            learned.count(),
            regime.data.classes
        );
        trajectory.rows().push(Row {
            step: step.step,
            training_errors: step.training_errors,
            loss: step.loss,
            largest_overlaps: overlaps.chunks(views).map(<[f32]>::to_vec).collect(),
        });
    };
    let observer = Observer {
        every: args.every as usize,
        call: &mut observe,
    };
    let network = world.train_alone(world.initial(0), Some(observer));
    tell!(
        "stopped after {} with {} of {} misclassified",
        counted(network.steps, "step"),
        network.training_errors,
        counted(world.data.samples.len(), "training sample")
    );
    trajectory.save(&trajectory.rows())
}

/// The trajectory seen so far, and the file it goes to.
struct Trajectory {
    /// A file, or `-` for standard output.
    out: PathBuf,
    kept: Kept,
    rows: Mutex<Vec<Row>>,
}

impl Trajectory {
    fn rows(&self) -> MutexGuard<'_, Vec<Row>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn save(&self, rows: &[Row]) -> Result<(), Failure> {
        let extension = self.out.extension();
        let text = match extension.is_some_and(|e| e.eq_ignore_ascii_case("json")) {
            true => serde_json::to_string(rows)?,
            false => csv(rows)?,
        };
        self.kept.write(&self.out, &text)
    }

    /// On Ctrl-C: saves the rows there are, and ends the program.
    fn interrupt(&self) {
        let rows = self.rows();
        tell!(""); // the line in which the terminal shows ^C
        let saved = rows.last().map(|last| (last.step, self.save(&rows)));
        match saved {
            None => tell!("interrupted before the first row: nothing is saved"),
            Some((_, Err(failure))) => tell!("interrupted, and the rows are lost: {failure}"),
            Some((step, Ok(()))) => {
                let place = match self.out.as_os_str() == "-" {
                    true => "printed".into(),
                    false => format!("saved in {}", self.out.display()),
                };
                tell!("interrupted; the rows up to step {step} are {place}");
            }
        }
        std::process::exit(130);
    }
}

fn csv(rows: &[Row]) -> Result<String, std::fmt::Error> {
    let mut text = String::from("step,training_errors,loss,class,view,largest_overlap\n");
    for row in rows {
        for (class, views) in row.largest_overlaps.iter().enumerate() {
            for (view, overlap) in views.iter().enumerate() {
                writeln!(
                    text,
                    "{},{},{},{class},{},{overlap}",
                    row.step,
                    row.training_errors,
                    row.loss,
                    view + 1
                )?;
            }
        }
    }
    Ok(text)
}
