//! Lists and records that are compressed with gzip or Zstandard, detected by their first bytes.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use crate::line::fill;

/// RFC 1952, section 2.3.1.
const GZIP: &[u8] = &[0x1f, 0x8b];

/// RFC 8878, section 3.1.1.
const ZSTANDARD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// The largest window of a Zstandard frame, in bytes: each needs as much memory. Levels up to 19 need 8 MiB.
const LARGEST_WINDOW: u64 = 32 * 1024 * 1024;

/// The bytes of a list.
pub(crate) type Source = Box<dyn BufRead + Send>;

/// `source`, decompressed if it is compressed.
///
/// # Errors
///
/// When its first bytes cannot be read.
pub(crate) fn decompressed(mut source: Source) -> io::Result<Source> {
    let beginning = fill(&mut source)?;
    Ok(if beginning.starts_with(GZIP) {
        Box::new(BufReader::new(MultiGzDecoder::new(source)))
    } else if beginning.starts_with(ZSTANDARD) {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(LARGEST_WINDOW);
        Box::new(BufReader::new(Frames { source, decoder }))
    } else {
        source
    })
}

/// All frames of a Zstandard file, of which `decoder` holds the current one. Before the first frame, it counts as finished.
struct Frames {
    source: Source,
    decoder: FrameDecoder,
}

impl Frames {
    /// Verifies the checksum of the current frame, if it has one.
    fn verify(&self) -> io::Result<()> {
        let checksum = self.decoder.get_checksum_from_data();
        if checksum.is_some() && checksum != self.decoder.get_calculated_checksum() {
            return Err(invalid("checksum mismatch in a Zstandard frame"));
        }
        Ok(())
    }

    /// Begins the next frame; returns whether there is one.
    fn advance(&mut self) -> io::Result<bool> {
        while !fill(&mut self.source)?.is_empty() {
            match self.decoder.init(&mut self.source) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let mut skipped = (&mut self.source).take(length.into());
                    io::copy(&mut skipped, &mut io::sink())?;
                }
                Err(FrameDecoderError::WindowSizeTooBig { .. }) => {
                    return Err(invalid(format!(
                        "a Zstandard frame needs a window of more than {LARGEST_WINDOW} bytes: compress it without `--long` and `--ultra`"
                    )));
                }
                Err(error) => return Err(invalid(error)),
            }
        }
        Ok(false)
    }
}

impl Read for Frames {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.decoder.can_collect() == 0 {
            if !self.decoder.is_finished() {
                let blocks = BlockDecodingStrategy::UptoBlocks(1);
                let decoded = self.decoder.decode_blocks(&mut self.source, blocks);
                decoded.map_err(invalid)?;
                continue;
            }
            self.verify()?;
            if !self.advance()? {
                return Ok(0);
            }
        }
        self.decoder.read(buffer)
    }
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
