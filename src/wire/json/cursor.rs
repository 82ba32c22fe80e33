//! A pull scanner over JSON text. It validates everything that it passes and builds nothing: numbers are checked against
//! the grammar and never parsed, strings are borrowed where they hold no escape. Called by all of this module; knows
//! nothing of Qdrant.

use std::borrow::Cow;

use super::errors;
pub(super) use super::members::Members;
use super::numbers;
use super::strings::{self, Bad};
use crate::domain::refusal::Refusal;

/// Where something stands in the body: byte offsets, the end excluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Span {
    pub start: usize,
    pub end: usize,
}

/// What a value is, by its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    Bool,
    Number,
    Text,
    Array,
    Object,
}

/// An array that is being walked.
#[derive(Debug)]
pub(super) struct Items {
    /// How many items were begun.
    pub count: usize,
}

/// The scanner.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    depth_max: usize,
}

impl<'a> Cursor<'a> {
    /// Starts at the first byte of `bytes`, which must be UTF-8 as a whole.
    pub fn new(bytes: &'a [u8], depth_max: usize) -> Result<Self, Refusal> {
        match simdutf8::compat::from_utf8(bytes) {
            Ok(text) => Ok(Self {
                text,
                at: 0,
                depth: 0,
                depth_max,
            }),
            Err(e) => Err(errors::format(format_args!(
                "invalid UTF-8 at byte {}",
                e.valid_up_to()
            ))),
        }
    }

