//! Files of records, into a store or a server and out of it.

use std::{
    fmt::Write as _,
    fs,
    io::{BufRead, BufReader, Write},
    process::{Output, Stdio},
};

use serde_json::Value;

use crate::running::{Folder, admin_key, rally};

const PEOPLE: &str = "E-Mail;First name;Last name;Fax\nada@x.example;Ada;Lovelace;1\nbob;Bob;Hill;2\n";

/// A folder with a file of people, and a store with the tenant `acme`, whose admin key comes with it.
fn folder() -> (Folder, String) {
    let folder = Folder::new();
    let created = folder.printed(&["tenants", "create", "acme", "--store", &folder.store()]);
    folder.write("people.csv", PEOPLE);
    (folder, admin_key(&created))
}

impl Folder {
    fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap()
    }

    /// Runs a command on the tenant of the store.
    fn on_store(&self, arguments: &[&str]) -> Output {
        self.run(&[arguments, &["--tenant", "acme", "--store", &self.store()]].concat())
    }

    /// The contacts that a store has.
    fn contacts(&self) -> String {
        let exported = self.on_store(&["export", "contacts", "--fields", "firstName,lastName,email"]);
        String::from_utf8(exported.stdout).unwrap()
    }
}

/// The exit code, and what was printed.
fn told(output: &Output) -> (Option<i32>, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let is_failure = output.status.code() == Some(2);
    (output.status.code(), text(if is_failure { &output.stderr } else { &output.stdout }))
}

#[test]
fn the_exit_code_says_whether_all_some_or_nothing_came_in() {
    let (folder, _) = folder();
    let import = |arguments: &[&str]| told(&folder.on_store(&[&["import", "contacts"], arguments].concat()));
    let some = "2 rows: 1 created, 0 updated, 0 unchanged, 1 refused";
    let rest = "columns that were not read: Fax\nRow 3: email is not an e-mail address\n";
    assert_eq!(
        import(&["people.csv", "--dry-run"]),
        (Some(1), format!("{some} (nothing was changed)\n{rest}"))
    );
    assert_eq!(folder.contacts(), "firstName,lastName,email\r\n");
    let refused = ["people.csv", "--ignore", "Fax", "--errors", "refused.csv"];
    let rest = rest.lines().last().unwrap();
    assert_eq!(import(&refused), (Some(1), format!("{some}\n{rest}\n")));
    let errors = folder.read("refused.csv");
    assert!(
        errors.ends_with("\r\nbob,Bob,Hill,2,3,validation,email is not an e-mail address\r\n"),
        "{errors}"
    );
    folder.write("refused.csv", &errors.replace("bob,", "bob@x.example,"));
    let (code, report) = import(&["refused.csv", "--json", "--mode", "upsert", "--key", "email"]);
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!((code, &report["created"], &report["charset"]), (Some(0), &1.into(), &"UTF-8".into()));
    let all = "Ada,Lovelace,ada@x.example\r\nBob,Hill,bob@x.example\r\n";
    assert!(folder.contacts().ends_with(all));
    folder.write("empty.csv", "");
    for (arguments, mend) in [
        (&["nowhere.csv"][..], "nowhere.csv: No such file"),
        (&["empty.csv"], "file is empty; its first row must be the names of its columns"),
        (&["people.csv", "--mode", "replace"], "create, update, upsert"),
        (&["people.csv", "--map", "Fax"], "= between them"),
        (&["people.csv", "--map", "Fax=size"], "\"size\", which is not a member"),
        (&["people.csv", "--delimiter", "::"], "must be one character"),
        (&["people.csv", "--errors", "no/such/folder"], "--errors no/such/folder"),
    ] {
        let (code, complaint) = import(arguments);
        assert!(code == Some(2) && complaint.contains(mend), "{arguments:?}: {complaint}");
    }
    let elsewhere =
        folder.run(&["import", "contacts", "people.csv", "--tenant", "x", "--store", &folder.store()]);
    assert!(told(&elsewhere).1.contains("there are acme"));
    let memory = folder.run(&["import", "contacts", "people.csv", "--tenant", "x", "--store", "memory"]);
    assert!(told(&memory).1.contains("--url"));
    assert!(folder.contacts().ends_with(all));
}

