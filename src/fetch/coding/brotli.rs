//! Brotli (RFC 7932).

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};

use super::{Decode, Invalid, PIECE};

type State = BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>;

/// A Brotli stream.
pub(super) struct Brotli {
    state: Box<State>,
    ended: bool,
}

impl Brotli {
    pub(super) fn new() -> Self {
        let memory = StandardAlloc::default;
        // windows of more than 16 MiB are not Brotli as HTTP has it
        let state = Box::new(State::new_strict(memory(), memory(), memory()));
        Self {
            state,
            ended: false,
        }
    }
}

impl Decode for Brotli {
    fn step(&mut self, input: &[u8], output: &mut Vec<u8>) -> Result<usize, Invalid> {
        if self.ended {
            return Ok(0);
        }
        output.resize(PIECE, 0);
        let (mut left, mut taken, mut room, mut written) = (input.len(), 0, PIECE, 0);
        let result = BrotliDecompressStream(
            &mut left,
            &mut taken,
            input,
            &mut room,
            &mut written,
            output,
            &mut 0,
            &mut self.state,
        );
        output.truncate(written);
        match result {
            BrotliResult::ResultFailure => return Err(Invalid),
            BrotliResult::ResultSuccess => self.ended = true,
            BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => {}
        }
        Ok(taken)
    }

    fn is_complete(&self) -> bool {
        self.ended
    }
}
