//! Export: what goes out comes in elsewhere as it was.

use rally_core::{
    CompanyDraft, Contact, ContactDraft, Decimal, ExportOptions, Format, ImportOptions, Profile, Query,
    schema::Fields,
};

use super::{counts, csv, export, import};
use crate::support::{World, tenant, told};

#[test]
fn the_header_row_of_an_export_is_the_members_and_then_names() {
    let world = World::new();
    let header = |file: String| file.lines().next().unwrap().to_owned();
    assert_eq!(
        header(csv(world.acme.contacts())),
        "id,firstName,lastName,email,phone,mobile,title,department,companyId,lifecycleStage,leadSource,leadScore,tags,\
         linkedInUrl,twitterHandle,address,city,state,country,postalCode,notes,ownerId,fullName,companyName,\
         companyDomain,ownerName,ownerEmail"
    );
    assert_eq!(
        header(csv(world.acme.deals())),
        "id,pipelineId,stageId,contactId,companyId,name,value,currency,probability,expectedCloseDate,notes,ownerId,\
         stageName,contactName,companyName,ownerName,pipelineName,contactEmail,companyDomain,ownerEmail"
    );
}

#[test]
fn an_export_has_the_filters_and_the_fields_that_are_asked_for() {
    let world = World::new();
    world
        .acme
        .contacts()
        .create(&ContactDraft::new("=Ada", "L", "a@x.example").phone("+49 30").lead_source("web"))
        .unwrap();
    world.add("b@x.example");
    let fields =
        Fields::parse(world.acme.tenant().model::<Contact>(), "phone,firstName,fullName", Profile::Strict)
            .unwrap();
    let options = ExportOptions::new(Format::Csv).fields(fields).with_byte_order_mark();
    let mut file = Vec::new();
    let mut told = Vec::new();
    let query = Contact::LEAD_SOURCE.is("web");
    let rows =
        world.acme.contacts().export_with(&mut file, &options, query, &mut |rows| told.push(rows)).unwrap();
    assert_eq!((rows, told), (1, vec![1]));
    assert_eq!(
        String::from_utf8(file).unwrap(),
        "\u{FEFF}firstName,fullName,phone\r\n'=Ada,'=Ada L,+49 30\r\n"
    );
}

#[test]
fn a_template_is_imported_when_it_is_filled() {
    let world = World::new();
    let mut file = Vec::new();
    world.acme.deals().template(&mut file, Format::Csv).unwrap();
    let header = String::from_utf8(file).unwrap();
    let row = format!("{},{},,,Two looms,7,USD,,,,", world.pipeline().id, world.stage("Lead"));
    let report = import(world.acme.deals(), format!("{header}{row}\r\n"), &ImportOptions::new());
    assert_eq!(counts(&report), [1, 1, 0, 0, 0], "{report:?}");
    let mut workbook = Vec::new();
    world.acme.deals().template(&mut workbook, Format::Xlsx).unwrap();
    assert_eq!(import(world.acme.deals(), workbook, &ImportOptions::new()).total_rows, 0);
}

/// A company, a contact and a deal that refer to each other, with values that files have trouble with.
fn awkward_records() -> World {
    let world = World::new();
    let long = "0123456789 \u{1F600}\r\n".repeat(3_400);
    let looms = CompanyDraft::new("Looms, \"Ltd\"").domain("looms.example").description(long.trim());
    let looms = looms.tags(["a,b", "\"c\""]).annual_revenue(decimal("10.00"));
    let looms = world.acme.companies().create(&looms).unwrap().id;
    let ada = ContactDraft::new("'=Ada", "\\N", "a@x.example").phone("0044");
    let ada = ada.notes("a\tb\r\nc _x000D_ \u{FEFF}").company_id(looms);
    let ada = world.acme.contacts().create(&ada).unwrap().id;
    let deal = world.lead("Loom").contact_id(ada).company_id(looms).value(decimal("1234567890123456789.5"));
    world.acme.deals().create(&deal).unwrap();
    world
}

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

#[test]
fn an_export_comes_in_elsewhere_as_the_same_records() {
    let world = awkward_records();
    for format in Format::ALL {
        let into = tenant(&world.engine, &format!("other-{format}"));
        for report in [
            import(into.companies(), export(world.acme.companies(), *format), &ImportOptions::new()),
            import(into.contacts(), export(world.acme.contacts(), *format), &ImportOptions::new()),
            import(into.deals(), export(world.acme.deals(), *format), &ImportOptions::new()),
        ] {
            assert_eq!(counts(&report), [1, 1, 0, 0, 0], "{format} {report:?}");
        }
        assert!(without_ids(&csv(into.companies())) == without_ids(&csv(world.acme.companies())), "{format}");
        assert!(without_ids(&csv(into.contacts())) == without_ids(&csv(world.acme.contacts())), "{format}");
        assert!(without_ids(&csv(into.deals())) == without_ids(&csv(world.acme.deals())), "{format}");
        let deal = &into.deals().list(Query::all()).unwrap().records[0];
        assert_eq!(deal.value.unwrap().to_string(), "1234567890123456789.5");
        assert_eq!(deal.contact_name.as_deref(), Some("'=Ada \\N"));
    }
}

/// The text of a file with one word for every id in it, and numbers as a workbook has them.
fn without_ids(file: &str) -> String {
    let is_id = |word: &str| word.len() == 36 && word.bytes().filter(|byte| *byte == b'-').count() == 4;
    let plain = |word: &str| match word {
        word if is_id(word) => "id".to_owned(),
        "10.00" => "10".to_owned(),
        word => word.to_owned(),
    };
    file.split([',', '\n']).map(plain).collect::<Vec<_>>().join(",")
}

#[test]
fn a_workbook_goes_on_in_the_next_sheet() {
    let world = World::new();
    for number in 0..5 {
        world.add(&format!("c{number}@x.example"));
    }
    let options = ExportOptions { sheet_rows: 3, ..ExportOptions::new(Format::Xlsx) };
    let mut file = Vec::new();
    world.acme.contacts().export_with(&mut file, &options, Query::all(), &mut |_| {}).unwrap();
    let into = tenant(&world.engine, "other");
    assert_eq!(counts(&import(into.contacts(), &file, &ImportOptions::new())), [5, 5, 0, 0, 0]);
    let one = tenant(&world.engine, "one");
    assert_eq!(import(one.contacts(), &file, &ImportOptions::new().sheet("contacts 3")).total_rows, 1);
    let error =
        one.contacts().import(std::io::Cursor::new(&file), &ImportOptions::new().sheet("x")).unwrap_err();
    assert_eq!(told(&error).1, ["file has no sheet named \"x\""]);
}

#[test]
fn the_same_records_are_the_same_workbook() {
    let world = World::new();
    world.add("a@x.example");
    assert_eq!(export(world.acme.contacts(), Format::Xlsx), export(world.acme.contacts(), Format::Xlsx));
}
