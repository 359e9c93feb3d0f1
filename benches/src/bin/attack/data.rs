//! Real data, loaded through the API as a newcomer would.

use std::{collections::BTreeMap, path::Path, time::Instant};

use serde_json::{Map, Value, json};

use crate::{
    attack::{Attack, Figure, On, Outcome, Running, Stop, number},
    client::{Ask, Client},
    flood::{Flood, send_all},
    ground::{Ground, Place},
    server::Server,
};

pub(crate) const ATTACKS: &[Attack] = &[Attack {
    name: "load",
    what: "the data is loaded over HTTP, eight callers at once, and counted",
    section: 2,
    on: On::Both,
    run: counted,
}];

/// Records of one bulk request.
const BULK: usize = 100;

/// Callers that load at once.
const CALLERS: usize = 8;

/// The greatest number of references to a record that may be deleted.
const LINKS: usize = 50_000;

/// A store with data in it.
pub(crate) struct Loaded {
    pub(crate) place: Place,
    /// The admin key of the tenant with many records.
    pub(crate) key: String,
    /// The admin key of another tenant, with a few.
    pub(crate) other: String,
    /// A company that most contacts of the tenant belong to.
    pub(crate) holding: String,
    pub(crate) pipeline: String,
    seconds: f64,
}

type Row = BTreeMap<String, String>;

/// Loads both tenants.
pub(crate) async fn load(ground: &Ground) -> Result<Loaded, Stop> {
    let place = ground.fresh()?;
    let mut server = ground.launch(&place).start().await?;
    let start = Instant::now();
    let data = &ground.arguments.data;
    let (holding, pipeline) = fill(&server, "acme", data, ground.arguments.records).await?;
    fill(&server, "other", data, 0).await?;
    let seconds = start.elapsed().as_secs_f64();
    let (key, other) = (server.key("acme")?.to_owned(), server.key("other")?.to_owned());
    server.stop().await?;
    Ok(Loaded { place, key, other, holding, pipeline, seconds })
}

/// The contacts of the data as bodies of requests, as many as are wanted and at least one of each.
pub(crate) fn contacts(data: &Path, wanted: usize) -> Result<Vec<Value>, Stop> {
    let rows = rows(&data.join("contacts.csv"))?;
    let one_of_each = rows.len();
    let copy = |(number, row): (usize, &Row)| contact(row, number / one_of_each);
    Ok(rows.iter().cycle().take(wanted.max(one_of_each)).enumerate().map(copy).collect())
}

/// One bulk request after another.
pub(crate) fn bulks(path: &str, records: &[Value]) -> Vec<Ask> {
    records.chunks(BULK).map(|records| Ask::post(path, &json!(records))).collect()
}

/// Fills a tenant, and tells the company of most contacts and the pipeline.
async fn fill(server: &Server, tenant: &str, data: &Path, wanted: usize) -> Result<(String, String), Stop> {
    let mut admin = server.admin(tenant)?;
    let flood = Flood { address: server.address, key: server.key(tenant)?.to_owned(), connections: CALLERS };
    let users = users(&mut admin, data).await?;
    let companies = companies(&mut admin, data).await?;
    let holding = json!({"name": "Congress Holding", "domain": "holding.example"});
    let holding = id(&admin.done(Ask::post("/api/v1/companies", &holding)).await?)?;
    let mut contacts = contacts(data, wanted)?;
    let offices: Vec<&String> = companies.values().collect();
    let linked = (contacts.len() * 5 / 6).min(LINKS);
    for (number, contact) in contacts.iter_mut().enumerate() {
        let office = offices.get(number % offices.len().max(1)).map(|office| office.as_str());
        let company = if number < linked { Some(holding.as_str()) } else { office };
        contact["companyId"] = json!(company);
    }
    send_all(&flood, bulks("/api/v1/contacts/bulk", &contacts)).await?;
    let pipelines = admin.done(Ask::get("/api/v1/pipelines")).await?;
    let pipeline = pipelines.get(0).ok_or_else(|| Stop::failed("no pipeline"))?;
    let deals = deals(data, pipeline, &users, &companies)?;
    send_all(&flood, bulks("/api/v1/deals/bulk", &deals)).await?;
    let calls: Vec<Value> = deals.iter().step_by(4).map(call).collect();
    send_all(&flood, bulks("/api/v1/activities/bulk", &calls)).await?;
    Ok((holding, id(pipeline)?))
}

async fn users(admin: &mut Client, data: &Path) -> Result<BTreeMap<String, String>, Stop> {
    let mut users = BTreeMap::new();
    for row in rows(&data.join("sales_teams.csv"))? {
        let name = of(&row, "sales_agent").to_owned();
        let email = format!("{}@sales.example", name.to_lowercase().replace(' ', "."));
        let user = json!({"email": email, "name": name, "scopes": "write"});
        users.insert(name, id(&admin.done(Ask::post("/api/v1/users", &user)).await?)?);
    }
    Ok(users)
}

