//! A contact as the hand-written baselines have it: the request, the columns of its row, and the answer.

use std::fmt;

use rally_core::Timestamp;
use serde::{Deserialize, Serialize, Serializer};
use uuid::Uuid;

use crate::{Filter, fixture};

/// The columns that are read, in the order of [`Contact::of_row`] and [`Draft::values`].
macro_rules! columns {
    () => {
        "id, first_name, last_name, email, phone, mobile, title, department, company_id, lifecycle_stage, lead_source, \
         lead_score, tags, linked_in_url, twitter_handle, address, city, state, country, postal_code, notes, owner_id, \
         created_at, updated_at"
    };
}

pub(crate) use columns;

/// The indexes that a table has beside those by e-mail address, creation and last change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Indexes {
    /// None: lists with a filter and searches look through the table.
    Bare,
    /// Those that Rally keeps: of each member that lists are filtered by, of each tag, and of the beginnings of names.
    Same,
}

impl Indexes {
    /// The columns beside those that are read, which a new row has: folded texts.
    pub(crate) const fn folded(self) -> &'static [&'static str] {
        match self {
            Self::Bare => &["email_folded"],
            Self::Same => &["email_folded", "last_name_folded", "full_name_folded"],
        }
    }

    /// The number of columns of a new row.
    pub(crate) const fn columns(self) -> usize {
        READ + self.folded().len()
    }

    /// An insert of one row; each parameter is written as `parameter` does.
    pub(crate) fn insert(self, parameter: fn(usize) -> String) -> String {
        let parameters: Vec<String> = (1..=self.columns()).map(parameter).collect();
        format!("INSERT INTO contacts ({}) VALUES ({})", self.all_columns(), parameters.join(", "))
    }

    /// The columns of a new row, in the order of [`Draft::values`].
    pub(crate) fn all_columns(self) -> String {
        format!("{}, {}", columns!(), self.folded().join(", "))
    }

    /// The clause of an insert whose e-mail address may be taken: the row that has it takes the new values.
    pub(crate) fn on_taken_email(self) -> String {
        let kept = ["id", "created_at", "email_folded"];
        let all = self.all_columns();
        let set = all.split(", ").filter(|column| !kept.contains(column));
        let set: Vec<String> = set.map(|column| format!("{column} = excluded.{column}")).collect();
        format!("ON CONFLICT (email_folded) DO UPDATE SET {} RETURNING id, created_at", set.join(", "))
    }
}

impl Filter {
    /// The condition of a statement.
    pub(crate) fn condition(self) -> String {
        let [stage, source] = fixture::FILTERED;
        match self {
            Self::Stage => format!("lifecycle_stage = '{stage}'"),
            Self::StageAndSource => format!("lifecycle_stage = '{stage}' AND lead_source = '{source}'"),
        }
    }
}

/// The condition that a name or the e-mail address, folded, is in a range of texts.
/// Texts are compared by their bytes.
pub(crate) fn on_found_name(indexes: Indexes, [from, until]: [&str; 2], by_bytes: &str) -> String {
    let is_in_range = |text: &str| format!("{text} {by_bytes} >= {from} AND {text} {by_bytes} < {until}");
    match indexes {
        Indexes::Bare => {
            let texts = ["email_folded", "lower(last_name)", "lower(first_name || ' ' || last_name)"];
            format!("({})", texts.map(is_in_range).join(" OR "))
        }
        // As a set of ids, because a plan that follows the order of the list would look through it for a rare name.
        Indexes::Same => {
            let texts = ["email_folded", "last_name_folded", "full_name_folded"];
            let found = texts.map(|text| format!("SELECT id FROM contacts WHERE {}", is_in_range(text)));
            format!("id IN ({})", found.join(" UNION "))
        }
    }
}

/// The least text behind all that begin with one.
pub(crate) fn behind(beginning: &str) -> String {
    format!("{beginning}\u{10FFFF}")
}

/// The number of columns that are read.
const READ: usize = 24;

