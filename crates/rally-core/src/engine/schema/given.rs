use serde::Serialize;

use crate::{base::Patch, engine::codec::Slot};

/// Members that a host's draft or update names, each with the JSON text of its value; `None` is `null`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given(Vec<(Slot, Value)>);

type Value = Result<Option<String>, String>;

impl Given {
    /// Gives a member a value or `null`, in place of the one before.
    pub(crate) fn set<T: Serialize>(&mut self, slot: Slot, value: &Patch<T>) {
        self.0.retain(|(known, _)| *known != slot);
        let json = match value {
            Patch::Keep => return,
            Patch::Clear => Ok(None),
            Patch::Set(value) => serde_json::to_string(value).map(Some).map_err(|error| error.to_string()),
        };
        self.0.push((slot, json));
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Slot, Result<Option<&str>, &str>)> {
        self.0.iter().map(|(slot, value)| match value {
            Ok(json) => (*slot, Ok(json.as_deref())),
            Err(error) => (*slot, Err(error.as_str())),
        })
    }
}
