//! Patterns for whole texts, compiled when they are needed for the first time: most runs need none.

use std::sync::OnceLock;

use regex_lite::{Captures, Regex, RegexBuilder};

/// A regular expression for a whole text, whatever its case.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    text: String,
    /// What all matches begin with: nearly all other texts are told by that.
    begins: String,
    regex: OnceLock<Regex>,
}

impl Pattern {
    /// A pattern that is known to be one.
    pub(super) fn known(text: &str) -> Self {
        Self {
            begins: beginning(text),
            text: text.to_owned(),
            regex: OnceLock::new(),
        }
    }

    /// A pattern of a user.
    ///
    /// # Errors
    ///
    /// If it is no regular expression.
    pub(super) fn new(text: &str) -> Result<Self, String> {
        let regex = compiled(text).map_err(|error| error.to_string())?;
        Ok(Self {
            begins: beginning(text),
            text: text.to_owned(),
            regex: regex.into(),
        })
    }

    /// All that its groups match, one behind the other, if it matches `text`; the whole text if it has no groups.
    pub(super) fn value(&self, text: &str) -> Option<String> {
        let start = text.get(..self.begins.len())?;
        if !start.eq_ignore_ascii_case(&self.begins) {
            return None;
        }
        let captures = self.regex().captures(text)?;
        if captures.len() == 1 {
            return Some(text.to_owned());
        }
        let groups = captures.iter().skip(1).flatten();
        Some(groups.map(|group| group.as_str()).collect())
    }

    /// What its group with this `name` matches in `text`.
    pub(super) fn group<'t>(&self, text: &'t str, name: &str) -> Option<&'t str> {
        let captures: Captures<'t> = self.regex().captures(text)?;
        captures.name(name).map(|group| group.as_str())
    }

    /// Whether it matches `text`.
    pub(super) fn is_match(&self, text: &str) -> bool {
        self.regex().is_match(text)
    }

    fn regex(&self) -> &Regex {
        let compile = || compiled(&self.text).expect("a test compiles all that are built in");
        self.regex.get_or_init(compile)
    }
}

/// What all matches of the expression `text` begin with, as far as it is easily seen.
fn beginning(text: &str) -> String {
    let inner = text.trim_start_matches('(');
    // groups that are no more than that, and alternatives, may begin with anything
    if inner.starts_with('?') || text.contains('|') {
        return String::new();
    }
    let mut begins = String::new();
    let mut rest = inner.chars().peekable();
    while let Some(c) = rest.next() {
        let literal = match c {
            '\\' => rest.next().filter(char::is_ascii_punctuation),
            c => Some(c).filter(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | ':' | '-')),
        };
        let is_repeated = matches!(rest.peek(), Some('?' | '*' | '+' | '{'));
        match literal {
            Some(literal) if !is_repeated => begins.push(literal),
            _ => break,
        }
    }
    begins
}

fn compiled(text: &str) -> Result<Regex, regex_lite::Error> {
    RegexBuilder::new(&format!("^(?:{text})$"))
        .case_insensitive(true)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matches_begin_with_is_seen() {
        for (pattern, begins) in [
            (r"(10\.\d{4,9}/)(\S+)", "10."),
            (r"/abs/(\d+)", "/abs/"),
            (r"rfc[ :-]?(\d+)", "rfc"),
            (r"pmids?:", "pmid"),
            (r"(?:doi:)?10", ""),
            ("ab|c", ""),
            ("(a|b)c", ""),
            (r"\d+", ""),
        ] {
            assert_eq!(beginning(pattern), begins, "{pattern}");
        }
        let pattern = Pattern::known(r"rfc(\d+)");
        assert_eq!(pattern.value("RFC12").as_deref(), Some("12"));
        assert_eq!(
            (pattern.value("rf"), pattern.value("\u{e9}\u{e9}12")),
            (None, None)
        );
    }
}
