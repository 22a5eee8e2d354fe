//! The residuals of samples whose logits are mostly 0, as the sparse engine meets them: eight at a
//! time, each in a lane of its own.

use super::tempered::share;
use super::{Objective, Teacher};
use crate::real::{LANES, Lanes, Real, across, each, larger};
use crate::rows::ClassRow;

/// Eight samples as the sparse engine sees them: the classes that can have a logit of their own,
/// the label first; all others have logit 0 and share one residual.
pub(crate) struct Present<'a, R> {
    /// Their logits, class by class; −∞ where a sample has fewer.
    pub logits: &'a [Lanes<R>],
    /// The teacher's soft labels of these classes; anything without a teacher.
    pub soft: &'a [Lanes<R>],
    /// The teacher's soft label of every other class.
    pub absent_soft: Lanes<R>,
    /// Number of classes that have logit 0.
    pub absent: Lanes<R>,
}

/// The fit of eight samples at a step.
pub(crate) struct Fits<R> {
    /// The largest logit less the label's.
    pub behind: Lanes<R>,
    /// `Σ_i exp(F_i − max F)`.
    pub mass: Lanes<R>,
    /// The label's logit less the largest other one of the classes present.
    pub lead: Lanes<R>,
    /// The residual that the absent classes share.
    pub absent: Lanes<R>,
}

impl<R: Real> Objective<R> {
    /// The teacher's soft labels of a sample.
    pub(crate) fn soft_labels_of(&self, sample: usize) -> Option<ClassRow<'_, R>> {
        Some(self.teacher.as_ref()?.soft_labels.row(sample))
    }

    /// [`residual`](Self::residual) for eight samples whose logits are mostly 0. `residual` and
    /// `scratch` are as long as the logits.
    #[inline(always)]
    pub(crate) fn residual_of_present(
        &self,
        step: usize,
        samples: Present<R>,
        residual: &mut [Lanes<R>],
        scratch: &mut [Lanes<R>],
    ) -> Fits<R> {
        let label = samples.logits[0];
        let mut rival = [R::neg_infinity(); LANES];
        for f in &samples.logits[1..] {
            rival = each(|l| larger(rival[l], f[l]));
        }
        let top = each(|l| larger(label[l], rival[l]));
        let top = each(|l| {
            let absent = samples.absent[l] > R::zero() && top[l] < R::zero();
            if absent { R::zero() } else { top[l] }
        });
        let (shared, mass) = softmax_of_present(&samples, top, |f| f, residual);
        for e in residual.iter_mut() {
            *e = each(|l| -e[l]);
        }
        residual[0] = each(|l| residual[0][l] + R::one());
        let mut absent = each(|l| -shared[l]);
        if let Some(teacher) = self.teacher_at(step) {
            let push = teacher.push_present(&samples, top, residual, scratch);
            absent = each(|l| absent[l] + push[l]);
        }
        Fits {
            behind: each(|l| top[l] - label[l]),
            mass,
            lead: each(|l| label[l] - rival[l]),
            absent,
        }
    }
}

/// Softmax of `map` of the logits, the largest of which is `top`; returns the absent classes' share
/// and the sum of all exponentials. Sums over classes are in the order of eight lanes.
#[inline(always)]
fn softmax_of_present<R: Real>(
    samples: &Present<R>,
    top: Lanes<R>,
    map: impl Fn(R) -> R,
    out: &mut [Lanes<R>],
) -> (Lanes<R>, Lanes<R>) {
    let top = each(|l| map(top[l]));
    let add = |a: Lanes<R>, b: Lanes<R>| each(|l| a[l] + b[l]);
    let mut sums = [[R::zero(); LANES]; LANES];
    for (class, (o, f)) in out.iter_mut().zip(samples.logits).enumerate() {
        *o = share(each(|l| map(f[l]) - top[l]));
        let sum = &mut sums[class % LANES];
        *sum = add(*sum, *o);
    }
    let sum = across(sums, add);
    let absent = share(each(|l| R::zero() - top[l]));
    let mass = each(|l| sum[l] + samples.absent[l] * absent[l]);
    let scale = each(|l| R::one() / mass[l]);
    for o in out.iter_mut() {
        *o = each(|l| o[l] * scale[l]);
    }
    (each(|l| absent[l] * scale[l]), mass)
}

