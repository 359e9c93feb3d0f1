use std::iter::repeat_n;

use rally_core::{
    Atomicity, Code, Collection, Error, Id, Kind, Session, Timestamp, Transaction, TransactionCollection,
    WriteOptions, WriteOutcome, Written,
    schema::{Bulkable, Creatable, Resource, Row, Upsertable},
};
use uuid::Uuid;

use super::{
    sample::{Around, Body, unknown_id, unquote},
    state::{Answer, Record, Refusal, State},
    table::{BANT, Member, OF_TYPE, SETTINGS, Values, matched_by, members},
};
use crate::{Random, resources::text};

/// A call of a caller.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) kind: Kind,
    act: Act,
}

#[derive(Debug)]
enum Act {
    Create(Body),
    Update(Uuid, Body),
    Upsert(Body),
    Delete(Uuid),
    /// Deletion of a user whose records go to another one.
    HandOver(Uuid, Uuid),
    Bulk(Vec<Body>, Atomicity),
    /// Move of a deal to a stage.
    Move(Uuid, Body),
    /// Qualification of a deal.
    Rate(Uuid, Body),
    /// Change of the tenant's settings.
    Choose(Body),
    /// Several verbs in one transaction, which goes on after a refused verb or is rolled back by it.
    Transaction(Vec<Operation>, AfterRefusal),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum AfterRefusal {
    GoOn,
    RollBack,
}

/// The engine's answer; an error if it could not.
type Told = Result<Answer, Error>;

impl Operation {
    pub(super) fn sample(own: &State, other: &State, random: &mut Random) -> Self {
        if random.once_in(8) {
            return Self::transaction(own, other, random);
        }
        let around = Around { own, other, record: None };
        let kind = kind_by(share, random);
        let act = match random.below(20) {
            _ if kind == Kind::Tenant => Act::Choose(some(&SETTINGS, around, random)),
            6..8 if takes_bulks(kind) => {
                let most = if random.once_in(3) { 40 } else { 10 };
                let count = random.below(most);
                let bodies = (0..count).map(|_| whole(kind, around, random)).collect();
                let is_atomic = random.once_in(6);
                let atomicity = if is_atomic { Atomicity::AllOrNothing } else { Atomicity::EachByItself };
                Act::Bulk(bodies, atomicity)
            }
            15..17 if kind == Kind::User && random.once_in(2) => {
                Act::HandOver(target(kind, around, random), target(kind, around, random))
            }
            8..12 if kind == Kind::Deal && random.once_in(3) => {
                let (id, around) = deal(around, random);
                Act::Rate(id, some(&BANT, around, random))
            }
            chance => return Self { kind, act: single(kind, around, chance, random) },
        };
        Self { kind, act }
    }

    /// At most eight verbs on records of several kinds. They name records that were there before, so that all that is new
    /// is still there afterwards.
    fn transaction(own: &State, other: &State, random: &mut Random) -> Self {
        let around = Around { own, other, record: None };
        let count = 1 + random.below(8);
        let verbs = (0..count).map(|_| {
            let kind = kind_by(share_of_transactions, random);
            let chance = random.below(20);
            Operation { kind, act: single(kind, around, chance, random) }
        });
        let verbs: Vec<Operation> = verbs.collect();
        let after = if random.once_in(3) { AfterRefusal::RollBack } else { AfterRefusal::GoOn };
        Self { kind: verbs[0].kind, act: Act::Transaction(verbs, after) }
    }

    /// The kinds whose records it may change, each once.
    pub(super) fn kinds(&self) -> Vec<Kind> {
        match &self.act {
            Act::Transaction(verbs, _) => {
                let mut kinds: Vec<Kind> = verbs.iter().map(|verb| verb.kind).collect();
                kinds.sort_unstable();
                kinds.dedup();
                kinds
            }
            _ => vec![self.kind],
        }
    }

