use std::{
    ops::Range,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use rally_core::limits;

use crate::fixture;

/// Members of a contact that are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Members {
    /// All of them.
    All,
    /// `id`, `email` and `fullName`.
    Three,
}

/// Filter of a list; see [`fixture::FILTERED`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// The stage.
    Stage,
    /// The stage and the source.
    StageAndSource,
}

/// Subject of a measurement: a table of contacts that takes JSON and answers in JSON.
///
/// Answers are appended to a buffer that the caller uses again. A list answers whether it goes on.
pub trait Subject: Sync {
    /// The contact that was added as this one, counted from 0 and around the end.
    fn get(&self, index: u64, out: &mut Vec<u8>);
    /// 100 contacts in the order of creation.
    fn list(&self, offset: u64, members: Members, out: &mut Vec<u8>) -> bool;
    /// 100 contacts that changed after the one that was added as this one.
    fn updated_since(&self, index: u64, out: &mut Vec<u8>) -> bool;
    /// The number of contacts.
    fn total(&self) -> u64;
    /// 100 contacts that pass a filter, in the order of creation.
    fn filtered(&self, filter: Filter, offset: u64, out: &mut Vec<u8>) -> bool;
    /// The number of contacts that pass a filter.
    fn filtered_total(&self, filter: Filter) -> u64;
    /// 100 contacts of whom a name or the e-mail address begins with a text in small letters, in the order of creation.
    fn search(&self, beginning: &str, out: &mut Vec<u8>) -> bool;
    /// The number of such contacts.
    fn search_total(&self, beginning: &str) -> u64;
    /// Adds one, and answers it.
    fn create(&self, body: &str, out: &mut Vec<u8>);
    /// Adds the contacts of a JSON array in one transaction, and answers how many it took.
    fn bulk(&self, body: &str) -> usize;
    /// Adds or changes one by its e-mail address, and answers it.
    fn upsert(&self, body: &str, out: &mut Vec<u8>);
    /// Notes what reads ask for by index. Called once, when everything is loaded.
    fn note_loaded(&mut self);
}

/// Contacts of one bulk.
const BULK: u64 = 100;

/// Bulks whose bodies are made ahead, so that making them is not measured.
const AHEAD: u64 = 100;

/// Adds the contacts of a range, 100 in a transaction, by one thread or several, and says how long that took.
pub fn load(subject: &dyn Subject, numbers: Range<u64>, threads: usize) -> Duration {
    let mut took = Duration::ZERO;
    let mut from = numbers.start;
    while from < numbers.end {
        let end = numbers.end.min(from + BULK * AHEAD);
        let bodies: Vec<String> =
            (from..end).step_by(100).map(|first| fixture::bulk(first, BULK.min(end - first))).collect();
        let start = Instant::now();
        share_out(&bodies, threads, |body| {
            subject.bulk(body);
        });
        took += start.elapsed();
        from = end;
    }
    took
}

/// Adds a contact for each body, by several threads.
pub fn write_in_parallel(subject: &dyn Subject, bodies: &[String], threads: usize) {
    share_out(bodies, threads, |body| subject.create(body, &mut Vec::with_capacity(1_024)));
}

fn share_out(bodies: &[String], threads: usize, send: impl Fn(&str) + Sync) {
    if threads == 1 {
        return bodies.iter().for_each(|body| send(body));
    }
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(body) = bodies.get(next.fetch_add(1, Ordering::Relaxed)) {
            send(body);
        }
    };
    thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
}

/// Contacts that reads choose from, in no order: reads jump about, as callers do.
pub(crate) struct Noted<T>(Vec<T>);

impl<T: Copy> Noted<T> {
    /// Maximum number of contacts.
    pub(crate) const MOST: u64 = 4_096;

    /// Contacts at the end that are never chosen, so that every page of changes is full.
    pub(crate) const LEFT_OUT: u64 = 200;

    /// Chooses from all contacts in the order of creation.
    pub(crate) fn choose(mut all: Vec<T>) -> Self {
        let [left_out, most] =
            [Self::LEFT_OUT, Self::MOST].map(|number| usize::try_from(number).unwrap_or(0));
        all.truncate(all.len().saturating_sub(left_out));
        let step = (all.len() / most).max(1);
        Self::shuffle(all.into_iter().step_by(step))
    }

