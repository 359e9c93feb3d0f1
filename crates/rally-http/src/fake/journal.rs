//! The last requests of a tenant.

use std::{collections::VecDeque, fmt::Write, sync::Arc};

use axum::{
    body::{Body, Bytes, HttpBody},
    http::{HeaderMap, HeaderName, header},
};
use parking_lot::Mutex;
use rally_core::Timestamp;
use serde::Serialize;

use super::limits;
use crate::pieces;

/// A request that was made of the API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestMade {
    /// Its number, from 1 on.
    pub number: u64,
    /// The instant, by the tenant's clock.
    pub at: Timestamp,
    /// The method.
    pub method: String,
    /// The path of the API's document without `/api/v1`; `None` for a path that no route has.
    pub route: Option<&'static str>,
    /// The path and the query as they came.
    pub path: String,
    /// The status; `None` where no answer was sent.
    pub status: Option<u16>,
    /// The id of the fault that has touched it.
    pub fault: Option<String>,
    /// The time that it took.
    pub duration_micros: u64,
    /// The beginning of its credential.
    pub credential: Option<String>,
    /// A line for a shell that repeats it, with its credential and the beginning of its body.
    pub curl: String,
}

/// The last requests of a tenant, in bounded room.
#[derive(Debug, Default)]
pub(crate) struct Journal(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    made: u64,
    bytes: usize,
    kept: VecDeque<Arc<RequestMade>>,
}

/// The requests that are asked for; all of them by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) method: Option<String>,
    pub(crate) route: Option<String>,
    pub(crate) status: Option<u16>,
    pub(crate) fault: Option<String>,
    /// Only requests behind this number.
    pub(crate) after: u64,
}

impl Journal {
    /// Notes a request, whose number is the next one.
    pub(crate) fn note(&self, mut request: RequestMade) {
        let mut state = self.0.lock();
        state.made += 1;
        request.number = state.made;
        state.bytes += request.bytes();
        state.kept.push_back(Arc::new(request));
        while state.kept.len() > limits::REQUESTS || state.bytes > limits::REQUEST_BYTES {
            let Some(oldest) = state.kept.pop_front() else { break };
            state.bytes -= oldest.bytes();
        }
    }

    /// The requests that are wanted, oldest first.
    pub(crate) fn all(&self, wanted: &Wanted) -> Vec<Arc<RequestMade>> {
        let state = self.0.lock();
        state.kept.iter().filter(|request| wanted.has(request)).cloned().collect()
    }

    /// The requests that none of some names has, each a method and a route; without names, those that have failed by no
    /// fault.
    pub(crate) fn unexpected(&self, expected: &[String]) -> Vec<Arc<RequestMade>> {
        let is_expected = |request: &RequestMade| {
            if expected.is_empty() {
                return request.fault.is_some() || request.status.is_some_and(|status| status < 400);
            }
            let name = format!("{} {}", request.method, request.route.unwrap_or(&request.path));
            expected.contains(&name)
        };
        self.0.lock().kept.iter().filter(|request| !is_expected(request)).cloned().collect()
    }

    /// Forgets all requests; answers their number.
    pub(crate) fn forget(&self) -> usize {
        let mut state = self.0.lock();
        let forgotten = state.kept.len();
        *state = State { made: state.made, ..State::default() };
        forgotten
    }
}

impl Wanted {
    fn has(&self, request: &RequestMade) -> bool {
        let is = |wanted: &Option<String>, has: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| has == Some(wanted))
        };
        request.number > self.after
            && is(&self.method, Some(&request.method))
            && is(&self.route, request.route)
            && is(&self.fault, request.fault.as_deref())
            && self.status.is_none_or(|status| request.status == Some(status))
    }
}

impl RequestMade {
    fn bytes(&self) -> usize {
        let texts =
            [&self.method, &self.path, &self.curl].into_iter().chain(&self.fault).chain(&self.credential);
        size_of::<Self>() + texts.map(String::len).sum::<usize>()
    }
}

/// Headers that a repeated request needs.
const REPEATED: [HeaderName; 7] = [
    HeaderName::from_static("x-api-key"),
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    HeaderName::from_static("idempotency-key"),
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    HeaderName::from_static("prefer"),
];

/// The line for a shell that repeats a request.
pub(crate) fn curl(method: &str, url: &str, headers: &HeaderMap, body: &[u8]) -> String {
    let mut line = format!("curl -X {method} {}", quoted(url));
    for name in &REPEATED {
        for value in headers.get_all(name) {
            let header = format!("{name}: {}", String::from_utf8_lossy(value.as_bytes()));
            // Writing to a text never fails.
            let _written = write!(line, " -H {}", quoted(&header));
        }
    }
    if !body.is_empty() {
        let _written = write!(line, " --data-raw {}", quoted(&String::from_utf8_lossy(body)));
    }
    line
}

/// A text as one word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A body, and the beginning of it that has come so far.
pub(crate) fn remembered(body: Body) -> (Body, Arc<Mutex<Vec<u8>>>) {
    let beginning = Arc::<Mutex<Vec<u8>>>::default();
    if body.is_end_stream() {
        return (body, beginning);
    }
    let come = Arc::clone(&beginning);
    let remember = move |bytes: Bytes| {
        let mut beginning = come.lock();
        let room = limits::REMEMBERED_BODY_BYTES.saturating_sub(beginning.len());
        beginning.extend_from_slice(bytes.get(..bytes.len().min(room)).unwrap_or_default());
        bytes
    };
    (pieces::seen(body, remember), beginning)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(path: String) -> RequestMade {
        RequestMade {
            number: 0,
            at: Timestamp::from_micros(0),
            method: "GET".to_owned(),
            route: None,
            path,
            status: Some(404),
            fault: None,
            duration_micros: 1,
            credential: None,
            curl: String::new(),
        }
    }

    #[test]
    fn the_last_requests_are_kept_by_number_and_by_bytes() {
        let journal = Journal::default();
        for number in 0..=limits::REQUESTS {
            journal.note(request(number.to_string()));
        }
        let all = journal.all(&Wanted::default());
        assert_eq!((all.len(), all[0].number), (limits::REQUESTS, 2));
        let large = "x".repeat(limits::REQUEST_BYTES / 4);
        for _ in 0..8 {
            journal.note(request(large.clone()));
        }
        assert_eq!(journal.all(&Wanted::default()).len(), 3);
        assert_eq!((journal.forget(), journal.all(&Wanted::default()).len()), (3, 0));
        assert!(journal.0.lock().bytes == 0 && journal.0.lock().made > 10_000);
    }

    #[test]
    fn a_line_for_a_shell_is_quoted() {
        let mut headers = HeaderMap::new();
        headers.insert("x-api-key", "rk_test_x".parse().unwrap());
        headers.insert("x-other", "1".parse().unwrap());
        let line = curl("POST", "http://h/a?b=1", &headers, b"{\"name\":\"O'Hara\"}");
        assert_eq!(
            line,
            r#"curl -X POST 'http://h/a?b=1' -H 'x-api-key: rk_test_x' --data-raw '{"name":"O'\''Hara"}'"#
        );
    }
}
