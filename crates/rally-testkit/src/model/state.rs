use std::{
    collections::{BTreeMap, VecDeque},
    rc::Rc,
};

use rally_core::{Action, Error, Kind, TenantId, Timestamp, WriteOutcome};
use uuid::Uuid;

use super::{
    rules::{self, Revision},
    sample::{Body, quote, unquote},
    table::{self, Member, Values, members},
};
use crate::{Random, resources::kinds};

/// State of a tenant, in plain lists and maps.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) tenant: TenantId,
    pub(super) slug: &'static str,
    /// Records of each kind in the order of their creation.
    tables: BTreeMap<Kind, Vec<Rc<Record>>>,
    pub(super) settings: Members,
    /// Ids of deleted records.
    pub(super) gone: Vec<Uuid>,
    /// Changes in the order in which they were made.
    pub(super) changes: Vec<Change>,
    pub(super) last_instant: Timestamp,
    /// Ids that the engine chose for the records that an operation creates.
    pub(super) news: News,
}

/// The JSON text of each member that is kept.
pub(super) type Members = BTreeMap<&'static str, String>;

#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) id: Uuid,
    pub(super) members: Members,
    /// Stages of a pipeline.
    pub(super) stages: Vec<PlainStage>,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
}

/// A stage of a pipeline.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PlainStage {
    pub(super) id: Uuid,
    pub(super) name: String,
    pub(super) probability: u64,
    pub(super) outcome: String,
}

/// A change of a record, with the record before and after.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) kind: Kind,
    pub(super) id: Uuid,
    pub(super) action: Action,
    pub(super) at: Timestamp,
    pub(super) before: Option<Rc<Record>>,
    pub(super) after: Option<Rc<Record>>,
}

/// Ids that the engine chose, in the order in which it did.
#[derive(Clone, Debug, Default)]
pub(super) struct News {
    pub(super) records: VecDeque<Uuid>,
    pub(super) stages: VecDeque<Uuid>,
}

/// Answer to a caller; a record as JSON text.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Answer {
    Created(String),
    Updated(String),
    Unchanged(String),
    Deleted(Uuid),
    Refused(Refusal),
    Bulk(Vec<Result<Uuid, Refusal>>),
    /// Answers of the verbs of a transaction.
    Several(Vec<Answer>),
}

/// The code of a refusal, and the records that it names.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) code: &'static str,
    pub(super) ids: Vec<Uuid>,
    /// The error, if the engine refused.
    pub(super) error: Option<Error>,
}

impl PartialEq for Refusal {
    fn eq(&self, other: &Self) -> bool {
        (self.code, &self.ids) == (other.code, &other.ids)
    }
}

type Written = Result<(WriteOutcome, Uuid), Refusal>;

pub(super) fn refused<T>(code: &'static str) -> Result<T, Refusal> {
    Err(Refusal { code, ids: Vec::new(), error: None })
}

impl State {
    pub(super) fn new(tenant: TenantId, slug: &'static str) -> Self {
        Self {
            tenant,
            slug,
            tables: kinds().into_iter().map(|kind| (kind, Vec::new())).collect(),
            settings: defaults(&table::SETTINGS),
            gone: Vec::new(),
            changes: Vec::new(),
            last_instant: Timestamp::MIN,
            news: News::default(),
        }
    }

    /// Records of a kind in the order of their creation.
    pub(super) fn all(&self, kind: Kind) -> &[Rc<Record>] {
        &self.tables[&kind]
    }

    pub(super) fn find(&self, kind: Kind, id: Uuid) -> Option<&Rc<Record>> {
        self.all(kind).iter().find(|record| record.id == id)
    }

    /// The record whose id a JSON text is.
    pub(super) fn named(&self, kind: Kind, json: &str) -> Option<&Record> {
        let id = Uuid::try_parse(json.trim_matches('"')).ok()?;
        self.find(kind, id).map(|record| &**record)
    }

