//! Reads the files of an output folder again, and compares them with what the journal says.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anyhow::Context;
use sha2::{Digest, Sha256};

use crate::digest::{fingerprint, hexadecimal};
use crate::links::Input;
use crate::pdf::{Check, PdfVerdict};
use crate::run::Config;
use crate::store::{SavedLine, each_saved, journal_of};
use crate::text::printable;

/// What a look at an output folder has found.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// How many files are as the journal says.
    pub good: u64,
    /// The others.
    pub bad: Vec<Finding>,
}

/// A file that is not as the journal says.
#[derive(Debug)]
pub(crate) struct Finding {
    /// The link that it was saved for.
    pub link: Input,
    /// The identity of that link.
    pub id: u64,
    /// Its name.
    pub file: String,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Problem {
    /// It is not there.
    Missing,
    /// Its length, its hash, or in lack of a hash its modification time is another one.
    Changed,
    /// It does not begin as a PDF does.
    NotPdf,
    /// It cannot be read.
    Unreadable,
}

/// Checks every file that the journal of `output` knows: its length, its hash if there is one, and that it is a PDF.
///
/// # Errors
///
/// When there is no journal in `output` or it cannot be read.
pub(crate) fn verify(output: &Path) -> anyhow::Result<Findings> {
    let journal = journal_of(output);
    let no_journal = || format!("cannot read the journal of `{}`", output.display());
    let read = || File::open(&journal).with_context(no_journal);
    // the last line of a link counts
    let (mut last, mut count) = (HashMap::new(), 0u64);
    let number = |line: &SavedLine| {
        count += 1;
        last.insert(fingerprint(&line.url), count);
    };
    each_saved(read()?, number).with_context(no_journal)?;
    let (mut findings, mut count) = (Findings::default(), 0u64);
    let see = |line: &SavedLine| {
        count += 1;
        let id = fingerprint(&line.url);
        if last.get(&id) != Some(&count) {
            return;
        }
        match problem(output, line) {
            None => findings.good += 1,
            Some(problem) => findings.bad.push(Finding {
                link: Input::Url(line.url.clone().into_owned()),
                id,
                file: printable(&line.file),
                problem,
            }),
        }
    };
    each_saved(read()?, see).with_context(no_journal)?;
    Ok(findings)
}

fn problem(output: &Path, line: &SavedLine) -> Option<Problem> {
    let path = output.join(&*line.file);
    match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Some(Problem::Missing),
        Err(_) => return Some(Problem::Unreadable),
        Ok(found) if !found.is_file() || found.len() != line.bytes => {
            return Some(Problem::Changed);
        }
        Ok(found) => {
            let modified = found.modified().ok();
            if line.sha256.is_none() && modified != Some(line.to_saved().modified) {
                return Some(Problem::Changed);
            }
        }
    }
    let Ok((verdict, hash)) = read(&path, line.sha256.is_some()) else {
        return Some(Problem::Unreadable);
    };
    if let PdfVerdict::NotPdf(_) = verdict {
        Some(Problem::NotPdf)
    } else {
        (hash.as_deref() != line.sha256.as_deref()).then_some(Problem::Changed)
    }
}

fn read(path: &Path, hashed: bool) -> io::Result<(PdfVerdict, Option<String>)> {
    let mut file = File::open(path)?;
    let (mut check, mut hash) = (Check::default(), hashed.then(Sha256::new));
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let length = file.read(&mut buffer)?;
        let bytes = &buffer[..length];
        if length == 0 {
            return Ok((
                check.finish(),
                hash.map(|hash| hexadecimal(&hash.finalize())),
            ));
        }
        if let Err(kind) = check.update(bytes) {
            return Ok((PdfVerdict::NotPdf(kind), None));
        }
        if let Some(hash) = &mut hash {
            hash.update(bytes);
        }
    }
}

impl Findings {
    /// A run that fetches the bad files again.
    pub(crate) fn refetch(&self, config: Config) -> Config {
        Config {
            inputs: self
                .bad
                .iter()
                .map(|finding| finding.link.clone())
                .collect(),
            forget: self.bad.iter().map(|finding| finding.id).collect(),
            ..config
        }
    }

    /// The exit code: 0 when every file is as the journal says.
    pub(crate) fn exit_code(&self) -> u8 {
        u8::from(!self.bad.is_empty())
    }
}

/// The summary.
impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |problem| {
            self.bad
                .iter()
                .filter(|finding| finding.problem == problem)
                .count()
        };
        writeln!(f, "good        {}", self.good)?;
        for problem in [
            Problem::Missing,
            Problem::Changed,
            Problem::NotPdf,
            Problem::Unreadable,
        ] {
            writeln!(f, "{:<12}{}", problem.to_string(), count(problem))?;
        }
        Ok(())
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file, self.problem)?;
        if let Input::Url(link) = &self.link {
            write!(f, ": {}", printable(link))?;
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Missing => "missing",
            Self::Changed => "changed",
            Self::NotPdf => "not_pdf",
            Self::Unreadable => "unreadable",
        })
    }
}
