//! Links in lines of JSON: records of an earlier run, and what other programs write.

use std::borrow::Cow;
use std::str::FromStr;

use serde::Deserialize;

use crate::outcome::Status;

/// What a line says that is about a link. Other fields are of no interest.
#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(
        borrow,
        alias = "pdf_url",
        alias = "link",
        alias = "URL",
        alias = "Url",
        alias = "href"
    )]
    url: Option<Cow<'a, str>>,
    #[serde(borrow)]
    status: Option<Cow<'a, str>>,
    retryable: Option<bool>,
}

/// The link of a line of JSON; none if `only` others are wanted.
///
/// # Errors
///
/// What is wrong with the line.
pub(super) fn link(line: &str, only: Option<&Only>) -> Result<Option<String>, String> {
    let fields: Fields =
        serde_json::from_str(line).map_err(|error| format!("not valid JSON: {error}"))?;
    let wanted = only.is_none_or(|only| only.wants(fields.status.as_deref(), fields.retryable));
    let url = fields.url.filter(|_| wanted).map(Cow::into_owned);
    if wanted && url.is_none() {
        Err("a record without `url`".to_owned())
    } else {
        Ok(url)
    }
}

/// Which records of an earlier run are links again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Only(Vec<Choice>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    Failed,
    Retryable,
    Status(Status),
}

impl Only {
    fn wants(&self, status: Option<&str>, retryable: Option<bool>) -> bool {
        self.0.iter().any(|choice| match choice {
            // only failures have it
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
