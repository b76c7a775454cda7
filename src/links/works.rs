//! JSON objects that describe a publication, as reference managers and the big catalogues write them: CSL-JSON, and records of
//! Crossref, OpenAlex and Unpaywall. They are known by their fields, and say where each link and each name is.
//!
//! Other objects have their links where the names of their fields say so (see [`fields`](super::fields)), and so have these if
//! `--url-column` names one.

use serde_json::value::RawValue;

use super::entry::{Entry, Names, Rank, full_name};
use super::fields::{Fields, each_element, text, texts};
use super::{Context, Parsed, UrlTemplate, split, starts_with};

/// A kind of such objects.
struct Work {
    is: fn(&Fields) -> bool,
    key: &'static [&'static str],
    links: &'static [(&'static str, Lead)],
    names: Names,
}

/// What a field leads to.
#[derive(Clone, Copy)]
enum Lead {
    Url(Rank),
    /// Objects with a `URL` and a `content-type`.
    Links,
    Doi,
    Pmcid,
    Pmid,
    /// Lines such as `PMID: 1`.
    Note,
}

/// The types of CSL (version 1.0.2, appendix III).
const CSL_TYPES: &str = " article article-journal article-magazine article-newspaper bill book broadcast chapter classic \
    collection dataset document entry entry-dictionary entry-encyclopedia event figure graphic hearing interview legal_case \
    legislation manuscript map motion_picture musical_score pamphlet paper-conference patent performance periodical \
    personal_communication post post-weblog regulation report review review-book software song speech standard thesis treaty \
    webpage ";

const WORKS: [Work; 4] = [
    // Crossref
    Work {
        is: |fields| {
            let has = |name: &str| fields.0.contains_key(name);
            has("DOI") && (has("indexed") || has("reference-count") || has("deposited"))
        },
        key: &["DOI"],
        links: &[
            ("link", Lead::Links),
            ("DOI", Lead::Doi),
            ("resource.primary.URL", Lead::Url(Rank::Page)),
            ("URL", Lead::Url(Rank::Page)),
        ],
        names: &[
            ("title", &["title"]),
            ("author", &["author", "editor"]),
            (
                "year",
                &[
                    "issued.date-parts",
                    "published.date-parts",
                    "created.date-time",
                ],
            ),
            ("journal", &["container-title"]),
        ],
    },
    // CSL-JSON
    Work {
        is: |fields| {
            let has = |name: &str| fields.0.contains_key(name);
            let kind = fields.text("type").unwrap_or_default();
            let is_kind = !kind.contains(' ') && CSL_TYPES.contains(&format!(" {kind} "));
            let typical = ["issued", "DOI", "URL", "PMID", "PMCID", "container-title"];
            // what Crossref gives has none
            let is_known = has("id") || has("citation-key") || (has("issued") && has("title"));
            is_kind && is_known && typical.into_iter().any(has)
        },
        key: &["citation-key", "id", "DOI"],
        links: &[
            ("PMCID", Lead::Pmcid),
            ("DOI", Lead::Doi),
            ("URL", Lead::Url(Rank::Page)),
            ("PMID", Lead::Pmid),
            ("note", Lead::Note),
        ],
        names: &[
            ("title", &["title"]),
            ("author", &["author", "editor"]),
            (
                "year",
                &[
                    "issued.date-parts",
                    "issued.raw",
                    "issued.literal",
                    "issued.year",
                    "issued",
                ],
            ),
            (
                "date",
                &[
                    "issued.raw",
                    "issued.literal",
                    "issued.date-parts",
                    "issued.year",
                    "issued",
                ],
            ),
            ("journal", &["container-title"]),
        ],
    },
    // OpenAlex
    Work {
        is: |fields| {
            let id = fields.text("id").unwrap_or_default();
            id.contains("openalex.org/W") && fields.0.contains_key("ids")
        },
        key: &["id"],
        links: &[
            ("best_oa_location.pdf_url", Lead::Url(Rank::Pdf)),
            ("primary_location.pdf_url", Lead::Url(Rank::Pdf)),
            ("locations[].pdf_url", Lead::Url(Rank::Pdf)),
            ("ids.pmcid", Lead::Pmcid),
            ("doi", Lead::Doi),
            ("best_oa_location.landing_page_url", Lead::Url(Rank::Page)),
            ("primary_location.landing_page_url", Lead::Url(Rank::Page)),
        ],
        names: &[
            ("title", &["title", "display_name"]),
            ("author", &["authorships.author.display_name"]),
            ("year", &["publication_year"]),
            ("date", &["publication_date"]),
            ("journal", &["primary_location.source.display_name"]),
        ],
    },
    // Unpaywall
    Work {
        is: |fields| {
            let has = |name: &str| fields.0.contains_key(name);
            has("doi") && has("is_oa") && (has("best_oa_location") || has("oa_locations"))
        },
        key: &["doi"],
        links: &[
            ("best_oa_location.url_for_pdf", Lead::Url(Rank::Pdf)),
            ("oa_locations[].url_for_pdf", Lead::Url(Rank::Pdf)),
            ("doi", Lead::Doi),
            (
                "best_oa_location.url_for_landing_page",
                Lead::Url(Rank::Page),
            ),
            ("oa_locations[].url_for_landing_page", Lead::Url(Rank::Page)),
        ],
        names: &[
            ("title", &["title"]),
            ("author", &["z_authors"]),
            ("year", &["year"]),
            ("date", &["published_date"]),
            ("journal", &["journal_name"]),
        ],
    },
];

