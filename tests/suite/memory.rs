//! The estimated memory of a run against the memory it takes.

use multiview::record::{Kept, Record};
use multiview::theorem::{Profile, Theorem};
use multiview::verify::Plan;
use std::process::Command;

const SMALL: &str = include_str!("../fixtures/small.toml");

/// Changes of the small theorem that make one consumer large, in a name and pairs of what is
/// replaced and by what. The start is small against the threshold: what the engine keeps beside the
/// overlaps is its own to estimate.
const CASES: [(&str, &[(&str, &str)]); 12] = [
    (
        "networks",
        &[
            ("classes = 8", "classes = 100"),
            ("samples = 120", "samples = 120000"),
            ("neurons_per_class = 4", "neurons_per_class = 16"),
        ],
    ),
    (
        "networks, two to four patches a feature, three views",
        &[
            ("classes = 8", "classes = 60"),
            (
                "samples = 120",
                "samples = 25000\nviews_per_class = 3\npatches_per_feature = [2, 4]",
            ),
            ("neurons_per_class = 4", "neurons_per_class = 16"),
            ("perfect_steps = 20", "perfect_steps = 1"),
        ],
    ),
    (
        "networks, every overlap stored",
        &[
            ("classes = 8", "classes = 40"),
            ("samples = 120", "samples = 5000"),
            ("neurons_per_class = 4", "neurons_per_class = 16"),
            (
                "perfect_steps = 20",
                "perfect_steps = 20\nengine = \"overlap-reference\"",
            ),
        ],
    ),
    (
        "networks trained as one sum",
        &[
            ("classes = 8", "classes = 20"),
            ("samples = 120", "samples = 20000"),
            ("members = 2", "members = 1\njoint_networks = 64"),
        ],
    ),
    (
        "members and a student",
        &[
            ("classes = 8", "classes = 100"),
            ("samples = 120", "samples = 100000"),
            ("sparsity = 2.0", "sparsity = 0.0"),
            (
                "members = 2",
                "members = 8\nself_distillation = { form = \"one-sided-gated\", temperature = 0.2, teacher_scale = 10.0, \
                 push_rate_per_class = 10.0, steps = 2 }",
            ),
        ],
    ),
    (
        "several students of an ensemble",
        &[
            ("classes = 8", "classes = 100"),
            ("samples = 120", "samples = 100000"),
            ("sparsity = 2.0", "sparsity = 0.0"),
            (
                "members = 2",
                "members = 1\ndistilled_students = 8\ndistillation = { temperature = 0.2, teacher_scale = 10.0, push_rate_per_class = 10.0, steps = 2 }",
            ),
        ],
    ),
    (
        "ridge read-outs over activations",
        &[
            ("samples = 120", "samples = 2000"),
            READ_OUTS,
            (
                "KIND",
                "kind = \"activation\", readout = \"ridge\", neurons = 300",
            ),
            ("REST", "held_out = 3000"),
        ],
    ),
    (
        "students of one member",
        &[
            ("samples = 120", "samples = 2000"),
            READ_OUTS,
            (
                "KIND",
                "kind = \"activation\", readout = \"ridge\", neurons = 400, self_distilled = 40",
            ),
            ("REST", "held_out = 3000"),
        ],
    ),
    (
        "their growth",
        &[
            ("samples = 120", "samples = 1500"),
            READ_OUTS,
            (
                "KIND",
                "kind = \"activation\", readout = \"ridge\", neurons = 100",
            ),
            ("REST", "held_out = 3000, growth = [600]"),
        ],
    ),
    (
        "logistic read-outs over tangents",
        &[
            ("samples = 120", "samples = 500"),
            READ_OUTS,
            (
                "KIND",
                "kind = \"tangent\", readout = \"logistic\", neurons = 4",
            ),
            ("REST", "held_out = 1000"),
        ],
    ),
    (
        "Gaussian inputs",
        &[
            (
                "noise_variance = 0.25",
                "noise_variance = 0.25\ndimension = 200",
            ),
            ("samples = 120", "samples = 20000"),
            (
                "perfect_steps = 20",
                "perfect_steps = 20\nengine = \"dense\"",
            ),
            NO_VIEWS,
            ("INPUTS", "\"gaussian\", members = 8"),
        ],
    ),
    (
        "multi-view inputs of the dense engine",
        &[
            (
                "noise_variance = 0.25",
                "noise_variance = 0.25\ndimension = 200",
            ),
            ("samples = 120", "samples = 5000"),
            (
                "perfect_steps = 20",
                "perfect_steps = 20\nengine = \"dense\"",
            ),
            NO_VIEWS,
            ("INPUTS", "\"multi-view\", members = 4"),
        ],
    ),
];

