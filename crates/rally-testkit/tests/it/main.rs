//! The testkit itself is tested: its wrappers do what they say, and its properties find what they are there to find.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "the lints spare test functions but not what those call"
)]

mod groups;
mod mutants;
mod postgres;
mod wrappers;
