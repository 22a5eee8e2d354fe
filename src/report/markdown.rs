//! The pages for a code host.

use super::assumptions::assumptions;
use super::failed;
use super::{Evidence, Figures, deciding, in_order, predicted_and_measured, tests, text};
use crate::no_views;
use crate::printable::{counted, markdown, markdown_lines};
use crate::statistics::Verdict;
use crate::theorem::{Statistic, Theorem};
use crate::verify::Finding;
use std::fmt::Write;

fn count(findings: &[&Finding], verdict: Verdict) -> usize {
    let of = findings.iter();
    of.filter(|f| f.estimate.verdict == verdict).count()
}

/// The decisions on the claims of a record and of their controls: in a paragraph, and one by one.
fn verdicts(evidence: &Evidence) -> String {
    let plan = &evidence.report.plan;
    let own: Vec<&Finding> = evidence.report.own().collect();
    let controls: Vec<&Finding> = evidence.report.controls().collect();
    let mut out = String::new();
    let _ = writeln!(
        out,
        "\n{}: {} confirmed, {} refuted, {} undecided. {} in negative controls, where the same \
         code must refute them: {} refuted. {} of seed {}, profile {}, multiview {}.\n\n{}\n",
        counted(own.len(), "claim"),
        count(&own, Verdict::Confirmed),
        count(&own, Verdict::Refuted),
        count(&own, Verdict::Undecided),
        counted(controls.len(), "claim"),
        count(&controls, Verdict::Refuted),
        counted(evidence.report.worlds, "world"),
        plan.seed,
        plan.profile,
        markdown(&plan.version),
        guarantee(evidence),
    );
    out += "| theorem | claim | claimed | origin | measured | evidence | worlds | verdict | its negative control |\n";
    out += "|---|---|---|---|---|---|---|---|---|\n";
    for f in &own {
        let answers: Vec<String> = controls
            .iter()
            .filter(|c| c.theorem == f.theorem && c.claim == f.claim)
            .map(|c| {
                format!(
                    "{}: {}, {}",
                    c.control.as_deref().unwrap_or_default(),
                    text::measured(c),
                    text::verdict(c)
                )
            })
            .collect();
        let _ = writeln!(
            out,
            "| [{0}](theorems/{0}.md) | {1} | {2} {3} | {4} | {5} | {6} | {7} | {8} | {9} |",
            f.theorem,
            f.claim,
            text::subject(f.statistic, &f.quantity, f.event, &f.with),
            text::band(f.band),
            text::origin(&f.origins()),
            text::measured(f),
            markdown(&text::evidence(f)),
            f.estimate.worlds,
            text::verdict(f),
            answers.join("; "),
        );
    }
    out
}

/// The theorems of a record that a later one decides, if any.
fn decided_again<'a>(evidence: &Evidence, deciding: impl Fn(&str) -> Option<&'a str>) -> String {
    let mut again = String::new();
    for theorem in evidence.report.plan.theorems.iter() {
        let later = deciding(&theorem.name).filter(|record| *record != evidence.name);
        if let (Some(record), true) = (later, tests(evidence, &theorem.name)) {
            let _ = writeln!(
                again,
                "- [{0}](theorems/{0}.md), in [{record}](records/{record})",
                theorem.name
            );
        }
    }
    if !again.is_empty() {
        again.insert_str(
            0,
            "\nA later record decides these theorems, on a seed of its own:\n\n",
        );
    }
    again
}

