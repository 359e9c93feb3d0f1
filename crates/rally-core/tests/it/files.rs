//! Import and export: what a file says is in, once and whole, and goes out as it was.

mod bounds;
mod damaged;
mod exports;
mod workbooks;

use std::io::Cursor;

use rally_core::{
    Code, Collection, CompanyDraft, DateOrder, DecimalMark, ErrorFile, FileLimits, Format, ImportKey,
    ImportMode, ImportOptions, ImportReport, Query, Scope, UserDraft, schema::Tabular,
};

use crate::support::{World, told};

/// Imports a file that must be fit for it.
#[track_caller]
fn import<R: Tabular>(
    into: Collection<'_, R>,
    file: impl AsRef<[u8]>,
    options: &ImportOptions,
) -> ImportReport {
    into.import(Cursor::new(file), options).unwrap()
}

/// The reasons why a file as a whole is refused, of which nothing may be left.
#[track_caller]
fn refused(world: &World, file: impl AsRef<[u8]>, options: &ImportOptions) -> (&'static str, Vec<String>) {
    told(&world.refused(|| world.acme.contacts().import(Cursor::new(&file), options)))
}

fn counts(report: &ImportReport) -> [u64; 5] {
    [report.total_rows, report.created, report.updated, report.unchanged, report.skipped]
}

fn export<R: Tabular>(from: Collection<'_, R>, format: Format) -> Vec<u8> {
    let mut file = Vec::new();
    from.export(&mut file, format, Query::all()).unwrap();
    file
}

fn csv<R: Tabular>(from: Collection<'_, R>) -> String {
    String::from_utf8(export(from, Format::Csv)).unwrap()
}

#[test]
fn a_row_becomes_the_record_that_the_api_would_make_of_it() {
    let world = World::new();
    let file = "firstName,lastName,email,phone,leadScore,tags,notes\r\n\
        Ada,Lovelace,ada@x.example,0444123456,90,\"math, poetry,math\",\"two\r\nlines\"\r\n\
        Bob,,bob@x.example,,101,,\r\n";
    let report = import(world.acme.contacts(), file, &ImportOptions::new());
    assert_eq!(counts(&report), [2, 1, 0, 0, 1]);
    assert_eq!((report.imported, report.charset.as_deref(), report.delimiter), (1, Some("UTF-8"), Some(',')));
    assert_eq!(
        report.errors,
        ["Row 3: 2 fields are invalid: lastName is required; leadScore must be 0 to 100"]
    );
    let ada = world.acme.contacts().find("ada@x.example").unwrap().unwrap();
    assert_eq!((ada.phone.as_deref(), ada.lead_score), (Some("0444123456"), Some(90)));
    assert_eq!(ada.tags.join(","), "math,poetry");
    assert_eq!(ada.notes.as_deref(), Some("two\r\nlines"));
}

#[test]
fn records_that_are_there_are_skipped_as_duplicates() {
    let world = World::new();
    let id = world.add("Ada@x.example");
    let file = format!(
        "id,firstName,lastName,email\n,A,B,ada@X.example\n{id},A,B,new@x.example\n,A,B,c@x.example\n"
    );
    let report = import(world.acme.contacts(), file, &ImportOptions::new());
    assert_eq!(counts(&report), [3, 1, 0, 0, 2]);
    assert_eq!(
        report.errors,
        ["Row 2: another contact has this email", "Row 3: there is a contact with this id already"]
    );
}

#[test]
fn an_empty_cell_leaves_a_member_and_a_word_clears_it() {
    let world = World::new();
    let id =
        world.acme.contacts().create(&crate::support::ada("a@x.example").phone("1").city("Rome")).unwrap().id;
    let file = "email,phone,city,notes\na@x.example,,\\N,\\\\N\n";
    let report = import(world.acme.contacts(), file, &ImportOptions::new().mode(ImportMode::Update));
    assert_eq!(counts(&report), [1, 0, 1, 0, 0], "{report:?}");
    let found = world.get(id);
    assert_eq!((found.phone.as_deref(), found.city, found.notes.as_deref()), (Some("1"), None, Some("\\N")));
}

