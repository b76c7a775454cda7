//! An entry of a bibliography, a feed or a sitemap: one job with several URLs.
//!
//! The readers of such lists tell an entry what they find: its fields, and which of them lead to the file. The URLs are its
//! candidates in the order of [`Rank`]: first what is said to be a PDF, then what archives have, its DOI, and pages about it at
//! last. The first one is the URL of the link, and the others are its mirrors, as in a table that has a page beside a PDF.
//! An identifier is the URL by which it is known, also if a field has another one that stands for it.
//!
//! Fields have the names that the format gives them, in any case, and besides the same few names in all formats, such as
//! `title`, `author` and `year`: what a list may be exported as must not matter to a template of names.
//!
//! An entry without any link is counted as a row without one. One that is broken, or whose links are none, is a `bad_link` with
//! the line that it begins in, and with its key.

use url::Url;

use super::carried::carry;
use super::{Context, MOST, Parsed, brief, characters, parse_url, split, starts_with};
use crate::id::{Id, Ids, Role};
use crate::link::{BadLink, Details, Link};
use crate::text::masked;

/// The longest entry, in bytes. In a longer one, its end is missing.
pub(super) const LONGEST_ENTRY: usize = 4 * 1024 * 1024;

/// How far a URL is from the file. The least one is tried first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// The list says that it is a PDF, or its path does.
    Pdf,
    /// An identifier, and its archive has the PDF under this name, if it has one at all.
    Archive,
    /// An identifier that a resolver leads to a page about it, such as a DOI.
    Resolver,
    /// A page about it.
    Page,
    /// A page about the entry in a catalogue, or an identifier there.
    Catalogue,
}

/// The names that all formats share, and what a format calls them, the best one first.
pub(super) type Names = &'static [(&'static str, &'static [&'static str])];

/// An entry that is being read.
#[derive(Debug)]
pub(super) struct Entry {
    line: u64,
    key: Option<String>,
    names: Names,
    /// Makes a value plain text for names and records.
    plain: fn(&str) -> String,
    fields: Vec<(String, String)>,
    targets: Vec<Target>,
    problem: Option<String>,
}

/// A URL or an identifier, or what should be one.
#[derive(Debug)]
struct Target {
    lead: Lead,
    /// The field that has it.
    field: String,
    text: String,
}

/// What a field is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lead {
    /// URLs of this rank, or identifiers.
    Url(Rank),
    /// Identifiers of the kind that has columns of this name.
    Id(&'static str),
}

impl Entry {
    /// An entry that begins in `line`, of a format with these `names`.
    pub(super) fn new(line: u64, names: Names) -> Self {
        Self {
            line,
            key: None,
            names,
            plain: |text| text.split_whitespace().collect::<Vec<_>>().join(" "),
            fields: Vec::new(),
            targets: Vec::new(),
            problem: None,
        }
    }

    /// The same with values that `plain` makes plain text.
    pub(super) fn with_plain(self, plain: fn(&str) -> String) -> Self {
        Self { plain, ..self }
    }

    /// Sets its key, unless it has one.
    pub(super) fn set_key(&mut self, key: &str) {
        let key = characters::trim(key);
        if self.key.is_none() && !key.is_empty() {
            self.key = Some(key.to_owned());
        }
    }

    /// Notes why it cannot be read.
    pub(super) fn is_broken(&mut self, problem: impl Into<String>) {
        self.problem.get_or_insert(problem.into());
    }

    /// Adds a field, whose value may lead nowhere.
    pub(super) fn add_field(&mut self, name: &str, value: &str) {
        self.fields.push((name.to_owned(), value.to_owned()));
    }

    /// Whether a URL of this `rank` or a better one is known, identifiers apart.
    pub(super) fn has(&self, rank: Rank) -> bool {
        let is_one = |target: &Target| matches!(target.lead, Lead::Url(known) if known <= rank);
        self.targets.iter().any(is_one)
    }

    /// Whether it has anything that should be a link.
    pub(super) fn has_link(&self) -> bool {
        !self.targets.is_empty()
    }

    /// Whether it has a DOI.
    pub(super) fn has_doi(&self) -> bool {
        self.targets.iter().any(Target::is_doi)
    }

