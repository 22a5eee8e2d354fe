//! A world as plain arrays: what the engine trains, to the bit, and what a witness in another
//! language makes of it.

use super::cli::multiview;
use multiview::arrays::{self, Files};
use multiview::data::DataSet;
use multiview::engine::noise::Noise;
use multiview::engine::reference;
use multiview::engine::state::{Layout, Overlaps, Trained};
use multiview::objective::Objective;
use multiview::procedure::memory;
use multiview::regime::{EngineKind, PatchCount};
use multiview::seed::{Purpose, WorldSeed};
use multiview::theorem::Theorem;
use predicates::str::contains;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

const WITNESS: &str = include_str!("../fixtures/witness.toml");
const SMALL: &str = include_str!("../fixtures/small.toml");
const SEED: WorldSeed = WorldSeed {
    experiment: 1,
    world: 3,
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn theorem(text: &str, engine: EngineKind) -> Theorem {
    let mut theorem = Theorem::parse("theorem.toml", text).expect("valid");
    theorem.regime.training.engine = engine;
    theorem
}

fn written(theorem: &Theorem) -> Files {
    arrays::of_world(&theorem.regime, &theorem.procedure, SEED).expect("it can be written")
}

/// A Python that has NumPy: the one there is, or one with the pinned version from the package
/// registry.
fn python() -> Option<&'static Path> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    let runs = |program: &Path, arguments: &[&str]| {
        let ran = Command::new(program).args(arguments).output();
        ran.is_ok_and(|output| output.status.success())
    };
    let find = || {
        let numpy = ["-c", "import numpy"];
        let installed = PathBuf::from("python3");
        if runs(&installed, &numpy) {
            return Some(installed);
        }
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("witness");
        let own = folder.join("bin/python");
        if !runs(&own, &numpy) {
            let wanted = root().join("tests/witness/requirements.txt");
            let (folder, wanted) = (folder.to_str()?, wanted.to_str()?);
            let pip = ["-m", "pip", "install", "--quiet", "--retries", "0"];
            let install = [&pip[..], &["--timeout", "10", "-r", wanted]].concat();
            let made = runs(&installed, &["-m", "venv", folder]) && runs(&own, &install);
            if !made {
                return None;
            }
        }
        Some(own)
    };
    FOUND.get_or_init(find).as_deref()
}

/// The witness's word on the arrays in a directory.
fn witness(python: &Path, directory: &Path) -> Output {
    Command::new(python)
        .arg(root().join("tests/witness/witness.py"))
        .arg(directory)
        .env("OPENBLAS_NUM_THREADS", "1") // matrices are small, and other tests run beside
        .output()
        .expect("it runs")
}

/// Single models, networks trained as one sum and students, in the limit and in `R^d`; and a step a
/// thousandth too long is seen.
#[test]
fn an_independent_witness_reaches_the_programs_networks() {
    let Some(python) = python() else {
        super::skipped("no Python with NumPy, and none could be installed");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    for engine in ["overlap-reference", "dense"] {
        let file = folder.path().join(format!("{engine}.toml"));
        fs::write(&file, WITNESS.replace("overlap-reference", engine)).expect("written");
        let directory = folder.path().join(engine);
        let mut data = multiview();
        data.arg("data").arg(&file).arg("--out").arg(&directory);
        data.args(["--world", "3"]).assert().success();
        let said = witness(python, &directory);
        let words = String::from_utf8_lossy(&said.stdout);
        let told = String::from_utf8_lossy(&said.stderr);
        assert!(said.status.success(), "{engine}: {words}{told}");
        for network in ["member-1", "joint", "distilled", "self_distilled-swapped"] {
            assert!(words.contains(&format!("{network}: ")), "{words}");
        }
    }
    let world = folder.path().join("dense/world.json");
    let text = fs::read_to_string(&world).expect("a world");
    assert!(text.contains("\"learning_rate\": 12.0"), "{text}");
    let longer = text.replace("\"learning_rate\": 12.0", "\"learning_rate\": 12.012");
    fs::write(&world, longer).expect("written");
    let said = witness(python, &folder.path().join("dense"));
    let words = String::from_utf8_lossy(&said.stdout);
    assert!(
        !said.status.success() && words.contains("DISAGREE"),
        "{words}"
    );
}

/// An array as NumPy's format defines it: type, shape, and bytes.
fn array<'a>(files: &'a Files, name: &str) -> (&'a str, Vec<usize>, &'a [u8]) {
    let file = &files[&format!("{name}.npy")];
    let (start, rest) = file.split_at(10);
    assert_eq!(&start[..8], b"\x93NUMPY\x01\x00", "{name}");
    let length = usize::from(u16::from_le_bytes([start[8], start[9]]));
    assert_eq!((10 + length) % 64, 0, "{name}");
    let (header, bytes) = rest.split_at(length);
    let header = std::str::from_utf8(header).expect("ASCII");
    let between = |open: &str, close: &str| {
        let (_, rest) = header.split_once(open).expect(header);
        rest.split_once(close).expect(header).0
    };
    assert!(header.ends_with('\n') && header.contains("'fortran_order': False"));
    let shape = between("'shape': (", ")").split(',').map(str::trim);
    let shape = shape.filter(|length| !length.is_empty());
    let shape = shape.map(|length| length.parse().expect("a length"));
    (between("'descr': '", "'"), shape.collect(), bytes)
}

