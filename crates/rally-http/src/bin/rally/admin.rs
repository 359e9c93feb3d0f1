use std::{
    io::{self, Write},
    sync::Once,
};

use rally_core::{
    ApiKey, ApiKeyDraft, AuditEntry, Collection, Config, Engine, Environment, Error, NewApiKey, Patch,
    Profile, Query, Scope, Scopes, Session, TenantDraft, TenantHandle, TenantUpdate, Timestamp,
    schema::Resource,
};

use crate::{
    arguments::{CommandArguments, KeysCommand, SettingsArguments, StoreArguments, TenantsCommand},
    failure::Failure,
    store::{Location, Need, Progress},
    table::{Cell, Form, Table},
    tenant_files,
};

pub(crate) fn keys(command: &KeysCommand) -> Result<(), Failure> {
    match command {
        KeysCommand::Create { on, tenant, name, scopes, expires } => {
            let mut draft = ApiKeyDraft::new(name).scopes(*scopes);
            if let Some(end) = expires {
                draft = draft.expires_at(*end);
            }
            let engine = open(&on.store, Need::Existing)?;
            let minted = session(&engine, tenant, "rally keys create")?.api_keys().mint(&draft)?;
            print_minted(&minted, on.form())
        }
        KeysCommand::List { on, tenant } => {
            let engine = open(&on.store, Need::Existing)?;
            let (session, now) = (session(&engine, tenant, "rally keys list")?, engine.clock().now());
            let table = Table::begin(on.form(), KEY_COLUMNS)?;
            each(session.api_keys(), |key| table.row(key_row(key, now)))
        }
        KeysCommand::Revoke { on, tenant, id } => {
            let engine = open(&on.store, Need::Existing)?;
            let revoked = session(&engine, tenant, "rally keys revoke")?.api_keys().revoke(*id)?;
            Table::begin(on.form(), KEY_COLUMNS)?.row(key_row(&revoked, engine.clock().now()))
        }
    }
}

/// Prints the key alone for a person or a shell's variable.
fn print_minted(minted: &NewApiKey, form: Form) -> Result<(), Failure> {
    if form == Form::Text {
        return print(&format!("{}\n", minted.key));
    }
    let columns = ["id", "keyPrefix", "name", "scopes", "expiresAt", "key"];
    let ApiKey { id, key_prefix, name, scopes, expires_at, .. } = &minted.model;
    Table::begin(form, columns)?.row([
        Cell::of(id),
        Cell::of(key_prefix),
        Cell::of(name),
        Cell::of(scopes),
        Cell::or(*expires_at, ""),
        Cell::of(&minted.key),
    ])
}

const KEY_COLUMNS: [&str; 7] = ["id", "keyPrefix", "name", "scopes", "state", "expiresAt", "lastUsedAt"];

fn key_row(key: &ApiKey, now: Timestamp) -> [Cell; 7] {
    let state = match key.expires_at {
        _ if !key.is_active => "revoked",
        Some(end) if end <= now => "expired",
        _ => "active",
    };
    [
        Cell::of(key.id),
        Cell::of(&key.key_prefix),
        Cell::of(&key.name),
        Cell::of(key.scopes),
        Cell::of(state),
        Cell::or(key.expires_at, "never"),
        Cell::or(key.last_used_at, "never"),
    ]
}

/// Does something with each record of a list.
fn each<R: Resource>(
    records: Collection<'_, R>,
    work: impl Fn(&R) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut offset = 0;
    loop {
        let page = records.list(Query::all().offset(offset))?;
        for record in &page.records {
            work(record)?;
            offset += 1;
        }
        if !page.has_more {
            return Ok(());
        }
    }
}

pub(crate) fn rotate_secret(store: &StoreArguments, now: bool) -> Result<(), Failure> {
    let engine = open(store, Need::Existing)?;
    let secret = if now { engine.replace_signing_secrets()? } else { engine.rotate_signing_secret()? };
    print(&format!("{}\n", secret.id()))
}

pub(crate) fn audit(on: &CommandArguments, tenant: &str) -> Result<(), Failure> {
    let engine = open(&on.store, Need::Existing)?;
    let session = session(&engine, tenant, "rally audit")?;
    let columns = ["createdAt", "actor", "source", "action", "targetId", "detail", "count"];
    let table = Table::begin(on.form(), columns)?;
    each(session.audit(), |entry: &AuditEntry| {
        table.row([
            Cell::of(entry.created_at),
            Cell::of(&entry.actor),
            Cell::or(entry.source.as_ref(), "-"),
            Cell::of(&entry.action),
            Cell::or(entry.target_id, "-"),
            Cell::or(entry.detail.as_ref(), "-"),
            Cell::number(entry.count, "-"),
        ])
    })
}

