//! What the scripts of a few hosts name, with which is the PDF.
//!
//! Scripts are full of URLs that are something else, so that only known names of known hosts count.

use url::Url;

use super::rules::SCRIPTS;
use crate::host;

/// The longest URL in a script that is read, in bytes.
const LONGEST: usize = 2048;

/// Searches the scripts of a page.
#[derive(Debug)]
pub(super) struct Scripts {
    /// What is before a URL.
    names: Vec<&'static str>,
    /// What has been seen and may be the beginning of something.
    rest: String,
}

impl Scripts {
    /// Of the page with this `url`; none if nothing is known of its host.
    pub(super) fn of(url: &Url) -> Option<Self> {
        let host = host::name_of(url);
        let is_host = |known: &str| {
            let before = host.strip_suffix(known);
            before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
        };
        let names = SCRIPTS.into_iter().filter(|(known, _)| is_host(known));
        let names: Vec<_> = names.map(|(_, name)| name).collect();
        (!names.is_empty()).then(|| Self {
            names,
            rest: String::new(),
        })
    }

    /// How many bytes wait.
    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.rest.capacity()
    }

    /// The URLs that end in the next piece of a script.
    pub(super) fn find(&mut self, piece: &str) -> Vec<String> {
        self.rest.push_str(piece);
        let mut found = Vec::new();
        let mut keep = self.rest.len().saturating_sub(LONGEST);
        for name in &self.names {
            let quote = if name.ends_with('\'') { '\'' } else { '"' };
            for (at, _) in self.rest.match_indices(name) {
                let value = &self.rest[at + name.len()..];
                match value.find(quote) {
                    Some(end) if end < LONGEST => {
                        found.push(unescaped(&value[..end]));
                        keep = keep.max(at + name.len() + end);
                    }
                    _ => {}
                }
            }
        }
        self.rest.drain(..self.rest.ceil_char_boundary(keep));
        found
    }
}

/// A string of JSON or JavaScript without its escapes.
fn unescaped(text: &str) -> String {
    let json = serde_json::from_str(&format!("\"{text}\""));
    json.unwrap_or_else(|_| text.replace("\\/", "/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_found_across_pieces() {
        let text = format!(
            "{}{{\"pdfPath\":\"\\/stamp\\u002f1.pdf\",\"x\":1}} \"pdfUrl\":\"/2.pdf\"",
            "x".repeat(5000)
        );
        let url = Url::parse("https://ieeexplore.ieee.org/document/1").expect("a URL");
        for length in [1, 7, 9000] {
            let mut scripts = Scripts::of(&url).expect("a known host");
            let pieces = text.as_bytes().chunks(length);
            let found =
                pieces.flat_map(|piece| scripts.find(std::str::from_utf8(piece).expect("ASCII")));
            assert_eq!(
                found.collect::<Vec<_>>(),
                ["/stamp/1.pdf", "/2.pdf"],
                "{length}"
            );
            assert!(scripts.rest.len() <= LONGEST + 9000);
        }
        assert!(Scripts::of(&Url::parse("https://xfigshare.com/").expect("a URL")).is_none());
    }
}
