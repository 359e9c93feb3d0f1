//! The history of a record.

use std::sync::Arc;

use rally_core::{
    Action, BantUpdate, Code, CompanyDraft, CompanyUpdate, Contact, ContactUpdate, CriterionUpdate,
    DealUpdate, Decimal, FeedPosition, FeedQuery, HistoryEntry, HistoryQuery, Id, Kind, Page, PipelineDraft,
    PipelineStageDraft, Session, StageMove, Timestamp, schema::Recorded, store::MemoryStore,
};
use rally_testkit::CountingStore;

use crate::support::{World, ada, tenant, told};

/// An entry as its action and its changes, a line each.
fn lines(entry: &HistoryEntry) -> Vec<String> {
    let changes = entry.changes.iter();
    let changes =
        changes.map(|change| format!("{} {} -> {}", change.member, change.from_json(), change.to_json()));
    [entry.action.to_string()].into_iter().chain(changes).collect()
}

fn newest<R: Recorded>(all: rally_core::Collection<'_, R>, id: Id<R>) -> HistoryEntry {
    all.history(id).unwrap().records.remove(0)
}

fn part(session: &Session, id: Id<Contact>, query: HistoryQuery) -> Page<HistoryEntry> {
    session.contacts().history_with(id, &query).unwrap()
}

fn asked(limit: usize, offset: u64) -> HistoryQuery {
    HistoryQuery { limit, offset, count: true, ..HistoryQuery::default() }
}

#[test]
fn each_change_is_told_with_what_it_changed_from_the_newest_down() {
    let world = World::new();
    let contacts = world.acme.contacts();
    let id = world.add("a@x.example");
    world.clock.advance(1_000_000);
    let update = ContactUpdate::new().notes("Note G").tags(["a", "b"]).lead_score(7).last_name("King");
    contacts.update(id, &update).unwrap();
    contacts.update(id, &update).unwrap();
    contacts.update(id, &ContactUpdate::new().lead_score(None).notes("\"")).unwrap();
    contacts.delete(id).unwrap();
    let history = contacts.history(id).unwrap();
    let created = [
        "inserted",
        "firstName null -> \"Ada\"",
        "lastName null -> \"Lovelace\"",
        "email null -> \"a@x.example\"",
        "lifecycleStage null -> \"lead\"",
    ];
    let updated = [
        "updated",
        "lastName \"Lovelace\" -> \"King\"",
        "leadScore null -> 7",
        "tags null -> \"a,b\"",
        "notes null -> \"Note G\"",
    ];
    let cleared = ["updated", "leadScore 7 -> null", "notes \"Note G\" -> \"\\\"\""];
    let deleted = [
        "deleted",
        "firstName \"Ada\" -> null",
        "lastName \"King\" -> null",
        "email \"a@x.example\" -> null",
        "lifecycleStage \"lead\" -> null",
        "tags \"a,b\" -> null",
        "notes \"\\\"\" -> null",
    ];
    let found: Vec<Vec<String>> = history.records.iter().map(lines).collect();
    assert_eq!(found, [&deleted[..], &cleared[..], &updated[..], &created[..]]);
    let query = FeedQuery { from: FeedPosition::START, kinds: vec![Kind::Contact], limit: 100, epoch: None };
    let of_feed = world.acme.changes(&query).unwrap().into_iter().rev();
    let of_feed = of_feed.map(|entry| (entry.id, entry.action, entry.changed_at, entry.changed_by));
    let of_history = history.records.into_iter();
    let of_history = of_history.map(|entry| (entry.id, entry.action, entry.changed_at, entry.changed_by));
    assert!(of_history.eq(of_feed), "each is the feed's entry");
    assert_eq!((history.has_more, history.total), (false, None));
}

