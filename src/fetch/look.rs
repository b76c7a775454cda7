//! One page, looked at without fetching what it leads to.

use url::Url;

use super::body::not_pdf;
use super::landing::{Behind, failure, read_page};
use super::page_body::page_kind;
use super::request::{Accept, Requester};
use super::response::Response;
use super::{Landing, Options};
use crate::http::{Client, Load};
use crate::outcome::Failure;
use crate::page::{Circumstances, Reader, Reading};
use crate::pdf::BodyKind;

/// What is at a URL, or in a file.
#[derive(Debug)]
pub(crate) struct Look {
    /// The URL that responded.
    pub url: Url,
    /// What the page says; none if it is no page.
    pub reading: Option<Reading>,
    /// Why it is no PDF if it is no page.
    body: Failure,
}

impl Look {
    /// Why the page leads to no file, if it has no candidates.
    pub(crate) fn failure(&self) -> Option<Failure> {
        let reading = self.reading.as_ref()?;
        reading
            .candidates
            .is_empty()
            .then(|| failure(reading, &self.body))
    }
}

/// Requests `url` once, with its redirects, as a run would, and reads the page that is there.
///
/// # Errors
///
/// Why there is no page.
pub(crate) async fn look(
    options: &Options,
    load: Load,
    url: &Url,
) -> anyhow::Result<Result<Look, Failure>> {
    let requester = Requester::new(options, Client::new(&options.http, load)?);
    match requester.get_alone(url, "argument", Accept::Pdf).await {
        Ok(response) => Ok(read(response, url, options).await),
        Err(failure) => Ok(Err(failure)),
    }
}

async fn read(mut response: Response, link: &Url, options: &Options) -> Result<Look, Failure> {
    if !matches!(response.status(), 200 | 203 | 226) {
        return Err(response.refusal().await);
    }
    let way = Behind {
        link,
        asked: link,
        work: None,
        is_again: false,
    };
    Ok(match read_page(&mut response, way, options, true).await? {
        Some(page) => Look {
            url: page.url,
            reading: Some(page.reading),
            body: page.body,
        },
        None => Look {
            url: response.url,
            reading: None,
            body: not_pdf(&BodyKind::Unknown, b""),
        },
    })
}

/// Reads the page `bytes`, as if it had come from `url`.
pub(crate) fn look_at(bytes: &[u8], url: &Url, options: &Options) -> Look {
    let mut reader = Reader::new(&Circumstances {
        url,
        link: url,
        content_type: "",
        links: &[],
        refresh: "",
        infers: options.landing == Landing::All,
        rules: &options.rules,
        explains: true,
    });
    reader.read(bytes);
    let body = page_kind(bytes, true);
    Look {
        url: url.clone(),
        reading: body.is_some().then(|| reader.finish()),
        body: not_pdf(&body.unwrap_or(BodyKind::Unknown), bytes),
    }
}
