use crate::{
    base::{Code, Error, Timestamp},
    engine::codec::RecordHead,
    store::StoreError,
};

/// Versions of a record that a write must not meet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Unless {
    /// None: the write happens at any version.
    #[default]
    Never,
    /// Every version: the write happens only if there is no such record.
    Exists,
    /// These versions, each the instant of the record's last change.
    IsAt(Vec<Timestamp>),
}

/// The state that a record must be in for a write to happen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Precondition<'o> {
    pub(crate) if_version: Option<Timestamp>,
    pub(crate) unless: &'o Unless,
}

impl Precondition<'static> {
    /// None: the write happens in any case.
    pub(crate) const NONE: Self = Self { if_version: None, unless: &Unless::Never };

    /// The record is at a version.
    pub(crate) const fn version(version: Timestamp) -> Self {
        Self { if_version: Some(version), ..Self::NONE }
    }
}

impl Precondition<'_> {
    /// Checks that a record is in the state.
    ///
    /// # Errors
    /// [`Code::PreconditionFailed`], or damage of the record.
    pub(super) fn check(&self, record: &[u8]) -> Result<(), Error> {
        let version = || Ok::<_, StoreError>(RecordHead::read(record)?.updated_at);
        if let Some(expected) = self.if_version
            && expected != version()?
        {
            return Err(stale());
        }
        match self.unless {
            Unless::Never => Ok(()),
            Unless::Exists => Err(exists()),
            Unless::IsAt(versions) if versions.contains(&version()?) => Err(known()),
            Unless::IsAt(_) => Ok(()),
        }
    }

    /// Checks that a write may create the record.
    ///
    /// # Errors
    /// [`Code::PreconditionFailed`].
    pub(super) fn check_absent(&self) -> Result<(), Error> {
        if self.if_version.is_some() { Err(stale()) } else { Ok(()) }
    }

    /// Checks that a write may go on where there are several records.
    ///
    /// # Errors
    /// [`Code::PreconditionFailed`].
    pub(super) fn check_several(&self) -> Result<(), Error> {
        if *self.unless == Unless::Exists { Err(exists()) } else { Ok(()) }
    }
}

fn stale() -> Error {
    Error::new(Code::PreconditionFailed, "the record is not at this version any more; read it anew")
}

fn exists() -> Error {
    Error::new(Code::PreconditionFailed, "the record exists, and this write was meant for none")
}

fn known() -> Error {
    Error::new(Code::PreconditionFailed, "the record is at a version that this write was not meant for")
}
