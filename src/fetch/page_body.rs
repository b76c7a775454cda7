//! The body of a response that may be a page, as it is received.
//!
//! It is told from a PDF by its first bytes, and then by no more of them than it takes. A page must be as fast as a file
//! ([`FLOOR`], `--min-speed`), but may end early: whether what there is of it is enough is for its reader to say.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, LINK, REFRESH};

use super::Options;
use super::body::{FLOOR, Window};
use super::coding::Decoder;
use super::error::broken_body;
use super::response::Response;
use crate::outcome::{Failure, Status};
use crate::page::LONGEST_PAGE;
use crate::pdf::BodyKind;
use crate::timeout::timeout;

/// How many bytes of a body are looked at to tell a page from a PDF.
const HEAD: usize = 1024;

/// The most bytes that are received to tell it: coded ones may stand for nothing.
const MOST_RECEIVED: usize = 64 * 1024;

/// A body that may be a page.
pub(super) struct PageBody<'a> {
    pub(super) response: &'a mut Response,
    options: &'a Options,
    decoder: Option<Decoder>,
    received: u64,
    /// Whether the body has been received to its end.
    has_ended: bool,
    /// Why nothing follows what has been read.
    failure: Option<Failure>,
    /// The windows of its speed, from its first bytes on: one stall timeout, and two.
    windows: Option<[Window; 2]>,
}

/// The beginning of a body.
pub(super) enum Beginning {
    /// That of a page, decoded.
    Page(Vec<u8>),
    /// That of anything else, as it was received.
    Other(Bytes),
}

impl<'a> PageBody<'a> {
    /// The body of `response`.
    ///
    /// # Errors
    ///
    /// If it is coded in a way that is none.
    pub(super) fn new(response: &'a mut Response, options: &'a Options) -> Result<Self, Failure> {
        let codings = response.codings()?;
        Ok(Self {
            response,
            options,
            decoder: (!codings.is_empty()).then(|| Decoder::new(&codings)),
            received: 0,
            has_ended: false,
            failure: None,
            windows: None,
        })
    }

    /// Reads no further than it takes to tell a page.
    pub(super) async fn beginning(&mut self) -> Result<Beginning, Failure> {
        let (mut head, mut read) = (Vec::new(), Vec::new());
        let mut first = Some(self.receive().await);
        // nearly all are like this, and nothing is copied or looked up
        if let Some(Ok(Some(chunk))) = &first
            && self.decoder.is_none()
            && chunk.starts_with(b"%PDF-")
        {
            return Ok(Beginning::Other(chunk.clone()));
        }
        let is_html = self.is_html();
        loop {
            let next = match first.take() {
                Some(first) => first,
                None => self.receive().await,
            };
            let chunk = match next {
                Ok(Some(chunk)) => chunk,
                Ok(None) => break,
                // it may be enough of one
                Err(failure) if begins_as_page(&head, is_html) == Some(true) => {
                    self.failure = Some(failure);
                    break;
                }
                Err(failure) => return Err(failure),
            };
            if self.decoder.is_none() {
                if read.is_empty() && begins_as_page(&chunk, is_html) == Some(false) {
                    return Ok(Beginning::Other(chunk));
                }
                head.extend_from_slice(&chunk);
            }
            read.extend_from_slice(&chunk);
            // whoever reads it from its beginning finds out, too
            if self.decode_head(&chunk, &mut head).is_err() {
                break;
            }
            let is_told = begins_as_page(&head, is_html) == Some(false) || begins_surely(&head);
            if is_told || head.len() >= HEAD || read.len() >= MOST_RECEIVED {
                break;
            }
        }
        if self.has_ended && read.is_empty() && self.has_headers_of_page() {
            return Ok(Beginning::Page(head));
        }
        Ok(match page_kind(&head, is_html) {
            Some(_) => Beginning::Page(head),
            None => Beginning::Other(read.into()),
        })
    }

    /// Adds what `chunk` stands for to `head`, if it is coded.
    fn decode_head(&mut self, chunk: &[u8], head: &mut Vec<u8>) -> Result<(), Failure> {
        let Some(decoder) = &mut self.decoder else {
            return Ok(());
        };
        decoder.push(chunk);
        let mut piece = Vec::new();
        while head.len() < HEAD && decoder.next(&mut piece)? {
            head.append(&mut piece);
        }
        Ok(())
    }

    fn is_html(&self) -> bool {
        let types = self.response.texts(CONTENT_TYPE);
        types.iter().any(|value| value.contains("html"))
    }

    /// Whether an empty page may lead on nevertheless.
    fn has_headers_of_page(&self) -> bool {
        [REFRESH, LINK]
            .into_iter()
            .any(|name| !self.response.texts(name).is_empty())
    }

