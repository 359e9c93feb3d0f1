//! Import and export of the records of a collection.

use std::io::{Read, Seek, Write};

use super::{ExportOptions, Format, ImportOptions, ImportReport, ImportWatch, Tabular, export, import};
use crate::{
    base::Error,
    engine::{read::Query, session::Collection},
};

/// A file that is read, of whatever type it is: the readers of formats are large, and compiled once for all of them.
trait ReadSeek: Read + Seek {}

impl<F: Read + Seek> ReadSeek for F {}

impl<R: Tabular> Collection<'_, R> {
    /// Imports the rows of a CSV file or of a workbook (`.xlsx`), each by the same verb, and judged by the same rules, as
    /// a call of this collection.
    ///
    /// The first row names the columns. Good rows are applied, in transactions of up to
    /// [`limits::IMPORT_ROWS_AT_ONCE`](crate::limits::IMPORT_ROWS_AT_ONCE), and bad ones are refused and told. An empty
    /// cell leaves a member as it is, and `\N` clears it. A reference goes by an id, an e-mail address or a domain, or by
    /// a name that one record has. What was assumed of the file is in the report.
    ///
    /// ```
    /// # use std::io::Cursor;
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// acme.companies().create(&CompanyDraft::new("Looms Ltd"))?;
    /// let file = "First name;Last name;E-Mail;Company\nAda;Lovelace;ada@x.example;Looms Ltd\nBob;Hill;bob;\n";
    /// let report = acme.contacts().import(Cursor::new(file), &ImportOptions::new())?;
    /// assert_eq!((report.imported, report.skipped, report.delimiter), (1, 1, Some(';')));
    /// assert_eq!(report.errors, ["Row 3: email is not an e-mail address"]);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Validation`](crate::Code::Validation) when the file or the options are not fit for it: before anything is
    /// imported, but for a row that is too long, or damage to a workbook behind its first rows; [`Code::IdempotencyMismatch`](crate::Code::IdempotencyMismatch) for another file under a key;
    /// [`Code::Forbidden`](crate::Code::Forbidden) without the scope to write; [`Code::Unavailable`](crate::Code::Unavailable)
    /// when the file cannot be read or the store cannot answer: whole rows have been applied then, and no others.
    pub fn import(&self, file: impl Read + Seek, options: &ImportOptions) -> Result<ImportReport, Error> {
        self.import_watched(file, options, &mut ())
    }

    /// [`import`](Self::import) that tells how it goes on, and which rows it refuses: see
    /// [`ErrorFile`](crate::ErrorFile).
    ///
    /// ```
    /// # use std::io::Cursor;
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// struct Counter(u64);
    /// impl ImportWatch for Counter {
    ///     fn progressed(&mut self, progress: &ImportProgress) {
    ///         self.0 = progress.rows;
    ///     }
    /// }
    /// let mut counter = Counter(0);
    /// let file = Cursor::new("name\nLooms Ltd\nMills Ltd\n");
    /// acme.companies().import_watched(file, &ImportOptions::new(), &mut counter)?;
    /// assert_eq!(counter.0, 2);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of `import`.
    pub fn import_watched(
        &self,
        mut file: impl Read + Seek,
        options: &ImportOptions,
        watch: &mut dyn ImportWatch,
    ) -> Result<ImportReport, Error> {
        let file: &mut dyn ReadSeek = &mut file;
        import::import::<R>(self.session, file, options, watch)
    }

    /// Writes the records that a query asks for, all of one moment, and answers their number.
    ///
    /// The columns are the id, the members that can be written, and the names of the records that it refers to. A file
    /// that is imported into a tenant without records makes the same records there.
    ///
    /// ```
    /// # use std::io::Cursor;
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let other = engine.create_tenant(&TenantDraft::new("other"))?.trusted_session("docs")?;
    /// acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// let mut file = Vec::new();
    /// assert_eq!(acme.contacts().export(&mut file, Format::Xlsx, Query::all())?, 1);
    /// other.contacts().import(Cursor::new(file), &ImportOptions::new())?;
    /// assert_eq!(other.contacts().find("ada@x.example")?.unwrap().full_name, "Ada Lovelace");
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Validation`](crate::Code::Validation) when a filter has a value that its member could not have;
    /// [`Code::Unavailable`](crate::Code::Unavailable) when the file cannot be written or the store cannot answer.
    pub fn export(
        &self,
        writer: impl Write + Send,
        format: Format,
        query: impl Into<Query<R>>,
    ) -> Result<u64, Error> {
        self.export_with(writer, &format.into(), query, &mut |_| {})
    }

    /// [`export`](Self::export) with options, which tells the number of records so far.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// acme.companies().create(&CompanyDraft::new("=Looms"))?;
    /// let mut file = Vec::new();
    /// let options = ExportOptions::new(Format::Csv).without_guard();
    /// acme.companies().export_with(&mut file, &options, Query::all(), &mut |rows| println!("{rows}"))?;
    /// assert!(String::from_utf8(file).unwrap().contains(",=Looms,"));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of `export`.
    pub fn export_with(
        &self,
        mut writer: impl Write + Send,
        options: &ExportOptions,
        query: impl Into<Query<R>>,
        progressed: &mut dyn FnMut(u64),
    ) -> Result<u64, Error> {
        export::export(self.session, &mut writer, options, query.into(), progressed)
    }

    /// Writes a file of the names of columns alone, to be filled in and imported.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// let mut file = Vec::new();
    /// acme.companies().template(&mut file, Format::Csv)?;
    /// assert!(file.starts_with(b"name,domain,industry,"));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Unavailable`](crate::Code::Unavailable) when the file cannot be written.
    pub fn template(&self, mut writer: impl Write + Send, format: Format) -> Result<(), Error> {
        export::template::<R>(self.session, &mut writer, format)
    }
}
