//! The world behind the pictures of the mechanism, looked at closely.

use crate::digest::{digest, stamped, unstamped};
use crate::engine::Observer;
use crate::engine::state::{Layout, StepView, Trained};
use crate::evaluation::{Evaluation, Portrait};
use crate::network::SmoothedRelu;
use crate::objective::{Distillation, tempered};
use crate::procedure::{World, largest_overlaps, network_index, predicted_views, view_strengths};
use crate::regime::Regime;
use crate::seed::WorldSeed;
use crate::theorem::Theorem;
use crate::verify::key;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The theorems whose worlds are looked at.
const THEOREMS: [&str; 3] = ["single-model", "ensemble-distillation", "self-distillation"];

/// Steps between two looks at the race.
const EVERY: usize = 25;

/// World 0 of three theorems.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mechanism {
    /// The seed, version and experiments that made it.
    pub provenance: Provenance,
    /// A single model of Theorem 1.
    pub race: Race,
    /// Models of Theorem 3: one, the ensemble, its student.
    pub distillation: Vec<ModelCells>,
    /// Models of Theorem 4: the teacher, a network from the student's initialisation trained alone,
    /// the student.
    pub self_distillation: Vec<ModelCells>,
    /// `err(D_s)` of the ensemble of the first `K` members, `K = 1, 2, …`.
    pub coverage: Vec<f64>,
    /// Tempered logits on training inputs that contain exactly one view of another class.
    pub soft_labels: Vec<SoftLabel>,
}

/// Version, seed and regimes: equal provenance means equal numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// Version of the program.
    pub version: String,
    /// Seed of the experiment; the world is 0.
    pub seed: u64,
    /// Hash of regime and procedure, by theorem.
    pub experiments: BTreeMap<String, String>,
}

/// The lottery of one network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Race {
    /// Steps looked at.
    pub steps: Vec<usize>,
    /// `max_r ⟨w_{i,r}, v_{i,ℓ}⟩`, `[class][view][look]`, rounded to four digits.
    pub overlaps: Vec<[Vec<f64>; 2]>,
    /// The view each class was predicted to learn.
    pub predicted: Vec<usize>,
    /// `ϱ`.
    pub threshold: f64,
    /// `μ`.
    pub single_view_share: f64,
    /// Share of the training set misclassified, at each look.
    pub training_error: Vec<f64>,
    /// Test error as a share of test inputs, at each look, rounded to four digits.
    pub test_error: Vec<f64>,
    /// Tempered logit of a class on a noiseless input of the next class that shows one of its
    /// views, `[class][view][look]`, at the temperature and scale of Theorem 3's teacher, rounded
    /// to four digits.
    pub soft_labels: Vec<[Vec<f64>; 2]>,
}

impl Race {
    /// The view of a class whose largest overlap is the larger one at the last look.
    pub fn winner(&self, class: usize) -> usize {
        let last = |view: &Vec<f64>| view.last().copied().unwrap_or_default();
        let [first, second] = &self.overlaps[class];
        usize::from(last(second) > last(first))
    }

    /// True if a class has learned a view by this look: an overlap is past half of the threshold.
    pub fn known(&self, class: usize, view: usize, look: usize) -> bool {
        self.overlaps[class][view][look] > 0.5 * self.threshold
    }
}

/// Single-view error of one model, cell by cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelCells {
    /// The model.
    pub model: String,
    /// Error on single-view inputs that keep the view, `[class][view]`.
    pub error: Vec<[f64; 2]>,
}

/// The mass that models put on a class that is not the label.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SoftLabel {
    /// `known view`, `lost view` (of the single model) or `absent`: which feature of the class the
    /// input contains.
    pub feature: String,
    /// Mean tempered logit of the ensemble, the teacher.
    pub teacher: f64,
    /// Mean tempered logit of the single model, at the teacher's scale `S`.
    pub single: f64,
    /// Mean tempered logit of the distilled student.
    pub student: f64,
    /// Pairs of input and class averaged over.
    pub pairs: usize,
}