    pub(crate) fn shuffle(chosen: impl IntoIterator<Item = T>) -> Self {
        let mut chosen: Vec<(u64, T)> = (0..).map(fixture::mix).zip(chosen).collect();
        chosen.sort_by_key(|(place, _)| *place);
        Self(chosen.into_iter().map(|(_, one)| one).collect())
    }

    /// One of them, counted around the end.
    pub(crate) fn get(&self, index: u64) -> T {
        let count = u64::try_from(self.0.len()).unwrap_or(u64::MAX);
        let index = usize::try_from(index % count).unwrap_or(0);
        *self.0.get(index).expect("a noted contact")
    }
}

impl<T> Default for Noted<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// Limit of a page's statement: one more, which tells whether the list goes on.
pub(crate) fn one_more() -> i64 {
    i64::try_from(limits::PAGE + 1).unwrap_or(i64::MAX)
}

/// Writes a JSON array.
pub(crate) fn write_list<T>(
    items: impl IntoIterator<Item = T>,
    out: &mut Vec<u8>,
    write: impl Fn(T, &mut Vec<u8>),
) {
    out.push(b'[');
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(item, out);
    }
    out.push(b']');
}

#[cfg(test)]
mod tests {
    use rally_testkit::postgres::Server;

    use super::*;
    use crate::{Indexes, Postgres, Rally, Sqlite, Synchronous};

    /// Answers of a subject to a few questions, without the parts that differ between any two.
    fn answers(subject: &mut dyn Subject) -> Vec<serde_json::Value> {
        load(subject, 0..450, 1);
        subject.note_loaded();
        let mut out = Vec::new();
        let mut answers = Vec::new();
        let mut note = |out: &mut Vec<u8>| {
            let mut answer: serde_json::Value = serde_json::from_slice(out).unwrap();
            let contacts = answer.as_array_mut().map_or_else(Vec::new, std::mem::take);
            for mut contact in contacts {
                for own in ["id", "tenantId", "createdAt", "updatedAt"] {
                    contact.as_object_mut().unwrap().remove(own).unwrap_or_default();
                }
                answers.push(contact);
            }
            out.clear();
        };
        assert!(subject.list(0, Members::All, &mut out));
        note(&mut out);
        assert!(!subject.list(400, Members::Three, &mut out));
        note(&mut out);
        assert!(!subject.filtered(Filter::Stage, 3, &mut out));
        note(&mut out);
        assert!(!subject.filtered(Filter::StageAndSource, 0, &mut out));
        note(&mut out);
        subject.search(fixture::COMMON, &mut out);
        note(&mut out);
        subject.search(&fixture::rare(7, 450), &mut out);
        note(&mut out);
        let totals = [Filter::Stage, Filter::StageAndSource].map(|filter| subject.filtered_total(filter));
        answers.push(totals.as_slice().into());
        answers.push(subject.search_total(fixture::COMMON).into());
        answers.push(subject.search_total(&fixture::rare(8, 450)).into());
        subject.create(&fixture::draft(450), &mut out);
        subject.upsert(&fixture::changed(1, 450), &mut out);
        subject.upsert(&fixture::draft(451), &mut out);
        assert_eq!(subject.total(), 452);
        answers.push(subject.filtered_total(Filter::Stage).into());
        answers
    }

    #[test]
    fn the_baselines_answer_what_rally_answers() {
        let known = answers(&mut Rally::in_memory());
        assert!(known.len() > 250, "{} answers", known.len());
        assert_eq!(answers(&mut Rally::on_redb()), known);
        for indexes in [Indexes::Bare, Indexes::Same] {
            assert_eq!(answers(&mut Sqlite::open(Synchronous::Off, indexes)), known);
        }
        if let Some(server) = Server::start() {
            assert_eq!(answers(&mut Rally::on_postgres(&server.fresh_url())), known);
            for indexes in [Indexes::Bare, Indexes::Same] {
                assert_eq!(answers(&mut Postgres::open(&server.url(), indexes)), known);
            }
        }
    }
}