/// Whether an object describes a publication.
pub(super) fn is_one(fields: &Fields) -> bool {
    WORKS.iter().any(|work| (work.is)(fields))
}

/// The link of an object that describes a publication; `None` if it has none.
pub(super) fn read(fields: &Fields, context: &Context) -> Option<Parsed> {
    let work = WORKS.iter().find(|work| (work.is)(fields))?;
    let mut entry = Entry::new(0, work.names);
    let first = |path: &&str| fields.at_path(path).first().and_then(|value| text(value));
    let key = work.key.iter().find_map(first).unwrap_or_default();
    entry.set_key(key.strip_prefix("https://openalex.org/").unwrap_or(&key));
    for (path, lead) in work.links {
        add(&mut entry, fields, path, *lead);
    }
    let columns = &context.options.columns;
    let wanted = columns
        .kept
        .iter()
        .map(AsRef::as_ref)
        .chain(columns.name.as_deref());
    for wanted in wanted.chain(
        context
            .options
            .url_template
            .iter()
            .flat_map(UrlTemplate::names),
    ) {
        let shared = work
            .names
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        let paths = shared.map_or(&[][..], |(_, names)| names);
        for path in paths.iter().chain(&[wanted]) {
            add_texts(&mut entry, fields, path);
        }
    }
    entry.parsed(context)
}

/// Adds the links that a field leads to.
fn add(entry: &mut Entry, fields: &Fields, path: &str, lead: Lead) {
    for value in fields.at_path(path) {
        if matches!(lead, Lead::Links) {
            add_links(entry, path, value);
            continue;
        }
        for text in texts(value) {
            match lead {
                Lead::Url(rank) => entry.add_urls(path, &text, rank),
                Lead::Doi => entry.add_doi(path, &text),
                Lead::Pmcid => entry.add_pmcid(path, &text),
                Lead::Pmid => entry.add_pmid(path, &text),
                Lead::Note => entry.add_note(path, &text),
                Lead::Links => {}
            }
        }
    }
}

/// Adds what Crossref knows of full texts: PDFs, but not those for the detection of plagiarism alone.
fn add_links(entry: &mut Entry, path: &str, value: &RawValue) {
    each_element(value, &mut |link| {
        if let Ok(link) = serde_json::from_str::<Fields>(link.get()) {
            let field = |name: &str| link.text(name).unwrap_or_default();
            let (kind, url) = (field("content-type"), field("URL"));
            let is_pdf = starts_with(&kind, "application/pdf");
            let is_open = kind == "unspecified" || kind.is_empty();
            let is_checked = field("intended-application") == "similarity-checking";
            let is_likely = is_pdf || (is_open && split::is_pdf_link(&url));
            if is_likely && !is_checked {
                entry.add_urls(path, &url, Rank::Pdf);
            }
        }
        true
    });
}

