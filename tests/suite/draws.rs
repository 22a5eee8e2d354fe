//! Theorems as they are stated: one regime for several files, claims for a draw, and a student
//! tested on its way.

use super::small;
use multiview::evaluation::Draws;
use multiview::objective::{Distillation, Form, Objective, SoftLabels};
use multiview::procedure::{Models, Procedure, WorldOutcome};
use multiview::record::{Kept, Record};
use multiview::regime::{Relation, StepCount};
use multiview::rows::ClassRows;
use multiview::statistics::{Band, Verdict};
use multiview::theorem::{Profile, Theorem};
use multiview::verify::{Plan, Report};
use proptest::prelude::*;

const SMALL: &str = include_str!("../fixtures/small.toml");

/// The statement and claims of a theorem file that leaves the rest to the shared regime.
const HEAD: &str = r#"
name = "mine"
title = "t"
statement = "s"
source = "u"
base = "stated"
"#;
const TAIL: &str = r#"
[[claims]]
name = "draws"
quantity = "single.first.test_error"
statistic = "share"
event = { lower = 0.49, upper = 0.51 }
band = { lower = 0.9 }
[profiles]
quick = { confidence = 0.95, worlds = 20 }
full = { confidence = 0.99, worlds = 20 }
"#;

fn parse(middle: &str) -> Result<Theorem, String> {
    let text = format!("{HEAD}{middle}{TAIL}");
    Theorem::parse("mine.toml", &text).map_err(|e| e.to_string())
}

#[test]
fn what_a_file_leaves_out_is_the_shared_regimes() {
    let shipped = Theorem::embedded("theorem-3").expect("it is shipped");
    let mine = parse(
        "[regime.data]\nclasses = 200\n[procedure]\nmembers = 16\n[procedure.distillation]\n",
    );
    let mine = mine.expect("a valid file");
    assert_eq!(mine.regime, shipped.regime);
    assert_eq!(mine.procedure, shipped.procedure);
    // A student is taught only where the file names it.
    let alone = parse("[regime.data]\nclasses = 200\n").expect("a valid file");
    assert_eq!(alone.regime, shipped.regime);
    assert_eq!(alone.procedure.distillation, None);
    assert_eq!(alone.procedure.members, 1);
}

#[test]
fn what_a_file_says_itself_comes_first() {
    let own = "[regime.data]\nclasses = 90\nweak_weight = 0.1\n[procedure.self_distillation]\nsteps = 700000\n";
    let own = parse(own).expect("a valid file");
    let theorem = Theorem::embedded("theorem-4").expect("it is shipped");
    assert_eq!(own.regime.data.classes, 90);
    assert_eq!(own.regime.data.weak_weight, 0.1);
    assert_eq!(own.regime.data.sparsity, theorem.regime.data.sparsity);
    let (own, shipped) = (own.procedure, theorem.procedure);
    let (own, shipped) = (
        own.self_distillation.unwrap(),
        shipped.self_distillation.unwrap(),
    );
    assert_eq!(own.steps, StepCount::Count(700_000));
    assert_eq!(own.temperature, shipped.temperature);
}

#[test]
fn a_base_that_is_none_is_refused() {
    let refused = |middle: &str, words: &[&str]| {
        let error = parse(middle).expect_err(middle);
        for word in words {
            assert!(error.contains(word), "{middle}: {error}");
        }
    };
    refused("[regime.data]\n", &["mine.toml:6:", "classes"]);
    refused(
        "[regime.data]\nclasses = 1\n",
        &["mine.toml:8:", "data.classes = 1"],
    );
    refused("[regime.data]\nclasess = 90\n", &["mine.toml:8:", "clas"]);
    let text = format!("{HEAD}[regime.data]\nclasses = 90\n{TAIL}");
    let other = text.replace("\"stated\"", "\"nosuch\"");
    let error = Theorem::parse("mine.toml", &other).unwrap_err().to_string();
    assert!(
        error.contains("mine.toml:6:") && error.contains("stated"),
        "{error}"
    );
}

#[test]
fn a_base_may_be_a_file_beside_the_theorems() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.toml");
    let base = "[regime.network]\nneurons_per_class = 24\n";
    std::fs::write(folder.path().join("base.toml"), base).unwrap();
    let rest = SMALL.replacen("neurons_per_class = 4\n", "", 1);
    std::fs::write(&path, format!("base = \"base.toml\"\n{rest}")).unwrap();
    let theorem = Theorem::read(&path).expect("a valid file");
    assert_eq!(theorem.regime.network.neurons_per_class, 24);
    std::fs::write(folder.path().join("base.toml"), "claims = []\n").unwrap();
    let error = Theorem::read(&path).unwrap_err().to_string();
    assert!(
        error.contains("claims") && error.contains("[regime]"),
        "{error}"
    );
}

