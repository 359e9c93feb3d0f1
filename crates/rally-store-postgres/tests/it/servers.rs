//! The promises to a tenant that hold on each of several servers.

use std::{sync::Arc, thread};

use rally_core::{
    ApiKeyDraft, Config, Engine, Query, Scope, TenantDraft, TenantUpdate,
    limits::REQUESTS_PER_MINUTE as LIMIT,
};
use rally_store_postgres::{Options, PostgresStore};
use rally_testkit::{FixedClock, environment, postgres};

use crate::support::{ask, session};

/// The number of requests that a server leases at once.
const PORTION: u32 = LIMIT / 20;

struct Fleet {
    url: String,
    servers: Vec<(Engine, FixedClock)>,
    key: String,
}

impl Fleet {
    /// So many servers whose clocks agree and stand still, and an admin's key of their tenant.
    fn new(count: u64) -> Option<Self> {
        let url = postgres::shared()?.fresh_url();
        let server = |seed| {
            let store = PostgresStore::open(&url, Options { connections: 4, ..Options::default() }).unwrap();
            let (environment, clock) = environment(seed);
            (Engine::with(Arc::new(store), environment, Config::default()), clock)
        };
        let servers: Vec<(Engine, FixedClock)> = (1..=count).map(server).collect();
        let first = &servers.first()?.0;
        first.create_tenant(&TenantDraft::new("acme")).unwrap();
        let draft = ApiKeyDraft::new("one").scopes(Scope::Admin);
        let key = session(first).api_keys().mint(&draft).unwrap().key;
        Some(Self { servers, key, url })
    }

    /// The number of requests that a server grants of those that it is sent.
    fn serve(&self, server: usize, requests: u32) -> u32 {
        let engine = &self.servers[server].0;
        let mut served = 0;
        for _ in 0..requests {
            let session = engine.authenticate(&self.key).unwrap();
            served += u32::from(engine.take_request(&session).unwrap().unwrap().granted);
        }
        served
    }

    /// The number of commits, of all tenants.
    fn commits(&self) -> u32 {
        let (url, schema) = self.url.rsplit_once("&schema=").unwrap();
        let sum = ask(url, &format!("SELECT sum(version) FROM {schema}.rally_heads"));
        sum[0].parse().unwrap()
    }
}

#[test]
fn a_lone_server_serves_the_whole_limit_with_a_lease_for_each_portion() {
    let Some(fleet) = Fleet::new(2) else { return };
    let before = fleet.commits();
    assert_eq!(fleet.serve(0, LIMIT + 50), LIMIT);
    // A lease is two round trips, so this is fewer than one for each twenty requests.
    assert_eq!(fleet.commits() - before, LIMIT / PORTION);
    assert_eq!(fleet.serve(1, 10), 0);
    fleet.servers.iter().for_each(|(_, clock)| clock.advance(60_000_000));
    assert_eq!(fleet.serve(1, 10), 10);
}

#[test]
fn three_servers_together_serve_the_limit_and_no_more() {
    let Some(fleet) = Fleet::new(3) else { return };
    let fleet = &fleet;
    let served: u32 = thread::scope(|scope| {
        let serving: Vec<_> =
            (0..3).map(|server| scope.spawn(move || fleet.serve(server, LIMIT / 2))).collect();
        serving.into_iter().map(|served| served.join().unwrap()).sum()
    });
    assert!((LIMIT - 2 * PORTION..=LIMIT).contains(&served), "{served} of {LIMIT}");
}

#[test]
fn a_revoked_key_is_refused_at_once_and_settings_and_uses_are_known_within_a_second() {
    let Some(fleet) = Fleet::new(2) else { return };
    let [(here, _), (there, clock)] = fleet.servers.as_slice() else { return };
    let draft = ApiKeyDraft::new("two").scopes(Scope::Read);
    let made = session(here).api_keys().mint(&draft).unwrap();

    there.authenticate(&made.key).unwrap().note_use().unwrap();
    let keys = session(here).api_keys().list(Query::all()).unwrap();
    let uses = keys.records.iter().map(|key| key.last_used_at);
    assert_eq!(uses.collect::<Vec<_>>(), [None, Some(there.clock().now())]);

    session(here).api_keys().revoke(made.model.id).unwrap();
    let refused = there.authenticate(&made.key).unwrap_err();
    assert_eq!(refused.to_string(), there.authenticate("nonsense").unwrap_err().to_string());

    let update = TenantUpdate::new().rate_limit_per_minute(7);
    here.tenant("acme").unwrap().update("host", &update).unwrap();
    clock.advance(1_000_000);
    let session = there.authenticate(&fleet.key).unwrap();
    assert_eq!(there.take_request(&session).unwrap().unwrap().limit, 7);
}
