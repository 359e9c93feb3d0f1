//! Requests that are wrong or that end before they are read.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use serde_json::json;
use tokio::{io::AsyncWriteExt, time::sleep};

use crate::{
    attack::{Attack, Figure, On, Running, Stop, number},
    client::{Ask, answer_to_bytes, connect, in_time, read_answer, status_of},
    data::id,
    ground::Ground,
    memory::source,
};

pub(crate) const ATTACKS: &[Attack] = &[
    Attack {
        name: "early-answers",
        what: "50 clients write a whole body before they read the answer that refuses it",
        section: 1,
        on: On::Both,
        run: early_answers,
    },
    Attack {
        name: "hosts",
        what: "HTTP/1.1 without a host, with two and with malformed ones",
        section: 1,
        on: On::Both,
        run: hosts,
    },
    Attack {
        name: "head-not-modified",
        what: "HEAD that is answered 304 must not say that there are 0 bytes",
        section: 1,
        on: On::Both,
        run: head_not_modified,
    },
    Attack {
        name: "links",
        what: "links to further pages repeat no parameter that does not count",
        section: 1,
        on: On::Both,
        run: links,
    },
    Attack { name: "long-query", what: "a query of 5,000 bytes", section: 1, on: On::Both, run: long_query },
];

const TRIES: usize = 50;

/// A refused request: its name, the status, whether the key is right, the type and the bytes of its body.
struct Refused {
    name: &'static str,
    status: u16,
    key: Option<&'static str>,
    content_type: &'static str,
    bytes: usize,
}

const REFUSED: [Refused; 4] = [
    Refused {
        name: "401 to 200 KiB",
        status: 401,
        key: Some("rk_live_wrong"),
        content_type: "application/json",
        bytes: 200 << 10,
    },
    Refused {
        name: "401 to 3 MiB",
        status: 401,
        key: Some("rk_live_wrong"),
        content_type: "application/json",
        bytes: 3 << 20,
    },
    Refused {
        name: "413 to 3 MiB",
        status: 413,
        key: None,
        content_type: "application/json",
        bytes: 3 << 20,
    },
    Refused { name: "415 to 200 KiB", status: 415, key: None, content_type: "text/plain", bytes: 200 << 10 },
];

fn early_answers(ground: &Ground) -> Running<'_> {
    Box::pin(async {
        let server = ground.fresh_server().await?;
        let (address, right) = (server.address, server.key("acme")?);
        let mut figures = Vec::new();
        for refused in &REFUSED {
            let key = refused.key.unwrap_or(right);
            let Refused { content_type, bytes, .. } = refused;
            let head = format!(
                "POST /api/v1/contacts HTTP/1.1\r\nhost: {address}\r\nx-api-key: {key}\r\n\
                 content-type: {content_type}\r\ncontent-length: {bytes}\r\n\r\n"
            );
            let body = vec![b' '; *bytes];
            let (mut answers, mut patient) = (0, 0);
            for number in 0..TRIES {
                let (answer, wrote_all) = early_answer(address, source(20, number), &head, &body).await?;
                let is_right = status_of(&answer) == refused.status;
                patient += usize::from(is_right);
                answers += usize::from(is_right && wrote_all);
            }
            let figure = Figure::count(refused.name, answers, "of 50").at_least(number(TRIES));
            figures.push(figure.note(format!("{patient} for those who read after a write has failed")));
        }
        Ok(figures)
    })
}

/// The answer to a body that is sent in one piece shortly after its head, and true if all of it could be written:
/// most clients give up when they cannot write on.
async fn early_answer(
    address: SocketAddr,
    source: Ipv4Addr,
    head: &str,
    body: &[u8],
) -> Result<(String, bool), Stop> {
    let mut stream = connect(address, source).await?;
    stream.set_nodelay(true)?;
    stream.write_all(head.as_bytes()).await?;
    sleep(Duration::from_millis(1)).await;
    let wrote_all = in_time(Duration::from_secs(10), stream.write_all(body)).await.is_ok();
    Ok((read_answer(&mut stream).await, wrote_all))
}

fn hosts(ground: &Ground) -> Running<'_> {
    Box::pin(async {
        let server = ground.fresh_server().await?;
        let cases = [
            ("none", ""),
            ("two", "host: a.localhost\r\nhost: b.localhost\r\n"),
            ("a blank in it", "host: a b\r\n"),
            ("a slash in it", "host: a/b\r\n"),
            ("a port that is none", "host: a:port\r\n"),
        ];
        let mut figures = Vec::new();
        for (name, lines) in cases {
            let request = format!("GET /healthz HTTP/1.1\r\n{lines}connection: close\r\n\r\n");
            figures.push(status(name, answer(server.address, &request).await?).one_of(&[400.0]));
        }
        Ok(figures)
    })
}

async fn answer(address: SocketAddr, request: &str) -> Result<String, Stop> {
    Ok(answer_to_bytes(address, source(21, 0), request.as_bytes()).await?)
}

fn status(what: &str, answer: impl AsRef<str>) -> Figure {
    Figure::count(what, status_of(answer.as_ref()).into(), "")
}

fn head_not_modified(ground: &Ground) -> Running<'_> {
    Box::pin(async {
        let server = ground.fresh_server().await?;
        let mut admin = server.admin("acme")?;
        let made = admin.ask(Ask::post("/api/v1/companies", &json!({"name": "Looms"}))).await?;
        let path = format!("/api/v1/companies/{}", id(&made.json()?)?);
        let read = admin.ask(Ask::get(path.as_str())).await?;
        let tag = read.header("etag").unwrap_or_default();
        let request = format!(
            "HEAD {path} HTTP/1.1\r\nhost: {}\r\nx-api-key: {}\r\nif-none-match: {tag}\r\nconnection: close\r\n\r\n",
            server.address,
            server.key("acme")?
        );
        let answer = answer(server.address, &request).await?.to_ascii_lowercase();
        let said = answer.contains("\r\ncontent-length: 0\r\n");
        let status = status("status", answer.to_ascii_uppercase()).one_of(&[304.0]);
        Ok(vec![status, Figure::count("says content-length: 0", said.into(), "").at_most(0.0)])
    })
}

fn links(ground: &Ground) -> Running<'_> {
    Box::pin(async {
        let server = ground.fresh_server().await?;
        let mut admin = server.admin("acme")?;
        for number in 0..3 {
            admin.done(Ask::post("/api/v1/companies", &json!({"name": format!("Looms {number}")}))).await?;
        }
        let page = admin.ask(Ask::get("/api/v1/companies?limit=1&utm_source=x&limit_=2&cache=9")).await?;
        let link = page.header("link").unwrap_or_default();
        let repeated = ["utm_source", "limit_", "cache"].iter().filter(|name| link.contains(**name)).count();
        let figure = Figure::count("parameters without meaning in Link", repeated, "").at_most(0.0);
        Ok(vec![figure.note(if link.is_empty() { "no Link" } else { "" })])
    })
}

fn long_query(ground: &Ground) -> Running<'_> {
    Box::pin(async {
        let server = ground.fresh_server().await?;
        let mut admin = server.admin("acme")?;
        let path = format!("/api/v1/contacts?q={}", "a".repeat(5000));
        let status = admin.status(Ask::get(path)).await;
        Ok(vec![Figure::count("status", status.into(), "").one_of(&[400.0, 414.0])])
    })
}
