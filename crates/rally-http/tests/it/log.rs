//! What a request leaves in the log.

use std::{
    io,
    sync::{Arc, LazyLock, Mutex},
};

use rally_core::store::MemoryStore;
use rally_testkit::{FaultyStore, ReadFault};

use crate::support::{Api, Setting};

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
    // One log for all threads: with one for each, a thread that has none may decide for the others what is logged.
    static LOG: LazyLock<Log> = LazyLock::new(|| {
        let log = Log::default();
        let writer = log.clone();
        tracing_subscriber::fmt().json().with_writer(move || writer.clone()).init();
        log
    });
    let log = LazyLock::force(&LOG);
    work();
    let bytes = log.0.lock().unwrap().clone();
    let id = format!(r#""trace_id":"{id}""#);
    String::from_utf8(bytes).unwrap().lines().filter(|line| line.contains(&id)).map(str::to_owned).collect()
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
    assert!(error.contains("Corrupt"), "{error}");
}
