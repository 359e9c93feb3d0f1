use std::sync::LazyLock;

use axum::{Router, body::Bytes, middleware::from_fn_with_state};
use rally_core::Engine;

use crate::{
    app::{App, Apps},
    config::Config,
    cors,
    middleware::answer_request,
    openapi,
    problem::{Failure, Problem},
    route::Route,
    routes,
};

static DOCUMENT: LazyLock<Bytes> =
    LazyLock::new(|| openapi::document(&routes::api(), &routes::operations()).into());

/// The whole API of an engine, as a service that may stand in a host's own server.
///
/// A host may nest it under a path of its own, or merge it into a router that has no fallback, as this one has: an
/// unknown path is answered with a problem.
///
/// Source addresses come from axum's `ConnectInfo<SocketAddr>`; requests without one count as from this machine.
///
/// The router limits what a request takes: the time and the room of its body, and the length of its query. What a
/// connection takes is limited by the server, as by [`serve`](crate::serve).
pub fn router(engine: Engine, config: Config) -> Router {
    let cors = cors::layer(&config.cors_origins);
    let router = routes_of(app(engine, config));
    match cors {
        // A browser asks before it sends a credential, so this stands before the check of credentials.
        Some(cors) => router.layer(cors),
        None => router,
    }
}

/// The state of an engine's router.
pub(crate) fn app(engine: Engine, config: Config) -> App {
    App::new(engine, config, || DOCUMENT.clone())
}

/// The whole API, answered by an app unless another is named for a request.
pub(crate) fn routes_of(app: App) -> Router {
    let console = routes_under("", console(app.config()));
    let apps = Apps(app);
    Router::new()
        .merge(routes_under("/api/v1", routes::api()))
        // Not nested, as the path of a nested route lacks what it is nested under.
        .merge(routes_under("/api", routes::api()))
        .merge(routes_under("", routes::operations()))
        .merge(routes_under("", routes::assets()))
        .merge(console)
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

fn routes_under(base: &str, routes: Vec<Route>) -> Router<Apps> {
    let add =
        |router: Router<Apps>, route: Route| router.route(&format!("{base}{}", route.path), route.handler);
    routes.into_iter().fold(Router::new(), add)
}
