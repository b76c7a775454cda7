//! Look-ups: what a source knows about an identifier.
//!
//! They are requests of the link like all others, with the retries, the limits and the breaker of their host. What is answered becomes
//! candidates of the job, which returns to the queue, under the host of the next one.

use std::time::Duration;

use super::page_body::PageBody;
use super::request::{Accept, Wanted};
use super::response::Response;
use super::{Fetcher, Options, Requester, Unsaved};
use crate::http::{Client, Load};
use crate::id::{Found, LONGEST_ANSWER};
use crate::outcome::{Failure, Status};
use crate::plan::Job;
use crate::retry::RetryPolicy;
use crate::timeout::timeout;

/// The longest time to the head of an answer, and from there to its end: they are short, and the next source may know as much.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(15);

impl Fetcher {
    /// Asks the source that is the candidate of `job`.
    pub(super) async fn look_up(&self, job: &mut Job) -> Unsaved {
        match look_up(&self.requester, job, &self.options).await {
            Ok(found) => Unsaved::Answer(found),
            Err(unsaved) => unsaved,
        }
    }
}

/// Asks sources, and fetches nothing.
pub(crate) struct Resolver {
    requester: Requester,
    options: Options,
}

/// What comes of asking a source.
pub(crate) enum Asked {
    /// It has answered.
    Found(Vec<Found>),
    /// It is asked again after this pause.
    Again(Duration, Failure),
    /// It is asked at another host, to which it has led.
    Moved,
    /// It has not answered.
    Failed(Failure),
}

impl Resolver {
    /// A resolver for this `load`.
    ///
    /// # Errors
    ///
    /// If the HTTP client cannot be built.
    pub(crate) fn new(options: &Options, load: Load) -> anyhow::Result<Self> {
        Ok(Self {
            requester: Requester::new(options, Client::new(&options.http, load)?),
            options: options.clone(),
        })
    }

    /// Asks the source that is the candidate of `job`, once.
    pub(crate) async fn ask(&self, job: &mut Job) -> Asked {
        job.begin_attempt();
        match look_up(&self.requester, job, &self.options).await {
            Ok(found) => Asked::Found(found),
            Err(Unsaved::Redirected(target, trail)) => {
                job.redirect(target, trail);
                Asked::Moved
            }
            Err(Unsaved::Failed(failure)) => {
                let retry = retries(job, self.options.retry, &failure);
                let pause = retry.pause(job.attempts_at_candidate, &failure);
                match pause {
                    Some(pause) => {
                        job.forget_redirects();
                        Asked::Again(pause, failure)
                    }
                    None => Asked::Failed(failure),
                }
            }
            Err(Unsaved::Answer(_) | Unsaved::Page(_) | Unsaved::EndedEarly(..)) => {
                unreachable!("those are made of the answer later")
            }
        }
    }
}

/// How often the source that is the candidate of `job` is asked again after this `failure`: once if there are others, unless it is
/// only busy.
pub(super) fn retries(job: &Job, retry: RetryPolicy, failure: &Failure) -> RetryPolicy {
    let is_busy = matches!(failure.http_status, Some(429 | 503)) || failure.retry_after.is_some();
    let retries = if job.candidates.may_skip() && !is_busy {
        retry.retries.min(1)
    } else {
        retry.retries
    };
    RetryPolicy { retries, ..retry }
}

/// Asks the source that is the candidate of `job`.
async fn look_up(
    requester: &Requester,
    job: &mut Job,
    options: &Options,
) -> Result<Vec<Found>, Unsaved> {
    let wanted = Wanted {
        headers: &[],
        partial: None,
        previous: None,
        page: None,
        accept: Accept::Answer,
    };
    let mut response = requester.get(job, wanted).await?;
    let candidates = &job.candidates;
    let (Some((id, source)), Some(ids)) = (candidates.asked(), candidates.ids()) else {
        return Ok(Vec::new());
    };
    match response.status() {
        200 => {}
        status if source.is_missing(status) => {
            response.drain().await;
            return Ok(Vec::new());
        }
        _ => return Err(response.refusal().await.into()),
    }
    let Ok(answer) = timeout(LONGEST_WAIT, answer(&mut response, options)).await else {
        let message = format!(
            "`{}` did not finish its answer within {} s",
            source.name,
            LONGEST_WAIT.as_secs()
        );
        return Err(Failure::new(Status::Timeout, message).into());
    };
    let answer = answer?;
    let found = ids.read(id, source, &answer);
    Ok(found.map_err(|why| no_answer(&source.name, why))?)
}

/// The body of `response`.
async fn answer(response: &mut Response, options: &Options) -> Result<Vec<u8>, Failure> {
    let mut body = PageBody::new(response, options)?;
    let mut bytes = Vec::new();
    while let Some(piece) = body.next().await? {
        bytes.extend_from_slice(&piece);
        if bytes.len() > LONGEST_ANSWER {
            break;
        }
    }
    Ok(bytes)
}

fn no_answer(source: &str, why: &str) -> Failure {
    Failure {
        http_status: Some(200),
        ..Failure::new(
            Status::NoPdfLink,
            format!("`{source}` sent an unexpected answer: {why}"),
        )
    }
}
