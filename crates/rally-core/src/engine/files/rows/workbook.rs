//! Workbooks, read cell by cell behind the check of their archive.

use std::{
    borrow::Cow,
    io::{Read, Seek},
};

use calamine::{DataRef, ExcelDateTime, Reader, SheetType, SheetVisible, Xlsx, XlsxCellReader, XlsxError};

use super::{
    super::{
        FileLimits,
        faults::{bad_file, unreadable},
    },
    archive::{self, damaged},
    cell::{Cell, EachRow, RawRow},
};
use crate::base::Error;

/// A workbook, and the sheets of it that are read.
pub(crate) struct Workbook<F> {
    book: Xlsx<F>,
    sheets: Vec<String>,
    pub(crate) names: Vec<String>,
    columns: usize,
}

/// The row of a sheet that is being put together.
#[derive(Default)]
struct Gathered<'r> {
    /// The number of the row in the sheet, from 0.
    row: u32,
    cells: Vec<Cell<'r>>,
    /// True when a cell has a value in a column beyond those that are read.
    has_more: bool,
}

impl<F: Read + Seek> Workbook<F> {
    /// Opens the first sheet of a workbook, or that of a name, and those that go on with it.
    ///
    /// # Errors
    /// Fails if the workbook breaks a limit or cannot be read, and if it has no such sheet.
    pub(crate) fn open(mut file: F, sheet: Option<&str>, limits: &FileLimits) -> Result<Self, Error> {
        archive::check(&mut file, &limits.workbook)?;
        file.rewind().map_err(unreadable)?;
        let mut book = Xlsx::new(file).map_err(|error| told(&error))?;
        let sheets = sheets(&book, sheet)?;
        let names = match sheets.first() {
            Some(first) => header(&mut book, first, limits.columns + 1)?,
            None => Vec::new(),
        };
        if names.is_empty() {
            return Err(bad_file(
                "has a sheet that is empty; its first row must be the names of its columns",
            ));
        }
        let columns = names.len();
        Ok(Self { book, sheets, names, columns })
    }

    /// Hands on each row behind the header row, of one sheet after the other.
    pub(crate) fn each_row(&mut self, each: EachRow<'_>) -> Result<(), Error> {
        let columns = self.columns;
        let mut before = 0;
        for sheet in &self.sheets {
            let mut header = None;
            let mut last = 0;
            let cells = self.book.worksheet_cells_reader(sheet).map_err(|error| told(&error))?;
            each_of(cells, columns, &mut |gathered| {
                let header = *header.get_or_insert(gathered.row);
                if gathered.row == header {
                    return Ok(());
                }
                last = u64::from(gathered.row.saturating_sub(header));
                let fault = if gathered.has_more {
                    Some("has a cell in a column without a name".to_owned())
                } else {
                    None
                };
                each(RawRow { number: before + last + 1, cells: &gathered.cells, fault })
            })?;
            before += last;
        }
        Ok(())
    }
}

