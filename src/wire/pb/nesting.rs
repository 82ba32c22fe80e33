//! How deep a message nests, told while its chunks go by unkept. A stock Qdrant decodes without a bound and ends its
//! process on a message that nests some 600 levels, groups that no message has included. Called by `engine` for what
//! passes. Every submessage of the tables in `schema` is gone into, however short: prost notices that one is longer than
//! the one around it only after it has been decoded.

use prost::Message as _;
use qdrant_client::qdrant;

use super::reader::{Malformed, varint};
use super::refuse::too_deep;
use super::scan::schema_of;
use super::schema::{Kind, Message};
use crate::domain::op::Verb;
use crate::domain::refusal::Refusal;

/// Longest varint.
const VARINT_BYTES_MAX: usize = 10;

/// A message without a field that nests.
static FLAT: Message = Message {
    name: "request",
    fields: &[],
};

/// What the next bytes are.
#[derive(Clone, Copy, Debug)]
enum State {
    Tag,
    Varint,
    /// The length of a submessage, or of something that is passed over.
    Length(Option<&'static Message>),
    /// So many bytes of something that is passed over.
    Skip(u64),
}

/// A message that is being read.
#[derive(Clone, Copy, Debug)]
struct Level {
    schema: &'static Message,
    /// Bytes of it to come; for the whole message, which has no length, all that can.
    left: u64,
}

/// Follows one message.
#[derive(Debug)]
pub struct Nesting {
    state: State,
    levels: Vec<Level>,
    /// Groups that are open, in the innermost message: nothing in a group is gone into.
    groups: usize,
    depth_max: usize,
    varint: [u8; VARINT_BYTES_MAX],
    varint_len: usize,
}

impl Nesting {
    /// At the start of a request of `verb`; of any other where there is none.
    pub fn new(verb: Option<Verb>, depth_max: usize) -> Self {
        let schema = verb.and_then(schema_of).unwrap_or(&FLAT);
        Self {
            state: State::Tag,
            levels: vec![Level {
                schema,
                left: u64::MAX,
            }],
            groups: 0,
            depth_max,
            varint: [0; VARINT_BYTES_MAX],
            varint_len: 0,
        }
    }

    /// Reads the next chunk.
    ///
    /// # Errors
    /// `too_deep`, or `malformed` for what no server would take, before the byte that it is about has passed.
    pub fn feed(&mut self, chunk: &[u8]) -> Result<(), Refusal> {
        let mut at = 0;
        while at < chunk.len() {
            if let (State::Tag, 0, 0) = (self.state, self.varint_len, self.groups) {
                at = self.leap(chunk, at)?;
            }
            at = self.step(chunk, at)?;
        }
        Ok(())
    }

    /// Reads the fields whose heads stand whole in the chunk, from `at` on; gives where they end. Where a head is cut off
    /// or out of the ordinary it is left to [`Self::step`], which knows what may be wrong with it.
    fn leap(&mut self, chunk: &[u8], mut at: usize) -> Result<usize, Refusal> {
        while let Some(level) = self.levels.last_mut() {
            let Ok((key, value)) = varint(chunk, at, chunk.len()) else {
                break;
            };
            let Ok(key) = u32::try_from(key) else { break };
            let kind = level.schema.field(key >> 3).map(|(_, field)| field.kind);
            let (body, length, below) = match (key & 7, kind) {
                (2, kind) => match varint(chunk, value, chunk.len()) {
                    Ok((length, body)) => (body, length, kind.and_then(below)),
                    Err(_) => break,
                },
                (_, Some(Kind::Map(_))) => break,
                (0, _) => match varint(chunk, value, chunk.len()) {
                    Ok((_, body)) => (body, 0, None),
                    Err(_) => break,
                },
                (1, _) => (value, 8, None),
                (5, _) => (value, 4, None),
                _ => break,
            };
            let left = level.left.checked_sub((body - at) as u64);
            let Some(left) = left.and_then(|left| left.checked_sub(length)) else {
                break;
            };
            level.left = left;
            at = body;
            if let Some(schema) = below {
                self.levels.push(Level { schema, left: length });
                self.bound()?;
            } else {
                let here = usize::try_from(length)
                    .unwrap_or(usize::MAX)
                    .min(chunk.len() - at);
                at += here;
                self.state = State::Skip(length - here as u64);
            }
            self.settle()?;
            if let State::Skip(_) = self.state {
                break;
            }
        }
        Ok(at)
    }

    /// Reads one byte, or passes over what is to be skipped; gives where that ends.
    fn step(&mut self, chunk: &[u8], at: usize) -> Result<usize, Refusal> {
        let Some(&byte) = chunk.get(at) else {
            return Ok(at);
        };
        let at = match self.state {
            State::Skip(left) => {
                let taken = usize::try_from(left).unwrap_or(usize::MAX).min(chunk.len() - at);
                self.state = State::Skip(left - taken as u64);
                at + taken
            }
            State::Tag | State::Varint | State::Length(_) => {
                self.spend(1)?;
                if let Some(value) = self.varint(byte)? {
                    self.after(value)?;
                }
                at + 1
            }
        };
        self.settle()?;
        Ok(at)
    }