/// In the regime of Theorems 1 to 4 nothing but k and K differs.
#[test]
fn the_four_theorems_have_one_regime() {
    let of = |name: &str| Theorem::embedded(name).expect("it is shipped");
    let first = of("theorem-1");
    let mut distillation = Vec::new();
    let mut self_distillation = Vec::new();
    for name in ["theorem-2", "theorem-3", "theorem-4", "all-four"] {
        let mut theorem = of(name);
        theorem.regime.data.classes = first.regime.data.classes;
        assert_eq!(theorem.regime, first.regime, "{name}");
        distillation.extend(theorem.procedure.distillation);
        self_distillation.extend(theorem.procedure.self_distillation);
    }
    assert_eq!(distillation.len(), 2);
    assert_eq!(distillation[0], distillation[1]);
    assert_eq!(self_distillation[0], self_distillation[1]);
}

#[test]
fn multiples_of_the_papers_relation() {
    let scale = Relation::Multiple { paper: 0.2 };
    assert_eq!(scale.or(0.01), 0.002);
    let mut regime = small::regime();
    regime.network.init_scale = scale;
    for classes in [4, 8, 200] {
        regime.data.classes = classes;
        assert!((regime.init_scale() - 0.2 / classes as f64).abs() < 1e-15);
    }
    let text = SMALL.replace("init_scale = 0.01", "init_scale = { paper = 0.08 }");
    let theorem = Theorem::parse("small.toml", &text).expect("a valid file");
    assert!((theorem.regime.init_scale() - 0.01).abs() < 1e-15);
}

proptest! {
    #[test]
    fn steps_for_each_class(classes in 2usize..4096, quarters in 1usize..10_000) {
        let per_class = quarters as f64 / 4.0; // exact in binary
        let steps = StepCount::PerClass { per_class }.of(classes);
        prop_assert_eq!(steps, (quarters * classes).div_ceil(4));
        prop_assert_eq!(StepCount::Count(quarters).of(classes), quarters);
    }
}

fn decide(text: &str) -> Report {
    let theorem = Theorem::parse("small.toml", text).expect("a valid file");
    let plan = Plan::new(vec![theorem], Profile::Quick, 5);
    let folder = tempfile::tempdir().unwrap();
    let record = Record::create(folder.path(), &plan).unwrap();
    plan.run(record, Kept::default(), 1, &|_| ()).unwrap()
}

/// `SMALL`, with as many members, and with one claim on shares: of worlds in which the first
/// network is fitted, and `others` hold too.
fn share(members: usize, others: &str) -> Report {
    let text = SMALL.replace("members = 2", &format!("members = {members}"));
    let head = text.find("[[claims]]").unwrap();
    let claim = format!(
        "[[claims]]\nname = \"draws\"\nquantity = \"single.first.training_error\"\nstatistic = \"share\"\n\
         event = {{ upper = 0.0 }}\nband = {{ lower = 0.8 }}\n{others}\n\
         [profiles]\nquick = {{ confidence = 0.75, worlds = 12 }}\nfull = {{ confidence = 0.75, worlds = 12 }}\n"
    );
    decide(&format!("{}{claim}", &text[..head]))
}

#[test]
fn a_world_counts_only_if_every_quantity_of_the_event_is_in_its_band() {
    let found = |others: &str| share(2, others).findings[0].estimate;
    let plain = found("");
    assert_eq!((plain.mean, plain.verdict), (1.0, Verdict::Confirmed));
    let true_too = found("with = { \"single.first.test_error\" = { lower = 0.0 } }");
    assert_eq!((true_too.mean, true_too.verdict), (1.0, Verdict::Confirmed));
    let one_false = "with = { \"single.first.test_error\" = { lower = 0.0 }, \"lottery.some_view_share\" = { lower = 2.0 } }";
    let one_false = found(one_false);
    assert_eq!((one_false.mean, one_false.verdict), (0.0, Verdict::Refuted));
    // A quantity without a number is in no band: with one member the ensemble is the model, and
    // gains nothing.
    let undefined = share(
        1,
        "with = { \"ensemble.recovered_share\" = { lower = -1e9 } }",
    );
    assert_eq!(undefined.findings[0].estimate.verdict, Verdict::Refuted);
    assert!(undefined.findings[0].undefined.is_some());
}

#[test]
fn heavier_claims_get_more_of_the_budget() {
    let text = SMALL.replacen("scale = 0.1", "scale = 0.1\nweight = 3.0", 1);
    let theorem = Theorem::parse("small.toml", &text).expect("a valid file");
    let plan = Plan::new(vec![theorem], Profile::Quick, 5);
    // Two claims on means, of weights 3 and 1, and one control of a quarter; one claim on every
    // world costs nothing.
    let levels = plan.levels().unwrap();
    let unit = 0.1 / 4.25;
    for (level, due) in levels.iter().zip([3.0 * unit, 0.0, unit, unit / 4.0]) {
        assert!((level - due).abs() < 1e-15, "{levels:?}");
    }
    for refused in ["weight = 0.0", "weight = nan", "weight = 1e9"] {
        let text = SMALL.replacen("scale = 0.1", &format!("scale = 0.1\n{refused}"), 1);
        let error = Theorem::parse("small.toml", &text).unwrap_err().to_string();
        assert!(error.contains("claims.below-one.weight"), "{error}");
    }
}

