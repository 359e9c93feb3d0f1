//! The control plane over HTTP, described in `FAKE.md`.

mod answers;
mod clock;
mod faults;
mod guard;
mod inboxes;
mod reading;
mod requests;
mod tenants;

use std::sync::Arc;

use axum::{
    Router,
    middleware::from_fn_with_state,
    routing::{any, delete, get, post},
};

use super::shared::Shared;
use crate::problem::{Failure, Problem};

/// The routes of the control plane, for the router of a fake.
pub(super) fn router(shared: &Arc<Shared>) -> Router {
    let routes = Router::new()
        .route("/_fake", get(tenants::describe))
        .route("/_fake/openapi.json", get(tenants::document))
        .route("/_fake/tenants", get(tenants::list).post(tenants::create))
        .route("/_fake/tenants/{tenant}", get(tenants::show).delete(tenants::drop_one))
        .route("/_fake/tenants/{tenant}/seed", post(tenants::seed))
        .route("/_fake/tenants/{tenant}/seed/{resource}", post(tenants::seed_file))
        .route("/_fake/tenants/{tenant}/reset", post(tenants::reset))
        .route("/_fake/tenants/{tenant}/snapshot", post(tenants::snapshot))
        .route("/_fake/tenants/{tenant}/snapshots", get(tenants::snapshots))
        .route("/_fake/tenants/{tenant}/snapshots/{name}", delete(tenants::drop_snapshot))
        .route("/_fake/tenants/{tenant}/restore", post(tenants::restore))
        .route("/_fake/tenants/{tenant}/fork", post(tenants::fork))
        .route("/_fake/tenants/{tenant}/clock", get(clock::show))
        .route("/_fake/tenants/{tenant}/clock/freeze", post(clock::freeze))
        .route("/_fake/tenants/{tenant}/clock/set", post(clock::set))
        .route("/_fake/tenants/{tenant}/clock/advance", post(clock::advance))
        .route("/_fake/tenants/{tenant}/clock/settle", post(clock::settle))
        .route("/_fake/tenants/{tenant}/clock/real", post(clock::real))
        .route(
            "/_fake/tenants/{tenant}/faults",
            get(faults::list).post(faults::arm).delete(faults::disarm_all),
        )
        .route("/_fake/tenants/{tenant}/faults/verify", post(faults::verify))
        .route("/_fake/tenants/{tenant}/faults/{id}", delete(faults::disarm))
        .route("/_fake/tenants/{tenant}/inboxes", get(inboxes::list))
        .route(
            "/_fake/tenants/{tenant}/inbox/{name}",
            get(inboxes::show).put(inboxes::script).delete(inboxes::drop_one),
        )
        .route("/_fake/tenants/{tenant}/inbox/{name}/wait", post(inboxes::wait_for))
        .route("/_fake/tenants/{tenant}/requests", get(requests::list).delete(requests::forget))
        .route("/_fake/tenants/{tenant}/requests/count", get(requests::count))
        .route("/_fake/tenants/{tenant}/requests/unexpected", get(requests::unexpected))
        .route("/_fake/inbox/{tenant}/{name}", post(inboxes::receive))
        .route("/_fake/{*path}", any(async || Problem::no_such_path()))
        .method_not_allowed_fallback(async || {
            Problem::new(Failure::MethodNotAllowed, "this path does not take this method; see Allow")
        });
    routes.route_layer(from_fn_with_state(Arc::clone(shared), guard::admit)).with_state(Arc::clone(shared))
}