/// No networks but those on inputs without views, or on their control.
const NO_VIEWS: (&str, &str) = (
    "members = 2\n",
    "members = 0\nno_views = { inputs = INPUTS, teacher_neurons = 2, fresh_inputs = 10000, \
     distillation = { temperature = 0.2, teacher_scale = 10.0, push_rate_per_class = 10.0, steps = 2 } }\n",
);

/// No networks, but read-outs.
const READ_OUTS: (&str, &str) = (
    "members = 2\n",
    "members = 0\nrandom_features = { KIND, relu_threshold = 1.0, init_scale = 1.0, members = 3, students = 2, strengths = [0.1], REST }\n",
);

/// A case's theorem, of a few steps and without its control; claims of networks where none is
/// trained become those of read-outs.
fn theorem(index: usize) -> Theorem {
    let (name, changes) = CASES[index];
    let controls = SMALL.find("[[controls]]").expect("controls");
    let mut text = SMALL[..controls].replace("steps = 400", "steps = 2");
    text = text.replace("init_scale = 0.01", "init_scale = 0.001");
    for (from, to) in changes {
        assert!(text.contains(from), "{name}: {from}");
        text = text.replace(from, to);
    }
    let claimed = [
        "single.single_view_error",
        "single.training_error",
        "lottery.some_view_share",
    ];
    for (models, measured) in [
        (
            "no_views",
            ["err_single", "training_err_single", "wrong_labels"],
        ),
        (
            "random_features",
            ["err_single", "err_ensemble", "err_student"],
        ),
    ] {
        if text.contains(models) {
            for (network, own) in claimed.iter().zip(measured) {
                text = text.replace(network, &format!("{models}.{own}"));
            }
        }
    }
    Theorem::parse(name, &text).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn plan(index: usize) -> Plan {
    let mut theorem = theorem(index);
    let quick = theorem.profiles.quick.as_mut();
    quick.expect("a budget").worlds = THREADS as u64;
    Plan::new(vec![theorem], Profile::Quick, 1)
}

const THREADS: usize = 3;
const CASE: &str = "MULTIVIEW_TEST_MEMORY_CASE";

/// The most memory that this process has had, in bytes.
fn peak() -> f64 {
    let facts = std::fs::read_to_string("/proc/self/status").expect("facts");
    let line = facts.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let line = line.expect("a peak").trim().trim_end_matches(" kB");
    1024.0 * line.parse::<f64>().expect("a number")
}

/// Trains the case that it is asked for, in a process of its own, and prints its peak.
#[test]
fn a_run_of_its_own() {
    let Ok(case) = std::env::var(CASE) else {
        return;
    };
    let plan = plan(case.parse().expect("a case"));
    let folder = tempfile::tempdir().expect("a folder");
    let record = Record::create(&folder.path().join("record"), &plan).expect("begun");
    let before = peak();
    plan.run(record, Kept::default(), THREADS, &|_| {})
        .expect("it runs");
    println!("peak {}", peak() - before);
}

/// The estimate is an upper one, within a factor of two: not all threads are at their peak at once.
/// The program's own pages and the allocator take some MB that no one counts.
#[cfg(target_os = "linux")]
#[test]
fn the_need_of_memory_is_estimated_from_above() {
    const UNCOUNTED: f64 = 16e6;
    for (index, (name, _)) in CASES.iter().enumerate() {
        let program = std::env::current_exe().expect("this program");
        let output = Command::new(program)
            .args(["--exact", "memory::a_run_of_its_own", "--nocapture"])
            .env(CASE, index.to_string())
            .env("RAYON_NUM_THREADS", "2")
            .output()
            .expect("it runs");
        let text = String::from_utf8_lossy(&output.stdout);
        let taken = text.split("peak ").nth(1).expect("a peak");
        let taken: f64 = taken
            .split_whitespace()
            .next()
            .unwrap_or_default()
            .parse()
            .expect("bytes");
        let need = plan(index).memory(THREADS).expect("an estimate");
        let megabytes = |bytes: f64| (1e-6 * bytes).round();
        let said = format!(
            "{name}: {} said, {} taken; {:?}",
            megabytes(need.bytes),
            megabytes(taken),
            need.parts
        );
        assert!(taken > 80e6, "too small to tell: {said}");
        assert!(need.bytes + UNCOUNTED > taken, "too low: {said}");
        assert!(need.bytes < 2.0 * taken, "too high: {said}");
    }
}