/// `README.md`: what was claimed, what was measured and how sure it is.
pub(super) fn overview(main: &Evidence, replications: &[Evidence], figures: &Figures) -> String {
    let picture = &figures.overview;
    let mut out = format!(
        "# What the evidence says\n\n![{0}](figures/{1}.svg)\n\n{2} Data: [CSV](figures/{1}.csv), [JSON](figures/{1}.json).\n\n",
        picture.title, picture.name, picture.caption
    );
    let shown = in_order(main, replications);
    let last = |theorem: &str| deciding(main, replications, theorem);
    let mut heading = "";
    for evidence in &shown {
        if evidence.heading != heading {
            heading = &evidence.heading;
            let gap = if out.ends_with("\n\n") { "" } else { "\n" };
            let _ = writeln!(out, "{gap}## {heading}");
        }
        out += &verdicts(evidence);
        out += &asked_otherwise(evidence);
        out += &decided_again(evidence, last);
    }
    out += "\nA claim is *confirmed* when its interval lies inside the claimed band, *refuted* when the two are disjoint, \
        *undecided* otherwise. The replicate is the world, a data set with its initialisations. Every `test_error` and `gain` is in units of μ; `err` of random features is not. \
        The regime of each theorem is on its page.\n\n\
        The origin says who states a claim, who gives the numbers of its band, and who chose its statistic. It is one of four: the paper's theory, an experiment in the paper, a deduction of \
        ours from the theory, or our own choice, where the paper says without a number that something holds, vanishes or fails.\n";
    out += &regimes(main);
    let others: Vec<&Evidence> = (replications.iter())
        .filter(|e| shown.iter().all(|known| known.name != e.name))
        .collect();
    if !others.is_empty() {
        out += &other_seeds(&others);
        out += &otherwise(&others);
    }
    out += &mechanism(figures);
    out += &maps(figures);
    out += &provenance(main);
    out
}

/// The records that repeat the claims of another, a row each.
fn other_seeds(replications: &[&Evidence]) -> String {
    let mut out = String::from(
        "\n## Replications\n\nThe same claims on other seeds.\n\n\
        | record | seed | profile | confidence | worlds | confirmed | refuted | undecided | controls refuted |\n\
        |---|---|---|---|---|---|---|---|---|\n",
    );
    for evidence in replications {
        let plan = &evidence.report.plan;
        let own: Vec<&Finding> = evidence.report.own().collect();
        let controls: Vec<&Finding> = evidence.report.controls().collect();
        let _ = writeln!(
            out,
            "| [{0}](records/{0}) | {1} | {2} | {3} | {4} | {5} | {6} | {7} | {8} of {9} |",
            evidence.name,
            plan.seed,
            plan.profile,
            plan.confidence,
            evidence.report.worlds,
            count(&own, Verdict::Confirmed),
            count(&own, Verdict::Refuted),
            count(&own, Verdict::Undecided),
            count(&controls, Verdict::Refuted),
            controls.len(),
        );
    }
    out
}

/// The figures that show how a network comes to one view of each class.
fn mechanism(figures: &Figures) -> String {
    let mut out = String::from(
        "\n## The mechanism\n\nFrom one world, chosen by its index (0) before it was trained, and from the random-feature worlds.\n",
    );
    for figure in &figures.mechanism {
        let _ = writeln!(
            out,
            "\n### {0}\n\n![{0}](figures/{1}.svg)\n\n{2} Data: [CSV](figures/{1}.csv), [JSON](figures/{1}.json).",
            figure.title, figure.name, figure.caption
        );
    }
    out
}

/// The maps of parameter space, and the regimes that failed.
fn maps(figures: &Figures) -> String {
    let mut out = String::from("\n## Where it holds, and where it stops\n\n");
    for map in figures.maps {
        let _ = writeln!(
            out,
            "### {}\n\n![{}]({})\n\n{} [More](sweeps/{}/README.md).\n",
            markdown(&map.title),
            markdown(&map.title),
            map.path(),
            map.line,
            map.name
        );
    }
    out + "Regimes that were tried while the shipped ones were chosen, and failed: [failed regimes](failed-regimes.md).\n"
}

