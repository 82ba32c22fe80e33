//! Changes of a message as splices: what stays leaves as slices of it, and every enclosing length is made anew.
//! Called by `rewrite`, `unwrite` and `info`; knows no message.

use std::cmp::Reverse;
use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};
use prost::encoding::encode_varint;

use super::places::{Frame, FrameId};
use super::refuse::unfit;
use crate::domain::refusal::Refusal;

/// Parts of the message up to this many bytes are copied instead: a slice costs more than that in itself.
const COPY_BYTES_MAX: usize = 64;

/// The same for new bytes: tags and headers are joined with what surrounds them, embeddings are not copied again.
const COPY_NEW_BYTES_MAX: usize = 512;

/// A part of what takes a place.
enum Piece {
    /// Of the bytes that are new.
    New(Range<usize>),
    /// Of the message.
    Kept(Range<usize>),
}

struct Change {
    frame: FrameId,
    at: Range<usize>,
    pieces: Range<usize>,
}

/// The changes of one message, as they are collected.
#[derive(Default)]
pub(super) struct Splicer {
    new: Vec<u8>,
    pieces: Vec<Piece>,
    changes: Vec<Change>,
    /// How much longer each frame's body becomes.
    growth: Vec<isize>,
}

impl Splicer {
    /// Puts what follows in the place of `at`, which stands in `frame`. An empty `at` is an insertion.
    pub fn replace(&mut self, frame: FrameId, at: Range<usize>) {
        self.grow(frame, -len_of(&at));
        let end = self.pieces.len();
        self.changes.push(Change {
            frame,
            at,
            pieces: end..end,
        });
    }

    /// Adds new bytes to the last change.
    pub fn put(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.new.len();
        write(&mut self.new);
        let range = start..self.new.len();
        self.push(len_of(&range), Piece::New(range));
    }

    /// Adds bytes of the message to the last change.
    pub fn keep(&mut self, range: Range<usize>) {
        self.push(len_of(&range), Piece::Kept(range));
    }

    fn push(&mut self, len: isize, piece: Piece) {
        self.pieces.push(piece);
        if let Some(change) = self.changes.last_mut() {
            change.pieces.end = self.pieces.len();
            let frame = change.frame;
            self.grow(frame, len);
        }
    }

    fn grow(&mut self, frame: FrameId, by: isize) {
        let index = frame.0 as usize;
        if self.growth.len() <= index {
            self.growth.resize(index + 1, 0);
        }
        self.growth[index] += by;
    }

    /// Makes the lengths of every frame that grew, and puts the changes in order. `frames[0]` is the whole message.
    pub fn finish(mut self, frames: &[Frame], message: &Bytes) -> Spliced {
        // Parents stand before their children, so each frame is complete when its turn comes.
        for index in (1..self.growth.len().min(frames.len())).rev() {
            let (frame, grown) = (&frames[index], self.growth[index]);
            if grown == 0 {
                continue;
            }
            let len = frame.body.len().saturating_add_signed(grown) as u64;
            self.replace(frame.parent, frame.length.clone());
            self.put(|out| encode_varint(len, out));
            self.grow(frame.parent, grown);
        }
        // At one place: insertions before what is replaced, inner ones before outer ones.
        self.changes
            .sort_by_key(|c| (c.at.start, !c.at.is_empty(), Reverse(c.frame)));
        let inserts_from = self
            .changes
            .iter()
            .map(|c| frames.get(c.frame.0 as usize).map_or(0, |f| f.body.start))
            .collect();
        Spliced {
            message: message.clone(),
            new: self.new.into(),
            pieces: self.pieces,
            changes: self.changes,
            inserts_from,
        }
    }
}

/// A message with its changes in order.
pub(super) struct Spliced {
    message: Bytes,
    new: Bytes,
    pieces: Vec<Piece>,
    changes: Vec<Change>,
    /// Where the frame of each change starts: an insertion belongs to a part only where its frame lies in it.
    inserts_from: Vec<usize>,
}

impl Spliced {
    /// Writes the part `range` of the message, changed.
    pub fn emit(&self, range: Range<usize>, out: &mut Sink) -> Result<(), Refusal> {
        let first = self.changes.partition_point(|c| c.at.start < range.start);
        let mut at = range.start;
        for (change, from) in self.changes[first..].iter().zip(&self.inserts_from[first..]) {
            if change.at.start > range.end {
                break;
            }
            let is_foreign = if change.at.is_empty() {
                *from < range.start
            } else {
                change.at.start >= range.end
            };
            if is_foreign {
                continue;
            }
            if change.at.start < at || change.at.end > range.end {
                return Err(unfit("two edits overlap"));
            }
            out.slice(&self.message, at..change.at.start);
            for piece in &self.pieces[change.pieces.clone()] {
                match piece {
                    Piece::New(range) if range.len() <= COPY_NEW_BYTES_MAX => {
                        out.put(&self.new[range.clone()])
                    }
                    Piece::New(range) => out.slice(&self.new, range.clone()),
                    Piece::Kept(range) => out.slice(&self.message, range.clone()),
                }
            }
            at = change.at.end;
        }
        out.slice(&self.message, at..range.end);
        Ok(())
    }

    /// The whole message, changed.
    pub fn all(&self) -> Result<Vec<Bytes>, Refusal> {
        let mut out = Sink::default();
        self.emit(0..self.message.len(), &mut out)?;
        Ok(out.into_parts())
    }
}

/// Parts of a body, in order; short ones are joined.
#[derive(Default)]
pub(super) struct Sink {
    parts: Vec<Bytes>,
    tail: BytesMut,
    len: usize,
}

impl Sink {
    /// Adds a part of `of`: by reference, unless it is short.
    pub fn slice(&mut self, of: &Bytes, range: Range<usize>) {
        self.len += range.len();
        if range.len() <= COPY_BYTES_MAX {
            self.tail.put_slice(&of[range]);
        } else {
            self.flush();
            self.parts.push(of.slice(range));
        }
    }

    /// Adds new bytes.
    pub fn put(&mut self, bytes: &[u8]) {
        self.len += bytes.len();
        self.tail.put_slice(bytes);
    }

    /// Adds another body after this one.
    pub fn append(&mut self, mut other: Self) {
        self.len += other.len;
        if !other.parts.is_empty() {
            self.flush();
            self.parts.append(&mut other.parts);
        }
        self.tail.put_slice(&other.tail);
    }

    /// Bytes so far.
    pub fn len(&self) -> usize {
        self.len
    }

    fn flush(&mut self) {
        if !self.tail.is_empty() {
            self.parts.push(self.tail.split().freeze());
        }
    }

    /// Everything, in order.
    pub fn into_parts(mut self) -> Vec<Bytes> {
        self.flush();
        self.parts
    }
}

/// Offsets of a body fit an `isize`, as every length in memory does.
fn len_of(range: &Range<usize>) -> isize {
    range.len().cast_signed()
}
