//! The one write path. A change of a record becomes bytes, natural keys, its places in the sequences and an entry of
//! the feed here, and nowhere else.

use std::net::IpAddr;

use uuid::Uuid;

use super::{
    Access, Bytes, Engine, Member, Model, Record, Resource, Rule, Session, TenantInfo,
    body::Slots,
    codec::{self, FeedEntryV1, HeadV1, MarkV1, RecordParts},
    feed::{Action, MARK_EVERY},
    index, rule,
    sequence::{Order, Sequence},
    spaces::{self, Term},
};
use crate::{
    base::{Code, Entropy, Error, Faults, Kind, Timestamp, limits, uuid_at},
    store::{Batch, Direction, Key, KeyRange, Overlay, Snapshot, StoreError, read_uuid},
};

/// The changes of one write while they are put together.
pub(crate) struct Stage<'s> {
    pub(crate) overlay: Overlay<'s>,
    entropy: &'s dyn Entropy,
    /// Whose write it is.
    pub(crate) tenant: &'s TenantInfo,
    changed_by: String,
    source: Option<IpAddr>,
    /// The clock's instant when the write began.
    pub(crate) now: Timestamp,
    head: HeadV1,
    head_before: HeadV1,
    sequences: Vec<((Kind, Order), Sequence)>,
}

/// What a record is an instance of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Of {
    pub(crate) kind: Kind,
    pub(crate) model: &'static Model,
    pub(crate) links: fn() -> Vec<Link>,
}

/// A member by which records of one kind may name one of another.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    pub(crate) from: Of,
    pub(crate) slot: u8,
}

impl Of {
    pub(crate) fn resource<R: Resource>() -> Self {
        Self { kind: R::KIND, model: R::model(), links: R::links }
    }

    /// The members by which its records may name one of a kind.
    pub(crate) fn links_to(self, kind: Kind) -> impl Iterator<Item = Link> {
        let names = move |member: &Member| matches!(member.rule, Rule::Reference(named) if named == kind);
        self.model
            .stored()
            .filter(move |(_, member)| names(member))
            .map(move |(slot, _)| Link { from: self, slot })
    }
}

impl<'s> Stage<'s> {
    pub(crate) fn new(session: &'s Session, newest: &'s dyn Snapshot) -> Result<Self, Error> {
        let engine: &Engine = session.engine();
        let head: HeadV1 = match newest.get(&spaces::head())? {
            Some(bytes) => codec::decode(&bytes)?,
            None => HeadV1::default(),
        };
        Ok(Self {
            overlay: Overlay::new(newest, Batch::new()),
            entropy: &*engine.environment().entropy,
            tenant: session.tenant(),
            changed_by: session.caller().to_string(),
            source: session.source(),
            now: engine.clock().now(),
            head,
            head_before: head,
            sequences: Vec::new(),
        })
    }

    /// A record's bytes, with the changes so far.
    pub(crate) fn find(&self, kind: Kind, id: Uuid) -> Result<Option<Bytes>, StoreError> {
        self.overlay.get(&spaces::record(kind, id))
    }

    /// The record that has a natural key.
    pub(crate) fn find_by_key(&self, kind: Kind, slot: u8, folded: &str) -> Result<Option<Uuid>, StoreError> {
        match self.overlay.get(&spaces::unique(kind, slot, folded))? {
            Some(bytes) => match Uuid::from_slice(&bytes) {
                Ok(id) => Ok(Some(id)),
                Err(_) => Err(StoreError::Corrupt { what: format!("a natural key of {}", kind.plural()) }),
            },
            None => Ok(None),
        }
    }

    /// Checks that no other record has the natural keys that a record is to have.
    pub(crate) fn check_keys(
        &self,
        of: Of,
        id: Option<Uuid>,
        old: &Slots<'_>,
        new: &Slots<'_>,
    ) -> Result<(), Error> {
        let changed = |slot: u8| text_of(old, slot) != text_of(new, slot);
        for (slot, member, fold) in of.model.natural_keys().filter(|(slot, ..)| changed(*slot)) {
            if let Some(folded) = fold(&rule::unquote(text_of(new, slot).as_bytes()))
                && let Some(existing) = self.find_by_key(of.kind, slot, &folded)?
                && Some(existing) != id
            {
                return Err(duplicate(of.kind, member, existing));
            }
        }
        Ok(())
    }

