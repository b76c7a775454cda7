//! Pages in place of PDFs: what they lead to, or what they are.
//!
//! A page is told from a PDF by its first bytes, and read by [`page`](crate::page) as it is received. What it leads to becomes
//! candidates of the job, which returns to the queue, under the host of the first one. There is no other way to fetch them.

use bytes::Bytes;
use clap::ValueEnum;
use http::HeaderValue;
use http::header::{CONTENT_TYPE, LINK, REFRESH};
use url::Url;

use super::blocks::{Arrival, Hash, LONGEST, Trace};
use super::body::not_pdf;
use super::page_body::{Beginning, PageBody, beginning};
use super::response::Response;
use super::{Fetched, Fetcher, Options};
use crate::outcome::{Cause, Failure, Status};
use crate::page::{
    Circumstances, LONGEST_LINKSET, PageKind, Reached, Reader, Reading, Via, Work, read_linkset,
};
use crate::pdf::BodyKind;
use crate::plan::{Finding, Findings, Followed, Job, Trust};
use crate::text::from_server;

/// Which candidates of a page are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Landing {
    /// Follow what a page declares as its own PDF
    #[default]
    Auto,
    /// Follow links that by their words are the PDF, too
    All,
    /// Follow nothing: a page is not a PDF
    Off,
}

/// A page that was received in place of a PDF.
pub(super) struct Page {
    pub(super) url: Url,
    /// The cookies of the request.
    sent: Option<HeaderValue>,
    /// Those of the response, as it sets them.
    cookies: Vec<Vec<u8>>,
    status: u16,
    /// Why it is no PDF if it is no page.
    pub(super) body: Failure,
    pub(super) reading: Reading,
    /// The hash of all of it, decoded, if it is not long.
    hash: Option<u64>,
}

impl Fetcher {
    /// Reads `response` if its body is a page, or what a page has led to; none if it is not, and can be read from its beginning.
    pub(super) async fn page(
        &self,
        job: &Job,
        response: &mut Response,
    ) -> Result<Option<Page>, Failure> {
        if let Some(page) = linkset_of(job) {
            return linkset(page, response, &self.options).await.map(Some);
        }
        if self.options.landing == Landing::Off {
            return Ok(None);
        }
        let way = Behind {
            link: job.candidates.named(),
            asked: job.candidates.listed(),
            work: job.candidates.work(),
            is_again: job.candidates.is_again(),
        };
        read_page(response, way, &self.options, false).await
    }

    /// Continues with what `page` leads to.
    pub(super) fn follow(&self, job: &mut Job, page: &Page) -> Result<Fetched, Failure> {
        let reading = &page.reading;
        if reading.candidates.is_empty() {
            job.candidates.note_page(&page.url);
            return Err(self.page_failure(job, page));
        }
        let found = reading.candidates.iter().map(|found| Finding {
            url: found.url.clone(),
            rule: found.via.name(),
            trust: trust(found.via),
        });
        let findings = Findings {
            page: &page.url,
            sent: page.sent.as_ref().map(HeaderValue::as_bytes),
            cookies: &page.cookies,
            found: found.collect(),
            work: &reading.work,
            title: reading.title.as_deref(),
            is_work: reading.is_work,
            is_doubtful: reading.about_another.is_some(),
            is_partial: reading.is_partial,
            failure: page.failure(),
        };
        let is_again = job.candidates.is_again();
        match job.follow(&findings) {
            Followed::Found => Ok(Fetched::Moved),
            Followed::Loop if is_again => Err(page.failure()),
            Followed::Spent => {
                Err(page.fails(Status::NoPdfLink, "one page after another, without a PDF"))
            }
            Followed::Loop => Err(page.loop_failure()),
        }
    }

    /// Why `page` leads to no file. One that says nothing may be a block.
    fn page_failure(&self, job: &mut Job, page: &Page) -> Failure {
        let failure = page.failure();
        match page.hash {
            Some(hash)
                if matches!(
                    failure.status,
                    Status::NoPdfLink | Status::NotPdf | Status::Challenge
                ) =>
            {
                let arrival = Arrival {
                    url: &page.url,
                    name: None,
                    trace: Trace::Whole(hash),
                    part: None,
                    failure: Some(&failure),
                };
                let noted = self.note_body(job, arrival);
                noted.err().unwrap_or(failure)
            }
            _ => failure,
        }
    }
}

/// How far a page vouches for what is found like this.
fn trust(via: Via) -> Trust {
    match via {
        _ if via.is_declared() => Trust::Declared,
        _ if via.is_guess() => Trust::Guessed,
        _ => Trust::Shown,
    }
}

/// What a page is behind.
#[derive(Clone, Copy)]
pub(super) struct Behind<'a> {
    /// The link.
    pub(super) link: &'a Url,
    /// The URL of the list that was requested: the link, or a mirror.
    pub(super) asked: &'a Url,
    /// What the pages on the way are about.
    pub(super) work: Option<&'a Work>,
    /// Whether the page has been read before, as far as it declares its PDF, which is not there.
    pub(super) is_again: bool,
}

