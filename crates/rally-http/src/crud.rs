//! The verbs that resources share, each written once.

use axum::response::Response;
use rally_core::{
    Collection, Deleted, Error, Faults, Id, Kind, Page, Session, WriteOptions, Written,
    schema::{Bulkable, Creatable, Editable, Resource, Row, Upsertable},
};

use serde::{Deserialize, de::IgnoredAny};

use crate::{
    answer,
    app::App,
    call::Call,
    conditional::{IfMatch, Preconditions},
    hashing::{Asker, Turn},
    lanes::Work,
    limits,
    parameters::{self, ListParameters},
    problem::Problem,
    query,
    route::{Method, Operation, Route, Verb},
};

/// A resource that is served under `/api`.
pub(crate) trait Served: Resource {
    /// The name of one record.
    const NOUN: &'static str = Self::KIND.noun();

    /// The deletion that hands the records which refer to one over to another, if there is one.
    const DELETE_FOR: Option<DeleteFor<Self>> = None;

    /// The tenant's records of this type.
    fn of(session: &Session) -> Collection<'_, Self>;
}

/// Deletes a record, and leads the references to it to another one.
pub(crate) type DeleteFor<R> = fn(&Session, Id<R>, Id<R>, &WriteOptions) -> Result<Deleted<R>, Error>;

type Answered = Result<Response, Problem>;

/// A write of one record by the JSON of a body.
type WriteOfJson<R> = fn(&Call, &[u8], &WriteOptions) -> Result<Written<Row<R>>, Error>;

/// List, get, create, update and delete.
pub(crate) fn crud<R: Served + Creatable>() -> Vec<Route> {
    let (all, one) = (all::<R>(), one::<R>());
    vec![
        list_route::<R>(),
        Route::new(Method::Post, &all, create::<R>, operation::<R>(Verb::Create)),
        Route::new(Method::Get, &one, get::<R>, operation::<R>(Verb::Get)),
        Route::new(Method::Put, &one, update::<R>, operation::<R>(Verb::Put)),
        patch_route::<R>(),
        Route::new(Method::Delete, &one, delete::<R>, operation::<R>(Verb::Delete)),
    ]
}

/// List alone.
pub(crate) fn list_route<R: Served>() -> Route {
    Route::new(Method::Get, &all::<R>(), list::<R>, Operation::reading::<R>(Verb::List, R::NOUN))
}

/// Update by `PATCH` alone.
pub(crate) fn patch_route<R: Served + Editable>() -> Route {
    Route::new(Method::Patch, &one::<R>(), update::<R>, operation::<R>(Verb::Patch))
}

/// Get and update of a part of a record.
pub(crate) fn part<R: Served + Editable>(path: &str) -> Vec<Route> {
    vec![
        Route::new(Method::Get, path, get::<R>, operation::<R>(Verb::GetPart)),
        Route::new(Method::Put, path, update::<R>, operation::<R>(Verb::PutPart)),
    ]
}

/// Create, or update the record that matches.
pub(crate) fn upsert<R: Served + Upsertable>() -> Vec<Route> {
    let path = format!("{}/upsert", all::<R>());
    vec![Route::new(Method::Put, &path, upsert_one::<R>, Operation::upserting::<R>(R::NOUN))]
}

/// Create many in one request.
pub(crate) fn bulk<R: Served + Bulkable>() -> Vec<Route> {
    let path = format!("{}/bulk", all::<R>());
    vec![Route::new(Method::Post, &path, create_many::<R>, operation::<R>(Verb::Bulk))]
}

fn all<R: Resource>() -> String {
    format!("/{}", R::KIND.plural())
}

fn one<R: Resource>() -> String {
    format!("{}/{{id}}", all::<R>())
}

fn operation<R: Served + Editable>(verb: Verb) -> Operation {
    Operation::on::<R>(verb, R::NOUN)
}

