//! Cells of records that go out.

use std::{borrow::Cow, collections::HashMap};

use uuid::Uuid;

use super::{
    Relations,
    column::{Column, Target},
    relations::{Labels, referred},
    tags,
};
use crate::{
    base::{Error, Kind, limits},
    engine::{
        schema::{Member, Record, Resource, Row, Rule, ValueSource, read_stored, reference_id},
        session::View,
    },
};

/// A cell that is going to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum OutCell {
    Empty,
    /// Text, which stays text.
    Text(String),
    /// A number, as JSON has it.
    Number(String),
}

/// Makes the cells of one record after the other.
pub(super) struct Cells<'v> {
    view: &'v View<'v>,
    relations: &'static Relations,
    columns: &'v [Column],
    labels: HashMap<(Kind, Uuid), Labels>,
}

/// Records whose names are remembered for the rows that refer to them.
const REMEMBERED: usize = 20_000;

impl<'v> Cells<'v> {
    pub(super) fn new(view: &'v View<'v>, relations: &'static Relations, columns: &'v [Column]) -> Self {
        Self { view, relations, columns, labels: HashMap::new() }
    }

    /// The cells of a record, one for each column.
    pub(super) fn of<R: Resource>(&mut self, row: &Row<R>) -> Result<Vec<OutCell>, Error> {
        let record = row.record()?;
        let columns = self.columns;
        columns.iter().map(|column| self.cell(&record, &row.id().as_uuid(), column)).collect()
    }

    fn cell(&mut self, record: &Record<'_>, id: &Uuid, column: &Column) -> Result<OutCell, Error> {
        match column.target {
            Target::Id => Ok(OutCell::Text(id.to_string())),
            Target::Member(member) | Target::ReadOnly(member) => value(record, member),
            Target::Part(member, part) => Ok(match value(record, member)? {
                OutCell::Text(text) => part_of(&text, part),
                _ => OutCell::Empty,
            }),
            Target::KeyOf(member) => Ok(text(self.labels_of(record, member)?.key)),
            Target::NameOf(member) => Ok(text(self.labels_of(record, member)?.name)),
            Target::AboutRow => Ok(OutCell::Empty),
        }
    }

    /// The natural key and the name of the record that a member refers to.
    fn labels_of(&mut self, record: &Record<'_>, member: &Member) -> Result<Labels, Error> {
        let (Some(kind), Some(slot)) = (referred(member), member.slot()) else {
            return Ok(Labels::default());
        };
        let Some(id) = reference_id(record.slot(slot))? else { return Ok(Labels::default()) };
        if let Some(known) = self.labels.get(&(kind, id)) {
            return Ok(known.clone());
        }
        let found = ((self.relations.of)(kind)?.labels)(self.view, id)?;
        if self.labels.len() >= REMEMBERED {
            self.labels.clear();
        }
        self.labels.insert((kind, id), found.clone());
        Ok(found)
    }
}

fn text(text: Option<String>) -> OutCell {
    text.filter(|text| !text.is_empty()).map_or(OutCell::Empty, OutCell::Text)
}

/// The value of a member, as a cell has it.
fn value(record: &Record<'_>, member: &Member) -> Result<OutCell, Error> {
    let mut json = Vec::new();
    match member.source {
        ValueSource::Slot(slot) if record.slot(slot).is_empty() => {
            json.extend_from_slice(member.default.unwrap_or("null").as_bytes());
        }
        source => record.write_value(source, &mut json)?,
    }
    if json.is_empty() || json == b"null" {
        return Ok(OutCell::Empty);
    }
    Ok(match member.rule {
        Rule::Integer { .. } | Rule::Decimal => OutCell::Number(String::from_utf8_lossy(&json).into_owned()),
        Rule::Tags => text(Some(tags::written(&read_stored::<Vec<String>>(&json, member.name)?))),
        Rule::Boolean | Rule::Shape(_) => OutCell::Text(String::from_utf8_lossy(&json).into_owned()),
        _ => text(Some(read_stored(&json, member.name)?)),
    })
}

/// The part of a text that fits into one cell behind `part` others.
pub(super) fn part_of(text: &str, part: usize) -> OutCell {
    let mut rest = text;
    for _ in 0..part {
        rest = split(rest).1;
    }
    match split(rest).0 {
        "" => OutCell::Empty,
        text => OutCell::Text(text.to_owned()),
    }
}

/// A text in two, the first of which fits into a cell.
fn split(text: &str) -> (&str, &str) {
    if text.len() <= limits::CELL_UNITS {
        return (text, "");
    }
    let mut units = 0;
    let end = text.char_indices().find(|(_, c)| {
        units += c.len_utf16();
        units > limits::CELL_UNITS
    });
    end.and_then(|(end, _)| text.split_at_checked(end)).unwrap_or((text, ""))
}

impl OutCell {
    /// The text of the cell.
    pub(super) fn as_text(&self) -> Cow<'_, str> {
        match self {
            OutCell::Empty => "".into(),
            OutCell::Text(text) | OutCell::Number(text) => text.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_split_between_characters() {
        let text = "a".to_owned() + &"😀".repeat(20_000);
        let parts: Vec<OutCell> = (0..4).map(|part| part_of(&text, part)).collect();
        let joined: String = parts.iter().map(|part| part.as_text().into_owned()).collect();
        assert_eq!(joined, text);
        assert!(parts.iter().all(|part| part.as_text().encode_utf16().count() <= limits::CELL_UNITS));
        assert_eq!(parts.last(), Some(&OutCell::Empty));
        assert_eq!(part_of("short", 0), OutCell::Text("short".to_owned()));
        assert_eq!(part_of("short", 1), OutCell::Empty);
    }
}
