use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::pipelines;
use crate::{
    base::{Code, Error, Id, Kind, Patch, Scope, TenantId, Timestamp, limits},
    engine::{
        self, Caller, Change, Collection, Creatable, Draft, Editable, Engine, Link, ListQuery, Member, Model,
        Profile, Resource, Rule, Session, TenantInfo, WriteOptions, stored,
    },
};

const SLUG: u8 = 0;
pub(super) const RATE_LIMIT: u8 = 1;
pub(super) const PROFILE: u8 = 2;
pub(super) const NAME: u8 = 3;
const DEFAULT_CURRENCY: u8 = 5;
/// Whether the tenant has been given its first pipeline, which stands among its own records.
const HAS_PIPELINE: u8 = 6;
/// As many requests as anyone can count.
const RATE: Rule = Rule::Integer { min: 0, max: 1_000_000_000 };
const PROFILES: Rule = Rule::Choice(&["documented", "strict"]);

static MODEL: LazyLock<Model> = LazyLock::new(|| {
    let [slug, name, timezone, default_currency, rate_limit, profile, has_pipeline] = members();
    let (id, created_at, updated_at) = (engine::id(), engine::created_at(), engine::updated_at());
    let chosen = [rate_limit, profile, name, timezone, default_currency];
    Model::new(&[&[id, slug], &chosen[..], &[has_pipeline, created_at, updated_at]].concat())
});

/// The stored members.
fn members() -> [Member; 7] {
    [
        stored(SLUG, "slug", Rule::Slug)
            .required()
            .natural_key(|slug| Some(slug.to_owned()).filter(|s| !s.is_empty())),
        stored(NAME, "name", Rule::Text { characters: limits::SHORT_TEXT }),
        stored(4, "timezone", Rule::TimeZone).default("\"UTC\""),
        stored(DEFAULT_CURRENCY, "defaultCurrency", Rule::Currency).default("\"USD\""),
        stored(RATE_LIMIT, "rateLimitPerMinute", RATE),
        stored(PROFILE, "profile", PROFILES),
        stored(HAS_PIPELINE, "hasPipeline", Rule::Boolean).hidden(),
    ]
}

/// The members that a tenant chooses for itself, and the others unseen.
pub(super) fn settings() -> [Member; 7] {
    let [slug, name, timezone, default_currency, rate_limit, profile, has_pipeline] = members();
    let (rate_limit, profile) = (rate_limit.always(), profile.always());
    [name.always(), timezone, default_currency, rate_limit, profile, slug.hidden(), has_pipeline]
}

/// A customer of this engine, whose records no other can see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Tenant {
    /// Its id, which leads every key of its records.
    pub id: TenantId,
    /// Its name in host names: one DNS label.
    pub slug: String,
    /// Requests a minute, if not those of the engine; 0 for no limit.
    pub rate_limit_per_minute: Option<u32>,
    /// `documented` or `strict`, if not that of the engine.
    pub profile: Option<String>,
    /// What it is called, if not by its slug.
    pub name: Option<String>,
    /// The time zone that it lives in (IANA).
    pub timezone: String,
    /// The currency of deals that are created without one (ISO 4217).
    pub default_currency: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What creates a [`Tenant`]; only the slug is required.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "each member is that of `Tenant`")]
pub struct TenantDraft {
    pub slug: String,
    pub rate_limit_per_minute: Option<u32>,
    pub profile: Option<String>,
}

/// What changes a [`Tenant`]'s settings; one that is cleared is the engine's again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "each member is that of `Tenant`")]
pub struct TenantChange {
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub rate_limit_per_minute: Patch<u32>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub profile: Patch<String>,
}

impl Engine {
    /// Adds a tenant, with a pipeline of six stages. Should the store go away in between, the pipeline is added when the
    /// tenant is first asked for.
    ///
    /// # Errors
    /// [`Code::Validation`], or [`Code::Duplicate`] when the slug is taken.
    pub fn create_tenant(&self, draft: &TenantDraft) -> Result<Tenant, Error> {
        let tenant = self.directory().tenants().create(draft)?.read()?;
        // The tenant is there, whether its pipeline already is or not.
        drop(self.tenant_by_id(tenant.id));
        Ok(tenant)
    }