/// Adds the texts and numbers at a path: of dates the year first, and of people their names.
fn add_texts(entry: &mut Entry, fields: &Fields, path: &str) {
    if entry.values(path).next().is_some() {
        return;
    }
    for value in fields.at_path(path) {
        let json = value.get();
        let inside = json.strip_prefix('[').unwrap_or(json).trim_start();
        if json.starts_with('{') {
            add_person(entry, path, value);
        } else if inside.starts_with('{') {
            each_element(value, &mut |person| {
                add_person(entry, path, person);
                true
            });
        } else if inside.starts_with('[') {
            let dates: Vec<Vec<&RawValue>> = serde_json::from_str(json).unwrap_or_default();
            let parts = dates.into_iter().next().unwrap_or_default();
            let parts: Vec<_> = parts.into_iter().filter_map(text).collect();
            if !parts.is_empty() {
                entry.add_field(path, &parts.join("-"));
            }
        } else {
            for text in texts(value) {
                entry.add_field(path, &text);
            }
        }
    }
}

/// Adds the name of a person or an organization. Other objects have none.
fn add_person(entry: &mut Entry, path: &str, value: &RawValue) {
    let Ok(person) = serde_json::from_str::<Fields>(value.get()) else {
        return;
    };
    let joined = |names: [&str; 2]| {
        let parts: Vec<_> = names.iter().filter_map(|name| person.text(name)).collect();
        parts.join(" ")
    };
    let family = joined(["non-dropping-particle", "family"]);
    let given = joined(["given", "dropping-particle"]);
    let suffix = person.text("suffix").unwrap_or_default();
    let name = full_name([&*family, &*given, &*suffix].into_iter());
    let whole = ["literal", "name", "raw_author_name"];
    let name = match whole.into_iter().find_map(|whole| person.text(whole)) {
        Some(whole) if family.is_empty() => whole.into_owned(),
        _ => name,
    };
    if !name.is_empty() {
        entry.add_field(path, &name);
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::tests::gives;

    #[test]
    fn csl_json_is_read() {
        gives(
            "[\n{\"id\":\"a\",\"type\":\"article-journal\",\"title\":\"T\",\"DOI\":\"10.1000/csl\",\"URL\":\"https://p.example/x\",\
             \"author\":[{\"family\":\"Smith\",\"given\":\"A\"},{\"family\":\"Doe\"}],\"issued\":{\"date-parts\":[[\"2020\",5,1]]}},\n\
             {\"id\":\"b\",\"type\":\"book\",\"title\":\"No link\",\"issued\":{\"date-parts\":[[1999]]}},\n\
             {\"id\":\"c\",\"type\":\"article-journal\",\"PMCID\":\"PMC123\",\"note\":\"arXiv: 2001.00001\",\"issued\":{\"raw\":\"2001\"}},\n\
             {\"id\":\"d\",\"type\":\"webpage\",\"URL\":\"https://p.example/d.pdf\"},\n{\"id\":\"e\",\"type\":\"webpage\",\"URL\":\"no link\"}\n]\n",
            &["key", "title", "author", "year"],
            &[
                (
                    2,
                    "a | T | Smith, A; Doe | 2020 | https://doi.org/10.1000/csl | https://p.example/x",
                ),
                (
                    4,
                    "c | 2001 | https://pmc.ncbi.nlm.nih.gov/articles/PMC123/ | https://arxiv.org/pdf/2001.00001",
                ),
                (5, "d | https://p.example/d.pdf"),
                (
                    6,
                    "bad: entry `e`: `URL`: not a URL: a link begins with `http://` or `https://`",
                ),
            ],
        );
    }

    #[test]
    fn authors_and_years_are_read_in_all_forms() {
        for (author, issued, expected) in [
            (
                r#"[{"family":"Wang","given":"Jos\u00e9"},{"literal":"The Team"}]"#,
                r#"{"date-parts":[["2014","5"]]}"#,
                "Wang, José; The Team | 2014 | 2014-5",
            ),
            (
                r#"[ {"family":"Berg","given":"Jan","non-dropping-particle":"van den","suffix":"Jr."} ]"#,
                "{\"date-parts\": [ [ 2014,\n 5, 6 ], [2015] ]}",
                "van den Berg, Jan, Jr. | 2014 | 2014-5-6",
            ),
            (
                r#"{"family":"Humboldt","given":"Alexander","dropping-particle":"von"}"#,
                r#"[{"year":2014,"month":5}]"#,
                "Humboldt, Alexander von | 2014 | 2014",
            ),
            (
                r#""Doe, J""#,
                r#"{"raw":"May 2014"}"#,
                "Doe, J | 2014 | May 2014",
            ),
            (
                r#"[{"name":"A Company"}]"#,
                r#"{"literal":"c. 2014"}"#,
                "A Company | 2014 | c. 2014",
            ),
            (
                r#"[{"family":"Doe"}]"#,
                r#""2014-05""#,
                "Doe | 2014 | 2014-05",
            ),
            (r#"[{"family":"Doe"}]"#, "2014", "Doe | 2014 | 2014"),
        ] {
            // that of Crossref has no `id`
            for (id, key) in [("\"id\":\"k\",", "k"), ("", "10.1000/a")] {
                let list = format!(
                    "[\n{{{id}\"type\":\"book\",\"title\":\"T\",\"DOI\":\"10.1000/a\",\"author\":{author},\"issued\":{issued}}}\n]"
                );
                gives(
                    &list,
                    &["key", "author", "year", "date"],
                    &[(
                        2,
                        &format!("{key} | {expected} | https://doi.org/10.1000/a"),
                    )],
                );
            }
        }
    }

    #[test]
    fn records_of_catalogues_are_read() {
        gives(
            "{\"message\":{\"items\":[{\"indexed\":{},\"DOI\":\"10.1000/CR\",\"title\":[\"Cross\"],\"author\":[{\"family\":\"Foo\",\"given\":\"B\"},{\"name\":\"The Team\"}],\"issued\":{\"date-parts\":[[2011,1]]},\
             \"URL\":\"https://doi.org/10.1000/cr\",\"link\":[{\"URL\":\"https://x.example/sim.pdf\",\"content-type\":\"unspecified\",\"intended-application\":\"similarity-checking\"},\
             {\"URL\":\"https://x.example/full\",\"content-type\":\"application/pdf\"},{\"URL\":\"https://x.example/x.xml\",\"content-type\":\"text/xml\"}],\
             \"resource\":{\"primary\":{\"URL\":\"https://x.example/page\"}}}]}}\n",
            &["key", "title", "author", "year"],
            &[(
                1,
                "10.1000/CR | Cross | Foo, B; The Team | 2011 | https://x.example/full | https://doi.org/10.1000/cr | \
                 https://x.example/page",
            )],
        );
        gives(
            "{\"id\":\"https://openalex.org/W1\",\"doi\":\"https://doi.org/10.1000/oa\",\"title\":\"OA\",\"publication_year\":2015,\"ids\":{\"openalex\":\"https://openalex.org/W1\"},\
             \"authorships\":[{\"author\":{\"display_name\":\"Ann Lee\"}}],\"best_oa_location\":{\"landing_page_url\":\"https://r.example/l\",\"pdf_url\":\"https://r.example/p\"},\
             \"locations\":[{\"pdf_url\":\"https://r.example/p2.pdf\"}],\"referenced_works\":[\"https://openalex.org/W2\"]}\n\
             {\"id\":\"https://openalex.org/W3\",\"doi\":null,\"ids\":{},\"best_oa_location\":null}\n\
             {\"doi\":\"10.1000/up\",\"is_oa\":true,\"title\":\"UP\",\"z_authors\":[{\"family\":\"Wang\",\"given\":\"Xin\"},{\"raw_author_name\":\"J Doe\"}],\"year\":2014,\"best_oa_location\":{\"url\":\"https://u.example/p\",\"url_for_pdf\":\"https://u.example/p\",\
             \"url_for_landing_page\":\"https://u.example/l\"},\"oa_locations\":[{\"url_for_pdf\":\"https://u.example/q\"}]}\n",
            &["key", "title", "author", "year"],
            &[
                (
                    1,
                    "W1 | OA | Ann Lee | 2015 | https://r.example/p | https://r.example/p2.pdf | https://doi.org/10.1000/oa | https://r.example/l",
                ),
                (
                    3,
                    "10.1000/up | UP | Wang, Xin; J Doe | 2014 | https://u.example/p | https://u.example/q | https://doi.org/10.1000/up | https://u.example/l",
                ),
            ],
        );
    }
}
