//! One tenant that asks for as much as it may, and another that wants its usual answers meanwhile.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    attack::{Attack, Figure, On, Outcome, Running, Stop},
    client::Ask,
    data::{Loaded, bulks, contacts},
    flood::{Flood, pace, send_until},
    ground::Ground,
    process,
    sample::Sample,
    server::Server,
};

pub(crate) const ATTACKS: &[Attack] = &[
    flood("flood-search", "searches with a count", |ground| {
        Box::pin(reads(ground, |_| "/api/v1/contacts?q=a&count=true&limit=100".to_owned()))
    }),
    flood("flood-filters", "lists with two filters and a count", |ground| {
        let path = "/api/v1/contacts?lifecycleStage=lead&leadSource=public%20record&count=true&limit=100";
        Box::pin(reads(ground, |_| path.to_owned()))
    }),
    flood("flood-forecast", "forecasts", |ground| {
        Box::pin(reads(ground, |loaded| format!("/api/v1/pipelines/{}/forecast", loaded.pipeline)))
    }),
    flood("flood-users", "300 new users with passwords", |ground| Box::pin(new_users(ground))),
    flood("flood-bulks", "bulk requests of 100 contacts", |ground| Box::pin(bulk_requests(ground))),
    flood("flood-deletion", "one deletion of a company with up to 50,000 contacts", |ground| {
        Box::pin(deletion(ground))
    }),
];

/// Connections of the tenant that floods.
const CONNECTIONS: usize = 32;

/// Requests that a tenant may send in a minute.
const ALLOWED: usize = 1000;

/// Pause between two requests of the other tenant.
const PAUSE: Duration = Duration::from_millis(4);

const fn flood(name: &'static str, what: &'static str, run: for<'a> fn(&'a Ground) -> Running<'a>) -> Attack {
    Attack { name, what, section: 2, on: On::Both, run }
}

/// Times of the other tenant, and of `/healthz`.
struct Others {
    reads: Sample,
    writes: Sample,
    health: Sample,
}

async fn reads(ground: &Ground, path: impl Fn(&Loaded) -> String) -> Outcome {
    let (mut server, loaded) = ground.loaded_server().await?;
    let asks = vec![Ask::get(path(loaded)); ALLOWED];
    let (_, figures) = flooded(ground, &server, loaded, asks).await?;
    server.stop().await?;
    Ok(figures)
}

async fn new_users(ground: &Ground) -> Outcome {
    let (mut server, loaded) = ground.loaded_server().await?;
    let stamp = std::process::id();
    let user = |number| {
        let user = json!({
            "email": format!("{stamp}.{number}@flood.example"),
            "name": "Flood",
            "scopes": "read",
            "password": "correct horse battery",
        });
        Ask::post("/api/v1/users", &user)
    };
    let before = process::peak_mib(server.process()).unwrap_or_default();
    let flood = Flood { connections: 300, ..flood_of(&server, loaded) };
    let (_, mut figures) = flooded_by(ground, &server, loaded, &flood, (0..300).map(user).collect()).await?;
    let peak = process::peak_mib(server.process()).unwrap_or(f64::INFINITY);
    figures.push(Figure::new("memory more than before", peak - before, "MiB").at_most(512.0));
    let threads = process::threads(server.process()).and_then(|threads| u32::try_from(threads).ok());
    figures.push(Figure::new("threads", threads.map_or(f64::INFINITY, f64::from), "").at_most(100.0));
    server.stop().await?;
    Ok(figures)
}

async fn bulk_requests(ground: &Ground) -> Outcome {
    let (mut server, loaded) = ground.loaded_server().await?;
    let mut records = contacts(&ground.arguments.data, 100 * ALLOWED)?;
    let stamp = std::process::id();
    for (number, record) in records.iter_mut().enumerate() {
        record["email"] = json!(format!("{stamp}.{number}@bulk.example"));
    }
    let (sent, mut figures) =
        flooded(ground, &server, loaded, bulks("/api/v1/contacts/bulk", &records)).await?;
    figures.push(Figure::count("bulk requests answered", sent.len() - sent.unanswered, ""));
    server.stop().await?;
    Ok(figures)
}