/// Body of a request.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Draft<'a> {
    first_name: &'a str,
    last_name: &'a str,
    email: &'a str,
    phone: Option<&'a str>,
    mobile: Option<&'a str>,
    title: Option<&'a str>,
    department: Option<&'a str>,
    company_id: Option<Uuid>,
    lifecycle_stage: Option<&'a str>,
    lead_source: Option<&'a str>,
    lead_score: Option<u8>,
    tags: Option<&'a str>,
    linked_in_url: Option<&'a str>,
    twitter_handle: Option<&'a str>,
    address: Option<&'a str>,
    city: Option<&'a str>,
    state: Option<&'a str>,
    country: Option<&'a str>,
    postal_code: Option<&'a str>,
    notes: Option<&'a str>,
    owner_id: Option<Uuid>,
}

/// Value of one column of a row.
#[derive(Clone, Debug)]
pub(crate) enum Value<'a> {
    Text(Option<&'a str>),
    Folded(String),
    Id(Option<Uuid>),
    Score(Option<u8>),
    Micros(i64),
}

/// The columns of a row that a database has answered.
pub(crate) trait Columns {
    fn text(&self, column: usize) -> Option<&str>;
    fn id(&self, column: usize) -> Option<Uuid>;
    fn score(&self, column: usize) -> Option<u8>;
    fn micros(&self, column: usize) -> i64;
}

/// Answer, borrowed from the row or the request.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Contact<'a> {
    id: Uuid,
    tenant_id: Uuid,
    first_name: &'a str,
    last_name: &'a str,
    full_name: FullName<'a>,
    email: &'a str,
    phone: Option<&'a str>,
    mobile: Option<&'a str>,
    title: Option<&'a str>,
    department: Option<&'a str>,
    company_id: Option<Uuid>,
    lifecycle_stage: &'a str,
    lead_source: Option<&'a str>,
    lead_score: Option<u8>,
    tags: Option<&'a str>,
    linked_in_url: Option<&'a str>,
    twitter_handle: Option<&'a str>,
    address: Option<&'a str>,
    city: Option<&'a str>,
    state: Option<&'a str>,
    country: Option<&'a str>,
    postal_code: Option<&'a str>,
    notes: Option<&'a str>,
    owner_id: Option<Uuid>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// Answer when three members are asked for.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ThreeMembers<'a> {
    id: Uuid,
    full_name: FullName<'a>,
    email: &'a str,
}

/// Both names, joined as they are written.
struct FullName<'a>(&'a str, &'a str);

/// The tags of a line.
pub(crate) fn tags(line: Option<&str>) -> impl Iterator<Item = &str> {
    line.into_iter().flat_map(|line| line.split(',')).map(str::trim)
}

/// Instants of the clock in microseconds, each later than the one before.
#[derive(Default)]
pub(crate) struct Instants(i64);

impl<'a> Draft<'a> {
    pub(crate) fn parse(body: &'a str) -> Self {
        serde_json::from_str(body).expect("a draft")
    }

    pub(crate) fn parse_many(body: &'a str) -> Vec<Self> {
        serde_json::from_str(body).expect("drafts")
    }

