//! The fake's own figures: `cargo build --release && cargo bench -p rally-benches --bench fake`.
//!
//! The start and the idle memory are those of the program, by default `target/release/rally`; `RALLY_PROGRAM` names another.
//! All else is measured in process.

#![expect(clippy::print_stdout, reason = "printing the table is what it is for")]
#![expect(clippy::expect_used, reason = "a benchmark that cannot go on has nothing better to do than stop")]

use std::{
    env, fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rally_benches::fixture;
use rally_core::{Atomicity, ContactDraft, Event, TenantId, WebhookDraft, WriteOptions};
use rally_http::testing::{Fake, FakeTenant, StartClock, TenantSetup, What};

/// Contacts of the tenant that is forked.
const CONTACTS: u32 = 100_000;
/// Times that each figure is taken.
const TIMES: usize = 200;
/// The seven days in which a plan of ten attempts is over.
const PLAN: Duration = Duration::from_hours(24 * 7);

fn main() {
    let times = if fixture::is_measuring() { TIMES } else { 3 };
    let contacts = if fixture::is_measuring() { CONTACTS } else { 100 };
    program(times.min(20));
    let at = StartClock::At("2025-03-01".parse().expect("an instant"));
    let rally = Fake::builder().without_rate_limit().start_clock(at).start().expect("a fake");
    report("a tenant made, with three keys", times, || {
        let made = rally.tenants().create(&TenantSetup::default()).expect("a tenant");
        rally.tenants().drop_tenant(made.slug());
    });
    let large = rally.create_tenant("large").expect("a tenant");
    load(&large, contacts);
    report(&format!("a fork of a tenant with {contacts} contacts"), times, || {
        let fork = large.fork(None).expect("a fork");
        rally.tenants().drop_tenant(fork.slug());
    });
    let mut advanced = Vec::new();
    for number in 0..times.min(50) {
        let tenant = failing(&rally, number);
        let begun = Instant::now();
        let moved = tenant.advance(PLAN).expect("the plan runs");
        advanced.push(begun.elapsed());
        let attempts = moved.ran.iter().filter(|ran| matches!(ran.what, What::Delivery(_))).count();
        assert!(attempts >= 9, "{attempts} attempts");
        rally.tenants().drop_tenant(tenant.slug());
    }
    tell("a clock moved past ten attempts", advanced);
}

/// A tenant with an event that every attempt fails at.
fn failing(rally: &Fake, number: usize) -> FakeTenant {
    let tenant = rally.create_tenant(&format!("failing-{number}")).expect("a tenant");
    let hook = WebhookDraft::new("hook", tenant.inbox_url_of("hook"), [Event::ContactCreated]);
    let session = tenant.session().expect("a session");
    session.webhooks().create(&hook).expect("a webhook");
    tenant.script_inbox("hook", [500]).expect("a script");
    session.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example")).expect("a contact");
    tenant
}

fn load(tenant: &FakeTenant, contacts: u32) {
    let session = tenant.session().expect("a session");
    assert_ne!(session.tenant().id, TenantId::DIRECTORY);
    for first in (0..contacts).step_by(100) {
        let drafts: Vec<String> = (first..first + 100)
            .map(|number| {
                format!(r#"{{"firstName":"No","lastName":"{number}","email":"c{number}@x.example"}}"#)
            })
            .collect();
        let json = format!("[{}]", drafts.join(","));
        let options = WriteOptions::default();
        session
            .contacts()
            .json()
            .create_many(json.as_bytes(), Atomicity::AllOrNothing, &options)
            .expect("contacts");
    }
}

fn report(what: &str, times: usize, mut work: impl FnMut()) {
    let mut taken = Vec::with_capacity(times);
    for _ in 0..times {
        let begun = Instant::now();
        work();
        taken.push(begun.elapsed());
    }
    tell(what, taken);
}

fn tell(what: &str, mut taken: Vec<Duration>) {
    taken.sort();
    let median = taken.get(taken.len() / 2).copied().unwrap_or_default();
    let most = taken.last().copied().unwrap_or_default();
    println!("{what:<48}{:>10} µs{:>10} µs at most", median.as_micros(), most.as_micros());
}

/// The program, started until its first answer, and its memory then.
fn program(times: usize) {
    let path = env::var("RALLY_PROGRAM").unwrap_or_else(|_| "target/release/rally".to_owned());
    let path = if fs::exists(&path).unwrap_or(false) { path } else { format!("../{path}") };
    if !fs::exists(&path).unwrap_or(false) {
        println!("there is no program {path}; build it, or name one by RALLY_PROGRAM");
        return;
    }
    let (mut taken, mut memory) = (Vec::new(), 0);
    for _ in 0..times {
        let begun = Instant::now();
        let mut started = Command::new(&path)
            .args(["fake", "--json", "--exit-with-stdin"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        answer_once(&mut started);
        taken.push(begun.elapsed());
        memory = memory_of(&started);
        drop(started.stdin.take());
        started.wait().expect("it ends with its standard input");
    }
    tell("the program: start to first answer", taken);
    println!("{:<48}{:>10} KiB", "the program: idle memory", memory);
}

fn answer_once(started: &mut Child) {
    let mut line = String::new();
    let output = started.stdout.take().expect("its output");
    BufReader::new(output).read_line(&mut line).expect("a line");
    let ready: serde_json::Value = serde_json::from_str(&line).expect("the ready line");
    let url = ready.get("url").and_then(serde_json::Value::as_str).expect("its URL");
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).expect("a connection");
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// KiB that a process has in memory; 0 where that is not told.
fn memory_of(started: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", started.id())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}
