//! Which records of an earlier run to take as links.

use std::str::FromStr;
use std::sync::Once;

use crate::outcome::Status;

/// A choice of records by their status: `failed`, `retryable`, and words of [`Status`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Only(Vec<&'static str>);

impl Only {
    /// Whether `word` is one of its words.
    pub(super) fn names(&self, word: &str) -> bool {
        self.0.contains(&word)
    }

    /// Whether to take a record with this `status`. Only records of failures are `retryable` or not.
    pub(super) fn wants(&self, status: Option<&str>, retryable: Option<bool>) -> bool {
        self.0.iter().any(|choice| match *choice {
            "failed" => retryable.is_some(),
            "retryable" => retryable == Some(true),
            word => status == Some(word),
        })
    }
}

/// Says once that `--only` does not apply to a list, and what becomes of its lines.
pub(super) fn warn(consequence: &str) {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        tracing::warn!(
            "`--only` applies to records of an earlier run, as JSON lines, CSV or TSV: {consequence}"
        );
    });
}

impl FromStr for Only {
    type Err = String;

    /// `failed`, `retryable` or statuses, separated by commas.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let statuses = Status::ALL.map(Status::word);
        let choices = [&["failed", "retryable"][..], &statuses].concat();
        let choice = |word: &str| {
            let known = choices.iter().find(|choice| **choice == word.trim());
            known.copied().ok_or_else(|| {
                let (word, choices) = (word.trim(), choices.join(", "));
                format!("`{word}` is not one of {choices}")
            })
        };
        let chosen = text.split(',').map(choice);
        chosen.collect::<Result<_, _>>().map(Self)
    }
}