    /// All tenants, oldest first.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the store cannot answer.
    pub fn tenants(&self) -> Result<Vec<Tenant>, Error> {
        let directory = self.directory();
        let mut tenants = Vec::new();
        loop {
            let offset = u64::try_from(tenants.len()).unwrap_or(u64::MAX);
            let page = directory.tenants().list(&ListQuery { offset, ..ListQuery::default() })?;
            for row in &page.rows {
                tenants.push(row.read()?);
            }
            if !page.has_more {
                return Ok(tenants);
            }
        }
    }

    /// The tenant with a slug.
    ///
    /// # Errors
    /// [`Code::NotFound`] when there is none.
    pub fn tenant(&self, slug: &str) -> Result<Tenant, Error> {
        let directory = self.directory();
        let found = directory.tenants().find(&*directory.snapshot()?, SLUG, slug)?;
        found.ok_or_else(|| no_tenant(slug))?.read()
    }

    /// Gives a tenant other settings. Sessions that are opened from now on go by them, on other servers of the store within
    /// a second.
    ///
    /// # Errors
    /// [`Code::NotFound`] when there is no tenant with that slug; [`Code::Validation`].
    pub fn change_tenant(&self, slug: &str, change: &TenantChange) -> Result<Tenant, Error> {
        let id = self.tenant(slug)?.id;
        let changed = self.directory().tenants().update(Id::from_uuid(id.as_uuid()), change);
        // Whether it was changed or not may be unknown.
        self.forget_tenant(id);
        changed?.read()
    }

    /// A session that a host opens for itself, without a credential and with every scope. `name` is what the change
    /// feed will call it.
    ///
    /// # Errors
    /// [`Code::NotFound`] when there is no tenant with that slug.
    pub fn trusted_session(&self, slug: &str, name: &str) -> Result<Session, Error> {
        let info = self.tenant_by_id(self.tenant(slug)?.id)?.ok_or_else(|| no_tenant(slug))?;
        Ok(Session::open(self.clone(), info, Caller::Host { name: name.to_owned() }, Scope::Admin))
    }

    pub(super) fn tenant_by_id(&self, id: TenantId) -> Result<Option<std::sync::Arc<TenantInfo>>, Error> {
        self.tenant_info(id, || match self.directory().tenants().get(Id::from_uuid(id.as_uuid())) {
            Ok(row) => {
                let info = self.info(row.read()?);
                if row.record()?.slot(HAS_PIPELINE).is_empty() {
                    self.give_pipeline(&info)?;
                }
                Ok(Some(info))
            }
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        })
    }

    fn info(&self, tenant: Tenant) -> TenantInfo {
        let config = self.config();
        TenantInfo {
            id: tenant.id,
            slug: tenant.slug,
            requests_per_minute: tenant.rate_limit_per_minute.unwrap_or(config.requests_per_minute),
            profile: match tenant.profile.as_deref() {
                Some("strict") => Profile::Strict,
                Some(_) => Profile::Documented,
                None => config.profile,
            },
            default_currency: tenant.default_currency,
        }
    }

    /// Gives a tenant its first pipeline. No transaction spans the tenant and the directory, so the directory is told
    /// last, and a tenant that has any pipeline is given none.
    fn give_pipeline(&self, info: &TenantInfo) -> Result<(), Error> {
        let caller = Caller::Host { name: "directory".to_owned() };
        let tenant = Session::open(self.clone(), info.clone().into(), caller, Scope::Admin);
        pipelines::create_first(&tenant)?;
        let id = info.id.as_uuid();
        let noted = self.directory().write(&WriteOptions::default(), &mut |stage| {
            engine::touch::<Tenant>(stage, id, HAS_PIPELINE, "true".to_owned())
        });
        noted.map(drop)
    }

    /// The session of the directory itself.
    pub(super) fn directory(&self) -> Session {
        let info = TenantInfo {
            id: TenantId::DIRECTORY,
            slug: String::new(),
            profile: Profile::Strict,
            requests_per_minute: 0,
            default_currency: String::new(),
        };
        let caller = Caller::Host { name: "directory".to_owned() };
        Session::open(self.clone(), info.into(), caller, Scope::Admin)
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

    fn links() -> Vec<Link> {
        Vec::new()
    }
}

impl Editable for Tenant {
    const WRITE: Scope = Scope::Admin;
    type Change = TenantChange;
}

impl Creatable for Tenant {
    type Draft = TenantDraft;
}

impl Draft<Tenant> for TenantDraft {}

impl Change<Tenant> for TenantChange {}

fn no_tenant(slug: &str) -> Error {
    Error::new(Code::NotFound, format!("there is no tenant {slug:?}"))
}
