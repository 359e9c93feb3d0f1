//! Bytes that strangers make the server hold.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::{FutureExt, join_all};
use h2::client::ResponseFuture;
use http::Request;
use nix::sys::signal::Signal;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::{
    attack::{Attack, Figure, On, Running, Stop},
    client::{Ask, connect, in_time, status_of},
    ground::Ground,
    process,
    sample::ms,
    server::Server,
};

pub(crate) const ATTACKS: &[Attack] = &[
    Attack {
        name: "closed-windows",
        what: "20 HTTP/2 connections ask for the greatest page 200 times each, and take no byte of it",
        section: 1,
        on: On::Both,
        run: closed_windows,
    },
    Attack {
        name: "unfinished-bodies",
        what: "400 connections send a bulk request of 8 MiB except for its last byte",
        section: 1,
        on: On::Both,
        run: unfinished_bodies,
    },
];

/// The greatest of the static pages.
pub(crate) const GREATEST_PAGE: &str = "/docs/swagger-ui-bundle.js";

/// Memory that a server may come to, in MiB: its budgets of 256 MiB for requests and for answers, and itself.
const MEMORY_MIB: f64 = 640.0;

const BODY: usize = 8 << 20;

fn closed_windows(ground: &Ground) -> Running<'_> {
    Box::pin(async {
        let mut server = ground.fresh_server().await?;
        let address = server.address;
        let asked = join_all((0..20).map(|_| timeout(Duration::from_secs(20), ask_without_window(address))));
        let held = grow(&mut server, ground, asked).await;
        let stopped = held.is_none();
        let held: Vec<Vec<ResponseFuture>> = held.into_iter().flatten().flatten().flatten().collect();
        // An answer is kept with its stream, which would be closed otherwise.
        let (begun, _answers) = begun(held);
        let streams: usize = begun.iter().sum();
        let mut figures = vec![peak(&server)?.note(told(stopped, format!("{streams} answers begun")))];
        if !stopped {
            let most = begun.iter().copied().max().unwrap_or_default();
            figures.push(Figure::count("streams of a connection", most, "").at_most(100.0));
        }
        figures.push(health(&server).await);
        Ok(figures)
    })
}

/// Asks for the page on as many streams as the server takes, at most 200.
async fn ask_without_window(address: SocketAddr) -> Result<Vec<ResponseFuture>, Stop> {
    let stream = connect(address, Ipv4Addr::LOCALHOST).await?;
    let mut client = h2::client::Builder::new();
    let (mut sender, connection) = client.initial_window_size(0).handshake::<_, Bytes>(stream).await?;
    tokio::spawn(connection);
    let mut asked = Vec::new();
    for _ in 0..200 {
        let Ok(Ok(ready)) = timeout(Duration::from_secs(1), sender.clone().ready()).await else { break };
        sender = ready;
        let request = Request::get(format!("http://{address}{GREATEST_PAGE}")).body(())?;
        asked.push(sender.send_request(request, true)?.0);
    }
    Ok(asked)
}

/// The answers of each connection that have begun, and all that is still held.
fn begun(held: Vec<Vec<ResponseFuture>>) -> (Vec<usize>, Vec<impl Sized>) {
    let (mut counts, mut kept) = (Vec::new(), Vec::new());
    for connection in held {
        let states: Vec<_> = connection.into_iter().map(poll_once).collect();
        counts.push(states.iter().filter(|(state, _)| matches!(state, Some(Ok(_)))).count());
        kept.push(states);
    }
    (counts, kept)
}

/// The state of an answer, and the answer itself while it has not come.
fn poll_once(
    mut asked: ResponseFuture,
) -> (Option<Result<http::Response<h2::RecvStream>, h2::Error>>, ResponseFuture) {
    ((&mut asked).now_or_never(), asked)
}

