//! Addresses and URLs that webhooks may be sent to. A webhook's URL is chosen by a tenant, and what lies behind the
//! server's own network must not be reached through it.
//!
//! A URL tells a part of it, and its host is judged once more by each address that it leads to, at each attempt.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use url::{Host, Url};

use crate::base::Reach;

/// A URL that webhooks may be sent to, as far as the URL alone tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookUrl {
    url: Url,
    reach: Reach,
}

/// An address that webhooks are not sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForbiddenAddress {
    /// The address, with what it embeds: `::ffff:127.0.0.1`.
    pub address: IpAddr,
    /// The kind of address that it is, with its article: `a loopback address`.
    pub kind: &'static str,
}

impl fmt::Display for ForbiddenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "leads to {}, {}, where webhooks are not sent", self.address, self.kind)
    }
}

impl std::error::Error for ForbiddenAddress {}

impl WebhookUrl {
    /// Reads a URL, in every spelling that clients read as the same one.
    ///
    /// ```
    /// use rally_core::{Reach, WebhookUrl};
    ///
    /// let hook = WebhookUrl::parse("https://x.example/hook?a=1", Reach::Internet)?;
    /// assert_eq!((hook.port(), hook.path_and_query()), (443, "/hook?a=1"));
    /// let refused = WebhookUrl::parse("https://0x7f.1/hook", Reach::Internet);
    /// assert_eq!(refused.unwrap_err(), "leads to 127.0.0.1, a loopback address, where webhooks are not sent");
    /// # Ok::<(), String>(())
    /// ```
    ///
    /// # Errors
    /// A phrase that completes "*url* …".
    pub fn parse(text: &str, reach: Reach) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| format!("is not a URL: {error}"))?;
        let parsed = Self { url, reach };
        parsed.check()?;
        Ok(parsed)
    }

    fn check(&self) -> Result<(), String> {
        self.check_scheme()?;
        if !self.url.username().is_empty() || self.url.password().is_some() {
            return Err("must not hold a user name or a password".to_owned());
        }
        self.check_host()?;
        let port = self.port();
        let is_open = matches!(port, 443 | 8_443 | 1_024..) || (port == 80 && !self.is_encrypted());
        if !is_open {
            return Err(format!("has port {port}; it must be 443, 8443 or one from 1024 on"));
        }
        Ok(())
    }

    fn check_scheme(&self) -> Result<(), String> {
        match (self.url.scheme(), self.reach) {
            ("https", _) | ("http", Reach::InternetAndLoopback) => Ok(()),
            _ => Err("must begin with https://".to_owned()),
        }
    }

    fn check_host(&self) -> Result<(), String> {
        match self.host() {
            None => Err("names no host".to_owned()),
            Some(Host::Domain(name)) => self.check_name(name),
            Some(Host::Ipv4(address)) => self.admit(address.into()).map_err(|told| told.to_string()),
            Some(Host::Ipv6(address)) => self.admit(address.into()).map_err(|told| told.to_string()),
        }
    }

    fn check_name(&self, name: &str) -> Result<(), String> {
        let name = name.strip_suffix('.').unwrap_or(name);
        let is_own = is_under(name, "localhost") || LOOPBACK_ZONES.iter().any(|zone| is_under(name, zone));
        if is_own && self.reach == Reach::Internet {
            return Err(format!("leads to {name}, which is this machine, where webhooks are not sent"));
        }
        if !is_under(name, "localhost") && !self.is_encrypted() {
            return Err("must begin with https:// unless its host is this machine".to_owned());
        }
        let spelled = spelled_addresses(name);
        spelled.into_iter().try_for_each(|address| self.admit(address)).map_err(|told| told.to_string())
    }

    /// Judges an address that the URL's host has led to.
    ///
    /// # Errors
    /// The address, if webhooks of this URL may not be sent there.
    pub fn admit(&self, address: IpAddr) -> Result<(), ForbiddenAddress> {
        let refuse = |kind| Err(ForbiddenAddress { address, kind });
        match (forbidden_kind(address), self.reach) {
            (Some(LOOPBACK), Reach::InternetAndLoopback) if address.is_loopback() => Ok(()),
            (Some(kind), _) => refuse(kind),
            (None, _) if self.is_encrypted() => Ok(()),
            (None, _) => refuse("an address of another machine, which is reached by https alone"),
        }
    }

    /// The name or the address of the host. A literal address has been judged.
    #[must_use]
    pub fn host(&self) -> Option<Host<&str>> {
        self.url.host()
    }

    /// The host as text, with a port unless that is the scheme's own, as the header `Host` has it.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.url.authority()
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or(443)
    }

    /// True for https.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// The path with the query: what a request asks for.
    #[must_use]
    pub fn path_and_query(&self) -> &str {
        let fragment = self.url.fragment().map_or(0, |fragment| fragment.len() + 1);
        let end = self.url.as_str().len() - fragment;
        let start = self.url.scheme().len() + "://".len() + self.url.authority().len();
        self.url.as_str().get(start..end).unwrap_or("/")
    }
}

