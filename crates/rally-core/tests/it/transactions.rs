//! Transactions of a host's own: several verbs that are applied together or not at all.

use std::sync::Arc;

use rally_core::{
    ActivityDraft, ActivityType, ApiKeyDraft, BantUpdate, Code, CompanyDraft, CompanyUpdate, Contact,
    ContactDraft, ContactUpdate, Deal, DealDraft, DealStatus, DealUpdate, Error, FeedPosition, Id,
    IdempotencyKey, Kind, PipelineDraft, PipelineStageDraft, Query, Scope, StageOutcome, TenantId, Timestamp,
    Transaction, UserDraft, UserUpdate, WriteOutcome,
    store::{Abort, Batch, Commit, Limits, MemoryStore, Snapshot, Store, StoreError},
};
use rally_testkit::{CountingStore, FaultyStore, WriteFault, check_consistency};

use crate::support::{World, ada, bytes, changes_after, told};

/// An error that only a closure gives.
fn given_up() -> Error {
    Error::new(Code::Conflict, "given up")
}

#[test]
fn several_resources_are_written_in_one_commit() {
    let store = Arc::new(CountingStore::new(Arc::new(MemoryStore::new())));
    let world = World::on(store.clone());
    let (lead, before) = (world.lead("Two looms"), world.acme.last_change().unwrap().0);
    store.reset();
    let (company, contact, deal, call) = world
        .acme
        .write(|tx| {
            let company = tx.companies().create(&CompanyDraft::new("Looms"))?.id;
            let contact = tx.contacts().create(&ada("a@x.example").company_id(company))?.id;
            let deal = lead.clone().company_id(company).contact_id(contact);
            let deal = tx.deals().create(&deal)?.id;
            let call = ActivityDraft::new(ActivityType::Call, "Ask").deal_id(deal).contact_id(contact);
            Ok((company, contact, deal, tx.activities().create(&call)?.id))
        })
        .unwrap();
    assert_eq!((store.counts().writes, store.counts().builds), (1, 1));
    let expected = [
        ("company inserted", company.to_string()),
        ("contact inserted", contact.to_string()),
        ("deal inserted", deal.to_string()),
        ("activity inserted", call.to_string()),
    ];
    let expected = expected.map(|(what, id)| (what.to_owned(), id));
    assert_eq!(changes_after(&world.acme, before), expected);
    let deal = world.acme.deals().get(deal).unwrap();
    assert_eq!((deal.contact_id, deal.contact_name.as_deref()), (Some(contact), Some("Ada Lovelace")));
    assert_eq!(deal.last_activity_at, Some(world.acme.activities().get(call).unwrap().created_at));
}

#[test]
fn a_verb_sees_what_the_ones_before_it_wrote_in_every_way_of_reading() {
    let world = World::new();
    let (gone, moved) = (world.add("gone@x.example"), world.add("moved@x.example"));
    let (number, instant) = world.acme.last_change().unwrap();
    world
        .acme
        .write(|tx| {
            tx.contacts().delete(gone)?;
            let update = ContactUpdate::new().email("new@x.example").tags(["x"]);
            let updated = tx.contacts().update(moved, &update)?;
            let created = tx.contacts().create(&ada("b@x.example").tags(["x"]))?;
            assert_eq!(tx.contacts().get(created.id)?, created);
            assert_eq!(tx.contacts().find("NEW@x.example")?, Some(updated.clone()));
            assert_eq!(tx.contacts().find("moved@x.example")?, None);
            assert!(tx.contacts().get(gone).unwrap_err().is_not_found());
            let view = tx.view()?;
            let page = view.contacts().page(Query::all().counted())?;
            assert_eq!((page.records, page.total), (vec![updated.clone(), created.clone()], Some(2)));
            let page = view.contacts().page(Query::all().offset(1).limit(1).counted())?;
            assert_eq!((page.records, page.has_more, page.total), (vec![created.clone()], false, Some(2)));
            let page = view.contacts().page(Query::all().updated_since(instant).offset(1).counted())?;
            assert_eq!((page.records, page.total), (vec![created.clone()], Some(2)));
            assert_eq!(view.contacts().count(Contact::TAG.is("x"))?, 2);
            let all = view.contacts().all(Query::all().search("ada"))?.collect::<Result<Vec<_>, _>>()?;
            assert_eq!(all, [updated.clone(), created.clone()]);
            let changes = view.changes(FeedPosition::After(number))?.collect::<Result<Vec<_>, _>>()?;
            let ids: Vec<_> = changes.iter().map(|change| change.entity_id).collect();
            assert_eq!(ids, [gone, moved, created.id].map(Id::as_uuid));
            assert_eq!(view.last_change()?, (number + 3, created.updated_at));
            drop(view);
            let again = tx.contacts().upsert(&ada("B@x.example").city("London"))?;
            assert_eq!((again.outcome, again.record.id), (WriteOutcome::Updated, created.id));
            let taken = tx.contacts().create(&ada("b@x.example")).unwrap_err();
            assert_eq!((taken.code(), taken.existing_id()), (Code::Duplicate, Some(created.id.as_uuid())));
            let stale = tx.contacts().update_if(created.id, &ContactUpdate::new(), created.updated_at);
            assert_eq!(stale.unwrap_err().code(), Code::PreconditionFailed);
            Ok(())
        })
        .unwrap();
    check_consistency(&world.acme);
}

