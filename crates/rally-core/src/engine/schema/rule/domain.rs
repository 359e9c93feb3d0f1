use url::Host;

use super::{RuleResult, ValueFaults, quote, text::text};
use crate::base::limits;

/// The text of a domain or of a URL becomes the domain in lower case.
pub(super) fn domain(raw: &str) -> RuleResult<'_> {
    let text = text(raw)?;
    let domain = Domain::parse(&text.value).ok_or_else(not_a_domain)?;
    Ok(quote(&domain.text).into())
}

fn not_a_domain() -> ValueFaults {
    "must be a domain, such as acme.example".into()
}

/// Form in which domains are compared: ASCII, also for a domain that was given in Unicode.
pub(crate) fn fold_domain(text: &str) -> Option<String> {
    Domain::parse(text).map(|domain| domain.ascii)
}

struct Domain {
    text: String,
    ascii: String,
}

impl Domain {
    fn parse(text: &str) -> Option<Self> {
        let lower = text.trim().to_lowercase();
        let text = without_www(host(&lower));
        // Percent signs and the like, which the parser of URLs would decode.
        let is_plain = text.chars().all(|c| !c.is_ascii() || is_label_character(c) || c == '.');
        let Ok(Host::Domain(ascii)) = Host::parse(text) else { return None };
        let is_short = ascii.len() <= limits::DOMAIN && text.chars().count() <= limits::DOMAIN;
        let is_domain = is_plain && is_short && ascii.contains('.') && ascii.split('.').all(is_label);
        is_domain.then(|| Self { text: text.to_owned(), ascii })
    }
}

/// Host of a URL in lower case: the URL without scheme, user, port, path and final dot.
fn host(url: &str) -> &str {
    let rest = match url.split_once("://") {
        Some((scheme, rest)) if is_scheme(scheme) => rest,
        _ => url,
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = match host.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => host,
    };
    host.strip_suffix('.').unwrap_or(host)
}

/// Removes `www.`, unless only a top-level domain would be left.
fn without_www(mut host: &str) -> &str {
    while let Some(rest) = host.strip_prefix("www.").filter(|rest| rest.contains('.')) {
        host = rest;
    }
    host
}

/// The scheme of a URL in lower case (RFC 3986, section 3.1).
fn is_scheme(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(fits)
}

/// A label of a host name in ASCII (RFC 1123, section 2.1).
fn is_label(label: &str) -> bool {
    let edges = label.starts_with('-') || label.ends_with('-');
    (1..=63).contains(&label.len()) && label.chars().all(is_label_character) && !edges
}

const fn is_label_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-'
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        super::{Rule, check, quote},
        *,
    };

    #[track_caller]
    fn domain(text: &str, expected: Option<&str>) {
        let expected = expected.map(quote);
        let phrase = "must be a domain, such as acme.example";
        check(Rule::Domain, &quote(text), expected.as_deref().ok_or(phrase));
    }

    proptest! {
        #[test]
        fn a_domain_that_was_read_is_read_as_itself(
            text in "(http://|x@)?(www\\.|WWW\\.){0,2}[A-Cäß@:/.-]{1,8}(\\.[a-c]{1,3}){0,2}\\.?(:[0-9]{1,2})?",
        ) {
            if let Some(once) = Domain::parse(&text) {
                let twice = Domain::parse(&once.text).unwrap();
                prop_assert_eq!((&twice.text, &twice.ascii), (&once.text, &once.ascii));
                prop_assert_eq!(fold_domain(&once.ascii), Some(once.ascii));
            }
        }
    }

    #[test]
    fn all_around_the_domain_is_removed() {
        for text in [
            "acme.example",
            " Acme.Example. ",
            "https://www.acme.example/",
            "HTTP://ACME.EXAMPLE:8080/a/b?c=d#e",
            "ftp://user:pass@acme.example",
            "acme.example?next=http://other.example",
            "acme.example:443",
            "www.www.acme.example",
            "ada@acme.example",
        ] {
            domain(text, Some("acme.example"));
        }
        domain("mail.acme.co.example", Some("mail.acme.co.example"));
        domain("www.example", Some("www.example"));
        domain("wwwacme.example", Some("wwwacme.example"));
        domain("MÜNCHEN.example", Some("münchen.example"));
        domain("xn--mnchen-3ya.example", Some("xn--mnchen-3ya.example"));
        domain("例え.example", Some("例え.example"));
    }

    #[test]
    fn what_is_no_domain_is_refused() {
        for text in [
            "",
            "acme",
            "localhost",
            "https://",
            "https:///a",
            ".example",
            "acme..example",
            "-acme.example",
            "acme-.example",
            "a_b.example",
            "a b.example",
            "a%2eexample",
            "acme.example:http",
            "127.0.0.1",
            "http://1.2",
            "[::1]",
            "https://[::1]:80/",
            "xn--a.example",
            "mailto:acme.example",
            "*.acme.example",
        ] {
            domain(text, None);
        }
        check(Rule::Domain, "5", Err("must be a string"));
    }

    #[test]
    fn labels_and_the_whole_are_bounded() {
        let label = "a".repeat(63);
        let most = format!("{label}.{label}.{label}.{}", "a".repeat(61));
        domain(&most, Some(&most));
        domain(&format!("{most}a"), None);
        domain(&format!("{label}a.example"), None);
        domain(&format!("{}.example", "ü".repeat(63)), None);
    }

    #[test]
    fn domains_are_compared_in_ascii() {
        let same = Some("xn--mnchen-3ya.example".to_owned());
        assert_eq!(fold_domain("münchen.example"), same);
        assert_eq!(fold_domain("https://www.MÜNCHEN.example/"), same);
        assert_eq!(fold_domain("xn--mnchen-3ya.example"), same);
        assert_eq!(fold_domain(""), None);
    }
}
