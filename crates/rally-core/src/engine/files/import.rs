//! An import from its first row to its last.

use std::{
    collections::BTreeSet,
    io::{Read, Seek},
};

use super::{
    ImportOptions, ImportProgress, ImportReport, ImportWatch, Tabular,
    apply::{self, Done, Verb},
    faults::{bad_file, unwritable},
    guard,
    lookup::{Lookup, Memory},
    plan::{OwnedRow, Plan, PreparedRow},
    report::RefusedRow,
    rows::{Cell, RawRow, Source, digest},
};
use crate::{
    base::{Error, count},
    engine::{session::Session, write::IdempotencyKey},
};

/// An import that is running.
struct Import<'i> {
    session: &'i Session,
    options: &'i ImportOptions,
    plan: Plan,
    watch: &'i mut dyn ImportWatch,
    batch: Vec<OwnedRow>,
    /// Bytes of the cells in the batch.
    batch_bytes: usize,
    is_workbook: bool,
    unnamed: BTreeSet<usize>,
    memory: Memory,
    report: ImportReport,
    progress: ImportProgress,
}

/// Applies the rows of one transaction; true when they had been applied before.
type Apply<'a> = &'a mut dyn FnMut(&[PreparedRow]) -> Result<(Done, bool), Error>;

/// Imports the rows of a file.
pub(super) fn import<R: Tabular>(
    session: &Session,
    mut file: impl Read + Seek,
    options: &ImportOptions,
    watch: &mut dyn ImportWatch,
) -> Result<ImportReport, Error> {
    session.require(R::WRITE)?;
    let key = match &options.idempotency_key {
        Some(key) if !options.dry_run => Some(once::<R>(key, &mut file, options)?),
        _ => None,
    };
    let model = (session.tenant().model::<R>(), R::table());
    let (plan, mut source) = Plan::open(file, options, model, session.tenant().profile)?;
    let verb = Verb { mode: plan.mode, key: plan.key, table: plan.table };
    watch.began(source.names()).map_err(unwritable)?;
    let mut import = Import::new(session, options, plan, &source, watch);
    if options.dry_run {
        let limits = &options.limits;
        let mut rehearsal = session.rehearsal(limits.dry_run_memory_bytes, options.scratch.clone())?;
        import.all(&mut source, &mut |rows| {
            let done = apply::rehearse::<R>(session, &mut rehearsal, verb, rows)?;
            if rehearsal.bytes() > limits.dry_run_bytes {
                Err(too_much(limits.dry_run_bytes))
            } else {
                Ok(done)
            }
        })?;
    } else {
        let mut number = 0;
        import.all(&mut source, &mut |rows| {
            let key = key.as_ref().map(|key| key.for_part(number));
            number += 1;
            apply::commit::<R>(session, verb, key.as_ref(), rows)
        })?;
    }
    Ok(import.finish())
}

fn too_much(most: u64) -> Error {
    bad_file(format!(
        "would change more than {most} bytes, which is the most for a dry run; try a part of it"
    ))
}

/// The key of an import: the same file with the same options is the same request.
fn once<R: Tabular>(
    key: &str,
    file: &mut (impl Read + Seek),
    options: &ImportOptions,
) -> Result<IdempotencyKey, Error> {
    let content = digest(file)?;
    // What decides which rows are in which transaction, and what becomes of them.
    let ImportOptions {
        mode, key: by, mapping, delimiter, charset, decimal, date_order, guard, sheet, ..
    } = options;
    let (rows, bytes) = (options.limits.rows_at_once, options.limits.bytes_at_once);
    let asked = format!(
        "{mode:?} {by:?} {mapping:?} {delimiter:?} {charset:?} {decimal:?} {date_order:?} {guard:?} {sheet:?} {rows} {bytes}"
    );
    let key = IdempotencyKey::new(key, &[content.as_slice(), asked.as_bytes()])?;
    Ok(key.for_act("import", R::KIND, None))
}

impl<'i> Import<'i> {
    fn new<F: Read + Seek>(
        session: &'i Session,
        options: &'i ImportOptions,
        plan: Plan,
        source: &Source<F>,
        watch: &'i mut dyn ImportWatch,
    ) -> Self {
        let (charset, delimiter) = source.assumed().unzip();
        let report = ImportReport {
            charset,
            delimiter,
            mapping: plan.header.mapping.clone(),
            unknown_columns: plan.header.unknown.clone(),
            dry_run: options.dry_run,
            replayed: true,
            ..ImportReport::default()
        };
        Self {
            session,
            options,
            plan,
            watch,
            batch: Vec::new(),
            batch_bytes: 0,
            is_workbook: matches!(source, Source::Workbook(_)),
            unnamed: BTreeSet::new(),
            memory: Memory::default(),
            report,
            progress: ImportProgress::default(),
        }
    }

