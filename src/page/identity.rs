//! What a page or a link is about: DOIs and arXiv ids, to tell whether a page is about what its link names.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use url::Url;

/// The last parts of URLs that say in which form a work is wanted.
const FORMS: [&str; 13] = [
    "abs",
    "abstract",
    "download",
    "epdf",
    "epub",
    "full",
    "full-text",
    "fulltext",
    "html",
    "meta",
    "pdf",
    "pdfdirect",
    "xml",
];

/// What pages say about the work that they are about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Work {
    /// Its DOIs and arXiv ids, in one form.
    pub(crate) ids: Vec<String>,
    /// Its titles, in one or several languages.
    pub(crate) titles: Vec<String>,
    /// What it is called on a page that has nothing but cards for social networks to say so, and that leads on by itself.
    pub(crate) heading: Option<String>,
}

impl Work {
    /// What `page` is about, if that is another work than this one. Ids decide if both have some that can be compared; if not,
    /// titles do.
    pub(super) fn other<'a>(&self, page: &'a Self) -> Option<&'a String> {
        let is_known = |id: &String| self.ids.iter().any(|known| are_same(known, id));
        if page.ids.iter().any(is_known) {
            return None;
        }
        let known = self.ids.iter().find_map(|known| other(known, &page.ids));
        let is_comparable = |one: &String| page.ids.iter().any(|id| is_arxiv(id) == is_arxiv(one));
        if known.is_some() || self.ids.iter().any(is_comparable) {
            return known;
        }
        let is_alike = |title: &String| self.titles.iter().any(|known| are_alike(known, title));
        let is_other = !self.titles.is_empty() && !page.titles.iter().any(is_alike);
        page.titles.first().filter(|_| is_other)
    }

    /// This work, with what `page` adds about it.
    pub(crate) fn with(&self, page: &Self) -> Self {
        let either =
            |known: &[String], new: &[String]| if known.is_empty() { new } else { known }.to_vec();
        Self {
            ids: either(&self.ids, &page.ids),
            titles: either(&self.titles, &page.titles),
            heading: self.heading.clone().or_else(|| page.heading.clone()),
        }
    }

    /// How much memory it takes, in bytes.
    pub(crate) fn weight(&self) -> usize {
        let texts = self.ids.iter().chain(&self.titles).chain(&self.heading);
        texts.map(|text| text.len() + size_of::<String>()).sum()
    }
}

/// Whether two titles are one, perhaps cut off or without subtitle.
pub(super) fn are_alike(one: &str, other: &str) -> bool {
    let plain = |title: &str| -> String {
        let letters = title.chars().filter(|c| c.is_alphanumeric());
        letters.flat_map(char::to_lowercase).collect()
    };
    let (one, other) = (plain(one), plain(other));
    one.starts_with(&other) || other.starts_with(&one)
}

/// The DOI or the arXiv id in `url`, in lower case; none if it has no or only a part of one.
pub(super) fn of_url(url: &Url) -> Option<String> {
    let text = percent_decode_str(url.as_str()).decode_utf8_lossy();
    let host = url.host_str().unwrap_or_default();
    if host == "arxiv.org" || host.ends_with(".arxiv.org") {
        let path = percent_decode_str(url.path()).decode_utf8_lossy();
        let id = ["/abs/", "/pdf/", "/html/", "/format/"];
        let id = id.iter().find_map(|folder| path.strip_prefix(folder))?;
        return Some(arxiv(id));
    }
    doi(&text).or_else(|| arxiv_in(url.path()))
}

/// The arXiv id at the end of a path on any host, if it has the form since 2007: mirrors and readers of papers have it there.
fn arxiv_in(path: &str) -> Option<String> {
    let (folder, id) = path.trim_end_matches('/').rsplit_once('/')?;
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let found = arxiv(id);
    let (month, number) = found.strip_prefix("arxiv:")?.split_once('.')?;
    let is_month = month.len() == 4 && is_digits(month) && ("01"..="12").contains(&&month[2..]);
    let is_number = matches!(number.len(), 4 | 5) && is_digits(number);
    let is_folder = folder.ends_with("/abs") || folder.ends_with("/pdf");
    (is_folder && is_month && is_number).then_some(found)
}

