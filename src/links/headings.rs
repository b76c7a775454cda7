//! Which columns of a table, or fields of JSON, have links, by the words in their names.
//!
//! Programs write `pdf_url`, `PDF Link`, `openAccessPdf.url`, `FullTextURL`, `url_for_pdf`. What they agree on are the words: one
//! for a link, and one for what it leads to. A name with a word for something else, as in `license_url` or `pdf_pages`, is of no
//! use, whatever the others are.

use super::Columns;

/// Names from before their words counted, in order of preference. Among names of the same [`Rank`], they come first.
const USUAL: [&str; 7] = [
    "pdf_url",
    "url_for_pdf",
    "pdf_link",
    "url",
    "link",
    "href",
    "uri",
];

/// Words for a link.
const LINK: [&str; 10] = [
    "url",
    "urls",
    "uri",
    "uris",
    "link",
    "links",
    "href",
    "hyperlink",
    "permalink",
    "weblink",
];

/// Words for a PDF.
const PDF: [&str; 2] = ["pdf", "pdfs"];

/// Words for the file itself; and `full text`.
const FILE: [&str; 8] = [
    "download",
    "downloads",
    "fulltext",
    "file",
    "files",
    "oa",
    "direct",
    "document",
];

/// Words for a page about it.
const PAGE: [&str; 12] = [
    "landing", "abstract", "abs", "page", "html", "web", "site", "website", "doi", "article",
    "record", "source",
];

/// Words for something else.
const OTHER: [&str; 79] = [
    "accession",
    "affiliation",
    "api",
    "attachment",
    "attachments",
    "audio",
    "author",
    "authors",
    "book",
    "bytes",
    "checksum",
    "cited",
    "cites",
    "citing",
    "code",
    "count",
    "cover",
    "creator",
    "creators",
    "date",
    "editor",
    "error",
    "filename",
    "format",
    "funder",
    "funders",
    "github",
    "has",
    "hash",
    "icon",
    "id",
    "identifier",
    "identifiers",
    "ids",
    "image",
    "images",
    "img",
    "is",
    "issn",
    "journal",
    "json",
    "length",
    "licence",
    "license",
    "logo",
    "md",
    "mime",
    "name",
    "next",
    "orcid",
    "pages",
    "parse",
    "prev",
    "previous",
    "profile",
    "publisher",
    "query",
    "reference",
    "references",
    "related",
    "repo",
    "repository",
    "rights",
    "rss",
    "sha",
    "si",
    "size",
    "status",
    "supplement",
    "supplementary",
    "supporting",
    "thumb",
    "thumbnail",
    "time",
    "title",
    "type",
    "venue",
    "video",
    "xml",
];

/// How well a name fits a link to a PDF; the least one fits best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// `pdf_url`
    PdfLink,
    /// `Full Text PDF`
    Pdf,
    /// `download_url`
    FileLink,
    /// `URL`
    Link,
    /// `External URL`: a link to whatever.
    OtherLink,
    /// `landing_page_url`
    Page,
    /// `Fulltext`
    File,
}

/// How well `name` fits a link to a PDF; `None` if it does not.
pub(super) fn rank(name: &str) -> Option<Rank> {
    if name.contains("://") {
        return None;
    }
    let words = words(name);
    let has = |known: &[&str]| words.iter().any(|word| known.contains(&word.as_str()));
    let has_text = has(&["text"]);
    let full_text = has(&["full"]) && has_text;
    if words.is_empty() || has(&OTHER) || (has_text && !full_text) {
        return None;
    }
    let is_file = has(&FILE) || full_text || (has(&["open"]) && has(&["access"]));
    let is_only = |known: &[&str]| words.iter().all(|word| known.contains(&word.as_str()));
    Some(match (has(&PDF), has(&LINK)) {
        (true, true) => Rank::PdfLink,
        (true, false) => Rank::Pdf,
        (false, true) if is_only(&LINK) => Rank::Link,
        (false, true) if has(&PAGE) => Rank::Page,
        (false, true) if is_file => Rank::FileLink,
        (false, true) => Rank::OtherLink,
        (false, false) if full_text || is_only(&["fulltext", "download", "downloads"]) => {
            Rank::File
        }
        _ => return None,
    })
}

/// The columns of links among `names`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LinkColumns {
    /// The one that fits best.
    pub first: usize,
    /// Others that lead to the same file: PDFs first, then pages about it. Most rows need none of them.
    pub others: Vec<usize>,
}

/// Whether the first array on the way to a field has files, as in `files[].download_url`.
fn has_files(path: &str) -> bool {
    let array = path.split("[]").next().map(words).unwrap_or_default();
    // `oa_locations` are places of one file
    let is_file = |word: &&str| *word != "oa" && (PDF.contains(word) || FILE.contains(word));
    array.iter().map(String::as_str).any(|word| is_file(&word))
}

