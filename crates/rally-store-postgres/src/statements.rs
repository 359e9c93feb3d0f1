use tokio_postgres::{Client, Error, Statement};

/// Everything that is asked of the tables while serving, prepared once for each connection.
pub(crate) struct Statements {
    pub(crate) lock: Statement,
    pub(crate) enroll: Statement,
    pub(crate) get: Statement,
    pub(crate) get_many: Statement,
    pub(crate) scan: Scans,
    pub(crate) apply: Statement,
    pub(crate) delete: Statement,
    /// `None` on engines that speak PostgreSQL's language but have no `ctid`.
    pub(crate) delete_many: Option<Statement>,
    pub(crate) find_commit: Statement,
}

/// Reading a range: in either direction, up to a key or up to the end of its space.
pub(crate) struct Scans {
    pub(crate) forward: Statement,
    pub(crate) forward_until: Statement,
    pub(crate) backward: Statement,
    pub(crate) backward_until: Statement,
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

/// A space is compared by `=` and a key on its own, since a comparison of rows, `(space, key) < ($4, $5)`, is no bound
/// at which a scan of the index would stop: it would read on to the end of the tenant.
const SCAN_FORWARD: &str = "
SELECT key, value FROM rally_rows WHERE tenant = $1 AND space = $2 AND key >= $3
ORDER BY space, key LIMIT $4";

const SCAN_FORWARD_UNTIL: &str = "
SELECT key, value FROM rally_rows WHERE tenant = $1 AND space = $2 AND key >= $3 AND key < $5
ORDER BY space, key LIMIT $4";

const SCAN_BACKWARD: &str = "
SELECT key, value FROM rally_rows WHERE tenant = $1 AND space = $2 AND key >= $3
ORDER BY space DESC, key DESC LIMIT $4";

const SCAN_BACKWARD_UNTIL: &str = "
SELECT key, value FROM rally_rows WHERE tenant = $1 AND space = $2 AND key >= $3 AND key < $5
ORDER BY space DESC, key DESC LIMIT $4";

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

const DELETE: &str = "DELETE FROM rally_rows WHERE tenant = $1 AND space = $2 AND key = $3";

/// A deletion joined to the keys could be planned like [`GET_MANY`] and has no such way out, so the rows are found as
/// there and deleted by their places, which the lock of the tenant's head keeps as they are.
const DELETE_MANY: &str = "
DELETE FROM rally_rows WHERE ctid = ANY (ARRAY(
    SELECT found.place
    FROM unnest($2::int2[], $3::bytea[]) AS gone (space, key)
    CROSS JOIN LATERAL (
        SELECT r.ctid AS place FROM rally_rows AS r
        WHERE r.tenant = $1 AND r.space = gone.space AND r.key = gone.key
        OFFSET 0
    ) AS found
))";

const FIND_COMMIT: &str = "
SELECT version, token FROM rally_commits WHERE tenant = $1 AND slot = ($2::int8 % 256)::int2";

impl Statements {
    pub(crate) async fn prepare(client: &Client) -> Result<Self, Error> {
        let (scan, lock, enroll, get, get_many, apply, delete, find_commit) = tokio::try_join!(
            Scans::prepare(client),
            client.prepare(LOCK),
            client.prepare(ENROLL),
            client.prepare(GET),
            client.prepare(GET_MANY),
            client.prepare(APPLY),
            client.prepare(DELETE),
            client.prepare(FIND_COMMIT),
        )?;
        let delete_many = match client.prepare(DELETE_MANY).await {
            Ok(statement) => Some(statement),
            Err(error) if crate::error::is_lost(&error) => return Err(error),
            Err(error) => {
                tracing::debug!(%error, "the database deletes rows one by one");
                None
            }
        };
        Ok(Self { lock, enroll, get, get_many, scan, apply, delete, delete_many, find_commit })
    }
}

impl Scans {
    async fn prepare(client: &Client) -> Result<Self, Error> {
        let (forward, forward_until, backward, backward_until) = tokio::try_join!(
            client.prepare(SCAN_FORWARD),
            client.prepare(SCAN_FORWARD_UNTIL),
            client.prepare(SCAN_BACKWARD),
            client.prepare(SCAN_BACKWARD_UNTIL),
        )?;
        Ok(Self { forward, forward_until, backward, backward_until })
    }
}