#[test]
fn what_a_transaction_shows_while_it_runs_nobody_else_sees() {
    let world = World::new();
    world
        .acme
        .write(|tx| {
            tx.contacts().create(&ada("a@x.example"))?;
            assert!(world.acme.contacts().find("a@x.example")?.is_none());
            assert_eq!(world.acme.last_change()?.0, 0);
            Ok(())
        })
        .unwrap();
    assert!(world.acme.contacts().find("a@x.example").unwrap().is_some());
}

#[test]
fn an_error_of_the_closure_rolls_everything_back() {
    let world = World::new();
    let (contact, deal) = (world.add("a@x.example"), world.deal("Deal"));
    let company = world.acme.companies().create(&CompanyDraft::new("Looms")).unwrap().id;
    world.acme.contacts().update(contact, &ContactUpdate::new().company_id(company)).unwrap();
    let won = world.stage("Closed Won");
    let error = world.refused(|| {
        world.acme.write(|tx| {
            tx.companies().delete(company)?;
            tx.contacts().create(&ada("b@x.example"))?;
            tx.contacts().update(contact, &ContactUpdate::new().email("c@x.example").tags(["x"]))?;
            tx.deals().move_to(deal, won)?;
            tx.users().create(&UserDraft::new("o@x.example", "Olga").scopes(Scope::Admin))?;
            let stages = vec![PipelineStageDraft::new("Met")];
            tx.pipelines().create(&PipelineDraft::new("Partners", stages).is_default(true))?;
            tx.view()?.contacts().count(Query::all())?;
            Err::<(), _>(given_up())
        })
    });
    assert_eq!((error.code(), error.detail()), (Code::Conflict, "given up"));
    check_consistency(&world.acme);
}

#[test]
fn an_error_of_a_verb_rolls_back_the_ones_before_it_and_is_told_as_it_is() {
    let world = World::new();
    let taken = world.add("taken@x.example");
    let error = world.refused(|| {
        world.acme.write(|tx| {
            tx.contacts().create(&ada("a@x.example"))?;
            tx.contacts().create(&ada("Taken@x.example"))
        })
    });
    assert_eq!(told(&error), ("duplicate", vec!["email is taken by another contact".to_owned()]));
    assert_eq!(error.existing_id(), Some(taken.as_uuid()));
    let error = world.refused(|| {
        world.acme.write(|tx| {
            tx.contacts().delete(taken)?;
            tx.contacts().update(taken, &ContactUpdate::new().phone("1"))
        })
    });
    assert!(error.is_not_found());
}

