use rally_core::{
    Contact, ContactUpdate, Id, ListQuery, Page, Profile, Query, Timestamp,
    schema::{Fields, Resource, Search},
};

use crate::support::{World, told};

fn emails(page: &Page<Contact>) -> Vec<String> {
    page.records.iter().map(|contact| contact.email.clone()).collect()
}

fn list(world: &World, query: impl Into<ListQuery<Contact>>) -> Page<Contact> {
    world.acme.contacts().list(query).unwrap()
}

fn call(world: &World, id: Id<Contact>) {
    world.acme.contacts().update(id, &ContactUpdate::new().phone("1")).unwrap();
}

/// A world with contacts `c0` to `c<n - 1>`.
fn world_of(count: usize) -> World {
    let world = World::new();
    for number in 0..count {
        world.add(&format!("c{number}@x.example"));
    }
    world
}

#[test]
fn pages_follow_creation_and_say_whether_the_list_goes_on() {
    let world = world_of(7);
    let page = |offset, limit| list(&world, Query::all().offset(offset).limit(limit).counted());
    let first = page(0, 3);
    assert_eq!(emails(&first), ["c0@x.example", "c1@x.example", "c2@x.example"]);
    assert_eq!((first.has_more, first.total), (true, Some(7)));
    assert_eq!(emails(&page(5, 3)), ["c5@x.example", "c6@x.example"]);
    assert!(!page(4, 3).has_more);
    let behind = page(7, 3);
    assert_eq!((behind.records.len(), behind.has_more, behind.total), (0, false, Some(7)));
    assert!(page(u64::MAX, 100).records.is_empty());
}

#[test]
fn every_offset_of_a_list_with_holes_is_right() {
    let world = world_of(400);
    let all = emails_of_everyone(&world);
    for (index, row) in rows_of_everyone(&world).into_iter().enumerate() {
        if index % 3 == 0 || (100..300).contains(&index) {
            world.acme.contacts().delete(row).unwrap();
        }
    }
    let left: Vec<&String> = all
        .iter()
        .enumerate()
        .filter(|(index, _)| index % 3 != 0 && !(100..300).contains(index))
        .map(|(_, e)| e)
        .collect();
    for offset in 0..=left.len() {
        let at = u64::try_from(offset).unwrap();
        let page = list(&world, Query::all().offset(at).limit(2).counted());
        let expected: Vec<String> = left.iter().skip(offset).take(2).map(|email| (*email).clone()).collect();
        assert_eq!(emails(&page), expected, "{offset}");
        assert_eq!(page.total, Some(u64::try_from(left.len()).unwrap()));
    }
}

fn rows_of_everyone(world: &World) -> Vec<Id<Contact>> {
    let mut ids = Vec::new();
    loop {
        let page = list(world, Query::all().offset(u64::try_from(ids.len()).unwrap()));
        ids.extend(page.records.iter().map(|contact| contact.id));
        if !page.has_more {
            return ids;
        }
    }
}

fn emails_of_everyone(world: &World) -> Vec<String> {
    rows_of_everyone(world).into_iter().map(|id| world.get(id).email).collect()
}

#[test]
fn updated_since_is_strictly_after_in_the_order_of_change() {
    let world = World::new();
    let ids: Vec<_> = ["a", "b", "c"]
        .map(|name| {
            world.clock.advance(1_000_000);
            world.add(&format!("{name}@x.example"))
        })
        .into();
    let since = |since, offset| {
        let page = list(&world, Query::all().updated_since(since).offset(offset).counted());
        (emails(&page), page.total)
    };
    let second = world.get(ids[1]).updated_at;
    assert_eq!(since(second, 0), (vec!["c@x.example".to_owned()], Some(1)));
    assert_eq!(since(second.plus_micros(-1), 0).0, ["b@x.example", "c@x.example"]);
    call(&world, ids[0]);
    assert_eq!(since(second, 0), (vec!["c@x.example".to_owned(), "a@x.example".to_owned()], Some(2)));
    assert_eq!(since(second, 1), (vec!["a@x.example".to_owned()], Some(2)));
    assert_eq!(since(world.get(ids[0]).updated_at, 0), (vec![], Some(0)));
    world.acme.contacts().delete(ids[0]).unwrap();
    assert_eq!(since(second, 0).1, Some(1));
}

#[test]
fn every_offset_behind_an_instant_is_right() {
    let world = world_of(300);
    let ids = rows_of_everyone(&world);
    for id in ids.iter().step_by(2) {
        world.clock.advance(10);
        call(&world, *id);
    }
    let start = world.get(ids[99]).updated_at;
    let expected: Vec<String> =
        ids.iter().skip(101).step_by(2).chain(ids.iter().step_by(2)).map(|id| world.get(*id).email).collect();
    for offset in [0, 1, 62, 63, 64, 65, 99, 100, 101, 200, 249, 250] {
        let at = u64::try_from(offset).unwrap();
        let page = list(&world, Query::all().updated_since(start).offset(at).limit(3).counted());
        assert_eq!(
            emails(&page),
            expected.iter().skip(offset).take(3).cloned().collect::<Vec<_>>(),
            "{offset}"
        );
        assert_eq!(page.total, Some(u64::try_from(expected.len()).unwrap()));
    }
}

#[test]
fn a_frozen_clock_still_orders_every_change() {
    let world = world_of(5);
    let contacts: Vec<Contact> = rows_of_everyone(&world).into_iter().map(|id| world.get(id)).collect();
    assert!(contacts.is_sorted_by(|a, b| a.created_at < b.created_at && a.id < b.id));
    world.clock.advance(-60_000_000);
    let late = world.get(world.add("late@x.example"));
    assert!(late.created_at > contacts[4].created_at);
}

