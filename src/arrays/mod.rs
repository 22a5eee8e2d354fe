//! One world as plain arrays, for a witness in another language: bit for bit what the engine
//! trains.
//!
//! [`of_world`] draws a world, trains its networks, and returns files in NumPy's format, numbers
//! little-endian, arrays row-major. `N` are the samples, `k` the classes, `m` the neurons of a
//! class and `M` its views, as in a [`Regime`]. Patches are numbered through all samples; those of
//! pure noise stand behind the others of their sample.
//!
//! | file | type | shape | holds |
//! |---|---|---|---|
//! | `world.json` | JSON | | seed, version, regime, procedure; the parameters of every network as numbers, and how it ended |
//! | `labels.npy` | `i8` | `[N]` | `y` |
//! | `kinds.npy` | `i8` | `[N]` | the view that a single-view sample keeps; −1 if it is multi-view |
//! | `patch-starts.npy` | `i8` | `[N + 1]` | first patch of each sample, and last the number of patches |
//! | `patch-features.npy` | `i8` | `[patches]` | the feature, `M` times its class plus its view; −1 on a patch of pure noise |
//! | `patch-weights.npy` | `f4` | `[patches]` | `z_p` |
//! | `patch-feature-noise.npy` | `f4` | `[patches]` | `α_p` |
//! | `inputs.npy` | `f4` | `[patches][d]` | `x_p`, features and noise together (dense engine) |
//! | `NETWORK/start-features.npy` | `f4` | `[M k][k][m]` | `A[v][i,r] = ⟨w_{i,r}, v⟩` |
//! | `NETWORK/start-noise.npy` | `f4` | `[patches][k][m]` | `B[p][i,r] = ⟨w_{i,r}, ξ_p⟩` (engines of the limit `d → ∞`) |
//! | `NETWORK/start-weights.npy` | `f4` | `[k][m][d]` | `w_{i,r}` (dense engine) |
//! | `NETWORK/soft-labels.npy` | `f4` | `[N][k]` | `logit^τ_i(G, X_n)`, as a student sees them |
//! | `NETWORK/end-features.npy` | `f4` | `[M k][k][m]` | `A` at the end |
//! | `NETWORK/end-logits.npy` | `f4` | `[N][k]` | `F_i(X_n)` at the end; 0 where the engine takes it for 0 |
//!
//! (`i8` and `f4` are NumPy's names: integers of 8 bytes, floating-point numbers of 4.) Networks
//! are `member-0` and so on, `joint`, `distilled` (and `distilled-2` and so on, further students of
//! the same ensemble), `label_distilled`, `self_distilled`, `self_distilled-swapped`, the same
//! student with the views of its start exchanged, and `generation_2` and so on, the later students
//! of a chain. Random features are not written, nor are networks on inputs without views.
//!
//! The engines `overlap` and `overlap-adaptive` draw noise overlaps when they need them, and most
//! of them never. What is written is every one that they could draw, as the reference engine stores
//! them: the two train from one start, and end apart by what [their
//! approximations](crate::engine::sparse) cost.

mod npy;

use crate::data::{DataSet, Kind};
use crate::engine::noise::Noise;
use crate::engine::state::{Layout, Trained};
use crate::engine::{Start, Stop, dense_world};
use crate::field::{FieldError, require};
use crate::objective::{Form, SoftLabels};
use crate::procedure::{Lesson, Procedure, Teachers, World};
use crate::regime::{EngineKind, Regime};
use crate::rows::ClassRows;
use crate::seed::WorldSeed;
use npy::npy;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Contents of files, by path below a directory.
pub type Files = BTreeMap<String, Vec<u8>>;

/// A network, as `world.json` describes it.
#[derive(Debug, Serialize)]
struct Network {
    name: String,
    /// `m`.
    neurons_per_class: usize,
    /// The largest number of steps.
    most_steps: usize,
    /// Stops once training error 0 has held for this many consecutive steps; 0 never does.
    perfect_steps: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    teaching: Option<Teaching>,
    /// Steps taken.
    steps: usize,
    /// Training samples misclassified at the end.
    training_errors: usize,
}

/// The parameters by which a student is taught, as numbers.
#[derive(Debug, Serialize)]
struct Teaching {
    teachers: Vec<String>,
    /// `τ`.
    temperature: f64,
    /// `S`.
    teacher_scale: f64,
    /// `η'`.
    push_rate: f64,
    warm_up_steps: usize,
    form: Form,
    soft_labels: SoftLabels,
}

impl Teaching {
    /// The parameters for `k` classes.
    fn of(k: usize, lesson: &Lesson, teachers: Vec<String>) -> Self {
        let spec = &lesson.spec;
        Self {
            teachers,
            temperature: spec.temperature(k),
            teacher_scale: spec.teacher_scale,
            push_rate: spec.push_rate_per_class * k as f64,
            warm_up_steps: spec.warm_up_steps.of(k),
            form: spec.form,
            soft_labels: spec.soft_labels,
        }
    }
}

