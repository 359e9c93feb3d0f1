//! Reading of plain JSON, as nearly all bodies are: texts without escapes, numbers, words, and arrays and objects of
//! these. It looks at each byte once, where a general reader looks for the end of an item, then of each member, and then
//! at its value. Whatever else JSON has, and all that is not JSON, is left to the library, which then reads from the
//! beginning and tells what is wrong.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHEST: u64 = 0x8080_8080_8080_8080;

/// JSON text that is read from its beginning. Its methods answer `None` for what is not plain.
#[derive(Debug)]
pub(super) struct Plain<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Plain<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Takes a byte, and the blanks before it; false if another one comes next.
    pub(super) fn takes(&mut self, byte: u8) -> bool {
        let is_next = self.next() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    /// True when nothing but blanks is left.
    pub(super) fn is_at_end(&mut self) -> bool {
        self.next().is_none()
    }

    /// Reads an object, and hands on the name of each member and the JSON text of its value.
    pub(super) fn object(&mut self, mut member: impl FnMut(&'a str, &'a str)) -> Option<()> {
        if !self.takes(b'{') {
            return None;
        }
        if self.takes(b'}') {
            return Some(());
        }
        loop {
            let name = self.string()?;
            if !self.takes(b':') {
                return None;
            }
            member(name, self.value()?);
            if !self.takes(b',') {
                return self.takes(b'}').then_some(());
            }
        }
    }

    /// The next byte behind blanks.
    fn next(&mut self) -> Option<u8> {
        let rest = self.text.as_bytes().get(self.at..)?;
        let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t')).count();
        self.at += blanks;
        rest.get(blanks).copied()
    }

    fn value(&mut self) -> Option<&'a str> {
        let first = self.next()?;
        let start = self.at;
        match first {
            b'[' => self.array()?,
            _ => self.scalar(first)?,
        }
        self.text.get(start..self.at)
    }

    fn array(&mut self) -> Option<()> {
        self.at += 1;
        if self.takes(b']') {
            return Some(());
        }
        loop {
            let first = self.next()?;
            self.scalar(first)?;
            if !self.takes(b',') {
                return self.takes(b']').then_some(());
            }
        }
    }

    fn scalar(&mut self, first: u8) -> Option<()> {
        match first {
            b'"' => self.string().map(drop),
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            _ => None,
        }
    }

    /// The text between two quotation marks.
    fn string(&mut self) -> Option<&'a str> {
        if !self.takes(b'"') {
            return None;
        }
        let start = self.at;
        loop {
            let rest = self.text.as_bytes().get(self.at..)?;
            let Some(eight) = rest.first_chunk() else {
                self.at += rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))?;
                break;
            };
            match special(u64::from_le_bytes(*eight)) {
                0 => self.at += 8,
                found => {
                    self.at += usize::try_from(found.trailing_zeros() / 8).ok()?;
                    break;
                }
            }
        }
        if !self.is(b'"') {
            return None;
        }
        let text = self.text.get(start..self.at)?;
        self.at += 1;
        Some(text)
    }

    /// A number without an exponent: what stands behind it is no end of a value, if it has one.
    fn number(&mut self) -> Option<()> {
        self.at += usize::from(self.is(b'-'));
        let is_zero = self.is(b'0');
        let digits = self.digits()?;
        if is_zero && digits > 1 {
            return None;
        }
        if self.is(b'.') {
            self.at += 1;
            self.digits()?;
        }
        Some(())
    }

    fn digits(&mut self) -> Option<usize> {
        let rest = self.text.as_bytes().get(self.at..)?;
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += digits;
        (digits > 0).then_some(digits)
    }

    fn word(&mut self, word: &str) -> Option<()> {
        let rest = self.text.as_bytes().get(self.at..)?;
        self.at += word.len();
        rest.starts_with(word.as_bytes()).then_some(())
    }

    fn is(&self, byte: u8) -> bool {
        self.text.as_bytes().get(self.at) == Some(&byte)
    }
}

/// A number whose lowest bit is in the first of eight bytes that ends a text or is not plain; 0 if none is.
///
/// Bits behind the lowest may be wrong, as a subtraction borrows from the bytes behind.
fn special(eight: u64) -> u64 {
    equal(eight, b'"') | equal(eight, b'\\') | below(eight, 0x20)
}

