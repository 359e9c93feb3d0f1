//! The promises of imports and exports, which an engine keeps on any store: what goes out comes in as it was, a dry run
//! says what a run does, and an import that stopped goes on where it stopped.

use std::{collections::BTreeMap, fmt::Write as _, io::Cursor, sync::Arc};

use rally_core::{
    ActivityDraft, ActivityStatus, ActivityType, Collection, CompanyDraft, ContactDraft, DealDraft, Decimal,
    Error, FileLimits, Format, ImportMode, ImportOptions, ImportReport, Query, Scratch, Session, TenantDraft,
    UserDraft,
    schema::{Row, Tabular},
    store::{MemoryStore, Store},
};
use serde_json::value::RawValue;

use super::{Property, engine::tenant};
use crate::{FaultyStore, Random, WriteFault, check_consistency};

pub(super) fn properties() -> Vec<Property<Arc<dyn Store>>> {
    vec![
        Property::of(what_goes_out_comes_in_elsewhere_as_it_was),
        Property::of(a_dry_run_says_what_the_run_after_it_does),
        Property::of(an_import_that_stopped_goes_on_where_it_stopped),
        Property::of(thousands_of_rows_are_all_imported),
    ]
}

/// Texts that files have trouble with, and that records may have.
const TEXTS: [&str; 26] = [
    "=1+1",
    "+x",
    "-y",
    "@z",
    "'=1",
    "''+",
    "'",
    "\"",
    "\"\"",
    ",",
    ";",
    "|",
    "a\tb",
    "line\nline",
    "line\r\nline",
    "a\rb",
    "\\N",
    "\\\\N",
    "\u{FEFF}mark",
    "0444123456",
    "12345678901234567890",
    "_x000D_",
    "<&>",
    "Ciência",
    "\u{1F600}",
    "nul\u{FFFD}l",
];

/// An amount of money, whole or with digits behind its point that may be zeros.
fn amount(random: &mut Random) -> Decimal {
    const AMOUNTS: [&str; 8] = [
        "1.10",
        "0.00",
        "-5.500",
        "7",
        "100",
        "1234567890123456789.25",
        "12345678901234.0",
        "0.000000000000010",
    ];
    let amount = random.one_of(&AMOUNTS);
    amount.parse().expect("a number of few digits")
}

/// A word or several, of all characters.
fn text(random: &mut Random) -> String {
    let mut text = String::new();
    for _ in 0..=random.below(3) {
        text.push_str(random.one_of(&TEXTS));
        if random.once_in(2) {
            let any = u32::try_from(random.below(0x3000)).ok().and_then(char::from_u32);
            text.extend(any.filter(|c| !c.is_control()));
        }
    }
    // What is trimmed, or seen by nobody, is no value.
    format!("{text}.")
}

fn what_goes_out_comes_in_elsewhere_as_it_was(store: &Arc<dyn Store>) {
    let acme = tenant(Arc::clone(store));
    let mut random = Random::new(11);
    fill(&acme, &mut random).expect("good drafts");
    for format in Format::ALL {
        let slug = format!("other-{format}");
        let other = acme.engine().create_tenant(&TenantDraft::new(slug)).expect("a new tenant");
        let other = other.trusted_session("property").expect("the tenant is there");
        for user in acme.users().list(Query::all()).expect("a list").records {
            other.users().create(&UserDraft::new(user.email, user.name)).expect("a good draft");
        }
        carry(acme.companies(), other.companies(), *format);
        carry(acme.contacts(), other.contacts(), *format);
        carry(acme.deals(), other.deals(), *format);
        carry(acme.activities(), other.activities(), *format);
        check_consistency(&other);
    }
}

/// Exports records, and imports them elsewhere; both must then have the same.
fn carry<R: Tabular>(from: Collection<'_, R>, to: Collection<'_, R>, format: Format) {
    let file = exported(from, format);
    let report = to.import(Cursor::new(&file), &ImportOptions::new()).expect("our own file");
    assert!(report.errors.is_empty(), "{} {format}: {:?}", R::KIND, report.errors);
    let (before, after) = (comparable(from), comparable(to));
    assert_eq!(before.len(), after.len(), "{} {format}", R::KIND);
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before, after, "{} {format}", R::KIND);
    }
}

