//! Unpacks compressed inputs while they are read.

use super::read_counter::{CountingReader, ReadCounter};
use crate::error::{Error, ErrorKind, Position};
use flate2::bufread::GzDecoder;
use lz4_flex::frame::FrameDecoder;
use std::fmt;
use std::io::{self, BufRead, Read};
use std::ops::Range;
use std::path::Path;

/// How much is unpacked at once, and so at most lost of what stands before damage.
const STEP_BYTES: usize = 32 << 10;

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
        let frames = behind_skipped(head).ok()?;
        let packing = Packing::of_magic(frames)?;
        let is_whole = frames.len() == head.len();
        (is_whole || packing != Packing::Gzip).then_some(packing)
    }

    fn of_magic(head: &[u8]) -> Option<Packing> {
        match head {
            [0x1f, 0x8b, 8, ..] => Some(Packing::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Packing::Zstd),
            [0x04, 0x22, 0x4d, 0x18, ..] => Some(Packing::Lz4),
            _ => None,
        }
    }

    /// The name of the compression, as messages say it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Packing::Gzip => "gzip",
            Packing::Zstd => "zstd",
            Packing::Lz4 => "lz4",
        }
    }

    /// Reads what is packed. Memory is bounded by the format's window (zstd: 128 MiB at most,
    /// and 8 MiB at the levels in common use).
    pub(super) fn unpack(
        self,
        packed: CountingReader<impl Read + Send + 'static>,
    ) -> io::Result<Box<dyn Read + Send>> {
        let counter = packed.counter();
        let decoder: Box<dyn Read + Send> = match self {
            Packing::Gzip => Box::new(GzipMembers::new(packed)),
            Packing::Zstd => Box::new(zstd::Decoder::with_buffer(packed)?),
            Packing::Lz4 => Box::new(Lz4Frames::Between(packed)),
        };
        Ok(Box::new(Unpacked {
            packing: self,
            decoder,
            counter,
            buffer: vec![0; STEP_BYTES].into(),
            unread: 0..0,
            bytes: 0,
            damage: None,
        }))
    }
}

/// What is behind frames to be skipped, as pzstd writes one in front of each of its own (RFC 8878, 3.1.2); lz4 has the
/// same.
///
/// # Errors
/// When the last of them goes on behind these bytes: how many bytes of the input it takes, with those before it.
fn behind_skipped(head: &[u8]) -> Result<&[u8], u64> {
    let mut frames = head;
    while let [0x50..=0x5f, 0x2a, 0x4d, 0x18, a, b, c, d, rest @ ..] = frames {
        let length = u32::from_le_bytes([*a, *b, *c, *d]) as usize;
        let before = (head.len() - rest.len()) as u64;
        frames = rest.get(length..).ok_or(before + length as u64)?;
    }
    Ok(frames)
}

