//! Edits of a body by byte offsets. What is not edited goes out as slices of what came in. Called by `rewrite`, `unwrite`
//! and `info`.

use std::borrow::Cow;

use bytes::Bytes;

use super::cursor::Span;
use super::errors;
use super::strings;
use crate::domain::refusal::Refusal;

/// A value on its way out: slices and new bytes, in order.
pub(super) type Parts = Vec<Bytes>;

/// New bytes.
pub(super) fn new(text: impl Into<String>) -> Bytes {
    Bytes::from(text.into())
}

/// The bytes of a span, shared with the body.
pub(super) fn kept(body: &Bytes, span: Span) -> Result<Bytes, Refusal> {
    if span.start > span.end || span.end > body.len() {
        return Err(errors::misfit("a place lies outside the body"));
    }
    Ok(body.slice(span.start..span.end))
}

/// `parts` with a comma between each two.
pub(super) fn join(parts: impl IntoIterator<Item = Parts>) -> Parts {
    let mut out = Parts::new();
    for part in parts {
        if !out.is_empty() {
            out.push(Bytes::from_static(b","));
        }
        out.extend(part);
    }
    out
}

/// A member of an object: its key, and its value.
pub(super) fn member(key: &str, value: Parts) -> Parts {
    let mut out = vec![new(format!("{}:", strings::quote(key)))];
    out.extend(value);
    out
}

/// `parts` between two brackets.
pub(super) fn wrap(open: &'static str, parts: Parts, close: &'static str) -> Parts {
    let mut out = vec![Bytes::from_static(open.as_bytes())];
    out.extend(parts);
    out.push(Bytes::from_static(close.as_bytes()));
    out
}

/// One edit.
#[derive(Debug)]
struct Splice {
    span: Span,
    new: Parts,
    /// For a member that is put at the head of an object: whether that object has no other.
    heads_empty: Option<bool>,
}

/// The edits of one body.
#[derive(Debug)]
pub(super) struct Splices<'b> {
    body: &'b Bytes,
    list: Vec<Splice>,
}

impl<'b> Splices<'b> {
    pub fn new(body: &'b Bytes) -> Self {
        Self {
            body,
            list: Vec::new(),
        }
    }

    pub fn body(&self) -> &'b Bytes {
        self.body
    }

    /// Puts `new` in the place of a span.
    pub fn replace(&mut self, span: Span, new: Parts) {
        self.list.push(Splice {
            span,
            new,
            heads_empty: None,
        });
    }

    /// Puts `new` before the byte at `at`.
    pub fn insert(&mut self, at: usize, new: Parts) {
        self.replace(Span { start: at, end: at }, new);
    }

    /// Puts a member at the head of the object whose first member would start at `open`.
    pub fn put_member(&mut self, open: usize, is_empty: bool, key: Cow<'_, str>, value: Parts) {
        self.list.push(Splice {
            span: Span {
                start: open,
                end: open,
            },
            new: member(&key, value),
            heads_empty: Some(is_empty),
        });
    }

    /// Takes the edits within a span out, and gives the span's bytes with them made.
    pub fn take(&mut self, span: Span) -> Result<Parts, Refusal> {
        let is_within = |s: &Splice| span.start <= s.span.start && s.span.end <= span.end;
        let (within, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.list).into_iter().partition(is_within);
        self.list = rest;
        let mut inner = Self {
            body: self.body,
            list: within,
        };
        inner.sort();
        inner.emit(span)
    }

    /// Orders the edits: call it once, before [`Self::emit`].
    pub fn sort(&mut self) {
        self.list
            .sort_by_key(|splice| (splice.span.start, splice.span.end));
    }

    /// The bytes of a span, with the edits that lie in it.
    pub fn emit(&self, span: Span) -> Result<Parts, Refusal> {
        let from = self.list.partition_point(|s| s.span.start < span.start);
        let to = self.list.partition_point(|s| s.span.start <= span.end);
        let edits = self.list.get(from..to.max(from)).unwrap_or_default();
        let mut out = Parts::new();
        let mut at = span.start;
        let mut edits = edits.iter().filter(|s| s.span.end <= span.end).peekable();
        while let Some(splice) = edits.next() {
            if splice.span.start < at {
                return Err(errors::misfit("two edits overlap"));
            }
            let before = Span {
                start: at,
                end: splice.span.start,
            };
            push(&mut out, kept(self.body, before)?);
            out.extend(splice.new.iter().cloned());
            at = splice.span.end;
            if let Some(is_empty) = splice.heads_empty {
                let has_next = edits
                    .peek()
                    .is_some_and(|next| next.heads_empty.is_some() && next.span == splice.span);
                if has_next || !is_empty {
                    out.push(Bytes::from_static(b","));
                }
            }
        }
        push(
            &mut out,
            kept(
                self.body,
                Span {
                    start: at,
                    end: span.end,
                },
            )?,
        );
        Ok(out)
    }
}

fn push(out: &mut Parts, bytes: Bytes) {
    if !bytes.is_empty() {
        out.push(bytes);
    }
}
