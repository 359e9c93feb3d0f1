//! Wrong keys and wrong passwords, in masses.

use std::{
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_postgres::NoTls;

use crate::{
    attack::{Attack, Figure, On, Outcome, Stop, number},
    client::{Answer, Ask, Client},
    ground::{Ground, Place},
    keys::made_up_key,
    sample::{Sample, ms},
    server::Server,
};

pub(crate) const ATTACKS: &[Attack] = &[
    Attack {
        name: "spoofed-sources",
        what: "200 wrong keys by one caller who names another source each time",
        section: 3,
        on: On::Both,
        run: |ground| Box::pin(spoofed_sources(ground)),
    },
    Attack {
        name: "login-after-wrong-keys",
        what: "70 wrong keys, then the right password from the same source",
        section: 3,
        on: On::Both,
        run: |ground| Box::pin(login_after_wrong_keys(ground)),
    },
    Attack {
        name: "shut-account",
        what: "12 wrong passwords for an account, then the right one from another source",
        section: 3,
        on: On::Both,
        run: |ground| Box::pin(shut_account(ground)),
    },
    Attack {
        name: "login-flood",
        what: "30 sources try passwords of many accounts, while a user logs in from a source that has before",
        section: 3,
        on: On::Both,
        run: |ground| Box::pin(login_flood(ground)),
    },
    Attack {
        name: "made-up-keys",
        what: "well-formed keys that were never made, and questions for readiness; transactions of the database",
        section: 3,
        on: On::Postgres,
        run: |ground| Box::pin(made_up_keys(ground)),
    },
];

/// Requests without a valid credential that a source has in a minute.
const WRONG_KEYS: f64 = 60.0;

/// Lookups that a source may have besides, as a multiple of these: a right key may come from it, too.
const LOOKUPS: f64 = 10.0;

const PASSWORD: &str = "correct horse battery";

/// The proxy that is named to the server, and an address that is none.
const PROXY: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const STRANGER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);

async fn spoofed_sources(ground: &Ground) -> Outcome {
    let place = ground.fresh()?;
    let mut launch = ground.launch(&place);
    let names_proxies = ground.has("--trusted-proxy");
    if names_proxies {
        launch = launch.with(&["--trusted-proxy", "127.0.0.2/32"]);
    }
    let server = launch.start().await?;
    let mut figures = vec![tries("tries without a proxy", &server, STRANGER, |spoof| spoof).await];
    if names_proxies {
        let behind = |spoof: String| format!("{spoof}, 203.0.113.9");
        figures.push(tries("tries behind a named proxy", &server, PROXY, behind).await);
        let mut other =
            server.anyone().from(PROXY).header("x-forwarded-for", "203.0.113.10").key("rk_live_wrong");
        let status = other.status(Ask::get("/api/v1/contacts")).await;
        let figure = Figure::count("another source behind the proxy", status.into(), "");
        figures.push(figure.one_of(&[401.0]));
    } else {
        let missing = Figure::new("tries behind a named proxy", f64::INFINITY, "");
        figures.push(missing.at_most(2.0 * WRONG_KEYS).note("no --trusted-proxy"));
    }
    Ok(figures)
}

/// Wrong keys that a caller may try in a moment, though it names another source with each.
async fn tries(what: &str, server: &Server, from: Ipv4Addr, sources: impl Fn(String) -> String) -> Figure {
    let mut tried: usize = 0;
    for number in 0..200 {
        let sources = sources(format!("198.51.100.{number}"));
        let mut caller = server.anyone().from(from).header("x-forwarded-for", &sources).key("rk_live_wrong");
        tried += usize::from(caller.status(Ask::get("/api/v1/contacts")).await == 401);
    }
    // The minute may turn meanwhile.
    Figure::count(what, tried, "of 200").at_most(2.0 * WRONG_KEYS)
}

async fn login_after_wrong_keys(ground: &Ground) -> Outcome {
    let server = ground.fresh_server().await?;
    let user = User::make(&server, "ada").await?;
    let mut caller = server.anyone().key("rk_live_wrong");
    for _ in 0..70 {
        caller.status(Ask::get("/api/v1/contacts")).await;
    }
    let status = server.anyone().status(user.login(PASSWORD)).await;
    Ok(vec![Figure::count("status of the login", status.into(), "").one_of(&[200.0])])
}

async fn shut_account(ground: &Ground) -> Outcome {
    let server = ground.fresh_server().await?;
    let user = User::make(&server, "ada").await?;
    let mut attacker = server.anyone().from(STRANGER);
    for _ in 0..12 {
        attacker.status(user.login("wrong horse battery")).await;
    }
    let status = server.anyone().status(user.login(PASSWORD)).await;
    let login = Figure::count("status of the login", status.into(), "").one_of(&[200.0]);
    let mut admin = server.admin("acme")?;
    let trail = admin.done(Ask::get("/api/v1/audit?limit=100")).await?.to_string();
    let failed = Figure::count("entries of failed logins", trail.matches("login.failed").count(), "");
    // A sum for each of two sources or hours at most.
    let failed = failed.at_most(2.0);
    let succeeded = trail.matches("\"login").count() - trail.matches("\"login.failed").count();
    let succeeded = Figure::count("entries of other logins", succeeded, "").at_least(1.0);
    Ok(vec![login, failed, succeeded])
}