/// Whether bytes begin with a frame to be skipped.
pub(super) fn begins_skipped(head: &[u8]) -> bool {
    matches!(head, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

/// Reads on behind frames to be skipped, however long they are, and keeps what is behind them alone; says whether
/// that is packed.
///
/// # Errors
/// When reading fails.
pub(super) fn skip_frames(head: &mut Vec<u8>, reader: &mut dyn Read) -> io::Result<bool> {
    // The header of a frame, which is longer than any magic.
    const NEXT_BYTES: u64 = 8;
    loop {
        match behind_skipped(head) {
            Ok([]) => {}
            Ok(rest) => {
                return Ok(Packing::of_magic(rest).is_some_and(|found| found != Packing::Gzip));
            }
            Err(length) => {
                let missing = length - head.len() as u64;
                if io::copy(&mut (&mut *reader).take(missing), &mut io::sink())? < missing {
                    return Ok(false);
                }
            }
        }
        head.clear();
        if (&mut *reader).take(NEXT_BYTES).read_to_end(head)? == 0 {
            return Ok(false);
        }
    }
}

/// What was unpacked, up to the end or to damage.
///
/// A decoder gives nothing of a call in which it meets damage. So calls are short, and of the same
/// length whatever the reader wants: any run gets the same bytes.
struct Unpacked {
    packing: Packing,
    decoder: Box<dyn Read + Send>,
    counter: ReadCounter,
    buffer: Box<[u8]>,
    unread: Range<usize>,
    /// How many bytes were unpacked.
    bytes: u64,
    /// Said again and again once it was met.
    damage: Option<Damage>,
}

impl Read for Unpacked {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.unread.is_empty() {
            self.refill()?;
        }
        let count = self.unread.len().min(out.len());
        let end = self.unread.start + count;
        out[..count].copy_from_slice(&self.buffer[self.unread.start..end]);
        self.unread.start = end;
        Ok(count)
    }
}

impl Unpacked {
    fn refill(&mut self) -> io::Result<()> {
        if let Some(damage) = &self.damage {
            return Err(damage.to_io());
        }
        match self.decoder.read(&mut self.buffer) {
            Ok(count) => {
                self.unread = 0..count;
                self.bytes += count as u64;
                Ok(())
            }
            // The disk's fault, not the data's.
            Err(cause) if cause.raw_os_error().is_some() => Err(cause),
            Err(cause) => {
                let damage = self.damage.insert(Damage {
                    packing: self.packing,
                    is_cut: cause.kind() == io::ErrorKind::UnexpectedEof,
                    // The words of zstd's `ZSTD_error_frameParameter_windowTooLarge`.
                    is_long: cause.to_string().contains("too much memory"),
                    packed_bytes: self.counter.read_bytes(),
                    unpacked_bytes: self.bytes,
                    cause: cause.to_string(),
                });
                Err(damage.to_io())
            }
        }
    }
}

/// Where packed data can't be unpacked any more, and why.
#[derive(Clone, Debug)]
struct Damage {
    packing: Packing,
    is_cut: bool,
    /// It looks further back than is kept in memory.
    is_long: bool,
    packed_bytes: u64,
    unpacked_bytes: u64,
    /// The decoder's own words.
    cause: String,
}

impl Damage {
    fn to_io(&self) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, self.clone())
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, cause, unpacked) = (self.packing.name(), &self.cause, self.unpacked_bytes);
        if self.is_long {
            return write!(
                f,
                "expected {name} data that looks back 128 MiB at most, found a longer window (zstd --long, --ultra)"
            );
        }
        if self.is_cut {
            write!(f, "the {name} data is cut off here")?;
        } else {
            write!(
                f,
                "the {name} data is damaged here or a little before ({cause})"
            )?;
        }
        write!(f, ", after {unpacked} unpacked bytes")
    }
}

impl std::error::Error for Damage {}

/// Whether reading failed because packed data is damaged.
pub(super) fn is_damage(cause: &io::Error) -> bool {
    damage_of(cause).is_some()
}

fn damage_of(cause: &io::Error) -> Option<&Damage> {
    cause.get_ref()?.downcast_ref()
}

/// The error when reading a file failed; of packed data that is damaged, with the byte.
pub(crate) fn read_error(path: &Path, cause: io::Error) -> Error {
    match damage_of(&cause) {
        Some(damage) if damage.is_long => Error::new(ErrorKind::Input, damage.to_string())
            .at(Position::file(path).at_byte(damage.packed_bytes))
            .fix("unpack it with more memory: zstd -dc --long=31 FILE | slotkit analyze -"),
        Some(damage) => Error::new(ErrorKind::Input, damage.to_string())
            .at(Position::file(path).at_byte(damage.packed_bytes))
            .fix("copy it again, or keep what stands before the damage with --on-error skip"),
        None => Error::io(path, cause),
    }
}

/// A file may have several members, and zeros behind them, as tapes and block devices leave them.
struct GzipMembers<R: BufRead>(Option<GzDecoder<R>>);

impl<R: BufRead> GzipMembers<R> {
    fn new(input: R) -> GzipMembers<R> {
        GzipMembers(Some(GzDecoder::new(input)))
    }
}

impl<R: BufRead> Read for GzipMembers<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.0 {
            let read = member.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            if let Some(mut rest) = self.0.take().map(GzDecoder::into_inner)
                && pass_zeros(&mut rest)?
            {
                self.0 = Some(GzDecoder::new(rest));
            }
        }
        Ok(0)
    }
}

/// Passes zeros over; says whether something comes behind them.
fn pass_zeros(input: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let bytes = input.fill_buf()?;
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        if zeros < bytes.len() || zeros == 0 {
            input.consume(zeros);
            return Ok(!input.fill_buf()?.is_empty());
        }
        input.consume(zeros);
    }
}

