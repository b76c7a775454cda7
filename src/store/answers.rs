//! What sources have answered about identifiers, so that the next run need not ask again.
//!
//! `lookups.jsonl` in the state folder has a line for each answer, appended with one write. There are two generations: once the file
//! has reached [`LONGEST`], it takes the place of the older one, and a new one begins. So both together have a bound, nothing is ever
//! rewritten, and several processes may append. A line that cannot be read, or is older than [`KEPT`], is no answer.
//!
//! A run finds again what was there when it began to look, and knows no more of that than where each line is.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::Layout;
use crate::digest::fingerprint;
use crate::id::{Found, Memory, Role};
use crate::system::folder::{Folder, Purpose};

/// The files, the newer one first.
const FILES: [&str; 2] = ["lookups.jsonl", "lookups.old.jsonl"];

/// How long an answer is kept: sources find PDFs within weeks.
const KEPT: Duration = Duration::from_hours(30 * 24);

/// The length from which on a file is the older one, in bytes: some 200,000 answers.
const LONGEST: u64 = 32 * 1024 * 1024;

/// The answers in a state folder.
#[derive(Debug)]
pub(crate) struct Answers {
    layout: Layout,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The lines that were there at the beginning, once they are known, by the fingerprints of their questions.
    known: Option<HashMap<u64, Place>>,
    /// The files that are read.
    read: [Option<BufReader<File>>; 2],
    /// The file that is written, and its length.
    written: Option<(File, u64)>,
    has_failed: bool,
}

/// Where a line is.
#[derive(Debug, Clone, Copy)]
struct Place {
    file: usize,
    offset: u64,
}

/// A line.
#[derive(Serialize, Deserialize)]
struct Line<'a> {
    /// In seconds since 1970.
    time: u64,
    #[serde(borrow)]
    question: std::borrow::Cow<'a, str>,
    found: Vec<(&'a str, String)>,
}

impl Answers {
    /// Those in the state folder of `layout`. Reads nothing yet.
    pub(crate) fn of(layout: &Layout) -> Self {
        Self {
            layout: layout.clone(),
            state: Mutex::default(),
        }
    }

    fn append(&self, state: &mut State, line: &[u8]) -> io::Result<()> {
        let folder = self.layout.state_folder()?;
        if state
            .written
            .as_ref()
            .is_some_and(|(_, length)| *length >= LONGEST)
        {
            state.written = None;
        }
        let (file, length) = match &mut state.written {
            Some(written) => written,
            none => none.insert(open(&folder)?),
        };
        file.write_all(line)?;
        *length += line.len() as u64;
        Ok(())
    }
}

/// Opens the newer file, and begins another one if it is long.
fn open(folder: &Folder) -> io::Result<(File, u64)> {
    let [name, old] = FILES;
    let file = folder.open(name, Purpose::Append)?;
    let length = file.metadata()?.len();
    if length < LONGEST {
        return Ok((file, length));
    }
    folder.rename(name, folder, old)?;
    Ok((folder.open(name, Purpose::Append)?, 0))
}

impl Memory for Answers {
    fn recall(&self, question: &str) -> Option<Vec<Found>> {
        let mut state = self.state.lock();
        if state.known.is_none() {
            let folder = self.layout.state_folder().ok();
            state.known = Some(HashMap::new());
            // the older one first, so that a newer line takes its place
            for (at, name) in FILES.iter().enumerate().rev() {
                let file = folder
                    .as_ref()
                    .and_then(|folder| folder.open(name, Purpose::Read).ok());
                if let Some(file) = file {
                    state.index(at, file);
                }
            }
        }
        state.line(question)
    }

    fn keep(&self, question: &str, found: &[Found]) {
        let found = found
            .iter()
            .map(|found| (word(found.role), found.text.clone()));
        let line = Line {
            time: now(),
            question: question.into(),
            found: found.collect(),
        };
        let mut bytes = serde_json::to_vec(&line).expect("texts always serialize");
        bytes.push(b'\n');
        let mut state = self.state.lock();
        if let Err(error) = self.append(&mut state, &bytes)
            && !state.has_failed
        {
            state.has_failed = true;
            tracing::warn!("cannot cache the answers of sources: {error}");
        }
    }
}

