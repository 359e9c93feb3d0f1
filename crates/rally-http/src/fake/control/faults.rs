use std::sync::Arc;

use axum::extract::{Path, State};
use rally_core::{Code, Error};
use serde_json::json;

use super::{
    answers::{Answered, created, ok},
    reading::{Json, tenant},
};
use crate::fake::{faults::Fault, shared::Shared};

pub(super) async fn list(State(fake): State<Arc<Shared>>, slug: Path<String>) -> Answered {
    Ok(ok(&json!(tenant(&fake, &slug)?.faults())))
}

pub(super) async fn arm(
    State(fake): State<Arc<Shared>>,
    slug: Path<String>,
    Json(fault): Json<Fault>,
) -> Answered {
    Ok(created(&json!(tenant(&fake, &slug)?.arm(fault)?)))
}

pub(super) async fn disarm_all(State(fake): State<Arc<Shared>>, slug: Path<String>) -> Answered {
    let disarmed = tenant(&fake, &slug)?.disarm_all();
    Ok(ok(&json!({ "disarmed": disarmed })))
}

pub(super) async fn disarm(
    State(fake): State<Arc<Shared>>,
    Path((slug, id)): Path<(String, String)>,
) -> Answered {
    match tenant(&fake, &Path(slug))?.disarm(&id) {
        true => Ok(ok(&json!({ "disarmed": 1 }))),
        false => Err(Error::new(Code::NotFound, format!("no fault {id:?} is armed")).into()),
    }
}

pub(super) async fn verify(State(fake): State<Arc<Shared>>, slug: Path<String>) -> Answered {
    let faults = tenant(&fake, &slug)?.faults();
    let unfired: Vec<_> = faults.iter().filter(|armed| !armed.has_fired()).collect();
    Ok(ok(&json!({ "passed": unfired.is_empty(), "faults": faults, "unfired": unfired })))
}
