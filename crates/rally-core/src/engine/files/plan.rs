//! The plan of an import: how a file is read, made once from its beginning and the options. A dry run and a run use the
//! same.

use std::{
    collections::BTreeSet,
    io::{Read, Seek},
};

use super::{
    ImportMode, ImportOptions, Table,
    column::{Target, columns},
    faults::bad_file,
    guard,
    header::{Header, Known},
    inputs::{Inputs, ReferenceCells},
    lookup::Lookup,
    rows::{Cell, Source, SourceOptions},
    table::{RowId, RowKey},
    value::Reading,
};
use crate::{
    base::{Error, Faults, Profile},
    engine::schema::{Member, Model, Rule},
};

/// How the rows of a file become drafts and updates.
pub(super) struct Plan {
    pub(super) header: Header,
    pub(super) key: RowKey,
    pub(super) mode: ImportMode,
    pub(super) table: Table,
    reading: Reading,
    /// Places of columns without a name.
    unnamed: Vec<usize>,
    is_strict: bool,
}

/// A row of a file, kept until its transaction is committed.
pub(super) struct OwnedRow {
    pub(super) number: u64,
    pub(super) cells: Vec<Cell<'static>>,
    pub(super) fault: Option<String>,
}

/// A row that is ready for a verb: its id, and the JSON object that the API would have got.
pub(super) struct PreparedRow {
    pub(super) number: u64,
    pub(super) content: Result<(RowId, Vec<u8>), Error>,
}

