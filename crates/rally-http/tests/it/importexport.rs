//! Files of records, out and in.

mod bounds;
mod corpus;
mod exports;
mod imports;
mod lines;
mod sales;
mod uploads;

use serde_json::Value;

use crate::support::{Answer, Api, Ask};

/// The path of an act on the files of contacts.
pub(crate) fn path(act: &str) -> String {
    format!("/api/v1/importexport/contacts/{act}")
}

/// Two good rows.
const FILE: &str = "firstName,lastName,email\nAda,Lovelace,ada@x.example\nBob,Hill,bob@x.example\n";

impl Api {
    /// A request to import a CSV file of contacts.
    pub(crate) fn import(&self, query: &str, file: impl Into<axum::body::Body>) -> Ask<'_> {
        self.post(&path(&format!("import{query}")), file).header("Content-Type", "text/csv")
    }

    /// The contacts as CSV.
    pub(crate) fn exported(&self, query: &str) -> String {
        self.get(&path(&format!("export{query}"))).send().is(200).body
    }

    /// The lines of the last names of the contacts.
    pub(crate) fn last_names(&self) -> Vec<String> {
        self.exported("?fields=lastName").lines().skip(1).map(str::to_owned).collect()
    }
}

/// Created, updated, unchanged and refused rows of a report.
fn counts(report: &Value) -> [u64; 4] {
    let count = |name: &str| report[name].as_u64().unwrap();
    [count("created"), count("updated"), count("unchanged"), count("skipped") - count("unchanged")]
}

/// Checks that a request is refused so, and that nothing has come of it.
#[track_caller]
fn check_refused(api: &Api, ask: Ask<'_>, expected: &str) -> Answer {
    let before = api.exported("");
    let answer = ask.send();
    assert_eq!(answer.told(), expected);
    assert_eq!(api.exported(""), before);
    answer
}
