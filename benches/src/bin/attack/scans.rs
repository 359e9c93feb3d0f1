//! Reads on PostgreSQL whose cost must not follow the size of a tenant.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{
    attack::{Attack, Figure, On, Outcome, Stop},
    client::{Ask, Client},
    data::{bulks, contacts, id},
    flood::{Flood, send_all, send_until},
    ground::Ground,
    sample::Sample,
    server::Server,
};

pub(crate) const ATTACKS: &[Attack] = &[Attack {
    name: "scans",
    what: "an empty poll of the feed, a deletion and 64 connections at growing numbers of contacts",
    section: 6,
    on: On::Postgres,
    run: |ground| Box::pin(scans(ground)),
}];

/// Polls and deletions of one measurement.
const POLLS: usize = 50;
const DELETIONS: usize = 40;

/// Growth that noise alone may cause, in a cost that should stay as it is.
const FLAT: f64 = 1.5;

async fn scans(ground: &Ground) -> Outcome {
    let records = ground.arguments.records;
    let server = ground.fresh_server().await?;
    let all = contacts(&ground.arguments.data, records * 3 / 2)?;
    let mut figures = Vec::new();
    let (mut polls, mut deletions, mut there) = (Vec::new(), Vec::new(), 0);
    for size in [records / 6, records / 2, records * 3 / 2] {
        let size = size.min(all.len());
        load(&server, all.get(there..size).unwrap_or_default()).await?;
        there = size;
        let (poll, deletion) = measure(&server).await?;
        polls.push(poll);
        deletions.push(deletion);
        figures.push(Figure::new(format!("an empty poll at {size}"), poll, "ms"));
        figures.push(Figure::new(format!("a deletion at {size}"), deletion, "ms"));
        if size == records / 2 {
            figures.extend(many_connections(&server).await?);
        }
    }
    figures.push(Figure::new("growth of an empty poll", growth(&polls), "×").at_most(FLAT));
    figures.push(Figure::new("growth of a deletion", growth(&deletions), "×").at_most(FLAT));
    Ok(figures)
}

/// The greatest time as a multiple of the first: a plan may be lucky at any size.
fn growth(times: &[f64]) -> f64 {
    let greatest = times.iter().copied().fold(0.0, f64::max);
    times.first().map_or(f64::INFINITY, |first| greatest / first)
}

async fn load(server: &Server, records: &[Value]) -> Result<(), Stop> {
    let flood = Flood { address: server.address, key: server.key("acme")?.to_owned(), connections: 8 };
    send_all(&flood, bulks("/api/v1/contacts/bulk", records)).await
}

/// The question for what has happened since the newest change, of which there is nothing.
async fn empty_poll(admin: &mut Client) -> Result<Ask, Stop> {
    let newest = admin.done(Ask::get("/api/v1/sync/changes?since=9000-01-01&limit=1000")).await?;
    match newest.as_array().map(Vec::len) {
        Some(0) => Ok(Ask::get("/api/v1/sync/changes?since=9000-01-01&limit=1000")),
        _ => Err(Stop::failed("the feed has changes of the far future")),
    }
}

/// Lower quartiles of an empty poll and of a deletion, in ms: what else the machine does makes the others longer.
async fn measure(server: &Server) -> Result<(f64, f64), Stop> {
    let mut admin = server.admin("acme")?;
    let poll = empty_poll(&mut admin).await?;
    let (mut polls, mut deletions) = (Sample::default(), Sample::default());
    for _ in 0..POLLS {
        let start = Instant::now();
        admin.done(poll.clone()).await?;
        polls.add(start.elapsed());
    }
    let oldest = admin.done(Ask::get(format!("/api/v1/contacts?limit={DELETIONS}&fields=id"))).await?;
    for contact in oldest.as_array().into_iter().flatten() {
        let ask = Ask::delete(format!("/api/v1/contacts/{}", id(contact)?));
        let start = Instant::now();
        admin.done(ask).await?;
        deletions.add(start.elapsed());
    }
    Ok((polls.lower_quartile_ms(), deletions.lower_quartile_ms()))
}

async fn many_connections(server: &Server) -> Result<Vec<Figure>, Stop> {
    let poll = empty_poll(&mut server.admin("acme")?).await?;
    let flood = Flood { address: server.address, key: server.key("acme")?.to_owned(), connections: 64 };
    let time = Duration::from_secs(5);
    let sample = send_until(&flood, vec![poll; 100_000].into(), time).await?;
    Ok(vec![
        Figure::new("polls by 64 connections", sample.rate(time), "/s"),
        Figure::new("p99 of these", sample.p99_ms(), "ms").at_most(100.0),
    ])
}