fn floats(files: &Files, name: &str, shape: &[usize]) -> Vec<f32> {
    let (number, found, bytes) = array(files, name);
    assert_eq!((number, found.as_slice()), ("<f4", shape), "{name}");
    let (numbers, rest) = bytes.as_chunks::<4>();
    assert!(rest.is_empty() && numbers.len() == shape.iter().product::<usize>());
    numbers.iter().map(|x| f32::from_le_bytes(*x)).collect()
}

fn integers(files: &Files, name: &str) -> Vec<i64> {
    let (number, shape, bytes) = array(files, name);
    let (numbers, rest) = bytes.as_chunks::<8>();
    assert!(number == "<i8" && rest.is_empty() && shape == [numbers.len()]);
    numbers.iter().map(|x| i64::from_le_bytes(*x)).collect()
}

/// Rows of neurons with the padding that the engines want.
fn padded(layout: Layout, values: &[f32], padding: f32) -> Vec<f32> {
    let rows = values.chunks_exact(layout.neurons);
    let rest = vec![padding; layout.stride - layout.neurons];
    rows.flat_map(|row| [row, &rest].concat()).collect()
}

/// Arrays read back train to the bits that were written, by the engine that stores every overlap.
#[test]
fn arrays_read_back_train_to_the_same_bits() {
    let theorem = theorem(WITNESS, EngineKind::OverlapReference);
    let (regime, files) = (&theorem.regime, written(&theorem));
    let data = DataSet::draw(&regime.data, &mut SEED.rng(Purpose::Data, 0));
    let literal = data.with_noise_patches(&regime.data, SEED);
    let patches: Vec<_> = literal.samples.iter().flat_map(|s| &s.patches).collect();
    let starts = integers(&files, "patch-starts");
    assert_eq!(starts.len(), literal.samples.len() + 1);
    assert_eq!(starts.last(), Some(&(patches.len() as i64)));
    let labels: Vec<i64> = literal.samples.iter().map(|s| s.label as i64).collect();
    assert_eq!(integers(&files, "labels"), labels);
    let features = integers(&files, "patch-features");
    let count = [patches.len()];
    let weights = floats(&files, "patch-weights", &count);
    let noise = floats(&files, "patch-feature-noise", &count);
    let mut pure = 0;
    for (i, patch) in patches.iter().enumerate() {
        assert_eq!(features[i], patch.feature.map_or(-1, i64::from));
        let own = (patch.weight, patch.feature_noise);
        assert_eq!((weights[i], noise[i]), own);
        pure += usize::from(features[i] < 0);
    }
    assert!(pure > 0, "the case should have patches of pure noise");

    let layout = Layout::of(regime);
    let (k, m) = (layout.classes, layout.neurons);
    let per_feature = [regime.data.features(), k, m];
    let start = Overlaps {
        layout,
        features: padded(
            layout,
            &floats(&files, "member-1/start-features", &per_feature),
            0.0,
        ),
        noise: Noise::Stored {
            starts: starts.iter().map(|start| *start as usize).collect(),
            values: padded(
                layout,
                &floats(&files, "member-1/start-noise", &[patches.len(), k, m]),
                f32::NEG_INFINITY,
            ),
        },
    };
    let stop = multiview::engine::Stop {
        steps: regime.steps(),
        perfect_steps: regime.training.perfect_steps,
    };
    let objective = Objective::cross_entropy();
    let network: Trained<f32> = reference::train(regime, &literal, start, &objective, stop, None);
    let end = floats(&files, "member-1/end-features", &per_feature);
    assert_eq!(padded(layout, &end, 0.0), network.features);
    let logits = floats(&files, "member-1/end-logits", &[labels.len(), k]);
    assert_eq!(logits, super::small::logits(&network));
    let world: serde_json::Value = serde_json::from_slice(&files["world.json"]).expect("JSON");
    assert_eq!(world["networks"][1]["steps"], network.steps);
    assert_eq!(world["seed"]["world"], SEED.world);
}

