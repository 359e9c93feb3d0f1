//! Copies of a whole store: as it is, or with all that is derived made anew.

use std::sync::Arc;

use super::{
    definition,
    tenants::{are_any, whole_tenants},
};
use crate::{
    base::{Error, Kind, TenantId},
    engine::{
        archive::{self, Filling},
        schema::Model,
        session::Engine,
    },
    store::{Abort, MemoryStore, Snapshot},
};

/// The way in which a store is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyMode {
    /// Row by row, and compared afterwards.
    Exact,
    /// Rows that are derived from nothing are copied, and the rest is made anew of them.
    Rebuilt,
}

impl Engine {
    /// Copies all tenants into an empty store, in which nobody sees any before all are there. Nothing may be written to
    /// this store meanwhile: the copy goes on as it, with the same feeds. Answers the number of tenants.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let ada = acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// let repaired = Engine::new(store::MemoryStore::new());
    /// engine.copy_to(&repaired, CopyMode::Rebuilt, &mut |_| ())?;
    /// assert_eq!(repaired.check_store(&mut |_, _| ())?.damaged, 0);
    /// assert_eq!(repaired.tenant("acme")?.trusted_session("docs")?.contacts().get(ada.id)?, ada);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Conflict`](crate::Code::Conflict) when there are tenants in the other store;
    /// [`Code::Internal`](crate::Code::Internal) when something cannot be read that is derived from nothing; and
    /// [`Code::Unavailable`](crate::Code::Unavailable).
    pub fn copy_to(&self, to: &Engine, mode: CopyMode, watch: &mut dyn FnMut(&str)) -> Result<u64, Error> {
        let directory = Filling::claim(to, TenantId::DIRECTORY, &is_empty)?;
        for tenant in directory.noted()? {
            Filling::begin(to, tenant)?.abandon()?;
        }
        let mut copied = 0;
        for (tenant, slug) in whole_tenants(&*self.snapshot_of(TenantId::DIRECTORY)?)? {
            watch(&slug);
            directory.note(tenant)?;
            self.copy_tenant(tenant, Filling::begin(to, tenant)?, mode)?;
            copied += 1;
        }
        // The directory is made elsewhere, so that it can come in one batch.
        let apart = Engine::with(Arc::new(MemoryStore::new()), to.environment().clone(), to.config());
        self.copy_tenant(TenantId::DIRECTORY, Filling::begin(&apart, TenantId::DIRECTORY)?, mode)?;
        let made = archive::all_rows(&*apart.snapshot_of(TenantId::DIRECTORY)?)?;
        directory.end(&|newest, batch| {
            is_empty(newest)?;
            made.iter().for_each(|row| batch.put(row.key.clone(), row.value.clone()));
            Ok(())
        })?;
        Ok(copied)
    }

    fn copy_tenant(&self, tenant: TenantId, filling: Filling<'_>, mode: CopyMode) -> Result<(), Error> {
        let from = self.snapshot_of(tenant)?;
        match mode {
            CopyMode::Rebuilt => archive::rebuild(&*from, model, &filling)?,
            CopyMode::Exact => {
                archive::copy(&*from, &filling)?;
                let [there, here] = [archive::tally(&*filling.snapshot()?)?, archive::tally(&*from)?];
                if there.digest() != here.digest() {
                    return Err(Error::internal("the store has not kept the rows of a tenant"));
                }
            }
        }
        filling.abandon()
    }
}

/// Refuses a directory that has tenants.
fn is_empty(directory: &dyn Snapshot) -> Result<(), Abort> {
    if are_any(directory)? { Err(Abort::Refused) } else { Ok(()) }
}

fn model(kind: Kind) -> &'static Model {
    definition(kind).model
}
