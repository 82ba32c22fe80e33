//! What each request message may hold. `scan` walks bodies along these tables, so a field that is missing here is
//! refused on managed collections. Answers have no tables: what a newer server adds to them is passed on.

mod common;
mod reads;
mod writes;

use super::reader::Wire;

pub(super) use common::*;
pub(super) use reads::*;
pub(super) use writes::*;

/// A message type.
#[derive(Debug)]
pub(super) struct Message {
    pub name: &'static str,
    /// In ascending order of their numbers; 64 at most.
    pub fields: &'static [Field],
}

/// One field of a message type.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub number: u32,
    pub kind: Kind,
    /// Whether it may stand more than once with each one counting.
    pub is_repeated: bool,
    /// The oneof that it is a member of; 0 is none.
    pub oneof: u8,
    /// A bit for each way in which it may be written: `1 << wire as u8`.
    wires: u8,
    /// Whether its content is looked at where it stands, beyond its length.
    pub is_looked_at: bool,
}

/// A field's type, as far as reading must tell them apart.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// Integers, booleans and enums.
    Number,
    /// `float`.
    Float,
    /// `double`.
    Double,
    /// `string`: UTF-8.
    Text,
    /// A submessage.
    Message(&'static Message),
    /// An entry of a map with text keys.
    Map(&'static Message),
    /// `repeated float`, packed or not.
    Floats,
    /// Repeated integers, packed or not.
    Numbers,
}

const fn field(number: u32, kind: Kind) -> Field {
    const VARINT: u8 = 1 << Wire::Varint as u8;
    const BYTES: u8 = 1 << Wire::Bytes as u8;
    const FIXED32: u8 = 1 << Wire::Fixed32 as u8;
    const FIXED64: u8 = 1 << Wire::Fixed64 as u8;
    let wires = match kind {
        Kind::Number => VARINT,
        Kind::Float => FIXED32,
        Kind::Double => FIXED64,
        Kind::Text | Kind::Message(_) | Kind::Map(_) => BYTES,
        Kind::Floats => FIXED32 | BYTES,
        Kind::Numbers => VARINT | BYTES,
    };
    Field {
        number,
        kind,
        is_repeated: false,
        oneof: 0,
        wires,
        is_looked_at: matches!(kind, Kind::Text | Kind::Floats | Kind::Numbers),
    }
}

pub(super) const fn number(number: u32) -> Field {
    field(number, Kind::Number)
}

const fn float(number: u32) -> Field {
    field(number, Kind::Float)
}

const fn double(number: u32) -> Field {
    field(number, Kind::Double)
}

pub(super) const fn text(number: u32) -> Field {
    field(number, Kind::Text)
}

const fn one(number: u32, message: &'static Message) -> Field {
    field(number, Kind::Message(message))
}

const fn many(number: u32, message: &'static Message) -> Field {
    Field {
        is_repeated: true,
        ..field(number, Kind::Message(message))
    }
}

pub(super) const fn texts(number: u32) -> Field {
    Field {
        is_repeated: true,
        ..field(number, Kind::Text)
    }
}

const fn map(number: u32, entry: &'static Message) -> Field {
    Field {
        is_repeated: true,
        ..field(number, Kind::Map(entry))
    }
}

const fn floats(number: u32) -> Field {
    Field {
        is_repeated: true,
        ..field(number, Kind::Floats)
    }
}

const fn numbers(number: u32) -> Field {
    Field {
        is_repeated: true,
        ..field(number, Kind::Numbers)
    }
}

impl Field {
    const fn of(self, oneof: u8) -> Self {
        Self { oneof, ..self }
    }

    /// Whether it may be written so.
    pub fn takes(&self, wire: Wire) -> bool {
        self.wires >> wire as u8 & 1 != 0
    }
}

impl Message {
    /// The field of this number, with its place in the table.
    pub fn field(&self, number: u32) -> Option<(usize, &'static Field)> {
        // Most messages number their fields from 1 without gaps.
        let guess = (number as usize).wrapping_sub(1);
        if let Some(field) = self.fields.get(guess)
            && field.number == number
        {
            return Some((guess, field));
        }
        let index = self
            .fields
            .binary_search_by_key(&number, |field| field.number)
            .ok()?;
        Some((index, &self.fields[index]))
    }

    /// Whether this is the same type.
    pub fn is(&self, other: &'static Self) -> bool {
        std::ptr::eq(self, other)
    }
}
