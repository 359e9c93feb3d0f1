//! Files that go out, a row after the other: CSV, and workbooks in constant memory.

use std::io::Write;

use rust_xlsxwriter::{
    DocProperties, ExcelDateTime, Format as Style, FormatBorder, Workbook, Worksheet, XlsxError,
};

use super::{
    ExportOptions, Format, Guard,
    column::{Column, Target},
    faults::unwritable,
    guard,
    output::{OutCell, part_of},
};
use crate::{base::Error, engine::schema::Rule};

/// A file that is being written.
pub(super) enum RowWriter<W: Write> {
    Csv { rows: Box<csv::Writer<W>>, is_guarded: bool },
    Xlsx(Box<SheetWriter<W>>),
}

/// A workbook that is being written.
pub(super) struct SheetWriter<W> {
    writer: W,
    book: Workbook,
    columns: Vec<SheetColumn>,
    name: &'static str,
    sheets: usize,
    /// The next row of the sheet.
    row: u32,
    most_rows: u32,
    /// Styles of numbers by the digits behind their point.
    styles: Vec<Style>,
}

struct SheetColumn {
    name: String,
    width: f64,
    is_hidden: bool,
}

/// Digits of a number that a spreadsheet keeps.
const DIGITS: usize = 15;

/// Digits behind the point that a number may have in a workbook.
const PLACES: usize = 15;

impl<W: Write + Send> RowWriter<W> {
    /// Begins a file with its header row.
    pub(super) fn begin(
        mut writer: W,
        options: &ExportOptions,
        columns: &[Column],
        name: &'static str,
    ) -> Result<Self, Error> {
        if options.format == Format::Xlsx {
            return Ok(Self::Xlsx(Box::new(SheetWriter::begin(writer, options, columns, name)?)));
        }
        if options.has_byte_order_mark {
            writer.write_all(b"\xEF\xBB\xBF").map_err(unwritable)?;
        }
        let mut rows = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(writer);
        let names = columns.iter().map(|column| column.name.as_str());
        rows.write_record(names).map_err(|error| unwritable(error.into()))?;
        Ok(Self::Csv { rows: Box::new(rows), is_guarded: options.guard == Guard::On })
    }

    pub(super) fn row(&mut self, cells: &[OutCell]) -> Result<(), Error> {
        match self {
            Self::Csv { rows, is_guarded } => {
                for cell in cells {
                    let text = cell.as_text();
                    let text = match cell {
                        OutCell::Text(_) => guard::written(&text, *is_guarded),
                        _ => text,
                    };
                    rows.write_field(text.as_bytes()).map_err(|error| unwritable(error.into()))?;
                }
                rows.write_record(None::<&[u8]>).map_err(|error| unwritable(error.into()))
            }
            Self::Xlsx(sheet) => sheet.row(cells).map_err(failed),
        }
    }

    /// Writes what is left.
    pub(super) fn finish(self) -> Result<W, Error> {
        match self {
            Self::Csv { rows, .. } => rows.into_inner().map_err(|error| unwritable(error.into_error())),
            Self::Xlsx(mut sheet) => {
                sheet.book.save_to_writer(&mut sheet.writer).map_err(failed)?;
                sheet.writer.flush().map_err(unwritable)?;
                Ok(sheet.writer)
            }
        }
    }
}

impl<W: Write> SheetWriter<W> {
    fn begin(
        writer: W,
        options: &ExportOptions,
        columns: &[Column],
        name: &'static str,
    ) -> Result<Self, Error> {
        let mut book = Workbook::new();
        // No clock is read for it: the same records are the same bytes.
        let made_at = ExcelDateTime::from_ymd(2000, 1, 1).map_err(failed)?;
        book.set_properties(&DocProperties::new().set_creation_datetime(&made_at));
        if let Some(folder) = &options.temporary_folder {
            book.set_tempdir(folder).map_err(failed)?;
        }
        let style = |places: usize| match places {
            0 => Style::new().set_num_format("0"),
            _ => Style::new().set_num_format(format!("0.{}", "0".repeat(places))),
        };
        let mut sheet = Self {
            writer,
            book,
            columns: columns.iter().map(SheetColumn::of).collect(),
            name,
            sheets: 0,
            row: 0,
            most_rows: options.sheet_rows.max(2),
            styles: (0..=PLACES).map(style).collect(),
        };
        sheet.next_sheet().map_err(failed)?;
        Ok(sheet)
    }

