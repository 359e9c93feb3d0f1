//! Reading a tenant's state at one moment: records, lists, filtered lists and the feed.

mod epoch;
mod feed;
mod filtered;
mod history;
mod list_query;
mod position;
mod query;
mod reader;
mod selection;
mod updated;
mod walk;

pub use self::{
    epoch::FeedEpoch,
    feed::{FeedEntry, FeedPage, FeedPosition, FeedQuery},
    history::{HistoryEntry, HistoryQuery, MemberChange},
    list_query::ListQuery,
    position::ListPosition,
    query::{Filter, Filterable, Query, Search},
    reader::Page,
};
pub(crate) use self::{
    feed::{changes, feed_epoch, last_change},
    history::{change_numbered, history},
    list_query::check_limit,
    reader::Reader,
    walk::Walk,
};
