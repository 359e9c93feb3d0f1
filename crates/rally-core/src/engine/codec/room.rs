use crate::base::invariant;

/// Texts up to this length are copied this many bytes at a time, which takes a few instructions.
pub(crate) const WIDE: usize = 32;

/// Bytes behind the last text that copies of a constant length may reach.
const BEHIND: usize = 4 * WIDE;

/// A text of at most [`WIDE`] bytes that is written often: it is copied whole and cut, which costs less than a copy of its
/// own length.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wide {
    bytes: [u8; WIDE],
    length: usize,
}

impl Wide {
    /// # Panics
    /// Panics if the text is longer than [`WIDE`] bytes.
    pub(crate) fn new(text: &[u8]) -> Self {
        assert!(text.len() <= WIDE, "{} is too long to be written at once", String::from_utf8_lossy(text));
        let mut bytes = [0; WIDE];
        bytes.iter_mut().zip(text).for_each(|(place, byte)| *place = *byte);
        Self { bytes, length: text.len() }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// Room behind the bytes of a buffer, which texts are written to one after the other without looking for more room at
/// each. What is not used is given back by [`close`](Self::close).
pub(crate) struct Room<'o> {
    out: &'o mut Vec<u8>,
    at: usize,
}

impl<'o> Room<'o> {
    /// Room for texts of so many bytes together.
    pub(crate) fn behind(out: &'o mut Vec<u8>, bytes: usize) -> Self {
        let at = out.len();
        add_zeros(out, bytes + BEHIND);
        Self { out, at }
    }

    /// Writes texts one after the other.
    #[inline]
    pub(crate) fn write(&mut self, write: impl FnOnce(&mut Texts<'_>)) {
        let bytes = invariant(self.out.get_mut(self.at..), "texts end within the buffer");
        let mut texts = Texts { bytes, at: 0 };
        write(&mut texts);
        self.at += texts.at;
    }

    /// Lets something be appended to the buffer itself, and moves it to its place; there is as much room behind it as before.
    pub(crate) fn append<E>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<(), E> {
        let end = self.out.len();
        write(self.out)?;
        self.out.copy_within(end.., self.at);
        self.at += self.out.len() - end;
        Ok(())
    }

    /// Cuts the buffer behind the last text.
    pub(crate) fn close(self) {
        self.out.truncate(self.at);
    }
}

/// Appends zeros. They are copied, which takes a few instructions in a build for size as well, where `resize` would put
/// them down one by one.
fn add_zeros(out: &mut Vec<u8>, count: usize) {
    const ZEROS: [u8; 1024] = [0; 1024];

    let mut left = count;
    out.reserve(count);
    while let Some(zeros) = ZEROS.get(..left.min(ZEROS.len())).filter(|zeros| !zeros.is_empty()) {
        out.extend_from_slice(zeros);
        left -= zeros.len();
    }
}

/// Texts that are being written.
pub(crate) struct Texts<'o> {
    bytes: &'o mut [u8],
    at: usize,
}

impl Texts<'_> {
    /// Writes the first `length` of some bytes.
    ///
    /// # Panics
    /// Panics if there is less room.
    #[inline]
    pub(crate) fn put<const N: usize>(&mut self, bytes: &[u8; N], length: usize) {
        let place = self.bytes.get_mut(self.at..).and_then(|rest| rest.first_chunk_mut());
        *invariant(place, "room is made for all that is written") = *bytes;
        self.at += length;
    }

    /// The place of the next `N` bytes, for a text that is made where it is to stand: a copy of what was put together from
    /// smaller parts would have to wait for each of them.
    ///
    /// # Panics
    /// Panics if there is less room.
    #[inline]
    pub(crate) fn place<const N: usize>(&mut self) -> &mut [u8; N] {
        let place = self.bytes.get_mut(self.at..).and_then(|rest| rest.first_chunk_mut());
        self.at += N;
        invariant(place, "room is made for all that is written")
    }

    #[inline]
    pub(crate) fn put_wide(&mut self, text: &Wide) {
        self.put(&text.bytes, text.length);
    }

    /// Writes a text, and behind it the first `length` of some bytes: one look at the room for both.
    ///
    /// # Panics
    /// Panics if there is less room.
    #[inline]
    pub(crate) fn put_both(&mut self, text: &Wide, bytes: &[u8; 2 * WIDE], length: usize) {
        let room = self.bytes.get_mut(self.at..).and_then(|rest| rest.first_chunk_mut::<BEHIND>());
        let room = invariant(room, "room is made for all that is written");
        if let Some(place) = room.first_chunk_mut() {
            *place = text.bytes;
        }
        // No text is as long as that, which the compiler does not know: so it need not look for the end of the room.
        let behind = text.length % (2 * WIDE);
        if let Some(place) = room.get_mut(behind..).and_then(|rest| rest.first_chunk_mut()) {
            *place = *bytes;
        }
        self.at += behind + length;
    }

    pub(crate) fn put_slice(&mut self, text: &[u8]) {
        let place = self.bytes.get_mut(self.at..).and_then(|rest| rest.get_mut(..text.len()));
        invariant(place, "room is made for all that is written").copy_from_slice(text);
        self.at += text.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stand_one_behind_the_other_and_nothing_behind_the_last() {
        let mut out = b"[".to_vec();
        let mut room = Room::behind(&mut out, 60);
        room.write(|texts| {
            texts.put(b"12345678", 3);
            texts.put_wide(&Wide::new(b"wide"));
            texts.put_both(&Wide::new(&[b'l'; WIDE]), &[b'b'; 2 * WIDE], 2);
        });
        room.append(|out| {
            out.extend_from_slice(b"appended");
            Ok::<(), ()>(())
        })
        .unwrap();
        room.write(|texts| {
            texts.put_slice(b"slice");
            texts.put(&[b'x'; 2 * WIDE], 1);
        });
        room.close();
        assert_eq!(out, format!("[123wide{}bbappendedslicex", "l".repeat(WIDE)).as_bytes());
    }
}
