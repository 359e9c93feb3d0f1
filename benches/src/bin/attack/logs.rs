//! Logs that nobody reads or that cannot be written.

use std::{path::PathBuf, time::Duration};

use tokio::time::timeout;

use crate::{
    attack::{Attack, Figure, On, Outcome, Running, number},
    client::Ask,
    ground::Ground,
    server::{Launch, Log},
};

pub(crate) const ATTACKS: &[Attack] = &[
    on_both("unread-log", "2,000 requests with a log that nobody reads", |ground| {
        Box::pin(requests(ground, Log::Unread))
    }),
    on_both("closed-log", "2,000 requests with a log whose reader has gone", |ground| {
        Box::pin(requests(ground, Log::Closed))
    }),
    on_both("full-log", "2,000 requests with a log on a full disk", |ground| {
        Box::pin(requests(ground, Log::File(PathBuf::from("/dev/full"))))
    }),
    on_both("unread-fake", "2,000 requests to a fake whose log nobody reads", |ground| {
        Box::pin(fake(ground))
    }),
];

const fn on_both(
    name: &'static str,
    what: &'static str,
    run: for<'a> fn(&'a Ground) -> Running<'a>,
) -> Attack {
    Attack { name, what, section: 5, on: On::Both, run }
}

const REQUESTS: usize = 2000;

async fn requests(ground: &Ground, log: Log) -> Outcome {
    answered(Launch { log, ..ground.launch(&ground.fresh()?) }).await
}

async fn fake(ground: &Ground) -> Outcome {
    let arguments = ["fake", "--json", "--rate-limit", "0", "--tenant", "acme"].map(str::to_owned);
    let program = ground.arguments.rally.clone();
    answered(Launch { program, arguments: arguments.to_vec(), log: Log::Unread }).await
}

/// Requests that are answered before the first one that is not.
async fn answered(launch: Launch) -> Outcome {
    let server = launch.start().await?;
    let mut admin = server.admin("acme")?;
    let mut answered = 0;
    for _ in 0..REQUESTS {
        let asked = timeout(Duration::from_secs(3), admin.ask(Ask::get("/api/v1/contacts?limit=1"))).await;
        if !matches!(asked, Ok(Ok(answer)) if answer.status == 200) {
            break;
        }
        answered += 1;
    }
    Ok(vec![Figure::count("requests answered", answered, "of 2000").at_least(number(REQUESTS))])
}
