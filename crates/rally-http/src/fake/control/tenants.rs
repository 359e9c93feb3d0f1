use std::{io::Cursor, sync::Arc};

use axum::{
    extract::{Path, RawQuery, State},
    http::StatusCode,
    response::Response,
};
use rally_core::{Code, Error, Profile, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    answers::{Answered, created, ok},
    clock::clock,
    reading::{Bounded, Json, tenant},
};
use crate::{
    answer,
    config::FileOptions,
    fake::{
        clock::StartClock,
        seed::{Seed, Sown},
        shared::{Shared, TenantSetup},
        tenant::FakeTenant,
    },
    files,
    packed::Packed,
    parameters::Parameters,
    query,
};

/// The description of the control plane.
static DOCUMENT: Packed = Packed::new(include_bytes!(concat!(env!("OUT_DIR"), "/fake/openapi.json")));

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Create {
    tenant: Option<String>,
    clock: Option<String>,
    seed: Option<Value>,
    rate_limit_per_minute: Option<u32>,
    profile: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Named {
    #[serde(default = "default_name")]
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fork {
    tenant: Option<String>,
}

fn default_name() -> String {
    "default".to_owned()
}

pub(super) async fn describe(State(fake): State<Arc<Shared>>) -> Response {
    let options = &fake.options;
    ok(&json!({
        "version": env!("CARGO_PKG_VERSION"),
        "url": options.url,
        "seed": options.seed,
        "tenants": fake.count(),
    }))
}

pub(super) async fn document() -> Answered {
    Ok(answer::json(StatusCode::OK, DOCUMENT.bytes()?))
}

pub(super) async fn list(State(fake): State<Arc<Shared>>) -> Response {
    ok(&FakeTenant::all(&fake).iter().map(told).collect())
}

pub(super) async fn create(State(fake): State<Arc<Shared>>, Json(asked): Json<Create>) -> Answered {
    let setup = TenantSetup {
        tenant: asked.tenant,
        clock: asked.clock.as_deref().map(start_clock).transpose()?,
        seed: asked.seed.map(Seed::read).transpose()?,
        requests_per_minute: asked.rate_limit_per_minute,
        profile: asked.profile.as_deref().map(profile).transpose()?,
    };
    let world = fake.create(&setup)?;
    Ok(created(&told(&FakeTenant::new(world, &fake))))
}

fn start_clock(text: &str) -> Result<StartClock, Error> {
    if text == "real" {
        return Ok(StartClock::Real);
    }
    let at: Result<Timestamp, _> = text.parse();
    at.map(StartClock::At).map_err(|_| refused("clock", "must be real, or an instant to stand still at"))
}

fn profile(word: &str) -> Result<Profile, Error> {
    word.parse().map_err(|_| refused("profile", "must be documented or strict"))
}

fn refused(member: &str, phrase: &str) -> Error {
    rally_core::Faults::one(member, phrase).into()
}

pub(super) async fn show(State(fake): State<Arc<Shared>>, slug: Path<String>) -> Answered {
    Ok(ok(&told(&tenant(&fake, &slug)?)))
}

pub(super) async fn drop_one(State(fake): State<Arc<Shared>>, slug: Path<String>) -> Answered {
    tenant(&fake, &slug)?;
    fake.drop_tenant(&slug);
    Ok(ok(&json!({ "tenant": *slug, "dropped": true })))
}

pub(super) async fn seed(
    State(fake): State<Arc<Shared>>,
    slug: Path<String>,
    Json(asked): Json<Value>,
) -> Answered {
    let Sown { created: made, ids } = tenant(&fake, &slug)?.seed(&Seed::read(asked)?)?;
    Ok(ok(&json!({ "created": made, "ids": ids })))
}

pub(super) async fn seed_file(
    State(fake): State<Arc<Shared>>,
    Path((slug, resource)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    Bounded(file): Bounded,
) -> Answered {
    let session = tenant(&fake, &Path(slug))?.session()?;
    let parameters = Parameters::new(query::pairs(query.as_deref())?, Profile::Strict);
    let options = files::import_options(parameters, &FileOptions::default())?;
    let file = Cursor::new(file);
    let report = match resource.as_str() {
        "contacts" => session.contacts().import(file, &options),
        "companies" => session.companies().import(file, &options),
        "deals" => session.deals().import(file, &options),
        "activities" => session.activities().import(file, &options),
        _ => Err(Error::new(Code::NotFound, "there is no import of such records")),
    };
    Ok(ok(&json!(report?)))
}

pub(super) async fn reset(State(fake): State<Arc<Shared>>, slug: Path<String>) -> Answered {
    let tenant = tenant(&fake, &slug)?;
    tenant.reset();
    Ok(ok(&told(&tenant)))
}

pub(super) async fn snapshot(
    State(fake): State<Arc<Shared>>,
    slug: Path<String>,
    Json(asked): Json<Named>,
) -> Answered {
    let kept = tenant(&fake, &slug)?.world.snapshot(&asked.name)?;
    Ok(created(&json!({ "name": asked.name, "at": kept.at })))
}

pub(super) async fn snapshots(State(fake): State<Arc<Shared>>, slug: Path<String>) -> Answered {
    let kept = tenant(&fake, &slug)?.world.snapshots();
    Ok(ok(&kept.into_iter().map(|(name, at)| json!({ "name": name, "at": at })).collect()))
}

pub(super) async fn drop_snapshot(
    State(fake): State<Arc<Shared>>,
    Path((slug, name)): Path<(String, String)>,
) -> Answered {
    tenant(&fake, &Path(slug))?.world.drop_snapshot(&name)?;
    Ok(ok(&json!({ "name": name, "dropped": true })))
}

pub(super) async fn restore(
    State(fake): State<Arc<Shared>>,
    slug: Path<String>,
    Json(asked): Json<Named>,
) -> Answered {
    let tenant = tenant(&fake, &slug)?;
    tenant.restore(&asked.name)?;
    Ok(ok(&told(&tenant)))
}

pub(super) async fn fork(
    State(fake): State<Arc<Shared>>,
    slug: Path<String>,
    Json(asked): Json<Fork>,
) -> Answered {
    let fork = tenant(&fake, &slug)?.fork(asked.tenant.as_deref())?;
    Ok(created(&told(&fork)))
}

fn told(tenant: &FakeTenant) -> Value {
    let keys = tenant.keys();
    json!({
        "tenant": tenant.slug(),
        "id": tenant.id(),
        "url": tenant.url(),
        "apiKey": tenant.api_key(),
        "keys": { "read": keys.read, "write": keys.write, "admin": keys.admin },
        "clock": clock(tenant),
        "inboxUrl": tenant.inbox_url(),
    })
}
