//! Bounds of imports that no option sets.

use std::{fmt::Write, io::Cursor};

use rally_core::{ErrorFile, ImportOptions, limits};

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

#[test]
fn a_delimiter_is_known_by_the_names_that_it_makes_and_not_by_how_often_it_is_there() {
    let world = World::new();
    let file = "firstName;lastName;email;a,b,c,d,e\nAda;Lovelace;ada@x.example;1\n";
    let report = import(world.acme.contacts(), file, &ImportOptions::new());
    assert_eq!((counts(&report), report.delimiter), ([1, 1, 0, 0, 0], Some(';')));
}

#[test]
fn rows_that_are_refused_again_have_the_reasons_of_the_last_round_alone() {
    let world = World::new();
    let refused = |file: &str| {
        let mut errors = ErrorFile::new(Vec::new());
        let contacts = world.acme.contacts();
        contacts.import_watched(Cursor::new(file.to_owned()), &ImportOptions::new(), &mut errors).unwrap();
        String::from_utf8(errors.finish().unwrap()).unwrap()
    };
    let first = refused("firstName,lastName,email\nAda,Lovelace,ada\n");
    assert!(
        first.starts_with("firstName,lastName,email,_line,_code,_error\r\nAda,Lovelace,ada,2,"),
        "{first}"
    );
    assert_eq!(refused(&first), first);
}
