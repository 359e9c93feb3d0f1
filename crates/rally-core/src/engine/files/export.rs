//! An export: all that a query asks for, at one moment.

use std::io::Write;

use super::{
    ExportOptions, Format, Tabular,
    column::{Column, Target, export_columns, parts, read_only, written},
    output::Cells,
    writer::RowWriter,
};
use crate::{
    base::Error,
    engine::{
        read::Query,
        schema::{Access, Member, Model, Rule},
        session::Session,
    },
};

/// Rows after which progress is told.
const TOLD_EVERY: u64 = 1_000;

/// Writes the records that a query asks for, and answers their number.
pub(super) fn export<R: Tabular>(
    session: &Session,
    writer: &mut (dyn Write + Send),
    options: &ExportOptions,
    query: Query<R>,
    progressed: &mut dyn FnMut(u64),
) -> Result<u64, Error> {
    let view = session.view()?;
    let rows = view.records::<R>().rows().all(query)?;
    let (model, relations) = (session.tenant().model::<R>(), R::table().relations);
    let mut columns = match &options.fields {
        None => export_columns(model, relations),
        Some(fields) => {
            let named = |member: &&'static Member| fields.names(member.name) && member.access.is_read();
            model.members().iter().filter(named).map(column).collect()
        }
    };
    if options.format == Format::Xlsx {
        columns.extend(parts_of(model, &columns));
    }
    let mut file = RowWriter::begin(writer, options, &columns, R::KIND.plural())?;
    let mut cells = Cells::new(&view, relations, &columns);
    let mut count = 0;
    for row in rows {
        file.row(&cells.of(&row?)?)?;
        count += 1;
        if count % TOLD_EVERY == 0 {
            progressed(count);
        }
    }
    file.finish()?;
    progressed(count);
    Ok(count)
}

/// Writes a file without records, to be filled in and imported.
pub(super) fn template<R: Tabular>(
    session: &Session,
    writer: &mut (dyn Write + Send),
    format: Format,
) -> Result<(), Error> {
    session.require(R::READ)?;
    let columns: Vec<Column> = written(session.tenant().model::<R>()).map(column).collect();
    RowWriter::begin(writer, &format.into(), &columns, R::KIND.plural())?.finish().map(drop)
}

fn column(member: &'static Member) -> Column {
    match member.access {
        Access::Open => Column { name: member.name.to_owned(), target: Target::Member(member) },
        _ => read_only(member),
    }
}

/// The columns of further parts of the long texts among some columns.
fn parts_of(model: &'static Model, columns: &[Column]) -> Vec<Column> {
    let is_shown = |name: &str| {
        let is_it = |target: &Target| matches!(target, Target::Member(member) if member.name == name);
        columns.iter().any(|column| is_it(&column.target))
    };
    let is_wanted = |column: &Column| match column.target {
        Target::Part(member, _) => matches!(member.rule, Rule::LongText) && is_shown(member.name),
        _ => false,
    };
    parts(model).into_iter().filter(is_wanted).collect()
}
