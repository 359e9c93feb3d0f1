use std::{collections::BTreeMap, rc::Rc};

use rally_core::{FeedPosition, FeedQuery, Id, Kind, Session, Timestamp};
use uuid::Uuid;

use super::{
    history::compare_history,
    sample::{Around, Body, LEFT_OPEN, unquote},
    state::{Record, State, folded, mailbox},
    table::{Member, Values, members},
    view::{Sums, millionths},
};
use crate::{
    Random,
    resources::{self, Asked, is_own, kinds},
};

/// Compares what the engine answers with what the state holds, at random places: lists of the kind that was written and
/// of another, records, what is made of deals, and the feed.
pub(super) fn compare(session: &Session, state: &State, written: Kind, random: &mut Random) {
    let written = if is_own(written) { written } else { Kind::User };
    for kind in [written, random.one_of(&kinds())] {
        list(session, state, kind, random);
        one(session, state, kind, random);
    }
    match random.below(4) {
        0 => qualified(session, state, random),
        1 => forecast(session, state, random),
        2 => refused_list(session, random),
        _ => settings(session, state),
    }
    feed(session, state, random);
    compare_history(session, state, random);
}

/// Compares whole lists of every kind, and all else that is not compared at random places.
pub(super) fn compare_all(session: &Session, state: &State) {
    for kind in kinds() {
        let texts = texts(state, kind, state.all(kind));
        for (page, texts) in (0..).zip(texts.chunks(100)) {
            let query = Asked { offset: page * 100, ..Asked::default() };
            assert_eq!(resources::list(session, kind, &query).expect("a list is answered").rows, texts);
        }
    }
    settings(session, state);
}

fn list(session: &Session, state: &State, kind: Kind, random: &mut Random) {
    let mut query = Asked { count: random.once_in(2), ..Asked::default() };
    let mut found = state.all(kind).to_vec();
    for _ in 0..random.below(3) {
        filter(&mut query, &mut found, state, kind, random);
    }
    if random.once_in(4) {
        search(&mut query, &mut found, state, kind, random);
    }
    if random.once_in(2) {
        let since = some_instant(state, random);
        query.updated_since = Some(since);
        found.retain(|record| record.updated_at > since);
        found.sort_by_key(|record| record.updated_at);
    }
    let most = if random.once_in(5) { 100 } else { 10 };
    query.limit = 1 + random.below(most);
    query.offset = number(random.below(found.len() + 2));
    let start = start(session, kind, &mut query, &found, random);
    same_page(session, state, kind, &query, &found, start);
    if random.once_in(3) {
        let walked = resources::walk(session, kind, &query).expect("a list is walked");
        assert_eq!(walked, texts(state, kind, &found), "{kind} {query:?}");
    }
}

/// The number of records before a page by offset, which may go on behind a record, or at the end of another page.
fn start(
    session: &Session,
    kind: Kind,
    query: &mut Asked,
    found: &[Rc<Record>],
    random: &mut Random,
) -> usize {
    let mut first = 0;
    if query.updated_since.is_none() && random.once_in(3) {
        let known = found.get(random.below(found.len() + 1));
        let mut after = known.map_or(0, |record| record.id.as_u128());
        // As if the record had gone meanwhile.
        after = if random.once_in(2) { after } else { after.saturating_add(1) };
        query.after = Some(Uuid::from_u128(after));
        first = found.partition_point(|record| record.id.as_u128() <= after);
    }
    let counted = first + usize::try_from(query.offset).expect("a small number");
    if query.offset > 0 && random.once_in(3) {
        let last = random.below(found.len() + 1);
        let page = Asked { limit: 1, after: None, offset: number(last), ..query.clone() };
        query.not_behind = resources::list(session, kind, &page).expect("a list is answered").end;
        if query.not_behind.is_some() {
            return counted.min(first.max(last + 1));
        }
    }
    counted
}

