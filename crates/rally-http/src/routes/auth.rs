use axum::{
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use rally_core::{Caller, Code, Error, Faults, Id, Scope, Session, User, schema::Resource};
use serde_json::{Map, Value, json};

use crate::{
    answer,
    app::App,
    body::{self, Terms},
    budget::Holder,
    call::Call,
    caller::{source, write_allowance},
    credentials::Credentials,
    crud::Served,
    lanes::{Party, Work},
    limits,
    logins::{Attempt, Refused},
    metrics::{AuthFailure, Limit},
    object::object_of,
    openapi::{ID, INSTANT, example, instant, reference, told, uuid},
    problem::{Failure, Problem},
    route::{AnswerBody, BodySpec, Method, Operation, ResponseSpec, Route, Schema, Special},
};

/// The path of the one route under `/api` that asks for no credential.
pub(crate) const LOG_IN: &str = "/auth/login";

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::open(Method::Post, LOG_IN, log_in, Operation::Special(&LOG_IN_USER)),
        Route::new(Method::Get, "/auth/me", me, Operation::Special(&GET_CALLER)),
    ]
}

static LOG_IN_USER: Special = Special {
    id: "logIn",
    summary: "Log a user in",
    description: "The tenant is the one that the host names, or else `tenant`. The answer to a wrong password is that to an unknown \
                  user.",
    scope: None,
    parameters: &[],
    body: Some(BodySpec {
        schema: "LogIn",
        example: || json!({ "email": EMAIL, "password": "correct horse battery", "tenant": "demo" }),
    }),
    answer: ResponseSpec {
        status: 200,
        description: "A token for the user.",
        body: AnswerBody::One("Token"),
        example: token_example,
        headers: &[],
    },
    schemas: &[
        Schema { name: "LogIn", json: Credentials::schema },
        Schema { name: "Token", json: token_schema },
        Schema { name: "TokenType", json: token_type },
    ],
};

static GET_CALLER: Special = Special {
    id: "getCaller",
    summary: "Get the caller's own name and scope",
    description: "The user or the API key that the credential of the request belongs to.",
    scope: Some(Scope::Read),
    parameters: &[],
    body: None,
    answer: ResponseSpec {
        status: 200,
        description: "The user or the API key that the credential belongs to.",
        body: AnswerBody::One("Caller"),
        example: caller_example,
        headers: &[],
    },
    schemas: &[
        Schema { name: "Caller", json: caller_schema },
        Schema { name: "CallerKind", json: caller_kind },
    ],
};

async fn log_in(State(app): State<App>, request: Request) -> Response {
    match opened(&app, request).await {
        Ok(session) => answered(app, session).await.unwrap_or_else(IntoResponse::into_response),
        Err(Refused { problem, allowance }) => {
            note_refusal(&app, &problem);
            let mut response = problem.into_response();
            if let Some(allowance) = allowance {
                write_allowance(&allowance, response.headers_mut());
            }
            answer::forbid_storing(&mut response);
            response
        }
    }
}

/// Counts a login that was refused.
fn note_refusal(app: &App, problem: &Problem) {
    let metrics = &app.config().metrics;
    match problem {
        Problem::Protocol(Failure::RateLimited, _) => metrics.note_rate_limited(Limit::Login),
        Problem::Engine(error) if error.code() == Code::Unauthorized => {
            metrics.note_auth_failure(AuthFailure::Login);
        }
        _ => {}
    }
}

/// Opens the session of the user whom a request logs in.
async fn opened(app: &App, request: Request) -> Result<Session, Refused> {
    let named = app.named_tenant(&request).map(str::to_owned);
    let source = source(&request);
    let (parts, body) = request.into_parts();
    let terms = Terms {
        budget: app.budget(),
        config: app.config(),
        holder: Holder::Source(source),
        limit: limits::LOGIN_BODY_BYTES,
        timeout: app.config().body_timeout,
        incomplete: Code::MalformedJson,
    };
    let json = body::read(&parts.headers, body, &terms).await?;
    let Credentials { email, password, tenant } = Credentials::read(&json)?;
    let tenant = match (named, tenant) {
        // No tenant has an empty name, so the answer is that for an unknown tenant.
        (Some(named), Some(said)) if !named.eq_ignore_ascii_case(&said) => String::new(),
        (Some(tenant), _) | (None, Some(tenant)) => tenant.to_ascii_lowercase(),
        (None, None) => {
            return Err(Error::from(Faults::one("tenant", "is required, as the host names none")).into());
        }
    };
    app.logins().log_in(Attempt { tenant, email, password, source }).await
}

