//! The place where attacks are made: folder, database, and servers on them.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use rally_testkit::postgres;
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::{
    arguments::{Arguments, StoreKind},
    attack::Stop,
    data::{self, Loaded},
    server::{Launch, Log, Server},
};

/// The place where attacks are made. It goes when it is dropped.
pub(crate) struct Ground {
    pub(crate) arguments: Arguments,
    pub(crate) postgres: Option<postgres::Server>,
    folder: TempDir,
    /// The text of `serve --help`, by which options that an earlier program lacks are known.
    help: String,
    loaded: OnceCell<Loaded>,
}

/// A store, as `--store` names it.
#[derive(Clone, Debug)]
pub(crate) struct Place(String);

impl Place {
    pub(crate) fn redb(path: &Path) -> Self {
        Self(format!("redb:{}", path.display()))
    }

    /// The file of a store that is one.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        self.0.strip_prefix("redb:").map(PathBuf::from)
    }

    /// The same store in a database, reached another way: through a port of this machine.
    pub(crate) fn through(&self, port: u16) -> Option<Self> {
        let schema = self.url()?.split("schema=").nth(1)?;
        Some(Self(format!("postgres://rally@127.0.0.1:{port}/postgres?schema={schema}")))
    }

    /// The URL of a store in a database.
    pub(crate) fn url(&self) -> Option<&str> {
        Some(self.0.as_str()).filter(|url| url.starts_with("postgres"))
    }
}

impl Ground {
    pub(crate) fn new(arguments: Arguments) -> Result<Self, Stop> {
        let postgres = match arguments.store {
            StoreKind::Redb => None,
            StoreKind::Postgres => {
                let started = postgres::Server::start();
                Some(started.ok_or_else(|| Stop::not_there("this machine has no PostgreSQL"))?)
            }
        };
        let folder = tempfile::Builder::new().prefix("rally-attack-").tempdir()?;
        let mut ground = Self { arguments, postgres, folder, help: String::new(), loaded: OnceCell::new() };
        ground.help = ground.run(&["serve", "--help"])?;
        Ok(ground)
    }

    /// An empty folder of its own for each name.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf, Stop> {
        let folder = tempfile::Builder::new().prefix(&format!("{name}-")).tempdir_in(self.folder.path())?;
        Ok(folder.keep())
    }

    /// A store that nobody has used.
    pub(crate) fn fresh(&self) -> Result<Place, Stop> {
        Ok(match &self.postgres {
            Some(server) => Place(server.fresh_url()),
            None => Place::redb(&self.folder("store")?.join("rally.redb")),
        })
    }

    pub(crate) fn database(&self) -> Result<&postgres::Server, Stop> {
        self.postgres.as_ref().ok_or_else(|| Stop::not_there("no database"))
    }

    /// A server on a store, with no limit of requests and with the tenants `acme` and `other`.
    pub(crate) fn launch(&self, place: &Place) -> Launch {
        self.limited(place).with(&["--rate-limit", "0"])
    }

    /// The same with the usual limit of requests.
    pub(crate) fn limited(&self, place: &Place) -> Launch {
        let arguments = ["serve", "--json", "--store", &place.0, "--listen", "127.0.0.1:0"];
        Launch { program: self.program(), arguments: Vec::new(), log: Log::File(self.log()) }
            .with(&arguments)
            .with(&["--tenant", "acme", "--tenant", "other"])
    }

    /// A launch to which the address is added when it starts.
    pub(crate) fn without_address(&self, place: &Place) -> Launch {
        let arguments = ["serve", "--json", "--store", &place.0, "--rate-limit", "0", "--tenant", "acme"];
        Launch { program: self.program(), arguments: Vec::new(), log: Log::File(self.log()) }.with(&arguments)
    }

    /// A server on a store that nobody has used.
    pub(crate) async fn fresh_server(&self) -> Result<Server, Stop> {
        self.launch(&self.fresh()?).start().await
    }

    /// A store with all the data in it, which the attacks share.
    pub(crate) async fn loaded(&self) -> Result<&Loaded, Stop> {
        self.loaded.get_or_try_init(|| data::load(self)).await
    }

    /// A server on the store with all the data in it.
    pub(crate) async fn loaded_server(&self) -> Result<(Server, &Loaded), Stop> {
        let loaded = self.loaded().await?;
        Ok((self.launch(&loaded.place).start().await?, loaded))
    }

    /// True if the program has an option to serve with.
    pub(crate) fn has(&self, option: &str) -> bool {
        self.help.contains(option)
    }

    /// The whole output of a command of the program.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<String, Stop> {
        let ended = Command::new(self.program()).args(arguments).output()?;
        let said = [ended.stdout, ended.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        if ended.status.success() {
            return Ok(said);
        }
        Err(Stop::failed(format!("rally {}: {said}", arguments.join(" "))))
    }

    /// The output of a command that works on a store.
    pub(crate) fn run_on(&self, place: &Place, arguments: &[&str]) -> Result<String, Stop> {
        self.run(&[arguments, &["--store", &place.0]].concat())
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn program(&self) -> PathBuf {
        self.arguments.rally.clone()
    }
}
