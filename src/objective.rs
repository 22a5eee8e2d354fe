//! What a gradient step moves: the cross-entropy and the distillation pushes.
//!
//! Every objective enters a step only through the *residual* `e[n, i]`, the coefficient of
//! `∇ F_i(X_n)` in the (descending) update; the engines need nothing else.

use crate::real::{LANES, Lanes, Real, across, each, lane_sum, larger};
use crate::regime::{RegimeError, Relation, positive, require};
use serde::{Deserialize, Serialize};

/// How a student follows its teacher (section 2 of the paper; equation of `logit^τ`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distillation {
    /// `τ`: temperature of the truncated, tempered logits; `"paper"` takes `1/ln² k`.
    pub temperature: Relation,
    /// `S`: scale of the teacher, `G = (S/K) Σ F`.
    pub teacher_scale: f64,
    /// `η'/k`: step size of the distillation term per class.
    pub push_rate_per_class: f64,
    /// Which form of the distillation term.
    #[serde(default)]
    pub form: Form,
    /// Which of the teacher's soft labels the student sees.
    #[serde(default)]
    pub soft_labels: SoftLabels,
    /// Steps of cross-entropy alone before the push begins.
    #[serde(default)]
    pub warm_up_steps: usize,
    /// Largest number of steps of the student.
    pub steps: usize,
}

/// Forms of the distillation term.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// `−(logit^τ_i(F) − logit^τ_i(G))^−`, silent where the student's own logit is truncated
    /// (`τ² F_i ≥ 1`), as differentiating the truncated logit gives (**choice**).
    #[default]
    OneSidedGated,
    /// The same without the gate.
    OneSided,
    /// Hinton's: `logit_i(G) − logit_i(F)` of untruncated tempered logits `exp(τ F)`, both signs.
    TwoSided,
}

/// Which of the teacher's soft labels the student sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SoftLabels {
    /// All classes.
    #[default]
    All,
    /// Only the label's own: the dark knowledge is removed.
    LabelOnly,
}

impl Distillation {
    /// `τ`, with `k` classes.
    pub fn temperature(&self, classes: usize) -> f64 {
        self.temperature.or((classes as f64).ln().powi(-2))
    }

    /// Checks every field; `path` prefixes the field names.
    ///
    /// # Errors
    /// The first field outside its range.
    pub fn validate(&self, path: &str) -> Result<(), RegimeError> {
        if let Relation::Value(temperature) = self.temperature {
            positive(&format!("{path}.temperature"), temperature, 1e3)?;
        }
        positive(&format!("{path}.teacher_scale"), self.teacher_scale, 1e12)?;
        let rate = self.push_rate_per_class;
        require(
            (0.0..=1e6).contains(&rate),
            &format!("{path}.push_rate_per_class"),
            rate,
            "0 to 1000000",
        )?;
        let steps = self.steps;
        require(
            (1..=100_000_000).contains(&steps),
            &format!("{path}.steps"),
            steps,
            "1 to 100000000",
        )?;
        let odd = self.soft_labels == SoftLabels::LabelOnly && self.form == Form::TwoSided;
        require(
            !odd,
            &format!("{path}.soft_labels"),
            self.soft_labels,
            "all, with form two-sided: matching both ways needs a whole distribution",
        )?;
        let warm_up = self.warm_up_steps;
        require(
            warm_up <= steps,
            &format!("{path}.warm_up_steps"),
            warm_up,
            format!("0 to steps ({steps})"),
        )
    }
}

/// The tempered logits `exp(min{τ² F_i, 1}/τ) / Σ_j exp(min{τ² F_j, 1}/τ)` of one input, or
/// `exp(τ F_i) / Σ_j exp(τ F_j)` untruncated. `logits` and `out` have one entry per class.
#[inline(always)]
pub fn tempered<R: Real>(logits: &[R], temperature: R, truncated: bool, out: &mut [R]) {
    let cap = if truncated {
        R::one() / temperature
    } else {
        R::infinity()
    };
    for (o, f) in out.iter_mut().zip(logits) {
        let x = temperature * *f;
        *o = if x < cap { x } else { cap };
    }
    softmax_in_place(out);
}

/// `out[i] ← exp(out[i] − max) / Σ_j exp(out[j] − max)`.
#[inline(always)]
pub fn softmax_in_place<R: Real>(out: &mut [R]) {
    let top = lanes(out, R::neg_infinity(), larger);
    let (blocks, rest) = out.as_chunks_mut::<LANES>();
    for o in blocks {
        *o = R::exp_lanes(each(|l| o[l] - top));
    }
    for o in rest {
        *o = (*o - top).exp_fast();
    }
    let scale = R::one() / lanes(out, R::zero(), |a, b| a + b);
    for o in out.iter_mut() {
        *o *= scale;
    }
}

