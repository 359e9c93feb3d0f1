//! The keys within a tenant: families of keys, indexes, sums, sets of record numbers, and lists that count.

mod breaks;
mod index;
mod lists;
mod names;
mod numbers;
pub(crate) mod outbox;
mod sequence;
pub(crate) mod spaces;
mod sums;

pub(crate) use self::{
    breaks::{Breaks, Rest},
    index::{
        Target, asked, asked_json, beginning, begins, damaged_key, has_value, indexed_value, move_keys,
        natural_key, number_in, sets_of,
    },
    lists::Lists,
    names::{NameChanges, Named, rows_of_chunk},
    numbers::{ChunkChanges, FEWEST, MOST, NumberSet, Numbered, Numbers, within_all},
    outbox::{EventPlace, OutboxKey},
    sequence::{Place, Sequence},
    spaces::{IndexedValue, MARK_EVERY, WHOLE_EVERY},
    sums::{Sum, SumName, all_sums, move_share, sums_of},
};