#[test]
fn a_verb_that_was_refused_and_passed_over_leaves_nothing_of_itself() {
    let [world, twin] = [World::new(), World::new()];
    let good = |tx: &mut Transaction<'_>| {
        let company = tx.companies().create(&CompanyDraft::new("Looms").domain("looms.example"))?.id;
        tx.contacts().create(&ada("a@x.example").company_id(company))
    };
    let twins = twin.acme.write(good).unwrap();
    let made = world
        .acme
        .write(|tx| {
            let made = good(tx)?;
            let refused = tx.contacts().create(&ada("A@x.example")).unwrap_err();
            assert!(refused.is_duplicate());
            let nowhere = ContactUpdate::new().phone("1").company_id(Id::from_uuid(made.id.as_uuid()));
            assert_eq!(tx.contacts().update(made.id, &nowhere).unwrap_err().code(), Code::BadReference);
            let wrong = CompanyUpdate::new().name("");
            assert!(tx.companies().update(made.company_id.unwrap(), &wrong).unwrap_err().is_invalid());
            Ok(made)
        })
        .unwrap();
    assert_eq!(made.email, twins.email);
    let (own, theirs) = (world.acme.tenant().id, twin.acme.tenant().id);
    assert!(world.stored(own) == twin.stored(theirs));
}

#[test]
fn a_closure_that_runs_again_counts_once() {
    let store = Arc::new(FaultyStore::new(Arc::new(MemoryStore::new())));
    let world = World::on(store.clone());
    let mut runs = 0;
    store.fail_write(0, WriteFault::BuiltTwice);
    let made = world
        .acme
        .write(|tx| {
            runs += 1;
            let company = tx.companies().create(&CompanyDraft::new(format!("run {runs}")))?;
            tx.contacts().create(&ada("a@x.example").company_id(company.id))?;
            Ok(company)
        })
        .unwrap();
    assert_eq!((runs, made.name.as_str()), (2, "run 2"));
    assert_eq!(world.acme.companies().list(Query::all()).unwrap().records, [made]);
    assert_eq!(world.acme.contacts().count(Query::all()).unwrap(), 1);
    assert_eq!(world.acme.last_change().unwrap().0, 2);
    check_consistency(&world.acme);
}

#[test]
fn a_store_that_fails_applies_all_of_a_transaction_or_nothing() {
    for fault in WriteFault::ALL {
        let store = Arc::new(FaultyStore::new(Arc::new(MemoryStore::new())));
        let world = World::on(store.clone());
        store.fail_write(0, fault);
        let written = world.acme.write(|tx| {
            tx.companies().create(&CompanyDraft::new("Looms"))?;
            tx.contacts().create(&ada("a@x.example")).map(drop)
        });
        store.heal();
        let is_applied = matches!(fault, WriteFault::BuiltTwice | WriteFault::AnswerLost);
        let count = u64::from(is_applied);
        assert_eq!(world.acme.companies().count(Query::all()).unwrap(), count, "{fault:?}");
        assert_eq!(world.acme.contacts().count(Query::all()).unwrap(), count, "{fault:?}");
        assert_eq!(written.is_ok(), fault == WriteFault::BuiltTwice, "{fault:?}");
        let is_unknown = matches!(fault, WriteFault::AnswerLost | WriteFault::CommitLost);
        assert_eq!(written.is_err_and(|error| error.is_outcome_unknown()), is_unknown, "{fault:?}");
    }
}

