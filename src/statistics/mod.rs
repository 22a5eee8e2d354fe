//! Confidence over worlds: is a claimed bound confirmed, refuted, or still undecided?
//!
//! The replicate is the *world*. Worlds are trained one after another and a run may stop at the
//! first decision, so every interval that decides a claim is **time-uniform**: it holds at all
//! numbers of worlds at once, and looking after each world costs nothing ([`asymptotic`],
//! [`betting`], [`share`]). Fixed-size intervals ([`interval`]) only describe.
//!
//! # Which error is bounded
//!
//! A claim is a [`Band`] for a mean over worlds. It is confirmed when the interval lies inside the
//! band and refuted when the two are disjoint ([`decide`]). With level `α`, *the probability that a
//! wrong verdict is ever reached is at most `α`*:
//!
//! - a band with **two ends** uses a two-sided sequence of coverage `1 − α`;
//! - a band with **one end** spends the whole `α` on each end of its interval. Only one of the two
//!   mistakes is possible in any given truth (a false bound cannot be wrongly refuted), so the
//!   verdict's error stays `α`; each end is a `1 − α` bound by itself, and the two ends together
//!   cover with `1 − 2α` ([`Sides`]).
//!
//! A world in which the quantity has no number counts against the claim, and is never left out
//! ([`Sequence::observe_undefined`]).
//!
//! An exponent ([`exponent`]) is decided once, after a number of worlds fixed beforehand.
//!
//! [`ErrorBudget`] divides one family-wise `α` over the claims of a run.
//!
//! # Choosing a [`Method`]
//!
//! | method | needs | guarantee |
//! |---|---|---|
//! | [`Method::Asymptotic`] | a scale | exact for normal worlds of any spread, and for every law without jumps beyond five scales; blind to rare larger jumps |
//! | [`Method::Betting`] | a known range `[a, b]` | exact for every law on the range |
//! | [`Method::Share`] | worlds that succeed or fail | exact |
//!
//! ```
//! use multiview::statistics::{Band, Method, Sequence, Verdict};
//!
//! let claim = Band { lower: Some(0.9), upper: None };
//! let mut sequence = Sequence::new(Method::Share, claim, 0.05, 60)?;
//! while sequence.verdict() == Verdict::Undecided {
//!     sequence.observe(1.0)?;
//! }
//! assert_eq!(sequence.verdict(), Verdict::Confirmed);
//! assert!(sequence.estimate().worlds <= 45);
//! # Ok::<(), multiview::field::FieldError>(())
//! ```

pub mod asymptotic;
pub mod betting;
pub mod budget;
pub mod exponent;
pub mod interval;
mod jumps;
mod root;
pub mod sequence;
pub mod share;
pub mod summary;
pub mod verdict;

pub use asymptotic::AsymptoticSequence;
pub use betting::HedgedBetting;
pub use budget::ErrorBudget;
pub use exponent::{Moment, PowerLaw};
pub use interval::{Interval, clopper_pearson, student};
pub(crate) use root::last_holding;
pub use sequence::{Estimate, Method, Sequence};
pub use share::ShareSequence;
pub use summary::Summary;
pub use verdict::{Band, Sides, Verdict, decide};
