//! Records of any kind as the rows of a file refer to them: by an id, by a natural key or by a name.

use uuid::Uuid;

use crate::{
    base::{Code, Error, Id, Kind, limits, unicode::fold_name},
    engine::{
        read::{Query, Search},
        schema::{Member, Model, Record, Resource, Rule, unquote},
        session::View,
    },
};

/// Functions over the records of each kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Relations {
    /// The members of the records of a kind.
    pub(crate) model: fn(Kind) -> &'static Model,
    /// True when there is a record with an id.
    pub(crate) exists: fn(&View<'_>, Kind, Uuid) -> Result<bool, Error>,
    /// The record that has a natural key.
    pub(crate) by_key: fn(&View<'_>, Kind, &str) -> Result<Option<Uuid>, Error>,
    /// The records that have a name.
    pub(crate) by_name: fn(&View<'_>, Kind, &str) -> Result<Vec<Uuid>, Error>,
    /// The natural key and the name of a record.
    pub(crate) labels: fn(&View<'_>, Kind, Uuid) -> Result<Labels, Error>,
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

pub(crate) fn exists<R: Resource>(view: &View<'_>, id: Uuid) -> Result<bool, Error> {
    match view.records::<R>().row(Id::from_uuid(id)) {
        Ok(_) => Ok(true),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error),
    }
}

pub(crate) fn by_key<R: Resource>(view: &View<'_>, text: &str) -> Result<Option<Uuid>, Error> {
    for (slot, _, fold) in view.tenant().model::<R>().natural_keys() {
        let Some(folded) = fold(text.trim()) else { continue };
        if let Some(row) = view.records::<R>().row_by_key(slot, &folded)? {
            return Ok(Some(row.id().as_uuid()));
        }
    }
    Ok(None)
}

/// The records of exactly this name; if there is none, those whose name differs in nothing that a search minds.
pub(crate) fn by_name<R: Resource>(view: &View<'_>, text: &str) -> Result<Vec<Uuid>, Error> {
    let model = view.tenant().model::<R>();
    let (Some(member), Ok(Some(search))) = (name_member(model), Search::parse(text)) else {
        return Ok(Vec::new());
    };
    let search = if model.is_searched() { Some(search) } else { None };
    let query = Query { search, ..Query::<R>::all() };
    let (wanted, folded) = (text.trim(), fold_name(text));
    let (mut same, mut alike) = (Vec::new(), Vec::new());
    for (looked_at, row) in view.records::<R>().rows().all(query)?.enumerate() {
        let row = row?;
        let name = text_of_member(&row.record()?, member)?.unwrap_or_default();
        if name == wanted {
            same.push(row.id().as_uuid());
        } else if fold_name(&name) == folded {
            alike.push(row.id().as_uuid());
        }
        if looked_at >= limits::NAMES_LOOKED_AT {
            let phrase =
                format!("the names of too many {} begin with {text:?}; name it by its id", R::KIND.plural());
            return Err(Error::new(Code::Ambiguous, phrase));
        }
        if same.len() > TOLD {
            break;
        }
    }
    let mut found = if same.is_empty() { alike } else { same };
    found.truncate(TOLD);
    Ok(found)
}

pub(crate) fn labels<R: Resource>(view: &View<'_>, id: Uuid) -> Result<Labels, Error> {
    let model = view.tenant().model::<R>();
    let row = match view.records::<R>().row(Id::from_uuid(id)) {
        Ok(row) => row,
        Err(error) if error.is_not_found() => return Ok(Labels::default()),
        Err(error) => return Err(error),
    };
    let record = row.record()?;
    let text = |member: Option<&Member>| match member {
        Some(member) => text_of_member(&record, member),
        None => Ok(None),
    };
    Ok(Labels { key: text(key_member(model))?, name: text(name_member(model))? })
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
