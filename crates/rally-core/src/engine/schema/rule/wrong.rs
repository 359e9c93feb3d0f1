use crate::base::Faults;

/// What is wrong with a value, each a phrase behind the place inside the value that it is about: nothing for the value
/// as a whole, else what a member's name goes on with, such as `.rating` or `[2].name`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wrong(Faults);

impl Wrong {
    /// Nothing yet.
    pub(crate) const fn nothing() -> Self {
        Self(Faults::new())
    }

    /// One phrase about one place.
    pub(crate) fn at(place: &str, phrase: impl Into<String>) -> Self {
        Self(Faults::one(place, phrase))
    }

    pub(crate) fn add(&mut self, place: &str, phrase: impl Into<String>) {
        self.0.add(place, phrase);
    }

    /// Adds what is wrong with a value that stands at a place of this one.
    pub(crate) fn add_all(&mut self, place: &str, inner: Wrong) {
        self.0.add_all(place, inner.0);
    }

    /// The value, if nothing is wrong.
    pub(crate) fn or<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }

    /// All of it by place.
    pub(crate) fn into_faults(self) -> Faults {
        self.0
    }
}

impl From<&'static str> for Wrong {
    fn from(phrase: &'static str) -> Self {
        Self::at("", phrase)
    }
}

impl From<String> for Wrong {
    fn from(phrase: String) -> Self {
        Self::at("", phrase)
    }
}
