//! Statements of the baseline on SQLite.

use crate::contact::{columns, on_taken_email};

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

pub(super) const GET: &str = concat!("SELECT ", columns!(), " FROM contacts WHERE id = ?1");
pub(super) const LIST: &str =
    concat!("SELECT ", columns!(), " FROM contacts ORDER BY created_at, id LIMIT ?1 OFFSET ?2");
pub(super) const LIST_THREE: &str =
    "SELECT id, email, first_name, last_name FROM contacts ORDER BY created_at, id LIMIT ?1 OFFSET ?2";
pub(super) const UPDATED: &str =
    concat!("SELECT ", columns!(), " FROM contacts WHERE updated_at > ?1 ORDER BY updated_at, id LIMIT ?2");
pub(super) const INSERT: &str = concat!(
    "INSERT INTO contacts (",
    columns!(),
    ", email_folded) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, \
     ?20, ?21, ?22, ?23, ?24, ?25)"
);
pub(super) const UPSERT: &str = concat!(
    "INSERT INTO contacts (",
    columns!(),
    ", email_folded) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, \
     ?20, ?21, ?22, ?23, ?24, ?25) ",
    on_taken_email!()
);
pub(super) const CHANGE: &str = "INSERT INTO changes (entity_type, entity_id, action, changed_at, changed_by) \
                      VALUES ('contact', ?1, ?2, ?3, 'bench')";