    pub(super) fn on_state(&self, state: &mut State, now: Timestamp) -> Answer {
        let kind = self.kind;
        let written = match &self.act {
            Act::Create(body) => state.create(kind, body, now),
            Act::Update(id, body) => state.update(kind, *id, body, now),
            Act::Upsert(body) => state.upsert(kind, body, now),
            Act::Move(id, body) => state.move_to(*id, body, now),
            Act::Rate(id, body) => state.update_part(kind, &BANT, *id, body, now),
            Act::Bulk(bodies, atomicity) => {
                return state.bulk(kind, bodies, *atomicity == Atomicity::AllOrNothing, now);
            }
            Act::Delete(id) => {
                return state.delete(kind, *id, None, now).map_or_else(Answer::Refused, Answer::Deleted);
            }
            Act::HandOver(id, heir) => {
                let deleted = state.delete(kind, *id, Some(*heir), now);
                return deleted.map_or_else(Answer::Refused, Answer::Deleted);
            }
            Act::Choose(body) => {
                let outcome = state.choose(body);
                return outcome
                    .map_or_else(Answer::Refused, |outcome| Answer::of(outcome, state.settings_text()));
            }
            Act::Transaction(verbs, after) => return together_on_state(verbs, *after, state, now),
        };
        written.map_or_else(Answer::Refused, |(outcome, id)| {
            let record = state.find(kind, id).expect("it was written");
            let is_rated = matches!(self.act, Act::Rate(..));
            Answer::of(outcome, if is_rated { state.bant_text(record) } else { state.text(kind, record) })
        })
    }

    pub(super) fn on_engine(&self, session: &Session) -> Told {
        let options = WriteOptions::default();
        match &self.act {
            Act::Transaction(verbs, after) => {
                refused(session.write(|transaction| together_on_engine(verbs, *after, transaction)))
            }
            Act::Move(id, body) => {
                let moved =
                    session.deals().json().move_to(Id::from_uuid(*id), body.to_json().as_bytes(), &options);
                written(moved)
            }
            Act::Rate(id, body) => {
                let deal = Id::from_uuid(*id);
                written(session.bant().json().update(deal, body.to_json().as_bytes(), &options))
            }
            Act::HandOver(id, heir) => {
                let deleted = session.users().delete_for(Id::from_uuid(*id), Id::from_uuid(*heir));
                refused(deleted.map(|()| Answer::Deleted(*id)))
            }
            Act::Choose(body) => written(session.change_settings_json(body.to_json().as_bytes(), &options)),
            act => match self.kind {
                Kind::Contact => act.on_upsertable(session.contacts()),
                Kind::Company => act.on_upsertable(session.companies()),
                Kind::Deal => act.on_upsertable(session.deals()),
                Kind::Activity => act.on_bulkable(session.activities()),
                Kind::User => act.on_creatable(session.users()),
                Kind::Pipeline => act.on_creatable(session.pipelines()),
                Kind::ApiKey | Kind::Tenant | Kind::AuditEntry | Kind::Webhook => {
                    panic!("{act:?} is nothing for {}", self.kind)
                }
            },
        }
    }

    fn in_transaction(&self, transaction: &mut Transaction<'_>) -> Told {
        match (self.kind, &self.act) {
            (_, Act::Move(id, body)) => {
                let moved = transaction.deals().json().move_to(Id::from_uuid(*id), body.to_json().as_bytes());
                written(moved)
            }
            (Kind::Contact, act) => act.on_upsertable_in(transaction.contacts()),
            (Kind::Company, act) => act.on_upsertable_in(transaction.companies()),
            (Kind::Deal, act) => act.on_upsertable_in(transaction.deals()),
            (Kind::Activity, act) => act.on_creatable_in(transaction.activities()),
            (Kind::User, act) => act.on_creatable_in(transaction.users()),
            (Kind::Pipeline, act) => act.on_creatable_in(transaction.pipelines()),
            (Kind::ApiKey | Kind::Tenant | Kind::AuditEntry | Kind::Webhook, act) => {
                panic!("{act:?} of {} is nothing for a transaction", self.kind)
            }
        }
    }
}

fn together_on_state(verbs: &[Operation], after: AfterRefusal, state: &mut State, now: Timestamp) -> Answer {
    let before = state.clone();
    let mut answers = Vec::new();
    for verb in verbs {
        let answer = verb.on_state(state, now);
        if after == AfterRefusal::RollBack && matches!(answer, Answer::Refused(_)) {
            *state = before;
            return answer;
        }
        answers.push(answer);
    }
    Answer::Several(answers)
}

fn together_on_engine(
    verbs: &[Operation],
    after: AfterRefusal,
    transaction: &mut Transaction<'_>,
) -> Result<Answer, Error> {
    let mut answers = Vec::new();
    for verb in verbs {
        let answer = verb.in_transaction(transaction)?;
        if let (AfterRefusal::RollBack, Answer::Refused(refusal)) = (after, &answer) {
            return Err(refusal.error.clone().expect("the engine's refusals have their error"));
        }
        answers.push(answer);
    }
    Ok(Answer::Several(answers))
}

impl Act {
    fn on_upsertable<R: Upsertable + Bulkable>(&self, records: Collection<'_, R>) -> Told {
        match self {
            Act::Upsert(body) => {
                written(records.json().upsert(body.to_json().as_bytes(), &WriteOptions::default()))
            }
            act => act.on_bulkable(records),
        }
    }

