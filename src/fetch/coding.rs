//! Content codings of bodies (RFC 9110 section 8.4.1), undone as the bytes arrive.
//!
//! No coding is ever asked for, since ranges of coded bytes are of no use, but some servers send what they have: objects that
//! were stored compressed, or a proxy that compresses everything. Other servers name a coding that is none, such as `UTF-8` or
//! `aws-chunked`, or one that they have not applied. So only names of codings count, and of those only what the first bytes
//! confirm: what begins with `%PDF-`, or as text does, is taken as it is.
//!
//! Each coding takes a piece of its input and returns a piece of its output, so that a few bytes that stand for gigabytes are
//! met by the limit on the size of a file. The memory is bounded, too: 16 MiB for Brotli, 8 MiB for Zstandard (RFC 9659), less
//! than 1 MiB for the others.

mod brotli;
mod inflate;
mod zstandard;

use std::fmt;

use crate::outcome::{Failure, Status};
use brotli::Brotli;
use inflate::{Deflate, Gzip};
use zstandard::Zstandard;

/// The most codings of a body. Nobody applies more than one on purpose.
pub(super) const MOST: usize = 4;

/// The most output of one step, in bytes.
const PIECE: usize = 64 * 1024;

/// How many bytes are needed to tell whether a coding has been applied.
const BEGINNING: usize = 16;

/// A content coding, or a transfer coding, which has the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstandard,
}

impl Coding {
    /// The coding with this name; none for all names that say nothing about the bytes.
    pub(super) fn named(name: &str) -> Option<Self> {
        let name = name.split(';').next()?;
        let name = name.trim_matches(|c: char| c.is_whitespace() || c == '"');
        match name.to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" | "gz" | "application/gzip" | "application/x-gzip" => {
                Some(Self::Gzip)
            }
            "deflate" => Some(Self::Deflate),
            "br" => Some(Self::Brotli),
            "zstd" => Some(Self::Zstandard),
            _ => None,
        }
    }

    /// Undoes it for a body with this `beginning`; none if it has not been applied.
    fn decoder(self, beginning: &[u8]) -> Option<Box<dyn Decode>> {
        match self {
            _ if is_plain(beginning) => None,
            Self::Gzip if inflate::is_gzip(beginning) => Some(Box::new(Gzip::default())),
            Self::Zstandard if zstandard::is_frame(beginning) => Some(Box::new(Zstandard::new())),
            Self::Gzip | Self::Zstandard => None,
            Self::Deflate => Some(Box::new(Deflate::new(beginning))),
            Self::Brotli => Some(Box::new(Brotli::new())),
        }
    }
}

/// Whether a body with this `beginning` is a PDF or plain ASCII, which the first bytes of coded data never are.
fn is_plain(beginning: &[u8]) -> bool {
    let text = beginning.strip_prefix(b"\xef\xbb\xbf").unwrap_or(beginning);
    let is_text = |byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
    text.trim_ascii_start().starts_with(b"%PDF-") || text.iter().all(is_text)
}

impl fmt::Display for Coding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
            Self::Zstandard => "zstd",
        })
    }
}

/// The input is not what its coding says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Invalid;

/// Undoes a coding.
trait Decode: Send {
    /// Takes some of `input`, and puts at most [`PIECE`] bytes or so into `output`, which is empty. Returns how many bytes it
    /// has taken. If it does neither although there is input, it has ended.
    fn step(&mut self, input: &[u8], output: &mut Vec<u8>) -> Result<usize, Invalid>;

    /// Whether the input may end here.
    fn is_complete(&self) -> bool;
}

/// What these first `bytes` of a body stand for, as far as they tell, and no more than the beginning of that.
pub(super) fn beginning(codings: &[Coding], bytes: Vec<u8>) -> Vec<u8> {
    if codings.is_empty() {
        return bytes;
    }
    let mut decoder = Decoder::new(codings);
    decoder.push(&bytes);
    decoder.end();
    let (mut text, mut piece) = (Vec::new(), Vec::new());
    while text.len() < PIECE && matches!(decoder.next(&mut piece), Ok(true)) {
        text.append(&mut piece);
    }
    text
}

