//! Ends of pages that were read by offset, so that the next page of a walk leaves out nothing that stayed.
//!
//! They are kept in this process alone, for a bounded time and in bounded room; a walk whose end is not known here goes on
//! by counting. Of one list of a caller there may be several walks at once, which cannot be told apart: a page begins at
//! the earliest end that any of them had, so that none of them skips a record.

use std::{
    collections::{HashMap, VecDeque, hash_map::RandomState},
    hash::BuildHasher,
    time::Duration,
};

use parking_lot::Mutex;
use rally_core::{Caller, Kind, ListPosition, ListQuery, Page, Session, TenantId, Timestamp, schema::Row};
use uuid::Uuid;

use crate::limits;

/// Bounds of what is remembered of walks by offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WalkMemory {
    /// Credentials whose walks are remembered; of more, those that have walked last. 0 to remember nothing.
    pub callers: usize,
    /// Lists of one credential, each with its own filters, that are remembered; of more, those that were read last.
    pub lists: usize,
    /// Pages of one list whose ends are remembered; of more, those that were read last.
    pub pages: usize,
    /// The time for which the end of a page is remembered.
    pub life: Duration,
}

impl Default for WalkMemory {
    fn default() -> Self {
        Self {
            callers: limits::WALK_CALLERS,
            lists: limits::WALK_LISTS,
            pages: limits::WALK_PAGES,
            life: limits::WALK_LIFE,
        }
    }
}

/// The walks of all callers.
#[derive(Debug)]
pub(crate) struct Walks {
    bounds: WalkMemory,
    life_micros: i64,
    hasher: RandomState,
    callers: Mutex<Callers>,
}

#[derive(Debug, Default)]
struct Callers {
    walks: HashMap<(TenantId, Uuid), CallerWalks>,
    notes: u64,
}

/// The lists that a caller walks, the one read last at the end.
#[derive(Debug, Default)]
struct CallerWalks {
    last_note: u64,
    lists: VecDeque<WalkedList>,
}

#[derive(Debug)]
struct WalkedList {
    name: ListName,
    /// The ends of its pages, the one read last at the end.
    ends: VecDeque<PageEnd>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct PageEnd {
    /// The offset at which the next page is asked for.
    offset: u64,
    end: ListPosition,
    /// True when the list ended with the page.
    is_last: bool,
    read_at: Timestamp,
}

/// The name of a caller's list: a digest of what is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ListName {
    kind: Kind,
    asked: u64,
}

/// A list as one caller asks for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WalkId {
    caller: (TenantId, Uuid),
    list: ListName,
}

impl Walks {
    pub(crate) fn new(bounds: WalkMemory) -> Self {
        let life_micros = i64::try_from(bounds.life.as_micros()).unwrap_or(i64::MAX);
        Self { bounds, life_micros, hasher: RandomState::new(), callers: Mutex::default() }
    }

    /// The list of a kind that a caller asks for by these parameters, in any order; `None` for a caller who has no id.
    pub(crate) fn id(
        &self,
        session: &Session,
        kind: Kind,
        mut asked: Vec<(String, String)>,
    ) -> Option<WalkId> {
        let caller = match session.caller() {
            Caller::ApiKey { id, .. } | Caller::User { id, .. } => *id,
            Caller::Host { .. } => return None,
        };
        asked.sort_unstable();
        let list = ListName { kind, asked: self.hasher.hash_one(asked) };
        Some(WalkId { caller: (session.tenant().id, caller), list })
    }

    /// The earliest end of a page of a list behind which the page at an offset is asked for.
    pub(crate) fn end_before(&self, walk: &WalkId, offset: u64, now: Timestamp) -> Option<ListPosition> {
        let callers = self.callers.lock();
        let lists = &callers.walks.get(&walk.caller)?.lists;
        let list = lists.iter().find(|list| list.name == walk.list)?;
        let ends = list.ends.iter().filter(|end| end.offset == offset && self.is_alive(end, now));
        ends.map(|end| end.end).min()
    }

