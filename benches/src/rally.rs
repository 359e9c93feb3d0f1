use rally_core::{
    Contact, Engine, Fields, Id, Json, ListQuery, Profile, Resource, Row, Session, TenantDraft, Timestamp,
    WriteOptions,
    store::{MemoryStore, Store},
};
use rally_store_postgres::PostgresStore;
use rally_store_redb::{Options, RedbStore};
use tempfile::TempDir;

use crate::{
    Members, Subject,
    subject::{Noted, write_list},
};

/// Rally, on a store.
pub struct Rally {
    session: Session,
    three: Fields,
    noted: Noted<(Id<Contact>, Timestamp)>,
    folder: Option<TempDir>,
}

impl Rally {
    /// On the store in memory.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::on(MemoryStore::new(), None)
    }

    /// On redb, in a file of its own.
    ///
    /// # Panics
    /// When the file cannot be made.
    #[must_use]
    pub fn on_redb() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self::on(redb(&folder), Some(folder))
    }

    /// On the PostgreSQL database of a URL, in tables of its own.
    ///
    /// # Panics
    /// When the database cannot be reached, or refuses.
    #[must_use]
    pub fn on_postgres(url: &str) -> Self {
        let store = PostgresStore::open(url, rally_store_postgres::Options::default());
        Self::on(store.expect("a store"), None)
    }

    /// The bytes of the closed file, and the store opened again. Closing cuts off what was kept free for more.
    ///
    /// # Panics
    /// When the store is not in a file.
    #[must_use]
    pub fn reopened(self) -> (u64, Self) {
        let Self { session, folder, .. } = self;
        drop(session);
        let folder = folder.expect("only a store in a file is opened again");
        (crate::subject::folder_bytes(&folder), Self::open(redb(&folder), Some(folder)))
    }

    fn on(store: impl Store, folder: Option<TempDir>) -> Self {
        let engine = Engine::new(store);
        engine
            .create_tenant(&TenantDraft { slug: "acme".into(), ..TenantDraft::default() })
            .expect("a tenant");
        Self::with(&engine, folder)
    }

    fn open(store: impl Store, folder: Option<TempDir>) -> Self {
        Self::with(&Engine::new(store), folder)
    }

    fn with(engine: &Engine, folder: Option<TempDir>) -> Self {
        let session = engine.trusted_session("acme", "bench").expect("a session");
        let three = Fields::parse(Contact::model(), "id,email,fullName", Profile::Strict).expect("fields");
        Self { session, three, noted: Noted::default(), folder }
    }

    fn page(&self, query: &ListQuery, members: Members, out: &mut Vec<u8>) -> bool {
        let page = self.session.contacts().list(query).expect("a page");
        let fields = match members {
            Members::All => Contact::model().whole(),
            Members::Three => &self.three,
        };
        write_list(&page.rows, out, |row, out| row.write_json(fields, out).expect("a sound record"));
        page.has_more
    }
}

fn redb(folder: &TempDir) -> RedbStore {
    RedbStore::open(folder.path().join("rally.redb"), Options::default()).expect("a store")
}

fn answer(row: &Row<Contact>, out: &mut Vec<u8>) {
    row.write_json(Contact::model().whole(), out).expect("a sound record");
}

impl Subject for Rally {
    fn get(&self, index: u64, out: &mut Vec<u8>) {
        answer(&self.session.contacts().get(self.noted.get(index).0).expect("a contact"), out);
    }

    fn list(&self, offset: u64, members: Members, out: &mut Vec<u8>) -> bool {
        self.page(&ListQuery { offset, ..ListQuery::default() }, members, out)
    }

    fn updated_since(&self, index: u64, out: &mut Vec<u8>) -> bool {
        let since = Some(self.noted.get(index).1);
        self.page(&ListQuery { updated_since: since, ..ListQuery::default() }, Members::All, out)
    }

    fn total(&self) -> u64 {
        let query = ListQuery { limit: 1, count: true, ..ListQuery::default() };
        self.session.contacts().list(&query).expect("a page").total.expect("a total")
    }

    fn create(&self, body: &str, out: &mut Vec<u8>) {
        let draft = Json(body.as_bytes());
        answer(&self.session.contacts().create(&draft).expect("a new contact").row, out);
    }

    fn bulk(&self, body: &str) -> usize {
        let drafts = Json(body.as_bytes());
        let done = self.session.contacts().create_many(&drafts, true, &WriteOptions::default());
        done.expect("new contacts").items.len()
    }

    fn upsert(&self, body: &str, out: &mut Vec<u8>) {
        let json = Json(body.as_bytes());
        let written = self.session.contacts().upsert_with(&json, &WriteOptions::default());
        answer(&written.expect("a contact").row, out);
    }

    fn note_loaded(&mut self) {
        let total = self.total();
        let last = total.saturating_sub(Noted::<()>::LEFT_OUT);
        let step = (last / Noted::<()>::MOST).max(1);
        let noted = (0..Noted::<()>::MOST).map(|number| number * step).take_while(|offset| *offset < last);
        let noted = noted.map(|offset| {
            let query = ListQuery { limit: 1, offset, ..ListQuery::default() };
            let page = self.session.contacts().list(&query).expect("a page");
            let row = page.rows.first().expect("a row");
            (row.id(), row.updated_at().expect("a sound record"))
        });
        self.noted = Noted::shuffle(noted);
    }
}
