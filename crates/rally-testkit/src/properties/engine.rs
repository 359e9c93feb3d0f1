//! The promises of views, transactions and the feed, which an engine keeps on any store that keeps its own.

use std::{sync::Arc, time::Duration};

use rally_core::{
    Code, CompanyDraft, Config, Contact, ContactDraft, ContactUpdate, DealDraft, Engine, Error, FeedPosition,
    IdempotencyKey, Query, Session, TenantDraft, store::Store,
};

use super::{
    Property,
    threads::{Task, all_at_once, without_waiting},
};
use crate::{FaultyStore, WriteFault, check_consistency, environment};

/// The longest that a reader waits for a change that is on its way.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn properties() -> Vec<Property<Arc<dyn Store>>> {
    vec![
        Property::of(a_transaction_is_applied_wholly_or_not_at_all),
        Property::of(a_verb_of_a_transaction_sees_what_the_ones_before_it_wrote),
        Property::of(a_transaction_that_is_built_again_counts_once),
        Property::of(a_transaction_under_one_key_happens_once),
        Property::of(transactions_at_once_lose_no_update),
        Property::of(a_view_shows_one_moment_while_transactions_go_on),
        Property::of(a_reader_of_the_feed_is_woken_and_misses_nothing),
    ]
}

pub(super) fn tenant(store: Arc<dyn Store>) -> Session {
    let (environment, _) = environment(7);
    let engine = Engine::with(store, environment, Config::default());
    let acme = engine.create_tenant(&TenantDraft::new("acme")).expect("a new store has no tenant");
    acme.trusted_session("property").expect("the tenant is there")
}

fn ada() -> ContactDraft {
    ContactDraft::new("Ada", "Lovelace", "ada@x.example")
}

fn a_transaction_is_applied_wholly_or_not_at_all(store: &Arc<dyn Store>) {
    let acme = tenant(Arc::clone(store));
    let before = acme.last_change().expect("the store is well");
    let refused = acme.write(|tx| {
        tx.companies().create(&CompanyDraft::new("Looms"))?;
        tx.contacts().create(&ada())?;
        tx.contacts().create(&ada()).map(drop)
    });
    assert!(refused.expect_err("the address is taken").is_duplicate());
    assert_eq!(acme.companies().count(Query::all()).expect("the store is well"), 0);
    assert_eq!(acme.contacts().count(Query::all()).expect("the store is well"), 0);
    assert_eq!(acme.last_change().expect("the store is well"), before);
    let applied = acme.write(|tx| {
        tx.companies().create(&CompanyDraft::new("Looms"))?;
        tx.contacts().create(&ada()).map(drop)
    });
    applied.expect("good drafts");
    assert_eq!(acme.last_change().expect("the store is well").0, before.0 + 2);
    check_consistency(&acme);
}

fn a_verb_of_a_transaction_sees_what_the_ones_before_it_wrote(store: &Arc<dyn Store>) {
    let acme = tenant(Arc::clone(store));
    let seen = acme.write(|tx| {
        let looms = tx.companies().create(&CompanyDraft::new("Looms"))?;
        let ada = tx.contacts().create(&ada().company_id(looms.id))?;
        let sales = tx.pipelines().default()?;
        let deal = DealDraft::new(sales.id, sales.stage("Lead")?.id, "Loom").company_id(looms.id);
        let deal = tx.deals().create(&deal)?;
        assert_eq!(deal.company_name.as_deref(), Some("Looms"));
        assert_eq!(tx.contacts().get(ada.id)?, ada);
        assert_eq!(tx.contacts().find("ADA@x.example")?.as_ref(), Some(&ada));
        tx.companies().delete(looms.id)?;
        assert_eq!(tx.deals().get(deal.id)?.company_id, None);
        let view = tx.view()?;
        assert!(view.contacts().page(Query::all().offset(1).counted())?.records.is_empty());
        let actions = view.changes(FeedPosition::START)?.map(|change| Ok(change?.action.as_str()));
        Ok((
            view.contacts().count(Contact::EMAIL.is("ada@x.example"))?,
            actions.collect::<Result<Vec<_>, Error>>()?,
        ))
    });
    let (count, actions) = seen.expect("good drafts");
    assert_eq!(count, 1);
    assert_eq!(actions, ["inserted", "inserted", "inserted", "updated", "updated", "deleted"]);
    check_consistency(&acme);
}

