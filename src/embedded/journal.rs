//! A collection's journal: every accepted operation since the last flush of its segments, in order. Written by
//! `shard` before an operation is applied, replayed by it at opening. Knows nothing of what the records mean.
//!
//! A record is its length (u32, little-endian), the CRC-32 of its bytes (u32) and the bytes. A torn or corrupt
//! tail is cut off at opening: it was never acknowledged.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

const HEAD_BYTES: usize = 8;

/// A record larger than this is refused; a length field above it marks a corrupt tail.
pub const MAX_RECORD_BYTES: usize = 1 << 30;

/// The open journal of one collection. One writer.
#[derive(Debug)]
pub struct Journal {
    file: File,
    len_bytes: u64,
    sync: bool,
}

impl Journal {
    /// Opens or creates the journal and gives back the records in it, oldest first.
    /// With `sync`, every append waits for the disk.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn open(path: &Path, sync: bool) -> io::Result<(Self, Vec<Vec<u8>>)> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let (records, good_bytes) = split(&bytes);
        if good_bytes < bytes.len() {
            tracing::warn!(
                path = %PathBuf::from(path).display(),
                cut_bytes = bytes.len() - good_bytes,
                "the journal's tail was torn: cut off"
            );
            file.set_len(good_bytes as u64)?;
            file.sync_all()?;
        }
        let journal = Self {
            file,
            len_bytes: good_bytes as u64,
            sync,
        };
        Ok((journal, records))
    }

    /// Appends one record and gives back the length before it, for [`Journal::rewind`].
    ///
    /// # Errors
    /// The record is too large or the disk failed; the journal is then as before.
    pub fn append(&mut self, record: &[u8]) -> io::Result<u64> {
        if record.len() > MAX_RECORD_BYTES {
            return Err(io::Error::other("the operation is too large for the journal"));
        }
        let before = self.len_bytes;
        let mut frame = Vec::with_capacity(HEAD_BYTES + record.len());
        frame.extend_from_slice(&(record.len() as u32).to_le_bytes());
        frame.extend_from_slice(&crc32fast::hash(record).to_le_bytes());
        frame.extend_from_slice(record);
        self.file.seek(SeekFrom::Start(before))?;
        let written = self.file.write_all(&frame).and_then(|()| match self.sync {
            true => self.file.sync_data(),
            false => Ok(()),
        });
        if let Err(error) = written {
            self.rewind(before)?;
            return Err(error);
        }
        self.len_bytes += frame.len() as u64;
        Ok(before)
    }

    /// Cuts the journal back to a length that [`Journal::append`] gave: the operation was not applied.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn rewind(&mut self, len_bytes: u64) -> io::Result<()> {
        self.file.set_len(len_bytes)?;
        self.len_bytes = len_bytes;
        Ok(())
    }

    /// Empties the journal: everything in it is in flushed segments.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn clear(&mut self) -> io::Result<()> {
        self.rewind(0)?;
        self.file.sync_all()
    }

    /// Bytes written since the last [`Journal::clear`].
    pub fn len_bytes(&self) -> u64 {
        self.len_bytes
    }
}

/// The whole records at the front of `bytes`, and how many bytes they take.
fn split(bytes: &[u8]) -> (Vec<Vec<u8>>, usize) {
    let mut records = Vec::new();
    let mut at = 0;
    while let Some((record, next)) = record_at(bytes, at) {
        records.push(record.to_vec());
        at = next;
    }
    (records, at)
}

fn record_at(bytes: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let len = u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?) as usize;
    let crc = u32::from_le_bytes(bytes.get(at + 4..at + HEAD_BYTES)?.try_into().ok()?);
    let record = bytes.get(at + HEAD_BYTES..at + HEAD_BYTES + len)?;
    // No operation is empty: a run of zeros is a hole in the file, not records.
    (len > 0 && crc32fast::hash(record) == crc).then_some((record, at + HEAD_BYTES + len))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reopen(path: &Path) -> Vec<Vec<u8>> {
        Journal::open(path, false).unwrap().1
    }

    #[test]
    fn records_come_back_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        let (mut journal, records) = Journal::open(&path, true).unwrap();
        assert!(records.is_empty());
        journal.append(b"one").unwrap();
        journal.append(b"two").unwrap();
        assert_eq!(reopen(&path), vec![b"one".to_vec(), b"two".to_vec()]);
    }

    #[test]
    fn a_torn_tail_is_cut_off_at_every_length() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        let (mut journal, _) = Journal::open(&path, false).unwrap();
        journal.append(b"whole").unwrap();
        let before = journal.append(b"torn").unwrap() as usize;
        let bytes = std::fs::read(&path).unwrap();
        for len in before..bytes.len() {
            std::fs::write(&path, &bytes[..len]).unwrap();
            assert_eq!(reopen(&path), vec![b"whole".to_vec()], "cut at {len}");
            assert_eq!(std::fs::metadata(&path).unwrap().len() as usize, before);
        }
    }

    #[test]
    fn a_flipped_bit_ends_the_journal_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        let (mut journal, _) = Journal::open(&path, false).unwrap();
        journal.append(b"whole").unwrap();
        journal.append(b"flipped").unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(reopen(&path), vec![b"whole".to_vec()]);
    }

    #[test]
    fn a_rewound_operation_is_not_replayed_and_a_later_one_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        let (mut journal, _) = Journal::open(&path, false).unwrap();
        let before = journal.append(b"refused").unwrap();
        journal.rewind(before).unwrap();
        journal.append(b"kept").unwrap();
        assert_eq!(reopen(&path), vec![b"kept".to_vec()]);
        journal.clear().unwrap();
        assert!(reopen(&path).is_empty());
    }
}
