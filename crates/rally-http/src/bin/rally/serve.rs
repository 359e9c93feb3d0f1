use std::{fs, future::pending, io, net::SocketAddr, path::Path, pin::pin, sync::Arc, time::Duration};

use futures_util::FutureExt;
use parking_lot::Mutex;
use rally_core::{Config, CourierLimits, Engine, Environment, Reach};
use rally_http::{
    CourierOptions, Delivering, HttpCourier, Lifecycle, Metrics, ServeOptions, TlsFiles, limits,
};
use tokio::{
    net::TcpListener,
    runtime::Runtime,
    task::{JoinHandle, spawn_blocking},
};
use tracing_subscriber::filter::LevelFilter;

use crate::{
    announce::Announcer,
    arguments::{CommonArguments, ServeArguments, StoreArguments},
    failure::Failure,
    files::temporary_file,
    key_folder::KeyFolder,
    listen::Addresses,
    log::{self, Levels},
    signals::{Request, Signals, StandardInput, ignore_hangup},
    store::{Location, Need, OpenStore, Progress},
    systemd::{self, Sockets},
    tenants::WantedTenants,
    traces::Tracing,
};

/// The longest that a server that is asked to stop waits until its store is open, to close it.
const OPENING: Duration = Duration::from_secs(2);

/// A server as it was asked for.
struct Server<'a> {
    store: StoreArguments,
    listen: &'a Addresses,
    config: Config,
    /// True for a server with the console.
    console: bool,
    common: &'a CommonArguments,
    metrics: Metrics,
    tls: Option<TlsFiles>,
    /// The folder that admin keys of new tenants are written to.
    key_folder: Option<&'a Path>,
    drain_delay: Duration,
}

pub(crate) fn serve(arguments: &ServeArguments) -> Result<(), Failure> {
    let common = &arguments.common;
    let reach = if arguments.webhook_allow_loopback { Reach::InternetAndLoopback } else { Reach::Internet };
    let server = Server {
        store: arguments.store.clone(),
        listen: &arguments.listen,
        config: Config { requests_per_minute: common.rate_limit, reach, ..Config::default() },
        console: arguments.console,
        common,
        metrics: Metrics::new(),
        tls: tls_files(arguments)?,
        key_folder: arguments.key_folder.as_deref(),
        drain_delay: Duration::from_secs(arguments.drain_delay.into()),
    };
    run(
        async || {
            ignore_hangup()?;
            let tracing = Tracing::begin(&arguments.traces, &server.metrics)?;
            server.run(tracing).await
        },
        common,
        LevelFilter::INFO,
    )
}

/// Runs a server on threads of its own, with a log from this level on.
pub(crate) fn run(
    server: impl AsyncFnOnce() -> Result<(), Failure>,
    common: &CommonArguments,
    level: LevelFilter,
) -> Result<(), Failure> {
    let levels = common.log.clone().unwrap_or_else(|| Levels::from_level(level));
    let _log = log::start(common.json, levels)?;
    let runtime = Runtime::new().map_err(|error| Failure::new(format!("cannot start threads: {error}")))?;
    let served = runtime.block_on(server());
    // Work that still waits for a store that does not answer is abandoned.
    runtime.shutdown_background();
    served
}