fn same_page(session: &Session, state: &State, kind: Kind, query: &Asked, all: &[Rc<Record>], start: usize) {
    let page = resources::list(session, kind, query).expect("a list is answered");
    let start = all.len().min(start);
    let expected = &all[start..all.len().min(start + query.limit)];
    assert_eq!(page.rows, texts(state, kind, expected), "{kind} {query:?}");
    assert_eq!(page.has_more, all.len() > start + query.limit, "{kind} {query:?}");
    assert_eq!(page.total, query.count.then(|| number(all.len())), "{kind} {query:?}");
}

fn texts(state: &State, kind: Kind, records: &[Rc<Record>]) -> Vec<String> {
    records.iter().map(|record| state.text(kind, record)).collect()
}

/// Asks for one value of one member.
fn filter(query: &mut Asked, found: &mut Vec<Rc<Record>>, state: &State, kind: Kind, random: &mut Random) {
    let asked = |filter: &str| query.filters.contains_key(filter);
    let filters = members(kind).iter().filter_map(|member| Some((member, member.filter?)));
    let filters: Vec<(&Member, &str)> = filters.filter(|(_, filter)| !asked(filter)).collect();
    if filters.is_empty() {
        return;
    }
    let (member, filter) = random.one_of(&filters);
    let Some((asked, kept)) = some_value(member, state, kind, random) else { return };
    query.filters.insert(filter.to_owned(), asked);
    found.retain(|record| {
        let json = &record.members[member.name];
        if matches!(member.values, Values::Tags | Values::TagLine) {
            tags(json).contains(&kept)
        } else {
            folded(kind, member.name, json) == folded(kind, member.name, &kept)
        }
    });
}

/// A value to ask for, as it is asked for and as it is kept: that of a record, or any.
fn some_value(member: &Member, state: &State, kind: Kind, random: &mut Random) -> Option<(String, String)> {
    let is_tags = matches!(member.values, Values::Tags | Values::TagLine);
    let (json, kept) = if random.once_in(4) {
        let around = Around { own: state, other: state, record: None };
        let given = Body::sample(std::slice::from_ref(member), around, random, |_, _| true).given.pop()?;
        (given.json, given.kept?)
    } else {
        let json = state.pick(kind, random)?.members[member.name].clone();
        (json.clone(), json)
    };
    if is_tags {
        let tag = tags(&kept).pop()?;
        return Some((format!(" {tag}"), tag));
    }
    // An empty value is kept of a text alone; of all else it is none, and none is asked for.
    let is_asked =
        json != "null" && (json != LEFT_OPEN && kept != LEFT_OPEN || member.values == Values::Text);
    is_asked.then(|| (unquote(&json), kept))
}

fn tags(json: &str) -> Vec<String> {
    match serde_json::from_str::<Vec<String>>(json) {
        Ok(tags) => tags,
        Err(_) => unquote(json).split(',').filter(|tag| !tag.is_empty()).map(str::to_owned).collect(),
    }
}

/// Searches for the beginning of a name.
fn search(query: &mut Asked, found: &mut Vec<Rc<Record>>, state: &State, kind: Kind, random: &mut Random) {
    let names: Vec<&Member> = members(kind).iter().filter(|member| member.is_searched).collect();
    let Some(record) = state.pick(kind, random) else { return };
    let name = unquote(&state.value(random.one_of(&names), record));
    let length = 1 + random.below(name.chars().count().max(1) + 2);
    let mut asked: String = name.chars().take(length).collect();
    if random.once_in(3) {
        asked = asked.to_uppercase();
    }
    let beginning = searched(asked.trim());
    query.search = Some(asked);
    found.retain(|record| {
        names.iter().any(|member| {
            let text = unquote(&state.value(member, record));
            let is_address = member.values == Values::Email;
            searched(&text).starts_with(&beginning) || is_address && mailbox(&text).starts_with(&beginning)
        })
    });
}

/// Form in which names are searched, as far as samples go.
fn searched(text: &str) -> String {
    let pairs = [("e\u{301}", "é"), ("a\u{308}", "ä"), ("i\u{307}", "i"), ("ı", "i"), ("ß", "ss")];
    pairs.iter().fold(text.to_lowercase(), |text, (one, other)| text.replace(one, other))
}

