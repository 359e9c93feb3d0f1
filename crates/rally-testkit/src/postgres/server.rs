use std::{
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
};

use parking_lot::Mutex;

use super::{Database, keeper::Keeper, programs};

/// Ports that are tried, since another process may take one between our asking and the server's start.
const PORTS: usize = 20;

/// Attempts of a server to get its own port back.
const TRIES: usize = 100;

/// A private server, which a test may kill, stop and start as it likes.
///
/// It listens on a socket and on a port of 127.0.0.1; the user is `rally`, the database `postgres`. It is stopped,
/// and its folder removed, when it is dropped; and soon after the end of the process, however that ends.
///
/// ```no_run
/// use rally_testkit::postgres::Server;
///
/// let Some(server) = Server::start() else { return };
/// let url = server.fresh_url();
/// // A store at the URL is opened, and written to.
/// server.kill();
/// // Writes fail.
/// server.restart();
/// // All that was acknowledged is there.
/// # drop(url);
/// ```
pub struct Server {
    pub(super) programs: PathBuf,
    pub(super) keeper: Mutex<Keeper>,
    pub(super) configuration: Mutex<Configuration>,
    folder: PathBuf,
    port: u16,
    pub(super) password: Option<String>,
}

/// Options of a server. By default there are none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Setup<'a> {
    /// Settings of `postgresql.conf`, name and value, as `("ssl", "on")`.
    pub settings: &'a [(&'a str, &'a str)],
    /// Files of the data folder, name and content, as `("server.key", key)`. Only the server's user can read them.
    pub files: &'a [(&'a str, &'a [u8])],
    /// A password of letters and digits, which each connection is asked for (SCRAM-SHA-256). Without one, every
    /// connection is accepted.
    pub password: Option<&'a str>,
}

#[derive(Clone)]
pub(super) struct Configuration {
    pub(super) settings: Vec<(String, String)>,
    /// Standbys that each commit waits for.
    pub(super) standbys: usize,
}

impl Server {
    /// Starts a server with the default options: every connection is accepted.
    ///
    /// `None` if the machine has no PostgreSQL, which is said once on the standard error output.
    ///
    /// # Panics
    ///
    /// Panics if the server does not start within a minute; or if there is none, and `RALLY_REQUIRE_POSTGRES` is `1`.
    #[must_use]
    pub fn start() -> Option<Self> {
        Self::start_with(&Setup::default())
    }

    /// Starts a server with options.
    ///
    /// # Panics
    ///
    /// Panics as [`Server::start`] does; if the server refuses a setting; or if the password is empty or not of ASCII
    /// letters and digits.
    #[must_use]
    pub fn start_with(setup: &Setup<'_>) -> Option<Self> {
        let programs = programs::find()?;
        let mut keeper = Keeper::employ(&programs);
        keeper.obey(&initialise(setup.password));
        for (name, bytes) in setup.files {
            keeper.home().place(&format!("data/{name}"), bytes);
        }
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let configuration =
            Configuration { settings: setup.settings.iter().map(owned).collect(), standbys: 0 };
        Some(Self::launch(programs, keeper, configuration, setup.password.map(str::to_owned)))
    }

    /// Starts the server in the keeper's folder for the first time, on a free port.
    pub(super) fn launch(
        programs: PathBuf,
        mut keeper: Keeper,
        configuration: Configuration,
        password: Option<String>,
    ) -> Self {
        let folder = keeper.home().path().to_owned();
        let port = retry(PORTS, || {
            let port = free_port();
            keeper.home().place("data/postgresql.conf", configuration.text(&folder, port).as_bytes());
            keeper.order("start").map(|()| port)
        });
        let (keeper, configuration) = (Mutex::new(keeper), Mutex::new(configuration));
        Self { programs, keeper, configuration, folder, port, password }
    }

    /// The database, through the socket.
    #[must_use]
    pub fn database(&self) -> Database {
        let (folder, port) = (self.folder.display(), self.port);
        let address = format!("postgres:///postgres?host={folder}&port={port}&user=rally");
        Database::new(address, self.password.clone())
    }

    /// The database, through the port on 127.0.0.1: the only way that may be encrypted.
    #[must_use]
    pub fn over_tcp(&self) -> Database {
        let address = format!("postgres://rally@127.0.0.1:{}/postgres", self.port);
        Database::new(address, self.password.clone())
    }