pub(crate) fn tenants(command: &TenantsCommand) -> Result<(), Failure> {
    match command {
        TenantsCommand::List { on } => {
            let tenants = open(&on.store, Need::Existing)?.tenants()?;
            let table = Table::begin(on.form(), ["slug", "id"])?;
            tenants.iter().try_for_each(|tenant| table.row([Cell::of(&tenant.slug), Cell::of(tenant.id)]))
        }
        TenantsCommand::Create { on, slug } => {
            let tenant = open(&on.store, Need::Answering)?.create_tenant(&TenantDraft::new(slug))?;
            let key = mint_admin_key(&tenant)?;
            let row = [Cell::of(&tenant.slug), Cell::of(tenant.id), Cell::of(key)];
            Table::begin(on.form(), ["slug", "id", "apiKey"])?.row(row)
        }
        TenantsCommand::Export(arguments) => tenant_files::export(arguments),
        TenantsCommand::Import(arguments) => tenant_files::import(arguments),
        TenantsCommand::Set { on, slug, settings } => {
            set_tenant(&open(&on.store, Need::Existing)?, slug, settings, on.form())
        }
    }
}

fn set_tenant(engine: &Engine, slug: &str, settings: &SettingsArguments, form: Form) -> Result<(), Failure> {
    let rate_limit = settings.rate_limit.clone().unwrap_or(Patch::Keep);
    let profile = settings.profile.clone().unwrap_or(Patch::Keep);
    let update = TenantUpdate::new().rate_limit_per_minute(rate_limit).profile(profile);
    let tenant = tenant(engine, slug)?.update("rally tenants set", &update)?;
    Table::begin(form, ["slug", "id", "rateLimitPerMinute", "profile"])?.row([
        Cell::of(&tenant.slug),
        Cell::of(tenant.id),
        Cell::number(tenant.rate_limit_per_minute, "default"),
        Cell::or(tenant.profile.map(Profile::as_str), "default"),
    ])
}

/// Makes the first key of a tenant.
pub(crate) fn mint_admin_key(tenant: &TenantHandle) -> Result<String, Error> {
    let draft = ApiKeyDraft::new("admin").scopes(Scopes::from(Scope::Admin));
    Ok(tenant.trusted_session("rally")?.api_keys().mint(&draft)?.key)
}

/// Opens a store that outlives the command.
pub(crate) fn open(arguments: &StoreArguments, need: Need) -> Result<Engine, Failure> {
    match &arguments.store {
        Location::Memory => Err(Failure::new(
            "a store in memory is gone when this command ends; name one that stays with --store redb:PATH or \
             --store postgres://URL",
        )),
        _ => {
            let opened = arguments.open(need, recovery_told_once())?;
            Ok(Engine::with(opened.store, Environment::system(), Config::default()))
        }
    }
}

/// Tells the person at the terminal what the command waits for.
pub(crate) fn recovery_told_once() -> Progress {
    let told = Once::new();
    Box::new(move |_| {
        // Not worth a failure when there is nobody to tell.
        told.call_once(|| {
            drop(writeln!(
                io::stderr(),
                "rally: the file is being recovered after a crash, converted or checked"
            ));
        });
    })
}

/// A session of a tenant that the operator has named.
pub(crate) fn session(engine: &Engine, slug: &str, name: &str) -> Result<Session, Failure> {
    Ok(tenant(engine, slug)?.trusted_session(name)?)
}

/// The tenant that the operator has named.
fn tenant(engine: &Engine, slug: &str) -> Result<TenantHandle, Failure> {
    engine.tenant(slug).map_err(|error| explain(error, engine, slug))
}

/// Lists the tenants in the failure, if the named one is not among them.
pub(crate) fn explain(error: Error, engine: &Engine, slug: &str) -> Failure {
    if error.is_not_found() { unknown_tenant(engine, slug) } else { error.into() }
}

fn unknown_tenant(engine: &Engine, slug: &str) -> Failure {
    let known = match engine.tenants() {
        Ok(known) => known,
        Err(error) => return error.into(),
    };
    let names: Vec<&str> = known.iter().map(|tenant| tenant.slug.as_str()).collect();
    Failure::new(if names.is_empty() {
        format!("there is no tenant {slug:?}; create it with `rally tenants create {slug}`")
    } else {
        format!("there is no tenant {slug:?}; there are {}", names.join(", "))
    })
}

/// Prints the result of a command.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout();
    let printed = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    printed.map_err(|error| Failure::new(format!("cannot write to standard output: {error}")))
}
