//! A retry after a lost answer gives one deal: the `Idempotency-Key` stays the same.

use rally_http::testing::{Fake, Fault, Seed};
use serde_json::json;

use crate::client::Crm;

/// The program under test: makes a deal, and tries again while it does not hear how that went.
fn sell(crm: &Crm, order: &str) -> String {
    let pipelines = crm.send("GET", "/pipelines", "", "").unwrap().body;
    let deal =
        json!({"name": order, "pipelineId": pipelines[0]["id"], "stageId": pipelines[0]["stages"][0]["id"]});
    loop {
        let once = format!("Idempotency-Key: {order}\r\n");
        match crm.send("POST", "/deals", &once, &deal.to_string()) {
            Ok(answer) if answer.status == 201 => return answer.body["id"].as_str().unwrap().to_owned(),
            Ok(answer) if answer.status < 500 => panic!("refused: {}", answer.body),
            _ => {}
        }
    }
}

#[test]
fn a_deal_whose_answer_was_lost_is_made_once() {
    let rally = Fake::start();
    rally.seed(&Seed::demo()).unwrap();
    rally.arm(Fault::lost_answer().route("POST", "/deals").times(2)).unwrap();
    let deal = sell(&Crm::of(&rally), "order-7");
    let deals = Crm::of(&rally).send("GET", "/deals?limit=100", "", "").unwrap().body;
    let made: Vec<_> = deals.as_array().unwrap().iter().filter(|deal| deal["name"] == "order-7").collect();
    assert_eq!((made.len(), &made[0]["id"]), (1, &json!(deal)));
    rally.verify_faults().unwrap();
    assert_eq!(rally.count_requests("POST", "/deals"), 3);
}
