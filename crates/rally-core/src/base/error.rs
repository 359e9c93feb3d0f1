use std::{error::Error as StdError, fmt, sync::Arc};

use uuid::Uuid;

use super::{
    Faults, NotACurrency, NotADecimal, NotATimeZone, NotAnInstant, Scope, Timestamp, UnknownScope,
    UnknownWord,
};

/// The kind of failure that an [`Error`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// Members or parameters with values that they cannot have.
    Validation,
    /// A body that is not JSON.
    MalformedJson,
    /// A natural key that another record has.
    Duplicate,
    /// More than one record matches, but one is needed.
    Ambiguous,
    /// An id in a body that names no record of this tenant.
    BadReference,
    /// A documented limit was exceeded.
    LimitExceeded,
    /// No valid credential.
    Unauthorized,
    /// A valid credential with too small a scope.
    Forbidden,
    /// No such record in this tenant.
    NotFound,
    /// The request conflicts with the present state.
    Conflict,
    /// The record is no longer at the version that the request names.
    PreconditionFailed,
    /// An idempotency key was used before for other content.
    IdempotencyMismatch,
    /// The feed no longer reaches back to the instant asked for.
    FeedTrimmed,
    /// Changes up to the position may have been lost, as the feed was put back from a copy or its database has failed over.
    FeedReset,
    /// The store cannot answer at present.
    Unavailable,
    /// A fault of the engine itself, or of the system that it runs on.
    Internal,
}

impl Code {
    /// Every code.
    pub const ALL: &'static [Code] = &[
        Code::Validation,
        Code::MalformedJson,
        Code::Duplicate,
        Code::Ambiguous,
        Code::BadReference,
        Code::LimitExceeded,
        Code::Unauthorized,
        Code::Forbidden,
        Code::NotFound,
        Code::Conflict,
        Code::PreconditionFailed,
        Code::IdempotencyMismatch,
        Code::FeedTrimmed,
        Code::Unavailable,
        Code::Internal,
        Code::FeedReset,
    ];

    /// The number in stored answers, which never changes.
    pub(crate) const fn number(self) -> u8 {
        match self {
            Code::Validation => 1,
            Code::MalformedJson => 2,
            Code::Duplicate => 3,
            Code::Ambiguous => 4,
            Code::BadReference => 5,
            Code::LimitExceeded => 6,
            Code::Unauthorized => 7,
            Code::Forbidden => 8,
            Code::NotFound => 9,
            Code::Conflict => 10,
            Code::PreconditionFailed => 11,
            Code::IdempotencyMismatch => 12,
            Code::FeedTrimmed => 13,
            Code::Unavailable => 14,
            Code::Internal => 15,
            Code::FeedReset => 16,
        }
    }

    /// The code with that number.
    pub(crate) fn from_number(number: u8) -> Option<Code> {
        Code::ALL.iter().copied().find(|code| code.number() == number)
    }

    /// The name that callers see.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Code::Validation => "validation",
            Code::MalformedJson => "malformed_json",
            Code::Duplicate => "duplicate",
            Code::Ambiguous => "ambiguous",
            Code::BadReference => "bad_reference",
            Code::LimitExceeded => "limit_exceeded",
            Code::Unauthorized => "unauthorized",
            Code::Forbidden => "forbidden",
            Code::NotFound => "not_found",
            Code::Conflict => "conflict",
            Code::PreconditionFailed => "precondition_failed",
            Code::IdempotencyMismatch => "idempotency_mismatch",
            Code::FeedTrimmed => "feed_trimmed",
            Code::FeedReset => "feed_reset",
            Code::Unavailable => "unavailable",
            Code::Internal => "internal",
        }
    }
}

/// A refusal or a failure of the engine, in two halves: one that the caller may be told ([`code`](Error::code),
/// [`detail`](Error::detail), [`faults`](Error::faults) and the like, also as `Display`), and one for the log alone
/// ([`source`](StdError::source), also in `Debug`).
#[derive(Clone)]
pub struct Error(Box<Parts>);

