//! Dealing a total of worlds out to experiments, round by round.
//!
//! A round gives every open experiment up to an equal part of the total, but no more than its
//! claims are expected to need, those that need fewest first. What settled experiments did not
//! spend is thus dealt out again, to those nearest to a verdict. A round depends on what the
//! experiments have seen when the one before is complete, and on nothing else: not on threads or
//! interruptions.

/// An experiment when a round is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// Worlds that it has seen.
    pub seen: u64,
    /// Most that it may ever see.
    pub most: u64,
    /// Worlds that it is expected to need beyond those; none once it is settled.
    pub needs: Option<u64>,
}

/// The number of worlds that each experiment may have seen after the next round; none may see
/// another once the total is spent.
pub fn deal(total: u64, demands: &[Demand]) -> Vec<u64> {
    let part = (total / demands.len().max(1) as u64).max(1);
    let mut rest = total.saturating_sub(demands.iter().map(|s| s.seen).sum());
    let mut allowed: Vec<u64> = demands.iter().map(|s| s.seen).collect();
    let mut open: Vec<(u64, usize)> = (demands.iter().enumerate())
        .filter_map(|(index, s)| Some((s.needs?, index)))
        .collect();
    open.sort_unstable();
    for (needs, index) in open {
        let left = demands[index].most.saturating_sub(allowed[index]);
        // A forecast that has passed without a verdict still asks for one more.
        let given = part.min(needs.max(1)).min(left).min(rest);
        allowed[index] += given;
        rest -= given;
    }
    allowed
}