    /// Forgets its links.
    pub(super) fn drop_links(&mut self) {
        self.targets.clear();
    }

    /// Notes that all its URLs are those of PDFs.
    pub(super) fn are_pdfs(&mut self) {
        for target in &mut self.targets {
            if let Lead::Url(rank) = &mut target.lead {
                *rank = Rank::Pdf;
            }
        }
    }

    /// Adds the URLs of something that is attached to it.
    pub(super) fn attach(&mut self, mut other: Self, is_pdf: bool) {
        if is_pdf {
            other.are_pdfs();
        }
        for target in other.targets {
            self.push(target);
        }
    }

    /// Adds the DOI of something that it is part of.
    pub(super) fn attach_doi(&mut self, other: Self) {
        for target in other.targets.into_iter().filter(Target::is_doi) {
            self.push(target);
        }
    }

    /// The values of its field `name`.
    pub(super) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let fields = self.fields.iter();
        let fields = fields.filter(move |(known, _)| known.eq_ignore_ascii_case(name));
        fields.map(|(_, value)| value.as_str())
    }

    /// Adds the links in `text`, which is the value of a field for URLs. They are of this `rank`, or of a better one if they look
    /// like it.
    pub(super) fn add_urls(&mut self, field: &str, text: &str, rank: Rank) {
        let text = characters::trim(text);
        let single = split::is_single(text.as_bytes()).then_some(text);
        let links = match single.or_else(|| split::only(text)) {
            // what EndNote writes for a database
            _ if text.is_empty() || text.starts_with("<Go to ") => return,
            Some(link) => vec![link],
            None => split::links(text),
        };
        if links.is_empty() {
            self.add(field, Lead::Url(rank), text);
        }
        for link in links {
            self.add_url(field, link, rank);
        }
    }

    /// Adds the links in `text`, which is the value of a field for files: they may also be on the computer of whoever wrote it.
    pub(super) fn add_files(&mut self, field: &str, text: &str) {
        for link in split::links(text) {
            if split::begins_link(link.as_bytes()) {
                self.add_url(field, link, Rank::Pdf);
            }
        }
    }

    fn add_url(&mut self, field: &str, link: &str, rank: Rank) {
        let path = path_of(link).to_ascii_lowercase();
        let is_pdf = split::is_pdf(&path)
            || path
                .split('/')
                .any(|name| matches!(name, "pdf" | "pdfdirect" | "pdfplus"));
        let rank = if is_pdf { Rank::Pdf } else { rank };
        self.add(field, Lead::Url(rank), link);
    }

    /// Adds a DOI; what is none leads nowhere.
    pub(super) fn add_doi(&mut self, field: &str, text: &str) {
        self.add(field, Lead::Id("doi"), text);
    }

    /// Adds an identifier of arXiv, if it is one.
    pub(super) fn add_arxiv(&mut self, field: &str, text: &str) {
        self.add(field, Lead::Id("arxiv"), text);
    }

    /// Adds an identifier of PubMed Central, if it is one.
    pub(super) fn add_pmcid(&mut self, field: &str, text: &str) {
        self.add(field, Lead::Id("pmcid"), text);
    }

    /// Adds an identifier of PubMed, if it is one.
    pub(super) fn add_pmid(&mut self, field: &str, text: &str) {
        self.add(field, Lead::Id("pmid"), text);
    }

    /// Adds the identifiers in lines such as `PMID: 1`, which Zotero has no field for.
    pub(super) fn add_note(&mut self, field: &str, text: &str) {
        const PREPRINT: &str = "arXiv preprint ";
        for line in text.lines().map(str::trim) {
            let is_preprint = starts_with(line, PREPRINT);
            let line = if is_preprint {
                &line[PREPRINT.len()..]
            } else {
                line
            };
            match line.split_once(':') {
                Some(("PMID", id)) => self.add_pmid(field, id),
                Some(("PMCID", id)) => self.add_pmcid(field, id),
                Some(("DOI", id)) => self.add_doi(field, id),
                _ if starts_with(line, "arxiv:") => self.add_arxiv(field, line),
                _ => {}
            }
        }
    }

    fn add(&mut self, field: &str, lead: Lead, text: &str) {
        let text = characters::trim(text);
        if !text.is_empty() {
            self.push(Target {
                lead,
                field: field.to_owned(),
                text: text.to_owned(),
            });
        }
    }

    fn push(&mut self, target: Target) {
        // what is beyond that is no mirror either
        if self.targets.len() <= 2 * MOST {
            self.targets.push(target);
        }
    }

    /// The value of a field, by a name of the format or by one that all formats share, as plain text.
    pub(super) fn value(&self, name: &str) -> Option<String> {
        if name.eq_ignore_ascii_case("key") && self.key.is_some() {
            return self.key.clone();
        }
        let own = self.joined(name);
        let shared = || {
            let (_, names) = self
                .names
                .iter()
                .find(|(shared, _)| shared.eq_ignore_ascii_case(name))?;
            names.iter().find_map(|name| self.joined(name))
        };
        let value = own.or_else(shared)?;
        if name.eq_ignore_ascii_case("year") {
            return Some(year(&value).map_or_else(|| value.clone(), str::to_owned));
        }
        Some(value)
    }

    /// The names by which it may have values.
    fn field_names(&self) -> impl Iterator<Item = &str> {
        let own = self.fields.iter().map(|(name, _)| name.as_str());
        let targets = self.targets.iter().map(|target| target.field.as_str());
        let shared = self.names.iter().map(|(shared, _)| *shared);
        own.chain(targets).chain(shared).chain(["key"])
    }

    /// The values of a field of the format, in one text.
    fn joined(&self, name: &str) -> Option<String> {
        let values: Vec<_> = self
            .values(name)
            .map(self.plain)
            .filter(|value| !value.is_empty())
            .collect();
        (!values.is_empty()).then(|| values.join("; "))
    }

    /// Its link, or what is wrong with it; `None` if it has none. `text` is what the list has of it, which records may carry.
    pub(super) fn link(self, text: &[u8], context: &Context) -> Option<Result<Link, BadLink>> {
        let first = text
            .split(|byte| matches!(byte, b'\n' | b'\r'))
            .next()
            .unwrap_or_default();
        let mut link = self.shown_as(first, context)?;
        carry(text, context, [&mut link]);
        Some(link)
    }

    /// The same where records cannot carry what the list has of it. Messages show it as `text`.
    pub(super) fn shown_as(self, text: &[u8], context: &Context) -> Option<Result<Link, BadLink>> {
        let begin = self.line;
        let read = self.read(context)?;
        Some(context.link_to(begin, text, read))
    }

    /// Its URL with its details, or the problem with it; `None` if it has no link.
    pub(super) fn parsed(self, context: &Context) -> Option<Parsed> {
        let read = self.read(context)?;
        Some(read.map(|(url, details)| (url.into(), details)))
    }

    fn read(mut self, context: &Context) -> Option<Result<(Url, Details), String>> {
        if context.collects {
            context.seen.has_entry(self.field_names());
        }
        let parsed = match self.problem.take() {
            Some(problem) => Err(problem),
            None => match self.urls(context) {
                Ok(urls) => {
                    let mut urls = urls.into_iter();
                    let Some(first) = urls.next() else {
                        context.seen.has_none();
                        return None;
                    };
                    Ok((first, self.details(urls.collect(), context)))
                }
                Err(problem) => Err(problem),
            },
        };
        Some(parsed.map_err(
            |problem| match self.key.clone().or_else(|| self.value("title")) {
                Some(name) => format!("entry `{}`: {problem}", brief(&masked(&name))),
                None => format!("entry without a key: {problem}"),
            },
        ))
    }

    /// The URLs of its file, the best one first.
    fn urls(&mut self, context: &Context) -> Result<Vec<Url>, String> {
        if let Some(template) = &context.options.url_template {
            let url = template.fill(|name| self.value(name).map(Into::into));
            return url.map_or(Ok(Vec::new()), |url| {
                context.url(url.trim()).map(|url| vec![url])
            });
        }
        if let Some(wanted) = &context.options.columns.url {
            let is_wanted = |target: &Target| target.field.eq_ignore_ascii_case(wanted);
            if self.targets.iter().any(is_wanted) {
                self.targets.retain(is_wanted);
            } else {
                self.targets.clear();
                if let Some(value) = self.value(wanted) {
                    self.add_urls(wanted, &value, Rank::Page);
                }
            }
        }
        let ids = &context.options.columns.ids;
        let (mut found, mut problem) = (Vec::new(), None);
        for target in &self.targets {
            match target.url(ids) {
                Some(Ok(url)) => found.push(url),
                Some(Err(error)) => {
                    problem = problem.or(Some(format!("`{}`: {error}", target.field)));
                }
                None => {}
            }
        }
        found.sort_by_key(|(rank, _)| *rank);
        let mut urls = Vec::<Url>::new();
        for (_, url) in found {
            if !urls.contains(&url) && urls.len() <= MOST {
                urls.push(url);
            }
        }
        match problem {
            Some(problem) if urls.is_empty() => Err(problem),
            _ => Ok(urls),
        }
    }

    fn details(&self, mirrors: Vec<Url>, context: &Context) -> Details {
        let columns = &context.options.columns;
        let kept = columns.kept.iter();
        let kept = kept.filter_map(|name| Some((name.clone(), self.value(name)?)));
        Details {
            mirrors,
            name: columns.name.as_deref().and_then(|name| self.value(name)),
            columns: kept.collect(),
            ..Details::default()
        }
    }
}

