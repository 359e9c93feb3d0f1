use axum::{
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use rally_core::{Caller, Error, Faults, Id, Scope, Session, User};
use serde_json::{Map, Value, json};

use crate::{
    answer,
    app::App,
    body::{self, Terms},
    budget::Holder,
    call::Call,
    caller::{source, write_allowance},
    credentials::Credentials,
    lanes::{Party, Work},
    limits,
    logins::{Attempt, Refused},
    openapi::{instant, reference},
    problem::Problem,
    route::{AnswerBody, Method, Operation, ResponseSpec, Route, Schema, Special},
};

/// The path of the one route under `/api` that asks for no credential.
pub(crate) const LOG_IN: &str = "/auth/login";

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::Post, LOG_IN, log_in, Operation::Special(&LOG_IN_USER)),
        Route::new(Method::Get, "/auth/me", me, Operation::Special(&GET_CALLER)),
    ]
}

static LOG_IN_USER: Special = Special {
    id: "logIn",
    summary: "Log a user in",
    description: Some("The tenant is the one that the host names, or else `tenant`."),
    scope: None,
    parameters: &[],
    body: Some("LogIn"),
    answer: ResponseSpec {
        status: 200,
        description: "A token for the user",
        body: AnswerBody::One("Token"),
        headers: &[],
    },
    schemas: &[
        Schema { name: "LogIn", json: Credentials::schema },
        Schema { name: "Token", json: token_schema },
    ],
};

static GET_CALLER: Special = Special {
    id: "getCaller",
    summary: "Get the caller's own name and scope",
    description: None,
    scope: Some(Scope::Read),
    parameters: &[],
    body: None,
    answer: ResponseSpec {
        status: 200,
        description: "The user or the API key that the credential belongs to",
        body: AnswerBody::One("Caller"),
        headers: &[],
    },
    schemas: &[Schema { name: "Caller", json: caller_schema }],
};

async fn log_in(State(app): State<App>, request: Request) -> Response {
    match opened(&app, request).await {
        Ok(session) => answered(app, session).await.unwrap_or_else(IntoResponse::into_response),
        Err(Refused { problem, allowance }) => {
            let mut response = problem.into_response();
            if let Some(allowance) = allowance {
                write_allowance(&allowance, response.headers_mut());
            }
            answer::forbid_storing(&mut response);
            response
        }
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

async fn me(State(app): State<App>, call: Call) -> Result<Response, Problem> {
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
    let mut members = Map::from_iter([
        ("kind".to_owned(), json!(kind)),
        ("id".to_owned(), id),
        ("name".to_owned(), json!(name)),
        ("scopes".to_owned(), json!(session.scope().with_lower())),
        ("tenantId".to_owned(), json!(tenant.id)),
        ("tenantSlug".to_owned(), json!(tenant.slug)),
    ]);
    members.extend(email.map(|email| ("email".to_owned(), json!(email))));
    members.extend(session.ends_at().map(|end| ("expiresAt".to_owned(), json!(end))));
    members
}

fn token_schema() -> Value {
    json!({
        "type": "object",
        "required": ["token", "tokenType", "expiresAt", "user"],
        "properties": {
            "token": { "type": "string", "description": "For `Authorization: Bearer`" },
            "tokenType": { "type": "string", "const": "Bearer" },
            "expiresAt": instant(),
            "user": reference("User"),
        },
    })
}

fn caller_schema() -> Value {
    json!({
        "type": "object",
        "required": ["kind", "id", "name", "scopes", "tenantId", "tenantSlug"],
        "properties": {
            "kind": { "type": "string", "enum": ["user", "apiKey"] },
            "id": { "type": "string", "format": "uuid" },
            "name": { "type": "string" },
            "email": { "type": "string", "format": "email" },
            "scopes": { "type": "string", "description": "Scopes separated by commas" },
            "tenantId": { "type": "string", "format": "uuid" },
            "tenantSlug": { "type": "string" },
            "expiresAt": instant(),
        },
    })
}
