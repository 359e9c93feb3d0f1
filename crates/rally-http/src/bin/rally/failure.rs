use std::{fmt, io::Write, process::ExitCode};

use rally_core::Error;

/// What is wrong and how to mend it, in a sentence for whoever typed the command.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }

    /// Says it on stderr.
    pub(crate) fn report(&self) -> ExitCode {
        // Nobody is left to tell when stderr is gone too.
        let _ = writeln!(std::io::stderr(), "rally: {self}");
        ExitCode::from(2)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let mut sentence = error.to_string();
        // The operator is whom the log is for.
        let mut cause = std::error::Error::source(&error);
        while let Some(reason) = cause {
            sentence = format!("{sentence}: {reason}");
            cause = reason.source();
        }
        Self(sentence)
    }
}
