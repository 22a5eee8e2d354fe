//! Multinomial logistic regression: minimises
//!
//! ```text
//! (1/N) Σ_n CE(t_n, softmax(F(X_n))) + (λ/2) (|θ|² + Σ_{n,i} c_{n,i}²),
//! F_i(X_n) = b_i + ⟨θ_i, f_n⟩ + d_{n,i} c_{n,i}
//! ```
//!
//! for soft or hard labels `t`, with `d` and `c` as in [`ridge`](super::ridge), by L-BFGS (Nocedal
//! and Wright, algorithm 7.5). Its initial inverse Hessian is that of Böhning's bound, under which
//! the softmax's Hessian is at most `I/2`: `(XᵀX/(2N) + λ I)⁻¹` for each class, through a Cholesky
//! factor.

use super::cholesky::{Factor, symmetric_product};
use super::features::Features;
use super::readout::{Fit, Readout, SolveError};
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, MatRef, Par};
use std::collections::VecDeque;

/// Converged once no entry of the gradient (nats for each input) is larger than this.
pub const TOLERANCE: f64 = 1e-6;

/// Largest number of steps.
pub const MOST_STEPS: usize = 2000;

/// Pairs of differences remembered.
const MEMORY: usize = 12;

/// Fits soft or hard labels `[inputs][k]`, rows summing to 1, from `start` or from 0.
///
/// # Errors
/// When a Cholesky factor does not exist because a feature is not finite.
pub fn fit(
    features: &Features,
    labels: &Mat<f64>,
    strength: f64,
    start: Option<&State>,
) -> Result<(Fit, State), SolveError> {
    let problem = Problem::new(features, labels, strength)?;
    let start = match start {
        Some(state) => state.0.clone(),
        None => vec![0.0; problem.size()],
    };
    let (x, steps, gradient) = problem.minimise(start);
    let (_, _, training_outputs) = problem.evaluate(&x);
    let fit = Fit {
        readout: problem.readout(&x),
        training_outputs,
        condition: (problem.factors.iter())
            .map(Factor::condition)
            .fold(1.0, f64::max),
        steps,
        gradient,
    };
    Ok((fit, State(x)))
}

/// All unknowns of a solution, from which a neighbouring `λ` may start.
#[derive(Clone, Debug)]
pub struct State(Vec<f64>);

struct Problem<'a> {
    features: &'a Features,
    labels: &'a Mat<f64>,
    strength: f64,
    /// Length of the noise components, `[inputs][k]`.
    noise: Option<Mat<f64>>,
    factors: Vec<Factor>,
}

impl<'a> Problem<'a> {
    fn new(
        features: &'a Features,
        labels: &'a Mat<f64>,
        strength: f64,
    ) -> Result<Self, SolveError> {
        let half = 0.5 / features.inputs() as f64;
        let factors = (features.blocks.iter())
            .map(|x| {
                let mut bound = symmetric_product(x.transpose(), x.as_ref()) * half;
                (0..bound.nrows()).for_each(|j| bound[(j, j)] += strength);
                Factor::new(bound, strength)
            })
            .collect::<Result<_, _>>()?;
        let noise = features
            .noise
            .as_ref()
            .map(|d| Mat::from_fn(d.nrows(), d.ncols(), |n, i| d[(n, i)].sqrt()));
        Ok(Self {
            features,
            labels,
            strength,
            noise,
            factors,
        })
    }

    fn classes(&self) -> usize {
        self.labels.ncols()
    }

    /// Columns of `θ` in one block.
    fn columns(&self) -> usize {
        self.classes() / self.features.blocks.len()
    }

    /// The unknowns lie in one vector: `θ` block by block, then `b`, then `c`.
    fn size(&self) -> usize {
        let theta: usize = self.features.blocks.iter().map(|b| b.ncols()).sum();
        let noise = self.noise.as_ref().map_or(0, |d| d.nrows() * d.ncols());
        theta * self.columns() + self.classes() + noise
    }

