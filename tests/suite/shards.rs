//! A verification dealt out to shards: put together they are the record of one process, byte by
//! byte.

use super::cli::{files, multiview};
use assert_cmd::Command;
use multiview::record::{Kept, Record, WorldRecord, Worlds};
use multiview::shard::Shard;
use multiview::theorem::{Profile, Theorem};
use multiview::verify::{Merged, Plan, merge};
use predicates::prelude::*;
use predicates::str::contains;
use proptest::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use tempfile::TempDir;

const SMALL: &str = include_str!("../fixtures/small.toml");

/// A folder with a theorem file, a record of one process, and the shards that are made.
struct Dealt(TempDir);

impl Dealt {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("theorem.toml"), SMALL).expect("written");
        Self(folder)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn verify(&self) -> Command {
        let mut command = multiview();
        command.arg("verify").current_dir(self.0.path());
        command
    }

    fn train(&self, record: &str) -> Command {
        let mut command = self.verify();
        command.args(["--file", "theorem.toml", "--record", record]);
        command
    }

    fn shard(&self, index: usize) {
        let shard = format!("{index}/3");
        let mut train = self.train(&format!("shard-{index}"));
        let trained = train.args(["--shard", &shard]).assert().code(0);
        trained.stdout(contains(format!("Shard {shard} is trained")));
    }

    fn merge(&self, into: &str, parts: &[&str]) -> Command {
        let mut merge = self.verify();
        merge.args(["merge", into]).args(parts);
        merge
    }

    /// The merge is refused with these words, and nothing is written.
    fn refused(&self, parts: &[&str], words: &str) {
        let refused = self.merge("refused", parts).assert().code(2);
        refused.stderr(contains(words));
        assert!(!self.at("refused").exists());
    }
}

const SHARDS: [&str; 3] = ["shard-0", "shard-1", "shard-2"];

#[test]
fn shards_merge_to_the_record_of_one_process() {
    let dealt = Dealt::new();
    let mut one = dealt.train("one");
    one.args(["--json", "one.json"]).assert().code(0);
    (0..3).for_each(|index| dealt.shard(index));
    let mut merge = dealt.merge("whole", &["shard-2", "shard-0", "shard-1"]);
    let merged = merge.args(["--json", "whole.json"]).assert().code(0);
    merged.stdout(contains("refuted, as it should be"));
    assert_eq!(files(&dealt.at("whole")), files(&dealt.at("one")));
    let json = |name: &str| fs::read(dealt.at(name)).expect("a report");
    assert_eq!(json("whole.json"), json("one.json"));
    // The whole is a record as any other.
    let mut resumed = dealt.verify();
    let resumed = resumed.args(["--resume", "whole"]).assert().code(0);
    resumed.stderr(contains("world 0 done").not());
    dealt
        .merge("whole", &SHARDS)
        .assert()
        .code(2)
        .stderr(contains("holds a record"));
}

/// Interrupted, torn, and begun again by the same command, as a launcher does.
#[test]
fn a_shard_is_continued_by_its_command() {
    let dealt = Dealt::new();
    dealt.train("one").assert().code(0);
    (0..3).for_each(|index| dealt.shard(index));
    let worlds = dealt.at("shard-1/worlds.jsonl");
    let text = fs::read_to_string(&worlds).expect("worlds");
    let kept: String = text.lines().skip(3).map(|l| format!("{l}\n")).collect();
    fs::write(&worlds, kept + "{\"experiment\":\"to").expect("written");
    dealt.refused(&SHARDS, "shard-1: unfinished");
    dealt.shard(1);
    assert_eq!(fs::read_to_string(&worlds).expect("worlds"), text);
    dealt.merge("whole", &SHARDS).assert().code(0);
    assert_eq!(files(&dealt.at("whole")), files(&dealt.at("one")));
}

