//! What is true of every resource: the model of its members, the one write path, lists, the feed and sessions.
//!
//! Nothing here names a resource.

mod body;
mod bulk;
mod codec;
mod collection;
mod core;
mod feed;
mod fields;
mod idempotency;
mod index;
mod join;
mod lease;
mod limiter;
mod list;
mod matching;
mod member;
mod model;
mod narrowed;
mod record;
mod resource;
mod revision;
mod rule;
mod secret;
mod selection;
mod sequence;
mod session;
mod spaces;
mod stage;
mod verbs;
mod write;
mod written;

pub(crate) use self::{
    body::{Body, Slots},
    codec::{Bytes, RecordParts, SecretV1, SecretsV1},
    index::fold,
    join::Join,
    list::Parameters,
    matching::By,
    member::{
        computed, computed_integer, created_at, id, id_as, joined, lookup, stored, tenant_id, updated_at,
    },
    model::Rules,
    record::{NULL, Record},
    revision::Revision,
    rule::{Nested, Wrong, array, fold_domain, object, quote, reference_id, unquote},
    secret::{read_secrets, write_secrets},
    spaces::{Term, newest as newest_key, record as record_key},
    stage::{Of, Stage},
    verbs::{change, create, create_checked, existing, merge, touch},
    written::Answer,
};
pub use self::{
    body::{Change, Draft, Json},
    bulk::{Bulk, BulkItem},
    collection::{Collection, Page},
    core::{Config, Engine},
    feed::{Action, Changes, Entry as FeedEntry, From as FeedFrom, Query as FeedQuery},
    fields::Fields,
    idempotency::IdempotencyKey,
    limiter::{Allowance, Limiter},
    list::{ListQuery, atomic_parameter, no_parameters},
    matching::Matching,
    member::{Access, Member},
    model::Model,
    record::Row,
    resource::{Bulkable, Creatable, Editable, Resource, Upsertable},
    rule::{Rule, Shape},
    session::{Caller, Profile, Session, TenantInfo},
    stage::Link,
    write::WriteOptions,
    written::{Deleted, Outcome, Written},
};