/// Hands on each row of a sheet that has a value.
fn each_of<RS: Read + Seek>(
    mut cells: XlsxCellReader<'_, RS>,
    columns: usize,
    each: &mut dyn FnMut(&Gathered<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut gathered = Gathered::default();
    loop {
        let next = cells.next_cell_with_formula_metadata().map_err(|error| told(&error))?;
        let row = next.as_ref().map(|cell| cell.pos.0);
        if row != Some(gathered.row) {
            if gathered.has_more || gathered.cells.iter().any(|cell| !cell.is_empty()) {
                each(&gathered)?;
            }
            gathered = Gathered { row: row.unwrap_or(0), ..Gathered::default() };
        }
        let Some(next) = next else { return Ok(()) };
        gathered.add(next.pos.1, value(next.value, next.formula.is_some()), columns);
    }
}

impl<'r> Gathered<'r> {
    fn add(&mut self, column: u32, cell: Cell<'r>, columns: usize) {
        let place = usize::try_from(column).unwrap_or(usize::MAX);
        if place >= columns {
            self.has_more |= !cell.is_empty();
            return;
        }
        while self.cells.len() <= place {
            self.cells.push(Cell::Empty);
        }
        if let Some(at) = self.cells.get_mut(place) {
            *at = cell;
        }
    }
}

/// The names of the columns of a sheet: its first row that has a value.
fn header<F: Read + Seek>(book: &mut Xlsx<F>, sheet: &str, most: usize) -> Result<Vec<String>, Error> {
    let cells = book.worksheet_cells_reader(sheet).map_err(|error| told(&error))?;
    let mut names = None;
    let mut too_many = false;
    let stopped = each_of(cells, most, &mut |gathered| {
        too_many = gathered.has_more;
        names = Some(gathered.cells.iter().map(Cell::shown).collect::<Vec<_>>());
        Err(bad_file(""))
    });
    match (names, stopped) {
        (Some(_), _) if too_many => Err(bad_file("has more columns than are read")),
        (Some(names), _) => Ok(names),
        (None, stopped) => stopped.map(|()| Vec::new()),
    }
}

/// The sheet to read, and those that go on with it: `contacts`, `contacts 2`, `contacts 3`.
fn sheets<F: Read + Seek>(book: &Xlsx<F>, asked: Option<&str>) -> Result<Vec<String>, Error> {
    let all = &book.sheets_metadata();
    let is_table = |sheet: &&calamine::Sheet| sheet.typ == SheetType::WorkSheet;
    let first = match asked {
        Some(name) => all.iter().filter(is_table).find(|sheet| sheet.name == name),
        None => {
            let is_seen = |sheet: &&calamine::Sheet| sheet.visible == SheetVisible::Visible;
            all.iter().filter(is_table).find(is_seen)
        }
    };
    let first = first.ok_or_else(|| match asked {
        Some(name) => bad_file(format!("has no sheet named {name:?}")),
        None => bad_file("has no sheet"),
    })?;
    let next = |number: usize| all.iter().find(|sheet| sheet.name == format!("{} {number}", first.name));
    let more = (2..).map_while(next).map(|sheet| sheet.name.clone());
    Ok([first.name.clone()].into_iter().chain(more).collect())
}

fn value<'r>(value: DataRef<'r>, is_formula: bool) -> Cell<'r> {
    match value {
        DataRef::Empty if is_formula => {
            Cell::Wrong("is a formula whose value was not kept; open the file, and save it anew".to_owned())
        }
        DataRef::Empty => Cell::Empty,
        DataRef::Int(number) => Cell::Text(number.to_string().into()),
        DataRef::Float(number) => Cell::Number(number),
        DataRef::String(text) => Cell::Text(text.into()),
        DataRef::SharedString(text) => Cell::Text(Cow::Borrowed(text)),
        DataRef::Bool(is_true) => Cell::Boolean(is_true),
        DataRef::DateTime(date) if date.is_duration() => Cell::Number(date.as_f64()),
        DataRef::DateTime(date) => date_cell(&date),
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => Cell::Text(text.into()),
        DataRef::Error(error) => Cell::Wrong(format!("is the error {error}")),
    }
}

fn date_cell(date: &ExcelDateTime) -> Cell<'static> {
    let (year, month, day, hour, minute, second, milli) = date.to_ymd_hms_milli();
    let day = format!("{year:04}-{month:02}-{day:02}");
    if date.as_f64() < 0.0 {
        return Cell::Wrong("is a date before 1900, which a spreadsheet does not have".to_owned());
    }
    let has_time = (hour, minute, second, milli) != (0, 0, 0, 0);
    Cell::Date(match (has_time, milli) {
        (false, _) => day,
        (true, 0) => format!("{day}T{hour:02}:{minute:02}:{second:02}"),
        (true, _) => format!("{day}T{hour:02}:{minute:02}:{second:02}.{milli:03}"),
    })
}

fn told(error: &XlsxError) -> Error {
    match error {
        XlsxError::Password => bad_file("is a workbook with a password; save it without one"),
        _ => damaged(),
    }
}
