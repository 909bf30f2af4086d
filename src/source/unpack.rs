//! Compressed inputs, unpacked while they are read.

use lz4_flex::frame::FrameDecoder;
use std::io::{self, BufRead, BufReader, Read};

/// How an input is compressed, as its first bytes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    /// RFC 1952, one or more members.
    Gzip,
    /// RFC 8878, one or more frames.
    Zstd,
    /// The LZ4 frame format, one or more frames.
    Lz4,
}

impl Packing {
    /// The compression that these first bytes are the magic of.
    pub(super) fn of(head: &[u8]) -> Option<Packing> {
        match head {
            [0x1f, 0x8b, 8, ..] => Some(Packing::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Packing::Zstd),
            [0x04, 0x22, 0x4d, 0x18, ..] => Some(Packing::Lz4),
            _ => None,
        }
    }

    /// Its name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Packing::Gzip => "gzip",
            Packing::Zstd => "zstd",
            Packing::Lz4 => "lz4",
        }
    }

    /// Reads what is packed. Memory is bounded by the format's window (zstd: 128 MiB at most,
    /// and 8 MiB at the levels in common use).
    pub(super) fn unpack(self, packed: Box<dyn Read + Send>) -> io::Result<Box<dyn Read + Send>> {
        let packed = BufReader::with_capacity(256 << 10, packed);
        Ok(match self {
            Packing::Gzip => Box::new(Named(self, flate2::bufread::MultiGzDecoder::new(packed))),
            Packing::Zstd => Box::new(Named(self, zstd::Decoder::with_buffer(packed)?)),
            Packing::Lz4 => Box::new(Named(self, Lz4Frames(Some(FrameDecoder::new(packed))))),
        })
    }
}

/// Says in an error which data is damaged: the decoders' own words don't.
struct Named<R>(Packing, R);

impl<R: Read> Read for Named<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.1.read(buffer).map_err(|cause| match cause.kind() {
            io::ErrorKind::Interrupted => cause,
            _ => {
                let name = self.0.name();
                io::Error::new(
                    cause.kind(),
                    format!("the {name} data is damaged or cut off: {cause}"),
                )
            }
        })
    }
}

/// A file may have several frames, and the decoder ends with each: every frame gets a new one
/// (lz4_flex panics when it is used again for a frame with larger blocks).
struct Lz4Frames<R: BufRead>(Option<FrameDecoder<R>>);

impl<R: BufRead> Read for Lz4Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(frame) = &mut self.0 {
            let read = frame.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let mut rest = self.0.take().map(FrameDecoder::into_inner);
            let is_end = match &mut rest {
                Some(rest) => rest.fill_buf()?.is_empty(),
                None => true,
            };
            if !is_end {
                self.0 = rest.map(FrameDecoder::new);
            }
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn packed(packing: Packing, text: &[u8]) -> Vec<u8> {
        match packing {
            Packing::Gzip => {
                let mut encoder =
                    flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(text).expect("it packs");
                encoder.finish().expect("it packs")
            }
            Packing::Zstd => zstd::encode_all(text, 1).expect("it packs"),
            Packing::Lz4 => {
                let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
                encoder.write_all(text).expect("it packs");
                encoder.finish().expect("it packs")
            }
        }
    }

    #[test]
    fn several_frames_are_read_and_cut_ones_refused() {
        let (first, second) = (b"some:key\n".repeat(20_000), b"other:key\n".repeat(10));
        for packing in [Packing::Gzip, Packing::Zstd, Packing::Lz4] {
            let both = [packed(packing, &first), packed(packing, &second)].concat();
            assert_eq!(Packing::of(&both), Some(packing));
            let read = |bytes: &[u8]| {
                let mut out = Vec::new();
                let mut unpacked = packing.unpack(Box::new(io::Cursor::new(bytes.to_vec())))?;
                unpacked.read_to_end(&mut out).map(|_| out)
            };
            assert_eq!(
                read(&both).expect("it unpacks"),
                [&first[..], &second].concat(),
                "{packing:?}"
            );
            let error = read(&both[..both.len() - 12]).expect_err("it is cut off");
            assert!(error.to_string().contains(packing.name()), "{error}");
            let garbage = [&both[..], b"garbage that is no frame"].concat();
            assert!(read(&garbage).is_err(), "{packing:?}");
        }
    }
}
