use std::{fmt, io::Write, process::ExitCode};

use rally_core::{Code, Error};

/// A failure and its remedy, in a sentence for the person who typed the command.
#[derive(Debug)]
pub(crate) struct Failure {
    sentence: String,
    may_pass: bool,
    exit_code: u8,
}

impl Failure {
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), may_pass: false, exit_code: 2 }
    }

    /// The same, with what failed before it.
    pub(crate) fn while_doing(self, what: &str) -> Self {
        Self { sentence: format!("{what}: {}", self.sentence), ..self }
    }

    /// The same, of a command that has done what it was asked for, and found what should not be: it ends with 1.
    pub(crate) fn of_findings(self) -> Self {
        Self { exit_code: 1, ..self }
    }

    /// The same, of a file of which so many rows are done.
    pub(crate) fn behind(self, rows: u64) -> Self {
        match rows {
            0 => self,
            _ => self.while_doing(&format!("ended when {rows} rows were done")),
        }
    }

    /// True if the store did not answer, so that the same command may succeed later.
    pub(crate) fn may_pass(&self) -> bool {
        self.may_pass
    }

    /// Prints it to stderr.
    pub(crate) fn report(&self) -> ExitCode {
        // Nobody is left to tell when stderr is gone too.
        let _ = writeln!(std::io::stderr(), "rally: {self}");
        ExitCode::from(self.exit_code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The message of a database may have several lines.
        let lines: Vec<&str> = self.sentence.lines().map(str::trim).collect();
        f.write_str(&lines.join("; "))
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
        Self { sentence, may_pass: error.code() == Code::Unavailable, exit_code: 2 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_database_says_in_several_lines_is_told_in_one() {
        let failure = Failure::new("no room\nHINT: Make some.\n").while_doing("cannot write");
        assert_eq!(failure.to_string(), "cannot write: no room; HINT: Make some.");
    }
}