async fn deletion(ground: &Ground) -> Outcome {
    let (mut server, loaded) = ground.loaded_server().await?;
    let ask = Ask::delete(format!("/api/v1/companies/{}", loaded.holding));
    let (sent, mut figures) = flooded(ground, &server, loaded, vec![ask]).await?;
    let took = Figure::new("the deletion itself", sent.greatest_ms(), "ms");
    figures.push(took.note(if sent.unanswered > 0 { "refused" } else { "" }));
    server.stop().await?;
    Ok(figures)
}

fn flood_of(server: &Server, loaded: &Loaded) -> Flood {
    Flood { address: server.address, key: loaded.key.clone(), connections: CONNECTIONS }
}

async fn flooded(
    ground: &Ground,
    server: &Server,
    loaded: &Loaded,
    asks: Vec<Ask>,
) -> Result<(Sample, Vec<Figure>), Stop> {
    flooded_by(ground, server, loaded, &flood_of(server, loaded), asks).await
}

/// Measures the other tenant alone, then while a flood lasts.
async fn flooded_by(
    ground: &Ground,
    server: &Server,
    loaded: &Loaded,
    flood: &Flood,
    asks: Vec<Ask>,
) -> Result<(Sample, Vec<Figure>), Stop> {
    let watch = Watch::new(server, &loaded.other).await?;
    let alone = watch.until(tokio::time::sleep(Duration::from_secs(3))).await.1;
    let start = Instant::now();
    let flooding = send_until(flood, asks.into(), ground.arguments.flood_time());
    let (sent, under) = watch.until(flooding).await;
    let sent = sent?;
    let mut figures = compared("reads", &alone.reads, &under.reads);
    figures.extend(compared("writes", &alone.writes, &under.writes));
    let health = Figure::new("p99 of /healthz", under.health.p99_ms(), "ms").at_most(100.0);
    let told = format!("{} requests in {:.1} s", sent.len(), start.elapsed().as_secs_f64());
    figures.push(health.note(format!("{:.1} alone; flood: {told}", alone.health.p99_ms())));
    Ok((sent, figures))
}

fn compared(what: &str, alone: &Sample, under: &Sample) -> Vec<Figure> {
    let p99 = Figure::new(format!("p99 of the other's {what}"), under.p99_ms(), "ms").at_most(100.0);
    let told = format!("{:.1} alone; {} samples, {} refused", alone.p99_ms(), under.len(), under.unanswered);
    let ratio = under.p99_ms() / alone.p99_ms();
    vec![p99.note(told), Figure::new(format!("{what}, ratio to alone"), ratio, "×").at_most(10.0)]
}

/// The other tenant at its usual work.
struct Watch<'a> {
    server: &'a Server,
    key: &'a str,
    contact: String,
}

impl<'a> Watch<'a> {
    async fn new(server: &'a Server, key: &'a str) -> Result<Self, Stop> {
        let mut client = server.anyone().key(key);
        let contacts = client.done(Ask::get("/api/v1/contacts?limit=1")).await?;
        let id = contacts.get(0).and_then(|contact| contact["id"].as_str());
        let contact = format!("/api/v1/contacts/{}", id.ok_or_else(|| Stop::failed("no contact"))?);
        Ok(Self { server, key, contact })
    }

    async fn until<T>(&self, work: impl Future<Output = T>) -> (T, Others) {
        let over = Arc::new(AtomicBool::new(false));
        let is_over = || {
            let over = Arc::clone(&over);
            move || over.load(Ordering::Relaxed)
        };
        let read = |number: usize| match number % 3 {
            0 => Ask::get(self.contact.as_str()),
            1 => Ask::get("/api/v1/contacts?limit=20"),
            _ => Ask::get("/api/v1/deals?limit=20"),
        };
        let write = |number: usize| Ask::put(self.contact.as_str(), &changed(number));
        let caller = || self.server.anyone().key(self.key);
        let reads = pace(caller(), read, PAUSE, is_over());
        let writes = pace(caller(), write, PAUSE, is_over());
        let health = pace(self.server.anyone(), |_| Ask::get("/healthz"), PAUSE, is_over());
        let work = async {
            let done = work.await;
            over.store(true, Ordering::Relaxed);
            done
        };
        let (done, reads, writes, health) = tokio::join!(work, reads, writes, health);
        (done, Others { reads, writes, health })
    }
}

fn changed(number: usize) -> Value {
    json!({"notes": format!("change {number} of {:?}", Instant::now())})
}
