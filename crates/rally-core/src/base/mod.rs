//! Words that every floor uses: identity, time, errors, scopes and limits.

mod decimal;
mod environment;
mod error;
mod faults;
mod id;
mod kind;
pub mod limits;
mod patch;
mod scope;
mod timestamp;

pub use decimal::{Decimal, NotADecimal};
pub use environment::{Clock, Entropy, Environment, SystemClock, SystemEntropy};
pub use error::{Code, Error};
pub use faults::Faults;
pub use id::{Id, TenantId};
pub(crate) use id::{instant_of, uuid_at};
pub use kind::Kind;
pub use patch::Patch;
pub use scope::{Scope, UnknownScope};
pub use timestamp::{NotAnInstant, Timestamp};