    /// The references that are new in a record and lead nowhere.
    pub(crate) fn unknown_references(
        &self,
        model: &Model,
        old: &Slots<'_>,
        new: &Slots<'_>,
    ) -> Result<Faults, StoreError> {
        let mut unknown = Faults::new();
        for (slot, member) in model.stored() {
            let value = text_of(new, slot);
            if let Rule::Reference(kind) = member.rule
                && value != text_of(old, slot)
                && let Some(target) = rule::reference_id(value.as_bytes())
                && self.find(kind, target)?.is_none()
            {
                unknown.add(member.name, format!("names no {kind}"));
            }
        }
        Ok(unknown)
    }

    /// The first records that an indexed member leads to, in the order of their creation.
    pub(crate) fn indexed(
        &self,
        kind: Kind,
        index: u8,
        term: Term,
        most: usize,
    ) -> Result<Vec<Uuid>, StoreError> {
        let prefix = spaces::indexed(kind, index, term);
        let entries = self.overlay.scan(&KeyRange::prefix(&prefix), Direction::Forward, most)?;
        Ok(entries.iter().filter_map(|entry| entry.key.after(&prefix).and_then(read_uuid)).collect())
    }

    /// An id for something that is made at an instant.
    pub(crate) fn new_id(&self, instant: Timestamp) -> Uuid {
        let mut random = [0; 8];
        self.entropy.fill(&mut random);
        uuid_at(instant, random)
    }

    /// Adds a record whose members have been checked.
    pub(crate) fn create(&mut self, of: Of, slots: &Slots<'_>) -> Result<(Uuid, Bytes), Error> {
        let instant = self.tick()?;
        let id = self.new_id(instant);
        let bytes = encode(of.model, instant, instant, slots);
        let key = spaces::record(of.kind, id);
        self.sequence(of.kind, Order::Created, |sequence, overlay| {
            sequence.append(&mut overlay.batch, &key)
        })?;
        self.overlay.batch.put(key, bytes.clone());
        self.move_keys(of, id, None, Some(&bytes))?;
        self.enter(of.kind, id, instant)?;
        self.announce(of.kind, id, instant, Action::Inserted)?;
        self.audit(of, id, Action::Inserted, &[])?;
        Ok((id, bytes))
    }

    /// Gives a record other members, which have been checked.
    pub(crate) fn update(&mut self, of: Of, id: Uuid, old: &[u8], slots: &Slots<'_>) -> Result<Bytes, Error> {
        let parts = RecordParts::read(old)?;
        let instant = self.tick()?;
        let bytes = encode(of.model, parts.created_at, instant, slots);
        self.overlay.batch.put(spaces::record(of.kind, id), bytes.clone());
        self.move_keys(of, id, Some(old), Some(&bytes))?;
        self.leave(of.kind, parts.updated_at)?;
        self.enter(of.kind, id, instant)?;
        self.announce(of.kind, id, instant, Action::Updated)?;
        let changed = |(slot, _): &(u8, &Member)| parts.slot(*slot) != text_of(slots, *slot).as_bytes();
        let seen = of.model.stored().filter(changed).filter(|(_, member)| member.access != Access::Hidden);
        self.audit(of, id, Action::Updated, &seen.map(|(_, member)| member.name).collect::<Vec<_>>())?;
        Ok(bytes)
    }

    /// Takes a record away, and its name from all records that name it.
    pub(crate) fn delete(&mut self, of: Of, id: Uuid, old: &[u8]) -> Result<(), Error> {
        let parts = RecordParts::read(old)?;
        let key = spaces::record(of.kind, id);
        self.detach(of, id)?;
        let instant = self.tick()?;
        self.take_out(of.kind, Order::Created, &key)?;
        self.overlay.batch.delete(key);
        self.move_keys(of, id, Some(old), None)?;
        self.leave(of.kind, parts.updated_at)?;
        self.announce(of.kind, id, instant, Action::Deleted)?;
        self.audit(of, id, Action::Deleted, &[])
    }