fn exported<R: Tabular>(from: Collection<'_, R>, format: Format) -> Vec<u8> {
    let mut file = Vec::new();
    from.export(&mut file, format, Query::all()).expect("the store is well");
    file
}

/// The members of the records of a list as their JSON texts, without what belongs to their tenant: ids, and the instants
/// of changes.
fn comparable<R: Tabular>(records: Collection<'_, R>) -> Vec<BTreeMap<String, String>> {
    let list = records.json().list(&Query::all().limit(100)).expect("a list");
    let is_own = |name: &str| {
        name == "id" || name == "actualCloseDate" || ["Id", "At"].iter().any(|end| name.ends_with(end))
    };
    let one = |row: &Row<R>| {
        let mut json = Vec::new();
        row.write_json(R::model().whole(), &mut json).expect("a record");
        let members: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(&json).expect("an object");
        let others = members.into_iter().filter(|(name, _)| !is_own(name));
        others.map(|(name, value)| (name, value.get().to_owned())).collect()
    };
    list.records.iter().map(one).collect()
}

/// Makes records of each kind that refer to each other, with values of all sorts.
pub(super) fn fill(acme: &Session, random: &mut Random) -> Result<(), Error> {
    let users = ["u1", "u2"].map(|name| UserDraft::new(format!("{name}@x.example"), format!("{name} =User")));
    let users = [acme.users().create(&users[0])?.id, acme.users().create(&users[1])?.id];
    let sales = acme.pipelines().default()?;
    for number in 0..40 {
        let company = CompanyDraft::new(format!("{number} {}", text(random)));
        let company = company.description(text(random)).notes(text(random)).owner_id(random.one_of(&users));
        let tags = [text(random), text(random)].map(|tag| tag.chars().take(60).collect::<String>() + "t");
        let revenue = i64::try_from(random.below(1_000_000_000)).unwrap_or(0);
        let company = company.tags(tags).annual_revenue(Decimal::from(revenue));
        let company = if random.once_in(2) { company.domain(format!("c{number}.example")) } else { company };
        let company = acme.companies().create(&company)?.id;
        let contact = ContactDraft::new(
            text(random),
            format!("{number} {}", text(random)),
            format!("c{number}@x.example"),
        );
        let contact = contact.phone("+49 30 1").notes(text(random)).address(text(random)).company_id(company);
        let contact = contact.tags([format!("t{number}"), "b;c".to_owned()]).lead_score(7);
        let contact = acme.contacts().create(&contact)?.id;
        let stage = sales.stages.get(number % 6).map(|stage| stage.id).expect("six stages");
        let deal = DealDraft::new(sales.id, stage, format!("{number} {}", text(random)));
        let deal = deal.contact_id(contact).company_id(company).probability(42).notes(text(random));
        let deal = acme.deals().create(&deal.value(amount(random)))?.id;
        let call = ActivityDraft::new(ActivityType::Call, text(random));
        let call = call.deal_id(deal).contact_id(contact).body(text(random)).call_outcome(text(random));
        acme.activities().create(&call.status(ActivityStatus::Completed))?;
    }
    Ok(())
}

/// A file of contacts, good and bad, some of them several times.
fn file(random: &mut Random, rows: usize) -> String {
    let mut file = "id,firstName,lastName,email,leadScore,notes\n".to_owned();
    for _ in 0..rows {
        let email = format!("c{}@x.example", random.below(rows));
        let email = if random.once_in(10) { "none".to_owned() } else { email };
        let score = if random.once_in(3) { String::new() } else { random.below(130).to_string() };
        let name = if random.once_in(10) { "" } else { "Ada" };
        let _ = writeln!(file, ",{name},L{},{email},{score},", random.below(3));
    }
    file
}

