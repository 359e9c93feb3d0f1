use rally_core::store::{Store, StoreError};
use rally_store_postgres::{Inspection, PostgresStore};

use super::Finding;

/// The least version that Rally is tested on.
const LEAST_VERSION: i32 = 150_000;
/// Microseconds by which two clocks may differ.
const CLOCKS_DIFFER: i64 = 5_000_000;

pub(super) fn examine(store: &PostgresStore, connections: u16) -> Vec<Finding> {
    let before = now_micros();
    match store.inspect() {
        Ok(found) => {
            let between = before.midpoint(now_micros());
            let clocks = clocks(found.clock_micros.saturating_sub(between));
            let pool = store.figures().pool.map_or(0, |pool| pool.in_use);
            let mut findings = of_settings(&found, i64::from(connections), i64::try_from(pool).unwrap_or(0));
            findings.push(clocks);
            findings
        }
        Err(StoreError::Backend { source }) => {
            vec![Finding::warning("database", format!("its settings cannot be asked for: {source}"))]
        }
        Err(error) => vec![Finding::fault("database", error.to_string())],
    }
}

fn now_micros() -> i64 {
    rally_core::Environment::system().clock.now().as_micros()
}

fn clocks(ahead: i64) -> Finding {
    let seconds = ahead / 1_000_000;
    if ahead.abs() > CLOCKS_DIFFER {
        Finding::warning(
            "clock",
            format!(
                "that of the database is {seconds} s ahead of this machine's; servers that differ by two minutes share no rate limit"
            ),
        )
    } else {
        Finding::well("clock", "that of the database agrees with this machine's")
    }
}

fn of_settings(found: &Inspection, wanted: i64, own: i64) -> Vec<Finding> {
    let mut findings = vec![version(found), durability(found), standbys(found)];
    if found.is_standby {
        findings.push(Finding::fault(
            "database",
            "it is a standby, which takes no writes; name the primary, or all hosts",
        ));
    }
    let most = i64::from(found.max_connections);
    let others = found.connections.saturating_sub(own);
    let told =
        format!("{most} at most, {others} of others, {wanted} wanted for this server and one to ask on");
    findings.push(if others.saturating_add(wanted).saturating_add(1) > most {
        Finding::fault("connections", format!("{told}; lower --store-connections or raise max_connections"))
    } else if wanted.saturating_mul(3) > most {
        Finding::warning("connections", format!("{told}; three such servers would need more"))
    } else {
        Finding::well("connections", told)
    });
    findings
}

fn version(found: &Inspection) -> Finding {
    let told = format!("PostgreSQL {}", found.version);
    if found.version_number < LEAST_VERSION {
        Finding::warning("database", format!("{told}; Rally is tested from 15 on"))
    } else {
        Finding::well("database", told)
    }
}

fn durability(found: &Inspection) -> Finding {
    let of = "durability";
    if !found.has_fsync {
        return Finding::fault(of, "fsync is off: a crash of its machine loses or damages records");
    }
    if !found.has_full_page_writes {
        return Finding::warning(
            of,
            "full_page_writes is off: a crash may damage records, unless the disk never tears a page",
        );
    }
    match found.synchronous_commit.as_str() {
        "off" => Finding::well(of, "synchronous_commit is off for others; Rally's own commits are on disk"),
        level => Finding::well(of, format!("synchronous_commit is {level}")),
    }
}

fn standbys(found: &Inspection) -> Finding {
    let of = "standbys";
    if found.synchronous_standby_names.is_empty() {
        return Finding::warning(of, "commits wait for no standby: a failover loses what it had not got yet");
    }
    match (found.synchronous_commit.as_str(), found.synchronous_standbys) {
        ("local", _) => Finding::warning(of, "synchronous_commit is local, so commits wait for no standby"),
        (_, None) => {
            Finding::well(of, "commits wait for standbys, which this user may not see (pg_monitor may)")
        }
        (_, Some(0)) => Finding::fault(of, "commits wait for a standby, and none is connected"),
        (_, Some(count)) => Finding::well(of, format!("commits wait for {count}")),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Verdict, *};

    fn sound() -> Inspection {
        Inspection {
            version: "15.4".to_owned(),
            version_number: 150_004,
            synchronous_commit: "on".to_owned(),
            synchronous_standby_names: "*".to_owned(),
            synchronous_standbys: Some(1),
            max_connections: 100,
            connections: 3,
            is_standby: false,
            has_fsync: true,
            has_full_page_writes: true,
            clock_micros: 0,
        }
    }

    #[track_caller]
    fn check(found: Inspection, of: &str, verdict: Verdict) {
        let findings = of_settings(&found, 16, 1);
        let worst = findings.iter().filter(|finding| finding.of == of).map(|finding| finding.verdict).max();
        assert_eq!(worst, Some(verdict), "{findings:?}");
    }

    #[test]
    fn a_sound_database_is_well() {
        assert!(of_settings(&sound(), 16, 1).iter().all(|finding| finding.verdict == Verdict::Well));
    }

    #[test]
    fn each_setting_that_endangers_records_is_told() {
        use Verdict::{Fault, Warning, Well};
        let with = |change: &dyn Fn(&mut Inspection)| {
            let mut found = sound();
            change(&mut found);
            found
        };
        check(with(&|found| found.has_fsync = false), "durability", Fault);
        check(with(&|found| found.has_full_page_writes = false), "durability", Warning);
        check(with(&|found| found.synchronous_commit = "off".to_owned()), "durability", Well);
        check(with(&|found| found.synchronous_standby_names.clear()), "standbys", Warning);
        check(with(&|found| found.synchronous_standbys = Some(0)), "standbys", Fault);
        check(with(&|found| found.synchronous_standbys = None), "standbys", Well);
        check(with(&|found| found.synchronous_commit = "local".to_owned()), "standbys", Warning);
        check(with(&|found| found.is_standby = true), "database", Fault);
        check(with(&|found| found.version_number = 140_009), "database", Warning);
        check(with(&|found| found.connections = 90), "connections", Fault);
        check(with(&|found| found.max_connections = 40), "connections", Warning);
    }

    #[test]
    fn clocks_that_differ_are_told() {
        assert_eq!(clocks(CLOCKS_DIFFER).verdict, Verdict::Well);
        assert_eq!(clocks(-CLOCKS_DIFFER - 1).verdict, Verdict::Warning);
    }
}