/// The records and the version that the reports come from.
fn provenance(main: &Evidence) -> String {
    let plan = &main.report.plan;
    format!(
        "\n## Provenance\n\nMade by `multiview report` from the records under [records](records) (and from those of the sweeps, where there are any); deleting all but the records and running it \
         again restores these files. Record {}, seed {}, multiview {}. For machines: [results.json](results.json), \
         [its schema](results.schema.json).\n",
        main.name,
        plan.seed,
        markdown(&plan.version)
    )
}

/// A claim by its name, and that of the control under which it was decided.
fn claim(f: &Finding) -> String {
    match &f.control {
        Some(control) => format!("{}, control *{control}*", f.claim),
        None => f.claim.clone(),
    }
}

/// The verdicts of the replications that the theory did not expect, one by one.
fn otherwise(replications: &[&Evidence]) -> String {
    let mut out = String::new();
    for evidence in replications {
        for f in evidence.report.findings.iter().filter(|f| !f.as_expected()) {
            let _ = writeln!(
                out,
                "- Seed {}: [{1}](theorems/{1}.md), {2}: {3} after {4}, {5} ({6}); claimed {7}.",
                evidence.report.plan.seed,
                f.theorem,
                claim(f),
                text::verdict(f),
                counted(f.estimate.worlds, "world"),
                text::measured(f),
                markdown(&text::evidence(f)),
                text::band(f.band),
            );
        }
    }
    if !out.is_empty() {
        out.insert_str(0, "\nNot as the theory predicts, or open:\n\n");
    }
    out
}

/// The confidence that the verdicts of a run have together.
fn guarantee(evidence: &Evidence) -> String {
    let plan = &evidence.report.plan;
    let own_level = |f: &Finding| {
        let theorems = plan.theorems.iter().filter(|t| t.name == f.theorem);
        let mut claims = theorems.flat_map(|t| &t.claims);
        claims.any(|c| c.name == f.claim && c.confidence.is_some())
    };
    let on_every = |f: &&Finding| f.statistic == Statistic::EveryWorld;
    let (every, inferred): (Vec<_>, Vec<_>) = evidence.report.findings.iter().partition(on_every);
    let apart = inferred.iter().filter(|f| own_level(f)).count();
    let mut out = format!(
        "Confidence {} % over the {} of one error budget together.",
        text::number(100.0 * plan.confidence, 1.0).trim_end_matches(".0"),
        counted(inferred.len() - apart, "verdict"),
    );
    if apart > 0 {
        let _ = write!(
            out,
            " Outside it {apart} more have a confidence of their own (on their pages)."
        );
    }
    let of_every = match every.len() {
        0 => String::new(),
        1 => " The claim on *every world* says what was seen, with a bound on the worlds not seen."
            .into(),
        more => format!(
            " The {more} claims on *every world* say what was seen, with a bound on the worlds not seen."
        ),
    };
    out += &of_every;
    out + " Intervals for means and shares hold at all numbers of worlds at once, so stopping early is honest. They are exact for shares and bounded \
           means. For other means they are exact if worlds are normal, or if none lies farther than five times the claim's scale beyond the end of its \
           band. Exponents are decided once, after a number of worlds fixed beforehand, by an approximate interval that the tests calibrate by simulation."
}

/// The theorems of a record whose files ask for something else since, if any.
fn asked_otherwise(evidence: &Evidence) -> String {
    let plan = &evidence.report.plan;
    let changed = |theorem: &&Theorem| {
        Theorem::embedded(&theorem.name).is_none_or(|now| !now.asks_as(theorem))
    };
    let names: Vec<String> = (plan.theorems.iter())
        .filter(changed)
        .map(|theorem| format!("[{0}](theorems/{0}.md)", markdown(&theorem.name)))
        .collect();
    if names.is_empty() {
        return String::new();
    }
    format!(
        "\nThe files of these theorems have changed since, in a claim, its scale or a negative control; the table shows what [the record](records/{}/manifest.json) asked: {}.\n",
        evidence.name,
        names.join(", ")
    )
}

