//! Columns that a resource's files can have, each with what its cells are.

use super::{
    Relations,
    relations::{key_member, name_member, referred},
    report::ERROR_COLUMNS,
};
use crate::{
    base::limits,
    engine::schema::{Access, Member, Model, Rule, ValueSource},
};

/// A column by its name.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) target: Target,
}

/// The meaning of a column's cells.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    /// The record's id.
    Id,
    /// Values of a member that callers write.
    Member(&'static Member),
    /// Natural keys of the records that a member refers to.
    KeyOf(&'static Member),
    /// Names of the records that a member refers to.
    NameOf(&'static Member),
    /// Values of a member that callers only read.
    ReadOnly(&'static Member),
    /// The further part of a long text that does not fit into one cell; the first part is 1.
    Part(&'static Member, usize),
    /// An earlier import's words about the row.
    AboutRow,
}

/// Parts that a long text has at most, each as long as a cell can be.
const PARTS: usize = limits::LONG_TEXT_BYTES.div_ceil(limits::CELL_UNITS);

/// Every column that files of a resource may have.
pub(crate) fn columns(model: &'static Model, relations: &Relations) -> Vec<Column> {
    let column = |name: String, target| Column { name, target };
    let mut all = vec![column("id".to_owned(), Target::Id)];
    for member in written(model) {
        all.push(column(member.name.to_owned(), Target::Member(member)));
    }
    all.extend(companions(model, relations));
    for member in model.members().iter().filter(|member| member.access.is_read()) {
        if !all.iter().any(|known| known.name == member.name) {
            all.push(column(member.name.to_owned(), Target::ReadOnly(member)));
        }
    }
    all.extend(parts(model));
    all.extend(ERROR_COLUMNS.iter().map(|name| column((*name).to_owned(), Target::AboutRow)));
    all
}

/// The columns of an export unless others are asked for: the id, the members that callers write, and computed names.
pub(crate) fn export_columns(model: &'static Model, relations: &Relations) -> Vec<Column> {
    let is_name = |member: &&Member| {
        let is_made = matches!(member.source, ValueSource::Computed(_) | ValueSource::Joined(..));
        is_made && member.access == Access::ReadOnly && matches!(member.rule, Rule::Text { .. })
    };
    let mut all = vec![Column { name: "id".to_owned(), target: Target::Id }];
    let plain =
        |member: &'static Member| Column { name: member.name.to_owned(), target: Target::Member(member) };
    all.extend(written(model).map(plain));
    all.extend(model.members().iter().filter(is_name).map(read_only));
    for companion in companions(model, relations) {
        if !all.iter().any(|known| known.name == companion.name) {
            all.push(companion);
        }
    }
    all
}

pub(crate) fn read_only(member: &'static Member) -> Column {
    Column { name: member.name.to_owned(), target: Target::ReadOnly(member) }
}

/// The columns of the parts of long texts, which only workbooks have.
pub(crate) fn parts(model: &'static Model) -> Vec<Column> {
    let long = written(model).filter(|member| matches!(member.rule, Rule::LongText));
    let of = |member: &'static Member| {
        (1..PARTS).map(move |part| Column {
            name: format!("{} ({})", member.name, part + 1),
            target: Target::Part(member, part),
        })
    };
    long.flat_map(of).collect()
}

/// The members that callers write and read, without those that only an update gives.
pub(crate) fn written(model: &'static Model) -> impl Iterator<Item = &'static Member> {
    model.members().iter().filter(|member| member.access == Access::Open)
}

/// For each reference, the columns of the natural keys and of the names of the records that it leads to.
fn companions(model: &'static Model, relations: &Relations) -> Vec<Column> {
    let mut all = Vec::new();
    for member in written(model) {
        let Some(stem) = member.name.strip_suffix("Id") else { continue };
        let name = format!("{stem}Name");
        let of = referred(member).map(|kind| (relations.model)(kind));
        let has_name = of.is_some_and(|of| name_member(of).is_some()) || model.named(&name).is_some();
        if has_name {
            all.push(Column { name, target: Target::NameOf(member) });
        }
        if let Some(key) = of.and_then(key_member) {
            all.push(Column { name: format!("{stem}{}", capital(key.name)), target: Target::KeyOf(member) });
        }
    }
    all
}

fn capital(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}
