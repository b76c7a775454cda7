//! Shards: which of several runs of the same list takes a host.
//!
//! A host has limits, so all of its links belong to one run: what falls to a shard is a host and not a line. The shard of a
//! host is the one with the highest score for it (rendezvous hashing). So every machine finds it by itself, and with one more
//! shard, only those hosts move that fall to the new one.
//!
//! ```text
//! seed  = the first 8 bytes of the SHA-256 of the name, big endian
//! score = the K-th number of SplitMix64 from that seed, for shard K
//! ```
//!
//! Programs besides this one have to agree, such as the partitioner of an engine. The hash is part of the interface, like the
//! fields of records: `docs/shards.md` has it in Python, with test vectors. A score takes three multiplications, and not a
//! SHA-256 of its own, because there may be a million hosts and a thousand shards. No two shards have the same score for a
//! host, because each step of `SplitMix64` can be undone (Steele, Lea and Flood, "Fast splittable pseudorandom number
//! generators", 2014).
//!
//! The name is that of [`host::name_of`], without the port, because that is what limits are set for. Registrable domains are
//! not used: machines with different versions of the Public Suffix List would disagree.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::Arc;

use url::Url;

use crate::digest::fingerprint;
use crate::host;
use crate::id::Ids;
use crate::link::{BadLink, Link};

/// Hosts that share their limits with another one, because terms of use count all of them together. The terms of arXiv also
/// count all machines of a user: <https://info.arxiv.org/help/api/tou.html>. Machines with different tables disagree.
///
/// NCBI counts all of its services together: <https://www.ncbi.nlm.nih.gov/books/NBK25497/>.
const BUILTIN: [(&str, &str); 5] = [
    ("export.arxiv.org", "arxiv.org"),
    ("www.arxiv.org", "arxiv.org"),
    ("eutils.ncbi.nlm.nih.gov", "www.ncbi.nlm.nih.gov"),
    ("pmc.ncbi.nlm.nih.gov", "www.ncbi.nlm.nih.gov"),
    ("pubmed.ncbi.nlm.nih.gov", "www.ncbi.nlm.nih.gov"),
];

/// The most shards: a score for each is some microseconds for a host.
const MOST: u32 = 10_000;

/// How many hosts a [`Selection`] remembers.
const REMEMBERED: usize = 65_536;

/// The longest name that it remembers, in bytes: what the DNS allows (RFC 1035 section 3.1). A list may have longer ones.
const LONGEST: usize = 255;

/// One of several shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shard {
    /// Its number, from 1.
    number: u32,
    /// How many there are.
    count: u32,
}

impl FromStr for Shard {
    type Err = String;

    /// `3/8`
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "expected the number of a shard and how many there are, such as `3/8` for the third of eight";
        let (number, count) = text.split_once('/').ok_or(FORM)?;
        let number: u32 = number.parse().map_err(|_| FORM)?;
        let count = count.parse().map_err(|_| FORM)?;
        match count {
            0 => Err(FORM.to_owned()),
            1..=MOST if (1..=count).contains(&number) => Ok(Self { number, count }),
            1..=MOST => Err(format!(
                "the shards are numbered from `1/{count}` to `{count}/{count}`"
            )),
            _ => Err(format!("there are at most {MOST} shards")),
        }
    }
}

/// The number of the shard, of so many, to which the host with this name falls by itself.
fn shard_of(name: &str, count: u32) -> u32 {
    let seed = fingerprint(name);
    let score = |number: &u32| {
        let step = u64::from(*number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = seed.wrapping_add(step);
        let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    };
    (1..=count).max_by_key(score).expect("there is one")
}

/// Which hosts fall to the same shard as another one.
#[derive(Debug, Clone)]
pub(crate) struct Companions(HashMap<String, String>);

impl Default for Companions {
    fn default() -> Self {
        Self(HashMap::from(
            BUILTIN.map(|(name, other)| (name.into(), other.into())),
        ))
    }
}

impl Companions {
    /// Lets the host `name` fall where `other` does. A host of its own falls by itself again.
    pub(crate) fn join(&mut self, name: String, other: String) {
        if name == other {
            self.0.remove(&name);
        } else {
            self.0.insert(name, other);
        }
    }

    /// A host that is said to fall where it falls itself, by way of others, if there is one.
    pub(crate) fn circle(&self) -> Option<&str> {
        let goes_round = |name: &&String| {
            let after = self.after(name).take(self.0.len());
            after.last().is_some_and(|last| self.0.contains_key(last))
        };
        self.0.keys().filter(goes_round).map(String::as_str).min()
    }

    /// The host that says where the one with this name falls.
    pub(crate) fn leader<'a>(&'a self, name: &'a str) -> &'a str {
        self.after(name).last().unwrap_or(name)
    }

    /// The hosts that the one with this name leads to, one after the other.
    fn after<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let next = |name: &&'a str| self.0.get(*name).map(String::as_str);
        std::iter::successors(next(&name), next)
    }
}

/// The links that a run takes: those whose hosts fall to its shard.
#[derive(Debug, Clone)]
pub(crate) struct Selection {
    shard: Shard,
    companions: Arc<Companions>,
    ids: Arc<Ids>,
    /// Whether the hosts of the last links fall to the shard.
    known: HashMap<Box<str>, bool>,
}

impl Selection {
    /// The links of `shard`. There are no circles among the `companions`.
    pub(crate) fn new(shard: Shard, companions: Companions) -> Self {
        Self {
            shard,
            companions: Arc::new(companions),
            ids: Arc::default(),
            known: HashMap::new(),
        }
    }

