//! Writes small protobuf messages by hand: names, selectors, ids, payload values. Called by `rewrite` and `unwrite`.
//! Not for what a client sent: that is spliced.

use std::borrow::Cow;

use prost::encoding::{encode_varint, encoded_len_varint};
use serde_json::Value;

use crate::domain::ids::PointId;

const VARINT_BYTES_MAX: usize = 10;
const WIRE_VARINT: u64 = 0;
const WIRE_BYTES: u64 = 2;

/// A varint; most take one byte.
#[inline(always)]
fn put_varint(out: &mut Vec<u8>, value: u64) {
    match value {
        0..0x80 => out.push(value as u8),
        _ => encode_varint(value, out),
    }
}

/// Bytes that a length-delimited field's tag and length take.
pub(super) fn header_len(number: u32, body_len: usize) -> usize {
    encoded_len_varint(u64::from(number) << 3) + encoded_len_varint(body_len as u64)
}

/// Bytes that a length-delimited field takes.
pub(super) fn field_len(number: u32, body_len: usize) -> usize {
    header_len(number, body_len) + body_len
}

/// The tag of a length-delimited field, without its length.
pub(super) fn put_tag(out: &mut Vec<u8>, number: u32) {
    put_varint(out, u64::from(number) << 3 | WIRE_BYTES);
}

/// Tag and length.
pub(super) fn put_header(out: &mut Vec<u8>, number: u32, body_len: usize) {
    put_tag(out, number);
    put_varint(out, body_len as u64);
}

/// A whole length-delimited field.
pub(super) fn put_bytes(out: &mut Vec<u8>, number: u32, body: &[u8]) {
    put_header(out, number, body.len());
    out.extend_from_slice(body);
}

/// A whole varint field, zero included.
pub(super) fn put_number(out: &mut Vec<u8>, number: u32, value: u64) {
    put_varint(out, u64::from(number) << 3 | WIRE_VARINT);
    put_varint(out, value);
}

/// A submessage that `body` writes.
pub(super) fn put_message(out: &mut Vec<u8>, number: u32, body: impl FnOnce(&mut Vec<u8>)) {
    put_tag(out, number);
    let start = out.len();
    // Most lengths take one byte. What is longer makes room for its own once it is there.
    out.push(0);
    body(out);
    let len = out.len() - start - 1;
    match u8::try_from(len) {
        Ok(short) if short < 0x80 => out[start] = short,
        Ok(_) | Err(_) => {
            let mut length = Vec::with_capacity(VARINT_BYTES_MAX);
            encode_varint(len as u64, &mut length);
            out.splice(start..=start, length);
        }
    }
}

/// Each of `texts` as a field `number`.
pub(super) fn put_texts<'a>(out: &mut Vec<u8>, number: u32, texts: impl IntoIterator<Item = &'a str>) {
    for text in texts {
        put_bytes(out, number, text.as_bytes());
    }
}

/// Each id as a field `number` of type `PointId`.
pub(super) fn put_ids(out: &mut Vec<u8>, number: u32, ids: &[PointId]) {
    for id in ids {
        put_message(out, number, |out| match id {
            PointId::Num(num) => put_number(out, 1, *num),
            PointId::Uuid(uuid) => put_bytes(out, 2, uuid.to_string().as_bytes()),
        });
    }
}

/// The body of a `Value`.
pub(super) fn put_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => put_number(out, 1, 0),
        Value::Bool(flag) => put_number(out, 5, u64::from(*flag)),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => put_number(out, 3, integer.cast_unsigned()),
            (None, double) => {
                // Fixed64 is wire type 1.
                put_varint(out, 2 << 3 | 1);
                out.extend_from_slice(&double.unwrap_or_default().to_le_bytes());
            }
        },
        Value::String(text) => put_bytes(out, 4, text.as_bytes()),
        Value::Object(fields) => put_message(out, 6, |out| {
            for (key, value) in fields {
                put_entry(out, 1, key, value);
            }
        }),
        Value::Array(items) => put_message(out, 7, |out| {
            for item in items {
                put_message(out, 1, |out| put_value(out, item));
            }
        }),
    }
}

/// One entry of a `map<string, Value>`.
pub(super) fn put_entry(out: &mut Vec<u8>, number: u32, key: &str, value: &Value) {
    put_message(out, number, |out| {
        put_bytes(out, 1, key.as_bytes());
        put_message(out, 2, |out| put_value(out, value));
    });
}

/// A payload key as a JSON path: quoted where a bare key cannot spell it.
pub(super) fn path_of(key: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    match !key.is_empty() && key.bytes().all(is_plain) {
        true => Cow::Borrowed(key),
        false => Cow::Owned(format!("\"{key}\"")),
    }
}
