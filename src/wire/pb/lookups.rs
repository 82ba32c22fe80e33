//! Whether a read could reach into a second collection. Called by `engine` for reads of collections that it passes on:
//! it costs a look at each field's head, where a search for names costs a look at each byte.

use std::ops::Range;

use super::reader::{Cursor, Malformed, Wire};
use super::scan::schema_of;
use super::schema::{Kind, LOOKUP_LOCATION, Message, WITH_LOOKUP};
use crate::domain::op::Verb;

/// Deeper ones are left to the scan, which has a bound of its own.
const LEVELS_MAX: usize = 64;

/// Field numbers, of every batch of reads and of what it holds.
const COLLECTION: u32 = 1;
const ITEM: u32 = 2;

/// Whether a message looks up in a second collection, or names one in a batch's item, or holds what is not known here and
/// so might.
pub fn may_look_up(verb: Verb, message: &[u8]) -> bool {
    schema_of(verb).is_none_or(|schema| !is_alone(schema, message, 0..message.len(), LEVELS_MAX))
        || (is_batch(verb) && names_another(message).unwrap_or(true))
}

fn is_batch(verb: Verb) -> bool {
    matches!(
        verb,
        Verb::SearchBatch | Verb::RecommendBatch | Verb::DiscoverBatch | Verb::QueryBatch
    )
}

/// Whether an item of a batch is said to be for another collection than the batch.
fn names_another(message: &[u8]) -> Result<bool, Malformed> {
    let whole = 0..message.len();
    let mut named = &message[..0];
    let mut fields = Cursor::new(message, whole.clone());
    while let Some(field) = fields.next()? {
        if field.number == COLLECTION {
            named = &message[field.content()];
        }
    }
    let mut fields = Cursor::new(message, whole);
    while let Some(field) = fields.next()? {
        if field.number != ITEM {
            continue;
        }
        let mut inside = Cursor::new(message, field.content());
        while let Some(inner) = inside.next()? {
            let name = &message[inner.content()];
            if inner.number == COLLECTION && !name.is_empty() && name != named {
                return Ok(true);
            }
        }
    }
    Ok(false)
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
