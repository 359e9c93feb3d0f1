//! Settings that a tenant chooses for itself. They are a part of the tenant's record in the directory of all tenants.

use std::sync::LazyLock;

use super::{
    audit, define,
    tenants::{self, DEFAULT_CURRENCY, NAME, PROFILE, RATE_LIMIT},
};
use crate::{
    base::{Currency, Error, Id, Kind, Profile, Scope, TimeZone, limits},
    engine::{
        codec::Slot,
        schema::{Body, Model, Resource, Row, Rule, quote, stored},
        session::{Collection, Session, Verbs, WriteOptions, resource},
        write::{Definition, Editable, Rules, Update, WriteOutcome, Written},
    },
};

const SHORT: Rule = Rule::Text { characters: limits::SHORT_TEXT };

static MODEL: LazyLock<Model> =
    LazyLock::new(|| Model::new(Kind::Tenant, &[Settings::members(), tenants::besides_settings()].concat()));

resource! {
    /// Settings that a tenant chooses for itself.
    pub struct Settings;
    update {
        /// Updates [`Settings`]. A cleared setting falls back to its default.
        pub struct SettingsUpdate;
    }

    members {
        /// Name of the tenant; its slug unless it is set.
        defaulted name: String = stored(NAME, "name", SHORT).always();
        /// Time zone; UTC unless it is set.
        defaulted timezone: TimeZone = stored(Slot::new(4), "timezone", Rule::TimeZone).default(tenants::TIME_ZONE);
        /// Currency of deals that are created without one; USD unless it is set.
        defaulted default_currency: Currency =
            stored(DEFAULT_CURRENCY, "defaultCurrency", Rule::Currency).default(tenants::CURRENCY);
        /// Requests a minute, 0 for no limit; the engine's unless they are set.
        defaulted rate_limit_per_minute: u32 =
            stored(RATE_LIMIT, "rateLimitPerMinute", tenants::RATE).always();
        /// Strictness of reading requests; the engine's unless it is set.
        defaulted profile: Profile = stored(PROFILE, "profile", Rule::Choice(Profile::SET)).always();
    }
}

impl Session {
    /// The tenant's settings.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// let update = SettingsUpdate::new().timezone("Europe/Berlin".parse::<TimeZone>()?);
    /// acme.change_settings(&update)?;
    /// assert_eq!(acme.settings()?.timezone.as_str(), "Europe/Berlin");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Forbidden`](crate::Code::Forbidden) without the scope admin.
    pub fn settings(&self) -> Result<Settings, Error> {
        self.settings_row()?.read()
    }

    /// [`settings`](Self::settings) in their stored form, for adapters.
    ///
    /// # Errors
    /// Those of `settings`.
    pub fn settings_row(&self) -> Result<Row<Settings>, Error> {
        self.require(Settings::READ)?;
        let directory = self.engine().directory();
        let id = Id::from_uuid(self.tenant().id.as_uuid());
        self.completed(&Collection::<Settings>::new(&directory).json().get(id)?)
    }

    /// Changes the tenant's settings. Sessions that are open keep the settings that they were opened with; sessions
    /// that are opened from now on have the new ones, on other servers of the store within a second.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// let settings = acme.change_settings(&SettingsUpdate::new().name("Acme Ltd").default_currency(Currency::EUR))?;
    /// assert_eq!((settings.name.as_str(), settings.default_currency), ("Acme Ltd", Currency::EUR));
    /// let settings = acme.change_settings(&SettingsUpdate::new().name(None::<String>))?;
    /// assert_eq!(settings.name, "acme", "the default is the slug");
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Forbidden`](crate::Code::Forbidden) without the scope admin, and
    /// [`Code::Validation`](crate::Code::Validation).
    pub fn change_settings(&self, update: &impl Update<Settings>) -> Result<Settings, Error> {
        Ok(self.change_settings_with(update, &WriteOptions::default())?.record)
    }

    /// [`change_settings`](Self::change_settings) with options. The version is that of
    /// [`settings_row`](Self::settings_row).
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// let once = WriteOptions::default().once(IdempotencyKey::new("rename", &[])?);
    /// let update = SettingsUpdate::new().name("Acme Ltd");
    /// assert!(!acme.change_settings_with(&update, &once)?.replayed);
    /// assert!(acme.change_settings_with(&update, &once)?.replayed);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of `change_settings`, and those of the options.
    pub fn change_settings_with(
        &self,
        update: &impl Update<Settings>,
        options: &WriteOptions,
    ) -> Result<Written<Settings>, Error> {
        let body = |verbs: &Verbs<'_, Settings>| verbs.body(update.given());
        self.change(body, options)?.typed_after_commit()
    }

    /// [`change_settings`](Self::change_settings) by a JSON object, for adapters.
    ///
    /// # Errors
    /// Those of `change_settings`, [`Code::MalformedJson`](crate::Code::MalformedJson), and those of the options.
    pub fn change_settings_json(
        &self,
        json: &[u8],
        options: &WriteOptions,
    ) -> Result<Written<Row<Settings>>, Error> {
        self.change(|verbs| verbs.body_of_json(json, "the body"), options)
    }

    fn change<'b>(
        &self,
        body: impl FnOnce(&Verbs<'_, Settings>) -> Result<Body<'b>, Error>,
        options: &WriteOptions,
    ) -> Result<Written<Row<Settings>>, Error> {
        self.require(Settings::WRITE)?;
        let tenant = self.tenant();
        let directory = self.engine().directory().with_profile(tenant.profile);
        let verbs = Verbs::<Settings>::new(&directory);
        let body = body(&verbs)?;
        // All tenants share the directory, and each chooses its idempotency keys for itself.
        let options = options.within(tenant.id);
        let written = verbs.update(Id::from_uuid(tenant.id.as_uuid()), &body, &options);
        // It may be unknown whether they were changed.
        self.engine().forget_tenant(tenant.id);
        let written = written?;
        if written.outcome == WriteOutcome::Updated && !written.replayed {
            // The settings have changed even if this fails.
            audit::note_settings(self, &named(&body)).map_err(Error::with_unknown_outcome)?;
        }
        Ok(Written { record: self.completed(&written.record)?, ..written })
    }

    /// Settings with defaults for those that are not set.
    fn completed(&self, row: &Row<Settings>) -> Result<Row<Settings>, Error> {
        let config = self.engine().config();
        row.completed(&[
            (NAME, quote(&self.tenant().slug)),
            (RATE_LIMIT, config.requests_per_minute.to_string()),
            (PROFILE, quote(config.profile.as_str())),
        ])
    }
}

/// The settings that a body names.
fn named(body: &Body<'_>) -> Vec<&'static str> {
    let model: &'static Model = &MODEL;
    model.stored().filter(|(slot, _)| body.mentions(*slot)).map(|(_, member)| member.name).collect()
}

impl Resource for Settings {
    const KIND: Kind = Kind::Tenant;
    const PART: &'static str = "settings";
    const READ: Scope = Scope::Admin;

    fn model() -> &'static Model {
        &MODEL
    }

    fn read(row: &Row<Self>) -> Result<Self, Error> {
        Self::read_row(row)
    }
}

impl Editable for Settings {
    const WRITE: Scope = Scope::Admin;
    type Update = SettingsUpdate;

    fn definition() -> Definition {
        define(&MODEL, &Rules::NONE)
    }
}
