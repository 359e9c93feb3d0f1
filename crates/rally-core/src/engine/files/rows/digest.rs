use std::io::{Read, Seek};

use sha2::{Digest, Sha256};

use super::super::faults::unreadable;
use crate::base::Error;

/// The SHA-256 digest of a whole file.
pub(crate) fn digest(file: &mut (impl Read + Seek)) -> Result<[u8; 32], Error> {
    file.rewind().map_err(unreadable)?;
    let mut hash = Sha256::new();
    let mut chunk = vec![0; 64 * 1024];
    loop {
        let length = file.read(&mut chunk).map_err(unreadable)?;
        match chunk.get(..length) {
            Some(bytes) if !bytes.is_empty() => hash.update(bytes),
            _ => return Ok(hash.finalize().into()),
        }
    }
}