/// The first DOI in `text`, in lower case, without what may follow it in a URL or a sentence.
pub(super) fn doi(text: &str) -> Option<String> {
    let mut rest = text;
    while let Some(at) = rest.find("10.") {
        let starts = !rest[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '.');
        let doi = &rest[at..];
        rest = &rest[at + 3..];
        let digits = rest.split('/').next().unwrap_or_default();
        let is_prefix = (4..=9).contains(&digits.len())
            && digits
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'.');
        if !starts || !is_prefix {
            continue;
        }
        let ends = |c: char| c.is_whitespace() || matches!(c, '?' | '#' | '&' | '"' | '<' | '>');
        let doi = doi.split(ends).next().unwrap_or_default();
        let doi = doi.trim_end_matches(['.', ',', ';', ':', '/', ')', ']']);
        if doi.len() > digits.len() + 4 {
            return Some(without_form(&doi.to_ascii_lowercase()).to_owned());
        }
    }
    None
}

/// A DOI without what says in a URL in which form its work is wanted.
fn without_form(doi: &str) -> &str {
    match doi.rsplit_once('/') {
        Some((id, form)) if id.contains('/') && FORMS.contains(&form) => id,
        _ => doi,
    }
}

/// An arXiv id in one form: without version and `.pdf`.
pub(super) fn arxiv(id: &str) -> String {
    let id = id.trim().to_ascii_lowercase();
    let id = id.strip_prefix("arxiv:").unwrap_or(&id);
    let id = id.strip_suffix(".pdf").unwrap_or(id);
    let version = id.rfind('v').filter(|at| {
        let digits = &id[at + 1..];
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    });
    let id = version.map_or(id, |at| &id[..at]);
    format!("arxiv:{id}")
}

/// Whether a page with these ids is about another work than the link with the id `link`; its id then. A DOI and an arXiv id
/// cannot be compared, since a preprint has both.
pub(super) fn other<'a>(link: &str, page: &'a [String]) -> Option<&'a String> {
    let mut same_kind = page
        .iter()
        .filter(|id| is_arxiv(id) == is_arxiv(link))
        .peekable();
    let first = *same_kind.peek()?;
    (!same_kind.any(|id| may_be_same(link, id))).then_some(first)
}

/// Whether a URL that has the id `target` is that of another work than a page with these ids. DOIs of another registrant say
/// nothing: what looks like one may be a handle, and a repository has a DOI of its own for the work of a publisher.
pub(super) fn leads_elsewhere(target: &str, ids: &[String]) -> bool {
    let registrant = |id: &str| id.split('/').next().unwrap_or_default().to_owned();
    let is_comparable = |id: &&String| {
        is_arxiv(id) == is_arxiv(target) && (is_arxiv(id) || registrant(id) == registrant(target))
    };
    let mut comparable = ids.iter().filter(is_comparable).peekable();
    comparable.peek().is_some() && !comparable.any(|id| are_same(target, id))
}

/// Whether one of two identities may be the other.
pub(super) fn are_same(one: &str, other: &str) -> bool {
    may_be_same(one, other) || may_be_same(other, one)
}

fn is_arxiv(id: &str) -> bool {
    plain(id).starts_with("arxiv:")
}

/// An identity in one form: the DOI of a preprint has its arXiv id.
fn plain(id: &str) -> Cow<'_, str> {
    match id.strip_prefix("10.48550/arxiv.") {
        Some(id) => arxiv(id).into(),
        None => id.into(),
    }
}