/// The engine that draws noise overlaps when it needs them starts where the one that stores them
/// does, and ends where its record says.
#[test]
fn drawn_overlaps_are_written_as_stored() {
    let [drawn, stored] = [EngineKind::Overlap, EngineKind::OverlapReference]
        .map(|engine| written(&theorem(SMALL, engine)));
    for name in ["start-features", "start-noise"] {
        let file = format!("member-1/{name}.npy");
        assert!(drawn[&file] == stored[&file], "{file}");
    }
    assert_ne!(
        drawn["member-1/end-features.npy"],
        stored["member-1/end-features.npy"]
    );
}

#[test]
fn the_need_of_memory_covers_the_arrays() {
    for (text, engine) in [
        (WITNESS, EngineKind::OverlapReference),
        (WITNESS, EngineKind::Dense),
        (SMALL, EngineKind::Overlap),
    ] {
        let theorem = theorem(text, engine);
        let bytes: usize = written(&theorem).values().map(Vec::len).sum();
        let need: f64 = memory::arrays(&theorem.regime, &theorem.procedure)
            .iter()
            .map(|(_, bytes)| bytes)
            .sum();
        // Padding of four neurons to eight doubles what is on its way; headers and the description
        // take the rest.
        let bytes = bytes as f64;
        assert!(need > 0.8 * bytes, "{engine:?}: {need} for {bytes}");
        assert!(need < 6.0 * bytes, "{engine:?}: {need} for {bytes}");
    }
}

#[test]
fn what_cannot_be_written_is_refused_and_nothing_is_overwritten() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let data = |text: &str, out: &str| {
        fs::write(at("theorem.toml"), text).expect("written");
        let mut data = multiview();
        data.arg("data").arg(at("theorem.toml"));
        data.arg("--out").arg(at(out)).assert()
    };
    data(SMALL, "out").success().stdout(contains("files"));
    let labels = fs::read(at("out/labels.npy")).expect("labels");
    data(&SMALL.replace("classes = 8", "classes = 9"), "out")
        .code(2)
        .stderr(contains("out: holds files, and nothing is overwritten"));
    assert_eq!(fs::read(at("out/labels.npy")).expect("labels"), labels);
    data(SMALL, "theorem.toml")
        .code(2)
        .stderr(contains("theorem.toml: "));
    assert_eq!(
        fs::read_to_string(at("theorem.toml")).expect("a file"),
        SMALL
    );

    let refused = |text: &str, words: &str| {
        data(text, "refused").code(2).stderr(contains(words));
        assert!(!at("refused").exists());
    };
    let crowded = SMALL.replace("classes = 8", "classes = 8\npatches = 20");
    refused(
        &crowded,
        "data.patches = 20 is out of range: \"as-needed\" for arrays",
    );
    let huge = SMALL
        .replace("classes = 8", "classes = 4000")
        .replace("samples = 120", "samples = 1000000");
    refused(&huge, "for arrays (data.classes");
    let mut none = multiview();
    none.args(["data", "random-feature-growth", "--out"])
        .arg(at("refused"));
    let words = "procedure.members = 0 is out of range: 1 to 1000 for arrays";
    none.assert().code(2).stderr(contains(words));
    let mut theorem = theorem(SMALL, EngineKind::Overlap);
    theorem.regime.data.patches = PatchCount::Count(20);
    let error = arrays::of_world(&theorem.regime, &theorem.procedure, SEED).unwrap_err();
    assert_eq!(error.field, "data.patches");
}
