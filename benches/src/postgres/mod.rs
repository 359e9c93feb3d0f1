//! A baseline: contacts in a PostgreSQL table, as one would write it by hand.

mod lanes;
mod statements;
mod values;

use parking_lot::Mutex;
use rally_core::limits;
use tokio_postgres::{Statement, types::ToSql};
use uuid::Uuid;

use self::{
    lanes::{Lanes, Parameter},
    statements::{ALL, Statements},
};
use crate::{
    Members, Subject,
    contact::{Columns, Contact, Draft, Instants, ThreeMembers, Value, Written, write},
    subject::{Noted, one_more, write_list},
};

/// A column for each member, and a connection for each thread, with its statements prepared.
pub struct Postgres {
    lanes: Lanes,
    instants: Mutex<Instants>,
    noted: Noted<(Uuid, i64)>,
    tenant: Uuid,
}

impl Postgres {
    /// An empty table in the database of a URL, which has none yet.
    ///
    /// # Panics
    /// Panics if the database cannot be reached, or refuses.
    #[must_use]
    pub fn open(url: &str) -> Self {
        let lanes = Lanes::open(url);
        Self { lanes, instants: Mutex::default(), noted: Noted::default(), tenant: Uuid::now_v7() }
    }

    fn page(
        &self,
        choose: impl Fn(&Statements) -> &Statement,
        bounds: [i64; 2],
        members: Members,
        out: &mut Vec<u8>,
    ) -> bool {
        let lane = self.lanes.take();
        let [first, second] = &bounds;
        let rows = lane.wait(lane.client.query(choose(&lane.statements), &[first, second])).expect("a page");
        write_list(rows.iter().take(limits::PAGE), out, |row, out| match members {
            Members::All => write(&Contact::of_row(row, self.tenant), out),
            Members::Three => write(&ThreeMembers::of_row(row), out),
        });
        rows.len() > limits::PAGE
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
            Members::All => self.page(|known| &known.list, bounds, members, out),
            Members::Three => self.page(|known| &known.list_three, bounds, members, out),
        }
    }

    fn updated_since(&self, index: u64, out: &mut Vec<u8>) -> bool {
        let bounds = [self.noted.get(index).1, one_more()];
        self.page(|known| &known.updated, bounds, Members::All, out)
    }

    fn total(&self) -> u64 {
        let lane = self.lanes.take();
        let row = lane.wait(lane.client.query_one(&lane.statements.total, &[])).expect("a total");
        row.micros(0).cast_unsigned()
    }

    fn create(&self, body: &str, out: &mut Vec<u8>) {
        let draft = Draft::parse(body);
        let (id, instant) = self.next_row();
        let values = draft.values(id, instant);
        self.lanes
            .take()
            .transact(|known| [(&known.insert, parameters(&values)), (&known.change, vec![&id, &instant])]);
        draft.answer(self.tenant, Written { id, created_at: instant, updated_at: instant }, out);
    }

    /// Two statements, each with an array for each column.
    fn bulk(&self, body: &str) -> usize {
        let drafts = Draft::parse_many(body);
        let mut columns: [Vec<Value<'_>>; 25] = [const { Vec::new() }; 25];
        let (mut ids, mut instants) = (Vec::new(), Vec::new());
        for draft in &drafts {
            let (id, instant) = self.next_row();
            ids.push(id);
            instants.push(instant);
            columns.iter_mut().zip(draft.values(id, instant)).for_each(|(column, value)| column.push(value));
        }
        self.lanes.take().transact(|known| {
            [(&known.insert_many, parameters(&columns)), (&known.change_many, vec![&ids, &instants])]
        });
        drafts.len()
    }

    fn upsert(&self, body: &str, out: &mut Vec<u8>) {
        let draft = Draft::parse(body);
        let (new_id, instant) = self.next_row();
        let values = draft.values(new_id, instant);
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
