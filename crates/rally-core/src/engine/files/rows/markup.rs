/// Counts over the XML of a part of a workbook, made without parsing it.
pub(crate) struct Markup {
    pub(crate) cells: u64,
    pub(crate) formulas: u64,
    /// Shared strings.
    pub(crate) strings: u64,
    /// The number of shared strings that the table says it has.
    pub(crate) claimed_strings: u64,
    /// True when a tag, or the text between two, is longer than the bound.
    pub(crate) is_too_long: bool,
    most: usize,
    /// Bytes since the last tag began.
    piece: usize,
    state: State,
    /// The tag that is being read, as far as it matters.
    tag: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Text,
    Tag,
    /// A comment, an instruction or a section of characters, whose end is looked for.
    Special(&'static [u8]),
}

/// Bytes of a tag that are looked at: its name, and the attributes of the table of shared strings.
const LOOKED_AT: usize = 1024;

impl Markup {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            cells: 0,
            formulas: 0,
            strings: 0,
            claimed_strings: 0,
            is_too_long: false,
            most,
            piece: 0,
            state: State::Text,
            tag: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.piece += 1;
            self.is_too_long |= self.piece > self.most;
            match self.state {
                State::Text if *byte == b'<' => {
                    self.piece = 0;
                    self.tag.clear();
                    self.state = State::Tag;
                }
                State::Text => {}
                State::Tag => self.in_tag(*byte),
                State::Special(end) => {
                    self.keep_last(*byte, end.len());
                    if self.tag.ends_with(end) {
                        self.state = State::Text;
                    }
                }
            }
        }
    }

    fn in_tag(&mut self, byte: u8) {
        if byte == b'>' {
            self.tag_ended();
            self.state = State::Text;
            return;
        }
        if self.tag.len() < LOOKED_AT {
            self.tag.push(byte);
        }
        self.state = match self.tag.as_slice() {
            b"?" => State::Special(b"?>"),
            b"!--" => State::Special(b"-->"),
            b"![CDATA[" => State::Special(b"]]>"),
            _ => return,
        };
        self.tag.clear();
    }

    fn keep_last(&mut self, byte: u8, most: usize) {
        if self.tag.len() >= most {
            self.tag.remove(0);
        }
        self.tag.push(byte);
    }

    fn tag_ended(&mut self) {
        let name =
            self.tag.split(|byte| byte.is_ascii_whitespace() || *byte == b'/').next().unwrap_or_default();
        match name.rsplit(|byte| *byte == b':').next().unwrap_or_default() {
            b"c" => self.cells += 1,
            b"f" => self.formulas += 1,
            b"si" => self.strings += 1,
            b"sst" => self.claimed_strings = claimed(&self.tag),
            _ => {}
        }
    }
}

/// The number behind `uniqueCount`; one that is not there is 0, and one that is no number is very large.
fn claimed(tag: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(tag);
    let Some((_, value)) = text.split_once("uniqueCount") else { return 0 };
    let value =
        value.trim_start_matches(|c: char| c.is_whitespace() || c == '=').trim_start_matches(['"', '\'']);
    let digits: String = value.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(xml: &str) -> Markup {
        let mut markup = Markup::new(20);
        // One byte at a time, as a chunk may end anywhere.
        xml.bytes().for_each(|byte| markup.add(&[byte]));
        markup
    }

    #[test]
    fn cells_and_strings_are_counted() {
        let sheet =
            of("<?xml v='1'?><row><c r='A1'><v>1</v></c><x:c/><col/><!-- <c/> --><![CDATA[<c/>]]></row>");
        assert_eq!((sheet.cells, sheet.is_too_long), (2, false));
        assert_eq!(of("<sst><si>a</si><si/></sst>").strings, 2);
        assert_eq!(of("<c><f>1</f></c><x:f/><font/>").formulas, 2);
    }

    #[test]
    fn the_claim_of_a_table_is_read_however_it_is_written() {
        for tag in ["<sst uniqueCount=\"7\">", "<x:sst a='b' uniqueCount = '7'>"] {
            assert_eq!(of(tag).claimed_strings, 7, "{tag}");
        }
        assert_eq!(of("<sst uniqueCount=\"x\">").claimed_strings, u64::MAX);
        assert_eq!(of("<sst>").claimed_strings, 0);
    }

    #[test]
    fn a_piece_is_bounded_wherever_it_is() {
        for long in
            ["<c>aaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "<c aaaaaaaaaaaaaaaaaaaaaaaaaaaa", "<!-- <a <a <a <a <a <a"]
        {
            assert!(of(long).is_too_long, "{long}");
        }
    }
}
