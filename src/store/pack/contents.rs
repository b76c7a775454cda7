//! Which files are in a tar, and where.
//!
//! A tar that is complete has a list of its members beside it in the state folder, so that the next run need not look through the
//! tar itself: that may have thousands of headers, each a look at another place of the disk, or be gone to an object store. The
//! list counts if the tar has the length that it tells. Otherwise, the headers do.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read, Write};

use super::member::{self, Member};
use crate::digest::fingerprint;
use crate::system::folder::{Folder, Purpose};

/// How the name of the list of a tar ends.
const LIST: &str = ".members";

/// The end of the name of a list that is not complete.
const NEW: &str = ".new";

/// The PDFs in a tar by the fingerprints of their names.
#[derive(Debug, Default)]
pub(super) struct Contents {
    members: HashMap<u64, Member>,
    /// Up to where its headers have been read, in bytes.
    end: u64,
}

impl Contents {
    /// Where the PDF called `name` is.
    pub(super) fn find(&self, name: &str) -> Option<Member> {
        self.members.get(&fingerprint(name)).copied()
    }

    /// Reads the headers in `file` that it has not read.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub(super) fn catch_up(&mut self, file: File) -> io::Result<()> {
        let Self { members, end } = self;
        *end = member::scan(file, *end, |name, member| {
            members.insert(fingerprint(name), member);
        })?;
        Ok(())
    }
}

/// The list of the members of a tar, as it is written: the length of the tar, and a line for each PDF with its place, its length, its
/// time and its name.
#[derive(Debug, Default, Clone)]
pub(super) struct List {
    lines: String,
}

impl List {
    /// Adds the PDF called `name`.
    pub(super) fn add(&mut self, name: &str, member: &Member) {
        let Member {
            offset,
            bytes,
            seconds,
        } = member;
        writeln!(self.lines, "{offset}\t{bytes}\t{seconds}\t{name}")
            .expect("writing to a string cannot fail");
    }

    /// Removes the PDF called `name`.
    pub(super) fn remove(&mut self, name: &str) {
        let lines = self.lines.split_inclusive('\n');
        let is_it = |line: &str| line.trim_end().splitn(4, '\t').nth(3) == Some(name);
        self.lines = lines.filter(|line| !is_it(line)).collect();
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.lines.lines().count()
    }

    /// Writes the list of the tar `name`, which has `length` bytes, beside it.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub(super) fn write(&self, folder: &Folder, name: &str, length: u64) -> io::Result<()> {
        let (list, new) = (format!("{name}{LIST}"), format!("{name}{LIST}{NEW}"));
        folder.remove(&new)?;
        let mut file = folder.open(&new, Purpose::New { private: false })?;
        file.write_all(format!("{length}\n{}", self.lines).as_bytes())?;
        folder.rename(&new, folder, &list)
    }

    /// The list of the tar `name` and the length of that tar; none if there is none.
    pub(super) fn read(folder: &Folder, name: &str) -> Option<(u64, Self)> {
        let mut list = folder.open(&format!("{name}{LIST}"), Purpose::Read).ok()?;
        let mut text = String::new();
        list.read_to_string(&mut text).ok()?;
        let (length, lines) = text.split_once('\n')?;
        let lines = lines.to_owned();
        Some((length.parse().ok()?, Self { lines }))
    }

    /// The same for looking things up; none if a line of it is not one of ours.
    pub(super) fn contents(&self) -> Option<Contents> {
        let member = |line: &str| {
            let mut fields = line.splitn(4, '\t');
            let mut number = || fields.next()?.parse().ok();
            let member = Member {
                offset: number()?,
                bytes: number()?,
                seconds: number()?,
            };
            Some((fingerprint(fields.next()?), member))
        };
        let members = self.lines.lines().map(member);
        Some(Contents {
            members: members.collect::<Option<_>>()?,
            end: 0,
        })
    }
}