async fn list<R: Served>(app: App, call: Call) -> Answered {
    call.session.require(R::READ)?;
    let mut asked = parameters::list_query::<R>(call.parameters()?, call.model::<R>())?;
    let work = if asked.list.query.is_all() { Work::Read } else { Work::LongRead };
    let engine = app.clone();
    let answered = engine.run(work, call.party(), move || {
        let walk = app.walks().id(&call.session, R::KIND, list_of(&call, &asked.ignored)?);
        let (walk, now) = (walk.as_ref(), app.engine().clock().now());
        let offset = asked.list.offset;
        asked.list.not_behind = walk.and_then(|walk| app.walks().end_before(walk, offset, now));
        let page = R::of(&call.session).json().list(&asked.list)?;
        if let Some(walk) = walk {
            app.walks().note(walk, &asked.list, &page, now);
        }
        let mut response = answer::page(&page, &asked.fields)?;
        answer::write_links(&mut response, &call.path(), &links(&call, &asked, &page)?)?;
        Ok(response)
    });
    Ok(answered.await?)
}

/// The parameters that say which list is asked for, without those that say which part of it.
fn list_of(call: &Call, ignored: &[String]) -> Result<Vec<(String, String)>, Error> {
    let mut asked = query::pairs(call.uri.query())?;
    asked.retain(|(name, _)| {
        let is_of_page = matches!(name.as_str(), "offset" | "limit" | "fields" | "count");
        !is_of_page && !ignored.contains(name)
    });
    Ok(asked)
}

/// The pages around one of records.
fn links<R: Resource>(
    call: &Call,
    asked: &ListParameters<R>,
    page: &Page<Row<R>>,
) -> Result<Vec<(&'static str, String)>, Error> {
    let ListParameters { list, ignored, .. } = asked;
    let next = match page.records.last().filter(|_| page.has_more) {
        Some(last) if list.query.updated_since.is_some() => {
            Some(("updatedSince", last.updated_at()?.to_string()))
        }
        last => last.map(|last| ("after", last.id().to_string())),
    };
    other_pages(call, ignored, (list.limit, list.offset), next)
}

