use std::{collections::HashSet, net::SocketAddr};

use rally_core::{Config, Engine, Environment, Profile};
use serde::Serialize;
use tokio::{net::TcpListener, runtime::Runtime};
use tracing_subscriber::EnvFilter;

use crate::{
    admin,
    arguments::{CommonArguments, FakeArguments, ServeArguments},
    failure::Failure,
    store::Location,
};

pub(crate) fn serve(arguments: &ServeArguments) -> Result<(), Failure> {
    let config = Config { requests_per_minute: arguments.common.rate_limit, ..Config::default() };
    start(&arguments.store.store, arguments.listen, config, &arguments.common)
}

pub(crate) fn fake(arguments: &FakeArguments) -> Result<(), Failure> {
    if !arguments.listen.ip().is_loopback() {
        return Err(Failure::new(format!(
            "a fake listens on this machine only, and {} is not an address of it; use 127.0.0.1",
            arguments.listen.ip()
        )));
    }
    let config = Config {
        requests_per_minute: arguments.common.rate_limit,
        profile: Profile::Strict,
        test_keys: true,
    };
    start(&Location::Memory, arguments.listen, config, &arguments.common)
}

fn start(
    location: &Location,
    listen: SocketAddr,
    config: Config,
    common: &CommonArguments,
) -> Result<(), Failure> {
    log_to_stderr(common.json);
    let engine = Engine::with(location.open()?, Environment::system(), config);
    let runtime = Runtime::new().map_err(|error| Failure::new(format!("cannot start threads: {error}")))?;
    runtime.block_on(async {
        let bound = TcpListener::bind(listen).await;
        let listener = bound.map_err(|error| {
            Failure::new(format!("cannot listen on {listen}: {error}; choose another with --listen"))
        })?;
        let address = listener.local_addr().map_err(|error| Failure::new(error.to_string()))?;
        let tenants = ensure_tenants(&engine, &common.tenants)?;
        announce(&Ready { url: format!("http://{address}"), tenants }, common.json)?;
        let mut http = rally_http::Config::default();
        http.host_suffixes.clone_from(&common.host_suffixes);
        http.work_on = location.work_on();
        if config.test_keys && config.requests_per_minute == 0 {
            http.failed_credentials_per_minute = 0;
        }
        let served = rally_http::serve(listener, engine, http, stop_signal()).await;
        served.map_err(|error| Failure::new(format!("the server has stopped: {error}")))
    })
}

/// What a program that starts this one wants to know.
#[derive(Serialize)]
struct Ready {
    url: String,
    tenants: Vec<ReadyTenant>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReadyTenant {
    slug: String,
    id: rally_core::TenantId,
    /// Known only when the tenant was created just now.
    api_key: Option<String>,
}

/// Creates the tenants that are missing; without any named, `demo` in an empty store.
fn ensure_tenants(engine: &Engine, named: &[String]) -> Result<Vec<ReadyTenant>, Failure> {
    let existing = engine.tenants()?;
    let mut wanted: Vec<String> = named.to_vec();
    if wanted.is_empty() {
        wanted = existing.iter().map(|tenant| tenant.slug.clone()).collect();
    }
    if wanted.is_empty() {
        wanted = vec!["demo".to_owned()];
    }
    let mut seen = HashSet::new();
    wanted.retain(|slug| seen.insert(slug.clone()));
    let ready = |slug: &String| match existing.iter().find(|tenant| tenant.slug == *slug) {
        Some(tenant) => Ok(ReadyTenant { slug: slug.clone(), id: tenant.id, api_key: None }),
        None => {
            let (tenant, key) = admin::create_tenant(engine, slug)
                .map_err(|failure| Failure::new(format!("cannot create the tenant {slug:?}: {failure}")))?;
            Ok(ReadyTenant { slug: tenant.slug, id: tenant.id, api_key: Some(key) })
        }
    };
    wanted.iter().map(ready).collect()
}

fn announce(ready: &Ready, json: bool) -> Result<(), Failure> {
    if json {
        let line = serde_json::to_string(ready).map_err(|error| Failure::new(error.to_string()))?;
        return admin::print(&format!("{line}\n"));
    }
    let mut text = format!("Rally is ready at {}\n", ready.url);
    for tenant in &ready.tenants {
        text += &match &tenant.api_key {
            Some(key) => format!("tenant {} is new; its admin key, shown only now: {key}\n", tenant.slug),
            None => format!("tenant {}\n", tenant.slug),
        };
    }
    admin::print(&text)
}

fn log_to_stderr(json: bool) {
    let filter = EnvFilter::try_from_env("RALLY_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false);
    if json { log.json().init() } else { log.init() }
}

/// Ends when the process is asked to stop.
async fn stop_signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
