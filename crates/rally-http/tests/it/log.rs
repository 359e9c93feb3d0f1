//! Lines of the log that a request leaves.

use std::{
    io,
    sync::{Arc, LazyLock, Mutex},
};

use rally_core::{CourierLimits, Event, WebhookDraft, store::MemoryStore};
use rally_testkit::{FaultyStore, ReadFault};

use crate::support::{ADA, Answer, Api, HeldStore, Setting};

/// Collects what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The lines that hold a request's id.
fn logged(id: &str, work: impl FnOnce()) -> Vec<String> {
    let id = format!(r#""trace_id":"{id}""#);
    whole(work).lines().filter(|line| line.contains(&id)).map(str::to_owned).collect()
}

/// All that is logged until some work is done, by whatever library and in the greatest detail.
fn whole(work: impl FnOnce()) -> String {
    // One log for all threads: with one for each, a thread that has none may decide for the others what is logged.
    static LOG: LazyLock<Log> = LazyLock::new(|| {
        let log = Log::default();
        let writer = log.clone();
        let log_of_all =
            tracing_subscriber::fmt().json().with_max_level(tracing_subscriber::filter::LevelFilter::TRACE);
        log_of_all.with_writer(move || writer.clone()).init();
        log
    });
    let log = LazyLock::force(&LOG);
    work();
    let bytes = log.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_request_is_one_line_that_holds_no_key() {
    let api = Api::new();
    let lines = logged("one", || {
        api.get("/api/v1/contacts?limit=7").header("X-Request-Id", "one").send().is(200);
    });
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    for part in [r#""method":"GET""#, r#""path":"/api/v1/contacts""#, r#""status":200"#, "duration"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert!(!line.contains("rk_") && !line.contains("limit"), "{line}");
}

/// True if a text has 64 digits of base 16 in a row, as a hash is written.
fn has_hash(text: &str) -> bool {
    text.as_bytes()
        .chunk_by(|one, other| one.is_ascii_hexdigit() && other.is_ascii_hexdigit())
        .any(|run| run.len() >= 64)
}

#[test]
fn no_secret_is_in_the_log_in_an_answer_or_in_what_is_printed() {
    const PASSWORD: &str = "correct horse battery";
    let store = Arc::new(HeldStore::default());
    let api = Api::with(Setting { store: store.clone(), ..Setting::default() });
    let (mut secrets, mut answers) = (vec![PASSWORD.to_owned(), "argon2id".to_owned()], Vec::<Answer>::new());
    let log = whole(|| {
        let made = api.post("/api/v1/api-keys", r#"{"name":"robot","scopes":"admin"}"#).send().is(201);
        let key = made.value()["key"].as_str().unwrap().to_owned();
        let user = format!(r#"{{"email":"o@x.example","name":"O","password":"{PASSWORD}"}}"#);
        answers.push(api.post("/api/v1/users", user).key(&key).send().is(201));
        let login = |password: &str| {
            let body = format!(r#"{{"tenant":"acme","email":"o@x.example","password":"{password}"}}"#);
            api.post("/api/v1/auth/login", body).key("").send()
        };
        answers.push(login(&format!("{PASSWORD}!")).is(401));
        let token = login(PASSWORD).is(200).value()["token"].as_str().unwrap().to_owned();
        for path in ["/api/v1/auth/me", "/api/v1/users", "/api/v1/contacts"] {
            let bearing = api.get(path).key("").header("Authorization", &format!("Bearer {token}"));
            answers.push(bearing.send().is(200));
        }
        answers.push(api.get("/api/v1/api-keys").key(&key).send().is(200));
        answers.push(api.get("/api/v1/audit").key(&key).send().is(200));
        answers.push(api.get("/api/v1/contacts").key(&format!("{key}x")).send().is(401));
        answers.push(api.post("/api/v1/contacts", "{").key(&key).send().is(400));
        store.panic_at_next_read();
        answers.push(api.get("/api/v1/contacts").key(&key).send().is(500));
        secrets.extend([
            key.split_at(12).1.to_owned(),
            token.rsplit('.').next().unwrap().to_owned(),
            api.admin.split_at(12).1.to_owned(),
        ]);
    });
    let printed = format!("{:?} {:?}", api.engine, api.engine.signing_secrets().unwrap());
    let answers = answers.iter().map(|answer| format!("{:?} {}", answer.headers, answer.body));
    for text in answers.chain([log, printed]) {
        let told: Vec<&String> = secrets.iter().filter(|secret| text.contains(*secret)).collect();
        assert!(told.is_empty() && !has_hash(&text), "{told:?} {text}");
    }
}

#[test]
fn what_the_caller_is_not_told_is_logged() {
    let store = Arc::new(FaultyStore::new(Arc::new(MemoryStore::new())));
    let api = Api::with(Setting { store: store.clone(), ..Setting::default() });
    api.get("/api/contacts").send().is(200);
    store.fail_read(0, ReadFault::Corrupt);
    let lines = logged("two", || {
        api.get("/api/contacts").header("X-Request-Id", "two").send().is(500);
    });
    let errors: Vec<&String> = lines.iter().filter(|line| line.contains(r#""level":"ERROR""#)).collect();
    let [error] = errors.as_slice() else { panic!("{lines:?}") };
    assert!(error.contains("stored data is damaged: a fault on purpose"), "{error}");
}

#[test]
fn the_trace_of_a_request_is_logged_and_goes_on_in_what_follows() {
    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    let api = Api::new();
    let acme = api.engine.tenant("acme").unwrap().trusted_session("test").unwrap();
    let draft = WebhookDraft::new("till", "https://x.example/hook", [Event::ContactCreated]);
    acme.webhooks().create(&draft).unwrap();
    let sent = format!("00-{TRACE}-b7ad6b7169203331-01");
    let lines = logged("three", || {
        let asked = api.post("/api/contacts", ADA).header("X-Request-Id", "three");
        asked.header("traceparent", &sent).send().is(201);
        // One that is none changes nothing.
        let other = ADA.replace("ada@", "eve@");
        api.post("/api/contacts", other).header("traceparent", "00-nothing").send().is(201);
    });
    assert!(lines.iter().all(|line| line.contains(&format!(r#""trace":"{TRACE}""#))), "{lines:?}");
    let claims = api.engine.deliveries().claim(&CourierLimits::default()).unwrap();
    let traces: Vec<Option<&str>> = claims
        .iter()
        .map(|claim| {
            claim.headers().iter().find(|(name, _)| *name == "traceparent").map(|(_, value)| value.as_str())
        })
        .collect();
    let [Some(trace), None] = traces[..] else { panic!("{traces:?}") };
    assert!(trace.starts_with(&format!("00-{TRACE}-")) && trace.ends_with("-01") && trace != sent, "{trace}");
}
