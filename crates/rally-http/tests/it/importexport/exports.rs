use insta::assert_snapshot;

use super::path;
use crate::support::{Answer, Api, World};

/// A template of ids with those that differ from run to run left out.
fn without_ids(file: &str) -> String {
    let cells = |line: &str| line.split_once(',').map_or("", |(_, rest)| rest).to_owned();
    file.lines().map(cells).collect::<Vec<_>>().join("\n")
}

#[test]
fn an_export_has_every_column_and_a_row_a_record() {
    let world = World::new();
    let api = &world.api;
    let body = r#"{"firstName":"Ada","lastName":"Lovelace","email":"ada@x.example","companyId":"<company>",
        "ownerId":"<user>","tags":"a b,c","notes":"two\nlines","phone":"+1","leadScore":7,"title":"=1+1"}"#;
    world.post("/api/v1/contacts", body).send().is(201);
    let answer = api.get(&path("export")).send().is(200);
    assert_eq!(answer.header("Content-Type"), "text/csv; charset=utf-8; header=present");
    assert_eq!(answer.header("Content-Disposition"), "attachment; filename=\"contacts.csv\"");
    assert_eq!(answer.header("Cache-Control"), "private, no-cache");
    assert!(!answer.header("X-RateLimit-Remaining").is_empty() && answer.body.starts_with("id,firstName,"));
    let own = ["<company>", "<user>"].map(|name| (world.fill(name), name));
    let file = own.iter().fold(without_ids(&answer.body), |file, (id, name)| file.replace(id, name));
    assert_snapshot!(file, @r#"
    firstName,lastName,email,phone,mobile,title,department,companyId,lifecycleStage,leadSource,leadScore,tags,linkedInUrl,twitterHandle,address,city,state,country,postalCode,notes,ownerId,fullName,companyName,companyDomain,ownerName,ownerEmail
    Charles,Babbage,charles@x.example,,,,,,lead,,,,,,,,,,,,,Charles Babbage,,,,
    Ada,Lovelace,ada@x.example,+1,,'=1+1,,<company>,lead,,7,"a b,c",,,,,,,,"two
    <user>,Ada Lovelace,Analytical Engines,,Mary Somerville,mary@x.example
    "#);
    assert_eq!(api.get("/api/importexport/contacts/export").send().is(200).body, answer.body);
}

#[test]
fn an_export_takes_what_a_list_takes() {
    let world = World::new();
    let api = &world.api;
    let file =
        "firstName,lastName,email,companyName,tags\nAda,Lovelace,ada@x.example,Analytical Engines,vip\n";
    api.import("", file).send().is(200);
    for (query, expected) in [
        ("", &["Babbage", "Lovelace"][..]),
        ("&email=ADA@x.example", &["Lovelace"]),
        ("&q=BABB", &["Babbage"]),
        ("&tag=vip&q=ada", &["Lovelace"]),
        ("&companyId=<company>", &["Lovelace"]),
        ("&ownerId=<user>", &[]),
        ("&updatedSince=2020-01-01", &["Babbage", "Lovelace"]),
        ("&updatedSince=2999-01-01", &[]),
        ("&limit=1&offset=1", &["Babbage", "Lovelace"]),
    ] {
        let file = api.exported(&world.fill(&format!("?fields=lastName{query}")));
        let (header, rows) = file.split_once("\r\n").unwrap();
        assert_eq!((header, rows.lines().collect::<Vec<_>>().as_slice()), ("lastName", expected), "{query}");
    }
    let two = api.exported("?fields=email,fullName,%20nothing&q=ada");
    assert_eq!(two, "fullName,email\r\nAda Lovelace,ada@x.example\r\n");
    assert_eq!(api.exported("?fields="), api.exported(""));
}