    fn readout(&self, x: &[f64]) -> Readout {
        let mut rest = x;
        let coefficients = (self.features.blocks.iter())
            .map(|block| {
                let (theta, tail) = rest.split_at(block.ncols() * self.columns());
                rest = tail;
                MatRef::from_column_major_slice(theta, block.ncols(), self.columns()).to_owned()
            })
            .collect();
        Readout {
            coefficients,
            intercept: rest[..self.classes()].to_vec(),
        }
    }

    /// Objective, gradient and outputs `F`.
    fn evaluate(&self, x: &[f64]) -> (f64, Vec<f64>, Mat<f64>) {
        let (inputs, k) = (self.features.inputs(), self.classes());
        let own = x.len() - self.noise.as_ref().map_or(0, |d| d.nrows() * k);
        let readout = self.readout(x);
        let mut outputs = readout.outputs(self.features);
        if let Some(d) = &self.noise {
            let c = MatRef::from_column_major_slice(&x[own..], inputs, k);
            outputs += Mat::from_fn(inputs, k, |n, i| d[(n, i)] * c[(n, i)]);
        }
        let (loss, slope) = cross_entropy(&outputs, self.labels);
        let mut gradient: Vec<f64> = x.iter().map(|v| self.strength * v).collect();
        let intercept = own - k;
        let squares = |part: &[f64]| part.iter().map(|v| v * v).sum::<f64>();
        let penalty = squares(&x[..intercept]) + squares(&x[own..]);
        let (mut rest, tail) = gradient.split_at_mut(intercept);
        let mut first = 0;
        for block in &self.features.blocks {
            let (part, next) = rest.split_at_mut(block.ncols() * self.columns());
            rest = next;
            matmul(
                MatMut::from_column_major_slice_mut(part, block.ncols(), self.columns()),
                Accum::Add,
                block.transpose(),
                slope.as_ref().subcols(first, self.columns()),
                1.0,
                Par::Seq,
            );
            first += self.columns();
        }
        for (i, b) in tail[..k].iter_mut().enumerate() {
            *b = slope.col(i).iter().sum();
        }
        if let Some(d) = &self.noise {
            let mut c = MatMut::from_column_major_slice_mut(&mut tail[k..], inputs, k);
            for i in 0..k {
                for n in 0..inputs {
                    c[(n, i)] += d[(n, i)] * slope[(n, i)];
                }
            }
        }
        (loss + 0.5 * self.strength * penalty, gradient, outputs)
    }

    /// Applies the inverse of Böhning's bound.
    fn precondition(&self, x: &mut [f64]) {
        let mut rest = x;
        for (block, factor) in self.features.blocks.iter().zip(&self.factors) {
            let (part, next) = rest.split_at_mut(block.ncols() * self.columns());
            rest = next;
            let mut part = MatMut::from_column_major_slice_mut(part, block.ncols(), self.columns());
            let solved = factor.solve(&part.as_ref().to_owned());
            part.copy_from(&solved);
        }
        let (intercept, own) = rest.split_at_mut(self.classes());
        intercept.iter_mut().for_each(|v| *v *= 2.0);
        if let Some(d) = &self.noise {
            let half = 0.5 / d.nrows() as f64;
            let lengths = d.col_iter().flat_map(|c| c.iter());
            for (v, d) in own.iter_mut().zip(lengths) {
                *v /= half * d * d + self.strength;
            }
        }
    }

