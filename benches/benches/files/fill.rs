use std::path::Path;

use rally_benches::fixture;
use serde_json::{Map, Value};

/// Writes a CSV file of so many contacts.
pub(crate) fn write_csv(path: &Path, records: u64) {
    let mut file = csv::Writer::from_path(path).expect("a file");
    for number in 0..records {
        let members: Map<String, Value> =
            serde_json::from_str(&fixture::draft(number)).expect("the draft of a contact");
        if number == 0 {
            file.write_record(members.keys()).expect("room for the file");
        }
        let cells = members.values().map(|value| match value {
            Value::String(text) => text.clone(),
            value => value.to_string(),
        });
        file.write_record(cells).expect("room for the file");
    }
    file.flush().expect("room for the file");
}