#[derive(Clone)]
struct Parts {
    code: Code,
    detail: String,
    faults: Faults,
    existing_id: Option<Uuid>,
    matching_ids: Vec<Uuid>,
    required_scope: Option<Scope>,
    oldest_change: Option<Timestamp>,
    outcome_unknown: bool,
    under_way: bool,
    cause: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error with a code and a sentence for the caller.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            code,
            detail: detail.into(),
            faults: Faults::new(),
            existing_id: None,
            matching_ids: Vec::new(),
            required_scope: None,
            oldest_change: None,
            outcome_unknown: false,
            under_way: false,
            cause: None,
        }))
    }

    /// An internal error: its cause goes to the log, and the caller is told only that something failed.
    #[must_use]
    pub fn internal(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(Code::Internal, "something went wrong here; the log has the reason").caused_by(cause)
    }

    pub(crate) fn not_found(noun: &str) -> Self {
        Self::new(Code::NotFound, format!("there is no such {noun}"))
    }

    pub(crate) fn forbidden(required: Scope) -> Self {
        let mut error = Self::new(Code::Forbidden, format!("this needs the scope {required}"));
        error.0.required_scope = Some(required);
        error
    }

    pub(crate) fn feed_trimmed(oldest: Timestamp) -> Self {
        let mut error = Self::new(
            Code::FeedTrimmed,
            format!("changes before {oldest} are gone; read the lists anew and go on from there"),
        );
        error.0.oldest_change = Some(oldest);
        error
    }

    pub(crate) fn feed_reset() -> Self {
        Self::new(
            Code::FeedReset,
            "changes that were read from the feed may be gone, as it was put back from a copy or its database has lost \
             some; read the lists anew, and go on from there in the feed's new epoch",
        )
    }

    pub(crate) fn with_unknown_outcome(mut self) -> Self {
        self.0.outcome_unknown = true;
        self
    }

    pub(crate) fn with_under_way(mut self) -> Self {
        self.0.under_way = true;
        self
    }

    pub(crate) fn with_faults(mut self, faults: Faults) -> Self {
        self.0.faults = faults;
        self
    }

    pub(crate) fn with_existing(mut self, id: Option<Uuid>) -> Self {
        self.0.existing_id = id;
        self
    }

    pub(crate) fn with_matching(mut self, ids: Vec<Uuid>) -> Self {
        self.0.matching_ids = ids;
        self
    }

    /// Adds the cause, which is for the log and not for the caller.
    ///
    /// ```
    /// # use rally_core::*;
    /// let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
    /// let error = Error::new(Code::Unavailable, "try again").caused_by(full);
    /// assert_eq!(error.to_string(), "try again");
    /// assert!(std::error::Error::source(&error).is_some());
    /// ```
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.cause = Some(Arc::from(cause.into()));
        self
    }

    /// The kind of failure.
    #[must_use]
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// A sentence for the caller.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// Faults, by member or parameter.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.0.faults
    }

    /// The record that has the natural key already.
    #[must_use]
    pub fn existing_id(&self) -> Option<Uuid> {
        self.0.existing_id
    }

    /// The records that match, of which one is needed.
    #[must_use]
    pub fn matching_ids(&self) -> &[Uuid] {
        &self.0.matching_ids
    }

    /// The scope that was missing.
    #[must_use]
    pub fn required_scope(&self) -> Option<Scope> {
        self.0.required_scope
    }

    /// The oldest change that the feed still has.
    #[must_use]
    pub fn oldest_change(&self) -> Option<Timestamp> {
        self.0.oldest_change
    }

    /// True when there is no such record in this tenant.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.code() == Code::NotFound
    }

    /// True when another record has the natural key.
    #[must_use]
    pub fn is_duplicate(&self) -> bool {
        self.code() == Code::Duplicate
    }

    /// True unless the engine or its store failed: the same write with other input may succeed.
    pub(crate) fn is_about_input(&self) -> bool {
        !matches!(self.code(), Code::Internal | Code::Unavailable)
    }

    /// True when the input was at fault.
    #[must_use]
    pub fn is_invalid(&self) -> bool {
        matches!(self.code(), Code::Validation | Code::MalformedJson | Code::BadReference)
    }

    /// True when the request had no effect and may succeed later, unchanged.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        self.code() == Code::Unavailable && !self.0.outcome_unknown
    }

    /// True when the same write, by its idempotency key, is still under way.
    #[must_use]
    pub fn is_under_way(&self) -> bool {
        self.0.under_way
    }

    /// True when the write may have happened or not: look before repeating it.
    #[must_use]
    pub fn is_outcome_unknown(&self) -> bool {
        self.0.outcome_unknown
    }
}

/// Makes an error of parsing a host's text invalid input, so that `?` works on it.
macro_rules! invalid {
    ($($error:ty),+) => {
        $(impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Self::new(Code::Validation, format!("a value {error}"))
            }
        })+
    };
}

invalid!(NotACurrency, NotADecimal, NotATimeZone, NotAnInstant, UnknownScope, UnknownWord);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.detail)?;
        let faults = self.0.faults.by_member();
        // One fault is told in the detail already.
        for (place, (member, phrases)) in faults.iter().enumerate().filter(|_| faults.len() > 1) {
            write!(f, "{} {member} {}", if place == 0 { ":" } else { ";" }, phrases.join(" and "))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    /// Both halves, as a sentence: this is what a `main` that returns an error prints.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { code, existing_id, matching_ids, .. } = &*self.0;
        write!(f, "{self} ({}", code.name())?;
        existing_id.iter().try_for_each(|id| write!(f, ", existing record {id}"))?;
        matching_ids.iter().try_for_each(|id| write!(f, ", matching record {id}"))?;
        if self.is_outcome_unknown() {
            f.write_str(", outcome unknown")?;
        }
        f.write_str(")")?;
        let mut cause = self.source();
        while let Some(reason) = cause {
            write!(f, ": {reason}")?;
            cause = reason.source();
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        let cause: &(dyn StdError + 'static) = self.0.cause.as_deref()?;
        Some(cause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_codes_are_pinned() {
        let numbers: Vec<(u8, &str)> = Code::ALL.iter().map(|code| (code.number(), code.name())).collect();
        let expected = [
            "validation",
            "malformed_json",
            "duplicate",
            "ambiguous",
            "bad_reference",
            "limit_exceeded",
            "unauthorized",
            "forbidden",
            "not_found",
            "conflict",
            "precondition_failed",
            "idempotency_mismatch",
            "feed_trimmed",
            "unavailable",
            "internal",
            "feed_reset",
        ];
        assert_eq!(numbers, (1..).zip(expected).collect::<Vec<_>>());
        assert!(Code::ALL.iter().all(|code| Code::from_number(code.number()) == Some(*code)));
    }

    #[test]
    fn what_the_caller_hears_and_what_the_log_hears_never_mix() {
        let error = Error::internal("disk 7 is on fire");
        assert!(!error.to_string().contains("fire"));
        let printed = "something went wrong here; the log has the reason (internal): disk 7 is on fire";
        assert_eq!(format!("{error:?}"), printed);
        assert_eq!(error.source().map(ToString::to_string).as_deref(), Some("disk 7 is on fire"));
    }
}
