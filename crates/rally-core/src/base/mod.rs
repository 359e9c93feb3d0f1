//! Types that every layer uses: identity, time, errors, scopes and limits.

mod currency;
mod decimal;
mod environment;
mod error;
mod faults;
mod id;
mod invariant;
mod kind;
pub mod limits;
mod patch;
mod round_robin;
mod scope;
mod tags;
mod time_zone;
mod timestamp;
pub(crate) mod unicode;
mod words;

pub use currency::{Currency, NotACurrency};
pub use decimal::{Decimal, NotADecimal};
pub(crate) use decimal::{NotAnInteger, integer};
pub use environment::{Clock, Entropy, Environment, SystemClock, SystemEntropy};
pub use error::{Code, Error};
pub use faults::Faults;
pub use id::{Id, TenantId};
pub(crate) use id::{instant_of, uuid_at};
pub(crate) use invariant::{clamp, count, invariant};
pub use kind::Kind;
pub(crate) use kind::with_kinds;
pub use patch::Patch;
pub use round_robin::RoundRobin;
pub use scope::{Scope, Scopes, UnknownScope};
pub use tags::Tags;
pub use time_zone::{NotATimeZone, TimeZone};
pub use timestamp::{NotAnInstant, Timestamp};
pub use words::{Action, ClosedSet, Profile, UnknownWord};
pub(crate) use words::{closed_set, read_text};
