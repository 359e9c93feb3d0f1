//! Filtered lists: the plans by which the records of a page are found.
//!
//! There are three plans, and the one that reads least is taken: the ids that the indexes agree on; the records of one
//! rare value, each looked at; or, with `updated_since`, the changed records, each looked at. A look at a record costs
//! about eight entries of an index.

use uuid::Uuid;

use super::{
    ListPosition, ListQuery, Page,
    reader::{AT_ONCE, Reader, ids_of, page},
    selection::{Ids, Selection},
};
use crate::{
    base::{Error, Id, Timestamp, count},
    engine::{
        keys::{Order, Sequence, damaged_key, spaces},
        schema::{Resource, Row},
    },
    store::{Direction, Key, KeyRange, StoreError, read_instant},
};

/// Names that may be read in any case before looking at the records is taken to cost less.
pub(super) const MANY_NAMES: u64 = 10_000;

/// Entries of an index that cost as much to read as one record.
const ENTRIES_A_RECORD: u64 = 8;

/// The part of a list that a query asks for, filled while the list is walked.
struct PageWindow<'q, R> {
    query: &'q ListQuery<R>,
    /// The place behind which the part begins to be counted.
    after: Option<ListPosition>,
    /// Records of the whole list so far.
    total: u64,
    /// Those behind `after`.
    seen: u64,
    ids: Vec<Uuid>,
}

impl<'q, R> PageWindow<'q, R> {
    fn of(query: &'q ListQuery<R>) -> Self {
        let after = query.after.map(|id| ListPosition::created(id.as_uuid()));
        Self { query, after, total: 0, seen: 0, ids: Vec::new() }
    }

    /// Takes the next record of the list if it is in the window.
    fn pass(&mut self, id: Uuid, place: ListPosition) {
        self.total += 1;
        if self.after.is_some_and(|after| place <= after) {
            return;
        }
        let is_behind_last_page = self.query.not_behind.is_some_and(|end| place > end);
        if (self.seen >= self.query.offset || is_behind_last_page) && self.ids.len() <= self.query.limit {
            self.ids.push(id);
        }
        self.seen += 1;
    }

    /// The id that the walk of a list by creation may begin behind.
    fn starts_after(&self) -> Option<Uuid> {
        // A total counts the records before the page, too.
        if self.query.count { None } else { self.query.after.map(Id::as_uuid) }
    }

    /// True when the rest of the list need not be read: the page is complete, and one more record tells that the list
    /// goes on.
    fn is_full(&self) -> bool {
        !self.query.count && self.ids.len() > self.query.limit
    }

    /// Offset of the end of the page.
    fn end(&self) -> u64 {
        self.query.offset.saturating_add(count(self.query.limit))
    }
}