    /// The URL of [`Server::database`], without a schema.
    #[must_use]
    pub fn url(&self) -> String {
        self.database().url()
    }

    /// The URL of [`Server::database`], with a schema of its own.
    #[must_use]
    pub fn fresh_url(&self) -> String {
        self.database().fresh_url()
    }

    /// The file of the socket, there while the server runs.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.folder.join(format!(".s.PGSQL.{}", self.port))
    }

    /// The file in which the server tells what happens to it, since its last start.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// The folder of its data.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The port on 127.0.0.1. It stays the same when the server is started again.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Kills all processes of the server with `SIGKILL`, and returns when none is left.
    ///
    /// # Panics
    ///
    /// Panics if they are still there after a minute.
    pub fn kill(&self) {
        self.keeper.lock().obey("crash");
    }

    /// Stops all processes of the server where they are: connections stay open, and nobody answers.
    ///
    /// # Panics
    ///
    /// Panics if it does not run.
    pub fn freeze(&self) {
        self.keeper.lock().obey("freeze");
    }

    /// Lets a frozen server go on.
    ///
    /// # Panics
    ///
    /// Panics if it does not run.
    pub fn thaw(&self) {
        self.keeper.lock().obey("thaw");
    }

    /// Disconnects all clients and shuts the server down cleanly. It may take as long as a standby needs to catch up.
    ///
    /// # Panics
    ///
    /// Panics if it still runs after a minute.
    pub fn stop(&self) {
        self.keeper.lock().obey("halt INT 60");
    }

    /// Starts the server again, on the same data, socket and port, and returns when it accepts connections. One that
    /// runs is stopped first.
    ///
    /// # Panics
    ///
    /// Panics if it does not start within a minute, or if another process has taken its port meanwhile and keeps it.
    pub fn restart(&self) {
        let mut keeper = self.keeper.lock();
        keeper.obey("halt INT 60");
        retry(TRIES, || keeper.order("start"));
    }

    /// Reloads the configuration of the running server.
    pub(super) fn configure(&self, configuration: &Configuration) {
        let mut keeper = self.keeper.lock();
        keeper.home().place("data/postgresql.conf", configuration.text(&self.folder, self.port).as_bytes());
        keeper.obey("pg_ctl reload --pgdata=data");
    }
}

impl Configuration {
    fn text(&self, folder: &Path, port: u16) -> String {
        let (folder, port) = (folder.display().to_string(), port.to_string());
        let names: Vec<_> = (1..=self.standbys).map(|number| format!("standby_{number}")).collect();
        let synchronous = match self.standbys {
            0 => String::new(),
            count => format!("FIRST {count} ({})", names.join(", ")),
        };
        let usual = [
            ("listen_addresses", "127.0.0.1"),
            ("port", &port),
            ("unix_socket_directories", &folder),
            ("max_connections", "200"),
            // A client that connects while the server stops, and sends nothing, keeps it from stopping for so long.
            ("authentication_timeout", "20"),
            // What the server wrote outlives its processes in the system's cache; only a machine that stops loses it.
            ("fsync", "off"),
            ("full_page_writes", "off"),
            // Shared memory lies in the data folder, and goes with it.
            ("dynamic_shared_memory_type", "mmap"),
            ("shared_buffers", "64MB"),
            ("synchronous_standby_names", &synchronous),
        ];
        let added = self.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        // The last of several values of a setting holds.
        let lines = usual.into_iter().chain(added);
        lines.map(|(name, value)| format!("{name} = '{}'\n", value.replace('\'', "''"))).collect()
    }
}

fn initialise(password: Option<&str>) -> String {
    let Some(password) = password else { return "initialise trust".to_owned() };
    let plain = !password.is_empty() && password.bytes().all(|byte| byte.is_ascii_alphanumeric());
    assert!(plain, "a password of letters and digits");
    format!("initialise scram-sha-256 {password}")
}

/// Starts a server, as often as it finds its port taken.
fn retry<T>(times: usize, mut start: impl FnMut() -> Result<T, String>) -> T {
    let mut report = String::new();
    for _ in 0..times {
        match start() {
            Ok(started) => return started,
            Err(error) => report = error,
        }
        if !report.contains("Address already in use") {
            break;
        }
    }
    panic!("{report}")
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    listener.and_then(|listener| listener.local_addr()).expect("a free port").port()
}
