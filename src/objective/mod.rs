//! What a gradient step moves: the cross-entropy and the distillation pushes.
//!
//! Every objective enters a step only through the *residual* `e[n, i]`, the coefficient of
//! `∇ F_i(X_n)` in the (descending) update; the engines need nothing else.

mod distillation;
mod present;
mod tempered;

pub use distillation::{Distillation, Form, SoftLabels};
pub(crate) use present::{Fits, Present};
pub use tempered::{softmax_in_place, tempered};

use crate::real::{Real, larger};
use tempered::{cap, lanes};

/// A teacher's tempered logits on the training set and how hard they pull.
#[derive(Clone, Debug)]
pub struct Teacher<R> {
    form: Form,
    temperature: R,
    /// `η'/η`.
    relative_rate: R,
    warm_up_steps: usize,
    /// `logit^τ_i(G, X_n)`, row-major `[N][k]`.
    soft_labels: Vec<R>,
}

/// The training objective of one network: cross-entropy, with or without a teacher.
#[derive(Clone, Debug)]
pub struct Objective<R> {
    classes: usize,
    teacher: Option<Teacher<R>>,
}

/// What a step saw on one sample.
#[derive(Clone, Copy, Debug)]
pub struct Fit<R> {
    /// `softmax_y(F(X))`.
    pub label_probability: R,
    /// Whether the label's logit is the strict maximum.
    pub correct: bool,
}

impl<R: Real> Objective<R> {
    /// Cross-entropy alone.
    pub fn cross_entropy(classes: usize) -> Self {
        Self {
            classes,
            teacher: None,
        }
    }

    /// Cross-entropy and a push towards the teacher whose logits `Σ_ℓ F^[ℓ] / K` on the training set
    /// are `teacher_logits`, row-major `[N][k]`; `labels` has length `N`.
    pub fn distillation(
        classes: usize,
        spec: &Distillation,
        learning_rate_per_class: f64,
        teacher_logits: &[R],
        labels: impl Iterator<Item = usize>,
    ) -> Self {
        let temperature = R::of(spec.temperature(classes));
        let scale = R::of(spec.teacher_scale);
        let mut soft_labels = vec![R::zero(); teacher_logits.len()];
        let rows = soft_labels
            .chunks_exact_mut(classes)
            .zip(teacher_logits.chunks_exact(classes));
        for ((soft, logits), label) in rows.zip(labels) {
            let scaled: Vec<R> = logits.iter().map(|f| scale * *f).collect();
            tempered(&scaled, temperature, spec.form.is_truncated(), soft);
            if spec.soft_labels == SoftLabels::LabelOnly {
                let own = soft[label];
                soft.fill(R::zero());
                soft[label] = own;
            }
        }
        let relative_rate = R::of(spec.push_rate_per_class / learning_rate_per_class);
        let teacher = Teacher {
            form: spec.form,
            temperature,
            relative_rate,
            warm_up_steps: spec.warm_up_steps,
            soft_labels,
        };
        Self {
            classes,
            teacher: Some(teacher),
        }
    }

    /// The teacher, if there is one and it pushes at `step`.
    #[inline(always)]
    pub(crate) fn teacher_at(&self, step: usize) -> Option<&Teacher<R>> {
        self.teacher.as_ref().filter(|t| step >= t.warm_up_steps)
    }

    /// Writes the residual `e[n, ·]` at `step` into `residual`: `1{i = y} − softmax_i(F)`, plus
    /// `η'/η` times the distillation push. `logits`, `residual` and `scratch` have `k` entries.
    #[inline(always)]
    pub fn residual(
        &self,
        step: usize,
        sample: usize,
        label: usize,
        logits: &[R],
        residual: &mut [R],
        scratch: &mut [R],
    ) -> Fit<R> {
        residual.copy_from_slice(logits);
        residual[label] = R::neg_infinity();
        let rival = lanes(residual, R::neg_infinity(), larger);
        let correct = logits[label] > rival;
        residual[label] = logits[label];
        softmax_in_place(residual);
        let label_probability = residual[label];
        for e in residual.iter_mut() {
            *e = -*e;
        }
        residual[label] += R::one();
        if let Some(teacher) = self.teacher_at(step) {
            let k = self.classes;
            teacher.push(
                &teacher.soft_labels[sample * k..][..k],
                logits,
                residual,
                scratch,
            );
        }
        Fit {
            label_probability,
            correct,
        }
    }
}

impl<R: Real> Teacher<R> {
    #[inline(always)]
    fn cap(&self) -> R {
        cap(self.temperature, self.form.is_truncated())
    }

    /// The student's own logit from which on it is not pushed: `1/τ²`, or none without the gate.
    #[inline(always)]
    fn gate(&self) -> R {
        if self.form == Form::OneSidedGated {
            R::one() / (self.temperature * self.temperature)
        } else {
            R::infinity()
        }
    }

    /// Adds `η'/η` times the push on one sample to `residual`.
    #[inline(always)]
    fn push(&self, soft: &[R], logits: &[R], residual: &mut [R], student: &mut [R]) {
        let truncated = self.form.is_truncated();
        tempered(logits, self.temperature, truncated, student);
        let gate = self.gate();
        for i in 0..residual.len() {
            let gap = soft[i] - student[i];
            let up = if !truncated || gap > R::zero() {
                gap
            } else {
                R::zero()
            };
            let open = if logits[i] < gate { up } else { R::zero() };
            residual[i] += self.relative_rate * open;
        }
    }
}