fn unfinished_bodies(ground: &Ground) -> Running<'_> {
    Box::pin(async {
        let mut server = ground.fresh_server().await?;
        let (address, key) = (server.address, server.key("acme")?.to_owned());
        let sent = join_all((0..400).map(|number| send_most_of_a_body(address, source(3, number), &key)));
        let mut held = grow(&mut server, ground, sent).await;
        let stopped = held.is_none();
        let (mut refused, mut with_time) = (0, 0);
        for stream in held.iter_mut().flatten().flatten() {
            let answer = refusal(stream).await;
            refused += usize::from(status_of(&answer) == 503);
            with_time += usize::from(answer.to_ascii_lowercase().contains("retry-after"));
        }
        let figure = peak(&server)?
            .note(told(stopped, format!("{refused} of 400 answered 503, {with_time} with Retry-After")));
        Ok(vec![figure, health(&server).await])
    })
}

async fn send_most_of_a_body(address: SocketAddr, source: Ipv4Addr, key: &str) -> Result<TcpStream, Stop> {
    let mut stream = connect(address, source).await?;
    let head = format!(
        "POST /api/v1/contacts/bulk HTTP/1.1\r\nhost: {address}\r\nx-api-key: {key}\r\n\
         content-type: application/json\r\ncontent-length: {BODY}\r\n\r\n["
    );
    stream.write_all(head.as_bytes()).await?;
    let blanks = [b' '; 64 << 10];
    let mut left = BODY - 2;
    while left > 0 {
        let part = blanks.get(..left.min(blanks.len())).unwrap_or_default();
        // A server that refuses the body need not take it.
        match in_time(Duration::from_secs(20), stream.write(part)).await {
            Ok(count) if count > 0 => left -= count,
            _ => break,
        }
    }
    Ok(stream)
}

/// The answer that came before the body had ended; empty if there was none.
async fn refusal(stream: &mut TcpStream) -> String {
    let mut answer = [0; 2048];
    let read = in_time(Duration::from_millis(5), stream.read(&mut answer)).await.unwrap_or(0);
    String::from_utf8_lossy(answer.get(..read).unwrap_or_default()).into_owned()
}

/// Waits until an attack is complete and the memory grows no more. Kills the server before the machine suffers.
async fn grow<T>(server: &mut Server, ground: &Ground, attack: impl Future<Output = T>) -> Option<T> {
    let guard = ground.arguments.memory_guard;
    let process = server.process();
    let grown = async {
        let made = attack.await;
        let mut before = 0.0;
        while let Some(now) = process::memory_mib(process).filter(|now| *now > before + 1.0) {
            before = now;
            sleep(Duration::from_millis(500)).await;
        }
        made
    };
    let guarded = async {
        let most = crate::attack::number(usize::try_from(guard).unwrap_or(usize::MAX));
        while process::memory_mib(process).is_some_and(|now| now < most) {
            sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        made = grown => Some(made),
        () = guarded => {
            // The process stands still, so that its greatest memory can still be read.
            let _ = server.send(Signal::SIGSTOP);
            None
        }
    }
}

fn told(stopped: bool, otherwise: String) -> String {
    if stopped { "stopped there, to spare the machine".to_owned() } else { otherwise }
}

fn peak(server: &Server) -> Result<Figure, Stop> {
    let peak = process::peak_mib(server.process()).ok_or_else(|| Stop::failed("the server is gone"))?;
    Ok(Figure::new("peak memory", peak, "MiB").at_most(MEMORY_MIB))
}

/// The time until the server says that it is there, while all is still held.
async fn health(server: &Server) -> Figure {
    let start = std::time::Instant::now();
    let asked = timeout(Duration::from_secs(2), async { server.anyone().status(Ask::get("/healthz")).await });
    let is_there = asked.await == Ok(200);
    let took = if is_there { ms(start.elapsed()) } else { f64::INFINITY };
    Figure::new("/healthz meanwhile", took, "ms").at_most(100.0)
}

/// One of many addresses of this machine.
pub(crate) fn source(network: u8, number: usize) -> Ipv4Addr {
    let host = u8::try_from(1 + number % 50).unwrap_or(1);
    Ipv4Addr::new(127, 1, network, host)
}
