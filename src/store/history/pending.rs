//! Files on their way to a bucket, as the journal tells of them.

use serde_json::{Map, Value};

use crate::outcome::{GONE, STATUS, UPLOADING, VOID};
use crate::store::saved_line::SavedLine;

/// A file that was about to get into a bucket.
#[derive(Debug)]
pub(in crate::store) struct Pending {
    /// Its name there.
    pub(in crate::store) file: String,
    /// Its SHA-256 in hexadecimal.
    pub(in crate::store) sha256: String,
    /// Its line in the journal.
    line: Box<[u8]>,
}

impl Pending {
    pub(super) fn new(line: &SavedLine, text: &[u8]) -> Self {
        Self {
            file: line.file.to_string(),
            sha256: line.sha256.clone().unwrap_or_default(),
            line: text.into(),
        }
    }

    /// The record of the file, now that it has arrived and is the object with this `ETag`.
    pub(in crate::store) fn done(&self, etag: Option<&str>) -> Vec<u8> {
        self.line_as(STATUS, |fields| {
            if let Some(etag) = etag {
                fields.insert("object_etag".to_owned(), etag.into());
            }
        })
    }

    /// The line that says that it has not arrived, or that there is no file of the link at all if that `is_gone`.
    pub(in crate::store) fn void(&self, is_gone: bool) -> Vec<u8> {
        self.line_as(if is_gone { GONE } else { VOID }, |_| ())
    }

    /// Its line with the status in the field `status`.
    fn line_as(&self, status: &str, change: impl FnOnce(&mut Map<String, Value>)) -> Vec<u8> {
        let fields = serde_json::from_slice(&self.line);
        let mut fields: Map<_, _> = fields.expect("it has been parsed before");
        if let Some(word) = fields.remove(UPLOADING) {
            fields.insert(status.to_owned(), word);
        }
        change(&mut fields);
        let mut line = serde_json::to_vec(&fields).expect("it has been JSON before");
        line.push(b'\n');
        line
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use proptest::prelude::*;
    use url::Url;

    use crate::digest::fingerprint;
    use crate::link::SourceLine;
    use crate::outcome::{Outcome, Record, Saved};
    use crate::store::{Detail, History};

    fn record(link: u8, version: u8) -> (u64, Record) {
        let url = Url::parse(&format!("http://a.example/{link}")).expect("a URL");
        let place = SourceLine {
            source: "argument".into(),
            line: 1,
        };
        let saved = Saved {
            sha256: Some(format!("{version:064x}")),
            ..Saved::present(format!("{link}.pdf"), version.into(), UNIX_EPOCH)
        };
        let record = Record::new(&place, &url, Outcome::Saved(saved));
        (fingerprint(url.as_str()), record)
    }

    fn read(journal: &[u8]) -> History {
        History::read(journal, Detail::Files).expect("it can be read")
    }

    /// The version of the file of a link, if it has one, and whether it is on its way.
    fn state(history: &History, id: u64) -> (Option<u64>, bool) {
        let found = history.find(id, |_| true).map(|found| found.saved.bytes);
        (found, history.pending().any(|(pending, _)| pending == id))
    }

    proptest! {
        #[test]
        fn last_line_of_a_link_says_where_its_file_is(
            lines in prop::collection::vec((0..3u8, 0..3u8, 1..100u8), 0..12),
        ) {
            let mut journal = Vec::new();
            let mut known = [(None, false); 3];
            for (link, kind, version) in lines {
                let (_, record) = record(link, version);
                let known = &mut known[usize::from(link)];
                journal.extend(match kind {
                    0 => {
                        *known = (Some(u64::from(version)), false);
                        record.to_journal_line()
                    }
                    1 => {
                        known.1 = true;
                        record.to_intent_line()
                    }
                    _ => {
                        *known = (None, false);
                        record.to_gone_line()
                    }
                });
            }
            let history = read(&journal);
            for (link, (version, is_pending)) in (0..).zip(known) {
                let (id, _) = record(link, 0);
                let version = version.filter(|_| !is_pending);
                prop_assert_eq!(state(&history, id), (version, is_pending));
            }
        }
    }

    #[test]
    fn an_upload_ends_as_done_or_as_never_begun() {
        let (id, first) = record(1, 1);
        let (_, second) = record(1, 2);
        let before = [first.to_journal_line(), second.to_intent_line()].concat();
        let history = read(&before);
        assert_eq!(state(&history, id), (None, true));
        let (_, pending) = history.pending().next().expect("one");
        assert_eq!((&*pending.file, &pending.sha256[62..]), ("1.pdf", "02"));
        for (end, found) in [
            (pending.done(Some("\"tag\"")), Some(2)),
            (pending.done(None), Some(2)),
            (pending.void(false), Some(1)),
            (pending.void(true), None),
        ] {
            let ended = read(&[&before[..], &end].concat());
            assert_eq!(state(&ended, id), (found, false));
        }
    }
}
