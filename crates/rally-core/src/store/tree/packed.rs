use crate::base::invariant;

/// Texts of bytes one after the other in one allocation.
#[derive(Clone, Debug, Default)]
pub(super) struct Packed {
    ends: Vec<u32>,
    bytes: Vec<u8>,
}

impl Packed {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn get(&self, place: usize) -> &[u8] {
        let span = self.start(place)..self.end(place);
        invariant(self.bytes.get(span), "each end is a place in the bytes")
    }

    pub(super) fn push(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        self.ends.push(narrow(self.bytes.len()));
    }

    /// Puts texts before the one at a place.
    pub(super) fn insert<'t>(&mut self, place: usize, texts: impl Iterator<Item = &'t [u8]> + Clone) {
        let start = self.start(place);
        let mut end = start;
        let ends: Vec<u32> = texts
            .clone()
            .map(|text| {
                end += text.len();
                narrow(end)
            })
            .collect();
        self.bytes.splice(start..start, texts.flatten().copied());
        self.ends.splice(place..place, ends.iter().copied());
        let more = narrow(end - start);
        self.ends.iter_mut().skip(place + ends.len()).for_each(|end| *end += more);
    }

    pub(super) fn remove(&mut self, place: usize) {
        let span = self.start(place)..self.end(place);
        let less = narrow(span.len());
        self.bytes.drain(span);
        self.ends.remove(place);
        self.ends.iter_mut().skip(place).for_each(|end| *end -= less);
    }

    /// The texts from a place on, which are taken off.
    pub(super) fn split_off(&mut self, place: usize) -> Self {
        let start = self.start(place);
        let bytes = self.bytes.split_off(start);
        let ends = self.ends.split_off(place).iter().map(|end| *end - narrow(start)).collect();
        Self { ends, bytes }
    }

    /// Texts that are not greater than one, of texts in ascending order.
    pub(super) fn not_greater(&self, text: &[u8]) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            if self.get(middle) <= text {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    fn start(&self, place: usize) -> usize {
        place.checked_sub(1).map_or(0, |before| self.end(before))
    }

    fn end(&self, place: usize) -> usize {
        wide(*invariant(self.ends.get(place), "a place below the number of texts"))
    }
}

/// A place in the bytes of a node, which are far fewer than 2^32: each key has a limit.
pub(super) fn narrow(place: usize) -> u32 {
    invariant(u32::try_from(place).ok(), "a node has less than 4 GiB of keys and short values")
}

pub(super) fn wide(place: u32) -> usize {
    invariant(usize::try_from(place).ok(), "a place in memory")
}