fn a_dry_run_says_what_the_run_after_it_does(store: &Arc<dyn Store>) {
    let acme = tenant(Arc::clone(store));
    let mut random = Random::new(5);
    for round in 0..9 {
        let file = file(&mut random, 60);
        let mode = ImportMode::ALL.get(round % 3).copied().expect("three modes");
        // Some of the changes, or all, leave the memory.
        let memory = random.below(3) * 8_000;
        let dry_run_memory_bytes = u64::try_from(memory).expect("a small number");
        let limits = FileLimits { rows_at_once: 7, dry_run_memory_bytes, ..FileLimits::default() };
        let scratch = Scratch::new(|| Ok(Arc::new(MemoryStore::new())));
        let options = ImportOptions::new().mode(mode).limits(limits).scratch(scratch);
        let dry = acme.contacts().import(Cursor::new(&file), &options.clone().dry_run()).expect("a fit file");
        let before = acme.last_change().expect("the store is well");
        let mut wet = acme.contacts().import(Cursor::new(&file), &options).expect("a fit file");
        wet.dry_run = true;
        assert_eq!(dry, wet, "{mode}");
        let changes = acme.last_change().expect("the store is well").0 - before.0;
        assert_eq!(changes, wet.imported, "each record that was imported is in the feed, and nothing else");
    }
    check_consistency(&acme);
}

fn an_import_that_stopped_goes_on_where_it_stopped(store: &Arc<dyn Store>) {
    let faulty = Arc::new(FaultyStore::new(Arc::clone(store)));
    let acme = tenant(faulty.clone());
    acme.companies().create(&CompanyDraft::new("Looms")).expect("a good draft");
    let pipeline = acme.pipelines().default().expect("a first pipeline");
    let rows = |row: fn(usize) -> String, header: &str| {
        (0..40).fold(format!("{header}\n"), |file, number| file + &row(number) + "\n")
    };
    let contacts = rows(|n| format!("A,B,c{n}@x.example"), "firstName,lastName,email");
    let companies = rows(|n| format!("C{n}"), "name");
    let deals = rows(|n| format!("D{n},Lead,Looms"), "name,stageName,companyName");
    let activities =
        rows(|n| format!("S{n},{}", if n % 9 == 0 { "none" } else { "note" }), "subject,activityType");
    assert_eq!(pipeline.stages.len(), 6);
    interrupted(&faulty, acme.contacts(), &contacts, [40, 0]);
    interrupted(&faulty, acme.companies(), &companies, [40, 0]);
    interrupted(&faulty, acme.deals(), &deals, [40, 0]);
    interrupted(&faulty, acme.activities(), &activities, [35, 5]);
    faulty.heal();
    check_consistency(&acme);
}

/// Imports a file on a store that fails at random, again and again until it is done.
fn interrupted<R: Tabular>(
    faulty: &FaultyStore,
    into: Collection<'_, R>,
    file: &str,
    [created, refused]: [u64; 2],
) {
    faulty.heal();
    let before = into.count(Query::all()).expect("the store is well");
    let limits = FileLimits { rows_at_once: 3, ..FileLimits::default() };
    let options = ImportOptions::new().once(format!("import-{}", R::KIND.plural())).limits(limits);
    faulty.fail_writes_at_random(3, 4, &WriteFault::ALL);
    let mut attempts = 0;
    let report: ImportReport = loop {
        attempts += 1;
        assert!(attempts < 1_000, "an import gets nowhere");
        if let Ok(report) = into.import(Cursor::new(file), &options) {
            break report;
        }
    };
    faulty.heal();
    assert!(attempts > 2, "the import was interrupted");
    assert_eq!([report.created, report.skipped], [created, refused], "{} {:?}", R::KIND, report.errors);
    assert_eq!(into.count(Query::all()).expect("the store is well") - before, created);
    let again = into.import(Cursor::new(file), &options).expect("the kept answers");
    assert!(again.replayed && again.errors == report.errors && again.created == created);
}

fn thousands_of_rows_are_all_imported(store: &Arc<dyn Store>) {
    let acme = tenant(Arc::clone(store));
    for rows in [101, 1_001, 13_000] {
        let mut file = "firstName,lastName,email\n".to_owned();
        for number in 0..rows {
            let _ = writeln!(file, "A,B,c{number}-{rows}@x.example");
        }
        let report = acme.contacts().import(Cursor::new(file), &ImportOptions::new()).expect("a fit file");
        assert_eq!((report.total_rows, report.created), (rows, rows));
    }
    assert_eq!(acme.contacts().count(Query::all()).expect("the store is well"), 14_102);
}