    /// Records of a kind whose member is the id of a record or a stage.
    pub(super) fn naming(&self, kind: Kind, member: &str, id: Uuid) -> impl Iterator<Item = &Rc<Record>> {
        let id = quote(&id.to_string());
        self.all(kind).iter().filter(move |record| record.members[member] == id)
    }

    /// A random record of a kind, one of a few as a rule.
    pub(super) fn pick(&self, kind: Kind, random: &mut Random) -> Option<&Record> {
        let all = self.all(kind);
        let few = if random.once_in(3) { all.len() } else { all.len().min(5) };
        all.get(random.below(few)).map(|record| &**record)
    }

    pub(super) fn is_strict(&self) -> bool {
        self.settings["profile"] == "\"strict\""
    }

    /// Instant of the next change, at the earliest that of the clock.
    fn next_instant(&self, now: Timestamp) -> Timestamp {
        now.max(self.last_instant.plus_micros(1))
    }

    pub(super) fn create(&mut self, kind: Kind, body: &Body, now: Timestamp) -> Written {
        let revision = self.revise(kind, members(kind), None, body, now)?;
        let id = self.news.records.pop_front().unwrap_or_default();
        let at = self.tick(now);
        let Revision { members, stages, .. } = revision;
        let record = Record { id, members, stages, created_at: at, updated_at: at };
        let record = Rc::new(record);
        self.table(kind).push(Rc::clone(&record));
        self.enter(Change { kind, id, action: Action::Inserted, at, before: None, after: Some(record) });
        self.note(kind, now);
        self.follow(kind, id, now);
        Ok((WriteOutcome::Created, id))
    }

    pub(super) fn update(&mut self, kind: Kind, id: Uuid, body: &Body, now: Timestamp) -> Written {
        self.update_part(kind, members(kind), id, body, now)
    }

    /// Updates a record by a body of some of its kind's members.
    pub(super) fn update_part(
        &mut self,
        kind: Kind,
        part: &[Member],
        id: Uuid,
        body: &Body,
        now: Timestamp,
    ) -> Written {
        let Some(old) = self.find(kind, id).cloned() else { return refused("not_found") };
        let Revision { members, stages, .. } = self.revise(kind, part, Some(&old), body, now)?;
        if members == old.members && stages == old.stages {
            return Ok((WriteOutcome::Unchanged, id));
        }
        self.change(kind, id, now, |record| (record.members, record.stages) = (members, stages));
        self.follow(kind, id, now);
        Ok((WriteOutcome::Updated, id))
    }

    pub(super) fn upsert(&mut self, kind: Kind, body: &Body, now: Timestamp) -> Written {
        let keys = table::matched_by(kind);
        if keys.iter().any(|key| !body.gives(key) || body.kept(key) == Some("\"\"")) {
            return refused("validation");
        }
        let same = |record: &Record| {
            keys.iter().all(|key| {
                body.kept(key).map(|kept| folded(kind, key, kept))
                    == Some(folded(kind, key, &record.members[key]))
            })
        };
        let matching: Vec<Uuid> =
            self.all(kind).iter().filter(|record| same(record)).map(|record| record.id).collect();
        match *matching {
            [] => self.create(kind, body, now),
            [id] => self.update(kind, id, body, now),
            _ => Err(Refusal { code: "ambiguous", ids: matching, error: None }),
        }
    }

    /// Moves a deal to a stage; a move to the stage that it is in is no change, unless it gives a probability.
    pub(super) fn move_to(&mut self, id: Uuid, body: &Body, now: Timestamp) -> Written {
        let Some(deal) = self.find(Kind::Deal, id) else { return refused("not_found") };
        let is_faulty = lay(members(Kind::Deal), &mut deal.members.clone(), body, self.is_strict());
        if is_faulty || !body.gives("stageId") {
            return refused("validation");
        }
        if body.kept("stageId") == Some(&deal.members["stageId"]) && !body.gives("probability") {
            return Ok((WriteOutcome::Unchanged, id));
        }
        self.update(Kind::Deal, id, body, now)
    }

