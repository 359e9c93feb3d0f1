//! The client behind trusted proxies: its address, and the host and the scheme that it asked for.
//!
//! `X-Forwarded-For` and `Forwarded` (RFC 7239) are read from right to left. The right-most element was written by the
//! proxy at the other end of the connection, the one before it by the proxy that this element names, and so on for as
//! long as the named ones are trusted. All that stands further left may be made up.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The client as far as trusted proxies know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    pub(crate) address: IpAddr,
    /// The host that it asked for, if a trusted proxy says so.
    pub(crate) host: Option<String>,
    /// The scheme that it asked by, if a trusted proxy says so.
    pub(crate) scheme: Option<&'static str>,
}

/// The mark of a request that came on a secure connection to this server itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Secured;

/// One element of `Forwarded`, or the same of the `X-` headers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Element {
    /// `None` if it is hidden, unknown or cannot be read.
    client: Option<IpAddr>,
    host: Option<String>,
    scheme: Option<&'static str>,
}

/// True for the address of a trusted proxy.
pub(crate) fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    let address = address.to_canonical();
    trusted.iter().any(|network| network.contains(&address))
}

/// The client of a request that came from `peer`, which is the client itself unless it is a trusted proxy.
///
/// A client may send the header that its proxy does not write. If both are there and name different clients, neither can be
/// believed, and the proxy counts as the client.
pub(crate) fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> Client {
    let peer = peer.to_canonical();
    let direct = Client { address: peer, host: None, scheme: None };
    let is_trusted = |address: IpAddr| is_trusted(address, trusted);
    if !is_trusted(peer) {
        return direct;
    }
    let by_standard = from_right(headers, &header::FORWARDED).map(element);
    let by_custom = from_right(headers, &X_FORWARDED_FOR)
        .map(|text| Element { client: node(text), ..Element::default() });
    let standard = headers.contains_key(header::FORWARDED).then(|| walk(peer, by_standard, is_trusted));
    let custom = headers.contains_key(&X_FORWARDED_FOR).then(|| walk(peer, by_custom, is_trusted));
    match (standard, custom) {
        (Some(standard), None) => standard.client,
        (None, Some(custom)) => custom.with_custom_headers(headers),
        (Some(standard), Some(custom)) if standard.client.address == custom.client.address => {
            let client = custom.with_custom_headers(headers);
            Client {
                host: client.host.or(standard.client.host),
                scheme: client.scheme.or(standard.client.scheme),
                ..client
            }
        }
        (None, None) => Walk { client: direct, hops: 0 }.with_custom_headers(headers),
        (Some(_), Some(_)) => direct,
    }
}

/// True for requests that a proxy has forwarded, or that say so.
pub(crate) fn is_said_to_be_forwarded(headers: &HeaderMap) -> bool {
    headers.contains_key(header::FORWARDED) || headers.contains_key(&X_FORWARDED_FOR)
}

/// The end of a walk along proxies.
struct Walk {
    client: Client,
    /// Elements to the right of the one that told the client.
    hops: usize,
}

/// Goes from one trusted proxy to the next, as far as elements can be read.
fn walk(peer: IpAddr, elements: impl Iterator<Item = Element>, is_trusted: impl Fn(IpAddr) -> bool) -> Walk {
    let mut walk = Walk { client: Client { address: peer, host: None, scheme: None }, hops: 0 };
    for (hops, element) in elements.enumerate() {
        let address = element.client.unwrap_or(walk.client.address);
        walk = Walk { client: Client { address, host: element.host, scheme: element.scheme }, hops };
        if element.client.is_none_or(|client| !is_trusted(client)) {
            break;
        }
    }
    walk
}

impl Walk {
    /// The client with the host and the scheme of the `X-` headers. They are lists as `X-Forwarded-For` is, but most
    /// proxies replace them, so a shorter one is of the outermost proxy.
    fn with_custom_headers(self, headers: &HeaderMap) -> Client {
        let told = |name| {
            let text = from_right(headers, name).take(self.hops + 1).last();
            text.filter(|text| !text.is_empty())
        };
        Client {
            address: self.client.address,
            host: told(&X_FORWARDED_HOST).map(str::to_owned),
            scheme: told(&X_FORWARDED_PROTO).and_then(scheme),
        }
    }
}

