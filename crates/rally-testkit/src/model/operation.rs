use rally_core::{
    Bulkable, Code, Collection, Creatable, Error, Id, Json, Kind, Outcome as Done, Resource, Session,
    Timestamp, Upsertable, WriteOptions, Written,
};
use uuid::Uuid;

use super::{
    sample::{Around, Body, stranger, unquote},
    state::{Answer, Outcome, Record, Refusal, State},
    table::{BANT, Member, OF_TYPE, SETTINGS, Values, matched_by, members},
};
use crate::{Random, rooms::text};

/// What a caller asks for.
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
    Bulk(Vec<Body>, bool),
    /// Of a deal to a stage.
    Move(Uuid, Body),
    /// Of a deal, by its BANT.
    Rate(Uuid, Body),
    /// Of the tenant's settings.
    Choose(Body),
}

/// What the engine answered; an error if it could not.
type Told = Result<Answer, Error>;

impl Operation {
    pub(super) fn sample(own: &State, other: &State, random: &mut Random) -> Self {
        let around = Around { own, other, record: None };
        let kind = random.one_of(&OFTEN);
        let is_many = matches!(kind, Kind::Contact | Kind::Company | Kind::Deal | Kind::Activity);
        let act = match random.below(20) {
            _ if kind == Kind::Tenant => Act::Choose(some(&SETTINGS, around, random)),
            0..6 => Act::Create(whole(kind, around, random)),
            6..8 if is_many => {
                let most = if random.once_in(3) { 40 } else { 10 };
                let count = random.below(most);
                let bodies = (0..count).map(|_| whole(kind, around, random)).collect();
                Act::Bulk(bodies, random.once_in(6))
            }
            8..12 if kind == Kind::Deal => moved_or_rated(around, random),
            12..15 if !matched_by(kind).is_empty() => Act::Upsert(aimed(kind, around, random)),
            15..17 => Act::Delete(target(kind, around, random)),
            _ => {
                let id = target(kind, around, random);
                let record = own.find(kind, id).map(|record| &**record);
                Act::Update(id, some(members(kind), Around { record, ..around }, random))
            }
        };
        Self { kind, act }
    }

    pub(super) fn on_state(&self, state: &mut State, now: Timestamp) -> Answer {
        let kind = self.kind;
        let written = match &self.act {
            Act::Create(body) => state.create(kind, body, now),
            Act::Update(id, body) => state.update(kind, *id, body, now),
            Act::Upsert(body) => state.upsert(kind, body, now),
            Act::Move(id, body) => state.move_to(*id, body, now),
            Act::Rate(id, body) => state.update_part(kind, &BANT, *id, body, now),
            Act::Bulk(bodies, is_atomic) => return state.bulk(kind, bodies, *is_atomic, now),
            Act::Delete(id) => {
                return state.delete(kind, *id, now).map_or_else(Answer::Refused, Answer::Deleted);
            }
            Act::Choose(body) => {
                let outcome = state.choose(body);
                return outcome
                    .map_or_else(Answer::Refused, |outcome| Answer::of(outcome, state.settings_text()));
            }
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
            Act::Move(id, body) => {
                let body = body.to_json();
                written(session.deals().move_with(Id::from_uuid(*id), &Json(body.as_bytes()), &options))
            }
            Act::Rate(id, body) => {
                written(session.bant().update(Id::from_uuid(*id), &Json(body.to_json().as_bytes())))
            }
            Act::Choose(body) => written(session.change_settings(&Json(body.to_json().as_bytes()), &options)),
            act => match self.kind {
                Kind::Contact => act.on_upsertable(session.contacts()),
                Kind::Company => act.on_upsertable(session.companies()),
                Kind::Deal => act.on_upsertable(session.deals()),
                Kind::Activity => act.on_bulkable(session.activities()),
                Kind::User => act.on_creatable(session.users()),
                _ => act.on_creatable(session.pipelines()),
            },
        }
    }
}