/// A filter that the kind does not have, or a value that no member has.
fn refused_list(session: &Session, random: &mut Random) {
    let kind = random.one_of(&kinds());
    let filters = members(kind).iter().filter_map(|member| member.filter);
    for name in filters.chain(["colour"]) {
        let filters = BTreeMap::from([(name.to_owned(), "\u{1}".to_owned())]);
        let query = Asked { filters, ..Asked::default() };
        let error = resources::list(session, kind, &query).expect_err("no record has it");
        assert_eq!(error.code().name(), "validation", "{kind} {name}");
    }
}

/// A record that is there, or one that was.
fn one(session: &Session, state: &State, kind: Kind, random: &mut Random) {
    let there = state.pick(kind, random).map(|record| record.id).filter(|_| !random.once_in(3));
    let gone = state.gone.get(random.below(state.gone.len())).copied();
    let Some(id) = there.or(gone) else { return };
    let expected = state.find(kind, id).map(|record| state.text(kind, record));
    match resources::get(session, kind, id) {
        Ok(text) => assert_eq!(Some(text), expected),
        Err(error) => assert!(error.is_not_found() && expected.is_none(), "{kind} {id} {error:?}"),
    }
}

fn qualified(session: &Session, state: &State, random: &mut Random) {
    let Some(deal) = state.pick(Kind::Deal, random) else { return };
    let row = session.bant().json().get(Id::from_uuid(deal.id)).expect("the deal is there");
    assert_eq!(resources::text(&row), state.bant_text(deal));
}

fn forecast(session: &Session, state: &State, random: &mut Random) {
    let pipeline = state.pick(Kind::Pipeline, random).expect("one is the default");
    let forecast = session.pipelines().forecast(Id::from_uuid(pipeline.id)).expect("the pipeline is there");
    let found = forecast.stages.into_iter().map(|of| {
        let sum = |sum: &rally_core::CurrencySum| {
            (millionths(&sum.value.to_string()), millionths(&sum.weighted.to_string()))
        };
        let sums: Sums = of.sums.iter().map(|of| (of.currency.to_string(), sum(of))).collect();
        (of.stage.id.as_uuid(), of.count, sums)
    });
    let expected = state.forecast(pipeline).into_iter();
    let expected = expected.map(|(stage, count, sums)| (stage.id, number(count), sums));
    assert_eq!(found.collect::<Vec<_>>(), expected.collect::<Vec<_>>(), "{pipeline:?}");
}

fn settings(session: &Session, state: &State) {
    let row = session.settings_row().expect("settings are there");
    assert_eq!(resources::text(&row), state.settings_text());
}

fn feed(session: &Session, state: &State, random: &mut Random) {
    let limit = 1 + random.below(100);
    let since = some_instant(state, random);
    let after = number(random.below(state.changes.len() + 2));
    let mut kinds = Kind::IN_FEED.to_vec();
    if random.once_in(2) {
        kinds.retain(|_| random.once_in(2));
    }
    for from in [FeedPosition::Since(since), FeedPosition::After(after)] {
        let is_asked = |(number, change): &(u64, &super::state::Change)| {
            let is_behind = match from {
                FeedPosition::Since(since) => change.at > since,
                FeedPosition::After(after) => *number > after,
            };
            is_behind && kinds.contains(&change.kind)
        };
        let expected: Vec<_> = (1..)
            .zip(&state.changes)
            .filter(is_asked)
            .map(|(number, change)| (number, change.kind, change.id, change.action, change.at))
            .take(limit)
            .collect();
        let query = FeedQuery { from, kinds: kinds.clone(), limit, epoch: None };
        let found: Vec<_> = session
            .changes(&query)
            .expect("the feed is answered")
            .into_iter()
            .map(|entry| (entry.id, entry.entity_type, entry.entity_id, entry.action, entry.changed_at))
            .collect();
        assert_eq!(found, expected, "{query:?}");
    }
}

/// An instant at, just before, or just behind a change.
fn some_instant(state: &State, random: &mut Random) -> Timestamp {
    match state.changes.get(random.below(state.changes.len() + 1)) {
        Some(change) => change.at.plus_micros(random.one_of(&[-1, 0, 1])),
        None => Timestamp::MIN,
    }
}

fn number(number: usize) -> u64 {
    u64::try_from(number).expect("a small number")
}
