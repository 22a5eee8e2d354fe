//! Refusing, before anything is trained, what would not fit in this machine's memory.

use super::Failure;
use multiview::explore::{Manifest, pages};
use multiview::field::FieldError;
use multiview::procedure::memory::Part;
use multiview::verify::Plan;
use std::fs::read_to_string;
use std::path::Path;

/// Refuses a run whose worlds, on this number of threads, would not fit in this machine.
pub fn require(plan: &Plan, threads: usize) -> Result<(), Failure> {
    match available() {
        Some(size) => require_within(plan, threads, size, "this machine"),
        None => Ok(()),
    }
}

/// Refuses a run whose worlds, on this number of threads, would not fit in the bytes that `place`
/// has.
pub fn require_within(plan: &Plan, threads: usize, size: f64, place: &str) -> Result<(), Failure> {
    let need = plan.memory(threads)?;
    if need.bytes <= size {
        return Ok(());
    }
    let world = total(&need.parts);
    let fitting = (size / world) as usize;
    let advice = match fitting {
        0 => "smaller values of what is named are needed".into(),
        fitting => format!("threads = {} would fit", fitting.min(threads)),
    };
    let allowed = format!(
        "these worlds need about {}, and {place} has {}. One of {} needs {}; {advice}",
        bytes(need.bytes),
        bytes(size),
        need.title,
        in_words(&need.parts),
    );
    Err(FieldError::out_of_range("threads", &threads, allowed).into())
}

/// Refuses a run that needs more memory than there is.
pub fn require_parts(parts: &[Part]) -> Result<(), Failure> {
    let Some(size) = available() else {
        return Ok(());
    };
    if total(parts) <= size {
        return Ok(());
    }
    Err(format!(
        "memory = {} is out of range: at most the {} of this machine; needed are {}",
        bytes(total(parts)),
        bytes(size),
        in_words(parts)
    )
    .into())
}

/// Refuses maps that are too large to be drawn.
pub fn require_pictures(manifest: &Manifest) -> Result<(), Failure> {
    require_parts(&[("the pixels of a map (axes)", pages::bytes(manifest)?)])
}

fn total(parts: &[Part]) -> f64 {
    parts.iter().map(|(_, bytes)| bytes).sum()
}

/// The sum and its parts, the largest first; without those that make no difference.
fn in_words(parts: &[Part]) -> String {
    let total = total(parts);
    let mut parts: Vec<&Part> = parts.iter().filter(|p| p.1 > 0.01 * total).collect();
    parts.sort_by(|a, b| b.1.total_cmp(&a.1));
    let each = parts
        .iter()
        .map(|(what, need)| format!("{} for {what}", bytes(*need)));
    format!("{}: {}", bytes(total), each.collect::<Vec<_>>().join(", "))
}

fn bytes(bytes: f64) -> String {
    match bytes {
        b if b < 1e9 => format!("{:.0} MB", 1e-6 * b),
        b => format!("{:.1} GB", 1e-9 * b),
    }
}

/// Bytes of memory, as Linux tells: the machine's, or what it grants this process's group (as Slurm
/// and Kubernetes ask of it).
fn available() -> Option<f64> {
    let facts = read_to_string("/proc/meminfo").ok()?;
    let total = facts.lines().find_map(|l| l.strip_prefix("MemTotal:"))?;
    let kilobytes: f64 = total.trim().strip_suffix(" kB")?.parse().ok()?;
    let groups = read_to_string("/proc/self/cgroup").unwrap_or_default();
    let limits = groups.lines().flat_map(limits);
    Some(limits.fold(1024.0 * kilobytes, f64::min))
}

/// The limits of a group and of those it belongs to; a line is `ID:CONTROLLERS:PATH`, without
/// controllers in version 2.
fn limits(group: &str) -> Vec<f64> {
    let mut fields = group.splitn(3, ':').skip(1);
    let (root, file) = match fields.next() {
        Some("") => ("/sys/fs/cgroup", "memory.max"),
        Some("memory") => ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
        _ => return Vec::new(),
    };
    let path = fields.next().unwrap_or_default().trim_start_matches('/');
    let group = Path::new(root).join(path);
    let groups = group.ancestors().take_while(|path| path.starts_with(root));
    let limit = |group: &Path| read_to_string(group.join(file)).ok()?.trim().parse().ok();
    groups.filter_map(limit).collect()
}
