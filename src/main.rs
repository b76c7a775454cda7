//! The `fetchpdf` binary: parses the command line, runs it, prints the summary, and sets the exit code.

use std::process::ExitCode;

use fetchpdf::cli::{self, CommandOutcome, Invocation};

fn main() -> ExitCode {
    let outcome = cli::parse().and_then(Invocation::run);
    let outcome = outcome.unwrap_or_else(|error| CommandOutcome::impossible(&error));
    ExitCode::from(outcome.print())
}
