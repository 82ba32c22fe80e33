//! Whether a read could reach into a second collection. Called by `engine` for reads of collections that it passes on:
//! it costs a look at each field's head, where a search for names costs a look at each byte.

use std::ops::Range;

use super::reader::{Cursor, Wire};
use super::scan::schema_of;
use super::schema::{Kind, LOOKUP_LOCATION, Message, WITH_LOOKUP};
use crate::domain::op::Verb;

/// Deeper ones are left to the scan, which has a bound of its own.
const LEVELS_MAX: usize = 64;

/// Whether a message looks up in a second collection, or holds what is not known here and so might.
pub fn may_look_up(verb: Verb, message: &[u8]) -> bool {
    schema_of(verb).is_none_or(|schema| !is_alone(schema, message, 0..message.len(), LEVELS_MAX))
}

/// Whether every field is known, and none is a look-up.
fn is_alone(schema: &Message, message: &[u8], span: Range<usize>, levels: usize) -> bool {
    let Some(levels) = levels.checked_sub(1) else {
        return false;
    };
    let mut fields = Cursor::new(message, span);
    loop {
        let field = match fields.next() {
            Ok(Some(field)) => field,
            Ok(None) => return true,
            Err(_) => return false,
        };
        let Some((_, known)) = schema.field(field.number) else {
            return false;
        };
        // What is of another type than it has here is not known either.
        let is_alone = match known.kind {
            Kind::Message(below) | Kind::Map(below) => {
                field.wire == Wire::Bytes
                    && !below.is(&LOOKUP_LOCATION)
                    && !below.is(&WITH_LOOKUP)
                    && is_alone(below, message, field.content(), levels)
            }
            Kind::Number => field.wire == Wire::Varint,
            Kind::Float => field.wire == Wire::Fixed32,
            Kind::Double => field.wire == Wire::Fixed64,
            Kind::Text => field.wire == Wire::Bytes,
            Kind::Floats => matches!(field.wire, Wire::Bytes | Wire::Fixed32),
            Kind::Numbers => matches!(field.wire, Wire::Bytes | Wire::Varint),
        };
        if !is_alone {
            return false;
        }
    }
}