#[test]
fn fields_are_written_in_the_models_order_and_unknown_ones_are_the_profiles_matter() {
    let world = World::new();
    let row = world.acme.contacts().json().get(world.add("a@x.example")).unwrap();
    let write = |list: &str| {
        let fields = Fields::parse(Contact::model(), list, Profile::Documented).unwrap();
        let mut json = Vec::new();
        row.write_json(&fields, &mut json).unwrap();
        String::from_utf8(json).unwrap()
    };
    assert_eq!(write("email, fullName,nonsense"), r#"{"fullName":"Ada Lovelace","email":"a@x.example"}"#);
    assert_eq!(write("phone"), r#"{"phone":null}"#);
    assert_eq!(write("nonsense"), "{}");
    assert_eq!(write(""), write(" , "));
    assert!(write("").contains("\"updatedAt\""));
    let faults = Fields::parse(Contact::model(), "email,nonsense", Profile::Strict).unwrap_err();
    assert_eq!(told(&faults.into()).1, ["fields names \"nonsense\", which is not a member"]);
}

#[test]
fn a_limit_outside_1_to_100_is_refused_of_hosts_too() {
    let world = world_of(1);
    for limit in [0, 101] {
        let error = world.acme.contacts().list(Query::all().limit(limit)).unwrap_err();
        assert_eq!(told(&error).1, ["limit must be a whole number from 1 to 100"]);
    }
}

#[test]
fn a_list_goes_on_behind_a_record_whether_it_is_still_there_or_not() {
    let world = world_of(7);
    let ids = rows_of_everyone(&world);
    world.acme.contacts().delete(ids[2]).unwrap();
    let behind = |id, offset| list(&world, Query::all().limit(2).after(id).offset(offset).counted());
    for known in [1, 2] {
        let page = behind(ids[known], 0);
        assert_eq!(emails(&page), ["c3@x.example", "c4@x.example"]);
        assert_eq!((page.has_more, page.total), (true, Some(6)), "the total is of the whole list");
    }
    assert_eq!(emails(&behind(ids[1], 2)), ["c5@x.example", "c6@x.example"]);
    let last = behind(ids[6], 0);
    assert_eq!((last.records.len(), last.has_more, last.end), (0, false, None));
    for (id, first) in [(0, "c0@x.example"), (u128::MAX, "")] {
        let page = behind(Id::from_uuid(uuid::Uuid::from_u128(id)), 0);
        assert_eq!(emails(&page).first().map_or("", String::as_str), first);
    }
}

#[test]
fn a_filtered_list_goes_on_behind_a_record_that_need_not_be_in_it() {
    let world = world_of(6);
    let ids = rows_of_everyone(&world);
    for number in [0, 2, 4, 5] {
        let update = ContactUpdate::new().lead_source("web");
        world.acme.contacts().update(ids[number], &update).unwrap();
    }
    let web = || Query::from(Contact::LEAD_SOURCE.is("web"));
    let page = list(&world, web().limit(1).after(ids[1]).counted());
    assert_eq!((emails(&page), page.has_more, page.total), (vec!["c2@x.example".to_owned()], true, Some(4)));
    let searched = Query { search: Search::parse("lovel").unwrap(), ..web() };
    assert_eq!(emails(&list(&world, searched.limit(9).after(ids[2]).offset(1))), ["c5@x.example"]);
}

#[test]
fn a_page_begins_at_the_end_of_the_one_before_if_counting_leads_behind_it() {
    let world = world_of(9);
    let ids = rows_of_everyone(&world);
    let first = list(&world, Query::all().limit(4));
    world.acme.contacts().delete(ids[1]).unwrap();
    let next = |query: Query<Contact>, end| list(&world, query.limit(2).offset(4).not_behind(end));
    assert_eq!(emails(&next(Query::all(), None)), ["c5@x.example", "c6@x.example"]);
    assert_eq!(emails(&next(Query::all(), first.end)), ["c4@x.example", "c5@x.example"]);
    let later = list(&world, Query::all().limit(8)).end;
    assert_eq!(emails(&next(Query::all(), later)), ["c5@x.example", "c6@x.example"], "counting is earlier");
    let changed = Query::all().updated_since(Timestamp::MIN);
    let first = list(&world, changed.clone().limit(4));
    call(&world, ids[0]);
    call(&world, ids[2]);
    assert_eq!(emails(&next(changed.clone(), None))[0], "c7@x.example");
    assert_eq!(emails(&next(changed, first.end)), ["c5@x.example", "c6@x.example"]);
}

#[test]
fn places_of_another_order_are_refused() {
    let world = world_of(2);
    let error = |query: ListQuery<Contact>| told(&world.acme.contacts().list(query).unwrap_err()).1;
    let since = Query::all().updated_since(Timestamp::MIN);
    assert_eq!(
        error(since.clone().limit(1).after(rows_of_everyone(&world)[0])),
        ["after must not be given with updatedSince, whose list goes on by updatedSince"]
    );
    let [created, changed] = [Query::all(), since].map(|query| (query.clone(), list(&world, query).end));
    for (query, end) in [(created.0, changed.1), (changed.0, created.1)] {
        let told = error(query.limit(1).offset(1).not_behind(end));
        assert_eq!(told, ["notBehind is a place in a list of another order"]);
    }
}
