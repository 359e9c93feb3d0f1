//! Words that every floor uses: identity, time, errors, scopes and limits.

mod environment;
mod error;
mod faults;
mod id;
mod kind;
pub mod limits;
mod scope;
mod timestamp;

pub use environment::{Clock, Entropy, Environment, SystemClock, SystemEntropy};
pub use error::{Code, Error};
pub use faults::Faults;
pub use id::{Id, TenantId};
pub use kind::Kind;
pub use scope::Scope;
pub use timestamp::Timestamp;
