//! Shards: part `I` of `N` of a run, under any launcher.
//!
//! A sweep deals out its cells, a verification its worlds. Neither lets the parts know of each
//! other, so they may run anywhere and at any time.

use crate::field::{FieldError, require};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The cells or worlds whose index leaves the rest `index` when divided by `count`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shard {
    /// `I`, from 0.
    pub index: usize,
    /// `N`.
    pub count: usize,
}

impl Shard {
    /// The only part.
    pub const WHOLE: Self = Self { index: 0, count: 1 };

    /// True if there is no other part.
    pub fn is_whole(&self) -> bool {
        *self == Self::WHOLE
    }

    /// True if the cell or world of this index belongs to it.
    pub fn has(&self, index: usize) -> bool {
        index % self.count == self.index
    }

    /// Checks that it is one of its parts.
    ///
    /// # Errors
    /// An index that is not below the count.
    pub fn validate(&self) -> Result<(), FieldError> {
        let Self { index, count } = self;
        require(
            index < count,
            "shard",
            self.to_string(),
            "I/N with I below N",
        )
    }

    /// Reads the shard from the launcher: `SLURM_ARRAY_TASK_ID` (counted from
    /// `SLURM_ARRAY_TASK_MIN`) of `SLURM_ARRAY_TASK_COUNT`, or Kubernetes' `JOB_COMPLETION_INDEX`
    /// of `JOB_COMPLETIONS`; `None` outside of both. `variable` reads the environment.
    ///
    /// # Errors
    /// A variable that is not a number, or a count that is missing or too small.
    pub fn of_launcher(
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, FieldError> {
        let number = |name: &str| -> Result<Option<usize>, FieldError> {
            let Some(text) = variable(name) else {
                return Ok(None);
            };
            let parsed = text.parse();
            let parsed =
                parsed.map_err(|_| FieldError::out_of_range(name, &text, "a whole number"));
            parsed.map(Some)
        };
        for (index, first, count) in [
            (
                "SLURM_ARRAY_TASK_ID",
                "SLURM_ARRAY_TASK_MIN",
                "SLURM_ARRAY_TASK_COUNT",
            ),
            ("JOB_COMPLETION_INDEX", "", "JOB_COMPLETIONS"),
        ] {
            let Some(task) = number(index)? else {
                continue;
            };
            let first = number(first)?.unwrap_or(0);
            let total = number(count)?.ok_or_else(|| {
                FieldError::missing(count, format!("{index} is set, and the two go together"))
            })?;
            let shard = Self {
                index: task.wrapping_sub(first),
                count: total,
            };
            require(
                shard.index < shard.count,
                index,
                task,
                format!(
                    "{first} to below {first} + {}; array steps other than 1 are not supported",
                    shard.count
                ),
            )?;
            return Ok(Some(shard));
        }
        Ok(None)
    }
}

impl Default for Shard {
    fn default() -> Self {
        Self::WHOLE
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl FromStr for Shard {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, FieldError> {
        text.split_once('/')
            .and_then(|(i, n)| Some((i.trim().parse().ok()?, n.trim().parse().ok()?)))
            .filter(|(index, count): &(usize, usize)| index < count)
            .map(|(index, count)| Self { index, count })
            .ok_or_else(|| FieldError::out_of_range("shard", text, "I/N with I from 0 to below N"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn launchers_are_recognised() {
        let of = |pairs: &[(&str, &str)]| {
            let pairs = pairs.to_vec();
            Shard::of_launcher(move |name| {
                let found = pairs.iter().find(|(n, _)| *n == name);
                found.map(|(_, value)| value.to_string())
            })
        };
        assert_eq!(of(&[]), Ok(None));
        let slurm = [
            ("SLURM_ARRAY_TASK_ID", "3"),
            ("SLURM_ARRAY_TASK_MIN", "1"),
            ("SLURM_ARRAY_TASK_COUNT", "8"),
        ];
        assert_eq!(of(&slurm), Ok(Some(Shard { index: 2, count: 8 })));
        let job = [("JOB_COMPLETION_INDEX", "4"), ("JOB_COMPLETIONS", "5")];
        assert_eq!(of(&job), Ok(Some(Shard { index: 4, count: 5 })));
        assert_eq!(of(&job[..1]).unwrap_err().field, "JOB_COMPLETIONS");
        assert_eq!(
            of(&[("SLURM_ARRAY_TASK_ID", "x")]).unwrap_err().field,
            "SLURM_ARRAY_TASK_ID"
        );
    }

    #[test]
    fn every_index_belongs_to_one_shard() {
        let shards: Vec<Shard> = (0..3).map(|i| format!("{i}/3").parse().unwrap()).collect();
        for index in 0..20 {
            assert_eq!(shards.iter().filter(|s| s.has(index)).count(), 1);
        }
        for bad in ["3/3", "1", "-1/2", "0/0", "a/b"] {
            assert_eq!(bad.parse::<Shard>().unwrap_err().field, "shard");
        }
    }
}
