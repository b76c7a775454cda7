//! Zstandard (RFC 8878), a block at a time: the decoder needs whole ones.

use std::io::Read;

use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::{Decode, Invalid, PIECE};

/// The magic number of a frame.
const FRAME: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// The largest window, in bytes (RFC 9659).
const LARGEST_WINDOW: u64 = 8 * 1024 * 1024;

/// The largest block, in bytes.
const LARGEST_BLOCK: usize = 128 * 1024;

/// Whether a body begins as Zstandard data do: with a frame, or one to skip.
pub(super) fn is_frame(beginning: &[u8]) -> bool {
    beginning.starts_with(&FRAME) || matches!(beginning, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

/// Frames, one after the other.
pub(super) struct Zstandard {
    decoder: FrameDecoder,
    stage: Stage,
    /// The bytes of the stage, as far as they have arrived.
    bytes: Vec<u8>,
    /// Whether the current frame ends with a checksum.
    has_checksum: bool,
    has_frames: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Header,
    Block,
    Skipped(usize),
    End,
}

impl Zstandard {
    pub(super) fn new() -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(LARGEST_WINDOW);
        Self {
            decoder,
            stage: Stage::Header,
            bytes: Vec::new(),
            has_checksum: false,
            has_frames: false,
        }
    }

    /// How many bytes the stage has, as far as the first ones tell.
    fn needed(&self) -> Result<usize, Invalid> {
        match (self.stage, &*self.bytes) {
            (Stage::Header, [magic @ .., descriptor]) if magic == FRAME => {
                Ok(header_length(*descriptor))
            }
            (Stage::Header, bytes) if bytes.len() < 4 => Ok(4),
            (Stage::Header, bytes) if bytes.starts_with(&FRAME) => Ok(bytes.len().max(5)),
            (Stage::Header, bytes) if is_frame(bytes) => Ok(8),
            (Stage::Header, bytes) => Ok(bytes.len()),
            (Stage::Block, [first, second, third, ..]) => {
                let header = u32::from_le_bytes([*first, *second, *third, 0]);
                let size = usize::try_from(header >> 3).map_err(|_| Invalid)?;
                let is_last = header & 1 == 1;
                // a block of one byte, repeated
                let size = if header >> 1 & 3 == 1 { 1 } else { size };
                if size > LARGEST_BLOCK {
                    return Err(Invalid);
                }
                let checksum = if is_last && self.has_checksum { 4 } else { 0 };
                Ok(3 + size + checksum)
            }
            (Stage::Block, _) => Ok(3),
            (Stage::Skipped(_) | Stage::End, _) => Ok(0),
        }
    }

    /// Fills the stage from `input`. Returns how many bytes it has taken, and whether the stage is there.
    fn fill(&mut self, input: &[u8]) -> Result<(usize, bool), Invalid> {
        let mut taken = 0;
        loop {
            let missing = self.needed()?.saturating_sub(self.bytes.len());
            let rest = &input[taken..];
            if missing == 0 || rest.is_empty() {
                return Ok((taken, missing == 0));
            }
            let more = missing.min(rest.len());
            self.bytes.extend_from_slice(&rest[..more]);
            taken += more;
        }
    }

    fn begin_frame(&mut self) -> Result<(), Invalid> {
        if let [0x50..=0x5f, 0x2a, 0x4d, 0x18, length @ ..] = &*self.bytes {
            let length = length.try_into().map_err(|_| Invalid)?;
            let length = usize::try_from(u32::from_le_bytes(length)).map_err(|_| Invalid)?;
            if length > 0 {
                self.stage = Stage::Skipped(length);
            }
        } else if self.bytes.starts_with(&FRAME) {
            self.decoder.reset(&*self.bytes).map_err(|_| Invalid)?;
            self.has_checksum = self.bytes[4] & 4 != 0;
            self.has_frames = true;
            self.stage = Stage::Block;
        } else {
            // whatever follows the frames
            self.stage = Stage::End;
        }
        Ok(())
    }

    fn decode_block(&mut self) -> Result<(), Invalid> {
        let blocks = BlockDecodingStrategy::UptoBlocks(1);
        let decoded = self.decoder.decode_blocks(&*self.bytes, blocks);
        if decoded.map_err(|_| Invalid)? {
            self.stage = Stage::Header;
        }
        Ok(())
    }

    /// Whether the frame that has been read has the checksum that it says.
    fn is_intact(&self) -> bool {
        let checksum = self.decoder.get_checksum_from_data();
        checksum.is_none() || checksum == self.decoder.get_calculated_checksum()
    }
}

impl Decode for Zstandard {
    fn step(&mut self, input: &[u8], output: &mut Vec<u8>) -> Result<usize, Invalid> {
        if self.decoder.can_collect() > 0 {
            output.resize(PIECE, 0);
            let length = self.decoder.read(output).map_err(|_| Invalid)?;
            output.truncate(length);
            if self.decoder.is_finished() && self.decoder.can_collect() == 0 && !self.is_intact() {
                return Err(Invalid);
            }
            return Ok(0);
        }
        if let Stage::Skipped(left) = &mut self.stage {
            let taken = input.len().min(*left);
            *left -= taken;
            if *left == 0 {
                self.stage = Stage::Header;
            }
            return Ok(taken);
        }
        let (taken, is_there) = self.fill(input)?;
        if is_there {
            match self.stage {
                Stage::Header => self.begin_frame()?,
                Stage::Block => self.decode_block()?,
                Stage::Skipped(_) | Stage::End => {}
            }
            self.bytes.clear();
        }
        Ok(taken)
    }

    fn is_complete(&self) -> bool {
        match self.stage {
            Stage::Header => self.has_frames && self.bytes.is_empty(),
            Stage::End => true,
            Stage::Block | Stage::Skipped(_) => false,
        }
    }
}

/// The length of the header of a frame with this descriptor (RFC 8878, section 3.1.1.1).
fn header_length(descriptor: u8) -> usize {
    let is_single = descriptor & 0x20 != 0;
    let size = match descriptor >> 6 {
        0 => usize::from(is_single),
        flag => 1 << flag,
    };
    let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
    5 + usize::from(!is_single) + dictionary + size
}