/// Folds a slice in lanes and a fixed order, so that it vectorises and never depends on threads.
#[inline(always)]
fn lanes<R: Real>(xs: &[R], start: R, fold: impl Fn(R, R) -> R) -> R {
    let mut acc = [start; LANES];
    let (blocks, rest) = xs.as_chunks::<LANES>();
    for block in blocks {
        for (a, x) in acc.iter_mut().zip(block) {
            *a = fold(*a, *x);
        }
    }
    for (a, x) in acc.iter_mut().zip(rest) {
        *a = fold(*a, *x);
    }
    across(acc, fold)
}

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
            tempered(&scaled, temperature, spec.form != Form::TwoSided, soft);
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
        if let Some(teacher) = &self.teacher
            && step >= teacher.warm_up_steps
        {
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

/// One sample as the two-rate engine sees it: the classes that can have a logit of their own, padded to
/// whole lanes with logits −∞, the label first; all others have logit 0 and share one residual.
pub(crate) struct Present<'a, R> {
    /// Their logits.
    pub logits: &'a [Lanes<R>],
    /// The teacher's soft labels of these classes; anything without a teacher.
    pub soft: &'a [Lanes<R>],
    /// The teacher's soft label of every other class.
    pub absent_soft: R,
    /// How many classes have logit 0.
    pub absent: R,
}

impl<R: Real> Objective<R> {
    /// The teacher's soft labels `[k]` of a sample.
    pub(crate) fn soft_labels_of(&self, sample: usize) -> Option<&[R]> {
        let teacher = self.teacher.as_ref()?;
        Some(&teacher.soft_labels[sample * self.classes..][..self.classes])
    }

    /// [`residual`](Self::residual) for a sample whose logits are mostly 0; returns the residual that the
    /// absent classes share.
    #[inline(always)]
    pub(crate) fn residual_of_present(
        &self,
        step: usize,
        sample: Present<R>,
        residual: &mut [Lanes<R>],
        scratch: &mut [Lanes<R>],
    ) -> (Fit<R>, R) {
        let label = sample.logits[0][0];
        let mut rival = sample.logits[0];
        rival[0] = if sample.absent > R::zero() {
            R::zero()
        } else {
            R::neg_infinity()
        };
        for f in &sample.logits[1..] {
            rival = each(|l| larger(rival[l], f[l]));
        }
        let rival = across(rival, larger);
        let shared = softmax_of_present(&sample, larger(label, rival), |f| f, residual);
        let label_probability = residual[0][0];
        for e in residual.iter_mut() {
            *e = each(|l| -e[l]);
        }
        residual[0][0] += R::one();
        let mut absent = -shared;
        if let Some(teacher) = &self.teacher
            && step >= teacher.warm_up_steps
        {
            absent += teacher.push_present(&sample, larger(label, rival), residual, scratch);
        }
        let fit = Fit {
            label_probability,
            correct: label > rival,
        };
        (fit, absent)
    }
}

/// Softmax of `map` of the logits, the largest of which is `top`; returns the absent classes' share.
#[inline(always)]
fn softmax_of_present<R: Real>(
    sample: &Present<R>,
    top: R,
    map: impl Fn(R) -> R,
    out: &mut [Lanes<R>],
) -> R {
    let top = map(top);
    let mut sum = [R::zero(); LANES];
    for (o, f) in out.iter_mut().zip(sample.logits) {
        let x = each(|l| map(f[l]) - top);
        *o = R::exp_lanes(x);
        sum = each(|l| sum[l] + o[l]);
    }
    let absent = (R::zero() - top).exp_fast();
    let scale = R::one() / (lane_sum(sum) + sample.absent * absent);
    for o in out.iter_mut() {
        *o = each(|l| o[l] * scale);
    }
    absent * scale
}

impl<R: Real> Teacher<R> {
    /// [`push`](Self::push) for a sample whose logits are mostly 0, `top` the largest; returns what the absent
    /// classes' residual gains.
    #[inline(always)]
    fn push_present(
        &self,
        sample: &Present<R>,
        top: R,
        residual: &mut [Lanes<R>],
        student: &mut [Lanes<R>],
    ) -> R {
        let truncated = self.form != Form::TwoSided;
        let cap = if truncated {
            R::one() / self.temperature
        } else {
            R::infinity()
        };
        let gate = if self.form == Form::OneSidedGated {
            R::one() / (self.temperature * self.temperature)
        } else {
            R::infinity()
        };
        let temper = |f: R| {
            let x = self.temperature * f;
            if x < cap { x } else { cap }
        };
        let floor = if truncated {
            R::zero()
        } else {
            R::neg_infinity()
        };
        let absent = softmax_of_present(sample, top, temper, student);
        let push = |soft: R, student: R, logit: R| {
            let gap = soft - student;
            let up = if gap > floor { gap } else { floor };
            if logit < gate {
                self.relative_rate * up
            } else {
                R::zero()
            }
        };
        let rows = residual.iter_mut().zip(&*student);
        for ((e, s), (soft, f)) in rows.zip(sample.soft.iter().zip(sample.logits)) {
            *e = each(|l| e[l] + push(soft[l], s[l], f[l]));
        }
        push(sample.absent_soft, absent, R::zero())
    }

    /// Adds `η'/η` times the push on one sample to `residual`.
    #[inline(always)]
    fn push(&self, soft: &[R], logits: &[R], residual: &mut [R], student: &mut [R]) {
        let truncated = self.form != Form::TwoSided;
        tempered(logits, self.temperature, truncated, student);
        let gate = if self.form == Form::OneSidedGated {
            R::one() / (self.temperature * self.temperature)
        } else {
            R::infinity()
        };
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