async fn login_flood(ground: &Ground) -> Outcome {
    let server = ground.fresh_server().await?;
    let user = User::make(&server, "ada").await?;
    if server.anyone().status(user.login(PASSWORD)).await != 200 {
        return Err(Stop::failed("no login before the flood"));
    }
    let over = Arc::new(AtomicBool::new(false));
    let mut flood = JoinSet::new();
    for number in 0..30 {
        for connection in 0..2 {
            let client = server.anyone().from(Ipv4Addr::new(127, 0, 4, 1 + number));
            let first = 1000 * u32::from(number) + 500 * connection;
            flood.spawn(guess(client, first, Arc::clone(&over)));
        }
    }
    sleep(Duration::from_secs(1)).await;
    let (mut sample, mut succeeded) = (Sample::default(), 0);
    for _ in 0..10 {
        let start = Instant::now();
        let status = server.anyone().status(user.login(PASSWORD)).await;
        sample.add(start.elapsed());
        succeeded += usize::from(status == 200);
        sleep(Duration::from_millis(300)).await;
    }
    let health = Instant::now();
    let alive = timeout(Duration::from_secs(2), server.anyone().ask(Ask::get("/healthz"))).await;
    let health = if alive.is_ok() { ms(health.elapsed()) } else { f64::INFINITY };
    over.store(true, Ordering::Relaxed);
    let mut guesses = 0;
    while let Some(made) = flood.join_next().await {
        guesses += made?;
    }
    Ok(vec![
        Figure::count("right logins answered 200", succeeded, "of 10")
            .at_least(10.0)
            .note(format!("{guesses} guesses")),
        Figure::new("longest right login", sample.greatest_ms(), "ms").at_most(2000.0),
        Figure::new("/healthz meanwhile", health, "ms").at_most(100.0),
    ])
}

/// Tries wrong passwords, each for another account, and tells how many.
async fn guess(mut client: Client, first: u32, over: Arc<AtomicBool>) -> u32 {
    let mut made = 0;
    while !over.load(Ordering::Relaxed) {
        let email = format!("user{}@x.example", first + made % 500);
        let body = json!({"tenant": "acme", "email": email, "password": "wrong horse battery"});
        client.status(Ask::post("/api/v1/auth/login", &body)).await;
        made += 1;
        sleep(Duration::from_millis(20)).await;
    }
    made
}

async fn made_up_keys(ground: &Ground) -> Outcome {
    let place = ground.fresh()?;
    let server = ground.launch(&place).start().await?;
    let at_first = transactions(&place).await?;
    let keys = flood(&server, Ask::get("/api/v1/contacts"), true).await;
    let after_keys = transactions(&place).await?;
    let ready = flood(&server, Ask::get("/readyz"), false).await;
    let at_last = transactions(&place).await?;
    // What a source may fail and look up in two minutes, and what the server asks of its own.
    let bound = 2.0 * WRONG_KEYS * (1.0 + LOOKUPS) + 100.0;
    let figure = |what, transactions, bound, asked| -> Result<Figure, Stop> {
        let transactions = number(usize::try_from(transactions)?);
        let figure = Figure::new(what, transactions, "in 5 s").at_most(bound);
        Ok(figure.note(format!("{asked} requests")))
    };
    Ok(vec![
        figure("transactions by made-up keys", after_keys - at_first, bound, keys)?,
        figure("transactions by /readyz", at_last - after_keys, 100.0, ready)?,
    ])
}

/// The transactions that the database has begun so far, once it has counted all.
async fn transactions(place: &Place) -> Result<i64, Stop> {
    // A connection without work tells what it has done within ten seconds.
    sleep(Duration::from_secs(11)).await;
    let client = database(place).await?;
    let sum = "select xact_commit + xact_rollback from pg_stat_database where datname = current_database()";
    Ok(client.query_one(sum, &[]).await?.get(0))
}

/// A connection to the database of a place.
pub(crate) async fn database(place: &Place) -> Result<tokio_postgres::Client, Stop> {
    let url = place.url().ok_or_else(|| Stop::not_there("no database"))?;
    let url = url.split("&schema=").next().unwrap_or(url);
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// Sends one request again and again, five seconds long, and tells how often it was answered.
async fn flood(server: &Server, ask: Ask, with_keys: bool) -> usize {
    let mut callers = JoinSet::new();
    for _ in 0..16 {
        let (address, ask) = (server.address, ask.clone());
        callers.spawn(async move {
            let (start, mut client, mut answered) = (Instant::now(), Client::new(address), 0);
            while start.elapsed() < Duration::from_secs(5) {
                if with_keys {
                    client = client.key(&made_up_key());
                }
                answered += usize::from(client.ask(ask.clone()).await.is_ok());
            }
            answered
        });
    }
    callers.join_all().await.into_iter().sum()
}

/// A user of the tenant `acme`.
pub(crate) struct User {
    email: String,
}

impl User {
    pub(crate) async fn make(server: &Server, name: &str) -> Result<Self, Stop> {
        let email = format!("{name}@x.example");
        let user = json!({"email": email, "name": name, "scopes": "read", "password": PASSWORD});
        server.admin("acme")?.done(Ask::post("/api/v1/users", &user)).await?;
        Ok(Self { email })
    }

    fn login(&self, password: &str) -> Ask {
        let body = json!({"tenant": "acme", "email": self.email, "password": password});
        Ask::post("/api/v1/auth/login", &body)
    }

    /// The token of a login.
    pub(crate) async fn token(&self, server: &Server) -> Result<String, Stop> {
        let answer: Answer = server.anyone().ask(self.login(PASSWORD)).await?;
        let answer = answer.json()?;
        let token = answer.get("token").and_then(Value::as_str).map(str::to_owned);
        token.ok_or_else(|| Stop::failed("no token"))
    }
}
