//! The baseline on a network: contacts in a PostgreSQL table, as one would write it by hand.

use std::{
    collections::HashMap,
    fmt::Write,
    sync::atomic::{AtomicI64, Ordering},
};

use futures_util::future::try_join_all;
use parking_lot::Mutex;
use rally_core::{Clock, SystemClock, Timestamp, limits};
use serde_json::value::RawValue;
use tokio::runtime::Runtime;
use tokio_postgres::{Client, NoTls, Row, Statement, types::ToSql};
use uuid::Uuid;

use crate::{Members, Subject};

/// The members that are text, in the order of their columns, behind the id and before the instants.
const TEXTS: [&str; 18] = [
    "firstName",
    "lastName",
    "email",
    "phone",
    "mobile",
    "title",
    "department",
    "lifecycleStage",
    "leadSource",
    "tags",
    "linkedInUrl",
    "twitterHandle",
    "address",
    "city",
    "state",
    "country",
    "postalCode",
    "notes",
];

const SCHEMA: &str = "
CREATE TABLE contacts (
    id uuid PRIMARY KEY, first_name text NOT NULL, last_name text NOT NULL, email text NOT NULL, phone text, mobile text,
    title text, department text, lifecycle_stage text NOT NULL, lead_source text, tags text, linked_in_url text,
    twitter_handle text, address text, city text, state text, country text, postal_code text, notes text,
    lead_score int2, company_id uuid, owner_id uuid, created_at int8 NOT NULL, updated_at int8 NOT NULL,
    email_folded text NOT NULL UNIQUE
);
CREATE INDEX contacts_created ON contacts (created_at, id);
CREATE INDEX contacts_updated ON contacts (updated_at, id);
CREATE TABLE changes (
    number bigserial PRIMARY KEY, entity_type text NOT NULL, entity_id uuid NOT NULL, action text NOT NULL,
    changed_at int8 NOT NULL, changed_by text
);
CREATE INDEX changes_at ON changes (changed_at);";

const INSERT: &str = "INSERT INTO contacts VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, \
                      $17, $18, $19, $20, $21, $22, $23, $24, $25)";
const ON_TAKEN_EMAIL: &str = " ON CONFLICT (email_folded) DO UPDATE SET lead_score = excluded.lead_score, updated_at = \
                              excluded.updated_at RETURNING id";
const CHANGE: &str = "INSERT INTO changes (entity_type, entity_id, action, changed_at, changed_by) VALUES ('contact', $1, \
                      $2, $3, 'bench')";
const GET: &str = "SELECT * FROM contacts WHERE id = $1";
const LIST: &str = "SELECT * FROM contacts ORDER BY created_at, id LIMIT $1 OFFSET $2";
const UPDATED: &str = "SELECT * FROM contacts WHERE updated_at > $1 ORDER BY updated_at, id LIMIT $2";

/// A column for each member, and as many connections as there are threads.
pub struct Table {
    runtime: Runtime,
    url: String,
    connections: Mutex<Vec<Connection>>,
    noted: Vec<(Uuid, i64)>,
    tenant: Uuid,
    last_instant: AtomicI64,
}

struct Connection {
    client: Client,
    insert: Statement,
    upsert: Statement,
    change: Statement,
    get: Statement,
    list: Statement,
    updated: Statement,
}

/// One contact as the statements take it.
struct Values<'a> {
    id: Uuid,
    texts: Vec<Option<&'a str>>,
    score: Option<i16>,
    instant: i64,
    folded: String,
}

impl Table {
    /// An empty table in the database of a URL.
    ///
    /// # Panics
    /// When the database does not answer.
    #[must_use]
    pub fn open(url: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let table = Self {
            runtime: runtime.expect("threads"),
            url: url.to_owned(),
            connections: Mutex::default(),
            noted: Vec::new(),
            tenant: Uuid::now_v7(),
            last_instant: AtomicI64::new(0),
        };
        let client = table.runtime.block_on(connect(url));
        table.runtime.block_on(client.batch_execute(SCHEMA)).expect("a schema");
        table
    }

    /// Works on a connection that nobody else uses meanwhile.
    fn with<T>(&self, work: impl AsyncFnOnce(&Connection) -> Result<T, tokio_postgres::Error>) -> T {
        let free = self.connections.lock().pop();
        self.runtime.block_on(async {
            let connection = match free {
                Some(connection) => connection,
                None => Connection::prepare(connect(&self.url).await).await.expect("statements"),
            };
            let done = work(&connection).await.expect("an answer");
            self.connections.lock().push(connection);
            done
        })
    }

