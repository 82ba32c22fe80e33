//! Walks answers. Unlike requests they have no tables: what a newer server adds is passed on as it came.

use std::ops::Range;

use bytes::Bytes;

use super::places::{Frame, FrameId};
use super::reader::{Cursor, Raw, Wire};
use super::refuse::bad_answer;
use super::splice::{Spliced, Splicer};
use crate::domain::refusal::Refusal;

/// An answer and its changes, as they are collected.
pub(super) struct Answer<'a> {
    pub bytes: &'a Bytes,
    pub splicer: Splicer,
    frames: Vec<Frame>,
}

/// A message of an answer.
#[derive(Clone, Debug)]
pub(super) struct Inside {
    pub frame: FrameId,
    pub body: Range<usize>,
}

impl<'a> Answer<'a> {
    pub fn new(bytes: &'a Bytes) -> Self {
        let root = Frame {
            parent: FrameId::ROOT,
            length: 0..0,
            body: 0..bytes.len(),
        };
        Self {
            bytes,
            splicer: Splicer::default(),
            frames: vec![root],
        }
    }

    /// The whole answer.
    pub fn root(&self) -> Inside {
        Inside {
            frame: FrameId::ROOT,
            body: 0..self.bytes.len(),
        }
    }

    /// The fields at `range`, collected: so that changes can be made while they are gone through.
    pub fn fields(&self, range: &Range<usize>) -> Result<Vec<Raw>, Refusal> {
        fields(self.bytes, range)
    }

    /// Goes into a submessage that may change.
    pub fn enter(&mut self, parent: &Inside, raw: &Raw) -> Result<Inside, Refusal> {
        let id = u32::try_from(self.frames.len()).map_err(|_| bad_answer("it has too many parts"))?;
        self.frames.push(Frame {
            parent: parent.frame,
            length: raw.value..raw.body,
            body: raw.content(),
        });
        Ok(Inside {
            frame: FrameId(id),
            body: raw.content(),
        })
    }

    /// Takes a field out.
    pub fn remove(&mut self, inside: &Inside, raw: &Raw) {
        self.splicer.replace(inside.frame, raw.outer());
    }

    /// Key and value of a map's entry. An absent value stands, empty, at the entry's end.
    ///
    /// # Errors
    /// `bad_answer`, also for an entry that is written as anything but a message: prost takes it for one nevertheless.
    pub fn entry(&self, raw: &Raw) -> Result<(&'a str, Range<usize>), Refusal> {
        if raw.wire != Wire::Bytes {
            return Err(bad_answer("an entry of a map is no message"));
        }
        let (mut key, mut value) = ("", raw.end..raw.end);
        for field in self.fields(&raw.content())? {
            match field.number {
                1 => {
                    key = std::str::from_utf8(&self.bytes[field.content()])
                        .map_err(|_| bad_answer("a key is not UTF-8"))?;
                }
                2 => value = field.content(),
                _ => {}
            }
        }
        Ok((key, value))
    }

    /// The answer with its changes.
    pub fn finish(self) -> Spliced {
        self.splicer.finish(&self.frames, self.bytes)
    }
}

/// The fields at `range` of an answer.
pub(super) fn fields(bytes: &Bytes, range: &Range<usize>) -> Result<Vec<Raw>, Refusal> {
    let mut cursor = Cursor::new(bytes, range.clone());
    let mut fields = Vec::new();
    while let Some(field) = cursor.next().map_err(|malformed| bad_answer(malformed.0))? {
        fields.push(field);
    }
    Ok(fields)
}

/// Joins an answer's parts.
pub(super) fn join(parts: Vec<Bytes>) -> Bytes {
    match <[Bytes; 1]>::try_from(parts) {
        Ok([only]) => only,
        Err(parts) => parts.concat().into(),
    }
}
