//! Settings: where each comes from, and what is shown of it.

use std::{collections::BTreeSet, fs};

use crate::running::{Folder, Running, rally, rows};

/// A setting's value and origin as `rally config print` has them.
fn printed(
    folder: &Folder,
    environment: &[(&str, &str)],
    arguments: &[&str],
    setting: &str,
) -> (String, String) {
    let mut command = rally(folder.path(), &[&["config", "print"], arguments].concat());
    let output = command.envs(environment.iter().copied()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let rows = rows(&String::from_utf8(output.stdout).unwrap());
    assert_eq!(rows[0], ["SETTING", "VALUE", "ORIGIN"]);
    let row = rows.into_iter().find(|row| row[0] == setting).unwrap_or_else(|| panic!("no {setting}"));
    (row[1].clone(), row[2].clone())
}

#[test]
fn a_flag_goes_before_the_environment_that_before_files_and_these_before_the_default() {
    let folder = Folder::new();
    let secret = folder.path().join("secret");
    fs::write(&secret, "127.0.0.1:3\n").unwrap();
    let secret = secret.to_str().unwrap();
    fs::create_dir(folder.path().join("credentials")).unwrap();
    fs::write(folder.path().join("credentials/listen"), "127.0.0.1:4").unwrap();
    let credentials = folder.path().join("credentials");
    let environment = [
        ("RALLY_LISTEN", "127.0.0.1:2"),
        ("RALLY_LISTEN_FILE", secret),
        ("CREDENTIALS_DIRECTORY", credentials.to_str().unwrap()),
    ];
    let of = |environment: &[(&str, &str)], flags: &[&str]| printed(&folder, environment, flags, "listen");
    let is = |value: &str, origin: &str| (value.to_owned(), origin.to_owned());
    assert_eq!(of(&[], &[]), is("127.0.0.1:8080", "default"));
    fs::write(folder.path().join("rally.toml"), "listen = \"127.0.0.1:5\"\n").unwrap();
    assert_eq!(of(&[], &[]), is("127.0.0.1:5", "rally.toml"));
    assert_eq!(of(&environment[2..], &[]), is("127.0.0.1:4", "credential listen"));
    assert_eq!(of(&environment[1..], &[]), is("127.0.0.1:3", "RALLY_LISTEN_FILE"));
    assert_eq!(of(&environment, &[]), is("127.0.0.1:2", "RALLY_LISTEN"));
    assert_eq!(of(&environment, &["--listen", "127.0.0.1:1"]), is("127.0.0.1:1", "--listen"));
}

#[test]
fn the_collector_of_traces_can_be_named_as_the_standard_has_it() {
    let folder = Folder::new();
    fs::write(folder.path().join("rally.toml"), "otlp-endpoint = \"http://file:4318\"\n").unwrap();
    let standard = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://standard:4318");
    let of = |environment: &[(&str, &str)]| printed(&folder, environment, &[], "otlp-endpoint");
    let is = |value: &str, origin: &str| (value.to_owned(), origin.to_owned());
    assert_eq!(of(&[]), is("http://file:4318", "rally.toml"));
    assert_eq!(of(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "")]), is("http://file:4318", "rally.toml"));
    assert_eq!(of(&[standard]), is("http://standard:4318", "OTEL_EXPORTER_OTLP_ENDPOINT"));
    let own = ("RALLY_OTLP_ENDPOINT", "http://u:hush@own");
    assert_eq!(of(&[standard, own]), is("http://u:***@own", "RALLY_OTLP_ENDPOINT"));
    let name = printed(&folder, &[("OTEL_SERVICE_NAME", "till")], &[], "otlp-service-name");
    assert_eq!(name, is("till", "OTEL_SERVICE_NAME"));
    assert_eq!(printed(&folder, &[], &[], "otlp-service-name").0, "rally");
}

#[cfg(not(feature = "otlp"))]
#[test]
fn a_program_without_spans_refuses_a_collector_rather_than_to_send_it_nothing() {
    let folder = Folder::new();
    let complaint =
        folder.complaint(&["serve", "--store", "memory", "--otlp-endpoint", "http://localhost:4318"]);
    assert!(complaint.contains("--features otlp"), "{complaint}");
}

#[test]
fn every_kind_of_setting_can_stand_in_the_file_and_in_the_environment() {
    let folder = Folder::new();
    let file =
        "tenant = [\"acme\", \"looms\"]\nrate-limit = 7\ncheck = true\nwebhook-allow-loopback = false\n";
    fs::write(folder.path().join("own.toml"), file).unwrap();
    let file = ["--config", "own.toml"];
    for (setting, value) in [
        ("tenant", "acme,looms"),
        ("rate-limit", "7"),
        ("check", "true"),
        ("webhook-allow-loopback", "false"),
    ] {
        assert_eq!(printed(&folder, &[], &file, setting), (value.to_owned(), "own.toml".to_owned()));
    }
    for (variable, setting, value) in [
        ("RALLY_TENANT", "tenant", "a,b"),
        ("RALLY_CHECK", "check", "true"),
        ("RALLY_MAX_CONNECTIONS", "max-connections", "9"),
        ("RALLY_FILE_BUDGET", "file-budget", "7"),
        ("RALLY_FILE_CACHE", "file-cache", "32"),
        ("RALLY_FILE_JOURNAL", "file-journal", "16"),
        ("RALLY_EXPORT_PATIENCE", "export-patience", "30"),
        ("RALLY_TEMPORARY_FOLDER", "temporary-folder", "/var/spool/rally"),
    ] {
        let told = printed(&folder, &[(variable, value)], &[], setting);
        assert_eq!(told, (value.to_owned(), variable.to_owned()));
    }
}

