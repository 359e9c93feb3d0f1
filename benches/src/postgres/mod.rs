//! A baseline: contacts in a PostgreSQL table, as one would write it by hand.

mod lanes;
mod statements;
mod values;

use parking_lot::Mutex;
use rally_core::limits;
use tokio_postgres::{Statement, types::ToSql};
use uuid::Uuid;

use self::{
    lanes::{Lanes, Parameter, Work},
    statements::{ALL, Statements},
};
use crate::{
    Filter, Indexes, Members, Subject,
    contact::{Columns, Contact, Draft, Instants, ThreeMembers, Value, Written, behind, tags, write},
    subject::{Noted, one_more, write_list},
};

/// A column for each member, and a connection for each thread, with its statements prepared.
pub struct Postgres {
    lanes: Lanes,
    instants: Mutex<Instants>,
    indexes: Indexes,
    noted: Noted<(Uuid, i64)>,
    tenant: Uuid,
}

impl Postgres {
    /// An empty table in the database of a URL, which has none with these indexes yet.
    ///
    /// # Panics
    /// Panics if the database cannot be reached, or refuses.
    #[must_use]
    pub fn open(url: &str, indexes: Indexes) -> Self {
        let lanes = Lanes::open(url, indexes);
        let instants = Mutex::default();
        Self { lanes, instants, indexes, noted: Noted::default(), tenant: Uuid::now_v7() }
    }

    fn page(
        &self,
        choose: impl Fn(&Statements) -> &Statement,
        parameters: &[Parameter<'_>],
        members: Members,
        out: &mut Vec<u8>,
    ) -> bool {
        let lane = self.lanes.take();
        let rows = lane.wait(lane.client.query(choose(&lane.statements), parameters)).expect("a page");
        write_list(rows.iter().take(limits::PAGE), out, |row, out| match members {
            Members::All => write(&Contact::of_row(row, self.tenant), out),
            Members::Three => write(&ThreeMembers::of_row(row), out),
        });
        rows.len() > limits::PAGE
    }

    fn total_of(&self, choose: impl Fn(&Statements) -> &Statement, parameters: &[Parameter<'_>]) -> u64 {
        let lane = self.lanes.take();
        let row = lane.wait(lane.client.query_one(choose(&lane.statements), parameters)).expect("a total");
        row.micros(0).cast_unsigned()
    }

    fn next_row(&self) -> (Uuid, i64) {
        (Uuid::now_v7(), self.instants.lock().next())
    }
}

fn parameters<'a>(values: &'a [impl ToSql + Sync + 'a]) -> Vec<Parameter<'a>> {
    values.iter().map(|value| -> Parameter<'a> { value }).collect()
}

impl Subject for Postgres {
    fn get(&self, index: u64, out: &mut Vec<u8>) {
        let lane = self.lanes.take();
        let (id, _) = self.noted.get(index);
        let row = lane.wait(lane.client.query_one(&lane.statements.get, &[&id])).expect("a contact");
        write(&Contact::of_row(&row, self.tenant), out);
    }

    fn list(&self, offset: u64, members: Members, out: &mut Vec<u8>) -> bool {
        let bounds = [one_more(), offset.cast_signed()];
        match members {
            Members::All => self.page(|known| &known.list, &parameters(&bounds), members, out),
            Members::Three => self.page(|known| &known.list_three, &parameters(&bounds), members, out),
        }
    }

    fn updated_since(&self, index: u64, out: &mut Vec<u8>) -> bool {
        let bounds = [self.noted.get(index).1, one_more()];
        self.page(|known| &known.updated, &parameters(&bounds), Members::All, out)
    }

    fn total(&self) -> u64 {
        self.total_of(|known| &known.total, &[])
    }

    fn filtered(&self, filter: Filter, offset: u64, out: &mut Vec<u8>) -> bool {
        let bounds = [one_more(), offset.cast_signed()];
        self.page(|known| known.filtered(filter), &parameters(&bounds), Members::All, out)
    }

    fn filtered_total(&self, filter: Filter) -> u64 {
        self.total_of(|known| known.filtered_total(filter), &[])
    }

    fn search(&self, beginning: &str, out: &mut Vec<u8>) -> bool {
        self.page(|known| &known.search, &[&beginning, &behind(beginning), &one_more()], Members::All, out)
    }

    fn search_total(&self, beginning: &str) -> u64 {
        self.total_of(|known| &known.search_total, &[&beginning, &behind(beginning)])
    }

    fn create(&self, body: &str, out: &mut Vec<u8>) {
        let draft = Draft::parse(body);
        let (id, instant) = self.next_row();
        let values = draft.values(id, instant, self.indexes);
        let tags: Vec<&str> = tags(draft.tags()).collect();
        let contacts = vec![id; tags.len()];
        self.lanes.take().transact(|known| {
            let mut work: Vec<Work<'_>> =
                vec![(&known.insert, parameters(&values)), (&known.change, vec![&id, &instant])];
            let with_tags = |insert| -> Work<'_> { (insert, vec![&tags, &contacts]) };
            work.extend(known.tags.as_ref().map(with_tags));
            work
        });
        draft.answer(self.tenant, Written { id, created_at: instant, updated_at: instant }, out);
    }

    /// A statement a table, each with an array for each column.
    fn bulk(&self, body: &str) -> usize {
        let drafts = Draft::parse_many(body);
        let mut columns: Vec<Vec<Value<'_>>> = vec![Vec::new(); self.indexes.columns()];
        let (mut ids, mut instants) = (Vec::new(), Vec::new());
        let (mut all_tags, mut contacts) = (Vec::new(), Vec::new());
        for draft in &drafts {
            let (id, instant) = self.next_row();
            ids.push(id);
            instants.push(instant);
            let values = draft.values(id, instant, self.indexes);
            columns.iter_mut().zip(values).for_each(|(column, value)| column.push(value));
            all_tags.extend(tags(draft.tags()));
            contacts.resize(all_tags.len(), id);
        }
        self.lanes.take().transact(|known| {
            let mut work: Vec<Work<'_>> =
                vec![(&known.insert_many, parameters(&columns)), (&known.change_many, vec![&ids, &instants])];
            let with_tags = |insert| -> Work<'_> { (insert, vec![&all_tags, &contacts]) };
            work.extend(known.tags.as_ref().map(with_tags));
            work
        });
        drafts.len()
    }

    fn upsert(&self, body: &str, out: &mut Vec<u8>) {
        let draft = Draft::parse(body);
        let (new_id, instant) = self.next_row();
        let values = draft.values(new_id, instant, self.indexes);
        let lane = self.lanes.take();
        let row = lane.wait(lane.client.query_one(&lane.statements.upsert, &parameters(&values)));
        let row = row.expect("a contact");
        drop(lane);
        let (id, created_at) = (row.id(0).expect("an id"), row.micros(1));
        draft.answer(self.tenant, Written { id, created_at, updated_at: instant }, out);
    }

    fn note_loaded(&mut self) {
        let lane = self.lanes.take();
        // Of the whole database: other users of it are to have the same statistics and clean pages.
        lane.wait(lane.client.batch_execute("VACUUM ANALYZE")).expect("statistics");
        lane.wait(lane.client.batch_execute("CHECKPOINT")).expect("a checkpoint");
        let rows = lane.wait(lane.client.query(ALL, &[])).expect("all");
        let all = rows.iter().map(|row| (row.id(0).expect("an id"), row.micros(1)));
        self.noted = Noted::choose(all.collect());
    }
}
