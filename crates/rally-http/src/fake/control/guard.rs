//! The check that a request to the control plane comes from this machine, and the form of its failures.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderName, header, uri::Authority},
    middleware::Next,
    response::{IntoResponse, Response},
};
use rally_core::{Code, Error};

use super::super::shared::Shared;
use crate::{problem::Problem, request_id::X_REQUEST_ID};

/// Lets a request pass that comes from this machine and means it.
pub(super) async fn admit(State(fake): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let id = fake.lobby.request_ids().of(request.headers());
    let path = request.uri().path().to_owned();
    let mut response = match check(&request) {
        Ok(()) => next.run(request).await,
        Err(error) => Problem::from(error).into_response(),
    };
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        problem.render(&path, &id, &mut response);
    }
    response.headers_mut().insert(X_REQUEST_ID, id.into_header());
    response
}

fn check(request: &Request) -> Result<(), Error> {
    let peer: Option<&ConnectInfo<SocketAddr>> = request.extensions().get();
    let headers = request.headers();
    let refused = if peer.is_some_and(|peer| !peer.0.ip().to_canonical().is_loopback()) {
        "it may be used from this machine only"
    } else if !names_this_machine(request.uri().host().map(str::to_owned), headers, header::HOST) {
        "Host must be localhost, a name below it, or a loopback address"
    } else if !names_this_machine(None, headers, header::ORIGIN) {
        "pages of other origins may not use it"
    } else {
        return Ok(());
    };
    Err(Error::new(Code::Forbidden, format!("this is the fake's control plane: {refused}")))
}

/// True if a header names this machine, or is not there.
fn names_this_machine(known: Option<String>, headers: &HeaderMap, name: HeaderName) -> bool {
    let given = headers.get(name).map(|value| value.to_str().unwrap_or("?").to_owned());
    known.into_iter().chain(given).all(|host| is_of_this_machine(&host))
}

fn is_of_this_machine(host: &str) -> bool {
    let host = host.split_once("://").map_or(host, |(_, host)| host);
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host().trim_start_matches('[').trim_end_matches(']');
    match name.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            name == "localhost" || name.ends_with(".localhost")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_of_this_machine_are_told_from_others() {
        for host in [
            "localhost",
            "localhost:80",
            "acme.localhost:1",
            "LOCALHOST",
            "127.0.0.1:9",
            "127.9.9.9",
            "[::1]:80",
            "[::ffff:127.0.0.1]",
            "http://localhost:3000",
            "http://127.0.0.1",
            "localhost.",
        ] {
            assert!(is_of_this_machine(host), "{host}");
        }
        for host in [
            "",
            "example.com",
            "localhost.example.com",
            "notlocalhost",
            "10.0.0.1",
            "0.0.0.0",
            "[::2]",
            "null",
            "http://evil.example",
            "127.0.0.1.evil.example",
            "localhost@evil.example:80",
        ] {
            assert!(!is_of_this_machine(host), "{host}");
        }
    }
}
