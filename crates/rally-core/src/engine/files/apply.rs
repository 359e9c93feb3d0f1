//! The rows of one transaction, each applied by the verbs that the API has.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    ImportMode, Table, Tabular,
    plan::PreparedRow,
    table::{FoundBy, RowId, RowKey},
};
use crate::{
    base::{Code, Error, Faults, Kind, limits},
    engine::{
        schema::Body,
        session::{Session, Verbs},
        write::{
            self, Answer, Definition, IdempotencyKey, MatchedBy, Precondition, Rehearsal, Subject,
            Transaction, WriteOutcome,
        },
    },
    store::Key,
};

/// The outcome of the rows of one transaction. It is kept for an idempotency key.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Done {
    pub(super) rows: u64,
    pub(super) created: u64,
    pub(super) updated: u64,
    pub(super) unchanged: u64,
    pub(super) refused: Vec<Refusal>,
}

/// A row that was refused.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Refusal {
    pub(super) row: u64,
    pub(super) code: String,
    pub(super) error: String,
}

/// The treatment of each row.
#[derive(Clone, Copy)]
pub(super) struct Verb {
    pub(super) mode: ImportMode,
    pub(super) key: RowKey,
    pub(super) table: Table,
}

/// A row that is applied: what its record is found by, and what it gives it.
struct Row<'r> {
    id: &'r RowId,
    body: &'r Body<'r>,
}

/// Applies rows in a transaction of their own. Under a key it happens once; true when it had happened before.
pub(super) fn commit<R: Tabular>(
    session: &Session,
    verb: Verb,
    key: Option<&IdempotencyKey>,
    rows: &[PreparedRow],
) -> Result<(Done, bool), Error> {
    let bodies = bodies::<R>(session, rows);
    let reads = || reads::<R>(session, rows, &bodies);
    let committed = session.commit(key, &reads, &mut |transaction| {
        let done = each::<R>(transaction, verb, rows, &bodies)?;
        Ok(Answer::Value { json: serde_json::to_vec(&done).map_err(Error::internal)? })
    })?;
    let Answer::Value { json } = committed.answer else { return Err(Answer::of_another_kind()) };
    Ok((serde_json::from_slice(&json).map_err(Error::internal)?, committed.replayed))
}

/// Applies rows in a transaction that is going to be dropped.
pub(super) fn rehearse<R: Tabular>(
    session: &Session,
    rehearsal: &mut Rehearsal<'_>,
    verb: Verb,
    rows: &[PreparedRow],
) -> Result<(Done, bool), Error> {
    let bodies = bodies::<R>(session, rows);
    let reads = || reads::<R>(session, rows, &bodies);
    let done =
        session.rehearse(rehearsal, &reads, |transaction| each::<R>(transaction, verb, rows, &bodies))?;
    Ok((done, false))
}

/// Keys that rows read, as far as they are known beforehand.
fn reads<R: Tabular>(
    session: &Session,
    rows: &[PreparedRow],
    bodies: &[Result<Body<'_>, Error>],
) -> Vec<Key> {
    let model = session.tenant().model::<R>();
    let ids = rows.iter().filter_map(|row| row.content.as_ref().ok()?.0.known());
    let records: BTreeSet<Key> =
        ids.flat_map(|id| write::keys_ahead(model, Subject::Known(id), [])).collect();
    let of_bodies = write::keys_ahead(model, session.new_records(R::KIND), bodies.iter().flatten());
    records.into_iter().chain(of_bodies).collect()
}

fn bodies<'r, R: Tabular>(session: &Session, rows: &'r [PreparedRow]) -> Vec<Result<Body<'r>, Error>> {
    let verbs = Verbs::<R>::new(session);
    let read = |row: &'r PreparedRow| match &row.content {
        Ok((_, json)) => verbs.body_of_json(json, "the row"),
        Err(error) => Err(error.clone()),
    };
    rows.iter().map(read).collect()
}