#[test]
fn faults_of_an_export_are_told_at_once() {
    let api = Api::strict();
    let told = |query: &str| api.get(&path(&format!("export{query}"))).send().told();
    assert_snapshot!(told("?companyId=7&updatedSince=soon&guard=maybe&bom=1&fields=size&limit=1&q="), @r#"400 validation: bom must be true or false; companyId is not an id; fields names "size", which is not a member; guard must be one of on, off; limit is not a parameter here; updatedSince must be a date-time such as 2025-02-01T10:15:00Z, or a date"#);
    assert_snapshot!(told("?companyId=1&companyId=2"), @"400 validation: companyId is given twice; companyId is not an id");
    let excel = |query: &str| api.get(&path(&format!("export/excel{query}"))).send().told();
    assert_snapshot!(excel("?guard=off"), @"400 validation: guard is not a parameter here");
    assert_snapshot!(api.get(&path("template?fields=email")).send().told(), @"400 validation: fields is not a parameter here");
    let documented = Api::new();
    assert_snapshot!(documented.get(&path("export?fields=size")).send().told(), @"400 validation: fields names no member, and a file has at least one column");
    assert_snapshot!(documented.get("/api/v1/importexport/users/export").send().told(), @"404 not_found: there is nothing at this path");
}

#[test]
fn formulas_are_guarded_and_a_mark_is_written_when_asked() {
    let api = Api::new();
    let body = r#"{"firstName":"=1+1","lastName":"'=2","email":"a@x.example","phone":"+49 30"}"#;
    api.post("/api/v1/contacts", body).send().is(201);
    let columns = "fields=firstName,lastName,phone";
    let rows = |query: &str| api.exported(&format!("?{columns}{query}"));
    assert_eq!(rows(""), "firstName,lastName,phone\r\n'=1+1,''=2,+49 30\r\n");
    assert_eq!(rows("&guard=on"), rows(""));
    assert_eq!(rows("&guard=off"), "firstName,lastName,phone\r\n=1+1,'=2,+49 30\r\n");
    assert_eq!(rows("&bom=true"), format!("\u{FEFF}{}", rows("")));
}

/// Imports an answer that is a file into a tenant.
fn import_into(api: &Api, key: &str, noun: &str, file: &Answer) -> Answer {
    let kind = file.header("Content-Type");
    let ask = api.post(&format!("/api/v1/importexport/{noun}/import"), file.bytes.clone());
    ask.key(key).header("Content-Type", kind).send().is(200)
}

#[test]
fn what_goes_out_in_either_format_comes_in_elsewhere_and_goes_out_the_same() {
    for act in ["export", "export/excel"] {
        let world = World::new();
        let api = &world.api;
        world
            .post(
                "/api/v1/deals",
                r#"{"pipelineId":"<pipeline>","stageId":"<won>","name":"=Loom","value":12.25,
            "contactId":"<contact>","companyId":"<company>","notes":"\"a\",\r\nb"}"#,
            )
            .send()
            .is(201);
        world
            .post("/api/v1/activities", r#"{"activityType":"note","subject":"'","dealId":"<deal>"}"#)
            .send()
            .is(201);
        let empty = Api::new();
        empty.post("/api/v1/users", r#"{"email":"mary@x.example","name":"Mary Somerville"}"#).send().is(201);
        for noun in ["companies", "contacts", "deals", "activities"] {
            let path = format!("/api/v1/importexport/{noun}/{act}");
            let file = api.get(&path).send().is(200);
            let report = import_into(&empty, &empty.admin, noun, &file).value();
            assert_eq!(report["skipped"], 0, "{report}");
            let names =
                "?fields=name,email,stageName,value,contactName,companyName,notes,subject,activityType";
            let csv = format!("/api/v1/importexport/{noun}/export{names}");
            let [before, after] = [api, &empty].map(|api| api.get(&csv).send().is(200).body);
            assert_eq!(before, after, "{noun}");
            assert!(before.lines().count() > 1, "{before}");
        }
    }
}

#[test]
fn a_workbook_is_named_and_the_same_records_are_the_same_bytes() {
    let api = Api::new();
    api.add("ada@x.example");
    let answer = api.get(&path("export/excel")).send().is(200);
    let kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    assert_eq!(answer.header("Content-Type"), kind);
    assert_eq!(answer.header("Content-Disposition"), "attachment; filename=\"contacts.xlsx\"");
    assert!(answer.bytes.starts_with(b"PK\x03\x04"));
    assert_eq!(api.get(&path("export/excel")).send().bytes, answer.bytes);
}

#[test]
fn a_template_has_the_columns_that_an_import_takes() {
    let api = Api::new();
    for noun in ["contacts", "companies", "deals", "activities"] {
        let answer =
            api.get(&format!("/api/v1/importexport/{noun}/template")).key(&api.reader).send().is(200);
        assert_eq!(
            answer.header("Content-Disposition"),
            format!("attachment; filename=\"{noun}-template.csv\"")
        );
        let report = import_into(&api, &api.admin, noun, &answer).value();
        assert_eq!((&report["totalRows"], &report["unknownColumns"]), (&0.into(), &serde_json::json!([])));
        let columns = answer.body.trim_end().split(',').count();
        assert_eq!(report["mapping"].as_object().unwrap().len(), columns, "{noun}");
    }
}

#[test]
fn a_question_for_the_head_of_an_export_has_no_body() {
    let api = Api::new();
    api.add("ada@x.example");
    let answer = api.ask(axum::http::Method::HEAD, &path("export")).send().is(200);
    assert_eq!(
        (answer.body.as_str(), answer.header("Content-Type")),
        ("", "text/csv; charset=utf-8; header=present")
    );
}
