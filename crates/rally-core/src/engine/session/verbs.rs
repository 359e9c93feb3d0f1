//! The verbs of a session, each a transaction of its own. Typed collections and those for adapters are made of them.

use std::marker::PhantomData;

use uuid::Uuid;

use super::{Session, WriteOptions, enlisted};
use crate::{
    base::{Code, Error, Faults, Id, limits},
    engine::{
        keys::spaces,
        schema::{Body, Given, Resource, Row, TenantInfo},
        write::{
            self, Answer, Bulkable, Committed, Creatable, Definition, Deleted, Deletion, Draft, Editable,
            ItemAnswer, LinksAtOnce, Precondition, Preparation, Refusal, Subject, Transaction, Upsertable,
            Work, Written,
        },
    },
    store::Key,
};

/// The verbs of a session on the records of a resource.
pub(crate) struct Verbs<'s, R> {
    pub(crate) session: &'s Session,
    of: PhantomData<fn() -> R>,
}

/// Outcomes of the items of a bulk, in the order in which the items were given.
#[derive(Clone, Debug)]
pub struct Bulk<R> {
    /// The record of each item, or why there is none.
    pub items: Vec<BulkItem<R>>,
    /// True when this is the kept answer of an earlier write with the same idempotency key.
    pub replayed: bool,
}

/// The record of one item, or why there is none.
pub type BulkItem<R> = Result<Id<R>, Error>;

/// Treatment of good items when others of the same bulk are bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Atomicity {
    /// Good items are applied, bad ones are not.
    EachByItself,
    /// If one item is bad, none is applied.
    AllOrNothing,
}

/// The act of creating many records, as idempotency keys name it.
const CREATE_MANY: &str = "bulk";

/// The definition of a resource for a tenant.
pub(super) fn definition<R: Editable>(tenant: &TenantInfo) -> Definition {
    R::definition().of_tenant(tenant)
}

/// Reads the draft or the update of a host, and prepares it.
pub(super) fn body_of<'g, R: Editable>(
    tenant: &TenantInfo,
    preparation: Preparation<'_>,
    given: &'g Given,
) -> Result<Body<'g>, Error> {
    prepared::<R>(tenant, preparation, Body::of(tenant.model::<R>(), given))
}

/// Reads a JSON object, and prepares it; `what` is its name in an error.
pub(super) fn body_of_json<'j, R: Editable>(
    tenant: &TenantInfo,
    preparation: Preparation<'_>,
    json: &'j [u8],
    what: &str,
) -> Result<Body<'j>, Error> {
    let body = Body::read(tenant.model::<R>(), json, tenant.profile, what)?;
    prepared::<R>(tenant, preparation, body)
}

fn prepared<'b, R: Editable>(
    tenant: &TenantInfo,
    preparation: Preparation<'_>,
    mut body: Body<'b>,
) -> Result<Body<'b>, Error> {
    // Preparing may take tens of milliseconds (a password's hash), which a body that is refused anyway does not get.
    if body.faults.is_empty() {
        (definition::<R>(tenant).rules.prepare)(preparation, &mut body)?;
    }
    Ok(body)
}

impl<'s, R: Editable> Verbs<'s, R> {
    pub(crate) fn new(session: &'s Session) -> Self {
        Self { session, of: PhantomData }
    }

    pub(crate) fn definition(&self) -> Definition {
        definition::<R>(self.session.tenant())
    }

    /// The record with an id, or new ones without.
    pub(crate) fn subject(&self, id: Option<Id<R>>) -> Subject {
        match id {
            Some(id) => Subject::Known(id.as_uuid()),
            None => self.session.new_records(R::KIND),
        }
    }

