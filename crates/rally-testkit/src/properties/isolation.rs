//! Tenants do not know of one another.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use rally_core::{
    TenantId,
    store::{Abort, Batch, Direction, Snapshot, Store},
};
use uuid::Uuid;

use super::{
    Property,
    given::{
        Contents, SPACES, TENANT, apply, change, contents, get, get_many, key, newest, put, puts, scan,
        snapshot, space, try_write, write,
    },
    threads::all_at_once,
};

pub(super) fn properties() -> Vec<Property<Arc<dyn Store>>> {
    vec![
        Property::of(tenants_do_not_see_each_other),
        Property::of(the_directory_is_a_tenant_like_any_other),
        Property::of(a_batch_changes_no_other_tenant),
        Property::of(build_sees_no_other_tenant),
        Property::of(a_snapshot_shows_no_key_of_another_tenant),
        Property::of(writes_of_different_tenants_do_not_disturb_one_another),
        Property::of(failures_of_one_tenant_do_not_disturb_another),
    ]
}

/// The tenant before [`TENANT`] in byte order.
pub(super) const BEFORE: TenantId =
    TenantId::from_uuid(Uuid::from_u128(0x0191_E3A2_9F00_7ABC_8DEF_0123_4567_89AA));

/// Tenants that are neighbours in byte order, or whose bytes look like an end, a separator or a space.
const TENANTS: [u128; 14] = [
    0,
    1,
    0xFD,
    0xFE,
    0xFF,
    0x100,
    0xFFFF,
    0x1_0000,
    0xFFFF_FFFF_FFFF_FFFF,
    1 << 64,
    0x00FF_0000_0000_0000_0000_0000_0000_0000,
    u128::MAX - 0xFF,
    u128::MAX - 1,
    u128::MAX,
];

fn tenants() -> impl Iterator<Item = TenantId> {
    TENANTS.into_iter().map(|number| TenantId::from_uuid(Uuid::from_u128(number))).chain([BEFORE, TENANT])
}

/// The contents of each tenant: the same keys as all others, among them the first and the last of each space.
fn own(tenant: TenantId) -> Contents {
    let parts: [&[u8]; 5] = [b"", b"\0", b"same", b"\xFF", b"\xFF\xFF\xFF"];
    let keys = SPACES.into_iter().flat_map(|space| parts.map(|part| key(space, part)));
    keys.map(|key| (key, tenant.to_string().into())).collect()
}

fn tenants_do_not_see_each_other(store: &Arc<dyn Store>) {
    for tenant in tenants() {
        assert!(newest(&**store, tenant).is_empty(), "{tenant} has nothing yet");
        apply(&**store, tenant, &puts(own(tenant)));
    }
    for tenant in tenants() {
        let (view, own) = (snapshot(&**store, tenant), own(tenant));
        assert_eq!(contents(&*view), own, "{tenant} sees its own");
        let keys: Vec<_> = own.keys().cloned().collect();
        let values: Vec<_> = own.values().cloned().map(Some).collect();
        assert_eq!(get_many(&*view, &keys), values, "{tenant}");
        assert_eq!(keys.iter().map(|key| get(&*view, key)).collect::<Vec<_>>(), values, "{tenant}");
        for byte in SPACES {
            let mut backward = scan(&*view, &space(byte), Direction::Backward, usize::MAX);
            backward.reverse();
            let expected: Vec<_> = own.clone().into_iter().filter(|(key, _)| key.space().0 == byte).collect();
            assert_eq!(backward, expected, "{tenant} scans space {byte} backward");
        }
    }
}

fn the_directory_is_a_tenant_like_any_other(store: &Arc<dyn Store>) {
    apply(&**store, TenantId::DIRECTORY, &puts(own(TenantId::DIRECTORY)));
    assert_eq!(newest(&**store, TenantId::DIRECTORY), own(TenantId::DIRECTORY));
    assert!(tenants().skip(1).all(|tenant| newest(&**store, tenant).is_empty()));
}

fn a_batch_changes_no_other_tenant(store: &Arc<dyn Store>) {
    let mut expected: Vec<_> = tenants().map(|tenant| (tenant, own(tenant))).collect();
    for (tenant, own) in &expected {
        apply(&**store, *tenant, &puts(own.clone()));
    }
    for number in 0..expected.len() {
        let (tenant, own) = &mut expected[number];
        let mut batch = Batch::new();
        for key in own.keys() {
            batch.delete(key.clone());
        }
        batch.put(key(7, b"instead"), "1");
        apply(&**store, *tenant, &batch);
        change(own, &batch);
        for (tenant, own) in &expected {
            assert_eq!(newest(&**store, *tenant), *own, "{tenant} after change {number}");
        }
    }
}

