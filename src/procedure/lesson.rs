//! Which networks of a world are members, and who teaches its students.

use super::{Procedure, network_index};
use crate::objective::Distillation;

/// A student of a procedure, before it is trained.
#[derive(Clone, Debug, PartialEq)]
pub struct Lesson {
    /// How it is taught.
    pub spec: Distillation,
    /// Its teachers, by the index of the network.
    pub teachers: Vec<usize>,
    /// The [index](network_index) of its own start.
    pub index: u64,
    /// Starts with the views of every class exchanged.
    pub swap_views: bool,
}

impl Procedure {
    /// The network of each member. Members that start alike end alike, and are one network.
    pub fn networks(&self) -> Vec<usize> {
        match self.shared_initialisation {
            true => vec![0; self.members],
            false => (0..self.members).collect(),
        }
    }

    /// The students and their roles, in the order of their rows; none where no network is trained.
    pub fn lessons(&self) -> Vec<(&'static str, Lesson)> {
        let networks = self.networks();
        let Some(first) = networks.first().map(std::slice::from_ref) else {
            return Vec::new();
        };
        let mut lessons = Vec::new();
        let mut add = |role, spec: &Option<Distillation>, teachers: &[usize], index, swap_views| {
            lessons.extend(spec.as_ref().map(|spec| {
                let lesson = Lesson {
                    spec: spec.clone(),
                    teachers: teachers.to_vec(),
                    index,
                    swap_views,
                };
                (role, lesson)
            }));
        };
        let index = network_index::DISTILLED;
        add("distilled", &self.distillation, &networks, index, false);
        let labels = &self.label_distillation;
        add("label_distilled", labels, &networks, index, false);
        let index = match self.student_starts_as_teacher {
            true => 0,
            false => network_index::SELF_DISTILLED,
        };
        let own = &self.self_distillation;
        add("self_distilled", own, first, index, false);
        if self.antithetic {
            add("self_distilled", own, first, index, true);
        }
        lessons
    }
}