/// Whether two identities may be the same. A DOI in a URL may have more behind it, such as `.full`; that of a work in a
/// repository may be that of its last version, for which the journals of F1000 have a last number.
fn may_be_same(link: &str, page: &str) -> bool {
    const VERSIONED: &str = "10.5281/zenodo.";
    const NUMBERED: &str = "10.12688/";
    let (link, page) = (plain(link), plain(page));
    let is_version = |rest: &str| {
        let rest = rest.trim_start_matches(['.', '_', '-', '/']);
        let rest = rest.strip_prefix('v');
        rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    let goes_on =
        |rest: &str| !rest.starts_with(|c: char| c.is_ascii_alphanumeric()) || is_version(rest);
    link.strip_prefix(&*page).is_some_and(goes_on)
        || page
            .strip_prefix(&*link)
            .is_some_and(|rest| rest.is_empty() || is_version(rest))
        || (link.starts_with(VERSIONED) && page.starts_with(VERSIONED))
        || (link.starts_with(NUMBERED) && unnumbered(&link) == unnumbered(&page))
}

fn unnumbered(id: &str) -> &str {
    id.rsplit_once('.').map_or(id, |(work, _)| work)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_about_other_works_than_those_before_are_told() {
        let work = |ids: &[&str], titles: &[&str]| Work {
            ids: ids
                .iter()
                .filter_map(|id| doi(id).or(Some(arxiv(id))))
                .collect(),
            titles: titles.iter().map(|title| (*title).to_owned()).collect(),
            heading: None,
        };
        let one = work(&["10.5555/one"], &["On Foo", "Über Foo"]);
        for (page, is_other) in [
            (work(&["doi:10.5555/ONE"], &["Something else"]), false),
            (work(&["https://doi.org/10.5555/one.v2"], &[]), false),
            (work(&["10.5555/two", "10.5555/one"], &[]), false),
            (work(&["10.5555/two"], &["On Foo"]), true),
            (work(&["2101.00001"], &["On foo: a study"]), false),
            (work(&["2101.00001"], &["On Bar"]), true),
            (work(&[], &["Über Foo"]), false),
            (work(&[], &["On Bar"]), true),
            (work(&[], &[]), false),
        ] {
            assert_eq!(one.other(&page).is_some(), is_other, "{page:?}");
        }
        assert_eq!(work(&[], &[]).other(&one), None);
        assert_eq!(work(&["10.5555/two"], &[]).with(&one).ids, ["10.5555/two"]);
    }

    #[test]
    fn urls_of_other_works_are_told() {
        let ids = ["10.5555/one".to_owned(), "arxiv:2101.00001".to_owned()];
        for (target, elsewhere) in [
            ("https://a.example/doi/pdf/10.5555/two", true),
            ("https://a.example/doi/pdf/10.5555/one", false),
            ("https://a.example/articles/10.5555/one/pdf", false),
            ("https://a.example/articles/10.5555/two/full", true),
            ("https://a.example/doi/pdf/10.5555/One.pdf?x=1", false),
            ("https://a.example/doi/epdf/10.5555%2Fone", false),
            ("https://a.example/bitstream/10.1234/567/x.pdf", false),
            ("https://arxiv.org/pdf/2101.00002", true),
            ("https://mirror.example/pdf/2101.00002v1.pdf", true),
            ("https://mirror.example/abs/2101.00001", false),
            ("https://arxiv.org/pdf/2101.00001v3", false),
        ] {
            let id = of_url(&Url::parse(target).expect("a URL")).expect("an id");
            assert_eq!(leads_elsewhere(&id, &ids), elsewhere, "{target}");
        }
    }

    #[test]
    fn pages_about_other_works_are_told() {
        for (link, page, is_other) in [
            ("https://doi.org/10.1000/AbC", &["10.1000/abc"][..], false),
            (
                "https://a.example/doi/pdf/10.1000/abc.pdf",
                &["10.1000/abc"],
                false,
            ),
            (
                "https://a.example/doi/full/10.1000%2Fabc?x=1",
                &["10.1000/abc"],
                false,
            ),
            (
                "https://www.biorxiv.org/content/10.1101/2020.01.01.1v2.full",
                &["10.1101/2020.01.01.1"],
                false,
            ),
            ("https://doi.org/10.1000/1", &["10.1000/12"], true),
            ("https://doi.org/10.1000/12", &["10.1000/1"], true),
            ("https://doi.org/10.1000/1", &["10.1000/1.s001"], true),
            (
                "https://doi.org/10.1000/1",
                &["10.1000/2", "10.1000/1"],
                false,
            ),
            (
                "https://arxiv.org/abs/2101.00001v2",
                &["10.1103/x.1"],
                false,
            ),
            (
                "https://arxiv.org/abs/2101.00001v2",
                &["arxiv:2101.00001"],
                false,
            ),
            (
                "https://arxiv.org/pdf/2101.00001.pdf",
                &["10.48550/arxiv.2101.00002"],
                true,
            ),
            (
                "https://doi.org/10.5281/zenodo.1",
                &["10.5281/zenodo.2"],
                false,
            ),
            (
                "https://doi.org/10.12688/f1000research.7.1",
                &["10.12688/f1000research.7.2"],
                false,
            ),
            (
                "https://doi.org/10.12688/f1000research.7.1",
                &["10.12688/f1000research.8.1"],
                true,
            ),
            (
                "https://doi.org/10.31219/osf.io/abc",
                &["10.31219/osf.io/abc_v1"],
                false,
            ),
        ] {
            let page: Vec<_> = page.iter().map(|id| (*id).to_owned()).collect();
            let link = of_url(&Url::parse(link).expect("a URL")).expect("an id");
            assert_eq!(other(&link, &page).is_some(), is_other, "{link} {page:?}");
        }
    }
}