    fn next_sheet(&mut self) -> Result<(), XlsxError> {
        self.sheets += 1;
        let name =
            if self.sheets == 1 { self.name.to_owned() } else { format!("{} {}", self.name, self.sheets) };
        let sheet = self.book.add_worksheet_with_constant_memory()?;
        sheet.set_name(name)?;
        sheet.set_freeze_panes(1, 0)?;
        for (place, column) in (0_u16..).zip(&self.columns) {
            sheet.set_column_width(place, column.width)?;
            if column.is_hidden {
                sheet.set_column_hidden(place)?;
            }
        }
        let bold = Style::new().set_bold().set_border_bottom(FormatBorder::Thin);
        for (place, column) in (0_u16..).zip(&self.columns) {
            sheet.write_string_with_format(0, place, &column.name, &bold)?;
        }
        self.row = 1;
        Ok(())
    }

    fn row(&mut self, cells: &[OutCell]) -> Result<(), XlsxError> {
        if self.row >= self.most_rows {
            self.next_sheet()?;
        }
        let sheet = self.book.worksheet_from_index(self.sheets - 1)?;
        for (place, cell) in (0_u16..).zip(cells) {
            match cell {
                OutCell::Empty => {}
                OutCell::Text(text) => write_text(sheet, (self.row, place), text)?,
                OutCell::Number(text) => write_number(sheet, (self.row, place), text, &self.styles)?,
            }
        }
        self.row += 1;
        Ok(())
    }
}

fn write_text(sheet: &mut Worksheet, (row, place): (u32, u16), text: &str) -> Result<(), XlsxError> {
    // `\N` is a word here, too, and text that is the word is marked; formulas are none in a cell of text.
    let marked = guard::written(text, false);
    if let OutCell::Text(first) = part_of(&marked, 0) {
        sheet.write_string(row, place, first)?;
    }
    Ok(())
}

/// Writes a number as one if a spreadsheet keeps all its digits, and else as text.
fn write_number(
    sheet: &mut Worksheet,
    (row, place): (u32, u16),
    text: &str,
    styles: &[Style],
) -> Result<(), XlsxError> {
    let digits = text.trim_start_matches(['-', '0', '.']).bytes().filter(u8::is_ascii_digit).count();
    let places = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    match (text.parse::<f64>(), styles.get(places)) {
        (Ok(number), Some(style)) if digits <= DIGITS => {
            sheet.write_number_with_format(row, place, number, style)?;
        }
        _ => write_text(sheet, (row, place), text)?,
    }
    Ok(())
}

impl SheetColumn {
    fn of(column: &Column) -> Self {
        let width = match column.target {
            Target::Id | Target::AboutRow => 38.0,
            Target::KeyOf(_) | Target::NameOf(_) => 26.0,
            Target::Part(..) => 10.0,
            Target::Member(member) | Target::ReadOnly(member) => match member.rule {
                Rule::Id | Rule::Reference(_) => 38.0,
                Rule::LongText => 50.0,
                Rule::Email | Rule::Url | Rule::Domain | Rule::Instant => 30.0,
                Rule::Integer { .. } | Rule::Decimal | Rule::Choice(_) | Rule::Currency => 14.0,
                _ => 22.0,
            },
        };
        Self { name: column.name.clone(), width, is_hidden: matches!(column.target, Target::Part(..)) }
    }
}

fn failed(error: XlsxError) -> Error {
    match error {
        XlsxError::IoError(error) | XlsxError::TempFileError(_, error) => unwritable(error),
        error => Error::internal(error),
    }
}
