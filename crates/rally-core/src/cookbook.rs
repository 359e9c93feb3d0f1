//! Eleven tasks of a host, each as a whole program.
//!
//! # 1. Read a list page by page
//!
//! ```
//! # use rally_core::{ContactDraft, Engine, Error, Query, TenantDraft, store::MemoryStore};
//! # let engine = Engine::new(MemoryStore::new());
//! # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
//! # acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
//! let page = acme.contacts().list(Query::all().limit(20).offset(0).counted())?;
//! for contact in &page.records {
//!     println!("{}", contact.full_name);
//! }
//! if let Some(total) = page.total {
//!     println!("{} of {total}, more: {}", page.records.len(), page.has_more);
//! }
//! # Ok::<(), Error>(())
//! ```
//!
//! To read all of it, no loop over pages is needed: a view has an iterator, and everything it answers is of one moment.
//!
//! ```
//! # use rally_core::{Engine, Error, Query, TenantDraft, store::MemoryStore};
//! # let engine = Engine::new(MemoryStore::new());
//! # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
//! for contact in acme.view()?.contacts().all(Query::all())? {
//!     println!("{}", contact?.full_name);
//! }
//! # Ok::<(), Error>(())
//! ```
//!
//! # 2. Filter and search
//!
//! Filters are constants of the resource, so a filter that it does not have, or a value of another type, does not compile.
//!
//! ```
//! # use rally_core::{Contact, Engine, Error, LifecycleStage, Query, TenantDraft, Timestamp, store::MemoryStore};
//! # let engine = Engine::new(MemoryStore::new());
//! # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
//! let customers = Contact::LIFECYCLE_STAGE.is(LifecycleStage::Customer).and(Contact::TAG.is("math"));
//! let found = acme.contacts().list(Query::from(customers).search("love").updated_since(Timestamp::MIN))?;
//! # assert!(found.records.is_empty());
//! # Ok::<(), Error>(())
//! ```
//!
//! # 3. Follow the changes
//!
//! ```
//! # use std::time::Duration;
//! # use rally_core::{Deal, Engine, Error, FeedPosition, TenantDraft, store::MemoryStore};
//! # let engine = Engine::new(MemoryStore::new());
//! # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
//! # let last_number = 0;
//! let mut feed = acme.follow(FeedPosition::After(last_number));
//! loop {
//!     for change in &mut feed {
//!         let change = change?;
//!         if let Some(deal) = change.record::<Deal>()? {
//!             println!("{} {} by {:?}", change.action, deal.name, change.changed_by);
//!         }
//!         // Store `change.id` with the result: the next run goes on after it.
//!     }
//! #   if !feed.wait(Duration::from_millis(1))? { break }
//!     feed.wait(Duration::from_secs(30))?;
//! }
//! # Ok::<(), Error>(())
//! ```
//!
//! # 4. Create many records at once
//!
//! ```
//! # use rally_core::{Atomicity, ContactDraft, Engine, Error, TenantDraft, store::MemoryStore};
//! # let engine = Engine::new(MemoryStore::new());
//! # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
//! let drafts = [
//!     ContactDraft::new("Ada", "Lovelace", "ada@x.example"),
//!     ContactDraft::new("Grace", "Hopper", "not an address"),
//! ];
//! let bulk = acme.contacts().create_many(&drafts, Atomicity::EachByItself)?;
//! for (draft, item) in drafts.iter().zip(&bulk.items) {
//!     if let Err(error) = item {
//!         println!("{draft:?}: {error}");
//!     }
//! }
//! # assert_eq!(bulk.items.iter().filter(|item| item.is_ok()).count(), 1);
//! # Ok::<(), Error>(())
//! ```
//!
//! # 5. Change several records together
//!
//! ```
//! # use rally_core::{CompanyDraft, ContactDraft, DealDraft, Engine, Error, TenantDraft, store::MemoryStore};
//! # let engine = Engine::new(MemoryStore::new());
//! # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
//! let sales = acme.pipelines().default()?;
//! let lead = sales.stage("Lead")?.id;
//! let deal = acme.write(|tx| {
//!     let looms = tx.companies().create(&CompanyDraft::new("Looms Ltd").domain("looms.example"))?;
//!     let ada = ContactDraft::new("Ada", "Lovelace", "ada@looms.example").company_id(looms.id);
//!     let ada = tx.contacts().create(&ada)?;
//!     let draft = DealDraft::new(sales.id, lead, "Two looms").contact_id(ada.id).company_id(looms.id);
//!     tx.deals().create(&draft)
//! })?;
//! assert_eq!(deal.company_name.as_deref(), Some("Looms Ltd"));
//! # Ok::<(), Error>(())
//! ```
//!
//! # 6. Bring a clock of your own
//!
//! The engine has no other source of time and randomness than its [`Environment`](crate::Environment), so a run with the
//! same clock and the same seed repeats itself, ids and keys included.
//!
//! ```
//! use std::sync::Arc;
//!
//! use rally_core::{
//!     Clock, CompanyDraft, Config, Engine, Environment, TenantDraft, Timestamp, store::MemoryStore,
//! };
//!
//! #[derive(Debug)]
//! struct NewYear;
//!
//! impl Clock for NewYear {
//!     fn now(&self) -> Timestamp {
//!         Timestamp::from_micros(1_735_689_600_000_000)
//!     }
//! }
//!
//! let environment = Environment { clock: Arc::new(NewYear), ..Environment::system() };
//! let engine = Engine::with(Arc::new(MemoryStore::new()), environment, Config::default());
//! let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
//! let looms = acme.companies().create(&CompanyDraft::new("Looms Ltd"))?;
//! assert!(looms.created_at.to_string().starts_with("2025-01-01T00:00:00.0000"));
//! # Ok::<(), rally_core::Error>(())
//! ```
//!
//! # 7. Wrap a store, or write one
//!
//! A backend implements [`Store`](crate::store::Store) and [`Snapshot`](crate::store::Snapshot); each line under
//! "To be correct" in their documentation is a property that `rally-testkit` runs. A wrapper forwards to another store:
//!
//! ```
//! use rally_core::{
//!     Engine, TenantDraft, TenantId,
//!     store::{Abort, Batch, Commit, Limits, MemoryStore, Snapshot, Store, StoreError},
//! };
//!
//! #[derive(Debug)]
//! struct Logged(MemoryStore);
//!
//! impl Store for Logged {
//!     fn limits(&self) -> Limits {
//!         self.0.limits()
//!     }
//!
//!     fn is_shared(&self) -> bool {
//!         self.0.is_shared()
//!     }
//!
//!     fn snapshot(&self, tenant: TenantId) -> Result<Box<dyn Snapshot + '_>, StoreError> {
//!         self.0.snapshot(tenant)
//!     }
//!
//!     fn write(
//!         &self,
//!         tenant: TenantId,
//!         build: &mut dyn FnMut(&dyn Snapshot) -> Result<Batch, Abort>,
//!     ) -> Result<Commit, StoreError> {
//!         let commit = self.0.write(tenant, build);
//!         println!("{tenant}: {commit:?}");
//!         commit
//!     }
//! }
//!
//! let engine = Engine::new(Logged(MemoryStore::new()));
//! engine.create_tenant(&TenantDraft::new("acme"))?;
//! # Ok::<(), rally_core::Error>(())
//! ```
//!
//! # 8. Test a program that calls Rally
//!
//! A host that links the engine tests on the store in memory, which behaves as the others do:
//!
//! ```
//! use rally_core::{Contact, ContactDraft, Engine, Error, Session, TenantDraft, store::MemoryStore};
//!
//! /// The program under test.
//! fn sign_up(session: &Session, email: &str) -> Result<Contact, Error> {
//!     session.contacts().create(&ContactDraft::new("New", "Customer", email))
//! }
//!
//! let engine = Engine::new(MemoryStore::new());
//! let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("test")?;
//! sign_up(&acme, "ada@x.example")?;
//! assert!(sign_up(&acme, "ADA@x.example").unwrap_err().is_duplicate());
//! # Ok::<(), Error>(())
//! ```
//!
//! A program that calls Rally over HTTP tests against `rally_http::testing::Fake`, or against `rally fake` from any other
//! language.
//!
//! # 9. Serve several tenants
//!
//! ```
//! use rally_core::{ContactDraft, Engine, Query, TenantDraft, store::MemoryStore};
//!
//! let engine = Engine::new(MemoryStore::new());
//! for slug in ["acme", "looms"] {
//!     engine.create_tenant(&TenantDraft::new(slug))?;
//! }
//! let acme = engine.tenant("acme")?.trusted_session("billing")?;
//! acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
//! for tenant in engine.tenants()? {
//!     let session = engine.tenant(&tenant.slug)?.trusted_session("billing")?;
//!     println!("{}: {} contacts", tenant.slug, session.contacts().count(Query::all())?);
//! }
//! # Ok::<(), rally_core::Error>(())
//! ```
//!
//! # 10. Tell errors apart
//!
//! An [`Error`](crate::Error) has one half for the caller (its code, a sentence, the faults of members) and one for the
//! log (its `Debug` and its source).
//!
//! ```
//! use rally_core::{Code, ContactDraft, Engine, TenantDraft, store::MemoryStore};
//!
//! let engine = Engine::new(MemoryStore::new());
//! let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
//! let error = acme.contacts().create(&ContactDraft::new("Ada", "", "ada")).unwrap_err();
//! assert_eq!(error.code(), Code::Validation);
//! for (member, phrases) in error.faults().by_member() {
//!     println!("{member} {}", phrases.join(" and "));
//! }
//! assert_eq!(error.to_string(), "2 fields are invalid: email is not an e-mail address; lastName must not be empty");
//! # Ok::<(), rally_core::Error>(())
//! ```
//!
//! `is_not_found`, `is_duplicate`, `is_invalid` and `is_unavailable` answer what most programs ask. After
//! `is_outcome_unknown` a write may have happened or not: read the record, or repeat the
//! write with the same [`IdempotencyKey`](crate::IdempotencyKey).
//!
//! # 11. Import a spreadsheet
//!
//! A dry run says what a run will do, and changes nothing. Refused rows come back as a file, with the reason of each, that
//! can be mended and imported again.
//!
//! ```
//! # use rally_core::{Engine, Error, ErrorFile, ImportMode, ImportOptions, TenantDraft, store::MemoryStore};
//! # use std::io::Cursor;
//! # let engine = Engine::new(MemoryStore::new());
//! # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
//! # let file = Cursor::new("Post,First name,Last name\nada@x.example,Ada,Lovelace\nbob,Bob,\n");
//! let options = ImportOptions::new().mode(ImportMode::Upsert).map("Post", "email");
//! let expected = acme.contacts().import(file.clone(), &options.clone().dry_run())?;
//! println!("{} new, {} refused: {:?}", expected.created, expected.skipped, expected.errors);
//!
//! let mut refused = ErrorFile::new(Vec::new());
//! let report = acme.contacts().import_watched(file, &options, &mut refused)?;
//! assert_eq!((report.created, report.skipped), (1, 1));
//! let to_be_mended = refused.finish()?;
//! # assert!(!to_be_mended.is_empty());
//! # Ok::<(), Error>(())
//! ```
