//! Which of the candidates of a page are taken, and in which order.
//!
//! Candidates of the same rank that are different files are one work in several forms if the page declares them all and is
//! about one work, or if they name different languages. If not, they cannot be told apart: none of them is the PDF of the page,
//! and neither is anything of a lower rank, which is less certain. Those in the main part of the page count, if there are any.

use url::Url;

use super::target::is_same_file;
use super::{Found, MOST_CANDIDATES, Via};

/// A candidate, with where it was found.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) url: Url,
    pub(super) via: Via,
    pub(super) is_main: bool,
    /// The language that its text names.
    pub(super) language: Option<&'static str>,
    /// The name of the file that its text has.
    pub(super) file: Option<String>,
    /// Whether nothing says that it is a file.
    pub(super) is_weak: bool,
}

/// What is taken.
#[derive(Debug, Default)]
pub(super) struct Choice {
    pub(super) candidates: Vec<Found>,
    /// How many equal candidates there are, none of which is taken.
    pub(super) ambiguous: usize,
    /// Those that are equal.
    pub(super) equal: Vec<(Url, Via)>,
}

impl Choice {
    /// What is taken of `found` on a page in this `language`, which may be about one work.
    pub(super) fn of(mut found: Vec<Candidate>, is_one_work: bool, language: &str) -> Self {
        found.sort_by_key(|found| found.via);
        let mut choice = Self::default();
        for group in found.chunk_by(|one, other| rank(one.via) == rank(other.via)) {
            let mut taken = choice.candidates.iter();
            // what the page says is better than what its URL does
            let is_open = group[0].via.is_explicit() || taken.all(|found| found.via.is_guess());
            if !choice.equal.is_empty() || !is_open {
                break;
            }
            choice.add(group, is_one_work, language);
        }
        choice.candidates.truncate(MOST_CANDIDATES);
        choice.ambiguous = choice.equal.len();
        choice
    }

    fn add(&mut self, group: &[Candidate], is_one_work: bool, language: &str) {
        let has_strong = group.iter().any(|found| !found.is_weak);
        let group = group.iter().filter(|found| !found.is_weak || !has_strong);
        let has_main = group.clone().any(|found| found.is_main);
        let group = group.filter(|found| found.is_main || !has_main);
        let mut files: Vec<&Candidate> = Vec::new();
        for found in group {
            match files
                .iter_mut()
                .find(|file| is_same_file(&file.url, &found.url) || are_two_ways(file, found))
            {
                // a link to download a file is better than one to view it
                Some(file) if !is_download(&file.url) && is_download(&found.url) => *file = found,
                Some(_) => {}
                None => files.push(found),
            }
        }
        let Some(first) = files.first() else { return };
        let is_declared = first.via <= Via::EprintsDocumentUrl && is_one_work;
        if first.via == Via::EprintsDocumentUrl {
            files.sort_by_key(|file| !super::wording::is_pdf(&file.url));
        }
        if files.len() > 1 && !is_declared && !by_language(&mut files, language) {
            self.equal
                .extend(files.iter().map(|file| (file.url.clone(), file.via)));
            return;
        }
        for file in files {
            if !self.candidates.iter().any(|found| found.url == file.url) {
                self.candidates.push(Found {
                    url: file.url.clone(),
                    via: file.via,
                });
            }
        }
    }
}

/// Which candidates are equal.
fn rank(via: Via) -> Via {
    match via {
        Via::AnchorText => Via::AnchorLikely,
        via => via,
    }
}

/// Whether the files are one in several languages. Puts the one in the language of the page first.
fn by_language(files: &mut [&Candidate], page: &str) -> bool {
    let languages: Vec<_> = files.iter().filter_map(|file| file.language).collect();
    let are_different = |languages: &[&str]| {
        let mut sorted = languages.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        sorted.len() == languages.len()
    };
    // one of them may not say it: that in the language of the page
    let page = page.to_lowercase();
    let is_named = |language: &&str| page.starts_with(*language);
    let may_be_silent =
        languages.len() > 1 || (!page.is_empty() && !languages.iter().any(is_named));
    let is_one = languages.len() == files.len()
        || (languages.len() + 1 == files.len() && !languages.is_empty() && may_be_silent);
    let is_one = is_one && are_different(&languages);
    files.sort_by_key(|file| {
        file.language
            .is_some_and(|language| !page.starts_with(language))
    });
    is_one
}

/// Whether two candidates are the page of a file and the way to download it, by its name.
fn are_two_ways(one: &Candidate, other: &Candidate) -> bool {
    let is_same = one.file.is_some() && one.file == other.file;
    is_same && is_download(&one.url) != is_download(&other.url)
}

fn is_download(url: &Url) -> bool {
    let path = url.path().to_lowercase();
    path.contains("download") || path.contains("pdfdirect")
}

#[cfg(test)]
mod tests;
