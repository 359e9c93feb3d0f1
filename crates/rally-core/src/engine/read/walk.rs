//! Walking a list from its first record to its last, in constant memory.

use std::collections::VecDeque;

use super::{
    Query,
    filtered::MANY_NAMES,
    reader::{Reader, numbers_of},
};
use crate::{
    base::{Error, limits},
    engine::{
        keys::{FEWEST, Numbers, spaces},
        schema::{Resource, Row},
    },
    store::{Direction, KeyRange},
};

/// A walk over the records that a query asks for, with a chunk of them read ahead.
pub(crate) struct Walk<'v, R> {
    reader: Reader<'v, R>,
    query: Query<R>,
    source: WalkSource<'v>,
    /// True when the source has records that are not asked for, so that each is looked at.
    is_wider: bool,
    ready: VecDeque<Row<R>>,
}

/// The entries that a walk has still to read.
enum WalkSource<'v> {
    /// Records, in the order of their creation.
    Records(KeyRange),
    /// Records by their last change.
    Changes(KeyRange),
    /// Numbers that an index has.
    Numbers(Numbers<'v>),
    End,
}

impl<'v, R: Resource> Walk<'v, R> {
    pub(crate) fn new(reader: Reader<'v, R>, query: Query<R>) -> Result<Self, Error> {
        query.check()?;
        let (source, is_wider) = match (query.updated_since, query.selection(reader.model())) {
            (Some(since), selection) => {
                // The changed records are walked and looked at. Their order is that of instants, so joining them with
                // indexes, which are in the order of numbers, would take memory for all of the numbers.
                let start = spaces::updated(R::KIND, since).successor();
                let changes = KeyRange::prefix(&spaces::all_updated(R::KIND)).from(start);
                (WalkSource::Changes(changes), selection.is_some())
            }
            (None, None) => (all_records::<R>(), false),
            // Very many long names are not kept in memory: the records themselves are looked at.
            (None, Some(selection)) => {
                match selection.numbers(reader.tenant.id, reader.snapshot, MANY_NAMES, FEWEST)? {
                    Some(numbers) => (WalkSource::Numbers(numbers), false),
                    None => {
                        let candidates = selection.candidates(reader.tenant.id, reader.snapshot, FEWEST)?;
                        (WalkSource::Numbers(candidates), true)
                    }
                }
            }
        };
        Ok(Self { reader, query, source, is_wider, ready: VecDeque::new() })
    }

    /// The next record, with what is joined to it.
    pub(crate) fn next(&mut self) -> Result<Option<Row<R>>, Error> {
        while self.ready.is_empty() && !matches!(self.source, WalkSource::End) {
            let rows = self.read()?;
            if rows.is_empty() {
                self.source = WalkSource::End;
            }
            self.ready.extend(self.selected(rows)?);
        }
        Ok(self.ready.pop_front())
    }

    /// Ends the walk: no record comes after an error.
    pub(crate) fn end(&mut self) {
        self.source = WalkSource::End;
        self.ready.clear();
    }

    fn read(&mut self) -> Result<Vec<Row<R>>, Error> {
        match &mut self.source {
            WalkSource::Records(range) => {
                let entries = self.reader.snapshot.scan(range, Direction::Forward, limits::PAGE)?;
                if let Some(last) = entries.last() {
                    *range = range.clone().from(last.key.successor());
                }
                self.reader.rows_of_records(entries)
            }
            WalkSource::Changes(range) => {
                let entries = self.reader.snapshot.scan(range, Direction::Forward, limits::PAGE)?;
                if let Some(last) = entries.last() {
                    *range = range.clone().from(last.key.successor());
                }
                self.reader.rows(&numbers_of(&entries)?)
            }
            WalkSource::Numbers(numbers) => self.reader.rows(&numbers.next_many(limits::PAGE)?),
            WalkSource::End => Ok(Vec::new()),
        }
    }

    /// The records of a chunk that the query asks for, with their joined members.
    fn selected(&self, mut rows: Vec<Row<R>>) -> Result<Vec<Row<R>>, Error> {
        if self.is_wider
            && let Some(selection) = self.query.selection(self.reader.model())
        {
            let mut selected = Vec::with_capacity(rows.len());
            for row in rows {
                if selection.holds(&row.record()?)? {
                    selected.push(row);
                }
            }
            rows = selected;
        }
        self.reader.join(&mut rows)?;
        Ok(rows)
    }
}

fn all_records<'v, R: Resource>() -> WalkSource<'v> {
    WalkSource::Records(KeyRange::prefix(&spaces::records(R::KIND)))
}