    /// One byte of a varint; its value with the last one.
    fn varint(&mut self, byte: u8) -> Result<Option<u64>, Malformed> {
        if self.varint_len == 0 && byte < 0x80 {
            return Ok(Some(u64::from(byte)));
        }
        let room = self.varint.get_mut(self.varint_len);
        *room.ok_or(Malformed("a varint has no end"))? = byte;
        self.varint_len += 1;
        if byte >= 0x80 {
            return Ok(None);
        }
        let (value, _) = varint(&self.varint, 0, self.varint_len)?;
        self.varint_len = 0;
        Ok(Some(value))
    }

    fn after(&mut self, value: u64) -> Result<(), Refusal> {
        match self.state {
            State::Tag => self.after_tag(value),
            State::Varint => {
                self.state = State::Tag;
                Ok(())
            }
            State::Length(Some(schema)) if self.groups == 0 => self.enter(schema, value),
            State::Length(_) => Ok(self.skip(value)?),
            State::Skip(_) => Ok(()),
        }
    }

    fn after_tag(&mut self, key: u64) -> Result<(), Refusal> {
        let key = u32::try_from(key).map_err(|_| Malformed("a tag overflows"))?;
        // prost reads a map's entry, and all that nests in it, whatever the wire type says.
        if key & 7 != 2 && self.is_map(key >> 3) {
            return Err(Malformed("a map's entry is no message").into());
        }
        match key & 7 {
            0 => self.state = State::Varint,
            1 => self.skip(8)?,
            2 => self.state = State::Length(self.below(key >> 3)),
            3 => {
                self.groups += 1;
                return self.bound();
            }
            4 if self.groups > 0 => self.groups -= 1,
            5 => self.skip(4)?,
            _ => return Err(Malformed("a wire type that does not exist, or the end of no group").into()),
        }
        Ok(())
    }

    /// The message that a field of the innermost one is.
    fn below(&self, number: u32) -> Option<&'static Message> {
        let (_, field) = self.levels.last()?.schema.field(number)?;
        below(field.kind)
    }

    fn is_map(&self, number: u32) -> bool {
        let field = self.levels.last().and_then(|level| level.schema.field(number));
        self.groups == 0 && field.is_some_and(|(_, field)| matches!(field.kind, Kind::Map(_)))
    }

    fn bound(&self) -> Result<(), Refusal> {
        match self.levels.len() + self.groups > self.depth_max {
            true => Err(too_deep(self.depth_max)),
            false => Ok(()),
        }
    }

    fn enter(&mut self, schema: &'static Message, length: u64) -> Result<(), Refusal> {
        self.spend(length)?;
        self.levels.push(Level { schema, left: length });
        self.state = State::Tag;
        self.bound()
    }

    fn skip(&mut self, length: u64) -> Result<(), Malformed> {
        self.spend(length)?;
        self.state = State::Skip(length);
        Ok(())
    }

    /// Takes bytes from the innermost message.
    fn spend(&mut self, bytes: u64) -> Result<(), Malformed> {
        let left = self.levels.last_mut().map(|level| &mut level.left);
        match left.and_then(|left| Some((left.checked_sub(bytes)?, left))) {
            Some((less, left)) => {
                *left = less;
                Ok(())
            }
            None => Err(Malformed("a field is longer than the message around it")),
        }
    }

    /// Ends what has no bytes to come.
    fn settle(&mut self) -> Result<(), Malformed> {
        if let State::Skip(0) = self.state {
            self.state = State::Tag;
        }
        while let (State::Tag, 0, Some(Level { left: 0, .. })) =
            (self.state, self.varint_len, self.levels.last())
        {
            if self.groups > 0 {
                return Err(Malformed("a group has no end"));
            }
            self.levels.pop();
        }
        Ok(())
    }
}

/// The message that a field of this kind is.
fn below(kind: Kind) -> Option<&'static Message> {
    match kind {
        Kind::Message(schema) | Kind::Map(schema) => Some(schema),
        Kind::Number | Kind::Float | Kind::Double | Kind::Text | Kind::Floats | Kind::Numbers => None,
    }
}

/// Judges the whole message of a call about collections themselves. They are few and short, and decoding them, which
/// prost does up to a hundred levels, needs no table.
///
/// # Errors
/// `too_deep`. What cannot be decoded for another reason is the server's to refuse.
pub fn judge_collection_call(path: &str, message: &[u8]) -> Result<(), Refusal> {
    const LEVELS_MAX: usize = 100;
    let error = match path {
        "/qdrant.Collections/Create" => qdrant::CreateCollection::decode(message).err(),
        "/qdrant.Collections/Update" => qdrant::UpdateCollection::decode(message).err(),
        "/qdrant.Collections/UpdateAliases" => qdrant::ChangeAliases::decode(message).err(),
        "/qdrant.Collections/UpdateCollectionClusterSetup" => {
            qdrant::UpdateCollectionClusterSetupRequest::decode(message).err()
        }
        "/qdrant.Collections/CreateShardKey" => qdrant::CreateShardKeyRequest::decode(message).err(),
        "/qdrant.Collections/DeleteShardKey" => qdrant::DeleteShardKeyRequest::decode(message).err(),
        _ => <()>::decode(message).err(),
    };
    match error {
        Some(error) if error.to_string().contains("recursion limit") => Err(too_deep(LEVELS_MAX)),
        Some(_) | None => Ok(()),
    }
}
