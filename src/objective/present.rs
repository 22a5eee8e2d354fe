//! The residual of a sample whose logits are mostly 0, as the two-rate engine meets it.

use super::tempered::share;
use super::{Fit, Objective, Teacher};
use crate::real::{LANES, Lanes, Real, across, each, lane_sum, larger};

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
        *o = share(x);
        sum = each(|l| sum[l] + o[l]);
    }
    let absent = share([R::zero() - top; LANES])[0];
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
}
