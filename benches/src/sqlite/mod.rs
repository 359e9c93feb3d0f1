//! The baseline: contacts in a SQLite table, as one would write it by hand.

mod statements;

use std::fmt;

use parking_lot::Mutex;
use rally_core::{Timestamp, limits};
use rusqlite::{Connection, Row, Statement, ToSql, params};
use serde::{Deserialize, Serialize, Serializer};
use tempfile::TempDir;
use uuid::Uuid;

use self::statements::{CHANGE, GET, INSERT, LIST, LIST_THREE, SCHEMA, UPDATED, UPSERT};
use crate::{Members, Subject};

/// A column for each member, and the statements that a server would keep ready.
pub struct Sqlite {
    inner: Mutex<Inner>,
    noted: Vec<(Uuid, i64)>,
    tenant: Uuid,
    folder: TempDir,
}

struct Inner {
    connection: Connection,
    last_instant: i64,
}

/// What `PRAGMA synchronous` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Synchronous {
    /// A commit is on disk before it is answered.
    Full,
    /// A commit is left to the operating system.
    Off,
}

/// What a request says.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Draft<'a> {
    first_name: &'a str,
    last_name: &'a str,
    email: &'a str,
    phone: Option<&'a str>,
    mobile: Option<&'a str>,
    title: Option<&'a str>,
    department: Option<&'a str>,
    company_id: Option<Uuid>,
    lifecycle_stage: Option<&'a str>,
    lead_source: Option<&'a str>,
    lead_score: Option<u8>,
    tags: Option<&'a str>,
    linked_in_url: Option<&'a str>,
    twitter_handle: Option<&'a str>,
    address: Option<&'a str>,
    city: Option<&'a str>,
    state: Option<&'a str>,
    country: Option<&'a str>,
    postal_code: Option<&'a str>,
    notes: Option<&'a str>,
    owner_id: Option<Uuid>,
}

/// What is answered, borrowed from the row or the request.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Contact<'a> {
    id: Uuid,
    tenant_id: Uuid,
    first_name: &'a str,
    last_name: &'a str,
    full_name: FullName<'a>,
    email: &'a str,
    phone: Option<&'a str>,
    mobile: Option<&'a str>,
    title: Option<&'a str>,
    department: Option<&'a str>,
    company_id: Option<Uuid>,
    lifecycle_stage: &'a str,
    lead_source: Option<&'a str>,
    lead_score: Option<u8>,
    tags: Option<&'a str>,
    linked_in_url: Option<&'a str>,
    twitter_handle: Option<&'a str>,
    address: Option<&'a str>,
    city: Option<&'a str>,
    state: Option<&'a str>,
    country: Option<&'a str>,
    postal_code: Option<&'a str>,
    notes: Option<&'a str>,
    owner_id: Option<Uuid>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ThreeMembers<'a> {
    id: Uuid,
    full_name: FullName<'a>,
    email: &'a str,
}

/// Both names, joined as they are written.
struct FullName<'a>(&'a str, &'a str);

impl Serialize for FullName<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for FullName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)?;
        f.write_str(" ")?;
        f.write_str(self.1)
    }
}

