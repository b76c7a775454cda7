//! The `fetchpdf` command: parses, runs, prints, and turns the result into an exit code.

use std::io::Write;
use std::process::ExitCode;

use fetchpdf::cli::{self, Request};

fn main() -> ExitCode {
    let ending = match cli::parse().and_then(Request::run) {
        Ok(ending) => ending,
        Err(error) => {
            complain(&format!("{error:#}"));
            return ExitCode::from(2);
        }
    };
    // a reader that has gone away does not change what became of the links
    let _ = if ending.summary_on_stdout {
        std::io::stdout().write_all(ending.summary.as_bytes())
    } else {
        std::io::stderr().write_all(ending.summary.as_bytes())
    };
    if let Some(error) = ending.error {
        complain(&error);
    }
    ExitCode::from(ending.code)
}

fn complain(message: &str) {
    let _ = writeln!(std::io::stderr(), "error: {message}");
}
