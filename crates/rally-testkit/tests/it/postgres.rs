use std::process::Command;

use rally_testkit::postgres::{Server, shared};

/// What `psql` prints for some SQL, or what it complains of.
fn sql(url: &str, text: &str) -> Result<String, String> {
    let output = Command::new("psql").args(["-XAtqw", "-c", text, url]).output().unwrap();
    let printed = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    if output.status.success() { Ok(printed(&output.stdout)) } else { Err(printed(&output.stderr)) }
}

#[test]
fn the_shared_server_answers() {
    let Some(database) = shared() else { return };
    assert_eq!(sql(&database.url(), "select 1 + 1"), Ok("2".to_owned()));
    assert_ne!(database.fresh_url(), database.fresh_url());
}

#[test]
fn what_was_written_outlives_a_kill() {
    let Some(server) = Server::start() else { return };
    let url = server.url();
    sql(&url, "create table t as select generate_series(1, 1000) as n").unwrap();
    let mut busy = Command::new("psql")
        .args(["-XAtqw", "-c", "select count(*) from generate_series(1, 1e12)", &url])
        .spawn()
        .unwrap();
    server.kill();
    assert!(!busy.wait().unwrap().success());
    sql(&url, "select 1").unwrap_err();
    server.restart();
    assert_eq!(sql(&url, "select sum(n) from t"), Ok("500500".to_owned()));
}
