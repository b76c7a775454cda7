//! Members of a tar: the blocks that come before and after their bytes, and where they are in a file.
//!
//! A PDF and its record are a pair, `KEY.pdf` and `KEY.json`, and the record comes last: a pair is whole if its record is. Headers
//! are those of POSIX (ustar), which every reader knows, with an extended header (pax) only for what does not fit: a name that is
//! longer or not ASCII, and a file of 8 GiB. They depend on nothing but the name, the length and the time, and name no user.

use std::fs::File;
use std::io::{self, Cursor};

use tar::{Archive, Builder, EntryType, Header};

use super::Window;

/// The unit of a tar, in bytes.
pub(super) const BLOCK: u64 = 512;

/// What a tar ends with, in bytes: two blocks of zeros.
pub(super) const END: usize = 1024;

/// The folder in a tar for pairs that have been withdrawn. `webdataset` passes over names with such a beginning.
const WITHDRAWN: &str = "__blocked__/";

/// The longest name in a header of its own, in bytes.
const LONGEST_NAME: usize = 100;

/// What does not fit in the digits of a header.
const LARGE: u64 = 1 << 33;

/// Where a PDF is in a tar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Member {
    /// Where its bytes begin.
    pub offset: u64,
    /// How many there are.
    pub bytes: u64,
    /// Its modification time, in seconds since 1970.
    pub seconds: u64,
}

impl Member {
    /// The header of this member with this name.
    pub(super) fn header(&self, name: &str) -> io::Result<Vec<u8>> {
        header(name, name, self.bytes, self.seconds)
    }

    /// The same for one that is withdrawn, with the name that it has then.
    pub(super) fn withdrawn(&self, name: &str) -> io::Result<(Vec<u8>, String)> {
        let new = format!("{WITHDRAWN}{name}");
        Ok((header(name, &new, self.bytes, self.seconds)?, new))
    }
}

/// The header of a member called `name`. There is room in it for the length of the name `before`, so that a member can get another
/// name in its place.
fn header(before: &str, name: &str, bytes: u64, seconds: u64) -> io::Result<Vec<u8>> {
    let mut header = Header::new_ustar();
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(seconds);
    header.set_size(bytes);
    let mut blocks = Builder::new(Vec::new());
    let is_plain = before.is_ascii() && before.len() <= LONGEST_NAME;
    let size = bytes.to_string();
    let path = (!is_plain).then_some(("path", name.as_bytes()));
    let size = (bytes >= LARGE).then_some(("size", size.as_bytes()));
    if path.is_some() || size.is_some() {
        blocks.append_pax_extensions(path.into_iter().chain(size))?;
    }
    let fields = header.as_ustar_mut().expect("made as such");
    let rest = match name.strip_prefix(WITHDRAWN) {
        Some(rest) if before == rest => {
            let folder = WITHDRAWN.trim_end_matches('/').as_bytes();
            fields.prefix[..folder.len()].copy_from_slice(folder);
            rest
        }
        _ => name,
    };
    // readers take the one in the extended header if there is one
    let short: String = rest.chars().filter(char::is_ascii).collect();
    let short = &short.as_bytes()[..short.len().min(LONGEST_NAME)];
    fields.name[..short.len()].copy_from_slice(short);
    header.set_cksum();
    let mut blocks = blocks.into_inner()?;
    // not what the builder ends with
    blocks.truncate(blocks.len().saturating_sub(END));
    blocks.extend_from_slice(header.as_bytes());
    Ok(blocks)
}

/// What comes after the bytes of `member`: up to the end of its block, and its record with that of the record.
pub(super) fn record(member: &Member, name: &str, json: &[u8]) -> io::Result<Vec<u8>> {
    let record = Member {
        offset: 0,
        bytes: json.len() as u64,
        seconds: member.seconds,
    };
    let mut blocks = Vec::with_capacity(json.len() + 3 * END);
    blocks.resize(padding(member.bytes), 0);
    blocks.extend(record.header(name)?);
    blocks.extend_from_slice(json);
    blocks.resize(blocks.len() + padding(record.bytes), 0);
    Ok(blocks)
}

/// How many bytes are missing at the end of so many.
fn padding(bytes: u64) -> usize {
    usize::try_from(bytes.next_multiple_of(BLOCK) - bytes).expect("less than a block")
}

/// Looks for whole pairs in `file` from `begin` on. Calls `see` with the name of each PDF and where it is. Returns the end of the
/// last whole pair.
///
/// # Errors
///
/// When it cannot be read. One that ends too early, or is damaged, is read up to there.
pub(super) fn scan(file: File, begin: u64, mut see: impl FnMut(&str, Member)) -> io::Result<u64> {
    let length = file.metadata()?.len();
    let window = Window::new(file, begin, length.saturating_sub(begin));
    let mut archive = Archive::new(window);
    let (mut first, mut end) = (None::<(String, Member)>, begin);
    for entry in archive.entries_with_seek()? {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) if error.raw_os_error().is_some() => return Err(error),
            Err(_) => break,
        };
        let member = Member {
            offset: begin + entry.raw_file_position(),
            bytes: entry.size(),
            seconds: entry.header().mtime().unwrap_or_default(),
        };
        let after = member.bytes.checked_next_multiple_of(BLOCK);
        let after = after.and_then(|bytes| member.offset.checked_add(bytes));
        let Some(after) = after.filter(|after| *after <= length) else {
            break;
        };
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        match (name.strip_suffix(".json"), first.take()) {
            (Some(key), Some((pdf, member))) if pdf.strip_suffix(".pdf") == Some(key) => {
                end = after;
                if !pdf.starts_with(WITHDRAWN) {
                    see(&pdf, member);
                }
            }
            _ => first = Some((name, member)),
        }
    }
    Ok(end)
}

