use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

/// The time for which a browser need not ask again.
const MAX_AGE: Duration = Duration::from_secs(3_600);

const REQUEST_HEADERS: [HeaderName; 9] = [
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("prefer"),
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("x-feed-epoch"),
    HeaderName::from_static("x-request-id"),
];

const RESPONSE_HEADERS: [HeaderName; 14] = [
    header::ETAG,
    header::LINK,
    header::LOCATION,
    header::RETRY_AFTER,
    header::WWW_AUTHENTICATE,
    HeaderName::from_static("idempotent-replayed"),
    HeaderName::from_static("preference-applied"),
    HeaderName::from_static("x-feed-epoch"),
    HeaderName::from_static("x-feed-position"),
    HeaderName::from_static("x-ratelimit-limit"),
    HeaderName::from_static("x-ratelimit-remaining"),
    HeaderName::from_static("x-ratelimit-reset"),
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("x-total-count"),
];

/// The layer that lets pages of these origins call the API from a browser; `None` without origins. Credentials travel
/// in headers that a page sets itself, never in cookies.
pub(crate) fn layer(origins: &[String]) -> Option<CorsLayer> {
    let origins: Vec<HeaderValue> = origins.iter().filter_map(|origin| value_of(origin)).collect();
    let layer = CorsLayer::new()
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers(REQUEST_HEADERS)
        .expose_headers(RESPONSE_HEADERS)
        .max_age(MAX_AGE);
    (!origins.is_empty()).then(|| layer.allow_origin(AllowOrigin::list(origins)))
}

/// The origin as a browser sends it; `None`, with a line in the log, for one that no browser can send.
fn value_of(origin: &str) -> Option<HeaderValue> {
    let value = HeaderValue::try_from(origin.trim_end_matches('/'));
    value.inspect_err(|error| tracing::error!(origin, %error, "this is no origin of a page")).ok()
}