#[test]
fn each_verb_takes_its_scope_within_a_transaction_too() {
    let world = World::new();
    let (contact, deal) = (world.add("a@x.example"), world.deal("Deal"));
    let user = world.acme.users().create(&UserDraft::new("o@x.example", "Olga")).unwrap().id;
    let (pipeline, won) = (world.pipeline().id, world.stage("Closed Won"));
    world.acme.api_keys().mint(&ApiKeyDraft::new("robot")).unwrap();
    type Verb<'w> = &'w dyn Fn(&mut Transaction<'_>) -> Result<(), Error>;
    let body = bytes(&serde_json::json!({"firstName": "A", "lastName": "B", "email": "b@x.example"}));
    let write: [Verb<'_>; 12] = [
        &|tx| tx.contacts().create(&ada("b@x.example")).map(drop),
        &|tx| tx.contacts().update(contact, &ContactUpdate::new().phone("1")).map(drop),
        &|tx| tx.contacts().update_if(contact, &ContactUpdate::new(), Timestamp::MIN).map(drop),
        &|tx| tx.contacts().delete_if(contact, Timestamp::MIN),
        &|tx| tx.contacts().upsert(&ada("b@x.example")).map(drop),
        &|tx| tx.contacts().delete(contact),
        &|tx| tx.deals().move_to(deal, won).map(drop),
        &|tx| tx.deals().update(deal, &DealUpdate::new().name("x")).map(drop),
        &|tx| tx.bant().update(deal.into(), &BantUpdate::new().notes("x")).map(drop),
        &|tx| tx.contacts().json().create(&body).map(drop),
        &|tx| tx.contacts().json().update(contact, &body).map(drop),
        &|tx| tx.contacts().json().upsert(&body).map(drop),
    ];
    let stages = || vec![PipelineStageDraft::new("Met")];
    let admin: [Verb<'_>; 6] = [
        &|tx| tx.users().create(&UserDraft::new("p@x.example", "Piet")).map(drop),
        &|tx| tx.users().update(user, &UserUpdate::new().name("Oda")).map(drop),
        &|tx| tx.users().delete(user),
        &|tx| tx.pipelines().create(&PipelineDraft::new("Partners", stages())).map(drop),
        &|tx| tx.pipelines().delete(pipeline),
        &|tx| tx.view()?.api_keys().count(Query::all()).map(drop),
    ];
    let check = |verbs: &[Verb<'_>], least: Scope| {
        for scope in Scope::ALL.iter().filter(|scope| **scope < least) {
            let session = world.acme.clone().limited_to(*scope);
            for (number, verb) in verbs.iter().enumerate() {
                let error = world.refused(|| session.write(|tx| verb(tx)));
                assert_eq!(error.code(), Code::Forbidden, "{number} {scope}");
                assert_eq!(error.required_scope(), Some(least), "{number} {scope}");
            }
        }
    };
    check(&write, Scope::Write);
    check(&admin, Scope::Admin);
    let reader = world.acme.clone().limited_to(Scope::Read);
    let read = world.without_trace(|| reader.write(|tx| tx.contacts().get(contact))).unwrap();
    assert_eq!(read.id, contact);
}

#[test]
fn a_pipeline_is_made_and_used_for_a_deal_in_one_transaction() {
    let world = World::new();
    let (pipeline, deal) = world
        .acme
        .write(|tx| {
            let stages = vec![
                PipelineStageDraft::new("Met").probability(40),
                PipelineStageDraft::new("Signed").outcome(StageOutcome::Won),
            ];
            let pipeline = tx.pipelines().create(&PipelineDraft::new("Partners", stages).is_default(true))?;
            assert_eq!(tx.pipelines().default()?, pipeline);
            let met = pipeline.stage("Met")?.id;
            let deal = tx.deals().create(&DealDraft::new(pipeline.id, met, "Big"))?;
            assert_eq!((deal.stage_name.as_deref(), deal.probability), (Some("Met"), 40));
            Ok((pipeline.id, tx.deals().move_to(deal.id, pipeline.stage("Signed")?.id)?))
        })
        .unwrap();
    assert_eq!((deal.status, deal.probability), (DealStatus::Won, 100));
    assert_eq!(world.acme.deals().get(deal.id).unwrap(), deal);
    assert_eq!(world.pipeline().id, pipeline);
    let defaults = world.acme.pipelines().list(Query::all()).unwrap().records;
    assert_eq!(defaults.iter().filter(|pipeline| pipeline.is_default).count(), 1);
}

#[test]
fn a_user_is_made_in_a_transaction_and_logs_in_behind_it() {
    let world = World::new();
    let secret = "correct horse battery";
    let contact = world.add("a@x.example");
    let user = world
        .acme
        .write(|tx| {
            let olga = UserDraft::new("o@x.example", "Olga").scopes(Scope::Write).password(secret);
            let user = tx.users().create(&olga)?.id;
            tx.contacts().update(contact, &ContactUpdate::new().owner_id(user))?;
            Ok(user)
        })
        .unwrap();
    let session = world.engine.log_in("acme", "o@x.example", secret, None).unwrap();
    assert_eq!(session.scope(), Scope::Write);
    assert_eq!(world.get(contact).owner_id, Some(user));
    let trail = world.acme.audit().list(Query::all()).unwrap().records;
    let acts: Vec<_> = trail.iter().map(|entry| (entry.action.as_str(), entry.target_id)).collect();
    assert_eq!(acts, ["user.created", "login.succeeded"].map(|act| (act, Some(user.as_uuid()))));
    let error = world.engine.log_in("acme", "o@x.example", "wrong horse battery", None).unwrap_err();
    assert_eq!(error.code(), Code::Unauthorized);
}

#[test]
fn deleting_a_record_clears_the_references_that_the_same_transaction_made() {
    let world = World::new();
    let early = world.add("early@x.example");
    let (number, _) = world.acme.last_change().unwrap();
    let (company, late, deal) = world
        .acme
        .write(|tx| {
            let company = tx.companies().create(&CompanyDraft::new("Looms").domain("looms.example"))?.id;
            tx.contacts().update(early, &ContactUpdate::new().company_id(company))?;
            let late = tx.contacts().create(&ada("late@x.example").company_id(company))?.id;
            let deal = tx.pipelines().default()?;
            let deal = DealDraft::new(deal.id, deal.stages[0].id, "Deal").company_id(company);
            let deal = tx.deals().create(&deal)?.id;
            tx.companies().delete(company)?;
            for contact in [early, late] {
                assert_eq!(tx.contacts().get(contact)?.company_id, None);
            }
            assert_eq!(tx.deals().get(deal)?.company_name, None);
            assert_eq!(tx.view()?.contacts().count(Contact::COMPANY_ID.is(company))?, 0);
            tx.companies().create(&CompanyDraft::new("Mills").domain("looms.example"))?;
            Ok((company, late, deal))
        })
        .unwrap();
    let told: Vec<_> = changes_after(&world.acme, number).into_iter().map(|(what, _)| what).collect();
    assert_eq!(
        told,
        [
            "company inserted",
            "contact updated",
            "contact inserted",
            "deal inserted",
            "contact updated",
            "contact updated",
            "deal updated",
            "company deleted",
            "company inserted",
        ]
    );
    assert!(world.acme.companies().get(company).unwrap_err().is_not_found());
    assert_eq!((world.get(late).company_id, world.acme.deals().get(deal).unwrap().company_id), (None, None));
    check_consistency(&world.acme);
}

/// A store with small batches.
#[derive(Debug)]
struct SmallStore(MemoryStore);

impl Store for SmallStore {
    fn limits(&self) -> Limits {
        Limits { batch_bytes: 256 << 10, ..self.0.limits() }
    }

    fn is_shared(&self) -> bool {
        self.0.is_shared()
    }

    fn snapshot(&self, tenant: TenantId) -> Result<Box<dyn Snapshot + '_>, StoreError> {
        self.0.snapshot(tenant)
    }

    fn write(
        &self,
        tenant: TenantId,
        build: &mut dyn FnMut(&dyn Snapshot) -> Result<Batch, Abort>,
    ) -> Result<Commit, StoreError> {
        self.0.write(tenant, &mut |newest| {
            let batch = build(newest)?;
            self.limits().check(&batch)?;
            Ok(batch)
        })
    }
}