    /// Deletes a record; those that name it name its heir from then on, or nothing.
    pub(super) fn delete(
        &mut self,
        kind: Kind,
        id: Uuid,
        heir: Option<Uuid>,
        now: Timestamp,
    ) -> Result<Uuid, Refusal> {
        let Some(record) = self.find(kind, id).cloned() else { return refused("not_found") };
        rules::may_go(self, kind, &record)?;
        match heir {
            Some(heir) if heir == id => return refused("validation"),
            Some(heir) if self.find(kind, heir).is_none() => return refused("bad_reference"),
            _ => {}
        }
        let instead = heir.map_or_else(|| "null".to_owned(), |heir| quote(&heir.to_string()));
        for (from, member) in table::links_to(kind) {
            let named: Vec<Uuid> = self.naming(from, member, id).map(|record| record.id).collect();
            for name in named {
                self.change(from, name, now, |record| {
                    record.members.insert(member, instead.clone());
                });
            }
        }
        let at = self.tick(now);
        self.table(kind).retain(|record| record.id != id);
        self.gone.push(id);
        self.enter(Change { kind, id, action: Action::Deleted, at, before: Some(record), after: None });
        self.note(kind, now);
        Ok(id)
    }

    pub(super) fn bulk(&mut self, kind: Kind, bodies: &[Body], is_atomic: bool, now: Timestamp) -> Answer {
        if bodies.is_empty() || bodies.len() > 100 {
            return Answer::Refused(Refusal { code: "validation", ids: Vec::new(), error: None });
        }
        let before = self.clone();
        let items: Vec<_> =
            bodies.iter().map(|body| self.create(kind, body, now).map(|(_, id)| id)).collect();
        match items.iter().find_map(|item| item.as_ref().err()) {
            Some(refusal) if is_atomic => {
                *self = before;
                Answer::Refused(Refusal { code: refusal.code, ids: Vec::new(), error: None })
            }
            _ => Answer::Bulk(items),
        }
    }

    /// Updates the settings by a body.
    pub(super) fn choose(&mut self, body: &Body) -> Result<WriteOutcome, Refusal> {
        let mut settings = self.settings.clone();
        if lay(&table::SETTINGS, &mut settings, body, self.is_strict()) {
            return refused("validation");
        }
        let outcome = if settings == self.settings { WriteOutcome::Unchanged } else { WriteOutcome::Updated };
        self.settings = settings;
        Ok(outcome)
    }

    /// The revision of a record of a kind by a body, or of a new record.
    fn revise(
        &mut self,
        kind: Kind,
        part: &[Member],
        old: Option<&Record>,
        body: &Body,
        now: Timestamp,
    ) -> Result<Revision, Refusal> {
        let members = old.map_or_else(|| kept_of_new(kind), |old| old.members.clone());
        let stages = old.map(|old| old.stages.clone()).unwrap_or_default();
        let mut revision = Revision::new(members, stages, self.next_instant(now));
        revision.is_wrong = lay(part, &mut revision.members, body, self.is_strict());
        rules::settle(self, kind, old, body, &mut revision);
        revision.leads_nowhere |= part.iter().any(|member| match member.values {
            Values::Reference(target) => {
                let json = &revision.members[member.name];
                json != "null" && self.named(target, json).is_none()
            }
            _ => false,
        });
        if let Some(code) = revision.fault() {
            return refused(code);
        }
        self.check_key(kind, old, &revision.members)?;
        Ok(revision)
    }

    fn check_key(&self, kind: Kind, old: Option<&Record>, new: &Members) -> Result<(), Refusal> {
        let Some(key) = table::natural_key(kind).filter(|key| new[key] != "null") else { return Ok(()) };
        let same =
            |record: &&Rc<Record>| folded(kind, key, &record.members[key]) == folded(kind, key, &new[key]);
        match self.all(kind).iter().find(same) {
            Some(other) if Some(other.id) != old.map(|old| old.id) => {
                Err(Refusal { code: "duplicate", ids: vec![other.id], error: None })
            }
            _ => Ok(()),
        }
    }

