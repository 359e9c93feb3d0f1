use uuid::Uuid;

use super::{
    Bytes, Change, Collection, Deleted, Draft, Editable, Json, Outcome, Resource, Row, Session, Upsertable,
    Written,
    body::{Body, Slots},
    codec::RecordParts,
    collection::damaged_key,
    rule::{self, Rule},
    sequence::Sequence,
    spaces,
    stage::{Of, Stage, slots_of},
    write::{Done, WriteOptions},
    written::Answer,
};
use crate::{
    base::{Code, Error, Id, Timestamp, limits},
    store::{Direction, Key, KeyRange, Snapshot, read_uuid},
};

impl<R: Editable> Collection<'_, R> {
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
        let options = options.for_act::<R>("create", None);
        let done =
            self.session.write_knowing(&options, &|| keys_ahead::<R>(None, [&body]), &mut |stage| {
                create::<R>(stage, &body)
            })?;
        self.written(done)
    }

    /// Lays a change over a record. A change that makes no difference writes nothing.
    ///
    /// # Errors
    /// [`Code::NotFound`], and those of [`create`](Collection::create).
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
        let id = id.as_uuid();
        let done =
            self.session.write_knowing(&options, &|| keys_ahead::<R>(Some(id), [&body]), &mut |stage| {
                merge::<R>(stage, id, &body, options.if_version)
            })?;
        self.written(done)
    }

    /// Takes a record away.
    ///
    /// # Errors
    /// [`Code::NotFound`].
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
            let old = existing::<R>(stage, id, options.if_version)?;
            stage.delete(of::<R>(), id, &old)?;
            Ok(Answer::Deleted { id })
        })?;
        match done.answer {
            Answer::Deleted { id } => Ok(Deleted { id: Id::from_uuid(id), replayed: done.replayed }),
            _ => Err(Answer::of_another_kind()),
        }
    }

    fn written(&self, done: Done) -> Result<Written<R>, Error> {
        match done.answer {
            Answer::Written { outcome, id, record } => {
                Ok(Written { outcome, row: self.row(id, record), replayed: done.replayed })
            }
            _ => Err(Answer::of_another_kind()),
        }
    }
}

impl<R: Resource> Collection<'_, R> {
    pub(crate) fn body<'j>(&self, json: &'j [u8]) -> Result<Body<'j>, Error> {
        Body::read(R::model(), json, self.session.tenant().profile, "the body")
    }
}

impl<R: Upsertable> Collection<'_, R> {
    /// Updates the record with the draft's natural key, or adds one.
    ///
    /// # Errors
    /// Those of [`create`](Collection::create) and [`update`](Collection::update); [`Code::Validation`] without a
    /// natural key.
    pub fn upsert(&self, draft: &impl Draft<R>) -> Result<Written<R>, Error> {
        let json = draft.to_json();
        self.upsert_with(&Json(&json), &WriteOptions::default())
    }

    /// [`upsert`](Collection::upsert), with options; the JSON may be of a draft or of a change with the natural key.
    ///
    /// # Errors
    /// Those of `upsert`, and those of the options.
    pub fn upsert_with(&self, json: &Json<'_>, options: &WriteOptions) -> Result<Written<R>, Error> {
        self.session.require(R::WRITE)?;
        let body = self.body(json.0)?;
        let options = options.for_act::<R>("upsert", None);
        let ahead = || keys_ahead::<R>(None, [&body]);
        let done = self.session.write_knowing(&options, &ahead, &mut |stage| match natural_owner::<R>(
            stage, &body,
        )? {
            Some(id) => merge::<R>(stage, id, &body, options.if_version),
            None if options.if_version.is_some() => Err(stale()),
            None => create::<R>(stage, &body),
        })?;
        self.written(done)
    }
}

fn of<R: Resource>() -> Of {
    Of { kind: R::KIND, model: R::model() }
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
        keys.extend(body.values(R::model()).filter_map(|(member, value)| match member.rule {
            Rule::Reference(kind) => Some(spaces::record(kind, rule::reference_id(value.as_bytes())?)),
            _ => None,
        }));
    }
    keys
}

/// Adds a record of what a body gives.
pub(crate) fn create<R: Resource>(stage: &mut Stage<'_>, body: &Body<'_>) -> Result<Answer, Error> {
    match body.clone().create(R::model()) {
        Ok(slots) => create_checked::<R>(stage, &slots),
        Err(faults) => Err(stage.with_unknown_references(faults, body.values(R::model()))),
    }
}

/// Checks and adds a record.
pub(crate) fn create_checked<R: Resource>(stage: &mut Stage<'_>, slots: &Slots<'_>) -> Result<Answer, Error> {
    stage.check(of::<R>(), None, &Slots::default(), slots)?;
    let (id, record) = stage.create(of::<R>(), slots)?;
    Ok(Answer::Written { outcome: Outcome::Created, id, record })
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
    stage.touch(of::<R>(), id, &record, &slots)?;
    Ok(Answer::Nothing)
}

/// Gives one member another value; the same one again is no change.
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

/// Whether there is a record for which `test` is true. All are read until there is, a page at a time.
pub(crate) fn any<R: Resource>(
    stage: &Stage<'_>,
    session: &Session,
    mut test: impl FnMut(&Row<R>) -> Result<bool, Error>,
) -> Result<bool, Error> {
    let all = spaces::records(R::KIND);
    let mut range = KeyRange::prefix(&all);
    loop {
        let entries = stage.overlay.scan(&range, Direction::Forward, limits::PAGE)?;
        let Some(last) = entries.last() else { return Ok(false) };
        range = range.from(last.key.successor());
        for entry in entries {
            let id = entry.key.after(&all).and_then(read_uuid).ok_or_else(damaged_key)?;
            if test(&Row::new(session.tenant().id, id, entry.value))? {
                return Ok(true);
            }
        }
    }
}

fn merge<R: Resource>(
    stage: &mut Stage<'_>,
    id: Uuid,
    body: &Body<'_>,
    if_version: Option<Timestamp>,
) -> Result<Answer, Error> {
    let record = existing::<R>(stage, id, if_version)?;
    let old = slots_of(&RecordParts::read(&record)?)?;
    let mut new = old.clone();
    if let Err(faults) = body.clone().apply(R::model(), &mut new) {
        return Err(stage.with_unknown_references(faults, body.values(R::model())));
    }
    replace::<R>(stage, id, &record, &old, &new)
}

/// Checks and stores a record's new members; the same ones again are no change.
fn replace<R: Resource>(
    stage: &mut Stage<'_>,
    id: Uuid,
    record: &Bytes,
    old: &Slots<'_>,
    new: &Slots<'_>,
) -> Result<Answer, Error> {
    if new == old {
        return Ok(Answer::Written { outcome: Outcome::Unchanged, id, record: record.clone() });
    }
    stage.check(of::<R>(), Some(id), old, new)?;
    let record = stage.update(of::<R>(), id, record, new)?;
    Ok(Answer::Written { outcome: Outcome::Updated, id, record })
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

/// The record that has a body's natural key.
fn natural_owner<R: Resource>(stage: &Stage<'_>, body: &Body<'_>) -> Result<Option<Uuid>, Error> {
    let Some((slot, _, fold)) = R::model().natural_keys().next() else { return Ok(None) };
    match body.value(slot).and_then(|json| fold(&rule::unquote(json.as_bytes()))) {
        Some(folded) => Ok(stage.find_by_key(R::KIND, slot, &folded)?),
        None => Ok(None),
    }
}

fn stale() -> Error {
    Error::new(Code::PreconditionFailed, "the record is not at this version any more; read it anew")
}