#[test]
fn a_server_and_the_commands_on_its_store_go_by_the_file() {
    let folder = Folder::new();
    let store = folder.store();
    let file = format!("store = \"{store}\"\nlisten = \"127.0.0.1:0\"\ntenant = \"acme\"\nrate-limit = 3\n");
    fs::write(folder.path().join("rally.toml"), file).unwrap();
    folder.printed(&["tenants", "create", "looms"]);
    let server = Running::start(rally(folder.path(), &["serve", "--json"])).unwrap();
    assert_eq!(server.ready["store"], store);
    for status in [200, 200, 200, 429] {
        assert_eq!(server.send("GET", "/api/contacts", &server.key(), "").0, status);
    }
    drop(server);
    let tenants = rows(&folder.printed(&["tenants", "list"]));
    assert_eq!(
        tenants.iter().map(|row| row[0].as_str()).collect::<BTreeSet<_>>(),
        ["SLUG", "acme", "looms"].into()
    );
}

#[test]
fn no_password_is_printed_wherever_it_comes_from() {
    let folder = Folder::new();
    let url = "postgres://rally:hush@db.example/crm";
    fs::write(folder.path().join("rally.toml"), format!("store = \"{url}\"\n")).unwrap();
    fs::write(folder.path().join("store"), url).unwrap();
    let shown = "postgres://rally:***@db.example/crm";
    for environment in [&[][..], &[("RALLY_STORE", url)], &[("RALLY_STORE_FILE", "store")]] {
        assert_eq!(printed(&folder, environment, &[], "store").0, shown);
    }
    assert_eq!(printed(&folder, &[], &["--store", url], "store").0, shown);
    let help = folder.printed(&["serve", "--help"]);
    assert!(help.contains("RALLY_STORE") && !help.contains("hush"));
}

#[test]
fn a_slip_in_a_setting_is_told_with_its_file() {
    let folder = Folder::new();
    let complaint = |file: &str| {
        fs::write(folder.path().join("rally.toml"), file).unwrap();
        folder.complaint(&["config", "print"])
    };
    for (file, told) in [
        ("lisen = \"127.0.0.1:1\"", "rally.toml: there is no setting \"lisen\"; there are "),
        ("listen = 1.5", "rally.toml: listen must be a text, a number, true, false or a list of these"),
        ("listen = \"nowhere\"", "rally.toml: invalid value 'nowhere' for '--listen"),
        ("check = \"maybe\"", "rally.toml: "),
        ("listen = ", "rally.toml: TOML parse error"),
    ] {
        assert!(complaint(file).contains(told), "{file}: {}", complaint(file));
    }
    fs::remove_file(folder.path().join("rally.toml")).unwrap();
    let complaint = folder.complaint(&["config", "print", "--config", "gone.toml"]);
    assert!(complaint.contains("gone.toml"), "{complaint}");
}

/// The options that a text names, as `--name`.
fn options(text: &str) -> BTreeSet<String> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-');
    words.filter(|word| word.len() > 3 && word.starts_with("--")).map(str::to_owned).collect()
}

#[test]
fn the_manual_and_the_completions_have_the_same_commands_and_options() {
    let folder = Folder::new();
    folder.printed(&["man", "manual"]);
    let mut manual = String::new();
    let mut commands = BTreeSet::new();
    for page in fs::read_dir(folder.path().join("manual")).unwrap() {
        let page = page.unwrap().path();
        // In the manual a hyphen is written `\-`.
        let text = fs::read_to_string(&page).unwrap();
        manual += &["\\fB", "\\fI", "\\fR"]
            .iter()
            .fold(text.replace("\\-", "-"), |text, font| text.replace(font, " "));
        let name = page.file_stem().unwrap().to_str().unwrap().replace('-', "__subcmd__");
        commands.insert(name);
    }
    let completions = folder.printed(&["completions", "bash"]);
    let of_manual: BTreeSet<String> = options(&manual);
    let of_completions: BTreeSet<String> = options(&completions);
    // The shell has words of its own in its script.
    let missing: Vec<_> = of_manual.difference(&of_completions).collect();
    assert!(of_manual.len() > 30 && missing.is_empty(), "{missing:?} are not completed");
    assert!(commands.len() > 15, "{commands:?}");
    for command in commands.iter().filter(|command| command.contains("__subcmd__")) {
        assert!(completions.contains(command.as_str()), "{command} is not completed");
    }
}

#[test]
fn the_version_tells_the_commit_and_the_formats() {
    let told = Folder::new().printed(&["--version"]);
    let format = rally_store_redb::FORMAT;
    let expected = format!("rally {} (commit ", env!("CARGO_PKG_VERSION"));
    assert!(
        told.starts_with(&expected) && told.contains(&format!("file format {format}, PostgreSQL schema ")),
        "{told}"
    );
}
