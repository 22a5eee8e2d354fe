//! The display of a running exploration.

use super::estimate::duration;
use super::pace::Pace;
use indicatif::{ProgressBar, ProgressStyle};
use multiview::explore::maps::{glyph, text_maps};
use multiview::explore::{Cells, Manifest};
use multiview::printable::{counted, lines};
use multiview::report::text;
use multiview::verify::{Event, Finding};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Cells settled, in flight and left, and the map so far.
pub struct Live<'a> {
    pub bar: ProgressBar,
    manifest: &'a Manifest,
    threads: usize,
    state: Mutex<Progress>,
}

#[derive(Default)]
struct Progress {
    pace: Pace,
    settled: BTreeSet<String>,
    /// Worlds in flight, by cell.
    in_flight: BTreeMap<String, usize>,
    findings: BTreeMap<String, Vec<Finding>>,
    /// The map as last drawn, and when: to draw it takes longer than some worlds.
    map: String,
    drawn: Option<Instant>,
}

impl<'a> Live<'a> {
    pub fn new(manifest: &'a Manifest, threads: usize) -> Self {
        let bar = ProgressBar::new(0);
        let style = ProgressStyle::with_template("{spinner} {bar:20} {elapsed} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(Duration::from_millis(200));
        Self {
            bar,
            manifest,
            threads,
            state: Mutex::default(),
        }
    }

    pub fn show(&self, event: &Event) {
        let mut state = self
            .state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        state.pace.note(event);
        let experiment = match event {
            Event::Begun { experiments } => {
                self.bar.set_length(experiments.len() as u64);
                return;
            }
            Event::Kept { experiment }
            | Event::Started { experiment, .. }
            | Event::Finished { experiment, .. } => experiment,
        };
        let key = &experiment.title;
        if let Event::Started { .. } = event {
            *state.in_flight.entry(key.clone()).or_default() += 1;
        } else {
            if experiment.settled() {
                state.settled.insert(key.clone());
            }
            let findings: Vec<Finding> = experiment.findings().collect();
            if let Event::Finished { world, .. } = event {
                if let Some(worlds) = state.in_flight.get_mut(key) {
                    *worlds = worlds.saturating_sub(1); // a world of another cell with the same regime and procedure may count for this one
                }
                if self.bar.is_hidden() {
                    let claims: Vec<String> = findings.iter().map(one_line).collect();
                    let claims = claims.join(", ");
                    tell!("{}: world {world} done; {claims}", experiment.title);
                }
            }
            state.findings.insert(key.clone(), findings);
        }
        if !self.bar.is_hidden() {
            self.bar.set_position(state.settled.len() as u64);
            self.bar.set_message(lines(&self.message(&mut state)));
        }
    }

    fn message(&self, state: &mut Progress) -> String {
        let settled = state.settled.len();
        let open = |key: &String, worlds: usize| worlds > 0 && !state.settled.contains(key);
        let in_flight = (state.in_flight.iter())
            .filter(|(key, worlds)| open(key, **worlds))
            .count();
        let (_, cells) = state.pace.settled();
        let left = cells.saturating_sub(settled + in_flight);
        let time = state.pace.seconds_left(self.threads);
        let time = time.map_or(String::new(), |s| format!(", about {}", duration(s)));
        if state
            .drawn
            .is_none_or(|at| at.elapsed() > Duration::from_secs(1))
        {
            state.map.clear();
            let findings: Vec<Finding> = state.findings.values().flatten().cloned().collect();
            // A sweep that has begun is in range.
            if let Ok(cells) = Cells::of(self.manifest, &findings) {
                let _ = write!(state.map, "\n{}", text_maps(&cells));
            }
            state.drawn = Some(Instant::now());
        }
        let name = &self.manifest.sweep.name;
        format!(
            "{name}: {} settled, {in_flight} in flight, {left} left{time}{}",
            counted(settled, "cell"),
            state.map
        )
    }
}

fn one_line(f: &Finding) -> String {
    if f.estimate.worlds == 0 {
        return format!("{} waits for an earlier world", f.claim);
    }
    let mark = glyph(f.estimate.verdict);
    let lacking = text::without_a_number(f);
    format!("{mark} {} {}{lacking}", f.claim, text::measured(f))
}
