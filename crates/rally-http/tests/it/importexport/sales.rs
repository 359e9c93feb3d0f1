//! A year of sales as another program has it: accounts, people and opportunities under its own names, in and out again.

use serde_json::Value;

use crate::support::{Answer, Api};

const ACCOUNTS: &str = "\
account,sector,year_established,revenue,employees,office_location,subsidiary_of\r
Acme Corporation,technolgy,1996,1100.04,2822,United States,\r
Betasoloin,medical,1999,251.41,495,Norway,Acme Corporation\r
";

const PEOPLE: &str = "\
E-Mail Address,First Name,Last Name,Company,Job Title,Business Phone\r
ines@acme.example,Inês,Peña,Acme Corporation,\"Buyer, \"\"senior\"\"\",0444 123456\r
bo@beta.example,Bo,Berg,Betasoloin,,+47 1\r
";

const OPPORTUNITIES: &str = "\
opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date,close_value\r
1C1I7A6R,Moses Frase,GTX Plus Basic,Acme Corporation,Closed Won,10/20/2016,3/1/2017,1054\r
Z063OYW0,Darcel Schlecht,GTXPro,Betasoloin,Closed Lost,10/25/2016,3/11/2017,0\r
MV1LWRNH,Moses Frase,GTX Basic,,Qualified,,,\r
";

/// The columns of opportunities and the members that they are for.
const MAPPING: &str = "%7B%22opportunity_id%22:%22name%22,%22sales_agent%22:%22ownerName%22,%22account%22:%22companyName%22,\
                       %22deal_stage%22:%22stageName%22,%22close_date%22:%22expectedCloseDate%22,\
                       %22close_value%22:%22value%22%7D";

fn api() -> Api {
    let api = Api::unlimited();
    for (name, email) in [("Moses Frase", "moses@x.example"), ("Darcel Schlecht", "darcel@x.example")] {
        api.post("/api/v1/users", format!(r#"{{"name":"{name}","email":"{email}"}}"#)).send().is(201);
    }
    api
}

/// Imports a file of which every row must come in.
fn import(api: &Api, noun: &str, query: &str, kind: &str, file: impl Into<axum::body::Body>) -> Value {
    let ask = api.post(&format!("/api/v1/importexport/{noun}/import?{query}"), file);
    let report = ask.header("Content-Type", kind).send().is(200).value();
    assert_eq!(report["skipped"], 0, "{report}");
    report
}

fn export(api: &Api, noun: &str, act: &str) -> Answer {
    api.get(&format!("/api/v1/importexport/{noun}/{act}")).send().is(200)
}

/// The rows of a file without its columns of ids, which are each tenant's own.
fn without_ids(file: &str) -> String {
    let is_id = |cell: &str| cell.len() == 36 && cell.bytes().filter(|byte| *byte == b'-').count() == 4;
    file.split(',').filter(|cell| !is_id(cell.trim_start_matches("\r\n"))).collect::<Vec<_>>().join(",")
}

#[test]
fn what_another_program_has_comes_in_and_goes_out_the_same_from_every_tenant_it_is_carried_to() {
    let first = api();
    let mapping = "%7B%22account%22:%22name%22,%22sector%22:%22industry%22,%22revenue%22:%22annualRevenue%22,\
                   %22employees%22:%22employeeCount%22,%22office_location%22:%22country%22%7D";
    let report = import(&first, "companies", &format!("mapping={mapping}"), "text/csv", ACCOUNTS);
    assert_eq!(report["unknownColumns"], serde_json::json!(["year_established", "subsidiary_of"]));
    import(&first, "contacts", "", "text/csv", PEOPLE);
    import(&first, "deals", &format!("dateOrder=mdy&mapping={MAPPING}"), "text/csv", OPPORTUNITIES);
    let won = first.get("/api/v1/deals?status=won").send().items().remove(0);
    assert_eq!((&won["value"], &won["companyName"]), (&1054.into(), &"Acme Corporation".into()));
    assert_eq!(
        (&won["ownerName"], &won["expectedCloseDate"]),
        (&"Moses Frase".into(), &"2017-03-01T00:00:00.000000Z".into())
    );
    let person = first.get("/api/v1/contacts?email=ines@acme.example").send().items().remove(0);
    assert_eq!((&person["phone"], &person["title"]), (&"0444 123456".into(), &"Buyer, \"senior\"".into()));
    for act in ["export", "export/excel"] {
        let second = api();
        for noun in ["companies", "contacts", "deals"] {
            let file = export(&first, noun, act);
            import(&second, noun, "", file.header("Content-Type"), file.bytes.clone());
            let [before, after] = [&first, &second].map(|api| without_ids(&export(api, noun, "export").body));
            assert_eq!(before, after, "{noun} {act}");
        }
    }
}