const LOOPBACK: &str = "a loopback address";

/// Domains whose names all lead to this machine, by agreement.
const LOOPBACK_ZONES: [&str; 4] = ["localtest.me", "lvh.me", "vcap.me", "lacolhost.com"];

/// Domains whose names lead to the address that they spell.
const SPELLING_ZONES: [&str; 7] =
    ["nip.io", "sslip.io", "xip.io", "traefik.me", "backname.io", "ip.addr.tools", "local-ip.co"];

/// True for a domain and for the names under it.
fn is_under(name: &str, zone: &str) -> bool {
    name.strip_suffix(zone).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// The addresses that a name spells, under a domain whose names lead to what they spell. Where several readings are
/// possible, all are given.
fn spelled_addresses(name: &str) -> Vec<IpAddr> {
    let Some(zone) = SPELLING_ZONES.iter().find(|zone| is_under(name, zone)) else { return Vec::new() };
    let spelled = name.strip_suffix(zone).unwrap_or_default();
    let parts: Vec<&str> = spelled.split(['.', '-']).filter(|part| !part.is_empty()).collect();
    let of_octets = parts.windows(4).filter_map(|four| four.join(".").parse::<Ipv4Addr>().ok());
    let is_hex = |part: &&&str| part.len() == 8;
    let of_hex = parts.iter().filter(is_hex).filter_map(|part| u32::from_str_radix(part, 16).ok());
    // Groups of IPv6 stand in one label, with hyphens for colons.
    let labels = spelled.split('.').filter(|label| label.contains('-'));
    let of_groups = labels.filter_map(|label| label.replace('-', ":").parse::<Ipv6Addr>().ok());
    of_octets.chain(of_hex.map(Ipv4Addr::from)).map(IpAddr::from).chain(of_groups.map(IpAddr::from)).collect()
}

/// The kind of an address that is none of a machine on the internet.
fn forbidden_kind(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => forbidden_v4(address),
        IpAddr::V6(address) => forbidden_v6(address),
    }
}

/// A prefix in bits, its length, and the kind of address that it is of.
type Block<T> = (T, u32, &'static str);

/// IPv4 blocks that are not globally reachable (IANA's registry of RFC 6890), and those that reach no single machine.
const V4_BLOCKS: [Block<Ipv4Addr>; 17] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8, "an unspecified address"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "a private address"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "an address behind a provider's translator"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, LOOPBACK),
    (Ipv4Addr::new(168, 63, 129, 16), 32, "the address of a cloud's own services"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "a link-local address"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "a private address"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "an address of protocols"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "an address for documentation"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "an address of 6to4 relays"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "a private address"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "an address for benchmarks"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, "an address for documentation"),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "an address for documentation"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "a multicast address"),
    (Ipv4Addr::BROADCAST, 32, "a broadcast address"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "a reserved address"),
];

fn forbidden_v4(address: Ipv4Addr) -> Option<&'static str> {
    let lies_in = |block: &&Block<Ipv4Addr>| {
        let (prefix, length, _) = block;
        (address.to_bits() ^ prefix.to_bits()).leading_zeros() >= *length
    };
    V4_BLOCKS.iter().find(lies_in).map(|(_, _, kind)| *kind)
}

