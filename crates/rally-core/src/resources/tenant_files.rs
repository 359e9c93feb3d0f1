//! A tenant as a file: everything of it at one moment, to go on with in this store under another name, or in another
//! store.

use std::io::{Read, Seek, SeekFrom, Write};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    Tenant, TenantDraft, links_to,
    tenants::{self, SETTINGS},
};
use crate::{
    base::{Code, Error, Id, Kind, TenantId, Timestamp, hexadecimal},
    engine::{
        archive::{self, Contents, Filling, OutboxPart, Selection},
        codec::FileHeadV1,
        keys::spaces,
        read,
        session::{Engine, Verbs},
        write::Draft,
    },
};

/// The parts of a tenant that go out with its records only when they are asked for.
///
/// Records, pipelines, settings, tags, the feed, histories and the audit trail are in every file. A file without users has
/// records that nobody is responsible for, as if all users had been deleted. Answers that are kept for idempotency keys
/// may be records of any kind, so they go along with all three parts alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantParts {
    /// Users, with the hashes of their passwords.
    pub users: bool,
    /// API keys, as hashes: whoever has a key can use it where the file is imported.
    pub api_keys: bool,
    /// Webhooks with their secrets, and the events that are still to be delivered.
    pub webhooks: bool,
}

/// A tenant's file, as it was written or read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantFile {
    /// The tenant's id.
    pub tenant: TenantId,
    /// The tenant's name in host names.
    pub slug: String,
    /// The parts that are in it besides the records.
    pub parts: TenantParts,
    /// The instant at which the writing began.
    pub made_at: Timestamp,
    /// The number of the last change in the feed.
    pub last_change: u64,
    /// The instant of that change.
    pub last_changed_at: Timestamp,
    /// Rows of the store.
    pub rows: u64,
    /// The SHA-256 digest of the rows in hexadecimal digits: the same for the same rows, from any store.
    pub digest: String,
}

/// The way in which a tenant's file is imported.
#[derive(Clone, Debug, Default)]
pub struct TenantImport {
    slug: Option<String>,
    is_moved: bool,
}

/// A tenant that was imported.
#[derive(Clone, Debug)]
pub struct ImportedTenant {
    /// The tenant.
    pub tenant: Tenant,
    /// The file.
    pub file: TenantFile,
    /// True when the tenant has the id that it had: then its API keys work, and its events have the ids that they had. If
    /// another tenant of the store has its place, API keys, events and deliveries are left out.
    pub keeps_id: bool,
}

impl TenantParts {
    /// Nothing besides the records.
    pub const NONE: TenantParts = TenantParts { users: false, api_keys: false, webhooks: false };
    /// Everything.
    pub const ALL: TenantParts = TenantParts { users: true, api_keys: true, webhooks: true };

    pub(super) fn bits(self) -> u8 {
        u8::from(self.users) | u8::from(self.api_keys) << 1 | u8::from(self.webhooks) << 2
    }

    const fn from_bits(bits: u8) -> Self {
        Self { users: bits & 1 != 0, api_keys: bits & 2 != 0, webhooks: bits & 4 != 0 }
    }

    fn selection(self) -> Selection {
        let left_out =
            [(self.users, Kind::User), (self.api_keys, Kind::ApiKey), (self.webhooks, Kind::Webhook)];
        let without: Vec<Kind> =
            left_out.into_iter().filter(|(is_in, _)| !is_in).map(|(_, kind)| kind).collect();
        Selection {
            cleared: without.iter().flat_map(|kind| links_to(*kind)).collect(),
            without_answers: !without.is_empty(),
            outbox: if self.webhooks { OutboxPart::All } else { OutboxPart::None },
            without,
        }
    }
}

impl TenantImport {
    /// Imports the tenant under the name that it had.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives the tenant another name in host names.
    #[must_use]
    pub fn named(mut self, slug: impl Into<String>) -> Self {
        self.slug = Some(slug.into());
        self
    }

    /// Says that the tenant has been moved: where the file comes from, nothing was written after it. Readers of the feed
    /// then go on where they were. Otherwise those that name the feed's epoch are told to begin anew, as numbers that the
    /// other store has given since would mean other changes here.
    #[must_use]
    pub fn moved(mut self) -> Self {
        self.is_moved = true;
        self
    }
}

