//! Files that only the holder of a key can read or make: ChaCha20-Poly1305 (RFC 8439) over chunks whose nonces count, with a mark
//! on the last one (the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár, 2015). So no chunk can be changed,
//! moved, repeated or left out.

use std::{
    fmt, fs,
    io::{self, Read, Write},
    path::Path,
};

use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, KeyInit};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::failure::Failure;

/// The first bytes of a file.
const NAME: [u8; 8] = *b"RALLY\x1A\nS";
const SALT: usize = 16;
/// Bytes of a chunk before it is sealed.
const CHUNK: usize = 64 << 10;
/// Bytes by which a chunk grows.
const TAG: usize = 16;

/// The key of a deployment's backups. It is never printed.
#[derive(Clone)]
pub(super) struct Key([u8; 32]);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

impl Key {
    /// Reads a file of 64 hexadecimal digits.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let place = path.display();
        let text = fs::read_to_string(path)
            .map_err(|error| Failure::new(format!("cannot read the key file {place}: {error}")))?;
        Self::of(&text).ok_or_else(|| {
            Failure::new(format!(
                "{place} has no key; `openssl rand -hex 32 > {place}` makes one, 64 digits long"
            ))
        })
    }

    fn of(text: &str) -> Option<Self> {
        let digits: Option<Vec<u8>> =
            text.trim().chars().map(|digit| u8::try_from(digit.to_digit(16)?).ok()).collect();
        let digits = digits.filter(|digits| digits.len() == 64)?;
        let mut key = [0; 32];
        for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = pair.iter().fold(0, |byte, digit| byte << 4 | digit);
        }
        Some(Self(key))
    }

    /// The cipher of one file, which no other file shares.
    fn cipher(&self, salt: [u8; SALT]) -> io::Result<ChaCha20Poly1305> {
        let mut hash = Hmac::<Sha256>::new_from_slice(&self.0).map_err(io::Error::other)?;
        hash.update(b"rally sealed file 1");
        hash.update(&salt);
        ChaCha20Poly1305::new_from_slice(&hash.finalize().into_bytes()).map_err(io::Error::other)
    }
}

fn nonce(number: u64, is_last: bool) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce.iter_mut().zip(number.to_be_bytes()).for_each(|(place, byte)| *place = byte);
    if let Some(last) = nonce.last_mut() {
        *last = u8::from(is_last);
    }
    nonce
}

/// Seals what is written to it.
pub(super) struct SealedWriter<W> {
    out: W,
    cipher: ChaCha20Poly1305,
    chunk: Vec<u8>,
    number: u64,
}

impl<W: Write> SealedWriter<W> {
    pub(super) fn begin(mut out: W, key: &Key, salt: [u8; SALT]) -> io::Result<Self> {
        out.write_all(&NAME)?;
        out.write_all(&salt)?;
        Ok(Self { out, cipher: key.cipher(salt)?, chunk: Vec::with_capacity(CHUNK + TAG), number: 0 })
    }

    /// Seals the last chunk.
    pub(super) fn finish(mut self) -> io::Result<W> {
        self.seal(true)?;
        Ok(self.out)
    }

    fn seal(&mut self, is_last: bool) -> io::Result<()> {
        let nonce = nonce(self.number, is_last).into();
        self.cipher
            .encrypt_in_place(&nonce, &[], &mut self.chunk)
            .map_err(|_| io::Error::other("cannot seal"))?;
        self.out.write_all(&self.chunk)?;
        self.chunk.clear();
        self.number += 1;
        Ok(())
    }
}

impl<W: Write> Write for SealedWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A full chunk is sealed only once there is more, as the last one has a mark.
        if self.chunk.len() == CHUNK && !bytes.is_empty() {
            self.seal(false)?;
        }
        let (taken, _) = bytes.split_at(bytes.len().min(CHUNK - self.chunk.len()));
        self.chunk.extend_from_slice(taken);
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Opens what was sealed.
pub(super) struct SealedReader<R> {
    input: R,
    cipher: ChaCha20Poly1305,
    /// The sealed chunk behind the one that is being read.
    next: Vec<u8>,
    chunk: io::Cursor<Vec<u8>>,
    number: u64,
    is_over: bool,
}

