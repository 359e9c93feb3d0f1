//! Filtered lists: the plans by which the records of a page are found.
//!
//! There are three plans, and the one that reads least is taken: the numbers that the indexes agree on; the records of
//! some values, each looked at for its name; or, with `updated_since`, the changed records. A look at a record costs about
//! eight entries of a list.

use super::{
    ListPosition, ListQuery, Page,
    reader::{AT_ONCE, Reader, numbers_of, page},
    selection::Selection,
};
use crate::{
    base::{Error, RecordNumber, Timestamp, count},
    engine::{
        codec::{Chunk, ChunkNumber},
        keys::{FEWEST, Lists, MOST, Numbers, damaged_key, spaces},
        schema::{Resource, Row},
    },
    store::{Direction, Key, KeyRange, StoreError, read_instant},
};

/// Names that may be read in any case before looking at the records is taken to cost less.
pub(super) const MANY_NAMES: u64 = 10_000;

/// Entries of a list that cost as much to read as one record.
const ENTRIES_A_RECORD: u64 = 8;

/// A record of a list by last change, and its place there.
type Changed = (RecordNumber, ListPosition);

/// The part of a list that a query asks for, filled while the list is walked.
struct PageWindow<'q, R> {
    query: &'q ListQuery<R>,
    /// The number from which on the part begins to be counted.
    first: RecordNumber,
    /// Records of the whole list so far.
    total: u64,
    /// Those from `first` on.
    seen: u64,
    numbers: Vec<RecordNumber>,
}

impl<'q, R> PageWindow<'q, R> {
    fn of(query: &'q ListQuery<R>, first: RecordNumber) -> Self {
        Self { query, first, total: 0, seen: 0, numbers: Vec::new() }
    }

    /// Takes the next record of the list if it is in the window.
    fn pass(&mut self, number: RecordNumber, place: ListPosition) {
        self.total += 1;
        if number < self.first {
            return;
        }
        let is_behind_last_page = self.query.not_behind.is_some_and(|end| place > end);
        if (self.seen >= self.query.offset || is_behind_last_page) && self.has_room() {
            self.numbers.push(number);
        }
        self.seen += 1;
    }

    /// [`pass`](Self::pass) of the records of a chunk, in a list by creation. One that lies before the window, or behind
    /// it, is only counted.
    fn pass_chunk(&mut self, number: ChunkNumber, chunk: Chunk) {
        let here = chunk.len();
        let (split, _) = ChunkNumber::of(self.first);
        if number < split {
            self.total += here;
            return;
        }
        let last = chunk.last().map(|place| ListPosition::created(number.at(place)));
        let is_before = self.seen + here <= self.query.offset
            && self.query.not_behind.is_none_or(|end| last.is_some_and(|last| last <= end));
        if number > split && (is_before || !self.has_room()) {
            self.total += here;
            self.seen += here;
            return;
        }
        for place in chunk.places() {
            let number = number.at(place);
            self.pass(number, ListPosition::created(number));
        }
    }

    fn has_room(&self) -> bool {
        self.numbers.len() <= self.query.limit
    }

    /// The number that the walk of a list by creation may begin at.
    fn starts_at(&self) -> RecordNumber {
        // A total counts the records before the page, too.
        if self.query.count { RecordNumber::FIRST } else { self.first }
    }

    /// True when the rest of the list need not be read: the page is complete, and one more record tells that the list
    /// goes on.
    fn is_full(&self) -> bool {
        !self.query.count && !self.has_room()
    }

    /// Offset of the end of the page.
    fn end(&self) -> u64 {
        self.query.offset.saturating_add(count(self.query.limit))
    }

    /// Chunks that the first scan of an index reads.
    fn chunks_ahead(&self) -> usize {
        if self.query.count { MOST } else { FEWEST }
    }
}

