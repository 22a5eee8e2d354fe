//! The display of a running verification.

use super::Failure;
use super::estimate::duration;
use super::pace::Pace;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use multiview::printable::{counted, line};
use multiview::record::{Kept, Record};
use multiview::report::text;
use multiview::statistics::Verdict;
use multiview::verify::{Event, Experiment, Plan, Report};
use std::collections::HashMap;
use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Runs a plan under a display of its progress.
pub fn watched(plan: &Plan, record: Record, kept: Kept, threads: usize) -> Result<Report, Failure> {
    let progress = Progress::new(threads);
    let report = plan.run(record, kept, threads, &|event| progress.show(&event))?;
    progress.bars.clear()?;
    Ok(report)
}

/// One line for each experiment that has begun, and one for all of them, on standard error.
struct Progress {
    bars: MultiProgress,
    total: ProgressBar,
    threads: usize,
    state: Mutex<State>,
    plain: bool,
}

#[derive(Default)]
struct State {
    pace: Pace,
    lines: HashMap<String, ProgressBar>,
}

impl Progress {
    fn new(threads: usize) -> Self {
        let plain = !std::io::stderr().is_terminal();
        let bars = MultiProgress::new();
        if plain {
            bars.set_draw_target(ProgressDrawTarget::hidden());
        }
        let total = bars.add(ProgressBar::new(0));
        total.set_style(style("{bar:20} {pos} of {len} settled, {elapsed}{msg}"));
        total.enable_steady_tick(Duration::from_millis(200));
        Self {
            bars,
            total,
            threads,
            state: Mutex::default(),
            plain,
        }
    }

    fn show(&self, event: &Event) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.pace.note(event);
        let left = state.pace.seconds_left(self.threads).filter(|s| *s > 0.0);
        let left = left.map_or(String::new(), |s| format!(", about {} left", duration(s)));
        let (settled, all) = state.pace.settled();
        self.total.set_length(all as u64);
        self.total.set_position(settled as u64);
        self.total.set_message(left.clone());
        let experiment = match event {
            Event::Begun { .. } => return,
            Event::Kept { experiment }
            | Event::Started { experiment, .. }
            | Event::Finished { experiment, .. } => experiment,
        };
        let bar = state.lines.entry(experiment.title.clone());
        let bar = bar.or_insert_with(|| {
            let bar = ProgressBar::new(experiment.due());
            let bar = self.bars.insert_before(&self.total, bar);
            bar.set_style(style("{spinner} {prefix}: {pos} worlds; {wide_msg}"));
            bar.set_prefix(line(&experiment.title));
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        if let Event::Started { .. } = event {
            return;
        }
        bar.set_position(experiment.worlds());
        bar.set_message(line(&standing(experiment)));
        if experiment.settled() || experiment.worlds() == experiment.due() {
            bar.set_style(style("  {prefix}: {pos} worlds; {wide_msg}"));
            bar.abandon(); // where it stands: nothing is left, whatever the budget
        }
        if let (Event::Finished { world, .. }, true) = (event, self.plain) {
            tell!(
                "{}: world {world} done; {}; {settled} of {all} settled{left}",
                experiment.title,
                standing(experiment)
            );
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// The claim that is furthest from being settled, against its band.
fn standing(experiment: &Experiment) -> String {
    if experiment.is_dealt_out() {
        return format!(
            "{} of {} of this shard",
            experiment.worlds(),
            counted(experiment.due(), "world")
        );
    }
    let open = experiment
        .findings()
        .find(|f| f.estimate.verdict == Verdict::Undecided);
    match open {
        Some(f) if f.estimate.worlds == 0 => format!("{}: waits for an earlier world", f.claim),
        Some(f) if f.estimate.mean.is_nan() => match &f.undefined {
            Some(_) => format!("{}: no world has a number", f.claim),
            None => format!("{}: decided when all worlds are there", f.claim),
        },
        Some(f) => format!(
            "{}: {:.4} {} claimed {}",
            f.claim,
            f.estimate.mean,
            text::interval(f.estimate.interval),
            text::band(f.band)
        ),
        None => "settled".into(),
    }
}