    /// Notes what was done to a record, where that is noted.
    fn audit(&mut self, of: Of, id: Uuid, action: Action, changed: &[&str]) -> Result<(), Error> {
        match of.model.rules.audited {
            Some(note) => note(self, of.kind, id, action, changed),
            None => Ok(()),
        }
    }

    /// Who is writing, as the feed names them.
    pub(crate) fn actor(&self) -> &str {
        &self.changed_by
    }

    /// Where they are writing from.
    pub(crate) fn source(&self) -> Option<IpAddr> {
        self.source
    }

    /// Takes a record's name from all records that name it, each of which changes by that.
    fn detach(&mut self, of: Of, id: Uuid) -> Result<(), Error> {
        let mut named = Vec::new();
        for link in (of.links)() {
            let left = limits::LINKS - named.len();
            let found = self.indexed(link.from.kind, link.slot, Term::id(id), left + 1)?;
            if found.len() > left {
                return Err(too_many_links(of.kind));
            }
            named.extend(found.into_iter().map(|from| (link, from)));
        }
        let mut keys: Vec<Key> =
            named.iter().map(|(link, from)| spaces::record(link.from.kind, *from)).collect();
        keys.extend((of.links)().iter().map(|link| spaces::newest(link.from.kind, link.slot, id)));
        self.overlay.prefetch(&keys)?;
        for (link, from) in named {
            let record = self.find(link.from.kind, from)?.ok_or_else(|| damaged_link(link.from.kind))?;
            let mut slots = slots_of(&RecordParts::read(&record)?)?;
            if let Some(value) = slots.get_mut(usize::from(link.slot)) {
                *value = "".into();
            }
            self.update(link.from, from, &record, &slots)?;
        }
        Ok(())
    }

    /// Gives a record other members without that being a change: neither its instant nor the feed moves.
    pub(crate) fn touch(&mut self, of: Of, id: Uuid, old: &[u8], slots: &Slots<'_>) -> Result<(), Error> {
        let parts = RecordParts::read(old)?;
        let bytes = encode(of.model, parts.created_at, parts.updated_at, slots);
        self.move_keys(of, id, Some(old), Some(&bytes))?;
        self.overlay.batch.put(spaces::record(of.kind, id), bytes);
        Ok(())
    }

    /// What there is of the feed.
    pub(crate) fn head(&mut self) -> &mut HeadV1 {
        &mut self.head
    }

    /// The whole write as one batch.
    pub(crate) fn finish(mut self) -> Result<Batch, Error> {
        for (_, sequence) in &self.sequences {
            sequence.save(&mut self.overlay.batch)?;
        }
        if self.head != self.head_before {
            self.overlay.batch.put(spaces::head(), codec::encode(&self.head)?);
        }
        Ok(self.overlay.batch)
    }

    /// The instant of the next change: the clock's, but always later than the last one's.
    pub(crate) fn next_instant(&self) -> Result<Timestamp, Error> {
        let after_last = Timestamp::from_micros(self.head.instant).plus_micros(1);
        let instant = self.now.max(after_last);
        if instant.as_micros() <= self.head.instant {
            return Err(Error::internal(
                "the last change is of the last instant there is; is the clock right?",
            ));
        }
        Ok(instant)
    }

    fn tick(&mut self) -> Result<Timestamp, Error> {
        let instant = self.next_instant()?;
        self.head.instant = instant.as_micros();
        Ok(instant)
    }

    fn announce(&mut self, kind: Kind, id: Uuid, instant: Timestamp, action: Action) -> Result<(), Error> {
        if !Kind::IN_FEED.contains(&kind) {
            return Ok(());
        }
        self.head.number += 1;
        self.head.changed_at = instant.as_micros();
        let entry = FeedEntryV1 {
            number: self.head.number,
            entity: id.into_bytes(),
            action: action.number(),
            changed_by: Some(self.changed_by.clone()),
        };
        self.overlay.batch.put(spaces::feed(kind, instant), codec::encode(&entry)?);
        if self.head.number.is_multiple_of(MARK_EVERY) {
            let mark = MarkV1 { instant: instant.as_micros() };
            self.overlay.batch.put(spaces::feed_mark(self.head.number / MARK_EVERY), codec::encode(&mark)?);
        }
        Ok(())
    }

