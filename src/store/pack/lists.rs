//! The lists of tars in a bucket, made anew from the journals there, for a state folder that has none.
//!
//! A record is in the bucket before its tar is, and the tar may never get there: it is lost with the state folder that it was
//! written in. So the bucket is asked for each tar, once, and only those that are there get a list. Files in the others are gone.
//!
//! A record is also written before its pair, and a kill between the two leaves one that is untrue. Then the tar ends where the pair
//! would be, or another pair is there, whose record comes later. Tars only grow, so a record says that nothing is behind its
//! pair yet, whatever those before have said.

use std::collections::BTreeMap;

use futures_util::StreamExt;
use futures_util::stream::iter;

use super::TARS;
use super::contents::List;
use super::member::{BLOCK, END, Member};
use crate::bucket::Bucket;
use crate::store::{SavedLine, Unpublished};
use crate::system::folder::Folder;

/// How many tars are asked for at once.
const AT_ONCE: usize = 8;

/// What records say of the tars that they name.
#[derive(Debug, Default)]
pub(in crate::store) struct Lists {
    tars: BTreeMap<String, Told>,
}

/// The PDFs in a tar with their names, by where they begin.
type Told = BTreeMap<u64, (Member, String)>;

impl Lists {
    /// Adds what a record says, which is later than those before.
    pub(in crate::store) fn add(&mut self, line: &SavedLine) {
        let (Some((tar, name)), Some(offset)) = (super::split(&line.file), line.offset) else {
            return;
        };
        let member = Member {
            offset,
            bytes: line.bytes,
            seconds: line.mtime_ns / 1_000_000_000,
        };
        let told = match self.tars.get_mut(tar) {
            Some(told) => told,
            None => self.tars.entry(tar.to_owned()).or_default(),
        };
        let is_it = |(known, of): &(Member, String)| (*known, &**of) == (member, name);
        // two processes with one state folder may both write it to the bucket
        if !told.get(&offset).is_some_and(is_it) {
            told.split_off(&offset);
            let is_behind =
                |(known, _): &(Member, String)| least_end(known) > offset - BLOCK.min(offset);
            while told.last_entry().is_some_and(|last| is_behind(last.get())) {
                told.pop_last();
            }
            told.insert(offset, (member, name.to_owned()));
        }
    }

    /// Writes the lists of those tars to the state folder `state` that are in the `bucket`.
    ///
    /// # Errors
    ///
    /// When the bucket does not tell, or they cannot be written.
    pub(in crate::store) async fn write(
        self,
        bucket: &Bucket,
        state: &Folder,
    ) -> Result<(), Unpublished> {
        if self.tars.is_empty() {
            return Ok(());
        }
        let folder = state.create(TARS)?;
        let looks = self.tars.into_iter().map(|(name, told)| async move {
            let found = bucket.look(&name).await;
            (name, told, found)
        });
        let mut looks = iter(looks).buffered(AT_ONCE);
        while let Some((name, told, found)) = looks.next().await {
            let Some(found) = found? else {
                tracing::info!("{name} has never been published: its files are fetched again");
                continue;
            };
            if folder.is_taken(&name) {
                continue; // it has a list if it is complete
            }
            let mut list = List::default();
            for (member, name) in told.values() {
                if least_end(member).saturating_add(END as u64) <= found.bytes {
                    list.add(name, member);
                }
            }
            list.write(&folder, &name, found.bytes)?;
        }
        Ok(())
    }
}

/// Where the pair of a PDF ends at the earliest: its record has a header, and a block at least.
fn least_end(member: &Member) -> u64 {
    let bytes = member.bytes.div_ceil(BLOCK).saturating_mul(BLOCK);
    member
        .offset
        .saturating_add(bytes)
        .saturating_add(2 * BLOCK)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(records: &[(&str, u64, u64)]) -> Vec<String> {
        let mut lists = Lists::default();
        for (name, offset, bytes) in records {
            let line = format!(
                r#"{{"url":"http://a.example/","file":"shard-1-000000.tar/{name}.pdf","bytes":{bytes},"mtime_ns":1,"offset":{offset}}}"#
            );
            lists.add(&SavedLine::parse(line.as_bytes()).expect("a record"));
        }
        let told = lists.tars.into_values().flat_map(BTreeMap::into_values);
        told.map(|(_, name)| name).collect()
    }

    #[test]
    fn later_records_tell_which_ones_before_them_are_untrue() {
        let pairs = [("a", 512, 600), ("b", 3072, 9), ("c", 5120, 9)];
        assert_eq!(told(&pairs), ["a.pdf", "b.pdf", "c.pdf"]);
        // one that was not written, and the next one in its place
        let torn = [("a", 512, 600), ("b", 3072, 9), ("x", 3072, 4000)];
        assert_eq!(told(&torn), ["a.pdf", "x.pdf"]);
        // with a longer header, or with a shorter one
        assert_eq!(told(&[("a", 512, 600), ("x", 1536, 9)]), ["x.pdf"]);
        assert_eq!(told(&[("a", 1536, 600), ("x", 512, 9)]), ["x.pdf"]);
        // the same once more
        assert_eq!(
            told(&[pairs, pairs].concat()[..4]),
            ["a.pdf", "b.pdf", "c.pdf"]
        );
        assert_eq!(told(&[("a", u64::MAX, u64::MAX), ("b", 0, 0)]), ["b.pdf"]);
    }
}
