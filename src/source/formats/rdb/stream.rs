//! Streams: listpacks by id, consumer groups, what is pending.

use super::codes::{TYPE_STREAM_LISTPACKS, TYPE_STREAM_LISTPACKS_3};
use super::model::Heap;
use super::packed::{Form, Measured};
use super::radix::Radix;
use super::value::ValueSummary;
use super::value::Values;
use super::window::Window;
use crate::error::Result;
use crate::source::encoding::Encoding;
use crate::source::kind::KeyKind;

impl Values {
    pub(super) fn stream(&mut self, window: &mut Window, kind: u8) -> Result<ValueSummary> {
        let nodes = window.length()?;
        let mut ids = Radix::default();
        let (mut bytes, mut longest) = (0, 0);
        for node in 0..nodes {
            ids.add(self.id(window)?);
            let inside = self.inside(window, Form::Listpack, Measured::ALL)?;
            longest = longest.max(inside.longest);
            bytes += self.model.stream_listpack(inside.bytes, node + 1 == nodes);
        }
        bytes += self.model.stream(ids.shape());
        let elements = window.length()?;
        // The last id; since the second type the first one, the greatest deleted one and how many were ever added.
        let figures = if kind == TYPE_STREAM_LISTPACKS { 2 } else { 7 };
        for _ in 0..figures {
            window.length()?;
        }
        let groups = window.length()?;
        for _ in 0..groups {
            bytes += self.group(window, kind)?;
        }
        Ok(ValueSummary {
            kind: KeyKind::Stream,
            encoding: Encoding::Stream,
            elements: Some(elements),
            longest,
            heap: Heap::Object(bytes),
        })
    }

    /// The first id of a node: 16 bytes in a string.
    fn id(&mut self, window: &mut Window) -> Result<[u8; 16]> {
        let start = window.offset();
        self.scratch.clear();
        window.copy_text(16, &mut self.scratch)?;
        match self.scratch.as_slice().try_into() {
            Ok(id) => Ok(id),
            Err(_) => {
                let message = "expected a stream's id of 16 bytes, found fewer";
                Err(window.error(start, message))
            }
        }
    }

    fn group(&mut self, window: &mut Window, kind: u8) -> Result<u64> {
        window.step_text()?;
        // The last delivered id; since type 19 how many entries were read.
        for _ in 0..(if kind == TYPE_STREAM_LISTPACKS { 2 } else { 3 }) {
            window.length()?;
        }
        let pending = window.length()?;
        let mut ids = Radix::default();
        for _ in 0..pending {
            ids.add(window.array()?);
            // When it was delivered, and how often.
            window.skip(8)?;
            window.length()?;
        }
        let mut bytes = self.model.group(ids.shape());
        let consumers = window.length()?;
        for _ in 0..consumers {
            let name = window.step_text()?;
            // When it was seen; since type 21 when it was active.
            window.skip(if kind == TYPE_STREAM_LISTPACKS_3 {
                16
            } else {
                8
            })?;
            let pending = window.length()?;
            let mut ids = Radix::default();
            for _ in 0..pending {
                ids.add(window.array()?);
            }
            bytes += self.model.consumer(name, ids.shape());
        }
        Ok(bytes)
    }
}
