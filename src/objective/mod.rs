//! The objectives of a gradient step: the cross-entropy and the distillation pushes.
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
use crate::rows::{ClassRow, ClassRows};
use tempered::{cap, lanes, tempered_row};

/// A teacher's tempered logits on the training set and how hard they pull.
#[derive(Clone, Debug)]
pub struct Teacher<R> {
    form: Form,
    temperature: R,
    /// `η'/η`.
    relative_rate: R,
    warm_up_steps: usize,
    /// `logit^τ_i(G, X_n)`.
    soft_labels: ClassRows<R>,
}

/// The training objective of one network: cross-entropy, with or without a teacher.
#[derive(Clone, Debug)]
pub struct Objective<R> {
    teacher: Option<Teacher<R>>,
}

/// The fit of one sample at a step.
#[derive(Clone, Copy, Debug)]
pub struct Fit<R> {
    /// The largest logit less the label's.
    pub behind: R,
    /// `Σ_i exp(F_i − max F)`.
    pub mass: R,
    /// True if the label's logit is the strict maximum.
    pub correct: bool,
}

impl<R: Real> Fit<R> {
    /// The cross-entropy `−log softmax_y(F)`, in nats: finite however far the label's logit is
    /// behind.
    pub fn loss(&self) -> f64 {
        self.behind.wide() + self.mass.wide().ln()
    }
}

impl<R: Real> Objective<R> {
    /// Cross-entropy alone.
    pub fn cross_entropy() -> Self {
        Self { teacher: None }
    }

    /// Cross-entropy and a push towards the teacher whose logits `Σ_ℓ F^[ℓ] / K` on the training
    /// set are `teacher_logits`; `labels` has length `N`.
    pub fn distillation(
        classes: usize,
        spec: &Distillation,
        learning_rate_per_class: f64,
        teacher_logits: &ClassRows<R>,
        labels: impl Iterator<Item = usize>,
    ) -> Self {
        let temperature = R::of(spec.temperature(classes));
        let scale = R::of(spec.teacher_scale);
        let mut soft_labels = ClassRows::new();
        for (row, label) in teacher_logits.iter().zip(labels) {
            let truncated = spec.form.is_truncated();
            let soft = tempered_row(row, classes, scale, temperature, truncated);
            if spec.soft_labels == SoftLabels::LabelOnly {
                let own = soft.iter().find(|(class, _)| *class == Some(label as u32));
                let own = own.or(soft.last()).map_or(R::zero(), |(_, soft)| *soft);
                soft_labels.push([(label as u32, own)].into_iter(), R::zero());
            } else if let SoftLabels::Smoothed(share) = spec.soft_labels {
                let own = R::of(1.0 - share);
                let other = R::of(share / (classes - 1) as f64);
                soft_labels.push([(label as u32, own)].into_iter(), other);
            } else {
                let rest = soft[soft.len() - 1].1;
                let shown_for = |class: u32| match spec.soft_labels {
                    SoftLabels::Permuted => next_class(class, label as u32, classes as u32),
                    _ => class,
                };
                let listed = soft
                    .iter()
                    .filter_map(|(class, soft)| Some((shown_for((*class)?), *soft)));
                soft_labels.push(listed, rest);
            }
        }
        let relative_rate = R::of(spec.push_rate_per_class / learning_rate_per_class);
        let teacher = Teacher {
            form: spec.form,
            temperature,
            relative_rate,
            warm_up_steps: spec.warm_up_steps.of(classes),
            soft_labels,
        };
        Self {
            teacher: Some(teacher),
        }
    }

    /// [`distillation`](Self::distillation) by the mean of several teachers, of which these are the
    /// logits on the training set.
    pub fn taught_by<'a>(
        classes: usize,
        spec: &Distillation,
        learning_rate_per_class: f64,
        teachers: impl IntoIterator<Item = &'a ClassRows<R>>,
        labels: impl Iterator<Item = usize>,
    ) -> Self {
        let teachers: Vec<_> = teachers.into_iter().collect();
        let count = R::of(teachers.len() as f64);
        let mean = ClassRows::sum(teachers).map(|f| f / count);
        Self::distillation(classes, spec, learning_rate_per_class, &mean, labels)
    }

    /// The teacher's soft labels `logit^τ_i(G, X_n)` on the training set, as the student sees them.
    pub fn soft_labels(&self) -> Option<&ClassRows<R>> {
        self.teacher.as_ref().map(|t| &t.soft_labels)
    }

    /// The first step at which the teacher pushes, if there is one.
    pub(crate) fn warm_up_steps(&self) -> Option<usize> {
        self.teacher.as_ref().map(|t| t.warm_up_steps)
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
        let mass = softmax_in_place(residual);
        for e in residual.iter_mut() {
            *e = -*e;
        }
        residual[label] += R::one();
        if let Some(teacher) = self.teacher_at(step) {
            teacher.push(teacher.soft_labels.row(sample), logits, residual, scratch);
        }
        Fit {
            behind: larger(rival, logits[label]) - logits[label],
            mass,
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
    fn push(&self, soft: ClassRow<R>, logits: &[R], residual: &mut [R], student: &mut [R]) {
        let truncated = self.form.is_truncated();
        tempered(logits, self.temperature, truncated, student);
        let gate = self.gate();
        let push = |soft: R, student: R, logit: R| {
            let gap = soft - student;
            let up = if !truncated || gap > R::zero() {
                gap
            } else {
                R::zero()
            };
            let open = if logit < gate { up } else { R::zero() };
            self.relative_rate * open
        };
        for (class, soft) in soft.entries() {
            residual[class] += push(soft, student[class], logits[class]);
            // Done: a class that holds its own soft label is not pushed again below.
            student[class] = R::infinity();
        }
        for ((e, student), logit) in residual.iter_mut().zip(&*student).zip(logits) {
            if *student < R::infinity() {
                *e += push(soft.rest, *student, *logit);
            }
        }
    }
}
/// The class after `class` in the cycle of those other than the label, which keeps its place.
fn next_class(class: u32, label: u32, classes: u32) -> u32 {
    let next = |class: u32| (class + 1) % classes;
    match next(class) {
        _ if class == label => label,
        beside if beside == label => next(label),
        beside => beside,
    }
}
