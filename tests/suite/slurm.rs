//! On a real Slurm: an array of tasks, some killed and requeued at work and some failing, makes
//! exactly the record that one process makes, of an exploration and of a verification.
//!
//! Needs Slurm and root (Debian: `apt-get install slurm-wlm`); without them the test says so and
//! passes.

use assert_cmd::Command;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

const SWEEP: &str = "tests/fixtures/array.toml";
const TASKS: usize = 8;
/// The task whose shard can only be made once what stands in its place is gone.
const FAILING: usize = 3;
/// The task with the long cell.
const KILLED: usize = 7;

/// A cluster of one node; it ends when its standard input closes, so whatever becomes of the test.
struct Cluster {
    process: Child,
    configuration: PathBuf,
}

impl Cluster {
    /// `None` where Slurm cannot be started; the reason is said on standard error.
    fn start(directory: &Path) -> Option<Self> {
        let process = std::process::Command::new("bash")
            .arg("tests/slurm/cluster.sh")
            .arg(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut process = process
            .inspect_err(|e| super::skipped(&format!("bash: {e}")))
            .ok()?;
        let mut first = String::new();
        let stdout = process.stdout.take().expect("piped");
        let _ = BufReader::new(stdout).read_line(&mut first);
        if first.trim() == "ready" {
            return Some(Self {
                process,
                configuration: directory.join("slurm.conf"),
            });
        }
        let mut reason = String::new();
        let mut stderr = process.stderr.take().expect("piped");
        let _ = stderr.read_to_string(&mut reason);
        let _ = process.wait();
        super::skipped(&format!("no Slurm could be started: {reason}"));
        None
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("SLURM_CONF", &self.configuration);
        command
    }

    /// The state of each task of an array.
    fn states(&self, job: &str) -> BTreeMap<usize, String> {
        let mut squeue = self.command("squeue");
        squeue.args(["--noheader", "--array", "--states=all", "--format=%K %T"]);
        let output = squeue.args(["--jobs", job]).output().expect("squeue runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines()
            .filter_map(|line| line.split_once(' '))
            .filter_map(|(task, state)| Some((task.parse().ok()?, state.trim().to_owned())))
            .collect()
    }

    fn requeue(&self, job: &str, task: usize) {
        let mut scontrol = self.command("scontrol");
        scontrol.arg("requeue").arg(format!("{job}_{task}"));
        scontrol.assert().success();
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// Waits until `done`; the limit only keeps a broken cluster from hanging the tests.
fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(600), "never: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn program(command: &str) -> Command {
    let mut program = super::cli::multiview();
    program.arg(command);
    program
}

fn explore() -> Command {
    program("explore")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

#[test]
fn an_array_with_a_kill_and_a_failure_makes_the_record_of_one_process() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(cluster) = Cluster::start(&folder.path().join("slurm")) else {
        return;
    };
    let out = folder.path().join("with a space");
    let shard = |task: usize| out.join(format!("shard-{task}"));
    std::fs::create_dir(&out).expect("made");
    std::fs::write(shard(FAILING), "in the way").expect("written");

    let submitted = explore()
        .args(["submit", SWEEP, "--slurm", "--cores", "1"])
        .args(["--tasks", &TASKS.to_string(), "--memory", "200M", "--out"])
        .arg(&out)
        .env("SLURM_CONF", &cluster.configuration)
        .assert()
        .success();
    let stdout = String::from_utf8_lossy(&submitted.get_output().stdout).into_owned();
    let job = stdout.lines().last().expect("the job's number");

    let worlds = shard(KILLED).join("worlds.jsonl");
    wait("a world of the task to kill", || {
        read(&worlds).lines().count() > 1
    });
    assert_eq!(cluster.states(job)[&KILLED], "RUNNING");
    cluster.requeue(job, KILLED);

    let ends = |failing: &str| {
        let expected: BTreeMap<usize, String> = (0..TASKS)
            .map(|task| {
                (
                    task,
                    if task == FAILING {
                        failing
                    } else {
                        "COMPLETED"
                    },
                )
            })
            .map(|(task, state)| (task, state.to_owned()))
            .collect();
        wait("the end of every task", || cluster.states(job) == expected);
    };
    ends("FAILED");
    let log = read(&out.join(format!("task-{KILLED}.log")));
    assert!(log.contains("(0 worlds kept)"), "{log}");
    let continued = log.lines().filter(|line| line.contains("worlds kept)"));
    assert_eq!(continued.count(), 2, "begun and continued: {log}");
    let repeated = log.matches("world 0 done").count();
    assert_eq!(repeated, 1, "a world was trained twice: {log}");

    let whole = folder.path().join("whole");
    let merge = || {
        let mut command = explore();
        command.arg("merge").arg(&whole);
        command.args((0..TASKS).map(shard));
        command
    };
    merge().assert().code(2);
    std::fs::remove_file(shard(FAILING)).expect("removed");
    cluster.requeue(job, FAILING);
    ends("COMPLETED");
    merge().assert().success();

    let one = folder.path().join("one");
    explore()
        .args([SWEEP, "--threads", "1", "--out"])
        .arg(&one)
        .assert()
        .success();
    let mut names: Vec<_> = std::fs::read_dir(&one)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    names.sort();
    assert!(names.len() > 6, "record, tables and maps: {names:?}");
    for name in names {
        let bytes = |directory: &Path| std::fs::read(directory.join(&name)).expect("a file");
        assert!(bytes(&whole) == bytes(&one), "{name:?} differs");
    }
}

/// A shard of three lasts long enough to be killed at work.
#[test]
fn a_verification_dealt_out_makes_the_record_of_one_process() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(cluster) = Cluster::start(&folder.path().join("slurm")) else {
        return;
    };
    let theorem = folder.path().join("theorem.toml");
    let text = include_str!("../fixtures/small.toml")
        .replace("samples = 120", "samples = 400")
        .replace("steps = 400\nperfect_steps = 20", "steps = 2000");
    std::fs::write(&theorem, text).expect("written");
    let out = folder.path().join("job");
    let submitted = program("verify")
        .args(["submit", "--slurm", "--cores", "1", "--tasks", "3"])
        .args(["--memory", "200M", "--file"])
        .arg(&theorem)
        .arg("--out")
        .arg(&out)
        .env("SLURM_CONF", &cluster.configuration)
        .assert()
        .success();
    let stdout = String::from_utf8_lossy(&submitted.get_output().stdout).into_owned();
    let job = stdout.lines().last().expect("the job's number");
    let worlds = out.join("shard-1/worlds.jsonl");
    wait("a world of the task to kill", || {
        read(&worlds).lines().count() > 1
    });
    assert_eq!(cluster.states(job)[&1], "RUNNING");
    cluster.requeue(job, 1);
    let ended: BTreeMap<usize, String> = (0..3).map(|task| (task, "COMPLETED".into())).collect();
    wait("the end of every task", || cluster.states(job) == ended);
    let log = read(&out.join("task-1.log"));
    assert_eq!(
        log.matches("worlds kept)").count(),
        2,
        "begun and continued: {log}"
    );

    let (whole, one) = (folder.path().join("whole"), folder.path().join("one"));
    let mut merge = program("verify");
    merge.arg("merge").arg(&whole);
    merge.args((0..3).map(|task| out.join(format!("shard-{task}"))));
    let mut single = program("verify");
    single.arg("--file").arg(&theorem).arg("--record").arg(&one);
    let status = |mut command: Command| command.output().expect("it runs").status.code();
    assert_eq!(status(merge), status(single));
    assert_eq!(super::cli::files(&whole), super::cli::files(&one));
}