    /// Keeps only one pipeline the default.
    fn follow(&mut self, kind: Kind, id: Uuid, now: Timestamp) {
        let is_default = |record: &Record| record.members["isDefault"] == "true";
        if kind != Kind::Pipeline || !self.find(kind, id).is_some_and(|record| is_default(record)) {
            return;
        }
        let other = self.all(kind).iter().find(|other| other.id != id && is_default(other));
        if let Some(other) = other.map(|other| other.id) {
            self.change(kind, other, now, |record| {
                record.members.insert("isDefault", "false".to_owned());
            });
        }
    }

    fn change(&mut self, kind: Kind, id: Uuid, now: Timestamp, work: impl FnOnce(&mut Record)) {
        let at = self.tick(now);
        let before = self.find(kind, id).cloned();
        if let Some(record) = self.table(kind).iter_mut().find(|record| record.id == id) {
            let record = Rc::make_mut(record);
            work(record);
            record.updated_at = at;
        }
        let after = self.find(kind, id).cloned();
        self.enter(Change { kind, id, action: Action::Updated, at, before, after });
        self.note(kind, now);
    }

    fn table(&mut self, kind: Kind) -> &mut Vec<Rc<Record>> {
        self.tables.entry(kind).or_default()
    }

    fn enter(&mut self, change: Change) {
        if Kind::IN_FEED.contains(&change.kind) {
            self.changes.push(change);
        }
    }

    /// Notes an administrative act in the audit trail, which takes an instant of its own.
    fn note(&mut self, kind: Kind, now: Timestamp) {
        match kind {
            Kind::User | Kind::ApiKey | Kind::Tenant | Kind::Webhook => drop(self.tick(now)),
            Kind::Contact
            | Kind::Company
            | Kind::Deal
            | Kind::Activity
            | Kind::Pipeline
            | Kind::AuditEntry => {}
        }
    }

    fn tick(&mut self, now: Timestamp) -> Timestamp {
        self.last_instant = self.next_instant(now);
        self.last_instant
    }
}

/// Applies a body to members; true when it has a fault.
fn lay(part: &[Member], members: &mut Members, body: &Body, is_strict: bool) -> bool {
    for given in &body.given {
        if let Some(kept) = &given.kept {
            members.insert(given.place, kept.clone());
        }
    }
    let lacks = |member: &Member| member.is_required && matches!(&*members[member.place], "null" | "\"\"");
    let is_lacking = part.iter().any(lacks);
    let is_faulty = body.given.iter().any(|given| given.kept.is_none());
    is_lacking || is_faulty || is_strict && body.unknown_name.is_some()
}

fn defaults(part: &[Member]) -> Members {
    let kept = |member: &&Member| member.values != Values::Made;
    part.iter().filter(kept).map(|member| (member.place, member.default.to_owned())).collect()
}

fn kept_of_new(kind: Kind) -> Members {
    let mut members = defaults(members(kind));
    if kind == Kind::Deal {
        members.extend(defaults(&table::BANT));
    }
    members
}

/// Form in which two values of a member are compared.
pub(super) fn folded(kind: Kind, name: &str, json: &str) -> String {
    match table::natural_key(kind) {
        Some("email") if name == "email" => mailbox(&unquote(json)),
        Some(key) if name == key => unquote(json).to_lowercase(),
        _ => json.to_owned(),
    }
}

/// Form in which addresses are compared, as far as samples go: letter by letter, and never from beyond ASCII to ASCII.
pub(super) fn mailbox(email: &str) -> String {
    let small = |c: char| c.to_lowercase().next().filter(|small| small.is_ascii() == c.is_ascii());
    let lower: String = email.chars().map(|c| small(c).unwrap_or(c)).collect();
    lower.replace("e\u{301}", "é").replace("@münchen.", "@xn--mnchen-3ya.")
}