    /// Remembers the end of a page that was asked for at an offset.
    pub(crate) fn note<R>(&self, walk: &WalkId, asked: &ListQuery<R>, page: &Page<Row<R>>, now: Timestamp) {
        let Some(end) = page.end else { return };
        for offset in next_offsets(asked, page) {
            self.note_end(walk, PageEnd { offset, end, is_last: !page.has_more, read_at: now });
        }
    }

    fn note_end(&self, walk: &WalkId, end: PageEnd) {
        let mut callers = self.callers.lock();
        let lists = callers.lists_of(walk.caller);
        let known = lists.iter().position(|list| list.name == walk.list);
        let list = known.and_then(|place| lists.remove(place));
        let mut list = list.unwrap_or_else(|| WalkedList { name: walk.list, ends: VecDeque::new() });
        list.ends.retain(|old| self.is_alive(old, end.read_at) && !end.replaces(old));
        list.ends.push_back(end);
        keep_last(&mut list.ends, self.bounds.pages);
        lists.push_back(list);
        keep_last(lists, self.bounds.lists);
        callers.keep_last(self.bounds.callers);
    }

    fn is_alive(&self, end: &PageEnd, now: Timestamp) -> bool {
        now < end.read_at.plus_micros(self.life_micros)
    }
}

impl PageEnd {
    /// True when an older end is of no use beside this one: it is no earlier, or it was the end of a list which has grown
    /// since, and whose walk is over.
    fn replaces(&self, old: &Self) -> bool {
        self.offset == old.offset && (old.end >= self.end || (old.is_last && !self.is_last))
    }
}

/// The offsets at which the next page may be asked for: by clients that add the number of records to the offset, and by
/// those that add the limit, even behind the last page.
fn next_offsets<R>(asked: &ListQuery<R>, page: &Page<Row<R>>) -> Vec<u64> {
    let mut steps = vec![asked.limit, page.records.len()];
    steps.dedup();
    let steps = steps.into_iter().filter_map(|step| u64::try_from(step).ok());
    steps.map(|step| asked.offset.saturating_add(step)).collect()
}

impl Callers {
    /// The lists of a caller, who is the last one noted now.
    fn lists_of(&mut self, caller: (TenantId, Uuid)) -> &mut VecDeque<WalkedList> {
        self.notes = self.notes.saturating_add(1);
        let walks = self.walks.entry(caller).or_default();
        walks.last_note = self.notes;
        &mut walks.lists
    }

    /// Forgets those who have walked longest ago, if there are more than `most`.
    fn keep_last(&mut self, most: usize) {
        if self.walks.len() <= most {
            return;
        }
        // A quarter of them goes with the one that is too many, so that this is seldom done.
        let kept = most.saturating_sub(most / 4);
        let mut notes: Vec<u64> = self.walks.values().map(|walks| walks.last_note).collect();
        notes.sort_unstable_by(|one, other| other.cmp(one));
        let oldest = kept.checked_sub(1).and_then(|last| notes.get(last)).copied();
        self.walks.retain(|_, walks| oldest.is_some_and(|oldest| walks.last_note >= oldest));
    }
}

fn keep_last<T>(items: &mut VecDeque<T>, most: usize) {
    items.drain(..items.len().saturating_sub(most));
}

#[cfg(test)]
mod tests {
    use rally_core::{Contact, ContactDraft, Engine, Query, TenantDraft, store::MemoryStore};

    use super::*;

