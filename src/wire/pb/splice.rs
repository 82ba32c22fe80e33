//! Changes of a message as splices: what stays leaves as slices of it, and every enclosing length is made anew.
//! Called by `rewrite`, `unwrite` and `info`; knows no message.

use std::ops::Range;

use bytes::Bytes;
use prost::encoding::encode_varint;
use smallvec::SmallVec;

use super::places::{Frame, FrameId};
use super::refuse::unfit;
use crate::domain::refusal::Refusal;

/// Parts of the message up to this many bytes are copied instead: a slice costs more than that in itself.
pub(super) const COPY_BYTES_MAX: usize = 64;

/// The same for new bytes: tags and headers are joined with what surrounds them, embeddings are not copied again.
const COPY_NEW_BYTES_MAX: usize = 512;

/// A part of what takes a place.
enum Piece {
    /// Of the bytes that are new.
    New(Range<usize>),
    /// Of the message.
    Kept(Range<usize>),
}

/// What most edits need: a tag's bytes.
const EDIT_BYTES: usize = 320;

/// Pieces and changes of most requests that are not writes of points.
const FEW: usize = 4;

/// One change. The fields order them: by place, insertions before what is replaced, inner ones before outer ones.
struct Change {
    order: u64,
    frame: FrameId,
    at: Range<usize>,
    pieces: Range<usize>,
    /// The body of its frame, once that is known: an insertion belongs to a part only where its frame lies in it.
    body: Range<usize>,
}

/// The changes of one message, as they are collected.
#[derive(Default)]
pub(super) struct Splicer {
    new: Vec<u8>,
    pieces: SmallVec<[Piece; FEW]>,
    changes: SmallVec<[Change; FEW]>,
    /// How much longer each frame's body becomes.
    growth: SmallVec<[isize; FEW]>,
}

impl Splicer {
    /// For so many edits, most of which change one place and a length.
    pub fn with_capacity(edits: usize, frames: usize) -> Self {
        Self {
            new: Vec::with_capacity(edits * EDIT_BYTES),
            pieces: SmallVec::with_capacity(edits * 2),
            changes: SmallVec::with_capacity(edits * 2),
            growth: SmallVec::with_capacity(frames),
        }
    }

    /// Puts what follows in the place of `at`, which stands in `frame`. An empty `at` is an insertion.
    pub fn replace(&mut self, frame: FrameId, at: Range<usize>) {
        self.grow(frame, -len_of(&at));
        let end = self.pieces.len();
        self.changes.push(Change {
            order: order(frame, &at),
            frame,
            at,
            pieces: end..end,
            body: 0..0,
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
        // Of changes with the same order, the first stays the first.
        self.changes.sort_by_key(|change| change.order);
        for change in &mut self.changes {
            let frame = frames.get(change.frame.0 as usize);
            change.body = frame.map_or(0..message.len(), |frame| frame.body.clone());
        }
        Spliced {
            message: message.clone(),
            new: self.new.into(),
            pieces: self.pieces,
            changes: self.changes,
        }
    }
}

/// Where a change stands among the others. At one place: insertions before what is replaced, inner ones before outer
/// ones. Bodies are below 2 GiB.
fn order(frame: FrameId, at: &Range<usize>) -> u64 {
    (at.start as u64) << 33 | u64::from(!at.is_empty()) << 32 | u64::from(u32::MAX - frame.0)
}

/// A message with its changes in order.
pub(super) struct Spliced {
    message: Bytes,
    new: Bytes,
    pieces: SmallVec<[Piece; FEW]>,
    changes: SmallVec<[Change; FEW]>,
}

impl Spliced {
    /// Writes the part `range` of the message, changed.
    pub fn emit(&self, range: Range<usize>, out: &mut Sink) -> Result<(), Refusal> {
        let first = self.changes.partition_point(|c| c.at.start < range.start);
        let mut at = range.start;
        for change in &self.changes[first..] {
            if change.at.start > range.end {
                break;
            }
            let is_foreign = if change.at.is_empty() {
                // An empty message that ends where a part begins has its length in the part before.
                let body = &change.body;
                let is_before = body.is_empty() && body.start == range.start && !range.is_empty();
                body.start < range.start || is_before
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
        let mut out = Sink::with_capacity(
            2 * self.changes.len() + 1,
            self.new.len() + self.changes.len() * COPY_BYTES_MAX,
        );
        self.emit(0..self.message.len(), &mut out)?;
        Ok(out.into_parts())
    }
}

/// A part of a body on its way out.
enum Part {
    /// Of the bytes that are new.
    New(Range<usize>),
    /// Of something that is there already.
    Kept(Bytes),
}

/// Parts of a body, in order. All that is new, or short, stands in one buffer.
#[derive(Default)]
pub(super) struct Sink {
    new: Vec<u8>,
    /// Where the part of `new` starts that is no part yet.
    open: usize,
    parts: SmallVec<[Part; FEW]>,
    /// Bytes that are kept.
    kept: usize,
}

impl Sink {
    /// For so many parts.
    pub fn with_capacity(parts: usize, new_bytes: usize) -> Self {
        Self {
            new: Vec::with_capacity(new_bytes),
            parts: SmallVec::with_capacity(parts),
            ..Self::default()
        }
    }

    /// Adds a part of `of`: by reference, unless it is short.
    pub fn slice(&mut self, of: &Bytes, range: Range<usize>) {
        if range.len() <= COPY_BYTES_MAX {
            self.put(&of[range]);
        } else {
            self.close();
            self.kept += range.len();
            self.parts.push(Part::Kept(of.slice(range)));
        }
    }

    /// Adds new bytes.
    pub fn put(&mut self, bytes: &[u8]) {
        self.new.extend_from_slice(bytes);
    }

    /// Adds another body after this one.
    pub fn append(&mut self, mut other: Self) {
        other.close();
        let before = self.new.len();
        let mut parts = other.parts.into_iter();
        if let Some(first) = parts.next() {
            match first {
                // It goes on where this one ends.
                Part::New(range) => {
                    let is_all = parts.len() == 0;
                    self.new.extend_from_slice(&other.new);
                    if !is_all {
                        self.parts.push(Part::New(self.open..before + range.end));
                        self.open = before + range.end;
                    }
                }
                Part::Kept(bytes) => {
                    self.close();
                    self.new.extend_from_slice(&other.new);
                    self.parts.push(Part::Kept(bytes));
                }
            }
        }
        for part in parts {
            match part {
                Part::New(range) => {
                    self.parts
                        .push(Part::New(before + range.start..before + range.end));
                    self.open = before + range.end;
                }
                Part::Kept(bytes) => self.parts.push(Part::Kept(bytes)),
            }
        }
        self.kept += other.kept;
    }

    /// Bytes so far.
    pub fn len(&self) -> usize {
        self.new.len() + self.kept
    }

    fn close(&mut self) {
        let end = self.new.len();
        if end > self.open {
            self.parts.push(Part::New(self.open..end));
            self.open = end;
        }
    }

    /// Everything, in order.
    pub fn into_parts(mut self) -> Vec<Bytes> {
        self.close();
        let mut new = Bytes::from(self.new);
        let parts = self.parts.into_iter();
        parts
            .map(|part| match part {
                // Often it is one part.
                Part::New(range) if range.len() == new.len() => std::mem::take(&mut new),
                Part::New(range) => new.slice(range),
                Part::Kept(bytes) => bytes,
            })
            .collect()
    }
}

/// Offsets of a body fit an `isize`, as every length in memory does.
fn len_of(range: &Range<usize>) -> isize {
    range.len().cast_signed()
}
