//! CDXJ: indexes of web archives, such as those of Common Crawl and pywb. A line has the key of a capture, its time, and a JSON
//! object; what servers of such indexes answer has all of it in the object.
//!
//! Only PDFs are taken. What an archive has found a body to be (`mime-detected`) counts before what the server has said of it
//! (`mime`). `--only truncated` takes those that the archive has cut off, which are worth fetching again.

use std::iter;

use super::compressed::Source;
use super::entry::{Entry, Rank};
use super::fields::{Fields, text};
use super::lines::Lines;
use super::{Context, Item, characters, content, only};

/// Whether a line is one of them.
pub(super) fn is_line(line: &str) -> bool {
    let line = characters::trim(line);
    let mut parts = line.splitn(3, ' ');
    let (key, time) = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    let is_time = |time: &str| {
        (4..=17).contains(&time.len()) && time.bytes().all(|byte| byte.is_ascii_digit())
    };
    let is_object = |part: &str| part.trim_start().starts_with('{') && part.contains("\"url\"");
    let is_capture = !key.contains("://") && is_time(time) && parts.next().is_some_and(is_object);
    let has = |name: &str| line.contains(name);
    is_capture
        || (line.starts_with('{') && has("\"urlkey\"") && has("\"timestamp\"") && has("\"url\""))
}

/// Whether a line is one of those at the beginning of an index: `!OpenWayback-CDXJ 1.0`, ` CDX N b a`.
pub(super) fn is_heading(line: &str) -> bool {
    let line = line.trim_start_matches(['\u{feff}', ' ']);
    line.starts_with('!') || line.starts_with("CDX N ")
}

/// The links of an index.
pub(super) fn links(source: Source, context: Context) -> impl Iterator<Item = Item> {
    let mut lines = Lines::new(source, context.clone());
    iter::from_fn(move || {
        loop {
            let (number, line) = match lines.next()? {
                Ok(line) => line,
                Err(error) => return Some(Err(error)),
            };
            let Some(text) = content(&line) else { continue };
            if text.as_deref().is_ok_and(is_heading) {
                continue;
            }
            let mut entry = Entry::new(number, &[("key", &["urlkey"]), ("year", &["timestamp"])]);
            let is_wanted = match text {
                Ok(text) => capture(&mut entry, &text, &context),
                Err(problem) => {
                    entry.is_broken(problem);
                    true
                }
            };
            if !is_wanted {
                context.seen.has_none();
                continue;
            }
            if let Some(link) = entry.link(&line.text, &context) {
                return Some(Ok(link));
            }
        }
    })
}

/// Tells an entry what its line says; false if it is not wanted.
fn capture(entry: &mut Entry, line: &str, context: &Context) -> bool {
    let (before, json) = line.split_at(line.find('{').unwrap_or(line.len()));
    let mut before = before.split_whitespace();
    for name in ["urlkey", "timestamp"] {
        if let Some(value) = before.next() {
            entry.add_field(name, value);
        }
    }
    let key = entry.values("urlkey").next().map(str::to_owned);
    entry.set_key(&key.unwrap_or_default());
    let fields: Fields = match serde_json::from_str(json) {
        Ok(fields) => fields,
        Err(error) => {
            entry.is_broken(format!("invalid JSON: {error}"));
            return true;
        }
    };
    for (name, value) in &fields.0 {
        if let Some(value) = text(value) {
            entry.add_field(name, &value);
        }
    }
    let value = |name: &str| fields.text(name).filter(|value| value != "-");
    let mime = value("mime-detected").or_else(|| value("mime"));
    let is_pdf = mime.is_none_or(|mime| mime.to_ascii_lowercase().contains("application/pdf"));
    let is_chosen = match &context.options.only {
        Some(only) if only.names("truncated") => value("truncated").is_some(),
        Some(_) => {
            only::warn("all links of other lists are taken");
            true
        }
        None => true,
    };
    match value("url") {
        Some(url) => entry.add_urls("url", &url, Rank::Page),
        None => entry.is_broken("it has no `url`"),
    }
    is_pdf && is_chosen
}

#[cfg(test)]
mod tests {
    use super::super::entry::tests::{carrying, found, gives};

    const INDEX: &str = "org,example)/a.pdf 20240101000000 {\"url\": \"https://example.org/a.pdf\", \"mime\": \"text/html\", \"mime-detected\": \"application/pdf\", \"truncated\": \"length\"}\n\
        org,example)/b 20240101000001 {\"url\": \"https://example.org/b\", \"mime\": \"application/pdf\", \"mime-detected\": \"text/html\"}\n\
        org,example)/c 20240101000002 {\"url\": \"https://example.org/c\", \"mime\": \"application/pdf\"}\n\
        org,example)/d 20240101000002 {\"url\": \"https://example.org/d\n\
        {\"urlkey\": \"org,example)/e\", \"timestamp\": \"2024\", \"url\": \"https://example.org/e\", \"mime-detected\": \"application/pdf\"}\n";

    #[test]
    fn only_pdfs_are_taken() {
        gives(
            INDEX,
            &["key", "timestamp"],
            &[
                (
                    1,
                    "org,example)/a.pdf | 20240101000000 | https://example.org/a.pdf",
                ),
                (3, "org,example)/c | 20240101000002 | https://example.org/c"),
                (
                    4,
                    "bad: entry `org,example)/d`: invalid JSON: EOF while parsing a string at line 1 column 30",
                ),
                (5, "org,example)/e | 2024 | https://example.org/e"),
            ],
        );
        gives(
            &format!(
                "!OpenWayback-CDXJ 1.0\r\n!meta {{\"a\": 1}}\r\n CDX N b a m s k r M S V g\r\n{INDEX}"
            ),
            &[],
            &[
                (4, "https://example.org/a.pdf"),
                (6, "https://example.org/c"),
                (
                    7,
                    "bad: entry `org,example)/d`: invalid JSON: EOF while parsing a string at line 1 column 30",
                ),
                (8, "https://example.org/e"),
            ],
        );
        let mut options = carrying(&[]);
        options.only = Some("truncated".parse().expect("a word"));
        let lines: Vec<_> = found(INDEX.as_bytes(), 99, options)
            .into_iter()
            .map(|(line, _)| line)
            .collect();
        assert_eq!(lines, [1, 4]);
    }
}
