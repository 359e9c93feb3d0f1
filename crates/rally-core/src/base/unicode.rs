//! Forms of text in which it is compared, and kinds of characters, by the tables of Unicode.

use std::borrow::Cow;

use icu_casemap::CaseMapper;
use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
use icu_properties::{
    CodePointMapData, CodePointSetData,
    props::{DefaultIgnorableCodePoint, GeneralCategory, VariationSelector},
};

/// Turkish `ı`: the small letter of `I` there, as `i` is elsewhere.
const DOTLESS_I: char = '\u{131}';
const DOT_ABOVE: char = '\u{307}';
/// Zero-width characters that scripts of India and Iran spell words with, and that join pictures.
pub(crate) const JOINERS: [char; 2] = ['\u{200C}', '\u{200D}'];
/// Characters beyond ASCII that canonical composition makes ASCII of: the Kelvin sign, the Greek question mark and a
/// Greek accent.
const TWINS_OF_ASCII: [char; 3] = ['\u{212A}', '\u{37E}', '\u{1FEF}'];
/// Symbols that are drawn as nothing: the Braille pattern without dots, and a note without a head.
const BLANK_SYMBOLS: [char; 2] = ['\u{2800}', '\u{1D159}'];

/// Part that a character has in what a reader sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Visibility {
    /// It is seen by itself: a letter, a digit, a symbol.
    Visible,
    /// It is seen with the one before it, such as an accent or a vowel sign.
    Mark,
    /// It is not seen, and changes how its neighbours are written: a joiner or a variation selector.
    Joining,
    /// It is not seen: a blank, a control or format character.
    Unseen,
    /// It has no meaning that these tables know of.
    Unknown,
}

impl Visibility {
    pub(crate) fn of(c: char) -> Self {
        let is_selector = CodePointSetData::new::<VariationSelector>().contains(c);
        if is_selector || JOINERS.contains(&c) {
            return Visibility::Joining;
        }
        if CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c) || BLANK_SYMBOLS.contains(&c) {
            return Visibility::Unseen;
        }
        match CodePointMapData::<GeneralCategory>::new().get(c) {
            GeneralCategory::NonspacingMark
            | GeneralCategory::SpacingMark
            | GeneralCategory::EnclosingMark => Visibility::Mark,
            GeneralCategory::SpaceSeparator
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator
            | GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::Surrogate => Visibility::Unseen,
            GeneralCategory::PrivateUse | GeneralCategory::Unassigned => Visibility::Unknown,
            _ => Visibility::Visible,
        }
    }
}

/// True when a reader sees something of a text.
pub(crate) fn is_visible(text: &str) -> bool {
    let is_seen = |c: char| matches!(Visibility::of(c), Visibility::Visible | Visibility::Unknown);
    text.chars().any(|c| if c.is_ascii() { c.is_ascii_graphic() } else { is_seen(c) })
}

/// The form in which names are compared and searched: compatible characters composed (NFKC) and case-folded (full
/// folding), without characters that are ignorable.
///
/// Every `i` is the same one, with a dot or without: whether `I` is the capital of `i` or of `ı` is up to the language of
/// a name, which nobody tells.
pub(crate) fn fold_name(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let nfkd = DecomposingNormalizerBorrowed::new_nfkd();
    // Twice, as folding can make characters that are not composed, and composing some that are not folded.
    let folded = fold(&nfkd.normalize(text));
    let folded = fold(&nfkd.normalize(&folded));
    let decomposed = nfkd.normalize(&folded);
    let ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>();
    let mut kept = String::with_capacity(decomposed.len());
    for c in decomposed.chars().filter(|c| !ignorable.contains(*c)) {
        match c {
            DOTLESS_I => kept.push('i'),
            DOT_ABOVE if kept.ends_with('i') => {}
            c => kept.push(c),
        }
    }
    ComposingNormalizerBorrowed::new_nfkc().normalize(&kept).into_owned()
}

fn fold(text: &str) -> String {
    CaseMapper::new().fold_string(text).into_owned()
}

/// The form in which mailboxes of a domain are compared: composed (NFC) and case-folded letter by letter (simple
/// folding). Two letters are never one for it, so `ß` is not `ss`, and no text beyond ASCII becomes one within: neither
/// the Kelvin sign is a `k`, nor `ſ` an `s`.
pub(crate) fn fold_mailbox(local: &str) -> String {
    if local.is_ascii() {
        return local.to_ascii_lowercase();
    }
    let folded: String = composed_beyond_ascii(local).chars().map(fold_letter).collect();
    composed_beyond_ascii(&folded)
}

fn fold_letter(c: char) -> char {
    let folded = CaseMapper::new().simple_fold(c);
    if c.is_ascii() == folded.is_ascii() { folded } else { c }
}

