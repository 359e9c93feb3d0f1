//! A baseline: contacts in a SQLite table, as one would write it by hand.

mod statements;

use std::path::Path;

use parking_lot::Mutex;
use rally_core::limits;
use rusqlite::{
    Connection, OptionalExtension, Params, Row, Statement, ToSql, params,
    types::{ToSqlOutput, ValueRef},
};
use uuid::Uuid;

use self::statements::{
    ADD_TAG, CHANGE, GET, LIST, LIST_THREE, REMOVE_TAG, SAME, SCHEMA, Statements, TAGS_OF_EMAIL, TOTAL,
    UPDATED,
};
use crate::{
    Filter, Folder, Indexes, Members, Subject,
    contact::{Columns, Contact, Draft, Instants, ThreeMembers, Value, Written, behind, tags, write},
    subject::{Noted, one_more},
};

/// A column for each member, and the statements that a server would keep ready.
pub struct Sqlite {
    inner: Mutex<Inner>,
    noted: Noted<(Uuid, i64)>,
    tenant: Uuid,
    statements: Statements,
    folder: Folder,
}

struct Inner {
    connection: Connection,
    instants: Instants,
    indexes: Indexes,
}

/// Value of `PRAGMA synchronous`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Synchronous {
    /// A commit is on disk before it is answered.
    Full,
    /// A commit is left to the operating system.
    Off,
}

impl Sqlite {
    /// An empty table in a file of its own.
    ///
    /// # Panics
    /// Panics if the file cannot be created.
    #[must_use]
    pub fn open(synchronous: Synchronous, indexes: Indexes) -> Self {
        let folder = Folder::temporary();
        let connection = connect(folder.path(), synchronous);
        connection.execute_batch(SCHEMA).expect("a schema");
        if indexes == Indexes::Same {
            connection.execute_batch(SAME).expect("more of the schema");
        }
        Self::with(connection, indexes, folder)
    }

    /// The table that another process has left in a folder.
    ///
    /// # Panics
    /// Panics if there is none.
    #[must_use]
    pub fn of_folder(folder: Folder, indexes: Indexes) -> Self {
        Self::with(connect(folder.path(), Synchronous::Full), indexes, folder)
    }

    /// Closes the file, and answers the folder that it is in.
    #[must_use]
    pub fn into_folder(self) -> Folder {
        self.folder
    }

    fn with(connection: Connection, indexes: Indexes, folder: Folder) -> Self {
        connection.set_prepared_statement_cache_capacity(64);
        let inner = Mutex::new(Inner { connection, instants: Instants::default(), indexes });
        let statements = Statements::new(indexes);
        Self { inner, noted: Noted::default(), tenant: Uuid::now_v7(), statements, folder }
    }

