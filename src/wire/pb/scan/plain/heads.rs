//! The vectors of plain points. Most points of a request write theirs alike but for the components: what is known of
//! the first is known of all whose field starts with the same bytes.

use std::borrow::Cow;
use std::ops::Range;

use super::bytes::{FIELD_1, FIELD_2, FIELD_4, only, take};
use crate::domain::few::Few;
use crate::domain::op::{InputValue, Point, PointVector};
use crate::wire::pb::places::VectorPlace;

/// Of `Vector`: its member `dense`, 101.
const DENSE: [u8; 2] = [0xaa, 0x06];

/// How a point wrote its one dense vector.
pub(super) struct Head<'a> {
    /// Its field `vectors` up to the first component: every tag and length of it, and the name.
    bytes: &'a [u8],
    /// Bytes of the whole field.
    len: usize,
    name: &'a str,
    /// Where the name stands.
    name_at: Range<usize>,
    /// Where in the field its `Vector` starts.
    body: usize,
    components: usize,
}

impl<'a> Head<'a> {
    /// The vectors of a point with this head.
    #[inline(always)]
    pub fn vectors(&self) -> Few<PointVector<'a>> {
        Few::One([dense(self.name, self.components)])
    }
}

/// A point's field `vectors`.
pub(super) struct Found<'a> {
    pub span: Range<usize>,
    /// `None`: those of the head.
    pub vectors: Option<Few<PointVector<'a>>>,
}

/// Takes a field `vectors`, a map of dense vectors, off the front of `rest`, which ends at `end`. Its places go to
/// `places`. `head` is that of a point before this one, if there was one; `before` is the latest point.
#[inline(always)]
pub(super) fn vectors<'a>(
    rest: &mut &'a [u8],
    end: usize,
    head: &mut Option<Head<'a>>,
    before: Option<&Point<'a>>,
    places: &mut Vec<VectorPlace>,
) -> Option<Found<'a>> {
    let start = end - rest.len();
    if let Some(head) = head
        && let Some((field, after)) = rest.split_at_checked(head.len)
        && field.starts_with(head.bytes)
    {
        *rest = after;
        places.push(VectorPlace {
            name: head.name_at.clone(),
            body: start + head.body..start + head.len,
        });
        return Some(Found {
            span: start..start + head.len,
            vectors: None,
        });
    }
    other_vectors(rest, end, head, before, places)
}

#[inline(never)]
fn other_vectors<'a>(
    rest: &mut &'a [u8],
    end: usize,
    head: &mut Option<Head<'a>>,
    before: Option<&Point<'a>>,
    places: &mut Vec<VectorPlace>,
) -> Option<Found<'a>> {
    let (start, field) = (end - rest.len(), *rest);
    let content = take(rest, FIELD_4)?;
    let span = start..end - rest.len();
    let first = places.len();
    let vectors = named(content, span.end, before, places)?;
    if let (
        [
            PointVector {
                name: Cow::Borrowed(name),
                value: InputValue::Dense(components),
            },
        ],
        [place],
    ) = (&*vectors, &places[first..])
    {
        *head = Some(Head {
            bytes: &field[..span.len() - components * size_of::<f32>()],
            len: span.len(),
            name,
            name_at: place.name.clone(),
            body: place.body.start - start,
            components: *components,
        });
    }
    Some(Found {
        span,
        vectors: Some(vectors),
    })
}

fn dense(name: &str, components: usize) -> PointVector<'_> {
    PointVector {
        name: Cow::Borrowed(name),
        value: InputValue::Dense(components),
    }
}

/// A map of dense vectors, which ends at `end`.
fn named<'a>(
    map: &'a [u8],
    end: usize,
    before: Option<&Point<'a>>,
    places: &mut Vec<VectorPlace>,
) -> Option<Few<PointVector<'a>>> {
    let mut found = Few::default();
    let mut rest = only(map, FIELD_2)?;
    while !rest.is_empty() {
        let mut entry = take(&mut rest, FIELD_1)?;
        let stop = end - rest.len();
        let name = take(&mut entry, FIELD_1)?;
        let name_end = stop - entry.len();
        let value = only(entry, FIELD_2)?;
        // Most points name the vectors that the one before them named.
        let known = before.and_then(|point| point.vectors.get(found.len()));
        let known = known.and_then(|vector| match vector.name {
            Cow::Borrowed(known) => (known.as_bytes() == name).then_some(known),
            Cow::Owned(_) => None,
        });
        let text = match known {
            Some(known) => known,
            None => std::str::from_utf8(name).ok()?,
        };
        if found.iter().any(|known: &PointVector<'_>| known.name == text) {
            return None;
        }
        found.push(dense(text, components(value)?));
        places.push(VectorPlace {
            name: name_end - name.len()..name_end,
            body: stop - value.len()..stop,
        });
    }
    Some(found)
}

/// Components of a `Vector` that is dense.
fn components(vector: &[u8]) -> Option<usize> {
    let [first, second] = DENSE;
    let rest = vector.strip_prefix(&[first])?;
    let floats = only(only(rest, second)?, FIELD_1)?.len();
    floats
        .is_multiple_of(size_of::<f32>())
        .then_some(floats / size_of::<f32>())
}
