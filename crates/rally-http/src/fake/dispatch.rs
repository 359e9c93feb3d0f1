//! Finds the tenant of a request, and has its app answer.

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use http_body_util::{BodyExt, Collected, Limited};
use rally_core::Timestamp;
use serde::Deserialize;
use tower::ServiceExt;
use uuid::Uuid;

use super::{control, delivery, exchange::exchange, shared::Shared, world::World};
use crate::{call::below_api, cors, limits, routes::LOG_IN};

/// The router of a fake: the API of all tenants, and the control plane.
pub(super) fn router(shared: &Arc<Shared>) -> Router {
    let api = Router::new().fallback(answer).with_state(Arc::clone(shared));
    let api = match cors::layer(&shared.options.http.cors_origins) {
        Some(cors) => api.layer(cors),
        None => api,
    };
    control::router(shared).fallback_service(api)
}

async fn answer(State(fake): State<Arc<Shared>>, request: Request) -> Response {
    let (world, request) = find(&fake, request).await;
    let Some(world) = world.filter(|_| below_api(request.uri().path()).is_some()) else {
        return fake.api.clone().oneshot(request).await.into_response();
    };
    let (is_write, is_login) = (!request.method().is_safe(), is_login(request.uri()));
    let mut response = exchange(&fake, &world, request).await;
    if is_login && response.status() == StatusCode::OK {
        response = note_token(&world, response).await;
    }
    if is_write {
        delivery::stir(&fake, &world);
    }
    response
}

/// The tenant that a request is for: the one that its host names, or its credential, or the body of its login.
async fn find(fake: &Shared, request: Request) -> (Option<Arc<World>>, Request) {
    if let Some(slug) = fake.lobby.named_tenant(&request) {
        let world = fake.find(&slug.to_ascii_lowercase());
        return (world, request);
    }
    if is_login(request.uri()) {
        return find_by_login(fake, request).await;
    }
    let world = fake.lobby.claim(&request).credential_tenant().and_then(|tenant| fake.by_id(tenant));
    (world, request)
}

/// Notes the token of a login, by its answer, which is short.
async fn note_token(world: &World, response: Response) -> Response {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Token {
        expires_at: Timestamp,
        user: TokenUser,
    }
    #[derive(Deserialize)]
    struct TokenUser {
        id: Uuid,
    }
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
    if let Ok(token) = serde_json::from_slice::<Token>(&bytes) {
        world.note_token(token.expires_at, token.user.id);
    }
    Response::from_parts(parts, Body::from(bytes))
}

fn is_login(uri: &Uri) -> bool {
    below_api(uri.path()) == Some(LOG_IN)
}

/// Reads the body of a login, which is short, and hands it on.
async fn find_by_login(fake: &Shared, request: Request) -> (Option<Arc<World>>, Request) {
    #[derive(Default, Deserialize)]
    struct Login {
        #[serde(default)]
        tenant: String,
    }
    let (parts, body) = request.into_parts();
    let declared =
        parts.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if declared.is_some_and(|length: usize| length > limits::LOGIN_BODY_BYTES) {
        return (None, Request::from_parts(parts, body));
    }
    let read = Limited::new(body, limits::LOGIN_BODY_BYTES + 1).collect().await;
    let bytes =
        read.map_or_else(|_| Bytes::from(vec![b' '; limits::LOGIN_BODY_BYTES + 1]), |read| read.to_bytes());
    let login: Login = serde_json::from_slice(&bytes).unwrap_or_default();
    let world = fake.find(&login.tenant.to_ascii_lowercase());
    (world, Request::from_parts(parts, Body::from(bytes)))
}
