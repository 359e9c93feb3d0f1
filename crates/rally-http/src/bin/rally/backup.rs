//! `rally backup` and `rally restore`: all tenants of a store as files in a folder, and back into an empty store.

mod folder;
mod sealed;
mod throttled;

use std::{
    io::{self, Write},
    path::{self, Path, PathBuf},
};

use clap::Args;
use rally_core::{Backup, BackupFile, Engine};
use serde::{Deserialize, Serialize};

use self::{
    folder::{SavedFolder, UnfinishedFolder},
    sealed::Key,
};
#[cfg(unix)]
use crate::socket::{self, Said};
use crate::{
    admin::open,
    arguments::CommandArguments,
    failure::Failure,
    store::Need,
    table::{Cell, Form, Table},
};

/// A backup that is asked for.
#[derive(Debug, Args)]
pub(crate) struct BackupArguments {
    #[command(flatten)]
    on: CommandArguments,
    /// The folder to write, which must not exist
    to: PathBuf,
    /// A file with a key of 64 hexadecimal digits, as `openssl rand -hex 32` prints, which all is encrypted with
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// MiB a second that are written at most, and read back at most, so that who uses the store notices little of it; 0 for no
    /// limit
    #[arg(long, value_name = "MIB", default_value_t = 32)]
    rate: u32,
    /// Read what was written and compare it with the store
    #[arg(long, value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set)]
    verify: bool,
}

/// A backup that is put back.
#[derive(Debug, Args)]
pub(crate) struct RestoreArguments {
    #[command(flatten)]
    on: CommandArguments,
    /// The folder of the backup
    from: PathBuf,
    /// The file with the key that it was encrypted with
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

/// A backup as a server is asked for it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    to: PathBuf,
    key_file: Option<PathBuf>,
    rate: u32,
    verify: bool,
}

/// News of a backup under way.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum News {
    /// A file is written, and on the disk.
    Written(BackupFile),
    /// The backup is whole, and has its name; true if it was compared with the store.
    Done(Backup, bool),
}

/// Hears the news; an error ends the backup.
pub(crate) type Told<'t> = &'t mut dyn FnMut(News) -> io::Result<()>;

pub(crate) fn back_up(arguments: &BackupArguments) -> Result<(), Failure> {
    let request = Request {
        to: absolute(&arguments.to)?,
        key_file: arguments.key_file.as_deref().map(absolute).transpose()?,
        rate: arguments.rate,
        verify: arguments.verify,
    };
    let form = arguments.on.form();
    let mut table = None;
    let mut hear = |news: News| print(&mut table, form, news);
    #[cfg(unix)]
    if let Some(server) = socket::Server::of(&arguments.on.store.store) {
        return server.ask(&socket::Request::Backup(request), &mut |said| match said {
            Said::Backup(news) => hear(news),
            said => Err(socket::otherwise(&said)),
        });
    }
    let engine = open(&arguments.on.store, Need::Existing)?;
    let mut failure = None;
    let done = run(&engine, &request, &mut |news| {
        hear(news).map_err(|error| {
            failure = Some(error);
            io::Error::other("nobody hears the news")
        })
    });
    failure.map_or(done, Err)
}

/// A path that means the same in another process.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    path::absolute(path).map_err(|error| Failure::new(format!("{}: {error}", path.display())))
}

const COLUMNS: [&str; 6] = ["name", "id", "rows", "lastChange", "lastChangedAt", "digest"];

fn print(table: &mut Option<Table<6>>, form: Form, news: News) -> Result<(), Failure> {
    let table = match table {
        Some(table) => table,
        None => table.insert(Table::begin(form, COLUMNS)?),
    };
    match news {
        News::Written(file) => table.row([
            Cell::of(&file.name),
            Cell::of(file.tenant),
            Cell::number(Some(file.rows), ""),
            Cell::number(Some(file.last_change), ""),
            Cell::of(file.last_changed_at),
            Cell::of(&file.digest),
        ]),
        News::Done(_, is_verified) => {
            let how = if is_verified { "read back, and as it was written" } else { "not read back" };
            // The result is the folder; the sentence is for a person.
            drop(writeln!(io::stderr(), "rally: the backup is whole; it was {how}"));
            Ok(())
        }
    }
}

/// Makes a backup of a store that is open here, and gives it its name once it is whole.
pub(crate) fn run(engine: &Engine, request: &Request, told: Told<'_>) -> Result<(), Failure> {
    let key = request.key_file.as_deref().map(Key::read).transpose()?;
    let mut folder = UnfinishedFolder::begin(&request.to, key, request.rate, told)?;
    let backup = engine.back_up(&mut folder)?;
    folder.put_manifest(&backup)?;
    if request.verify {
        backup.check(&mut folder.saved())?;
    }
    let told = folder.finish()?;
    if let Err(error) = engine.note_backup(&backup, request.verify) {
        tracing::warn!(?error, "the metrics will not tell of this backup, which is whole");
    }
    told(News::Done(backup, request.verify)).map_err(|error| Failure::new(error.to_string()))
}

pub(crate) fn restore(arguments: &RestoreArguments) -> Result<(), Failure> {
    let key = arguments.key_file.as_deref().map(Key::read).transpose()?;
    let mut folder = SavedFolder::open(&arguments.from, key)?;
    let backup = folder.manifest()?;
    let engine = open(&arguments.on.store, Need::Answering)?;
    let restored = engine.restore(&backup, &mut folder)?;
    let columns = ["name", "id", "rows", "lastChange", "lastChangedAt", "goesOnAfter"];
    let table = Table::begin(arguments.on.form(), columns)?;
    restored.iter().try_for_each(|tenant| {
        table.row([
            Cell::of(&tenant.file.name),
            Cell::of(tenant.tenant),
            Cell::number(Some(tenant.file.rows), ""),
            Cell::number(Some(tenant.file.last_change), ""),
            Cell::of(tenant.file.last_changed_at),
            Cell::number(Some(tenant.goes_on_after), ""),
        ])
    })
}
