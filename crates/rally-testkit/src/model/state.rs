use std::collections::BTreeMap;

use rally_core::{Action, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use super::members::{self, Sample};

/// What a tenant has, in plain lists and maps.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct State {
    /// Contacts in the order of their creation.
    pub(super) contacts: Vec<Known>,
    /// Changes in the order in which they were made.
    pub(super) changes: Vec<Change>,
    pub(super) last_instant: Option<Timestamp>,
}

/// A contact. It has an id once the engine has told it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Known {
    pub(super) id: Option<Uuid>,
    pub(super) members: BTreeMap<&'static str, Value>,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
}

/// A change of the contact that was created at an instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Change {
    pub(super) of: Timestamp,
    pub(super) action: Action,
    pub(super) at: Timestamp,
    pub(super) id: Option<Uuid>,
}

/// Members that are sent, each at most once.
pub(super) type Body = Vec<(&'static str, Sample)>;

/// What a caller is answered.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Answer {
    Created,
    Updated,
    Unchanged,
    Deleted,
    Refused(&'static str),
    Bulk(Vec<Result<(), &'static str>>),
}

/// The JSON object of what is sent.
pub(super) fn to_json(body: &Body) -> Value {
    body.iter()
        .map(|(name, sample)| ((*name).to_owned(), sample.given.clone()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

impl State {
    pub(super) fn create(&mut self, body: &Body, now: Timestamp) -> Answer {
        let defaults = members::NAMES.map(|name| (name, members::default_of(name)));
        match self.merged(&defaults.into(), body, None) {
            Err(code) => Answer::Refused(code),
            Ok(members) => {
                let at = self.tick(now);
                self.contacts.push(Known { id: None, members, created_at: at, updated_at: at });
                self.changes.push(Change { of: at, action: Action::Inserted, at, id: None });
                Answer::Created
            }
        }
    }

    pub(super) fn update(&mut self, index: usize, body: &Body, now: Timestamp) -> Answer {
        let Some(contact) = self.contacts.get(index) else { return Answer::Refused("not_found") };
        match self.merged(&contact.members, body, Some(index)) {
            Err(code) => Answer::Refused(code),
            Ok(members) if members == contact.members => Answer::Unchanged,
            Ok(members) => {
                let at = self.tick(now);
                let contact = &mut self.contacts[index];
                (contact.members, contact.updated_at) = (members, at);
                let (of, id) = (contact.created_at, contact.id);
                self.changes.push(Change { of, action: Action::Updated, at, id });
                Answer::Updated
            }
        }
    }

    pub(super) fn upsert(&mut self, body: &Body, now: Timestamp) -> Answer {
        let email =
            body.iter().find(|(name, _)| *name == "email").and_then(|(_, sample)| sample.kept.as_ref());
        match email.and_then(|email| self.owner_of(email)) {
            Some(index) => self.update(index, body, now),
            None => self.create(body, now),
        }
    }

    pub(super) fn delete(&mut self, index: usize, now: Timestamp) -> Answer {
        if index >= self.contacts.len() {
            return Answer::Refused("not_found");
        }
        let at = self.tick(now);
        let contact = self.contacts.remove(index);
        self.changes.push(Change { of: contact.created_at, action: Action::Deleted, at, id: contact.id });
        Answer::Deleted
    }

    pub(super) fn bulk(&mut self, bodies: &[Body], atomic: bool, now: Timestamp) -> Answer {
        let before = self.clone();
        let mut items = Vec::new();
        for body in bodies {
            items.push(match self.create(body, now) {
                Answer::Refused(code) => Err(code),
                _ => Ok(()),
            });
        }
        match items.iter().find_map(|item| item.err()) {
            Some(code) if atomic => {
                *self = before;
                Answer::Refused(code)
            }
            _ => Answer::Bulk(items),
        }
    }

    /// Takes over the ids that the engine has told, in the order of creation.
    pub(super) fn name_new_ones(&mut self, ids: &[Uuid]) {
        let nameless = self.contacts.iter_mut().filter(|contact| contact.id.is_none());
        let mut names = BTreeMap::new();
        for (contact, id) in nameless.zip(ids) {
            contact.id = Some(*id);
            names.insert(contact.created_at, *id);
        }
        for change in self.changes.iter_mut().filter(|change| change.id.is_none()) {
            change.id = names.get(&change.of).copied();
        }
    }

    fn merged(
        &self,
        before: &BTreeMap<&'static str, Value>,
        body: &Body,
        own: Option<usize>,
    ) -> Result<BTreeMap<&'static str, Value>, &'static str> {
        let mut members = before.clone();
        for (name, sample) in body {
            members.insert(name, sample.kept.clone().ok_or("validation")?);
        }
        if members::REQUIRED.iter().any(|name| members[name].is_null()) {
            return Err("validation");
        }
        match self.owner_of(&members["email"]) {
            Some(owner) if Some(owner) != own => Err("duplicate"),
            _ => Ok(members),
        }
    }

    fn owner_of(&self, email: &Value) -> Option<usize> {
        let folded = |email: &Value| email.as_str().map(str::to_lowercase);
        self.contacts.iter().position(|contact| folded(&contact.members["email"]) == folded(email))
    }

    fn tick(&mut self, now: Timestamp) -> Timestamp {
        let at = self.last_instant.map_or(now, |last| now.max(last.plus_micros(1)));
        self.last_instant = Some(at);
        at
    }
}

impl Known {
    /// The members that the model knows, as the engine writes them.
    pub(super) fn to_json(&self) -> Value {
        let mut json = json!({
            "id": self.id,
            "fullName": format!(
                "{} {}",
                self.members["firstName"].as_str().unwrap_or_default(),
                self.members["lastName"].as_str().unwrap_or_default(),
            ),
            "createdAt": self.created_at,
            "updatedAt": self.updated_at,
        });
        for (name, value) in &self.members {
            json[name] = value.clone();
        }
        json
    }
}