#[test]
fn a_transaction_larger_than_the_store_can_hold_is_over_a_limit_and_leaves_nothing() {
    let world = World::on(Arc::new(SmallStore(MemoryStore::new())));
    let fill = |count: usize| {
        let draft = |number| ada(&format!("c{number}@x.example")).notes("x".repeat(60_000));
        let drafts: Vec<ContactDraft> = (0..count).map(draft).collect();
        world.acme.write(move |tx| drafts.iter().try_for_each(|draft| tx.contacts().create(draft).map(drop)))
    };
    assert_eq!(world.refused(|| fill(5)).code(), Code::LimitExceeded);
    let key = IdempotencyKey::new("a", &[]).unwrap();
    let once = || world.acme.write_once(&key, |_| Ok("x".repeat(300_000)));
    assert_eq!(world.refused(once).code(), Code::LimitExceeded);
    fill(4).unwrap();
    assert_eq!(world.acme.contacts().count(Query::all()).unwrap(), 4);
}

#[test]
fn numbers_and_instants_strictly_increase_within_a_transaction() {
    let world = World::new();
    let made: Vec<Contact> = world
        .acme
        .write(|tx| {
            let contacts = (0..150).map(|number| tx.contacts().create(&ada(&format!("c{number}@x.example"))));
            let mut made = contacts.collect::<Result<Vec<_>, _>>()?;
            for contact in made.iter_mut().step_by(2) {
                *contact = tx.contacts().update(contact.id, &ContactUpdate::new().phone("1"))?;
            }
            Ok(made)
        })
        .unwrap();
    world.add("late@x.example");
    let view = world.acme.view().unwrap();
    let changes = view.changes(FeedPosition::START).unwrap().collect::<Result<Vec<_>, _>>().unwrap();
    assert_eq!(changes.iter().map(|change| change.id).collect::<Vec<_>>(), (1..=226).collect::<Vec<_>>());
    assert!(changes.is_sorted_by(|one, next| one.changed_at < next.changed_at));
    assert!(made.is_sorted_by(|one, next| one.created_at < next.created_at && one.id < next.id));
    for contact in &made {
        let last = changes.iter().rfind(|change| change.entity_id == contact.id.as_uuid()).unwrap();
        assert_eq!((last.entity_type, last.changed_at), (Kind::Contact, contact.updated_at));
    }
    for number in [0, 63, 64, 65, 127, 128, 200, 225] {
        let mut behind = view.changes(FeedPosition::After(number)).unwrap();
        assert_eq!(behind.next().unwrap().unwrap().id, number + 1);
    }
}