    /// The values of a new row: the columns that are read, and folded texts.
    pub(crate) fn values(&self, id: Uuid, instant: i64, indexes: Indexes) -> Vec<Value<'a>> {
        use Value::{Folded, Id, Micros, Score, Text};
        let mut values = Vec::with_capacity(indexes.columns());
        values.extend([
            Id(Some(id)),
            Text(Some(self.first_name)),
            Text(Some(self.last_name)),
            Text(Some(self.email)),
            Text(self.phone),
            Text(self.mobile),
            Text(self.title),
            Text(self.department),
            Id(self.company_id),
            Text(Some(self.stage())),
            Text(self.lead_source),
            Score(self.lead_score),
            Text(self.tags),
            Text(self.linked_in_url),
            Text(self.twitter_handle),
            Text(self.address),
            Text(self.city),
            Text(self.state),
            Text(self.country),
            Text(self.postal_code),
            Text(self.notes),
            Id(self.owner_id),
            Micros(instant),
            Micros(instant),
            Folded(self.email.to_lowercase()),
        ]);
        if indexes == Indexes::Same {
            values.push(Folded(self.last_name.to_lowercase()));
            values.push(Folded(format!("{} {}", self.first_name, self.last_name).to_lowercase()));
        }
        values
    }

    pub(crate) fn email_folded(&self) -> String {
        self.email.to_lowercase()
    }

    pub(crate) fn tags(&self) -> Option<&'a str> {
        self.tags
    }

    /// Answers the contact that the request has made or changed.
    pub(crate) fn answer(&self, tenant_id: Uuid, written: Written, out: &mut Vec<u8>) {
        let contact = Contact {
            id: written.id,
            tenant_id,
            first_name: self.first_name,
            last_name: self.last_name,
            full_name: FullName(self.first_name, self.last_name),
            email: self.email,
            phone: self.phone,
            mobile: self.mobile,
            title: self.title,
            department: self.department,
            company_id: self.company_id,
            lifecycle_stage: self.stage(),
            lead_source: self.lead_source,
            lead_score: self.lead_score,
            tags: self.tags,
            linked_in_url: self.linked_in_url,
            twitter_handle: self.twitter_handle,
            address: self.address,
            city: self.city,
            state: self.state,
            country: self.country,
            postal_code: self.postal_code,
            notes: self.notes,
            owner_id: self.owner_id,
            created_at: Timestamp::from_micros(written.created_at),
            updated_at: Timestamp::from_micros(written.updated_at),
        };
        write(&contact, out);
    }

    fn stage(&self) -> &'a str {
        self.lifecycle_stage.unwrap_or("lead")
    }
}

/// Members that the database adds to a draft; the instants in microseconds.
#[derive(Clone, Copy)]
pub(crate) struct Written {
    pub(crate) id: Uuid,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
}

impl<'a> Contact<'a> {
    pub(crate) fn of_row(row: &'a impl Columns, tenant_id: Uuid) -> Self {
        let needed = |column| row.text(column).unwrap_or_default();
        Self {
            id: row.id(0).expect("an id"),
            tenant_id,
            first_name: needed(1),
            last_name: needed(2),
            full_name: FullName(needed(1), needed(2)),
            email: needed(3),
            phone: row.text(4),
            mobile: row.text(5),
            title: row.text(6),
            department: row.text(7),
            company_id: row.id(8),
            lifecycle_stage: needed(9),
            lead_source: row.text(10),
            lead_score: row.score(11),
            tags: row.text(12),
            linked_in_url: row.text(13),
            twitter_handle: row.text(14),
            address: row.text(15),
            city: row.text(16),
            state: row.text(17),
            country: row.text(18),
            postal_code: row.text(19),
            notes: row.text(20),
            owner_id: row.id(21),
            created_at: Timestamp::from_micros(row.micros(22)),
            updated_at: Timestamp::from_micros(row.micros(23)),
        }
    }
}

impl<'a> ThreeMembers<'a> {
    /// Reads the columns `id`, `email`, `first_name` and `last_name`.
    pub(crate) fn of_row(row: &'a impl Columns) -> Self {
        let text = |column| row.text(column).unwrap_or_default();
        Self { id: row.id(0).expect("an id"), full_name: FullName(text(2), text(3)), email: text(1) }
    }
}

impl Serialize for FullName<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for FullName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)?;
        f.write_str(" ")?;
        f.write_str(self.1)
    }
}

impl Instants {
    /// The clock's instant, but always later than the last one.
    pub(crate) fn next(&mut self) -> i64 {
        let clock = rally_core::Clock::now(&rally_core::SystemClock).as_micros();
        self.0 = clock.max(self.0 + 1);
        self.0
    }
}

pub(crate) fn write<T: Serialize>(value: &T, out: &mut Vec<u8>) {
    serde_json::to_writer(out, value).expect("JSON");
}