    /// Reads the draft or the update of a host.
    pub(crate) fn body<'g>(&self, given: &'g Given) -> Result<Body<'g>, Error> {
        body_of::<R>(self.session.tenant(), self.session.preparation(), given)
    }

    /// Reads the drafts of a host.
    pub(super) fn bodies<'g>(&self, drafts: &'g [impl Draft<R>]) -> Vec<Result<Body<'g>, Error>>
    where
        R: Creatable,
    {
        drafts.iter().map(|draft| self.body(draft.given())).collect()
    }

    /// Reads a JSON object; `what` is its name in an error.
    pub(crate) fn body_of_json<'j>(&self, json: &'j [u8], what: &str) -> Result<Body<'j>, Error> {
        body_of_json::<R>(self.session.tenant(), self.session.preparation(), json, what)
    }

    pub(crate) fn update(
        &self,
        id: Id<R>,
        body: &Body<'_>,
        options: &WriteOptions,
    ) -> Result<Written<Row<R>>, Error> {
        let definition = self.definition();
        let options = options.for_act::<R>("update", Some(id.as_uuid()));
        self.write_one(Some(id), &options, body, &mut |transaction| {
            write::update(transaction, definition, id.as_uuid(), body, options.precondition())
        })
    }

    /// Writes one record, and answers it with its joined members.
    pub(crate) fn write_one(
        &self,
        id: Option<Id<R>>,
        options: &WriteOptions,
        body: &Body<'_>,
        work: Work<'_>,
    ) -> Result<Written<Row<R>>, Error> {
        let model = self.session.tenant().model::<R>();
        let reads = || write::keys_ahead(model, self.subject(id), [body]);
        let committed =
            self.session.commit(options.idempotency_key.as_ref(), &reads, &mut |transaction| {
                work(transaction)?.joined(transaction, model)
            })?;
        written(self.session.tenant(), committed.answer, committed.replayed)
    }
}

/// The record that a write has answered.
pub(super) fn written<R: Resource>(
    tenant: &TenantInfo,
    answer: Answer,
    replayed: bool,
) -> Result<Written<Row<R>>, Error> {
    match answer {
        Answer::Written { outcome, id, record, joined } => {
            let record = Row::new(tenant.id, id, record).with_joined(joined);
            Ok(Written { outcome, record, replayed })
        }
        _ => Err(Answer::of_another_kind()),
    }
}

