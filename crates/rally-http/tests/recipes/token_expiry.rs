//! A program that logs in anew when its token has expired.

use std::time::Duration;

use rally_core::{Scope, UserDraft};
use rally_http::testing::Fake;

use crate::client::{Answer, Crm};

const LOGIN: &str = r#"{"tenant":"acme","email":"olga@x.example","password":"correct horse battery"}"#;

/// The program under test.
struct Program {
    crm: Crm,
    logins: u32,
}

impl Program {
    fn get(&mut self, path: &str) -> Answer {
        let answer = self.crm.send("GET", path, "", "").unwrap();
        if answer.status != 401 {
            return answer;
        }
        self.logins += 1;
        let login = Crm { credential: String::new(), ..self.crm.clone() };
        let token =
            login.send("POST", "/auth/login", "", LOGIN).unwrap().body["token"].as_str().unwrap().to_owned();
        self.crm.credential = format!("Authorization: Bearer {token}\r\n");
        self.crm.send("GET", path, "", "").unwrap()
    }
}

#[test]
fn a_token_that_has_expired_is_replaced_once() {
    let rally = Fake::start();
    let olga = UserDraft::new("olga@x.example", "Olga").scopes(Scope::Read).password("correct horse battery");
    rally.session().unwrap().users().create(&olga).unwrap();
    let crm = Crm { url: rally.url().to_owned(), credential: String::new() };
    let mut program = Program { crm, logins: 0 };
    for (hours, logins) in [(0, 1), (0, 1), (2, 2), (0, 2)] {
        rally.advance(Duration::from_hours(hours)).unwrap();
        assert_eq!((program.get("/contacts").status, program.logins), (200, logins));
    }
}
