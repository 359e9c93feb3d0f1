//! The tenants that a server needs when it starts.

use std::collections::{HashMap, HashSet};

use rally_core::{Engine, Error, Tenant, TenantDraft, TenantId};
use serde::Serialize;

use crate::{admin, failure::Failure};

/// A tenant that exists.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReadyTenant {
    pub(crate) slug: String,
    pub(crate) id: TenantId,
    /// Known only when this process has created the tenant.
    pub(crate) api_key: Option<String>,
}

/// The tenants that must exist, and those of them that this process has created.
pub(crate) struct WantedTenants {
    named: Vec<String>,
    /// The tenants created here, each with its key once that is created: the store may go away in between.
    created: HashMap<String, Option<String>>,
}

impl WantedTenants {
    /// The named tenants; without names, all that exist, or `demo` in an empty store.
    pub(crate) fn new(named: &[String]) -> Self {
        Self { named: named.to_vec(), created: HashMap::new() }
    }

    /// Creates the missing tenants. After a failure that may pass, the next call goes on from there.
    pub(crate) fn ensure(&mut self, engine: &Engine) -> Result<Vec<ReadyTenant>, Failure> {
        let existing = engine.tenants()?;
        let mut slugs = self.named.clone();
        if slugs.is_empty() {
            slugs.extend(existing.iter().map(|tenant| tenant.slug.clone()));
        }
        if slugs.is_empty() {
            slugs.push("demo".to_owned());
        }
        let mut seen = HashSet::new();
        slugs.retain(|slug| seen.insert(slug.clone()));
        let ensure = |slug: String| {
            let ready = self.ensure_one(engine, &existing, &slug);
            ready.map_err(|error| {
                Failure::from(error).while_doing(&format!("cannot create the tenant {slug:?}"))
            })
        };
        slugs.into_iter().map(ensure).collect()
    }

    fn ensure_one(&mut self, engine: &Engine, existing: &[Tenant], slug: &str) -> Result<ReadyTenant, Error> {
        let id = match existing.iter().find(|tenant| tenant.slug == slug) {
            Some(tenant) => tenant.id,
            None => self.create(engine, slug)?,
        };
        let api_key = match self.created.get_mut(slug) {
            None => None,
            Some(Some(key)) => Some(key.clone()),
            Some(unmade) => {
                let key = admin::mint_admin_key(&engine.tenant(slug)?)?;
                *unmade = Some(key.clone());
                Some(key)
            }
        };
        Ok(ReadyTenant { slug: slug.to_owned(), id, api_key })
    }

    /// Creates a tenant, unless another server has just done so.
    fn create(&mut self, engine: &Engine, slug: &str) -> Result<TenantId, Error> {
        match engine.create_tenant(&TenantDraft::new(slug)) {
            Ok(tenant) => {
                self.created.insert(slug.to_owned(), None);
                Ok(tenant.id)
            }
            Err(error) if error.is_duplicate() => Ok(engine.tenant(slug)?.id),
            Err(error) => {
                // If it is there after all, it is better to have two keys for it than none.
                if error.is_outcome_unknown() {
                    self.created.insert(slug.to_owned(), None);
                }
                Err(error)
            }
        }
    }
}