impl Sqlite {
    /// An empty table in a file of its own.
    ///
    /// # Panics
    /// When the file cannot be made.
    #[must_use]
    pub fn open(synchronous: Synchronous) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let connection = Connection::open(folder.path().join("crm.sqlite")).expect("a database");
        let synchronous = match synchronous {
            Synchronous::Full => "FULL",
            Synchronous::Off => "OFF",
        };
        connection
            .execute_batch(&format!(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = {synchronous}; PRAGMA cache_size = -262144; {SCHEMA}"
            ))
            .expect("a schema");
        connection.set_prepared_statement_cache_capacity(32);
        let inner = Mutex::new(Inner { connection, last_instant: 0 });
        Self { inner, noted: Vec::new(), tenant: Uuid::now_v7(), folder }
    }

    /// The bytes of its file, all that was written included.
    ///
    /// # Panics
    /// When the database cannot be brought together.
    #[must_use]
    pub fn disk_bytes(&self) -> u64 {
        self.inner.lock().connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE);").expect("a checkpoint");
        crate::subject::folder_bytes(&self.folder)
    }

    fn page(&self, sql: &str, bounds: [i64; 2], members: Members, out: &mut Vec<u8>) -> bool {
        let inner = self.inner.lock();
        let mut statement = inner.connection.prepare_cached(sql).expect("a statement");
        let mut rows = statement.query(bounds).expect("a page");
        out.push(b'[');
        let mut count = 0;
        while let Some(row) = rows.next().expect("a row") {
            count += 1;
            if count > limits::PAGE {
                break;
            }
            if count > 1 {
                out.push(b',');
            }
            match members {
                Members::All => write(&self.contact(row), out),
                Members::Three => write(&three_members(row), out),
            }
        }
        out.push(b']');
        count > limits::PAGE
    }

    fn contact<'r>(&self, row: &'r Row<'_>) -> Contact<'r> {
        Contact {
            id: uuid(row, 0).expect("an id"),
            tenant_id: self.tenant,
            first_name: text(row, 1).unwrap_or_default(),
            last_name: text(row, 2).unwrap_or_default(),
            full_name: FullName(text(row, 1).unwrap_or_default(), text(row, 2).unwrap_or_default()),
            email: text(row, 3).unwrap_or_default(),
            phone: text(row, 4),
            mobile: text(row, 5),
            title: text(row, 6),
            department: text(row, 7),
            company_id: uuid(row, 8),
            lifecycle_stage: text(row, 9).unwrap_or_default(),
            lead_source: text(row, 10),
            lead_score: row.get(11).expect("a score"),
            tags: text(row, 12),
            linked_in_url: text(row, 13),
            twitter_handle: text(row, 14),
            address: text(row, 15),
            city: text(row, 16),
            state: text(row, 17),
            country: text(row, 18),
            postal_code: text(row, 19),
            notes: text(row, 20),
            owner_id: uuid(row, 21),
            created_at: Timestamp::from_micros(row.get(22).expect("an instant")),
            updated_at: Timestamp::from_micros(row.get(23).expect("an instant")),
        }
    }

    fn answer(&self, draft: &Draft<'_>, id: Uuid, created_at: i64, updated_at: i64, out: &mut Vec<u8>) {
        let contact = Contact {
            id,
            tenant_id: self.tenant,
            first_name: draft.first_name,
            last_name: draft.last_name,
            full_name: FullName(draft.first_name, draft.last_name),
            email: draft.email,
            phone: draft.phone,
            mobile: draft.mobile,
            title: draft.title,
            department: draft.department,
            company_id: draft.company_id,
            lifecycle_stage: draft.lifecycle_stage.unwrap_or("lead"),
            lead_source: draft.lead_source,
            lead_score: draft.lead_score,
            tags: draft.tags,
            linked_in_url: draft.linked_in_url,
            twitter_handle: draft.twitter_handle,
            address: draft.address,
            city: draft.city,
            state: draft.state,
            country: draft.country,
            postal_code: draft.postal_code,
            notes: draft.notes,
            owner_id: draft.owner_id,
            created_at: Timestamp::from_micros(created_at),
            updated_at: Timestamp::from_micros(updated_at),
        };
        write(&contact, out);
    }

    fn noted(&self, index: u64) -> (Uuid, i64) {
        let count = u64::try_from(self.noted.len()).unwrap_or(u64::MAX);
        let index = usize::try_from(index % count).unwrap_or(0);
        *self.noted.get(index).expect("a noted contact")
    }
}

impl Inner {
    fn begin(&self) {
        self.run("BEGIN IMMEDIATE");
    }

    fn commit(&self) {
        self.run("COMMIT");
    }

    fn run(&self, sql: &str) {
        self.connection.prepare_cached(sql).and_then(|mut done| done.execute([])).expect("a transaction");
    }

    /// The clock's instant, but always later than the last one.
    fn next_instant(&mut self) -> i64 {
        let clock = rally_core::Clock::now(&rally_core::SystemClock).as_micros();
        self.last_instant = clock.max(self.last_instant + 1);
        self.last_instant
    }

    fn insert(&mut self, draft: &Draft<'_>) -> (Uuid, i64) {
        let (id, instant) = (Uuid::now_v7(), self.next_instant());
        let mut insert = self.connection.prepare_cached(INSERT).expect("a statement");
        bind(&mut insert, draft, id, instant).and_then(|()| insert.raw_execute()).expect("a new row");
        drop(insert);
        self.note(id, "inserted", instant);
        (id, instant)
    }