/// The same quantities in every regime, so that what one serves and another does not is in plain
/// sight.
fn regimes(main: &Evidence) -> String {
    const QUANTITIES: [(&str, &str); 7] = [
        ("single.test_error", "single model"),
        ("lottery.both_views_share", "classes with both views"),
        ("lottery.predicted_share", "winners predicted"),
        ("ensemble.test_error", "ensemble"),
        ("distilled.test_error", "distilled"),
        ("self_distilled.test_error", "self-distilled"),
        ("joint.test_error", "trained as one sum"),
    ];
    let titles = QUANTITIES.map(|(_, title)| title).join(" | ");
    let mut out = format!(
        "\n## The same quantities in every regime\n\nMeans over worlds. No single regime serves all claims at this size: weak features of other \
         classes keep ties (classes that learn both views) away, but only strong ones carry the dark knowledge.\n\n| regime of | K | {titles} |\n|---|---|---|---|---|---|---|---|---|\n"
    );
    let theorems = main.report.plan.theorems.iter();
    let mut rest: Vec<&Theorem> = theorems
        .filter(|t| t.procedure.members > 0 && t.sweep.is_none() && tests(main, &t.name))
        .collect();
    while let Some(first) = rest.first().copied() {
        let same = |t: &&Theorem| {
            t.regime == first.regime && t.procedure.members == first.procedure.members
        };
        let (row, others): (Vec<_>, Vec<_>) = rest.into_iter().partition(same);
        rest = others;
        // Theorems of one regime have worlds in common: where several measure a quantity, the one
        // with most of them is read.
        let cells = QUANTITIES.map(|(quantity, _)| {
            let worlds = |t: &&Theorem| main.own(&t.name, quantity).len();
            let most = row.iter().copied().max_by_key(worlds);
            most.and_then(|t| main.mean(&t.name, quantity))
                .map_or("—".into(), |x| format!("{x:.3}"))
        });
        let names = row
            .iter()
            .map(|t| format!("[{0}](theorems/{0}.md)", t.name));
        let _ = writeln!(
            out,
            "| {} | {} | {} |",
            names.collect::<Vec<_>>().join(", "),
            first.procedure.members,
            cells.join(" | ")
        );
    }
    out
}

/// The share of the error budget that a finding has to itself.
fn level(f: &Finding) -> String {
    if f.alpha == 0.0 {
        "none needed".into()
    } else {
        format!("{:.1e}", f.alpha)
    }
}

/// Observations that would refute the claims, and the negative controls, in which the same code
/// must refute them.
fn refutations(theorem: &Theorem, findings: &[&Finding]) -> String {
    let mut out = String::from("\n## What would refute it\n\n");
    for claim in &theorem.claims {
        let _ = writeln!(out, "- *{}*: {}.", claim.name, text::refutation(claim));
    }
    if theorem.controls.is_empty() {
        return out;
    }
    out += "\nNegative controls. Each breaks one ingredient, and the same code must refute the claim there:\n\n";
    for control in &theorem.controls {
        let set: Vec<String> = control
            .set
            .iter()
            .map(|(path, value)| format!("`{}`", markdown(&format!("{path} = {value}"))))
            .collect();
        let _ = writeln!(
            out,
            "- *{}* ({}): {}",
            control.name,
            set.join(", "),
            markdown(control.why.trim())
        );
    }
    if !findings.is_empty() {
        out += "\n| control | claim | claimed | measured | evidence | worlds | level α | verdict |\n|---|---|---|---|---|---|---|---|\n";
    }
    for f in findings {
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} | {} |",
            f.control.as_deref().unwrap_or_default(),
            f.claim,
            text::band(f.band),
            text::measured(f),
            markdown(&text::evidence(f)),
            f.estimate.worlds,
            level(f),
            text::verdict(f),
        );
    }
    out
}

