//! A program backs off at 429, and its test does not wait a minute: its way of waiting is handed in.

use std::time::Duration;

use rally_http::testing::{Fake, StartClock};

use crate::client::Crm;

/// The program under test: counts the contacts, and waits as long as it is told to when it asks too often.
fn count(crm: &Crm, wait: &mut dyn FnMut(Duration)) -> usize {
    loop {
        let answer = crm.send("GET", "/contacts", "", "").unwrap();
        match answer.status {
            200 => return answer.body.as_array().unwrap().len(),
            429 => wait(Duration::from_secs(answer.header("retry-after").unwrap().parse().unwrap())),
            status => panic!("{status}"),
        }
    }
}

#[test]
fn a_program_that_asks_too_often_waits_and_goes_on() {
    let at = StartClock::At("2025-03-01T10:00:20Z".parse().unwrap());
    let rally = Fake::builder().requests_per_minute(3).start_clock(at).start().unwrap();
    let crm = Crm::of(&rally);
    let mut waited = Vec::new();
    for _ in 0..7 {
        count(&crm, &mut |time| {
            waited.push(time.as_secs());
            rally.advance(time).unwrap();
        });
    }
    assert_eq!(waited, [40, 60]);
}
