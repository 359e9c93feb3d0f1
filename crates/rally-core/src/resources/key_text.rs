//! The text of API keys.
//!
//! A key is `rk_live_` (or `rk_test_`), 32 characters of base 62 that are its secret (190 bits), 22 that name the
//! tenant, 22 that name the key, and 6 check digits (CRC-32), by which a mistyped key is found without asking the
//! store. The store holds the SHA-256 hash of secret and tenant, from which the key cannot be made.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::{
    base::{TenantId, invariant},
    engine::session::Engine,
};

const LIVE: &str = "rk_live_";
const TEST: &str = "rk_test_";
const SECRET_CHARACTERS: usize = 32;
/// Characters that a UUID takes.
const ID_CHARACTERS: usize = 22;
const CHECK_CHARACTERS: usize = 6;
const BASE_62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The parts of a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct KeyParts<'a> {
    /// Prefix, secret and tenant: the part that is hashed.
    pub(super) hashed: &'a str,
    pub(super) tenant: TenantId,
    pub(super) id: Uuid,
}

impl<'a> KeyParts<'a> {
    /// Reads a key; `None` if the text is not one, which is found without asking the store.
    pub(super) fn of(key: &'a str) -> Option<Self> {
        let letters = key.strip_prefix(LIVE).or_else(|| key.strip_prefix(TEST))?;
        if letters.len() != SECRET_CHARACTERS + 2 * ID_CHARACTERS + CHECK_CHARACTERS || !letters.is_ascii() {
            return None;
        }
        let (body, check) = key.split_at_checked(key.len() - CHECK_CHARACTERS)?;
        let (hashed, id) = body.split_at_checked(body.len() - ID_CHARACTERS)?;
        let (_, tenant) = hashed.split_at_checked(hashed.len() - ID_CHARACTERS)?;
        let (tenant, id) = (Uuid::from_u128(number(tenant)?), Uuid::from_u128(number(id)?));
        (check == check_digits(body)).then_some(Self { hashed, tenant: TenantId::from_uuid(tenant), id })
    }
}

/// A key as far as it is known before it has a record.
pub(super) struct Secret(String);

impl Secret {
    pub(super) fn new(engine: &Engine, tenant: TenantId) -> Self {
        let prefix = if engine.config().test_keys { TEST } else { LIVE };
        let mut key = String::from(prefix);
        while key.len() < prefix.len() + SECRET_CHARACTERS {
            let [byte] = engine.random();
            // 248 is the greatest multiple of 62 in a byte; above it the first letters would come too often.
            if let Some(letter) = BASE_62.get(usize::from(byte % 62)).filter(|_| byte < 248) {
                key.push(char::from(*letter));
            }
        }
        key.push_str(&base_62(tenant.as_uuid().as_u128(), ID_CHARACTERS));
        Self(key)
    }

    /// The beginning, which is kept to tell the key from others by.
    pub(super) fn beginning(&self) -> &str {
        invariant(self.0.get(..LIVE.len() + 4), "a key is longer than its beginning, and in ASCII")
    }

    pub(super) fn hash(&self) -> String {
        hash(&self.0)
    }

    /// The whole key.
    pub(super) fn key(&self, id: Uuid) -> String {
        let body = format!("{}{}", self.0, base_62(id.as_u128(), ID_CHARACTERS));
        let check = check_digits(&body);
        body + &check
    }
}

fn check_digits(body: &str) -> String {
    base_62(crc32fast::hash(body.as_bytes()).into(), CHECK_CHARACTERS)
}

fn base_62(mut number: u128, characters: usize) -> String {
    let mut letters = vec![b'0'; characters];
    for letter in letters.iter_mut().rev() {
        // Most numbers fit 64 bits, whose division is much quicker.
        let remainder = match u64::try_from(number) {
            Ok(small) => {
                number = u128::from(small / 62);
                usize::try_from(small % 62).ok()
            }
            Err(_) => {
                let remainder = usize::try_from(number % 62).ok();
                number /= 62;
                remainder
            }
        };
        let digit = remainder.and_then(|digit| BASE_62.get(digit));
        *letter = *invariant(digit, "a remainder of 62 is less than 62");
    }
    letters.iter().map(|letter| char::from(*letter)).collect()
}

/// The number of each letter of base 62, and 62 for bytes that are none.
#[expect(
    clippy::indexing_slicing,
    reason = "a constant that would not compile if a place were beyond its end"
)]
const NUMBERS: [u8; 256] = {
    let mut numbers = [62; 256];
    let (mut byte, mut place) = (0_u8, 0);
    while byte < u8::MAX {
        let (mut digit, mut number) = (0, 0);
        while digit < BASE_62.len() {
            if BASE_62[digit] == byte {
                numbers[place] = number;
            }
            digit += 1;
            number += 1;
        }
        byte += 1;
        place += 1;
    }
    numbers
};

/// The number that letters of base 62 are; `None` if they are no such letters, or too great.
fn number(letters: &str) -> Option<u128> {
    letters.bytes().try_fold(0u128, |number, letter| {
        let digit = NUMBERS.get(usize::from(letter)).filter(|digit| **digit < 62)?;
        number.checked_mul(62)?.checked_add((*digit).into())
    })
}

/// The SHA-256 hash of a text, in hexadecimal.
pub(super) fn hash(text: &str) -> String {
    let digit = |nibble: u8| invariant(char::from_digit(u32::from(nibble), 16), "a nibble is less than 16");
    let mut hash = String::with_capacity(64);
    for byte in Sha256::digest(text) {
        hash.push(digit(byte >> 4));
        hash.push(digit(byte & 15));
    }
    hash
}

/// True when two texts are equal, compared in constant time.
pub(super) fn are_equal(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(secret: &str, tenant: u128, id: u128) -> String {
        let tenant = base_62(tenant, ID_CHARACTERS);
        Secret(format!("{LIVE}{secret}{tenant}")).key(Uuid::from_u128(id))
    }

    proptest! {
        #[test]
        fn a_key_says_which_it_is_and_which_tenant_it_belongs_to(
            tenant: u128, id: u128, secret in "[0-9A-Za-z]{32}",
        ) {
            let key = key(&secret, tenant, id);
            let parts = KeyParts::of(&key).unwrap();
            prop_assert_eq!((parts.tenant.as_uuid().as_u128(), parts.id.as_u128()), (tenant, id));
        }

        #[test]
        fn one_wrong_letter_is_no_key(secret in "[0-9A-Za-z]{32}", place in 8usize..90, letter in "[0-9A-Za-z]") {
            let key = key(&secret, 7, 8);
            let mut slip = key.clone();
            slip.replace_range(place..=place, &letter);
            prop_assert_eq!(KeyParts::of(&slip).is_some(), slip == key);
        }

        #[test]
        fn any_text_is_a_key_or_none_and_never_a_panic(text in "(rk_live_)?[0-9A-Za-zé]{0,84}") {
            let _ = KeyParts::of(&text);
        }
    }
}