/// A file may have several frames, and the decoder ends with each: every frame gets a new one
/// (lz4_flex panics when it is used again for a frame with larger blocks), and those that are to be
/// skipped none, since it knows no such frame.
///
/// The decoder also ends where the input does, if that is between two blocks of a frame: whether the
/// frame was whole is told by whether its end was met before the input's.
enum Lz4Frames<R: Read> {
    Between(R),
    Inside(FrameDecoder<Watched<Frame<R>>>),
    Done,
}

/// The magic of a frame, which was read already, and what comes behind it.
type Frame<R> = io::Chain<io::Cursor<[u8; 4]>, R>;

impl<R: Read> Read for Lz4Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            *self = match std::mem::replace(self, Lz4Frames::Done) {
                Lz4Frames::Done => return Ok(0),
                Lz4Frames::Between(input) => match next_frame(input)? {
                    Some(frame) => Lz4Frames::Inside(FrameDecoder::new(Watched {
                        input: frame,
                        is_at_end: false,
                    })),
                    None => Lz4Frames::Done,
                },
                Lz4Frames::Inside(mut frame) => {
                    let read = frame.read(buffer)?;
                    if read > 0 || buffer.is_empty() {
                        *self = Lz4Frames::Inside(frame);
                        return Ok(read);
                    }
                    if frame.get_ref().is_at_end {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                    Lz4Frames::Between(frame.into_inner().input.into_inner().1)
                }
            };
        }
    }
}

