use uuid::Uuid;

use super::{
    Bytes, Change, Collection, Creatable, Deleted, Draft, Editable, Json, Member, Outcome, Resource,
    Upsertable, Written,
    body::{Body, Slots},
    codec::RecordParts,
    revision::Revision,
    rule::{self, Rule},
    sequence::Sequence,
    spaces,
    stage::{Of, Stage, slots_of},
    write::WriteOptions,
    written::Answer,
};
use crate::{
    base::{Code, Error, Id, Kind, Timestamp},
    store::Key,
};

impl<R: Creatable> Collection<'_, R> {
    /// Adds a record.
    ///
    /// # Errors
    /// [`Code::Validation`] with all that is wrong with the draft, [`Code::BadReference`] or [`Code::Duplicate`].
    pub fn create(&self, draft: &impl Draft<R>) -> Result<Written<R>, Error> {
        self.create_with(draft, &WriteOptions::default())
    }

    /// [`create`](Collection::create), with options.
    ///
    /// # Errors
    /// Those of `create`, and those of the options.
    pub fn create_with(&self, draft: &impl Draft<R>, options: &WriteOptions) -> Result<Written<R>, Error> {
        self.session.require(R::WRITE)?;
        let json = draft.to_json();
        let body = self.body(&json)?;
        self.write_one(None, &options.for_act::<R>("create", None), &body, &mut |stage| {
            create::<R>(stage, &body)
        })
    }

    /// Takes a record away. What names it names nothing any more, and changes by that.
    ///
    /// # Errors
    /// [`Code::NotFound`]; [`Code::LimitExceeded`] when more than [`limits::LINKS`](crate::limits::LINKS) records name it; what the resource
    /// has against it.
    pub fn delete(&self, id: Id<R>) -> Result<Deleted<R>, Error> {
        self.delete_with(id, &WriteOptions::default())
    }

    /// [`delete`](Collection::delete), with options.
    ///
    /// # Errors
    /// Those of `delete`, and those of the options.
    pub fn delete_with(&self, id: Id<R>, options: &WriteOptions) -> Result<Deleted<R>, Error> {
        self.session.require(R::WRITE)?;
        let options = options.for_act("delete", Some(id));
        let id = id.as_uuid();
        let done = self.session.write_knowing(&options, &|| keys_ahead::<R>(Some(id), []), &mut |stage| {
            let (of, old) = (Of::resource::<R>(), existing::<R>(stage, id, options.if_version)?);
            (of.model.rules.keep)(stage, id, &old)?;
            stage.delete(of, id, &old)?;
            Ok(Answer::Deleted { id })
        })?;
        match done.answer {
            Answer::Deleted { id } => Ok(Deleted { id: Id::from_uuid(id), replayed: done.replayed }),
            _ => Err(Answer::of_another_kind()),
        }
    }
}

impl<R: Editable> Collection<'_, R> {
    /// Lays a change over a record. A change that makes no difference writes nothing.
    ///
    /// # Errors
    /// [`Code::NotFound`]; [`Code::Validation`] with all that is wrong with the change, [`Code::BadReference`] or
    /// [`Code::Duplicate`].
    pub fn update(&self, id: Id<R>, change: &impl Change<R>) -> Result<Written<R>, Error> {
        self.update_with(id, change, &WriteOptions::default())
    }

    /// [`update`](Collection::update), with options.
    ///
    /// # Errors
    /// Those of `update`, and those of the options.
    pub fn update_with(
        &self,
        id: Id<R>,
        change: &impl Change<R>,
        options: &WriteOptions,
    ) -> Result<Written<R>, Error> {
        self.session.require(R::WRITE)?;
        let json = change.to_json();
        let body = self.body(&json)?;
        let options = options.for_act("update", Some(id));
        self.write_one(Some(id), &options, &body, &mut |stage| {
            merge::<R>(stage, id.as_uuid(), &body, options.if_version)
        })
    }
}