    fn move_keys(
        &mut self,
        of: Of,
        id: Uuid,
        before: Option<&[u8]>,
        after: Option<&[u8]>,
    ) -> Result<(), StoreError> {
        let read = |bytes| Record::read(self.tenant.id, id, bytes);
        let (before, after) = (before.map(read).transpose()?, after.map(read).transpose()?);
        index::move_keys(&mut self.overlay, (of.kind, of.model), id, before.as_ref(), after.as_ref())
    }

    /// Puts a record last in the order of changes.
    fn enter(&mut self, kind: Kind, id: Uuid, instant: Timestamp) -> Result<(), Error> {
        let key = spaces::updated(kind, instant);
        self.sequence(kind, Order::Updated, |sequence, overlay| sequence.append(&mut overlay.batch, &key))?;
        self.overlay.batch.put(key, id.into_bytes().to_vec());
        Ok(())
    }

    /// Takes a record out of the order of changes.
    fn leave(&mut self, kind: Kind, updated_at: Timestamp) -> Result<(), Error> {
        let key = spaces::updated(kind, updated_at);
        self.take_out(kind, Order::Updated, &key)?;
        self.overlay.batch.delete(key);
        Ok(())
    }

    fn take_out(&mut self, kind: Kind, order: Order, key: &Key) -> Result<(), Error> {
        self.sequence(kind, order, |sequence, overlay| {
            for (place, node) in sequence.remove(overlay, key)? {
                match node {
                    Some(node) => overlay.batch.put(place, codec::encode(&node)?),
                    None => overlay.batch.delete(place),
                }
            }
            Ok(())
        })
    }

    fn sequence(
        &mut self,
        kind: Kind,
        order: Order,
        change: impl FnOnce(&mut Sequence, &mut Overlay<'s>) -> Result<(), StoreError>,
    ) -> Result<(), Error> {
        let name = (kind, order);
        if let Some((_, sequence)) = self.sequences.iter_mut().find(|(known, _)| *known == name) {
            return Ok(change(sequence, &mut self.overlay)?);
        }
        let mut sequence = Sequence::load(kind, order, &self.overlay)?;
        change(&mut sequence, &mut self.overlay)?;
        self.sequences.push((name, sequence));
        Ok(())
    }
}

/// The stored members of a record.
pub(crate) fn slots_of<'a>(parts: &RecordParts<'a>) -> Result<Slots<'a>, StoreError> {
    let mut slots = Slots::default();
    for (slot, bytes) in slots.iter_mut().zip(parts.slots()) {
        *slot = std::str::from_utf8(bytes)
            .map_err(|_| StoreError::Corrupt { what: "a member that is not UTF-8".to_owned() })?
            .into();
    }
    Ok(slots)
}

pub(crate) fn text_of<'a>(slots: &'a Slots<'_>, slot: u8) -> &'a str {
    slots.get(usize::from(slot)).map_or("", |text| text)
}

fn encode(model: &Model, created_at: Timestamp, updated_at: Timestamp, slots: &Slots<'_>) -> Bytes {
    let used = slots.get(..model.slot_count()).unwrap_or_default();
    codec::encode_record(created_at, updated_at, used.iter().map(|slot| slot.as_bytes()))
}

fn too_many_links(kind: Kind) -> Error {
    let most = limits::LINKS;
    let detail = format!("more than {most} records name this {kind}; change some of them first");
    Error::new(Code::LimitExceeded, detail)
}

fn damaged_link(kind: Kind) -> StoreError {
    StoreError::Corrupt { what: format!("an index that names no {kind}") }
}

fn duplicate(kind: Kind, member: &Member, existing: Uuid) -> Error {
    Error::new(Code::Duplicate, format!("another {kind} has this {}", member.name))
        .with_faults(Faults::one(member.name, format!("is taken by another {kind}")))
        .with_existing(Some(existing))
}
