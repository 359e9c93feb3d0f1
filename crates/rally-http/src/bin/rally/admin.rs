use std::{
    io::{self, Write},
    sync::Once,
};

use rally_core::{
    ApiKey, ApiKeyDraft, AuditEntry, Collection, Config, Engine, Environment, Error, Patch, Profile, Query,
    Scope, Scopes, Session, TenantDraft, TenantHandle, TenantUpdate, Timestamp, schema::Resource,
};

use crate::{
    arguments::{KeysCommand, SettingsArguments, StoreArguments, TenantsCommand},
    failure::Failure,
    store::{Location, Need, Progress},
};

pub(crate) fn keys(command: &KeysCommand) -> Result<(), Failure> {
    match command {
        KeysCommand::Create { store, tenant, name, scopes } => {
            let draft = ApiKeyDraft::new(name).scopes(*scopes);
            let made = session(&open(store, Need::Existing)?, tenant, "rally keys create")?
                .api_keys()
                .mint(&draft)?;
            print(&format!("{}\n", made.key))
        }
        KeysCommand::List { store, tenant } => {
            let engine = open(store, Need::Existing)?;
            list_keys(&session(&engine, tenant, "rally keys list")?)
        }
        KeysCommand::Revoke { store, tenant, id } => {
            let engine = open(store, Need::Existing)?;
            let revoked = session(&engine, tenant, "rally keys revoke")?.api_keys().revoke(*id)?;
            print(&key_line(&revoked, engine.clock().now()))
        }
    }
}

fn list_keys(session: &Session) -> Result<(), Failure> {
    let now = session.engine().clock().now();
    print_all(session.api_keys(), |key| key_line(key, now))
}

/// Prints a line for each record of a list.
fn print_all<R: Resource>(records: Collection<'_, R>, line: impl Fn(&R) -> String) -> Result<(), Failure> {
    let mut offset = 0;
    loop {
        let page = records.list(Query::all().offset(offset))?;
        for record in &page.records {
            print(&line(record))?;
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

pub(crate) fn audit(store: &StoreArguments, tenant: &str) -> Result<(), Failure> {
    let engine = open(store, Need::Existing)?;
    print_all(session(&engine, tenant, "rally audit")?.audit(), audit_line)
}

fn audit_line(entry: &AuditEntry) -> String {
    let target = entry.target_id.map_or_else(|| "-".to_owned(), |id| id.to_string());
    let (source, detail) = (entry.source.as_deref().unwrap_or("-"), entry.detail.as_deref().unwrap_or("-"));
    // Typed text may hold anything, and a line must stay one line.
    let plain = |text: &str| text.replace(char::is_control, " ");
    let (actor, detail) = (plain(&entry.actor), plain(detail));
    format!("{}\t{actor}\t{source}\t{}\t{target}\t{detail}\n", entry.created_at, entry.action)
}

fn key_line(key: &ApiKey, now: Timestamp) -> String {
    let state = match key.expires_at {
        _ if !key.is_active => "revoked",
        Some(end) if end <= now => "expired",
        _ => "active",
    };
    let last_used = key.last_used_at.map_or_else(|| "never".to_owned(), |instant| instant.to_string());
    // A name may be anything, and a line must stay one.
    let name = key.name.replace(char::is_control, " ");
    format!("{}\t{}\t{name}\t{}\t{state}\t{last_used}\n", key.id, key.key_prefix, key.scopes)
}

pub(crate) fn tenants(command: &TenantsCommand) -> Result<(), Failure> {
    match command {
        TenantsCommand::List { store } => {
            let tenants = open(store, Need::Existing)?.tenants()?;
            let lines: Vec<String> =
                tenants.iter().map(|tenant| format!("{}\t{}\n", tenant.slug, tenant.id)).collect();
            print(&lines.concat())
        }
        TenantsCommand::Create { store, slug } => {
            let tenant = open(store, Need::Answering)?.create_tenant(&TenantDraft::new(slug))?;
            let key = mint_admin_key(&tenant)?;
            print(&format!("{}\t{}\n{key}\n", tenant.slug, tenant.id))
        }
        TenantsCommand::Set { store, slug, settings } => {
            set_tenant(&open(store, Need::Existing)?, slug, settings)
        }
    }
}

fn set_tenant(engine: &Engine, slug: &str, settings: &SettingsArguments) -> Result<(), Failure> {
    let rate_limit = settings.rate_limit.clone().unwrap_or(Patch::Keep);
    let profile = settings.profile.clone().unwrap_or(Patch::Keep);
    let update = TenantUpdate::new().rate_limit_per_minute(rate_limit).profile(profile);
    let tenant = tenant(engine, slug)?.update(&update)?;
    let rate_limit =
        tenant.rate_limit_per_minute.map_or_else(|| "default".to_owned(), |limit| limit.to_string());
    let profile = tenant.profile.map_or("default", Profile::as_str);
    print(&format!("{}\t{}\t{rate_limit}\t{profile}\n", tenant.slug, tenant.id))
}

/// Makes the first key of a tenant.
pub(crate) fn mint_admin_key(tenant: &TenantHandle) -> Result<String, Error> {
    let draft = ApiKeyDraft::new("admin").scopes(Scopes::from(Scope::Admin));
    Ok(tenant.trusted_session("rally")?.api_keys().mint(&draft)?.key)
}

/// Opens a store that outlives the command.
fn open(arguments: &StoreArguments, need: Need) -> Result<Engine, Failure> {
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
fn recovery_told_once() -> Progress {
    let told = Once::new();
    Box::new(move |_| {
        // Not worth a failure when there is nobody to tell.
        told.call_once(|| {
            drop(writeln!(io::stderr(), "rally: the file is being recovered after a crash or checked"));
        });
    })
}

/// A session of a tenant that the operator has named.
fn session(engine: &Engine, slug: &str, name: &str) -> Result<Session, Failure> {
    Ok(tenant(engine, slug)?.trusted_session(name)?)
}

/// The tenant that the operator has named.
fn tenant(engine: &Engine, slug: &str) -> Result<TenantHandle, Failure> {
    engine.tenant(slug).map_err(|error| explain(error, engine, slug))
}

/// Lists the tenants in the failure, if the named one is not among them.
fn explain(error: Error, engine: &Engine, slug: &str) -> Failure {
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