    /// The next piece of the page; none at its end, or where nobody reads further.
    ///
    /// # Errors
    ///
    /// Why nothing follows what has been read.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        let mut piece = Vec::new();
        loop {
            if let Some(decoder) = &mut self.decoder
                && decoder.next(&mut piece)?
            {
                return Ok(Some(piece.into()));
            }
            if self.has_ended || self.received > LONGEST_PAGE as u64 {
                return Ok(None);
            }
            match (self.receive().await?, &mut self.decoder) {
                (Some(chunk), None) => return Ok(Some(chunk)),
                (Some(chunk), Some(decoder)) => decoder.push(&chunk),
                (None, Some(decoder)) => decoder.end(),
                (None, None) => {}
            }
        }
    }

    async fn receive(&mut self) -> Result<Option<Bytes>, Failure> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        let (limit, total) = (self.options.stall_timeout, self.response.length());
        let chunk = match timeout(limit, self.response.chunk()).await {
            // it is complete, even if the server does not end it in good order
            Err(_) | Ok(Err(_)) if total == Some(self.received) => None,
            Err(_) => {
                let (seconds, received) = (limit.as_secs_f64(), self.received);
                return Err(too_slow(&format!(
                    "no data for {seconds} s after {received} bytes"
                )));
            }
            Ok(Err(error)) => return Err(broken_body(&error, self.received, total)),
            Ok(Ok(chunk)) => chunk,
        };
        self.has_ended = chunk.is_none();
        let length = chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
        self.received += length;
        self.check_speed(length)?;
        Ok(chunk)
    }

    /// Fails if the page is slower than a body may be. Whether others wait does not matter: no page takes that long.
    fn check_speed(&mut self, length: u64) -> Result<(), Failure> {
        let (limit, min_speed) = (self.options.stall_timeout, self.options.min_speed);
        let Some([window, long_window]) = &mut self.windows else {
            self.windows = Some([Window::new(), Window::new()]);
            return Ok(());
        };
        let speed = window.speed(length, limit);
        if let (Some(speed), Some(min_speed)) = (speed, min_speed)
            && speed < min_speed
        {
            let (seconds, received) = (limit.as_secs_f64(), self.received);
            return Err(too_slow(&format!(
                "below the minimum speed for {seconds} s after {received} bytes"
            )));
        }
        let time = limit.saturating_mul(2);
        let speed = long_window.speed(length, time);
        if let Some(speed) = speed.filter(|speed| *speed < FLOOR && min_speed.is_none()) {
            let seconds = time.as_secs_f64();
            return Err(too_slow(&format!(
                "a page with only {speed} bytes/s over {seconds} s; `--min-speed` sets another limit"
            )));
        }
        Ok(())
    }
}

fn too_slow(message: &str) -> Failure {
    Failure::new(Status::Timeout, message)
}

/// What the body is that begins with `head`, if it begins as a page does; `is_html` if it is said to be one.
pub(super) fn page_kind(head: &[u8], is_html: bool) -> Option<BodyKind> {
    let mentions_pdf = |head: &[u8]| head.windows(5).any(|mark| mark == b"%PDF-");
    let is_page = begins_as_page(head, is_html) == Some(true) && !mentions_pdf(beginning(head));
    is_page.then(|| BodyKind::of(beginning(head)))
}

/// As much of `head` as is looked at.
pub(super) fn beginning(head: &[u8]) -> &[u8] {
    &head[..head.len().min(HEAD)]
}

/// Whether `head` begins with markup, in UTF-16 or in anything that is like ASCII; none if it is too short to tell. What is said to
/// be HTML may have something before it, such as a warning of PHP.
fn begins_as_page(head: &[u8], is_html: bool) -> Option<bool> {
    let (head, is_all) = (beginning(head), head.len() >= HEAD);
    match without_blanks(head) {
        [] => is_all.then_some(false),
        [b'<', ..] => Some(true),
        [b'%', ..] => Some(false),
        rest if is_html && (1..rest.len()).any(|at| begins_html(&rest[at..])) => Some(true),
        _ => (is_all || !is_html).then_some(false),
    }
}

/// Whether `head` is that of a page whatever follows.
fn begins_surely(head: &[u8]) -> bool {
    begins_html(without_blanks(beginning(head)))
}

fn begins_html(text: &[u8]) -> bool {
    let is = |tag: &[u8]| {
        let there = text.get(..tag.len());
        there.is_some_and(|there| there.eq_ignore_ascii_case(tag))
    };
    text.first() == Some(&b'<') && (is(b"<!doctype html") || is(b"<html"))
}

fn without_blanks(text: &[u8]) -> &[u8] {
    let is_blank = |byte: &u8| {
        byte.is_ascii_whitespace() || matches!(byte, 0 | 0xef | 0xbb | 0xbf | 0xfe | 0xff)
    };
    let blanks = text.iter().take_while(|byte| is_blank(byte)).count();
    &text[blanks..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_told_by_their_beginning() {
        let warning = b"Warning: Undefined index in /x.php on line 3\n<!DOCTYPE HTML><html>";
        let long = [&b" ".repeat(1000)[..], b"Access denied, whatever you are"].concat();
        for (head, said, unsaid) in [
            (&b"<HTML>"[..], Some(true), Some(true)),
            (b"\xff\xfe<\0h\0", Some(true), Some(true)),
            (b"\xef\xbb\xbf\n", None, None),
            (b"%PDF-1.4\n<html>", Some(false), Some(false)),
            (warning, Some(true), Some(false)),
            (b"Warning: ", None, Some(false)),
            (&long, Some(false), Some(false)),
        ] {
            assert_eq!(begins_as_page(head, true), said, "{head:?}");
            assert_eq!(begins_as_page(head, false), unsaid, "{head:?}");
        }
        assert!(begins_surely(b"\n<!DOCTYPE html><title>"));
        assert!(!begins_surely(b"<!-- <html>"));
        assert_eq!(page_kind(b"<!-- %PDF-1.4 -->", true), None);
    }
}