impl<R: Read> SealedReader<R> {
    pub(super) fn begin(mut input: R, key: &Key) -> io::Result<Self> {
        let (mut name, mut salt) = ([0; 8], [0; SALT]);
        input.read_exact(&mut name)?;
        if name != NAME {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the file is not encrypted"));
        }
        input.read_exact(&mut salt)?;
        let cipher = key.cipher(salt)?;
        let mut reader =
            Self { input, cipher, next: Vec::new(), chunk: io::Cursor::default(), number: 0, is_over: false };
        reader.next = reader.sealed()?;
        Ok(reader)
    }

    /// The next chunk as it is in the file; empty at its end.
    fn sealed(&mut self) -> io::Result<Vec<u8>> {
        let mut chunk = Vec::with_capacity(CHUNK + TAG);
        let most = u64::try_from(CHUNK + TAG).map_err(io::Error::other)?;
        self.input.by_ref().take(most).read_to_end(&mut chunk)?;
        Ok(chunk)
    }

    fn open(&mut self) -> io::Result<()> {
        let behind = self.sealed()?;
        let mut chunk = std::mem::replace(&mut self.next, behind);
        self.is_over = self.next.is_empty();
        let nonce = nonce(self.number, self.is_over).into();
        let damaged = || {
            io::Error::new(
                io::ErrorKind::InvalidData,
                "the file is damaged, cut, or encrypted with another key",
            )
        };
        self.cipher.decrypt_in_place(&nonce, &[], &mut chunk).map_err(|_| damaged())?;
        self.number += 1;
        self.chunk = io::Cursor::new(chunk);
        Ok(())
    }
}

impl<R: Read> Read for SealedReader<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.chunk.read(bytes)?;
            if read > 0 || self.is_over || bytes.is_empty() {
                return Ok(read);
            }
            self.open()?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(digit: &str) -> Key {
        Key::of(&digit.repeat(64)).unwrap()
    }

    fn sealed(bytes: &[u8]) -> Vec<u8> {
        let mut writer = SealedWriter::begin(Vec::new(), &key("7"), [3; SALT]).unwrap();
        writer.write_all(bytes).unwrap();
        writer.finish().unwrap()
    }

    fn opened(file: &[u8], key: &Key) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        SealedReader::begin(file, key)?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    #[test]
    fn what_is_sealed_is_opened_by_its_key_alone() {
        for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK] {
            let bytes: Vec<u8> = (0..length).map(|place| u8::try_from(place % 251).unwrap()).collect();
            let file = sealed(&bytes);
            assert_eq!(opened(&file, &key("7")).unwrap(), bytes, "{length}");
            assert!(opened(&file, &key("8")).is_err(), "{length}");
            assert!(length < 100 || !file.windows(50).any(|part| part == &bytes[..50]));
        }
    }

    #[test]
    fn nothing_of_it_can_be_changed_moved_or_left_out() {
        let bytes = vec![1; 2 * CHUNK + 100];
        let file = sealed(&bytes);
        let head = NAME.len() + SALT;
        let (whole, chunk) = (head..file.len(), CHUNK + TAG);
        for place in (0..file.len()).step_by(4_999).chain([0, 8, 23, head, file.len() - 1]) {
            let mut flipped = file.clone();
            flipped[place] ^= 1;
            assert!(opened(&flipped, &key("7")).is_err(), "byte {place}");
        }
        for cut in [head, head + 1, head + chunk, head + 2 * chunk, file.len() - 1] {
            assert!(opened(&file[..cut], &key("7")).is_err(), "cut at {cut}");
        }
        let swapped =
            [&file[..head], &file[head + chunk..head + 2 * chunk], &file[head..head + chunk]].concat();
        assert!(opened(&[&swapped[..], &file[head + 2 * chunk..]].concat(), &key("7")).is_err());
        assert!(opened(&[&file[..], &file[whole]].concat(), &key("7")).is_err());
    }

    #[test]
    fn a_key_is_64_digits() {
        assert!(Key::of(&format!("{}\n", "aF".repeat(32))).is_some());
        for text in ["", "7", &"g".repeat(64), &"7".repeat(63), &"7".repeat(65)] {
            assert!(Key::of(text).is_none(), "{text}");
        }
    }
}
