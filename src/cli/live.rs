//! What is shown while an exploration runs.

use indicatif::{ProgressBar, ProgressStyle};
use multiview::explore::maps::{glyph, text_map};
use multiview::explore::{Cells, Sweep};
use multiview::verify::{Event, Finding};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Mutex;

/// Cells settled, in flight and left, and the map so far.
pub struct Live<'a> {
    pub bar: ProgressBar,
    sweep: &'a Sweep,
    cells: usize,
    state: Mutex<Progress>,
}

#[derive(Default)]
struct Progress {
    settled: BTreeSet<String>,
    in_flight: usize,
    findings: BTreeMap<String, Vec<Finding>>,
}

impl<'a> Live<'a> {
    pub fn new(sweep: &'a Sweep, cells: usize) -> Self {
        let bar = ProgressBar::new(cells as u64);
        let style = ProgressStyle::with_template("{spinner} {bar:20} {elapsed} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(std::time::Duration::from_millis(200));
        Self {
            bar,
            sweep,
            cells,
            state: Mutex::default(),
        }
    }

    pub fn show(&self, event: &Event) {
        let mut state = self
            .state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        match event {
            Event::Started { .. } => state.in_flight += 1,
            Event::Finished { experiment, world } => {
                state.in_flight = state.in_flight.saturating_sub(1);
                if experiment.settled() || experiment.worlds() >= experiment.budget {
                    state.settled.insert(experiment.key.clone());
                }
                let findings: Vec<Finding> = experiment.findings().collect();
                if self.bar.is_hidden() {
                    let claims: Vec<String> = findings.iter().map(one_line).collect();
                    let claims = claims.join(", ");
                    eprintln!("{}: world {world} done; {claims}", experiment.title);
                }
                state.findings.insert(experiment.key.clone(), findings);
            }
        }
        self.bar.set_position(state.settled.len() as u64);
        self.bar.set_message(self.message(&state));
    }

    fn message(&self, state: &Progress) -> String {
        let settled = state.settled.len();
        let left = self.cells.saturating_sub(settled + state.in_flight);
        let mut message = format!(
            "{}: {settled} cells settled, {} in flight, {left} left",
            self.sweep.name, state.in_flight
        );
        let findings: Vec<Finding> = state.findings.values().flatten().cloned().collect();
        // A sweep that has begun is in range.
        if let Ok(cells) = Cells::of(self.sweep, &findings) {
            for claim in cells.claims() {
                let _ = write!(message, "\n{claim}\n{}", text_map(&cells, claim));
            }
        }
        message
    }
}

fn one_line(f: &Finding) -> String {
    let mark = glyph(f.estimate.verdict);
    format!("{mark} {} {:.4}", f.claim, f.estimate.mean)
}
