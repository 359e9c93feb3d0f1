//! The program under attack, as a process.

use std::{
    collections::HashMap,
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;
use serde::Deserialize;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::{sleep, timeout},
};

use crate::{
    attack::Stop,
    client::{Ask, Client},
    process,
};

/// Time that a start may take, and a stop.
const PATIENCE: Duration = Duration::from_secs(120);

/// A way to start the program.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) log: Log,
}

/// The end of a server's standard error output.
#[derive(Clone, Debug)]
pub(crate) enum Log {
    File(PathBuf),
    /// A pipe that nobody reads.
    Unread,
    /// A pipe that has no reader.
    Closed,
}

/// A server that runs. It is killed when it is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) ready_after: Duration,
    /// The admin keys of the tenants that it has made.
    keys: HashMap<String, String>,
}

#[derive(Deserialize)]
struct Ready {
    url: String,
    #[serde(default)]
    tenants: Vec<ReadyTenant>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReadyTenant {
    slug: String,
    api_key: Option<String>,
}

impl Launch {
    pub(crate) fn with(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        self
    }

    /// Starts the program, and waits for nothing.
    pub(crate) fn spawn(&self) -> Result<Child, Stop> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).stdin(Stdio::null()).stdout(Stdio::piped());
        match &self.log {
            Log::File(path) => {
                command.stderr(File::options().create(true).append(true).open(path)?);
            }
            Log::Unread | Log::Closed => {
                command.stderr(Stdio::piped());
            }
        }
        // Control-C is for this program, which stops its servers itself.
        let mut child = command.process_group(0).kill_on_drop(true).spawn()?;
        if matches!(self.log, Log::Closed) {
            drop(child.stderr.take());
        }
        Ok(child)
    }

    /// Starts a server, and waits until it says that it is ready.
    pub(crate) async fn start(&self) -> Result<Server, Stop> {
        let start = Instant::now();
        let mut child = self.spawn()?;
        let ready = timeout(PATIENCE, ready(&mut child)).await;
        let Some(ready) = ready.ok().flatten() else {
            return Err(Stop::failed(format!("no start: {}", self.last_words())));
        };
        let address = ready.url.strip_prefix("http://").unwrap_or(&ready.url).parse()?;
        let key = |tenant: ReadyTenant| Some((tenant.slug, tenant.api_key?));
        let keys = ready.tenants.into_iter().filter_map(key).collect();
        let server = Server { child, address, ready_after: start.elapsed(), keys };
        Ok(server)
    }

    /// Starts a server of which it is known only that it will listen, sooner or later, and does not wait for it.
    pub(crate) fn start_at(&self, address: SocketAddr) -> Result<Server, Stop> {
        let child = self.clone().with(&["--listen", &address.to_string()]).spawn()?;
        Ok(Server { child, address, ready_after: Duration::ZERO, keys: HashMap::new() })
    }

    /// The end of the log, for a start that has failed.
    pub(crate) fn last_words(&self) -> String {
        let Log::File(path) = &self.log else { return "its log is not read".to_owned() };
        let log = fs::read(path).unwrap_or_default();
        String::from_utf8_lossy(&log).lines().last().unwrap_or_default().to_owned()
    }
}

/// The announcement with tenants, or the first one.
async fn ready(child: &mut Child) -> Option<Ready> {
    let mut lines = BufReader::new(child.stdout.take()?).lines();
    let mut said: Option<Ready> = None;
    while let Ok(Some(line)) = lines.next_line().await {
        let ready: Ready = serde_json::from_str(&line).ok()?;
        if !ready.tenants.is_empty() {
            said = Some(ready);
            break;
        }
    }
    // The pipe stays open, as a program that reads one line keeps it.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    said
}

impl Server {
    pub(crate) fn process(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// A caller without a credential.
    pub(crate) fn anyone(&self) -> Client {
        Client::new(self.address)
    }

    /// A caller with the admin key of a tenant that this server has made.
    pub(crate) fn admin(&self, tenant: &str) -> Result<Client, Stop> {
        Ok(self.anyone().key(self.key(tenant)?))
    }

    pub(crate) fn key(&self, tenant: &str) -> Result<&str, Stop> {
        let key = self.keys.get(tenant);
        key.map(String::as_str).ok_or_else(|| Stop::failed(format!("no key of {tenant} was announced")))
    }

    pub(crate) fn send(&self, signal: Signal) -> Result<(), Stop> {
        process::send(self.process(), signal)
    }

    /// Waits for the end of the process.
    pub(crate) async fn end(&mut self) -> Result<ExitStatus, Stop> {
        let ended = timeout(PATIENCE, self.child.wait()).await;
        Ok(ended.map_err(|_| Stop::failed("the server does not end"))??)
    }

    /// Asks the server to stop, and waits until it has.
    pub(crate) async fn stop(&mut self) -> Result<ExitStatus, Stop> {
        self.send(Signal::SIGTERM)?;
        self.end().await
    }

    pub(crate) async fn kill(&mut self) -> Result<(), Stop> {
        self.child.kill().await?;
        Ok(())
    }

    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Time from now until a path without credential has a status that is wanted.
    pub(crate) async fn wait_for(
        &self,
        path: &str,
        limit: Duration,
        is_wanted: impl Fn(u16) -> bool,
    ) -> Option<Duration> {
        let start = Instant::now();
        while start.elapsed() < limit {
            let asked = timeout(Duration::from_secs(6), async { self.anyone().status(Ask::get(path)).await });
            if is_wanted(asked.await.unwrap_or(0)) {
                return Some(start.elapsed());
            }
            sleep(Duration::from_millis(10)).await;
        }
        None
    }
}

/// An address that nobody listens on.
pub(crate) fn free_address() -> Result<SocketAddr, Stop> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