fn build_sees_no_other_tenant(store: &Arc<dyn Store>) {
    for tenant in tenants() {
        write(&**store, tenant, |now| {
            assert!(contents(now).is_empty(), "{tenant} sees another's");
            puts(own(tenant))
        });
    }
    for tenant in tenants() {
        write(&**store, tenant, |now| {
            assert_eq!(contents(now), own(tenant));
            Batch::new()
        });
    }
}

fn a_snapshot_shows_no_key_of_another_tenant(store: &Arc<dyn Store>) {
    for reader in tenants() {
        let own_key = key(7, reader.as_uuid().as_bytes());
        put(&**store, reader, &own_key, "own");
        let view = snapshot(&**store, reader);
        let others: Vec<_> = tenants().filter(|tenant| *tenant != reader).collect();
        let foreign: Vec<_> = others.iter().map(|tenant| key(7, tenant.as_uuid().as_bytes())).collect();
        assert!(get_many(&*view, &foreign).iter().all(Option::is_none), "{reader} finds another's key");
        assert_eq!(contents(&*view), Contents::from([(own_key, "own".into())]));
    }
}

fn writes_of_different_tenants_do_not_disturb_one_another(store: &Arc<dyn Store>) {
    let writer = Arc::clone(store);
    let step = |thread: usize, count: u8| {
        puts([(key(7, &[count]), count.to_string()), (key(0xFF, b""), format!("{thread} {count}"))])
    };
    let all: Vec<_> = tenants().take(8).collect();
    let threads = all.clone();
    all_at_once(threads.len(), move |thread| {
        let mut expected = Contents::new();
        for count in 0..15 {
            write(&*writer, threads[thread], |now| {
                assert_eq!(contents(now), expected, "thread {thread} before its write {count}");
                step(thread, count)
            });
            change(&mut expected, &step(thread, count));
        }
    });
    for (thread, tenant) in all.into_iter().enumerate() {
        let mut expected = Contents::new();
        (0..15).for_each(|count| change(&mut expected, &step(thread, count)));
        assert_eq!(newest(&**store, tenant), expected, "{tenant}");
    }
}

fn failures_of_one_tenant_do_not_disturb_another(store: &Arc<dyn Store>) {
    let all: Vec<_> = tenants().take(6).collect();
    for count in 0..3 {
        put(&**store, all[5], &key(7, &[count]), "1");
        (0..3).for_each(|way| write_in_vain(&**store, all[way], way));
    }
    assert_eq!(newest(&**store, all[5]).len(), 3, "writes before the failures of others");
    let (writer, threads) = (Arc::clone(store), all.clone());
    all_at_once(threads.len(), move |thread| {
        for count in 0..15 {
            match thread {
                0..3 => write_in_vain(&*writer, threads[thread], thread),
                _ => put(&*writer, threads[thread], &key(7, &[count]), "1"),
            }
        }
    });
    for (thread, tenant) in all.into_iter().enumerate() {
        let expected = if thread < 3 { 0 } else { 15 };
        assert_eq!(newest(&**store, tenant).len(), expected, "keys of {tenant}");
    }
}

/// Writes in one of three ways that change nothing.
fn write_in_vain(store: &dyn Store, tenant: TenantId, way: usize) {
    match way {
        0 => assert!(try_write(store, tenant, |_| Err(Abort::Refused)).is_ok(), "a refusal is no error"),
        1 => assert!(write_a_panic(store, tenant), "a panic in build reaches the caller"),
        _ => assert!(write_too_much(store, tenant), "a batch beyond the limit is refused"),
    }
}

fn write_a_panic(store: &dyn Store, tenant: TenantId) -> bool {
    let build = |_: &dyn Snapshot| std::panic::resume_unwind(Box::new("on purpose"));
    catch_unwind(AssertUnwindSafe(|| try_write(store, tenant, build))).is_err()
}

fn write_too_much(store: &dyn Store, tenant: TenantId) -> bool {
    let long = key(7, &vec![0; store.limits().key_bytes]);
    try_write(store, tenant, |_| Ok(puts([(key(7, b"a"), "1"), (long.clone(), "1")]))).is_err()
}