#[test]
fn records_go_out_to_a_file_that_is_there_once_it_is_whole() {
    let (folder, _) = folder();
    folder.write("deals.csv", "name,stageName,value\n=Loom,Lead,12.50\nMill,Lead,1\nWeir,Closed Won,2\n");
    assert_eq!(told(&folder.on_store(&["import", "deals", "deals.csv"])).0, Some(0));
    let export = |arguments: &[&str]| told(&folder.on_store(&[&["export", "deals"], arguments].concat()));
    let columns = ["--fields", "name,value"];
    assert_eq!(
        export(&[&columns[..], &["-"]].concat()).1,
        "name,value\r\n'=Loom,12.50\r\nMill,1\r\nWeir,2\r\n"
    );
    let more = ["--no-guard", "--bom", "--filter", "status=open"];
    assert_eq!(export(&[&columns[..], &more].concat()).1, "\u{FEFF}name,value\r\n=Loom,12.50\r\nMill,1\r\n");
    let found = ["--search", "MIL", "--filter", "status=open"];
    assert_eq!(export(&[&columns[..], &found].concat()).1, "name,value\r\nMill,1\r\n");
    assert_eq!(export(&[&columns[..], &["--updated-since", "2999-01-01"]].concat()).1, "name,value\r\n");
    folder.write("out.xlsx", "an older file");
    assert_eq!(export(&["out.xlsx", "--filter", "status=many"]).0, Some(2));
    assert_eq!(folder.read("out.xlsx"), "an older file");
    assert_eq!(export(&["out.xlsx"]), (Some(0), String::new()));
    assert!(fs::read(folder.path().join("out.xlsx")).unwrap().starts_with(b"PK"));
    assert_eq!(export(&["out.csv", "--format", "csv"]).0, Some(0));
    assert_eq!(folder.read("out.csv").lines().count(), 4);
    for (arguments, mend) in [
        (&["--fields", "size"][..], "\"size\", which is not a member"),
        (&["--filter", "size=1"], "size is no filter here; use pipelineId, "),
        (&["no/such/folder/x.csv"], "no/such/folder/x.csv"),
    ] {
        let (code, complaint) = export(arguments);
        assert!(code == Some(2) && complaint.contains(mend), "{arguments:?}: {complaint}");
    }
    let mut left: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["crm.redb", "deals.csv", "out.csv", "out.xlsx", "people.csv"]);
}

#[test]
fn a_server_does_the_same_as_a_store() {
    let (folder, key) = folder();
    let server = folder.serve(&[]);
    let url = format!("http://{}", server.address());
    let over = |key: &str, arguments: &[&str]| {
        let all = [arguments, &["--tenant", "acme", "--url", &url]].concat();
        rally(folder.path(), &all).env("RALLY_API_KEY", key).output().unwrap()
    };
    let import = |arguments: &[&str]| told(&over(&key, &[&["import", "contacts"], arguments].concat()));
    let some = "2 rows: 1 created, 0 updated, 0 unchanged, 1 refused";
    let rest = "columns that were not read: Fax\nRow 3: email is not an e-mail address\n";
    let dry = import(&["people.csv", "--dry-run", "--errors", "refused.csv"]);
    assert_eq!(dry, (Some(1), format!("{some} (nothing was changed)\n{rest}")));
    let errors = folder.read("refused.csv");
    assert!(
        errors.ends_with("\r\nbob,Bob,Hill,2,3,validation,email is not an e-mail address\r\n"),
        "{errors}"
    );
    assert_eq!(import(&["people.csv", "--map", "Last name=lastName", "--ignore", "Fax"]).0, Some(1));
    folder.write("more.csv", "email\tlastName\nada@x.example\tKing\n");
    let more = ["more.csv", "--mode", "upsert", "--delimiter", "tab", "--idempotency-key", "k"];
    for expected in [Some(0), Some(0)] {
        let (code, text) = import(&more);
        assert_eq!(
            (code, text.as_str()),
            (expected, "1 rows: 0 created, 1 updated, 0 unchanged, 0 refused\n")
        );
    }
    let export = |arguments: &[&str]| told(&over(&key, &[&["export", "contacts"], arguments].concat()));
    let columns = ["--fields", "lastName", "--filter", "email=ADA@x.example", "--search", "ada"];
    assert_eq!(export(&columns), (Some(0), "lastName\r\nKing\r\n".to_owned()));
    assert_eq!(export(&["all.xlsx"]), (Some(0), String::new()));
    assert_eq!(
        import(&["all.xlsx", "--mode", "upsert", "--key", "id"]).1,
        "1 rows: 0 created, 0 updated, 1 unchanged, 0 refused\n"
    );
    for (key, arguments, mend) in [
        (
            &*key,
            &["import", "contacts", "people.csv", "--mode", "update", "--key", "id"][..],
            "file has no column id",
        ),
        (&*key, &["export", "contacts", "--filter", "companyId=7"], "companyId is not an id"),
        ("rk_live_wrong", &["export", "contacts"], "the API key or token is missing, unknown"),
    ] {
        let (code, complaint) = told(&over(key, arguments));
        assert!(code == Some(2) && complaint.contains(mend), "{arguments:?}: {complaint}");
    }
    assert_eq!(server.terminate(), Some(0));
    let gone = told(&over(&key, &["export", "contacts", "never.csv"]));
    assert!(gone.0 == Some(2) && gone.1.contains("does not answer"), "{}", gone.1);
    assert!(!folder.path().join("never.csv").exists());
}