#[test]
fn each_mode_does_what_its_name_says() {
    let world = World::new();
    let id = world.add("a@x.example");
    let file = "email,firstName,lastName\nA@x.example,Ada,King\nb@x.example,B,B\n";
    let update = ImportOptions::new().mode(ImportMode::Update);
    let report = import(world.acme.contacts(), file, &update);
    assert_eq!(counts(&report), [2, 0, 1, 0, 1]);
    assert_eq!(report.errors, ["Row 3: there is no contact with this key"]);
    let upsert = ImportOptions::new().mode(ImportMode::Upsert).key(ImportKey::Email);
    assert_eq!(counts(&import(world.acme.contacts(), file, &upsert)), [2, 1, 0, 1, 1]);
    assert_eq!(world.get(id).last_name, "King");
    let by_id = ImportOptions::new().mode(ImportMode::Upsert).key(ImportKey::Id);
    let file = format!(
        "id,firstName,lastName,email\n{id},Ada,L,a@x.example\n,C,C,c@x.example\n{},D,D,d@x.example\nx,E,E,e@x.example\n",
        NOBODY
    );
    let report = import(world.acme.contacts(), file, &by_id);
    assert_eq!(counts(&report), [4, 1, 1, 0, 2]);
    assert_eq!(report.errors, ["Row 4: there is no contact with this id", "Row 5: id is not an id"]);
}

/// An id that no record has.
const NOBODY: &str = "00000000-0000-7000-8000-000000000007";

#[test]
fn a_file_without_the_column_of_its_key_is_refused() {
    let world = World::new();
    let upsert = ImportOptions::new().mode(ImportMode::Upsert);
    let (_, faults) = refused(&world, "emial,firstName\na@x.example,A\n", &upsert);
    assert_eq!(faults, ["file has no column email, by which the mode upsert finds the record of a row"]);
    let (_, faults) = refused(&world, "email\na@x.example\n", &upsert.key(ImportKey::Domain));
    assert_eq!(faults, ["key must be one of email, id"]);
}

#[test]
fn companies_are_found_by_their_name_within_one_file_too() {
    let world = World::new();
    let upsert = ImportOptions::new().mode(ImportMode::Upsert).key(ImportKey::Name);
    let file = "name,industry\nLooms Ltd,textiles\nLooms Ltd,cloth\nMills,\n";
    assert_eq!(counts(&import(world.acme.companies(), file, &upsert)), [3, 2, 1, 0, 0]);
    world.acme.companies().create(&CompanyDraft::new("Mills")).unwrap();
    let report = import(world.acme.companies(), "name\nMills\n", &upsert);
    assert!(report.errors[0].starts_with("Row 2: several companies match: "), "{report:?}");
}

#[test]
fn references_go_by_ids_keys_and_names() {
    let world = World::new();
    let looms =
        world.acme.companies().create(&CompanyDraft::new("Looms Ltd").domain("looms.example")).unwrap().id;
    let twins = [(); 2].map(|()| world.acme.companies().create(&CompanyDraft::new("Twins")).unwrap().id);
    let owner = UserDraft::new("owner@x.example", "Grace Hopper");
    let owner = world.acme.users().create(&owner).unwrap().id;
    let file = format!(
        "firstName,lastName,email,company,owner\nA,A,a@x.example,Looms Ltd,Grace Hopper\nB,B,b@x.example,LOOMS.example,owner@x.example\n\
         C,C,c@x.example,{looms},\nD,D,d@x.example,Twins,\nE,E,e@x.example,Nobody,\nF,F,f@x.example,looms ltd,\n"
    );
    let report = import(world.acme.contacts(), file, &ImportOptions::new());
    assert_eq!(counts(&report), [6, 4, 0, 0, 2], "{report:?}");
    let both = format!("{}, {}", twins[0], twins[1]);
    assert_eq!(
        report.errors,
        [
            format!("Row 5: companyId names several companies, \"Twins\": {both}"),
            "Row 6: companyId names no company: \"Nobody\"".to_owned()
        ]
    );
    for contact in world.acme.contacts().list(Query::all()).unwrap().records {
        assert_eq!(contact.company_id, Some(looms));
        assert_eq!(contact.owner_id, ["a", "b"].contains(&&contact.email[..1]).then_some(owner));
    }
}

