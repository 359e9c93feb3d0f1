//! The version of the program, and of what it reads and writes.

/// The commit that the program was built from.
pub(crate) const COMMIT: &str = env!("RALLY_COMMIT");

/// The version in a line: that of the program, its commit, and the formats that it writes.
pub(crate) fn text() -> String {
    format!(
        "{} (commit {COMMIT}, file format {}, PostgreSQL schema {})",
        env!("CARGO_PKG_VERSION"),
        rally_store_redb::FORMAT,
        rally_store_postgres::SCHEMA_VERSION,
    )
}
