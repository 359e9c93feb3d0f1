//! Records of any kind as the rows of a file refer to them: by an id, by a natural key or by a name.

use std::ops::ControlFlow;

use uuid::Uuid;

use crate::{
    base::{Code, Error, Id, Kind, limits, unicode::fold_name},
    engine::{
        read::{Query, Search},
        schema::{Member, Model, Record, Resource, Rule, unquote},
        session::View,
    },
};

/// Other records, as the rows of a file refer to them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Relations {
    /// The members of the records of a kind.
    pub(crate) model: fn(Kind) -> &'static Model,
    /// The records of a kind that rows refer to.
    pub(crate) of: fn(Kind) -> Result<Related, Error>,
}

/// Functions over the records of one kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Related {
    /// True when there is a record with an id.
    pub(crate) exists: fn(&View<'_>, Uuid) -> Result<bool, Error>,
    /// The record that has a natural key.
    pub(crate) by_key: fn(&View<'_>, &str) -> Result<Option<Uuid>, Error>,
    /// The records that have a name.
    pub(crate) by_name: fn(&View<'_>, &str) -> Result<Vec<Uuid>, Error>,
    /// The natural key and the name of a record.
    pub(crate) labels: fn(&View<'_>, Uuid) -> Result<Labels, Error>,
}

impl Related {
    pub(crate) fn of<R: Resource>() -> Self {
        Self { exists: exists::<R>, by_key: by_key::<R>, by_name: by_name::<R>, labels: labels::<R> }
    }
}

/// A record's natural key and its name, as far as it has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Labels {
    pub(crate) key: Option<String>,
    pub(crate) name: Option<String>,
}

/// Members by which people call a record, the best first.
const NAMES: [&str; 2] = ["fullName", "name"];

/// Records of one name that are told.
const TOLD: usize = 10;

/// The member by which people call a record.
pub(crate) fn name_member(model: &Model) -> Option<&Member> {
    NAMES.iter().find_map(|name| model.named(name))
}

/// The member that is the natural key.
pub(crate) fn key_member(model: &Model) -> Option<&Member> {
    model.natural_keys().next().map(|(_, member, _)| member)
}

fn exists<R: Resource>(view: &View<'_>, id: Uuid) -> Result<bool, Error> {
    match view.records::<R>().row(Id::from_uuid(id)) {
        Ok(_) => Ok(true),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error),
    }
}

fn by_key<R: Resource>(view: &View<'_>, text: &str) -> Result<Option<Uuid>, Error> {
    for (slot, _, fold) in view.tenant().model::<R>().natural_keys() {
        let Some(folded) = fold(text.trim()) else { continue };
        if let Some(row) = view.records::<R>().row_by_key(slot, &folded)? {
            return Ok(Some(row.id().as_uuid()));
        }
    }
    Ok(None)
}

/// The records of exactly this name; if there is none, those whose name differs in nothing that a search minds.
fn by_name<R: Resource>(view: &View<'_>, text: &str) -> Result<Vec<Uuid>, Error> {
    let Some((mut namesakes, search)) = Namesakes::sought(view.tenant().model::<R>(), text) else {
        return Ok(Vec::new());
    };
    for row in view.records::<R>().rows().all(Query { search, ..Query::<R>::all() })? {
        let row = row?;
        if namesakes.look_at(R::KIND, row.id().as_uuid(), &row.record()?)?.is_break() {
            break;
        }
    }
    Ok(namesakes.found())
}

fn labels<R: Resource>(view: &View<'_>, id: Uuid) -> Result<Labels, Error> {
    match view.records::<R>().row(Id::from_uuid(id)) {
        Ok(row) => Labels::of(view.tenant().model::<R>(), &row.record()?),
        Err(error) if error.is_not_found() => Ok(Labels::default()),
        Err(error) => Err(error),
    }
}

impl Labels {
    fn of(model: &Model, record: &Record<'_>) -> Result<Self, Error> {
        let text = |member: Option<&Member>| match member {
            Some(member) => text_of_member(record, member),
            None => Ok(None),
        };
        Ok(Self { key: text(key_member(model))?, name: text(name_member(model))? })
    }
}

/// The records of one name, among those that are looked at.
struct Namesakes<'t> {
    text: &'t str,
    folded: String,
    member: &'static Member,
    same: Vec<Uuid>,
    alike: Vec<Uuid>,
    looked_at: usize,
}

impl<'t> Namesakes<'t> {
    /// None yet, and the search that finds all of them if the records can be searched; `None` if they have no names.
    fn sought(model: &'static Model, text: &'t str) -> Option<(Self, Option<Search>)> {
        let (Some(member), Ok(Some(search))) = (name_member(model), Search::parse(text)) else { return None };
        let (same, alike) = (Vec::new(), Vec::new());
        let none = Self { text, folded: fold_name(text), member, same, alike, looked_at: 0 };
        Some((none, if model.is_searched() { Some(search) } else { None }))
    }

    /// Keeps a record if it has the name. Breaks off once there are more than are told.
    fn look_at(&mut self, kind: Kind, id: Uuid, record: &Record<'_>) -> Result<ControlFlow<()>, Error> {
        let name = text_of_member(record, self.member)?.unwrap_or_default();
        if name == self.text.trim() {
            self.same.push(id);
        } else if fold_name(&name) == self.folded {
            self.alike.push(id);
        }
        if self.looked_at >= limits::NAMES_LOOKED_AT {
            let (plural, text) = (kind.plural(), self.text);
            let phrase = format!("the names of too many {plural} begin with {text:?}; name it by its id");
            return Err(Error::new(Code::Ambiguous, phrase));
        }
        self.looked_at += 1;
        Ok(if self.same.len() > TOLD { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    fn found(self) -> Vec<Uuid> {
        let mut found = if self.same.is_empty() { self.alike } else { self.same };
        found.truncate(TOLD);
        found
    }
}

/// The text of a member that is text; `None` without a value.
fn text_of_member(record: &Record<'_>, member: &Member) -> Result<Option<String>, Error> {
    let mut json = Vec::new();
    record.write_value(member.source, &mut json)?;
    Ok(if json.is_empty() || json == b"null" { None } else { Some(unquote(&json)?) })
}

/// The kind that a member refers to.
pub(crate) fn referred(member: &Member) -> Option<Kind> {
    match member.rule {
        Rule::Reference(kind) => Some(kind),
        _ => None,
    }
}
