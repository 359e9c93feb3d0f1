//! Bounds of imports that no option sets.

use std::fmt::Write;

use rally_core::{ImportOptions, limits};

use super::{counts, import};
use crate::support::World;

#[test]
fn the_reason_of_a_refused_row_is_bounded() {
    let world = World::new();
    let name = "Ü".repeat(limits::SHORT_TEXT);
    let file = format!("firstName,lastName,email,companyName\nA,B,a@x.example,{name}\n");
    let report = import(world.acme.contacts(), file, &ImportOptions::new());
    let reason = report.errors[0].strip_prefix("Row 2: ").unwrap();
    assert!(reason.starts_with("companyId names no company: \"ÜÜ") && reason.ends_with('…'));
    assert!((limits::IMPORT_REASON_BYTES - 1..=limits::IMPORT_REASON_BYTES + 3).contains(&reason.len()));
}

#[test]
fn a_name_with_which_very_many_begin_is_refused() {
    let world = World::new();
    let mut companies = "name\n".to_owned();
    for number in 0..limits::NAMES_LOOKED_AT {
        writeln!(companies, "Looms {number}").unwrap();
    }
    import(world.acme.companies(), companies, &ImportOptions::new());
    let file = "firstName,lastName,email,companyName\nA,B,a@x.example,Looms\n";
    let report = import(world.acme.contacts(), file, &ImportOptions::new());
    assert_eq!(report.errors, ["Row 2: companyId names no company: \"Looms\""]);
    import(world.acme.companies(), "name\nLooms the last\n", &ImportOptions::new());
    let report = import(world.acme.contacts(), file, &ImportOptions::new());
    let expected = "Row 2: the names of too many companies begin with \"Looms\"; name it by its id";
    assert_eq!(report.errors, [expected]);
    let file = file.replace("Looms", "Looms 7777");
    assert_eq!(counts(&import(world.acme.contacts(), file, &ImportOptions::new())), [1, 1, 0, 0, 0]);
}
