//! Workbooks, read cell by cell behind the check of their archive.

use std::{
    borrow::Cow,
    io::{Read, Seek},
    iter::Peekable,
    vec,
};

use calamine::{
    DataRef, ExcelDateTime, Reader, SheetType, SheetVisible, Style, Xlsx, XlsxCellReader, XlsxError,
};

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
    /// True if there may be formulas.
    has_formulas: bool,
    most_unkept: usize,
}

/// A sheet that is being read.
struct Sheet<'b, F: Read + Seek> {
    cells: XlsxCellReader<'b, F>,
    /// The digits that numbers of each style show behind the point.
    places: Vec<usize>,
    /// The places of formulas whose value was not kept, as they come.
    unkept: Peekable<vec::IntoIter<(u32, u32)>>,
}

/// Digits behind the point that a number may have in a workbook.
const PLACES: usize = 15;

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
        let has_formulas = archive::check(&mut file, &limits.workbook)? > 0;
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
        let most_unkept = limits.workbook.unkept_formulas;
        Ok(Self { book, sheets, names, columns, has_formulas, most_unkept })
    }

    /// Hands on each row behind the header row, of one sheet after the other.
    pub(crate) fn each_row(&mut self, each: EachRow<'_>) -> Result<(), Error> {
        let columns = self.columns;
        let mut before = 0;
        for sheet in &self.sheets {
            let mut header = None;
            let mut last = 0;
            let unkept =
                if self.has_formulas { unkept(&mut self.book, sheet, self.most_unkept)? } else { Vec::new() };
            Sheet::open(&mut self.book, sheet, unkept)?.each_row(columns, &mut |gathered| {
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

impl<'b, F: Read + Seek> Sheet<'b, F> {
    fn open(book: &'b mut Xlsx<F>, name: &str, unkept: Vec<(u32, u32)>) -> Result<Self, Error> {
        let cells = book.worksheet_cells_reader(name).map_err(|error| told(&error))?;
        let places = cells.styles().iter().map(places_of).collect();
        Ok(Self { cells, places, unkept: unkept.into_iter().peekable() })
    }

    /// Hands on each row that has a value.
    fn each_row(
        mut self,
        columns: usize,
        each: &mut dyn FnMut(&Gathered<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut gathered = Gathered::default();
        loop {
            let next = self.cells.next_cell_with_style_id().map_err(|error| told(&error))?;
            let row = next.as_ref().map(|(cell, _)| cell.get_position().0);
            if row != Some(gathered.row) {
                if gathered.has_more || gathered.cells.iter().any(|cell| !cell.is_empty()) {
                    each(&gathered)?;
                }
                gathered = Gathered { row: row.unwrap_or(0), ..Gathered::default() };
            }
            let Some((cell, style)) = next else { return Ok(()) };
            let position = cell.get_position();
            let value = match self.unkept.next_if_eq(&position) {
                Some(_) => Cell::Wrong(UNKEPT.to_owned()),
                None => value(cell.get_value().clone(), self.places.get(style).copied().unwrap_or(0)),
            };
            gathered.add(position.1, value, columns);
        }
    }
}

/// Completes "*member* …" for a formula without a value.
const UNKEPT: &str = "is a formula whose value was not kept; open the file, and save it anew";

/// The places of the formulas of a sheet whose value was not kept, which a reader of values takes for empty cells.
fn unkept<F: Read + Seek>(book: &mut Xlsx<F>, sheet: &str, most: usize) -> Result<Vec<(u32, u32)>, Error> {
    let mut cells = book.worksheet_cells_reader(sheet).map_err(|error| told(&error))?;
    let mut found = Vec::new();
    while let Some(cell) = cells.next_cell_with_formula_metadata().map_err(|error| told(&error))? {
        if cell.formula.is_some() && cell.value == DataRef::Empty {
            if found.len() >= most {
                return Err(bad_file(format!(
                    "has more than {most} formulas whose value was not kept; open it, and save it anew"
                )));
            }
            found.push(cell.pos);
        }
    }
    Ok(found)
}

/// The digits that a style shows behind the point of a number at least; none of formats with more than digits, as those
/// of money are.
fn places_of(style: &Style) -> usize {
    let code = style.number_format.as_ref().map_or("", |format| format.format_code.as_str());
    let positive = code.split(';').next().unwrap_or_default();
    match positive.split_once('.') {
        Some((whole, fraction)) if whole.bytes().chain(fraction.bytes()).all(|c| b"0#,".contains(&c)) => {
            fraction.bytes().filter(|c| *c == b'0').count().min(PLACES)
        }
        _ => 0,
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
    let mut names = None;
    let mut too_many = false;
    let stopped = Sheet::open(book, sheet, Vec::new())?.each_row(most, &mut |gathered| {
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

fn value(value: DataRef<'_>, places: usize) -> Cell<'_> {
    match value {
        DataRef::Empty => Cell::Empty,
        DataRef::Int(number) => Cell::Text(number.to_string().into()),
        DataRef::Float(number) => Cell::Number { number, places },
        DataRef::String(text) => Cell::Text(text.into()),
        DataRef::SharedString(text) => Cell::Text(Cow::Borrowed(text)),
        DataRef::Bool(is_true) => Cell::Boolean(is_true),
        DataRef::DateTime(date) if date.is_duration() => Cell::Number { number: date.as_f64(), places: 0 },
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
