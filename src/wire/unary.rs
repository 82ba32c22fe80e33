//! The one message of a gRPC request as its chunks go by unkept: its prefix, its length, and its top level.

use super::frame::{PREFIX_BYTES, malformed};
use super::pb::TopLevelWatch;
use crate::domain::refusal::Refusal;

/// Follows a unary body that passes, however its chunks are cut. Protobuf's last field wins, so a second collection
/// name at the end would otherwise reach another collection; and what follows the first message is no part of it.
#[derive(Debug, Default)]
pub struct UnaryWatch {
    prefix: [u8; PREFIX_BYTES],
    prefix_len: usize,
    /// Bytes of the message that have not gone by, once the prefix is there.
    left: usize,
    top: TopLevelWatch,
}

impl UnaryWatch {
    /// Reads the next chunk. A compressed message is not looked into.
    ///
    /// # Errors
    /// More bytes than the prefix says, an unknown flag, no protobuf, or a second name that is another one.
    pub fn feed(&mut self, chunk: &[u8]) -> Result<(), Refusal> {
        let message = match self.prefix_len {
            PREFIX_BYTES => chunk,
            _ => self.after_prefix(chunk)?,
        };
        if message.len() > self.left {
            return Err(malformed("the gRPC body holds more than its one message"));
        }
        self.left -= message.len();
        if self.is_compressed() {
            return Ok(());
        }
        self.top.feed(message)
    }

    fn after_prefix<'a>(&mut self, chunk: &'a [u8]) -> Result<&'a [u8], Refusal> {
        let missing = (PREFIX_BYTES - self.prefix_len).min(chunk.len());
        let (head, message) = chunk.split_at(missing);
        self.prefix[self.prefix_len..self.prefix_len + missing].copy_from_slice(head);
        self.prefix_len += missing;
        let [flag, length @ ..] = self.prefix;
        if flag > 1 {
            return Err(malformed("the gRPC message has an unknown compression flag"));
        }
        if self.prefix_len == PREFIX_BYTES {
            self.left = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        }
        Ok(message)
    }

    /// Whether the message says that it is compressed.
    pub fn is_compressed(&self) -> bool {
        self.prefix_len > 0 && self.prefix[0] == 1
    }

    /// Whether the whole prefix has gone by.
    pub fn has_prefix(&self) -> bool {
        self.prefix_len == PREFIX_BYTES
    }

    /// Bytes of the message that are still to come, as far as the prefix says.
    pub fn left(&self) -> usize {
        self.left
    }

    /// The collection's name, as soon as it has gone by.
    pub fn name(&self) -> Option<&str> {
        self.top.name()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `collection_name: "c"`, then an unknown field 9 of two bytes.
    const MESSAGE: &[u8] = b"\x0a\x01c\x4a\x02xy";

    fn framed(length: u8, message: &[u8]) -> Vec<u8> {
        [&[0, 0, 0, 0, length], message].concat()
    }

    #[test]
    fn a_body_is_followed_however_it_is_cut() {
        let body = framed(7, MESSAGE);
        for cut in 0..=body.len() {
            let mut watch = UnaryWatch::default();
            watch.feed(&body[..cut]).expect("sound");
            watch.feed(&body[cut..]).expect("sound");
            assert_eq!((watch.name(), watch.left()), (Some("c"), 0), "{cut}");
        }
        let mut watch = UnaryWatch::default();
        for byte in &body {
            watch.feed(std::slice::from_ref(byte)).expect("sound");
        }
        assert_eq!(watch.name(), Some("c"));
    }

    #[test]
    fn bytes_after_the_message_and_a_second_name_are_refused() {
        let second = [MESSAGE, b"\x0a\x01d"].concat();
        for bad in [
            framed(6, MESSAGE),
            framed(0, MESSAGE),
            framed(10, &second),
            [framed(7, MESSAGE), framed(7, MESSAGE)].concat(),
            [&[2, 0, 0, 0, 7], MESSAGE].concat(),
        ] {
            for cut in 0..bad.len() {
                let mut watch = UnaryWatch::default();
                let fed = watch.feed(&bad[..cut]).and_then(|()| watch.feed(&bad[cut..]));
                assert_eq!(
                    fed.expect_err("refused").kind,
                    crate::domain::refusal::RefusalKind::Invalid
                );
            }
        }
    }

    #[test]
    fn a_compressed_message_is_only_measured() {
        let mut watch = UnaryWatch::default();
        watch.feed(&[1, 0, 0, 0, 3, 0xff, 0xff]).expect("measured");
        assert!(watch.is_compressed() && watch.name().is_none());
        assert_eq!(watch.left(), 1);
        assert!(watch.feed(&[1, 2]).is_err());
    }
}
