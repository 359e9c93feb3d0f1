//! Connections that do little or nothing.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use futures_util::{
    future::join_all,
    stream::{self, StreamExt},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::{sleep, sleep_until},
};

use crate::{
    attack::{Attack, Figure, On, Running, Stop},
    client::{Ask, Client, connect, in_time},
    ground::Ground,
    memory::{GREATEST_PAGE, source},
    process,
    sample::Sample,
};

pub(crate) const ATTACKS: &[Attack] = &[
    Attack {
        name: "slow-connections",
        what: "800 connections stop half-way, in six ways; those count that the server still holds",
        section: 1,
        on: On::Both,
        run: slow_connections,
    },
    Attack {
        name: "silent-sockets",
        what: "10,000 sockets say nothing while a real client works",
        section: 1,
        on: On::Both,
        run: silent_sockets,
    },
];

/// Connections that stop in the same way.
const OF_A_KIND: usize = 134;

/// One way to be slow: a network of source addresses, a name, what is sent, and the time after which the server
/// should have closed the connection.
struct Kind {
    network: u8,
    name: &'static str,
    sends: Sends,
    closed_after: u64,
}

#[derive(Clone, Copy)]
enum Sends {
    Bytes(&'static str),
    /// A whole request, whose answer is read.
    Request,
    /// A body, a byte a second.
    Body,
    /// Requests for great pages that are not read.
    Unread,
}

const KINDS: [Kind; 6] = [
    Kind {
        network: 11,
        name: "half a header, after 15 s",
        sends: Sends::Bytes("GET /healthz HTTP/1.1\r\nhost: a\r\nx-a"),
        closed_after: 15,
    },
    Kind { network: 12, name: "a body of 1 byte/s, after 40 s", sends: Sends::Body, closed_after: 40 },
    Kind { network: 13, name: "answers not read, after 50 s", sends: Sends::Unread, closed_after: 50 },
    Kind { network: 10, name: "silent, after 85 s", sends: Sends::Bytes(""), closed_after: 85 },
    Kind { network: 14, name: "idle, after 85 s", sends: Sends::Request, closed_after: 85 },
    Kind {
        network: 15,
        name: "HTTP/2 and silent, after 85 s",
        sends: Sends::Bytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"),
        closed_after: 85,
    },
];

fn slow_connections(ground: &Ground) -> Running<'_> {
    Box::pin(async {
        let server = ground.fresh_server().await?;
        let (address, key) = (server.address, server.key("acme")?.to_owned());
        let start = tokio::time::Instant::now();
        let mut held = Vec::new();
        for kind in &KINDS {
            let opened = join_all((0..OF_A_KIND).map(|number| open(address, kind, number, &key))).await;
            held.extend(opened.into_iter().flatten());
        }
        let trickling = tokio::spawn(trickle(held));
        let mut figures = Vec::new();
        for kind in &KINDS {
            let seconds = kind.closed_after.min(ground.arguments.patience);
            sleep_until(start + Duration::from_secs(seconds)).await;
            let open = process::held_connections(address, |source| {
                source.get(2).copied().unwrap_or_default() == kind.network
            });
            figures.push(Figure::count(kind.name, open, "open").at_most(0.0).note(watched(seconds, kind)));
        }
        trickling.abort();
        Ok(figures)
    })
}

fn watched(seconds: u64, kind: &Kind) -> String {
    if seconds < kind.closed_after { format!("watched {seconds} s only") } else { String::new() }
}

/// A connection, and true if it goes on to send.
async fn open(address: SocketAddr, kind: &Kind, number: usize, key: &str) -> Option<(TcpStream, bool)> {
    let source = source(kind.network, number);
    let mut stream = match kind.sends {
        Sends::Unread => connect_with_little_room(address, source).await.ok()?,
        _ => connect(address, source).await.ok()?,
    };
    let said = match kind.sends {
        Sends::Bytes(bytes) => bytes.to_owned(),
        Sends::Request => format!("GET /healthz HTTP/1.1\r\nhost: {address}\r\n\r\n"),
        Sends::Unread => format!("GET {GREATEST_PAGE} HTTP/1.1\r\nhost: {address}\r\n\r\n").repeat(4),
        Sends::Body => format!(
            "POST /api/v1/contacts HTTP/1.1\r\nhost: {address}\r\nx-api-key: {key}\r\n\
             content-type: application/json\r\ncontent-length: 4096\r\n\r\n"
        ),
    };
    in_time(Duration::from_secs(5), stream.write_all(said.as_bytes())).await.ok()?;
    if matches!(kind.sends, Sends::Request) {
        let mut answer = [0; 1024];
        let _ = in_time(Duration::from_secs(5), stream.read(&mut answer)).await;
    }
    Some((stream, matches!(kind.sends, Sends::Body)))
}

async fn connect_with_little_room(address: SocketAddr, source: Ipv4Addr) -> Result<TcpStream, Stop> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(4096)?;
    socket.bind(SocketAddr::from((source, 0)))?;
    Ok(socket.connect(address).await?)
}

/// Sends a byte a second where a connection goes on to send, and keeps the others.
async fn trickle(mut held: Vec<(TcpStream, bool)>) {
    loop {
        for (stream, _) in held.iter_mut().filter(|(_, sends)| *sends) {
            let _ = stream.try_write(b" ");
        }
        sleep(Duration::from_secs(1)).await;
    }
}

fn silent_sockets(ground: &Ground) -> Running<'_> {
    Box::pin(async {
        let server = ground.fresh_server().await?;
        let (address, key) = (server.address, server.key("acme")?.to_owned());
        let alone = measure(address, &key).await;
        let network = |number: usize| u8::try_from(100 + number / 50 % 100).unwrap_or(100);
        let sockets =
            (0..ground.arguments.sockets).map(|number| connect(address, source(network(number), number)));
        let held: Vec<_> = stream::iter(sockets).buffer_unordered(200).collect().await;
        let held: Vec<TcpStream> = held.into_iter().flatten().collect();
        let open =
            process::held_connections(address, |source| source.get(2).copied().unwrap_or_default() >= 100);
        let [kept, fresh] = measure(address, &key).await;
        let told = format!("{} opened, {open} held", held.len());
        let [kept_alone, fresh_alone] = alone.map(|sample| sample.p99_ms());
        drop(held);
        Ok(vec![
            p99("p99 on a kept connection", &kept).note(format!("{kept_alone:.1} alone; {told}")),
            p99("p99 on new connections", &fresh).note(format!("{fresh_alone:.1} alone")),
            Figure::count("requests not answered", kept.unanswered + fresh.unanswered, "").at_most(0.0),
        ])
    })
}

fn p99(what: &str, sample: &Sample) -> Figure {
    Figure::new(what, sample.p99_ms(), "ms").at_most(5.0)
}

/// Requests one after the other: 1,000 on one connection, 300 on one each.
async fn measure(address: SocketAddr, key: &str) -> [Sample; 2] {
    let mut kept = Client::new(address).key(key);
    let mut samples = [Sample::default(), Sample::default()];
    let [on_one, on_each] = &mut samples;
    for _ in 0..1000 {
        time(&mut kept, on_one).await;
    }
    for _ in 0..300 {
        time(&mut Client::new(address).key(key), on_each).await;
    }
    samples
}

async fn time(client: &mut Client, sample: &mut Sample) {
    let start = Instant::now();
    sample.unanswered += usize::from(client.status(Ask::get("/api/v1/contacts?limit=1")).await != 200);
    sample.add(start.elapsed());
}