fn a_transaction_that_is_built_again_counts_once(store: &Arc<dyn Store>) {
    let faulty = Arc::new(FaultyStore::new(Arc::clone(store)));
    let acme = tenant(faulty.clone());
    let ada = acme.contacts().create(&ada().lead_score(0)).expect("a good draft").id;
    faulty.fail_write(0, WriteFault::BuiltTwice);
    let mut runs = 0;
    let score = acme.write(|tx| {
        runs += 1;
        let score = tx.contacts().get(ada)?.lead_score.map_or(1, |score| score + 1);
        Ok(tx.contacts().update(ada, &ContactUpdate::new().lead_score(score))?.lead_score)
    });
    assert_eq!((score.expect("a good update"), runs), (Some(1), 2));
    assert_eq!(acme.contacts().get(ada).expect("she is there").lead_score, Some(1));
    check_consistency(&acme);
}

fn a_transaction_under_one_key_happens_once(store: &Arc<dyn Store>) {
    let acme = tenant(Arc::clone(store));
    let key = |content: &[u8]| IdempotencyKey::new("order-7", &[content]).expect("a good key");
    let order = |key: &IdempotencyKey| {
        acme.write_once(key, |tx| Ok(tx.companies().create(&CompanyDraft::new("Looms"))?.id))
    };
    let first = order(&key(b"looms")).expect("a good draft");
    assert_eq!(order(&key(b"looms")).expect("the kept answer"), first);
    let other = order(&key(b"others")).expect_err("the key was used for something else");
    assert_eq!(other.code(), Code::IdempotencyMismatch);
    assert_eq!(acme.companies().count(Query::all()).expect("the store is well"), 1);
}

fn transactions_at_once_lose_no_update(store: &Arc<dyn Store>) {
    let acme = tenant(Arc::clone(store));
    let ada = acme.contacts().create(&ada().lead_score(0)).expect("a good draft").id;
    let session = acme.clone();
    all_at_once(4, move |_| {
        for _ in 0..10 {
            let raised = session.write(|tx| {
                let score = tx.contacts().get(ada)?.lead_score.map_or(0, |score| score + 1);
                tx.contacts().update(ada, &ContactUpdate::new().lead_score(score)).map(drop)
            });
            raised.expect("a good update");
        }
    });
    assert_eq!(acme.contacts().get(ada).expect("she is there").lead_score, Some(40));
    check_consistency(&acme);
}

fn a_view_shows_one_moment_while_transactions_go_on(store: &Arc<dyn Store>) {
    let acme = tenant(Arc::clone(store));
    let add = |number: usize| {
        let company = CompanyDraft::new(format!("C{number}"));
        let contact = ContactDraft::new("A", "B", format!("c{number}@x.example"));
        let both = acme.write(|tx| {
            tx.companies().create(&company)?;
            tx.contacts().create(&contact).map(drop)
        });
        both.expect("good drafts");
    };
    (0..150).for_each(add);
    let view = acme.view().expect("a moment");
    let before = view.last_change().expect("the store is well");
    let mut contacts = view.contacts().all(Query::all()).expect("a walk");
    assert!(contacts.next().is_some());
    let session = acme.clone();
    without_waiting("a writer beside a view", move || {
        session.contacts().create(&ada()).map(drop).expect("a good draft");
    });
    assert_eq!(contacts.filter(Result::is_ok).count(), 149);
    assert_eq!(view.companies().count(Query::all()).expect("the store is well"), 150);
    assert_eq!(view.last_change().expect("the store is well"), before);
    drop(view);
    assert_eq!(acme.contacts().count(Query::all()).expect("the store is well"), 151);
}

fn a_reader_of_the_feed_is_woken_and_misses_nothing(store: &Arc<dyn Store>) {
    const WRITES: u64 = 60;
    let acme = tenant(Arc::clone(store));
    let session = acme.clone();
    let reading = Task::start(move || {
        let mut feed = session.follow(FeedPosition::START);
        let mut numbers = Vec::new();
        while numbers.last() != Some(&WRITES) {
            assert!(feed.wait(PATIENCE).expect("the store is well"), "nothing came of {numbers:?}");
            numbers.extend((&mut feed).map(|change| change.expect("the store is well").id));
        }
        numbers
    });
    for number in 0..WRITES {
        acme.companies().create(&CompanyDraft::new(format!("C{number}"))).expect("a good draft");
    }
    let numbers = reading.finish("a reader that follows");
    assert!(numbers.into_iter().eq(1..=WRITES));
}