#[test]
fn values_are_read_as_the_types_of_their_members() {
    let world = World::new();
    let id =
        world.acme.deals().create(&world.lead("Deal").value("0.10".parse::<Decimal>().unwrap())).unwrap().id;
    world.acme.deals().update(id, &DealUpdate::new().value(None)).unwrap();
    let entry = newest(world.acme.deals(), id);
    let change = entry.change_of("value").unwrap();
    assert_eq!(change.from::<Decimal>().unwrap().map(|value| value.to_string()).as_deref(), Some("0.10"));
    assert_eq!(change.to::<Decimal>().unwrap(), None);
    assert_eq!(change.from::<Timestamp>().unwrap_err().code(), Code::Internal);
    assert!(entry.change_of("notes").is_none());
}

#[test]
fn a_qualification_is_a_part_of_its_deals_history_and_hidden_members_are_not() {
    let world = World::new();
    let id = world.deal("Deal");
    let update = BantUpdate::new().need(CriterionUpdate::new().rating(3)).notes("now");
    world.acme.bant().update(id.into(), &update).unwrap();
    let rated = ["updated", r#"bant.need null -> {"rating":3,"notes":null}"#, r#"bant.notes null -> "now""#];
    assert_eq!(lines(&newest(world.acme.deals(), id)), rated);
    world.acme.bant().update(id.into(), &BantUpdate::new().need(CriterionUpdate::new().notes("3"))).unwrap();
    let noted = ["updated", r#"bant.need {"rating":3,"notes":null} -> {"rating":3,"notes":"3"}"#];
    assert_eq!(lines(&newest(world.acme.deals(), id)), noted);
    world.acme.deals().move_to(id, world.stage("Qualified")).unwrap();
    let (lead, qualified) = (world.stage("Lead"), world.stage("Qualified"));
    let moved = [
        "updated".to_owned(),
        format!("stageId \"{lead}\" -> \"{qualified}\""),
        "probability 10 -> 25".to_owned(),
    ];
    assert_eq!(lines(&newest(world.acme.deals(), id)), moved);
}

#[test]
fn a_stage_move_tells_how_long_the_deal_stood_in_the_stage_that_it_left() {
    let world = World::new();
    let deals = world.acme.deals();
    let id = world.deal("Deal");
    let seconds = || newest(deals, id).seconds_in_stage;
    assert_eq!(seconds(), None, "it left none when it was created");
    world.clock.advance(90_500_000);
    deals.update(id, &DealUpdate::new().notes("so far")).unwrap();
    deals.move_to(id, StageMove::to(world.stage("Lead")).probability(3)).unwrap();
    assert_eq!(seconds(), None, "it is where it was");
    world.clock.advance(9_400_000);
    deals.move_to(id, world.stage("Proposal")).unwrap();
    assert_eq!(seconds(), Some(99), "whole seconds since it was created");
    world.clock.advance(86_400_000_000);
    deals.update(id, &DealUpdate::new().stage_id(world.stage("Closed Won"))).unwrap();
    assert_eq!(seconds(), Some(86_400));
    world.clock.advance(1_000_000);
    let stages = [PipelineStageDraft::new("Start")];
    let other = world.acme.pipelines().create(&PipelineDraft::new("Other", stages)).unwrap();
    let there = DealUpdate::new().pipeline_id(other.id).stage_id(other.stages[0].id);
    deals.update(id, &there).unwrap();
    assert_eq!(seconds(), Some(1));
    deals.delete(id).unwrap();
    assert_eq!(seconds(), None);
    let all = deals.history(id).unwrap().records;
    let moves: Vec<Option<u64>> = all.iter().map(|entry| entry.seconds_in_stage).collect();
    assert_eq!(moves, [None, Some(1), Some(86_400), Some(99), None, None, None]);
}

#[test]
fn a_reference_that_a_deletion_clears_is_a_change_of_the_record_that_held_it() {
    let world = World::new();
    let company = world.acme.companies().create(&CompanyDraft::new("Looms")).unwrap().id;
    let held = world.acme.contacts().create(&ada("a@x.example").company_id(company)).unwrap().id;
    world.acme.companies().delete(company).unwrap();
    let expected = ["updated".to_owned(), format!("companyId \"{company}\" -> null")];
    assert_eq!(lines(&newest(world.acme.contacts(), held)), expected);
    let gone = newest(world.acme.companies(), company);
    assert_eq!((gone.action, gone.changed_by.as_deref()), (Action::Deleted, Some("host")));
}

/// A contact with so many changes, the last of which sets the score to the number of the change, and the name at times.
fn often_changed(world: &World, changes: u8) -> Id<Contact> {
    let id = world.add("a@x.example");
    for change in 2..=changes {
        world.clock.advance(1_000_000);
        let mut update = ContactUpdate::new().lead_score(change % 100);
        if change % 7 == 0 {
            update = update.city(format!("City {change}"));
        }
        world.acme.contacts().update(id, &update).unwrap();
    }
    id
}

/// Checks that every page of a contact's history is a part of the whole.
#[track_caller]
fn every_page_is_a_part(world: &World, id: Id<Contact>, whole: &[HistoryEntry]) {
    let total = u64::try_from(whole.len()).unwrap();
    for limit in [1, 3, 100] {
        for offset in (0..total + 5).chain([u64::MAX]) {
            let page = part(&world.acme, id, asked(limit, offset));
            let start = usize::try_from(offset.min(total)).unwrap();
            let end = whole.len().min(start + limit);
            assert_eq!(page.records, whole[start..end], "{limit} at {offset}");
            assert_eq!((page.total, page.has_more), (Some(total), end < whole.len()), "{limit} at {offset}");
        }
    }
}

#[test]
fn a_page_at_any_offset_is_a_part_of_the_whole() {
    let world = World::new();
    // Two versions are kept whole among them, and the last page reaches the creation.
    let id = often_changed(&world, 150);
    let (first, second) = (part(&world.acme, id, asked(100, 0)), part(&world.acme, id, asked(100, 100)));
    let whole = [first.records, second.records].concat();
    let scores = whole.iter().map(|entry| entry.change_of("leadScore").map(|score| score.to().unwrap()));
    let expected = (1..=150u8).rev().map(|change| (change > 1).then_some(Some(change % 100)));
    assert_eq!(scores.collect::<Vec<Option<Option<u8>>>>(), expected.collect::<Vec<_>>());
    every_page_is_a_part(&world, id, &whole);
    world.acme.contacts().delete(id).unwrap();
    let deletion = newest(world.acme.contacts(), id);
    every_page_is_a_part(&world, id, &[vec![deletion], whole].concat());
}

#[test]
fn a_page_goes_on_before_a_change_of_the_record_and_no_other() {
    let world = World::new();
    let (id, other) = (often_changed(&world, 80), world.add("b@x.example"));
    let whole = part(&world.acme, id, asked(100, 0)).records;
    for after in [0, 1, 40, 78, 79] {
        let behind = HistoryQuery { after: Some(whole[after].id), ..asked(5, 0) };
        let end = (after + 6).min(80);
        assert_eq!(part(&world.acme, id, behind).records, &whole[after + 1..end]);
        let further = HistoryQuery { offset: 2, ..behind };
        assert_eq!(part(&world.acme, id, further).records, &whole[(after + 3).min(80)..(after + 8).min(80)]);
    }
    let others = newest(world.acme.contacts(), other).id;
    for after in [others, 0, others + 1, u64::MAX] {
        let query = HistoryQuery { after: Some(after), ..HistoryQuery::default() };
        let error = world.acme.contacts().history_with(id, &query).unwrap_err();
        assert_eq!(
            told(&error),
            ("validation", vec!["after must be the id of a change of this record".to_owned()])
        );
    }
    for limit in [0, 101] {
        let query = HistoryQuery { limit, ..HistoryQuery::default() };
        let error = world.acme.contacts().history_with(id, &query).unwrap_err();
        assert_eq!(told(&error).1, ["limit must be a whole number from 1 to 100"]);
    }
}

#[test]
fn a_record_that_this_tenant_never_had_has_no_history() {
    let world = World::new();
    let other = tenant(&world.engine, "other");
    let foreign = other.contacts().create(&ada("a@x.example")).unwrap().id;
    let nobody: Id<Contact> = Id::from_uuid(world.acme.tenant().id.as_uuid());
    for id in [foreign, nobody] {
        let error = world.acme.contacts().history(id).unwrap_err();
        assert_eq!((error.code(), error.detail()), (Code::NotFound, "there is no such contact"));
    }
    other.contacts().delete(foreign).unwrap();
    assert!(world.acme.contacts().history(foreign).unwrap_err().is_not_found());
    let company: Id<rally_core::Company> = Id::from_uuid(foreign.as_uuid());
    assert!(other.companies().history(company).unwrap_err().is_not_found());
}

#[test]
fn a_history_reaches_as_far_back_as_the_feed() {
    let world = World::new();
    let (id, gone) = (often_changed(&world, 70), world.add("b@x.example"));
    world.acme.contacts().delete(gone).unwrap();
    let rows =
        || world.stored(world.acme.tenant().id).iter().filter(|row| row.key.as_bytes()[0] == 0x21).count();
    assert_eq!(rows(), 70, "a row for each change but the creations");
    let whole = part(&world.acme, id, asked(100, 0)).records;
    for kept in [69, 68, 40, 5, 1, 0] {
        world.acme.trim_changes(whole[kept].changed_at).unwrap();
        for (limit, offset) in [(100, 0), (1, 0), (3, 2), (2, 67)] {
            let page = part(&world.acme, id, asked(limit, offset));
            let (start, all) = (usize::try_from(offset).unwrap().min(kept), u64::try_from(kept).unwrap());
            let end = kept.min(start + limit);
            assert_eq!((page.records.as_slice(), page.total), (&whole[start..end], Some(all)));
            assert_eq!(page.has_more, end < kept, "{kept} {limit} {offset}");
        }
        let behind = HistoryQuery { after: Some(whole[kept].id), ..asked(5, 0) };
        assert_eq!(part(&world.acme, id, behind).records, [], "all of it is trimmed");
    }
    assert_eq!(rows(), 1, "the deletion of the other");
    let last = newest(world.acme.contacts(), gone);
    assert_eq!(lines(&last)[0], "deleted");
    world.acme.trim_changes(last.changed_at).unwrap();
    assert!(world.acme.contacts().history(gone).unwrap_err().is_not_found(), "nothing tells of it any more");
    assert_eq!(rows(), 0);
    world.acme.contacts().update(id, &ContactUpdate::new().lead_score(99)).unwrap();
    let page = part(&world.acme, id, asked(100, 0));
    assert_eq!(lines(&page.records[0]), ["updated", "leadScore 70 -> 99"]);
    assert_eq!((page.records.len(), page.total), (1, Some(1)));
}

#[test]
fn a_page_costs_its_own_changes_and_an_interval_at_most_at_any_offset() {
    let store = Arc::new(CountingStore::new(Arc::new(MemoryStore::new())));
    let world = World::on(store.clone());
    let id = often_changed(&world, 250);
    for offset in [0, 1, 63, 64, 130, 200, 249, 1_000_000] {
        store.reset();
        part(&world.acme, id, asked(10, offset));
        let counts = store.counts();
        let read = counts.entries + counts.keys_asked + counts.gets;
        assert!(read <= 2 * 11 + 64 + 4, "offset {offset} reads {read} entries");
    }
}

#[test]
fn a_creation_adds_no_row_and_an_update_one_of_what_it_changed() {
    let world = World::new();
    let rows =
        || world.stored(world.acme.tenant().id).into_iter().filter(|row| row.key.as_bytes()[0] == 0x21);
    let notes = "x".repeat(60_000);
    let company =
        world.acme.companies().create(&CompanyDraft::new("Looms").notes(notes.as_str())).unwrap().id;
    assert_eq!(rows().count(), 0);
    world.acme.companies().update(company, &CompanyUpdate::new().city("Leeds")).unwrap();
    let kept: Vec<_> = rows().collect();
    assert_eq!(kept.len(), 1);
    assert!(kept[0].value.len() < 20, "{} bytes", kept[0].value.len());
}
