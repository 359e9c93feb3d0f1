use idna::{
    AsciiDenyList,
    uts46::{Hyphens, Uts46},
};
use url::Host;

use super::{RuleResult, ValueFaults, email::domain_in_ascii, quote, text::text};
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

/// Bytes of the longest text that could be a domain.
const LONGEST: usize = 4 * limits::DOMAIN;

struct Domain {
    text: String,
    ascii: String,
}

impl Domain {
    fn parse(text: &str) -> Option<Self> {
        let host = Some(host(text.trim())).filter(|host| host.len() <= LONGEST)?;
        let mapped = mapped(host)?;
        let text = without_www(mapped.strip_suffix('.').unwrap_or(&mapped));
        let ascii = domain_in_ascii(text)?;
        // Numbers alone are an IPv4 address, in one of its spellings.
        let is_domain = ascii.contains('.') && matches!(Host::parse(&ascii), Ok(Host::Domain(_)));
        let is_short = text.chars().count() <= limits::DOMAIN;
        if is_domain && is_short {
            Some(Self { text: text.to_owned(), ascii: ascii.into_owned() })
        } else {
            None
        }
    }
}

/// The letters of a domain as UTS 46 maps them: small, composed, without those that are not seen. Labels in ASCII stay
/// as they are, but in small letters: who writes `xn--…` gets it back.
fn mapped(host: &str) -> Option<String> {
    let label = |label: &str| {
        if label.is_ascii() {
            return Some(label.to_ascii_lowercase());
        }
        let (text, result) = Uts46::new().to_unicode(label.as_bytes(), AsciiDenyList::STD3, Hyphens::Allow);
        result.ok().map(|()| text.into_owned())
    };
    Some(host.split('.').map(label).collect::<Option<Vec<_>>>()?.join("."))
}

/// Host of a URL: the URL without scheme, user, port and path.
fn host(url: &str) -> &str {
    let rest = match url.split_once("://") {
        Some((scheme, rest)) if is_scheme(scheme) => rest,
        _ => url,
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match host.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => host,
    }
}

/// Removes `www.`, unless only a top-level domain would be left.
fn without_www(mut host: &str) -> &str {
    while let Some(rest) = host.strip_prefix("www.").filter(|rest| rest.contains('.')) {
        host = rest;
    }
    host
}

/// The scheme of a URL (RFC 3986, section 3.1).
fn is_scheme(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(fits)
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
            text in "(http://|x@)?(www\\.|WWW\\.|ｗww。){0,2}[A-CäßΣ\u{AD}@:/.-]{1,8}([.。][a-c]{1,3}){0,2}[.。]?(:[0-9]{1,2})?",
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
    fn letters_that_are_not_seen_are_left_out_and_others_mapped() {
        for text in [
            "ac\u{AD}me.example",
            "\u{AD}acme.example\u{AD}",
            "acme\u{200B}.example",
            "ac\u{2060}me.example",
            "acme.exam\u{FEFF}ple",
            "ａｃｍｅ.example",
            "acme。example",
            "ｗｗｗ.acme.example。",
            "https://ac\u{AD}me.example/so\u{AD}ft",
        ] {
            domain(text, Some("acme.example"));
        }
        domain("mu\u{308}nchen.example", Some("münchen.example"));
        domain("\u{AD}.example", None);
        domain("acme.\u{AD}", None);
        domain(&format!("{}acme.example", "\u{AD}".repeat(500)), Some("acme.example"));
        domain(&format!("{}acme.example", "\u{AD}".repeat(501)), None);
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
