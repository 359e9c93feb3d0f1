use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Read, Seek, SeekFrom},
    path::Path,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use rally_core::{ErrorFile, ImportOptions, ImportProgress, ImportReport, ImportWatch, RefusedRow, Session};
use serde::Deserialize;

use super::{
    arguments::{ImportArguments, Records},
    meter::{Meter, Told},
    remote,
    scratch::scratch,
};
use crate::{admin::print, failure::Failure, webhooks::runtime};

/// The report of an import, of the store's engine or of a server.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    total_rows: u64,
    skipped: u64,
    created: u64,
    updated: u64,
    unchanged: u64,
    errors: Vec<String>,
    unknown_columns: Vec<String>,
    dry_run: bool,
}

/// The exit code of an import some of whose rows were refused.
const SOME_REFUSED: u8 = 1;

pub(crate) fn import(arguments: &ImportArguments) -> Result<ExitCode, Failure> {
    let file = open(&arguments.file)?;
    let length = file.metadata().map(|metadata| metadata.len()).unwrap_or(0);
    let report = match &arguments.place.url {
        Some(_) => runtime()?.block_on(remote::import(arguments, file))?,
        None => on_store(arguments, file, length)?,
    };
    let report_of: Report = serde_json::from_str(&report).map_err(unread)?;
    print(&if arguments.json { format!("{report}\n") } else { report_of.text() })?;
    let refused = report_of.refused();
    Ok(if refused == 0 { ExitCode::SUCCESS } else { ExitCode::from(SOME_REFUSED) })
}

pub(crate) fn unread(error: serde_json::Error) -> Failure {
    Failure::new(format!("the report cannot be read: {error}"))
}

/// Opens a file. Standard input is kept in a temporary one, as a file is read more than once.
fn open(path: &Path) -> Result<File, Failure> {
    let failed = |error: io::Error| Failure::new(format!("{}: {error}", path.display()));
    if path != Path::new("-") {
        return File::open(path).map_err(failed);
    }
    let mut kept = tempfile::tempfile().map_err(failed)?;
    io::copy(&mut io::stdin().lock(), &mut kept).map_err(failed)?;
    kept.rewind().map_err(failed)?;
    Ok(kept)
}

/// Imports a file into a store, and answers the report as JSON.
fn on_store(arguments: &ImportArguments, file: File, length: u64) -> Result<String, Failure> {
    arguments.place.on_store("rally import", |session| {
        let place = Arc::new(AtomicU64::new(0));
        let file = Placed { inner: BufReader::with_capacity(64 << 10, file), place: Arc::clone(&place) };
        let mut watch = Watch::begin(arguments, length, place)?;
        let imported = run(session, arguments.records, file, &options(arguments), &mut watch);
        let done = watch.end()?;
        let report = imported.map_err(|error| Failure::from(error).behind(done))?;
        serde_json::to_value(&report).map(|report| report.to_string()).map_err(unread)
    })
}

fn run(
    session: &Session,
    records: Records,
    file: impl Read + Seek,
    options: &ImportOptions,
    watch: &mut dyn ImportWatch,
) -> Result<ImportReport, rally_core::Error> {
    match records {
        Records::Contacts => session.contacts().import_watched(file, options, watch),
        Records::Companies => session.companies().import_watched(file, options, watch),
        Records::Deals => session.deals().import_watched(file, options, watch),
        Records::Activities => session.activities().import_watched(file, options, watch),
    }
}

fn options(arguments: &ImportArguments) -> ImportOptions {
    let mut options = ImportOptions::new().mode(arguments.mode).decimal(arguments.decimal);
    options.key = arguments.key;
    options.dry_run = arguments.dry_run;
    options.delimiter = arguments.delimiter;
    options.charset.clone_from(&arguments.charset);
    options.date_order = arguments.date_order;
    options.sheet.clone_from(&arguments.sheet);
    options.idempotency_key.clone_from(&arguments.idempotency_key);
    options.scratch = Some(scratch(None));
    // The disk is the bound.
    options.limits.dry_run_bytes = u64::MAX;
    options = if arguments.no_guard { options.without_guard() } else { options };
    options = arguments.mapping.iter().fold(options, |options, map| options.map(&map.name, &map.value));
    arguments.ignore.iter().fold(options, |options, column| options.ignore(column))
}

