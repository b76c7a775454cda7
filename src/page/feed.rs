//! The text of a page for a tokenizer that pulls, while the network pushes.
//!
//! The tokenizer pauses with an error where the text ends for now, and goes on from there. It must not pause within what it
//! reads at once (`<!doctype`, `&amp;`, `\r\n`), so that pieces end behind a `>` or white space, where nothing like that is
//! open.

use std::sync::Arc;
use std::{error, fmt, mem};

use html5gum::Reader;
use memchr::{memchr, memchr3};
use parking_lot::Mutex;

/// The most bytes that are held back in search of a place to pause.
const LONGEST_REST: usize = 16 * 1024;

/// How much is searched at once, in bytes, so that what is near is found early.
const LONGEST_SEARCH: usize = 512;

/// How far before the end of a piece what is read at once may begin, in bytes: the longest entity has 33.
const LOOKAHEAD: usize = 64;

/// What has arrived and has not been read yet.
#[derive(Debug, Default)]
struct Waiting {
    text: Vec<u8>,
    ended: bool,
}

/// Where text is pushed.
#[derive(Debug, Default)]
pub(super) struct Feed {
    waiting: Arc<Mutex<Waiting>>,
    rest: Vec<u8>,
}

impl Feed {
    /// Its end for the tokenizer.
    pub(super) fn pull(&self) -> Pull {
        Pull {
            waiting: Arc::clone(&self.waiting),
            piece: Vec::new(),
            at: 0,
        }
    }

    /// Makes `text` readable, except for an end that something may continue.
    pub(super) fn push(&mut self, text: &str) {
        self.rest.extend_from_slice(text.as_bytes());
        let is_end = |byte: &u8| matches!(byte, b'>' | b' ' | b'\n' | b'\t');
        let end = match self.rest.iter().rposition(is_end) {
            Some(last) => last + 1,
            None if self.rest.len() < LONGEST_REST => return,
            None => {
                let near = self.rest.len() - LOOKAHEAD;
                let may_begin = |byte: &u8| matches!(byte, b'<' | b'&' | b'\r');
                let begin = self.rest[near..].iter().position(may_begin);
                begin.map_or(self.rest.len(), |begin| near + begin)
            }
        };
        let mut waiting = self.waiting.lock();
        waiting.text.extend(self.rest.drain(..end));
    }

    /// How many bytes wait.
    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.rest.capacity() + self.waiting.lock().text.capacity()
    }

    /// Makes everything readable, and the end known.
    pub(super) fn end(&mut self) {
        let mut waiting = self.waiting.lock();
        waiting.text.append(&mut self.rest);
        waiting.ended = true;
    }
}

/// Where text is pulled.
#[derive(Debug)]
pub(super) struct Pull {
    waiting: Arc<Mutex<Waiting>>,
    piece: Vec<u8>,
    at: usize,
}

/// There is no more text for now.
#[derive(Debug)]
pub(super) struct Paused;

impl fmt::Display for Paused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the page has not been received to its end")
    }
}

impl error::Error for Paused {}

impl Pull {
    /// The text that can be read at once; empty only at the end of the page.
    fn ready(&mut self) -> Result<&[u8], Paused> {
        if self.at == self.piece.len() {
            let mut waiting = self.waiting.lock();
            if waiting.text.is_empty() && !waiting.ended {
                return Err(Paused);
            }
            self.piece.clear();
            mem::swap(&mut self.piece, &mut waiting.text);
            self.at = 0;
        }
        Ok(&self.piece[self.at..])
    }
}

/// How many bytes of `text` are before the first one of `needle`; one if that is the first.
#[inline]
fn until(needle: &[u8], text: &[u8]) -> usize {
    let is_needle = |byte: &u8| needle.iter().any(|needle| needle == byte);
    let text = &text[..text.len().min(LONGEST_SEARCH)];
    let end = match *needle {
        _ if is_needle(&text[0]) => return 1,
        // these are those of text and of values, which may be long
        [one, other, third] => memchr3(one, other, third, text),
        [one, other, third, fourth] => {
            let end = memchr3(one, other, third, text).unwrap_or(text.len());
            return memchr(fourth, &text[..end]).unwrap_or(end);
        }
        _ => text.iter().position(is_needle),
    };
    end.unwrap_or(text.len())
}

impl Reader for Pull {
    type Error = Paused;

    #[inline]
    fn read_byte(&mut self) -> Result<Option<u8>, Paused> {
        let byte = self.ready()?.first().copied();
        self.at += usize::from(byte.is_some());
        Ok(byte)
    }

    fn try_read_string(&mut self, text: &[u8], case_sensitive: bool) -> Result<bool, Paused> {
        let Some(next) = self.ready()?.get(..text.len()) else {
            return Ok(false);
        };
        let is_next = next == text || (!case_sensitive && next.eq_ignore_ascii_case(text));
        self.at += if is_next { text.len() } else { 0 };
        Ok(is_next)
    }

    #[inline]
    fn read_until<'b>(
        &'b mut self,
        needle: &[u8],
        _: &'b mut [u8; 4],
    ) -> Result<Option<&'b [u8]>, Paused> {
        let ready = self.ready()?;
        if ready.is_empty() {
            return Ok(None);
        }
        let length = until(needle, ready);
        let start = self.at;
        self.at += length;
        Ok(Some(&self.piece[start..self.at]))
    }
}
