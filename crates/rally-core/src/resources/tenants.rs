mod half;

use std::{fmt, ops::Deref, sync::LazyLock};

use super::{audit, define, pipelines};
use crate::{
    base::{Code, Currency, Error, Id, Kind, Profile, Scope, TenantId, TimeZone, Timestamp, limits},
    engine::{
        codec::Slot,
        read::Query,
        schema::{self, Keyed, Member, Model, Resource, Row, Rule, TenantInfo, stored},
        session::{Caller, Collection, Engine, Session, Verbs, WriteOptions, resource},
        write::{self, Creatable, Definition, Editable, Rules, Update, WriteOutcome},
    },
};

const SLUG: Slot = Slot::new(0);
pub(super) const RATE_LIMIT: Slot = Slot::new(1);
pub(super) const PROFILE: Slot = Slot::new(2);
pub(super) const NAME: Slot = Slot::new(3);
pub(super) const DEFAULT_CURRENCY: Slot = Slot::new(5);
/// Says that the tenant has been given its first pipeline, which is among its own records.
const HAS_PIPELINE: Slot = Slot::new(6);
/// Names the import that fills the tenant; nobody can see the tenant until it has ended.
const IMPORTED_BY: Slot = Slot::new(7);
const SHORT: Rule = Rule::Text { characters: limits::SHORT_TEXT };
/// Requests a minute; the maximum is beyond any real load.
pub(super) const RATE: Rule = Rule::Integer { min: 0, max: 1_000_000_000 };
/// The time zone of a tenant without one, as JSON text.
pub(super) const TIME_ZONE: &str = "\"UTC\"";
/// The currency of a tenant without one, as JSON text.
pub(super) const CURRENCY: &str = "\"USD\"";

pub(super) use half::{
    Half, are_any, begin_half, check as check_half, end_half, enlist, remove_half, take_half, whole_tenants,
};

static MODEL: LazyLock<Model> = LazyLock::new(|| Model::new(Kind::Tenant, &Tenant::members()));

resource! {
    /// A tenant: an organisation whose records no other can see.
    pub struct Tenant;
    draft {
        /// Creates a [`Tenant`].
        pub struct TenantDraft;
    }
    update {
        /// Updates a [`Tenant`]; a cleared setting falls back to the engine's.
        pub struct TenantUpdate;
    }

    members {
        /// Identity of the tenant, which leads every key of its records.
        read id: TenantId = schema::id();
        /// Name in host names: one DNS label.
        required slug: String = stored(SLUG, "slug", Rule::Slug).natural_key(fold_slug);
        /// Requests a minute, 0 for no limit; the engine's unless they are set.
        optional rate_limit_per_minute: u32 = stored(RATE_LIMIT, "rateLimitPerMinute", RATE);
        /// Strictness of reading requests; the engine's unless it is set.
        optional profile: Profile = stored(PROFILE, "profile", Rule::Choice(Profile::SET));
        /// Name; the slug unless it is set.
        optional name: String = stored(NAME, "name", SHORT);
        /// Time zone.
        defaulted timezone: TimeZone = stored(Slot::new(4), "timezone", Rule::TimeZone).default(TIME_ZONE);
        /// Currency of deals that are created without one.
        defaulted default_currency: Currency =
            stored(DEFAULT_CURRENCY, "defaultCurrency", Rule::Currency).default(CURRENCY);
        /// The instant of its creation.
        read created_at: Timestamp = schema::created_at();
        /// The instant of its last change.
        read updated_at: Timestamp = schema::updated_at();
    }
    hidden {
        stored(HAS_PIPELINE, "hasPipeline", Rule::Boolean).hidden();
        stored(IMPORTED_BY, "importedBy", SHORT).hidden();
    }
}

/// The stored members of a tenant that go along with it to another store.
pub(super) const SETTINGS: [Slot; 5] = [RATE_LIMIT, PROFILE, NAME, Slot::new(4), DEFAULT_CURRENCY];

/// The stored members of a tenant that are no settings of its own.
pub(super) fn besides_settings() -> Vec<Member> {
    let is_besides = |member: &Member| matches!(member.slot(), Some(SLUG | HAS_PIPELINE | IMPORTED_BY));
    Tenant::members().into_iter().filter(is_besides).map(Member::hidden).collect()
}

fn fold_slug(slug: &str) -> Option<String> {
    if slug.is_empty() { None } else { Some(slug.to_owned()) }
}

