//! The `fetchpdf` command: parses, runs, prints, and turns the result into an exit code.

use std::io::Write;
use std::process::ExitCode;

use fetchpdf::cli::{self, Command};
use fetchpdf::compare::compare;
use fetchpdf::verify::verify;

fn main() -> ExitCode {
    match run() {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            fail(&format!("{error:#}"));
            ExitCode::from(2)
        }
    }
}

fn run() -> anyhow::Result<u8> {
    let request = cli::parse()?;
    let (summary, code, list_error) = match request.command {
        Command::Run(config) => {
            let report = fetchpdf::run(&config)?;
            (report.to_string(), report.exit_code(), report.list_error)
        }
        Command::Verify(output, refetch) => {
            let findings = verify(&output)?;
            findings
                .bad
                .iter()
                .for_each(|finding| say(&finding.to_string()));
            match refetch {
                Some(config) if !findings.bad.is_empty() => {
                    let report = fetchpdf::run(&findings.refetch(*config))?;
                    (
                        format!("{findings}\n{report}"),
                        report.exit_code(),
                        report.list_error,
                    )
                }
                _ => (findings.to_string(), findings.exit_code(), None),
            }
        }
        Command::Compare(config, modes, keep) => {
            let comparison = compare(&config, &modes, keep.as_deref())?;
            let list_error = comparison
                .reports
                .iter()
                .find_map(|report| report.list_error.clone());
            (comparison.to_string(), comparison.exit_code(), list_error)
        }
    };
    if !request.quiet {
        // a reader that has gone away does not change what became of the links
        let _ = std::io::stdout().write_all(summary.as_bytes());
    }
    if let Some(error) = list_error {
        fail(&error);
    }
    Ok(code)
}

fn fail(message: &str) {
    say(&format!("error: {message}"));
}

fn say(message: &str) {
    let _ = writeln!(std::io::stderr(), "{message}");
}