impl Server<'_> {
    /// Serves until a signal asks for the end. From the first moment on a signal ends it in an orderly way, and the port
    /// answers.
    async fn run(self, tracing: Tracing) -> Result<(), Failure> {
        let signals = Signals::take(StandardInput::Ignored)?;
        let mut sockets = Sockets::take();
        let listener = match sockets.listener(0)? {
            Some(listener) => listener,
            None => self.listen.bind().await?,
        };
        systemd::give_signs_of_life();
        if let Err(error) = rally_http::raise_descriptor_limit() {
            tracing::warn!(%error, "there may be fewer connections, as the limit of open files stays as it is");
        }
        if let Err(error) = temporary_file(self.common.files.temporary_folder()) {
            tracing::warn!(%error, "imports and workbooks fail, as no temporary file can be made: see --temporary-folder");
        }
        let address = listener.local_addr().map_err(|error| Failure::new(error.to_string()))?;
        let lifecycle = Lifecycle::new();
        let watched = self.listen_for_watchers(sockets.listener(1)?).await?;
        let stopped = self.stopped(&signals, &lifecycle, watched.as_ref()).shared();
        let serving = rally_http::serve(listener, lifecycle.clone(), self.options(), stopped.clone());
        let serving = tokio::spawn(serving);
        let mut opening = pin!(self.open(&lifecycle));
        tokio::select! {
            opened = &mut opening => {
                let opened = opened?;
                let of_server = (&lifecycle, watched.as_ref());
                let ends = (serving, stopped, signals);
                let served = self.serve_on(&opened, address, of_server, ends, tracing).await;
                served.and(close(opened).await)
            }
            _ = signals.clone().stop() => match tokio::time::timeout(OPENING, opening).await {
                Ok(opened) => close(opened?).await,
                // A file that is being recovered is recovered again by the next start.
                Err(_) => Ok(()),
            },
        }
    }

    /// Shows the metrics on a listener of their own, if there is to be one, until the process ends.
    async fn listen_for_watchers(&self, given: Option<TcpListener>) -> Result<Option<Lifecycle>, Failure> {
        let listener = match (given, &self.common.metrics_listen) {
            (Some(listener), _) => listener,
            (None, Some(addresses)) => addresses.bind().await?,
            (None, None) => return Ok(None),
        };
        if let Ok(address) = listener.local_addr() {
            tracing::info!("metrics are at http://{address}/metrics");
        }
        let watched = Lifecycle::new();
        tokio::spawn(rally_http::serve(listener, watched.clone(), ServeOptions::default(), pending()));
        Ok(Some(watched))
    }

    /// Returns once the server is to stop: it has said that it is not ready any more, and a supervisor has had time to see
    /// it.
    fn stopped(
        &self,
        signals: &Signals,
        lifecycle: &Lifecycle,
        watched: Option<&Lifecycle>,
    ) -> impl Future<Output = ()> + Send + 'static + use<> {
        let (signals, metrics, delay) = (signals.clone(), self.metrics.clone(), self.drain_delay);
        let lifecycles: Vec<Lifecycle> = [Some(lifecycle), watched].into_iter().flatten().cloned().collect();
        async move {
            let asked = signals.stop().await;
            lifecycles.iter().for_each(Lifecycle::begin_stopping);
            metrics.begin_stopping();
            systemd::say_stopping();
            if asked == Request::Terminate && !delay.is_zero() {
                tracing::info!("requests are taken for {} s more", delay.as_secs());
                tokio::time::sleep(delay).await;
            }
        }
    }

    /// Opens the store on a thread that may wait, while the port is open.
    async fn open(&self, lifecycle: &Lifecycle) -> Result<OpenStore, Failure> {
        let (store, lifecycle) = (self.store.clone(), lifecycle.clone());
        lifecycle.report("the store is being opened");
        let opening = spawn_blocking(move || store.open(Need::Any, progress(lifecycle)));
        opening.await.unwrap_or_else(|panicked| Err(Failure::new(panicked.to_string())))
    }

    async fn serve_on(
        &self,
        opened: &OpenStore,
        address: SocketAddr,
        (lifecycle, watched): (&Lifecycle, Option<&Lifecycle>),
        (serving, stopped, signals): (JoinHandle<io::Result<()>>, impl Future<Output = ()>, Signals),
        tracing: Tracing,
    ) -> Result<(), Failure> {
        let engine = Engine::with(Arc::clone(&opened.store), Environment::system(), self.config);
        #[cfg(unix)]
        let _socket = crate::socket::answer(&engine, &self.store.store);
        let delivering = self.deliver(&engine, &tracing)?;
        let http_config = rally_http::Config { traces: tracing.traces(), ..self.http_config() };
        if let Some(watched) = watched {
            let routers = rally_http::routers(engine.clone(), http_config);
            lifecycle.begin_serving(routers.api);
            watched.begin_serving(routers.metrics);
        } else {
            lifecycle.begin_serving(rally_http::router(engine.clone(), http_config));
        }
        let announcer = Announcer {
            url: format!("{}://{address}", if self.tls.is_some() { "https" } else { "http" }),
            has_console: self.console,
            place: opened.place.clone(),
            json: self.common.json,
        };
        let is_in_memory = self.store.store == Location::Memory;
        let keys = self.key_folder.map(|folder| KeyFolder::new(folder.to_owned(), is_in_memory));
        announcer.announce(&engine, WantedTenants::new(&self.common.tenants, keys))?;
        systemd::say_ready();
        let serving = async { serving.await.unwrap_or_else(|panicked| Err(panicked.into())) };
        let stopping = async {
            stopped.await;
            if let Some(delivering) = delivering {
                delivering.stop(limits::GRACE).await;
            }
            Ok(())
        };
        let ending = async {
            let served = tokio::try_join!(serving, stopping);
            tracing.stop().await;
            served
        };
        let served = tokio::select! {
            served = ending => served.map(drop),
            () = signals.hurry() => Ok(()),
        };
        served.map_err(|error| Failure::new(format!("the server has stopped: {error}")))
    }

    /// Begins to deliver the events of webhooks, unless other servers do.
    fn deliver(&self, engine: &Engine, tracing: &Tracing) -> Result<Option<Delivering>, Failure> {
        let limits = CourierLimits {
            in_flight: self.common.webhooks_in_flight,
            lease_seconds: self.common.webhook_lease,
            ..CourierLimits::default()
        };
        if limits.in_flight == 0 {
            return Ok(None);
        }
        let mut options = CourierOptions { reach: self.config.reach, ..CourierOptions::default() };
        if let Some(path) = &self.common.webhook_roots {
            options.own_roots = fs::read(path)
                .map_err(|error| Failure::new(format!("--webhook-roots {}: {error}", path.display())))?;
        }
        let delivering =
            rally_http::deliver(engine.clone(), tracing.courier(HttpCourier::new(options)), limits);
        delivering.map(Some).map_err(|error| Failure::new(format!("cannot start threads: {error}")))
    }

    fn options(&self) -> ServeOptions {
        ServeOptions {
            max_connections: self.common.max_connections,
            max_connections_per_source: self.common.max_connections_per_source,
            trusted_proxies: self.common.trusted_proxies.clone(),
            metrics: self.metrics.clone(),
            tls: self.tls.clone(),
            ..ServeOptions::default()
        }
    }

    fn http_config(&self) -> rally_http::Config {
        let mut http = rally_http::Config::default();
        http.host_suffixes.clone_from(&self.common.host_suffixes);
        http.cors_origins.clone_from(&self.common.cors_origins);
        http.body_budget = self.common.body_budget.saturating_mul(1 << 20);
        http.files = self.common.files.options();
        http.console = self.console;
        http.trusted_proxies.clone_from(&self.common.trusted_proxies);
        http.metrics = self.metrics.clone();
        http.work_on = self.store.store.work_on();
        if let Some(at_once) = self.store.long_at_once() {
            for lane in [&mut http.long_reads, &mut http.bulks] {
                lane.at_once = at_once;
                lane.at_once_a_tenant = at_once / 2;
            }
        }
        http
    }
}