fn procedure(checkpoints: usize) -> Procedure {
    Procedure {
        members: 2,
        shared_initialisation: false,
        joint_networks: 0,
        distillation: Some(Distillation {
            temperature: 0.2.into(),
            teacher_scale: 10.0,
            push_rate_per_class: 2.0,
            form: Form::default(),
            soft_labels: SoftLabels::All,
            warm_up_steps: 0.into(),
            steps: 50.into(),
            checkpoints,
        }),
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
    }
}

fn taught(checkpoints: usize) -> WorldOutcome {
    let (regime, procedure) = (small::regime(), procedure(checkpoints));
    let mut models = Models::new(&regime, procedure.test_draws, small::seed(3));
    let outcome = models.outcome(&procedure).expect("measured");
    outcome
        .check(&regime, &procedure, false)
        .expect("its own rows give it");
    outcome
}

#[test]
fn a_student_is_tested_on_its_way_and_at_its_end() {
    let outcome = taught(5);
    let row = outcome.models.last().unwrap();
    let steps: Vec<usize> = row.checkpoints.iter().map(|c| c.step).collect();
    assert_eq!(steps, [10, 20, 30, 40, 50]);
    let last = row.checkpoints.last().unwrap();
    assert_eq!(last.test_error, row.test_error);
    assert_eq!(last.training_errors, row.training_errors);
    let within = row.checkpoints.iter().filter(|c| {
        c.training_errors == 0 && c.test_error.number().is_some_and(|error| error <= 0.01)
    });
    let share = outcome.quantities["distilled.iterations_within_0.01"].number();
    assert_eq!(share, Some(within.count() as f64 / 5.0));
    // Looking changes nothing.
    let mut plain = taught(0);
    assert!(
        !plain
            .quantities
            .contains_key("distilled.iterations_within_0.01")
    );
    let end = plain.models.pop().unwrap();
    assert_eq!(end.test_error, row.test_error);
}

/// Checkpoints that were edited give another share, and the outcome's own check sees it.
#[test]
fn the_share_of_iterations_follows_from_the_checkpoints() {
    let (regime, procedure, mut outcome) = (small::regime(), procedure(4), taught(4));
    let row = outcome.models.last_mut().unwrap();
    for (checkpoint, error) in row.checkpoints.iter_mut().zip([0.0, 0.001, 0.005, 0.02]) {
        checkpoint.training_errors = 0;
        checkpoint.test_error = error.into();
    }
    for (name, due) in [("0.001", 0.5), ("0.01", 0.75)] {
        let name = format!("distilled.iterations_within_{name}");
        outcome.quantities.insert(name.clone(), 0.25.into());
        let error = outcome.check(&regime, &procedure, false).unwrap_err();
        assert!(error.contains(&format!("{due}")), "{name}: {error}");
        outcome.quantities.insert(name, due.into());
    }
    outcome
        .check(&regime, &procedure, false)
        .expect("the right shares");
}

#[test]
fn permuted_soft_labels_are_of_other_classes() {
    const K: usize = 5;
    let spec = |soft_labels| Distillation {
        temperature: 0.4.into(),
        teacher_scale: 2.0,
        push_rate_per_class: 1.0,
        form: Form::default(),
        soft_labels,
        warm_up_steps: 0.into(),
        steps: 1.into(),
        checkpoints: 0,
    };
    // The student knows nothing, so that the push is what the soft labels exceed an even share by.
    let teacher = [0.5, 2.0, 4.0, 1.0, 3.0];
    for label in 0..K {
        let push = |soft_labels| {
            let labels = std::iter::once(label);
            let rows = ClassRows::dense(K, &teacher);
            let objective = Objective::distillation(K, &spec(soft_labels), 1.0, &rows, labels);
            let mut residual = [0.0; K];
            objective.residual(0, 0, label, &[0.0; K], &mut residual, &mut [0.0; K]);
            let own = |i: usize| if i == label { 1.0 } else { 0.0 };
            let plain = |i: usize| own(i) - 1.0 / K as f64;
            (0..K).map(|i| residual[i] - plain(i)).collect::<Vec<f64>>()
        };
        let (straight, permuted) = (push(SoftLabels::All), push(SoftLabels::Permuted));
        assert_eq!(straight[label], permuted[label]);
        let others: Vec<usize> = (0..K).filter(|i| *i != label).collect();
        for (place, class) in others.iter().enumerate() {
            let next = others[(place + 1) % others.len()];
            assert!((permuted[next] - straight[*class]).abs() < 1e-12, "{label}");
        }
    }
}

#[test]
fn a_band_reads_as_it_is_written() {
    let theorem = Theorem::embedded("all-four").unwrap();
    let with = &theorem.claims[0].with;
    assert_eq!(with.len(), 6);
    let most = |upper: f64| Band {
        lower: None,
        upper: Some(upper),
    };
    assert_eq!(with["ensemble.test_error"], most(0.001));
    assert_eq!(with["self_distilled.first.test_error"], most(0.26));
}
