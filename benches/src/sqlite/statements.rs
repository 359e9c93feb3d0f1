//! Statements of the baseline on SQLite.

use crate::{
    Filter, Indexes,
    contact::{columns, on_found_name},
};

/// Tables and indexes of both baselines.
pub(super) const SCHEMA: &str = "
    CREATE TABLE contacts (
        id BLOB NOT NULL PRIMARY KEY, first_name TEXT NOT NULL, last_name TEXT NOT NULL, email TEXT NOT NULL,
        email_folded TEXT NOT NULL UNIQUE, phone TEXT, mobile TEXT, title TEXT, department TEXT, company_id BLOB,
        lifecycle_stage TEXT NOT NULL, lead_source TEXT, lead_score INTEGER, tags TEXT, linked_in_url TEXT,
        twitter_handle TEXT, address TEXT, city TEXT, state TEXT, country TEXT, postal_code TEXT, notes TEXT,
        owner_id BLOB, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL
    );
    CREATE INDEX contacts_created ON contacts (created_at, id);
    CREATE INDEX contacts_updated ON contacts (updated_at, id);
    CREATE TABLE changes (
        number INTEGER PRIMARY KEY, entity_type TEXT NOT NULL, entity_id BLOB NOT NULL, action TEXT NOT NULL,
        changed_at INTEGER NOT NULL, changed_by TEXT
    );
    CREATE INDEX changes_at ON changes (changed_at);";

/// The statements that the baseline with the same indexes has besides.
pub(super) const SAME: &str = "
    ALTER TABLE contacts ADD COLUMN last_name_folded TEXT;
    ALTER TABLE contacts ADD COLUMN full_name_folded TEXT;
    CREATE INDEX contacts_company ON contacts (company_id, created_at, id) WHERE company_id IS NOT NULL;
    CREATE INDEX contacts_owner ON contacts (owner_id, created_at, id) WHERE owner_id IS NOT NULL;
    CREATE INDEX contacts_stage ON contacts (lifecycle_stage, created_at, id);
    CREATE INDEX contacts_source ON contacts (lead_source, created_at, id);
    CREATE INDEX contacts_last_name ON contacts (last_name_folded);
    CREATE INDEX contacts_full_name ON contacts (full_name_folded);
    CREATE TABLE contact_tags (tag TEXT NOT NULL, contact BLOB NOT NULL, PRIMARY KEY (tag, contact)) WITHOUT ROWID;";

pub(super) const GET: &str = concat!("SELECT ", columns!(), " FROM contacts WHERE id = ?1");
pub(super) const LIST: &str =
    concat!("SELECT ", columns!(), " FROM contacts ORDER BY created_at, id LIMIT ?1 OFFSET ?2");
pub(super) const LIST_THREE: &str =
    "SELECT id, email, first_name, last_name FROM contacts ORDER BY created_at, id LIMIT ?1 OFFSET ?2";
pub(super) const UPDATED: &str =
    concat!("SELECT ", columns!(), " FROM contacts WHERE updated_at > ?1 ORDER BY updated_at, id LIMIT ?2");
pub(super) const TOTAL: &str = "SELECT count(*) FROM contacts";
pub(super) const CHANGE: &str = "INSERT INTO changes (entity_type, entity_id, action, changed_at, changed_by) \
                      VALUES ('contact', ?1, ?2, ?3, 'bench')";
pub(super) const TAGS_OF_EMAIL: &str = "SELECT tags FROM contacts WHERE email_folded = ?1";
pub(super) const ADD_TAG: &str =
    "INSERT INTO contact_tags (tag, contact) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
pub(super) const REMOVE_TAG: &str = "DELETE FROM contact_tags WHERE tag = ?1 AND contact = ?2";

/// Statements that are made when a table is opened.
pub(super) struct Statements {
    pub(super) insert: String,
    pub(super) upsert: String,
    /// Takes the beginning and the first text behind it.
    pub(super) search: String,
    pub(super) search_total: String,
    filtered: [String; 2],
    filtered_total: [String; 2],
}

impl Statements {
    pub(super) fn new(indexes: Indexes) -> Self {
        let insert = indexes.insert(|number| format!("?{number}"));
        let found = on_found_name(indexes, ["?1", "?2"], "COLLATE BINARY");
        let conditions = [Filter::Stage, Filter::StageAndSource].map(Filter::condition);
        let list = |condition: &str, limit| {
            format!(
                "SELECT {} FROM contacts WHERE {condition} ORDER BY created_at, id LIMIT {limit}",
                columns!()
            )
        };
        let count = |condition: &str| format!("{TOTAL} WHERE {condition}");
        Self {
            upsert: format!("{insert} {}", indexes.on_taken_email()),
            insert,
            search: list(&found, "?3"),
            search_total: count(&found),
            filtered: conditions.clone().map(|condition| list(&condition, "?1 OFFSET ?2")),
            filtered_total: conditions.map(|condition| count(&condition)),
        }
    }

    pub(super) fn filtered(&self, filter: Filter) -> &str {
        of(&self.filtered, filter)
    }

    pub(super) fn filtered_total(&self, filter: Filter) -> &str {
        of(&self.filtered_total, filter)
    }
}

fn of([stage, both]: &[String; 2], filter: Filter) -> &str {
    match filter {
        Filter::Stage => stage,
        Filter::StageAndSource => both,
    }
}
