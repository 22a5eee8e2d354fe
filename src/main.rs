//! The `multiview` program; see `multiview --help`.

mod cli;

fn main() -> std::process::ExitCode {
    cli::run()
}
