//! The roles that the models of a world have.

use super::Procedure;

/// A role of a world's models, and how many of them a procedure with members has.
pub(super) type Role = (&'static str, fn(&Procedure) -> usize);

/// The roles, in the order they are written.
pub(super) const ROLES: [Role; 10] = [
    ("single", |p| p.members),
    ("ensemble", |_| 1),
    ("distilled", |p| match &p.distillation {
        Some(_) => p.distilled_students,
        None => 0,
    }),
    ("distilled_ensemble", |p| {
        usize::from(p.distilled_students > 1)
    }),
    ("label_distilled", |p| {
        usize::from(p.label_distillation.is_some())
    }),
    ("self_distilled", |p| match &p.self_distillation {
        Some(_) => 1 + usize::from(p.antithetic),
        None => 0,
    }),
    (GENERATIONS[0], |p| usize::from(p.generations >= 2)),
    (GENERATIONS[1], |p| usize::from(p.generations >= 3)),
    (GENERATIONS[2], |p| usize::from(p.generations >= 4)),
    ("joint", |p| usize::from(p.joint_networks > 0)),
];

/// The roles of the generations of a chain from the second on; the first is `self_distilled`.
pub(super) const GENERATIONS: [&str; 3] = ["generation_2", "generation_3", "generation_4"];

/// Most generations of a chain.
pub(super) const MOST_GENERATIONS: usize = 1 + GENERATIONS.len();

/// The number of tests of a role's students on their way.
pub(super) fn checkpoints(procedure: &Procedure, role: &str) -> usize {
    let spec = match role {
        "distilled" => &procedure.distillation,
        "label_distilled" => &procedure.label_distillation,
        "self_distilled" => &procedure.self_distillation,
        role if GENERATIONS.contains(&role) => &procedure.self_distillation,
        _ => &None,
    };
    spec.as_ref().map_or(0, |spec| spec.checkpoints)
}
