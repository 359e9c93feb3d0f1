//! The server's own listener: what one connection, one source and all of them together may take.

mod accept;
mod activity;
mod answer_body;
mod connection;
mod descriptors;
mod exchange;
mod options;
mod places;
mod request_body;
mod socket;
mod tls;
mod transport;

pub use accept::serve;
pub use descriptors::raise_descriptor_limit;
pub(crate) use exchange::Connection;
pub use options::ServeOptions;
pub use tls::TlsFiles;