/// The page of one theorem: the claim, its verdict, the picture, why, the controls, the regime, and
/// how to reproduce it.
pub(super) fn theorem(main: &Evidence, theorem: &Theorem) -> String {
    let plan = &main.report.plan;
    let of_theorem = |f: &&Finding| f.theorem == theorem.name;
    let own: Vec<&Finding> = main.report.own().filter(of_theorem).collect();
    let controls: Vec<&Finding> = main.report.controls().filter(of_theorem).collect();
    let mut out = format!(
        "# {}\n\n{}\n\nSource: {}.\n\n## Verdict\n\n",
        markdown(&theorem.title),
        markdown_lines(theorem.statement.trim()),
        markdown(&theorem.source)
    );
    out += "| claim | claimed | origin | measured | evidence | worlds | level α | verdict |\n|---|---|---|---|---|---|---|---|\n";
    for f in &own {
        let _ = writeln!(
            out,
            "| {} | {} {} | {} | {} | {} | {} | {} | {} |",
            f.claim,
            text::subject(f.statistic, &f.quantity, f.event, &f.with),
            text::band(f.band),
            text::origin(&f.origins()),
            text::measured(f),
            markdown(&text::evidence(f)),
            f.estimate.worlds,
            level(f),
            text::verdict(f),
        );
    }
    let _ = writeln!(
        out,
        "\n![every world, the interval and the band](../figures/evidence-{0}.svg)\n\nData: [CSV](../figures/evidence-{0}.csv), \
         [JSON](../figures/evidence-{0}.json).",
        theorem.name
    );
    for f in own.iter().chain(&controls) {
        if let Some(law) = &f.power_law {
            let _ = writeln!(
                out,
                "\n{}: {} from the first value to the last, which decides; a line fitted to all has exponent {} ± {} (standard error if the \
                 line is true; χ² = {:.1} on {} degrees of freedom).",
                claim(f),
                text::measured(f),
                text::number(law.fitted_exponent, law.fitted_standard_error),
                text::number(law.fitted_standard_error, law.fitted_standard_error),
                law.chi_squared,
                law.points.len() - 2,
            );
        }
    }
    if let Some(sweep) = &theorem.sweep {
        let values = markdown(&text::swept_values(sweep));
        let _ = writeln!(out, "\nSwept: `{}` = {values}.", markdown(&sweep.path));
    }
    let compared = predicted_and_measured(main, theorem);
    let learned = learned_of_views(main, theorem) + &errors_without_views(main, theorem);
    if !compared.is_empty() || !learned.is_empty() {
        out += "\n## Why\n";
    }
    if !compared.is_empty() {
        out += "\nLeading-order estimates from the regime alone, before training ([how](../../src/prediction.rs)), beside what was measured:\n\n";
        out += "| quantity | predicted | measured (mean over worlds) |\n|---|---|---|\n";
        for (name, predicted, measured) in compared {
            let _ = writeln!(out, "| `{name}` | {predicted:.3} | {measured:.3} |");
        }
    }
    out += &learned;
    out += &refutations(theorem, &controls);
    out += "\n## The regime against the paper's assumptions\n";
    if theorem.procedure.no_views.is_some() {
        out += "\nInputs without views take k, N, d and ν² from it. The other rows on data describe the *multi-view* control.\n";
    }
    out += "\n| parameter | the paper | here | standing |\n|---|---|---|---|\n";
    for a in assumptions(&theorem.regime, &theorem.procedure) {
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} |",
            a.parameter, a.paper, a.here, a.standing
        );
    }
    out += &failed::of_theorem(&theorem.name);
    let worlds = theorem.budget(plan.profile).map(|b| theorem.most_worlds(b));
    let worlds = counted(worlds.and_then(Result::ok).unwrap_or_default(), "world");
    let _ = writeln!(
        out,
        "\n## Reproduce\n\n```sh\ncargo run --release -- verify {} --profile {} --seed {}\n```\n\nAt most {worlds}. A theorem decided alone \
         has the whole error budget to itself, and may stop earlier than here.\n\nMade from record [{3}](../records/{3}), by multiview {4}. Hash of the regime and \
         procedure, under which it holds the worlds of the claims: {5}.",
        theorem.name,
        plan.profile,
        plan.seed,
        main.name,
        markdown(&plan.version),
        own.first()
            .map_or(String::new(), |f| hashes(&f.experiments)),
    );
    out
}

