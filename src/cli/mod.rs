//! The command line: what a user types, and what is printed. Everything else is in the library,
//! which never prints and never exits.

/// Prints one line on standard error, as far as anyone reads it; what a terminal would obey is
/// written out.
macro_rules! tell {
    ($($words:tt)*) => {{
        use std::io::Write;
        let words = multiview::printable::line(&format!($($words)*));
        let _ = writeln!(std::io::stderr(), "{words}");
    }};
}

mod data;
mod estimate;
mod explore;
mod export;
mod list;
mod live;
mod memory;
mod number;
mod output;
mod pace;
mod progress;
mod report;
mod show;
mod submit;
mod sweep;
mod table;
mod train;
mod verify;

use clap::{Parser, Subcommand};
use multiview::field::FieldError;
use multiview::printable::{json, lines};
use std::process::ExitCode;

/// Proof-check the multi-view theory of ensembles, knowledge distillation and self-distillation
/// (Allen-Zhu and Li, arXiv 2012.09816) by training its networks.
#[derive(Debug, Parser)]
#[command(
    name = "multiview",
    version,
    after_help = "Exit status of verify: 0 all as the theory claims; 1 a claim refuted (or a negative control not); 2 bad usage or input; 3 a claim undecided or not run; 130 interrupted (finished worlds are kept). explore: 3 if a cell is undecided. report --check: 1 if a report differs. Otherwise 0 when they are done."
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Train worlds until every claim is confirmed or refuted, or its budget is spent
    Verify(verify::Args),
    /// Map where claims hold in parameter space, on one machine or a cluster
    Explore(Box<explore::Args>),
    /// Write a record as flat tables, with a row per world and a row per model, for pandas, polars
    /// and R
    Export(export::Args),
    /// Regenerate the reports from their records, training what is missing
    Report(report::Args),
    /// List the theorems, or the quantities a claim may name
    List(list::Args),
    /// Show a theorem: its statement, regime, claims, and what would refute it
    Show(show::Args),
    /// Train one world and print or save its trajectory: watch the lottery
    Train(train::Args),
    /// Write one world as plain arrays: training set, starts, soft labels, trained networks
    Data(data::Args),
}

/// The error that ends a command early: bad input, or a record that cannot be used.
type Failure = Box<dyn std::error::Error>;

/// Runs the program.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let done = match cli.command {
        Command::Verify(args) => verify::run(&args),
        Command::Explore(args) => explore::run(&args),
        Command::Export(args) => export::run(&args).map(|()| ExitCode::SUCCESS),
        Command::Report(args) => report::run(&args),
        Command::List(args) => list::run(&args).map(|()| ExitCode::SUCCESS),
        Command::Show(args) => show::run(&args).map(|()| ExitCode::SUCCESS),
        Command::Data(args) => data::run(&args).map(|()| ExitCode::SUCCESS),
        Command::Train(args) => train::run(&args).map(|()| ExitCode::SUCCESS),
    };
    done.unwrap_or_else(|failure| {
        tell!("error: {failure}");
        ExitCode::from(2)
    })
}

/// Prints what clap has to say: help as it is, and an error, which repeats what was typed, without
/// what a terminal would obey. A refused value has words of its own.
fn usage(error: &clap::Error) -> ExitCode {
    use std::error::Error;
    use std::io::Write;
    if let Some(refused) = error.source().and_then(|e| e.downcast_ref::<FieldError>()) {
        tell!("error: {refused}");
        return ExitCode::from(2);
    }
    let _ = if error.use_stderr() {
        write!(std::io::stderr(), "{}", lines(&error.to_string()))
    } else {
        error.print()
    };
    ExitCode::from(if error.use_stderr() { 2 } else { 0 })
}

/// Refuses to continue a record of another version: worlds of different versions are not mixed.
fn require_this_version(directory: &std::path::Path, theirs: &str) -> Result<(), Failure> {
    let this = env!("CARGO_PKG_VERSION");
    if theirs == this {
        return Ok(());
    }
    let place = directory.display();
    Err(format!("{place}: recorded by version {theirs}, this is {this}: worlds of different versions are not mixed").into())
}

/// The file that a theorem's `name` means, if it looks like a path.
fn theorem_file(name: &str) -> Option<&std::path::Path> {
    let is_path = name.ends_with(".toml") || name.contains(std::path::MAIN_SEPARATOR);
    is_path.then(|| name.as_ref())
}

/// The files that [`theorem`] reads for a `name`.
fn theorem_inputs(name: &str) -> Vec<std::path::PathBuf> {
    theorem_file(name).map_or_else(Vec::new, multiview::theorem::Theorem::files)
}

/// The embedded theorem `name`, or the file `name` if it looks like a path.
fn theorem(name: &str) -> Result<multiview::theorem::Theorem, Failure> {
    use multiview::theorem::{EMBEDDED, Theorem};
    if let Some(file) = theorem_file(name) {
        return Ok(Theorem::read(file)?);
    }
    Theorem::embedded(name).ok_or_else(|| {
        let names = EMBEDDED.iter().map(|(n, _)| *n);
        let known = "`multiview list` lists the theorems; a file of your own has a path in .toml";
        FieldError::unknown("THEOREM", name, names, known).into()
    })
}

/// A value as indented JSON, without anything that a terminal would obey.
fn json_text(value: &impl serde::Serialize) -> Result<String, Failure> {
    Ok(json(&serde_json::to_string_pretty(value)?) + "\n")
}

/// Prints `text`, as far as anyone reads it: `multiview list | head -3` is not an error. What a
/// terminal would obey is written out.
fn print(text: &str) -> Result<(), Failure> {
    print_styled(&lines(text))
}

/// Prints `text`, which holds nothing that a terminal obeys except styles; these are dropped where
/// nothing shows them.
fn print_styled(text: &str) -> Result<(), Failure> {
    use std::io::{ErrorKind, Write};
    match anstream::stdout().write_all(text.as_bytes()) {
        Err(e) if e.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}