impl TenantFile {
    /// Reads a tenant's file to its end, and checks every byte of it.
    ///
    /// # Errors
    /// [`Code::Validation`] when it is no whole file of a tenant, and [`Code::Unavailable`] when it cannot be read.
    pub fn check(file: impl Read) -> Result<Self, Error> {
        Ok(Self::of(&archive::read(file, &mut |_| Ok(()))?))
    }

    pub(super) fn of(contents: &Contents) -> Self {
        let Contents { head, rows, digest } = contents;
        Self {
            tenant: TenantId::from_uuid(Uuid::from_bytes(head.tenant)),
            slug: head.slug.clone(),
            parts: TenantParts::from_bits(head.parts),
            made_at: Timestamp::from_micros(head.made_at),
            last_change: head.number,
            last_changed_at: Timestamp::from_micros(head.changed_at),
            rows: *rows,
            digest: hexadecimal(digest),
        }
    }
}

impl Engine {
    /// Writes a tenant to a file as it is at one moment, while others write. Memory does not grow with the tenant.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let ada = acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// let mut file = Vec::new();
    /// engine.export_tenant("acme", &mut file, TenantParts::ALL)?;
    ///
    /// let elsewhere = Engine::new(store::MemoryStore::new());
    /// let imported = elsewhere.import_tenant(std::io::Cursor::new(file), &TenantImport::new())?;
    /// assert!(imported.keeps_id);
    /// assert_eq!(elsewhere.tenant("acme")?.trusted_session("docs")?.contacts().get(ada.id)?, ada);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::NotFound`] when there is no such tenant, and [`Code::Unavailable`] when the store cannot answer or the file
    /// cannot be written.
    pub fn export_tenant(
        &self,
        slug: &str,
        out: impl Write,
        parts: TenantParts,
    ) -> Result<TenantFile, Error> {
        let session = self.tenant(slug)?.trusted_session("export")?;
        let id = session.tenant().id;
        let snapshot = session.snapshot()?;
        let (number, changed_at) = read::last_change(&*snapshot)?;
        let head = FileHeadV1 {
            layout: spaces::LAYOUT,
            tenant: id.as_uuid().into_bytes(),
            slug: slug.to_owned(),
            settings: self.settings_of(id)?,
            parts: parts.bits(),
            made_at: self.clock().now().as_micros(),
            number,
            changed_at: changed_at.as_micros(),
        };
        let written = archive::write(&*snapshot, &head, &parts.selection(), out)?;
        Ok(TenantFile::of(&Contents { head, rows: written.rows, digest: written.digest }))
    }

    /// Creates a tenant from a file, which is read twice: first it is checked to its last byte. The tenant is there once all
    /// of it is; until then nobody can see it. An import that was interrupted leaves rows that the next one of the same
    /// name deletes.
    ///
    /// # Errors
    /// [`Code::Duplicate`] when there is a tenant of that name; [`Code::Validation`] when the file is damaged, or not whole;
    /// [`Code::Conflict`] when another import of that name has begun meanwhile; and [`Code::Unavailable`].
    pub fn import_tenant(
        &self,
        mut file: impl Read + Seek,
        options: &TenantImport,
    ) -> Result<ImportedTenant, Error> {
        let start = file.stream_position().map_err(archive::unreadable)?;
        let contents = archive::read(&mut file, &mut |_| Ok(()))?;
        file.seek(SeekFrom::Start(start)).map_err(archive::unreadable)?;
        let slug = options.slug.as_deref().unwrap_or(&contents.head.slug);
        let half = self.begin_import(slug, &contents.head)?;
        let keeps_id = half.id.as_uuid().into_bytes() == contents.head.tenant;
        let filled = self.fill(&half, file, &contents, options, keeps_id);
        if let Err(error) = filled.and_then(|()| self.publish(&half, &contents.head)) {
            // One that has been overtaken has nothing left that is its own, and one that may be there must stay.
            if error.code() != Code::Conflict && !error.is_outcome_unknown() {
                drop(self.abandon(&half));
            }
            return Err(error);
        }
        self.forget_tenant(half.id);
        let tenant = self.tenant(slug)?.into_record();
        Ok(ImportedTenant { tenant, file: TenantFile::of(&contents), keeps_id })
    }