    /// Reads all rows, and applies them a transaction at a time. Which rows are in which transaction follows from the
    /// file alone, so that an import that is started again meets the same ones.
    fn all<F: Read + Seek>(&mut self, source: &mut Source<F>, apply: Apply<'_>) -> Result<(), Error> {
        source.each_row(&mut |row| {
            self.add(&row);
            let limits = &self.options.limits;
            let is_full = self.batch.len() >= limits.rows_at_once || self.batch_bytes >= limits.bytes_at_once;
            if is_full { self.apply(apply) } else { Ok(()) }
        })?;
        if self.batch.is_empty() { Ok(()) } else { self.apply(apply) }
    }

    fn add(&mut self, row: &RawRow<'_>) {
        let cells: Vec<Cell<'static>> = row.cells.iter().map(Cell::to_owned_cell).collect();
        self.batch_bytes += cells.iter().map(Cell::bytes).sum::<usize>();
        let row = OwnedRow { number: row.number, cells, fault: row.fault.clone() };
        self.plan.unnamed_in(&row, &mut self.unnamed);
        self.batch.push(row);
    }

    fn apply(&mut self, apply: Apply<'_>) -> Result<(), Error> {
        let prepared = self.prepare()?;
        let (done, is_replayed) = apply(&prepared)?;
        self.report.replayed &= is_replayed;
        if !is_replayed && !self.options.dry_run {
            let counts = self.session.engine().counts();
            counts.rows_created.add(done.created);
            counts.rows_updated.add(done.updated);
            counts.rows_unchanged.add(done.unchanged);
            counts.rows_refused.add(count(done.refused.len()));
        }
        self.tell(&done)?;
        self.batch.clear();
        self.batch_bytes = 0;
        Ok(())
    }

    fn prepare(&mut self) -> Result<Vec<PreparedRow>, Error> {
        let view = self.session.view()?;
        let (plan, memory) = (&self.plan, &mut self.memory);
        let relations = plan.table.relations;
        let mut lookup = Lookup { view: &view, relations, mode: plan.mode, key: plan.key, memory };
        self.batch.iter().map(|row| plan.prepare(row, &mut lookup)).collect()
    }

    /// Counts what came of the rows of a transaction, and tells it.
    fn tell(&mut self, done: &Done) -> Result<(), Error> {
        let progress = &mut self.progress;
        progress.rows += done.rows;
        progress.created += done.created;
        progress.updated += done.updated;
        progress.unchanged += done.unchanged;
        progress.refused += count(done.refused.len());
        for refusal in &done.refused {
            if self.report.errors.len() < self.options.limits.errors_told {
                self.report.errors.push(format!("Row {}: {}", refusal.row, refusal.error));
            }
            if self.watch.wants_refused() {
                let cells = self.cells(refusal.row);
                let (row, code, error) = (refusal.row, refusal.code.as_str(), refusal.error.as_str());
                self.watch.refused(&RefusedRow { row, code, error, cells: &cells }).map_err(unwritable)?;
            }
        }
        self.watch.progressed(&self.progress);
        Ok(())
    }

    /// The cells of a row in the batch, as they came.
    fn cells(&self, number: u64) -> Vec<String> {
        let row = self.batch.iter().find(|row| row.number == number);
        // Text of a workbook has no guard yet, and goes into a CSV file here.
        let shown = |cell: &Cell<'_>| match cell {
            Cell::Text(text) if self.is_workbook => guard::written(text, true).into_owned(),
            _ => cell.shown(),
        };
        row.map(|row| row.cells.iter().map(shown).collect()).unwrap_or_default()
    }

    fn finish(self) -> ImportReport {
        let ImportProgress { rows, created, updated, unchanged, refused } = self.progress;
        let unnamed = self.unnamed.iter().map(|place| format!("(column {})", place + 1));
        let unknown_columns = self.report.unknown_columns.iter().cloned().chain(unnamed).collect();
        ImportReport {
            total_rows: rows,
            imported: created + updated,
            skipped: unchanged + refused,
            created,
            updated,
            unchanged,
            unknown_columns,
            replayed: self.report.replayed && rows > 0,
            ..self.report
        }
    }
}
