//! The end of a server that others rely on: it is seen to come, and nothing is cut off.

use std::{
    fs,
    os::unix::net::UnixDatagram,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use crate::{
    running::{Folder, Running, rally},
    wire::Request,
};

const READY: Request<'static> = Request { method: "GET", path: "/readyz", key: "", once: "", body: "" };

#[test]
fn a_server_that_is_to_end_says_so_and_takes_requests_for_a_while() {
    let folder = Folder::new();
    let server =
        folder.serve(&["--tenant", "acme", "--drain-delay", "3600", "--metrics-listen", "127.0.0.1:0"]);
    let log = server.log();
    let watched =
        log.split("metrics are at http://").nth(1).unwrap().split("/metrics").next().unwrap().to_owned();
    let key = server.key();
    assert_eq!(server.until(200, &READY).status, 200);
    server.signal("TERM");
    let refused = server.until(503, &READY);
    assert_eq!(refused.body["detail"], "the server is stopping");
    let body = r#"{"firstName":"A","lastName":"B","email":"a@x.example"}"#;
    assert_eq!(server.send("POST", "/api/contacts", &key, body).0, 201, "requests are still taken");
    assert_eq!(READY.send(&watched).unwrap().status, 503);
    assert_eq!(server.log().matches("requests are taken for 3600 s more").count(), 1);
    // The second signal ends the wait.
    assert_eq!(server.terminate(), Some(0));
    let again = folder.serve(&[]);
    assert_eq!(again.send("GET", "/api/contacts", &key, "").1.as_array().unwrap().len(), 1);
}

#[test]
fn an_interrupt_is_not_delayed() {
    let server = Folder::new().serve(&["--drain-delay", "3600"]);
    server.signal("INT");
    assert_eq!(server.ended(), Some(0));
}

/// The next thing that systemd is told that begins so.
fn told(socket: &UnixDatagram, beginning: &str) -> String {
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut buffer = [0; 1_024];
    while Instant::now() < deadline {
        let length = socket.recv(&mut buffer).unwrap();
        let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
        if text.lines().any(|line| line.starts_with(beginning)) {
            return text;
        }
    }
    panic!("systemd was not told {beginning}");
}

fn notify_socket(folder: &Path) -> UnixDatagram {
    let socket = UnixDatagram::bind(folder.join("notify")).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    socket
}

#[test]
fn systemd_is_told_of_the_start_of_life_and_of_the_end() {
    let folder = Folder::new();
    let socket = notify_socket(folder.path());
    let arguments = ["serve", "--json", "--listen", "127.0.0.1:0", "--store", &folder.store()];
    let mut command = rally(folder.path(), &arguments);
    // The watchdog is for whatever process it is asked of, if none is named.
    command
        .env("NOTIFY_SOCKET", folder.path().join("notify"))
        .env("WATCHDOG_USEC", "100000")
        .env_remove("WATCHDOG_PID");
    let server = Running::start(command).unwrap();
    assert!(told(&socket, "READY=1").contains("STATUS=serving"));
    for _ in 0..3 {
        told(&socket, "WATCHDOG=1");
    }
    server.signal("TERM");
    told(&socket, "STOPPING=1");
    assert_eq!(server.ended(), Some(0));
}

/// Listens on two sockets as systemd does, and becomes the program.
const ACTIVATE: &str = r#"
import os, socket, sys
for number in (3, 4):
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    os.dup2(listening.fileno(), number + 10)
    print(listening.getsockname()[1], file=sys.stderr)
os.dup2(13, 3)
os.dup2(14, 4)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="2")
os.execv(sys.argv[1], sys.argv[1:])
"#;