impl Plan {
    /// Opens a file and makes the plan for it.
    ///
    /// # Errors
    /// Fails if the file or the options do not fit.
    pub(super) fn open<F: Read + Seek>(
        file: F,
        options: &ImportOptions,
        (model, table): (&'static Model, Table),
        profile: Profile,
    ) -> Result<(Self, Source<F>), Error> {
        let known = Known::new(columns(model, table.relations), table.synonyms);
        let is_known = |name: &str| known.has(name) || options.mapping.contains_key(name);
        let source = Source::open(file, &SourceOptions { options, is_known: &is_known })?;
        let header = known.read(source.names(), &options.mapping)?;
        let is_strict = profile == Profile::Strict;
        if is_strict && !header.unknown.is_empty() {
            let names = header.unknown.join(", ");
            return Err(bad_file(format!("has columns that are no members: {names}")));
        }
        let names = source.names().iter().enumerate();
        let unnamed = names.filter(|(_, name)| name.trim().is_empty()).map(|(place, _)| place).collect();
        let reading = Reading::of(options, matches!(source, Source::Workbook(_)));
        let key = key(options, &table)?;
        let plan = Self { header, key, mode: options.mode, table, reading, unnamed, is_strict };
        plan.check_key(options)?;
        Ok((plan, source))
    }

    /// Refuses a file without the column by which rows find their records.
    fn check_key(&self, options: &ImportOptions) -> Result<(), Error> {
        if self.mode == ImportMode::Create {
            return Ok(());
        }
        let name = match self.key {
            RowKey::Id => "id",
            RowKey::Member(_) => key_of(options, &self.table).map_or("id", |key| key.as_str()),
        };
        let is_key = |target: &Target| match target {
            Target::Id => name == "id",
            Target::Member(member) => member.name == name,
            _ => false,
        };
        if self.header.place(is_key).is_some() {
            return Ok(());
        }
        let mode = self.mode;
        Err(bad_file(format!("has no column {name}, by which the mode {mode} finds the record of a row")))
    }

    /// The columns without a name in which a row has a value.
    pub(super) fn unnamed_in(&self, row: &OwnedRow, found: &mut BTreeSet<usize>) {
        let is_given = |place: &&usize| row.cells.get(**place).is_some_and(|cell| !cell.is_empty());
        found.extend(self.unnamed.iter().filter(is_given));
    }

    /// Reads a row, and finds the records that it refers to.
    ///
    /// # Errors
    /// Fails if the store does; a row that is refused is an answer.
    pub(super) fn prepare(&self, row: &OwnedRow, lookup: &mut Lookup<'_>) -> Result<PreparedRow, Error> {
        let number = row.number;
        if let Some(fault) = self.fault(row) {
            return Ok(PreparedRow { number, content: Err(Faults::one("row", fault).into()) });
        }
        match self.read(row, lookup) {
            Err(error) if !error.is_about_input() => Err(error),
            content => Ok(PreparedRow { number, content }),
        }
    }

    fn read(&self, row: &OwnedRow, lookup: &mut Lookup<'_>) -> Result<(RowId, Vec<u8>), Error> {
        let mut inputs = self.inputs(row);
        (self.table.complete)(&mut inputs, lookup)?;
        lookup.resolve(&mut inputs)?;
        let id = inputs.id.clone();
        Ok((id, inputs.into_json()?))
    }

    fn fault(&self, row: &OwnedRow) -> Option<String> {
        let mut unnamed = BTreeSet::new();
        if self.is_strict {
            self.unnamed_in(row, &mut unnamed);
        }
        let unnamed =
            unnamed.first().map(|place| format!("has a cell in column {}, which has no name", place + 1));
        row.fault.clone().or(unnamed)
    }

    /// The values that the cells of a row give its members.
    fn inputs(&self, row: &OwnedRow) -> Inputs {
        let mut inputs = Inputs::new();
        for (column, cell) in self.header.columns.iter().zip(&row.cells) {
            let Some(column) = column else { continue };
            match column.target {
                Target::Id => self.read_id(cell, &mut inputs),
                Target::Member(member) if is_reference(member) => {
                    self.refer(member, cell, &mut inputs, |cells| &mut cells.own)
                }
                Target::Member(member) => self.read_member(member, cell, row, &mut inputs),
                Target::KeyOf(member) => self.refer(member, cell, &mut inputs, |cells| &mut cells.key),
                Target::NameOf(member) => self.refer(member, cell, &mut inputs, |cells| &mut cells.name),
                Target::ReadOnly(_) | Target::Part(..) | Target::AboutRow => {}
            }
        }
        inputs
    }

    fn read_id(&self, cell: &Cell<'_>, inputs: &mut Inputs) {
        let parse = |text: &str| text.parse::<uuid::fmt::Hyphenated>().ok();
        inputs.id = match self.reading.text(cell) {
            Ok(None) => RowId::Missing,
            Ok(Some(text)) => parse(&text).map_or(RowId::Foreign, |id| RowId::Id(id.into_uuid())),
            Err(_) => RowId::Foreign,
        };
    }

    fn read_member(&self, member: &'static Member, cell: &Cell<'_>, row: &OwnedRow, inputs: &mut Inputs) {
        let whole = self.whole(member, cell, row);
        match self.reading.input(whole.as_ref().unwrap_or(cell), member.rule) {
            Ok(Some(input)) => inputs.set(member.name, input),
            Ok(None) => {}
            Err(fault) => inputs.wrong(member.name, fault),
        }
    }

    /// A long text of several cells, as one; `None` for one that is in one cell.
    fn whole(&self, member: &Member, cell: &Cell<'_>, row: &OwnedRow) -> Option<Cell<'static>> {
        let (Rule::LongText, Cell::Text(first)) = (member.rule, cell) else { return None };
        let mut whole = first.to_string();
        for part in 1.. {
            let place = self.header.place(|target| is_part(target, member, part))?;
            match row.cells.get(place) {
                Some(Cell::Text(text)) => whole.push_str(text),
                _ if part == 1 => return None,
                _ => break,
            }
            if self.header.place(|target| is_part(target, member, part + 1)).is_none() {
                break;
            }
        }
        Some(Cell::Text(whole.into()))
    }

    /// Notes a cell that says which record a member refers to.
    fn refer(
        &self,
        member: &'static Member,
        cell: &Cell<'_>,
        inputs: &mut Inputs,
        place: fn(&mut ReferenceCells) -> &mut Option<String>,
    ) {
        let text = match self.reading.text(cell) {
            Ok(Some(text)) if text == guard::CLEAR => Some(text.into_owned()),
            Ok(Some(text)) => Some(self.reading.unmarked(&text).to_owned()),
            Ok(None) => return,
            Err(fault) => return inputs.wrong(member.name, fault),
        };
        let known = inputs.references.iter_mut().find(|cells| cells.member.name == member.name);
        match known {
            Some(cells) => *place(cells) = text,
            None => {
                let mut cells = ReferenceCells { member, own: None, key: None, name: None };
                *place(&mut cells) = text;
                inputs.references.push(cells);
            }
        }
    }
}

fn is_part(target: &Target, of: &Member, part: usize) -> bool {
    matches!(target, Target::Part(member, number) if member.name == of.name && *number == part)
}

/// True for a member whose cells may name a record in other ways than by its id.
fn is_reference(member: &Member) -> bool {
    matches!(member.rule, Rule::Reference(_) | Rule::Id)
}

/// The key that the rows of an import find their records by, unless it is the id.
fn key_of(options: &ImportOptions, table: &Table) -> Option<super::ImportKey> {
    options.key.or_else(|| table.keys.first().map(|(key, _)| *key))
}

fn key(options: &ImportOptions, table: &Table) -> Result<RowKey, Error> {
    let Some(asked) = key_of(options, table) else { return Ok(RowKey::Id) };
    if asked == super::ImportKey::Id {
        return Ok(RowKey::Id);
    }
    let found =
        table.keys.iter().find(|(key, _)| *key == asked).map(|(_, found_by)| RowKey::Member(*found_by));
    found.ok_or_else(|| {
        let known = table.keys.iter().map(|(key, _)| key.as_str()).chain(["id"]).collect::<Vec<_>>();
        Faults::one("key", format!("must be one of {}", known.join(", "))).into()
    })
}
