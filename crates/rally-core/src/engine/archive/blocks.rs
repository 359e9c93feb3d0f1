//! The blocks of a file: `length`, `bytes`, `checksum`, behind a name and a version.
//!
//! A checksum is over the block's place, too, so that blocks that have changed places are found at once; a digest of all
//! of them, which the last one holds, finds the rest.

use std::io::{Read, Write};

use sha2::{Digest, Sha256};

use super::faults::{bad_file, unreadable, unwritable};
use crate::base::{Error, clamp, limits};

/// The first bytes of a file, by which it is known.
const NAME: [u8; 8] = *b"RALLY\x1A\n\0";
/// The version of the file's form.
const VERSION: u16 = 1;

/// Writes blocks one behind the other.
pub(super) struct BlockWriter<W> {
    out: W,
    digest: Sha256,
    place: u64,
}

/// Reads blocks back, and checks each.
pub(super) struct BlockReader<R> {
    input: R,
    digest: Sha256,
    /// The digest of all bytes before the last block that was read.
    before: [u8; 32],
    place: u64,
}

impl<W: Write> BlockWriter<W> {
    pub(super) fn begin(out: W) -> Result<Self, Error> {
        let mut writer = Self { out, digest: Sha256::new(), place: 0 };
        writer.put(&NAME)?;
        writer.put(&VERSION.to_le_bytes())?;
        Ok(writer)
    }

    pub(super) fn block(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let length = u32::try_from(bytes.len()).ok().filter(|length| clamp((*length).into()) <= LONGEST);
        let length = length.ok_or_else(|| Error::internal("a block that is too long"))?.to_le_bytes();
        let checksum = checksum(self.place, &length, bytes);
        self.place += 1;
        self.put(&length)?;
        self.put(bytes)?;
        self.put(&checksum)
    }

    /// The digest of all bytes so far.
    pub(super) fn digest(&self) -> [u8; 32] {
        self.digest.clone().finalize().into()
    }

    pub(super) fn finish(mut self) -> Result<(), Error> {
        self.out.flush().map_err(unwritable)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.digest.update(bytes);
        self.out.write_all(bytes).map_err(unwritable)
    }
}

/// Bytes of one block, at most: a longer one is no block.
const LONGEST: usize = limits::TENANT_FILE_BLOCK_BYTES;

impl<R: Read> BlockReader<R> {
    pub(super) fn begin(input: R) -> Result<Self, Error> {
        let mut reader = Self { input, digest: Sha256::new(), before: [0; 32], place: 0 };
        if reader.take::<8>()? != NAME {
            return Err(bad_file("is no tenant's file"));
        }
        match u16::from_le_bytes(reader.take()?) {
            VERSION => Ok(reader),
            newer => {
                Err(bad_file(format!("is of version {newer}, and this program knows version {VERSION}")))
            }
        }
    }

    /// The next block.
    pub(super) fn block(&mut self) -> Result<Vec<u8>, Error> {
        self.before = self.digest.clone().finalize().into();
        let length = self.take::<4>()?;
        let wanted = u32::from_le_bytes(length);
        if clamp(wanted.into()) > LONGEST {
            return Err(self.damaged());
        }
        let mut bytes = Vec::new();
        // No room is made for what a damaged length promises.
        let read = self.input.by_ref().take(wanted.into()).read_to_end(&mut bytes).map_err(unreadable)?;
        if read < clamp(wanted.into()) {
            return Err(unreadable(std::io::ErrorKind::UnexpectedEof.into()));
        }
        self.digest.update(&bytes);
        if self.take::<4>()? != checksum(self.place, &length, &bytes) {
            return Err(self.damaged());
        }
        self.place += 1;
        Ok(bytes)
    }

    /// The digest of all bytes before the last block.
    pub(super) const fn digest_before(&self) -> [u8; 32] {
        self.before
    }

    /// Checks that nothing is left.
    pub(super) fn finish(mut self) -> Result<(), Error> {
        let mut more = [0];
        let read = self.input.read(&mut more).map_err(unreadable)?;
        if read == 0 { Ok(()) } else { Err(bad_file("goes on behind its end")) }
    }

    /// The error of the block that is being read.
    pub(super) fn damaged(&self) -> Error {
        bad_file(format!("is damaged in its block {}", self.place))
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let mut bytes = [0; N];
        self.input.read_exact(&mut bytes).map_err(unreadable)?;
        self.digest.update(bytes);
        Ok(bytes)
    }
}

fn checksum(place: u64, length: &[u8], bytes: &[u8]) -> [u8; 4] {
    let mut hash = crc32fast::Hasher::new();
    hash.update(&place.to_le_bytes());
    hash.update(length);
    hash.update(bytes);
    hash.finalize().to_le_bytes()
}
