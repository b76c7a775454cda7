//! Lists that are compressed with gzip or Zstandard, known by their first bytes.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use crate::line::fill;

/// RFC 1952 section 2.3.1.
const GZIP: &[u8] = &[0x1f, 0x8b];

/// RFC 8878 section 3.1.1.
const ZSTANDARD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// What reads a list.
pub(super) type Source = Box<dyn BufRead + Send>;

/// `source`, decompressed if it is compressed.
pub(super) fn decompressed(mut source: Source) -> io::Result<Source> {
    let beginning = fill(&mut source)?;
    Ok(if beginning.starts_with(GZIP) {
        Box::new(BufReader::new(MultiGzDecoder::new(source)))
    } else if beginning.starts_with(ZSTANDARD) {
        Box::new(BufReader::new(Frames::new(source)))
    } else {
        source
    })
}

/// All frames of a Zstandard file.
struct Frames {
    source: Source,
    decoder: FrameDecoder,
    open: bool,
}

impl Frames {
    fn new(source: Source) -> Self {
        Self {
            source,
            decoder: FrameDecoder::new(),
            open: false,
        }
    }

    /// Opens the next frame; tells whether there is one.
    fn open(&mut self) -> io::Result<bool> {
        while !self.open && !fill(&mut self.source)?.is_empty() {
            match self.decoder.init(&mut self.source) {
                Ok(()) => self.open = true,
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let mut skipped = (&mut self.source).take(length.into());
                    io::copy(&mut skipped, &mut io::sink())?;
                }
                Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, error)),
            }
        }
        Ok(self.open)
    }

    fn is_sound(&self) -> bool {
        self.decoder
            .get_checksum_from_data()
            .is_none_or(|checksum| self.decoder.get_calculated_checksum() == Some(checksum))
    }
}

impl Read for Frames {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.open()? {
            if self.decoder.can_collect() > 0 {
                return self.decoder.read(buffer);
            }
            if self.decoder.is_finished() {
                self.open = false;
                if !self.is_sound() {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, "wrong checksum"));
                }
            } else {
                self.decoder
                    .decode_blocks(&mut self.source, BlockDecodingStrategy::UptoBlocks(1))
                    .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            }
        }
        Ok(0)
    }
}
