//! A tenant as a file: its rows as they are, from one store into any other.
//!
//! A file is blocks (`blocks`), each with a checksum: a head, rows in the order of their keys, and an end with digests of
//! all before it. Rows come from one snapshot (`rows`), some parts of a tenant may be left out (`selection`), and go into
//! a tenant that nobody can see yet (`filling`).

mod blocks;
mod faults;
mod filling;
mod reading;
mod rebuilding;
mod rows;
mod selection;
mod writing;

pub(crate) use self::{
    faults::{unreadable, unwritable},
    filling::Filling,
    reading::{Contents, read},
    rebuilding::{copy, rebuild},
    rows::{all_rows, tally},
    selection::{OutboxPart, Selection},
    writing::write,
};
