//! Connections of callers who are slow, silent, many, or all of it.

mod answers;
mod http_2;
mod places;
mod server;
mod times;
mod tls;
