//! gzip (RFC 1952) and deflate, which is zlib (RFC 1950) by its definition and raw (RFC 1951) by that of some servers.

use flate2::{Crc, Decompress, FlushDecompress, Status};

use super::{Decode, Invalid, PIECE};

/// The longest header of a member, in bytes. It may have a file name and a comment.
const LONGEST_HEADER: usize = 64 * 1024;

/// Whether a body begins as gzip data does.
pub(super) fn is_gzip(beginning: &[u8]) -> bool {
    beginning.starts_with(&[0x1f, 0x8b])
}

/// The data of a member, or a whole body in deflate.
pub(super) struct Inflate(Decompress);

impl Inflate {
    fn new(zlib: bool) -> Self {
        Self(Decompress::new(zlib))
    }

    /// One step, and whether the data have ended.
    fn step(&mut self, input: &[u8], output: &mut Vec<u8>) -> Result<(usize, bool), Invalid> {
        let before = self.0.total_in();
        output.reserve(PIECE);
        let status = self.0.decompress_vec(input, output, FlushDecompress::None);
        let status = status.map_err(|_| Invalid)?;
        let taken = usize::try_from(self.0.total_in() - before).expect("no more than the input");
        Ok((taken, status == Status::StreamEnd))
    }
}

/// zlib or raw deflate data.
pub(super) struct Deflate {
    inflate: Inflate,
    ended: bool,
}

impl Deflate {
    /// For data with this `beginning`, which tells what they are.
    pub(super) fn new(beginning: &[u8]) -> Self {
        let zlib = match beginning {
            [method, flags, ..] => {
                method & 0x0f == 8 && u16::from_be_bytes([*method, *flags]) % 31 == 0
            }
            _ => false,
        };
        Self {
            inflate: Inflate::new(zlib),
            ended: false,
        }
    }
}

impl Decode for Deflate {
    fn step(&mut self, input: &[u8], output: &mut Vec<u8>) -> Result<usize, Invalid> {
        if self.ended {
            return Ok(0);
        }
        let (taken, ended) = self.inflate.step(input, output)?;
        self.ended = ended;
        Ok(taken)
    }

    fn is_complete(&self) -> bool {
        self.ended
    }
}

/// The members of gzip data. What follows them, such as zeros, is ignored, as everybody does.
pub(super) enum Gzip {
    /// The header of a member, as far as it has arrived.
    Header {
        bytes: Vec<u8>,
        is_first: bool,
    },
    Data {
        inflate: Inflate,
        sum: Crc,
    },
    /// The checksum and the length of a member.
    Trailer {
        bytes: Vec<u8>,
        sum: Crc,
    },
    End,
}

impl Default for Gzip {
    fn default() -> Self {
        let (bytes, is_first) = (Vec::new(), true);
        Self::Header { bytes, is_first }
    }
}

impl Decode for Gzip {
    fn step(&mut self, input: &[u8], output: &mut Vec<u8>) -> Result<usize, Invalid> {
        match self {
            Self::Header { bytes, is_first } => {
                let before = bytes.len();
                bytes.extend_from_slice(input);
                if !*is_first && !matches!(bytes[..], [] | [0x1f] | [0x1f, 0x8b, ..]) {
                    *self = Self::End;
                    return Ok(0);
                }
                let Some(length) = header_length(bytes)? else {
                    let is_too_long = bytes.len() > LONGEST_HEADER;
                    return if is_too_long {
                        Err(Invalid)
                    } else {
                        Ok(input.len())
                    };
                };
                *self = Self::Data {
                    inflate: Inflate::new(false),
                    sum: Crc::new(),
                };
                Ok(length - before)
            }
            Self::Data { inflate, sum } => {
                let (taken, ended) = inflate.step(input, output)?;
                sum.update(output);
                if ended {
                    let (bytes, sum) = (Vec::new(), std::mem::take(sum));
                    *self = Self::Trailer { bytes, sum };
                }
                Ok(taken)
            }
            Self::Trailer { bytes, sum } => {
                let taken = input.len().min(8 - bytes.len());
                bytes.extend_from_slice(&input[..taken]);
                if bytes.len() == 8 {
                    let expected = [sum.sum().to_le_bytes(), sum.amount().to_le_bytes()].concat();
                    if *bytes != expected {
                        return Err(Invalid);
                    }
                    let (bytes, is_first) = (Vec::new(), false);
                    *self = Self::Header { bytes, is_first };
                }
                Ok(taken)
            }
            Self::End => Ok(0),
        }
    }

    fn is_complete(&self) -> bool {
        match self {
            Self::Header { bytes, is_first } => !is_first && bytes.len() < 2,
            Self::End => true,
            Self::Data { .. } | Self::Trailer { .. } => false,
        }
    }
}

/// The length of the header of a member; none if more of it has to arrive.
fn header_length(bytes: &[u8]) -> Result<Option<usize>, Invalid> {
    const CHECKSUM: u8 = 2;
    const EXTRA: u8 = 4;
    const NAME: u8 = 8;
    const COMMENT: u8 = 16;
    let Some(fixed) = bytes.get(..10) else {
        return Ok(None);
    };
    let flags = fixed[3];
    if !fixed.starts_with(&[0x1f, 0x8b, 8]) || flags >= 32 {
        return Err(Invalid);
    }
    let mut length = fixed.len();
    if flags & EXTRA != 0 {
        let Some(field) = bytes.get(length..length + 2) else {
            return Ok(None);
        };
        length += 2 + usize::from(u16::from_le_bytes([field[0], field[1]]));
    }
    for text in [NAME, COMMENT] {
        if flags & text != 0 {
            let rest = bytes.get(length..).unwrap_or_default();
            let Some(end) = rest.iter().position(|byte| *byte == 0) else {
                return Ok(None);
            };
            length += end + 1;
        }
    }
    if flags & CHECKSUM != 0 {
        length += 2;
    }
    Ok((length <= bytes.len()).then_some(length))
}
