//! Procedures that share the models of a world measure what each measures alone.

use super::small;
use multiview::evaluation::Draws;
use multiview::objective::{Distillation, Form, SoftLabels};
use multiview::order::TestErrors;
use multiview::procedure::{Models, Procedure, measures};

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
        distilled_students: 1,
        generations: 1,
        watch_take_off: false,
        student_starts_as_teacher: false,
        random_features: None,
        no_views: None,
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
    let students = Procedure {
        distilled_students: 3,
        ..distilled.clone()
    };
    let chain = Procedure {
        generations: 4,
        ..jointly.clone()
    };
    let watched = Procedure {
        watch_take_off: true,
        ..chain.clone()
    };
    vec![
        ensemble, alone, copies, distilled, of_two, jointly, as_teacher, students, chain, watched,
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

/// A world of `M` views is consistent: its record checks, and coverage follows the classes that
/// know one view or more.
#[test]
fn worlds_of_one_to_four_views_are_measured() {
    for views in 1..=4 {
        let mut regime = small::regime();
        regime.data.views_per_class = views;
        regime.training.steps = 300.into();
        let procedure = Procedure {
            self_distillation: Some(students(SoftLabels::All)),
            antithetic: false,
            ..procedures()[3].clone()
        };
        procedure.validate(&regime).expect("a valid procedure");
        let mut models = Models::new(&regime, procedure.test_draws, small::seed(4));
        let outcome = models.outcome(&procedure).expect("measured");
        outcome
            .check(&regime, &procedure, false)
            .expect("consistent");
        let of = |name: &str| outcome.quantities[name].number().expect("a number");
        let (coverage, some) = (of("single.coverage"), of("lottery.some_view_share"));
        assert!(some > 0.0, "something is learned");
        let several = of("lottery.both_views_share");
        assert!(coverage * views as f64 >= some + several - 1e-12);
        assert!(coverage <= some + 1e-12);
        assert!(of("ensemble.coverage") + 1e-12 >= coverage);
        if views <= 2 {
            // Every learned class knows one view, or both.
            assert!((coverage * views as f64 - some - several).abs() < 1e-12);
        }
        for role in ["distilled", "label_distilled", "self_distilled"] {
            assert!((0.0..=1.0).contains(&of(&format!("{role}.coverage"))));
        }
    }
}

/// The order of trained networks is measured where all five models are, and follows from their
/// rows.
#[test]
fn the_order_of_trained_networks_is_that_of_their_errors() {
    const ORDER: &str = "trained.order";
    let all = Procedure {
        members: 3,
        joint_networks: 2,
        distillation: Some(students(SoftLabels::All)),
        self_distillation: Some(students(SoftLabels::All)),
        ..procedures()[1].clone()
    };
    assert!(measures(&all, ORDER));
    for (fewer, what) in [
        (
            Procedure {
                joint_networks: 0,
                ..all.clone()
            },
            "joint",
        ),
        (
            Procedure {
                distillation: None,
                ..all.clone()
            },
            "distilled",
        ),
        (
            Procedure {
                self_distillation: None,
                ..all.clone()
            },
            "self-distilled",
        ),
    ] {
        assert!(!measures(&fewer, ORDER), "without {what}");
    }
    let regime = small::regime();
    let mut models = Models::new(&regime, all.test_draws, small::seed(4));
    let mut outcome = models.outcome(&all).expect("measured");
    let of = |role: &str| {
        let error = &outcome.quantities[&format!("{role}.test_error")];
        error.number().expect("a number")
    };
    let errors = TestErrors {
        single: of("single"),
        ensemble: of("ensemble"),
        joint: of("joint"),
        distilled: of("distilled"),
        self_distilled: of("self_distilled"),
    };
    let due = f64::from(errors.are_those_of_trained_networks());
    assert_eq!(outcome.quantities[ORDER].number(), Some(due));
    outcome.check(&regime, &all, false).expect("consistent");
    outcome.quantities.insert(ORDER.into(), (1.0 - due).into());
    let error = outcome
        .check(&regime, &all, false)
        .expect_err("another order");
    assert!(error.contains(ORDER), "{error}");
    // Version 0.8 recorded none.
    outcome.quantities.remove(ORDER);
    outcome.check(&regime, &all, false).expect("consistent");
}

#[test]
fn further_students_and_generations_are_refused_out_of_range_and_without_a_first() {
    let distilled = procedures()[3].clone();
    let jointly = procedures()[5].clone();
    let refused = |procedure: &Procedure, field: &str, parts: &[&str]| {
        let error = procedure.validate(&small::regime()).expect_err(field);
        assert_eq!(error.field, field);
        for part in parts {
            assert!(error.to_string().contains(part), "{error}: {part}");
        }
    };
    for (students, parts) in [(0, ["0", "1 to 64"]), (65, ["65", "1 to 64"])] {
        let procedure = Procedure {
            distilled_students: students,
            ..distilled.clone()
        };
        refused(&procedure, "procedure.distilled_students", &parts);
    }
    for (generations, parts) in [(0, ["0", "1 to 4"]), (5, ["5", "1 to 4"])] {
        let procedure = Procedure {
            generations,
            ..jointly.clone()
        };
        refused(&procedure, "procedure.generations", &parts);
    }
    let of_none = Procedure {
        distilled_students: 2,
        ..jointly
    };
    let parts = ["2", "1 without procedure.distillation"];
    refused(&of_none, "procedure.distilled_students", &parts);
    let of_none = Procedure {
        generations: 2,
        ..distilled
    };
    let parts = ["2", "1 without procedure.self_distillation"];
    refused(&of_none, "procedure.generations", &parts);
}

#[test]
fn antithetic_pairs_want_two_views() {
    for views in [1, 3, 4] {
        let mut regime = small::regime();
        regime.data.views_per_class = views;
        let error = procedures()[5].validate(&regime).expect_err("refused");
        assert_eq!(error.field, "procedure.antithetic");
        let message = error.to_string();
        for part in [
            "true",
            &format!("data.views_per_class = {views}"),
            "two views",
        ] {
            assert!(message.contains(part), "{message}");
        }
    }
}
