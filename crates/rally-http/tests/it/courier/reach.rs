use std::{
    collections::VecDeque,
    io,
    net::{IpAddr, TcpListener},
    sync::{Arc, Mutex},
    time::Duration,
};

use rally_core::Reach;
use rally_http::{CourierOptions, Resolve, SendError, Step, Underway};
use tokio::runtime::Runtime;

use super::{Manner, Receiver, near, resolving, send};

/// A resolver with an answer for each time that it is asked.
#[derive(Debug)]
pub(crate) struct Answers {
    answers: Mutex<VecDeque<Vec<IpAddr>>>,
    asked: Mutex<Vec<String>>,
}

impl Answers {
    pub(crate) fn new(answers: &[&[&str]]) -> Arc<Self> {
        let addresses = |answer: &&[&str]| answer.iter().map(|address| address.parse().unwrap()).collect();
        Arc::new(Self {
            answers: Mutex::new(answers.iter().map(addresses).collect()),
            asked: Mutex::default(),
        })
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Resolve for Answers {
    fn resolve<'a>(&'a self, host: &'a str) -> Underway<'a, io::Result<Vec<IpAddr>>> {
        self.asked.lock().unwrap().push(host.to_owned());
        let answer = self.answers.lock().unwrap().pop_front();
        Box::pin(async { answer.ok_or_else(|| io::Error::other("no such name")) })
    }
}

/// A resolver that never answers.
#[derive(Debug)]
struct Silent;

impl Resolve for Silent {
    fn resolve<'a>(&'a self, _: &'a str) -> Underway<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(std::future::pending())
    }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    Runtime::new().unwrap().block_on(work)
}

#[track_caller]
fn assert_forbidden(told: Result<rally_core::Answered, SendError>, address: &str) {
    match told {
        Err(SendError::Forbidden(told)) => assert_eq!(told.address.to_string(), address),
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_forbidden_address_forbids_all() {
    block_on(async {
        for (answer, forbidden) in [
            (&["10.0.0.1"][..], "10.0.0.1"),
            (&["8.8.8.8", "10.0.0.1"], "10.0.0.1"),
            (&["127.0.0.1", "192.168.0.1"], "192.168.0.1"),
            (&["2606:4700::1111", "fd00::1", "8.8.8.8"], "fd00::1"),
            (&["::ffff:127.0.0.1"], "::ffff:127.0.0.1"),
        ] {
            let resolver = Answers::new(&[answer]);
            let receiver = Receiver::start([Manner::ok()]).await;
            let url = format!("https://hooks.example:{}/", receiver.port());
            assert_forbidden(send(resolving(&resolver), &url).await, forbidden);
            assert_eq!((resolver.asked(), receiver.requests().len()), (vec!["hooks.example".to_owned()], 0));
        }
    });
}

#[test]
fn a_loopback_address_behind_a_name_is_forbidden_unless_the_host_allows_it() {
    block_on(async {
        let resolver = Answers::new(&[&["127.0.0.1"]]);
        let options = CourierOptions { reach: Reach::Internet, ..resolving(&resolver) };
        assert_forbidden(send(options, "https://127.0.0.1.example/").await, "127.0.0.1");
    });
}

#[test]
fn the_address_that_was_judged_is_the_one_connected_to() {
    block_on(async {
        let receiver = Receiver::start([Manner::ok()]).await;
        let url = format!("http://rebinding.localhost:{}/", receiver.port());
        let resolver = Answers::new(&[&["127.0.0.1"], &["10.0.0.1"]]);
        assert_eq!(send(resolving(&resolver), &url).await.unwrap().status, 200);
        assert_eq!(resolver.asked().len(), 1, "an attempt asks once, and goes by what it has judged");
        assert_forbidden(send(resolving(&resolver), &url).await, "10.0.0.1");
        assert_eq!(receiver.requests().len(), 1);
    });
}

#[test]
fn a_connection_serves_one_attempt() {
    block_on(async {
        let receiver = Receiver::start([Manner::ok()]).await;
        let url = format!("http://kept.localhost:{}/", receiver.port());
        let resolver = Answers::new(&[&["127.0.0.1"], &["127.0.0.1"]]);
        for _ in 0..2 {
            assert_eq!(send(resolving(&resolver), &url).await.unwrap().status, 200);
        }
        assert_eq!(resolver.asked().len(), 2);
    });
}

#[test]
fn a_literal_address_is_judged_though_no_resolver_is_asked() {
    block_on(async {
        let resolver = Answers::new(&[]);
        for url in ["https://10.0.0.1/", "https://0x0a000001/", "https://[fd00::1]/", "http://8.8.8.8:8080/"]
        {
            match send(resolving(&resolver), url).await {
                Err(SendError::Url(_)) => {}
                other => panic!("{url}: {other:?}"),
            }
        }
        assert!(resolver.asked().is_empty());
    });
}

#[test]
fn a_host_without_an_address_is_none() {
    block_on(async {
        let resolver = Answers::new(&[&[]]);
        assert_eq!(send(resolving(&resolver), "https://x.example/").await, Err(SendError::NoAddress));
        let told = send(resolving(&resolver), "https://x.example/").await;
        assert_eq!(told, Err(SendError::Lookup("no such name".to_owned())));
    });
}

#[test]
fn a_lookup_counts_towards_the_time() {
    block_on(async {
        let timeout = Duration::from_millis(50);
        let options = CourierOptions { resolver: Arc::new(Silent), timeout, ..near() };
        let told = send(options, "https://x.example/").await;
        assert_eq!(told, Err(SendError::TimedOut { step: Step::Lookup, after: timeout }));
    });
}

#[test]
fn addresses_are_tried_in_turn_up_to_the_bound() {
    block_on(async {
        let receiver = Receiver::start([Manner::ok()]).await;
        let url = format!("http://many.localhost:{}/", receiver.port());
        // Nobody listens on these addresses of this machine.
        let answer: &[&str] = &["127.0.0.2", "::1", "127.0.0.3", "127.0.0.1"];
        assert_eq!(send(resolving(&Answers::new(&[answer])), &url).await.unwrap().status, 200);
        let fewer = CourierOptions { addresses_tried: 3, ..resolving(&Answers::new(&[answer])) };
        match send(fewer, &url).await {
            Err(SendError::Connect(_)) => {}
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn the_resolver_of_the_system_knows_this_machine() {
    block_on(async {
        let receiver = Receiver::start([Manner::ok()]).await;
        let url = format!("http://localhost:{}/", receiver.port());
        assert_eq!(send(near(), &url).await.unwrap().status, 200);
    });
}

#[test]
fn a_port_where_nobody_listens_is_no_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    match block_on(send(near(), &url)) {
        Err(SendError::Connect(_)) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn who_administers_the_tenant_is_told_no_address_of_the_servers_network() {
    let told = block_on(send(resolving(&Answers::new(&[&["10.1.2.3"]])), "https://intranet.example/"));
    assert_eq!(
        told.unwrap_err().to_string(),
        "the host leads to a private address, where webhooks are not sent"
    );
}
