use std::{borrow::Cow, sync::LazyLock};

use serde::{Deserialize, Serialize};

use crate::{
    base::{Code, Error, Id, Kind, Patch, Scope, TenantId, Timestamp},
    engine::{
        self, Caller, Change, Collection, Draft, Editable, Engine, ListQuery, Model, Profile, Resource, Rule,
        Session, TenantInfo, stored,
    },
};

const SLUG: u8 = 0;
/// As many requests as anyone can count.
const RATE: Rule = Rule::Integer { min: 0, max: 1_000_000_000 };
const PROFILES: Rule = Rule::Choice(&["documented", "strict"]);

static MODEL: LazyLock<Model> = LazyLock::new(|| {
    Model::new(&[
        engine::id(),
        stored(SLUG, "slug", Rule::Slug)
            .required()
            .natural_key(|slug| Some(slug.to_owned()).filter(|s| !s.is_empty())),
        stored(1, "rateLimitPerMinute", RATE),
        stored(2, "profile", PROFILES),
        engine::created_at(),
        engine::updated_at(),
    ])
});

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
    /// Adds a tenant.
    ///
    /// # Errors
    /// [`Code::Validation`], or [`Code::Duplicate`] when the slug is taken.
    pub fn create_tenant(&self, draft: &TenantDraft) -> Result<Tenant, Error> {
        self.directory().tenants().create(draft)?.read()
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

    /// Gives a tenant other settings. Every server of the store goes by them within a second, this one at once.
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
            Ok(row) => Ok(Some(self.info(row.read()?))),
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
        }
    }

    /// The session of the directory itself.
    fn directory(&self) -> Session {
        let info = TenantInfo {
            id: TenantId::DIRECTORY,
            slug: String::new(),
            profile: Profile::Strict,
            requests_per_minute: 0,
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
}

impl Editable for Tenant {
    const WRITE: Scope = Scope::Admin;
    type Draft = TenantDraft;
    type Change = TenantChange;
}

impl Draft<Tenant> for TenantDraft {
    fn to_json(&self) -> Cow<'_, [u8]> {
        serde_json::to_vec(self).unwrap_or_default().into()
    }
}

impl Change<Tenant> for TenantChange {
    fn to_json(&self) -> Cow<'_, [u8]> {
        serde_json::to_vec(self).unwrap_or_default().into()
    }
}

fn no_tenant(slug: &str) -> Error {
    Error::new(Code::NotFound, format!("there is no tenant {slug:?}"))
}
