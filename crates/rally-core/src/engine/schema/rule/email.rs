//! E-mail addresses in any script.

use std::borrow::Cow;

use email_address::{EmailAddress, Options};
use idna::{
    AsciiDenyList,
    uts46::{DnsLength, Hyphens, Uts46},
};

use super::{
    RuleResult,
    text::{has_two_hyphens, text, within},
};
use crate::base::{
    limits,
    unicode::{JOINERS, Visibility, fold_mailbox},
};

pub(super) fn email(raw: &str) -> RuleResult<'_> {
    let text = within(text(raw)?, limits::EMAIL)?;
    match Address::parse(&text.value) {
        Some(_) => Ok(text.into_json()),
        None => Err("is not an e-mail address".into()),
    }
}

/// The form in which e-mail addresses are compared: the mailbox as [`fold_mailbox`] has it, the domain in ASCII.
pub(crate) fn fold_email(email: &str) -> Option<String> {
    Address::parse(email).map(|address| format!("{}@{}", fold_mailbox(address.local), address.domain))
}

/// Bytes of the longest text that could be an address.
const LONGEST: usize = 4 * limits::EMAIL;

/// Bytes of the longest domain (RFC 1035).
const DOMAIN_BYTES: usize = 253;

#[derive(Debug, PartialEq, Eq)]
struct Address<'a> {
    local: &'a str,
    /// In ASCII and lower case.
    domain: Cow<'a, str>,
}

impl<'a> Address<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        // Of a login the text may be as long as a body; no mapping is tried on that.
        let (local, domain) = text.rsplit_once('@').filter(|_| text.len() <= LONGEST)?;
        Self::plain(local, domain).or_else(|| Self::by_the_rules(local, domain))
    }

    /// An address of the plainest form, which nearly all have and all rules take: words of ASCII letters and digits.
    fn plain(local: &'a str, domain: &'a str) -> Option<Self> {
        let is_word = |word: &str| {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'+' | b'-');
            !word.is_empty() && word.bytes().all(is_plain)
        };
        // Two hyphens together may mean Unicode (`xn--`).
        let is_label = |label: &str| {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            let is_edged = label.starts_with('-') || label.ends_with('-') || has_two_hyphens(label);
            (1..=63).contains(&label.len()) && !is_edged && label.bytes().all(is_plain)
        };
        let is_short = local.len() <= limits::EMAIL_LOCAL_BYTES && domain.len() <= DOMAIN_BYTES;
        if !is_short || !local.split('.').all(is_word) || !domain.split('.').all(is_label) {
            return None;
        }
        let is_small = !domain.bytes().any(|byte| byte.is_ascii_uppercase());
        let domain = if is_small { Cow::Borrowed(domain) } else { Cow::Owned(domain.to_ascii_lowercase()) };
        Some(Self { local, domain })
    }

    fn by_the_rules(local: &'a str, domain: &'a str) -> Option<Self> {
        let domain = domain_in_ascii(domain)?;
        let is_short = local.len() <= limits::EMAIL_LOCAL_BYTES;
        if is_short && local.chars().all(is_taken_alone) && is_spelt(local) && is_address(local, &domain) {
            Some(Self { local, domain })
        } else {
            None
        }
    }
}

/// The domain in ASCII, by UTS 46: labels of letters, digits and hyphens, or of what Unicode has in their place.
pub(super) fn domain_in_ascii(domain: &str) -> Option<Cow<'_, str>> {
    let bytes = domain.as_bytes();
    Uts46::new().to_ascii(bytes, AsciiDenyList::STD3, Hyphens::CheckFirstLast, DnsLength::Verify).ok()
}

/// RFC 6532 takes any character beyond ASCII. Those that nobody sees would make two addresses of what looks like one.
fn is_taken_alone(c: char) -> bool {
    c.is_ascii() || matches!(Visibility::of(c), Visibility::Visible | Visibility::Mark | Visibility::Joining)
}

/// True when each mark and each joiner stands where it can belong to a letter.
fn is_spelt(local: &str) -> bool {
    let is_mark = |c: char| Visibility::of(c) == Visibility::Mark;
    let is_joining = |c: char| Visibility::of(c) == Visibility::Joining;
    let is_joined = |run: &str| !run.starts_with(is_joining) && !run.ends_with(JOINERS);
    !local.split('.').any(|atom| atom.starts_with(is_mark))
        && local.split(|c: char| c.is_ascii()).all(is_joined)
}

