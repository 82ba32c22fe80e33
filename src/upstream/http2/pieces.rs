//! Data that goes out as one though it lies in several places: a rewritten body is hundreds of slices of what came in
//! and new bytes between them, and each frame of its own would be a system call of its own.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes};

/// Pieces in their order. None is empty.
#[derive(Debug, Default)]
pub struct Pieces {
    first: Bytes,
    /// What follows the first one; mostly nothing.
    others: VecDeque<Bytes>,
    /// Bytes of those.
    others_length: usize,
}

impl Pieces {
    /// Adds one at the end.
    pub fn push(&mut self, piece: Bytes) {
        if piece.is_empty() {
            return;
        }
        if self.first.is_empty() {
            self.first = piece;
        } else {
            self.others_length += piece.len();
            self.others.push_back(piece);
        }
    }

    /// Takes off what stands before `at`, which lies within.
    pub fn split_to(&mut self, at: usize) -> Self {
        if at >= self.remaining() {
            return std::mem::take(self);
        }
        let mut head = Self::default();
        let mut left = at;
        while left >= self.first.len() && left > 0 {
            left -= self.first.len();
            head.push(std::mem::take(&mut self.first));
            self.next();
        }
        head.push(self.first.split_to(left));
        head
    }

    /// Puts the next piece first.
    fn next(&mut self) {
        if let Some(next) = self.others.pop_front() {
            self.others_length -= next.len();
            self.first = next;
        }
    }
}

impl Buf for Pieces {
    fn remaining(&self) -> usize {
        self.first.len() + self.others_length
    }

    fn chunk(&self) -> &[u8] {
        &self.first
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let pieces = std::iter::once(&self.first).chain(&self.others);
        let mut count = 0;
        for (slice, piece) in slices.iter_mut().zip(pieces.filter(|piece| !piece.is_empty())) {
            *slice = IoSlice::new(piece);
            count += 1;
        }
        count
    }

    fn advance(&mut self, mut count: usize) {
        while count > 0 && count >= self.first.len() {
            count -= self.first.len();
            self.first = Bytes::new();
            self.next();
            if self.first.is_empty() {
                break;
            }
        }
        // Beyond the end it panics, as `Buf` wants it.
        self.first.advance(count);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn made(pieces: &[Vec<u8>]) -> Pieces {
        let mut made = Pieces::default();
        pieces
            .iter()
            .for_each(|piece| made.push(Bytes::copy_from_slice(piece)));
        made
    }

    fn read(mut pieces: Pieces) -> Vec<u8> {
        pieces.copy_to_bytes(pieces.remaining()).to_vec()
    }

    fn several() -> impl Strategy<Value = Vec<Vec<u8>>> {
        proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..5), 0..6)
    }

    proptest! {
        #[test]
        fn they_are_one_text(pieces in several()) {
            let whole = pieces.concat();
            let pieces = made(&pieces);
            prop_assert_eq!(pieces.remaining(), whole.len());
            prop_assert_eq!(pieces.chunk().is_empty(), whole.is_empty());
            let mut slices = [IoSlice::new(&[]); 8];
            let count = pieces.chunks_vectored(&mut slices);
            prop_assert!(slices[..count].iter().all(|slice| !slice.is_empty()));
            let seen: Vec<u8> = slices[..count].iter().flat_map(|slice| slice.to_vec()).collect();
            prop_assert_eq!(&seen, &whole);
            prop_assert_eq!(read(pieces), whole);
        }

        #[test]
        fn what_is_split_or_passed_over_is_what_one_text_would_split(pieces in several(), at in 0usize..30) {
            let whole = pieces.concat();
            let at = at.min(whole.len());
            let mut rest = made(&pieces);
            let head = rest.split_to(at);
            prop_assert_eq!((head.remaining(), rest.remaining()), (at, whole.len() - at));
            prop_assert_eq!((read(head), read(rest)), (whole[..at].to_vec(), whole[at..].to_vec()));
            let mut passed = made(&pieces);
            passed.advance(at);
            prop_assert_eq!(read(passed), whole[at..].to_vec());
        }
    }
}
