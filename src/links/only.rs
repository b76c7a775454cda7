//! Which records of an earlier run are links again.

use std::str::FromStr;

use crate::outcome::Status;

/// A choice among the records of an earlier run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Only(Vec<Choice>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    Failed,
    Retryable,
    Status(Status),
}

impl Only {
    /// Whether a record with this `status` is chosen; only failures are `retryable` or not.
    pub(super) fn wants(&self, status: Option<&str>, retryable: Option<bool>) -> bool {
        self.0.iter().any(|choice| match choice {
            Choice::Failed => retryable.is_some(),
            Choice::Retryable => retryable == Some(true),
            Choice::Status(wanted) => status == Some(wanted.word()),
        })
    }
}

impl FromStr for Only {
    type Err = String;

    /// `failed`, `retryable`, or words for outcomes, separated by commas.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let choice = |word: &str| match word.trim() {
            "failed" => Ok(Choice::Failed),
            "retryable" => Ok(Choice::Retryable),
            word => Status::ALL
                .into_iter()
                .find(|status| status.word() == word)
                .map(Choice::Status)
                .ok_or_else(|| {
                    let words: Vec<_> = Status::ALL.iter().map(|status| status.word()).collect();
                    format!(
                        "`{word}` is none of failed, retryable, {}",
                        words.join(", ")
                    )
                }),
        };
        text.split(',')
            .map(choice)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}
