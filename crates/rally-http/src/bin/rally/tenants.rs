//! The tenants that a server needs when it starts.

use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
};

use rally_core::{Engine, Error, Tenant, TenantDraft, TenantId};
use serde::Serialize;

use crate::{
    admin,
    failure::Failure,
    key_folder::{KeyFile, KeyFolder},
};

/// A tenant that exists.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReadyTenant {
    pub(crate) slug: String,
    pub(crate) id: TenantId,
    /// Known only when this process has created the tenant, and has not put the key into a file.
    pub(crate) api_key: Option<String>,
    /// The file that has the key of a tenant that this process has created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key_file: Option<PathBuf>,
}

/// The tenants that must exist, and those of them that this process has created.
pub(crate) struct WantedTenants {
    named: Vec<String>,
    /// The tenants created here, each with its key once that is created: the store may go away in between.
    created: HashMap<String, Option<CreatedKey>>,
    /// The folder that keys are written to; without one they are printed.
    keys: Option<KeyFolder>,
    /// The files of keys that are still to be made.
    reserved: HashMap<String, KeyFile>,
}

/// The admin key of a tenant that was created.
#[derive(Clone)]
enum CreatedKey {
    Told(String),
    InFile(PathBuf),
}

impl WantedTenants {
    /// The named tenants; without names, all that exist, or `demo` in an empty store.
    pub(crate) fn new(named: &[String], keys: Option<KeyFolder>) -> Self {
        Self { named: named.to_vec(), created: HashMap::new(), keys, reserved: HashMap::new() }
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
            ready.map_err(|failure| failure.while_doing(&format!("cannot create the tenant {slug:?}")))
        };
        slugs.into_iter().map(ensure).collect()
    }

    fn ensure_one(
        &mut self,
        engine: &Engine,
        existing: &[Tenant],
        slug: &str,
    ) -> Result<ReadyTenant, Failure> {
        let id = match existing.iter().find(|tenant| tenant.slug == slug) {
            Some(tenant) => tenant.id,
            None => match (self.reserve(slug), engine.tenant(slug)) {
                // Another server has just made it.
                (_, Ok(tenant)) => tenant.id,
                (Err(failure), Err(_)) => return Err(failure),
                (Ok(()), Err(_)) => self.create(engine, slug)?,
            },
        };
        if let Some(None) = self.created.get(slug) {
            let key = self.make_key(engine, slug)?;
            self.created.insert(slug.to_owned(), Some(key));
        }
        let (api_key, key_file) = match self.created.get(slug).cloned().flatten() {
            Some(CreatedKey::Told(key)) => (Some(key), None),
            Some(CreatedKey::InFile(path)) => (None, Some(path)),
            None => (None, None),
        };
        Ok(ReadyTenant { slug: slug.to_owned(), id, api_key, key_file })
    }

    /// Makes the file that a tenant's key is written to, if it is to be written.
    fn reserve(&mut self, slug: &str) -> Result<(), Failure> {
        if let Some(folder) = &self.keys
            && !self.reserved.contains_key(slug)
        {
            self.reserved.insert(slug.to_owned(), folder.reserve(slug)?);
        }
        Ok(())
    }

    fn make_key(&mut self, engine: &Engine, slug: &str) -> Result<CreatedKey, Failure> {
        let key = admin::mint_admin_key(&engine.tenant(slug)?)?;
        match self.reserved.remove(slug) {
            Some(file) => file.keep(&key).map(CreatedKey::InFile).map_err(|failure| {
                let more = format!(
                    "`rally keys create --tenant {slug} --name admin --scopes admin` makes another one"
                );
                Failure::new(format!("{failure}; the tenant is there, and {more}"))
            }),
            None => Ok(CreatedKey::Told(key)),
        }
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