    fn minimise(&self, mut x: Vec<f64>) -> (Vec<f64>, usize, f64) {
        let (mut value, mut gradient, _) = self.evaluate(&x);
        let mut pairs: VecDeque<Pair> = VecDeque::new();
        for step in 0..MOST_STEPS {
            let largest = gradient.iter().fold(0.0, |m: f64, g| m.max(g.abs()));
            if largest <= TOLERANCE {
                return (x, step, largest);
            }
            let direction = self.direction(&gradient, &pairs);
            let slope = dot(&direction, &gradient);
            let mut length = 1.0;
            let (next, next_value, next_gradient) = loop {
                let next: Vec<f64> = (x.iter().zip(&direction))
                    .map(|(x, d)| x - length * d)
                    .collect();
                let (v, g, _) = self.evaluate(&next);
                // Armijo's condition, up to rounding of the objective near the minimum.
                if v <= value - 1e-4 * length * slope + 1e-15 * value.abs() {
                    break (next, v, g);
                }
                length *= 0.5;
                if length < 1e-10 {
                    return (x, step, largest);
                }
            };
            let pair = Pair::new(&next, &x, &next_gradient, &gradient);
            if pair.curvature > 0.0 {
                pairs.push_back(pair);
                if pairs.len() > MEMORY {
                    pairs.pop_front();
                }
            }
            (x, value, gradient) = (next, next_value, next_gradient);
        }
        let largest = gradient.iter().fold(0.0, |m: f64, g| m.max(g.abs()));
        (x, MOST_STEPS, largest)
    }

    /// The two-loop recursion.
    fn direction(&self, gradient: &[f64], pairs: &VecDeque<Pair>) -> Vec<f64> {
        let mut q = gradient.to_vec();
        let mut shares = Vec::with_capacity(pairs.len());
        for pair in pairs.iter().rev() {
            let share = dot(&pair.step, &q) / pair.curvature;
            axpy(-share, &pair.change, &mut q);
            shares.push(share);
        }
        self.precondition(&mut q);
        for (pair, share) in pairs.iter().zip(shares.iter().rev()) {
            let back = dot(&pair.change, &q) / pair.curvature;
            axpy(share - back, &pair.step, &mut q);
        }
        q
    }
}

struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    curvature: f64,
}

impl Pair {
    fn new(x: &[f64], x0: &[f64], g: &[f64], g0: &[f64]) -> Self {
        let difference =
            |a: &[f64], b: &[f64]| -> Vec<f64> { a.iter().zip(b).map(|(a, b)| a - b).collect() };
        let (step, change) = (difference(x, x0), difference(g, g0));
        let curvature = dot(&step, &change);
        Self {
            step,
            change,
            curvature,
        }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn axpy(scale: f64, x: &[f64], y: &mut [f64]) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y += scale * x);
}

/// Mean cross-entropy of `softmax(outputs)` against `labels`, and its derivative in the outputs.
pub fn cross_entropy(outputs: &Mat<f64>, labels: &Mat<f64>) -> (f64, Mat<f64>) {
    let (inputs, k) = (outputs.nrows(), outputs.ncols());
    let share = 1.0 / inputs as f64;
    let mut loss = 0.0;
    let mut slope = Mat::zeros(inputs, k);
    let mut exponentials = vec![0.0; k];
    for n in 0..inputs {
        let most = (0..k)
            .map(|i| outputs[(n, i)])
            .fold(f64::NEG_INFINITY, f64::max);
        let mut sum = 0.0;
        for (i, e) in exponentials.iter_mut().enumerate() {
            *e = (outputs[(n, i)] - most).exp();
            sum += *e;
        }
        let log = most + sum.ln();
        for (i, e) in exponentials.iter().enumerate() {
            let label = labels[(n, i)];
            loss += label * (log - outputs[(n, i)]);
            slope[(n, i)] = share * (e / sum - label);
        }
    }
    (share * loss, slope)
}

/// Row-wise softmax.
pub fn softmax(outputs: &Mat<f64>) -> Mat<f64> {
    let mut soft = outputs.clone();
    for n in 0..soft.nrows() {
        let most = soft
            .row(n)
            .iter()
            .copied()
            .fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = soft.row(n).iter().map(|f| (f - most).exp()).sum();
        for i in 0..soft.ncols() {
            soft[(n, i)] = (soft[(n, i)] - most).exp() / sum;
        }
    }
    soft
}
