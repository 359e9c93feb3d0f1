use axum::{extract::State, response::Response};
use rally_core::{FeedEntry, FeedFrom, FeedQuery, Scope};

use crate::{
    answer,
    app::App,
    call::Call,
    problem::Problem,
    query,
    route::{Method, Operation, Route},
};

pub(crate) fn routes() -> Vec<Route> {
    vec![Route::new(Method::Get, "/sync/changes", list_changes, Operation::Changes)]
}

async fn list_changes(State(app): State<App>, call: Call) -> Result<Response, Problem> {
    let answered = app.read(move || {
        call.session.require(Scope::Read)?;
        let (feed, fields) = FeedQuery::parse(&call.parameters()?, call.profile())?;
        let changes = call.session.changes(&feed)?;
        let mut response = answer::changes(&changes, &fields)?;
        if let Some(last) = changes.last().filter(|_| changes.len() == feed.limit) {
            let next = next(&call, feed.from, last);
            answer::write_links(&mut response, &call.path(), &[("next", next)])?;
        }
        Ok(response)
    });
    Ok(answered.await?)
}

/// The query that goes on behind an entry, in the way in which this one was asked.
fn next(call: &Call, from: FeedFrom, last: &FeedEntry) -> String {
    let (name, value) = match from {
        FeedFrom::Since(_) => ("since", last.changed_at.to_string()),
        FeedFrom::After(_) => ("after", last.id.to_string()),
    };
    query::with(call.uri.query(), &["since", "after"], &[(name, &value)])
}