/// Undoes all codings of a body.
pub(super) struct Decoder {
    /// The last coding that was applied is the first one to be undone.
    layers: Vec<Layer>,
    ended: bool,
}

impl Decoder {
    /// For a body to which `codings` have been applied, in this order.
    pub(super) fn new(codings: &[Coding]) -> Self {
        let layers = codings.iter().rev().map(|coding| Layer::new(*coding));
        Self {
            layers: layers.collect(),
            ended: false,
        }
    }

    /// Adds the next bytes of the body.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.layers[0].input.extend_from_slice(bytes);
    }

    /// Ends the body.
    pub(super) fn end(&mut self) {
        self.ended = true;
    }

    /// Replaces `piece` by the next bytes of the file; false if more of the body is needed.
    pub(super) fn next(&mut self, piece: &mut Vec<u8>) -> Result<bool, Failure> {
        // from the inside out, so that little waits between two layers
        let mut number = self.layers.len();
        while number > 0 {
            number -= 1;
            piece.clear();
            if self.layers[number].step(piece)? {
                match self.layers.get_mut(number + 1) {
                    Some(inner) => inner.input.extend_from_slice(piece),
                    None if piece.is_empty() => {}
                    None => return Ok(true),
                }
                number = self.layers.len();
            } else if number == 0 && self.ended {
                let mut layers = self.layers.iter_mut();
                if let Some(short) = layers.find(|layer| matches!(layer.state, State::Beginning)) {
                    short.begin();
                    number = self.layers.len();
                }
            }
        }
        Ok(false)
    }

    /// Fails if the body has ended too early.
    pub(super) fn check_end(&self) -> Result<(), Failure> {
        let mut layers = self.layers.iter();
        let Some(cut) = layers.find(|layer| !layer.is_complete()) else {
            return Ok(());
        };
        let message = format!("the body ended within its {} data", cut.coding);
        Err(Failure::new(Status::Truncated, message))
    }

    /// Whether a body that is complete says so by itself.
    pub(super) fn marks_end(&self) -> bool {
        let mut layers = self.layers.iter();
        layers.any(|layer| matches!(layer.state, State::Decoding(_)))
    }
}

/// One coding of a body.
struct Layer {
    coding: Coding,
    state: State,
    /// What has not been decoded yet.
    input: Vec<u8>,
}

enum State {
    /// There are too few bytes to tell whether the coding has been applied.
    Beginning,
    Decoding(Box<dyn Decode>),
    /// The coding has not been applied.
    Plain,
}

impl Layer {
    fn new(coding: Coding) -> Self {
        Self {
            coding,
            state: State::Beginning,
            input: Vec::new(),
        }
    }

    /// Takes some of the input, and puts what it stands for into `output`; false if it has done neither.
    fn step(&mut self, output: &mut Vec<u8>) -> Result<bool, Failure> {
        match &mut self.state {
            State::Beginning if self.input.len() < BEGINNING => Ok(false),
            State::Beginning => {
                self.begin();
                Ok(true)
            }
            State::Plain => {
                output.append(&mut self.input);
                Ok(!output.is_empty())
            }
            State::Decoding(decoder) => {
                let taken = decoder.step(&self.input, output);
                let taken = taken.map_err(|Invalid| invalid(self.coding))?;
                let goes_on = taken > 0 || !output.is_empty();
                let taken = if goes_on { taken } else { self.input.len() };
                self.input.drain(..taken);
                Ok(goes_on)
            }
        }
    }

    fn begin(&mut self) {
        self.state = match self.coding.decoder(&self.input) {
            Some(decoder) if !self.input.is_empty() => State::Decoding(decoder),
            _ => State::Plain,
        };
    }

    fn is_complete(&self) -> bool {
        match &self.state {
            State::Beginning | State::Plain => true,
            State::Decoding(decoder) => decoder.is_complete(),
        }
    }
}

fn invalid(coding: Coding) -> Failure {
    let message = format!("not valid {coding} data, although its `Content-Encoding` says so");
    Failure::new(Status::NotPdf, message)
}
