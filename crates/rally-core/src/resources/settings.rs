//! What a tenant chooses for itself. It is a part of the tenant's record in the directory of all tenants.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::{
    audit,
    tenants::{self, NAME, PROFILE, RATE_LIMIT},
};
use crate::{
    base::{Error, Id, Kind, Patch, Scope},
    engine::{
        Change, Collection, Editable, Link, Member, Model, Outcome, Profile, Resource, Row, Session,
        WriteOptions, Written, quote,
    },
};

static MODEL: LazyLock<Model> = LazyLock::new(|| Model::new(&tenants::settings()));

/// What a tenant chooses for itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Settings {
    /// What the tenant is called; its slug if it has not said.
    pub name: String,
    /// The time zone that it lives in (IANA).
    pub timezone: String,
    /// The currency of deals that are created without one (ISO 4217).
    pub default_currency: String,
    /// Requests a minute; 0 for no limit.
    pub rate_limit_per_minute: u32,
    /// How strictly its requests are read: `documented` or `strict`.
    pub profile: String,
}

/// What updates [`Settings`]; each member stays, goes back to what it is by itself, or is set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "each member is that of `Settings`")]
pub struct SettingsChange {
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub name: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub timezone: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub default_currency: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub rate_limit_per_minute: Patch<u32>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub profile: Patch<String>,
}

impl Session {
    /// The tenant's settings.
    ///
    /// # Errors
    /// [`Code::Forbidden`](crate::Code::Forbidden) without the scope admin.
    pub fn settings(&self) -> Result<Row<Settings>, Error> {
        self.require(Settings::READ)?;
        let directory = self.engine().directory();
        let row = Collection::<Settings>::new(&directory).get(Id::from_uuid(self.tenant().id.as_uuid()))?;
        self.completed(&row)
    }

    /// Changes the tenant's settings. Sessions go by those that there were when they were opened; sessions that are opened
    /// from now on go by the new ones, on other servers of the store within a second.
    ///
    /// # Errors
    /// [`Code::Forbidden`](crate::Code::Forbidden) without the scope admin, [`Code::Validation`](crate::Code::Validation),
    /// and those of the options.
    pub fn change_settings(
        &self,
        change: &impl Change<Settings>,
        options: &WriteOptions,
    ) -> Result<Written<Settings>, Error> {
        self.require(Settings::WRITE)?;
        let tenant = self.tenant();
        let directory = self.engine().directory().with_profile(tenant.profile);
        // All tenants share the directory, and each chooses its keys for itself.
        let options = options.within(tenant.id);
        let settings = Collection::<Settings>::new(&directory);
        let written = settings.update_with(Id::from_uuid(tenant.id.as_uuid()), change, &options);
        // Whether it was changed or not may be unknown.
        self.engine().forget_tenant(tenant.id);
        let written = written?;
        if written.outcome == Outcome::Updated && !written.replayed {
            // The settings have changed, whatever becomes of this.
            audit::note_settings(self, &named(change)).map_err(Error::with_unknown_outcome)?;
        }
        Ok(Written { row: self.completed(&written.row)?, ..written })
    }

    /// Settings with what holds where none are given.
    fn completed(&self, row: &Row<Settings>) -> Result<Row<Settings>, Error> {
        let config = self.engine().config();
        let profile = if config.profile == Profile::Strict { "strict" } else { "documented" };
        row.completed(&[
            (NAME, quote(&self.tenant().slug)),
            (RATE_LIMIT, config.requests_per_minute.to_string()),
            (PROFILE, quote(profile)),
        ])
    }
}

/// The settings that a change names.
fn named(change: &impl Change<Settings>) -> Vec<&'static str> {
    let given: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(&change.to_json()).unwrap_or_default();
    let is_named = |member: &&Member| member.access.is_written() && given.contains_key(member.name);
    Settings::model().members().iter().filter(is_named).map(|member| member.name).collect()
}

impl Resource for Settings {
    const KIND: Kind = Kind::Tenant;
    const PART: &'static str = "settings";
    const READ: Scope = Scope::Admin;

    fn model() -> &'static Model {
        &MODEL
    }

    fn links() -> Vec<Link> {
        Vec::new()
    }
}

impl Editable for Settings {
    const WRITE: Scope = Scope::Admin;
    type Change = SettingsChange;
}

impl Change<Settings> for SettingsChange {}