impl Mechanism {
    /// Returns the provenance of a mechanism of this seed, made by this version.
    pub fn provenance(seed: u64, version: &str) -> Provenance {
        let experiments = THEOREMS
            .iter()
            .map(|name| {
                let theorem = embedded(name);
                (
                    name.to_string(),
                    key(&(&theorem.regime, &theorem.procedure)),
                )
            })
            .collect();
        Provenance {
            version: version.into(),
            seed,
            experiments,
        }
    }

    /// Trains what the pictures show: some tens of networks.
    pub fn observe(seed: u64) -> Self {
        let (distillation, coverage, soft_labels) = distil(seed);
        Self {
            provenance: Self::provenance(seed, env!("CARGO_PKG_VERSION")),
            race: race(seed),
            distillation,
            self_distillation: self_distil(seed),
            coverage,
            soft_labels,
        }
    }

    /// The text of the file that keeps it: JSON, with a digest of the rest as its last field. The
    /// digest catches accidents and casual edits; it is no signature.
    ///
    /// # Errors
    /// None that plain values can have.
    pub fn text(&self) -> serde_json::Result<String> {
        let text = serde_json::to_string(self)?;
        Ok(stamped(&text, &own_digest(&text)) + "\n")
    }

    /// Reads the text of the file that keeps it.
    ///
    /// # Errors
    /// If it is not one, or was changed after it was written.
    pub fn read(text: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Stamp {
            digest: String,
        }
        let text = text.trim_end();
        let Stamp { digest } = serde_json::from_str(text).map_err(|e| e.to_string())?;
        let own = unstamped(text, &digest).ok_or("its digest does not stand at its end")?;
        if digest != own_digest(&own) {
            return Err("its digest is another: it was changed after it was written".into());
        }
        serde_json::from_str(&own).map_err(|e| e.to_string())
    }
}

fn own_digest(text: &str) -> String {
    digest([text.as_bytes()], 16)
}

fn embedded(name: &str) -> Theorem {
    Theorem::embedded(name).unwrap_or_else(|| unreachable!("{name} is embedded"))
}

fn world(theorem: &Theorem, seed: u64) -> World {
    let seed = WorldSeed {
        experiment: seed,
        world: 0,
    };
    World::new(&theorem.regime, theorem.procedure.test_draws, seed)
}

fn race(seed: u64) -> Race {
    let theorem = embedded("single-model");
    let regime = &theorem.regime;
    let world = world(&theorem, seed);
    let strengths = view_strengths(regime, &world.data);
    let mut race = Race {
        steps: Vec::new(),
        overlaps: vec![Default::default(); regime.data.classes],
        predicted: predicted_views(regime, Some(&strengths), &world.initial(0))
            .into_iter()
            .map(Option::unwrap_or_default)
            .collect(),
        threshold: regime.network.relu_threshold,
        single_view_share: regime.data.single_view_share,
        training_error: Vec::new(),
        test_error: Vec::new(),
        soft_labels: vec![Default::default(); regime.data.classes],
    };
    let spec = embedded("ensemble-distillation").procedure.distillation;
    let spec = spec.unwrap_or_else(|| unreachable!("theorem 3 distils"));
    let samples = world.data.samples.len() as f64;
    let mut look = |step: StepView<f32>| {
        race.steps.push(step.step);
        let overlaps = largest_overlaps(regime, step.features);
        for (class, pair) in race.overlaps.iter_mut().zip(overlaps.chunks_exact(2)) {
            for (view, overlap) in class.iter_mut().zip(pair) {
                view.push(digits(f64::from(*overlap)));
            }
        }
        race.training_error
            .push(step.training_errors as f64 / samples);
        let portrait = Portrait::of_features(regime, step.features);
        let evaluation = world.evaluate(regime, &portrait, 0);
        race.test_error.push(digits(evaluation.error()));
        let soft = soft_labels_of_views(regime, &spec, step.features);
        for (class, pair) in race.soft_labels.iter_mut().zip(soft) {
            for (view, soft) in class.iter_mut().zip(pair) {
                view.push(digits(soft));
            }
        }
    };
    let observer = Observer {
        every: EVERY,
        call: &mut look,
    };
    world.train_alone(world.initial(0), Some(observer));
    race
}