    fn upsert(&mut self, draft: &Draft<'_>) -> (Uuid, i64, i64) {
        let (new_id, instant) = (Uuid::now_v7(), self.next_instant());
        let (id, created_at) = {
            let mut upsert = self.connection.prepare_cached(UPSERT).expect("a statement");
            bind(&mut upsert, draft, new_id, instant).expect("values");
            let mut rows = upsert.raw_query();
            let row = rows.next().expect("an answer").expect("a row");
            let found = (uuid(row, 0).expect("an id"), row.get(1).expect("an instant"));
            // The statement has done its work only when it has been run to its end.
            assert!(rows.next().expect("an end").is_none(), "one row has one e-mail address");
            found
        };
        self.note(id, if id == new_id { "inserted" } else { "updated" }, instant);
        (id, created_at, instant)
    }

    fn note(&self, id: Uuid, action: &str, instant: i64) {
        let mut change = self.connection.prepare_cached(CHANGE).expect("a statement");
        change.execute(params![id.as_bytes(), action, instant]).expect("a change");
    }
}

/// Binds the values of an insert, in the order of the columns.
fn bind(statement: &mut Statement<'_>, draft: &Draft<'_>, id: Uuid, instant: i64) -> rusqlite::Result<()> {
    let folded = draft.email.to_lowercase();
    let (id, company, owner) =
        (id.into_bytes(), draft.company_id.map(Uuid::into_bytes), draft.owner_id.map(Uuid::into_bytes));
    let stage = draft.lifecycle_stage.unwrap_or("lead");
    let values: [&dyn ToSql; 25] = [
        &id,
        &draft.first_name,
        &draft.last_name,
        &draft.email,
        &draft.phone,
        &draft.mobile,
        &draft.title,
        &draft.department,
        &company,
        &stage,
        &draft.lead_source,
        &draft.lead_score,
        &draft.tags,
        &draft.linked_in_url,
        &draft.twitter_handle,
        &draft.address,
        &draft.city,
        &draft.state,
        &draft.country,
        &draft.postal_code,
        &draft.notes,
        &owner,
        &instant,
        &instant,
        &folded,
    ];
    for (place, value) in values.into_iter().enumerate() {
        statement.raw_bind_parameter(place + 1, value)?;
    }
    Ok(())
}

fn write<T: Serialize>(value: &T, out: &mut Vec<u8>) {
    serde_json::to_writer(out, value).expect("JSON");
}

fn text<'r>(row: &'r Row<'_>, column: usize) -> Option<&'r str> {
    row.get_ref(column).expect("a column").as_str_or_null().expect("text")
}

fn uuid(row: &Row<'_>, column: usize) -> Option<Uuid> {
    let bytes = row.get_ref(column).expect("a column").as_blob_or_null().expect("bytes");
    bytes.map(|bytes| Uuid::from_slice(bytes).expect("a UUID"))
}

fn three_members<'r>(row: &'r Row<'_>) -> ThreeMembers<'r> {
    ThreeMembers {
        id: uuid(row, 0).expect("an id"),
        full_name: FullName(text(row, 2).unwrap_or_default(), text(row, 3).unwrap_or_default()),
        email: text(row, 1).unwrap_or_default(),
    }
}

fn draft(body: &str) -> Draft<'_> {
    serde_json::from_str(body).expect("a draft")
}

impl Subject for Sqlite {
    fn get(&self, index: u64, out: &mut Vec<u8>) {
        let (id, _) = self.noted(index);
        let inner = self.inner.lock();
        let mut statement = inner.connection.prepare_cached(GET).expect("a statement");
        let mut rows = statement.query([id.as_bytes()]).expect("an answer");
        let row = rows.next().expect("a row").expect("a contact");
        write(&self.contact(row), out);
    }

    fn list(&self, offset: u64, members: Members, out: &mut Vec<u8>) -> bool {
        let sql = match members {
            Members::All => LIST,
            Members::Three => LIST_THREE,
        };
        self.page(sql, [one_more(), offset.cast_signed()], members, out)
    }

