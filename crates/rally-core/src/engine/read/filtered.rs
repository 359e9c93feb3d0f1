//! Filtered lists in the order of creation: the page is filled from the numbers that the indexes agree on. Records are
//! looked at only for a name that is longer than what the indexes keep of it, where very many names begin like it.

use super::{
    ListPosition, ListQuery, Page,
    reader::{AT_ONCE, Reader, page},
    selection::Selection,
};
use crate::{
    base::{Error, RecordNumber, count},
    engine::{
        codec::{Chunk, ChunkNumber},
        keys::{FEWEST, MOST, Numbers},
        schema::{Resource, Row},
    },
};

/// Long names that may be read in any case before looking at the records is taken to cost less.
pub(super) const MANY_NAMES: u64 = 10_000;

/// Entries of a list that cost as much to read as one record.
pub(super) const ENTRIES_A_RECORD: u64 = 8;

/// A record of a list, and its place there.
pub(super) type Listed = (RecordNumber, ListPosition);

/// The part of a list that a query asks for, filled while the list is walked.
pub(super) struct PageWindow<'q, R> {
    query: &'q ListQuery<R>,
    /// The number from which on the part begins to be counted.
    first: RecordNumber,
    /// True as long as records behind the page are counted.
    pub(super) is_counting: bool,
    /// Records of the whole list so far.
    pub(super) total: u64,
    /// Those from `first` on.
    seen: u64,
    numbers: Vec<RecordNumber>,
}

impl<'q, R> PageWindow<'q, R> {
    pub(super) fn of(query: &'q ListQuery<R>, first: RecordNumber) -> Self {
        Self { query, first, is_counting: query.count, total: 0, seen: 0, numbers: Vec::new() }
    }

    /// Takes the next record of the list if it is in the window.
    pub(super) fn pass(&mut self, number: RecordNumber, place: ListPosition) {
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
    pub(super) fn is_full(&self) -> bool {
        !self.is_counting && !self.has_room()
    }

    /// Offset of the end of the page.
    pub(super) fn end(&self) -> u64 {
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
            None => {
                let candidates =
                    selection.candidates(self.tenant.id, self.snapshot, window.chunks_ahead())?;
                self.pass_holding(selection, candidates, &mut window)?;
            }
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

    pub(super) fn pass_rows(
        &self,
        selection: &Selection<'_>,
        listed: &[Listed],
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

    pub(super) fn page_of(&self, window: PageWindow<'_, R>) -> Result<Page<Row<R>>, Error> {
        let total = if window.query.count { Some(window.total) } else { None };
        Ok(page(self.rows(&window.numbers)?, window.query.limit, total))
    }
}
