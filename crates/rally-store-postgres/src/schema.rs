//! The tables, and how they come to be of the version that this program knows.

use tokio_postgres::{Client, Error, error::SqlState};

use crate::{OpenError, address::Address};

/// The steps that bring the tables from each version to the next, the first one from none. Released ones never change.
const STEPS: [&str; 1] = ["
CREATE TABLE rally_heads (
    tenant uuid PRIMARY KEY,
    version bigint NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE rally_rows (
    tenant uuid NOT NULL,
    space smallint NOT NULL,
    key bytea NOT NULL,
    value bytea NOT NULL,
    PRIMARY KEY (tenant, space, key)
) WITH (fillfactor = 90);
CREATE TABLE rally_commits (
    tenant uuid NOT NULL,
    slot smallint NOT NULL,
    version bigint NOT NULL,
    token uuid NOT NULL,
    PRIMARY KEY (tenant, slot)
) WITH (fillfactor = 50);"];

/// Version 0: the version number alone.
const BEGIN_VERSIONS: &str = "
CREATE TABLE IF NOT EXISTS rally_schema (one boolean PRIMARY KEY CHECK (one), version integer NOT NULL);
INSERT INTO rally_schema (one, version) VALUES (true, 0) ON CONFLICT (one) DO NOTHING;";

/// The version of the tables that this program reads and writes: each step makes the next one.
pub const VERSION: i32 = 1;

/// The most times that the set-up of another server may come between.
const ATTEMPTS: usize = 10;

/// The state in which tables are expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tables {
    /// Nobody has seen them yet.
    MayBeMissing,
    /// They have been seen. Empty ones in their place would look as if nothing had ever been written.
    MustBeThere,
}

/// Makes what is missing, unless it must be there; a number of servers may do so at once.
pub(crate) async fn ensure(client: &Client, address: &Address, tables: Tables) -> Result<(), OpenError> {
    let mut outcome = Ok(());
    for _ in 0..ATTEMPTS {
        outcome = match version(client).await {
            Ok(Some(found)) if found == VERSION => return Ok(()),
            Ok(Some(found)) if !(0..VERSION).contains(&found) => {
                let place = address.place.clone();
                return Err(OpenError::UnknownVersion { place, found, known: VERSION });
            }
            Ok(Some(_)) => migrate(client).await,
            Ok(None) if tables == Tables::MustBeThere => {
                return Err(OpenError::Missing { place: address.place.clone() });
            }
            Ok(None) => begin(client, &address.schema).await,
            Err(error) => Err(error),
        };
        match &outcome {
            Err(error) if !is_another_setting_up(error) => break,
            _ => {}
        }
    }
    outcome.map_err(|error| OpenError::from_set_up(&address.place, &error))
}

/// Checks that the tables are there, of the version that is known.
pub(crate) async fn check(client: &Client, address: &Address) -> Result<(), OpenError> {
    let place = address.place.clone();
    match version(client).await {
        Ok(Some(VERSION)) => Ok(()),
        Ok(Some(found)) => Err(OpenError::UnknownVersion { place, found, known: VERSION }),
        Ok(None) => Err(OpenError::Missing { place }),
        Err(error) => Err(OpenError::from_set_up(&place, &error)),
    }
}

/// The version of the tables; `None` when there are none.
async fn version(client: &Client) -> Result<Option<i32>, Error> {
    match client.query_opt("SELECT version FROM rally_schema", &[]).await {
        Ok(row) => row.map(|row| row.try_get(0)).transpose(),
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn begin(client: &Client, schema: &str) -> Result<(), Error> {
    let there = client.query_opt("SELECT 1 FROM pg_namespace WHERE nspname = $1", &[&schema]).await?;
    if there.is_none() {
        client.batch_execute(&format!("CREATE SCHEMA IF NOT EXISTS \"{schema}\"")).await?;
    }
    client.batch_execute(BEGIN_VERSIONS).await
}

/// Does the steps that are still to be done, all or none. The row's lock lets one server do so at a time.
async fn migrate(client: &Client) -> Result<(), Error> {
    client.batch_execute("BEGIN ISOLATION LEVEL READ COMMITTED").await?;
    let done = steps(client).await;
    let end = if done.is_ok() { "COMMIT" } else { "ROLLBACK" };
    client.batch_execute(end).await?;
    done
}

async fn steps(client: &Client) -> Result<(), Error> {
    let row = client.query_one("SELECT version FROM rally_schema FOR UPDATE", &[]).await?;
    let found: i32 = row.try_get(0)?;
    // Another server, perhaps of a later version, has done so in the meantime.
    if found >= VERSION {
        return Ok(());
    }
    for (_, step) in (0..).zip(STEPS).filter(|(version, _)| *version >= found) {
        client.batch_execute(step).await?;
    }
    client.execute("UPDATE rally_schema SET version = $1", &[&VERSION]).await.map(drop)
}

/// True when the same will succeed once the other server has finished.
fn is_another_setting_up(error: &Error) -> bool {
    let known = [
        SqlState::UNIQUE_VIOLATION,
        SqlState::DUPLICATE_TABLE,
        SqlState::DUPLICATE_SCHEMA,
        SqlState::DUPLICATE_OBJECT,
        SqlState::UNDEFINED_TABLE,
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::T_R_DEADLOCK_DETECTED,
        SqlState::INTERNAL_ERROR,
    ];
    error.code().is_some_and(|code| known.contains(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_step_makes_the_version_that_is_known() {
        assert_eq!(STEPS.len(), usize::try_from(VERSION).unwrap());
    }
}