/// The most columns of mirrors.
const MOST_OTHERS: usize = 4;

/// The columns of identifiers among `names`, the best one first; `None` if there is none.
pub(super) fn id_column<'a>(
    columns: &Columns,
    names: &(impl Iterator<Item = &'a str> + Clone),
) -> Option<LinkColumns> {
    let mut ids = id_columns(columns, names);
    Some(LinkColumns {
        first: ids.next()?,
        others: ids.collect(),
    })
}

fn id_columns<'a>(
    columns: &Columns,
    names: &(impl Iterator<Item = &'a str> + Clone),
) -> impl Iterator<Item = usize> {
    let rank = |(at, name)| Some((columns.ids.rank_of_column(name)?, at));
    let mut ranked: Vec<_> = names.clone().enumerate().filter_map(rank).collect();
    ranked.sort_unstable();
    ranked.into_iter().map(|(_, at)| at)
}

/// The columns of links among `names`; `None` if there is none.
pub(super) fn link_columns<'a>(
    columns: &Columns,
    names: &(impl Iterator<Item = &'a str> + Clone),
) -> Option<LinkColumns> {
    let find = |wanted: &str| names.clone().position(|name| is_same(name, wanted));
    let only = |first| LinkColumns {
        first,
        others: Vec::new(),
    };
    if let Some(wanted) = &columns.url {
        let exact = names.clone().position(|name| name == wanted);
        return exact.or_else(|| find(wanted)).map(only);
    }
    let has = |wanted: &str| names.clone().any(|name| name == wanted);
    if has("schema") && has("status") && has("url") {
        // a record of an earlier run, which knows its mirrors
        return find("url").map(only);
    }
    let usual = |name: &str| USUAL.iter().position(|usual| is_same(name, usual));
    let ranked = names.clone().enumerate().filter_map(|(at, name)| {
        let is_best = name.contains("best");
        let (depth, rank) = (name.matches("[]").count(), rank(name)?);
        // in arrays of objects are usually other things with links of their own, but not in those of files
        let class = match (depth, rank) {
            (0, Rank::PdfLink | Rank::Pdf | Rank::FileLink | Rank::Link) => 0,
            (_, Rank::PdfLink | Rank::Pdf | Rank::FileLink) if has_files(name) => 0,
            (_, Rank::PdfLink | Rank::Pdf | Rank::FileLink) => 1,
            (0, _) => 2,
            _ => 3,
        };
        let usual = usual(name).unwrap_or(USUAL.len());
        Some((class, rank, depth > 0, usual, !is_best, at))
    });
    let mut ranked: Vec<_> = ranked.collect();
    ranked.sort_unstable();
    let (_, best, .., first) = *ranked.first()?;
    let is_file = best <= Rank::FileLink;
    let others = ranked[1..].iter().filter(|(class, rank, is_inside, ..)| {
        let is_same = matches!(class, 0 | 2) && !matches!(rank, Rank::OtherLink | Rank::File);
        is_file && is_same && !is_inside
    });
    let others = others.map(|(_, rank, .., at)| (*rank == Rank::Page, *at));
    let (pages, files): (Vec<_>, Vec<_>) = others.partition(|(is_page, _)| *is_page);
    let at = |columns: Vec<(bool, usize)>| columns.into_iter().map(|(_, at)| at);
    let ids = id_columns(columns, names).filter(|at| *at != first);
    let others = at(files).chain(ids).chain(at(pages));
    let others = others.take(MOST_OTHERS).collect();
    Some(LinkColumns { first, others })
}

/// Whether two names of columns differ at most in case and in `_`, `-` and spaces.
pub(super) fn is_same(name: &str, wanted: &str) -> bool {
    let same = |c: u8| match c {
        b' ' | b'-' => b'_',
        c => c.to_ascii_lowercase(),
    };
    name.trim().bytes().map(same).eq(wanted.bytes().map(same))
}