    /// The places of three records in the order of their creation.
    fn places() -> [ListPosition; 3] {
        let engine = Engine::new(MemoryStore::new());
        let acme = engine.create_tenant(&TenantDraft::new("acme")).unwrap().trusted_session("test").unwrap();
        ["a", "b", "c"].map(|name| {
            let draft = ContactDraft::new("A", "B", format!("{name}@x.example"));
            let id = acme.contacts().create(&draft).unwrap().id;
            acme.contacts()
                .list(Query::from(Contact::EMAIL.is(format!("{name}@x.example"))))
                .unwrap()
                .end
                .unwrap_or_else(|| panic!("{id} is listed"))
        })
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn end(offset: u64, end: ListPosition, read_at: Timestamp) -> PageEnd {
        PageEnd { offset, end, is_last: false, read_at }
    }

    fn walk(caller: u128, asked: u64) -> WalkId {
        let tenant = TenantId::from_uuid(Uuid::from_u128(1));
        WalkId { caller: (tenant, Uuid::from_u128(caller)), list: ListName { kind: Kind::Contact, asked } }
    }

    fn walks(callers: usize, lists: usize, pages: usize) -> Walks {
        Walks::new(WalkMemory { callers, lists, pages, life: Duration::from_secs(60) })
    }

    #[test]
    fn of_several_walks_the_earliest_end_counts_until_its_time_is_over() {
        let ([a, b, c], walks) = (places(), walks(9, 9, 9));
        walks.note_end(&walk(1, 1), end(100, b, at(0)));
        walks.note_end(&walk(1, 1), end(100, c, at(30)));
        assert_eq!(walks.end_before(&walk(1, 1), 100, at(59)), Some(b));
        assert_eq!(walks.end_before(&walk(1, 1), 100, at(60)), Some(c));
        assert_eq!(walks.end_before(&walk(1, 1), 100, at(90)), None);
        walks.note_end(&walk(1, 1), end(100, a, at(80)));
        walks.note_end(&walk(1, 1), end(100, b, at(81)));
        assert_eq!(walks.end_before(&walk(1, 1), 100, at(82)), Some(a));
        for (walk, offset) in [(walk(1, 1), 99), (walk(1, 2), 100), (walk(2, 1), 100)] {
            assert_eq!(walks.end_before(&walk, offset, at(82)), None);
        }
    }

    #[test]
    fn the_end_of_a_list_counts_until_the_list_has_grown_beyond_it_for_another_walk() {
        let ([a, b, c], walks) = (places(), walks(9, 9, 9));
        let last = |place| PageEnd { is_last: true, ..end(100, place, at(0)) };
        walks.note_end(&walk(1, 1), last(a));
        walks.note_end(&walk(1, 1), last(b));
        assert_eq!(walks.end_before(&walk(1, 1), 100, at(0)), Some(a));
        walks.note_end(&walk(1, 1), end(100, c, at(0)));
        assert_eq!(walks.end_before(&walk(1, 1), 100, at(0)), Some(c));
    }

    #[test]
    fn the_pages_of_a_list_are_bounded_and_the_last_ones_stay() {
        let ([a, ..], walks) = (places(), walks(9, 9, 3));
        for page in 1..=10 {
            walks.note_end(&walk(1, 1), end(page, a, at(0)));
        }
        let known: Vec<u64> =
            (1..=10).filter(|page| walks.end_before(&walk(1, 1), *page, at(0)).is_some()).collect();
        assert_eq!(known, [8, 9, 10]);
    }

    #[test]
    fn the_lists_of_a_caller_are_bounded_and_those_read_last_stay() {
        let ([a, ..], walks) = (places(), walks(9, 3, 9));
        for list in [1, 2, 3, 1, 4] {
            walks.note_end(&walk(1, list), end(100, a, at(0)));
        }
        walks.note_end(&walk(2, 2), end(100, a, at(0)));
        let known: Vec<u64> =
            (1..=4).filter(|list| walks.end_before(&walk(1, *list), 100, at(0)).is_some()).collect();
        assert_eq!(known, [1, 3, 4]);
        assert!(walks.end_before(&walk(2, 2), 100, at(0)).is_some(), "others keep theirs");
    }

    #[test]
    fn the_callers_are_bounded_and_those_who_walked_last_stay() {
        let ([a, ..], walks) = (places(), walks(8, 9, 9));
        for caller in 0..1_000 {
            walks.note_end(&walk(caller, 1), end(100, a, at(0)));
            walks.note_end(&walk(7, 1), end(100, a, at(0)));
            assert!(walks.callers.lock().walks.len() <= 8);
            assert!(
                (caller.max(4) - 4..=caller)
                    .all(|last| walks.end_before(&walk(last, 1), 100, at(0)).is_some())
            );
        }
        assert!(walks.end_before(&walk(7, 1), 100, at(0)).is_some(), "who goes on walking stays");
        let none = super::tests::walks(0, 9, 9);
        none.note_end(&walk(1, 1), end(100, a, at(0)));
        assert_eq!(none.end_before(&walk(1, 1), 100, at(0)), None);
        assert!(none.callers.lock().walks.is_empty());
    }
}
