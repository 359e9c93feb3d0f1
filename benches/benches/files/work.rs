use std::{
    fs::{self, File},
    io::BufWriter,
    path::Path,
    str::FromStr,
    sync::Arc,
    time::Instant,
};

use rally_benches::fixture;
use rally_core::{Atomicity, Format, ImportOptions, Query, Scratch, Session, WriteOptions};
use rally_store_redb::RedbStore;

use crate::{memory, place::Opened};

/// The file with all contacts, and the one with those of a workbook.
pub(crate) const CSV: &str = "contacts.csv";
pub(crate) const FEW: &str = "few.csv";
const WORKBOOK: &str = "contacts.xlsx";
const EXPORTED: &str = "exported.csv";

/// Contacts of a bulk.
const BULK: u64 = 100;

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    Bulks,
    ImportCsv,
    DryRun,
    ExportCsv,
    /// Fills the store for the next ones, and is not measured.
    Few,
    ExportWorkbook,
    ImportWorkbook,
}

impl Work {
    const NAMES: [(Self, &'static str); 7] = [
        (Self::Bulks, "bulks of 100"),
        (Self::ImportCsv, "import CSV"),
        (Self::DryRun, "dry run CSV"),
        (Self::ExportCsv, "export CSV"),
        (Self::Few, "few"),
        (Self::ExportWorkbook, "export XLSX"),
        (Self::ImportWorkbook, "import XLSX"),
    ];

    /// The rows of the table, those together that go on with the contacts of the one before.
    pub(crate) const TOGETHER: [&'static [Self]; 5] = [
        &[Self::Bulks],
        &[Self::ImportCsv, Self::ExportCsv],
        &[Self::Few, Self::ExportWorkbook],
        &[Self::ImportWorkbook],
        &[Self::DryRun],
    ];

    pub(crate) fn as_str(self) -> &'static str {
        Self::NAMES.iter().find(|(known, _)| *known == self).map_or("", |(_, name)| name)
    }

    /// Measures a row in this process, and prints it.
    pub(crate) fn measure(self, store: &str, place: &str, folder: &Path, records: u64) {
        let opened = Opened::open(store, place);
        let session = &opened.session;
        if store == "memory" && matches!(self, Self::ExportCsv | Self::ExportWorkbook) {
            let filled = if self == Self::ExportCsv { CSV } else { FEW };
            import(session, &folder.join(filled), &ImportOptions::new());
        }
        memory::forget_peak();
        let (idle, began) = (memory::now(), Instant::now());
        let (rows, bytes) = self.run(session, folder, records);
        let (seconds, peak) = (began.elapsed().as_secs_f64(), memory::peak());
        opened.close();
        if self == Self::Few {
            return;
        }
        let over_idle = if store == "memory" {
            "-".to_owned()
        } else {
            format!("{} MiB", peak.saturating_sub(idle) >> 10)
        };
        println!(
            "  {:<14} {:>9.0} rows/s {:>7.1} MB/s {:>8.1} s   over idle: {over_idle}",
            self.as_str(),
            number(rows) / seconds,
            number(bytes) / seconds / 1e6,
            seconds,
        );
    }

    /// Does the work; answers the rows and the bytes.
    fn run(self, session: &Session, folder: &Path, records: u64) -> (u64, u64) {
        let options = ImportOptions::new();
        match self {
            Self::Bulks => bulks(session, records),
            Self::ImportCsv => import(session, &folder.join(CSV), &options),
            Self::DryRun => import(session, &folder.join(CSV), &dry_run(options)),
            Self::Few => import(session, &folder.join(FEW), &options),
            Self::ImportWorkbook => import(session, &folder.join(WORKBOOK), &options),
            Self::ExportCsv => export(session, &folder.join(EXPORTED), Format::Csv),
            Self::ExportWorkbook => export(session, &folder.join(WORKBOOK), Format::Xlsx),
        }
    }
}

impl FromStr for Work {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::NAMES.iter().find(|(_, known)| *known == name).map(|(work, _)| *work).ok_or(())
    }
}

/// A dry run that keeps what it would change in a file, as the program has it.
fn dry_run(mut options: ImportOptions) -> ImportOptions {
    options.limits.dry_run_bytes = u64::MAX;
    let file = || RedbStore::temporary(tempfile::tempfile().expect("a temporary file"));
    options.dry_run().scratch(Scratch::new(move || Ok(Arc::new(file().expect("an empty store")))))
}

fn number(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

fn bulks(session: &Session, records: u64) -> (u64, u64) {
    let mut bytes = 0;
    for from in (0..records).step_by(100) {
        let body = fixture::bulk(from, BULK.min(records - from));
        bytes += u64::try_from(body.len()).expect("a length");
        let options = WriteOptions::default();
        let created =
            session.contacts().json().create_many(body.as_bytes(), Atomicity::EachByItself, &options);
        assert!(created.expect("a store that answers").items.iter().all(Result::is_ok));
    }
    (records, bytes)
}

fn import(session: &Session, path: &Path, options: &ImportOptions) -> (u64, u64) {
    let file = File::open(path).expect("a file");
    let bytes = file.metadata().expect("a file's length").len();
    let report = session.contacts().import(file, options).expect("a fit file");
    assert_eq!(report.skipped, 0, "{:?}", report.errors);
    (report.total_rows, bytes)
}

fn export(session: &Session, path: &Path, format: Format) -> (u64, u64) {
    let file = BufWriter::new(File::create(path).expect("a file"));
    let rows = session.contacts().export(file, format, Query::all()).expect("a store that answers");
    (rows, fs::metadata(path).expect("a file").len())
}
