//! Ends of the process that were asked for, and those that were not.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::json;
use tokio::time::sleep;

use crate::{
    attack::{Attack, Figure, On, Outcome, Stop, number},
    client::Ask,
    data::Loaded,
    flood::{Flood, send_until},
    ground::Ground,
    sample::{Sample, ms},
    server::{Server, free_address},
};

pub(crate) const ATTACKS: &[Attack] = &[
    on_both(
        "stop-under-load",
        "SIGTERM with 16 callers that write, ten times, and the next starts",
        |ground| Box::pin(stop_under_load(ground)),
    ),
    on_both("signal-at-ready", "SIGINT right after the line that says ready, 20 times", |ground| {
        Box::pin(signal_at_ready(ground))
    }),
    on_both("hang-up", "SIGHUP", |ground| Box::pin(hang_up(ground))),
    Attack {
        on: On::Redb,
        ..on_both("recovery", "the start after kill -9 in mid-write, with all data", |ground| {
            Box::pin(recovery(ground))
        })
    },
];

type Run = for<'a> fn(&'a Ground) -> crate::attack::Running<'a>;

const fn on_both(name: &'static str, what: &'static str, run: Run) -> Attack {
    Attack { name, what, section: 5, on: On::Both, run }
}

const STOPS: usize = 10;
const SIGNALS: usize = 20;

async fn stop_under_load(ground: &Ground) -> Outcome {
    let loaded = ground.loaded().await?;
    let (mut orderly, mut starts, mut stops) = (0, Sample::default(), Sample::default());
    for round in 0..STOPS {
        let mut server = ground.launch(&loaded.place).start().await?;
        if round > 0 {
            starts.add(server.ready_after);
        }
        let writers = write(&server, loaded);
        sleep(Duration::from_millis(500)).await;
        let stop = Instant::now();
        let status = server.stop().await?;
        stops.add(stop.elapsed());
        orderly += usize::from(status.code() == Some(0));
        writers.abort();
    }
    Ok(vec![
        Figure::count("status 0", orderly, "of 10").at_least(number(STOPS)),
        Figure::new("longest stop", stops.greatest_ms(), "ms"),
        Figure::new("longest start afterwards", starts.greatest_ms(), "ms")
            .at_most(100.0)
            .note(format!("median {:.0}", starts.median_ms())),
    ])
}

/// Callers that write until the server is gone.
fn write(server: &Server, loaded: &Loaded) -> tokio::task::JoinHandle<Result<Sample, Stop>> {
    let flood = Flood { address: server.address, key: loaded.key.clone(), connections: 16 };
    let note = |number: usize| json!({"activityType": "note", "subject": format!("note {number}")});
    let asks: Vec<Ask> = (0..2000).map(|number| Ask::post("/api/v1/activities", &note(number))).collect();
    tokio::spawn(async move { send_until(&flood, asks.into(), Duration::from_secs(5)).await })
}

async fn signal_at_ready(ground: &Ground) -> Outcome {
    let place = ground.fresh()?;
    let mut orderly = 0;
    for _ in 0..SIGNALS {
        let mut server = ground.launch(&place).start().await?;
        server.send(Signal::SIGINT)?;
        orderly += usize::from(server.end().await?.code() == Some(0));
    }
    Ok(vec![Figure::count("status 0", orderly, "of 20").at_least(number(SIGNALS))])
}

async fn hang_up(ground: &Ground) -> Outcome {
    let mut server = ground.fresh_server().await?;
    server.send(Signal::SIGHUP)?;
    sleep(Duration::from_millis(500)).await;
    Ok(vec![Figure::count("runs on", server.is_running().into(), "").at_least(1.0)])
}

async fn recovery(ground: &Ground) -> Outcome {
    let loaded = ground.loaded().await?;
    let mut server = ground.launch(&loaded.place).start().await?;
    let writers = write(&server, loaded);
    sleep(Duration::from_millis(700)).await;
    server.kill().await?;
    writers.abort();
    let file = loaded.place.file().ok_or_else(|| Stop::not_there("no file"))?;
    let size = number(usize::try_from(std::fs::metadata(file)?.len() >> 20)?);
    let start = Instant::now();
    let mut server = ground.without_address(&loaded.place).start_at(free_address()?)?;
    let limit = Duration::from_secs(100);
    server.wait_for("/healthz", limit, |status| status == 200).await;
    let health = start.elapsed();
    server.wait_for("/readyz", limit, |status| status == 200).await;
    let ready = start.elapsed();
    server.stop().await?;
    Ok(vec![
        Figure::new("/healthz answers after", ms(health), "ms").at_most(500.0),
        Figure::new("/readyz is 200 after", ms(ready), "ms").note(format!("{size} MiB")),
    ])
}