    /// The number of the shard, from 1.
    pub(crate) fn number(&self) -> u32 {
        self.shard.number
    }

    /// The shard, such as `3of8`.
    pub(crate) fn label(&self) -> String {
        format!("{}of{}", self.shard.number, self.shard.count)
    }

    /// The same, where these are the identifiers.
    pub(crate) fn with_ids(self, ids: Arc<Ids>) -> Self {
        Self { ids, ..self }
    }

    /// Whether the host of `url` falls to the shard, or that of the first source if it is an identifier.
    pub(crate) fn has(&mut self, url: &Url) -> bool {
        let first = self.ids.first(url);
        let url = first.as_ref().unwrap_or(url);
        let name = host::name_of(url);
        if let Some(known) = self.known.get(name) {
            return *known;
        }
        let shard = shard_of(self.companions.leader(name), self.shard.count);
        let is_here = shard == self.shard.number;
        if name.len() <= LONGEST {
            if self.known.len() >= REMEMBERED {
                self.known.clear();
            }
            self.known.insert(name.into(), is_here);
        }
        is_here
    }

    /// Whether the shard has a line of a list.
    pub(crate) fn has_item(&mut self, item: &Result<Link, BadLink>) -> bool {
        match item {
            Ok(link) => self.has(&link.url),
            Err(_) => self.has_bad_links(),
        }
    }

    /// Whether the shard has the lines that are no links, and have no host: the first one does.
    pub(crate) fn has_bad_links(&self) -> bool {
        self.shard.number == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selection(shard: &str, companions: &Companions) -> Selection {
        Selection::new(shard.parse().expect("a shard"), companions.clone())
    }

    fn url(host: &str) -> Url {
        Url::parse(&format!("http://{host}/x.pdf")).expect("a URL")
    }

    #[test]
    fn a_shard_has_a_number_and_a_count() {
        for text in ["1/1", "3/8", "8/8", "10000/10000"] {
            assert!(text.parse::<Shard>().is_ok(), "{text}");
        }
        for text in [
            "", "3", "/", "3/", "/8", "0/8", "9/8", "1/0", "-1/8", "1/10001", "1/8/9", "a/b",
        ] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_hash_is_the_documented_one() {
        let page = include_str!("../docs/shards.md");
        let (_, table) = page.split_once("| host | of 2 |").expect("a table");
        let companions = Companions::default();
        let mut vectors = 0;
        for row in table.lines().skip(2) {
            let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
            let url = url(cells[0].trim_matches('`'));
            let name = companions.leader(host::name_of(&url));
            for (cell, count) in cells[1..].iter().zip([2, 8, 100, 10_000]) {
                assert_eq!(
                    shard_of(name, count).to_string(),
                    *cell,
                    "{name} of {count}"
                );
                vectors += 1;
            }
        }
        assert_eq!(vectors, 4 * 12);
    }

    #[test]
    fn spellings_and_ports_of_a_host_fall_together() {
        let companions = Companions::default();
        for (host, other) in [
            ("example.org", "me:pass@EXAMPLE.org.:8080"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("127.1", "127.0.0.1:99"),
            ("[0::1]", "[::1]:99"),
            ("arxiv.org", "Export.arXiv.org"),
            ("arxiv.org", "www.arxiv.org"),
        ] {
            for number in 1..=100 {
                let mut selection = selection(&format!("{number}/100"), &companions);
                assert_eq!(
                    selection.has(&url(host)),
                    selection.has(&url(other)),
                    "{other}"
                );
            }
        }
    }

    #[test]
    fn each_host_falls_to_one_shard_and_moves_only_to_a_new_one() {
        let mut counts = [0_u32; 8];
        for n in 0..8000 {
            let host = format!("host-{n}.example");
            let (before, after) = (shard_of(&host, 8), shard_of(&host, 9));
            assert!((1..=8).contains(&before), "{before}");
            assert!(after == before || after == 9, "{before} {after}");
            counts[before as usize - 1] += 1;
        }
        // four standard deviations
        assert!(
            counts.iter().all(|count| count.abs_diff(1000) < 120),
            "{counts:?}"
        );
    }

    #[test]
    fn hosts_follow_the_ones_that_they_share_limits_with() {
        let mut companions = Companions::default();
        for (name, other) in [
            ("a", "b"),
            ("b", "export.arxiv.org"),
            ("www.arxiv.org", "www.arxiv.org"),
        ] {
            companions.join(name.into(), other.into());
        }
        assert_eq!(companions.circle(), None);
        for (name, leader) in [
            ("a", "arxiv.org"),
            ("b", "arxiv.org"),
            ("c", "c"),
            ("www.arxiv.org", "www.arxiv.org"),
        ] {
            assert_eq!(companions.leader(name), leader);
        }
        companions.join("arxiv.org".into(), "a".into());
        assert_eq!(companions.circle(), Some("a"));
    }

    #[test]
    fn more_hosts_than_are_remembered_fall_as_before() {
        let mut selection = selection("2/3", &Companions::default());
        let host = |n: usize| url(&format!("host-{}.example", n % (REMEMBERED + 99)));
        for n in 0..REMEMBERED + 9999 {
            let url = host(n);
            assert_eq!(selection.has(&url), shard_of(host::name_of(&url), 3) == 2);
        }
        assert!(selection.known.len() <= REMEMBERED);
        let (known, long) = (selection.known.len(), "x".repeat(LONGEST + 1));
        selection.has(&url(&long));
        assert_eq!(selection.known.len(), known);
    }
}