impl Target {
    fn is_doi(&self) -> bool {
        self.lead == Lead::Id("doi")
    }

    /// Its URL and the rank of that; `None` if it leads nowhere.
    fn url(&self, ids: &Ids) -> Option<Result<(Rank, Url), String>> {
        let of_id = |id: Id| (rank_of(&id, ids), id.url());
        let rank = match self.lead {
            Lead::Url(rank) => rank,
            Lead::Id(column) => match first_id(&self.text, column, ids) {
                None if self.text.contains("://") => Rank::Page,
                id => return id.map(|id| id.map(of_id)),
            },
        };
        if let Some(id) = ids.of_text(&self.text) {
            return Some(id.map(of_id));
        }
        let url = match parse_url(&self.text) {
            Ok(url) => url,
            Err(error) => return Some(Err(error)),
        };
        Some(match ids.of_url(&url) {
            Some(id) => id.map(of_id),
            None => Ok((rank, url)),
        })
    }
}

/// The first identifier in the value of a field for those of the kind that has columns with the name `column`. Another one may
/// follow, and a few words that say what it is.
fn first_id(text: &str, column: &str, ids: &Ids) -> Option<Result<Id, String>> {
    let id = |text: &str| {
        if text.contains("://") {
            return ids.of_url(&parse_url(text).ok()?);
        }
        let prefixed = ids.in_column(column, text);
        ids.of_text(prefixed.as_deref().unwrap_or(text))
    };
    let separators = [",10.", ";10.", ",http", ";http", ",doi:", ";doi:", "|"];
    let ends = separators.iter().filter_map(|next| text.find(next));
    let text = &text[..ends.min().unwrap_or(text.len())];
    id(text).or_else(|| text.split(characters::is_space).find_map(id))
}