impl<R: Resource> Reader<'_, R> {
    pub(crate) fn list_selected(
        &self,
        query: &ListQuery<R>,
        selection: &Selection<'_>,
    ) -> Result<Page<Row<R>>, Error> {
        let mut window = PageWindow::of(query, self.first_after(query.after)?);
        let names = MANY_NAMES.saturating_add(window.end().saturating_mul(ENTRIES_A_RECORD));
        // A total needs all selected records, and reading names costs less than reading the records.
        let most = if query.count { u64::MAX } else { names };
        match selection.numbers(self.tenant.id, self.snapshot, most, window.chunks_ahead())? {
            Some(mut numbers) => {
                numbers.start_at(window.starts_at());
                while !window.is_full()
                    && let Some((number, chunk)) = numbers.next_chunk()?
                {
                    window.pass_chunk(number, chunk);
                }
            }
            None => match selection.numbers_by_values(self.snapshot)? {
                Some(numbers) => self.pass_holding(selection, numbers, &mut window)?,
                None => self.pass_all_holding(selection, &mut window)?,
            },
        }
        self.page_of(window)
    }

    /// Walks some records, and takes those that are selected.
    fn pass_holding(
        &self,
        selection: &Selection<'_>,
        mut numbers: Numbers<'_>,
        window: &mut PageWindow<'_, R>,
    ) -> Result<(), Error> {
        numbers.start_at(window.starts_at());
        while !window.is_full() {
            let some = numbers.next_many(AT_ONCE)?;
            if some.is_empty() {
                break;
            }
            let places = some.iter().map(|number| (*number, ListPosition::created(*number)));
            self.pass_rows(selection, &places.collect::<Vec<_>>(), window)?;
        }
        Ok(())
    }

    /// Walks all records, and takes those that are selected.
    fn pass_all_holding(
        &self,
        selection: &Selection<'_>,
        window: &mut PageWindow<'_, R>,
    ) -> Result<(), Error> {
        let mut from = window.starts_at();
        while !window.is_full() {
            let rows = self.rows_from(from, AT_ONCE)?;
            let Some(last) = rows.last() else { break };
            from = RecordNumber::of(last.id().as_uuid()).next();
            for row in rows {
                if selection.holds(&row.record()?)? {
                    let number = RecordNumber::of(row.id().as_uuid());
                    window.pass(number, ListPosition::created(number));
                }
            }
        }
        Ok(())
    }

    fn pass_rows(
        &self,
        selection: &Selection<'_>,
        listed: &[Changed],
        window: &mut PageWindow<'_, R>,
    ) -> Result<(), Error> {
        let numbers: Vec<RecordNumber> = listed.iter().map(|(number, _)| *number).collect();
        for ((number, place), row) in listed.iter().zip(self.rows(&numbers)?) {
            if selection.holds(&row.record()?)? {
                window.pass(*number, *place);
            }
        }
        Ok(())
    }

    /// Lists selected records by their last change: walks the selected ones or the changed ones, whichever costs less.
    pub(crate) fn list_selected_updated(
        &self,
        query: &ListQuery<R>,
        since: Timestamp,
        selection: &Selection<'_>,
    ) -> Result<Page<Row<R>>, Error> {
        // The list by last change is in the order of instants and the indexes are in the order of numbers, so the two
        // cannot be joined: either the selected records are looked at and sorted, or the changed ones are walked and
        // looked for in the indexes.
        let changes = Lists::load(R::KIND, self.snapshot)?.changes;
        let start = spaces::updated(R::KIND, since).successor();
        let changed = changes.len().saturating_sub(changes.rank(self.snapshot, &start)?);
        let mut window = PageWindow::of(query, RecordNumber::FIRST);
        let few = changed / ENTRIES_A_RECORD;
        let numbers = selection.numbers(self.tenant.id, self.snapshot, changed, FEWEST)?;
        // Names that were read are kept, as they are in no order that they could be looked for in; other selected records
        // are looked for in chunks of the indexes.
        let kept = if selection.is_of_names() { changed } else { few };
        match numbers.map_or(Ok(None), |numbers| numbers.at_most(kept))? {
            Some(numbers) if count(numbers.len()) <= few => {
                let changed = self.changed_of(&numbers, since)?.into_iter();
                changed.for_each(|(instant, number)| window.pass(number, ListPosition::changed(instant)));
            }
            Some(numbers) => self.pass_changed(start, &mut window, |changed, window| {
                let chosen = changed.iter().filter(|(number, _)| numbers.binary_search(number).is_ok());
                chosen.for_each(|(number, place)| window.pass(*number, *place));
                Ok(())
            })?,
            None => self.pass_changed(start, &mut window, |changed, window| {
                let chosen = selection.chosen(self.snapshot, changed.iter().map(|(number, _)| *number))?;
                let chosen =
                    changed.iter().zip(chosen).filter(|(_, is_chosen)| *is_chosen).map(|(at, _)| *at);
                if selection.is_of_names() {
                    return self.pass_rows(selection, &chosen.collect::<Vec<_>>(), window);
                }
                chosen.for_each(|(number, place)| window.pass(number, place));
                Ok(())
            })?,
        }
        self.page_of(window)
    }

    /// The changed ones of some records, in the order of their change.
    fn changed_of(
        &self,
        numbers: &[RecordNumber],
        since: Timestamp,
    ) -> Result<Vec<(Timestamp, RecordNumber)>, Error> {
        let mut changed = Vec::new();
        for numbers in numbers.chunks(AT_ONCE) {
            for (number, row) in numbers.iter().zip(self.rows(numbers)?) {
                let updated_at = row.updated_at()?;
                if updated_at > since {
                    changed.push((updated_at, *number));
                }
            }
        }
        changed.sort_unstable();
        Ok(changed)
    }

    /// Walks the changed records in the order of their change, some at a time.
    fn pass_changed<'w>(
        &self,
        start: Key,
        window: &mut PageWindow<'w, R>,
        mut pass: impl FnMut(&[Changed], &mut PageWindow<'w, R>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let all = spaces::all_updated(R::KIND);
        let mut range = KeyRange::prefix(&all).from(start);
        while !window.is_full() {
            let entries = self.snapshot.scan(&range, Direction::Forward, AT_ONCE)?;
            let Some(last) = entries.last() else { break };
            range = range.from(last.key.successor());
            let changed = entries.iter().zip(numbers_of(&entries)?).map(|(entry, number)| {
                let instant = entry.key.after(&all).and_then(read_instant).ok_or_else(damaged_key)?;
                Ok((number, ListPosition::changed(instant)))
            });
            pass(&changed.collect::<Result<Vec<_>, StoreError>>()?, window)?;
        }
        Ok(())
    }

    fn page_of(&self, window: PageWindow<'_, R>) -> Result<Page<Row<R>>, Error> {
        let total = if window.query.count { Some(window.total) } else { None };
        Ok(page(self.rows(&window.numbers)?, window.query.limit, total))
    }
}
