use std::{
    env, fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::{NamedTempFile, TempDir};

use crate::wire::{Answer, Request, send};

/// The longest time that anything is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

/// A folder for one test, gone with it.
pub(crate) struct Folder(TempDir);

/// A server that was started and is killed when the test lets go of it.
pub(crate) struct Running {
    child: Child,
    pub(crate) ready: Value,
    printed: Receiver<String>,
    log: NamedTempFile,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn store(&self) -> String {
        format!("redb:{}", self.path().join("crm.redb").display())
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        rally(self.path(), arguments).output().unwrap()
    }

    /// The output of a command that must succeed.
    #[track_caller]
    pub(crate) fn printed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{arguments:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The complaint of a command that must fail.
    #[track_caller]
    pub(crate) fn complaint(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?} printed something");
        String::from_utf8(output.stderr).unwrap()
    }

    /// Starts a server and waits until it is ready.
    #[track_caller]
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        let started = Running::start(rally(self.path(), arguments));
        started.unwrap_or_else(|log| panic!("{arguments:?}: {log}"))
    }

    /// Starts a server on the folder's file.
    #[track_caller]
    pub(crate) fn serve(&self, more: &[&str]) -> Running {
        let store = self.store();
        let arguments = ["serve", "--json", "--listen", "127.0.0.1:0", "--store", &store];
        self.start(&[&arguments, more].concat())
    }
}

/// The program, with an empty environment.
pub(crate) fn rally(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(PathBuf::from(env!("CARGO_BIN_EXE_rally")));
    command.args(arguments).current_dir(folder).env_remove("CREDENTIALS_DIRECTORY");
    // What the tests themselves go by is not the program's.
    let settings = env::vars_os().map(|(name, _)| name).filter(|name| {
        name.to_str().is_some_and(|name| {
            name.starts_with("OTEL_") || name.starts_with("RALLY_") && !name.starts_with("RALLY_REQUIRE_")
        })
    });
    for name in settings {
        command.env_remove(name);
    }
    command
}

/// The rows of a table, the header first.
pub(crate) fn rows(printed: &str) -> Vec<Vec<String>> {
    printed.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

/// The key of a tenant that was just created.
pub(crate) fn admin_key(created: &str) -> String {
    rows(created)[1][2].clone()
}

/// Sends a process a signal.
pub(crate) fn signal(child: &Child, name: &str) {
    let (signal, id) = (format!("-{name}"), child.id().to_string());
    assert!(Command::new("kill").args([signal, id]).status().unwrap().success());
}

impl Running {
    /// Starts a server and waits until it has announced itself, or says why it ended.
    pub(crate) fn start(command: Command) -> Result<Self, String> {
        let log = NamedTempFile::new().unwrap();
        let stderr = Stdio::from(log.reopen().unwrap());
        Self::logging_to(command, stderr, log)
    }

    /// Starts a server whose log goes elsewhere, and waits until it has announced itself.
    pub(crate) fn logging_elsewhere(command: Command, stderr: impl Into<Stdio>) -> Self {
        let started = Self::logging_to(command, stderr.into(), NamedTempFile::new().unwrap());
        started.unwrap_or_else(|_| panic!("the server has not started"))
    }

    fn logging_to(mut command: Command, stderr: Stdio, log: NamedTempFile) -> Result<Self, String> {
        command.stdout(Stdio::piped()).stderr(stderr);
        let mut child = command.spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, printed) = mpsc::channel();
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let mut server = Self { child, ready: Value::Null, printed, log };
        match server.line() {
            Some(line) => server.ready = serde_json::from_str(&line).unwrap_or(Value::String(line)),
            None => return Err(server.log()),
        }
        Ok(server)
    }

    /// The next line that it prints; `None` once it has ended.
    pub(crate) fn line(&self) -> Option<String> {
        match self.printed.recv_timeout(PATIENCE) {
            Ok(line) => Some(line),
            Err(mpsc::RecvTimeoutError::Disconnected) => None,
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("nothing was printed: {}", self.log()),
        }
    }

    /// All that it has logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.log.path()).unwrap()
    }

    /// Sends a request again and again until it is answered so.
    #[track_caller]
    pub(crate) fn until(&self, status: u16, request: &Request<'_>) -> Answer {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match request.send(self.address()) {
                Some(answer) if answer.status == status => return answer,
                _ => assert!(Instant::now() < deadline, "{status} is not answered: {}", self.log()),
            }
        }
    }

    /// The number of its process.
    #[cfg(target_os = "linux")]
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn address(&self) -> &str {
        self.ready["url"].as_str().unwrap().split_once("://").unwrap().1
    }

    /// The key of a tenant that was just created.
    pub(crate) fn key(&self) -> String {
        self.ready["tenants"][0]["apiKey"].as_str().unwrap().to_owned()
    }

    /// Sends a request and answers the status and the body.
    pub(crate) fn send(&self, method: &str, path: &str, key: &str, body: &str) -> (u16, Value) {
        send(self.address(), method, path, key, body).unwrap()
    }

    /// Kills the process without a chance to tidy up.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks the process to end and answers its exit code.
    pub(crate) fn terminate(self) -> Option<i32> {
        self.signal("TERM");
        self.ended()
    }

    /// Sends the process a signal.
    pub(crate) fn signal(&self, name: &str) {
        signal(&self.child, name);
    }

    /// Waits for the end of the process and answers all that it has logged.
    pub(crate) fn ended_with_log(mut self) -> String {
        self.child.wait().unwrap();
        self.log()
    }

    /// Waits for the end of the process and answers its exit code; `None` if a signal has killed it.
    pub(crate) fn ended(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
