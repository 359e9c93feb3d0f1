//! Lists that a selection narrows: which records stand in a page, found with as little reading as there is a way to.

use uuid::Uuid;

use super::{
    Collection, ListQuery, Page, Resource,
    collection::{AT_ONCE, damaged_key, ids_of, page},
    selection::{Ids, Selection},
    sequence::{Order, Sequence},
    spaces,
};
use crate::{
    base::{Error, Timestamp},
    store::{Direction, Key, KeyRange, Snapshot, read_uuid},
};

/// Names that are read at least before it is thought that so many records have one that looking at records is less.
const MANY_NAMES: u64 = 10_000;

/// A record costs about so many index entries to read.
const ENTRIES_A_RECORD: u64 = 8;

/// The part of a list that is wanted, while its records go by.
struct Window<'q> {
    query: &'q ListQuery,
    seen: u64,
    ids: Vec<Uuid>,
}

impl<'q> Window<'q> {
    fn of(query: &'q ListQuery) -> Self {
        Self { query, seen: 0, ids: Vec::new() }
    }

    /// Lets the next record of the list go by.
    fn pass(&mut self, id: Uuid) {
        if self.seen >= self.query.offset && self.ids.len() <= self.query.limit {
            self.ids.push(id);
        }
        self.seen += 1;
    }

    /// Whether nothing more of the list is of interest: the page is there, and one more to tell that the list goes on.
    fn is_full(&self) -> bool {
        !self.query.count && self.ids.len() > self.query.limit
    }

    /// Up to the end of the page.
    fn end(&self) -> u64 {
        self.query.offset.saturating_add(u64::try_from(self.query.limit).unwrap_or(u64::MAX))
    }
}

impl<R: Resource> Collection<'_, R> {
    pub(crate) fn list_selected(
        &self,
        snapshot: &dyn Snapshot,
        query: &ListQuery,
        selection: &Selection,
    ) -> Result<Page<R>, Error> {
        let mut window = Window::of(query);
        let names = MANY_NAMES.saturating_add(window.end().saturating_mul(ENTRIES_A_RECORD));
        let most = if query.count { u64::MAX } else { names };
        match selection.ids(self.session.tenant().id, snapshot, most)? {
            Some(mut ids) => {
                while !window.is_full()
                    && let Some(id) = ids.next()?
                {
                    window.pass(id);
                }
            }
            None => match selection.ids_by_values(snapshot)? {
                Some(ids) => self.pass_holding(snapshot, selection, ids, &mut window)?,
                None => self.pass_all_holding(snapshot, selection, &mut window)?,
            },
        }
        self.page_of(snapshot, window)
    }

    /// Lets those of some records pass that are selected.
    fn pass_holding(
        &self,
        snapshot: &dyn Snapshot,
        selection: &Selection,
        mut ids: Ids<'_>,
        window: &mut Window<'_>,
    ) -> Result<(), Error> {
        while !window.is_full() {
            let some = ids.next_many(AT_ONCE)?;
            if some.is_empty() {
                break;
            }
            self.pass_rows(snapshot, selection, &some, window)?;
        }
        Ok(())
    }

    /// Lets those of all records pass that are selected.
    fn pass_all_holding(
        &self,
        snapshot: &dyn Snapshot,
        selection: &Selection,
        window: &mut Window<'_>,
    ) -> Result<(), Error> {
        let all = spaces::records(R::KIND);
        let mut range = KeyRange::prefix(&all);
        while !window.is_full() {
            let entries = snapshot.scan(&range, Direction::Forward, AT_ONCE)?;
            let Some(last) = entries.last() else { break };
            range = range.from(last.key.successor());
            for entry in entries {
                let id = entry.key.after(&all).and_then(read_uuid).ok_or_else(damaged_key)?;
                if selection.holds(&self.row(id, entry.value).record()?) {
                    window.pass(id);
                }
            }
        }
        Ok(())
    }

    fn pass_rows(
        &self,
        snapshot: &dyn Snapshot,
        selection: &Selection,
        ids: &[Uuid],
        window: &mut Window<'_>,
    ) -> Result<(), Error> {
        for (id, row) in ids.iter().zip(self.rows(snapshot, ids)?) {
            if selection.holds(&row.record()?) {
                window.pass(*id);
            }
        }
        Ok(())
    }

    /// Goes by whichever is less: what is selected, or what has changed.
    pub(crate) fn list_selected_updated(
        &self,
        snapshot: &dyn Snapshot,
        query: &ListQuery,
        since: Timestamp,
        selection: &Selection,
    ) -> Result<Page<R>, Error> {
        let sequence = Sequence::load(R::KIND, Order::Updated, snapshot)?;
        let start = spaces::updated(R::KIND, since).successor();
        let changed = sequence.len().saturating_sub(sequence.rank(snapshot, &start)?);
        let ids = selection.ids(self.session.tenant().id, snapshot, changed)?;
        let mut window = Window::of(query);
        match ids.map_or(Ok(None), |ids| ids.at_most(changed))? {
            Some(ids) if costs_less(&ids, changed) => {
                self.changed_of(snapshot, &ids, since)?.into_iter().for_each(|id| window.pass(id));
            }
            Some(ids) => self.pass_changed(snapshot, start, &mut window, |changed, window| {
                let selected = changed.iter().filter(|id| ids.binary_search(id).is_ok());
                selected.for_each(|id| window.pass(*id));
                Ok(())
            })?,
            None => self.pass_changed(snapshot, start, &mut window, |changed, window| {
                self.pass_rows(snapshot, selection, changed, window)
            })?,
        }
        self.page_of(snapshot, window)
    }

    /// Those of some records that have changed, in the order of their change.
    fn changed_of(
        &self,
        snapshot: &dyn Snapshot,
        ids: &[Uuid],
        since: Timestamp,
    ) -> Result<Vec<Uuid>, Error> {
        let mut changed = Vec::new();
        for ids in ids.chunks(AT_ONCE) {
            for (id, row) in ids.iter().zip(self.rows(snapshot, ids)?) {
                let updated_at = row.updated_at()?;
                changed.extend((updated_at > since).then_some((updated_at, *id)));
            }
        }
        changed.sort_unstable();
        Ok(changed.into_iter().map(|(_, id)| id).collect())
    }

    /// Goes by the records that have changed, some at a time, in the order of their change.
    fn pass_changed<'w>(
        &self,
        snapshot: &dyn Snapshot,
        start: Key,
        window: &mut Window<'w>,
        mut pass: impl FnMut(&[Uuid], &mut Window<'w>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut range = KeyRange::prefix(&spaces::all_updated(R::KIND)).from(start);
        while !window.is_full() {
            let entries = snapshot.scan(&range, Direction::Forward, AT_ONCE)?;
            let Some(last) = entries.last() else { break };
            range = range.from(last.key.successor());
            pass(&ids_of(&entries)?, window)?;
        }
        Ok(())
    }

    fn page_of(&self, snapshot: &dyn Snapshot, window: Window<'_>) -> Result<Page<R>, Error> {
        let total = window.query.count.then_some(window.seen);
        Ok(page(self.rows(snapshot, &window.ids)?, window.query.limit, total))
    }
}

/// Whether to look at each of some records costs less than to go by all that has changed.
fn costs_less(ids: &[Uuid], changed: u64) -> bool {
    u64::try_from(ids.len()).is_ok_and(|count| count.saturating_mul(ENTRIES_A_RECORD) <= changed)
}