/// The tempered logit of each class on an input of the next class that shows one of its views,
/// `[class][view]`: features at their mean weights in multi-view inputs, and no noise. `features`
/// is `A`, `[features][k][stride]`.
fn soft_labels_of_views(regime: &Regime, spec: &Distillation, features: &[f32]) -> Vec<[f64; 2]> {
    let Layout {
        classes: k,
        neurons,
        stride,
    } = Layout::of(regime);
    let data = &regime.data;
    let activation = SmoothedRelu::<f64>::new(&regime.network);
    let mean = |[low, high]: [f64; 2]| 0.5 * (low + high);
    let logit = |class: usize, (feature, weight): (usize, f64)| -> f64 {
        let overlaps = &features[(feature * k + class) * stride..][..neurons];
        let values = overlaps.iter().map(|a| weight * f64::from(*a));
        values.map(|z| activation.value_and_slope(z).0).sum()
    };
    let soft = |class: usize, view: usize| {
        let label = (class + 1) % k;
        let shown = [
            (2 * label, mean(data.main_weight)),
            (2 * label + 1, mean(data.main_weight)),
            (2 * class + view, mean(data.other_weight)),
        ];
        let logits: Vec<f64> = (0..k)
            .map(|i| {
                spec.teacher_scale * shown.map(|feature| logit(i, feature)).iter().sum::<f64>()
            })
            .collect();
        let mut soft = vec![0.0; k];
        tempered(&logits, spec.temperature(k), true, &mut soft);
        soft[class]
    };
    (0..k).map(|i| [soft(i, 0), soft(i, 1)]).collect()
}

fn distil(seed: u64) -> (Vec<ModelCells>, Vec<f64>, Vec<SoftLabel>) {
    let theorem = embedded("ensemble-distillation");
    let (regime, procedure) = (&theorem.regime, &theorem.procedure);
    let world = world(&theorem, seed);
    let mut portraits: Vec<Portrait> = Vec::new();
    let mut members = Vec::new();
    let mut scores: Vec<Evaluation> = Vec::new();
    for index in 0..procedure.members as u64 {
        let member = world.train_alone(world.initial(index), None);
        portraits.push(Portrait::of(regime, &member));
        scores.push(world.evaluate(regime, &Portrait::sum(&portraits), index));
        members.push(member);
    }
    let spec = procedure
        .distillation
        .as_ref()
        .unwrap_or_else(|| unreachable!("theorem 3 distils"));
    let student = world.distil(spec, &members, network_index::DISTILLED, false);
    let last = scores.len() - 1;
    let cells = vec![
        cells("one model", &scores[0]),
        cells("its ensemble", &scores[last]),
        cells("the distilled student", &student.evaluation),
    ];
    let soft = soft_labels(
        &theorem,
        &world,
        spec,
        &members,
        &student.network,
        &scores[0],
    );
    let coverage = scores.iter().map(Evaluation::single_view_error).collect();
    (cells, coverage, soft)
}

fn self_distil(seed: u64) -> Vec<ModelCells> {
    let theorem = embedded("self-distillation");
    let world = world(&theorem, seed);
    let spec = theorem
        .procedure
        .self_distillation
        .as_ref()
        .unwrap_or_else(|| unreachable!("theorem 4 distils"));
    let alone = |name: &str, index: u64| {
        let network = world.train_alone(world.initial(index), None);
        let portrait = Portrait::of(&theorem.regime, &network);
        let evaluation = world.evaluate(&theorem.regime, &portrait, index);
        (cells(name, &evaluation), network)
    };
    let (teacher_cells, teacher) = alone("the teacher", 0);
    let (fresh_cells, _) = alone(
        "the student's start, trained alone",
        network_index::SELF_DISTILLED,
    );
    let index = network_index::SELF_DISTILLED;
    let student = world.distil(spec, [&teacher], index, false);
    vec![
        teacher_cells,
        fresh_cells,
        cells("the self-distilled student", &student.evaluation),
    ]
}

