//! Errors of a file as a whole.

use std::io;

use crate::base::{Code, Error, Faults};

/// The error of a file that cannot be imported.
pub(super) fn bad_file(phrase: impl Into<String>) -> Error {
    Faults::one("file", phrase).into()
}

/// The error of a file whose bytes could not be had.
pub(super) fn unreadable(cause: io::Error) -> Error {
    Error::new(Code::Unavailable, "the file could not be read to its end; try again").caused_by(cause)
}

/// The error of a file that could not be written.
pub(super) fn unwritable(cause: io::Error) -> Error {
    Error::new(Code::Unavailable, "the file could not be written to its end; try again").caused_by(cause)
}