    fn updated_since(&self, index: u64, out: &mut Vec<u8>) -> bool {
        self.page(UPDATED, [self.noted(index).1, one_more()], Members::All, out)
    }

    fn total(&self) -> u64 {
        let inner = self.inner.lock();
        let mut count =
            inner.connection.prepare_cached("SELECT count(*) FROM contacts").expect("a statement");
        count.query_row([], |row| row.get::<_, i64>(0)).expect("a total").cast_unsigned()
    }

    fn create(&self, body: &str, out: &mut Vec<u8>) {
        let draft = draft(body);
        let mut inner = self.inner.lock();
        inner.begin();
        let (id, instant) = inner.insert(&draft);
        inner.commit();
        drop(inner);
        self.answer(&draft, id, instant, instant, out);
    }

    fn bulk(&self, body: &str) -> usize {
        let drafts: Vec<Draft<'_>> = serde_json::from_str(body).expect("drafts");
        let mut inner = self.inner.lock();
        inner.begin();
        drafts.iter().for_each(|draft| {
            inner.insert(draft);
        });
        inner.commit();
        drafts.len()
    }

    fn upsert(&self, body: &str, out: &mut Vec<u8>) {
        let draft = draft(body);
        let mut inner = self.inner.lock();
        inner.begin();
        let (id, created_at, updated_at) = inner.upsert(&draft);
        inner.commit();
        drop(inner);
        self.answer(&draft, id, created_at, updated_at, out);
    }

    fn note_loaded(&mut self) {
        let inner = self.inner.lock();
        inner.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE); ANALYZE;").expect("a checkpoint");
        let mut all = inner
            .connection
            .prepare("SELECT id, updated_at FROM contacts ORDER BY created_at, id")
            .expect("a statement");
        let read = |row: &Row<'_>| Ok((uuid(row, 0).expect("an id"), row.get(1)?));
        let mut noted: Vec<(Uuid, i64)> =
            all.query_map([], read).expect("all").collect::<Result<_, _>>().expect("all");
        noted.truncate(noted.len().saturating_sub(200));
        let step = (noted.len() / 4_096).max(1);
        noted = noted.into_iter().step_by(step).collect();
        noted.sort_by_key(|(id, _)| crate::fixture::mix(id.as_u64_pair().1));
        drop(all);
        drop(inner);
        self.noted = noted;
    }
}

fn one_more() -> i64 {
    i64::try_from(limits::PAGE + 1).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use rally_testkit::postgres::Server;

    use super::*;
    use crate::{Rally, Table, fixture, load};

    /// What a subject answers to a few questions, without what no two of them share.
    fn answers(subject: &mut dyn Subject) -> Vec<serde_json::Value> {
        load(subject, 0..450, 1);
        subject.note_loaded();
        let mut out = Vec::new();
        let mut answers = Vec::new();
        let mut note = |out: &mut Vec<u8>| {
            let mut answer: serde_json::Value = serde_json::from_slice(out).unwrap();
            let contacts = answer.as_array_mut().map_or_else(Vec::new, std::mem::take);
            for mut contact in contacts {
                for own in ["id", "tenantId", "createdAt", "updatedAt"] {
                    contact.as_object_mut().unwrap().remove(own).unwrap_or_default();
                }
                answers.push(contact);
            }
            out.clear();
        };
        assert!(subject.list(0, Members::All, &mut out));
        note(&mut out);
        assert!(!subject.list(400, Members::Three, &mut out));
        note(&mut out);
        subject.create(&fixture::draft(450), &mut out);
        subject.upsert(&fixture::changed(1, 450), &mut out);
        subject.upsert(&fixture::draft(451), &mut out);
        assert_eq!(subject.total(), 452);
        answers
    }

    #[test]
    fn the_baselines_answer_what_rally_answers() {
        let known = answers(&mut Rally::in_memory());
        assert_eq!(known.len(), 150);
        assert_eq!(answers(&mut Rally::on_redb()), known);
        assert_eq!(answers(&mut Sqlite::open(Synchronous::Off)), known);
        let Some(server) = Server::start() else { return };
        assert_eq!(answers(&mut Table::open(&server.url())), known);
        assert_eq!(answers(&mut Rally::on_postgres(&server.fresh_url())), known);
    }
}
