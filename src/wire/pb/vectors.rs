//! A point's `vectors` field, built from kept and new vectors. `Vectors` and `VectorsOutput` have the same shape on
//! the wire, so `rewrite` and `unwrite` share this.

use std::ops::Range;

use super::encode::{field_len, put_bytes, put_header};
use super::splice::Splicer;

/// Members of the oneof of `Vectors`.
pub(super) const SINGLE: u32 = 1;
pub(super) const NAMED: u32 = 2;

/// Within `NamedVectors` and its entries.
pub(super) const ENTRY: u32 = 1;
pub(super) const KEY: u32 = 1;
pub(super) const VALUE: u32 = 2;

/// Where one outgoing vector's `Vector` comes from.
pub(super) enum Source {
    /// The body of one in the message.
    Kept(Range<usize>),
    /// The body of a new one.
    New(Vec<u8>),
}

impl Source {
    fn len(&self) -> usize {
        match self {
            Self::Kept(range) => range.len(),
            Self::New(bytes) => bytes.len(),
        }
    }

    fn put(self, splicer: &mut Splicer) {
        match self {
            Self::Kept(range) => splicer.keep(range),
            Self::New(bytes) => splicer.put(|out| out.extend_from_slice(&bytes)),
        }
    }
}

/// Adds the whole field to the splicer's last change. Where `may_be_single`, the unnamed vector alone has the shape
/// without a map.
pub(super) fn put_vectors_field(
    splicer: &mut Splicer,
    number: u32,
    may_be_single: bool,
    vectors: Vec<(&str, Source)>,
) {
    let is_single = may_be_single && matches!(vectors.as_slice(), [("", _)]);
    if is_single {
        for (_, source) in vectors {
            let len = source.len();
            splicer.put(|out| {
                put_header(out, number, field_len(SINGLE, len));
                put_header(out, SINGLE, len);
            });
            source.put(splicer);
        }
        return;
    }
    let entry_len = |name: &str, source: &Source| field_len(KEY, name.len()) + field_len(VALUE, source.len());
    let named_len = vectors
        .iter()
        .map(|(name, source)| field_len(ENTRY, entry_len(name, source)))
        .sum();
    splicer.put(|out| {
        put_header(out, number, field_len(NAMED, named_len));
        put_header(out, NAMED, named_len);
    });
    for (name, source) in vectors {
        splicer.put(|out| {
            put_header(out, ENTRY, entry_len(name, &source));
            put_bytes(out, KEY, name.as_bytes());
            put_header(out, VALUE, source.len());
        });
        source.put(splicer);
    }
}
