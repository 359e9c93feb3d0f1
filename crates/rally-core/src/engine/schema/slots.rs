use std::borrow::Cow;

use crate::{
    engine::codec::{MAX_SLOTS, RecordParts, Slot},
    store::StoreError,
};

/// The stored members of a record, each as JSON text; an empty text is no value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Slots<'a>([Cow<'a, str>; MAX_SLOTS]);

impl<'a> Slots<'a> {
    /// The members of a stored record.
    pub(crate) fn read(parts: &RecordParts<'a>) -> Result<Self, StoreError> {
        let mut slots = Self::default();
        for (text, bytes) in slots.0.iter_mut().zip(parts.slots()) {
            *text = std::str::from_utf8(bytes)
                .map_err(|_| StoreError::Corrupt { what: "a member that is not UTF-8".to_owned() })?
                .into();
        }
        Ok(slots)
    }

    pub(crate) fn get(&self, slot: Slot) -> &str {
        self.text(slot)
    }

    pub(crate) fn set(&mut self, slot: Slot, json: impl Into<Cow<'a, str>>) {
        *self.text_mut(slot) = json.into();
    }

    #[expect(clippy::indexing_slicing, reason = "a slot is less than `MAX_SLOTS`")]
    fn text(&self, slot: Slot) -> &Cow<'a, str> {
        &self.0[slot.index()]
    }

    #[expect(clippy::indexing_slicing, reason = "a slot is less than `MAX_SLOTS`")]
    pub(crate) fn text_mut(&mut self, slot: Slot) -> &mut Cow<'a, str> {
        &mut self.0[slot.index()]
    }

    /// The first members, as bytes.
    pub(crate) fn first(&self, count: usize) -> impl ExactSizeIterator<Item = &[u8]> + Clone {
        self.0.iter().take(count).map(|text| text.as_bytes())
    }
}
