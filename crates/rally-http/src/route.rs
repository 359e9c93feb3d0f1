use axum::{
    handler::Handler,
    routing::{MethodFilter, MethodRouter, on},
};
use rally_core::{Editable, Kind, Model, Resource, Scope};

use crate::app::App;

/// One path and method, the handler that answers it, and its description for the OpenAPI document.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) path: String,
    pub(crate) method: Method,
    pub(crate) handler: MethodRouter<App>,
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

/// What a route does, as the OpenAPI document tells it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operation {
    /// A verb on records of a kind.
    Records { verb: Verb, noun: &'static str, kind: Kind, model: &'static Model, scope: Scope },
    /// The change feed.
    Changes,
    /// The login of a user.
    LogIn,
    /// The caller's own name and scope.
    Me,
    /// Something for the operator of the server, or a page about it.
    Operating { id: &'static str, summary: &'static str, content_type: &'static str },
}

/// What can be done with records.
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
    /// Of something that is a part of a record.
    GetPart,
    PutPart,
    /// An API key, which is shown once.
    Mint,
    /// An API key, which then works no more.
    Revoke,
    /// A deal to another stage.
    Move,
    /// What a pipeline's deals come to.
    Forecast,
}

impl Route {
    pub(crate) fn new<T: 'static>(
        method: Method,
        path: &str,
        handler: impl Handler<T, App>,
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
        Self::Records { verb, noun, kind: R::KIND, model: R::model(), scope }
    }

    /// A verb that reads records that are called `noun`.
    pub(crate) fn reading<R: Resource>(verb: Verb, noun: &'static str) -> Self {
        Self::Records { verb, noun, kind: R::KIND, model: R::model(), scope: R::READ }
    }
}

impl Verb {
    pub(crate) const fn is_read(self) -> bool {
        matches!(self, Self::List | Self::Get | Self::GetPart | Self::Forecast)
    }
}