    /// The text between two offsets that this cursor gave out.
    pub fn slice(&self, span: Span) -> &'a str {
        self.text.get(span.start..span.end).unwrap_or_default()
    }

    /// Just before the next token.
    pub fn offset(&mut self) -> usize {
        self.blanks();
        self.at
    }

    /// Just after the last token.
    pub fn end(&self) -> usize {
        self.at
    }

    /// Goes back to an offset of the same container, to read a value a second time.
    pub fn rewind(&mut self, at: usize) {
        self.at = at;
    }

    /// A refusal at the present place.
    pub fn fail(&self, what: impl std::fmt::Display) -> Refusal {
        let done = self.text.as_bytes().get(..self.at).unwrap_or_default();
        let line = memchr::memchr_iter(b'\n', done).count() + 1;
        let column = done.len() - memchr::memrchr(b'\n', done).map_or(0, |at| at + 1) + 1;
        errors::format(format_args!("{what} at line {line} column {column}"))
    }

    /// What the next value is.
    pub fn peek(&mut self) -> Result<Kind, Refusal> {
        self.blanks();
        match self.byte() {
            Some(b'n') => Ok(Kind::Null),
            Some(b't' | b'f') => Ok(Kind::Bool),
            Some(b'-' | b'0'..=b'9') => Ok(Kind::Number),
            Some(b'"') => Ok(Kind::Text),
            Some(b'[') => Ok(Kind::Array),
            Some(b'{') => Ok(Kind::Object),
            Some(_) => Err(self.fail("expected value")),
            None => Err(self.fail("EOF while parsing a value")),
        }
    }

    /// Passes over one value and says where it stood.
    pub fn skip(&mut self) -> Result<Span, Refusal> {
        let kind = self.peek()?;
        let start = self.at;
        match kind {
            Kind::Null => self.literal("null")?,
            Kind::Bool if self.byte() == Some(b't') => self.literal("true")?,
            Kind::Bool => self.literal("false")?,
            Kind::Number => self.number()?,
            Kind::Text => {
                self.text()?;
            }
            Kind::Array => {
                let mut items = self.array()?;
                while self.next_item(&mut items)? {
                    self.skip()?;
                    (_, self.at) = numbers::run(self.text.as_bytes(), self.at);
                }
            }
            Kind::Object => self.skip_object()?,
        }
        Ok(Span { start, end: self.at })
    }

    /// Consumes a `null`, if that is next.
    pub fn null(&mut self) -> Result<bool, Refusal> {
        let is_null = self.peek()? == Kind::Null;
        if is_null {
            self.literal("null")?;
        }
        Ok(is_null)
    }

    /// A boolean.
    pub fn boolean(&mut self) -> Result<bool, Refusal> {
        match self.peek()? {
            Kind::Bool => Ok(self.slice_of_skipped()? == "true"),
            Kind::Null | Kind::Number | Kind::Text | Kind::Array | Kind::Object => {
                Err(self.fail("invalid type: expected a boolean"))
            }
        }
    }

    /// A string, decoded; borrowed where it holds no escape.
    pub fn text(&mut self) -> Result<Cow<'a, str>, Refusal> {
        if self.peek()? != Kind::Text {
            return Err(self.fail("invalid type: expected a string"));
        }
        match strings::scan(self.text, self.at + 1) {
            Ok((text, end)) => {
                self.at = end;
                Ok(text)
            }
            Err(Bad { at, what }) => {
                self.at = at;
                Err(self.fail(what))
            }
        }
    }

    /// Enters an object; its members come from [`Self::next_key`].
    pub fn object(&mut self, what: &str) -> Result<Members<'a>, Refusal> {
        if self.peek()? != Kind::Object {
            return Err(self.fail(format_args!("invalid type: expected {what} as an object")));
        }
        self.enter()?;
        Ok(self.again())
    }

    /// Walks the present object once more, from where the cursor was rewound to: just after its opening brace.
    pub fn again(&mut self) -> Members<'a> {
        Members::new(self.at)
    }

    /// Takes back a level that a look ahead has left.
    pub fn reenter(&mut self) {
        self.depth += 1;
    }

    /// The next key, decoded, its value next; or the end of the object. A key that was there before is refused.
    pub fn next_key(&mut self, members: &mut Members<'a>) -> Result<Option<Cow<'a, str>>, Refusal> {
        if !self.more(b'}', members.is_empty())? {
            return Ok(None);
        }
        members.next_at(self.offset());
        let key = self.key()?;
        members.claim(key.clone())?;
        Ok(Some(key))
    }

    /// Enters an array; [`Self::next_item`] steps through it.
    pub fn array(&mut self) -> Result<Items, Refusal> {
        if self.peek()? != Kind::Array {
            return Err(self.fail("invalid type: expected an array"));
        }
        self.enter()?;
        Ok(Items { count: 0 })
    }

    /// Whether another item follows; it is next.
    pub fn next_item(&mut self, items: &mut Items) -> Result<bool, Refusal> {
        let more = self.more(b']', items.count == 0)?;
        items.count += usize::from(more);
        Ok(more)
    }

    /// Passes over an array of numbers and counts them.
    pub fn numbers(&mut self) -> Result<usize, Refusal> {
        let mut items = self.array()?;
        while self.next_item(&mut items)? {
            self.number_run(&mut items)?;
        }
        Ok(items.count)
    }

    /// Passes over a number that is next, and those of the array that plainly follow it. All of them are counted.
    pub fn number_run(&mut self, items: &mut Items) -> Result<(), Refusal> {
        self.number()?;
        let (more, end) = numbers::run(self.text.as_bytes(), self.at);
        items.count += more;
        self.at = end;
        Ok(())
    }

    /// Refuses anything but blanks after the root value.
    pub fn finish(mut self) -> Result<(), Refusal> {
        self.blanks();
        if self.at == self.text.len() {
            Ok(())
        } else {
            Err(self.fail("trailing characters"))
        }
    }

    fn slice_of_skipped(&mut self) -> Result<&'a str, Refusal> {
        let span = self.skip()?;
        Ok(self.slice(span))
    }

    /// The text of a number, unparsed.
    pub fn number_text(&mut self) -> Result<&'a str, Refusal> {
        self.blanks();
        let start = self.at;
        self.number()?;
        Ok(self.slice(Span { start, end: self.at }))
    }

    /// Deep values may repeat a key: only walked objects are held to uniqueness.
    fn skip_object(&mut self) -> Result<(), Refusal> {
        self.enter()?;
        let mut first = true;
        while self.more(b'}', first)? {
            first = false;
            self.key()?;
            self.skip()?;
        }
        Ok(())
    }

    fn key(&mut self) -> Result<Cow<'a, str>, Refusal> {
        self.blanks();
        if self.byte() != Some(b'"') {
            return Err(self.fail("key must be a string"));
        }
        let key = self.text()?;
        self.blanks();
        if self.byte() != Some(b':') {
            return Err(self.fail("expected `:`"));
        }
        self.at += 1;
        Ok(key)
    }

    fn enter(&mut self) -> Result<(), Refusal> {
        if self.depth >= self.depth_max {
            return Err(errors::too_deep("JSON", self.depth_max));
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    /// Passes the comma before another member or item, or the closing bracket.
    fn more(&mut self, close: u8, first: bool) -> Result<bool, Refusal> {
        self.blanks();
        match self.byte() {
            Some(byte) if byte == close => {
                self.at += 1;
                self.depth -= 1;
                Ok(false)
            }
            Some(b',') if !first => {
                self.at += 1;
                self.blanks();
                // A closing bracket after a comma is no value; the caller's next step refuses every other byte.
                if self.byte() == Some(close) {
                    return Err(self.fail("trailing comma"));
                }
                Ok(true)
            }
            Some(_) if first => Ok(true),
            Some(_) => Err(self.fail(format_args!("expected `,` or `{}`", char::from(close)))),
            None => Err(self.fail("EOF while parsing")),
        }
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = self.byte() {
            self.at += 1;
        }
    }

    fn literal(&mut self, word: &str) -> Result<(), Refusal> {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        if !rest.starts_with(word.as_bytes()) {
            return Err(self.fail("expected ident"));
        }
        self.at += word.len();
        Ok(())
    }

    fn number(&mut self) -> Result<(), Refusal> {
        self.blanks();
        match numbers::end(self.text.as_bytes(), self.at) {
            Ok(end) => {
                self.at = end;
                Ok(())
            }
            Err(at) => {
                self.at = at;
                Err(self.fail("invalid number"))
            }
        }
    }
}
