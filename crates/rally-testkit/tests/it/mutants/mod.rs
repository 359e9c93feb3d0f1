//! Stores that are wrong on purpose, and the properties that each must fail.

mod file;
mod group;
mod store;

use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
};

use rally_core::store::Store;
use rally_testkit::properties::{Property, of_a_store};
use store::{Mutant, Wrong as W};

/// For each fault some properties that find it. Each property is here, so none of them cannot fail.
const FOUND_BY: &[(W, &[&str])] = &[
    (
        W::BackwardScanTakesTheFirstEntries,
        &["a_scan_takes_no_more_than_its_limit", "a_scan_gives_large_entries"],
    ),
    (W::BatchLimitIsForgotten, &["a_batch_one_byte_beyond_the_limit_is_refused"]),
    (W::BuildRunsOnlyOnce, &["a_write_that_takes_effect_runs_build"]),
    (W::BuildSeesAllTenants, &["build_sees_no_other_tenant", "build_reads_as_a_snapshot_does"]),
    (W::BuildSeesTheStateBefore, &["build_sees_the_writes_before_it"]),
    (W::DeletesAreForgotten, &["a_deleted_key_is_gone_and_can_be_put_again"]),
    (W::DeletesAreNotMeasured, &["deleting_a_key_beyond_the_limit_is_refused"]),
    (W::DeletesOfMissingKeysFail, &["deleting_a_key_that_is_not_there_is_no_fault"]),
    (W::DirectoryIsReadOnly, &["the_directory_is_a_tenant_like_any_other"]),
    (W::EmptyBatchIsRefused, &["an_empty_batch_is_applied_and_changes_nothing"]),
    (W::EmptyValueIsMissing, &["an_empty_value_is_a_value"]),
    (W::ErrorIsRenamed, &["an_error_in_build_is_returned_as_it_is_and_changes_nothing"]),
    (W::EveryRunCounts, &["the_last_run_of_build_makes_the_batch"]),
    (
        W::FailureUndoesTheWriteBefore,
        &[
            "a_refused_write_changes_nothing",
            "failures_of_one_tenant_do_not_disturb_another",
            "an_error_in_build_is_returned_as_it_is_and_changes_nothing",
        ],
    ),
    (W::GetIgnoresTheSpace, &["a_key_is_looked_for_in_its_own_space_only"]),
    (
        W::GetManyAnswersInOrderOfKeys,
        &["get_many_answers_in_the_order_of_the_keys_asked_for", "random_reads_answer_what_a_plain_map_does"],
    ),
    (W::GetManyDropsRepeatedKeys, &["get_many_answers_what_get_does_repeated_and_missing_keys_too"]),
    (W::GetManyPanicsWithoutKeys, &["get_many_of_no_key_is_no_value"]),
    (W::GetManyTakesNoMoreThan65535, &["get_many_takes_thousands_of_keys"]),
    (
        W::IncarnationIsNewWithEachWrite,
        &["all_states_are_of_one_incarnation_while_nothing_takes_the_stores_place"],
    ),
    (W::KeyLimitIsSmall, &["the_limits_are_at_least_what_every_backend_honours"]),
    (W::KeysEndAtAZero, &["keys_are_kept_byte_for_byte", "a_scan_is_ordered_by_the_bytes_of_the_keys"]),
    (
        W::LimitsAreCheckedWhileApplying,
        &[
            "a_batch_that_is_refused_changes_nothing",
            "the_longest_key_is_applied_and_a_longer_one_is_refused",
        ],
    ),
    (W::LongKeyIsAnError, &["a_key_beyond_the_limit_is_a_missing_key"]),
    (W::NeverReady, &["a_store_that_can_be_read_is_ready"]),
    (W::PanicPoisons, &["a_panic_in_build_changes_nothing_and_leaves_the_store_usable"]),
    (W::PrefetchFailsOfMissingKeys, &["a_prefetch_changes_no_answer"]),
    (W::PrefixesAreOneKey, &["keys_that_begin_with_one_another_are_different_keys"]),
    (
        W::PutsDoNotReplace,
        &[
            "a_later_value_replaces_an_earlier_one",
            "the_last_word_of_a_batch_on_a_key_counts",
            "a_snapshot_shows_nothing_of_a_write_in_progress",
        ],
    ),
    (W::ReadsWaitForWriters, &["reading_a_snapshot_never_waits_for_a_writer"]),
    (
        W::RefusalApplies,
        &["a_refused_write_changes_nothing", "writers_who_refuse_or_fail_do_not_disturb_those_who_do_not"],
    ),
    (W::ScanCountsDeletedKeys, &["a_scan_leaves_out_deleted_keys"]),
    (W::ScanGivesAMebibyte, &["a_scan_gives_large_entries", "a_batch_within_the_limits_is_applied"]),
    (W::ScanGoesForwardOnly, &["a_backward_scan_is_a_forward_scan_turned_round"]),
    (
        W::ScanHoldsItsEnd,
        &["a_range_holds_its_start_and_not_its_end", "pages_of_scans_hold_every_entry_once"],
    ),
    (W::ScanIgnoresItsLimit, &["a_scan_takes_no_more_than_its_limit"]),
    (W::ScanLeavesOutItsStart, &["a_range_holds_its_start_and_not_its_end"]),
    (W::ScanMixesUpValues, &["a_scan_gives_each_key_with_its_value"]),
    (W::ScanNeedsItsStartToBeThere, &["a_range_need_not_begin_or_end_at_a_key_that_is_there"]),
    (W::ScanPanicsUpsideDown, &["an_empty_or_upside_down_range_has_no_entries"]),
    (
        W::ScanRunsOnIntoTheNextSpace,
        &[
            "a_scan_of_a_space_has_nothing_of_its_neighbours",
            "a_scan_of_a_prefix_has_what_begins_with_it_and_nothing_else",
        ],
    ),
    (
        W::ScanRunsOnIntoTheNextTenant,
        &["a_scan_without_an_end_stops_at_the_end_of_the_last_space", "tenants_do_not_see_each_other"],
    ),
    (W::ScanStopsAtTenThousand, &["a_scan_gives_thousands_of_entries"]),
    (
        W::SnapshotFollowsLaterWrites,
        &[
            "later_writes_do_not_change_a_snapshot",
            "each_snapshot_shows_its_own_moment",
            "a_batch_all_over_a_large_state_changes_no_snapshot",
            "snapshots_held_through_random_batches_stay_as_they_were",
        ],
    ),
    (
        W::SnapshotIsOld,
        &[
            "a_value_that_was_put_is_read_back",
            "a_snapshot_shows_every_write_that_has_returned",
            "a_snapshot_shows_a_write_that_returned_on_another_thread",
        ],
    ),
    (W::SnapshotIsTakenOnce, &["random_batches_leave_what_they_leave_in_a_plain_map"]),
    (W::SnapshotShowsHalfABatch, &["a_snapshot_shows_a_batch_wholly_or_not_at_all"]),
    (
        W::SnapshotWaitsForWriters,
        &["taking_a_snapshot_never_waits_for_a_writer", "a_snapshot_can_be_taken_within_build"],
    ),
    (W::TenantsAreCutShort, &["tenants_do_not_see_each_other", "a_batch_changes_no_other_tenant"]),
    (W::TenantsAreOne, &["a_snapshot_shows_no_key_of_another_tenant"]),
    (W::UnknownTenantIsAnError, &["a_tenant_that_was_never_written_is_empty"]),
    (W::ValueLimitIsOneLess, &["the_longest_value_is_applied_and_a_longer_one_is_refused"]),
    (W::ValuesAreTrimmed, &["values_are_kept_byte_for_byte"]),
    (W::WriteAppliesHalf, &["a_batch_is_applied_wholly"]),
    (W::WriteWaitsForSnapshots, &["a_writer_never_waits_for_a_snapshot"]),
    (
        W::WritersInterleave,
        &["writes_of_one_tenant_never_interleave", "writes_of_different_tenants_do_not_disturb_one_another"],
    ),
];

