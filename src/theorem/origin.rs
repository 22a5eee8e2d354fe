//! The makers of a claim: the paper, an experiment in it, or this project.

use crate::statistics::Band;
use serde::{Deserialize, Serialize};

/// The source of a statement or a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The theory of the paper: a theorem, its proof or a definition.
    Paper,
    /// An experiment that the paper reports.
    PaperExperiment,
    /// This project, as a consequence of the theory.
    Deduction,
    /// This project, where a number or a form had to be chosen.
    Ours,
    /// The theorem file does not say.
    #[default]
    NotStated,
}

/// The sources of the parts of a claim. In a theorem file it is one [`Source`] for all parts, or a
/// table of them.
///
/// ```
/// use multiview::theorem::{Origin, Source};
///
/// #[derive(serde::Deserialize)]
/// struct Claim {
///     origin: Origin,
/// }
/// let of = |text: &str| toml::from_str::<Claim>(text).map(|claim| claim.origin);
/// let paper = of("origin = 'paper'")?;
/// assert_eq!(paper.band, Source::Paper);
/// let mixed = of("origin = { statement = 'paper', band = 'paper', lower = 'ours', statistic = 'ours' }")?;
/// assert_eq!((mixed.lower(), mixed.upper()), (Source::Ours, Source::Paper));
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written")]
pub struct Origin {
    /// The source of the statement.
    pub statement: Source,
    /// The source of the numbers of the claim's band (for a share, of its event).
    pub band: Source,
    /// The source of the lower end, if it differs from the band's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lower: Option<Source>,
    /// The source of the upper end, if it differs from the band's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upper: Option<Source>,
    /// The source of the form: a mean, or a share of at least some number. The theorems
    /// speak of every draw, with a probability that tends to one, so a claim on every world is the
    /// paper's.
    pub statistic: Source,
}

/// An origin as a theorem file writes it.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected \"paper\", \"paper-experiment\", \"deduction\", \"ours\" or \"not-stated\", or a table of these for statement, band, lower, upper and statistic"
)]
enum Written {
    One(Source),
    Each(Each),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Each {
    #[serde(default)]
    statement: Source,
    #[serde(default)]
    band: Source,
    lower: Option<Source>,
    upper: Option<Source>,
    #[serde(default)]
    statistic: Source,
}

impl From<Written> for Origin {
    fn from(written: Written) -> Self {
        match written {
            Written::One(source) => Self {
                statement: source,
                band: source,
                lower: None,
                upper: None,
                statistic: source,
            },
            Written::Each(each) => Self {
                statement: each.statement,
                band: each.band,
                lower: each.lower,
                upper: each.upper,
                statistic: each.statistic,
            },
        }
    }
}

impl Origin {
    /// The source of the lower end.
    pub fn lower(&self) -> Source {
        self.lower.unwrap_or(self.band)
    }

    /// The source of the upper end.
    pub fn upper(&self) -> Source {
        self.upper.unwrap_or(self.band)
    }

    /// True if nothing is said.
    pub fn is_not_stated(&self) -> bool {
        *self == Self::default()
    }

    /// The parts of a claim with this band, by name, and their sources.
    pub fn parts(&self, band: Band) -> Vec<(&'static str, Source)> {
        let mut parts = vec![("statement", self.statement)];
        match (band.lower, band.upper) {
            (Some(_), Some(_)) if self.lower() != self.upper() => {
                parts.extend([("lower end", self.lower()), ("upper end", self.upper())]);
            }
            (Some(_), _) => parts.push(("band", self.lower())),
            (None, _) => parts.push(("band", self.upper())),
        }
        parts.push(("statistic", self.statistic));
        parts
    }
}