/// The elements of a header that is a list, the last one first. An element that is no text is an empty one.
///
/// Commas in quotes part elements, too: otherwise a quote that a client leaves open would swallow what a proxy appends.
fn from_right<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> + use<'h> {
    let lines: Vec<&HeaderValue> = headers.get_all(name).iter().collect();
    lines.into_iter().rev().flat_map(|line| line.to_str().unwrap_or("").rsplit(',').map(str::trim))
}

/// Reads an element of `Forwarded`. One in which anything cannot be read tells nothing.
fn element(text: &str) -> Element {
    let mut element = Element::default();
    let mut has_client = false;
    for pair in text.split(';').map(str::trim).filter(|pair| !pair.is_empty()) {
        let Some((name, value)) = pair.split_once('=') else { return Element::default() };
        let Some(value) = unquoted(value) else { return Element::default() };
        match name.trim().to_ascii_lowercase().as_str() {
            "for" if has_client => return Element::default(),
            "for" => (element.client, has_client) = (node(value), true),
            "host" => element.host = Some(value.to_owned()),
            "proto" => element.scheme = scheme(value),
            _ => {}
        }
    }
    element
}

/// A scheme by which this API can have been asked.
fn scheme(text: &str) -> Option<&'static str> {
    ["http", "https"].into_iter().find(|scheme| scheme.eq_ignore_ascii_case(text))
}

/// The address of a node: with or without a port, an IPv6 address in brackets or bare.
fn node(text: &str) -> Option<IpAddr> {
    let text = unquoted(text)?;
    let bracketed = |text: &str| text.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    let address = text.parse().ok().or_else(|| text.parse().ok().map(|address: SocketAddr| address.ip()));
    address.or_else(|| bracketed(text)).map(|address| address.to_canonical())
}