/// True when a store with this fault fails a property.
fn fails(wrong: W, property: &Property<Arc<dyn Store>>) -> bool {
    let store: Arc<dyn Store> = Arc::new(Mutant::new(wrong));
    catch_unwind(AssertUnwindSafe(|| property.check(&store))).is_err()
}

#[test]
fn each_fault_is_found_by_the_properties_that_name_it() {
    // On threads of their own, for what waits for ever is given up after some seconds.
    let start = |(wrong, name): (W, &'static str)| {
        thread::spawn(move || {
            let property = of_a_store().into_iter().find(|property| property.name() == name);
            let property = property.unwrap_or_else(|| panic!("there is no property {name}"));
            assert!(fails(wrong, &property), "{name} does not find that {wrong:?}");
        })
    };
    let pairs = FOUND_BY.iter().flat_map(|(wrong, names)| names.iter().map(|name| (*wrong, *name)));
    let checks: Vec<_> = pairs.map(start).collect();
    let missed = checks.into_iter().filter_map(|check| check.join().err()).count();
    assert_eq!(missed, 0, "faults were not found");
}

#[test]
fn each_property_is_seen_to_fail() {
    let seen: BTreeSet<_> = FOUND_BY.iter().flat_map(|(_, names)| *names).copied().collect();
    let all: BTreeSet<_> = of_a_store().iter().map(Property::name).collect();
    assert_eq!(all.difference(&seen).collect::<Vec<_>>(), Vec::<&&str>::new());
}

#[test]
fn a_store_with_nothing_wrong_passes_them_all() {
    for property in of_a_store() {
        assert!(!fails(W::Nothing, &property), "{}", property.name());
    }
}
