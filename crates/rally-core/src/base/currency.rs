use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::read_text;

/// A currency, by its alphabetic code (ISO 4217).
///
/// ```
/// use rally_core::Currency;
///
/// let dollar: Currency = "USD".parse()?;
/// assert_eq!(dollar.as_str(), "USD");
/// assert!("usd".parse::<Currency>().is_err());
/// # Ok::<(), rally_core::parse::NotACurrency>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency(iso_currency::Currency);

/// Says that a text is not the code of a currency: completes "*value* …".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a currency code of ISO 4217, such as USD")]
pub struct NotACurrency;

impl Currency {
    /// The currency of new deals of a tenant without a setting of its own.
    pub const USD: Currency = Currency(iso_currency::Currency::USD);
    /// The euro.
    pub const EUR: Currency = Currency(iso_currency::Currency::EUR);

    /// The code: three capital letters.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.0.code()
    }
}

impl FromStr for Currency {
    type Err = NotACurrency;

    fn from_str(code: &str) -> Result<Self, NotACurrency> {
        iso_currency::Currency::from_code(code).map(Self).ok_or(NotACurrency)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_text(deserializer)
    }
}