impl<R: Resource> Reader<'_, R> {
    pub(crate) fn list_selected(
        &self,
        query: &ListQuery<R>,
        selection: &Selection<'_>,
    ) -> Result<Page<Row<R>>, Error> {
        let mut window = PageWindow::of(query);
        let names = MANY_NAMES.saturating_add(window.end().saturating_mul(ENTRIES_A_RECORD));
        // A total needs all selected records, and reading names costs less than reading the records.
        let most = if query.count { u64::MAX } else { names };
        match selection.ids(self.tenant.id, self.snapshot, most)? {
            Some(mut ids) => {
                ids.start_after(window.starts_after());
                while !window.is_full()
                    && let Some(id) = ids.next()?
                {
                    window.pass(id, ListPosition::created(id));
                }
            }
            None => match selection.ids_by_values(self.snapshot)? {
                Some(ids) => self.pass_holding(selection, ids, &mut window)?,
                None => self.pass_all_holding(selection, &mut window)?,
            },
        }
        self.page_of(window)
    }

    /// Walks some records, and takes those that are selected.
    fn pass_holding(
        &self,
        selection: &Selection<'_>,
        mut ids: Ids<'_>,
        window: &mut PageWindow<'_, R>,
    ) -> Result<(), Error> {
        ids.start_after(window.starts_after());
        while !window.is_full() {
            let some = ids.next_many(AT_ONCE)?;
            if some.is_empty() {
                break;
            }
            let places = some.iter().map(|id| (*id, ListPosition::created(*id)));
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
        let mut range = KeyRange::prefix(&spaces::records(R::KIND));
        if let Some(id) = window.starts_after() {
            range = range.from(ListPosition::created(id).behind(R::KIND));
        }
        while !window.is_full() {
            let entries = self.snapshot.scan(&range, Direction::Forward, AT_ONCE)?;
            let Some(last) = entries.last() else { break };
            range = range.from(last.key.successor());
            for row in self.rows_of_records(entries)? {
                if selection.holds(&row.record()?)? {
                    let id = row.id().as_uuid();
                    window.pass(id, ListPosition::created(id));
                }
            }
        }
        Ok(())
    }

    fn pass_rows(
        &self,
        selection: &Selection<'_>,
        listed: &[(Uuid, ListPosition)],
        window: &mut PageWindow<'_, R>,
    ) -> Result<(), Error> {
        let ids: Vec<Uuid> = listed.iter().map(|(id, _)| *id).collect();
        for ((id, place), row) in listed.iter().zip(self.rows(&ids)?) {
            if selection.holds(&row.record()?)? {
                window.pass(*id, *place);
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
        // The list by last change is in the order of instants and the indexes are in the order of ids, so the two
        // cannot be joined: either the selected records are looked at and sorted, or the changed ones are walked.
        let sequence = Sequence::load(R::KIND, Order::Updated, self.snapshot)?;
        let start = spaces::updated(R::KIND, since).successor();
        let changed = sequence.len().saturating_sub(sequence.rank(self.snapshot, &start)?);
        let ids = selection.ids(self.tenant.id, self.snapshot, changed)?;
        let mut window = PageWindow::of(query);
        match ids.map_or(Ok(None), |ids| ids.at_most(changed))? {
            Some(ids) if costs_less(&ids, changed) => {
                let changed = self.changed_of(&ids, since)?.into_iter();
                changed.for_each(|(instant, id)| window.pass(id, ListPosition::changed(instant)));
            }
            Some(ids) => self.pass_changed(start, &mut window, |changed, window| {
                let selected = changed.iter().filter(|(id, _)| ids.binary_search(id).is_ok());
                selected.for_each(|(id, place)| window.pass(*id, *place));
                Ok(())
            })?,
            None => self.pass_changed(start, &mut window, |changed, window| {
                self.pass_rows(selection, changed, window)
            })?,
        }
        self.page_of(window)
    }

    /// The changed ones of some records, in the order of their change.
    fn changed_of(&self, ids: &[Uuid], since: Timestamp) -> Result<Vec<(Timestamp, Uuid)>, Error> {
        let mut changed = Vec::new();
        for ids in ids.chunks(AT_ONCE) {
            for (id, row) in ids.iter().zip(self.rows(ids)?) {
                let updated_at = row.updated_at()?;
                if updated_at > since {
                    changed.push((updated_at, *id));
                }
            }
        }
        changed.sort_unstable();
        Ok(changed)
    }

    /// Walks the changed records in the order of their change, a chunk at a time.
    fn pass_changed<'w>(
        &self,
        start: Key,
        window: &mut PageWindow<'w, R>,
        mut pass: impl FnMut(&[(Uuid, ListPosition)], &mut PageWindow<'w, R>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let all = spaces::all_updated(R::KIND);
        let mut range = KeyRange::prefix(&all).from(start);
        while !window.is_full() {
            let entries = self.snapshot.scan(&range, Direction::Forward, AT_ONCE)?;
            let Some(last) = entries.last() else { break };
            range = range.from(last.key.successor());
            let changed = entries.iter().zip(ids_of(&entries)?).map(|(entry, id)| {
                let instant = entry.key.after(&all).and_then(read_instant).ok_or_else(damaged_key)?;
                Ok((id, ListPosition::changed(instant)))
            });
            pass(&changed.collect::<Result<Vec<_>, StoreError>>()?, window)?;
        }
        Ok(())
    }

    fn page_of(&self, window: PageWindow<'_, R>) -> Result<Page<Row<R>>, Error> {
        let total = if window.query.count { Some(window.total) } else { None };
        Ok(page(self.rows(&window.ids)?, window.query.limit, total))
    }
}

/// True when looking at each of some records costs less than walking all changed ones.
fn costs_less(ids: &[Uuid], changed: u64) -> bool {
    count(ids.len()).saturating_mul(ENTRIES_A_RECORD) <= changed
}