/// A claim that is decided early needs neither all worlds of a shard nor, of a shard without one of
/// them, its record.
#[test]
fn a_merge_waits_for_no_world_that_it_can_do_without() {
    let dealt = Dealt::new();
    dealt.train("one").assert().code(0);
    (0..3).for_each(|index| dealt.shard(index));
    let one = fs::read_to_string(dealt.at("one/worlds.jsonl")).expect("worlds");
    for shard in SHARDS {
        let path = dealt.at(shard).join("worlds.jsonl");
        let text = fs::read_to_string(&path).expect("worlds");
        let body = |line: &str| line.split(",\"digest\"").next().unwrap_or(line).to_owned();
        let counted = |line: &&str| one.contains(&body(line));
        let (needed, spare): (Vec<&str>, Vec<&str>) = text.lines().partition(counted);
        assert!(!needed.is_empty() && !spare.is_empty(), "{shard}");
        let cut: String = needed.iter().map(|line| format!("{line}\n")).collect();
        fs::write(&path, cut + "{\"experiment\":\"to").expect("written");
    }
    let merged = dealt.merge("whole", &SHARDS).assert().code(0);
    merged.stderr(contains("torn last line").count(3));
    assert_eq!(files(&dealt.at("whole")), files(&dealt.at("one")));
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let dealt = Dealt::new();
    (0..2).for_each(|index| dealt.shard(index));
    dealt.refused(&SHARDS[..2], "shards 2/3 are missing");
    dealt.refused(
        &["shard-0", "shard-0"],
        "shard = 0/3: others are of 3, each once",
    );
    let other = |name: &str, options: &[&str]| {
        dealt.train(name).args(options).assert().code(0);
    };
    other("seed", &["--shard", "2/3", "--seed", "2"]);
    dealt.refused(&["shard-0", "seed"], "seed = 2, others 1");
    other("level", &["--shard", "2/3", "--confidence", "0.8"]);
    dealt.refused(&["shard-0", "level"], "level: another run than the others'");
    other("four", &["--shard", "2/4"]);
    dealt.refused(&["shard-0", "four"], "shard = 2/4: others are of 3");
    // A line of another shard.
    let worlds = |name: &str| dealt.at(name).join("worlds.jsonl");
    let foreign = fs::read_to_string(worlds("shard-1")).expect("worlds");
    let own = fs::read_to_string(worlds("shard-0")).expect("worlds");
    fs::remove_file(dealt.at("shard-0/seal.json")).expect("a seal");
    fs::write(worlds("shard-0"), own + &foreign).expect("written");
    dealt.refused(&SHARDS[..2], "its digest is another");
    // One that passes for its own, and contradicts another shard.
    let record = dealt.at("shard-1");
    let plan: Plan = Record::manifest(&record).expect("a plan");
    let worlds = Record::read(&record, &plan).expect("a record").worlds;
    let ((experiment, _), outcome) = worlds.into_iter().next().expect("a world");
    dealt.shard(2);
    let of_another = dealt.at("shard-2");
    let plan: Plan = Record::manifest(&of_another).expect("a plan");
    let theirs = Record::read(&of_another, &plan).expect("a record").worlds;
    let same = |key: &&(String, u64)| key.0 == experiment;
    let (_, world) = theirs
        .keys()
        .find(same)
        .expect("a world of the same experiment");
    let forged = WorldRecord {
        experiment,
        world: *world,
        outcome,
    };
    let plan: Plan = Record::manifest(&record).expect("a plan");
    let (mut open, _) = Record::resume(&record, &plan).expect("a record");
    open.append(&forged).expect("written");
    drop(open);
    dealt.refused(
        &["shard-2", "shard-1"],
        "has another outcome than in an earlier part",
    );
    // A manifest of another version.
    let manifest = dealt.at("shard-1/manifest.json");
    let text = fs::read_to_string(&manifest).expect("a manifest");
    let version = format!("\"version\": \"{}\"", env!("CARGO_PKG_VERSION"));
    fs::write(&manifest, text.replace(&version, "\"version\": \"0.0.0\"")).expect("written");
    dealt.refused(&["four", "shard-1"], "version 0.0.0");
}

