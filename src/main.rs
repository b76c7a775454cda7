//! The `fetchpdf` command: parses, runs, prints, and turns the result into an exit code.

use std::io::Write;
use std::process::ExitCode;

use fetchpdf::cli::{self, Invocation};

fn main() -> ExitCode {
    let outcome = match cli::parse().and_then(Invocation::run) {
        Ok(outcome) => outcome,
        Err(error) => {
            complain(&format!("{error:#}"));
            return ExitCode::from(2);
        }
    };
    // a reader that has gone away does not change what became of the links
    let _ = if outcome.summary_on_stdout {
        std::io::stdout().write_all(outcome.summary.as_bytes())
    } else {
        std::io::stderr().write_all(outcome.summary.as_bytes())
    };
    if let Some(error) = outcome.error {
        complain(&error);
    }
    ExitCode::from(outcome.code)
}

fn complain(message: &str) {
    let _ = writeln!(std::io::stderr(), "error: {message}");
}
