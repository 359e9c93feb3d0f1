//! The write path. There is no second one to a tenant's records and feed: a transaction's batch is private to this
//! module.

mod ahead;
mod answer;
mod backup;
mod change;
mod consequences;
mod definition;
mod deletion;
mod detach;
mod idempotency;
mod incarnation;
mod matched_by;
mod outbox;
mod path;
mod precondition;
#[cfg(feature = "files")]
mod rehearsal;
mod resource;
mod revision;
mod salts;
mod secrets;
mod transaction;
mod trim;

#[cfg(feature = "files")]
pub(crate) use self::rehearsal::Rehearsal;
#[cfg(feature = "files")]
pub use self::rehearsal::Scratch;
pub(crate) use self::{
    ahead::{Subject, keys_ahead},
    answer::{Answer, ItemAnswer},
    backup::read_backup,
    change::Change,
    definition::{Link, Preparation, Rules},
    deletion::{Deletion, LinksAtOnce, Refusal, delete},
    idempotency::UnderWay,
    outbox::{BY_RECORD, EventType, Events, Matter, NewEvent, STRICT, Told, UNORDERED, body, data_of_record},
    path::{
        Committed, Work, Write, adopt, create, create_checked, existing, set_members, set_silently, update,
        upsert,
    },
    precondition::Precondition,
    revision::Revision,
    secrets::read_secrets,
    transaction::Origin,
};
pub use self::{
    answer::{Deleted, WriteOutcome, Written},
    definition::Definition,
    idempotency::IdempotencyKey,
    matched_by::MatchedBy,
    precondition::Unless,
    resource::{Bulkable, Creatable, Draft, Editable, Update, Upsertable},
    transaction::Transaction,
};
