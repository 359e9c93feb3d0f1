//! Handlers of calls behind one type, so that what surrounds a handler is compiled once and not for each of them.

use std::{fmt, pin::Pin, sync::Arc};

use axum::{
    extract::{FromRef, Request},
    handler::Handler,
    response::{IntoResponse, Response},
};

use crate::{
    app::{App, Apps},
    call::Call,
    problem::Problem,
};

type Answering<T> = Pin<Box<dyn Future<Output = T> + Send>>;

type Answerer = dyn Fn(App, Call) -> Answering<Result<Response, Problem>> + Send + Sync;

/// A handler of requests of authenticated callers.
#[derive(Clone)]
pub(crate) struct CallHandler(Arc<Answerer>);

impl CallHandler {
    pub(crate) fn new<F>(answer: impl Fn(App, Call) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Response, Problem>> + Send + 'static,
    {
        Self(Arc::new(move |app, call| Box::pin(answer(app, call))))
    }
}

impl Handler<(), Apps> for CallHandler {
    type Future = Answering<Response>;

    fn call(self, request: Request, apps: Apps) -> Self::Future {
        Box::pin(async move {
            let app = App::from_ref(&apps);
            let answered = match Call::of(request, app.clone()) {
                Ok(call) => self.0(app, call).await,
                Err(problem) => Err(problem),
            };
            answered.into_response()
        })
    }
}

impl fmt::Debug for CallHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallHandler").finish_non_exhaustive()
    }
}
