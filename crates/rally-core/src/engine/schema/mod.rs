//! The members of resources: which values they can have, how they are read and written, and what a draft says of them.

mod body;
mod fields;
mod given;
mod join;
mod member;
mod model;
mod plain;
mod record;
mod resource;
mod row;
mod rule;
mod slots;
mod tenant;

pub(crate) use self::{
    body::Body,
    join::{Join, join, parts as joined_parts},
    member::{
        Fold, IndexNumber, ValueSource, computed, computed_optional, created_at, id, id_as, joined, lookup,
        stored, tenant_id, updated_at,
    },
    model::Summed,
    record::{NULL, Record},
    resource::sealed::Sealed,
    rule::{
        InputValue, UNSEEN, ValueFaults, array, fold_domain, fold_email, object, parse_stored, plain, quote,
        read_bool, read_stored, reference_id, text_of, unquote,
    },
    slots::Slots,
};
pub use self::{
    fields::Fields,
    given::Given,
    member::{Access, Member},
    model::Model,
    resource::{Keyed, Recorded, Resource, Searchable},
    row::Row,
    rule::{Rule, Shape, ShapeMember},
    tenant::TenantInfo,
};
