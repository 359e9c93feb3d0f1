//! Statements of the baseline on PostgreSQL.

use tokio_postgres::{Client, Error, Statement};

use crate::contact::{columns, on_taken_email};

pub(super) const SCHEMA: &str = "
    CREATE TABLE contacts (
        id uuid NOT NULL PRIMARY KEY, first_name text NOT NULL, last_name text NOT NULL, email text NOT NULL,
        email_folded text NOT NULL UNIQUE, phone text, mobile text, title text, department text, company_id uuid,
        lifecycle_stage text NOT NULL, lead_source text, lead_score smallint, tags text, linked_in_url text,
        twitter_handle text, address text, city text, state text, country text, postal_code text, notes text,
        owner_id uuid, created_at bigint NOT NULL, updated_at bigint NOT NULL
    );
    CREATE INDEX contacts_created ON contacts (created_at, id);
    CREATE INDEX contacts_updated ON contacts (updated_at, id);
    CREATE TABLE changes (
        number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, entity_type text NOT NULL, entity_id uuid NOT NULL,
        action text NOT NULL, changed_at bigint NOT NULL, changed_by text
    );
    CREATE INDEX changes_at ON changes (changed_at);";

pub(super) const ALL: &str = "SELECT id, updated_at FROM contacts ORDER BY created_at, id";

const GET: &str = concat!("SELECT ", columns!(), " FROM contacts WHERE id = $1");

const LIST: &str =
    concat!("SELECT ", columns!(), " FROM contacts ORDER BY created_at, id LIMIT $1 OFFSET $2");

const LIST_THREE: &str =
    "SELECT id, email, first_name, last_name FROM contacts ORDER BY created_at, id LIMIT $1 OFFSET $2";

const UPDATED: &str =
    concat!("SELECT ", columns!(), " FROM contacts WHERE updated_at > $1 ORDER BY updated_at, id LIMIT $2");

const TOTAL: &str = "SELECT count(*) FROM contacts";

macro_rules! insert_one {
    () => {
        concat!(
            "INSERT INTO contacts (",
            columns!(),
            ", email_folded) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, \
             $19, $20, $21, $22, $23, $24, $25) "
        )
    };
}

const INSERT: &str = insert_one!();

const CHANGE: &str = "INSERT INTO changes (entity_type, entity_id, action, changed_at, changed_by) \
                      VALUES ('contact', $1, 'inserted', $2, 'bench')";

const INSERT_MANY: &str = concat!(
    "INSERT INTO contacts (",
    columns!(),
    ", email_folded) SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], \
     $7::text[], $8::text[], $9::uuid[], $10::text[], $11::text[], $12::smallint[], $13::text[], $14::text[], \
     $15::text[], $16::text[], $17::text[], $18::text[], $19::text[], $20::text[], $21::text[], $22::uuid[], \
     $23::bigint[], $24::bigint[], $25::text[])"
);

const CHANGE_MANY: &str = "INSERT INTO changes (entity_type, entity_id, action, changed_at, changed_by) \
                           SELECT 'contact', id, 'inserted', at, 'bench' \
                           FROM unnest($1::uuid[], $2::bigint[]) AS added (id, at)";

/// The contact and its change in one statement, as only the database knows which of the two it is.
const UPSERT: &str = concat!(
    "WITH written AS (",
    insert_one!(),
    on_taken_email!(),
    ") INSERT INTO changes (entity_type, entity_id, action, changed_at, changed_by) \
     SELECT 'contact', id, CASE WHEN id = $1 THEN 'inserted' ELSE 'updated' END, $24, 'bench' FROM written \
     RETURNING entity_id, (SELECT created_at FROM written)"
);

/// All statements, prepared once for each connection.
pub(super) struct Statements {
    pub(super) get: Statement,
    pub(super) list: Statement,
    pub(super) list_three: Statement,
    pub(super) updated: Statement,
    pub(super) total: Statement,
    pub(super) insert: Statement,
    pub(super) change: Statement,
    pub(super) insert_many: Statement,
    pub(super) change_many: Statement,
    pub(super) upsert: Statement,
}

impl Statements {
    pub(super) async fn prepare(client: &Client) -> Result<Self, Error> {
        Ok(Self {
            get: client.prepare(GET).await?,
            list: client.prepare(LIST).await?,
            list_three: client.prepare(LIST_THREE).await?,
            updated: client.prepare(UPDATED).await?,
            total: client.prepare(TOTAL).await?,
            insert: client.prepare(INSERT).await?,
            change: client.prepare(CHANGE).await?,
            insert_many: client.prepare(INSERT_MANY).await?,
            change_many: client.prepare(CHANGE_MANY).await?,
            upsert: client.prepare(UPSERT).await?,
        })
    }
}