#[test]
fn a_deal_names_its_stage_and_its_company() {
    let world = World::new();
    world.acme.companies().create(&CompanyDraft::new("Looms Ltd")).unwrap();
    let file = "Deal name;Deal stage;Amount;Close date;Associated Company\n\
        Two looms;closed won;1.054,50;28.09.2025;Looms Ltd\nA mill;Nowhere;;;\n";
    let options = ImportOptions::new().decimal(DecimalMark::Comma).date_order(DateOrder::DayMonthYear);
    let report = import(world.acme.deals(), file, &options);
    assert_eq!(counts(&report), [2, 1, 0, 0, 1], "{report:?}");
    assert_eq!(report.errors, ["Row 3: stageId names no stage of the pipeline: \"Nowhere\""]);
    let deal = &world.acme.deals().list(Query::all()).unwrap().records[0];
    assert_eq!(
        (deal.stage_name.as_deref(), deal.company_name.as_deref()),
        (Some("Closed Won"), Some("Looms Ltd"))
    );
    assert_eq!(deal.value.unwrap().to_string(), "1054.50");
    assert_eq!(deal.expected_close_date.unwrap().to_string(), "2025-09-28T00:00:00.000000Z");
    let upsert = ImportOptions::new().mode(ImportMode::Upsert);
    let report = import(world.acme.deals(), "name,stage,value\nTwo looms,Closed Won,7\n", &upsert);
    assert_eq!(counts(&report), [1, 0, 1, 0, 0]);
}

#[test]
fn a_dry_run_answers_the_same_and_leaves_nothing() {
    let world = World::new();
    world.add("a@x.example");
    let file = "email,firstName,lastName\na@x.example,A,A\nb@x.example,B,B\nB@x.example,B,B\nx,C,C\n";
    let options = ImportOptions::new().limits(FileLimits { rows_at_once: 1, ..FileLimits::default() });
    for mode in [ImportMode::Update, ImportMode::Create, ImportMode::Upsert] {
        let options = options.clone().mode(mode);
        let dry = world.without_trace(|| import(world.acme.contacts(), file, &options.clone().dry_run()));
        assert!(dry.dry_run);
        let wet = import(world.acme.contacts(), file, &options);
        assert_eq!(dry, with_dry_run(wet), "{mode}");
    }
}

fn with_dry_run(mut report: ImportReport) -> ImportReport {
    report.dry_run = true;
    report
}

#[test]
fn the_same_file_under_one_key_is_imported_once() {
    let world = World::new();
    let file = "subject,activityType\nCall,call\nMeet,meeting\nNo,none\n";
    let options = ImportOptions::new().once("import-1");
    let options = options.limits(FileLimits { rows_at_once: 2, ..FileLimits::default() });
    let first = import(world.acme.activities(), file, &options);
    assert_eq!(counts(&first), [3, 2, 0, 0, 1]);
    let mut again = world.without_trace(|| import(world.acme.activities(), file, &options));
    assert!(again.replayed && !first.replayed);
    again.replayed = false;
    assert_eq!(again, first);
    let other = world.refused(|| world.acme.activities().import(Cursor::new("subject\nX\n"), &options));
    assert_eq!(other.code(), Code::IdempotencyMismatch);
    assert_eq!(import(world.acme.activities(), file, &ImportOptions::new()).created, 2, "no natural key");
}

#[test]
fn refused_rows_come_back_as_a_file_that_can_be_mended() {
    let world = World::new();
    let file = "firstName,lastName,email,x\nAda,L,ada,\"a,b\"\nBob,B,b@x.example,\n";
    let mut errors = ErrorFile::new(Vec::new());
    world.acme.contacts().import_watched(Cursor::new(file), &ImportOptions::new(), &mut errors).unwrap();
    let text = String::from_utf8(errors.finish().unwrap()).unwrap();
    assert_eq!(
        text,
        "firstName,lastName,email,x,_line,_code,_error\r\n\
         Ada,L,ada,\"a,b\",2,validation,email is not an e-mail address\r\n"
    );
    let mended = text.replace("L,ada,", "L,ada@x.example,");
    let report = import(world.acme.contacts(), mended, &ImportOptions::new());
    assert_eq!((report.created, report.unknown_columns), (1, vec!["x".to_owned()]));
}

#[test]
fn a_mapping_wins_and_a_wrong_one_is_refused() {
    let world = World::new();
    let file = "Mail,email,Vorname,lastName\na@x.example,b@x.example,A,A\n";
    let options = ImportOptions::new().map("Mail", "email").ignore("email");
    let report = import(world.acme.contacts(), file, &options);
    assert_eq!((report.created, report.unknown_columns.len()), (1, 0), "{report:?}");
    assert_eq!(report.mapping["Mail"], "email");
    assert!(world.acme.contacts().find("a@x.example").unwrap().is_some());
    let (_, faults) = refused(&world, file, &ImportOptions::new().map("Mail", "mail").map("Fax", "phone"));
    assert_eq!(
        faults,
        [
            "mapping names \"Fax\", which is no column of the file",
            "mapping names \"mail\", which is not a member"
        ]
    );
}

