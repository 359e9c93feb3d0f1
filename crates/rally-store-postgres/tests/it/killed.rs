//! The server goes while engines write: what was acknowledged is there once, what was refused is not, and all serve again
//! by themselves.

use rally_testkit::postgres::Server;

use crate::{load::Load, support::ask};

#[test]
fn a_server_that_is_killed_under_load_loses_nothing_and_repeats_nothing() {
    let Some(server) = Server::start() else { return };
    let load = Load::on(&server.fresh_url());
    load.run(|| {
        for _ in 0..3 {
            load.wait_for_writes(60);
            load.outage(|| {
                server.kill();
                server.restart();
            });
        }
        load.wait_for_each(5);
    });
}

#[test]
fn a_server_that_is_stopped_and_started_under_load_loses_nothing_and_repeats_nothing() {
    let Some(server) = Server::start() else { return };
    let load = Load::on(&server.fresh_url());
    load.run(|| {
        for _ in 0..2 {
            load.wait_for_writes(40);
            load.outage(|| server.restart());
        }
        load.wait_for_each(5);
    });
}

#[test]
fn connections_that_are_ended_under_load_lose_nothing_and_repeat_nothing() {
    let Some(server) = Server::start() else { return };
    let load = Load::on(&server.fresh_url());
    load.run(|| {
        for _ in 0..30 {
            load.wait_for_writes(7);
            let ended = ask(
                &server.url(),
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'rally'",
            );
            assert!(!ended.is_empty());
        }
        load.wait_for_each(5);
    });
}