impl<R: Resource> Collection<'_, R> {
    pub(crate) fn body<'j>(&self, json: &'j [u8]) -> Result<Body<'j>, Error> {
        self.body_called(json, "the body")
    }

    /// Reads a body and prepares what it says; `what` is its name in an error.
    pub(crate) fn body_called<'j>(&self, json: &'j [u8], what: &str) -> Result<Body<'j>, Error> {
        let mut body = Body::read(R::model(), json, self.session.tenant().profile, what)?;
        if body.faults.is_empty() {
            (R::model().rules.prepare)(self.session, &mut body)?;
        }
        Ok(body)
    }

    /// Writes one record of what a body says, and answers it.
    pub(crate) fn write_one(
        &self,
        id: Option<Id<R>>,
        options: &WriteOptions,
        body: &Body<'_>,
        work: &mut dyn FnMut(&mut Stage<'_>) -> Result<Answer, Error>,
    ) -> Result<Written<R>, Error> {
        let ahead = || keys_ahead::<R>(id.map(Id::as_uuid), [body]);
        let done =
            self.session.write_knowing(options, &ahead, &mut |stage| work(stage)?.joined::<R>(stage))?;
        match done.answer {
            Answer::Written { outcome, id, record, joined } => {
                let row = self.row(id, record).with_joined(joined);
                Ok(Written { outcome, row, replayed: done.replayed })
            }
            _ => Err(Answer::of_another_kind()),
        }
    }
}

impl<R: Upsertable> Collection<'_, R> {
    /// Updates the one record that the draft matches, or adds one.
    ///
    /// # Errors
    /// Those of [`create`](Collection::create) and [`update`](Collection::update); [`Code::Validation`] without what
    /// records are matched by, and [`Code::Ambiguous`] when there are several.
    pub fn upsert(&self, draft: &impl Draft<R>) -> Result<Written<R>, Error> {
        let json = draft.to_json();
        self.upsert_with(&Json(&json), &WriteOptions::default())
    }

    /// [`upsert`](Collection::upsert), with options; the JSON may be of a draft or of a change with the members that
    /// records are matched by.
    ///
    /// # Errors
    /// Those of `upsert`, and those of the options.
    pub fn upsert_with(&self, json: &Json<'_>, options: &WriteOptions) -> Result<Written<R>, Error> {
        self.session.require(R::WRITE)?;
        let body = self.body(json.0)?;
        let options = options.for_act::<R>("upsert", None);
        self.write_one(None, &options, &body, &mut |stage| match matching::<R>(stage, &body)? {
            Some(id) => merge::<R>(stage, id, &body, options.if_version),
            None if options.if_version.is_some() => Err(stale()),
            None => create::<R>(stage, &body),
        })
    }
}

/// The keys that a write of these bodies reads before it decides anything.
pub(crate) fn keys_ahead<'b, R: Resource>(
    id: Option<Uuid>,
    bodies: impl IntoIterator<Item = &'b Body<'b>>,
) -> Vec<Key> {
    let mut keys = Sequence::keys(R::KIND).to_vec();
    keys.extend(id.map(|id| spaces::record(R::KIND, id)));
    for body in bodies {
        for (slot, _, fold) in R::model().natural_keys() {
            let folded = body.value(slot).and_then(|json| fold(&rule::unquote(json.as_bytes())));
            keys.extend(folded.map(|folded| spaces::unique(R::KIND, slot, &folded)));
        }
        for (member, value) in body.values(R::model()) {
            keys.extend(keys_of_reference(R::KIND, member, value));
        }
    }
    keys
}

/// Where the record is that a member names, and the newest of those that name it.
fn keys_of_reference(kind: Kind, member: &Member, value: &str) -> Vec<Key> {
    let (Rule::Reference(of), Some(target)) = (member.rule, rule::reference_id(value.as_bytes())) else {
        return Vec::new();
    };
    let newest = member.index.filter(|_| member.keeps_newest);
    let newest = newest.map(|index| spaces::newest(kind, index, target));
    [spaces::record(of, target)].into_iter().chain(newest).collect()
}

/// Adds a record of what a body gives.
pub(crate) fn create<R: Resource>(stage: &mut Stage<'_>, body: &Body<'_>) -> Result<Answer, Error> {
    let (old, new) = Revision::create(stage, Of::resource::<R>(), body)?.into_members()?;
    add::<R>(stage, &old, &new)
}

/// Adds a record whose members are put together already.
pub(crate) fn create_checked<R: Resource>(stage: &mut Stage<'_>, slots: &Slots<'_>) -> Result<Answer, Error> {
    add::<R>(stage, &Slots::default(), slots)
}

fn add<R: Resource>(stage: &mut Stage<'_>, old: &Slots<'_>, new: &Slots<'_>) -> Result<Answer, Error> {
    let of = Of::resource::<R>();
    stage.check_keys(of, None, old, new)?;
    let (id, record) = stage.create(of, new)?;
    (of.model.rules.follow)(stage, id, &record)?;
    Ok(Answer::written(Outcome::Created, id, record))
}