/// The words of a name, in lower case and without numbers: of `openAccessPdf.url`, `FullTextURLs`, `download_link2`.
fn words(name: &str) -> Vec<String> {
    let characters: Vec<char> = name.chars().take(100).collect();
    let mut words = vec![String::new()];
    for (at, &c) in characters.iter().enumerate() {
        let is = |at: Option<usize>, test: fn(char) -> bool| {
            at.and_then(|at| characters.get(at))
                .is_some_and(|c| test(*c))
        };
        let before = at.checked_sub(1);
        let (next, after) = (Some(at + 1), Some(at + 2));
        // the plural of an abbreviation begins no word
        let is_plural = characters.get(at + 1) == Some(&'s') && !is(after, char::is_lowercase);
        let begins = c.is_uppercase()
            && (is(before, |c| !c.is_uppercase()) || (is(next, char::is_lowercase) && !is_plural));
        if begins || !c.is_alphabetic() {
            words.push(String::new());
        }
        if c.is_alphabetic()
            && let Some(word) = words.last_mut()
        {
            word.extend(c.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words.into_iter().flat_map(parts).collect()
}

/// The two words of a name that has nothing between them, as in `downloadurl` and `pdflink`.
fn parts(word: String) -> Vec<String> {
    let known = |word: &str| LINK.contains(&word) || PDF.contains(&word) || FILE.contains(&word);
    if known(&word) || !word.is_ascii() {
        return vec![word];
    }
    let cuts = (3..word.len().saturating_sub(2)).rev();
    for cut in cuts {
        let (first, second) = word.split_at(cut);
        let is_link = |part: &str| LINK.contains(&part) || PDF.contains(&part);
        if (is_link(second) && cut > 2) || (PDF.contains(&first) || LINK[..2].contains(&first)) {
            let rest = parts(first.to_owned()).into_iter();
            return rest.chain(parts(second.to_owned())).collect();
        }
    }
    vec![word]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_by_their_words() {
        for (name, expected) in [
            ("pdf_url", Some(Rank::PdfLink)),
            ("best_oa_location.pdf_url", Some(Rank::PdfLink)),
            ("openAccessPdf.url", Some(Rank::PdfLink)),
            ("url_for_pdf", Some(Rank::PdfLink)),
            ("PDF Link", Some(Rank::PdfLink)),
            ("PDFLinks", Some(Rank::PdfLink)),
            ("pdfUrl", Some(Rank::PdfLink)),
            ("link-pdf", Some(Rank::PdfLink)),
            ("pdfurl", Some(Rank::PdfLink)),
            ("citation_pdf_url", Some(Rank::PdfLink)),
            ("links.pdf", Some(Rank::PdfLink)),
            ("Full Text PDF", Some(Rank::Pdf)),
            ("PDF", Some(Rank::Pdf)),
            ("downloadUrl", Some(Rank::FileLink)),
            ("downloadurl", Some(Rank::FileLink)),
            ("DownloadURL", Some(Rank::FileLink)),
            ("FullTextURL", Some(Rank::FileLink)),
            ("Full Text Link", Some(Rank::FileLink)),
            ("fulltexturl", Some(Rank::FileLink)),
            ("open_access.oa_url", Some(Rank::FileLink)),
            ("URL", Some(Rank::Link)),
            ("URLs", Some(Rank::Link)),
            ("Link 1", Some(Rank::Link)),
            ("hyperlink", Some(Rank::Link)),
            ("video_link", None),
            ("external url", Some(Rank::OtherLink)),
            ("ArticleURL", Some(Rank::Page)),
            ("landing_page_url", Some(Rank::Page)),
            ("DOI Link", Some(Rank::Page)),
            ("Fulltext", Some(Rank::File)),
            ("CitesURL", None),
            ("RelatedURL", None),
            ("license_url", None),
            ("Link Attachments", None),
            ("pdf_pages", None),
            ("is_pdf", None),
            ("link_title", None),
            ("Title", None),
            ("curl", None),
            ("blink", None),
            ("security", None),
            ("http://a.example/x.pdf", None),
            ("authors[].url", None),
            ("", None),
            ("链接", None),
        ] {
            assert_eq!(rank(name), expected, "{name}: {:?}", words(name));
        }
    }

    #[test]
    fn a_pdf_comes_before_a_page_about_it() {
        let columns = |names: &[&str]| {
            let found = link_columns(&Columns::default(), &names.iter().copied());
            found.map(|found| (names[found.first].to_owned(), found.others))
        };
        for (names, first, others) in [
            (&["id", "url", "pdfUrl"][..], "pdfUrl", &[1][..]),
            (&["url", "openAccessPdf.url"], "openAccessPdf.url", &[0]),
            (&["url", "downloadUrl", "license_url"], "downloadUrl", &[0]),
            (
                &["ArticleURL", "CitesURL", "FullTextURL"],
                "FullTextURL",
                &[0],
            ),
            (
                &[
                    "primary_location.pdf_url",
                    "best_oa_location.pdf_url",
                    "primary_location.landing_page_url",
                ],
                "best_oa_location.pdf_url",
                &[0, 2],
            ),
            (&["link", "url"], "url", &[]),
            (&["url", "landing_page_url"], "url", &[]),
            (&["locations[].pdf_url", "url"], "url", &[]),
            (
                &["files[].download_url", "url"],
                "files[].download_url",
                &[1],
            ),
            (&["url", "pdf_url", "files[].pdf_url"], "pdf_url", &[0]),
            (
                &["files[].links.self", "links.self"],
                "files[].links.self",
                &[],
            ),
            (&["schema", "status", "url", "pdf_url"], "url", &[]),
        ] {
            assert_eq!(
                columns(names),
                Some((first.to_owned(), others.to_vec())),
                "{names:?}"
            );
        }
        assert_eq!(columns(&["Title", "Key"]), None);
    }
}