#[test]
fn a_shard_decides_nothing_and_continues_no_other() {
    let dealt = Dealt::new();
    dealt.shard(0);
    let refused = |options: &[&str], words: &str| {
        let refused = dealt.train("shard-0").args(options).assert().code(2);
        refused.stderr(contains(words));
    };
    refused(
        &["--shard", "1/3"],
        "holds another run, shard, seed or version",
    );
    refused(&["--shard", "0/3", "--seed", "2"], "holds another run");
    refused(&["--shard", "0/3", "--json", "x.json"], "decides nothing");
    refused(&["--shard", "3/3"], "I from 0 to below N");
    refused(&[], "holds a record");
    dealt
        .verify()
        .args(["--resume", "shard-0", "--shard", "0/3"])
        .assert()
        .code(2)
        .stderr(contains("cannot be used with"));
    // A whole that is one part is the whole.
    dealt.train("one").assert().code(0);
    let mut part = dealt.train("part");
    part.args(["--shard", "0/1"]).assert().code(0);
    assert_eq!(files(&dealt.at("part")), files(&dealt.at("one")));
}

/// Slurm counts from its first task, Kubernetes from 0.
#[test]
fn launchers_are_understood() {
    let dealt = Dealt::new();
    dealt.shard(1);
    let launchers: [&[(&str, &str)]; 2] = [
        &[
            ("SLURM_ARRAY_TASK_ID", "5"),
            ("SLURM_ARRAY_TASK_MIN", "4"),
            ("SLURM_ARRAY_TASK_COUNT", "3"),
        ],
        &[("JOB_COMPLETION_INDEX", "1"), ("JOB_COMPLETIONS", "3")],
    ];
    for (place, variables) in launchers.iter().enumerate() {
        let record = format!("launched-{place}");
        let mut launched = dealt.train(&record);
        launched.envs(variables.iter().copied()).assert().code(0);
        assert_eq!(files(&dealt.at(&record)), files(&dealt.at("shard-1")));
    }
    // Without a directory of its own a task still finds what it has begun.
    for kept in ["(0 worlds kept)", "worlds kept)"] {
        let mut task = dealt.verify();
        task.args(["--file", "theorem.toml"]);
        task.envs(launchers[1].iter().copied());
        task.assert().code(0).stderr(contains(kept));
    }
    let runs = fs::read_dir(dealt.at("multiview-runs")).expect("a folder");
    assert_eq!(runs.count(), 1);
    dealt
        .train("none")
        .env("SLURM_ARRAY_TASK_ID", "1")
        .assert()
        .code(2)
        .stderr(contains("SLURM_ARRAY_TASK_COUNT"));
}

/// Every world within the budget is one shard's, whatever experiment it is of.
#[test]
fn shards_part_the_worlds() {
    let theorem = Theorem::parse("small.toml", SMALL).expect("valid");
    let whole = Plan::new(vec![theorem], Profile::Quick, 1);
    let of = |shard: Shard| Plan {
        shard,
        ..whole.clone()
    };
    let memory = |plan: &Plan| plan.memory(2).expect("in range");
    for count in 2..5 {
        for index in 0..count {
            let part = of(Shard { index, count });
            assert!(part.validate().is_ok());
            assert_eq!(memory(&part), memory(&whole));
        }
        let outside = Shard {
            index: count,
            count,
        };
        assert_eq!(of(outside).validate().expect_err("refused").field, "shard");
    }
    let coupled = Plan {
        total_worlds: Some(9),
        ..of(Shard { index: 0, count: 2 })
    };
    assert_eq!(
        coupled.validate().expect_err("refused").field,
        "total_worlds"
    );
}

