//! Statements of the baseline on PostgreSQL.

use tokio_postgres::{Client, Error, Statement};

use crate::{
    Filter, Indexes,
    contact::{columns, on_found_name},
};

/// Tables and indexes of both baselines.
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

/// The statements that the baseline with the same indexes has besides.
pub(super) const SAME: &str = "
    ALTER TABLE contacts ADD COLUMN last_name_folded text;
    ALTER TABLE contacts ADD COLUMN full_name_folded text;
    CREATE INDEX contacts_company ON contacts (company_id, created_at, id) WHERE company_id IS NOT NULL;
    CREATE INDEX contacts_owner ON contacts (owner_id, created_at, id) WHERE owner_id IS NOT NULL;
    CREATE INDEX contacts_stage ON contacts (lifecycle_stage, created_at, id);
    CREATE INDEX contacts_source ON contacts (lead_source, created_at, id);
    CREATE INDEX contacts_last_name ON contacts (last_name_folded COLLATE \"C\");
    CREATE INDEX contacts_full_name ON contacts (full_name_folded COLLATE \"C\");
    CREATE INDEX contacts_email ON contacts (email_folded COLLATE \"C\");
    CREATE TABLE contact_tags (tag text NOT NULL, contact uuid NOT NULL, PRIMARY KEY (tag, contact));";

pub(super) const ALL: &str = "SELECT id, updated_at FROM contacts ORDER BY created_at, id";

const GET: &str = concat!("SELECT ", columns!(), " FROM contacts WHERE id = $1");

const LIST: &str =
    concat!("SELECT ", columns!(), " FROM contacts ORDER BY created_at, id LIMIT $1 OFFSET $2");

const LIST_THREE: &str =
    "SELECT id, email, first_name, last_name FROM contacts ORDER BY created_at, id LIMIT $1 OFFSET $2";

const UPDATED: &str =
    concat!("SELECT ", columns!(), " FROM contacts WHERE updated_at > $1 ORDER BY updated_at, id LIMIT $2");

const TOTAL: &str = "SELECT count(*) FROM contacts";

const CHANGE: &str = "INSERT INTO changes (entity_type, entity_id, action, changed_at, changed_by) \
                      VALUES ('contact', $1, 'inserted', $2, 'bench')";

const CHANGE_MANY: &str = "INSERT INTO changes (entity_type, entity_id, action, changed_at, changed_by) \
                           SELECT 'contact', id, 'inserted', at, 'bench' \
                           FROM unnest($1::uuid[], $2::bigint[]) AS added (id, at)";

const TAGS: &str = "INSERT INTO contact_tags (tag, contact) SELECT * FROM unnest($1::text[], $2::uuid[])";

/// Types of the columns that are read, and of the folded texts behind them.
const TYPES: [&str; 27] = [
    "uuid", "text", "text", "text", "text", "text", "text", "text", "uuid", "text", "text", "smallint",
    "text", "text", "text", "text", "text", "text", "text", "text", "text", "uuid", "bigint", "bigint",
    "text", "text", "text",
];

fn parameter(number: usize) -> String {
    format!("${number}")
}

/// An insert of many rows, with an array for each column.
fn insert_many(indexes: Indexes) -> String {
    let arrays = TYPES.iter().take(indexes.columns()).zip(1..);
    let arrays: Vec<String> = arrays.map(|(of, number)| format!("${number}::{of}[]")).collect();
    format!("INSERT INTO contacts ({}) SELECT * FROM unnest({})", indexes.all_columns(), arrays.join(", "))
}

/// The contact and its change in one statement, as only the database knows which of the two it is; its tags, too, if they
/// are other than before.
fn upsert(indexes: Indexes) -> String {
    let written = format!("{} {}", indexes.insert(parameter), indexes.on_taken_email());
    let tags = match indexes {
        Indexes::Bare => "",
        Indexes::Same => {
            ", old AS (SELECT id, tags FROM contacts WHERE email_folded = $25), \
             gone AS (DELETE FROM contact_tags USING old \
              WHERE old.tags IS DISTINCT FROM $13 AND contact = old.id AND tag = ANY (string_to_array(old.tags, ',')) \
              AND NOT tag = ANY (string_to_array($13, ','))), \
             come AS (INSERT INTO contact_tags (tag, contact) \
              SELECT unnest(string_to_array($13, ',')), written.id FROM written LEFT JOIN old USING (id) \
              WHERE old.id IS NULL OR old.tags IS DISTINCT FROM $13 ON CONFLICT DO NOTHING)"
        }
    };
    format!(
        "WITH written AS ({written}){tags} \
         INSERT INTO changes (entity_type, entity_id, action, changed_at, changed_by) \
         SELECT 'contact', id, CASE WHEN id = $1 THEN 'inserted' ELSE 'updated' END, $24, 'bench' FROM written \
         RETURNING entity_id, (SELECT created_at FROM written)"
    )
}

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
    /// Only the baseline with the same indexes has tags.
    pub(super) tags: Option<Statement>,
    pub(super) upsert: Statement,
    /// Takes the beginning and the first text behind it.
    pub(super) search: Statement,
    pub(super) search_total: Statement,
    filtered: [Statement; 2],
    filtered_total: [Statement; 2],
}

impl Statements {
    pub(super) async fn prepare(client: &Client, indexes: Indexes) -> Result<Self, Error> {
        let found = on_found_name(indexes, ["$1", "$2"], "COLLATE \"C\"");
        let [stage, both] = [Filter::Stage, Filter::StageAndSource].map(Filter::condition);
        let tags = match indexes {
            Indexes::Bare => None,
            Indexes::Same => Some(client.prepare(TAGS).await?),
        };
        Ok(Self {
            get: client.prepare(GET).await?,
            list: client.prepare(LIST).await?,
            list_three: client.prepare(LIST_THREE).await?,
            updated: client.prepare(UPDATED).await?,
            total: client.prepare(TOTAL).await?,
            insert: client.prepare(&indexes.insert(parameter)).await?,
            change: client.prepare(CHANGE).await?,
            insert_many: client.prepare(&insert_many(indexes)).await?,
            change_many: client.prepare(CHANGE_MANY).await?,
            tags,
            upsert: client.prepare(&upsert(indexes)).await?,
            search: client.prepare(&list(&found, "$3")).await?,
            search_total: client.prepare(&count(&found)).await?,
            filtered: [
                client.prepare(&list(&stage, "$1 OFFSET $2")).await?,
                client.prepare(&list(&both, "$1 OFFSET $2")).await?,
            ],
            filtered_total: [client.prepare(&count(&stage)).await?, client.prepare(&count(&both)).await?],
        })
    }

    pub(super) fn filtered(&self, filter: Filter) -> &Statement {
        of(&self.filtered, filter)
    }

    pub(super) fn filtered_total(&self, filter: Filter) -> &Statement {
        of(&self.filtered_total, filter)
    }
}

fn list(condition: &str, limit: &str) -> String {
    format!("SELECT {} FROM contacts WHERE {condition} ORDER BY created_at, id LIMIT {limit}", columns!())
}

fn count(condition: &str) -> String {
    format!("{TOTAL} WHERE {condition}")
}

fn of([stage, both]: &[Statement; 2], filter: Filter) -> &Statement {
    match filter {
        Filter::Stage => stage,
        Filter::StageAndSource => both,
    }
}
