use std::io;

use crate::base::{Code, Error, Faults};

/// The error of a file that is no whole file of a tenant.
pub(super) fn bad_file(phrase: impl Into<String>) -> Error {
    Faults::one("file", phrase).into()
}

/// The error of a file whose bytes could not be had.
pub(crate) fn unreadable(cause: io::Error) -> Error {
    if cause.kind() == io::ErrorKind::UnexpectedEof {
        return bad_file("ends too early: a part of it is missing").caused_by(cause);
    }
    if cause.kind() == io::ErrorKind::InvalidData {
        return bad_file("is damaged, or its key is another").caused_by(cause);
    }
    Error::new(Code::Unavailable, "the file could not be read to its end; try again").caused_by(cause)
}

/// The error of a file that could not be written.
pub(crate) fn unwritable(cause: io::Error) -> Error {
    Error::new(Code::Unavailable, "the file could not be written to its end; try again").caused_by(cause)
}