impl State {
    /// Notes the lines of a file.
    fn index(&mut self, at: usize, file: File) {
        let mut reader = BufReader::new(file);
        let (mut offset, mut line) = (0, Vec::new());
        while let Ok(length) = reader.read_until(b'\n', &mut line)
            && length > 0
        {
            let parsed = serde_json::from_slice::<Line>(&line);
            if let (Ok(parsed), Some(known)) = (parsed, &mut self.known) {
                let place = Place { file: at, offset };
                known.insert(fingerprint(&parsed.question), place);
            }
            offset += length as u64;
            line.clear();
        }
        self.read[at] = Some(reader);
    }

    fn line(&mut self, question: &str) -> Option<Vec<Found>> {
        let Place { file, offset } = *self.known.as_ref()?.get(&fingerprint(question))?;
        let reader = self.read[file].as_mut()?;
        let mut line = Vec::new();
        reader.seek(SeekFrom::Start(offset)).ok()?;
        reader.read_until(b'\n', &mut line).ok()?;
        let line: Line = serde_json::from_slice(&line).ok()?;
        let age = now().saturating_sub(line.time);
        if line.question != question || age > KEPT.as_secs() {
            return None;
        }
        let found = line.found.into_iter();
        let found = found.map(|(role, text)| {
            Some(Found {
                role: role_of(role)?,
                text,
            })
        });
        found.collect()
    }
}

/// The roles by the words in which they are written.
const ROLES: [(&str, Role); 3] = [("pdf", Role::Pdf), ("page", Role::Page), ("id", Role::Id)];

fn word(role: Role) -> &'static str {
    let mut roles = ROLES.iter();
    roles
        .find(|(_, known)| *known == role)
        .map_or("", |(word, _)| word)
}

fn role_of(word: &str) -> Option<Role> {
    let mut roles = ROLES.iter();
    roles
        .find(|(known, _)| *known == word)
        .map(|(_, role)| *role)
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn found(text: &str) -> Vec<Found> {
        let found = |(_, role)| Found {
            role,
            text: text.to_owned(),
        };
        ROLES.map(found).to_vec()
    }

    #[test]
    fn answers_are_found_by_the_next_run_while_they_are_new() {
        let folder = tempfile::tempdir().expect("a folder");
        let layout = Layout::new(folder.path().to_owned(), None);
        layout.create_state().expect("a state folder");
        let path = layout.state().join(FILES[0]);
        let old = "{\"time\":1,\"question\":\"old\",\"found\":[]}\n{\"time\":1,\"ques";
        fs::write(&path, format!("{old}\n")).expect("a file");
        let first = Answers::of(&layout);
        for (question, text) in [("a", "1"), ("b", "2"), ("a", "3 \"\\u{1f4a9}")] {
            first.keep(question, &found(text));
        }
        first.keep("none", &[]);
        let second = Answers::of(&layout);
        assert_eq!(second.recall("a"), Some(found("3 \"\\u{1f4a9}")));
        assert_eq!(second.recall("b"), Some(found("2")));
        assert_eq!(second.recall("none"), Some(Vec::new()));
        assert_eq!((second.recall("old"), second.recall("c")), (None, None));
    }

    #[test]
    fn two_files_are_the_most() {
        let folder = tempfile::tempdir().expect("a folder");
        let layout = Layout::new(folder.path().to_owned(), None);
        layout.create_state().expect("a state folder");
        let path = |at: usize| layout.state().join(FILES[at]);
        Answers::of(&layout).keep("a", &found("1"));
        fs::write(path(1), "x").expect("a file");
        let file = fs::OpenOptions::new()
            .append(true)
            .open(path(0))
            .expect("a file");
        file.set_len(LONGEST).expect("a long file");
        Answers::of(&layout).keep("b", &found("2"));
        let lengths = [0, 1].map(|at| fs::metadata(path(at)).expect("a file").len());
        assert!(lengths[0] < 1000 && lengths[1] == LONGEST, "{lengths:?}");
        let next = Answers::of(&layout);
        assert_eq!(next.recall("a"), Some(found("1")));
        assert_eq!(next.recall("b"), Some(found("2")));
    }
}