fn cells(model: &str, evaluation: &Evaluation) -> ModelCells {
    let pairs = evaluation.single.chunks_exact(2);
    ModelCells {
        model: model.into(),
        error: pairs.map(|c| [c[0].rate, c[1].rate]).collect(),
    }
}

/// The mass on classes other than the label, by the feature of the class that the input contains.
fn soft_labels(
    theorem: &Theorem,
    world: &World,
    spec: &Distillation,
    members: &[Trained<f32>],
    student: &Trained<f32>,
    single: &Evaluation,
) -> Vec<SoftLabel> {
    let k = theorem.regime.data.classes;
    let temperature = spec.temperature(k) as f32;
    let scale = spec.teacher_scale as f32;
    let of = |logits: &[f32]| {
        let mut soft = vec![0.0; k];
        tempered(logits, temperature, true, &mut soft);
        soft
    };
    // Sums over pairs of (teacher, single, student), then the number of pairs: known view, lost
    // view, absent.
    let mut groups = [[0.0f64; 4]; 3];
    for (n, sample) in world.data.samples.iter().enumerate() {
        let scaled = |network: &Trained<f32>, scale: f32| -> Vec<f32> {
            let mut row = vec![0.0; k];
            network.training_logits.row(n).write(&mut row);
            row.iter().map(|f| scale * f).collect()
        };
        let mut teacher = vec![0.0; k];
        for member in members {
            let share = scaled(member, scale / members.len() as f32);
            teacher.iter_mut().zip(share).for_each(|(t, f)| *t += f);
        }
        let soft = [
            of(&teacher),
            of(&scaled(&members[0], scale)),
            of(&scaled(student, 1.0)),
        ];
        for class in (0..k).filter(|i| *i != sample.label) {
            let present: Vec<usize> = (sample.patches.iter())
                .filter_map(|p| p.feature.map(|v| v as usize))
                .filter(|v| theorem.regime.data.class_of(*v) == class)
                .collect();
            let group = match present.as_slice() {
                [] => 2,
                [feature] => usize::from(!single.single[*feature].is_learned()),
                _ => continue,
            };
            for (sum, soft) in groups[group].iter_mut().zip(&soft) {
                *sum += f64::from(soft[class]);
            }
            groups[group][3] += 1.0;
        }
    }
    ["known view", "lost view", "absent"]
        .iter()
        .zip(groups)
        .map(|(feature, [teacher, single, student, pairs])| SoftLabel {
            feature: (*feature).into(),
            teacher: digits(teacher / pairs.max(1.0)),
            single: digits(single / pairs.max(1.0)),
            student: digits(student / pairs.max(1.0)),
            pairs: pairs as usize,
        })
        .collect()
}

/// Rounded to four digits: more is not seen in a picture, nor the same on every processor.
fn digits(x: f64) -> f64 {
    format!("{x:.3e}").parse().unwrap_or(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A network that knows view 0 of each class far beyond its threshold: on an input that shows
    /// it, the class and the label both reach the truncation at 1/τ, and the soft label is e^{1/τ}
    /// / (2 e^{1/τ} + k − 2); on the other view it is 1 / (e^{1/τ} + k − 1).
    #[test]
    fn soft_labels_mark_the_views_that_are_known() {
        let theorem = embedded("ensemble-distillation");
        let spec = theorem.procedure.distillation.expect("it distils");
        let layout = Layout::of(&theorem.regime);
        let k = layout.classes;
        let mut features = vec![0.0; 2 * k * layout.row()];
        for class in 0..k {
            features[(2 * class * k + class) * layout.stride] = 1e3;
        }
        let soft = soft_labels_of_views(&theorem.regime, &spec, &features);
        let top = (1.0 / spec.temperature(k)).exp();
        let rest = k as f64;
        for [known, lost] in soft {
            assert!((known - top / (2.0 * top + rest - 2.0)).abs() < 1e-12);
            assert!((lost - 1.0 / (top + rest - 1.0)).abs() < 1e-12);
        }
    }
}
