//! A tenant as a file: out of a store, and into another one.

use std::{
    fs::{self, File},
    io::{self, BufReader, BufWriter, Write},
    path::{Path, PathBuf},
};

use clap::Args;
use rally_core::{Engine, ImportedTenant, TenantFile, TenantImport, TenantParts};
use serde::{Deserialize, Serialize};

#[cfg(unix)]
use crate::socket::{self, Said};
use crate::{
    admin::{explain, open},
    arguments::CommandArguments,
    backup::absolute,
    failure::Failure,
    store::Need,
    table::{Cell, Table},
};

/// A tenant that goes out.
#[derive(Debug, Args)]
pub(crate) struct ExportArguments {
    #[command(flatten)]
    on: CommandArguments,
    /// The tenant
    slug: String,
    /// The file to write, which must not exist
    file: PathBuf,
    #[command(flatten)]
    parts: PartArguments,
}

/// The parts of a tenant that go out with its records.
#[derive(Clone, Copy, Debug, Args)]
struct PartArguments {
    /// With users, their passwords as hashes; without, the records have no owners
    #[arg(long)]
    users: bool,
    /// With API keys, as hashes: whoever has a key can use it where the file is imported
    #[arg(long)]
    api_keys: bool,
    /// With webhooks, their secrets, and what is still to be delivered to them
    #[arg(long)]
    webhooks: bool,
    /// With all of these, and with the answers that are kept for idempotency keys: for a move
    #[arg(long)]
    all: bool,
}

/// A tenant that comes in.
#[derive(Debug, Args)]
pub(crate) struct ImportArguments {
    #[command(flatten)]
    on: CommandArguments,
    /// The file
    file: PathBuf,
    /// The name of the tenant in host names, if not the one that it had
    #[arg(long, value_name = "SLUG")]
    name: Option<String>,
    /// Nothing was written to the tenant where the file comes from since it was exported: readers of its feed go on here,
    /// where they else are told to begin anew
    #[arg(long)]
    moved: bool,
}

/// An export as a server is asked for it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    slug: String,
    to: PathBuf,
    parts: TenantParts,
}

const COLUMNS: [&str; 6] = ["slug", "id", "rows", "lastChange", "lastChangedAt", "digest"];

pub(crate) fn export(arguments: &ExportArguments) -> Result<(), Failure> {
    let request =
        Request { slug: arguments.slug.clone(), to: arguments.file.clone(), parts: arguments.parts.parts() };
    let print = |told: TenantFile| {
        Table::begin(arguments.on.form(), COLUMNS)?.row(row(&told.slug, &told, told.tenant))
    };
    #[cfg(unix)]
    if let Some(server) = socket::Server::of(&arguments.on.store.store) {
        let request = Request { to: absolute(&request.to)?, ..request };
        return server.ask(&socket::Request::Tenant(request), &mut |said| match said {
            Said::Tenant(told) => print(told),
            said => Err(socket::otherwise(&said)),
        });
    }
    print(run(&open(&arguments.on.store, Need::Existing)?, &request)?)
}

/// Writes a tenant of a store that is open here to a file, which has its name once it is whole.
pub(crate) fn run(engine: &Engine, request: &Request) -> Result<TenantFile, Failure> {
    let Request { slug, to, parts } = request;
    written_whole(to, |file| {
        engine.export_tenant(slug, file, *parts).map_err(|error| explain(error, engine, slug))
    })
}

pub(crate) fn import(arguments: &ImportArguments) -> Result<(), Failure> {
    let file = File::open(&arguments.file).map_err(|error| cannot("read", &arguments.file, &error))?;
    let engine = open(&arguments.on.store, Need::Answering)?;
    let mut options = TenantImport::new();
    if let Some(name) = &arguments.name {
        options = options.named(name);
    }
    if arguments.moved {
        options = options.moved();
    }
    let ImportedTenant { tenant, file, keeps_id } = engine.import_tenant(BufReader::new(file), &options)?;
    if !keeps_id && (file.parts.api_keys || file.parts.webhooks) {
        drop(writeln!(
            io::stderr(),
            "rally: another tenant of the store has the place that this one had, so it has a new id; API keys, and events \
             that were still to be delivered, are left out"
        ));
    }
    Table::begin(arguments.on.form(), COLUMNS)?.row(row(&tenant.slug, &file, tenant.id))
}

fn row(slug: &str, file: &TenantFile, id: impl std::fmt::Display) -> [Cell; 6] {
    [
        Cell::of(slug),
        Cell::of(id),
        Cell::number(Some(file.rows), ""),
        Cell::number(Some(file.last_change), ""),
        Cell::of(file.last_changed_at),
        Cell::of(&file.digest),
    ]
}

impl PartArguments {
    fn parts(self) -> TenantParts {
        TenantParts {
            users: self.users || self.all,
            api_keys: self.api_keys || self.all,
            webhooks: self.webhooks || self.all,
        }
    }
}

/// Writes a file that has its name only once it is whole and on the disk.
fn written_whole<T>(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    if path.exists() {
        return Err(Failure::new(format!("there is a file {} already", path.display())));
    }
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    let part = PathBuf::from(name);
    let file = private_file(&part).map_err(|error| cannot("write", &part, &error))?;
    let mut out = BufWriter::new(file);
    let written = write(&mut out).and_then(|told| {
        let file = out.into_inner().map_err(|error| cannot("write", &part, error.error()))?;
        file.sync_all().map_err(|error| cannot("write", &part, &error))?;
        fs::rename(&part, path).map_err(|error| cannot("name", path, &error))?;
        Ok(told)
    });
    if written.is_err() {
        drop(fs::remove_file(&part));
    }
    written
}

/// A new file that nobody else may read, as there may be secrets in it.
pub(crate) fn private_file(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn cannot(act: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::new(format!("cannot {act} {}: {error}", path.display()))
}
