//! A database that stands still, goes away, or lacks what it had.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use nix::sys::signal::Signal;
use serde_json::json;
use tokio::time::sleep;

use crate::{
    attack::{Attack, Figure, On, Outcome, Running, Stop},
    client::Ask,
    flood::{Flood, send_until},
    ground::{Ground, Place},
    guessing::database,
    process,
    sample::ms,
    server::Server,
    wire::Wire,
};

pub(crate) const ATTACKS: &[Attack] = &[
    on_postgres("frozen-database", "all processes of the database are stopped, and go on", |ground| {
        Box::pin(frozen_database(ground))
    }),
    on_postgres(
        "stale-connections",
        "all connections to the database are cut unnoticed, then 20 callers ask at once; five times",
        |ground| Box::pin(stale_connections(ground)),
    ),
    on_postgres("dropped-schema", "the schema is dropped under a running server", |ground| {
        Box::pin(dropped_schema(ground))
    }),
    on_postgres(
        "cut-off-writer",
        "a server stands still within a transaction, and another writes",
        |ground| Box::pin(cut_off_writer(ground)),
    ),
];

const fn on_postgres(
    name: &'static str,
    what: &'static str,
    run: for<'a> fn(&'a Ground) -> Running<'a>,
) -> Attack {
    Attack { name, what, section: 6, on: On::Postgres, run }
}

/// Processes that stand still, and go on when this is dropped.
struct Frozen(Vec<u32>);

impl Frozen {
    fn new(processes: Vec<u32>) -> Self {
        for process in &processes {
            // One that has ended meanwhile is still as well.
            let _ = process::send(*process, Signal::SIGSTOP);
        }
        Self(processes)
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        for process in &self.0 {
            let _ = process::send(*process, Signal::SIGCONT);
        }
    }
}

async fn frozen_database(ground: &Ground) -> Outcome {
    let place = ground.fresh()?;
    let server = ground.launch(&place).start().await?;
    server.admin("acme")?.done(Ask::get("/api/v1/contacts")).await?;
    let limit = Duration::from_secs(60);
    let frozen = Frozen::new(process::family(postmaster(ground)?));
    let noticed = server.wait_for("/readyz", limit, |status| status == 503).await;
    drop(frozen);
    let back = server.wait_for("/readyz", limit, |status| status == 200).await;
    let shown = |time: Option<Duration>| time.map_or(f64::INFINITY, |time| time.as_secs_f64());
    Ok(vec![
        Figure::new("/readyz is 503 after", shown(noticed), "s").at_most(5.0),
        Figure::new("200 again after", shown(back), "s").at_most(5.0),
    ])
}

/// The first process of the database.
fn postmaster(ground: &Ground) -> Result<u32, Stop> {
    let socket = ground.database()?.socket();
    let folder = socket.parent().ok_or_else(|| Stop::failed("the socket has no folder"))?;
    let file = std::fs::read_to_string(folder.join("data/postmaster.pid"))?;
    Ok(file.lines().next().unwrap_or_default().trim().parse()?)
}

async fn stale_connections(ground: &Ground) -> Outcome {
    let wire = Wire::to(ground.database()?.port()).await?;
    let place = ground.fresh()?.through(wire.port).ok_or_else(|| Stop::failed("no way to the database"))?;
    let server = ground.launch(&place).start().await?;
    let warm = Flood { address: server.address, key: server.key("acme")?.to_owned(), connections: 32 };
    let asks = vec![Ask::get("/api/v1/contacts?count=true"); 2000];
    let (mut refused, mut longest) = (0, Duration::ZERO);
    for _ in 0..5 {
        send_until(&warm, asks.clone().into(), Duration::from_secs(1)).await?;
        wire.cut();
        sleep(Duration::from_millis(50)).await;
        let start = Instant::now();
        let ask = || async { server.anyone().key(&warm.key).status(Ask::get("/api/v1/contacts")).await };
        let statuses = join_all((0..20).map(|_| ask())).await;
        longest = longest.max(start.elapsed());
        refused += statuses.iter().filter(|status| **status != 200).count();
    }
    let figure = Figure::count("callers refused", refused, "of 100").at_most(0.0);
    Ok(vec![figure.note(format!("the slowest waited {:.0} ms", ms(longest)))])
}

async fn dropped_schema(ground: &Ground) -> Outcome {
    let place = ground.fresh()?;
    let server = ground.launch(&place).start().await?;
    let mut admin = server.admin("acme")?;
    admin.done(Ask::get("/api/v1/contacts")).await?;
    let schema = place.url().and_then(|url| url.split("schema=").nth(1)).unwrap_or_default();
    database(&place).await?.batch_execute(&format!("drop schema {schema} cascade")).await?;
    sleep(Duration::from_millis(1200)).await;
    let read = admin.status(Ask::get("/api/v1/contacts")).await;
    let write = admin.status(Ask::post("/api/v1/companies", &json!({"name": "Looms"}))).await;
    let ready = server.anyone().status(Ask::get("/readyz")).await;
    let status = |what, status: u16| Figure::count(what, status.into(), "").one_of(&[503.0]);
    Ok(vec![status("a read", read), status("a write", write), status("/readyz", ready)])
}

async fn cut_off_writer(ground: &Ground) -> Outcome {
    let place = ground.fresh()?;
    let first = ground.launch(&place).start().await?;
    let second = ground.launch(&place).start().await?;
    let key = first.key("acme")?.to_owned();
    let frozen = cut_off(&first, &key, &place).await?;
    let mut caller = second.anyone().key(&key);
    let start = Instant::now();
    let mut refused = 0;
    let written = loop {
        let status = caller.status(Ask::post("/api/v1/companies", &json!({"name": "Looms"}))).await;
        if status == 201 || start.elapsed() > Duration::from_secs(100) {
            break status;
        }
        refused += 1;
        sleep(Duration::from_millis(50)).await;
    };
    let waited = start.elapsed();
    drop(frozen);
    let told = format!("{refused} refused before, the last was answered {written}");
    Ok(vec![Figure::new("a write elsewhere waits", ms(waited) / 1e3, "s").at_most(7.0).note(told)])
}

/// Stops a server at a moment at which it has a transaction open that others wait for.
async fn cut_off(server: &Server, key: &str, place: &Place) -> Result<Frozen, Stop> {
    let flood = Flood { address: server.address, key: key.to_owned(), connections: 4 };
    let body = json!({"name": "Looms", "notes": "notes ".repeat(5000)});
    let asks = vec![Ask::post("/api/v1/companies", &body); 20_000];
    let writers = tokio::spawn(async move { send_until(&flood, asks.into(), Duration::from_secs(40)).await });
    let watcher = database(place).await?;
    let locked = "select count(*) from pg_stat_activity a join pg_locks l using (pid) \
                  where a.state = 'idle in transaction' and l.locktype = 'transactionid' and l.granted";
    for _ in 0..2000 {
        let frozen = Frozen::new(vec![server.process()]);
        // What is on its way has arrived by then.
        sleep(Duration::from_millis(15)).await;
        let open: i64 = watcher.query_one(locked, &[]).await?.get(0);
        if open > 0 {
            writers.abort();
            return Ok(frozen);
        }
        drop(frozen);
        sleep(Duration::from_millis(3)).await;
    }
    Err(Stop::not_there("no moment with an open transaction was met"))
}
