//! A fault in every tenth request, at each point in turn, and the program under test still finishes.

use rally_http::testing::{Fake, Fault, FaultAction, FaultPoint};
use serde_json::Value;

use crate::client::Crm;

/// The program under test: brings contacts in by an upsert, which may be repeated, until each is known to be there.
fn bring_in(crm: &Crm, number: usize) -> Value {
    let body = format!(r#"{{"firstName":"No","lastName":"{number}","email":"c{number}@x.example"}}"#);
    loop {
        match crm.send("PUT", "/contacts/upsert", "", &body) {
            Ok(answer) if matches!(answer.status, 200 | 201) => return answer.body["id"].clone(),
            Ok(answer) if matches!(answer.status, 429 | 500..) => {}
            Ok(answer) => panic!("{}: {}", answer.status, answer.body),
            Err(_) => {}
        }
    }
}

#[test]
fn a_program_that_repeats_what_failed_finishes() {
    let rally = Fake::builder().without_rate_limit().start().unwrap();
    let faults = [
        Fault::status(503),
        Fault::new(FaultPoint::Before, FaultAction::Reset { at: 0 }),
        Fault::lost_answer(),
        Fault::new(FaultPoint::Body, FaultAction::Truncate { at: 30 }),
        Fault::new(FaultPoint::Wire, FaultAction::Reset { at: 40 }),
    ];
    for (turn, fault) in (1..).zip(faults) {
        rally.arm(fault.every(50).nth(10 * turn)).unwrap();
    }
    let crm = Crm::of(&rally);
    let mut ids: Vec<String> = (0..200).map(|number| bring_in(&crm, number).to_string()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 200);
    assert_eq!(rally.session().unwrap().contacts().count(rally_core::Query::all()).unwrap(), 200);
    rally.verify_faults().unwrap();
    let touched = rally.requests().iter().filter(|request| request.fault.is_some()).count();
    assert_eq!(touched, rally.requests().len() / 10);
    assert!(rally.unexpected_requests(&["PUT /contacts/upsert"]).is_empty());
}
