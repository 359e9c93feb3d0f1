use std::fs;

use rally_core::{CourierLimits, Timestamp};
use rally_http::{
    ServeOptions,
    testing::{FakeOptions, FakeTenant, FakeTenants, StartClock, TenantSetup},
};
use tracing_subscriber::filter::LevelFilter;

use crate::{
    announce::Announcer,
    arguments::FakeArguments,
    failure::Failure,
    serve,
    signals::{Signals, StandardInput},
    store::Place,
    tenants::ReadyTenant,
};

/// The instant at which the clocks of a fake with a seed stand still, unless another is given: 2025-01-01.
const SEEDED_CLOCK_MICROS: i64 = 1_735_689_600_000_000;

pub(crate) fn run(arguments: &FakeArguments) -> Result<(), Failure> {
    if !arguments.listen.are_of_this_machine() && !arguments.allow_remote {
        return Err(Failure::new(format!(
            "a fake listens on this machine only, and {} is not an address of it; use 127.0.0.1, or say --allow-remote",
            arguments.listen
        )));
    }
    // A test reads what it has asked for, and a line for each request is in its way.
    serve::run(async || serve(arguments).await, &arguments.common, LevelFilter::WARN)
}

async fn serve(arguments: &FakeArguments) -> Result<(), Failure> {
    let common = &arguments.common;
    let input = if arguments.exit_with_stdin { StandardInput::Watched } else { StandardInput::Ignored };
    let signals = Signals::take(input)?;
    let listener = arguments.listen.bind().await?;
    if let Err(error) = rally_http::raise_descriptor_limit() {
        tracing::warn!(%error, "there may be fewer connections, as the limit of open files stays as it is");
    }
    let address = listener.local_addr().map_err(|error| Failure::new(error.to_string()))?;
    let url = format!("http://{address}");
    let tenants = FakeTenants::new(options(arguments, &url)?);
    let ready = make(&tenants, &common.tenants)?;
    let serving =
        rally_http::serve(listener, tenants.router(), serve_options(arguments), stopped(signals.clone()));
    let serving = tokio::spawn(serving);
    let has_console = !arguments.no_console;
    Announcer { url, has_console, place: Place::memory(), json: common.json }.say_ready(&ready)?;
    let served = tokio::select! {
        served = serving => served.unwrap_or_else(|panicked| Err(panicked.into())),
        () = signals.hurry() => Ok(()),
    };
    served.map_err(|error| Failure::new(format!("the fake has stopped: {error}")))
}

/// Returns once the fake is asked to end.
async fn stopped(signals: Signals) {
    let _request = signals.stop().await;
}

fn options(arguments: &FakeArguments, url: &str) -> Result<FakeOptions, Failure> {
    let common = &arguments.common;
    let mut options = FakeOptions::new(url);
    options.engine.requests_per_minute = common.rate_limit;
    options.http.console = !arguments.no_console;
    options.http.host_suffixes.clone_from(&common.host_suffixes);
    options.http.cors_origins.clone_from(&common.cors_origins);
    options.http.trusted_proxies.clone_from(&common.trusted_proxies);
    options.http.body_budget = common.body_budget.saturating_mul(1 << 20);
    options.http.files = common.files.options();
    if common.rate_limit == 0 {
        options.http.failed_credentials_per_minute = 0;
    }
    options.seed = arguments.seed;
    options.clock = match arguments.clock {
        Some(clock) => clock,
        None if arguments.seed.is_some() => StartClock::At(Timestamp::from_micros(SEEDED_CLOCK_MICROS)),
        None => StartClock::Real,
    };
    options.courier_limits = CourierLimits {
        in_flight: common.webhooks_in_flight,
        lease_seconds: common.webhook_lease,
        ..CourierLimits::default()
    };
    if let Some(path) = &common.webhook_roots {
        options.courier.own_roots = fs::read(path)
            .map_err(|error| Failure::new(format!("--webhook-roots {}: {error}", path.display())))?;
    }
    Ok(options)
}

/// Options of the server. All connections of a test come from one address.
fn serve_options(arguments: &FakeArguments) -> ServeOptions {
    let common = &arguments.common;
    ServeOptions {
        max_connections: common.max_connections,
        max_connections_per_source: common.max_connections,
        trusted_proxies: common.trusted_proxies.clone(),
        ..ServeOptions::default()
    }
}

/// Makes the tenants that were named; without any, `demo`.
fn make(tenants: &FakeTenants, named: &[String]) -> Result<Vec<ReadyTenant>, Failure> {
    let mut slugs = named.to_vec();
    if slugs.is_empty() {
        slugs.push("demo".to_owned());
    }
    slugs.dedup();
    let make = |slug: String| {
        let made = tenants.create(&TenantSetup { tenant: Some(slug.clone()), ..TenantSetup::default() });
        let made = made.map_err(Failure::from);
        made.map(|tenant| ready(&tenant))
            .map_err(|failure| failure.while_doing(&format!("cannot create the tenant {slug:?}")))
    };
    slugs.into_iter().map(make).collect()
}

fn ready(tenant: &FakeTenant) -> ReadyTenant {
    ReadyTenant {
        slug: tenant.slug().to_owned(),
        id: tenant.id(),
        api_key: Some(tenant.api_key().to_owned()),
        key_file: None,
    }
}

/// Reads `real`, or an instant to stand still at.
pub(crate) fn start_clock(text: &str) -> Result<StartClock, String> {
    if text == "real" {
        return Ok(StartClock::Real);
    }
    text.parse().map(StartClock::At).map_err(|_| "must be real, or an instant such as 2025-01-01".to_owned())
}