/// Whether the header before the bytes of `member` in `file` is that of a file called `name`.
pub(super) fn is_there(file: &File, member: &Member, name: &str) -> io::Result<bool> {
    let expected = member.header(name)?;
    let begin = member.offset.checked_sub(expected.len() as u64);
    let Some(begin) = begin else {
        return Ok(false);
    };
    let mut found = Vec::new();
    let mut window = Window::new(file.try_clone()?, begin, expected.len() as u64);
    io::copy(&mut window, &mut Cursor::new(&mut found))?;
    Ok(found == expected)
}

/// The first member in `file` from `begin` on.
///
/// # Errors
///
/// When there is none, or it cannot be read.
pub(super) fn at(file: &File, begin: u64) -> io::Result<Member> {
    let length = file.metadata()?.len();
    let window = Window::new(file.try_clone()?, begin, length.saturating_sub(begin));
    let mut archive = Archive::new(window);
    let entry = archive.entries_with_seek()?.next();
    let entry = entry.ok_or(io::ErrorKind::UnexpectedEof)??;
    Ok(Member {
        offset: begin + entry.raw_file_position(),
        bytes: entry.size(),
        seconds: entry.header().mtime()?,
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const KEYS: [&str; 4] = ["a-1", "b/c-2", "\u{e9}-3", "d-4"];

    /// Pairs as they are written, and where each of them ends.
    fn pairs() -> (Vec<u8>, Vec<u64>) {
        let (mut bytes, mut ends) = (Vec::new(), vec![0]);
        for (number, key) in KEYS.iter().enumerate() {
            let pdf = vec![b'%'; 700 * number];
            let member = Member {
                offset: 0,
                bytes: pdf.len() as u64,
                seconds: 7,
            };
            bytes.extend(member.header(&format!("{key}.pdf")).expect("a header"));
            bytes.extend(pdf);
            let json = record(&member, &format!("{key}.json"), b"{}\n").expect("a header");
            bytes.extend(json);
            ends.push(bytes.len() as u64);
        }
        (bytes, ends)
    }

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(bytes).expect("it can be written");
        file
    }

    fn found(file: &File, begin: u64) -> (Vec<String>, u64) {
        let mut names = Vec::new();
        let copy = file.try_clone().expect("a file");
        let end = scan(copy, begin, |name, member| {
            assert!(is_there(file, &member, name).expect("a file"), "{name}");
            names.push(name.to_owned());
        });
        (names, end.expect("it can be read"))
    }

    #[test]
    fn only_whole_pairs_are_found_wherever_a_tar_is_torn() {
        let (bytes, ends) = pairs();
        for cut in (0..=bytes.len()).step_by(64) {
            let whole = ends.iter().filter(|end| **end <= cut as u64).count() - 1;
            let (names, end) = found(&file(&bytes[..cut]), 0);
            let expected = KEYS[..whole].iter().map(|key| format!("{key}.pdf"));
            assert!(names.into_iter().eq(expected), "{cut}");
            assert_eq!(end, ends[whole]);
        }
        let ended = [&bytes[..], &[0; END]].concat();
        assert_eq!(found(&file(&ended), 0).1, bytes.len() as u64);
        let garbage = [&bytes[..], &[7; 3 * END]].concat();
        assert_eq!(found(&file(&garbage), 0).1, bytes.len() as u64);
        let (names, _) = found(&file(&bytes), ends[2]);
        assert_eq!(names.len(), 2);
    }

    #[test]
    fn a_withdrawn_pair_is_as_long_as_before_and_not_found() {
        let (bytes, ends) = pairs();
        let file = file(&bytes);
        let mut members = Vec::new();
        let copy = file.try_clone().expect("a file");
        scan(copy, 0, |name, member| {
            members.push((name.to_owned(), member));
        })
        .expect("a tar");
        for (name, member) in members {
            let key = name.strip_suffix(".pdf").expect("a PDF");
            let new = super::super::tar::withdraw(&file, key, &member).expect("it can be written");
            assert_eq!(new, format!("{WITHDRAWN}{name}"));
            let moved = at(
                &file,
                member.offset - member.header(&name).expect("a header").len() as u64,
            );
            assert_eq!(moved.expect("a member"), member);
        }
        assert_eq!(found(&file, 0), (vec![], *ends.last().expect("one")));
    }

    #[test]
    fn headers_say_what_does_not_fit() {
        let long = format!("{}.pdf", "x".repeat(200));
        for (name, bytes) in [("a.pdf", 9 << 33), (&*long, 5), ("\u{e9}.pdf", 9 << 33)] {
            let member = Member {
                offset: 0,
                bytes,
                seconds: (1 << 33) - 1,
            };
            let header = member.header(name).expect("a header");
            let mut archive = Archive::new(&header[..]);
            let mut entries = archive.entries().expect("a tar");
            let entry = entries.next().expect("an entry").expect("a header");
            assert_eq!(
                (&*entry.path_bytes(), entry.size()),
                (name.as_bytes(), bytes)
            );
            assert_eq!(entry.header().mtime().expect("a time"), member.seconds);
        }
    }
}