/// How far the PDF of `id` is.
fn rank_of(id: &Id, ids: &Ids) -> Rank {
    match ids.first_role(id) {
        Some(Role::Pdf) => Rank::Archive,
        Some(_) => Rank::Resolver,
        None => Rank::Catalogue,
    }
}

/// The path of a link, as it is written; `""` if it has none.
fn path_of(link: &str) -> &str {
    let (scheme, rest) = link.split_once("://").unwrap_or_default();
    let is_http = starts_with(scheme, "http");
    let end = rest.find(['?', '#']).unwrap_or(rest.len());
    let (_, path) = rest[..end].split_once('/').unwrap_or_default();
    if is_http { path } else { "" }
}

/// The name of a person, `Family, Given`, of its parts, which may be blank.
pub(super) fn full_name<'a>(parts: impl Iterator<Item = &'a str>) -> String {
    let parts: Vec<_> = parts
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect();
    parts.join(", ")
}

/// The first number of four digits in a date.
fn year(date: &str) -> Option<&str> {
    let mut numbers = date.split(|c: char| !c.is_ascii_digit());
    numbers.find(|number| number.len() == 4)
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::{BufReader, Cursor};

    use super::super::{Options, format};
    use super::*;

    #[test]
    fn fields_have_identifiers_in_many_forms() {
        let ids = Ids::builtin();
        let url = |column, text| match first_id(text, column, ids) {
            Some(Ok(id)) => id.url().to_string(),
            Some(Err(problem)) => problem,
            None => String::new(),
        };
        for (text, expected) in [
            ("doi: 10.1038/Nphys1170.", "10.1038/nphys1170"),
            ("DOI 10.1038/nphys1170", "10.1038/nphys1170"),
            ("http://dx.doi.org/10.1016%2Fx%3Cy%3E", "10.1016/x%3Cy%3E"),
            ("10.1000/a#b?c%d", "10.1000/a%23b%3Fc%25d"),
            ("10.1000/a, 10.1000/b", "10.1000/a"),
            ("10.1000/a;10.1000/b", "10.1000/a"),
            ("10.1000/a [doi]", "10.1000/a"),
            ("(10.1000/a)", "10.1000/a"),
            ("10.1000//a", "10.1000/a"),
            ("10.1000.10/a", "10.1000.10/a"),
        ] {
            assert_eq!(
                url("doi", text),
                format!("https://doi.org/{expected}"),
                "{text}"
            );
        }
        for (column, text, expected) in [
            (
                "arxiv",
                "2401.01234v2",
                "https://arxiv.org/pdf/2401.01234v2",
            ),
            (
                "arxiv",
                "arXiv:2401.01234 [cs.CL]",
                "https://arxiv.org/pdf/2401.01234",
            ),
            (
                "arxiv",
                "math.GT/0309136",
                "https://arxiv.org/pdf/math/0309136",
            ),
            (
                "doi",
                "10.48550/arXiv.2401.01234",
                "https://arxiv.org/pdf/2401.01234",
            ),
            (
                "pmcid",
                "PMC123 [available on 2020]",
                "https://pmc.ncbi.nlm.nih.gov/articles/PMC123/",
            ),
            (
                "pmcid",
                "123",
                "https://pmc.ncbi.nlm.nih.gov/articles/PMC123/",
            ),
            ("pmid", "123", "https://pubmed.ncbi.nlm.nih.gov/123/"),
            ("pmid", "PMID: 123", "https://pubmed.ncbi.nlm.nih.gov/123/"),
            ("pmid", "S0140", ""),
            ("arxiv", "1234", ""),
            ("arxiv", "2413.01234", ""),
            ("doi", "10.1/x", ""),
            ("doi", "110.1000/x", ""),
            ("doi", "n/a", ""),
        ] {
            assert_eq!(url(column, text), expected, "{text}");
        }
    }

    /// What a list gives that is read in pieces of `capacity` bytes: the line of each link, its URLs and the columns that are
    /// carried; or the problem.
    pub(in super::super) fn found(
        list: &[u8],
        capacity: usize,
        options: Options,
    ) -> Vec<(u64, String)> {
        let source = BufReader::with_capacity(capacity, Cursor::new(list.to_vec()));
        let context = Context::new("list".into(), options.into());
        let items = format::open(Box::new(source), context).expect("a list");
        let told = items.map(|item| match item {
            Ok(Ok(link)) => {
                let details = link.details.unwrap_or_default();
                let urls = std::iter::once(&link.url).chain(&details.mirrors);
                let values = details.columns.iter().map(|(_, value)| value.as_str());
                let told: Vec<_> = values.chain(urls.map(Url::as_str)).collect();
                (link.source_line.line, told.join(" | "))
            }
            Ok(Err(bad)) => (bad.source_line.line, format!("bad: {}", bad.problem)),
            Err(error) => (0, format!("error: {error}")),
        });
        told.collect()
    }

    /// Options that carry these fields.
    pub(in super::super) fn carrying(names: &[&str]) -> Options {
        let mut options = Options::default();
        options.columns.kept = names.iter().map(|name| (*name).into()).collect();
        options
    }

    /// Checks what a list gives, whatever the pieces are in which it is read.
    pub(in super::super) fn gives(list: &str, carried: &[&str], expected: &[(u64, &str)]) {
        for capacity in [1, 7, 64 * 1024] {
            let found = found(list.as_bytes(), capacity, carrying(carried));
            let found: Vec<_> = found
                .iter()
                .map(|(line, told)| (*line, told.as_str()))
                .collect();
            assert_eq!(found, expected, "{list}");
        }
    }
}
