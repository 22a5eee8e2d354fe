//! One gradient step of the dense engine in candle, on a world exported by `../ours.rs`.
//!
//! `candle-peer check|time DIR`: `check` follows the exported trajectory and fails if it differs;
//! `time` answers each line on standard input with the milliseconds of a step. `RAYON_NUM_THREADS`
//! is the number of threads.

use candle_core::{D, Device, Result, Tensor};
use candle_nn::ops::softmax;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Instant;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, mode, dir] = &arguments[..] else {
        panic!("usage: candle-peer check|time DIR");
    };
    let world = World::read(dir.as_ref())?;
    if mode == "check" {
        return world.check();
    }
    world.run(2)?;
    for _ in std::io::stdin().lines() {
        println!("{}", world.run(8)?.1 / 8.0 * 1e3);
    }
    Ok(())
}

struct World {
    dir: PathBuf,
    header: Value,
    /// `X^T`, `[patches][d]`.
    inputs: Tensor,
    /// The sample of each patch, and the labels one-hot, `[samples][k]`.
    sample: Tensor,
    onehot: Tensor,
    /// The start, `[k m][d]`.
    weights: Tensor,
}

impl World {
    fn read(dir: &Path) -> Result<Self> {
        let header = std::fs::read(dir.join("header.json"))?;
        let header: Value = serde_json::from_slice(&header).expect("header.json");
        let size = |name: &str| header[name].as_u64().expect("a size") as usize;
        let (k, d) = (size("k"), size("dimension"));
        let labels = whole(dir, "label.i32")?;
        let onehot = labels
            .iter()
            .flat_map(|y| (0..k).map(move |i| f32::from(i == *y as usize)))
            .collect();
        let device = &Device::Cpu;
        Ok(Self {
            dir: dir.into(),
            inputs: Tensor::from_vec(floats(dir, "inputs.f32")?, (size("patches"), d), device)?,
            sample: Tensor::new(whole(dir, "patch_sample.i32")?, device)?,
            onehot: Tensor::from_vec(onehot, (labels.len(), k), device)?,
            weights: Tensor::from_vec(floats(dir, "weights.f32")?, (k * size("m"), d), device)?,
            header,
        })
    }

    /// The weights after `steps` steps, and the seconds that took.
    fn run(&self, steps: usize) -> Result<(Tensor, f64)> {
        let number = |name: &str| self.header[name].as_f64().expect("a number");
        let (rho, rate) = (number("threshold"), number("rate"));
        let (k, m) = (number("k") as usize, number("m") as usize);
        let zeros = self.onehot.zeros_like()?;
        let mut weights = self.weights.copy()?;
        let clock = Instant::now();
        for _ in 0..steps {
            let s = self.inputs.matmul(&weights.t()?)?.relu()?;
            let bent = s.minimum(rho)?;
            let slope = (&bent / rho)?.sqr()?;
            let value = (((&slope * &bent)? / 3.0)? + (&s - &bent)?)?;
            let value = value.reshape(((), k, m))?.sum(D::Minus1)?;
            let logits = zeros.index_add(&self.sample, &value, 0)?;
            let residual = (&self.onehot - softmax(&logits, 1)?)?.index_select(&self.sample, 0)?;
            let slope = slope.reshape(((), k, m))?;
            let moved = slope.broadcast_mul(&(residual * rate)?.unsqueeze(2)?)?;
            let moved = moved.reshape(((), k * m))?;
            weights = (weights + moved.t()?.matmul(&self.inputs)?)?;
        }
        Ok((weights, clock.elapsed().as_secs_f64()))
    }

    fn check(&self) -> Result<()> {
        let steps = self.header["steps"].as_u64().expect("steps") as usize;
        let after = floats(&self.dir, "weights_after.f32")?;
        let after = Tensor::from_vec(after, self.weights.shape(), &Device::Cpu)?;
        let largest = |x: Tensor| -> Result<f32> { x.abs()?.flatten_all()?.max(0)?.to_scalar() };
        let moved = largest((&after - &self.weights)?)?;
        let error = largest((self.run(steps)?.0 - &after)?)? / moved;
        println!(
            "dense, candle: after {steps} steps its parameters differ by {error:.1e} of the largest change {moved:.2}"
        );
        assert!(error < 1e-4, "another trajectory");
        Ok(())
    }
}

fn floats(dir: &Path, name: &str) -> Result<Vec<f32>> {
    let bytes = std::fs::read(dir.join(name))?;
    let numbers = bytes.as_chunks().0.iter();
    Ok(numbers.map(|b| f32::from_le_bytes(*b)).collect())
}

fn whole(dir: &Path, name: &str) -> Result<Vec<u32>> {
    let bytes = std::fs::read(dir.join(name))?;
    let numbers = bytes.as_chunks().0.iter();
    Ok(numbers.map(|b| u32::from_le_bytes(*b)).collect())
}