/// The next frame that isn't to be skipped; nothing at the end of the input.
fn next_frame<R: Read>(mut input: R) -> io::Result<Option<Frame<R>>> {
    loop {
        let mut magic = [0; 4];
        if input.read(&mut magic[..1])? == 0 {
            return Ok(None);
        }
        input.read_exact(&mut magic[1..])?;
        // Its end isn't marked, so that one that is cut off couldn't be told from a whole one.
        if magic == [0x02, 0x21, 0x4c, 0x18] {
            return Err(io::Error::other("a frame of the old lz4 format"));
        }
        if !matches!(magic, [0x50..=0x5f, 0x2a, 0x4d, 0x18]) {
            return Ok(Some(io::Cursor::new(magic).chain(input)));
        }
        let mut length = [0; 4];
        input.read_exact(&mut length)?;
        let length = u64::from(u32::from_le_bytes(length));
        if io::copy(&mut (&mut input).take(length), &mut io::sink())? < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// An input of which is known whether somebody wanted more than there was.
struct Watched<R> {
    input: R,
    is_at_end: bool,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.is_at_end |= count == 0 && !buffer.is_empty();
        Ok(count)
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
            Packing::Zstd => {
                let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("it packs");
                encoder.include_checksum(true).expect("it packs");
                encoder.write_all(text).expect("it packs");
                encoder.finish().expect("it packs")
            }
            Packing::Lz4 => {
                let mut info = lz4_flex::frame::FrameInfo::new();
                info.block_size = lz4_flex::frame::BlockSize::Max64KB;
                let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
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
                let (_, counting_reader) = ReadCounter::on(io::Cursor::new(bytes.to_vec()), None);
                packing
                    .unpack(counting_reader)?
                    .read_to_end(&mut out)
                    .map(|_| out)
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

    #[test]
    fn a_cut_at_any_byte_is_seen() {
        let text = keys();
        for packing in [Packing::Gzip, Packing::Zstd, Packing::Lz4] {
            let first = packed(packing, &text[..70_000]);
            let both = [&first[..], &packed(packing, b"other:key\n")].concat();
            // Everywhere behind the magic but between the two; not so often where all is alike.
            let ends = (4..both.len()).filter(|end| end % 97 == 0 || both.len() - end < 200);
            for end in ends
                .chain(lz4_blocks(&first))
                .filter(|end| *end != first.len())
            {
                let cut = both[..end].to_vec();
                let (_, counting_reader) = ReadCounter::on(io::Cursor::new(cut), None);
                let read = packing
                    .unpack(counting_reader)
                    .and_then(|mut unpacked| io::copy(&mut unpacked, &mut io::sink()));
                assert!(read.is_err(), "{packing:?}, {end} of {}", both.len());
            }
        }
    }

    /// Where the blocks of an LZ4 frame begin and end, with one to three bytes more; of other files any places.
    fn lz4_blocks(frame: &[u8]) -> Vec<usize> {
        let (mut ends, mut end) = (Vec::new(), 7);
        while let Some(length) = frame[end..].first_chunk() {
            ends.extend(end..end + 4);
            let length = u32::from_le_bytes(*length) as usize & 0x7fff_ffff;
            if length == 0 || end + 4 + length >= frame.len() {
                break;
            }
            end += 4 + length;
        }
        ends
    }

    #[test]
    fn frames_to_be_skipped_are_no_keys() {
        let skipped = b"\x50\x2a\x4d\x18\x03\0\0\0abc";
        for packing in [Packing::Zstd, Packing::Lz4] {
            let frame = packed(packing, b"key\n");
            let all = [&skipped[..], &frame, skipped, skipped, &frame, skipped].concat();
            assert_eq!(Packing::of(&all), Some(packing));
            let text = unpacked(packing, &all).expect("it unpacks");
            assert_eq!(text, b"key\nkey\n", "{packing:?}");
            let cut = unpacked(packing, &all[..all.len() - 1]);
            assert!(cut.is_err(), "{packing:?}");
        }
        assert_eq!(Packing::of(skipped), None);
        assert_eq!(Packing::of(&skipped[..6]), None);
    }

    #[test]
    fn frames_to_be_skipped_may_be_longer_than_what_is_looked_at() {
        let long = [&b"\x50\x2a\x4d\x18\x20\xa1\x07\0"[..], &vec![7; 500_000]].concat();
        let frame = packed(Packing::Lz4, b"key\n");
        let empty = b"\x5f\x2a\x4d\x18\0\0\0\0";
        for (bytes, is_packed) in [
            ([&long[..], &frame].concat(), true),
            ([&long[..], empty, &long, &frame].concat(), true),
            (long.clone(), false),
            (long[..9_000].to_vec(), false),
            (empty[..6].to_vec(), false),
            ([&long[..], b"keys\n"].concat(), false),
        ] {
            let mut head = bytes[..bytes.len().min(100)].to_vec();
            let mut rest = &bytes[head.len()..];
            assert!(begins_skipped(&head));
            assert_eq!(
                skip_frames(&mut head, &mut rest).expect("it reads"),
                is_packed
            );
            assert!(!is_packed || [&head[..], rest].concat() == frame);
        }
    }

    #[test]
    fn a_window_that_is_too_long_is_no_damage() {
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("it packs");
        encoder.window_log(28).expect("it packs");
        encoder.long_distance_matching(true).expect("it packs");
        encoder.write_all(b"key\n").expect("it packs");
        let bytes = encoder.finish().expect("it packs");
        let cause = unpacked(Packing::Zstd, &bytes).expect_err("it is too long");
        let line = read_error(Path::new("a"), cause).one_line();
        assert!(
            line.contains("window") && line.contains("--long=31") && !line.contains("damaged"),
            "{line}"
        );
    }

    #[test]
    fn however_many_frames_are_skipped_the_stack_is_small() {
        let many = b"\x50\x2a\x4d\x18\0\0\0\0".repeat(8000);
        let looks = move |behind: &[u8]| Packing::of(&[&many, behind].concat());
        let small = std::thread::Builder::new().stack_size(64 << 10);
        let found = small.spawn(move || [looks(b"\x04\x22\x4d\x18"), looks(b"\x1f\x8b\x08")]);
        let found = found.expect("a thread").join().expect("it ends");
        assert_eq!(found, [Some(Packing::Lz4), None]);
    }

    /// Everything in it.
    fn unpacked(packing: Packing, packed: &[u8]) -> io::Result<Vec<u8>> {
        let (_, counting_reader) = ReadCounter::on(io::Cursor::new(packed.to_vec()), None);
        let mut out = Vec::new();
        packing.unpack(counting_reader)?.read_to_end(&mut out)?;
        Ok(out)
    }

    #[test]
    fn a_frame_of_the_old_lz4_format_is_named() {
        let frame = packed(Packing::Lz4, b"key\n");
        let both = [&frame[..], b"\x02\x21\x4c\x18\x05\0\0\0\x40key\n"].concat();
        let error = unpacked(Packing::Lz4, &both).expect_err("it is old");
        assert!(error.to_string().contains("the old lz4 format"), "{error}");
    }

    #[test]
    fn zeros_behind_gzip_are_padding_and_nothing_else_is() {
        let member = packed(Packing::Gzip, b"key\n");
        let zeros = vec![0; 600 << 10];
        for (bytes, keys) in [
            ([&member[..], &zeros].concat(), 1),
            ([&member[..], b"\0\0", &member, &zeros].concat(), 2),
        ] {
            let text = unpacked(Packing::Gzip, &bytes).expect("it unpacks");
            assert_eq!(text, b"key\n".repeat(keys));
        }
        let garbage = [&member[..], &zeros, b"rest"].concat();
        assert!(unpacked(Packing::Gzip, &garbage).is_err());
    }

    /// Keys that don't pack well, so that every format takes many blocks for them.
    fn keys() -> Vec<u8> {
        let key = |number: u32| format!("key:{}\n", number.wrapping_mul(2_654_435_761));
        (0..60_000).map(key).collect::<String>().into_bytes()
    }

    /// The same without an eighth in its middle.
    fn with_gap(packed: &[u8]) -> Vec<u8> {
        let middle = packed.len() / 2;
        [&packed[..middle], &packed[middle + packed.len() / 8..]].concat()
    }

    /// What is unpacked of a source with buffers of this size, and the errors at the end, twice.
    fn read_by(
        packing: Packing,
        source: impl Read + Send + 'static,
        size: usize,
    ) -> (Vec<u8>, [String; 2]) {
        let (_, counting_reader) = ReadCounter::on(source, None);
        let mut unpacked = packing.unpack(counting_reader).expect("it begins well");
        let (mut out, mut buffer) = (Vec::new(), vec![0; size]);
        let mut next = || match unpacked.read(&mut buffer) {
            Ok(count) => Ok(buffer[..count].to_vec()),
            Err(cause) => Err(read_error(Path::new("a"), cause).one_line()),
        };
        loop {
            match next() {
                Ok(read) => {
                    assert!(!read.is_empty(), "{packing:?}: no end without a word");
                    out.extend(read);
                }
                Err(error) => return (out, [error, next().expect_err("it stays damaged")]),
            }
        }
    }

    #[test]
    fn damage_is_named_with_its_place_and_what_stands_before_it_is_given() {
        let text = keys();
        for packing in [Packing::Gzip, Packing::Zstd, Packing::Lz4] {
            let whole = packed(packing, &text);
            let cut = whole[..whole.len() / 2].to_vec();
            let end = format!("a, byte {}: the ", cut.len());
            for (bytes, place, word) in [
                (cut, &*end, "data is cut off here, after "),
                (with_gap(&whole), "a, byte ", "data is damaged here or a "),
            ] {
                let read = |size| read_by(packing, io::Cursor::new(bytes.clone()), size);
                let (before, errors) = read(1 << 20);
                assert!(before.len() > text.len() / 8, "{packing:?} {word}");
                // A decoder may see damage late.
                let sound = before.len() - before.len().min(STEP_BYTES);
                assert!(text.starts_with(&before[..sound]), "{packing:?} {word}");
                assert_eq!(errors[0], errors[1]);
                let after = format!("after {} unpacked bytes", before.len());
                for word in [place, packing.name(), word, &after, "--on-error skip"] {
                    assert!(errors[0].contains(word), "{word}: {}", errors[0]);
                }
                for size in [7, 40_000] {
                    assert!(
                        read(size) == (before.clone(), errors.clone()),
                        "{packing:?}"
                    );
                }
            }
        }
    }

    /// A reader that gives a few bytes at once, as a pipe does.
    struct Trickle(io::Cursor<Vec<u8>>);

    impl Read for Trickle {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let few = buffer.len().min(7);
            self.0.read(&mut buffer[..few])
        }
    }

    #[test]
    fn a_slow_pipe_gives_as_much_before_the_damage_as_a_file() {
        for packing in [Packing::Gzip, Packing::Zstd, Packing::Lz4] {
            let bytes = io::Cursor::new(with_gap(&packed(packing, &keys())));
            let slow = read_by(packing, Trickle(bytes.clone()), 1 << 20);
            assert!(slow == read_by(packing, bytes, 1 << 20), "{packing:?}");
        }
    }
}