    /// The clock's instant, but always later than the last one.
    fn next_instant(&self) -> i64 {
        let clock = SystemClock.now().as_micros();
        let next = |last: i64| Some(clock.max(last + 1));
        let last = self.last_instant.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        last.map_or(clock, |last| clock.max(last + 1))
    }

    fn page(&self, rows: &[Row], members: Members, out: &mut Vec<u8>) -> bool {
        out.push(b'[');
        for (index, row) in rows.iter().take(limits::PAGE).enumerate() {
            if index > 0 {
                out.push(b',');
            }
            self.write(row, members, out);
        }
        out.push(b']');
        rows.len() > limits::PAGE
    }

    fn write(&self, row: &Row, members: Members, out: &mut Vec<u8>) {
        let text = |column: usize| row.get::<_, Option<&str>>(column);
        let full = format!("{} {}", text(1).unwrap_or_default(), text(2).unwrap_or_default());
        let mut json = String::with_capacity(1_024);
        write!(json, "{{\"id\":\"{}\",\"fullName\":", row.get::<_, Uuid>(0)).expect("text");
        push_text(Some(&full), &mut json);
        if members == Members::Three {
            json.push_str(",\"email\":");
            push_text(text(3), &mut json);
        } else {
            write!(json, ",\"tenantId\":\"{}\"", self.tenant).expect("text");
            for (column, name) in (1..).zip(TEXTS) {
                write!(json, ",\"{name}\":").expect("text");
                push_text(text(column), &mut json);
            }
            let score =
                row.get::<_, Option<i16>>(19).map_or_else(|| "null".to_owned(), |score| score.to_string());
            write!(json, ",\"leadScore\":{score},\"companyId\":null,\"ownerId\":null").expect("text");
            for (name, column) in [("createdAt", 22), ("updatedAt", 23)] {
                write!(json, ",\"{name}\":\"{}\"", Timestamp::from_micros(row.get(column))).expect("text");
            }
        }
        json.push('}');
        out.extend_from_slice(json.as_bytes());
    }

    fn noted(&self, index: u64) -> (Uuid, i64) {
        let count = u64::try_from(self.noted.len()).unwrap_or(u64::MAX);
        *self.noted.get(usize::try_from(index % count).unwrap_or(0)).expect("a noted contact")
    }
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("a connection");
    tokio::spawn(connection);
    client
}

fn push_text(text: Option<&str>, json: &mut String) {
    json.push_str(&serde_json::to_string(&text).expect("JSON"));
}

impl Connection {
    async fn prepare(client: Client) -> Result<Self, tokio_postgres::Error> {
        let upsert = format!("{INSERT}{ON_TAKEN_EMAIL}");
        Ok(Self {
            insert: client.prepare(INSERT).await?,
            upsert: client.prepare(&upsert).await?,
            change: client.prepare(CHANGE).await?,
            get: client.prepare(GET).await?,
            list: client.prepare(LIST).await?,
            updated: client.prepare(UPDATED).await?,
            client,
        })
    }

    /// Inserts contacts and their changes in one transaction, all of it in one journey.
    async fn insert(&self, contacts: &[Values<'_>]) -> Result<(), tokio_postgres::Error> {
        let parameters: Vec<Vec<&(dyn ToSql + Sync)>> = contacts.iter().map(Values::parameters).collect();
        let rows = contacts.iter().zip(&parameters).map(async |(contact, parameters)| {
            let change: [&(dyn ToSql + Sync); 3] = [&contact.id, &"inserted", &contact.instant];
            let insert = self.client.execute(&self.insert, parameters);
            tokio::try_join!(insert, self.client.execute(&self.change, &change)).map(drop)
        });
        let (begin, commit) = (self.client.batch_execute("BEGIN"), self.client.batch_execute("COMMIT"));
        tokio::try_join!(begin, try_join_all(rows), commit).map(drop)
    }
}

impl<'a> Values<'a> {
    fn read(body: &'a str, instant: i64) -> Self {
        let members: HashMap<&str, &RawValue> = serde_json::from_str(body).expect("a draft");
        let text = |name: &str| members.get(name).and_then(|raw| serde_json::from_str(raw.get()).ok());
        let texts: Vec<Option<&str>> = TEXTS.iter().map(|name| text(name)).collect();
        let folded = text("email").unwrap_or_default().to_lowercase();
        let score = members.get("leadScore").and_then(|raw| raw.get().parse().ok());
        Self { id: Uuid::now_v7(), texts, score, instant, folded }
    }

    fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![&self.id];
        parameters.extend(self.texts.iter().map(|text| -> &(dyn ToSql + Sync) { text }));
        let none: &Option<Uuid> = &None;
        parameters.extend::<[&(dyn ToSql + Sync); 6]>([
            &self.score,
            none,
            none,
            &self.instant,
            &self.instant,
            &self.folded,
        ]);
        parameters
    }

    fn answer(&self, out: &mut Vec<u8>) {
        let texts: Vec<String> = TEXTS
            .iter()
            .zip(&self.texts)
            .map(|(name, text)| format!("\"{name}\":{}", serde_json::to_string(text).expect("JSON")))
            .collect();
        out.extend_from_slice(format!("{{\"id\":\"{}\",{}}}", self.id, texts.join(",")).as_bytes());
    }
}

impl Subject for Table {
    fn get(&self, index: u64, out: &mut Vec<u8>) {
        let (id, _) = self.noted(index);
        let row = self.with(async |at| at.client.query_one(&at.get, &[&id]).await);
        self.write(&row, Members::All, out);
    }

    fn list(&self, offset: u64, members: Members, out: &mut Vec<u8>) -> bool {
        let (limit, offset) = (one_more(), offset.cast_signed());
        let rows = self.with(async |at| at.client.query(&at.list, &[&limit, &offset]).await);
        self.page(&rows, members, out)
    }

    fn updated_since(&self, index: u64, out: &mut Vec<u8>) -> bool {
        let (since, limit) = (self.noted(index).1, one_more());
        let rows = self.with(async |at| at.client.query(&at.updated, &[&since, &limit]).await);
        self.page(&rows, Members::All, out)
    }

    fn total(&self) -> u64 {
        let row = self.with(async |at| at.client.query_one("SELECT count(*) FROM contacts", &[]).await);
        row.get::<_, i64>(0).cast_unsigned()
    }

    fn create(&self, body: &str, out: &mut Vec<u8>) {
        let contact = Values::read(body, self.next_instant());
        let contacts = [contact];
        self.with(async |at| at.insert(&contacts).await);
        contacts.iter().for_each(|contact| contact.answer(out));
    }

    fn bulk(&self, body: &str) -> usize {
        let bodies: Vec<&RawValue> = serde_json::from_str(body).expect("drafts");
        let contacts: Vec<Values<'_>> =
            bodies.iter().map(|body| Values::read(body.get(), self.next_instant())).collect();
        self.with(async |at| at.insert(&contacts).await);
        contacts.len()
    }

    fn upsert(&self, body: &str, out: &mut Vec<u8>) {
        let contact = Values::read(body, self.next_instant());
        let parameters = contact.parameters();
        self.with(async |at| {
            at.client.batch_execute("BEGIN").await?;
            let id: Uuid = at.client.query_one(&at.upsert, &parameters).await?.get(0);
            let action = if id == contact.id { "inserted" } else { "updated" };
            let change: [&(dyn ToSql + Sync); 3] = [&id, &action, &contact.instant];
            let noted = at.client.execute(&at.change, &change);
            tokio::try_join!(noted, at.client.batch_execute("COMMIT")).map(drop)
        });
        contact.answer(out);
    }

    fn note_loaded(&mut self) {
        let select = "SELECT id, updated_at FROM contacts ORDER BY created_at, id";
        self.with(async |at| at.client.batch_execute("ANALYZE").await);
        let rows = self.with(async |at| at.client.query(select, &[]).await);
        let mut noted: Vec<(Uuid, i64)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        noted.truncate(noted.len().saturating_sub(200));
        let step = (noted.len() / 4_096).max(1);
        noted = noted.into_iter().step_by(step).collect();
        noted.sort_by_key(|(id, _)| crate::fixture::mix(id.as_u64_pair().1));
        self.noted = noted;
    }
}

fn one_more() -> i64 {
    i64::try_from(limits::PAGE + 1).unwrap_or(i64::MAX)
}