/// Everything there is to know of a world but its arrays.
#[derive(Debug, Serialize)]
struct Description<'a> {
    version: &'static str,
    seed: WorldSeed,
    regime: &'a Regime,
    procedure: &'a Procedure,
    /// `N`.
    samples: usize,
    /// `η`.
    learning_rate: f64,
    /// `σ_0`.
    init_scale: f64,
    networks: Vec<Network>,
}

/// Refuses a world that cannot be written as arrays.
///
/// # Errors
/// The field in the way.
pub fn check(regime: &Regime, procedure: &Procedure) -> Result<(), FieldError> {
    require(
        procedure.members > 0,
        "procedure.members",
        procedure.members,
        match procedure.no_views {
            Some(_) => "1 to 1000 for arrays: networks on inputs without views are not written",
            None => "1 to 1000 for arrays: with random features alone no network is trained",
        },
    )?;
    let sparse = [EngineKind::Overlap, EngineKind::OverlapAdaptive];
    require(
        !sparse.contains(&regime.training.engine) || regime.data.patch_count().is_none(),
        "data.patches",
        regime.data.patch_count().unwrap_or_default(),
        "\"as-needed\" for arrays with this training.engine, which draws the few largest of many patches of pure noise; \
         \"overlap-reference\" stores every patch",
    )
}

/// Draws a world, trains its networks by the engine of its regime, and writes the whole as arrays.
///
/// # Errors
/// A world that [cannot](check) be written.
pub fn of_world(
    regime: &Regime,
    procedure: &Procedure,
    seed: WorldSeed,
) -> Result<Files, FieldError> {
    check(regime, procedure)?;
    let k = regime.data.classes;
    let world = World::new(regime, procedure.test_draws, seed);
    let mut arrays = Arrays {
        seed,
        literal: world.data.with_noise_patches(&regime.data, seed),
        files: Files::new(),
        networks: Vec::new(),
    };
    arrays.data(regime);
    let alone = Stop {
        steps: regime.steps(),
        perfect_steps: regime.training.perfect_steps,
    };
    let distinct: BTreeSet<usize> = procedure.networks().into_iter().collect();
    let mut members = Vec::new();
    for index in &distinct {
        let start = world.initial(*index as u64);
        arrays.start(&member(*index), regime, &start);
        members.push(world.train_alone(start, None));
        arrays.end(member(*index), alone, None, &members[*index]);
    }
    if procedure.joint_networks > 0 {
        let wide = world.joint_regime(procedure.joint_networks);
        arrays.start("joint", &wide, &world.joint_start(&wide));
        arrays.end("joint".into(), alone, None, &world.train_jointly(&wide));
    }
    let mut students: Vec<(&Lesson, String, Trained<f32>)> = Vec::new();
    let lessons = procedure.lessons();
    for (at, (role, lesson)) in lessons.iter().enumerate() {
        let swapped = if lesson.swap_views { "-swapped" } else { "" };
        let before = (lessons[..at].iter())
            .filter(|(other, l)| other == role && l.swap_views == lesson.swap_views);
        // Further students of one ensemble are numbered.
        let number = match before.count() {
            0 => String::new(),
            earlier => format!("-{}", earlier + 1),
        };
        let name = format!("{role}{swapped}{number}");
        let (names, networks): (Vec<String>, Vec<&Trained<f32>>) = match &lesson.teachers {
            Teachers::Members(indices) => {
                (indices.iter().map(|l| (member(*l), &members[*l]))).unzip()
            }
            Teachers::Student(teacher) => (students.iter())
                .filter(|(lesson, ..)| **lesson == **teacher)
                .map(|(_, name, network)| (name.clone(), network))
                .unzip(),
        };
        let teachers = || networks.iter().copied();
        let start = world.student_start(lesson.index, lesson.swap_views);
        arrays.start(&name, regime, &start);
        let objective = world.objective(&lesson.spec, teachers());
        if let Some(soft) = objective.soft_labels() {
            arrays.rows(format!("{name}/soft-labels.npy"), k, soft);
        }
        let student = world.distil(&lesson.spec, teachers(), lesson.index, lesson.swap_views);
        let stop = Stop {
            steps: lesson.spec.steps.of(k),
            perfect_steps: 0,
        };
        let teaching = Teaching::of(k, lesson, names);
        arrays.end(name.clone(), stop, Some(teaching), &student.network);
        students.push((lesson, name, student.network));
    }
    Ok(arrays.described(regime, procedure))
}

fn member(index: usize) -> String {
    format!("member-{index}")
}

/// A world on its way into files.
struct Arrays {
    seed: WorldSeed,
    /// The training set, every patch written out.
    literal: DataSet,
    files: Files,
    networks: Vec<Network>,
}