/// The pages around one of so many entries at an offset. The next one goes on behind the last entry, by the parameter that
/// says so, so that changes between pages make it neither skip nor repeat any; the page before one by offset is by offset,
/// too. If less than a page comes before it, the previous page begins at 0 and ends where this one begins.
pub(crate) fn other_pages(
    call: &Call,
    ignored: &[String],
    (limit, offset): (usize, u64),
    next: Option<(&'static str, String)>,
) -> Result<Vec<(&'static str, String)>, Error> {
    let other =
        |replaced: &[&str], added: &[(&str, &str)]| query::with(call.uri.query(), ignored, replaced, added);
    let at = |offset: u64| other(&["offset"], &[("offset", &offset.to_string())]);
    let step = u64::try_from(limit).map_err(Error::internal)?;
    let mut links = vec![("first", other(&["offset", "after"], &[("offset", "0")]))];
    if offset >= step {
        links.push(("prev", at(offset - step)));
    } else if offset > 0 {
        let rest = offset.to_string();
        links.push(("prev", other(&["offset", "limit"], &[("offset", "0"), ("limit", &rest)])));
    }
    if let Some((name, value)) = next {
        links.push(("next", other(&["offset", name], &[(name, &value)])));
    }
    Ok(links)
}

async fn get<R: Served>(app: App, call: Call) -> Answered {
    let answered = app.run(Work::Read, call.party(), move || {
        call.session.require(R::READ)?;
        let fields = parameters::fields(call.parameters()?, call.model::<R>())?;
        let row = R::of(&call.session).json().get(call.id()?)?;
        answer::record(&call, &row, &fields)
    });
    Ok(answered.await?)
}

async fn create<R: Served + Creatable>(app: App, mut call: Call) -> Answered {
    let json = call.json(R::WRITE, limits::BODY_BYTES).await?;
    let (work, turn) = work_on::<R>(&app, &call.session, &json).await?;
    let answered = app.run(work, call.party(), move || {
        let _turn = turn;
        call.take_no_parameters()?;
        let options =
            WriteOptions { idempotency_key: call.idempotency_key(&json)?, ..WriteOptions::default() };
        let written = R::of(&call.session).json().create(&json, &options)?;
        answer::written(&call, &written)
    });
    Ok(answered.await?)
}

async fn update<R: Served + Editable>(app: App, call: Call) -> Answered {
    change(app, call, |call, json, options| R::of(&call.session).json().update(call.id()?, json, options))
        .await
}

/// Updates one record by `write`, if the preconditions of the request hold.
pub(crate) async fn change<R: Editable>(app: App, mut call: Call, write: WriteOfJson<R>) -> Answered {
    let json = call.json(R::WRITE, limits::BODY_BYTES).await?;
    let (work, turn) = work_on::<R>(&app, &call.session, &json).await?;
    let answered = app.run(work, call.party(), move || {
        let _turn = turn;
        call.take_no_parameters()?;
        let idempotency_key = call.idempotency_key(&json)?;
        let preconditions = Preconditions::of(&call.headers)?;
        let written = preconditions.attempt(idempotency_key, |options| write(&call, &json, options))?;
        answer::written(&call, &written)
    });
    Ok(answered.await?)
}

/// The kind of work that the write of a record is, and the turn at hashing that it needs.
async fn work_on<R: Editable>(
    app: &App,
    session: &Session,
    json: &[u8],
) -> Result<(Work, Option<Turn>), Error> {
    if R::KIND != Kind::User || !has_password(json) {
        return Ok((Work::Write, None));
    }
    let turn = app.hashing().turn(Asker::authenticated(session)).await?;
    Ok((Work::LongWrite, Some(turn)))
}

/// True unless the body is JSON that gives no password.
fn has_password(json: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Given {
        password: Option<IgnoredAny>,
    }
    let given: Result<Given, _> = serde_json::from_slice(json);
    given.map_or(true, |given| given.password.is_some())
}

async fn delete<R: Served + Creatable>(app: App, call: Call) -> Answered {
    let answered = app.run(Work::LongWrite, call.party(), move || {
        call.session.require(R::WRITE)?;
        let mut parameters = call.parameters()?;
        let heir = R::DELETE_FOR.and_then(|delete| Some((delete, parameters.id("reassignTo")?)));
        parameters.finish()?;
        let (id, idempotency_key) = (call.id()?, call.idempotency_key(b"")?);
        let preconditions = Preconditions::of(&call.headers)?;
        let deleted = preconditions.attempt(idempotency_key, |options| match heir {
            Some((delete_for, heir)) => delete_for(&call.session, id, heir, options),
            None => R::of(&call.session).delete_with(id, options),
        })?;
        Ok(answer::deleted(&deleted))
    });
    Ok(answered.await?)
}

async fn upsert_one<R: Served + Upsertable>(app: App, mut call: Call) -> Answered {
    let json = call.json(R::WRITE, limits::BODY_BYTES).await?;
    let answered = app.run(Work::Write, call.party(), move || {
        call.take_no_parameters()?;
        let preconditions = Preconditions::of(&call.headers)?;
        if preconditions.if_match == IfMatch::Any {
            return Err(Faults::one("If-Match", "must name a version here").into());
        }
        let idempotency_key = call.idempotency_key(&json)?;
        let written = preconditions
            .attempt(idempotency_key, |options| R::of(&call.session).json().upsert(&json, options))?;
        answer::written(&call, &written)
    });
    Ok(answered.await?)
}

async fn create_many<R: Served + Bulkable>(app: App, mut call: Call) -> Answered {
    let json = call.json(R::WRITE, limits::BULK_BODY_BYTES).await?;
    let answered = app.run(Work::Bulk, call.party(), move || {
        let atomicity = parameters::atomicity(call.parameters()?)?;
        let options =
            WriteOptions { idempotency_key: call.idempotency_key(&json)?, ..WriteOptions::default() };
        let bulk = R::of(&call.session).json().create_many(&json, atomicity, &options)?;
        Ok(answer::bulk(&bulk))
    });
    Ok(answered.await?)
}