fn below(eight: u64, least: u64) -> u64 {
    eight.wrapping_sub(ONES * least) & !eight & HIGHEST
}

fn equal(eight: u64, byte: u8) -> u64 {
    below(eight ^ (ONES * u64::from(byte)), 1)
}

/// True for visible ASCII characters and blanks alone, without a quotation mark or a backslash.
///
/// Eight bytes are looked at at once: a build for size would look at each for itself.
pub(super) fn is_plain(bytes: &[u8]) -> bool {
    let are_plain = |eight: &[u8; 8]| {
        let eight = u64::from_le_bytes(*eight);
        special(eight) | equal(eight, 0x7f) | (eight & HIGHEST) == 0
    };
    let (eights, rest) = bytes.as_chunks();
    let is_plain = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    eights.iter().all(are_plain) && rest.iter().all(is_plain)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::*;

    #[test]
    fn each_byte_at_each_place_is_plain_or_not() {
        for (byte, at) in (0..=u8::MAX).flat_map(|byte| (0..11).map(move |at| (byte, at))) {
            let mut bytes = *b"eleven text";
            bytes[at] = byte;
            let expected = (b' '..=b'~').contains(&byte) && byte != b'"' && byte != b'\\';
            assert_eq!(is_plain(&bytes), expected, "{byte} at {at}");
        }
    }

    fn read(text: &str) -> Option<Vec<(&str, &str)>> {
        let (mut plain, mut members) = (Plain::new(text), Vec::new());
        plain.object(|name, value| members.push((name, value)))?;
        plain.is_at_end().then_some(members)
    }

    fn pieces() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            8 => "[ \\n]{0,2}\"[a-d]{1,12}\"[ ]{0,1}:[ \\t]{0,1}",
            4 => "\"[ -~]{0,20}\"",
            2 => "\"(é|a|\\\\n|\\x01|\u{7f}){0,12}\"",
            4 => "-?[0-9]{1,3}([.][0-9]{0,2})?([eE]1)?",
            2 => "true|false|null|nul|\\[\\]|\\[1,\"a\"\\]|\\[[\\[]\\]|\\{\\}",
            8 => "[,{}]",
        ];
        prop::collection::vec(piece, 0..9).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]
        #[test]
        fn what_is_read_as_plain_is_read_alike_by_the_library(inner in pieces(), whole: bool) {
            let text = if whole { format!("{{{inner}}}") } else { inner };
            if let Some(members) = read(&text) {
                let known: BTreeMap<&str, &RawValue> = serde_json::from_str(&text).unwrap();
                let last: BTreeMap<&str, &str> = members.into_iter().collect();
                let known: BTreeMap<&str, &str> = known.into_iter().map(|(name, value)| (name, value.get())).collect();
                prop_assert_eq!(last, known);
            }
        }
    }

    #[test]
    fn plain_bodies_are_read() {
        let text =
            " {\"a\" : \"é, {}\", \"bcdefghijklm\":-0.50,\n\"c\":[1, \"x\" ,null],\"d\":true,\"e\":[]} ";
        let members = [
            ("a", "\"é, {}\""),
            ("bcdefghijklm", "-0.50"),
            ("c", "[1, \"x\" ,null]"),
            ("d", "true"),
            ("e", "[]"),
        ];
        assert_eq!(read(text).as_deref(), Some(&members[..]));
        assert_eq!(read("{}"), Some(Vec::new()));
    }

    #[test]
    fn all_else_is_left_to_the_library() {
        for text in [
            "",
            "[]",
            "{",
            "{\"a\":1",
            "{\"a\":1}}",
            "{\"a\":1,}",
            "{\"a\":01}",
            "{\"a\":1.}",
            "{\"a\":1e5}",
            "{\"a\":tru}",
            "{\"a\":{}}",
            "{\"a\":[[]]}",
            "{\"a\\u0062\":1}",
            "{\"a\":\"x\\ny\"}",
            "{\"a\":\"\u{1}\"}",
            "{\"a\":\"12345678\t\"}",
            "{a:1}",
            "{\"a\":\"",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
