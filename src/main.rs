//! The `fetchpdf` binary: parses the command line, runs it, prints the summary, and sets the exit code.

use std::io::{self, Write};
use std::process::ExitCode;

use fetchpdf::cli::{self, Invocation};

fn main() -> ExitCode {
    let (code, error) = match cli::parse().and_then(Invocation::run) {
        Ok(outcome) => {
            let summary = outcome.summary.as_bytes();
            // a closed pipe does not change what happened to the links
            let _ = if outcome.summary_on_stdout {
                io::stdout().write_all(summary)
            } else {
                io::stderr().write_all(summary)
            };
            (outcome.code, outcome.error)
        }
        Err(error) => (2, Some(format!("{error:#}"))),
    };
    if let Some(error) = error {
        let _ = writeln!(io::stderr(), "error: {error}");
    }
    ExitCode::from(code)
}