fn each<R: Tabular>(
    transaction: &mut Transaction<'_>,
    verb: Verb,
    rows: &[PreparedRow],
    bodies: &[Result<Body<'_>, Error>],
) -> Result<Done, Error> {
    transaction.require(R::WRITE)?;
    let definition = R::definition().of_tenant(transaction.tenant());
    let mut done = Done::default();
    for (row, body) in rows.iter().zip(bodies) {
        done.rows += 1;
        let id = row.content.as_ref().map_or(&RowId::Missing, |(id, _)| id);
        let outcome = match body {
            Ok(body) => transaction.verb(|tx| verb.apply(tx, definition, &Row { id, body })),
            Err(error) => Err(error.clone()),
        };
        match outcome {
            Ok(Answer::Written { outcome: WriteOutcome::Created, .. }) => done.created += 1,
            Ok(Answer::Written { outcome: WriteOutcome::Updated, .. }) => done.updated += 1,
            Ok(Answer::Written { outcome: WriteOutcome::Unchanged, .. }) => done.unchanged += 1,
            Ok(_) => return Err(Answer::of_another_kind()),
            Err(error) if error.is_about_input() => done.refused.push(Refusal::of(row.number, &error)),
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

impl Refusal {
    fn of(row: u64, error: &Error) -> Self {
        let mut told = error.to_string();
        // All refusals of a transaction are one value of the store.
        if told.len() > limits::IMPORT_REASON_BYTES {
            told.truncate(told.floor_char_boundary(limits::IMPORT_REASON_BYTES));
            told.push('…');
        }
        Self { row, code: error.code().name().to_owned(), error: told }
    }
}

impl Verb {
    fn apply(
        self,
        transaction: &mut Transaction<'_>,
        definition: Definition,
        row: &Row<'_>,
    ) -> Result<Answer, Error> {
        match self.mode {
            ImportMode::Create => create(transaction, definition, row),
            ImportMode::Update => {
                let missing = || Err(not_found(definition.kind(), self.key));
                let id = self.find(transaction, definition, row)?.map_or_else(missing, Ok)?;
                write::update(transaction, definition, id, row.body, Precondition::NONE)
            }
            ImportMode::Upsert => self.upsert(transaction, definition, row),
        }
    }

    fn upsert(
        self,
        transaction: &mut Transaction<'_>,
        definition: Definition,
        row: &Row<'_>,
    ) -> Result<Answer, Error> {
        if let RowKey::Member(FoundBy::Upsert(matched_by)) = self.key {
            return write::upsert(transaction, definition, matched_by, row.body, Precondition::NONE);
        }
        let is_new = matches!(self.key, RowKey::Id) && *row.id == RowId::Missing;
        let found = if is_new { None } else { self.find(transaction, definition, row)? };
        match (found, self.key) {
            (Some(id), _) => write::update(transaction, definition, id, row.body, Precondition::NONE),
            // An id is made here, so one that is not known is a slip, and no new record.
            (None, RowKey::Id) if !is_new => Err(not_found(definition.kind(), self.key)),
            (None, _) => write::create(transaction, definition, row.body),
        }
    }

    /// The record of a row.
    fn find(
        self,
        transaction: &mut Transaction<'_>,
        definition: Definition,
        row: &Row<'_>,
    ) -> Result<Option<Uuid>, Error> {
        let kind = definition.kind();
        match self.key {
            RowKey::Id => match row.id {
                RowId::Id(id) => Ok(transaction.find(kind, *id)?.map(|_| *id)),
                RowId::Foreign => Err(Faults::one("id", "is not an id").into()),
                RowId::Missing => Err(Faults::one("id", "is required").into()),
            },
            RowKey::Member(FoundBy::Upsert(by)) => {
                one(kind, matching(transaction, definition, by, row.body)?)
            }
            RowKey::Member(FoundBy::Name) => {
                let name = row.body.values(definition.model).find(|(member, _)| member.name == "name");
                let name = name.map(|(_, json)| json.to_owned());
                let name = name.ok_or_else(|| Error::from(Faults::one("name", "is required")))?;
                let name: String = serde_json::from_str(&name).map_err(Error::internal)?;
                let related = (self.table.relations.of)(kind)?;
                one(kind, (related.by_name)(&transaction.view()?, &name)?)
            }
        }
    }
}

/// The records that a body matches by the members of an upsert.
fn matching(
    transaction: &Transaction<'_>,
    definition: Definition,
    by: MatchedBy,
    body: &Body<'_>,
) -> Result<Vec<Uuid>, Error> {
    let missing = by.missing(definition.model, body);
    if missing.is_empty() {
        return Ok(by.find(transaction, definition.model, body)?);
    }
    let mut faults = body.faults.clone();
    for name in missing.iter().filter(|name| !body.faults.by_member().contains_key(**name)) {
        faults.add(name, "is required to find the record");
    }
    Err(faults.into())
}

fn one(kind: Kind, ids: Vec<Uuid>) -> Result<Option<Uuid>, Error> {
    match ids.as_slice() {
        [] => Ok(None),
        [id] => Ok(Some(*id)),
        _ => {
            let told: Vec<String> = ids.iter().map(Uuid::to_string).collect();
            let detail = format!("several {} match: {}", kind.plural(), told.join(", "));
            Err(Error::new(Code::Ambiguous, detail).with_matching(ids))
        }
    }
}

/// Creates a record, unless there is one of the row's id.
fn create(transaction: &mut Transaction<'_>, definition: Definition, row: &Row<'_>) -> Result<Answer, Error> {
    let kind = definition.kind();
    if let RowId::Id(id) = row.id
        && transaction.find(kind, *id)?.is_some()
    {
        let error = Error::new(Code::Duplicate, format!("there is a {kind} with this id already"));
        return Err(error.with_existing(Some(*id)));
    }
    write::create(transaction, definition, row.body)
}

fn not_found(kind: Kind, key: RowKey) -> Error {
    let by = if matches!(key, RowKey::Id) { "id" } else { "key" };
    Error::new(Code::NotFound, format!("there is no {kind} with this {by}"))
}