/// The composed form (NFC) of a text, but of characters that it would make ASCII.
fn composed_beyond_ascii(text: &str) -> String {
    let nfc = ComposingNormalizerBorrowed::new_nfc();
    let mut composed = String::with_capacity(text.len());
    for piece in text.split_inclusive(TWINS_OF_ASCII) {
        let rest = piece.trim_end_matches(TWINS_OF_ASCII);
        composed.push_str(&nfc.normalize(rest));
        composed.push_str(piece.strip_prefix(rest).unwrap_or_default());
    }
    composed
}

/// The form in which passwords are hashed, so that it does not matter how a keyboard composes letters and blanks (NFKC,
/// as NIST SP 800-63B advises).
pub(crate) fn normal_password(password: &str) -> Cow<'_, str> {
    ComposingNormalizerBorrowed::new_nfkc().normalize(password)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn folding_again_changes_nothing(text in "(\\PC|[Iiıİ\u{307}\u{323}\u{300}\u{345}\u{AD}ſßﬁKΣς]){0,8}") {
            let name = fold_name(&text);
            prop_assert_eq!(fold_name(&name), name);
            let mailbox = fold_mailbox(&text);
            prop_assert_eq!(fold_mailbox(&mailbox), mailbox);
        }

        #[test]
        fn texts_that_are_canonically_the_same_fold_to_the_same(text in "(\\PC|[a-zàéöÅ\u{301}\u{323}]){0,8}") {
            let decomposed = DecomposingNormalizerBorrowed::new_nfd().normalize(&text).into_owned();
            prop_assert_eq!(fold_name(&decomposed), fold_name(&text));
            prop_assume!(!text.contains(TWINS_OF_ASCII));
            prop_assert_eq!(fold_mailbox(&decomposed), fold_mailbox(&text));
            let password = normal_password(&text).into_owned();
            prop_assert_eq!(normal_password(&decomposed), password);
        }

        #[test]
        fn only_ascii_is_compared_as_ascii(text in "[a-z]{0,2}[^\\x00-\\x7F][a-z]{0,2}") {
            prop_assert!(!fold_mailbox(&text).is_ascii());
        }
    }

    #[test]
    fn no_character_beyond_ascii_is_compared_as_one_within() {
        // The planes that have letters.
        for c in '\u{80}'..='\u{323AF}' {
            assert!(!fold_mailbox(&c.to_string()).is_ascii(), "{c:?}");
        }
    }

    #[test]
    fn names_fold_across_cases_and_compositions() {
        for (one, other) in [
            ("Ärzte", "A\u{308}RZTE"),
            ("e\u{301}", "É"),
            ("İlker", "ilker"),
            ("I\u{307}lker", "ILKER"),
            ("ILKER", "ılker"),
            ("ı\u{307}lker", "ilker"),
            ("Straße", "STRASSE"),
            ("ﬁn", "FIN"),
            ("Ｆｕｌｌ", "full"),
            ("ΣΊΣΥΦΟΣ", "σίσυφος"),
            ("한", "\u{1112}\u{1161}\u{11AB}"),
            ("soft\u{AD}ware", "Software"),
            ("ǅungla", "ǆUNGLA"),
        ] {
            assert_eq!(fold_name(one), fold_name(other), "{one} {other}");
        }
        for (one, other) in [("e", "é"), ("i", "í"), ("o", "ø"), ("n", "ñ")] {
            assert_ne!(fold_name(one), fold_name(other), "{one} {other}");
        }
    }

    #[test]
    fn mailboxes_fold_letter_by_letter() {
        for (one, other) in [
            ("Ada", "ADA"),
            ("JOSE\u{301}", "josé"),
            ("ÅSA", "a\u{30A}sa"),
            ("\u{212B}sa", "åsa"),
            ("ПЁТР", "пётр"),
            ("ΣΣ", "ςσ"),
        ] {
            assert_eq!(fold_mailbox(one), fold_mailbox(other), "{one} {other}");
        }
        for (one, other) in [
            ("straße", "strasse"),
            ("\u{212A}ada", "kada"),
            ("\u{212A}ada", "Kada"),
            ("ſam", "sam"),
            ("ﬁn", "fin"),
            ("ﬅ", "st"),
            ("İlker", "ilker"),
            ("ılker", "ilker"),
            ("ａda", "ada"),
        ] {
            assert_ne!(fold_mailbox(one), fold_mailbox(other), "{one} {other}");
        }
    }

    #[test]
    fn some_letters_are_not_seen() {
        for text in ["a", " a ", "é", "ไ", "😀", "\u{200B}a", "👩\u{200D}💻", "\u{E000}", "-"] {
            assert!(is_visible(text), "{text:?}");
        }
        for text in [
            "",
            " ",
            "\u{AD}",
            "\u{A0}",
            "\u{200B}\u{200E}",
            "\u{2060}",
            "\u{FEFF}",
            "\u{115F}\u{1160}",
            "\u{3164}",
            "\u{FFA0}",
            "\u{2800}",
            "\u{3000}",
            "\u{E0041}",
            "\u{FE0F}",
            "\u{301}",
            "\u{1D159}",
        ] {
            assert!(!is_visible(text), "{text:?}");
        }
    }
}