/// A file that tells how far it has been read.
struct Placed {
    inner: BufReader<File>,
    place: Arc<AtomicU64>,
}

impl Read for Placed {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(out)?;
        self.place.fetch_add(u64::try_from(length).unwrap_or(0), Ordering::Relaxed);
        Ok(length)
    }
}

impl Seek for Placed {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = self.inner.seek(to)?;
        self.place.store(place, Ordering::Relaxed);
        Ok(place)
    }
}

/// Watches an import into a store: for the meter, and for the file of refused rows.
pub(crate) struct Watch {
    meter: Meter,
    refused: Option<ErrorFile<BufWriter<File>>>,
    place: Arc<AtomicU64>,
    rows: u64,
}

impl Watch {
    fn begin(arguments: &ImportArguments, length: u64, place: Arc<AtomicU64>) -> Result<Self, Failure> {
        let refused = arguments.errors.as_deref().map(create).transpose()?;
        let refused = refused.map(|file| ErrorFile::new(BufWriter::new(file)));
        Ok(Self { meter: Meter::begin(length), refused, place, rows: 0 })
    }

    /// Ends the file of refused rows, and answers the rows that are done.
    fn end(self) -> Result<u64, Failure> {
        self.meter.end();
        self.refused.map_or(Ok(()), finish)?;
        Ok(self.rows)
    }
}

/// Ends a file of refused rows.
pub(crate) fn finish(refused: ErrorFile<BufWriter<File>>) -> Result<(), Failure> {
    let written = refused.finish()?.into_inner().map_err(io::IntoInnerError::into_error);
    written.map(drop).map_err(|error| unwritten(&error))
}

pub(crate) fn unwritten(error: &io::Error) -> Failure {
    Failure::new(format!("the refused rows cannot be written: {error}"))
}

/// Creates a file for refused rows.
pub(crate) fn create(path: &Path) -> Result<File, Failure> {
    File::create(path).map_err(|error| Failure::new(format!("--errors {}: {error}", path.display())))
}

impl ImportWatch for Watch {
    fn progressed(&mut self, progress: &ImportProgress) {
        self.rows = progress.rows;
        let bytes = self.place.load(Ordering::Relaxed);
        self.meter.tell(Told { rows: progress.rows, refused: Some(progress.refused), bytes });
    }

    fn wants_refused(&self) -> bool {
        self.refused.is_some()
    }

    fn began(&mut self, columns: &[String]) -> io::Result<()> {
        self.refused.as_mut().map_or(Ok(()), |file| file.began(columns))
    }

    fn refused(&mut self, row: &RefusedRow<'_>) -> io::Result<()> {
        self.refused.as_mut().map_or(Ok(()), |file| file.refused(row))
    }
}

impl Report {
    fn refused(&self) -> u64 {
        self.skipped.saturating_sub(self.unchanged)
    }

    /// The report for a person.
    fn text(&self) -> String {
        let Self { total_rows, created, updated, unchanged, .. } = self;
        let refused = self.refused();
        let would = if self.dry_run { " (nothing was changed)" } else { "" };
        let mut text = format!(
            "{total_rows} rows: {created} created, {updated} updated, {unchanged} unchanged, {refused} refused{would}\n"
        );
        if !self.unknown_columns.is_empty() {
            text += &format!("columns that were not read: {}\n", self.unknown_columns.join(", "));
        }
        for error in &self.errors {
            text += &format!("{error}\n");
        }
        let told = u64::try_from(self.errors.len()).unwrap_or(u64::MAX);
        if refused > told {
            text += &format!("and {} more; --errors FILE has them all\n", refused - told);
        }
        text
    }
}