    /// The stored settings of a tenant.
    fn settings_of(&self, id: TenantId) -> Result<Vec<(u8, String)>, Error> {
        let directory = self.directory();
        let row = directory.view()?.records::<Tenant>().row(Id::from_uuid(id.as_uuid()))?;
        let record = row.record()?;
        let mut settings = Vec::new();
        for slot in SETTINGS {
            let json = std::str::from_utf8(record.slot(slot)).map_err(Error::internal)?;
            if !json.is_empty() {
                settings.push((slot.number(), json.to_owned()));
            }
        }
        Ok(settings)
    }

    /// Makes the record of a tenant that nobody can see. A half that an earlier import has left under the name is removed.
    fn begin_import(&self, slug: &str, head: &FileHeadV1) -> Result<tenants::Half, Error> {
        let (directory, draft) = (self.directory(), TenantDraft::new(slug));
        let verbs = Verbs::<Tenant>::new(&directory);
        let body = verbs.body(draft.given())?;
        let token = self.random_id().to_string();
        let known = SETTINGS.into_iter();
        let settings = known.filter_map(|slot| {
            let found = head.settings.iter().find(|(number, _)| *number == slot.number());
            found.map(|(_, json)| (slot, json.clone()))
        });
        let settings: Vec<_> = settings.collect();
        loop {
            let id = Uuid::from_bytes(head.tenant);
            let begun = directory
                .write(|transaction| tenants::begin_half(transaction, slug, id, &body, &settings, &token))?;
            match begun {
                Ok(half) => return Ok(half),
                Err(stale) => self.abandon(&stale)?,
            }
        }
    }

    fn fill(
        &self,
        half: &tenants::Half,
        file: impl Read,
        expected: &Contents,
        options: &TenantImport,
        keeps_id: bool,
    ) -> Result<(), Error> {
        let filling = self.begin_filling(half)?;
        let selection = if keeps_id { Selection::default() } else { under_another_id() };
        let contents = archive::read(file, &mut |rows| filling.put(rows, &selection))?;
        if contents.digest != expected.digest {
            return Err(Error::new(
                Code::Conflict,
                "the file has changed while it was read; import it again",
            ));
        }
        let epoch = self.random_id().into_bytes();
        filling.finish(&|head, breaks| {
            let tenant = Uuid::from_bytes(expected.head.tenant);
            if !options.is_moved {
                breaks.rename(TenantId::from_uuid(tenant), head, epoch);
            } else if !keeps_id {
                head.epoch.get_or_insert(tenant.into_bytes());
            }
        })
    }

    /// Lets everybody see a tenant that is whole.
    fn publish(&self, half: &tenants::Half, head: &FileHeadV1) -> Result<(), Error> {
        let has_webhooks = TenantParts::from_bits(head.parts).webhooks;
        self.directory().write(|transaction| tenants::end_half(transaction, half, has_webhooks))?;
        if has_webhooks {
            self.agenda().note(half.id);
        }
        Ok(())
    }

    /// Removes a tenant that nobody can see, unless another import has it.
    fn abandon(&self, half: &tenants::Half) -> Result<(), Error> {
        let token = self.random_id().to_string();
        // Before its rows go, so that the import that has it does not publish a tenant without them.
        let half = self.directory().write(|transaction| tenants::take_half(transaction, half, &token))?;
        self.begin_filling(&half)?.abandon()?;
        self.directory().write(|transaction| tenants::remove_half(transaction, &half))
    }

    /// Begins to fill a half, and deletes what is in it.
    fn begin_filling(&self, half: &tenants::Half) -> Result<Filling<'_>, Error> {
        Filling::begin_own(self, half.id, &|| {
            self.directory().write(|transaction| tenants::check_half(transaction, half))
        })
    }
}

/// The rows that make sense in a tenant with another id: the texts of API keys and the ids of events hold the old one.
fn under_another_id() -> Selection {
    Selection {
        without: vec![Kind::ApiKey],
        outbox: OutboxPart::Subscriptions,
        without_answers: true,
        ..Selection::default()
    }
}
