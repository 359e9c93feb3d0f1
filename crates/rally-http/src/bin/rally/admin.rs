use std::io::{self, Write};

use rally_core::{
    ApiKey, ApiKeyDraft, Config, Engine, Environment, Error, ListQuery, Session, Tenant, TenantChange,
    TenantDraft, Timestamp,
};

use crate::{
    arguments::{KeysCommand, SettingsArguments, StoreArguments, TenantsCommand},
    failure::Failure,
    store::Location,
};

pub(crate) fn keys(command: &KeysCommand) -> Result<(), Failure> {
    match command {
        KeysCommand::Create { store, tenant, name, scopes } => {
            let draft = ApiKeyDraft { name: name.clone(), scopes: Some(scopes.clone()), expires_at: None };
            let made = session(&open(store)?, tenant, "rally keys create")?.api_keys().mint(&draft)?;
            print(&format!("{}\n", made.key))
        }
        KeysCommand::List { store, tenant } => {
            let engine = open(store)?;
            list_keys(&session(&engine, tenant, "rally keys list")?)
        }
        KeysCommand::Revoke { store, tenant, id } => {
            let engine = open(store)?;
            let revoked = session(&engine, tenant, "rally keys revoke")?.api_keys().revoke(*id)?;
            print(&key_line(&revoked, engine.clock().now()))
        }
    }
}

fn list_keys(session: &Session) -> Result<(), Failure> {
    let now = session.engine().clock().now();
    let mut offset = 0;
    loop {
        let page = session.api_keys().list(&ListQuery { offset, ..ListQuery::default() })?;
        for row in &page.rows {
            print(&key_line(&row.read()?, now))?;
            offset += 1;
        }
        if !page.has_more {
            return Ok(());
        }
    }
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
            let tenants = open(store)?.tenants()?;
            let lines: Vec<String> =
                tenants.iter().map(|tenant| format!("{}\t{}\n", tenant.slug, tenant.id)).collect();
            print(&lines.concat())
        }
        TenantsCommand::Create { store, slug } => {
            let (tenant, key) = create_tenant(&open(store)?, slug)?;
            print(&format!("{}\t{}\n{key}\n", tenant.slug, tenant.id))
        }
        TenantsCommand::Set { store, slug, settings } => set_tenant(&open(store)?, slug, settings),
    }
}

fn set_tenant(engine: &Engine, slug: &str, settings: &SettingsArguments) -> Result<(), Failure> {
    let change = TenantChange {
        rate_limit_per_minute: settings.rate_limit.clone().unwrap_or_default(),
        profile: settings.profile.clone().unwrap_or_default(),
    };
    let tenant = engine.change_tenant(slug, &change).map_err(|error| explain(error, engine, slug))?;
    let rate_limit =
        tenant.rate_limit_per_minute.map_or_else(|| "default".to_owned(), |limit| limit.to_string());
    let profile = tenant.profile.as_deref().unwrap_or("default");
    print(&format!("{}\t{}\t{rate_limit}\t{profile}\n", tenant.slug, tenant.id))
}

/// Adds a tenant and makes its admin key.
pub(crate) fn create_tenant(engine: &Engine, slug: &str) -> Result<(Tenant, String), Failure> {
    let tenant = engine.create_tenant(&TenantDraft { slug: slug.to_owned(), ..TenantDraft::default() })?;
    let draft = ApiKeyDraft { name: "admin".to_owned(), scopes: Some("admin".to_owned()), expires_at: None };
    let made = engine.trusted_session(slug, "rally")?.api_keys().mint(&draft)?;
    Ok((tenant, made.key))
}

/// Opens a store that outlives the command.
fn open(arguments: &StoreArguments) -> Result<Engine, Failure> {
    match &arguments.store {
        Location::Memory => Err(Failure::new(
            "a store in memory is gone when this command ends; name a file with --store redb:PATH",
        )),
        location @ Location::Redb(_) => {
            Ok(Engine::with(location.open()?, Environment::system(), Config::default()))
        }
    }
}

/// A session of a tenant that the operator has named.
fn session(engine: &Engine, tenant: &str, name: &str) -> Result<Session, Failure> {
    engine.trusted_session(tenant, name).map_err(|error| explain(error, engine, tenant))
}

/// Says which tenants there are, when the one that was named is not among them.
fn explain(error: Error, engine: &Engine, slug: &str) -> Failure {
    if error.is_not_found() { unknown_tenant(engine, slug) } else { error.into() }
}

fn unknown_tenant(engine: &Engine, slug: &str) -> Failure {
    let known = engine.tenants().unwrap_or_default();
    let names: Vec<&str> = known.iter().map(|tenant| tenant.slug.as_str()).collect();
    Failure::new(if names.is_empty() {
        format!("there is no tenant {slug:?}; create it with `rally tenants create {slug}`")
    } else {
        format!("there is no tenant {slug:?}; there are {}", names.join(", "))
    })
}

/// Prints what the command was asked for.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout();
    let printed = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    printed.map_err(|error| Failure::new(format!("cannot write to standard output: {error}")))
}