impl Act {
    fn on_upsertable<R: Upsertable + Bulkable>(&self, records: Collection<'_, R>) -> Told {
        match self {
            Act::Upsert(body) => {
                let body = body.to_json();
                written(records.upsert_with(&Json(body.as_bytes()), &WriteOptions::default()))
            }
            act => act.on_bulkable(records),
        }
    }

    fn on_bulkable<R: Bulkable>(&self, records: Collection<'_, R>) -> Told {
        let Act::Bulk(bodies, is_atomic) = self else { return self.on_creatable(records) };
        let items = format!("[{}]", bodies.iter().map(Body::to_json).collect::<Vec<_>>().join(","));
        let bulk = records.create_many(&Json(items.as_bytes()), *is_atomic, &WriteOptions::default());
        refused(bulk.map(|bulk| {
            let item = |item: Result<Id<R>, Error>| item.map(Id::as_uuid).map_err(|error| refusal(&error));
            Answer::Bulk(bulk.items.into_iter().map(item).collect())
        }))
    }

    fn on_creatable<R: Creatable>(&self, records: Collection<'_, R>) -> Told {
        match self {
            Act::Create(body) => written(records.create(&Json(body.to_json().as_bytes()))),
            Act::Update(id, body) => {
                written(records.update(Id::from_uuid(*id), &Json(body.to_json().as_bytes())))
            }
            Act::Delete(id) => {
                let deleted = records.delete(Id::from_uuid(*id));
                refused(deleted.map(|deleted| Answer::Deleted(deleted.id.as_uuid())))
            }
            act => panic!("{act:?} is nothing for {}", R::KIND.plural()),
        }
    }
}

impl Answer {
    const fn of(outcome: Outcome, text: String) -> Self {
        match outcome {
            Outcome::Created => Self::Created(text),
            Outcome::Updated => Self::Updated(text),
            Outcome::Unchanged => Self::Unchanged(text),
        }
    }
}

fn written<R: Resource>(result: Result<Written<R>, Error>) -> Told {
    refused(result.map(|written| {
        let outcome = match written.outcome {
            Done::Created => Outcome::Created,
            Done::Updated => Outcome::Updated,
            Done::Unchanged => Outcome::Unchanged,
        };
        Answer::of(outcome, text(&written.row))
    }))
}

/// A refusal is an answer; that the store cannot answer is none.
fn refused(result: Told) -> Told {
    match result {
        Err(error) if error.code() != Code::Unavailable => Ok(Answer::Refused(refusal(&error))),
        other => other,
    }
}

fn refusal(error: &Error) -> Refusal {
    let ids = error.existing_id().into_iter().chain(error.matching_ids().iter().copied()).collect();
    Refusal { code: error.code().name(), ids }
}

fn moved_or_rated(around: Around<'_>, random: &mut Random) -> Act {
    let id = target(Kind::Deal, around, random);
    let record: Option<&Record> = around.own.find(Kind::Deal, id).map(|record| &**record);
    let around = Around { record, ..around };
    if random.once_in(3) {
        return Act::Rate(id, some(&BANT, around, random));
    }
    let body = Body::sample(members(Kind::Deal), around, random, |member, random| match member.name {
        "stageId" => !random.once_in(20),
        "probability" => random.once_in(3),
        _ => false,
    });
    Act::Move(id, body)
}

/// The id of a record, and now and then of none.
fn target(kind: Kind, around: Around<'_>, random: &mut Random) -> Uuid {
    match around.own.pick(kind, random) {
        Some(record) if !random.once_in(20) => record.id,
        _ => stranger(kind, around, random),
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

/// The kinds to write, as often as each stands here; that of a tenant for its settings.
const OFTEN: [Kind; 20] = [
    Kind::Contact,
    Kind::Contact,
    Kind::Contact,
    Kind::Company,
    Kind::Company,
    Kind::Company,
    Kind::Deal,
    Kind::Deal,
    Kind::Deal,
    Kind::Deal,
    Kind::Deal,
    Kind::Activity,
    Kind::Activity,
    Kind::Activity,
    Kind::Activity,
    Kind::User,
    Kind::User,
    Kind::Pipeline,
    Kind::Pipeline,
    Kind::Tenant,
];