async fn answered(app: App, session: Session) -> Result<Response, Problem> {
    let (signer, party) = (app.clone(), Party::Tenant(session.tenant().id));
    let body = app.run(Work::Write, party, move || {
        let Caller::User { id, .. } = session.caller() else { return Err(Error::unauthorized()) };
        let token = signer.tokens().sign(&session)?;
        let mut user = Vec::new();
        let row = session.users().json().get(Id::from_uuid(*id))?;
        row.write_json(session.tenant().model::<User>().whole(), &mut user)?;
        let user: Value = serde_json::from_slice(&user).map_err(Error::internal)?;
        Ok(json!({ "token": token.text, "tokenType": "Bearer", "expiresAt": token.expires_at, "user": user }))
    });
    let mut response = answer::json(StatusCode::OK, body.await?.to_string().into_bytes());
    answer::forbid_storing(&mut response);
    Ok(response)
}

async fn me(app: App, call: Call) -> Result<Response, Problem> {
    let answered = app.run(Work::Read, call.party(), move || {
        call.session.require(Scope::Read)?;
        call.take_no_parameters()?;
        Ok(answer::json(StatusCode::OK, Value::from(caller(&call.session)).to_string().into_bytes()))
    });
    let mut response = answered.await?;
    answer::forbid_storing(&mut response);
    Ok(response)
}

/// The JSON of the caller of a session.
fn caller(session: &Session) -> Map<String, Value> {
    let tenant = session.tenant();
    let (kind, id, name, email) = match session.caller() {
        Caller::User { id, email, name, .. } => ("user", json!(id), name, Some(email)),
        Caller::ApiKey { id, name } => ("apiKey", json!(id), name, None),
        Caller::Host { name } => ("host", Value::Null, name, None),
    };
    let mut members = object_of([
        ("kind", json!(kind)),
        ("id", id),
        ("name", json!(name)),
        ("scopes", json!(session.scope().with_lower())),
        ("tenantId", json!(tenant.id)),
        ("tenantSlug", json!(tenant.slug)),
    ]);
    members.extend(email.map(|email| ("email".to_owned(), json!(email))));
    members.extend(session.ends_at().map(|end| ("expiresAt".to_owned(), json!(end))));
    members
}

/// The name of a user in examples.
const EMAIL: &str = "mary@analytical.example";
/// The beginning of a token in examples.
const TOKEN: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9…";

fn token_schema() -> Value {
    let text = json!({ "type": "string" });
    let user = example(User::model(), User::NOUN);
    json!({
        "type": "object",
        "description": "The token of a user who has logged in.",
        "required": ["token", "tokenType", "expiresAt", "user"],
        "properties": {
            "token": told(text, "For `Authorization: Bearer`.", json!(TOKEN)),
            "tokenType": told(reference("TokenType"), "The kind of the token.", json!("Bearer")),
            "expiresAt": told(instant(), "The instant at which it expires.", json!(INSTANT)),
            "user": told(reference("User"), "The user.", user),
        },
    })
}

fn token_type() -> Value {
    json!({ "type": "string", "enum": ["Bearer"], "description": "The kind of a token." })
}

fn token_example() -> Value {
    let user = example(User::model(), User::NOUN);
    json!({ "token": TOKEN, "tokenType": "Bearer", "expiresAt": INSTANT, "user": user })
}

fn caller_schema() -> Value {
    let text = || json!({ "type": "string" });
    let email = json!({ "type": "string", "format": "email" });
    json!({
        "type": "object",
        "description": "The caller of a request.",
        "required": ["kind", "id", "name", "scopes", "tenantId", "tenantSlug"],
        "properties": {
            "kind": told(reference("CallerKind"), "The kind of the caller.", json!("user")),
            "id": told(uuid(), "The user or the API key.", json!(ID)),
            "name": told(text(), "Its name.", json!("Mary Somerville")),
            "email": told(email, "The address of a user.", json!(EMAIL)),
            "scopes": told(text(), "Its scopes, separated by commas.", json!("read,write")),
            "tenantId": told(uuid(), "The tenant that it belongs to.", json!(ID)),
            "tenantSlug": told(text(), "The slug of the tenant.", json!("acme")),
            "expiresAt": told(instant(), "The instant at which the credential expires.", json!(INSTANT)),
        },
    })
}

fn caller_kind() -> Value {
    json!({ "type": "string", "enum": ["user", "apiKey"], "description": "The kind of a caller." })
}

fn caller_example() -> Value {
    json!({
        "kind": "user",
        "id": ID,
        "name": "Mary Somerville",
        "email": EMAIL,
        "scopes": "read,write",
        "tenantId": ID,
        "tenantSlug": "acme",
        "expiresAt": INSTANT,
    })
}