/// Gives one member another value without that being a change of the record.
pub(crate) fn touch<R: Resource>(
    stage: &mut Stage<'_>,
    id: Uuid,
    slot: u8,
    json: String,
) -> Result<Answer, Error> {
    let record = existing::<R>(stage, id, None)?;
    let slots = with_value(slots_of(&RecordParts::read(&record)?)?, slot, json);
    stage.touch(Of::resource::<R>(), id, &record, &slots)?;
    Ok(Answer::Nothing)
}

/// Gives one member another value, as the engine's own rules ask for it; the same one again is no change.
pub(crate) fn change<R: Resource>(
    stage: &mut Stage<'_>,
    id: Uuid,
    slot: u8,
    json: String,
) -> Result<Answer, Error> {
    let record = existing::<R>(stage, id, None)?;
    let old = slots_of(&RecordParts::read(&record)?)?;
    let new = with_value(old.clone(), slot, json);
    replace::<R>(stage, id, &record, &old, &new)
}

fn with_value(mut slots: Slots<'_>, slot: u8, json: String) -> Slots<'_> {
    if let Some(value) = slots.get_mut(usize::from(slot)) {
        *value = json.into();
    }
    slots
}

/// Lays a body over a record.
pub(crate) fn merge<R: Resource>(
    stage: &mut Stage<'_>,
    id: Uuid,
    body: &Body<'_>,
    if_version: Option<Timestamp>,
) -> Result<Answer, Error> {
    let record = existing::<R>(stage, id, if_version)?;
    let (old, new) = Revision::update(stage, Of::resource::<R>(), id, &record, body)?.into_members()?;
    replace::<R>(stage, id, &record, &old, &new)
}

/// Stores a record's new members; the same ones again are no change.
fn replace<R: Resource>(
    stage: &mut Stage<'_>,
    id: Uuid,
    record: &Bytes,
    old: &Slots<'_>,
    new: &Slots<'_>,
) -> Result<Answer, Error> {
    if new == old {
        return Ok(Answer::written(Outcome::Unchanged, id, record.clone()));
    }
    let of = Of::resource::<R>();
    stage.check_keys(of, Some(id), old, new)?;
    let record = stage.update(of, id, record, new)?;
    (of.model.rules.follow)(stage, id, &record)?;
    Ok(Answer::written(Outcome::Updated, id, record))
}

/// The record with an id, as far as it is at the version asked for.
pub(crate) fn existing<R: Resource>(
    stage: &Stage<'_>,
    id: Uuid,
    if_version: Option<Timestamp>,
) -> Result<Bytes, Error> {
    let record = stage.find(R::KIND, id)?.ok_or_else(|| Error::not_found(R::KIND.noun()))?;
    match if_version {
        Some(version) if RecordParts::read(&record)?.updated_at != version => Err(stale()),
        _ => Ok(record),
    }
}

/// The one record that a body matches, if there is one.
fn matching<R: Upsertable>(stage: &Stage<'_>, body: &Body<'_>) -> Result<Option<Uuid>, Error> {
    let (of, matching) = (Of::resource::<R>(), R::matched_by());
    let missing = matching.missing(of, body);
    if !missing.is_empty() {
        return Err(incomplete(stage, of, body, &missing));
    }
    match matching.find(stage, of, body)?.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(*one)),
        several => Err(ambiguous(R::KIND, several.to_vec())),
    }
}

/// Tells of a body that says too little to match anything, and of all else that is wrong with it.
fn incomplete(stage: &Stage<'_>, of: Of, body: &Body<'_>, missing: &[&str]) -> Error {
    match Revision::create(stage, of, body) {
        Ok(mut revision) => {
            let told = revision.wrong.clone();
            for name in missing.iter().filter(|name| !told.by_member().contains_key(**name)) {
                revision.wrong.add(name, "is required for an upsert");
            }
            revision.wrong.add_all("", std::mem::take(&mut revision.unknown));
            revision.wrong.into()
        }
        Err(error) => error,
    }
}

fn ambiguous(kind: Kind, matching: Vec<Uuid>) -> Error {
    let detail = format!("several {} match; change one of them by its id", kind.plural());
    Error::new(Code::Ambiguous, detail).with_matching(matching)
}

fn stale() -> Error {
    Error::new(Code::PreconditionFailed, "the record is not at this version any more; read it anew")
}