impl Arrays {
    fn integers(&mut self, name: &str, values: impl Iterator<Item = i64>) {
        let values: Vec<[u8; 8]> = values.map(i64::to_le_bytes).collect();
        let array = npy("<i8", &[values.len()], values.into_iter());
        self.files.insert(name.into(), array);
    }

    fn floats(
        &mut self,
        name: String,
        shape: &[usize],
        values: impl IntoIterator<Item = impl std::borrow::Borrow<f32>>,
    ) {
        let bytes = values.into_iter().map(|x| x.borrow().to_le_bytes());
        self.files.insert(name, npy("<f4", shape, bytes));
    }

    /// Rows over classes, each written out: `[N][k]`.
    fn rows(&mut self, name: String, k: usize, rows: &ClassRows<f32>) {
        let mut dense = vec![0.0; rows.len() * k];
        for (row, out) in rows.iter().zip(dense.chunks_exact_mut(k)) {
            row.write(out);
        }
        self.floats(name, &[rows.len(), k], dense);
    }

    /// Overlaps `[rows][k][stride]`, without the padding of their neurons.
    fn overlaps(&mut self, name: String, layout: Layout, values: &[f32]) {
        let shape = [values.len() / layout.row(), layout.classes, layout.neurons];
        let neurons = values.chunks_exact(layout.stride);
        self.floats(name, &shape, neurons.flat_map(|r| &r[..layout.neurons]));
    }

    fn data(&mut self, regime: &Regime) {
        let DataSet { samples } = self.literal.clone();
        let starts = self.literal.patch_starts();
        self.integers("labels.npy", samples.iter().map(|s| s.label as i64));
        let kept = samples.iter().map(|s| match s.kind {
            Kind::MultiView => -1,
            Kind::SingleView(view) => view.into(),
        });
        self.integers("kinds.npy", kept);
        let starts = starts.into_iter().map(|start| start as i64);
        self.integers("patch-starts.npy", starts);
        let patches = || samples.iter().flat_map(|s| &s.patches);
        let feature = |v: Option<u32>| v.map_or(-1, i64::from);
        let features = patches().map(|p| feature(p.feature));
        self.integers("patch-features.npy", features);
        let count = [patches().count()];
        let weights = patches().map(|p| p.weight);
        self.floats("patch-weights.npy".into(), &count, weights);
        let noise = patches().map(|p| p.feature_noise);
        self.floats("patch-feature-noise.npy".into(), &count, noise);
        if regime.training.engine == EngineKind::Dense {
            let literal = DataSet { samples };
            let dense = dense_world::<f32>(regime, &literal, self.seed);
            let inputs = dense.inputs();
            let shape = [inputs.ncols(), inputs.nrows()];
            let values = inputs.col_iter().flat_map(|column| column.iter());
            self.floats("inputs.npy".into(), &shape, values);
        }
    }

    fn start(&mut self, name: &str, regime: &Regime, start: &Start<f32>) {
        let layout = Layout::of(regime);
        let features = format!("{name}/start-features.npy");
        self.overlaps(features, layout, &start.features(regime));
        match start {
            Start::Overlaps(overlaps) => {
                let noise = overlaps.clone().written_out(&self.literal).noise;
                if let Noise::Stored { values, .. } = noise {
                    let name = format!("{name}/start-noise.npy");
                    self.overlaps(name, layout, &values);
                }
            }
            Start::Weights(weights) => {
                let columns = weights.columns.as_ref();
                let shape = [layout.classes, layout.neurons, columns.nrows()];
                let values = columns.col_iter().flat_map(|column| column.iter());
                self.floats(format!("{name}/start-weights.npy"), &shape, values);
            }
        }
    }

    fn end(
        &mut self,
        name: String,
        stop: Stop,
        teaching: Option<Teaching>,
        network: &Trained<f32>,
    ) {
        let Trained { layout, .. } = *network;
        let features = format!("{name}/end-features.npy");
        self.overlaps(features, layout, &network.features);
        let logits = format!("{name}/end-logits.npy");
        self.rows(logits, layout.classes, &network.training_logits);
        self.networks.push(Network {
            name,
            neurons_per_class: layout.neurons,
            most_steps: stop.steps,
            perfect_steps: stop.perfect_steps,
            teaching,
            steps: network.steps,
            training_errors: network.training_errors,
        });
    }

    /// The files, with a description of the world.
    fn described(mut self, regime: &Regime, procedure: &Procedure) -> Files {
        let description = Description {
            version: env!("CARGO_PKG_VERSION"),
            seed: self.seed,
            regime,
            procedure,
            samples: regime.data.sample_count(),
            learning_rate: regime.learning_rate(),
            init_scale: regime.init_scale(),
            networks: self.networks,
        };
        let text = serde_json::to_string_pretty(&description)
            .unwrap_or_else(|e| unreachable!("numbers and names are JSON: {e}"));
        self.files.insert("world.json".into(), text.into_bytes());
        self.files
    }
}