#[test]
fn sockets_of_systemd_are_listened_on() {
    if Command::new("python3").arg("--version").output().is_err() {
        assert_ne!(std::env::var("RALLY_REQUIRE_SHELLS").as_deref(), Ok("1"), "python3 is missing");
        return;
    }
    let folder = Folder::new();
    fs::write(folder.path().join("activate.py"), ACTIVATE).unwrap();
    let mut command = Command::new("python3");
    let program = env!("CARGO_BIN_EXE_rally");
    command.arg("activate.py").arg(program).args([
        "serve",
        "--json",
        "--listen",
        "127.0.0.1:1",
        "--store",
        "memory",
    ]);
    command.current_dir(folder.path());
    let server = Running::start(command).unwrap();
    let log = server.log();
    let ports: Vec<&str> = log.lines().take(2).collect();
    assert_eq!(server.address(), format!("127.0.0.1:{}", ports[0]));
    assert_eq!(server.until(200, &READY).status, 200);
    let metrics = Request { path: "/metrics", ..READY };
    assert_eq!(metrics.send(&format!("127.0.0.1:{}", ports[1])).unwrap().status, 200);
    assert_eq!(server.until(404, &metrics).status, 404);
}

#[test]
fn a_health_check_succeeds_while_the_server_is_ready() {
    let folder = Folder::new();
    let server = folder.serve(&["--drain-delay", "3600"]);
    let url = server.ready["url"].as_str().unwrap().to_owned();
    let check = ["healthcheck", "--server", &url];
    folder.printed(&check);
    server.signal("TERM");
    server.until(503, &READY);
    assert!(folder.complaint(&check).contains("the server is stopping"));
    server.kill();
    assert!(folder.complaint(&check).contains("does not answer"));
}

/// The options that `rally serve` has, by their names.
fn options(folder: &Folder) -> String {
    folder.printed(&["serve", "--help"])
}

#[test]
fn the_deploy_files_name_only_what_there_is() {
    let folder = Folder::new();
    let (help, deploy) = (options(&folder), Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy"));
    let read = |name: &str| fs::read_to_string(deploy.join(name)).unwrap();
    for line in read("rally.toml").lines().map(|line| line.trim_start_matches("# ")) {
        if let Some((name, _)) = line.split_once(" = ") {
            assert!(help.contains(&format!("--{name} ")), "{name}");
        }
    }
    assert!(read("rally.toml").contains("\nkey-folder = "), "keys are in no log");
    let settings: String =
        read("rally.toml").lines().filter(|line| !line.starts_with("listen")).collect::<Vec<_>>().join("\n");
    fs::write(folder.path().join("rally.toml"), settings).unwrap();
    folder.printed(&["config", "print"]);
    for variable in
        read("Dockerfile").split_whitespace().filter_map(|word| word.strip_prefix("RALLY_")?.split_once('='))
    {
        let name = variable.0.to_lowercase().replace('_', "-");
        assert!(["commit"].contains(&name.as_str()) || help.contains(&format!("--{name} ")), "{name}");
    }
    // A read-only root has nothing to write but the volume, whoever the process is.
    let dockerfile = read("Dockerfile");
    let volume = dockerfile.lines().find_map(|line| line.strip_prefix("VOLUME ")).unwrap();
    for setting in ["RALLY_STORE=redb:", "RALLY_TEMPORARY_FOLDER=", "RALLY_KEY_FOLDER="] {
        assert!(dockerfile.contains(&format!(" {setting}{volume}")), "{setting} is not in {volume}");
    }
    let unit = read("rally.service");
    // A credential has the name of the setting that it is, whether the line counts or waits to be wanted.
    for credential in
        unit.lines().filter_map(|line| line.trim_start_matches('#').strip_prefix("LoadCredential="))
    {
        let name = credential.split(':').next().unwrap();
        assert!(help.contains(&format!("--{name} ")), "{name}");
    }
    // Where systemd is, it says what it does not know of.
    let unit_here = folder.path().join("rally.service");
    fs::write(&unit_here, unit.replace("/usr/local/bin/rally", env!("CARGO_BIN_EXE_rally"))).unwrap();
    if let Ok(checked) = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(unit_here).output()
    {
        assert!(checked.status.success() && checked.stderr.is_empty(), "{checked:?}");
    }
    let start = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    for option in start.split_whitespace().filter(|word| word.starts_with("--")) {
        assert!(help.contains(&format!("{option} ")), "{option}");
    }
}