#[test]
fn a_file_that_is_none_is_refused_and_says_why() {
    let world = World::new();
    for (file, expected) in [
        (&b""[..], "file is empty; its first row must be the names of its columns"),
        (b"\n\n", "file is empty; its first row must be the names of its columns"),
        (b"\x89PNG\r\n\x1a\n", "file is a picture, and no table"),
        (
            b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1",
            "file is an old workbook (.xls) or one with a password; save it as .xlsx without one, or as CSV",
        ),
        (
            b"PK\x03\x04 and no more",
            "file is an archive, but no workbook that can be read; save it as .xlsx anew, or as CSV",
        ),
        (b"email,E-Mail,email\n", "file has two columns named \"email\""),
        (
            b"Telephone,Tel\n",
            "file has two columns for phone, one of them \"Telephone\"; say by a mapping which of them counts",
        ),
        (b"a,b\n1,2\n", "file has no column that is known, such as id, firstName, lastName, email"),
    ] {
        assert_eq!(refused(&world, file, &ImportOptions::new()).1, [expected]);
    }
    let reader = world.acme.clone().limited_to(Scope::Read);
    let error = reader.contacts().import(Cursor::new("email\n"), &ImportOptions::new()).unwrap_err();
    assert_eq!(error.required_scope(), Some(Scope::Write));
}

#[test]
fn unknown_columns_are_told_and_refused_where_reading_is_strict() {
    let file = "email,firstName,lastName,Fax,\na@x.example,A,A,1,x\n";
    let world = World::new();
    let report = import(world.acme.contacts(), file, &ImportOptions::new());
    assert_eq!(
        (report.created, report.unknown_columns),
        (1, vec!["Fax".to_owned(), "(column 5)".to_owned()])
    );
    let (_, faults) = refused(&World::strict(), file, &ImportOptions::new());
    assert_eq!(faults, ["file has columns that are no members: Fax"]);
    let report = import(World::strict().acme.contacts(), file, &ImportOptions::new().ignore("Fax"));
    assert_eq!(report.errors, ["Row 2: row has a cell in column 5, which has no name"]);
}

#[test]
fn rows_are_numbered_as_a_spreadsheet_does() {
    let world = World::new();
    let file = "email,firstName,lastName,notes\r\n\r\na,A,A,\"1\n2\"\r\n,,,\r\nb,B,B,\r\nc,C,C,,x\r\n";
    let report = import(world.acme.contacts(), file, &ImportOptions::new());
    let numbers: Vec<&str> = report.errors.iter().map(|error| error.split(':').next().unwrap()).collect();
    assert_eq!(numbers, ["Row 3", "Row 5", "Row 6"], "{report:?}");
    assert_eq!(report.errors[2], "Row 6: row has 5 cells, and the header row 4");
}

#[test]
fn bounds_are_kept_and_a_quote_that_is_never_closed_is_seen() {
    let world = World::new();
    let open = "email,firstName,lastName\na@x.example,\"A,A\nb@x.example,B,B\n";
    let report = import(world.acme.contacts(), open, &ImportOptions::new());
    assert_eq!(report.errors, ["Row 2: row has a quote that is never closed"]);
    let small = |limits| ImportOptions::new().limits(limits);
    let long = format!("{open}{}", "b@x.example,B,B\n".repeat(20_000));
    let limits = FileLimits { row_bytes: 64 * 1024, ..FileLimits::default() };
    let (_, faults) = refused(&world, &long, &small(limits));
    assert_eq!(faults, ["file has a row that is too long, at row 2; is a quote never closed there?"]);
    let limits = FileLimits { columns: 2, ..FileLimits::default() };
    assert_eq!(refused(&world, open, &small(limits)).1, ["file has more than 2 columns"]);
    let limits = FileLimits { dry_run_bytes: 20, ..FileLimits::default() };
    let (_, faults) =
        refused(&world, "firstName,lastName,email\nA,B,a@x.example\n", &small(limits).dry_run());
    let phrase = "file would change more than 20 bytes, which is the most for a dry run; try a part of it";
    assert_eq!(faults, [phrase]);
    let limits = FileLimits { errors_told: 1, ..FileLimits::default() };
    let report = import(world.acme.contacts(), "email\na\nb\n", &small(limits));
    assert_eq!((report.errors.len(), report.skipped), (1, 2));
}
