//! `multiview data`.

use super::number::whole;
use super::output::{Kept, require_empty, unwritable};
use super::{Failure, memory, print, theorem};
use multiview::arrays;
use multiview::printable::{counted, path};
use multiview::procedure::memory::arrays as need;
use multiview::seed::WorldSeed;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
#[command(
    allow_negative_numbers = true,
    after_help = "Everything is what the engine trains, bit for bit, in NumPy's format (numpy.load); world.json has every parameter as a number. N samples, k classes, m neurons a class, M views a class; patches are numbered through all samples.\n\n  world.json                  seed, version, regime, procedure, networks, training\n  labels.npy                  [N]            y\n  kinds.npy                   [N]            the view it keeps; -1: multi-view\n  patch-starts.npy            [N + 1]        first patch; last the count\n  patch-features.npy          [patches]      M class + view; -1 for pure noise\n  patch-weights.npy           [patches]      z_p\n  patch-feature-noise.npy     [patches]      alpha_p\n  inputs.npy                  [patches][d]   x_p (dense engine)\n  NETWORK/start-features.npy  [M k][k][m]    <w_{i,r}, v>\n  NETWORK/start-noise.npy     [patches][k][m]  <w_{i,r}, xi_p> (overlap)\n  NETWORK/start-weights.npy   [k][m][d]      w_{i,r} (dense engine)\n  NETWORK/soft-labels.npy     [N][k]         teacher's tempered logits\n  NETWORK/end-features.npy    [M k][k][m]    <w_{i,r}, v> at the end\n  NETWORK/end-logits.npy      [N][k]         F_i(X_n) at the end\n\nNetworks are member-0, member-1, ..., joint, distilled, label_distilled, self_distilled and self_distilled-swapped. Random features are not written. The engines overlap and overlap-adaptive draw noise overlaps when needed; start-noise.npy has every one that they could draw."
)]
pub struct Args {
    /// Name of a theorem (see `multiview list`) or path of a theorem file
    theorem: String,
    /// Seed of the experiment
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = whole::<u64>("seed", 0..=u64::MAX))]
    seed: u64,
    /// The number of the world
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = whole::<u64>("world", 0..=u64::MAX))]
    world: u64,
    /// Directory for the arrays: new or empty
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    let theorem = theorem(&args.theorem)?;
    let (regime, procedure) = (&theorem.regime, &theorem.procedure);
    require_empty(&args.out)?;
    arrays::check(regime, procedure)?;
    memory::require_parts(&need(regime, procedure))?;
    std::fs::create_dir_all(&args.out).map_err(|e| unwritable(&args.out, &e))?;
    let seed = WorldSeed {
        experiment: args.seed,
        world: args.world,
    };
    let files = arrays::of_world(regime, procedure, seed)?;
    Kept::default().write_all(&args.out, &files)?;
    let bytes: usize = files.values().map(Vec::len).sum();
    print(&format!(
        "{}, {:.1} MB, in {}\n",
        counted(files.len(), "file"),
        1e-6 * bytes as f64,
        path(&args.out)
    ))
}
