//! The collection that a message names, from the whole of it or as its chunks go by. Called by `server` to tell
//! managed collections from others; reads nothing but the top level.

use super::reader::{Cursor, Malformed, Wire};
use super::refuse::malformed;
use crate::domain::refusal::Refusal;

/// The number of `collection_name` in every request that has one.
const COLLECTION: u32 = 1;

/// Longest name that is read. Qdrant takes 255 bytes.
const NAME_BYTES_MAX: usize = 1024;

/// Longest varint.
const VARINT_BYTES_MAX: usize = 10;

/// The collection that a request names; the last one where it names several, as Qdrant reads it. `""` where it names
/// none.
pub fn collection_name(message: &[u8]) -> Result<&str, Refusal> {
    let mut name: &[u8] = b"";
    let mut fields = Cursor::new(message, 0..message.len());
    while let Some(field) = fields.next()? {
        if field.number == COLLECTION {
            if field.wire != Wire::Bytes {
                return Err(not_a_name());
            }
            name = &message[field.content()];
            if name.len() > NAME_BYTES_MAX {
                return Err(too_long());
            }
        }
    }
    std::str::from_utf8(name).map_err(|_| not_a_name())
}

fn not_a_name() -> Refusal {
    malformed("the request", "collection_name is no text")
}

fn too_long() -> Refusal {
    malformed("the request", "collection_name is longer than 1024 bytes")
}

/// Where in a message the watch stands.
#[derive(Debug)]
enum State {
    /// In a tag.
    Tag,
    /// In a varint's value.
    Varint,
    /// In a length; of the collection's name, or of something to skip.
    Length { is_name: bool },
    /// In a name, with so many bytes to come.
    Name(usize),
    /// In something else, with so many bytes to come.
    Skip(u64),
}

/// Follows the top level of a message whose chunks go by unkept. Holds no more than the name.
#[derive(Debug)]
pub struct TopLevelWatch {
    state: State,
    /// The varint that is being read.
    varint: [u8; VARINT_BYTES_MAX],
    varint_len: usize,
    /// The name that is being read.
    pending: Vec<u8>,
    name: Option<String>,
}

impl Default for TopLevelWatch {
    fn default() -> Self {
        Self::new()
    }
}

impl TopLevelWatch {
    /// At the start of a message, after its gRPC prefix.
    pub fn new() -> Self {
        Self {
            state: State::Tag,
            varint: [0; VARINT_BYTES_MAX],
            varint_len: 0,
            pending: Vec::new(),
            name: None,
        }
    }

    /// The name, as soon as it has gone by.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Reads the next chunk. Refuses what is no protobuf, and a second name that is another one.
    pub fn feed(&mut self, mut chunk: &[u8]) -> Result<(), Refusal> {
        loop {
            if matches!(self.state, State::Tag) && self.varint_len == 0 {
                chunk = self.whole_fields(chunk)?;
            }
            let Some((&byte, rest)) = chunk.split_first() else {
                return Ok(());
            };
            match self.state {
                State::Tag | State::Varint | State::Length { .. } => {
                    chunk = rest;
                    if let Some(value) = self.varint(byte)? {
                        self.after_varint(value)?;
                    }
                }
                State::Name(left) => {
                    let (taken, rest) = chunk.split_at(left.min(chunk.len()));
                    chunk = rest;
                    self.pending.extend_from_slice(taken);
                    self.state = State::Name(left - taken.len());
                }
                State::Skip(left) => {
                    let taken = usize::try_from(left).unwrap_or(usize::MAX).min(chunk.len());
                    chunk = &chunk[taken..];
                    self.state = State::Skip(left - taken as u64);
                }
            }
            self.settle()?;
        }
    }

    /// Reads the fields that lie in a chunk whole, as most do. Gives the rest of it, which starts with one that does not,
    /// or that something is wrong with.
    fn whole_fields<'c>(&mut self, chunk: &'c [u8]) -> Result<&'c [u8], Refusal> {
        let (mut fields, mut end) = (Cursor::new(chunk, 0..chunk.len()), 0);
        while let Some(field) = fields.short().or_else(|| fields.other().ok().flatten()) {
            if field.number == COLLECTION {
                let name = &chunk[field.content()];
                if field.wire != Wire::Bytes || name.len() > NAME_BYTES_MAX {
                    break;
                }
                Self::named(&mut self.name, name)?;
            }
            end = field.end;
        }
        Ok(&chunk[end..])
    }

    /// The name of a message that has ended: `""` where it named none. Refuses one that was cut short.
    pub fn finish(&self) -> Result<&str, Refusal> {
        match self.state {
            State::Tag if self.varint_len == 0 => Ok(self.name().unwrap_or("")),
            State::Tag | State::Varint | State::Length { .. } | State::Name(_) | State::Skip(_) => {
                Err(Malformed("a field is cut short").into())
            }
        }
    }

    /// One byte of a varint; its value with the last one.
    fn varint(&mut self, byte: u8) -> Result<Option<u64>, Refusal> {
        let room = self.varint.get_mut(self.varint_len);
        *room.ok_or(Malformed("a varint has no end"))? = byte;
        self.varint_len += 1;
        if byte >= 0x80 {
            return Ok(None);
        }
        let (value, _) = super::reader::varint(&self.varint, 0, self.varint_len)?;
        self.varint_len = 0;
        Ok(Some(value))
    }

    fn after_varint(&mut self, value: u64) -> Result<(), Refusal> {
        self.state = match self.state {
            State::Tag => Self::after_tag(value)?,
            State::Length { is_name: true } => {
                let len = usize::try_from(value).map_err(|_| too_long())?;
                if len > NAME_BYTES_MAX {
                    return Err(too_long());
                }
                self.pending.clear();
                State::Name(len)
            }
            State::Length { is_name: false } => State::Skip(value),
            State::Varint | State::Name(_) | State::Skip(_) => State::Tag,
        };
        Ok(())
    }

    fn after_tag(key: u64) -> Result<State, Refusal> {
        let key = u32::try_from(key).map_err(|_| Malformed("a tag overflows"))?;
        let is_name = key >> 3 == COLLECTION;
        match key & 7 {
            _ if key >> 3 == 0 => Err(Malformed("a field has number 0").into()),
            2 => Ok(State::Length { is_name }),
            0 | 1 | 5 if is_name => Err(not_a_name()),
            0 => Ok(State::Varint),
            1 => Ok(State::Skip(8)),
            5 => Ok(State::Skip(4)),
            _ => Err(Malformed("a group, or a wire type that does not exist").into()),
        }
    }

    /// Notes a name that has gone by.
    fn named(known: &mut Option<String>, name: &[u8]) -> Result<(), Refusal> {
        let name = std::str::from_utf8(name).map_err(|_| not_a_name())?;
        match known {
            Some(known) if known != name => Err(malformed("the request", "it names two collections")),
            Some(_) => Ok(()),
            None => {
                *known = Some(name.to_owned());
                Ok(())
            }
        }
    }

    /// Ends what has no bytes to come.
    fn settle(&mut self) -> Result<(), Refusal> {
        match self.state {
            State::Skip(0) => self.state = State::Tag,
            State::Name(0) => {
                Self::named(&mut self.name, &self.pending)?;
                self.state = State::Tag;
            }
            State::Tag | State::Varint | State::Length { .. } | State::Name(_) | State::Skip(_) => {}
        }
        Ok(())
    }
}
