use std::sync::LazyLock;

use axum::{Router, body::Bytes, middleware::from_fn_with_state};
use rally_core::Engine;
use tower_http::cors::CorsLayer;

use crate::{
    app::{App, Apps},
    config::Config,
    cors,
    metrics::Metrics,
    middleware::answer_request,
    openapi,
    problem::{Failure, Problem},
    route::Route,
    routes::{self, HEALTH, METRICS, READINESS},
};

static DOCUMENT: LazyLock<Bytes> =
    LazyLock::new(|| openapi::document(&routes::api(), &routes::operations()).into());

/// Paths under which the API stands; the metrics know the first alone.
const MOUNTS: [&str; 2] = ["/api/v1", "/api"];

/// The routers of a server that shows its metrics elsewhere than its API.
#[derive(Debug)]
pub struct Routers {
    /// The whole API, without `/metrics`.
    pub api: Router,
    /// `/metrics`, `/healthz` and `/readyz`.
    pub metrics: Router,
}

/// The whole API of an engine, as a service that may stand in a host's own server.
///
/// A host may nest it under a path of its own, or merge it into a router that has no fallback, as this one has: an
/// unknown path is answered with a problem.
///
/// Source addresses come from axum's `ConnectInfo<SocketAddr>`; requests without one count as from this machine.
///
/// The router limits what a request takes: the time and the room of its body, and the length of its query. What a
/// connection takes is limited by the server, as by [`serve`](crate::serve).
///
/// `/metrics` is on it unless [`Config::metrics`] is [`Metrics::off`]; anybody who reaches the router may read them.
pub fn router(engine: Engine, config: Config) -> Router {
    let (cors, app) = (cors::layer(&config.cors_origins), app(engine, config));
    allowing(cors, routes_of(app))
}

/// The same as two routers, so that the metrics can be served to others than the API.
pub fn routers(engine: Engine, config: Config) -> Routers {
    let (cors, app) = (cors::layer(&config.cors_origins), app(engine, config));
    let watched = |route: &Route| [HEALTH, READINESS, METRICS].contains(&route.path.as_str());
    let metrics = routes_under("", routes::operations().into_iter().filter(watched));
    let api = allowing(cors, with_api(app.clone(), |route| route.path != METRICS));
    Routers { metrics: finish(metrics, app), api }
}

/// The state of an engine's router.
pub(crate) fn app(engine: Engine, config: Config) -> App {
    let name = |mount: &str, route: &Route| {
        let name = if MOUNTS.contains(&mount) { "/api/v1" } else { "" };
        (format!("{mount}{}", route.path), format!("{name}{}", route.path))
    };
    let of_api = MOUNTS.iter().flat_map(|mount| routes::api().into_iter().map(|route| name(mount, &route)));
    let others = [routes::operations(), routes::assets()].into_iter().flatten().map(|route| name("", &route));
    App::new(engine, config, of_api.chain(others), || DOCUMENT.clone())
}

/// The whole API, answered by an app unless another is named for a request.
pub(crate) fn routes_of(app: App) -> Router {
    let shows_metrics = app.config().metrics != Metrics::off();
    with_api(app, |route| shows_metrics || route.path != METRICS)
}

fn with_api(app: App, is_shown: impl Fn(&Route) -> bool) -> Router {
    let operations = routes::operations().into_iter().filter(is_shown);
    // Not nested, as the path of a nested route lacks what it is nested under.
    let api =
        MOUNTS.iter().fold(Router::new(), |router, mount| router.merge(routes_under(mount, routes::api())));
    let console = routes_under("", console(app.config()));
    let pages = routes_under("", operations).merge(routes_under("", routes::assets())).merge(console);
    finish(api.merge(pages), app)
}

/// Lets pages of other origins in, if any may call.
fn allowing(cors: Option<CorsLayer>, router: Router) -> Router {
    match cors {
        // A browser asks before it sends a credential, so this stands before the check of credentials.
        Some(cors) => router.layer(cors),
        None => router,
    }
}

/// Adds what is done around every request.
fn finish(router: Router<Apps>, app: App) -> Router {
    let apps = Apps(app);
    router
        .method_not_allowed_fallback(async || {
            Problem::new(Failure::MethodNotAllowed, "this path does not take this method; see Allow")
        })
        .fallback(async || Problem::no_such_path())
        .layer(from_fn_with_state(apps.clone(), answer_request))
        .with_state(apps)
}

/// The routes of the console, if it is asked for.
#[cfg(feature = "console")]
fn console(config: &Config) -> Vec<Route> {
    if config.console { routes::console() } else { Vec::new() }
}

#[cfg(not(feature = "console"))]
const fn console(_: &Config) -> Vec<Route> {
    Vec::new()
}

fn routes_under(base: &str, routes: impl IntoIterator<Item = Route>) -> Router<Apps> {
    let add =
        |router: Router<Apps>, route: Route| router.route(&format!("{base}{}", route.path), route.handler);
    routes.into_iter().fold(Router::new(), add)
}
