use crate::base::Faults;

/// Faults of a value. Each is a phrase and the place in the value that it is about: an empty one for the value as a
/// whole, otherwise the rest of the member's name, such as `.rating` or `[2].name`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ValueFaults(Faults);

impl ValueFaults {
    /// No fault yet.
    pub(crate) const fn none() -> Self {
        Self(Faults::new())
    }

    /// One phrase about one place.
    pub(crate) fn at(place: &str, phrase: impl Into<String>) -> Self {
        Self(Faults::one(place, phrase))
    }

    pub(crate) fn add(&mut self, place: &str, phrase: impl Into<String>) {
        self.0.add(place, phrase);
    }

    /// Adds the faults of a value that lies at a place of this one.
    pub(crate) fn add_all(&mut self, place: &str, inner: ValueFaults) {
        self.0.add_all(place, inner.0);
    }

    /// Answers the value if there is no fault.
    pub(crate) fn or<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }

    /// The faults by place.
    pub(crate) fn into_faults(self) -> Faults {
        self.0
    }
}

impl From<&'static str> for ValueFaults {
    fn from(phrase: &'static str) -> Self {
        Self::at("", phrase)
    }
}

impl From<String> for ValueFaults {
    fn from(phrase: String) -> Self {
        Self::at("", phrase)
    }
}
