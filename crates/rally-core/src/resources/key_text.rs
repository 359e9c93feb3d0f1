//! The text of API keys.
//!
//! A key is `rk_live_` (or `rk_test_`), 32 characters of base 62 that are its secret (190 bits), 22 that name the
//! tenant, 22 that name the key, and 6 check digits (CRC-32), by which a mistyped key is found without asking the
//! store. The store holds the SHA-256 hash of secret and tenant, from which the key cannot be made.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::{
    base::{TenantId, hexadecimal, invariant},
    engine::session::Engine,
};

const LIVE: &str = "rk_live_";
const TEST: &str = "rk_test_";
const SECRET_CHARACTERS: usize = 32;
/// Characters that a UUID takes.
const ID_CHARACTERS: usize = 22;
const CHECK_CHARACTERS: usize = 6;
const BASE_62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The text of an API key, whose form and check digits are right. The store alone knows whether it opens anything.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKeyText {
    text: String,
    tenant: TenantId,
    id: Uuid,
}

impl ApiKeyText {
    /// Reads a text; `None` if it is no key, which is found without asking the store.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// let made = acme.api_keys().mint(&ApiKeyDraft::new("report"))?;
    /// let key = ApiKeyText::parse(&made.key).expect("a key");
    /// assert_eq!(key.tenant(), acme.tenant().id);
    /// assert_eq!(engine.authenticate_key(&key)?.caller().to_string(), "apikey:report");
    /// assert!(ApiKeyText::parse("rk_live_guessed").is_none());
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let letters = text.strip_prefix(LIVE).or_else(|| text.strip_prefix(TEST))?;
        if letters.len() != SECRET_CHARACTERS + 2 * ID_CHARACTERS + CHECK_CHARACTERS || !letters.is_ascii() {
            return None;
        }
        let (body, check) = text.split_at_checked(text.len() - CHECK_CHARACTERS)?;
        let (hashed, id) = body.split_at_checked(body.len() - ID_CHARACTERS)?;
        let (_, tenant) = hashed.split_at_checked(hashed.len() - ID_CHARACTERS)?;
        if number(check)? != u128::from(crc32fast::hash(body.as_bytes())) {
            return None;
        }
        let [tenant, id] = [tenant, id].map(|letters| number(letters).map(Uuid::from_u128));
        Some(Self { text: text.to_owned(), tenant: TenantId::from_uuid(tenant?), id: id? })
    }

    /// The whole text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The tenant that it names.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// The key that it names.
    pub(super) fn id(&self) -> Uuid {
        self.id
    }

    /// The hash of prefix, secret and tenant.
    pub(super) fn hash(&self) -> String {
        let end = self.text.len() - ID_CHARACTERS - CHECK_CHARACTERS;
        hash(invariant(self.text.get(..end), "a key is longer than its end, and in ASCII"))
    }
}

impl fmt::Debug for ApiKeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeyText")
            .field("tenant", &self.tenant)
            .field("id", &self.id)
            .finish_non_exhaustive()
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
        let check = base_62(crc32fast::hash(body.as_bytes()).into(), CHECK_CHARACTERS);
        body + &check
    }
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
    // As many letters at a time as fit 64 bits, whose arithmetic is much quicker.
    letters.as_bytes().chunks(10).try_fold(0u128, |number, letters| {
        let (low, above) = letters.iter().try_fold((0u64, 1u64), |(low, above), letter| {
            let digit = NUMBERS.get(usize::from(*letter)).filter(|digit| **digit < 62)?;
            Some((62 * low + u64::from(*digit), 62 * above))
        })?;
        number.checked_mul(above.into())?.checked_add(low.into())
    })
}

/// The SHA-256 hash of a text, in hexadecimal.
pub(super) fn hash(text: &str) -> String {
    hexadecimal(&Sha256::digest(text))
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
            let read = ApiKeyText::parse(&key).unwrap();
            prop_assert_eq!((read.tenant().as_uuid().as_u128(), read.id().as_u128()), (tenant, id));
            prop_assert_eq!(read.hash(), hash(key.get(..key.len() - 28).unwrap()));
            let shown = format!("{read:?}");
            prop_assert!(!shown.contains(&secret));
        }

        #[test]
        fn one_wrong_letter_is_no_key(secret in "[0-9A-Za-z]{32}", place in 8usize..90, letter in "[0-9A-Za-z]") {
            let key = key(&secret, 7, 8);
            let mut slip = key.clone();
            slip.replace_range(place..=place, &letter);
            prop_assert_eq!(ApiKeyText::parse(&slip).is_some(), slip == key);
        }

        #[test]
        fn any_text_is_a_key_or_none_and_never_a_panic(text in "(rk_live_)?[0-9A-Za-zé]{0,84}") {
            let _ = ApiKeyText::parse(&text);
        }
    }
}