async fn companies(admin: &mut Client, data: &Path) -> Result<BTreeMap<String, String>, Stop> {
    let mut companies = BTreeMap::new();
    for row in rows(&data.join("accounts.csv"))? {
        let millions: Value = serde_json::from_str(of(&row, "revenue")).unwrap_or(Value::Null);
        let company = json!({
            "name": of(&row, "account"),
            "industry": of(&row, "sector"),
            "employeeCount": of(&row, "employees").parse::<u32>().ok(),
            "annualRevenue": millions,
            "country": of(&row, "office_location"),
        });
        let made = admin.done(Ask::post("/api/v1/companies", &company)).await?;
        companies.insert(of(&row, "account").to_owned(), id(&made)?);
    }
    Ok(companies)
}

fn contact(row: &Row, copy: usize) -> Value {
    let mut members = Map::new();
    for (name, value) in row.iter().filter(|(_, value)| !value.is_empty()) {
        let value = match (name.as_str(), value.parse::<u32>()) {
            ("leadScore", Ok(score)) => json!(score),
            ("email", _) if copy > 0 => json!(format!("a{copy}.{value}")),
            _ => json!(value),
        };
        members.insert(name.clone(), value);
    }
    Value::Object(members)
}

fn deals(
    data: &Path,
    pipeline: &Value,
    users: &BTreeMap<String, String>,
    companies: &BTreeMap<String, String>,
) -> Result<Vec<Value>, Stop> {
    let deal = |row: &Row| {
        let stage = match of(row, "deal_stage") {
            "Prospecting" => "Lead",
            "Engaging" => "Qualified",
            "Won" => "Closed Won",
            _ => "Closed Lost",
        };
        json!({
            "pipelineId": pipeline["id"],
            "stageId": stage_id(pipeline, stage),
            "name": format!("{} {}", of(row, "opportunity_id"), of(row, "product")),
            "companyId": companies.get(of(row, "account")),
            "ownerId": users.get(of(row, "sales_agent")),
            "value": of(row, "close_value").parse::<u32>().ok(),
            "expectedCloseDate": day(of(row, "close_date")),
        })
    };
    Ok(rows(&data.join("sales_pipeline.csv"))?.iter().map(deal).collect())
}

fn call(deal: &Value) -> Value {
    json!({
        "activityType": "call",
        "subject": format!("About {}", deal["name"].as_str().unwrap_or_default()),
        "companyId": deal["companyId"],
        "ownerId": deal["ownerId"],
    })
}

fn stage_id<'a>(pipeline: &'a Value, name: &str) -> Option<&'a Value> {
    let stages = pipeline["stages"].as_array()?;
    stages.iter().find(|stage| stage["name"] == name).map(|stage| &stage["id"])
}

/// A day of the United States, month first, as ISO 8601.
fn day(text: &str) -> Option<String> {
    let mut parts = text.split('/').map(|part| part.parse::<u32>().ok());
    let (month, day, year) = (parts.next()??, parts.next()??, parts.next()??);
    Some(format!("{year:04}-{month:02}-{day:02}"))
}

fn rows(path: &Path) -> Result<Vec<Row>, Stop> {
    let told = |error: csv::Error| Stop::failed(format!("{}: {error}", path.display()));
    let mut reader = csv::Reader::from_path(path).map_err(told)?;
    reader.deserialize().collect::<Result<_, _>>().map_err(told)
}

fn of<'a>(row: &'a Row, name: &str) -> &'a str {
    row.get(name).map_or("", |value| value.trim())
}

/// The id of a record.
pub(crate) fn id(record: &Value) -> Result<String, Stop> {
    record["id"].as_str().map(str::to_owned).ok_or_else(|| Stop::failed("a record has no id"))
}

fn counted(ground: &Ground) -> Running<'_> {
    Box::pin(count(ground))
}

async fn count(ground: &Ground) -> Outcome {
    let (mut server, loaded) = ground.loaded_server().await?;
    let mut admin = server.anyone().key(&loaded.key);
    let mut figures = vec![Figure::new("load", loaded.seconds, "s")];
    let data = &ground.arguments.data;
    let deals = rows(&data.join("sales_pipeline.csv"))?;
    let won = deals.iter().filter(|row| of(row, "deal_stage") == "Won").count();
    let contacts = contacts(data, ground.arguments.records)?.len();
    for (what, wanted) in [("contacts", contacts), ("deals", deals.len()), ("deals?status=won", won)] {
        let mark = if what.contains('?') { '&' } else { '?' };
        let answer = admin.ask(Ask::get(format!("/api/v1/{what}{mark}count=true&limit=1"))).await?;
        let total: usize = answer.header("x-total-count").and_then(|count| count.parse().ok()).unwrap_or(0);
        figures.push(
            Figure::count(format!("{what} missing"), wanted.abs_diff(total), "")
                .at_most(0.0)
                .note(format!("{} expected", number(wanted))),
        );
    }
    server.stop().await?;
    Ok(figures)
}
