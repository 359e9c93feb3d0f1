//! The keys within a tenant: families of keys, indexes, and sequences that count.

mod index;
pub(crate) mod outbox;
mod sequence;
pub(crate) mod spaces;

pub(crate) use self::{
    index::{
        asked, asked_json, beginning, begins, damaged_key, has_value, id_behind, indexed_value, move_keys,
    },
    outbox::{EventPlace, OutboxKey},
    sequence::{Order, Place, Sequence},
    spaces::{IndexedValue, MARK_EVERY, WHOLE_EVERY},
};
