//! A sync that survives a delete: it follows the feed, and a record that is gone by the time it is read is gone.

use std::collections::BTreeMap;

use rally_http::testing::{Fake, Fault, Seed};

use crate::client::Crm;

/// The program under test: a copy of the contacts' addresses, and the last change that it knows.
#[derive(Default)]
struct Copy {
    emails: BTreeMap<String, String>,
    last: u64,
}

impl Copy {
    /// Takes over what has changed, a page at a time.
    fn sync(&mut self, crm: &Crm) {
        loop {
            let path = format!("/sync/changes?entities=contacts&limit=10&after={}", self.last);
            let Ok(page) = crm.send("GET", &path, "", "") else { continue };
            let changes = page.body.as_array().unwrap().clone();
            if changes.is_empty() {
                return;
            }
            for change in changes {
                let id = change["entityId"].as_str().unwrap();
                self.take_over(crm, id);
                self.last = change["id"].as_u64().unwrap();
            }
        }
    }

    fn take_over(&mut self, crm: &Crm, id: &str) {
        loop {
            match crm.send("GET", &format!("/contacts/{id}"), "", "") {
                Ok(answer) if answer.status == 200 => {
                    self.emails.insert(id.to_owned(), answer.body["email"].as_str().unwrap().to_owned());
                    return;
                }
                Ok(answer) if answer.status == 404 => {
                    self.emails.remove(id);
                    return;
                }
                _ => {}
            }
        }
    }
}

#[test]
fn a_copy_loses_nothing_and_keeps_nothing_that_is_gone() {
    let rally = Fake::start();
    rally.seed(&Seed::demo()).unwrap();
    let crm = Crm::of(&rally);
    let mut copy = Copy::default();
    copy.sync(&crm);
    assert_eq!(copy.emails.len(), 40);
    let ids: Vec<String> = copy.emails.keys().cloned().collect();
    // One is changed and then deleted before the sync looks; another one is changed while connections break.
    for id in [&ids[3], &ids[20]] {
        crm.send("PATCH", &format!("/contacts/{id}"), "", r#"{"title":"Chair"}"#).unwrap();
    }
    crm.send("DELETE", &format!("/contacts/{}", ids[3]), "", "").unwrap();
    crm.send("PATCH", &format!("/contacts/{}", ids[20]), "", r#"{"email":"new@x.example"}"#).unwrap();
    rally.arm(Fault::lost_answer().every(3)).unwrap();
    copy.sync(&crm);
    rally.disarm_all();
    assert_eq!((copy.emails.len(), copy.emails.get(&ids[3])), (39, None));
    assert_eq!(copy.emails[&ids[20]], "new@x.example");
}
