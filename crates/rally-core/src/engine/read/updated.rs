//! Filtered lists in the order of their last change.
//!
//! The list by last change is in the order of instants and the indexes are in the order of numbers, so the two cannot be
//! joined: either the selected records are looked at and sorted, or the changed ones are walked and looked for among the
//! selected, whichever costs less. A look at a record costs about eight entries of a list.

use super::{
    ListPosition, ListQuery, Page,
    filtered::{ENTRIES_A_RECORD, Listed, PageWindow},
    reader::{AT_ONCE, Reader, numbers_of},
    selection::Selection,
};
use crate::{
    base::{Error, RecordNumber, Timestamp, count},
    engine::{
        codec::ChunkNumber,
        keys::{FEWEST, Lists, Numbered, damaged_key, spaces},
        schema::{Resource, Row},
    },
    store::{Direction, Key, KeyRange, StoreError, read_instant},
};

/// Entries of a list that cost as much to read as one chunk of a set.
const ENTRIES_A_CHUNK: u64 = 4;

/// Chunks of selected records that are kept in memory at the most: 2 MiB.
const MOST_CHUNKS: u64 = 1 << 14;

/// A list by last change, in two parts.
struct Changes {
    all: Key,
    /// The first place of the later part.
    start: Key,
    earlier: u64,
    later: u64,
}

/// The selected records of a list by last change.
struct Selected<'q> {
    selection: &'q Selection<'q>,
    /// The records, if it costs little to know all of them.
    known: Option<Vec<Numbered>>,
}

impl Changes {
    /// The entries of the later part that are read for a page and the total, if the selected records are spread evenly.
    fn cost<R>(&self, query: &ListQuery<R>, selected: u64) -> u64 {
        let end = query.offset.saturating_add(count(query.limit)).saturating_add(1);
        let all = self.earlier + self.later;
        let page = end.saturating_mul(all).checked_div(selected).unwrap_or(all).min(self.later);
        if query.count { page + self.earlier.min(self.later) } else { page }
    }

    fn range_of_later(&self) -> KeyRange {
        KeyRange::prefix(&self.all).from(self.start.clone())
    }

    fn range_of_earlier(&self) -> KeyRange {
        KeyRange::prefix(&self.all).until(self.start.clone())
    }
}

impl Selected<'_> {
    fn len(&self) -> Option<u64> {
        self.known.as_ref().map(|known| known.iter().map(|(_, chunk)| chunk.len()).sum())
    }

    /// True when a record is one of those that are known.
    fn has(known: &[Numbered], number: RecordNumber) -> bool {
        let (chunk, place) = ChunkNumber::of(number);
        let at = known.binary_search_by_key(&chunk, |(number, _)| *number).ok();
        at.and_then(|at| known.get(at)).is_some_and(|(_, chunk)| chunk.contains(place))
    }
}

impl<R: Resource> Reader<'_, R> {
    /// Lists selected records by their last change.
    pub(super) fn list_selected_updated(
        &self,
        query: &ListQuery<R>,
        since: Timestamp,
        selection: &Selection<'_>,
    ) -> Result<Page<Row<R>>, Error> {
        let changes = self.changes_since(since)?;
        let selected = self.selected_among(&changes, selection)?;
        let mut window = PageWindow::of(query, RecordNumber::FIRST);
        let Some((known, len)) = selected.known.as_ref().zip(selected.len()) else {
            self.pass_changed(changes.range_of_later(), &selected, &mut window)?;
            return self.page_of(window);
        };
        if len.saturating_mul(ENTRIES_A_RECORD) <= changes.cost(query, len) {
            let changed = self.changed_of(known, since)?.into_iter();
            changed.for_each(|(instant, number)| window.pass(number, ListPosition::changed(instant)));
            return self.page_of(window);
        }
        // Of the selected records, those that have changed later are all but those that have not.
        let is_rest_counted = query.count && changes.earlier < changes.later;
        window.is_counting = query.count && !is_rest_counted;
        self.pass_changed(changes.range_of_later(), &selected, &mut window)?;
        if is_rest_counted {
            let mut earlier = PageWindow::of(query, RecordNumber::FIRST);
            self.pass_changed(changes.range_of_earlier(), &selected, &mut earlier)?;
            window.total = len.saturating_sub(earlier.total);
        }
        self.page_of(window)
    }

    fn changes_since(&self, since: Timestamp) -> Result<Changes, StoreError> {
        let changes = Lists::load(R::KIND, self.snapshot)?.changes;
        let start = spaces::updated(R::KIND, since).successor();
        let earlier = changes.rank(self.snapshot, &start)?;
        let later = changes.len().saturating_sub(earlier);
        Ok(Changes { all: spaces::all_updated(R::KIND), start, earlier, later })
    }

    fn selected_among<'q>(
        &self,
        changes: &Changes,
        selection: &'q Selection<'q>,
    ) -> Result<Selected<'q>, Error> {
        let numbers = selection.numbers(self.tenant.id, self.snapshot, changes.later, FEWEST)?;
        let most = (changes.later / ENTRIES_A_CHUNK).min(MOST_CHUNKS);
        let known = numbers.map_or(Ok(None), |numbers| numbers.chunks_at_most(most))?;
        Ok(Selected { selection, known })
    }

    /// The changed ones of some records, in the order of their change.
    fn changed_of(
        &self,
        records: &[Numbered],
        since: Timestamp,
    ) -> Result<Vec<(Timestamp, RecordNumber)>, Error> {
        let numbers = records.iter().flat_map(|(number, chunk)| chunk.places().map(|place| number.at(place)));
        let numbers: Vec<RecordNumber> = numbers.collect();
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

    /// Walks the records of a part of the list, some at a time, and takes those that are selected.
    fn pass_changed(
        &self,
        mut range: KeyRange,
        selected: &Selected<'_>,
        window: &mut PageWindow<'_, R>,
    ) -> Result<(), Error> {
        let all = spaces::all_updated(R::KIND);
        while !window.is_full() {
            let entries = self.snapshot.scan(&range, Direction::Forward, AT_ONCE)?;
            let Some(last) = entries.last() else { break };
            range = range.from(last.key.successor());
            let changed = entries.iter().zip(numbers_of(&entries)?).map(|(entry, number)| {
                let instant = entry.key.after(&all).and_then(read_instant).ok_or_else(damaged_key)?;
                Ok((number, ListPosition::changed(instant)))
            });
            self.pass_selected(selected, &changed.collect::<Result<Vec<_>, StoreError>>()?, window)?;
        }
        Ok(())
    }

    fn pass_selected(
        &self,
        selected: &Selected<'_>,
        changed: &[Listed],
        window: &mut PageWindow<'_, R>,
    ) -> Result<(), Error> {
        if let Some(known) = &selected.known {
            let chosen = changed.iter().filter(|(number, _)| Selected::has(known, *number));
            chosen.for_each(|(number, place)| window.pass(*number, *place));
            return Ok(());
        }
        let numbers = changed.iter().map(|(number, _)| *number);
        let is_chosen = selected.selection.chosen(self.snapshot, numbers)?;
        let chosen = changed.iter().zip(is_chosen).filter(|(_, is_chosen)| *is_chosen).map(|(at, _)| *at);
        if selected.selection.is_of_names() {
            return self.pass_rows(selected.selection, &chosen.collect::<Vec<_>>(), window);
        }
        chosen.for_each(|(number, place)| window.pass(number, place));
        Ok(())
    }
}
