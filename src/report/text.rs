//! Words and numbers of findings and claims, wherever they are shown.

use crate::field::FieldError;
use crate::printable::{counted, line};
use crate::statistics::{Band, Interval, ShareSequence, Sides, Verdict};
use crate::theorem::{Claim, ParameterSweep, Source, Statistic};
use crate::verify::Finding;
use std::collections::BTreeMap;

/// A number with as many decimals as an interval of this width supports: one digit beyond its
/// leading one, at most four.
pub fn number(value: f64, width: f64) -> String {
    if value.is_nan() {
        return "—".into();
    }
    if !value.is_finite() {
        return if value > 0.0 { "∞" } else { "−∞" }.into();
    }
    let decimals = if width.is_finite() && width > 0.0 {
        (1.0 - width.log10().floor()).clamp(0.0, 4.0) as usize
    } else {
        4
    };
    let text = format!("{value:.decimals$}");
    let zero = text.chars().all(|c| matches!(c, '-' | '0' | '.'));
    match text.strip_prefix('-') {
        Some(rest) if zero => rest.into(),
        Some(rest) => format!("−{rest}"),
        None => text,
    }
}

/// An interval, rounded to what it supports.
pub fn interval(interval: Interval) -> String {
    let width = interval.width();
    format!(
        "[{}, {}]",
        number(interval.lower, width),
        number(interval.upper, width)
    )
}

/// A band as an inequality.
pub fn band(band: Band) -> String {
    let n = |x: f64| format!("{x}").replace('-', "−");
    match (band.lower, band.upper) {
        (Some(lower), Some(upper)) if lower == upper => format!("= {}", n(lower)),
        (Some(lower), Some(upper)) => format!("in [{}, {}]", n(lower), n(upper)),
        (Some(lower), None) => format!("≥ {}", n(lower)),
        (None, Some(upper)) => format!("≤ {}", n(upper)),
        (None, None) => "anything".into(),
    }
}

/// The values of a swept parameter, and how the worlds are spread over them.
pub fn swept_values(sweep: &ParameterSweep) -> String {
    let list = |values: Vec<String>| values.join(", ");
    let values = list(sweep.values.iter().map(ToString::to_string).collect());
    match &sweep.multiples {
        None => values,
        Some(multiples) => format!(
            "{values}, with {} times the worlds of the profile",
            list(multiples.iter().map(ToString::to_string).collect())
        ),
    }
}

/// The evidence behind a finding's value. Usually this is its interval. For a claim on every world
/// it is the number of worlds that held, with a bound on the share of others. Worlds without a
/// number are named in either case.
pub fn evidence(finding: &Finding) -> String {
    of_numbers(finding) + &without_a_number(finding)
}

/// The number of a finding's worlds that lack a value, with the reason, in one line; nothing if all
/// have one.
pub fn without_a_number(finding: &Finding) -> String {
    finding
        .undefined
        .as_ref()
        .map_or(String::new(), |undefined| {
            format!(
                "; no number in {} of {}, which count against the claim (world {}: {})",
                undefined.worlds,
                counted(finding.estimate.worlds, "world"),
                undefined.first,
                line(&undefined.reason) // which a record may say
            )
        })
}

fn of_numbers(finding: &Finding) -> String {
    let estimate = &finding.estimate;
    if let Some(reason) = &finding.undecidable {
        return reason.clone();
    }
    if finding.statistic != Statistic::EveryWorld {
        return interval(estimate.interval);
    }
    if estimate.verdict == Verdict::Refuted {
        return format!("broken; worlds range over {}", interval(estimate.interval));
    }
    let others = share_that_may_differ(estimate.worlds).unwrap_or(1.0);
    format!(
        "held in {0} of {0}; at 95 % at most {1:.0} % of worlds differ",
        estimate.worlds,
        100.0 * others
    )
}

/// The largest share of worlds that may differ, at 95 %, when none of `worlds` did. The bound is
/// valid although other claims decide when to stop.
fn share_that_may_differ(worlds: u64) -> Result<f64, FieldError> {
    let mut same = ShareSequence::new(0.05, Sides::One)?;
    for _ in 0..worlds {
        same.observe(1.0)?;
    }
    Ok(1.0 - same.interval().lower)
}

/// Words without the marks of a code host.
pub fn plain(words: &str) -> String {
    words.replace('`', "")
}

