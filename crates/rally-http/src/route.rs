use axum::{
    handler::Handler,
    response::Response,
    routing::{MethodFilter, MethodRouter, on},
};
use rally_core::{
    Scope,
    schema::{Editable, MatchedBy, Model, Resource, Upsertable},
};
use serde_json::Value;

use crate::{
    app::{App, Apps},
    call::Call,
    handler::CallHandler,
    problem::Problem,
};

/// One path and method, the handler that answers it, and its description for the OpenAPI document.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) path: String,
    pub(crate) method: Method,
    pub(crate) handler: MethodRouter<Apps>,
    pub(crate) operation: Operation,
}

/// The methods that routes have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

/// The description of a route in the OpenAPI document.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operation {
    /// A verb on records of a kind.
    Records(Records),
    /// An operation that one resource alone has.
    Special(&'static Special),
    /// A file of the records of a kind.
    File(FileOperation),
    /// A page for the operator of the server.
    Page(&'static Page),
}

/// A file of the records of a kind, which goes out or comes in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileOperation {
    pub(crate) act: FileAct,
    /// The name of one record.
    pub(crate) noun: &'static str,
    pub(crate) model: &'static Model,
    pub(crate) scope: Scope,
}

/// The way of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileAct {
    Export,
    ExportWorkbook,
    Template,
    Import,
}

/// A verb on records of a kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Records {
    pub(crate) verb: Verb,
    /// The name of one record.
    pub(crate) noun: &'static str,
    pub(crate) model: &'static Model,
    pub(crate) scope: Scope,
    /// The members by which an upsert finds its record.
    pub(crate) matched_by: Option<MatchedBy>,
}

/// An operation that one resource alone has. The file of the resource holds its description.
#[derive(Debug)]
pub(crate) struct Special {
    /// The operation's id in the document.
    pub(crate) id: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) description: &'static str,
    /// The scope that it needs; `None` for one that asks for no credential.
    pub(crate) scope: Option<Scope>,
    /// Names of parameters among the document's components.
    pub(crate) parameters: &'static [&'static str],
    pub(crate) body: Option<BodySpec>,
    pub(crate) answer: ResponseSpec,
    /// Schemas that it adds to the document.
    pub(crate) schemas: &'static [Schema],
}

/// The body of a request.
#[derive(Debug)]
pub(crate) struct BodySpec {
    /// The name of its schema.
    pub(crate) schema: &'static str,
    pub(crate) example: fn() -> Value,
}

/// The response to a request that succeeds.
#[derive(Debug)]
pub(crate) struct ResponseSpec {
    pub(crate) status: u16,
    pub(crate) description: &'static str,
    pub(crate) body: AnswerBody,
    /// An example of the body, or of one element of it.
    pub(crate) example: fn() -> Value,
    /// Headers beside those of every response.
    pub(crate) headers: &'static [&'static str],
}

/// The body of a response, by the name of its schema.
#[derive(Debug)]
pub(crate) enum AnswerBody {
    One(&'static str),
    ListOf(&'static str),
}

/// A page for the operator of the server.
#[derive(Debug)]
pub(crate) struct Page {
    /// The operation's id in the document.
    pub(crate) id: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) description: &'static str,
    pub(crate) content_type: &'static str,
    /// The schema of the page, if it is JSON of a fixed form.
    pub(crate) schema: Option<&'static Schema>,
    pub(crate) example: fn() -> Value,
    /// Responses to failures, by their names among the document's components.
    pub(crate) failures: &'static [(&'static str, &'static str)],
}

/// A schema that one operation alone has.
#[derive(Debug)]
pub(crate) struct Schema {
    pub(crate) name: &'static str,
    pub(crate) json: fn() -> Value,
}

/// A verb that resources share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    List,
    Create,
    Get,
    Put,
    Patch,
    Delete,
    Upsert,
    Bulk,
    /// Get a part of a record.
    GetPart,
    /// Update a part of a record.
    PutPart,
    /// List the changes of a record.
    History,
}

impl Route {
    /// A route for authenticated callers.
    pub(crate) fn new<F>(
        method: Method,
        path: &str,
        handler: impl Fn(App, Call) -> F + Send + Sync + 'static,
        operation: Operation,
    ) -> Self
    where
        F: Future<Output = Result<Response, Problem>> + Send + 'static,
    {
        Self::open(method, path, CallHandler::new(handler), operation)
    }

    /// A route that asks for no credential.
    pub(crate) fn open<T: 'static>(
        method: Method,
        path: &str,
        handler: impl Handler<T, Apps>,
        operation: Operation,
    ) -> Self {
        Self { path: path.to_owned(), method, handler: on(method.filter(), handler), operation }
    }
}

impl Method {
    const fn filter(self) -> MethodFilter {
        match self {
            Self::Get => MethodFilter::GET,
            Self::Post => MethodFilter::POST,
            Self::Put => MethodFilter::PUT,
            Self::Patch => MethodFilter::PATCH,
            Self::Delete => MethodFilter::DELETE,
        }
    }

    /// The name in lower case, as OpenAPI has it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Post => "post",
            Self::Put => "put",
            Self::Patch => "patch",
            Self::Delete => "delete",
        }
    }
}

impl Operation {
    /// A verb on records that are called `noun` and can be written.
    pub(crate) fn on<R: Editable>(verb: Verb, noun: &'static str) -> Self {
        let scope = if verb.is_read() { R::READ } else { R::WRITE };
        Self::Records(Records { verb, noun, model: R::model(), scope, matched_by: None })
    }

    /// A verb that reads records that are called `noun`.
    pub(crate) fn reading<R: Resource>(verb: Verb, noun: &'static str) -> Self {
        Self::Records(Records { verb, noun, model: R::model(), scope: R::READ, matched_by: None })
    }

    /// An upsert of records that are called `noun`.
    pub(crate) fn upserting<R: Upsertable>(noun: &'static str) -> Self {
        let matched_by = Some(R::matched_by());
        Self::Records(Records { verb: Verb::Upsert, noun, model: R::model(), scope: R::WRITE, matched_by })
    }
}

impl Verb {
    pub(crate) const fn is_read(self) -> bool {
        matches!(self, Self::List | Self::Get | Self::GetPart | Self::History)
    }
}