    /// The bytes of its file, all that was written included.
    ///
    /// # Panics
    /// Panics if the write-ahead log cannot be checkpointed.
    #[must_use]
    pub fn disk_bytes(&self) -> u64 {
        self.inner.lock().connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE);").expect("a checkpoint");
        self.folder.bytes()
    }

    fn total_of(&self, sql: &str, parameters: impl Params) -> u64 {
        let inner = self.inner.lock();
        let mut count = inner.connection.prepare_cached(sql).expect("a statement");
        count.query_row(parameters, |row| row.get::<_, i64>(0)).expect("a total").cast_unsigned()
    }

    fn page(&self, sql: &str, parameters: impl Params, members: Members, out: &mut Vec<u8>) -> bool {
        let inner = self.inner.lock();
        let mut statement = inner.connection.prepare_cached(sql).expect("a statement");
        let mut rows = statement.query(parameters).expect("a page");
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
                Members::All => write(&Contact::of_row(row, self.tenant), out),
                Members::Three => write(&ThreeMembers::of_row(row), out),
            }
        }
        out.push(b']');
        count > limits::PAGE
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

    fn insert(&mut self, draft: &Draft<'_>, sql: &str) -> Written {
        let (id, instant) = (Uuid::now_v7(), self.instants.next());
        let values = draft.values(id, instant, self.indexes);
        let mut insert = self.connection.prepare_cached(sql).expect("a statement");
        bind(&mut insert, &values).and_then(|()| insert.raw_execute()).expect("a new row");
        drop(insert);
        if self.indexes == Indexes::Same {
            self.each_tag(ADD_TAG, draft.tags(), id);
        }
        self.note(id, "inserted", instant);
        Written { id, created_at: instant, updated_at: instant }
    }

    fn upsert(&mut self, draft: &Draft<'_>, sql: &str) -> Written {
        let (new_id, instant) = (Uuid::now_v7(), self.instants.next());
        let before = (self.indexes == Indexes::Same).then(|| self.tags_of(draft));
        let (id, created_at) = {
            let mut upsert = self.connection.prepare_cached(sql).expect("a statement");
            bind(&mut upsert, &draft.values(new_id, instant, self.indexes)).expect("values");
            let mut rows = upsert.raw_query();
            let row = rows.next().expect("an answer").expect("a row");
            let found = (row.id(0).expect("an id"), row.micros(1));
            // The statement has done its work only when it has been run to its end.
            assert!(rows.next().expect("an end").is_none(), "one row has one e-mail address");
            found
        };
        if let Some(before) = before
            && before.as_deref() != draft.tags()
        {
            self.each_tag(REMOVE_TAG, before.as_deref(), id);
            self.each_tag(ADD_TAG, draft.tags(), id);
        }
        self.note(id, if id == new_id { "inserted" } else { "updated" }, instant);
        Written { id, created_at, updated_at: instant }
    }

    /// The tags of the contact with the e-mail address of a draft.
    fn tags_of(&self, draft: &Draft<'_>) -> Option<String> {
        let mut find = self.connection.prepare_cached(TAGS_OF_EMAIL).expect("a statement");
        let found = find.query_row([draft.email_folded()], |row| row.get(0)).optional();
        found.expect("an answer").flatten()
    }

    fn each_tag(&self, sql: &str, line: Option<&str>, contact: Uuid) {
        let mut change = self.connection.prepare_cached(sql).expect("a statement");
        tags(line).for_each(|tag| {
            change.execute(params![tag, contact.as_bytes()]).expect("a tag");
        });
    }

    fn note(&self, id: Uuid, action: &str, instant: i64) {
        let mut change = self.connection.prepare_cached(CHANGE).expect("a statement");
        change.execute(params![id.as_bytes(), action, instant]).expect("a change");
    }
}

fn connect(folder: &Path, synchronous: Synchronous) -> Connection {
    let connection = Connection::open(folder.join("crm.sqlite")).expect("a database");
    let synchronous = match synchronous {
        Synchronous::Full => "FULL",
        Synchronous::Off => "OFF",
    };
    let settings = format!(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = {synchronous}; PRAGMA cache_size = -262144;"
    );
    connection.execute_batch(&settings).expect("settings");
    connection
}

/// Binds the values of an insert, in the order of the columns.
fn bind(statement: &mut Statement<'_>, values: &[Value<'_>]) -> rusqlite::Result<()> {
    values.iter().zip(1..).try_for_each(|(value, place)| statement.raw_bind_parameter(place, value))
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let value = match self {
            Self::Text(text) => text.map_or(ValueRef::Null, |text| ValueRef::Text(text.as_bytes())),
            Self::Folded(text) => ValueRef::Text(text.as_bytes()),
            Self::Id(id) => id.as_ref().map_or(ValueRef::Null, |id| ValueRef::Blob(id.as_bytes())),
            Self::Score(score) => score.map_or(ValueRef::Null, |score| ValueRef::Integer(score.into())),
            Self::Micros(micros) => ValueRef::Integer(*micros),
        };
        Ok(ToSqlOutput::Borrowed(value))
    }
}

