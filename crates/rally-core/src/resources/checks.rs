//! Checks of a whole store: all that is derived against what it is derived from.

use super::{definition, tenants::whole_tenants};
use crate::{
    base::{Code, Error, Kind, TenantId, limits},
    engine::{
        check::{self, Checking, Repair},
        schema::Model,
        session::Engine,
    },
};

/// The result of a check of a whole store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreCheck {
    /// Rows that were looked at.
    pub rows: u64,
    /// Tenants that were looked at, besides the directory.
    pub tenants: u64,
    /// The first damages, at most [`limits::DAMAGES_TOLD`](crate::limits::DAMAGES_TOLD) a tenant.
    pub damages: Vec<Damage>,
    /// All damages.
    pub damaged: u64,
}

/// A damage that a check has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The tenant's name in host names; empty for the directory of tenants.
    pub slug: String,
    /// A sentence on it.
    pub what: String,
    /// True when it is derived from what is there, and can be made anew. Only a backup has the rest.
    pub can_be_rebuilt: bool,
}

impl Engine {
    /// Checks the whole store, each tenant as it is at one moment, and writes nothing: records against all that they are found
    /// by, totals, sums, references, the feed and its marks, histories, deliveries and kept answers. `watch` hears the name of the
    /// tenant at work and how many of its rows have been looked at.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// let checked = engine.check_store(&mut |_, _| ())?;
    /// assert_eq!((checked.tenants, checked.damaged), (1, 0));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Unavailable`](crate::Code::Unavailable) when the store cannot answer. What it cannot read because it is damaged is
    /// no error but a damage.
    pub fn check_store(&self, watch: &mut dyn FnMut(&str, u64)) -> Result<StoreCheck, Error> {
        let mut checked = StoreCheck::default();
        self.check_one(TenantId::DIRECTORY, "", watch, &mut checked)?;
        // By their records alone, as a list of them may be what is damaged.
        for (tenant, slug) in whole_tenants(&*self.snapshot_of(TenantId::DIRECTORY)?)? {
            self.check_one(tenant, &slug, watch, &mut checked)?;
            checked.tenants += 1;
        }
        Ok(checked)
    }

    fn check_one(
        &self,
        tenant: TenantId,
        slug: &str,
        watch: &mut dyn FnMut(&str, u64),
        checked: &mut StoreCheck,
    ) -> Result<(), Error> {
        let mut watch = |rows| watch(slug, rows);
        let mut checking = Checking::new(limits::DAMAGES_TOLD, &mut watch);
        let snapshot = self.snapshot_of(tenant)?;
        match check::check(&*snapshot, model, &mut checking) {
            Ok(()) => {}
            Err(error) if error.code() == Code::Unavailable => return Err(error),
            Err(error) => checking.found(Repair::Backup, format!("the rest cannot be read: {error:?}")),
        }
        checked.rows = checked.rows.saturating_add(checking.rows);
        checked.damaged = checked.damaged.saturating_add(checking.found);
        checked.damages.extend(checking.findings.into_iter().map(|finding| Damage {
            slug: slug.to_owned(),
            what: finding.what,
            can_be_rebuilt: finding.repair == Repair::Rebuild,
        }));
        Ok(())
    }
}

fn model(kind: Kind) -> &'static Model {
    definition(kind).model
}