impl<R: Creatable> Verbs<'_, R> {
    pub(super) fn create(&self, body: &Body<'_>, options: &WriteOptions) -> Result<Written<Row<R>>, Error> {
        let definition = self.definition();
        if definition.rules.subscribes {
            enlisted::enlist(self.session)?;
        }
        let options = options.for_act::<R>("create", None);
        self.write_one(None, &options, body, &mut |transaction| write::create(transaction, definition, body))
    }

    pub(super) fn delete(&self, id: Id<R>, options: &WriteOptions) -> Result<Deleted<R>, Error> {
        self.delete_for(id, None, options)
    }

    /// Deletes a record, and leads the references to it to another one of the kind, if one is given.
    ///
    /// More of them than are changed at once are changed in transactions of their own before the record goes, so that
    /// others write in between and memory stays bounded. If that is interrupted, the record is still there, with fewer
    /// references, and can be deleted again.
    pub(crate) fn delete_for(
        &self,
        id: Id<R>,
        heir: Option<Id<R>>,
        options: &WriteOptions,
    ) -> Result<Deleted<R>, Error> {
        self.session.require(R::WRITE)?;
        let config = self.session.engine().config();
        let at_once = LinksAtOnce { records: config.links_at_once.max(1), bytes: config.link_bytes_at_once };
        let (id, heir) = (id.as_uuid(), heir.map(Id::as_uuid));
        let deletion = Deletion { definition: self.definition(), id, heir, at_once };
        let per_step = config.links_per_step.clamp(1, at_once.records);
        let step = Deletion { at_once: LinksAtOnce { records: per_step, ..at_once }, ..deletion };
        // The same deletion with another heir is another request, which a kept answer must not answer.
        let act = heir.map_or_else(|| "delete".to_owned(), |heir| format!("delete for {heir}"));
        let options = options.for_act::<R>(&act, Some(id));
        let mut are_few = true;
        for _ in 0..config.deletion_steps.max(1) {
            if are_few && let Some(deleted) = self.delete_at_once(&deletion, &options)? {
                return Ok(deleted);
            }
            are_few = self.detach_some(&step, &options)?;
        }
        let kind = R::KIND;
        let detail =
            format!("records came to name this {kind} as fast as they were cleared; delete it again");
        Err(Error::new(Code::LimitExceeded, detail))
    }

    /// Deletes a record in one transaction; `None` if more references lead to it than are changed at once.
    fn delete_at_once(
        &self,
        deletion: &Deletion,
        options: &WriteOptions,
    ) -> Result<Option<Deleted<R>>, Error> {
        let mut are_too_many = false;
        let committed = self.session.commit(
            options.idempotency_key.as_ref(),
            &|| self.keys_of(deletion),
            &mut |transaction| {
                let answer = deletion.run(transaction, options.precondition());
                are_too_many = matches!(answer, Err(Refusal::TooMany));
                answer.map_err(|refusal| refusal.or(Error::internal("the deletion goes on step by step")))
            },
        );
        match committed {
            Err(_) if are_too_many => Ok(None),
            Err(error) => Err(error),
            Ok(Committed { answer: Answer::Deleted { id }, replayed, .. }) => {
                Ok(Some(Deleted { id: Id::from_uuid(id), replayed }))
            }
            Ok(_) => Err(Answer::of_another_kind()),
        }
    }

    /// Changes some references to a record in a transaction of their own; true if none is left, or the record is gone.
    fn detach_some(&self, deletion: &Deletion, options: &WriteOptions) -> Result<bool, Error> {
        let mut are_all = false;
        let detached = self.session.commit(None, &|| self.keys_of(deletion), &mut |transaction| {
            are_all = deletion.detach_some(transaction, options.precondition())?;
            Ok(Answer::Nothing)
        });
        match detached {
            Ok(_) => Ok(are_all),
            // Whoever has deleted it may have used the same key, so the next attempt tells.
            Err(error) if error.is_not_found() => Ok(true),
            Err(error) => Err(error),
        }
    }

    fn keys_of(&self, deletion: &Deletion) -> Vec<Key> {
        let kind = deletion.definition.kind();
        let heir = deletion.heir.map(|heir| spaces::record(kind, heir));
        let keys = write::keys_ahead(deletion.definition.model, Subject::Gone(deletion.id), []);
        keys.into_iter().chain(heir).collect()
    }
}

impl<R: Upsertable> Verbs<'_, R> {
    pub(super) fn upsert(&self, body: &Body<'_>, options: &WriteOptions) -> Result<Written<Row<R>>, Error> {
        let definition = self.definition();
        let options = options.for_act::<R>("upsert", None);
        self.write_one(None, &options, body, &mut |transaction| {
            write::upsert(transaction, definition, R::matched_by(), body, options.precondition())
        })
    }

    pub(super) fn upsert_many(
        &self,
        bodies: &[Result<Body<'_>, Error>],
        atomicity: Atomicity,
        options: &WriteOptions,
    ) -> Result<Bulk<R>, Error> {
        let definition = self.definition();
        let reads = || write::keys_ahead(definition.model, self.subject(None), bodies.iter().flatten());
        self.each("upsert", bodies, atomicity, options, &reads, |transaction, body| {
            write::upsert(transaction, definition, R::matched_by(), body, Precondition::NONE)
        })
    }
}

impl<R: Bulkable> Verbs<'_, R> {
    /// Reads a JSON array of drafts.
    pub(super) fn bodies_of_json<'j>(&self, json: &'j [u8]) -> Result<Vec<Result<Body<'j>, Error>>, Error> {
        let (tenant, preparation) = (self.session.tenant(), self.session.preparation());
        let bodies = Body::read_each(tenant.model::<R>(), json, tenant.profile, limits::BULK_ITEMS)?;
        let prepare =
            |body: Result<Body<'j>, Error>| body.and_then(|body| prepared::<R>(tenant, preparation, body));
        Ok(bodies.into_iter().map(prepare).collect())
    }

    pub(super) fn create_many(
        &self,
        bodies: &[Result<Body<'_>, Error>],
        atomicity: Atomicity,
        options: &WriteOptions,
    ) -> Result<Bulk<R>, Error> {
        let definition = self.definition();
        let reads = || write::keys_ahead(definition.model, self.subject(None), bodies.iter().flatten());
        self.each(CREATE_MANY, bodies, atomicity, options, &reads, |transaction, body| {
            write::create(transaction, definition, body)
        })
    }
}

