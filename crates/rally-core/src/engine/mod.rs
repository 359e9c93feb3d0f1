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
mod lease;
mod limiter;
mod list;
mod member;
mod model;
mod record;
mod resource;
mod rule;
mod sequence;
mod session;
mod spaces;
mod stage;
mod verbs;
mod write;
mod written;

pub(crate) use self::{
    body::{Body, Slots},
    codec::Bytes,
    list::Parameters,
    member::{computed, created_at, id, stored, tenant_id, updated_at},
    record::Record,
    rule::{quote, unquote},
    stage::Stage,
    verbs::{any, change, create_checked, existing, touch},
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
    member::{Access, Member},
    model::Model,
    record::Row,
    resource::{Bulkable, Editable, Resource, Upsertable},
    rule::{Rule, Shape},
    session::{Caller, Profile, Session, TenantInfo},
    write::WriteOptions,
    written::{Deleted, Outcome, Written},
};