    fn on_bulkable<R: Bulkable>(&self, records: Collection<'_, R>) -> Told {
        let Act::Bulk(bodies, atomicity) = self else { return self.on_creatable(records) };
        let items = format!("[{}]", bodies.iter().map(Body::to_json).collect::<Vec<_>>().join(","));
        let bulk = records.json().create_many(items.as_bytes(), *atomicity, &WriteOptions::default());
        refused(bulk.map(|bulk| {
            let item = |item: Result<Id<R>, Error>| item.map(Id::as_uuid).map_err(|error| refusal(&error));
            Answer::Bulk(bulk.items.into_iter().map(item).collect())
        }))
    }

    fn on_creatable<R: Creatable>(&self, records: Collection<'_, R>) -> Told {
        let options = WriteOptions::default();
        match self {
            Act::Create(body) => written(records.json().create(body.to_json().as_bytes(), &options)),
            Act::Update(id, body) => {
                written(records.json().update(Id::from_uuid(*id), body.to_json().as_bytes(), &options))
            }
            Act::Delete(id) => refused(records.delete(Id::from_uuid(*id)).map(|()| Answer::Deleted(*id))),
            act => panic!("{act:?} is nothing for {}", R::KIND.plural()),
        }
    }

    fn on_upsertable_in<R: Upsertable>(&self, records: TransactionCollection<'_, '_, R>) -> Told {
        match self {
            Act::Upsert(body) => written(records.json().upsert(body.to_json().as_bytes())),
            act => act.on_creatable_in(records),
        }
    }

    fn on_creatable_in<R: Creatable>(&self, mut records: TransactionCollection<'_, '_, R>) -> Told {
        match self {
            Act::Create(body) => written(records.json().create(body.to_json().as_bytes())),
            Act::Update(id, body) => {
                written(records.json().update(Id::from_uuid(*id), body.to_json().as_bytes()))
            }
            Act::Delete(id) => refused(records.delete(Id::from_uuid(*id)).map(|()| Answer::Deleted(*id))),
            act => panic!("{act:?} is nothing for {}", R::KIND.plural()),
        }
    }
}

impl Answer {
    const fn of(outcome: WriteOutcome, text: String) -> Self {
        match outcome {
            WriteOutcome::Created => Self::Created(text),
            WriteOutcome::Updated => Self::Updated(text),
            WriteOutcome::Unchanged => Self::Unchanged(text),
        }
    }
}

fn written<R: Resource>(result: Result<Written<Row<R>>, Error>) -> Told {
    refused(result.map(|written| Answer::of(written.outcome, text(&written.record))))
}

/// Turns a refusal into an answer; an unavailable store is none.
fn refused(result: Told) -> Told {
    match result {
        Err(error) if error.code() != Code::Unavailable => Ok(Answer::Refused(refusal(&error))),
        other => other,
    }
}

fn refusal(error: &Error) -> Refusal {
    let ids = error.existing_id().into_iter().chain(error.matching_ids().iter().copied()).collect();
    Refusal { code: error.code().name(), ids, error: Some(error.clone()) }
}

/// A verb on one record.
fn single(kind: Kind, around: Around<'_>, chance: usize, random: &mut Random) -> Act {
    match chance {
        0..6 => Act::Create(whole(kind, around, random)),
        8..12 if kind == Kind::Deal => moved(around, random),
        12..15 if !matched_by(kind).is_empty() => Act::Upsert(aimed(kind, around, random)),
        15..17 => Act::Delete(target(kind, around, random)),
        _ => {
            let id = target(kind, around, random);
            let record = around.own.find(kind, id).map(|record| &**record);
            Act::Update(id, some(members(kind), Around { record, ..around }, random))
        }
    }
}

/// A deal, and the values around it.
fn deal<'a>(around: Around<'a>, random: &mut Random) -> (Uuid, Around<'a>) {
    let id = target(Kind::Deal, around, random);
    let record: Option<&Record> = around.own.find(Kind::Deal, id).map(|record| &**record);
    (id, Around { record, ..around })
}