impl<R: Real> Teacher<R> {
    /// [`push`](Self::push) for eight samples whose logits are mostly 0, `top` the largest; returns
    /// what the absent classes' residual gains.
    #[inline(always)]
    fn push_present(
        &self,
        samples: &Present<R>,
        top: Lanes<R>,
        residual: &mut [Lanes<R>],
        student: &mut [Lanes<R>],
    ) -> Lanes<R> {
        let cap = self.cap();
        let gate = self.gate();
        let temper = |f: R| {
            let x = self.temperature * f;
            if x < cap { x } else { cap }
        };
        let floor = if self.form.is_truncated() {
            R::zero()
        } else {
            R::neg_infinity()
        };
        let (absent, _) = softmax_of_present(samples, top, temper, student);
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
        for ((e, s), (soft, f)) in rows.zip(samples.soft.iter().zip(samples.logits)) {
            *e = each(|l| e[l] + push(soft[l], s[l], f[l]));
        }
        each(|l| push(samples.absent_soft[l], absent[l], R::zero()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objective::{Distillation, Form, SoftLabels};
    use crate::rows::ClassRows;
    use proptest::prelude::*;

    const K: usize = 12;

    /// Number of classes present on a sample, and the student's and the teacher's logits of these;
    /// `1/τ² = 6.25` is inside their range.
    fn samples() -> impl Strategy<Value = Vec<(usize, Vec<(f64, f64)>)>> {
        let logits = prop::collection::vec((-2.0..15.0, -2.0..15.0), 6);
        prop::collection::vec((1..=6usize, logits), LANES)
    }

    proptest! {
        /// Eight samples with few classes present give the same as each gives with every class
        /// written out.
        #[test]
        fn present_classes_meet_what_all_classes_meet(
            samples in samples(),
            form in prop::sample::select(vec![Form::OneSided, Form::OneSidedGated, Form::TwoSided]),
            soft_labels in prop::sample::select(vec![SoftLabels::All, SoftLabels::Smoothed(0.3)]),
        ) {
            let spec = Distillation {
                temperature: 0.4.into(),
                teacher_scale: 2.0,
                push_rate_per_class: 40.0,
                form,
                soft_labels,
                warm_up_steps: 0.into(),
                steps: 1.into(),
                checkpoints: 0,
            };
            let mut teacher = ClassRows::new();
            for (present, logits) in &samples {
                let entries = logits[..*present].iter().map(|(_, teacher)| *teacher);
                teacher.push((0..).zip(entries), 0.0);
            }
            let labels = std::iter::repeat_n(0, LANES);
            let objective = Objective::distillation(K, &spec, 5.0, &teacher, labels);
            let soft = |l: usize| objective.soft_labels_of(l).expect("a teacher");
            let most = samples.iter().map(|(present, _)| *present).max().unwrap_or(0);
            let of = |none: f64, pick: &dyn Fn(usize, usize) -> f64| -> Vec<Lanes<f64>> {
                let lanes = |class| each(|l| if class < samples[l].0 { pick(l, class) } else { none });
                (0..most).map(lanes).collect()
            };
            let eight = Present {
                logits: &of(f64::NEG_INFINITY, &|l, class| samples[l].1[class].0),
                soft: &of(0.0, &|l, class| soft(l).of(class)),
                absent_soft: each(|l| soft(l).rest),
                absent: each(|l| (K - samples[l].0) as f64),
            };
            let mut residual = vec![[0.0; LANES]; most];
            let mut scratch = residual.clone();
            let fits = objective.residual_of_present(0, eight, &mut residual, &mut scratch);
            for (l, (present, logits)) in samples.iter().enumerate() {
                let mut all = [0.0; K];
                for (f, (student, _)) in all.iter_mut().zip(&logits[..*present]) {
                    *f = *student;
                }
                let mut due = [0.0; K];
                let fit = objective.residual(0, l, 0, &all, &mut due, &mut [0.0; K]);
                for (class, due) in due.into_iter().enumerate() {
                    let found = if class < *present { residual[class][l] } else { fits.absent[l] };
                    // Sums in another order, times η'/η = 8.
                    prop_assert!((found - due).abs() < 1e-12, "class {}: {} not {}", class, found, due);
                }
                prop_assert!((fits.behind[l] - fit.behind).abs() < 1e-12);
                prop_assert!((fits.mass[l] / fit.mass - 1.0).abs() < 1e-12);
            }
        }
    }
}