/// A tenant of an engine, which opens sessions.
#[derive(Clone)]
pub struct TenantHandle {
    engine: Engine,
    tenant: Tenant,
}

impl TenantHandle {
    /// Opens a session for the host itself, without a credential and with every scope. `name` is the caller in the change
    /// feed.
    ///
    /// ```
    /// use rally_core::{Engine, TenantDraft, store::MemoryStore};
    ///
    /// let engine = Engine::new(MemoryStore::new());
    /// engine.create_tenant(&TenantDraft::new("acme"))?;
    /// let acme = engine.tenant("acme")?.trusted_session("nightly import")?;
    /// assert_eq!(acme.tenant().slug, "acme");
    /// # Ok::<(), rally_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the store cannot answer.
    pub fn trusted_session(&self, name: &str) -> Result<Session, Error> {
        let info = self.engine.tenant_by_id(self.tenant.id)?.ok_or_else(|| no_tenant(&self.tenant.slug))?;
        let caller = Caller::Host { name: name.to_owned() };
        Ok(Session::open(self.engine.clone(), info, caller, Scope::Admin))
    }

    /// Changes the tenant, which its audit trail notes as done by the host under the name `by`. Sessions that are opened from now on go by its new settings, on other servers of the store
    /// within a second.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// engine.tenant("acme")?.update("docs", &TenantUpdate::new().default_currency(Currency::EUR))?;
    /// let later = engine.tenant("acme")?.trusted_session("docs")?;
    /// assert_eq!(later.tenant().default_currency, Currency::EUR);
    /// assert_eq!(acme.tenant().default_currency, Currency::USD, "a session goes on as it was opened");
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Validation`], or [`Code::Duplicate`] when another tenant has the slug.
    pub fn update(&self, by: &str, update: &TenantUpdate) -> Result<Tenant, Error> {
        let id = Id::from_uuid(self.tenant.id.as_uuid());
        let (directory, options) = (self.engine.directory(), WriteOptions::default());
        let verbs = Verbs::<Tenant>::new(&directory);
        let body = verbs.body(update.given())?;
        let changed = verbs.update(id, &body, &options);
        // It may be unknown whether it was changed.
        self.engine.forget_tenant(self.tenant.id);
        let changed = changed?;
        if changed.outcome == WriteOutcome::Updated {
            let named =
                MODEL.stored().filter(|(slot, _)| body.mentions(*slot)).map(|(_, member)| member.name);
            let noted = audit::note_tenant(&self.trusted_session(by)?, &named.collect::<Vec<_>>());
            // The tenant has changed even if this fails.
            noted.map_err(Error::with_unknown_outcome)?;
        }
        Ok(changed.typed_after_commit()?.record)
    }

    /// The tenant's record.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// assert_eq!(engine.tenant("acme")?.into_record().slug, "acme");
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn into_record(self) -> Tenant {
        self.tenant
    }
}

impl Deref for TenantHandle {
    type Target = Tenant;

    fn deref(&self) -> &Tenant {
        &self.tenant
    }
}

impl fmt::Debug for TenantHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TenantHandle").field(&self.tenant).finish()
    }
}

impl Engine {
    /// Creates a tenant, with a pipeline of six stages. If the store fails in between, the pipeline is added when the
    /// tenant is next asked for.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// let acme = engine.create_tenant(&TenantDraft::new("acme").default_currency(Currency::EUR))?;
    /// assert_eq!(acme.trusted_session("docs")?.pipelines().default()?.stages.len(), 6);
    /// assert!(engine.create_tenant(&TenantDraft::new("acme")).unwrap_err().is_duplicate());
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Validation`], or [`Code::Duplicate`] when another tenant has the slug. After an
    /// [unknown outcome](Error::is_outcome_unknown) the tenant may be there.
    pub fn create_tenant(&self, draft: &TenantDraft) -> Result<TenantHandle, Error> {
        let tenant = self.directory().tenants().create(draft).map_err(|error| self.explained(error))?;
        // The tenant is there, whether its pipeline already is or not.
        drop(self.give_pipeline(&self.info(tenant.clone()), None));
        Ok(TenantHandle { engine: self.clone(), tenant })
    }

    /// All tenants, oldest first.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// let slugs = engine.tenants()?.into_iter().map(|tenant| tenant.slug);
    /// assert_eq!(slugs.collect::<Vec<_>>(), ["acme"]);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the store cannot answer.
    pub fn tenants(&self) -> Result<Vec<Tenant>, Error> {
        let directory = self.directory();
        let mut tenants = Vec::new();
        for row in directory.view()?.records::<Tenant>().rows().all(Query::all())? {
            let row = row?;
            if is_whole(&row)? {
                tenants.push(row.read()?);
            }
        }
        Ok(tenants)
    }

    /// The tenant with a slug.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// assert_eq!(engine.tenant("acme")?.id, acme.tenant().id);
    /// assert!(engine.tenant("looms").unwrap_err().is_not_found());
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::NotFound`] when there is none.
    pub fn tenant(&self, slug: &str) -> Result<TenantHandle, Error> {
        let directory = self.directory();
        let folded = fold_slug(slug.trim()).ok_or_else(|| no_tenant(slug))?;
        match directory.view()?.records::<Tenant>().row_by_key(SLUG, &folded)? {
            Some(row) if is_whole(&row)? => Ok(TenantHandle { engine: self.clone(), tenant: row.read()? }),
            _ => Err(no_tenant(slug)),
        }
    }

    pub(super) fn tenant_by_id(&self, id: TenantId) -> Result<Option<std::sync::Arc<TenantInfo>>, Error> {
        self.tenant_info(id, || match self.directory().tenants().json().get(Id::from_uuid(id.as_uuid())) {
            Ok(row) if !is_whole(&row)? => Ok(None),
            Ok(row) => {
                let tenant: Tenant = row.read()?;
                let (info, since) = (self.info(tenant.clone()), Some(tenant.created_at));
                if row.record()?.slot(HAS_PIPELINE).is_empty() {
                    self.give_pipeline(&info, since)?;
                }
                Ok(Some(info))
            }
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        })
    }

    /// Tells of a half tenant that has a name which is taken, as nobody can see it.
    fn explained(&self, error: Error) -> Error {
        let Some(existing) = error.existing_id() else { return error };
        let directory = self.directory();
        let is_half = directory.view().and_then(|view| {
            let row = view.records::<Tenant>().row(Id::from_uuid(existing))?;
            Ok(!is_whole(&row)?)
        });
        match is_half {
            Ok(true) => Error::new(
                Code::Conflict,
                "a tenant of this name is being imported, or its import has stopped; import it again",
            ),
            _ => error,
        }
    }

    fn info(&self, tenant: Tenant) -> TenantInfo {
        let config = self.config();
        TenantInfo {
            id: tenant.id,
            slug: tenant.slug,
            requests_per_minute: tenant.rate_limit_per_minute.unwrap_or(config.requests_per_minute),
            profile: tenant.profile.unwrap_or(config.profile),
            default_currency: tenant.default_currency,
        }
    }

    /// Gives a tenant its first pipeline. No transaction spans the tenant and the directory, so the directory is told
    /// last, and a tenant that has any pipeline is given none.
    fn give_pipeline(&self, info: &TenantInfo, since: Option<Timestamp>) -> Result<(), Error> {
        let caller = Caller::Host { name: "directory".to_owned() };
        let tenant = Session::open(self.clone(), info.clone().into(), caller, Scope::Admin);
        pipelines::create_first(&tenant, since)?;
        let id = info.id.as_uuid();
        self.directory().write(|transaction| {
            write::set_silently(transaction, Tenant::definition(), id, HAS_PIPELINE, "true")
        })
    }
}

impl Session {
    fn tenants(&self) -> Collection<'_, Tenant> {
        Collection::new(self)
    }
}

impl Resource for Tenant {
    const KIND: Kind = Kind::Tenant;
    const READ: Scope = Scope::Admin;

    fn model() -> &'static Model {
        &MODEL
    }

    fn read(row: &Row<Self>) -> Result<Self, Error> {
        Self::read_row(row)
    }
}

impl Editable for Tenant {
    const WRITE: Scope = Scope::Admin;
    type Update = TenantUpdate;

    fn definition() -> Definition {
        define(&MODEL, &Rules::NONE)
    }
}

impl Creatable for Tenant {
    type Draft = TenantDraft;
}

impl Keyed for Tenant {
    const KEY: &'static str = "slug";
}

/// True when a tenant is no half that an import is filling, or has left.
fn is_whole(row: &Row<Tenant>) -> Result<bool, Error> {
    Ok(row.record()?.slot(IMPORTED_BY).is_empty())
}

fn no_tenant(slug: &str) -> Error {
    Error::new(Code::NotFound, format!("there is no tenant {slug:?}"))
}