/// True when RFC 5321 takes the address with an ASCII letter in place of each character beyond ASCII.
fn is_address(local: &str, domain: &str) -> bool {
    let local: String = local.chars().map(|c| if c.is_ascii() { c } else { 'x' }).collect();
    let options = Options::default().without_display_text().without_domain_literal();
    EmailAddress::parse_with_options(&format!("{local}@{domain}"), options).is_ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        super::{Rule, check, quote},
        *,
    };

    proptest! {
        #[test]
        fn the_plainest_form_is_what_the_rules_make_of_it(
            local in "[aB1_+.\\-]{1,4}|a{60,66}", domain in "[aB1.\\-]{1,5}|xn--a[.]b|a{60,65}[.]b|([ab]{50}[.]){4}b{45,55}",
        ) {
            if let Some(plain) = Address::plain(&local, &domain) {
                prop_assert_eq!(Address::by_the_rules(&local, &domain), Some(plain));
            }
        }
    }

    #[test]
    fn nearly_all_addresses_are_of_the_plainest_form() {
        for (local, domain) in [("ada.lovelace+1", "looms.example"), ("A_B-c", "Mail.X-1.example")] {
            assert!(Address::plain(local, domain).is_some(), "{local}@{domain}");
        }
    }

    #[track_caller]
    fn taken(text: &str) {
        check(Rule::Email, &quote(text), Ok(&quote(text)));
        assert!(fold_email(text).is_some());
    }

    #[track_caller]
    fn refused(text: &str) {
        check(Rule::Email, &quote(text), Err("is not an e-mail address"));
        assert_eq!(fold_email(text), None);
    }

    #[track_caller]
    fn same(one: &str, other: &str) {
        assert_eq!(fold_email(one).unwrap(), fold_email(other).unwrap(), "{one} {other}");
    }

    #[track_caller]
    fn different(one: &str, other: &str) {
        assert_ne!(fold_email(one).unwrap(), fold_email(other).unwrap(), "{one} {other}");
    }

    #[test]
    fn addresses_are_kept_as_typed() {
        check(Rule::Email, r#"" A.b+c@X.example ""#, Ok(r#""A.b+c@X.example""#));
        for text in
            ["a@x", "!#$%&'*+-/=?^_`{|}~@x.example", "\"a b\"@x.example", "\"a@b\"@x.example", "1@1a.example"]
        {
            taken(text);
        }
        taken(&format!("{}@x.example", "a".repeat(64)));
        refused(&format!("{}@x.example", "a".repeat(65)));
        for text in
            ["", "x", "@x", "a@", "a b@x.example", "A <a@x.example>", "a..b@x.example", ".a@x.example"]
        {
            refused(text);
        }
    }

    #[test]
    fn letters_of_any_script_are_taken_with_their_marks() {
        for text in [
            "संपर्क@डाटामेल.भारत",
            "प्रिया@x.example",
            "สมชาย.ดีใจ@ไทย.example",
            "ที่อยู่@x.example",
            "தமிழ்@x.example",
            "jose\u{301}@x.example",
            "josé@x.example",
            "نامه\u{200C}ای@x.example",
            "ක්\u{200D}රී@x.example",
            "用户@例え.example",
            "דוא״ל@x.example",
            "❤\u{FE0F}@x.example",
            "👩\u{200D}💻@x.example",
            "\"é é\"@x.example",
        ] {
            taken(text);
        }
        taken(&format!("{}@x.example", "த".repeat(21)));
        refused(&format!("{}@x.example", "த".repeat(22)));
    }

    #[test]
    fn what_nobody_sees_is_no_part_of_an_address() {
        for text in [
            "a\u{AD}b@x.example",
            "a\u{200B}b@x.example",
            "a\u{200D}b@x.example",
            "\u{200D}é@x.example",
            "é\u{200D}@x.example",
            "é\u{200C}.b@x.example",
            "a\u{FE0F}@x.example",
            "\u{301}a@x.example",
            "a.\u{301}b@x.example",
            "a\u{A0}b@x.example",
            "a\u{3000}b@x.example",
            "\u{202E}ab@x.example",
            "\u{3164}@x.example",
            "\u{2800}@x.example",
            "\u{E000}@x.example",
            "\u{10FFFF}@x.example",
        ] {
            refused(text);
        }
    }

    #[test]
    fn domains_are_letters_digits_hyphens_and_dots() {
        for domain in [
            "x-1.example",
            "X.Example",
            "münchen.example",
            "xn--mnchen-3ya.example",
            "a--b.example",
            "३.example",
        ] {
            taken(&format!("a@{domain}"));
        }
        for c in "!#$%&'*+/=?^_`{|}~<>[]()\\,;:\" ".chars() {
            refused(&format!("a@x{c}y.example"));
        }
        for domain in [
            "-x.example",
            "x-.example",
            "x..example",
            ".example",
            "x.example.",
            "x／y.example",
            "xn--a.example",
            "[127.0.0.1]",
            "\u{301}x.example",
            "x y.example",
        ] {
            refused(&format!("a@{domain}"));
        }
        taken(&format!("a@{}.example", "x".repeat(63)));
        refused(&format!("a@{}.example", "x".repeat(64)));
        refused(&format!("a@{}.example", "ü".repeat(60)));
    }

    #[test]
    fn one_mailbox_is_one_address() {
        same("Ada@X.Example", "ada@x.example");
        same("info@MÜNCHEN.example", "INFO@xn--mnchen-3ya.example");
        same("info@mu\u{308}nchen.example", "info@münchen.example");
        same("info@straße.example", "info@xn--strae-oqa.example");
        same("info@x。example", "info@x.example");
        same("info@so\u{AD}ft.example", "info@soft.example");
        same("jose\u{301}@x.example", "JOSÉ@x.example");
    }

    #[test]
    fn a_text_that_is_far_too_long_is_not_tried() {
        let padded = |hyphens: usize| format!("a@so{}ft.example", "\u{AD}".repeat(hyphens));
        assert_eq!(fold_email(&padded(500)).as_deref(), Some("a@soft.example"));
        assert_eq!(fold_email(&padded(502)), None);
    }

    #[test]
    fn two_mailboxes_are_two_addresses() {
        different("info@straße.example", "info@strasse.example");
        different("straße@x.example", "strasse@x.example");
        different("\u{212A}ada@x.example", "kada@x.example");
        different("ſam@x.example", "sam@x.example");
        different("ﬁn@x.example", "fin@x.example");
        different("İ@x.example", "i@x.example");
        different("ı@x.example", "i@x.example");
        different("e@x.example", "é@x.example");
    }
}