/// Reads `response` if its body is a page, to which this `way` has led; none if it is not, and can be read from its beginning. The reading says what was left out if it `explains`.
pub(super) async fn read_page(
    response: &mut Response,
    way: Behind<'_>,
    options: &Options,
    explains: bool,
) -> Result<Option<Page>, Failure> {
    let mut body = PageBody::new(response, options)?;
    let head = match body.beginning().await? {
        Beginning::Page(head) => head,
        Beginning::Other(read) => {
            response.unread(read);
            return Ok(None);
        }
    };
    let start = beginning(&head);
    let (no_pdf, is_empty) = (not_pdf(&BodyKind::of(start), start), head.is_empty());
    let reached = Reached {
        asked: way.asked,
        work: way.work,
        sets_cookies: body.response.set_cookies().next().is_some(),
        is_again: way.is_again,
    };
    let mut reader = reader(body.response, way.link, options, explains).reached(&reached);
    let mut hash = (options.block_detection && !way.is_again).then(Hash::default);
    let mut piece = Some(Bytes::from(head));
    while let Some(bytes) = piece {
        if !reader.read(&bytes) {
            // it has been decided by its beginning
            hash = None;
            break;
        }
        if let Some(hash) = &mut hash {
            hash.update(&bytes);
        }
        piece = match body.next().await {
            Err(_) if reader.is_enough() => {
                hash = None;
                None
            }
            piece => piece?,
        };
    }
    let reading = reader.finish();
    if is_empty && reading.candidates.is_empty() {
        return Ok(None);
    }
    let hash = hash.filter(|hash| hash.length() <= LONGEST);
    let cookies = response.set_cookies().map(<[u8]>::to_vec).collect();
    Ok(Some(Page {
        sent: response.cookies.clone(),
        cookies,
        url: response.url.clone(),
        status: response.status(),
        body: no_pdf,
        reading,
        hash: hash.map(|hash| hash.finish()),
    }))
}

/// A reader of the page in `response`.
fn reader(response: &Response, link: &Url, options: &Options, explains: bool) -> Reader {
    let first = |name| response.texts(name).first().copied().unwrap_or_default();
    Reader::new(&Circumstances {
        url: &response.url,
        link,
        content_type: first(CONTENT_TYPE),
        links: &response.texts(LINK),
        refresh: first(REFRESH),
        infers: options.landing == Landing::All,
        rules: &options.rules,
        explains,
    })
}

/// The page whose set of links `job` requests, if it does.
fn linkset_of(job: &Job) -> Option<&Url> {
    let way = job.candidates.way()?;
    way.page.as_ref().filter(|_| {
        way.via
            .last()
            .is_some_and(|rule| *rule == Via::Linkset.name())
    })
}

/// Reads the set of links of `page`.
async fn linkset(page: &Url, response: &mut Response, options: &Options) -> Result<Page, Failure> {
    let mut body = PageBody::new(response, options)?;
    let mut bytes = Vec::new();
    while let Some(piece) = body.next().await?
        && bytes.len() < LONGEST_LINKSET
    {
        bytes.extend_from_slice(&piece);
    }
    Ok(Page {
        sent: None,
        cookies: Vec::new(),
        url: response.url.clone(),
        status: response.status(),
        body: not_pdf(&BodyKind::of(beginning(&bytes)), beginning(&bytes)),
        reading: read_linkset(&bytes, &response.url, page),
        hash: None,
    })
}

impl Page {
    /// Why the page leads to no file.
    fn failure(&self) -> Failure {
        self.with_status(failure(&self.reading, &self.body))
    }

    fn fails(&self, status: Status, what: &str) -> Failure {
        self.with_status(fails(&self.reading, status, what))
    }

    /// Why it leads to no file if what it leads to is where it came from: what is sold does so, and what sets cookies.
    fn loop_failure(&self) -> Failure {
        let mut found = self.reading.candidates.iter();
        if !found.all(|found| found.via.leads_on()) {
            return self.fails(Status::Paywall, "its link to the PDF leads back to a page");
        }
        match self.reading.kind {
            PageKind::Other => self.fails(Status::NoPdfLink, "a page that leads back to itself"),
            _ => self.failure(),
        }
    }

    fn with_status(&self, failure: Failure) -> Failure {
        Failure {
            http_status: Some(self.status),
            ..failure
        }
    }
}

/// Why a page with this `reading` leads to no file; what its `body` fails as if it is no page.
pub(super) fn failure(reading: &Reading, body: &Failure) -> Failure {
    let (status, what) = match reading.kind {
        PageKind::NoPage => return body.clone(),
        PageKind::Challenge => (
            Status::Challenge,
            "a firewall asks whether a person is there",
        ),
        PageKind::Login => (Status::Login, "a login page"),
        PageKind::Consent => (Status::Consent, "a page that asks for cookies or consent"),
        PageKind::Gone => (Status::Gone, "a page that says that there is nothing here"),
        PageKind::Home => (Status::Gone, "the home page in place of what was here"),
        _ if reading.ambiguous > 0 => {
            let count = reading.ambiguous;
            let what = format!("a page with {count} PDFs that cannot be told apart");
            return fails(reading, Status::NoPdfLink, &what);
        }
        PageKind::Paywall => (Status::Paywall, "a page that asks for money"),
        PageKind::ScriptOnly => (
            Status::ScriptOnly,
            "a page that shows nothing without its scripts",
        ),
        PageKind::List => (
            Status::NoPdfLink,
            "a home page or a list, and not the page of a work",
        ),
        PageKind::OtherWork | PageKind::Other => {
            let of_another = |other: &String| {
                let other = from_server(other);
                format!("a page about another work, `{other}`")
            };
            let what = reading.about_another.as_ref().map(of_another);
            let what = what
                .as_deref()
                .unwrap_or("a page without a link to its PDF");
            return fails(reading, Status::NoPdfLink, what);
        }
    };
    fails(reading, status, what)
}

fn fails(reading: &Reading, status: Status, what: &str) -> Failure {
    let title = reading.title.as_deref().map(from_server);
    let title = title.filter(|title| !title.is_empty());
    let title = title.map_or_else(String::new, |title| format!(", `{title}`"));
    let cause = match status {
        Status::Challenge => Cause::Challenge,
        _ => Cause::Unknown,
    };
    Failure {
        cause,
        ..Failure::new(status, format!("{what}{title}"))
    }
}