/// A value without the quotes around it; `None` for one with quotes or escapes elsewhere.
fn unquoted(text: &str) -> Option<&str> {
    let text = text.trim();
    let within = match text.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"')?,
        None => text,
    };
    if within.contains(['"', '\\']) { None } else { Some(within) }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    const PEER: &str = "10.0.0.1";
    const TRUSTED: [&str; 2] = ["10.0.0.0/8", "2001:db8:ffff::/48"];

    fn trusted() -> Vec<IpNet> {
        TRUSTED.iter().map(|network| network.parse().unwrap()).collect()
    }

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers
    }

    fn of(peer: &str, lines: &[(&'static str, &str)]) -> Client {
        client(peer.parse().unwrap(), &headers(lines), &trusted())
    }

    #[track_caller]
    fn check(lines: &[(&'static str, &str)], address: &str) {
        assert_eq!(of(PEER, lines).address, address.parse::<IpAddr>().unwrap(), "{lines:?}");
    }

    #[test]
    fn a_peer_that_is_not_trusted_is_the_client() {
        let lines = [
            ("x-forwarded-for", "192.0.2.1"),
            ("x-forwarded-host", "acme.localhost"),
            ("x-forwarded-proto", "https"),
            ("forwarded", "for=192.0.2.1;host=acme.localhost"),
        ];
        let client = of("203.0.113.9", &lines);
        assert_eq!(client, Client { address: [203, 0, 113, 9].into(), host: None, scheme: None });
        assert_eq!(of("::ffff:10.0.0.1", &lines[..1]).address, IpAddr::from([192, 0, 2, 1]));
    }

    #[test]
    fn x_forwarded_for_is_read_from_right_to_left() {
        for (value, address) in [
            ("192.0.2.1", "192.0.2.1"),
            ("192.0.2.1:4711", "192.0.2.1"),
            ("\"192.0.2.1\"", "192.0.2.1"),
            ("198.51.100.1, 192.0.2.1", "192.0.2.1"),
            ("198.51.100.1, 192.0.2.1, 10.1.1.1", "192.0.2.1"),
            ("192.0.2.1,10.1.1.1:80,10.2.2.2", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("192.0.2.1, 2001:db8:ffff::7", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("192.0.2.1, ::ffff:10.1.1.1", "192.0.2.1"),
            ("192.0.2.1, unknown", PEER),
            ("192.0.2.1, unknown, 10.1.1.1", "10.1.1.1"),
            ("192.0.2.1, _hidden, 10.1.1.1", "10.1.1.1"),
            ("192.0.2.1, , 10.1.1.1", "10.1.1.1"),
            ("192.0.2.1, fe80::1%eth0", PEER),
            ("192.0.2.1, 10.1.1.1.1", PEER),
            ("10.2.2.2, 10.1.1.1", "10.2.2.2"),
            ("192.0.2.1, \"10.1.1.1", PEER),
            ("", PEER),
        ] {
            check(&[("x-forwarded-for", value)], address);
        }
    }

    #[test]
    fn several_lines_are_one_list() {
        check(
            &[("x-forwarded-for", "198.51.100.1"), ("x-forwarded-for", "192.0.2.1, 10.1.1.1")],
            "192.0.2.1",
        );
        check(&[("x-forwarded-for", "192.0.2.1"), ("x-forwarded-for", "10.1.1.1")], "192.0.2.1");
        check(&[("x-forwarded-for", "192.0.2.1"), ("x-forwarded-for", "\u{e9}")], PEER);
        check(&[("forwarded", "for=198.51.100.1"), ("forwarded", "for=192.0.2.1")], "192.0.2.1");
    }

    #[test]
    fn forwarded_is_read_as_rfc_7239_has_it() {
        for (value, address) in [
            ("for=192.0.2.1", "192.0.2.1"),
            ("For=192.0.2.1;by=10.0.0.1;proto=https", "192.0.2.1"),
            ("proto=https; for=\"192.0.2.1:4711\"", "192.0.2.1"),
            ("for=\"[2001:db8::1]:4711\"", "2001:db8::1"),
            ("for=198.51.100.1, for=192.0.2.1, for=10.1.1.1", "192.0.2.1"),
            ("for=192.0.2.1, for=unknown, for=10.1.1.1", "10.1.1.1"),
            ("for=192.0.2.1, for=_hidden", PEER),
            ("for=192.0.2.1, proto=http", PEER),
            ("for=192.0.2.1;for=192.0.2.2", PEER),
            ("for=192.0.2.1, for", PEER),
            ("for=\"192.0.2.1, for=192.0.2.2", "192.0.2.2"),
            ("for=192.0.2.1, for=\"10.1.1.1\\\"", PEER),
            ("for=192.0.2.1, for=10.1.1.1;ext=\"a,b\"", PEER),
        ] {
            check(&[("forwarded", value)], address);
        }
    }

    #[test]
    fn of_both_headers_neither_is_believed_unless_they_agree() {
        check(&[("forwarded", "for=192.0.2.1"), ("x-forwarded-for", "198.51.100.1")], PEER);
        check(&[("forwarded", "for=192.0.2.1"), ("x-forwarded-for", "198.51.100.1, 192.0.2.1")], "192.0.2.1");
    }

    #[test]
    fn host_and_scheme_are_those_of_the_outermost_trusted_proxy() {
        let told = |lines: &[(&'static str, &str)]| {
            let client = of(PEER, lines);
            (client.host.unwrap_or_default(), client.scheme.unwrap_or_default())
        };
        let pair = |host: &str, scheme: &'static str| (host.to_owned(), scheme);
        let two = ("x-forwarded-for", "192.0.2.1, 10.1.1.1");
        for (lines, expected) in [
            (
                vec![("x-forwarded-host", "acme.localhost"), ("x-forwarded-proto", "https")],
                pair("acme.localhost", "https"),
            ),
            (vec![two, ("x-forwarded-host", "acme.localhost")], pair("acme.localhost", "")),
            (
                vec![two, ("x-forwarded-host", "evil.localhost, acme.localhost, inner")],
                pair("acme.localhost", ""),
            ),
            (
                vec![
                    ("x-forwarded-for", "192.0.2.1"),
                    ("x-forwarded-host", "evil.localhost, acme.localhost"),
                ],
                pair("acme.localhost", ""),
            ),
            (
                vec![(
                    "forwarded",
                    "for=1.1.1.1;host=evil, for=192.0.2.1;host=\"acme.localhost:80\";proto=https, for=10.1.1.1;host=inner",
                )],
                pair("acme.localhost:80", "https"),
            ),
            (
                vec![("forwarded", "for=192.0.2.1;host=evil, for=_hidden;host=acme.localhost")],
                pair("acme.localhost", ""),
            ),
            (vec![("forwarded", "for=192.0.2.1"), ("x-forwarded-host", "evil.localhost")], pair("", "")),
            (vec![("x-forwarded-host", "")], pair("", "")),
        ] {
            assert_eq!(told(&lines), expected, "{lines:?}");
        }
    }

    fn anything() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            "[ -~]{0,20}",
            Just("192.0.2.66".to_owned()),
            Just("for=192.0.2.66;host=evil.localhost".to_owned()),
            Just("for=\"".to_owned()),
            Just("\"".to_owned()),
            Just("10.9.9.9".to_owned()),
            Just("unknown".to_owned()),
            Just("_hidden".to_owned()),
            Just("[2001:db8::66]:1".to_owned()),
            "(10|192)\\.0\\.2\\.[0-9]{1,3}(:[0-9]{1,5})?",
        ];
        vec(piece, 0..6).prop_map(|pieces| pieces.join(","))
    }

    /// The client's own lines of a header, of which a proxy may have appended to the last one or begun a new one.
    fn sent(name: &'static str, own: &[String], appended: &str, joins: bool) -> Vec<(&'static str, String)> {
        let mut lines: Vec<_> = own.iter().map(|line| (name, line.clone())).collect();
        match lines.last_mut() {
            Some((_, last)) if joins => *last = format!("{last}, {appended}"),
            _ => lines.push((name, appended.to_owned())),
        }
        lines
    }

    fn client_of(lines: &[(&'static str, String)]) -> Client {
        let lines: Vec<_> = lines.iter().map(|(name, value)| (*name, value.as_str())).collect();
        of(PEER, &lines)
    }

    proptest! {
        #[test]
        fn whatever_a_client_sends_its_proxies_tell_who_it_is(
            own in vec(anything(), 0..4), joins: bool, inner in vec(any::<u16>(), 0..3), port in proptest::option::of(any::<u16>()),
        ) {
            let expected = IpAddr::from([203, 0, 113, 9]);
            let port = port.map_or_else(String::new, |port| format!(":{port}"));
            let hop = |number: &u16| IpAddr::from([10, 7, number.to_be_bytes()[0], number.to_be_bytes()[1]]).to_string();
            let inner: Vec<String> = inner.iter().map(hop).collect();
            let mut custom = vec![format!("203.0.113.9{port}")];
            custom.extend(inner.iter().cloned());
            let lines = sent("x-forwarded-for", &own, &custom.join(", "), joins);
            prop_assert_eq!(client_of(&lines).address, expected);
            let mut standard = vec![format!("for=\"203.0.113.9{port}\";host=acme.localhost")];
            standard.extend(inner.iter().map(|hop| format!("for={hop}")));
            let lines = sent("forwarded", &own, &standard.join(", "), joins);
            let client = client_of(&lines);
            prop_assert_eq!(client.address, expected);
            prop_assert_eq!(client.host.as_deref(), Some("acme.localhost"));
        }

        #[test]
        fn whatever_a_client_sends_in_the_other_header_it_is_itself_or_its_proxy(
            own in vec(anything(), 1..4), is_standard: bool,
        ) {
            let (written, made_up) = if is_standard { ("forwarded", "x-forwarded-for") } else { ("x-forwarded-for", "forwarded") };
            let real = if is_standard { "for=203.0.113.9" } else { "203.0.113.9" };
            let mut lines: Vec<_> = own.iter().map(|line| (made_up, line.clone())).collect();
            lines.push((written, real.to_owned()));
            let client = client_of(&lines);
            prop_assert!([PEER, "203.0.113.9"].contains(&client.address.to_string().as_str()), "{:?}", client);
        }

        #[test]
        fn whatever_an_untrusted_peer_sends_it_is_itself(own in vec(anything(), 0..4), other in vec(anything(), 0..4)) {
            let lines = own.iter().map(|line| ("x-forwarded-for", line)).chain(other.iter().map(|line| ("forwarded", line)));
            let lines: Vec<_> = lines.map(|(name, value)| (name, value.as_str())).collect();
            let client = of("203.0.113.9", &lines);
            prop_assert_eq!(client, Client { address: [203, 0, 113, 9].into(), host: None, scheme: None });
        }
    }
}
