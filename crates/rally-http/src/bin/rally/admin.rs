use std::io::{self, Write};

use rally_core::{ApiKeyDraft, Config, Engine, Environment, Error, Tenant, TenantDraft};

use crate::{
    arguments::{KeysCommand, StoreArguments, TenantsCommand},
    failure::Failure,
    store::{Location, WhenAway},
};

pub(crate) fn keys(command: &KeysCommand) -> Result<(), Failure> {
    let KeysCommand::Create { store, tenant, name, scopes } = command;
    let engine = open(store)?;
    let draft = ApiKeyDraft { name: name.clone(), scopes: Some(scopes.clone()), expires_at: None };
    let session = engine
        .trusted_session(tenant, "rally keys create")
        .map_err(|error| if error.is_not_found() { unknown_tenant(&engine, tenant) } else { error.into() })?;
    let made = session.api_keys().mint(&draft)?;
    print(&format!("{}\n", made.key))
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
    }
}

/// Adds a tenant and makes its admin key.
fn create_tenant(engine: &Engine, slug: &str) -> Result<(Tenant, String), Failure> {
    let tenant = engine.create_tenant(&TenantDraft { slug: slug.to_owned(), ..TenantDraft::default() })?;
    let key = mint_admin_key(engine, slug)?;
    Ok((tenant, key))
}

/// Makes the first key of a tenant.
pub(crate) fn mint_admin_key(engine: &Engine, slug: &str) -> Result<String, Error> {
    let draft = ApiKeyDraft { name: "admin".to_owned(), scopes: Some("admin".to_owned()), expires_at: None };
    Ok(engine.trusted_session(slug, "rally")?.api_keys().mint(&draft)?.key)
}

/// Opens a store that outlives the command.
fn open(arguments: &StoreArguments) -> Result<Engine, Failure> {
    match &arguments.store {
        Location::Memory => Err(Failure::new(
            "a store in memory is gone when this command ends; name one that stays with --store redb:PATH or \
             --store postgres://URL",
        )),
        location => {
            let store = location.open(arguments.store_connections, WhenAway::Fail)?;
            Ok(Engine::with(store, Environment::system(), Config::default()))
        }
    }
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
