use std::io::{Read, Seek};

use super::{
    super::{
        FileLimits, ImportOptions,
        faults::{bad_file, unreadable},
    },
    cell::EachRow,
    delimited::Delimited,
    workbook::Workbook,
};
use crate::base::Error;

/// A file that is going to be imported, in whatever format it is.
pub(crate) enum Source<F> {
    Delimited(Box<Delimited<F>>),
    Workbook(Box<Workbook<F>>),
}

/// How a file is to be read, as far as it is said.
pub(crate) struct SourceOptions<'o> {
    pub(crate) options: &'o ImportOptions,
    /// Says that a name is that of a column.
    pub(crate) is_known: &'o dyn Fn(&str) -> bool,
}

/// The first bytes of files that are no tables, each with its name.
const NO_TABLES: [(&[u8], &str); 9] = [
    (b"\x89PNG", "a picture"),
    (b"\xFF\xD8\xFF", "a picture"),
    (b"GIF8", "a picture"),
    (b"BM\x36", "a picture"),
    (b"%PDF", "a PDF document"),
    (b"\x1F\x8B", "compressed; unpack it"),
    (b"7z\xBC\xAF", "compressed; unpack it"),
    (b"Rar!", "compressed; unpack it"),
    (b"{\\rtf", "a text document"),
];

/// The first bytes of a compound file, which old workbooks and encrypted ones are.
const COMPOUND: &[u8] = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1";

/// The first bytes of an archive, which a workbook is.
const ARCHIVE: &[u8] = b"PK\x03\x04";

impl<F: Read + Seek> Source<F> {
    /// Opens a file, and reads its header row.
    ///
    /// # Errors
    /// Fails if it is no table, or one that breaks a limit.
    pub(crate) fn open(mut file: F, asked: &SourceOptions<'_>) -> Result<Self, Error> {
        let options = asked.options;
        let start = start(&mut file)?;
        if start.starts_with(COMPOUND) {
            return Err(bad_file(
                "is an old workbook (.xls) or one with a password; save it as .xlsx without one, or as CSV",
            ));
        }
        if let Some((_, what)) = NO_TABLES.iter().find(|(magic, _)| start.starts_with(magic)) {
            return Err(bad_file(format!("is {what}, and no table")));
        }
        let source = if start.starts_with(ARCHIVE) {
            let workbook = Workbook::open(file, options.sheet.as_deref(), &options.limits)?;
            Source::Workbook(Box::new(workbook))
        } else {
            let told = (options.charset.as_deref(), options.delimiter);
            Source::Delimited(Box::new(Delimited::open(file, told, &options.limits, asked.is_known)?))
        };
        source.check(&options.limits)?;
        Ok(source)
    }

    fn check(&self, limits: &FileLimits) -> Result<(), Error> {
        let most = limits.columns;
        if self.names().len() > most {
            return Err(bad_file(format!("has more than {most} columns")));
        }
        Ok(())
    }

    /// The names of the columns.
    pub(crate) fn names(&self) -> &[String] {
        match self {
            Source::Delimited(file) => &file.names,
            Source::Workbook(book) => &book.names,
        }
    }

    /// The charset and the delimiter, which workbooks do not have.
    pub(crate) fn assumed(&self) -> Option<(String, char)> {
        match self {
            Source::Delimited(file) => Some((file.charset.name(), char::from(file.delimiter))),
            Source::Workbook(_) => None,
        }
    }

    /// Hands on each row behind the header row.
    pub(crate) fn each_row(&mut self, each: EachRow<'_>) -> Result<(), Error> {
        match self {
            Source::Delimited(file) => file.each_row(each),
            Source::Workbook(book) => book.each_row(each),
        }
    }
}

/// The first bytes of a file.
fn start(file: &mut (impl Read + Seek)) -> Result<Vec<u8>, Error> {
    file.rewind().map_err(unreadable)?;
    let mut start = Vec::new();
    file.by_ref().take(8).read_to_end(&mut start).map_err(unreadable)?;
    file.rewind().map_err(unreadable)?;
    Ok(start)
}