#[test]
fn a_server_with_a_secure_connection_is_checked_by_the_certificate_that_is_named() {
    let (folder, key) = folder();
    let own = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    folder.write("cert.pem", &params.self_signed(&own).unwrap().pem());
    folder.write("key.pem", &own.serialize_pem());
    let server = folder.serve(&["--tls-cert", "cert.pem", "--tls-key", "key.pem"]);
    let port = server.address().rsplit_once(':').unwrap().1;
    let url = |host: &str| format!("https://{host}:{port}");
    let over = |host: &str, arguments: &[&str]| {
        let url = url(host);
        let all = [arguments, &["--tenant", "acme", "--url", &url]].concat();
        told(&rally(folder.path(), &all).env("RALLY_API_KEY", &key).output().unwrap())
    };
    let import = ["import", "contacts", "people.csv", "--ignore", "Fax", "--roots", "cert.pem"];
    assert_eq!(over("localhost", &import).0, Some(1));
    let export = ["export", "contacts", "--fields", "email", "--roots", "cert.pem"];
    assert_eq!(over("localhost", &export), (Some(0), "email\r\nada@x.example\r\n".to_owned()));
    for (host, roots, mend) in [
        ("localhost", &[][..], "--roots names the certificate that vouches for it"),
        ("127.0.0.1", &["--roots", "cert.pem"], "does not answer"),
        ("localhost", &["--roots", "key.pem"], "--roots names the certificate that vouches for it"),
        ("localhost", &["--roots", "none.pem"], "--roots none.pem: No such file"),
    ] {
        let (code, complaint) = over(host, &[&["export", "contacts"], roots].concat());
        assert!(code == Some(2) && complaint.contains(mend), "{roots:?}: {complaint}");
    }
    let health = |roots: &[&str]| {
        folder.run(&[&["healthcheck", "--server", &url("localhost")], roots].concat()).status.code()
    };
    assert_eq!((health(&["--roots", "cert.pem"]), health(&[])), (Some(0), Some(2)));
}

#[test]
fn a_store_takes_files_that_are_larger_than_a_server_takes() {
    let (folder, _) = folder();
    let mut file = "firstName,lastName,email,Blob\n".to_owned();
    for number in 0..22 {
        writeln!(file, "A,L{number},c{number}@x.example,{}", "x".repeat(3 << 20)).unwrap();
    }
    assert!(file.len() > rally_http::limits::FILE_BODY_BYTES);
    let mut child =
        rally(folder.path(), &["import", "contacts", "-", "--tenant", "acme", "--store", &folder.store()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
    child.stdin.take().unwrap().write_all(file.as_bytes()).unwrap();
    let (code, text) = told(&child.wait_with_output().unwrap());
    assert_eq!(code, Some(0), "{text}");
    assert!(text.starts_with("22 rows: 22 created"), "{text}");
    folder.write("large.csv", &file);
    let server = folder.serve(&["--tenant", "other"]);
    let url = format!("http://{}", server.address());
    let key = server.ready["tenants"][0]["apiKey"].as_str().unwrap();
    let arguments = ["import", "contacts", "large.csv", "--tenant", "other", "--url", &url];
    let output = rally(folder.path(), &arguments).env("RALLY_API_KEY", key).output().unwrap();
    let (code, complaint) = told(&output);
    assert!(code == Some(2) && complaint.contains("must not be larger than 67108864 bytes"), "{complaint}");
}

#[test]
fn an_import_that_is_killed_goes_on_under_its_key_and_has_each_row_once() {
    let (folder, _) = folder();
    let mut file = "subject,activityType\n".to_owned();
    (0..9_000).for_each(|number| writeln!(file, "S{number},note").unwrap());
    folder.write("notes.csv", &file);
    let store = folder.store();
    let import = [
        "import",
        "activities",
        "notes.csv",
        "--tenant",
        "acme",
        "--store",
        &store,
        "--idempotency-key",
        "k",
    ];
    let mut child =
        rally(folder.path(), &import).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(line.contains("rows/s, 0 refused"), "{line}");
    let listed = || {
        let exported = folder.on_store(&["export", "activities", "--fields", "subject"]);
        let mut rows: Vec<String> =
            String::from_utf8(exported.stdout).unwrap().lines().skip(1).map(str::to_owned).collect();
        rows.sort();
        rows
    };
    let before = listed().len();
    assert!(before > 0 && before < 9_000 && before % 1_000 == 0, "{before}");
    assert!(folder.printed(&import).starts_with("9000 rows: 9000 created"));
    let mut rows = listed();
    rows.dedup();
    assert_eq!(rows.len(), 9_000);
}