fn moved(around: Around<'_>, random: &mut Random) -> Act {
    let (id, around) = deal(around, random);
    let body = Body::sample(members(Kind::Deal), around, random, |member, random| match member.name {
        "stageId" => !random.once_in(20),
        "probability" => random.once_in(3),
        _ => false,
    });
    Act::Move(id, body)
}

/// The id of a record, or now and then one that no record has.
fn target(kind: Kind, around: Around<'_>, random: &mut Random) -> Uuid {
    match around.own.pick(kind, random) {
        Some(record) if !random.once_in(20) => record.id,
        _ => unknown_id(kind, around, random),
    }
}

fn whole(kind: Kind, around: Around<'_>, random: &mut Random) -> Body {
    let body = Body::sample(members(kind), around, random, |member, random| {
        member.is_required
            || match member.values {
                Values::Reference(_) => !random.once_in(3),
                Values::Domain => random.once_in(2),
                _ => random.once_in(5),
            }
    });
    of_one_type(body, around, random)
}

fn some(part: &[Member], around: Around<'_>, random: &mut Random) -> Body {
    let often = if part.len() < 8 { 2 } else { 5 };
    let body = Body::sample(part, around, random, |_, random| random.once_in(often));
    of_one_type(body, around, random)
}

/// A body for an upsert, which matches a record as often as not.
fn aimed(kind: Kind, around: Around<'_>, random: &mut Random) -> Body {
    let body =
        if random.once_in(3) { some(members(kind), around, random) } else { whole(kind, around, random) };
    match around.own.pick(kind, random) {
        Some(record) if random.once_in(2) => body.matching(record, matched_by(kind), random),
        _ => body,
    }
}

/// The same body without what an activity of its type cannot have; now and then one that has it.
fn of_one_type(mut body: Body, around: Around<'_>, random: &mut Random) -> Body {
    let before = around.record.and_then(|record| record.members.get("activityType").map(String::as_str));
    let own = unquote(body.kept("activityType").or(before).unwrap_or_default());
    let fits = |name: &str| OF_TYPE.iter().all(|(of_type, names)| *of_type == own || !names.contains(&name));
    body.given.retain(|given| fits(given.name) || random.once_in(15));
    body
}

const fn takes_bulks(kind: Kind) -> bool {
    match kind {
        Kind::Contact | Kind::Company | Kind::Deal | Kind::Activity => true,
        Kind::User | Kind::ApiKey | Kind::Tenant | Kind::Pipeline | Kind::AuditEntry | Kind::Webhook => false,
    }
}

/// A kind's share of the writes. A tenant's is for its settings.
const fn share(kind: Kind) -> usize {
    match kind {
        Kind::Contact | Kind::Company => 3,
        Kind::Deal => 5,
        Kind::Activity => 4,
        Kind::User | Kind::Pipeline => 2,
        Kind::Tenant => 1,
        Kind::ApiKey | Kind::AuditEntry | Kind::Webhook => 0,
    }
}

/// A kind's share of the writes in transactions.
const fn share_of_transactions(kind: Kind) -> usize {
    match kind {
        Kind::Contact | Kind::Company => 2,
        Kind::Deal => 3,
        Kind::Activity | Kind::User | Kind::Pipeline => 1,
        Kind::ApiKey | Kind::Tenant | Kind::AuditEntry | Kind::Webhook => 0,
    }
}

/// A kind, as often as its share says.
fn kind_by(share: impl Fn(Kind) -> usize, random: &mut Random) -> Kind {
    let kinds: Vec<Kind> = Kind::ALL.iter().flat_map(|kind| repeat_n(*kind, share(*kind))).collect();
    random.one_of(&kinds)
}
