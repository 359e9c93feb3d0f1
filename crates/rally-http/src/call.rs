use axum::{
    body::{Body, Bytes, HttpBody},
    extract::{OriginalUri, Request},
    http::{Extensions, HeaderMap, HeaderName, Method, Uri, request::Parts},
};
use rally_core::{
    Code, Error, Faults, Id, IdempotencyKey, Scope, Session,
    schema::{Model, Resource},
};

use crate::{
    app::App,
    body::{self, Terms},
    budget::Holder,
    lanes::Party,
    limits,
    object::numbers,
    parameters::Parameters,
    problem::Problem,
    query,
    stopping::Stopping,
};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A request of an authenticated caller.
pub(crate) struct Call {
    pub(crate) session: Session,
    /// Tells of the end of the server; `None` where nobody says when it ends.
    pub(crate) stopping: Option<Stopping>,
    /// The path that a host has nested the router under; empty at the root.
    mount: String,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    method: Method,
    body: Body,
    app: App,
}

impl Call {
    /// The call that a request is, once the middleware has let it in.
    pub(crate) fn of(request: Request, app: App) -> Result<Self, Problem> {
        let (Parts { method, uri, headers, mut extensions, .. }, body) = request.into_parts();
        let session = extensions.remove().ok_or_else(|| Error::internal("the middleware left no session"))?;
        let stopping = extensions.remove();
        let mount = mount(&uri, &extensions).to_owned();
        Ok(Self { session, stopping, mount, uri, headers, method, body, app })
    }

    /// The party that the engine works for.
    pub(crate) fn party(&self) -> Party {
        Party::Tenant(self.session.tenant().id)
    }

    /// The members that the tenant's records of a type have.
    pub(crate) fn model<R: Resource>(&self) -> &'static Model {
        self.session.tenant().model::<R>()
    }

    /// The parameters of the query.
    pub(crate) fn parameters(&self) -> Result<Parameters, Error> {
        Ok(Parameters::new(query::pairs(self.uri.query())?, self.session.tenant().profile))
    }

    /// Refuses any parameter, if the tenant's profile is strict.
    pub(crate) fn take_no_parameters(&self) -> Result<(), Error> {
        self.parameters()?.finish().map(drop)
    }

    /// The id that the path has after the plural of its kind. A text that is no id is the name of no record.
    pub(crate) fn id<R: Resource>(&self) -> Result<Id<R>, Error> {
        self.id_behind(R::KIND.plural(), R::KIND.noun())
    }

    /// The id that the path has after a segment.
    pub(crate) fn id_behind<R>(&self, segment: &str, noun: &str) -> Result<Id<R>, Error> {
        let mut segments = self.uri.path().split('/').skip_while(|known| *known != segment);
        let Some(id) = segments.nth(1) else { return Err(Error::internal("this path has no id")) };
        id.parse().map_err(|_| Error::new(Code::NotFound, format!("there is no such {noun}")))
    }

    /// The JSON of the body, for a caller with this scope.
    pub(crate) async fn json(&mut self, scope: Scope, limit: usize) -> Result<Bytes, Problem> {
        self.session.require(scope)?;
        let terms = Terms {
            budget: self.app.budget(),
            config: self.app.config(),
            holder: Holder::Tenant(self.session.tenant().id),
            limit,
            timeout: self.app.config().body_timeout,
            incomplete: Code::MalformedJson,
        };
        body::read(&self.headers, std::mem::take(&mut self.body), &terms).await
    }

    /// The JSON of a body that may be left out, for a caller with this scope.
    pub(crate) async fn optional_json(&mut self, scope: Scope, limit: usize) -> Result<Bytes, Problem> {
        if self.body.is_end_stream() {
            self.session.require(scope)?;
            return Ok(Bytes::new());
        }
        self.json(scope, limit).await
    }

    /// Reads a body that has no member, or none at all, of a caller with this scope.
    pub(crate) async fn take_no_members(&mut self, scope: Scope) -> Result<(), Problem> {
        let json = self.optional_json(scope, limits::BODY_BYTES).await?;
        let [] = numbers(&json, [], self.session.tenant().profile)?;
        Ok(())
    }

    /// The path that the caller has sent.
    pub(crate) fn path(&self) -> String {
        format!("{}{}", self.mount, self.uri.path())
    }

    /// The path of a record, under `/api/v1` or `/api` as the request's own path is.
    pub(crate) fn path_of<R: Resource>(&self, id: Id<R>) -> String {
        let base = if self.uri.path().starts_with("/api/v1/") { "/api/v1" } else { "/api" };
        format!("{}{base}/{}/{id}", self.mount, R::KIND.plural())
    }

    /// The idempotency key of this write. The same path under `/api` and `/api/v1` is the same request.
    pub(crate) fn idempotency_key(&self, body: &[u8]) -> Result<Option<IdempotencyKey>, Error> {
        let Some(key) = self.idempotency_text()? else { return Ok(None) };
        let path =
            below_api(self.uri.path()).ok_or_else(|| Error::internal("this path is not under /api"))?;
        let query = self.uri.query().unwrap_or_default();
        let content = [self.method.as_str().as_bytes(), path.as_bytes(), query.as_bytes(), body];
        named_key(&key, &content).map(Some)
    }

    /// The text of the idempotency key, for a write that is many transactions.
    pub(crate) fn idempotency_text(&self) -> Result<Option<String>, Error> {
        let mut keys = self.headers.get_all(IDEMPOTENCY_KEY).iter();
        let Some(key) = keys.next() else { return Ok(None) };
        if keys.next().is_some() {
            return Err(faulty_key("is given twice"));
        }
        // Bytes that are not UTF-8 become a character that no key may have.
        let key = String::from_utf8_lossy(key.as_bytes()).into_owned();
        named_key(&key, &[])?;
        Ok(Some(key))
    }

    /// Takes the body, for a caller with this scope.
    pub(crate) fn take_body(&mut self, scope: Scope) -> Result<Body, Error> {
        self.session.require(scope)?;
        Ok(std::mem::take(&mut self.body))
    }
}

/// A key whose faults have the name of the header.
fn named_key(key: &str, content: &[&[u8]]) -> Result<IdempotencyKey, Error> {
    IdempotencyKey::new(key, content).map_err(|error| {
        match error.faults().by_member().values().flatten().next() {
            Some(phrase) => faulty_key(phrase),
            None => error,
        }
    })
}

/// A fault of the key, under the name of the header.
fn faulty_key(phrase: &str) -> Error {
    Faults::one("Idempotency-Key", phrase).into()
}

/// The path that a host has nested the router under, which is what the caller's path has before the router's own;
/// empty if the host has nested it nowhere, or keeps that to itself.
pub(crate) fn mount<'r>(uri: &Uri, extensions: &'r Extensions) -> &'r str {
    let Some(OriginalUri(whole)) = extensions.get() else { return "" };
    whole.path().strip_suffix(uri.path()).unwrap_or("")
}

/// A path without `/api/v1` or `/api`; `None` for a path under neither.
pub(crate) fn below_api(path: &str) -> Option<&str> {
    path.strip_prefix("/api/v1").or_else(|| path.strip_prefix("/api"))
}
