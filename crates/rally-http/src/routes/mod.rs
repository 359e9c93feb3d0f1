//! The table of routes. The router and the OpenAPI document are both made of it.

mod activities;
mod api_keys;
mod audit;
mod auth;
mod companies;
#[cfg(feature = "console")]
mod console;
mod contacts;
mod deals;
mod importexport;
mod operations;
mod pipelines;
mod settings;
mod sync;
mod users;
mod webhooks;

pub(crate) use self::{
    auth::LOG_IN,
    operations::{HEALTH, METRICS, READINESS, healthy},
};
use crate::route::Route;

/// The routes under `/api` and under `/api/v1`.
pub(crate) fn api() -> Vec<Route> {
    let resources = [
        contacts::routes(),
        companies::routes(),
        deals::routes(),
        pipelines::routes(),
        activities::routes(),
        importexport::routes(),
        users::routes(),
        settings::routes(),
        api_keys::routes(),
        auth::routes(),
        audit::routes(),
        sync::routes(),
        webhooks::routes(),
    ];
    resources.into_iter().flatten().collect()
}

/// The routes beside it, which ask for no credential.
pub(crate) fn operations() -> Vec<Route> {
    operations::routes()
}

/// The page at `/console` and its files, which the document leaves out.
#[cfg(feature = "console")]
pub(crate) fn console() -> Vec<Route> {
    console::routes()
}

/// The files of the page at `/docs`, which the document leaves out.
pub(crate) fn assets() -> Vec<Route> {
    operations::assets()
}
