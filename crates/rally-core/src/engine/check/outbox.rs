//! Events, their deliveries, and kept answers.

use super::{Checking, Repair, each_page};
use crate::{
    base::{Error, Timestamp},
    engine::{
        codec::{self, AnswerV1, DeliveryV1, HeadV1, SubscriptionsV1},
        keys::{EventPlace, outbox, spaces},
    },
    store::{Entry, Key, Snapshot, read_instant},
};

/// Rows that are looked at together.
const AT_ONCE: usize = 256;

/// Checks the outbox of a tenant, and the answers that it keeps.
pub(super) fn check(snapshot: &dyn Snapshot, checking: &mut Checking<'_>) -> Result<(), Error> {
    each_page(snapshot, outbox::all_deliveries().key(), AT_ONCE, &mut |page| {
        checking.saw(page.len());
        check_deliveries(snapshot, &page, checking)
    })?;
    for (prefix, what) in
        [(outbox::all_dues(), "that are due"), (outbox::every_line(), "that wait in a line")]
    {
        each_page(snapshot, prefix.key(), AT_ONCE, &mut |page| {
            checking.saw(page.len());
            let keys: Vec<Option<Key>> = page.iter().map(|row| outbox::delivery_of(&row.key)).collect();
            lead_to(snapshot, &keys, &format!("a list of deliveries {what} names none"), checking)
        })?;
    }
    check_subscriptions(snapshot, checking)?;
    check_answers(snapshot, checking)
}

/// Checks that the head says truly whether anybody subscribes.
fn check_subscriptions(snapshot: &dyn Snapshot, checking: &mut Checking<'_>) -> Result<(), Error> {
    let keys = [spaces::head(), outbox::subscriptions().into_key()];
    let mut rows = snapshot.get_many(&keys)?.into_iter().map(Option::unwrap_or_default);
    let (head, all) = (rows.next().unwrap_or_default(), rows.next().unwrap_or_default());
    let is_subscribed =
        !head.is_empty() && codec::decode::<HeadV1>(&head).is_ok_and(|head| head.is_subscribed);
    let has_any =
        !all.is_empty() && codec::decode::<SubscriptionsV1>(&all).is_ok_and(|all| !all.all.is_empty());
    checking.expect(is_subscribed == has_any, Repair::Backup, || {
        "the head and the subscriptions disagree about whether there are any".to_owned()
    });
    Ok(())
}

/// Checks that each kept answer is found by its age, and that each age leads to one.
fn check_answers(snapshot: &dyn Snapshot, checking: &mut Checking<'_>) -> Result<(), Error> {
    let (mut ages, mut answers) = (0, 0);
    each_page(snapshot, &spaces::answer_ages(), AT_ONCE, &mut |page| {
        checking.saw(page.len());
        ages += page.len();
        let answer = |row: &Entry| {
            let rest = row.key.after(&spaces::answer_ages())?;
            let (instant, key) = rest.split_at_checked(8)?;
            read_instant(instant)?;
            Some(spaces::answer(std::str::from_utf8(key).ok()?))
        };
        let keys: Vec<Option<Key>> = page.iter().map(answer).collect();
        lead_to(snapshot, &keys, "the list of kept answers names none", checking)
    })?;
    each_page(snapshot, &spaces::answers(), AT_ONCE, &mut |page| {
        checking.saw(page.len());
        answers += page.len();
        for row in &page {
            let readable = codec::decode::<AnswerV1>(&row.value).is_ok();
            checking.expect(readable, Repair::Backup, || "a kept answer cannot be read".to_owned());
        }
        Ok(())
    })?;
    checking
        .expect(ages == answers, Repair::Rebuild, || format!("{answers} answers are kept, and {ages} ages"));
    Ok(())
}

/// Checks that deliveries have their events, and their places among those that are due and in their lines.
fn check_deliveries(
    snapshot: &dyn Snapshot,
    page: &[Entry],
    checking: &mut Checking<'_>,
) -> Result<(), Error> {
    let (mut events, mut places) = (Vec::new(), Vec::new());
    for row in page {
        let place = EventPlace::at_end(&row.key);
        let (Some(place), Some(subscriber), Ok(delivery)) =
            (place, outbox::subscriber_of_delivery(&row.key), codec::decode::<DeliveryV1>(&row.value))
        else {
            checking.found(Repair::Backup, "a delivery cannot be read");
            continue;
        };
        events.push(Some(outbox::event(place).into_key()));
        let due = delivery.due.map(|due| outbox::due(subscriber, Timestamp::from_micros(due), place));
        places.extend(due.map(|due| Some(due.into_key())));
    }
    lead_to(snapshot, &events, "a delivery is of an event that is not there", checking)?;
    lead_to(snapshot, &places, "a delivery that is due is not among those that are", checking)
}

/// Checks that keys lead to rows.
fn lead_to(
    snapshot: &dyn Snapshot,
    keys: &[Option<Key>],
    what: &str,
    checking: &mut Checking<'_>,
) -> Result<(), Error> {
    let known: Vec<Key> = keys.iter().flatten().cloned().collect();
    let lead_on = known.len() == keys.len() && snapshot.get_many(&known)?.iter().all(Option::is_some);
    checking.expect(lead_on, Repair::Backup, || what.to_owned());
    Ok(())
}