/// The subject of a claim, without its band.
pub fn subject(
    statistic: Statistic,
    quantity: &str,
    event: Option<Band>,
    with: &BTreeMap<String, Band>,
) -> String {
    match (statistic, event) {
        (Statistic::Mean | Statistic::BoundedMean, _) => format!("mean of `{quantity}`"),
        (Statistic::Share, Some(event)) => {
            let all = std::iter::once((quantity, event));
            let all = all.chain(
                with.iter()
                    .map(|(quantity, band)| (quantity.as_str(), *band)),
            );
            let all: Vec<String> = all
                .map(|(quantity, event)| format!("`{quantity}` {}", band(event)))
                .collect();
            format!("share of worlds with ({})", all.join(" and "))
        }
        (Statistic::Share | Statistic::EveryWorld, _) => format!("`{quantity}` in every world"),
        (Statistic::MeanExponent, _) => format!("exponent of the mean of `{quantity}`"),
        (Statistic::SpreadExponent, _) => format!("exponent of the spread of `{quantity}`"),
    }
}

/// The origin of a claim in words: the source of its statement, then the parts with another source.
pub fn origin(parts: &[(&'static str, Source)]) -> String {
    let mut groups: Vec<(Source, Vec<&str>)> = Vec::new();
    for (part, source) in parts {
        match groups.iter_mut().find(|(known, _)| known == source) {
            Some((_, of_source)) => of_source.push(part),
            None => groups.push((*source, vec![part])),
        }
    }
    let mut groups = groups.into_iter();
    let first = groups
        .next()
        .map_or("", |(stated, _)| by(stated))
        .to_owned();
    groups.fold(first, |words, (source, parts)| {
        format!("{words}; {} {}", parts.join(" and "), by(source))
    })
}

/// The name of a source.
fn by(source: Source) -> &'static str {
    match source {
        Source::Paper => "paper",
        Source::PaperExperiment => "paper's experiment",
        Source::Deduction => "deduction",
        Source::Ours => "ours",
        Source::NotStated => "not stated",
    }
}

/// The finding that would refute a claim.
pub fn refutation(claim: &Claim) -> &'static str {
    match claim.statistic {
        Statistic::EveryWorld => "one world outside the band",
        Statistic::MeanExponent | Statistic::SpreadExponent => {
            "the exponent's interval, once all worlds are there, wholly outside the band"
        }
        _ => "the time-uniform interval over worlds wholly outside the band",
    }
}

/// A finding's verdict with a mark, so that it does not hang on colour.
pub fn verdict(finding: &Finding) -> String {
    match (finding.estimate.verdict, finding.as_expected()) {
        (Verdict::Undecided, _) => "… undecided".into(),
        (verdict, true) => format!("✓ {verdict}"),
        (verdict, false) => format!("✗ {verdict}"),
    }
}

/// The measured value: a mean, a share, an exponent.
pub fn measured(finding: &Finding) -> String {
    let estimate = &finding.estimate;
    let nothing_seen = estimate.worlds == 0;
    let mean = if nothing_seen {
        f64::NAN
    } else {
        estimate.mean
    };
    number(mean, estimate.interval.width())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_names_the_parts_that_are_of_another() {
        use Source::{NotStated, Ours, Paper};
        let parts = |s, b, t| [("statement", s), ("band", b), ("statistic", t)];
        assert_eq!(origin(&parts(Paper, Paper, Paper)), "paper");
        assert_eq!(origin(&parts(Paper, Paper, Ours)), "paper; statistic ours");
        assert_eq!(
            origin(&parts(Paper, Ours, Ours)),
            "paper; band and statistic ours"
        );
        assert_eq!(
            origin(&parts(NotStated, NotStated, NotStated)),
            "not stated"
        );
        let ends = [
            ("statement", Paper),
            ("lower end", Ours),
            ("upper end", Paper),
            ("statistic", Ours),
        ];
        assert_eq!(origin(&ends), "paper; lower end and statistic ours");
    }

    #[test]
    fn numbers_say_what_their_interval_supports() {
        assert_eq!(number(0.49527, 0.004), "0.4953");
        assert_eq!(number(0.49527, 0.2), "0.50");
        assert_eq!(number(-0.73662, 0.5), "−0.74");
        assert_eq!(number(-0.0001, 0.1), "0.00");
        assert_eq!(number(f64::NEG_INFINITY, 1.0), "−∞");
        assert_eq!(number(3.0, 0.0), "3.0000");
    }
}
