use rally_core::{
    Atomicity, Contact, Engine, Id, LifecycleStage, ListQuery, Profile, Query, Session, TenantDraft,
    Timestamp, WriteOptions,
    schema::{Fields, Resource, Row},
    store::{MemoryStore, Store},
};
use rally_store_postgres::PostgresStore;
use rally_store_redb::{Options, RedbStore};

use crate::{
    Filter, Folder, Members, Subject, fixture,
    subject::{Noted, write_list},
};

/// Rally, on a store.
pub struct Rally {
    session: Session,
    three: Fields,
    noted: Noted<(Id<Contact>, Timestamp)>,
    folder: Option<Folder>,
}

impl Rally {
    /// Rally on the store in memory.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::on(MemoryStore::new(), None)
    }

    /// Rally on redb, in a file of its own.
    ///
    /// # Panics
    /// Panics if the file cannot be created.
    #[must_use]
    pub fn on_redb() -> Self {
        let folder = Folder::temporary();
        Self::on(redb(&folder), Some(folder))
    }

    /// Rally on the PostgreSQL database of a URL, in tables of its own.
    ///
    /// # Panics
    /// Panics if the database cannot be reached, or refuses.
    #[must_use]
    pub fn on_postgres(url: &str) -> Self {
        let store = PostgresStore::open(url, rally_store_postgres::Options::default());
        Self::on(store.expect("a store"), None)
    }

    /// The file that another process has left in a folder.
    ///
    /// # Panics
    /// Panics if there is none.
    #[must_use]
    pub fn of_folder(folder: Folder) -> Self {
        Self::open(redb(&folder), Some(folder))
    }

    /// Closes the store, and answers the folder that its file is in.
    ///
    /// # Panics
    /// Panics if the store is not in a file.
    #[must_use]
    pub fn into_folder(self) -> Folder {
        let Self { session, folder, .. } = self;
        drop(session);
        folder.expect("only a store in a file has a folder")
    }

    /// The bytes of the closed file, and the store opened again. Closing cuts off what was kept free for more.
    ///
    /// # Panics
    /// Panics if the store is not in a file.
    #[must_use]
    pub fn reopened(self) -> (u64, Self) {
        let folder = self.into_folder();
        (folder.bytes(), Self::of_folder(folder))
    }

    fn on(store: impl Store, folder: Option<Folder>) -> Self {
        let engine = Engine::new(store);
        engine.create_tenant(&TenantDraft::new("acme")).expect("a tenant");
        Self::with(&engine, folder)
    }

    fn open(store: impl Store, folder: Option<Folder>) -> Self {
        Self::with(&Engine::new(store), folder)
    }

    fn with(engine: &Engine, folder: Option<Folder>) -> Self {
        let session = engine.tenant("acme").expect("a tenant").trusted_session("bench").expect("a session");
        let three = Fields::parse(Contact::model(), "id,email,fullName", Profile::Strict).expect("fields");
        Self { session, three, noted: Noted::default(), folder }
    }

    fn page(&self, query: &ListQuery<Contact>, members: Members, out: &mut Vec<u8>) -> bool {
        let page = self.session.contacts().json().list(query).expect("a page");
        let fields = match members {
            Members::All => Contact::model().whole(),
            Members::Three => &self.three,
        };
        write_list(&page.records, out, |row, out| row.write_json(fields, out).expect("a sound record"));
        page.has_more
    }
}

fn redb(folder: &Folder) -> RedbStore {
    RedbStore::open(folder.path().join("rally.redb"), Options::default()).expect("a store")
}

fn of(filter: Filter) -> rally_core::Filter<Contact> {
    let [_, source] = fixture::FILTERED;
    let stage = Contact::LIFECYCLE_STAGE.is(LifecycleStage::Customer);
    match filter {
        Filter::Stage => stage,
        Filter::StageAndSource => stage.and(Contact::LEAD_SOURCE.is(source)),
    }
}

fn answer(row: &Row<Contact>, out: &mut Vec<u8>) {
    row.write_json(Contact::model().whole(), out).expect("a sound record");
}

impl Subject for Rally {
    fn get(&self, index: u64, out: &mut Vec<u8>) {
        answer(&self.session.contacts().json().get(self.noted.get(index).0).expect("a contact"), out);
    }

    fn list(&self, offset: u64, members: Members, out: &mut Vec<u8>) -> bool {
        self.page(&Query::all().offset(offset), members, out)
    }

    fn updated_since(&self, index: u64, out: &mut Vec<u8>) -> bool {
        let since = self.noted.get(index).1;
        self.page(&Query::all().updated_since(since).into(), Members::All, out)
    }

    fn total(&self) -> u64 {
        self.session.contacts().count(Query::all()).expect("a total")
    }

    fn filtered(&self, filter: Filter, offset: u64, out: &mut Vec<u8>) -> bool {
        self.page(&Query::from(of(filter)).offset(offset), Members::All, out)
    }

    fn filtered_total(&self, filter: Filter) -> u64 {
        self.session.contacts().count(of(filter)).expect("a total")
    }

    fn search(&self, beginning: &str, out: &mut Vec<u8>) -> bool {
        self.page(&Query::all().search(beginning).into(), Members::All, out)
    }

    fn search_total(&self, beginning: &str) -> u64 {
        self.session.contacts().count(Query::all().search(beginning)).expect("a total")
    }

    fn create(&self, body: &str, out: &mut Vec<u8>) {
        let written = self.session.contacts().json().create(body.as_bytes(), &WriteOptions::default());
        answer(&written.expect("a new contact").record, out);
    }

    fn bulk(&self, body: &str) -> usize {
        let contacts = self.session.contacts().json();
        let done = contacts.create_many(body.as_bytes(), Atomicity::AllOrNothing, &WriteOptions::default());
        done.expect("new contacts").items.len()
    }

    fn upsert(&self, body: &str, out: &mut Vec<u8>) {
        let written = self.session.contacts().json().upsert(body.as_bytes(), &WriteOptions::default());
        answer(&written.expect("a contact").record, out);
    }

    fn note_loaded(&mut self) {
        let total = self.total();
        let last = total.saturating_sub(Noted::<()>::LEFT_OUT);
        let step = (last / Noted::<()>::MOST).max(1);
        let noted = (0..Noted::<()>::MOST).map(|number| number * step).take_while(|offset| *offset < last);
        let noted = noted.map(|offset| {
            let page = self.session.contacts().list(Query::all().limit(1).offset(offset)).expect("a page");
            let contact = page.records.first().expect("a contact");
            (contact.id, contact.updated_at)
        });
        self.noted = Noted::shuffle(noted);
    }
}