impl<R: Editable> Verbs<'_, R> {
    /// Runs a verb on each of several items, in one transaction. A bad item does not keep good ones from being
    /// applied, unless `atomicity` is all or nothing.
    pub(crate) fn each<T>(
        &self,
        act: &str,
        items: &[Result<T, Error>],
        atomicity: Atomicity,
        options: &WriteOptions,
        reads: &dyn Fn() -> Vec<Key>,
        mut verb: impl FnMut(&mut Transaction<'_>, &T) -> Result<Answer, Error>,
    ) -> Result<Bulk<R>, Error> {
        self.session.require(R::WRITE)?;
        if items.is_empty() || items.len() > limits::BULK_ITEMS {
            return Err(Faults::one("items", format!("must be 1 to {}", limits::BULK_ITEMS)).into());
        }
        let is_atomic = atomicity == Atomicity::AllOrNothing;
        let done = if act == CREATE_MANY { "created" } else { "written" };
        // The same items under the other treatment are another request, which a kept answer must not answer.
        let act = if is_atomic { format!("atomic {act}") } else { act.to_owned() };
        let options = options.for_act::<R>(&act, None);
        let key = options.idempotency_key.as_ref();
        let committed = self.session.commit(key, reads, &mut |transaction| {
            let mut answers = Vec::with_capacity(items.len());
            for item in items {
                let answer = item.as_ref().map_err(Clone::clone).and_then(|item| verb(transaction, item));
                answers.push(match answer {
                    Ok(Answer::Written { id, .. }) => Ok(id),
                    Ok(_) => return Err(Answer::of_another_kind()),
                    Err(error) if error.is_about_input() => Err(error),
                    Err(error) => return Err(error),
                });
            }
            match all_faults(&answers, done) {
                Some(error) if is_atomic => Err(error),
                _ => Ok(Answer::Bulk { items: answers }),
            }
        })?;
        let Answer::Bulk { items } = committed.answer else { return Err(Answer::of_another_kind()) };
        let items = items.into_iter().map(|item| item.map(Id::from_uuid)).collect();
        Ok(Bulk { items, replayed: committed.replayed })
    }
}

/// The faults of all items together; `done` is the word for what was done with none of them.
fn all_faults(items: &[ItemAnswer], done: &str) -> Option<Error> {
    let mut first = None;
    let mut faults = Faults::new();
    let mut failed = 0;
    for (index, item) in items.iter().enumerate() {
        let Err(error) = item else { continue };
        failed += 1;
        first = first.or(Some(error.code()));
        if error.faults().is_empty() {
            faults.add(&format!("items[{index}]"), error.detail());
        }
        faults.add_all(&format!("items[{index}]."), error.faults().clone());
    }
    let detail = format!("{failed} of {} items are invalid, so none was {done}", items.len());
    first.map(|code| Error::new(code, detail).with_faults(faults))
}

impl WriteOptions {
    /// These options for one verb only, so that an idempotency key is never answered for another.
    pub(crate) fn for_act<R: Resource>(&self, act: &str, id: Option<Uuid>) -> Self {
        let (key, act) = (self.idempotency_key.as_ref(), format!("{act} {}", R::PART));
        Self { idempotency_key: key.map(|key| key.for_act(&act, R::KIND, id)), ..self.clone() }
    }
}

impl<R: Resource> Written<Row<R>> {
    /// The same with the record as a Rust value.
    pub(crate) fn typed(self) -> Result<Written<R>, Error> {
        let Self { outcome, record, replayed } = self;
        Ok(Written { outcome, record: record.read()?, replayed })
    }

    /// The same, after the commit: that a record cannot be read does not say that it was not written.
    pub(crate) fn typed_after_commit(self) -> Result<Written<R>, Error> {
        self.typed().map_err(Error::with_unknown_outcome)
    }
}
