use tokio_postgres::{Client, Error, Statement};

/// Everything that is asked of the tables while serving, prepared once for each connection.
pub(crate) struct Statements {
    pub(crate) lock: Statement,
    pub(crate) enroll: Statement,
    pub(crate) get: Statement,
    pub(crate) get_many: Statement,
    pub(crate) scan_forward: Statement,
    pub(crate) scan_backward: Statement,
    pub(crate) apply: Statement,
    pub(crate) delete: Statement,
    pub(crate) find_commit: Statement,
}

const LOCK: &str = "SELECT version FROM rally_heads WHERE tenant = $1 FOR UPDATE";

const ENROLL: &str =
    "INSERT INTO rally_heads (tenant, version) VALUES ($1, 0) ON CONFLICT (tenant) DO NOTHING";

const GET: &str = "SELECT value FROM rally_rows WHERE tenant = $1 AND space = $2 AND key = $3";

/// Each key is looked up on its own: a plan made while the table was empty would otherwise read a tenant's every row and
/// look among the keys for it, long after the table has been filled.
const GET_MANY: &str = "
SELECT asked.place, found.value
FROM unnest($2::int2[], $3::bytea[]) WITH ORDINALITY AS asked (space, key, place)
CROSS JOIN LATERAL (
    SELECT r.value FROM rally_rows AS r
    WHERE r.tenant = $1 AND r.space = asked.space AND r.key = asked.key
    OFFSET 0
) AS found";

const SCAN_FORWARD: &str = "
SELECT space, key, value FROM rally_rows
WHERE tenant = $1 AND (space, key) >= ($2, $3) AND (space, key) < ($4, $5)
ORDER BY space, key LIMIT $6";

const SCAN_BACKWARD: &str = "
SELECT space, key, value FROM rally_rows
WHERE tenant = $1 AND (space, key) >= ($2, $3) AND (space, key) < ($4, $5)
ORDER BY space DESC, key DESC LIMIT $6";

const APPLY: &str = "
WITH stored AS (
    INSERT INTO rally_rows (tenant, space, key, value)
    SELECT $1, changed.space, changed.key, changed.value
    FROM unnest($4::int2[], $5::bytea[], $6::bytea[]) AS changed (space, key, value)
    ON CONFLICT (tenant, space, key) DO UPDATE SET value = excluded.value
), signed AS (
    INSERT INTO rally_commits (tenant, slot, version, token)
    VALUES ($1, ($2::int8 % 256)::int2, $2, $3)
    ON CONFLICT (tenant, slot) DO UPDATE SET version = excluded.version, token = excluded.token
)
UPDATE rally_heads SET version = $2 WHERE tenant = $1";

/// A deletion joined to the keys could be planned like [`GET_MANY`] and has no such way out; there are few in a batch.
const DELETE: &str = "DELETE FROM rally_rows WHERE tenant = $1 AND space = $2 AND key = $3";

const FIND_COMMIT: &str = "
SELECT version, token FROM rally_commits WHERE tenant = $1 AND slot = ($2::int8 % 256)::int2";

impl Statements {
    pub(crate) async fn prepare(client: &Client) -> Result<Self, Error> {
        let (lock, enroll, get, get_many, scan_forward, scan_backward, apply, delete, find_commit) = tokio::try_join!(
            client.prepare(LOCK),
            client.prepare(ENROLL),
            client.prepare(GET),
            client.prepare(GET_MANY),
            client.prepare(SCAN_FORWARD),
            client.prepare(SCAN_BACKWARD),
            client.prepare(APPLY),
            client.prepare(DELETE),
            client.prepare(FIND_COMMIT),
        )?;
        Ok(Self { lock, enroll, get, get_many, scan_forward, scan_backward, apply, delete, find_commit })
    }
}