#[test]
fn two_records_of_one_transaction_have_instants_of_their_own() {
    let world = World::new();
    let lead = world.lead("Deal");
    let (contact, deal, company) = world
        .acme
        .write(|tx| {
            let contact = tx.contacts().create(&ada("a@x.example"))?;
            let deal: Deal = tx.deals().create(&lead)?;
            Ok((contact, deal, tx.companies().create(&CompanyDraft::new("Looms"))?))
        })
        .unwrap();
    assert_eq!(contact.created_at, contact.updated_at);
    assert!(contact.updated_at < deal.updated_at && deal.updated_at < company.updated_at);
    assert_eq!(world.acme.last_change().unwrap(), (3, company.updated_at));
}

#[test]
fn a_transaction_that_makes_no_difference_leaves_no_trace() {
    let world = World::new();
    let contact = world.add("a@x.example");
    let same = ContactUpdate::new().first_name("Ada");
    let unchanged = world.without_trace(|| world.acme.write(|tx| tx.contacts().update(contact, &same)));
    assert_eq!(unchanged.unwrap(), world.get(contact));
    world.without_trace(|| world.acme.write(|_| Ok(()))).unwrap();
}

#[test]
fn json_is_written_in_a_transaction_as_it_is_without_one() {
    let world = World::new();
    let body = |city| {
        bytes(&serde_json::json!({"firstName": "A", "lastName": "B", "email": "b@x.example", "city": city}))
    };
    let outcomes = world.acme.write(|tx| {
        let created = tx.contacts().json().create(&body("London"))?;
        let same = tx.contacts().json().update(created.record.id(), br#"{"city":"London"}"#)?;
        let upserted = tx.contacts().json().upsert(&body("Paris"))?;
        assert_eq!(tx.contacts().get(created.record.id())?, upserted.record.read()?);
        Ok([created.outcome, same.outcome, upserted.outcome])
    });
    assert_eq!(outcomes.unwrap(), [WriteOutcome::Created, WriteOutcome::Unchanged, WriteOutcome::Updated]);
    let error = world.refused(|| world.acme.write(|tx| tx.contacts().json().create(b"{").map(drop)));
    assert_eq!(error.code(), Code::MalformedJson);
}