/// A plan, every world that any of its shards trains, and the files of the record of one process.
static TRAINED: LazyLock<(Plan, Worlds, [Vec<u8>; 3])> = LazyLock::new(|| {
    let theorem = Theorem::parse("small.toml", SMALL).expect("valid");
    let plan = Plan::new(vec![theorem], Profile::Quick, 1);
    let folder = tempfile::tempdir().expect("a folder");
    let run = |part: &Plan, name: &str| {
        let record = folder.path().join(name);
        let begun = Record::create(&record, part).expect("begun");
        let ran = part.run(begun, Kept::default(), 2, &|_| {});
        ran.expect("it runs");
        record
    };
    let one = files(&run(&plan, "one"));
    let mut worlds = Worlds::new();
    for index in 0..2 {
        let part = of_shard(&plan, index, 2);
        let record = run(&part, &index.to_string());
        worlds.extend(Record::read(&record, &part).expect("a record").worlds);
    }
    (plan, worlds, one)
});

fn of_shard(plan: &Plan, index: usize, count: usize) -> Plan {
    Plan {
        shard: Shard { index, count },
        ..plan.clone()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    /// However many shards there are, and whatever they lack of what one process does not need; but
    /// not if they lack what it needs.
    #[test]
    fn however_worlds_are_dealt_out_they_merge_to_one_record(
        count in 1_usize..8,
        lacks in any::<u64>(),
        needed in any::<prop::sample::Index>(),
    ) {
        let (plan, worlds, one) = &*TRAINED;
        let folder = tempfile::tempdir().expect("a folder");
        let counted = plan.counted(worlds).expect("in range").expect("all is there");
        let missing = needed.index(counted.len());
        let missing = counted.keys().nth(missing).expect("a world");
        let parts: Vec<PathBuf> = (0..count).map(|i| folder.path().join(i.to_string())).collect();
        let mut of_missing = 0;
        for (index, directory) in parts.iter().enumerate() {
            let part = of_shard(plan, index, count);
            let kept = Kept { worlds: worlds.clone(), warning: None };
            let record = Record::create(directory, &part).expect("begun");
            part.run(record, kept, 1, &|_| {}).expect("nothing is left to train");
            let own = Record::read(directory, &part).expect("a record").worlds;
            of_missing += usize::from(own.contains_key(missing));
            let (mut cut, mut place) = (own, 0);
            cut.retain(|key, _| {
                place += 1;
                counted.contains_key(key) || lacks >> (place % 64) & 1 == 0
            });
            Record::put_in_order(directory, &part, &cut).expect("written");
        }
        prop_assert_eq!(of_missing, 1, "a world is of one shard");
        let whole = folder.path().join("whole");
        let merged: Merged<Plan> = merge(&whole, &parts).expect("merged");
        prop_assert_eq!(&files(&whole), one);
        prop_assert_eq!(Some(merged.report), plan.replay(worlds).expect("in range"));
        for (index, directory) in parts.iter().enumerate() {
            let part = of_shard(plan, index, count);
            let mut own = Record::read(directory, &part).expect("a record").worlds;
            if own.remove(missing).is_some() {
                Record::put_in_order(directory, &part, &own).expect("written");
            }
        }
        let none = folder.path().join("none");
        prop_assert!(merge::<Plan>(&none, &parts).is_err());
        prop_assert!(!none.exists());
    }
}

/// A plan whose worlds take a few steps, and the files of its record by one process on one thread.
static CHEAP: LazyLock<(Plan, Worlds, [Vec<u8>; 3])> = LazyLock::new(|| {
    let text = SMALL.replace("steps = 400", "steps = 20");
    let theorem = Theorem::parse("small.toml", &text).expect("valid");
    let plan = Plan::new(vec![theorem], Profile::Quick, 1);
    let folder = tempfile::tempdir().expect("a folder");
    let begun = Record::create(folder.path(), &plan).expect("begun");
    plan.run(begun, Kept::default(), 1, &|_| {})
        .expect("it runs");
    let worlds = Record::read(folder.path(), &plan).expect("a record").worlds;
    let files = files(folder.path());
    (plan, worlds, files)
});

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// On however many threads, in however many shards, and whatever each of them had when it was
    /// interrupted.
    #[test]
    fn threads_shards_and_interruptions_change_no_byte(
        threads in prop::sample::select(vec![1_usize, 2, 4]),
        count in 1_usize..5,
        survived in prop::collection::vec(any::<u64>(), 4),
    ) {
        let (plan, worlds, one) = &*CHEAP;
        let folder = tempfile::tempdir().expect("a folder");
        let parts: Vec<PathBuf> = (0..count).map(|i| folder.path().join(i.to_string())).collect();
        for (index, directory) in parts.iter().enumerate() {
            let part = of_shard(plan, index, count);
            let mut place = 0;
            let mut kept = worlds.clone();
            kept.retain(|_, _| {
                place += 1;
                survived[index] >> (place % 64) & 1 == 1
            });
            let kept = Kept { worlds: kept, warning: None };
            let record = Record::create(directory, &part).expect("begun");
            part.run(record, kept, threads, &|_| {}).expect("it runs");
        }
        let whole = folder.path().join("whole");
        let merged: Merged<Plan> = merge(&whole, &parts).expect("merged");
        prop_assert_eq!(&files(&whole), one);
        prop_assert_eq!(Some(merged.report), plan.replay(worlds).expect("in range"));
    }
}

