//! What requests to the control plane are read as.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{FromRequest, Path, Request},
};
use http_body_util::{BodyExt, Limited};
use rally_core::{Code, Error};
use serde::de::DeserializeOwned;

use super::super::{limits, shared::Shared, tenant::FakeTenant};
use crate::problem::{Failure, Problem};

/// The bytes of a body.
pub(super) struct Bounded(pub(super) Bytes);

/// The JSON of a body; of one that is left out, an empty object.
pub(super) struct Json<T>(pub(super) T);

impl FromRequest<Arc<Shared>> for Bounded {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &Arc<Shared>) -> Result<Self, Problem> {
        let body = Limited::new(request.into_body(), limits::CONTROL_BODY_BYTES);
        match body.collect().await {
            Ok(read) => Ok(Self(read.to_bytes())),
            Err(_) => {
                let detail = format!("send at most {} bytes, and all of them", limits::CONTROL_BODY_BYTES);
                Err(Problem::new(Failure::PayloadTooLarge, detail))
            }
        }
    }
}

impl<T: DeserializeOwned> FromRequest<Arc<Shared>> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, fake: &Arc<Shared>) -> Result<Self, Problem> {
        let Bounded(bytes) = Bounded::from_request(request, fake).await?;
        let json = if bytes.trim_ascii().is_empty() { b"{}" } else { &*bytes };
        Ok(Self(parse(json)?))
    }
}

fn parse<T: DeserializeOwned>(json: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(json).map_err(|error| {
        let code = if error.is_data() { Code::Validation } else { Code::MalformedJson };
        Error::new(code, format!("the body is not as it must be: {error}"))
    })
}

/// The tenant that a path names.
pub(super) fn tenant(fake: &Arc<Shared>, Path(slug): &Path<String>) -> Result<FakeTenant, Error> {
    let world =
        fake.find(slug).ok_or_else(|| Error::new(Code::NotFound, format!("there is no tenant {slug:?}")))?;
    Ok(FakeTenant::new(world, fake))
}
