use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::Uri,
};
use rally_core::{Error, Faults};
use serde_json::json;

use super::{
    answers::{Answered, ok},
    reading::tenant,
};
use crate::{
    fake::{journal::Wanted, limits, shared::Shared},
    query,
};

/// The parameters of a list of requests.
struct Asked {
    wanted: Wanted,
    limit: usize,
}

pub(super) async fn list(State(fake): State<Arc<Shared>>, slug: Path<String>, uri: Uri) -> Answered {
    let Asked { wanted, limit } = asked(&uri)?;
    let mut made = tenant(&fake, &slug)?.world.journal.all(&wanted);
    made.truncate(limit);
    Ok(ok(&made.iter().map(|request| json!(**request)).collect()))
}

pub(super) async fn count(State(fake): State<Arc<Shared>>, slug: Path<String>, uri: Uri) -> Answered {
    let Asked { wanted, .. } = asked(&uri)?;
    Ok(ok(&json!({ "count": tenant(&fake, &slug)?.world.journal.all(&wanted).len() })))
}

pub(super) async fn unexpected(State(fake): State<Arc<Shared>>, slug: Path<String>, uri: Uri) -> Answered {
    let mut expected = Vec::new();
    for (name, value) in query::pairs(uri.query())? {
        if name != "expected" {
            return Err(refused(&name, "is no parameter here; use expected").into());
        }
        expected.push(value);
    }
    let made = tenant(&fake, &slug)?.world.journal.unexpected(&expected);
    Ok(ok(&made.iter().take(limits::LISTED_REQUESTS).map(|request| json!(**request)).collect()))
}

pub(super) async fn forget(State(fake): State<Arc<Shared>>, slug: Path<String>) -> Answered {
    Ok(ok(&json!({ "forgotten": tenant(&fake, &slug)?.world.journal.forget() })))
}

fn asked(uri: &Uri) -> Result<Asked, Error> {
    let mut asked = Asked { wanted: Wanted::default(), limit: limits::LISTED_REQUESTS };
    for (name, value) in query::pairs(uri.query())? {
        let number = || refused(&name, "must be a number");
        let wanted = &mut asked.wanted;
        match name.as_str() {
            "method" => wanted.method = Some(value),
            "route" => wanted.route = Some(value),
            "fault" => wanted.fault = Some(value),
            "status" => wanted.status = Some(value.parse().map_err(|_| number())?),
            "after" => wanted.after = value.parse().map_err(|_| number())?,
            "limit" => match value.parse() {
                Ok(limit @ 1..=limits::LISTED_REQUESTS) => asked.limit = limit,
                _ => return Err(refused("limit", "must be from 1 to 1000")),
            },
            _ => return Err(refused(&name, "is no parameter here")),
        }
    }
    Ok(asked)
}

fn refused(member: &str, phrase: &str) -> Error {
    Faults::one(member, phrase).into()
}