/// The files of the certificate, if there is to be one.
pub(crate) fn tls_files(arguments: &ServeArguments) -> Result<Option<TlsFiles>, Failure> {
    let (Some(certificate), Some(key)) = (&arguments.tls_cert, &arguments.tls_key) else { return Ok(None) };
    let opened = TlsFiles::open(certificate, key);
    opened.map(Some).map_err(|error| Failure::new(format!("--tls-cert and --tls-key: {error}")))
}

/// Closes the store. Requests that were given up may still be at work on it, and are refused from here on.
async fn close(opened: OpenStore) -> Result<(), Failure> {
    let closed = spawn_blocking(opened.close).await.map_err(|panicked| panicked.to_string());
    let closed = closed.and_then(|closed| closed.map_err(|error| error.to_string()));
    closed.map_err(|reason| {
        Failure::new(format!("the store was not closed, so the next start recovers it: {reason}"))
    })
}

/// Tells `/readyz` how far the recovery or the conversion of a file has come, and the log at each tenth of it.
fn progress(lifecycle: Lifecycle) -> Progress {
    let logged = Mutex::new(String::new());
    Box::new(move |done| {
        let status =
            format!("the file is being recovered after a crash, or converted; {:.0} % is done", done * 100.0);
        systemd::say_starting(&status);
        lifecycle.report(status);
        let tenths = format!("{:.0} %", (done * 10.0).floor() * 10.0);
        let mut logged = logged.lock();
        if *logged != tenths {
            tracing::info!(done = tenths, "the file is being recovered after a crash, or converted");
            *logged = tenths;
        }
    })
}