/// The kernels' instructions change no bit, for students and with every engine but the dense one,
/// whose matrix products are another crate's.
#[test]
fn the_instructions_of_the_processor_change_no_byte() {
    let taught = "members = 2\n[procedure.distillation]\ntemperature = 0.2\nteacher_scale = 50.0\n\
                  push_rate_per_class = 20.0\nsteps = 100\n[procedure.self_distillation]\n\
                  temperature = 0.2\nteacher_scale = 50.0\npush_rate_per_class = 20.0\n\
                  warm_up_steps = 50\nsteps = 100";
    for engine in ["overlap", "overlap-adaptive", "overlap-reference"] {
        let engine = format!("steps = 400\nengine = \"{engine}\"");
        let text = SMALL
            .replace("steps = 400", &engine)
            .replace("test_draws", "#")
            .replace("members = 2", taught);
        let dealt = Dealt::new();
        fs::write(dealt.at("theorem.toml"), text).expect("written");
        dealt.train("fast").assert().code(0);
        let mut slow = dealt.train("slow");
        slow.env("MULTIVIEW_SCALAR", "1").assert().code(0);
        assert_eq!(
            files(&dealt.at("fast")),
            files(&dealt.at("slow")),
            "{engine}"
        );
    }
}

/// The script carries the theorem as it is now, under whatever path, and the order in which
/// theorems were named.
#[test]
fn a_job_script_asks_for_the_same_run() {
    let dealt = Dealt::new();
    let mut submit = dealt.verify();
    submit.args([
        "submit",
        "./theorem.toml",
        "lottery",
        "--slurm",
        "--only-write",
    ]);
    submit.args(["--tasks", "5", "--profile", "full", "--seed", "7"]);
    submit.args(["--out", "a job"]).assert().code(0);
    let job = dealt.at("a job");
    let script = fs::read_to_string(job.join("verify.sbatch")).expect("a script");
    let theorem = format!("verify '{}/small.toml' lottery", job.display());
    for words in [
        theorem.as_str(),
        "--profile full --seed 7 --confidence 0.99 --shard \"$SLURM_ARRAY_TASK_ID/5\"",
        "#SBATCH --array=0-4",
        "verify merge",
    ] {
        assert!(script.contains(words), "no {words:?} in {script}");
    }
    let copied = Theorem::read(Path::new(&job.join("small.toml"))).expect("valid");
    assert_eq!(copied, Theorem::parse("small.toml", SMALL).expect("valid"));
}
