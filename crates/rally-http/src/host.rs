use std::net::SocketAddr;

use axum::{
    extract::{ConnectInfo, Request},
    http::{HeaderValue, Version, header, uri::Authority},
};
use rally_core::{Error, Faults};

/// Refuses a request in HTTP/1 with two hosts or with a malformed one, and one in HTTP/1.1 without any (RFC 9112, section
/// 3.2). A request that has come by no connection is a host's own, and need not name any.
///
/// # Errors
/// [`Code::Validation`](rally_core::Code::Validation).
pub(crate) fn check(request: &Request) -> Result<(), Error> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let fault = match (request.version(), hosts.next(), hosts.next()) {
        (Version::HTTP_2 | Version::HTTP_3, ..) => return Ok(()),
        (Version::HTTP_11, None, _) if is_from_afar(request) => "is required",
        (_, _, Some(_)) => "is given twice",
        (_, Some(host), None) if !is_host(host) => "must be a host, with or without a port",
        _ => return Ok(()),
    };
    Err(Faults::one("Host", fault).into())
}

fn is_from_afar(request: &Request) -> bool {
    request.extensions().get::<ConnectInfo<SocketAddr>>().is_some()
}

fn is_host(host: &HeaderValue) -> bool {
    let Some(authority) = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok()) else {
        return false;
    };
    let port = authority.as_str().strip_prefix(authority.host());
    !authority.host().is_empty() && port.is_some_and(is_port)
}

/// True for nothing, and for a colon and a port, which may be left out (RFC 3986, section 3.2.3).
fn is_port(port: &str) -> bool {
    port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.is_empty() || is_number(port))
}

fn is_number(port: &str) -> bool {
    port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_with_or_without_a_port() {
        let is_host = |host: &str| is_host(&HeaderValue::from_str(host).unwrap());
        for host in
            ["localhost", "acme.localhost:8080", "a_b", "192.0.2.1:1", "[::1]", "[::1]:80", "x.example:"]
        {
            assert!(is_host(host), "{host:?}");
        }
        for host in [
            "", ":80", "a b", "a/b", "user@a", "http://a", "a:b", "a:65536", "a:+1", "[::1", "::1", "a:1:2",
            "ü",
        ] {
            assert!(!is_host(host), "{host:?}");
        }
    }
}
