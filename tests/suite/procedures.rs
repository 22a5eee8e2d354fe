//! Procedures that share the models of a world measure what each measures alone.

use super::small;
use multiview::evaluation::Draws;
use multiview::objective::{Distillation, Form, SoftLabels};
use multiview::procedure::{Models, Procedure};

fn students(soft_labels: SoftLabels) -> Distillation {
    Distillation {
        temperature: 0.2.into(),
        teacher_scale: 10.0,
        push_rate_per_class: 2.0,
        form: Form::default(),
        soft_labels,
        warm_up_steps: 0.into(),
        steps: 40.into(),
        checkpoints: 0,
    }
}

fn procedures() -> Vec<Procedure> {
    let alone = Procedure {
        members: 1,
        shared_initialisation: false,
        joint_networks: 0,
        distillation: None,
        label_distillation: None,
        self_distillation: None,
        antithetic: false,
        student_starts_as_teacher: false,
        random_features: None,
        test_draws: Draws {
            single_view: 4,
            multi_view: 4,
        },
    };
    let ensemble = Procedure {
        members: 3,
        ..alone.clone()
    };
    let copies = Procedure {
        shared_initialisation: true,
        distillation: Some(students(SoftLabels::All)),
        ..ensemble.clone()
    };
    let distilled = Procedure {
        shared_initialisation: false,
        label_distillation: Some(students(SoftLabels::LabelOnly)),
        ..copies.clone()
    };
    // The same students, with more teachers and from fewer.
    let of_two = Procedure {
        members: 2,
        label_distillation: Some(students(SoftLabels::All)),
        ..distilled.clone()
    };
    let jointly = Procedure {
        joint_networks: 2,
        self_distillation: Some(students(SoftLabels::All)),
        antithetic: true,
        ..alone.clone()
    };
    let as_teacher = Procedure {
        joint_networks: 3,
        student_starts_as_teacher: true,
        antithetic: false,
        ..jointly.clone()
    };
    vec![
        ensemble, alone, copies, distilled, of_two, jointly, as_teacher,
    ]
}

#[test]
fn sharing_a_world_changes_no_outcome() {
    let regime = small::regime();
    let procedures = procedures();
    let models = || Models::new(&regime, procedures[0].test_draws, small::seed(3));
    let mut shared = models();
    let mut outcomes = Vec::new();
    for procedure in procedures.iter().chain(procedures.iter().rev()) {
        procedure.validate(&regime).expect("a valid procedure");
        let outcome = shared.outcome(procedure).expect("measured");
        assert_eq!(
            outcome,
            models().outcome(procedure).expect("measured"),
            "{procedure:?}"
        );
        outcomes.push(outcome);
    }
    // They are not all alike, so that a mix-up would show.
    outcomes.truncate(procedures.len());
    for (index, outcome) in outcomes.iter().enumerate() {
        assert!(!outcomes[..index].contains(outcome), "{index}");
    }
}
