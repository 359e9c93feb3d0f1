//! The fake as tests start it.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use serde_json::{Value, json};

use crate::{
    running::{Folder, Running},
    wire::send,
};

/// Tests that run at once.
const TESTS: usize = 1_000;
/// Threads that run them.
const THREADS: usize = 32;

fn control(address: &str, method: &str, path: &str, body: &str) -> (u16, Value) {
    send(address, method, &format!("/_fake{path}"), "", body).unwrap()
}

/// Drops the tenants that tests have made.
fn drop_all(address: &str, tenants: &[Value]) {
    for tenant in tenants {
        let path = format!("/tenants/{}", tenant["tenant"].as_str().unwrap());
        assert_eq!(control(address, "DELETE", &path, "").0, 200);
    }
    assert_eq!(control(address, "GET", "", "").1["tenants"], 1);
}

/// Runs a test for each number on some threads, and answers what each has to say.
fn run(test: impl Fn(usize) -> Value + Sync) -> Vec<Value> {
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut said = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= TESTS {
                return said;
            }
            said.push(test(number));
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..THREADS).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    })
}

/// Makes a tenant at a clock of its own, with a contact.
fn begin(address: &str, number: usize) -> Value {
    let clock = format!("2025-01-01T00:{:02}:{:02}Z", number / 60, number % 60);
    let (status, tenant) = control(address, "POST", "/tenants", &json!({ "clock": clock }).to_string());
    assert_eq!(status, 201, "{tenant}");
    let key = tenant["apiKey"].as_str().unwrap();
    let body = json!({"firstName": "No", "lastName": number.to_string(), "email": "same@x.example"});
    let (status, contact) = send(address, "POST", "/api/v1/contacts", key, &body.to_string()).unwrap();
    assert_eq!(status, 201, "{contact}");
    tenant
}

/// Bytes of memory that the process has.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn memory(fake: &Running) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", fake.process())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[test]
fn a_thousand_tests_in_parallel_each_have_a_tenant_and_reset_nothing() {
    let folder = Folder::new();
    let fake = folder.start(&["fake", "--json"]);
    let address = fake.address();
    let tenants = run(|number| {
        let tenant = begin(address, number);
        let key = tenant["apiKey"].as_str().unwrap();
        let (_, contacts) = send(address, "GET", "/api/v1/contacts", key, "").unwrap();
        assert_eq!(contacts.as_array().unwrap().len(), 1);
        assert_eq!(contacts[0]["lastName"], number.to_string());
        assert_eq!(contacts[0]["createdAt"], tenant["clock"]["now"], "by the clock of this test alone");
        tenant
    });
    assert_eq!(control(address, "GET", "", "").1["tenants"], TESTS + 1);
    drop_all(address, &tenants);
}

/// Waits until the process has at most so many bytes of memory. It is asked something meanwhile: a process that nobody asks
/// anything keeps what is left, which is at most 4 MiB, until somebody does.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn wait_for_memory_of_at_most(fake: &Running, most: u64) {
    for _ in 0..100_000 {
        assert_eq!(control(fake.address(), "GET", "", "").1["tenants"], 1);
        if memory(fake) <= most {
            return;
        }
    }
    panic!("{} bytes, and not {most}", memory(fake));
}

#[test]
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn the_memory_of_tenants_that_were_dropped_is_given_back() {
    let folder = Folder::new();
    let fake = folder.start(&["fake", "--json", "--rate-limit", "0"]);
    let address = fake.address();
    assert_eq!(control(address, "GET", "", "").1["tenants"], 1);
    let before = memory(&fake);
    for _ in 0..2 {
        let tenants = run(|number| begin(address, number));
        let most = memory(&fake);
        assert!(most > before + before / 10, "{before} bytes, and {most} with a thousand tenants");
        drop_all(address, &tenants);
        wait_for_memory_of_at_most(&fake, before + before / 10);
    }
}
