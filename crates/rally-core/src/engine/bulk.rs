use uuid::Uuid;

use super::{
    Bulkable, Collection, Json, Outcome, WriteOptions,
    body::{self, Body},
    codec::AnswerItem,
    stage::Stage,
    verbs,
    written::Answer,
};
use crate::base::{Code, Error, Faults, Id, limits};

/// What became of each item of a bulk, in the order in which they were sent.
#[derive(Clone, Debug)]
pub struct Bulk<R> {
    /// One for each item.
    pub items: Vec<BulkItem<R>>,
    /// True when this is the kept answer of an earlier write with the same idempotency key.
    pub replayed: bool,
}

/// What became of one item: the record that it made, or why it made none.
pub type BulkItem<R> = Result<Id<R>, Error>;

/// [`BulkItem`], whatever the resource.
#[derive(Clone, Debug)]
pub(crate) struct ItemAnswer(Result<Uuid, Error>);

/// What is read of a bulk before the store is asked.
type Prepared<'a> = Result<Body<'a>, Error>;

impl<R: Bulkable> Collection<'_, R> {
    /// Adds a record for each draft of a JSON array, all in one transaction. An item that is at fault does not keep
    /// the others out, unless the bulk is `atomic`. Of two items with one natural key the first wins.
    ///
    /// # Errors
    /// [`Code::Validation`] without items or with more than [`limits::BULK_ITEMS`]; if atomic, the fault of the first
    /// item that has one, with the faults of all as `items[3].email`.
    pub fn create_many(
        &self,
        drafts: &Json<'_>,
        atomic: bool,
        options: &WriteOptions,
    ) -> Result<Bulk<R>, Error> {
        self.session.require(R::WRITE)?;
        let items = body::items(drafts.0, limits::BULK_ITEMS)?;
        let read = |item| self.body_called(item, "the item");
        let prepared: Vec<Prepared<'_>> = items.into_iter().map(read).collect();
        let options = options.for_act::<R>(if atomic { "atomic bulk" } else { "bulk" }, None);
        let ahead = || verbs::keys_ahead::<R>(None, prepared.iter().flatten());
        let done = self
            .session
            .write_knowing(&options, &ahead, &mut |stage| create_each::<R>(stage, &prepared, atomic))?;
        let Answer::Bulk { items } = done.answer else { return Err(Answer::of_another_kind()) };
        let items = items.into_iter().map(|item| item.0.map(Id::from_uuid)).collect();
        Ok(Bulk { items, replayed: done.replayed })
    }
}

fn create_each<R: Bulkable>(
    stage: &mut Stage<'_>,
    prepared: &[Prepared<'_>],
    atomic: bool,
) -> Result<Answer, Error> {
    let mut items = Vec::with_capacity(prepared.len());
    for item in prepared {
        let created = item.as_ref().map_err(Clone::clone).and_then(|body| verbs::create::<R>(stage, body));
        items.push(ItemAnswer(match created {
            Ok(Answer::Written { outcome: Outcome::Created, id, .. }) => Ok(id),
            Ok(_) => return Err(Answer::of_another_kind()),
            Err(error) if is_items_own(&error) => Err(error),
            Err(error) => return Err(error),
        }));
    }
    match all_faults(&items) {
        Some(error) if atomic => Err(error),
        _ => Ok(Answer::Bulk { items }),
    }
}

/// True when an error is about the item, false when the whole write has failed.
fn is_items_own(error: &Error) -> bool {
    !matches!(error.code(), Code::Internal | Code::Unavailable)
}

fn all_faults(items: &[ItemAnswer]) -> Option<Error> {
    let mut first = None;
    let mut faults = Faults::new();
    let mut failed = 0;
    for (index, ItemAnswer(item)) in items.iter().enumerate() {
        let Err(error) = item else { continue };
        failed += 1;
        first = first.or(Some(error.code()));
        if error.faults().is_empty() {
            faults.add(&format!("items[{index}]"), error.detail());
        }
        faults.add_all(&format!("items[{index}]."), error.faults().clone());
    }
    let detail = format!("{failed} of {} items are invalid, so none was created", items.len());
    first.map(|code| Error::new(code, detail).with_faults(faults))
}

impl ItemAnswer {
    pub(crate) fn to_wire(&self) -> AnswerItem {
        match &self.0 {
            Ok(id) => AnswerItem::Created { id: id.into_bytes() },
            Err(error) => AnswerItem::Failed {
                code: Code::ALL.iter().position(|code| *code == error.code()).map_or(u8::MAX, code_number),
                detail: error.detail().to_owned(),
                faults: error.faults().by_member().iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
                existing: error.existing_id().map(Uuid::into_bytes),
            },
        }
    }

    pub(crate) fn from_wire(item: AnswerItem) -> Option<Self> {
        Some(match item {
            AnswerItem::Created { id } => Self(Ok(Uuid::from_bytes(id))),
            AnswerItem::Failed { code, detail, faults, existing } => {
                let code = *Code::ALL.get(usize::from(code))?;
                let mut all = Faults::new();
                for (member, phrases) in faults {
                    phrases.into_iter().for_each(|phrase| all.add(&member, phrase));
                }
                let error = Error::new(code, detail).with_faults(all);
                Self(Err(error.with_existing(existing.map(Uuid::from_bytes))))
            }
        })
    }
}

fn code_number(index: usize) -> u8 {
    u8::try_from(index).unwrap_or(u8::MAX)
}
