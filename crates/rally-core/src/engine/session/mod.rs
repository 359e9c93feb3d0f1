//! Engines, sessions, and the typed collections of a session, a view and a transaction.

mod agenda;
mod collection;
mod engine;
mod enlisted;
mod figures;
mod follow;
mod json;
mod lease;
mod limiter;
mod next_numbers;
mod options;
mod retired;
#[expect(clippy::module_inception, reason = "the module is named for its main type")]
mod session;
mod signals;
mod table;
mod transaction;
mod verbs;
mod view;

pub(crate) use self::{
    agenda::InFlight,
    enlisted::enlisted,
    table::{
        constructor, debug_given, filter_name, filter_type, given_traits, input_type, needed, read_type,
        resource, setter, slot_of,
    },
    verbs::Verbs,
};
pub use self::{
    collection::Collection,
    engine::{Config, Engine},
    figures::{Attempts, Figures, ImportedRows},
    follow::{Follow, FollowedChange},
    json::JsonCollection,
    limiter::{Allowance, Limiter},
    options::WriteOptions,
    retired::{Ended, Retired},
    session::{Caller, Session},
    transaction::{TransactionCollection, TransactionJson},
    verbs::{Atomicity, Bulk, BulkItem},
    view::{FeedChanges, Records, Rows, View, ViewCollection, ViewRows},
};
