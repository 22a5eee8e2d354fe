//! The members of a world, its students, and their teachers.

use super::role::GENERATIONS;
use super::{Procedure, network_index};
use crate::objective::Distillation;

/// A student of a procedure, before it is trained.
#[derive(Clone, Debug, PartialEq)]
pub struct Lesson {
    /// The parameters by which it is taught.
    pub spec: Distillation,
    /// The networks that teach it.
    pub teachers: Teachers,
    /// The [index](network_index) of its own start.
    pub index: u64,
    /// Starts with the views of every class exchanged.
    pub swap_views: bool,
}

/// The networks that teach a student.
#[derive(Clone, Debug, PartialEq)]
pub enum Teachers {
    /// Members, by the index of the network.
    Members(Vec<usize>),
    /// The student of an earlier lesson.
    Student(Box<Lesson>),
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
    /// A teacher comes before its students.
    pub fn lessons(&self) -> Vec<(&'static str, Lesson)> {
        let networks = self.networks();
        let Some(first) = networks.first() else {
            return Vec::new();
        };
        let ensemble = Teachers::Members(networks.clone());
        let lesson = |spec: &Distillation, teachers: &Teachers, index: u64| Lesson {
            spec: spec.clone(),
            teachers: teachers.clone(),
            index,
            swap_views: false,
        };
        let mut lessons = Vec::new();
        if let Some(spec) = &self.distillation {
            let further = (1..self.distilled_students as u64)
                .map(|student| network_index::FURTHER_STUDENTS + student);
            for index in std::iter::once(network_index::DISTILLED).chain(further) {
                lessons.push(("distilled", lesson(spec, &ensemble, index)));
            }
        }
        if let Some(spec) = &self.label_distillation {
            let student = lesson(spec, &ensemble, network_index::DISTILLED);
            lessons.push(("label_distilled", student));
        }
        if let Some(spec) = &self.self_distillation {
            let index = match self.student_starts_as_teacher {
                true => 0,
                false => network_index::SELF_DISTILLED,
            };
            let own = lesson(spec, &Teachers::Members(vec![*first]), index);
            lessons.push(("self_distilled", own.clone()));
            if self.antithetic {
                let mirrored = Lesson {
                    swap_views: true,
                    ..own.clone()
                };
                lessons.push(("self_distilled", mirrored));
            }
            let mut before = own;
            for (role, generation) in GENERATIONS.iter().zip(2..=self.generations) {
                let index = network_index::GENERATIONS + generation as u64;
                before = lesson(spec, &Teachers::Student(Box::new(before)), index);
                lessons.push((role, before.clone()));
            }
        }
        lessons
    }
}
