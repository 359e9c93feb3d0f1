//! A standby that no commit waits for takes over without the last commits, and readers of the feed are told.

use std::thread;

use rally_core::{
    Code, CompanyDraft, Engine, Error, FeedPage, FeedPosition, FeedQuery, Kind, Session, TenantDraft,
};
use rally_testkit::{check_consistency, postgres::Server};

use crate::support::{ask, engine};

fn create(acme: &Session, count: u64) -> u64 {
    let last = acme.last_change().unwrap().0;
    for number in 0..count {
        acme.companies().create(&CompanyDraft::new(format!("Company {last}.{number}"))).unwrap();
    }
    acme.last_change().unwrap().0
}

/// Asks again until somebody answers.
fn patiently<T>(mut ask: impl FnMut() -> Result<T, Error>) -> Result<T, Code> {
    loop {
        match ask() {
            Err(error) if error.code() == Code::Unavailable => thread::yield_now(),
            told => return told.map_err(|error| error.code()),
        }
    }
}

fn read(acme: &Session, from: FeedPosition, known: Option<&FeedPage>) -> Result<FeedPage, Code> {
    let epoch = known.map(|page| page.epoch);
    let query = FeedQuery { from, kinds: Kind::IN_FEED.to_vec(), limit: 1_000, epoch };
    patiently(|| acme.feed(&query))
}

/// Returns when a standby has all that its primary has.
fn catch_up(standby: &Server, primary: &Server) {
    let has = ask(&primary.url(), "SELECT pg_current_wal_lsn()").remove(0);
    while ask(&standby.url(), &format!("SELECT pg_last_wal_replay_lsn() >= '{has}'")) != ["t"] {
        thread::yield_now();
    }
}

fn session(engine: &Engine) -> Session {
    engine.tenant("acme").unwrap().trusted_session("test").unwrap()
}

#[test]
fn a_failover_that_loses_commits_is_told_to_readers_of_what_is_lost_and_to_no_others() {
    let Some(primary) = Server::start() else { return };
    let standby = primary.asynchronous_standby();
    let ports = (primary.port(), standby.port());
    let url = format!("postgres://rally@127.0.0.1:{},127.0.0.1:{}/postgres?schema=lost", ports.0, ports.1);
    let here = engine(&url, 1);
    here.create_tenant(&TenantDraft::new("acme")).unwrap();
    let acme = session(&here);
    let last = create(&acme, 3);
    let kept = read(&acme, FeedPosition::START, None).unwrap();
    catch_up(&standby, &primary);
    standby.kill();
    let lost = create(&acme, 70);
    let seen = read(&acme, FeedPosition::After(last), Some(&kept)).unwrap();
    assert_eq!(seen.changes.len(), 70);
    primary.kill();
    standby.restart();
    standby.promote();

    // Another server has no connection of before.
    let there = engine(&url, 2);
    for has_gone_on in [false, true] {
        if has_gone_on {
            patiently(|| acme.companies().create(&CompanyDraft::new("New"))).unwrap();
        }
        for acme in [&acme, &session(&there)] {
            for known in [None, Some(&kept)] {
                for gone in [lost, last + 1] {
                    let told = read(acme, FeedPosition::After(gone), known).err();
                    assert_eq!(told, Some(Code::FeedReset), "{gone}, gone on: {has_gone_on}");
                }
                let new = read(acme, FeedPosition::After(last), known).unwrap();
                assert_eq!(new.changes.len(), usize::from(has_gone_on));
                assert_eq!(new.epoch != kept.epoch, has_gone_on);
                assert!(new.changes.iter().all(|change| change.id > lost));
            }
        }
    }
    check_consistency(&acme);
}

#[test]
fn a_failover_that_loses_nothing_disturbs_no_reader() {
    let Some(primary) = Server::start() else { return };
    let standby = primary.standby();
    let ports = (primary.port(), standby.port());
    let url = format!("postgres://rally@127.0.0.1:{},127.0.0.1:{}/postgres?schema=kept", ports.0, ports.1);
    let here = engine(&url, 1);
    here.create_tenant(&TenantDraft::new("acme")).unwrap();
    let acme = session(&here);
    let last = create(&acme, 3);
    let kept = read(&acme, FeedPosition::START, None).unwrap();
    primary.kill();
    standby.promote();
    assert_eq!(read(&acme, FeedPosition::After(last), Some(&kept)).unwrap().changes, []);
    let new = create(&acme, 1);
    let page = read(&acme, FeedPosition::After(last), Some(&kept)).unwrap();
    assert_eq!(page.changes.iter().map(|change| change.id).collect::<Vec<_>>(), [new]);
    check_consistency(&acme);
}
