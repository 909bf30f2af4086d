//! The windows of keys: which keys fit one, and where it is.

#[cfg(target_arch = "x86_64")]
use super::super::constants::ENDS;
use super::super::constants::{ENDS_REVERSED, OfWindow, WINDOW};
use super::{BLOCK, SIZE};
use crate::slot::KeySpan;

/// The longest key, in bytes, that half a window holds.
pub(in super::super) const HALF: usize = WINDOW / 2;

/// The last bytes of a window, all 64 or 32, and the shuffle or the mask that takes
/// those of them that count, which are the last.
pub(in super::super) type Window<'a, const BYTES: usize> = (&'a [u8; BYTES], &'static [u8; BYTES]);

/// Keys that windows hold.
pub(in super::super) struct WindowedKeys<'a> {
    buffer: &'a [u8],
    /// Invariant: each ends in the buffer, a window or more behind its
    /// beginning, and has at most a window's length.
    spans: &'a [KeySpan; BLOCK],
}

// Everything in here is inlined, so that it is compiled for the tier that calls it.
impl<'a> WindowedKeys<'a> {
    /// The keys.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    pub(in super::super) fn spans(&self) -> &'a [KeySpan; BLOCK] {
        self.spans
    }

    /// Where a key lies.
    #[inline(always)]
    pub(super) fn span(&self, key: usize) -> KeySpan {
        self.spans[key]
    }

    /// A key's window and its shuffle.
    #[inline(always)]
    pub(in super::super) fn window(&self, key: usize) -> Window<'a, WINDOW> {
        // SAFETY: the span is one of these.
        unsafe { self.last_of_window(self.span(key), &ENDS_REVERSED) }
    }

    /// Half the window and half the shuffle of a key that is no longer than that.
    #[inline(always)]
    pub(in super::super) fn half(&self, key: usize) -> Window<'a, HALF> {
        // SAFETY: the span is one of these.
        unsafe { self.last_of_window(self.span(key), &ENDS_REVERSED) }
    }

    /// A key's window and the mask of the bytes of it that count.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    pub(in super::super) fn masked(&self, key: usize) -> Window<'a, WINDOW> {
        // SAFETY: the span is one of these.
        unsafe { self.last_of_window(self.span(key), &ENDS) }
    }

    /// The last bytes of a key's window, and of what the table has for its length.
    ///
    /// # Safety
    /// The span is one of these.
    #[inline(always)]
    unsafe fn last_of_window<const BYTES: usize>(
        &self,
        span: KeySpan,
        table: &'static [OfWindow; WINDOW + 1],
    ) -> Window<'a, BYTES> {
        const { assert!(BYTES <= WINDOW) };
        let start = (span.end - BYTES as u32) as usize;
        let length = (span.end - span.start) as usize;
        // SAFETY: by the invariant, which holds for the span, the window is within
        // the buffer, and its length within the table, which has an entry for each
        // up to a window's, aligned for any number of its last bytes.
        unsafe {
            let entry: *const u8 = table.as_ptr().add(length).cast();
            (
                &*self.buffer.as_ptr().add(start).cast(),
                &*entry.add(WINDOW - BYTES).cast(),
            )
        }
    }
}

/// An empty span that a window holds, when there is one: it fills up a block.
pub(super) fn empty_span(buffer: &[u8]) -> KeySpan {
    let end = buffer.len().min(WINDOW) as u32;
    KeySpan { start: end, end }
}

/// Whether windows hold all of these spans.
#[inline(always)]
fn are_held(buffer: &[u8], spans: &[KeySpan; BLOCK]) -> bool {
    // Without a branch and with one look at each span. A span that ends in front
    // of the first window's end wraps around to something large; and one that
    // ends behind it, with a length of at most a window, begins in the buffer.
    let (mut last, mut longest) = (0, 0);
    for span in spans {
        last = last.max(span.end.wrapping_sub(SIZE));
        longest = longest.max(span.end.wrapping_sub(span.start));
    }
    let buffer_end = u32::try_from(buffer.len()).unwrap_or(u32::MAX);
    buffer_end >= SIZE && last <= buffer_end - SIZE && longest <= SIZE
}

/// The spans with each that no window holds made an empty one, and a bit for it:
/// too long, or too near to the buffer's beginning.
///
/// # Panics
/// When a span doesn't lie in the buffer.
#[cold]
fn set_apart(buffer: &[u8], spans: &[KeySpan; BLOCK]) -> ([KeySpan; BLOCK], u64) {
    let mut windowed = [empty_span(buffer); BLOCK];
    let mut alone = 0;
    for (index, (windowed, span)) in windowed.iter_mut().zip(spans).enumerate() {
        let length = span.of(buffer).len();
        if length > WINDOW || span.end < SIZE {
            alone |= 1 << index;
        } else {
            *windowed = *span;
        }
    }
    (windowed, alone)
}

/// Gives `work` the spans that windows hold, the others made empty ones; returns
/// a bit for each of those. Nothing, and all bits, when the buffer has no window.
#[inline(always)]
pub(in super::super) fn with_windowed_keys<R>(
    buffer: &[u8],
    spans: &[KeySpan; BLOCK],
    work: impl FnOnce(WindowedKeys<'_>) -> R,
) -> (Option<R>, u64) {
    let apart;
    let (spans, alone) = if are_held(buffer, spans) {
        (spans, 0)
    } else {
        let alone;
        (apart, alone) = set_apart(buffer, spans);
        (&apart, alone)
    };
    let windowed = WindowedKeys { buffer, spans };
    ((alone != u64::MAX).then(|| work(windowed)), alone)
}
