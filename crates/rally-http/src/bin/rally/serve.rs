use std::net::SocketAddr;

use rally_core::{Config, Engine, Environment, Profile};
use tokio::{net::TcpListener, runtime::Runtime};
use tracing_subscriber::EnvFilter;

use crate::{
    announce::Announcer,
    arguments::{CommonArguments, FakeArguments, ServeArguments},
    failure::Failure,
    store::{Location, WhenAway},
    tenants::WantedTenants,
};

pub(crate) fn serve(arguments: &ServeArguments) -> Result<(), Failure> {
    let config = Config { requests_per_minute: arguments.common.rate_limit, ..Config::default() };
    let connections = arguments.store.store_connections;
    start(&arguments.store.store, connections, arguments.listen, config, &arguments.common)
}

pub(crate) fn fake(arguments: &FakeArguments) -> Result<(), Failure> {
    if !arguments.listen.ip().is_loopback() && !arguments.allow_remote {
        return Err(Failure::new(format!(
            "a fake listens on this machine only, and {} is not an address of it; use 127.0.0.1, or say --allow-remote",
            arguments.listen.ip()
        )));
    }
    let config = Config {
        requests_per_minute: arguments.common.rate_limit,
        profile: Profile::Strict,
        test_keys: true,
    };
    start(&Location::Memory, 0, arguments.listen, config, &arguments.common)
}

fn start(
    location: &Location,
    connections: u16,
    listen: SocketAddr,
    config: Config,
    common: &CommonArguments,
) -> Result<(), Failure> {
    log_to_stderr(common.json);
    let engine = Engine::with(location.open(connections, WhenAway::Wait)?, Environment::system(), config);
    let mut http = rally_http::Config::default();
    http.host_suffixes.clone_from(&common.host_suffixes);
    http.cors_origins.clone_from(&common.cors_origins);
    http.work_on = location.work_on();
    if config.test_keys && config.requests_per_minute == 0 {
        http.failed_credentials_per_minute = 0;
    }
    let runtime = Runtime::new().map_err(|error| Failure::new(format!("cannot start threads: {error}")))?;
    let served = runtime.block_on(async {
        let bound = TcpListener::bind(listen).await;
        let listener = bound.map_err(|error| {
            Failure::new(format!("cannot listen on {listen}: {error}; choose another with --listen"))
        })?;
        // Before the announcement, as a reader of it may ask the server to stop at once.
        let stop = stop_signal()?;
        let announcer = Announcer::new(&listener, common.json)?;
        announcer.announce(&engine, location, WantedTenants::new(&common.tenants))?;
        let served = rally_http::serve(listener, engine, http, stop).await;
        served.map_err(|error| Failure::new(format!("the server has stopped: {error}")))
    });
    // Work that still waits for a store that does not answer is abandoned.
    runtime.shutdown_background();
    served
}

fn log_to_stderr(json: bool) {
    let filter = EnvFilter::try_from_env("RALLY_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false);
    if json { log.json().init() } else { log.init() }
}

/// Takes the requests to stop from now on; the future ends with the first one.
fn stop_signal() -> Result<impl Future<Output = ()> + Send, Failure> {
    #[cfg(unix)]
    let mut terminate = {
        use tokio::signal::unix::{SignalKind, signal};
        let taken = signal(SignalKind::terminate());
        taken.map_err(|error| Failure::new(format!("cannot be asked to stop: {error}")))?
    };
    Ok(async move {
        #[cfg(unix)]
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
    })
}
