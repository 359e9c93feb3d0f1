//! Reading a tenant's state at one moment: records, lists, filtered lists and the feed.

mod feed;
mod filtered;
mod query;
mod reader;
mod selection;
mod walk;

pub use self::{
    feed::{FeedEntry, FeedPosition, FeedQuery},
    query::{Filter, Filterable, ListQuery, Query, Search},
    reader::Page,
};
pub(crate) use self::{
    feed::{changes, last_change},
    reader::Reader,
    walk::Walk,
};