impl Columns for Row<'_> {
    fn text(&self, column: usize) -> Option<&str> {
        self.get_ref(column).expect("a column").as_str_or_null().expect("text")
    }

    fn id(&self, column: usize) -> Option<Uuid> {
        let bytes = self.get_ref(column).expect("a column").as_blob_or_null().expect("bytes");
        bytes.map(|bytes| Uuid::from_slice(bytes).expect("a UUID"))
    }

    fn score(&self, column: usize) -> Option<u8> {
        self.get(column).expect("a score")
    }

    fn micros(&self, column: usize) -> i64 {
        self.get(column).expect("an instant")
    }
}

impl Subject for Sqlite {
    fn get(&self, index: u64, out: &mut Vec<u8>) {
        let (id, _) = self.noted.get(index);
        let inner = self.inner.lock();
        let mut statement = inner.connection.prepare_cached(GET).expect("a statement");
        let mut rows = statement.query([id.as_bytes()]).expect("an answer");
        let row = rows.next().expect("a row").expect("a contact");
        write(&Contact::of_row(row, self.tenant), out);
    }

    fn list(&self, offset: u64, members: Members, out: &mut Vec<u8>) -> bool {
        let sql = match members {
            Members::All => LIST,
            Members::Three => LIST_THREE,
        };
        self.page(sql, [one_more(), offset.cast_signed()], members, out)
    }

    fn updated_since(&self, index: u64, out: &mut Vec<u8>) -> bool {
        self.page(UPDATED, [self.noted.get(index).1, one_more()], Members::All, out)
    }

    fn total(&self) -> u64 {
        self.total_of(TOTAL, [])
    }

    fn filtered(&self, filter: Filter, offset: u64, out: &mut Vec<u8>) -> bool {
        self.page(self.statements.filtered(filter), [one_more(), offset.cast_signed()], Members::All, out)
    }

    fn filtered_total(&self, filter: Filter) -> u64 {
        self.total_of(self.statements.filtered_total(filter), [])
    }

    fn search(&self, beginning: &str, out: &mut Vec<u8>) -> bool {
        let bounds = params![beginning, behind(beginning), one_more()];
        self.page(&self.statements.search, bounds, Members::All, out)
    }

    fn search_total(&self, beginning: &str) -> u64 {
        self.total_of(&self.statements.search_total, [beginning, &behind(beginning)])
    }

    fn create(&self, body: &str, out: &mut Vec<u8>) {
        let draft = Draft::parse(body);
        let mut inner = self.inner.lock();
        inner.begin();
        let written = inner.insert(&draft, &self.statements.insert);
        inner.commit();
        drop(inner);
        draft.answer(self.tenant, written, out);
    }

    fn bulk(&self, body: &str) -> usize {
        let drafts = Draft::parse_many(body);
        let mut inner = self.inner.lock();
        inner.begin();
        drafts.iter().for_each(|draft| {
            inner.insert(draft, &self.statements.insert);
        });
        inner.commit();
        drafts.len()
    }

    fn upsert(&self, body: &str, out: &mut Vec<u8>) {
        let draft = Draft::parse(body);
        let mut inner = self.inner.lock();
        inner.begin();
        let written = inner.upsert(&draft, &self.statements.upsert);
        inner.commit();
        drop(inner);
        draft.answer(self.tenant, written, out);
    }

    fn note_loaded(&mut self) {
        let inner = self.inner.lock();
        inner.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE); ANALYZE;").expect("a checkpoint");
        let mut all = inner
            .connection
            .prepare("SELECT id, updated_at FROM contacts ORDER BY created_at, id")
            .expect("a statement");
        let read = |row: &Row<'_>| Ok((row.id(0).expect("an id"), row.micros(1)));
        let all: Vec<_> = all.query_map([], read).expect("all").collect::<Result<_, _>>().expect("all");
        self.noted = Noted::choose(all);
    }
}
