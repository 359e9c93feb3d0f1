//! Requests by many connections at once.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{task::JoinSet, time::sleep};

use crate::{
    attack::Stop,
    client::{Ask, Client},
    sample::Sample,
};

/// Callers with one credential.
#[derive(Clone, Debug)]
pub(crate) struct Flood {
    pub(crate) address: SocketAddr,
    pub(crate) key: String,
    pub(crate) connections: usize,
}

/// Sends requests as fast as they are answered, all of which must succeed.
pub(crate) async fn send_all(flood: &Flood, asks: Vec<Ask>) -> Result<(), Stop> {
    let sample = send_until(flood, asks.into(), Duration::MAX).await?;
    if sample.unanswered > 0 {
        return Err(Stop::failed(format!("{} requests of the load were refused", sample.unanswered)));
    }
    Ok(())
}

/// Sends requests as fast as they are answered, each once, and none after a time.
pub(crate) async fn send_until(flood: &Flood, asks: Arc<[Ask]>, limit: Duration) -> Result<Sample, Stop> {
    let next = Arc::new(AtomicUsize::new(0));
    let start = Instant::now();
    let mut callers = JoinSet::new();
    for _ in 0..flood.connections {
        let (asks, next) = (Arc::clone(&asks), Arc::clone(&next));
        let mut client = Client::new(flood.address).key(&flood.key);
        callers.spawn(async move {
            let mut sample = Sample::default();
            while start.elapsed() < limit {
                let Some(ask) = asks.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
                time(&mut client, ask.clone(), &mut sample).await;
            }
            sample
        });
    }
    joined(callers).await
}

/// Sends requests in turns, one after the other with pauses, until a time has passed.
pub(crate) async fn pace(
    mut client: Client,
    asks: impl Fn(usize) -> Ask,
    pause: Duration,
    is_over: impl Fn() -> bool,
) -> Sample {
    let mut sample = Sample::default();
    let mut number = 0;
    while !is_over() {
        time(&mut client, asks(number), &mut sample).await;
        number += 1;
        sleep(pause).await;
    }
    sample
}

async fn time(client: &mut Client, ask: Ask, sample: &mut Sample) {
    let start = Instant::now();
    match client.ask(ask).await {
        Ok(answer) if answer.status.is_success() => {}
        _ => sample.unanswered += 1,
    }
    sample.add(start.elapsed());
}

async fn joined(mut callers: JoinSet<Sample>) -> Result<Sample, Stop> {
    let mut sample = Sample::default();
    while let Some(one) = callers.join_next().await {
        sample.extend(one?);
    }
    Ok(sample)
}