/// IPv6 blocks within 2000::/3, the only part that is given to machines of the internet, that are not globally reachable.
const V6_BLOCKS: [Block<Ipv6Addr>; 4] = [
    // Teredo, benchmarks, ORCHID and others: what is embedded in them need not be looked at.
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, "an address of protocols, such as Teredo"),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, "an address for documentation"),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, "a 6to4 address"),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, "an address for documentation"),
];

const GLOBAL: Ipv6Addr = Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0);
const NAT64: Ipv6Addr = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0);

fn forbidden_v6(address: Ipv6Addr) -> Option<&'static str> {
    if let Some(embedded) = address.to_ipv4_mapped() {
        return forbidden_v4(embedded);
    }
    let lies_in = |prefix: Ipv6Addr, length| (address.to_bits() ^ prefix.to_bits()).leading_zeros() >= length;
    if lies_in(NAT64, 96) {
        // A network without IPv4 reaches the IPv4 internet by these, and its own IPv4 hosts too.
        let [.., a, b, c, d] = address.octets();
        return forbidden_v4(Ipv4Addr::new(a, b, c, d)).map(|_| "a translated form of a forbidden address");
    }
    if lies_in(GLOBAL, 3) {
        return V6_BLOCKS
            .iter()
            .find(|(prefix, length, _)| lies_in(*prefix, *length))
            .map(|(.., kind)| *kind);
    }
    Some(match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => "an unspecified address",
        [0, 0, 0, 0, 0, 0, 0, 1] => LOOPBACK,
        [0xfc00..=0xfdff, ..] => "a private address",
        [0xfe80..=0xfebf, ..] => "a link-local address",
        [0xff00..=0xffff, ..] => "a multicast address",
        _ => "an address outside the internet",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_off_the_internet_are_forbidden_in_every_form() {
        for (text, kind) in [
            ("0.0.0.0", "unspecified"),
            ("0.1.2.3", "unspecified"),
            ("10.0.0.1", "private"),
            ("10.255.255.255", "private"),
            ("100.64.0.1", "translator"),
            ("100.127.255.255", "translator"),
            ("127.0.0.1", "loopback"),
            ("127.255.255.254", "loopback"),
            ("168.63.129.16", "cloud"),
            ("169.254.169.254", "link-local"),
            ("172.16.0.1", "private"),
            ("172.31.255.255", "private"),
            ("192.0.0.192", "protocols"),
            ("192.0.2.1", "documentation"),
            ("192.88.99.1", "6to4"),
            ("192.168.1.1", "private"),
            ("198.18.0.1", "benchmarks"),
            ("198.19.255.255", "benchmarks"),
            ("198.51.100.7", "documentation"),
            ("203.0.113.9", "documentation"),
            ("224.0.0.1", "multicast"),
            ("239.255.255.255", "multicast"),
            ("240.0.0.1", "reserved"),
            ("255.255.255.254", "reserved"),
            ("255.255.255.255", "broadcast"),
            ("::", "unspecified"),
            ("::1", "loopback"),
            ("::127.0.0.1", "outside"),
            ("::8.8.8.8", "outside"),
            ("::ffff:127.0.0.1", "loopback"),
            ("::ffff:10.1.2.3", "private"),
            ("::ffff:0:127.0.0.1", "outside"),
            ("64:ff9b::7f00:1", "translated"),
            ("64:ff9b::169.254.169.254", "translated"),
            ("64:ff9b:1::8.8.8.8", "outside"),
            ("100::1", "outside"),
            ("2001::1", "Teredo"),
            ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "Teredo"),
            ("2001:2::1", "protocols"),
            ("2001:20::1", "protocols"),
            ("2001:db8::1", "documentation"),
            ("2002:7f00:1::1", "6to4"),
            ("2002:808:808::1", "6to4"),
            ("3fff::1", "documentation"),
            ("5f00::1", "outside"),
            ("fc00::1", "private"),
            ("fd00:ec2::254", "private"),
            ("fe80::1", "link-local"),
            ("febf::1", "link-local"),
            ("fec0::1", "outside"),
            ("ff02::1", "multicast"),
        ] {
            let kind_of = forbidden_kind(text.parse().unwrap());
            assert!(kind_of.is_some_and(|found| found.contains(kind)), "{text}: {kind_of:?}");
        }
    }

    #[test]
    fn addresses_beside_the_forbidden_ones_are_not_forbidden() {
        for text in [
            "1.0.0.0",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.0.3.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "203.0.112.255",
            "223.255.255.255",
            "2000::1",
            "2001:200::1",
            "2606:4700::1111",
            "2003::1",
            "3ffe::1",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
        ] {
            assert_eq!(forbidden_kind(text.parse().unwrap()), None, "{text}");
        }
    }

    #[track_caller]
    fn check(reach: Reach, url: &str, expected: Result<(), &str>) {
        match (WebhookUrl::parse(url, reach), expected) {
            (Ok(_), Ok(())) => {}
            (Err(told), Err(expected)) => assert!(told.contains(expected), "{url}: {told}"),
            (found, _) => panic!("{url}: {found:?}"),
        }
    }

    #[test]
    fn a_url_leads_to_the_internet_by_https_in_every_spelling() {
        for (url, expected) in [
            ("https://x.example/hook", Ok(())),
            ("https://x.example./hook", Ok(())),
            ("https://x.example:443", Ok(())),
            ("https://x.example:8443/", Ok(())),
            ("https://x.example:1024/?a#b", Ok(())),
            ("https://x.example:65535/", Ok(())),
            ("HTTPS://X.example/", Ok(())),
            ("https://bücher.example/", Ok(())),
            ("https://8.8.8.8/", Ok(())),
            ("https://[2606:4700::1111]/", Ok(())),
            ("https://8-8-8-8.sslip.io/", Ok(())),
            ("https://localhosts.example/", Ok(())),
            ("https://notnip.io.example/", Ok(())),
            ("http://x.example/", Err("must begin with https://")),
            ("ftp://x.example/", Err("must begin with https://")),
            ("file:///etc/passwd", Err("must begin with https://")),
            ("gopher://127.0.0.1:6379/_", Err("must begin with https://")),
            ("x.example/hook", Err("is not a URL")),
            ("https://", Err("is not a URL")),
            ("https://a b.example/", Err("is not a URL")),
            ("https://user@x.example/", Err("user name or a password")),
            ("https://:hush@x.example/", Err("user name or a password")),
            ("https://x.example@127.0.0.1/", Err("user name or a password")),
            ("https://x.example:22/", Err("has port 22")),
            ("https://x.example:80/", Err("has port 80")),
            ("https://x.example:0/", Err("has port 0")),
            ("https://x.example:1023/", Err("has port 1023")),
            ("https://x.example:65536/", Err("is not a URL")),
            ("https://localhost/", Err("this machine")),
            ("https://LOCALHOST./", Err("this machine")),
            ("https://a.localhost:8443/", Err("this machine")),
            ("https://lvh.me/", Err("this machine")),
            ("https://127.0.0.1/", Err("loopback")),
            ("https://127.0.0.1./", Err("loopback")),
            ("https://127.1/", Err("loopback")),
            ("https://2130706433/", Err("loopback")),
            ("https://017700000001/", Err("loopback")),
            ("https://0x7f000001/", Err("loopback")),
            ("https://0x7f.0.0.1/", Err("loopback")),
            ("https://0177.0.0x0.1/", Err("loopback")),
            ("https://%31%32%37.0.0.1/", Err("loopback")),
            ("https://１２７。０。０。１/", Err("loopback")),
            ("https://127.0.\t0.1/", Err("loopback")),
            ("https:127.0.0.1", Err("loopback")),
            ("https:\\\\127.0.0.1\\x", Err("loopback")),
            ("https://0/", Err("unspecified")),
            ("https://0xa9fea9fe/", Err("link-local")),
            ("https://192.168.257/", Err("private")),
            ("https://127.0.0.256/", Err("is not a URL")),
            ("https://[::1]/", Err("loopback")),
            ("https://[0:0:0:0:0:0:0:1]:8443/", Err("loopback")),
            ("https://[::]/", Err("unspecified")),
            ("https://[::ffff:127.0.0.1]/", Err("loopback")),
            ("https://[::ffff:7f00:1]/", Err("loopback")),
            ("https://[64:ff9b::7f00:1]/", Err("translated")),
            ("https://[fe80::1%25eth0]/", Err("is not a URL")),
            ("https://[fe80::1%eth0]/", Err("is not a URL")),
            ("https://[::1/", Err("is not a URL")),
            ("https://::1/", Err("is not a URL")),
            ("https://127.0.0.1.nip.io/", Err("loopback")),
            ("https://app.10.0.0.1.nip.io/", Err("private")),
            ("https://app-192-168-1-1.nip.io./", Err("private")),
            ("https://7f000001.nip.io/", Err("loopback")),
            ("https://169-254-169-254.sslip.io/", Err("link-local")),
            ("https://a.--1.sslip.io/", Err("loopback")),
        ] {
            check(Reach::Internet, url, expected);
        }
    }

    #[test]
    fn a_host_that_lets_webhooks_reach_the_machine_lets_them_reach_no_more() {
        for (url, expected) in [
            ("http://127.0.0.1:3000/hook", Ok(())),
            ("http://[::1]:3000/hook", Ok(())),
            ("http://localhost/hook", Ok(())),
            ("http://a.localhost:8080/hook", Ok(())),
            ("https://localhost:8443/hook", Ok(())),
            ("https://x.example/hook", Ok(())),
            ("http://127.0.0.1:22/", Err("has port 22")),
            ("https://127.0.0.1:80/", Err("has port 80")),
            ("http://u@127.0.0.1:3000/", Err("user name or a password")),
            ("http://x.example/hook", Err("must begin with https:// unless")),
            ("http://8.8.8.8/hook", Err("by https alone")),
            ("http://10.0.0.1:3000/hook", Err("private")),
            ("https://169.254.169.254/", Err("link-local")),
            ("http://[::ffff:127.0.0.1]:3000/", Err("loopback")),
            ("http://0.0.0.0:3000/", Err("unspecified")),
            ("http://127.0.0.1.nip.io:3000/", Err("must begin with https:// unless")),
        ] {
            check(Reach::InternetAndLoopback, url, expected);
        }
    }

    #[test]
    fn a_host_is_judged_by_each_address_that_it_leads_to() {
        let admits = |url: &str, reach, address: &str| {
            WebhookUrl::parse(url, reach).unwrap().admit(address.parse().unwrap()).is_ok()
        };
        let (internet, both) = (Reach::Internet, Reach::InternetAndLoopback);
        assert!(admits("https://x.example/", internet, "8.8.8.8"));
        assert!(!admits("https://x.example/", internet, "127.0.0.1"));
        assert!(admits("https://x.example/", both, "127.0.0.1"));
        assert!(!admits("https://x.example/", both, "192.168.0.1"));
        assert!(admits("http://localhost:3000/", both, "::1"));
        assert!(!admits("http://localhost:3000/", both, "8.8.8.8"));
    }

    #[test]
    fn a_request_asks_for_the_path_and_the_query_of_its_host() {
        let parts = |url: &str| {
            let url = WebhookUrl::parse(url, Reach::Internet).unwrap();
            (url.authority().to_owned(), url.port(), url.path_and_query().to_owned())
        };
        let expected = |authority: &str, port, path: &str| (authority.to_owned(), port, path.to_owned());
        assert_eq!(parts("https://x.example"), expected("x.example", 443, "/"));
        assert_eq!(parts("https://x.example:443/a?b=c#d"), expected("x.example", 443, "/a?b=c"));
        assert_eq!(
            parts("https://[2606:4700:0::1111]:8443?q"),
            expected("[2606:4700::1111]:8443", 8443, "/?q")
        );
    }
}