fn hashes(experiments: &[String]) -> String {
    let quoted: Vec<String> = experiments.iter().map(|key| format!("`{key}`")).collect();
    quoted.join(", ")
}

/// The errors of each network on inputs without views; empty for theorems without them.
fn errors_without_views(main: &Evidence, theorem: &Theorem) -> String {
    const MEASURES: [(&str, &str); 2] = [
        ("err", "wrong on fresh inputs"),
        ("training_err", "wrong in training"),
    ];
    let of = |name: &str| main.mean(&theorem.name, &format!("no_views.{name}"));
    if of("err_single").is_none() {
        return String::new();
    }
    let mut out =
        String::from("\n### How often each network errs\n\nMeans over worlds.\n\n| model |");
    for (_, title) in MEASURES {
        let _ = write!(out, " {title} |");
    }
    out += "\n|---|---|---|\n";
    for (model, title) in no_views::MODELS {
        let cells = MEASURES.map(|(measure, _)| {
            let mean = of(&format!("{measure}_{model}"));
            mean.map_or("—".into(), |x| format!("{x:.4}"))
        });
        let _ = writeln!(out, "| {title} | {} |", cells.join(" | "));
    }
    for (name, title) in no_views::WORLD_QUANTITIES {
        if let Some(mean) = of(name) {
            let _ = write!(out, "\n`{name}`, {title}: {mean:.3}.\n");
        }
    }
    out
}

/// The errors of each random-feature model over both parts of the data and of every view; empty for
/// theorems without them.
fn learned_of_views(main: &Evidence, theorem: &Theorem) -> String {
    const MEASURES: [(&str, &str); 8] = [
        ("err_multi_view", "error, multi-view"),
        ("err_single_view", "error, single-view"),
        ("acc_view_1", "right on view 1 alone"),
        ("acc_view_2", "right on view 2 alone"),
        ("acc_view_3", "right on view 3 alone"),
        ("acc_view_4", "right on view 4 alone"),
        ("classes_both", "classes with every view known"),
        ("condition", "condition number"),
    ];
    let of = |model: &str, measure: &str| {
        main.mean(&theorem.name, &format!("random_features.{measure}_{model}"))
    };
    if theorem.sweep.is_some() || of("single", "err_multi_view").is_none() {
        return String::new();
    }
    // Views that a class does not have are measured of no model.
    let measures = MEASURES.iter().filter(|(measure, _)| {
        let of_some_model = |(model, _): &(&str, &str)| of(model, measure).is_some();
        crate::random_features::MODELS.iter().any(of_some_model)
    });
    let (measures, titles): (Vec<&str>, Vec<&str>) = measures.copied().unzip();
    let mut out = format!(
        "\n### What each model has learned\n\nMeans over worlds.\n\n| model | {} |\n|---|{}\n",
        titles.join(" | "),
        "---|".repeat(titles.len())
    );
    for (model, title) in crate::random_features::MODELS {
        // A model that only some worlds have.
        if of(model, "err_multi_view").is_none() {
            continue;
        }
        let cells = measures.iter().map(|measure| match of(model, measure) {
            Some(x) if *measure == "condition" => format!("{x:.0e}"),
            Some(x) => format!("{x:.3}"),
            None => "—".into(),
        });
        let cells: Vec<String> = cells.collect();
        let _ = writeln!(out, "| {title} | {} |", cells.join(" | "));
    }
    out
}
